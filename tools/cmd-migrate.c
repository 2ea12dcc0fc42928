/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that start, watch and end a migration.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "cmd.h"
#include "migrate-pair.h"
#include "migration.h"
#include "plans.h"

/* Time limit for a cancelled migration to end. */
#define MIGRATE_ABORT_MS 30000

/* Adds a command to @steps as QEMU would receive it. @uri may be NULL. */
static void
migrate_add_step(JsonArray *steps, MigtuneDomain *domain,
                 const char *execute, const char *uri, gboolean resume)
{
    JsonObject *step = json_object_new();
    JsonObject *arguments = json_object_new();

    json_object_set_string_member(step, "domain",
                                  migtune_domain_get_name(domain));
    json_object_set_string_member(step, "execute", execute);
    if (uri)
        json_object_set_string_member(arguments, "uri", uri);
    if (resume)
        json_object_set_boolean_member(arguments, "resume", TRUE);
    json_object_set_object_member(step, "arguments", arguments);
    json_array_add_object_element(steps, step);
}

/* Returns the QMP command that makes a destination listen. */
static const char *
migrate_get_listen_command(gboolean resume)
{
    return resume ? "migrate-recover" : "migrate-incoming";
}

/* Prints the output of --dry-run. Takes ownership of @steps. */
static int
migrate_print_steps(Tool *tool, JsonArray *steps)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();

    json_object_set_array_member(object, "steps", steps);
    json_node_take_object(node, object);
    if (tool->json) {
        out_json(node);
        return TOOL_DONE;
    }

    plans_print_steps(tool, object);

    return TOOL_DONE;
}

static void
migrate_print_info(Tool *tool, JsonNode *info)
{
    const char *titles[] = { _("Statistic"), _("Value"), _("In QEMU"), NULL };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonObject *object = json_node_get_object(info);
    JsonArray *statistics = out_get_array(object, "statistics");
    guint n = statistics ? json_array_get_length(statistics) : 0;
    const char *why = out_get_string(object, "error");
    const char *job = out_get_string(object, "job");
    const char *status = out_get_string(object, "status");

    if (!tool->quiet) {
        if (g_strcmp0(job, status) == 0)
            out_line(_("%s: migration %s, guest %s"),
                     out_get_string(object, "domain"), job,
                     out_get_string(object, "state"));
        else
            out_line(_("%s: migration %s (%s), guest %s"),
                     out_get_string(object, "domain"), job, status,
                     out_get_string(object, "state"));
        if (why)
            out_line(_("QEMU says: %s"), why);
    }
    if (n == 0)
        return;

    for (guint i = 0; i < n; i++) {
        JsonObject *row = json_array_get_object_element(statistics, i);
        const char *qmp = out_get_string(row, "qmp");
        const char *text = out_get_string(row, "text");

        /* The error has been printed above. */
        if (why && !tool->quiet && g_strcmp0(text, why) == 0)
            continue;
        out_table_cell(table, OUT_PLAIN, out_get_string(row, "name"));
        out_table_cell(table, OUT_PLAIN, text);
        out_table_cell(table, OUT_FAINT, qmp ? qmp : "");
    }
    if (!tool->quiet)
        out_text("\n");
    out_table_print(table, !tool->quiet, tool->colour);
}

/* Fails if settings or options for two hosts are given and migtune cannot
 * reach the destination. */
static gboolean
migrate_check_uri(const char *uri, const CmdLine *line, GError **error)
{
    static const char *const pair_options[] = {
        "dest-domain", "address", "connect-address", "policy", "trust-link",
        "p2p", "persistent", "undefinesource", "tls",
    };

    for (guint i = 0; i < G_N_ELEMENTS(pair_options); i++) {
        if (!cmd_line_has(line, pair_options[i]))
            continue;
        tool_usage_error(error, _("--%s needs the connection URI of the "
                                  "destination instead of '%s'"),
                         pair_options[i], uri);
        return FALSE;
    }
    if (line->rest->len == 0)
        return TRUE;

    tool_usage_error(error, _("'%s': settings need the connection URI of the "
                              "destination instead of '%s'"),
                     (const char *)line->rest->pdata[0], uri);
    return FALSE;
}

