/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Resolving wishes to assignments.
 *
 * `compression` comes first, because the level of a method follows the method
 * that is used instead of it.  Then come the other wishes, and last the settings
 * that a compression method excludes and that are switched off for it.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "plan/assign.h"
#include "plan/equiv.h"
#include "plan/resolve.h"
#include "plan/wish.h"
#include "util/i18n.h"

/* The rows of each method of compression. */
typedef struct {
    const char *method;
    MtParamId level;            /* NONE: the method has no level */
    MtParamId capability;       /* NONE: a value of multifd-compression */
} Method;

static const Method methods[] = {
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

    /* The method that is used instead of methods[i]; NULL: methods[i] itself. */
    const Method *instead[G_N_ELEMENTS(methods)];
} Resolution;

static const Method *
method_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (strcmp(methods[i].method, name) == 0)
            return &methods[i];
    }

    return NULL;
}

/* Whether this QEMU has @value of the enum @row.  An answer from the cache may be
 * about another build of QEMU, so that a missing value is doubtful. */
static gboolean
resolve_has_member(MtPlan *plan, const MtRow *row, const char *value)
{
    if (mt_caps_has_member(plan->caps, row, value))
        return TRUE;
    if (mt_assign_has_row(plan, row) && mt_caps_is_cached(plan->caps))
        plan->doubts_caps = TRUE;

    return FALSE;
}

static gboolean
method_is_there(MtPlan *plan, const Method *method)
{
    if (method->capability != MT_PARAM_NONE)
        return mt_assign_has_row(plan, mt_row(method->capability));

    return mt_assign_has_row(plan, mt_row(MT_PARAM_MULTIFD)) &&
           resolve_has_member(plan, mt_row(MT_PARAM_MULTIFD_COMPRESSION),
                              method->method);
}

/* Explains why this QEMU does not have @row. */
static char *
resolve_absence(const MtPlan *plan, const MtRow *row, MtReason *ret_reason)
{
    MtRelease here = mt_caps_release(plan->caps);
    const char *name = row->qmp ? row->qmp : row->name;
    const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);
    g_autofree char *since = mt_release_format(row->since);
    g_autofree char *settable = mt_release_format(row->settable);
    g_autofree char *removed = mt_release_format(row->removed);

    if (entry && !entry->settable) {
        *ret_reason = MT_REASON_NOT_SETTABLE;
        return g_strdup_printf(_("this QEMU lists %s, but it can only be set "
                                 "from QEMU %s on"),
                               name, settable);
    }
    if (removed && here >= row->removed) {
        *ret_reason = MT_REASON_REMOVED;
        if (row->replacement)
            return g_strdup_printf(_("%s was removed in QEMU %s; use %s "
                                     "instead"),
                                   name, removed, _(row->replacement));
        return g_strdup_printf(_("%s was removed in QEMU %s"), name, removed);
    }
    if (here < row->since) {
        *ret_reason = MT_REASON_NOT_YET_ADDED;
        return g_strdup_printf(_("%s was added in QEMU %s"), name, since);
    }

    *ret_reason = MT_REASON_NOT_BUILT_IN;
    return g_strdup_printf(_("this QEMU was built without %s"), name);
}

/* Explains why this QEMU does not have @value of @row. */
static char *
resolve_absent_value(const MtPlan *plan, const MtRow *row,
                     const MtValue *value, MtReason *ret_reason)
{
    if (row->type != MT_TYPE_ENUM || !mt_assign_has_row(plan, row))
        return resolve_absence(plan, row, ret_reason);

    *ret_reason = MT_REASON_NOT_BUILT_IN;
    return g_strdup_printf(_("this QEMU does not support %s=%s"), row->name,
                           value->text);
}

/* Whether @value is what QEMU does anyway if it does not have @row. */
static gboolean
resolve_is_absence(const MtRow *row, const MtValue *value)
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

