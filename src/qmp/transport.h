/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * UNIX and TCP sockets to a monitor, and who listens behind one.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/* Where a monitor listens: either @path, or @host and @port. */
typedef struct {
    char *path;
    char *host;
    guint16 port;
} MtAddress;

MtAddress *mt_address_new_unix(const char *path);
MtAddress *mt_address_new_tcp(const char *host, guint16 port);
void mt_address_free(MtAddress *address);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtAddress, mt_address_free)

/* As it stands in messages: a path, host:port or [host]:port. */
char *mt_address_to_text(const MtAddress *address);

/*
 * A connected socket that does not block.  Waits until the monotonic time
 * @deadline_us at most, also for a listener whose queue is full because it
 * serves somebody else: MIGTUNE_ERROR_BUSY.
 */
GSocket *mt_qmp_connect(const MtAddress *address, gint64 deadline_us,
                              GCancellable *cancellable, GError **error);

/*
 * Who listens at the other end of a UNIX socket.  Both texts are NULL when
 * that is not known: over TCP, in another pid namespace, without permission.
 * @ret_instance is the same as long as the process lives, @ret_binary as
 * long as the file that it runs is the same.
 */
void mt_qmp_peer(GSocket *socket, char **ret_instance,
                       char **ret_binary);

/*
 * To be called when data has been read.  QEMU leaves Nagle's algorithm on, so
 * over TCP its second answer waits for our acknowledgement of the first, which
 * the kernel would hold back for 40 ms.
 */
void mt_qmp_acknowledge(GSocket *socket);

/* Sleeps; FALSE with MIGTUNE_ERROR_CANCELLED when it was cut short. */
gboolean mt_qmp_sleep(guint ms, GCancellable *cancellable,
                            GError **error);

/* Turns a cancelled GIO operation into MIGTUNE_ERROR_CANCELLED. */
void mt_qmp_set_cancelled(GError **error);

G_END_DECLS
