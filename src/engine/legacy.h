/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The older compression of single pages ("compress" of QEMU 2.4 to 9.0).
 *
 * Every page becomes one complete zlib stream.  Threads compress; the sender
 * hands a page over and gets finished ones back, in any order.  The receiving
 * side has threads that inflate straight into guest RAM.
 */

#include <glib.h>

G_BEGIN_DECLS

/* compressBound(4096): no page may come out, or come in, longer. */
#define MT_LEGACY_MAX 4110

typedef struct {
    guint64 pages;           /* compressed */
    guint64 busy;            /* pages that found no thread free */
    guint64 compressed_size; /* bytes of all zlib streams */
} MtLegacyStats;

typedef struct MtLegacyEncoder MtLegacyEncoder;

/* Receives a finished page: @data are @n bytes of zlib stream for the page that
 * was handed over with @index.  Called in the sender's thread. */
typedef gboolean (*MtLegacyEmit)(guint64 index, const guint8 *data, guint n,
                                 gpointer opaque, GError **error);

typedef enum {
    MT_LEGACY_FAILED = -1, /* @emit failed, or zlib */
    MT_LEGACY_QUEUED,
    MT_LEGACY_BUSY, /* no thread is free and waiting is off: send it plain */
} MtLegacyVerdict;

/* @level 0..9; @n_threads 1..255. */
MtLegacyEncoder *mt_legacy_encoder_new(guint n_threads, int level,
                                       MtLegacyEmit emit, gpointer opaque,
                                       GError **error);
void mt_legacy_encoder_free(MtLegacyEncoder *enc);

/* Hands the page at @page over, which is copied.  @wait: wait for a thread. */
MtLegacyVerdict mt_legacy_encoder_put(MtLegacyEncoder *enc, guint64 index,
                                      const guint8 *page, gboolean wait,
                                      GError **error);

/* Waits until nothing is in work, and emits it all. */
gboolean mt_legacy_encoder_flush(MtLegacyEncoder *enc, GError **error);

void mt_legacy_encoder_stats(MtLegacyEncoder *enc, MtLegacyStats *ret_stats);

/* Inflates the complete zlib stream of @n bytes at @data into the page of 4096
 * bytes at @page.  It must be exactly a page, and nothing may follow. */
gboolean mt_legacy_inflate(const guint8 *data, gsize n, guint8 *page,
                           GError **error);

typedef struct MtLegacyDecoder MtLegacyDecoder;

MtLegacyDecoder *mt_legacy_decoder_new(guint n_threads, GError **error);
void mt_legacy_decoder_free(MtLegacyDecoder *dec);

/* Copies @data and has it inflated into @page some time before the next flush.
 * An error may be that of an earlier page. */
gboolean mt_legacy_decoder_put(MtLegacyDecoder *dec, const guint8 *data,
                               gsize n, guint8 *page, GError **error);

/* Before @page is written or read in another way: waits if it is still being
 * inflated.  mt_legacy_decoder_put() does so by itself. */
gboolean mt_legacy_decoder_settle(MtLegacyDecoder *dec, const guint8 *page,
                                  GError **error);

/* Waits until all pages are in place. */
gboolean mt_legacy_decoder_flush(MtLegacyDecoder *dec, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLegacyEncoder, mt_legacy_encoder_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLegacyDecoder, mt_legacy_decoder_free)

G_END_DECLS
