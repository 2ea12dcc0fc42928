/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU's monitor without a QEMU.
 *
 * The recorded file is an object: "greeting", then one member for every query
 * command with what it returned.  Of these, capabilities and parameters are
 * state that commands change; with the commands of the time before there was
 * a parameter for everything, what they set is kept beside them.  A member
 * "fake" of the file says what recording cannot show:
 *
 *     {"cache-size": BYTES, "speed": BYTES_PER_S, "downtime": SECONDS,
 *      "keeps-refused": BOOL, "refuses": [PARAMETER, ...]}
 */
#include "config.h"

#include <string.h>

#include "fake-qmp.h"
#include "migtune/migtune-error.h"
#include "qmp/message.h"
#include "util/json.h"

struct _FakeQmp {
    MtExec exec;                /* first member: tests cast one to the other */
    JsonObject *replies;        /* fixed at creation, shared, never changed */
    guint version;              /* 7.2 is 702 */
    int thread;                 /* of query-cpus-fast: one for each monitor */

    GMutex lock;                /* protects all members below */
    JsonObject *capabilities;   /* name: state */
    JsonObject *parameters;
    JsonObject *legacy;         /* values that only legacy commands set */
    char *name;
    char *uuid;
    GString *log;
    guint n_commands;
    guint delay_ms;
    guint fail_nth;
    char *fail_class;
    char *fail_desc;
    guint cut_nth;
    gboolean cut_after;
    gboolean keeps_refused;
    gboolean busy;
    GHashTable *ignored;
    GHashTable *refused;
    FakeQmpFunc hook;           /* called without the lock */
};

/* Exclusions and requirements, with the first release that has the rule and
 * the first that does not. */
static const struct {
    const char *name;
    const char *other;
    gboolean needs;
    guint since;
    guint until;
} fake_rules[] = {
    { "postcopy-ram", "compress", FALSE, 210, 500 },
    { "postcopy-ram", "x-ignore-shared", FALSE, 400, G_MAXUINT },
    { "postcopy-ram", "multifd", FALSE, 801, 1001 },
    { "postcopy-ram", "mapped-ram", FALSE, 900, G_MAXUINT },
    { "xbzrle", "multifd", FALSE, 802, G_MAXUINT },
    { "xbzrle", "compress", FALSE, 802, 901 },
    { "xbzrle", "zero-copy-send", FALSE, 701, G_MAXUINT },
    { "xbzrle", "mapped-ram", FALSE, 900, G_MAXUINT },
    { "auto-converge", "dirty-limit", FALSE, 801, G_MAXUINT },
    { "compress", "postcopy-preempt", FALSE, 702, 901 },
    { "compress", "multifd", FALSE, 702, 901 },
    { "compress", "zero-copy-send", FALSE, 701, 901 },
    { "compress", "mapped-ram", FALSE, 900, 901 },
    { "zero-copy-send", "multifd", TRUE, 701, G_MAXUINT },
    { "postcopy-preempt", "postcopy-ram", TRUE, 701, G_MAXUINT },
    { "switchover-ack", "return-path", TRUE, 801, G_MAXUINT },
    { "x-colo", "return-path", TRUE, 1100, G_MAXUINT },
};

/* A command that is being run; @error is the refusal, if any. */
typedef struct {
    FakeQmp *qmp;
    JsonObject *arguments;
    GError **error;
} FakeCall;

G_GNUC_PRINTF(2, 3)
static JsonNode *
fake_refuse(FakeCall *call, const char *format, ...)
{
    g_autofree char *desc = NULL;
    va_list args;

    va_start(args, format);
    desc = g_strdup_vprintf(format, args);
    va_end(args);
    *call->error = mt_message_refusal("", "GenericError", desc);

    return NULL;
}

/* Takes @object. */
static JsonNode *
fake_take(JsonObject *object)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, object);

    return node;
}

static JsonNode *
fake_nothing(void)
{
    return fake_take(json_object_new());
}

