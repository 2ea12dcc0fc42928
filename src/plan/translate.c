/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Translation.
 *
 * Every wish is resolved to assignments on its own; then the state that would
 * result is judged as a whole.  With best-effort a wish that cannot be had is
 * given up and everything is resolved again without it, until nothing is in
 * the way any more.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "plan/equiv.h"
#include "plan/judge.h"
#include "plan/translate.h"
#include "plan/wish.h"
#include "util/i18n.h"

/* The rows behind each method of compression. */
typedef struct {
    const char *method;
    MtParamId level;            /* NONE: it has none */
    MtParamId capability;       /* NONE: a value of multifd-compression */
} TranslateMethod;

static const TranslateMethod translate_methods[] = {
    { "xbzrle", MT_PARAM_NONE, MT_PARAM_XBZRLE },
    { "mt", MT_PARAM_COMPRESS_LEVEL, MT_PARAM_COMPRESS },
    { "zlib", MT_PARAM_MULTIFD_ZLIB_LEVEL, MT_PARAM_NONE },
    { "zstd", MT_PARAM_MULTIFD_ZSTD_LEVEL, MT_PARAM_NONE },
    { "qatzip", MT_PARAM_MULTIFD_QATZIP_LEVEL, MT_PARAM_NONE },
    { "qpl", MT_PARAM_NONE, MT_PARAM_NONE },
    { "uadk", MT_PARAM_NONE, MT_PARAM_NONE },
};

typedef struct {
    MtPlan *plan;

    /* By method: what stands in for it where it was wished; NULL: itself. */
    const TranslateMethod *instead[G_N_ELEMENTS(translate_methods)];
} Translation;

static const TranslateMethod *
translate_find_method(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(translate_methods); i++) {
        if (strcmp(translate_methods[i].method, name) == 0)
            return &translate_methods[i];
    }

    return NULL;
}

static gboolean
translate_has_row(const MtPlan *plan, const MtRow *row)
{
    const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);

    return entry && entry->settable;
}

static gboolean
translate_has_method(const MtPlan *plan, const TranslateMethod *method)
{
    if (method->capability != MT_PARAM_NONE)
        return translate_has_row(plan, mt_row(method->capability));

    return translate_has_row(plan, mt_row(MT_PARAM_MULTIFD)) &&
           mt_caps_has_member(plan->caps, mt_row(MT_PARAM_MULTIFD_COMPRESSION),
                              method->method);
}

/*
 * "QEMU 9.1 removed it": why a row is not there, from what is known of it.
 */
static char *
translate_absence(const MtPlan *plan, const MtRow *row)
{
    MtRelease here = mt_caps_release(plan->caps);
    const char *name = row->qmp ? row->qmp : row->name;
    const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);
    g_autofree char *since = mt_release_format(row->since);
    g_autofree char *settable = mt_release_format(row->settable);
    g_autofree char *removed = mt_release_format(row->removed);

    if (entry && !entry->settable)
        return g_strdup_printf(_("this QEMU lists %s and does not let it be "
                                 "set; QEMU %s does"),
                               name, settable);
    if (removed && here >= row->removed && row->replacement)
        return g_strdup_printf(_("%s was removed in QEMU %s; instead: %s"),
                               name, removed, _(row->replacement));
    if (removed && here >= row->removed)
        return g_strdup_printf(_("%s was removed in QEMU %s"), name, removed);
    if (here < row->since)
        return g_strdup_printf(_("%s came with QEMU %s"), name, since);

    return g_strdup_printf(_("this QEMU was built without %s"), name);
}

/* The same for one value of it, where the row is there and that is not. */
static char *
translate_absent_value(const MtPlan *plan, const MtRow *row,
                       const MtValue *value)
{
    if (row->type == MT_TYPE_ENUM && translate_has_row(plan, row))
        return g_strdup_printf(_("this QEMU has no %s=%s"), row->name,
                               value->text);

    return translate_absence(plan, row);
}

