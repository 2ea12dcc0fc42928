/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's event loop.
 *
 * Keepalive messages, events and qemu:///embed need somebody who runs it; a
 * plain call over a local socket does not, and is faster without.  A program
 * that runs a loop of its own has registered it before: then libvirt keeps
 * that one, and the thread here finds nothing to do.
 */
#include "config.h"

#include "drivers/libvirt/libvirt-private.h"

static gpointer
loop_run(gpointer data)
{
    while (virEventRunDefaultImpl() == 0)
        ;

    return NULL;
}

static gpointer
loop_register(gpointer data)
{
    if (virEventRegisterDefaultImpl() == 0)
        g_thread_unref(g_thread_new("libvirt-loop", loop_run, NULL));

    return GINT_TO_POINTER(TRUE);
}

void
lv_loop_start(void)
{
    static GOnce once = G_ONCE_INIT;

    g_once(&once, loop_register, NULL);
}