/* Checks bounds that the catalogue cannot check without knowing the QEMU. */
static gboolean
resolve_check_bounds(MtPlan *plan, MtWish *wish, const MtRow *row,
                     const MtValue *value)
{
    if (row->type == MT_TYPE_ULLONG && value->number > G_MAXINT64 &&
        mt_caps_release(plan->caps) < MT_RELEASE(6, 0)) {
        mt_wish_refuse(wish, MIGTUNE_ERROR_INVALID_VALUE, NULL,
                       _("QEMU before 6.0 accepts at most 2^63 - 1"));
        return FALSE;
    }
    if (value->number > 0 && value->number < row->obeyed_from) {
        MtValue least = { .type = row->type, .number = row->obeyed_from };
        g_autofree char *asked = mt_value_format(row, value);
        g_autofree char *text = mt_value_format(row, &least);

        mt_wish_refuse(wish, MIGTUNE_ERROR_INVALID_VALUE, NULL,
                       _("QEMU treats %s as no limit; the smallest limit is "
                         "%s"),
                       asked, text);
        return FALSE;
    }

    return TRUE;
}

static void
resolve_warn_deprecated(MtPlan *plan, const MtRow *row)
{
    g_autofree char *removed = mt_release_format(row->removed);

    mt_plan_warn(plan, "deprecated",
                 removed ? g_strdup_printf(_("%s is deprecated in this QEMU and "
                                             "was removed in QEMU %s"),
                                           row->name, removed)
                         : g_strdup_printf(_("%s is deprecated in this QEMU"),
                                           row->name));
}

/* Adds what is to be said about setting @row, which this QEMU has. */
static void
resolve_remark(MtPlan *plan, MtWish *wish, const MtRow *row,
               const MtValue *value)
{
    const MtCapsEntry *entry = mt_caps_lookup(plan->caps, row);
    const MtValue *now = mt_set_get(plan->before->values, row);

    if (entry->deprecated)
        resolve_warn_deprecated(plan, row);
    if (row->ignored_until != MT_RELEASE_NONE &&
        mt_caps_release(plan->caps) <= row->ignored_until &&
        !mt_value_equal(now, value)) {
        g_autofree char *until = mt_release_format(row->ignored_until);

        wish->ignored = TRUE;
        mt_wish_say(wish, MT_REASON_IGNORED_BY_QEMU,
                    _("QEMU up to %s accepts it over QMP and ignores it; it "
                      "works when QEMU is started with -global "
                      "migration.%s=%" PRIu64),
                    until, row->qmp, value->number);
    }
    if (entry->access == MT_ACCESS_LEGACY)
        mt_wish_say(wish, MT_REASON_LEGACY_COMMAND, _("set by %s"),
                    row->legacy->set);
    if (!entry->readable) {
        wish->unverified = TRUE;
        mt_wish_say(wish, MT_REASON_NOT_READABLE,
                    _("this QEMU cannot read it back"));
    }
}

/* The row with another name that this QEMU has; NULL if there is none. */
static const MtRow *
resolve_other_name(const MtPlan *plan, const MtRow *row)
{
    const MtRow *older = mt_row_renamed_from(row);

    if (older && mt_assign_has_row(plan, older))
        return older;
    if (row->renamed_to != MT_PARAM_NONE &&
        mt_assign_has_row(plan, mt_row(row->renamed_to)))
        return mt_row(row->renamed_to);

    return NULL;
}

/* Assigns a method of multifd, and multifd itself. */
static void
resolve_by_multifd(MtPlan *plan, MtWish *wish, const char *method)
{
    mt_assign(plan, wish, mt_row(MT_PARAM_MULTIFD), mt_value_new_bool(TRUE),
              MT_RANK_NEED);
    mt_assign(plan, wish, mt_row(MT_PARAM_MULTIFD_COMPRESSION),
              mt_value_new_text(MT_TYPE_ENUM, method), MT_RANK_NEED);
}

/* The equivalent of the level @row for the method that is used instead of its
 * own method; NULL if its own method is used. */
static const MtEquiv *
resolve_level_equiv(const Resolution *r, const MtRow *row)
{
    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        const Method *instead = r->instead[i];

        if (!instead || instead->level == MT_PARAM_NONE ||
            methods[i].level != mt_row_id(row))
            continue;
        for (guint nth = 0;; nth++) {
            const MtEquiv *equiv = mt_equiv_find(row, NULL, nth);

            if (!equiv || equiv->becomes == instead->level)
                return equiv;
        }
    }

    return NULL;
}

static gboolean
equiv_is_there(MtPlan *plan, const MtEquiv *equiv)
{
    const MtRow *other = mt_row(equiv->becomes);

    if (other->kind == MT_KIND_WISH)
        return method_is_there(plan, method_find(equiv->becomes_value));

    return mt_assign_has_row(plan, other);
}

