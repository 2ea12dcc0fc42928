/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Probing each QEMU binary once: of many guests of one binary that are opened
 * at the same time, one is probed, and the calls for the others wait for the
 * result.
 */
#include "config.h"

#include "core/core.h"

/* The guest that is being probed may not answer: a call that has waited this
 * long probes its own guest. */
#define PROBING_WAIT_US G_TIME_SPAN_SECOND

/* Interval at which a waiting call checks whether it has been cancelled. */
#define PROBING_CHECK_US (20 * G_TIME_SPAN_MILLISECOND)

void
mt_probing_init(MtProbing *probing)
{
    g_mutex_init(&probing->lock);
    g_cond_init(&probing->cond);
    probing->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          (GDestroyNotify)mt_caps_unref);
}

void
mt_probing_clear(MtProbing *probing)
{
    g_hash_table_unref(probing->keys);
    g_cond_clear(&probing->cond);
    g_mutex_clear(&probing->lock);
}

/* Whether @key is being probed; the lock is held. */
static gboolean
probing_is_running(MtProbing *probing, const char *key)
{
    gpointer caps = NULL;

    return g_hash_table_lookup_extended(probing->keys, key, NULL, &caps) &&
           !caps;
}

MtCaps *
mt_probing_begin(MtProbing *probing, const char *key, GCancellable *cancellable)
{
    gint64 end = g_get_monotonic_time() + PROBING_WAIT_US;
    MtCaps *caps = NULL;

    g_mutex_lock(&probing->lock);
    while (probing_is_running(probing, key) && g_get_monotonic_time() < end &&
           !g_cancellable_is_cancelled(cancellable))
        g_cond_wait_until(&probing->cond, &probing->lock,
                          g_get_monotonic_time() + PROBING_CHECK_US);
    caps = g_hash_table_lookup(probing->keys, key);
    if (caps)
        mt_caps_ref(caps);
    else
        g_hash_table_insert(probing->keys, g_strdup(key), NULL);
    g_mutex_unlock(&probing->lock);

    return caps;
}

void
mt_probing_end(MtProbing *probing, const char *key, MtCaps *caps)
{
    g_mutex_lock(&probing->lock);
    if (caps)
        g_hash_table_insert(probing->keys, g_strdup(key), mt_caps_ref(caps));
    else
        g_hash_table_remove(probing->keys, key);
    g_cond_broadcast(&probing->cond);
    g_mutex_unlock(&probing->lock);
}

void
mt_probing_forget(MtProbing *probing, const char *key)
{
    g_mutex_lock(&probing->lock);
    if (!probing_is_running(probing, key))
        g_hash_table_remove(probing->keys, key);
    g_mutex_unlock(&probing->lock);
}
