/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The statistics of a migration: what query-migrate tells, under the names
 * that libvirt has for it where it has any.
 */

#include "core/core.h"

G_BEGIN_DECLS

/* What the two questions about a migration were answered with. */
typedef struct {
    JsonNode *migration;        /* query-migrate */
    JsonObject *devices;        /* from the driver; NULL: not known */
    char *status;               /* "none" without one */
    char *run_state;
    MigtuneJobState state;
} MtJob;

/* As migtune_domain_wait_job(); progress is emitted in @context, or with NULL
 * in the calling thread. */
gboolean mt_job_wait(MigtuneDomain *domain, unsigned int timeout_ms,
                     unsigned int flags, MigtuneJobFunc func,
                     gpointer user_data, GMainContext *context,
                     GCancellable *cancellable, GError **error);

void mt_job_clear(MtJob *job);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MtJob, mt_job_clear)

/* Why it failed; NULL if that is not known. */
const char *mt_job_error(const MtJob *job);

/* Asks about the migration; if the connection is lost, over a new one.  The
 * caller holds @domain. */
gboolean mt_job_ask_again(MigtuneDomain *domain, GCancellable *cancellable,
                          MtJob *job, GError **error);

/* What migtune_domain_get_job_info() and ..._job_settings() return. */
JsonNode *mt_job_to_json(MigtuneDomain *domain, const MtJob *job);
GVariant *mt_job_to_variant(const MtJob *job);

/* An array of objects, see migtune_domain_get_job_info(). */
JsonArray *mt_job_stats_to_json(const MtJob *job);

void mt_job_stats_to_typed(const MtJob *job, virTypedParameterPtr *params,
                           int *nparams);

G_END_DECLS
