/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a save file: see writer.h.
 *
 * The caller reads the stream straight into the buffer of a slot.  A walker
 * finds out where the records in it end.  When the buffer is full it is cut at
 * the last record that is complete; what comes after that, less than one
 * record, moves to the next buffer.
 */
#include "config.h"

#include <string.h>
#include <zstd.h>

#include "image/extents.h"
#include "image/pipeline.h"
#include "image/writer.h"
#include "migtune/migtune-error.h"

/* Device state that is checked for completeness; more is not. */
#define WRITER_MAX_DEVICES (8 * 1024 * 1024)

typedef struct {
    MtImageChunk chunk;
    guint8 *in;             /* chunk_bytes */
    guint8 *out;
    gsize out_bytes;
} Slot;

struct MtImageWriter {
    MtImageWriterSettings settings;
    MtOutput *output;
    MtWalk *walk;
    gsize header_bytes;
    gsize libvirt_frame_bytes;
    guint64 base;           /* of the first frame in the output */

    guint n_slots;
    Slot *slots;
    ZSTD_CCtx **contexts;   /* one a thread */
    MtPipeline *pipeline;

    /* Of the caller's thread. */
    Slot *slot;             /* being filled */
    gsize n_in;             /* bytes in it */
    guint32 sequence;
    gboolean finished;
    MtImageTotals totals;

    /* Of the thread that drains. */
    MtImageContents *contents;

    gint n_chunks;          /* atomic: written */
    guint64 file_bytes;     /* atomic */
};

static gboolean
writer_compress(gpointer data, guint thread, gpointer user_data,
                GError **error)
{
    MtImageWriter *w = user_data;
    Slot *slot = data;
    gsize bound = ZSTD_compressBound(w->settings.chunk_bytes);
    gsize n = ZSTD_compress2(w->contexts[thread], slot->out, bound, slot->in,
                             slot->chunk.stream_bytes);

    if (ZSTD_isError(n)) {
        migtune_error_set(error, MIGTUNE_ERROR_INTERNAL,
                          "zstd cannot compress chunk %u: %s",
                          slot->chunk.sequence, ZSTD_getErrorName(n));
        return FALSE;
    }

    slot->out_bytes = n;
    slot->chunk.stored = n;
    slot->chunk.checksum = mt_get_le32(slot->out + n - 4);
    return TRUE;
}

static gboolean
writer_put(MtImageWriter *w, GByteArray *frame, GError **error)
{
    return mt_output_write(w->output, frame->data, frame->len, error);
}

static gboolean
writer_drain(gpointer data, gpointer user_data, GError **error)
{
    MtImageWriter *w = user_data;
    Slot *slot = data;
    g_autoptr(GByteArray) head = mt_image_put_chunk(&slot->chunk);
    guint64 offset = mt_output_get_bytes(w->output) - w->base;

    if (!writer_put(w, head, error) ||
        !mt_output_write(w->output, slot->out, slot->out_bytes, error))
        return FALSE;

    mt_image_contents_add(w->contents, offset, head->len, &slot->chunk);
    g_atomic_int_inc(&w->n_chunks);
    __atomic_store_n(&w->file_bytes, mt_output_get_bytes(w->output),
                     __ATOMIC_RELAXED);
    return TRUE;
}

static void
writer_failed(gpointer user_data)
{
    MtImageWriter *w = user_data;

    if (w->settings.failed)
        w->settings.failed(w->settings.failed_data);
}

static gboolean
writer_event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    MtImageWriter *w = user_data;

    if (event->kind == MT_WALK_BLOCK) {
        const MtWalkBlock *block = mt_walk_get_block(w->walk, event->block);

        if (block->is_mapped) {
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              "the stream is a mapped-ram file, which is "
                              "converted from a regular file only");
            return FALSE;
        }
        g_array_append_vals(w->contents->blocks, block, 1);
        w->totals.ram_bytes += block->used_bytes;
    } else if (mt_image_chunk_add_page(&w->slot->chunk, w->walk, event)) {
        if (event->record == MT_RECORD_ZERO)
            w->totals.n_zero++;
        else
            w->totals.n_pages++;
    }

    return TRUE;
}