/* Returns whether @name is the source.  The monitor of the source is in use,
 * so a lookup on the connection would not find it. */
static gboolean
migrate_is_source(MigtuneDomain *source, const char *name)
{
    const char *uuid = migtune_domain_get_uuid(source);

    return strcmp(name, migtune_domain_get_name(source)) == 0 ||
        strcmp(name, migtune_domain_get_key(source)) == 0 ||
        (uuid && g_ascii_strcasecmp(name, uuid) == 0);
}

static gboolean
migrate_open_destination(Migration *migration, Tool *tool,
                         const CmdLine *line, GError **error)
{
    const char *name = cmd_line_get(line, "incoming-domain");
    const char *uri = cmd_line_get(line, "incoming-connect");

    if (!name && uri) {
        tool_usage_error(error, _("--incoming-connect needs "
                                  "--incoming-domain"));
        return FALSE;
    }
    if (!name)
        return TRUE;
    if (!uri && migrate_is_source(migration->source, name)) {
        tool_usage_error(error, _("'%s' is the source of this migration; "
                                  "--incoming-domain must name another guest"),
                         name);
        return FALSE;
    }
    if (!uri) {
        /* A lookup contacts all guests, and a monitor serves one client at a
         * time: release the monitor of the source first. */
        g_clear_pointer(&migration->source, migtune_domain_unref);
        migration->destination = tool_open_domain(tool, name, error);
        if (!migration->destination)
            return FALSE;
        migration->source = migtune_conn_open_domain(
            migration->conn, migration->key, tool->cancellable, error);
        return migration->source != NULL;
    }

    migration->other =
        migtune_conn_open(uri, tool->no_cache ? MIGTUNE_CONN_NO_CACHE : 0,
                          tool->timeout_ms, tool->cancellable, error);
    if (migration->other)
        migration->destination = migtune_conn_lookup(migration->other, name,
                                                     tool->cancellable, error);

    return migration->destination != NULL;
}

static int
migrate_dry_run(const Migration *migration, Tool *tool)
{
    JsonArray *steps = json_array_new();

    if (migration->destination)
        migrate_add_step(steps, migration->destination,
                         migrate_get_listen_command(migration->resume),
                         migration->uri, FALSE);
    migrate_add_step(steps, migration->source, "migrate", migration->uri,
                     migration->resume);

    return migrate_print_steps(tool, steps);
}

static JsonNode *
migrate_to_json(const Migration *migration, JsonNode *source,
                JsonNode *destination, const GError *failure)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "domain", migration->name);
    json_object_set_string_member(object, "uri", migration->uri);
    json_object_set_member(object, "source", source
                           ? json_node_copy(source)
                           : json_node_new(JSON_NODE_NULL));
    json_object_set_member(object, "destination", destination
                           ? json_node_copy(destination)
                           : json_node_new(JSON_NODE_NULL));
    if (failure)
        json_object_set_member(object, "error", out_error_to_json(failure));
    json_node_take_object(node, object);

    return node;
}

/* Prints the result; takes ownership of @failure. */
static int
migrate_report(Migration *migration, Tool *tool, GError *failure,
               GError **error)
{
    g_autoptr(JsonNode) source = NULL;
    g_autoptr(JsonNode) destination = NULL;
    int status = migration_get_status(migration, failure);

    if (!failure || tool->json) {
        source = migration_get_source(migration);
        destination = migration_get_destination(migration);
    }
    if (tool->json) {
        g_autoptr(JsonNode) document =
            migrate_to_json(migration, source, destination, failure);

        out_json(document);
        g_clear_error(&failure);
        return status;
    }
    if (failure) {
        g_propagate_error(error, failure);
        return status;
    }

    if (source)
        migrate_print_info(tool, source);
    if (destination && !tool->quiet) {
        JsonObject *object = json_node_get_object(destination);

        out_text("\n");
        out_line(_("%s: guest %s"), out_get_string(object, "domain"),
                 out_get_string(object, "state"));
    }

    return status;
}

