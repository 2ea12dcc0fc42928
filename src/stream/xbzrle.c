/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * XBZRLE: encoder and decoder.
 *
 * The encoder works in two steps.  The first compares the pages and leaves one
 * bit for each byte; vector instructions speed this up, and each width gives the
 * same 64 words.
 * The second walks the runs of those bits and is the same for all, so that all
 * widths give the same delta.  Between the steps equal runs of one or two bytes
 * are taken into the changed run around them: written out they would cost at
 * least as much as the bytes they save.
 */
#include "config.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "stream/page.h"
#include "stream/xbzrle.h"
#include "migtune/migtune-error.h"

#define N_WORDS (MT_PAGE_SIZE / 64)

/* Sets bit n of @diff for every byte n that differs. */
typedef void (*XbzrleDiff)(const guint8 *a, const guint8 *b, guint64 *diff);

static inline guint64
xbzrle_load64(const guint8 *p)
{
    guint64 word;

    memcpy(&word, p, sizeof(word));
    return GUINT64_FROM_LE(word);
}

/* One bit for each byte of @x that is not zero. */
static inline guint64
xbzrle_nonzero_bytes(guint64 x)
{
    const guint64 low7 = G_GUINT64_CONSTANT(0x7f7f7f7f7f7f7f7f);

    x = (((x & low7) + low7) | x) & ~low7;
    /* Gathers bits 7, 15, … into the topmost byte. */
    return ((x >> 7) * G_GUINT64_CONSTANT(0x0102040810204080)) >> 56;
}

static void
xbzrle_diff_portable(const guint8 *a, const guint8 *b, guint64 *diff)
{
    for (guint i = 0; i < N_WORDS; i++) {
        guint64 bits = 0;

        for (guint j = 0; j < 8; j++) {
            guint at = i * 64 + j * 8;
            guint64 x = xbzrle_load64(a + at) ^ xbzrle_load64(b + at);

            if (x)
                bits |= xbzrle_nonzero_bytes(x) << (j * 8);
        }
        diff[i] = bits;
    }
}

#if defined(__x86_64__)

static void
xbzrle_diff_sse2(const guint8 *a, const guint8 *b, guint64 *diff)
{
    for (guint i = 0; i < N_WORDS; i++) {
        const __m128i *p = (const __m128i *)(a + i * 64);
        const __m128i *q = (const __m128i *)(b + i * 64);
        guint64 equal = 0;

        for (guint j = 0; j < 4; j++) {
            __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128(p + j),
                                          _mm_loadu_si128(q + j));

            equal |= (guint64)(guint32)_mm_movemask_epi8(same) << (j * 16);
        }
        diff[i] = ~equal;
    }
}

__attribute__((target("avx2"))) static void
xbzrle_diff_avx2(const guint8 *a, const guint8 *b, guint64 *diff)
{
    for (guint i = 0; i < N_WORDS; i++) {
        const __m256i *p = (const __m256i *)(a + i * 64);
        const __m256i *q = (const __m256i *)(b + i * 64);
        __m256i low = _mm256_cmpeq_epi8(_mm256_loadu_si256(p),
                                        _mm256_loadu_si256(q));
        __m256i high = _mm256_cmpeq_epi8(_mm256_loadu_si256(p + 1),
                                         _mm256_loadu_si256(q + 1));

        diff[i] = ~((guint64)(guint32)_mm256_movemask_epi8(high) << 32 |
                    (guint32)_mm256_movemask_epi8(low));
    }
}

__attribute__((target("avx512f,avx512bw"))) static void
xbzrle_diff_avx512(const guint8 *a, const guint8 *b, guint64 *diff)
{
    for (guint i = 0; i < N_WORDS; i++)
        diff[i] = _mm512_cmpneq_epi8_mask(_mm512_loadu_si512(a + i * 64),
                                          _mm512_loadu_si512(b + i * 64));
}

#endif

/* Fills gaps of one and two clear bits between set ones. */
static void
xbzrle_close_gaps(guint64 *diff)
{
    guint64 before = 0;

    for (guint i = 0; i < N_WORDS; i++) {
        guint64 word = diff[i];
        guint64 after = i + 1 < N_WORDS ? diff[i + 1] : 0;
        guint64 up1 = word << 1 | before >> 63;
        guint64 up2 = word << 2 | before >> 62;
        guint64 down1 = word >> 1 | after << 63;
        guint64 down2 = word >> 2 | after << 62;

        before = word;
        if (!word)
            continue; /* no set bit is close enough to fill a gap */
        diff[i] = word | (up1 & (down1 | down2)) | (up2 & down1);
    }
}

static inline guint
xbzrle_put_length(guint8 *out, guint length)
{
    out[0] = length & 0x7f;
    if (length < 0x80)
        return 1;

    out[0] |= 0x80;
    out[1] = length >> 7;
    return 2;
}

static inline guint
xbzrle_length_size(guint length)
{
    return length < 0x80 ? 1 : 2;
}

/* Writes a run of @equal bytes and a run of @changed bytes, which are at @bytes.
 * @room: bytes left in @out; @after_bytes: readable bytes at @bytes.  Returns
 * the length, or 0 if @room is too small. */
