/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hosts for the tests of this folder.
 *
 * A host ends with its host.sh process, and that process ends with the test, so
 * that only a directory is left.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include <libvirt/virterror.h>

#include "hosts.h"
#include "../lib/command.h"
#include "../lib/remove-tree.h"

#define HOST_SECONDS 60
#define GUEST_SECONDS 60

/* Adds the directories that contain daemons. */
static void
hosts_widen_path(void)
{
    const char *path = g_getenv("PATH");

    if (!path || !strstr(path, "/usr/sbin")) {
        g_autofree char *longer = g_strdup_printf(
            "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");

        g_setenv("PATH", longer, TRUE);
    }
}

/* Disables the leak sanitizer in the programs that the tests start, but not
 * in the tests themselves; kept.sh gives the reason. */
static void
hosts_ignore_leaks(void)
{
    const char *old = g_getenv("ASAN_OPTIONS");
    g_autofree char *options = g_strdup_printf(
        "%s%sdetect_leaks=0", old ? old : "", old ? ":" : "");

    g_setenv("ASAN_OPTIONS", options, TRUE);
}

/* What this machine lacks for a host; NULL if nothing is missing. */
static const char *
hosts_missing(void)
{
    static const char *const programs[] = { "libvirtd", "virsh", "unshare",
                                            "nsenter", "ip",
                                            "qemu-system-x86_64" };

    if (geteuid() != 0)
        return "namespaces need root";
    for (gsize i = 0; i < G_N_ELEMENTS(programs); i++) {
        g_autofree char *found = g_find_program_in_path(programs[i]);

        if (!found)
            return programs[i];
    }

    return NULL;
}

gboolean
hosts_can_be(void)
{
    const char *missing;

    /* As virsh does: libvirt may write to the socket of a daemon that has just
     * ended. */
    signal(SIGPIPE, SIG_IGN);
    hosts_widen_path();
    hosts_ignore_leaks();
    missing = hosts_missing();
    if (missing)
        g_print("1..0 # SKIP %s\n", missing);

    return missing == NULL;
}

void
hosts_child_setup(gpointer data)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void
hosts_be_quiet(void *data, virErrorPtr error)
{
}

/* Connects as soon as the daemon answers. */
static void
host_connect(Host *host)
{
    gint64 end = g_get_monotonic_time() + HOST_SECONDS * G_USEC_PER_SEC;

    virSetErrorFunc(NULL, hosts_be_quiet);
    while (!(host->conn = virConnectOpen(host->uri))) {
        if (g_get_monotonic_time() > end || kill(host->pid, 0) != 0)
            g_error("the daemon in %s does not answer: %s", host->dir,
                    virGetLastErrorMessage());
        g_usleep(20000);
    }
}

/* host.sh appends this file to its own configuration. */
static void
host_add_lines(const Host *host, const char *file, const char *lines)
{
    g_autofree char *path = g_build_filename(host->dir, file, NULL);

    if (lines)
        g_assert_true(g_file_set_contents(path, lines, -1, NULL));
}

Host *
host_new(const char *name, guint nth, const Host *peer)
{
    return host_new_configured(name, nth, peer, NULL, NULL);
}

Host *
host_new_configured(const char *name, guint nth, const Host *peer,
                    const char *qemu_conf, const char *libvirtd_conf)
{
    Host *host = g_new0(Host, 1);
    g_autofree char *script =
        g_test_build_filename(G_TEST_DIST, "host.sh", NULL);
    g_autofree char *peer_pid = peer ? g_strdup_printf("%d", peer->pid) : NULL;
    g_autoptr(GError) error = NULL;

    host->dir = g_dir_make_tmp("migtune-host-XXXXXX", &error);
    g_assert_no_error(error);
    host->address = g_strdup_printf("10.99.99.%u", nth);
    host->uri = g_strdup_printf("qemu+unix:///system?socket=%s/sock/"
                                "libvirt-sock", host->dir);
    host_add_lines(host, "qemu.conf", qemu_conf);
    host_add_lines(host, "libvirtd.conf", libvirtd_conf);
    {
        const char *argv[] = { script, host->dir, name, host->address,
                               peer_pid, peer ? peer->address : NULL, NULL };

        g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                      hosts_child_setup, NULL, &host->pid, &error);
        g_assert_no_error(error);
    }
    host_connect(host);

    return host;
}

