/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The older compression of single pages ("compress" of QEMU 2.4 to 9.0).
 *
 * Each page becomes one complete zlib stream.  Threads compress; the sender
 * submits pages and gets finished ones back in any order.  On the destination,
 * threads inflate directly into guest RAM.
 */

#include <glib.h>

G_BEGIN_DECLS

/* compressBound(4096): the longest zlib stream of a page. */
#define MT_LEGACY_MAX 4110

typedef struct {
    guint64 pages;           /* compressed */
    guint64 busy;            /* pages for which no thread was free */
    guint64 compressed_size; /* bytes of all zlib streams */
} MtLegacyStats;

typedef struct MtLegacyEncoder MtLegacyEncoder;

/* Called in the sender's thread for each finished page: @data is the zlib stream
 * of @n bytes for the page that was submitted with @index. */
typedef gboolean (*MtLegacyEmit)(guint64 index, const guint8 *data, guint n,
                                 gpointer opaque, GError **error);

typedef enum {
    MT_LEGACY_FAILED = -1, /* @emit or zlib failed */
    MT_LEGACY_QUEUED,
    MT_LEGACY_BUSY, /* no thread is free: send the page uncompressed */
} MtLegacyVerdict;

/* @level 0..9; @n_threads 1..255. */
MtLegacyEncoder *mt_legacy_encoder_new(guint n_threads, int level,
                                       MtLegacyEmit emit, gpointer opaque,
                                       GError **error);
void mt_legacy_encoder_free(MtLegacyEncoder *enc);

/* Submits a copy of @page.  @wait: wait for a free thread. */
MtLegacyVerdict mt_legacy_encoder_put(MtLegacyEncoder *enc, guint64 index,
                                      const guint8 *page, gboolean wait,
                                      GError **error);

/* Waits until all submitted pages are compressed, and emits them. */
gboolean mt_legacy_encoder_flush(MtLegacyEncoder *enc, GError **error);

void mt_legacy_encoder_stats(MtLegacyEncoder *enc, MtLegacyStats *ret_stats);

/* Inflates the complete zlib stream of @n bytes at @data into the page of 4096
 * bytes at @page.  Fails if it is not exactly one page. */
gboolean mt_legacy_inflate(const guint8 *data, gsize n, guint8 *page,
                           GError **error);

typedef struct MtLegacyDecoder MtLegacyDecoder;

MtLegacyDecoder *mt_legacy_decoder_new(guint n_threads, GError **error);
void mt_legacy_decoder_free(MtLegacyDecoder *dec);

/* Submits a copy of @data, which is inflated into @page before the next flush
 * returns.  The error may be about an earlier page. */
gboolean mt_legacy_decoder_put(MtLegacyDecoder *dec, const guint8 *data,
                               gsize n, guint8 *page, GError **error);

/* Waits until @page is not being inflated any more; to be called before @page is
 * accessed otherwise.  mt_legacy_decoder_put() does this itself. */
gboolean mt_legacy_decoder_settle(MtLegacyDecoder *dec, const guint8 *page,
                                  GError **error);

/* Waits until all pages are inflated. */
gboolean mt_legacy_decoder_flush(MtLegacyDecoder *dec, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLegacyEncoder, mt_legacy_encoder_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLegacyDecoder, mt_legacy_decoder_free)

G_END_DECLS