static int
migrate_migrate(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(Migration) migration = {
        .tool = tool,
        .uri = cmd_line_get(line, "uri"),
        .resume = cmd_line_has(line, "resume"),
        .continues = cmd_line_has(line, "continue"),
        .unchecked = cmd_line_has(line, "unsafe"),
    };
    g_autoptr(Progress) progress = NULL;
    GError *failure = NULL;

    if (migrate_pair_is_uri(migration.uri))
        return migrate_pair_run(tool, line, error);
    if (!migrate_check_uri(migration.uri, line, error) ||
        !migration_take_timeout(&migration, line, error))
        return TOOL_USAGE;
    migration.conn = tool_connect(tool, error);
    migration.source = tool_open_domain(tool, cmd_line_get(line, "domain"),
                                        error);
    if (!migration.source)
        return TOOL_FAILED;
    migration.key = g_strdup(migtune_domain_get_key(migration.source));
    migration.name = g_strdup(migtune_domain_get_name(migration.source));
    if (!migrate_open_destination(&migration, tool, line, error))
        return TOOL_FAILED;
    if (!migration_check(&migration, &failure))
        return migrate_report(&migration, tool, failure, error);
    if (cmd_line_has(line, "dry-run"))
        return migrate_dry_run(&migration, tool);
    if (!converge_drive_init(&migration.converge, tool, line, migration.name,
                             TRUE, error))
        return TOOL_USAGE;
    if (cmd_line_has(line, "detach") && migration.converge.steering) {
        tool_usage_error(error, _("--detach excludes --converge, "
                                  "--converge-from, --shadow, --record and "
                                  "--metrics"));
        return TOOL_USAGE;
    }

    if (!migration.resume)
        converge_drive_enable_postcopy(&migration.converge, migration.source,
                                       migration.destination);
    if (!migration_start(&migration, &failure))
        return migrate_report(&migration, tool, failure, error);
    if (cmd_line_has(line, "detach")) {
        if (tool->json)
            return migrate_report(&migration, tool, NULL, error);
        return TOOL_DONE;
    }

    progress = progress_new(tool, cmd_line_has(line, "verbose"));
    migration_wait(&migration, progress, &failure);
    g_clear_pointer(&progress, progress_free);

    return migrate_report(&migration, tool, failure, error);
}

/* Prints the state of the migration if --json was given. */
static int
migrate_show(Tool *tool, MigtuneDomain *domain, GError **error)
{
    g_autoptr(JsonNode) info = NULL;

    if (!tool->json)
        return TOOL_DONE;

    info = migtune_domain_get_job_info(domain, tool->cancellable, error);
    if (!info)
        return TOOL_FAILED;
    out_json(info);

    return TOOL_DONE;
}

static int
migrate_incoming(Tool *tool, const CmdLine *line, GError **error)
{
    const char *uri = cmd_line_get(line, "uri");
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    gboolean resume = cmd_line_has(line, "resume");

    if (!domain)
        return TOOL_FAILED;
    if (cmd_line_has(line, "dry-run")) {
        JsonArray *steps = json_array_new();

        migrate_add_step(steps, domain, migrate_get_listen_command(resume),
                         uri, FALSE);
        return migrate_print_steps(tool, steps);
    }
    if (!migtune_domain_migrate_incoming(domain, uri,
                                         resume ? MIGTUNE_MIGRATE_RESUME : 0,
                                         tool->cancellable, error))
        return TOOL_FAILED;

    return migrate_show(tool, domain, error);
}

static int
migrate_postcopy(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);

    if (!domain)
        return TOOL_FAILED;
    if (cmd_line_has(line, "dry-run")) {
        JsonArray *steps = json_array_new();

        migrate_add_step(steps, domain, "migrate-start-postcopy", NULL,
                         FALSE);
        return migrate_print_steps(tool, steps);
    }
    if (!migtune_domain_start_postcopy(domain, tool->cancellable, error))
        return TOOL_FAILED;

    return migrate_show(tool, domain, error);
}

