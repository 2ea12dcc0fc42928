/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wishes.
 *
 * A name is looked up in the catalogue and in what this QEMU knows; the value
 * is checked by type, unit and bounds.  `compression` may be given several
 * times, as libvirt does it, and is one wish then; anything else may not.
 */
#include "config.h"

#include <string.h>

#include "plan/wish.h"
#include "util/i18n.h"

void
mt_wish_free(MtWish *wish)
{
    if (!wish)
        return;

    g_free(wish->name);
    mt_value_free(wish->value);
    g_free(wish->asked);
    g_clear_error(&wish->error);
    g_string_free(wish->reason, TRUE);
    g_ptr_array_unref(wish->rows);
    mt_value_free(wish->now);
    g_free(wish);
}

static MtWish *
wish_new(const char *name, const MtRow *row)
{
    MtWish *wish = g_new0(MtWish, 1);

    wish->name = g_strdup(name);
    wish->row = row;
    wish->reason = g_string_new(NULL);
    wish->rows = g_ptr_array_new();
    wish->shown = row;
    return wish;
}

static void
wish_say_text(MtWish *wish, const char *text)
{
    /* The same thing is said once. */
    if (strstr(wish->reason->str, text))
        return;
    if (wish->reason->len)
        g_string_append(wish->reason, "; ");
    g_string_append(wish->reason, text);
}

void
mt_wish_say(MtWish *wish, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    wish_say_text(wish, text);
}

void
mt_wish_refuse(MtWish *wish, MigtuneErrorCode code, const char *rule,
               const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);

    wish->verdict = MIGTUNE_VERDICT_REFUSED;
    wish_say_text(wish, text);
    if (wish->error)
        return;
    migtune_error_set(&wish->error, code, "%s", text);
    migtune_error_set_field(wish->error, MIGTUNE_ERROR_FIELD_PARAMETER,
                            wish->name);
    migtune_error_set_field(wish->error, MIGTUNE_ERROR_FIELD_RULE, rule);
}

gboolean
mt_wish_is_alive(const MtWish *wish)
{
    return !wish->error && !wish->given_up;
}

char **
mt_wish_methods(const MtWish *wish)
{
    char **words = g_strsplit(wish->value->text, ",", -1);
    guint n = 0;

    for (char **w = words; *w; w++) {
        if (strcmp(*w, "none") == 0)
            g_free(*w);
        else
            words[n++] = *w;
    }
    words[n] = NULL;

    return words;
}

/* Lower case without blanks, each method once: "XBZRLE, zlib" is accepted. */
static MtValue *
wish_parse_methods(const MtRow *row, const char *text, GError **error)
{
    static const char *const known[] = { "none", "xbzrle", "mt",  "zlib",
                                         "zstd", "qatzip", "qpl", "uadk",
                                         NULL };
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_auto(GStrv) words = g_strsplit(lower, ",", -1);
    g_autoptr(GString) methods = g_string_new(NULL);

    for (char **w = words; *w; w++) {
        g_strstrip(*w);
        if (!g_strv_contains(known, *w)) {
            g_autofree char *list = g_strjoinv(", ", (char **)known);

            migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                              _("%s: unknown method '%s'; accepted: %s, or "
                                "several separated by commas"),
                              row->name, *w, list);
            return NULL;
        }
        for (char **before = words; before < w; before++) {
            if (strcmp(*before, *w) == 0) {
                migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                                  _("%s: method '%s' is given twice"),
                                  row->name, *w);
                return NULL;
            }
        }
        if (strcmp(*w, "none") == 0 && g_strv_length(words) > 1) {
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                              _("%s: 'none' does not go with other methods"),
                              row->name);
            return NULL;
        }
        g_string_append_printf(methods, "%s%s", methods->len ? "," : "", *w);
    }

    return mt_value_new_text(MT_TYPE_STRING, methods->str);
}

static void
wish_take_error(MtWish *wish, GError *error)
{
    mt_wish_refuse(wish, error->code, NULL, "%s", error->message);
    g_error_free(error);
}

/* An enum value that QEMU has in no release is a mistake, not a lack. */
static gboolean
wish_check_member(const MtCaps *caps, const MtRow *row, const char *value,
                  GError **error)
{
    const MtCapsEntry *entry = mt_caps_lookup(caps, row);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *list = NULL;

    if (row->type != MT_TYPE_ENUM || mt_caps_has_member(caps, row, value))
        return TRUE;
    for (const MtEnumMember *m = row->members; m && m->name; m++) {
        if (strcmp(m->name, value) == 0)
            return TRUE;
        g_ptr_array_add(names, (gpointer)m->name);
    }
    for (char **m = entry ? entry->members : NULL; m && *m; m++) {
        if (!g_ptr_array_find_with_equal_func(names, *m, g_str_equal, NULL))
            g_ptr_array_add(names, *m);
    }
    g_ptr_array_add(names, NULL);
    list = g_strjoinv(", ", (char **)names->pdata);
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                      _("%s: unknown value '%s'; accepted: %s"), row->name,
                      value, list);
    return FALSE;
}

