/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The main channel: see main-channel.h.
 *
 * mt_walk_feed() finds the items of the stream; this file counts them.  At
 * each synchronisation point of multifd the channels are read up to their next
 * SYNC packet.  Which records are such points is decided in the first RAM
 * section: if it has a flush record, these are; otherwise the end of every RAM
 * section is.
 */
#include "config.h"

#include <string.h>

#include "inspect/devices-tree.h"
#include "inspect/main-channel.h"
#include "inspect/page-check.h"
#include "stream/walk.h"
#include "stream/xbzrle.h"
#include "migtune/migtune-error.h"

#define MAX_PAGE 65536

/* A post-copy package has the device state of a guest. */
#define MAX_PACKAGE MT_INSPECT_MAX_DEVICE_BYTES

typedef struct {
    const MtMainInput *input;
    MtAccount *account;
    const char *name;           /* of the channel */
    MtWalk *walk;
    MtCursor cursor;

    /* The section that is being read. */
    gboolean in_section;
    guint8 type;
    guint32 id;
    guint32 instance;
    guint32 version;
    char section_name[256];
    guint64 section_offset;
    guint64 section_end;
    gboolean first_section;     /* the START section of RAM */

    /* The bitmap of the mapped block that is being read. */
    int mapped_block;           /* -1: none */
    guint64 mapped_present;
    guint64 mapped_beyond;      /* bits that stand for no page */
    gboolean mapped_counted;

    GByteArray *package;        /* NULL: none, or too large */
    guint64 package_offset;
    guint64 package_bytes;

    gboolean no_sync;           /* a channel had nothing more at a sync point */
    gsize page_bytes;
    guint8 page[MAX_PAGE];

    /* Failures that are no problem of the stream. */
    GError *error;
} MainReader;

static void
reader_problem(MainReader *r, const char *id, guint64 offset,
               const char *format, ...) G_GNUC_PRINTF(4, 5);

static void
reader_problem(MainReader *r, const char *id, guint64 offset,
               const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    mt_account_problem_at(r->account, MT_PROBLEM_ERROR, id, r->name, offset,
                          "%s", text);
}

/* Ends the walk for a reason that is kept in r->error. */
static gboolean
reader_stop(MainReader *r, GError *local, GError **error)
{
    r->error = local;
    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "stopped");
    return FALSE;
}

static void
reader_end_section(MainReader *r)
{
    if (!r->in_section)
        return;

    mt_account_section(r->account, r->type, r->id, r->section_name,
                       r->instance, r->version, r->section_offset,
                       r->section_end - r->section_offset, TRUE);
    r->in_section = FALSE;
}

static void
reader_configuration(MainReader *r, const MtWalkEvent *event)
{
    MtAccount *account = r->account;
    MtReader body;

    if (event->kind == MT_WALK_CONFIGURATION) {
        account->has_configuration = TRUE;
        g_free(account->machine);       /* of an earlier section */
        account->machine = g_strdup(event->name);
        return;
    }

    mt_reader_init(&body, event->body, event->body_len);
    if (strcmp(event->name, "configuration/target-page-bits") == 0) {
        guint32 bits = 0;

        mt_reader_be32(&body, &bits);
        account->page_bits = bits;
        r->page_bytes = (gsize)1 << bits;
    } else if (strcmp(event->name, "configuration/capabilities") == 0) {
        GPtrArray *names = g_ptr_array_new();
        guint32 n = 0;
        char name[256];

        mt_reader_be32(&body, &n);
        while (n-- && mt_reader_str8(&body, name))
            g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_add(names, NULL);
        g_strfreev(account->capabilities);
        account->capabilities = (char **)g_ptr_array_free(names, FALSE);
    } else if (event->body_len == 16) {
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < 16; i++)
            g_string_append_printf(text, "%s%02x", i == 4 || i == 6 ||
                                   i == 8 || i == 10 ? "-" : "",
                                   event->body[i]);
        g_free(account->uuid);
        account->uuid = g_string_free(text, FALSE);
    }
}

static void
reader_section(MainReader *r, const MtWalkEvent *event)
{
    reader_end_section(r);
    r->in_section = TRUE;
    r->type = event->type;
    r->id = event->id;
    r->section_offset = event->offset;
    r->section_end = event->offset + event->len;
    if (event->type == MT_SECTION_START) {
        r->instance = event->instance;
        r->version = event->version;
    }
    r->first_section = event->type == MT_SECTION_START;
    g_strlcpy(r->section_name, event->name, sizeof(r->section_name));
}

