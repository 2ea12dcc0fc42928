/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checking the arguments of a command against the shapes of the profile.
 *
 * Since 2.8 QEMU visits the members in the order of the type, each with its
 * value, and then reports unexpected members.  Before, the monitor compared
 * the outermost members with a list of its own first, and visited only their
 * values.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "drivers/ref/profile/input.h"
#include "drivers/ref/profile/profile-private.h"
#include "util/json.h"

typedef struct {
    const MtRefProfile *profile;
    guint reject;     /* of MtRefReject */
    GString *path;    /* of the value that is checked */
    const char *name; /* the last member of @path */
    MtRefRefusal *refusal;
} InputVisit;

static gboolean
visit_value(InputVisit *visit, const char *type, JsonNode *node);

/* -compat can reject unstable input since this release. */
#define UNSTABLE_SINCE MT_RELEASE(6, 2)

/* QEMU's word for the reason why @reject refuses something; NULL: accepted. */
static const char *
input_objection(const MtRefProfile *profile, guint reject,
                gboolean deprecated, gboolean unstable)
{
    if (deprecated && (reject & MT_REF_REJECT_DEPRECATED))
        return "Deprecated";
    if (unstable && (reject & MT_REF_REJECT_UNSTABLE) &&
        profile->release >= UNSTABLE_SINCE)
        return "Unstable";
    return NULL;
}

static const char *
visit_objection(const InputVisit *visit, const MtRefField *field)
{
    return input_objection(visit->profile, visit->reject, field->deprecated,
                           field->unstable);
}

static gboolean
visit_is_old(const InputVisit *visit)
{
    return visit->profile->release < MT_RELEASE(2, 8);
}

/* The value's name in a message: old releases print only the member. */
static const char *
visit_place(const InputVisit *visit)
{
    return visit_is_old(visit) ? visit->name : visit->path->str;
}

static gboolean
visit_refuse_type(InputVisit *visit, const char *expected)
{
    return mt_ref_refuse(visit->refusal,
                         "Invalid parameter type for '%s', expected: %s",
                         visit_place(visit), expected);
}

static gboolean
node_is(JsonNode *node, GType type)
{
    return JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == type;
}

/* Unsigned numbers.  QEMU accepts negative values for those of 64 bits, for
 * the sake of old clients. */
static gboolean
visit_unsigned(InputVisit *visit, guint bits, JsonNode *node)
{
    if (!node_is(node, G_TYPE_INT64))
        return mt_ref_refuse(visit->refusal, "Parameter '%s' expects uint64",
                             visit_place(visit));
    if (bits < 64 && (guint64)json_node_get_int(node) >> bits)
        return mt_ref_refuse(visit->refusal, "Parameter '%s' expects uint%u_t",
                             visit->name, bits);

    return TRUE;
}

typedef struct {
    const char *type;
    GType json; /* G_TYPE_NONE: null */
    guint bits; /* of unsigned numbers */
    const char *expected, *expected_old;
} InputBuiltin;

static gboolean
visit_builtin(InputVisit *visit, const InputBuiltin *builtin, JsonNode *node)
{
    if (builtin->bits && visit->profile->release >= MT_RELEASE(5, 0))
        return visit_unsigned(visit, builtin->bits, node);
    if (!builtin->bits && builtin->json == G_TYPE_INT64 &&
        mt_json_node_is_unsigned(node))
        return visit_refuse_type(visit, visit_is_old(visit)
                                            ? builtin->expected_old
                                            : builtin->expected);
    if (builtin->json == G_TYPE_NONE ? JSON_NODE_HOLDS_NULL(node)
                                     : node_is(node, builtin->json))
        return TRUE;
    if (builtin->json == G_TYPE_DOUBLE && node_is(node, G_TYPE_INT64))
        return TRUE;

    return visit_refuse_type(visit, visit_is_old(visit) ? builtin->expected_old
                                                        : builtin->expected);
}