/* The first equivalent that this QEMU has, or that needs no other row. */
static const MtEquiv *
resolve_row_equiv(Resolution *r, const MtRow *row, const MtValue *value)
{
    g_autofree char *text = mt_value_to_table(row, value);

    for (guint nth = 0;; nth++) {
        const MtEquiv *equiv = mt_equiv_find(row, text, nth);

        if (!equiv || equiv->kind != MT_EQUIV_BECOMES ||
            equiv_is_there(r->plan, equiv))
            return equiv;
    }
}

/* Without QEMU's monitor it is not known whether a row exists. */
static gboolean
resolve_out_of_reach(MtPlan *plan, MtWish *wish, const MtRow *row)
{
    g_autofree char *text = NULL;

    if (!mt_caps_is_partial(plan->caps) || mt_caps_lookup(plan->caps, row))
        return FALSE;

    text = g_strdup_printf(_("libvirt has no function for %s, and "
                             "--no-monitor forbids the use of QEMU's monitor"),
                           row->name);
    wish->shown = NULL;
    mt_assign_cannot(plan, wish, MIGTUNE_ERROR_UNSUPPORTED,
                     MT_REASON_NEEDS_MONITOR, NULL, text);

    return TRUE;
}

/* Refuses a wish that only an equivalent could fulfil, as strict demands. */
static void
resolve_refuse_equiv(MtPlan *plan, MtWish *wish, const MtRow *row,
                     const MtValue *value, const MtEquiv *equiv)
{
    MtReason reason;
    g_autofree char *absence =
        resolve_absent_value(plan, row, value, &reason);
    g_autoptr(MtValue) mapped = mt_equiv_map(equiv, value);
    g_autofree char *mapped_text = NULL;
    g_autofree char *text = NULL;

    if (mapped) {
        const MtRow *other = mt_row(equiv->becomes);

        mapped_text = mt_value_format(other, mapped);
        text = g_strdup_printf(_("%s; only without the policy 'strict' would "
                                 "%s=%s be used instead"),
                               absence, other->name, mapped_text);
    }
    mt_wish_refuse_for(wish, MIGTUNE_ERROR_UNSUPPORTED, reason, NULL,
                       text ? text : absence);
}

/*
 * Uses @equiv.  Returns TRUE if @row and @value have been replaced by the row
 * and value that are to be resolved instead.
 */
static gboolean
resolve_use_equiv(MtPlan *plan, MtWish *wish, const MtRow **row,
                  MtValue **value, const MtEquiv *equiv)
{
    MtReason reason;

    if (plan->policy == MT_POLICY_STRICT) {
        resolve_refuse_equiv(plan, wish, *row, *value, equiv);
        return FALSE;
    }

    switch (equiv->kind) {
    case MT_EQUIV_DROP:
        wish->left_out = TRUE;
        wish->shown = NULL;
        mt_wish_say(wish, MT_REASON_LEFT_OUT, "%s", _(equiv->reason));
        break;
    case MT_EQUIV_KEEP: {
        g_autofree char *absence = resolve_absence(plan, *row, &reason);
        g_autofree char *text =
            g_strdup_printf(_("%s; without it the guest would arrive without "
                              "its disks"),
                            absence);

        mt_wish_refuse_for(wish, MIGTUNE_ERROR_UNSUPPORTED, reason, NULL,
                           text);
        break;
    }
    case MT_EQUIV_BECOMES: {
        const MtRow *other = mt_row(equiv->becomes);
        g_autoptr(MtValue) mapped = mt_equiv_map(equiv, *value);

        wish->substituted = TRUE;
        wish->shown = other;
        mt_wish_say(wish, MT_REASON_EQUIVALENT, "%s", _(equiv->reason));
        if (other->kind == MT_KIND_WISH) {
            resolve_by_multifd(plan, wish, mapped->text);
            break;
        }
        mt_value_free(*value);
        *value = g_steal_pointer(&mapped);
        *row = other;
        return TRUE;
    }
    }

    return FALSE;
}

/* Handles a row of which this QEMU does not have this value.  Returns like
 * resolve_use_equiv(). */
