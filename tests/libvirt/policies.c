/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Convergence policies on a migration from one libvirt to another, through the
 * library: libvirt reports the passes, each action that libvirt can carry out
 * happens, and one that it cannot is reported.
 *
 * The guest writes its 143 busy pages faster than the link transfers them, so
 * that a migration lasts until a decision ends it.
 */
#include "config.h"

#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <libvirt/libvirt.h>

#include "hosts.h"
#include "migtune/migtune.h"

#define POLICIES_EVENT_MS 120000    /* far more than a pass takes */
#define POLICIES_NONE_MS 300
#define POLICIES_PASSES 3
/* How often a migration is repeated that has ended before a decision: on a busy
 * machine the guest may write nothing for a moment. */
#define POLICIES_MAX_EARLY_ENDS 3

static Host *alpha;
static Host *beta;

/* The debug messages of the driver and the core. */
static GMutex log_lock;
static GString *log_text;

static void
take_log(const char *domain, GLogLevelFlags level, const char *message,
         gpointer data)
{
    g_mutex_lock(&log_lock);
    g_string_append_printf(log_text, "%s\n", message);
    g_mutex_unlock(&log_lock);
}

/* How often @text is in the messages since the last call of clear_log(). */
static guint
count_log(const char *text)
{
    guint n = 0;

    g_mutex_lock(&log_lock);
    for (const char *at = log_text->str; (at = strstr(at, text)); at++)
        n++;
    g_mutex_unlock(&log_lock);

    return n;
}

static void
clear_log(void)
{
    g_mutex_lock(&log_lock);
    g_string_truncate(log_text, 0);
    g_mutex_unlock(&log_lock);
}

static MigtuneConn *
open_conn(const Host *host, unsigned int flags)
{
    g_autoptr(GError) error = NULL;
    MigtuneConn *conn = migtune_conn_open(
        host->uri, MIGTUNE_CONN_NO_MONITOR | flags, HOST_PATIENCE_MS, NULL,
        &error);

    g_assert_no_error(error);
    return conn;
}

static MigtuneDomain *
open_mover(MigtuneConn *conn)
{
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain = migtune_conn_lookup(conn, "mover", NULL, &error);

    g_assert_no_error(error);
    return domain;
}

static void
add_mover(void)
{
    virDomainFree(host_add_guest(alpha, "mover", TRUE));
    host_wait_busy(alpha, "mover");
}

static void
remove_mover(void)
{
    host_remove_guest(alpha, "mover");
    host_remove_guest(beta, "mover");
}

/*
 * Passes
 */

/* Another program migrates the guest. */
static GSubprocess *
start_virsh(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *to = g_strdup_printf("tcp://%s", beta->address);
    GSubprocess *process;
    const char *argv[] = { "virsh", "-q", "-c", alpha->uri, "migrate",
                           "--live", "--bandwidth", "1", "mover", beta->uri,
                           to, NULL };
    g_autofree char *limit =
        host_virsh(alpha, "migrate-setmaxdowntime", "mover", "1", NULL);

    process = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
                                          G_SUBPROCESS_FLAGS_STDERR_SILENCE,
                                &error);
    g_assert_no_error(error);
    return process;
}

static void
end_virsh(GSubprocess *process)
{
    g_autofree char *text = host_virsh(alpha, "domjobabort", "mover", NULL);

    g_test_message("%s", text);
    g_subprocess_wait(process, NULL, NULL);
    g_object_unref(process);
}

/* Without an event loop no events are received: the call waits, and a debug
 * message says so, once. */
static void
test_no_loop(void)
{
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    GSubprocess *virsh;
    gint64 start_us;

    add_mover();
    conn = open_conn(alpha, 0);
    domain = open_mover(conn);
    clear_log();
    virsh = start_virsh();
    for (guint i = 0; i < POLICIES_PASSES; i++) {
        start_us = g_get_monotonic_time();
        g_assert_false(migtune_domain_wait_pass(domain, POLICIES_NONE_MS,
                                                NULL));
        g_assert_cmpint(g_get_monotonic_time() - start_us, >=,
                        POLICIES_NONE_MS * 1000);
    }
    g_assert_cmpuint(count_log("the migration is polled"), ==, 1);
    end_virsh(virsh);
    remove_mover();
}

