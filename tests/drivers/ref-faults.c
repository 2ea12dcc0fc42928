/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults between two reference guests: whatever happens, the guest runs on at
 * most one side and can run on exactly one.
 *
 * A table has each kind of fault at critical places with the allowed outcomes;
 * random faults follow, each from a seed that is printed. MIGTUNE_TEST_SEED=N
 * repeats one.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "drivers/ref/monitor/execute.h"
#include "lib/ref-client.h"
#include "util/json-peek.h"
#include "util/json.h"

#define RAM_BYTES (1 << 20)
#define N_RANDOM 50
#define N_RANDOM_SLOW 1000
#define N_POSTCOPY 20
#define N_POSTCOPY_SLOW 300
#define N_DYING 100
#define N_DYING_SLOW 3000

/* A stalled link is given up after this time. */
#define STALL_US 250000
/* A destination that still waits after this time waits for connections. */
#define CHANNELS_US (2 * G_USEC_PER_SEC)
/* A source that has sent everything waits for its answer as long as 30 s, and
 * cannot be cancelled meanwhile. */
#define WAIT_US (60 * G_USEC_PER_SEC)

/* The side on which the guest can run afterwards; bits. */
enum {
    HERE = 1 << 0,              /* it runs at the source */
    THERE = 1 << 1,             /* it runs at the destination */
    /* the destination has ended, but the source reports success: `cont`
     * starts the guest at the source */
    BY_HAND = 1 << 2,
    ANY = HERE | THERE | BY_HAND,
};

typedef struct {
    MtRelease release;
    const char *capability;     /* NULL: none */
    gboolean return_path;
    gboolean at_destination;    /* the fault belongs to the destination */
    MtRefFault fault;
    gboolean busy;              /* the guest writes to its RAM */
} Scene;

static RefClient *
scene_guest(const Scene *scene, gboolean incoming)
{
    g_autoptr(MtRefGuestSpec) spec =
        mt_ref_guest_spec_new("guest", scene->release);
    const char *const capabilities[] = {
        scene->capability, scene->return_path ? "return-path" : NULL,
    };
    RefClient *c;

    spec->ram_bytes = RAM_BYTES;
    spec->content = MT_CONTENT_MIXED;
    spec->incoming = incoming;
    if (scene->busy && !incoming) {
        spec->workload.kind = MT_WORKLOAD_HOT;
        spec->workload.pages_per_s = 5000;
    }
    c = ref_client_new(spec);
    for (guint i = 0; i < G_N_ELEMENTS(capabilities); i++) {
        if (capabilities[i])
            ref_client_run(c, "migrate-set-capabilities", "{'capabilities': "
                           "[{'capability': '%s', 'state': true}]}",
                           capabilities[i]);
    }
    return c;
}

static void
scene_arm(const Scene *scene, RefClient *c)
{
    const MtRefFault *f = &scene->fault;
    g_autofree char *command = f->command ?
        g_strdup_printf(", 'command': '%s'", f->command) : g_strdup("");

    ref_client_run(c, "x-migtune-fault", "{'kind': '%s', 'at': %"
                   G_GUINT64_FORMAT ", 'ms': %" G_GUINT64_FORMAT
                   ", 'channel': %d%s}", mt_ref_fault_to_string(f->kind),
                   f->at, f->ms, f->channel, command);
}

/*
 * A client that repeats a refused command once and opens a closed monitor
 * again. Returns TRUE when the command has run.
 */
static gboolean
scene_insist(RefClient **client, RefClient **spare, const char *line)
{
    for (guint i = 0; i < 3; i++) {
        g_autofree char *answer = ref_client_say(*client, line, -1);

        if (strstr(answer, "\"return\""))
            return TRUE;
        if (ref_client_is_closed(*client) &&
            !mt_ref_guest_has_quit(ref_client_guest(*client))) {
            g_assert_null(*spare);
            *spare = ref_client_new_second(*client);
            client = spare;
        }
    }
    return FALSE;
}

