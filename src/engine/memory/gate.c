/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A gate blocks accesses to RAM that has not arrived: see gate.h.
 */
#include "config.h"

#include "engine/memory/gate.h"

struct MtGate {
    gboolean closed;            /* atomic */
    MtBitmap *missing;          /* each bit atomic */
    guint64 n_missing;          /* atomic */

    GMutex lock;
    GCond arrived;
    /* Protected by @lock. */
    MtBitmap *asked;
    MtGateAsk ask;
    gpointer ask_data;
    guint n_asking;             /* calls of @ask that have not returned */
};

MtGate *
mt_gate_new(guint64 n_pages)
{
    MtGate *gate = g_new0(MtGate, 1);

    gate->missing = mt_bitmap_new(n_pages);
    gate->asked = mt_bitmap_new(n_pages);
    g_mutex_init(&gate->lock);
    g_cond_init(&gate->arrived);
    return gate;
}

void
mt_gate_free(MtGate *gate)
{
    if (!gate)
        return;

    mt_bitmap_free(gate->missing);
    mt_bitmap_free(gate->asked);
    g_mutex_clear(&gate->lock);
    g_cond_clear(&gate->arrived);
    g_free(gate);
}

void
mt_gate_miss(MtGate *gate, guint64 first, guint64 n)
{
    guint64 more = mt_bitmap_set_range(gate->missing, first, n);

    __atomic_fetch_add(&gate->n_missing, more, __ATOMIC_RELAXED);
}

void
mt_gate_close(MtGate *gate, MtGateAsk ask, gpointer data)
{
    g_mutex_lock(&gate->lock);
    mt_bitmap_clear_range(gate->asked, 0, gate->asked->n_bits);
    gate->ask = ask;
    gate->ask_data = data;
    __atomic_store_n(&gate->closed, TRUE, __ATOMIC_RELEASE);
    /* Threads that wait already request their pages again. */
    g_cond_broadcast(&gate->arrived);
    g_mutex_unlock(&gate->lock);
}

void
mt_gate_open(MtGate *gate)
{
    mt_gate_detach(gate);
    g_mutex_lock(&gate->lock);
    mt_bitmap_clear_range(gate->missing, 0, gate->missing->n_bits);
    __atomic_store_n(&gate->n_missing, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&gate->closed, FALSE, __ATOMIC_RELEASE);
    g_cond_broadcast(&gate->arrived);
    g_mutex_unlock(&gate->lock);
}

void
mt_gate_detach(MtGate *gate)
{
    g_mutex_lock(&gate->lock);
    gate->ask = NULL;
    while (gate->n_asking)
        g_cond_wait(&gate->arrived, &gate->lock);
    g_mutex_unlock(&gate->lock);
}

/* Call with the lock held; it is released during the callback. */
static void
gate_ask(MtGate *gate, guint64 index)
{
    MtGateAsk ask = gate->ask;

    if (!ask || mt_bitmap_set(gate->asked, index))
        return;

    gate->n_asking++;
    g_mutex_unlock(&gate->lock);
    ask(gate->ask_data, index);
    g_mutex_lock(&gate->lock);
    gate->n_asking--;
    g_cond_broadcast(&gate->arrived);
}

gboolean
mt_gate_pass(MtGate *gate, guint64 index, gint64 timeout_us)
{
    gint64 end;
    gboolean in_time = TRUE;
    gboolean missing;

    if (!__atomic_load_n(&gate->closed, __ATOMIC_ACQUIRE))
        return TRUE;

    end = g_get_monotonic_time() + timeout_us;
    g_mutex_lock(&gate->lock);
    while ((missing = mt_bitmap_test(gate->missing, index)) && in_time) {
        gate_ask(gate, index);
        if (mt_bitmap_test(gate->missing, index))
            in_time = g_cond_wait_until(&gate->arrived, &gate->lock, end);
    }
    g_mutex_unlock(&gate->lock);
    return !missing;
}

gboolean
mt_gate_arrive(MtGate *gate, guint64 index)
{
    gboolean was_missing, was_asked;
    gboolean last = FALSE;

    g_mutex_lock(&gate->lock);
    was_missing = mt_bitmap_clear(gate->missing, index);
    was_asked = mt_bitmap_clear(gate->asked, index);
    if (was_missing &&
        __atomic_fetch_sub(&gate->n_missing, 1, __ATOMIC_RELAXED) == 1)
        last = TRUE;
    if (was_asked || last)
        g_cond_broadcast(&gate->arrived);
    g_mutex_unlock(&gate->lock);
    return was_missing;
}

gboolean
mt_gate_wait_complete(MtGate *gate, gint64 timeout_us)
{
    gint64 end = g_get_monotonic_time() + timeout_us;
    gboolean in_time = TRUE;
    gboolean complete;

    g_mutex_lock(&gate->lock);
    while (!(complete = !mt_gate_count_missing(gate)) && in_time)
        in_time = g_cond_wait_until(&gate->arrived, &gate->lock, end);
    g_mutex_unlock(&gate->lock);
    return complete;
}

gboolean
mt_gate_is_missing(MtGate *gate, guint64 index)
{
    return mt_bitmap_test(gate->missing, index);
}

guint64
mt_gate_count_missing(MtGate *gate)
{
    return __atomic_load_n(&gate->n_missing, __ATOMIC_RELAXED);
}
