/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of a guest: TLS credentials and the lists of accepted clients,
 * with object-add, object-del, qom-list and qom-get.
 *
 * Until 5.2 the monitor does not check the properties of an object, and they may
 * be in the member 'props'.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/json-peek.h"

#define OBJECTS_PATH "/objects"

/* A source ends its TLS sessions with an alert since this release. */
#define CLEAN_END_SINCE MT_RELEASE(10, 0)

/* The id of an object must be an identifier: 5.2 accepts any, 7.2 does not. */
#define ID_CHECKED_SINCE MT_RELEASE(6, 0)

/* A TLS handshake fails after this time without progress. */
#define HANDSHAKE_MS 30000

typedef struct {
    gboolean allow;
    gboolean glob;
    char *match;
} AuthzRule;

/* The rules of an object authz-*; they outlive the object while a migration uses
 * them. */
typedef struct {
    int refs;
    gboolean allow;             /* if no rule matches */
    GArray *rules;              /* AuthzRule */
} Authz;

typedef struct {
    char *id;
    const char *type;
    JsonObject *properties;
    MtTlsCreds *creds;          /* tls-creds-*, else NULL */
    Authz *authz;               /* authz-*, else NULL */
} RefObject;

static void
authz_rule_clear(gpointer data)
{
    AuthzRule *rule = data;

    g_free(rule->match);
}

static Authz *
authz_new(gboolean allow)
{
    Authz *authz = g_new0(Authz, 1);

    authz->refs = 1;
    authz->allow = allow;
    authz->rules = g_array_new(FALSE, TRUE, sizeof(AuthzRule));
    g_array_set_clear_func(authz->rules, authz_rule_clear);
    return authz;
}

static void
authz_unref(gpointer data)
{
    Authz *authz = data;

    if (!authz || !g_atomic_int_dec_and_test(&authz->refs))
        return;

    g_array_unref(authz->rules);
    g_free(authz);
}

static void
authz_add(Authz *authz, const char *match, gboolean glob, gboolean allow)
{
    AuthzRule rule = {
        .allow = allow, .glob = glob, .match = g_strdup(match),
    };

    g_array_append_val(authz->rules, rule);
}

/* The first rule that matches decides. */
static gboolean
authz_allows(const char *identity, gpointer data)
{
    const Authz *authz = data;

    for (guint i = 0; i < authz->rules->len; i++) {
        const AuthzRule *rule = &g_array_index(authz->rules, AuthzRule, i);

        if (rule->glob ? g_pattern_match_simple(rule->match, identity) :
            strcmp(rule->match, identity) == 0)
            return rule->allow;
    }
    return authz->allow;
}

static void
object_free(gpointer data)
{
    RefObject *object = data;

    mt_tls_creds_unref(object->creds);
    authz_unref(object->authz);
    json_object_unref(object->properties);
    g_free(object->id);
    g_free(object);
}

void
mt_ref_guest_init_objects(MtRefGuest *g)
{
    g->objects = g_ptr_array_new_with_free_func(object_free);
}

static RefObject *
objects_find(MtRefGuest *g, const char *id)
{
    for (guint i = 0; i < g->objects->len; i++) {
        RefObject *object = g_ptr_array_index(g->objects, i);

        if (strcmp(object->id, id) == 0)
            return object;
    }
    return NULL;
}

/* ---- TLS credentials ---- */

static gboolean
creds_make(RefObject *object, MtTlsKind kind, MtRefRefusal *refusal)
{
    JsonObject *properties = object->properties;
    const char *endpoint = mt_json_peek_string(properties, "endpoint");
    MtTlsCredsSpec spec = {
        .kind = kind,
        .server = g_strcmp0(endpoint, "server") == 0,
        .verify_peer = TRUE,
        .dir = mt_json_peek_string(properties, "dir"),
        .username = mt_json_peek_string(properties, "username"),
        .priority = mt_json_peek_string(properties, "priority"),
    };
    g_autoptr(GError) error = NULL;

    mt_json_peek_bool(properties, "verify-peer", &spec.verify_peer);
    if (json_object_has_member(properties, "passwordid"))
        return mt_ref_refuse(refusal, "A reference guest does not support "
                             "encrypted keys ('passwordid')");
    object->creds = mt_tls_creds_new(&spec, &error);
    return object->creds || mt_ref_refuse(refusal, "%s", error->message);
}

static gboolean
make_anon(RefObject *object, MtRefRefusal *refusal)
{
    return creds_make(object, MT_TLS_ANON, refusal);
}

static gboolean
make_psk(RefObject *object, MtRefRefusal *refusal)
{
    return creds_make(object, MT_TLS_PSK, refusal);
}

static gboolean
make_x509(RefObject *object, MtRefRefusal *refusal)
{
    return creds_make(object, MT_TLS_X509, refusal);
}

/* ---- authorization ---- */

