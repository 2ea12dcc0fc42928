/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A simulated link with limited bandwidth and latency.
 *
 * Each direction of a channel has a thread that reads pieces, computes when each
 * piece is due, and writes it then.  The bandwidth is modelled by one clock for
 * all channels: a piece leaves when all earlier pieces have left.  The bytes in
 * flight are limited to the bandwidth-delay product, so the writer is slowed
 * down, too.
 */
#include "config.h"

#include <poll.h>

#include "engine/link.h"
#include "util/clock.h"
#include "util/thread.h"

#define PIECE_BYTES (64 * 1024)

/* Bytes in flight beyond the bandwidth-delay product, and without a limit. */
#define SLACK_BYTES (2 * PIECE_BYTES)
#define FAST_BYTES (16 * 1024 * 1024)

/* How long the far end may accept nothing, and may stay open after the near end
 * was closed. */
#define FAR_TIMEOUT_MS 30000

/* Interval of checks whether the near end was closed. */
#define LOOK_NS MT_NS_PER_S

struct MtLink {
    int refs;
    guint64 bytes_per_s;
    gint64 latency_ns;
    guint64 room;               /* bytes in flight in one channel */

    GMutex lock;
    gint64 free_ns;             /* when the last piece leaves */
};

/* Shared by the threads of both directions; the last one frees it. */
typedef struct {
    int refs;
    MtLink *link;
    MtIo *near;
    MtIo *far;
    gint64 gone_ns;             /* when the near end was closed; atomic */
} LinkChannel;

typedef struct {
    LinkChannel *channel;
    MtIo *from;
    MtIo *to;
    gboolean limited;
} LinkWay;

typedef struct {
    gint64 due_ns;
    gsize length;
    guint8 data[];
} LinkPiece;

MtLink *
mt_link_new(guint64 bytes_per_s, guint latency_ms)
{
    MtLink *link = g_new0(MtLink, 1);

    link->refs = 1;
    link->bytes_per_s = bytes_per_s;
    link->latency_ns = latency_ms * MT_NS_PER_MS;
    link->room = bytes_per_s ? SLACK_BYTES + (double)bytes_per_s *
                 link->latency_ns / MT_NS_PER_S : FAST_BYTES;
    g_mutex_init(&link->lock);
    return link;
}

MtLink *
mt_link_ref(MtLink *link)
{
    g_atomic_int_inc(&link->refs);
    return link;
}

void
mt_link_unref(MtLink *link)
{
    if (!link || !g_atomic_int_dec_and_test(&link->refs))
        return;

    g_mutex_clear(&link->lock);
    g_free(link);
}

/* The time at which @bytes arrive that are written now. */
static gint64
link_due(MtLink *link, gboolean limited, gsize bytes)
{
    gint64 now = mt_clock_now(mt_clock_system());
    gint64 leaves = now;

    if (limited && link->bytes_per_s) {
        g_mutex_lock(&link->lock);
        link->free_ns = MAX(link->free_ns, now) +
            bytes * (double)MT_NS_PER_S / link->bytes_per_s;
        leaves = link->free_ns;
        g_mutex_unlock(&link->lock);
    }
    return leaves + link->latency_ns;
}

static void
channel_unref(LinkChannel *channel)
{
    if (!g_atomic_int_dec_and_test(&channel->refs))
        return;

    mt_io_free(channel->near);
    mt_io_free(channel->far);
    mt_link_unref(channel->link);
    g_free(channel);
}

/* Sleeps until @fd (-1: none) is readable, @due_ns (0: none) has come, or
 * LOOK_NS have passed. */
static gboolean
way_sleep(int fd, gint64 due_ns)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    gint64 left = due_ns ? due_ns - mt_clock_now(mt_clock_system()) : LOOK_NS;
    struct timespec time = {
        .tv_sec = CLAMP(left, 0, LOOK_NS) / MT_NS_PER_S,
        .tv_nsec = CLAMP(left, 0, LOOK_NS) % MT_NS_PER_S,
    };

    return ppoll(&poll_fd, 1, &time, NULL) > 0;
}

