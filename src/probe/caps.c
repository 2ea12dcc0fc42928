/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU can do.
 *
 * Rows of the catalogue are matched by QEMU's name.  What the catalogue does
 * not know gets a row of its own, made from the schema, that lives as long as
 * the MtCaps: a newer QEMU is listed, read and set under its own names.
 */
#include "config.h"

#include <string.h>

#include "probe/caps.h"
#include "probe/evidence.h"
#include "probe/schema.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

struct _MtCaps {
    gint ref_count;
    MtRelease release;
    const char *source;
    gboolean partial;
    GArray *entries;
    GPtrArray *own_rows;        /* of what the catalogue does not have */
};

static void
caps_clear_entry(gpointer data)
{
    g_strfreev(((MtCapsEntry *)data)->members);
}

static void
caps_free_row(gpointer data)
{
    MtRow *row = data;

    g_free((char *)row->name);
    g_free(row);
}

static MtCaps *
caps_new(const char *source)
{
    MtCaps *caps = g_new0(MtCaps, 1);

    caps->ref_count = 1;
    caps->source = source;
    caps->entries = g_array_new(FALSE, TRUE, sizeof(MtCapsEntry));
    g_array_set_clear_func(caps->entries, caps_clear_entry);
    caps->own_rows = g_ptr_array_new_with_free_func(caps_free_row);
    return caps;
}

MtCaps *
mt_caps_ref(MtCaps *caps)
{
    g_atomic_int_inc(&caps->ref_count);
    return caps;
}

void
mt_caps_unref(MtCaps *caps)
{
    if (!caps || !g_atomic_int_dec_and_test(&caps->ref_count))
        return;

    g_array_unref(caps->entries);
    g_ptr_array_unref(caps->own_rows);
    g_free(caps);
}

/* A row for something that only this QEMU knows. */
static const MtRow *
caps_new_row(MtCaps *caps, MtKind kind, const char *qmp, MtType type)
{
    MtRow *row = g_new0(MtRow, 1);

    row->name = row->qmp = g_strdup(qmp);
    row->kind = kind;
    row->type = type;
    row->max = G_MAXUINT64;
    row->def = kind == MT_KIND_CAPABILITY ? "false" : NULL;
    row->sides = MT_SIDE_BOTH;
    row->when = MT_WHEN_SETUP;
    row->renamed_to = MT_PARAM_NONE;
    row->help = "";
    g_ptr_array_add(caps->own_rows, row);
    return row;
}

/* Adds what QEMU calls @qmp; the catalogue's type wins over @type. */
static MtCapsEntry *
caps_add(MtCaps *caps, MtKind kind, const char *qmp, MtType type)
{
    MtCapsEntry entry = { .settable = TRUE, .readable = TRUE };

    if (!*qmp || mt_caps_lookup_qmp(caps, kind, qmp))
        return NULL;

    entry.row = mt_row_find_qmp(kind, qmp);
    if (!entry.row)
        entry.row = caps_new_row(caps, kind, qmp, type);
    g_array_append_val(caps->entries, entry);
    return &g_array_index(caps->entries, MtCapsEntry, caps->entries->len - 1);
}

/* Adds the rows that an older command sets because no newer one does. */
static void
caps_add_legacy(MtCaps *caps, gboolean (*has_command)(gpointer, const char *),
                gpointer user_data)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        MtCapsEntry entry = {
            .row = row,
            .access = MT_ACCESS_LEGACY,
            .settable = TRUE,
        };

        if (!row->legacy || mt_caps_lookup(caps, row) ||
            !has_command(user_data, row->legacy->set))
            continue;
        entry.readable = row->legacy->get != NULL;
        g_array_append_val(caps->entries, entry);
    }
}

/* Some releases list what they refuse to set: those are known by number. */
static void
caps_settle(MtCaps *caps, MtRelease release)
{
    caps->release = release;
    for (guint i = 0; i < caps->entries->len; i++) {
        MtCapsEntry *entry = &g_array_index(caps->entries, MtCapsEntry, i);

        if (entry->row->settable != MT_RELEASE_NONE &&
            release < entry->row->settable)
            entry->settable = FALSE;
    }
}

