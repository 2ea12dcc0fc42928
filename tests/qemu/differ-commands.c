/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each command without arguments, with each argument of each type, with missing
 * and with unknown arguments; and input that is not a command.
 */
#include "config.h"

#include <string.h>

#include "differ.h"
#include "util/json-peek.h"

/* Valid values of arguments, so that the other arguments of the command are
 * checked. */
static const struct {
    const char *name;
    const char *value;
} fitting[] = {
    { "calc-time", "1" },
    { "capabilities", "[]" },
    { "cpu-index", "0" },
    { "dirty-rate", "1" },
    { "hostname", "\"h\"" },
    { "initial", "50" },
    { "max", "550" },
    { "port", "1" },
    { "protocol", "\"x\"" },
    { "rounds", "1" },
    { "state", "\"pre-switchover\"" },
    { "step", "10" },
    { "uri", "\"nonsense\"" },
    { "value", "65536" },
};

/* Sent instead of the object of arguments. */
static const char *const forms[] = {
    "{}", "{\"nonsense\": 1}", "{\"nonsense\": null, \"more\": []}", "[]",
    "[1]", "null", "5", "\"x\"", "true",
};

static const char *
argument_fitting(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(fitting); i++) {
        if (g_str_equal(fitting[i].name, name))
            return fitting[i].value;
    }

    return NULL;
}

/* All arguments that @command requires, except @except; then @more. */
static char *
command_with(JsonArray *arguments, const char *except, const char *more)
{
    GString *out = g_string_new("{");

    for (guint i = 0; i < json_array_get_length(arguments); i++) {
        JsonObject *one = json_array_get_object_element(arguments, i);
        const char *name = mt_json_peek_string(one, "name");
        const char *value = argument_fitting(name);

        if (json_object_has_member(one, "default") || !value ||
            g_strcmp0(name, except) == 0)
            continue;
        g_string_append_printf(out, "%s\"%s\": %s", out->len > 1 ? ", " : "",
                               name, value);
    }
    if (more)
        g_string_append_printf(out, "%s%s", out->len > 1 ? ", " : "", more);
    g_string_append_c(out, '}');
    return g_string_free(out, FALSE);
}

/* The two commands that take settings have sequences of their own. */
static gboolean
command_is_elsewhere(const char *command)
{
    return g_str_has_prefix(command, "migrate-set-parameters") ||
           g_str_has_prefix(command, "migrate-set-capabilities");
}

/* These continue in the background, so the result of the next command
 * depends on timing. */
static gboolean
command_lasts(const char *command)
{
    return g_str_equal(command, "calc-dirty-rate");
}

/* These change a state that no query shows: the next sequence gets a new
 * guest. */
static void
command_finish(Differ *differ, const char *command, Sequence *sequence)
{
    static const char *const leaving[] = {
        "calc-dirty-rate", "migrate", "migrate-incoming", "qmp_capabilities",
        NULL,
    };
    g_auto(GStrv) words = g_strsplit(command, " ", 2);

    if (g_strv_contains(leaving, words[0]))
        sequence_set_fresh(sequence);
    differ_run(differ, sequence);
}

static void
command_argument(Differ *differ, const char *command, JsonArray *arguments,
                 const char *argument, PeerFlags flags)
{
    g_autofree char *name = g_strdup_printf("%s, %s", command, argument);
    g_autofree char *missing = command_with(arguments, argument, NULL);
    Sequence *sequence = sequence_new(name, flags);

    sequence_add(sequence, "%s %s", command, missing);
    for (gsize i = 0; differ_any_values[i]; i++) {
        g_autofree char *member = g_strdup_printf("\"%s\": %s", argument,
                                                  differ_any_values[i]);
        g_autofree char *all = command_with(arguments, argument, member);

        sequence_add(sequence, "%s {%s}", command, member);
        sequence_add(sequence, "%s %s", command, all);
    }
    command_finish(differ, command, sequence);
}

