/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two real QEMUs, migrated by MigtuneMigration.
 *
 * The table of cases goes through pairs of releases and settings; the RAM of a
 * machine without processors must be equal afterwards.  The pairs that a finding
 * refuses are run with the check overridden, too, to see that they go wrong.
 * A proxy cuts the link at records of the last phase, in both directions: exactly
 * one side may run then, and the call must say which.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "boundaries.h"
#include "guest.h"
#include "lib/share.h"
#include "lib/tls-files.h"
#include "migtune/migtune.h"

#define PAIR_RAM (64 << 20)
#define CUT_RAM (16 << 20)      /* many migrations */
#define PAIR_UUID "77777777-2222-3333-4444-000000000012"

typedef struct {
    Guest *guest;
    MigtuneConn *conn;
    MigtuneDomain *domain;
    guint ram_bytes;
    char *ram;
} Side;

typedef struct {
    Side source, destination;
    MigtuneMigration *migration;
} Pair;

/* How the two QEMUs are started. */
typedef struct {
    const char *tls_dir;        /* of X.509 credentials; NULL: without */
    gboolean private_ram;       /* of the destination: post-copy needs it */
} Setup;

static void
side_up(Side *side, const char *release, const char *machine, guint ram_bytes,
        gboolean waits, const Setup *setup)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-pair-XXXXXX", NULL);
    g_autofree char *object = NULL;
    g_autofree char *type = NULL;
    g_autofree char *tls = NULL;
    g_autofree char *size = g_strdup_printf("%uM", ram_bytes >> 20);
    g_autofree char *uri = NULL;
    g_auto(GStrv) keys = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) more = g_ptr_array_new();

    side->ram_bytes = ram_bytes;
    side->ram = g_build_filename(dir, "ram", NULL);
    object = waits && setup->private_ram
        ? g_strdup_printf("memory-backend-ram,id=ram,size=%u", ram_bytes)
        : g_strdup_printf("memory-backend-file,id=ram,size=%u,mem-path=%s,"
                          "share=on", ram_bytes, side->ram);
    type = g_strdup_printf("%s,memory-backend=ram", machine);
    g_ptr_array_add(more, (gpointer)"-machine");
    g_ptr_array_add(more, type);
    g_ptr_array_add(more, (gpointer)"-m");
    g_ptr_array_add(more, size);
    g_ptr_array_add(more, (gpointer)"-object");
    g_ptr_array_add(more, object);
    g_ptr_array_add(more, (gpointer)"-name");
    g_ptr_array_add(more, (gpointer)"pair");
    g_ptr_array_add(more, (gpointer)"-uuid");
    g_ptr_array_add(more, (gpointer)PAIR_UUID);
    /* The features of the default CPU differ between releases. */
    if (strcmp(machine, "none") != 0) {
        g_ptr_array_add(more, (gpointer)"-cpu");
        g_ptr_array_add(more, (gpointer)"core2duo");
    }
    if (setup->tls_dir) {
        tls = g_strdup_printf("tls-creds-x509,id=tls0,dir=%s,endpoint=%s",
                              setup->tls_dir, waits ? "server" : "client");
        g_ptr_array_add(more, (gpointer)"-object");
        g_ptr_array_add(more, tls);
    }
    if (waits) {
        g_ptr_array_add(more, (gpointer)"-incoming");
        g_ptr_array_add(more, (gpointer)"defer");
    }
    g_ptr_array_add(more, NULL);
    side->guest = guest_new(release, (const char *const *)more->pdata);
    uri = g_strdup_printf("qmp://%s", guest_monitor(side->guest, 0));
    side->conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_assert_no_error(error);
    keys = migtune_conn_list(side->conn, NULL, &error);
    g_assert_no_error(error);
    side->domain =
        migtune_conn_open_domain(side->conn, keys[0], NULL, &error);
    g_assert_no_error(error);
}