static JsonNode *
fake_query_capabilities(FakeCall *call)
{
    JsonArray *list = json_object_get_array_member(
        call->qmp->replies, "query-migrate-capabilities");
    JsonNode *result = json_node_new(JSON_NODE_ARRAY);
    JsonArray *array = json_array_new();

    /* Keeps the recorded order. */
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_object_new();
        const char *name = json_object_get_string_member(
            json_array_get_object_element(list, i), "capability");

        json_object_set_string_member(entry, "capability", name);
        json_object_set_boolean_member(
            entry, "state",
            json_object_get_boolean_member(call->qmp->capabilities, name));
        json_array_add_object_element(array, entry);
    }
    json_node_take_array(result, array);

    return result;
}

static gboolean
fake_capability(JsonObject *capabilities, const char *name)
{
    return json_object_has_member(capabilities, name) &&
        json_object_get_boolean_member(capabilities, name);
}

/* Returns NULL if this release allows the state. */
static char *
fake_conflict(FakeQmp *qmp, JsonObject *capabilities)
{
    for (gsize i = 0; i < G_N_ELEMENTS(fake_rules); i++) {
        if (qmp->version < fake_rules[i].since ||
            qmp->version >= fake_rules[i].until ||
            !fake_capability(capabilities, fake_rules[i].name) ||
            fake_capability(capabilities, fake_rules[i].other) ==
                fake_rules[i].needs)
            continue;
        return g_strdup_printf("%s %s %s", fake_rules[i].name,
                               fake_rules[i].needs ? "wants" : "excludes",
                               fake_rules[i].other);
    }

    return NULL;
}

static JsonObject *
fake_copy_object(JsonObject *object)
{
    g_autofree char *text = mt_json_object_to_line(object);

    return mt_json_parse_object(text, -1, NULL);
}

static JsonNode *
fake_set_capabilities(FakeCall *call)
{
    g_autoptr(JsonObject) next = fake_copy_object(call->qmp->capabilities);
    g_autofree char *conflict = NULL;
    JsonArray *list;

    if (!mt_json_get_array(call->arguments, "capabilities", &list, NULL))
        return fake_refuse(call, "capabilities is missing");
    if (call->qmp->busy)
        return fake_refuse(call, "a migration is in progress");
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonNode *node = json_array_get_element(list, i);
        const char *name;
        gboolean state;

        if (!JSON_NODE_HOLDS_OBJECT(node) ||
            !mt_json_get_string(json_node_get_object(node), "capability",
                                &name, NULL) ||
            !mt_json_get_bool(json_node_get_object(node), "state", &state,
                              NULL))
            return fake_refuse(call, "capabilities[%u] is wrong", i);
        if (!json_object_has_member(next, name))
            return fake_refuse(call, "no capability '%s'", name);
        json_object_set_boolean_member(next, name, state);
    }
    /* Before 2.10 QEMU refuses nothing here and switches postcopy off
     * silently. */
    if (call->qmp->version < 210 && fake_capability(next, "compress")) {
        static const char *const off[] = { "postcopy-ram", "x-postcopy-ram" };

        for (gsize i = 0; i < G_N_ELEMENTS(off); i++) {
            if (json_object_has_member(next, off[i]))
                json_object_set_boolean_member(next, off[i], FALSE);
        }
    }
    conflict = fake_conflict(call->qmp, next);
    if (!conflict || call->qmp->keeps_refused) {
        json_object_unref(call->qmp->capabilities);
        call->qmp->capabilities = g_steal_pointer(&next);
    }

    return conflict ? fake_refuse(call, "%s", conflict) : fake_nothing();
}

static JsonNode *
fake_query_parameters(FakeCall *call)
{
    return fake_take(fake_copy_object(call->qmp->parameters));
}

