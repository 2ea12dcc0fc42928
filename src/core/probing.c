/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking each QEMU binary once: of many guests that are opened at the same
 * time, one asks and the others wait a moment for what it puts into the cache.
 */
#include "config.h"

#include "core/core.h"
#include "probe/cache.h"

/* Who asks may be held up; the others then ask for themselves. */
#define PROBING_WAIT_US G_TIME_SPAN_SECOND

/* How often somebody who waits looks whether he is to stop. */
#define PROBING_LOOK_US (20 * G_TIME_SPAN_MILLISECOND)

void
mt_probing_init(MtProbing *probing)
{
    g_mutex_init(&probing->lock);
    g_cond_init(&probing->cond);
    probing->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                          NULL);
}

void
mt_probing_clear(MtProbing *probing)
{
    if (!probing->keys)
        return;

    g_hash_table_unref(probing->keys);
    g_cond_clear(&probing->cond);
    g_mutex_clear(&probing->lock);
}

MtCaps *
mt_probing_begin(MtProbing *probing, const char *dir, const char *key,
                 GCancellable *cancellable)
{
    gint64 end = g_get_monotonic_time() + PROBING_WAIT_US;
    gboolean waited = FALSE;
    MtCaps *caps = NULL;

    g_mutex_lock(&probing->lock);
    while (g_hash_table_contains(probing->keys, key) &&
           g_get_monotonic_time() < end &&
           !g_cancellable_is_cancelled(cancellable)) {
        g_cond_wait_until(&probing->cond, &probing->lock,
                          g_get_monotonic_time() + PROBING_LOOK_US);
        waited = TRUE;
    }
    if (waited)
        caps = mt_cache_load(dir, key);
    if (!caps)
        g_hash_table_add(probing->keys, g_strdup(key));
    g_mutex_unlock(&probing->lock);

    return caps;
}

void
mt_probing_end(MtProbing *probing, const char *key)
{
    g_mutex_lock(&probing->lock);
    g_hash_table_remove(probing->keys, key);
    g_cond_broadcast(&probing->cond);
    g_mutex_unlock(&probing->lock);
}
