/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public form of the catalogue: as JSON, and as the types of typed
 * parameters.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "params/value.h"
#include "probe/caps.h"
#include "util/i18n.h"
#include "util/json-peek.h"

const char *
migtune_get_version(void)
{
    return PACKAGE_VERSION;
}

static void
catalogue_set_release(JsonObject *object, const char *member, MtRelease release)
{
    g_autofree char *text = mt_release_format(release);

    mt_json_set_text(object, member, text);
}

static void
catalogue_set_number(JsonObject *object, const char *member, const MtRow *row,
                     guint64 number)
{
    g_autoptr(MtValue) value = mt_value_new_number(row->type, number);

    json_object_set_member(object, member,
                           mt_value_to_report(row, MT_SPELLING_OURS, value));
}

/* Formats "parallel", or "parallel (8.2 to 9.0)" if the rule applies only to
 * some releases. */
static char *
catalogue_rule_text(const MtRow *other, const MtRule *rule)
{
    g_autofree char *from = mt_release_format(rule->from);
    g_autofree char *until = mt_release_format(rule->until);
    g_autofree char *name =
        rule->value ? g_strdup_printf("%s=%s", other->name, rule->value)
                    : g_strdup(other->name);

    if (from && until && strcmp(from, until) == 0)
        return g_strdup_printf("%s (%s)", name, from);
    if (from && until)
        return g_strdup_printf("%s (%s-%s)", name, from, until);
    if (from)
        return g_strdup_printf("%s (%s-)", name, from);
    if (until)
        return g_strdup_printf("%s (-%s)", name, until);

    return g_steal_pointer(&name);
}

/* A conflict is stored in one of its two rows and listed for both. */
static void
catalogue_add_rules(JsonObject *object, const MtRow *row)
{
    JsonArray *needs = json_array_new();
    JsonArray *conflicts = json_array_new();

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *owner = mt_row(i);

        for (const MtRule *r = owner->rules; r && r->relation; r++) {
            const MtRow *other = mt_row(r->other);
            g_autofree char *text = NULL;

            if (owner != row && other != row)
                continue;
            text = catalogue_rule_text(owner == row ? other : owner, r);
            if (r->relation == MT_RULE_EXCLUDES)
                json_array_add_string_element(conflicts, text);
            else if (owner == row && r->relation != MT_RULE_USELESS_WITH)
                json_array_add_string_element(needs, text);
        }
    }
    json_object_set_array_member(object, "needs", needs);
    json_object_set_array_member(object, "conflicts", conflicts);
}

/* Returns the QMP name or the command with which QEMU sets @row. */
static JsonObject *
catalogue_row_to_json(const MtRow *row, MtRelease release, const char *qmp)
{
    JsonObject *object = json_object_new();
    const char *def = mt_row_default(row, release);
    JsonArray *values;

    json_object_set_string_member(object, "name", row->name);
    mt_json_set_text(object, "qmp", qmp);
    json_object_set_string_member(object, "kind",
                                  mt_kind_to_string(row->kind));
    json_object_set_string_member(object, "type",
                                  mt_type_to_string(row->type));
    mt_json_set_text(object, "unit", mt_unit_to_string(row->unit));
    if (row->type == MT_TYPE_INT || row->type == MT_TYPE_ULLONG) {
        catalogue_set_number(object, "min", row, row->min);
        /* JSON has no larger integers. */
        if (row->max > G_MAXINT64)
            json_object_set_null_member(object, "max");
        else
            catalogue_set_number(object, "max", row, row->max);
    } else {
        json_object_set_null_member(object, "min");
        json_object_set_null_member(object, "max");
    }
    if (def) {
        g_autoptr(MtValue) value = mt_value_from_table(row, def);

        json_object_set_member(
            object, "default",
            mt_value_to_report(row, MT_SPELLING_OURS, value));
    } else {
        json_object_set_null_member(object, "default");
    }
    values = json_array_new();
    for (const MtEnumMember *m = row->members; m && m->name; m++) {
        if (release >= m->since)
            json_array_add_string_element(values, m->name);
    }
    json_object_set_array_member(object, "values", values);
    json_object_set_string_member(object, "sides",
                                  mt_sides_to_string(row->sides));
    json_object_set_string_member(object, "when",
                                  mt_when_to_string(mt_row_when(row, release)));
    json_object_set_string_member(object, "pair",
                                  mt_pair_relation_to_string(row->pair));
    mt_json_set_text(object, "pair_with",
                     row->pair_with == MT_PARAM_COMPRESSION
                         ? NULL
                         : mt_row(row->pair_with)->name);
    json_object_set_boolean_member(object, "before_listening",
                                   row->before_listening);
    catalogue_add_rules(object, row);
    catalogue_set_release(object, "since", mt_row_since(row));
    catalogue_set_release(object, "qmp_since", row->since);
    catalogue_set_release(object, "deprecated", row->deprecated);
    catalogue_set_release(object, "removed", row->removed);
    json_object_set_boolean_member(object, "unstable",
                                   row->unstable != MT_RELEASE_NONE &&
                                       release >= row->unstable);
    json_object_set_boolean_member(object, "libvirt", row->libvirt);
    json_object_set_string_member(object, "help", _(row->help));

    return object;
}

/* Describes how the QEMU of @caps sets @row, also under an older name or
 * with an older command. NULL if that QEMU does not have the row. */
