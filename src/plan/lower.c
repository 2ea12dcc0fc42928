/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lowering a plan: every value that it is to bring about becomes a flag or a
 * typed parameter of libvirt's migration call, or is set before that call, or
 * is a finding.
 *
 * The values are those of the plan's assignments, not its steps: what QEMU has
 * already must be said to libvirt all the same, which would reset it.
 */
#include "config.h"

#include <string.h>

#include "plan/lower.h"
#include "plan/lower-ask.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

static void
lower_finding_free(MtLowerFinding *finding)
{
    g_free(finding->text);
    g_free(finding);
}

static void
lower_param_clear(gpointer data)
{
    virTypedParameter *param = data;

    if (param->type == VIR_TYPED_PARAM_STRING)
        g_free(param->value.s);
}

void
mt_lowering_find(MtLowering *lowering, const char *name, const char *rule,
                 const char *format, ...)
{
    MtLowerFinding *finding = g_new0(MtLowerFinding, 1);
    va_list args;

    finding->name = name;
    finding->rule = rule;
    va_start(args, format);
    finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(lowering->findings, finding);
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

/* The words of a finding: what was wished, not what it is made of. */
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

/* Whether libvirt is asked about it: it is a part of the call. */
static gboolean
lower_is_asked(const MtLowering *lowering, const MtLowerRow *how)
{
    return lowering->ask && how &&
           (how->how == MT_LOWER_FLAG || how->how == MT_LOWER_PARAM ||
            how->how == MT_LOWER_METHOD);
}

/* Whether libvirt, which does not take @how, knows of the capability all the
 * same: then it switches it off when a migration begins. */
static gboolean
lower_is_switched_off(const MtLowering *lowering, const MtAssignment *a,
                      const MtLowerRow *how)
{
    return lower_is_asked(lowering, how) &&
           how->since <= lowering->libvirt &&
           a->row->kind == MT_KIND_CAPABILITY;
}

/*
 * What libvirt cannot be told is set before the call, if that lasts: libvirt
 * leaves it alone, and it is the guest's own QEMU that needs it.  That of the
 * destination is started by libvirt in the middle of the call.
 */
static void
lower_beside(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *how)
{
    g_autofree char *since = how ? mt_release_format(how->since) : NULL;
    g_autofree char *libvirt = mt_release_format(lowering->libvirt);
    g_autofree char *text = lower_text(a);

    if (mt_value_is(a->row, a->value,
                    mt_row_default(a->row, mt_caps_release(
                        lowering->plan->caps))))
        return;                 /* as it is there anyway */
    if (lower_is_switched_off(lowering, a, how))
        mt_lowering_find(lowering, lower_name(a), NULL,
                         _("%s=%s: this libvirt (%s) was asked and does not "
                           "take it, and it switches off by itself what it "
                           "is not told"), lower_name(a), text, libvirt);
    else if (a->row->sides == MT_SIDE_SOURCE)
        mt_set_put(lowering->before, a->row, mt_value_copy(a->value));
    else if (lower_is_asked(lowering, how))
        mt_lowering_find(lowering, lower_name(a), NULL,
                         _("%s=%s: this libvirt (%s) was asked and does not "
                           "take it, which came with libvirt %s; the other "
                           "side's QEMU is started in the middle of the "
                           "migration, so it cannot be set by hand either"),
                         lower_name(a), text, libvirt, since);
    else if (since)
        mt_lowering_find(lowering, lower_name(a), NULL,
                         _("%s=%s needs libvirt %s on both hosts, and this is "
                           "%s; the other side's QEMU is started in the "
                           "middle of the migration, so it cannot be set by "
                           "hand either"),
                         lower_name(a), text, since, libvirt);
    else
        mt_lowering_find(lowering, lower_name(a), NULL,
                         _("libvirt has no parameter for %s=%s, and starts "
                           "the other side's QEMU in the middle of the "
                           "migration, so it cannot be set by hand either"),
                         lower_name(a), text);
}

static void
lower_number(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *how)
{
    guint64 number = a->value->number;
    virTypedParameter *param;

    if (a->row->unit == MT_UNIT_RATE) {
        if (number % (1024 * 1024) != 0) {
            mt_lowering_find(lowering, a->row->name, NULL,
                             _("libvirt takes %s in whole MiB/s alone"),
                             a->row->name);
            return;
        }
        number /= 1024 * 1024;
    }
    param = lower_add_param(lowering, how->name, how->type);
    if (how->type == VIR_TYPED_PARAM_INT)
        param->value.i = number;
    else
        param->value.ul = number;
}

static void
lower_param(MtLowering *lowering, const MtAssignment *a,
            const MtLowerRow *how)
{
    if (how->type != VIR_TYPED_PARAM_STRING) {
        lower_number(lowering, a, how);
    } else if (*a->value->text) {
        lower_add_param(lowering, how->name, how->type)->value.s =
            g_strdup(a->value->text);
        lowering->flags |= VIR_MIGRATE_TLS;
    }
}

/* A value of multifd-compression that is no method of libvirt. */
static void
lower_methods(MtLowering *lowering, const MtAssignment *a,
              const MtLowerRow *how)
{
    if (strcmp(a->value->text, "none") != 0)
        lower_beside(lowering, a, NULL);
}

static void
lower_itself(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *how)
{
    if (!a->value->boolean)
        mt_lowering_find(lowering, a->row->name, NULL,
                         _("%s cannot be switched off: %s"), a->row->name,
                         _(how->why));
}

static void
lower_never(MtLowering *lowering, const MtAssignment *a,
            const MtLowerRow *how)
{
    if (!mt_value_is(a->row, a->value,
                     mt_row_default(a->row, mt_caps_release(
                         lowering->plan->caps))))
        mt_lowering_find(lowering, a->row->name, NULL,
                         _("%s cannot be set: %s"), a->row->name,
                         _(how->why));
}

static void
lower_flag(MtLowering *lowering, const MtAssignment *a, const MtLowerRow *how)
{
    if (a->value->boolean)
        lowering->flags |= how->flag;
}

static void
lower_method(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *how)
{
    /* The other methods are values of multifd-compression. */
    if (a->row->type != MT_TYPE_BOOL || a->value->boolean)
        lower_add_method(lowering, how);
}

static void
lower_before(MtLowering *lowering, const MtAssignment *a,
             const MtLowerRow *how)
{
    mt_set_put(lowering->before, a->row, mt_value_copy(a->value));
}

typedef void (*LowerFunc)(MtLowering *lowering, const MtAssignment *a,
                          const MtLowerRow *how);

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

/* Whether this libvirt has it. */
static gboolean
lower_is_known(const MtLowering *lowering, const MtLowerRow *how)
{
    if (lower_is_asked(lowering, how))
        return mt_lower_ask_took(lowering->ask, how);

    return how->since <= lowering->libvirt;
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
    lowering->findings = g_ptr_array_new_with_free_func(
        (GDestroyNotify)lower_finding_free);

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtLowerRow *how = mt_lower_assignment(a);
        gboolean known = how && lower_is_known(lowering, how);

        /* Room is made by libvirt, which switches off what is not asked. */
        if (a->rank == MT_RANK_RELEASE && how)
            continue;
        lower_funcs[known ? how->how : MT_LOWER_UNKNOWN](lowering, a, how);
    }
    lowering->flags = mt_lower_flags_settle(lowering->flags);
    mt_lowering_judge(lowering);
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