static gpointer
cancel_later(gpointer cancellable)
{
    g_usleep(20000);
    g_cancellable_cancel(cancellable);
    return NULL;
}

/* libvirt's events end the wait, and none is lost that comes between two waits.
 * The domain is closed while the migration goes on. */
static void
test_passes(void)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(MigtuneConn) conn = NULL;
    MigtuneDomain *domain;
    GSubprocess *virsh;
    GThread *thread;
    guint n = 0;

    add_mover();
    conn = open_conn(alpha, MIGTUNE_CONN_MANAGE_LIBVIRT);
    domain = open_mover(conn);
    clear_log();
    /* No migration yet: this call begins to receive the events. */
    g_assert_false(migtune_domain_wait_pass(domain, POLICIES_NONE_MS, NULL));
    g_assert_cmpuint(count_log("polled"), ==, 0);
    thread = g_thread_new("cancel", cancel_later, cancellable);
    g_assert_false(migtune_domain_wait_pass(domain, POLICIES_EVENT_MS,
                                            cancellable));
    g_thread_join(thread);

    virsh = start_virsh();
    for (guint i = 0; i < POLICIES_PASSES; i++)
        g_assert_true(migtune_domain_wait_pass(domain, POLICIES_EVENT_MS,
                                               NULL));
    g_assert_cmpuint(count_log("event: pass"), >=, POLICIES_PASSES);
    /* One that came while nothing waited. */
    n = count_log("event: pass");
    while (count_log("event: pass") == n)
        g_usleep(10000);
    g_assert_true(migtune_domain_wait_pass(domain, 0, NULL));

    migtune_domain_unref(domain);
    end_virsh(virsh);
    remove_mover();
}

/*
 * Policies
 */

#define NOVA(more)                                                        \
    "[libvirt]\nlive_migration_downtime = 100\n"                          \
    "live_migration_downtime_steps = 3\n"                                 \
    "live_migration_downtime_delay = 3\n"                                 \
    "live_migration_completion_timeout = 1\n" more

#define VDSM                                                              \
    "{\"init\": [{\"name\": \"setDowntime\", \"params\": [\"77\"]}],"     \
    " \"stalling\": [{\"limit\": -1, \"action\":"                         \
    " {\"name\": \"abort\", \"params\": []}}]}"

#define KUBEVIRT(more)                                                    \
    "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nspec:\n"                 \
    "  configuration:\n    migrations:\n"                                 \
    "      completionTimeoutPerGiB: 2\n" more

typedef struct {
    const char *name;
    const char *file;           /* NULL: the policy "steady" */
    const char *text;           /* of the file */
    guint64 max_downtime_ms;    /* limits; 0: none */
    guint64 deadline_ms;
    unsigned int allow;
    const char *actions[3];     /* that are taken, among others */
    const char *failed;         /* an action that libvirt cannot carry out */
    int code;                   /* of the error; 0: the guest arrives */
} Case;

