/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that stay open while guests of a real libvirt are stopped,
 * started again or migrated, and while the daemon is restarted or hangs.  An
 * opened domain is never taken for another QEMU process.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "hosts.h"
#include "migtune/migtune.h"

#define EVENT_SECONDS 30

/* Without events, libvirt is asked for the state again after this time. */
#define PAUSE_US (700 * G_TIME_SPAN_MILLISECOND)

static Host *alpha;
static Host *beta;

/* Notes events as "KEY EVENT DETAIL". */
static void
note(MigtuneConn *conn, MigtuneEvent event, const char *key,
     const char *detail, gpointer user_data)
{
    g_async_queue_push(user_data,
                       g_strdup_printf("%s %s %s", key ? key : "-",
                                       migtune_event_to_string(event),
                                       detail ? detail : "-"));
}

static void
expect(GAsyncQueue *queue, const char *expected)
{
    g_autofree char *text = g_async_queue_timeout_pop(
        queue, EVENT_SECONDS * G_USEC_PER_SEC);

    g_assert_cmpstr(text, ==, expected);
}

static MigtuneConn *
open_conn(const Host *host, guint timeout_ms)
{
    g_autoptr(GError) error = NULL;
    MigtuneConn *conn =
        migtune_conn_open(host->uri, MIGTUNE_CONN_MANAGE_LIBVIRT, timeout_ms,
                          NULL, &error);

    g_assert_no_error(error);
    return conn;
}

static MigtuneConn *
watch_conn(const Host *host, guint timeout_ms, GAsyncQueue *queue)
{
    MigtuneConn *conn = open_conn(host, timeout_ms);
    g_autoptr(GError) error = NULL;

    migtune_conn_watch(conn, note, queue, &error);
    g_assert_no_error(error);
    return conn;
}

static MigtuneDomain *
open_domain(MigtuneConn *conn, const char *name)
{
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain = migtune_conn_lookup(conn, name, NULL, &error);

    g_assert_no_error(error);
    return domain;
}

static gboolean
change(MigtuneDomain *domain, const char *text, unsigned int flags,
       GError **error)
{
    virTypedParameterPtr params = NULL;
    const char *wishes[] = { text, NULL };
    int n_params = 0;
    gboolean ok;

    ok = migtune_typed_params_parse(wishes, &params, &n_params, error) &&
         migtune_domain_set_parameters(domain, params, n_params, flags, NULL,
                                       error);
    migtune_typed_params_free(params, n_params);

    return ok;
}

static gboolean
set_downtime(MigtuneDomain *domain, const char *text, GError **error)
{
    return change(domain, text, 0, error);
}

static gboolean
keep_downtime(MigtuneDomain *domain, const char *text, GError **error)
{
    return change(domain, text, MIGTUNE_SET_CONFIG, error);
}

static void
assert_untunable(MigtuneDomain *domain, const char *part)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(set_downtime(domain, "downtime=77", &error));
    g_test_message("%s", error->message);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);
    assert_has(error->message, part);
}

static void
assert_gone(MigtuneDomain *domain, const char *part)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info = NULL;

    assert_untunable(domain, part);
    info = migtune_domain_get_info(domain, NULL, &error);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);
    assert_has(error->message, part);
}

static void
assert_tunable(MigtuneDomain *domain, const char *wish)
{
    g_autoptr(GError) error = NULL;

    set_downtime(domain, wish, &error);
    g_assert_no_error(error);
}

static void
assert_downtime(const Host *host, const char *name, const char *expected)
{
    g_autofree char *text = host_virsh(host, "migrate-getmaxdowntime", name,
                                       NULL);

    g_strstrip(text);
    g_assert_cmpstr(text, ==, expected);
}

