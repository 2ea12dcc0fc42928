/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mapped-ram files from and to ordinary streams: see mapped-ram.h.
 */
#include "config.h"

#include <string.h>
#include <zlib.h>

#include "image/mapped-ram.h"
#include "stream/walk.h"
#include "stream/xbzrle.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

#define MAPPED_NAME "mapped-ram"
#define MAPPED_RUN (1024 * 1024)    /* pages that are moved at once */

static gboolean
mapped_fail(GError **error, const char *text)
{
    migtune_error_set(error, MIGTUNE_ERROR_STREAM, "%s", text);
    return FALSE;
}

/* Bytes of a block's bitmap: whole words of 64 bits. */
static gsize
bitmap_bytes(const MtWalkBlock *block)
{
    return (block->used_bytes / MT_PAGE_SIZE + 63) / 64 * 8;
}

/*
 * The list of capabilities in the body of a subsection, with or without
 * mapped-ram; all others stay.  Returns their number.
 */
static guint32
copy_capabilities(const guint8 *body, gsize len, gboolean mapped,
                  GByteArray *out)
{
    MtReader r;
    guint32 n, kept = 0;
    gsize at = out->len;

    mt_reader_init(&r, body, len);
    mt_append_be32(out, 0);
    if (!mt_reader_be32(&r, &n))
        n = 0;
    while (n--) {
        char name[256];

        if (!mt_reader_str8(&r, name))
            break;
        if (strcmp(name, MAPPED_NAME) == 0)
            continue;
        mt_append_str8(out, name);
        kept++;
    }
    if (mapped) {
        mt_append_str8(out, MAPPED_NAME);
        kept++;
    }
    mt_put_be32(out->data + at, kept);
    return kept;
}

static void
put_capabilities(GByteArray *out, const guint8 *body, gsize len,
                 gboolean mapped)
{
    gsize before = out->len;

    mt_append_u8(out, MT_SECTION_SUBSECTION);
    mt_append_str8(out, "configuration/capabilities");
    mt_append_be32(out, 1);
    if (!copy_capabilities(body, len, mapped, out))
        g_byte_array_set_size(out, before);
}

/* --- mapped-ram to stream --- */

typedef struct {
    MtInput *input;
    MtImageSink sink;
    gpointer user_data;
    MtWalk *walk;
    GByteArray *out;            /* small things before they are sent */
    const guint8 *raw;          /* the piece that is being fed */
    guint64 raw_offset;         /* where in the stream it begins */
    gboolean pages_sent;
    gboolean named;             /* a record has named the present block */
} MappedIn;

static gboolean
in_flush(MappedIn *m, GError **error)
{
    gboolean ok = !m->out->len || m->sink(m->out->data, m->out->len,
                                          m->user_data, error);

    g_byte_array_set_size(m->out, 0);
    return ok;
}

static void
in_record(MappedIn *m, guint64 offset, guint64 flag, const char *name)
{
    if (m->named) {
        mt_append_be64(m->out, offset | flag | MT_RECORD_CONTINUE);
    } else {
        mt_append_be64(m->out, offset | flag);
        mt_append_str8(m->out, name);
        m->named = TRUE;
    }
}

/* Pages that the bitmap has, as many as follow each other. */
static gboolean
in_pages(MappedIn *m, const MtWalkBlock *block, guint64 first, guint n,
         guint8 *buf, GError **error)
{
    if (!mt_input_pread(m->input, buf, (gsize)n * MT_PAGE_SIZE,
                        block->mapped.pages_offset + first * MT_PAGE_SIZE,
                        error))
        return FALSE;
    for (guint i = 0; i < n; i++) {
        in_record(m, (first + i) * MT_PAGE_SIZE, MT_RECORD_PAGE, block->name);
        g_byte_array_append(m->out, buf + i * MT_PAGE_SIZE, MT_PAGE_SIZE);
    }

    return in_flush(m, error);
}

static gboolean
in_block(MappedIn *m, const MtWalkBlock *block, guint8 *buf, GError **error)
{
    guint64 n_pages = block->used_bytes / MT_PAGE_SIZE;
    gsize n_bytes = bitmap_bytes(block);
    g_autofree guint8 *bits = NULL;

    /* The file's size bounds what is allocated. */
    if (n_bytes > mt_input_get_size(m->input))
        return mapped_fail(error, "a bitmap is larger than its file");
    bits = g_malloc(n_bytes);
    if (!mt_input_pread(m->input, bits, n_bytes, block->mapped.bitmap_offset,
                        error))
        return FALSE;

    m->named = FALSE;
    for (guint64 page = 0; page < n_pages;) {
        guint n = 0;

        while (page + n < n_pages && n < MAPPED_RUN / MT_PAGE_SIZE &&
               bits[(page + n) / 8] >> (page + n) % 8 & 1)
            n++;
        if (n) {
            if (!in_pages(m, block, page, n, buf, error))
                return FALSE;
            page += n;
            continue;
        }
        in_record(m, page * MT_PAGE_SIZE, MT_RECORD_ZERO, block->name);
        mt_append_u8(m->out, 0);
        page++;
        if (m->out->len >= MAPPED_RUN && !in_flush(m, error))
            return FALSE;
    }

    return in_flush(m, error);
}

