/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Computing a profile: from every table, the parts that the release has become
 * shapes, which the check of arguments and the schema use.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/profile/profile-private.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

static const char *const state_names[] = {
    [MT_REF_ABSENT] = "removed",
    [MT_REF_PRESENT] = "present",
    [MT_REF_DEPRECATED] = "deprecated",
    [MT_REF_STUBBED] = "stubbed",
};

const char *
mt_ref_state_to_string(MtRefState state)
{
    return state_names[state];
}

gboolean
mt_ref_state_from_string(const char *text, MtRefState *ret_state)
{
    for (guint i = 0; i < G_N_ELEMENTS(state_names); i++) {
        if (strcmp(state_names[i], text) == 0) {
            *ret_state = i;
            return TRUE;
        }
    }

    return FALSE;
}

MtRefState
mt_ref_span_state(const MtRefSpan *span, MtRelease release)
{
    if (release < span->since || (span->removed && release >= span->removed))
        return MT_REF_ABSENT;
    if (span->deprecated && release >= span->deprecated)
        return MT_REF_DEPRECATED;

    return MT_REF_PRESENT;
}

gboolean
mt_ref_span_unstable(const MtRefSpan *span, MtRelease release)
{
    return span->unstable && release >= span->unstable;
}

char *
mt_ref_type_element(const char *type)
{
    if (*type != '[')
        return NULL;

    return g_strndup(type + 1, strlen(type) - 2);
}

static void
shape_free(MtRefShape *shape)
{
    g_array_unref(shape->fields);
    g_clear_pointer(&shape->variants, g_array_unref);
    g_free(shape);
}

static GArray *
profile_fields_of_members(const MtRefProfile *profile,
                          const MtRefMember *members)
{
    GArray *fields = g_array_new(FALSE, TRUE, sizeof(MtRefField));

    for (const MtRefMember *m = members; m->name; m++) {
        MtRefState state = mt_ref_span_state(&m->span, profile->release);
        MtRefField field = {
            .name = m->name,
            .type = m->type,
            .optional = m->optional && profile->release >= m->optional,
            .deprecated = state == MT_REF_DEPRECATED,
            .unstable = mt_ref_span_unstable(&m->span, profile->release),
            .settable = TRUE,
        };

        if (state != MT_REF_ABSENT)
            g_array_append_val(fields, field);
    }

    return fields;
}

/* The member or value that @row is in the release; FALSE if it does not have
 * the row. */
static gboolean
profile_field_of_row(const MtRefProfile *profile, const MtRow *row,
                     MtRefField *ret_field)
{
    MtRefState state = mt_ref_profile_row(profile, row);

    *ret_field = (MtRefField) {
        .name = row->qmp,
        .row = row,
        .deprecated = state == MT_REF_DEPRECATED,
        .unstable = row->unstable && profile->release >= row->unstable,
        .settable = profile->release >= row->settable,
    };

    return state != MT_REF_ABSENT;
}

static GArray *
profile_fields_of_capabilities(const MtRefProfile *profile)
{
    GArray *fields = g_array_new(FALSE, TRUE, sizeof(MtRefField));
    MtRefField field;

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (mt_row(i)->kind == MT_KIND_CAPABILITY &&
            profile_field_of_row(profile, mt_row(i), &field))
            g_array_append_val(fields, field);
    }

    return fields;
}

/* The type of a parameter in the release: before 6.0 most numbers are int, and
 * before 2.10 texts cannot be null. */
static const char *
profile_row_type(const MtRefProfile *profile, const MtRefRowType *row_type,
                 gboolean queried)
{
    MtType type = mt_row(row_type->id)->type;

    if (queried && row_type->query_type && profile->release < MT_RELEASE(11, 0))
        return row_type->query_type;
    if (type == MT_TYPE_STRING && profile->release < MT_RELEASE(2, 10))
        return "str";
    if ((type == MT_TYPE_INT || type == MT_TYPE_ULLONG) && !row_type->always &&
        profile->release < MT_RELEASE(6, 0))
        return "int";

    return row_type->type;
}

static GArray *
profile_fields_of_parameters(const MtRefProfile *profile, gboolean queried)
{
    GArray *fields = g_array_new(FALSE, TRUE, sizeof(MtRefField));
    MtRefField field;

    for (const MtRefRowType *t = mt_ref_row_types; t->id != MT_PARAM_NONE;
         t++) {
        if (!profile_field_of_row(profile, mt_row(t->id), &field))
            continue;
        field.type = profile_row_type(profile, t, queried);
        field.optional = !queried || profile->release >= MT_RELEASE(2, 8);
        g_array_append_val(fields, field);
    }

    return fields;
}

