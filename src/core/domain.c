/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains: asking one guest.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "probe/cache.h"
#include "util/clock.h"
#include "util/i18n.h"
#include "util/json-peek.h"

G_DEFINE_TYPE(MigtuneDomain, migtune_domain, G_TYPE_OBJECT)

enum { DOMAIN_JOB_PROGRESS, DOMAIN_N_SIGNALS };

/* Written once, in the initializer of the class. */
static guint domain_signals[DOMAIN_N_SIGNALS];

#define DOMAIN_OF(e)                                                           \
    ((MigtuneDomain *)((char *)(e)-G_STRUCT_OFFSET(MigtuneDomain, exec)))

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
        migtune_error_set_field(commands[i].error, MIGTUNE_ERROR_FIELD_COMMAND,
                                commands[i].name);
        migtune_error_set_field(commands[i].error, MIGTUNE_ERROR_FIELD_REASON,
                                "read-only");
    }
}

static gboolean
domain_reconnect(MtExec *exec, GCancellable *cancellable, GError **error);

/*
 * Runs commands.  A call that was cancelled, or ran into its time limit, has
 * left the connection to the monitor unusable: the next call makes a new one.
 */
static gboolean
domain_run(MtExec *exec, MtCommand *commands, guint n_commands,
           GCancellable *cancellable, GError **error)
{
    MigtuneDomain *domain = DOMAIN_OF(exec);
    g_autoptr(GError) cause = NULL;

    if (domain->conn->options.read_only &&
        domain_changes(commands, n_commands)) {
        domain_refuse_read_only(domain, commands, n_commands);
        return TRUE;
    }
    if (domain->cut && !domain_reconnect(exec, cancellable, error))
        return FALSE;

    if (domain->conn->driver->execute(domain->handle, commands, n_commands,
                                      cancellable, &cause))
        return TRUE;

    domain->cut =
        domain->conn->driver->reconnect &&
        (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED) ||
         g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT));
    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
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
    if (!driver->reconnect(domain->handle, cancellable, error))
        return FALSE;

    domain->cut = FALSE;
    g_clear_pointer(&domain->threads, g_free);
    return TRUE;
}

void
mt_domain_release_monitor(MigtuneDomain *domain)
{
    const MigtuneDriver *driver = domain->conn->driver;
    g_autoptr(MtDomainHold) hold = NULL;

    if (!driver->release || !driver->reconnect)
        return;
    hold = mt_domain_hold(domain, NULL, NULL);
    if (!hold)
        return;

    driver->release(domain->handle);
    domain->cut = TRUE;
}

gboolean
mt_domain_wait_pass(MigtuneDomain *domain, guint timeout_ms,
                    GCancellable *cancellable)
{
    const MigtuneDriver *driver = domain->conn->driver;
    gint64 end_us = g_get_monotonic_time() + timeout_ms * (gint64)1000;
    gboolean others;
    gint64 left_us;

    /* This call must not keep the domain from the other threads: a caller in a
     * loop would have it nearly all the time. */
    g_mutex_lock(&domain->lock);
    others = domain->n_waiting > 0;
    g_mutex_unlock(&domain->lock);
    if (driver->wait_pass && !others) {
        g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable,
                                                      NULL);

        if (hold && !domain->cut &&
            driver->wait_pass(domain->handle, timeout_ms, cancellable))
            return TRUE;
    }
    left_us = end_us - g_get_monotonic_time();
    if (left_us > 0)
        mt_sleep_ms((left_us + 999) / 1000, cancellable, NULL);

    return FALSE;
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

char *
mt_domain_name_of_key(const char *key)
{
    g_autofree char *base = g_path_get_basename(key);
    char *dot = strrchr(base, '.');

    if (dot && dot != base)
        *dot = '\0';

    return g_steal_pointer(&base);
}