static gboolean
resolve_missing(Resolution *r, MtWish *wish, const MtRow **row,
                MtValue **value)
{
    MtPlan *plan = r->plan;
    const MtRow *other = resolve_other_name(plan, *row);
    const MtEquiv *equiv;
    g_autofree char *absence = NULL;
    MtReason reason;

    if (other) {
        mt_wish_say(wish, MT_REASON_OTHER_NAME, _("called %s in this QEMU"),
                    other->qmp);
        wish->shown = *row = other;
        return TRUE;
    }
    if (!mt_caps_lookup(plan->caps, *row) &&
        resolve_is_absence(*row, *value)) {
        wish->satisfied = TRUE;
        mt_wish_say(wish, MT_REASON_SAME_WITHOUT,
                    _("this QEMU does not have it and behaves as asked"));
        return FALSE;
    }
    equiv = resolve_row_equiv(r, *row, *value);
    if (equiv)
        return resolve_use_equiv(plan, wish, row, value, equiv);

    absence = resolve_absent_value(plan, *row, *value, &reason);
    wish->shown = NULL;
    mt_assign_cannot(plan, wish, MIGTUNE_ERROR_UNSUPPORTED, reason, NULL,
                     absence);
    return FALSE;
}

/* Looks at one row.  Returns like resolve_use_equiv(). */
static gboolean
resolve_step(Resolution *r, MtWish *wish, const MtRow **row, MtValue **value)
{
    const MtEquiv *equiv = resolve_level_equiv(r, *row);
    MtPlan *plan = r->plan;

    if (resolve_out_of_reach(plan, wish, *row))
        return FALSE;
    if (equiv)
        return resolve_use_equiv(plan, wish, row, value, equiv);
    if (!mt_assign_has_row(plan, *row) ||
        ((*row)->type == MT_TYPE_ENUM &&
         !resolve_has_member(plan, *row, (*value)->text)))
        return resolve_missing(r, wish, row, value);
    if (resolve_check_bounds(plan, wish, *row, *value)) {
        resolve_remark(plan, wish, *row, *value);
        mt_assign(plan, wish, *row, mt_value_copy(*value), MT_RANK_WISH);
    }

    return FALSE;
}

/*
 * Follows other names and equivalents until a row of this QEMU is found.  Each
 * step leads to another row, so there are at most as many as rows.
 */
static void
resolve_row(Resolution *r, MtWish *wish)
{
    g_autoptr(MtValue) value = mt_value_copy(wish->value);
    const MtRow *row = wish->row;

    for (guint n_steps = 0; n_steps < MT_N_PARAMS; n_steps++) {
        if (!resolve_step(r, wish, &row, &value))
            return;
    }
    g_assert_not_reached();
}

/* Switches off the capabilities that are on and exclude a row of @wish. */
static void
resolve_switch_off_excluded(MtPlan *plan, MtWish *wish)
{
    MtRelease release = mt_caps_release(plan->caps);

    for (guint i = 0; i < mt_caps_size(plan->caps); i++) {
        const MtRow *row = mt_caps_nth(plan->caps, i)->row;

        if (row->kind != MT_KIND_CAPABILITY ||
            mt_plan_find_assignment(plan, row) ||
            !mt_set_is_set(plan->before->values, row))
            continue;
        for (guint j = 0; j < wish->rows->len; j++) {
            const MtRow *needed = g_ptr_array_index(wish->rows, j);

            if (!mt_rules_exclude(needed, row, release))
                continue;
            mt_assign_default(plan, wish, row);
            mt_wish_say(wish, MT_REASON_SWITCHES_OFF,
                        _("%s is switched off because it excludes %s"),
                        row->name, needed->name);
            break;
        }
    }
}

/* Switches off what needs a capability that has just been switched off. */
static void
resolve_switch_off_dependent(MtPlan *plan, MtWish *wish)
{
    MtRelease release = mt_caps_release(plan->caps);

    for (guint i = 0; i < mt_caps_size(plan->caps); i++) {
        const MtRow *row = mt_caps_nth(plan->caps, i)->row;

        if (!mt_set_is_set(plan->before->values, row) ||
            mt_plan_find_assignment(plan, row))
            continue;
        for (const MtRule *rule = row->rules; rule && rule->relation;
             rule++) {
            MtAssignment *gone =
                mt_plan_find_assignment(plan, mt_row(rule->other));

            if (rule->relation != MT_RULE_NEEDS || release < rule->from ||
                !gone || gone->rank != MT_RANK_RELEASE)
                continue;
            mt_assign_default(plan, wish, row);
            mt_wish_say(wish, MT_REASON_SWITCHES_OFF,
                        _("%s is switched off because it needs %s"),
                        row->name, gone->row->name);
        }
    }
}

