/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the command prints: tables aligned by display width, JSON, errors.
 *
 * Results go to standard output, everything else to standard error.  Texts
 * that come from a guest are printed with control characters escaped, so that
 * a guest's name cannot drive the terminal.
 */

#include <glib.h>
#include <json-glib/json-glib.h>

typedef enum {
    OUT_PLAIN,
    OUT_TITLE,
    OUT_GOOD,
    OUT_FAIR,
    OUT_BAD,
    OUT_FAINT,
    OUT_N_STYLES
} OutStyle;

/* Whether standard output is a terminal that shows colours and whose user
 * has not asked for none (NO_COLOR). */
gboolean out_wants_colour(void);

typedef struct _OutTable OutTable;

/* A table with the translated @titles, NULL-terminated. */
OutTable *out_table_new(const char *const *titles);
void out_table_free(OutTable *table);

/* The next cell of the row that is being filled; NULL is an empty cell. */
void out_table_cell(OutTable *table, OutStyle style, const char *text);

/* Prints the table to standard output; @titled: with its head line. */
void out_table_print(OutTable *table, gboolean titled, gboolean colour);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OutTable, out_table_free)

/* A line to standard output, its control characters escaped. */
void out_line(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* A text of our own to standard output, as it is. */
void out_text(const char *text);

/* A JSON document to standard output, indented. */
void out_json(JsonNode *node);

/* A message to standard error, after the name of the program. */
void out_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* @error as the member "error" of an object that programs read. */
JsonNode *out_error_to_json(const GError *error);

/* @text with control characters and invalid UTF-8 made visible. */
char *out_escape(const char *text);

/* How many columns of a terminal @text takes. */
guint out_width(const char *text);

/* Reading the documents that the library returns: members that are not there
 * or of another type are NULL, FALSE or empty. */
const char *out_get_string(JsonObject *object, const char *name);
gboolean out_get_bool(JsonObject *object, const char *name);
JsonArray *out_get_array(JsonObject *object, const char *name);

/* Any JSON value as a person reads it; NULL and null are an empty text. */
char *out_value_to_text(JsonNode *node);

/* An array of texts, joined with @separator. */
char *out_join(JsonArray *array, const char *separator);