static const InputBuiltin *
input_builtin(const char *type)
{
    static const InputBuiltin builtins[] = {
        { "str", G_TYPE_STRING, 0, "string", "string" },
        { "bool", G_TYPE_BOOLEAN, 0, "boolean", "bool" },
        { "int", G_TYPE_INT64, 0, "integer", "int" },
        { "uint8", G_TYPE_INT64, 8, "integer", "int" },
        { "uint16", G_TYPE_INT64, 16, "integer", "int" },
        { "uint32", G_TYPE_INT64, 32, "integer", "int" },
        { "uint64", G_TYPE_INT64, 64, "integer", "int" },
        { "size", G_TYPE_INT64, 64, "integer", "int" },
        { "number", G_TYPE_DOUBLE, 0, "number", "number" },
        { "null", G_TYPE_NONE, 0, "null", "null" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (strcmp(builtins[i].type, type) == 0)
            return &builtins[i];
    }

    return NULL;
}

static gboolean
visit_array(InputVisit *visit, const char *element, JsonNode *node)
{
    gsize length = visit->path->len;
    JsonArray *array;

    if (!JSON_NODE_HOLDS_ARRAY(node))
        return visit_refuse_type(visit, visit_is_old(visit) ? "list" : "array");

    array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        g_string_append_printf(visit->path, "[%u]", i);
        if (!visit_value(visit, element, json_array_get_element(array, i)))
            return FALSE;
        g_string_truncate(visit->path, length);
    }

    return TRUE;
}

static gboolean
visit_enum(InputVisit *visit, const MtRefShape *shape, JsonNode *node)
{
    const MtRefField *field;
    const char *text;
    const char *objection;

    if (!node_is(node, G_TYPE_STRING))
        return visit_refuse_type(visit, "string");

    text = json_node_get_string(node);
    field = mt_ref_shape_field(shape, text);
    if (!field && visit->profile->release < MT_RELEASE(6, 2))
        return mt_ref_refuse(visit->refusal, "Invalid parameter '%s'", text);
    if (!field)
        return mt_ref_refuse(visit->refusal,
                             "Parameter '%s' does not accept value '%s'",
                             visit->name, text);
    objection = visit_objection(visit, field);
    if (objection)
        return mt_ref_refuse(visit->refusal,
                             "%s value %s disabled by policy", objection,
                             text);

    return TRUE;
}

static gboolean
visit_alternate(InputVisit *visit, const MtRefShape *shape, JsonNode *node)
{
    for (guint i = 0; i < shape->fields->len; i++) {
        const char *type = g_array_index(shape->fields, MtRefField, i).type;
        GType json = input_builtin(type)->json;

        if (json == G_TYPE_NONE ? JSON_NODE_HOLDS_NULL(node)
                                : node_is(node, json))
            return TRUE;
    }

    return visit_refuse_type(visit, shape->type->name);
}

/* Appends a member to the path; returns the former length of the path. */
static gsize
visit_enter(InputVisit *visit, const char *member)
{
    gsize length = visit->path->len;

    if (length)
        g_string_append_c(visit->path, '.');
    g_string_append(visit->path, member);
    visit->name = member;

    return length;
}

static gboolean
visit_fields(InputVisit *visit, GArray *fields, JsonObject *object)
{
    for (guint i = 0; i < fields->len; i++) {
        const MtRefField *field = &g_array_index(fields, MtRefField, i);
        JsonNode *node = json_object_get_member(object, field->name);
        const char *objection;
        gsize length;

        if (!node && field->optional)
            continue;
        length = visit_enter(visit, field->name);
        if (!node)
            return mt_ref_refuse(visit->refusal, "Parameter '%s' is missing",
                                 visit_place(visit));
        objection = visit_objection(visit, field);
        if (objection)
            return mt_ref_refuse(visit->refusal,
                                 "%s parameter %s disabled by policy",
                                 objection, field->name);
        if (!visit_value(visit, field->type, node))
            return FALSE;
        g_string_truncate(visit->path, length);
    }

    return TRUE;
}

/* The shape that the tag of a union selects; NULL if it is not a union, or if
 * the branch has no members. */
static const MtRefShape *
visit_variant(InputVisit *visit, const MtRefShape *shape, JsonObject *object)
{
    const char *tag;

    if (!shape->variants)
        return NULL;
    tag = json_object_get_string_member(object, shape->type->tag);
    for (guint i = 0; i < shape->variants->len; i++) {
        const MtRefField *v = &g_array_index(shape->variants, MtRefField, i);

        if (strcmp(v->name, tag) == 0)
            return mt_ref_profile_shape(visit->profile, v->type);
    }

    return NULL;
}

static gboolean
visit_object(InputVisit *visit, const MtRefShape *shape, JsonObject *object)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GList) members = json_object_get_members(object);

    while (shape) {
        if (!visit_fields(visit, shape->fields, object))
            return FALSE;
        for (guint i = 0; i < shape->fields->len; i++)
            g_hash_table_add(
                known,
                (gpointer)g_array_index(shape->fields, MtRefField, i).name);
        shape = visit_variant(visit, shape, object);
    }

    for (GList *m = members; m; m = m->next) {
        const char *member = m->data;
        if (g_hash_table_contains(known, member))
            continue;
        visit_enter(visit, member);
        return mt_ref_refuse(visit->refusal,
                             visit_is_old(visit)
                                 ? "QMP input object member '%s' is unexpected"
                                 : "Parameter '%s' is unexpected",
                             visit_place(visit));
    }

    return TRUE;
}

