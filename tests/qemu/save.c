/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real QEMUs with a pc machine are saved and restored: by migtune with any
 * number of threads and by QEMU with zstd.  RAM is the same afterwards.  zstd's
 * own reader of the seekable format reads any range of the file.  A save
 * that is cancelled, fails or is killed leaves the guest alive and no file that
 * looks complete.
 */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

#include "command.h"
#include "guest.h"
#include "migtune/migtune.h"

#define RAM_BYTES (48 * 1024 * 1024)
#define WAIT_SECONDS 60

typedef struct {
    const char *release;
    char *dir;
} Case;

/* RAM that compresses and RAM that does not, in a file. */
static char *
make_ram(const Case *test, const char *name, gboolean filled)
{
    char *path = g_build_filename(test->dir, name, NULL);
    g_autofree guint32 *ram = g_malloc0(RAM_BYTES);
    GRand *rand = g_rand_new_with_seed(7);
    guint n = filled ? RAM_BYTES / 4 : 0;

    for (guint i = 1024 * 1024 / 2; i < n; i++) {
        guint page = i / 1024 % 3;

        ram[i] = page == 0 ? 0 : page == 1 ? i / 64 : g_rand_int(rand);
    }
    g_rand_free(rand);
    g_assert_true(g_file_set_contents(path, (char *)ram, RAM_BYTES, NULL));
    return path;
}

/* @incoming: "defer" or an address; NULL for a guest that runs. */
static Guest *
start(const Case *test, const char *ram, const char *incoming)
{
    g_autofree char *object = g_strdup_printf(
        "memory-backend-file,id=m,size=%d,mem-path=%s,share=on", RAM_BYTES,
        ram);
    const char *more[] = {
        "-object", object, "-machine", "pc,memory-backend=m", "-m", "48M",
        "-device", "e1000", "-device", "virtio-rng-pci", "-name", "saved",
        incoming ? "-incoming" : NULL, incoming, NULL
    };

    return guest_new(test->release, more);
}

static MigtuneDomain *
open_guest(Guest *guest, GCancellable *cancellable, MigtuneConn **ret_conn)
{
    g_autofree char *uri =
        g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain;

    *ret_conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, cancellable,
                                  &error);
    g_assert_no_error(error);
    domain = migtune_conn_lookup(*ret_conn, "saved", cancellable, &error);
    g_assert_no_error(error);
    return domain;
}

static char *
status(Guest *guest)
{
    g_autoptr(JsonNode) node = guest_ask(guest, "query-status", NULL, NULL);

    g_assert_nonnull(node);
    return g_strdup(json_object_get_string_member(json_node_get_object(node),
                                                  "status"));
}

static void
wait_status(Guest *guest, const char *wanted)
{
    gint64 end = g_get_monotonic_time() + WAIT_SECONDS * G_USEC_PER_SEC;

    for (;;) {
        g_autofree char *now = status(guest);

        if (strcmp(now, wanted) == 0)
            return;
        if (g_get_monotonic_time() > end)
            g_error("the guest is '%s', not '%s'", now, wanted);
        g_usleep(20000);
    }
}

static void
assert_same(const char *a, const char *b)
{
    g_autofree char *x = NULL;
    g_autofree char *y = NULL;
    gsize n, m;

    g_assert_true(g_file_get_contents(a, &x, &n, NULL));
    g_assert_true(g_file_get_contents(b, &y, &m, NULL));
    g_assert_cmpuint(n, ==, m);
    g_assert_cmpint(memcmp(x, y, n), ==, 0);
}

static GVariant *
make_options(guint threads)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&dict, "threads", "u", threads);
    return g_variant_dict_end(&dict);
}

/* Settings that would change the stream, or wait for an answer. */
static void
tune(Guest *guest)
{
    guest_do(guest, "migrate-set-capabilities",
             "{\"capabilities\":[{\"capability\":\"multifd\",\"state\":true},"
             "{\"capability\":\"return-path\",\"state\":true}]}");
    guest_do(guest, "migrate-set-parameters",
             "{\"max-bandwidth\":12345678,\"downtime-limit\":321}");
}

