/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two programs that tune one guest, and one that is stopped between the two commands
 * of a set: a child process that is terminated or killed while the proxy delays its
 * second command.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tuning.h"
#include "util/json-peek.h"

/* Less than the default time limit, and enough on a busy machine. */
#define RIVALS_TIME_US (8 * G_USEC_PER_SEC)

static MigtunePlan *
plan_words(MigtuneDomain *domain, const char *const *words, GError **error)
{
    virTypedParameterPtr params = NULL;
    MigtunePlan *plan;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    plan = migtune_domain_plan(domain, params, n, 0, NULL, error);
    migtune_typed_params_free(params, n);

    return plan;
}

/* Over two monitors of one QEMU: two plans do not block each other, and the one
 * that is applied last is refused, since the guest has changed. */
static void
test_two_monitors(Case *test)
{
    static const char *const first[] = { "downtime=500", "xbzrle=on", NULL };
    static const char *const second[] = { "downtime=600", "events=on", NULL };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneConn) other_conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtuneDomain) other = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(MigtunePlan) other_plan = NULL;
    g_autoptr(JsonNode) json = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *after = NULL;

    domain = tuned_open(guest_monitor(guest, 0), NULL, &conn);
    other = tuned_open(guest_monitor(guest, 1), NULL, &other_conn);

    plan = plan_words(domain, first, &error);
    g_assert_no_error(error);
    other_plan = plan_words(other, second, &error);
    g_assert_no_error(error);

    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(migtune_plan_apply(other_plan, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_clear_error(&error);
    g_clear_pointer(&other_plan, migtune_plan_unref);
    /* The second program sees the change of the first one and undoes it. */
    other_plan = plan_words(other, second, &error);
    g_assert_no_error(error);
    json = migtune_plan_to_json(other_plan);
    g_assert_cmpuint(
        json_array_get_length(json_object_get_array_member(
            json_node_get_object(json), "warnings")), ==, 0);
    migtune_plan_apply(other_plan, NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&other_plan, migtune_plan_unref);
    other_plan =
        migtune_domain_plan_reset(other, MIGTUNE_SET_DEFAULTS, NULL, &error);
    g_assert_no_error(error);
    migtune_plan_apply(other_plan, NULL, &error);
    g_assert_no_error(error);
    after = guest_dump(guest);
    g_assert_cmpstr(after, ==, before);
    tuning_count(test, "rivals kept apart");
}

/* A monitor serves one client at a time. */
static void
test_one_monitor(Case *test)
{
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneConn) other_conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) keys = NULL;
    gint64 start;

    domain = tuned_open(guest_monitor(guest, 0), NULL, &conn);
    other_conn = migtune_conn_open(uri, 0, 300, NULL, &error);
    g_assert_no_error(error);
    keys = migtune_conn_list(other_conn, NULL, NULL);
    start = g_get_monotonic_time();
    g_assert_null(migtune_conn_open_domain(other_conn, keys[0], NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_assert_cmpint(g_get_monotonic_time() - start, <, RIVALS_TIME_US);
    tuning_count(test, "rivals kept apart");
}

typedef struct {
    const char *path;
    const char *const *words;
} Worker;

/* Sets the same values repeatedly while the other thread sets others. */
static gpointer
worker_run(gpointer data)
{
    const Worker *worker = data;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = tuned_open(worker->path, NULL, &conn);

    for (guint i = 0; i < 10; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MigtunePlan) plan = plan_words(domain, worker->words,
                                                 &error);

        g_assert_no_error(error);
        if (!migtune_plan_apply(plan, NULL, &error)) {
            /* The other thread was faster; the guest is as it left it. */
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
            continue;
        }
        for (guint j = 0; j < 2; j++)
            g_assert_cmpint(
                migtune_plan_get_verdict(plan, j, NULL, NULL, NULL, NULL), ==,
                MIGTUNE_VERDICT_IN_FORCE);
    }

    return NULL;
}

static void
test_at_once(Case *test)
{
    static const char *const on[] = { "downtime=501", "xbzrle=on", NULL };
    static const char *const off[] = { "downtime=502", "xbzrle=off", NULL };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    Worker workers[] = {
        { guest_monitor(guest, 0), on },
        { guest_monitor(guest, 1), off },
    };
    GThread *thread = g_thread_new("rival", worker_run, &workers[0]);
    g_autoptr(JsonNode) downtime = NULL;
    g_autoptr(JsonNode) xbzrle = NULL;

    worker_run(&workers[1]);
    g_thread_join(thread);
    /* The values are those of one thread, never a mixture. */
    downtime = guest_get(guest, FALSE, "downtime-limit");
    xbzrle = guest_get(guest, TRUE, "xbzrle");
    g_assert_cmpint(json_node_get_int(downtime), ==,
                    json_node_get_boolean(xbzrle) ? 501 : 502);
    tuning_count(test, "rivals kept apart");
}