static void
remove_guest(virDomainPtr domain)
{
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

static void
test_restarted(void)
{
    g_autoptr(GAsyncQueue) queue = g_async_queue_new_full(g_free);
    virDomainPtr guest = host_add_guest(alpha, "again", TRUE);
    g_autoptr(MigtuneConn) conn = watch_conn(alpha, 0, queue);
    g_autoptr(MigtuneDomain) former = open_domain(conn, "again");
    g_autoptr(MigtuneDomain) present = NULL;

    assert_tunable(former, "downtime=55");
    virDomainDestroy(guest);
    expect(queue, "again stopped destroyed");
    assert_gone(former, "it was stopped (destroyed)");
    virDomainCreate(guest);
    expect(queue, "again started booted");
    assert_gone(former, "it was stopped");

    present = open_domain(conn, "again");
    assert_downtime(alpha, "again", "300");
    assert_tunable(present, "downtime=66");
    assert_downtime(alpha, "again", "66");

    /* Without events the change is still detected. */
    g_assert_true(migtune_conn_watch(conn, NULL, NULL, NULL));
    virDomainDestroy(guest);
    virDomainCreate(guest);
    assert_gone(present, "it was stopped and started again");
    assert_downtime(alpha, "again", "300");
    g_assert_null(g_async_queue_try_pop(queue));

    remove_guest(guest);
}

/* A plan is refused if the guest has another QEMU process than the one for
 * which the plan was made. */
static void
test_stale_plan(void)
{
    virDomainPtr guest = host_add_guest(alpha, "stale", TRUE);
    g_autoptr(MigtuneConn) conn = open_conn(alpha, 0);
    g_autoptr(MigtuneDomain) domain = open_domain(conn, "stale");
    const char *wishes[] = { "downtime=88", "xbzrle=on", NULL };
    virTypedParameterPtr params = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    int n_params;

    g_assert_true(migtune_typed_params_parse(wishes, &params, &n_params,
                                             &error));
    plan = migtune_domain_plan(domain, params, n_params, 0, NULL, &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n_params);
    virDomainDestroy(guest);
    virDomainCreate(guest);
    g_assert_false(migtune_plan_apply(plan, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);
    assert_has(error->message, "it was stopped and started again");
    assert_downtime(alpha, "stale", "300");

    remove_guest(guest);
}

/* Without events and without a change by migtune, the restart of the guest
 * is detected after a pause. */
static void
test_without_events(void)
{
    virDomainPtr guest = host_add_guest(alpha, "quiet", TRUE);
    g_autoptr(MigtuneConn) conn = open_conn(alpha, 0);
    g_autoptr(MigtuneDomain) domain = open_domain(conn, "quiet");
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info = migtune_domain_get_info(domain, NULL, &error);

    g_assert_no_error(error);
    virDomainDestroy(guest);
    virDomainCreate(guest);
    g_usleep(PAUSE_US);
    g_assert_null(migtune_domain_get_info(domain, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);
    assert_has(error->message, "it was stopped and started again");
    g_clear_error(&error);
    virDomainDestroy(guest);
    g_assert_null(migtune_domain_get_info(domain, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);

    remove_guest(guest);
}

static void
test_moved_away(void)
{
    g_autoptr(GAsyncQueue) from_events = g_async_queue_new_full(g_free);
    g_autoptr(GAsyncQueue) to_events = g_async_queue_new_full(g_free);
    virDomainPtr guest = host_add_guest(alpha, "mover", TRUE);
    g_autoptr(MigtuneConn) from = watch_conn(alpha, 0, from_events);
    g_autoptr(MigtuneConn) to = watch_conn(beta, 0, to_events);
    g_autoptr(MigtuneDomain) domain = open_domain(from, "mover");
    g_autoptr(MigtuneDomain) there = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info = NULL;
    virDomainPtr moved;

    /* Both hosts are on this machine, so the floppy image needs no copy. */
    moved = virDomainMigrate3(guest, beta->conn, NULL, 0,
                              VIR_MIGRATE_LIVE | VIR_MIGRATE_PERSIST_DEST);
    if (!moved)
        g_error("%s", virGetLastErrorMessage());
    expect(from_events, "mover migrated migrated");
    expect(to_events, "mover started arrived");
    assert_untunable(domain, "it was migrated to another host");
    /* What became of it is still known. */
    info = migtune_domain_get_job_info(domain, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(info),
                                                  "job"), ==, "completed");

    there = open_domain(to, "mover");
    assert_tunable(there, "downtime=99");
    assert_downtime(beta, "mover", "99");
    remove_guest(moved);
    remove_guest(guest);
}

/* Kills the QEMU of a guest without telling libvirt. */
static void
kill_guest(const Host *host, const char *name)
{
    g_autofree char *script = g_strdup_printf(
        "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | "
        "grep -q 'guest[=]%s,.*%s' && kill -9 ${p#/proc/} && echo killed; "
        "done; :", name, host->dir);
    const char *argv[] = { "sh", "-c", script, NULL };
    g_autofree char *text = hosts_run(argv);

    assert_has(text, "killed");
}

/* A connection reconnects to a restarted daemon and receives events again. */
static void
test_daemon_restarts(void)
{
    g_autoptr(GAsyncQueue) queue = g_async_queue_new_full(g_free);
    virDomainPtr guest = host_add_guest(alpha, "lasting", TRUE);
    virDomainPtr other = host_add_guest(alpha, "leaving", TRUE);
    g_autoptr(MigtuneConn) conn = watch_conn(alpha, 0, queue);
    g_autoptr(MigtuneDomain) domain = open_domain(conn, "lasting");
    g_autoptr(MigtuneDomain) left = open_domain(conn, "leaving");
    /* A connection that does not receive events. */
    g_autoptr(MigtuneConn) plain = open_conn(alpha, 0);
    g_autoptr(MigtuneDomain) same = open_domain(plain, "lasting");
    g_autoptr(MigtuneDomain) ended = open_domain(plain, "leaving");
    g_autoptr(MigtuneConn) idle = open_conn(alpha, 0);
    g_autoptr(MigtuneDomain) kept = open_domain(idle, "lasting");

    virDomainFree(guest);
    virDomainFree(other);
    host_kill_daemon(alpha);
    expect(queue, "- lost -");
    /* The guest ends while no daemon runs. */
    kill_guest(alpha, "leaving");
    host_revive(alpha);
    expect(queue, "- regained -");
    expect(queue, "leaving stopped unseen");
    assert_gone(left, "it was stopped");
    assert_gone(ended, "it was stopped");
    assert_tunable(domain, "downtime=44");
    {
        /* Settings can be kept after a restart of the daemon, also for a
         * guest whose process has ended. */
        g_autoptr(GError) error = NULL;

        keep_downtime(kept, "downtime=46", &error);
        g_assert_no_error(error);
        keep_downtime(ended, "downtime=46", &error);
        g_assert_no_error(error);
    }
    assert_tunable(same, "downtime=45");
    assert_downtime(alpha, "lasting", "45");

    guest = virDomainLookupByName(alpha->conn, "lasting");
    virDomainDestroy(guest);
    expect(queue, "lasting stopped destroyed");
    remove_guest(guest);
    remove_guest(virDomainLookupByName(alpha->conn, "leaving"));
}

/* A guest that was started again while the connection was lost: both changes
 * are reported when the connection is there again.  The connection uses a
 * symbolic link to the socket, so that the test decides when that is. */
static void
test_restarted_while_lost(void)
{
    g_autoptr(GAsyncQueue) queue = g_async_queue_new_full(g_free);
    virDomainPtr guest = host_add_guest(alpha, "again", TRUE);
    g_autofree char *link = g_build_filename(alpha->dir, "link", NULL);
    Host linked = {
        .uri = g_strdup_printf("qemu+unix:///system?socket=%s", link)
    };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) former = NULL;
    g_autoptr(MigtuneDomain) present = NULL;

    g_assert_cmpint(symlink("sock/libvirt-sock", link), ==, 0);
    conn = watch_conn(&linked, 0, queue);
    former = open_domain(conn, "again");
    virDomainFree(guest);
    host_kill_daemon(alpha);
    expect(queue, "- lost -");
    g_assert_cmpint(g_unlink(link), ==, 0);
    host_revive(alpha);
    guest = virDomainLookupByName(alpha->conn, "again");
    /* It has ended already if the new daemon lost its monitor. */
    virDomainDestroy(guest);
    g_assert_cmpint(virDomainCreate(guest), ==, 0);
    g_assert_cmpint(symlink("sock/libvirt-sock", link), ==, 0);
    expect(queue, "- regained -");
    expect(queue, "again stopped unseen");
    expect(queue, "again started unseen");
    assert_gone(former, "it was stopped");
    present = open_domain(conn, "again");
    assert_tunable(present, "downtime=66");

    remove_guest(guest);
    g_assert_cmpint(g_unlink(link), ==, 0);
    g_free(linked.uri);
}

static double
seconds_since(gint64 begin)
{
    return (g_get_monotonic_time() - begin) / 1e6;
}

/* The limit of a call: long enough for a busy daemon that does not hang. */
#define HANG_MS 5000

/* Commands end at the time limit, too, and at Ctrl-C long before it. */
static void
check_commands_beside_a_hanging_daemon(void)
{
    static const char *const commands[] = {
        "list", "dominfo patient", "domjobinfo patient",
        "migrate-getparameters patient", "migrate-setparameters patient "
        "downtime=44",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        gint64 begin = g_get_monotonic_time();
        g_autofree char *tool = hosts_find_migtune();
        const char *argv[] = { "timeout", "--foreground", "-s", "INT", "1",
                               tool, "-t", "600", "-c", alpha->uri,
                               commands[i], NULL };
        g_autofree char *text = host_migtune(alpha, "-t", "1", commands[i],
                                             NULL);
        g_autofree char *interrupted = hosts_run(argv);

        g_test_message("%s: %s; %s", commands[i], text, interrupted);
        assert_has(text, "exit 1");
        assert_has(text, "did not connect within 1000 ms");
        /* timeout(1) reports that it has sent a signal. */
        assert_has(interrupted, "exit 124");
        assert_has(interrupted, "cancelled while connecting to libvirt");
        g_assert_cmpfloat(seconds_since(begin), <, 120);
    }
}

/* A daemon that does not answer: calls end at the time limit, with a clear
 * message. */
static void
test_daemon_hangs(void)
{
    virDomainPtr guest = host_add_guest(alpha, "patient", TRUE);
    MigtuneConn *conn = open_conn(alpha, HANG_MS);
    MigtuneDomain *domain = open_domain(conn, "patient");
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) keys = NULL;
    gint64 begin;

    virDomainFree(guest);
    host_hang_daemon(alpha);
    begin = g_get_monotonic_time();
    g_assert_false(set_downtime(domain, "downtime=44", &error));
    g_test_message("%s after %.1f s", error->message, seconds_since(begin));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    assert_has(error->message, "within 5000 ms");
    g_clear_error(&error);
    /* A new connection fails at the time limit, too. */
    keys = migtune_conn_list(conn, NULL, &error);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    assert_has(error->message, "did not connect within 5000 ms");
    g_assert_cmpfloat(seconds_since(begin), <, 60);
    migtune_domain_unref(domain);
    migtune_conn_unref(conn);

    check_commands_beside_a_hanging_daemon();
    host_wake_daemon(alpha);
    g_free(host_virsh(alpha, "destroy", "patient", NULL));
    g_free(host_virsh(alpha, "undefine", "patient", NULL));
}

/* A hanging daemon is detected although no call is made. */
static void
test_keepalive(void)
{
    g_autoptr(GAsyncQueue) queue = g_async_queue_new_full(g_free);
    MigtuneConn *conn = watch_conn(alpha, 1000, queue);
    virDomainPtr guest;
    gint64 begin;

    host_hang_daemon(alpha);
    begin = g_get_monotonic_time();
    expect(queue, "- lost -");
    g_test_message("lost after %.1f s", seconds_since(begin));
    g_assert_cmpfloat(seconds_since(begin), >, 4);
    host_wake_daemon(alpha);
    expect(queue, "- regained -");
    guest = host_add_guest(alpha, "new", TRUE);
    expect(queue, "new started booted");
    remove_guest(guest);

    /* Closing the connection does not wait for the daemon. */
    host_hang_daemon(alpha);
    begin = g_get_monotonic_time();
    migtune_conn_unref(conn);
    g_assert_cmpfloat(seconds_since(begin), <, 5);
    host_wake_daemon(alpha);
}

static void
test_command(void)
{
    virDomainPtr guest = host_add_guest(alpha, "seen", FALSE);
    g_autofree char *tool = hosts_find_migtune();
    const char *argv[] = { tool, "-c", alpha->uri, "event", "seen",
                           "--timeout", "30", NULL };
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GSubprocess) process = g_subprocess_newv(
        argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    char head[8];
    gsize length;

    g_assert_no_error(error);
    /* The command prints this line only when it receives events. */
    g_assert_true(g_input_stream_read_all(
        g_subprocess_get_stdout_pipe(process), head, sizeof(head), &length,
        NULL, &error));
    g_assert_cmpint(strncmp(head, "Waiting ", sizeof(head)), ==, 0);
    virDomainCreate(guest);
    g_subprocess_communicate_utf8(process, NULL, NULL, &text, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
    assert_has(text, "seen: started (booted)");

    g_clear_pointer(&text, g_free);
    text = host_migtune(alpha, "event", "missing", NULL);
    assert_has(text, "no domain with the name, UUID or number 'missing'");
    g_clear_pointer(&text, g_free);
    text = host_migtune(alpha, "event", "seen", "--timeout", "1", NULL);
    assert_has(text, "exit 1");
    assert_has(text, "no event within 1 s");

    remove_guest(guest);
}

static void
note_end(GObject *object, GAsyncResult *result, gpointer data)
{
    char **ret_text = data;

    if (!g_subprocess_communicate_utf8_finish(G_SUBPROCESS(object), result,
                                              ret_text, NULL, NULL))
        *ret_text = g_strdup("");
}

/* The command knows a guest that is stopped and started all the time, and
 * prints its first event as JSON. */
static void
test_command_restarts(void)
{
    virDomainPtr guest = host_add_guest(alpha, "seen", TRUE);
    g_autofree char *tool = hosts_find_migtune();
    const char *argv[] = { tool, "--json", "-c", alpha->uri, "event", "seen",
                           NULL };
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GSubprocess) process = g_subprocess_newv(
        argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);

    g_assert_no_error(error);
    g_subprocess_communicate_utf8_async(process, NULL, NULL, note_end, &text);
    while (!text) {
        virDomainDestroy(guest);
        virDomainCreate(guest);
        while (g_main_context_iteration(NULL, FALSE))
            continue;
    }
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
    node = json_from_string(text, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(node),
                                                  "domain"), ==, "seen");

    remove_guest(guest);
}

