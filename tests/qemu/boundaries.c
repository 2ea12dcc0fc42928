/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The walker of src/stream finds the records of the RAM.  A device section has
 * no length: its end is found by its footer, which has the number of the section;
 * the stream that was not cut has the order of the sections and, at its end, the
 * description with which they are recognised.
 */
#include "config.h"

#include <string.h>

#include "boundaries.h"
#include "stream/walk.h"
#include "util/bytes.h"

#define BOUNDARIES_MAX_DEVICES (4 << 20)
#define FOOTER_LEN 5            /* type and number */
#define DESCRIPTION_HEAD_LEN 5  /* type and length */
#define MESSAGE_HEAD_LEN 4

typedef struct {
    guint32 id;
    char *name;
} Section;

struct Boundaries {
    gboolean forward;
    const Boundaries *whole;
    guint nth;
    guint beyond;
    guint64 cut;                /* where the link breaks; G_MAXUINT64: not yet */

    guint n;                    /* places so far */
    guint n_ram;                /* places before the device state */
    GPtrArray *names;           /* what comes before each */

    /* Forward. */
    MtWalk *walk;
    gboolean last;              /* the last phase has begun */
    guint16 record;             /* the previous one of the RAM */
    GArray *sections;           /* of the device state, of a whole stream */
    GByteArray *devices;
    guint64 devices_offset;
    gsize searched;             /* the devices up to here are known */
    guint n_sections;           /* so many of them */

    /* Back. */
    GByteArray *head;           /* of a message */
    guint64 passed;
    guint64 body_left;
};

static void
section_clear(gpointer data)
{
    g_free(((Section *)data)->name);
}

/* A place after @offset bytes. */
static void
boundaries_add(Boundaries *b, guint64 offset, char *name)
{
    gboolean in_devices = b->devices->len > 0;

    if (b->whole && b->n == b->nth &&
        in_devices == (b->nth >= b->whole->n_ram))
        b->cut = offset + b->beyond;
    b->n++;
    g_ptr_array_add(b->names, name);
}

/*
 * The RAM of a running guest changes, so that a cut stream can have fewer or more
 * records of the RAM than the whole stream.  If the record after which it is to be
 * cut does not come, it is cut where the device state begins.  The places in the
 * device state have the same numbers in both streams.
 */
static void
boundaries_end_ram(Boundaries *b, guint64 offset)
{
    b->devices_offset = offset;
    b->n_ram = b->n;
    if (!b->whole)
        return;
    if (b->nth < b->whole->n_ram && !boundaries_has_cut(b))
        b->cut = offset;
    b->n = b->whole->n_ram;
}

/*
 * Device state of a stream that is cut
 */

/* The footer of section @id, from @from on; NULL if it has not arrived. */
static const guint8 *
devices_find_footer(const GByteArray *devices, gsize from, guint32 id)
{
    guint8 footer[FOOTER_LEN] = { MT_SECTION_FOOTER };

    mt_put_be32(footer + 1, id);
    return memmem(devices->data + from, devices->len - from, footer,
                  sizeof(footer));
}

static void
devices_search(Boundaries *b)
{
    const GArray *sections = b->whole->sections;

    while (b->n_sections < sections->len) {
        const Section *section =
            &g_array_index(sections, Section, b->n_sections);
        const guint8 *footer =
            devices_find_footer(b->devices, b->searched, section->id);

        if (!footer)
            return;
        b->searched = footer + FOOTER_LEN - b->devices->data;
        b->n_sections++;
        boundaries_add(b, b->devices_offset + b->searched,
                       g_strdup(section->name));
    }
    if (b->n_sections == sections->len && b->devices->len > b->searched) {
        b->n_sections++;
        b->searched++;
        boundaries_add(b, b->devices_offset + b->searched,
                       g_strdup("the end of the sections"));
    }
    if (b->n_sections == sections->len + 1 &&
        b->devices->len >= b->searched + DESCRIPTION_HEAD_LEN) {
        b->n_sections++;
        b->searched += DESCRIPTION_HEAD_LEN +
                       mt_get_be32(b->devices->data + b->searched + 1);
        boundaries_add(b, b->devices_offset + b->searched,
                       g_strdup("everything"));
    }
}

/*
 * From the source to the destination
 */

static char *
event_name(const MtWalkEvent *event)
{
    static const char *const kinds[] = {
        [MT_WALK_SECTION] = "the head of a section",
        [MT_WALK_COMMAND] = "a command",
        [MT_WALK_RECORD] = "record",
        [MT_WALK_FOOTER] = "a footer",
    };
    const char *kind =
        event->kind < G_N_ELEMENTS(kinds) ? kinds[event->kind] : NULL;

    g_assert_nonnull(kind);
    return event->kind == MT_WALK_RECORD
               ? g_strdup_printf("%s 0x%x", kind, event->record)
               : g_strdup(kind);
}

