/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kill -9 during a migration: of the QEMU of the source, the QEMU of the
 * destination, or the command `migtune migrate`, when a random number of bytes
 * has passed over the link in one of its directions.  The command is also killed
 * after a random time, which may be before the link exists.
 *
 * In the end `migtune migrate`, or `migtune recover` if that was killed, must
 * tell the truth about the guest, and at most one side may run it.  The test
 * prints a table of what was said and what was true, and its seed.
 *
 *     MIGTUNE_TEST_KILLS=100   number of kills for each kind of guest
 *     MIGTUNE_TEST_SEED=17     the seed
 */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "command.h"
#include "guest.h"
#include "link-cutter.h"
#include "qmp/client.h"
#include "remove-tree.h"
#include "util/json.h"

#define KILLS_DEFAULT 10
#define KILLS_SEED 12
#define KILLS_RAM (4 << 20)
#define KILLS_UUID "77777777-2222-3333-4444-000000000013"
/* Time limit for a migration without migtune to end. */
#define KILLS_END_US (30 * G_TIME_SPAN_SECOND)
/* How long the last bytes are held at most. */
#define KILLS_DELAY_US (500 * G_TIME_SPAN_MILLISECOND)

typedef enum { VICTIM_SOURCE, VICTIM_DESTINATION, VICTIM_MIGTUNE, N_VICTIMS,
               VICTIM_NONE } Victim;

typedef enum { PLACE_SOURCE, PLACE_DESTINATION, PLACE_STOPPED, PLACE_UNKNOWN,
               N_PLACES } Place;

typedef enum { TRUTH_SOURCE, TRUTH_DESTINATION, TRUTH_NEITHER,
               N_TRUTHS } Truth;

static const char *const victim_names[] = { "source", "destination",
                                            "migtune" };
static const char *const place_names[] = { "source", "destination", "stopped",
                                           "unknown", NULL };

/* One guest: a real QEMU, or a process with a reference guest. */
typedef struct {
    Guest *guest;
    GSubprocess *process;
    char *monitor;              /* for migtune */
    char *own;                  /* for the test */
} Side;

typedef struct {
    const char *release;        /* NULL: reference guests */
    char *dir;
    Side source, destination;
    GSubprocess *migtune;
    Victim victim;
    LinkCutter *cutter;
    guint kill_us;              /* 0: when bytes have passed */
    guint64 hold_at;            /* if not 0: bytes after which the source is
                                 * killed before the last of them pass */
    guint64 n_seen;             /* of the link's thread */
    gint ended;                 /* migtune has; atomic */
} Trial;

/* What came out of a trial. */
typedef struct {
    Place said;
    Truth truth;
    gboolean source_ended;
    guint64 n_passed;
    guint took_us;
} Result;

static char *scratch;

/*
 * Guests
 */

static void
side_start_ref(Side *side, const char *dir, gboolean source)
{
    g_autofree char *program = command_find();
    g_autofree char *file =
        g_build_filename(dir, source ? "s.xml" : "d.xml", NULL);
    g_autofree char *text = g_strdup_printf(
        "<guests><guest name=\"%s\"><uuid>" KILLS_UUID "</uuid>"
        "<qemu release=\"7.2\"/><ram size=\"%uMiB\" content=\"random\"/>%s"
        "</guest></guests>",
        source ? "s" : "d", KILLS_RAM >> 20,
        source ? "" : "<state>incoming</state>");
    g_autoptr(GError) error = NULL;
    g_autoptr(GDataInputStream) output = NULL;
    gboolean ready = FALSE;

    g_assert_true(g_file_set_contents(file, text, -1, NULL));
    side->process = g_subprocess_new(
        G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE,
        &error, program, "ref", file, "--socket-dir", dir, NULL);
    g_assert_no_error(error);
    output = g_data_input_stream_new(
        g_subprocess_get_stdout_pipe(side->process));
    while (!ready) {
        g_autofree char *line =
            g_data_input_stream_read_line(output, NULL, NULL, NULL);

        g_assert_nonnull(line);
        ready = strcmp(line, "ready") == 0;
    }
    side->monitor =
        g_strdup_printf("%s/%s.sock", dir, source ? "s" : "d");
    side->own = g_strdup(side->monitor);
}

