/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading what is in force: two commands in one round trip, or three for a QEMU
 * that has a separate command for the XBZRLE cache.
 */
#include "config.h"

#include <string.h>

#include "probe/state.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

#include "migtune/migtune-error.h"

void
mt_state_free(MtState *state)
{
    if (!state)
        return;

    mt_set_free(state->values);
    g_free(state->migration);
    g_free(state->run_state);
    g_free(state);
}

static MtState *
state_new(void)
{
    MtState *state = g_new0(MtState, 1);

    state->values = mt_set_new();
    return state;
}

guint
mt_state_commands(const MtCaps *caps, MtStateFlags flags, MtCommand *commands)
{
    guint n = 0;

    mt_command_init(&commands[n++], "query-migrate-capabilities", NULL);
    mt_command_init(&commands[n++], "query-migrate-parameters", NULL);
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);

        /* Only one row has such a command. */
        if (entry->access == MT_ACCESS_LEGACY && entry->readable &&
            n == 2)
            mt_command_init(&commands[n++], entry->row->legacy->get, NULL);
    }
    if (flags & MT_STATE_MIGRATION) {
        mt_command_init(&commands[n++], "query-migrate", NULL);
        mt_command_init(&commands[n++], "query-status", NULL);
    }

    return n;
}

static gboolean
state_add(MtState *state, const MtCapsEntry *entry, JsonNode *node,
          GError **error)
{
    MtValue *value = mt_value_from_json(entry->row, node, error);

    if (!value)
        return FALSE;

    mt_set_put(state->values, entry->row, value);
    return TRUE;
}

static gboolean
state_take_capabilities(MtState *state, const MtCaps *caps, JsonNode *answer,
                        GError **error)
{
    JsonArray *array;

    if (!JSON_NODE_HOLDS_ARRAY(answer)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("query-migrate-capabilities returned %s, "
                            "expected an array"),
                          mt_json_type_name(answer));
        return FALSE;
    }

    array = json_node_get_array(answer);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);
        const MtCapsEntry *entry = NULL;
        JsonObject *object;
        const char *name;

        if (!JSON_NODE_HOLDS_OBJECT(node))
            continue;
        object = json_node_get_object(node);
        name = mt_json_peek_string(object, "capability");
        if (name)
            entry = mt_caps_lookup_qmp(caps, MT_KIND_CAPABILITY, name);
        if (!entry)
            state->stale = TRUE;
        else if (json_object_has_member(object, "state") &&
                 !state_add(state, entry,
                            json_object_get_member(object, "state"), error))
            return FALSE;
    }

    return TRUE;
}

static gboolean
state_take_parameters(MtState *state, const MtCaps *caps, JsonNode *answer,
                      GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    if (!JSON_NODE_HOLDS_OBJECT(answer)) {
        migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                          _("query-migrate-parameters returned %s, expected "
                            "an object"),
                          mt_json_type_name(answer));
        return FALSE;
    }

    json_object_iter_init(&iter, json_node_get_object(answer));
    while (json_object_iter_next(&iter, &name, &node)) {
        const MtCapsEntry *entry =
            mt_caps_lookup_qmp(caps, MT_KIND_PARAMETER, name);

        if (!entry)
            state->stale = TRUE;
        else if (!state_add(state, entry, node, error))
            return FALSE;
    }

    return TRUE;
}

static gboolean
state_take_legacy(MtState *state, const MtCaps *caps, const char *command,
                  JsonNode *answer, GError **error)
{
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);

        if (entry->access == MT_ACCESS_LEGACY &&
            g_strcmp0(entry->row->legacy->get, command) == 0)
            return state_add(state, entry, answer, error);
    }

    return TRUE;
}

/* The member "status"; "none" if there has been no migration. */
static char *
state_status(JsonNode *answer)
{
    const char *status = NULL;

    if (JSON_NODE_HOLDS_OBJECT(answer))
        status = mt_json_peek_string(json_node_get_object(answer), "status");

    return g_strdup(status ? status : "none");
}

/*
 * Whether the guest listens for its migration.  QEMU 10.0 reports a status for
 * that, older releases report only the address.
 */
static gboolean
state_is_listening(const MtState *state, gboolean has_address)
{
    return mt_state_side(state) == MT_SIDE_DESTINATION &&
           (g_strcmp0(state->migration, "setup") == 0 ||
            (has_address && g_strcmp0(state->migration, "none") == 0));
}

