/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the check of a migration prevents: for each finding, a real pair of QEMUs
 * that has the defect.  The check must report the finding; then the same pair is
 * migrated by QMP commands without migtune, and QEMU must show the symptom that
 * the finding predicts.
 *
 * The test prints one line for each row.  docs/internals/two-hosts.rst has the
 * table of these lines.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "guest.h"
#include "lib/tls-files.h"
#include "migtune/migtune.h"

#define ROW_MAX_STEPS 7
/* Time limit for a migration to end. */
#define ROW_END_MS 60000
/* A destination that has not ended this long after the source never does. */
#define ROW_HANG_MS 1000

#define UUID_A "77777777-2222-3333-4444-00000000000a"
#define UUID_B "77777777-2222-3333-4444-00000000000b"

/* Arguments of QEMU.  %R is a file for the RAM, %T the directory with TLS
 * credentials. */
#define INCOMING " -incoming defer"
#define PC(type) "-machine " type " -cpu core2duo"
#define FILE_RAM                                                               \
    "-object memory-backend-file,id=ram,size=16M,mem-path=%R,share=on "        \
    "-m 16M -machine none,memory-backend=ram"
#define PSK(endpoint)                                                          \
    "-object tls-creds-psk,id=tls0,dir=%T/good,endpoint=" endpoint
#define X509(set, endpoint)                                                    \
    "-object tls-creds-x509,id=tls0,dir=%T/" set ",endpoint=" endpoint

/*
 * Steps.  The first character is the side: s or d.  %L is the address of the
 * link, %P a free TCP port.  Special commands: "wait STATUS" waits for the status
 * of a migration, "touch" connects to the link and sends the start of a stream.
 */
#define ON(side, name)                                                         \
    side " migrate-set-capabilities {'capabilities': [{'capability': '" name   \
         "', 'state': true}]}"
#define SET(side, members) side " migrate-set-parameters {" members "}"
#define LISTEN "d migrate-incoming {'uri': '%L'}"
#define MIGRATE "s migrate {'uri': '%L'}"

typedef enum {
    ROW_FILLED = 1 << 0,        /* the source has data in its RAM file, which is
                                 * compared afterwards */
    ROW_SAME = 1 << 1,          /* the source is the destination, too */
    ROW_WAITS = 1 << 2,         /* the destination never ends */
    ROW_STRICT = 1 << 3,
    ROW_TLS = 1 << 4,
} RowFlags;

typedef struct {
    const char *finding;
    const char *about;
    const char *from, *to;
    const char *source, *destination; /* arguments; INCOMING is included */
    const char *before[ROW_MAX_STEPS]; /* steps before the check */
    const char *words[4];       /* settings for the check */
    const char *after[ROW_MAX_STEPS]; /* steps after the check; none: LISTEN and
                                       * MIGRATE */
    const char *symptom;        /* must be a part of what QEMU says */
    RowFlags flags;
} Row;

