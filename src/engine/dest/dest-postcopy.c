/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Post-copy on the destination.
 *
 * A source announces early that post-copy is possible.  At the switch it names
 * the pages to discard (dirty again, or not sent yet) and sends a package: a
 * nested stream with POSTCOPY_LISTEN, the device state and POSTCOPY_RUN.  There is
 * no device description, but the package has a length.
 *
 * Then the writers of the guest pass a gate: an access to a missing page requests
 * it on the return path and waits until it is placed.
 */
#include "config.h"

#include <string.h>

#include "engine/dest/dest-private.h"
#include "engine/return-path.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* The interval of checks for a failure of the other channel. */
#define CHECK_US 100000

/* The size of a command without payload. */
#define COMMAND_SIZE 5

void
mt_dest_set_postcopy(MtDest *dest, const MtDestPostcopy *postcopy)
{
    dest->postcopy = *postcopy;
}

gboolean
mt_dest_is_postcopy(const MtDest *dest)
{
    return dest->phase >= DEST_POSTCOPY;
}

gboolean
mt_dest_send(MtDest *dest, MtReturnMessage type, gconstpointer payload,
            guint16 len, GError **error)
{
    gboolean ok;

    g_mutex_lock(&dest->send_lock);
    ok = mt_return_send(dest->io, type, payload, len, error);
    g_mutex_unlock(&dest->send_lock);
    return ok;
}

gboolean
mt_dest_advise(MtDest *dest, const guint8 *payload, guint16 len,
               GError **error)
{
    if (!len)
        return TRUE;
    if (dest->phase != DEST_PRECOPY) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "POSTCOPY_ADVISE was received twice");
        return FALSE;
    }
    if (!dest->settings->postcopy || !dest->postcopy.gate) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "capability postcopy-ram is on on the source and "
                          "off here");
        return FALSE;
    }
    if (mt_get_be64(payload) != MT_PAGE_SIZE ||
        mt_get_be64(payload + 8) != MT_PAGE_SIZE) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "the source has pages of 0x%" G_GINT64_MODIFIER
                          "x and 0x%" G_GINT64_MODIFIER "x bytes: for "
                          "post-copy only 0x%x is supported",
                          mt_get_be64(payload), mt_get_be64(payload + 8),
                          MT_PAGE_SIZE);
        return FALSE;
    }

    dest->phase = DEST_ADVISED;
    return TRUE;
}

/*
 * Clears pages.  Most of them were often not received, or lie together: then the
 * kernel takes their memory back, which takes less time than writing zeros, and
 * the guest is stopped meanwhile.
 */
static void
discard_content(MtDest *dest, const MtRamBlock *block, guint64 start,
                guint64 length)
{
    guint64 first = mt_ram_block_index(block, start);
    guint64 end = first + (length >> MT_PAGE_SHIFT);
    guint64 from = mt_bitmap_next_set(dest->pages->filled, first);

    if (from >= end)
        return;

    if (!mt_ram_discard(block, start, length)) {
        for (; from < end;
             from = mt_bitmap_next_set(dest->pages->filled, from + 1))
            memset(block->host +
                   ((from - block->first_page) << MT_PAGE_SHIFT), 0,
                   MT_PAGE_SIZE);
    }
    mt_bitmap_clear_range(dest->pages->filled, first, end - first);
}

static gboolean
discard_range(MtDest *dest, const MtRamBlock *block, guint64 start,
              guint64 length, GError **error)
{
    guint64 first, n;

    if (start % MT_PAGE_SIZE || length % MT_PAGE_SIZE || !length ||
        start >= block->used_length || length > block->used_length - start) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a discard of 0x%" G_GINT64_MODIFIER "x bytes at "
                          "0x%" G_GINT64_MODIFIER "x of block '%s' is not in "
                          "whole pages of the block", length,
                          start, block->name);
        return FALSE;
    }

    first = mt_ram_block_index(block, start);
    n = length >> MT_PAGE_SHIFT;
    discard_content(dest, block, start, length);
    mt_bitmap_clear_range(dest->pages->received, first, n);
    mt_gate_miss(dest->postcopy.gate, first, n);
    return TRUE;
}

