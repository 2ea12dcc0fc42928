/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A destination reads streams that are written here: pages in any order and in
 * pieces of any size, ends of a post-copy, damaged mapped-ram files.
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/dest/dest.h"
#include "stream/mapped.h"
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

/* Random records: often the next page, else another page, block or kind. */
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
            named = -1;         /* repeat the name of the block */
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

static gboolean
load(GByteArray *stream, MtRam *ram, GRand *rand, GError **error)
{
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    g_autoptr(MtDest) dest = NULL;
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    MtEngineSettings settings;
    MtCounters counters = { 0 };
    MtPageState pages;
    Writer w;
    GThread *thread;
    gboolean ok;

    mt_engine_settings_init(&settings);
    mt_page_state_init(&pages, ram);
    dest = mt_dest_new(ram, &settings, &pages, &counters, failure);
    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    mt_io_set_timeout_ms(b, 10000);
    w = (Writer) { a, stream, rand };
    thread = g_thread_new("writer", writer_thread, &w);
    ok = mt_dest_load(dest, b, NULL, NULL, error);
    if (ok)
        g_assert_cmpuint(counters.transferred, ==, stream->len);
    mt_io_shutdown(b);
    g_thread_join(thread);
    mt_page_state_clear(&pages);
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

        /* A zero page replaces content from before the migration. */
        if (i % 2)
            mt_content_fill_ram(MT_CONTENT_RANDOM, seed, ram);
        begin_stream(s, N_PAGES);
        for (guint p = 0; i % 2 && p < 2 * N_PAGES; p++) {
            mt_append_be64(s, p % N_PAGES * MT_PAGE_SIZE | MT_RECORD_ZERO);
            mt_append_str8(s, names[p / N_PAGES]);
            mt_append_u8(s, 0);
        }
        add_pages(s, model, rand);
        end_stream(s);
        load(s, ram, rand, &error);
        g_assert_no_error(error);
        if (!mt_ram_equal(model, ram, &where))
            g_error("seed %u: %s", seed, where);
    }
}

/* One page, and then a record that is not the expected next page. */
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
        if (load(s, ram, rand, &error))
            g_error("%s was accepted", cases[i].what);
        g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
        g_assert_nonnull(strstr(error->message, "offset"));
        g_assert_cmpmem(mt_ram_page(ram, 0, NULL), MT_PAGE_SIZE, page,
                        MT_PAGE_SIZE);
        if (cases[i].code == MIGTUNE_ERROR_STREAM)
            g_assert_cmpuint(*mt_ram_page(ram, 1, NULL), ==, 0);
    }
}

static void
run_guest(gpointer data, GBytes *sections)
{
    *(gboolean *)data = TRUE;
}

static void
put_command(GByteArray *s, MtWireCommand command, gconstpointer payload,
            guint16 len)
{
    mt_append_u8(s, MT_SECTION_COMMAND);
    mt_append_be16(s, command);
    mt_append_be16(s, len);
    g_byte_array_append(s, payload, len);
}

/* Discards page @page of the first block. */
static void
put_discard(GByteArray *s, guint64 page)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();

    mt_append_u8(payload, 0);
    mt_append_str8(payload, names[0]);
    mt_append_u8(payload, 0);
    mt_append_be64(payload, page * MT_PAGE_SIZE);
    mt_append_be64(payload, MT_PAGE_SIZE);
    put_command(s, MT_CMD_POSTCOPY_RAM_DISCARD, payload->data, payload->len);
}

static void
put_package(GByteArray *s)
{
    g_autoptr(GByteArray) package = g_byte_array_new();
    guint8 len[4];

    put_command(package, MT_CMD_POSTCOPY_LISTEN, NULL, 0);
    put_command(package, MT_CMD_POSTCOPY_RUN, NULL, 0);
    mt_put_be32(len, package->len);
    put_command(s, MT_CMD_PACKAGED, len, sizeof(len));
    g_byte_array_append(s, package->data, package->len);
}

/* A section with pages @first to @first + @n - 1 of each block. */
static void
put_section(GByteArray *s, guint first, guint n)
{
    guint8 page[MT_PAGE_SIZE];

    memset(page, 0x77, sizeof(page));
    mt_append_u8(s, MT_SECTION_PART);
    mt_append_be32(s, 5);
    for (guint i = 0; i < 2 * n; i++) {
        mt_append_be64(s, (first + i % n) * MT_PAGE_SIZE | MT_RECORD_PAGE);
        mt_append_str8(s, names[i / n]);
        g_byte_array_append(s, page, sizeof(page));
    }
    mt_append_be64(s, MT_RECORD_EOS);
    mt_append_u8(s, MT_SECTION_FOOTER);
    mt_append_be32(s, 5);
}