/* All readers go on from the one that is farthest. */
static void
reader_join_cursors(MainReader *r)
{
    MtChannelReader **channels = r->input->channels;
    MtCursor *first = &r->cursor;

    for (guint i = 0; channels && channels[i]; i++) {
        MtCursor *cursor = mt_channel_reader_get_cursor(channels[i]);

        if (cursor->any &&
            (!first->any || cursor->pass > first->pass ||
             (cursor->pass == first->pass &&
              (cursor->block > first->block ||
               (cursor->block == first->block &&
                cursor->offset > first->offset)))))
            first = cursor;
    }

    r->cursor = *first;
    if (r->account->flushes)
        r->cursor.next = r->cursor.any;
    for (guint i = 0; channels && channels[i]; i++)
        *mt_channel_reader_get_cursor(channels[i]) = r->cursor;
}

static void
reader_sync(MainReader *r, guint64 offset)
{
    MtChannelReader **channels = r->input->channels;
    guint ended = 0;

    for (guint i = 0; channels && channels[i]; i++)
        ended += mt_channel_reader_run(channels[i], FALSE) == MT_CHANNEL_END;
    if (ended && !r->no_sync) {
        r->no_sync = TRUE;
        reader_problem(r, "sync-missing", offset,
                       "%u of the multifd channels end before this "
                       "synchronisation point", ended);
    }
    if (channels)
        reader_join_cursors(r);
}

static gboolean
reader_page(MainReader *r, const MtWalkEvent *event, GError **error)
{
    static const struct {
        guint16 record;
        MtPagesKind kind;
    } kinds[] = {
        { MT_RECORD_PAGE, MT_PAGES_PLAIN },
        { MT_RECORD_ZERO, MT_PAGES_ZERO },
        { MT_RECORD_XBZRLE, MT_PAGES_XBZRLE },
        { MT_RECORD_COMPRESS, MT_PAGES_COMPRESS },
    };
    const char *block = mt_walk_get_block(r->walk, event->block)->name;
    gboolean wanted = mt_sink_wants(r->input->sink, block,
                                    event->page_offset);
    MtSink *sink = r->input->sink;
    gboolean ok = TRUE;
    MtPagesKind kind = MT_PAGES_PLAIN;
    GError *local = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i].record == event->record)
            kind = kinds[i].kind;
    }
    /* Compressed pages leave the source's threads in any order, and post-copy
     * sends what the destination asks for. */
    mt_account_pages(r->account, &r->cursor, event->block, kind,
                     &event->page_offset, 1, event->len,
                     kind != MT_PAGES_COMPRESS && !r->account->postcopy);

    switch (kind) {
    case MT_PAGES_PLAIN:
        if (mt_page_is_zero(event->body, event->body_len))
            r->account->plain_zero++;
        if (wanted)
            ok = mt_sink_write(sink, event->page_offset, event->body,
                               event->body_len, &local);
        break;
    case MT_PAGES_ZERO:
        if (event->fill)
            mt_account_problem_at(r->account, MT_PROBLEM_WARNING, "zero-fill",
                                  r->name, event->offset,
                                  "a zero page is filled with 0x%02x; new "
                                  "releases of QEMU accept only 0",
                                  event->fill);
        if (wanted)
            ok = mt_sink_fill(sink, event->page_offset, event->fill,
                              r->page_bytes, &local);
        break;
    case MT_PAGES_XBZRLE:
        if (wanted && !mt_sink_read(sink, event->page_offset, r->page,
                                    r->page_bytes, &local))
            return reader_stop(r, local, error);
        if (r->page_bytes == MT_PAGE_SIZE &&
            !mt_xbzrle_decode(event->body, event->body_len, r->page, &local)) {
            reader_problem(r, "bad-delta", event->offset, "%s",
                           local->message);
            g_error_free(local);
            return TRUE;
        }
        if (wanted)
            ok = mt_sink_write(sink, event->page_offset, r->page,
                               r->page_bytes, &local);
        break;
    default:
        if (!mt_page_inflate(event->body, event->body_len, r->page,
                             r->page_bytes, &local)) {
            reader_problem(r, "bad-compressed-page", event->offset, "%s",
                           local->message);
            g_error_free(local);
            return TRUE;
        }
        if (wanted)
            ok = mt_sink_write(sink, event->page_offset, r->page,
                               r->page_bytes, &local);
        break;
    }

    return ok || reader_stop(r, local, error);
}

