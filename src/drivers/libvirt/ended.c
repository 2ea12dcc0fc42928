/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Answers about a guest that libvirt has migrated to another host.  Its process
 * ends with the migration, often before the next question about it.
 */
#include "config.h"

#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* libvirt reports the end of a guest as an event a little later than in the
 * answers to calls. */
#define ENDED_EVENT_US (2 * G_TIME_SPAN_SECOND)
#define ENDED_PAUSE_US (10 * G_TIME_SPAN_MILLISECOND)

/* A guest that is defined; counted. */
typedef struct {
    virDomainPtr domain;
    JsonNode *migration;        /* NULL: it was not migrated */
} LvEnded;

static void
ended_clear(gpointer data)
{
    LvEnded *ended = data;

    virDomainFree(ended->domain);
    g_clear_pointer(&ended->migration, json_node_unref);
}

static void
ended_unref(gpointer ended)
{
    g_atomic_rc_box_release_full(ended, ended_clear);
}

/* libvirt remembers how the last start of a defined guest ended.  The guest is
 * inactive a little earlier than its state says so. */
static gboolean
ended_read(gpointer data, GError **error)
{
    gint64 end = g_get_monotonic_time() + ENDED_EVENT_US;
    LvEnded *ended = data;
    int state = 0;
    int reason = 0;

    for (;;) {
        if (virDomainGetState(ended->domain, &state, &reason, 0) < 0) {
            lv_error_take(error, LV_TO_QUERY, _("cannot read the state"));
            return FALSE;
        }
        if (state == VIR_DOMAIN_SHUTOFF || g_get_monotonic_time() > end ||
            virDomainIsActive(ended->domain) != 0)
            break;
        g_usleep(ENDED_PAUSE_US);
    }
    if (state == VIR_DOMAIN_SHUTOFF && reason == VIR_DOMAIN_SHUTOFF_MIGRATED)
        ended->migration = lv_job_new_completed(ended->domain);

    return TRUE;
}

/* Whether an event says that the process ended because of a migration. */
static gboolean
ended_by_event(LvDomain *domain)
{
    gint64 end = g_get_monotonic_time() + ENDED_EVENT_US;
    gboolean migrated = FALSE;

    while (domain->runs && g_get_monotonic_time() < end) {
        g_autofree char *how = NULL;

        if (!lv_conn_has_ended(domain->conn, domain->uuid, domain->id, &how,
                               &migrated) || how)
            break;
        g_usleep(ENDED_PAUSE_US);
    }

    return migrated;
}

/* The answer to query-migrate; NULL if the guest was not migrated. */
static JsonNode *
ended_get_migration(LvDomain *domain, GCancellable *cancellable)
{
    virDomainPtr defined = lv_domain_get_any(domain, NULL);
    JsonNode *migration = NULL;
    LvEnded *ended;

    if (defined) {
        ended = g_atomic_rc_box_new0(LvEnded);
        ended->domain = defined;
        if (lv_call(virDomainGetConnect(defined), ended_read,
                    g_atomic_rc_box_acquire(ended), ended_unref,
                    LV_CALL_COMMAND, domain->conn->command_timeout_ms,
                    cancellable, NULL))
            migration = g_steal_pointer(&ended->migration);
        ended_unref(ended);
    }
    if (!migration && ended_by_event(domain))
        migration = lv_job_new_completed(NULL);

    return migration;
}

gboolean
lv_ended_answer(LvDomain *domain, MigtuneDriverCommand *commands,
                guint n_commands, GCancellable *cancellable)
{
    g_autoptr(JsonNode) migration = NULL;

    for (guint i = 0; i < n_commands; i++) {
        if (strcmp(commands[i].name, "query-migrate") != 0 &&
            strcmp(commands[i].name, "query-status") != 0)
            return FALSE;
    }
    migration = ended_get_migration(domain, cancellable);
    if (!migration)
        return FALSE;

    for (guint i = 0; i < n_commands; i++) {
        JsonObject *status;

        g_clear_error(&commands[i].error);
        g_clear_pointer(&commands[i].result, json_node_unref);
        commands[i].answered = TRUE;
        if (strcmp(commands[i].name, "query-migrate") == 0) {
            commands[i].result = json_node_ref(migration);
            continue;
        }
        status = json_object_new();
        json_object_set_string_member(status, "status", "postmigrate");
        commands[i].result = mt_json_node_new_object(status);
    }

    return TRUE;
}
