/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One guest of libvirt: its identity, and finding it again.
 *
 * Opening a guest uses libvirt's functions only, because QEMU's monitor taints
 * the guest.  lv_domain_identify() adds what only the monitor tells, and is
 * called before the first command that uses the monitor anyway.
 */
#include "config.h"

#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

/* A domain to be looked up; counted. */
typedef struct {
    virConnectPtr conn;
    char *name;
    virDomainPtr domain;
} LvSearch;

static void
domain_search_clear(gpointer data)
{
    LvSearch *search = data;

    if (search->domain)
        virDomainFree(search->domain);
    virConnectClose(search->conn);
    g_free(search->name);
}

static void
domain_search_unref(gpointer search)
{
    g_atomic_rc_box_release_full(search, domain_search_clear);
}

static gboolean
domain_search_run(gpointer data, GError **error)
{
    LvSearch *search = data;

    search->domain = virDomainLookupByName(search->conn, search->name);
    if (!search->domain)
        lv_error_take(error, LV_TO_QUERY, search->name);

    return search->domain != NULL;
}

static virDomainPtr
domain_search_once(LvConn *conn, const char *name, GCancellable *cancellable,
                   GError **error)
{
    virConnectPtr ref = lv_conn_get(conn, cancellable, error);
    g_autoptr(GError) failure = NULL;
    virDomainPtr domain = NULL;
    LvSearch *search;

    if (!ref)
        return NULL;
    search = g_atomic_rc_box_new0(LvSearch);
    search->conn = ref;
    search->name = g_strdup(name);
    if (lv_call(ref, domain_search_run, g_atomic_rc_box_acquire(search),
                domain_search_unref, LV_CALL_LOOKUP,
                conn->command_timeout_ms, cancellable, &failure))
        domain = g_steal_pointer(&search->domain);
    else if (lv_error_loses_connection(failure))
        lv_conn_lost(conn, ref);
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    domain_search_unref(search);

    return domain;
}

/* The domain as it was found recently, unless it may have been restarted since
 * then. */
static virDomainPtr
domain_take_found(LvConn *conn, const char *name)
{
    gint64 found_us = 0;
    virDomainPtr domain = lv_conn_take_found(conn, name, &found_us);
    char uuid[VIR_UUID_STRING_BUFLEN];
    g_autofree char *how = NULL;
    gboolean migrated;

    if (!domain)
        return NULL;
    if (virDomainGetUUIDString(domain, uuid) == 0 &&
        lv_conn_has_ended(conn, uuid, virDomainGetID(domain), &how,
                          &migrated)) {
        if (!how)
            return domain;
    } else if (g_get_monotonic_time() - found_us <= LV_SEEN_US) {
        return domain;
    }

    virDomainFree(domain);
    return NULL;
}

/* Looks the domain up; once more if the connection was lost. */
static virDomainPtr
domain_search(LvConn *conn, const char *name, GCancellable *cancellable,
              GError **error)
{
    virDomainPtr domain = domain_take_found(conn, name);
    g_autoptr(GError) failure = NULL;

    if (!domain)
        domain = domain_search_once(conn, name, cancellable, &failure);
    if (!domain && g_error_matches(failure, MIGTUNE_ERROR,
                                   MIGTUNE_ERROR_DISCONNECTED))
        return domain_search_once(conn, name, cancellable, error);
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));

    return domain;
}

gboolean
lv_domain_check(LvDomain *domain, GError **error)
{
    g_autofree char *how = NULL;
    gboolean migrated;

    if (!domain->gone && domain->runs &&
        lv_conn_has_ended(domain->conn, domain->uuid, domain->id, &how,
                          &migrated)) {
        if (how)
            domain->gone = g_steal_pointer(&how);
        else
            domain->seen_us = g_get_monotonic_time();
    }
    if (!domain->gone)
        return TRUE;

    lv_error_set_gone(error, domain->name, domain->gone);
    return FALSE;
}

void
lv_domain_lose(LvDomain *domain)
{
    lv_passes_end(domain);
    lv_conn_lost(domain->conn, virDomainGetConnect(domain->domain));
    g_clear_pointer(&domain->domain, virDomainFree);
}

