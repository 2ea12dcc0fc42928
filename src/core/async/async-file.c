/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files with the state of a guest and recorded streams, without waiting; see
 * async.h.
 */
#include "config.h"

#include "core/async/async.h"

static GVariant *
take_options(GVariant *options)
{
    return options ? g_variant_ref_sink(options) : NULL;
}

MT_ASYNC_NO_OBJECT(migtune_image_get_info, JsonNode *, json_node_unref,
                   migtune_image_get_info(call->text, cancellable, error))

void
migtune_image_get_info_async(const char *path, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_image_get_info,
                                    .text = g_strdup(path) },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_image_verify, JsonNode *, json_node_unref,
                   migtune_image_verify(call->text, call->settings,
                                        mt_async_progress, (gpointer)call,
                                        cancellable, error))

void
migtune_image_verify_async(const char *path, GVariant *options,
                           MigtuneImageFunc func, gpointer func_data,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_image_verify,
                                    .text = g_strdup(path),
                                    .settings = take_options(options),
                                    .func = func,
                                    .func_data = func_data },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_image_convert, JsonNode *, json_node_unref,
                   migtune_image_convert(call->text, call->more[0],
                                         call->settings, mt_async_progress,
                                         (gpointer)call, cancellable, error))

void
migtune_image_convert_async(const char *from, const char *to, GVariant *options,
                            MigtuneImageFunc func, gpointer func_data,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_image_convert,
                                    .text = g_strdup(from),
                                    .more[0] = g_strdup(to),
                                    .settings = take_options(options),
                                    .func = func,
                                    .func_data = func_data },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_image_extract, JsonNode *, json_node_unref,
                   migtune_image_extract(call->text, call->more[0],
                                         call->more[1], call->start,
                                         call->length, cancellable, error))

void
migtune_image_extract_async(const char *from, const char *to, const char *block,
                            guint64 start, guint64 length,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_image_extract,
                                    .text = g_strdup(from),
                                    .more[0] = g_strdup(to),
                                    .more[1] = g_strdup(block),
                                    .start = start,
                                    .length = length },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_save, MigtuneDomain, JsonNode *,
                 json_node_unref,
                 migtune_domain_save(object, call->text, call->settings,
                                     mt_async_progress, (gpointer)call,
                                     cancellable, error))

void
migtune_domain_save_async(MigtuneDomain *domain, const char *path,
                          GVariant *options, MigtuneImageFunc func,
                          gpointer func_data, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_save,
                                    .text = g_strdup(path),
                                    .settings = take_options(options),
                                    .func = func,
                                    .func_data = func_data },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_restore, MigtuneDomain, JsonNode *,
                 json_node_unref,
                 migtune_domain_restore(object, call->text, call->settings,
                                        mt_async_progress, (gpointer)call,
                                        cancellable, error))

void
migtune_domain_restore_async(MigtuneDomain *domain, const char *path,
                             GVariant *options, MigtuneImageFunc func,
                             gpointer func_data, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_restore,
                                    .text = g_strdup(path),
                                    .settings = take_options(options),
                                    .func = func,
                                    .func_data = func_data },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_inspect, MigtuneInspection *,
                   migtune_inspection_unref,
                   migtune_inspect((const char *const *)call->names,
                                   cancellable, error))

void
migtune_inspect_async(const char *const *sources, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_inspect,
                                    .names = g_strdupv((char **)sources) },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_inspect_extract, MigtuneInspection *,
                   migtune_inspection_unref,
                   migtune_inspect_extract((const char *const *)call->names,
                                           call->text, call->start,
                                           call->length, (int)call->number,
                                           cancellable, error))

void
migtune_inspect_extract_async(const char *const *sources, const char *block,
                              guint64 offset, guint64 length, int fd,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_inspect_extract,
                                    .names = g_strdupv((char **)sources),
                                    .text = g_strdup(block),
                                    .start = offset,
                                    .length = length,
                                    .number = fd },
                   cancellable, callback, user_data);
}