char *
mt_domain_dup_identity(const MigtuneDomain *domain)
{
    const MigtuneDriverIdentity *identity = &domain->identity;

    if (identity->uuid)
        return g_strdup_printf("uuid %s", identity->uuid);
    if (identity->name && *identity->name && !identity->unnamed)
        return g_strdup_printf("name %s", identity->name);
    /* The monitors of such a guest have only its process in common. */
    if (identity->instance)
        return g_strdup_printf("process %s", identity->instance);

    return g_strdup_printf("address %s %s", domain->conn->uri, domain->key);
}

/* Opens the domain with @key or, if @key is NULL, with the key of @native. */
static MigtuneDomain *
domain_open(MigtuneConn *conn, const char *key, gpointer native,
            GCancellable *cancellable, GError **error)
{
    g_autoptr(MigtuneDomain) domain = g_object_new(MIGTUNE_TYPE_DOMAIN, NULL);

    domain->conn = migtune_conn_ref(conn);
    domain->key = g_strdup(key);
    domain->exec.run = domain_run;
    domain->exec.reconnect = domain_reconnect;
    domain->look.run = domain_look;
    domain->handle =
        key ? conn->driver->domain_open(conn->handle, key, &domain->identity,
                                        cancellable, error)
            : conn->driver->domain_adopt(conn->handle, native, &domain->key,
                                         &domain->identity, cancellable,
                                         error);
    if (!domain->handle)
        return NULL;
    domain->name = domain->identity.name && *domain->identity.name
                       ? g_strdup(domain->identity.name)
                       : mt_domain_name_of_key(domain->key);
    domain->qemu = domain_version_text(domain);
    g_mutex_lock(&conn->domains_lock);
    g_ptr_array_add(conn->domains, domain);
    g_mutex_unlock(&conn->domains_lock);

    return g_steal_pointer(&domain);
}

MigtuneDomain *
mt_domain_open(MigtuneConn *conn, const char *key, GCancellable *cancellable,
               GError **error)
{
    return domain_open(conn, key, NULL, cancellable, error);
}

MigtuneDomain *
migtune_conn_open_libvirt_domain(MigtuneConn *conn, gpointer domain,
                                 GCancellable *cancellable, GError **error)
{
    MT_REQUIRE(MIGTUNE_IS_CONN(conn), NULL);
    MT_REQUIRE(domain != NULL, NULL);

    if (!conn->adopted || !conn->driver->domain_adopt) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("%s was not made from a connection to libvirt"),
                          conn->uri);
        return NULL;
    }

    return domain_open(conn, NULL, domain, cancellable, error);
}

static void
migtune_domain_init(MigtuneDomain *domain)
{
    g_mutex_init(&domain->lock);
    g_cond_init(&domain->changed);
}

static void
migtune_domain_finalize(GObject *object)
{
    MigtuneDomain *domain = MIGTUNE_DOMAIN(object);

    if (domain->conn) {
        g_mutex_lock(&domain->conn->domains_lock);
        g_ptr_array_remove_fast(domain->conn->domains, domain);
        g_mutex_unlock(&domain->conn->domains_lock);
    }
    if (domain->handle)
        domain->conn->driver->domain_close(domain->handle);
    mt_caps_unref(domain->caps);
    migtune_driver_identity_clear(&domain->identity);
    g_free(domain->key);
    g_free(domain->name);
    g_free(domain->threads);
    g_mutex_clear(&domain->lock);
    g_cond_clear(&domain->changed);
    g_clear_object(&domain->conn);
    G_OBJECT_CLASS(migtune_domain_parent_class)->finalize(object);
}