/* The states of a migration that has not ended. */
static const char *const migrate_going_on[] = {
    "waiting", "active", "paused", NULL
};

static int
migrate_info_once(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    g_autoptr(JsonNode) info = NULL;
    const char *job;

    if (domain)
        info = migtune_domain_get_job_info(domain, tool->cancellable, error);
    if (!info)
        return TOOL_FAILED;
    if (tool->json)
        tool_print_json(line, info);
    else
        migrate_print_info(tool, info);
    job = out_get_string(json_node_get_object(info), "job");
    tool->watched_all = !g_strv_contains(migrate_going_on, job ? job : "");

    return TOOL_DONE;
}

static int
migrate_continue(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);

    if (!domain)
        return TOOL_FAILED;
    if (cmd_line_has(line, "dry-run")) {
        JsonArray *steps = json_array_new();

        migrate_add_step(steps, domain, "migrate-continue", NULL, FALSE);
        return migrate_print_steps(tool, steps);
    }
    if (!migtune_domain_continue_job(domain, tool->cancellable, error))
        return TOOL_FAILED;

    return migrate_show(tool, domain, error);
}

static int
migrate_info(Tool *tool, const CmdLine *line, GError **error)
{
    if (cmd_line_has(line, "watch"))
        return tool_watch(tool, line, migrate_info_once, error);

    return migrate_info_once(tool, line, error);
}

static gboolean
migrate_is_incoming(MigtuneDomain *domain, GCancellable *cancellable)
{
    g_autoptr(JsonNode) info =
        migtune_domain_get_info(domain, cancellable, NULL);

    return info && g_strcmp0(out_get_string(json_node_get_object(info),
                                            "state"), "inmigrate") == 0;
}

/* Fails unless the migration of @domain can be cancelled. */
static gboolean
migrate_check_abort(MigtuneDomain *domain, GCancellable *cancellable,
                    GError **error)
{
    const char *name = migtune_domain_get_name(domain);
    g_autoptr(JsonNode) info =
        migtune_domain_get_job_info(domain, cancellable, error);
    const char *job;

    if (!info)
        return FALSE;

    job = out_get_string(json_node_get_object(info), "job");
    if (migration_is_postcopy(info))
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("%s: the migration has switched to post-copy "
                            "('%s') and is not cancelled: the memory of the "
                            "guest is on both hosts, and cancelling would "
                            "lose the guest"), name,
                          out_get_string(json_node_get_object(info),
                                         "status"));
    else if (g_strcmp0(job, "active") == 0 || g_strcmp0(job, "paused") == 0)
        return TRUE;
    else if (migrate_is_incoming(domain, cancellable))
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("%s: this guest waits for a migration or arrives "
                            "here; a migration is cancelled on the host that "
                            "the guest leaves"), name);
    else
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("%s: no migration is running"), name);

    return FALSE;
}

static int
migrate_abort(Tool *tool, const CmdLine *line, GError **error)
{
    const char *name = cmd_line_get(line, "domain");
    g_autoptr(MigtuneDomain) domain = tool_open_domain(tool, name, error);
    g_autoptr(GError) end = NULL;

    if (!domain || !migrate_check_abort(domain, tool->cancellable, error))
        return TOOL_FAILED;
    if (cmd_line_has(line, "dry-run")) {
        JsonArray *steps = json_array_new();

        migrate_add_step(steps, domain, "migrate_cancel", NULL, FALSE);
        return migrate_print_steps(tool, steps);
    }
    if (!migtune_domain_abort_job(domain, tool->cancellable, error))
        return TOOL_FAILED;
    if (migtune_domain_wait_job(domain, MIGRATE_ABORT_MS, 0, NULL, NULL,
                                tool->cancellable, &end)) {
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("%s: the migration was completed before it could "
                            "be cancelled"), name);
        return TOOL_FAILED;
    }
    if (!g_error_matches(end, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED)) {
        g_propagate_error(error, g_steal_pointer(&end));
        return TOOL_FAILED;
    }

    return migrate_show(tool, domain, error);
}

