/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Wishes: from typed parameters to rows and values, checked one by one.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* Reads @params into wishes; what cannot be understood is refused there. */
GPtrArray *mt_wishes_new(const MtCaps *caps, const virTypedParameter *params,
                         int n_params);

/* A wish that a restore has for one row. */
MtWish *mt_wish_new_restore(const MtRow *row, const MtValue *value);

/* What was kept as @value, and is no longer. */
MtWish *mt_wish_new_forgotten(const char *name, const MtRow *row,
                              const char *value);

void mt_wish_free(MtWish *wish);

/* Adds a sentence to the reason of @wish. */
void mt_wish_say(MtWish *wish, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Refuses @wish; the first reason is the one that counts. */
void mt_wish_refuse(MtWish *wish, MigtuneErrorCode code, const char *rule,
                    const char *format, ...) G_GNUC_PRINTF(4, 5);

/* Whether it still wants anything: neither refused nor given up. */
gboolean mt_wish_is_alive(const MtWish *wish);

/* The methods of a `compression` wish, NULL-terminated; empty for none. */
char **mt_wish_methods(const MtWish *wish);

G_END_DECLS
