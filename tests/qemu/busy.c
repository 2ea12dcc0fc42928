/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that is migrating to a peer that does not read, and a guest that waits
 * for an incoming migration.
 */
#include "config.h"

#include <string.h>

#include <gio/gunixsocketaddress.h>

#include "tuning.h"
#include "util/json-peek.h"

/* A listener that never accepts, so that the migration never ends. */
static GSocket *
listen_deaf(const Guest *guest, char **ret_path)
{
    g_autofree char *path = g_build_filename(guest_dir(guest), "deaf", NULL);
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GError) error = NULL;
    GSocket *socket =
        g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM,
                     G_SOCKET_PROTOCOL_DEFAULT, &error);

    g_assert_no_error(error);
    g_socket_bind(socket, address, FALSE, &error);
    g_assert_no_error(error);
    g_socket_listen(socket, &error);
    g_assert_no_error(error);
    *ret_path = g_steal_pointer(&path);

    return socket;
}

static void
wait_for_status(Guest *guest, const char *status, const char *or_status)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    for (;;) {
        g_autoptr(JsonNode) answer =
            guest_ask(guest, "query-migrate", NULL, NULL);
        const char *now = mt_json_peek_string(json_node_get_object(answer),
                                              "status");

        if (g_strcmp0(now, status) == 0 || g_strcmp0(now, or_status) == 0)
            return;
        if (g_get_monotonic_time() > end)
            g_error("the migration is %s, not %s", now ? now : "none",
                    status);
        g_usleep(5000);
    }
}

static void
start_migration(Guest *guest, const char *path)
{
    g_autofree char *arguments =
        g_strdup_printf("{\"uri\": \"unix:%s\"}", path);

    guest_do(guest, "migrate-set-parameters", "{\"max-bandwidth\": 4096}");
    /* Should all of it fit into the buffers of the socket, it stops there. */
    guest_do(guest, "migrate-set-capabilities",
             "{\"capabilities\": [{\"capability\": "
             "\"pause-before-switchover\", \"state\": true}]}");
    guest_do(guest, "migrate", arguments);
    wait_for_status(guest, "active", "pre-switchover");
}

static void
check_refused(Tuned *tuned, const char *const *words, unsigned int flags)
{
    g_autofree char *before = guest_dump(tuned->guest);
    g_autoptr(MigtunePlan) plan = tuned_plan(tuned, words, flags);

    tuned_assert_refused(tuned, plan, MIGTUNE_ERROR_BUSY, before);
    tuning_count(tuned->test, "wishes of a busy guest refused");
}

static void
check_verdicts(MigtunePlan *plan, const MigtuneVerdict *verdicts)
{
    for (guint i = 0; i < migtune_plan_get_n_verdicts(plan); i++) {
        g_assert_cmpint(migtune_plan_get_verdict(plan, i, NULL, NULL, NULL,
                                                 NULL), ==, verdicts[i]);
    }
}

