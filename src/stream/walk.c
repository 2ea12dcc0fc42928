/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walking over a migration stream: see walk.h.
 *
 * An item (a section head, a command, a record with its page) is parsed only
 * when all of its bytes are in one piece.  Items are short, at most
 * MT_WALK_MAX_ITEM bytes, so the bytes of one that is cut by the end of a
 * piece are collected in a buffer.  Every parser returns the length of its
 * item, 0 if it needs more bytes, or -1 on error; it changes the walker only
 * if the item is complete.  So the walker is always at a boundary.
 */
#include "config.h"

#include <string.h>

#include "stream/walk.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* A machine type or a subsection of the configuration. */
#define WALK_MAX_TEXT 4096
#define WALK_MAX_CAPABILITIES 256

/* One zlib stream of a page that does not compress. */
#define WALK_MAX_DEFLATED(page_bytes) ((page_bytes) + 64)

#define WALK_BAD (-1)
#define WALK_MORE 0

struct MtWalk {
    MtWalkSettings settings;

    MtWalkState state;
    guint64 offset;         /* of the next item */
    GArray *blocks;         /* of MtWalkBlock */
    char *machine;

    guint8 *carry;          /* the first bytes of an item */
    gsize n_carry;
    gsize need;             /* bytes that the item needs at least */

    gboolean in_mapped;     /* the bytes to skip are of the last block */
    guint64 devices_offset;
    guint64 devices_bytes;
    MtDevices *devices;     /* NULL: not wanted, not there yet or too large */
    gboolean devices_dropped;
};

MtWalk *
mt_walk_new(const MtWalkSettings *settings)
{
    MtWalk *w = g_new0(MtWalk, 1);

    w->settings = *settings;
    w->state.block = MT_WALK_NO_BLOCK;
    w->state.page_bits = MT_PAGE_SHIFT;
    w->blocks = g_array_new(FALSE, TRUE, sizeof(MtWalkBlock));
    w->machine = g_strdup("");
    w->carry = g_malloc(MT_WALK_MAX_ITEM);
    return w;
}

MtWalk *
mt_walk_new_at(const MtWalkSettings *settings, const MtWalkState *state,
               guint64 offset, const MtWalkBlock *blocks, guint n_blocks)
{
    MtWalk *w = mt_walk_new(settings);

    w->state = *state;
    w->offset = offset;
    if (n_blocks)
        g_array_append_vals(w->blocks, blocks, n_blocks);
    if (state->place == MT_WALK_AT_DEVICES)
        w->devices_offset = offset;
    return w;
}

void
mt_walk_free(MtWalk *w)
{
    if (!w)
        return;

    g_array_unref(w->blocks);
    g_free(w->machine);
    g_free(w->carry);
    mt_devices_free(w->devices);
    g_free(w);
}

static gboolean
walk_bad(const MtWalk *w, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Always FALSE. */
static gboolean
walk_bad(const MtWalk *w, GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "at offset %" G_GUINT64_FORMAT " of the stream: %s",
                      w->offset, text);
    return FALSE;
}

static inline gsize
walk_page_bytes(const MtWalk *w)
{
    return (gsize)1 << w->state.page_bits;
}

/* Whether @n bytes of the item are there; else notes that they are needed. */
static inline gboolean
walk_have(MtWalk *w, gsize len, gsize n)
{
    if (G_LIKELY(len >= n))
        return TRUE;

    w->need = n;
    return FALSE;
}

static inline gboolean
walk_emit(MtWalk *w, MtWalkEvent *event, gsize len, GError **error)
{
    event->offset = w->offset;
    event->len = len;
    return !w->settings.func ||
           w->settings.func(event, w->settings.user_data, error);
}

/* A name with one length byte before it, of which all bytes are there. */
static gboolean
walk_name(MtWalk *w, const guint8 *p, char out[256], GError **error)
{
    guint8 len = *p;

    if (memchr(p + 1, 0, len))
        return walk_bad(w, error, "a name of %u bytes has a NUL inside", len);

    memcpy(out, p + 1, len);
    out[len] = '\0';
    return TRUE;
}