static gboolean
scene_is_final(const char *status)
{
    static const char *const final[] = {
        "completed", "failed", "cancelled", NULL
    };

    return g_strv_contains(final, status);
}

/* Returns the bytes sent so far; -1 if the migration has ended. */
static gint64
scene_progress(MtRefGuest *guest)
{
    g_autoptr(JsonNode) info = NULL;
    g_auto(MtRefRefusal) refusal = { 0 };
    JsonObject *ram;
    const char *status;
    gint64 bytes = 0;

    if (mt_ref_execute(guest, "query-migrate", NULL, &info, &refusal) !=
        MT_REF_ANSWERED)
        return 0;
    status = mt_json_peek_string(json_node_get_object(info), "status");
    if (!status || scene_is_final(status))
        return -1;
    ram = mt_json_peek_object(json_node_get_object(info), "ram");
    if (ram)
        mt_json_peek_int(ram, "transferred", &bytes);
    return bytes;
}

static char *
scene_ask(MtRefGuest *guest, const char *command)
{
    g_autoptr(JsonNode) result = NULL;
    g_auto(MtRefRefusal) refusal = { 0 };

    if (mt_ref_execute(guest, command, NULL, &result, &refusal) !=
        MT_REF_ANSWERED)
        return g_strdup("no answer");
    return mt_json_to_line(result);
}

static void
scene_wait(const Scene *scene, MtRefGuest *source)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;
    gint64 moved_at = g_get_monotonic_time();
    gint64 last = 0;
    gboolean cancelled = FALSE;

    for (;;) {
        gint64 now = g_get_monotonic_time();
        gint64 progress = scene_progress(source);

        if (progress < 0)
            return;
        if (progress != last) {
            last = progress;
            moved_at = now;
        }
        if (scene->fault.kind == MT_REF_FAULT_STALL && !cancelled &&
            now - moved_at > STALL_US) {
            g_autoptr(JsonNode) result = NULL;
            g_auto(MtRefRefusal) refusal = { 0 };

            mt_ref_execute(source, "migrate_cancel", NULL, &result,
                                 &refusal);
            cancelled = TRUE;
        }
        if (now > end) {
            g_autofree char *all = scene_ask(source, "query-migrate");

            g_error("it does not end%s: %s",
                    cancelled ? " after migrate_cancel" : "", all);
        }
        g_usleep(500);
    }
}

/* The fault may concern this query, which is then repeated. */
static char *
scene_state(MtRefGuest *guest)
{
    g_autoptr(JsonNode) info = NULL;
    g_auto(MtRefRefusal) refusal = { 0 };

    while (!mt_ref_guest_has_quit(guest)) {
        if (mt_ref_execute(guest, "query-status", NULL, &info,
                                 &refusal) == MT_REF_ANSWERED)
            return g_strdup(mt_json_peek_string(json_node_get_object(info),
                                                "status"));
    }
    return g_strdup("dead");
}

/* Waits until a destination that was connected to runs or has ended.  FALSE:
 * its source runs again, and the destination still waits for connections of
 * multifd that were never made.  QEMU waits for them without a limit, too. */
static gboolean
scene_settle(const Scene *scene, MtRefGuest *source, MtRefGuest *dest)
{
    gboolean can_wait = g_strcmp0(scene->capability, "multifd") == 0;
    gint64 begin = g_get_monotonic_time();

    for (;;) {
        g_autofree char *state = scene_state(dest);
        gint64 waited = g_get_monotonic_time() - begin;

        if (strcmp(state, "inmigrate") != 0)
            return TRUE;
        if (can_wait && waited > CHANNELS_US) {
            g_autofree char *here = scene_state(source);

            if (strcmp(here, "running") == 0)
                return FALSE;
        }
        g_assert_cmpint(waited, <, WAIT_US);
        g_usleep(500);
    }
}

