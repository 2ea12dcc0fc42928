/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values and their forms.
 *
 * Numbers are exact: a size such as "1.5GiB" is computed in integers, and refused
 * if it is not a whole number of the unit of QMP.
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
mt_value_is(const MtRow *row, const MtValue *value, const char *table_text)
{
    g_autoptr(MtValue) other = NULL;

    if (!value || !table_text)
        return FALSE;

    other = mt_value_from_table(row, table_text);
    return mt_value_equal(value, other);
}

/* Raises an error about a value of @row; @format need not name the row. */
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

static char *value_format_number(const MtRow *row, guint64 number);

/* Raises the error for a number outside the bounds of @row.  @text is the number
 * as it was given. */
static void
value_error_range(GError **error, const MtRow *row, MtSpelling spelling,
                  const char *text)
{
    g_autofree char *min = value_format_number(row, row->min);
    g_autofree char *max = value_format_number(row, row->max);
    const char *unit = "";

    if (row->unit == MT_UNIT_RATE && spelling == MT_SPELLING_OURS)
        unit = _("; a number without a unit is in MiB/s");
    if (row->power_of_two)
        value_error(error, row,
                    _("%s is out of range; accepted: a power of two from %s "
                      "to %s%s"),
                    text, min, max, unit);
    else
        value_error(error, row,
                    _("%s is out of range; accepted: %s to %s%s"), text, min,
                    max, unit);
}

/* Whether @number is within the bounds of @row. */
static gboolean
value_fits(const MtRow *row, guint64 number)
{
    return number >= row->min && number <= row->max &&
           (!row->power_of_two || (number && !(number & (number - 1))));
}

gboolean
mt_value_check(const MtRow *row, const MtValue *value, GError **error)
{
    g_autofree char *found = NULL;

    if ((value->type != MT_TYPE_INT && value->type != MT_TYPE_ULLONG) ||
        value_fits(row, value->number))
        return TRUE;

    found = value_format_number(row, value->number);
    value_error_range(error, row, MT_SPELLING_QMP, found);
    return FALSE;
}

/*
 * A suffix of a unit.  It stands for .multiply / .divide units of QMP.
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
    gboolean rate;              /* the suffix may be followed by "/s" */
    const char *accepted;       /* a description with examples */
} ValueUnit;

