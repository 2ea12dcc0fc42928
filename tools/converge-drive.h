/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The convergence policies, the trace and the metrics of a migration: options and
 * output.  The library carries the decisions out.
 */

#include "converge-options.h"

/* The options of a command that starts a migration. */
#define CONVERGE_DRIVE_OPTIONS                                          \
    { "converge", 0, CMD_OPT_TEXT, .word = CMD_WORD_POLICY,             \
      .metavar = "POLICY",                                              \
      .help = N_("the convergence policy that acts on the migration") },\
    { "converge-from", 0, CMD_OPT_TEXT, .metavar = "FILE",              \
      .help = N_("the same from the configuration of Nova, oVirt, "     \
                 "KubeVirt or Proxmox") },                              \
    CONVERGE_LIMIT_OPTIONS,                                             \
    CONVERGE_RECORD_OPTIONS

#define CONVERGE_RECORD_OPTIONS                                         \
    { "shadow", 0, CMD_OPT_TEXT, .many = TRUE, .word = CMD_WORD_POLICY, \
      .metavar = "POLICY",                                              \
      .help = N_("a policy whose decisions are recorded and not carried "\
                 "out; can be given several times") },                  \
    { "record", 0, CMD_OPT_TEXT, .metavar = "FILE",                     \
      .help = N_("write a trace of the migration as JSON lines, for "   \
                 "'report' and 'replay'") },                            \
    { "metrics", 0, CMD_OPT_TEXT, .metavar = "FILE",                    \
      .help = N_("write OpenMetrics about once a second; the file is "  \
                 "replaced as a whole") }

typedef struct {
    Tool *tool;
    char *name;                 /* of the guest */
    MigtunePolicy *policy;      /* that acts; NULL: none */
    GPtrArray *shadows;         /* NULL-terminated */
    MigtuneSteering *steering;  /* NULL: no policy, trace or metrics, or the
                                 * library follows the migration */
} ConvergeDrive;

/* Reads the options; @acts: whether a policy may act.  FALSE with an error. */
gboolean converge_drive_init(ConvergeDrive *drive, Tool *tool,
                             const CmdLine *line, const char *domain,
                             gboolean acts, GError **error);

/* Reads the options for @migration, which does all the rest. */
gboolean converge_drive_attach(ConvergeDrive *drive, Tool *tool,
                               const CmdLine *line,
                               MigtuneMigration *migration, GError **error);
void converge_drive_clear(ConvergeDrive *drive);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConvergeDrive, converge_drive_clear)

/* Turns post-copy on for both guests if the policy needs it.  A guest without
 * post-copy is reported, and the policy does without it. */
void converge_drive_enable_postcopy(ConvergeDrive *drive,
                                    MigtuneDomain *source,
                                    MigtuneDomain *destination);

/* Call it when the migration starts. */
void converge_drive_start(ConvergeDrive *drive, MigtuneDomain *source);

/* Call it with each job information of an active migration.  @source: NULL
 * if no decision is to be carried out. */
void converge_drive_follow(ConvergeDrive *drive, MigtuneDomain *source,
                           JsonNode *info);

/* What the policy has done: MigtuneSteeringDone. */
unsigned int converge_drive_get_done(ConvergeDrive *drive);

/* Call it after the migration.  Restores the settings that the policy has
 * changed if the guest is still at @source, which may be NULL. */
gboolean converge_drive_finish(ConvergeDrive *drive, MigtuneDomain *source,
                               JsonNode *info, GError **error);
