/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command that tests run: lib/checked/migtune, which compares the JSON output
 * with the schema.  tests/style/command.sh finds a test that runs another one.
 */
#ifndef TEST_COMMAND_H
#define TEST_COMMAND_H

#include <glib.h>

/* Returns the path of the command; the caller frees it. */
static inline char *
command_find(void)
{
    return g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"), "tests", "lib",
                            "checked", "migtune", NULL);
}

#endif
