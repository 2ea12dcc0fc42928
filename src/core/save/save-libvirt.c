/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saving and restoring guests of libvirt.
 *
 * Only libvirt may save its guests, and it compresses with one thread at most.
 * So a save has two steps: libvirt writes its save image next to the wanted
 * file, and several threads convert it into a libvirt image of format zstd that
 * is a save file, too.  The header, with the domain's XML, is kept to the byte.
 *
 * A libvirt that does not know the format of an image is given an uncompressed
 * copy.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/save/image.h"
#include "image/convert.h"
#include "util/i18n.h"
#include "util/json-peek.h"

static void
save_on_progress(guint64 done, gpointer data)
{
    mt_image_progress(done, data);
}

/* A file next to @path that does not exist. */
static char *
save_temporary(const char *path)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);

    return g_strdup_printf("%s.libvirt-%d", absolute, (int)getpid());
}

/* The limit of the downtime, from libvirt; 0 if it is not known. */
static gint64
save_downtime(MigtuneDomain *domain)
{
    g_autoptr(JsonNode) result = mt_exec_one(
        &domain->look, "query-migrate-parameters", NULL, NULL, NULL);
    gint64 downtime_ms = 0;

    if (result && JSON_NODE_HOLDS_OBJECT(result))
        mt_json_peek_int(json_node_get_object(result), "downtime-limit",
                         &downtime_ms);

    return downtime_ms;
}

static gboolean
save_convert(const char *from, const char *to, const char *format,
             const MtImageOptions *o, MtCancel *cancel,
             MtImageProgress *progress, MtConvertResult *result,
             GError **error)
{
    const MtConvertSettings settings = {
        .format = format,
        .n_threads = o->threads,
        .level = o->level,
        .chunk_bytes = o->chunk_bytes,
        .direct = o->direct,
        .cancel = cancel,
        .progress = save_on_progress,
        .progress_data = progress,
    };

    return mt_convert(from, to, &settings, result, error);
}

static JsonNode *
save_to_json(const MigtuneDomain *domain, const char *path,
             const MtConvertResult *result, gint64 downtime_ms,
             gint64 begin_us)
{
    double seconds = (g_get_monotonic_time() - begin_us) / 1e6;
    double bandwidth = result->totals.stream_bytes / MAX(seconds, 1e-3);
    JsonObject *object = json_object_new();
    const struct {
        const char *name;
        guint64 value;
    } numbers[] = {
        { "stream_bytes", result->totals.stream_bytes },
        { "file_bytes", result->file_bytes },
        { "ram_bytes", result->totals.ram_bytes },
        { "pages", result->totals.n_pages },
        { "zero_pages", result->totals.n_zero },
        { "device_bytes", result->totals.devices_bytes },
        { "chunks", result->totals.n_chunks },
        { "bandwidth", bandwidth },
        { "downtime_ms", downtime_ms },
        { "device_budget_bytes", bandwidth * downtime_ms / 1000 },
    };

    json_object_set_string_member(object, "domain", domain->name);
    json_object_set_string_member(object, "path", path);
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        json_object_set_member(object, numbers[i].name,
                               mt_json_node_new_uint64(numbers[i].value));
    json_object_set_double_member(object, "seconds", seconds);

    return mt_json_node_new_object(object);
}

JsonNode *
mt_save_by_libvirt(MigtuneDomain *domain, const char *path,
                   const MtImageOptions *o, MtCancel *cancel,
                   MtImageProgress *progress, GError **error)
{
    gint64 begin_us = g_get_monotonic_time();
    g_autofree char *temporary = save_temporary(path);
    g_autoptr(GError) failure = NULL;
    MtConvertResult result = { NULL };
    gint64 downtime_ms;
    JsonNode *node;

    if (o->live || strcmp(path, "-") == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s: libvirt stops a guest while it saves it, and "
                            "writes only into a file"), domain->name);
        return NULL;
    }
    if (!mt_domain_check_running(domain, error))
        return NULL;

    downtime_ms = save_downtime(domain);
    if (!domain->conn->driver->save(domain->handle, temporary,
                                    domain->cancellable, error))
        return NULL;
    if (!save_convert(temporary, path, "libvirt-zstd", o, cancel, progress,
                      &result, &failure)) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("%s is saved in %s, which 'virsh restore' can "
                            "restore, but was not converted: %s"),
                          domain->name, temporary, failure->message);
        return NULL;
    }
    g_unlink(temporary);
    node = save_to_json(domain, path, &result, downtime_ms, begin_us);
    mt_convert_result_clear(&result);

    return node;
}

/* Whether an uncompressed copy may help after @failure. */
static gboolean
restore_may_be_unknown_format(const MtFileKind *kind, const GError *failure)
{
    static const MigtuneErrorCode others[] = {
        MIGTUNE_ERROR_CANCELLED, MIGTUNE_ERROR_TIMEOUT,
        MIGTUNE_ERROR_DISCONNECTED, MIGTUNE_ERROR_CONFLICT,
        MIGTUNE_ERROR_CONNECT,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        if (g_error_matches(failure, MIGTUNE_ERROR, others[i]))
            return FALSE;
    }

    return kind->format != MT_FORMAT_STREAM;
}

static gboolean
restore_uncompressed(MigtuneDomain *domain, const char *path,
                     const MtImageOptions *o, MtCancel *cancel,
                     MtImageProgress *progress, GError **error)
{
    g_autofree char *temporary = save_temporary(path);
    MtConvertResult result = { NULL };
    gboolean ok;

    if (!save_convert(path, temporary, "libvirt-raw", o, cancel, progress,
                      &result, error))
        return FALSE;
    mt_convert_result_clear(&result);
    ok = domain->conn->driver->restore(domain->handle, temporary,
                                       domain->cancellable, error);
    g_unlink(temporary);

    return ok;
}

gboolean
mt_restore_by_libvirt(MigtuneDomain *domain, const char *path,
                      const MtFileKind *kind, const MtImageOptions *o,
                      MtCancel *cancel, MtImageProgress *progress,
                      GError **error)
{
    g_autofree char *absolute = g_canonicalize_filename(path, NULL);
    g_autoptr(GError) failure = NULL;

    if (!kind->libvirt) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("%s is not a libvirt save image, which a guest of "
                            "libvirt is restored from"), path);
        return FALSE;
    }
    if (domain->conn->driver->restore(domain->handle, absolute,
                                      domain->cancellable, &failure))
        return TRUE;
    if (restore_may_be_unknown_format(kind, failure))
        return restore_uncompressed(domain, absolute, o, cancel, progress,
                                    error);

    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}
