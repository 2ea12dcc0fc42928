/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs migrations between two known guests with libmigtune and its drivers, for
 * the scenarios in pairs.c.  It is a program of its own because a driver needs
 * the shared library, and the benchmark contains the engine.
 *
 *     migtune-bench-pairs many N
 *     migtune-bench-pairs one RELEASE [trust-link]
 *
 * Prints numbers in one line: for "many" the seconds, the threads while no guest
 * migrates, and the largest number of threads; for "one" the milliseconds until
 * the migration has started, QEMU's downtime, and the further downtime, or -1.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "guest.h"
#include "lib/remove-tree.h"
#include "migtune/migtune.h"

#define MS 1e3

#define PAIRS_AT_ONCE 16
#define PAIRS_UUID "77777777-2222-3333-4444-000000000099"

static double
now(void)
{
    return g_get_monotonic_time() / 1e6;
}

/* The number of threads of this process. */
static double
pairs_count_threads(void)
{
    g_autofree char *text = NULL;
    const char *line;

    if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL))
        return 0;
    line = strstr(text, "\nThreads:");

    return line ? g_ascii_strtod(line + strlen("\nThreads:"), NULL) : 0;
}

/*
 * Many pairs
 */

typedef struct {
    GMainLoop *loop;
    MigtuneMigration **migrations;
    guint n;
    guint next;
    guint n_running;
    double max_threads;
    GError *error;              /* the first one */
} Crowd;

static void crowd_start_next(Crowd *crowd);

static void
crowd_ended(GObject *object, GAsyncResult *result, gpointer data)
{
    Crowd *crowd = data;
    GError *error = NULL;

    crowd->n_running--;
    if (!migtune_migration_run_finish(MIGTUNE_MIGRATION(object), result,
                                      &error)) {
        if (crowd->error)
            g_error_free(error);
        else
            crowd->error = error;
    }
    crowd_start_next(crowd);
    if (crowd->n_running == 0)
        g_main_loop_quit(crowd->loop);
}

static void
crowd_start_next(Crowd *crowd)
{
    if (crowd->next < crowd->n && !crowd->error) {
        crowd->n_running++;
        migtune_migration_run_async(crowd->migrations[crowd->next++], NULL,
                                    crowd_ended, crowd);
    }
}

static gboolean
crowd_count(gpointer data)
{
    Crowd *crowd = data;

    crowd->max_threads = MAX(crowd->max_threads, pairs_count_threads());
    return G_SOURCE_CONTINUE;
}

static char *
crowd_describe(guint n)
{
    GString *text = g_string_new("<guests>");

    for (guint i = 0; i < n; i++)
        g_string_append_printf(
            text,
            "<guest name=\"s%u\"><qemu release=\"10.0\"/>"
            "<ram size=\"4MiB\" content=\"random\"/></guest>"
            "<guest name=\"d%u\"><qemu release=\"10.0\"/>"
            "<ram size=\"4MiB\"/><state>incoming</state></guest>",
            i, i);

    return g_string_free(g_string_append(text, "</guests>"), FALSE);
}

static gboolean
crowd_open(Crowd *crowd, MigtuneConn *conn, GError **error)
{
    for (guint i = 0; i < crowd->n; i++) {
        g_autofree char *from = g_strdup_printf("s%u", i);
        g_autofree char *to = g_strdup_printf("d%u", i);
        g_autoptr(MigtuneDomain) source =
            migtune_conn_lookup(conn, from, NULL, error);
        g_autoptr(MigtuneDomain) destination =
            source ? migtune_conn_lookup(conn, to, NULL, error) : NULL;

        if (!destination)
            return FALSE;
        crowd->migrations[i] =
            migtune_migration_new(source, destination, NULL, 0, 0, error);
        if (!crowd->migrations[i])
            return FALSE;
    }

    return TRUE;
}

static gboolean
crowd_run(const char *dir, guint n, GError **error)
{
    g_autofree char *file = g_build_filename(dir, "pairs.xml", NULL);
    g_autofree char *uri = g_strdup_printf("ref://%s", file);
    g_autofree char *text = crowd_describe(n);
    g_autoptr(MigtuneConn) conn = NULL;
    Crowd crowd = { .n = n };
    double start, idle;
    guint timer;
    gboolean ok;

    if (!g_file_set_contents(file, text, -1, error))
        return FALSE;
    conn = migtune_conn_open(uri, 0, 0, NULL, error);
    if (!conn)
        return FALSE;
    crowd.migrations = g_new0(MigtuneMigration *, n);
    ok = crowd_open(&crowd, conn, error);
    if (ok) {
        idle = pairs_count_threads();
        crowd.loop = g_main_loop_new(NULL, FALSE);
        timer = g_timeout_add(1, crowd_count, &crowd);
        start = now();
        for (guint i = 0; i < PAIRS_AT_ONCE; i++)
            crowd_start_next(&crowd);
        g_main_loop_run(crowd.loop);
        printf("%f %f %f\n", now() - start, idle, crowd.max_threads);
        g_source_remove(timer);
        g_main_loop_unref(crowd.loop);
        ok = crowd.error == NULL;
        if (!ok)
            g_propagate_error(error, crowd.error);
    }
    for (guint i = 0; i < n; i++)
        g_clear_object(&crowd.migrations[i]);
    g_free(crowd.migrations);

    return ok;
}