static inline guint
xbzrle_put_run(guint8 *out, guint room, guint equal, guint changed,
               const guint8 *bytes, guint after_bytes)
{
    guint n = xbzrle_length_size(equal) + xbzrle_length_size(changed);

    if (G_UNLIKELY(n + changed > room))
        return 0;

    n = xbzrle_put_length(out, equal);
    n += xbzrle_put_length(out + n, changed);
    if (changed <= 16 && after_bytes >= 16 && room >= n + 16)
        memcpy(out + n, bytes, 16); /* one load and one store, no loop */
    else
        memcpy(out + n, bytes, changed);
    return n + changed;
}

/* Walks the places where @diff changes from clear to set and back. */
static int
xbzrle_runs(const guint64 *diff, const guint8 *after, guint8 *out)
{
    guint done = 0;  /* end of the last changed run */
    guint start = 0; /* start of the current run */
    gboolean inside = FALSE;
    guint64 carry = 0;
    guint n = 0;

    for (guint i = 0; i < N_WORDS; i++) {
        guint64 edges = diff[i] ^ (diff[i] << 1 | carry);

        carry = diff[i] >> 63;
        for (; edges; edges &= edges - 1) {
            guint at = i * 64 + __builtin_ctzll(edges);
            guint put;

            inside = !inside;
            if (inside) {
                start = at;
                continue;
            }

            put = xbzrle_put_run(out + n, MT_XBZRLE_MAX - n, start - done,
                                 at - start, after + start,
                                 MT_PAGE_SIZE - start);
            if (!put)
                return MT_XBZRLE_OVERFLOW;
            n += put;
            done = at;
        }
    }

    if (inside) {
        guint put = xbzrle_put_run(out + n, MT_XBZRLE_MAX - n, start - done,
                                   MT_PAGE_SIZE - start, after + start,
                                   MT_PAGE_SIZE - start);

        if (!put)
            return MT_XBZRLE_OVERFLOW;
        n += put;
    }
    return n;
}

static inline int
xbzrle_encode(const guint8 *before, const guint8 *after, guint8 *out,
              XbzrleDiff compare)
{
    guint64 diff[N_WORDS];

    compare(before, after, diff);
    xbzrle_close_gaps(diff);
    return xbzrle_runs(diff, after, out);
}

#define XBZRLE_ENCODER(isa)                                                    \
    static int xbzrle_encode_##isa(const guint8 *before, const guint8 *after,  \
                                   guint8 *out)                                \
    {                                                                          \
        return xbzrle_encode(before, after, out, xbzrle_diff_##isa);           \
    }

XBZRLE_ENCODER(portable)
#if defined(__x86_64__)
XBZRLE_ENCODER(sse2)
XBZRLE_ENCODER(avx2)
XBZRLE_ENCODER(avx512)
#endif

static const MtXbzrleFunc xbzrle_funcs[MT_ISA_N] = {
    [MT_ISA_PORTABLE] = xbzrle_encode_portable,
#if defined(__x86_64__)
    [MT_ISA_SSE2] = xbzrle_encode_sse2,
    [MT_ISA_AVX2] = xbzrle_encode_avx2,
    [MT_ISA_AVX512] = xbzrle_encode_avx512,
#endif
};

MtXbzrleFunc
mt_xbzrle_func(MtIsa isa)
{
    return xbzrle_funcs[isa];
}

int
mt_xbzrle_encode(const guint8 *before, const guint8 *after, guint8 *out)
{
    return xbzrle_funcs[mt_isa_best()](before, after, out);
}

/* Reads a length of one or two bytes at *@at.  FALSE if the delta ends or a third
 * byte would follow. */
static gboolean
xbzrle_get_length(const guint8 *delta, gsize n, gsize *at, guint *ret_length)
{
    guint length;

    if (*at >= n)
        return FALSE;

    length = delta[(*at)++];
    if (length & 0x80) {
        if (*at >= n || (delta[*at] & 0x80))
            return FALSE;
        length = (length & 0x7f) | (guint)delta[(*at)++] << 7;
    }

    *ret_length = length;
    return TRUE;
}

gboolean
mt_xbzrle_decode(const guint8 *delta, gsize n, guint8 *page, GError **error)
{
    const char *what = NULL;
    guint done = 0; /* bytes of the page */
    gsize at = 0;

    if (n > MT_XBZRLE_MAX) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "xbzrle: a delta of %" G_GSIZE_FORMAT
                          " bytes: at most %d are possible",
                          n, MT_XBZRLE_MAX);
        return FALSE;
    }

    while (at < n) {
        gboolean first = at == 0;
        guint equal;
        guint changed;

        if (!xbzrle_get_length(delta, n, &at, &equal))
            what = "the length of an unchanged run is damaged";
        else if (equal == 0 && !first)
            what = "an unchanged run of no bytes";
        else if (equal > MT_PAGE_SIZE - done)
            what = "an unchanged run past the page";
        else if (!xbzrle_get_length(delta, n, &at, &changed))
            what = "the length of a changed run is damaged or missing";
        else if (changed == 0)
            what = "a changed run of no bytes";
        else if (changed > MT_PAGE_SIZE - done - equal)
            what = "a changed run past the page";
        else if (changed > n - at)
            what = "a changed run past the delta";
        if (what) {
            migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                              "xbzrle: %s, at byte %" G_GSIZE_FORMAT
                              " of %" G_GSIZE_FORMAT,
                              what, at, n);
            return FALSE;
        }

        done += equal;
        memcpy(page + done, delta + at, changed);
        done += changed;
        at += changed;
    }

    return TRUE;
}
