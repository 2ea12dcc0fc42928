/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that start, watch and end a migration.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "cmd.h"
#include "progress.h"

/* Time limit for the destination to resume after the source has finished. */
#define MIGRATE_ARRIVE_MS 10000
#define MIGRATE_ABORT_MS 30000
#define MIGRATE_POLL_US 20000

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

    if (!tool->quiet)
        out_line("%s", _("These commands would be sent:"));
    for (guint i = 0; i < json_array_get_length(steps); i++) {
        JsonObject *step = json_array_get_object_element(steps, i);
        g_autoptr(JsonNode) command = json_node_new(JSON_NODE_OBJECT);
        g_autofree char *text = NULL;
        JsonObject *inner = json_object_new();

        json_object_set_string_member(inner, "execute",
                                      out_get_string(step, "execute"));
        json_object_set_member(
            inner, "arguments",
            json_node_copy(json_object_get_member(step, "arguments")));
        json_node_take_object(command, inner);
        text = json_to_string(command, FALSE);
        out_line("%s: %s", out_get_string(step, "domain"), text);
    }

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

/* Returns whether a member of the job information has this value. */
static gboolean
migrate_info_is(MigtuneDomain *domain, const char *member, const char *value)
{
    g_autoptr(JsonNode) info = migtune_domain_get_job_info(domain, NULL);

    return info && g_strcmp0(out_get_string(json_node_get_object(info),
                                            member), value) == 0;
}

/* One migration, from the command line to its end. */
typedef struct {
    MigtuneDomain *source;
    MigtuneConn *other;         /* NULL: the destination has no connection of
                                 * its own */
    MigtuneDomain *destination;
    const char *uri;
    gboolean resume;
    guint timeout_ms;
    const char *action;         /* taken after timeout_ms */
    gboolean suspended;         /* by the timeout action; the guest was running
                                 * before */
} Migration;

static void
migration_clear(Migration *migration)
{
    migtune_domain_unref(migration->source);
    migtune_domain_unref(migration->destination);
    migtune_conn_unref(migration->other);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Migration, migration_clear)

static const struct {
    const char *name;
    gboolean (*run)(MigtuneDomain *domain, GError **error);
    const char *remark;
} migrate_actions[] = {
    { "suspend", migtune_domain_suspend,
      N_("the time limit has passed: the guest is stopped so that the "
         "migration can end") },
    { "postcopy", migtune_domain_start_postcopy,
      N_("the time limit has passed: switching to post-copy; the guest "
         "continues on the destination, which fetches the remaining memory") },
    { "abort", migtune_domain_abort_job,
      N_("the time limit has passed: the migration is cancelled") },
};

static const char *const migrate_action_names[] = {
    "suspend", "postcopy", "abort", NULL
};

static gboolean
migration_take_timeout(Migration *migration, const CmdLine *line,
                       GError **error)
{
    const char *text = cmd_line_get(line, "timeout");
    guint64 seconds;

    migration->action = cmd_line_get(line, "timeout-action");
    if (!text && migration->action) {
        tool_usage_error(error, _("--timeout-action needs --timeout"));
        return FALSE;
    }
    if (!text)
        return TRUE;
    if (!g_ascii_string_to_unsigned(text, 10, 1, 1000000, &seconds, NULL)) {
        tool_usage_error(error, _("--timeout must be a number of seconds "
                                  "from 1 to 1000000, not '%s'"), text);
        return FALSE;
    }
    migration->timeout_ms = seconds * 1000;
    if (!migration->action)
        migration->action = migrate_action_names[0];

    return TRUE;
}

/* Returns whether @name is the source. The monitor of the source is in use, so
 * a lookup on the connection would not find it. */
static gboolean
migration_is_source(const Migration *migration, const char *name)
{
    MigtuneDomain *source = migration->source;
    const char *uuid = migtune_domain_get_uuid(source);

    return strcmp(name, migtune_domain_get_name(source)) == 0 ||
        strcmp(name, migtune_domain_get_key(source)) == 0 ||
        (uuid && g_ascii_strcasecmp(name, uuid) == 0);
}

static gboolean
migration_open_destination(Migration *migration, Tool *tool,
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
    if (!uri && migration_is_source(migration, name)) {
        tool_usage_error(error, _("'%s' is the source of this migration; "
                                  "--incoming-domain must name another guest"),
                         name);
        return FALSE;
    }
    if (!uri) {
        migration->destination = tool_open_domain(tool, name, error);
        return migration->destination != NULL;
    }

    migration->other = migtune_conn_open_full(
        uri, tool->no_cache ? MIGTUNE_CONN_NO_CACHE : 0, tool->timeout_ms,
        tool->cancellable, error);
    if (migration->other)
        migration->destination = migtune_conn_lookup(migration->other, name,
                                                     error);

    return migration->destination != NULL;
}

