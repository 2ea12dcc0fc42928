/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Uncompressed pages of the main channel, several with one system call.
 *
 * Each page follows a record of 8 bytes, so a page can be read directly to its
 * address only once its record was read.  In the first pass, the next record
 * usually announces the next page.  So this code guesses and reads ahead: the
 * rest of the page, 8 bytes, the following page, 8 bytes, and so on.  Then it
 * checks the records.  If a record differs from the guess, the bytes after it are
 * copied from guest RAM to the buffer and processed from there.
 *
 * Two rules limit these copies.  The memory areas of a guest often begin and end
 * at multiples of several pages, so guesses end there, too.  And guesses need
 * credit: a page in order adds 1, a copied page costs COPY_COST, so at most one
 * page in COPY_COST is copied, whatever the stream is.  Without guesses a
 * migration takes 25 % longer; larger groups are not measurably faster.
 *
 * Reading ahead may overwrite only pages for which no data was received: such a
 * page is zero and is cleared again after a wrong guess.  Multifd channels and
 * inflating threads write pages at any time; with them nothing is read ahead.
 */
#include "config.h"

#include <string.h>

#include "engine/dest/dest-private.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

/* The number of pages in a group: a known one and those read ahead. */
#define RUN_GROUP 4
#define RUN_MAX (RUN_GROUP - 1)

/* The cost of a copied page.  A page in order adds 1, up to
 * MT_DEST_CREDIT_MAX. */
#define COPY_COST 16

/* Bytes read after the pages, for the next record. */
#define RUN_TAIL 64

#define RUN_PIECE (8 + MT_PAGE_SIZE)

typedef struct {
    MtDest *dest;
    guint64 offset;             /* of the known page */
    guint8 *page;
    gsize have;                 /* bytes of it already read */
    guint n;                    /* guessed pages after it */
    guint8 records[RUN_MAX][8];
    struct iovec iov[2 * RUN_MAX + 2];
} Run;

/* How many pages after the known one may be guessed. */
static guint
run_guess(const MtDest *dest, guint64 offset)
{
    const MtRamBlock *block = dest->block;
    guint64 index = mt_ram_block_index(block, offset);
    guint64 left = ((block->used_length - offset) >> MT_PAGE_SHIFT) - 1;
    guint max = MIN(RUN_MAX - (offset >> MT_PAGE_SHIFT) % RUN_GROUP, left);
    guint n = 0;

    if (dest->credit < RUN_MAX * COPY_COST)
        return 0;
    while (n < max && !mt_bitmap_test(dest->pages->received, index + 1 + n))
        n++;
    return n;
}

/* Page @index was received. */
static void
run_earn(MtDest *dest, guint64 index)
{
    if (index == dest->next_page && dest->credit < MT_DEST_CREDIT_MAX)
        dest->credit++;
    dest->next_page = index + 1;
}

static guint
run_compose(Run *run)
{
    struct iovec *iov = run->iov;
    MtStreamIn *in = &run->dest->in;

    *iov++ = (struct iovec) {
        run->page + run->have, MT_PAGE_SIZE - run->have
    };
    for (guint i = 0; i < run->n; i++) {
        *iov++ = (struct iovec) { run->records[i], 8 };
        *iov++ = (struct iovec) {
            run->page + (i + 1) * MT_PAGE_SIZE, MT_PAGE_SIZE
        };
    }
    *iov++ = (struct iovec) { in->buf, RUN_TAIL };
    return iov - run->iov;
}