static void
command_forms(Differ *differ, const char *command, PeerFlags flags)
{
    JsonArray *arguments = facts_arguments(differ_facts(differ), command);
    Sequence *sequence = sequence_new(command, flags);

    sequence_add(sequence, "%s", command);
    for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
        sequence_add(sequence, "%s %s", command, forms[i]);
    if (arguments && !command_lasts(command)) {
        g_autofree char *all = command_with(arguments, NULL, NULL);
        g_autofree char *more =
            command_with(arguments, NULL, "\"nonsense\": 1");

        sequence_add(sequence, "%s %s", command, more);
        sequence_add(sequence, "%s %s", command, all);
        sequence_add(sequence, "%s %s", command, all);
    }
    sequence_add(sequence, "query-migrate");
    command_finish(differ, command, sequence);
    if (!arguments || command_is_elsewhere(command) || command_lasts(command))
        return;
    for (guint i = 0; i < json_array_get_length(arguments); i++) {
        if (!differ_takes(differ))
            continue;
        command_argument(differ, command, arguments,
                         mt_json_peek_string(
                             json_array_get_object_element(arguments, i),
                             "name"),
                         flags);
    }
}

/* Short sequences, each with its own guest. */
static const char *const single[] = {
    "nonsense",
    "nonsense {'a': 1}",
    "MIGRATE",
    "migrate-set-capability",
    "migrate_set_parameter",
    "migrate-cancel",
    "qmp_capabilities",
    "qmp_capabilities {'enable': []}",
    "qmp_capabilities {'enable': ['oob']}",
    "qmp_capabilities {'nonsense': 1}",
    "{'execute': 'query-status', 'id': 1}",
    "{'execute': 'query-status', 'id': 'x'}",
    "{'execute': 'query-status', 'id': {'a': [1]}}",
    "{'execute': 'query-status', 'id': null}",
    "{'execute': 'nonsense', 'id': 1}",
    "{'execute': 'query-status', 'nonsense': 1}",
    "{'execute': 'query-status', 'control': {}}",
    "{'execute': 5}",
    "{'execute': null}",
    "{'execute': ''}",
    "{'execute': ['query-status']}",
    "{'exec-oob': 'query-status'}",
    "{'exec-oob': 'migrate-pause'}",
    "{'execute': 'query-status', 'exec-oob': 'query-status'}",
    "{'id': 1}",
    "{}",
    "[]",
    "[{'execute': 'query-status'}]",
    "calc-dirty-rate",
    "calc-dirty-rate {'calc-time': 0}",
    "calc-dirty-rate {'calc-time': -1}",
    "calc-dirty-rate {'calc-time': 61}",
    "calc-dirty-rate {'calc-time': 60001}",
    "calc-dirty-rate {'calc-time': 'x'}",
    "calc-dirty-rate {'calc-time': null}",
    "calc-dirty-rate {'calc-time': 1.5}",
    "calc-dirty-rate {'calc-time': 9223372036854775808}",
    "calc-dirty-rate {'calc-time': 1, 'nonsense': 1}",
    "calc-dirty-rate {'calc-time': 1, 'sample-pages': 1}",
    "calc-dirty-rate {'calc-time': 1, 'sample-pages': 127}",
    "calc-dirty-rate {'calc-time': 1, 'sample-pages': 16385}",
    "calc-dirty-rate {'calc-time': 1, 'mode': 'nonsense'}",
    "calc-dirty-rate {'calc-time': 1, 'mode': 'dirty-ring'}",
    "calc-dirty-rate {'calc-time': 1, 'calc-time-unit': 'nonsense'}",
    "calc-dirty-rate {'calc-time': 49, 'calc-time-unit': 'millisecond'}",
    "query-dirty-rate {'calc-time-unit': 'millisecond'}",
    "query-dirty-rate {'calc-time-unit': 'nonsense'}",
    "client_migrate_info {'protocol': 'spice', 'hostname': 'h'}",
    "human-monitor-command",
    "human-monitor-command {'command-line': 'info migrate'}",
    "human-monitor-command {'command-line': 5}",
    "human-monitor-command {'command-line': 'info migrate', 'cpu-index': 0}",
    "human-monitor-command {'nonsense': 'info migrate'}",
    "migrate-continue {'state': 'active'}",
    "migrate-continue {'state': 'none'}",
    "migrate-continue {'state': 'nonsense'}",
    "migrate {'uri': 'nonsense'}",
    "migrate {'uri': 'nonsense:x'}",
    "migrate {'uri': 'tcp'}",
    "migrate {'uri': ''}",
    "migrate {'uri': '$SINK', 'resume': true}",
    "migrate {'uri': '$SINK', 'nonsense': true}",
    "migrate {'uri': '$SINK', 'detach': 1}",
    "migrate {'uri': '$SINK', 'blk': 'x'}",
    "migrate {'channels': 5}",
    "migrate {'channels': [5]}",
    "migrate {'channels': [{}]}",
    "migrate {'channels': [{'channel-type': 'nonsense'}]}",
    "migrate {'channels': [{'channel-type': 'main', 'addr': "
    "{'transport': 'nonsense'}}]}",
    "migrate {'channels': [{'channel-type': 'main', 'addr': "
    "{'transport': 'socket'}}]}",
    "migrate {'channels': [{'channel-type': 'main', 'addr': "
    "{'transport': 'socket', 'type': 'unix'}}]}",
    "migrate-incoming {'uri': 'nonsense'}",
    "migrate-incoming {'uri': 'nonsense:x'}",
    "migrate-incoming {'uri': ''}",
    "migrate-incoming {'uri': '$DST', 'nonsense': 1}",
    "migrate-recover {'uri': 'nonsense'}",
};

