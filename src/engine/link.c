/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A link with a speed and a length.
 *
 * Each direction of a channel is a thread that reads, remembers when what it
 * read is due, and writes it then.  The speed is one clock that all channels
 * push forward: a piece leaves when those before it have left.  What is under
 * way is limited to what such a link holds, so that whoever writes feels the
 * speed, too.
 */
#include "config.h"

#include <poll.h>

#include "engine/link.h"
#include "util/clock.h"

#define PIECE_BYTES (64 * 1024)

/* What is in the link beyond speed times length, and without a speed. */
#define SLACK_BYTES (2 * PIECE_BYTES)
#define FAST_BYTES (16 * 1024 * 1024)

/* How long the far end may take nothing, and may stay once this one went. */
#define FAR_TIMEOUT_MS 30000

/* Between two looks whether it went. */
#define LOOK_NS MT_NS_PER_S

struct MtLink {
    int refs;
    guint64 bytes_per_s;
    gint64 latency_ns;
    guint64 room;               /* bytes under way in one channel */

    GMutex lock;
    gint64 free_ns;             /* when the last piece has left */
};

/* Both directions have one; freed by the last. */
typedef struct {
    int refs;
    MtLink *link;
    MtIo *near;
    MtIo *far;
    gint64 gone_ns;             /* when the near end went; atomic */
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

/* When @bytes that are given now arrive. */
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

/* Sleeps until something can be read (if @fd is one), @due_ns (0: nothing is
 * due), or it is time for a look around. */
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

/* Nobody reads at the near end any more, and the far one does not notice. */
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

    /* The other side learns that nothing more comes; this one, if it was the
     * other that broke. */
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

static void
link_start(LinkChannel *channel, MtIo *from, MtIo *to, gboolean limited)
{
    LinkWay *way = g_new0(LinkWay, 1);

    way->channel = channel;
    way->from = from;
    way->to = to;
    way->limited = limited;
    g_thread_unref(g_thread_new("mt-link", way_thread, way));
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
    link_start(channel, near, far, TRUE);
    link_start(channel, far, near, FALSE);
    return here;
}
