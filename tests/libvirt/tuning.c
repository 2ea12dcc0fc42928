/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads and changes the migration settings of guests of a real libvirt with the
 * command, and compares them with what virsh reports.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "migtune/migtune.h"

#include "hosts.h"
#include "rounds.h"

#define N_CROWD 100

/* The round trips that a libvirt guest may need in addition to those of a
 * QMP socket: to find the guest, to see whether a migration brings it to this
 * host, because libvirt would let queries wait then, and to read its kept
 * settings. */
#define MAX_MORE_ROUNDS 3

static Host *alpha;

/* MIGTUNE_HAS: the output of migtune contains @part.  VIRSH_IS: the output
 * of virsh equals @expected. */
#define MIGTUNE_HAS(part, ...)                                         \
    do {                                                               \
        g_autofree char *text_ = host_migtune(alpha, __VA_ARGS__, NULL); \
        assert_has(text_, part);                                       \
    } while (0)
#define MIGTUNE_LACKS(part, ...)                                       \
    do {                                                               \
        g_autofree char *text_ = host_migtune(alpha, __VA_ARGS__, NULL); \
        assert_lacks(text_, part);                                     \
    } while (0)
#define VIRSH_IS(expected, ...)                                        \
    do {                                                               \
        g_autofree char *text_ = host_virsh(alpha, __VA_ARGS__, NULL); \
        g_strstrip(text_);                                             \
        g_assert_cmpstr(text_, ==, expected);                          \
    } while (0)
#define VIRSH_HAS(part, ...)                                           \
    do {                                                               \
        g_autofree char *text_ = host_virsh(alpha, __VA_ARGS__, NULL); \
        assert_has(text_, part);                                       \
    } while (0)

#define QUERY "{\"execute\":\"query-migrate-parameters\"}"