/* The method to use for @method: itself, an equivalent, or NULL if there is
 * none and the wish has been refused or given up. */
static const Method *
resolve_method(Resolution *r, MtWish *wish, const Method *method)
{
    MtPlan *plan = r->plan;
    g_autofree char *text = NULL;
    MtReason reason = MT_REASON_NOT_BUILT_IN;

    if (method_is_there(plan, method))
        return method;

    for (guint nth = 0; plan->policy != MT_POLICY_STRICT; nth++) {
        const MtEquiv *equiv =
            mt_equiv_find(mt_row(MT_PARAM_COMPRESSION), method->method, nth);
        const Method *other;

        if (!equiv)
            break;
        other = method_find(equiv->becomes_value);
        if (!method_is_there(plan, other))
            continue;
        r->instead[method - methods] = other;
        wish->substituted = TRUE;
        mt_wish_say(wish, MT_REASON_EQUIVALENT, "%s", _(equiv->reason));
        return other;
    }

    if (method->capability != MT_PARAM_NONE)
        text = resolve_absence(plan, mt_row(method->capability), &reason);
    else
        text = g_strdup_printf(_("this QEMU does not support compression=%s"),
                               method->method);
    mt_assign_cannot(plan, wish, MIGTUNE_ERROR_UNSUPPORTED, reason, NULL,
                     text);
    return NULL;
}

static void
resolve_compression(Resolution *r, MtWish *wish)
{
    g_auto(GStrv) names = mt_wish_methods(wish);
    MtPlan *plan = r->plan;
    const Method *by_multifd = NULL;

    if (resolve_out_of_reach(plan, wish, wish->row))
        return;
    for (char **name = names; *name; name++) {
        const Method *method = resolve_method(r, wish, method_find(*name));

        if (!method)
            return;
        if (method->capability != MT_PARAM_NONE) {
            const MtRow *row = mt_row(method->capability);
            g_autoptr(MtValue) on = mt_value_new_bool(TRUE);

            resolve_remark(plan, wish, row, on);
            mt_assign(plan, wish, row, g_steal_pointer(&on), MT_RANK_NEED);
        } else if (by_multifd && by_multifd != method) {
            mt_wish_refuse(wish, MIGTUNE_ERROR_CONFLICT, NULL,
                           _("%s and %s cannot be combined: all connections "
                             "use one method"),
                           by_multifd->method, method->method);
        } else {
            by_multifd = method;
        }
    }
    if (by_multifd)
        resolve_by_multifd(plan, wish, by_multifd->method);
    else
        mt_assign_default(plan, wish, mt_row(MT_PARAM_MULTIFD_COMPRESSION));
    mt_assign_default(plan, wish, mt_row(MT_PARAM_XBZRLE));
    mt_assign_default(plan, wish, mt_row(MT_PARAM_COMPRESS));
}

/* Forgets what an earlier call found. */
static void
resolve_begin(MtPlan *plan)
{
    g_ptr_array_set_size(plan->assignments, 0);
    g_ptr_array_set_size(plan->warnings, 0);
    g_ptr_array_set_size(plan->warning_codes, 0);
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        g_ptr_array_set_size(wish->rows, 0);
        wish->shown = wish->row;
        wish->left_out = wish->satisfied = wish->ignored = FALSE;
        wish->idle = wish->unverified = wish->substituted = FALSE;
        if (mt_wish_is_alive(wish))
            mt_wish_clear_reason(wish);
    }
}

void
mt_resolve(MtPlan *plan)
{
    MtWish *compression =
        mt_plan_find_wish(plan, mt_row(MT_PARAM_COMPRESSION));
    Resolution r = { .plan = plan };

    resolve_begin(plan);
    if (compression && mt_wish_is_alive(compression))
        resolve_compression(&r, compression);
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (wish->row != mt_row(MT_PARAM_COMPRESSION) &&
            mt_wish_is_alive(wish))
            resolve_row(&r, wish);
    }
    if (compression && mt_wish_is_alive(compression)) {
        resolve_switch_off_excluded(plan, compression);
        resolve_switch_off_dependent(plan, compression);
    }
}
