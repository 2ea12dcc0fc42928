/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What QEMU of a release offers on its monitor.
 *
 * A profile is computed: rows of the catalogue (params/table) say what exists
 * from when to when, with its bounds, defaults, members and rules; the tables
 * in profile-*.c say what the rows do not: commands with their arguments,
 * widths of integers, events, statuses, members of query-migrate, and the
 * quirks of single releases.  A profile never changes once it is made, and any
 * number of guests and threads may share it.
 */

#include <json-glib/json-glib.h>

#include "params/release.h"
#include "params/table.h"

G_BEGIN_DECLS

/* What has become of a row, a command or a member of an enum at a release. */
typedef enum {
    MT_REF_ABSENT,              /* not yet, or no longer */
    MT_REF_PRESENT,
    MT_REF_DEPRECATED,          /* works; the schema says so, where it can */
    MT_REF_STUBBED,             /* accepted, kept, without any effect */
} MtRefState;

/* "removed", "present", "deprecated", "stubbed". */
const char *mt_ref_state_to_string(MtRefState state);
gboolean mt_ref_state_from_string(const char *text, MtRefState *ret_state);

/* What the next release, or another build, would be like. */
typedef struct {
    char *name;                 /* capability, parameter, command or
                                 * "parameter=member" in QEMU's spelling */
    MtRefState state;
} MtRefOverride;

typedef struct MtRefProfile MtRefProfile;

/*
 * @build_options lists what the build has that others have not ("zstd",
 * "qatzip", "qpl", "uadk", "rdma", "replication", "live-block-migration");
 * NULL: what Debian's build of that release has.  @overrides may be NULL; the
 * array is ended by an entry without a name.
 * MIGTUNE_ERROR_INVALID_ARGUMENT for a release, an option or a name that there
 * is not.
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

/* Of capabilities and parameters, by the row; of commands, by the name. */
MtRefState mt_ref_profile_row(const MtRefProfile *profile, const MtRow *row);
MtRefState mt_ref_profile_command(const MtRefProfile *profile,
                                  const char *name);

/* Events, statuses of query-migrate, members of query-migrate
 * ("ram.normal"): whether the release has one. */
gboolean mt_ref_profile_has_event(const MtRefProfile *profile,
                                  const char *name);
gboolean mt_ref_profile_has_status(const MtRefProfile *profile,
                                   const char *name);
gboolean mt_ref_profile_has_member(const MtRefProfile *profile,
                                   const char *path);

/* Whether migrate takes addresses of a scheme ("tcp"). */
gboolean mt_ref_profile_has_scheme(const MtRefProfile *profile,
                                   const char *scheme);

/* A quirk by its name, see the table in profile-quirks.c. */
gboolean mt_ref_profile_has_quirk(const MtRefProfile *profile,
                                  const char *quirk);

/* The `version` object of the greeting and of query-version; transfer full. */
JsonObject *mt_ref_profile_version(const MtRefProfile *profile);

G_END_DECLS
