/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A part of the cases of a test: see share.h.
 */
#include "config.h"

#include "lib/share.h"

void
share_init(Share *share, guint n)
{
    const char *full = g_getenv("MIGTUNE_TEST_FULL");
    const char *part = g_getenv("MIGTUNE_TEST_SHARE");

    share->full = full && *full && *full != '0';
    share->n = n;
    share->part = (part ? g_ascii_strtoull(part, NULL, 10) : 0) % n;
    if (!share->full)
        g_test_message("part %u of %u: MIGTUNE_TEST_SHARE=N runs another one, "
                       "MIGTUNE_TEST_FULL=1 runs all cases", share->part, n);
}

gboolean
share_has(const Share *share, guint i)
{
    return share->full || i % share->n == share->part;
}