static const char *
catalogue_find_qmp(const MtCaps *caps, const MtRow *row)
{
    const MtCapsEntry *entry = mt_caps_lookup(caps, row);
    const MtRow *older = mt_row_renamed_from(row);

    if (!entry && older)
        entry = mt_caps_lookup(caps, older);
    if (!entry)
        return NULL;

    return entry->access == MT_ACCESS_LEGACY ? entry->row->legacy->set
                                             : entry->row->qmp;
}

JsonNode *
migtune_catalogue_to_json(const char *release_text, GError **error)
{
    MtRelease release = MT_RELEASE_MAX;
    g_autoptr(MtCaps) caps = NULL;
    JsonArray *array;

    if (release_text) {
        release = mt_core_parse_release(release_text, error);
        if (release == MT_RELEASE_NONE)
            return NULL;
        caps = mt_caps_new_for_release(release);
    }

    array = json_array_new();
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        const char *qmp = row->qmp;

        /* A release lists each setting once, under its present name. */
        if (caps && qmp) {
            qmp = row->renamed_to == MT_PARAM_NONE
                      ? catalogue_find_qmp(caps, row) : NULL;
            if (!qmp)
                continue;
        }
        if (row->removed != MT_RELEASE_NONE &&
            row->removed <= MT_RELEASE_FIRST)
            continue;
        json_array_add_object_element(
            array, catalogue_row_to_json(row, release, qmp));
    }

    return mt_json_node_new_array(array);
}

const char *
migtune_param_canonical_name(const char *name)
{
    const MtRow *row;

    g_return_val_if_fail(name != NULL, NULL);

    row = mt_row_find(name, NULL);
    return row ? row->name : NULL;
}

const char *
migtune_param_suggest(const char *name)
{
    g_return_val_if_fail(name != NULL, NULL);

    return mt_row_suggest(name);
}

const char *
migtune_suggest(const char *name, const char *const *candidates)
{
    g_return_val_if_fail(name != NULL && candidates != NULL, NULL);

    return mt_name_nearest(name, candidates);
}

void
migtune_typed_params_free(virTypedParameterPtr params, int nparams)
{
    for (int i = 0; params && i < nparams; i++) {
        if (params[i].type == VIR_TYPED_PARAM_STRING)
            g_free(params[i].value.s);
    }
    g_free(params);
}

char *
migtune_typed_param_format(const virTypedParameter *param)
{
    gboolean qmp = FALSE;
    const MtRow *row;
    g_autoptr(MtValue) value = NULL;

    g_return_val_if_fail(param != NULL, NULL);

    row = mt_row_find(param->field, &qmp);
    if (row && row->kind != MT_KIND_WISH)
        value = mt_value_from_typed(
            row, qmp ? MT_SPELLING_QMP : MT_SPELLING_OURS, param, NULL);

    return value ? mt_value_format(row, value) : mt_typed_to_text(param);
}

/* Parses one `NAME=VALUE` word. */
static gboolean
catalogue_parse_word(const char *word, virTypedParameterPtr param,
                     GError **error)
{
    MtSpelling spelling;
    g_autoptr(GError) cause = NULL;
    const char *equals = strchr(word, '=');
    g_autofree char *name = NULL;
    g_autoptr(MtValue) value = NULL;
    gboolean qmp = FALSE;
    const MtRow *row;

    memset(param, 0, sizeof(*param));
    if (!equals || equals == word) {
        g_autofree char *valid = g_utf8_make_valid(word, -1);

        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'%s' is not of the form NAME=VALUE"), valid);
        return FALSE;
    }
    name = g_strndup(word, equals - word);
    if (strlen(name) >= VIR_TYPED_PARAM_FIELD_LENGTH) {
        migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                          _("the name '%.40s…' is too long for a parameter"),
                          name);
        return FALSE;
    }

    row = mt_row_find(name, &qmp);
    if (!row || row->kind == MT_KIND_WISH) {
        g_strlcpy(param->field, name, sizeof(param->field));
        param->type = VIR_TYPED_PARAM_STRING;
        param->value.s = g_strdup(equals + 1);
        return TRUE;
    }

    spelling = qmp ? MT_SPELLING_QMP : MT_SPELLING_OURS;
    value = mt_value_parse(row, spelling, equals + 1, &cause);
    /* In the API an empty text clears a setting; on the command line it is
     * an error. */
    if (!equals[1] && row->type == MT_TYPE_STRING) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }
    /* A wrong value is kept as text, so that a plan reports all errors at
     * once, and so is a rate that is not a whole number of MiB/s. */
    if (!value || !mt_value_to_typed(row, spelling, value, name, param)) {
        g_strlcpy(param->field, name, sizeof(param->field));
        param->type = VIR_TYPED_PARAM_STRING;
        param->value.s = g_strdup(equals + 1);
    }

    return TRUE;
}

gboolean
migtune_typed_params_parse(const char *const *words,
                           virTypedParameterPtr *params, int *nparams,
                           GError **error)
{
    guint n = words ? g_strv_length((char **)words) : 0;
    virTypedParameterPtr array = g_new0(virTypedParameter, n);

    for (guint i = 0; i < n; i++) {
        if (!catalogue_parse_word(words[i], &array[i], error)) {
            migtune_typed_params_free(array, i);
            return FALSE;
        }
    }

    *params = array;
    *nparams = n;
    return TRUE;
}
