/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors carry their fields through copies, and every code has a name. */
#include "config.h"

#include "migtune/migtune-error.h"

static void
test_fields_survive_a_copy(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) copy = NULL;

    migtune_error_set(&error, MIGTUNE_ERROR_INVALID_VALUE, "level %d", 12);
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_PARAMETER, "a");
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_PARAMETER, "b");
    copy = g_error_copy(error);
    g_clear_error(&error);

    g_assert_error(copy, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    g_assert_cmpstr(copy->message, ==, "level 12");
    g_assert_cmpstr(
        migtune_error_get_field(copy, MIGTUNE_ERROR_FIELD_PARAMETER), ==, "b");
    g_assert_null(
        migtune_error_get_field(copy, MIGTUNE_ERROR_FIELD_COMMAND));
}

static void
test_other_domains_have_no_fields(void)
{
    g_autoptr(GError) error = g_error_new(G_FILE_ERROR, 1, "x");

    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_RULE, "r");
    g_assert_null(migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_RULE));
    g_assert_null(migtune_error_get_field(NULL, MIGTUNE_ERROR_FIELD_RULE));
    migtune_error_set(NULL, MIGTUNE_ERROR_IO, "nothing listens");
}

static void
test_every_code_has_its_own_name(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (int code = 0; code <= MIGTUNE_ERROR_NOT_RUNNING; code++) {
        const char *name = migtune_error_code_to_string(code);

        g_assert_nonnull(name);
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
    }
    g_assert_cmpstr(migtune_error_code_to_string(-1), ==, "internal");
    g_assert_cmpstr(migtune_error_code_to_string(10000), ==, "internal");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/fields-survive-a-copy", test_fields_survive_a_copy);
    g_test_add_func("/error/other-domains-have-no-fields",
                    test_other_domains_have_no_fields);
    g_test_add_func("/error/every-code-has-its-own-name",
                    test_every_code_has_its_own_name);
    return g_test_run();
}
