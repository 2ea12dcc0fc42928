/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration whose source ends when it has sent everything, and whose
 * destination ends before it is told to run.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "core/core.h"
#include "qmp/exec.h"
#include "remove-tree.h"
#include "util/json-peek.h"

#define PATIENCE_US (60 * G_USEC_PER_SEC)

/* Both guests, as another client sees them. */
typedef struct {
    MigtuneDomain *source;
    MigtuneDomain *destination;
    gboolean source_ended;
    gboolean destination_ended;
} Ends;

/* The member of the answer to @command; for g_free(). */
static char *
ask(MigtuneDomain *domain, const char *command, const char *member)
{
    g_autoptr(JsonNode) answer =
        mt_exec_one(&domain->exec, command, NULL, NULL, NULL);

    g_assert_nonnull(answer);
    return g_strdup(mt_json_peek_string(json_node_get_object(answer), member));
}

static void
wait_for(MigtuneDomain *domain, const char *command, const char *expected)
{
    gint64 end_us = g_get_monotonic_time() + PATIENCE_US;

    for (;;) {
        g_autofree char *status = ask(domain, command, "status");

        if (g_strcmp0(status, expected) == 0)
            return;
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_usleep(1000);
    }
}

static void
quit(MigtuneDomain *domain)
{
    g_autoptr(JsonNode) answer =
        mt_exec_one(&domain->exec, "quit", NULL, NULL, NULL);

    while (migtune_domain_check_alive(domain, NULL))
        g_usleep(1000);
}

/* The migration is active: its next query finds no source. */
static void
on_progress(MigtuneMigration *migration, GVariant *progress, gpointer data)
{
    Ends *ends = data;

    if (ends->source_ended)
        return;
    wait_for(ends->source, "query-migrate", "completed");
    wait_for(ends->destination, "query-status", "paused");
    quit(ends->source);
    ends->source_ended = TRUE;
}

/* The destination has been seen. */
static void
on_state(MigtuneMigration *migration, const char *state, gpointer data)
{
    Ends *ends = data;

    if (strcmp(state, "starting") != 0)
        return;
    quit(ends->destination);
    ends->destination_ended = TRUE;
}

static MigtuneDomain *
open_guest(MigtuneConn *conn, const char *name)
{
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain = migtune_conn_open_domain(conn, name, NULL, &error);

    g_assert_no_error(error);
    return domain;
}

static void
test_both_end(void)
{
    static const char text[] =
        "<guests><guest name=\"x\"><qemu release=\"7.2\"/>"
        "<ram size=\"8MiB\" content=\"random\"/></guest>"
        "<guest name=\"y\"><qemu release=\"7.2\"/><ram size=\"8MiB\"/>"
        "<state>incoming</state></guest></guests>";
    g_autofree char *dir = g_dir_make_tmp("migtune-ends-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "guests.xml", NULL);
    g_autofree char *uri = g_strconcat("ref://", file, NULL);
    g_autofree char *link = g_strdup_printf("unix:%s/link", dir);
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) source = NULL;
    g_autoptr(MigtuneDomain) destination = NULL;
    g_autoptr(MigtuneMigration) migration = NULL;
    g_autoptr(JsonNode) report = NULL;
    g_autoptr(GError) error = NULL;
    Ends ends = { NULL };
    JsonObject *outcome;

    g_setenv("XDG_STATE_HOME", dir, TRUE);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_assert_no_error(error);
    source = open_guest(conn, "x");
    destination = open_guest(conn, "y");
    ends.source = open_guest(conn, "x");
    ends.destination = open_guest(conn, "y");
    /* The link is slow enough for a look at the migration while it is active. */
    migration = migtune_migration_new_settings(
        source, destination,
        g_variant_new_parsed("{'bandwidth': <'8MiB'>, 'downtime': <200>}"), 0,
        &error);
    g_assert_no_error(error);
    migtune_migration_set_address(migration, link, NULL);
    g_signal_connect(migration, "progress", G_CALLBACK(on_progress), &ends);
    g_signal_connect(migration, "state", G_CALLBACK(on_state), &ends);
    g_assert_false(migtune_migration_run(migration, NULL, &error));
    g_assert_true(ends.source_ended);
    g_assert_true(ends.destination_ended);
    g_test_message("%s", error->message);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STATE_UNKNOWN);
    report = migtune_migration_to_json(migration);
    outcome = json_object_get_object_member(json_node_get_object(report),
                                            "outcome");
    g_assert_cmpstr(json_object_get_string_member(outcome, "guest"), ==,
                    "stopped");
    g_object_unref(ends.source);
    g_object_unref(ends.destination);
    remove_tree(dir);
}

int
main(int argc, char **argv)
{
    g_autofree char *drivers = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers", "ref", NULL);

    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ends/both", test_both_end);

    return g_test_run();
}
