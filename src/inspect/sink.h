/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writing a range of one block's RAM to a file while a stream is read.
 *
 * Every version of a page overwrites the one before it, so that the file holds
 * what a destination would have in its RAM.  The file is the only copy: an
 * XBZRLE delta is applied to what the file holds.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
    const char *block;
    guint64 start;          /* bytes; multiples of the page size */
    guint64 end;
    int fd;                 /* readable and writable, empty */
    guint64 pages;          /* that were written */
} MtSink;

/* Whether @sink wants this page.  FALSE for a NULL @sink. */
gboolean mt_sink_wants(const MtSink *sink, const char *block, guint64 offset);

/* Both take a wanted page of @len bytes. */
gboolean mt_sink_write(MtSink *sink, guint64 offset, const guint8 *page,
                       gsize len, GError **error);
gboolean mt_sink_fill(MtSink *sink, guint64 offset, guint8 fill, gsize len,
                      GError **error);

/* What is in the file now. */
gboolean mt_sink_read(MtSink *sink, guint64 offset, guint8 *page, gsize len,
                      GError **error);

G_END_DECLS