static void
side_start_qemu(Side *side, const char *release, const char *dir,
                gboolean source)
{
    g_autofree char *ram = g_build_filename(dir, source ? "s" : "d", NULL);
    g_autofree char *object =
        g_strdup_printf("memory-backend-file,id=ram,size=%u,mem-path=%s,"
                        "share=on", KILLS_RAM, ram);
    g_autofree char *size = g_strdup_printf("%uM", KILLS_RAM >> 20);
    const char *const more[] = {
        "-m", size, "-object", object, "-machine", "none,memory-backend=ram",
        "-uuid", KILLS_UUID, source ? NULL : "-incoming", "defer", NULL
    };

    side->guest = guest_new(release, more);
    side->monitor = g_strdup(guest_monitor(side->guest, 0));
    side->own = g_strdup(guest_monitor(side->guest, 1));
    if (source) {
        g_autoptr(GRand) rand = g_rand_new_with_seed(5);
        FILE *file = fopen(ram, "r+");

        g_assert_nonnull(file);
        for (guint i = 0; i < KILLS_RAM / 4; i++) {
            guint32 word = g_rand_int(rand);

            g_assert_cmpuint(fwrite(&word, 4, 1, file), ==, 1);
        }
        fclose(file);
    }
}

static void
side_start(Side *side, const Trial *trial, gboolean source)
{
    if (trial->release)
        side_start_qemu(side, trial->release, trial->dir, source);
    else
        side_start_ref(side, trial->dir, source);
}

static void
side_kill(const Side *side)
{
    if (side->guest)
        kill(guest_pid(side->guest), SIGKILL);
    else
        g_subprocess_send_signal(side->process, SIGKILL);
}

static void
side_stop(Side *side)
{
    if (side->process) {
        g_subprocess_force_exit(side->process);
        g_subprocess_wait(side->process, NULL, NULL);
        g_clear_object(&side->process);
    }
    g_clear_pointer(&side->guest, guest_free);
    g_clear_pointer(&side->monitor, g_free);
    g_clear_pointer(&side->own, g_free);
}

/* The run state as the guest itself reports it. */
static char *
side_state(const Side *side)
{
    g_autoptr(MtClient) client = mt_client_new(
        mt_address_new_unix(side->own), 20000, 20000);
    g_autoptr(JsonNode) answer = NULL;

    if (mt_client_open(client, NULL, 0, NULL, NULL))
        answer = mt_exec_one(mt_client_exec(client), "query-status", NULL, NULL,
                             NULL);

    return answer ? g_strdup(json_object_get_string_member(
                        json_node_get_object(answer), "status"))
                  : g_strdup("ended");
}

/*
 * One kill
 */

/* Called by the link. */
static void
trial_kill(gpointer data)
{
    Trial *trial = data;

    if (trial->victim == VICTIM_SOURCE)
        side_kill(&trial->source);
    else if (trial->victim == VICTIM_DESTINATION)
        side_kill(&trial->destination);
    else if (trial->victim == VICTIM_MIGTUNE)
        g_subprocess_send_signal(trial->migtune, SIGKILL);
}

/* Called by the link when bytes have been read and not yet been passed on: keeps
 * the last ones until migtune has ended, or for a while. */
static guint64
trial_hold(gpointer data, const guint8 *bytes G_GNUC_UNUSED, gsize n)
{
    Trial *trial = data;
    gint64 end_us = g_get_monotonic_time() + KILLS_DELAY_US;

    trial->n_seen += n;
    if (trial->n_seen < trial->hold_at)
        return G_MAXUINT64;
    side_kill(&trial->source);
    while (!g_atomic_int_get(&trial->ended) && g_get_monotonic_time() < end_us)
        g_usleep(10000);

    return G_MAXUINT64;
}

static gpointer
trial_kill_later(gpointer data)
{
    Trial *trial = data;

    g_usleep(trial->kill_us);
    trial_kill(trial);

    return NULL;
}

