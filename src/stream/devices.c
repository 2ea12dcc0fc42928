/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device state as opaque bytes: see devices.h.
 */
#include "config.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "stream/devices.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* Candidates of the right length that are not JSON; more of them cannot be
 * chance. */
#define DEVICES_MAX_TRIES 64

/* Bytes of all candidates together that are parsed. */
#define DEVICES_MAX_PARSED (4 * (gsize)MT_DEVICES_MAX_TEXT)

/* Values in a description.  Each becomes an object of the JSON parser, which is
 * larger than its text: this limits the parser's memory to about 100 MB. */
#define DEVICES_MAX_VALUES 300000

/* Real descriptions nest about a dozen levels. */
#define DEVICES_MAX_DEPTH 64

struct MtDevices {
    GByteArray *bytes;
    gboolean footers;
    guint64 max_bytes;

    gsize scanned;          /* bytes that were searched for a description */
    GHashTable *starts;     /* end of a candidate description -> offset of
                             * the end-of-list byte before it */
    guint n_tries;
    gsize n_parsed;         /* bytes of all tries */

    gsize sections_len;     /* once known */
    gsize vmdesc_at;
    gsize vmdesc_len;
    guint n_devices;
};

MtDevices *
mt_devices_new(gboolean footers, guint64 max_bytes)
{
    MtDevices *d = g_new0(MtDevices, 1);

    d->bytes = g_byte_array_new();
    d->footers = footers;
    d->max_bytes = max_bytes;
    d->starts = g_hash_table_new(g_direct_hash, g_direct_equal);
    return d;
}

void
mt_devices_free(MtDevices *d)
{
    if (!d)
        return;

    g_byte_array_unref(d->bytes);
    g_hash_table_unref(d->starts);
    g_free(d);
}

gsize
mt_devices_len(const MtDevices *d)
{
    return d->bytes->len;
}

const guint8 *
mt_devices_peek(const MtDevices *d, gsize *ret_len)
{
    *ret_len = d->bytes->len;
    return d->bytes->data;
}

/*
 * A description begins with 00 06 length '{'.  Each such place is stored with
 * the offset at which its text would end.
 */
static void
devices_scan(MtDevices *d)
{
    const guint8 *data = d->bytes->data;
    gsize len = d->bytes->len;

    while (d->scanned + 7 <= len) {
        const guint8 *p = memchr(data + d->scanned, MT_SECTION_EOF,
                                 len - 6 - d->scanned);
        guint64 end;

        if (!p) {
            d->scanned = len - 6;
            return;
        }
        d->scanned = p - data + 1;
        if (p[1] != MT_SECTION_VMDESC || p[6] != '{')
            continue;
        end = (guint64)(p - data) + 6 + mt_get_be32(p + 2);
        if (end <= d->max_bytes &&
            !g_hash_table_contains(d->starts, GSIZE_TO_POINTER(end)))
            g_hash_table_insert(d->starts, GSIZE_TO_POINTER(end),
                                GSIZE_TO_POINTER(p - data));
    }
}

gboolean
mt_devices_append(MtDevices *d, const guint8 *data, gsize len,
                  GError **error)
{
    if (len > d->max_bytes - MIN(d->max_bytes, d->bytes->len)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "device state has more than the allowed %"
                          G_GUINT64_FORMAT " bytes without an end",
                          d->max_bytes);
        return FALSE;
    }

    g_byte_array_append(d->bytes, data, len);
    devices_scan(d);
    return TRUE;
}

static gboolean
walk_fail(const char *device, gsize at, const char *what, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "device %s, byte %" G_GSIZE_FORMAT " of the device "
                      "state: %s", device, at, what);
    return FALSE;
}

static JsonArray *
member_array(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) :
           NULL;
}

static JsonObject *
element_object(JsonArray *array, guint i)
{
    JsonNode *node = json_array_get_element(array, i);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static gint64
member_int(JsonObject *object, const char *name, gint64 otherwise)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_INT64 ?
           json_node_get_int(node) : otherwise;
}