static void
side_down(Side *side)
{
    g_autofree char *dir = g_path_get_dirname(side->ram);

    g_clear_pointer(&side->domain, migtune_domain_unref);
    g_clear_pointer(&side->conn, migtune_conn_unref);
    g_clear_pointer(&side->guest, guest_free);
    g_unlink(side->ram);
    g_rmdir(dir);
    g_clear_pointer(&side->ram, g_free);
}

/* Fills the RAM of the source: a third each of zeros, random bytes, and text. */
static void
side_fill(const Side *side)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(12);
    const guint n = side->ram_bytes;
    g_autofree char *bytes = g_malloc0(n);
    FILE *file = fopen(side->ram, "r+");

    g_assert_nonnull(file);
    for (gsize i = n / 3; i < n / 3 * 2; i += 4) {
        guint32 word = g_rand_int(rand);

        memcpy(bytes + i, &word, 4);
    }
    for (gsize i = n / 3 * 2; i < n; i++)
        bytes[i] = 'a' + i / 4096 % 26;
    g_assert_cmpuint(fwrite(bytes, 1, n, file), ==, n);
    fclose(file);
}

static gboolean
ram_is_equal(const Pair *pair)
{
    g_autoptr(GMappedFile) a = g_mapped_file_new(pair->source.ram, FALSE, NULL);
    g_autoptr(GMappedFile) b =
        g_mapped_file_new(pair->destination.ram, FALSE, NULL);

    return g_mapped_file_get_length(a) == g_mapped_file_get_length(b) &&
           memcmp(g_mapped_file_get_contents(a), g_mapped_file_get_contents(b),
                  g_mapped_file_get_length(a)) == 0;
}

static char *
run_state(const Side *side)
{
    g_autoptr(JsonNode) answer =
        guest_ask(side->guest, "query-status", NULL, NULL);

    return answer ? g_strdup(json_object_get_string_member(
                        json_node_get_object(answer), "status"))
                  : g_strdup("gone");
}

