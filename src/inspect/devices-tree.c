/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Device state in the account: see devices-tree.h.
 *
 * With a description, sizes and fields are exact.  Without one, the end of a
 * section is the first place that looks like its footer and is followed by
 * something that can follow a section; such sizes are marked as guessed.
 */
#include "config.h"

#include <string.h>

#include "inspect/devices-tree.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* A machine of type pc has about 1500 fields. */
#define MAX_FIELDS 100000

/* Bytes of a field's value that are shown. */
#define MAX_VALUE 16

/* Sections that are found without a description. */
#define MAX_GUESSED 4096

typedef struct {
    MtAccount *account;
    guint64 offset;         /* of the device state, in the main channel */
    GPtrArray *fields;      /* of the device that is being visited */
    guint n_fields;
    guint n_subsections;
    guint n_all;
} Tree;

static void
field_free(gpointer data)
{
    MtAccountField *field = data;

    g_free(field->path);
    g_free(field->type);
    g_free(field->value);
    g_free(field);
}

static char *
tree_format_value(const MtDeviceField *field)
{
    gsize len = field->size * field->count;
    GString *text;

    if (!field->data)
        return NULL;

    text = g_string_new(NULL);
    for (gsize i = 0; i < MIN(len, MAX_VALUE); i++)
        g_string_append_printf(text, "%02x", field->data[i]);
    return g_string_free(text, FALSE);
}

static MtAccountField *
tree_add_field(Tree *tree)
{
    MtAccountField *field;

    if (tree->n_all++ >= MAX_FIELDS)
        return NULL;

    field = g_new0(MtAccountField, 1);
    g_ptr_array_add(tree->fields, field);
    return field;
}

static void
tree_on_field(gpointer user_data, const MtDeviceField *from)
{
    Tree *tree = user_data;
    MtAccountField *field = tree_add_field(tree);

    tree->n_fields += from->data != NULL;
    if (!field)
        return;

    field->path = g_strdup(from->path);
    field->type = g_strdup(from->type);
    field->size = from->size;
    field->count = from->count;
    field->offset = tree->offset + from->offset;
    field->example = !from->data;
    field->value = tree_format_value(from);
}

static void
tree_on_subsection(gpointer user_data, const char *path, guint32 version)
{
    Tree *tree = user_data;
    MtAccountField *field = tree_add_field(tree);

    tree->n_subsections++;
    if (!field)
        return;

    field->path = g_strdup(path);
    field->type = g_strdup("subsection");
    field->count = version;
}

static GPtrArray *
tree_new_fields(void)
{
    return g_ptr_array_new_with_free_func(field_free);
}

static void
tree_on_device(gpointer user_data, const MtDeviceInfo *info)
{
    Tree *tree = user_data;
    MtAccountDevice *device = g_new0(MtAccountDevice, 1);
    MtAccountSection *section = mt_account_section(
        tree->account, MT_SECTION_FULL, info->section_id, info->name,
        info->instance_id, info->version, tree->offset + info->offset,
        info->len, FALSE);

    section->fields = tree->n_fields;
    section->subsections = tree->n_subsections;
    tree->account->device_bytes += info->len;
    tree->n_fields = tree->n_subsections = 0;

    device->name = g_strdup(info->name);
    device->vmsd_name = g_strdup(info->vmsd_name);
    device->instance = info->instance_id;
    device->version = info->version;
    device->fields = g_steal_pointer(&tree->fields);
    tree->fields = tree_new_fields();
    g_ptr_array_add(tree->account->devices, device);
}

static const MtDevicesVisitor tree_visitor = {
    .field = tree_on_field,
    .subsection = tree_on_subsection,
    .device = tree_on_device,
};

/* Whether @p looks like the footer of section @id with something behind it
 * that can follow a section. */
static gboolean
is_footer(const guint8 *p, gsize left, guint32 id)
{
    if (left < 5 || p[0] != MT_SECTION_FOOTER || mt_get_be32(p + 1) != id)
        return FALSE;

    return left == 5 || p[5] <= MT_SECTION_FULL ||
           p[5] == MT_SECTION_COMMAND;
}

/* Where the section that begins at @at and whose head ends at @head ends. */
static gsize
guess_end(const guint8 *data, gsize len, gsize head, guint32 id,
          gboolean footers)
{
    for (gsize at = head; footers && at < len; at++) {
        const guint8 *p = memchr(data + at, MT_SECTION_FOOTER, len - at);

        if (!p)
            break;
        at = p - data;
        if (is_footer(p, len - at, id))
            return at + 5;
    }

    return len;
}

/* Splits @data into commands and device sections.  Returns how many bytes were
 * understood. */
