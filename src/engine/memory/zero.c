/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Zero-page detection.
 *
 * Most pages that are not zero differ in their first bytes, and zero pages must
 * be read completely.  So the first vector is tested first, and then the page in
 * steps of 256 bytes, ORing four or more vectors for each branch.  This is as
 * fast as reading the memory.
 */
#include "config.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "engine/memory/ram.h"
#include "engine/memory/zero.h"

#define STEP 256

static gboolean
zero_portable(const void *data, gsize n)
{
    const guint8 *p = data;

    for (gsize at = 0; at < n; at += STEP) {
        guint64 words[STEP / sizeof(guint64)];
        guint64 any = 0;

        memcpy(words, p + at, STEP);
        for (guint i = 0; i < G_N_ELEMENTS(words); i++)
            any |= words[i];
        if (any)
            return FALSE;
    }
    return TRUE;
}

#if defined(__x86_64__)

/* ORs four vectors as a tree. */
static inline __m128i
zero_or4_sse2(const __m128i *p)
{
    return _mm_or_si128(
        _mm_or_si128(_mm_load_si128(p), _mm_load_si128(p + 1)),
        _mm_or_si128(_mm_load_si128(p + 2), _mm_load_si128(p + 3)));
}

/* An aligned load can be a memory operand of the OR instruction, which is a third
 * faster; pages are aligned. */
static gboolean
zero_sse2(const void *data, gsize n)
{
    const __m128i *p = data;
    const __m128i zero = _mm_setzero_si128();

    if ((guintptr)data % sizeof(*p))
        return zero_portable(data, n);
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(p), zero)) != 0xffff)
        return FALSE;

    for (gsize at = 0; at < n; at += STEP, p += 16) {
        __m128i any = _mm_or_si128(
            _mm_or_si128(zero_or4_sse2(p), zero_or4_sse2(p + 4)),
            _mm_or_si128(zero_or4_sse2(p + 8), zero_or4_sse2(p + 12)));

        if (_mm_movemask_epi8(_mm_cmpeq_epi8(any, zero)) != 0xffff)
            return FALSE;
    }
    return TRUE;
}

__attribute__((target("avx2"))) static inline __m256i
zero_or4_avx2(const __m256i *p)
{
    return _mm256_or_si256(
        _mm256_or_si256(_mm256_loadu_si256(p), _mm256_loadu_si256(p + 1)),
        _mm256_or_si256(_mm256_loadu_si256(p + 2), _mm256_loadu_si256(p + 3)));
}

__attribute__((target("avx2"))) static gboolean
zero_avx2(const void *data, gsize n)
{
    const __m256i *p = data;
    __m256i any = _mm256_loadu_si256(p);

    if (!_mm256_testz_si256(any, any))
        return FALSE;

    for (gsize at = 0; at < n; at += STEP, p += 8) {
        any = _mm256_or_si256(zero_or4_avx2(p), zero_or4_avx2(p + 4));
        if (!_mm256_testz_si256(any, any))
            return FALSE;
    }
    return TRUE;
}

__attribute__((target("avx512f,avx512bw"))) static gboolean
zero_avx512(const void *data, gsize n)
{
    const __m512i *p = data;
    __m512i any = _mm512_loadu_si512(p);

    if (_mm512_test_epi64_mask(any, any))
        return FALSE;

    for (gsize at = 0; at < n; at += STEP, p += 4) {
        any = _mm512_or_si512(
            _mm512_or_si512(_mm512_loadu_si512(p), _mm512_loadu_si512(p + 1)),
            _mm512_or_si512(_mm512_loadu_si512(p + 2),
                            _mm512_loadu_si512(p + 3)));
        if (_mm512_test_epi64_mask(any, any))
            return FALSE;
    }
    return TRUE;
}

#endif

static const MtZeroFunc zero_funcs[MT_ISA_N] = {
    [MT_ISA_PORTABLE] = zero_portable,
#if defined(__x86_64__)
    [MT_ISA_SSE2] = zero_sse2,
    [MT_ISA_AVX2] = zero_avx2,
    [MT_ISA_AVX512] = zero_avx512,
#endif
};

MtZeroFunc
mt_zero_func(MtIsa isa)
{
    return zero_funcs[isa];
}

gboolean
mt_zero_page(const void *page)
{
    return zero_funcs[mt_isa_best()](page, MT_PAGE_SIZE);
}