gboolean
lv_domain_run(LvDomain *domain, gboolean no_monitor,
              MigtuneDriverCommand *commands, guint n_commands,
              gboolean *ret_repeatable, GCancellable *cancellable,
              GError **error)
{
    const LvTarget target = {
        .domain = domain->domain,
        .name = domain->name,
        .uuid = domain->uuid,
        .id = domain->id,
        .check_id = g_get_monotonic_time() - domain->seen_us > LV_SEEN_US,
        .check_arrival = !domain->arrived,
        .no_monitor = no_monitor,
        .n_querying = &domain->conn->n_querying,
        .timeout_ms = domain->conn->command_timeout_ms,
    };
    g_autoptr(GError) failure = NULL;
    LvOutcome outcome;
    gboolean ok = lv_batch_run(&target, commands, n_commands, &outcome,
                               cancellable, &failure);

    if (outcome.checked)
        domain->seen_us = g_get_monotonic_time();
    if (outcome.arrived)
        domain->arrived = TRUE;
    if (outcome.gone)
        domain->gone = g_strdup(_(outcome.gone));
    *ret_repeatable = outcome.repeatable;
    if (ok)
        return TRUE;

    if (lv_error_loses_connection(failure))
        lv_domain_lose(domain);
    g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

/* The queries that identify a running process. */
enum {
    DOMAIN_QUERY_VERSION,
    DOMAIN_QUERY_CPUS,
    DOMAIN_N_QUERIES
};

/* The number of the thread of the first virtual CPU; 0 if QEMU does not report
 * it. */
static gint64
domain_cpu_thread(JsonNode *cpus)
{
    JsonArray *array;
    gint64 thread = 0;

    if (!cpus || !JSON_NODE_HOLDS_ARRAY(cpus))
        return 0;
    array = json_node_get_array(cpus);
    if (json_array_get_length(array) > 0 &&
        JSON_NODE_HOLDS_OBJECT(json_array_get_element(array, 0)))
        mt_json_peek_int(json_array_get_object_element(array, 0), "thread-id",
                         &thread);

    return thread;
}

/*
 * Asks QEMU for its version and for what identifies its process.
 *
 * libvirt numbers the starts of its domains, but begins again at 1 after a
 * restart of the host or, without running guests, of the daemon.  The number
 * and the number of a thread together identify a process.
 */
static gboolean
domain_query_identity(LvDomain *domain, char **ret_instance,
                      JsonNode **ret_version, GCancellable *cancellable,
                      GError **error)
{
    MigtuneDriverCommand queries[DOMAIN_N_QUERIES] = {
        [DOMAIN_QUERY_VERSION] = { .name = "query-version" },
        [DOMAIN_QUERY_CPUS] = { .name = "query-cpus-fast" },
    };
    gboolean repeatable;
    gboolean ok = lv_domain_run(domain, FALSE, queries, DOMAIN_N_QUERIES,
                                &repeatable, cancellable, error);
    MigtuneDriverCommand *version = &queries[DOMAIN_QUERY_VERSION];

    if (ok && version->error) {
        g_propagate_error(error, g_steal_pointer(&version->error));
        ok = FALSE;
    }
    if (ok) {
        *ret_instance = g_strdup_printf(
            "libvirt %s %u %" G_GINT64_FORMAT, domain->uuid, domain->id,
            domain_cpu_thread(queries[DOMAIN_QUERY_CPUS].result));
        *ret_version = g_steal_pointer(&version->result);
    }
    for (guint i = 0; i < DOMAIN_N_QUERIES; i++) {
        g_clear_pointer(&queries[i].result, json_node_unref);
        g_clear_error(&queries[i].error);
    }

    return ok;
}

/* Identifies the binary of a distribution by its version and package; other
 * binaries of one version may differ, so NULL. */
static char *
domain_binary(const LvDomain *domain, JsonNode *version)
{
    const char *package = NULL;
    g_autofree char *line = NULL;

    if (JSON_NODE_HOLDS_OBJECT(version))
        package = mt_json_peek_string(json_node_get_object(version),
                                      "package");
    if (!package || !*package)
        return NULL;
    line = mt_json_to_line(version);

    return g_strdup_printf("libvirt %s %s", domain->conn->uri, line);
}

/* The version of the host's QEMU; NULL if libvirt does not report it. */
static JsonNode *
domain_look_version(LvDomain *domain, GCancellable *cancellable,
                    GError **error)
{
    MigtuneDriverCommand query = { .name = "query-version" };
    unsigned long version = lv_conn_get_qemu_version(domain->conn);
    gboolean repeatable;

    if (version)
        return lv_bare_version(version);
    if (!lv_domain_run(domain, TRUE, &query, 1, &repeatable, cancellable,
                       error))
        return NULL;
    g_clear_error(&query.error);

    return query.result;
}

gpointer
lv_domain_open(gpointer data, const char *key, MigtuneDriverIdentity *identity,
               GCancellable *cancellable, GError **error)
{
    LvDomain *domain = g_new0(LvDomain, 1);
    g_autoptr(GError) failure = NULL;
    JsonNode *version = NULL;

    domain->conn = data;
    domain->name = g_strdup(key);
    domain->domain = domain_search(domain->conn, key, cancellable, error);
    if (!domain->domain ||
        virDomainGetUUIDString(domain->domain, domain->uuid) < 0) {
        lv_domain_close(domain);
        return NULL;
    }
    domain->id = virDomainGetID(domain->domain);
    domain->runs = domain->id != (unsigned int)-1;
    domain->seen_us = g_get_monotonic_time();
    if (domain->runs)
        version = domain_look_version(domain, cancellable, &failure);
    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        lv_domain_close(domain);
        return NULL;
    }

    identity->name = g_strdup(key);
    identity->uuid = g_strdup(domain->uuid);
    identity->version = version;
    identity->inactive = !domain->runs;

    return domain;
}