static const Row rows[] = {
    /* The two guests. */
    { "machine-type", "another machine type", "7.2", "7.2",
      PC("pc-i440fx-7.2"), PC("pc-i440fx-5.2") INCOMING,
      .symptom = "Machine type received is 'pc-i440fx-7.2' and local is "
                 "'pc-i440fx-5.2'" },
    { "ram-size", "another size of RAM", "7.2", "7.2", "-m 64M",
      "-m 128M" INCOMING, .symptom = "Size mismatch: ram" },
    { "ram-block", "another memory backend", "7.2", "7.2",
      "-object memory-backend-ram,id=a,size=64M -machine "
      "none,memory-backend=a",
      "-object memory-backend-ram,id=b,size=64M -machine "
      "none,memory-backend=b" INCOMING,
      .symptom = "Unknown ramblock" },
    { "cpus", "one CPU less", "7.2", "7.2", PC("pc-i440fx-7.2") " -smp 2",
      PC("pc-i440fx-7.2") " -smp 1" INCOMING,
      .symptom = "Unknown savevm section or instance 'cpu_common' 1" },
    { "uuid", "another UUID, with validate-uuid", "7.2", "7.2",
      "-uuid " UUID_A, "-uuid " UUID_B INCOMING,
      { ON("s", "validate-uuid") }, .symptom = "UUID received is" },
    { "uuid", "another UUID, with parallel", "7.2", "7.2", "-uuid " UUID_A,
      "-uuid " UUID_B INCOMING,
      { ON("s", "multifd"), ON("d", "multifd") },
      .symptom = "received uuid" },
    { "blocked", "a device that cannot be migrated", "7.2", "7.2",
      PC("pc-i440fx-7.2") " -object memory-backend-ram,id=shm,size=1M "
      "-device ivshmem-plain,memdev=shm",
      PC("pc-i440fx-7.2") " -object memory-backend-ram,id=shm,size=1M "
      "-device ivshmem-plain,memdev=shm" INCOMING,
      .symptom = "Migration is disabled when using feature 'peer mode'" },
    { "destination-not-waiting", "a destination that runs", "7.2", "7.2", "",
      "", .symptom = "'-incoming' was not specified" },
    { "source-waits", "a source that waits itself", "7.2", "7.2",
      "-incoming defer", "-incoming defer",
      .symptom = "Guest is waiting for an incoming migration" },
    { "source-migrates", "a source that migrates already", "7.2", "7.2", "",
      "-incoming defer",
      { SET("s", "'max-bandwidth': 1000"),
        "s migrate {'uri': 'exec:cat >/dev/null'}", "s wait active" },
      .symptom = "There's a migration process in progress" },
    { "source-migrated", "a source that was migrated away", "7.2", "7.2", "",
      "-incoming defer",
      { "s migrate {'uri': 'exec:cat >/dev/null'}", "s wait completed" },
      .symptom = "paused due to previous migration" },
    { "same-guest", "one QEMU as both sides", "7.2", "7.2", "", "",
      .symptom = "'-incoming' was not specified", .flags = ROW_SAME },
    { "destination-busy", "a destination that receives already", "7.2", "7.2",
      "", "-incoming defer", { LISTEN, "d touch", "d wait active" },
      .after = { MIGRATE },
      .symptom = "Extra incoming migration connection; ignoring" },

    /* Settings that only one side has.  The source of 7.2 fails or, rarely, does
     * not answer any more; the destination always says the same. */
    { "pair-multifd", "compression=zstd on the source only", "7.2", "7.2", "",
      "-incoming defer",
      { ON("s", "multifd"), SET("s", "'multifd-compression': 'zstd'") },
      .symptom = "Extra incoming migration connection" },
    { "pair-multifd", "parallel on the destination only", "7.2", "7.2", "",
      "-incoming defer", { ON("d", "multifd") },
      .symptom = "destination: inmigrate for ever", .flags = ROW_WAITS },
    { "set-before-listening", "the destination listens without parallel",
      "10.0", "10.0", "", "-incoming defer", { LISTEN }, { "parallel=on" },
      { ON("s", "multifd"), ON("d", "multifd") },
      .symptom = "Multifd must be set before incoming starts" },
    { "pair-multifd-channels", "fewer connections on the destination", "7.2",
      "7.2", "", "-incoming defer",
      { ON("s", "multifd"), ON("d", "multifd"),
        SET("s", "'multifd-channels': 4") },
      .symptom = "Extra incoming migration connection" },
    { "pair-multifd-channels", "more connections on the destination", "7.2",
      "7.2", "", "-incoming defer",
      { ON("s", "multifd"), ON("d", "multifd"),
        SET("d", "'multifd-channels': 4") },
      .symptom = "destination: inmigrate for ever", .flags = ROW_WAITS },
    { "pair-multifd-compression", "two methods of compression", "10.0", "10.0",
      FILE_RAM, FILE_RAM INCOMING,
      { ON("s", "multifd"), ON("d", "multifd"),
        SET("s", "'multifd-compression': 'zstd'") },
      .symptom = "flags received", .flags = ROW_FILLED },
    { "pair-postcopy-ram", "post-copy on the source only", "7.2", "7.2", "",
      "-incoming defer", { ON("s", "postcopy-ram") },
      .symptom = "RAM postcopy is disabled but have 16 byte advise" },
    { "pair-x-ignore-shared", "ignore_shared on the source only", "7.2", "7.2",
      "", "-incoming defer", { ON("s", "x-ignore-shared") },
      .symptom = "Capability x-ignore-shared is off, but received capability "
                 "is on" },

    /* Settings that a side does not support. */
    { "setting-refused", "compression=mt, strictly", "7.2", "10.0", "",
      "-incoming defer", .words = { "compression=mt" },
      .after = { ON("s", "compress"), ON("d", "compress") },
      .symptom = "compress", .flags = ROW_STRICT },
    { "setting-refused", "parallel and post-copy", "10.0", "10.0",
      PC("pc-i440fx-5.2"), PC("pc-i440fx-5.2") INCOMING,
      .words = { "parallel=on", "postcopy=on" },
      .after = { ON("s", "multifd"), ON("s", "postcopy-ram") },
      .symptom = "Postcopy is not yet compatible with multifd" },
    { "setting-refused", "zerocopy and compression", "7.2", "7.2", "",
      "-incoming defer", .words = { "zerocopy=on", "compression=zstd" },
      .after = { ON("s", "multifd"), SET("s", "'multifd-compression': 'zstd'"),
                 ON("s", "zero-copy-send") },
      .symptom = "Zero copy only available for non-compressed non-TLS multifd "
                 "migration" },

    /* TLS. */
    { "tls-one-side", "TLS on the source only", "7.2", "7.2", PSK("client"),
      "-incoming defer",
      { SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'x'") },
      .symptom = "Not a migration stream", .flags = ROW_TLS },
    { "tls-one-side", "TLS on the destination only", "7.2", "7.2", "",
      PSK("server") INCOMING, { SET("d", "'tls-creds': 'tls0'") },
      .symptom = "TLS", .flags = ROW_TLS },
    { "tls-client-creds", "the source has a server's credentials", "7.2",
      "7.2", PSK("server"), PSK("server") INCOMING,
      { SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'x'"),
        SET("d", "'tls-creds': 'tls0'") },
      .symptom = "client", .flags = ROW_TLS },
    { "tls-client-creds", "the source has no certificate", "7.2", "7.2",
      X509("no-client", "client"), X509("good", "server") INCOMING,
      { SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'localhost'"),
        SET("d", "'tls-creds': 'tls0'") },
      .symptom = "ertificate", .flags = ROW_TLS },
    { "tls-server-creds", "the destination has no such object", "7.2", "7.2",
      PSK("client"), "-incoming defer",
      { SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'x'"),
        SET("d", "'tls-creds': 'tls0'") },
      .symptom = "No TLS credentials with id 'tls0'", .flags = ROW_TLS },
    { "tls-authz", "no authorization object", "7.2", "7.2",
      X509("good", "client"), X509("good", "server") INCOMING,
      { SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'localhost'"),
        SET("d", "'tls-creds': 'tls0', 'tls-authz': 'nobody'") },
      .symptom = "nobody", .flags = ROW_TLS },
    { "tls-hostname", "a certificate for another host", "7.2", "7.2",
      X509("other-name", "client"), X509("other-name", "server") INCOMING,
      { SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'localhost'"),
        SET("d", "'tls-creds': 'tls0'") },
      .symptom = "Certificate does not match the hostname localhost",
      .flags = ROW_TLS },
    { "tls-hostname", "a socket without a host name", "7.2", "7.2",
      X509("good", "client"), X509("good", "server") INCOMING,
      { SET("s", "'tls-creds': 'tls0'"), SET("d", "'tls-creds': 'tls0'") },
      .symptom = "No hostname for certificate validation", .flags = ROW_TLS },

    /* Pairs of releases. */
    { "multifd-flush", "T2: parallel with -machine none", "7.2", "10.0",
      FILE_RAM, FILE_RAM INCOMING, { ON("s", "multifd"), ON("d", "multifd") },
      .symptom = "the RAM is corrupt", .flags = ROW_FILLED },
    { "multifd-tls-end", "T4: parallel with TLS", "7.2", "10.0",
      PSK("client"), PSK("server")
      " -global migration.multifd-flush-after-each-section=on" INCOMING,
      { ON("s", "multifd"), ON("d", "multifd"),
        SET("s", "'tls-creds': 'tls0', 'tls-hostname': 'x'"),
        SET("d", "'tls-creds': 'tls0'") },
      .symptom = "TLS connection was non-properly terminated",
      .flags = ROW_TLS },
    { "switchover-start", "T6: -machine none to an older release", "10.0",
      "7.2", "", "-incoming defer", .symptom = "MIG_CMD" },

    /* The hosts. */
    { "memlock-too-low", "zerocopy with a low limit of locked memory",
      "7.2-locked", "7.2", FILE_RAM, FILE_RAM INCOMING,
      { ON("s", "multifd"), ON("d", "multifd"), ON("s", "zero-copy-send") },
      .after = { "d migrate-incoming {'uri': 'tcp:127.0.0.1:%P'}",
                 "s migrate {'uri': 'tcp:127.0.0.1:%P'}" },
      .symptom = "Process can't lock enough memory for using MSG_ZEROCOPY",
      .flags = ROW_FILLED },
    { "userfaultfd", "post-copy without userfaultfd", "7.2", "7.2-nofault", "",
      "-incoming defer", .words = { "postcopy=on" },
      .after = { ON("d", "postcopy-ram") },
      .symptom = "Postcopy is not supported" },
    { "single-connection", "parallel through exec:", "10.0", "10.0", "",
      "-incoming defer", { ON("s", "multifd"), ON("d", "multifd") },
      .after = { "s migrate {'uri': 'exec:cat >/dev/null'}" },
      .symptom = "Migration requires multi-channel URIs" },
};

typedef struct {
    const Row *row;
    Guest *source, *destination; /* one guest: equal */
    TlsFiles *tls;
    GSocketConnection *touch;
    char *dir;
    char *link;
    guint port;
    GString *said;              /* by QEMU */
} Stage;

/* A port that is free now. */
static guint
stage_find_port(void)
{
    g_autoptr(GSocketListener) listener = g_socket_listener_new();

    return g_socket_listener_add_any_inet_port(listener, NULL, NULL);
}

/* Replaces %R, %T, %L and %P. */
static char *
stage_expand(const Stage *stage, const char *text, const char *side)
{
    GString *out = g_string_new(text);
    g_autofree char *ram = g_build_filename(stage->dir, side, NULL);
    g_autofree char *tls =
        stage->tls ? tls_files_dir(stage->tls, "") : g_strdup("");
    g_autofree char *port = g_strdup_printf("%u", stage->port);

    g_string_replace(out, "%R", ram, 0);
    g_string_replace(out, "%T", tls, 0);
    g_string_replace(out, "%L", stage->link, 0);
    g_string_replace(out, "%P", port, 0);

    return g_string_free(out, FALSE);
}

static Guest *
stage_start(const Stage *stage, const char *release, const char *text,
            const char *side)
{
    g_autofree char *line = stage_expand(stage, text, side);
    g_auto(GStrv) words = NULL;

    if (!*line)
        return guest_new(release, NULL);
    g_assert_true(g_shell_parse_argv(line, NULL, &words, NULL));
    return guest_new(release, (const char *const *)words);
}

static void
stage_say(Stage *stage, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        char *start = g_strstrip(*line);

        if (*start)
            g_string_append_printf(stage->said, "%s%s",
                                   stage->said->len ? " | " : "", start);
    }
}

