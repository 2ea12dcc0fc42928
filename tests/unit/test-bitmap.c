/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitmaps behave like an array of flags, and threads lose no bits. */
#include "config.h"

#include "util/bitmap.h"

static const guint64 sizes[] = { 1, 2, 63, 64, 65, 127, 128, 129, 1000 };

static void
test_ranges_agree_with_single_bits(void)
{
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
        guint64 n = sizes[s];

        for (guint64 first = 0; first <= n; first += 1 + n / 17) {
            for (guint64 len = 0; len <= n - first; len += 1 + n / 13) {
                g_autoptr(MtBitmap) a = mt_bitmap_new(n);
                g_autoptr(MtBitmap) b = mt_bitmap_new(n);

                g_assert_cmpuint(mt_bitmap_set_range(a, first, len), ==, len);
                g_assert_cmpuint(mt_bitmap_set_range(a, first, len), ==, 0);
                for (guint64 i = first; i < first + len; i++)
                    g_assert_false(mt_bitmap_set(b, i));
                g_assert_cmpmem(a->words, a->n_words * 8, b->words,
                                b->n_words * 8);
                g_assert_cmpuint(mt_bitmap_count(a), ==, len);
                g_assert_cmpuint(mt_bitmap_next_set(a, 0), ==,
                                 len ? first : MT_BITMAP_NONE);
                g_assert_cmpuint(mt_bitmap_next_clear(a, first), ==,
                                 first + len < n ? first + len
                                                 : MT_BITMAP_NONE);
                g_assert_cmpuint(mt_bitmap_clear_range(a, first, len), ==,
                                 len);
                g_assert_cmpuint(mt_bitmap_count(a), ==, 0);
            }
        }
    }
}

static void
test_single_bits_tell_what_they_were(void)
{
    g_autoptr(MtBitmap) bitmap = mt_bitmap_new(65);

    g_assert_false(mt_bitmap_test(bitmap, 64));
    g_assert_false(mt_bitmap_set(bitmap, 64));
    g_assert_true(mt_bitmap_set(bitmap, 64));
    g_assert_true(mt_bitmap_test(bitmap, 64));
    g_assert_cmpuint(mt_bitmap_next_set(bitmap, 0), ==, 64);
    g_assert_cmpuint(mt_bitmap_next_set(bitmap, 65), ==, MT_BITMAP_NONE);
    g_assert_true(mt_bitmap_clear(bitmap, 64));
    g_assert_false(mt_bitmap_clear(bitmap, 64));
    g_assert_cmpuint(mt_bitmap_next_set(bitmap, 0), ==, MT_BITMAP_NONE);
}

static void
test_drain_moves_and_counts(void)
{
    g_autoptr(MtBitmap) from = mt_bitmap_new(200);
    g_autoptr(MtBitmap) into = mt_bitmap_new(200);
    guint64 moved = 0;

    mt_bitmap_set_range(from, 10, 100);
    mt_bitmap_set_range(into, 100, 20);
    g_assert_cmpuint(mt_bitmap_drain(from, into, &moved), ==, 90);
    g_assert_cmpuint(moved, ==, 100);
    g_assert_cmpuint(mt_bitmap_count(from), ==, 0);
    g_assert_cmpuint(mt_bitmap_count(into), ==, 110);
    g_assert_cmpuint(mt_bitmap_drain(from, into, NULL), ==, 0);
}

#define SHARED_BITS 4096
#define SHARED_ROUNDS 20

typedef struct {
    MtBitmap *bitmap;
    guint64 first;
} Setter;

static gpointer
setter_run(gpointer data)
{
    Setter *setter = data;
    guint64 fresh = 0;

    for (guint round = 0; round < SHARED_ROUNDS; round++) {
        for (guint64 i = 0; i < SHARED_BITS; i++)
            fresh += !mt_bitmap_set(setter->bitmap,
                                    (i + setter->first) % SHARED_BITS);
    }
    return GSIZE_TO_POINTER(fresh);
}

static void
test_no_bit_is_lost_among_threads(void)
{
    g_autoptr(MtBitmap) log = mt_bitmap_new(SHARED_BITS);
    g_autoptr(MtBitmap) pass = mt_bitmap_new(SHARED_BITS);
    Setter setters[2] = { { log, 0 }, { log, SHARED_BITS / 2 } };
    GThread *threads[2];
    guint64 set = 0;
    guint64 drained = 0;
    guint64 moved = 0;

    for (guint i = 0; i < 2; i++)
        threads[i] = g_thread_new("setter", setter_run, &setters[i]);
    for (guint i = 0; i < 200; i++) {
        mt_bitmap_drain(log, pass, &moved);
        drained += moved;
    }
    for (guint i = 0; i < 2; i++)
        set += GPOINTER_TO_SIZE(g_thread_join(threads[i]));
    mt_bitmap_drain(log, pass, &moved);
    drained += moved;

    g_assert_cmpuint(set, ==, drained);
    g_assert_cmpuint(mt_bitmap_count(pass), ==, SHARED_BITS);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitmap/ranges-agree-with-single-bits",
                    test_ranges_agree_with_single_bits);
    g_test_add_func("/bitmap/single-bits-tell-what-they-were",
                    test_single_bits_tell_what_they_were);
    g_test_add_func("/bitmap/drain-moves-and-counts",
                    test_drain_moves_and_counts);
    g_test_add_func("/bitmap/no-bit-is-lost-among-threads",
                    test_no_bit_is_lost_among_threads);
    return g_test_run();
}
