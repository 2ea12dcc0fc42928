/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reference guest behind its monitor: its states, migrations between guests,
 * and the results of query-migrate.
 */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

#include "lib/ref-client.h"
#include "util/json-peek.h"
#include "util/json.h"

/* After a migration the reported throughput is the average of the whole
 * migration. */
static void
assert_average(RefClient *c)
{
    g_autoptr(JsonNode) info = ref_client_get(c, "query-migrate", NULL);
    JsonObject *ram = mt_json_peek_object(json_node_get_object(info), "ram");
    gint64 bytes = 0;
    gint64 ms = 0;
    double mbps = json_object_get_double_member(ram, "mbps");

    mt_json_peek_int(ram, "transferred", &bytes);
    mt_json_peek_int(json_node_get_object(info), "total-time", &ms);
    g_assert_cmpfloat(mbps, >, 0);
    /* The setup time is not counted. */
    g_assert_cmpfloat(mbps * 1000 * (ms + 1), >=, bytes * 8);
}

static const MtRelease releases[] = {
    MT_RELEASE(2, 4), MT_RELEASE(2, 11), MT_RELEASE(4, 2), MT_RELEASE(5, 2),
    MT_RELEASE(7, 2), MT_RELEASE(9, 0), MT_RELEASE(10, 0), MT_RELEASE(11, 1),
};

/* A guest of each release migrates to another one of that release. */
static void
test_migrate(gconstpointer data)
{
    MtRelease release = GPOINTER_TO_UINT(data);
    g_autoptr(RefClient) from = ref_client_new_guest(release, FALSE);
    g_autoptr(RefClient) to = ref_client_new_guest(release, TRUE);
    g_autofree char *events = NULL;

    ref_client_assert_run_state(from, "running");
    ref_client_assert_run_state(to, "inmigrate");
    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "completed");
    ref_client_assert_run_state(from, "postmigrate");
    for (guint i = 0; i < 5000; i++) {
        g_autofree char *state = ref_client_run_state(to);

        if (strcmp(state, "inmigrate") != 0)
            break;
        g_usleep(1000);
    }
    ref_client_assert_run_state(to, "running");
    ref_client_assert_same_ram(from, to);
    assert_average(from);
    events = ref_client_events(from);
    g_test_message("%s", events);
    g_assert_nonnull(strstr(events, "MIGRATION:setup"));
    g_assert_nonnull(strstr(events, "MIGRATION:active"));
    g_assert_nonnull(strstr(events, "STOP"));
    g_assert_true(g_str_has_suffix(events, "MIGRATION:completed"));
}

static void
test_tcp(void)
{
    g_autoptr(RefClient) from = ref_client_new_guest(MT_RELEASE(7, 2), FALSE);
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);

    ref_client_migrate(from, to, "tcp");
    ref_client_wait(from, "completed");
    ref_client_wait(to, "completed");
    ref_client_assert_same_ram(from, to);
}

/* Migration methods, which a client sets on both sides. */
static const struct {
    const char *name;
    MtRelease release;
    const char *capabilities[4];
    const char *parameters;
    const char *scheme;         /* NULL: unix */
    const char *told;           /* a member that must be greater than 0 afterwards */
} methods[] = {
    { "return-path", MT_RELEASE(7, 2), { "return-path" } },
    { "xbzrle-2.4", MT_RELEASE(2, 4), { "xbzrle" } },
    { "xbzrle", MT_RELEASE(10, 0), { "xbzrle", "return-path" },
      "{'xbzrle-cache-size': 1048576}", NULL, "xbzrle-cache.cache-size" },
    { "compress-2.4", MT_RELEASE(2, 4), { "compress" },
      "{'compress-level': 9, 'compress-threads': 3, 'decompress-threads': 1}" },
    { "compress", MT_RELEASE(7, 2), { "compress" }, NULL, NULL,
      "compression.pages" },
    { "x-multifd", MT_RELEASE(3, 1), { "x-multifd" },
      "{'x-multifd-channels': 3}" },
    { "multifd-5.2", MT_RELEASE(5, 2), { "multifd" },
      "{'multifd-compression': 'zlib'}" },
    { "multifd-7.2", MT_RELEASE(7, 2), { "multifd", "return-path" },
      "{'multifd-channels': 4, 'multifd-compression': 'zstd'}", "tcp",
      "ram.multifd-bytes" },
    { "multifd-8.1", MT_RELEASE(8, 1), { "multifd" },
      "{'multifd-channels': 3}" },
    { "multifd-9.0", MT_RELEASE(9, 0), { "multifd" },
      "{'zero-page-detection': 'legacy'}" },
    { "multifd-10.0", MT_RELEASE(10, 0), { "multifd",
      "return-path", "switchover-ack" }, "{'multifd-compression': 'zlib'}", "tcp",
      "ram.multifd-bytes" },
    { "multifd-and-xbzrle-7.2", MT_RELEASE(7, 2), { "multifd", "xbzrle" } },
    { "multifd-and-compress-5.2", MT_RELEASE(5, 2), { "multifd", "compress" } },
    { "auto-converge", MT_RELEASE(7, 2), { "auto-converge" },
      "{'cpu-throttle-initial': 50, 'max-cpu-throttle': 60}" },
    { "validate-uuid", MT_RELEASE(4, 2), { "validate-uuid" } },
    { "file", MT_RELEASE(9, 0), { NULL }, NULL, "file" },
    { "mapped-ram", MT_RELEASE(9, 0), { "mapped-ram" }, NULL, "file" },
    { "mapped-ram-multifd", MT_RELEASE(11, 1), { "mapped-ram", "multifd" },
      NULL, "file" },
    { "exec", MT_RELEASE(2, 11), { NULL }, NULL, "exec" },
};

