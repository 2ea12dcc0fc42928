/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program follows a migration that another program runs between two libvirts,
 * changes settings meanwhile, and learns how the migration has ended.
 */
#include "config.h"

#include <string.h>

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "hosts.h"
#include "migtune/migtune.h"

#define JOBS_SECONDS 120
/* How often a migration is repeated that has ended before it was cancelled: on a
 * busy machine the guest may write nothing for a moment. */
#define JOBS_MAX_EARLY_ENDS 3
/* Queries during a migration by the same connection. */
#define JOBS_N_QUERIES 300

static Host *alpha;
static Host *beta;

/* Starts `migtune migrate`, with up to two settings. */
static GSubprocess *
start_migration(const char *name, const char *first, const char *second)
{
    g_autofree char *tool = hosts_find_migtune();
    const char *argv[] = { tool, "-c", alpha->uri, "migrate", name,
                           beta->uri, "--p2p", first, second, NULL };
    g_autoptr(GError) error = NULL;
    GSubprocess *process = g_subprocess_newv(
        argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
        &error);

    g_assert_no_error(error);
    return process;
}

/* Waits for the end of @process; returns whether it succeeded. */
static gboolean
end_migration(GSubprocess *process)
{
    g_autofree char *text = NULL;

    g_subprocess_communicate_utf8(process, NULL, NULL, &text, NULL, NULL);
    g_test_message("%s", text);

    return g_subprocess_get_if_exited(process) &&
           g_subprocess_get_exit_status(process) == 0;
}

static unsigned long long
count_passes(virDomainPtr guest)
{
    virTypedParameterPtr params = NULL;
    unsigned long long n_passes = 0;
    int n_params = 0;
    int type = 0;

    if (virDomainGetJobStats(guest, &type, &params, &n_params, 0) < 0)
        return 0;
    virTypedParamsGetULLong(params, n_params, VIR_DOMAIN_JOB_MEMORY_ITERATION,
                            &n_passes);
    virTypedParamsFree(params, n_params);

    return n_passes;
}

static MigtuneDomain *
open_domain(const char *name, MigtuneConnFlags flags)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = migtune_conn_new_for_libvirt(
        alpha->conn, flags, HOST_PATIENCE_MS, NULL, &error);
    MigtuneDomain *domain;

    g_assert_no_error(error);
    domain = migtune_conn_open_domain(conn, name, NULL, &error);
    g_assert_no_error(error);

    return domain;
}

/* The state of the migration of @domain; for g_free(). */
static char *
get_job(MigtuneDomain *domain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info = migtune_domain_get_job_info(domain, NULL,
                                                           &error);

    g_assert_no_error(error);
    return g_strdup(json_object_get_string_member(json_node_get_object(info),
                                                  "job"));
}

static void
assert_job(MigtuneDomain *domain, const char *expected)
{
    g_autofree char *job = get_job(domain);

    g_assert_cmpstr(job, ==, expected);
}

static GError *
set_one(MigtuneDomain *domain, const char *setting)
{
    const char *const settings[] = { setting, NULL };
    virTypedParameterPtr params = NULL;
    GError *error = NULL;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(settings, &params, &n, NULL));
    migtune_domain_set_parameters(domain, params, n, 0, NULL, &error);
    migtune_typed_params_free(params, n);

    return error;
}

static GError *
wait_for_end(MigtuneDomain *domain)
{
    GError *error = NULL;

    migtune_domain_wait_job(domain, HOST_PATIENCE_MS, 0, NULL, NULL, NULL,
                            &error);
    return error;
}

/* The results of the calls of one test during a migration. */
typedef struct {
    GError *by_monitor;
    GError *by_libvirt;
    GError *without_monitor;
    GError *abort;
    gint64 refused_us;
    unsigned long long downtime_ms;
    char *job;
    char *other_job;
} Calls;

static void
calls_clear(Calls *calls)
{
    g_clear_error(&calls->by_monitor);
    g_clear_error(&calls->by_libvirt);
    g_clear_error(&calls->without_monitor);
    g_clear_error(&calls->abort);
    g_clear_pointer(&calls->job, g_free);
    g_clear_pointer(&calls->other_job, g_free);
}

