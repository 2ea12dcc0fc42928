/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files with the state of a guest, without the guest: the public functions.
 */
#include "config.h"

#include <string.h>

#include "core/save/image.h"
#include "image/convert.h"
#include "image/extents.h"
#include "image/extract.h"
#include "util/i18n.h"
#include "util/json-peek.h"

#define IMAGE_LEVEL 1
#define IMAGE_PROGRESS_US 100000

void
mt_image_options_clear(MtImageOptions *options)
{
    g_clear_pointer(&options->format, g_free);
}

static const struct {
    const char *name;
    guint bit;
    const char *type;
} image_options[] = {
    { "threads", MT_OPTION_THREADS, "u" },
    { "level", MT_OPTION_LEVEL, "i" },
    { "chunk-size", MT_OPTION_CHUNK_SIZE, "u" },
    { "direct-io", MT_OPTION_DIRECT_IO, "b" },
    { "format", MT_OPTION_FORMAT, "s" },
    { "live", MT_OPTION_LIVE, "b" },
};

static gboolean
options_take(MtImageOptions *o, const char *key, GVariant *value,
             guint allowed, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(image_options); i++) {
        if (strcmp(image_options[i].name, key) != 0 ||
            !(image_options[i].bit & allowed))
            continue;
        if (!g_variant_is_of_type(value,
                                  G_VARIANT_TYPE(image_options[i].type))) {
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                              "option '%s' has type '%s', expected '%s'", key,
                              g_variant_get_type_string(value),
                              image_options[i].type);
            return FALSE;
        }
        switch (image_options[i].bit) {
        case MT_OPTION_THREADS:
            o->threads = g_variant_get_uint32(value);
            break;
        case MT_OPTION_LEVEL:
            o->level = g_variant_get_int32(value);
            break;
        case MT_OPTION_CHUNK_SIZE:
            o->chunk_bytes = g_variant_get_uint32(value);
            break;
        case MT_OPTION_DIRECT_IO:
            o->direct = g_variant_get_boolean(value);
            break;
        case MT_OPTION_FORMAT:
            g_free(o->format);
            o->format = g_variant_dup_string(value, NULL);
            break;
        case MT_OPTION_LIVE:
            o->live = g_variant_get_boolean(value);
            break;
        }
        return TRUE;
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      "option '%s' is not known here", key);

    return FALSE;
}

static gboolean
options_check(const MtImageOptions *o, GError **error)
{
    if (o->threads < 1 || o->threads > MT_IMAGE_MAX_THREADS) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("%u threads are not possible, expected 1 to %d"),
                          o->threads, MT_IMAGE_MAX_THREADS);
        return FALSE;
    }
    if (o->level < -50 || o->level > 19) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("level %d is not possible, expected -50 to 19"),
                          o->level);
        return FALSE;
    }
    if (o->chunk_bytes < MT_IMAGE_MIN_CHUNK ||
        o->chunk_bytes > MT_IMAGE_MAX_CHUNK) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("chunks of %u bytes are not possible, expected "
                            "%d to %d"), o->chunk_bytes, MT_IMAGE_MIN_CHUNK,
                          MT_IMAGE_MAX_CHUNK);
        return FALSE;
    }

    return TRUE;
}

gboolean
mt_image_options_parse(GVariant *options, guint allowed,
                       MtImageOptions *ret_options, GError **error)
{
    g_auto(MtImageOptions) o = {
        .threads = CLAMP(g_get_num_processors(), 1, MT_IMAGE_MAX_THREADS),
        .level = IMAGE_LEVEL, .chunk_bytes = MT_IMAGE_DEFAULT_CHUNK,
    };
    g_autoptr(GVariant) taken = options ? g_variant_ref_sink(options) : NULL;
    GVariantIter iter;
    const char *key;
    GVariant *value;

    if (taken && !g_variant_is_of_type(taken, G_VARIANT_TYPE_VARDICT)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "options have type '%s', expected 'a{sv}'",
                          g_variant_get_type_string(taken));
        return FALSE;
    }
    if (taken) {
        g_variant_iter_init(&iter, taken);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
            gboolean ok = options_take(&o, key, value, allowed, error);

            g_variant_unref(value);
            if (!ok)
                return FALSE;
        }
    }
    if (!options_check(&o, error))
        return FALSE;

    *ret_options = o;
    o.format = NULL;
    return TRUE;
}

static void
cancel_fire(GCancellable *cancellable, gpointer data)
{
    mt_cancel_fire(data);
}

