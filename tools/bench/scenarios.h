/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The scenarios of the other files, for the table in scenarios.c. */

#include "bench.h"

gboolean scenario_zero(Bench *bench, GError **error);
gboolean scenario_xbzrle(Bench *bench, GError **error);
gboolean scenario_packets(Bench *bench, GError **error);
gboolean scenario_move(Bench *bench, GError **error);
gboolean scenario_channels(Bench *bench, GError **error);
gboolean scenario_mixed(Bench *bench, GError **error);
gboolean scenario_limit(Bench *bench, GError **error);
gboolean scenario_memory(Bench *bench, GError **error);
gboolean scenario_bulk(Bench *bench, GError **error);
gboolean scenario_threads(Bench *bench, GError **error);
gboolean scenario_tuning(Bench *bench, GError **error);
gboolean scenario_planning(Bench *bench, GError **error);
gboolean scenario_monitors(Bench *bench, GError **error);
gboolean scenario_pairs(Bench *bench, GError **error);
gboolean scenario_pair(Bench *bench, GError **error);
gboolean scenario_save(Bench *bench, GError **error);
gboolean scenario_restore(Bench *bench, GError **error);
gboolean scenario_inspect(Bench *bench, GError **error);
gboolean scenario_image(Bench *bench, GError **error);
gboolean scenario_levels(Bench *bench, GError **error);
