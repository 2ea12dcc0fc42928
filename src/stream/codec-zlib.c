/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zlib: one deflate stream for each channel, flushed after each packet, never
 * finished.
 *
 * A guest may write to a page while it is compressed.  Some builds of zlib
 * read their input twice, so each page is copied first: otherwise the stream
 * could be one that does not inflate.
 *
 * A stream that is never finished never checks its checksum, which costs 3 % of
 * the time to deflate and 10 % of the time to inflate.  So this writes the zlib
 * header itself and a raw deflate stream after it, and the decoder skips the
 * checksum.
 *
 * Incompressible pages take the compressor twice as long as text and are stored
 * in the end.  They are recognised by the even distribution of their bytes, and
 * stored at once by switching the stream to level 0.  If one page in seven with
 * data is incompressible, compression takes three quarters of the time.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "stream/codec.h"
#include "migtune/migtune-error.h"
#include "util/bytes.h"

#define DEFAULT_MEM_LEVEL 8     /* the default of zlib */

/* The size of a full packet of random bytes, with the flush. */
#define ZLIB_OUT_SIZE (MT_MULTIFD_PAGES * MT_PAGE_SIZE + 65536)

/* The sample: 1024 bytes of a page, in pieces of SAMPLE_PIECE bytes at
 * multiples of SAMPLE_STRIDE. */
#define SAMPLE_PIECE 64
#define SAMPLE_STRIDE 256

/*
 * Limits for the sum of the squares of the frequencies of all byte values.  For
 * 1024 random bytes the sum is 5116 with a standard deviation of 90; text has
 * more than 50000.  For 4096 random bytes it is 69616 with a standard deviation
 * of 361; if one half is a copy of the other half, it is 73700.
 */
#define SAMPLE_SQUARES 5500
#define PAGE_SQUARES 71500

typedef struct {
    z_stream zs;
    int level;
    gboolean storing;           /* level 0 is active */
    guint16 header;             /* of the stream; 0 once written */
    guint8 page[MT_PAGE_SIZE];
    guint8 out[ZLIB_OUT_SIZE];
} ZlibEncoder;

static gboolean
zlib_fail(const char *what, const z_stream *zs, int err, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_STREAM, "zlib cannot %s: %s",
                      what, zs->msg ? zs->msg : zError(err));
    return FALSE;
}

/* RFC 1950: method deflate, a window of 32 KiB, and the level class. */
static guint16
zlib_header(int level)
{
    guint effort = level < 2 ? 0 : level < 6 ? 1 : level == 6 ? 2 : 3;
    guint header = 0x7800 | effort << 6;

    return header + 31 - header % 31;
}

static gpointer
zlib_encoder_new(int level, GError **error)
{
    ZlibEncoder *enc = g_new0(ZlibEncoder, 1);
    int err = deflateInit2(&enc->zs, level, Z_DEFLATED, -MAX_WBITS,
                           DEFAULT_MEM_LEVEL, Z_DEFAULT_STRATEGY);

    if (err != Z_OK) {
        zlib_fail("start a stream", &enc->zs, err, error);
        g_free(enc);
        return NULL;
    }

    enc->level = level;
    enc->header = zlib_header(level);
    return enc;
}

static void
zlib_encoder_free(gpointer encoder)
{
    ZlibEncoder *enc = encoder;

    deflateEnd(&enc->zs);
    g_free(enc);
}

/* Counts the byte values in pieces of @page, @stride bytes apart. */
static guint
zlib_squares(const guint8 *page, guint piece, guint stride)
{
    guint16 count[256] = { 0 };
    guint squares = 0;

    for (guint at = 0; at < MT_PAGE_SIZE; at += stride) {
        for (guint i = 0; i < piece; i++)
            count[page[at + i]]++;
    }
    for (guint i = 0; i < G_N_ELEMENTS(count); i++)
        squares += count[i] * count[i];
    return squares;
}

/* Whether @page is incompressible, as random bytes are. */
static gboolean
zlib_is_dense(const guint8 *page)
{
    return zlib_squares(page, SAMPLE_PIECE, SAMPLE_STRIDE) < SAMPLE_SQUARES &&
           zlib_squares(page, MT_PAGE_SIZE, MT_PAGE_SIZE) < PAGE_SQUARES;
}