gboolean
mt_dest_discard(MtDest *dest, const guint8 *payload, guint16 len,
                GError **error)
{
    const MtRamBlock *block;
    guint head = len < 3 ? 0 : 3 + payload[1];

    if (dest->phase != DEST_ADVISED) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "POSTCOPY_RAM_DISCARD was received %s",
                          dest->phase == DEST_PRECOPY ?
                          "without POSTCOPY_ADVISE" :
                          "after the switch to post-copy");
        return FALSE;
    }
    if (!head || len < head || (len - head) % 16 || payload[0] != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "command POSTCOPY_RAM_DISCARD has %u bytes, which "
                          "are not a block name and ranges of version 0", len);
        return FALSE;
    }
    block = mt_ram_find(dest->ram, (const char *)payload + 2, payload[1]);
    if (!block) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "command POSTCOPY_RAM_DISCARD has a block that does "
                          "not exist");
        return FALSE;
    }

    for (guint at = head; at < len; at += 16) {
        if (!discard_range(dest, block, mt_get_be64(payload + at),
                           mt_get_be64(payload + at + 8), error))
            return FALSE;
    }
    return TRUE;
}

/* Requests page @index from the source. */
static void
dest_ask(gpointer data, guint64 index)
{
    MtDest *dest = data;
    guint8 message[13 + 255];
    MtRamBlock *block;
    guint8 *page = mt_ram_page(dest->ram, index, &block);
    guint len = 12;

    mt_put_be64(message, page - block->host);
    mt_put_be32(message + 8, MT_PAGE_SIZE);

    /* Errors are ignored: the thread that reads detects a broken link. */
    g_mutex_lock(&dest->send_lock);
    if (block != dest->asked) {
        message[12] = block->name_len;
        memcpy(message + 13, block->name, block->name_len);
        len = 13 + block->name_len;
    }
    dest->asked = block;
    mt_return_send(dest->io, len > 12 ? MT_RP_REQ_PAGES_ID : MT_RP_REQ_PAGES,
                   message, len, NULL);
    g_mutex_unlock(&dest->send_lock);
}

/* If the @len bytes of @data end with @command with @n bytes of payload, removes
 * it and returns TRUE. */
static gboolean
package_ends_with(const guint8 *data, gsize *len, MtWireCommand command, guint n)
{
    const guint8 *at = data + *len - COMMAND_SIZE - n;

    if (*len < COMMAND_SIZE + n || at[0] != MT_SECTION_COMMAND ||
        mt_get_be16(at + 1) != command || mt_get_be16(at + 3) != n)
        return FALSE;

    *len -= COMMAND_SIZE + n;
    return TRUE;
}

/*
 * Splits a package: LISTEN, device state, any number of PINGs, RUN.  Device state
 * that ends like a PING is not known.
 */
static gboolean
package_parse(const guint8 *data, gsize len, GBytes **ret_sections,
              GByteArray *pings, GError **error)
{
    gsize end = len;

    if (len < COMMAND_SIZE || data[0] != MT_SECTION_COMMAND ||
        mt_get_be16(data + 1) != MT_CMD_POSTCOPY_LISTEN ||
        mt_get_be16(data + 3) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a package of %" G_GSIZE_FORMAT " bytes does not "
                          "begin with POSTCOPY_LISTEN", len);
        return FALSE;
    }
    data += COMMAND_SIZE;
    end -= COMMAND_SIZE;
    if (!package_ends_with(data, &end, MT_CMD_POSTCOPY_RUN, 0)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a package of %" G_GSIZE_FORMAT " bytes does not "
                          "end with POSTCOPY_RUN", len);
        return FALSE;
    }
    while (package_ends_with(data, &end, MT_CMD_PING, 4))
        g_byte_array_prepend(pings, data + end + COMMAND_SIZE, 4);

    *ret_sections = g_bytes_new(data, end);
    return TRUE;
}