static const char *
member_string(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node && JSON_NODE_HOLDS_VALUE(node) &&
           json_node_get_value_type(node) == G_TYPE_STRING ?
           json_node_get_string(node) : "";
}

/* What a walk needs at every level. */
typedef struct {
    const char *device;
    const MtDevicesVisitor *visitor;
    gpointer user_data;
    GString *path;          /* of the structure or subsection, with separator */
} Walk;

static gboolean walk_object(Walk *walk, MtReader *r, JsonObject *object,
                            guint depth, GError **error);

/* Whether @bytes are exactly what @object describes. */
static gboolean
walk_fits(Walk *walk, JsonObject *object, const guint8 *bytes, gsize len,
          guint depth)
{
    Walk silent = { walk->device, NULL, NULL, walk->path };
    MtReader r;

    mt_reader_init(&r, bytes, len);
    return walk_object(&silent, &r, object, depth, NULL) &&
           !mt_reader_left(&r);
}

/* Reports what @object, the element of an array, consists of. */
static void
walk_example(Walk *walk, JsonObject *object, gsize offset, guint depth)
{
    JsonArray *fields = member_array(object, "fields");

    for (guint i = 0; fields && i < json_array_get_length(fields); i++) {
        JsonObject *field = element_object(fields, i);
        gsize path_len = walk->path->len;
        JsonNode *inner;

        if (!field)
            continue;
        g_string_append(walk->path, member_string(field, "name"));
        walk->visitor->field(walk->user_data, &(MtDeviceField) {
            .path = walk->path->str,
            .type = member_string(field, "type"),
            .size = MAX(0, member_int(field, "size", 0)),
            .count = MAX(0, member_int(field, "array_len", 1)),
            .offset = offset,
        });
        inner = json_object_get_member(field, "struct");
        if (inner && JSON_NODE_HOLDS_OBJECT(inner) && depth) {
            g_string_append_c(walk->path, '.');
            walk_example(walk, json_node_get_object(inner), offset,
                         depth - 1);
        }
        g_string_truncate(walk->path, path_len);
    }
}

/* Reports one field, or the fields of the structure that it is. */
static void
walk_report_field(Walk *walk, MtReader *r, JsonObject *field, gsize offset,
                  gint64 size, gint64 count, guint depth)
{
    JsonNode *node = json_object_get_member(field, "struct");
    JsonObject *inner = node && JSON_NODE_HOLDS_OBJECT(node) ?
        json_node_get_object(node) : NULL;
    const guint8 *bytes = r->data + offset;
    gint64 index = member_int(field, "index", -1);
    gboolean array = json_object_has_member(field, "array_len");
    gsize path_len = walk->path->len;

    g_string_append(walk->path, member_string(field, "name"));
    if (index >= 0)
        g_string_append_printf(walk->path, "[%" G_GINT64_FORMAT "]", index);

    if (inner && !array && walk_fits(walk, inner, bytes, size, depth)) {
        MtReader sub = *r;

        sub.pos = offset;
        sub.len = offset + size;
        g_string_append_c(walk->path, '.');
        walk_object(walk, &sub, inner, depth, NULL);
    } else {
        walk->visitor->field(walk->user_data, &(MtDeviceField) {
            .path = walk->path->str,
            .type = member_string(field, "type"),
            .size = size,
            .count = count,
            .offset = offset,
            .data = bytes,
        });
        if (inner) {
            g_string_append(walk->path, "[].");
            walk_example(walk, inner, offset, DEVICES_MAX_DEPTH);
        }
    }
    g_string_truncate(walk->path, path_len);
}

/* Skips the fields of one device, structure or subsection. */
static gboolean
walk_fields(Walk *walk, MtReader *r, JsonObject *object, guint depth,
            GError **error)
{
    JsonArray *fields = member_array(object, "fields");

    for (guint i = 0; fields && i < json_array_get_length(fields); i++) {
        JsonObject *field = element_object(fields, i);
        gint64 size = field ? member_int(field, "size", -1) : -1;
        gint64 count = field ? member_int(field, "array_len", 1) : -1;
        gsize offset = r->pos;

        if (size < 0 || count < 0 || size > G_MAXINT32 ||
            count > G_MAXINT32 || !mt_reader_skip(r, (gsize)size * count))
            return walk_fail(walk->device, r->pos, "its fields do not fit",
                             error);
        if (walk->visitor && walk->visitor->field)
            walk_report_field(walk, r, field, offset, size, count, depth);
    }

    return TRUE;
}

