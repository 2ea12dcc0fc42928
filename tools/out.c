/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables, JSON and messages; see out.h.
 *
 * Column widths are computed when a table is printed. They are counted in
 * terminal columns, not in bytes or characters, so that translated titles and
 * wide characters are aligned.
 *
 * Texts are UTF-8 inside the program. They are converted to the character set
 * of the locale when they are written, except JSON, which is always UTF-8.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <glib/gi18n.h>
#include <migtune/migtune.h>

#include "out.h"

#define OUT_GAP 2
/* The last column is wrapped only if this much is left for it. */
#define OUT_WRAP_MIN 16

typedef struct {
    char *text;
    guint width;
    OutStyle style;
} OutCell;

struct _OutTable {
    guint n_columns;
    GArray *cells;      /* of OutCell, row by row, the titles first */
};

/*
 * Writes UTF-8 @text in the character set of the locale.
 *
 * In an ASCII locale, such as C, the bytes are written unchanged: scripts run
 * in it, and a name must not lose characters on its way through a pipe.
 */
static void
out_write(FILE *file, const char *text)
{
    g_autofree char *translit = NULL;
    g_autofree char *converted = NULL;
    const char *charset;

    if (g_get_charset(&charset) || g_str_is_ascii(text) ||
        strcmp(charset, "ANSI_X3.4-1968") == 0 ||
        strcmp(charset, "US-ASCII") == 0) {
        fputs(text, file);
        return;
    }

    translit = g_strconcat(charset, "//TRANSLIT", NULL);
    converted = g_convert(text, -1, translit, "UTF-8", NULL, NULL, NULL);
    if (!converted)
        converted = g_convert_with_fallback(text, -1, charset, "UTF-8", NULL,
                                            NULL, NULL, NULL);
    fputs(converted ? converted : text, file);
}

static const char *const out_colours[OUT_N_STYLES] = {
    [OUT_PLAIN] = "",
    [OUT_TITLE] = "\033[1m",
    [OUT_GOOD] = "\033[32m",
    [OUT_FAIR] = "\033[33m",
    [OUT_BAD] = "\033[31m",
    [OUT_FAINT] = "\033[2m",
};

gboolean
out_wants_colour(void)
{
    const char *none = g_getenv("NO_COLOR");
    const char *term = g_getenv("TERM");

    if (none && *none)
        return FALSE;

    return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

char *
out_escape(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text ? text : "", -1);
    GString *result = g_string_sized_new(strlen(valid));

    for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        GUnicodeType type = g_unichar_type(c);

        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            g_string_append_printf(result, "\\x%02x", (guint)c);
        else if (type == G_UNICODE_FORMAT ||
                 type == G_UNICODE_LINE_SEPARATOR ||
                 type == G_UNICODE_PARAGRAPH_SEPARATOR)
            g_string_append_printf(result, "\\u%04x", (guint)c);
        else
            g_string_append_unichar(result, c);
    }

    return g_string_free(result, FALSE);
}

guint
out_width(const char *text)
{
    guint width = 0;

    if (!g_utf8_validate(text, -1, NULL))
        return strlen(text);

    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (!g_unichar_iszerowidth(c))
            width += g_unichar_iswide(c) ? 2 : 1;
    }

    return width;
}

static void
out_cell_clear(gpointer data)
{
    OutCell *cell = data;

    g_free(cell->text);
}

OutTable *
out_table_new(const char *const *titles)
{
    OutTable *table = g_new0(OutTable, 1);

    table->cells = g_array_new(FALSE, FALSE, sizeof(OutCell));
    g_array_set_clear_func(table->cells, out_cell_clear);
    table->n_columns = g_strv_length((char **)titles);
    for (guint i = 0; i < table->n_columns; i++)
        out_table_cell(table, OUT_TITLE, titles[i]);

    return table;
}

void
out_table_free(OutTable *table)
{
    if (!table)
        return;

    g_array_unref(table->cells);
    g_free(table);
}

void
out_table_cell(OutTable *table, OutStyle style, const char *text)
{
    OutCell cell = { .text = out_escape(text), .style = style };

    cell.width = out_width(cell.text);
    g_array_append_val(table->cells, cell);
}

/* Returns the column @name, or -1 with an error. */
static int
out_table_find(const char *const *names, const char *name, GError **error)
{
    g_autofree char *all = g_strjoinv(", ", (char **)(gpointer)names);

    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("unknown column '%s'; the columns are %s"), name, all);
    return -1;
}

