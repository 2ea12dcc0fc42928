/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library in a program that uses libvirt itself: the library does not run
 * the program's event loop, does not replace its handlers, and never blocks in
 * a call that can be cancelled.
 */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <libvirt/virterror.h>

#include "migtune/migtune.h"

#include "hosts.h"

static Host *alpha;

/* Counts callbacks in the thread that runs the event loop, and in other
 * threads. */
typedef struct {
    GThread *owner;
    gint n_right;               /* atomic, as is n_foreign */
    gint n_foreign;
} Calls;

static void
count_call(Calls *calls)
{
    if (g_thread_self() == calls->owner)
        g_atomic_int_inc(&calls->n_right);
    else
        g_atomic_int_inc(&calls->n_foreign);
}

static gboolean
on_glib_timer(gpointer data)
{
    count_call(data);

    return G_SOURCE_CONTINUE;
}

static void
on_libvirt_timer(int timer, void *data)
{
    count_call(data);
}

static void
on_event(MigtuneConn *conn, MigtuneEvent event, const char *key,
         const char *detail, gpointer user_data)
{
    g_atomic_int_inc((gint *)user_data);
}

static void
run_glib(void)
{
    g_main_context_iteration(NULL, TRUE);
}

static void
run_libvirt(void)
{
    virEventRunDefaultImpl();
}

/* Opens and watches connections while the program's event loop is not run,
 * is run by GLib, and is run by libvirt. */
static void
test_no_callback_in_a_foreign_thread(void)
{
    static void (*const loops[])(void) = { NULL, run_glib, run_libvirt };
    Calls calls = { g_thread_self(), 0, 0 };
    g_autofree char *remote = g_strdup_printf(
        "qemu+ext:///system?command=%s/relay", alpha->dir);
    g_autofree char *relay = g_build_filename(alpha->dir, "relay", NULL);
    g_autofree char *script = g_strdup_printf(
        "#!/usr/bin/env python3\n"
        "import os, socket, sys, threading\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "s.connect('%s/sock/libvirt-sock')\n"
        "def up():\n"
        "    while True:\n"
        "        data = os.read(0, 65536)\n"
        "        if not data: os._exit(0)\n"
        "        s.sendall(data)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while True:\n"
        "    data = s.recv(65536)\n"
        "    if not data: os._exit(0)\n"
        "    os.write(1, data)\n", alpha->dir);
    guint source = g_timeout_add(5, on_glib_timer, &calls);
    int timer = virEventAddTimeout(5, on_libvirt_timer, &calls, NULL);

    g_assert_true(g_file_set_contents(relay, script, -1, NULL));
    g_chmod(relay, 0755);
    for (gsize i = 0; i < G_N_ELEMENTS(loops); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MigtuneConn) local = migtune_conn_open(
            alpha->uri, 0, HOST_PATIENCE_MS, NULL, &error);
        g_autoptr(MigtuneConn) other = NULL;
        gint n_events = 0;
        gint64 end;

        g_assert_no_error(error);
        other = migtune_conn_open(remote, 0, HOST_PATIENCE_MS, NULL, &error);
        g_assert_no_error(error);
        migtune_conn_watch(local, on_event, &n_events, &error);
        g_assert_no_error(error);
        virDomainFree(host_add_guest(alpha, "noisy", TRUE));
        end = g_get_monotonic_time() + 500 * G_TIME_SPAN_MILLISECOND;
        while (g_get_monotonic_time() < end ||
               (loops[i] && g_atomic_int_get(&n_events) == 0)) {
            if (loops[i])
                loops[i]();
            else
                g_usleep(10000);
        }
        g_assert_cmpint(g_atomic_int_get(&calls.n_foreign), ==, 0);
        g_assert_true(!loops[i] || g_atomic_int_get(&calls.n_right) > 0);
        g_free(host_virsh(alpha, "destroy", "noisy", NULL));
        g_free(host_virsh(alpha, "undefine", "noisy", NULL));
    }
    virEventRemoveTimeout(timer);
    g_source_remove(source);
}

static void
set_downtime(MigtuneDomain *domain, const char *wish, GError **error)
{
    const char *wishes[] = { wish, NULL };
    virTypedParameterPtr params = NULL;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(wishes, &params, &n, error));
    migtune_domain_set_parameters(domain, params, n, 0, NULL, error);
    migtune_typed_params_free(params, n);
}

static void
on_close(virConnectPtr conn, int reason, void *data)
{
}

/* The library uses the program's own connection and domain, changes nothing
 * that belongs to the program, and releases its references. */