#define MIGRATE_DOMAIN                                                  \
    { "domain", 0, CMD_OPT_DATA, .required = TRUE,                      \
      .word = CMD_WORD_DOMAIN, .metavar = "DOMAIN",                     \
      .help = N_("name, UUID or key of a guest") }

#define MIGRATE_DRY_RUN                                                 \
    { "dry-run", 0, CMD_OPT_FLAG,                                       \
      .help = N_("print the commands that would be sent, without sending "\
                 "them") }

static const CmdOption migrate_migrate_options[] = {
    MIGRATE_DOMAIN,
    { "uri", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "DESTINATION",
      .help = N_("the connection URI of the destination, such as "
                 "qmp:///run/guests/, or an address in QEMU's syntax, such as "
                 "tcp:HOST:PORT or unix:PATH") },
    { "settings", 0, CMD_OPT_REST, .word = CMD_WORD_SETTING,
      .metavar = "NAME=VALUE",
      .help = N_("settings of both sides for this migration; with a "
                 "connection URI") },
    MIGRATE_PAIR_OPTIONS,
    { "incoming-domain", 0, CMD_OPT_TEXT, .word = CMD_WORD_DOMAIN,
      .metavar = "NAME",
      .help = N_("the guest that waits for the migration; it is told to "
                 "listen at URI first") },
    { "incoming-connect", 0, CMD_OPT_TEXT, .metavar = "URI",
      .help = N_("the connection of that guest, if it differs from that of "
                 "the source") },
    { "timeout", 0, CMD_OPT_NUMBER, .metavar = "SECONDS",
      .help = N_("time limit of the migration, after which --timeout-action "
                 "is taken") },
    { "timeout-action", 0, CMD_OPT_TEXT, .choices = migration_actions,
      .metavar = "ACTION",
      .help = N_("the action after --timeout: suspend the guest until the "
                 "migration has ended (the default), switch to post-copy, or "
                 "abort the migration") },
    CONVERGE_DRIVE_OPTIONS,
    { "continue", 0, CMD_OPT_FLAG,
      .help = N_("send migrate-continue when QEMU waits for it before the "
                 "switchover (pause_before_switchover)") },
    { "unsafe", 0, CMD_OPT_FLAG,
      .help = N_("start the migration even if the two sides do not match") },
    { "resume", 0, CMD_OPT_FLAG,
      .help = N_("continue a post-copy migration whose connection was lost") },
    { "detach", 0, CMD_OPT_FLAG,
      .help = N_("start the migration and do not wait for its end; "
                 "domjobinfo shows its progress") },
    { "verbose", 0, CMD_OPT_FLAG,
      .help = N_("print the progress even if standard error is not a "
                 "terminal") },
    MIGRATE_DRY_RUN,
    { "live", 0, CMD_OPT_FLAG, .hidden = TRUE, .help = "as virsh" },
    { "timeout-suspend", 0, CMD_OPT_FLAG, .hidden = TRUE,
      .help = "as virsh" },
    { "timeout-postcopy", 0, CMD_OPT_FLAG, .hidden = TRUE,
      .help = "as virsh" },
    { NULL }
};

static const CmdOption migrate_check_options[] = {
    MIGRATE_DOMAIN,
    { "uri", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "DESTINATION",
      .help = N_("the connection URI of the destination") },
    { "settings", 0, CMD_OPT_REST, .word = CMD_WORD_SETTING,
      .metavar = "NAME=VALUE",
      .help = N_("settings that the migration would get") },
    MIGRATE_PAIR_OPTIONS,
    { NULL }
};

static const CmdOption migrate_recover_options[] = {
    { "dry-run", 0, CMD_OPT_FLAG,
      .help = N_("only print where the guests are") },
    { NULL }
};

static const CmdOption migrate_incoming_options[] = {
    MIGRATE_DOMAIN,
    { "uri", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "URI",
      .help = N_("the address to listen at in QEMU's syntax, such as "
                 "tcp:HOST:PORT or unix:PATH") },
    { "resume", 0, CMD_OPT_FLAG,
      .help = N_("listen for the rest of a post-copy migration whose "
                 "connection was lost") },
    MIGRATE_DRY_RUN,
    { NULL }
};