static int
migration_dry_run(const Migration *migration, Tool *tool)
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

static gboolean
migration_start(const Migration *migration, GError **error)
{
    unsigned int flags = migration->resume ? MIGTUNE_MIGRATE_RESUME : 0;

    if (migration->destination &&
        !migtune_domain_migrate_incoming(migration->destination,
                                         migration->uri, flags, error)) {
        g_prefix_error(error, "%s: ",
                       migtune_domain_get_name(migration->destination));
        return FALSE;
    }

    return migtune_domain_migrate(migration->source, migration->uri, flags,
                                  error);
}

/* Takes the action for the time limit. If the action fails, the migration and
 * the waiting continue; returning an error would suggest that the migration
 * has ended. */
static void
migration_take_action(Migration *migration)
{
    gboolean running = migrate_info_is(migration->source, "state", "running");

    for (guint i = 0; i < G_N_ELEMENTS(migrate_actions); i++) {
        g_autoptr(GError) error = NULL;

        if (strcmp(migrate_actions[i].name, migration->action) != 0)
            continue;
        if (migrate_actions[i].run(migration->source, &error)) {
            out_error("%s", _(migrate_actions[i].remark));
            migration->suspended = running &&
                migrate_actions[i].run == migtune_domain_suspend;
        } else {
            out_error(_("the time limit has passed, but the migration "
                        "continues: %s"), error->message);
        }
    }
}

static gboolean
migration_wait(Migration *migration, Progress *progress,
               GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (migtune_domain_wait_job(migration->source, migration->timeout_ms,
                                progress_show, progress, &cause))
        return TRUE;
    if (!migration->timeout_ms ||
        !g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }

    migration_take_action(migration);
    return migtune_domain_wait_job(migration->source, 0, progress_show,
                                   progress, error);
}

/* Waits until the destination has left 'inmigrate', or until the time limit. */
static JsonNode *
migration_wait_arrival(MigtuneDomain *destination)
{
    gint64 end_us = g_get_monotonic_time() + MIGRATE_ARRIVE_MS * 1000;

    for (;;) {
        JsonNode *info = migtune_domain_get_job_info(destination, NULL);

        if (!info ||
            g_strcmp0(out_get_string(json_node_get_object(info), "state"),
                      "inmigrate") != 0 ||
            g_get_monotonic_time() > end_us)
            return info;
        json_node_unref(info);
        g_usleep(MIGRATE_POLL_US);
    }
}

static gboolean
migration_resume(MigtuneDomain *where)
{
    g_autoptr(GError) error = NULL;

    if (migtune_domain_resume(where, &error))
        return TRUE;

    out_error(_("%s: the guest could not be resumed and is still stopped: %s"),
              migtune_domain_get_name(where), error->message);
    return FALSE;
}

/* Resumes a guest that this command stopped so that the migration could end.
 * The guest is resumed only on the side that is known to own it. */
static void
migration_resume_suspended(const Migration *migration, GError **failure)
{
    MigtuneDomain *destination = migration->destination;

    if (!migration->suspended)
        return;
    if (!*failure && !destination) {
        out_error("%s", _("the guest is stopped on the destination as well"));
    } else if (!*failure) {
        g_autoptr(JsonNode) arrived = migration_wait_arrival(destination);

        if (migrate_info_is(destination, "state", "paused"))
            migration_resume(destination);
    } else if (g_error_matches(*failure, MIGTUNE_ERROR,
                               MIGTUNE_ERROR_CANCELLED)) {
        /* The existing message states that the guest is paused; replace it. */
        if (!migration_resume(migration->source))
            return;
        g_clear_error(failure);
        migtune_error_set(failure, MIGTUNE_ERROR_CANCELLED, "%s",
                          _("the migration was cancelled; the guest "
                            "continues to run on the source"));
    } else if (migrate_info_is(migration->source, "job", "failed") &&
               migrate_info_is(migration->source, "state", "paused")) {
        migration_resume(migration->source);
    }
}

static JsonNode *
migration_to_json(const Migration *migration, JsonNode *source,
                  JsonNode *destination, const GError *failure)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();

    json_object_set_string_member(
        object, "domain", migtune_domain_get_name(migration->source));
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

