/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values and their forms.
 *
 * Numbers are kept exactly: a size such as "1.5GiB" is computed in integers
 * and refused when it is no whole number of the unit on the wire.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "params/value.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

#define MIB (1024ull * 1024)

static const char *const value_true[] = { "on", "true", "yes", "1", NULL };
static const char *const value_false[] = { "off", "false", "no", "0", NULL };

static MtValue *
value_new(MtType type)
{
    MtValue *value = g_new0(MtValue, 1);

    value->type = type;
    return value;
}

MtValue *
mt_value_new_bool(gboolean boolean)
{
    MtValue *value = value_new(MT_TYPE_BOOL);

    value->boolean = !!boolean;
    return value;
}

MtValue *
mt_value_new_number(MtType type, guint64 number)
{
    MtValue *value = value_new(type);

    value->number = number;
    return value;
}

MtValue *
mt_value_new_text(MtType type, const char *text)
{
    MtValue *value = value_new(type);

    value->text = g_strdup(text);
    return value;
}

MtValue *
mt_value_copy(const MtValue *value)
{
    MtValue *copy;

    if (!value)
        return NULL;

    copy = g_memdup2(value, sizeof(*value));
    copy->text = g_strdup(value->text);
    return copy;
}

void
mt_value_free(MtValue *value)
{
    if (!value)
        return;

    g_free(value->text);
    g_free(value);
}

gboolean
mt_value_equal(const MtValue *a, const MtValue *b)
{
    if (!a || !b)
        return a == b;

    return a->type == b->type && a->boolean == b->boolean &&
           a->number == b->number && g_strcmp0(a->text, b->text) == 0;
}

gboolean
mt_value_is(const MtRow *row, const MtValue *value, const char *wire_text)
{
    g_autoptr(MtValue) other = NULL;

    if (!value || !wire_text)
        return FALSE;

    other = mt_value_from_table(row, wire_text);
    return mt_value_equal(value, other);
}

/* An error about a value of @row. */
static void G_GNUC_PRINTF(3, 4)
value_error(GError **error, const MtRow *row, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE, "%s: %s", row->name,
                      text);
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                row->name);
}

/* What a number of @row may be, for error texts. */
static char *
value_bounds(const MtRow *row)
{
    g_autofree char *min = NULL;
    g_autofree char *max = NULL;
    MtValue low = { .type = row->type, .number = row->min };
    MtValue high = { .type = row->type, .number = row->max };

    min = mt_value_format(row, &low);
    max = mt_value_format(row, &high);
    if (row->power_of_two)
        return g_strdup_printf(_("a power of two from %s to %s"), min, max);

    return g_strdup_printf(_("%s to %s"), min, max);
}

gboolean
mt_value_check(const MtRow *row, const MtValue *value, GError **error)
{
    gboolean fits;

    if (value->type != MT_TYPE_INT && value->type != MT_TYPE_ULLONG)
        return TRUE;

    fits = value->number >= row->min && value->number <= row->max;
    if (fits && row->power_of_two)
        fits = value->number && !(value->number & (value->number - 1));
    if (!fits) {
        g_autofree char *found = mt_value_format(row, value);
        g_autofree char *bounds = value_bounds(row);

        value_error(error, row, _("%s is out of range; accepted: %s"), found,
                    bounds);
    }

    return fits;
}

/*
 * What a unit's suffixes are worth, in units of the wire.  The worth is
 * .multiply / .divide.
 */
typedef struct {
    const char *suffix;
    guint64 multiply;
    guint64 divide;
} ValueSuffix;