/* A page that was neither received nor discarded is missing, too. */
static void
package_miss(MtDest *dest)
{
    for (guint i = 0; i < mt_ram_n_blocks(dest->ram); i++) {
        const MtRamBlock *block = mt_ram_block(dest->ram, i);
        guint64 end = block->first_page + block->n_pages;
        guint64 from = block->first_page;

        while ((from = mt_bitmap_next_clear(dest->pages->received, from)) <
               end) {
            guint64 to = mt_bitmap_next_set(dest->pages->received, from);

            mt_gate_miss(dest->postcopy.gate, from, MIN(to, end) - from);
            from = MIN(to, end);
        }
    }
}

gboolean
mt_dest_package(MtDest *dest, const guint8 *payload, guint16 len,
                GError **error)
{
    g_autoptr(GByteArray) pings = g_byte_array_new();
    guint32 n = mt_get_be32(payload);
    g_autofree guint8 *data = NULL;

    if (dest->phase != DEST_ADVISED || !dest->return_path ||
        !dest->have_blocks) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a package of devices was received %s",
                          dest->phase == DEST_PRECOPY ?
                          "without POSTCOPY_ADVISE" :
                          dest->phase != DEST_ADVISED ? "twice" :
                          !dest->return_path ? "without a return path" :
                          "before the block list");
        return FALSE;
    }
    if (n > dest->settings->max_device_bytes) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a package has %u bytes, at most %" G_GUINT64_FORMAT
                          " are accepted", n,
                          dest->settings->max_device_bytes);
        return FALSE;
    }
    data = g_malloc(n);
    if (!mt_stream_in_read(&dest->in, data, n, error) ||
        !package_parse(data, n, &dest->sections, pings, error))
        return FALSE;

    package_miss(dest);
    dest->phase = DEST_POSTCOPY;
    mt_gate_close(dest->postcopy.gate, dest_ask, dest);
    /* Errors are ignored: the guest runs here now, even if the link is broken,
     * which the next read detects. */
    for (guint i = 0; i < pings->len; i += 4)
        mt_dest_send(dest, MT_RP_PONG, pings->data + i, 4, NULL);
    dest->postcopy.run(dest->postcopy.data, dest->sections);
    return TRUE;
}

void
mt_dest_let_go(MtDest *dest)
{
    mt_gate_detach(dest->postcopy.gate);
    dest->io = NULL;
    dest->channels = NULL;
    dest->block = NULL;
    dest->asked = NULL;
    dest->phase = DEST_PAUSED;
}

/* The bitmap of received pages; bit 0 of byte 0 is page 0. */
static guint8 *
bitmap_make(MtDest *dest, const MtRamBlock *block, gsize *ret_len)
{
    gsize len = (block->n_pages + 63) / 64 * 8;
    guint8 *bits = g_malloc0(len);

    for (guint64 i = 0; i < block->n_pages; i++) {
        if (!mt_gate_is_missing(dest->postcopy.gate, block->first_page + i))
            bits[i / 8] |= 1u << i % 8;
    }
    *ret_len = len;
    return bits;
}

gboolean
mt_dest_recv_bitmap(MtDest *dest, const guint8 *payload, guint16 len,
                    GError **error)
{
    g_autofree guint8 *bits = NULL;
    const MtRamBlock *block = NULL;
    guint8 number[8];
    gsize n_bits;
    gboolean ok;

    if (len && len == 1 + payload[0])
        block = mt_ram_find(dest->ram, (const char *)payload + 1, payload[0]);
    if (dest->phase != DEST_PAUSED || !block) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a bitmap is requested %s",
                          dest->phase == DEST_PAUSED ?
                          "for a block that does not exist" :
                          "but the migration was not interrupted");
        return FALSE;
    }

    bits = bitmap_make(dest, block, &n_bits);
    ok = mt_dest_send(dest, MT_RP_RECV_BITMAP, payload, len, error);
    mt_put_be64(number, n_bits);
    ok = ok && mt_io_write(dest->io, number, sizeof(number), error) &&
         mt_io_write(dest->io, bits, n_bits, error);
    mt_put_be64(number, MT_RP_BITMAP_END);
    return ok && mt_io_write(dest->io, number, sizeof(number), error);
}