static gboolean
walk_subsections(Walk *walk, MtReader *r, JsonObject *object, guint depth,
                 GError **error)
{
    JsonArray *subs = member_array(object, "subsections");

    for (guint i = 0; subs && i < json_array_get_length(subs); i++) {
        JsonObject *sub = element_object(subs, i);
        gsize path_len = walk->path->len;
        char name[256];
        guint8 type;
        guint32 version;
        gboolean ok;

        if (!sub || depth > 8 || !mt_reader_u8(r, &type) ||
            type != MT_SECTION_SUBSECTION || !mt_reader_str8(r, name) ||
            !mt_reader_be32(r, &version) ||
            g_strcmp0(name, member_string(sub, "vmsd_name")) != 0 ||
            version != member_int(sub, "version", -1))
            return walk_fail(walk->device, r->pos, "a subsection is missing",
                             error);

        g_string_append(walk->path, name);
        if (walk->visitor && walk->visitor->subsection)
            walk->visitor->subsection(walk->user_data, walk->path->str,
                                      version);
        g_string_append_c(walk->path, '/');
        ok = walk_object(walk, r, sub, depth + 1, error);
        g_string_truncate(walk->path, path_len);
        if (!ok)
            return FALSE;
    }

    return TRUE;
}

static gboolean
walk_object(Walk *walk, MtReader *r, JsonObject *object, guint depth,
            GError **error)
{
    return walk_fields(walk, r, object, depth, error) &&
           walk_subsections(walk, r, object, depth, error);
}

static gboolean
walk_device(Walk *walk, MtReader *r, JsonObject *object, gboolean footers,
            GError **error)
{
    const char *device = member_string(object, "name");
    gsize offset = r->pos;
    char name[256];
    guint8 type;
    guint32 id, instance, version, end_id;
    /* Devices without a VMStateDescription, such as slirp, have no version in
     * the description. */
    gint64 described = member_int(object, "version", -1);

    walk->device = device;
    if (!mt_reader_u8(r, &type) || type != MT_SECTION_FULL ||
        !mt_reader_be32(r, &id) || !mt_reader_str8(r, name) ||
        !mt_reader_be32(r, &instance) || !mt_reader_be32(r, &version) ||
        strcmp(name, device) != 0 ||
        instance != (guint32)member_int(object, "instance_id", 0) ||
        (described >= 0 && version != described))
        return walk_fail(device, r->pos, "its section does not begin here",
                         error);
    if (!walk_object(walk, r, object, 0, error))
        return FALSE;
    if (footers && (!mt_reader_u8(r, &type) || type != MT_SECTION_FOOTER ||
                    !mt_reader_be32(r, &end_id) || end_id != id))
        return walk_fail(device, r->pos, "its footer is not here", error);

    if (walk->visitor && walk->visitor->device)
        walk->visitor->device(walk->user_data, &(MtDeviceInfo) {
            .name = name,
            .vmsd_name = member_string(object, "vmsd_name"),
            .section_id = id,
            .instance_id = instance,
            .version = version,
            .offset = offset,
            .len = r->pos - offset,
        });
    return TRUE;
}

static gboolean
devices_walk_json(const guint8 *sections, gsize len, JsonObject *root,
                  gboolean footers, const MtDevicesVisitor *visitor,
                  gpointer user_data, guint *ret_n, GError **error)
{
    JsonArray *devices = member_array(root, "devices");
    guint n = devices ? json_array_get_length(devices) : 0;
    g_autoptr(GString) path = g_string_new(NULL);
    Walk walk = { "?", visitor, user_data, path };
    MtReader r;

    mt_reader_init(&r, sections, len);
    for (guint i = 0; i < n; i++) {
        JsonObject *object = element_object(devices, i);

        if (!object)
            return walk_fail("?", r.pos, "its description is not an object",
                             error);
        if (!walk_device(&walk, &r, object, footers, error))
            return FALSE;
    }
    if (mt_reader_left(&r))
        return walk_fail("none", r.pos, "a section that is not described",
                         error);

    if (ret_n)
        *ret_n = n;
    return TRUE;
}