static void
migtune_domain_class_init(MigtuneDomainClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = migtune_domain_finalize;

    /**
     * MigtuneDomain::job-progress:
     * @domain: the domain
     * @progress: a dictionary, `a{sv}`, with the strings "job", "status" and
     *   "state" of migtune_domain_get_job_info() and the dictionary
     *   "statistics" of migtune_domain_get_job_settings()
     *
     * A call of migtune_domain_wait_job() or
     * migtune_domain_wait_job_async() has asked QEMU how far the migration is.
     * It is emitted in the thread of the former, and in the main context in
     * which the latter was called.
     *
     * Since: 0.1
     */
    domain_signals[DOMAIN_JOB_PROGRESS] =
        g_signal_new("job-progress", MIGTUNE_TYPE_DOMAIN, G_SIGNAL_RUN_LAST, 0,
                     NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_VARIANT);
}

void
mt_domain_emit_progress(MigtuneDomain *domain, GVariant *progress)
{
    g_signal_emit(domain, domain_signals[DOMAIN_JOB_PROGRESS], 0, progress);
}

gboolean
mt_domain_shows_progress(MigtuneDomain *domain)
{
    return g_signal_has_handler_pending(
        domain, domain_signals[DOMAIN_JOB_PROGRESS], 0, FALSE);
}

MigtuneDomain *
migtune_domain_ref(MigtuneDomain *domain)
{
    g_return_val_if_fail(MIGTUNE_IS_DOMAIN(domain), NULL);

    return g_object_ref(domain);
}

void
migtune_domain_unref(MigtuneDomain *domain)
{
    if (domain)
        g_object_unref(domain);
}

static void
domain_wake(GCancellable *cancellable, gpointer data)
{
    MigtuneDomain *domain = data;

    g_mutex_lock(&domain->lock);
    g_cond_broadcast(&domain->changed);
    g_mutex_unlock(&domain->lock);
}

MtDomainHold *
mt_domain_hold(MigtuneDomain *domain, GCancellable *cancellable, GError **error)
{
    GThread *self = g_thread_self();
    gboolean nested, held = FALSE;
    gulong id;

    g_mutex_lock(&domain->lock);
    nested = domain->holder == self;
    if (nested)
        domain->depth++;
    g_mutex_unlock(&domain->lock);
    if (nested)
        return domain;

    id = cancellable ? g_cancellable_connect(
                           cancellable, G_CALLBACK(domain_wake), domain, NULL)
                     : 0;
    g_mutex_lock(&domain->lock);
    domain->n_waiting++;
    while (domain->holder && !g_cancellable_is_cancelled(cancellable))
        g_cond_wait(&domain->changed, &domain->lock);
    domain->n_waiting--;
    if (!domain->holder && !g_cancellable_is_cancelled(cancellable)) {
        domain->holder = self;
        domain->depth = 1;
        held = TRUE;
    }
    g_mutex_unlock(&domain->lock);
    g_cancellable_disconnect(cancellable, id);
    if (!held) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("cancelled before anything was sent to %s"),
                          domain->name);
        return NULL;
    }
    domain->cancellable = cancellable ? g_object_ref(cancellable) : NULL;

    return domain;
}

void
mt_domain_release(MtDomainHold *hold)
{
    MigtuneDomain *domain = hold;

    if (!domain)
        return;

    g_mutex_lock(&domain->lock);
    if (--domain->depth == 0) {
        g_clear_object(&domain->cancellable);
        domain->holder = NULL;
        g_cond_broadcast(&domain->changed);
    }
    g_mutex_unlock(&domain->lock);
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
migtune_domain_serve(MigtuneDomain *domain, const char *address, GError **error)
{
    const MigtuneDriver *driver;

    MT_REQUIRE(domain != NULL && address != NULL, NULL);

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

    MT_REQUIRE(domain != NULL, FALSE);

    driver = domain->conn->driver;
    if (!driver->check_alive) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the driver %s cannot tell whether a guest is "
                            "there without asking it"),
                          driver->name);
        return FALSE;
    }

    return driver->check_alive(domain->handle, error);
}