static MtRefState
profile_value_state(const MtRefProfile *profile, const MtRow *row,
                    const MtEnumMember *value)
{
    g_autofree char *name = g_strdup_printf("%s=%s", row->qmp, value->name);
    gpointer state;

    if (g_hash_table_lookup_extended(profile->members, name, NULL, &state))
        return GPOINTER_TO_INT(state);
    if (profile->release < value->since ||
        (value->build_option &&
         !mt_ref_profile_has_build_option(profile, value->name)))
        return MT_REF_ABSENT;

    return MT_REF_PRESENT;
}

static GArray *
profile_fields_of_values(const MtRefProfile *profile, const MtRow *row)
{
    GArray *fields = g_array_new(FALSE, TRUE, sizeof(MtRefField));

    for (const MtEnumMember *m = row->members; m->name; m++) {
        MtRefState state = profile_value_state(profile, row, m);
        MtRefField field = {
            .name = m->name,
            .deprecated = state == MT_REF_DEPRECATED,
            .settable = TRUE,
        };

        if (state != MT_REF_ABSENT)
            g_array_append_val(fields, field);
    }

    return fields;
}

static GArray *
profile_fields(const MtRefProfile *profile, const MtRefType *type)
{
    switch (type->meta) {
    case MT_REF_CAPABILITIES:
        return profile_fields_of_capabilities(profile);
    case MT_REF_VALUES:
        return profile_fields_of_values(profile, mt_row(type->row));
    case MT_REF_ARGUMENTS:
        return profile_fields_of_parameters(profile, FALSE);
    case MT_REF_PARAMETERS:
        return profile_fields_of_parameters(profile, TRUE);
    case MT_REF_OBJECT:
    case MT_REF_ENUM:
    case MT_REF_ALTERNATE:
        break;
    }

    return profile_fields_of_members(profile, type->members);
}

static void
profile_add_shapes(MtRefProfile *profile)
{
    for (const MtRefType *t = mt_ref_types; t->name; t++) {
        MtRefShape *shape = g_new0(MtRefShape, 1);

        shape->type = t;
        shape->fields = profile_fields(profile, t);
        if (t->variants)
            shape->variants = profile_fields_of_members(profile, t->variants);
        /* A union in later releases only. */
        if (shape->variants && !shape->variants->len)
            g_clear_pointer(&shape->variants, g_array_unref);
        g_hash_table_insert(profile->shapes, (gpointer)t->name, shape);
    }
}

static gboolean
profile_add_build_options(MtRefProfile *profile, const char *const *options,
                          GError **error)
{
    for (guint i = 0; options[i]; i++) {
        if (!mt_ref_build_option_exists(options[i])) {
            g_autofree char *all = mt_ref_build_options_text();

            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                              _("unknown build option '%s'; expected one of "
                                "%s"),
                              options[i], all);
            return FALSE;
        }
        g_hash_table_add(profile->build_options, g_strdup(options[i]));
    }

    return TRUE;
}

/* Whether @name is "parameter=member" and any release has it. */
static gboolean
override_is_member(const char *name)
{
    const char *equals = strchr(name, '=');
    g_autofree char *parameter = NULL;
    const MtRow *row;

    if (!equals)
        return FALSE;
    parameter = g_strndup(name, equals - name);
    row = mt_row_find_qmp(MT_KIND_PARAMETER, parameter);
    for (const MtEnumMember *m = row ? row->members : NULL; m && m->name; m++) {
        if (strcmp(m->name, equals + 1) == 0)
            return TRUE;
    }

    return FALSE;
}

static gboolean
profile_override(MtRefProfile *profile, const MtRefOverride *override,
                 GError **error)
{
    const MtRow *row = mt_row_find_qmp(MT_KIND_CAPABILITY, override->name);

    if (!row)
        row = mt_row_find_qmp(MT_KIND_PARAMETER, override->name);
    if (row) {
        profile->rows[mt_row_id(row)] = override->state;
        return TRUE;
    }
    if (mt_ref_command_find(override->name)) {
        g_hash_table_insert(profile->commands, g_strdup(override->name),
                            GINT_TO_POINTER(override->state));
        return TRUE;
    }
    if (override_is_member(override->name)) {
        g_hash_table_insert(profile->members, g_strdup(override->name),
                            GINT_TO_POINTER(override->state));
        return TRUE;
    }

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("'%s' cannot be %s: no release has a capability, a "
                        "parameter, a command or a 'parameter=value' of that "
                        "name"),
                      override->name, mt_ref_state_to_string(override->state));
    return FALSE;
}

static MtRefState
row_state(const MtRow *row, MtRelease release)
{
    if (!row->qmp || !mt_row_in_release(row, release))
        return MT_REF_ABSENT;
    if (row->deprecated && release >= row->deprecated)
        return MT_REF_DEPRECATED;

    return MT_REF_PRESENT;
}

