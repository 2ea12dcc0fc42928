/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains: asking one guest.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "probe/cache.h"
#include "util/i18n.h"
#include "util/json-peek.h"

#define DOMAIN_OF(e) \
    ((MigtuneDomain *)((char *)(e) - G_STRUCT_OFFSET(MigtuneDomain, exec)))

/* Only queries leave QEMU as it is. */
static gboolean
domain_changes(const MtCommand *commands, guint n_commands)
{
    for (guint i = 0; i < n_commands; i++) {
        if (!g_str_has_prefix(commands[i].name, "query-"))
            return TRUE;
    }

    return FALSE;
}

/* Answers every command of a batch with a refusal: nothing is sent. */
static void
domain_refuse_read_only(const MigtuneDomain *domain, MtCommand *commands,
                        guint n_commands)
{
    for (guint i = 0; i < n_commands; i++) {
        commands[i].answered = TRUE;
        migtune_error_set(&commands[i].error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("%s cannot be changed over a read-only "
                            "connection; connect without --readonly"),
                          domain->name);
        migtune_error_set_field(commands[i].error,
                                MIGTUNE_ERROR_FIELD_COMMAND,
                                commands[i].name);
    }
}

static gboolean
domain_run(MtExec *exec, MtCommand *commands, guint n_commands,
           GCancellable *cancellable, GError **error)
{
    MigtuneDomain *domain = DOMAIN_OF(exec);

    if (domain->conn->options.read_only &&
        domain_changes(commands, n_commands)) {
        domain_refuse_read_only(domain, commands, n_commands);
        return TRUE;
    }

    return domain->conn->driver->execute(domain->handle, commands, n_commands,
                                         cancellable, error);
}

#define DOMAIN_OF_LOOK(e) \
    ((MigtuneDomain *)((char *)(e) - G_STRUCT_OFFSET(MigtuneDomain, look)))

static gboolean
domain_look(MtExec *exec, MtCommand *commands, guint n_commands,
            GCancellable *cancellable, GError **error)
{
    MigtuneDomain *domain = DOMAIN_OF_LOOK(exec);
    const MigtuneDriver *driver = domain->conn->driver;

    if (!driver->look)
        return domain_run(&domain->exec, commands, n_commands, cancellable,
                          error);

    return driver->look(domain->handle, commands, n_commands, cancellable,
                        error);
}

static gboolean
domain_reconnect(MtExec *exec, GCancellable *cancellable, GError **error)
{
    MigtuneDomain *domain = DOMAIN_OF(exec);
    const MigtuneDriver *driver = domain->conn->driver;

    if (!driver->reconnect) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver %s cannot connect again"),
                          driver->name);
        return FALSE;
    }

    return driver->reconnect(domain->handle, cancellable, error);
}

/* The object with major, minor and micro in what tells the version. */
static JsonObject *
domain_version_numbers(const MigtuneDomain *domain)
{
    JsonNode *version = domain->identity.version;

    if (!version || !JSON_NODE_HOLDS_OBJECT(version))
        return NULL;

    return mt_json_peek_object(json_node_get_object(version), "qemu");
}

static const char *
domain_version_text(const MigtuneDomain *domain)
{
    g_autofree char *text = NULL;
    JsonObject *numbers = domain_version_numbers(domain);
    gint64 major, minor, micro;

    if (!numbers || !mt_json_peek_int(numbers, "major", &major) ||
        !mt_json_peek_int(numbers, "minor", &minor) ||
        !mt_json_peek_int(numbers, "micro", &micro))
        return "unknown";

    text = g_strdup_printf("%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT
                           ".%" G_GINT64_FORMAT,
                           major, minor, micro);
    return g_intern_string(text);
}

/* The file name of a key, without its ending. */
static char *
domain_name_of_key(const char *key)
{
    g_autofree char *base = g_path_get_basename(key);
    char *dot = strrchr(base, '.');

    if (dot && dot != base)
        *dot = '\0';

    return g_steal_pointer(&base);
}

