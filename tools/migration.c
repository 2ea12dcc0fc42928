/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One migration, from the checks to its end; see migration.h.
 *
 * Three rules protect the guest:
 *
 * - migrate_cancel is never sent once post-copy has begun or was requested: the
 *   memory is then on both hosts, and QEMU up to at least 7.2 obeys and loses
 *   the guest.  A signal then only ends the waiting.
 * - A migration has succeeded only if the destination, where it is known, has
 *   left the state 'inmigrate'.  The source reports 'completed' as soon as it
 *   has sent everything.
 * - The destination is told to listen only after the source has been checked,
 *   because nothing can make it stop listening.
 *
 * QEMU's monitor serves one client at a time.  After the first second the
 * monitor of the source is released between two polls, so that other programs
 * can change settings of the running migration.  If a policy acts, the monitor is
 * kept near the end of a pass, because QEMU reports the start of the next one
 * only to a client that is connected.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "migration.h"

/* Time limit for the destination to resume after the source has finished. */
#define MIGRATION_ARRIVE_MS 10000
/* Time limit for a cancelled migration to end. */
#define MIGRATION_CANCEL_MS 30000
#define MIGRATION_FIRST_POLL_MS 10
#define MIGRATION_LAST_POLL_MS 100
/* While the monitor is released between two polls. */
#define MIGRATION_RELEASED_POLL_MS 300
#define MIGRATION_HOLD_US G_USEC_PER_SEC
/* A policy needs exact samples at the start of a pass: the monitor is kept if the
 * current pass ends sooner than this, but not longer than MIGRATION_HOLD_US. */
#define MIGRATION_PASS_NEAR_MS 1000
/* How often a lost connection is opened again before the state is unknown. */
#define MIGRATION_MAX_LOST 8

void
migration_clear(Migration *migration)
{
    g_clear_pointer(&migration->source, migtune_domain_unref);
    g_clear_pointer(&migration->destination, migtune_domain_unref);
    g_clear_pointer(&migration->other, migtune_conn_unref);
    g_clear_pointer(&migration->key, g_free);
    g_clear_pointer(&migration->name, g_free);
    converge_drive_clear(&migration->converge);
}

static const char *
migration_peek(JsonNode *info, const char *member)
{
    return info ? out_get_string(json_node_get_object(info), member) : NULL;
}

static gboolean
migration_has(JsonNode *info, const char *member, const char *value)
{
    return g_strcmp0(migration_peek(info, member), value) == 0;
}

gboolean
migration_is_postcopy(JsonNode *info)
{
    const char *status = migration_peek(info, "status");

    return status && g_str_has_prefix(status, "postcopy");
}

/* Opens the source again if its monitor was released. */
static gboolean
migration_open_source(Migration *migration, GError **error)
{
    if (!migration->source)
        migration->source =
            migtune_conn_open_domain(migration->conn, migration->key,
                                     migration->tool->cancellable, error);

    return migration->source != NULL;
}

static JsonNode *
migration_ask(Migration *migration, GError **error)
{
    if (!migration_open_source(migration, error))
        return NULL;

    return migtune_domain_get_job_info(migration->source,
                                       migration->tool->cancellable, error);
}

JsonNode *
migration_get_source(Migration *migration)
{
    return migration_ask(migration, NULL);
}

gboolean
migration_take_timeout(Migration *migration, const CmdLine *line,
                       GError **error)
{
    const char *text = cmd_line_get(line, "timeout");
    guint64 seconds;

    migration->action = cmd_line_get(line, "timeout-action");
    if (!migration->action && cmd_line_has(line, "timeout-suspend"))
        migration->action = "suspend";
    if (!migration->action && cmd_line_has(line, "timeout-postcopy"))
        migration->action = "postcopy";
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
        migration->action = migration_actions[0];

    return TRUE;
}

/*
 * Checks before the start
 */

/* Settings that must be equal on both sides, because the migration fails, never
 * ends or loses memory otherwise.  @needs: only if this capability is on. */
static const struct {
    const char *name;
    const char *needs;
    const char *missing;        /* the value if a side does not have it */
} migration_pairs[] = {
    { "parallel", NULL, "off" },
    { "parallel.connections", "parallel", NULL },
    { "parallel.compression", "parallel", "none" },
    { "compression.mt", NULL, "off" },
    { "postcopy", NULL, "off" },
    { "postcopy.preempt", NULL, "off" },
    { "switchover_ack", NULL, "off" },
    { "mapped_ram", NULL, "off" },
    { "ignore_shared", NULL, "off" },
    { "colo", NULL, "off" },
};

