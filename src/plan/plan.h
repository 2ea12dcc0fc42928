/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A plan: wishes, what became of each, the values that are to be set and the
 * commands that set them.
 *
 *   wish         one typed parameter that a caller asks for
 *   assignment   one row that is to get a value, because of a wish
 *   step         one QMP command that brings assignments into force
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

/* Why a row gets a value; a higher one wins over a lower one. */
typedef enum {
    MT_RANK_RELEASE,            /* so that it is not in the way of a wish */
    MT_RANK_NEED,               /* a wish is made of it */
    MT_RANK_WISH,               /* it was asked for by name */
} MtRank;

typedef struct _MtWish MtWish;

typedef struct {
    const MtRow *row;
    MtValue *value;
    MtRank rank;
    MtWish *wish;               /* the first that led to it */
} MtAssignment;

struct _MtWish {
    char *name;                 /* as it is shown: ours, or as it was given */
    const MtRow *row;           /* NULL when nobody knows the name */
    MtSpelling spelling;
    MtValue *value;             /* NULL when it could not be understood */
    char *asked;

    MigtuneVerdict verdict;
    GError *error;              /* of a refused one */
    GString *reason;
    GPtrArray *rows;            /* rows that have to have their value */
    const MtRow *shown;         /* whose value is "now"; NULL: nothing is */
    gboolean satisfied;         /* by the absence of the row */
    gboolean given_up;          /* by best-effort, in favour of a later one */
    MtValue *now;               /* of @shown; NULL when it cannot be told */
};

typedef struct {
    const char *execute;
    JsonObject *arguments;
    GPtrArray *rows;            /* whose value it changes */
} MtStep;

typedef struct {
    gint ref_count;

    char *domain;               /* NULL without one */
    char *qemu;
    MtPolicy policy;
    MtCaps *caps;
    MtState *before;

    GPtrArray *wishes;          /* MtWish */
    GPtrArray *assignments;     /* MtAssignment */
    GPtrArray *steps;           /* MtStep, in the order they are sent */
    GPtrArray *warnings;        /* texts */
    gboolean applied;
    gboolean later;             /* about later starts alone: sends nothing */
} MtPlan;

/*
 * Plans @params, of which there may be none.  Never fails: what is wrong with
 * a wish is in the wish.  References @caps, takes @before.
 */
MtPlan *mt_plan_new(const char *domain, const char *qemu, MtCaps *caps,
                    MtState *before, const virTypedParameter *params,
                    int n_params, MtPolicy policy);

/* Plans that the rows of @values get these values, whatever they are. */
MtPlan *mt_plan_new_restore(const char *domain, const char *qemu,
                            MtCaps *caps, MtState *before,
                            const MtSet *values);

/*
 * Checks wishes for a QEMU that is not there: by name, type and range, as the
 * catalogue has them.
 */
MtPlan *mt_plan_new_unseen(const char *domain,
                           const virTypedParameter *params, int n_params,
                           MtPolicy policy);

/* After a wish was refused: nothing is sent for any of the others. */
void mt_plan_hold_back(MtPlan *plan);

/* Makes it a plan about later starts alone. */
void mt_plan_postpone(MtPlan *plan);

/* Adds that a wish is no longer kept; @row is NULL if nobody knows it. */
void mt_plan_add_forgotten(MtPlan *plan, const char *name, const MtRow *row,
                           const char *value);

MtPlan *mt_plan_ref(MtPlan *plan);
void mt_plan_unref(MtPlan *plan);

/* FALSE when a wish was refused, with an error that tells of all. */
gboolean mt_plan_check(const MtPlan *plan, GError **error);

/* The value that a row would have when the plan has been applied. */
const MtValue *mt_plan_value(const MtPlan *plan, const MtRow *row);

/* Fills in what every wish has now, by what was read back. */
void mt_plan_judge(MtPlan *plan, const MtState *after);

/* The commands that change @from to have the values of @to. */
GPtrArray *mt_steps_build(const MtCaps *caps, const MtSet *from,
                          const MtSet *to);
void mt_step_free(MtStep *step);

/* Forms for people and programs: see migtune_plan_to_json(). */
JsonNode *mt_plan_to_json(const MtPlan *plan);
char *mt_plan_to_text(const MtPlan *plan);
const char *mt_policy_to_string(MtPolicy policy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPlan, mt_plan_unref)

G_END_DECLS