/* Runs a migtune command with JSON output.  NULL if it was killed or printed
 * none. */
static JsonNode *
migtune_finish(GSubprocess *process)
{
    g_autofree char *output = NULL;
    g_autofree char *errors = NULL;

    if (!g_subprocess_communicate_utf8(process, NULL, NULL, &output, &errors,
                                       NULL))
        return NULL;
    if (errors && *errors)
        g_test_message("migtune: %s", g_strstrip(errors));

    return output && *output ? mt_json_parse(output, strlen(output), NULL)
                             : NULL;
}

/* Each trial has journals of its own. */
static GSubprocess *
migtune_start(const Trial *trial, const char *const *argv)
{
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_autoptr(GError) error = NULL;
    GSubprocess *process;

    g_subprocess_launcher_setenv(launcher, "XDG_STATE_HOME", trial->dir, TRUE);
    process = g_subprocess_launcher_spawnv(launcher, argv, &error);

    g_assert_no_error(error);
    return process;
}

/* What `migtune recover` says once the migration has ended. */
static char *
recover(const Trial *trial, char **ret_text)
{
    g_autofree char *program = command_find();
    const char *const argv[] = { program, "--json", "recover", NULL };
    gint64 end_us = g_get_monotonic_time() + KILLS_END_US;

    for (;;) {
        g_autoptr(GSubprocess) process = migtune_start(trial, argv);
        g_autoptr(JsonNode) node = migtune_finish(process);
        JsonArray *all;
        JsonObject *one;

        g_assert_nonnull(node);
        all = json_node_get_array(node);
        /* Killed before the journal, or after its end. */
        if (json_array_get_length(all) == 0)
            return NULL;
        g_assert_cmpuint(json_array_get_length(all), ==, 1);
        one = json_array_get_object_element(all, 0);
        g_free(*ret_text);
        *ret_text = g_strdup(json_object_get_string_member(one, "text"));
        if (json_object_get_boolean_member(one, "over") ||
            !strstr(*ret_text, "still running") ||
            g_get_monotonic_time() > end_us)
            return g_strdup(json_object_get_string_member(one, "guest"));
        g_usleep(20000);
    }
}

static char *
take_outcome(JsonNode *node, char **ret_text)
{
    JsonObject *object = json_node_get_object(node);

    if (json_object_has_member(object, "error"))
        *ret_text = g_strdup(json_object_get_string_member(
            json_object_get_object_member(object, "error"), "message"));
    /* Nothing had begun. */
    if (!json_object_has_member(object, "outcome") ||
        json_object_get_null_member(object, "outcome"))
        return g_strdup("source");

    return g_strdup(json_object_get_string_member(
        json_object_get_object_member(object, "outcome"), "guest"));
}

static void
trial_migrate(Trial *trial, gboolean forward, guint64 limit)
{
    g_autofree char *program = command_find();
    g_autofree char *source =
        g_strdup_printf("qmp://%s", trial->source.monitor);
    g_autofree char *destination =
        g_strdup_printf("qmp://%s", trial->destination.monitor);
    g_autofree char *link = g_build_filename(trial->dir, "link", NULL);
    g_autofree char *listen = g_strdup_printf("unix:%s", link);
    g_autofree char *address = NULL;
    g_autofree char *key = g_path_get_basename(trial->source.monitor);
    g_autofree char *target = g_path_get_basename(trial->destination.monitor);

    trial->cutter =
        trial->hold_at
            ? link_cutter_new_looking(link, forward, trial_hold, trial)
            : link_cutter_new_full(link, forward, limit, trial_kill, trial);
    address = g_strdup_printf("tcp:127.0.0.1:%u",
                              link_cutter_port(trial->cutter));
    {
        const char *const argv[] = {
            program, "--json", "-c", source, "migrate", key, destination,
            "--dest-domain", target, "--address", listen, "--connect-address",
            address, "return_path=on", NULL
        };

        trial->migtune = migtune_start(trial, argv);
    }
}

