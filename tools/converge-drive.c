/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Carries out the decisions of a convergence policy; see converge-drive.h.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n.h>

#include "converge-drive.h"

/* Returns the policy of @line that acts; NULL without an error if there is
 * none. */
static gboolean
drive_get_policy(Tool *tool, const CmdLine *line, GPtrArray **ret_policies,
                 GError **error)
{
    *ret_policies = NULL;
    if (!cmd_line_has(line, "converge") &&
        !cmd_line_has(line, "converge-from")) {
        if (cmd_line_has(line, "max-downtime") ||
            cmd_line_has(line, "deadline") || cmd_line_has(line, "allow")) {
            tool_usage_error(error, _("--max-downtime, --deadline and --allow "
                                      "need --converge or --converge-from"));
            return FALSE;
        }
        return TRUE;
    }
    if (cmd_line_has(line, "converge") &&
        cmd_line_has(line, "converge-from")) {
        tool_usage_error(error, _("--converge and --converge-from exclude "
                                  "each other; --shadow follows further "
                                  "policies"));
        return FALSE;
    }
    *ret_policies = converge_get_policies(tool, line, FALSE, error);
    return *ret_policies != NULL;
}

gboolean
converge_drive_init(ConvergeDrive *drive, Tool *tool, const CmdLine *line,
                    const char *domain, gboolean acts, GError **error)
{
    g_auto(GStrv) names = cmd_line_get_all(line, "shadow");
    const char *record = cmd_line_get(line, "record");
    const char *metrics = cmd_line_get(line, "metrics");
    g_autoptr(GPtrArray) shadows = g_ptr_array_new_with_free_func(
        (GDestroyNotify)migtune_policy_unref);
    g_autoptr(GPtrArray) policies = NULL;

    drive->tool = tool;
    if (acts && !drive_get_policy(tool, line, &policies, error))
        return FALSE;
    for (char **name = names; name && *name; name++) {
        MigtunePolicy *policy = migtune_policy_new(*name, error);

        if (!policy)
            return FALSE;
        g_ptr_array_add(shadows, policy);
    }
    if (!policies && !shadows->len && !record && !metrics)
        return TRUE;

    g_ptr_array_add(shadows, NULL);
    if (policies && policies->pdata[0])
        drive->policy = migtune_policy_ref(policies->pdata[0]);
    drive->convergence = migtune_convergence_new(
        domain, drive->policy, (MigtunePolicy *const *)shadows->pdata, record,
        metrics, error);
    return drive->convergence != NULL;
}

void
converge_drive_clear(ConvergeDrive *drive)
{
    g_clear_pointer(&drive->convergence, migtune_convergence_free);
    g_clear_pointer(&drive->policy, migtune_policy_unref);
}

/* Returns the value of a setting; NULL if it is not known. */
static JsonNode *
drive_find(JsonNode *report, const char *name)
{
    JsonArray *rows = out_get_array(json_node_get_object(report),
                                    "parameters");

    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);

        if (g_strcmp0(out_get_string(row, "name"), name) == 0)
            return json_object_get_member(row, "value");
    }

    return NULL;
}

/* Reads the downtime limit, and whether post-copy is switched on. */
static JsonNode *
drive_read(ConvergeDrive *drive, MigtuneDomain *source,
           guint64 *ret_downtime_ms, gboolean *ret_postcopy)
{
    static const char *const names[] = { "downtime", "postcopy", NULL };
    JsonNode *report = migtune_domain_report(
        source, names, 0, drive->tool->cancellable, NULL);
    JsonNode *downtime = report ? drive_find(report, "downtime") : NULL;
    JsonNode *enabled = report ? drive_find(report, "postcopy") : NULL;

    *ret_downtime_ms = downtime && JSON_NODE_HOLDS_VALUE(downtime) ?
        json_node_get_int(downtime) : 0;
    *ret_postcopy = enabled && JSON_NODE_HOLDS_VALUE(enabled) &&
                    json_node_get_boolean(enabled);
    return report;
}

void
converge_drive_prepare(ConvergeDrive *drive, MigtuneDomain *source)
{
    g_autoptr(JsonNode) report = NULL;
    gboolean postcopy;

    if (drive->convergence)
        report = drive_read(drive, source, &drive->downtime_ms, &postcopy);
}