static gboolean
boundaries_event(const MtWalkEvent *event, gpointer data, GError **error)
{
    Boundaries *b = data;

    if (!b->last) {
        b->last = (event->kind == MT_WALK_SECTION &&
                   event->type == MT_SECTION_END) ||
                  (event->kind == MT_WALK_COMMAND &&
                   event->command == MT_CMD_SWITCHOVER_START);
        if (!b->last)
            return TRUE;
        boundaries_add(b, event->offset, g_strdup("pages of a running guest"));
    }
    if (event->kind != MT_WALK_DATA) {
        guint16 record = event->kind == MT_WALK_RECORD ? event->record : 0;
        gboolean again = record && record == b->record;

        b->record = record;
        if (again && record & (MT_RECORD_PAGE | MT_RECORD_ZERO))
            return TRUE;
        boundaries_add(b, event->offset + event->len, event_name(event));
        return TRUE;
    }
    if (b->devices->len == 0)
        boundaries_end_ram(b, event->offset);
    g_byte_array_append(b->devices, event->body, event->body_len);
    if (b->whole)
        devices_search(b);

    return TRUE;
}

static void
boundaries_add_section(gpointer data, const MtDeviceInfo *info)
{
    Boundaries *b = data;
    Section section = { info->section_id,
                        g_strdup_printf("section %u %s", info->section_id,
                                        info->name) };

    g_array_append_val(b->sections, section);
    boundaries_add(b, 0, g_strdup(section.name));
}

static void
boundaries_finish_forward(Boundaries *b)
{
    static const MtDevicesVisitor visitor = { .device = boundaries_add_section };
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) sections = NULL;
    g_autoptr(GBytes) description = NULL;
    const char *text;
    const guint8 *bytes;
    gsize len;
    gsize text_len;

    mt_walk_finish(b->walk, &error);
    g_assert_no_error(error);
    sections = mt_devices_get_sections(mt_walk_get_devices(b->walk));
    description = mt_devices_get_vmdesc(mt_walk_get_devices(b->walk));
    g_assert_nonnull(description);
    bytes = g_bytes_get_data(sections, &len);
    text = g_bytes_get_data(description, &text_len);
    mt_devices_visit(bytes, len, text, text_len, TRUE, &visitor, b, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(b->sections->len, >, 0);
    boundaries_add(b, 0, g_strdup("the end of the sections"));
    boundaries_add(b, 0, g_strdup("everything"));
}

/*
 * From the destination to the source
 */

static void
boundaries_look_back(Boundaries *b, const guint8 *bytes, gsize n)
{
    for (gsize i = 0; i < n; i++, b->passed++) {
        if (b->body_left) {
            b->body_left--;
            continue;
        }
        if (b->head->len == 0)
            boundaries_add(b, b->passed,
                           g_strdup_printf("%u messages", b->n));
        g_byte_array_append(b->head, bytes + i, 1);
        if (b->head->len == MESSAGE_HEAD_LEN) {
            b->body_left = mt_get_be16(b->head->data + 2);
            g_byte_array_set_size(b->head, 0);
        }
    }
}

guint64
boundaries_look(gpointer data, const guint8 *bytes, gsize n)
{
    Boundaries *b = data;
    g_autoptr(GError) error = NULL;

    if (!b->forward) {
        boundaries_look_back(b, bytes, n);
        return b->cut;
    }
    mt_walk_feed(b->walk, bytes, n, &error);
    g_assert_no_error(error);

    return b->cut;
}

guint
boundaries_finish(Boundaries *b)
{
    if (b->forward)
        boundaries_finish_forward(b);
    else
        b->n_ram = b->n;

    return b->n;
}

gboolean
boundaries_has_cut(const Boundaries *b)
{
    return b->cut != G_MAXUINT64;
}

const char *
boundaries_name(const Boundaries *b, guint nth)
{
    return g_ptr_array_index(b->names, nth);
}

Boundaries *
boundaries_new(gboolean forward, const Boundaries *whole, guint nth,
               guint beyond)
{
    Boundaries *b = g_new0(Boundaries, 1);
    const MtWalkSettings settings = {
        .func = boundaries_event,
        .user_data = b,
        .max_device_bytes = whole ? 0 : BOUNDARIES_MAX_DEVICES,
    };

    b->forward = forward;
    b->whole = whole;
    b->nth = nth;
    b->beyond = beyond;
    b->cut = G_MAXUINT64;
    b->names = g_ptr_array_new_with_free_func(g_free);
    b->sections = g_array_new(FALSE, FALSE, sizeof(Section));
    g_array_set_clear_func(b->sections, section_clear);
    b->devices = g_byte_array_new();
    b->head = g_byte_array_new();
    if (forward)
        b->walk = mt_walk_new(&settings);

    return b;
}

void
boundaries_free(Boundaries *b)
{
    if (!b)
        return;

    g_clear_pointer(&b->walk, mt_walk_free);
    g_ptr_array_unref(b->names);
    g_array_unref(b->sections);
    g_byte_array_unref(b->devices);
    g_byte_array_unref(b->head);
    g_free(b);
}