static void
caps_take_members(MtCapsEntry *entry, const MtSchema *schema, const char *type)
{
    g_autoptr(GArray) members = mt_schema_members(schema, type);
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < members->len; i++)
        g_ptr_array_add(
            names,
            g_strdup(g_array_index(members, MtSchemaMember, i).name));
    g_ptr_array_add(names, NULL);
    entry->members = (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static gboolean
caps_schema_has_command(gpointer schema, const char *command)
{
    return mt_schema_has_command(schema, command);
}

static MtCaps *
caps_from_schema(JsonNode *root, MtRelease told, GError **error)
{
    g_autoptr(MtSchema) schema = mt_schema_new(root, error);
    g_autoptr(MtCaps) caps = NULL;
    g_autoptr(GArray) names = NULL;
    g_autoptr(GArray) params = NULL;
    const char *list, *type;

    if (!schema)
        return NULL;

    caps = caps_new("schema");
    type = mt_schema_arg_type(schema, "migrate-set-capabilities");
    list = mt_schema_member_type(schema, type, "capabilities");
    type = mt_schema_element_type(schema, list);
    type = mt_schema_member_type(schema, type, "capability");
    names = mt_schema_members(schema, type);
    for (guint i = 0; i < names->len; i++) {
        MtSchemaMember *member = &g_array_index(names, MtSchemaMember, i);
        MtCapsEntry *entry = caps_add(caps, MT_KIND_CAPABILITY, member->name,
                                      MT_TYPE_BOOL);

        if (entry) {
            entry->deprecated = member->deprecated;
            entry->unstable = member->unstable;
        }
    }

    type = mt_schema_arg_type(schema, "migrate-set-parameters");
    params = mt_schema_members(schema, type);
    for (guint i = 0; i < params->len; i++) {
        MtSchemaMember *member = &g_array_index(params, MtSchemaMember, i);
        MtType row_type = mt_schema_row_type(schema, member->type);
        MtCapsEntry *entry = caps_add(caps, MT_KIND_PARAMETER, member->name,
                                      row_type);

        if (!entry)
            continue;
        entry->deprecated = member->deprecated;
        entry->unstable = member->unstable;
        if (row_type == MT_TYPE_ENUM)
            caps_take_members(entry, schema, member->type);
    }
    if (caps->entries->len == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("this QEMU has no migration capabilities and no "
                            "migration parameters"));
        return NULL;
    }

    caps_add_legacy(caps, caps_schema_has_command, schema);
    caps_settle(caps, mt_evidence_release(caps, schema, told));
    return g_steal_pointer(&caps);
}

/* Whether one of the objects in an array has this name. */
static gboolean
caps_listed_command(gpointer list, const char *command)
{
    JsonArray *array = list;

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);

        if (JSON_NODE_HOLDS_OBJECT(node) &&
            g_strcmp0(mt_json_peek_string(json_node_get_object(node), "name"),
                      command) == 0)
            return TRUE;
    }

    return FALSE;
}

static MtType
caps_type_of_value(JsonNode *node)
{
    if (!JSON_NODE_HOLDS_VALUE(node))
        return MT_TYPE_JSON;
    switch (json_node_get_value_type(node)) {
    case G_TYPE_BOOLEAN:
        return MT_TYPE_BOOL;
    case G_TYPE_INT64:
        return MT_TYPE_ULLONG;
    case G_TYPE_STRING:
        return MT_TYPE_STRING;
    default:
        return MT_TYPE_JSON;
    }
}

/* Before query-qmp-schema existed: what is told, and which commands are. */
static MtCaps *
caps_from_commands(MtExec *exec, MtRelease told, GCancellable *cancellable,
                   GError **error)
{
    static const char *const names[] = {
        "query-commands",
        "query-migrate-capabilities",
        "query-migrate-parameters",
    };
    g_autoptr(MtCaps) caps = caps_new("commands");
    MtCommand commands[G_N_ELEMENTS(names)];
    JsonArray *array;
    gboolean ok;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        mt_command_init(&commands[i], names[i], NULL);
    ok = exec->run(exec, commands, G_N_ELEMENTS(names), cancellable, error);
    if (ok && commands[0].error) {
        g_propagate_error(error, g_steal_pointer(&commands[0].error));
        ok = FALSE;
    }
    if (!ok)
        goto out;

    if (commands[1].result && JSON_NODE_HOLDS_ARRAY(commands[1].result)) {
        array = json_node_get_array(commands[1].result);
        for (guint i = 0; i < json_array_get_length(array); i++) {
            JsonNode *node = json_array_get_element(array, i);
            const char *name = NULL;

            if (JSON_NODE_HOLDS_OBJECT(node))
                name = mt_json_peek_string(json_node_get_object(node),
                                           "capability");
            if (name)
                caps_add(caps, MT_KIND_CAPABILITY, name, MT_TYPE_BOOL);
        }
    }
    if (commands[2].result && JSON_NODE_HOLDS_OBJECT(commands[2].result)) {
        JsonObjectIter iter;
        const char *name;
        JsonNode *node;

        json_object_iter_init_ordered(
            &iter, json_node_get_object(commands[2].result));
        while (json_object_iter_next_ordered(&iter, &name, &node))
            caps_add(caps, MT_KIND_PARAMETER, name, caps_type_of_value(node));
    }
    if (JSON_NODE_HOLDS_ARRAY(commands[0].result))
        caps_add_legacy(caps, caps_listed_command,
                        json_node_get_array(commands[0].result));
    if (caps->entries->len == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("this QEMU has nothing that migtune can tune"));
        ok = FALSE;
        goto out;
    }
    caps_settle(caps, mt_evidence_release(caps, NULL, told));

