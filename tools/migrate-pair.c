/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration between two guests that migtune can both reach; see
 * migrate-pair.h.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "migrate-pair.h"
#include "migration.h"
#include "plans.h"
#include "progress.h"

/* A refused action at the time limit is tried again after this time. */
#define LIMIT_RETRY_US (500 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    Tool *tool;
    MigtuneConn *other;         /* NULL: the connection of the source */
    gboolean libvirt;           /* libvirt migrates the guest */
    MigtuneDomain *source;
    MigtuneDomain *destination;
    MigtuneMigration *migration;

    /* State of the running migration. */
    Progress *progress;
    gint64 limit_us;            /* when to act; 0: no time limit, or handled */
    gboolean limit_refused;     /* the action was refused, which was printed */
    const char *action;
    ConvergeDrive converge;     /* policy and trace */
} Pair;

static void
pair_clear(Pair *pair)
{
    g_clear_object(&pair->migration);
    g_clear_pointer(&pair->source, migtune_domain_unref);
    g_clear_pointer(&pair->destination, migtune_domain_unref);
    g_clear_pointer(&pair->other, migtune_conn_unref);
    g_clear_pointer(&pair->progress, progress_free);
    converge_drive_clear(&pair->converge);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

gboolean
migrate_pair_is_uri(const char *word)
{
    return strstr(word, "://") && !g_str_has_prefix(word, "rdma");
}

static unsigned int
pair_get_flags(const CmdLine *line)
{
    static const unsigned int policies[] = {
        MIGTUNE_SET_STRICT, MIGTUNE_SET_SUBSTITUTE, MIGTUNE_SET_BEST_EFFORT
    };
    static const struct {
        const char *option;
        unsigned int flag;
    } options[] = {
        { "trust-link", MIGTUNE_MIGRATION_TRUST_LINK },
        { "unsafe", MIGTUNE_MIGRATION_UNSAFE },
        { "p2p", MIGTUNE_MIGRATION_PEER2PEER },
        { "persistent", MIGTUNE_MIGRATION_PERSISTENT },
        { "undefinesource", MIGTUNE_MIGRATION_UNDEFINE_SOURCE },
        { "tls", MIGTUNE_MIGRATION_TLS },
        { "resume", MIGTUNE_MIGRATION_RESUME },
    };
    const char *policy = cmd_line_get(line, "policy");
    unsigned int flags = 0;

    for (guint i = 0; policy && i < G_N_ELEMENTS(policies); i++)
        if (strcmp(policy, plans_policies[i]) == 0)
            flags |= policies[i];
    for (guint i = 0; i < G_N_ELEMENTS(options); i++)
        if (cmd_line_has(line, options[i].option))
            flags |= options[i].flag;

    return flags;
}

/* Whether @uri belongs to libvirt. */
static gboolean
pair_is_libvirt(const char *uri)
{
    static const char *const schemes[] = { "qemu", "test", "xen", "ch", NULL };
    g_autofree char *scheme = g_strndup(uri, strcspn(uri, "+:"));

    return g_strv_contains(schemes, scheme);
}

/* Fails if an option is given that is only for the other kind of migration. */
static gboolean
pair_check_options(const Pair *pair, const CmdLine *line, const char *uri,
                   GError **error)
{
    static const struct {
        const char *option;
        gboolean libvirt;
    } options[] = {
        { "dest-domain", FALSE },     { "address", FALSE },
        { "connect-address", FALSE }, { "trust-link", FALSE },
        { "p2p", TRUE },              { "persistent", TRUE },
        { "undefinesource", TRUE },   { "tls", TRUE },
        { "resume", TRUE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
        if (!cmd_line_has(line, options[i].option) ||
            options[i].libvirt == pair->libvirt)
            continue;
        if (pair->libvirt)
            tool_usage_error(error, _("--%s is not for a migration by libvirt, "
                                      "to which '%s' leads"),
                             options[i].option, uri);
        else
            tool_usage_error(error, _("--%s needs the connection URI of a "
                                      "libvirt instead of '%s'"),
                             options[i].option, uri);
        return FALSE;
    }
    if (cmd_line_has(line, "connect-address") &&
        !cmd_line_has(line, "address")) {
        tool_usage_error(error, _("--connect-address needs --address"));
        return FALSE;
    }

    return TRUE;
}

/* Fails if libvirt is on one side only: it migrates only to another libvirt. */
static gboolean
pair_check_sides(const Pair *pair, const char *source, const char *destination,
                 GError **error)
{
    if (pair_is_libvirt(source) == pair->libvirt)
        return TRUE;

    tool_usage_error(error, _("'%s' is a connection to libvirt and '%s' is "
                              "not: libvirt migrates its guests only to "
                              "another libvirt"),
                     pair->libvirt ? destination : source,
                     pair->libvirt ? source : destination);
    return FALSE;
}

/* Opens the waiting guest at @conn, and makes the migration object. */
static gboolean
pair_open_waiting(Pair *pair, const CmdLine *line, MigtuneConn *conn,
                  const PlansSettings *settings, GError **error)
{
    pair->destination = migtune_migration_find_destination(
        conn, pair->source, cmd_line_get(line, "dest-domain"),
        pair->tool->cancellable, error);
    if (!pair->destination)
        return FALSE;
    pair->migration = migtune_migration_new(
        pair->source, pair->destination, settings->params, settings->n_params,
        pair_get_flags(line), error);
    if (!pair->migration)
        return FALSE;
    migtune_migration_set_address(pair->migration,
                                  cmd_line_get(line, "address"),
                                  cmd_line_get(line, "connect-address"));

    return TRUE;
}

/* Opens both sides and makes the migration object. */
static gboolean
pair_open(Pair *pair, const CmdLine *line, GError **error)
{
    Tool *tool = pair->tool;
    const char *uri = cmd_line_get(line, "uri");
    const char *source = tool_get_uri(tool, error);
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };
    MigtuneConn *conn;

    pair->libvirt = pair_is_libvirt(uri);
    if (!source || !pair_check_options(pair, line, uri, error) ||
        !pair_check_sides(pair, source, uri, error))
        return FALSE;
    if (line->rest->len > 0 && !plans_take_settings(line, &settings, error))
        return FALSE;
    /* The monitor marks a guest of libvirt as tainted.  The connection of a
     * shell stays as it is; the library does not use the monitor anyway. */
    if (pair->libvirt && tool->one_shot)
        tool->no_monitor = TRUE;
    conn = tool_connect(tool, error);
    if (!conn)
        return FALSE;
    pair->source = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    if (!pair->source ||
        !plans_resolve_short_for(&settings, line, pair->source,
                                 tool->cancellable, error))
        return FALSE;
    if (strcmp(migtune_conn_get_uri(conn), uri) != 0) {
        pair->other = pair->libvirt
                          ? tool_open_uri(tool, uri, error)
                          : migtune_conn_open(
                                uri, tool->no_cache ? MIGTUNE_CONN_NO_CACHE : 0,
                                tool->timeout_ms, tool->cancellable, error);
        if (!pair->other)
            return FALSE;
        conn = pair->other;
    }
    if (!pair->libvirt)
        return pair_open_waiting(pair, line, conn, &settings, error);

    pair->migration = migtune_migration_new_libvirt(
        pair->source, conn, settings.params, settings.n_params,
        pair_get_flags(line), error);

    return pair->migration != NULL;
}

/*
 * Output
 */

static OutStyle
pair_get_style(const char *severity)
{
    static const struct {
        const char *severity;
        OutStyle style;
    } styles[] = {
        { "refuse", OUT_BAD },
        { "substitute", OUT_FAIR },
        { "warn", OUT_FAIR },
    };

    for (guint i = 0; i < G_N_ELEMENTS(styles); i++)
        if (g_strcmp0(severity, styles[i].severity) == 0)
            return styles[i].style;

    return OUT_PLAIN;
}

static void
pair_print_findings(Tool *tool, JsonObject *document)
{
    const char *titles[] = { _("Severity"), _("Finding"), _("Side"), _("Text"),
                             NULL };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonArray *findings = out_get_array(document, "findings");

    for (guint i = 0; i < json_array_get_length(findings); i++) {
        JsonObject *one = json_array_get_object_element(findings, i);
        const char *severity = out_get_string(one, "severity");
        const char *rule = out_get_string(one, "rule");
        const char *fix = out_get_string(one, "fix");
        g_autofree char *id =
            rule ? g_strdup_printf("%s (%s)", out_get_string(one, "id"), rule)
                 : g_strdup(out_get_string(one, "id"));
        g_autofree char *text =
            fix ? g_strdup_printf(_("%s. What helps: %s"),
                                  out_get_string(one, "text"), fix)
                : g_strdup(out_get_string(one, "text"));

        out_table_cell(table, pair_get_style(severity), severity);
        out_table_cell(table, OUT_PLAIN, id);
        out_table_cell(table, OUT_FAINT, out_get_string(one, "side"));
        out_table_cell(table, OUT_PLAIN, text);
    }
    if (json_array_get_length(findings) > 0)
        out_table_print(table, !tool->quiet, tool->colour);
    else if (!tool->quiet)
        out_line("%s", _("nothing was found that needs attention"));
}

static void
pair_print_verdicts(Tool *tool, JsonObject *document)
{
    const char *titles[] = { _("Parameter"),   _("Asked"),   _("Source"),
                             _("Destination"), _("Verdict"), _("Why"),
                             NULL };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonArray *verdicts = out_get_array(document, "verdicts");

    if (json_array_get_length(verdicts) == 0)
        return;
    for (guint i = 0; i < json_array_get_length(verdicts); i++) {
        JsonObject *one = json_array_get_object_element(verdicts, i);
        const char *const members[] = { "name", "asked", "source",
                                        "destination", "verdict", "reason" };

        for (guint j = 0; j < G_N_ELEMENTS(members); j++)
            out_table_cell(table, OUT_PLAIN, out_get_string(one, members[j]));
    }
    out_text("\n");
    out_table_print(table, !tool->quiet, tool->colour);
}

/* Whether a setting was not in force as it was requested. */
static gboolean
pair_has_remark(JsonObject *document)
{
    JsonArray *verdicts = out_get_array(document, "verdicts");

    for (guint i = 0; i < json_array_get_length(verdicts); i++) {
        JsonObject *one = json_array_get_object_element(verdicts, i);

        if (g_strcmp0(out_get_string(one, "verdict"), "in-force") != 0)
            return TRUE;
    }

    return FALSE;
}

static void
pair_print_unchecked(Tool *tool, JsonObject *document)
{
    JsonArray *all = out_get_array(document, "not-checked");

    if (tool->quiet || json_array_get_length(all) == 0)
        return;
    out_text("\n");
    out_line("%s", _("Not checked, because it cannot be known from here:"));
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);

        out_line(_("  %s: %s. By hand: %s"), out_get_string(one, "id"),
                 out_get_string(one, "text"), out_get_string(one, "how"));
    }
}

