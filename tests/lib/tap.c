/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records, delays, refuses or loses commands.
 *
 * Commands that arrive together are run together: those before the disturbed
 * command in one call, and those after it in another.
 */
#include "config.h"

#include "lib/tap.h"
#include "qmp/message.h"
#include "util/clock.h"
#include "util/json.h"

struct _MtTap {
    MtExec exec;                /* first member: callers cast one to the other */
    MtExec *inner;              /* NULL: replay */
    JsonArray *replay;
    guint n_replayed;

    guint nth;
    MtTapAction action;
    char *error_class;
    char *error_desc;
    guint delay_ms;

    guint n_commands;
    gboolean is_cut;
    JsonArray *recording;
};

static void
tap_record(MtTap *tap, const MtCommand *command)
{
    JsonObject *entry = json_object_new();

    json_object_set_string_member(entry, "execute", command->name);
    if (command->arguments)
        json_object_set_object_member(entry, "arguments",
                                      json_object_ref(command->arguments));
    if (command->result) {
        json_object_set_member(entry, "return",
                               json_node_copy(command->result));
    } else if (command->error) {
        JsonObject *error = json_object_new();

        json_object_set_string_member(
            error, "class", migtune_error_get_field(
                command->error, MIGTUNE_ERROR_FIELD_QEMU_CLASS));
        json_object_set_string_member(
            error, "desc", migtune_error_get_field(
                command->error, MIGTUNE_ERROR_FIELD_QEMU_DESC));
        json_object_set_object_member(entry, "error", error);
    } else {
        json_object_set_boolean_member(entry, "lost", TRUE);
    }
    json_array_add_object_element(tap->recording, entry);
}

static void
tap_set_lost(GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                      "the connection was cut");
}

/* Fills @command from the next recorded one. */
static gboolean
tap_replay_one(MtTap *tap, MtCommand *command, GError **error)
{
    JsonObject *entry = NULL;
    JsonObject *arguments = NULL;
    JsonObject *refusal = NULL;
    g_autofree char *asked = NULL;
    g_autofree char *recorded = NULL;
    const char *name = NULL;
    const char *error_class = "";
    const char *error_desc = "";

    if (tap->n_replayed == json_array_get_length(tap->replay)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          "%s comes after the last command of the recording",
                          command->name);
        return FALSE;
    }
    entry = json_array_get_object_element(tap->replay, tap->n_replayed);
    if (!mt_json_get_string(entry, "execute", &name, error) ||
        !mt_json_opt_object(entry, "arguments", &arguments, error) ||
        !mt_json_opt_object(entry, "error", &refusal, error))
        return FALSE;
    asked = command->arguments ? mt_json_object_to_line(command->arguments)
        : g_strdup("");
    recorded = arguments ? mt_json_object_to_line(arguments) : g_strdup("");
    if (g_strcmp0(name, command->name) != 0 ||
        g_strcmp0(asked, recorded) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          "expected %s %s as recorded, found %s %s", name,
                          recorded, command->name, asked);
        return FALSE;
    }

    tap->n_replayed++;
    if (refusal) {
        if (!mt_json_get_string(refusal, "class", &error_class, error) ||
            !mt_json_get_string(refusal, "desc", &error_desc, error))
            return FALSE;
        command->error = mt_message_refusal(name, error_class, error_desc);
    } else if (json_object_has_member(entry, "return")) {
        command->result = json_node_copy(json_object_get_member(entry,
                                                                "return"));
    } else {
        tap_set_lost(error);
        return FALSE;
    }
    command->answered = TRUE;

    return TRUE;
}

/* Runs commands that are not disturbed. */
static gboolean
tap_pass(MtTap *tap, MtCommand *commands, guint n_commands,
         GCancellable *cancellable, GError **error)
{
    gboolean ok = TRUE;

    if (n_commands == 0)
        return TRUE;
    if (tap->inner)
        ok = tap->inner->run(tap->inner, commands, n_commands, cancellable,
                             error);
    for (guint i = 0; i < n_commands; i++) {
        if (!tap->inner && ok)
            ok = tap_replay_one(tap, &commands[i], error);
        tap_record(tap, &commands[i]);
    }

    return ok;
}

