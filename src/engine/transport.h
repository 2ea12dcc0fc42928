/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Connections from a source to a destination, with the addresses of QEMU:
 *
 *   tcp:HOST:PORT  unix:PATH  fd:NUMBER  exec:COMMAND  file:PATH[,offset=N]
 *
 * and a pair inside the process.  A source connects once for each channel; a
 * destination listens once and accepts.  fd and exec have one channel; a file is
 * opened once for each channel.
 *
 * A transport is used by one side; the two ends of a pair are one object with
 * two references.
 */

#include <glib.h>

#include "engine/tls.h"
#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtTransport MtTransport;

/* `fd:` takes ownership of the descriptor at its first use. */
MtTransport *mt_transport_new(const char *uri, GError **error);

/* A connection inside the process: to be given to both engines. */
MtTransport *mt_transport_new_pair(void);
MtTransport *mt_transport_ref(MtTransport *transport);
void mt_transport_unref(MtTransport *transport);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTransport, mt_transport_unref)

/* The address as given; after listening, with the port in use. */
char *mt_transport_dup_address(MtTransport *transport);

gboolean mt_transport_is_pair(const MtTransport *transport);
gboolean mt_transport_is_file(const MtTransport *transport);
gboolean mt_transport_is_multi(const MtTransport *transport);
guint64 mt_transport_get_offset(const MtTransport *transport);

/* Source: opens one channel.  The first one is the main channel; for a file it
 * truncates the file at its offset. */
MtIo *mt_transport_connect(MtTransport *transport, guint timeout_ms,
                           MtCancel *cancel, GError **error);

/*
 * Connections made from now on have this speed (bytes a second; 0: no limit) and
 * this latency in each direction.  Sockets only.
 */
void mt_transport_set_link(MtTransport *transport, guint64 bytes_per_s,
                           guint latency_ms);

/*
 * Connections made from now on use TLS, with a time limit for each handshake (0:
 * none).  The host of the address is the name that the certificate must have,
 * unless @tls has one.  Sockets only.
 */
void mt_transport_set_tls(MtTransport *transport, MtTls *tls,
                          guint timeout_ms);

/* Replaces *@error, which says that a connection was closed, by the reason if TLS
 * has closed it. */
void mt_transport_explain(MtTransport *transport, GError **error);

/* Opens the file again. */
MtIo *mt_transport_reopen(MtTransport *transport, gboolean write,
                          gboolean direct, GError **error);

/* Destination.  Accepting returns NULL without an error after @timeout_ms. */
gboolean mt_transport_listen(MtTransport *transport, GError **error);
MtIo *mt_transport_accept(MtTransport *transport, guint timeout_ms,
                          MtCancel *cancel, GError **error);
void mt_transport_stop_listening(MtTransport *transport);

/*
 * Without a return path a source does not learn whether the destination loaded
 * the stream.  A pair tells it: the destination gives a verdict and the source
 * waits for it.  With other transports these functions do nothing.
 */
void mt_transport_give_verdict(MtTransport *transport, gboolean ok);
gboolean mt_transport_wait_verdict(MtTransport *transport, guint timeout_ms,
                                   MtCancel *cancel, GError **error);

G_END_DECLS
