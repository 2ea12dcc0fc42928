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

static gpointer
recall_in_thread(gpointer message)
{
    return migtune_error_recall_field(MIGTUNE_ERROR_BUSY, message,
                                      MIGTUNE_ERROR_FIELD_REASON);
}

/* Asserts that the fields of the last error are recalled, if @code and @message
 * are its own. */
static void
assert_recalled(int code, const char *message, const char *reason)
{
    g_autofree char *text =
        migtune_error_recall_field(code, message, MIGTUNE_ERROR_FIELD_REASON);

    g_assert_cmpstr(text, ==, reason);
}

/* Bindings release an error before the program sees it. */
static void
test_fields_of_a_released_error(void)
{
    g_autoptr(GError) kept = NULL;
    GError *error = NULL;

    migtune_error_set(&error, MIGTUNE_ERROR_BUSY, "web1 is busy");
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_REASON, "monitor-held");
    assert_recalled(MIGTUNE_ERROR_BUSY, "web1 is busy", NULL);
    g_clear_error(&error);
    /* The fields can be recalled several times. */
    assert_recalled(MIGTUNE_ERROR_BUSY, "web1 is busy", "monitor-held");
    assert_recalled(MIGTUNE_ERROR_BUSY, "web1 is busy", "monitor-held");
    assert_recalled(MIGTUNE_ERROR_BUSY, "web2 is busy", NULL);
    assert_recalled(MIGTUNE_ERROR_TIMEOUT, "web1 is busy", NULL);
    g_assert_null(migtune_error_recall_field(MIGTUNE_ERROR_BUSY, "web1 is busy",
                                             MIGTUNE_ERROR_FIELD_RULE));
    g_assert_null(g_thread_join(g_thread_new("other", recall_in_thread,
                                             (gpointer)"web1 is busy")));

    /* Errors without fields do not count, the next one with fields does. */
    migtune_error_set(&error, MIGTUNE_ERROR_IO, "full");
    g_clear_error(&error);
    assert_recalled(MIGTUNE_ERROR_BUSY, "web1 is busy", "monitor-held");
    migtune_error_set(&error, MIGTUNE_ERROR_BUSY, "web1 is busy");
    migtune_error_set_field(error, MIGTUNE_ERROR_FIELD_REASON, "guest-locked");
    kept = g_error_copy(error);
    g_clear_error(&error);
    assert_recalled(MIGTUNE_ERROR_BUSY, "web1 is busy", "guest-locked");
    g_assert_cmpstr(migtune_error_get_field(kept, MIGTUNE_ERROR_FIELD_REASON),
                    ==, "guest-locked");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/fields-survive-a-copy", test_fields_survive_a_copy);
    g_test_add_func("/error/other-domains-have-no-fields",
                    test_other_domains_have_no_fields);
    g_test_add_func("/error/fields-of-a-released-error",
                    test_fields_of_a_released_error);
    g_test_add_func("/error/every-code-has-its-own-name",
                    test_every_code_has_its_own_name);
    return g_test_run();
}
