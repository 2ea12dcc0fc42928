/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parsing and writing JSON text that comes from another program.
 *
 * json-glib parses, but it has five weaknesses: it recurses as deep as the text
 * nests, it accepts text that is not JSON (comments, octal numbers, names
 * without quotes), it cuts a string at \u0000, it turns any integer above
 * 2^64 - 1 into -1, and it needs about 100 bytes of memory for each byte of a
 * text such as [{},{},...].  So a flat scan runs first.  The scan checks each
 * token and counts the values; json-glib then checks the order of the tokens.
 * The scan rewrites an integer from 2^63 to 2^64 - 1 as the negative number with
 * the same bit pattern, because some releases of json-glib do not accept it.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

/* How many values are scanned between two calls of a reader's @go_on. */
#define JSON_GO_ON_VALUES 4096

typedef struct {
    const char *start;
    const char *at;
    const char *end;
    const MtJsonLimits *limits; /* NULL: only the limit of the depth */
    guint depth;
    guint n_values;             /* values so far, and names of members */
    gboolean complete;          /* the outermost value has begun */
    GString *rewritten;         /* text for json-glib; NULL: @start as it is */
    const char *copied;         /* @rewritten has the text up to here */
    guint n_integers;
    GArray *unsigned_integers;  /* numbers of the rewritten integers: guint */
    guint n_sealed, n_met;      /* while json-glib parses: rewritten integers
                                 * met, and all integers met */
} JsonScan;

static void scan_clear(JsonScan *scan);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JsonScan, scan_clear)

G_GNUC_PRINTF(3, 4)
static gboolean
scan_fail(const JsonScan *scan, GError **error, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                      _("bad JSON at byte %" PRIu64 ": %s"),
                      (guint64)(scan->at - scan->start), what);

    return FALSE;
}

/* Returns the value of the four hexadecimal digits at @at, or -1. */
static int
scan_hex4(const JsonScan *scan, const char *at)
{
    int value = 0;

    if (scan->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        if (!g_ascii_isxdigit(at[i]))
            return -1;
        value = value * 16 + g_ascii_xdigit_value(at[i]);
    }

    return value;
}

/* Scans \uXXXX, or a surrogate pair of two of them; starts at the letter u. */
static gboolean
scan_unicode_escape(JsonScan *scan, GError **error)
{
    int code = scan_hex4(scan, scan->at + 1);
    int low = -1;

    if (code < 0)
        return scan_fail(scan, error, _("\\u needs four hexadecimal digits"));
    if (code == 0)
        return scan_fail(scan, error, _("a string contains \\u0000"));
    if (code >= 0xd800 && code <= 0xdbff &&
        scan->end - scan->at >= 7 && scan->at[5] == '\\' &&
        scan->at[6] == 'u')
        low = scan_hex4(scan, scan->at + 7);
    if (code >= 0xd800 && code <= 0xdfff) {
        if (low < 0xdc00 || low > 0xdfff)
            return scan_fail(scan, error, _("half of a surrogate pair"));
        scan->at += 6;
    }
    scan->at += 5;

    return TRUE;
}

static gboolean
scan_string(JsonScan *scan, GError **error)
{
    for (scan->at++; scan->at < scan->end; ) {
        guchar c = *scan->at;

        if (c == '"') {
            scan->at++;
            return TRUE;
        }
        if (c < 0x20)
            return scan_fail(scan, error,
                             _("a string contains a control character"));
        scan->at++;
        if (c != '\\')
            continue;
        if (scan->at == scan->end)
            break;
        if (*scan->at == 'u') {
            if (!scan_unicode_escape(scan, error))
                return FALSE;
        } else if (strchr("\"\\/bfnrt", *scan->at)) {
            scan->at++;
        } else {
            return scan_fail(scan, error, _("unknown escape in a string"));
        }
    }

    return scan_fail(scan, error, _("a string does not end"));
}

static gsize
scan_digits(JsonScan *scan)
{
    const char *from = scan->at;

    while (scan->at < scan->end && g_ascii_isdigit(*scan->at))
        scan->at++;

    return scan->at - from;
}

