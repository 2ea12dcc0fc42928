/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Stands between whoever runs commands and what carries them out, and
 * records, delays, refuses or loses them; or, with nothing behind it, replays
 * what was recorded.
 *
 * Commands are counted from 1 on, over all calls.
 */

#include "qmp/exec.h"

G_BEGIN_DECLS

typedef struct _MtTap MtTap;

/* What happens at the nth command. */
typedef enum {
    MT_TAP_PASS,
    MT_TAP_FAIL,                /* an answer is forged; nothing is sent */
    MT_TAP_CUT_BEFORE,          /* the link is lost; nothing is sent */
    MT_TAP_CUT_AFTER,           /* carried out, and the answer is lost */
} MtTapAction;

/* @inner stays the caller's and must live longer. */
MtTap *mt_tap_new(MtExec *inner);

/*
 * Answers from @recording, as mt_tap_get_recording() returns it.  A command
 * that differs from the recorded one, or comes after the last, ends the run
 * with MIGTUNE_ERROR_PROTOCOL.
 */
MtTap *mt_tap_new_replay(JsonArray *recording);

void mt_tap_free(MtTap *tap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTap, mt_tap_free)

/* The tap as the interface for running commands; it stays the tap's. */
MtExec *mt_tap_exec(MtTap *tap);

/*
 * @action is taken once, at command @nth.  After a cut every run fails until
 * reconnect() has been called.
 */
void mt_tap_set_action(MtTap *tap, guint nth, MtTapAction action);

/* The class and text of a forged answer. */
void mt_tap_set_refusal(MtTap *tap, const char *error_class,
                        const char *error_desc);

/* Every run waits so long first. */
void mt_tap_set_delay(MtTap *tap, guint delay_ms);

guint mt_tap_get_n_commands(MtTap *tap);

/*
 * All commands so far, in order: objects with "execute", "arguments" where
 * there were any, and one of "return", "error" ({"class", "desc"}) or "lost":
 * true.  It stays the tap's.
 */
JsonArray *mt_tap_get_recording(MtTap *tap);

G_END_DECLS
