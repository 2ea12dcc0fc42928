/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Wishes: the requests of a caller, each checked on its own.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* Why a wish has its verdict.  The names are stable: see mt_reason_to_string(). */
typedef enum {
    MT_REASON_INVALID_VALUE,
    MT_REASON_UNKNOWN_PARAMETER,
    MT_REASON_CONFLICT,
    MT_REASON_MIGRATION_RUNNING,
    MT_REASON_ALREADY_LISTENING,
    MT_REASON_REMOVED,
    MT_REASON_NOT_YET_ADDED,
    MT_REASON_NOT_BUILT_IN,
    MT_REASON_NOT_SETTABLE,
    MT_REASON_NEEDS_MONITOR,
    MT_REASON_UNSUPPORTED,
    MT_REASON_HELD_BACK,
    MT_REASON_OTHER_NAME,
    MT_REASON_EQUIVALENT,
    MT_REASON_LEFT_OUT,
    MT_REASON_SAME_WITHOUT,
    MT_REASON_IGNORED_BY_QEMU,
    MT_REASON_LEGACY_COMMAND,
    MT_REASON_NOT_READABLE,
    MT_REASON_SWITCHES_OFF,
    MT_REASON_NEEDS_OTHER,
    MT_REASON_IDLE_WITH,
    MT_REASON_NOT_KEPT,
    MT_N_REASONS
} MtReason;

/* The name of @reason in JSON, such as "not-built-in". */
const char *mt_reason_to_string(MtReason reason);

/* Reads @params into wishes.  A parameter that cannot be understood becomes a
 * refused wish. */
GPtrArray *mt_wishes_new(const MtCaps *caps, const virTypedParameter *params,
                         int n_params);

/* Makes the wish of a restore for one row. */
MtWish *mt_wish_new_restore(const MtRow *row, const MtValue *value);

/* Makes a wish for a setting that was kept as @value and is kept no longer. */
MtWish *mt_wish_new_forgotten(const char *name, const MtRow *row,
                              const char *value);

void mt_wish_free(MtWish *wish);

/* Adds a sentence to the reason of @wish, unless it is there already. */
void mt_wish_say(MtWish *wish, MtReason reason, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/*
 * Refuses @wish.  @format need not name the parameter, which the error message
 * of the wish then begins with.  Only the first refusal sets the error.
 */
void mt_wish_refuse(MtWish *wish, MigtuneErrorCode code, const char *rule,
                    const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Does the same with a reason that is more exact than @code. */
void mt_wish_refuse_for(MtWish *wish, MigtuneErrorCode code, MtReason reason,
                        const char *rule, const char *text);

/* Replaces all sentences of the reason. */
void mt_wish_clear_reason(MtWish *wish);

/* Whether @wish is neither refused nor given up. */
gboolean mt_wish_is_alive(const MtWish *wish);

/* Sets the verdict of @wish from what planning and applying found out. */
void mt_wish_settle(MtWish *wish);

/* Returns the methods of a `compression` wish, NULL-terminated; no method for
 * the value "none". */
char **mt_wish_methods(const MtWish *wish);

G_END_DECLS
