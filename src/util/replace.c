/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Replacing small files without waiting for the disk.
 *
 * g_file_set_contents() waits until the data is on the disk.  That takes longer
 * than the change of the guest that the file is about.
 */
#include "config.h"

#include <unistd.h>

#include <glib/gstdio.h>

#include "util/replace.h"

gboolean
mt_replace_file(const char *path, const char *text)
{
    g_autofree char *scratch =
        g_strdup_printf("%s.%d-%p", path, getpid(), (void *)g_thread_self());

    if (g_file_set_contents_full(scratch, text, -1, G_FILE_SET_CONTENTS_NONE,
                                 0600, NULL) &&
        g_rename(scratch, path) == 0)
        return TRUE;

    g_unlink(scratch);
    return FALSE;
}