static gsize
guess_sections(MtAccount *account, const guint8 *data, gsize len,
               guint64 offset, gboolean footers)
{
    MtReader r;
    guint n = 0;

    mt_reader_init(&r, data, len);
    while (mt_reader_left(&r) && n++ < MAX_GUESSED) {
        gsize start = r.pos, end;
        guint8 type = 0;
        guint32 id, instance, version;
        guint16 command, size;
        char name[256];
        MtAccountSection *section;

        mt_reader_u8(&r, &type);
        if (type == MT_SECTION_EOF)
            return start;
        if (type == MT_SECTION_COMMAND && mt_reader_be16(&r, &command) &&
            mt_reader_be16(&r, &size) && mt_reader_skip(&r, size) &&
            mt_command_to_string(command)) {
            mt_account_command(account, command, offset + start);
            continue;
        }
        if (type != MT_SECTION_FULL || !mt_reader_be32(&r, &id) ||
            !mt_reader_str8(&r, name) || !mt_reader_be32(&r, &instance) ||
            !mt_reader_be32(&r, &version))
            return start;

        end = guess_end(data, len, r.pos, id, footers);
        section = mt_account_section(account, MT_SECTION_FULL, id, name,
                                     instance, version, offset + start,
                                     end - start, FALSE);
        section->guessed = TRUE;
        account->device_bytes += end - start;
        r.pos = end;
    }

    return r.pos;
}

/* Sections other than RAM that a source sends while the guest runs have no
 * length and no description. */
static gboolean
tree_add_live(MtAccount *account, const char *channel, const guint8 *data,
              gsize len, guint64 offset)
{
    MtReader r;
    guint8 type;
    guint32 id;
    char name[256];
    g_autofree char *shown = NULL;

    mt_reader_init(&r, data, len);
    if (!mt_reader_u8(&r, &type) || type != MT_SECTION_START ||
        !mt_reader_be32(&r, &id) || !mt_reader_str8(&r, name))
        return FALSE;

    shown = g_strescape(name, NULL);
    mt_account_problem_at(account, MT_PROBLEM_WARNING, "live-section", channel,
                          offset,
                          "section '%s' is sent while the guest runs and has "
                          "no length in the stream: nothing behind it can be "
                          "looked into", shown);
    return TRUE;
}

void
mt_tree_add(MtAccount *account, const char *channel, MtDevices *devices,
            guint64 offset, guint64 bytes, gboolean footers)
{
    g_autoptr(GBytes) sections = mt_devices_get_sections(devices);
    g_autoptr(GBytes) vmdesc = mt_devices_get_vmdesc(devices);
    Tree tree = { account, offset, tree_new_fields() };
    g_autoptr(GError) error = NULL;
    gsize len, text_len = 0;
    const guint8 *data = g_bytes_get_data(sections, &len);
    const char *text = vmdesc ? g_bytes_get_data(vmdesc, &text_len) : NULL;
    guint64 used;

    if (text) {
        account->described = TRUE;
        account->description_bytes = text_len;
        if (!mt_devices_visit(data, len, text, text_len, footers,
                              &tree_visitor, &tree, &error))
            mt_account_problem_at(account, MT_PROBLEM_ERROR,
                                  "bad-description", channel, offset, "%s",
                                  error->message);
        if (tree.n_all > MAX_FIELDS)
            mt_account_problem_at(account, MT_PROBLEM_WARNING, "many-fields",
                                  channel, offset,
                                  "the devices have %u fields, of which %d "
                                  "are listed", tree.n_all, MAX_FIELDS);
    } else {
        guess_sections(account, data, len, offset, footers);
        mt_account_problem_at(account, MT_PROBLEM_INFO, "no-description",
                              channel, offset,
                              "the stream has no description of the device "
                              "state: the sizes of its sections are guessed");
    }
    g_ptr_array_unref(tree.fields);

    /* The end-of-list byte, and the description with type and length. */
    used = len + 1 + (text ? 5 + text_len : 0);
    if (bytes > used) {
        account->trailing_bytes = bytes - used;
        mt_account_problem_at(account, MT_PROBLEM_WARNING, "trailing-data",
                              channel, offset + used,
                              "%" G_GUINT64_FORMAT " bytes follow the end of "
                              "the stream", bytes - used);
    }
}

void
mt_tree_add_damaged(MtAccount *account, const char *channel,
                    MtDevices *devices, guint64 offset, guint64 bytes,
                    gboolean footers, const char *text)
{
    gsize len = 0;
    const guint8 *data = devices ? mt_devices_peek(devices, &len) : NULL;

    if (data && tree_add_live(account, channel, data, len, offset))
        return;

    if (data)
        guess_sections(account, data, len, offset, footers);
    mt_account_problem_at(account, MT_PROBLEM_ERROR, "bad-device-state",
                          channel, offset + bytes, "%s", text);
}

void
mt_tree_add_package(MtAccount *account, const char *channel,
                    const guint8 *data, gsize len, guint64 offset,
                    gboolean footers)
{
    gsize used = guess_sections(account, data, len, offset, footers);

    if (used < len)
        mt_account_problem_at(account, MT_PROBLEM_ERROR, "bad-package",
                              channel, offset + used,
                              "%" G_GSIZE_FORMAT " bytes of the post-copy "
                              "package are not commands or device sections",
                              len - used);
}
