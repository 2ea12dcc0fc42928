/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A guest's monitor on a socket, for any client of QMP.
 */

#include "drivers/ref/guest/guest.h"

G_BEGIN_DECLS

typedef struct MtRefServer MtRefServer;

/*
 * Listens at @address, "unix:PATH" (made with mode 0600; one left over by a
 * dead process is replaced, one that answers is an error) or
 * "tcp:127.0.0.1:PORT" (0: any), in a thread of its own.  One client at a time
 * for each socket, as QEMU's chardev does; further ones wait.
 */
MtRefServer *mt_ref_server_new(MtRefGuest *guest, const char *address,
                               GError **error);

/* Hangs up, and removes the socket. */
void mt_ref_server_free(MtRefServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefServer, mt_ref_server_free)

/* Where it listens, with the port filled in. */
const char *mt_ref_server_get_address(const MtRefServer *server);

G_END_DECLS