static void
pair_print_steps(Tool *tool, JsonObject *document)
{
    if (json_array_get_length(out_get_array(document, "steps")) == 0)
        return;
    out_text("\n");
    plans_print_steps(tool, document);
}

/* The equivalent commands of virsh, if libvirt migrates. */
static void
pair_print_virsh(Tool *tool, JsonObject *document)
{
    JsonArray *lines = out_get_array(document, "virsh");

    if (!lines)
        return;
    if (!tool->quiet) {
        out_text("\n");
        out_line("%s", _("The same with virsh:"));
    }
    for (guint i = 0; i < json_array_get_length(lines); i++)
        out_line("%s", json_array_get_string_element(lines, i));
}

static void
pair_print_outcome(Tool *tool, JsonObject *document)
{
    JsonObject *outcome = json_object_get_object_member(document, "outcome");
    JsonObject *there = json_object_get_object_member(document, "destination");
    JsonArray *warnings = out_get_array(outcome, "warnings");

    for (guint i = 0; i < json_array_get_length(warnings); i++)
        out_error(_("warning: %s"), json_array_get_string_element(warnings, i));
    if (tool->quiet || g_strcmp0(out_get_string(outcome, "guest"),
                                 "destination") != 0)
        return;
    if (out_get_string(outcome, "destination-state"))
        out_line(_("%s: the guest is on the destination ('%s')"),
                 out_get_string(there, "domain"),
                 out_get_string(outcome, "destination-state"));
    else
        out_line(_("%s: the guest is on the destination"),
                 out_get_string(there, "domain"));
    if (json_object_has_member(outcome, "downtime-ms") &&
        !json_object_get_null_member(outcome, "downtime-ms"))
        out_line(_("downtime %d ms by QEMU's account"),
                 (int)json_object_get_int_member(outcome, "downtime-ms"));
    if (!json_object_get_null_member(outcome, "extra-downtime-ms"))
        out_line(_("%.1f ms more until the destination was told to run, after "
                   "the source had finished (--trust-link avoids that)"),
                 json_object_get_double_member(outcome, "extra-downtime-ms"));
    if (pair_has_remark(document))
        pair_print_verdicts(tool, document);
}

