/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Deltas decode to what was encoded, are the same in every vector width, and
 * damaged ones are refused; the cache has the content of the destination.
 */
#include "config.h"

#include <string.h>

#include "engine/source/xbzrle-cache.h"
#include "migtune/migtune-error.h"

#define PAGE 4096

/* A change of a page: @n bytes at intervals of @stride, from @at on. */
typedef struct {
    guint at, n, stride;
} Change;

static const Change changes[] = {
    { 0, 0, 1 },       { 0, 1, 1 },      { 4095, 1, 1 },    { 4094, 2, 1 },
    { 100, 50, 1 },    { 0, 4096, 1 },   { 0, 4093, 1 },    { 0, 4094, 1 },
    { 0, 4092, 1 },    { 3, 4093, 1 },   { 2, 4092, 1 },    { 127, 127, 1 },
    { 128, 128, 1 },   { 0, 2048, 2 },   { 0, 1365, 3 },    { 0, 1024, 4 },
    { 1, 1023, 4 },    { 0, 819, 5 },    { 0, 32, 128 },    { 63, 32, 128 },
    { 64, 64, 64 },    { 62, 64, 63 },   { 0, 16, 255 },    { 17, 240, 17 },
};

static void
change_apply(const Change *change, guint8 *page)
{
    for (guint i = 0; i < change->n; i++) {
        guint at = change->at + i * change->stride;

        if (at < PAGE)
            page[at] ^= 1 + i % 255;
    }
}

static void
check_round_trip(const guint8 *before, const guint8 *after)
{
    g_autofree guint8 *portable = g_malloc(MT_XBZRLE_MAX);
    g_autofree guint8 *out = g_malloc(MT_XBZRLE_MAX);
    g_autofree guint8 *page = g_memdup2(before, PAGE);
    g_autoptr(GError) error = NULL;
    int n = mt_xbzrle_func(MT_ISA_PORTABLE)(before, after, portable);

    for (MtIsa isa = 0; isa < MT_ISA_N; isa++) {
        if (!mt_isa_supported(isa))
            continue;
        g_assert_cmpint(mt_xbzrle_func(isa)(before, after, out), ==, n);
        if (n > 0)
            g_assert_cmpmem(out, n, portable, n);
    }

    g_assert_cmpint(n == 0, ==, memcmp(before, after, PAGE) == 0);
    if (n == MT_XBZRLE_OVERFLOW)
        return;
    g_assert_cmpint(n, <=, MT_XBZRLE_MAX);
    mt_xbzrle_decode(portable, n, page, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(page, PAGE, after, PAGE);
}

static void
test_round_trip(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autofree guint8 *before = g_malloc(PAGE);
        g_autofree guint8 *after = NULL;

        for (guint at = 0; at < PAGE; at++)
            before[at] = at * 31;
        after = g_memdup2(before, PAGE);
        change_apply(&changes[i], after);
        check_round_trip(before, after);
    }
}

static void
test_round_trip_random(void)
{
    guint32 seed = g_test_rand_int();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

    g_test_message("seed %u", seed);
    for (guint run = 0; run < 3000; run++) {
        guint8 before[PAGE];
        guint8 after[PAGE];
        guint n = g_rand_int_range(rand, 0, 1 << (run % 12));

        for (guint at = 0; at < PAGE; at += 4) {
            guint32 word = g_rand_int(rand);

            memcpy(before + at, &word, 4);
        }
        memcpy(after, before, PAGE);
        for (guint i = 0; i < n; i++)
            after[g_rand_int_range(rand, 0, PAGE)] ^= g_rand_int(rand);
        check_round_trip(before, after);
    }
}

static void
test_exact_bytes(void)
{
    static const guint8 old_bytes[] = {
        5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0x68, 0, 0,
        0x6b, 0, 0x6d,
    };
    static const guint8 new_bytes[] = {
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x68, 0, 0,
        0x67, 0, 0x69,
    };
    static const guint8 expected[] = {
        0xe9, 0x07, 15, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        3, 3, 0x67, 0, 0x69, /* a gap of one byte is not worth two lengths */
    };
    static const guint8 last[] = { 0xff, 0x1f, 1, 0x51 };
    guint8 before[PAGE] = { 0 };
    guint8 after[PAGE] = { 0 };
    guint8 out[MT_XBZRLE_MAX];

    memcpy(before + 1001, old_bytes, sizeof(old_bytes));
    memcpy(after + 1001, new_bytes, sizeof(new_bytes));
    g_assert_cmpint(mt_xbzrle_encode(before, after, out), ==,
                    sizeof(expected));
    g_assert_cmpmem(out, sizeof(expected), expected, sizeof(expected));

    memcpy(after, before, PAGE);
    after[4095] = 0x51;
    g_assert_cmpint(mt_xbzrle_encode(before, after, out), ==, sizeof(last));
    g_assert_cmpmem(out, sizeof(last), last, sizeof(last));
}