/* Parameters that a release has and does not list before they are set. */
static gboolean
fake_hidden_parameter(FakeQmp *qmp, const char *name)
{
    static const struct {
        const char *name;
        guint since;
    } hidden[] = {
        { "tls-creds", 208 },
        { "tls-hostname", 208 },
        { "tls-authz", 400 },
        { "block-bitmap-mapping", 502 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(hidden); i++) {
        if (strcmp(name, hidden[i].name) == 0)
            return qmp->version >= hidden[i].since;
    }

    return FALSE;
}

static JsonNode *
fake_check_parameter(FakeCall *call, const char *name)
{
    JsonNode *given = json_object_get_member(call->arguments, name);
    JsonNode *present = json_object_get_member(call->qmp->parameters, name);

    if (g_hash_table_contains(call->qmp->refused, name) ||
        (!present && !fake_hidden_parameter(call->qmp, name)))
        return fake_refuse(call, "no parameter '%s'", name);
    if (present && !JSON_NODE_HOLDS_NULL(given) &&
        strcmp(mt_json_type_name(given), mt_json_type_name(present)) != 0)
        return fake_refuse(call, "parameter '%s' wants %s", name,
                           mt_json_type_name(present));

    return NULL;
}

static JsonNode *
fake_set_parameters(FakeCall *call)
{
    g_autoptr(GList) members = json_object_get_members(call->arguments);

    for (GList *at = members; at; at = at->next) {
        fake_check_parameter(call, at->data);
        if (*call->error)
            return NULL;
    }
    for (GList *at = members; at; at = at->next) {
        if (!g_hash_table_contains(call->qmp->ignored, at->data))
            json_object_set_member(
                call->qmp->parameters, at->data,
                json_node_copy(json_object_get_member(call->arguments,
                                                      at->data)));
    }

    return fake_nothing();
}

/* Stores the value as the parameter if the release has it, else separately. */
static void
fake_store(FakeQmp *qmp, const char *parameter, gint64 value)
{
    if (json_object_has_member(qmp->parameters, parameter))
        json_object_set_int_member(qmp->parameters, parameter, value);
    else
        json_object_set_int_member(qmp->legacy, parameter, value);
}

static JsonNode *
fake_set_cache_size(FakeCall *call)
{
    gint64 value;
    gint64 rounded = 4096;

    if (!mt_json_get_int64(call->arguments, "value", &value, NULL))
        return fake_refuse(call, "value is missing");
    if (value < 4096)
        return fake_refuse(call, "the cache is smaller than a page");
    while (rounded <= value / 2)
        rounded *= 2;
    if (rounded != value && call->qmp->version >= 211)
        return fake_refuse(call, "the cache is not a power of two");
    fake_store(call->qmp, "xbzrle-cache-size", rounded);

    return fake_nothing();
}

static JsonNode *
fake_query_cache_size(FakeCall *call)
{
    JsonObject *from =
        json_object_has_member(call->qmp->parameters, "xbzrle-cache-size")
        ? call->qmp->parameters : call->qmp->legacy;

    return json_node_init_int(
        json_node_alloc(),
        json_object_get_int_member(from, "xbzrle-cache-size"));
}

static JsonNode *
fake_set_speed(FakeCall *call)
{
    gint64 value;

    if (!mt_json_get_int64(call->arguments, "value", &value, NULL))
        return fake_refuse(call, "value is missing");
    if (value < 0 && call->qmp->version >= 208 && call->qmp->version < 212)
        return fake_refuse(call, "value is negative");
    if (call->qmp->version < 208)
        value = MAX(value, 0);
    fake_store(call->qmp, "max-bandwidth", value);

    return fake_nothing();
}

static JsonNode *
fake_set_downtime(FakeCall *call)
{
    JsonNode *node = json_object_get_member(call->arguments, "value");
    double seconds;

    if (!node || (json_node_get_value_type(node) != G_TYPE_INT64 &&
                  json_node_get_value_type(node) != G_TYPE_DOUBLE))
        return fake_refuse(call, "value is missing");
    seconds = json_node_get_value_type(node) == G_TYPE_INT64
        ? (double)json_node_get_int(node) : json_node_get_double(node);
    if (call->qmp->version < 208)
        seconds = CLAMP(seconds, 0, 9e12);
    else if (!(seconds >= 0 && seconds <= 2000))
        return fake_refuse(call, "value is out of range");
    fake_store(call->qmp, "downtime-limit", (gint64)(seconds * 1000));

    return fake_nothing();
}

static JsonNode *
fake_query_name(FakeCall *call)
{
    JsonObject *object = json_object_new();

    if (call->qmp->name)
        json_object_set_string_member(object, "name", call->qmp->name);

    return fake_take(object);
}

static JsonNode *
fake_query_uuid(FakeCall *call)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(
        object, "UUID", call->qmp->uuid
        ? call->qmp->uuid : "00000000-0000-0000-0000-000000000000");

    return fake_take(object);
}

