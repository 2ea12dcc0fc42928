/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target with each of its seeds, complete and truncated, also in
 * builds without a fuzzer.
 *
 *     replay-NAME [--tap] DIRECTORY
 */
#include "config.h"

#include <glib.h>

#include "fuzz.h"

/* The number of truncated versions of each seed. */
#define N_CUTS 64

static void
replay_seed(gconstpointer path)
{
    g_autofree char *data = NULL;
    g_autoptr(GError) error = NULL;
    gsize n;

    g_file_get_contents(path, &data, &n, &error);
    g_assert_no_error(error);

    for (guint i = 0; i <= N_CUTS; i++) {
        gsize part = n * i / N_CUTS;
        /* Of the exact size, so that reading past the end is detected. */
        g_autofree char *copy = g_memdup2(data, part);

        LLVMFuzzerTestOneInput((const uint8_t *)copy, part);
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = NULL;
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    g_test_init(&argc, &argv, NULL);
    if (argc != 2) {
        g_printerr("usage: replay-NAME [--tap] DIRECTORY\n");
        return 2;
    }

    dir = g_dir_open(argv[1], 0, &error);
    if (!dir) {
        g_printerr("%s\n", error->message);
        return 2;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *test = g_strdup_printf("/replay/%s", name);

        g_ptr_array_add(paths, g_build_filename(argv[1], name, NULL));
        g_test_add_data_func(test, g_ptr_array_index(paths, paths->len - 1),
                             replay_seed);
    }
    if (paths->len == 0) {
        g_printerr("%s has no seeds\n", argv[1]);
        return 2;
    }
    return g_test_run();
}
