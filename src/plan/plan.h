/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A plan: the requests of a caller, what becomes of each of them, and the
 * commands that bring them into force.
 *
 *   wish         one typed parameter that a caller asks for
 *   assignment   one row of the catalogue that gets a value because of a wish
 *   step         one QMP command that sets the values of assignments
 */

#include "migtune/migtune-plan.h"

#include "params/rules.h"
#include "probe/state.h"

G_BEGIN_DECLS

typedef enum {
    MT_POLICY_SUBSTITUTE,
    MT_POLICY_STRICT,
    MT_POLICY_BEST_EFFORT,
} MtPolicy;

/* Why a row gets a value.  A higher rank wins over a lower one. */
typedef enum {
    MT_RANK_RELEASE,            /* its old value excludes a wish */
    MT_RANK_NEED,               /* a wish consists of it */
    MT_RANK_WISH,               /* it was asked for by name */
} MtRank;

typedef struct _MtWish MtWish;

typedef struct {
    const MtRow *row;
    MtValue *value;
    MtRank rank;
    MtWish *wish;               /* the first wish that led to it */
} MtAssignment;

struct _MtWish {
    char *name;                 /* of the row, or as the caller wrote it */
    const MtRow *row;           /* NULL: unknown name */
    MtSpelling spelling;
    MtValue *value;             /* NULL: not understood */
    char *asked;                /* the value as text */

    MigtuneVerdict verdict;
    GError *error;              /* of a refused wish */
    GString *reason;            /* sentences, separated by "; " */
    GArray *reasons;            /* MtReason of each sentence: see wish.h */
    GPtrArray *rows;            /* rows that have to get their value */
    const MtRow *shown;         /* whose values are shown; NULL: none */
    MtValue *before;            /* of @shown; NULL: not known */
    MtValue *after;             /* expected, or read back once applied */

    /* What the verdict is made from: see mt_wish_settle(). */
    gboolean held_back;         /* another wish was refused */
    gboolean forgotten;         /* no longer kept for later starts */
    gboolean given_up;          /* best-effort found no way to do it */
    gboolean left_out;          /* it is harmless to do without it */
    gboolean satisfied;         /* this QEMU without the row does the same */
    gboolean ignored;           /* QEMU reads back another value */
    gboolean idle;              /* another setting makes it ineffective */
    gboolean unverified;        /* this QEMU cannot read it back */
    gboolean substituted;       /* an equivalent is used */
};

typedef struct {
    const char *execute;
    JsonObject *arguments;
    GPtrArray *rows;            /* whose values it changes */
} MtStep;

typedef struct {
    gint ref_count;

    char *domain;               /* NULL: made without a guest */
    char *qemu;
    MtPolicy policy;
    MtCaps *caps;
    MtState *before;
    gint64 planned_us;          /* monotonic time at which @before was handed
                                 * over */

    GPtrArray *wishes;          /* MtWish */
    GPtrArray *assignments;     /* MtAssignment */
    GPtrArray *steps;           /* MtStep, in the order they are sent */
    GPtrArray *warnings;        /* texts */
    GPtrArray *warning_codes;   /* a stable word for each of them */
    gboolean applied;
    gboolean later;             /* only about later starts: sends nothing */
    gboolean doubts_caps;       /* a value was missing in caps that come from
                                 * the cache: probe again, and plan again */
} MtPlan;

/*
 * Plans @params, of which there may be none.  Never fails: an error about a
 * parameter is stored in its wish.  References @caps, takes @before.
 */
MtPlan *mt_plan_new(const char *domain, const char *qemu, MtCaps *caps,
                    MtState *before, const virTypedParameter *params,
                    int n_params, MtPolicy policy);

/* Plans that the rows of @values get these values.  Rows that this QEMU does not
 * have are left out; rows that have their value already, too. */
MtPlan *mt_plan_new_restore(const char *domain, const char *qemu,
                            MtCaps *caps, MtState *before,
                            const MtSet *values);

/*
 * Checks wishes for a guest that is not running: by name, type and range, as
 * the catalogue has them.
 */
MtPlan *mt_plan_new_unseen(const char *domain,
                           const virTypedParameter *params, int n_params,
                           MtPolicy policy);

/* After a wish was refused: the plan sends nothing for any other wish. */
void mt_plan_hold_back(MtPlan *plan);

/* Turns @plan into one that is only about later starts of the guest. */
void mt_plan_postpone(MtPlan *plan);

/* Adds a setting that is no longer kept; @row is NULL for an unknown name. */
void mt_plan_add_forgotten(MtPlan *plan, const char *name, const MtRow *row,
                           const char *value);

/* Adds a warning, of which @text is taken; @code is a constant. */
void mt_plan_warn(MtPlan *plan, const char *code, char *text);

MtPlan *mt_plan_ref(MtPlan *plan);
void mt_plan_unref(MtPlan *plan);

/* FALSE if a wish was refused.  @error describes all refused wishes. */
gboolean mt_plan_check(const MtPlan *plan, GError **error);

/* The wish for @row; NULL if there is none or @row is NULL. */
MtWish *mt_plan_find_wish(const MtPlan *plan, const MtRow *row);
MtWish *mt_wishes_find(const GPtrArray *wishes, const MtRow *row);

/* The assignment to @row; NULL if there is none. */
MtAssignment *mt_plan_find_assignment(const MtPlan *plan, const MtRow *row);

/* The value that @row has once @plan has been applied. */
const MtValue *mt_plan_value(const MtPlan *plan, const MtRow *row);

/* Sets the verdict and the values of each wish by what was read back. */
void mt_plan_judge(MtPlan *plan, const MtState *after);

/* The commands that change the values of @from into those of @to. */
GPtrArray *mt_steps_build(const MtCaps *caps, const MtSet *from,
                          const MtSet *to);
void mt_step_free(MtStep *step);

/* migtune_plan_to_json(), migtune_plan_to_text() and migtune_plan_dup_row(). */
JsonNode *mt_plan_to_json(const MtPlan *plan);
char *mt_plan_to_text(const MtPlan *plan);
char **mt_plan_dup_row(const MtPlan *plan, int nth);
const char *mt_policy_to_string(MtPolicy policy);

/* @verdict as it is shown: without an application nothing is "in-force". */
MigtuneVerdict mt_verdict_show(MigtuneVerdict verdict, gboolean applied);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPlan, mt_plan_unref)

G_END_DECLS
