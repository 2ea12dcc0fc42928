/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A range of RAM, written to a file: see sink.h.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "inspect/sink.h"
#include "migtune/migtune-error.h"

#define SINK_MAX_PAGE 65536

gboolean
mt_sink_wants(const MtSink *sink, const char *block, guint64 offset)
{
    return sink && offset >= sink->start && offset < sink->end &&
           strcmp(sink->block, block) == 0;
}

gboolean
mt_sink_write(MtSink *sink, guint64 offset, const guint8 *page, gsize len,
              GError **error)
{
    gsize done = 0;

    len = MIN(len, sink->end - offset);
    while (done < len) {
        gssize n = pwrite(sink->fd, page + done, len - done,
                          offset - sink->start + done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            migtune_error_set(error, MIGTUNE_ERROR_IO,
                              "cannot write the extracted RAM: %s",
                              n < 0 ? g_strerror(errno) : "no progress");
            return FALSE;
        }
        done += n;
    }

    sink->pages++;
    return TRUE;
}

gboolean
mt_sink_read(MtSink *sink, guint64 offset, guint8 *page, gsize len,
             GError **error)
{
    gsize done = 0;

    memset(page, 0, len);
    while (done < len) {
        gssize n = pread(sink->fd, page + done, len - done,
                         offset - sink->start + done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            migtune_error_set(error, MIGTUNE_ERROR_IO,
                              "cannot read the extracted RAM: %s",
                              g_strerror(errno));
            return FALSE;
        }
        if (n == 0)
            break;
        done += n;
    }

    return TRUE;
}

gboolean
mt_sink_fill(MtSink *sink, guint64 offset, guint8 fill, gsize len,
             GError **error)
{
    guint8 page[SINK_MAX_PAGE];
    guint8 now[SINK_MAX_PAGE];

    g_assert(len <= SINK_MAX_PAGE);

    /* A page of zeros that is a hole stays one. */
    memset(page, fill, len);
    if (!mt_sink_read(sink, offset, now, len, error))
        return FALSE;
    if (memcmp(page, now, len) == 0) {
        sink->pages++;
        return TRUE;
    }

    return mt_sink_write(sink, offset, page, len, error);
}