gboolean
out_table_choose(OutTable *table, const char *const *names,
                 const char *wanted, GError **error)
{
    /* An empty list is one empty, and unknown, name. */
    g_auto(GStrv) words = g_strsplit(*wanted ? wanted : ",", ",", -1);
    guint n = g_strv_length(words);
    g_autoptr(GArray) chosen = g_array_new(FALSE, FALSE, sizeof(OutCell));
    g_autofree int *columns = g_new(int, n + 1);

    g_assert(g_strv_length((char **)(gpointer)names) == table->n_columns);
    for (guint i = 0; i < n; i++) {
        columns[i] = out_table_find(names, words[i], error);
        if (columns[i] < 0)
            return FALSE;
    }

    g_array_set_clear_func(chosen, out_cell_clear);
    for (guint i = 0; i < table->cells->len; i += table->n_columns) {
        for (guint j = 0; j < n; j++) {
            OutCell cell = g_array_index(table->cells, OutCell, i + columns[j]);

            cell.text = g_strdup(cell.text);
            g_array_append_val(chosen, cell);
        }
    }
    g_array_unref(table->cells);
    table->cells = g_steal_pointer(&chosen);
    table->n_columns = n;

    return TRUE;
}

guint
out_get_columns(int fd)
{
    struct winsize size;

    if (!isatty(fd))
        return 0;
    if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return 80;

    return size.ws_col;
}

static void
out_append_cell(GString *line, const OutCell *cell, const char *text,
                gboolean colour)
{
    const char *code = colour ? out_colours[cell->style] : "";

    g_string_append_printf(line, "%s%s%s", code, text,
                           *code ? "\033[0m" : "");
}

/* Appends @text wrapped at spaces to @width columns; the lines after the first
 * one begin at column @indent. */
static void
out_append_wrapped(GString *line, const OutCell *cell, guint indent,
                   guint width, gboolean colour)
{
    g_auto(GStrv) words = g_strsplit(cell->text, " ", -1);
    g_autoptr(GString) part = g_string_new(NULL);

    for (guint i = 0; words[i]; i++) {
        if (part->len > 0 &&
            out_width(part->str) + 1 + out_width(words[i]) > width) {
            out_append_cell(line, cell, part->str, colour);
            g_string_append_printf(line, "\n%*s", (int)indent, "");
            g_string_truncate(part, 0);
        }
        g_string_append_printf(part, "%s%s", part->len ? " " : "", words[i]);
    }
    out_append_cell(line, cell, part->str, colour);
}

/* Prints one row without trailing spaces.  @columns: the width of the
 * terminal, to which the last cell is wrapped; 0 for no limit. */
static void
out_table_print_row(const OutCell *row, const guint *widths, guint n_columns,
                    guint columns, gboolean colour)
{
    g_autoptr(GString) line = g_string_new(NULL);
    guint last = n_columns;
    guint at = 0;

    while (last > 0 && !*row[last - 1].text)
        last--;

    for (guint i = 0; i < last; i++) {
        if (i + 1 == n_columns && columns >= at + OUT_WRAP_MIN) {
            out_append_wrapped(line, &row[i], at, columns - at, colour);
            break;
        }
        out_append_cell(line, &row[i], row[i].text, colour);
        if (i + 1 < last)
            g_string_append_printf(line, "%*s", (int)(widths[i] -
                                                      row[i].width + OUT_GAP),
                                   "");
        at += widths[i] + OUT_GAP;
    }
    g_string_append_c(line, '\n');
    out_write(stdout, line->str);
}

/* Prints one row as lines of a title and a value, for a terminal that is too
 * narrow for the table. */
static void
out_table_print_record(const OutTable *table, const OutCell *row,
                       guint columns, gboolean colour)
{
    const OutCell *titles = (const OutCell *)(void *)table->cells->data;
    g_autoptr(GString) lines = g_string_new(NULL);
    guint indent = 0;

    for (guint i = 0; i < table->n_columns; i++)
        indent = MAX(indent, titles[i].width + OUT_GAP);
    for (guint i = 0; i < table->n_columns; i++) {
        if (!*row[i].text || strcmp(row[i].text, "-") == 0)
            continue;
        out_append_cell(lines, &titles[i], titles[i].text, colour);
        g_string_append_printf(lines, "%*s",
                               (int)(indent - titles[i].width), "");
        out_append_wrapped(lines, &row[i], indent,
                           MAX(columns, indent + OUT_WRAP_MIN) - indent,
                           colour);
        g_string_append_c(lines, '\n');
    }
    g_string_append_c(lines, '\n');
    out_write(stdout, lines->str);
}

void
out_table_print(OutTable *table, gboolean titled, gboolean colour)
{
    guint n = table->n_columns;
    g_autofree guint *widths = g_new0(guint, n);
    const OutCell *cells = (const OutCell *)(void *)table->cells->data;
    guint columns = out_get_columns(STDOUT_FILENO);
    guint fixed = 0;

    for (guint i = titled ? 0 : n; i < table->cells->len; i++)
        widths[i % n] = MAX(widths[i % n], cells[i].width);
    for (guint i = 0; i + 1 < n; i++)
        fixed += widths[i] + OUT_GAP;

    for (guint i = titled ? 0 : n; i + n <= table->cells->len; i += n) {
        if (!columns || n < 3 || fixed + MIN(widths[n - 1], OUT_WRAP_MIN) <=
                                 columns)
            out_table_print_row(cells + i, widths, n, columns, colour);
        else if (i > 0)
            out_table_print_record(table, cells + i, columns, colour);
    }
}