static const char *
migration_find_value(JsonNode *report, const char *name)
{
    JsonArray *rows = out_get_array(json_node_get_object(report),
                                    "parameters");

    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);

        if (g_strcmp0(out_get_string(row, "name"), name) == 0)
            return out_get_string(row, "text");
    }

    return NULL;
}

/* Fails if a setting that both sides need differs, and names all of them. */
static gboolean
migration_check_pair(Migration *migration, GError **error)
{
    const char *here = migration->name;
    const char *there = migtune_domain_get_name(migration->destination);
    g_autoptr(JsonNode) source = migtune_domain_report(
        migration->source, NULL, 0, migration->tool->cancellable, error);
    g_autoptr(JsonNode) destination =
        source ? migtune_domain_report(migration->destination, NULL, 0,
                                       migration->tool->cancellable, error)
               : NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!destination)
        return FALSE;

    /* Source and destination usually have the same name. */
    if (strcmp(here, there) == 0) {
        here = _("the source");
        there = _("the destination");
    }
    for (guint i = 0; i < G_N_ELEMENTS(migration_pairs); i++) {
        const char *name = migration_pairs[i].name;
        const char *a = migration_find_value(source, name);
        const char *b = migration_find_value(destination, name);
        const char *needs = migration_pairs[i].needs;

        a = a ? a : migration_pairs[i].missing;
        b = b ? b : migration_pairs[i].missing;
        if (!a || !b || strcmp(a, b) == 0 ||
            (needs && g_strcmp0(migration_find_value(source, needs),
                                "on") != 0))
            continue;
        /* Translators: a setting, its value and the guest that has it, and
         * the value and name of the other guest. */
        g_string_append_printf(text, _("%s%s is %s on %s and %s on %s"),
                               text->len ? "; " : "", name, a, here, b,
                               there);
    }
    if (text->len == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                      _("the two sides do not match: %s; nothing was started "
                        "(--unsafe starts the migration anyway)"), text->str);
    return FALSE;
}

static gboolean
migration_check_source(Migration *migration, GError **error)
{
    g_autoptr(JsonNode) info = migration_ask(migration, error);

    if (!info)
        return FALSE;
    if (migration->resume && !migration_has(info, "job", "paused")) {
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("%s: there is no paused post-copy migration to "
                            "resume; the migration is '%s'"),
                          migration->name, migration_peek(info, "status"));
        return FALSE;
    }
    if (migration->resume)
        return TRUE;

    if (migration_has(info, "job", "active") ||
        migration_has(info, "job", "paused"))
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("%s: a migration is already running ('%s')"),
                          migration->name, migration_peek(info, "status"));
    else if (migration_has(info, "state", "inmigrate"))
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("%s: this guest waits for a migration and cannot "
                            "be the source of one"), migration->name);
    else
        return TRUE;

    return FALSE;
}

static gboolean
migration_check_destination(Migration *migration, GError **error)
{
    const char *name = migtune_domain_get_name(migration->destination);
    g_autoptr(JsonNode) info = migtune_domain_get_job_info(
        migration->destination, migration->tool->cancellable, error);

    if (!info)
        return FALSE;
    if (migration->resume || migration_has(info, "state", "inmigrate"))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      _("%s: this guest does not wait for a migration; it is "
                        "'%s'"), name, migration_peek(info, "state"));
    return FALSE;
}

/* Post-copy at the time limit needs its capability from the start. */
static gboolean
migration_check_action(Migration *migration, GError **error)
{
    static const char *const names[] = { "postcopy", NULL };
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) report = NULL;

    if (g_strcmp0(migration->action, "postcopy") != 0)
        return TRUE;

    report = migtune_domain_report(migration->source, names, 0,
                                   migration->tool->cancellable, &cause);
    if (report && g_strcmp0(migration_find_value(report, "postcopy"),
                            "on") == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                      _("--timeout-action postcopy needs the capability "
                        "'postcopy', which is off on %s; set it on both "
                        "sides first"), migration->name);
    return FALSE;
}

gboolean
migration_check(Migration *migration, GError **error)
{
    return migration_check_source(migration, error) &&
           migration_check_action(migration, error) &&
           (!migration->destination ||
            (migration_check_destination(migration, error) &&
             (migration->resume || migration->unchecked ||
              migration_check_pair(migration, error))));
}