static Place
place_parse(const char *name)
{
    for (guint i = 0; place_names[i]; i++) {
        if (strcmp(name, place_names[i]) == 0)
            return i;
    }
    g_error("'%s' is not a place", name);
}

static void
trial_describe(const Trial *trial, gboolean forward, guint64 limit)
{
    if (trial->victim == VICTIM_NONE)
        g_test_message("kill nothing");
    else if (trial->kill_us)
        g_test_message("kill %s after %u us", victim_names[trial->victim],
                       trial->kill_us);
    else
        g_test_message("kill %s after %" G_GUINT64_FORMAT " bytes %s",
                       victim_names[trial->victim], limit,
                       forward ? "forward" : "back");
}

/* Kills @victim when @limit bytes have passed, or after @kill_us, and checks what
 * is said. */
static Result
trial_run(const char *release, Victim victim, gboolean forward, guint64 limit,
          guint kill_us, gboolean hold)
{
    Trial trial = { .release = release, .victim = victim, .kill_us = kill_us,
                    .hold_at = hold ? limit : 0 };
    Result result = { 0 };
    gint64 start_us;
    GThread *killer = NULL;
    g_autofree char *said = NULL;
    g_autofree char *text = NULL;
    g_autofree char *here = NULL;
    g_autofree char *there = NULL;
    g_autoptr(JsonNode) node = NULL;
    gboolean runs_here, runs_there;

    trial.dir = g_build_filename(scratch, "trial-XXXXXX", NULL);
    g_assert_nonnull(g_mkdtemp(trial.dir));
    side_start(&trial.source, &trial, TRUE);
    side_start(&trial.destination, &trial, FALSE);
    trial_describe(&trial, forward, limit);
    start_us = g_get_monotonic_time();
    trial_migrate(&trial, forward, limit);
    if (kill_us)
        killer = g_thread_new("killer", trial_kill_later, &trial);
    node = migtune_finish(trial.migtune);
    g_atomic_int_set(&trial.ended, TRUE);
    result.took_us = g_get_monotonic_time() - start_us;
    if (killer)
        g_thread_join(killer);
    said = node ? take_outcome(node, &text) : recover(&trial, &text);
    result.n_passed = link_cutter_free(trial.cutter);
    here = side_state(&trial.source);
    there = side_state(&trial.destination);
    runs_here = strcmp(here, "running") == 0;
    runs_there = strcmp(there, "running") == 0;
    if (!said)
        said = g_strdup(runs_there ? "destination" : "source");
    g_test_message("source %s, destination %s, said: %s%s%s", here, there, said,
                   text ? ", " : "", text ? text : "");

    g_assert_false(runs_here && runs_there);
    result.said = place_parse(said);
    result.source_ended = strcmp(here, "ended") == 0;
    result.truth = runs_here    ? TRUTH_SOURCE
                   : runs_there ? TRUTH_DESTINATION
                                : TRUTH_NEITHER;
    if (result.said == PLACE_SOURCE || result.said == PLACE_DESTINATION) {
        g_assert_true(runs_here == (result.said == PLACE_SOURCE));
        g_assert_true(runs_there == (result.said == PLACE_DESTINATION));
    } else {
        g_assert_nonnull(text);
        if (result.said == PLACE_STOPPED)
            g_assert_false(runs_here || runs_there);
    }

    g_object_unref(trial.migtune);
    side_stop(&trial.source);
    side_stop(&trial.destination);
    remove_tree(trial.dir);
    g_free(trial.dir);

    return result;
}

static guint
number_from_environment(const char *name, guint missing)
{
    const char *text = g_getenv(name);

    return text && *text ? g_ascii_strtoull(text, NULL, 10) : missing;
}

/* A position: anywhere, near the end, or in the answers of the destination. */
static guint64
choose_position(GRand *rand, guint64 forward_bytes, guint64 back_bytes,
                gboolean *ret_forward)
{
    guint kind = g_rand_int_range(rand, 0, 3);

    *ret_forward = kind < 2 || back_bytes == 0;
    if (!*ret_forward)
        return g_rand_int_range(rand, 0, back_bytes + 1);
    if (kind == 1 && forward_bytes > 256)
        return forward_bytes - g_rand_int_range(rand, 0, 257);

    return g_rand_double_range(rand, 0, forward_bytes);
}