static void
set_up(RefClient *c, guint i)
{
    for (guint k = 0; k < 4 && methods[i].capabilities[k]; k++)
        ref_client_run(c, "migrate-set-capabilities", "{'capabilities': "
                       "[{'capability': '%s', 'state': true}]}",
                       methods[i].capabilities[k]);
    if (methods[i].parameters)
        ref_client_run(c, "migrate-set-parameters", "%s",
                       methods[i].parameters);
}

static void
test_method(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(RefClient) from = ref_client_new_guest(methods[i].release, FALSE);
    g_autoptr(RefClient) to = ref_client_new_guest(methods[i].release, TRUE);
    const char *scheme = methods[i].scheme ? methods[i].scheme : "unix";
    g_autofree char *path = ref_client_path("stream");

    set_up(from, i);
    set_up(to, i);
    if (strcmp(scheme, "file") == 0) {
        ref_client_run(from, "migrate", "{'uri': 'file:%s'}", path);
        ref_client_wait(from, "completed");
        ref_client_run(to, "migrate-incoming", "{'uri': 'file:%s'}", path);
    } else if (strcmp(scheme, "exec") == 0) {
        ref_client_run(from, "migrate", "{'uri': 'exec:cat > %s'}", path);
        ref_client_wait(from, "completed");
        ref_client_run(to, "migrate-incoming", "{'uri': 'exec:cat %s'}", path);
    } else {
        ref_client_migrate(from, to, scheme);
    }
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(to, "running");
    ref_client_assert_same_ram(from, to);
    g_assert_cmpint(ref_client_number(from, "ram.total"), ==,
                    REF_CLIENT_RAM_BYTES);
    if (methods[i].told)
        g_assert_cmpint(ref_client_number(from, methods[i].told), >, 0);
    g_unlink(path);
}

static void
test_cancel(void)
{
    g_autoptr(RefClient) from = ref_client_new_slow(MT_RELEASE(7, 2),
                                                    "1048576");
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);
    g_autoptr(RefClient) other = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);
    g_autofree char *busy = NULL;
    g_autofree char *caps = NULL;
    g_autofree char *words = NULL;
    g_autofree char *again = NULL;
    g_autofree char *events = NULL;

    ref_client_run(from, "migrate_cancel", NULL);
    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "active");
    busy = ref_client_refused(from, "migrate", "{'uri': 'tcp:127.0.0.1:1'}");
    g_assert_cmpstr(busy, ==, "There's a migration process in progress");
    caps = ref_client_refused(from, "migrate-set-capabilities",
                              "{'capabilities': []}");
    g_assert_cmpstr(caps, ==, busy);
    ref_client_run(from, "migrate_cancel", NULL);
    ref_client_wait(from, "cancelled");
    ref_client_assert_run_state(from, "running");
    events = ref_client_events(from);
    g_assert_true(g_str_has_suffix(events, "MIGRATION:cancelling "
                                   "MIGRATION:cancelled"));

    /* The destination has ended, as QEMU does. */
    for (guint i = 0; i < 5000 && !ref_client_is_closed(to); i++)
        g_usleep(1000);
    g_assert_true(mt_ref_guest_has_quit(ref_client_guest(to)));
    words = mt_ref_guest_dup_last_words(ref_client_guest(to));
    g_assert_nonnull(words);

    ref_client_run(from, "migrate-set-parameters",
                   "{'max-bandwidth': 1000000000}");
    ref_client_migrate(from, other, "tcp");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(other, "running");
    ref_client_assert_same_ram(from, other);
    again = ref_client_refused(from, "migrate",
                               "{'uri': 'tcp:127.0.0.1:1'}");
    g_assert_cmpstr(again, ==, "Can't migrate the vm that was paused due to "
                    "previous migration");
    ref_client_run(from, "cont", NULL);
    ref_client_assert_run_state(from, "running");
}

