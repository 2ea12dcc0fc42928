/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A client of one monitor.
 *
 * Many clients can work in many threads, but one client belongs to one thread
 * at a time.  Its calls block until the answers are there, the time is up or
 * the caller cancels.  An idle client has one descriptor open: its socket.
 *
 * A client that failed (lost connection, timeout, invalid data from the peer,
 * cancelled while answers were outstanding) has closed its socket.  It stays
 * closed until mt_client_open() is called again.
 *
 * With G_MESSAGES_DEBUG=migtune-qmp every message is logged, without secrets.
 */

#include "qmp/exec.h"
#include "qmp/message.h"
#include "qmp/transport.h"

G_BEGIN_DECLS

/* The largest greeting; the largest answers are limited by command. */
#define MT_CLIENT_MAX_GREETING (64 * 1024)

typedef struct _MtClient MtClient;

/* Takes @address.  Does not connect.  Both times must be positive. */
MtClient *mt_client_new(MtAddress *address, guint connect_timeout_ms,
                        guint command_timeout_ms);
void mt_client_free(MtClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtClient, mt_client_free)

/*
 * Connects, reads the greeting, then sends qmp_capabilities and @commands in
 * one write.  A client that is connected closes that connection first.  FALSE
 * also if one of @commands was not answered.
 *
 * MIGTUNE_ERROR_BUSY if the monitor accepts the connection and stays silent:
 * QEMU serves one client at a time.
 */
gboolean mt_client_open(MtClient *client, MtCommand *commands,
                        guint n_commands, GCancellable *cancellable,
                        GError **error);

/* Closes the connection.  Never fails. */
void mt_client_close(MtClient *client);

/* As MtExec.run: one write for all of @commands. */
gboolean mt_client_run(MtClient *client, MtCommand *commands,
                       guint n_commands, GCancellable *cancellable,
                       GError **error);

/* The client as the interface for running commands; owned by the client. */
MtExec *mt_client_exec(MtClient *client);

/* The event for mt_client_wait_event(); @event must stay valid. */
void mt_client_watch_event(MtClient *client, const char *event);

/*
 * Waits up to @timeout_ms until the watched event has arrived since the last
 * answer and the last successful wait.  FALSE if it has not, at once if the
 * client is not open, and early if it fails or @cancellable is cancelled;
 * cancelling does not close the connection.
 */
gboolean mt_client_wait_event(MtClient *client, guint timeout_ms,
                              GCancellable *cancellable);

gboolean mt_client_is_open(const MtClient *client);

/* The greeting of the present or last connection; NULL before the first. */
const MtMessage *mt_client_get_greeting(const MtClient *client);

/* The listening process, as mt_qmp_peer() identifies it; NULL if unknown. */
const char *mt_client_get_instance(const MtClient *client);
const char *mt_client_get_binary(const MtClient *client);

G_END_DECLS