void
converge_drive_start(ConvergeDrive *drive, MigtuneDomain *source)
{
    g_autoptr(JsonNode) report = NULL;
    guint64 downtime_ms;
    gboolean postcopy;

    if (!drive->convergence)
        return;

    drive->started = TRUE;
    drive->start_us = g_get_monotonic_time();
    report = drive_read(drive, source, &downtime_ms, &postcopy);
    if (!drive->downtime_ms)
        drive->downtime_ms = downtime_ms;
    migtune_convergence_start(drive->convergence, report, downtime_ms,
                              postcopy);
}

static gboolean
drive_set(ConvergeDrive *drive, const char *name, guint64 value,
          GError **error)
{
    g_autofree char *word = g_strdup_printf("%s=%" PRIu64, name, value);
    const char *words[] = { word, NULL };
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    gboolean ok;

    ok = migtune_typed_params_parse(words, &params, &n_params, error) &&
         migtune_domain_set_parameters(drive->source, params, n_params,
                                       MIGTUNE_SET_LIVE,
                                       drive->tool->cancellable, error);
    migtune_typed_params_free(params, n_params);
    return ok;
}

void
converge_drive_enable_postcopy(ConvergeDrive *drive, MigtuneDomain *source,
                               MigtuneDomain *destination)
{
    g_autoptr(JsonNode) report = NULL;
    g_autoptr(GError) error = NULL;
    guint64 downtime_ms;
    gboolean postcopy;

    if (!drive->policy || !migtune_policy_needs_postcopy(drive->policy))
        return;
    if (!destination) {
        report = drive_read(drive, source, &downtime_ms, &postcopy);
        if (!postcopy)
            out_error("%s", _("the policy switches to post-copy, which must be "
                              "turned on for both guests before the migration "
                              "starts; without --incoming-domain the policy "
                              "does without it"));
        return;
    }
    if (!migtune_policy_enable_postcopy(drive->policy, source, destination,
                                        &drive->enabled_postcopy,
                                        drive->tool->cancellable, &error))
        out_error(_("%s: the policy switches to post-copy, which could not be "
                    "turned on; the policy does without it: %s"),
                  migtune_domain_get_name(source), error->message);
}

/* Post-copy was turned on for the policy, and the migration has failed. */
static void
drive_disable_postcopy(ConvergeDrive *drive, MigtuneDomain *source)
{
    g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(GError) error = NULL;

    g_variant_dict_insert(&settings, "postcopy", "b", FALSE);
    if (!migtune_domain_set_settings(source, g_variant_dict_end(&settings),
                                     MIGTUNE_SET_LIVE,
                                     drive->tool->cancellable, &error))
        out_error(_("%s: post-copy, which was turned on for the policy, is "
                    "still on: %s"), migtune_domain_get_name(source),
                  error->message);
}

static gboolean
drive_set_downtime(ConvergeDrive *drive, guint64 value, GError **error)
{
    drive->changed = TRUE;
    return drive_set(drive, "downtime", value, error);
}

static gboolean
drive_set_bandwidth(ConvergeDrive *drive, guint64 value, GError **error)
{
    return drive_set(drive, "bandwidth", value >> 20, error);
}

/* Only QEMU's auto-converge can throttle a guest; its limit determines how
 * much. */
static gboolean
drive_throttle(ConvergeDrive *drive, guint64 value, GError **error)
{
    static const char *const names[] = { "auto_converge", NULL };
    g_autoptr(JsonNode) report = migtune_domain_report(
        drive->source, names, 0, drive->tool->cancellable, error);
    JsonNode *enabled = report ? drive_find(report, "auto_converge") : NULL;

    if (!report)
        return FALSE;
    if (!enabled || !json_node_get_boolean(enabled)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("QEMU throttles a guest only if auto_converge was "
                            "on when the migration started"));
        return FALSE;
    }
    return drive_set(drive, "auto_converge.max", value, error) &&
           drive_set(drive, "auto_converge.initial", value, error);
}

