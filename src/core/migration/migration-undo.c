/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A destination that still waits after a failure.
 *
 * Two commands change a waiting QEMU in a way that its settings do not show:
 * `stop`, after which it comes up stopped, and `migrate-incoming`.  `cont` takes
 * the first one back.  Nothing takes back the second one, and QEMU 10.0 does not
 * accept it again even after it has failed.
 *
 * `cont` makes a waiting QEMU activate its disks before it notes that it is to
 * run.  The source still uses them, so `cont` is sent only to a guest that has
 * none.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration-undo.h"
#include "util/i18n.h"

static gboolean
undo_ask(MigtuneDomain *domain, MtJob *job)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, NULL, NULL);

    return hold && mt_job_ask_again(domain, NULL, job, NULL);
}

/* Only QEMUs tell their machine type; reference guests do not and have no
 * disks. */
static gboolean
undo_has_no_disks(const MtPairSide *side)
{
    return side->machine == NULL ||
           (strcmp(side->machine, "none") == 0 && side->unsafe_disks &&
            side->n_cpus >= 0);
}

static gboolean
undo_stop(MigtuneDomain *destination, const MtPairSide *side)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autoptr(JsonNode) result = NULL;

    if (!undo_has_no_disks(side))
        return FALSE;
    hold = mt_domain_hold(destination, NULL, NULL);
    if (hold)
        result = mt_exec_one(&destination->exec, "cont", NULL, NULL, NULL);

    return result != NULL;
}

/* Whether @plan changes a setting that counts when the guest begins to listen. */
static gboolean
undo_had_early_rows(const MtPlan *plan)
{
    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        if (a->row->before_listening)
            return TRUE;
    }

    return FALSE;
}

char *
mt_migration_describe_stopped(const char *name)
{
    return g_strdup_printf(
        _("%s may have been told to stay stopped: after its next migration it "
          "is then paused, and 'cont' in its monitor starts it; to avoid that, "
          "end it and start it again with '-incoming defer'"),
        name);
}

void
mt_migration_undo_waiting(MigtuneMigration *migration, MtWaiting waiting,
                          GPtrArray *warnings)
{
    MigtuneDomain *destination = migration->destination;
    g_auto(MtJob) job = { NULL };

    if (!waiting || mt_migration_has_ended(destination))
        return;
    if (!undo_ask(destination, &job)) {
        g_ptr_array_add(
            warnings,
            g_strdup_printf(_("%s does not answer, so that it is not known "
                              "whether it still waits for a migration: end it "
                              "and start it again before another migration"),
                            destination->name));
        return;
    }
    if (job.state == MIGTUNE_JOB_WAITING && (waiting & MT_WAITING_LISTENS))
        g_ptr_array_add(
            warnings,
            g_strdup_printf(
                undo_had_early_rows(migration->pairing->destination_plan)
                    ? _("%s listens for a migration, which QEMU cannot end, "
                        "with settings that cannot be changed any more: "
                        "end it and start it again with '-incoming "
                        "defer' before another migration")
                    : _("%s listens for a migration, which QEMU cannot end: "
                        "end it if it is not used, and start it again with "
                        "'-incoming defer' before a migration with other "
                        "settings"),
                destination->name));
    if ((waiting & MT_WAITING_REFUSED) && strcmp(job.status, "setup") == 0)
        g_ptr_array_add(
            warnings,
            g_strdup_printf(_("%s could not listen, and this QEMU does not try "
                              "again: end it and start it again with "
                              "'-incoming defer' before another migration"),
                            destination->name));
    if (strcmp(job.run_state, "inmigrate") == 0 &&
        (waiting & MT_WAITING_STOPPED) &&
        !undo_stop(destination, migration->destination_side))
        g_ptr_array_add(warnings,
                        mt_migration_describe_stopped(destination->name));
}
