/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The return path: see return-path.h.
 */
#include "config.h"

#include <string.h>

#include "engine/return-path.h"
#include "util/bitmap.h"
#include "util/bytes.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

gboolean
mt_return_send(MtIo *io, MtReturnMessage type, gconstpointer payload,
               guint16 len, GError **error)
{
    guint8 head[4];
    struct iovec iov[2] = {
        { head, sizeof(head) },
        { (gpointer)payload, len },
    };

    mt_put_be16(head, type);
    mt_put_be16(head + 2, len);
    return mt_io_writev(io, iov, len ? 2 : 1, error);
}

gboolean
mt_return_send_u32(MtIo *io, MtReturnMessage type, guint32 value,
                   GError **error)
{
    guint8 payload[4];

    mt_put_be32(payload, value);
    return mt_return_send(io, type, payload, sizeof(payload), error);
}

/* Requested pages whose order is known.  A guest has one waiting page for each of
 * its processors, so a real destination never fills this. */
#define REQUESTS_IN_ORDER 512

struct MtReturnPath {
    MtIo *io;
    MtReturnBroken on_broken;
    gpointer data;
    GThread *thread;

    GMutex lock;
    GCond changed;
    gboolean got_ack;
    const MtRam *ram;           /* NULL: requests are refused */
    const MtRamBlock *asked;    /* which REQ_PAGES means */
    MtBitmap *requests;         /* the requested pages */
    guint64 n_requests;         /* bits set in it */
    guint64 scanned;            /* where to look for the next bit */
    guint64 order[REQUESTS_IN_ORDER];   /* ring of the oldest requests */
    guint order_head;
    guint n_order;
    gsize max_bitmap;           /* 0: no bitmap is accepted */
    char bitmap_block[256];
    GBytes *bitmap;             /* the last one received */
    gboolean resumed;
    gboolean over;      /* SHUT was received, or the path broke */
    gboolean got_shut;
    guint32 shut;
    GError *error;
};

/* The accepted payload lengths of each message. */
static const struct {
    guint16 min;
    guint16 max;
} return_lengths[] = {
    [MT_RP_SHUT] = { 4, 4 },
    [MT_RP_PONG] = { 4, 4 },
    [MT_RP_REQ_PAGES_ID] = { 13, MT_RP_MAX },
    [MT_RP_REQ_PAGES] = { 12, 12 },
    [MT_RP_RECV_BITMAP] = { 1, MT_RP_MAX },
    [MT_RP_RESUME_ACK] = { 4, 4 },
    [MT_RP_SWITCHOVER_ACK] = { 0, 0 },
};

/* With the lock held.  Only the first request for a block has its name. */
static gboolean
return_path_request(MtReturnPath *path, const guint8 *payload, guint16 len,
                    gboolean named, GError **error)
{
    guint64 offset = mt_get_be64(payload);
    guint64 length = mt_get_be32(payload + 8);
    guint64 first;

    if (!path->ram) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "pages are requested, but the guest does not run "
                          "on the destination");
        return FALSE;
    }
    if (named && (payload[12] == 0 || len != 13 + payload[12])) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a page request has %u bytes and a block name of "
                          "%u", len, payload[12]);
        return FALSE;
    }
    if (named)
        path->asked = mt_ram_find(path->ram, (const char *)payload + 13,
                                  payload[12]);
    if (!path->asked) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a page request has %s", named ?
                          "a block that does not exist" : "no block");
        return FALSE;
    }
    if (!length || offset % MT_PAGE_SIZE || length % MT_PAGE_SIZE ||
        offset >= path->asked->used_length ||
        length > path->asked->used_length - offset) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a request for %" G_GUINT64_FORMAT " bytes at 0x%"
                          G_GINT64_MODIFIER "x of block '%s' is not in whole "
                          "pages of the block", length, offset,
                          path->asked->name);
        return FALSE;
    }

    first = mt_ram_block_index(path->asked, offset);
    if (!mt_bitmap_test(path->requests, first) &&
        path->n_order < REQUESTS_IN_ORDER)
        path->order[(path->order_head + path->n_order++) %
                    REQUESTS_IN_ORDER] = first;
    path->n_requests += mt_bitmap_set_range(path->requests, first,
                                            length >> MT_PAGE_SHIFT);
    return TRUE;
}

/*
 * A bitmap follows its message: the length, the bits, an end mark.  The lock is
 * not held while it is read; @max_bitmap never decreases.
 */
