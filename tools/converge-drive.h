/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The convergence policies, the trace and the metrics of a running migration.
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
    MigtuneConvergence *convergence;    /* NULL: no policy, trace or metrics */
    MigtunePolicy *policy;      /* that acts; NULL: none */
    guint64 downtime_ms;        /* to restore; 0: not known */
    MigtuneMigration *migration;        /* NULL: the source is used directly */
    gboolean started;
    gboolean changed;           /* the downtime was changed */
    gboolean enabled_postcopy;  /* the capability was turned on */
    gint64 start_us;

    /* Only valid during converge_drive_follow(). */
    MigtuneDomain *source;
    JsonNode *info;

    /* Actions of the policy. */
    gboolean postcopy;          /* was requested */
    gboolean suspended;         /* it has stopped the running guest */
} ConvergeDrive;

/* Reads the options; @acts: whether a policy may act.  FALSE with an error. */
gboolean converge_drive_init(ConvergeDrive *drive, Tool *tool,
                             const CmdLine *line, const char *domain,
                             gboolean acts, GError **error);
void converge_drive_clear(ConvergeDrive *drive);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ConvergeDrive, converge_drive_clear)

/* Saves the values to restore later.  Call it before settings are changed
 * for the migration; otherwise converge_drive_start() does it. */
void converge_drive_prepare(ConvergeDrive *drive, MigtuneDomain *source);

/* Turns post-copy on for both guests if the policy needs it.  A guest without
 * post-copy is reported, and the policy does without it. */
void converge_drive_enable_postcopy(ConvergeDrive *drive,
                                    MigtuneDomain *source,
                                    MigtuneDomain *destination);

/* Call it when the migration starts. */
void converge_drive_start(ConvergeDrive *drive, MigtuneDomain *source);

/* Call it with each job information of an active migration.  @source: NULL
 * if its monitor is released. */
void converge_drive_follow(ConvergeDrive *drive, MigtuneDomain *source,
                           JsonNode *info);

/* Call it after the migration.  Restores the downtime if the guest is still
 * at @source, which may be NULL. */
gboolean converge_drive_finish(ConvergeDrive *drive, MigtuneDomain *source,
                               JsonNode *info, GError **error);
