/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clearing up after a migration whose migtune was killed.
 *
 * Both monitors say where the guest is.  A guest is started only where the other
 * side is known not to run it: on the destination, if the source says that the
 * migration is completed; never on the source, because the destination may have
 * been started by another program meanwhile.  Settings are restored where no
 * migration is running.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/migration/migration-journal.h"
#include "core/migration/migration-undo.h"
#include "util/i18n.h"
#include "util/json-peek.h"
#include "util/json.h"
#include "util/lock.h"

typedef struct {
    JsonObject *record;         /* of this side, in the journal */
    MigtuneConn *conn;
    MigtuneDomain *domain;      /* NULL: cannot be asked */
    MtJob job;
    gboolean answered;
    char *why;                  /* it has not answered */
} Side;

static void
side_clear(Side *side)
{
    g_clear_object(&side->domain);
    g_clear_object(&side->conn);
    mt_job_clear(&side->job);
    g_clear_pointer(&side->why, g_free);
}

/* Whether another QEMU process answers than the one of the migration. */
static gboolean
side_is_other(const Side *side)
{
    const char *instance = mt_json_peek_string(side->record, "instance");
    const char *now = side->domain->identity.instance;

    return instance && now && strcmp(instance, now) != 0;
}

static void
side_ask(Side *side, GCancellable *cancellable)
{
    const char *uri = mt_json_peek_string(side->record, "uri");
    const char *key = mt_json_peek_string(side->record, "key");
    g_autoptr(GError) cause = NULL;

    if (uri && key)
        side->conn = migtune_conn_open(uri, 0, 0, cancellable, &cause);
    if (side->conn)
        side->domain =
            migtune_conn_open_domain(side->conn, key, cancellable, &cause);
    if (side->domain && side_is_other(side)) {
        side->why = g_strdup(_("another QEMU answers there now"));
        g_clear_object(&side->domain);
        return;
    }
    if (side->domain) {
        MtDomainHold *hold = mt_domain_hold(side->domain, cancellable, &cause);

        side->answered = hold && mt_job_ask_again(side->domain, cancellable,
                                                  &side->job, &cause);
        mt_domain_release(hold);
    }
    if (!side->answered)
        side->why = g_strdup(cause ? cause->message : "?");
}

static gboolean
side_runs(const Side *side)
{
    return side->answered && strcmp(side->job.run_state, "running") == 0;
}

static gboolean
side_is_active(const Side *side)
{
    return side->answered && (side->job.state == MIGTUNE_JOB_ACTIVE ||
                              side->job.state == MIGTUNE_JOB_PAUSED);
}

/* Restores the former settings; FALSE if that failed. */
static gboolean
side_restore(Side *side, GCancellable *cancellable, GError **error)
{
    JsonArray *former = mt_json_peek_array(side->record, "former");
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(MtSet) values = NULL;

    if (!side->domain)
        return TRUE;
    {
        g_autoptr(MtDomainHold) hold =
            mt_domain_hold(side->domain, cancellable, error);
        MtCaps *caps =
            hold ? mt_domain_get_caps(side->domain, FALSE, error) : NULL;

        if (!caps)
            return FALSE;
        values = mt_set_from_journal(former, caps);
    }
    if (mt_set_size(values) == 0)
        return TRUE;
    plan = mt_domain_plan_values(side->domain, values, cancellable, error);

    return plan && migtune_plan_apply(plan, cancellable, error);
}

static gboolean
side_start(Side *side, GCancellable *cancellable, GError **error)
{
    return migtune_domain_resume(side->domain, cancellable, error);
}

static const char *
side_state(const Side *side)
{
    return side->answered ? side->job.run_state : _("no answer");
}

/* What is known, and what is done about it. */
typedef struct {
    MtPlace place;
    gboolean over;              /* the record is no longer needed */
    gboolean starts;            /* the destination is to be started */
    gboolean restores;
    const char *text;
} Verdict;

static Verdict
recover_judge(const Side *here, const Side *there, const char *phase,
              gboolean was_running)
{
    gboolean moved = strcmp(phase, "migrating") == 0 ||
                     strcmp(phase, "starting") == 0;

    if (side_runs(here) && side_runs(there))
        return (Verdict) { MT_PLACE_BOTH, FALSE, FALSE, FALSE,
                           N_("the guest runs on both sides: stop one of them "
                              "at once") };
    if (side_is_active(here))
        return (Verdict) { MT_PLACE_UNKNOWN, FALSE, FALSE, FALSE,
                           N_("the migration is still running; look again when "
                              "it has ended") };
    if (side_runs(there))
        return (Verdict) { MT_PLACE_DESTINATION, TRUE, FALSE, TRUE,
                           N_("the guest runs on the destination") };
    if (side_runs(here))
        return (Verdict) { MT_PLACE_SOURCE, TRUE, FALSE, TRUE,
                           N_("the guest runs on the source") };
    /* The source has sent everything, and it is being loaded. */
    if (moved && here->answered && side_is_active(there) &&
        strcmp(there->job.run_state, "inmigrate") == 0)
        return (Verdict) { MT_PLACE_UNKNOWN, FALSE, FALSE, FALSE,
                           N_("the migration is still running; look again when "
                              "it has ended") };
    if (!moved && here->answered)
        return (Verdict) { MT_PLACE_SOURCE, TRUE, FALSE, TRUE,
                           N_("the migration had not begun; the guest is on "
                              "the source") };
    if (here->answered && here->job.state == MIGTUNE_JOB_COMPLETED &&
        there->answered && strcmp(there->job.run_state, "paused") == 0)
        return (Verdict) { MT_PLACE_DESTINATION, TRUE, was_running, TRUE,
                           was_running
                               ? N_("the source has finished, and the guest "
                                    "had not been started on the destination "
                                    "yet")
                               : N_("the guest is on the destination, stopped "
                                    "as it was before") };
    if (here->answered && there->answered)
        return (Verdict) { MT_PLACE_STOPPED, FALSE, FALSE, FALSE,
                           N_("the guest is stopped on both sides; start it "
                              "with 'cont' on one of them, and end the other "
                              "one first") };

    return (Verdict) { MT_PLACE_UNKNOWN, FALSE, FALSE, FALSE,
                       N_("it is not known where the guest is, because a side "
                          "does not answer; nothing is started") };
}

