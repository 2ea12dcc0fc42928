/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Progress of a migration on standard error: a bar on a terminal, otherwise,
 * if requested, one line per second.
 */

#include "tool.h"

typedef struct _Progress Progress;

/* @verbose: print lines if standard error is not a terminal. */
Progress *progress_new(const Tool *tool, gboolean verbose);

/* Leaves the last line on the screen. */
void progress_free(Progress *progress);

/* Of type MigtuneJobFunc. */
void progress_show(JsonNode *info, gpointer progress);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)
