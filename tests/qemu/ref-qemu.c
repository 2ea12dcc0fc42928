/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reference guest at one end, a real QEMU of the same release at the other,
 * both directions, with QMP only: a client sends the same commands to both, apart
 * from the end of a TLS connection that each of them is.  RAM must be identical.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "lib/qemu-guest.h"
#include "lib/ref-client.h"
#include "lib/tls-files.h"
#include "util/json-peek.h"

#define RAM_BYTES (16 * 1024 * 1024)
#define TIMEOUT_MS 30000

static const char *const releases[] = { "5.2", "7.2", "10.0", "11.1" };

enum { V5_2 = 1, V7_2 = 2, V10_0 = 4, V11_1 = 8, OLD = V5_2 | V7_2,
       ALL = OLD | V10_0, NEW = V7_2 | V10_0 | V11_1 };

static TlsFiles *tls_files;

/* Slow enough to switch to post-copy, and to observe or interrupt it. */
#define SLOW "{'max-bandwidth': 4194304, 'max-postcopy-bandwidth': 33554432}"
#define SLOWER "{'max-bandwidth': 4194304, 'max-postcopy-bandwidth': 8388608}"

static const struct {
    const char *name;
    guint releases;
    const char *capabilities[3];
    const char *parameters;
    gboolean by_file;
    enum { NEVER, ONCE, INTERRUPTED } postcopy;
    gboolean tls;
} methods[] = {
    { "plain", ALL },
    { "return-path", ALL, { "return-path" } },
    { "xbzrle", ALL, { "xbzrle", "return-path" } },
    { "compress", OLD, { "compress" },
      "{'compress-threads': 2, 'decompress-threads': 2}" },
    { "multifd-zlib", ALL, { "multifd", "return-path" },
      "{'multifd-channels': 3, 'multifd-compression': 'zlib'}" },
    { "multifd-zstd", V7_2 | V10_0, { "multifd" },
      "{'multifd-compression': 'zstd'}" },
    { "switchover-ack", V10_0, { "return-path", "switchover-ack" } },
    { "zero-page-legacy", V10_0, { "multifd" },
      "{'zero-page-detection': 'legacy'}" },
    { "postcopy", ALL, { "postcopy-ram" }, SLOW, .postcopy = ONCE },
    { "postcopy-after-xbzrle", ALL, { "postcopy-ram", "xbzrle" }, SLOW,
      .postcopy = ONCE },
    { "postcopy-recover", ALL, { "postcopy-ram" }, SLOWER,
      .postcopy = INTERRUPTED },
    { "postcopy-preempt", V7_2 | V10_0, { "postcopy-ram", "postcopy-preempt" },
      SLOW, .postcopy = ONCE },
    { "postcopy-preempt-recover", V7_2 | V10_0,
      { "postcopy-ram", "postcopy-preempt" }, SLOWER, .postcopy = INTERRUPTED },
    { "tls-postcopy", NEW, { "postcopy-ram" }, SLOW, .postcopy = ONCE,
      .tls = TRUE },
    { "tls-postcopy-preempt", NEW, { "postcopy-ram", "postcopy-preempt" }, SLOW,
      .postcopy = ONCE, .tls = TRUE },
    { "tls-postcopy-preempt-recover", NEW,
      { "postcopy-ram", "postcopy-preempt" }, SLOWER, .postcopy = INTERRUPTED,
      .tls = TRUE },
    { "mapped-ram", V10_0, { "mapped-ram", "multifd" }, NULL, TRUE },
};

typedef struct {
    guint method;
    guint release;
    gboolean to_qemu;
} Case;

typedef struct {
    const Case *c;
    char *dir;
    char *uri;
    QemuGuest *qemu;
    RefClient *ref;
} Run;

static void
run_clear(Run *run)
{
    ref_client_free(run->ref);
    qemu_guest_free(run->qemu);
    if (run->dir) {
        static const char *const files[] = {
            "stream", "stream-again", "saved", "ref-ram",
        };

        for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
            g_autofree char *path = g_build_filename(run->dir, files[i], NULL);

            g_unlink(path);
        }
        g_rmdir(run->dir);
    }
    g_free(run->dir);
    g_free(run->uri);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

static void
run_check(Run *run, GError *error)
{
    if (error && run->qemu) {
        g_autofree char *log = qemu_guest_dup_log(run->qemu);

        g_test_message("QEMU says: %s", log);
    }
    g_assert_no_error(error);
}

/* Sends a command to the source or to the destination. */
static void
run_say(Run *run, gboolean source, const char *command, const char *arguments)
{
    g_autoptr(GError) error = NULL;

    if (source == run->c->to_qemu) {
        ref_client_run(run->ref, command, "%s", arguments);
        return;
    }
    qemu_guest_run(run->qemu, &error, command, "%s", arguments);
    run_check(run, error);
}