void
mt_image_cancel_init(MtImageCancel *c, GCancellable *cancellable)
{
    c->cancel = mt_cancel_new();
    c->cancellable = cancellable;
    c->handler = cancellable ?
        g_cancellable_connect(cancellable, G_CALLBACK(cancel_fire),
                              mt_cancel_ref(c->cancel),
                              (GDestroyNotify)mt_cancel_unref) : 0;
}

void
mt_image_cancel_clear(MtImageCancel *c)
{
    if (c->handler)
        g_cancellable_disconnect(c->cancellable, c->handler);
    g_clear_pointer(&c->cancel, mt_cancel_unref);
}

void
mt_image_progress(guint64 done, MtImageProgress *progress)
{
    gint64 now = g_get_monotonic_time();

    if (!progress->func || now < progress->next_us)
        return;

    progress->next_us = now + IMAGE_PROGRESS_US;
    progress->func(done, progress->total, progress->user_data);
}

static void
progress_cb(guint64 done, gpointer data)
{
    mt_image_progress(done, data);
}

static char *
kind_text(const MtFileKind *kind)
{
    return kind->libvirt ?
        g_strdup_printf("libvirt-%s",
                        mt_libvirt_format_name(kind->header.format)) :
        g_strdup(mt_format_name(kind->format));
}

static void
set_number(JsonObject *object, const char *name, guint64 number)
{
    json_object_set_member(object, name, mt_json_node_new_uint64(number));
}

/* What libvirt's header says; its XML is not interpreted. */
static JsonObject *
libvirt_to_json(const guint8 *libvirt, const MtLibvirtHeader *header)
{
    JsonObject *object = json_object_new();
    const char *xml = (const char *)libvirt + MT_LIBVIRT_HEAD;
    g_autofree char *valid = g_utf8_make_valid(xml, -1);

    json_object_set_string_member(object, "format",
                                  mt_libvirt_format_name(header->format));
    json_object_set_boolean_member(object, "was_running",
                                   header->was_running);
    set_number(object, "data_bytes", header->data_len);
    set_number(object, "cookie_offset", header->cookie_offset);
    json_object_set_boolean_member(object, "swapped", header->swapped);
    json_object_set_string_member(object, "xml", valid);
    return object;
}

static JsonArray *
blocks_to_json(const MtWalkBlock *blocks, guint n)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < n; i++) {
        JsonObject *object = json_object_new();
        g_autofree char *valid = g_utf8_make_valid(blocks[i].name, -1);

        json_object_set_string_member(object, "name", valid);
        set_number(object, "bytes", blocks[i].used_bytes);
        json_array_add_object_element(array, object);
    }

    return array;
}

static void
save_file_to_json(const MtImage *image, JsonObject *object)
{
    g_autoptr(JsonNode) properties =
        json_from_string(image->header.properties, NULL);
    const MtImageContents *c = image->contents;

    set_number(object, "stream_bytes", c->stream_bytes);
    set_number(object, "device_bytes", c->devices_bytes);
    set_number(object, "n_chunks", c->entries->len);
    set_number(object, "chunk_bytes", image->header.chunk_bytes);
    json_object_set_int_member(object, "level", image->header.level);
    json_object_set_boolean_member(object, "table", image->has_table);
    mt_json_set_text(object, "machine", c->machine);
    json_object_set_array_member(
        object, "blocks", blocks_to_json((MtWalkBlock *)c->blocks->data,
                                         c->blocks->len));
    if (properties && JSON_NODE_HOLDS_OBJECT(properties))
        json_object_set_member(object, "properties",
                               g_steal_pointer(&properties));
}

/* The beginning of an ordinary or mapped stream. */
static gboolean
stream_to_json(MtInput *in, const MtFileKind *kind, JsonObject *object,
               GError **error)
{
    const MtWalkSettings settings = { .base = kind->base };
    g_autoptr(MtWalk) walk = mt_walk_new(&settings);
    const guint8 *data;
    gsize len;

    if (!mt_input_peek(in, MT_INPUT_PEEK, &data, &len, error) ||
        !mt_walk_feed(walk, data, len, error))
        return FALSE;

    json_object_set_string_member(object, "machine",
                                  mt_walk_get_machine(walk));
    json_object_set_array_member(
        object, "blocks", blocks_to_json(mt_walk_get_blocks(walk),
                                         mt_walk_get_n_blocks(walk)));
    return TRUE;
}

