/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports: the values in force, the kept settings, and the origin of each
 * value.
 *
 * QEMU does not say who set a value.  So the kept settings are planned for the
 * present state: a value that the plan would not change comes from there.  A
 * value with which QEMU starts is a default.  Every other value was set by a
 * user if it is recorded with the guest, and else by the manager of the guest.
 */
#include "config.h"

#include <string.h>

#include "core/kept/plan-kept.h"
#include "plan/wish.h"
#include "plan/lower/lower.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* The data from which a report is made. */
typedef struct {
    MigtuneDomain *domain;
    MtTargets shows;
    MtState *state;      /* NULL if only kept settings are reported */
    MtKept *kept;        /* NULL if the kept settings cannot be read */
    MtPlan *kept_plan;   /* NULL if there are no kept settings */
    MtPlan *noted_plan;  /* NULL if no settings are recorded with the running guest */
    gboolean noted;      /* noted_plan has been looked up */
    GPtrArray *findings; /* strings */
} Report;

static void
report_clear(Report *report)
{
    g_clear_pointer(&report->state, mt_state_free);
    g_clear_pointer(&report->kept, mt_kept_free);
    g_clear_pointer(&report->kept_plan, mt_plan_unref);
    g_clear_pointer(&report->noted_plan, mt_plan_unref);
    g_clear_pointer(&report->findings, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Report, report_clear)

/* Plans kept settings for comparison only; the plan is never applied.
 * Returns NULL if there are no settings or the guest could not be asked. */
static MtPlan *
report_plan(const Report *report, const MtKept *kept)
{
    MtState *state = NULL;

    if (!kept || mt_kept_size(kept) == 0)
        return NULL;

    if (report->state) {
        state = mt_state_new_default(report->domain->caps);
        mt_set_free(state->values);
        state->values = mt_set_copy(report->state->values);
    }
    return mt_plan_new_from_kept(report->domain, kept, state,
                                 mt_kept_get_policy(kept, 0), NULL);
}

static void
report_find_faults(Report *report)
{
    const GPtrArray *findings =
        report->kept ? mt_kept_findings(report->kept) : NULL;
    GPtrArray *wishes = report->kept_plan ? report->kept_plan->wishes : NULL;

    for (guint i = 0; findings && i < findings->len; i++) {
        const MtKeptFinding *finding = g_ptr_array_index(findings, i);

        g_ptr_array_add(report->findings,
                        g_strdup_printf(_("%s, line %u: %s"),
                                        mt_kept_where(report->kept),
                                        finding->line, finding->message));
    }
    for (guint i = 0; wishes && i < wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(wishes, i);

        if (wish->error)
            g_ptr_array_add(report->findings, g_strdup(wish->error->message));
    }
}

/* Damaged kept settings are reported as findings; live values are still
 * shown. */
static void
report_load_kept(Report *report)
{
    g_autoptr(GError) error = NULL;

    report->kept =
        mt_domain_kept_load(report->domain, MIGTUNE_DRIVER_KEPT_CONFIG, &error);
    if (error &&
        !g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED))
        g_ptr_array_add(report->findings, g_strdup(error->message));
    report->kept_plan = report_plan(report, report->kept);
    report_find_faults(report);
}

static gboolean
report_begin(Report *report, MigtuneDomain *domain, unsigned int flags,
             GError **error)
{
    report->domain = domain;
    report->findings = g_ptr_array_new_with_free_func(g_free);
    if (!mt_core_check_flags(flags,
                             MIGTUNE_GET_CAPABILITIES | MIGTUNE_GET_LIVE |
                                 MIGTUNE_GET_CONFIG,
                             error) ||
        !mt_domain_get_targets(domain, flags & MIGTUNE_GET_LIVE,
                               flags & MIGTUNE_GET_CONFIG, &report->shows,
                               error))
        return FALSE;
    if (report->shows & MT_TARGET_LIVE) {
        report->state = mt_domain_read_state(domain, MT_STATE_VALUES, error);
        if (!report->state)
            return FALSE;
    }

    return TRUE;
}

/* Returns the value that @plan gives to @row; NULL also if the plan only
 * changes the row because another setting excludes it. */