static void
test_kills(gconstpointer data)
{
    const char *release = data;
    guint n = number_from_environment("MIGTUNE_TEST_KILLS", KILLS_DEFAULT);
    guint seed = number_from_environment("MIGTUNE_TEST_SEED", KILLS_SEED);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    guint counts[N_VICTIMS][N_PLACES][N_TRUTHS] = { { { 0 } } };
    Result forward_all, back_all;

    if (release && !guest_command(release)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    g_test_message("%u kills, MIGTUNE_TEST_SEED=%u", n, seed);
    forward_all = trial_run(release, VICTIM_NONE, TRUE, G_MAXUINT64, 0, FALSE);
    g_assert_cmpint(forward_all.said, ==, PLACE_DESTINATION);
    back_all = trial_run(release, VICTIM_NONE, FALSE, G_MAXUINT64, 0, FALSE);
    g_assert_cmpint(back_all.said, ==, PLACE_DESTINATION);

    for (guint i = 0; i < n; i++) {
        Victim victim = i % N_VICTIMS;
        gboolean forward;
        guint64 limit = choose_position(rand, forward_all.n_passed,
                                        back_all.n_passed, &forward);
        guint kill_us = 0;
        Result result;

        /* If a guest were killed after the end, the report would be older. */
        if (victim == VICTIM_MIGTUNE && g_rand_boolean(rand)) {
            kill_us = g_rand_int_range(rand, 1, back_all.took_us + 1);
            limit = G_MAXUINT64;
        }
        result =
            trial_run(release, victim, forward, limit, kill_us, FALSE);
        counts[victim][result.said][result.truth]++;
    }
    /* Two running guests, and a false place, have failed the test above. */
    g_test_message("%-12s %-12s %12s %17s %13s", "killed", "said",
                   "source runs", "destination runs", "neither runs");
    for (guint i = 0; i < N_VICTIMS; i++) {
        for (guint j = 0; j < N_PLACES; j++) {
            const guint *count = counts[i][j];

            if (count[TRUTH_SOURCE] + count[TRUTH_DESTINATION] +
                count[TRUTH_NEITHER])
                g_test_message("%-12s %-12s %12u %17u %13u", victim_names[i],
                               place_names[j], count[TRUTH_SOURCE],
                               count[TRUTH_DESTINATION], count[TRUTH_NEITHER]);
        }
    }
}

/* A source that has ended had sent everything, and the destination has not read it
 * yet: the guest arrives there. */
static void
test_late(gconstpointer data)
{
    const char *release = data;
    Result all, result;

    if (release && !guest_command(release)) {
        g_test_skip("that QEMU is not there");
        return;
    }
    all = trial_run(release, VICTIM_NONE, TRUE, G_MAXUINT64, 0, FALSE);
    result = trial_run(release, VICTIM_SOURCE, TRUE, all.n_passed, 0, TRUE);
    g_assert_true(result.source_ended);
    g_assert_cmpint(result.said, ==, PLACE_DESTINATION);
}

int
main(int argc, char **argv)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref", build, build);
    int status;

    scratch = g_dir_make_tmp("migtune-kills-XXXXXX", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_CACHE_HOME", scratch, TRUE);
    g_setenv("XDG_CONFIG_HOME", scratch, TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/pair-kills/ref", NULL, test_kills);
    g_test_add_data_func("/pair-kills/7.2", "7.2", test_kills);
    g_test_add_data_func("/pair-kills/10.0", "10.0", test_kills);
    g_test_add_data_func("/pair-kills/11.1", "11.1", test_kills);
    g_test_add_data_func("/pair-kills/late/7.2", "7.2", test_late);
    g_test_add_data_func("/pair-kills/late/11.1", "11.1", test_late);
    status = g_test_run();
    remove_tree(scratch);
    g_free(scratch);

    return status;
}
