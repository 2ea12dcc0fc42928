/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests of the reference engine as a driver.
 *
 *     ref:///default          the built-in guests
 *     ref:///path/file.xml    guests described by a file, see migtune-ref(5)
 *     ref:///one?name=x&...   one guest, described by the query
 *
 * Every connection has guests of its own.  A guest is created when its domain
 * is opened for the first time, and exists until the connection is closed.
 * Its key is its name.
 */
#include "config.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/ref/guest/guest.h"
#include "drivers/ref/monitor/execute.h"
#include "drivers/ref/monitor/server.h"
#include "migtune/migtune-driver.h"
#include "qmp/message.h"
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/uri.h"

#define REF_DEFAULT "/default"
#define REF_ONE "/one"

typedef struct {
    gint64 birth_us;            /* identifies it, together with its address */
    guint command_timeout_ms;
    GPtrArray *specs;

    GMutex lock;
    GHashTable *guests;         /* name to MtRefGuest; under @lock */
} RefConn;

typedef struct {
    const RefConn *conn;
    MtRefGuest *guest;          /* owned by the connection */
    GPtrArray *servers;
    guint64 n_passes;           /* when the last command was sent */
    gboolean hung_up;           /* the monitor was closed by a fault or after a
                                 * late answer; reset by reconnect */

    /* The command whose answer was late; NULL: none.  As QEMU, the guest runs
     * it before it serves the next client. */
    char *late_command;
    JsonObject *late_arguments;
    gint64 late_us;             /* when it is due */
} RefDomain;

static void
ref_close(gpointer data)
{
    RefConn *conn = data;

    if (conn->guests)
        g_hash_table_unref(conn->guests);
    if (conn->specs)
        g_ptr_array_unref(conn->specs);
    g_mutex_clear(&conn->lock);
    g_free(conn);
}

/* Adds the fault to the guest @name, or to all if @name is NULL. */
static gboolean
ref_add_fault(RefConn *conn, const char *name, gsize length,
              const MtRefFault *fault)
{
    gboolean any = FALSE;

    for (guint i = 0; i < conn->specs->len; i++) {
        MtRefGuestSpec *spec = g_ptr_array_index(conn->specs, i);

        if (name && (strlen(spec->name) != length ||
                     strncmp(spec->name, name, length) != 0))
            continue;
        mt_ref_guest_spec_add_fault(spec, fault);
        any = TRUE;
    }

    return any;
}

/* "KIND:..." is for all guests, "GUEST/KIND:..." for one. */
static gboolean
ref_take_fault(RefConn *conn, const char *uri, const char *text,
               GError **error)
{
    const char *colon = strchr(text, ':');
    const char *slash = strchr(text, '/');
    const char *name = slash && (!colon || slash < colon) ? text : NULL;
    g_autoptr(GError) why = NULL;
    MtRefFault fault;
    gboolean ok;

    if (!mt_ref_fault_from_text(name ? slash + 1 : text, &fault, &why))
        return mt_uri_is_bad(uri, error, "%s", why->message);
    ok = ref_add_fault(conn, name, name ? slash - name : 0, &fault);
    mt_ref_fault_clear(&fault);

    return ok || mt_uri_is_bad(uri, error, _("no guest has the name in the "
                               "fault '%s'"), text);
}

/* Options of a query that stand for another option. */
static const struct {
    const char *option;
    const char *value;
    const char *field;
    const char *field_value;
} ref_aliases[] = {
    { "incoming", "yes", "state", "incoming" },
    { "incoming", "no", "state", "running" },
};

/* Options that may be given several times. */
static const char *const ref_repeatable[] = { "fault", "row", NULL };

/* @seen: the fields that are set already, with the option that set them. */
static gboolean
ref_set(MtRefGuestSpec *spec, GHashTable *seen, const char *key,
        const char *value, GError **error)
{
    const char *field = key;
    const char *before;

    for (gsize i = 0; i < G_N_ELEMENTS(ref_aliases); i++) {
        if (strcmp(ref_aliases[i].option, key) == 0 &&
            strcmp(ref_aliases[i].value, value) == 0) {
            field = ref_aliases[i].field;
            value = ref_aliases[i].field_value;
            break;
        }
    }
    before = g_hash_table_lookup(seen, field);
    if (before && !g_strv_contains(ref_repeatable, field)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("'%s' conflicts with an earlier '%s'"), key,
                          before);
        return FALSE;
    }
    g_hash_table_insert(seen, g_strdup(field), g_strdup(key));

    return mt_ref_guest_spec_set(spec, field, value, error);
}

