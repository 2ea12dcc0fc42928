/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file that a command writes.
 *
 * A regular file is written under another name in the same directory,
 * NAME.partial-PID, and gets its own name only after all of it is on the disk.
 * A pipe, a FIFO or a device is written as it is.  "-" is standard output.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef struct MtOutput MtOutput;

/* @direct: without the page cache, if the file system can do that. */
MtOutput *mt_output_open(const char *path, gboolean direct, MtCancel *cancel,
                         GError **error);

/* Any descriptor; takes it. */
MtOutput *mt_output_new_fd(int fd, const char *name, MtCancel *cancel);

/* What was not finished is removed. */
void mt_output_free(MtOutput *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtOutput, mt_output_free)

gboolean mt_output_write(MtOutput *output, gconstpointer data, gsize len,
                         GError **error);
guint64 mt_output_get_bytes(const MtOutput *output);

/* Regular files only: at an offset, and back from it. */
gboolean mt_output_is_seekable(const MtOutput *output);
gboolean mt_output_pwrite(MtOutput *output, gconstpointer data, gsize len,
                          guint64 offset, GError **error);
gboolean mt_output_pread(MtOutput *output, gpointer data, gsize len,
                         guint64 offset, GError **error);
gboolean mt_output_seek(MtOutput *output, guint64 offset, GError **error);

/* Pipes all that is written after it through a shell command. */
gboolean mt_output_filter(MtOutput *output, const char *command,
                          GError **error);
gboolean mt_output_end_filter(MtOutput *output, GError **error);

/* Makes the file complete: on the disk and under its own name. */
gboolean mt_output_finish(MtOutput *output, GError **error);

G_END_DECLS
