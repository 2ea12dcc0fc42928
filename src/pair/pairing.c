/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes one plan for both sides.
 *
 * The requests are resolved for an imaginary QEMU that supports only what both
 * sides support, so that both sides use the same fallback.  For each row that
 * must be equal, the resulting value of the source is also planned for the
 * destination.
 */
#include "config.h"

#include <string.h>

#include "pair/pairing.h"
#include "params/rules.h"
#include "plan/wish.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* Copies @state with the values of the rows in @caps only.  The values of
 * rows that exist only on the destination are from @other, its state. */
static MtState *
pairing_common_state(const MtCaps *caps, const MtState *state,
                     const MtState *other)
{
    MtState *copy = mt_pair_state_copy(state);

    mt_set_free(copy->values);
    copy->values = mt_set_new();
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtRow *row = mt_caps_nth(caps, i)->row;
        const MtValue *value = mt_set_get(
            row->sides == MT_SIDE_DESTINATION ? other->values : state->values,
            row);

        if (value)
            mt_set_put(copy->values, row, mt_value_copy(value));
    }

    return copy;
}

/* Whether the setting of @row has an effect with the values @values. */
static gboolean
pairing_counts(const MtRow *row, const MtSet *values)
{
    return row->pair_with == MT_PARAM_COMPRESSION ||
           mt_set_is_set(values, mt_row(row->pair_with));
}

/* Whether the QEMU of @caps accepts @value. */
static gboolean
pairing_can_set(const MtCaps *caps, const MtRow *row, const MtValue *value)
{
    const MtCapsEntry *entry = mt_caps_lookup(caps, row);

    return entry && entry->settable &&
           (row->type != MT_TYPE_ENUM ||
            mt_caps_has_member(caps, row, value->text));
}

/* The id of a finding about the setting of @row. */
static const char *
pairing_row_id(const MtRow *row)
{
    g_autofree char *id = g_strconcat("pair-", row->qmp, NULL);

    return g_intern_string(id);
}

/* Reports that the destination does not support the value of @row that the
 * source has. */
static void
pairing_report_missing(MtPairing *pairing, const MtRow *row,
                       const MtValue *value)
{
    g_autofree char *text = mt_value_format(row, value);
    gboolean off = row->kind == MT_KIND_CAPABILITY || row->def;
    MtPairFinding *finding;

    if (off && pairing->policy != MT_POLICY_STRICT) {
        g_autofree char *reason = g_strdup_printf(
            _("the destination does not support %s=%s"), row->name, text);

        finding = mt_pairing_add(
            pairing, pairing_row_id(row), MT_PAIR_SUBSTITUTE,
            MT_SIDE_DESTINATION, g_strdup(text), NULL,
            g_strdup_printf(_("the source has %s=%s, which the destination "
                              "does not support; both sides use the "
                              "default"),
                            row->name, text),
            NULL);
        mt_pairing_change(pairing, mt_row_id(row), row->def, reason);
    } else {
        finding = mt_pairing_add(
            pairing, pairing_row_id(row), MT_PAIR_REFUSE, MT_SIDE_DESTINATION,
            g_strdup(text), NULL,
            g_strdup_printf(_("the source has %s=%s, which the destination "
                              "does not support"),
                            row->name, text),
            g_strdup_printf(_("set %s to a value that both sides support"),
                            row->name));
    }
    finding->row = row;
}

/* Plans the values of the source for the destination. */
static void
pairing_equalise(MtPairing *pairing)
{
    const MtCaps *there = pairing->destination->caps;

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        const MtValue *value = mt_set_get(pairing->source_after, row);
        const MtValue *now = mt_set_get(pairing->destination_after, row);
        g_autoptr(MtValue) missing = NULL;

        if (row->pair == MT_PAIR_FREE ||
            !pairing_counts(row, pairing->source_after))
            continue;
        if (!value && row->def && now)
            value = missing = mt_value_from_table(row, row->def);
        if (!value || mt_value_equal(value, now))
            continue;
        if (pairing_can_set(there, row, value)) {
            mt_set_put(pairing->destination_after, row, mt_value_copy(value));
        } else if (row->pair == MT_PAIR_EQUAL &&
                   mt_set_is_set(pairing->source_after, row)) {
            pairing_report_missing(pairing, row, value);
        }
    }
}

