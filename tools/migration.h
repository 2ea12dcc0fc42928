/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One migration of the command `migrate`, from the checks to its end.
 */

#include "cmd.h"
#include "converge-drive.h"
#include "progress.h"

typedef struct {
    Tool *tool;
    MigtuneConn *conn;          /* of the source; borrowed from the tool */
    char *key;                  /* of the source */
    char *name;                 /* of the source */
    MigtuneDomain *source;      /* NULL while its monitor is released */
    MigtuneConn *other;         /* NULL: the destination uses @conn */
    MigtuneDomain *destination; /* NULL: the destination is not known */
    const char *uri;
    gboolean resume;
    gboolean continues;         /* send migrate-continue when QEMU waits */
    gboolean unchecked;         /* do not compare the two sides */
    guint timeout_ms;           /* 0: no limit */
    const char *action;         /* taken after timeout_ms */
    ConvergeDrive converge;     /* policy and trace */

    /* What has happened so far. */
    gboolean listening;         /* this command made the destination listen */
    gboolean suspended;         /* by the action; the guest was running */
    gboolean postcopy;          /* by the action */
    gboolean announced;         /* that QEMU waits for migrate-continue */
    gboolean left;              /* stopped waiting; the migration goes on */
    gboolean lost;              /* the guest runs on neither known side */
    gint64 release_us;          /* from then on, release the monitor */
} Migration;

void migration_clear(Migration *migration);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Migration, migration_clear)

/* The values of --timeout-action, NULL-terminated. */
extern const char *const migration_actions[];

/* What is printed when this action was taken at the time limit. */
const char *migration_get_action_remark(const char *action);

/* Reads --timeout and --timeout-action. */
gboolean migration_take_timeout(Migration *migration, const CmdLine *line,
                                GError **error);

/* Checks everything that can be checked before a command is sent: the states
 * of both guests, the settings that must be equal, and the action. */
gboolean migration_check(Migration *migration, GError **error);

/* Makes the destination listen and starts the migration.  If QEMU refuses the
 * migration, the error says that the destination listens. */
gboolean migration_start(Migration *migration, GError **error);

/* Waits until the migration has ended and the guest runs on one side. */
gboolean migration_wait(Migration *migration, Progress *progress,
                        GError **error);

/* Whether a state of QEMU's, such as "postcopy-active", is one after the switch
 * to post-copy, when memory is on two hosts. */
gboolean migration_is_postcopy(JsonNode *info);

/* The job information of both sides for reports; NULL if it is not known. */
JsonNode *migration_get_source(Migration *migration);
JsonNode *migration_get_destination(Migration *migration);

/* The exit status for @failure of this migration. */
int migration_get_status(const Migration *migration, const GError *failure);
