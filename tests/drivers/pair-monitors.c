/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration between two guests whose monitors fail: command number n of one
 * side is refused, answered with garbage, or cut off, for n = 1, 2, 3 ... until
 * the migration needs fewer commands; or the monitor is dead from command n on.
 *
 * After each of these migrations at most one side may run the guest, the outcome
 * must be the truth, and all settings must be as before unless a warning says
 * otherwise.  If the failing command is the `stop` with which the destination is
 * told to stay stopped, the destination must run after its next migration.
 *
 * The guests are reference guests, or real QEMUs (suite `qemu`).
 */
#include "config.h"

#include <string.h>

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "command.h"
#include "guest.h"
#include "lib/share.h"
#include "migtune/migtune.h"
#include "qmp/client.h"
#include "remove-tree.h"
#include "util/json.h"

#define MAX_COMMANDS 90
/* Time limit of the monitors, and so of a lost side. */
#define MONITOR_MS 20000
#define MONITOR_DEAD_MS 2000

typedef struct {
    const char *name;
    const char *option;         /* of qmp-proxy */
} Kind;

static const Kind kinds[] = {
    { "refused", "--fail" },
    { "cut-before", "--cut-before" },
    { "cut-after", "--cut-after" },
    { "garbage", "--garbage" },
    { "dead", "--dead-from" },
};

/* The first kinds are tested with a real QEMU, too. */
#define REAL_KINDS 2

typedef struct {
    const char *release;        /* NULL: reference guests */
    const Kind *kind;
    gboolean at_source;
    const char *machine;        /* NULL: none */
} Case;

/* One guest: its monitor for migtune, and one for the test. */
typedef struct {
    char *monitor;
    char *own;
    Guest *guest;               /* a real QEMU */
} Side;

/* One process with many reference guests. */
typedef struct {
    GSubprocess *process;
    char *dir;
    guint n_used;
} Pool;

static Share share;
static char *scratch;

/*
 * Guests
 */

static char *
pool_describe(void)
{
    GString *text = g_string_new("<guests>");
    guint n = MAX_COMMANDS / (share.full ? 1 : share.n) + 1;

    for (guint i = 0; i < n; i++) {
        g_string_append_printf(
            text,
            "<guest name=\"s%u\"><uuid>77777777-2222-3333-4444-%012u</uuid>"
            "<qemu release=\"7.2\"/>"
            "<ram size=\"1MiB\" content=\"random\"/></guest>"
            "<guest name=\"d%u\"><uuid>77777777-2222-3333-4444-%012u</uuid>"
            "<qemu release=\"7.2\"/><ram size=\"1MiB\"/>"
            "<state>incoming</state></guest>",
            i, i, i, i);
    }
    g_string_append(text, "</guests>");

    return g_string_free(text, FALSE);
}

static Pool *
pool_new(void)
{
    Pool *pool = g_new0(Pool, 1);
    g_autofree char *text = pool_describe();
    g_autofree char *program = command_find();
    g_autofree char *file = NULL;
    g_autoptr(GDataInputStream) output = NULL;
    g_autoptr(GError) error = NULL;
    char *line;

    pool->dir = g_build_filename(scratch, "pool-XXXXXX", NULL);
    g_assert_nonnull(g_mkdtemp(pool->dir));
    file = g_build_filename(pool->dir, "guests.xml", NULL);
    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    pool->process = g_subprocess_new(
        G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
        &error, program, "ref", file, "--socket-dir", pool->dir, NULL);
    g_assert_no_error(error);
    output = g_data_input_stream_new(
        g_subprocess_get_stdout_pipe(pool->process));
    while ((line = g_data_input_stream_read_line(output, NULL, NULL, NULL))) {
        gboolean ready = strcmp(line, "ready") == 0;

        g_free(line);
        if (ready)
            return pool;
    }
    g_error("migtune ref did not start");
}

static void
pool_free(Pool *pool)
{
    if (!pool)
        return;

    g_subprocess_send_signal(pool->process, SIGTERM);
    g_subprocess_wait(pool->process, NULL, NULL);
    g_object_unref(pool->process);
    remove_tree(pool->dir);
    g_free(pool->dir);
    g_free(pool);
}