/* Up to 5.2 a guest can migrate again after a completed migration. */
static void
test_again(void)
{
    g_autoptr(RefClient) from = ref_client_new_guest(MT_RELEASE(5, 2), FALSE);
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(5, 2), TRUE);
    g_autoptr(RefClient) next = ref_client_new_guest(MT_RELEASE(5, 2), TRUE);
    g_autoptr(RefClient) last = ref_client_new_guest(MT_RELEASE(5, 2), TRUE);

    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(to, "running");
    ref_client_migrate(from, next, "unix");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(next, "postmigrate");
    /* A guest that arrived can migrate on. */
    ref_client_migrate(to, last, "unix");
    ref_client_wait(to, "completed");
    ref_client_wait_come_in(last, "running");
    ref_client_assert_same_ram(from, last);
}

static void
test_fails(void)
{
    g_autoptr(RefClient) c = ref_client_new_guest(MT_RELEASE(7, 2), FALSE);
    g_autofree char *path = ref_client_path("nobody");
    g_autoptr(JsonNode) info = NULL;
    g_autofree char *events = NULL;

    ref_client_run(c, "migrate", "{'uri': 'unix:%s'}", path);
    ref_client_wait(c, "failed");
    ref_client_assert_run_state(c, "running");
    info = ref_client_get(c, "query-migrate", NULL);
    g_assert_nonnull(mt_json_peek_string(json_node_get_object(info),
                                         "error-desc"));
    events = ref_client_events(c);
    g_assert_cmpstr(events, ==, "MIGRATION:setup MIGRATION:failed");
}

static const struct {
    MtRelease release;
    const char *uri;
    const char *refused;
    const char *status;
} bad_addresses[] = {
    { MT_RELEASE(7, 2), "bogus:1",
      "Parameter 'uri' expects a valid migration protocol", "failed" },
    { MT_RELEASE(8, 2), "bogus:1", "unknown migration protocol: bogus:1",
      "none" },
    { MT_RELEASE(8, 1), "file:/nowhere",
      "Parameter 'uri' expects a valid migration protocol", "failed" },
    { MT_RELEASE(7, 2), "fd:a",
      "File descriptor named 'a' has not been found", "failed" },
    { MT_RELEASE(10, 0), "fd:0",
      "File descriptor named '0' has not been found", "failed" },
    { MT_RELEASE(10, 0), "tcp:127.0.0.1",
      "error parsing address '127.0.0.1'", "none" },
    { MT_RELEASE(10, 0), "file:/nonexistent/x",
      "file:/nonexistent/x: cannot open for writing: No such file or "
      "directory",
      "failed" },
};

static void
test_bad_addresses(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad_addresses); i++) {
        g_autoptr(RefClient) c = ref_client_new_guest(bad_addresses[i].release,
                                                      FALSE);
        g_autofree char *arguments =
            g_strdup_printf("{'uri': '%s'}", bad_addresses[i].uri);
        g_autofree char *refused = ref_client_refused(c, "migrate", arguments);
        g_autofree char *status = ref_client_status(c);

        g_assert_cmpstr(refused, ==, bad_addresses[i].refused);
        g_assert_cmpstr(status, ==, bad_addresses[i].status);
        ref_client_assert_run_state(c, "running");
    }
}