static JsonNode *
fake_query_cpus(FakeCall *call)
{
    JsonNode *result = json_node_new(JSON_NODE_ARRAY);
    JsonArray *cpus = json_array_new();
    JsonObject *cpu = json_object_new();

    json_object_set_int_member(cpu, "cpu-index", 0);
    json_object_set_string_member(cpu, "qom-path",
                                  "/machine/unattached/device[0]");
    json_object_set_int_member(cpu, "thread-id", call->qmp->thread);
    json_array_add_object_element(cpus, cpu);
    json_node_take_array(result, cpus);

    return result;
}

static const struct {
    const char *name;
    JsonNode *(*run)(FakeCall *call);
} fake_commands[] = {
    { "migrate-set-cache-size", fake_set_cache_size },
    { "migrate-set-capabilities", fake_set_capabilities },
    { "migrate-set-parameters", fake_set_parameters },
    { "migrate_set_downtime", fake_set_downtime },
    { "migrate_set_speed", fake_set_speed },
    { "query-cpus-fast", fake_query_cpus },
    { "query-migrate-cache-size", fake_query_cache_size },
    { "query-migrate-capabilities", fake_query_capabilities },
    { "query-migrate-parameters", fake_query_parameters },
    { "query-name", fake_query_name },
    { "query-uuid", fake_query_uuid },
};

static gboolean
fake_has_command(FakeQmp *qmp, const char *name)
{
    JsonArray *list = json_object_get_array_member(qmp->replies,
                                                   "query-commands");

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);

        if (strcmp(json_object_get_string_member(entry, "name"), name) == 0)
            return TRUE;
    }

    return FALSE;
}

/* Runs one command with the lock held. Returns the text of the error. */
static JsonNode *
fake_run(FakeQmp *qmp, const char *name, JsonObject *arguments,
         GError **error)
{
    g_autoptr(JsonObject) none = json_object_new();
    FakeCall call = { qmp, arguments ? arguments : none, error };
    JsonNode *recorded;

    if (!fake_has_command(qmp, name)) {
        *error = mt_message_refusal(name, "CommandNotFound",
                                    "there is no such command");
        return NULL;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(fake_commands); i++) {
        if (strcmp(fake_commands[i].name, name) == 0)
            return fake_commands[i].run(&call);
    }
    recorded = json_object_get_member(qmp->replies, name);
    if (qmp->busy && strcmp(name, "query-migrate") == 0) {
        JsonObject *active = json_object_new();

        json_object_set_string_member(active, "status", "active");
        return fake_take(active);
    }

    return recorded ? json_node_copy(recorded) : fake_nothing();
}

static JsonObject *
fake_error_reply(const char *error_class, const char *error_desc)
{
    JsonObject *reply = json_object_new();
    JsonObject *body = json_object_new();

    json_object_set_string_member(body, "class", error_class);
    json_object_set_string_member(body, "desc", error_desc);
    json_object_set_object_member(reply, "error", body);

    return reply;
}

/* Call with the lock held. */
static FakeOutcome
fake_answer(FakeQmp *qmp, const char *name, JsonObject *arguments,
            JsonObject **ret_reply)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *line = arguments ? mt_json_object_to_line(arguments)
        : g_strdup("");
    JsonNode *result;
    guint nth = ++qmp->n_commands;

    g_string_append_printf(qmp->log, "%s%s%s\n", name, arguments ? " " : "",
                           line);
    if (nth == qmp->cut_nth && !qmp->cut_after)
        return FAKE_CUT;
    if (nth == qmp->fail_nth) {
        *ret_reply = fake_error_reply(qmp->fail_class, qmp->fail_desc);
        return FAKE_ANSWER;
    }

    result = fake_run(qmp, name, arguments, &error);
    if (nth == qmp->cut_nth) {
        g_clear_pointer(&result, json_node_unref);
        return FAKE_CUT;
    }
    if (result) {
        *ret_reply = json_object_new();
        json_object_set_member(*ret_reply, "return", result);
    } else {
        *ret_reply = fake_error_reply(
            migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_QEMU_CLASS),
            migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_QEMU_DESC));
    }

    return FAKE_ANSWER;
}