/* Whether @side uses other TLS credentials and has no object @id. */
static gboolean
pairing_has_own_creds(const MtPairSide *side, const char *id)
{
    const MtRow *row = mt_row(MT_PARAM_TLS_CREDS);

    return *id && mt_set_is_set(side->state->values, row) && side->objects &&
           !mt_pair_side_find_object(side, id);
}

/* Adds the resolved requests to the planned values of the sides that they
 * apply to. */
static void
pairing_assign(MtPairing *pairing)
{
    const MtPlan *plan = pairing->wishes;

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        gboolean here = mt_caps_lookup(pairing->source->caps, a->row) != NULL;

        if (!mt_wish_is_alive(a->wish))
            continue;
        /* Each side can have TLS credentials with its own id. */
        if (mt_row_id(a->row) == MT_PARAM_TLS_CREDS &&
            pairing_has_own_creds(pairing->destination, a->value->text)) {
            if (here)
                mt_set_put(pairing->source_after, a->row,
                           mt_value_copy(a->value));
            continue;
        }
        if (here && (a->row->sides & MT_SIDE_SOURCE))
            mt_set_put(pairing->source_after, a->row, mt_value_copy(a->value));
        if ((a->row->sides & MT_SIDE_DESTINATION) &&
            pairing_can_set(pairing->destination->caps, a->row, a->value))
            mt_set_put(pairing->destination_after, a->row,
                       mt_value_copy(a->value));
    }
}

/* Returns the reason why @side cannot fulfil @param exactly; NULL if it can. */
static char *
pairing_explain_lack(const MtPairSide *side, const virTypedParameter *param)
{
    g_autoptr(MtPlan) plan =
        mt_plan_new(NULL, "", side->caps, mt_state_new_default(side->caps),
                    param, 1, MT_POLICY_STRICT);
    g_autoptr(GError) error = NULL;

    return mt_plan_check(plan, &error) ? NULL : g_strdup(error->message);
}

/* Reports the result of a request that is not fulfilled exactly. */
static void
pairing_report_wish(MtPairing *pairing, const MtWish *wish,
                    const virTypedParameter *param)
{
    g_autofree char *here = pairing_explain_lack(pairing->source, param);
    g_autofree char *there = pairing_explain_lack(pairing->destination, param);
    g_autofree char *becomes =
        wish->shown && wish->after ? mt_value_format(wish->shown, wish->after)
                                   : NULL;
    MtSide side = here && there ? MT_SIDE_BOTH
                  : there       ? MT_SIDE_DESTINATION
                                : MT_SIDE_SOURCE;
    const char *who = side == MT_SIDE_BOTH          ? _("neither side has it")
                      : side == MT_SIDE_DESTINATION ? _("the destination does "
                                                        "not have it")
                                                    : _("the source does not "
                                                        "have it");
    const char *why = there ? there : here;
    g_autoptr(GString) text = g_string_new(NULL);
    MtPairFinding *finding;

    if (!why && wish->error)
        why = wish->error->message;
    g_string_printf(text, "%s=%s: %s", wish->name, wish->asked,
                    here || there ? who : _("it is refused"));
    if (!wish->error && wish->substituted && becomes)
        g_string_append_printf(text, _("; both sides use %s=%s"),
                               wish->shown->name, becomes);
    else if (!wish->error)
        g_string_append(text, _("; it is left out"));
    if (why)
        g_string_append_printf(text, " (%s)", why);

    finding = mt_pairing_add(
        pairing, wish->error ? "setting-refused" : "setting-fallback",
        wish->error ? MT_PAIR_REFUSE : MT_PAIR_SUBSTITUTE, side,
        g_strdup(wish->asked), wish->error ? NULL : g_strdup(becomes),
        g_string_free(g_steal_pointer(&text), FALSE), NULL);
    finding->row = wish->row;
}