static const MtValue *
report_wanted(const MtPlan *plan, const MtRow *row)
{
    const MtAssignment *a = plan ? mt_plan_find_assignment(plan, row) : NULL;

    return a && a->rank > MT_RANK_RELEASE ? a->value : NULL;
}

static const MtWish *
report_wish(const Report *report, const MtRow *row)
{
    return report->kept_plan ? mt_plan_find_wish(report->kept_plan, row) : NULL;
}

/* Returns whether all values that @wish asks for are in force. */
static gboolean
report_has(const Report *report, const MtPlan *plan, const MtWish *wish)
{
    if (!mt_wish_is_alive(wish) || !report->state)
        return FALSE;

    for (guint i = 0; i < wish->rows->len; i++) {
        const MtRow *row = g_ptr_array_index(wish->rows, i);

        if (!mt_value_equal(mt_set_get(report->state->values, row),
                            mt_plan_value(plan, row)))
            return FALSE;
    }

    return TRUE;
}

/* Returns the settings that were recorded with the running guest, which are
 * looked up at the first call. */
static const MtPlan *
report_get_noted(Report *report)
{
    g_autoptr(MtKept) noted = NULL;

    if (!report->noted && mt_domain_keeps_live(report->domain)) {
        noted =
            mt_domain_kept_load(report->domain, MIGTUNE_DRIVER_KEPT_LIVE, NULL);
        report->noted_plan = report_plan(report, noted);
    }
    report->noted = TRUE;

    return report->noted_plan;
}

/* Returns whether @value is an empty one, as QEMU reports for settings that
 * have no default in the catalogue. */
static gboolean
report_is_nothing(const MtValue *value)
{
    static const char *const nothing[] = { "", "[]", "null", NULL };

    return value->text && g_strv_contains(nothing, value->text);
}

/*
 * Returns whether libvirt has undone a setting: after a migration, on both
 * sides and also if it failed, libvirt switches off all capabilities that it
 * knows.
 */
static gboolean
report_is_undone(Report *report, const MtRow *row, const MtValue *value)
{
    const MigtuneDriver *driver = report->domain->conn->driver;
    const MtLowerRow *lower = mt_lower_row(row);
    const MtValue *wanted;

    if (!value || !driver->manager ||
        !(driver->features & MIGTUNE_DRIVER_LIBVIRT) || !lower ||
        lower->kind == MT_LOWER_NEVER || row->kind != MT_KIND_CAPABILITY)
        return FALSE;
    wanted = report_wanted(report_get_noted(report), row);

    return wanted && !mt_value_equal(wanted, value);
}

static const char *
report_row_from(Report *report, const MtRow *row, const MtValue *value)
{
    MtRelease release = mt_caps_release(report->domain->caps);
    const char *manager = report->domain->conn->driver->manager;
    const char *def = mt_row_default(row, release);

    if (!value)
        return NULL;
    if (mt_value_equal(report_wanted(report->kept_plan, row), value))
        return "kept";
    if (report_is_undone(report, row, value))
        return manager;
    if (def ? mt_value_is(row, value, def) : report_is_nothing(value))
        return "default";
    if ((manager || !def) &&
        !mt_value_equal(report_wanted(report_get_noted(report), row), value))
        return def ? manager : NULL;

    return "set";
}

/* Returns the row that determines the value of `compression`; NULL if no
 * method is in force. */
static const MtRow *
report_compression_part(Report *report)
{
    static const MtParamId parts[] = { MT_PARAM_MULTIFD_COMPRESSION,
                                       MT_PARAM_COMPRESS, MT_PARAM_XBZRLE };
    const MtSet *values = report->state->values;

    for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
        const MtRow *row = mt_row(parts[i]);

        if (mt_set_is_set(values, row) ||
            report_is_undone(report, row, mt_set_get(values, row)))
            return row;
    }

    return NULL;
}

/* Returns the origin of the value of `compression`, which @part determines. */
static const char *
report_compression_from(Report *report, const MtRow *part)
{
    const MtWish *wish =
        report_wish(report, mt_row(MT_PARAM_COMPRESSION));

    if (wish && report_has(report, report->kept_plan, wish))
        return "kept";

    return part ? report_row_from(report, part,
                                  mt_set_get(report->state->values, part))
                : "default";
}