/*
 * Whether the text has at most the length, the number of values and the depth of
 * real descriptions.  A peer must not be able to exhaust the memory or the stack
 * of the JSON parser, which is recursive.
 */
static gboolean
devices_is_moderate(const char *text, gsize len)
{
    gboolean in_string = FALSE;
    guint depth = 0;
    guint n_values = 1;

    if (len > MT_DEVICES_MAX_TEXT)
        return FALSE;
    for (gsize i = 0; i < len; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = FALSE;
            continue;
        }
        switch (text[i]) {
        case '"':
            in_string = TRUE;
            break;
        case '[':
        case '{':
            if (++depth > DEVICES_MAX_DEPTH ||
                ++n_values > DEVICES_MAX_VALUES)
                return FALSE;
            break;
        case ',':
            if (++n_values > DEVICES_MAX_VALUES)
                return FALSE;
            break;
        case ']':
        case '}':
            if (depth)
                depth--;
            break;
        case '/':
        case '#':
        case '\'':
            /* Not JSON, but the parser accepts comments and other quotes. */
            return FALSE;
        }
    }

    return TRUE;
}

/* The root object, or NULL if the text is not a description. */
static JsonObject *
devices_parse(JsonParser *parser, const char *text, gsize len)
{
    JsonNode *root;

    if (!len || !devices_is_moderate(text, len) ||
        !json_parser_load_from_data(parser, text, len, NULL))
        return NULL;

    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    return member_array(json_node_get_object(root), "devices") ?
           json_node_get_object(root) : NULL;
}

static gboolean
devices_walk_text(const guint8 *sections, gsize len, const char *vmdesc,
                  gsize vmdesc_len, gboolean footers,
                  const MtDevicesVisitor *visitor, gpointer user_data,
                  guint *ret_n, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonObject *root = devices_parse(parser, vmdesc, vmdesc_len);

    if (!root) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the device description is not JSON with a member "
                          "'devices', or is too large");
        return FALSE;
    }

    return devices_walk_json(sections, len, root, footers, visitor, user_data,
                             ret_n, error);
}

gboolean
mt_devices_walk(const guint8 *sections, gsize len, const char *vmdesc,
                gsize vmdesc_len, gboolean footers, guint *ret_n,
                GError **error)
{
    return devices_walk_text(sections, len, vmdesc, vmdesc_len, footers, NULL,
                             NULL, ret_n, error);
}

gboolean
mt_devices_visit(const guint8 *sections, gsize len, const char *vmdesc,
                 gsize vmdesc_len, gboolean footers,
                 const MtDevicesVisitor *visitor, gpointer user_data,
                 GError **error)
{
    return devices_walk_text(sections, len, vmdesc, vmdesc_len, footers,
                             visitor, user_data, NULL, error);
}

/* Tries the candidate description between @start and @end. */
static gboolean
devices_try(MtDevices *d, gsize start, gsize end, gboolean *ret_found,
            GError **error)
{
    g_autoptr(JsonParser) parser = NULL;
    const char *text = (const char *)d->bytes->data + start + 6;
    JsonObject *root;

    *ret_found = FALSE;
    if (end < start + 8 || d->bytes->data[end - 1] != '}')
        return TRUE;
    if (d->n_tries++ >= DEVICES_MAX_TRIES) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "more than %d places of the device state look like "
                          "its description and are not", DEVICES_MAX_TRIES);
        return FALSE;
    }

    d->n_parsed += end - start - 6;
    if (d->n_parsed > DEVICES_MAX_PARSED) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the device state has too many bytes that look "
                          "like its description and are not");
        return FALSE;
    }

    parser = json_parser_new();
    root = devices_parse(parser, text, end - start - 6);
    if (!root)
        return TRUE;
    if (!devices_walk_json(d->bytes->data, start, root, d->footers, NULL, NULL,
                           &d->n_devices, error))
        return FALSE;

    d->sections_len = start;
    d->vmdesc_at = start + 6;
    d->vmdesc_len = end - start - 6;
    *ret_found = TRUE;
    return TRUE;
}