static gboolean
info_fill(MtInput *in, const MtFileKind *kind, JsonObject *object,
          GError **error)
{
    g_autoptr(MtImage) image = NULL;

    if (kind->libvirt)
        json_object_set_object_member(
            object, "libvirt", libvirt_to_json(kind->libvirt, &kind->header));
    switch (kind->format) {
    case MT_FORMAT_SAVE:
        if (!mt_input_is_seekable(in)) {
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              _("the tables of a save file can be read from "
                                "a regular file only"));
            return FALSE;
        }
        image = mt_image_open(in, error);
        if (!image)
            return FALSE;
        save_file_to_json(image, object);
        return TRUE;
    case MT_FORMAT_STREAM:
    case MT_FORMAT_MAPPED:
        return stream_to_json(in, kind, object, error);
    default:
        return TRUE;
    }
}

JsonNode *
migtune_image_get_info(const char *path, GCancellable *cancellable,
                       GError **error)
{
    g_auto(MtImageCancel) c = { NULL };
    g_autoptr(MtInput) in = NULL;
    g_autoptr(JsonObject) object = json_object_new();
    g_autofree char *format = NULL;
    MtFileKind kind;
    gboolean ok;

    MT_REQUIRE(path != NULL, NULL);

    mt_image_cancel_init(&c, cancellable);
    in = mt_input_open(path, FALSE, c.cancel, error);
    if (!in || !mt_file_kind_detect(in, &kind, error))
        return NULL;

    format = kind_text(&kind);
    json_object_set_string_member(object, "path", path);
    json_object_set_string_member(object, "format", format);
    set_number(object, "file_bytes", mt_input_get_size(in));
    ok = info_fill(in, &kind, object, error);
    mt_file_kind_clear(&kind);

    return ok ? mt_json_node_new_object(g_steal_pointer(&object)) : NULL;
}

/* A stream that is parsed and counted, and goes nowhere. */
typedef struct {
    MtWalk *walk;
    guint64 n_bytes;
    guint64 n_pages;
    guint64 n_zero;
    MtImageCheck check;
    MtImageProgress progress;
} Verify;

static gboolean
verify_event(const MtWalkEvent *event, gpointer user_data, GError **error)
{
    Verify *v = user_data;

    if (event->kind == MT_WALK_RECORD && event->record == MT_RECORD_ZERO)
        v->n_zero++;
    else if (event->kind == MT_WALK_RECORD && event->body)
        v->n_pages++;
    mt_image_check_event(&v->check, event);

    return TRUE;
}

static gboolean
verify_chunk(const MtImageChunk *chunk, gpointer user_data, GError **error)
{
    Verify *v = user_data;

    return mt_image_check_begin(&v->check, chunk, error);
}

static gboolean
verify_feed(const guint8 *data, gsize len, gpointer user_data, GError **error)
{
    Verify *v = user_data;

    v->n_bytes += len;
    mt_image_progress(v->n_bytes, &v->progress);
    return mt_walk_feed(v->walk, data, len, error);
}

static gboolean
verify_blocks(const MtWalk *walk, const GArray *blocks)
{
    if (blocks->len != mt_walk_get_n_blocks(walk))
        return FALSE;
    for (guint i = 0; i < blocks->len; i++) {
        const MtWalkBlock *a = &g_array_index(blocks, MtWalkBlock, i);
        const MtWalkBlock *b = mt_walk_get_block(walk, i);

        if (strcmp(a->name, b->name) != 0 || a->used_bytes != b->used_bytes)
            return FALSE;
    }

    return TRUE;
}

/* The reader has compared the chunks in the table with their headers. */
static gboolean
verify_table(const Verify *v, const MtImage *image, GError **error)
{
    const MtImageContents *table;

    if (!image || !image->has_table)
        return TRUE;

    table = image->contents;
    if (!verify_blocks(v->walk, table->blocks)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          _("the RAM blocks in the contents table are "
                            "not those of the stream"));
        return FALSE;
    }
    if (strcmp(table->machine, mt_walk_get_machine(v->walk)) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          _("the machine type in the contents table is '%s', "
                            "and in the stream '%s'"), table->machine,
                          mt_walk_get_machine(v->walk));
        return FALSE;
    }
    if (table->devices_offset != mt_walk_get_devices_offset(v->walk) ||
        table->devices_bytes != mt_walk_get_devices_bytes(v->walk)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          _("the device state has another offset or length "
                            "in the contents table than in the stream"));
        return FALSE;
    }

    return TRUE;
}

static void
fire_cancel(gpointer data)
{
    mt_cancel_fire(data);
}