static void
report_set_value(JsonObject *object, const char *member, const MtRow *row,
                 MtSpelling spelling, const MtValue *value)
{
    if (value)
        json_object_set_member(object, member,
                               mt_value_to_report(row, spelling, value));
    else
        json_object_set_null_member(object, member);
}

/* Adds the members that do not depend on kept settings. */
static JsonObject *
report_new_line(const char *name, const MtRow *row, MtSpelling spelling,
                const MtCapsEntry *entry, const MtValue *value,
                MtRelease release)
{
    JsonObject *object = json_object_new();
    const char *def = mt_row_default(row, release);
    g_autoptr(MtValue) def_value = def ? mt_value_from_table(row, def) : NULL;
    g_autofree char *text = value ? mt_value_format(row, value) : NULL;

    json_object_set_string_member(object, "name", name);
    mt_json_set_text(object, "qmp",
                     !entry                               ? row->qmp
                     : entry->access == MT_ACCESS_LEGACY ? entry->row->legacy->set
                                                          : entry->row->qmp);
    json_object_set_string_member(object, "kind",
                                  mt_kind_to_string(row->kind));
    report_set_value(object, "value", row, spelling, value);
    mt_json_set_text(object, "unit", mt_row_unit(row, spelling));
    mt_json_set_text(object, "text", text);
    report_set_value(object, "default", row, spelling, def_value);
    json_object_set_boolean_member(object, "deprecated",
                                   entry && entry->deprecated);
    json_object_set_boolean_member(object, "unstable",
                                   entry && entry->unstable);

    return object;
}

/* Adds the kept value of @row and whether it is in force. */
static void
report_add_kept(const Report *report, JsonObject *object, const MtRow *row,
                const MtValue *value)
{
    const MtWish *wish = report_wish(report, row);
    const MtValue *wanted = report_wanted(report->kept_plan, row);
    g_autofree char *text = NULL;
    gboolean differs = FALSE;

    if (wish) {
        text = g_strdup(wish->asked);
        differs = !report_has(report, report->kept_plan, wish);
    } else if (wanted) {
        text = mt_value_format(row, wanted);
        differs = !mt_value_equal(value, wanted);
    }
    mt_json_set_text(object, "kept", text);
    json_object_set_boolean_member(object, "differs", differs);
}

/* Sets the reason why libvirt has set the value, and its stable code. */
static void
report_set_why(JsonObject *object, const MtLowerRow *lower, const MtRow *row,
               const MtValue *value)
{
    const char *code = "restored-by-manager";
    const char *why = _("libvirt sets it at the start of a migration and restores "
                        "the former value at its end");

    if (lower->kind == MT_LOWER_ITSELF) {
        code = "set-by-manager";
        why = _(lower->why);
    } else if (lower->kind == MT_LOWER_BEFORE) {
        code = "set-through-manager";
        why = _("set through libvirt, for example with 'virsh "
                "migrate-setmaxdowntime'; if a migration fails, libvirt "
                "restores the value from before the migration");
    } else if (row->kind == MT_KIND_CAPABILITY && row->def &&
               mt_value_is(row, value, row->def)) {
        code = "only-during-migration";
        why = _("libvirt switches it on only during a migration that asks for "
                "it");
    }
    json_object_set_string_member(object, "why", why);
    json_object_set_string_member(object, "why-code", code);
}

static void
report_add_why(const Report *report, JsonObject *object, const MtRow *row,
               const MtValue *value)
{
    const MigtuneDriver *driver = report->domain->conn->driver;
    const MtLowerRow *lower = mt_lower_row(row);

    json_object_set_null_member(object, "why");
    json_object_set_null_member(object, "why-code");
    if (driver->manager && driver->features & MIGTUNE_DRIVER_LIBVIRT && lower &&
        g_strcmp0(mt_json_peek_string(object, "from"), driver->manager) == 0)
        report_set_why(object, lower, row, value);
}