static const ValueSuffix suffixes_none[] = { { NULL } };
static const ValueSuffix suffixes_bytes[] = {
    { "b", 1, 1 },
    { "bytes", 1, 1 },
    { "k", 1ull << 10, 1 },
    { "kib", 1ull << 10, 1 },
    { "kb", 1000ull, 1 },
    { "m", 1ull << 20, 1 },
    { "mib", 1ull << 20, 1 },
    { "mb", 1000000ull, 1 },
    { "g", 1ull << 30, 1 },
    { "gib", 1ull << 30, 1 },
    { "gb", 1000000000ull, 1 },
    { "t", 1ull << 40, 1 },
    { "tib", 1ull << 40, 1 },
    { "tb", 1000000000000ull, 1 },
    { "p", 1ull << 50, 1 },
    { "pib", 1ull << 50, 1 },
    { "pb", 1000000000000000ull, 1 },
    { "e", 1ull << 60, 1 },
    { "eib", 1ull << 60, 1 },
    { "eb", 1000000000000000000ull, 1 },
    { NULL },
};
static const ValueSuffix suffixes_megabytes[] = {
    { "mb", 1, 1 },
    { "gb", 1000, 1 },
    { NULL },
};
static const ValueSuffix suffixes_ms[] = {
    { "ms", 1, 1 },
    { "s", 1000, 1 },
    { "us", 1, 1000 },
    { NULL },
};
static const ValueSuffix suffixes_percent[] = {
    { "%", 1, 1 },
    { NULL },
};

typedef struct {
    const ValueSuffix *suffixes;
    gboolean rate;              /* suffixes may end in "/s" */
    const char *accepted;
} ValueUnit;

static const ValueUnit value_units[] = {
    [MT_UNIT_NONE] = { suffixes_none, FALSE, N_("a number") },
    [MT_UNIT_BYTES] = { suffixes_bytes, FALSE,
                        N_("a size such as 67108864, 64MiB or 1GiB") },
    [MT_UNIT_RATE] = { suffixes_bytes, TRUE,
                       N_("a rate such as 64MiB/s or 1GiB/s") },
    [MT_UNIT_MEGABYTES_RATE] = { suffixes_megabytes, TRUE,
                                 N_("a rate such as 100MB/s") },
    [MT_UNIT_MS] = { suffixes_ms, FALSE,
                     N_("a time such as 300, 300ms or 1.5s") },
    [MT_UNIT_PERCENT] = { suffixes_percent, FALSE,
                          N_("a percentage such as 20 or 20%") },
};

static const ValueSuffix *
value_find_suffix(const ValueUnit *unit, const char *text)
{
    g_autofree char *suffix = g_ascii_strdown(text, -1);

    g_strstrip(suffix);
    if (unit->rate && g_str_has_suffix(suffix, "/s"))
        suffix[strlen(suffix) - 2] = '\0';
    for (const ValueSuffix *s = unit->suffixes; s->suffix; s++) {
        if (strcmp(s->suffix, suffix) == 0)
            return s;
    }

    return NULL;
}

/* Reads digits into a number of at most 18 digits after the point. */
static gboolean
value_scan_decimal(const char **text, guint64 *ret_number, guint64 *ret_scale)
{
    const char *p = *text;
    guint64 number = 0, scale = 1;

    if (!g_ascii_isdigit(*p))
        return FALSE;
    for (; g_ascii_isdigit(*p); p++) {
        if (!g_uint64_checked_mul(&number, number, 10) ||
            !g_uint64_checked_add(&number, number, *p - '0'))
            return FALSE;
    }
    if (*p == '.' && g_ascii_isdigit(p[1])) {
        for (p++; g_ascii_isdigit(*p); p++) {
            if (scale == 1000000000 ||
                !g_uint64_checked_mul(&number, number, 10) ||
                !g_uint64_checked_add(&number, number, *p - '0'))
                return FALSE;
            scale *= 10;
        }
    }

    *text = p;
    *ret_number = number;
    *ret_scale = scale;
    return TRUE;
}