static void
test_pause_before_switchover(void)
{
    g_autoptr(RefClient) from = ref_client_new_guest(MT_RELEASE(7, 2), FALSE);
    g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(7, 2), TRUE);
    g_autofree char *early = NULL;
    g_autofree char *wrong = NULL;
    g_autofree char *cont = NULL;
    g_autofree char *events = NULL;

    ref_client_run(from, "migrate-set-capabilities", "{'capabilities': [{"
                   "'capability': 'pause-before-switchover', 'state': true}]}");
    early = ref_client_refused(from, "migrate-continue",
                               "{'state': 'pre-switchover'}");
    g_assert_cmpstr(early, ==, "Migration not in expected state: none");
    ref_client_migrate(from, to, "unix");
    ref_client_wait(from, "pre-switchover");
    ref_client_assert_run_state(from, "finish-migrate");
    cont = ref_client_refused(from, "cont", NULL);
    g_assert_cmpstr(cont, ==, "Migration is not finalized yet");
    wrong = ref_client_refused(from, "migrate-continue",
                               "{'state': 'device'}");
    g_assert_cmpstr(wrong, ==,
                    "Migration not in expected state: pre-switchover");
    ref_client_run(from, "migrate-continue", "{'state': 'pre-switchover'}");
    ref_client_wait(from, "completed");
    ref_client_wait_come_in(to, "running");
    events = ref_client_events(from);
    g_assert_nonnull(strstr(events, "STOP MIGRATION:pre-switchover "
                            "MIGRATION:device"));
    events[strlen("MIGRATION:setup")] = 0;
    g_assert_cmpstr(events, ==, "MIGRATION:setup");
}

/* A guest that was paused is paused at the destination, and so is a guest
 * started with -S. */
static void
test_paused(void)
{
    static const struct {
        gboolean stop_source, stop_destination;
        const char *arrives;
    } cases[] = {
        { TRUE, FALSE, "paused" },
        { FALSE, TRUE, "paused" },
        { FALSE, FALSE, "running" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(RefClient) from = ref_client_new_guest(MT_RELEASE(10, 0),
                                                         FALSE);
        g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(10, 0), TRUE);

        if (cases[i].stop_source)
            ref_client_run(from, "stop", NULL);
        if (cases[i].stop_destination)
            ref_client_run(to, "stop", NULL);
        ref_client_migrate(from, to, "unix");
        ref_client_wait(from, "completed");
        ref_client_wait_come_in(to, cases[i].arrives);
        ref_client_run(to, "cont", NULL);
        ref_client_assert_run_state(to, "running");
    }
}

/* A destination that expects more connections than the source makes waits for
 * them, also when the source has completed, and does not end. */
