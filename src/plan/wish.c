/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Wishes.
 *
 * The name of a parameter is looked up in the catalogue and among the rows that
 * only this QEMU has.  The value is checked by type, unit and bounds.
 * `compression` may be given several times, as in libvirt's API, and becomes one
 * wish.  Any other parameter may be given only once, or with equal values.
 */
#include "config.h"

#include <string.h>

#include "plan/wish.h"
#include "util/i18n.h"

const char *
mt_reason_to_string(MtReason reason)
{
    static const char *const names[] = {
        [MT_REASON_INVALID_VALUE] = "invalid-value",
        [MT_REASON_UNKNOWN_PARAMETER] = "unknown-parameter",
        [MT_REASON_CONFLICT] = "conflict",
        [MT_REASON_MIGRATION_RUNNING] = "migration-running",
        [MT_REASON_ALREADY_LISTENING] = "already-listening",
        [MT_REASON_REMOVED] = "removed",
        [MT_REASON_NOT_YET_ADDED] = "not-yet-added",
        [MT_REASON_NOT_BUILT_IN] = "not-built-in",
        [MT_REASON_NOT_SETTABLE] = "not-settable",
        [MT_REASON_NEEDS_MONITOR] = "needs-monitor",
        [MT_REASON_UNSUPPORTED] = "unsupported",
        [MT_REASON_HELD_BACK] = "held-back",
        [MT_REASON_OTHER_NAME] = "other-name",
        [MT_REASON_EQUIVALENT] = "equivalent",
        [MT_REASON_LEFT_OUT] = "left-out",
        [MT_REASON_SAME_WITHOUT] = "same-without",
        [MT_REASON_IGNORED_BY_QEMU] = "ignored-by-qemu",
        [MT_REASON_LEGACY_COMMAND] = "legacy-command",
        [MT_REASON_NOT_READABLE] = "not-readable",
        [MT_REASON_SWITCHES_OFF] = "switches-off",
        [MT_REASON_NEEDS_OTHER] = "needs-other",
        [MT_REASON_IDLE_WITH] = "idle-with",
        [MT_REASON_NOT_KEPT] = "not-kept",
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(names) == MT_N_REASONS);
    return names[reason];
}

/* The reason of a refusal that has no more exact one. */
static MtReason
reason_of_error(MigtuneErrorCode code)
{
    static const struct {
        MigtuneErrorCode code;
        MtReason reason;
    } reasons[] = {
        { MIGTUNE_ERROR_INVALID_VALUE, MT_REASON_INVALID_VALUE },
        { MIGTUNE_ERROR_UNKNOWN_PARAMETER, MT_REASON_UNKNOWN_PARAMETER },
        { MIGTUNE_ERROR_CONFLICT, MT_REASON_CONFLICT },
        { MIGTUNE_ERROR_BUSY, MT_REASON_MIGRATION_RUNNING },
    };

    for (guint i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (reasons[i].code == code)
            return reasons[i].reason;
    }

    return MT_REASON_UNSUPPORTED;
}

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
    g_array_unref(wish->reasons);
    g_ptr_array_unref(wish->rows);
    mt_value_free(wish->before);
    mt_value_free(wish->after);
    g_free(wish);
}

static MtWish *
wish_new(const char *name, const MtRow *row)
{
    MtWish *wish = g_new0(MtWish, 1);

    wish->name = g_strdup(name);
    wish->row = row;
    wish->reason = g_string_new(NULL);
    wish->reasons = g_array_new(FALSE, FALSE, sizeof(MtReason));
    wish->rows = g_ptr_array_new();
    wish->shown = row;
    return wish;
}

static void
wish_say_text(MtWish *wish, MtReason reason, const char *text)
{
    if (strstr(wish->reason->str, text))
        return;
    if (wish->reason->len)
        g_string_append(wish->reason, "; ");
    g_string_append(wish->reason, text);
    g_array_append_val(wish->reasons, reason);
}

void
mt_wish_say(MtWish *wish, MtReason reason, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    wish_say_text(wish, reason, text);
}

void
mt_wish_clear_reason(MtWish *wish)
{
    g_string_truncate(wish->reason, 0);
    g_array_set_size(wish->reasons, 0);
}

/* Whether @name stands in @text as a word. */
static gboolean
text_names(const char *text, const char *name)
{
    gsize length = strlen(name);

    for (const char *at = strstr(text, name); at && length;
         at = strstr(at + 1, name)) {
        gboolean begins = at == text || !strchr("._-", at[-1]);
        gboolean ends = !strchr("._-", at[length]) || !at[length];

        if (begins && ends && (at == text || !g_ascii_isalnum(at[-1])) &&
            !g_ascii_isalnum(at[length]))
            return TRUE;
    }

    return FALSE;
}

