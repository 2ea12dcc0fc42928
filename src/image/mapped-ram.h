/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * mapped-ram files from and to ordinary streams.
 *
 * In a mapped-ram file pages have fixed places; in a stream they are records.
 * All else (configuration, sections, device state) is the same, except the
 * capability in the configuration section.
 */

#include "image/input.h"
#include "image/output.h"
#include "image/reader.h"

G_BEGIN_DECLS

/* Reads a mapped-ram file from its stream's first byte on, which is at @base
 * of the file, and gives @sink the ordinary stream. */
gboolean mt_mapped_read(MtInput *input, guint64 base, MtImageSink sink,
                        gpointer user_data, GError **error);

/* Writes an ordinary stream as a mapped-ram file, from the present end of
 * @output on. */
typedef struct MtMappedWriter MtMappedWriter;

MtMappedWriter *mt_mapped_writer_new(MtOutput *output, guint64 base);
void mt_mapped_writer_free(MtMappedWriter *writer);
gboolean mt_mapped_writer_write(MtMappedWriter *writer, const guint8 *data,
                                gsize len, GError **error);
gboolean mt_mapped_writer_finish(MtMappedWriter *writer, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtMappedWriter, mt_mapped_writer_free)

G_END_DECLS