static void
test_missing_channels(void)
{
    static const struct {
        MtRelease release;
        gboolean source_multifd;
        const char *setup;
    } cases[] = {
        { MT_RELEASE(7, 2), TRUE, "none" },
        { MT_RELEASE(7, 2), FALSE, "none" },
        { MT_RELEASE(10, 0), TRUE, "setup" },
        { MT_RELEASE(10, 0), FALSE, "setup" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new(
            "zero", cases[i].release);
        g_autoptr(RefClient) from = NULL;
        g_autoptr(RefClient) to = NULL;
        g_autofree char *status = NULL;

        spec->ram_bytes = 1 << 20;
        from = ref_client_new(spec);
        spec->incoming = TRUE;
        to = ref_client_new(spec);
        if (cases[i].source_multifd)
            ref_client_run(from, "migrate-set-capabilities", "{'capabilities':"
                           " [{'capability': 'multifd', 'state': true}]}");
        ref_client_run(to, "migrate-set-capabilities", "{'capabilities': "
                       "[{'capability': 'multifd', 'state': true}]}");
        ref_client_run(to, "migrate-set-parameters",
                       "{'multifd-channels': 4}");
        ref_client_migrate(from, to, "unix");
        ref_client_wait(from, "completed");
        g_usleep(100000);
        status = ref_client_status(to);
        g_assert_cmpstr(status, ==, cases[i].setup);
        ref_client_assert_run_state(to, "inmigrate");
    }
}

/* 11.1 waits for an acknowledgement only with a machine type of an older
 * release; a destination without the capability never sends one. */
static void
test_ack_dialects(void)
{
    static const struct {
        MtRelease release;
        const char *machine;
        gboolean waits;
    } cases[] = {
        { MT_RELEASE(10, 0), NULL, TRUE },
        { MT_RELEASE(11, 1), NULL, FALSE },
        { MT_RELEASE(11, 1), "pc-q35-11.1", FALSE },
        { MT_RELEASE(11, 1), "pc-q35-11.0", TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (guint ack = 0; ack < 2; ack++) {
            g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new(
                "ack", cases[i].release);
            g_autoptr(RefClient) from = NULL;
            g_autoptr(RefClient) to = NULL;
            g_autofree char *status = NULL;
            static const char on[] = "{'capabilities': [{'capability': "
                "'return-path', 'state': true}, {'capability': "
                "'switchover-ack', 'state': true}]}";

            spec->ram_bytes = 1 << 20;
            spec->machine = g_strdup(cases[i].machine);
            from = ref_client_new(spec);
            spec->incoming = TRUE;
            to = ref_client_new(spec);
            ref_client_run(from, "migrate-set-capabilities", "%s", on);
            if (ack)
                ref_client_run(to, "migrate-set-capabilities", "%s", on);
            ref_client_migrate(from, to, "unix");
            if (ack || !cases[i].waits) {
                ref_client_wait(from, "completed");
                continue;
            }
            ref_client_wait(from, "active");
            g_usleep(200000);
            status = ref_client_status(from);
            g_assert_cmpstr(status, ==, "active");
            ref_client_run(from, "migrate_cancel", NULL);
            ref_client_wait(from, "cancelled");
        }
    }
}

static void
test_hmp(void)
{
    g_autoptr(RefClient) c = ref_client_new_guest(MT_RELEASE(7, 2), FALSE);
    static const struct {
        const char *line;
        const char *has;
    } lines[] = {
        { "info status", "VM status: running\r\n" },
        { "info migrate", "" },
        { "info migrate_capabilities", "events: on\r\n" },
        { "info migrate_parameters", "max-bandwidth: 134217728 bytes/second" },
        { "migrate_set_parameter max-bandwidth 10", "" },
        { "info migrate_parameters", "max-bandwidth: 10485760 bytes/second" },
        { "migrate_set_capability xbzrle on", "" },
        { "info migrate_capabilities", "xbzrle: on\r\n" },
        { "info migrate", "globals:\r\n" },
        { "stop", "" },
        { "info status", "VM status: paused\r\n" },
        { "foo bar", "unknown command: 'foo'\r\n" },
        { "info bar", "unknown command: 'info bar'\r\n" },
        { "", "" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *arguments =
            g_strdup_printf("{'command-line': '%s'}", lines[i].line);
        g_autoptr(JsonNode) text =
            ref_client_get(c, "human-monitor-command", arguments);

        g_assert_nonnull(strstr(json_node_get_string(text), lines[i].has));
    }
}

static void
test_fault_command(void)
{
    static const char *const bad[] = {
        "{}", "{'kind': 'bogus'}", "{'kind': 1}", "{'kind': 'drop', 'at': -1}",
        "{'kind': 'drop', 'channel': 300}", "{'kind': 'delay', 'ms': 'x'}",
        "{'kind': 'refuse', 'command': 3}", "{'kind': 'refuse', 'more': 3}",
    };
    g_autoptr(MtRefGuestSpec) spec =
        mt_ref_guest_spec_new("faulty", MT_RELEASE(7, 2));
    MtRefFault fault = { MT_REF_FAULT_REFUSE, (char *)"query-name", 2 };
    g_autoptr(RefClient) c = NULL;
    g_autofree char *second = NULL;
    gint64 begin;

    spec->ram_bytes = 1 << 20;
    mt_ref_guest_spec_add_fault(spec, &fault);
    c = ref_client_new(spec);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *why = ref_client_refused(c, "x-migtune-fault",
                                                  bad[i]);
    }

    /* The guest is found by its UUID, though another one has its name. */
    ref_client_run(c, "query-name", NULL);
    ref_client_run(c, "query-uuid", NULL);
    second = ref_client_refused(c, "query-name", NULL);
    ref_client_run(c, "query-name", NULL);
    ref_client_run(c, "query-name", NULL);

    ref_client_run(c, "x-migtune-fault", "{'kind': 'delay', 'ms': 120}");
    begin = g_get_monotonic_time();
    ref_client_run(c, "query-name", NULL);
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 120000);

    ref_client_run(c, "x-migtune-fault", "{'kind': 'refuse'}");
    ref_client_run(c, "x-migtune-fault", "{'kind': 'clear'}");
    ref_client_run(c, "query-name", NULL);
}

/* The end of one side ends the migration. */
static void
test_quit(void)
{
    for (guint i = 0; i < 3; i++) {
        g_autoptr(RefClient) from = ref_client_new_slow(MT_RELEASE(10, 0),
                                                        "1048576");
        g_autoptr(RefClient) to = ref_client_new_guest(MT_RELEASE(10, 0), TRUE);
        RefClient *ends = i ? to : from;
        g_autofree char *path = ref_client_path("quit");

        ref_client_run(to, "migrate-incoming", "{'uri': 'unix:%s'}", path);
        if (i < 2) {
            ref_client_run(from, "migrate", "{'uri': 'unix:%s'}", path);
            ref_client_wait(from, "active");
        }
        ref_client_run(ends, "quit", NULL);
        if (i == 0) {
            while (!ref_client_is_closed(to))
                g_usleep(1000);
        } else if (i == 1) {
            ref_client_wait(from, "failed");
            ref_client_assert_run_state(from, "running");
        } else {
            while (g_file_test(path, G_FILE_TEST_EXISTS))
                g_usleep(1000);
        }
    }
}

static const char *
file_sha256(const char *path, GChecksum *sum)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    gsize n;

    g_file_get_contents(path, &data, &n, &error);
    g_assert_no_error(error);
    g_checksum_update(sum, (const guint8 *)data, n);
    return g_checksum_get_string(sum);
}