/* A warning if the destination still waits and may have been told to stay
 * stopped; to be freed.  The journal does not know whether it has disks, so that
 * nothing is sent. */
static char *
recover_warn_waiting(const Side *there, const char *phase)
{
    if (!there->answered || strcmp(there->job.run_state, "inmigrate") != 0 ||
        side_is_active(there) ||
        strcmp(phase, mt_phase_to_string(MT_PHASE_TUNING)) == 0)
        return NULL;

    return mt_migration_describe_stopped(there->domain->name);
}

/* Reads the journal at @path; NULL if it is damaged. */
static JsonNode *
recover_read(const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(JsonNode) node = NULL;
    JsonObject *object;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, NULL))
        return NULL;
    node = mt_json_parse(text, length, NULL);
    if (!node || !JSON_NODE_HOLDS_OBJECT(node))
        return NULL;
    object = json_node_get_object(node);

    return mt_json_peek_object(object, "source") &&
                   mt_json_peek_object(object, "destination") &&
                   mt_json_peek_string(object, "phase") &&
                   mt_json_peek_string(object, "name")
               ? g_steal_pointer(&node)
               : NULL;
}

static void
recover_add_text(JsonObject *report, const char *member, const char *text)
{
    mt_json_set_text(report, member, text);
}

/* Looks into one migration; removes its record if nothing is left to do. */
static JsonObject *
recover_one(const char *path, JsonObject *journal, gboolean dry_run,
            GCancellable *cancellable)
{
    const char *phase = mt_json_peek_string(journal, "phase");
    Side here = { mt_json_peek_object(journal, "source") };
    Side there = { mt_json_peek_object(journal, "destination") };
    JsonObject *report = json_object_new();
    g_autoptr(GError) cause = NULL;
    g_autofree char *warning = NULL;
    gboolean was_running = FALSE;
    gboolean ok = TRUE;
    Verdict verdict;

    mt_json_peek_bool(journal, "was-running", &was_running);
    side_ask(&here, cancellable);
    side_ask(&there, cancellable);
    verdict = recover_judge(&here, &there, phase, was_running);
    if (verdict.over)
        warning = recover_warn_waiting(&there, phase);

    if (verdict.starts && !dry_run)
        ok = side_start(&there, cancellable, &cause);
    if (verdict.restores && !dry_run && ok)
        ok = side_restore(&here, cancellable, &cause) &&
             side_restore(&there, cancellable, &cause);
    if (verdict.over && !dry_run && ok)
        g_unlink(path);

    json_object_set_string_member(report, "domain",
                                  mt_json_peek_string(journal, "name"));
    json_object_set_string_member(report, "phase", phase);
    json_object_set_string_member(report, "guest",
                                  mt_place_to_string(verdict.place));
    json_object_set_string_member(report, "source-state", side_state(&here));
    json_object_set_string_member(report, "destination-state",
                                  side_state(&there));
    recover_add_text(report, "source-error", here.why);
    recover_add_text(report, "destination-error", there.why);
    json_object_set_string_member(report, "text", _(verdict.text));
    json_object_set_boolean_member(report, "started",
                                   verdict.starts && !dry_run && ok);
    json_object_set_boolean_member(report, "over",
                                   verdict.over && !dry_run && ok);
    recover_add_text(report, "warning", warning);
    recover_add_text(report, "error", cause ? cause->message : NULL);
    side_clear(&here);
    side_clear(&there);

    return report;
}

JsonNode *
migtune_recover(gboolean dry_run, GCancellable *cancellable, GError **error)
{
    g_autofree char *dir_path = mt_migration_journal_dir();
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    JsonArray *reports = json_array_new();
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(dir_path, name, NULL);
        g_autofree char *lock = NULL;
        g_autoptr(JsonNode) node = NULL;
        int fd;

        if (!g_str_has_suffix(name, ".json"))
            continue;
        lock = g_strdup_printf("%.*s.lock", (int)strlen(path) - 5, path);
        /* A migration that is held by another process needs no recovery. */
        fd = mt_lock_take(lock, 0, cancellable, NULL);
        if (fd < 0)
            continue;
        node = recover_read(path);
        if (node)
            json_array_add_object_element(
                reports, recover_one(path, json_node_get_object(node), dry_run,
                                     cancellable));
        close(fd);
    }

    return mt_json_node_new_array(reports);
}
