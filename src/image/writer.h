/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writing a save file: a stream goes in, chunks are compressed by several
 * threads and written in order.  The file does not depend on how many threads
 * there are.
 */

#include <glib.h>

#include "image/format.h"
#include "image/output.h"

G_BEGIN_DECLS

typedef struct MtImageWriter MtImageWriter;

typedef struct {
    guint n_threads;
    int level;                  /* of zstd; negative ones are faster */
    guint32 chunk_bytes;
    const char *properties;     /* a JSON object */
    const guint8 *libvirt;      /* header of a libvirt image to keep, or NULL */
    gsize libvirt_bytes;
    void (*failed)(gpointer data);  /* a thread failed; may be NULL */
    gpointer failed_data;
} MtImageWriterSettings;

typedef struct {
    guint64 stream_bytes;
    guint64 file_bytes;
    guint64 devices_bytes;
    guint64 ram_bytes;
    guint64 n_pages;            /* ordinary page records */
    guint64 n_zero;
    guint n_chunks;
} MtImageTotals;

/* @output is borrowed. */
MtImageWriter *mt_image_writer_new(const MtImageWriterSettings *settings,
                                   MtOutput *output, GError **error);
void mt_image_writer_free(MtImageWriter *writer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtImageWriter, mt_image_writer_free)

/* Room for the next bytes of the stream: at least one.  NULL on error. */
guint8 *mt_image_writer_room(MtImageWriter *writer, gsize *ret_len,
                             GError **error);

/* That many bytes were put into it. */
gboolean mt_image_writer_commit(MtImageWriter *writer, gsize len,
                                GError **error);

/* Both at once. */
gboolean mt_image_writer_write(MtImageWriter *writer, const guint8 *data,
                               gsize len, GError **error);

/* The stream has ended: writes the tables.  Fails if it is not complete. */
gboolean mt_image_writer_finish(MtImageWriter *writer, GError **error);

/* Whether a thread of the writer has failed, and why. */
gboolean mt_image_writer_get_error(MtImageWriter *writer, GError **error);

/* So far, or of the whole file. */
void mt_image_writer_get_totals(MtImageWriter *writer,
                                MtImageTotals *ret_totals);

/* The state of the guest that the stream ends with, such as "running"; NULL
 * if it is not known. */
char *mt_image_writer_dup_run_state(MtImageWriter *writer);

G_END_DECLS