/* The status and the error text of a migration. */
static char *
stage_status(Guest *guest, char **ret_why)
{
    g_autoptr(JsonNode) answer =
        guest_ask(guest, "query-migrate", NULL, NULL);
    JsonObject *object;

    if (!answer)
        return g_strdup("gone");
    object = json_node_get_object(answer);
    if (ret_why && json_object_has_member(object, "error-desc"))
        *ret_why =
            g_strdup(json_object_get_string_member(object, "error-desc"));

    return g_strdup(json_object_has_member(object, "status")
                        ? json_object_get_string_member(object, "status")
                        : "none");
}

static void
stage_wait(Guest *guest, const char *wanted)
{
    gint64 end_us = g_get_monotonic_time() + ROW_END_MS * (gint64)1000;

    for (;;) {
        g_autofree char *status = stage_status(guest, NULL);

        if (strcmp(status, wanted) == 0)
            return;
        if (g_get_monotonic_time() > end_us)
            g_error("the migration is '%s' and not '%s'", status, wanted);
        g_usleep(2000);
    }
}

/* Connects to the link as a source does, and then sends nothing more. */
static void
stage_touch(Stage *stage)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketAddress) address =
        g_unix_socket_address_new(stage->link + strlen("unix:"));

    stage->touch = g_socket_client_connect(
        client, G_SOCKET_CONNECTABLE(address), NULL, NULL);
    g_assert_nonnull(stage->touch);
    g_assert_true(g_output_stream_write_all(
        g_io_stream_get_output_stream(G_IO_STREAM(stage->touch)),
        "QEVM\0\0\0\3", 8, NULL, NULL, NULL));
}

