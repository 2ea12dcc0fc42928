/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Wishes in, verdicts out: what setting, resetting and explaining share.
 */

#include <migtune/migtune.h>

#include "cmd.h"

/* What is wished. */
typedef struct {
    virTypedParameter *params;
    int n_params;
} PlansWishes;

void plans_wishes_clear(PlansWishes *wishes);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PlansWishes, plans_wishes_clear)

/* Takes the NAME=VALUE words of @line and its --level, --threads and
 * --dthreads. */
gboolean plans_take_wishes(const CmdLine *line, PlansWishes *wishes,
                           GError **error);

/* One NAME=VALUE. */
gboolean plans_take_wish(const char *word, PlansWishes *wishes,
                         GError **error);

/* The flags that --policy, --live and --config mean. */
unsigned int plans_get_flags(const CmdLine *line);

/* Whether --live, --config and --current go together. */
gboolean plans_check_targets(const CmdLine *line, GError **error);

/* Applies @plan unless --dry-run was given, and prints what became of it;
 * returns the exit status. */
int plans_run(Tool *tool, const CmdLine *line, MigtunePlan *plan,
              gboolean dry_run, GError **error);

/* The same without printing, for many guests at once: the document of the
 * plan, with the member "error" when @ret_error was set. */
JsonNode *plans_run_quietly(const CmdLine *line, MigtunePlan *plan,
                            gboolean dry_run, int *ret_status,
                            GError **ret_error);

/* Prints verdicts that are not plain, flags, typed parameters and the commands of virsh. */
void plans_print_lowering(Tool *tool, MigtunePlan *plan,
                          MigtuneLowering *lowering, const char *destination);

/* The choices of --policy. */
extern const char *const plans_policies[];