static void
pairing_report_wishes(MtPairing *pairing, const virTypedParameter *params)
{
    const MtPlan *plan = pairing->wishes;

    for (guint i = 0; i < plan->wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(plan->wishes, i);

        if (wish->error || wish->substituted || wish->left_out ||
            wish->given_up)
            pairing_report_wish(pairing, wish, &params[i]);
    }
}

/* The rows of @after that differ from @before. */
static MtSet *
pairing_changes(const MtSet *before, const MtSet *after)
{
    MtSet *changes = mt_set_new();

    for (guint i = 0; i < mt_set_size(after); i++) {
        const MtRow *row = mt_set_nth(after, i);
        const MtValue *value = mt_set_get(after, row);

        if (!mt_value_equal(value, mt_set_get(before, row)))
            mt_set_put(changes, row, mt_value_copy(value));
    }

    return changes;
}

/* Reports violations of QEMU's own rules that the requests and the values of
 * the other side cause on @side. */
static void
pairing_check_rules(MtPairing *pairing, const MtPairSide *side, MtSide which,
                    const MtSet *after, const MtSet *changes)
{
    g_autoptr(GPtrArray) broken =
        mt_rules_check(after, changes, mt_pair_side_release(side));

    for (guint i = 0; i < broken->len; i++) {
        const MtFinding *one = g_ptr_array_index(broken, i);
        MtPairFinding *finding;

        if (!mt_finding_is_fatal(one))
            continue;
        finding = mt_pairing_add(pairing, "settings-conflict", MT_PAIR_REFUSE,
                                 which, NULL, NULL, g_strdup(one->message),
                                 NULL);
        finding->row = one->row;
    }
}

/* Reports the settings of the destination that are changed to match the
 * source. */
static void
pairing_report_changes(MtPairing *pairing, const MtSet *changes)
{
    for (guint i = 0; i < mt_set_size(changes); i++) {
        const MtRow *row = mt_set_nth(changes, i);
        const MtValue *before =
            mt_set_get(pairing->destination->state->values, row);
        g_autofree char *text = mt_value_format(row, mt_set_get(changes, row));
        g_autofree char *now =
            before ? mt_value_format(row, before) : g_strdup("");
        gboolean late = row->before_listening &&
                        pairing->destination->state->listening;
        MtPairFinding *finding;

        if (row->pair != MT_PAIR_EQUAL && !late)
            continue;
        finding = mt_pairing_add(
            pairing, late ? "set-before-listening" : pairing_row_id(row),
            late ? MT_PAIR_REFUSE : MT_PAIR_INFO, MT_SIDE_DESTINATION,
            g_strdup(text), g_strdup(now),
            late ? g_strdup_printf(_("%s=%s must be set on the destination "
                                     "before it listens; the value is %s, and "
                                     "the destination listens already"),
                                   row->name, text, now)
                 : g_strdup_printf(_("%s=%s is set on the destination, as on "
                                     "the source; the value is %s now"),
                                   row->name, text, now),
            late ? g_strdup(_("start the destination again and do not let it "
                              "listen before its settings are made"))
                 : NULL);
        finding->row = row;
        finding->since = late && row->kind == MT_KIND_CAPABILITY
                             ? MT_RELEASE(8, 1)
                             : MT_RELEASE_NONE;
    }
}

/* A plan that gives the rows of @after their values, as far as they differ. */
static MtPlan *
pairing_make_plan(const MtPairSide *side, const MtSet *after)
{
    g_autoptr(MtSet) changes = pairing_changes(side->state->values, after);

    return mt_plan_new_restore(NULL, "", side->caps,
                               mt_pair_state_copy(side->state), changes);
}

static void
pairing_make_plans(MtPairing *pairing)
{
    gboolean empty = !mt_pairing_is_ok(pairing) && !pairing->overridden;
    const MtPairSide *here = pairing->source;
    const MtPairSide *there = pairing->destination;

    g_clear_pointer(&pairing->source_plan, mt_plan_unref);
    g_clear_pointer(&pairing->destination_plan, mt_plan_unref);
    pairing->source_plan = pairing_make_plan(
        here, empty ? here->state->values : pairing->source_after);
    pairing->destination_plan = pairing_make_plan(
        there, empty ? there->state->values : pairing->destination_after);
}