static MtValue *
value_parse_number(const MtRow *row, MtSpelling spelling, const char *text,
                   GError **error)
{
    const ValueUnit *unit = &value_units[row->unit];
    g_autoptr(MtValue) value = value_new(row->type);
    const char *p = text;
    guint64 number, scale, multiply = 1, divide = 1;
    unsigned __int128 exact;

    while (g_ascii_isspace(*p))
        p++;
    if (*p == '-' && g_ascii_isdigit(p[1])) {
        g_autofree char *bounds = value_bounds(row);

        value_error(error, row, _("%s is out of range; accepted: %s"), text,
                    bounds);
        return NULL;
    }
    if (!value_scan_decimal(&p, &number, &scale)) {
        if (g_ascii_isdigit(*p))
            value_error(error, row, _("%s has too many digits"), text);
        else
            value_error(error, row, _("'%s' is no number; accepted: %s"), text,
                        _(unit->accepted));
        return NULL;
    }
    if (*p) {
        const ValueSuffix *suffix = value_find_suffix(unit, p);

        if (!suffix) {
            value_error(error, row,
                        _("'%s' does not end in a known unit; accepted: %s"),
                        text, _(unit->accepted));
            return NULL;
        }
        multiply = suffix->multiply;
        divide = suffix->divide;
    } else if (row->unit == MT_UNIT_RATE && spelling == MT_SPELLING_OURS) {
        multiply = MIB;
    }

    exact = (unsigned __int128)number * multiply;
    if (exact % ((unsigned __int128)scale * divide)) {
        value_error(error, row, _("%s is not a whole number of %s"), text,
                    row->unit == MT_UNIT_MS  ? _("milliseconds")
                    : row->unit == MT_UNIT_BYTES ||
                            row->unit == MT_UNIT_RATE
                        ? _("bytes")
                        : _("units"));
        return NULL;
    }
    exact /= (unsigned __int128)scale * divide;
    if (exact > G_MAXUINT64) {
        g_autofree char *bounds = value_bounds(row);

        value_error(error, row, _("%s is out of range; accepted: %s"), text,
                    bounds);
        return NULL;
    }

    value->number = exact;
    if (!mt_value_check(row, value, error))
        return NULL;

    return g_steal_pointer(&value);
}

static MtValue *
value_parse_bool(const MtRow *row, const char *text, GError **error)
{
    g_autofree char *word = g_ascii_strdown(text, -1);

    if (g_strv_contains(value_true, word))
        return mt_value_new_bool(TRUE);
    if (g_strv_contains(value_false, word))
        return mt_value_new_bool(FALSE);

    value_error(error, row, _("'%s' is neither on nor off"), text);
    return NULL;
}

/* JSON in one canonical form, so that equal values are equal texts. */
static char *
value_json_to_text(JsonNode *node)
{
    return mt_json_to_line(node);
}

static MtValue *
value_parse_json(const MtRow *row, const char *text, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) node = mt_json_parse(text, -1, &cause);
    MtValue *value;

    if (!node) {
        value_error(error, row, _("'%s' is not JSON: %s"), text,
                    cause->message);
        return NULL;
    }

    value = value_new(MT_TYPE_JSON);
    value->text = value_json_to_text(node);
    return value;
}

MtValue *
mt_value_parse(const MtRow *row, MtSpelling spelling, const char *text,
               GError **error)
{
    /* It may come to stand in a message. */
    if (!g_utf8_validate(text, -1, NULL)) {
        value_error(error, row, _("the value is not valid UTF-8"));
        return NULL;
    }

    switch (row->type) {
    case MT_TYPE_BOOL:
        return value_parse_bool(row, text, error);
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        return value_parse_number(row, spelling, text, error);
    case MT_TYPE_JSON:
        return value_parse_json(row, text, error);
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        break;
    }

    return mt_value_new_text(row->type, text);
}

MtValue *
mt_value_from_table(const MtRow *row, const char *text)
{
    switch (row->type) {
    case MT_TYPE_BOOL:
        return mt_value_new_bool(strcmp(text, "true") == 0 ||
                                 strcmp(text, "on") == 0);
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        return mt_value_new_number(row->type,
                                   g_ascii_strtoull(text, NULL, 10));
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
    case MT_TYPE_JSON:
        break;
    }

    return mt_value_new_text(row->type, text);
}