static gboolean
return_path_bitmap(MtReturnPath *path, const guint8 *payload, guint16 len,
                   GError **error)
{
    g_autofree guint8 *bits = NULL;
    guint8 number[8];
    guint64 n;
    gsize max;

    g_mutex_lock(&path->lock);
    max = path->max_bitmap;
    g_mutex_unlock(&path->lock);
    if (!max || len != 1 + payload[0]) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          max ? "the name before a bitmap has a wrong length" :
                          "a bitmap was received that was not requested");
        return FALSE;
    }
    if (!mt_io_read(path->io, number, sizeof(number), error))
        return FALSE;
    n = mt_get_be64(number);
    if (n > max) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a bitmap has %" G_GUINT64_FORMAT " bytes, at most "
                          "%" G_GSIZE_FORMAT " are accepted", n, max);
        return FALSE;
    }
    bits = g_malloc(n);
    if (!mt_io_read(path->io, bits, n, error) ||
        !mt_io_read(path->io, number, sizeof(number), error))
        return FALSE;
    if (mt_get_be64(number) != MT_RP_BITMAP_END) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a bitmap of %" G_GUINT64_FORMAT " bytes has no "
                          "end mark", n);
        return FALSE;
    }

    g_mutex_lock(&path->lock);
    memcpy(path->bitmap_block, payload + 1, payload[0]);
    path->bitmap_block[payload[0]] = '\0';
    g_clear_pointer(&path->bitmap, g_bytes_unref);
    path->bitmap = g_bytes_new_take(g_steal_pointer(&bits), n);
    g_cond_broadcast(&path->changed);
    g_mutex_unlock(&path->lock);
    return TRUE;
}

/* Reads one message.  FALSE: it was the last one. */
static gboolean
return_path_message(MtReturnPath *path, GError **error)
{
    guint8 head[4], payload[MT_RP_MAX];
    guint16 type, len;
    gboolean more = TRUE;

    if (!mt_io_read(path->io, head, sizeof(head), error))
        return FALSE;

    type = mt_get_be16(head);
    len = mt_get_be16(head + 2);
    if (type < MT_RP_SHUT || type >= G_N_ELEMENTS(return_lengths) ||
        len < return_lengths[type].min || len > return_lengths[type].max) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "message %u with %u bytes is not supported", type,
                          len);
        return FALSE;
    }
    if (!mt_io_read(path->io, payload, len, error))
        return FALSE;

    if (type == MT_RP_RECV_BITMAP)
        return return_path_bitmap(path, payload, len, error);

    g_mutex_lock(&path->lock);
    switch (type) {
    case MT_RP_SHUT:
        path->got_shut = TRUE;
        path->shut = mt_get_be32(payload);
        more = FALSE;
        break;
    case MT_RP_SWITCHOVER_ACK:
        path->got_ack = TRUE;
        break;
    case MT_RP_PONG:
        break;
    case MT_RP_REQ_PAGES_ID:
    case MT_RP_REQ_PAGES:
        more = return_path_request(path, payload, len,
                                   type == MT_RP_REQ_PAGES_ID, error);
        break;
    case MT_RP_RESUME_ACK:
    default:
        path->resumed = path->max_bitmap &&
            mt_get_be32(payload) == MT_RP_RESUMED;
        more = path->resumed;
        if (!more)
            migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                              "RESUME_ACK has the value %u, %s",
                              mt_get_be32(payload), path->max_bitmap ?
                              "only 1 is accepted" :
                              "but no recovery was requested");
    }
    g_cond_broadcast(&path->changed);
    g_mutex_unlock(&path->lock);
    return more;
}

/* With the lock held. */
static gboolean
return_path_verdict(MtReturnPath *path, GError **error)
{
    if (path->error) {
        if (error)
            *error = g_error_copy(path->error);
        return FALSE;
    }
    if (path->got_shut && path->shut) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "return path: the destination failed to load the "
                          "stream (status %u)", path->shut);
        return FALSE;
    }

    return TRUE;
}

static gpointer
return_path_thread(gpointer data)
{
    MtReturnPath *path = data;
    GError *error = NULL;

    while (return_path_message(path, &error)) {
    }

    if (error)
        g_prefix_error(&error, "return path: ");
    g_mutex_lock(&path->lock);
    path->over = TRUE;
    path->error = g_steal_pointer(&error);
    return_path_verdict(path, &error);
    g_cond_broadcast(&path->changed);
    g_mutex_unlock(&path->lock);

    if (error)
        path->on_broken(path->data, error);
    return NULL;
}

MtReturnPath *
mt_return_path_new(MtIo *io, MtReturnBroken on_broken, gpointer data,
                   GError **error)
{
    MtReturnPath *path = g_new0(MtReturnPath, 1);

    path->io = io;
    path->on_broken = on_broken;
    path->data = data;
    g_mutex_init(&path->lock);
    g_cond_init(&path->changed);
    path->thread = mt_thread_new("return-path", return_path_thread, path,
                                 error);
    if (!path->thread) {
        mt_return_path_free(path);
        return NULL;
    }
    return path;
}

void
mt_return_path_free(MtReturnPath *path)
{
    if (!path)
        return;

    if (path->thread)
        g_thread_join(path->thread);
    mt_bitmap_free(path->requests);
    g_clear_pointer(&path->bitmap, g_bytes_unref);
    g_clear_error(&path->error);
    g_mutex_clear(&path->lock);
    g_cond_clear(&path->changed);
    g_free(path);
}

gboolean
mt_return_path_got_ack(MtReturnPath *path)
{
    gboolean got;

    g_mutex_lock(&path->lock);
    got = path->got_ack;
    g_mutex_unlock(&path->lock);
    return got;
}

