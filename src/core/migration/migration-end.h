/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of a migration: where the guest runs, and what follows from it.
 */

#include "core/migration/migration-side.h"

G_BEGIN_DECLS

/* Notes where the guest is; TRUE if @state is "completed". */
gboolean mt_run_place(MtRun *run, MtPlace place, MigtuneMigrationState state);

/* The source is known to have finished: @here, or NULL if it does not answer any
 * more and the destination has the guest. */
gboolean mt_run_arrive(MtRun *run, const MtJob *here, GError **error);

/* The migration failed or was cancelled: the guest is on the source, unless the
 * link broke after the destination had everything.  Takes @why, or NULL. */
gboolean mt_run_fail(MtRun *run, const MtJob *here, GError *why,
                     GError **error);

/* The source cannot be asked any more. */
gboolean mt_run_lose_source(MtRun *run, const GError *cause, GError **error);

/* Reads the run states at the end, for the report. */
void mt_run_take_states(MtRun *run);

G_END_DECLS