static gboolean
reader_record(MainReader *r, const MtWalkEvent *event, GError **error)
{
    MtAccount *account = r->account;

    r->section_end = event->offset + event->len;
    switch (event->record) {
    case MT_RECORD_EOS:
        account->eos++;
        if (!account->flushes)
            reader_sync(r, event->offset);
        return TRUE;
    case MT_RECORD_FLUSH:
        account->flush++;
        if (r->first_section)
            account->flushes = TRUE;
        if (account->flushes)
            reader_sync(r, event->offset);
        return TRUE;
    default:
        return reader_page(r, event, error);
    }
}

static void
reader_command(MainReader *r, const MtWalkEvent *event)
{
    MtAccount *account = r->account;

    reader_end_section(r);
    mt_account_command(account, event->command, event->offset);
    if (event->command != MT_CMD_PACKAGED)
        return;

    account->postcopy = TRUE;
    r->cursor.pass += r->cursor.any;
    r->package_offset = event->offset + event->len;
    r->package = g_byte_array_new();
    account->package_bytes += mt_get_be32(event->body);
}

static void
reader_block(MainReader *r, const MtWalkEvent *event)
{
    const MtWalkBlock *from = mt_walk_get_block(r->walk, event->block);
    MtAccountBlock *block = mt_account_add_block(r->account, from->name,
                                                 from->used_bytes);

    block->page_size = from->page_bytes;
    block->address = from->gpa;
    block->mapped = from->is_mapped;
    if (!from->is_mapped)
        return;

    block->bitmap_offset = from->mapped.bitmap_offset;
    block->pages_offset = from->mapped.pages_offset;
    r->mapped_block = event->block;
    r->mapped_present = r->mapped_beyond = 0;
    r->mapped_counted = FALSE;
}

/* Where the bitmap of the mapped block ends, in the file. */
static guint64
reader_bitmap_end(const MainReader *r)
{
    const MtAccountBlock *block = g_ptr_array_index(r->account->blocks,
                                                    r->mapped_block);
    guint64 n_pages = block->length / MT_PAGE_SIZE;

    return block->bitmap_offset + (n_pages + 63) / 64 * 8;
}

static void
reader_count_mapped(MainReader *r)
{
    const MtAccountBlock *block = g_ptr_array_index(r->account->blocks,
                                                    r->mapped_block);
    guint64 n_pages = block->length / MT_PAGE_SIZE;

    r->mapped_counted = TRUE;
    mt_account_mapped(r->account, r->mapped_block, r->mapped_present,
                      n_pages - r->mapped_present);
    if (r->mapped_beyond)
        reader_problem(r, "bad-bitmap", block->bitmap_offset,
                       "the bitmap of block '%s' has %" G_GUINT64_FORMAT
                       " bits behind its last page", block->name,
                       r->mapped_beyond);
}

/* Copies the pages of one byte of the bitmap. */
static gboolean
reader_extract_mapped(MainReader *r, const MtAccountBlock *block,
                      guint64 page, guint8 bits, GError **error)
{
    MtSink *sink = r->input->sink;

    for (guint i = 0; i < 8; i++) {
        guint64 offset = (page + i) * MT_PAGE_SIZE;
        gboolean ok;

        if (offset >= block->length ||
            !mt_sink_wants(sink, block->name, offset))
            continue;
        if (!(bits & 1 << i)) {
            ok = mt_sink_fill(sink, offset, 0, MT_PAGE_SIZE, error);
        } else if (!r->input->file) {
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              "the RAM of a mapped-ram file can only be "
                              "extracted from a file, not from a pipe");
            ok = FALSE;
        } else {
            ok = mt_io_pread(r->input->file, r->page, MT_PAGE_SIZE,
                             block->pages_offset + offset, error) &&
                mt_sink_write(sink, offset, r->page, MT_PAGE_SIZE, error);
        }
        if (!ok)
            return FALSE;
    }

    return TRUE;
}