MtAssignment *
mt_translate_find_assignment(const MtPlan *plan, const MtRow *row)
{
    for (guint i = 0; i < plan->assignments->len; i++) {
        MtAssignment *assignment = g_ptr_array_index(plan->assignments, i);

        if (assignment->row == row)
            return assignment;
    }

    return NULL;
}

/* What a caller would have to write for an assignment, "parallel=off". */
static char *
translate_setting(const MtRow *row, const MtValue *value)
{
    g_autofree char *text = mt_value_format(row, value);

    return g_strdup_printf("%s=%s", row->name, text);
}

void
mt_translate_cannot(MtPlan *plan, MtWish *wish, MigtuneErrorCode code,
                    const char *rule, const char *text)
{
    if (plan->policy != MT_POLICY_BEST_EFFORT) {
        mt_wish_refuse(wish, code, rule, "%s", text);
        return;
    }

    g_string_truncate(wish->reason, 0);
    mt_wish_say(wish, "%s", text);
    wish->verdict = MIGTUNE_VERDICT_DROPPED;
    wish->given_up = TRUE;
}

/* Takes @value.  Two wishes of one rank that differ are in conflict. */
static void
translate_assign(MtPlan *plan, MtWish *wish, const MtRow *row, MtValue *value,
                 MtRank rank)
{
    MtAssignment *old = mt_translate_find_assignment(plan, row);
    MtAssignment *assignment;

    if (rank > MT_RANK_RELEASE &&
        !g_ptr_array_find(wish->rows, row, NULL))
        g_ptr_array_add(wish->rows, (gpointer)row);

    if (old && mt_value_equal(old->value, value)) {
        if (rank > old->rank) {
            old->rank = rank;
            old->wish = wish;
        }
        mt_value_free(value);
        return;
    }
    if (old && rank == MT_RANK_RELEASE) {
        mt_value_free(value);
        return;
    }
    if (old && old->rank > MT_RANK_RELEASE) {
        g_autofree char *first = translate_setting(row, old->value);
        g_autofree char *second = translate_setting(row, value);
        g_autofree char *text = NULL;

        text = g_strdup_printf(_("%s (%s) and %s (%s) do not go together"),
                               old->wish->name, first, wish->name, second);
        /* The one asked for last is kept. */
        mt_translate_cannot(plan, old->wish, MIGTUNE_ERROR_CONFLICT, NULL, text);
        if (plan->policy != MT_POLICY_BEST_EFFORT)
            mt_wish_refuse(wish, MIGTUNE_ERROR_CONFLICT, NULL, "%s", text);
        mt_value_free(value);
        return;
    }
    if (old)
        g_ptr_array_remove(plan->assignments, old);

    assignment = g_new0(MtAssignment, 1);
    assignment->row = row;
    assignment->value = value;
    assignment->rank = rank;
    assignment->wish = wish;
    g_ptr_array_add(plan->assignments, assignment);
}

/* Whether it is what QEMU does anyway where it has no such row. */
static gboolean
translate_is_absence(const MtRow *row, const MtValue *value)
{
    switch (value->type) {
    case MT_TYPE_BOOL:
        return !value->boolean && g_strcmp0(row->def, "true") != 0;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        return row->def && mt_value_is(row, value, row->def);
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
    case MT_TYPE_JSON:
        break;
    }

    return FALSE;
}

/* Bounds that hold in this release only. */
static gboolean
translate_check_release(MtPlan *plan, MtWish *wish, const MtRow *row,
                        const MtValue *value)
{
    if (row->type == MT_TYPE_ULLONG && value->number > G_MAXINT64 &&
        mt_caps_release(plan->caps) < MT_RELEASE(6, 0)) {
        mt_wish_refuse(wish, MIGTUNE_ERROR_INVALID_VALUE, NULL,
                       _("%s: before QEMU 6.0 a number may be no larger than "
                         "2^63 - 1"),
                       row->name);
        return FALSE;
    }

    return TRUE;
}

