/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the report of the inspector.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "inspect/report.h"
#include "migtune/migtune-inspect.h"

gint64
get_int(JsonObject *object, const char *path)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);
    guint n = g_strv_length(steps);

    for (guint i = 0; i + 1 < n; i++)
        object = json_object_get_object_member(object, steps[i]);
    g_assert_true(json_object_has_member(object, steps[n - 1]));
    return json_object_get_int_member(object, steps[n - 1]);
}

guint
count_elements(JsonObject *object, const char *array, const char *member,
               const char *value)
{
    JsonArray *elements = json_object_get_array_member(object, array);
    guint n = 0;

    for (guint i = 0; i < json_array_get_length(elements); i++) {
        JsonObject *element = json_array_get_object_element(elements, i);

        n += g_strcmp0(json_object_get_string_member(element, member),
                       value) == 0;
    }

    return n;
}

gboolean
has_problem(JsonObject *report, const char *id)
{
    return count_elements(report, "problems", "id", id) > 0;
}

char *
write_file(gconstpointer bytes, gsize len)
{
    char *path = NULL;
    GError *error = NULL;
    int fd = g_file_open_tmp("inspect-XXXXXX", &path, &error);

    g_assert_no_error(error);
    g_assert_cmpint(write(fd, bytes, len), ==, len);
    close(fd);
    return path;
}

JsonNode *
report_of(const char *path)
{
    const char *words[] = { path, NULL };
    GError *error = NULL;
    g_autoptr(MigtuneInspection) inspection = migtune_inspect(words, NULL,
                                                              &error);

    g_assert_no_error(error);
    return migtune_inspection_to_json(inspection, 0);
}
