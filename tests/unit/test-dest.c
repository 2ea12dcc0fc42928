/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pages in any order, in pieces of any size: RAM is what the last record for
 * each page made of it, and a page for which none came is as it was.
 */
#include "config.h"

#include <string.h>

#include "engine/dest/dest.h"
#include "stream/wire.h"
#include "engine/memory/workload.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

#define N_PAGES 96

static const char *const names[] = { "a", "some/block" };

typedef struct {
    MtIo *io;
    GByteArray *stream;
    GRand *rand;
} Writer;

static gpointer
writer_thread(gpointer data)
{
    Writer *w = data;
    gsize most = 1 << g_rand_int_range(w->rand, 6, 17);

    for (gsize at = 0; at < w->stream->len;) {
        gsize n = MIN(g_rand_int_range(w->rand, 1, most + 1),
                      w->stream->len - at);

        if (!mt_io_write(w->io, w->stream->data + at, n, NULL))
            break;
        at += n;
    }
    mt_io_shutdown_write(w->io);
    return NULL;
}

static MtRam *
make_ram(guint n_pages)
{
    MtRam *ram = mt_ram_new();

    for (guint i = 0; i < 2; i++) {
        MtRamBlockSpec spec = { .name = names[i],
                                .length = n_pages * MT_PAGE_SIZE };
        GError *error = NULL;

        mt_ram_add(ram, &spec, &error);
        g_assert_no_error(error);
    }
    return ram;
}

static void
begin_stream(GByteArray *s, guint n_pages)
{
    mt_append_be32(s, MT_WIRE_MAGIC);
    mt_append_be32(s, MT_WIRE_VERSION);
    mt_append_u8(s, MT_SECTION_START);
    mt_append_be32(s, 5);
    mt_append_str8(s, "ram");
    mt_append_be32(s, 0);
    mt_append_be32(s, MT_WIRE_RAM_VERSION);
    mt_append_be64(s, 2 * n_pages * MT_PAGE_SIZE | MT_RECORD_MEM_SIZE);
    for (guint i = 0; i < 2; i++) {
        mt_append_str8(s, names[i]);
        mt_append_be64(s, n_pages * MT_PAGE_SIZE);
    }
}

static void
end_stream(GByteArray *s)
{
    mt_append_be64(s, MT_RECORD_EOS);
    mt_append_u8(s, MT_SECTION_FOOTER);
    mt_append_be32(s, 5);
    mt_append_u8(s, MT_SECTION_EOF);
}

/* Runs of pages, upwards mostly, between which everything may happen. */
static void
add_pages(GByteArray *s, MtRam *model, GRand *rand)
{
    guint page = 0, block = 0;
    int named = -1;

    for (guint i = 0; i < 300; i++) {
        guint32 record = MT_RECORD_PAGE;
        guint8 *at;

        switch (g_rand_int_range(rand, 0, 12)) {
        case 0:
            page = g_rand_int_range(rand, 0, N_PAGES);
            break;
        case 1:
            block ^= 1;
            break;
        case 2:
            record = MT_RECORD_ZERO;
            break;
        case 3:
            page += 2;
            break;
        case 4:
            named = -1;         /* the name again, though it is the same */
            break;
        default:
            page++;
        }
        page %= N_PAGES;
        at = mt_ram_block(model, block)->host + page * MT_PAGE_SIZE;
        if (record == MT_RECORD_ZERO)
            memset(at, 0, MT_PAGE_SIZE);
        else
            mt_content_fill(MT_CONTENT_RANDOM, i, page, at);

        mt_append_be64(s, (guint64)page * MT_PAGE_SIZE | record |
                       (named == (int)block ? MT_RECORD_CONTINUE : 0));
        if (named != (int)block)
            mt_append_str8(s, names[block]);
        named = block;
        if (record == MT_RECORD_ZERO)
            mt_append_u8(s, 0);
        else
            g_byte_array_append(s, at, MT_PAGE_SIZE);
    }
}

/* @ret_copied may be NULL. */
static gboolean
load(GByteArray *stream, MtRam *ram, GRand *rand, guint64 *ret_copied,
     GError **error)
{
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    g_autoptr(MtDest) dest = NULL;
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    MtEngineSettings settings;
    MtCounters counters = { 0 };
    Writer w;
    GThread *thread;
    gboolean ok;

    mt_engine_settings_init(&settings);
    dest = mt_dest_new(ram, &settings, &counters, failure);
    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    mt_io_set_timeout_ms(b, 10000);
    w = (Writer) { a, stream, rand };
    thread = g_thread_new("writer", writer_thread, &w);
    ok = mt_dest_load(dest, b, NULL, NULL, error);
    if (ok)
        g_assert_cmpuint(counters.transferred, ==, stream->len);
    mt_io_shutdown(b);
    g_thread_join(thread);
    if (ret_copied)
        *ret_copied = mt_dest_get_copied_pages(dest);
    return ok;
}

