/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A policy that acts on a migration, from inside; see migtune-steering.h.
 */

#include "core/migration/migration.h"

#include "migtune/migtune-steering.h"

G_BEGIN_DECLS

/* From now on post-copy and abort go through @migration, which is borrowed. */
void mt_steering_set_migration(MigtuneSteering *steering,
                               MigtuneMigration *migration);

/* Whether migtune_steering_start() has been called. */
gboolean mt_steering_has_started(const MigtuneSteering *steering);

G_END_DECLS