/* What is printed in addition to findings and verdicts. */
typedef enum {
    PAIR_STEPS = 1 << 0,
    PAIR_UNCHECKED = 1 << 1,
} PairParts;

/* Prints the document of a migration.  With JSON output it contains
 * @failure; otherwise the caller reports @failure. */
static void
pair_print(Pair *pair, const GError *failure, PairParts parts)
{
    g_autoptr(JsonNode) node = migtune_migration_to_json(pair->migration);
    JsonObject *document = json_node_get_object(node);

    if (pair->tool->json) {
        if (failure)
            json_object_set_member(document, "error",
                                   out_error_to_json(failure));
        out_json(node);
        return;
    }
    if (!json_object_get_null_member(document, "outcome")) {
        pair_print_outcome(pair->tool, document);
        return;
    }
    pair_print_findings(pair->tool, document);
    pair_print_verdicts(pair->tool, document);
    if (parts & PAIR_STEPS)
        pair_print_steps(pair->tool, document);
    if (json_object_get_boolean_member(document, "ok"))
        pair_print_virsh(pair->tool, document);
    if (parts & PAIR_UNCHECKED)
        pair_print_unchecked(pair->tool, document);
}

static gboolean
pair_was_checked(const Pair *pair)
{
    return pair->migration && migtune_migration_get_state(pair->migration) !=
                                  MIGTUNE_MIGRATION_NEW;
}

