/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What migrations between two known guests cost, in numbers that do not depend on
 * the speed of the machine: round trips to a monitor, and threads.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "fake-server.h"
#include "migtune/migtune.h"
#include "remove-tree.h"

#define COSTS_UUID "77777777-2222-3333-4444-000000000014"
/* More than what two gets cost. */
#define COSTS_MORE_TRIPS 2

#define CROWD_N 200
#define CROWD_AT_ONCE 16
/* The threads that a process may have beside one for each of its calls, and
 * those of the engine for one running migration: the call, both ends of the
 * transfer, and what they wait with. */
#define CROWD_BASE 8
#define CROWD_EACH 6

static char *scratch;

/*
 * Round trips
 */

/* A scripted monitor that counts. */
typedef struct {
    char *dir;
    FakeServer *server;
    FakeQmp *qmp;
} Peer;

typedef struct {
    guint n_trips, n_commands;
} Cost;

static void
peer_start(Peer *peer, const char *replies)
{
    g_autofree char *socket = NULL;

    peer->dir = g_dir_make_tmp("migtune-costs-XXXXXX", NULL);
    socket = g_build_filename(peer->dir, "web1.sock", NULL);
    peer->server = fake_server_new();
    peer->qmp = fake_qmp_new(replies);
    fake_qmp_set_identity(peer->qmp, "web1", COSTS_UUID);
    fake_server_add_unix(peer->server, peer->qmp, socket);
    fake_server_start(peer->server);
}

static void
peer_clear(Peer *peer)
{
    fake_server_free(peer->server);
    remove_tree(peer->dir);
    g_free(peer->dir);
}

/* The server reads what a client sent in one write with one read. */
static Cost
peer_count(const Peer *peer)
{
    return (Cost){ fake_server_n_reads(peer->server),
                   fake_qmp_n_commands(peer->qmp) };
}

static MigtuneDomain *
peer_open(const Peer *peer)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s/", peer->dir);
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = migtune_conn_open(uri, 0, 0, NULL, &error);
    MigtuneDomain *domain;

    g_assert_no_error(error);
    domain = migtune_conn_lookup(conn, "web1", NULL, &error);
    g_assert_no_error(error);

    return domain;
}

/* What it costs to open a guest and to get its settings. */
static Cost
peer_get(const Peer *peer)
{
    Cost before = peer_count(peer), after;
    g_autoptr(MigtuneDomain) domain = peer_open(peer);
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;

    g_assert_true(migtune_domain_get_parameters(domain, NULL, &params, &n, 0,
                                                NULL, &error));
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
    after = peer_count(peer);

    return (Cost){ after.n_trips - before.n_trips,
                   after.n_commands - before.n_commands };
}

static void
test_check(gconstpointer data)
{
    const char *replies = data;
    Peer peers[2];
    Cost gets[2], before[2];
    g_autoptr(MigtuneDomain) source = NULL;
    g_autoptr(MigtuneDomain) destination = NULL;
    g_autoptr(MigtuneMigration) migration = NULL;
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(peers); i++) {
        peer_start(&peers[i], replies);
        /* Fills the cache. */
        peer_get(&peers[i]);
        gets[i] = peer_get(&peers[i]);
        before[i] = peer_count(&peers[i]);
    }
    source = peer_open(&peers[0]);
    destination = peer_open(&peers[1]);
    migration =
        migtune_migration_new(source, destination, NULL, 0, 0, &error);
    g_assert_no_error(error);
    /* The destination does not wait: refused, after everything was asked. */
    g_assert_false(migtune_migration_check(migration, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONFLICT);

    for (guint i = 0; i < G_N_ELEMENTS(peers); i++) {
        Cost after = peer_count(&peers[i]);
        guint n_trips = after.n_trips - before[i].n_trips;

        g_test_message("%s: get: %u round trips, %u commands; check: %u and %u",
                       i == 0 ? "source" : "destination", gets[i].n_trips,
                       gets[i].n_commands, n_trips,
                       after.n_commands - before[i].n_commands);
        g_assert_cmpuint(n_trips, ==, gets[i].n_trips + COSTS_MORE_TRIPS);
        peer_clear(&peers[i]);
    }
}

/*
 * Threads
 */

typedef struct {
    GMainLoop *loop;
    MigtuneMigration *migrations[CROWD_N];
    guint n_started, n_running, n_done;
    guint max_threads;
} Crowd;

/* The threads of this process; without those called @but. */
static guint
count_threads(const char *but)
{
    g_autoptr(GDir) tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *id;
    guint n = 0;

    g_assert_nonnull(tasks);
    while ((id = g_dir_read_name(tasks))) {
        g_autofree char *path =
            g_build_filename("/proc/self/task", id, "comm", NULL);
        g_autofree char *name = NULL;

        /* The thread may have ended. */
        if (g_file_get_contents(path, &name, NULL, NULL) &&
            (!but || strcmp(g_strchomp(name), but) != 0))
            n++;
    }

    return n;
}