void
out_line(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *escaped = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);

    escaped = out_escape(text);
    out_write(stdout, escaped);
    fputc('\n', stdout);
}

void
out_text(const char *text)
{
    out_write(stdout, text);
}

void
out_print(const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    out_write(stdout, text);
}

void
out_progress(const char *text)
{
    out_write(stderr, text);
    fflush(stderr);
}

void
out_json(JsonNode *node)
{
    g_autofree char *text = migtune_json_to_text(node);

    puts(text);
}

void
out_json_line(JsonNode *node)
{
    g_autofree char *text = json_to_string(node, FALSE);

    puts(text);
}

void
out_error(const char *format, ...)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);

    fflush(stdout);
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_autofree char *escaped = out_escape(lines[i]);

        out_write(stderr, "migtune: ");
        out_write(stderr, escaped);
        fputc('\n', stderr);
    }
}

/* As src/util/foreign.c, which the command does not link. */
char *
out_foreign_text(const GError *error)
{
    g_autofree char *valid = g_utf8_make_valid(error->message, -1);
    GString *text = g_string_new(NULL);
    const char *colon = g_strrstr(valid, ": ");
    const char *start = error->domain == G_FILE_ERROR && colon && colon[2]
        ? colon + 2 : valid;

    for (const char *p = start; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        gboolean quote = c >= 0x2018 && c <= 0x201f;

        g_string_append_unichar(text, quote ? '\'' : c);
    }

    return g_string_free(text, FALSE);
}

static void
out_error_add_field(JsonObject *object, const char *member,
                    const GError *error, MigtuneErrorField field)
{
    const char *text = migtune_error_get_field(error, field);

    if (text)
        json_object_set_string_member(object, member, text);
    else
        json_object_set_null_member(object, member);
}

JsonNode *
out_error_to_json(const GError *error)
{
    JsonObject *object = json_object_new();
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    int code = error->domain == MIGTUNE_ERROR ? error->code
                                              : MIGTUNE_ERROR_INTERNAL;
    const char *reason =
        migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_REASON);
    g_autofree char *message = g_utf8_make_valid(error->message, -1);

    json_object_set_string_member(object, "code",
                                  migtune_error_code_to_string(code));
    json_object_set_string_member(object, "message", message);
    /* Without a finer reason, the code is the reason. */
    json_object_set_string_member(
        object, "reason", reason ? reason : migtune_error_code_to_string(code));
    out_error_add_field(object, "parameter", error,
                        MIGTUNE_ERROR_FIELD_PARAMETER);
    out_error_add_field(object, "command", error,
                        MIGTUNE_ERROR_FIELD_COMMAND);

    if (migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_QEMU_CLASS) ||
        migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_QEMU_DESC)) {
        JsonObject *qemu = json_object_new();

        out_error_add_field(qemu, "class", error,
                            MIGTUNE_ERROR_FIELD_QEMU_CLASS);
        out_error_add_field(qemu, "desc", error,
                            MIGTUNE_ERROR_FIELD_QEMU_DESC);
        json_object_set_object_member(object, "qemu", qemu);
    } else {
        json_object_set_null_member(object, "qemu");
    }

    json_node_take_object(node, object);
    return node;
}

const char *
out_get_string(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    if (!node || !JSON_NODE_HOLDS_VALUE(node) ||
        json_node_get_value_type(node) != G_TYPE_STRING)
        return NULL;

    return json_node_get_string(node);
}

gboolean
out_get_bool(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_BOOLEAN &&
           json_node_get_boolean(node);
}

JsonArray *
out_get_array(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node)
                                               : NULL;
}

char *
out_value_to_text(JsonNode *node)
{
    if (!node || JSON_NODE_HOLDS_NULL(node))
        return g_strdup("");
    if (!JSON_NODE_HOLDS_VALUE(node))
        return json_to_string(node, FALSE);
    if (json_node_get_value_type(node) == G_TYPE_STRING)
        return g_strdup(json_node_get_string(node));
    if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
        return g_strdup(json_node_get_boolean(node) ? "on" : "off");

    return json_to_string(node, FALSE);
}

char *
out_join(JsonArray *array, const char *separator)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        g_autofree char *item =
            out_value_to_text(json_array_get_element(array, i));

        if (i > 0)
            g_string_append(text, separator);
        g_string_append(text, item);
    }

    return g_string_free(text, FALSE);
}
