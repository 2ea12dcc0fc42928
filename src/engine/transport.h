/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Ways from a source to a destination, by QEMU's addresses:
 *
 *   tcp:HOST:PORT  unix:PATH  fd:NUMBER  exec:COMMAND  file:PATH[,offset=N]
 *
 * and a link inside the process.  A source connects as often as it needs
 * channels; a destination listens once and accepts.  fd and exec have one
 * channel; a file is opened once for each.
 *
 * A transport is used by one side; the two ends of a pair are one object with
 * two references.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtTransport MtTransport;

/* `fd:` takes the descriptor when it is first used. */
MtTransport *mt_transport_new(const char *uri, GError **error);

/* A link in the process: give it to both engines. */
MtTransport *mt_transport_new_pair(void);
MtTransport *mt_transport_ref(MtTransport *transport);
void mt_transport_unref(MtTransport *transport);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTransport, mt_transport_unref)

/* As given, or where it listens: the port is filled in after listening. */
char *mt_transport_dup_address(MtTransport *transport);

gboolean mt_transport_is_pair(const MtTransport *transport);
gboolean mt_transport_is_file(const MtTransport *transport);
gboolean mt_transport_is_multi(const MtTransport *transport);
guint64 mt_transport_get_offset(const MtTransport *transport);

/* Source: one more channel.  The first is main and cuts a file to its
 * offset. */
MtIo *mt_transport_connect(MtTransport *transport, guint timeout_ms,
                           MtCancel *cancel, GError **error);

/*
 * What connects from now on is a link of this speed (bytes a second; 0: no
 * limit) and this length one way.  Sockets only: files and commands are what
 * they are.
 */
void mt_transport_set_link(MtTransport *transport, guint64 bytes_per_s,
                           guint latency_ms);

/* Another handle of a file. */
MtIo *mt_transport_reopen(MtTransport *transport, gboolean write,
                          gboolean direct, GError **error);

/* Destination.  accept answers NULL without an error after @timeout_ms. */
gboolean mt_transport_listen(MtTransport *transport, GError **error);
MtIo *mt_transport_accept(MtTransport *transport, guint timeout_ms,
                          MtCancel *cancel, GError **error);
void mt_transport_stop_listening(MtTransport *transport);

/*
 * Without a return path a source does not learn how it ended.  Inside one
 * process it does: the destination's end of a pair gives a verdict and the
 * source's waits for it.  Other transports know nothing and wait for nothing.
 */
void mt_transport_give_verdict(MtTransport *transport, gboolean ok);
gboolean mt_transport_wait_verdict(MtTransport *transport, guint timeout_ms,
                                   MtCancel *cancel, GError **error);

G_END_DECLS
