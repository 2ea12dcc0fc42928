/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Connecting a stream socket with a deadline and a way to cancel it.
 */

#include <sys/socket.h>

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    MT_CONNECT_FAILED,      /* the system call failed: see errnum */
    MT_CONNECT_BUSY,        /* the listener's queue stayed full */
    MT_CONNECT_TIMEOUT,     /* the peer did not answer before the deadline */
    MT_CONNECT_CANCELLED,
} MtConnectReason;

/* Why a connection was not made. */
typedef struct {
    MtConnectReason reason;
    int errnum;
} MtConnectFailure;

/*
 * Connects a new close-on-exec, non-blocking socket to @address.
 *
 * @deadline_us is a monotonic time.  The call ends early with
 * MT_CONNECT_CANCELLED when @cancel_fd becomes readable; -1 stands for no such
 * descriptor.  A UNIX socket whose queue of connections is full is tried again
 * until the deadline.  Returns the descriptor, or -1 with @failure filled in.
 */
int mt_connect_address(const struct sockaddr *address, socklen_t length,
                       gint64 deadline_us, int cancel_fd,
                       MtConnectFailure *failure);

/* The same for the UNIX socket @path, whatever its length. */
int mt_connect_unix(const char *path, gint64 deadline_us, int cancel_fd,
                    MtConnectFailure *failure);

G_END_DECLS
