/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Settings and verdicts: code shared by the commands that set, reset and
 * explain.
 */

#include <migtune/migtune.h>

#include "cmd.h"

#define PLANS_N_SHORT 3

/* The requested settings. */
typedef struct {
    virTypedParameter *params;
    int n_params;

    /* The values of --level, --threads and --dthreads if no compression method
     * is requested; plans_resolve_short() makes settings of them. */
    char *short_values[PLANS_N_SHORT];
} PlansSettings;

void plans_settings_clear(PlansSettings *settings);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PlansSettings, plans_settings_clear)

/* Reads the settings from the NAME=VALUE arguments of @line and from --level,
 * --threads and --dthreads. */
gboolean plans_take_settings(const CmdLine *line, PlansSettings *settings,
                           GError **error);

/* Adds the settings of --level, --threads and --dthreads for @method, the
 * compression method in force: a list separated by commas, or NULL. */
gboolean plans_resolve_short(PlansSettings *settings, const char *method,
                             GError **error);
gboolean plans_has_short(const PlansSettings *settings);

/* Does the same with the method in force in @domain, or with the kept method if
 * @line is only for the kept settings. */
gboolean plans_resolve_short_for(PlansSettings *settings, const CmdLine *line,
                                 MigtuneDomain *domain,
                                 GCancellable *cancellable, GError **error);

/* Reads one NAME=VALUE. */
gboolean plans_take_setting(const char *word, PlansSettings *settings,
                         GError **error);

/* Returns the flags for --policy, --live and --config. */
unsigned int plans_get_flags(const CmdLine *line);

/* Fails if --current is combined with --live or --config. */
gboolean plans_check_targets(const CmdLine *line, GError **error);

/* Applies @plan unless @dry_run, prints the result and returns the exit
 * status. */
int plans_run(Tool *tool, const CmdLine *line, MigtunePlan *plan,
              gboolean dry_run, GError **error);

/* Does the same without printing, for many guests at once. Returns the
 * document of the plan, with the member "error" if it failed. */
JsonNode *plans_run_quietly(const CmdLine *line, MigtunePlan *plan,
                            gboolean dry_run, int *ret_status,
                            GCancellable *cancellable, GError **ret_error);

/* Prints the verdicts if any is not exact, the flags, the typed parameters and
 * the virsh commands. */
void plans_print_lowering(Tool *tool, MigtunePlan *plan,
                          MigtuneLowering *lowering, const char *destination);

/* The values of --policy. */
extern const char *const plans_policies[];

/* Prints the commands in the member "steps" of @document, which would be sent. */
void plans_print_steps(Tool *tool, JsonObject *document);