FakeOutcome
fake_qmp_answer(FakeQmp *qmp, JsonObject *command, JsonObject **ret_reply)
{
    JsonNode *id = json_object_get_member(command, "id");
    JsonObject *arguments = NULL;
    const char *name = NULL;
    FakeOutcome outcome = FAKE_ANSWER;
    FakeQmpFunc hook;
    guint delay_ms;

    g_mutex_lock(&qmp->lock);
    delay_ms = qmp->delay_ms;
    hook = qmp->hook;
    g_mutex_unlock(&qmp->lock);
    if (delay_ms)
        g_usleep(delay_ms * 1000UL);

    if (!mt_json_get_string(command, "execute", &name, NULL) ||
        !mt_json_opt_object(command, "arguments", &arguments, NULL)) {
        *ret_reply = fake_error_reply("GenericError", "not a command");
    } else if (strcmp(name, "qmp_capabilities") == 0) {
        *ret_reply = json_object_new();
        json_object_set_member(*ret_reply, "return", fake_nothing());
    } else {
        g_mutex_lock(&qmp->lock);
        outcome = fake_answer(qmp, name, arguments, ret_reply);
        g_mutex_unlock(&qmp->lock);
        if (hook)
            hook(qmp, name);
    }
    if (outcome == FAKE_ANSWER && id)
        json_object_set_member(*ret_reply, "id", json_node_copy(id));

    return outcome;
}

static gboolean
fake_exec_one(FakeQmp *qmp, MtCommand *command)
{
    g_autoptr(JsonObject) request = json_object_new();
    g_autoptr(JsonObject) reply = NULL;
    JsonObject *body;

    json_object_set_string_member(request, "execute", command->name);
    if (command->arguments)
        json_object_set_object_member(request, "arguments",
                                      json_object_ref(command->arguments));
    if (fake_qmp_answer(qmp, request, &reply) == FAKE_CUT)
        return FALSE;

    command->answered = TRUE;
    if (json_object_has_member(reply, "return")) {
        command->result = json_node_ref(json_object_get_member(reply,
                                                               "return"));
    } else {
        body = json_object_get_object_member(reply, "error");
        command->error = mt_message_refusal(
            command->name, json_object_get_string_member(body, "class"),
            json_object_get_string_member(body, "desc"));
    }

    return TRUE;
}

static gboolean
fake_exec_run(MtExec *exec, MtCommand *commands, guint n_commands,
              GCancellable *cancellable, GError **error)
{
    for (guint i = 0; i < n_commands; i++) {
        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "cancelled");
            return FALSE;
        }
        if (!fake_exec_one((FakeQmp *)exec, &commands[i])) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "the link was cut at %s", commands[i].name);
            return FALSE;
        }
    }

    return TRUE;
}

static gboolean
fake_exec_reconnect(MtExec *exec, GCancellable *cancellable, GError **error)
{
    if (!g_cancellable_is_cancelled(cancellable))
        return TRUE;
    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "cancelled");

    return FALSE;
}

MtExec *
fake_qmp_exec(FakeQmp *qmp)
{
    return &qmp->exec;
}

static guint
fake_version(JsonObject *replies)
{
    JsonObject *greeting = json_object_get_object_member(replies, "greeting");
    JsonObject *qmp = json_object_get_object_member(greeting, "QMP");
    JsonObject *version = json_object_get_object_member(qmp, "version");
    JsonObject *qemu = json_object_get_object_member(version, "qemu");

    return json_object_get_int_member(qemu, "major") * 100 +
        json_object_get_int_member(qemu, "minor");
}

