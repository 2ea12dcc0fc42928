/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Access to a daemon: authentication, sockets without permission, read-only
 * connections, and libvirt's embedded QEMU driver, which needs no daemon.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>
#include <libvirt/libvirt.h>

#include "migtune/migtune.h"

#include "hosts.h"

/* The user `nobody` of Debian, who has no permissions. */
#define NOBODY "65534"

static Host *alpha;

/* Runs a line of shell in which $U is the URI, $M the command with a time limit
 * for busy machines, and $DEFAULT the command with the default time limits. */
static char *
run_line(const char *uri, const char *line)
{
    g_autofree char *tool = hosts_find_migtune();
    g_autofree char *text = g_strdup_printf(
        "DEFAULT='%s' U='%s'; M=\"$DEFAULT --timeout %u\"; %s", tool, uri,
        HOST_PATIENCE_MS / 1000, line);
    const char *argv[] = { "sh", "-c", text, NULL };
    char *out = hosts_run(argv);

    g_test_message("%s", out);
    return out;
}

#define LINE_HAS(part, line)                                 \
    do {                                                     \
        g_autofree char *text_ = run_line(alpha->uri, line); \
        assert_has(text_, part);                             \
    } while (0)

/* Only root may use the read-write socket. */
static void
test_no_permission(void)
{
    LINE_HAS("run as root or as a member of the group libvirt",
             "setpriv --reuid=" NOBODY " --regid=" NOBODY " --clear-groups "
             "env HOME=/nonexistent $M -c $U list");
    LINE_HAS("exit 1",
             "setpriv --reuid=" NOBODY " --regid=" NOBODY " --clear-groups "
             "env HOME=/nonexistent $M -c $U list");
}

