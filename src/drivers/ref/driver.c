/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests of the reference engine as a driver.
 *
 *     ref:///default          the guests that are always there
 *     ref:///path/file.xml    guests described by a file, see migtune-ref(5)
 *     ref:///one?name=x&...   one guest, described by the query
 *
 * Every connection has guests of its own.  A guest is made when its domain is
 * opened for the first time, and lives as long as the connection; its key is
 * its name.
 */
#include "config.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/ref/guest/guest.h"
#include "drivers/ref/monitor/server.h"
#include "migtune/migtune-driver.h"
#include "qmp/message.h"
#include "util/json.h"
#include "util/uri.h"

#define REF_DEFAULT "/default"
#define REF_ONE "/one"

typedef struct {
    gint64 birth_us;            /* with the address, which one it is */
    GPtrArray *specs;

    GMutex lock;
    GHashTable *guests;         /* name to MtRefGuest */
} RefConn;

typedef struct {
    const RefConn *conn;
    MtRefGuest *guest;          /* the connection's */
    GPtrArray *servers;
    gboolean hung_up;           /* until it is connected again */
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

/* Every guest, or the one that is called @name. */
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

/* "KIND:..." is everybody's, "GUEST/KIND:..." one guest's. */
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

    return ok || mt_uri_is_bad(uri, error, "there is no guest for the fault "
                               "\"%s\"", text);
}

/* Words of a query that say the same as others. */
static const struct {
    const char *word;
    const char *value;          /* NULL: any */
    const char *field;
    const char *means;          /* NULL: the value */
} ref_short_words[] = {
    { "incoming", "yes", "state", "incoming" },
    { "incoming", "no", "state", "running" },
};

/* What may be given several times. */
static const char *const ref_many[] = { "fault", "row", NULL };

/* @seen: the fields that have been set, with the words that did it. */
static gboolean
ref_set(MtRefGuestSpec *spec, GHashTable *seen, const char *key,
        const char *value, GError **error)
{
    const char *field = key;
    const char *before;

    for (gsize i = 0; i < G_N_ELEMENTS(ref_short_words); i++) {
        if (strcmp(ref_short_words[i].word, key) == 0 &&
            strcmp(ref_short_words[i].value, value) == 0) {
            field = ref_short_words[i].field;
            value = ref_short_words[i].means;
            break;
        }
    }
    before = g_hash_table_lookup(seen, field);
    if (before && !g_strv_contains(ref_many, field)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "%s: %s has been given already", key, before);
        return FALSE;
    }
    g_hash_table_insert(seen, g_strdup(field), g_strdup(key));

    return mt_ref_guest_spec_set(spec, field, value, error);
}

/*
 * The options of a query: those of the one guest @spec, or, when that is NULL,
 * faults for the guests that there are.
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
            ok = mt_uri_is_bad(uri, error, "only \"fault\" may stand in the "
                               "query here, not \"%s\"; %s takes what a guest "
                               "has", key, REF_ONE);
        }
        g_free(key);
        g_free(value);
    }
    if (ok && why)
        ok = mt_uri_is_bad(uri, error, "its query is not NAME=VALUE&...: %s",
                           why->message);

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
        return mt_uri_is_bad(uri, error, "it names the host \"%s\", and guests "
                             "of ref: are in this process; a path has three "
                             "slashes", host);
    if (!path || *path != '/' || !g_utf8_validate(path, -1, NULL))
        return mt_uri_is_bad(uri, error, "expected ref://%s, ref://%s?name=... "
                             "or the absolute path of a file, as in "
                             "ref:///etc/guests.xml", REF_DEFAULT, REF_ONE);

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
        mt_uri_is_bad(uri, error, "%s", local->message);
        return NULL;
    }
    if (g_uri_get_fragment(parsed) || g_uri_get_userinfo(parsed) ||
        g_uri_get_port(parsed) != -1) {
        mt_uri_is_bad(uri, error, "a user, a port or a fragment has no meaning "
                      "here");
        return NULL;
    }

    conn = g_new0(RefConn, 1);
    conn->birth_us = g_get_real_time();
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

static const MtRefGuestSpec *
ref_find_spec(const RefConn *conn, const char *name)
{
    for (guint i = 0; i < conn->specs->len; i++) {
        const MtRefGuestSpec *spec = g_ptr_array_index(conn->specs, i);

        if (strcmp(spec->name, name) == 0 ||
            (spec->uuid && g_ascii_strcasecmp(spec->uuid, name) == 0))
            return spec;
    }

    return NULL;
}

/* All that it is called is known without making it. */
static char **
ref_find(gpointer data, const char *name)
{
    const MtRefGuestSpec *spec = ref_find_spec(data, name);
    char **keys = g_new0(char *, 2);

    if (spec)
        keys[0] = g_strdup(spec->name);

    return keys;
}

/* The guest of @spec, made if it is not there yet. */
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

/* The file that this code is from: another one may answer otherwise. */
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

/* All that decides what the guest says that it can do; NULL when that is not
 * worth keeping. */
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
                          "%s: the guest has ended: %s", name, words);
    else
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "%s: the guest has ended", name);
    return FALSE;
}

static void
ref_domain_close(gpointer data)
{
    RefDomain *domain = data;

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
                          "there is no domain with the key \"%s\" here", key);
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

/* FALSE when the monitor is closed. */
static gboolean
ref_run(RefDomain *domain, MigtuneDriverCommand *command)
{
    MtRefRefusal refusal = { NULL };

    switch (mt_ref_guest_execute(domain->guest, command->name,
                                 command->arguments, &command->result,
                                 &refusal)) {
    case MT_REF_ANSWERED:
    case MT_REF_QUIT:
        command->answered = TRUE;
        break;
    case MT_REF_REFUSED:
        command->answered = TRUE;
        command->error = mt_message_refusal(command->name,
                                            refusal.error_class,
                                            refusal.desc);
        break;
    case MT_REF_HANG_UP:
        domain->hung_up = TRUE;
        break;
    }
    mt_ref_refusal_clear(&refusal);

    return !domain->hung_up;
}

static gboolean
ref_execute(gpointer data, MigtuneDriverCommand *commands, guint n_commands,
            GCancellable *cancellable, GError **error)
{
    RefDomain *domain = data;

    for (guint i = 0; i < n_commands; i++) {
        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              "%s: it was cancelled",
                              mt_ref_guest_get_spec(domain->guest)->name);
            return FALSE;
        }
        if (!domain->hung_up && !ref_check_alive(domain, error))
            return FALSE;
        if (domain->hung_up || !ref_run(domain, &commands[i])) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "%s: QEMU closed the connection",
                              mt_ref_guest_get_spec(domain->guest)->name);
            return FALSE;
        }
    }

    return TRUE;
}

static gboolean
ref_reconnect(gpointer data, GCancellable *cancellable, GError **error)
{
    RefDomain *domain = data;

    if (!ref_check_alive(domain, error))
        return FALSE;
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
};

MIGTUNE_DRIVER_DEFINE(ref_driver)