static const Case cases[] = {
    { "nova-abort", "nova.conf", NOVA(""), 0, 0, 0,
      { "set-downtime", "abort" }, NULL, MIGTUNE_ERROR_CANCELLED },
    { "nova-pause", "nova.conf",
      NOVA("live_migration_timeout_action = force_complete\n"), 0, 60000, 0,
      { "set-downtime", "pause" } },
    { "nova-post-copy", "nova.conf",
      NOVA("live_migration_timeout_action = force_complete\n"
           "live_migration_permit_post_copy = true\n"), 0, 60000, 0,
      { "set-downtime", "post-copy" } },
    { "vdsm", "vdsm.json", VDSM, 0, 0, 0, { "set-downtime", "abort" }, NULL,
      MIGTUNE_ERROR_CANCELLED },
    { "kubevirt-abort", "kubevirt.yaml", KUBEVIRT(""), 0, 0, 0, { "abort" },
      NULL, MIGTUNE_ERROR_CANCELLED },
    { "kubevirt-pause", "kubevirt.yaml",
      KUBEVIRT("      allowWorkloadDisruption: true\n"), 0, 60000, 0,
      { "pause" } },
    { "kubevirt-post-copy", "kubevirt.yaml",
      KUBEVIRT("      allowPostCopy: true\n"), 0, 60000, 0,
      { "post-copy" } },
    { "proxmox", "100.conf", "migrate_downtime: 0.3\n", 0, 120000, 0,
      { "set-downtime" } },
    { "steady", NULL, NULL, 5000, 60000, 0, { "set-downtime" } },
    { "steady-deadline", NULL, NULL, 50, 20000, 0, { "abort" }, NULL,
      MIGTUNE_ERROR_CANCELLED },
    { "steady-pause", NULL, NULL, 50, 60000, MIGTUNE_POLICY_ALLOW_PAUSE,
      { "pause" } },
    { "steady-throttle", NULL, NULL, 50, 20000,
      MIGTUNE_POLICY_ALLOW_THROTTLE, { "abort" }, "throttle",
      MIGTUNE_ERROR_CANCELLED },
};

/* What happened in a migration. */
typedef struct {
    GPtrArray *decisions;       /* GVariants */
    char *trace;                /* its file */
} Run;

static void
take_decision(MigtuneMigration *migration, GVariant *decision, gpointer data)
{
    Run *run = data;
    g_autofree char *text = g_variant_print(decision, FALSE);

    g_test_message("%s", text);
    g_ptr_array_add(run->decisions, g_variant_ref(decision));
}

static const char *
get_text(GVariant *decision, const char *member)
{
    const char *text = NULL;

    g_variant_lookup(decision, member, "&s", &text);
    return text;
}

static guint
count_decisions(const Run *run, const char *action, const char *result)
{
    guint n = 0;

    for (guint i = 0; i < run->decisions->len; i++) {
        GVariant *decision = run->decisions->pdata[i];

        n += g_strcmp0(get_text(decision, "action"), action) == 0 &&
             g_strcmp0(get_text(decision, "result"), result) == 0;
    }
    return n;
}

static MigtunePolicy *
make_policy(const Case *c)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    MigtunePolicy *policy;

    if (c->file) {
        path = g_build_filename(alpha->dir, c->file, NULL);
        g_assert_true(g_file_set_contents(path, c->text, -1, NULL));
        policy = migtune_policy_import(path, NULL, &error);
    } else {
        policy = migtune_policy_new("steady", &error);
    }
    g_assert_no_error(error);
    migtune_policy_set_limits(policy, c->max_downtime_ms, c->deadline_ms,
                              c->allow);
    return policy;
}

/* The lines of the trace of one type, as objects. */
static GPtrArray *
read_trace(const Run *run, const char *type)
{
    GPtrArray *lines =
        g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
    g_autofree char *text = NULL;
    g_auto(GStrv) all = NULL;

    g_assert_true(g_file_get_contents(run->trace, &text, NULL, NULL));
    all = g_strsplit(g_strchomp(text), "\n", -1);
    for (char **line = all; *line; line++) {
        g_autoptr(JsonNode) node = json_from_string(*line, NULL);
        JsonObject *object = json_node_get_object(node);

        if (strcmp(json_object_get_string_member(object, "type"), type) == 0)
            g_ptr_array_add(lines, json_object_ref(object));
    }
    return lines;
}

/* The trace has the passes in order, and a sample of each. */
static void
check_trace(const Run *run)
{
    g_autoptr(GPtrArray) passes = read_trace(run, "pass");
    g_autoptr(GPtrArray) samples = read_trace(run, "sample");
    gint64 before = 0;
    guint n = 0;

    g_assert_cmpuint(samples->len, >, 0);
    for (guint i = 0; i < passes->len; i++) {
        gint64 pass = json_object_get_int_member(passes->pdata[i], "pass");
        gint64 time_ms = json_object_get_int_member(passes->pdata[i],
                                                    "time_ms");

        g_assert_cmpint(pass, >, before);
        before = pass;
        while (n < samples->len &&
               json_object_get_int_member(samples->pdata[n], "time_ms") <
                   time_ms)
            n++;
        g_assert_cmpuint(n, <, samples->len);
        g_assert_cmpint(json_object_get_int_member(samples->pdata[n],
                                                   "pass"), ==, pass);
    }
    g_test_message("%u passes in the trace, %u events", passes->len,
                   count_log("event: pass"));
    g_assert_cmpuint(count_log("event: pass"), >=, passes->len);
}