static JsonObject *
report_live_line(Report *report, const MtListed *listed)
{
    const MtCaps *caps = report->domain->caps;
    JsonObject *object =
        report_new_line(listed->name, listed->row, listed->spelling,
                        listed->entry, listed->value, mt_caps_release(caps));
    const MtRow *row = listed->entry ? listed->entry->row : listed->row;
    const MtRow *part = listed->entry ? row : report_compression_part(report);

    mt_json_set_text(object, "from",
                     listed->entry ? report_row_from(report, row, listed->value)
                                   : report_compression_from(report, part));
    report_add_kept(report, object, row, listed->value);
    report_add_why(report, object, part ? part : row,
                   part ? mt_set_get(report->state->values, part)
                        : listed->value);
    return object;
}

/* Returns whether a line of @array has the name @name. */
static gboolean
report_lists(JsonArray *array, const char *name)
{
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *line = json_array_get_object_element(array, i);

        if (g_strcmp0(mt_json_peek_string(line, "name"), name) == 0)
            return TRUE;
    }

    return FALSE;
}

/* Adds the kept settings that this QEMU does not support, or all of them if
 * the guest does not run. */
static JsonObject *
report_kept_line(const Report *report, const MtWish *wish)
{
    JsonObject *object;

    if (wish->row) {
        object = report_new_line(wish->name, wish->row, MT_SPELLING_OURS, NULL,
                                 report->state ? NULL : wish->value,
                                 MT_RELEASE_LAST);
        if (!report->state && !wish->value)
            json_object_set_string_member(object, "text", wish->asked);
    } else {
        object = json_object_new();
        json_object_set_string_member(object, "name", wish->name);
        json_object_set_null_member(object, "qmp");
        json_object_set_string_member(object, "kind",
                                      mt_kind_to_string(MT_KIND_PARAMETER));
        json_object_set_null_member(object, "value");
        json_object_set_null_member(object, "unit");
        mt_json_set_text(object, "text", report->state ? NULL : wish->asked);
        json_object_set_null_member(object, "default");
        json_object_set_boolean_member(object, "deprecated", FALSE);
        json_object_set_boolean_member(object, "unstable", FALSE);
    }
    mt_json_set_text(object, "from", report->state ? NULL : "kept");
    json_object_set_null_member(object, "why");
    json_object_set_null_member(object, "why-code");
    json_object_set_string_member(object, "kept", wish->asked);
    json_object_set_boolean_member(
        object, "differs",
        report->state && !report_has(report, report->kept_plan, wish));

    return object;
}

/* Returns whether @wish is one of @names, or of a kind that @flags select. */
static gboolean
report_wants(const MtWish *wish, const char *const *names, unsigned int flags)
{
    if (!names || !names[0])
        return !(flags & MIGTUNE_GET_CAPABILITIES) ||
               (wish->row && wish->row->kind == MT_KIND_CAPABILITY);

    for (; *names; names++) {
        const MtRow *row = mt_kept_row(*names);

        if (strcmp(*names, wish->name) == 0 || (row && row == wish->row))
            return TRUE;
    }

    return FALSE;
}

static gboolean
report_check_names(const Report *report, const char *const *names,
                   GError **error)
{
    for (; names && *names; names++) {
        if (mt_kept_row(*names) ||
            (report->kept && mt_kept_find(report->kept, *names)))
            continue;
        migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                          _("there is no parameter '%s'"), *names);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                    *names);
        return FALSE;
    }

    return TRUE;
}

static void
report_add_kept_lines(const Report *report, const char *const *names,
                      unsigned int flags, JsonArray *array)
{
    GPtrArray *wishes = report->kept_plan ? report->kept_plan->wishes : NULL;

    for (guint i = 0; wishes && i < wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(wishes, i);

        if (report_wants(wish, names, flags) &&
            !report_lists(array, wish->name))
            json_array_add_object_element(array,
                                          report_kept_line(report, wish));
    }
}

