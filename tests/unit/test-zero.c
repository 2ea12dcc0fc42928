/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One byte anywhere in a page is found, in every vector width. */
#include "config.h"

#include <string.h>

#include "engine/memory/zero.h"

#define PAGE 4096

static void
test_every_byte_counts(gconstpointer data)
{
    MtIsa isa = GPOINTER_TO_UINT(data);
    g_autofree guint8 *buffer = g_malloc0(PAGE + 64);
    MtZeroFunc is_zero;

    if (!mt_isa_supported(isa)) {
        g_test_skip("this machine has no such instructions");
        return;
    }

    is_zero = mt_zero_func(isa);
    for (guint shift = 0; shift < 2; shift++) {
        guint8 *page = buffer + shift * 3; /* alignment must not matter */

        g_assert_true(is_zero(page, PAGE));
        for (guint at = 0; at < PAGE; at++) {
            page[at] = at % 2 ? 1 : 0x80;
            g_assert_false(is_zero(page, PAGE));
            page[at] = 0;
        }
        page[PAGE] = 1;
        g_assert_true(is_zero(page, PAGE));
        page[PAGE] = 0;
    }
}

static void
test_the_best_is_chosen(void)
{
    g_autofree guint8 *page = g_malloc0(PAGE);

    g_assert_true(mt_isa_supported(mt_isa_best()));
    for (MtIsa isa = mt_isa_best() + 1; isa < MT_ISA_N; isa++)
        g_assert_false(mt_isa_supported(isa));
    g_assert_true(mt_zero_page(page));
    page[PAGE - 1] = 1;
    g_assert_false(mt_zero_page(page));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint isa = 0; isa < MT_ISA_N; isa++) {
        g_autofree char *path =
            g_strdup_printf("/zero/every-byte-counts/%s", mt_isa_name(isa));

        g_test_add_data_func(path, GUINT_TO_POINTER(isa),
                             test_every_byte_counts);
    }
    g_test_add_func("/zero/the-best-is-chosen", test_the_best_is_chosen);
    return g_test_run();
}
