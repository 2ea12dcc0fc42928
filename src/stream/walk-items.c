/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The items of a migration stream outside the RAM: header, configuration,
 * heads and footers of sections, and commands.
 */
#include "config.h"

#include <string.h>

#include "stream/walk-private.h"

/* A machine type or a subsection of the configuration. */
#define WALK_MAX_TEXT 4096
#define WALK_MAX_CAPABILITIES 256

static gssize
walk_header(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_HEADER };

    if (!walk_have(w, len, 8))
        return WALK_MORE;
    if (mt_get_be32(p) != MT_WIRE_MAGIC) {
        mt_walk_bad(w, error, "it begins with 0x%08x, a migration stream with "
                    "0x%08x ('QEVM')", mt_get_be32(p), MT_WIRE_MAGIC);
        return WALK_BAD;
    }
    if (mt_get_be32(p + 4) != MT_WIRE_VERSION) {
        mt_walk_bad(w, error, "stream version %u, expected %d",
                    mt_get_be32(p + 4), MT_WIRE_VERSION);
        return WALK_BAD;
    }
    event.version = MT_WIRE_VERSION;
    if (!walk_emit(w, &event, 8, error))
        return WALK_BAD;

    w->state.place = MT_WALK_AT_CONFIGURATION;
    return 8;
}

/* The section and its subsections; any other byte begins a section. */
static gssize
walk_configuration(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_CONFIGURATION };
    g_autofree char *name = NULL;
    guint32 n;

    if (!walk_have(w, len, 5))
        return WALK_MORE;
    n = mt_get_be32(p + 1);
    if (n > WALK_MAX_TEXT) {
        mt_walk_bad(w, error, "a machine type of %u bytes, at most %d are "
                    "accepted", n, WALK_MAX_TEXT);
        return WALK_BAD;
    }
    if (!walk_have(w, len, 5 + n))
        return WALK_MORE;

    name = g_strndup((const char *)p + 5, n);
    event.name = name;
    if (!walk_emit(w, &event, 5 + n, error))
        return WALK_BAD;
    g_free(w->machine);
    w->machine = g_steal_pointer(&name);
    return 5 + n;
}

/* Length of the list of capability names at @p, as the functions above. */
static gssize
walk_capabilities(MtWalk *w, const guint8 *p, gsize len, gsize at,
                  guint8 *ret_flags, GError **error)
{
    guint32 n;

    if (!walk_have(w, len, at + 4))
        return WALK_MORE;
    n = mt_get_be32(p + at);
    at += 4;
    if (n > WALK_MAX_CAPABILITIES) {
        mt_walk_bad(w, error, "%u capabilities, at most %d are accepted", n,
                    WALK_MAX_CAPABILITIES);
        return WALK_BAD;
    }
    for (guint32 i = 0; i < n; i++) {
        char name[256];

        if (!walk_have(w, len, at + 1) || !walk_have(w, len, at + 1 + p[at]))
            return WALK_MORE;
        if (!mt_walk_name(w, p + at, name, error))
            return WALK_BAD;
        if (strcmp(name, "mapped-ram") == 0 ||
            strcmp(name, "x-mapped-ram") == 0)
            *ret_flags |= MT_WALK_MAPPED;
        if (strcmp(name, "x-ignore-shared") == 0)
            *ret_flags |= MT_WALK_IGNORE_SHARED;
        at += 1 + p[at];
    }

    return at;
}

static gssize
walk_subsection(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_SUBSECTION };
    guint8 flags = w->state.flags;
    guint32 page_bits = w->state.page_bits;
    char name[256];
    gsize head;
    gssize end;

    if (!walk_have(w, len, 2) || !walk_have(w, len, 2 + p[1] + 4))
        return WALK_MORE;
    if (!mt_walk_name(w, p + 1, name, error))
        return WALK_BAD;
    head = 2 + p[1] + 4;

    if (strcmp(name, "configuration/target-page-bits") == 0) {
        end = head + 4;
        if (!walk_have(w, len, end))
            return WALK_MORE;
        page_bits = mt_get_be32(p + head);
        if (page_bits < MT_PAGE_SHIFT || page_bits > 16) {
            mt_walk_bad(w, error, "%u bits of page size, expected %d to 16",
                        page_bits, MT_PAGE_SHIFT);
            return WALK_BAD;
        }
    } else if (strcmp(name, "configuration/capabilities") == 0) {
        end = walk_capabilities(w, p, len, head, &flags, error);
        if (end <= 0)
            return end;
    } else if (strcmp(name, "configuration/uuid") == 0) {
        end = head + 16;
        if (!walk_have(w, len, end))
            return WALK_MORE;
    } else {
        mt_walk_bad(w, error, "subsection '%s' of the configuration is not "
                    "known", name);
        return WALK_BAD;
    }

    event.name = name;
    event.version = mt_get_be32(p + head - 4);
    event.body = p + head;
    event.body_len = end - head;
    if (!walk_emit(w, &event, end, error))
        return WALK_BAD;
    w->state.flags = flags;
    w->state.page_bits = page_bits;
    return end;
}

static void
walk_begin_devices(MtWalk *w)
{
    w->state.place = MT_WALK_AT_DEVICES;
    w->devices_offset = w->offset;
}