MigtuneDomain *
mt_domain_open(MigtuneConn *conn, const char *key, GError **error)
{
    g_autoptr(MigtuneDomain) domain = g_new0(MigtuneDomain, 1);

    domain->ref_count = 1;
    domain->conn = migtune_conn_ref(conn);
    domain->key = g_strdup(key);
    domain->exec.run = domain_run;
    domain->exec.reconnect = domain_reconnect;
    domain->look.run = domain_look;
    domain->handle = conn->driver->domain_open(conn->handle, key,
                                               &domain->identity,
                                               conn->cancellable, error);
    if (!domain->handle)
        return NULL;
    domain->name = domain->identity.name && *domain->identity.name
                       ? g_strdup(domain->identity.name)
                       : domain_name_of_key(key);
    domain->qemu = domain_version_text(domain);

    return g_steal_pointer(&domain);
}

MigtuneDomain *
migtune_domain_ref(MigtuneDomain *domain)
{
    g_return_val_if_fail(domain != NULL, NULL);

    g_atomic_int_inc(&domain->ref_count);
    return domain;
}

void
migtune_domain_unref(MigtuneDomain *domain)
{
    if (!domain || !g_atomic_int_dec_and_test(&domain->ref_count))
        return;

    if (domain->handle)
        domain->conn->driver->domain_close(domain->handle);
    mt_caps_unref(domain->caps);
    migtune_driver_identity_clear(&domain->identity);
    g_free(domain->key);
    g_free(domain->name);
    migtune_conn_unref(domain->conn);
    g_free(domain);
}

const char *
migtune_domain_get_name(MigtuneDomain *domain)
{
    g_return_val_if_fail(domain != NULL, NULL);

    return domain->name;
}

const char *
migtune_domain_get_uuid(MigtuneDomain *domain)
{
    g_return_val_if_fail(domain != NULL, NULL);

    return domain->identity.uuid;
}

const char *
migtune_domain_get_key(MigtuneDomain *domain)
{
    g_return_val_if_fail(domain != NULL, NULL);

    return domain->key;
}

const char *
migtune_domain_get_qemu(MigtuneDomain *domain)
{
    g_return_val_if_fail(domain != NULL, NULL);

    return domain->qemu;
}

char *
migtune_domain_serve(MigtuneDomain *domain, const char *address,
                     GError **error)
{
    const MigtuneDriver *driver;

    g_return_val_if_fail(domain != NULL && address != NULL, NULL);

    driver = domain->conn->driver;
    if (!driver->serve) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver %s cannot offer a monitor to others"),
                          driver->name);
        return NULL;
    }

    return driver->serve(domain->handle, address, error);
}

gboolean
migtune_domain_check_alive(MigtuneDomain *domain, GError **error)
{
    const MigtuneDriver *driver;

    g_return_val_if_fail(domain != NULL, FALSE);

    driver = domain->conn->driver;
    if (!driver->check_alive) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver %s cannot tell whether a guest is "
                            "there without asking it"), driver->name);
        return FALSE;
    }

    return driver->check_alive(domain->handle, error);
}

gboolean
mt_domain_is_called(MigtuneDomain *domain, const char *name)
{
    g_autofree char *file = domain_name_of_key(domain->key);

    return strcmp(domain->name, name) == 0 || strcmp(domain->key, name) == 0 ||
           (domain->identity.uuid &&
            g_ascii_strcasecmp(domain->identity.uuid, name) == 0) ||
           strcmp(file, name) == 0;
}

gboolean
mt_domain_check_running(MigtuneDomain *domain, GError **error)
{
    if (!domain->identity.inactive)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_NOT_RUNNING,
                      _("%s is not running: start it, or use --config for "
                        "what is kept for its next start"),
                      domain->name);
    return FALSE;
}

/* Asks. */
static MtCaps *
domain_ask_caps(MigtuneDomain *domain, GError **error)
{
    return mt_caps_probe(&domain->exec, mt_release_parse(domain->qemu),
                         domain->conn->cancellable, error);
}

/* From the cache, or asked and put into it. */
static MtCaps *
domain_find_caps(MigtuneDomain *domain, const char *key, gboolean refresh,
                 GError **error)
{
    MigtuneConn *conn = domain->conn;
    gboolean shared = !refresh && conn->cache_dir && key;
    MtCaps *caps = NULL;

    /* Without the monitor it is another, and nobody's but this one's. */
    if (conn->options.no_monitor) {
        caps = domain_ask_caps(domain, error);
        if (caps)
            mt_caps_set_partial(caps);
        return caps;
    }

    if (shared)
        caps = mt_cache_load(conn->cache_dir, key);
    if (shared && !caps)
        caps = mt_probing_begin(&conn->probing, conn->cache_dir, key,
                                conn->cancellable);
    else
        shared = FALSE;
    if (caps)
        return caps;

    caps = domain_ask_caps(domain, error);
    if (caps)
        mt_cache_save(conn->cache_dir, key, caps);
    if (shared)
        mt_probing_end(&conn->probing, key);

    return caps;
}