static void
pair_up(Pair *pair, const char *from, const char *to, const char *machine,
        guint ram_bytes, const char *const *words, unsigned int flags,
        const Setup *setup)
{
    virTypedParameterPtr params = NULL;
    g_autoptr(GError) error = NULL;
    int n = 0;

    side_up(&pair->source, from, machine, ram_bytes, FALSE, setup);
    side_up(&pair->destination, to, machine, ram_bytes, TRUE, setup);
    /* A processor runs in the RAM of the other machines. */
    if (strcmp(machine, "none") == 0)
        side_fill(&pair->source);
    if (words && words[0])
        migtune_typed_params_parse(words, &params, &n, &error);
    g_assert_no_error(error);
    pair->migration =
        migtune_migration_new(pair->source.domain, pair->destination.domain,
                              params, n, flags, &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
}

static void
pair_down(Pair *pair)
{
    g_clear_object(&pair->migration);
    side_down(&pair->source);
    side_down(&pair->destination);
}

/* Prints the findings and the outcome. */
static void
pair_message(const Pair *pair, const GError *error)
{
    g_autoptr(JsonNode) node = migtune_migration_to_json(pair->migration);
    JsonObject *object = json_node_get_object(node);
    JsonArray *findings = json_object_get_array_member(object, "findings");
    g_autofree char *outcome =
        json_to_string(json_object_get_member(object, "outcome"), FALSE);

    for (guint i = 0; i < json_array_get_length(findings); i++) {
        JsonObject *one = json_array_get_object_element(findings, i);

        g_test_message("%s %s", json_object_get_string_member(one, "severity"),
                       json_object_get_string_member(one, "id"));
    }
    g_test_message("%s", outcome);
    if (error)
        g_test_message("%s", error->message);
}

typedef struct {
    const char *from, *to;
    const char *machine;
    const char *words[5];
    const char *refused;        /* id of the finding; NULL: it must succeed */
    gboolean postcopy;          /* switch to it */
    gboolean tls;
} Case;

/* The credentials and the name that the certificate has. */
#define TLS "tls.creds=tls0", "tls.destination=localhost"

/* A machine type that all releases have. */
#define OLD "pc-i440fx-5.2"

static const Case cases[] = {
    { "7.2", "7.2", "none" },
    { "5.2", "5.2", "none", { "compression=zlib" } },
    { "7.2", "7.2", "none", { "compression=zstd", "parallel.connections=4" } },
    { "10.0", "10.0", "none", { "compression=zstd" } },
    { "7.2", "7.2", "none", { "compression=xbzrle" } },
    { "7.2", "7.2", "none", { "compression=mt" } },
    { "5.2", "7.2", "none", { "parallel=on" } },
    { "7.2", "5.2", "none", { "parallel=on" } },
    { "5.2", "5.2", "none", { "postcopy=on", "bandwidth=8" },
      .postcopy = TRUE },
    { "7.2", "7.2", "none", { "postcopy=on", "bandwidth=8" },
      .postcopy = TRUE },
    { "7.2", "10.0", "none", { "postcopy=on", "bandwidth=8" },
      .postcopy = TRUE },
    { "10.0", "10.0", "none", { "postcopy=on", "postcopy.preempt=on",
                                "bandwidth=8" }, .postcopy = TRUE },
    { "5.2", "7.2", "none", { TLS }, .tls = TRUE },
    { "7.2", "7.2", "none", { TLS, "compression=zlib" }, .tls = TRUE },
    { "10.0", "10.0", "none", { TLS, "parallel=on" }, .tls = TRUE },
    { "10.0", "10.0", "none", { TLS, "postcopy=on", "bandwidth=8" },
      .postcopy = TRUE, .tls = TRUE },
    { "7.2", "10.0", "none" },
    { "10.0", "7.2", "none", { NULL }, "switchover-start" },
    { "7.2", "10.0", "none", { "parallel=on" }, "multifd-flush" },
    { "5.2", "10.0", "none", { "parallel=on" }, "multifd-flush" },
    { "5.2", "10.0", OLD, { "parallel=on" } },
    { "10.0", "5.2", OLD, { "compression=zlib" } },
    { "7.2", "10.0", OLD, { "compression=mt", "compression.mt.threads=3" } },
    { "10.0", "7.2", OLD, { "compression=zstd" } },
    { "10.0", "7.2", OLD, { "auto_converge=on", "downtime=200" } },
    { "10.0", "10.0", OLD, { "parallel=on", "postcopy=on" },
      "setting-refused" },
};

static gboolean
case_skip(const Case *c)
{
    if (guest_command(c->from) && guest_command(c->to))
        return FALSE;

    g_test_skip("that QEMU is not there");
    return TRUE;
}

/* Switches to post-copy as soon as this is possible. */
static gpointer
switch_thread(gpointer data)
{
    MigtuneMigration *migration = data;
    gboolean switched = FALSE;

    while (!switched && migtune_migration_get_state(migration) <=
                        MIGTUNE_MIGRATION_MIGRATING) {
        g_usleep(20000);
        switched = migtune_migration_start_postcopy(migration, NULL, NULL);
    }
    return GINT_TO_POINTER(switched);
}

static gboolean
case_run(const Case *c, Pair *pair, GError **error)
{
    GThread *thread = c->postcopy
        ? g_thread_new("switch", switch_thread, pair->migration) : NULL;
    gboolean ok = migtune_migration_run(pair->migration, NULL, error);

    if (thread)
        g_assert_true(GPOINTER_TO_INT(g_thread_join(thread)));
    return ok;
}

/* Writes the RAM of the destination, which no file has, to its file. */
static void
case_save_ram(const Side *side)
{
    g_autofree char *arguments = g_strdup_printf(
        "{\"val\": 0, \"size\": %u, \"filename\": \"%s\"}",
        side->ram_bytes, side->ram);

    guest_do(side->guest, "pmemsave", arguments);
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) dumps = g_new0(char *, 3);
    g_autofree char *here = NULL;
    g_autofree char *there = NULL;
    g_autoptr(TlsFiles) files = c->tls ? tls_files_new() : NULL;
    g_autofree char *tls_dir = files ? tls_files_dir(files, "good") : NULL;
    Setup setup = { tls_dir, c->postcopy };
    Pair pair = { 0 };
    gboolean ok;

    if (case_skip(c))
        return;
    pair_up(&pair, c->from, c->to, c->machine, PAIR_RAM, c->words, 0, &setup);
    dumps[0] = guest_dump(pair.source.guest);
    dumps[1] = guest_dump(pair.destination.guest);
    ok = case_run(c, &pair, &error);
    pair_message(&pair, error);
    here = run_state(&pair.source);
    there = run_state(&pair.destination);
    if (c->refused) {
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONFLICT);
        g_assert_cmpstr(
            migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_RULE), ==,
            c->refused);
        g_assert_cmpstr(here, ==, "running");
        g_assert_cmpstr(there, ==, "inmigrate");
    } else {
        g_assert_no_error(error);
        g_assert_true(ok);
        g_assert_cmpstr(here, ==, "postmigrate");
        g_assert_cmpstr(there, ==, "running");
        if (c->postcopy)
            case_save_ram(&pair.destination);
        if (strcmp(c->machine, "none") == 0)
            g_assert_true(ram_is_equal(&pair));
    }

    /* All settings are as before the migration. */
    for (guint i = 0; i < 2; i++) {
        Guest *guest = i ? pair.destination.guest : pair.source.guest;
        g_autofree char *after = guest_dump(guest);

        g_assert_cmpstr(after, ==, dumps[i]);
    }
    pair_down(&pair);
}