/*
 * One migration between two QEMUs on this host
 */

typedef struct {
    double start;
    double started;             /* the first sample, or the end; 0: not yet */
} Begin;

static void
begin_note(Begin *begin)
{
    if (begin->started == 0)
        begin->started = now();
}

static void
begin_sample(MigtuneMigration *migration G_GNUC_UNUSED,
             JsonNode *info G_GNUC_UNUSED, gpointer data)
{
    begin_note(data);
}

static void
begin_state(MigtuneMigration *migration G_GNUC_UNUSED, const char *state,
            gpointer data)
{
    /* The source finished before the first sample. */
    if (strcmp(state, "starting") == 0)
        begin_note(data);
}

static MigtuneDomain *
single_open(Guest *guest, GError **error)
{
    g_autofree char *uri =
        g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    g_autoptr(MigtuneConn) conn = migtune_conn_open(uri, 0, 0, NULL, error);
    g_auto(GStrv) keys = NULL;

    if (!conn)
        return NULL;
    keys = migtune_conn_list(conn, NULL, error);

    return keys && keys[0]
               ? migtune_conn_open_domain(conn, keys[0], NULL, error)
               : NULL;
}

static double
single_get(JsonObject *outcome, const char *member)
{
    return json_object_get_null_member(outcome, member)
               ? -1
               : json_object_get_double_member(outcome, member);
}

/* One migration of new guests. */
static gboolean
single_run(const char *release, unsigned int flags, GError **error)
{
    static const char *const words[] = { "compression=zstd",
                                         "parallel.connections=4",
                                         "downtime=500", NULL };
    static const char *const runs[] = { "-uuid", PAIRS_UUID, NULL };
    static const char *const waits[] = { "-uuid", PAIRS_UUID, "-incoming",
                                         "defer", NULL };
    g_autoptr(Guest) here = guest_new(release, runs);
    g_autoptr(Guest) there = guest_new(release, waits);
    g_autoptr(MigtuneDomain) source = single_open(here, error);
    g_autoptr(MigtuneDomain) destination =
        source ? single_open(there, error) : NULL;
    g_autoptr(MigtuneMigration) migration = NULL;
    g_autoptr(JsonNode) node = NULL;
    virTypedParameterPtr params = NULL;
    Begin begin = { 0 };
    JsonObject *outcome;
    gboolean ok;
    int n = 0;

    if (!destination || !migtune_typed_params_parse(words, &params, &n, error))
        return FALSE;
    begin.start = now();
    migration =
        migtune_migration_new(source, destination, params, n, flags, error);
    migtune_typed_params_free(params, n);
    if (!migration)
        return FALSE;
    migtune_migration_set_observer(migration, begin_sample, &begin, NULL);
    g_signal_connect(migration, "state", G_CALLBACK(begin_state), &begin);
    ok = migtune_migration_run(migration, NULL, error);
    if (!ok)
        return FALSE;

    begin_note(&begin);
    node = migtune_migration_to_json(migration);
    outcome = json_object_get_object_member(json_node_get_object(node),
                                            "outcome");
    printf("%f %f %f\n", (begin.started - begin.start) * MS,
           single_get(outcome, "downtime-ms"),
           single_get(outcome, "extra-downtime-ms"));

    return TRUE;
}

int
main(int argc, char **argv)
{
    g_autofree char *dir = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ok = FALSE;

    if (argc >= 3 && strcmp(argv[1], "many") == 0) {
        dir = g_dir_make_tmp("migtune-pairs-XXXXXX", &error);
        ok = dir && crowd_run(dir, atoi(argv[2]), &error);
    } else if (argc >= 3 && strcmp(argv[1], "one") == 0) {
        ok = single_run(argv[2], argc > 3 ? MIGTUNE_MIGRATION_TRUST_LINK : 0,
                        &error);
    }
    if (dir)
        remove_tree(dir);
    if (error)
        fprintf(stderr, "%s\n", error->message);

    return ok ? 0 : 1;
}