gboolean
mt_devices_is_complete(MtDevices *d, gboolean *ret_complete, GError **error)
{
    gsize end = d->bytes->len;
    gpointer start;

    *ret_complete = FALSE;
    if (!g_hash_table_lookup_extended(d->starts, GSIZE_TO_POINTER(end), NULL,
                                      &start))
        return TRUE;

    return devices_try(d, GPOINTER_TO_SIZE(start), end, ret_complete, error);
}

gboolean
mt_devices_may_end(const MtDevices *d)
{
    const guint8 *data = d->bytes->data;
    gsize len = d->bytes->len;
    guint8 head[5] = { MT_SECTION_FULL };

    if (len < 6 || data[len - 1] != MT_SECTION_EOF)
        return FALSE;
    if (!d->footers)
        return TRUE;
    if (data[len - 6] != MT_SECTION_FOOTER)
        return FALSE;

    memcpy(head + 1, data + len - 5, 4);
    return memmem(data, len - 6, head, sizeof(head)) != NULL;
}

static gint
compare_ends(gconstpointer a, gconstpointer b)
{
    gsize x = GPOINTER_TO_SIZE(a), y = GPOINTER_TO_SIZE(b);

    return x < y ? -1 : x > y;
}

gboolean
mt_devices_finish(MtDevices *d, gboolean need_description, GError **error)
{
    g_autoptr(GList) ends = g_hash_table_get_keys(d->starts);

    ends = g_list_sort(ends, compare_ends);
    for (GList *l = ends; l; l = l->next) {
        gsize end = GPOINTER_TO_SIZE(l->data);
        gpointer start = g_hash_table_lookup(d->starts, l->data);
        gboolean found;

        if (end > d->bytes->len)
            break;
        if (!devices_try(d, GPOINTER_TO_SIZE(start), end, &found, error))
            return FALSE;
        if (found)
            return TRUE;
    }

    if (!need_description && mt_devices_may_end(d)) {
        d->sections_len = d->bytes->len - 1;
        return TRUE;
    }

    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "the stream ends inside the device state or its "
                      "description, after %u bytes", d->bytes->len);
    return FALSE;
}

GBytes *
mt_devices_get_sections(const MtDevices *d)
{
    return g_bytes_new(d->bytes->data, d->sections_len);
}

GBytes *
mt_devices_get_vmdesc(const MtDevices *d)
{
    return d->vmdesc_len ?
        g_bytes_new(d->bytes->data + d->vmdesc_at, d->vmdesc_len) : NULL;
}

guint
mt_devices_get_n(const MtDevices *d)
{
    return d->n_devices;
}

#define GLOBAL_STATE_LEN 100        /* bytes of the field "runstate" */
#define GLOBAL_STATE_NAME_LEN 32    /* bytes of its name, since 10.0 */

static void
append_section(GByteArray *out, guint32 id, const char *name,
               guint32 version, const GByteArray *body, gboolean footers)
{
    mt_append_u8(out, MT_SECTION_FULL);
    mt_append_be32(out, id);
    mt_append_str8(out, name);
    mt_append_be32(out, 0);
    mt_append_be32(out, version);
    g_byte_array_append(out, body->data, body->len);
    if (footers) {
        mt_append_u8(out, MT_SECTION_FOOTER);
        mt_append_be32(out, id);
    }
}

static void
describe_field(JsonBuilder *b, const char *name, const char *type, gint64 size)
{
    json_builder_begin_object(b);
    json_builder_set_member_name(b, "name");
    json_builder_add_string_value(b, name);
    json_builder_set_member_name(b, "type");
    json_builder_add_string_value(b, type);
    json_builder_set_member_name(b, "size");
    json_builder_add_int_value(b, size);
    json_builder_end_object(b);
}