void
mt_return_path_allow_requests(MtReturnPath *path, const MtRam *ram)
{
    g_mutex_lock(&path->lock);
    if (!path->requests)
        path->requests = mt_bitmap_new(mt_ram_n_pages(ram));
    path->ram = ram;
    g_mutex_unlock(&path->lock);
}

/* With the lock held; MT_BITMAP_NONE if there is no request. */
static guint64
return_path_next_request(MtReturnPath *path)
{
    guint64 index;

    if (!path->n_requests)
        return MT_BITMAP_NONE;

    while (path->n_order) {
        index = path->order[path->order_head];
        path->order_head = (path->order_head + 1) % REQUESTS_IN_ORDER;
        path->n_order--;
        if (mt_bitmap_test(path->requests, index))
            return index;
    }

    index = mt_bitmap_next_set(path->requests, path->scanned);
    if (index == MT_BITMAP_NONE)
        index = mt_bitmap_next_set(path->requests, 0);
    path->scanned = index + 1;
    return index;
}

gboolean
mt_return_path_take_request(MtReturnPath *path, guint64 *ret_index)
{
    guint64 index;

    g_mutex_lock(&path->lock);
    index = return_path_next_request(path);
    if (index != MT_BITMAP_NONE) {
        mt_bitmap_clear(path->requests, index);
        path->n_requests--;
        *ret_index = index;
    }
    g_mutex_unlock(&path->lock);
    return index != MT_BITMAP_NONE;
}

void
mt_return_path_allow_recovery(MtReturnPath *path, gsize max_bytes)
{
    g_mutex_lock(&path->lock);
    path->max_bitmap = max_bytes;
    g_mutex_unlock(&path->lock);
}

/* With the lock held: FALSE if the path has ended or the time is over. */
static gboolean
return_path_wait(MtReturnPath *path, gint64 end, const char *what,
                 GError **error)
{
    if (path->over) {
        if (return_path_verdict(path, error))
            migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                              "return path: the destination closed it before "
                              "it sent %s", what);
        return FALSE;
    }
    if (g_cond_wait_until(&path->changed, &path->lock, end))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                      "return path: the destination has not sent %s", what);
    return FALSE;
}

static gint64
return_path_deadline(guint timeout_ms)
{
    /* No limit: a year. */
    return g_get_monotonic_time() + (timeout_ms ? timeout_ms *
        (gint64)1000 : 366 * 24 * 3600 * G_TIME_SPAN_SECOND);
}

GBytes *
mt_return_path_wait_bitmap(MtReturnPath *path, const char *block,
                           gsize n_bytes, guint timeout_ms, GError **error)
{
    gint64 end = return_path_deadline(timeout_ms);
    g_autoptr(GBytes) bitmap = NULL;
    gboolean ok = TRUE;

    g_mutex_lock(&path->lock);
    while (ok && !path->bitmap)
        ok = return_path_wait(path, end, "the bitmap of received pages", error);
    bitmap = g_steal_pointer(&path->bitmap);
    if (ok && (strcmp(path->bitmap_block, block) != 0 ||
               g_bytes_get_size(bitmap) < n_bytes)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "return path: received a bitmap of block '%s' with %"
                          G_GSIZE_FORMAT " bytes, requested was block '%s' "
                          "with %" G_GSIZE_FORMAT,
                          path->bitmap_block, g_bytes_get_size(bitmap), block,
                          n_bytes);
        ok = FALSE;
    }
    g_mutex_unlock(&path->lock);
    return ok ? g_steal_pointer(&bitmap) : NULL;
}

gboolean
mt_return_path_wait_resumed(MtReturnPath *path, guint timeout_ms,
                            GError **error)
{
    gint64 end = return_path_deadline(timeout_ms);
    gboolean ok = TRUE;

    g_mutex_lock(&path->lock);
    while (ok && !path->resumed)
        ok = return_path_wait(path, end, "RESUME_ACK", error);
    g_mutex_unlock(&path->lock);
    return ok;
}

gboolean
mt_return_path_wait_request(MtReturnPath *path, gint64 timeout_us)
{
    gint64 end = g_get_monotonic_time() + timeout_us;
    gboolean open;

    g_mutex_lock(&path->lock);
    while (!path->n_requests && !path->over &&
           g_cond_wait_until(&path->changed, &path->lock, end)) {
    }
    open = !path->over;
    g_mutex_unlock(&path->lock);
    return open;
}

gboolean
mt_return_path_wait_shut(MtReturnPath *path, guint timeout_ms,
                         GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * (gint64)1000;
    gboolean in_time = TRUE;
    gboolean ok;

    g_mutex_lock(&path->lock);
    while (!path->over && in_time) {
        if (timeout_ms)
            in_time = g_cond_wait_until(&path->changed, &path->lock, end);
        else
            g_cond_wait(&path->changed, &path->lock);
    }
    if (path->over) {
        ok = return_path_verdict(path, error);
    } else {
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          "return path: everything was sent, but the "
                          "destination has not confirmed within %u ms that "
                          "it loaded the stream", timeout_ms);
        ok = FALSE;
    }
    g_mutex_unlock(&path->lock);
    return ok;
}
