/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of the convergence policies, and the output of their decisions;
 * see converge-drive.h.
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

/* Reads the options into @drive->policy and @drive->shadows.  @ret_needed: whether
 * there are any. */
static gboolean
drive_read_options(ConvergeDrive *drive, const CmdLine *line, gboolean acts,
                   gboolean *ret_needed, GError **error)
{
    g_auto(GStrv) names = cmd_line_get_all(line, "shadow");
    g_autoptr(GPtrArray) policies = NULL;

    drive->shadows = g_ptr_array_new_with_free_func(
        (GDestroyNotify)migtune_policy_unref);
    if (acts && !drive_get_policy(drive->tool, line, &policies, error))
        return FALSE;
    for (char **name = names; name && *name; name++) {
        MigtunePolicy *policy = migtune_policy_new(*name, error);

        if (!policy)
            return FALSE;
        g_ptr_array_add(drive->shadows, policy);
    }
    if (policies && policies->pdata[0])
        drive->policy = migtune_policy_ref(policies->pdata[0]);
    *ret_needed = policies || drive->shadows->len ||
                  cmd_line_has(line, "record") ||
                  cmd_line_has(line, "metrics");
    g_ptr_array_add(drive->shadows, NULL);
    return TRUE;
}

static const struct {
    const char *action;
    const char *unit;
} drive_units[] = {
    { "set-downtime", " ms" },
    { "set-bandwidth", " B/s" },
    { "throttle", " %" },
    { "set-deadline", " ms" },
};

/* Prints a decision that was carried out or has failed. */
static void
drive_print(ConvergeDrive *drive, GVariant *decision)
{
    const char *action = "", *reason = "", *result = "", *why = "";
    g_autofree char *text = NULL;
    guint64 value = 0;

    g_variant_lookup(decision, "action", "&s", &action);
    g_variant_lookup(decision, "reason", "&s", &reason);
    g_variant_lookup(decision, "result", "&s", &result);
    g_variant_lookup(decision, "error", "&s", &why);
    g_variant_lookup(decision, "value", "t", &value);
    for (guint i = 0; i < G_N_ELEMENTS(drive_units); i++) {
        if (strcmp(drive_units[i].action, action) == 0)
            text = g_strdup_printf(" %" PRIu64 "%s", value,
                                   drive_units[i].unit);
    }
    if (strcmp(result, "failed") == 0)
        out_error(_("%s: %s%s failed: %s"), drive->name, action,
                  text ? text : "", why);
    else if (strcmp(result, "taken") == 0 && !drive->tool->quiet)
        out_error("%s: %s%s: %s", drive->name, action, text ? text : "",
                  reason);
}

static void
drive_take_decision(GVariant *decision, gpointer data)
{
    drive_print(data, decision);
}

static void
drive_take_signal(MigtuneMigration *migration, GVariant *decision,
                  gpointer data)
{
    drive_print(data, decision);
}

gboolean
converge_drive_init(ConvergeDrive *drive, Tool *tool, const CmdLine *line,
                    const char *domain, gboolean acts, GError **error)
{
    gboolean needed;

    drive->tool = tool;
    drive->name = g_strdup(domain);
    if (!drive_read_options(drive, line, acts, &needed, error))
        return FALSE;
    if (!needed)
        return TRUE;

    drive->steering = migtune_steering_new(
        domain, drive->policy, (MigtunePolicy *const *)drive->shadows->pdata,
        cmd_line_get(line, "record"), cmd_line_get(line, "metrics"), error);
    if (!drive->steering)
        return FALSE;

    migtune_steering_set_func(drive->steering, drive_take_decision, drive);
    return TRUE;
}

gboolean
converge_drive_attach(ConvergeDrive *drive, Tool *tool, const CmdLine *line,
                      MigtuneMigration *migration, GError **error)
{
    MigtuneDomain *source = migtune_migration_get_source(migration);
    gboolean needed;

    drive->tool = tool;
    drive->name = g_strdup(migtune_domain_get_name(source));
    if (!drive_read_options(drive, line, TRUE, &needed, error))
        return FALSE;
    if (!needed)
        return TRUE;

    g_signal_connect(migration, "decision", G_CALLBACK(drive_take_signal),
                     drive);
    return migtune_migration_set_convergence(
        migration, drive->policy,
        (MigtunePolicy *const *)drive->shadows->pdata,
        cmd_line_get(line, "record"), cmd_line_get(line, "metrics"), error);
}

void
converge_drive_clear(ConvergeDrive *drive)
{
    g_clear_pointer(&drive->steering, migtune_steering_free);
    g_clear_pointer(&drive->shadows, g_ptr_array_unref);
    g_clear_pointer(&drive->policy, migtune_policy_unref);
    g_clear_pointer(&drive->name, g_free);
}

void
converge_drive_start(ConvergeDrive *drive, MigtuneDomain *source)
{
    if (drive->steering)
        migtune_steering_start(drive->steering, source,
                               drive->tool->cancellable);
}

/* Whether post-copy is turned on for @source. */
static gboolean
drive_has_postcopy(ConvergeDrive *drive, MigtuneDomain *source)
{
    static const char *const names[] = { "postcopy", NULL };
    g_autoptr(GVariant) settings = migtune_domain_get_settings(
        source, names, 0, drive->tool->cancellable, NULL);
    gboolean enabled = FALSE;

    return settings &&
           g_variant_lookup(settings, "postcopy", "b", &enabled) && enabled;
}

void
converge_drive_enable_postcopy(ConvergeDrive *drive, MigtuneDomain *source,
                               MigtuneDomain *destination)
{
    g_autoptr(GError) error = NULL;

    if (!drive->policy || !migtune_policy_needs_postcopy(drive->policy))
        return;
    if (!destination) {
        if (!drive_has_postcopy(drive, source))
            out_error("%s", _("the policy switches to post-copy, which must be "
                              "turned on for both guests before the migration "
                              "starts; without --incoming-domain the policy "
                              "does without it"));
        return;
    }
    if (!migtune_steering_enable_postcopy(drive->steering, source, destination,
                                          drive->tool->cancellable, &error))
        out_error(_("%s: the policy switches to post-copy, which could not be "
                    "turned on; the policy does without it: %s"),
                  migtune_domain_get_name(source), error->message);
}

void
converge_drive_follow(ConvergeDrive *drive, MigtuneDomain *source,
                      JsonNode *info)
{
    if (drive->steering)
        migtune_steering_follow(drive->steering, source, info,
                                drive->tool->cancellable);
}

unsigned int
converge_drive_get_done(ConvergeDrive *drive)
{
    return drive->steering ? migtune_steering_get_done(drive->steering) : 0;
}

gboolean
converge_drive_finish(ConvergeDrive *drive, MigtuneDomain *source,
                      JsonNode *info, GError **error)
{
    return !drive->steering ||
           migtune_steering_finish(drive->steering, source, info, error);
}