void
host_free(Host *host)
{
    if (!host)
        return;

    if (host->conn)
        virConnectClose(host->conn);
    kill(host->pid, SIGKILL);
    waitpid(host->pid, NULL, 0);
    g_spawn_close_pid(host->pid);
    if (g_getenv("MIGTUNE_TEST_KEEP"))
        g_printerr("# kept: %s\n", host->dir);
    else
        remove_tree(host->dir);
    g_free(host->dir);
    g_free(host->uri);
    g_free(host->address);
    g_free(host);
}

void
host_kill_daemon(Host *host)
{
    g_autofree char *marker = g_build_filename(host->dir, "stay-away", NULL);
    gint64 end = g_get_monotonic_time() + HOST_SECONDS * G_USEC_PER_SEC;
    virConnectPtr conn;

    g_clear_pointer(&host->conn, virConnectClose);
    g_assert_true(g_file_set_contents(marker, "", 0, NULL));
    while ((conn = virConnectOpen(host->uri))) {
        virConnectClose(conn);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(50000);
    }
}

void
host_revive(Host *host)
{
    g_autofree char *marker = g_build_filename(host->dir, "stay-away", NULL);

    g_remove(marker);
    host_connect(host);
}

static void
host_set_hanging(Host *host, gboolean hanging)
{
    g_autofree char *marker = g_build_filename(host->dir, "hang", NULL);
    g_autofree char *state = g_build_filename(host->dir, "hangs", NULL);
    gint64 end = g_get_monotonic_time() + HOST_SECONDS * G_USEC_PER_SEC;

    if (hanging)
        g_assert_true(g_file_set_contents(marker, "", 0, NULL));
    else
        g_remove(marker);
    while (g_file_test(state, G_FILE_TEST_EXISTS) != hanging) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(20000);
    }
}

void
host_hang_daemon(Host *host)
{
    host_set_hanging(host, TRUE);
}

void
host_wake_daemon(Host *host)
{
    host_set_hanging(host, FALSE);
}

/*
 * A floppy whose first sector is a program.  It adds one to the first byte of
 * every page from 64 KiB to 636 KiB, in an endless loop, with a pause after
 * each page.
 *
 * Before each round it changes a bit of CR0, so that QEMU flushes its TLB: QEMU
 * 7.2 with TCG marks a page as dirty only at the first write after the page was
 * entered into the TLB.
 *
 *     0   cli
 *     1   mov eax, cr0
 *     4   xor eax, 0x10000
 *    10   mov cr0, eax
 *    13   mov ax, 0x1000
 *    16   mov ds, ax
 *    18   inc byte [0]
 *    22   mov cx, 0x1000
 *    25   loop 25
 *    27   add ax, 0x100
 *    30   cmp ax, 0x9f00
 *    33   jb 16
 *    35   jmp 1
 */
static char *
host_make_floppy(const Host *host)
{
    static const guint8 program[] = {
        0xfa, 0x0f, 0x20, 0xc0, 0x66, 0x35, 0x00, 0x00, 0x01, 0x00,
        0x0f, 0x22, 0xc0, 0xb8, 0x00, 0x10, 0x8e, 0xd8, 0xfe, 0x06,
        0x00, 0x00, 0xb9, 0x00, 0x10, 0xe2, 0xfe, 0x05, 0x00, 0x01,
        0x3d, 0x00, 0x9f, 0x72, 0xed, 0xeb, 0xdc,
    };
    g_autofree guint8 *image = g_malloc0(1440 * 1024);
    char *path = g_build_filename(host->dir, "guests", "floppy", NULL);

    memcpy(image, program, sizeof(program));
    image[510] = 0x55;
    image[511] = 0xaa;
    g_assert_true(g_file_set_contents(path, (char *)image, 1440 * 1024, NULL));

    return path;
}