/* Reads the member "fake" of the file. */
static void
fake_read_extra(FakeQmp *qmp)
{
    JsonObject *extra = NULL;
    JsonArray *refuses = NULL;

    if (!mt_json_opt_object(qmp->replies, "fake", &extra, NULL) || !extra)
        return;

    for (guint i = 0; i < 3; i++) {
        static const char *const names[] = {
            "xbzrle-cache-size", "max-bandwidth", "downtime-limit",
        };

        if (json_object_has_member(extra, names[i]))
            json_object_set_int_member(
                qmp->legacy, names[i],
                json_object_get_int_member(extra, names[i]));
    }
    mt_json_opt_bool(extra, "keeps-refused", &qmp->keeps_refused, NULL);
    mt_json_opt_array(extra, "refuses", &refuses, NULL);
    for (guint i = 0; refuses && i < json_array_get_length(refuses); i++)
        g_hash_table_add(qmp->refused, g_strdup(
            json_array_get_string_element(refuses, i)));
}

static FakeQmp *
fake_new(JsonObject *replies)
{
    static gint n_monitors;
    FakeQmp *qmp = g_new0(FakeQmp, 1);
    JsonArray *list = json_object_get_array_member(
        replies, "query-migrate-capabilities");
    JsonObject *name = NULL;
    const char *text = NULL;

    g_mutex_init(&qmp->lock);
    qmp->exec.run = fake_exec_run;
    qmp->exec.reconnect = fake_exec_reconnect;
    qmp->replies = json_object_ref(replies);
    qmp->version = fake_version(replies);
    qmp->thread = 1000 + g_atomic_int_add(&n_monitors, 1);
    qmp->log = g_string_new(NULL);
    qmp->ignored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         NULL);
    qmp->refused = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         NULL);
    qmp->parameters = fake_copy_object(
        json_object_get_object_member(replies, "query-migrate-parameters"));
    qmp->legacy = json_object_new();
    qmp->capabilities = json_object_new();
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);

        json_object_set_boolean_member(
            qmp->capabilities,
            json_object_get_string_member(entry, "capability"),
            json_object_get_boolean_member(entry, "state"));
    }
    if (mt_json_opt_object(replies, "query-name", &name, NULL) && name &&
        mt_json_opt_string(name, "name", &text, NULL))
        qmp->name = g_strdup(text);
    if (qmp->version >= 500 && qmp->version < 900) {
        fake_qmp_ignore(qmp, "multifd-zlib-level");
        fake_qmp_ignore(qmp, "multifd-zstd-level");
    }
    fake_read_extra(qmp);

    return qmp;
}

FakeQmp *
fake_qmp_new(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) replies = NULL;
    g_autofree char *file = NULL;
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (strchr(name, '/')) {
        path = g_strdup(name);
    } else {
        if (!g_getenv("MIGTUNE_TEST_DATA"))
            g_error("MIGTUNE_TEST_DATA does not say where tests/data is");
        file = g_strconcat(name, ".json", NULL);
        path = g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), "replies",
                                file, NULL);
    }
    if (g_file_get_contents(path, &text, &length, &error))
        replies = mt_json_parse_object(text, length, &error);
    if (!replies)
        g_error("%s: %s", path, error->message);

    return fake_new(replies);
}

FakeQmp *
fake_qmp_new_like(FakeQmp *model)
{
    return fake_new(model->replies);
}

void
fake_qmp_free(FakeQmp *qmp)
{
    if (!qmp)
        return;

    json_object_unref(qmp->replies);
    json_object_unref(qmp->capabilities);
    json_object_unref(qmp->parameters);
    json_object_unref(qmp->legacy);
    g_hash_table_unref(qmp->ignored);
    g_hash_table_unref(qmp->refused);
    g_string_free(qmp->log, TRUE);
    g_free(qmp->name);
    g_free(qmp->uuid);
    g_free(qmp->fail_class);
    g_free(qmp->fail_desc);
    g_mutex_clear(&qmp->lock);
    g_free(qmp);
}