/* Loads a recorded stream by the method @how into RAM that is a file. */
static void
load_stream(JsonObject *entry, const char *path, const char *how)
{
    JsonArray *blocks = mt_json_peek_array(entry, "blocks");
    JsonObject *block = json_array_get_object_element(blocks, 0);
    JsonArray *capabilities = mt_json_peek_array(entry, "capabilities");
    MtRelease release = mt_release_parse(mt_json_peek_string(entry, "qemu"));
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("load", release);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *ram_file = ref_client_path("ram");
    g_autofree char *uri = NULL;
    g_autoptr(RefClient) c = NULL;
    gint64 bytes = 0;

    mt_json_peek_int(block, "size", &bytes);
    spec->ram_bytes = bytes;
    spec->ram_file = g_strdup(ram_file);
    spec->incoming = TRUE;
    c = ref_client_new(spec);
    for (guint i = 0; i < json_array_get_length(capabilities); i++)
        ref_client_run(c, "migrate-set-capabilities", "{'capabilities': "
                       "[{'capability': '%s', 'state': true}]}",
                       json_array_get_string_element(capabilities, i));

    /* Since 11.0 a descriptor of a regular file is refused. */
    if (strcmp(how, "fd") == 0 && release < MT_RELEASE(11, 0)) {
        g_free(ref_client_say_fd(
            c, "{'execute': 'getfd', 'arguments': {'fdname': 'stream'}}",
            open(path, O_RDONLY | O_CLOEXEC)));
        uri = g_strdup("fd:stream");
    } else {
        uri = g_strdup_printf(strcmp(how, "exec") ? "file:%s" : "exec:cat %s",
                              path);
    }
    ref_client_run(c, "migrate-incoming", "{'uri': '%s'}", uri);
    ref_client_wait_come_in(c, NULL);
    g_assert_cmpstr(file_sha256(ram_file, sum), ==,
                    mt_json_peek_string(block, "sha256"));
    g_unlink(ram_file);
}