/*
 * Reads the options of a query.  They describe the guest @spec; if @spec is
 * NULL, only faults are accepted.
 */
static gboolean
ref_take_query(RefConn *conn, const char *uri, const char *query,
               MtRefGuestSpec *spec, GError **error)
{
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    GUriParamsIter iter;
    g_autoptr(GError) why = NULL;
    gchar *key;
    gchar *value;
    gboolean ok = TRUE;

    g_uri_params_iter_init(&iter, query ? query : "", -1, "&",
                           G_URI_PARAMS_NONE);
    while (ok && g_uri_params_iter_next(&iter, &key, &value, &why)) {
        if (spec) {
            ok = ref_set(spec, seen, key, value, &why) ||
                mt_uri_is_bad(uri, error, "%s", why->message);
        } else if (strcmp(key, "fault") == 0) {
            ok = ref_take_fault(conn, uri, value, error);
        } else {
            ok = mt_uri_is_bad(uri, error, _("the only option here is "
                               "'fault', not '%s'; ref://%s accepts the "
                               "options of a guest"), key, REF_ONE);
        }
        g_free(key);
        g_free(value);
    }
    if (ok && why)
        ok = mt_uri_is_bad(uri, error, _("the query is not of the form "
                           "NAME=VALUE&...: %s"), why->message);

    return ok;
}

static gboolean
ref_open_one(RefConn *conn, const char *uri, const char *query,
             GError **error)
{
    MtRefGuestSpec *spec = mt_ref_guest_spec_new("guest", MT_RELEASE_LAST);
    g_autoptr(GError) why = NULL;

    conn->specs = g_ptr_array_new_with_free_func(
        (GDestroyNotify)mt_ref_guest_spec_free);
    g_ptr_array_add(conn->specs, spec);
    if (!ref_take_query(conn, uri, query, spec, error))
        return FALSE;
    if (!mt_ref_guest_spec_check(spec, &why))
        return mt_uri_is_bad(uri, error, "%s", why->message);

    return TRUE;
}

static gboolean
ref_open_path(RefConn *conn, const char *uri, GUri *parsed, GError **error)
{
    const char *query = g_uri_get_query(parsed);
    const char *host = g_uri_get_host(parsed);
    g_autofree char *path = g_uri_unescape_string(g_uri_get_path(parsed),
                                                  NULL);

    if (host && *host)
        return mt_uri_is_bad(uri, error, _("a host ('%s') is not accepted, "
                             "because reference guests are in this process; "
                             "a path needs three slashes"), host);
    if (!path || *path != '/' || !g_utf8_validate(path, -1, NULL))
        return mt_uri_is_bad(uri, error, _("expected ref://%s, "
                             "ref://%s?name=... or an absolute path such as "
                             "ref:///etc/guests.xml"), REF_DEFAULT, REF_ONE);

    if (strcmp(path, REF_ONE) == 0)
        return ref_open_one(conn, uri, query, error);
    conn->specs = strcmp(path, REF_DEFAULT) == 0
        ? mt_ref_specs_default() : mt_ref_specs_load(path, error);

    return conn->specs && ref_take_query(conn, uri, query, NULL, error);
}

static gpointer
ref_open(const char *uri, const MigtuneDriverOptions *options,
         GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GUri) parsed = g_uri_parse(uri, G_URI_FLAGS_ENCODED, &local);
    RefConn *conn;

    if (!parsed) {
        g_autofree char *text = mt_foreign_text(local);

        mt_uri_is_bad(uri, error, "%s", text);
        return NULL;
    }
    if (g_uri_get_fragment(parsed) || g_uri_get_userinfo(parsed) ||
        g_uri_get_port(parsed) != -1) {
        mt_uri_is_bad(uri, error, _("user, port and fragment are not "
                      "accepted"));
        return NULL;
    }

    conn = g_new0(RefConn, 1);
    conn->birth_us = g_get_real_time();
    conn->command_timeout_ms = options->command_timeout_ms;
    g_mutex_init(&conn->lock);
    conn->guests = g_hash_table_new_full(
        g_str_hash, g_str_equal, NULL, (GDestroyNotify)mt_ref_guest_free);
    if (!ref_open_path(conn, uri, parsed, error))
        g_clear_pointer(&conn, ref_close);

    return conn;
}

