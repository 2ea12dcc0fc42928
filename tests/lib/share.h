/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Tests with thousands of cases run a part of them, a different part each day.
 * All parts together are all cases.  MIGTUNE_TEST_FULL=1 in the environment runs
 * all cases; MIGTUNE_TEST_SHARE=N runs part N, which a failed test prints.
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