static JsonNode *
save(Guest *guest, const char *path, MigtuneImageFunc func,
     GCancellable *cancellable, GError **error)
{
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = open_guest(guest, cancellable, &conn);

    return migtune_domain_save(domain, path, make_options(2), func,
                               cancellable, cancellable, error);
}

static void
restore(const Case *test, const char *file, const char *ram, guint threads)
{
    g_autofree char *path = make_ram(test, "restored", FALSE);
    g_autoptr(Guest) guest = start(test, path, "defer");
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = open_guest(guest, NULL, &conn);
    g_autoptr(JsonNode) result = NULL;
    g_autoptr(GError) error = NULL;

    result = migtune_domain_restore(domain, file, make_options(threads), NULL,
                                    NULL, NULL, &error);
    g_assert_no_error(error);
    wait_status(guest, "paused");
    assert_same(path, ram);
    guest_do(guest, "cont", NULL);
    wait_status(guest, "running");
}

static void
test_round_trip(gconstpointer data)
{
    static const guint threads[] = { 1, 2, 3, 8 };
    const Case *test = data;
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) result = NULL;
    g_autoptr(JsonNode) verified = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    wait_status(guest, "running");
    guest_do(guest, "stop", NULL);
    tune(guest);
    before = guest_dump(guest);
    result = save(guest, file, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(result);
    after = guest_dump(guest);
    g_assert_cmpstr(after, ==, before);
    verified = migtune_image_verify(file, NULL, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        restore(test, file, ram, threads[i]);
}

/* Saves a guest that is stopped in @file, in chunks of @mib MiB. */
static void
save_stopped(const Case *test, const char *ram, const char *file, guint mib)
{
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = open_guest(guest, NULL, &conn);
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    g_autoptr(JsonNode) result = NULL;
    g_autoptr(GError) error = NULL;

    wait_status(guest, "running");
    guest_do(guest, "stop", NULL);
    g_variant_dict_insert(&dict, "chunk-size", "u", mib * 1024 * 1024);
    result = migtune_domain_save(domain, file, g_variant_dict_end(&dict), NULL,
                                 NULL, NULL, &error);
    g_assert_no_error(error);
}

/* QEMU loads the file with the program zstd, without migtune. */
static void
test_zstd(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *zstd = g_find_program_in_path("zstd");
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autofree char *command = g_strdup_printf("exec:zstd -dc %s", file);
    g_autofree char *path = make_ram(test, "restored", FALSE);
    g_autoptr(Guest) guest = NULL;

    if (!zstd) {
        g_test_skip("no zstd program");
        return;
    }
    save_stopped(test, ram, file, 8);
    guest = start(test, path, command);
    wait_status(guest, "paused");
    assert_same(path, ram);
    guest_do(guest, "cont", NULL);
    wait_status(guest, "running");
}

/* zstd's reader of its seekable format finds any range of the stream. */
static void
test_seekable(gconstpointer data)
{
    const Case *test = data;
    const char *reader = g_getenv("MIGTUNE_ZSTD_SEEKABLE");
    const guint64 mib = 1024 * 1024;
    guint64 ranges[][2] = {
        { 0, 0 }, { 0, 17 }, { mib - 10, mib + 10 },
        { 5 * mib + 1, 9 * mib + 3 }, { 0, 0 },
    };
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autofree char *plain = g_build_filename(test->dir, "stream", NULL);
    g_autoptr(JsonNode) converted = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *stream = NULL;
    gsize len;

    if (!reader) {
        g_test_skip("MIGTUNE_ZSTD_SEEKABLE names no program");
        return;
    }
    save_stopped(test, ram, file, 1);
    converted = migtune_image_convert(file, plain, NULL, NULL, NULL, NULL,
                                      &error);
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(plain, &stream, &len, NULL));
    g_assert_cmpuint(len, >, 16 * mib);
    ranges[0][1] = ranges[4][1] = len;
    ranges[4][0] = len - 700;
    for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autofree char *from = g_strdup_printf("%" G_GUINT64_FORMAT,
                                                ranges[i][0]);
        g_autofree char *to = g_strdup_printf("%" G_GUINT64_FORMAT,
                                              ranges[i][1]);
        g_autoptr(GSubprocess) process =
            g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, reader,
                             file, from, to, NULL);
        g_autoptr(GBytes) bytes = NULL;

        g_assert_no_error(error);
        g_subprocess_communicate(process, NULL, NULL, &bytes, NULL, &error);
        g_assert_no_error(error);
        g_assert_true(g_subprocess_get_successful(process));
        g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                        stream + ranges[i][0], ranges[i][1] - ranges[i][0]);
    }
}