/* Notes that go with setting a row of this QEMU. */
static void
translate_remark(MtPlan *plan, MtWish *wish, const MtRow *row,
                 const MtValue *value)
{
    const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);
    const MtValue *now = mt_set_get(plan->before->values, row);

    if (entry->deprecated) {
        g_autofree char *removed = mt_release_format(row->removed);

        if (removed)
            g_ptr_array_add(
                plan->warnings,
                g_strdup_printf(_("%s is deprecated in this QEMU and was "
                                  "removed in QEMU %s"),
                                row->name, removed));
        else
            g_ptr_array_add(
                plan->warnings,
                g_strdup_printf(_("%s is deprecated in this QEMU"),
                                row->name));
    }
    if (row->ignored_until != MT_RELEASE_NONE &&
        mt_caps_release(plan->caps) <= row->ignored_until &&
        !mt_value_equal(now, value)) {
        g_autofree char *until = mt_release_format(row->ignored_until);

        wish->verdict = MIGTUNE_VERDICT_IGNORED;
        mt_wish_say(wish,
                    _("up to QEMU %s it is accepted over QMP and ignored; it "
                      "works at start-up, as -global migration.%s=%" PRIu64),
                    until, row->qmp, value->number);
    }
    if (entry->access == MT_ACCESS_LEGACY)
        mt_wish_say(wish, _("by %s"), row->legacy->set);
    if (!entry->readable)
        mt_wish_say(wish, _("this QEMU has no way to read it back"));
}

static void translate_row(Translation *t, MtWish *wish, const MtRow *row,
                          const MtValue *value, guint depth);

/* The row by another name that this QEMU has, NULL if there is none. */
static const MtRow *
translate_other_name(const MtPlan *plan, const MtRow *row)
{
    const MtRow *older = mt_row_renamed_from(row);

    if (older && translate_has_row(plan, older))
        return older;
    if (row->renamed_to != MT_PARAM_NONE &&
        translate_has_row(plan, mt_row(row->renamed_to)))
        return mt_row(row->renamed_to);

    return NULL;
}

/* A method of connections, with the connections that it needs. */
static void
translate_by_multifd(MtPlan *plan, MtWish *wish, const char *method)
{
    translate_assign(plan, wish, mt_row(MT_PARAM_MULTIFD),
                     mt_value_new_bool(TRUE), MT_RANK_NEED);
    translate_assign(plan, wish, mt_row(MT_PARAM_MULTIFD_COMPRESSION),
                     mt_value_new_text(MT_TYPE_ENUM, method), MT_RANK_NEED);
}

/* Uses the equivalence: TRUE when there is one and the policy allows it. */
static gboolean
translate_by_equiv(Translation *t, MtWish *wish, const MtRow *row,
                   const MtValue *value, const MtEquiv *equiv, guint depth)
{
    MtPlan *plan = t->plan;

    if (plan->policy == MT_POLICY_STRICT) {
        g_autofree char *absence = translate_absent_value(plan, row, value);
        g_autoptr(MtValue) mapped = mt_equiv_map(equiv, value);
        g_autofree char *instead =
            mapped ? translate_setting(mt_row(equiv->becomes), mapped) : NULL;

        if (instead)
            mt_wish_refuse(wish, MIGTUNE_ERROR_UNSUPPORTED, NULL,
                           _("%s; the policy is strict, else %s would be used"),
                           absence, instead);
        else
            mt_wish_refuse(wish, MIGTUNE_ERROR_UNSUPPORTED, NULL, "%s",
                           absence);
        return TRUE;
    }

    switch (equiv->kind) {
    case MT_EQUIV_DROP:
        wish->verdict = MIGTUNE_VERDICT_DROPPED;
        wish->shown = NULL;
        mt_wish_say(wish, "%s", _(equiv->reason));
        break;
    case MT_EQUIV_KEEP: {
        g_autofree char *absence = translate_absence(plan, row);

        mt_wish_refuse(wish, MIGTUNE_ERROR_UNSUPPORTED, NULL,
                       _("%s; without it the guest would arrive without its "
                         "disks"),
                       absence);
        break;
    }
    case MT_EQUIV_BECOMES: {
        const MtRow *other = mt_row(equiv->becomes);
        g_autoptr(MtValue) mapped = mt_equiv_map(equiv, value);

        wish->verdict = MIGTUNE_VERDICT_SUBSTITUTED;
        wish->shown = other;
        mt_wish_say(wish, "%s", _(equiv->reason));
        if (other->kind == MT_KIND_WISH)
            translate_by_multifd(plan, wish, mapped->text);
        else
            translate_row(t, wish, other, mapped, depth + 1);
        break;
    }
    }

    return TRUE;
}

