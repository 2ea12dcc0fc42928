/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which guests run, from the events of a libvirt connection.
 */

#include <libvirt/libvirt.h>

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

typedef struct _LvWatch LvWatch;

/* What a watch needs of its connection; called in the watch's thread. */
typedef struct {
    /* Opens the connection again if it is lost; returns soon after
     * @cancellable is cancelled. */
    void (*reopen)(gpointer data, GCancellable *cancellable);
    /* libvirt closed @conn, which is only compared. */
    void (*closed)(gpointer data, virConnectPtr conn);
    gpointer data;
    /* The program opened the connection, which has one close callback. */
    gboolean adopted;
} LvWatchOwner;

LvWatch *lv_watch_new(const LvWatchOwner *owner, MigtuneDriverEventFunc func,
                      gpointer user_data);
LvWatch *lv_watch_ref(LvWatch *watch);
void lv_watch_unref(gpointer watch);

/* Ends the thread of @watch and takes @watch: neither the event function nor
 * the owner's functions are called after this returned. */
void lv_watch_end(LvWatch *watch);

/* Registers for the events of the new connection @conn and reads which guests
 * run.  @ret_callback is for lv_watch_detach().  Blocks as libvirt does. */
gboolean lv_watch_attach(LvWatch *watch, virConnectPtr conn, int *ret_callback,
                         GError **error);

/* Undoes lv_watch_attach(); nothing for -1. */
void lv_watch_detach(virConnectPtr conn, int callback, gboolean adopted);

/* Tells @watch that its connection is given up. */
void lv_watch_set_lost(LvWatch *watch);

/*
 * Whether events are received now.  If so, @ret_how is how the start of the
 * guest with the number @id ended, allocated, or NULL if it still runs, and
 * @ret_migrated is whether it ended because it was migrated to another host.
 */
gboolean lv_watch_has_ended(LvWatch *watch, const char *uuid, guint id,
                            char **ret_how, gboolean *ret_migrated);

G_END_DECLS
