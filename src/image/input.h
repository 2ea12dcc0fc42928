/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file that a command reads: a regular file, a pipe, or "-" for standard
 * input.  Its first bytes can be looked at before they are read.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

#define MT_INPUT_PEEK (128 * 1024)

typedef struct MtInput MtInput;

/* @direct: without the page cache; regular files only. */
MtInput *mt_input_open(const char *path, gboolean direct, MtCancel *cancel,
                       GError **error);

/* Takes @io. */
MtInput *mt_input_new(MtIo *io);
void mt_input_free(MtInput *input);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtInput, mt_input_free)

gboolean mt_input_is_seekable(const MtInput *input);

/* 0 if the input is not a regular file. */
guint64 mt_input_get_size(const MtInput *input);

/* How many bytes were read. */
guint64 mt_input_get_offset(const MtInput *input);

/* Looks at up to @len (MT_INPUT_PEEK) bytes: fewer only at the end. */
gboolean mt_input_peek(MtInput *input, gsize len, const guint8 **ret_data,
                       gsize *ret_len, GError **error);

/* At most @len bytes, at least one; 0 at the end, -1 on error. */
gssize mt_input_some(MtInput *input, gpointer data, gsize len,
                     GError **error);

/* All of @len bytes.  *@ret_end: the input ended before the first one, which
 * is an error if @ret_end is NULL. */
gboolean mt_input_read(MtInput *input, gpointer data, gsize len,
                       gboolean *ret_end, GError **error);

/* Regular files: the position does not move. */
gboolean mt_input_pread(MtInput *input, gpointer data, gsize len,
                        guint64 offset, GError **error);
gboolean mt_input_seek(MtInput *input, guint64 offset, GError **error);

/* For the output of a command, at its end: whether the command succeeded. */
gboolean mt_input_finish_command(MtInput *input, GError **error);

G_END_DECLS
