/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is in force in one QEMU now.
 */

#include "params/set.h"
#include "probe/caps.h"

G_BEGIN_DECLS

typedef struct {
    MtSet *values;              /* of every row that QEMU tells */
    char *migration;            /* status of query-migrate; NULL: not asked */
    char *run_state;            /* status of query-status; NULL: not asked */
    gboolean listening;         /* for a migration that has not come in yet */
    gboolean stale;             /* QEMU has other rows than the caps say */
} MtState;

/* What else to ask in the same round trip. */
typedef enum {
    MT_STATE_VALUES = 0,
    MT_STATE_MIGRATION = 1 << 0, /* query-migrate and query-status, too */
} MtStateFlags;

/*
 * The commands that read a state, ready to be sent, alone or behind others.
 * At most MT_STATE_MAX_COMMANDS; the caller clears them.
 */
#define MT_STATE_MAX_COMMANDS 5
guint mt_state_commands(const MtCaps *caps, MtStateFlags flags,
                        MtCommand *commands);

/* Understands the answers to these commands. */
MtState *mt_state_from_answers(const MtCaps *caps, MtCommand *commands,
                               guint n_commands, GError **error);

/* Sends the commands and understands the answers: one round trip. */
MtState *mt_state_read(MtExec *exec, const MtCaps *caps, MtStateFlags flags,
                       GCancellable *cancellable, GError **error);

/* A freshly started QEMU of these caps: everything at its default. */
MtState *mt_state_new_default(const MtCaps *caps);

void mt_state_free(MtState *state);

/* Whether a migration is under way, during which capabilities are fixed. */
gboolean mt_state_is_migrating(const MtState *state);

/* On which side of a migration the guest is, as far as can be told. */
MtSide mt_state_side(const MtState *state);

/*
 * The value that the wish `compression` has in @values: "none", or methods
 * separated by commas.  NULL when QEMU has none of the parts.
 */
char *mt_state_compression(const MtSet *values);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtState, mt_state_free)

G_END_DECLS