/* Loads streams recorded from real QEMUs. */
static void
test_recorded(void)
{
    static const char *const names[] = {
        "plain-5.2", "plain-7.2", "plain-10.0", "plain-11.1", "compress-5.2",
        "compress-7.2", "allzero-7.2", NULL
    };
    const char *data = g_getenv("MIGTUNE_TEST_DATA");
    g_autofree char *manifest = NULL;
    g_autofree char *text = NULL;
    g_autoptr(JsonNode) root = NULL;
    g_autoptr(GError) error = NULL;
    JsonArray *entries;
    guint n = 0;
    gsize len;

    if (!data) {
        g_test_skip("MIGTUNE_TEST_DATA does not say where streams are");
        return;
    }
    manifest = g_build_filename(data, "streams", "manifest.json", NULL);
    g_file_get_contents(manifest, &text, &len, &error);
    g_assert_no_error(error);
    root = mt_json_parse(text, len, &error);
    g_assert_no_error(error);
    entries = json_node_get_array(root);
    for (guint i = 0; i < json_array_get_length(entries); i++) {
        JsonObject *entry = json_array_get_object_element(entries, i);
        const char *name = mt_json_peek_string(entry, "name");
        g_autofree char *file = g_strdup_printf("%s.mig", name);
        g_autofree char *path = g_build_filename(data, "streams", file, NULL);
        MtRelease release =
            mt_release_parse(mt_json_peek_string(entry, "qemu"));

        if (!g_strv_contains(names, name) ||
            !g_file_test(path, G_FILE_TEST_EXISTS))
            continue;
        g_test_message("%s", name);
        load_stream(entry, path, "exec");
        load_stream(entry, path, "fd");
        if (release >= MT_RELEASE(8, 2))
            load_stream(entry, path, "file");
        n++;
    }
    g_assert_cmpuint(n, >=, 5);
}

/* A link has a bandwidth and a latency, and both are measured. */
static void
test_link(void)
{
    static const struct {
        guint64 bandwidth;
        guint latency_ms;
        gboolean multifd;
        gint64 least_ms;
    } links[] = {
        { 8 << 20, 0, FALSE, 400 },
        { 8 << 20, 0, TRUE, 400 },
        /* The answer of the destination takes one round trip. */
        { 0, 120, FALSE, 240 },
        { 8 << 20, 100, FALSE, 600 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autoptr(MtRefGuestSpec) spec =
            mt_ref_guest_spec_new("far", MT_RELEASE(10, 0));
        g_autoptr(RefClient) from = NULL;
        g_autoptr(RefClient) to = NULL;

        spec->ram_bytes = 4 << 20;
        spec->content = MT_CONTENT_RANDOM;
        spec->link_bandwidth = links[i].bandwidth;
        spec->link_latency_ms = links[i].latency_ms;
        from = ref_client_new(spec);
        spec->incoming = TRUE;
        to = ref_client_new(spec);
        ref_client_run(from, "migrate-set-capabilities", "{'capabilities': ["
                       "{'capability': 'return-path', 'state': true},"
                       "{'capability': 'multifd', 'state': %s}]}",
                       links[i].multifd ? "true" : "false");
        ref_client_run(to, "migrate-set-capabilities", "{'capabilities': ["
                       "{'capability': 'return-path', 'state': true},"
                       "{'capability': 'multifd', 'state': %s}]}",
                       links[i].multifd ? "true" : "false");
        ref_client_migrate(from, to, "unix");
        ref_client_wait(from, "completed");
        ref_client_wait_come_in(to, "running");
        ref_client_assert_same_ram(from, to);
        g_test_message("%" G_GINT64_FORMAT " ms",
                       ref_client_number(from, "total-time"));
        g_assert_cmpint(ref_client_number(from, "total-time"), >=,
                        links[i].least_ms);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autofree char *name = mt_release_format(releases[i]);
        g_autofree char *path = g_strdup_printf("/ref/guest/migrate/%s", name);

        g_test_add_data_func(path, GUINT_TO_POINTER(releases[i]),
                             test_migrate);
    }
    for (guint i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autofree char *path = g_strdup_printf("/ref/guest/method/%s",
                                                methods[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_method);
    }
    g_test_add_func("/ref/guest/tcp", test_tcp);
    g_test_add_func("/ref/guest/cancel", test_cancel);
    g_test_add_func("/ref/guest/again", test_again);
    g_test_add_func("/ref/guest/fails", test_fails);
    g_test_add_func("/ref/guest/bad-addresses", test_bad_addresses);
    g_test_add_func("/ref/guest/pause-before-switchover",
                    test_pause_before_switchover);
    g_test_add_func("/ref/guest/paused", test_paused);
    g_test_add_func("/ref/guest/missing-channels", test_missing_channels);
    g_test_add_func("/ref/guest/ack-dialects", test_ack_dialects);
    g_test_add_func("/ref/guest/hmp", test_hmp);
    g_test_add_func("/ref/guest/fault-command", test_fault_command);
    g_test_add_func("/ref/guest/quit", test_quit);
    g_test_add_func("/ref/guest/recorded", test_recorded);
    g_test_add_func("/ref/guest/link", test_link);
    return g_test_run();
}
