/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The data from which sequences are made: the names that a real guest lists,
 * those of other releases from tests/data, and the schema.
 */
#include "config.h"

#include <string.h>

#include "differ.h"
#include "util/json-peek.h"
#include "util/json.h"

/* Queried in every release, whether it has them or not. query-block and the
 * like are missing: a reference guest has no devices. */
static const char *const commands[] = {
    "announce-self",
    "calc-dirty-rate",
    "cancel-vcpu-dirty-limit",
    "client_migrate_info",
    "cont",
    "migrate",
    "migrate-continue",
    "migrate-incoming",
    "migrate-pause",
    "migrate-recover",
    "migrate-set-cache-size",
    "migrate-set-capabilities",
    "migrate-set-parameters",
    "migrate-start-postcopy",
    "migrate_cancel",
    "migrate_set_downtime",
    "migrate_set_speed",
    "query-colo-status",
    "query-commands",
    "query-dirty-rate",
    "query-events",
    "query-migrate",
    "query-migrate-cache-size",
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-migrationthreads",
    "query-name",
    "query-qmp-schema",
    "query-status",
    "query-uuid",
    "query-vcpu-dirty-limit",
    "query-version",
    "set-vcpu-dirty-limit",
    "stop",
    "x-colo-lost-heartbeat",
};

static JsonNode *
facts_ask(Peer *peer, const char *command)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) texts = NULL;
    g_autoptr(Answer) answer = NULL;

    g_ptr_array_add(lines, g_strdup_printf("{\"execute\": \"%s\"}", command));
    peer_begin(peer, lines);
    texts = peer_end(peer);
    answer = answer_new(texts->pdata[0]);
    if (answer->kind != ANSWER_RETURN)
        g_error("QEMU, asked %s: %s", command, answer->text);
    return json_node_ref(answer->result);
}

static void
facts_learn_capabilities(Facts *facts, Peer *peer)
{
    g_autoptr(JsonNode) node = facts_ask(peer, "query-migrate-capabilities");
    JsonArray *all = json_node_get_array(node);
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < json_array_get_length(all); i++) {
        const char *name = json_object_get_string_member(
            json_array_get_object_element(all, i), "capability");

        g_ptr_array_add(facts->capabilities, g_strdup(name));
        g_string_append_printf(list,
                               "%s{\"capability\": \"%s\", \"state\": false}",
                               i ? ", " : "", name);
    }
    facts->set_back[0] = g_strdup_printf(
        "migrate-set-capabilities {\"capabilities\": [%s]}", list->str);
}

static void
facts_learn_parameters(Facts *facts, Peer *peer)
{
    g_autoptr(JsonNode) node = facts_ask(peer, "query-migrate-parameters");
    g_autofree char *line = mt_json_to_line(node);
    g_autoptr(GList) names = g_list_sort(
        json_object_get_members(json_node_get_object(node)),
        (GCompareFunc)strcmp);

    for (GList *name = names; name; name = name->next)
        g_ptr_array_add(facts->parameters, g_strdup(name->data));
    facts->set_back[1] = g_strdup_printf("migrate-set-parameters %s", line);
}

static JsonNode *
history_load(void)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "migration-history.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;
    JsonNode *history;

    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    history = mt_json_parse(text, length, &error);
    g_assert_no_error(error);
    return history;
}

/* The list @member of this release's record. */
static JsonArray *
history_own(const Facts *facts, const char *member)
{
    JsonArray *releases = json_object_get_array_member(
        json_node_get_object(facts->history), "releases");

    for (guint i = 0; i < json_array_get_length(releases); i++) {
        JsonObject *one = json_array_get_object_element(releases, i);

        if (g_str_equal(json_object_get_string_member(one, "release"),
                        facts->release))
            return json_object_get_array_member(one, member);
    }

    g_error("tests/data does not know QEMU %s", facts->release);
}

static gboolean
array_has(JsonArray *array, const char *name)
{
    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (g_str_equal(json_array_get_string_element(array, i), name))
            return TRUE;
    }

    return FALSE;
}

static gboolean
names_have(GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL);
}

/* A parameter that is not listed before it is set still belongs to this
 * release. */
static void
facts_learn_strangers(Facts *facts, const char *kind, GPtrArray *known)
{
    JsonArray *all = json_object_get_array_member(
        json_node_get_object(facts->history), kind);
    JsonArray *own = history_own(facts, kind);

    for (guint i = 0; i < json_array_get_length(all); i++) {
        const char *name = json_object_get_string_member(
            json_array_get_object_element(all, i), "name");

        if (!array_has(own, name))
            g_ptr_array_add(facts->strangers, g_strdup(name));
        else if (!names_have(known, name))
            g_ptr_array_add(known, g_strdup(name));
    }
}

Facts *
facts_new(const char *release, const char *dir)
{
    const PeerKind kind = { .release = release };
    Facts *facts = g_new0(Facts, 1);
    Peer *peer = peer_new(&kind, 0, dir);

    facts->release = g_strdup(release);
    facts->history = history_load();
    facts->capabilities = g_ptr_array_new_with_free_func(g_free);
    facts->parameters = g_ptr_array_new_with_free_func(g_free);
    facts->strangers = g_ptr_array_new_with_free_func(g_free);
    facts->commands = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        g_ptr_array_add(facts->commands, (char *)commands[i]);
    facts_learn_capabilities(facts, peer);
    facts_learn_parameters(facts, peer);
    facts_learn_strangers(facts, "capabilities", facts->capabilities);
    facts_learn_strangers(facts, "parameters", facts->parameters);
    facts->schema = facts_ask(peer, "query-qmp-schema");
    peer_free(peer);
    return facts;
}

void
facts_free(Facts *facts)
{
    if (!facts)
        return;

    g_free(facts->release);
    g_ptr_array_unref(facts->capabilities);
    g_ptr_array_unref(facts->parameters);
    g_ptr_array_unref(facts->strangers);
    g_ptr_array_unref(facts->commands);
    for (gsize i = 0; i < G_N_ELEMENTS(facts->set_back); i++)
        g_free(facts->set_back[i]);
    json_node_unref(facts->history);
    json_node_unref(facts->schema);
    g_free(facts);
}

JsonObject *
facts_parameter(const Facts *facts, const char *name)
{
    JsonArray *all = json_object_get_array_member(
        json_node_get_object(facts->history), "parameters");

    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);

        if (g_str_equal(json_object_get_string_member(one, "name"), name))
            return one;
    }

    return NULL;
}

static JsonObject *
schema_find(const Facts *facts, const char *name)
{
    JsonArray *all = json_node_get_array(facts->schema);

    for (guint i = 0; i < json_array_get_length(all); i++) {
        JsonObject *one = json_array_get_object_element(all, i);

        if (g_str_equal(json_object_get_string_member(one, "name"), name))
            return one;
    }

    return NULL;
}

JsonArray *
facts_arguments(const Facts *facts, const char *command)
{
    JsonObject *entry = schema_find(facts, command);
    const char *type = entry ? mt_json_peek_string(entry, "arg-type") : NULL;
    JsonObject *object = type ? schema_find(facts, type) : NULL;

    return object ? mt_json_peek_array(object, "members") : NULL;
}