static gboolean
make_authz_simple(RefObject *object, MtRefRefusal *refusal)
{
    const char *identity = mt_json_peek_string(object->properties,
                                               "identity");

    if (!identity)
        return mt_ref_refuse(refusal, "Parameter 'identity' is missing");
    object->authz = authz_new(FALSE);
    authz_add(object->authz, identity, FALSE, TRUE);
    return TRUE;
}

static gboolean
make_authz_list(RefObject *object, MtRefRefusal *refusal)
{
    const char *policy = mt_json_peek_string(object->properties, "policy");
    JsonArray *rules = mt_json_peek_array(object->properties, "rules");

    object->authz = authz_new(g_strcmp0(policy, "allow") == 0);
    for (guint i = 0; rules && i < json_array_get_length(rules); i++) {
        JsonNode *node = json_array_get_element(rules, i);
        JsonObject *rule = JSON_NODE_HOLDS_OBJECT(node) ?
            json_node_get_object(node) : NULL;
        const char *match = rule ? mt_json_peek_string(rule, "match") : NULL;

        if (!match)
            return mt_ref_refuse(refusal, "Parameter 'match' is missing");
        authz_add(object->authz, match,
                  g_strcmp0(mt_json_peek_string(rule, "format"), "glob") == 0,
                  g_strcmp0(mt_json_peek_string(rule, "policy"),
                            "allow") == 0);
    }
    return TRUE;
}

static const struct {
    const char *type;
    gboolean (*make)(RefObject *object, MtRefRefusal *refusal);
} makers[] = {
    { "authz-list", make_authz_list },
    { "authz-simple", make_authz_simple },
    { "tls-creds-anon", make_anon },
    { "tls-creds-psk", make_psk },
    { "tls-creds-x509", make_x509 },
};

/* ---- commands ---- */

/* A letter, then letters, digits and - . _ */
static gboolean
objects_check_id(const char *id, MtRefRefusal *refusal)
{
    gboolean ok = g_ascii_isalpha(*id);

    for (const char *p = id; *p && ok; p++)
        ok = g_ascii_isalnum(*p) || strchr("-._", *p);
    return ok || mt_ref_refuse(refusal, "Parameter 'id' expects an "
                               "identifier");
}

static gboolean
objects_make(RefObject *object, const char *type, MtRefRefusal *refusal)
{
    for (guint i = 0; i < G_N_ELEMENTS(makers); i++) {
        if (strcmp(type, makers[i].type) != 0)
            continue;
        object->type = makers[i].type;
        return makers[i].make(object, refusal);
    }
    return mt_ref_refuse(refusal, "invalid object type: %s", type);
}

gboolean
mt_ref_run_object_add(MtRefGuest *g, JsonObject *arguments,
                      JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *type = mt_json_peek_string(arguments, "qom-type");
    const char *id = mt_json_peek_string(arguments, "id");
    JsonObject *props = mt_json_peek_object(arguments, "props");
    RefObject *object;

    if (!type || !id)
        return mt_ref_refuse(refusal, "Parameter '%s' is missing",
                             type ? "id" : "qom-type");
    if (mt_ref_profile_release(g->profile) >= ID_CHECKED_SINCE &&
        !objects_check_id(id, refusal))
        return FALSE;
    if (objects_find(g, id))
        return mt_ref_refuse(refusal, "attempt to add duplicate property '%s' "
                             "to object (type 'container')", id);

    object = g_new0(RefObject, 1);
    object->id = g_strdup(id);
    object->properties = json_object_ref(props ? props : arguments);
    if (!objects_make(object, type, refusal)) {
        object_free(object);
        return FALSE;
    }
    g_ptr_array_add(g->objects, object);
    return TRUE;
}

gboolean
mt_ref_run_object_del(MtRefGuest *g, JsonObject *arguments,
                      JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *id = mt_json_peek_string(arguments, "id");
    RefObject *object = id ? objects_find(g, id) : NULL;

    if (!object)
        return mt_ref_refuse(refusal, "object '%s' not found", id ? id : "");
    g_ptr_array_remove(g->objects, object);
    return TRUE;
}

static gboolean
qom_refuse_path(MtRefRefusal *refusal, const char *path)
{
    mt_ref_refuse(refusal, "Device '%s' not found", path);
    refusal->error_class = "DeviceNotFound";
    return FALSE;
}

static void
qom_list_add(JsonArray *list, const char *name, const char *type)
{
    JsonObject *entry = json_object_new();

    json_object_set_string_member(entry, "name", name);
    json_object_set_string_member(entry, "type", type);
    json_array_add_object_element(list, entry);
}

/* Of the tree of objects, only /objects exists. */
gboolean
mt_ref_run_qom_list(MtRefGuest *g, JsonObject *arguments,
                    JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *path = mt_json_peek_string(arguments, "path");
    JsonArray *list;

    if (g_strcmp0(path, OBJECTS_PATH) != 0)
        return qom_refuse_path(refusal, path ? path : "");

    list = json_array_new();
    qom_list_add(list, "type", "string");
    for (guint i = 0; i < g->objects->len; i++) {
        const RefObject *object = g_ptr_array_index(g->objects, i);
        g_autofree char *type = g_strdup_printf("child<%s>", object->type);

        qom_list_add(list, object->id, type);
    }
    *ret_result = mt_json_node_new_array(list);
    return TRUE;
}