static void
test_limit_of_length(void)
{
    /* Changed bytes at the end of the page, and whether that fits. */
    static const struct {
        guint at, n;
        int expected;
    } cases[] = {
        { 0, 4093, 4096 },
        { 0, 4094, MT_XBZRLE_OVERFLOW },
        { 127, 3969, 3972 },
        { 3, 4093, 4096 },
        { 2, 4094, MT_XBZRLE_OVERFLOW },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint8 before[PAGE] = { 0 };
        guint8 after[PAGE] = { 0 };
        guint8 out[MT_XBZRLE_MAX];

        memset(after + cases[i].at, 1, cases[i].n);
        g_assert_cmpint(mt_xbzrle_encode(before, after, out), ==,
                        cases[i].expected);
    }
}

static void
test_decoder_rules(void)
{
    static const struct {
        const char *what;
        gboolean good;
        guint n;
        guint8 delta[12];
    } cases[] = {
        { "nothing", TRUE, 0, { 0 } },
        { "first run empty", TRUE, 3, { 0, 1, 9 } },
        { "two runs", TRUE, 6, { 0, 1, 9, 1, 1, 9 } },
        { "last byte", TRUE, 4, { 0xff, 0x1f, 1, 9 } },
        { "lengths written long", TRUE, 5, { 0x80, 0, 0x81, 0, 9 } },
        { "later empty run", FALSE, 6, { 0, 1, 9, 0, 1, 9 } },
        { "later empty run, long", FALSE, 7, { 0, 1, 9, 0x80, 0, 1, 9 } },
        { "no changed bytes", FALSE, 2, { 4, 0 } },
        { "no changed length", FALSE, 1, { 4 } },
        { "nothing after a run", FALSE, 4, { 0, 1, 9, 4 } },
        { "delta too short", FALSE, 4, { 0, 3, 9, 9 } },
        { "length cut off", FALSE, 1, { 0x80 } },
        { "second length cut off", FALSE, 2, { 0, 0x80 } },
        { "three length bytes", FALSE, 5, { 0x80, 0x80, 1, 1, 9 } },
        { "past the page", FALSE, 4, { 0x80, 0x20, 1, 9 } },
        { "far past the page", FALSE, 4, { 0xff, 0x7f, 1, 9 } },
        { "changed past the page", FALSE, 5, { 0xff, 0x1f, 2, 9, 9 } },
        { "in steps past the page", FALSE, 7,
          { 0xff, 0x1f, 1, 9, 1, 1, 9 } },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint8 memory[3 * PAGE];
        guint8 around[PAGE];
        /* A copy of the exact size, so that reading past it is noticed. */
        g_autofree guint8 *delta = g_memdup2(cases[i].delta, cases[i].n);

        g_test_message("%s", cases[i].what);
        memset(memory, 0xaa, sizeof(memory));
        memset(around, 0xaa, sizeof(around));
        g_assert_cmpint(
            mt_xbzrle_decode(delta, cases[i].n, memory + PAGE, &error), ==,
            cases[i].good);
        if (!cases[i].good)
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        g_assert_cmpmem(memory, PAGE, around, PAGE);
        g_assert_cmpmem(memory + 2 * PAGE, PAGE, around, PAGE);
    }
}

