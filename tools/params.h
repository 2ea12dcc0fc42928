/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the commands of cmd-params.c show and change settings.  The functions
 * return the exit status.
 */

#include "cmd.h"
#include "plans.h"

/* Returns the arguments of @line as names; NULL if there are none. */
char **params_get_names(const CmdLine *line);

/* Shows the settings of one domain or of all domains; @flags are those of
 * migtune_domain_report(). */
int params_show(Tool *tool, const CmdLine *line, unsigned int flags,
                GError **error);

/* Plans and applies @settings in one domain or in all domains. */
int params_change(Tool *tool, const CmdLine *line,
                  const PlansSettings *settings, GError **error);

int params_reset(Tool *tool, const CmdLine *line, GError **error);
int params_apply_config(Tool *tool, const CmdLine *line, GError **error);