/* The near end was closed long ago, and the far end is still open. */
static gboolean
way_is_left_over(const LinkWay *way)
{
    gint64 gone = __atomic_load_n(&way->channel->gone_ns, __ATOMIC_RELAXED);

    return !way->limited && gone && mt_clock_now(mt_clock_system()) - gone >
           FAR_TIMEOUT_MS * MT_NS_PER_MS;
}

static LinkPiece *
way_read(LinkWay *way)
{
    LinkPiece *piece = g_malloc(sizeof(*piece) + PIECE_BYTES);
    struct iovec iov = { piece->data, PIECE_BYTES };
    gssize n = mt_io_read_some(way->from, &iov, 1, NULL);

    if (n <= 0) {
        g_free(piece);
        return NULL;
    }
    piece->length = n;
    piece->due_ns = link_due(way->channel->link, way->limited, n);
    return piece;
}

static gpointer
way_thread(gpointer data)
{
    LinkWay *way = data;
    guint64 room = way->channel->link->room;
    GQueue pieces = G_QUEUE_INIT;
    guint64 under_way = 0;
    gboolean end = FALSE;
    gboolean broken = FALSE;

    for (;;) {
        LinkPiece *head = g_queue_peek_head(&pieces);
        gboolean full = under_way >= room;

        if ((!head && end) || way_is_left_over(way))
            break;
        if (head && head->due_ns <= mt_clock_now(mt_clock_system())) {
            g_queue_pop_head(&pieces);
            under_way -= head->length;
            broken = !mt_io_write(way->to, head->data, head->length, NULL);
            g_free(head);
            if (broken)
                break;
            continue;
        }
        if (!way_sleep(end || full ? -1 : mt_io_get_read_fd(way->from),
                       head ? head->due_ns : 0))
            continue;

        head = way_read(way);
        end = !head;
        if (head) {
            under_way += head->length;
            g_queue_push_tail(&pieces, head);
        }
    }

    /* Closes the writing direction, and after a write error the reading
     * direction, too. */
    g_queue_clear_full(&pieces, g_free);
    mt_io_shutdown_write(way->to);
    if (broken)
        mt_io_shutdown(way->from);
    if (way->limited)
        __atomic_store_n(&way->channel->gone_ns,
                         mt_clock_now(mt_clock_system()), __ATOMIC_RELAXED);
    channel_unref(way->channel);
    g_free(way);
    return NULL;
}

/* FALSE: there is no thread, and the reference of the direction is still held. */
static gboolean
link_start(LinkChannel *channel, MtIo *from, MtIo *to, gboolean limited,
           GError **error)
{
    GThread *thread;
    LinkWay *way = g_new0(LinkWay, 1);

    way->channel = channel;
    way->from = from;
    way->to = to;
    way->limited = limited;
    thread = mt_thread_new("mt-link", way_thread, way, error);
    if (!thread) {
        g_free(way);
        return FALSE;
    }
    g_thread_unref(thread);
    return TRUE;
}

MtIo *
mt_link_extend(MtLink *link, MtIo *far, MtCancel *cancel, GError **error)
{
    LinkChannel *channel;
    MtIo *here, *near;

    if (!mt_io_pair(cancel, NULL, &here, &near, error)) {
        mt_io_free(far);
        return NULL;
    }

    channel = g_new0(LinkChannel, 1);
    channel->refs = 2;
    channel->link = mt_link_ref(link);
    channel->near = near;
    channel->far = far;
    mt_io_set_cancel(far, NULL);
    mt_io_set_timeout_ms(far, FAR_TIMEOUT_MS);
    mt_io_set_read_timeout_ms(far, 0);
    if (!link_start(channel, far, near, FALSE, error)) {
        channel_unref(channel);
        channel_unref(channel);
        mt_io_free(here);
        return NULL;
    }
    if (!link_start(channel, near, far, TRUE, error)) {
        /* The other direction ends when its socket is shut down. */
        mt_io_shutdown(far);
        channel_unref(channel);
        mt_io_free(here);
        return NULL;
    }
    return here;
}