static guint
scene_outcome(const Scene *scene, MtRefGuest *source, MtRefGuest *dest,
              gboolean began)
{
    gboolean settled;
    g_autofree char *here = NULL;
    g_autofree char *there = NULL;
    g_autoptr(JsonNode) result = NULL;
    g_auto(MtRefRefusal) refusal = { 0 };

    settled = !began || scene_settle(scene, source, dest);
    here = scene_state(source);
    there = scene_state(dest);
    g_test_message("source %s, destination %s", here, there);
    if (strcmp(there, "running") == 0) {
        g_assert_cmpstr(here, !=, "running");
        if (scene->fault.kind != MT_REF_FAULT_CORRUPT) {
            g_autofree char *where = NULL;

            if (!mt_ram_equal(mt_ref_guest_get_ram(source),
                              mt_ref_guest_get_ram(dest), &where))
                g_error("RAM differs: %s", where);
        }
        return THERE;
    }

    /* A destination that does not run has ended. */
    if (began && settled)
        g_assert_cmpstr(there, ==, "dead");
    if (strcmp(here, "running") == 0)
        return HERE;
    g_assert_cmpstr(here, ==, "postmigrate");
    while (mt_ref_execute(source, "cont", NULL, &result, &refusal) !=
           MT_REF_ANSWERED)
        g_assert_false(mt_ref_guest_has_quit(source));
    return BY_HAND;
}

/* Runs one case; returns where the guest can run afterwards. */
static guint
scene_play(const Scene *scene)
{
    RefClient *from = scene_guest(scene, FALSE);
    RefClient *to = scene_guest(scene, TRUE);
    RefClient *spare_from = NULL;
    RefClient *spare_to = NULL;
    g_autofree char *path = ref_client_path("fault");
    g_autofree char *listen =
        g_strdup_printf("{'execute': 'migrate-incoming', 'arguments': "
                        "{'uri': 'unix:%s'}}\n", path);
    g_autofree char *go =
        g_strdup_printf("{'execute': 'migrate', 'arguments': "
                        "{'uri': 'unix:%s'}}\n", path);
    gboolean began;
    guint outcome;

    scene_arm(scene, scene->at_destination ? to : from);
    began = scene_insist(&to, &spare_to, listen) &&
            scene_insist(&from, &spare_from, go);
    if (began)
        scene_wait(scene, ref_client_guest(from));
    outcome = scene_outcome(scene, ref_client_guest(from),
                            ref_client_guest(to), began);

    ref_client_free(spare_from);
    ref_client_free(spare_to);
    ref_client_free(from);
    ref_client_free(to);
    g_unlink(path);
    return outcome;
}

#define R7_2 MT_RELEASE(7, 2)
#define R10_0 MT_RELEASE(10, 0)

/* For a link `at` counts bytes; the stream has about 600 KiB, and a channel
 * half of that. Without a return path a source notices the end of its
 * destination only while it has data to send. */