/*
 * The start
 */

/* Whether the destination was told to listen before. */
static gboolean
migration_is_listening(const GError *error)
{
    const char *text = migtune_error_get_field(error,
                                               MIGTUNE_ERROR_FIELD_QEMU_DESC);

    return text && strstr(text, "already been started");
}

static gboolean
migration_listen(Migration *migration, GError **error)
{
    const char *name = migtune_domain_get_name(migration->destination);
    g_autoptr(GError) cause = NULL;

    if (migtune_domain_migrate_incoming(
            migration->destination, migration->uri,
            migration->resume ? MIGTUNE_MIGRATE_RESUME : 0,
            migration->tool->cancellable, &cause)) {
        migration->listening = TRUE;
        return TRUE;
    }
    if (migration_is_listening(cause)) {
        out_error(_("warning: %s already listens for a migration; if it does "
                    "not listen at %s, the migration fails"), name,
                  migration->uri);
        return TRUE;
    }

    g_propagate_prefixed_error(error, g_steal_pointer(&cause), "%s: ", name);
    return FALSE;
}

gboolean
migration_start(Migration *migration, GError **error)
{
    g_autofree char *risk = NULL;

    if (migration->destination && !migration_listen(migration, error))
        return FALSE;

    risk = g_strdup_printf(_("the migration of %s may still be running; "
                             "'migtune domjobinfo %s' shows it"),
                           migration->name, migration->name);
    tool_signals_set_risk(migration->tool->signals, risk);
    migration->release_us = g_get_monotonic_time() + MIGRATION_HOLD_US;
    converge_drive_start(&migration->converge, migration->source);
    if (migtune_domain_migrate(migration->source, migration->uri,
                               migration->resume ? MIGTUNE_MIGRATE_RESUME : 0,
                               NULL, error))
        return TRUE;

    if (migration->listening && error && *error) {
        g_autofree char *text = g_strdup_printf(
            _("; %s still listens at %s"),
            migtune_domain_get_name(migration->destination), migration->uri);
        char *message = g_strconcat((*error)->message, text, NULL);

        g_free((*error)->message);
        (*error)->message = message;
    }
    return FALSE;
}

/*
 * The time limit
 */

static const struct {
    const char *name;
    gboolean (*run)(MigtuneDomain *domain, GCancellable *cancellable,
                    GError **error);
    const char *remark;
} migration_action_table[] = {
    { "suspend", migtune_domain_suspend,
      N_("the time limit has passed: the guest is stopped so that the "
         "migration can end") },
    { "postcopy", migtune_domain_start_postcopy,
      N_("the time limit has passed: switching to post-copy; the guest "
         "continues on the destination, which fetches the remaining memory") },
    { "abort", migtune_domain_abort_job,
      N_("the time limit has passed: the migration is cancelled") },
};

const char *const migration_actions[] = {
    "suspend", "postcopy", "abort", NULL
};

const char *
migration_get_action_remark(const char *action)
{
    for (guint i = 0; i < G_N_ELEMENTS(migration_action_table); i++) {
        if (strcmp(migration_action_table[i].name, action) == 0)
            return _(migration_action_table[i].remark);
    }

    return NULL;
}

/* Takes the action for the time limit.  If it fails, the migration and the
 * waiting continue: an error would suggest that the migration has ended. */
static void
migration_take_action(Migration *migration, JsonNode *info)
{
    gboolean running = migration_has(info, "state", "running");

    if (migration_is_postcopy(info)) {
        out_error("%s", _("the time limit has passed, but the migration has "
                          "already switched to post-copy and continues"));
        return;
    }

    for (guint i = 0; i < G_N_ELEMENTS(migration_action_table); i++) {
        const char *remark = _(migration_action_table[i].remark);
        g_autoptr(GError) error = NULL;

        if (strcmp(migration_action_table[i].name, migration->action) != 0)
            continue;
        /* Also if the answer is lost. */
        migration->postcopy |= strcmp(migration->action, "postcopy") == 0;
        if (migration_open_source(migration, &error) &&
            migration_action_table[i].run(
                migration->source, migration->tool->cancellable, &error)) {
            if (!running && strcmp(migration->action, "suspend") == 0)
                remark = _("the time limit has passed, but the guest is "
                           "already stopped; the migration continues");
            out_error("%s", remark);
            migration->suspended =
                running && strcmp(migration->action, "suspend") == 0;
        } else {
            if (g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
                migration->postcopy = FALSE;
            out_error(_("the time limit has passed, but the migration "
                        "continues: %s"), error->message);
        }
    }
}

/*
 * Waiting
 */

static gboolean
migration_is_transient(const GError *error)
{
    return g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY) ||
           g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) ||
           g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT) ||
           g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND) ||
           g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
}