static void
test_the_programs_own_handles(void)
{
    virConnectPtr own = virConnectOpen(alpha->uri);
    virConnectPtr other = virConnectOpen(alpha->uri);
    virDomainPtr guest = host_add_guest(alpha, "owned", TRUE);
    virDomainPtr mine = virDomainLookupByName(own, "owned");
    virDomainPtr foreign = virDomainLookupByName(other, "owned");
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    unsigned long long downtime = 0;
    gint n_events = 0;

    virConnectRegisterCloseCallback(own, on_close, NULL, NULL);
    conn = migtune_conn_new_for_libvirt(own, 0, 0, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(migtune_conn_get_uri(conn), ==, alpha->uri);
    g_assert_null(migtune_conn_open_libvirt_domain(conn, foreign, NULL,
                                                   &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    domain = migtune_conn_open_libvirt_domain(conn, mine, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(migtune_domain_get_key(domain), ==, "owned");
    set_downtime(domain, "downtime=77", &error);
    g_assert_no_error(error);
    g_assert_cmpint(virDomainMigrateGetMaxDowntime(mine, &downtime, 0), ==, 0);
    g_assert_cmpuint(downtime, ==, 77);

    /* The events arrive through the program's event loop. */
    migtune_conn_watch(conn, on_event, &n_events, &error);
    g_assert_no_error(error);
    virDomainDestroy(guest);
    while (g_atomic_int_get(&n_events) == 0)
        run_libvirt();
    set_downtime(domain, "downtime=78", &error);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);
    g_clear_error(&error);
    g_assert_true(migtune_conn_watch(conn, NULL, NULL, NULL));

    /* The program's close callback is still registered. */
    g_assert_cmpint(virConnectUnregisterCloseCallback(own, on_close), ==, 0);

    /* If the program's connection is lost, the program has to open it again;
     * the library does not. */
    host_kill_daemon(alpha);
    g_strfreev(migtune_conn_list(conn, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    host_revive(alpha);

    g_clear_pointer(&domain, migtune_domain_unref);
    g_clear_pointer(&conn, migtune_conn_unref);
    virDomainFree(foreign);
    virDomainFree(mine);
    virConnectClose(other);
    g_assert_cmpint(virConnectClose(own), ==, 0);
    g_free(host_virsh(alpha, "undefine", "owned", NULL));
    virDomainFree(guest);
}

/* A call that exceeds its time limit leaves the program's connection usable. */
static void
test_a_timeout_keeps_the_connection(void)
{
    virDomainPtr guest = host_add_guest(alpha, "slow", TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;

    conn = migtune_conn_new_for_libvirt(alpha->conn, MIGTUNE_CONN_NO_MONITOR,
                                        2000, NULL, &error);
    g_assert_no_error(error);
    host_hang_daemon(alpha);
    g_strfreev(migtune_conn_list(conn, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    g_clear_error(&error);
    host_wake_daemon(alpha);
    /* The daemon may answer late. */
    do {
        g_clear_error(&error);
        domain = migtune_conn_open_domain(conn, "slow", NULL, &error);
    } while (g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT));
    g_assert_no_error(error);
    g_clear_pointer(&domain, migtune_domain_unref);
    virDomainDestroy(guest);
    virDomainUndefine(guest);
    virDomainFree(guest);
}

static void
on_error(void *data, virErrorPtr error)
{
    (*(guint *)data)++;
}

static void
test_the_error_handler_stays(void)
{
    g_autoptr(MigtuneConn) conn = NULL;
    guint n_called = 0;

    virSetErrorFunc(&n_called, on_error);
    conn = migtune_conn_open(alpha->uri, 0, HOST_PATIENCE_MS, NULL, NULL);
    g_assert_nonnull(conn);
    /* An error on the library's connection is not reported to the program's
     * error handler. */
    g_assert_null(migtune_conn_lookup(conn, "no-such-guest", NULL, NULL));
    g_assert_cmpuint(n_called, ==, 0);
    g_assert_null(virConnectOpen("bogus:///system"));
    g_assert_cmpuint(n_called, ==, 1);
    virSetErrorFunc(NULL, NULL);
}

static guint
count_watch_threads(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/task", 0, NULL);
    const char *task;
    guint n = 0;

    while ((task = g_dir_read_name(dir))) {
        g_autofree char *path = g_strdup_printf("/proc/self/task/%s/comm",
                                                task);
        g_autofree char *name = NULL;

        if (g_file_get_contents(path, &name, NULL, NULL))
            n += g_str_has_prefix(name, "libvirt-watch");
    }

    return n;
}

/* A thread takes its name after its start, and may be listed for a moment after
 * its end. */
static void
wait_for_watch_threads(guint n)
{
    gint64 end_us = g_get_monotonic_time() +
                    HOST_PATIENCE_MS * G_TIME_SPAN_MILLISECOND;

    while (count_watch_threads() != n) {
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_usleep(5000);
    }
}

static gpointer
watch_often(gpointer conn)
{
    static gint n_events;

    for (guint i = 0; i < 5; i++)
        migtune_conn_watch(conn, on_event, &n_events, NULL);

    return NULL;
}

static void
test_watching_from_several_threads(void)
{
    MigtuneConn *conn = migtune_conn_open(alpha->uri, 0, HOST_PATIENCE_MS, NULL,
                                          NULL);
    GThread *threads[3];

    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("watcher", watch_often, conn);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    wait_for_watch_threads(1);
    g_assert_true(migtune_conn_watch(conn, NULL, NULL, NULL));
    wait_for_watch_threads(0);
    migtune_conn_unref(conn);
}

static gpointer
cancel_soon(gpointer cancellable)
{
    g_usleep(300 * 1000);
    g_cancellable_cancel(cancellable);

    return NULL;
}

static double
seconds_since(gint64 begin_us)
{
    return (g_get_monotonic_time() - begin_us) / (double)G_USEC_PER_SEC;
}

/* The watch of a lost connection reconnects to a daemon that accepts the
 * connection but never answers. */
static void
test_a_hanging_connect_can_be_cancelled(void)
{
    g_autofree char *path = g_build_filename(alpha->dir, "link", NULL);
    g_autofree char *real = g_build_filename(alpha->dir, "sock",
                                             "libvirt-sock", NULL);
    g_autofree char *uri = g_strdup_printf(
        "qemu+unix:///system?socket=%s", path);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocket) silent = g_socket_new(G_SOCKET_FAMILY_UNIX,
                                             G_SOCKET_TYPE_STREAM, 0, NULL);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) keys = NULL;
    GThread *thread;
    MigtuneConn *conn;
    gint64 begin;
    gint n_events = 0;

    g_assert_cmpint(symlink(real, path), ==, 0);
    conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    migtune_conn_watch(conn, on_event, &n_events, &error);
    g_assert_no_error(error);
    g_unlink(path);
    g_assert_true(g_socket_bind(silent, address, TRUE, NULL));
    g_assert_true(g_socket_listen(silent, NULL));
    host_kill_daemon(alpha);
    /* The loss of the connection is reported as an event. */
    while (g_atomic_int_get(&n_events) == 0)
        run_libvirt();

    thread = g_thread_new("cancel", cancel_soon, cancellable);
    begin = g_get_monotonic_time();
    keys = migtune_conn_list(conn, cancellable, &error);
    g_test_message("cancelled after %.2f s: %s", seconds_since(begin),
                   error->message);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_assert_cmpfloat(seconds_since(begin), <, 20);
    g_thread_join(thread);
    begin = g_get_monotonic_time();
    migtune_conn_unref(conn);
    g_test_message("closed after %.2f s", seconds_since(begin));
    g_assert_cmpfloat(seconds_since(begin), <, 20);

    g_unlink(path);
    host_revive(alpha);
}

/* A thread that uses a connection, and how that ended. */
typedef struct {
    MigtuneConn *conn;
    GCancellable *cancellable;
    GError *error;
} Lister;

static gpointer
list_in_thread(gpointer data)
{
    Lister *lister = data;

    g_strfreev(migtune_conn_list(lister->conn, lister->cancellable,
                                 &lister->error));

    return NULL;
}

/* One thread opens a lost connection again, and the daemon does not answer.
 * Another thread needs the connection, too: cancelling it ends its own call only,
 * and the first thread goes on. */
static void
test_a_thread_that_waits_can_be_cancelled(void)
{
    g_autofree char *path = g_build_filename(alpha->dir, "link", NULL);
    g_autofree char *real = g_build_filename(alpha->dir, "sock",
                                             "libvirt-sock", NULL);
    g_autofree char *uri = g_strdup_printf(
        "qemu+unix:///system?socket=%s", path);
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocket) silent = g_socket_new(G_SOCKET_FAMILY_UNIX,
                                             G_SOCKET_TYPE_STREAM, 0, NULL);
    g_autoptr(GSocket) first_peer = NULL;
    g_autoptr(GError) error = NULL;
    Lister first = { NULL, g_cancellable_new(), NULL };
    Lister second = { NULL, g_cancellable_new(), NULL };
    GThread *threads[2];
    GThread *canceller;
    gint64 begin;

    g_assert_cmpint(symlink(real, path), ==, 0);
    first.conn = migtune_conn_open(uri, 0, 600000, NULL, &error);
    g_assert_no_error(error);
    second.conn = first.conn;
    g_unlink(path);
    g_assert_true(g_socket_bind(silent, address, TRUE, NULL));
    g_assert_true(g_socket_listen(silent, NULL));
    host_kill_daemon(alpha);

    threads[0] = g_thread_new("first", list_in_thread, &first);
    first_peer = g_socket_accept(silent, NULL, &error);
    g_assert_no_error(error);
    begin = g_get_monotonic_time();
    threads[1] = g_thread_new("second", list_in_thread, &second);
    canceller = g_thread_new("cancel", cancel_soon, second.cancellable);
    g_thread_join(threads[1]);
    g_thread_join(canceller);
    g_test_message("%s after %.2f s", second.error->message,
                   seconds_since(begin));
    g_assert_error(second.error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    assert_has(second.error->message, "while another thread was connecting");
    g_assert_cmpfloat(seconds_since(begin), <, 60);
    g_assert_false(g_cancellable_is_cancelled(first.cancellable));
    /* The first thread still waits, and can be cancelled itself. */
    g_assert_false(migtune_wait_idle(0));
    g_cancellable_cancel(first.cancellable);
    g_thread_join(threads[0]);
    g_assert_error(first.error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);

    /* The thread that connects is left behind until the peer is gone. */
    g_assert_false(migtune_wait_idle(0));
    g_socket_close(first_peer, NULL);
    g_assert_true(migtune_wait_idle(HOST_PATIENCE_MS));

    migtune_conn_unref(first.conn);
    g_clear_error(&first.error);
    g_clear_error(&second.error);
    g_object_unref(first.cancellable);
    g_object_unref(second.cancellable);
    g_unlink(path);
    host_revive(alpha);
}

/* A command whose time limit ends while libvirt still connects in another thread
 * ends in an orderly way: the libraries' destructors do not take away what that
 * thread uses.  The daemon never answers.  With so short a limit many of the
 * commands end in the middle of libvirt's initialization. */
static void
test_a_command_ends_beside_a_connecting_thread(void)
{
    g_autofree char *path = g_build_filename(alpha->dir, "silent", NULL);
    g_autofree char *uri = g_strdup_printf(
        "qemu+unix:///system?socket=%s", path);
    g_autofree char *tool = hosts_find_migtune();
    const char *argv[] = { tool, "-t", "0.001", "-c", uri, "list", NULL };
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocket) silent = g_socket_new(G_SOCKET_FAMILY_UNIX,
                                             G_SOCKET_TYPE_STREAM, 0, NULL);

    g_assert_true(g_socket_bind(silent, address, TRUE, NULL));
    g_socket_set_listen_backlog(silent, 128);
    g_assert_true(g_socket_listen(silent, NULL));
    for (guint i = 0; i < 100; i++) {
        g_autofree char *text = hosts_run(argv);

        g_assert_cmpstr(text, ==, "exit 1\nmigtune: libvirt did not connect "
                                  "within 1 ms");
    }
    g_unlink(path);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    /* Every client of libvirt needs this, because it writes to sockets that
     * may be closed. */
    signal(SIGPIPE, SIG_IGN);
    virEventRegisterDefaultImpl();
    g_test_add_func("/libvirt/program/no-callback-in-a-foreign-thread",
                    test_no_callback_in_a_foreign_thread);
    g_test_add_func("/libvirt/program/the-programs-own-handles",
                    test_the_programs_own_handles);
    g_test_add_func("/libvirt/program/a-timeout-keeps-the-connection",
                    test_a_timeout_keeps_the_connection);
    g_test_add_func("/libvirt/program/the-error-handler-stays",
                    test_the_error_handler_stays);
    g_test_add_func("/libvirt/program/watching-from-several-threads",
                    test_watching_from_several_threads);
    g_test_add_func("/libvirt/program/a-hanging-connect-can-be-cancelled",
                    test_a_hanging_connect_can_be_cancelled);
    g_test_add_func("/libvirt/program/a-thread-that-waits-can-be-cancelled",
                    test_a_thread_that_waits_can_be_cancelled);
    g_test_add_func("/libvirt/program/a-command-ends-beside-a-connecting-thread",
                    test_a_command_ends_beside_a_connecting_thread);

    alpha = host_new("alpha", 1, NULL);
    status = g_test_run();
    host_free(alpha);

    return status;
}
