/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The options of the commands that use convergence policies.
 */

#include "cmd.h"

/* The options that select a policy and its limits. */
#define CONVERGE_POLICY_OPTIONS                                         \
    { "converge", 0, CMD_OPT_TEXT, .many = TRUE,                        \
      .word = CMD_WORD_POLICY, .metavar = "POLICY",                     \
      .help = N_("a convergence policy with the defaults of its program; "\
                 "can be given several times") },                       \
    { "converge-from", 0, CMD_OPT_TEXT, .many = TRUE, .metavar = "FILE",\
      .help = N_("a convergence policy from the configuration of Nova, "  \
                 "oVirt, KubeVirt or Proxmox; can be given several "    \
                 "times") },                                            \
    CONVERGE_LIMIT_OPTIONS

#define CONVERGE_LIMIT_OPTIONS                                          \
    { "select", 0, CMD_OPT_TEXT, .many = TRUE, .metavar = "KEY=VALUE",  \
      .help = N_("what --converge-from selects: policy=NAME, a label of "\
                 "the guest as vm.LABEL=VALUE or of its namespace as "  \
                 "namespace.LABEL=VALUE; for nova.conf also the size "   \
                 "of the guest, flavor.ram=MIB and disk=BYTES; can be "  \
                 "given several times") },                              \
    { "max-downtime", 0, CMD_OPT_TEXT, .metavar = "TIME",               \
      .help = N_("the longest downtime that a policy may allow, such as " \
                 "500ms; milliseconds without a unit") },               \
    { "deadline", 0, CMD_OPT_TEXT, .metavar = "TIME",                   \
      .help = N_("when the migration is aborted if it has not ended, such "\
                 "as 10min; seconds without a unit") },                 \
    { "allow", 0, CMD_OPT_TEXT, .metavar = "LIST",                      \
      .help = N_("what the policy 'steady' may do beside raising the "  \
                 "downtime: postcopy, throttle and pause, separated by "\
                 "commas") }

/* Reads "500ms", "2s", "10min" or "1h"; @unit_ms is the unit of a number
 * without a unit. */
gboolean converge_parse_time(const char *option, const char *text,
                             guint64 unit_ms, guint64 *ret_ms,
                             GError **error);

/* Applies the limits that @line contains to @policy. */
gboolean converge_set_limits(MigtunePolicy *policy, const CmdLine *line,
                             GError **error);

/* The policies of @line, NULL-terminated.  If @line names none, all policies
 * if @all is set.  Findings of imported files are printed to standard error. */
GPtrArray *converge_get_policies(Tool *tool, const CmdLine *line,
                                 gboolean all, GError **error);

/* Prepares @migration for the policy of --converge-from. */
gboolean converge_set_policy(Tool *tool, const CmdLine *line,
                             MigtuneMigration *migration, GError **error);

/* Prints the findings of @document to standard error. */
void converge_print_findings(Tool *tool, JsonObject *document);