/* Handles an integer of more than 18 digits: leaves it as it is, rewrites it,
 * or refuses it as too large. */
static gboolean
scan_integer(JsonScan *scan, const char *from, GError **error)
{
    g_autofree char *text = g_strndup(from, scan->at - from);
    guint64 value;

    errno = 0;
    if (*text == '-') {
        g_ascii_strtoll(text, NULL, 10);
        if (errno == ERANGE)
            return scan_fail(scan, error, _("%s does not fit in 64 bits"), text);
        return TRUE;
    }
    value = g_ascii_strtoull(text, NULL, 10);
    if (errno == ERANGE)
        return scan_fail(scan, error, _("%s does not fit in 64 bits"), text);
    if (value <= G_MAXINT64)
        return TRUE;

    if (!scan->rewritten) {
        scan->rewritten = g_string_sized_new(scan->end - scan->start + 16);
        scan->copied = scan->start;
        scan->unsigned_integers = g_array_new(FALSE, FALSE, sizeof(guint));
    }
    g_array_append_val(scan->unsigned_integers, scan->n_integers);
    g_string_append_len(scan->rewritten, scan->copied, from - scan->copied);
    g_string_append_printf(scan->rewritten, "%" G_GINT64_FORMAT,
                           (gint64)value);
    scan->copied = scan->at;

    return TRUE;
}

/* Handles a number with a point or an exponent.  The text is copied first because
 * it need not end with a NUL. */
static gboolean
scan_fraction(JsonScan *scan, const char *from, GError **error)
{
    g_autofree char *text = g_strndup(from, scan->at - from);

    if (isinf(g_ascii_strtod(text, NULL)))
        return scan_fail(scan, error, _("a number is too large"));

    return TRUE;
}

static gboolean
scan_number(JsonScan *scan, GError **error)
{
    const char *from = scan->at;
    gboolean integer = TRUE;
    gsize n_digits;

    if (*scan->at == '-')
        scan->at++;
    n_digits = scan_digits(scan);
    if (n_digits == 0 || (n_digits > 1 && scan->at[-(gssize)n_digits] == '0'))
        return scan_fail(scan, error, _("not a number"));
    if (scan->at < scan->end && *scan->at == '.') {
        integer = FALSE;
        scan->at++;
        if (scan_digits(scan) == 0)
            return scan_fail(scan, error, _("not a number"));
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        integer = FALSE;
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        if (scan_digits(scan) == 0)
            return scan_fail(scan, error, _("not a number"));
    }
    if (scan->at < scan->end && (g_ascii_isalnum(*scan->at) ||
                                 *scan->at == '_' || *scan->at == '.'))
        return scan_fail(scan, error, _("not a number"));
    if (integer) {
        scan->n_integers++;
        return n_digits <= 18 || scan_integer(scan, from, error);
    }

    return scan_fraction(scan, from, error);
}

static gboolean
scan_word(JsonScan *scan, GError **error)
{
    static const char *const words[] = { "true", "false", "null" };
    const char *from = scan->at;
    gsize length;

    while (scan->at < scan->end && (g_ascii_isalnum(*scan->at) ||
                                    *scan->at == '_'))
        scan->at++;
    length = scan->at - from;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (length == strlen(words[i]) && memcmp(from, words[i], length) == 0)
            return TRUE;
    }
    scan->at = from;

    return scan_fail(scan, error, _("no value begins with this"));
}

/* Counts a value and checks the limits of the reader. */
static gboolean
scan_count(JsonScan *scan, GError **error)
{
    const MtJsonLimits *limits = scan->limits;

    scan->n_values++;
    if (!limits)
        return TRUE;
    if (limits->max_values && scan->n_values > limits->max_values)
        return scan_fail(scan, error, _("more than %u values"),
                         limits->max_values);

    return !limits->go_on || scan->n_values % JSON_GO_ON_VALUES != 0 ||
           limits->go_on(limits->user_data, error);
}