/* Sleeps, and wakes up early on a signal. */
static void
migration_sleep(Migration *migration, guint ms)
{
    GCancellable *cancellable = migration->tool->cancellable;
    GPollFD fd;

    if (!g_cancellable_make_pollfd(cancellable, &fd)) {
        g_usleep(ms * 1000);
        return;
    }
    g_poll(&fd, 1, ms);
    g_cancellable_release_fd(cancellable);
}

/* Waits for the next poll, or for the start of a pass where QEMU reports it. */
static void
migration_pause(Migration *migration, guint ms)
{
    if (migration->source && migration->converge.steering)
        migtune_domain_wait_pass(migration->source, ms,
                                 migration->tool->cancellable);
    else
        migration_sleep(migration, ms);
}

/* A number of the statistics; 0 if it is not there. */
static double
migration_get_number(JsonNode *info, const char *name)
{
    JsonArray *rows = out_get_array(json_node_get_object(info), "statistics");

    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        JsonNode *value = json_object_get_member(row, "value");

        if (g_strcmp0(out_get_string(row, "name"), name) == 0 && value &&
            JSON_NODE_HOLDS_VALUE(value))
            return json_node_get_double(value);
    }

    return 0;
}

/* Whether the current pass ends soon, so that the monitor is kept for the
 * report of the next one. */
static gboolean
migration_pass_is_near(const Migration *migration, JsonNode *info)
{
    double remaining = migration_get_number(info, "memory_remaining");
    double bps = migration_get_number(info, "memory_bps");

    return migration->converge.policy && bps > 0 &&
           remaining / bps * 1000 < MIGRATION_PASS_NEAR_MS;
}

/* Asks the source, again if another client holds its monitor or the connection
 * is lost. */
static JsonNode *
migration_ask_again(Migration *migration, GError **error)
{
    guint lost = 0;

    for (;;) {
        g_autoptr(GError) cause = NULL;
        JsonNode *info = migration_ask(migration, &cause);

        if (info)
            return info;
        /* The connection of the domain may be broken. */
        g_clear_pointer(&migration->source, migtune_domain_unref);
        if (!migration_is_transient(cause) ||
            (!g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY) &&
             ++lost >= MIGRATION_MAX_LOST)) {
            if (g_error_matches(cause, MIGTUNE_ERROR,
                                MIGTUNE_ERROR_CANCELLED))
                g_propagate_error(error, g_steal_pointer(&cause));
            else
                migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                                  _("the state of the migration is not "
                                    "known: %s"), cause->message);
            return NULL;
        }
        migration_sleep(migration, MIGRATION_RELEASED_POLL_MS);
    }
}

/* QEMU waits for migrate-continue before the guest moves. */
static void
migration_handle_pause(Migration *migration)
{
    g_autoptr(GError) error = NULL;

    if (migration->announced)
        return;

    migration->announced = TRUE;
    if (!migration->continues) {
        out_error(_("%s: the guest is stopped, and the migration waits before "
                    "the switchover (pause_before_switchover); 'migtune "
                    "migrate-continue %s' continues it"), migration->name,
                  migration->name);
        return;
    }
    if (!migtune_domain_continue_job(migration->source,
                                     migration->tool->cancellable, &error))
        out_error(_("%s: the migration waits before the switchover and could "
                    "not be continued: %s"), migration->name,
                  error->message);
}

/* Passes the job information to the policy and carries out its decisions. */
static void
migration_converge(Migration *migration, JsonNode *info)
{
    unsigned int done;

    converge_drive_follow(&migration->converge, migration->source, info);
    done = converge_drive_get_done(&migration->converge);
    migration->postcopy |= (done & MIGTUNE_STEERING_POSTCOPY) != 0;
    migration->suspended |= (done & MIGTUNE_STEERING_SUSPENDED) != 0;
}

/* Waits until the migration is no longer active.  Returns NULL if it was
 * cancelled or the state is not known. */