/* All pages, as the first records of the section after the block list. */
static gboolean
in_all_pages(MappedIn *m, GError **error)
{
    g_autofree guint8 *buf = g_malloc(MAPPED_RUN);

    m->pages_sent = TRUE;
    for (guint i = 0; i < mt_walk_get_n_blocks(m->walk); i++) {
        const MtWalkBlock *block = mt_walk_get_block(m->walk, i);

        if (block->is_mapped && !in_block(m, block, buf, error))
            return FALSE;
    }

    return TRUE;
}

static gboolean
in_event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    MappedIn *m = user_data;

    switch (event->kind) {
    case MT_WALK_DATA:
        if (event->data == MT_WALK_DATA_MAPPED)
            return TRUE;
        g_byte_array_append(m->out, event->body, event->body_len);
        return in_flush(m, error);
    case MT_WALK_SUBSECTION:
        if (strcmp(event->name, "configuration/capabilities") == 0) {
            put_capabilities(m->out, event->body, event->body_len, FALSE);
            return TRUE;
        }
        break;
    case MT_WALK_BLOCK: {
        const MtWalkBlock *block = mt_walk_get_block(m->walk, event->block);

        if (block->gpa || block->page_bytes)
            break;
        mt_append_str8(m->out, block->name);
        mt_append_be64(m->out, block->used_bytes);
        return TRUE;
    }
    case MT_WALK_RECORD:
        if (event->record != MT_RECORD_EOS)
            return mapped_fail(error, "a mapped-ram file has records of "
                               "pages");
        break;
    default:
        break;
    }

    /* As it is.  The walker gives no bytes of a head, so they are taken from
     * the piece, which has whole items only: see mt_mapped_read(). */
    g_byte_array_append(m->out, m->raw + (event->offset - m->raw_offset),
                        event->len);
    if (event->kind == MT_WALK_SECTION &&
        event->type != MT_SECTION_START && !m->pages_sent)
        return in_flush(m, error) && in_all_pages(m, error);
    return in_flush(m, error);
}

gboolean
mt_mapped_read(MtInput *input, guint64 base, MtImageSink sink,
               gpointer user_data, GError **error)
{
    MappedIn m = { .input = input, .sink = sink, .user_data = user_data };
    const MtWalkSettings settings = {
        .func = in_event, .user_data = &m, .base = base,
        .max_device_bytes = 8 * 1024 * 1024,
    };
    g_autoptr(MtWalk) walk = mt_walk_new(&settings);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autofree guint8 *buf = g_malloc(MT_WALK_MAX_ITEM);
    guint64 size = mt_input_get_size(input);
    guint64 at = base;

    if (!mt_input_is_seekable(input)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "a mapped-ram file can be read from a regular file "
                          "without direct I/O only");
        return FALSE;
    }

    m.walk = walk;
    m.out = out;
    /* Each piece begins at a boundary; what is incomplete at its end is read
     * again. */
    while (at < size) {
        guint64 skip = mt_walk_get_skippable(walk);
        gsize n = MIN(MT_WALK_MAX_ITEM, size - at);
        guint64 end;

        if (skip) {
            if (skip > size - at)
                return mapped_fail(error, "a mapped-ram file ends before its "
                                   "last page");
            mt_walk_skip(walk, skip);
            at += skip;
            continue;
        }
        if (!mt_input_pread(input, buf, n, at, error))
            return FALSE;
        m.raw = buf;
        m.raw_offset = at - base;
        if (!mt_walk_feed(walk, buf, n, error))
            return FALSE;
        end = base + mt_walk_get_boundary(walk, NULL);
        if (end == at)
            break;
        mt_walk_rewind(walk);
        at = end;
    }
    if (!m.pages_sent)
        return mapped_fail(error, "a mapped-ram file without a RAM section "
                           "after its list of blocks");

    return mt_walk_finish(walk, error) && in_flush(&m, error);
}

/* --- stream to mapped-ram --- */

