/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lowering a plan.  Each value becomes a flag or a typed parameter of libvirt's
 * migration call, or is set before that call, or becomes a finding.
 *
 * The values are those of the assignments, not of the steps.  A value that is in
 * force already must also be passed to libvirt, which would reset it otherwise.
 */
#include "config.h"

#include <string.h>

#include "plan/lower/lower.h"
#include "plan/lower/lower-ask.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

static void
lower_param_clear(gpointer data)
{
    virTypedParameter *param = data;

    if (param->type == VIR_TYPED_PARAM_STRING)
        g_free(param->value.s);
}

static void lower_find(MtLowering *lowering, const char *name,
                       const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
lower_find(MtLowering *lowering, const char *name, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    mt_lower_findings_add(lowering->findings, name, NULL, "%s", text);
}

static virTypedParameter *
lower_add_param(MtLowering *lowering, const char *name, int type)
{
    virTypedParameter param = { .type = type };

    g_strlcpy(param.field, name, sizeof(param.field));
    g_array_append_val(lowering->params, param);

    return &g_array_index(lowering->params, virTypedParameter,
                          lowering->params->len - 1);
}

static void
lower_add_method(MtLowering *lowering, const MtLowerRow *method)
{
    lowering->flags |= method->flag;
    lower_add_param(lowering, VIR_MIGRATE_PARAM_COMPRESSION,
                    VIR_TYPED_PARAM_STRING)->value.s = g_strdup(method->name);
}

/* The name and value in a finding are those that the user asked for. */
static const char *
lower_name(const MtAssignment *a)
{
    return a->rank == MT_RANK_WISH || !a->wish ? a->row->name : a->wish->name;
}

static char *
lower_text(const MtAssignment *a)
{
    if (a->rank == MT_RANK_WISH || !a->wish)
        return mt_value_format(a->row, a->value);

    return g_strdup(a->wish->asked);
}

/* Whether libvirt was asked about it, which is possible for parts of the call. */
static gboolean
lower_is_asked(const MtLowering *lowering, const MtLowerRow *lower)
{
    return lowering->ask && lower &&
           (lower->kind == MT_LOWER_FLAG || lower->kind == MT_LOWER_PARAM ||
            lower->kind == MT_LOWER_METHOD);
}

/* Whether libvirt does not accept the flag but knows the capability.  It switches
 * such a capability off when a migration begins. */
static gboolean
lower_is_switched_off(const MtLowering *lowering, const MtAssignment *a,
                      const MtLowerRow *lower)
{
    return lower_is_asked(lowering, lower) &&
           lower->since <= lowering->libvirt &&
           a->row->kind == MT_KIND_CAPABILITY;
}

/*
 * Handles a setting that the call cannot express.  If only the source needs it and
 * libvirt does not reset it, it is set before the call.  On the destination that is
 * impossible: libvirt starts its QEMU during the call.
 */
static void
lower_beside(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *lower)
{
    g_autofree char *since = lower ? mt_release_format(lower->since) : NULL;
    g_autofree char *libvirt = mt_release_format(lowering->libvirt);
    g_autofree char *text = lower_text(a);

    if (mt_value_is(a->row, a->value,
                    mt_row_default(a->row, mt_caps_release(
                        lowering->plan->caps))))
        return;                 /* every QEMU begins with this value */
    if (lower_is_switched_off(lowering, a, lower))
        lower_find(lowering, lower_name(a),
                   _("%s=%s: this libvirt (%s) was asked and does not support "
                     "it; it switches off every capability that the call does "
                     "not ask for"),
                   lower_name(a), text, libvirt);
    else if (a->row->sides == MT_SIDE_SOURCE)
        mt_set_put(lowering->before, a->row, mt_value_copy(a->value));
    else if (lower_is_asked(lowering, lower))
        lower_find(lowering, lower_name(a),
                   _("%s=%s: this libvirt (%s) was asked and does not support "
                     "it, libvirt %s does; it cannot be set by hand, because "
                     "libvirt starts the destination's QEMU during the "
                     "migration"),
                   lower_name(a), text, libvirt, since);
    else if (since)
        lower_find(lowering, lower_name(a),
                   _("%s=%s needs libvirt %s on both hosts, and this is %s; it "
                     "cannot be set by hand, because libvirt starts the "
                     "destination's QEMU during the migration"),
                   lower_name(a), text, since, libvirt);
    else
        lower_find(lowering, lower_name(a),
                   _("libvirt has no parameter for %s=%s; it cannot be set by "
                     "hand, because libvirt starts the destination's QEMU "
                     "during the migration"),
                   lower_name(a), text);
}

static void
lower_number(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *lower)
{
    guint64 number = a->value->number;
    virTypedParameter *param;

    if (a->row->unit == MT_UNIT_RATE) {
        if (number % (1024 * 1024) != 0) {
            lower_find(lowering, a->row->name,
                       _("libvirt supports %s only in whole MiB/s"),
                       a->row->name);
            return;
        }
        number /= 1024 * 1024;
    }
    /* A bandwidth of 0 in the call means the limit of migrate-setspeed. */
    if (number == 0 && mt_lower_before(a->row)) {
        mt_set_put(lowering->before, a->row, mt_value_copy(a->value));
        return;
    }
    param = lower_add_param(lowering, lower->name, lower->type);
    if (lower->type == VIR_TYPED_PARAM_INT)
        param->value.i = number;
    else
        param->value.ul = number;
}

static void
lower_param(MtLowering *lowering, const MtAssignment *a,
            const MtLowerRow *lower)
{
    if (lower->type != VIR_TYPED_PARAM_STRING) {
        lower_number(lowering, a, lower);
    } else if (*a->value->text) {
        lower_add_param(lowering, lower->name, lower->type)->value.s =
            g_strdup(a->value->text);
        lowering->flags |= VIR_MIGRATE_TLS;
    }
}

/* Handles a value of multifd-compression that libvirt does not support. */
static void
lower_methods(MtLowering *lowering, const MtAssignment *a,
              const MtLowerRow *lower)
{
    if (strcmp(a->value->text, "none") != 0)
        lower_beside(lowering, a, NULL);
}

static void
lower_itself(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *lower)
{
    if (!a->value->boolean)
        lower_find(lowering, a->row->name, _("libvirt does not allow %s=off: %s"), a->row->name,
                         _(lower->why));
}

static void
lower_never(MtLowering *lowering, const MtAssignment *a,
            const MtLowerRow *lower)
{
    if (!mt_value_is(a->row, a->value,
                     mt_row_default(a->row, mt_caps_release(
                         lowering->plan->caps))))
        lower_find(lowering, a->row->name, _("libvirt does not allow %s to be set: %s"), a->row->name,
                         _(lower->why));
}

static void
lower_flag(MtLowering *lowering, const MtAssignment *a, const MtLowerRow *lower)
{
    if (a->value->boolean)
        lowering->flags |= lower->flag;
}

static void
lower_method(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *lower)
{
    /* A method is a capability or a value of multifd-compression. */
    if (a->row->type != MT_TYPE_BOOL || a->value->boolean)
        lower_add_method(lowering, lower);
}

static void
lower_before(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *lower)
{
    if (a->value->number == 0) {
        lower_find(lowering, a->row->name,
                   _("virsh %s does not accept 0; the smallest value is 1"),
                   lower->option);
        return;
    }
    mt_set_put(lowering->before, a->row, mt_value_copy(a->value));
}

typedef void (*LowerFunc)(MtLowering *lowering, const MtAssignment *a,
                          const MtLowerRow *lower);

static const LowerFunc lower_funcs[] = {
    [MT_LOWER_UNKNOWN] = lower_beside,
    [MT_LOWER_FLAG] = lower_flag,
    [MT_LOWER_PARAM] = lower_param,
    [MT_LOWER_METHOD] = lower_method,
    [MT_LOWER_METHODS] = lower_methods,
    [MT_LOWER_BEFORE] = lower_before,
    [MT_LOWER_ITSELF] = lower_itself,
    [MT_LOWER_NEVER] = lower_never,
};

/* Whether this libvirt supports it. */
static gboolean
lower_is_known(const MtLowering *lowering, const MtLowerRow *lower)
{
    if (lower_is_asked(lowering, lower))
        return mt_lower_ask_accepts(lowering->ask, lower);

    return lower->since <= lowering->libvirt;
}

MtLowering *
mt_lowering_new(MtPlan *plan, MtRelease libvirt, const MtLowerAsk *ask)
{
    MtLowering *lowering = g_new0(MtLowering, 1);

    lowering->libvirt = libvirt;
    lowering->ask = ask;
    lowering->asked = ask != NULL;
    lowering->plan = mt_plan_ref(plan);
    lowering->flags = VIR_MIGRATE_LIVE;
    lowering->params = g_array_new(FALSE, TRUE, sizeof(virTypedParameter));
    g_array_set_clear_func(lowering->params, lower_param_clear);
    lowering->before = mt_set_new();
    lowering->findings = mt_lower_findings_new();

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtLowerRow *lower = mt_lower_assignment(a);
        gboolean known = lower && lower_is_known(lowering, lower);

        /* libvirt switches off the capabilities that the call does not ask for. */
        if (a->rank == MT_RANK_RELEASE && lower)
            continue;
        lower_funcs[known ? lower->kind : MT_LOWER_UNKNOWN](lowering, a, lower);
    }
    lowering->flags = mt_lower_flags_settle(lowering->flags);
    mt_lower_findings_judge(lowering->findings, lowering->flags,
                            lowering->params, lowering->libvirt);
    lowering->ask = NULL;

    return lowering;
}

