/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A scripted QEMU monitor: its answers come from a recorded file, and settings
 * are stored and read back. It is used directly, as an MtExec, or through a
 * socket (fake-server.h).
 *
 * It may be used from several threads. All commands but qmp_capabilities are
 * counted, from 1.
 */

#include "qmp/exec.h"

G_BEGIN_DECLS

typedef struct _FakeQmp FakeQmp;

/*
 * @name is a file of tests/data/replies without its suffix, such as "qemu-7.2"
 * or "made-2.8", or a path. An unreadable file ends the program, since it is
 * part of the test.
 */
FakeQmp *fake_qmp_new(const char *name);
void fake_qmp_free(FakeQmp *qmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeQmp, fake_qmp_free)

/* Makes another guest of the same QEMU as @model, with the recorded state. */
FakeQmp *fake_qmp_new_like(FakeQmp *model);

/* Sets the results of query-name and query-uuid; either may be NULL. */
void fake_qmp_set_identity(FakeQmp *qmp, const char *name, const char *uuid);

/* The interface that runs commands on the monitor; reconnect() always
 * succeeds. */
MtExec *fake_qmp_exec(FakeQmp *qmp);

/* All settings, as canonical text. */
char *fake_qmp_dump(FakeQmp *qmp);

/* Changes a parameter or capability as another client would. */
void fake_qmp_set_parameter(FakeQmp *qmp, const char *name, JsonNode *value);
void fake_qmp_set_capability(FakeQmp *qmp, const char *name, gboolean on);

/* The number of commands so far; resets the counter. */
guint fake_qmp_n_commands(FakeQmp *qmp);
void fake_qmp_reset_count(FakeQmp *qmp);

/* One line for each command, with name and arguments, in the order of
 * arrival. */
char *fake_qmp_log(FakeQmp *qmp);

/* Refuses command @nth, once; 0 for none. */
void fake_qmp_fail_nth(FakeQmp *qmp, guint nth);
void fake_qmp_fail_nth_with(FakeQmp *qmp, guint nth, const char *error_class,
                            const char *error_desc);

/* Breaks the connection before or after command @nth is run, once. */
void fake_qmp_cut_nth(FakeQmp *qmp, guint nth, gboolean after);

/* Delays each command. */
void fake_qmp_set_delay(FakeQmp *qmp, guint ms);

/* Parameter @name is accepted and keeps its former value. */
void fake_qmp_ignore(FakeQmp *qmp, const char *name);

/* As in 2.10 and 2.11, a refused list of capabilities stays applied. */
void fake_qmp_set_keeps_refused(FakeQmp *qmp, gboolean keeps);

/* A migration is running: capabilities cannot be changed. */
void fake_qmp_set_busy(FakeQmp *qmp, gboolean busy);

/* Calls @func after each command, which may change settings; NULL: none. */
typedef void (*FakeQmpFunc)(FakeQmp *qmp, const char *command);
void fake_qmp_set_hook(FakeQmp *qmp, FakeQmpFunc func);

/* For the server: the greeting, as one line. */
char *fake_qmp_greeting(FakeQmp *qmp);

typedef enum {
    FAKE_ANSWER,                /* send *ret_reply */
    FAKE_CUT,                   /* close the connection */
} FakeOutcome;

/*
 * Runs @command, {"execute": ..., "arguments": ..., "id": ...}. @ret_reply is a
 * whole reply or error.
 */
FakeOutcome fake_qmp_answer(FakeQmp *qmp, JsonObject *command,
                            JsonObject **ret_reply);

G_END_DECLS