static void
test_decoder_refuses_long_deltas(void)
{
    g_autofree guint8 *delta = g_malloc0(MT_XBZRLE_MAX + 1);
    g_autoptr(GError) error = NULL;
    guint8 page[PAGE] = { 0 };

    g_assert_false(mt_xbzrle_decode(delta, MT_XBZRLE_MAX + 1, page, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
}

/* The cache. */

static void
test_sizes(void)
{
    static const struct {
        guint64 bytes;
        gboolean good;
    } cases[] = {
        { 0, FALSE },    { 4095, FALSE },  { 4096, TRUE },
        { 12288, FALSE }, { 65536, TRUE }, { G_MAXUINT64, FALSE },
        { G_GUINT64_CONSTANT(1) << 63, FALSE },
        { G_GUINT64_CONSTANT(1) << 40, TRUE },
        { G_GUINT64_CONSTANT(1) << 62, TRUE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtXbzrle) x = mt_xbzrle_new(cases[i].bytes, 64, &error);

        g_assert_cmpint(x != NULL, ==, cases[i].good);
        if (!x) {
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
            continue;
        }

        /* A guest of 64 pages needs no more than 64 entries. */
        g_assert_cmpuint(mt_xbzrle_memory(x), <=, 65 * PAGE);
        g_assert_true(mt_xbzrle_resize(x, G_GUINT64_CONSTANT(1) << 45, NULL));
    }
}

static MtXbzrleVerdict
save(MtXbzrle *x, guint64 index, const guint8 *page)
{
    MtXbzrleOut out;

    return mt_xbzrle_save(x, index, page, FALSE, &out);
}

static void
test_miss_insert_delta_same_overflow(void)
{
    g_autoptr(MtXbzrle) x = mt_xbzrle_new(16 * PAGE, 1 << 20, NULL);
    MtXbzrleStats stats;
    MtXbzrleOut out;
    guint8 page[PAGE] = { 0 };

    page[9] = 1;
    g_assert_cmpint(mt_xbzrle_save(x, 5, page, FALSE, &out), ==,
                    MT_XBZRLE_PAGE);
    g_assert_cmpmem(out.data, out.n, page, PAGE);
    g_assert_true(out.data != page); /* the sent bytes are those in the cache */
    g_assert_cmpint(save(x, 5, page), ==, MT_XBZRLE_SAME);

    page[9] = 2;
    g_assert_cmpint(mt_xbzrle_save(x, 5, page, FALSE, &out), ==,
                    MT_XBZRLE_DELTA);
    g_assert_cmpuint(out.n, ==, 3);
    g_assert_cmpint(save(x, 5, page), ==, MT_XBZRLE_SAME);

    memset(page, 0x55, PAGE);
    g_assert_cmpint(mt_xbzrle_save(x, 5, page, FALSE, &out), ==,
                    MT_XBZRLE_PAGE);
    g_assert_cmpmem(out.data, out.n, page, PAGE);
    g_assert_cmpint(save(x, 5, page), ==, MT_XBZRLE_SAME);

    mt_xbzrle_period(x, 8);
    mt_xbzrle_stats(x, &stats);
    g_assert_cmpuint(stats.cache_bytes, ==, 16 * PAGE);
    g_assert_cmpuint(stats.cache_miss, ==, 1);
    g_assert_cmpuint(stats.overflow, ==, 1);
    /* An overflow counts as an encoded page of full size. */
    g_assert_cmpuint(stats.pages, ==, 5);
    g_assert_cmpuint(stats.bytes, ==, 6 + PAGE);
    g_assert_cmpfloat_with_epsilon(stats.cache_miss_rate, 0.125, 1e-9);
    g_assert_cmpfloat_with_epsilon(stats.encoding_rate,
                                   5.0 * PAGE / (PAGE + 6), 1e-9);
    mt_xbzrle_period(x, 0);
    mt_xbzrle_stats(x, &stats);
    g_assert_cmpfloat(stats.cache_miss_rate, ==, 0);
}

static void
test_a_young_entry_stays(void)
{
    /* Pages 1 and 17 share an entry of a cache of 16 pages. */
    g_autoptr(MtXbzrle) x = mt_xbzrle_new(16 * PAGE, 1 << 20, NULL);
    guint8 one[PAGE] = { 1 };
    guint8 two[PAGE] = { 2 };
    MtXbzrleOut out;

    save(x, 1, one);
    g_assert_cmpint(mt_xbzrle_save(x, 17, two, FALSE, &out), ==,
                    MT_XBZRLE_PAGE);
    g_assert_true(out.data == two); /* not kept: no copy */
    g_assert_cmpint(save(x, 1, one), ==, MT_XBZRLE_SAME);

    mt_xbzrle_sync(x);
    save(x, 17, two);
    g_assert_cmpint(save(x, 1, one), ==, MT_XBZRLE_SAME);

    mt_xbzrle_sync(x);
    mt_xbzrle_sync(x);
    save(x, 17, two); /* now it is old enough */
    g_assert_cmpint(save(x, 17, two), ==, MT_XBZRLE_SAME);
    g_assert_cmpint(save(x, 1, one), ==, MT_XBZRLE_PAGE);
}

static void
test_zero_overwrites_and_drop_forgets(void)
{
    g_autoptr(MtXbzrle) x = mt_xbzrle_new(16 * PAGE, 1 << 20, NULL);
    guint8 page[PAGE] = { 1 };
    guint8 zero[PAGE] = { 0 };

    save(x, 3, page);
    mt_xbzrle_zero(x, 3);
    mt_xbzrle_zero(x, 4); /* not in the cache: no effect */
    g_assert_cmpint(save(x, 3, zero), ==, MT_XBZRLE_SAME);
    g_assert_cmpint(save(x, 4, zero), ==, MT_XBZRLE_PAGE);
    mt_xbzrle_drop(x, 3);
    g_assert_cmpint(save(x, 3, zero), ==, MT_XBZRLE_PAGE);
}

static void
test_last_stage_keeps_nothing(void)
{
    g_autoptr(MtXbzrle) x = mt_xbzrle_new(16 * PAGE, 1 << 20, NULL);
    guint8 page[PAGE] = { 1 };
    MtXbzrleOut out;

    g_assert_cmpint(mt_xbzrle_save(x, 3, page, TRUE, &out), ==,
                    MT_XBZRLE_PAGE);
    g_assert_true(out.data == page);
    g_assert_cmpint(save(x, 3, page), ==, MT_XBZRLE_PAGE);
    page[0] = 2;
    for (guint i = 0; i < 2; i++)
        g_assert_cmpint(mt_xbzrle_save(x, 3, page, TRUE, &out), ==,
                        MT_XBZRLE_DELTA);
}

static void
test_resize_empties(void)
{
    g_autoptr(MtXbzrle) x = mt_xbzrle_new(16 * PAGE, 1 << 20, NULL);
    g_autoptr(GError) error = NULL;
    MtXbzrleStats stats;
    guint8 page[PAGE] = { 1 };

    save(x, 3, page);
    g_assert_false(mt_xbzrle_resize(x, 3 * PAGE, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    g_assert_cmpint(save(x, 3, page), ==, MT_XBZRLE_SAME);

    g_clear_error(&error);
    g_assert_true(mt_xbzrle_resize(x, PAGE, &error));
    mt_xbzrle_stats(x, &stats);
    g_assert_cmpuint(stats.cache_bytes, ==, PAGE);
    g_assert_cmpint(save(x, 3, page), ==, MT_XBZRLE_PAGE);
    g_assert_cmpint(save(x, 3, page), ==, MT_XBZRLE_SAME);
    g_assert_cmpuint(mt_xbzrle_memory(x), <, 3 * PAGE);
}

static gpointer
resizer_run(gpointer data)
{
    for (guint i = 0; i < 200; i++) {
        MtXbzrleStats stats;

        mt_xbzrle_resize(data, (guint64)PAGE << (i % 6), NULL);
        mt_xbzrle_stats(data, &stats);
    }
    return NULL;
}

/* Random pages while the size of the cache changes: the destination must always
 * decode the page that was saved. */
static void
test_both_ends_stay_together(void)
{
    enum { N = 64 };
    g_autoptr(MtXbzrle) x = mt_xbzrle_new(16 * PAGE, 1 << 20, NULL);
    g_autofree guint8 *here = g_malloc0(N * PAGE);
    g_autofree guint8 *there = g_malloc0(N * PAGE);
    guint32 seed = g_test_rand_int();
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    GThread *resizer = g_thread_new("resizer", resizer_run, x);

    g_test_message("seed %u", seed);
    for (guint i = 0; i < 20000; i++) {
        g_autoptr(GError) error = NULL;
        guint n = g_rand_int_range(rand, 0, N);
        guint8 *page = here + n * PAGE;
        guint8 *copy = there + n * PAGE;
        MtXbzrleOut out;

        if (i % 50 == 0)
            mt_xbzrle_sync(x);
        if (i % 31 == 0) {
            memset(page, 0, PAGE);
            memset(copy, 0, PAGE);
            mt_xbzrle_zero(x, n);
            continue;
        }

        page[g_rand_int_range(rand, 0, PAGE)] = i;
        if (i % 17 == 0)
            memset(page, i, PAGE);
        switch (mt_xbzrle_save(x, n, page, FALSE, &out)) {
        case MT_XBZRLE_DELTA:
            mt_xbzrle_decode(out.data, out.n, copy, &error);
            g_assert_no_error(error);
            break;
        case MT_XBZRLE_PAGE:
            memcpy(copy, out.data, out.n);
            break;
        case MT_XBZRLE_SAME:
            break;
        }
        g_assert_cmpmem(copy, PAGE, page, PAGE);
    }
    g_thread_join(resizer);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xbzrle/round-trip", test_round_trip);
    g_test_add_func("/xbzrle/round-trip-random", test_round_trip_random);
    g_test_add_func("/xbzrle/exact-bytes", test_exact_bytes);
    g_test_add_func("/xbzrle/limit-of-length", test_limit_of_length);
    g_test_add_func("/xbzrle/decoder-rules", test_decoder_rules);
    g_test_add_func("/xbzrle/decoder-refuses-long-deltas",
                    test_decoder_refuses_long_deltas);
    g_test_add_func("/xbzrle/sizes", test_sizes);
    g_test_add_func("/xbzrle/miss-insert-delta-same-overflow",
                    test_miss_insert_delta_same_overflow);
    g_test_add_func("/xbzrle/a-young-entry-stays", test_a_young_entry_stays);
    g_test_add_func("/xbzrle/zero-overwrites-and-drop-forgets",
                    test_zero_overwrites_and_drop_forgets);
    g_test_add_func("/xbzrle/last-stage-keeps-nothing",
                    test_last_stage_keeps_nothing);
    g_test_add_func("/xbzrle/resize-empties", test_resize_empties);
    g_test_add_func("/xbzrle/both-ends-stay-together",
                    test_both_ends_stay_together);
    return g_test_run();
}