static const Setup plain = { NULL, FALSE };

/* If a finding is overridden, the failure that it predicts must happen. */
static void
test_overridden(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GError) error = NULL;
    Pair pair = { 0 };
    gboolean ok;

    if (case_skip(c))
        return;
    pair_up(&pair, c->from, c->to, c->machine, PAIR_RAM, c->words,
            MIGTUNE_MIGRATION_UNSAFE, &plain);
    migtune_migration_set_timeout(pair.migration, 20000);
    ok = migtune_migration_run(pair.migration, NULL, &error);
    pair_message(&pair, error);
    g_test_message("%s: %s", c->refused,
                   !ok                   ? "the migration fails"
                   : ram_is_equal(&pair) ? "the RAM is equal"
                                         : "the RAM is corrupt");
    g_assert_false(ok && ram_is_equal(&pair));
    pair_down(&pair);
}

static const Case overridden[] = {
    { "10.0", "7.2", "none", { NULL }, "switchover-start" },
    /* T2: the migration succeeds, and the RAM is not the same. */
    { "7.2", "10.0", "none", { "parallel=on" }, "multifd-flush" },
};

/*
 * Broken links
 */

typedef struct {
    const char *release;
    const char *machine;
    gboolean forward;           /* cut what the source sends; otherwise what the
                                 * destination sends */
} Cut;

static const Cut cuts[] = {
    { "7.2", "none", FALSE },
    { "10.0", "none", FALSE },
    { "7.2", OLD, FALSE },
    { "10.0", OLD, FALSE },
    { "7.2", "none", TRUE },
    { "10.0", "none", TRUE },
    { "7.2", OLD, TRUE },
    { "10.0", OLD, TRUE },
};

/* Few pages remain for the last phase. */
static const char *const cut_words[] = { "return_path=on", "downtime=1", NULL };

/* Without MIGTUNE_TEST_FULL=1 the link is cut at every 16th place only. */
#define CUT_SHARE 16

static Share share;

/* Checks that exactly one side runs and that the outcome says which; @text says
 * where the link was cut. */
