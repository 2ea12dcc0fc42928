/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The speed of reference guests and their cost, measured and compared with the
 * promised figures. In suite `bench`, because results on a sanitized build or a
 * busy machine mean nothing.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <glib/gstdio.h>

#include "lib/ref-client.h"

#define GUEST_BYTES (256 * 1024 * 1024)
#define N_GUESTS 200
#define N_COMMANDS 2000
#define N_STARTS 21

#define READY_MS 50
#define MEDIAN_US 1000

static int
compare_times(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a;
    gint64 y = *(const gint64 *)b;

    return (x > y) - (x < y);
}

/* Prints the median and the 99th percentile. */
static gint64
median(GArray *us, const char *what)
{
    g_array_sort(us, compare_times);
    g_test_message("%s: median %" G_GINT64_FORMAT " us, 99 %% below %"
                   G_GINT64_FORMAT " us, most %" G_GINT64_FORMAT
                   " us, %u times", what,
                   g_array_index(us, gint64, us->len / 2),
                   g_array_index(us, gint64, us->len * 99 / 100),
                   g_array_index(us, gint64, us->len - 1), us->len);
    return g_array_index(us, gint64, us->len / 2);
}

static MtRefGuestSpec *
make_spec(MtContent content)
{
    MtRefGuestSpec *spec = mt_ref_guest_spec_new("speed", MT_RELEASE(11, 1));

    spec->ram_bytes = GUEST_BYTES;
    spec->content = content;
    return spec;
}

/* A guest is ready when it has answered; the rest of its RAM is filled
 * later. */
static void
test_ready(void)
{
    for (guint content = 0; content < MT_CONTENT_N; content++) {
        g_autoptr(GArray) us = g_array_new(FALSE, FALSE, sizeof(gint64));
        g_autoptr(GArray) filled = g_array_new(FALSE, FALSE, sizeof(gint64));
        g_autofree char *what = g_strdup_printf(
            "256 MiB of %s, answering", mt_content_name(content));
        g_autofree char *full = g_strdup_printf(
            "256 MiB of %s, filled", mt_content_name(content));

        for (guint i = 0; i < N_STARTS; i++) {
            g_autoptr(MtRefGuestSpec) spec = make_spec(content);
            gint64 begin = g_get_monotonic_time();
            g_autoptr(RefClient) c = ref_client_new(spec);
            g_autofree char *state = ref_client_run_state(c);
            gint64 took = g_get_monotonic_time() - begin;

            g_array_append_val(us, took);
            if (i % 7)
                continue;
            mt_ref_guest_get_ram(ref_client_guest(c));
            took = g_get_monotonic_time() - begin;
            g_array_append_val(filled, took);
        }
        g_assert_cmpint(median(us, what), <=, READY_MS * 1000);
        median(filled, full);
    }
}

static void
ask_often(RefClient *c, const char *command, const char *what)
{
    g_autoptr(GArray) us = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (guint i = 0; i < N_COMMANDS; i++) {
        gint64 begin = g_get_monotonic_time();
        g_autoptr(JsonNode) node = ref_client_get(c, command, NULL);
        gint64 took = g_get_monotonic_time() - begin;

        g_array_append_val(us, took);
    }
    g_assert_cmpint(median(us, what), <, MEDIAN_US);
}

static void
test_answers(void)
{
    g_autoptr(MtRefGuestSpec) spec = make_spec(MT_CONTENT_MIXED);
    g_autoptr(RefClient) from = NULL;
    g_autoptr(RefClient) to = NULL;
    g_autofree char *path = ref_client_path("speed");
    g_autofree char *status = NULL;

    spec->workload.kind = MT_WORKLOAD_HOT;
    from = ref_client_new(spec);
    spec->incoming = TRUE;
    to = ref_client_new(spec);
    mt_ref_guest_get_ram(ref_client_guest(from));
    ask_often(from, "query-migrate", "query-migrate, guest busy");

    /* Writes at full speed, without end. */
    ref_client_run(from, "migrate-set-parameters",
                   "{'max-bandwidth': 0, 'downtime-limit': 0}");
    ref_client_run(to, "migrate-incoming", "{'uri': 'unix:%s'}", path);
    ref_client_run(from, "migrate", "{'uri': 'unix:%s'}", path);
    ref_client_wait(from, "active");
    ask_often(from, "query-migrate", "query-migrate while it migrates");
    ask_often(from, "query-migrate-parameters",
              "query-migrate-parameters while it migrates");
    ask_often(from, "query-status", "query-status while it migrates");
    status = ref_client_status(from);
    g_assert_cmpstr(status, ==, "active");
    ref_client_run(from, "migrate_cancel", NULL);
    ref_client_wait(from, "cancelled");
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static guint
count_threads(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
    guint n = 0;

    while (dir && g_dir_read_name(dir))
        n++;
    return n;
}

static void
test_many(void)
{
    g_autoptr(GPtrArray) clients =
        g_ptr_array_new_with_free_func((GDestroyNotify)ref_client_free);
    gint64 begin = g_get_monotonic_time();
    double cpu;

    for (guint i = 0; i < N_GUESTS; i++) {
        g_autoptr(MtRefGuestSpec) spec = make_spec(MT_CONTENT_ZERO);

        g_ptr_array_add(clients, ref_client_new(spec));
    }
    g_test_message("%u guests of 256 MiB in %" G_GINT64_FORMAT " ms, %u "
                   "threads", N_GUESTS,
                   (g_get_monotonic_time() - begin) / 1000, count_threads());
    cpu = cpu_seconds();
    g_usleep(2 * G_USEC_PER_SEC);
    cpu = cpu_seconds() - cpu;
    g_test_message("two seconds of doing nothing took %.1f ms of processor "
                   "time", cpu * 1000);
    g_assert_cmpfloat(cpu, <, 0.01);
    ask_often(g_ptr_array_index(clients, N_GUESTS - 1), "query-migrate",
              "query-migrate of one of 200");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ref/speed/ready", test_ready);
    g_test_add_func("/ref/speed/answers", test_answers);
    g_test_add_func("/ref/speed/many", test_many);
    return g_test_run();
}