static gboolean
scan_token(JsonScan *scan, GError **error)
{
    if (strchr(" \t\r\n", *scan->at) && *scan->at) {
        scan->at++;
        return TRUE;
    }
    if (scan->complete && scan->depth == 0)
        return scan_fail(scan, error, _("text follows the value"));
    scan->complete = TRUE;
    if (!strchr(",:]}", *scan->at) && !scan_count(scan, error))
        return FALSE;

    switch (*scan->at) {
    case ',': case ':':
        scan->at++;
        return TRUE;
    case '{': case '[':
        if (++scan->depth > MT_JSON_MAX_DEPTH)
            return scan_fail(scan, error, _("nested deeper than %d levels"),
                             MT_JSON_MAX_DEPTH);
        scan->at++;
        return TRUE;
    case '}': case ']':
        if (scan->depth == 0)
            return scan_fail(scan, error, _("a closing bracket without an opening one"));
        scan->depth--;
        scan->at++;
        return TRUE;
    case '"':
        return scan_string(scan, error);
    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        return scan_number(scan, error);
    default:
        return scan_word(scan, error);
    }
}

/* json-glib meets integers in the order of the text.  Seals the nodes of those
 * that the scan has rewritten. */
static void
parse_meet(JsonScan *scan, JsonNode *node)
{
    if (!JSON_NODE_HOLDS_VALUE(node) ||
        json_node_get_value_type(node) != G_TYPE_INT64)
        return;

    scan->n_met++;
    if (scan->n_sealed < scan->unsigned_integers->len &&
        g_array_index(scan->unsigned_integers, guint, scan->n_sealed) ==
            scan->n_met) {
        json_node_seal(node);
        scan->n_sealed++;
    }
}

static void
parse_on_member(JsonParser *parser, JsonObject *object, const char *name,
                gpointer scan)
{
    parse_meet(scan, json_object_get_member(object, name));
}

static void
parse_on_element(JsonParser *parser, JsonArray *array, int nth, gpointer scan)
{
    parse_meet(scan, json_array_get_element(array, nth));
}

/* Gives the scanned text to json-glib. */
static JsonNode *
parse_scanned(JsonScan *scan, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    const char *text = scan->start;
    gsize length = scan->end - scan->start;
    g_autoptr(JsonNode) root = NULL;

    if (scan->rewritten) {
        g_string_append_len(scan->rewritten, scan->copied,
                            scan->end - scan->copied);
        text = scan->rewritten->str;
        length = scan->rewritten->len;
        g_signal_connect(parser, "object-member", G_CALLBACK(parse_on_member),
                         scan);
        g_signal_connect(parser, "array-element",
                         G_CALLBACK(parse_on_element), scan);
    }
    if (!json_parser_load_from_data(parser, text, length, error))
        return NULL;

    root = json_parser_steal_root(parser);
    if (root && scan->rewritten)
        parse_meet(scan, root);

    return g_steal_pointer(&root);
}

static void
scan_clear(JsonScan *scan)
{
    if (scan->rewritten)
        g_string_free(scan->rewritten, TRUE);
    g_clear_pointer(&scan->unsigned_integers, g_array_unref);
}

JsonNode *
mt_json_parse_within(const char *text, gssize length,
                     const MtJsonLimits *limits, GError **error)
{
    g_auto(JsonScan) scan = { .start = text, .at = text, .limits = limits };
    g_autoptr(GError) local = NULL;
    JsonNode *root;

    scan.end = text + (length < 0 ? strlen(text) : (gsize)length);
    if (limits && limits->max_bytes &&
        (gsize)(scan.end - text) > limits->max_bytes) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("bad JSON: longer than %" PRIu64 " bytes"),
                          (guint64)limits->max_bytes);
        return NULL;
    }
    if (scan.end > text &&
        !g_utf8_validate(text, scan.end - text, &scan.at)) {
        scan_fail(&scan, error, _("not UTF-8"));
        return NULL;
    }
    for (scan.at = text; scan.at < scan.end; ) {
        if (!scan_token(&scan, error))
            return NULL;
    }
    if (!scan.complete) {
        scan_fail(&scan, error, _("the text contains no value"));
        return NULL;
    }

    root = parse_scanned(&scan, &local);
    if (!root) {
        guint line = 1, column = 1;

        /* The scan has accepted every token, so their order is wrong. */
        if (local)
            sscanf(local->message, "<data>:%u:%u:", &line, &column);
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("bad JSON at line %u, column %u: a value, comma, "
                            "colon or bracket is missing or out of place"),
                          line, column);
    }

    return root;
}

