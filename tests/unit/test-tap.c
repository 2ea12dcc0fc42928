/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tap interferes with exactly one command, and what it recorded can be
 * replayed. */
#include "config.h"

#include <string.h>

#include "fake-qmp.h"
#include "migtune/migtune-error.h"
#include "lib/tap.h"
#include "util/json.h"

#define N 3

static JsonObject *
downtime(gint64 ms)
{
    JsonObject *arguments = json_object_new();

    json_object_set_int_member(arguments, "downtime-limit", ms);

    return arguments;
}

static void
batch_init(MtCommand *batch)
{
    for (guint i = 0; i < N; i++)
        mt_command_init(&batch[i], "migrate-set-parameters",
                        downtime(i + 1));
}

static gint64
present(FakeQmp *qmp)
{
    g_autoptr(JsonNode) node = mt_exec_one(
        fake_qmp_exec(qmp), "query-migrate-parameters", NULL, NULL, NULL);

    return json_object_get_int_member(json_node_get_object(node),
                                      "downtime-limit");
}

static void
test_every_action_at_every_command(void)
{
    for (guint nth = 1; nth <= N; nth++) {
        for (int action = MT_TAP_FAIL; action <= MT_TAP_CUT_AFTER; action++) {
            g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
            g_autoptr(MtTap) tap = mt_tap_new(fake_qmp_exec(qmp));
            g_autoptr(GError) error = NULL;
            MtExec *exec = mt_tap_exec(tap);
            MtCommand batch[N];
            gint64 last = action == MT_TAP_CUT_BEFORE ? nth - 1 : nth;

            mt_tap_set_action(tap, nth, action);
            batch_init(batch);
            g_assert_cmpint(exec->run(exec, batch, N, NULL, &error), ==,
                            action == MT_TAP_FAIL);
            for (guint i = 0; i < N; i++) {
                gboolean hit = i == nth - 1;

                if (action == MT_TAP_FAIL) {
                    g_assert_true(batch[i].answered);
                    g_assert_cmpint(batch[i].error != NULL, ==, hit);
                } else {
                    g_assert_cmpint(batch[i].answered, ==, i < nth - 1);
                }
            }
            mt_commands_clear(batch, N);
            if (action == MT_TAP_FAIL) {
                g_assert_cmpint(present(qmp), ==, nth == N ? N - 1 : N);
                continue;
            }

            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
            g_assert_cmpint(present(qmp), ==, last ? last : 300);
            batch_init(batch);
            g_assert_false(exec->run(exec, batch, N, NULL, NULL));
            g_assert_true(exec->reconnect(exec, NULL, NULL));
            g_assert_true(exec->run(exec, batch, N, NULL, NULL));
            g_assert_cmpint(present(qmp), ==, N);
            mt_commands_clear(batch, N);
        }
    }
}

static void
run_session(MtTap *tap, JsonArray **ret_recording)
{
    MtExec *exec = mt_tap_exec(tap);
    MtCommand batch[N + 1];

    mt_tap_set_action(tap, 2, MT_TAP_FAIL);
    mt_tap_set_refusal(tap, "Class", "text");
    batch_init(batch);
    mt_command_init(&batch[N], "query-migrate-parameters", NULL);
    g_assert_true(exec->run(exec, batch, N + 1, NULL, NULL));
    g_assert_cmpstr(migtune_error_get_field(
        batch[1].error, MIGTUNE_ERROR_FIELD_QEMU_CLASS), ==, "Class");
    g_assert_cmpint(json_object_get_int_member(
        json_node_get_object(batch[N].result), "downtime-limit"), ==, N);
    mt_commands_clear(batch, N + 1);
    g_assert_cmpuint(mt_tap_get_n_commands(tap), ==, N + 1);
    *ret_recording = json_array_ref(mt_tap_get_recording(tap));
}

static void
test_a_recording_is_replayed(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MtTap) tap = mt_tap_new(fake_qmp_exec(qmp));
    g_autoptr(JsonArray) recording = NULL;
    g_autoptr(MtTap) replay = NULL;
    g_autoptr(GError) error = NULL;
    MtExec *exec;
    MtCommand batch[N];

    run_session(tap, &recording);
    g_assert_cmpuint(json_array_get_length(recording), ==, N + 1);
    replay = mt_tap_new_replay(recording);
    exec = mt_tap_exec(replay);
    batch_init(batch);
    g_assert_true(exec->run(exec, batch, N, NULL, NULL));
    g_assert_nonnull(batch[0].result);
    g_assert_cmpstr(migtune_error_get_field(
        batch[1].error, MIGTUNE_ERROR_FIELD_QEMU_DESC), ==, "text");
    mt_commands_clear(batch, N);

    /* Another command than the recorded one, then one too many. */
    g_assert_null(mt_exec_one(exec, "query-migrate", NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
    g_assert_nonnull(strstr(error->message, "query-migrate-parameters"));
    g_clear_error(&error);
    g_clear_pointer(&replay, mt_tap_free);

    replay = mt_tap_new_replay(mt_tap_get_recording(tap));
    batch_init(batch);
    exec = mt_tap_exec(replay);
    g_assert_true(exec->run(exec, batch, N, NULL, NULL));
    mt_commands_clear(batch, N);
    json_node_unref(mt_exec_one(exec, "query-migrate-parameters", NULL, NULL,
                                NULL));
    g_assert_null(mt_exec_one(exec, "query-migrate", NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, "after the last"));
}

static void
test_a_lost_answer_is_lost_again(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MtTap) tap = mt_tap_new(fake_qmp_exec(qmp));
    g_autoptr(MtTap) replay = NULL;
    g_autoptr(GError) error = NULL;

    mt_tap_set_action(tap, 1, MT_TAP_CUT_BEFORE);
    g_assert_null(mt_exec_one(mt_tap_exec(tap), "query-name", NULL, NULL,
                              NULL));
    replay = mt_tap_new_replay(mt_tap_get_recording(tap));
    g_assert_null(mt_exec_one(mt_tap_exec(replay), "query-name", NULL, NULL,
                              &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
}

static void
test_a_delay_can_be_cancelled(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MtTap) tap = mt_tap_new(fake_qmp_exec(qmp));
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    gint64 start_us = g_get_monotonic_time();

    mt_tap_set_delay(tap, 20);
    json_node_unref(mt_exec_one(mt_tap_exec(tap), "query-name", NULL, NULL,
                                NULL));
    g_assert_cmpint(g_get_monotonic_time() - start_us, >=, 19000);
    mt_tap_set_delay(tap, 600000);
    g_cancellable_cancel(cancellable);
    g_assert_null(mt_exec_one(mt_tap_exec(tap), "query-name", NULL,
                              cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_assert_cmpuint(fake_qmp_n_commands(qmp), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tap/every-action-at-every-command",
                    test_every_action_at_every_command);
    g_test_add_func("/tap/a-recording-is-replayed",
                    test_a_recording_is_replayed);
    g_test_add_func("/tap/a-lost-answer-is-lost-again",
                    test_a_lost_answer_is_lost_again);
    g_test_add_func("/tap/a-delay-can-be-cancelled",
                    test_a_delay_can_be_cancelled);
    return g_test_run();
}
