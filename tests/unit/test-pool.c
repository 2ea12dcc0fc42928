/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each job is run once, a sync follows all submitted jobs, and a failure wakes
 * waiting threads. */
#include "config.h"

#include "engine/pool.h"
#include "migtune/migtune-error.h"

typedef struct {
    guint pages;        /* atomic */
    guint fail_at;
    guint syncs;
} Channel;

static guint total;     /* atomic, of all channels */

static gboolean
channel_run(gpointer data, const MtJob *job, GError **error)
{
    Channel *c = data;

    g_usleep(job->offsets[0] % 50);
    if (c->fail_at && c->pages + job->n >= c->fail_at) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "as asked");
        return FALSE;
    }
    c->pages += job->n;
    g_atomic_int_add((gint *)&total, job->n);
    return TRUE;
}

static gboolean
channel_sync(gpointer data, GError **error)
{
    Channel *c = data;

    c->syncs++;
    return TRUE;
}

static const MtPoolFuncs funcs = { channel_run, channel_sync };

static void
test_runs_everything(void)
{
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    Channel channels[4] = { { 0 } };
    gpointer pointers[4] = {
        &channels[0], &channels[1], &channels[2], &channels[3]
    };
    g_autoptr(MtPool) pool = mt_pool_new(&funcs, pointers, 4, failure,
                                            NULL);
    GError *error = NULL;
    guint sum = 0;

    g_atomic_int_set((gint *)&total, 0);
    for (guint round = 0; round < 5; round++) {
        for (guint i = 0; i < 200; i++) {
            MtJob *job = mt_pool_get(pool, &error);

            g_assert_no_error(error);
            job->n = i % 7;
            job->offsets[0] = i;
            sum += job->n;
            mt_pool_submit(pool, job);
        }
        g_assert_true(mt_pool_sync(pool, &error));
        g_assert_cmpuint((guint)g_atomic_int_get((gint *)&total), ==, sum);
    }
    for (guint i = 0; i < 4; i++)
        g_assert_cmpuint(channels[i].syncs, ==, 5);
}

static void
test_failure(void)
{
    g_autoptr(MtFailure) failure = mt_failure_new(NULL, NULL);
    Channel channels[2] = { { .fail_at = 50 }, { .fail_at = 50 } };
    gpointer pointers[2] = { &channels[0], &channels[1] };
    g_autoptr(MtPool) pool = mt_pool_new(&funcs, pointers, 2, failure,
                                            NULL);
    g_autoptr(GError) error = NULL;
    MtJob *job;

    while ((job = mt_pool_get(pool, &error))) {
        job->n = 10;
        mt_pool_submit(pool, job);
    }
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_false(mt_pool_sync(pool, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pool/runs-everything", test_runs_everything);
    g_test_add_func("/pool/failure", test_failure);
    return g_test_run();
}
