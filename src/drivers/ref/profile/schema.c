/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The answer to query-qmp-schema, from the shapes of a profile.
 *
 * Types are found through the commands and events, and each is reported once.
 * Their names are numbers in the order in which they are found; QEMU hides its
 * internal names as well.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/profile/profile-private.h"
#include "drivers/ref/profile/schema.h"
#include "util/json-peek.h"

#define R(major, minor) MT_RELEASE(major, minor)

typedef struct {
    const MtRefProfile *profile;
    gboolean hide_deprecated;
    JsonArray *entities;
    GHashTable *names; /* type to its name in the answer */
    GQueue *todo;      /* types with a name that are not in the answer yet */
    guint next;        /* the next number */
} SchemaWalk;

/* The name in the schema of a built-in type, and its JSON type; NULL if @type
 * is not built in. */
static const char *
schema_builtin(const char *type, const char **ret_json)
{
    static const struct {
        const char *type, *name, *json;
    } builtins[] = {
        { "str", "str", "string" },    { "int", "int", "int" },
        { "uint8", "int", "int" },     { "uint16", "int", "int" },
        { "uint32", "int", "int" },    { "uint64", "int", "int" },
        { "size", "int", "int" },      { "number", "number", "number" },
        { "bool", "bool", "boolean" }, { "null", "null", "null" },
        { "any", "any", "value" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (strcmp(builtins[i].type, type) == 0) {
            *ret_json = builtins[i].json;
            return builtins[i].name;
        }
    }

    return NULL;
}

/* @type without the width of numbers, which the schema does not have. */
static char *
schema_plain_type(const char *type)
{
    g_autofree char *element = mt_ref_type_element(type);
    g_autofree char *plain = element ? schema_plain_type(element) : NULL;
    const char *json;
    const char *builtin = schema_builtin(type, &json);

    return plain ? g_strdup_printf("[%s]", plain)
                 : g_strdup(builtin ? builtin : type);
}

/* The name of @type in the answer; it is added to the list of types if it is
 * new. */
static const char *
schema_name(SchemaWalk *walk, const char *type)
{
    char *plain = schema_plain_type(type);
    g_autofree char *element = mt_ref_type_element(plain);
    const char *name = g_hash_table_lookup(walk->names, plain);
    const char *json;
    char *fresh;

    if (name) {
        g_free(plain);
        return name;
    }

    if (element)
        fresh = g_strdup_printf("[%s]", schema_name(walk, element));
    else if (schema_builtin(plain, &json))
        fresh = g_strdup(plain);
    else
        fresh = g_strdup_printf("%u", walk->next++);
    g_hash_table_insert(walk->names, plain, fresh);
    g_queue_push_tail(walk->todo, plain);

    return fresh;
}

static JsonObject *
schema_add(SchemaWalk *walk, const char *name, const char *meta)
{
    JsonObject *entity = json_object_new();

    json_object_set_string_member(entity, "name", name);
    json_object_set_string_member(entity, "meta-type", meta);
    json_array_add_object_element(walk->entities, entity);

    return entity;
}

/* @since: the first release whose schema has features at this place. */
static void
schema_add_features(const SchemaWalk *walk, JsonObject *object,
                    gboolean deprecated, gboolean unstable, MtRelease since)
{
    MtRelease release = walk->profile->release;
    JsonArray *features;

    unstable = unstable && release >= R(6, 2);
    if (release < since || (!deprecated && !unstable))
        return;

    features = json_array_new();
    if (deprecated)
        json_array_add_string_element(features, "deprecated");
    if (unstable)
        json_array_add_string_element(features, "unstable");
    json_object_set_array_member(object, "features", features);
}

static void
schema_add_fields(SchemaWalk *walk, JsonObject *entity, GArray *fields)
{
    JsonArray *members = json_array_new();

    for (guint i = 0; i < fields->len; i++) {
        const MtRefField *f = &g_array_index(fields, MtRefField, i);
        JsonObject *member;

        if (f->deprecated && walk->hide_deprecated)
            continue;
        member = json_object_new();
        json_object_set_string_member(member, "name", f->name);
        json_object_set_string_member(member, "type",
                                      schema_name(walk, f->type));
        if (f->optional)
            json_object_set_null_member(member, "default");
        schema_add_features(walk, member, f->deprecated, f->unstable, R(5, 0));
        json_array_add_object_element(members, member);
    }
    json_object_set_array_member(entity, "members", members);
}

static void
schema_add_object(SchemaWalk *walk, const char *name, const MtRefShape *shape)
{
    JsonObject *entity = schema_add(walk, name, "object");
    JsonArray *variants;

    schema_add_fields(walk, entity, shape->fields);
    if (!shape->variants)
        return;

    variants = json_array_new();
    for (guint i = 0; i < shape->variants->len; i++) {
        const MtRefField *v = &g_array_index(shape->variants, MtRefField, i);
        JsonObject *variant = json_object_new();

        json_object_set_string_member(variant, "case", v->name);
        json_object_set_string_member(variant, "type",
                                      schema_name(walk, v->type));
        json_array_add_object_element(variants, variant);
    }
    json_object_set_string_member(entity, "tag", shape->type->tag);
    json_object_set_array_member(entity, "variants", variants);
}

static void
schema_add_enum(SchemaWalk *walk, const char *name, const MtRefShape *shape)
{
    gboolean objects = walk->profile->release >= R(6, 2);
    JsonObject *entity = schema_add(walk, name, "enum");
    JsonArray *members = json_array_new();
    JsonArray *values = json_array_new();

    for (guint i = 0; i < shape->fields->len; i++) {
        const MtRefField *f = &g_array_index(shape->fields, MtRefField, i);
        JsonObject *member = json_object_new();

        json_object_set_string_member(member, "name", f->name);
        schema_add_features(walk, member, f->deprecated, f->unstable, R(6, 2));
        json_array_add_object_element(members, member);
        json_array_add_string_element(values, f->name);
    }
    if (objects)
        json_object_set_array_member(entity, "members", members);
    else
        json_array_unref(members);
    /* "values" is deprecated itself since "members" exists. */
    if (objects && walk->hide_deprecated)
        json_array_unref(values);
    else
        json_object_set_array_member(entity, "values", values);
}

static void
schema_add_alternate(SchemaWalk *walk, const char *name,
                      const MtRefShape *shape)
{
    JsonObject *entity = schema_add(walk, name, "alternate");
    JsonArray *members = json_array_new();

    for (guint i = 0; i < shape->fields->len; i++) {
        const MtRefField *f = &g_array_index(shape->fields, MtRefField, i);
        JsonObject *member = json_object_new();

        json_object_set_string_member(member, "type",
                                      schema_name(walk, f->type));
        json_array_add_object_element(members, member);
    }
    json_object_set_array_member(entity, "members", members);
}

static void
schema_add_type(SchemaWalk *walk, const char *type)
{
    const char *name = g_hash_table_lookup(walk->names, type);
    g_autofree char *element = mt_ref_type_element(type);
    const char *json;
    const MtRefShape *shape;

    if (schema_builtin(type, &json)) {
        json_object_set_string_member(schema_add(walk, name, "builtin"),
                                      "json-type", json);
        return;
    }
    if (element) {
        json_object_set_string_member(schema_add(walk, name, "array"),
                                      "element-type",
                                      schema_name(walk, element));
        return;
    }

    shape = mt_ref_profile_shape(walk->profile, type);
    switch (shape->type->meta) {
    case MT_REF_ENUM:
    case MT_REF_CAPABILITIES:
    case MT_REF_VALUES:
        schema_add_enum(walk, name, shape);
        break;
    case MT_REF_ALTERNATE:
        schema_add_alternate(walk, name, shape);
        break;
    case MT_REF_OBJECT:
    case MT_REF_ARGUMENTS:
    case MT_REF_PARAMETERS:
        schema_add_object(walk, name, shape);
        break;
    }
}

static void
schema_add_command(SchemaWalk *walk, const MtRefCommand *command)
{
    MtRefState state = mt_ref_profile_command(walk->profile, command->name);
    gboolean deprecated = state == MT_REF_DEPRECATED;
    JsonObject *entity;

    if (state == MT_REF_ABSENT || (deprecated && walk->hide_deprecated))
        return;

    entity = schema_add(walk, command->name, "command");
    json_object_set_string_member(
        entity, "arg-type",
        schema_name(walk, command->arguments ? command->arguments : "empty"));
    json_object_set_string_member(
        entity, "ret-type",
        schema_name(walk, command->returns ? command->returns : "empty"));
    if (command->out_of_band)
        json_object_set_boolean_member(entity, "allow-oob", TRUE);
    schema_add_features(
        walk, entity, deprecated,
        mt_ref_span_unstable(&command->span, walk->profile->release), R(5, 0));
}

static void
schema_add_event(SchemaWalk *walk, const MtRefEvent *event)
{
    JsonObject *entity;

    if (!mt_ref_profile_has_event(walk->profile, event->name))
        return;

    entity = schema_add(walk, event->name, "event");
    json_object_set_string_member(
        entity, "arg-type",
        schema_name(walk, event->data ? event->data : "empty"));
}

JsonNode *
mt_ref_schema_build(const MtRefProfile *profile, gboolean hide_deprecated)
{
    g_autoptr(GHashTable) names =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GQueue) todo = g_queue_new();
    SchemaWalk walk = { profile, hide_deprecated, json_array_new(), names, todo,
                        0 };
    const char *type;

    for (const MtRefCommand *c = mt_ref_commands; c->name; c++)
        schema_add_command(&walk, c);
    for (const MtRefEvent *e = mt_ref_events; e->name; e++)
        schema_add_event(&walk, e);
    while ((type = g_queue_pop_head(todo)))
        schema_add_type(&walk, type);

    return mt_json_node_new_array(walk.entities);
}

static void
schema_add_name(JsonArray *list, const char *name)
{
    JsonObject *entry = json_object_new();

    json_object_set_string_member(entry, "name", name);
    json_array_add_object_element(list, entry);
}

JsonNode *
mt_ref_schema_commands(const MtRefProfile *profile)
{
    JsonArray *list = json_array_new();

    for (const MtRefCommand *c = mt_ref_commands; c->name; c++) {
        if (mt_ref_profile_command(profile, c->name) != MT_REF_ABSENT)
            schema_add_name(list, c->name);
    }

    return mt_json_node_new_array(list);
}

JsonNode *
mt_ref_schema_events(const MtRefProfile *profile)
{
    JsonArray *list = json_array_new();

    for (const MtRefEvent *e = mt_ref_events; e->name; e++) {
        if (mt_ref_profile_has_event(profile, e->name))
            schema_add_name(list, e->name);
    }

    return mt_json_node_new_array(list);
}