/* Runs a step; a refusal by QEMU is noted. */
static gboolean
stage_step(Stage *stage, const char *step)
{
    Guest *guest = *step == 's' ? stage->source : stage->destination;
    g_autofree char *line = stage_expand(stage, step + 2, "");
    char *arguments = strchr(line, ' ');
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) answer = NULL;

    if (arguments)
        *arguments++ = '\0';
    if (strcmp(line, "wait") == 0) {
        stage_wait(guest, arguments);
        return TRUE;
    }
    if (strcmp(line, "touch") == 0) {
        stage_touch(stage);
        return TRUE;
    }
    if (arguments)
        g_strdelimit(arguments, "'", '"');
    answer = guest_ask(guest, line, arguments, &error);
    if (!answer)
        stage_say(stage, error->message);

    return answer != NULL;
}

/* Writes different pages into the RAM of the source.  They fit into the buffers
 * of a socket, so that a source can send them to a reader that is stuck. */
static void
stage_fill(const Stage *stage)
{
    g_autofree char *path = g_build_filename(stage->dir, "source", NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    FILE *file = fopen(path, "r+");

    g_assert_nonnull(file);
    for (guint page = 0; page < 32; page++) {
        guint32 words[1024];

        for (guint i = 0; i < G_N_ELEMENTS(words); i++)
            words[i] = g_rand_int(rand);
        g_assert_cmpint(fseek(file, page * 64 * 4096, SEEK_SET), ==, 0);
        g_assert_cmpuint(fwrite(words, 1, sizeof(words), file), ==,
                         sizeof(words));
    }
    fclose(file);
}

static gboolean
stage_ram_is_equal(const Stage *stage)
{
    g_autofree char *a = g_build_filename(stage->dir, "source", NULL);
    g_autofree char *b = g_build_filename(stage->dir, "destination", NULL);
    g_autoptr(GMappedFile) here = g_mapped_file_new(a, FALSE, NULL);
    g_autoptr(GMappedFile) there = g_mapped_file_new(b, FALSE, NULL);

    return g_mapped_file_get_length(here) == g_mapped_file_get_length(there) &&
           memcmp(g_mapped_file_get_contents(here),
                  g_mapped_file_get_contents(there),
                  g_mapped_file_get_length(here)) == 0;
}

static gboolean
status_is_final(const char *status)
{
    static const char *const final[] = { "completed", "failed", "cancelled",
                                         "gone", "none", NULL };

    return g_strv_contains(final, status);
}

/* What both sides say about the migration now.  @ret_over is set if the source
 * has ended it. */
static char *
stage_describe(const Stage *stage, gboolean *ret_over)
{
    g_autofree char *why = NULL;
    g_autofree char *status = stage_status(stage->source, &why);
    g_autofree char *log = guest_dup_log(stage->destination);

    *ret_over = status_is_final(status);
    return g_strdup_printf("source: %s\n%s\n%s", status, why ? why : "", log);
}

/* Follows the migration until QEMU shows the symptom. */
static void
stage_follow(Stage *stage)
{
    const Row *row = stage->row;
    gint64 end_us = g_get_monotonic_time() + ROW_END_MS * (gint64)1000;
    gboolean over = FALSE;

    for (;;) {
        g_autofree char *text = stage_describe(stage, &over);

        if (over && row->flags & ROW_FILLED && strstr(text, "completed")) {
            stage_wait(stage->destination, "completed");
            stage_say(stage, text);
            stage_say(stage, stage_ram_is_equal(stage) ? "the RAM is equal"
                                                       : "the RAM is corrupt");
            return;
        }
        if (over && row->flags & ROW_WAITS)
            break;
        if ((over && strstr(text, row->symptom)) ||
            g_get_monotonic_time() > end_us) {
            stage_say(stage, text);
            return;
        }
        g_usleep(20000);
    }

    /* The destination would have ended or started the guest by now. */
    g_usleep(ROW_HANG_MS * 1000);
    {
        g_autofree char *text = stage_describe(stage, &over);
        g_autoptr(JsonNode) there =
            guest_ask(stage->destination, "query-status", NULL, NULL);

        stage_say(stage, text);
        g_string_append_printf(
            stage->said, " | destination: %s for ever",
            there ? json_object_get_string_member(json_node_get_object(there),
                                                  "status")
                  : "gone");
    }
}

/* The finding with the wanted id; NULL if there is none. */
static JsonObject *
find_finding(JsonObject *object, const char *id)
{
    JsonArray *findings = json_object_get_array_member(object, "findings");

    for (guint i = 0; i < json_array_get_length(findings); i++) {
        JsonObject *one = json_array_get_object_element(findings, i);

        if (strcmp(json_object_get_string_member(one, "id"), id) == 0)
            return one;
    }

    return NULL;
}

static MigtuneDomain *
open_domain(Guest *guest)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn =
        migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_auto(GStrv) keys = NULL;
    MigtuneDomain *domain;

    g_assert_no_error(error);
    keys = migtune_conn_list(conn, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_open_domain(conn, keys[0], NULL, &error);
    g_assert_no_error(error);

    return domain;
}

/* Asks migtune, and returns "refuse ID" or the like. */
static char *
stage_check(const Stage *stage)
{
    const Row *row = stage->row;
    g_autoptr(MigtuneDomain) source = open_domain(stage->source);
    g_autoptr(MigtuneDomain) destination =
        stage->source == stage->destination ? g_object_ref(source)
                                            : open_domain(stage->destination);
    g_autoptr(MigtuneMigration) migration = NULL;
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    JsonObject *finding;
    int n = 0;

    if (row->words[0])
        migtune_typed_params_parse(row->words, &params, &n, &error);
    g_assert_no_error(error);
    migration = migtune_migration_new(
        source, destination, params, n,
        row->flags & ROW_STRICT ? MIGTUNE_SET_STRICT : 0, &error);
    migtune_typed_params_free(params, n);
    g_assert_no_error(error);
    migtune_migration_set_address(
        migration, stage->link,
        strcmp(row->finding, "single-connection") == 0 ? "exec:cat >/dev/null"
                                                       : stage->link);
    migtune_migration_check(migration, NULL, &error);
    node = migtune_migration_to_json(migration);
    finding = find_finding(json_node_get_object(node), row->finding);
    if (!finding) {
        g_autofree char *text = json_to_string(node, TRUE);

        g_test_message("%s", text);
        if (error)
            g_test_message("%s", error->message);
        g_test_fail();
        return g_strdup("no such finding");
    }

    return g_strdup_printf("%s %s",
                           json_object_get_string_member(finding, "severity"),
                           row->finding);
}

static void
stage_down(Stage *stage)
{
    static const char *const sides[] = { "source", "destination" };

    g_clear_object(&stage->touch);
    if (stage->source != stage->destination)
        guest_free(stage->destination);
    guest_free(stage->source);
    for (guint i = 0; i < G_N_ELEMENTS(sides); i++) {
        g_autofree char *path = g_build_filename(stage->dir, sides[i], NULL);

        g_unlink(path);
    }
    {
        g_autofree char *path = g_build_filename(stage->dir, "link", NULL);

        g_unlink(path);
    }
    g_rmdir(stage->dir);
    g_clear_pointer(&stage->tls, tls_files_free);
    g_free(stage->dir);
    g_free(stage->link);
    g_string_free(stage->said, TRUE);
}

/* Whether QEMU shows the symptom. */
static gboolean
row_try(const Row *row)
{
    Stage stage = { row };
    g_autofree char *found = NULL;
    gboolean ok = TRUE;
    gboolean shown;
    gint64 start_us = g_get_monotonic_time();

    stage.dir = g_dir_make_tmp("migtune-symptom-XXXXXX", NULL);
    stage.link = g_strdup_printf("unix:%s/link", stage.dir);
    stage.said = g_string_new(NULL);
    stage.port = stage_find_port();
    if (row->flags & ROW_TLS)
        stage.tls = tls_files_new();
    stage.source = stage_start(&stage, row->from, row->source, "source");
    stage.destination =
        row->flags & ROW_SAME
            ? stage.source
            : stage_start(&stage, row->to, row->destination, "destination");
    if (row->flags & ROW_FILLED)
        stage_fill(&stage);

    for (guint i = 0; row->before[i]; i++) {
        if (!stage_step(&stage, row->before[i]))
            g_error("%s: %s", row->before[i], stage.said->str);
    }
    found = stage_check(&stage);
    if (row->after[0]) {
        for (guint i = 0; ok && row->after[i]; i++)
            ok = stage_step(&stage, row->after[i]);
    } else {
        ok = stage_step(&stage, LISTEN) && stage_step(&stage, MIGRATE);
    }
    if (ok)
        stage_follow(&stage);
    g_test_message("%s; %s to %s; QEMU: %s; migrate-check: %s (%.2f s)",
                   row->about, row->from, row->to, stage.said->str, found,
                   (g_get_monotonic_time() - start_us) / 1e6);
    shown = strstr(stage.said->str, row->symptom) != NULL;
    stage_down(&stage);

    return shown;
}

/* What QEMU says can depend on which of its threads is the first to notice. */
#define ROW_TRIES 3

static void
test_row(gconstpointer data)
{
    const Row *row = data;

    if (guest_command("7.2") && (g_str_has_prefix(row->from, "7.2-") ||
                                 g_str_has_prefix(row->to, "7.2-")) &&
        !(guest_command(row->from) && guest_command(row->to))) {
        g_test_skip("a process cannot lose privileges here");
        return;
    }
    if (!guest_command(row->from) || !guest_command(row->to)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    if (row->flags & ROW_TLS &&
        !g_tls_backend_supports_tls(g_tls_backend_get_default())) {
        g_test_skip("GLib has no TLS here (glib-networking)");
        return;
    }
    for (guint i = 0; i < ROW_TRIES; i++) {
        if (row_try(row))
            return;
        g_test_message("expected: %s", row->symptom);
    }
    g_test_fail();
}

/* Defines a command for QEMU 7.2 that lacks a privilege, under the name of a
 * release of its own, if processes can lose privileges here. */
static void
add_release(const char *variable, const char *prefix)
{
    const char *command = guest_command("7.2");
    g_autofree char *trial = g_strdup_printf("%s true", prefix);
    g_autofree char *line = NULL;
    int status;

    if (!command ||
        !g_spawn_command_line_sync(trial, NULL, NULL, &status, NULL) ||
        status != 0)
        return;
    line = g_strdup_printf("%s %s", prefix, command);
    g_setenv(variable, line, TRUE);
}

int
main(int argc, char **argv)
{
    g_autofree char *drivers = NULL;

    drivers = g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"), "src",
                               "drivers", "qmp", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_test_init(&argc, &argv, NULL);
    /* An ordinary user does not have these privileges. */
    add_release("MIGTUNE_QEMU_7_2-locked",
                geteuid() ? "prlimit --memlock=65536"
                          : "prlimit --memlock=65536 setpriv "
                            "--bounding-set=-ipc_lock --inh-caps=-ipc_lock");
    add_release("MIGTUNE_QEMU_7_2-nofault",
                geteuid() ? "env" : "setpriv --bounding-set=-sys_ptrace "
                                    "--inh-caps=-sys_ptrace");

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        g_autofree char *path =
            g_strdup_printf("/symptoms/%s/%u", row->finding, i);

        g_test_add_data_func(path, row, test_row);
    }

    return g_test_run();
}
