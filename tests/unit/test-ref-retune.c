/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Limits of a running migration of a reference guest: bandwidth, throttle and
 * downtime that are changed while it runs, and guests that write during it.
 */
#include "config.h"

#include "lib/ref-client.h"
#include "util/json-peek.h"
#include "util/json.h"

/* A running migration obeys a changed bandwidth limit. With the first limit it
 * would take minutes, longer than ref_client_wait() waits. */
static void
test_retune(void)
{
    g_autoptr(RefClient) from = ref_client_new_slow(MT_RELEASE(7, 2), "16384");
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);

    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "active");
    /* Long enough to send everything if there were no limit. */
    g_usleep(200000);
    g_assert_cmpint(ref_client_number(from, "ram.transferred"), <, 2 << 20);
    ref_client_run(from, "migrate-set-parameters",
                   "{'max-bandwidth': 1000000000}");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(to, "running");
    ref_client_assert_same_ram(from, to);
}

static RefClient *
make_busy(MtRelease release, MtWorkloadKind kind, guint64 pages_per_s)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("busy", release);
    RefClient *c;

    spec->ram_bytes = REF_CLIENT_RAM_BYTES;
    spec->content = MT_CONTENT_TEXT;
    spec->workload.kind = kind;
    spec->workload.content = MT_CONTENT_RANDOM;
    spec->workload.pages_per_s = pages_per_s;
    c = ref_client_new(spec);
    mt_ref_guest_get_ram(ref_client_guest(c));
    ref_client_run(c, "migrate-set-capabilities", "{'capabilities': "
                   "[{'capability': 'events', 'state': true}]}");
    return c;
}

/* A guest that writes faster than the link sends is throttled until the
 * migration converges. */
static void
test_auto_converge(void)
{
    g_autoptr(RefClient) from = make_busy(MT_RELEASE(7, 2),
                                          MT_WORKLOAD_SEQUENTIAL, 16000);
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    gboolean slowed = FALSE;

    ref_client_run(from, "migrate-set-capabilities", "{'capabilities': "
                   "[{'capability': 'auto-converge', 'state': true}]}");
    ref_client_run(from, "migrate-set-parameters", "{'max-bandwidth': 33554432,"
                   " 'cpu-throttle-initial': 90, 'downtime-limit': 10}");
    ref_client_migrate(from, to, "unix");
    while (!slowed && g_get_monotonic_time() < end) {
        g_autoptr(JsonNode) info = ref_client_get(from, "query-migrate", NULL);
        gint64 percent = 0;

        slowed = mt_json_peek_int(json_node_get_object(info),
                                  "cpu-throttle-percentage", &percent) &&
                 percent >= 90;
        g_usleep(2000);
    }
    g_assert_true(slowed);
    ref_client_run(from, "migrate_cancel", NULL);
    ref_client_wait(from, "cancelled");
}

/* The throttle of a running migration; 0 if there is none. */
static gint64
throttle_of(RefClient *c)
{
    g_autoptr(JsonNode) info = ref_client_get(c, "query-migrate", NULL);
    gint64 percent = 0;

    mt_json_peek_int(json_node_get_object(info), "cpu-throttle-percentage",
                     &percent);
    return percent;
}

/* Waits until the throttle differs from @before; returns the new value. */
static gint64
throttle_after(RefClient *c, gint64 before)
{
    gint64 percent;

    while ((percent = throttle_of(c)) == before)
        g_usleep(2000);
    return percent;
}

/* A running migration obeys changed throttle parameters at the next step. */
static void
test_retune_throttle(void)
{
    static const struct {
        const char *change;
        gint64 next;
    } cases[] = {
        { "{'cpu-throttle-increment': 50, 'max-cpu-throttle': 70}", 70 },
        { "{'cpu-throttle-increment': 33}", 53 },
        { "{'max-cpu-throttle': 25}", 25 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefClient) from = make_busy(MT_RELEASE(7, 2),
                                              MT_WORKLOAD_SEQUENTIAL, 16000);
        g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);

        ref_client_run(from, "migrate-set-capabilities", "{'capabilities': "
                       "[{'capability': 'auto-converge', 'state': true}]}");
        ref_client_run(from, "migrate-set-parameters",
                       "{'max-bandwidth': 8388608, 'downtime-limit': 1}");
        ref_client_migrate(from, to, "unix");
        g_assert_cmpint(throttle_after(from, 0), ==, 20);
        ref_client_run(from, "migrate-set-parameters", "%s", cases[i].change);
        g_assert_cmpint(throttle_after(from, 20), ==, cases[i].next);
        ref_client_run(from, "migrate_cancel", NULL);
        ref_client_wait(from, "cancelled");
    }
}

