/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Other programs, and what they cost.
 */

#include <glib.h>

typedef struct {
    double seconds;
    double cpu_seconds;     /* of the program and its children */
    guint64 peak_bytes;     /* the most resident memory of the program, about */
} CommandCost;

/* Runs a program without its output.  FALSE if it does not exit with 0. */
gboolean command_run(const char *const *argv, CommandCost *ret_cost,
                     GError **error);

/* Runs the command `migtune` of this build. */
gboolean command_run_migtune(const char *const *words, CommandCost *ret_cost,
                             GError **error);
