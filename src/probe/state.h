/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The values that are in force in a QEMU.
 */

#include "params/set.h"
#include "probe/caps.h"

G_BEGIN_DECLS

typedef struct {
    MtSet *values;              /* of the rows that can be read */
    char *migration;            /* status of query-migrate; NULL: not asked */
    char *run_state;            /* status of query-status; NULL: not asked */
    gboolean listening;         /* for an incoming migration that has not begun */
    gboolean stale;             /* QEMU has other rows than the caps */
    gboolean assumed;           /* not read: the defaults of the catalogue */
} MtState;

/* What to read. */
typedef enum {
    MT_STATE_VALUES = 0,
    MT_STATE_MIGRATION = 1 << 0, /* also query-migrate and query-status */
} MtStateFlags;

/*
 * Fills in the commands that read a state, at most MT_STATE_MAX_COMMANDS.  The
 * caller may send them together with others, and clears them.
 */
#define MT_STATE_MAX_COMMANDS 5
guint mt_state_commands(const MtCaps *caps, MtStateFlags flags,
                        MtCommand *commands);

/* Reads a state from the answers to these commands. */
MtState *mt_state_from_answers(const MtCaps *caps, MtCommand *commands,
                               guint n_commands, GError **error);

/* Sends the commands and reads their answers, in one round trip. */
MtState *mt_state_read(MtExec *exec, const MtCaps *caps, MtStateFlags flags,
                       GCancellable *cancellable, GError **error);

/* The defaults of a QEMU with these caps. */
MtState *mt_state_new_default(const MtCaps *caps);

void mt_state_free(MtState *state);

/* Whether a migration is running, so that QEMU does not change capabilities. */
gboolean mt_state_is_migrating(const MtState *state);

/* The side of the guest: destination while it waits for a migration. */
MtSide mt_state_side(const MtState *state);

/*
 * The value of `compression` that @values amounts to: "none", or methods
 * separated by commas.  NULL if QEMU has none of the rows that it consists of.
 */
char *mt_state_compression(const MtSet *values);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtState, mt_state_free)

G_END_DECLS