/* The first pass would take minutes; with this bandwidth all pages fit into
 * the downtime, and the guest is switched over in the middle of the pass. */
static void
test_retune_available(void)
{
    g_autoptr(RefClient) from = ref_client_new_slow(MT_RELEASE(10, 0), "65536");
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(10, 0), TRUE);

    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "active");
    ref_client_run(from, "migrate-set-parameters",
                   "{'avail-switchover-bandwidth': 1000000000000}");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(to, "running");
    ref_client_assert_same_ram(from, to);
}

/* QEMU counts a limit of less than ten bytes per second as none. */
static void
test_tiny_bandwidth(void)
{
    g_autoptr(RefClient) from = ref_client_new_slow(MT_RELEASE(7, 2), "9");
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);

    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(to, "running");
}

/* Pages of random content do not get smaller: since 5.1 they count as encoded
 * pages, before they do not. */
static void
test_xbzrle_overflow(void)
{
    static const struct {
        MtRelease release;
        gboolean counted;
    } cases[] = {
        { MT_RELEASE(5, 0), FALSE },
        { MT_RELEASE(5, 1), TRUE },
        { MT_RELEASE(10, 0), TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefClient) from = make_busy(cases[i].release,
                                              MT_WORKLOAD_SEQUENTIAL, 16000);
        g_autoptr(RefClient) to = ref_client_new_guest(cases[i].release, TRUE);
        gint64 overflow = 0, pages = 0, bytes = 0;

        ref_client_run(from, "migrate-set-capabilities", "{'capabilities': "
                       "[{'capability': 'xbzrle', 'state': true}]}");
        ref_client_run(from, "migrate-set-parameters", "{'max-bandwidth': "
                       "16777216, 'downtime-limit': 1}");
        ref_client_migrate(from, to, "unix");
        while (overflow < 200) {
            g_autoptr(JsonNode) node = ref_client_get(from, "query-migrate",
                                                      NULL);
            JsonObject *cache = mt_json_peek_object(
                json_node_get_object(node), "xbzrle-cache");

            if (cache) {
                mt_json_peek_int(cache, "overflow", &overflow);
                mt_json_peek_int(cache, "pages", &pages);
                mt_json_peek_int(cache, "bytes", &bytes);
            }
            g_usleep(2000);
        }
        if (cases[i].counted) {
            g_assert_cmpint(pages, >=, overflow);
            g_assert_cmpint(bytes, >=, overflow * 4096);
        } else {
            g_assert_cmpint(pages, <, overflow);
        }
        ref_client_run(from, "migrate_cancel", NULL);
        ref_client_wait(from, "cancelled");
    }
}

static void
test_dirty_rate(void)
{
    g_autoptr(RefClient) c = make_busy(MT_RELEASE(10, 0),
                                       MT_WORKLOAD_SEQUENTIAL, 2560);
    g_autofree char *busy = NULL;
    g_autoptr(JsonNode) before = ref_client_get(c, "query-dirty-rate", NULL);
    g_autoptr(JsonNode) after = NULL;
    gint64 rate = 0;

    g_assert_cmpstr(mt_json_peek_string(json_node_get_object(before),
                                        "status"), ==, "unstarted");
    ref_client_run(c, "calc-dirty-rate", "{'calc-time': 500, "
                   "'calc-time-unit': 'millisecond'}");
    busy = ref_client_refused(c, "calc-dirty-rate", "{'calc-time': 1}");
    for (guint i = 0; i < 5000; i++) {
        g_clear_pointer(&after, json_node_unref);
        after = ref_client_get(c, "query-dirty-rate",
                               "{'calc-time-unit': 'millisecond'}");
        if (mt_json_peek_int(json_node_get_object(after), "dirty-rate", &rate))
            break;
        g_usleep(1000);
    }
    g_assert_cmpstr(mt_json_peek_string(json_node_get_object(after),
                                        "status"), ==, "measured");
    /* 2560 pages a second are 10 MiB a second; a busy machine gives it less
     * time. */
    g_assert_cmpint(rate, >=, 2);
    g_assert_cmpint(rate, <=, 11);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ref/retune/bandwidth", test_retune);
    g_test_add_func("/ref/retune/throttle", test_retune_throttle);
    g_test_add_func("/ref/retune/available", test_retune_available);
    g_test_add_func("/ref/retune/tiny-bandwidth", test_tiny_bandwidth);
    g_test_add_func("/ref/retune/auto-converge", test_auto_converge);
    g_test_add_func("/ref/retune/xbzrle-overflow", test_xbzrle_overflow);
    g_test_add_func("/ref/retune/dirty-rate", test_dirty_rate);
    return g_test_run();
}