MtValue *
mt_value_from_json(const MtRow *row, JsonNode *node, GError **error)
{
    guint64 number;

    switch (row->type) {
    case MT_TYPE_BOOL:
        if (!JSON_NODE_HOLDS_VALUE(node) ||
            json_node_get_value_type(node) != G_TYPE_BOOLEAN)
            break;
        return mt_value_new_bool(json_node_get_boolean(node));
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        if (!mt_json_node_peek_uint64(node, &number))
            break;
        return mt_value_new_number(row->type, number);
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        /* tls-* may be null where nothing was set. */
        if (JSON_NODE_HOLDS_NULL(node))
            return mt_value_new_text(row->type, "");
        if (!JSON_NODE_HOLDS_VALUE(node) ||
            json_node_get_value_type(node) != G_TYPE_STRING)
            break;
        return mt_value_new_text(row->type, json_node_get_string(node));
    case MT_TYPE_JSON: {
        MtValue *value = value_new(MT_TYPE_JSON);

        value->text = value_json_to_text(node);
        return value;
    }
    }

    migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                      _("QEMU's %s is %s, expected a %s"), row->qmp,
                      mt_json_type_name(node), mt_type_to_string(row->type));
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                row->name);
    return NULL;
}

JsonNode *
mt_value_to_json(const MtRow *row, const MtValue *value)
{
    JsonNode *node = NULL;

    switch (value->type) {
    case MT_TYPE_BOOL:
        node = json_node_init_boolean(json_node_alloc(), value->boolean);
        break;
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        node = mt_json_node_new_uint64(value->number);
        break;
    case MT_TYPE_JSON:
        node = mt_json_parse(value->text, -1, NULL);
        break;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        node = json_node_init_string(json_node_alloc(), value->text);
        break;
    }
    g_assert(node);

    return node;
}

const char *
mt_row_unit(const MtRow *row, MtSpelling spelling)
{
    if (row->unit == MT_UNIT_RATE && spelling == MT_SPELLING_QMP)
        return "bytes/s";

    return mt_unit_to_string(row->unit);
}

JsonNode *
mt_value_to_report(const MtRow *row, MtSpelling spelling, const MtValue *value)
{
    JsonNode *node;

    if (row->unit != MT_UNIT_RATE || spelling == MT_SPELLING_QMP)
        return mt_value_to_json(row, value);
    if (value->number % MIB == 0)
        return mt_json_node_new_uint64(value->number / MIB);

    node = json_node_alloc();
    return json_node_init_double(node, value->number / (double)MIB);
}

char *
mt_value_format(const MtRow *row, const MtValue *value)
{
    static const char prefixes[] = "KMGTPE";
    guint64 number = value->number;
    const char *rate = row->unit == MT_UNIT_RATE ? "/s" : "";
    int n_prefix = -1;

    if (value->type == MT_TYPE_BOOL)
        return g_strdup(value->boolean ? "on" : "off");
    if (value->type != MT_TYPE_INT && value->type != MT_TYPE_ULLONG)
        return g_strdup(*value->text ? value->text : "''");

    switch (row->unit) {
    case MT_UNIT_BYTES:
    case MT_UNIT_RATE:
        while (number && number % 1024 == 0 && n_prefix < 5) {
            number /= 1024;
            n_prefix++;
        }
        if (n_prefix >= 0)
            return g_strdup_printf("%" G_GUINT64_FORMAT " %ciB%s", number,
                                   prefixes[n_prefix], rate);
        return g_strdup_printf("%" G_GUINT64_FORMAT " B%s", number, rate);
    case MT_UNIT_MS:
    case MT_UNIT_PERCENT:
    case MT_UNIT_MEGABYTES_RATE:
        return g_strdup_printf("%" G_GUINT64_FORMAT " %s", number,
                               mt_unit_to_string(row->unit));
    case MT_UNIT_NONE:
        break;
    }

    return g_strdup_printf("%" G_GUINT64_FORMAT, number);
}