/* Values of properties that were not set. */
static const struct {
    const char *type;           /* prefix */
    const char *property;
    const char *text;           /* NULL: @on */
    gboolean on;
} qom_defaults[] = {
    { "tls-creds-", "endpoint", "client" },
    { "tls-creds-", "dir", "" },
    { "tls-creds-", "priority", "" },
    { "tls-creds-", "verify-peer", NULL, TRUE },
    { "tls-creds-x509", "sanity-check", NULL, TRUE },
    { "tls-creds-psk", "username", "" },
    { "authz-list", "policy", "deny" },
};

static JsonNode *
object_get(const RefObject *object, const char *property)
{
    JsonNode *node = json_object_get_member(object->properties, property);

    if (strcmp(property, "type") == 0)
        return json_node_init_string(json_node_alloc(), object->type);
    if (node && strcmp(property, "qom-type") != 0 &&
        strcmp(property, "id") != 0)
        return json_node_copy(node);
    for (guint i = 0; i < G_N_ELEMENTS(qom_defaults); i++) {
        if (!g_str_has_prefix(object->type, qom_defaults[i].type) ||
            strcmp(property, qom_defaults[i].property) != 0)
            continue;
        node = json_node_alloc();
        return qom_defaults[i].text ?
            json_node_init_string(node, qom_defaults[i].text) :
            json_node_init_boolean(node, qom_defaults[i].on);
    }
    return NULL;
}

gboolean
mt_ref_run_qom_get(MtRefGuest *g, JsonObject *arguments,
                   JsonNode **ret_result, MtRefRefusal *refusal)
{
    const char *path = mt_json_peek_string(arguments, "path");
    const char *property = mt_json_peek_string(arguments, "property");
    const char *id = path && g_str_has_prefix(path, OBJECTS_PATH "/") ?
        path + strlen(OBJECTS_PATH "/") : "";
    const RefObject *object = objects_find(g, id);

    if (!object)
        return qom_refuse_path(refusal, path ? path : "");
    *ret_result = object_get(object, property ? property : "");
    return *ret_result ||
           mt_ref_refuse(refusal, "Property '%s.%s' not found", object->type,
                         property);
}

/* ---- migrations ---- */

/* The credentials that the parameter tls-creds names; NULL with @refusal. */
static MtTlsCreds *
objects_get_creds(MtRefGuest *g, const char *id, gboolean incoming,
                  MtRefRefusal *refusal)
{
    const RefObject *object = objects_find(g, id);

    if (!object)
        mt_ref_refuse(refusal, "No TLS credentials with id '%s'", id);
    else if (!object->creds)
        mt_ref_refuse(refusal, "Object with id '%s' is not TLS credentials",
                      id);
    else if (mt_tls_creds_is_server(object->creds) != incoming)
        mt_ref_refuse(refusal, "Expected TLS credentials for a %s endpoint",
                      incoming ? "server" : "client");
    else
        return object->creds;
    return NULL;
}

/* Without the object that the parameter names, no source is allowed. */
static void
objects_set_authz(MtRefGuest *g, const char *id, MtTls *tls)
{
    const RefObject *object = objects_find(g, id);
    Authz *authz;

    if (object && object->authz) {
        authz = object->authz;
        g_atomic_int_inc(&authz->refs);
    } else {
        authz = authz_new(FALSE);
    }
    mt_tls_set_allow(tls, authz_allows, authz, authz_unref);
}

static const char *
objects_parameter(MtRefGuest *g, MtParamId id)
{
    const char *text =
        mt_ref_profile_row(g->profile, mt_row(id)) == MT_REF_ABSENT ? NULL :
        mt_ref_tunables_text(g->tunables, id);

    return text && *text ? text : NULL;
}

gboolean
mt_ref_guest_set_tls(MtRefGuest *g, MtTransport *transport, gboolean incoming,
                     MtRefRefusal *refusal)
{
    const char *id = objects_parameter(g, MT_PARAM_TLS_CREDS);
    const char *authz = objects_parameter(g, MT_PARAM_TLS_AUTHZ);
    MtRelease release = mt_ref_profile_release(g->profile);
    MtRelease machine = mt_ref_machine_release(g->spec->machine);
    g_autoptr(MtTls) tls = NULL;
    MtTlsCreds *creds;

    if (!id || mt_transport_is_file(transport))
        return TRUE;
    creds = objects_get_creds(g, id, incoming, refusal);
    if (!creds)
        return FALSE;

    tls = mt_tls_new(creds, objects_parameter(g, MT_PARAM_TLS_HOSTNAME),
                     (machine ? MIN(machine, release) : release) >=
                     CLEAN_END_SINCE);
    if (incoming && authz)
        objects_set_authz(g, authz, tls);
    mt_transport_set_tls(transport, tls, HANDSHAKE_MS);
    return TRUE;
}