gboolean
mt_dest_resumed(MtDest *dest, const guint8 *payload, guint16 len,
                GError **error)
{
    guint8 number[4];

    if (dest->phase != DEST_PAUSED) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "POSTCOPY_RESUME was received, but the migration "
                          "was not interrupted");
        return FALSE;
    }

    dest->phase = DEST_POSTCOPY;
    dest->postcopy.resumed(dest->postcopy.data);
    mt_put_be32(number, MT_RP_RESUMED);
    if (!mt_dest_send(dest, MT_RP_RESUME_ACK, number, sizeof(number), error))
        return FALSE;

    /* Threads that wait request their pages again. */
    mt_gate_close(dest->postcopy.gate, dest_ask, dest);
    return TRUE;
}

gboolean
mt_dest_place(MtDest *dest, guint32 record, guint64 index, guint8 *page,
              GError **error)
{
    guint8 fill;

    if (dest->phase != DEST_POSTCOPY) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a page was received before the post-copy was "
                          "resumed");
        return FALSE;
    }

    switch (record) {
    case MT_RECORD_PAGE:
        mt_count(dest->counters->normal, 1);
        if (!mt_stream_in_read(&dest->in, dest->placed, MT_PAGE_SIZE, error))
            return FALSE;
        break;
    case MT_RECORD_ZERO:
        mt_count(dest->counters->duplicate, 1);
        if (!mt_stream_in_u8(&dest->in, &fill, error))
            return FALSE;
        memset(dest->placed, fill, MT_PAGE_SIZE);
        break;
    default:
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "record 0x%03x after the switch to post-copy: only "
                          "uncompressed and zero pages are accepted", record);
        return FALSE;
    }

    /* The guest may have changed a page that is not missing. */
    if (!mt_gate_is_missing(dest->postcopy.gate, index))
        return TRUE;

    mt_bitmap_set(dest->pages->received, index);
    if (record != MT_RECORD_ZERO || fill ||
        mt_bitmap_test(dest->pages->filled, index)) {
        mt_bitmap_set(dest->pages->filled, index);
        memcpy(page, dest->placed, MT_PAGE_SIZE);
    }
    mt_gate_arrive(dest->postcopy.gate, index);
    return TRUE;
}

/* The last pages may still be on their way on another channel. */
static gboolean
dest_wait_arrived(MtDest *dest, GError **error)
{
    MtGate *gate = dest->postcopy.gate;
    gint64 limit = dest->settings->timeout_ms * (gint64)1000;
    gint64 begin = g_get_monotonic_time();

    while (dest->postcopy.more && dest->postcopy.more(dest->postcopy.data) &&
           !mt_gate_wait_complete(gate, CHECK_US)) {
        if (!mt_failure_check(dest->failure, error))
            return FALSE;
        if (limit && g_get_monotonic_time() - begin > limit) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              "the stream ended, but %" G_GUINT64_FORMAT
                              " pages did not arrive on the preempt channel "
                              "within %u ms", mt_gate_count_missing(gate),
                              dest->settings->timeout_ms);
            return FALSE;
        }
    }
    return mt_failure_check(dest->failure, error);
}

gboolean
mt_dest_check_arrived(MtDest *dest, GError **error)
{
    guint64 n;

    if (!dest_wait_arrived(dest, error))
        return FALSE;

    n = mt_gate_count_missing(dest->postcopy.gate);
    if (n) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the stream ended, but %" G_GUINT64_FORMAT " pages "
                          "are missing", n);
        return FALSE;
    }

    mt_gate_open(dest->postcopy.gate);
    return TRUE;
}