/* A level follows the method that stands in for its own. */
static const MtEquiv *
translate_level_equiv(Translation *t, const MtRow *row)
{
    for (guint i = 0; i < G_N_ELEMENTS(translate_methods); i++) {
        const TranslateMethod *instead = t->instead[i];

        if (!instead || instead->level == MT_PARAM_NONE ||
            translate_methods[i].level != mt_row_id(row))
            continue;
        for (guint nth = 0;; nth++) {
            const MtEquiv *equiv = mt_equiv_find(row, NULL, nth);

            if (!equiv || equiv->becomes == instead->level)
                return equiv;
        }
    }

    return NULL;
}

/* Whether what an equivalence leads to is there. */
static gboolean
translate_has_equiv(const MtPlan *plan, const MtEquiv *equiv)
{
    const MtRow *other = mt_row(equiv->becomes);

    if (other->kind == MT_KIND_WISH)
        return translate_has_method(
            plan, translate_find_method(equiv->becomes_value));

    return translate_has_row(plan, other);
}

/* The first equivalence whose other row is there. */
static const MtEquiv *
translate_row_equiv(Translation *t, const MtRow *row, const MtValue *value)
{
    g_autofree char *text = NULL;

    if (value->type == MT_TYPE_INT || value->type == MT_TYPE_ULLONG)
        text = g_strdup_printf("%" G_GUINT64_FORMAT, value->number);
    else
        text = mt_value_format(row, value);

    for (guint nth = 0;; nth++) {
        const MtEquiv *equiv = mt_equiv_find(row, text, nth);

        if (!equiv || equiv->kind != MT_EQUIV_BECOMES ||
            translate_has_equiv(t->plan, equiv))
            return equiv;
    }
}

/* Of what cannot be reached nobody knows whether it is there, or on. */
static gboolean
translate_out_of_reach(MtPlan *plan, MtWish *wish, const MtRow *row)
{
    g_autofree char *text = NULL;

    if (!mt_caps_is_partial(plan->caps) || mt_caps_lookup(plan->caps, row))
        return FALSE;

    text = g_strdup_printf(_("libvirt has no function of its own for %s, and "
                             "--no-monitor leaves nothing else"), row->name);
    wish->shown = NULL;
    mt_translate_cannot(plan, wish, MIGTUNE_ERROR_UNSUPPORTED, NULL, text);

    return TRUE;
}

static void
translate_row(Translation *t, MtWish *wish, const MtRow *row,
              const MtValue *value, guint depth)
{
    MtPlan *plan = t->plan;
    const MtEquiv *equiv = translate_level_equiv(t, row);
    const MtRow *other;
    g_autofree char *absence = NULL;
    gboolean there = translate_has_row(plan, row);

    if (translate_out_of_reach(plan, wish, row))
        return;
    if (there && row->type == MT_TYPE_ENUM &&
        !mt_caps_has_member(plan->caps, row, value->text))
        there = FALSE;
    if (there && !equiv) {
        if (!translate_check_release(plan, wish, row, value))
            return;
        translate_remark(plan, wish, row, value);
        translate_assign(plan, wish, row, mt_value_copy(value), MT_RANK_WISH);
        return;
    }

    other = equiv ? NULL : translate_other_name(plan, row);
    if (other && depth < 4) {
        mt_wish_say(wish, _("as %s in this QEMU"), other->qmp);
        wish->shown = other;
        translate_row(t, wish, other, value, depth + 1);
        return;
    }
    if (!equiv && !mt_caps_lookup(plan->caps, row) &&
        translate_is_absence(row, value)) {
        wish->satisfied = TRUE;
        mt_wish_say(wish, _("this QEMU does not have it, which comes to the "
                            "same"));
        return;
    }

    if (!equiv)
        equiv = translate_row_equiv(t, row, value);
    if (equiv && depth < 4 &&
        translate_by_equiv(t, wish, row, value, equiv, depth))
        return;

    absence = translate_absent_value(plan, row, value);
    wish->shown = NULL;
    mt_translate_cannot(plan, wish, MIGTUNE_ERROR_UNSUPPORTED, NULL, absence);
}

