/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pages are unchanged after compression and decompression by threads. */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "engine/legacy.h"
#include "engine/memory/ram.h"
#include "engine/memory/workload.h"
#include "migtune/migtune-error.h"

#define N_PAGES 512

typedef struct {
    MtLegacyDecoder *dec;
    MtRam *to;
    guint n;
    guint fail_at;
} Link;

static gboolean
link_emit(guint64 index, const guint8 *data, guint n, gpointer opaque,
          GError **error)
{
    Link *link = opaque;

    if (++link->n == link->fail_at) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED, "gone");
        return FALSE;
    }
    return mt_legacy_decoder_put(link->dec, data, n,
                                 mt_ram_page(link->to, index, NULL), error);
}

static void
test_pages_come_through(void)
{
    static const struct {
        guint threads, dthreads;
        int level;
        gboolean wait;
        MtContent content;
    } cases[] = {
        { 1, 1, 1, TRUE, MT_CONTENT_MIXED },
        { 4, 2, 6, TRUE, MT_CONTENT_TEXT },
        { 2, 3, 0, TRUE, MT_CONTENT_RANDOM },
        { 3, 1, 9, FALSE, MT_CONTENT_RANDOM },
        { 1, 2, 1, FALSE, MT_CONTENT_SPARSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtRam) from = mt_ram_new_simple(N_PAGES * 4096, NULL);
        g_autoptr(MtRam) to = mt_ram_new_simple(N_PAGES * 4096, NULL);
        g_autoptr(MtLegacyDecoder) dec =
            mt_legacy_decoder_new(cases[i].dthreads, &error);
        Link link = { dec, to, 0, 0 };
        g_autoptr(MtLegacyEncoder) enc = mt_legacy_encoder_new(
            cases[i].threads, cases[i].level, link_emit, &link, &error);
        MtLegacyStats stats;
        guint plain = 0;

        g_assert_no_error(error);
        mt_content_fill_ram(cases[i].content, 1, from);
        for (guint64 p = 0; p < N_PAGES; p++) {
            const guint8 *page = mt_ram_page(from, p, NULL);

            if (mt_legacy_encoder_put(enc, p, page, cases[i].wait, &error) ==
                MT_LEGACY_BUSY) {
                memcpy(mt_ram_page(to, p, NULL), page, 4096);
                plain++;
            }
            g_assert_no_error(error);
        }
        mt_legacy_encoder_flush(enc, &error);
        g_assert_no_error(error);
        mt_legacy_decoder_flush(dec, &error);
        g_assert_no_error(error);

        g_assert_true(mt_ram_equal(from, to, NULL));
        mt_legacy_encoder_stats(enc, &stats);
        g_assert_cmpuint(stats.pages, ==, N_PAGES - plain);
        g_assert_cmpuint(stats.pages, ==, link.n);
        g_assert_cmpuint(stats.busy, ==, plain);
        if (cases[i].wait)
            g_assert_cmpuint(plain, ==, 0);
        g_assert_cmpuint(stats.compressed_size, >=, stats.pages * 8);
        g_assert_cmpuint(stats.compressed_size, <=,
                         stats.pages * MT_LEGACY_MAX);
    }
}

static void
test_a_failing_link_is_reported(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MtRam) from = mt_ram_new_simple(N_PAGES * 4096, NULL);
    g_autoptr(MtRam) to = mt_ram_new_simple(N_PAGES * 4096, NULL);
    g_autoptr(MtLegacyDecoder) dec = mt_legacy_decoder_new(1, NULL);
    Link link = { dec, to, 0, 5 };
    g_autoptr(MtLegacyEncoder) enc =
        mt_legacy_encoder_new(2, 1, link_emit, &link, NULL);
    MtLegacyVerdict verdict = MT_LEGACY_QUEUED;

    for (guint64 p = 0; p < N_PAGES && verdict == MT_LEGACY_QUEUED; p++)
        verdict = mt_legacy_encoder_put(
            enc, p, mt_ram_page(from, p, NULL), TRUE, &error);
    g_assert_cmpint(verdict, ==, MT_LEGACY_FAILED);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
}

static guint
deflate_bytes(const guint8 *data, guint n, guint8 *out, guint room)
{
    uLongf len = room;

    g_assert_cmpint(compress2(out, &len, data, n, 1), ==, Z_OK);
    return len;
}

/* Damages the zlib stream of @n bytes in @z; returns its new length. */
typedef guint (*Damage)(guint8 *z, guint n, guint room);

static guint
damage_none(guint8 *z, guint n, guint room)
{
    return n;
}

static guint
damage_cut(guint8 *z, guint n, guint room)
{
    return n - 1;
}

