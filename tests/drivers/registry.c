/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The registry finds valid drivers, reports what is wrong with others, and
 * loads no more modules than necessary. */
#include "config.h"

#include <string.h>

#include "core/registry.h"

static void
test_refusals(void)
{
    static const struct {
        const char *uri;
        MigtuneErrorCode code;
        const char *why;
        const char *file;
    } cases[] = {
        { "api:///", MIGTUNE_ERROR_DRIVER, "version 99", "api.so" },
        { "tiny:///", MIGTUNE_ERROR_DRIVER, "too small", "tiny.so" },
        { "noexecute:///", MIGTUNE_ERROR_DRIVER, "lacks", "noexecute.so" },
        { "nosymbol:///", MIGTUNE_ERROR_DRIVER, "does not export",
          "nosymbol.so" },
        { "garbage:///", MIGTUNE_ERROR_DRIVER, "cannot load", "garbage.so" },
        { "absent:///", MIGTUNE_ERROR_DRIVER, "there is no driver", NULL },
        { "/run/guests", MIGTUNE_ERROR_INVALID_ARGUMENT, "not a URI", NULL },
        { "", MIGTUNE_ERROR_INVALID_ARGUMENT, "not a URI", NULL },
        { "../old:///", MIGTUNE_ERROR_INVALID_ARGUMENT, "not a URI", NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_registry_find(cases[i].uri, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, MIGTUNE_ERROR, (gint)cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].why));
        if (cases[i].file)
            g_assert_nonnull(strstr(error->message, cases[i].file));
    }
}

static void
test_old_and_new_modules_work(void)
{
    g_autoptr(GError) error = NULL;
    const MigtuneDriver *old = mt_registry_find("old:///", &error);
    const MigtuneDriver *new;
    const MigtuneDriver *other;

    g_assert_no_error(error);
    g_assert_nonnull(old->execute);
    /* The member lies beyond the size of the module's struct. */
    g_assert_cmpuint(old->features, ==, 0);
    g_assert_null(old->reconnect);
    g_assert_true(mt_registry_find("old:///x", NULL) == old);
    g_assert_true(mt_registry_find("OLD:///x", NULL) == old);

    new = mt_registry_find("new+tcp://x", &error);
    g_assert_no_error(error);
    g_assert_nonnull(new->reconnect);

    /* The file of the module has another name. */
    other = mt_registry_find("elsewhere:///", &error);
    g_assert_no_error(error);
    g_assert_nonnull(other);
}

static void
test_all_are_described(void)
{
    g_autoptr(JsonNode) node = mt_registry_describe();
    JsonArray *array = json_node_get_array(node);
    guint n_good = 0;
    guint n_bad = 0;

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *entry = json_array_get_object_element(array, i);
        gboolean bad = json_object_has_member(entry, "error");
        guint n_schemes = json_array_get_length(
            json_object_get_array_member(entry, "schemes"));

        g_assert_cmpint(n_schemes == 0, ==, bad);
        g_assert_nonnull(json_object_get_string_member(entry, "name"));
        g_assert_nonnull(json_object_get_string_member(entry, "file"));
        if (bad)
            n_bad++;
        else
            n_good++;
    }
    g_assert_cmpuint(n_good, >=, 3);
    g_assert_cmpuint(n_bad, >=, 5);
}

int
main(int argc, char **argv)
{
    g_autofree char *directory = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "tests", "drivers", "modules", NULL);
    g_autofree char *garbage = g_build_filename(directory, "garbage.so",
                                                NULL);
    g_autofree char *path = g_strconcat("/nonexistent::", directory, NULL);

    g_test_init(&argc, &argv, NULL);
    g_assert_true(g_file_set_contents(garbage, "not a module", -1, NULL));
    g_setenv("MIGTUNE_DRIVER_PATH", path, TRUE);
    g_test_add_func("/registry/refusals", test_refusals);
    g_test_add_func("/registry/old-and-new-modules-work",
                    test_old_and_new_modules_work);
    g_test_add_func("/registry/all-are-described", test_all_are_described);
    return g_test_run();
}