static gssize
walk_header(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_HEADER };

    if (!walk_have(w, len, 8))
        return WALK_MORE;
    if (mt_get_be32(p) != MT_WIRE_MAGIC) {
        walk_bad(w, error, "it begins with 0x%08x, a migration stream with "
                 "0x%08x ('QEVM')", mt_get_be32(p), MT_WIRE_MAGIC);
        return WALK_BAD;
    }
    if (mt_get_be32(p + 4) != MT_WIRE_VERSION) {
        walk_bad(w, error, "stream version %u, expected %d",
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
        walk_bad(w, error, "a machine type of %u bytes, at most %d are "
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
        walk_bad(w, error, "%u capabilities, at most %d are accepted", n,
                 WALK_MAX_CAPABILITIES);
        return WALK_BAD;
    }
    for (guint32 i = 0; i < n; i++) {
        char name[256];

        if (!walk_have(w, len, at + 1) || !walk_have(w, len, at + 1 + p[at]))
            return WALK_MORE;
        if (!walk_name(w, p + at, name, error))
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
    if (!walk_name(w, p + 1, name, error))
        return WALK_BAD;
    head = 2 + p[1] + 4;

    if (strcmp(name, "configuration/target-page-bits") == 0) {
        end = head + 4;
        if (!walk_have(w, len, end))
            return WALK_MORE;
        page_bits = mt_get_be32(p + head);
        if (page_bits < MT_PAGE_SHIFT || page_bits > 16) {
            walk_bad(w, error, "%u bits of page size, expected %d to 16",
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
        walk_bad(w, error, "subsection '%s' of the configuration is not "
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
    if (!walk_name(w, p + 5, name, error))
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
        walk_bad(w, error, "section 'ram' has version %u, expected %d",
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
        walk_bad(w, error, "section %u continues, but has not begun",
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
        walk_bad(w, error, "command %u is not known", event.command);
        return WALK_BAD;
    }
    if (event.command == MT_CMD_PACKAGED && event.body_len != 4) {
        walk_bad(w, error, "a package has %" G_GSIZE_FORMAT " bytes of "
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
        walk_bad(w, error, "0x%02x does not begin a section", p[0]);
        return WALK_BAD;
    }
}

/*
 * The host's page size of a block stands in the list only if post-copy is
 * possible and the block has large pages.  Such a number begins with a zero
 * byte and has no low bits; a name begins with its length, a record has flags.
 */
static gboolean
walk_is_page_size(const guint8 *p, guint64 blocks_left)
{
    guint64 value = mt_get_be64(p);

    return value && !(value & (value - 1)) && !(value & MT_RECORD_MASK) &&
           (p[0] == 0 || !blocks_left);
}

static gssize
walk_block(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_BLOCK };
    MtWalkBlock block = { 0 };
    guint64 left = w->state.blocks_left;
    guint64 skip = 0;
    gsize at;

    if (!walk_have(w, len, 1) || !walk_have(w, len, 1 + p[0] + 8))
        return WALK_MORE;
    if (!walk_name(w, p, block.name, error))
        return WALK_BAD;
    at = 1 + p[0] + 8;
    block.used_bytes = mt_get_be64(p + at - 8);
    if (!block.used_bytes || block.used_bytes > left ||
        block.used_bytes % walk_page_bytes(w)) {
        walk_bad(w, error, "block '%s' has %" G_GUINT64_FORMAT " bytes; "
                 "expected a multiple of %" G_GSIZE_FORMAT " and at most "
                 "%" G_GUINT64_FORMAT, block.name, block.used_bytes,
                 walk_page_bytes(w), left);
        return WALK_BAD;
    }
    left -= block.used_bytes;
    for (guint i = 0; i < w->blocks->len; i++) {
        if (strcmp(mt_walk_get_block(w, i)->name, block.name) == 0) {
            walk_bad(w, error, "block '%s' is listed twice", block.name);
            return WALK_BAD;
        }
    }

    if (w->state.flags & MT_WALK_HUGE_PAGES) {
        if (!walk_have(w, len, at + 8))
            return WALK_MORE;
        if (walk_is_page_size(p + at, left)) {
            block.page_bytes = mt_get_be64(p + at);
            at += 8;
        }
    }
    if (w->state.flags & MT_WALK_IGNORE_SHARED) {
        if (!walk_have(w, len, at + 8))
            return WALK_MORE;
        block.gpa = mt_get_be64(p + at);
        at += 8;
    }
    if (w->state.flags & MT_WALK_MAPPED) {
        guint64 here = w->settings.base + w->offset;

        if (!walk_have(w, len, at + MT_MAPPED_HEADER_SIZE))
            return WALK_MORE;
        block.is_mapped = TRUE;
        mt_wire_get_mapped(p + at, &block.mapped);
        at += MT_MAPPED_HEADER_SIZE;
        if (!mt_mapped_check(&block.mapped, error))
            return WALK_BAD;
        if (block.mapped.bitmap_offset < here + at ||
            block.mapped.pages_offset < here + at ||
            block.used_bytes > G_MAXINT64 / 2) {
            walk_bad(w, error, "the bitmap or the pages of block '%s' lie "
                     "before its header", block.name);
            return WALK_BAD;
        }
        skip = block.mapped.pages_offset + block.used_bytes - here - at;
    }

    if (w->blocks->len == MT_WALK_MAX_BLOCKS) {
        walk_bad(w, error, "more than %d blocks of RAM", MT_WALK_MAX_BLOCKS);
        return WALK_BAD;
    }
    g_array_append_val(w->blocks, block);
    event.block = w->blocks->len - 1;
    if (!walk_emit(w, &event, at, error))
        return WALK_BAD;

    w->state.skip = skip;
    w->in_mapped = block.is_mapped;
    w->state.blocks_left = left;
    if (!left)
        w->state.place = MT_WALK_AT_RECORDS;
    return at;
}

/* The block that a page record names; -1 if there is none. */
static int
walk_find_block(MtWalk *w, const guint8 *p, gsize len)
{
    for (guint i = 0; i < w->blocks->len; i++) {
        const char *name = g_array_index(w->blocks, MtWalkBlock, i).name;

        if (strncmp(name, (const char *)p, len) == 0 && name[len] == '\0')
            return i;
    }

    return -1;
}

/* Where the body of a page record ends. */
static inline gssize
walk_page_end(MtWalk *w, MtWalkEvent *event, const guint8 *p, gsize len,
              gsize at, GError **error)
{
    guint32 n;

    switch (event->record) {
    case MT_RECORD_ZERO:
        if (!walk_have(w, len, at + 1))
            return WALK_MORE;
        event->fill = p[at];
        return at + 1;
    case MT_RECORD_PAGE:
        n = walk_page_bytes(w);
        break;
    case MT_RECORD_XBZRLE:
        if (!walk_have(w, len, at + 3))
            return WALK_MORE;
        n = mt_get_be16(p + at + 1);
        if (p[at] != 1 || n > walk_page_bytes(w)) {
            walk_bad(w, error, "an XBZRLE record has method %u and %u bytes; "
                     "expected 1 and at most %" G_GSIZE_FORMAT, p[at], n,
                     walk_page_bytes(w));
            return WALK_BAD;
        }
        at += 3;
        break;
    default:
        if (!walk_have(w, len, at + 4))
            return WALK_MORE;
        n = mt_get_be32(p + at);
        if (n > WALK_MAX_DEFLATED(walk_page_bytes(w))) {
            walk_bad(w, error, "a compressed page has %u bytes, at most "
                     "%" G_GSIZE_FORMAT " are accepted", n,
                     WALK_MAX_DEFLATED(walk_page_bytes(w)));
            return WALK_BAD;
        }
        at += 4;
        break;
    }

    if (!walk_have(w, len, at + n))
        return WALK_MORE;
    event->body = p + at;
    event->body_len = n;
    return at + n;
}

static gssize
walk_page(MtWalk *w, MtWalkEvent *event, guint64 word, const guint8 *p,
          gsize len, GError **error)
{
    int block = w->state.block;
    gsize at = 8;
    gssize end;

    if (!(word & MT_RECORD_CONTINUE)) {
        if (!walk_have(w, len, 9) || !walk_have(w, len, 9 + p[8]))
            return WALK_MORE;
        block = walk_find_block(w, p + 9, p[8]);
        at = 9 + p[8];
        if (block < 0) {
            g_autofree char *name = g_strndup((const char *)p + 9, p[8]);
            g_autofree char *shown = g_strescape(name, NULL);

            walk_bad(w, error, "a page of block '%s', which is not listed",
                     shown);
            return WALK_BAD;
        }
    } else if (block == MT_WALK_NO_BLOCK) {
        walk_bad(w, error, "a page continues a block, but no block was "
                 "named before");
        return WALK_BAD;
    }

    event->block = block;
    event->page_offset = word & ~(guint64)MT_RECORD_MASK;
    if (event->page_offset >= mt_walk_get_block(w, block)->used_bytes ||
        event->page_offset % walk_page_bytes(w)) {
        walk_bad(w, error, "a page at 0x%" G_GINT64_MODIFIER "x of block "
                 "'%s', which has 0x%" G_GINT64_MODIFIER "x bytes",
                 event->page_offset, mt_walk_get_block(w, block)->name,
                 mt_walk_get_block(w, block)->used_bytes);
        return WALK_BAD;
    }
    end = walk_page_end(w, event, p, len, at, error);
    if (end <= 0)
        return end;
    if (!walk_emit(w, event, end, error))
        return WALK_BAD;

    w->state.block = block;
    return end;
}

static gssize
walk_block_list(MtWalk *w, guint64 word, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_BLOCK_LIST };

    if (w->blocks->len) {
        walk_bad(w, error, "a second list of blocks");
        return WALK_BAD;
    }
    event.total_bytes = word & ~(guint64)MT_RECORD_MASK;
    if (!walk_emit(w, &event, 8, error))
        return WALK_BAD;

    w->state.blocks_left = event.total_bytes;
    if (event.total_bytes)
        w->state.place = MT_WALK_AT_BLOCKS;
    return 8;
}

static gssize
walk_record(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_RECORD };
    guint64 word;

    if (!walk_have(w, len, 8))
        return WALK_MORE;

    word = mt_get_be64(p);
    event.id = w->state.section_id;
    event.record = word & MT_RECORD_MASK & ~MT_RECORD_CONTINUE;
    switch (event.record) {
    case MT_RECORD_ZERO:
    case MT_RECORD_PAGE:
    case MT_RECORD_XBZRLE:
    case MT_RECORD_COMPRESS:
        return walk_page(w, &event, word, p, len, error);
    case MT_RECORD_MEM_SIZE:
        return walk_block_list(w, word, error);
    case MT_RECORD_EOS:
    case MT_RECORD_FLUSH:
        if (!walk_emit(w, &event, 8, error))
            return WALK_BAD;
        if (event.record == MT_RECORD_EOS)
            w->state.place = MT_WALK_AT_FOOTER;
        return 8;
    case MT_RECORD_HOOK:
        walk_bad(w, error, "a record of RDMA, which is not supported");
        return WALK_BAD;
    default:
        walk_bad(w, error, "a RAM record has flags 0x%03x, which are not "
                 "known", (guint)(word & MT_RECORD_MASK));
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
        walk_bad(w, error, "expected the footer of section %u, found byte "
                 "0x%02x and number %u", w->state.section_id, p[0],
                 event.id);
        return WALK_BAD;
    }
    if (!walk_emit(w, &event, 5, error))
        return WALK_BAD;

    w->state.place = MT_WALK_AT_TOP;
    return 5;
}

static gssize
walk_item(MtWalk *w, const guint8 *p, gsize len, GError **error)
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
        return walk_block(w, p, len, error);
    case MT_WALK_AT_RECORDS:
        return walk_record(w, p, len, error);
    case MT_WALK_AT_FOOTER:
        return walk_footer(w, p, len, error);
    case MT_WALK_AT_DEVICES:
        break;
    }

    g_assert_not_reached();
}

/* One item, or a change of place that takes no bytes.  Returns as the parsers
 * do; @w->need is set if 0 is returned and bytes are missing. */
static gssize
walk_next(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    gssize n;

    do {
        MtWalkPlace place = w->state.place;

        w->need = 0;
        n = walk_item(w, p, len, error);
        if (n != WALK_MORE || w->state.place == place)
            break;
    } while (w->state.place != MT_WALK_AT_DEVICES);

    if (n > 0)
        w->offset += n;
    return n;
}

static gboolean
walk_keep_devices(MtWalk *w, const guint8 *data, gsize len, GError **error)
{
    if (!w->settings.max_device_bytes || w->devices_dropped)
        return TRUE;

    if (!w->devices)
        w->devices = mt_devices_new(w->state.flags & MT_WALK_FOOTERS ||
                                    !(w->state.flags & MT_WALK_FOOTERS_KNOWN),
                                    w->settings.max_device_bytes);
    if (w->devices_bytes + len > w->settings.max_device_bytes) {
        g_clear_pointer(&w->devices, mt_devices_free);
        w->devices_dropped = TRUE;
        return TRUE;
    }

    return mt_devices_append(w->devices, data, len, error);
}

/* Bytes without structure. */
static gboolean
walk_data(MtWalk *w, MtWalkData kind, const guint8 *data, gsize len,
          GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_DATA, .data = kind, .body = data,
                          .body_len = len };

    if (kind == MT_WALK_DATA_MAPPED)
        event.block = w->blocks->len - 1;
    if (kind == MT_WALK_DATA_DEVICES) {
        if (!walk_keep_devices(w, data, len, error))
            return FALSE;
        w->devices_bytes += len;
    }
    if (!walk_emit(w, &event, len, error))
        return FALSE;

    w->offset += len;
    return TRUE;
}

/* Bytes that belong to no item: all of device state, some of a package. */
static gsize
walk_unstructured(const MtWalk *w, gsize len)
{
    if (w->state.skip)
        return MIN(w->state.skip, len);

    return w->state.place == MT_WALK_AT_DEVICES ? len : 0;
}

static gboolean
walk_feed_data(MtWalk *w, const guint8 *data, gsize len, GError **error)
{
    MtWalkData kind = MT_WALK_DATA_DEVICES;

    if (w->state.skip) {
        kind = w->in_mapped ? MT_WALK_DATA_MAPPED : MT_WALK_DATA_PACKAGE;
        if (!walk_data(w, kind, data, len, error))
            return FALSE;
        w->state.skip -= len;
        if (!w->state.skip)
            w->in_mapped = FALSE;
        return TRUE;
    }

    return walk_data(w, kind, data, len, error);
}

/* Completes the item whose first bytes are in the buffer.  Returns how many of
 * @len bytes were taken, -1 on error. */
static gssize
walk_feed_carry(MtWalk *w, const guint8 *data, gsize len, GError **error)
{
    gsize taken = 0;

    while (w->n_carry && taken < len) {
        gsize wanted = MIN(w->need - w->n_carry, len - taken);
        gssize n;

        memcpy(w->carry + w->n_carry, data + taken, wanted);
        w->n_carry += wanted;
        taken += wanted;
        if (w->n_carry < w->need)
            break;
        n = walk_next(w, w->carry, w->n_carry, error);
        if (n < 0)
            return -1;
        if (n == 0 && w->state.place == MT_WALK_AT_DEVICES) {
            if (!walk_feed_data(w, w->carry, w->n_carry, error))
                return -1;
            w->n_carry = 0;
        } else if (n > 0) {
            /* Never more bytes than the item needs were collected. */
            g_assert((gsize)n <= w->n_carry);
            w->n_carry -= n;
            memmove(w->carry, w->carry + n, w->n_carry);
            if (w->n_carry)
                w->need = w->n_carry + 1;
        }
    }

    return taken;
}

gboolean
mt_walk_feed(MtWalk *w, const guint8 *data, gsize len, GError **error)
{
    gsize at = 0;

    while (at < len) {
        gsize left = len - at;
        gsize plain = w->n_carry ? 0 : walk_unstructured(w, left);
        gssize n;

        if (plain) {
            if (!walk_feed_data(w, data + at, plain, error))
                return FALSE;
            at += plain;
            continue;
        }
        if (w->n_carry) {
            n = walk_feed_carry(w, data + at, left, error);
            if (n < 0)
                return FALSE;
            at += n;
            continue;
        }
        n = walk_next(w, data + at, left, error);
        if (n < 0)
            return FALSE;
        if (n == 0 && w->state.place != MT_WALK_AT_DEVICES) {
            g_assert(w->need > left && w->need <= MT_WALK_MAX_ITEM);
            memcpy(w->carry, data + at, left);
            w->n_carry = left;
            n = left;
        }
        at += n;
    }

    return TRUE;
}

guint64
mt_walk_get_skippable(const MtWalk *w)
{
    return w->in_mapped && !w->n_carry ? w->state.skip : 0;
}

void
mt_walk_skip(MtWalk *w, guint64 len)
{
    g_assert(len <= mt_walk_get_skippable(w));

    w->offset += len;
    w->state.skip -= len;
    if (!w->state.skip)
        w->in_mapped = FALSE;
}

void
mt_walk_rewind(MtWalk *w)
{
    w->n_carry = 0;
}

static gboolean
walk_ends_early(const MtWalk *w, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "the stream ends at offset %" G_GUINT64_FORMAT
                      ", before it is complete", w->offset + w->n_carry);
    return FALSE;
}

gboolean
mt_walk_finish(MtWalk *w, GError **error)
{
    if (w->n_carry || w->state.skip || w->state.place != MT_WALK_AT_DEVICES)
        return walk_ends_early(w, error);
    if (!w->devices)
        return TRUE;

    /* An end-of-list byte only: a machine without devices, or post-copy. */
    if (w->devices_bytes == 1 && mt_devices_len(w->devices) == 1)
        return TRUE;

    return mt_devices_finish(w->devices, FALSE, error);
}

guint64
mt_walk_get_boundary(const MtWalk *w, MtWalkState *ret_state)
{
    if (ret_state)
        *ret_state = w->state;
    return w->offset;
}

guint
mt_walk_get_n_blocks(const MtWalk *w)
{
    return w->blocks->len;
}

const MtWalkBlock *
mt_walk_get_block(const MtWalk *w, guint i)
{
    g_assert(i < w->blocks->len);

    return &g_array_index(w->blocks, MtWalkBlock, i);
}

const MtWalkBlock *
mt_walk_get_blocks(const MtWalk *w)
{
    return (const MtWalkBlock *)w->blocks->data;
}

gsize
mt_walk_get_page_bytes(const MtWalk *w)
{
    return walk_page_bytes(w);
}

const char *
mt_walk_get_machine(const MtWalk *w)
{
    return w->machine;
}

guint64
mt_walk_get_devices_offset(const MtWalk *w)
{
    return w->devices_offset;
}

guint64
mt_walk_get_devices_bytes(const MtWalk *w)
{
    return w->devices_bytes;
}

MtDevices *
mt_walk_get_devices(const MtWalk *w)
{
    return w->devices;
}