/* Adds TLS credentials, and makes migrations use them. */
static void
run_set_tls(Run *run)
{
    static const char parameters[] =
        "{'tls-creds': 'tls0', 'tls-hostname': 'localhost'}";
    g_autofree char *dir = tls_files_dir(tls_files, "good");

    for (guint source = 0; source < 2; source++) {
        g_autofree char *object = g_strdup_printf(
            "{'qom-type': 'tls-creds-x509', 'id': 'tls0', 'dir': '%s', "
            "'endpoint': '%s'}",
            dir, source ? "client" : "server");

        run_say(run, source, "object-add", object);
        run_say(run, source, "migrate-set-parameters", parameters);
    }
}

/* Both get the same settings. */
static void
run_set_up(Run *run)
{
    g_autoptr(GError) error = NULL;

    if (methods[run->c->method].tls)
        run_set_tls(run);
    for (guint i = 0; i < 3 && methods[run->c->method].capabilities[i]; i++) {
        g_autofree char *arguments = g_strdup_printf(
            "{'capabilities': [{'capability': '%s', 'state': true}]}",
            methods[run->c->method].capabilities[i]);

        qemu_guest_run(run->qemu, &error, "migrate-set-capabilities", "%s",
                       arguments);
        run_check(run, error);
        ref_client_run(run->ref, "migrate-set-capabilities", "%s", arguments);
    }
    if (methods[run->c->method].parameters) {
        qemu_guest_run(run->qemu, &error, "migrate-set-parameters", "%s",
                       methods[run->c->method].parameters);
        run_check(run, error);
        ref_client_run(run->ref, "migrate-set-parameters", "%s",
                       methods[run->c->method].parameters);
    }
}

static void
run_start(Run *run)
{
    const char *release = releases[run->c->release];
    g_autofree char *ram_file = g_build_filename(run->dir, "ref-ram", NULL);
    g_autoptr(MtRefGuestSpec) spec =
        mt_ref_guest_spec_new("ref", mt_release_parse(release));
    g_autoptr(GError) error = NULL;
    QemuGuestSpec qemu = {
        .command = qemu_guest_command(release),
        .dir = run->dir,
        .ram_bytes = RAM_BYTES,
        .incoming = run->c->to_qemu,
        /* userfaultfd works with this kind of memory only. */
        .private_ram = run->c->to_qemu && methods[run->c->method].postcopy,
    };

    run->qemu = qemu_guest_start(&qemu, &error);
    g_assert_no_error(error);
    spec->ram_bytes = RAM_BYTES;
    spec->incoming = !run->c->to_qemu;
    if (run->c->to_qemu) {
        spec->content = MT_CONTENT_MIXED;
        spec->content_seed = 3;
        spec->workload.kind = MT_WORKLOAD_HOT;
        spec->workload.pages_per_s = 20000;
    } else {
        /* Reads the RAM through the file. */
        spec->ram_file = g_strdup(ram_file);
    }
    run->ref = ref_client_new(spec);
    run_set_up(run);
}

static void
run_compare(const guint8 *a, const char *b, gsize n)
{
    g_assert_cmpuint(n, ==, RAM_BYTES);
    for (gsize at = 0; at < n; at += MT_PAGE_SIZE) {
        if (memcmp(a + at, b + at, MT_PAGE_SIZE) != 0)
            g_error("page at 0x%zx differs", at);
    }
}

static void
run_wait(Run *run, gboolean source, const char *status)
{
    g_autoptr(GError) error = NULL;

    if (source == run->c->to_qemu) {
        ref_client_wait(run->ref, status);
        return;
    }
    qemu_guest_wait_status(run->qemu, status, TIMEOUT_MS, &error);
    run_check(run, error);
}

/* The guest moves before its RAM; the rest may use another link. */
static void
run_postcopy(Run *run)
{
    g_autofree char *again = g_strdup_printf("{'uri': '%s-again'}", run->uri);
    g_autofree char *resume = g_strdup_printf(
        "{'uri': '%s-again', 'resume': true}", run->uri);

    if (!methods[run->c->method].postcopy)
        return;

    run_wait(run, TRUE, "active");
    g_usleep(200000);
    run_say(run, TRUE, "migrate-start-postcopy", "{}");
    run_wait(run, FALSE, "postcopy-active");
    if (methods[run->c->method].postcopy != INTERRUPTED)
        return;

    g_usleep(300000);
    run_say(run, TRUE, "migrate-pause", "{}");
    run_wait(run, TRUE, "postcopy-paused");
    run_wait(run, FALSE, "postcopy-paused");
    run_say(run, FALSE, "migrate-recover", again);
    run_say(run, TRUE, "migrate", resume);
    run_wait(run, FALSE, "postcopy-active");
}