/* A device section without content. */
static void
put_device(GByteArray *s)
{
    mt_append_u8(s, MT_SECTION_FULL);
    mt_append_be32(s, 9);
    mt_append_str8(s, "timer");
    mt_append_be32(s, 0);
    mt_append_be32(s, 2);
    mt_append_u8(s, MT_SECTION_FOOTER);
    mt_append_be32(s, 9);
}

/*
 * A post-copy is complete only when all pages have arrived.  Each letter of a
 * stream is: a POSTCOPY_ADVISE, all pages (A) or all but the last of each block
 * (B), the last pages (L), a discard of page 1 of the first block (d), page 1 of
 * each block (1), the package (p), a device section (f).  The end follows.
 */
static void
test_postcopy_ends(void)
{
    static const struct {
        const char *stream;
        gboolean runs;          /* the guest was started */
        gboolean ok;
    } cases[] = {
        { "aAp", TRUE, TRUE },
        { "aBpL", TRUE, TRUE },
        { "aAdp1", TRUE, TRUE },
        { "apBL", TRUE, TRUE },
        { "aAdp", TRUE, FALSE },
        { "aBp", TRUE, FALSE },
        { "ap", TRUE, FALSE },
        { "aApf", TRUE, FALSE },
        { "aBpf", TRUE, FALSE },
        { "aBpLf", TRUE, FALSE },
        { "aApp", TRUE, FALSE },
        { "aApd", TRUE, FALSE },
        { "aaAp", FALSE, FALSE },
        { "Ap", FALSE, FALSE },
        { "Ad", FALSE, FALSE },
    };
    enum { PAGES = 8 };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        static const guint8 advise[16] = { [6] = 16, [14] = 16 };
        g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
        g_autoptr(MtRam) ram = make_ram(PAGES);
        g_autoptr(MtGate) gate = mt_gate_new(mt_ram_n_pages(ram));
        g_autoptr(MtDest) dest = NULL;
        g_autoptr(GByteArray) s = g_byte_array_new();
        g_autoptr(GRand) rand = g_rand_new_with_seed(i);
        g_autoptr(MtIo) a = NULL;
        g_autoptr(MtIo) b = NULL;
        g_autoptr(GError) error = NULL;
        MtEngineSettings settings;
        MtCounters counters = { 0 };
        MtPageState pages;
        gboolean runs = FALSE;
        MtDestPostcopy postcopy = { .gate = gate, .run = run_guest,
                                    .data = &runs };
        GThread *thread;
        Writer w;
        gboolean ok;

        begin_stream(s, PAGES);
        mt_append_be64(s, MT_RECORD_EOS);
        mt_append_u8(s, MT_SECTION_FOOTER);
        mt_append_be32(s, 5);
        put_command(s, MT_CMD_OPEN_RETURN_PATH, NULL, 0);
        for (const char *c = cases[i].stream; *c; c++) {
            switch (*c) {
            case 'a':
                put_command(s, MT_CMD_POSTCOPY_ADVISE, advise, 16);
                break;
            case 'A':
                put_section(s, 0, PAGES);
                break;
            case 'B':
                put_section(s, 0, PAGES - 1);
                break;
            case 'L':
                put_section(s, PAGES - 1, 1);
                break;
            case '1':
                put_section(s, 1, 1);
                break;
            case 'd':
                put_discard(s, 1);
                break;
            case 'p':
                put_package(s);
                break;
            case 'f':
            default:
                put_device(s);
            }
        }
        mt_append_u8(s, MT_SECTION_EOF);

        mt_engine_settings_init(&settings);
        settings.postcopy = TRUE;
        mt_page_state_init(&pages, ram);
        dest = mt_dest_new(ram, &settings, &pages, &counters, failure);
        mt_dest_set_postcopy(dest, &postcopy);
        g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
        mt_io_set_timeout_ms(b, 10000);
        w = (Writer) { a, s, rand };
        thread = g_thread_new("writer", writer_thread, &w);
        ok = mt_dest_load(dest, b, NULL, NULL, &error);
        mt_io_shutdown(b);
        g_thread_join(thread);
        if (ok != cases[i].ok || runs != cases[i].runs)
            g_error("%s: %s, the guest was %sstarted", cases[i].stream,
                    ok ? "complete" : error->message, runs ? "" : "not ");
        for (guint64 p = 0; ok && p < 2 * PAGES; p++)
            g_assert_cmpuint(*mt_ram_page(ram, p, NULL), ==, 0x77);
        mt_page_state_clear(&pages);
    }
}