/* Reads until the known page is complete.  *@ret_extra: bytes read after it. */
static gboolean
run_read(Run *run, gsize *ret_extra, GError **error)
{
    gsize rest = MT_PAGE_SIZE - run->have;
    MtStreamIn *in = &run->dest->in;
    guint n_iov = run_compose(run);
    gsize got = 0;

    while (got < rest) {
        gssize n = mt_io_read_some(in->io, run->iov, n_iov, error);

        if (n < 0)
            return FALSE;
        if (n == 0) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "the stream ends at offset %" G_GUINT64_FORMAT
                              " inside a page", in->offset + got);
            return FALSE;
        }
        got += n;
        /* Either the first piece is not full, or the loop ends. */
        run->iov[0].iov_base = (guint8 *)run->iov[0].iov_base + n;
        run->iov[0].iov_len -= MIN((gsize)n, run->iov[0].iov_len);
    }

    in->offset += got;
    *ret_extra = got - rest;
    return TRUE;
}

/*
 * The guess was wrong from record @i on: moves the @extra bytes to the buffer and
 * clears their pages.
 */
static void
run_take_back(Run *run, guint i, gsize extra)
{
    MtStreamIn *in = &run->dest->in;
    gsize in_pages = (gsize)(run->n - i) * RUN_PIECE;
    gsize tail = extra > in_pages ? extra - in_pages : 0;
    guint8 *to = in->buf;

    memmove(in->buf + extra - tail, in->buf, tail);
    in->pos = 0;
    in->end = extra;
    in->offset -= extra;
    extra -= tail;
    for (; extra; i++) {
        guint8 *page = run->page + (i + 1) * MT_PAGE_SIZE;
        gsize of_record = MIN(extra, 8);
        gsize of_page = MIN(extra - of_record, MT_PAGE_SIZE);

        memcpy(to, run->records[i], of_record);
        memcpy(to + of_record, page, of_page);
        memset(page, 0, of_page);
        run->dest->credit -= of_page ? COPY_COST : 0;
        to += of_record + of_page;
        extra -= of_record + of_page;
    }
}

/* Checks the records after the known page.  TRUE: @run is now a page of which a
 * part must still be read. */
static gboolean
run_check(Run *run, gsize extra)
{
    MtDest *dest = run->dest;
    guint64 index = mt_ram_block_index(dest->block, run->offset);

    for (guint i = 0; i < run->n && extra; i++) {
        guint64 offset = run->offset + (i + 1) * MT_PAGE_SIZE;

        if (extra < 8 ||
            mt_get_be64(run->records[i]) !=
            (offset | MT_RECORD_PAGE | MT_RECORD_CONTINUE)) {
            run_take_back(run, i, extra);
            return FALSE;
        }

        mt_bitmap_set(dest->pages->received, index + 1 + i);
        mt_bitmap_set(dest->pages->filled, index + 1 + i);
        run_earn(dest, index + 1 + i);
        mt_count(dest->counters->normal, 1);
        extra -= 8;
        if (extra < MT_PAGE_SIZE) {
            run->offset = offset;
            run->page += (i + 1) * MT_PAGE_SIZE;
            run->have = extra;
            return TRUE;
        }
        extra -= MT_PAGE_SIZE;
    }

    /* All guesses were right; the rest is already in the buffer. */
    dest->in.pos = 0;
    dest->in.end = extra;
    dest->in.offset -= extra;
    return FALSE;
}

gboolean
mt_dest_page_run(MtDest *dest, guint64 offset, guint8 *page, GError **error)
{
    MtStreamIn *in = &dest->in;
    gsize buffered = in->end - in->pos;
    Run run = { .dest = dest, .offset = offset, .page = page };
    gsize extra;

    if (buffered > MT_STREAM_IN_FIRST)
        dest->copied++;
    if (buffered >= MT_PAGE_SIZE || dest->channels || dest->decoder)
        return mt_stream_in_read(in, page, MT_PAGE_SIZE, error);

    run_earn(dest, mt_ram_block_index(dest->block, offset));
    memcpy(page, in->buf + in->pos, buffered);
    run.have = buffered;
    in->offset += in->end;
    in->pos = in->end = 0;
    do {
        run.n = run_guess(dest, run.offset);
        if (!run_read(&run, &extra, error))
            return FALSE;
    } while (run_check(&run, extra));

    mt_stream_in_expect_page(in);
    return TRUE;
}