gboolean
mt_domain_is_called(MigtuneDomain *domain, const char *name)
{
    g_autofree char *file = mt_domain_name_of_key(domain->key);

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
                      _("%s is not running; start it first "
                        "('migrate-setparameters --config' keeps settings for "
                        "its next start)"),
                      domain->name);
    return FALSE;
}

static MtCaps *
domain_probe_caps(MigtuneDomain *domain, GError **error)
{
    return mt_caps_probe(&domain->exec, mt_release_parse(domain->qemu),
                         domain->cancellable, error);
}

/* From the cache, or probed and put into it. */
static MtCaps *
domain_find_caps(MigtuneDomain *domain, const char *key, gboolean refresh,
                 GError **error)
{
    MigtuneConn *conn = domain->conn;
    gboolean shared = conn->cache_dir && key;
    MtCaps *caps = NULL;

    /* Without the monitor the result is incomplete: it is not cached. */
    if (conn->options.no_monitor) {
        caps = domain_probe_caps(domain, error);
        if (caps)
            mt_caps_set_partial(caps);
        return caps;
    }

    if (shared && refresh)
        mt_probing_forget(&conn->probing, key);
    else if (shared)
        caps = mt_cache_load(conn->cache_dir, key);
    if (shared && !caps)
        caps = mt_probing_begin(&conn->probing, key, domain->cancellable);
    domain->caps_remembered = caps != NULL;
    if (caps)
        return caps;

    caps = domain_probe_caps(domain, error);
    if (caps)
        mt_cache_save(conn->cache_dir, key, caps);
    if (shared)
        mt_probing_end(&conn->probing, key, caps);

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
                          domain->cancellable, error))
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

    state =
        mt_state_read(&domain->exec, caps, flags, domain->cancellable, &cause);
    /* QEMU's answers show whether the cache is about another QEMU. */
    if (domain->caps_remembered &&
        (state ? state->stale
               : g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU) ||
                     g_error_matches(cause, MIGTUNE_ERROR,
                                     MIGTUNE_ERROR_PROTOCOL))) {
        caps = mt_domain_get_caps(domain, TRUE, error);
        if (!caps)
            return NULL;
        return mt_state_read(&domain->exec, caps, flags, domain->cancellable,
                             error);
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
                          domain->cancellable, error);
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

/* Returns the title of a domain; NULL if it has none, or if it cannot be read: the
 * other information is shown then. */
static char *
domain_read_title(MigtuneDomain *domain, GCancellable *cancellable)
{
    const MigtuneDriver *driver = domain->conn->driver;

    return driver->title ? driver->title(domain->handle, cancellable, NULL)
                         : NULL;
}

JsonNode *
migtune_domain_get_info(MigtuneDomain *domain, GCancellable *cancellable,
                        GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    gboolean runs;
    g_autoptr(MtState) state = NULL;
    g_autofree char *release = NULL;
    g_autofree char *title = NULL;
    const char *package = NULL;
    JsonObject *object;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    runs = !domain->identity.inactive;
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
    title = domain_read_title(domain, cancellable);
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
    mt_json_set_text(object, "title", title);

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
    json_object_set_string_member(object, "kind", mt_kind_to_string(row->kind));
    json_object_set_string_member(object, "type", mt_type_to_string(row->type));
    json_object_set_array_member(object, "values", values);
    mt_json_set_text(object, "since", since);
    json_object_set_boolean_member(object, "deprecated", entry->deprecated);
    json_object_set_boolean_member(object, "unstable", entry->unstable);
    json_object_set_boolean_member(object, "known",
                                   mt_row_id(row) != MT_PARAM_NONE);
    mt_json_set_text(object, "set-by",
                     !entry->settable                    ? NULL
                     : entry->access == MT_ACCESS_LEGACY ? row->legacy->set
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
migtune_domain_probe(MigtuneDomain *domain, gboolean refresh,
                     GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_autofree char *release = NULL;
    JsonObject *object;
    JsonArray *array;
    MtCaps *caps;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain), NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

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
