/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The capabilities and parameters of one guest: set, refused, truncated,
 * ignored and reported as its release of QEMU does.  Not thread-safe: the
 * caller holds the guest's lock.
 */

#include "drivers/ref/profile/input.h"
#include "drivers/ref/profile/profile.h"

G_BEGIN_DECLS

typedef struct MtRefTunables MtRefTunables;

/* The state of the guest, which some rules depend on. */
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

/* Sets the machine type, which the default of zero-page-detection depends on:
 * it is another one for versioned types before 9.0 ("pc-q35-8.2").  NULL: the
 * machine "none". */
void mt_ref_tunables_set_machine(MtRefTunables *tunables, const char *machine);

/* The release of a versioned machine type; MT_RELEASE_NONE for others. */
MtRelease mt_ref_machine_release(const char *machine);

/* Whether @command sets or queries them.  Old releases have commands for single
 * parameters, which are included. */
gboolean mt_ref_tunables_knows(const char *command);

/*
 * Runs such a command, whose arguments mt_ref_input_check() has accepted.
 * FALSE with @refusal filled in; else *@ret_result is what it returns.
 */
gboolean mt_ref_tunables_run(MtRefTunables *tunables,
                             const MtRefSituation *situation,
                             const char *command, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);

/* The value in force.  For a row that is stubbed, ignored, or not in the
 * release this is what applies instead. */
gboolean mt_ref_tunables_cap(const MtRefTunables *tunables, MtParamId id);
guint64 mt_ref_tunables_number(const MtRefTunables *tunables, MtParamId id);
const char *mt_ref_tunables_text(const MtRefTunables *tunables, MtParamId id);

/* Whether the last mt_ref_tunables_run() changed the value: a running engine
 * must be told. */
gboolean mt_ref_tunables_changed(const MtRefTunables *tunables, MtParamId id);

/* The rules that `migrate` or `migrate-incoming` checks, instead of the
 * command that sets the capability or parameter.  @scheme is the scheme of
 * the address. */
gboolean mt_ref_tunables_check_start(MtRefTunables *tunables,
                                     const MtRefSituation *situation,
                                     gboolean incoming, const char *scheme,
                                     MtRefRefusal *refusal);

G_END_DECLS