/* A guest that ran before the save runs again. */
static void
test_running(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *path = make_ram(test, "restored", FALSE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(Guest) other = start(test, path, "defer");
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = open_guest(other, NULL, &conn);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) saved = save(guest, file, NULL, NULL, &error);
    g_autoptr(JsonNode) restored = NULL;

    g_assert_no_error(error);
    wait_status(guest, "postmigrate");
    restored = migtune_domain_restore(domain, file, NULL, NULL, NULL, NULL,
                                      &error);
    g_assert_no_error(error);
    wait_status(other, "running");
}

/* Returns whether there is a save file, complete or partial; removes it. */
static gboolean
remove_saves(const Case *test)
{
    g_autoptr(GDir) dir = g_dir_open(test->dir, 0, NULL);
    gboolean found = FALSE;
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        if (g_str_has_prefix(name, "save")) {
            g_autofree char *path = g_build_filename(test->dir, name, NULL);

            g_test_message("found %s", name);
            g_unlink(path);
            found = TRUE;
        }
    }
    return found;
}

static void
cancel_now(guint64 done, guint64 total, gpointer cancellable)
{
    g_cancellable_cancel(cancellable);
}

static void
test_cancelled(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    /* A killed save of an earlier test leaves its partial file. */
    remove_saves(test);
    tune(guest);
    before = guest_dump(guest);
    g_assert_null(save(guest, file, cancel_now, cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    wait_status(guest, "running");
    after = guest_dump(guest);
    g_assert_cmpstr(after, ==, before);
    g_assert_false(remove_saves(test));
}

static void
test_disk_full(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(save(guest, "/dev/full", NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "No space left"));
    wait_status(guest, "running");
}

/* Calls @func for each save file, complete or partial. */
static void
each_save(const Case *test, void (*func)(const char *path, gpointer data),
          gpointer data)
{
    g_autoptr(GDir) dir = g_dir_open(test->dir, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(test->dir, name, NULL);

        if (g_str_has_prefix(name, "save"))
            func(path, data);
    }
}

static void
take_size(const char *path, gpointer data)
{
    guint64 *largest = data;
    struct stat st;

    /* The file gets another name meanwhile. */
    if (stat(path, &st) == 0)
        *largest = MAX(*largest, (guint64)st.st_size);
}

/* What kills have hit. */
typedef struct {
    guint n;
    guint n_nothing;        /* no file at all */
    guint n_partial;        /* a partial file, of which … */
    guint n_cut;            /* … these lack a part of the stream */
    guint n_complete;       /* a file with the right name */
} Kills;

static void
judge_file(const char *path, gpointer data)
{
    Kills *kills = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info =
        migtune_image_verify(path, NULL, NULL, NULL, NULL, &error);

    if (strstr(path, ".partial-")) {
        kills->n_partial++;
        kills->n_cut += !info;
        return;
    }
    g_assert_no_error(error);
    g_assert_true(json_object_get_boolean_member(json_node_get_object(info),
                                                 "table"));
    kills->n_complete++;
}

/* Starts a save and kills it: before there is a file; when the file has a random
 * share of its size; or when it has its name. */
static void
kill_save(const Case *test, const char *const *argv, const char *file,
          guint64 file_bytes, guint nth)
{
    guint64 enough = nth % 5 == 0 ? 0 : nth % 5 == 4 ? G_MAXUINT64 :
        g_test_rand_double_range(0, 1) * file_bytes + 1;
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autoptr(GSubprocess) process = NULL;

    /* It is removed with the socket of a save that is killed before QEMU has
     * connected. */
    g_subprocess_launcher_setenv(launcher, "TMPDIR", test->dir, TRUE);
    process = g_subprocess_launcher_spawnv(launcher, argv, &error);
    g_assert_no_error(error);
    for (;;) {
        guint64 bytes = 0;

        each_save(test, take_size, &bytes);
        if (bytes >= enough || g_file_test(file, G_FILE_TEST_EXISTS) ||
            !g_subprocess_get_identifier(process))
            break;
        g_usleep(500);
    }
    if (!enough)
        g_usleep(g_test_rand_int_range(0, 100000));
    g_subprocess_force_exit(process);
    g_subprocess_wait(process, NULL, NULL);
}

/* The migration of a killed save, if it had started, has failed or is
 * complete. */
static void
run_on(Guest *guest)
{
    for (guint tries = 0; tries < 500; tries++) {
        g_autoptr(JsonNode) ok = guest_ask(guest, "cont", NULL, NULL);
        g_autofree char *now = status(guest);

        if (strcmp(now, "running") == 0)
            break;
        g_usleep(20000);
    }
    wait_status(guest, "running");
}

/* Killed at any moment of a save: a file with its name is complete, and the
 * guest can continue.  The moments follow the size of the file, so that the test
 * hits the save on fast and slow machines. */
static void
test_killed(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *tool = command_find();
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autofree char *uri =
        g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    const char *argv[] = { tool, "-c", uri, "save", "saved", file,
                           "--chunk-size", "1", NULL };
    guint n = g_getenv("MIGTUNE_TEST_KILLS")
        ? atoi(g_getenv("MIGTUNE_TEST_KILLS")) : 17;
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) whole = NULL;
    guint64 file_bytes = 0;
    Kills kills = { 0 };

    remove_saves(test);
    whole = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE, &error, tool,
                             "--json", "-c", uri, "save", "saved", file,
                             "--chunk-size", "1", NULL);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_wait_check(whole, NULL, &error));
    take_size(file, &file_bytes);
    run_on(guest);

    /* A busy machine may come too late for some moments. */
    while (kills.n < n ||
           (kills.n < 4 * n && (!kills.n_cut || !kills.n_complete))) {
        guint before = kills.n_partial + kills.n_complete;

        remove_saves(test);
        kill_save(test, argv, file, file_bytes, kills.n++);
        each_save(test, judge_file, &kills);
        g_assert_cmpuint(kills.n_partial + kills.n_complete, <=, before + 1);
        kills.n_nothing += kills.n_partial + kills.n_complete == before;
        run_on(guest);
    }
    g_test_message("%u kills: %u before there was a file, %u left a partial "
                   "file (%u of them cut), %u a complete file", kills.n,
                   kills.n_nothing, kills.n_partial, kills.n_cut,
                   kills.n_complete);
    g_assert_cmpuint(kills.n_cut, >, 0);
    g_assert_cmpuint(kills.n_complete, >, 0);
}