/* FALSE if the migration completed before it was aborted. */
static gboolean
make_calls(virDomainPtr guest, MigtuneDomain *tuned, MigtuneDomain *domain,
           MigtuneDomain *other, Calls *calls)
{
    const char *name = virDomainGetName(guest);
    g_autoptr(GSubprocess) process =
        start_migration(name, "bandwidth=1MiB/s", "downtime=1");
    gint64 end_us = g_get_monotonic_time() + JOBS_SECONDS * G_USEC_PER_SEC;
    gint64 start_us;

    while (virDomainIsActive(guest) == 1 && count_passes(guest) < 2) {
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_usleep(20000);
    }
    start_us = g_get_monotonic_time();
    calls->by_monitor = set_one(tuned, "max-cpu-throttle=80");
    calls->refused_us = g_get_monotonic_time() - start_us;
    calls->by_libvirt = set_one(tuned, "downtime=2");
    calls->without_monitor = set_one(domain, "downtime=1");
    virDomainMigrateGetMaxDowntime(guest, &calls->downtime_ms, 0);
    calls->job = get_job(domain);
    calls->other_job = get_job(other);
    migtune_domain_abort_job(domain, NULL, &calls->abort);

    return !end_migration(process) && virDomainIsActive(guest) == 1;
}

static void
check_calls(const Calls *calls)
{
    /* During a migration libvirt allows no change through QEMU's monitor. */
    g_assert_error(calls->by_monitor, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_test_message("%s", calls->by_monitor->message);
    g_assert_cmpstr(migtune_error_get_field(calls->by_monitor,
                                            MIGTUNE_ERROR_FIELD_REASON),
                    ==, "libvirt-job");
    /* libvirt would let the command wait for 30 seconds. */
    g_assert_cmpint(calls->refused_us, <, 30 * G_USEC_PER_SEC);
    g_assert_no_error(calls->by_libvirt);
    g_assert_no_error(calls->without_monitor);
    g_assert_cmpuint(calls->downtime_ms, ==, 1);
    g_assert_cmpstr(calls->job, ==, "active");
    g_assert_cmpstr(calls->other_job, ==, "active");
    g_assert_no_error(calls->abort);
}

/* libvirt has no job for a migration that was cancelled.  A program that has seen
 * the migration learns that it was cancelled, or at least that it has ended if
 * another program has cancelled it. */
static void
check_cancelled(const char *name, MigtuneDomain *domain, MigtuneDomain *other)
{
    g_autoptr(MigtuneDomain) late = open_domain(name, MIGTUNE_CONN_NO_MONITOR);
    g_autoptr(GError) cancelled = wait_for_end(domain);
    g_autoptr(GError) ended = wait_for_end(other);
    g_autoptr(GError) none = wait_for_end(late);

    g_assert_error(cancelled, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_test_message("%s", cancelled->message);
    assert_job(domain, "cancelled");

    g_assert_error(ended, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_test_message("%s", ended->message);
    g_assert_cmpstr(migtune_error_get_field(ended, MIGTUNE_ERROR_FIELD_REASON),
                    ==, "guest-running");
    assert_job(other, "failed");

    /* A domain that was opened later knows nothing of the migration. */
    g_assert_error(none, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
    assert_job(late, "none");
}

/* FALSE if the migration completed before it was cancelled. */
static gboolean
cancel_once(const char *name)
{
    virDomainPtr guest = host_add_guest(alpha, name, TRUE);
    g_autoptr(MigtuneDomain) tuned = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtuneDomain) other = NULL;
    Calls calls = { NULL };
    gboolean cancelled;

    host_wait_busy(alpha, name);
    tuned = open_domain(name, 0);
    domain = open_domain(name, MIGTUNE_CONN_NO_MONITOR);
    other = open_domain(name, MIGTUNE_CONN_NO_MONITOR);
    cancelled = make_calls(guest, tuned, domain, other, &calls);
    if (cancelled) {
        g_autoptr(GError) error = NULL;

        check_calls(&calls);
        check_cancelled(name, domain, other);
        error = set_one(tuned, "max-cpu-throttle=81");
        g_assert_no_error(error);
    }
    calls_clear(&calls);
    virDomainFree(guest);
    host_remove_guest(alpha, name);
    host_remove_guest(beta, name);

    return cancelled;
}

static void
test_cancelled(void)
{
    for (guint i = 0; !cancel_once("aborted"); i++)
        g_assert_cmpuint(i, <, JOBS_MAX_EARLY_ENDS);
}

/* The guest ends on the source when the migration has completed. */
static void
test_completed(void)
{
    const char *name = "left";
    virDomainPtr guest = host_add_guest(alpha, name, TRUE);
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GSubprocess) process = NULL;
    g_autoptr(GError) error = NULL;

    host_wait_busy(alpha, name);
    domain = open_domain(name, MIGTUNE_CONN_NO_MONITOR);
    process = start_migration(name, "bandwidth=8MiB/s", "downtime=2000");
    while (virDomainIsActive(guest) == 1 && count_passes(guest) == 0)
        g_usleep(2000);
    error = wait_for_end(domain);
    g_assert_no_error(error);
    assert_job(domain, "completed");
    g_assert_true(end_migration(process));
    virDomainFree(guest);
    host_remove_guest(alpha, name);
    host_remove_guest(beta, name);
}

/* Migrates the guest with a call that blocks until the migration ends. */
static gpointer
migrate_by_libvirt(gpointer guest)
{
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    int max_params = 0;
    int status;

    virTypedParamsAddULLong(&params, &n_params, &max_params,
                            VIR_MIGRATE_PARAM_BANDWIDTH, 1);
    status = virDomainMigrateToURI3(guest, beta->uri, params, n_params,
                                    VIR_MIGRATE_LIVE | VIR_MIGRATE_PEER2PEER);
    virTypedParamsFree(params, n_params);

    return GINT_TO_POINTER(status);
}

/* A call that blocks for long does not delay other calls of its connection.  The
 * libvirt library of 9.0 sometimes did not send them before it received something,
 * which here is only at the end of the migration. */
static void
test_queries_beside_a_long_call(void)
{
    const char *name = "queried";
    virDomainPtr guest = host_add_guest(alpha, name, TRUE);
    g_autoptr(MigtuneDomain) domain = NULL;
    gint64 end_us;
    guint n_active = 0;
    GThread *thread;

    host_wait_busy(alpha, name);
    domain = open_domain(name, MIGTUNE_CONN_NO_MONITOR);
    g_assert_cmpint(virDomainMigrateSetMaxDowntime(guest, 1, 0), ==, 0);
    /* Until the thread has ended, libvirt is only called through migtune. */
    thread = g_thread_new("migrates", migrate_by_libvirt, guest);
    end_us = g_get_monotonic_time() + JOBS_SECONDS * G_USEC_PER_SEC;
    while (n_active < JOBS_N_QUERIES && g_get_monotonic_time() < end_us) {
        g_autofree char *job = get_job(domain);

        if (strcmp(job, "completed") == 0)
            break;
        n_active += strcmp(job, "active") == 0;
    }
    g_assert_cmpuint(n_active, >, 0);
    migtune_domain_abort_job(domain, NULL, NULL);
    g_thread_join(thread);
    virDomainFree(guest);
    host_remove_guest(alpha, name);
    host_remove_guest(beta, name);
}

/* After migtune has put back QEMU's defaults, libvirt still migrates the guest. */
static void
test_virsh_migrates_after_a_reset(void)
{
    const char *name = "cleared";
    virDomainPtr guest = host_add_guest(alpha, name, TRUE);
    g_autofree char *set = host_migtune(
        alpha, "migrate-setparameters", name, "downtime=2000", "xbzrle=on",
        "auto_converge.max=77", NULL);
    g_autofree char *reset = host_migtune(alpha, "reset", name, "--defaults",
                                          NULL);
    g_autofree char *moved = host_virsh(alpha, "migrate", "--live", "--p2p",
                                        name, beta->uri, NULL);
    g_autofree char *state = host_virsh(beta, "domstate", name, NULL);

    g_test_message("%s\n%s\n%s", set, reset, moved);
    assert_lacks(set, "exit");
    assert_lacks(reset, "exit");
    assert_lacks(moved, "exit");
    assert_has(state, "running");
    virDomainFree(guest);
    host_remove_guest(alpha, name);
    host_remove_guest(beta, name);
}

/* Starts a migration by virsh that does not end soon. */
static GSubprocess *
start_virsh(const char *name)
{
    const char *argv[] = { "virsh", "-c", alpha->uri, "migrate", "--live",
                           "--p2p", "--bandwidth", "1", name, beta->uri, NULL };
    g_autoptr(GError) error = NULL;
    GSubprocess *process = g_subprocess_newv(
        argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
        &error);

    g_assert_no_error(error);
    return process;
}

/* Waits for the second pass; FALSE if the migration has ended before. */
static gboolean
wait_for_second_pass(const char *name)
{
    gint64 end_us = g_get_monotonic_time() + JOBS_SECONDS * G_USEC_PER_SEC;
    gboolean begun = FALSE;

    while (g_get_monotonic_time() < end_us) {
        g_autofree char *info = host_virsh(alpha, "domjobinfo", name, NULL);
        g_autofree char *state = host_virsh(alpha, "domstate", name, NULL);
        const char *pass = strstr(info, "Iteration:");

        begun = begun || pass;
        if (pass && g_ascii_strtoull(pass + strlen("Iteration:") +
                                         strspn(pass + strlen("Iteration:"),
                                                " "), NULL, 10) >= 2)
            return TRUE;
        if ((begun && !pass) || !strstr(state, "running"))
            return FALSE;
        g_usleep(20000);
    }
    g_error("%s: the migration does not begin", name);
}

/* Requests to the host that receives the guest.  libvirt holds the guest for
 * itself there. */
#define JOBS_N_RECEIVER 4

/* What virsh and migtune print during a migration by virsh, and after it. */
typedef struct {
    char *set;                  /* migtune, of a setting of libvirt */
    char *kept;                 /* the same with --config */
    char *listed;               /* by the host that receives */
    char *received[JOBS_N_RECEIVER];
    char *not_aborted;          /* by the host that receives */
    char *aborted;
    char *downtime;
    char *shown;
    gint64 longest_us;
} Beside;

static void
beside_clear(Beside *beside)
{
    g_clear_pointer(&beside->set, g_free);
    g_clear_pointer(&beside->kept, g_free);
    g_clear_pointer(&beside->listed, g_free);
    for (guint i = 0; i < JOBS_N_RECEIVER; i++)
        g_clear_pointer(&beside->received[i], g_free);
    g_clear_pointer(&beside->not_aborted, g_free);
    g_clear_pointer(&beside->aborted, g_free);
    g_clear_pointer(&beside->downtime, g_free);
    g_clear_pointer(&beside->shown, g_free);
}

static void
ask_receiver(const char *name, char **received)
{
    received[0] = host_migtune(beta, "migrate-getparameters", name, "downtime",
                               NULL);
    received[1] = host_migtune(beta, "--no-monitor", "migrate-getparameters",
                               name, "downtime", NULL);
    received[2] = host_migtune(beta, "migrate-setparameters", name,
                               "downtime=5", NULL);
    received[3] = host_migtune(beta, "--no-monitor", "migrate-setparameters",
                               name, "downtime=5", NULL);
}

/* FALSE if the migration ended before it was aborted. */
static gboolean
run_beside(const char *name, Beside *beside)
{
    g_autoptr(GSubprocess) process = start_virsh(name);
    gint64 start_us;
    gboolean begun = wait_for_second_pass(name);

    if (begun) {
        start_us = g_get_monotonic_time();
        beside->set = host_migtune(alpha, "migrate-setparameters", name,
                                   "downtime=2", NULL);
        beside->kept = host_migtune(alpha, "migrate-setparameters", name,
                                    "downtime=44", "--config", NULL);
        beside->listed = host_migtune(beta, "list", NULL);
        ask_receiver(name, beside->received);
        beside->not_aborted = host_migtune(beta, "domjobabort", name, NULL);
        beside->longest_us = g_get_monotonic_time() - start_us;
        beside->aborted = host_migtune(alpha, "domjobabort", name, NULL);
    }
    if (end_migration(process) || !begun)
        return FALSE;
    if (strstr(beside->aborted, "exit")) {
        g_test_message("the migration failed before it was aborted: %s",
                       beside->aborted);
        return FALSE;
    }
    beside->downtime = host_virsh(alpha, "migrate-getmaxdowntime", name, NULL);
    beside->shown = host_migtune(alpha, "migrate-getparameters", name,
                                 "downtime", NULL);

    return TRUE;
}

/* virsh sets a downtime and migrates; migtune is used on both hosts meanwhile, and
 * aborts the migration.  Nothing waits until libvirt's limits for its locks. */
static gboolean
migrate_by_virsh_once(const char *name)
{
    virDomainPtr guest = host_add_guest(alpha, name, TRUE);
    Beside beside = { NULL };
    gboolean aborted;

    host_wait_busy(alpha, name);
    g_free(host_virsh(alpha, "migrate-setmaxdowntime", name, "3", NULL));
    aborted = run_beside(name, &beside);
    if (aborted) {
        g_test_message("set: %s\nkept: %s\nlisted: %s\naborted: %s\n"
                       "downtime: %s\nshown: %s\n%.1f s",
                       beside.set, beside.kept, beside.listed, beside.aborted,
                       beside.downtime, beside.shown, beside.longest_us / 1e6);
        assert_has(beside.set, "in-force");
        /* Metadata is not tried while libvirt has a job. */
        assert_has(beside.set, "cannot be changed while libvirt migrates");
        assert_has(beside.kept, "exit 5");
        assert_has(beside.not_aborted, "cancelled on the host that the guest");
        assert_has(beside.kept, "cannot be changed while libvirt migrates");
        /* The host that receives shows the guest.  libvirt keeps the guest to
         * itself there; migtune says so and does not wait. */
        assert_has(beside.listed, name);
        assert_has(beside.listed, "inmigrate");
        for (guint i = 0; i < JOBS_N_RECEIVER; i++) {
            g_test_message("received: %s", beside.received[i]);
            assert_has(beside.received[i], "exit 5");
            assert_has(beside.received[i], "this host receives the guest");
        }
        /* libvirt puts back the value before the migration. */
        assert_has(beside.downtime, "3");
        assert_has(beside.shown, "3 ms");
        /* Only virsh has set it: libvirt does not set it for a migration. */
        assert_has(beside.shown, "set through libvirt");
        assert_lacks(beside.shown, "at the start of a migration");
    }
    beside_clear(&beside);
    virDomainFree(guest);
    host_remove_guest(alpha, name);
    host_remove_guest(beta, name);

    return aborted;
}

static void
test_beside_virsh(void)
{
    for (guint i = 0; !migrate_by_virsh_once("besides"); i++)
        g_assert_cmpuint(i, <, JOBS_MAX_EARLY_ENDS);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    g_test_add_func("/libvirt/jobs/cancelled", test_cancelled);
    g_test_add_func("/libvirt/jobs/completed", test_completed);
    g_test_add_func("/libvirt/jobs/queries-beside-a-long-call",
                    test_queries_beside_a_long_call);
    g_test_add_func("/libvirt/jobs/virsh-migrates-after-a-reset",
                    test_virsh_migrates_after_a_reset);
    g_test_add_func("/libvirt/jobs/beside-virsh", test_beside_virsh);

    alpha = host_new("alpha", 1, NULL);
    beta = host_new("beta", 2, alpha);
    status = g_test_run();
    host_free(alpha);
    host_free(beta);

    return status;
}
