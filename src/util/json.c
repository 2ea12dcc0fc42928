/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON from outside.
 *
 * json-glib parses; but it recurses as deep as the text nests, takes several
 * things that are not JSON (comments, octal numbers, names without quotes),
 * cuts a string at \u0000 and makes -1 of any integer above 2^64 - 1.  So a
 * flat scan goes first.  It knows what a token may look like and leaves the
 * order of tokens to the parser.  Where an integer needs all 64 bits it is
 * rewritten as the negative number of the same bit pattern, which is what
 * some releases of json-glib do by themselves and others do not.
 */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "util/json.h"
#include "migtune/migtune-error.h"

typedef struct {
    const char *start;
    const char *at;
    const char *end;
    guint depth;
    gboolean complete;          /* the one value has been seen */
    GString *rewritten;         /* NULL until something had to be */
    const char *copied;         /* up to here @rewritten is complete */
    guint n_integers;
    GArray *unsigned_integers;  /* which of them: guint; with @rewritten */
    guint n_sealed, n_met;      /* of those, and of all, when parsing */
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
                      "bad JSON at byte %" G_GSIZE_FORMAT ": %s",
                      (gsize)(scan->at - scan->start), what);

    return FALSE;
}

/* The four hexadecimal digits at @at, or -1. */
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

/* At the u of \uXXXX; moves behind it, and behind its second half. */
static gboolean
scan_unicode_escape(JsonScan *scan, GError **error)
{
    int code = scan_hex4(scan, scan->at + 1);
    int low = -1;

    if (code < 0)
        return scan_fail(scan, error, "\\u wants four hexadecimal digits");
    if (code == 0)
        return scan_fail(scan, error, "a string contains \\u0000");
    if (code >= 0xd800 && code <= 0xdbff &&
        scan->end - scan->at >= 7 && scan->at[5] == '\\' &&
        scan->at[6] == 'u')
        low = scan_hex4(scan, scan->at + 7);
    if (code >= 0xd800 && code <= 0xdfff) {
        if (low < 0xdc00 || low > 0xdfff)
            return scan_fail(scan, error, "half of a surrogate pair");
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
                             "a control character stands in a string");
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
            return scan_fail(scan, error, "unknown escape in a string");
        }
    }

    return scan_fail(scan, error, "a string does not end");
}

static gsize
scan_digits(JsonScan *scan)
{
    const char *from = scan->at;

    while (scan->at < scan->end && g_ascii_isdigit(*scan->at))
        scan->at++;

    return scan->at - from;
}

/* An integer: nothing to do, to be rewritten, or too large. */
static gboolean
scan_integer(JsonScan *scan, const char *from, GError **error)
{
    g_autofree char *text = g_strndup(from, scan->at - from);
    guint64 value;

    errno = 0;
    if (*text == '-') {
        g_ascii_strtoll(text, NULL, 10);
        if (errno == ERANGE)
            return scan_fail(scan, error, "%s does not fit 64 bits", text);
        return TRUE;
    }
    value = g_ascii_strtoull(text, NULL, 10);
    if (errno == ERANGE)
        return scan_fail(scan, error, "%s does not fit 64 bits", text);
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

/* A number with a point or an exponent; the text may end right behind it. */
static gboolean
scan_fraction(JsonScan *scan, const char *from, GError **error)
{
    g_autofree char *text = g_strndup(from, scan->at - from);

    if (isinf(g_ascii_strtod(text, NULL)))
        return scan_fail(scan, error, "a number is too large");

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
        return scan_fail(scan, error, "not a number");
    if (scan->at < scan->end && *scan->at == '.') {
        integer = FALSE;
        scan->at++;
        if (scan_digits(scan) == 0)
            return scan_fail(scan, error, "not a number");
    }
    if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
        integer = FALSE;
        scan->at++;
        if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
            scan->at++;
        if (scan_digits(scan) == 0)
            return scan_fail(scan, error, "not a number");
    }
    if (scan->at < scan->end && (g_ascii_isalnum(*scan->at) ||
                                 *scan->at == '_' || *scan->at == '.'))
        return scan_fail(scan, error, "not a number");
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

    return scan_fail(scan, error, "this begins no value");
}

