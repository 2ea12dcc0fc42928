/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The RAM in a migration stream: the list of blocks, and the records.
 */
#include "config.h"

#include <string.h>

#include "stream/walk-private.h"

/* One zlib stream of a page that does not compress. */
#define WALK_MAX_DEFLATED(page_bytes) ((page_bytes) + 64)

static const MtWalkBlock *
walk_get_block(const MtWalk *w, guint i)
{
    return &g_array_index(w->blocks, MtWalkBlock, i);
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

gssize
mt_walk_block(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    MtWalkEvent event = { .kind = MT_WALK_BLOCK };
    MtWalkBlock block = { 0 };
    guint64 left = w->state.blocks_left;
    guint64 skip = 0;
    gsize at;

    if (!walk_have(w, len, 1) || !walk_have(w, len, 1 + p[0] + 8))
        return WALK_MORE;
    if (!mt_walk_name(w, p, block.name, error))
        return WALK_BAD;
    at = 1 + p[0] + 8;
    block.used_bytes = mt_get_be64(p + at - 8);
    if (!block.used_bytes || block.used_bytes > left ||
        block.used_bytes % walk_page_bytes(w)) {
        mt_walk_bad(w, error, "block '%s' has %" G_GUINT64_FORMAT " bytes; "
                    "expected a multiple of %" G_GSIZE_FORMAT " and at most "
                    "%" G_GUINT64_FORMAT, block.name, block.used_bytes,
                    walk_page_bytes(w), left);
        return WALK_BAD;
    }
    left -= block.used_bytes;
    for (guint i = 0; i < w->blocks->len; i++) {
        if (strcmp(walk_get_block(w, i)->name, block.name) == 0) {
            mt_walk_bad(w, error, "block '%s' is listed twice", block.name);
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
            mt_walk_bad(w, error, "the bitmap or the pages of block '%s' lie "
                        "before its header", block.name);
            return WALK_BAD;
        }
        skip = block.mapped.pages_offset + block.used_bytes - here - at;
    }

    if (w->blocks->len == MT_WALK_MAX_BLOCKS) {
        mt_walk_bad(w, error, "more than %d blocks of RAM", MT_WALK_MAX_BLOCKS);
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
        const char *name = walk_get_block(w, i)->name;

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
            mt_walk_bad(w, error, "an XBZRLE record has method %u and %u "
                        "bytes; expected 1 and at most %" G_GSIZE_FORMAT, p[at], n,
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
            mt_walk_bad(w, error, "a compressed page has %u bytes, at most "
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

            mt_walk_bad(w, error, "a page of block '%s', which is not listed",
                        shown);
            return WALK_BAD;
        }
    } else if (block == MT_WALK_NO_BLOCK) {
        mt_walk_bad(w, error, "a page continues a block, but no block was "
                    "named before");
        return WALK_BAD;
    }

    event->block = block;
    event->page_offset = word & ~(guint64)MT_RECORD_MASK;
    if (event->page_offset >= walk_get_block(w, block)->used_bytes ||
        event->page_offset % walk_page_bytes(w)) {
        mt_walk_bad(w, error, "a page at 0x%" G_GINT64_MODIFIER "x of block "
                    "'%s', which has 0x%" G_GINT64_MODIFIER "x bytes",
                    event->page_offset, walk_get_block(w, block)->name,
                    walk_get_block(w, block)->used_bytes);
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
        mt_walk_bad(w, error, "a second list of blocks");
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

gssize
mt_walk_record(MtWalk *w, const guint8 *p, gsize len, GError **error)
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
        mt_walk_bad(w, error, "a record of RDMA, which is not supported");
        return WALK_BAD;
    default:
        mt_walk_bad(w, error, "a RAM record has flags 0x%03x, which are not "
                    "known", (guint)(word & MT_RECORD_MASK));
        return WALK_BAD;
    }
}