MtRefProfile *
mt_ref_profile_new(MtRelease release, const char *const *build_options,
                   const MtRefOverride *overrides, GError **error)
{
    g_autoptr(MtRefProfile) profile = NULL;
    g_auto(GStrv) defaults = NULL;

    if (!mt_release_exists(release)) {
        g_autofree char *text = mt_release_format(release);
        g_autofree char *first = mt_release_format(MT_RELEASE_FIRST);
        g_autofree char *last = mt_release_format(MT_RELEASE_LAST);

        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("QEMU %s is not supported; expected a release "
                            "from %s to %s"),
                          text ? text : "0", first, last);
        return NULL;
    }

    profile = g_new0(MtRefProfile, 1);
    profile->refs = 1;
    profile->release = release;
    profile->build_options =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    profile->commands =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    profile->members =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    profile->shapes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                            (GDestroyNotify)shape_free);
    if (!build_options) {
        defaults = mt_ref_build_options_default(release);
        build_options = (const char *const *)defaults;
    }
    if (!profile_add_build_options(profile, build_options, error))
        return NULL;
    for (guint i = 0; i < MT_N_PARAMS; i++)
        profile->rows[i] = row_state(mt_row(i), release);
    for (const MtRefOverride *o = overrides; o && o->name; o++) {
        if (!profile_override(profile, o, error))
            return NULL;
    }
    profile_add_shapes(profile);

    return g_steal_pointer(&profile);
}

MtRefProfile *
mt_ref_profile_ref(MtRefProfile *profile)
{
    g_atomic_int_inc(&profile->refs);

    return profile;
}

void
mt_ref_profile_unref(MtRefProfile *profile)
{
    if (!profile || !g_atomic_int_dec_and_test(&profile->refs))
        return;

    g_hash_table_unref(profile->build_options);
    g_hash_table_unref(profile->commands);
    g_hash_table_unref(profile->members);
    g_hash_table_unref(profile->shapes);
    g_free(profile);
}

MtRelease
mt_ref_profile_release(const MtRefProfile *profile)
{
    return profile->release;
}

gboolean
mt_ref_profile_has_build_option(const MtRefProfile *profile, const char *option)
{
    return g_hash_table_contains(profile->build_options, option);
}

MtRefState
mt_ref_profile_row(const MtRefProfile *profile, const MtRow *row)
{
    MtParamId id = mt_row_id(row);

    return id == MT_PARAM_NONE ? MT_REF_ABSENT : profile->rows[id];
}

MtRefState
mt_ref_profile_command(const MtRefProfile *profile, const char *name)
{
    const MtRefCommand *command = mt_ref_command_find(name);
    gpointer state;

    if (!command)
        return MT_REF_ABSENT;
    if (g_hash_table_lookup_extended(profile->commands, name, NULL, &state))
        return GPOINTER_TO_INT(state);

    return mt_ref_span_state(&command->span, profile->release);
}

const MtRefShape *
mt_ref_profile_shape(const MtRefProfile *profile, const char *type)
{
    return g_hash_table_lookup(profile->shapes, type);
}

const MtRefField *
mt_ref_shape_field(const MtRefShape *shape, const char *name)
{
    for (guint i = 0; i < shape->fields->len; i++) {
        const MtRefField *f = &g_array_index(shape->fields, MtRefField, i);

        if (strcmp(f->name, name) == 0)
            return f;
    }

    return NULL;
}

gboolean
mt_ref_profile_has_event(const MtRefProfile *profile, const char *name)
{
    for (const MtRefEvent *e = mt_ref_events; e->name; e++) {
        if (strcmp(e->name, name) == 0)
            return mt_ref_span_state(&e->span, profile->release) !=
                   MT_REF_ABSENT;
    }

    return FALSE;
}

gboolean
mt_ref_profile_has_status(const MtRefProfile *profile, const char *name)
{
    const MtRefShape *shape = mt_ref_profile_shape(profile, "MigrationStatus");

    return mt_ref_shape_field(shape, name) != NULL;
}

gboolean
mt_ref_profile_has_member(const MtRefProfile *profile, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    const char *type = "MigrationInfo";

    for (guint i = 0; parts[i]; i++) {
        const MtRefShape *shape = mt_ref_profile_shape(profile, type);
        const MtRefField *field =
            shape ? mt_ref_shape_field(shape, parts[i]) : NULL;

        if (!field)
            return FALSE;
        type = field->type;
    }

    return TRUE;
}

JsonObject *
mt_ref_profile_version(const MtRefProfile *profile)
{
    JsonObject *version = json_object_new();
    JsonObject *qemu = json_object_new();

    json_object_set_int_member(qemu, "micro", 0);
    json_object_set_int_member(qemu, "minor", profile->release & 0xff);
    json_object_set_int_member(qemu, "major", profile->release >> 8);
    json_object_set_object_member(version, "qemu", qemu);
    json_object_set_string_member(version, "package", "migtune ref");

    return version;
}