void
mt_wish_refuse_for(MtWish *wish, MigtuneErrorCode code, MtReason reason,
                   const char *rule, const char *text)
{
    wish->verdict = MIGTUNE_VERDICT_REFUSED;
    wish_say_text(wish, reason, text);
    if (wish->error)
        return;

    if (text_names(text, wish->name))
        migtune_error_set(&wish->error, code, "%s", text);
    else
        migtune_error_set(&wish->error, code, "%s: %s", wish->name, text);
    migtune_error_set_field(wish->error, MIGTUNE_ERROR_FIELD_PARAMETER,
                            wish->name);
    migtune_error_set_field(wish->error, MIGTUNE_ERROR_FIELD_RULE, rule);
    migtune_error_set_field(wish->error, MIGTUNE_ERROR_FIELD_REASON,
                            mt_reason_to_string(reason));
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
    mt_wish_refuse_for(wish, code, reason_of_error(code), rule, text);
}

gboolean
mt_wish_is_alive(const MtWish *wish)
{
    return !wish->error && !wish->given_up;
}

void
mt_wish_settle(MtWish *wish)
{
    wish->verdict = wish->error || wish->held_back ? MIGTUNE_VERDICT_REFUSED
                    : wish->forgotten              ? MIGTUNE_VERDICT_FORGOTTEN
                    : wish->given_up || wish->left_out
                        ? MIGTUNE_VERDICT_DROPPED
                    : wish->ignored     ? MIGTUNE_VERDICT_IGNORED
                    : wish->idle        ? MIGTUNE_VERDICT_NO_EFFECT
                    : wish->unverified  ? MIGTUNE_VERDICT_UNVERIFIED
                    : wish->substituted ? MIGTUNE_VERDICT_SUBSTITUTED
                                        : MIGTUNE_VERDICT_IN_FORCE;
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

/* Reads a list of methods such as "XBZRLE, zlib".  The value is in lower case and
 * without blanks. */
static MtValue *
wish_parse_methods(const char *text, GError **error)
{
    static const char *const known[] = { "none", "xbzrle", "mt",  "zlib",
                                         "zstd", "qatzip", "qpl", "uadk",
                                         NULL };
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_auto(GStrv) words = g_strsplit(lower, ",", -1);
    g_autoptr(GString) methods = g_string_new(NULL);

    if (!*g_strstrip(lower)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("the value is empty; 'none' switches compression "
                            "off"));
        return NULL;
    }
    for (char **w = words; *w; w++) {
        g_strstrip(*w);
        if (!g_strv_contains(known, *w)) {
            g_autofree char *list = g_strjoinv(", ", (char **)known);

            migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                              _("unknown method '%s'; accepted: %s, or several "
                                "of these separated by commas"),
                              *w, list);
            return NULL;
        }
        for (char **before = words; before < w; before++) {
            if (strcmp(*before, *w) == 0) {
                migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                                  _("method '%s' is given twice"), *w);
                return NULL;
            }
        }
        if (strcmp(*w, "none") == 0 && g_strv_length(words) > 1) {
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                              _("'none' cannot be combined with other "
                                "methods"));
            return NULL;
        }
        g_string_append_printf(methods, "%s%s", methods->len ? "," : "", *w);
    }

    return mt_value_new_text(MT_TYPE_STRING, methods->str);
}

/* Refuses @wish because of @error, which is taken. */
static void
wish_take_error(MtWish *wish, GError *error)
{
    g_autofree char *prefix = g_strdup_printf("%s: ", wish->name);
    const char *text = error->message;

    if (g_str_has_prefix(text, prefix))
        text += strlen(prefix);
    mt_wish_refuse(wish, error->code, NULL, "%s", text);
    g_error_free(error);
}

/* Refuses an enum value that no release of QEMU has.  A value that only this
 * QEMU lacks may have an equivalent and is handled later. */
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
                      _("unknown value '%s'; accepted: %s"), value, list);
    return FALSE;
}

static MtWish *
wish_new_typed(const MtCaps *caps, const virTypedParameter *param)
{
    /* The caller's name need not end with a NUL. */
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
            wish->value = wish_parse_methods(text, &error);
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
    wish->forgotten = TRUE;
    mt_wish_settle(wish);
    mt_wish_say(wish, MT_REASON_NOT_KEPT,
                _("no longer kept for later starts; it was %s"), value);
    return wish;
}

/* Adds the methods of a repeated `compression` to the first wish.  FALSE if @again
 * is another parameter or is refused. */
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
    value = wish_parse_methods(both, &error);
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

MtWish *
mt_wishes_find(const GPtrArray *wishes, const MtRow *row)
{
    for (guint i = 0; row && i < wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(wishes, i);

        if (wish->row == row)
            return wish;
    }

    return NULL;
}

GPtrArray *
mt_wishes_new(const MtCaps *caps, const virTypedParameter *params,
              int n_params)
{
    GPtrArray *wishes =
        g_ptr_array_new_with_free_func((GDestroyNotify)mt_wish_free);

    for (int i = 0; i < n_params; i++) {
        MtWish *wish = wish_new_typed(caps, &params[i]);
        MtWish *first = mt_wishes_find(wishes, wish->row);

        if (first && wish_merge_methods(first, wish)) {
            mt_wish_free(wish);
            continue;
        }
        if (first && wish->value && first->value &&
            !mt_value_equal(first->value, wish->value))
            mt_wish_refuse(wish, MIGTUNE_ERROR_CONFLICT, NULL,
                           _("given twice, as %s and as %s"), first->asked,
                           wish->asked);
        g_ptr_array_add(wishes, wish);
    }

    return wishes;
}