/* Where the guest runs. */
static void
check_place(const Case *c)
{
    const Host *host = c->code ? alpha : beta;
    g_autofree char *state = host_virsh(host, "domstate", "mover", NULL);

    g_assert_cmpstr(g_strstrip(state), ==, "running");
}

/* FALSE if the migration ended before the policy could act. */
static gboolean
run_once(const Case *c)
{
    const char *const words[] = { "bandwidth=1MiB/s", "downtime=1", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) from = NULL;
    g_autoptr(MigtuneConn) to = NULL;
    g_autoptr(MigtuneDomain) mover = NULL;
    g_autoptr(MigtunePolicy) policy = make_policy(c);
    g_autoptr(GVariant) settings = migtune_settings_parse(words, NULL);
    g_autoptr(MigtuneMigration) migration = NULL;
    Run run = { 0 };
    gboolean done;
    gboolean early;

    add_mover();
    clear_log();
    from = open_conn(alpha, MIGTUNE_CONN_MANAGE_LIBVIRT);
    to = open_conn(beta, MIGTUNE_CONN_MANAGE_LIBVIRT);
    mover = open_mover(from);
    run.decisions =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    run.trace = g_build_filename(alpha->dir, "trace.jsonl", NULL);
    migration = migtune_migration_new_libvirt_settings(mover, to, settings, 0,
                                                       &error);
    g_assert_no_error(error);
    g_signal_connect(migration, "decision", G_CALLBACK(take_decision), &run);
    migtune_migration_set_convergence(migration, policy, NULL, run.trace, NULL,
                                      &error);
    g_assert_no_error(error);

    done = migtune_migration_run(migration, NULL, &error);
    if (error)
        g_test_message("%s", error->message);
    early = done && (c->code || !count_decisions(&run, c->actions[0],
                                                 "taken"));
    if (!early) {
        g_assert_cmpint(done, ==, c->code == 0);
        if (c->code)
            g_assert_error(error, MIGTUNE_ERROR, c->code);
        for (const char *const *action = c->actions; *action; action++)
            g_assert_cmpuint(count_decisions(&run, *action, "taken"), >=, 1);
        if (c->failed)
            g_assert_cmpuint(count_decisions(&run, c->failed, "failed"), ==,
                             1);
        check_trace(&run);
        check_place(c);
    }
    g_unlink(run.trace);
    g_free(run.trace);
    g_ptr_array_unref(run.decisions);
    remove_mover();

    return !early;
}

static void
test_policy(gconstpointer c)
{
    for (guint i = 0; i < POLICIES_MAX_EARLY_ENDS; i++) {
        if (run_once(c))
            return;
        g_test_message("the migration ended too early");
    }
    g_test_message("%d migrations ended too early", POLICIES_MAX_EARLY_ENDS);
    g_test_fail();
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    log_text = g_string_new(NULL);
    g_log_set_handler("migtune-libvirt", G_LOG_LEVEL_DEBUG, take_log, NULL);
    /* The first one: the event loop is registered for the whole process. */
    g_test_add_func("/libvirt/policies/no-loop", test_no_loop);
    g_test_add_func("/libvirt/policies/passes", test_passes);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/libvirt/policies/%s",
                                                cases[i].name);

        g_test_add_data_func(path, &cases[i], test_policy);
    }

    alpha = host_new("alpha", 1, NULL);
    beta = host_new("beta", 2, alpha);
    status = g_test_run();
    host_free(alpha);
    host_free(beta);
    g_string_free(log_text, TRUE);

    return status;
}