JsonNode *
mt_json_parse(const char *text, gssize length, GError **error)
{
    return mt_json_parse_within(text, length, NULL, error);
}

JsonObject *
mt_json_parse_object(const char *text, gssize length, GError **error)
{
    g_autoptr(JsonNode) node = mt_json_parse(text, length, error);

    if (!node)
        return NULL;
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("expected a JSON object, found %s"),
                          mt_json_type_name(node));
        return NULL;
    }

    return json_node_dup_object(node);
}

static void
line_append_string(GString *line, const char *text)
{
    g_string_append_c(line, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            g_string_append_c(line, '\\');
        if ((guchar)*c < 0x20 || *c == 0x7f)
            g_string_append_printf(line, "\\u%04x", (guchar)*c);
        else
            g_string_append_c(line, *c);
    }
    g_string_append_c(line, '"');
}

static void
line_append_value(GString *line, JsonNode *node)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];

    switch (json_node_get_value_type(node)) {
    case G_TYPE_INT64:
        g_string_append_printf(line,
                               mt_json_node_is_unsigned(node)
                                   ? "%" G_GUINT64_FORMAT
                                   : "%" G_GINT64_FORMAT,
                               json_node_get_int(node));
        break;
    case G_TYPE_BOOLEAN:
        g_string_append(line,
                        json_node_get_boolean(node) ? "true" : "false");
        break;
    case G_TYPE_DOUBLE:
        g_ascii_dtostr(buffer, sizeof(buffer), json_node_get_double(node));
        g_string_append(line, buffer);
        /* A fraction keeps its point, so that it is read back as a fraction. */
        if (!strpbrk(buffer, ".e"))
            g_string_append(line, ".0");
        break;
    case G_TYPE_STRING:
        line_append_string(line, json_node_get_string(node));
        break;
    default:
        g_assert_not_reached();
    }
}

static void line_append_object(GString *line, JsonObject *object);

static void
line_append(GString *line, JsonNode *node)
{
    JsonArray *array;

    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        line_append_object(line, json_node_get_object(node));
        break;
    case JSON_NODE_ARRAY:
        array = json_node_get_array(node);
        g_string_append_c(line, '[');
        for (guint i = 0; i < json_array_get_length(array); i++) {
            if (i)
                g_string_append(line, ", ");
            line_append(line, json_array_get_element(array, i));
        }
        g_string_append_c(line, ']');
        break;
    case JSON_NODE_VALUE:
        line_append_value(line, node);
        break;
    case JSON_NODE_NULL:
        g_string_append(line, "null");
        break;
    }
}

static void
line_append_object(GString *line, JsonObject *object)
{
    g_autoptr(GList) members = json_object_get_members(object);

    members = g_list_sort(members, (GCompareFunc)strcmp);
    g_string_append_c(line, '{');
    for (GList *at = members; at; at = at->next) {
        if (at != members)
            g_string_append(line, ", ");
        line_append_string(line, at->data);
        g_string_append(line, ": ");
        line_append(line, json_object_get_member(object, at->data));
    }
    g_string_append_c(line, '}');
}

char *
mt_json_to_line(JsonNode *node)
{
    GString *line = g_string_new(NULL);

    line_append(line, node);

    return g_string_free(line, FALSE);
}

char *
mt_json_object_to_line(JsonObject *object)
{
    GString *line = g_string_new(NULL);

    line_append_object(line, object);

    return g_string_free(line, FALSE);
}