static gboolean
drive_postcopy(ConvergeDrive *drive, guint64 value, GError **error)
{
    g_autoptr(GError) cause = NULL;

    /* Set this even if the reply is lost: the migration must not be
     * cancelled then. */
    drive->postcopy = TRUE;
    if (drive->migration ?
        migtune_migration_start_postcopy(drive->migration, NULL, &cause) :
        migtune_domain_start_postcopy(drive->source, drive->tool->cancellable,
                                      &cause))
        return TRUE;

    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        drive->postcopy = FALSE;
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

static gboolean
drive_pause(ConvergeDrive *drive, guint64 value, GError **error)
{
    const char *state = out_get_string(json_node_get_object(drive->info),
                                       "state");

    if (drive->suspended || g_strcmp0(state, "running") != 0)
        return TRUE;
    if (!migtune_domain_suspend(drive->source, drive->tool->cancellable,
                                error))
        return FALSE;

    drive->suspended = TRUE;
    return TRUE;
}

static gboolean
drive_abort(ConvergeDrive *drive, guint64 value, GError **error)
{
    if (drive->migration)
        return migtune_migration_abort(drive->migration, NULL, error);
    return migtune_domain_abort_job(drive->source, drive->tool->cancellable,
                                    error);
}

static gboolean
drive_note(ConvergeDrive *drive, guint64 value, GError **error)
{
    return TRUE;
}

static const struct {
    const char *action;
    gboolean (*run)(ConvergeDrive *drive, guint64 value, GError **error);
    const char *unit;           /* NULL: no value */
} drive_actions[] = {
    { "set-downtime", drive_set_downtime, " ms" },
    { "set-bandwidth", drive_set_bandwidth, " B/s" },
    { "throttle", drive_throttle, " %" },
    { "post-copy", drive_postcopy, NULL },
    { "pause", drive_pause, NULL },
    { "abort", drive_abort, NULL },
    { "set-deadline", drive_note, " ms" },
    { "note", drive_note, NULL },
};

static gboolean
drive_act(const char *action, guint64 value, const char *reason,
          gpointer data)
{
    ConvergeDrive *drive = data;
    const char *name = out_get_string(json_node_get_object(drive->info),
                                      "domain");

    for (guint i = 0; i < G_N_ELEMENTS(drive_actions); i++) {
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        gboolean ok;

        if (strcmp(drive_actions[i].action, action) != 0)
            continue;
        ok = drive_actions[i].run(drive, value, &error);
        text = drive_actions[i].unit ?
            g_strdup_printf(" %" PRIu64 "%s", value, drive_actions[i].unit) :
            g_strdup("");
        if (!ok)
            out_error(_("%s: %s%s failed: %s"), name, action, text,
                      error ? error->message : "");
        else if (!drive->tool->quiet)
            out_error("%s: %s%s: %s", name, action, text, reason);
        return ok;
    }

    return FALSE;
}

void
converge_drive_follow(ConvergeDrive *drive, MigtuneDomain *source,
                      JsonNode *info)
{
    gint64 time_ms;

    if (!drive->convergence)
        return;

    time_ms = (g_get_monotonic_time() - drive->start_us) / 1000;
    drive->source = source;
    drive->info = info;
    migtune_convergence_follow(drive->convergence, time_ms, info,
                               source ? drive_act : NULL, drive);
    drive->source = NULL;
    drive->info = NULL;
}

gboolean
converge_drive_finish(ConvergeDrive *drive, MigtuneDomain *source,
                      JsonNode *info, GError **error)
{
    const char *job = info ? out_get_string(json_node_get_object(info),
                                            "job") : NULL;
    g_autoptr(GError) cause = NULL;

    if (!drive->convergence)
        return TRUE;

    if (drive->enabled_postcopy && source &&
        (g_strcmp0(job, "cancelled") == 0 || g_strcmp0(job, "failed") == 0))
        drive_disable_postcopy(drive, source);
    if (drive->changed && drive->downtime_ms && source &&
        (g_strcmp0(job, "cancelled") == 0 || g_strcmp0(job, "failed") == 0)) {
        drive->source = source;
        if (!drive_set(drive, "downtime", drive->downtime_ms, &cause))
            out_error(_("the downtime that the policy has set is still in "
                        "force: %s"), cause->message);
        drive->source = NULL;
    }
    return migtune_convergence_finish(drive->convergence, info, error);
}