void
mt_pairing_override(MtPairing *pairing)
{
    pairing->overridden = TRUE;
    pairing_make_plans(pairing);
}

MtPairing *
mt_pairing_new(const MtPairSide *source, const MtPairSide *destination,
               const virTypedParameter *params, int n_params, MtPolicy policy,
               const char *uri)
{
    MtPairing *pairing = g_new0(MtPairing, 1);
    g_autoptr(MtSet) here = NULL;
    g_autoptr(MtSet) there = NULL;

    pairing->source = source;
    pairing->destination = destination;
    pairing->policy = policy;
    pairing->uri = uri;
    pairing->findings =
        g_ptr_array_new_with_free_func((GDestroyNotify)mt_pair_finding_free);
    pairing->unchecked = g_ptr_array_new();
    pairing->common = mt_caps_intersect(source->caps, destination->caps);
    pairing->wishes = mt_plan_new(
        NULL, "", pairing->common,
        pairing_common_state(pairing->common, source->state,
                             destination->state),
        params, n_params, policy);
    pairing->source_after = mt_set_copy(source->state->values);
    pairing->destination_after = mt_set_copy(destination->state->values);

    pairing_report_wishes(pairing, params);
    pairing_assign(pairing);
    pairing_equalise(pairing);
    mt_pair_rules_run(pairing);

    here = pairing_changes(source->state->values, pairing->source_after);
    there = pairing_changes(destination->state->values,
                            pairing->destination_after);
    pairing_report_changes(pairing, there);
    pairing_check_rules(pairing, source, MT_SIDE_SOURCE,
                        pairing->source_after, here);
    pairing_check_rules(pairing, destination, MT_SIDE_DESTINATION,
                        pairing->destination_after, there);
    pairing_make_plans(pairing);

    return pairing;
}

void
mt_pairing_free(MtPairing *pairing)
{
    if (!pairing)
        return;

    mt_plan_unref(pairing->wishes);
    mt_plan_unref(pairing->source_plan);
    mt_plan_unref(pairing->destination_plan);
    mt_set_free(pairing->source_after);
    mt_set_free(pairing->destination_after);
    mt_caps_unref(pairing->common);
    g_ptr_array_unref(pairing->findings);
    g_ptr_array_unref(pairing->unchecked);
    g_free(pairing);
}

gboolean
mt_pairing_is_ok(const MtPairing *pairing)
{
    for (guint i = 0; i < pairing->findings->len; i++) {
        const MtPairFinding *one = g_ptr_array_index(pairing->findings, i);

        if (one->severity == MT_PAIR_REFUSE)
            return FALSE;
    }

    return TRUE;
}

/* The value of the setting that @wish requests, as text; NULL if it is not
 * known. */
static char *
pairing_show(const MtWish *wish, const MtSet *values)
{
    const MtValue *value;

    if (wish->satisfied)
        return g_strdup(wish->asked);
    if (wish->shown == mt_row(MT_PARAM_COMPRESSION))
        return mt_state_compression(values);
    value = wish->shown ? mt_set_get(values, wish->shown) : NULL;

    return value ? mt_value_format(wish->shown, value) : NULL;
}

/* Whether each row of @wish has its planned value on the sides that it is
 * for. */
static gboolean
pairing_holds(const MtPairing *pairing, const MtWish *wish,
              const MtSet *source, const MtSet *destination)
{
    for (guint i = 0; i < wish->rows->len; i++) {
        const MtRow *row = g_ptr_array_index(wish->rows, i);
        const MtValue *here = mt_set_get(source, row);
        const MtValue *there = mt_set_get(destination, row);

        if ((here && (row->sides & MT_SIDE_SOURCE) &&
             !mt_value_equal(here,
                             mt_set_get(pairing->source_after, row))) ||
            (there && row->pair == MT_PAIR_EQUAL &&
             !mt_value_equal(there,
                             mt_set_get(pairing->destination_after, row))))
            return FALSE;
    }

    return TRUE;
}