/* Completes the identity before the first command with a side effect. */
static gboolean
domain_identify(MigtuneDomain *domain, GError **error)
{
    const MigtuneDriver *driver = domain->conn->driver;

    if (domain->identified || !driver->identify)
        return TRUE;
    if (!driver->identify(domain->handle, &domain->identity,
                          domain->conn->cancellable, error))
        return FALSE;
    domain->identified = TRUE;
    domain->qemu = domain_version_text(domain);

    return TRUE;
}

MtCaps *
mt_domain_get_caps(MigtuneDomain *domain, gboolean refresh, GError **error)
{
    MigtuneConn *conn = domain->conn;
    g_autofree char *address = NULL;
    g_autofree char *key = NULL;
    MtCaps *caps = NULL;

    if (domain->caps && !refresh)
        return domain->caps;
    if (!mt_domain_check_running(domain, error) ||
        !domain_identify(domain, error))
        return NULL;

    address = g_strdup_printf("%s %s", conn->uri, domain->key);
    key = mt_cache_key(domain->identity.version, domain->identity.binary,
                       address);
    caps = domain_find_caps(domain, key, refresh, error);
    if (!caps)
        return NULL;
    mt_caps_unref(domain->caps);
    domain->caps = caps;

    return caps;
}

MtState *
mt_domain_read_state(MigtuneDomain *domain, MtStateFlags flags, GError **error)
{
    MtCaps *caps = mt_domain_get_caps(domain, FALSE, error);
    g_autoptr(MtState) state = NULL;
    g_autoptr(GError) cause = NULL;

    if (!caps)
        return NULL;

    state = mt_state_read(&domain->exec, caps, flags,
                          domain->conn->cancellable, &cause);
    /* A cache of another QEMU shows in what this one says. */
    if (strcmp(mt_caps_source(caps), "cache") == 0 &&
        (state ? state->stale
               : g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU) ||
                     g_error_matches(cause, MIGTUNE_ERROR,
                                     MIGTUNE_ERROR_PROTOCOL))) {
        caps = mt_domain_get_caps(domain, TRUE, error);
        if (!caps)
            return NULL;
        return mt_state_read(&domain->exec, caps, flags,
                             domain->conn->cancellable, error);
    }
    if (!state)
        g_propagate_error(error, g_steal_pointer(&cause));

    return g_steal_pointer(&state);
}

/* The run state and the migration of a running guest, without side effects on
 * it: only members that such queries fill in are set. */
static MtState *
domain_look_state(MigtuneDomain *domain, GError **error)
{
    enum { MIGRATION, RUN_STATE, N };
    MtCommand commands[N];
    MtState *state = NULL;
    gboolean ok;

    mt_command_init(&commands[MIGRATION], "query-migrate", NULL);
    mt_command_init(&commands[RUN_STATE], "query-status", NULL);
    ok = domain->look.run(&domain->look, commands, N,
                          domain->conn->cancellable, error);
    for (guint i = 0; ok && i < N; i++) {
        ok = !commands[i].error && JSON_NODE_HOLDS_OBJECT(commands[i].result);
        if (commands[i].error)
            g_propagate_error(error, g_steal_pointer(&commands[i].error));
    }
    if (ok) {
        const char *migration = mt_json_peek_string(
            json_node_get_object(commands[MIGRATION].result), "status");
        const char *run_state = mt_json_peek_string(
            json_node_get_object(commands[RUN_STATE].result), "status");

        state = g_new0(MtState, 1);
        state->migration = g_strdup(migration ? migration : "none");
        state->run_state = g_strdup(run_state ? run_state : "unknown");
    }
    mt_commands_clear(commands, N);

    return state;
}