void
mt_translate_release(MtPlan *plan, MtWish *wish, const MtRow *row)
{
    if (translate_has_row(plan, row) && row->def)
        translate_assign(plan, wish, row, mt_value_from_table(row, row->def),
                         MT_RANK_RELEASE);
}

/*
 * Capabilities that are on and exclude what @wish is made of are switched
 * off, and so is what needs those.
 */
static void
translate_make_room(MtPlan *plan, MtWish *wish)
{
    MtRelease release = mt_caps_release(plan->caps);

    for (guint i = 0; i < mt_caps_size(plan->caps); i++) {
        const MtRow *row = mt_caps_nth(plan->caps, i)->row;
        MtAssignment *own = mt_translate_find_assignment(plan, row);

        if (row->kind != MT_KIND_CAPABILITY || own ||
            !mt_set_is_set(plan->before->values, row))
            continue;
        for (guint j = 0; j < wish->rows->len; j++) {
            const MtRow *needed = g_ptr_array_index(wish->rows, j);

            if (!mt_rules_exclude(needed, row, release))
                continue;
            mt_translate_release(plan, wish, row);
            mt_wish_say(wish, _("%s is switched off, which excludes it"),
                        row->name);
            break;
        }
    }
    for (guint i = 0; i < mt_caps_size(plan->caps); i++) {
        const MtRow *row = mt_caps_nth(plan->caps, i)->row;

        if (!mt_set_is_set(plan->before->values, row) ||
            mt_translate_find_assignment(plan, row))
            continue;
        for (const MtRule *r = row->rules; r && r->relation; r++) {
            MtAssignment *gone =
                mt_translate_find_assignment(plan, mt_row(r->other));

            if (r->relation == MT_RULE_NEEDS && release >= r->from && gone &&
                gone->rank == MT_RANK_RELEASE) {
                mt_translate_release(plan, wish, row);
                mt_wish_say(wish, _("%s is switched off, which needs %s"),
                            row->name, gone->row->name);
            }
        }
    }
}

/*
 * The method that @method becomes here: itself, an equivalent, or NULL.
 */
static const TranslateMethod *
translate_choose_method(Translation *t, MtWish *wish,
                        const TranslateMethod *method)
{
    const MtRow *row = mt_row(MT_PARAM_COMPRESSION);
    MtPlan *plan = t->plan;
    g_autofree char *text = NULL;

    if (translate_has_method(plan, method))
        return method;

    for (guint nth = 0; plan->policy != MT_POLICY_STRICT; nth++) {
        const MtEquiv *equiv = mt_equiv_find(row, method->method, nth);
        const TranslateMethod *other;

        if (!equiv)
            break;
        other = translate_find_method(equiv->becomes_value);
        if (!translate_has_method(plan, other))
            continue;
        t->instead[method - translate_methods] = other;
        wish->verdict = MIGTUNE_VERDICT_SUBSTITUTED;
        mt_wish_say(wish, "%s", _(equiv->reason));
        return other;
    }

    if (method->capability != MT_PARAM_NONE)
        text = translate_absence(plan, mt_row(method->capability));
    else
        text = g_strdup_printf(_("this QEMU has no compression=%s"),
                               method->method);
    mt_translate_cannot(plan, wish, MIGTUNE_ERROR_UNSUPPORTED, NULL, text);
    return NULL;
}