void
mt_lowering_free(MtLowering *lowering)
{
    if (!lowering)
        return;

    mt_plan_unref(lowering->plan);
    g_array_unref(lowering->params);
    mt_set_free(lowering->before);
    g_ptr_array_unref(lowering->findings);
    g_free(lowering->remark);
    g_free(lowering);
}

gboolean
mt_lowering_check(const MtLowering *lowering, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) refused = NULL;
    GError *all = NULL;

    mt_plan_check(lowering->plan, &refused);
    if (refused)
        g_string_append(text, refused->message);
    for (guint i = 0; i < lowering->findings->len; i++) {
        const MtLowerFinding *finding =
            g_ptr_array_index(lowering->findings, i);

        g_string_append_printf(text, "%s%s%s%s", text->len ? "; " : "",
                               finding->rule ? finding->rule : "",
                               finding->rule ? ": " : "", finding->text);
        if (refused)
            continue;
        migtune_error_set(&refused, finding->rule ? MIGTUNE_ERROR_CONFLICT
                                                  : MIGTUNE_ERROR_UNSUPPORTED,
                          "%s", finding->text);
        migtune_error_set_field(refused, MIGTUNE_ERROR_FIELD_PARAMETER,
                                finding->name);
        migtune_error_set_field(refused, MIGTUNE_ERROR_FIELD_RULE,
                                finding->rule);
    }
    if (!refused)
        return TRUE;

    all = g_error_copy(refused);
    g_free(all->message);
    all->message = g_string_free(g_steal_pointer(&text), FALSE);
    g_propagate_error(error, all);

    return FALSE;
}