static JsonNode *
migration_poll(Migration *migration, Progress *progress, guint limit_ms,
               GError **error)
{
    gint64 end_us = g_get_monotonic_time() + limit_ms * (gint64)1000;
    gboolean acted = FALSE;
    guint poll_ms = MIGRATION_FIRST_POLL_MS;

    for (;;) {
        g_autoptr(JsonNode) info = migration_ask_again(migration, error);
        gboolean late = limit_ms && g_get_monotonic_time() >= end_us;

        if (!info)
            return NULL;
        if (progress)
            progress_show(info, progress);
        if (!migration_has(info, "job", "active"))
            return g_steal_pointer(&info);
        if (progress)
            migration_converge(migration, info);
        if (migration_has(info, "status", "pre-switchover"))
            migration_handle_pause(migration);
        else
            migration->announced = FALSE;
        if (late && !progress) {
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("%s: the migration was cancelled, but has "
                                "not ended within %u s; it is '%s'"),
                              migration->name, limit_ms / 1000,
                              migration_peek(info, "status"));
            return NULL;
        }
        if (late && !acted) {
            migration_take_action(migration, info);
            acted = TRUE;
        }
        if (g_get_monotonic_time() >= migration->release_us) {
            g_clear_pointer(&migration->source, migtune_domain_unref);
            if (migration_pass_is_near(migration, info))
                migration->release_us =
                    g_get_monotonic_time() + MIGRATION_HOLD_US;
            poll_ms = MIGRATION_RELEASED_POLL_MS;
        } else {
            poll_ms = MIN(poll_ms * 2, MIGRATION_LAST_POLL_MS);
        }
        migration_pause(migration, poll_ms);
    }
}

/* Ends the waiting after a signal: cancels the migration if the guest runs
 * only on the source; otherwise the migration continues. */
static JsonNode *
migration_stop(Migration *migration, GError **error)
{
    g_autoptr(JsonNode) info = NULL;
    g_autoptr(GError) cause = NULL;

    /* The signal has been received; the following calls must work. */
    g_cancellable_reset(migration->tool->cancellable);
    info = migration_ask_again(migration, error);
    if (!info || !migration_has(info, "job", "active"))
        return g_steal_pointer(&info);

    if (migration_is_postcopy(info) || migration->postcopy) {
        migration->left = TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("%s: stopped waiting; post-copy has begun, so the "
                            "migration was not cancelled: the guest runs on "
                            "the destination and fetches its memory from the "
                            "source. 'migtune domjobinfo %s' shows the "
                            "progress; if the connection is lost, 'migtune "
                            "migrate %s URI --resume' continues it"),
                          migration->name, migration->name,
                          migration->name);
        return NULL;
    }

    if (!migtune_domain_abort_job(migration->source,
                                  migration->tool->cancellable, &cause)) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s: the migration could not be cancelled and may "
                            "still be running: %s"), migration->name,
                          cause->message);
        return NULL;
    }
    migration->release_us = G_MAXINT64;
    return migration_poll(migration, NULL, MIGRATION_CANCEL_MS, error);
}

/* Waits until the destination has left 'inmigrate', or until the time
 * limit. */
static JsonNode *
migration_wait_arrival(Migration *migration)
{
    gint64 end = g_get_monotonic_time() + MIGRATION_ARRIVE_MS * (gint64)1000;

    for (;;) {
        JsonNode *info = migtune_domain_get_job_info(
            migration->destination, migration->tool->cancellable, NULL);

        if (!info || !migration_has(info, "state", "inmigrate") ||
            g_get_monotonic_time() > end)
            return info;
        json_node_unref(info);
        g_usleep(MIGRATION_FIRST_POLL_MS * 1000);
    }
}

JsonNode *
migration_get_destination(Migration *migration)
{
    return migration->destination
               ? migtune_domain_get_job_info(migration->destination,
                                             migration->tool->cancellable, NULL)
               : NULL;
}