JsonNode *
migtune_domain_get_info(MigtuneDomain *domain, GError **error)
{
    gboolean runs = domain && !domain->identity.inactive;
    g_autoptr(MtState) state = NULL;
    g_autofree char *release = NULL;
    const char *package = NULL;
    JsonObject *object;

    g_return_val_if_fail(domain != NULL, NULL);

    if (runs) {
        gboolean looks = domain->conn->driver->look && !domain->caps;

        state = looks ? domain_look_state(domain, error)
                      : mt_domain_read_state(domain, MT_STATE_MIGRATION,
                                             error);
        if (!state)
            return NULL;
        release = mt_release_format(looks ? mt_release_parse(domain->qemu)
                                          : mt_caps_release(domain->caps));
    }
    if (domain_version_numbers(domain))
        package = mt_json_peek_string(
            json_node_get_object(domain->identity.version), "package");
    object = json_object_new();
    json_object_set_string_member(object, "domain", domain->name);
    mt_json_set_text(object, "uuid", domain->identity.uuid);
    json_object_set_string_member(object, "key", domain->key);
    json_object_set_string_member(object, "qemu", domain->qemu);
    json_object_set_string_member(object, "package", package ? package : "");
    json_object_set_string_member(object, "state",
                                  runs ? state->run_state : "shut off");
    json_object_set_string_member(object, "migration",
                                  runs ? state->migration : "none");
    mt_json_set_text(object, "release", release);

    return mt_json_node_new_object(object);
}

static JsonObject *
domain_probe_entry(const MtCapsEntry *entry)
{
    const MtRow *row = entry->row;
    JsonObject *object = json_object_new();
    JsonArray *values = json_array_new();
    g_autofree char *since = mt_release_format(row->since);

    for (char **m = entry->members; m && *m; m++)
        json_array_add_string_element(values, *m);
    json_object_set_string_member(object, "name", row->name);
    json_object_set_string_member(object, "qmp", row->qmp);
    json_object_set_string_member(object, "kind",
                                  mt_kind_to_string(row->kind));
    json_object_set_string_member(object, "type",
                                  mt_type_to_string(row->type));
    json_object_set_array_member(object, "values", values);
    mt_json_set_text(object, "since", since);
    json_object_set_boolean_member(object, "deprecated", entry->deprecated);
    json_object_set_boolean_member(object, "unstable", entry->unstable);
    json_object_set_boolean_member(object, "known",
                                   mt_row_id(row) != MT_PARAM_NONE);
    mt_json_set_text(object, "set-by",
                    !entry->settable                      ? NULL
                    : entry->access == MT_ACCESS_LEGACY   ? row->legacy->set
                    : row->kind == MT_KIND_CAPABILITY
                        ? "migrate-set-capabilities"
                        : "migrate-set-parameters");

    return object;
}

static JsonArray *
domain_probe_absent(const MtCaps *caps)
{
    JsonArray *absent = json_array_new();

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        g_autofree char *since = mt_release_format(row->since);
        g_autofree char *removed = mt_release_format(row->removed);
        JsonObject *object;

        if (!row->qmp || mt_caps_lookup(caps, row))
            continue;
        object = json_object_new();
        json_object_set_string_member(object, "name", row->name);
        json_object_set_string_member(object, "qmp", row->qmp);
        json_object_set_string_member(object, "kind",
                                      mt_kind_to_string(row->kind));
        mt_json_set_text(object, "since", since);
        mt_json_set_text(object, "removed", removed);
        json_array_add_object_element(absent, object);
    }

    return absent;
}

JsonNode *
migtune_domain_probe(MigtuneDomain *domain, gboolean refresh, GError **error)
{
    g_autofree char *release = NULL;
    JsonObject *object;
    JsonArray *array;
    MtCaps *caps;

    g_return_val_if_fail(domain != NULL, NULL);

    caps = mt_domain_get_caps(domain, refresh, error);
    if (!caps)
        return NULL;

    array = json_array_new();
    for (guint i = 0; i < mt_caps_size(caps); i++)
        json_array_add_object_element(array,
                                      domain_probe_entry(mt_caps_nth(caps, i)));
    release = mt_release_format(mt_caps_release(caps));
    object = json_object_new();
    json_object_set_string_member(object, "domain", domain->name);
    json_object_set_string_member(object, "qemu", domain->qemu);
    json_object_set_string_member(object, "release", release);
    json_object_set_string_member(object, "source", mt_caps_source(caps));
    json_object_set_array_member(object, "parameters", array);
    json_object_set_array_member(object, "absent", domain_probe_absent(caps));

    return mt_json_node_new_object(object);
}
