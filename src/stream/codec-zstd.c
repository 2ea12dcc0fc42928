/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * zstd: one frame for each channel, flushed after each packet, never ended.
 *
 * The library copies its input into its own window before it compresses it, so
 * the guest may write to a page meanwhile.
 */
#include "config.h"

#include <zstd.h>

#include "stream/codec.h"
#include "migtune/migtune-error.h"

/*
 * From 1.5.7 on level 1 finds more: a stream of the same pages is 2.2 % smaller
 * than with 1.5.4.  A hash table of twice the size makes up for that, for 2 % of
 * time.
 */
#define GOOD_LEVEL_1 10507
#define BETTER_HASH_LOG 15

#define ZSTD_OUT_SIZE (MT_MULTIFD_PAGES * MT_PAGE_SIZE + 65536)

typedef struct {
    ZSTD_CCtx *ctx;
    guint8 out[ZSTD_OUT_SIZE];
} ZstdEncoder;

static gboolean
zstd_fail(const char *what, gsize code, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_STREAM, "zstd cannot %s: %s",
                      what, ZSTD_getErrorName(code));
    return FALSE;
}

static void
zstd_encoder_free(gpointer encoder)
{
    ZstdEncoder *enc = encoder;

    ZSTD_freeCCtx(enc->ctx);
    g_free(enc);
}

static gpointer
zstd_encoder_new(int level, GError **error)
{
    ZstdEncoder *enc = g_new(ZstdEncoder, 1);
    gsize code;

    enc->ctx = ZSTD_createCCtx();
    code = ZSTD_CCtx_setParameter(enc->ctx, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(code) && level == 1 &&
        ZSTD_versionNumber() < GOOD_LEVEL_1)
        code = ZSTD_CCtx_setParameter(enc->ctx, ZSTD_c_hashLog,
                                      BETTER_HASH_LOG);
    if (ZSTD_isError(code)) {
        zstd_fail("set its level", code, error);
        zstd_encoder_free(enc);
        return NULL;
    }

    return enc;
}

static gboolean
zstd_encode(gpointer encoder, guint8 *const *pages, guint n,
            struct iovec *ret_iov, guint *ret_n_iov, GError **error)
{
    ZstdEncoder *enc = encoder;
    ZSTD_outBuffer out = { enc->out, sizeof(enc->out), 0 };

    for (guint i = 0; i < n;) {
        ZSTD_inBuffer in = { pages[i], MT_PAGE_SIZE, 0 };
        gboolean last;
        gsize left;

        for (i++; i < n && pages[i] == (const guint8 *)in.src + in.size; i++)
            in.size += MT_PAGE_SIZE;
        last = i == n;
        do {
            left = ZSTD_compressStream2(enc->ctx, &out, &in, last ?
                                        ZSTD_e_flush : ZSTD_e_continue);
            if (ZSTD_isError(left))
                return zstd_fail("compress a packet", left, error);
            if (out.pos == out.size) {
                migtune_error_set(error, MIGTUNE_ERROR_INTERNAL,
                                  "zstd made more than %" G_GSIZE_FORMAT
                                  " bytes of %u pages", out.size, n);
                return FALSE;
            }
        } while (in.pos < in.size || (last && left));
    }

    ret_iov[0].iov_base = enc->out;
    ret_iov[0].iov_len = out.pos;
    *ret_n_iov = 1;
    return TRUE;
}

/* The window of level 20, the highest that QEMU accepts.  A decoder allocates its
 * window when the frame header arrives: the default limit would allow a peer to
 * make each channel use 128 MiB. */
#define ZSTD_WINDOW_LOG_MAX 25

static gpointer
zstd_decoder_new(GError **error)
{
    ZSTD_DCtx *decoder = ZSTD_createDCtx();
    gsize code;

    if (!decoder) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "zstd cannot create a decoder");
        return NULL;
    }

    code = ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax,
                                  ZSTD_WINDOW_LOG_MAX);
    if (ZSTD_isError(code)) {
        zstd_fail("limit its window", code, error);
        ZSTD_freeDCtx(decoder);
        return NULL;
    }
    return decoder;
}

static void
zstd_decoder_free(gpointer decoder)
{
    ZSTD_freeDCtx(decoder);
}

static gboolean
zstd_decode(gpointer decoder, const guint8 *payload, gsize len,
            guint8 *const *pages, guint n, GError **error)
{
    ZSTD_inBuffer in = { payload, len, 0 };
    guint8 none;
    ZSTD_outBuffer rest = { &none, 1, 0 };

    for (guint i = 0; i < n;) {
        ZSTD_outBuffer out = { pages[i], MT_PAGE_SIZE, 0 };

        for (i++; i < n && pages[i] == (guint8 *)out.dst + out.size; i++)
            out.size += MT_PAGE_SIZE;
        while (out.pos < out.size) {
            gsize before = in.pos + out.pos;
            gsize code = ZSTD_decompressStream(decoder, &out, &in);

            if (ZSTD_isError(code))
                return zstd_fail("decompress a packet", code, error);
            if (in.pos + out.pos == before) {
                migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                                  "%" G_GSIZE_FORMAT " bytes of zstd data "
                                  "fill less than %u pages", len, n);
                return FALSE;
            }
        }
    }

    /* Only empty blocks may be left, and no further output. */
    while (rest.pos == 0) {
        gsize before = in.pos;
        gsize code = ZSTD_decompressStream(decoder, &rest, &in);

        if (ZSTD_isError(code))
            return zstd_fail("decompress the end of a packet", code, error);
        if (in.pos == before)
            break;
    }
    if (rest.pos || in.pos < in.size) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "%" G_GSIZE_FORMAT " bytes of zstd data hold more "
                          "than %u pages", len, n);
        return FALSE;
    }

    return TRUE;
}

const MtCodec mt_codec_zstd = {
    .name = "zstd",
    .method = 0x04,
    .encoder_new = zstd_encoder_new,
    .encoder_free = zstd_encoder_free,
    .encode = zstd_encode,
    .decoder_new = zstd_decoder_new,
    .decoder_free = zstd_decoder_free,
    .decode = zstd_decode,
};
