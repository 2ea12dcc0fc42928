/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The listening socket of a monitor: a UNIX socket that only its owner may
 * use, or TCP on the loopback.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    int fd;                     /* does not block */
    char *path;                 /* of a UNIX socket, else NULL */
    guint64 device, inode;      /* which file it is */
    char *address;              /* with the port filled in */
} MtRefListener;

/*
 * "unix:PATH" or "tcp:HOST:PORT".  A socket that nobody serves any more is
 * replaced; MIGTUNE_ERROR_BUSY when somebody does.
 */
gboolean mt_ref_listen(MtRefListener *listener, const char *address,
                       GError **error);

/* Removes the socket, too, if it is still the same. */
void mt_ref_listener_clear(MtRefListener *listener);

G_END_DECLS