static char **
ref_list(gpointer data, GCancellable *cancellable, GError **error)
{
    const RefConn *conn = data;
    char **keys = g_new0(char *, conn->specs->len + 1);

    for (guint i = 0; i < conn->specs->len; i++) {
        const MtRefGuestSpec *spec = g_ptr_array_index(conn->specs, i);

        keys[i] = g_strdup(spec->name);
    }

    return keys;
}

/* By name, else by UUID.  A guest and its destination may have the same UUID,
 * which then finds the guest. */
static const MtRefGuestSpec *
ref_find_spec(const RefConn *conn, const char *name)
{
    const MtRefGuestSpec *by_uuid = NULL;

    for (guint i = 0; i < conn->specs->len; i++) {
        const MtRefGuestSpec *spec = g_ptr_array_index(conn->specs, i);

        if (strcmp(spec->name, name) == 0)
            return spec;
        if (spec->uuid && g_ascii_strcasecmp(spec->uuid, name) == 0 &&
            (!by_uuid || by_uuid->incoming))
            by_uuid = spec;
    }

    return by_uuid;
}

/* Does not create the guest. */
static char **
ref_find(gpointer data, const char *name)
{
    const MtRefGuestSpec *spec = ref_find_spec(data, name);
    char **keys = g_new0(char *, 2);

    if (spec)
        keys[0] = g_strdup(spec->name);

    return keys;
}

/* The guest of @spec, created if it does not exist yet. */
static MtRefGuest *
ref_get_guest(RefConn *conn, const MtRefGuestSpec *spec, GError **error)
{
    MtRefGuest *guest;

    g_mutex_lock(&conn->lock);
    guest = g_hash_table_lookup(conn->guests, spec->name);
    if (!guest) {
        guest = mt_ref_guest_new(spec, error);
        if (!guest)
            g_prefix_error(error, "%s: ", spec->name);
        else
            g_hash_table_insert(conn->guests, spec->name, guest);
    }
    g_mutex_unlock(&conn->lock);

    return guest;
}

/* Identifies the file of this driver: another version may answer
 * differently. */
static char *
ref_module_identity(void)
{
    Dl_info info;
    struct stat st;

    if (!dladdr((void *)(guintptr)ref_module_identity, &info) ||
        stat(info.dli_fname, &st) != 0)
        return NULL;

    return g_strdup_printf("%lu:%lu:%lu:%ld.%09ld", (gulong)st.st_dev,
                           (gulong)st.st_ino, (gulong)st.st_size,
                           (glong)st.st_mtim.tv_sec,
                           (glong)st.st_mtim.tv_nsec);
}

/* A text that contains all that the guest's interface depends on, as the key
 * of a cache; NULL: do not cache. */
static char *
ref_binary(const MtRefGuestSpec *spec)
{
    g_autofree char *module = ref_module_identity();
    g_autofree char *release = mt_release_format(spec->release);
    g_autofree char *build = NULL;
    GString *text;

    if (!module)
        return NULL;

    build = spec->build_options ? g_strjoinv(",", spec->build_options)
        : g_strdup("-");
    text = g_string_new("ref");
    g_string_append_printf(text, " %s %s build %s reject %u%s%s", module,
                           release, build, mt_ref_guest_spec_reject(spec),
                           spec->hide_deprecated ? " hide" : "",
                           spec->hide_unstable ? " hide-unstable" : "");
    for (guint i = 0; i < spec->overrides->len; i++) {
        const MtRefOverride *override =
            &g_array_index(spec->overrides, MtRefOverride, i);

        g_string_append_printf(text, " %s=%s", override->name,
                               mt_ref_state_to_string(override->state));
    }

    return g_string_free(text, FALSE);
}

static void
ref_identify(const RefDomain *domain, MigtuneDriverIdentity *identity)
{
    const MtRefGuestSpec *spec = mt_ref_guest_get_spec(domain->guest);

    identity->name = g_strdup(spec->name);
    identity->uuid = g_strdup(spec->uuid);
    identity->version = json_node_alloc();
    json_node_init_object(identity->version, mt_ref_profile_version(
        mt_ref_guest_get_profile(domain->guest)));
    json_object_unref(json_node_get_object(identity->version));
    identity->binary = ref_binary(spec);
    identity->instance = g_strdup_printf(
        "ref %d %p %" G_GINT64_FORMAT " %s", getpid(),
        (const void *)domain->conn, domain->conn->birth_us, spec->name);
}

