/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The settings that a release accepts, without a guest: a profile, its tunables
 * and a situation that the test chooses.
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

/* All build options, NULL-terminated. */
extern const char *const ref_bare_all_options[];

/*
 * Runs a command that sets or queries tunables or the schema; for other
 * commands only the arguments are checked, and an empty object is returned.
 * @arguments may be NULL. Returns NULL with @refusal filled in on failure.
 */
JsonNode *ref_bare_execute(RefBare *bare, const char *command,
                           JsonObject *arguments, MtRefRefusal *refusal);

/* The same for arguments as text, in which quotes may be single. Returns
 * FALSE if it is refused, with the text in *@ret_desc unless that is NULL. */
gboolean ref_bare_run(RefBare *bare, const char *command,
                      const char *arguments, char **ret_desc);

/* Runs migrate-incoming at an address of @scheme, which must succeed. */
void ref_bare_start_incoming(RefBare *bare, const char *scheme);

/* The value of one parameter or capability in a query, as text; NULL if it
 * is not listed. */
char *ref_bare_dup_value(RefBare *bare, const char *name);

/* The interface for a probe; freed with @bare. */
typedef struct {
    MtExec exec;
    RefBare *bare;
} RefBareExec;

void ref_bare_exec_init(RefBareExec *exec, RefBare *bare);

G_END_DECLS
