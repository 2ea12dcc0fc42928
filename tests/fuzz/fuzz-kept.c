/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as kept settings: refused with a line, or read; what is read and
 * changed can be written and read again and says the same, and what was not
 * touched has stayed.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "kept/document.h"

static void
check_findings(const MtKept *kept)
{
    const GPtrArray *findings = mt_kept_findings(kept);

    for (guint i = 0; i < findings->len; i++) {
        const MtKeptFinding *finding = g_ptr_array_index(findings, i);

        g_assert_cmpuint(finding->line, >, 0);
        g_assert_true(*finding->message != '\0');
        g_assert_true(g_utf8_validate(finding->message, -1, NULL));
    }
}

static void
check_same(const MtKept *a, const MtKept *b)
{
    g_assert_cmpuint(mt_kept_size(a), ==, mt_kept_size(b));
    g_assert_cmpuint(mt_kept_findings(a)->len, ==, mt_kept_findings(b)->len);
    g_assert_cmpstr(mt_kept_policy(a), ==, mt_kept_policy(b));
    for (guint i = 0; i < mt_kept_size(a); i++) {
        g_assert_cmpstr(mt_kept_nth(a, i)->name, ==, mt_kept_nth(b, i)->name);
        g_assert_cmpstr(mt_kept_nth(a, i)->value, ==,
                        mt_kept_nth(b, i)->value);
    }
}

/* Writes and reads again. */
static void
check_forms(const MtKept *kept)
{
    g_autofree char *file = mt_kept_to_file(kept);
    g_autofree char *element = mt_kept_to_element(kept);
    const char *const texts[] = { file, element };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtKept) again = NULL;

        g_assert_nonnull(texts[i]);
        if (strlen(texts[i]) > MT_KEPT_MAX_BYTES)
            continue;
        again = mt_kept_parse(texts[i], strlen(texts[i]), "again", &error);
        g_assert_no_error(error);
        check_same(kept, again);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MtKept) kept =
        mt_kept_parse((const char *)data, size, "there", &error);
    guint n;

    if (!kept) {
        g_assert_nonnull(error);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }

    check_findings(kept);
    check_forms(kept);
    if (!mt_kept_check(kept, NULL))
        return 0;

    n = mt_kept_size(kept);
    if (mt_kept_find(kept, "fuzz.new"))
        return 0;
    g_assert_true(mt_kept_put(kept, "fuzz.new", "<1>", NULL));
    g_assert_cmpuint(mt_kept_size(kept), ==, n + 1);
    g_assert_true(mt_kept_check(kept, NULL));
    check_forms(kept);
    g_assert_true(mt_kept_remove(kept, "fuzz.new"));
    g_assert_cmpuint(mt_kept_size(kept), ==, n);
    check_forms(kept);

    return 0;
}