/* A section with name, of type START or FULL. */
static gssize
walk_start(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_SECTION, .type = p[0] };
    char name[256];
    gsize head;

    if (!walk_have(w, len, 6) || !walk_have(w, len, 6 + p[5] + 8))
        return WALK_MORE;
    if (!mt_walk_name(w, p + 5, name, error))
        return WALK_BAD;
    head = 6 + p[5] + 8;

    event.id = mt_get_be32(p + 1);
    event.name = name;
    event.instance = mt_get_be32(p + head - 8);
    event.version = mt_get_be32(p + head - 4);
    if (event.type != MT_SECTION_START || strcmp(name, "ram") != 0) {
        /* Its data has no length; it is reported from its first byte on. */
        walk_begin_devices(w);
        return WALK_MORE;
    }
    if (event.version != MT_WIRE_RAM_VERSION) {
        mt_walk_bad(w, error, "section 'ram' has version %u, expected %d",
                    event.version, MT_WIRE_RAM_VERSION);
        return WALK_BAD;
    }
    if (!walk_emit(w, &event, head, error))
        return WALK_BAD;

    w->state.section_id = event.id;
    w->state.place = MT_WALK_AT_RECORDS;
    return head;
}

static gssize
walk_part(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_SECTION, .type = p[0] };

    if (!walk_have(w, len, 5))
        return WALK_MORE;
    event.id = mt_get_be32(p + 1);
    if (!w->blocks->len || event.id != w->state.section_id) {
        mt_walk_bad(w, error, "section %u continues, but has not begun",
                    event.id);
        return WALK_BAD;
    }
    event.name = "ram";
    if (!walk_emit(w, &event, 5, error))
        return WALK_BAD;

    w->state.place = MT_WALK_AT_RECORDS;
    return 5;
}

static gssize
walk_command(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_COMMAND };

    if (!walk_have(w, len, 5))
        return WALK_MORE;
    event.command = mt_get_be16(p + 1);
    event.body_len = mt_get_be16(p + 3);
    if (event.command < MT_CMD_OPEN_RETURN_PATH ||
        event.command > MT_CMD_SWITCHOVER_START) {
        mt_walk_bad(w, error, "command %u is not known", event.command);
        return WALK_BAD;
    }
    if (event.command == MT_CMD_PACKAGED && event.body_len != 4) {
        mt_walk_bad(w, error, "a package has %" G_GSIZE_FORMAT " bytes of "
                    "length, expected 4", event.body_len);
        return WALK_BAD;
    }
    if (!walk_have(w, len, 5 + event.body_len))
        return WALK_MORE;
    event.body = p + 5;
    if (!walk_emit(w, &event, 5 + event.body_len, error))
        return WALK_BAD;

    if (event.command == MT_CMD_PACKAGED)
        w->state.skip = mt_get_be32(p + 5);
    /* The page sizes of all blocks, or-ed. */
    if (event.command == MT_CMD_POSTCOPY_ADVISE && event.body_len == 16 &&
        mt_get_be64(p + 5) > walk_page_bytes(w))
        w->state.flags |= MT_WALK_HUGE_PAGES;
    return 5 + event.body_len;
}

static gssize
walk_top(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    if (!walk_have(w, len, 1))
        return WALK_MORE;

    switch (p[0]) {
    case MT_SECTION_START:
    case MT_SECTION_FULL:
        return walk_start(w, p, len, error);
    case MT_SECTION_PART:
    case MT_SECTION_END:
        return walk_part(w, p, len, error);
    case MT_SECTION_COMMAND:
        return walk_command(w, p, len, error);
    case MT_SECTION_EOF:
        walk_begin_devices(w);
        return WALK_MORE;
    default:
        mt_walk_bad(w, error, "0x%02x does not begin a section", p[0]);
        return WALK_BAD;
    }
}

/* Whether sections have footers shows after the first RAM section. */
static gssize
walk_footer(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_FOOTER };

    if (!walk_have(w, len, 1))
        return WALK_MORE;
    if (!(w->state.flags & MT_WALK_FOOTERS_KNOWN)) {
        w->state.flags |= MT_WALK_FOOTERS_KNOWN;
        if (p[0] == MT_SECTION_FOOTER)
            w->state.flags |= MT_WALK_FOOTERS;
    }
    if (!(w->state.flags & MT_WALK_FOOTERS)) {
        w->state.place = MT_WALK_AT_TOP;
        return WALK_MORE;
    }

    if (!walk_have(w, len, 5))
        return WALK_MORE;
    event.id = mt_get_be32(p + 1);
    if (p[0] != MT_SECTION_FOOTER || event.id != w->state.section_id) {
        mt_walk_bad(w, error, "expected the footer of section %u, found byte "
                    "0x%02x and number %u", w->state.section_id, p[0],
                    event.id);
        return WALK_BAD;
    }
    if (!walk_emit(w, &event, 5, error))
        return WALK_BAD;

    w->state.place = MT_WALK_AT_TOP;
    return 5;
}

gssize
mt_walk_item(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    switch (w->state.place) {
    case MT_WALK_AT_START:
        return walk_header(w, p, len, error);
    case MT_WALK_AT_CONFIGURATION:
        if (!walk_have(w, len, 1))
            return WALK_MORE;
        if (p[0] == MT_SECTION_CONFIGURATION && !w->machine[0])
            return walk_configuration(w, p, len, error);
        if (p[0] == MT_SECTION_SUBSECTION && w->machine[0])
            return walk_subsection(w, p, len, error);
        w->state.place = MT_WALK_AT_TOP;
        return WALK_MORE;
    case MT_WALK_AT_TOP:
        return walk_top(w, p, len, error);
    case MT_WALK_AT_BLOCKS:
        return mt_walk_block(w, p, len, error);
    case MT_WALK_AT_RECORDS:
        return mt_walk_record(w, p, len, error);
    case MT_WALK_AT_FOOTER:
        return walk_footer(w, p, len, error);
    case MT_WALK_AT_DEVICES:
        break;
    }

    g_assert_not_reached();
}