static const ValueUnit value_units[] = {
    [MT_UNIT_NONE] = { suffixes_none, FALSE, N_("a number") },
    [MT_UNIT_BYTES] = { suffixes_bytes, FALSE,
                        N_("a size such as 67108864, 64MiB or 1GiB, with one "
                           "of the units B, KiB, MiB, GiB, TiB, PiB, EiB, kB, "
                           "MB, GB, TB, PB, EB") },
    [MT_UNIT_RATE] = { suffixes_bytes, TRUE,
                       N_("a rate such as 64MiB/s or 100MB/s, in bytes a "
                          "second with one of the units B/s, KiB/s, MiB/s, "
                          "GiB/s, TiB/s, PiB/s, EiB/s, kB/s, MB/s, GB/s, "
                          "TB/s, PB/s, EB/s") },
    [MT_UNIT_MEGABYTES_RATE] = { suffixes_megabytes, TRUE,
                                 N_("a rate such as 100MB/s or 1GB/s") },
    [MT_UNIT_MS] = { suffixes_ms, FALSE,
                     N_("a time such as 300, 300ms or 1.5s, with one of the units us, "
                        "ms, s") },
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

/* Reads a decimal number with up to 9 digits after the point.  The value is
 * @ret_number / @ret_scale. */
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

    if (row->zero && (g_ascii_strcasecmp(text, row->zero) == 0))
        return g_steal_pointer(&value);
    while (g_ascii_isspace(*p))
        p++;
    if (*p == '-' && g_ascii_isdigit(p[1])) {
        value_error_range(error, row, spelling, text);
        return NULL;
    }
    if (!value_scan_decimal(&p, &number, &scale)) {
        if (g_ascii_isdigit(*p))
            value_error(error, row, _("%s has too many digits"), text);
        else
            value_error(error, row, _("'%s' is not a number; accepted: %s"),
                        text, _(unit->accepted));
        return NULL;
    }
    if (*p) {
        const ValueSuffix *suffix = value_find_suffix(unit, p);

        if (!suffix) {
            value_error(error, row,
                        _("'%s' has an unknown unit; accepted: %s"),
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
    if (exact > G_MAXUINT64 || !value_fits(row, exact)) {
        value_error_range(error, row, spelling, text);
        return NULL;
    }
    value->number = exact;

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

    value_error(error, row, _("'%s' is not a boolean; accepted: on or off"),
                text);
    return NULL;
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
    value->text = mt_json_to_line(node);
    return value;
}

/* Whether an empty text is a value of @row: the setting is cleared. */
static gboolean
value_may_be_empty(const MtRow *row)
{
    return row->type == MT_TYPE_STRING && row->def && !*row->def;
}

MtValue *
mt_value_parse(const MtRow *row, MtSpelling spelling, const char *text,
               GError **error)
{
    /* Messages quote the value. */
    if (!g_utf8_validate(text, -1, NULL)) {
        value_error(error, row, _("the value is not valid UTF-8"));
        return NULL;
    }
    if (!*text) {
        if (value_may_be_empty(row))
            value_error(error, row,
                        _("the value is empty; 'none' clears the setting"));
        else
            value_error(error, row, _("the value is empty"));
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
    case MT_TYPE_STRING:
        if (value_may_be_empty(row) && strcmp(text, "none") == 0)
            text = "";
        break;
    case MT_TYPE_ENUM:
        break;
    }

    return mt_value_new_text(row->type, text);
}

char *
mt_value_to_table(const MtRow *row, const MtValue *value)
{
    switch (value->type) {
    case MT_TYPE_BOOL:
        return g_strdup(value->boolean ? "true" : "false");
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        return g_strdup_printf("%" G_GUINT64_FORMAT, value->number);
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
    case MT_TYPE_JSON:
        break;
    }

    return g_strdup(value->text);
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
        /* tls-* is null if it has not been set. */
        if (JSON_NODE_HOLDS_NULL(node))
            return mt_value_new_text(row->type, "");
        if (!JSON_NODE_HOLDS_VALUE(node) ||
            json_node_get_value_type(node) != G_TYPE_STRING)
            break;
        return mt_value_new_text(row->type, json_node_get_string(node));
    case MT_TYPE_JSON: {
        MtValue *value = value_new(MT_TYPE_JSON);

        value->text = mt_json_to_line(node);
        return value;
    }
    }

    migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                      _("QEMU returned %s as %s; expected type %s"), row->qmp,
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

/* The largest unit of which @number is a whole multiple, and that multiple. */
static const char *
value_whole_unit(guint64 *number)
{
    static const char *const binary[] = { "B", "KiB", "MiB", "GiB", "TiB",
                                          "PiB", "EiB" };
    static const char *const decimal[] = { "B", "kB", "MB", "GB", "TB", "PB",
                                           "EB" };
    guint64 rest = *number;
    guint n = 0;

    for (; *number && *number % 1024 == 0 && n < 6; n++)
        *number /= 1024;
    if (n > 0)
        return binary[n];
    /* From a million on, decimal units are easier to read than bytes. */
    for (; rest && rest % 1000 == 0 && n < 6; n++)
        rest /= 1000;
    if (n < 2)
        return "B";

    *number = rest;
    return decimal[n];
}

static char *
value_format_number(const MtRow *row, guint64 number)
{
    const char *unit;

    switch (row->unit) {
    case MT_UNIT_BYTES:
    case MT_UNIT_RATE:
        unit = value_whole_unit(&number);
        return g_strdup_printf("%" G_GUINT64_FORMAT " %s%s", number, unit,
                               row->unit == MT_UNIT_RATE ? "/s" : "");
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

char *
mt_value_format(const MtRow *row, const MtValue *value)
{
    if (value->type == MT_TYPE_BOOL)
        return g_strdup(value->boolean ? "on" : "off");
    if (value->type != MT_TYPE_INT && value->type != MT_TYPE_ULLONG)
        return g_strdup(*value->text              ? value->text
                        : value_may_be_empty(row) ? "none"
                                                  : "''");
    if (value->number == 0 && row->zero)
        return g_strdup(row->zero);

    return value_format_number(row, value->number);
}