/* The source has sent everything; fails unless the guest has arrived. */
static gboolean
migration_check_arrival(Migration *migration, JsonNode *source,
                        GError **error)
{
    g_autoptr(JsonNode) info = NULL;
    const char *name;

    if (!migration->destination)
        return TRUE;

    name = migtune_domain_get_name(migration->destination);
    info = migration_wait_arrival(migration);
    if (info && !migration_has(info, "state", "inmigrate"))
        return TRUE;

    migration->lost = TRUE;
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      info ? _("the source reports that the migration has "
                               "completed, but the destination %s still waits "
                               "for it ('%s'). The source is '%s' and has all "
                               "of the memory: end the destination, then "
                               "'cont' in the monitor of the source %s "
                               "continues the guest there")
                           : _("the source reports that the migration has "
                               "completed, but the destination %s does not "
                               "answer%s. The source is '%s' and has all of "
                               "the memory: if the destination has ended, "
                               "'cont' in the monitor of the source %s "
                               "continues the guest there"),
                      name, info ? migration_peek(info, "state") : "",
                      migration_peek(source, "state"), migration->name);
    return FALSE;
}

static gboolean
migration_resume_guest(MigtuneDomain *where)
{
    g_autoptr(GError) error = NULL;

    if (migtune_domain_resume(where, NULL, &error))
        return TRUE;

    out_error(_("%s: the guest could not be resumed and is still stopped: "
                "%s"), migtune_domain_get_name(where), error->message);
    return FALSE;
}

/* Resumes a guest that this command stopped so that the migration could end.
 * The guest is resumed only on the side that is known to own it. */
static void
migration_resume_suspended(Migration *migration, JsonNode *source,
                           gboolean completed)
{
    MigtuneDomain *destination = migration->destination;

    if (!migration->suspended)
        return;
    if (completed && !destination) {
        out_error("%s", _("the guest is stopped on the destination as "
                          "well"));
    } else if (completed) {
        g_autoptr(JsonNode) info = migration_get_destination(migration);

        if (migration_has(info, "state", "paused"))
            migration_resume_guest(destination);
    } else if ((migration_has(source, "job", "cancelled") ||
                migration_has(source, "job", "failed")) &&
               migration_has(source, "state", "paused") &&
               migration_open_source(migration, NULL)) {
        migration_resume_guest(migration->source);
    }
}

/* Describes where the guest runs after a migration that has not completed. */
static void
migration_add_place(Migration *migration, GError **error)
{
    g_autoptr(JsonNode) info = migration_get_source(migration);
    const char *state = migration_peek(info, "state");
    g_autofree char *place = NULL;
    char *message;

    if (!error || !*error || !info || migration_is_postcopy(info))
        return;

    if (strcmp(state, "running") == 0)
        place = g_strdup_printf(_("; the guest %s continues to run on the "
                                  "source"), migration->name);
    else
        place = g_strdup_printf(_("; the guest %s is on the source, in the "
                                  "state '%s'"), migration->name, state);
    message = g_strconcat((*error)->message, place, NULL);
    g_free((*error)->message);
    (*error)->message = message;
}

/* Ends the trace.  An error of the trace is not an error of the migration. */
static void
migration_end_converge(Migration *migration, JsonNode *info)
{
    g_autoptr(GError) error = NULL;

    if (migration->converge.policy && !migration_has(info, "job", "completed"))
        migration_open_source(migration, NULL);
    if (!converge_drive_finish(&migration->converge, migration->source, info,
                               &error))
        out_error("%s", error->message);
}

gboolean
migration_wait(Migration *migration, Progress *progress, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) info = migration_poll(
        migration, progress, migration->timeout_ms, &cause);
    gboolean completed;

    if (!info &&
        g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED)) {
        g_clear_error(&cause);
        info = migration_stop(migration, &cause);
    }
    if (!info) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }

    migration_end_converge(migration, info);
    completed = migration_has(info, "job", "completed");
    if (completed && !migration_check_arrival(migration, info, error))
        return FALSE;
    migration_resume_suspended(migration, info, completed);
    if (completed)
        return TRUE;

    if (migration_has(info, "job", "cancelled")) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "%s",
                          _("the migration was cancelled"));
        migration_add_place(migration, error);
        return FALSE;
    }

    /* The library knows the error of a migration that has ended. */
    if (migration_open_source(migration, error) &&
        migtune_domain_wait_job(migration->source, 1000, 0, NULL, NULL,
                                migration->tool->cancellable, error))
        return TRUE;
    migration_add_place(migration, error);
    return FALSE;
}

int
migration_get_status(const Migration *migration, const GError *failure)
{
    if (!failure)
        return TOOL_DONE;
    if (migration->left || migration->lost)
        return TOOL_UNKNOWN;

    return tool_get_status(failure);
}