static void
cut_check(const Pair *pair, gboolean ok, const GError *error, const char *text)
{
    g_autofree char *here = run_state(&pair->source);
    g_autofree char *there = run_state(&pair->destination);
    g_autoptr(JsonNode) node = migtune_migration_to_json(pair->migration);
    const char *place = json_object_get_string_member(
        json_object_get_object_member(json_node_get_object(node), "outcome"),
        "guest");

    g_test_message("%s: source %s, destination %s, said: %s%s%s", text, here,
                   there, place, error ? ", " : "",
                   error ? error->message : "");
    if (strcmp(place, "destination") == 0) {
        g_assert_true(ok);
        g_assert_cmpstr(there, ==, "running");
        g_assert_cmpstr(here, !=, "running");
    } else {
        g_assert_false(ok);
        g_assert_cmpstr(place, ==, "source");
        g_assert_cmpstr(here, ==, "running");
        g_assert_cmpstr(there, !=, "running");
    }
}

/* Migrates through the link that @start makes.  Returns whether the guest
 * arrived. */
static gboolean
cut_run(const Cut *cut, LinkCutter *(*start)(const char *path, gpointer data),
        gpointer data, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = NULL;
    g_autofree char *listen = NULL;
    LinkCutter *cutter;
    Pair pair = { 0 };
    gboolean ok;

    pair_up(&pair, cut->release, cut->release, cut->machine, CUT_RAM, cut_words,
            0, &plain);
    listen = g_strdup_printf("unix:%s/link",
                             guest_dir(pair.destination.guest));
    cutter = start(listen + strlen("unix:"), data);
    address = g_strdup_printf("tcp:127.0.0.1:%u", link_cutter_port(cutter));
    migtune_migration_set_address(pair.migration, listen, address);
    ok = migtune_migration_run(pair.migration, NULL, &error);
    link_cutter_free(cutter);
    cut_check(&pair, ok, error, text);
    pair_down(&pair);

    return ok;
}

static LinkCutter *
cut_start_counting(const char *path, gpointer data)
{
    return link_cutter_new(path, TRUE, *(const guint64 *)data);
}

/* A cut while the guest runs. */
static void
cut_early(const Cut *cut, guint64 limit)
{
    g_autofree char *text =
        g_strdup_printf("cut after %" G_GUINT64_FORMAT " bytes", limit);

    cut_run(cut, cut_start_counting, &limit, text);
}

typedef struct {
    gboolean forward;
    Boundaries *boundaries;
} CutPlace;

static LinkCutter *
cut_start_looking(const char *path, gpointer data)
{
    const CutPlace *place = data;

    return link_cutter_new_looking(path, place->forward, boundaries_look,
                                   place->boundaries);
}

static void
cut_at(const Cut *cut, const Boundaries *whole, guint nth, guint beyond)
{
    g_autoptr(Boundaries) at =
        boundaries_new(cut->forward, whole, nth, beyond);
    CutPlace place = { cut->forward, at };
    g_autofree char *text = g_strdup_printf(
        "cut %u bytes after place %u (%s)", beyond, nth,
        boundaries_name(whole, nth));

    cut_run(cut, cut_start_looking, &place, text);
    g_assert_true(boundaries_has_cut(at));
}

/* Cuts the link at records of the last phase, always at the first and the last
 * one, and inside of records. */
