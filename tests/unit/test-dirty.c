/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pass has a fixed set of pages; pages written meanwhile stay in the log. */
#include "config.h"

#include "engine/memory/dirty.h"

static void
test_a_pass_does_not_see_later_writes(void)
{
    g_autoptr(MtDirty) dirty = mt_dirty_new(100);

    mt_dirty_mark(dirty, 7);
    mt_dirty_mark(dirty, 70);
    mt_dirty_mark(dirty, 7);
    g_assert_cmpuint(mt_dirty_count(dirty), ==, 0);
    g_assert_cmpuint(mt_dirty_sync(dirty), ==, 2);
    g_assert_cmpuint(mt_dirty_count(dirty), ==, 2);

    mt_dirty_mark(dirty, 50);
    g_assert_cmpuint(mt_dirty_take_next(dirty, 0), ==, 7);
    mt_dirty_mark(dirty, 7);
    g_assert_cmpuint(mt_dirty_take_next(dirty, 8), ==, 70);
    g_assert_cmpuint(mt_dirty_take_next(dirty, 0), ==, MT_BITMAP_NONE);
    g_assert_cmpuint(mt_dirty_count(dirty), ==, 0);

    g_assert_cmpuint(mt_dirty_sync(dirty), ==, 2);
    g_assert_true(mt_dirty_take(dirty, 50));
    g_assert_false(mt_dirty_take(dirty, 50));
    mt_dirty_put(dirty, 50);
    mt_dirty_put(dirty, 50);
    g_assert_cmpuint(mt_dirty_count(dirty), ==, 2);
}

static void
test_the_first_pass_has_all_pages(void)
{
    g_autoptr(MtDirty) dirty = mt_dirty_new(130);

    mt_dirty_mark(dirty, 3);
    mt_dirty_start(dirty);
    g_assert_cmpuint(mt_dirty_n_pages(dirty), ==, 130);
    g_assert_cmpuint(mt_dirty_count(dirty), ==, 130);
    g_assert_cmpuint(mt_dirty_sync(dirty), ==, 0);
    mt_dirty_forget(dirty, 100, 30);
    g_assert_cmpuint(mt_dirty_count(dirty), ==, 100);
}

static void
test_runs(void)
{
    static const struct {
        guint64 from, end, max; /* asked */
        guint64 first, n;       /* expected; n is 0 if there is none */
    } cases[] = {
        { 0, 200, 1000, 10, 20 },  { 0, 200, 8, 10, 8 },
        { 15, 200, 1000, 15, 15 }, { 0, 12, 1000, 10, 2 },
        { 0, 10, 1000, 0, 0 },     { 30, 60, 1000, 0, 0 },
        { 30, 200, 1000, 60, 68 }, { 150, 200, G_MAXUINT64, 190, 10 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtDirty) dirty = mt_dirty_new(200);
        guint64 first = 0;
        guint64 n;

        mt_dirty_mark_range(dirty, 10, 20);
        mt_dirty_mark_range(dirty, 60, 68);
        mt_dirty_mark_range(dirty, 190, 10);
        mt_dirty_sync(dirty);
        n = mt_dirty_take_run(dirty, cases[i].from, cases[i].end,
                              cases[i].max, &first);
        g_assert_cmpuint(n, ==, cases[i].n);
        g_assert_cmpuint(first, ==, cases[i].first);
        g_assert_cmpuint(mt_dirty_count(dirty), ==, 98 - n);
        for (guint64 p = first; p < first + n; p++)
            g_assert_false(mt_dirty_take(dirty, p));
    }
}

#define RACE_PAGES 512
#define RACE_WRITES 200000

typedef struct {
    MtDirty *dirty;
    guint64 values[RACE_PAGES]; /* atomic */
} Race;

static gpointer
race_write(gpointer data)
{
    Race *race = data;

    for (guint64 i = 1; i <= RACE_WRITES; i++) {
        guint64 page = i * 7919 % RACE_PAGES;

        __atomic_store_n(&race->values[page], i, __ATOMIC_RELAXED);
        mt_dirty_mark(race->dirty, page);
    }
    return NULL;
}

/* Copies the pages in the log until the writer has finished: the copy is equal only
 * if no write was missed. */
static void
test_no_write_is_missed(void)
{
    g_autofree Race *race = g_new0(Race, 1);
    g_autofree guint64 *copy = g_new0(guint64, RACE_PAGES);
    g_autoptr(MtDirty) dirty = mt_dirty_new(RACE_PAGES);
    GThread *writer;

    race->dirty = dirty;
    writer = g_thread_new("writer", race_write, race);
    for (guint round = 0; round <= 300; round++) {
        guint64 page = 0;

        if (round == 300)
            g_thread_join(writer);
        mt_dirty_sync(dirty);
        while ((page = mt_dirty_take_next(dirty, page)) != MT_BITMAP_NONE)
            copy[page] =
                __atomic_load_n(&race->values[page], __ATOMIC_RELAXED);
    }
    g_assert_cmpmem(copy, sizeof(race->values), race->values,
                    sizeof(race->values));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dirty/a-pass-does-not-see-later-writes",
                    test_a_pass_does_not_see_later_writes);
    g_test_add_func("/dirty/the-first-pass-has-all-pages",
                    test_the_first_pass_has_all_pages);
    g_test_add_func("/dirty/runs", test_runs);
    g_test_add_func("/dirty/no-write-is-missed", test_no_write_is_missed);
    return g_test_run();
}