/* Part of the bitmap, of the pages, or of what lies between. */
static gboolean
reader_mapped_data(MainReader *r, const MtWalkEvent *event, GError **error)
{
    const MtAccountBlock *block = g_ptr_array_index(r->account->blocks,
                                                    r->mapped_block);
    guint64 from = r->input->base + event->offset;
    guint64 to = from + event->body_len;
    guint64 n_pages = block->length / MT_PAGE_SIZE;
    GError *local = NULL;

    from = MAX(from, block->bitmap_offset);
    to = MIN(to, reader_bitmap_end(r));
    for (guint64 at = from; at < to; at++) {
        guint64 page = (at - block->bitmap_offset) * 8;
        guint8 bits = event->body[at - r->input->base - event->offset];

        for (guint i = 0; i < 8; i++) {
            if (!(bits & 1 << i))
                continue;
            if (page + i < n_pages)
                r->mapped_present++;
            else
                r->mapped_beyond++;
        }
        if (r->input->sink &&
            !reader_extract_mapped(r, block, page, bits, &local))
            return reader_stop(r, local, error);
    }
    if (!r->mapped_counted &&
        r->input->base + event->offset + event->body_len >=
        reader_bitmap_end(r))
        reader_count_mapped(r);

    return TRUE;
}

static void
reader_package_data(MainReader *r, const MtWalkEvent *event)
{
    r->package_bytes += event->body_len;
    if (r->package && r->package_bytes <= MAX_PACKAGE) {
        g_byte_array_append(r->package, event->body, event->body_len);
    } else if (r->package) {
        g_clear_pointer(&r->package, g_byte_array_unref);
        mt_account_problem_at(r->account, MT_PROBLEM_WARNING,
                              "device-state-large", r->name,
                              r->package_offset,
                              "the post-copy package has more than %d bytes "
                              "and was not looked into", MAX_PACKAGE);
    }
}

static gboolean
reader_event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    MainReader *r = user_data;

    switch (event->kind) {
    case MT_WALK_HEADER:
        r->account->stream_version = event->version;
        return TRUE;
    case MT_WALK_CONFIGURATION:
    case MT_WALK_SUBSECTION:
        reader_configuration(r, event);
        return TRUE;
    case MT_WALK_SECTION:
        reader_section(r, event);
        return TRUE;
    case MT_WALK_COMMAND:
        reader_command(r, event);
        return TRUE;
    case MT_WALK_BLOCK_LIST:
        r->account->total_ram = event->total_bytes;
        return TRUE;
    case MT_WALK_BLOCK:
        reader_block(r, event);
        return TRUE;
    case MT_WALK_RECORD:
        return reader_record(r, event, error);
    case MT_WALK_FOOTER:
        r->section_end = event->offset + event->len;
        return TRUE;
    case MT_WALK_DATA:
        if (event->data == MT_WALK_DATA_MAPPED)
            return reader_mapped_data(r, event, error);
        if (event->data == MT_WALK_DATA_PACKAGE)
            reader_package_data(r, event);
        return TRUE;
    }

    return TRUE;
}

/* Steps over what is neither bitmap nor records of a mapped-ram file. */
static gboolean
reader_skip(MainReader *r, guint64 *ret_size, GError **error)
{
    MtStreamIn *in = r->input->in;
    guint64 skip = mt_walk_get_skippable(r->walk);
    guint64 here = mt_stream_in_offset(in);
    guint64 bitmap, size;

    if (!skip || !mt_io_is_seekable(in->io))
        return TRUE;
    if (!r->mapped_counted) {
        const MtAccountBlock *block = g_ptr_array_index(r->account->blocks,
                                                        r->mapped_block);

        bitmap = block->bitmap_offset;
        if (bitmap <= here)
            return TRUE;
        skip = MIN(skip, bitmap - here);
    }
    if (skip < MT_STREAM_IN_SIZE)
        return TRUE;

    if (!mt_io_get_size(in->io, &size, error))
        return FALSE;
    if (here + skip > size) {
        *ret_size = size;
        return TRUE;
    }
    mt_walk_skip(r->walk, skip);
    return mt_stream_in_seek(in, here + skip, error);
}

/* Feeds the walker.  FALSE with r->error, or without it after a problem. */
static gboolean
reader_feed(MainReader *r)
{
    MtStreamIn *in = r->input->in;

    for (;;) {
        const guint8 *data;
        g_autoptr(GError) error = NULL;
        guint64 size = 0;
        gssize n;
        gsize at;

        if (!reader_skip(r, &size, &r->error))
            return FALSE;
        if (size) {
            reader_problem(r, "truncated", size - r->input->base,
                           "the file ends inside the pages of block '%s'",
                           mt_walk_get_block(r->walk,
                                             r->mapped_block)->name);
            return FALSE;
        }
        n = mt_stream_in_some(in, &data, &r->error);
        if (n < 0)
            return FALSE;
        if (n == 0)
            return TRUE;
        at = mt_stream_in_offset(in) - n - r->input->base;
        r->input->channel->bytes = at + n;
        if (!mt_walk_feed(r->walk, data, n, &error)) {
            MtWalkState state;

            if (!r->error)
                reader_problem(r, "bad-stream",
                               mt_walk_get_boundary(r->walk, &state), "%s",
                               error->message);
            return FALSE;
        }
    }
}