/* A guest that is started again between the list and its opening is opened as
 * the process that runs now. */
static void
test_restarted_before_it_was_opened(void)
{
    virDomainPtr guest = host_add_guest(alpha, "again", TRUE);
    g_autoptr(MigtuneConn) conn = open_conn(alpha, 0);
    g_autoptr(MigtuneDomain) domain = NULL;
    g_auto(GStrv) keys = NULL;
    g_autoptr(GError) error = NULL;

    keys = migtune_conn_list(conn, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_strv_contains((const char *const *)keys, "again"));
    virDomainDestroy(guest);
    g_assert_cmpint(virDomainCreate(guest), ==, 0);
    domain = migtune_conn_open_domain(conn, "again", NULL, &error);
    g_assert_no_error(error);
    set_downtime(domain, "downtime=123", &error);
    g_assert_no_error(error);
    /* Later the state is asked for again. */
    g_usleep(PAUSE_US);
    set_downtime(domain, "downtime=124", &error);
    g_assert_no_error(error);

    virDomainDestroy(guest);
    virDomainUndefine(guest);
    virDomainFree(guest);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    g_test_add_func("/libvirt/events/restarted-before-it-was-opened",
                    test_restarted_before_it_was_opened);
    g_test_add_func("/libvirt/events/restarted", test_restarted);
    g_test_add_func("/libvirt/events/stale-plan", test_stale_plan);
    g_test_add_func("/libvirt/events/without-events", test_without_events);
    g_test_add_func("/libvirt/events/moved-away", test_moved_away);
    g_test_add_func("/libvirt/events/daemon-restarts", test_daemon_restarts);
    g_test_add_func("/libvirt/events/restarted-while-lost",
                    test_restarted_while_lost);
    g_test_add_func("/libvirt/events/daemon-hangs", test_daemon_hangs);
    g_test_add_func("/libvirt/events/keepalive", test_keepalive);
    g_test_add_func("/libvirt/events/command", test_command);
    g_test_add_func("/libvirt/events/command-restarts", test_command_restarts);

    alpha = host_new("alpha", 1, NULL);
    beta = host_new("beta", 2, alpha);
    status = g_test_run();
    host_free(beta);
    host_free(alpha);

    return status;
}