static int
migration_report(const Migration *migration, Tool *tool, GError *failure,
                 GError **error)
{
    g_autoptr(JsonNode) source = NULL;
    g_autoptr(JsonNode) destination = NULL;
    int status = failure ? TOOL_FAILED : TOOL_DONE;

    if (!failure || tool->json)
        source = migtune_domain_get_job_info(migration->source, NULL);
    if (!failure && migration->destination)
        destination = migration_wait_arrival(migration->destination);
    if (tool->json) {
        g_autoptr(JsonNode) document = migration_to_json(
            migration, source, destination, failure);

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
        .uri = cmd_line_get(line, "uri"),
        .resume = cmd_line_has(line, "resume"),
    };
    g_autoptr(Progress) progress = NULL;
    GError *failure = NULL;

    if (!migration_take_timeout(&migration, line, error))
        return TOOL_USAGE;
    migration.source = tool_open_domain(tool, cmd_line_get(line, "domain"),
                                        error);
    if (!migration.source ||
        !migration_open_destination(&migration, tool, line, error))
        return TOOL_FAILED;
    if (cmd_line_has(line, "dry-run"))
        return migration_dry_run(&migration, tool);

    if (!migration_start(&migration, &failure))
        return migration_report(&migration, tool, failure, error);
    if (cmd_line_has(line, "detach")) {
        if (tool->json)
            return migration_report(&migration, tool, NULL, error);
        return TOOL_DONE;
    }

    progress = progress_new(tool, cmd_line_has(line, "verbose"));
    migration_wait(&migration, progress, &failure);
    g_clear_pointer(&progress, progress_free);
    migration_resume_suspended(&migration, &failure);

    return migration_report(&migration, tool, failure, error);
}

/* Prints the state of the migration if --json was given. */
static int
migrate_show(Tool *tool, MigtuneDomain *domain, GError **error)
{
    g_autoptr(JsonNode) info = NULL;

    if (!tool->json)
        return TOOL_DONE;

    info = migtune_domain_get_job_info(domain, error);
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
    if (!migtune_domain_migrate_incoming(
            domain, uri, resume ? MIGTUNE_MIGRATE_RESUME : 0, error))
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
    if (!migtune_domain_start_postcopy(domain, error))
        return TOOL_FAILED;

    return migrate_show(tool, domain, error);
}

static int
migrate_info(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    g_autoptr(JsonNode) info = NULL;

    if (domain)
        info = migtune_domain_get_job_info(domain, error);
    if (!info)
        return TOOL_FAILED;
    if (tool->json)
        out_json(info);
    else
        migrate_print_info(tool, info);

    return TOOL_DONE;
}

static int
migrate_abort(Tool *tool, const CmdLine *line, GError **error)
{
    const char *name = cmd_line_get(line, "domain");
    g_autoptr(MigtuneDomain) domain = tool_open_domain(tool, name, error);
    g_autoptr(GError) end = NULL;
    MigtuneJobState state;

    if (!domain ||
        !migtune_domain_get_job_stats(domain, &state, NULL, NULL, error))
        return TOOL_FAILED;
    if (state != MIGTUNE_JOB_ACTIVE && state != MIGTUNE_JOB_PAUSED) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("%s: no migration is running"), name);
        return TOOL_FAILED;
    }
    if (cmd_line_has(line, "dry-run")) {
        JsonArray *steps = json_array_new();

        migrate_add_step(steps, domain, "migrate_cancel", NULL, FALSE);
        return migrate_print_steps(tool, steps);
    }
    if (!migtune_domain_abort_job(domain, error))
        return TOOL_FAILED;
    if (migtune_domain_wait_job(domain, MIGRATE_ABORT_MS, NULL, NULL, &end)) {
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
    { "uri", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "URI",
      .help = N_("the destination in QEMU's syntax, such as tcp:HOST:PORT or "
                 "unix:PATH") },
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
    { "timeout-action", 0, CMD_OPT_TEXT, .choices = migrate_action_names,
      .metavar = "ACTION",
      .help = N_("the action after --timeout: suspend the guest until the "
                 "migration has ended (the default), switch to post-copy, or "
                 "abort the migration") },
    { "resume", 0, CMD_OPT_FLAG,
      .help = N_("continue a post-copy migration whose connection was lost") },
    { "detach", 0, CMD_OPT_FLAG,
      .help = N_("start the migration and do not wait for its end") },
    { "verbose", 0, CMD_OPT_FLAG,
      .help = N_("print the progress even if standard error is not a "
                 "terminal") },
    MIGRATE_DRY_RUN,
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
         "With --incoming-domain the destination is a guest that migtune can "
         "reach as well and that was started to wait for a migration.") },
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
    { "domjobabort", 0, migrate_abort_options, migrate_abort,
      N_("cancel a migration"),
      N_("Cancels the migration of a guest and waits until it has ended. A "
         "migration that has switched to post-copy is never cancelled: the "
         "memory of the guest is then on both hosts.") },
    { NULL }
};