static gboolean
writer_put_headers(MtImageWriter *w, GError **error)
{
    const MtImageFileHeader header = {
        .chunk_bytes = w->settings.chunk_bytes,
        .level = w->settings.level,
        .properties = (char *)w->settings.properties,
    };
    g_autoptr(GByteArray) frame = mt_image_put_file_header(&header);
    g_autoptr(GByteArray) libvirt = NULL;

    w->base = mt_output_get_bytes(w->output);
    w->header_bytes = frame->len;
    if (!writer_put(w, frame, error))
        return FALSE;
    if (!w->settings.libvirt)
        return TRUE;

    libvirt = mt_image_put_libvirt(w->settings.libvirt,
                                   w->settings.libvirt_bytes);
    w->libvirt_frame_bytes = libvirt->len;
    return writer_put(w, libvirt, error);
}

static gboolean
writer_make_contexts(MtImageWriter *w, GError **error)
{
    w->contexts = g_new0(ZSTD_CCtx *, w->settings.n_threads + 1);
    for (guint i = 0; i < w->settings.n_threads; i++) {
        ZSTD_CCtx *c = ZSTD_createCCtx();
        gsize r;

        w->contexts[i] = c;
        if (!c) {
            migtune_error_set(error, MIGTUNE_ERROR_IO, "no memory for zstd");
            return FALSE;
        }
        r = ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel,
                                   w->settings.level);
        if (ZSTD_isError(r) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1))) {
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                              "zstd does not accept level %d",
                              w->settings.level);
            return FALSE;
        }
    }

    return TRUE;
}

/* What does not change while the buffer is filled. */
static void
writer_start_slot(MtImageWriter *w)
{
    MtImageChunk *chunk = &w->slot->chunk;

    memset(chunk, 0, G_STRUCT_OFFSET(MtImageChunk, extents));
    chunk->sequence = w->sequence++;
    chunk->stream_offset = mt_walk_get_boundary(w->walk, &chunk->state);
}

MtImageWriter *
mt_image_writer_new(const MtImageWriterSettings *settings, MtOutput *output,
                    GError **error)
{
    g_autoptr(MtImageWriter) w = g_new0(MtImageWriter, 1);
    const MtWalkSettings walk = {
        .func = writer_event, .user_data = w,
        .max_device_bytes = WRITER_MAX_DEVICES,
    };
    const MtPipelineFuncs funcs = {
        writer_compress, writer_drain, writer_failed
    };
    g_autofree gpointer *slots = NULL;

    g_assert(settings->n_threads >= 1 &&
             settings->n_threads <= MT_IMAGE_MAX_THREADS);
    g_assert(settings->chunk_bytes >= MT_IMAGE_MIN_CHUNK &&
             settings->chunk_bytes <= MT_IMAGE_MAX_CHUNK);

    w->settings = *settings;
    w->output = output;
    w->walk = mt_walk_new(&walk);
    w->contents = mt_image_contents_new();
    if (!writer_make_contexts(w, error) || !writer_put_headers(w, error))
        return NULL;

    w->n_slots = settings->n_threads + 1;
    w->slots = g_new0(Slot, w->n_slots);
    slots = g_new0(gpointer, w->n_slots);
    for (guint i = 0; i < w->n_slots; i++) {
        w->slots[i].in = g_malloc(settings->chunk_bytes);
        w->slots[i].out = g_malloc(ZSTD_compressBound(settings->chunk_bytes));
        slots[i] = &w->slots[i];
    }
    w->pipeline = mt_pipeline_new(settings->n_threads, slots, w->n_slots,
                                  &funcs, w);
    w->slot = mt_pipeline_get(w->pipeline, error);
    if (!w->slot)
        return NULL;
    writer_start_slot(w);

    return g_steal_pointer(&w);
}

void
mt_image_writer_free(MtImageWriter *w)
{
    if (!w)
        return;

    mt_pipeline_free(w->pipeline);
    for (guint i = 0; w->slots && i < w->n_slots; i++) {
        g_free(w->slots[i].in);
        g_free(w->slots[i].out);
    }
    for (guint i = 0; w->contexts && i < w->settings.n_threads; i++)
        ZSTD_freeCCtx(w->contexts[i]);
    g_free(w->slots);
    g_free(w->contexts);
    mt_walk_free(w->walk);
    mt_image_contents_free(w->contents);
    g_free(w);
}

guint8 *
mt_image_writer_room(MtImageWriter *w, gsize *ret_len, GError **error)
{
    g_assert(!w->finished);

    *ret_len = w->settings.chunk_bytes - w->n_in;
    return w->slot->in + w->n_in;
}