static const struct {
    const char *name;
    guint outcomes;
    Scene scene;
} scenes[] = {
    { "refused", THERE, { R7_2, .return_path = TRUE, .fault = {
        MT_REF_FAULT_REFUSE, (char *)"migrate", 1 } } },
    { "refused-there", THERE, { R7_2, .at_destination = TRUE, .fault = {
        MT_REF_FAULT_REFUSE, (char *)"migrate-incoming", 1 } } },
    { "delayed", THERE, { R10_0, .fault = {
        MT_REF_FAULT_DELAY, NULL, 1, 60 } } },
    { "hang-up", THERE, { R10_0, .fault = {
        MT_REF_FAULT_HANGUP, (char *)"migrate", 1 } } },
    { "hang-up-there", THERE, { R10_0, .at_destination = TRUE, .fault = {
        MT_REF_FAULT_HANGUP, NULL, 1 } } },

    { "drop-at-once", HERE, { R7_2, .fault = {
        MT_REF_FAULT_DROP, NULL, 0, 0, -1 } } },
    { "drop-midway", HERE, { R7_2, .fault = {
        MT_REF_FAULT_DROP, NULL, 300000, 0, -1 } } },
    { "drop-midway-return-path", HERE, { R10_0, NULL, TRUE, .fault = {
        MT_REF_FAULT_DROP, NULL, 300000, 0, -1 }, .busy = TRUE } },
    { "drop-channel", HERE, { R10_0, "multifd", TRUE, .fault = {
        MT_REF_FAULT_DROP, NULL, 300, 0, 1 } } },
    { "drop-beyond", THERE, { R7_2, NULL, TRUE, .fault = {
        MT_REF_FAULT_DROP, NULL, 1 << 30, 0, -1 } } },

    { "stall-at-once", HERE, { R10_0, NULL, TRUE, .fault = {
        MT_REF_FAULT_STALL, NULL, 0, 0, -1 } } },
    { "stall-midway", HERE, { R7_2, .fault = {
        MT_REF_FAULT_STALL, NULL, 300000, 0, -1 } } },
    { "stall-channel", HERE, { R7_2, "multifd", .fault = {
        MT_REF_FAULT_STALL, NULL, 300, 0, 0 } } },

    { "corrupt-head", HERE | BY_HAND, { R7_2, .fault = {
        MT_REF_FAULT_CORRUPT, NULL, 0, 0, -1 } } },
    { "corrupt-head-return-path", HERE, { R10_0, NULL, TRUE, .fault = {
        MT_REF_FAULT_CORRUPT, NULL, 0, 0, -1 } } },
    { "corrupt-midway-return-path", HERE | THERE, { R10_0, NULL, TRUE,
      .fault = { MT_REF_FAULT_CORRUPT, NULL, 300000, 0, -1 } } },
    { "corrupt-channel", HERE, { R10_0, "multifd", TRUE, .fault = {
        MT_REF_FAULT_CORRUPT, NULL, 0, 0, 0 } } },

    { "kill-source", HERE, { R10_0, NULL, TRUE, .fault = {
        MT_REF_FAULT_KILL, NULL, 1 }, .busy = TRUE } },
    { "kill-source-multifd", HERE, { R7_2, "multifd", .fault = {
        MT_REF_FAULT_KILL, NULL, 1 } } },
    { "kill-destination", HERE | BY_HAND, { R7_2, .at_destination = TRUE,
      .fault = { MT_REF_FAULT_KILL, NULL, 1 } } },
    { "kill-destination-return-path", HERE, { R10_0, NULL, TRUE, TRUE,
      { MT_REF_FAULT_KILL, NULL, 1 } } },
};

static void
test_scene(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);

    g_assert_cmpuint(scene_play(&scenes[i].scene) & scenes[i].outcomes, !=, 0);
}

static void
play_seed(guint32 seed)
{
    static const MtRelease releases[] = {
        MT_RELEASE(4, 2), R7_2, MT_RELEASE(9, 0), R10_0, MT_RELEASE(11, 1),
    };
    static const char *const capabilities[] = { NULL, "xbzrle", "multifd" };
    static char *const commands[] = {
        NULL, (char *)"migrate", (char *)"migrate-incoming",
    };
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    gboolean link;
    Scene scene = { 0 };

    /* A statement each: the numbers are drawn in this order, so that a seed
     * means the same scene in every build. */
    scene.release = releases[g_rand_int_range(rand, 0, 5)];
    scene.capability = capabilities[g_rand_int_range(rand, 0, 3)];
    scene.return_path = g_rand_boolean(rand);
    scene.at_destination = g_rand_int_range(rand, 0, 3) == 0;
    scene.busy = g_rand_boolean(rand);
    scene.fault.kind = g_rand_int_range(rand, 1, MT_REF_N_FAULTS);
    scene.fault.ms = g_rand_int_range(rand, 0, 20);
    link = scene.fault.kind == MT_REF_FAULT_DROP ||
           scene.fault.kind == MT_REF_FAULT_STALL ||
           scene.fault.kind == MT_REF_FAULT_CORRUPT;
    scene.fault.channel = g_rand_int_range(rand, -1, 2);
    if (link) {
        scene.fault.at = g_rand_int_range(rand, 0, 700000);
        scene.fault.at >>= g_rand_int_range(rand, 0, 18);
    } else {
        scene.fault.at = g_rand_int_range(rand, 1, 4);
    }
    if (!link && scene.fault.kind != MT_REF_FAULT_KILL)
        scene.fault.command = commands[g_rand_int_range(rand, 0, 3)];
    g_test_message("seed %u: %s at %" G_GUINT64_FORMAT " channel %d %s%s%s%s",
                   seed, mt_ref_fault_to_string(scene.fault.kind),
                   scene.fault.at, scene.fault.channel,
                   scene.capability ? scene.capability : "plain",
                   scene.return_path ? " return-path" : "",
                   scene.at_destination ? " there" : "",
                   scene.busy ? " busy" : "");
    g_assert_cmpuint(scene_play(&scene) & ANY, !=, 0);
}

