/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks: finding, bounds, shared files. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/memory/ram.h"
#include "migtune/migtune-error.h"

#define KIB G_GUINT64_CONSTANT(1024)

static void
add(MtRam *ram, const MtRamBlockSpec *spec)
{
    g_autoptr(GError) error = NULL;

    mt_ram_add(ram, spec, &error);
    g_assert_no_error(error);
}

static MtRam *
pc_ram(void)
{
    MtRam *ram = mt_ram_new();

    add(ram, &(MtRamBlockSpec){ .name = "pc.ram", .length = 64 * KIB });
    add(ram, &(MtRamBlockSpec){ .name = "/rom@etc/acpi/tables",
                                .length = 8 * KIB, .max_length = 32 * KIB });
    add(ram, &(MtRamBlockSpec){ .name = "pc.bios", .length = 16 * KIB,
                                .gpa = 0xfffc0000 });
    return ram;
}

static void
test_page_indexes_run_over_all_blocks(void)
{
    static const struct {
        guint64 index;
        const char *block; /* NULL: not in use */
        guint64 offset;
    } cases[] = {
        { 0, "pc.ram", 0 },
        { 15, "pc.ram", 15 * 4096 },
        { 16, "/rom@etc/acpi/tables", 0 },
        { 17, "/rom@etc/acpi/tables", 4096 },
        { 18, NULL, 0 }, /* only used after growing */
        { 23, NULL, 0 },
        { 24, "pc.bios", 0 },
        { 27, "pc.bios", 3 * 4096 },
        { 28, NULL, 0 },
        { G_MAXUINT64, NULL, 0 },
    };
    g_autoptr(MtRam) ram = pc_ram();

    g_assert_cmpuint(mt_ram_n_pages(ram), ==, 28);
    g_assert_cmpuint(mt_ram_bytes(ram), ==, 88 * KIB);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        MtRamBlock *block = NULL;
        guint8 *page = mt_ram_page(ram, cases[i].index, &block);

        if (!cases[i].block) {
            g_assert_null(page);
            continue;
        }
        g_assert_cmpstr(block->name, ==, cases[i].block);
        g_assert_true(page == block->host + cases[i].offset);
        g_assert_true(page == mt_ram_block_page(block, cases[i].offset));
        g_assert_cmpuint(mt_ram_block_index(block, cases[i].offset), ==,
                         cases[i].index);
    }
}

static void
test_lookup_compares_the_whole_name(void)
{
    g_autoptr(MtRam) ram = pc_ram();

    g_assert_nonnull(mt_ram_find(ram, "pc.ram", 6));
    g_assert_nonnull(mt_ram_find(ram, "pc.ramble", 6));
    g_assert_null(mt_ram_find(ram, "pc.ram", 5));
    g_assert_null(mt_ram_find(ram, "pc.ramble", 9));
    g_assert_null(mt_ram_find(ram, "", 0));
    g_assert_null(mt_ram_block(ram, 3));
}

static void
test_pages_outside_a_block_are_refused(void)
{
    g_autoptr(MtRam) ram = pc_ram();
    MtRamBlock *block = mt_ram_block(ram, 0);

    g_assert_nonnull(mt_ram_block_page(block, 60 * KIB));
    g_assert_null(mt_ram_block_page(block, 64 * KIB));
    g_assert_null(mt_ram_block_page(block, 1));
    g_assert_null(mt_ram_block_page(block, G_MAXUINT64 - 4095));
    g_assert_null(mt_ram_block_page(mt_ram_block(ram, 1), 8 * KIB));
}

static void
test_wrong_blocks_are_refused(void)
{
    g_autofree char *long_name = g_strnfill(256, 'x');
    const MtRamBlockSpec specs[] = {
        { .name = "", .length = 4096 },
        { .name = long_name, .length = 4096 },
        { .name = "pc.ram", .length = 4096 }, /* exists */
        { .name = "a", .length = 0 },
        { .name = "a", .length = 4097 },
        { .name = "a", .length = 4096, .page_size = 3000 },
        { .name = "a", .length = 4096, .page_size = 2048 },
        { .name = "a", .length = 4096, .page_size = 8192 },
        { .name = "a", .length = 8192, .max_length = 4096 },
        { .name = "a", .length = G_MAXUINT64 - 4095 },
    };
    g_autoptr(MtRam) ram = pc_ram();

    for (guint i = 0; i < G_N_ELEMENTS(specs); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(mt_ram_add(ram, &specs[i], &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    }
    g_assert_cmpuint(mt_ram_n_blocks(ram), ==, 3);
}

static void
test_resizable_blocks_follow(void)
{
    g_autoptr(MtRam) ram = pc_ram();
    g_autoptr(GError) error = NULL;
    MtRamBlock *rom = mt_ram_block(ram, 1);

    memset(rom->host, 1, 8 * KIB);
    g_assert_true(mt_ram_resize(ram, rom, 32 * KIB, &error));
    g_assert_cmpuint(rom->n_pages, ==, 8);
    g_assert_true(mt_ram_resize(ram, rom, 4 * KIB, &error));
    g_assert_true(mt_ram_resize(ram, rom, 8 * KIB, &error));
    g_assert_cmpint(rom->host[4095], ==, 1);
    g_assert_cmpint(rom->host[4096], ==, 0);

    g_assert_false(mt_ram_resize(ram, rom, 36 * KIB, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
    g_clear_error(&error);
    g_assert_false(mt_ram_resize(ram, mt_ram_block(ram, 0), 4096, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
}

static void
test_a_file_is_shared(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-ram-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "ram", NULL);
    MtRamBlockSpec spec = { .name = "ram", .length = 8192, .path = path };
    g_autoptr(MtRam) one = mt_ram_new();
    g_autoptr(MtRam) two = mt_ram_new();
    g_autoptr(MtRam) three = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *where = NULL;

    add(one, &spec);
    add(two, &spec);
    memset(mt_ram_block(one, 0)->host, 7, 8192);
    g_assert_true(mt_ram_equal(one, two, NULL));

    three = mt_ram_new_simple(8192, &error);
    g_assert_no_error(error);
    memset(mt_ram_block(three, 0)->host, 7, 8191);
    g_assert_false(mt_ram_equal(one, three, &where));
    g_assert_nonnull(strstr(where, "0x1000"));

    spec.name = "other";
    spec.path = "/nowhere/at/all";
    g_assert_false(mt_ram_add(two, &spec, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);

    g_unlink(path);
    g_rmdir(dir);
}

static void
test_hash_is_that_of_the_bytes(void)
{
    g_autoptr(MtRam) ram = mt_ram_new_simple(4096, NULL);
    g_autofree char *zeros = g_malloc0(4096);
    g_autofree char *expected =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (guchar *)zeros, 4096);
    g_autofree char *hash = mt_ram_hash(ram);

    g_assert_cmpstr(hash, ==, expected);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ram/page-indexes-run-over-all-blocks",
                    test_page_indexes_run_over_all_blocks);
    g_test_add_func("/ram/lookup-compares-the-whole-name",
                    test_lookup_compares_the_whole_name);
    g_test_add_func("/ram/pages-outside-a-block-are-refused",
                    test_pages_outside_a_block_are_refused);
    g_test_add_func("/ram/wrong-blocks-are-refused",
                    test_wrong_blocks_are_refused);
    g_test_add_func("/ram/resizable-blocks-follow",
                    test_resizable_blocks_follow);
    g_test_add_func("/ram/a-file-is-shared", test_a_file_is_shared);
    g_test_add_func("/ram/hash-is-that-of-the-bytes",
                    test_hash_is_that_of_the_bytes);
    return g_test_run();
}