static const CmdOption migrate_info_options[] = {
    MIGRATE_DOMAIN,
    { "watch", 0, CMD_OPT_FLAG,
      .help = N_("print the statistics again every second until the migration "
                 "has ended; with --json each time in one line") },
    { "completed", 0, CMD_OPT_FLAG, .hidden = TRUE,
      .help = "as virsh" },
    { NULL }
};

static const CmdOption migrate_abort_options[] = {
    MIGRATE_DOMAIN,
    MIGRATE_DRY_RUN,
    { NULL }
};

const Cmd cmd_migrate_commands[] = {
    { "migrate", 0, migrate_migrate_options, migrate_migrate,
      N_("migrate a guest and wait for the result"),
      N_("Starts a migration with the settings in force, shows its progress "
         "and prints its statistics at the end. Statistics have the names "
         "that libvirt gives them, where it has one. A signal (Ctrl-C) "
         "cancels the migration, and the guest continues to run on the "
         "source.\n\n"
         "If DESTINATION is a connection URI, both guests are compared first, "
         "and nothing is started if a finding refuses it (see "
         "migrate-check). Both sides get settings that fit each other, the "
         "destination first, and their former settings if anything fails "
         "before the guest moves. The guest is started on the destination "
         "only after the source is known to have finished, so that it never "
         "runs on both sides.\n\n"
         "If DESTINATION is the URI of a libvirt, libvirt migrates the guest, "
         "with the settings as flags and parameters of its migration call and "
         "without QEMU's monitor. --dry-run prints the equivalent virsh "
         "commands.\n\n"
         "With an address in QEMU's syntax and --incoming-domain the "
         "destination is a guest that migtune can reach as well and that was "
         "started to wait for a migration.") },
    { "migrate-check", 0, migrate_check_options, migrate_pair_check,
      N_("compare a guest with the guest that waits for its migration"),
      N_("Asks both sides, and prints what would make the migration fail, hang "
         "or lose memory, what would differ from the request, and what cannot "
         "be checked from here. Nothing is changed. The exit status is 0 "
         "only if nothing refuses the migration.") },
    { "recover", 0, migrate_recover_options, migrate_pair_recover,
      N_("find the guests of migrations that were interrupted"),
      N_("After migtune was killed during a migration between two known "
         "guests: asks both sides where the guest is, restores their settings "
         "where that is safe, and starts the guest on the destination if the "
         "source has finished and the destination had not been told to run. A "
         "guest that may run elsewhere is never started. The exit status is 4 "
         "if a migration is still running or needs a decision.") },
    { "migrate-incoming", 0, migrate_incoming_options, migrate_incoming,
      N_("let a waiting guest listen for its migration"),
      N_("Tells a guest that was started to wait for a migration to listen "
         "at URI.") },
    { "domjobinfo", 0, migrate_info_options, migrate_info,
      N_("show the statistics of a migration"),
      N_("Prints all statistics that QEMU reports about the current or the "
         "last migration of a guest.") },
    { "migrate-postcopy", 0, migrate_abort_options, migrate_postcopy,
      N_("switch a running migration to post-copy"),
      N_("Switches the migration to post-copy: the guest stops on the "
         "source, runs on the destination and fetches the remaining memory "
         "from the source. The capability 'postcopy' must have been on at "
         "both sides before the migration started. From then on the guest "
         "depends on both hosts, and the migration cannot be cancelled any "
         "more.") },
    { "migrate-continue", 0, migrate_abort_options, migrate_continue,
      N_("continue a migration that waits before the switchover"),
      N_("With the capability 'pause_before_switchover' QEMU stops the guest "
         "before it moves and waits. This command continues the migration.") },
    { "domjobabort", 0, migrate_abort_options, migrate_abort,
      N_("cancel a migration"),
      N_("Cancels the migration of a guest and waits until it has ended. A "
         "migration that has switched to post-copy is never cancelled: the "
         "memory of the guest is then on both hosts.") },
    { NULL }
};
