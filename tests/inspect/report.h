/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads the report of the inspector.
 */

#include <json-glib/json-glib.h>

/* Reads the member at the end of @path, whose parts are separated by
 * slashes. */
gint64 get_int(JsonObject *object, const char *path);

/* The number of elements of @array whose @member is equal to @value. */
guint count_elements(JsonObject *object, const char *array, const char *member,
                     const char *value);

gboolean has_problem(JsonObject *report, const char *id);

/* Writes @bytes to a temporary file, which the caller removes. */
char *write_file(gconstpointer bytes, gsize len);

JsonNode *report_of(const char *path);