out:
    mt_commands_clear(commands, G_N_ELEMENTS(names));
    return ok ? g_steal_pointer(&caps) : NULL;
}

MtCaps *
mt_caps_probe(MtExec *exec, MtRelease told, GCancellable *cancellable,
              GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) schema = NULL;

    schema = mt_exec_one(exec, "query-qmp-schema", NULL, cancellable, &cause);
    if (schema)
        return caps_from_schema(schema, told, error);
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU))
        return caps_from_commands(exec, told, cancellable, error);

    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

static gboolean
caps_release_has_command(gpointer release, const char *command)
{
    /* All of them went in the same release. */
    return GPOINTER_TO_UINT(release) < MT_RELEASE(6, 0);
}

MtCaps *
mt_caps_new_for_release(MtRelease release)
{
    MtCaps *caps = caps_new("catalogue");

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        g_autoptr(GPtrArray) names = NULL;
        MtCapsEntry *entry;

        if (!row->qmp || !mt_row_in_release(row, release))
            continue;
        entry = caps_add(caps, row->kind, row->qmp, row->type);
        entry->deprecated = row->deprecated && release >= row->deprecated;
        entry->unstable = row->unstable && release >= row->unstable;
        if (!row->members)
            continue;
        names = g_ptr_array_new();
        for (const MtEnumMember *m = row->members; m->name; m++) {
            if (release >= m->since)
                g_ptr_array_add(names, g_strdup(m->name));
        }
        g_ptr_array_add(names, NULL);
        entry->members =
            (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
    }
    caps_add_legacy(caps, caps_release_has_command, GUINT_TO_POINTER(release));
    caps_settle(caps, release);

    return caps;
}

MtRelease
mt_caps_release(const MtCaps *caps)
{
    return caps->release;
}

const char *
mt_caps_source(const MtCaps *caps)
{
    return caps->source;
}

void
mt_caps_set_partial(MtCaps *caps)
{
    caps->partial = TRUE;
}

gboolean
mt_caps_is_partial(const MtCaps *caps)
{
    return caps->partial;
}

guint
mt_caps_size(const MtCaps *caps)
{
    return caps->entries->len;
}

const MtCapsEntry *
mt_caps_nth(const MtCaps *caps, guint nth)
{
    return &g_array_index(caps->entries, MtCapsEntry, nth);
}

const MtCapsEntry *
mt_caps_lookup(const MtCaps *caps, const MtRow *row)
{
    for (guint i = 0; i < caps->entries->len; i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);

        if (entry->row == row)
            return entry;
    }

    return NULL;
}

const MtCapsEntry *
mt_caps_lookup_qmp(const MtCaps *caps, MtKind kind, const char *qmp)
{
    for (guint i = 0; i < caps->entries->len; i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);

        if (entry->row->kind == kind && strcmp(entry->row->qmp, qmp) == 0)
            return entry;
    }

    return NULL;
}

const MtRow *
mt_caps_find_row(const MtCaps *caps, const char *name, MtSpelling *spelling)
{
    gboolean qmp_spelling = FALSE;
    const MtRow *row = mt_row_find(name, &qmp_spelling);

    for (guint i = 0; !row && i < caps->own_rows->len; i++) {
        const MtRow *own = g_ptr_array_index(caps->own_rows, i);

        if (strcmp(own->name, name) == 0) {
            row = own;
            qmp_spelling = TRUE;
        }
    }
    if (row && spelling)
        *spelling = qmp_spelling ? MT_SPELLING_QMP : MT_SPELLING_OURS;

    return row;
}