virDomainPtr
host_add_guest(Host *host, const char *name, gboolean run)
{
    g_autofree char *floppy = host_make_floppy(host);
    g_autofree char *qemu = g_find_program_in_path("qemu-system-x86_64");
    g_autofree char *xml = g_strdup_printf(
        "<domain type='qemu'>"
        "<name>%s</name>"
        "<memory unit='MiB'>64</memory>"
        "<metadata><other:thing xmlns:other='urn:other' kept='yes'/>"
        "</metadata>"
        "<os><type arch='x86_64' machine='pc'>hvm</type>"
        "<boot dev='fd'/></os>"
        "<features><acpi/></features>"
        "<devices>"
        "<emulator>%s</emulator>"
        "<disk type='file' device='floppy'><driver name='qemu' type='raw'/>"
        "<source file='%s'/><target dev='fda'/><readonly/></disk>"
        "<controller type='usb' model='none'/>"
        "<memballoon model='none'/>"
        "</devices>"
        "</domain>", name, qemu, floppy);
    virDomainPtr domain = virDomainDefineXML(host->conn, xml);

    if (!domain || (run && virDomainCreate(domain) < 0))
        g_error("%s: %s", name, virGetLastErrorMessage());

    return domain;
}

void
host_remove_guest(const Host *host, const char *name)
{
    virDomainPtr guest = virDomainLookupByName(host->conn, name);

    if (!guest)
        return;
    virDomainDestroy(guest);
    virDomainUndefine(guest);
    virDomainFree(guest);
}

void
host_wait_busy(Host *host, const char *name)
{
    gint64 end = g_get_monotonic_time() + GUEST_SECONDS * G_USEC_PER_SEC;

    for (;;) {
        g_autofree char *text = host_virsh(host, "qemu-monitor-command", name,
                                           "--hmp", "xp /1xb 0x20000", NULL);

        if (strstr(text, ": 0x") && !strstr(text, ": 0x00"))
            return;
        if (g_get_monotonic_time() > end)
            g_error("%s does nothing: %s", name, text);
        g_usleep(50000);
    }
}

char *
hosts_run(const char *const *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;
    int status = 0;
    g_autoptr(GSubprocess) process = g_subprocess_newv(
        words, G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                   G_SUBPROCESS_FLAGS_STDERR_MERGE, &error);

    g_assert_no_error(error);
    g_subprocess_communicate_utf8(process, NULL, NULL, &out, NULL, &error);
    g_assert_no_error(error);
    status = g_subprocess_get_exit_status(process);
    g_strchomp(out);

    return status ? g_strdup_printf("exit %d\n%s", status, out)
                  : g_steal_pointer(&out);
}

/* Runs a command.  lib/checked/migtune runs migtune under @wrapper, such as
 * valgrind with its options. */
static char *
host_run_listed(const char *wrapper, const char *first, const char *uri,
                va_list args)
{
    g_autofree char *under =
        g_strdup_printf("MIGTUNE_TEST_UNDER=%s", wrapper ? wrapper : "");
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    const char *word;

    g_ptr_array_add(words, (char *)"env");
    g_ptr_array_add(words, under);
    g_ptr_array_add(words, (char *)first);
    g_ptr_array_add(words, (char *)"-c");
    g_ptr_array_add(words, (char *)uri);
    /* A wrapper such as valgrind makes the command slow. */
    if (wrapper && *wrapper) {
        g_ptr_array_add(words, (char *)"--timeout");
        g_ptr_array_add(words, (char *)"60");
    }
    while ((word = va_arg(args, const char *)))
        g_ptr_array_add(words, (char *)word);
    g_ptr_array_add(words, NULL);

    return hosts_run((const char *const *)words->pdata);
}

char *
host_virsh(const Host *host, ...)
{
    va_list args;
    char *text;

    va_start(args, host);
    text = host_run_listed(NULL, "virsh", host->uri, args);
    va_end(args);

    return text;
}

char *
hosts_find_migtune(void)
{
    return command_find();
}

char *
host_migtune(const Host *host, ...)
{
    g_autofree char *tool = hosts_find_migtune();
    va_list args;
    char *text;

    va_start(args, host);
    text = host_run_listed(g_getenv("MIGTUNE_TEST_WRAPPER"), tool, host->uri,
                           args);
    va_end(args);

    return text;
}

void
assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        g_error("expected '%s' in:\n%s", part, text);
}

void
assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        g_error("expected no '%s' in:\n%s", part, text);
}
