/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a reference guest's release accepts, without a guest: a profile, its
 * tunables and a situation that the test chooses.
 */

#include "drivers/ref/tunables/tunables.h"
#include "qmp/exec.h"

G_BEGIN_DECLS

typedef struct {
    MtRefProfile *profile;
    MtRefTunables *tunables;
    MtRefSituation situation;
} RefBare;

/* Takes @profile. */
RefBare *ref_bare_new(MtRefProfile *profile);

/* Debian's build of @release, which must exist. */
RefBare *ref_bare_new_for_release(MtRelease release);
void ref_bare_free(RefBare *bare);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(RefBare, ref_bare_free)

/* Every build option that there is, NULL-terminated. */
extern const char *const ref_bare_all_options[];

/*
 * Runs a command that sets or tells tunables, or asks what there is; any other
 * has its arguments checked and returns an empty object.  @arguments may be
 * NULL.  NULL with @refusal filled in.
 */
JsonNode *ref_bare_execute(RefBare *bare, const char *command,
                           JsonObject *arguments, MtRefRefusal *refusal);

/* The same for arguments as text, in which quotes may be single.  FALSE: it
 * was refused, and *@ret_desc, unless NULL, is why. */
gboolean ref_bare_run(RefBare *bare, const char *command,
                      const char *arguments, char **ret_desc);

/* migrate-incoming at an address of @scheme, which must be taken. */
void ref_bare_start_incoming(RefBare *bare, const char *scheme);

/* What a query tells of one parameter or capability, as text; NULL if it does
 * not. */
char *ref_bare_dup_value(RefBare *bare, const char *name);

/* For probing it; freed with @bare. */
typedef struct {
    MtExec exec;
    RefBare *bare;
} RefBareExec;

void ref_bare_exec_init(RefBareExec *exec, RefBare *bare);

G_END_DECLS
