/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Removes a file, or a directory with everything in it.  Symbolic links are not
 * followed.
 */

#include <glib/gstdio.h>

static inline void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK))
        dir = g_dir_open(path, 0, NULL);
    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);

        remove_tree(inner);
    }
    g_remove(path);
}