gboolean
mt_caps_has_member(const MtCaps *caps, const MtRow *row, const char *value)
{
    const MtCapsEntry *entry = mt_caps_lookup(caps, row);

    return entry && entry->members &&
           g_strv_contains((const char *const *)entry->members, value);
}

/* Raised whenever the form below changes: older files are then misses. */
#define CAPS_FORMAT 1

JsonNode *
mt_caps_to_json(const MtCaps *caps)
{
    JsonObject *root = json_object_new();
    JsonArray *array = json_array_new();

    json_object_set_int_member(root, "format", CAPS_FORMAT);
    json_object_set_int_member(root, "release", caps->release);
    for (guint i = 0; i < caps->entries->len; i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "qmp", entry->row->qmp);
        json_object_set_int_member(object, "kind", entry->row->kind);
        json_object_set_int_member(object, "type", entry->row->type);
        json_object_set_int_member(object, "access", entry->access);
        json_object_set_boolean_member(object, "settable", entry->settable);
        json_object_set_boolean_member(object, "readable", entry->readable);
        json_object_set_boolean_member(object, "deprecated",
                                       entry->deprecated);
        json_object_set_boolean_member(object, "unstable", entry->unstable);
        if (entry->members) {
            JsonArray *members = json_array_new();

            for (char **m = entry->members; *m; m++)
                json_array_add_string_element(members, *m);
            json_object_set_array_member(object, "members", members);
        }
        json_array_add_object_element(array, object);
    }
    json_object_set_array_member(root, "entries", array);

    return mt_json_node_new_object(root);
}

/* FALSE when @object is not what caps_to_json() writes. */
static gboolean
caps_entry_from_json(MtCaps *caps, JsonObject *object)
{
    const char *qmp = mt_json_peek_string(object, "qmp");
    JsonArray *members = mt_json_peek_array(object, "members");
    gboolean settable, readable, deprecated, unstable;
    gint64 kind, type, access;
    MtCapsEntry *entry;

    if (!qmp || !*qmp || !mt_json_peek_int(object, "kind", &kind) ||
        !mt_json_peek_int(object, "type", &type) ||
        !mt_json_peek_int(object, "access", &access) ||
        !mt_json_peek_bool(object, "settable", &settable) ||
        !mt_json_peek_bool(object, "readable", &readable) ||
        !mt_json_peek_bool(object, "deprecated", &deprecated) ||
        !mt_json_peek_bool(object, "unstable", &unstable) ||
        (kind != MT_KIND_CAPABILITY && kind != MT_KIND_PARAMETER) ||
        type < MT_TYPE_BOOL || type > MT_TYPE_JSON ||
        access < MT_ACCESS_MIGRATE || access > MT_ACCESS_LEGACY)
        return FALSE;

    entry = caps_add(caps, kind, qmp, type);
    if (!entry || (access == MT_ACCESS_LEGACY && !entry->row->legacy))
        return FALSE;
    entry->access = access;
    entry->settable = settable;
    entry->readable = readable;
    entry->deprecated = deprecated;
    entry->unstable = unstable;
    if (members) {
        guint n = json_array_get_length(members);

        entry->members = g_new0(char *, n + 1);
        for (guint i = 0; i < n; i++) {
            JsonNode *node = json_array_get_element(members, i);
            const char *name = mt_json_node_peek_string(node);

            if (!name)
                return FALSE;
            entry->members[i] = g_strdup(name);
        }
    }

    return TRUE;
}

MtCaps *
mt_caps_from_json(JsonNode *node)
{
    g_autoptr(MtCaps) caps = caps_new("cache");
    JsonObject *root;
    JsonArray *entries;
    gint64 format, release;

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return NULL;
    root = json_node_get_object(node);
    entries = mt_json_peek_array(root, "entries");
    if (!mt_json_peek_int(root, "format", &format) || format != CAPS_FORMAT ||
        !mt_json_peek_int(root, "release", &release) || release <= 0 ||
        release > MT_RELEASE_MAX || !entries ||
        json_array_get_length(entries) == 0)
        return NULL;

    caps->release = release;
    for (guint i = 0; i < json_array_get_length(entries); i++) {
        JsonNode *element = json_array_get_element(entries, i);

        if (!JSON_NODE_HOLDS_OBJECT(element) ||
            !caps_entry_from_json(caps, json_node_get_object(element)))
            return NULL;
    }

    return g_steal_pointer(&caps);
}