/* Starts "tuning --tune PATH WORD..." and waits until it is held. */
static GSubprocess *
start_held(const Tuned *tuned, const char *const *words)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    g_autoptr(GError) error = NULL;
    GSubprocess *child;

    g_ptr_array_add(argv, self);
    g_ptr_array_add(argv, (gpointer) "--tune");
    g_ptr_array_add(argv, (gpointer)proxy_path(tuned->proxy));
    for (const char *const *word = words; *word; word++)
        g_ptr_array_add(argv, (gpointer)*word);
    g_ptr_array_add(argv, NULL);
    child = g_subprocess_newv((const char *const *)argv->pdata,
                              G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    g_assert_no_error(error);

    for (;;) {
        g_autofree char *sent = proxy_record(tuned->proxy);
        char *first = strchr(sent, '\n');

        /* The second command is delayed. */
        if (first && strchr(first + 1, '\n'))
            return child;
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(2000);
    }
}

static const char *const held_words[] = { "auto_converge=on", "downtime=700",
                                          NULL };

/* Starts a proxy that delays the second command. */
static void
hold_up(Tuned *tuned, Case *test, Guest *guest)
{
    const char *const options[] = { "--hold", "2", NULL };

    memset(tuned, 0, sizeof(*tuned));
    tuned->test = test;
    tuned->guest = guest;
    tuned->proxy = proxy_new(guest, options);
}

static void
test_interrupted(Case *test)
{
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    g_autofree char *between = NULL;
    g_autofree char *after = NULL;
    g_autofree char *said = NULL;
    g_autoptr(GSubprocess) child = NULL;
    g_autoptr(GError) error = NULL;
    gint64 start;
    Tuned tuned;

    hold_up(&tuned, test, guest);
    child = start_held(&tuned, held_words);
    between = guest_dump(guest);
    g_assert_cmpstr(between, !=, before);
    start = g_get_monotonic_time();
    g_subprocess_send_signal(child, SIGINT);
    g_subprocess_communicate_utf8(child, NULL, NULL, &said, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_get_monotonic_time() - start, <, RIVALS_TIME_US);
    g_assert_cmpstr(said, ==, "rolled-back\n");
    after = guest_dump(guest);
    g_assert_cmpstr(after, ==, before);
    tuning_count(test, "signals between two commands survived");
    tuned_down(&tuned);
}

static void
test_killed(Case *test)
{
    static const char *const more[] = { "events=on", NULL };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    g_autofree char *between = NULL;
    g_autoptr(GSubprocess) child = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(JsonNode) json = NULL;
    g_autoptr(GError) error = NULL;
    JsonArray *warnings;
    gint64 start;
    Tuned tuned;

    hold_up(&tuned, test, guest);
    child = start_held(&tuned, held_words);
    g_subprocess_force_exit(child);
    g_subprocess_wait(child, NULL, NULL);
    between = guest_dump(guest);
    g_assert_cmpstr(between, !=, before);

    /* The next program is warned and can continue. */
    start = g_get_monotonic_time();
    tuned.domain = tuned_open(proxy_path(tuned.proxy), NULL, &tuned.conn);
    plan = plan_words(tuned.domain, more, &error);
    g_assert_no_error(error);
    json = migtune_plan_to_json(plan);
    warnings = json_object_get_array_member(json_node_get_object(json),
                                            "warnings");
    g_assert_cmpuint(json_array_get_length(warnings), ==, 1);
    g_test_message("%s", json_array_get_string_element(warnings, 0));
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&plan, migtune_plan_unref);

    /* Reset restores the state before the killed program. */
    tuned_put_back(&tuned, before);
    g_assert_cmpint(g_get_monotonic_time() - start, <, RIVALS_TIME_US);
    tuning_count(test, "signals between two commands survived");
    tuned_down(&tuned);
}

static gpointer
child_wait_for_signal(gpointer data)
{
    sigset_t set;
    int number;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigwait(&set, &number);
    g_cancellable_cancel(data);

    return NULL;
}

int
tuning_child(char **args)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    g_thread_unref(g_thread_new("signal", child_wait_for_signal,
                                cancellable));
    domain = tuned_open(args[0], cancellable, &conn);
    plan = plan_words(domain, (const char *const *)args + 1, &error);
    if (plan && migtune_plan_apply(plan, cancellable, &error))
        printf("done\n");
    else
        printf("%s\n", migtune_error_code_to_string(error->code));
    fflush(stdout);

    /* The thread still waits for its signal. */
    _exit(error ? 1 : 0);
}

void
tuning_add_rivals(Tuning *tuning)
{
    tuning_add(tuning, "two-monitors-one-lock", test_two_monitors);
    tuning_add(tuning, "one-monitor-two-clients", test_one_monitor);
    tuning_add(tuning, "two-at-once", test_at_once);
    tuning_add(tuning, "interrupted-between-two-commands", test_interrupted);
    tuning_add(tuning, "killed-between-two-commands", test_killed);
}
