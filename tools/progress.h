/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How far a migration is, on standard error: a bar that is drawn anew in its
 * place where that is a terminal, else, when asked for, a line a second.
 */

#include "tool.h"

typedef struct _Progress Progress;

/* @verbose: lines where there is no terminal. */
Progress *progress_new(const Tool *tool, gboolean verbose);

/* Leaves the last state to be seen. */
void progress_free(Progress *progress);

/* Of type MigtuneJobFunc. */
void progress_show(JsonNode *info, gpointer progress);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)