typedef struct {
    guint64 bitmap_offset;
    guint64 pages_offset;
    guint8 *bits;
    gsize n_bits_bytes;
} OutBlock;

struct MtMappedWriter {
    MtOutput *output;
    guint64 base;           /* of the stream in the file */
    guint64 at;             /* where the next structure goes, in the file */
    MtWalk *walk;
    GByteArray *carry;      /* bytes of the stream from carry_offset on */
    guint64 carry_offset;
    GArray *blocks;         /* of OutBlock */
    gboolean have_caps;
    gboolean configured;
    guint8 *run;            /* pages that follow each other */
    guint run_block;
    guint64 run_offset;
    gsize run_len;
};

static void
out_block_clear(gpointer data)
{
    g_free(((OutBlock *)data)->bits);
}

static gboolean
out_put(MtMappedWriter *w, const guint8 *data, gsize len, GError **error)
{
    if (!mt_output_pwrite(w->output, data, len, w->at, error))
        return FALSE;

    w->at += len;
    return TRUE;
}

static gboolean
out_flush_run(MtMappedWriter *w, GError **error)
{
    const OutBlock *block;
    gsize len = w->run_len;

    if (!len)
        return TRUE;

    block = &g_array_index(w->blocks, OutBlock, w->run_block);
    w->run_len = 0;
    return mt_output_pwrite(w->output, w->run, len,
                            block->pages_offset + w->run_offset, error);
}

static gboolean
out_page(MtMappedWriter *w, guint i, guint64 offset, const guint8 *page,
         GError **error)
{
    OutBlock *block = &g_array_index(w->blocks, OutBlock, i);
    guint64 n = offset / MT_PAGE_SIZE;

    block->bits[n / 8] |= 1 << n % 8;
    if (w->run_len && (w->run_block != i || w->run_len == MAPPED_RUN ||
                       w->run_offset + w->run_len != offset) &&
        !out_flush_run(w, error))
        return FALSE;
    if (!w->run_len) {
        w->run_block = i;
        w->run_offset = offset;
    }
    memcpy(w->run + w->run_len, page, MT_PAGE_SIZE);
    w->run_len += MT_PAGE_SIZE;
    return TRUE;
}

/* A page that is stored as a difference or compressed. */
static gboolean
out_coded_page(MtMappedWriter *w, const MtWalkEvent *event, GError **error)
{
    OutBlock *block = &g_array_index(w->blocks, OutBlock, event->block);
    guint64 n = event->page_offset / MT_PAGE_SIZE;
    guint8 page[MT_PAGE_SIZE] = { 0 };

    if (event->record == MT_RECORD_COMPRESS) {
        uLongf len = sizeof(page);

        if (uncompress(page, &len, event->body, event->body_len) != Z_OK ||
            len != sizeof(page))
            return mapped_fail(error, "a compressed page is damaged");
    } else {
        if (!out_flush_run(w, error))
            return FALSE;
        if (block->bits[n / 8] >> n % 8 & 1 &&
            !mt_output_pread(w->output, page, sizeof(page),
                             block->pages_offset + event->page_offset, error))
            return FALSE;
        if (!mt_xbzrle_decode(event->body, event->body_len, page, error))
            return FALSE;
    }

    return out_page(w, event->block, event->page_offset, page, error);
}

static gboolean
out_block(MtMappedWriter *w, const MtWalkEvent *event, GError **error)
{
    const MtWalkBlock *block = mt_walk_get_block(w->walk, event->block);
    g_autoptr(GByteArray) head = g_byte_array_new();
    guint8 bytes[MT_MAPPED_HEADER_SIZE];
    OutBlock b = { .n_bits_bytes = bitmap_bytes(block) };
    MtMappedHeader header = {
        .version = MT_MAPPED_VERSION, .page_size = MT_PAGE_SIZE,
    };

    if (block->gpa || block->page_bytes || block->is_mapped ||
        mt_walk_get_page_bytes(w->walk) != MT_PAGE_SIZE ||
        block->used_bytes > G_MAXINT64 / 4) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "block '%s' cannot be put into a mapped-ram file",
                          block->name);
        return FALSE;
    }
    mt_append_str8(head, block->name);
    mt_append_be64(head, block->used_bytes);
    b.bitmap_offset = w->at + head->len + sizeof(bytes);
    b.pages_offset = (b.bitmap_offset + b.n_bits_bytes + MT_MAPPED_ALIGN - 1) /
                     MT_MAPPED_ALIGN * MT_MAPPED_ALIGN;
    b.bits = g_try_malloc0(b.n_bits_bytes);
    if (!b.bits)
        return mapped_fail(error, "no memory for the bitmap of a block");
    g_array_append_val(w->blocks, b);
    header.bitmap_offset = b.bitmap_offset;
    header.pages_offset = b.pages_offset;
    mt_wire_put_mapped(&header, bytes);
    g_byte_array_append(head, bytes, sizeof(bytes));
    if (!out_put(w, head->data, head->len, error))
        return FALSE;

    w->at = b.pages_offset + block->used_bytes;
    return TRUE;
}

