/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections, domains, settings and plans, without waiting; see async.h.
 */
#include "config.h"

#include "core/async/async.h"

MT_ASYNC_NO_OBJECT(migtune_conn_open, MigtuneConn *, g_object_unref,
                   migtune_conn_open(call->text, call->flags, call->number,
                                     cancellable, error))

void
migtune_conn_open_async(const char *uri, unsigned int flags,
                        unsigned int timeout_ms, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_conn_open,
                                    .text = g_strdup(uri),
                                    .flags = flags,
                                    .number = timeout_ms },
                   cancellable, callback, user_data);
}

MT_ASYNC_NO_OBJECT(migtune_conn_open_auth, MigtuneConn *, g_object_unref,
                   migtune_conn_open_auth(call->text, call->flags, call->number,
                                          call->auth, call->func_data,
                                          cancellable, error))

void
migtune_conn_open_auth_async(const char *uri, unsigned int flags,
                             unsigned int timeout_ms, MigtuneAuthFunc auth,
                             gpointer auth_data, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer user_data)
{
    mt_async_start(NULL,
                   &(MtAsyncCall) { .kind = &kind_migtune_conn_open_auth,
                                    .text = g_strdup(uri),
                                    .flags = flags,
                                    .number = timeout_ms,
                                    .auth = auth,
                                    .func_data = auth_data },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_conn_list, MigtuneConn, char **, g_strfreev,
                 migtune_conn_list(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_conn_list, MigtuneConn, MIGTUNE_IS_CONN)

MT_ASYNC_POINTER(migtune_conn_list_inactive, MigtuneConn, char **, g_strfreev,
                 migtune_conn_list_inactive(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_conn_list_inactive, MigtuneConn, MIGTUNE_IS_CONN)

MT_ASYNC_POINTER(migtune_conn_open_domain, MigtuneConn, MigtuneDomain *,
                 g_object_unref,
                 migtune_conn_open_domain(object, call->text, cancellable,
                                          error))

void
migtune_conn_open_domain_async(MigtuneConn *conn, const char *key,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    mt_async_start(conn,
                   &(MtAsyncCall) { .kind = &kind_migtune_conn_open_domain,
                                    .text = g_strdup(key) },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_conn_lookup, MigtuneConn, MigtuneDomain *,
                 g_object_unref,
                 migtune_conn_lookup(object, call->text, cancellable, error))

void
migtune_conn_lookup_async(MigtuneConn *conn, const char *name,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_CONN(conn));

    mt_async_start(conn,
                   &(MtAsyncCall) { .kind = &kind_migtune_conn_lookup,
                                    .text = g_strdup(name) },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_get_info, MigtuneDomain, JsonNode *,
                 json_node_unref,
                 migtune_domain_get_info(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_domain_get_info, MigtuneDomain, MIGTUNE_IS_DOMAIN)

MT_ASYNC_POINTER(migtune_domain_probe, MigtuneDomain, JsonNode *,
                 json_node_unref,
                 migtune_domain_probe(object, (gboolean)call->flags,
                                      cancellable, error))

void
migtune_domain_probe_async(MigtuneDomain *domain, gboolean refresh,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_probe,
                                    .flags = refresh },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_get_settings, MigtuneDomain, GVariant *,
                 g_variant_unref,
                 migtune_domain_get_settings(object,
                                             (const char *const *)call->names,
                                             call->flags, cancellable, error))

void
migtune_domain_get_settings_async(MigtuneDomain *domain,
                                  const char *const *names, unsigned int flags,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_get_settings,
                                    .names = g_strdupv((char **)names),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_report, MigtuneDomain, JsonNode *,
                 json_node_unref,
                 migtune_domain_report(object, (const char *const *)call->names,
                                       call->flags, cancellable, error))

void
migtune_domain_report_async(MigtuneDomain *domain, const char *const *names,
                            unsigned int flags, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_report,
                                    .names = g_strdupv((char **)names),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_BOOLEAN(migtune_domain_set_settings, MigtuneDomain,
                 migtune_domain_set_settings(object, call->settings,
                                             call->flags, cancellable, error))

void
migtune_domain_set_settings_async(MigtuneDomain *domain, GVariant *settings,
                                  unsigned int flags, GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));
    g_return_if_fail(settings != NULL);

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_set_settings,
                                    .settings = g_variant_ref_sink(settings),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_plan_settings, MigtuneDomain, MigtunePlan *,
                 g_object_unref,
                 migtune_domain_plan_settings(object, call->settings,
                                              call->flags, cancellable, error))

void
migtune_domain_plan_settings_async(MigtuneDomain *domain, GVariant *settings,
                                   unsigned int flags,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));
    g_return_if_fail(settings != NULL);

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_plan_settings,
                                    .settings = g_variant_ref_sink(settings),
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_plan_reset, MigtuneDomain, MigtunePlan *,
                 g_object_unref,
                 migtune_domain_plan_reset(object, call->flags, cancellable,
                                           error))

void
migtune_domain_plan_reset_async(MigtuneDomain *domain, unsigned int flags,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_plan_reset,
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_plan_forget, MigtuneDomain, MigtunePlan *,
                 g_object_unref,
                 migtune_domain_plan_forget(object,
                                            (const char *const *)call->names,
                                            cancellable, error))

void
migtune_domain_plan_forget_async(MigtuneDomain *domain,
                                 const char *const *names,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_plan_forget,
                                    .names = g_strdupv((char **)names) },
                   cancellable, callback, user_data);
}

MT_ASYNC_POINTER(migtune_domain_plan_kept, MigtuneDomain, MigtunePlan *,
                 g_object_unref,
                 migtune_domain_plan_kept(object, call->flags, cancellable,
                                          error))

void
migtune_domain_plan_kept_async(MigtuneDomain *domain, unsigned int flags,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_DOMAIN(domain));

    mt_async_start(domain,
                   &(MtAsyncCall) { .kind = &kind_migtune_domain_plan_kept,
                                    .flags = flags },
                   cancellable, callback, user_data);
}

MT_ASYNC_BOOLEAN(migtune_plan_apply, MigtunePlan,
                 migtune_plan_apply(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_plan_apply, MigtunePlan, MIGTUNE_IS_PLAN)

MT_ASYNC_POINTER(migtune_plan_lower, MigtunePlan, MigtuneLowering *,
                 g_object_unref,
                 migtune_plan_lower(object, call->text, cancellable, error))

void
migtune_plan_lower_async(MigtunePlan *plan, const char *libvirt,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
    g_return_if_fail(MIGTUNE_IS_PLAN(plan));

    mt_async_start(plan,
                   &(MtAsyncCall) { .kind = &kind_migtune_plan_lower,
                                    .text = g_strdup(libvirt) },
                   cancellable, callback, user_data);
}

MT_ASYNC_BOOLEAN(migtune_lowering_prepare, MigtuneLowering,
                 migtune_lowering_prepare(object, cancellable, error))
MT_ASYNC_NO_ARGUMENTS(migtune_lowering_prepare, MigtuneLowering,
                      MIGTUNE_IS_LOWERING)