static void
side_up(Side *side, const Case *c, const Pool *pool, gboolean source)
{
    const char *machine = c->machine ? c->machine : "none";
    const char *const waits[] = { "-machine", machine, "-uuid",
                                  "77777777-2222-3333-4444-000000000012",
                                  "-incoming", "defer", NULL };
    const char *const runs[] = { "-machine", machine, "-uuid",
                                 "77777777-2222-3333-4444-000000000012", NULL };

    if (c->release) {
        side->guest = guest_new(c->release, source ? runs : waits);
        side->monitor = g_strdup(guest_monitor(side->guest, 0));
        side->own = g_strdup(guest_monitor(side->guest, 1));
    } else {
        side->monitor = g_strdup_printf("%s/%c%u.sock", pool->dir,
                                        source ? 's' : 'd', pool->n_used);
        side->own = g_strdup(side->monitor);
    }
}

static void
side_down(Side *side)
{
    g_clear_pointer(&side->guest, guest_free);
    g_clear_pointer(&side->monitor, g_free);
    g_clear_pointer(&side->own, g_free);
}

/* Sends a command to the guest itself, without the proxy.  @arguments is a JSON
 * text or NULL.  NULL if its QEMU has ended or refuses the command. */
static JsonNode *
side_send(const Side *side, const char *command, const char *arguments)
{
    gint64 end_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    for (;;) {
        g_autoptr(MtClient) client = mt_client_new(
            mt_address_new_unix(side->own), 10000, 10000);
        g_autoptr(GError) error = NULL;

        if (mt_client_open(client, NULL, 0, NULL, &error))
            return mt_exec_one(
                mt_client_exec(client), command,
                arguments ? mt_json_parse_object(arguments, strlen(arguments),
                                                 NULL)
                          : NULL,
                NULL, NULL);
        if (!g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY) ||
            g_get_monotonic_time() > end_us)
            return NULL;
    }
}

static JsonNode *
side_ask(const Side *side, const char *command)
{
    return side_send(side, command, NULL);
}

static char *
side_state(const Side *side)
{
    g_autoptr(JsonNode) answer = side_ask(side, "query-status");

    return answer ? g_strdup(json_object_get_string_member(
                        json_node_get_object(answer), "status"))
                  : g_strdup("ended");
}

static char *
side_dump(const Side *side)
{
    g_autoptr(JsonNode) first = side_ask(side, "query-migrate-capabilities");
    g_autoptr(JsonNode) second = side_ask(side, "query-migrate-parameters");
    g_autofree char *a = first ? mt_json_to_line(first) : g_strdup("");
    g_autofree char *b = second ? mt_json_to_line(second) : g_strdup("");

    return first && second ? g_strconcat(a, "\n", b, NULL) : g_strdup("ended");
}

/*
 * A migration
 */

typedef struct {
    gboolean ok;
    char *place;                /* as the outcome says; NULL: no outcome */
    GError *error;
    guint n_warnings;
    char *warnings;
} Result;

static void
result_clear(Result *result)
{
    g_clear_error(&result->error);
    g_clear_pointer(&result->place, g_free);
    g_clear_pointer(&result->warnings, g_free);
}

static MigtuneDomain *
domain_open(const char *path, guint timeout_ms, GError **error)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s", path);
    g_autoptr(MigtuneConn) conn = migtune_conn_open(
        uri, MIGTUNE_CONN_NO_CACHE, timeout_ms, NULL, error);
    g_auto(GStrv) keys = NULL;

    if (!conn)
        return NULL;
    keys = migtune_conn_list(conn, NULL, error);

    return keys && keys[0]
               ? migtune_conn_open_domain(conn, keys[0], NULL, error)
               : NULL;
}

static void
result_take_outcome(Result *result, MigtuneMigration *migration)
{
    g_autoptr(JsonNode) node = migtune_migration_to_json(migration);
    JsonObject *object = json_node_get_object(node);
    g_autoptr(GString) text = g_string_new(NULL);
    JsonObject *outcome;
    JsonArray *warnings;

    if (json_object_get_null_member(object, "outcome"))
        return;
    outcome = json_object_get_object_member(object, "outcome");
    result->place = g_strdup(json_object_get_string_member(outcome, "guest"));
    warnings = json_object_get_array_member(outcome, "warnings");
    result->n_warnings = json_array_get_length(warnings);
    for (guint i = 0; i < result->n_warnings; i++)
        g_string_append_printf(text, "; %s",
                               json_array_get_string_element(warnings, i));
    result->warnings = g_string_free(g_steal_pointer(&text), FALSE);
}