/* Everything that `compression` is made of. */
static void
translate_compression(Translation *t, MtWish *wish)
{
    g_auto(GStrv) names = mt_wish_methods(wish);
    MtPlan *plan = t->plan;
    const MtRow *by_multifd = mt_row(MT_PARAM_MULTIFD_COMPRESSION);
    const TranslateMethod *chosen = NULL;

    if (translate_out_of_reach(plan, wish, wish->row))
        return;
    for (char **name = names; *name; name++) {
        const TranslateMethod *method =
            translate_choose_method(t, wish, translate_find_method(*name));

        if (!method)
            return;
        if (method->capability != MT_PARAM_NONE) {
            const MtRow *row = mt_row(method->capability);
            MtValue *on = mt_value_new_bool(TRUE);

            translate_remark(plan, wish, row, on);
            translate_assign(plan, wish, row, on, MT_RANK_NEED);
        } else if (chosen && chosen != method) {
            mt_wish_refuse(wish, MIGTUNE_ERROR_CONFLICT, NULL,
                           _("%s and %s do not go together: each connection "
                             "has one method"),
                           chosen->method, method->method);
        } else {
            chosen = method;
        }
    }
    if (chosen) {
        translate_by_multifd(plan, wish, chosen->method);
    } else {
        mt_translate_release(plan, wish, by_multifd);
    }
    mt_translate_release(plan, wish, mt_row(MT_PARAM_XBZRLE));
    mt_translate_release(plan, wish, mt_row(MT_PARAM_COMPRESS));
}

static void
translate_wishes(Translation *t)
{
    const MtRow *compression = mt_row(MT_PARAM_COMPRESSION);
    GPtrArray *wishes = t->plan->wishes;

    /* First what others are levels of, last what has to make room for all. */
    for (guint pass = 0; pass < 3; pass++) {
        for (guint i = 0; i < wishes->len; i++) {
            MtWish *wish = g_ptr_array_index(wishes, i);

            if (!mt_wish_is_alive(wish) ||
                (wish->row == compression) != (pass != 1))
                continue;
            if (pass == 0)
                translate_compression(t, wish);
            else if (pass == 1)
                translate_row(t, wish, wish->row, wish->value, 0);
            else
                translate_make_room(t->plan, wish);
        }
    }
}

/* Forgets what an earlier round found, except what stays as it is. */
static void
translate_begin(MtPlan *plan)
{
    g_ptr_array_set_size(plan->assignments, 0);
    g_ptr_array_set_size(plan->warnings, 0);
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        g_ptr_array_set_size(wish->rows, 0);
        wish->satisfied = FALSE;
        wish->shown = wish->row;
        if (mt_wish_is_alive(wish)) {
            wish->verdict = MIGTUNE_VERDICT_IN_FORCE;
            g_string_truncate(wish->reason, 0);
        }
    }
}

static guint
translate_count_given_up(const MtPlan *plan)
{
    guint n = 0;

    for (guint i = 0; i < plan->wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(plan->wishes, i);

        n += wish->given_up;
    }

    return n;
}

void
mt_translate(MtPlan *plan)
{
    /* Each round gives up a wish or switches off one more capability. */
    guint n_rounds = plan->wishes->len + MT_N_PARAMS;
    gboolean again = TRUE;
    gboolean anew = TRUE;

    while (again && n_rounds-- > 0) {
        guint before = translate_count_given_up(plan);
        Translation t = { .plan = plan };

        if (anew) {
            translate_begin(plan);
            translate_wishes(&t);
        }
        anew = translate_count_given_up(plan) > before;
        again = anew || mt_judge(plan) ||
                mt_judge_running(plan) || mt_judge_listening(plan);
        anew = translate_count_given_up(plan) > before;
    }
}

void
mt_translate_restore(MtPlan *plan)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        translate_assign(plan, wish, wish->row, mt_value_copy(wish->value),
                         MT_RANK_WISH);
    }
    mt_judge_running(plan);
    mt_judge_listening(plan);
}