gpointer
lv_domain_adopt(gpointer data, gpointer native, char **ret_key,
                MigtuneDriverIdentity *identity, GCancellable *cancellable,
                GError **error)
{
    const char *name = virDomainGetName(native);
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    LvConn *conn = data;
    LvDomain *domain;

    if (!name || virDomainGetUUIDString(native, uuid) < 0 ||
        !lv_conn_is_current(conn, native)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("the domain belongs to another connection to "
                            "libvirt than %s"), conn->uri);
        return NULL;
    }
    /* The program's handle has the number of the start as of its lookup. */
    domain = lv_domain_open(conn, name, identity, cancellable, error);
    if (domain && strcmp(domain->uuid, uuid) != 0) {
        lv_error_set_gone(error, name, _("another guest has its name now"));
        lv_domain_close(domain);
        return NULL;
    }
    if (domain)
        *ret_key = g_strdup(name);

    return domain;
}

gboolean
lv_domain_identify(gpointer data, MigtuneDriverIdentity *identity,
                   GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;
    g_autofree char *instance = NULL;
    JsonNode *version = NULL;

    if (!domain->runs || domain->conn->no_monitor)
        return TRUE;
    /* A daemon that was restarted shows only at the next call. */
    for (guint i = 0; !version; i++) {
        g_autoptr(GError) failure = NULL;

        if (!lv_domain_get_ready(domain, cancellable, error))
            return FALSE;
        if (!domain_query_identity(domain, &instance, &version, cancellable,
                                   &failure) &&
            (i > 0 || !g_error_matches(failure, MIGTUNE_ERROR,
                                       MIGTUNE_ERROR_DISCONNECTED))) {
            g_propagate_error(error, g_steal_pointer(&failure));
            return FALSE;
        }
    }
    g_free(domain->instance);
    domain->instance = g_strdup(instance);
    g_free(identity->instance);
    identity->instance = g_steal_pointer(&instance);
    g_free(identity->binary);
    identity->binary = domain_binary(domain, version);
    g_clear_pointer(&identity->version, json_node_unref);
    identity->version = version;

    return TRUE;
}

void
lv_domain_close(gpointer data)
{
    LvDomain *domain = data;

    lv_passes_end(domain);
    if (domain->domain)
        virDomainFree(domain->domain);
    g_free(domain->name);
    g_free(domain->instance);
    g_free(domain->gone);
    g_free(domain);
}

/* Whether the domain that was found by its name is the process that was
 * opened. */
static gboolean
domain_is_same(LvDomain *domain, GCancellable *cancellable, GError **error)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    g_autofree char *instance = NULL;
    guint id = virDomainGetID(domain->domain);
    JsonNode *version = NULL;
    const char *how = NULL;

    virDomainGetUUIDString(domain->domain, uuid);
    if (strcmp(uuid, domain->uuid) != 0)
        how = _("another guest has its name now");
    else if (domain->runs && id == (unsigned int)-1)
        how = _("it was stopped");
    else if (domain->runs && id != domain->id)
        how = _("it was stopped and started again");
    if (!how && domain->instance) {
        if (!domain_query_identity(domain, &instance, &version, cancellable,
                                   error))
            return FALSE;
        json_node_unref(version);
        if (strcmp(instance, domain->instance) != 0)
            how = _("it was stopped and started again");
    }
    if (!how)
        return TRUE;

    domain->gone = g_strdup(how);
    return lv_domain_check(domain, error);
}

gboolean
lv_domain_reconnect(gpointer data, GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;

    if (!lv_domain_check(domain, error))
        return FALSE;
    g_clear_pointer(&domain->domain, virDomainFree);
    domain->domain = domain_search(domain->conn, domain->name, cancellable,
                                   error);
    if (!domain->domain)
        return FALSE;
    domain->seen_us = g_get_monotonic_time();
    if (domain_is_same(domain, cancellable, error))
        return TRUE;

    g_clear_pointer(&domain->domain, virDomainFree);
    return FALSE;
}

static gboolean
domain_is_usable(LvDomain *domain)
{
    return domain->domain &&
           lv_conn_is_current(domain->conn, domain->domain);
}

gboolean
lv_domain_get_ready(LvDomain *domain, GCancellable *cancellable,
                    GError **error)
{
    if (!lv_domain_check(domain, error))
        return FALSE;
    if (g_cancellable_is_cancelled(cancellable)) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("%s: cancelled before anything was sent"),
                          domain->name);
        return FALSE;
    }
    if (domain_is_usable(domain))
        return TRUE;

    return lv_domain_reconnect(domain, cancellable, error);
}

virDomainPtr
lv_domain_get_any(LvDomain *domain, GError **error)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainPtr any;

    if (domain_is_usable(domain)) {
        virDomainRef(domain->domain);
        return domain->domain;
    }

    any = domain_search(domain->conn, domain->name, NULL, error);
    if (!any)
        return NULL;
    virDomainGetUUIDString(any, uuid);
    if (strcmp(uuid, domain->uuid) == 0)
        return any;

    virDomainFree(any);
    lv_error_set_gone(error, domain->name,
                      _("another guest has its name now"));
    return NULL;
}