static void
test_random(void)
{
    const char *one = g_getenv("MIGTUNE_TEST_SEED");
    guint n = g_test_slow() ? N_RANDOM_SLOW : N_RANDOM;
    guint32 first = g_test_rand_int();

    if (one) {
        play_seed(strtoul(one, NULL, 10));
        return;
    }
    for (guint i = 0; i < n; i++)
        play_seed(first + i);
}

/* ---- post-copy: the guest moves before its RAM ---- */

static void
postcopy_begin(RefClient *from, RefClient *to, const char *path)
{
    static const char *const capability =
        "{'capabilities': [{'capability': 'postcopy-ram', 'state': true}]}";

    ref_client_run(from, "migrate-set-capabilities", "%s", capability);
    ref_client_run(to, "migrate-set-capabilities", "%s", capability);
    ref_client_run(from, "migrate-set-parameters",
                   "{'max-bandwidth': 2000000}");
    ref_client_run(to, "migrate-incoming", "{'uri': 'unix:%s'}", path);
    ref_client_run(from, "migrate", "{'uri': 'unix:%s'}", path);
    ref_client_run(from, "migrate-start-postcopy", "{}");
}

/* The migration has ended, or waits for another link. */
static char *
postcopy_wait(RefClient *from, gboolean cut)
{
    gint64 end = g_get_monotonic_time() + WAIT_US;
    gint64 cut_at = g_get_monotonic_time() + STALL_US;

    for (;;) {
        char *status = ref_client_status(from);

        if (scene_is_final(status) || strcmp(status, "postcopy-paused") == 0)
            return status;
        if (cut && g_get_monotonic_time() > cut_at) {
            ref_client_run(from, strcmp(status, "postcopy-active") == 0 ?
                           "migrate-pause" : "migrate_cancel", "{}");
            cut = FALSE;
        }
        g_free(status);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(500);
    }
}

/* In a paused post-copy the guest is at the destination, and receives the
 * rest over another link. */
static void
postcopy_recover(RefClient *from, RefClient *to)
{
    g_autofree char *path = ref_client_path("again");
    g_autofree char *here = ref_client_run_state(from);
    g_autofree char *there = ref_client_run_state(to);
    g_autofree char *refused = NULL;

    g_assert_cmpstr(here, ==, "finish-migrate");
    g_assert_cmpstr(there, ==, "running");
    refused = ref_client_refused(from, "cont", NULL);
    ref_client_wait(to, "postcopy-paused");
    ref_client_run(to, "migrate-recover", "{'uri': 'unix:%s'}", path);
    ref_client_run(from, "migrate", "{'uri': 'unix:%s', 'resume': true}",
                   path);
    ref_client_wait(from, "completed");
    ref_client_wait(to, "completed");
    g_unlink(path);
}

/*
 * A link that breaks or stalls at any byte: the guest can run on one side.
 */
