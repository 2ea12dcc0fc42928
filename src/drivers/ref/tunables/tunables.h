/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The capabilities and parameters of one guest: set, refused, truncated,
 * ignored and told as its release does.  Not thread-safe: the guest's lock is
 * held by who calls.
 */

#include "drivers/ref/profile/input.h"
#include "drivers/ref/profile/profile.h"

G_BEGIN_DECLS

typedef struct MtRefTunables MtRefTunables;

/* Where the guest is: some rules ask. */
typedef struct {
    gboolean migrating;         /* capabilities cannot change */
    gboolean incoming;          /* started with -incoming */
    gboolean incoming_started;  /* migrate-incoming was accepted */
    guint64 ram_bytes;
    guint reject;               /* -compat ...-input=reject: MtRefReject */
    gboolean hide_deprecated;   /* -compat deprecated-output=hide */
    gboolean hide_unstable;     /* -compat unstable-output=hide */
} MtRefSituation;

MtRefTunables *mt_ref_tunables_new(MtRefProfile *profile);
void mt_ref_tunables_free(MtRefTunables *tunables);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefTunables, mt_ref_tunables_free)

/* The type of the guest's machine, of which a default depends: a versioned one
 * ("pc-q35-8.2") before 9.0 has another zero-page-detection.  NULL: none. */
void mt_ref_tunables_set_machine(MtRefTunables *tunables, const char *machine);

/* Of which release a versioned machine is; MT_RELEASE_NONE of others. */
MtRelease mt_ref_machine_release(const char *machine);

/* Whether @command is one of those that set or tell them, the single-knob
 * ones of old releases among them. */
gboolean mt_ref_tunables_knows(const char *command);

/*
 * Runs such a command, whose arguments mt_ref_input_check() has accepted.
 * FALSE with @refusal filled in; else *@ret_result is what it returns.
 */
gboolean mt_ref_tunables_run(MtRefTunables *tunables,
                             const MtRefSituation *situation,
                             const char *command, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);

/* What is in force, by the row; a row that is stubbed or ignored, or that the
 * release has not, tells what holds instead. */
gboolean mt_ref_tunables_cap(const MtRefTunables *tunables, MtParamId id);
guint64 mt_ref_tunables_number(const MtRefTunables *tunables, MtParamId id);
const char *mt_ref_tunables_text(const MtRefTunables *tunables, MtParamId id);

/* The rows whose values the last mt_ref_tunables_run() changed: an engine
 * that runs is told of them. */
gboolean mt_ref_tunables_changed(const MtRefTunables *tunables, MtParamId id);

/* What `migrate` (or `migrate-incoming`) refuses in this state, before it
 * looks at its address: rules that are checked there and not when set. */
gboolean mt_ref_tunables_check_start(MtRefTunables *tunables,
                                     const MtRefSituation *situation,
                                     gboolean incoming, const char *scheme,
                                     MtRefRefusal *refusal);

G_END_DECLS
