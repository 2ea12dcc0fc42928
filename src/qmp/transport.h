/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * UNIX and TCP sockets to a monitor, and which process listens behind one.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/* MIGTUNE_ERROR_FIELD_REASON of MIGTUNE_ERROR_BUSY: another client is connected. */
#define MT_QMP_MONITOR_HELD "monitor-held"

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

/* The address for messages: a path, host:port or [host]:port. */
char *mt_address_to_text(const MtAddress *address);

/*
 * Returns a connected socket that does not block.  Waits until the monotonic
 * time @deadline_us at most.  MIGTUNE_ERROR_BUSY if the listener's queue of
 * connections stays full, because it serves another client.
 */
GSocket *mt_qmp_connect(const MtAddress *address, gint64 deadline_us,
                        GCancellable *cancellable, GError **error);

/*
 * Identifies the process that listens at the other end of a UNIX socket.
 * Both texts are NULL if the process cannot be identified: over TCP, in
 * another pid namespace, or without permission.  @ret_instance is the same as
 * long as the process lives, @ret_binary as long as it runs the same file.
 */
void mt_qmp_peer(GSocket *socket, char **ret_instance, char **ret_binary);

/*
 * Identifies the QEMU program of the process with the directory @proc, such as
 * "/proc/17", whether it was started directly or through a dynamic linker.  NULL
 * if the process is not a QEMU or may not be looked at.
 */
char *mt_qmp_identify_binary(const char *proc);

/*
 * Acknowledges received data at once; call it after each read.  QEMU leaves
 * Nagle's algorithm on, so over TCP its second answer waits for the
 * acknowledgement of the first, which the kernel would delay by 40 ms.
 */
void mt_qmp_acknowledge(GSocket *socket);

/* Sets MIGTUNE_ERROR_CANCELLED. */
void mt_qmp_set_cancelled(GError **error);

G_END_DECLS