/* The configuration section ends here: with the capability, if it did not have
 * a list of them. */
static gboolean
out_end_configuration(MtMappedWriter *w, GError **error)
{
    static const guint8 none[4] = { 0 };
    g_autoptr(GByteArray) out = g_byte_array_new();

    w->configured = TRUE;
    if (w->have_caps)
        return TRUE;

    put_capabilities(out, none, sizeof(none), TRUE);
    return out_put(w, out->data, out->len, error);
}

static gboolean
out_event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    MtMappedWriter *w = user_data;

    if (!w->configured && event->kind != MT_WALK_HEADER &&
        event->kind != MT_WALK_CONFIGURATION &&
        event->kind != MT_WALK_SUBSECTION && !out_end_configuration(w, error))
        return FALSE;

    switch (event->kind) {
    case MT_WALK_SUBSECTION:
        if (strcmp(event->name, "configuration/capabilities") == 0) {
            g_autoptr(GByteArray) out = g_byte_array_new();

            w->have_caps = TRUE;
            put_capabilities(out, event->body, event->body_len, TRUE);
            return out_put(w, out->data, out->len, error);
        }
        break;
    case MT_WALK_BLOCK:
        return out_block(w, event, error);
    case MT_WALK_DATA:
        return out_put(w, event->body, event->body_len, error);
    case MT_WALK_RECORD:
        switch (event->record) {
        case MT_RECORD_PAGE:
            return out_page(w, event->block, event->page_offset, event->body,
                            error);
        case MT_RECORD_ZERO: {
            OutBlock *block = &g_array_index(w->blocks, OutBlock,
                                             event->block);
            guint64 n = event->page_offset / MT_PAGE_SIZE;

            block->bits[n / 8] &= ~(1 << n % 8);
            return TRUE;
        }
        case MT_RECORD_XBZRLE:
        case MT_RECORD_COMPRESS:
            return out_coded_page(w, event, error);
        case MT_RECORD_FLUSH:
            return TRUE;
        }
        break;
    default:
        break;
    }

    return out_put(w, w->carry->data + (event->offset - w->carry_offset),
                   event->len, error);
}

MtMappedWriter *
mt_mapped_writer_new(MtOutput *output, guint64 base)
{
    MtMappedWriter *w = g_new0(MtMappedWriter, 1);
    const MtWalkSettings settings = {
        .func = out_event, .user_data = w,
        .max_device_bytes = 8 * 1024 * 1024,
    };

    w->output = output;
    w->base = w->at = base;
    w->walk = mt_walk_new(&settings);
    w->carry = g_byte_array_new();
    w->blocks = g_array_new(FALSE, TRUE, sizeof(OutBlock));
    g_array_set_clear_func(w->blocks, out_block_clear);
    w->run = g_malloc(MAPPED_RUN);
    return w;
}

void
mt_mapped_writer_free(MtMappedWriter *w)
{
    if (!w)
        return;

    mt_walk_free(w->walk);
    g_byte_array_unref(w->carry);
    g_array_unref(w->blocks);
    g_free(w->run);
    g_free(w);
}

gboolean
mt_mapped_writer_write(MtMappedWriter *w, const guint8 *data, gsize len,
                       GError **error)
{
    while (len) {
        gsize n = MIN(len, 256 * 1024);
        gsize done;

        g_byte_array_append(w->carry, data, n);
        if (!mt_walk_feed(w->walk, data, n, error))
            return FALSE;
        done = mt_walk_get_boundary(w->walk, NULL) - w->carry_offset;
        g_byte_array_remove_range(w->carry, 0, done);
        w->carry_offset += done;
        data += n;
        len -= n;
    }

    return TRUE;
}

gboolean
mt_mapped_writer_finish(MtMappedWriter *w, GError **error)
{
    if (!mt_walk_finish(w->walk, error) || !out_flush_run(w, error))
        return FALSE;
    for (guint i = 0; i < w->blocks->len; i++) {
        const OutBlock *block = &g_array_index(w->blocks, OutBlock, i);

        if (!mt_output_pwrite(w->output, block->bits, block->n_bits_bytes,
                              block->bitmap_offset, error))
            return FALSE;
    }

    return TRUE;
}