/* Prints the result of a command; takes ownership of @failure. */
static int
pair_report(Pair *pair, GError *failure, PairParts parts, GError **error)
{
    int status = failure ? tool_get_status(failure) : TOOL_DONE;

    if (!pair_was_checked(pair)) {
        g_propagate_error(error, failure);
        return status;
    }
    pair_print(pair, failure, parts);
    if (pair->tool->json)
        g_clear_error(&failure);
    else if (failure)
        g_propagate_error(error, failure);

    return status;
}

int
migrate_pair_check(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(Pair) pair = { .tool = tool };
    const char *uri = cmd_line_get(line, "uri");
    GError *failure = NULL;

    if (!migrate_pair_is_uri(uri)) {
        tool_usage_error(error, _("migrate-check: '%s' is not a connection "
                                  "URI such as qmp:///run/guests/"), uri);
        return TOOL_USAGE;
    }
    if (pair_open(&pair, line, &failure))
        migtune_migration_check(pair.migration, tool->cancellable, &failure);

    return pair_report(&pair, failure, PAIR_UNCHECKED, error);
}

/* Shows the progress, and takes the action when the time limit is reached. */
static void
pair_observe(MigtuneMigration *migration, JsonNode *info, gpointer user_data)
{
    Pair *pair = user_data;
    g_autoptr(GError) error = NULL;
    gboolean ok = TRUE;

    if (pair->progress)
        progress_show(info, pair->progress);
    if (!pair->limit_us || g_get_monotonic_time() < pair->limit_us)
        return;

    if (strcmp(pair->action, "suspend") == 0)
        ok = migtune_domain_suspend(pair->source, NULL, &error);
    else if (strcmp(pair->action, "postcopy") == 0)
        ok = migtune_migration_start_postcopy(migration, NULL, &error);
    else
        ok = migtune_migration_abort(migration, NULL, &error);
    if (ok) {
        pair->limit_us = 0;
        out_error("%s", migration_get_action_remark(pair->action));
        return;
    }

    /* While libvirt prepares a migration, QEMU does not accept the action. */
    pair->limit_us = g_get_monotonic_time() + LIMIT_RETRY_US;
    if (!pair->limit_refused)
        out_error(_("the time limit has passed, but the migration "
                    "continues: %s"), error->message);
    pair->limit_refused = TRUE;
}