static void
test_cut(gconstpointer data)
{
    const Cut *cut = data;
    g_autoptr(Boundaries) whole = boundaries_new(cut->forward, NULL, 0, 0);
    CutPlace place = { cut->forward, whole };
    guint n;

    if (!guest_command(cut->release)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    g_assert_true(cut_run(cut, cut_start_looking, &place, "not cut"));
    n = boundaries_finish(whole);
    g_test_message("%u places", n);
    for (guint i = 0; i < n; i++) {
        if (share_has(&share, i) || i == 0 || i + 1 == n)
            cut_at(cut, whole, i, 0);
    }
    /* No record follows the last place of the stream; a message of the return
     * path follows each place. */
    if (cut->forward)
        n--;
    for (guint i = 0; i < n; i++) {
        if (share_has(&share, i + CUT_SHARE / 2) || i + 1 == n)
            cut_at(cut, whole, i, cut->forward ? 1 : 4);
    }
    if (cut->forward && strcmp(cut->machine, "none") == 0) {
        cut_early(cut, 1);
        cut_early(cut, CUT_RAM / 2);
    }
}

/* Another program has the port.  If the destination is useless afterwards, that is
 * said, and otherwise the next migration completes. */
static void
test_port_in_use(gconstpointer data)
{
    static const char *const words[] = { "parallel=on", NULL };
    const char *release = data;
    g_autoptr(GSocketListener) other = g_socket_listener_new();
    g_autofree char *address = NULL;
    g_autofree char *report = NULL;
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(MigtuneMigration) next = NULL;
    g_autoptr(GError) error = NULL;
    gboolean useless, ok;
    Pair pair = { 0 };

    if (!guest_command(release)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    address = g_strdup_printf(
        "tcp:127.0.0.1:%u",
        g_socket_listener_add_any_inet_port(other, NULL, &error));
    g_assert_no_error(error);
    pair_up(&pair, release, release, "none", CUT_RAM, words, 0, &plain);
    migtune_migration_set_address(pair.migration, address, NULL);
    g_assert_false(migtune_migration_run(pair.migration, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_assert_nonnull(strstr(error->message, "in use"));
    g_clear_error(&error);
    node = migtune_migration_to_json(pair.migration);
    report = json_to_string(node, FALSE);
    useless = strstr(report, "could not listen") != NULL;

    next = migtune_migration_new(pair.source.domain, pair.destination.domain,
                                 NULL, 0, 0, &error);
    g_assert_no_error(error);
    ok = migtune_migration_run(next, NULL, &error);
    g_test_message("%s: %s; the next migration: %s", release,
                   useless ? "useless" : "as before",
                   ok ? "completed" : error->message);
    g_assert_true(ok == !useless);
    pair_down(&pair);
}

int
main(int argc, char **argv)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-pair-state-XXXXXX", NULL);
    g_autofree char *drivers = NULL;
    int status;

    drivers = g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"), "src",
                               "drivers", "qmp", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", dir, TRUE);
    g_setenv("XDG_CACHE_HOME", dir, TRUE);
    g_test_init(&argc, &argv, NULL);
    share_init(&share, CUT_SHARE);

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];
        g_autofree char *path = g_strdup_printf(
            "/pair/migrate/%s-%s-%s-%s%s", c->from, c->to, c->machine,
            c->words[0] ? c->words[0] : "plain",
            c->tls && c->postcopy ? "-postcopy" : "");

        g_test_add_data_func(path, c, test_case);
    }
    for (guint i = 0; i < G_N_ELEMENTS(overridden); i++) {
        const Case *c = &overridden[i];
        g_autofree char *path = g_strdup_printf("/pair/overridden/%s-%s-%s",
                                                c->from, c->to, c->refused);

        g_test_add_data_func(path, c, test_overridden);
    }
    g_test_add_data_func("/pair/port-in-use/5.2", "5.2", test_port_in_use);
    g_test_add_data_func("/pair/port-in-use/7.2", "7.2", test_port_in_use);
    g_test_add_data_func("/pair/port-in-use/10.0", "10.0", test_port_in_use);
    g_test_add_data_func("/pair/port-in-use/11.1", "11.1", test_port_in_use);
    for (guint i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autofree char *path = g_strdup_printf(
            "/pair/cut/%s-%s-%s", cuts[i].release, cuts[i].machine,
            cuts[i].forward ? "forward" : "back");

        g_test_add_data_func(path, &cuts[i], test_cut);
    }
    status = g_test_run();
    {
        const char *const remove[] = { "rm", "-rf", dir, NULL };

        g_spawn_sync(NULL, (char **)remove, NULL, G_SPAWN_SEARCH_PATH, NULL,
                     NULL, NULL, NULL, NULL, NULL);
    }

    return status;
}
