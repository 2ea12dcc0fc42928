/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QEMU releases as numbers that can be compared.
 *
 * Releases are shown to users ("since 2.10") and select the few rules that QEMU
 * cannot be asked about.  Everything else is found out by asking QEMU: see
 * probe/caps.h.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef guint16 MtRelease;

#define MT_RELEASE(major, minor) ((MtRelease)((major) << 8 | (minor)))
#define MT_RELEASE_NONE 0                 /* no release, or not known */
#define MT_RELEASE_MAX G_MAXUINT16        /* later than any release */

/* The releases that the catalogue covers. */
#define MT_RELEASE_FIRST MT_RELEASE(2, 4)
#define MT_RELEASE_LAST MT_RELEASE(11, 1)

/* All these releases in order, terminated by MT_RELEASE_NONE. */
const MtRelease *mt_releases(void);

/* The release before @release; MT_RELEASE_NONE before the first one. */
MtRelease mt_release_before(MtRelease release);

/*
 * Reads "7.2", "7.2.22" or "v7.2".  MT_RELEASE_NONE for any other text.  The
 * release need not exist.
 */
MtRelease mt_release_parse(const char *text);

/*
 * A release with its third number, for rules about a defect that an update
 * corrected.
 */
typedef guint32 MtVersion;

#define MT_VERSION(major, minor, micro) \
    ((MtVersion)((major) << 16 | (minor) << 8 | (micro)))
#define MT_VERSION_NONE 0

/* Reads "7.2.22" or "7.2"; the missing number is 0.  MT_VERSION_NONE for any
 * other text. */
MtVersion mt_version_parse(const char *text);
MtRelease mt_version_release(MtVersion version);

/* Returns a new text such as "7.2.22"; NULL for MT_VERSION_NONE. */
char *mt_version_format(MtVersion version);

/* Whether the catalogue covers @release. */
gboolean mt_release_exists(MtRelease release);

/* Returns a new text such as "7.2"; NULL for MT_RELEASE_NONE. */
char *mt_release_format(MtRelease release);

G_END_DECLS