static void
run_to_qemu(Run *run)
{
    g_autofree char *path = g_build_filename(run->dir, "saved", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *saved = NULL;
    g_autofree char *state = NULL;
    gboolean by_file = methods[run->c->method].by_file;
    gsize n;

    if (!by_file)
        qemu_guest_run(run->qemu, &error, "migrate-incoming", "{'uri': '%s'}",
                       run->uri);
    run_check(run, error);
    ref_client_run(run->ref, "migrate", "{'uri': '%s'}", run->uri);
    run_postcopy(run);
    ref_client_wait(run->ref, "completed");
    if (by_file)
        qemu_guest_run(run->qemu, &error, "migrate-incoming", "{'uri': '%s'}",
                       run->uri);
    run_check(run, error);
    qemu_guest_wait_migration(run->qemu, TIMEOUT_MS, &error);
    run_check(run, error);
    state = ref_client_run_state(run->ref);
    g_assert_cmpstr(state, ==, "postmigrate");

    qemu_guest_run(run->qemu, &error, "pmemsave",
                   "{'val': 0, 'size': %d, 'filename': '%s'}", RAM_BYTES, path);
    run_check(run, error);
    g_file_get_contents(path, &saved, &n, &error);
    g_assert_no_error(error);
    run_compare(mt_ram_block(mt_ref_guest_get_ram(ref_client_guest(run->ref)),
                             0)->host, saved, n);
}

static void
run_fill_qemu(Run *run)
{
    MtRamBlockSpec spec = { .name = "ram", .length = RAM_BYTES,
                            .path = qemu_guest_ram_path(run->qemu) };
    g_autoptr(MtRam) file = mt_ram_new();
    g_autoptr(GError) error = NULL;

    mt_ram_add(file, &spec, &error);
    g_assert_no_error(error);
    mt_content_fill_ram(MT_CONTENT_MIXED, 12, file);
}

static void
run_from_qemu(Run *run)
{
    const char *ram_file =
        mt_ref_guest_get_spec(ref_client_guest(run->ref))->ram_file;
    gboolean by_file = methods[run->c->method].by_file;
    g_autoptr(GError) error = NULL;
    g_autofree char *theirs = NULL;
    g_autofree char *ours = NULL;
    gsize n;

    run_fill_qemu(run);
    if (!by_file)
        ref_client_run(run->ref, "migrate-incoming", "{'uri': '%s'}",
                       run->uri);
    qemu_guest_run(run->qemu, &error, "migrate", "{'uri': '%s'}", run->uri);
    run_check(run, error);
    run_postcopy(run);
    qemu_guest_wait_migration(run->qemu, TIMEOUT_MS, &error);
    run_check(run, error);
    if (by_file)
        ref_client_run(run->ref, "migrate-incoming", "{'uri': '%s'}",
                       run->uri);
    for (guint i = 0; i < TIMEOUT_MS; i++) {
        g_autofree char *state = ref_client_run_state(run->ref);

        if (strcmp(state, "inmigrate") != 0) {
            /* As it was at the destination, where the guest was never
             * started. */
            g_assert_cmpstr(state, ==, "prelaunch");
            break;
        }
        g_usleep(1000);
    }
    if (methods[run->c->method].postcopy)
        ref_client_wait(run->ref, "completed");
    g_file_get_contents(qemu_guest_ram_path(run->qemu), &theirs, &n, &error);
    g_assert_no_error(error);
    g_file_get_contents(ram_file, &ours, &n, &error);
    g_assert_no_error(error);
    run_compare((const guint8 *)ours, theirs, n);
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_auto(Run) run = { .c = c };
    g_autoptr(GError) error = NULL;

    if (!qemu_guest_command(releases[c->release])) {
        g_test_skip("no such QEMU here");
        return;
    }
    run.dir = g_dir_make_tmp("migtune-ref-qemu-XXXXXX", &error);
    g_assert_no_error(error);
    run.uri = g_strdup_printf("%s:%s/stream",
                              methods[c->method].by_file ? "file" : "unix",
                              run.dir);
    run_start(&run);
    if (c->to_qemu)
        run_to_qemu(&run);
    else
        run_from_qemu(&run);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    tls_files = tls_files_new();
    for (guint m = 0; m < G_N_ELEMENTS(methods); m++) {
        for (guint r = 0; r < G_N_ELEMENTS(releases); r++) {
            for (guint to = 0; to < 2; to++) {
                g_autofree char *path = g_strdup_printf(
                    "/ref-qemu/%s/%s/%s", methods[m].name, releases[r],
                    to ? "to-qemu" : "from-qemu");
                Case *c = g_new0(Case, 1);

                c->method = m;
                c->release = r;
                c->to_qemu = to;
                if (methods[m].releases & (1 << r))
                    g_test_add_data_func_full(path, c, test_case, g_free);
                else
                    g_free(c);
            }
        }
    }
    status = g_test_run();
    tls_files_free(tls_files);

    return status;
}