static void
test_set_and_get(void)
{
    virDomainPtr domain = host_add_guest(alpha, "one", TRUE);

    MIGTUNE_HAS("one", "list", "--name");
    MIGTUNE_HAS("3 in-force", "migrate-setparameters", "--all",
                "downtime=450", "bandwidth=64MiB/s",
                "compression.xbzrle.cache=128MiB", "bandwidth.postcopy=7");
    /* These settings were made by libvirt's functions, so virsh shows them. */
    VIRSH_IS("450", "migrate-getmaxdowntime", "one");
    VIRSH_IS("64", "migrate-getspeed", "one");
    VIRSH_IS("7", "migrate-getspeed", "one", "--postcopy");
    VIRSH_HAS("128.000 MiB", "migrate-compcache", "one");
    VIRSH_HAS("\"xbzrle-cache-size\":134217728", "qemu-monitor-command", "one",
              QUERY);
    MIGTUNE_HAS("450 ms", "migrate-getparameters", "one", "downtime");

    /* migtune shows what virsh has set. */
    g_free(host_virsh(alpha, "migrate-setmaxdowntime", "one", "222", NULL));
    g_free(host_virsh(alpha, "migrate-setspeed", "one", "33", NULL));
    MIGTUNE_HAS("222 ms", "migrate-getparameters", "one", "downtime");
    MIGTUNE_HAS("33 MiB/s", "migrate-getparameters", "one", "bandwidth");

    /* Settings that libvirt has no function for are made through the
     * monitor. */
    MIGTUNE_HAS("512 KiB/s", "migrate-setparameters", "one",
                "bandwidth=512KiB/s", "auto_converge.max=77",
                "downtime=100");
    VIRSH_HAS("\"max-bandwidth\":524288", "qemu-monitor-command", "one",
              QUERY);
    VIRSH_HAS("\"max-cpu-throttle\":77", "qemu-monitor-command", "one",
              QUERY);
    VIRSH_IS("100", "migrate-getmaxdowntime", "one");

    MIGTUNE_HAS("in-force", "reset", "one");
    VIRSH_IS("222", "migrate-getmaxdowntime", "one");
    /* libvirt switches events on when it starts a guest and needs them, so a
     * reset keeps them on. */
    MIGTUNE_HAS("in-force", "reset", "one", "--defaults");
    MIGTUNE_HAS("on", "migrate-getparameters", "one", "events");
    MIGTUNE_HAS("libvirt needs the events", "migrate-setparameters", "one",
                "events=off");
    MIGTUNE_HAS("would be refused", "migrate-setparameters", "one",
                "events=off", "--dry-run");
    MIGTUNE_HAS("libvirt needs the events", "explain", "one", "events=off");
    MIGTUNE_HAS("on", "migrate-getparameters", "one", "events");
    VIRSH_IS("300", "migrate-getmaxdowntime", "one");
    /* A new guest of libvirt has no limit; QEMU's default is one. */
    MIGTUNE_HAS("no limit", "migrate-getparameters", "one", "bandwidth");
    VIRSH_IS("0", "migrate-getspeed", "one");
    VIRSH_HAS("\"max-cpu-throttle\":99", "qemu-monitor-command", "one",
              QUERY);

    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* Whether libvirt reports the guest as tainted by use of its monitor. */
static gboolean
is_tainted_by_us(virDomainPtr domain)
{
    char **messages = NULL;
    int n = virDomainGetMessages(domain, &messages,
                                 VIR_DOMAIN_MESSAGE_TAINTING);
    gboolean tainted = FALSE;

    g_assert_cmpint(n, >=, 0);
    for (int i = 0; i < n; i++) {
        g_test_message("%s", messages[i]);
        tainted = tainted || strstr(messages[i], "monitor");
        free(messages[i]);
    }
    free(messages);

    return tainted;
}

/* Whether a command uses QEMU's monitor, and so taints the guest: the table in
 * "GUESTS OF LIBVIRT" of migtune(1).  "@" is the guest. */
static const struct {
    const char *line;
    gboolean taints;
} taint_cases[] = {
    { "list", FALSE },
    { "list --name", FALSE },
    { "list --keys", FALSE },
    { "list --uuid", FALSE },
    { "list --all --title", FALSE },
    { "list --all --json", FALSE },
    { "dominfo @", FALSE },
    { "dominfo @ --json", FALSE },
    { "dominfo @ --can xbzrle", FALSE },
    { "dominfo @ --can compression=zstd", FALSE },
    { "domstate @", FALSE },
    { "domjobinfo @", FALSE },
    { "domjobabort @", FALSE },
    { "event --timeout 0.1", FALSE },
    { "event @ --timeout 0.1", FALSE },
    { "explain @ --can xbzrle", FALSE },
    { "explain --qemu 9.1 downtime=3", FALSE },
    { "params downtime", FALSE },
    { "uri", FALSE },
    { "migrate @ tcp:127.0.0.1:1", FALSE },
    { "complete -- dominfo ", FALSE },
    { "complete -- migrate-setparameters ", FALSE },
    { "complete -- migrate-setparameters @ ", FALSE },
    { "complete -- migrate-setparameters @ compression=", FALSE },
    { "complete -- migrate-getparameters @ down", FALSE },
    { "complete -- reset @ ", FALSE },
    { "migrate-getparameters @ --config", FALSE },
    { "reset @ --config", FALSE },
    { "--no-monitor migrate-getparameters @", FALSE },
    { "--no-monitor migrate-setparameters @ downtime=300", FALSE },
    { "migrate-getparameters @", TRUE },
    { "migrate-getparameters @ downtime", TRUE },
    { "migrate-getspeed @", TRUE },
    { "migrate-getmaxdowntime @", TRUE },
    { "migrate-capabilities @", TRUE },
    { "probe @", TRUE },
    { "probe @ --can xbzrle", TRUE },
    { "explain @ downtime=3", TRUE },
    { "migrate-setparameters @ downtime=300 --dry-run", TRUE },
    { "migrate-setparameters @ --config downtime=300", TRUE },
    { "migrate-setparameters @ downtime=300", TRUE },
    { "migrate-setspeed @ 5", TRUE },
    { "reset @ --defaults", TRUE },
};

static void
test_looking_does_not_taint(void)
{
    virDomainPtr domain = host_add_guest(alpha, "looked-at", TRUE);
    guint n_wrong = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(taint_cases); i++) {
        g_auto(GStrv) parts = g_strsplit(taint_cases[i].line, "@", -1);
        g_autofree char *line = g_strjoinv("looked-at", parts);
        g_auto(GStrv) words = g_strsplit(line, " ", -1);
        g_autofree char *tool = hosts_find_migtune();
        g_autoptr(GPtrArray) argv = g_ptr_array_new();
        g_autofree char *text = NULL;
        gboolean tainted;

        g_ptr_array_add(argv, tool);
        g_ptr_array_add(argv, (char *)"-c");
        g_ptr_array_add(argv, alpha->uri);
        for (char **word = words; *word; word++)
            g_ptr_array_add(argv, *word);
        g_ptr_array_add(argv, NULL);
        text = hosts_run((const char *const *)argv->pdata);
        tainted = is_tainted_by_us(domain);
        g_test_message("%-50s tainted: %s", taint_cases[i].line,
                       tainted ? "yes" : "no");
        if (tainted != taint_cases[i].taints) {
            g_test_message("unexpected; the output was: %s", text);
            n_wrong++;
        }
        if (!tainted)
            continue;
        /* A restarted guest is not tainted. */
        virDomainDestroy(domain);
        g_assert_cmpint(virDomainCreate(domain), ==, 0);
    }
    g_assert_cmpuint(n_wrong, ==, 0);
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* With --no-monitor only libvirt's functions are used, and settings that
 * they cannot read or change are refused without a claim about this QEMU. */
static void
test_no_monitor(void)
{
    static const char *const beyond[] = { "xbzrle=on", "xbzrle=off",
                                          "compression=none", "postcopy=on",
                                          "bandwidth=512KiB/s" };
    virDomainPtr domain = host_add_guest(alpha, "chaste", TRUE);

    MIGTUNE_HAS("321 ms", "--no-monitor", "migrate-setparameters", "chaste",
                "downtime=321");
    VIRSH_IS("321", "migrate-getmaxdowntime", "chaste");
    MIGTUNE_HAS("321 ms", "--no-monitor", "migrate-getparameters", "chaste");
    for (gsize i = 0; i < G_N_ELEMENTS(beyond); i++) {
        g_autofree char *text =
            host_migtune(alpha, "--no-monitor", "migrate-setparameters",
                         "chaste", beyond[i], "downtime=7", NULL);

        g_test_message("%s", text);
        assert_has(text, "exit 1");
        assert_lacks(text, "this QEMU");
        assert_has(text, "--no-monitor");
    }
    VIRSH_IS("321", "migrate-getmaxdowntime", "chaste");
    g_assert_false(is_tainted_by_us(domain));

    /* The result of a probe with --no-monitor is not cached: a command
     * without this option still supports xbzrle. */
    MIGTUNE_HAS("in-force", "migrate-setparameters", "chaste", "xbzrle=on");
    g_assert_true(is_tainted_by_us(domain));

    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

static void
test_lookups(void)
{
    virDomainPtr domain = host_add_guest(alpha, "seek", TRUE);
    g_autofree char *id = g_strdup_printf("%u", virDomainGetID(domain));
    char uuid[VIR_UUID_STRING_BUFLEN];

    virDomainGetUUIDString(domain, uuid);
    g_assert_cmpint(virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_TITLE,
                                         "the web shop", NULL, NULL,
                                         VIR_DOMAIN_AFFECT_LIVE |
                                             VIR_DOMAIN_AFFECT_CONFIG), ==, 0);
    MIGTUNE_HAS("the web shop", "list", "--title");
    MIGTUNE_LACKS("the web shop", "list");
    MIGTUNE_HAS("the web shop", "dominfo", "seek");
    MIGTUNE_HAS("the web shop", "--readonly", "list", "--title");
    MIGTUNE_HAS(uuid, "dominfo", "seek");
    MIGTUNE_HAS("seek", "dominfo", uuid);
    MIGTUNE_HAS("seek", "dominfo", id);
    MIGTUNE_HAS("exit 1", "dominfo", "nobody");
    MIGTUNE_HAS("no domain with the name, UUID or number 'nobody'", "dominfo",
                "nobody");
    MIGTUNE_HAS("exit 1", "dominfo", "9999");

    /* A guest that is not running. */
    virDomainDestroy(domain);
    MIGTUNE_HAS("shut off", "dominfo", "seek");
    MIGTUNE_HAS("shut off", "list", "--all");
    MIGTUNE_HAS("the web shop", "list", "--all", "--title");
    MIGTUNE_HAS("seek", "list", "--inactive", "--name");
    MIGTUNE_HAS("seek", "list", "--all", "--keys");
    MIGTUNE_LACKS("seek", "list");
    MIGTUNE_LACKS("seek", "list", "--keys");
    MIGTUNE_HAS("is not running", "migrate-setparameters", "seek",
                "--live", "downtime=7");
    MIGTUNE_HAS("No settings are kept", "migrate-getparameters", "seek");
    virDomainUndefine(domain);
    MIGTUNE_HAS("exit 1", "dominfo", "seek");
    virDomainFree(domain);
}

/* The daemon is restarted while the guest and an open shell keep running. */
static void
test_restart(void)
{
    virDomainPtr domain = host_add_guest(alpha, "lasting", TRUE);
    g_autofree char *tool = hosts_find_migtune();
    g_autofree char *script = NULL;
    g_autofree char *text = NULL;
    const char *argv[] = { "sh", "-c", NULL, NULL };

    virDomainFree(domain);
    MIGTUNE_HAS("in-force", "migrate-setparameters", "lasting",
                "downtime=700");
    script = g_strdup_printf(
        "{ echo 'migrate-getparameters lasting downtime'; sleep 1;"
        "  touch %s/asked; i=0; while [ ! -e %s/revived ] && [ $i -lt 600 ]; do"
        "  sleep 0.05; i=$((i + 1)); done;"
        "  echo 'migrate-getparameters lasting downtime';"
        "  echo 'list --name'; echo 'reset lasting'; } |"
        " %s -c '%s' 2>&1", alpha->dir, alpha->dir, tool, alpha->uri);
    argv[2] = script;

    {
        g_autofree char *asked = g_build_filename(alpha->dir, "asked", NULL);
        g_autofree char *revived = g_build_filename(alpha->dir, "revived",
                                                    NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(GSubprocess) shell = g_subprocess_newv(
            argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);

        g_assert_no_error(error);
        while (!g_file_test(asked, G_FILE_TEST_EXISTS))
            g_usleep(20000);
        host_kill_daemon(alpha);
        /* The daemon is not running, and the error says so. */
        MIGTUNE_HAS("the daemon does not run", "list");
        MIGTUNE_HAS("exit 1", "list");
        host_revive(alpha);
        g_assert_true(g_file_set_contents(revived, "", 0, NULL));
        g_subprocess_communicate_utf8(shell, NULL, NULL, &text, NULL, &error);
        g_assert_no_error(error);
    }
    {
        const char *second = strstr(text, "700 ms");

        g_assert_nonnull(second);
        assert_has(second + 1, "700 ms");
        assert_has(text, "lasting");
        /* The QEMU process is the same, so reset knows the earlier value. */
        assert_has(text, "300 ms");
        assert_lacks(text, "error");
    }
    g_free(host_virsh(alpha, "destroy", "lasting", NULL));
    g_free(host_virsh(alpha, "undefine", "lasting", NULL));
}

static void
run_has(const char *uri, const char *command, const char *domain,
        const char *part)
{
    g_autofree char *tool = hosts_find_migtune();
    const char *argv[] = { tool, "-c", uri, command, domain, NULL };
    g_autofree char *text = hosts_run(argv);

    assert_has(text, part);
}

static void
test_bad_input(void)
{
    virDomainPtr domain = host_add_guest(alpha, "plain", TRUE);
    g_autofree char *read_only = g_strdup_printf("%s-ro", alpha->uri);
    g_autofree char *nowhere = g_strdup_printf(
        "qemu+unix:///system?socket=%s/no-such-socket", alpha->dir);
    g_autofree char *strange = g_strdup_printf(
        "qemu+unix:///strange?socket=%s/sock/libvirt-sock", alpha->dir);
    g_autofree char *containers = g_strdup_printf(
        "lxc+unix:///system?socket=%s/sock/libvirt-sock", alpha->dir);

    run_has(containers, "list", NULL, "this libvirt has no driver for this");
    run_has(read_only, "migrate-getparameters", "plain",
            "this connection is read-only");
    run_has(nowhere, "list", NULL, "the daemon does not run");
    run_has(nowhere, "list", NULL, "exit 1");
    run_has(strange, "list", NULL, "try qemu:///system");
    /* The guest of libvirt's own test driver. */
    run_has("test:///default", "list", "--name", "test");
    run_has("test:///default", "dominfo", "test", "running");
    run_has("test:///default", "migrate-getparameters", "test",
            "this URI does not lead to QEMU guests");
    run_has("test:///default", "dominfo", "nobody", "'nobody'");
    run_has("qemu+strange:///system", "list", NULL, "exit");
    run_has("qemu+tcp://127.0.0.1:1/system", "list", NULL,
            "the daemon does not run");
    run_has("nonsense:///", "list", NULL, "there is no driver");
    /* Only libvirt may migrate its guests. */
    MIGTUNE_HAS("virsh migrate", "migrate", "plain", "tcp:127.0.0.1:1");

    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* A guest with a monitor at @path besides libvirt's. */
static virDomainPtr
add_guest_with_monitor(const char *name, const char *path)
{
    virDomainPtr plain = host_add_guest(alpha, name, FALSE);
    char *xml = virDomainGetXMLDesc(plain, 0);
    g_auto(GStrv) parts = g_strsplit(xml, "<domain type='qemu'>", 2);
    g_auto(GStrv) ends = g_strsplit(parts[1], "</domain>", 2);
    g_autofree char *all = g_strdup_printf(
        "<domain type='qemu' "
        "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>%s"
        "<qemu:commandline><qemu:arg value='-qmp'/>"
        "<qemu:arg value='unix:%s,server=on,wait=off'/></qemu:commandline>"
        "</domain>", ends[0], path);
    virDomainPtr domain = virDomainDefineXML(alpha->conn, all);

    g_assert_nonnull(domain);
    g_assert_cmpint(virDomainCreate(domain), ==, 0);
    free(xml);
    virDomainFree(plain);

    return domain;
}

static MigtuneDomain *
open_guest(const char *uri, const char *name, guint timeout_ms)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = migtune_conn_open(uri, 0, timeout_ms, NULL,
                                                    &error);
    MigtuneDomain *domain;

    g_assert_no_error(error);
    domain = migtune_conn_lookup(conn, name, NULL, &error);
    g_assert_no_error(error);

    return domain;
}

static MigtunePlan *
plan_one(MigtuneDomain *domain, const char *wish)
{
    const char *const wishes[] = { wish, NULL };
    g_autoptr(GError) error = NULL;
    GVariant *settings = migtune_settings_parse(wishes, &error);
    MigtunePlan *plan;

    g_assert_no_error(error);
    plan = migtune_domain_plan_settings(domain, settings, 0, NULL, &error);
    g_assert_no_error(error);
    g_variant_unref(settings);

    return plan;
}

/* Applies a plan in a thread; returns the error. */
static gpointer
apply_in_thread(gpointer plan)
{
    GError *error = NULL;

    migtune_plan_apply(plan, NULL, &error);

    return error;
}

/* The same guest by libvirt and by a monitor of its own: while one program changes
 * it through libvirt, another one is refused. */
static void
test_one_lock_for_both_drivers(void)
{
    g_autofree char *path = g_build_filename(alpha->dir, "second.sock", NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s", path);
    virDomainPtr guest = add_guest_with_monitor("twofold", path);
    /* The time limit is also the time to wait for the lock. */
    g_autoptr(MigtuneDomain) managed = open_guest(alpha->uri, "twofold",
                                                  10 * HOST_PATIENCE_MS);
    g_autoptr(MigtuneDomain) direct = open_guest(uri, "twofold", 5000);
    g_autoptr(MigtunePlan) slow = plan_one(managed, "auto_converge.max=66");
    g_autoptr(MigtunePlan) other = NULL;
    g_autoptr(GError) error = NULL;
    gint64 end_us = g_get_monotonic_time() +
                    HOST_PATIENCE_MS * G_TIME_SPAN_MILLISECOND;
    GThread *thread;

    g_assert_cmpstr(migtune_domain_get_uuid(managed), ==,
                    migtune_domain_get_uuid(direct));
    host_hang_daemon(alpha);
    thread = g_thread_new("apply", apply_in_thread, slow);
    /* The thread waits for the daemon as soon as it has the lock. */
    for (guint i = 0; !error; i++) {
        g_autofree char *wish = g_strdup_printf("auto_converge.initial=%u",
                                                10 + i % 50);

        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_clear_pointer(&other, migtune_plan_unref);
        other = plan_one(direct, wish);
        migtune_plan_apply(other, NULL, &error);
    }
    g_test_message("%s", error->message);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_assert_cmpstr(migtune_error_get_field(error,
                                            MIGTUNE_ERROR_FIELD_REASON),
                    ==, "guest-locked");
    g_clear_error(&error);
    host_wake_daemon(alpha);
    error = g_thread_join(thread);
    g_assert_no_error(error);
    VIRSH_HAS("\"max-cpu-throttle\":66", "qemu-monitor-command", "twofold",
              QUERY);

    /* Afterwards both can change it. */
    g_clear_pointer(&other, migtune_plan_unref);
    other = plan_one(direct, "auto_converge.max=67");
    migtune_plan_apply(other, NULL, &error);
    g_assert_no_error(error);
    virDomainDestroy(guest);
    virDomainUndefine(guest);
    virDomainFree(guest);
}

/* Counts the round trips of a command that connects through @rounds. */
static guint
count_rounds(Rounds *rounds, const char *uri, const char *command,
             const char *word)
{
    g_autofree char *tool = hosts_find_migtune();
    const char *argv[] = { tool, "-c", uri, command, word, NULL };
    g_autofree char *text = NULL;

    rounds_take(rounds);
    text = hosts_run(argv);
    assert_lacks(text, "exit");

    return rounds_take(rounds);
}

/* Starts a QEMU without libvirt, with a monitor at @path. */
static GSubprocess *
start_bare_guest(const char *path)
{
    g_autofree char *monitor = g_strdup_printf("unix:%s,server=on,wait=off",
                                               path);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    GSubprocess *guest;

    g_subprocess_launcher_set_child_setup(launcher, hosts_child_setup, NULL,
                                          NULL);
    guest = g_subprocess_launcher_spawn(
        launcher, &error, "qemu-system-x86_64", "-machine", "pc,accel=tcg",
        "-m", "64", "-S", "-display", "none", "-nodefaults", "-name", "bare",
        "-qmp", monitor, NULL);
    g_assert_no_error(error);
    while (!g_file_test(path, G_FILE_TEST_EXISTS))
        g_usleep(20000);

    return guest;
}

static guint
count_rounds_of_qmp(void)
{
    g_autofree char *monitor = g_build_filename(alpha->dir, "bare.sock", NULL);
    g_autofree char *counted = g_build_filename(alpha->dir, "bare", NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s", counted);
    g_autoptr(GSubprocess) guest = start_bare_guest(monitor);
    Rounds *rounds = rounds_new(counted, monitor);
    guint n;

    count_rounds(rounds, uri, "migrate-getparameters", "bare");
    n = count_rounds(rounds, uri, "migrate-getparameters", "bare");
    rounds_free(rounds);
    g_subprocess_force_exit(guest);
    g_subprocess_wait(guest, NULL, NULL);

    return n;
}

/* Over a network the round trips decide how long a command takes. */
static void
test_round_trips(void)
{
    virDomainPtr domain = host_add_guest(alpha, "thrifty", TRUE);
    g_autofree char *socket = g_build_filename(alpha->dir, "sock",
                                               "libvirt-sock", NULL);
    g_autofree char *counted = g_build_filename(alpha->dir, "counted", NULL);
    g_autofree char *uri = g_strdup_printf("qemu+unix:///system?socket=%s",
                                           counted);
    Rounds *rounds = rounds_new(counted, socket);
    guint qmp = count_rounds_of_qmp();
    guint open;
    guint get;

    /* The first command probes this QEMU; the following ones use the cached
     * result. */
    count_rounds(rounds, uri, "migrate-getparameters", "thrifty");
    /* The round trips of libvirt's client library to connect and to close. */
    open = count_rounds(rounds, uri, "list", "--keys") - 1;
    /* On a busy machine answers to requests that were sent together can arrive
     * too far apart to be counted as one round trip. */
    get = G_MAXUINT;
    for (guint i = 0; i < 5 && get > qmp + MAX_MORE_ROUNDS; i++)
        get = MIN(get, count_rounds(rounds, uri, "migrate-getparameters",
                                    "thrifty") - open);
    g_test_message("round trips: %u of libvirt's own, %u to get; with qmp %u",
                   open, get, qmp);
    g_assert_cmpuint(open, >, 0);
    g_assert_cmpuint(qmp, >, 0);
    g_assert_cmpuint(get, <=, qmp + MAX_MORE_ROUNDS);

    rounds_free(rounds);
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* Many guests, which are small and paused so that they use no processor
 * time. tools/bench/libvirt.sh measures the time with a hundred guests. */
static void
test_many_guests(void)
{
    guint n = g_test_slow() ? N_CROWD : 6;
    g_autofree char *text = NULL;

    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("crowd%u", i);
        virDomainPtr domain = host_add_guest(alpha, name, FALSE);

        g_assert_cmpint(virDomainCreateWithFlags(domain,
                                                 VIR_DOMAIN_START_PAUSED), ==,
                        0);
        virDomainFree(domain);
    }
    text = host_migtune(alpha, "migrate-getparameters", "--all", "downtime",
                        NULL);
    assert_lacks(text, "exit");
    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("crowd%u", i);

        assert_has(text, name);
    }
    for (guint i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("crowd%u", i);

        g_free(host_virsh(alpha, "destroy", name, NULL));
        g_free(host_virsh(alpha, "undefine", name, NULL));
    }
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    g_test_add_func("/libvirt/set-and-get", test_set_and_get);
    g_test_add_func("/libvirt/looking-does-not-taint",
                    test_looking_does_not_taint);
    g_test_add_func("/libvirt/no-monitor", test_no_monitor);
    g_test_add_func("/libvirt/lookups", test_lookups);
    g_test_add_func("/libvirt/bad-input", test_bad_input);
    g_test_add_func("/libvirt/restart", test_restart);
    g_test_add_func("/libvirt/one-lock-for-both-drivers",
                    test_one_lock_for_both_drivers);
    g_test_add_func("/libvirt/round-trips", test_round_trips);
    g_test_add_func("/libvirt/many-guests", test_many_guests);

    alpha = host_new("alpha", 1, NULL);
    status = g_test_run();
    host_free(alpha);

    return status;
}
