/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A QEMU's monitor without a QEMU: what it answers comes from a recorded
 * file, what is set is kept and read back.  It can be asked directly, as an
 * MtExec, or through a socket: see fake-server.h.
 *
 * It may be used from several threads.  Commands are counted from 1 on, all
 * of them but qmp_capabilities.
 */

#include "qmp/exec.h"

G_BEGIN_DECLS

typedef struct _FakeQmp FakeQmp;

/*
 * @name is a file of tests/data/replies without its suffix, such as
 * "qemu-7.2" or "made-2.8", or a path.  A file that cannot be read ends the
 * program, since it is part of the test.
 */
FakeQmp *fake_qmp_new(const char *name);
void fake_qmp_free(FakeQmp *qmp);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeQmp, fake_qmp_free)

/* Another guest of the same QEMU as @model, with the recorded state. */
FakeQmp *fake_qmp_new_like(FakeQmp *model);

/* What query-name and query-uuid return; either may be NULL. */
void fake_qmp_set_identity(FakeQmp *qmp, const char *name, const char *uuid);

/* The interface for running commands on it; reconnect() always works. */
MtExec *fake_qmp_exec(FakeQmp *qmp);

/* All that can be set, as canonical text. */
char *fake_qmp_dump(FakeQmp *qmp);

/* Replaces a parameter or capability behind the back of whoever tunes it. */
void fake_qmp_set_parameter(FakeQmp *qmp, const char *name, JsonNode *value);
void fake_qmp_set_capability(FakeQmp *qmp, const char *name, gboolean on);

/* Commands since the beginning, and that count set back to 0. */
guint fake_qmp_n_commands(FakeQmp *qmp);
void fake_qmp_reset_count(FakeQmp *qmp);

/* One line a command: name and arguments, in the order of arrival. */
char *fake_qmp_log(FakeQmp *qmp);

/* Once: command @nth is refused; 0 for none. */
void fake_qmp_fail_nth(FakeQmp *qmp, guint nth);
void fake_qmp_fail_nth_with(FakeQmp *qmp, guint nth, const char *error_class,
                            const char *error_desc);

/* Once: the link is lost before or after command @nth is carried out. */
void fake_qmp_cut_nth(FakeQmp *qmp, guint nth, gboolean after);

/* Every command takes this long. */
void fake_qmp_set_delay(FakeQmp *qmp, guint ms);

/* Parameter @name is accepted and keeps its value. */
void fake_qmp_ignore(FakeQmp *qmp, const char *name);

/* As 2.10 and 2.11: a list of capabilities that is refused stays applied. */
void fake_qmp_set_keeps_refused(FakeQmp *qmp, gboolean keeps);

/* A migration is running: capabilities cannot be changed. */
void fake_qmp_set_busy(FakeQmp *qmp, gboolean busy);

/* For the server: what is sent on connecting, as one line. */
char *fake_qmp_greeting(FakeQmp *qmp);

typedef enum {
    FAKE_ANSWER,                /* *ret_reply is to be sent */
    FAKE_CUT,                   /* the link is to be cut */
} FakeOutcome;

/*
 * Carries out @command, {"execute": ..., "arguments": ..., "id": ...}.
 * @ret_reply is a whole reply or error.
 */
FakeOutcome fake_qmp_answer(FakeQmp *qmp, JsonObject *command,
                            JsonObject **ret_reply);

G_END_DECLS