static gboolean
scan_token(JsonScan *scan, GError **error)
{
    if (strchr(" \t\r\n", *scan->at) && *scan->at) {
        scan->at++;
        return TRUE;
    }
    if (scan->complete && scan->depth == 0)
        return scan_fail(scan, error, "something follows the value");
    scan->complete = TRUE;

    switch (*scan->at) {
    case ',': case ':':
        scan->at++;
        return TRUE;
    case '{': case '[':
        if (++scan->depth > MT_JSON_MAX_DEPTH)
            return scan_fail(scan, error, "nested deeper than %d levels",
                             MT_JSON_MAX_DEPTH);
        scan->at++;
        return TRUE;
    case '}': case ']':
        if (scan->depth == 0)
            return scan_fail(scan, error, "a closing bracket too many");
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

/* Integers are met in the order of the text; those that were rewritten are
 * marked. */
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

/* What @scan has accepted; NULL with an error if json-glib does not. */
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
mt_json_parse(const char *text, gssize length, GError **error)
{
    g_auto(JsonScan) scan = { .start = text, .at = text };
    g_autoptr(GError) local = NULL;
    g_autofree char *what = NULL;
    JsonNode *root;

    scan.end = text + (length < 0 ? strlen(text) : (gsize)length);
    if (scan.end > text &&
        !g_utf8_validate(text, scan.end - text, &scan.at)) {
        scan_fail(&scan, error, "not UTF-8");
        return NULL;
    }
    for (scan.at = text; scan.at < scan.end; ) {
        if (!scan_token(&scan, error))
            return NULL;
    }

    root = scan.complete ? parse_scanned(&scan, &local) : NULL;
    if (!root) {
        /* What json-glib quotes may end in the middle of a letter. */
        what = g_utf8_make_valid(local ? local->message
                                       : "there is no value in it", -1);
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL, "bad JSON: %s", what);
    }

    return root;
}

JsonObject *
mt_json_parse_object(const char *text, gssize length, GError **error)
{
    g_autoptr(JsonNode) node = mt_json_parse(text, length, error);

    if (!node)
        return NULL;
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          "expected a JSON object, found %s",
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
        /* So that it is read back as the type that it was. */
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

const char *
mt_json_type_name(JsonNode *node)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        return "an object";
    case JSON_NODE_ARRAY:
        return "an array";
    case JSON_NODE_NULL:
        return "null";
    case JSON_NODE_VALUE:
        break;
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_INT64:
        return "an integer";
    case G_TYPE_BOOLEAN:
        return "a boolean";
    case G_TYPE_DOUBLE:
        return "a number with a fraction";
    default:
        return "a string";
    }
}

typedef enum {
    JSON_WANT_STRING,
    JSON_WANT_BOOL,
    JSON_WANT_INTEGER,
    JSON_WANT_ARRAY,
    JSON_WANT_OBJECT,
} JsonWant;

static const struct {
    const char *name;
    JsonNodeType node_type;
    GType value_type;
} json_wants[] = {
    [JSON_WANT_STRING] = { "a string", JSON_NODE_VALUE, G_TYPE_STRING },
    [JSON_WANT_BOOL] = { "a boolean", JSON_NODE_VALUE, G_TYPE_BOOLEAN },
    [JSON_WANT_INTEGER] = { "an integer", JSON_NODE_VALUE, G_TYPE_INT64 },
    [JSON_WANT_ARRAY] = { "an array", JSON_NODE_ARRAY, G_TYPE_INVALID },
    [JSON_WANT_OBJECT] = { "an object", JSON_NODE_OBJECT, G_TYPE_INVALID },
};

/* TRUE with *ret NULL when an optional member is absent. */
gboolean
mt_json_node_is_unsigned(JsonNode *node)
{
    return json_node_is_immutable(node) && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_INT64 &&
           json_node_get_int(node) < 0;
}

JsonNode *
mt_json_node_new_unsigned(guint64 number)
{
    JsonNode *node = json_node_init_int(json_node_alloc(), (gint64)number);

    if (number > G_MAXINT64)
        json_node_seal(node);

    return node;
}

static gboolean
json_member(JsonObject *object, const char *member, JsonWant want,
            gboolean optional, JsonNode **ret, GError **error)
{
    JsonNode *node = json_object_get_member(object, member);

    *ret = node;
    if (!node && optional)
        return TRUE;
    if (!node) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          "member \"%s\" is missing: expected %s", member,
                          json_wants[want].name);
        return FALSE;
    }
    if (json_node_get_node_type(node) != json_wants[want].node_type ||
        (json_wants[want].node_type == JSON_NODE_VALUE &&
         json_node_get_value_type(node) != json_wants[want].value_type)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          "member \"%s\": expected %s, found %s", member,
                          json_wants[want].name, mt_json_type_name(node));
        return FALSE;
    }

    return TRUE;
}

/* The two functions of a type, which differ in one argument. */
#define JSON_ACCESSORS(name, type, want, get)                               \
    gboolean mt_json_get_##name(JsonObject *object, const char *member,     \
                                type *ret, GError **error)                  \
    {                                                                       \
        JsonNode *node;                                                     \
                                                                            \
        if (!json_member(object, member, want, FALSE, &node, error))        \
            return FALSE;                                                   \
        *ret = get(node);                                                   \
        return TRUE;                                                        \
    }                                                                       \
    gboolean mt_json_opt_##name(JsonObject *object, const char *member,     \
                                type *ret, GError **error)                  \
    {                                                                       \
        JsonNode *node;                                                     \
                                                                            \
        if (!json_member(object, member, want, TRUE, &node, error))         \
            return FALSE;                                                   \
        if (node)                                                           \
            *ret = get(node);                                               \
        return TRUE;                                                        \
    }

JSON_ACCESSORS(string, const char *, JSON_WANT_STRING, json_node_get_string)
JSON_ACCESSORS(bool, gboolean, JSON_WANT_BOOL, json_node_get_boolean)
JSON_ACCESSORS(int64, gint64, JSON_WANT_INTEGER, json_node_get_int)
JSON_ACCESSORS(uint64, guint64, JSON_WANT_INTEGER, (guint64)json_node_get_int)
JSON_ACCESSORS(array, JsonArray *, JSON_WANT_ARRAY, json_node_get_array)
JSON_ACCESSORS(object, JsonObject *, JSON_WANT_OBJECT, json_node_get_object)
