/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A guest's monitor on a socket, for any QMP client.
 */

#include "drivers/ref/guest/guest.h"

G_BEGIN_DECLS

typedef struct MtRefServer MtRefServer;

/*
 * Listens at @address in a thread of its own: "unix:PATH" (created with mode
 * 0600; a socket without a listener is replaced, one with a listener is an
 * error) or "tcp:127.0.0.1:PORT" (0: any).  A socket serves one client at a
 * time, as in QEMU; further clients wait.
 */
MtRefServer *mt_ref_server_new(MtRefGuest *guest, const char *address,
                               GError **error);

/* Closes the connection and removes the socket. */
void mt_ref_server_free(MtRefServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefServer, mt_ref_server_free)

/* The address with the real port. */
const char *mt_ref_server_get_address(const MtRefServer *server);

G_END_DECLS
