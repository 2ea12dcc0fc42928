/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Time limits of tests, longer where everything takes longer: the setups
 * `valgrind` and `tsan` say how much in MIGTUNE_TEST_SLOW.
 */
#pragma once

#include <glib.h>

static inline guint
slow_ms(guint ms)
{
    const char *factor = g_getenv("MIGTUNE_TEST_SLOW");

    return factor ? ms * (guint)g_ascii_strtoull(factor, NULL, 10) : ms;
}