static const char *const usual_words[] = { "compression=zstd",
                                           "parallel.connections=3",
                                           "downtime=200", NULL };

static void
migrate(const char *source_path, const char *destination_path,
        const char *const *words, guint timeout_ms, Result *result)
{
    g_autoptr(MigtuneDomain) source = NULL;
    g_autoptr(MigtuneDomain) destination = NULL;
    g_autoptr(MigtuneMigration) migration = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;

    source = domain_open(source_path, timeout_ms, &result->error);
    if (source)
        destination = domain_open(destination_path, timeout_ms, &result->error);
    if (!destination)
        return;
    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    migration = migtune_migration_new(source, destination, params, n, 0,
                                      &result->error);
    migtune_typed_params_free(params, n);
    g_assert_no_error(result->error);
    result->ok = migtune_migration_run(migration, NULL, &result->error);
    result_take_outcome(result, migration);
}

/* Compares the outcome with the states of both guests. */
static void
check_outcome(const Case *c, const Result *result, const char *here,
              const char *there)
{
    gboolean runs_here = strcmp(here, "running") == 0;
    gboolean runs_there = strcmp(there, "running") == 0;
    const char *place = result->place ? result->place : "source";

    /* The rule without exception. */
    g_assert_false(runs_here && runs_there);
    g_assert_true(result->ok == (result->error == NULL));
    if (strcmp(place, "destination") == 0) {
        g_assert_true(result->ok);
        g_assert_true(runs_there);
    } else if (strcmp(place, "source") == 0) {
        g_assert_false(result->ok);
        g_assert_true(runs_here);
    } else {
        g_assert_false(result->ok);
        g_assert_error(result->error, MIGTUNE_ERROR,
                       MIGTUNE_ERROR_STATE_UNKNOWN);
        /* Only a monitor that is lost for good or at the last command leaves
         * the guest stopped or its place unknown. */
        if (strcmp(place, "stopped") == 0)
            g_assert_false(runs_here || runs_there);
    }
}

static guint
count_lines(const char *text)
{
    guint n = 0;

    for (; *text; text++)
        n += *text == '\n';

    return n;
}