JsonNode *
migtune_domain_report(MigtuneDomain *domain, const char *const *names,
                      unsigned int flags, GCancellable *cancellable,
                      GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(Report) report = { 0 };
    g_autoptr(JsonArray) array = json_array_new();
    JsonArray *findings;
    JsonObject *object;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!report_begin(&report, domain, flags, error))
        return NULL;
    report_load_kept(&report);
    if (report.state) {
        g_autoptr(GPtrArray) lines =
            mt_listing_new(domain->caps, report.state, names,
                           flags & MIGTUNE_GET_CAPABILITIES, error);

        if (!lines)
            return NULL;
        for (guint i = 0; i < lines->len; i++)
            json_array_add_object_element(
                array, report_live_line(&report, g_ptr_array_index(lines, i)));
    } else if (!report_check_names(&report, names, error)) {
        return NULL;
    }
    if (report.shows & MT_TARGET_CONFIG)
        report_add_kept_lines(&report, names, flags, array);

    findings = json_array_new();
    for (guint i = 0; i < report.findings->len; i++)
        json_array_add_string_element(findings,
                                      g_ptr_array_index(report.findings, i));
    object = json_object_new();
    json_object_set_string_member(object, "domain", domain->name);
    json_object_set_string_member(object, "qemu", domain->qemu);
    json_object_set_array_member(object, "shows",
                                 mt_targets_to_json(report.shows));
    json_object_set_array_member(object, "findings", findings);
    json_object_set_array_member(object, "parameters", g_steal_pointer(&array));

    return mt_json_node_new_object(object);
}

/* Fills in @param.  A rate that is not a whole number of MiB/s is returned in
 * bytes a second under QEMU's name, so that no digit is lost. */
static gboolean
report_to_typed(const MtRow *row, MtSpelling spelling, const MtValue *value,
                const char *name, virTypedParameterPtr param)
{
    if (mt_value_to_typed(row, spelling, value, name, param))
        return TRUE;

    return row->qmp &&
           mt_value_to_typed(row, MT_SPELLING_QMP, value, row->qmp, param);
}

/* Returns kept settings as typed parameters. */
static gboolean
report_get_kept(MigtuneDomain *domain, const char *const *names,
                unsigned int flags, virTypedParameterPtr *params, int *nparams,
                GError **error)
{
    g_auto(Report) report = { .domain = domain };
    GPtrArray *wishes;
    int n = 0;

    report.kept =
        mt_domain_kept_load_valid(domain, MIGTUNE_DRIVER_KEPT_CONFIG, error);
    if (!report.kept || !report_check_names(&report, names, error))
        return FALSE;

    report.kept_plan = report_plan(&report, report.kept);
    wishes = report.kept_plan ? report.kept_plan->wishes : NULL;
    *params = g_new0(virTypedParameter, wishes ? wishes->len : 1);
    for (guint i = 0; wishes && i < wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(wishes, i);

        if (wish->value && report_wants(wish, names, flags) &&
            report_to_typed(wish->row, MT_SPELLING_OURS, wish->value,
                            wish->name, &(*params)[n]))
            n++;
    }
    *nparams = n;

    return TRUE;
}

gboolean
migtune_domain_get_parameters(MigtuneDomain *domain, const char *const *names,
                              virTypedParameterPtr *params, int *nparams,
                              unsigned int flags, GCancellable *cancellable,
                              GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(Report) report = { 0 };
    g_autoptr(GPtrArray) lines = NULL;
    int n = 0;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain) && params && nparams, FALSE);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return FALSE;

    if (!report_begin(&report, domain, flags, error))
        return FALSE;
    if (report.shows == (MT_TARGET_LIVE | MT_TARGET_CONFIG)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("live and config exclude each other in this call; "
                            "migtune_domain_report() compares them"));
        return FALSE;
    }
    if (!report.state)
        return report_get_kept(domain, names, flags, params, nparams, error);
    lines = mt_listing_new(domain->caps, report.state, names,
                           flags & MIGTUNE_GET_CAPABILITIES, error);
    if (!lines)
        return FALSE;

    *params = g_new0(virTypedParameter, lines->len);
    for (guint i = 0; i < lines->len; i++) {
        const MtListed *listed = g_ptr_array_index(lines, i);

        if (listed->value &&
            report_to_typed(listed->row, listed->spelling, listed->value,
                            listed->name, &(*params)[n]))
            n++;
    }
    *nparams = n;

    return TRUE;
}