static void
describe_device(JsonBuilder *b, const char *name, gint64 version)
{
    json_builder_begin_object(b);
    json_builder_set_member_name(b, "name");
    json_builder_add_string_value(b, name);
    json_builder_set_member_name(b, "instance_id");
    json_builder_add_int_value(b, 0);
    json_builder_set_member_name(b, "vmsd_name");
    json_builder_add_string_value(b, name);
    json_builder_set_member_name(b, "version");
    json_builder_add_int_value(b, version);
    json_builder_set_member_name(b, "fields");
    json_builder_begin_array(b);
}

static void
describe_end(JsonBuilder *b)
{
    json_builder_end_array(b);
    json_builder_end_object(b);
}

void
mt_devices_make_none(const MtDevicesNone *what, GBytes **ret_sections,
                     GBytes **ret_vmdesc)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GByteArray) body = g_byte_array_new();
    g_autoptr(JsonBuilder) b = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    guint8 state[GLOBAL_STATE_LEN] = { 0 };
    gsize len;
    char *text;

    json_builder_begin_object(b);
    if (what->configuration) {
        json_builder_set_member_name(b, "configuration");
        json_builder_begin_object(b);
        json_builder_set_member_name(b, "vmsd_name");
        json_builder_add_string_value(b, "configuration");
        json_builder_set_member_name(b, "version");
        json_builder_add_int_value(b, 1);
        json_builder_set_member_name(b, "fields");
        json_builder_begin_array(b);
        describe_field(b, "len", "uint32", 4);
        describe_field(b, "name", "buffer", strlen(what->machine));
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_set_member_name(b, "page_size");
    json_builder_add_int_value(b, MT_PAGE_SIZE);
    json_builder_set_member_name(b, "devices");
    json_builder_begin_array(b);

    /* Ticks and clock offsets, which are 0 on this machine. */
    g_byte_array_set_size(body, 24);
    memset(body->data, 0, body->len);
    append_section(out, 0, "timer", 2, body, what->footers);
    describe_device(b, "timer", 2);
    describe_field(b, "cpu_ticks_offset", "int64", 8);
    describe_field(b, "unused", "unused_buffer", 8);
    describe_field(b, "cpu_clock_offset", "int64", 8);
    describe_end(b);

    if (what->global_state) {
        g_strlcpy((char *)state, what->run_state, GLOBAL_STATE_NAME_LEN);
        if (what->global_state_flags)
            state[GLOBAL_STATE_NAME_LEN] = 1;
        g_byte_array_set_size(body, 0);
        mt_append_be32(body, strlen(what->run_state) + 1);
        g_byte_array_append(body, state, sizeof(state));
        append_section(out, what->global_state_id, "globalstate", 1, body,
                       what->footers);
        describe_device(b, "globalstate", 1);
        describe_field(b, "size", "uint32", 4);
        describe_field(b, "runstate", "buffer", GLOBAL_STATE_LEN);
        describe_end(b);
    }

    json_builder_end_array(b);
    json_builder_end_object(b);
    root = json_builder_get_root(b);
    text = json_to_string(root, FALSE);
    len = strlen(text);
    *ret_vmdesc = g_bytes_new_take(text, len);
    *ret_sections = g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

char *
mt_devices_dup_run_state(GBytes *sections)
{
    static const char name[] = "\013globalstate";
    gsize len;
    const guint8 *data = g_bytes_get_data(sections, &len);
    const guint8 *at = data ? memmem(data, len, name, strlen(name)) : NULL;
    gsize head = strlen(name) + 4 + 4 + 4; /* instance, version, size */

    if (!at || (gsize)(data + len - at) < head + GLOBAL_STATE_NAME_LEN ||
        !memchr(at + head, 0, GLOBAL_STATE_NAME_LEN))
        return NULL;

    return g_strdup((const char *)at + head);
}
