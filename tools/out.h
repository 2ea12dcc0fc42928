/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Output of the command: tables aligned by display width, JSON and errors.
 *
 * Results go to standard output, everything else to standard error. Control
 * characters in texts from a guest are escaped, so that the name of a guest
 * cannot send commands to the terminal. All texts passed to these functions
 * are UTF-8.
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

/* Returns whether standard output is a terminal with colours and NO_COLOR is
 * not set. */
gboolean out_wants_colour(void);

typedef struct _OutTable OutTable;

/* Creates a table with translated @titles, NULL-terminated. */
OutTable *out_table_new(const char *const *titles);
void out_table_free(OutTable *table);

/* Adds the next cell of the current row. NULL is an empty cell. */
void out_table_cell(OutTable *table, OutStyle style, const char *text);

/* Keeps the columns that @wanted, a list with commas, names, in this order.
 * @names: one word for each column of the table. */
gboolean out_table_choose(OutTable *table, const char *const *names,
                          const char *wanted, GError **error);

/* Prints the table to standard output; @titled prints the headings as well.
 * On a terminal the last column is wrapped; if the terminal is too narrow for
 * the other columns, each row is printed as a list. */
void out_table_print(OutTable *table, gboolean titled, gboolean colour);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(OutTable, out_table_free)

/* Prints a line to standard output with control characters escaped. */
void out_line(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Prints a text without untrusted parts to standard output, unescaped. */
void out_text(const char *text);

/* The same with a format. */
void out_print(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Prints a text of the progress display to standard error, unescaped. */
void out_progress(const char *text);

/* Returns the width of the terminal @fd; 0 if it is not a terminal. */
guint out_get_columns(int fd);

/* Prints a JSON document to standard output: indented, in UTF-8. */
void out_json(JsonNode *node);

/* The same in one line. */
void out_json_line(JsonNode *node);

/* Prints a message to standard error, prefixed with the program name. */
void out_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* Returns the message of an error of GLib for use at the end of a message, with
 * plain quotes; of an error about a file only the system's text. */
char *out_foreign_text(const GError *error);

/* Returns @error as the member "error" of a JSON document. */
JsonNode *out_error_to_json(const GError *error);

/* Returns @text with control characters and invalid UTF-8 escaped. */
char *out_escape(const char *text);

/* Returns the width of @text in terminal columns. */
guint out_width(const char *text);

/* Read members of the library's documents. Members that are missing or of
 * another type are NULL, FALSE or empty. */
const char *out_get_string(JsonObject *object, const char *name);
gboolean out_get_bool(JsonObject *object, const char *name);
JsonArray *out_get_array(JsonObject *object, const char *name);

/* Formats any JSON value for a table. NULL and null are an empty text. */
char *out_value_to_text(JsonNode *node);

/* Joins the elements of an array with @separator. */
char *out_join(JsonArray *array, const char *separator);
