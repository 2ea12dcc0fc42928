/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A reference guest and a client of its monitor, without a socket between them.
 * Every failure ends the test.
 */

#include "drivers/ref/monitor/monitor.h"

#define REF_CLIENT_RAM_BYTES (4 << 20)

typedef struct RefClient RefClient;

/* The guest of @spec, which may be NULL: 1 MiB of release 7.2, named "test".
 * The client has negotiated. */
RefClient *ref_client_new(const MtRefGuestSpec *spec);

/* A guest with REF_CLIENT_RAM_BYTES of mixed content, or one that waits for it,
 * with the capability 'events'. */
RefClient *ref_client_new_guest(MtRelease release, gboolean incoming);

/* The same with max-bandwidth set to @bandwidth bytes a second: its migration
 * lasts until the test changes the limit or cancels. */
RefClient *ref_client_new_slow(MtRelease release, const char *bandwidth);

/* A client that has not negotiated yet. */
RefClient *ref_client_new_silent(const MtRefGuestSpec *spec);

/* Another client of the same guest, which must be freed first. */
RefClient *ref_client_new_second(RefClient *first);
void ref_client_free(RefClient *client);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RefClient, ref_client_free)

MtRefGuest *ref_client_guest(RefClient *client);

/* Sends @text unchanged; returns all lines received meanwhile, each ended by
 * "\r\n". To be freed. */
char *ref_client_say(RefClient *client, const char *text, gssize length);

/* The same with a descriptor, which is taken. */
char *ref_client_say_fd(RefClient *client, const char *text, int fd);

/* The lines received since the last call. */
char *ref_client_take(RefClient *client);
gboolean ref_client_is_closed(RefClient *client);

/*
 * Runs a command; @arguments is JSON whose quotes may be single, or NULL.
 * Returns the whole answer, to be unreffed; events are added to the list below.
 */
JsonObject *ref_client_ask(RefClient *client, const char *command,
                           const char *arguments);

/* The result of a command that must succeed. To be unreffed. */
JsonNode *ref_client_get(RefClient *client, const char *command,
                         const char *arguments);

/* Runs a command that must succeed. */
void ref_client_run(RefClient *client, const char *command,
                    const char *arguments_format, ...) G_GNUC_PRINTF(3, 4);

/* The error text of a command that must be refused. To be freed. */
char *ref_client_refused(RefClient *client, const char *command,
                         const char *arguments);

/* The names of the events so far, with the status or pass of those that have
 * one, in one line: "MIGRATION:setup STOP". To be freed. */
char *ref_client_events(RefClient *client);

/* The status of query-migrate, "none" if there is none; to be freed. */
char *ref_client_status(RefClient *client);

/* Waits for @status; the test fails at another final status or after a
 * minute. */
void ref_client_wait(RefClient *client, const char *status);

/* The status of query-status. */
char *ref_client_run_state(RefClient *client);
void ref_client_assert_run_state(RefClient *client, const char *wanted);

/* Waits, at most a minute, until the destination has left 'inmigrate'; with
 * @wanted its state must then be this one. */
void ref_client_wait_come_in(RefClient *client, const char *wanted);

/* A number of query-migrate that must be there; @path is "member" or
 * "member.member". */
gint64 ref_client_number(RefClient *client, const char *path);

/* An unused path. */
char *ref_client_path(const char *name);

/* Migrates from one guest to the other through @scheme, "tcp" or "unix". */
void ref_client_migrate(RefClient *from, RefClient *to, const char *scheme);
void ref_client_assert_same_ram(RefClient *a, RefClient *b);