static gboolean
ref_check_alive(gpointer data, GError **error)
{
    const RefDomain *domain = data;
    const char *name = mt_ref_guest_get_spec(domain->guest)->name;
    g_autofree char *words = NULL;

    if (!mt_ref_guest_has_quit(domain->guest))
        return TRUE;

    words = mt_ref_guest_dup_last_words(domain->guest);
    if (words)
        migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                          _("%s: the guest has ended: %s"), name, words);
    else
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          _("%s: the guest has ended"), name);
    return FALSE;
}

static JsonObject *
ref_device_state(gpointer data)
{
    const RefDomain *domain = data;

    return mt_ref_guest_query_device_state(domain->guest);
}

/* Runs the command whose answer was late, if there is one. */
static void
ref_run_late(RefDomain *domain)
{
    if (domain->late_command && !mt_ref_guest_has_quit(domain->guest))
        mt_ref_execute_late(domain->guest, domain->late_command,
                            domain->late_arguments);
    g_clear_pointer(&domain->late_command, g_free);
    g_clear_pointer(&domain->late_arguments, json_object_unref);
}

static void
ref_domain_close(gpointer data)
{
    RefDomain *domain = data;

    ref_run_late(domain);
    g_ptr_array_unref(domain->servers);
    g_free(domain);
}

static gpointer
ref_domain_open(gpointer data, const char *key,
                MigtuneDriverIdentity *identity, GCancellable *cancellable,
                GError **error)
{
    RefConn *conn = data;
    const MtRefGuestSpec *spec = ref_find_spec(conn, key);
    RefDomain *domain;
    MtRefGuest *guest;

    if (!spec || strcmp(spec->name, key) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          _("no guest has the key '%s'"), key);
        return NULL;
    }
    guest = ref_get_guest(conn, spec, error);
    if (!guest)
        return NULL;

    domain = g_new0(RefDomain, 1);
    domain->conn = conn;
    domain->guest = guest;
    domain->servers = g_ptr_array_new_with_free_func(
        (GDestroyNotify)mt_ref_server_free);
    if (!ref_check_alive(domain, error)) {
        ref_domain_close(domain);
        return NULL;
    }
    ref_identify(domain, identity);

    return domain;
}

/* Remembers the command as late.  Its answer can no longer be received, so the
 * monitor counts as closed. */
static void
ref_set_late(RefDomain *domain, const MigtuneDriverCommand *command,
             guint64 left_ms)
{
    domain->hung_up = TRUE;
    domain->late_command = g_strdup(command->name);
    domain->late_arguments =
        command->arguments ? json_object_ref(command->arguments) : NULL;
    domain->late_us = g_get_monotonic_time() +
                      (gint64)MIN(left_ms, G_MAXINT32) * 1000;
}

static gboolean
ref_set_cancelled(const RefDomain *domain, GError **error)
{
    migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                      _("%s: the operation was cancelled"),
                      mt_ref_guest_get_spec(domain->guest)->name);
    return FALSE;
}

static gboolean
ref_run(RefDomain *domain, MigtuneDriverCommand *command,
        GCancellable *cancellable, GError **error)
{
    const char *name = mt_ref_guest_get_spec(domain->guest)->name;
    MtRefPatience patience = { domain->conn->command_timeout_ms, cancellable,
                               0 };
    MtRefRefusal refusal = { NULL };
    gboolean ok = FALSE;

    switch (mt_ref_execute_within(domain->guest, command->name,
                                  command->arguments, &patience,
                                  &command->result, &refusal)) {
    case MT_REF_ANSWERED:
    case MT_REF_QUIT:
        command->answered = TRUE;
        ok = TRUE;
        break;
    case MT_REF_REFUSED:
        command->answered = TRUE;
        command->error = mt_message_refusal(command->name,
                                            refusal.error_class,
                                            refusal.desc);
        ok = TRUE;
        break;
    case MT_REF_HANG_UP:
        domain->hung_up = TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          _("%s: QEMU closed the connection before it "
                            "answered %s"),
                          name, command->name);
        break;
    case MT_REF_LATE:
        ref_set_late(domain, command, patience.left_ms);
        if (g_cancellable_is_cancelled(cancellable))
            ref_set_cancelled(domain, error);
        else
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("%s: QEMU did not answer %s within %u ms"),
                              name, command->name,
                              domain->conn->command_timeout_ms);
        break;
    }
    mt_ref_refusal_clear(&refusal);

    return ok;
}

