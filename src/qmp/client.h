/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A client of one monitor.
 *
 * Every client has a main context of its own: many clients can work in many
 * threads, but one client belongs to one thread at a time.  Calls wait; what
 * happens meanwhile is driven by events of the socket.
 *
 * A client that failed (lost connection, time-out, nonsense from the peer,
 * cancelled while answers were outstanding) has closed its socket and stays
 * so until mt_client_open() is called again.
 */

#include "qmp/exec.h"
#include "qmp/message.h"
#include "qmp/transport.h"

G_BEGIN_DECLS

/* A message may be this long, a greeting no longer than the second. */
#define MT_CLIENT_MAX_MESSAGE (16 * 1024 * 1024)
#define MT_CLIENT_MAX_GREETING (64 * 1024)

/* What a time-out of 0 means. */
#define MT_CLIENT_CONNECT_TIMEOUT_MS 5000
#define MT_CLIENT_COMMAND_TIMEOUT_MS 30000

typedef struct _MtClient MtClient;

/*
 * Called for every event while the client waits for something.  It must not
 * call the client.
 */
typedef void (*MtClientEventFunc)(const MtMessage *event, gpointer data);

/* @address is taken.  Nothing is connected yet. */
MtClient *mt_client_new(MtAddress *address, guint connect_timeout_ms,
                        guint command_timeout_ms);
void mt_client_free(MtClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtClient, mt_client_free)

void mt_client_set_event_func(MtClient *client, MtClientEventFunc func,
                              gpointer data);

/*
 * Connects, reads the greeting, then sends qmp_capabilities and @commands in
 * one write.  On a client that is connected it connects anew.  FALSE also
 * when one of @commands was not answered.
 *
 * MIGTUNE_ERROR_BUSY when the monitor accepts the connection and stays
 * silent: QEMU serves one client at a time.
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

/* Waits for @timeout_ms and hands events to the event function meanwhile. */
gboolean mt_client_wait_events(MtClient *client, guint timeout_ms,
                               GCancellable *cancellable, GError **error);

/* The client as the interface for running commands; it stays the client's. */
MtExec *mt_client_exec(MtClient *client);

gboolean mt_client_is_open(const MtClient *client);

/* The greeting of the present or last connection; NULL before the first. */
const MtMessage *mt_client_get_greeting(const MtClient *client);

/* Who listens, as mt_qmp_peer() tells; NULL when it is not known. */
const char *mt_client_get_instance(const MtClient *client);
const char *mt_client_get_binary(const MtClient *client);

G_END_DECLS