static void
remove_guest(virDomainPtr domain)
{
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

/* A read-only connection has no monitor; error messages say what to use
 * instead. */
static void
test_read_only(void)
{
    virDomainPtr guest = host_add_guest(alpha, "shown", TRUE);

    LINE_HAS("shown", "$M --readonly -c $U list --keys");
    LINE_HAS("300 ms",
             "$M --readonly -c $U migrate-getparameters shown downtime");
    /* Uses the read-only socket of the daemon, without the option
     * --readonly. */
    LINE_HAS("running", "$M -c $U-ro dominfo shown");
    LINE_HAS("connect without --readonly",
             "$M -c $U-ro migrate-getparameters shown");
    LINE_HAS("without --readonly",
             "$M --readonly -c $U migrate-setparameters shown downtime=5");
    LINE_HAS("exit 1",
             "$M --readonly -c $U migrate-setparameters shown downtime=5");
    LINE_HAS("exit 1", "$M --readonly -c $U migrate-setparameters shown "
                       "downtime=5 --config");
    LINE_HAS("No settings are kept",
             "$M --readonly -c $U migrate-getparameters shown --config");
    LINE_HAS("read-only connections are not supported",
             "$M --readonly -c qmp:///run list");
    {
        /* A user without write permission can use the read-only socket. */
        g_autofree char *uri = g_strdup_printf("%s-ro", alpha->uri);
        g_autofree char *text = run_line(
            uri, "setpriv --reuid=" NOBODY " --regid=" NOBODY
                 " --clear-groups env HOME=/nonexistent $M -c $U --readonly "
                 "list --keys");

        g_assert_cmpstr(text, ==, "shown");
    }
    remove_guest(guest);
}

/* SASL does not free all of its memory, nor does libvirt when it uses SASL. */
#define NO_LEAKS "export ASAN_OPTIONS=detect_leaks=0; "

/* Types the user name of fred at a terminal and, after @seconds, @password. */
#define TYPED(seconds, password)                                         \
    "{ sleep 1; echo fred@alpha; sleep " seconds "; echo " password ";"  \
    "  sleep 1; } | script -qec \"$DEFAULT -c '$U' -t 4 list\" /dev/null"

static void
append(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    g_autofree char *all = NULL;

    g_file_get_contents(path, &before, NULL, NULL);
    all = g_strconcat(before ? before : "", text, NULL);
    g_file_set_contents(path, all, -1, &error);
    g_assert_no_error(error);
}

/* The leak sanitizer asks for this: SASL keeps its prompts if a question is
 * refused. */
const char *__lsan_default_suppressions(void);

const char *
__lsan_default_suppressions(void)
{
    return "leak:libscram.so\nleak:libsasl2.so\n";
}

static char *
count_question(MigtuneCredential credential, const char *prompt,
               GCancellable *cancellable, gpointer n_asked)
{
    g_atomic_int_inc((gint *)n_asked);

    return NULL;
}

/* The daemon asks for credentials after the call has ended at its time limit.
 * The program's function is not called: what it uses may not exist any more. */
static void
check_late_question(void)
{
    g_autoptr(GError) error = NULL;
    gint n_asked = 0;

    host_hang_daemon(alpha);
    g_assert_null(migtune_conn_open_auth(alpha->uri, 0, 500, count_question,
                                         &n_asked, NULL, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    host_wake_daemon(alpha);
    g_assert_true(migtune_wait_idle(HOST_PATIENCE_MS));
    g_assert_cmpint(g_atomic_int_get(&n_asked), ==, 0);

    /* The daemon does ask: the function is called in time. */
    g_clear_error(&error);
    g_assert_null(migtune_conn_open_auth(alpha->uri, 0, HOST_PATIENCE_MS,
                                         count_question, &n_asked, NULL,
                                         &error));
    g_assert_cmpint(g_atomic_int_get(&n_asked), >, 0);
}

/* The daemon asks for a user name and a password. */
static void
test_password(void)
{
    g_autofree char *conf = g_build_filename(alpha->dir, "etc",
                                             "libvirtd.conf", NULL);
    g_autofree char *sasl = g_build_filename(alpha->dir, "etc", "sasl2",
                                             "libvirt.conf", NULL);
    g_autofree char *auth = g_build_filename(alpha->dir, "auth.conf", NULL);
    g_autofree char *before = NULL;
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;
    g_autofree char *uri = NULL;
    g_autofree char *saslpasswd = g_find_program_in_path("saslpasswd2");
    g_autofree char *script = g_find_program_in_path("script");

    if (!saslpasswd || !script) {
        g_test_skip("saslpasswd2 or script is missing");
        return;
    }
    g_assert_true(g_file_get_contents(conf, &before, NULL, NULL));
    host_kill_daemon(alpha);
    {
        g_auto(GStrv) parts = g_strsplit(before, "auth_unix_rw = \"none\"", 2);
        g_autofree char *after = g_strjoinv("auth_unix_rw = \"sasl\"", parts);

        g_assert_nonnull(parts[1]);
        g_assert_true(g_file_set_contents(conf, after, -1, NULL));
    }
    text = g_strdup_printf("mech_list: scram-sha-1\nsasldb_path: %s/passwd.db\n"
                           "auxprop_plugin: sasldb\n", alpha->dir);
    append(sasl, text);
    line = g_strdup_printf("printf secret | saslpasswd2 -p -c -a libvirt -u "
                           "alpha -f %s/passwd.db fred", alpha->dir);
    g_free(run_line("", line));
    uri = g_steal_pointer(&alpha->uri);
    alpha->uri = g_strconcat(uri, "-ro", NULL);
    host_revive(alpha);
    g_free(alpha->uri);
    alpha->uri = g_steal_pointer(&uri);

    check_late_question();

    /* Without a terminal the command does not ask, and does not read the
     * lines of standard input as a password. */
    LINE_HAS("auth.conf",
             NO_LEAKS "printf 'fred\\nsecret\\n' | $M -c $U list --keys");
    LINE_HAS("exit 1", NO_LEAKS "$M -c $U list --keys </dev/null");
    /* A user at a terminal may take longer than the time limit for the
     * daemon. */
    LINE_HAS("Domain", NO_LEAKS TYPED("6", "secret"));
    LINE_HAS("give a user that the daemon knows",
             NO_LEAKS TYPED("1", "wrong"));
    /* The password in libvirt's own authentication file is used. */
    append(auth, "[credentials-fred]\nauthname=fred@alpha\npassword=secret\n"
                 "[auth-libvirt-localhost]\ncredentials=fred\n");
    g_free(line);
    line = g_strdup_printf(NO_LEAKS "export LIBVIRT_AUTH_FILE=%s; "
                           "$M -c $U list </dev/null && echo let in", auth);
    LINE_HAS("let in", line);

    g_clear_pointer(&alpha->conn, virConnectClose);
    {
        g_autofree char *marker = g_build_filename(alpha->dir, "stay-away",
                                                   NULL);

        g_assert_true(g_file_set_contents(marker, "", 0, NULL));
        g_usleep(G_USEC_PER_SEC);
        g_assert_true(g_file_set_contents(conf, before, -1, NULL));
    }
    host_revive(alpha);
}

/* Uses libvirt's QEMU driver inside the process: qemu:///embed. */
static void
test_embedded(void)
{
    g_autofree char *root = g_build_filename(alpha->dir, "embed", NULL);
    g_autofree char *etc = g_build_filename(root, "etc", NULL);
    g_autofree char *conf = g_build_filename(etc, "qemu.conf", NULL);
    g_autofree char *xml = g_build_filename(alpha->dir, "embedded.xml", NULL);
    g_autofree char *uri = g_strdup_printf("qemu:///embed?root=%s", root);
    g_autofree char *qemu = g_find_program_in_path("qemu-system-x86_64");
    g_autofree char *guest = g_strdup_printf(
        "<domain type='qemu'><name>inner</name><memory unit='MiB'>64</memory>"
        "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
        "<devices><emulator>%s</emulator>"
        "<controller type='usb' model='none'/><memballoon model='none'/>"
        "</devices></domain>", qemu);
    /* libvirt requires a user that this machine may lack.  The guest ends
     * with the namespace. */
    static const char line[] =
        "unshare --mount --pid --fork --kill-child --mount-proc sh -ec '"
        "mount --bind passwd /etc/passwd; mount --bind group /etc/group; "
        "virsh -q -c $U \"define embedded.xml; start inner --paused\"; "
        "$M -c $U list; "
        "$M -c $U migrate-setparameters inner downtime=123 xbzrle=on; "
        "$M -c $U migrate-getparameters inner downtime; "
        "echo virsh says $(virsh -q -c $U migrate-getmaxdowntime inner)'";
    g_autofree char *all = g_strdup_printf("cd %s; export M U; %s",
                                           alpha->dir, line);
    g_autofree char *text = NULL;

    g_assert_cmpint(g_mkdir_with_parents(etc, 0755), ==, 0);
    append(conf, "user = \"root\"\ngroup = \"root\"\n"
                 "dynamic_ownership = 0\nremember_owner = 0\n"
                 "security_driver = \"none\"\ncgroup_controllers = []\n"
                 "namespaces = []\nstdio_handler = \"file\"\n");
    append(xml, guest);
    text = run_line(uri, all);
    assert_lacks(text, "exit");
    assert_has(text, "Migration");
    assert_has(text, "in-force");
    assert_has(text, "123 ms");
    assert_has(text, "virsh says 123");
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    g_test_add_func("/libvirt/access/no-permission", test_no_permission);
    g_test_add_func("/libvirt/access/read-only", test_read_only);
    g_test_add_func("/libvirt/access/password", test_password);
    g_test_add_func("/libvirt/access/embedded", test_embedded);

    alpha = host_new("alpha", 1, NULL);
    /* Every user can reach the sockets; only their own modes restrict
     * access. */
    g_assert_cmpint(g_chmod(alpha->dir, 0711), ==, 0);
    status = g_test_run();
    host_free(alpha);

    return status;
}