int
migrate_pair_run(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(Pair) pair = { .tool = tool };
    Migration limits = { .tool = tool };
    GError *failure = NULL;
    g_autofree char *risk = NULL;

    if (!migration_take_timeout(&limits, line, error))
        return TOOL_USAGE;
    if (!pair_open(&pair, line, &failure))
        return pair_report(&pair, failure, 0, error);
    if (!converge_set_policy(tool, line, pair.migration, error))
        return TOOL_USAGE;
    if (cmd_line_has(line, "dry-run")) {
        migtune_migration_check(pair.migration, tool->cancellable, &failure);
        return pair_report(&pair, failure, PAIR_STEPS, error);
    }

    if (!converge_drive_attach(&pair.converge, tool, line, pair.migration,
                               error))
        return TOOL_USAGE;
    pair.action = limits.action;
    if (limits.timeout_ms)
        pair.limit_us =
            g_get_monotonic_time() + limits.timeout_ms * (gint64)1000;
    pair.progress = progress_new(tool, cmd_line_has(line, "verbose"));
    migtune_migration_set_observer(pair.migration, pair_observe, &pair, NULL);
    risk = g_strdup_printf(
        pair.libvirt ? _("the migration of %s may still be running; libvirt "
                         "cancels it unless --p2p was given or post-copy has "
                         "begun")
                     : _("the migration of %s may still be running; 'migtune "
                         "recover' finds out where the guest is"),
        migtune_domain_get_name(pair.source));
    tool_signals_set_risk(tool->signals, risk);
    migtune_migration_run(pair.migration, tool->cancellable, &failure);
    g_clear_pointer(&pair.progress, progress_free);

    return pair_report(&pair, failure, 0, error);
}

int
migrate_pair_recover(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(JsonNode) node = migtune_recover(
        cmd_line_has(line, "dry-run"), tool->cancellable, error);
    int status = TOOL_DONE;
    JsonArray *all;

    if (!node)
        return TOOL_FAILED;
    all = json_node_get_array(node);
    if (tool->json)
        out_json(node);
    else if (json_array_get_length(all) == 0 && !tool->quiet)
        out_line("%s", _("no migration was cut off"));
    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);
        const char *why = out_get_string(one, "error");
        const char *warning = out_get_string(one, "warning");

        if (!out_get_bool(one, "over") && !cmd_line_has(line, "dry-run"))
            status = TOOL_UNKNOWN;
        if (tool->json)
            continue;
        out_line(_("%s: %s (source '%s', destination '%s')"),
                 out_get_string(one, "domain"), out_get_string(one, "text"),
                 out_get_string(one, "source-state"),
                 out_get_string(one, "destination-state"));
        if (out_get_bool(one, "started"))
            out_line(_("%s: the guest has been started on the destination"),
                     out_get_string(one, "domain"));
        if (warning)
            out_error(_("warning: %s"), warning);
        if (why)
            out_error("%s: %s", out_get_string(one, "domain"), why);
    }

    return status;
}
