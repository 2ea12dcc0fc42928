/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Texts of GLib's errors have plain quotes and name no file.
 */
#include "config.h"

#include <string.h>

#include <glib.h>

#include "util/foreign.h"

static void
test_texts(void)
{
    static const struct {
        gboolean file;
        const char *message;
        const char *expected;
    } cases[] = {
        { FALSE, "Port \342\200\23099999\342\200\231 is out of range",
          "Port '99999' is out of range" },
        { FALSE, "line \342\200\234a: b\342\200\235, \342\200\236c\342\200\234",
          "line 'a: b', 'c'" },
        { FALSE, "bytes \377", "bytes \357\277\275" },
        { FALSE, "", "" },
        { TRUE, "Failed to open file \342\200\234x\342\200\235: open() failed: "
                "No such file or directory", "No such file or directory" },
        { TRUE, "Could not read \342\200\234x\342\200\235",
          "Could not read 'x'" },
        { TRUE, "ends with: ", "ends with: " },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = g_error_new_literal(
            cases[i].file ? G_FILE_ERROR : G_KEY_FILE_ERROR, 0,
            cases[i].message);
        g_autofree char *text = mt_foreign_text(error);

        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

/* GLib itself, whose texts may change. */
static void
test_glib(void)
{
    g_autoptr(GError) file = NULL;
    g_autoptr(GError) uri = NULL;
    g_autofree char *file_text = NULL;
    g_autofree char *uri_text = NULL;
    g_autofree char *content = NULL;

    g_assert_false(g_file_get_contents("/nowhere/x", &content, NULL, &file));
    file_text = mt_foreign_text(file);
    g_assert_cmpstr(file_text, ==, "No such file or directory");

    g_assert_null(g_uri_parse("qmp+tcp://a:99999", G_URI_FLAGS_NONE, &uri));
    uri_text = mt_foreign_text(uri);
    g_assert_true(g_str_is_ascii(uri_text));
    g_assert_nonnull(strstr(uri_text, "'99999'"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/foreign/texts", test_texts);
    g_test_add_func("/foreign/glib", test_glib);

    return g_test_run();
}