/* Selects for the next pages: compress, or store. */
static gboolean
zlib_choose(ZlibEncoder *enc, gboolean store, GError **error)
{
    int err;

    if (store == enc->storing || !enc->level)
        return TRUE;

    enc->zs.next_in = enc->page;
    enc->zs.avail_in = 0;
    err = deflateParams(&enc->zs, store ? Z_NO_COMPRESSION : enc->level,
                        Z_DEFAULT_STRATEGY);
    if (err != Z_OK)
        return zlib_fail("change its level", &enc->zs, err, error);

    enc->storing = store;
    return TRUE;
}

static gboolean
zlib_encode(gpointer encoder, guint8 *const *pages, guint n,
            struct iovec *ret_iov, guint *ret_n_iov, GError **error)
{
    ZlibEncoder *enc = encoder;

    enc->zs.next_out = enc->out;
    enc->zs.avail_out = sizeof(enc->out);
    if (enc->header) {
        mt_put_be16(enc->out, enc->header);
        enc->zs.next_out += 2;
        enc->zs.avail_out -= 2;
        enc->header = 0;
    }
    for (guint i = 0; i < n; i++) {
        int err;

        memcpy(enc->page, pages[i], MT_PAGE_SIZE);
        if (!zlib_choose(enc, zlib_is_dense(enc->page), error))
            return FALSE;
        enc->zs.next_in = enc->page;
        enc->zs.avail_in = MT_PAGE_SIZE;
        err = deflate(&enc->zs, i + 1 < n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
        if (err != Z_OK || enc->zs.avail_in || !enc->zs.avail_out)
            return zlib_fail("compress a packet", &enc->zs, err, error);
    }

    ret_iov[0].iov_base = enc->out;
    ret_iov[0].iov_len = sizeof(enc->out) - enc->zs.avail_out;
    *ret_n_iov = 1;
    return TRUE;
}

static gpointer
zlib_decoder_new(GError **error)
{
    z_stream *zs = g_new0(z_stream, 1);
    int err = inflateInit(zs);

    if (err != Z_OK) {
        zlib_fail("start to inflate", zs, err, error);
        g_free(zs);
        return NULL;
    }

    inflateValidate(zs, 0);
    return zs;
}

static void
zlib_decoder_free(gpointer decoder)
{
    inflateEnd(decoder);
    g_free(decoder);
}

static gboolean
zlib_decode(gpointer decoder, const guint8 *payload, gsize len,
            guint8 *const *pages, guint n, GError **error)
{
    z_stream *zs = decoder;
    guint8 none;
    int err = Z_OK;

    zs->next_in = (guint8 *)payload;
    zs->avail_in = len;
    for (guint i = 0; i < n;) {
        guint run = 1;

        while (i + run < n && pages[i + run] == pages[i] + run * MT_PAGE_SIZE)
            run++;
        zs->next_out = pages[i];
        zs->avail_out = run * MT_PAGE_SIZE;
        err = inflate(zs, Z_SYNC_FLUSH);
        if ((err != Z_OK && err != Z_BUF_ERROR) || zs->avail_out) {
            if (err == Z_OK || err == Z_BUF_ERROR || err == Z_STREAM_END)
                migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                                  "%" G_GSIZE_FORMAT " bytes of zlib data "
                                  "fill less than %u pages", len, n);
            else
                zlib_fail("inflate a packet", zs, err, error);
            return FALSE;
        }
        i += run;
    }

    /* Only the flush marker may be left, and no further output. */
    zs->next_out = &none;
    zs->avail_out = 1;
    if (zs->avail_in)
        err = inflate(zs, Z_SYNC_FLUSH);
    if ((err != Z_OK && err != Z_BUF_ERROR) || !zs->avail_out ||
        zs->avail_in) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "%" G_GSIZE_FORMAT " bytes of zlib data hold more "
                          "than %u pages", len, n);
        return FALSE;
    }

    return TRUE;
}

const MtCodec mt_codec_zlib = {
    .name = "zlib",
    .method = 0x02,
    .encoder_new = zlib_encoder_new,
    .encoder_free = zlib_encoder_free,
    .encode = zlib_encode,
    .decoder_new = zlib_decoder_new,
    .decoder_free = zlib_decoder_free,
    .decode = zlib_decode,
};