static guint
damage_head(guint8 *z, guint n, guint room)
{
    z[0] ^= 0xff;
    return n;
}

static guint
damage_adler(guint8 *z, guint n, guint room)
{
    z[n - 1] ^= 1;
    return n;
}

static guint
damage_tail(guint8 *z, guint n, guint room)
{
    z[n] = 0;
    return n + 1;
}

static guint
damage_short(guint8 *z, guint n, guint room)
{
    guint8 page[4095] = { 0 };

    return deflate_bytes(page, sizeof(page), z, room);
}

static guint
damage_long(guint8 *z, guint n, guint room)
{
    guint8 page[4097] = { 0 };

    return deflate_bytes(page, sizeof(page), z, room);
}

static guint
damage_bomb(guint8 *z, guint n, guint room)
{
    g_autofree guint8 *much = g_malloc0(1 << 20);

    return deflate_bytes(much, 1 << 20, z, room);
}

static guint
damage_empty(guint8 *z, guint n, guint room)
{
    return 0;
}

static guint
damage_huge(guint8 *z, guint n, guint room)
{
    return MT_LEGACY_MAX + 1;
}

static void
test_damaged_pages_are_refused(void)
{
    static const struct {
        const char *what;
        Damage damage;
        gboolean good;
    } cases[] = {
        { "whole", damage_none, TRUE },
        { "cut", damage_cut, FALSE },
        { "head", damage_head, FALSE },
        { "adler", damage_adler, FALSE },
        { "tail", damage_tail, FALSE },
        { "short page", damage_short, FALSE },
        { "long page", damage_long, FALSE },
        { "bomb", damage_bomb, FALSE },
        { "no bytes", damage_empty, FALSE },
        { "too many bytes", damage_huge, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GError) later = NULL;
        g_autoptr(MtLegacyDecoder) dec = mt_legacy_decoder_new(1, NULL);
        guint8 around[3 * 4096];
        guint8 page[4096];
        guint8 z[8192] = { 0 };
        guint n;

        g_test_message("%s", cases[i].what);
        mt_content_fill(MT_CONTENT_TEXT, 1, 1, page);
        n = deflate_bytes(page, sizeof(page), z, sizeof(z));
        n = cases[i].damage(z, n, sizeof(z));

        memset(around, 0xaa, sizeof(around));
        g_assert_cmpint(mt_legacy_inflate(z, n, around + 4096, &error), ==,
                        cases[i].good);
        g_assert_cmpint(around[4095], ==, 0xaa);
        g_assert_cmpint(around[8192], ==, 0xaa);
        if (cases[i].good)
            g_assert_cmpmem(around + 4096, 4096, page, 4096);
        else
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);

        g_assert_cmpint(
            mt_legacy_decoder_put(dec, z, n, around + 4096, &later) &&
                mt_legacy_decoder_flush(dec, &later),
            ==, cases[i].good);
    }
}

/* The same page is sent repeatedly: the last content remains. */
static void
test_order_is_kept_for_one_page(void)
{
    g_autoptr(MtLegacyDecoder) dec = mt_legacy_decoder_new(4, NULL);
    guint8 target[4096];
    guint8 page[4096];
    guint8 z[MT_LEGACY_MAX];

    for (guint i = 0; i < 500; i++) {
        memset(page, i, sizeof(page));
        g_assert_true(mt_legacy_decoder_put(
            dec, z, deflate_bytes(page, sizeof(page), z, sizeof(z)), target,
            NULL));
    }
    g_assert_true(mt_legacy_decoder_settle(dec, target, NULL));
    g_assert_cmpmem(target, 4096, page, 4096);
    g_assert_true(mt_legacy_decoder_flush(dec, NULL));
}

static void
test_wrong_settings_are_refused(void)
{
    static const struct {
        guint threads;
        int level;
    } cases[] = { { 0, 1 }, { 256, 1 }, { 1, -1 }, { 1, 10 } };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_legacy_encoder_new(cases[i].threads, cases[i].level,
                                            link_emit, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    }
    g_assert_null(mt_legacy_decoder_new(0, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/legacy/pages-come-through", test_pages_come_through);
    g_test_add_func("/legacy/a-failing-link-is-reported",
                    test_a_failing_link_is_reported);
    g_test_add_func("/legacy/damaged-pages-are-refused",
                    test_damaged_pages_are_refused);
    g_test_add_func("/legacy/order-is-kept-for-one-page",
                    test_order_is_kept_for_one_page);
    g_test_add_func("/legacy/wrong-settings-are-refused",
                    test_wrong_settings_are_refused);
    return g_test_run();
}
