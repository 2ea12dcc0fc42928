/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A migration that is being carried out, and what it asks and tells one of its
 * guests.
 */

#include "core/migration/migration-journal.h"
#include "core/migration/migration-pace.h"
#include "plan/plan.h"

G_BEGIN_DECLS

typedef struct {
    MigtuneMigration *migration;
    MtMigrationJournal *journal;
    GCancellable *cancellable;
    MtOutcome *outcome;
    gboolean was_running;       /* the source, before */
    gboolean holds;             /* the destination was told to stay stopped,
                                 * and has not been told to run */
    gboolean may_listen;        /* `migrate-incoming` was sent, and was not
                                 * refused */
    gboolean listen_refused;    /* QEMU refused `migrate-incoming` */
    gboolean may_stay_stopped;  /* `stop` was sent to the destination, and was
                                 * not refused; `cont` was not obeyed */
    gboolean told_to_run;       /* `cont` was sent to the destination */
    gboolean started;           /* `migrate` may have been sent */
    gint64 begin_us;
    gint64 end_us;              /* time limit; 0: none */
    gint64 kept_us;             /* since when the monitor of the source has
                                 * been kept */
    MtPace pace;
} MtRun;

/* Adds a warning to the outcome. */
void mt_run_warn(MtRun *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Runs a command and looks only at whether it was accepted.  Takes
 * @arguments, which may be NULL. */
gboolean mt_run_command(MigtuneDomain *domain, const char *command,
                        JsonObject *arguments, GCancellable *cancellable,
                        GError **error);

/* Asks @domain about its migration. */
gboolean mt_run_ask(MigtuneDomain *domain, GCancellable *cancellable,
                    MtJob *job, GError **error);

/* How long a monitor that does not answer is asked again. */
gint64 mt_run_lost_us(MigtuneDomain *domain);

/* Asks until there is an answer, @domain is known to have ended, or the time
 * limit has passed. */
gboolean mt_run_ask_long(MigtuneDomain *domain, MtJob *job, GError **error);

/* The rows that @plan changes, with their former values if @former, else with
 * the planned ones. */
MtSet *mt_run_values(const MtPlan *plan, gboolean former);

/* Gives @domain these values; reads nothing and sends nothing if there are
 * none. */
gboolean mt_run_set(MigtuneDomain *domain, const MtSet *values,
                    GCancellable *cancellable, GError **error);

/* Restores the former values on one side, in a second attempt if the monitor
 * fails once.  A failure is a warning, because it must not hide the error before
 * it. */
void mt_run_restore(MtRun *run, MigtuneDomain *domain, const MtPlan *plan);

/* After a failure before the guest moved: restores both sides. */
void mt_run_undo(MtRun *run);

/* Tells the destination to run.  From then on it may run. */
gboolean mt_run_start_destination(MtRun *run, GError **error);

G_END_DECLS