static void crowd_start_next(Crowd *crowd);

static void
crowd_ended(GObject *object, GAsyncResult *result, gpointer data)
{
    Crowd *crowd = data;
    g_autoptr(GError) error = NULL;

    g_assert_true(migtune_migration_run_finish(MIGTUNE_MIGRATION(object),
                                               result, &error));
    g_assert_no_error(error);
    crowd->n_running--;
    crowd->n_done++;
    crowd_start_next(crowd);
    if (crowd->n_running == 0)
        g_main_loop_quit(crowd->loop);
}

static void
crowd_start_next(Crowd *crowd)
{
    if (crowd->n_started == CROWD_N)
        return;
    crowd->n_running++;
    migtune_migration_run_async(crowd->migrations[crowd->n_started++], NULL,
                                crowd_ended, crowd);
}

static gboolean
crowd_count(gpointer data)
{
    Crowd *crowd = data;

    crowd->max_threads = MAX(crowd->max_threads, count_threads(NULL));
    return G_SOURCE_CONTINUE;
}

static MigtuneDomain *
crowd_open(MigtuneConn *conn, char letter, guint i)
{
    g_autofree char *name = g_strdup_printf("%c%u", letter, i);
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain = migtune_conn_lookup(conn, name, NULL, &error);

    g_assert_no_error(error);
    return domain;
}

static MigtuneConn *
crowd_connect(void)
{
    g_autofree char *file = g_build_filename(scratch, "crowd.xml", NULL);
    g_autofree char *uri = g_strdup_printf("ref://%s", file);
    g_autoptr(GString) text = g_string_new("<guests>");
    g_autoptr(GError) error = NULL;
    MigtuneConn *conn;

    for (guint i = 0; i < CROWD_N; i++)
        g_string_append_printf(
            text,
            "<guest name=\"s%u\"><qemu release=\"10.0\"/>"
            "<ram size=\"1MiB\" content=\"random\"/></guest>"
            "<guest name=\"d%u\"><qemu release=\"10.0\"/>"
            "<ram size=\"1MiB\"/><state>incoming</state></guest>",
            i, i);
    g_string_append(text, "</guests>");
    g_assert_true(g_file_set_contents(file, text->str, -1, NULL));
    conn = migtune_conn_open(uri, 0, 0, NULL, &error);
    g_assert_no_error(error);

    return conn;
}

/* A pair that is not being migrated has no thread, and one that is has a few. */
static void
test_crowd(void)
{
    g_autoptr(MigtuneConn) conn = crowd_connect();
    Crowd crowd = { g_main_loop_new(NULL, FALSE) };
    guint idle, timer;

    for (guint i = 0; i < CROWD_N; i++) {
        g_autoptr(MigtuneDomain) source = crowd_open(conn, 's', i);
        g_autoptr(MigtuneDomain) destination = crowd_open(conn, 'd', i);
        g_autoptr(GError) error = NULL;

        crowd.migrations[i] =
            migtune_migration_new(source, destination, NULL, 0, 0, &error);
        g_assert_no_error(error);
        migtune_migration_check(crowd.migrations[i], NULL, &error);
        g_assert_no_error(error);
    }
    /* The threads that fill the memory of a new guest end by themselves. */
    idle = count_threads("ref-fill");
    timer = g_timeout_add(1, crowd_count, &crowd);
    for (guint i = 0; i < CROWD_AT_ONCE; i++)
        crowd_start_next(&crowd);
    g_main_loop_run(crowd.loop);
    g_source_remove(timer);
    g_assert_cmpuint(crowd.n_done, ==, CROWD_N);

    g_test_message("%u pairs: %u threads while no guest migrates, at most %u "
                   "with %u migrations at a time",
                   CROWD_N, idle, crowd.max_threads, CROWD_AT_ONCE);
    g_assert_cmpuint(idle, <=, CROWD_BASE);
    g_assert_cmpuint(crowd.max_threads, >, idle);
    g_assert_cmpuint(crowd.max_threads, <=,
                     CROWD_BASE + CROWD_AT_ONCE * CROWD_EACH);

    for (guint i = 0; i < CROWD_N; i++)
        g_object_unref(crowd.migrations[i]);
    g_main_loop_unref(crowd.loop);
}

int
main(int argc, char **argv)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref", build, build);
    int status;

    g_test_init(&argc, &argv, NULL);
    scratch = g_dir_make_tmp("migtune-costs-XXXXXX", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_setenv("XDG_CACHE_HOME", scratch, TRUE);
    g_setenv("XDG_CONFIG_HOME", scratch, TRUE);
    g_test_add_data_func("/pair-costs/check/5.2", "qemu-5.2", test_check);
    g_test_add_data_func("/pair-costs/check/7.2", "qemu-7.2", test_check);
    g_test_add_data_func("/pair-costs/check/10.0", "qemu-10.0", test_check);
    g_test_add_func("/pair-costs/crowd", test_crowd);
    status = g_test_run();
    remove_tree(scratch);
    g_free(scratch);

    return status;
}
