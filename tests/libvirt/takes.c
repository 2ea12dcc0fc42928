/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lowering a plan asks the guest's libvirt which flags and typed parameters its
 * migration call supports.  The only trace of this is a line in the daemon's
 * log.
 */
#include "config.h"

#include <signal.h>
#include <string.h>

#include <gio/gio.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "hosts.h"
#include "migtune/migtune.h"

static Host *alpha;

static MigtuneLowering *
lower(MigtuneConn *conn, const char *guest, const char *const *wishes)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneDomain) domain =
        migtune_conn_lookup(conn, guest, NULL, &error);
    g_autoptr(MigtunePlan) plan = NULL;
    virTypedParameterPtr params = NULL;
    MigtuneLowering *lowering;
    int n = 0;

    g_assert_no_error(error);
    g_assert_true(migtune_typed_params_parse(wishes, &params, &n, &error));
    plan = migtune_domain_plan(domain, params, n, 0, NULL, &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
    lowering = migtune_plan_lower(plan, NULL, NULL, &error);
    g_assert_no_error(error);

    return lowering;
}

static const char *
judge_of(JsonNode *document)
{
    return json_object_get_string_member(json_node_get_object(document),
                                         "judged-by");
}

/* Whether the daemon supports the parameter @name: the call always fails, and
 * its error names a parameter that is not supported. */
static gboolean
daemon_has(virDomainPtr domain, const char *name)
{
    virTypedParameter param = { .type = VIR_TYPED_PARAM_INT };
    g_autofree char *refused = g_strdup_printf("'%s'", name);

    /* The guest is not running, so the call cannot start a migration. */
    g_assert_cmpint(virDomainIsActive(domain), ==, 0);
    g_strlcpy(param.field, name, sizeof(param.field));
    g_assert_cmpint(virDomainMigrateToURI3(domain, "qemu://a.invalid/system",
                                           &param, 1,
                                           VIR_MIGRATE_PEER2PEER), <, 0);

    return strstr(virGetLastErrorMessage(), refused) == NULL;
}

/* A lowering that uses almost every typed parameter and flag. */
static void
test_everything(void)
{
    static const char *const others[] = {
        "postcopy=on", "bandwidth.postcopy=7MiB/s", "compression=xbzrle",
        "compression.xbzrle.cache=32MiB", "tls.destination=b", NULL
    };
    static const char *const wishes[] = {
        "compression=zstd", "compression.zstd.level=3", "parallel=on",
        "parallel.connections=2", "bandwidth=5MiB/s", "auto_converge=on",
        "auto_converge.initial=30", "auto_converge.increment=20", NULL
    };
    virDomainPtr domain = host_add_guest(alpha, "eve", TRUE);
    virDomainPtr idle = host_add_guest(alpha, "idle", FALSE);
    gboolean has_zstd = daemon_has(idle, "compression.zstd.level");
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn =
        migtune_conn_open(alpha->uri, 0, HOST_PATIENCE_MS, NULL, &error);
    g_autoptr(MigtuneLowering) lowering = NULL;
    g_autoptr(MigtuneLowering) other = NULL;
    g_autoptr(JsonNode) document = NULL;

    g_assert_no_error(error);
    other = lower(conn, "eve", others);
    migtune_lowering_check(other, &error);
    g_assert_no_error(error);
    g_clear_pointer(&other, migtune_lowering_free);
    lowering = lower(conn, "eve", wishes);
    document = migtune_lowering_to_json(lowering);
    g_assert_cmpstr(judge_of(document), ==, "libvirt");
    g_assert_true(daemon_has(idle, "parallel.connections"));
    g_assert_false(daemon_has(idle, "compression.migtune.level"));
    if (migtune_lowering_check(lowering, &error)) {
        g_assert_true(has_zstd);
    } else {
        g_test_message("%s", error->message);
        g_assert_false(has_zstd);
        assert_has(error->message, "compression=zstd: this libvirt");
        assert_has(error->message, "compression.zstd.level=3: this libvirt");
        assert_has(error->message, "was asked and does not support it");
        assert_lacks(error->message, "bandwidth");
        assert_lacks(error->message, "converge");
        assert_lacks(error->message, "parallel.connections");
    }

    virDomainUndefine(idle);
    virDomainFree(idle);
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* Everything that libvirt and QEMU report of a guest. */
static char *
snapshot(const char *name)
{
    g_autofree char *xml = host_virsh(alpha, "dumpxml", name, NULL);
    g_autofree char *kept = host_virsh(alpha, "dumpxml", "--inactive", name,
                                       NULL);
    g_autofree char *state = host_virsh(alpha, "domstate", "--reason", name,
                                        NULL);
    g_autofree char *job = host_virsh(alpha, "domjobinfo", name, NULL);
    g_autofree char *done = host_virsh(alpha, "domjobinfo", "--completed",
                                       name, NULL);
    g_autofree char *process = host_virsh(
        alpha, "qemu-monitor-command", "--hmp", name, "info migrate", NULL);
    g_autofree char *capabilities = host_virsh(
        alpha, "qemu-monitor-command", "--hmp", name,
        "info migrate_capabilities", NULL);
    g_autofree char *parameters = host_virsh(
        alpha, "qemu-monitor-command", "--hmp", name,
        "info migrate_parameters", NULL);

    return g_strjoin("\n", xml, kept, state, job, done, process, capabilities,
                     parameters, NULL);
}

static char *
watch_events(GSubprocess *watcher)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_subprocess_send_signal(watcher, SIGINT);
    g_subprocess_communicate_utf8(watcher, NULL, NULL, &text, NULL, &error);
    g_assert_no_error(error);

    return text;
}