static void
test_migrating(Case *test)
{
    static const char *const capability[] = { "xbzrle=on", NULL };
    static const char *const setup[] = { "parallel.connections=4", NULL };
    static const char *const cache[] = { "compression.xbzrle.cache=128MiB",
                                         NULL };
    static const char *const running[] = {
        "downtime=700", "auto_converge.initial=33", "bandwidth=64", NULL,
    };
    static const char *const mixed[] = {
        "downtime=800", "xbzrle=on", "parallel.connections=4", NULL,
    };
    static const MigtuneVerdict kept[] = {
        MIGTUNE_VERDICT_IN_FORCE, MIGTUNE_VERDICT_NO_EFFECT,
        MIGTUNE_VERDICT_IN_FORCE,
    };
    static const MigtuneVerdict some[] = {
        MIGTUNE_VERDICT_IN_FORCE, MIGTUNE_VERDICT_DROPPED,
        MIGTUNE_VERDICT_DROPPED,
    };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *path = NULL;
    g_autoptr(GSocket) deaf = listen_deaf(guest, &path);
    g_autofree char *before = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(JsonNode) raw = NULL;
    g_autoptr(GError) error = NULL;
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    start_migration(guest, path);
    before = guest_dump(guest);

    check_refused(&tuned, capability, 0);
    check_refused(&tuned, capability, MIGTUNE_SET_STRICT);
    check_refused(&tuned, setup, 0);
    check_refused(&tuned, cache, 0);
    check_refused(&tuned, mixed, 0);
    check_refused(&tuned, mixed, MIGTUNE_SET_STRICT);

    plan = tuned_plan(&tuned, running, 0);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    check_verdicts(plan, kept);
    raw = guest_get(guest, FALSE, "downtime-limit");
    g_assert_cmpint(json_node_get_int(raw), ==, 700);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_put_back(&tuned, before);

    plan = tuned_plan(&tuned, mixed, MIGTUNE_SET_BEST_EFFORT);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    check_verdicts(plan, some);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_put_back(&tuned, before);
    tuning_count(test, "wishes of a busy guest carried out");

    /* A capability that is on already is not a change. */
    {
        static const char *const same[] = { "xbzrle=off", "downtime=300",
                                            NULL };

        plan = tuned_plan(&tuned, same, MIGTUNE_SET_STRICT);
        migtune_plan_apply(plan, NULL, &error);
        g_assert_no_error(error);
        g_clear_pointer(&plan, migtune_plan_unref);
    }

    guest_do(guest, "migrate_cancel", NULL);
    wait_for_status(guest, "cancelled", NULL);
    plan = tuned_plan(&tuned, mixed, MIGTUNE_SET_STRICT);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_put_back(&tuned, before);
    tuned_down(&tuned);
}

static void
test_incoming(Case *test)
{
    static const char *const more[] = { "-incoming", "defer", NULL };
    static const char *const words[] = {
        "parallel=on", "parallel.connections=4", "late_block_activate=on",
        NULL,
    };
    g_autoptr(Guest) guest = guest_new(test->release, more);
    g_autofree char *before = guest_dump(guest);
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(JsonNode) json = NULL;
    g_autoptr(JsonNode) raw = NULL;
    g_autoptr(GError) error = NULL;
    JsonArray *steps;
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    plan = tuned_plan(&tuned, words, 0);
    json = migtune_plan_to_json(plan);
    steps = json_object_get_array_member(json_node_get_object(json), "steps");
    g_assert_cmpuint(json_array_get_length(steps), ==, 2);
    for (guint i = 0; i < json_array_get_length(steps); i++)
        g_assert_cmpstr(
            json_object_get_string_member(
                json_array_get_object_element(steps, i), "side"), ==,
            "destination");
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    raw = guest_get(guest, FALSE, "multifd-channels");
    g_assert_cmpint(json_node_get_int(raw), ==, 4);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_put_back(&tuned, before);
    tuning_count(test, "guests that wait for a migration tuned");
    tuned_down(&tuned);
}

/* The guest listens, and no migration has arrived yet. */
static void
test_listening(Case *test)
{
    static const char *const more[] = { "-incoming", "defer", NULL };
    static const char *const late[] = { "parallel=on", NULL };
    static const char *const fine[] = { "events=on", "announce.rounds=3",
                                        "parallel.connections=3", NULL };
    static const MigtuneVerdict all[] = {
        MIGTUNE_VERDICT_IN_FORCE, MIGTUNE_VERDICT_IN_FORCE,
        MIGTUNE_VERDICT_NO_EFFECT,
    };
    g_autoptr(Guest) guest = guest_new(test->release, more);
    g_autofree char *before = guest_dump(guest);
    g_autofree char *incoming = g_strdup_printf(
        "{\"uri\": \"unix:%s/incoming\"}", guest_dir(guest));
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    Tuned tuned;

    guest_do(guest, "migrate-incoming", incoming);
    tuned_up(&tuned, test, guest, NULL);
    check_refused(&tuned, late, 0);
    plan = tuned_plan(&tuned, fine, MIGTUNE_SET_STRICT);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    check_verdicts(plan, all);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_put_back(&tuned, before);
    tuning_count(test, "guests that wait for a migration tuned");
    tuned_down(&tuned);
}

void
tuning_add_busy(Tuning *tuning)
{
    tuning_add(tuning, "a-migration-is-running", test_migrating);
    tuning_add(tuning, "a-migration-is-awaited", test_incoming);
    tuning_add(tuning, "a-migration-may-come-in", test_listening);
}