/* Gives the full buffer away and moves what is incomplete to the next one. */
static gboolean
writer_cut(MtImageWriter *w, GError **error)
{
    Slot *full = w->slot;
    MtImageChunk *chunk = &full->chunk;
    MtWalkState state;
    guint64 boundary = mt_walk_get_boundary(w->walk, &state);
    gsize whole = boundary - chunk->stream_offset;
    gsize rest = w->n_in - whole;

    if (!whole || state.place == MT_WALK_AT_BLOCKS) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "the list of RAM blocks does not fit into a chunk "
                          "of %u bytes", w->settings.chunk_bytes);
        return FALSE;
    }
    w->slot = mt_pipeline_get(w->pipeline, error);
    if (!w->slot)
        return FALSE;

    memcpy(w->slot->in, full->in + whole, rest);
    chunk->stream_bytes = whole;
    mt_pipeline_put(w->pipeline, full);
    w->n_in = rest;
    writer_start_slot(w);
    return TRUE;
}

gboolean
mt_image_writer_commit(MtImageWriter *w, gsize len, GError **error)
{
    if (!mt_walk_feed(w->walk, w->slot->in + w->n_in, len, error))
        return FALSE;

    w->n_in += len;
    w->totals.stream_bytes += len;
    return w->n_in < w->settings.chunk_bytes || writer_cut(w, error);
}

gboolean
mt_image_writer_write(MtImageWriter *w, const guint8 *data, gsize len,
                      GError **error)
{
    while (len) {
        gsize room;
        guint8 *to = mt_image_writer_room(w, &room, error);
        gsize n = MIN(room, len);

        if (!to)
            return FALSE;
        memcpy(to, data, n);
        if (!mt_image_writer_commit(w, n, error))
            return FALSE;
        data += n;
        len -= n;
    }

    return TRUE;
}

static gboolean
writer_put_tables(MtImageWriter *w, GError **error)
{
    g_autoptr(GByteArray) contents = NULL;
    g_autoptr(GByteArray) seek = NULL;

    w->contents->stream_bytes = w->totals.stream_bytes;
    w->contents->devices_offset = mt_walk_get_devices_offset(w->walk);
    w->contents->devices_bytes = mt_walk_get_devices_bytes(w->walk);
    w->contents->machine = g_strdup(mt_walk_get_machine(w->walk));
    contents = mt_image_put_contents(w->contents);
    seek = mt_image_put_seek_table(w->contents, w->header_bytes,
                                   w->libvirt_frame_bytes, contents->len);
    if (!writer_put(w, contents, error) || !writer_put(w, seek, error))
        return FALSE;

    __atomic_store_n(&w->file_bytes, mt_output_get_bytes(w->output),
                     __ATOMIC_RELAXED);
    return TRUE;
}

gboolean
mt_image_writer_finish(MtImageWriter *w, GError **error)
{
    MtImageChunk *chunk = &w->slot->chunk;

    g_assert(!w->finished);

    w->finished = TRUE;
    if (!mt_walk_finish(w->walk, error))
        return FALSE;
    chunk->stream_bytes = w->n_in;
    chunk->flags |= MT_IMAGE_CHUNK_LAST;
    mt_pipeline_put(w->pipeline, w->slot);
    w->slot = NULL;

    return mt_pipeline_finish(w->pipeline, error) &&
           writer_put_tables(w, error);
}

gboolean
mt_image_writer_get_error(MtImageWriter *w, GError **error)
{
    return mt_pipeline_has_failed(w->pipeline, error);
}

void
mt_image_writer_get_totals(MtImageWriter *w, MtImageTotals *ret_totals)
{
    *ret_totals = w->totals;
    ret_totals->devices_bytes = mt_walk_get_devices_bytes(w->walk);
    ret_totals->n_chunks = g_atomic_int_get(&w->n_chunks);
    ret_totals->file_bytes = __atomic_load_n(&w->file_bytes, __ATOMIC_RELAXED);
}

char *
mt_image_writer_dup_run_state(MtImageWriter *w)
{
    MtDevices *devices = mt_walk_get_devices(w->walk);
    g_autoptr(GBytes) sections = NULL;

    if (!devices || !w->finished)
        return NULL;

    sections = mt_devices_get_sections(devices);
    return mt_devices_dup_run_state(sections);
}