static void
kill_guest(guint64 done, guint64 total, gpointer data)
{
    guint pid = guest_pid(data);

    if (pid)
        kill(pid, SIGKILL);
}

/* QEMU is killed during a restore and during a save: both calls fail, and the save
 * leaves no file. */
static void
test_dies(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *path = make_ram(test, "restored", FALSE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(Guest) other = start(test, path, "defer");
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) saved = NULL;

    remove_saves(test);
    saved = save(guest, file, NULL, NULL, &error);
    g_assert_no_error(error);
    domain = open_guest(other, NULL, &conn);
    g_assert_null(migtune_domain_restore(domain, file, NULL, kill_guest,
                                         other, NULL, &error));
    g_test_message("restore: %s", error->message);
    g_assert_true(error->domain == MIGTUNE_ERROR);
    g_clear_error(&error);

    remove_saves(test);
    run_on(guest);
    {
        g_autoptr(MigtuneConn) source_conn = NULL;
        g_autoptr(MigtuneDomain) source =
            open_guest(guest, NULL, &source_conn);

        g_assert_null(migtune_domain_save(source, file, make_options(2),
                                          kill_guest, guest, NULL, &error));
    }
    g_test_message("save: %s", error->message);
    g_assert_true(error->domain == MIGTUNE_ERROR);
    g_assert_false(remove_saves(test));
}