static void
command_singles(Differ *differ, PeerFlags flags)
{
    for (gsize i = 0; i < G_N_ELEMENTS(single); i++) {
        Sequence *sequence;

        if (!differ_takes(differ))
            continue;
        sequence = sequence_new(single[i], flags);
        sequence_add(sequence, "%s", single[i]);
        sequence_add(sequence, "query-migrate");
        sequence_add(sequence, "query-dirty-rate");
        sequence_add(sequence, "%s", single[i]);
        command_finish(differ, single[i], sequence);
    }
}

/* Run in this order. */
static const char *const chains[][8] = {
    { "stop", "query-status", "stop", "cont", "query-status", "cont" },
    { "migrate_cancel", "query-migrate", "migrate_cancel" },
    { "migrate-pause", "migrate-start-postcopy", "query-migrate" },
    { "migrate-incoming {'uri': '$DST'}", "query-migrate",
      "migrate-incoming {'uri': '$DST'}", "query-migrate", "query-status" },
    { "migrate-incoming {'uri': 'nonsense'}",
      "migrate-incoming {'uri': '$DST'}", "query-migrate" },
    { "migrate-incoming {'uri': '$DST'}", "cont", "query-status", "stop" },
    { "migrate_set_speed {'value': 5}", "migrate_set_speed {'value': -1}",
      "migrate_set_speed {'value': 1.5}",
      "migrate_set_speed {'value': 9223372036854775807}" },
    { "migrate_set_downtime {'value': 5}", "migrate_set_downtime {'value': -1}",
      "migrate_set_downtime {'value': 0.0004}",
      "migrate_set_downtime {'value': 2000}",
      "migrate_set_downtime {'value': 2000.1}",
      "migrate_set_downtime {'value': 1e300}" },
    { "migrate-set-cache-size {'value': 65536}", "query-migrate-cache-size",
      "migrate-set-cache-size {'value': 65537}", "query-migrate-cache-size",
      "migrate-set-cache-size {'value': -1}", "query-migrate-cache-size",
      "migrate-set-cache-size {'value': 1099511627776}",
      "query-migrate-cache-size" },
    { "quit" },
};

static void
command_chains(Differ *differ, PeerFlags flags)
{
    for (gsize i = 0; i < G_N_ELEMENTS(chains); i++) {
        g_autofree char *name = g_strdup_printf("chain %zu", i);
        Sequence *sequence = sequence_new(name, flags);

        for (gsize j = 0; j < G_N_ELEMENTS(chains[i]) && chains[i][j]; j++)
            sequence_add(sequence, "%s", chains[i][j]);
        sequence_set_fresh(sequence);
        differ_run(differ, sequence);
    }
}

void
differ_command_sequences(Differ *differ)
{
    static const PeerFlags flags[] = { 0, PEER_INCOMING, PEER_PAUSED };
    GPtrArray *commands = differ_facts(differ)->commands;

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        for (guint j = 0; j < commands->len; j++)
            command_forms(differ, commands->pdata[j], flags[i]);
        if (!(flags[i] & PEER_PAUSED))
            command_singles(differ, flags[i]);
        command_chains(differ, flags[i]);
    }
}