static void
test_any_order(void)
{
    for (guint i = 0; i < 50; i++) {
        guint32 seed = g_test_rand_int();
        g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
        g_autoptr(MtRam) model = make_ram(N_PAGES);
        g_autoptr(MtRam) ram = make_ram(N_PAGES);
        g_autoptr(GByteArray) s = g_byte_array_new();
        g_autofree char *where = NULL;
        GError *error = NULL;

        begin_stream(s, N_PAGES);
        add_pages(s, model, rand);
        end_stream(s);
        load(s, ram, rand, NULL, &error);
        g_assert_no_error(error);
        if (!mt_ram_equal(model, ram, &where))
            g_error("seed %u: %s", seed, where);
    }
}

/* One page, and what may stand behind it where another one was expected. */
static void
test_surprises(void)
{
    static const struct {
        const char *what;
        guint64 record;
        int code;
    } cases[] = {
        { "past the block", 200 * 4096 | 0x28, MIGTUNE_ERROR_STREAM },
        { "two kinds at once", 0x1000 | 0x2a, MIGTUNE_ERROR_STREAM },
        { "nothing known", 0x1000 | 0x21, MIGTUNE_ERROR_STREAM },
        { "hook", 0x80, MIGTUNE_ERROR_STREAM },
        { "another block list", 0x1000 | 4, MIGTUNE_ERROR_STREAM },
        { "the page, but not whole", 0x1000 | 0x28,
          MIGTUNE_ERROR_DISCONNECTED },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(i);
        g_autoptr(MtRam) ram = make_ram(N_PAGES);
        g_autoptr(GByteArray) s = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        guint8 page[MT_PAGE_SIZE];

        memset(page, 0x77, sizeof(page));
        begin_stream(s, N_PAGES);
        mt_append_be64(s, MT_RECORD_PAGE);
        mt_append_str8(s, names[0]);
        g_byte_array_append(s, page, sizeof(page));
        mt_append_be64(s, cases[i].record);
        g_byte_array_append(s, page, sizeof(page) - 1);
        if (load(s, ram, rand, NULL, &error))
            g_error("%s was accepted", cases[i].what);
        g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
        g_assert_nonnull(strstr(error->message, "offset"));
        g_assert_cmpmem(mt_ram_page(ram, 0, NULL), MT_PAGE_SIZE, page,
                        MT_PAGE_SIZE);
        if (cases[i].code == MIGTUNE_ERROR_STREAM)
            g_assert_cmpuint(*mt_ram_page(ram, 1, NULL), ==, 0);
    }
}

/*
 * Pages are read to where they belong: all of them in a guest that is full,
 * nearly all where runs of pages are as long as they mostly are, and most
 * however they come.
 */
static void
test_few_copies(void)
{
    enum { MANY = 2048 };
    static const struct {
        const char *what;
        guint run, gap;         /* pages; how many of these are left out */
        gboolean zero;          /* or zero */
        guint most;             /* that may be copied, in a thousand */
    } cases[] = {
        { "full", 1, 0, FALSE, 0 },
        { "runs of 16, nothing between", 16, 16, FALSE, 0 },
        { "runs of 16, zeros between", 16, 16, TRUE, 0 },
        { "runs of 48, zeros between", 48, 1024, TRUE, 0 },
        { "runs of 9", 9, 7, TRUE, 63 },
        { "runs of 3", 3, 1, FALSE, 63 },
        { "every other page", 1, 1, TRUE, 63 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(i);
        g_autoptr(MtRam) model = make_ram(MANY);
        g_autoptr(MtRam) ram = make_ram(MANY);
        g_autoptr(GByteArray) s = g_byte_array_new();
        guint64 copied = 0;
        guint sent = 0;
        GError *error = NULL;

        begin_stream(s, MANY);
        for (guint64 p = 0; p < 2 * MANY; p++) {
            guint8 *page = mt_ram_page(model, p, NULL);
            gboolean first = p % MANY == 0;
            gboolean gap =
                p % (cases[i].run + cases[i].gap) >= cases[i].run;

            if (gap && !cases[i].zero)
                continue;
            mt_append_be64(s, p % MANY * MT_PAGE_SIZE |
                           (gap ? MT_RECORD_ZERO : MT_RECORD_PAGE) |
                           (first ? 0 : MT_RECORD_CONTINUE));
            if (first)
                mt_append_str8(s, names[p / MANY]);
            if (gap) {
                mt_append_u8(s, 0);
                continue;
            }
            mt_content_fill(MT_CONTENT_RANDOM, i, p, page);
            g_byte_array_append(s, page, MT_PAGE_SIZE);
            sent++;
        }
        end_stream(s);
        load(s, ram, rand, &copied, &error);
        g_assert_no_error(error);
        g_assert_true(mt_ram_equal(model, ram, NULL));
        g_test_message("%s: %u of %u pages copied", cases[i].what,
                       (guint)copied, sent);
        /* The first wrong guesses were not earned. */
        if (copied > sent * cases[i].most / 1000 + (cases[i].most ? 12 : 0))
            g_error("%s: %u of %u pages copied", cases[i].what,
                    (guint)copied, sent);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dest/any-order", test_any_order);
    g_test_add_func("/dest/surprises", test_surprises);
    g_test_add_func("/dest/few-copies", test_few_copies);
    return g_test_run();
}
