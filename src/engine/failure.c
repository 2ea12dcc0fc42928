/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first failure of a migration: see failure.h.
 */
#include "config.h"

#include "engine/failure.h"

struct MtFailure {
    void (*on_raise)(gpointer data);
    gpointer data;
    MtCancel *cancel;

    GMutex lock;
    GError *first;
};

MtFailure *
mt_failure_new(void (*on_raise)(gpointer data), gpointer data)
{
    MtFailure *failure = g_new0(MtFailure, 1);

    failure->on_raise = on_raise;
    failure->data = data;
    failure->cancel = mt_cancel_new();
    g_mutex_init(&failure->lock);
    return failure;
}

void
mt_failure_free(MtFailure *failure)
{
    if (!failure)
        return;

    mt_cancel_unref(failure->cancel);
    g_clear_error(&failure->first);
    g_mutex_clear(&failure->lock);
    g_free(failure);
}

MtCancel *
mt_failure_get_cancel(MtFailure *failure)
{
    return failure->cancel;
}

void
mt_failure_raise(MtFailure *failure, GError *error)
{
    gboolean first;

    g_mutex_lock(&failure->lock);
    first = !failure->first;
    if (first) {
        failure->first = error;
        /* Under the lock: a thread that raises later and then asks for the
         * first error must find it. */
        mt_cancel_fire(failure->cancel);
    }
    g_mutex_unlock(&failure->lock);

    if (!first) {
        g_error_free(error);
        return;
    }
    if (failure->on_raise)
        failure->on_raise(failure->data);
}

gboolean
mt_failure_check(MtFailure *failure, GError **error)
{
    gboolean failed;

    if (!mt_cancel_fired(failure->cancel))
        return TRUE;

    g_mutex_lock(&failure->lock);
    failed = failure->first != NULL;
    if (failed && error)
        *error = g_error_copy(failure->first);
    g_mutex_unlock(&failure->lock);
    return !failed;
}