/* Returns whether command @nth was sent. */
static gboolean
run_once(const Case *c, const Pool *pool, guint nth)
{
    Side source = { NULL };
    Side destination = { NULL };
    Side *faulty = c->at_source ? &source : &destination;
    g_autofree char *number = g_strdup_printf("%u", nth);
    const char *const options[] = { "--all", c->kind->option, number, NULL };
    g_autofree char *here_before = NULL, *there_before = NULL;
    g_autofree char *here_after = NULL, *there_after = NULL;
    g_autofree char *here = NULL, *there = NULL;
    g_autofree char *state = g_build_filename(scratch, "migtune", NULL);
    g_autofree char *record = NULL;
    g_auto(GStrv) lines = NULL;
    Result result = { FALSE };
    gboolean sent;
    Proxy *proxy;

    side_up(&source, c, pool, TRUE);
    side_up(&destination, c, pool, FALSE);
    here_before = side_dump(&source);
    there_before = side_dump(&destination);
    proxy = proxy_new_for_socket(faulty->monitor, scratch, options);
    migrate(c->at_source ? proxy_path(proxy) : source.monitor,
            c->at_source ? destination.monitor : proxy_path(proxy),
            usual_words, strcmp(c->kind->name, "dead") == 0 ? MONITOR_DEAD_MS : MONITOR_MS,
            &result);
    record = proxy_record(proxy);
    proxy_free(proxy);
    lines = g_strsplit(record, "\n", -1);
    sent = count_lines(record) >= nth;

    here = side_state(&source);
    there = side_state(&destination);
    here_after = side_dump(&source);
    there_after = side_dump(&destination);
    g_test_message("%s %u at the %s (%.70s): source %s, destination %s, said "
                   "%s%s%s%s", c->kind->name, nth,
                   c->at_source ? "source" : "destination",
                   sent ? lines[nth - 1] : "not sent", here, there,
                   result.place ? result.place : "nothing began",
                   result.error ? ": " : "",
                   result.error ? result.error->message : "",
                   result.warnings ? result.warnings : "");
    if (!sent)
        g_assert_no_error(result.error);
    check_outcome(c, &result, here, there);
    if (result.n_warnings == 0 && !result.error) {
        g_assert_cmpstr(here_after, ==, here_before);
        g_assert_cmpstr(there_after, ==, there_before);
    }
    /* Only a monitor that is lost for good keeps its settings. */
    if (result.place && strcmp(c->kind->name, "dead") != 0 &&
        strcmp(here_after, "ended") != 0)
        g_assert_cmpstr(here_after, ==, here_before);
    if (result.place && strcmp(c->kind->name, "dead") != 0 &&
        strcmp(there_after, "ended") != 0)
        g_assert_cmpstr(there_after, ==, there_before);
    if (g_strcmp0(result.place, "source") == 0 && result.n_warnings == 0) {
        g_assert_cmpstr(here_after, ==, here_before);
        if (strcmp(there_after, "ended") != 0)
            g_assert_cmpstr(there_after, ==, there_before);
    }
    result_clear(&result);
    side_down(&source);
    side_down(&destination);
    /* The next guests can have the same identity. */
    remove_tree(state);

    return sent;
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    Pool *pool = NULL;

    if (c->release && !guest_command(c->release)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    if (!c->release)
        pool = pool_new();
    for (guint nth = 1; nth <= MAX_COMMANDS; nth++) {
        if (!share_has(&share, nth))
            continue;
        if (!run_once(c, pool, nth))
            break;
        if (pool)
            pool->n_used++;
    }
    pool_free(pool);
}

/*
 * The destination was told to stay stopped, and the migration did not begin.
 */

typedef struct {
    const char *release;        /* NULL: reference guests */
    const char *option;         /* of qmp-proxy; NULL: no failure */
    const char *machine;        /* NULL: none */
    const char *warning;        /* a part of it; NULL: the guest must run after
                                 * its next migration */
} StopCase;

static const StopCase stop_cases[] = {
    { NULL, "--fail" },
    { NULL, "--cut-before" },
    { NULL, "--cut-after" },
    { NULL, "--garbage" },
    { NULL, "--dead-from", NULL, "start it again" },
    { "7.2", "--cut-after" },
    /* It has disks, which `cont` would activate. */
    { "7.2", "--cut-after", "pc", "'cont' in its monitor starts it" },
    { "7.2", "--dead-from", NULL, "start it again" },
};

/* The number of `stop` among the commands of @record, from 1; 0: none. */
static guint
find_stop(const char *record)
{
    g_auto(GStrv) lines = g_strsplit(record, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        if (strstr(lines[i], "\"stop\""))
            return i + 1;
    }

    return 0;
}

/* Migrates without migtune to a destination that listens.  Returns its run state
 * at the end; to be freed. */
static char *
migrate_by_hand(const Side *source, const Side *destination)
{
    g_autoptr(JsonNode) listens = side_ask(destination, "query-migrate");
    gint64 end_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    g_autoptr(JsonNode) begun = NULL;
    g_autofree char *arguments = NULL;
    JsonObject *address;

    g_assert_nonnull(listens);
    address = json_array_get_object_element(
        json_object_get_array_member(json_node_get_object(listens),
                                     "socket-address"), 0);
    arguments = g_strdup_printf(
        "{\"uri\": \"tcp:%s:%s\"}",
        json_object_get_string_member(address, "host"),
        json_object_get_string_member(address, "port"));
    begun = side_send(source, "migrate", arguments);
    g_assert_nonnull(begun);
    for (;;) {
        g_autofree char *state = side_state(destination);

        if (strcmp(state, "inmigrate") != 0)
            return g_steal_pointer(&state);
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_usleep(2000);
    }
}

/* A migration through a proxy before the destination, with @more options. */
static void
stop_migrate(const Side *source, const Side *destination, const char *option,
             guint nth, Result *result, char **ret_record)
{
    static const char *const words[] = { "downtime=200", NULL };
    g_autofree char *number = g_strdup_printf("%u", nth);
    const char *const options[] = { "--all", option, number, NULL };
    const char *const none[] = { "--all", NULL };
    Proxy *proxy = proxy_new_for_socket(destination->monitor, scratch,
                                        option ? options : none);

    migrate(source->monitor, proxy_path(proxy), words,
            g_strcmp0(option, "--dead-from") == 0 ? MONITOR_DEAD_MS : MONITOR_MS,
            result);
    *ret_record = proxy_record(proxy);
    proxy_free(proxy);
}

/* How many commands the destination gets until it is told to stop. */
static guint
count_until_stop(const Case *c, const Pool *pool)
{
    Side source = { NULL };
    Side destination = { NULL };
    Result result = { FALSE };
    g_autofree char *record = NULL;

    side_up(&source, c, pool, TRUE);
    side_up(&destination, c, pool, FALSE);
    stop_migrate(&source, &destination, NULL, 0, &result, &record);
    g_assert_no_error(result.error);
    result_clear(&result);
    side_down(&source);
    side_down(&destination);

    return find_stop(record);
}

static void
test_stop(gconstpointer data)
{
    const StopCase *one = data;
    const Case c = { one->release, &kinds[0], FALSE, one->machine };
    g_autofree char *state = g_build_filename(scratch, "migtune", NULL);
    g_autofree char *record = NULL;
    g_autofree char *there = NULL;
    Side source = { NULL };
    Side destination = { NULL };
    Result result = { FALSE };
    Pool *pool = NULL;
    guint nth;

    if (c.release && !guest_command(c.release)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    if (!c.release)
        pool = pool_new();
    nth = count_until_stop(&c, pool);
    g_assert_cmpuint(nth, >, 0);
    if (pool)
        pool->n_used++;
    side_up(&source, &c, pool, TRUE);
    side_up(&destination, &c, pool, FALSE);
    stop_migrate(&source, &destination, one->option, nth, &result, &record);
    g_test_message("%s%s", result.error ? result.error->message : "no error",
                   result.warnings ? result.warnings : "");
    g_assert_nonnull(result.error);
    g_assert_cmpstr(result.place, ==, "source");
    g_assert_cmpuint(find_stop(record), ==, nth);

    there = migrate_by_hand(&source, &destination);
    g_test_message("after the next migration: %s", there);
    if (one->warning)
        g_assert_nonnull(strstr(result.warnings, one->warning));
    else
        g_assert_cmpstr(there, ==, "running");
    result_clear(&result);
    side_down(&source);
    side_down(&destination);
    pool_free(pool);
    remove_tree(state);
}

int
main(int argc, char **argv)
{
    static const char *const releases[] = { NULL, "7.2" };
    Case cases[G_N_ELEMENTS(releases) * G_N_ELEMENTS(kinds) * 2];
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref", build, build);
    guint n = 0;
    int status;

    scratch = g_dir_make_tmp("migtune-monitors-XXXXXX", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_setenv("XDG_CACHE_HOME", scratch, TRUE);
    g_test_init(&argc, &argv, NULL);
    share_init(&share, 20);

    for (guint i = 0; i < G_N_ELEMENTS(releases); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(kinds) * 2; j++) {
            Case *c = &cases[n++];
            g_autofree char *path = NULL;

            *c = (Case) { releases[i], &kinds[j / 2], j % 2 == 0 };
            if (c->release && j / 2 >= REAL_KINDS)
                continue;
            path = g_strdup_printf("/pair-monitors/%s/%s-%s",
                                   c->release ? c->release : "ref",
                                   c->kind->name,
                                   c->at_source ? "source" : "destination");
            g_test_add_data_func(path, c, test_case);
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(stop_cases); i++) {
        const StopCase *one = &stop_cases[i];
        g_autofree char *path = g_strdup_printf(
            "/pair-monitors/%s/stop%s%s%s", one->release ? one->release : "ref",
            one->option + 1, one->machine ? "-" : "",
            one->machine ? one->machine : "");

        g_test_add_data_func(path, one, test_stop);
    }
    status = g_test_run();
    remove_tree(scratch);
    g_free(scratch);

    return status;
}