/* A damaged file is refused with its offset. */
static void
test_damaged(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *ram = make_ram(test, "ram", TRUE);
    g_autofree char *path = make_ram(test, "restored", FALSE);
    g_autofree char *file = g_build_filename(test->dir, "save", NULL);
    g_autoptr(Guest) guest = start(test, ram, NULL);
    g_autoptr(Guest) other = start(test, path, "defer");
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = open_guest(other, NULL, &conn);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) saved = save(guest, file, NULL, NULL, &error);
    g_autofree char *bytes = NULL;
    gsize len;

    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(file, &bytes, &len, NULL));
    bytes[len / 2] ^= 4;
    g_assert_true(g_file_set_contents(file, bytes, len, NULL));
    g_assert_null(migtune_domain_restore(domain, file, NULL, NULL, NULL, NULL,
                                         &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
    g_assert_nonnull(strstr(error->message, "offset"));
}

static void
run(gconstpointer data, void (*func)(gconstpointer))
{
    const Case *test = data;

    if (!guest_command(test->release)) {
        g_test_skip("no such QEMU");
        return;
    }
    func(data);
}

#define TEST(name) \
    static void run_ ## name(gconstpointer data) { run(data, test_ ## name); }

TEST(round_trip)
TEST(zstd)
TEST(seekable)
TEST(running)
TEST(cancelled)
TEST(disk_full)
TEST(killed)
TEST(dies)
TEST(damaged)

static const struct {
    const char *name;
    void (*func)(gconstpointer data);
} tests[] = {
    { "round-trip", run_round_trip },
    { "zstd", run_zstd },
    { "seekable", run_seekable },
    { "running", run_running },
    { "cancelled", run_cancelled },
    { "disk-full", run_disk_full },
    { "killed", run_killed },
    { "dies", run_dies },
    { "damaged", run_damaged },
};

int
main(int argc, char **argv)
{
    static Case cases[] = { { "5.2" }, { "7.2" }, { "10.0" } };
    g_autofree char *dir = g_dir_make_tmp("migtune-save-XXXXXX", NULL);
    g_autofree char *drivers =
        g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers",
                         "qmp", NULL);
    g_autofree char *rm = g_strdup_printf("rm -rf '%s'", dir);
    int result;

    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", dir, TRUE);
    g_setenv("XDG_CACHE_HOME", dir, TRUE);
    g_setenv("XDG_CONFIG_HOME", dir, TRUE);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        cases[i].dir = g_strdup(dir);
        for (guint j = 0; j < G_N_ELEMENTS(tests); j++) {
            g_autofree char *path = g_strdup_printf(
                "/save/%s/%s", cases[i].release, tests[j].name);

            g_test_add_data_func(path, &cases[i], tests[j].func);
        }
    }
    result = g_test_run();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_free(cases[i].dir);
    if (system(rm) != 0)
        g_printerr("%s stays\n", dir);
    return result;
}