JsonNode *
migtune_image_verify(const char *path, GVariant *options,
                     MigtuneImageFunc func, gpointer user_data,
                     GCancellable *cancellable, GError **error)
{
    Verify v = { .progress = { func, user_data } };
    const MtWalkSettings walk = {
        .func = verify_event, .user_data = &v,
        .max_device_bytes = 64 * 1024 * 1024,
    };
    MtSourceSettings source = {
        .sink = verify_feed, .chunk = verify_chunk, .user_data = &v,
        .failed = fire_cancel,
    };
    g_auto(MtImageOptions) o = { 0 };
    g_auto(MtImageCancel) c = { NULL };
    g_autoptr(MtInput) in = NULL;
    g_autoptr(MtImage) image = NULL;
    g_autofree char *format = NULL;
    JsonObject *object;
    MtFileKind kind;
    gboolean ok;

    MT_REQUIRE(path != NULL, NULL);

    if (!mt_image_options_parse(options, MT_OPTION_THREADS, &o, error))
        return NULL;
    mt_image_cancel_init(&c, cancellable);
    in = mt_input_open(path, FALSE, c.cancel, error);
    if (!in || !mt_file_kind_detect(in, &kind, error))
        return NULL;

    format = kind_text(&kind);
    source.n_threads = o.threads;
    source.failed_data = c.cancel;
    v.walk = mt_walk_new(&walk);
    v.check.walk = v.walk;
    ok = mt_source_run(in, path, &kind, &source, &image, error) &&
         mt_walk_finish(v.walk, error) && mt_image_check_end(&v.check, error) &&
         verify_table(&v, image, error);
    mt_file_kind_clear(&kind);
    if (!ok) {
        mt_walk_free(v.walk);
        return NULL;
    }

    object = json_object_new();
    json_object_set_string_member(object, "path", path);
    json_object_set_string_member(object, "format", format);
    set_number(object, "stream_bytes", v.n_bytes);
    set_number(object, "pages", v.n_pages);
    set_number(object, "zero_pages", v.n_zero);
    set_number(object, "device_bytes", mt_walk_get_devices_bytes(v.walk));
    if (kind.format == MT_FORMAT_SAVE)
        json_object_set_boolean_member(object, "table",
                                       image && image->has_table);
    mt_walk_free(v.walk);
    return mt_json_node_new_object(object);
}

JsonNode *
migtune_image_convert(const char *from, const char *to, GVariant *options,
                      MigtuneImageFunc func, gpointer user_data,
                      GCancellable *cancellable, GError **error)
{
    MtImageProgress progress = { func, user_data };
    MtConvertSettings settings = {
        .progress = progress_cb, .progress_data = &progress,
    };
    MtConvertResult result = { NULL };
    g_auto(MtImageOptions) o = { 0 };
    g_auto(MtImageCancel) c = { NULL };
    JsonObject *object;

    MT_REQUIRE(from != NULL && to != NULL, NULL);

    if (!mt_image_options_parse(options, MT_OPTION_THREADS | MT_OPTION_LEVEL |
                                MT_OPTION_CHUNK_SIZE | MT_OPTION_DIRECT_IO |
                                MT_OPTION_FORMAT, &o, error))
        return NULL;
    mt_image_cancel_init(&c, cancellable);
    settings.format = o.format;
    settings.n_threads = o.threads;
    settings.level = o.level;
    settings.chunk_bytes = o.chunk_bytes;
    settings.direct = o.direct;
    settings.cancel = c.cancel;
    if (!mt_convert(from, to, &settings, &result, error))
        return NULL;

    object = json_object_new();
    json_object_set_string_member(object, "from", result.from);
    json_object_set_string_member(object, "to", result.to);
    set_number(object, "stream_bytes", result.totals.stream_bytes);
    set_number(object, "file_bytes", result.file_bytes);
    mt_convert_result_clear(&result);
    return mt_json_node_new_object(object);
}

JsonNode *
migtune_image_extract(const char *from, const char *to, const char *block,
                      guint64 start, guint64 length,
                      GCancellable *cancellable, GError **error)
{
    g_auto(MtImageCancel) c = { NULL };
    g_autoptr(MtOutput) output = NULL;
    JsonObject *object;
    guint n_chunks;

    MT_REQUIRE(from != NULL && to != NULL && block != NULL, NULL);

    mt_image_cancel_init(&c, cancellable);
    output = mt_output_open(to, FALSE, c.cancel, error);
    if (!output ||
        !mt_image_extract(from, block, start, &length, output, c.cancel,
                          &n_chunks, error) ||
        !mt_output_finish(output, error))
        return NULL;

    object = json_object_new();
    json_object_set_string_member(object, "block", block);
    set_number(object, "start", start);
    set_number(object, "length", length);
    set_number(object, "chunks", n_chunks);
    return mt_json_node_new_object(object);
}