/* A mapped-ram file whose header is hostile is refused at once. */
static void
test_mapped_headers(void)
{
    enum { PAGES = 8, HERE = 8 + 4 + 4 + 4 + 8 + 1 + 1 + 8 };
    static const struct {
        const char *what;
        guint64 total;          /* bytes in the block list */
        guint64 bitmap, pages;
        gboolean ok;
    } cases[] = {
        { "as it should be", PAGES * 4096, 0x1000, 0x2000, TRUE },
        { "pages before the header", G_GUINT64_CONSTANT(1) << 62, 0x1000, 0,
          FALSE },
        { "a block twice", G_GUINT64_CONSTANT(1) << 62, 0x1000, 0x2000,
          FALSE },
        { "a bitmap before the header", PAGES * 4096, 0, 0x2000, FALSE },
        { "a bitmap past the file", PAGES * 4096, 0x100000, 0x2000, FALSE },
        { "a bitmap at the end of the file", PAGES * 4096, 0xfffc, 0x2000,
          FALSE },
        { "pages past the file", PAGES * 4096, 0x1000, 0x100000, FALSE },
        { "pages far past the file", PAGES * 4096, 0x1000,
          G_MAXUINT64 - 0xfff, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
        g_autoptr(MtRam) ram = mt_ram_new();
        MtRamBlockSpec spec = { .name = "a", .length = PAGES * MT_PAGE_SIZE };
        g_autoptr(MtDest) dest = NULL;
        g_autoptr(GByteArray) s = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(MtIo) io = NULL;
        MtMappedHeader header = {
            .version = 1, .page_size = MT_PAGE_SIZE,
            .bitmap_offset = cases[i].bitmap, .pages_offset = cases[i].pages,
        };
        guint8 bytes[MT_MAPPED_HEADER_SIZE];
        MtEngineSettings settings;
        MtCounters counters = { 0 };
        MtPageState pages;
        int fd = memfd_create("mapped", MFD_CLOEXEC);

        g_assert_true(mt_ram_add(ram, &spec, NULL));
        mt_append_be32(s, MT_WIRE_MAGIC);
        mt_append_be32(s, MT_WIRE_VERSION);
        mt_append_u8(s, MT_SECTION_CONFIGURATION);
        mt_append_be32(s, 4);
        g_byte_array_append(s, (const guint8 *)"none", 4);
        mt_append_u8(s, MT_SECTION_SUBSECTION);
        mt_append_str8(s, "configuration/capabilities");
        mt_append_be32(s, 1);
        mt_append_be32(s, 1);
        mt_append_str8(s, "mapped-ram");
        mt_append_u8(s, MT_SECTION_START);
        mt_append_be32(s, 5);
        mt_append_str8(s, "ram");
        mt_append_be32(s, 0);
        mt_append_be32(s, MT_WIRE_RAM_VERSION);
        mt_append_be64(s, cases[i].total | MT_RECORD_MEM_SIZE);
        mt_append_str8(s, "a");
        mt_append_be64(s, PAGES * MT_PAGE_SIZE);
        mt_wire_put_mapped(&header, bytes);
        g_byte_array_append(s, bytes, sizeof(bytes));
        g_assert_cmpint(pwrite(fd, s->data, s->len, 0), ==, s->len);
        if (cases[i].total > PAGES * MT_PAGE_SIZE) {
            /* The same entry again, where the pages would end. */
            g_assert_cmpint(pwrite(fd, s->data + s->len - 38, 38,
                                   cases[i].pages + PAGES * MT_PAGE_SIZE),
                            ==, 38);
        }
        g_byte_array_set_size(s, 0);
        end_stream(s);
        if (cases[i].total == PAGES * MT_PAGE_SIZE)
            g_assert_cmpint(pwrite(fd, s->data, s->len,
                                   0x2000 + PAGES * MT_PAGE_SIZE), ==,
                            s->len);
        g_assert_cmpint(ftruncate(fd, 0x10000), ==, 0);

        mt_engine_settings_init(&settings);
        settings.mapped_ram = TRUE;
        mt_page_state_init(&pages, ram);
        dest = mt_dest_new(ram, &settings, &pages, &counters, failure);
        io = mt_io_new(fd, -1, "file", NULL);
        if (mt_dest_load(dest, io, NULL, NULL, &error) != cases[i].ok)
            g_error("%s: %s", cases[i].what,
                    error ? error->message : "accepted");
        if (!cases[i].ok)
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        mt_page_state_clear(&pages);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dest/any-order", test_any_order);
    g_test_add_func("/dest/surprises", test_surprises);
    g_test_add_func("/dest/postcopy-ends", test_postcopy_ends);
    g_test_add_func("/dest/mapped-headers", test_mapped_headers);
    return g_test_run();
}