static gboolean
visit_value(InputVisit *visit, const char *type, JsonNode *node)
{
    const InputBuiltin *builtin = input_builtin(type);
    g_autofree char *element = mt_ref_type_element(type);
    const MtRefShape *shape;

    if (strcmp(type, "any") == 0)
        return TRUE;
    if (builtin)
        return visit_builtin(visit, builtin, node);
    if (element)
        return visit_array(visit, element, node);

    shape = mt_ref_profile_shape(visit->profile, type);
    switch (shape->type->meta) {
    case MT_REF_ENUM:
    case MT_REF_CAPABILITIES:
    case MT_REF_VALUES:
        return visit_enum(visit, shape, node);
    case MT_REF_ALTERNATE:
        return visit_alternate(visit, shape, node);
    case MT_REF_OBJECT:
    case MT_REF_ARGUMENTS:
    case MT_REF_PARAMETERS:
        break;
    }
    if (!JSON_NODE_HOLDS_OBJECT(node))
        return visit_refuse_type(visit,
                                 visit_is_old(visit) ? "QDict" : "object");

    return visit_object(visit, shape, json_node_get_object(node));
}

/* 2.4 to 2.7: the monitor's own list of arguments, which has only members that
 * can be set; it is checked before the values. */
static gboolean
visit_outermost_old(InputVisit *visit, const MtRefShape *shape,
                    JsonObject *object)
{
    g_autoptr(GList) members = json_object_get_members(object);

    for (guint i = 0; shape && i < shape->fields->len; i++) {
        const MtRefField *f = &g_array_index(shape->fields, MtRefField, i);

        if (!f->optional && !json_object_has_member(object, f->name))
            return mt_ref_refuse(visit->refusal, "Parameter '%s' is missing",
                                 f->name);
    }

    for (GList *m = members; m; m = m->next) {
        const char *member = m->data;
        const MtRefField *field =
            shape ? mt_ref_shape_field(shape, member) : NULL;
        gsize length;

        if (!field || !field->settable)
            return mt_ref_refuse(visit->refusal, "Invalid parameter '%s'",
                                 member);
        length = visit_enter(visit, field->name);
        if (!visit_value(visit, field->type,
                         json_object_get_member(object, member)))
            return FALSE;
        g_string_truncate(visit->path, length);
    }

    return TRUE;
}

/* @objection: see input_objection(); NULL: the command does not exist. */
static gboolean
input_refuse_command(MtRefRefusal *refusal, const char *command,
                     const char *objection)
{
    if (objection)
        mt_ref_refuse(refusal, "%s command %s disabled by policy", objection,
                      command);
    else
        mt_ref_refuse(refusal, "The command %s has not been found", command);
    refusal->error_class = "CommandNotFound";

    return FALSE;
}

gboolean
mt_ref_input_check(const MtRefProfile *profile, const char *command,
                   JsonObject *arguments, guint reject,
                   MtRefRefusal *refusal)
{
    const MtRefCommand *known = mt_ref_command_find(command);
    MtRefState state = mt_ref_profile_command(profile, command);
    g_autoptr(JsonObject) none = json_object_new();
    g_autoptr(GString) path = g_string_new(NULL);
    InputVisit visit = { profile, reject, path, "", refusal };
    const MtRefShape *shape;
    const char *objection;

    if (state == MT_REF_ABSENT)
        return input_refuse_command(refusal, command, NULL);
    objection = input_objection(
        profile, reject, state == MT_REF_DEPRECATED,
        mt_ref_span_unstable(&known->span, profile->release));
    if (objection)
        return input_refuse_command(refusal, command, objection);

    if (strcmp(command, "query-qmp-schema") == 0 &&
        mt_ref_profile_has_quirk(profile, "schema-takes-anything"))
        return TRUE;

    if (!arguments)
        arguments = none;
    shape = known->arguments ? mt_ref_profile_shape(profile, known->arguments)
                             : NULL;
    if (visit_is_old(&visit))
        return visit_outermost_old(&visit, shape, arguments);
    if (profile->release <= known->careless_until)
        return TRUE;

    return visit_object(&visit, shape, arguments);
}