static void
reader_finish_channels(MainReader *r)
{
    MtChannelReader **channels = r->input->channels;

    for (guint i = 0; channels && channels[i]; i++) {
        guint64 pages = mt_channel_reader_get_pages(channels[i]);

        mt_channel_reader_run(channels[i], TRUE);
        if (mt_channel_reader_get_pages(channels[i]) > pages)
            mt_account_problem(r->account, MT_PROBLEM_WARNING, "late-pages",
                               NULL,
                               "channel %u has %" G_GUINT64_FORMAT " pages "
                               "after the last synchronisation point: a "
                               "destination may lose them", i,
                               mt_channel_reader_get_pages(channels[i]) -
                               pages);
    }
}

/* Looks for RAM that is in no channel that was given. */
static void
reader_check_complete(MainReader *r)
{
    guint64 pages = 0;

    if (r->input->channels)
        return;
    for (guint i = 0; i < MT_PAGES_N_KINDS; i++)
        pages += mt_account_total(r->account, i).pages;
    if (r->account->flushes)
        mt_account_problem(r->account, MT_PROBLEM_WARNING, "channels-missing",
                           r->name,
                           "the pages are in multifd channels, which were "
                           "not given");
    else if (!pages && r->account->total_ram)
        mt_account_problem(r->account, MT_PROBLEM_INFO, "no-pages", r->name,
                           "the stream has no pages: the RAM is shared with "
                           "the destination, or in multifd channels, which "
                           "were not given");
}

static void
reader_end_stream(MainReader *r)
{
    MtWalkState state;
    guint64 boundary = mt_walk_get_boundary(r->walk, &state);
    MtDevices *devices = mt_walk_get_devices(r->walk);
    guint64 bytes = mt_walk_get_devices_bytes(r->walk);
    g_autoptr(GError) error = NULL;

    reader_end_section(r);
    r->account->footers_known = (state.flags & MT_WALK_FOOTERS_KNOWN) != 0;
    r->account->footers = (state.flags & MT_WALK_FOOTERS) != 0;

    if (r->package)
        mt_tree_add_package(r->account, r->name, r->package->data,
                            r->package->len, r->package_offset,
                            r->account->footers);
    if (!mt_walk_finish(r->walk, &error)) {
        if (state.place == MT_WALK_AT_DEVICES && bytes)
            mt_tree_add_damaged(r->account, r->name, devices,
                                mt_walk_get_devices_offset(r->walk), bytes,
                                r->account->footers, error->message);
        else
            reader_problem(r, error->code == MIGTUNE_ERROR_DISCONNECTED ?
                           "truncated" : "bad-stream", boundary, "%s",
                           error->message);
        return;
    }

    r->account->ended = TRUE;
    if (!devices) {
        r->account->device_bytes += bytes;
        mt_account_problem_at(r->account, MT_PROBLEM_WARNING,
                              "device-state-large", r->name,
                              mt_walk_get_devices_offset(r->walk),
                              "the device state has %" G_GUINT64_FORMAT
                              " bytes and was not looked into", bytes);
    } else if (bytes > 1) {
        mt_tree_add(r->account, r->name, devices,
                    mt_walk_get_devices_offset(r->walk), bytes,
                    r->account->footers);
    }
    reader_check_complete(r);
}

gboolean
mt_inspect_main(const MtMainInput *input, GError **error)
{
    g_autofree MainReader *r = g_new0(MainReader, 1);
    MtWalkSettings settings = {
        .func = reader_event,
        .user_data = r,
        .base = input->base,
        .max_device_bytes = MT_INSPECT_MAX_DEVICE_BYTES,
    };

    r->input = input;
    r->account = input->account;
    r->name = input->channel->name;
    r->mapped_block = -1;
    r->page_bytes = MT_PAGE_SIZE;
    r->walk = mt_walk_new(&settings);
    r->account->format = MT_FORMAT_STREAM;

    if (reader_feed(r))
        reader_end_stream(r);
    else
        reader_end_section(r);
    if (!r->error)
        reader_finish_channels(r);

    mt_walk_free(r->walk);
    if (r->package)
        g_byte_array_unref(r->package);
    if (r->error) {
        g_propagate_error(error, r->error);
        return FALSE;
    }
    return TRUE;
}