static gboolean
ref_execute(gpointer data, MigtuneDriverCommand *commands, guint n_commands,
            GCancellable *cancellable, GError **error)
{
    RefDomain *domain = data;

    domain->n_passes = mt_ref_guest_count_passes(domain->guest);
    for (guint i = 0; i < n_commands; i++) {
        if (g_cancellable_is_cancelled(cancellable))
            return ref_set_cancelled(domain, error);
        if (!domain->hung_up && !ref_check_alive(domain, error))
            return FALSE;
        if (domain->hung_up) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              _("%s: %s was not sent: QEMU closed the "
                                "connection"),
                              mt_ref_guest_get_spec(domain->guest)->name,
                              commands[i].name);
            return FALSE;
        }
        if (!ref_run(domain, &commands[i], cancellable, error))
            return FALSE;
    }

    return TRUE;
}

static gboolean
ref_wait_pass(gpointer data, guint timeout_ms, GCancellable *cancellable)
{
    RefDomain *domain = data;

    return mt_ref_guest_wait_pass(domain->guest, domain->n_passes, timeout_ms,
                                  cancellable);
}

/* Waits until the late command is due.  FALSE if that is not within the time
 * limit of a command. */
static gboolean
ref_await_late(const RefDomain *domain, GCancellable *cancellable,
               GError **error)
{
    gint64 end = g_get_monotonic_time() + domain->conn->command_timeout_ms *
                                              G_TIME_SPAN_MILLISECOND;

    while (domain->late_command &&
           g_get_monotonic_time() < MIN(domain->late_us, end)) {
        GPollFD fd;
        gboolean have_fd = g_cancellable_make_pollfd(cancellable, &fd);
        gint64 left_us = MIN(domain->late_us, end) - g_get_monotonic_time();

        g_poll(&fd, have_fd ? 1 : 0, MAX(left_us, 0) / 1000 + 1);
        if (have_fd)
            g_cancellable_release_fd(cancellable);
        if (g_cancellable_is_cancelled(cancellable))
            return ref_set_cancelled(domain, error);
    }
    if (!domain->late_command || g_get_monotonic_time() >= domain->late_us)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                      _("%s: QEMU did not answer %s within %u ms"),
                      mt_ref_guest_get_spec(domain->guest)->name,
                      domain->late_command, domain->conn->command_timeout_ms);
    return FALSE;
}

static gboolean
ref_reconnect(gpointer data, GCancellable *cancellable, GError **error)
{
    RefDomain *domain = data;

    if (!ref_check_alive(domain, error) ||
        !ref_await_late(domain, cancellable, error))
        return FALSE;
    ref_run_late(domain);
    domain->hung_up = FALSE;

    return TRUE;
}

static char *
ref_serve(gpointer data, const char *address, GError **error)
{
    RefDomain *domain = data;
    MtRefServer *server;

    if (!ref_check_alive(domain, error))
        return NULL;
    server = mt_ref_server_new(domain->guest, address, error);
    if (!server)
        return NULL;
    g_ptr_array_add(domain->servers, server);

    return g_strdup(mt_ref_server_get_address(server));
}

static const char *const ref_schemes[] = { "ref", NULL };

static const MigtuneDriver ref_driver = {
    MIGTUNE_DRIVER_HEADER,
    .name = "ref",
    .schemes = ref_schemes,
    .open = ref_open,
    .close = ref_close,
    .list = ref_list,
    .find = ref_find,
    .domain_open = ref_domain_open,
    .domain_close = ref_domain_close,
    .execute = ref_execute,
    .reconnect = ref_reconnect,
    .serve = ref_serve,
    .check_alive = ref_check_alive,
    .wait_pass = ref_wait_pass,
    .device_state = ref_device_state,
};

MIGTUNE_DRIVER_DEFINE(ref_driver)