/* Runs the disturbed command; later commands of the batch are not run. */
static gboolean
tap_interfere(MtTap *tap, MtCommand *command, GCancellable *cancellable,
              GError **error)
{
    MtTapAction action = tap->action;

    tap->action = MT_TAP_PASS;
    if (action == MT_TAP_FAIL) {
        command->answered = TRUE;
        command->error = mt_message_refusal(command->name, tap->error_class,
                                            tap->error_desc);
        tap_record(tap, command);
        return TRUE;
    }
    if (action == MT_TAP_CUT_AFTER) {
        if (!tap_pass(tap, command, 1, cancellable, error))
            return FALSE;
        g_clear_pointer(&command->result, json_node_unref);
        g_clear_error(&command->error);
        command->answered = FALSE;
    } else {
        tap_record(tap, command);
    }
    tap->is_cut = TRUE;
    tap_set_lost(error);

    return FALSE;
}

static gboolean
tap_run(MtExec *exec, MtCommand *commands, guint n_commands,
        GCancellable *cancellable, GError **error)
{
    MtTap *tap = (MtTap *)exec;
    guint before = tap->n_commands;
    guint at;

    if (tap->is_cut) {
        tap_set_lost(error);
        return FALSE;
    }
    if (tap->delay_ms &&
        !mt_sleep_ms(tap->delay_ms, cancellable, error))
        return FALSE;

    tap->n_commands += n_commands;
    if (tap->action == MT_TAP_PASS || tap->nth <= before ||
        tap->nth > before + n_commands)
        return tap_pass(tap, commands, n_commands, cancellable, error);

    at = tap->nth - before - 1;

    return tap_pass(tap, commands, at, cancellable, error) &&
        tap_interfere(tap, &commands[at], cancellable, error) &&
        tap_pass(tap, commands + at + 1, n_commands - at - 1, cancellable,
                 error);
}

static gboolean
tap_reconnect(MtExec *exec, GCancellable *cancellable, GError **error)
{
    MtTap *tap = (MtTap *)exec;

    if (tap->inner &&
        !tap->inner->reconnect(tap->inner, cancellable, error))
        return FALSE;
    tap->is_cut = FALSE;

    return TRUE;
}

MtTap *
mt_tap_new(MtExec *inner)
{
    MtTap *tap = g_new0(MtTap, 1);

    tap->exec.run = tap_run;
    tap->exec.reconnect = tap_reconnect;
    tap->inner = inner;
    tap->recording = json_array_new();
    mt_tap_set_refusal(tap, "GenericError", "refused on the way");

    return tap;
}

MtTap *
mt_tap_new_replay(JsonArray *recording)
{
    MtTap *tap = mt_tap_new(NULL);

    tap->replay = json_array_ref(recording);

    return tap;
}

void
mt_tap_free(MtTap *tap)
{
    if (!tap)
        return;

    g_clear_pointer(&tap->replay, json_array_unref);
    json_array_unref(tap->recording);
    g_free(tap->error_class);
    g_free(tap->error_desc);
    g_free(tap);
}

MtExec *
mt_tap_exec(MtTap *tap)
{
    return &tap->exec;
}

void
mt_tap_set_action(MtTap *tap, guint nth, MtTapAction action)
{
    tap->nth = nth;
    tap->action = action;
}

void
mt_tap_set_refusal(MtTap *tap, const char *error_class,
                   const char *error_desc)
{
    g_free(tap->error_class);
    tap->error_class = g_strdup(error_class);
    g_free(tap->error_desc);
    tap->error_desc = g_strdup(error_desc);
}

void
mt_tap_set_delay(MtTap *tap, guint delay_ms)
{
    tap->delay_ms = delay_ms;
}

guint
mt_tap_get_n_commands(MtTap *tap)
{
    return tap->n_commands;
}

JsonArray *
mt_tap_get_recording(MtTap *tap)
{
    return tap->recording;
}
