/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walking over a migration stream: see walk.h.  Here are the life of a walker
 * and what it is fed; walk-items.c and walk-ram.c parse.
 */
#include "config.h"

#include <string.h>

#include "stream/walk-private.h"
#include "migtune/migtune-error.h"

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
    if (state->block >= n_blocks)
        w->state.block = MT_WALK_NO_BLOCK;
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

/* One item, or a change of place that takes no bytes.  Returns as the parsers
 * do; @w->need is set if 0 is returned and bytes are missing. */
static gssize
walk_next(MtWalk *w, const guint8 *p, gsize len, GError **error)
{
    gssize n;

    do {
        MtWalkPlace place = w->state.place;

        w->need = 0;
        n = mt_walk_item(w, p, len, error);
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
