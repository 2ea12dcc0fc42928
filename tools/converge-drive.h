/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Convergence policies, a trace and metrics of a migration that runs.
 */

#include "converge-options.h"

/* For the table of a command that starts a migration. */
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
    MigtuneConvergence *convergence;    /* NULL: nothing is asked for */
    gboolean has_policy;
    guint64 downtime_ms;        /* to restore; 0: not known */
    MigtuneMigration *migration;        /* NULL: the source is used directly */
    gboolean started;
    gboolean changed;           /* the downtime was changed */
    gint64 start_us;

    /* While converge_drive_follow() runs. */
    MigtuneDomain *source;
    JsonNode *info;

    /* What the policy has done. */
    gboolean postcopy;          /* was requested */
    gboolean suspended;         /* the guest, which was running */
} ConvergeDrive;

/* Reads the options; @acts: a policy may act.  FALSE with an error. */
gboolean converge_drive_init(ConvergeDrive *drive, Tool *tool,
                             const CmdLine *line, const char *domain,
                             gboolean acts, GError **error);
void converge_drive_clear(ConvergeDrive *drive);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConvergeDrive, converge_drive_clear)

/* Before settings are changed for the migration: what to restore.  If it is not
 * called, converge_drive_start() does the same. */
void converge_drive_prepare(ConvergeDrive *drive, MigtuneDomain *source);

/* When the migration starts. */
void converge_drive_start(ConvergeDrive *drive, MigtuneDomain *source);

/* After each look at the migration while it is active.  @source: NULL if its
 * monitor is released. */
void converge_drive_follow(ConvergeDrive *drive, MigtuneDomain *source,
                           JsonNode *info);

/* After the migration.  The downtime is what it was before if the guest has
 * stayed at @source, which may be NULL. */
gboolean converge_drive_finish(ConvergeDrive *drive, MigtuneDomain *source,
                               JsonNode *info, GError **error);