JsonArray *
mt_pairing_verdicts_to_json(const MtPairing *pairing, const MtSet *source,
                            const MtSet *destination)
{
    const GPtrArray *wishes = pairing->wishes->wishes;
    gboolean applied = pairing->wishes->applied || (source && destination);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(wishes, i);
        JsonObject *object = json_object_new();
        gboolean on_source =
            !wish->shown || (wish->shown->sides & MT_SIDE_SOURCE);
        gboolean on_destination =
            !wish->shown || (wish->shown->sides & MT_SIDE_DESTINATION);
        MigtuneVerdict verdict = wish->verdict;
        const char *reason = wish->reason->len ? wish->reason->str : NULL;
        g_autofree char *here = NULL;
        g_autofree char *there = NULL;

        if (on_source)
            here = pairing_show(wish, source ? source : pairing->source_after);
        if (on_destination)
            there = pairing_show(wish, destination
                                           ? destination
                                           : pairing->destination_after);
        if (source && destination && mt_wish_is_alive(wish) &&
            !pairing_holds(pairing, wish, source, destination))
            verdict = MIGTUNE_VERDICT_IGNORED;
        if (!source && mt_wish_is_alive(wish) && !mt_pairing_is_ok(pairing) &&
            !pairing->overridden) {
            verdict = MIGTUNE_VERDICT_REFUSED;
            reason = _("held back because the migration is refused");
            g_clear_pointer(&here, g_free);
            g_clear_pointer(&there, g_free);
        }
        json_object_set_string_member(object, "name", wish->name);
        json_object_set_string_member(object, "asked", wish->asked);
        mt_json_set_text(object, "source", here);
        mt_json_set_text(object, "destination", there);
        json_object_set_string_member(
            object, "verdict",
            migtune_verdict_to_string(mt_verdict_show(verdict, applied)));
        mt_json_set_text(object, "reason", reason);
        json_array_add_object_element(array, object);
    }

    return array;
}

JsonArray *
mt_pairing_findings_to_json(const MtPairing *pairing)
{
    JsonArray *array = json_array_new();

    /* The most severe ones first. */
    for (int severity = MT_PAIR_REFUSE; severity >= MT_PAIR_INFO; severity--) {
        for (guint i = 0; i < pairing->findings->len; i++) {
            const MtPairFinding *one = g_ptr_array_index(pairing->findings, i);

            if ((int)one->severity == severity)
                json_array_add_object_element(array,
                                              mt_pair_finding_to_json(one));
        }
    }

    return array;
}

JsonArray *
mt_pairing_unchecked_to_json(const MtPairing *pairing)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < pairing->unchecked->len; i++) {
        const MtPairUnchecked *one = g_ptr_array_index(pairing->unchecked, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "id", one->id);
        json_object_set_string_member(object, "text", _(one->text));
        json_object_set_string_member(object, "how", _(one->how));
        json_array_add_object_element(array, object);
    }

    return array;
}

char *
mt_pairing_compare(const MtPairing *pairing, const MtSet *source,
                   const MtSet *destination)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        const MtValue *here = mt_set_get(source, row);
        const MtValue *there = mt_set_get(destination, row);
        g_autoptr(MtValue) missing =
            row->def ? mt_value_from_table(row, row->def) : NULL;
        g_autofree char *a = NULL;
        g_autofree char *b = NULL;

        if (row->pair != MT_PAIR_EQUAL || !pairing_counts(row, source))
            continue;
        here = here ? here : missing;
        there = there ? there : missing;
        if (!here || !there || mt_value_equal(here, there))
            continue;
        a = mt_value_format(row, here);
        b = mt_value_format(row, there);
        g_string_append_printf(text,
                               _("%s%s is %s on the source and %s on the "
                                 "destination"),
                               text->len ? "; " : "", row->name, a, b);
    }

    return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}