void
fake_qmp_set_identity(FakeQmp *qmp, const char *name, const char *uuid)
{
    g_mutex_lock(&qmp->lock);
    g_free(qmp->name);
    qmp->name = g_strdup(name);
    g_free(qmp->uuid);
    qmp->uuid = g_strdup(uuid);
    g_mutex_unlock(&qmp->lock);
}

char *
fake_qmp_dump(FakeQmp *qmp)
{
    g_autofree char *capabilities = NULL;
    g_autofree char *parameters = NULL;
    g_autofree char *legacy = NULL;

    g_mutex_lock(&qmp->lock);
    capabilities = mt_json_object_to_line(qmp->capabilities);
    parameters = mt_json_object_to_line(qmp->parameters);
    legacy = mt_json_object_to_line(qmp->legacy);
    g_mutex_unlock(&qmp->lock);

    return g_strdup_printf("capabilities %s\nparameters %s\nlegacy %s\n",
                           capabilities, parameters, legacy);
}

void
fake_qmp_set_parameter(FakeQmp *qmp, const char *name, JsonNode *value)
{
    g_mutex_lock(&qmp->lock);
    json_object_set_member(qmp->parameters, name, value);
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_set_capability(FakeQmp *qmp, const char *name, gboolean on)
{
    g_mutex_lock(&qmp->lock);
    json_object_set_boolean_member(qmp->capabilities, name, on);
    g_mutex_unlock(&qmp->lock);
}

guint
fake_qmp_n_commands(FakeQmp *qmp)
{
    guint n;

    g_mutex_lock(&qmp->lock);
    n = qmp->n_commands;
    g_mutex_unlock(&qmp->lock);

    return n;
}

void
fake_qmp_reset_count(FakeQmp *qmp)
{
    g_mutex_lock(&qmp->lock);
    qmp->n_commands = 0;
    g_string_truncate(qmp->log, 0);
    g_mutex_unlock(&qmp->lock);
}

char *
fake_qmp_log(FakeQmp *qmp)
{
    char *log;

    g_mutex_lock(&qmp->lock);
    log = g_strdup(qmp->log->str);
    g_mutex_unlock(&qmp->lock);

    return log;
}

void
fake_qmp_fail_nth_with(FakeQmp *qmp, guint nth, const char *error_class,
                       const char *error_desc)
{
    g_mutex_lock(&qmp->lock);
    qmp->fail_nth = nth;
    g_free(qmp->fail_class);
    qmp->fail_class = g_strdup(error_class);
    g_free(qmp->fail_desc);
    qmp->fail_desc = g_strdup(error_desc);
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_fail_nth(FakeQmp *qmp, guint nth)
{
    fake_qmp_fail_nth_with(qmp, nth, "GenericError", "refused by the test");
}

void
fake_qmp_cut_nth(FakeQmp *qmp, guint nth, gboolean after)
{
    g_mutex_lock(&qmp->lock);
    qmp->cut_nth = nth;
    qmp->cut_after = after;
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_set_delay(FakeQmp *qmp, guint ms)
{
    g_mutex_lock(&qmp->lock);
    qmp->delay_ms = ms;
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_set_hook(FakeQmp *qmp, FakeQmpFunc func)
{
    g_mutex_lock(&qmp->lock);
    qmp->hook = func;
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_ignore(FakeQmp *qmp, const char *name)
{
    g_mutex_lock(&qmp->lock);
    g_hash_table_add(qmp->ignored, g_strdup(name));
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_set_keeps_refused(FakeQmp *qmp, gboolean keeps)
{
    g_mutex_lock(&qmp->lock);
    qmp->keeps_refused = keeps;
    g_mutex_unlock(&qmp->lock);
}

void
fake_qmp_set_busy(FakeQmp *qmp, gboolean busy)
{
    g_mutex_lock(&qmp->lock);
    qmp->busy = busy;
    g_mutex_unlock(&qmp->lock);
}

char *
fake_qmp_greeting(FakeQmp *qmp)
{
    return mt_json_object_to_line(
        json_object_get_object_member(qmp->replies, "greeting"));
}
