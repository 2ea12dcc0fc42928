/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An MtExec that records, delays, refuses or loses commands on the way to
 * another MtExec, or that replays a recording.
 *
 * Commands are counted from 1, over all calls.
 */

#include "qmp/exec.h"

G_BEGIN_DECLS

typedef struct _MtTap MtTap;

/* The action at the nth command. */
typedef enum {
    MT_TAP_PASS,
    MT_TAP_FAIL,                /* refused by the tap; nothing is sent */
    MT_TAP_CUT_BEFORE,          /* the connection breaks; nothing is sent */
    MT_TAP_CUT_AFTER,           /* the command is run, and its answer is lost */
} MtTapAction;

/* @inner belongs to the caller and must live longer. */
MtTap *mt_tap_new(MtExec *inner);

/*
 * Answers from @recording, as mt_tap_get_recording() returns it. A command that
 * differs from the recorded one, or follows the last one, fails with
 * MIGTUNE_ERROR_PROTOCOL.
 */
MtTap *mt_tap_new_replay(JsonArray *recording);

void mt_tap_free(MtTap *tap);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTap, mt_tap_free)

/* The tap as an MtExec, which belongs to the tap. */
MtExec *mt_tap_exec(MtTap *tap);

/*
 * Takes @action once, at command @nth. After a lost connection every run fails
 * until reconnect() is called.
 */
void mt_tap_set_action(MtTap *tap, guint nth, MtTapAction action);

/* The class and text of the refusal. */
void mt_tap_set_refusal(MtTap *tap, const char *error_class,
                        const char *error_desc);

/* Delays every run. */
void mt_tap_set_delay(MtTap *tap, guint delay_ms);

guint mt_tap_get_n_commands(MtTap *tap);

/*
 * All commands so far, in order: objects with "execute", "arguments" if there
 * were any, and one of "return", "error" ({"class", "desc"}) or "lost": true.
 * Belongs to the tap.
 */
JsonArray *mt_tap_get_recording(MtTap *tap);

G_END_DECLS
