/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The migration interface of the monitor of one release of QEMU.
 *
 * A profile is computed from tables.  The catalogue (params/table) has the
 * capabilities and parameters with their releases, bounds, defaults, members
 * and rules; the tables in profile-*.c add commands with their arguments,
 * widths of integers, events, statuses, members of query-migrate, and the
 * quirks of single releases.  A profile is immutable; guests and threads share
 * it.
 */

#include <json-glib/json-glib.h>

#include "params/release.h"
#include "params/table.h"

G_BEGIN_DECLS

/* The state of a row, a command or a value of an enum in a release. */
typedef enum {
    MT_REF_ABSENT,              /* not yet, or no longer, in QEMU */
    MT_REF_PRESENT,
    MT_REF_DEPRECATED,          /* works, and is marked in the schema */
    MT_REF_STUBBED,             /* accepted and stored, without effect */
} MtRefState;

/* "removed", "present", "deprecated", "stubbed". */
const char *mt_ref_state_to_string(MtRefState state);
gboolean mt_ref_state_from_string(const char *text, MtRefState *ret_state);

/* A change to a profile, to imitate a future release or another build. */
typedef struct {
    char *name;                 /* capability, parameter, command or
                                 * "parameter=member" in QEMU's spelling */
    MtRefState state;
} MtRefOverride;

typedef struct MtRefProfile MtRefProfile;

/*
 * @build_options lists the optional features of the build ("zstd", "qatzip",
 * "qpl", "uadk", "rdma", "replication", "live-block-migration"); NULL: those of
 * Debian's build of that release.  @overrides may be NULL; an entry without a
 * name ends the array.
 * MIGTUNE_ERROR_INVALID_ARGUMENT if the release, an option or a name does not
 * exist.
 */
MtRefProfile *mt_ref_profile_new(MtRelease release,
                                 const char *const *build_options,
                                 const MtRefOverride *overrides,
                                 GError **error);
MtRefProfile *mt_ref_profile_ref(MtRefProfile *profile);
void mt_ref_profile_unref(MtRefProfile *profile);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefProfile, mt_ref_profile_unref)

MtRelease mt_ref_profile_release(const MtRefProfile *profile);
gboolean mt_ref_profile_has_build_option(const MtRefProfile *profile,
                                         const char *option);

/* The state of a capability or parameter, and of a command. */
MtRefState mt_ref_profile_row(const MtRefProfile *profile, const MtRow *row);
MtRefState mt_ref_profile_command(const MtRefProfile *profile,
                                  const char *name);

/* Whether the release has an event, a migration status, or a member of
 * query-migrate ("ram.normal"). */
gboolean mt_ref_profile_has_event(const MtRefProfile *profile,
                                  const char *name);
gboolean mt_ref_profile_has_status(const MtRefProfile *profile,
                                   const char *name);
gboolean mt_ref_profile_has_member(const MtRefProfile *profile,
                                   const char *path);

/* Whether migrate accepts addresses with this scheme ("tcp"). */
gboolean mt_ref_profile_has_scheme(const MtRefProfile *profile,
                                   const char *scheme);

/* Whether the release has a quirk; the names are in profile-quirks.c. */
gboolean mt_ref_profile_has_quirk(const MtRefProfile *profile,
                                  const char *quirk);

/* The `version` object of the greeting and of query-version; transfer full. */
JsonObject *mt_ref_profile_version(const MtRefProfile *profile);

G_END_DECLS
