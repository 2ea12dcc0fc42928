/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Tests with thousands of cases run a part of them, by default part 0, so that a
 * result does not depend on the date.  MIGTUNE_TEST_SHARE=N in the environment
 * runs part N; all parts together are all cases.  MIGTUNE_TEST_FULL=1 runs all
 * cases.
 */

#include <glib.h>

typedef struct {
    gboolean full;
    guint n;                    /* number of parts */
    guint part;
} Share;

/* Prints the part. */
void share_init(Share *share, guint n);

/* Whether case @i is in the part. */
gboolean share_has(const Share *share, guint i);
