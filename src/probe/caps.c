/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a QEMU can do: the object, its cached form, and what the catalogue knows
 * about a release.
 *
 * Rows of the catalogue are found by QEMU's name.  A name that the catalogue does
 * not have gets a new row, which lives as long as the MtCaps.  The settings of a
 * newer QEMU can therefore be listed, read and set under QEMU's names.
 */
#include "config.h"

#include <string.h>

#include "probe/caps-private.h"
#include "util/json-peek.h"

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

MtCaps *
mt_caps_new(MtCapsSource source)
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

/* Makes a row for a name that the catalogue does not have. */
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

MtCapsEntry *
mt_caps_add(MtCaps *caps, MtKind kind, const char *qmp, MtType type)
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

void
mt_caps_add_legacy(MtCaps *caps, gboolean (*has_command)(gpointer, const char *),
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

void
mt_caps_settle(MtCaps *caps, MtRelease release)
{
    caps->release = release;
    for (guint i = 0; i < caps->entries->len; i++) {
        MtCapsEntry *entry = &g_array_index(caps->entries, MtCapsEntry, i);

        if (entry->row->settable != MT_RELEASE_NONE &&
            release < entry->row->settable)
            entry->settable = FALSE;
    }
}

static gboolean
caps_release_has_command(gpointer release, const char *command)
{
    /* All legacy commands were removed in 6.0. */
    return GPOINTER_TO_UINT(release) < MT_RELEASE(6, 0);
}

MtCaps *
mt_caps_new_for_release(MtRelease release)
{
    MtCaps *caps = mt_caps_new(MT_CAPS_FROM_CATALOGUE);

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        g_autoptr(GPtrArray) names = NULL;
        MtCapsEntry *entry;

        if (!row->qmp || !mt_row_in_release(row, release))
            continue;
        entry = mt_caps_add(caps, row->kind, row->qmp, row->type);
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
    mt_caps_add_legacy(caps, caps_release_has_command, GUINT_TO_POINTER(release));
    mt_caps_settle(caps, release);

    return caps;
}

/* Appends a copy of @entry; of its enum values only those that @other has. */
static void
caps_copy_entry(MtCaps *caps, const MtCapsEntry *entry,
                const MtCapsEntry *other)
{
    MtCapsEntry copy = *entry;

    if (entry->members) {
        g_autoptr(GPtrArray) names = g_ptr_array_new();

        for (char **m = entry->members; *m; m++) {
            if (!other || !other->members ||
                g_strv_contains((const char *const *)other->members, *m))
                g_ptr_array_add(names, g_strdup(*m));
        }
        g_ptr_array_add(names, NULL);
        copy.members =
            (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
    }
    g_array_append_val(caps->entries, copy);
}

MtCaps *
mt_caps_intersect(const MtCaps *source, const MtCaps *destination)
{
    MtCaps *caps = mt_caps_new(source->source);

    caps->release = source->release;
    caps->partial = source->partial || destination->partial;
    for (guint i = 0; i < source->entries->len; i++) {
        const MtCapsEntry *entry = mt_caps_nth(source, i);
        const MtCapsEntry *other = NULL;

        if (entry->row->sides == MT_SIDE_DESTINATION)
            continue;
        if (entry->row->pair == MT_PAIR_EQUAL) {
            other = mt_caps_lookup(destination, entry->row);
            if (!other || !other->settable)
                continue;
        }
        caps_copy_entry(caps, entry, other);
    }
    for (guint i = 0; i < destination->entries->len; i++) {
        const MtCapsEntry *entry = mt_caps_nth(destination, i);

        if (entry->row->sides == MT_SIDE_DESTINATION)
            caps_copy_entry(caps, entry, NULL);
    }

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
    static const char *const names[] = { "schema", "commands", "catalogue",
                                         "cache" };

    return names[caps->source];
}

gboolean
mt_caps_is_cached(const MtCaps *caps)
{
    return caps->source == MT_CAPS_FROM_CACHE;
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

/* To be raised when the form below changes.  Files of another format are
 * ignored. */
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

/* FALSE if @object is not an entry as mt_caps_to_json() writes it. */
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

    entry = mt_caps_add(caps, kind, qmp, type);
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
    g_autoptr(MtCaps) caps = mt_caps_new(MT_CAPS_FROM_CACHE);
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