static void
test_nothing_happens(void)
{
    static const char *const wishes[] = {
        "compression=zstd", "bandwidth=5MiB/s", "parallel.connections=2", NULL
    };
    virDomainPtr domain = host_add_guest(alpha, "calm", TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn =
        migtune_conn_open(alpha->uri, 0, HOST_PATIENCE_MS, NULL, &error);
    g_autoptr(GSubprocess) watcher = NULL;
    g_autofree char *first = snapshot("calm");
    g_autofree char *before = snapshot("calm");
    g_autofree char *after = NULL;
    g_autofree char *events = NULL;

    g_assert_no_error(error);
    g_assert_cmpstr(first, ==, before);
    watcher = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                   G_SUBPROCESS_FLAGS_STDERR_MERGE, &error,
                               "virsh", "-c", alpha->uri, "event", "--all",
                               "--loop", "calm", NULL);
    g_assert_no_error(error);
    g_usleep(300 * 1000);
    for (guint i = 0; i < 20; i++)
        migtune_lowering_free(lower(conn, "calm", wishes));
    after = snapshot("calm");
    g_assert_cmpstr(after, ==, before);

    /* The watcher does receive events. */
    virDomainSuspend(domain);
    g_usleep(300 * 1000);
    events = watch_events(watcher);
    g_test_message("%s", events);
    assert_has(events, "lifecycle");
    assert_has(events, "Suspended");
    assert_lacks(events, "igration");
    assert_lacks(events, "job");
    assert_lacks(events, "Resumed");

    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* A read-only connection cannot ask the daemon, and the output says so. */
static void
test_read_only(void)
{
    virDomainPtr domain = host_add_guest(alpha, "quiet", TRUE);
    g_autofree char *tool = hosts_find_migtune();
    g_autofree char *uri = g_strconcat(alpha->uri, "-ro", NULL);
    const char *argv[] = { tool, "-c", uri, "--no-monitor", "explain", "quiet",
                           "compression.xbzrle.cache=16MiB", "--for-libvirt",
                           "--json", NULL };
    g_autofree char *text = hosts_run(argv);
    g_autofree char *asked_for = host_migtune(
        alpha, "--readonly", "explain", "quiet",
        "compression.xbzrle.cache=16MiB", "--for-libvirt", "--json", NULL);

    assert_has(asked_for, "\"judged-by\" : \"release\"");
    assert_has(asked_for, "this connection is read-only");
    assert_has(text, "\"judged-by\" : \"release\"");
    assert_has(text, "libvirt could not report what it supports; only its "
                     "release number was used: ");
    assert_has(text, "this connection is read-only");

    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    g_test_add_func("/libvirt/takes/everything", test_everything);
    g_test_add_func("/libvirt/takes/nothing-happens", test_nothing_happens);
    g_test_add_func("/libvirt/takes/read-only", test_read_only);

    alpha = host_new("alpha", 1, NULL);
    status = g_test_run();
    host_free(alpha);

    return status;
}
