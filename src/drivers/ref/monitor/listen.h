/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The listening socket of a monitor: a UNIX socket that only its owner can
 * use, or TCP on a loopback address.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    int fd;                     /* non-blocking */
    char *path;                 /* of a UNIX socket, else NULL */
    guint64 device, inode;      /* identify the file of the socket */
    char *address;              /* with the real port */
} MtRefListener;

/*
 * "unix:PATH" or "tcp:HOST:PORT".  A UNIX socket without a listener is
 * replaced; MIGTUNE_ERROR_BUSY if a process listens on it.
 */
gboolean mt_ref_listen(MtRefListener *listener, const char *address,
                       GError **error);

/* Also removes the file of the socket, unless another one has replaced it. */
void mt_ref_listener_clear(MtRefListener *listener);

G_END_DECLS