static void
postcopy_play(guint32 seed)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    Scene scene = { .fault.channel = -1 };
    RefClient *from;
    RefClient *to;
    g_autofree char *path = ref_client_path("postcopy");
    g_autofree char *status = NULL;
    g_autofree char *here = NULL;
    g_autofree char *there = NULL;

    scene.release = g_rand_boolean(rand) ? R7_2 : R10_0;
    scene.busy = g_rand_boolean(rand);
    scene.fault.kind = g_rand_boolean(rand) ? MT_REF_FAULT_DROP :
                       MT_REF_FAULT_STALL;
    scene.fault.at = g_rand_int_range(rand, 0, 650000);
    scene.fault.at >>= g_rand_int_range(rand, 0, 4);
    from = scene_guest(&scene, FALSE);
    to = scene_guest(&scene, TRUE);
    scene_arm(&scene, from);
    postcopy_begin(from, to, path);
    status = postcopy_wait(from, scene.fault.kind == MT_REF_FAULT_STALL);
    scene_settle(&scene, ref_client_guest(from), ref_client_guest(to));
    there = scene_state(ref_client_guest(to));
    g_test_message("seed %u: %s at %" G_GUINT64_FORMAT ": %s, there %s", seed,
                   mt_ref_fault_to_string(scene.fault.kind), scene.fault.at,
                   status, there);
    if (strcmp(status, "postcopy-paused") == 0 &&
        strcmp(there, "running") == 0)
        postcopy_recover(from, to);

    here = ref_client_run_state(from);
    if (strcmp(there, "running") == 0) {
        g_assert_cmpstr(here, ==, "postmigrate");
        g_assert_true(mt_ram_equal(
            mt_ref_guest_get_ram(ref_client_guest(from)),
            mt_ref_guest_get_ram(ref_client_guest(to)), NULL));
    } else {
        g_assert_cmpstr(there, ==, "dead");
        g_assert_cmpstr(here, ==, "running");
    }
    ref_client_free(from);
    ref_client_free(to);
    g_unlink(path);
}

static void
test_postcopy(void)
{
    const char *one = g_getenv("MIGTUNE_TEST_SEED");
    guint n = g_test_slow() ? N_POSTCOPY_SLOW : N_POSTCOPY;
    guint32 first = g_test_rand_int();

    if (one) {
        postcopy_play(strtoul(one, NULL, 10));
        return;
    }
    for (guint i = 0; i < n; i++)
        postcopy_play(first + i);
}

/* The input is not a stream, so the guest ends itself in a thread of its
 * destination: freeing the guest at that moment waits for the thread. */
static void
test_free_dying(void)
{
    guint n = g_test_slow() ? N_DYING_SLOW : N_DYING;

    for (guint i = 0; i < n; i++) {
        g_autofree char *path = ref_client_path("dying");
        g_autoptr(MtRefGuestSpec) spec =
            mt_ref_guest_spec_new("guest", mt_release_parse("7.2"));
        g_autoptr(RefClient) c = NULL;
        g_autoptr(GSocketClient) sender = g_socket_client_new();
        g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
        g_autoptr(GSocketConnection) link = NULL;
        GOutputStream *out;

        spec->ram_bytes = RAM_BYTES;
        spec->incoming = TRUE;
        c = ref_client_new(spec);
        ref_client_run(c, "migrate-incoming", "{'uri': 'unix:%s'}", path);
        link = g_socket_client_connect(sender, G_SOCKET_CONNECTABLE(address),
                                       NULL, NULL);
        g_assert_nonnull(link);
        out = g_io_stream_get_output_stream(G_IO_STREAM(link));
        g_assert_true(g_output_stream_write_all(out, "nonsense", 8, NULL,
                                                NULL, NULL));
        while (!mt_ref_guest_has_quit(ref_client_guest(c)))
            ;
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(scenes); i++) {
        g_autofree char *path = g_strdup_printf("/ref/faults/%s",
                                                scenes[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_scene);
    }
    g_test_add_func("/ref/faults/random", test_random);
    g_test_add_func("/ref/faults/postcopy", test_postcopy);
    g_test_add_func("/ref/faults/free-dying", test_free_dying);
    return g_test_run();
}
