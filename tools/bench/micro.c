/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scenarios of single functions, without a migration and other threads.  They
 * measure the processor time of this thread, which depends less on other load.
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>

#include "stream/codec.h"
#include "engine/memory/ram.h"
#include "engine/memory/workload.h"
#include "stream/xbzrle.h"
#include "engine/memory/zero.h"
#include "scenarios.h"

#define GB 1e9

/* Adds up all words of @bytes at @data: as fast as memory can be read. */
static inline __attribute__((always_inline)) guint64
micro_read(const guint8 *data, guint64 bytes)
{
    typedef guint64 Vector __attribute__((vector_size(64), aligned(64)));
    const Vector *v = (const Vector *)data;
    Vector sum[4] = { { 0 } };
    guint64 all = 0;

    for (guint64 i = 0; i + 4 <= bytes / sizeof(Vector); i += 4) {
        sum[0] += v[i];
        sum[1] += v[i + 1];
        sum[2] += v[i + 2];
        sum[3] += v[i + 3];
    }
    sum[0] += sum[1] + sum[2] + sum[3];
    for (guint i = 0; i < 8; i++)
        all += sum[0][i];
    return all;
}

/* Variants for the vector instructions that a scan may use. */
static guint64
micro_read_plain(const guint8 *data, guint64 bytes)
{
    return micro_read(data, bytes);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static guint64
micro_read_avx2(const guint8 *data, guint64 bytes)
{
    return micro_read(data, bytes);
}

__attribute__((target("avx512f"))) static guint64
micro_read_avx512(const guint8 *data, guint64 bytes)
{
    return micro_read(data, bytes);
}
#endif

static guint64 (*const micro_reads[MT_ISA_N])(const guint8 *, guint64) = {
    [MT_ISA_PORTABLE] = micro_read_plain,
    [MT_ISA_SSE2] = micro_read_plain,
#if defined(__x86_64__)
    [MT_ISA_AVX2] = micro_read_avx2,
    [MT_ISA_AVX512] = micro_read_avx512,
#else
    [MT_ISA_AVX2] = micro_read_plain,
    [MT_ISA_AVX512] = micro_read_plain,
#endif
};

static guint64
micro_scan(const guint8 *data, guint64 bytes, MtZeroFunc is_zero)
{
    guint64 zero = 0;

    for (guint64 at = 0; at < bytes; at += MT_PAGE_SIZE)
        zero += is_zero(data + at, MT_PAGE_SIZE);
    return zero;
}

/* Measures a plain read and a scan in turn, for one vector width. */
static void
micro_zero_row(Bench *bench, const guint8 *data, MtIsa isa)
{
    const char *isa_name = mt_isa_name(isa);
    g_autofree char *read_name = g_strdup_printf("plain read, %s", isa_name);
    g_autofree char *scan_name = g_strdup_printf("scan, %s", isa_name);
    g_auto(Series) read = { NULL };
    g_auto(Series) scan = { NULL };
    g_auto(Series) ratio = { NULL };
    guint64 bytes = bench->ram_bytes;
    volatile guint64 keep;

    for (guint i = 0; i < bench->repeats; i++) {
        double start = bench_cpu_now();
        double middle, end;

        keep = micro_reads[isa](data, bytes);
        middle = bench_cpu_now();
        keep = micro_scan(data, bytes, mt_zero_func(isa));
        end = bench_cpu_now();
        series_add(&read, bytes / GB / (middle - start));
        series_add(&scan, bytes / GB / (end - middle));
        series_add(&ratio, (middle - start) / (end - middle));
    }
    (void)keep;
    bench_print(read_name, &read, "GB/s");
    bench_print(scan_name, &scan, "GB/s");
    bench_print("  scan to read", &ratio, "times");
}

gboolean
scenario_zero(Bench *bench, GError **error)
{
    g_autoptr(MtRam) ram = mt_ram_new_simple(bench->ram_bytes, error);
    guint8 *data;

    if (!ram)
        return FALSE;

    data = mt_ram_block(ram, 0)->host;
    memset(data, 0, bench->ram_bytes); /* allocate all pages */
    for (MtIsa isa = 0; isa < MT_ISA_N; isa++) {
        if (mt_isa_supported(isa))
            micro_zero_row(bench, data, isa);
    }
    return TRUE;
}

/* Pairs of pages: more than the second-level cache can hold, like pages from
 * the XBZRLE cache. */
#define N_PAIRS 4096

static void
micro_xbzrle_row(Bench *bench, const guint8 *before, const guint8 *after,
                 guint changed, MtIsa isa)
{
    g_auto(Series) series = { NULL };
    g_autofree char *name = NULL;
    guint8 out[MT_XBZRLE_MAX];
    guint64 length = 0;
    guint overflow = 0;

    for (guint i = 0; i < bench->repeats; i++) {
        double start = bench_cpu_now();

        length = 0;
        overflow = 0;
        for (guint p = 0; p < N_PAIRS; p++) {
            int n = mt_xbzrle_func(isa)(before + p * MT_PAGE_SIZE,
                                        after + p * MT_PAGE_SIZE, out);

            if (n == MT_XBZRLE_OVERFLOW)
                overflow++;
            else
                length += n;
        }
        series_add(&series,
                   N_PAIRS * (double)MT_PAGE_SIZE / GB / (bench_cpu_now() - start));
    }
    name = g_strdup_printf("%u bytes, %s (delta of %.0f)", changed,
                           mt_isa_name(isa), (double)length / N_PAIRS);
    bench_print(name, &series, "GB/s");
    if (overflow)
        bench_note("%u of %u overflow", overflow, N_PAIRS);
}

gboolean
scenario_xbzrle(Bench *bench, GError **error)
{
    static const guint changes[] = { 1, 100, 1000 };
    gsize bytes = N_PAIRS * MT_PAGE_SIZE;
    g_autofree guint8 *before = g_malloc(bytes);
    g_autofree guint8 *after = g_malloc(bytes);

    for (guint p = 0; p < N_PAIRS; p++)
        mt_content_fill(MT_CONTENT_TEXT, 1, p, before + p * MT_PAGE_SIZE);

    for (guint c = 0; c < G_N_ELEMENTS(changes); c++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(changes[c]);

        memcpy(after, before, bytes);
        for (guint p = 0; p < N_PAIRS; p++) {
            for (guint i = 0; i < changes[c]; i++)
                after[p * MT_PAGE_SIZE + g_rand_int_range(rand, 0, 4096)] ^=
                    g_rand_int_range(rand, 1, 256);
        }
        for (MtIsa isa = 0; isa < MT_ISA_N; isa++) {
            if (mt_isa_supported(isa))
                micro_xbzrle_row(bench, before, after, changes[c], isa);
        }
    }
    return TRUE;
}

static gboolean
micro_packet(const MtCodec *codec, int level, guint8 *const *pages,
             GError **error)
{
    gpointer encoder =
        codec->encoder_new ? codec->encoder_new(level, error) : NULL;
    struct iovec iov[MT_MULTIFD_PAGES + 1];
    gsize bytes[2] = { 0 };
    gboolean ok = TRUE;

    if (codec->encoder_new && !encoder)
        return FALSE;

    /* The first packet contains the header of the codec; the second one is
     * measured. */
    for (guint i = 0; ok && i < 2; i++) {
        guint n = G_N_ELEMENTS(iov);

        ok = codec->encode(encoder, pages, MT_MULTIFD_PAGES, iov, &n, error);
        for (guint j = 0; ok && j < n; j++)
            bytes[i] += iov[j].iov_len;
    }
    if (codec->encoder_free)
        codec->encoder_free(encoder);
    if (ok)
        bench_note("%-6s level %d: first packet %7zu bytes, each further %7zu",
                   codec->name, level, bytes[0], bytes[1]);
    return ok;
}

gboolean
scenario_packets(Bench *bench, GError **error)
{
    g_autofree guint8 *memory = g_malloc0(MT_MULTIFD_PAGES * MT_PAGE_SIZE);
    guint8 *pages[MT_MULTIFD_PAGES];

    for (guint i = 0; i < MT_MULTIFD_PAGES; i++) {
        pages[i] = memory + i * MT_PAGE_SIZE;
        pages[i][0] = 1;
    }
    for (guint i = 0; i < mt_codec_n(); i++) {
        if (!micro_packet(mt_codec_get(i), 1, pages, error) ||
            !micro_packet(mt_codec_get(i), 3, pages, error))
            return FALSE;
    }
    bench_note("published in 2020: about 2500 bytes with zlib, 52 with zstd");
    return TRUE;
}