/* Whether QEMU did not list a capability that is in the caps. */
static gboolean
state_lacks_capability(const MtState *state, const MtCaps *caps)
{
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);

        if (entry->row->kind == MT_KIND_CAPABILITY && entry->readable &&
            !mt_set_get(state->values, entry->row))
            return !mt_caps_is_partial(caps);
    }

    return FALSE;
}

MtState *
mt_state_from_answers(const MtCaps *caps, MtCommand *commands,
                      guint n_commands, GError **error)
{
    g_autoptr(MtState) state = state_new();
    gboolean has_address = FALSE;

    for (guint i = 0; i < n_commands; i++) {
        const char *name = commands[i].name;
        JsonNode *answer = commands[i].result;
        gboolean ok = TRUE;

        if (!answer) {
            if (commands[i].error)
                g_propagate_error(error, g_error_copy(commands[i].error));
            else
                migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                                  _("%s was not answered"), name);
            return NULL;
        }
        if (strcmp(name, "query-migrate-capabilities") == 0)
            ok = state_take_capabilities(state, caps, answer, error);
        else if (strcmp(name, "query-migrate-parameters") == 0)
            ok = state_take_parameters(state, caps, answer, error);
        else if (strcmp(name, "query-migrate") == 0)
            state->migration = state_status(answer);
        else if (strcmp(name, "query-status") == 0)
            state->run_state = state_status(answer);
        else
            ok = state_take_legacy(state, caps, name, answer, error);
        if (!ok)
            return NULL;
        has_address = has_address ||
                      (JSON_NODE_HOLDS_OBJECT(answer) &&
                       mt_json_peek_array(json_node_get_object(answer),
                                          "socket-address"));
    }
    state->listening = state_is_listening(state, has_address);
    state->stale = state->stale || state_lacks_capability(state, caps);

    return g_steal_pointer(&state);
}

MtState *
mt_state_read(MtExec *exec, const MtCaps *caps, MtStateFlags flags,
              GCancellable *cancellable, GError **error)
{
    MtCommand commands[MT_STATE_MAX_COMMANDS];
    guint n = mt_state_commands(caps, flags, commands);
    MtState *state = NULL;

    if (exec->run(exec, commands, n, cancellable, error))
        state = mt_state_from_answers(caps, commands, n, error);
    mt_commands_clear(commands, n);

    return state;
}

MtState *
mt_state_new_default(const MtCaps *caps)
{
    MtState *state = state_new();

    state->assumed = TRUE;
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);
        const char *def = mt_row_default(entry->row, mt_caps_release(caps));

        if (entry->readable && def)
            mt_set_put(state->values, entry->row,
                       mt_value_from_table(entry->row, def));
    }
    state->migration = g_strdup("none");
    state->run_state = g_strdup("running");

    return state;
}

gboolean
mt_state_is_migrating(const MtState *state)
{
    static const char *const ended[] = { "none", "completed", "failed",
                                         "cancelled", NULL };

    return state->migration && !state->listening &&
           !g_strv_contains(ended, state->migration);
}

MtSide
mt_state_side(const MtState *state)
{
    if (g_strcmp0(state->run_state, "inmigrate") == 0)
        return MT_SIDE_DESTINATION;

    return MT_SIDE_SOURCE;
}

char *
mt_state_compression(const MtSet *values)
{
    static const struct {
        MtParamId id;
        const char *method;
    } switches[] = {
        { MT_PARAM_XBZRLE, "xbzrle" },
        { MT_PARAM_COMPRESS, "mt" },
    };
    const MtValue *channels = mt_set_get(values, mt_row(MT_PARAM_MULTIFD));
    const MtValue *method =
        mt_set_get(values, mt_row(MT_PARAM_MULTIFD_COMPRESSION));
    GString *text = g_string_new(NULL);
    gboolean any = channels && method;

    for (guint i = 0; i < G_N_ELEMENTS(switches); i++) {
        const MtValue *value = mt_set_get(values, mt_row(switches[i].id));

        any = any || value;
        if (value && value->boolean)
            g_string_append_printf(text, "%s%s", text->len ? "," : "",
                                   switches[i].method);
    }
    if (channels && method && channels->boolean &&
        strcmp(method->text, "none") != 0)
        g_string_append_printf(text, "%s%s", text->len ? "," : "",
                               method->text);
    if (any && text->len == 0)
        g_string_append(text, "none");

    return g_string_free(text, !any);
}