static MtWish *
wish_new_typed(const MtCaps *caps, const virTypedParameter *param)
{
    /* A field without an end would otherwise be read past. */
    g_autofree char *name =
        g_strndup(param->field, VIR_TYPED_PARAM_FIELD_LENGTH);
    g_autofree char *valid = g_utf8_make_valid(name, -1);
    g_autofree char *text = mt_typed_to_text(param);
    MtSpelling spelling = MT_SPELLING_OURS;
    const MtRow *row = mt_caps_find_row(caps, name, &spelling);
    MtWish *wish = wish_new(row ? row->name : valid, row);
    GError *error = NULL;

    wish->spelling = spelling;
    if (!row) {
        const char *near = mt_row_suggest(name);

        if (near)
            mt_wish_refuse(wish, MIGTUNE_ERROR_UNKNOWN_PARAMETER, NULL,
                           _("there is no parameter '%s'; did you mean '%s'?"),
                           valid, near);
        else
            mt_wish_refuse(wish, MIGTUNE_ERROR_UNKNOWN_PARAMETER, NULL,
                           _("there is no parameter '%s'"), valid);
    } else if (row == mt_row(MT_PARAM_COMPRESSION)) {
        wish->value = mt_value_from_typed(row, spelling, param, &error);
        if (wish->value) {
            g_clear_pointer(&wish->value, mt_value_free);
            wish->value = wish_parse_methods(row, text, &error);
        }
    } else {
        wish->value = mt_value_from_typed(row, spelling, param, &error);
        if (wish->value && row->type == MT_TYPE_ENUM &&
            !wish_check_member(caps, row, wish->value->text, &error))
            g_clear_pointer(&wish->value, mt_value_free);
    }
    if (error)
        wish_take_error(wish, error);
    if (wish->value)
        wish->asked = mt_value_format(row, wish->value);
    else
        wish->asked = g_utf8_make_valid(text ? text : "", -1);

    return wish;
}

MtWish *
mt_wish_new_restore(const MtRow *row, const MtValue *value)
{
    MtWish *wish = wish_new(row->name, row);

    wish->value = mt_value_copy(value);
    wish->asked = mt_value_format(row, value);
    return wish;
}

MtWish *
mt_wish_new_forgotten(const char *name, const MtRow *row, const char *value)
{
    MtWish *wish = wish_new(name, row);

    wish->shown = NULL;
    wish->asked = g_strdup("-");
    wish->verdict = MIGTUNE_VERDICT_KEPT;
    mt_wish_say(wish, _("nothing is wished about it any more; it was %s"), value);
    return wish;
}

static MtWish *
wishes_find(GPtrArray *wishes, const MtRow *row)
{
    for (guint i = 0; row && i < wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(wishes, i);

        if (wish->row == row)
            return wish;
    }

    return NULL;
}

/* Adds the methods of a repeated `compression` to the first. */
static gboolean
wish_merge_methods(MtWish *first, MtWish *again)
{
    g_autofree char *both = NULL;
    GError *error = NULL;
    MtValue *value;

    if (first->row != mt_row(MT_PARAM_COMPRESSION) || !first->value ||
        !again->value)
        return FALSE;

    both = g_strdup_printf("%s,%s", first->value->text, again->value->text);
    value = wish_parse_methods(first->row, both, &error);
    if (!value) {
        wish_take_error(first, error);
        return TRUE;
    }
    mt_value_free(first->value);
    first->value = value;
    g_free(first->asked);
    first->asked = g_strdup(value->text);
    return TRUE;
}

GPtrArray *
mt_wishes_new(const MtCaps *caps, const virTypedParameter *params,
              int n_params)
{
    GPtrArray *wishes =
        g_ptr_array_new_with_free_func((GDestroyNotify)mt_wish_free);

    for (int i = 0; i < n_params; i++) {
        MtWish *wish = wish_new_typed(caps, &params[i]);
        MtWish *first = wishes_find(wishes, wish->row);

        if (first && wish_merge_methods(first, wish)) {
            mt_wish_free(wish);
            continue;
        }
        if (first && wish->value && first->value &&
            !mt_value_equal(first->value, wish->value))
            mt_wish_refuse(wish, MIGTUNE_ERROR_CONFLICT, NULL,
                           _("%s is wished twice, as %s and as %s"),
                           wish->name, first->asked, wish->asked);
        g_ptr_array_add(wishes, wish);
    }

    return wishes;
}
