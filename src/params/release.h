/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QEMU releases as numbers that compare.
 *
 * They are there for people to read ("since 2.10") and for the few rules that
 * no question to QEMU answers; what a QEMU can do is asked, see probe/caps.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef guint16 MtRelease;

#define MT_RELEASE(major, minor) ((MtRelease)((major) << 8 | (minor)))
#define MT_RELEASE_NONE 0                 /* never, or not known */
#define MT_RELEASE_MAX G_MAXUINT16        /* no end in sight */

/* The releases that the catalogue covers. */
#define MT_RELEASE_FIRST MT_RELEASE(2, 4)
#define MT_RELEASE_LAST MT_RELEASE(11, 1)

/* All of them in order, ended by MT_RELEASE_NONE. */
const MtRelease *mt_releases(void);

/* The one before @release; MT_RELEASE_NONE before the first. */
MtRelease mt_release_before(MtRelease release);

/*
 * Reads "7.2", "7.2.22" or "v7.2".  MT_RELEASE_NONE when it is none of that;
 * it need not be a release that there was.
 */
MtRelease mt_release_parse(const char *text);

/* TRUE when QEMU had a release of that number within the catalogue. */
gboolean mt_release_exists(MtRelease release);

/* Newly allocated "7.2"; NULL for MT_RELEASE_NONE. */
char *mt_release_format(MtRelease release);

G_END_DECLS
