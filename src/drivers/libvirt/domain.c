/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One guest of libvirt: who it is, and finding it again.
 */
#include "config.h"

#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
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
        lv_error_take(error, LV_TO_ASK, search->name);

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
    if (lv_call(domain_search_run, g_atomic_rc_box_acquire(search),
                domain_search_unref, "look up the domain",
                conn->command_timeout_ms, cancellable, &failure))
        domain = g_steal_pointer(&search->domain);
    else if (lv_domain_is_lost_by(failure))
        lv_conn_lost(conn, ref);
    if (failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    domain_search_unref(search);

    return domain;
}

/* What was found a moment ago, unless it is known to be so no more. */
static virDomainPtr
domain_take_found(LvConn *conn, const char *name)
{
    virDomainPtr domain = lv_conn_take_found(conn, name);
    g_autofree char *how = NULL;
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (!domain || virDomainGetUUIDString(domain, uuid) < 0 ||
        !lv_watch_knows(conn, uuid, virDomainGetID(domain), &how) || !how)
        return domain;

    virDomainFree(domain);
    return NULL;
}

/* A second attempt is made over a new connection. */
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
lv_domain_is_lost_by(const GError *failure)
{
    return g_error_matches(failure, MIGTUNE_ERROR,
                           MIGTUNE_ERROR_DISCONNECTED) ||
           g_error_matches(failure, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) ||
           g_error_matches(failure, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
}

void
lv_domain_set_gone(GError **error, const char *name, const char *how)
{
    migtune_error_set(error, MIGTUNE_ERROR_NOT_RUNNING,
                      "%s: %s since it was opened, and nothing more is sent to "
                      "it: open it again", name, how);
}

gboolean
lv_domain_check(LvDomain *domain, GError **error)
{
    g_autofree char *how = NULL;

    if (!domain->gone && domain->instance &&
        lv_watch_knows(domain->conn, domain->uuid, domain->id, &how)) {
        if (how)
            domain->gone = g_steal_pointer(&how);
        else
            domain->seen_us = g_get_monotonic_time();
    }
    if (!domain->gone)
        return TRUE;

    lv_domain_set_gone(error, domain->name, domain->gone);
    return FALSE;
}

void
lv_domain_lose(LvDomain *domain)
{
    lv_conn_lost(domain->conn, virDomainGetConnect(domain->domain));
    g_clear_pointer(&domain->domain, virDomainFree);
}

/* What is asked of a guest that runs, beside what libvirt tells. */
enum {
    DOMAIN_ASK_VERSION,
    DOMAIN_ASK_CPUS,
    DOMAIN_N_ASKED
};

/* The number of the thread of the first virtual CPU; 0 when it is not told. */
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
 * Fills in @ret_instance and @ret_version.
 *
 * libvirt counts the starts of its domains and begins anew after a restart of
 * its own or of the machine, so its number alone does not tell a process; with
 * the number of a thread it does.
 */
static gboolean
domain_ask(LvDomain *domain, char **ret_instance, JsonNode **ret_version,
           GCancellable *cancellable, GError **error)
{
    MigtuneDriverCommand asked[DOMAIN_N_ASKED] = {
        [DOMAIN_ASK_VERSION] = { .name = "query-version" },
        [DOMAIN_ASK_CPUS] = { .name = "query-cpus-fast" },
    };
    gboolean ok = lv_execute(domain, asked, DOMAIN_N_ASKED, cancellable,
                             error);
    MigtuneDriverCommand *version = &asked[DOMAIN_ASK_VERSION];

    if (ok && version->error) {
        g_propagate_error(error, g_steal_pointer(&version->error));
        ok = FALSE;
    }
    if (ok) {
        *ret_instance = g_strdup_printf(
            "libvirt %s %u %" G_GINT64_FORMAT, domain->uuid,
            virDomainGetID(domain->domain),
            domain_cpu_thread(asked[DOMAIN_ASK_CPUS].result));
        *ret_version = g_steal_pointer(&version->result);
    }
    for (guint i = 0; i < DOMAIN_N_ASKED; i++) {
        g_clear_pointer(&asked[i].result, json_node_unref);
        g_clear_error(&asked[i].error);
    }

    return ok;
}

/*
 * A binary of a distribution is known by its version and package; one that
 * somebody built himself is not.
 */
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

gpointer
lv_domain_open(gpointer data, const char *key, MigtuneDriverIdentity *identity,
               GCancellable *cancellable, GError **error)
{
    LvDomain *domain = g_new0(LvDomain, 1);
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
    domain->seen_us = g_get_monotonic_time();
    if (domain->id != (unsigned int)-1 &&
        !domain_ask(domain, &domain->instance, &version, cancellable, error)) {
        lv_domain_close(domain);
        return NULL;
    }

    identity->name = g_strdup(key);
    identity->uuid = g_strdup(domain->uuid);
    identity->instance = g_strdup(domain->instance);
    identity->inactive = !domain->instance;
    if (version) {
        identity->binary = domain_binary(domain, version);
        identity->version = version;
    }

    return domain;
}

void
lv_domain_close(gpointer data)
{
    LvDomain *domain = data;

    if (domain->domain)
        virDomainFree(domain->domain);
    g_free(domain->name);
    g_free(domain->instance);
    g_free(domain->gone);
    g_free(domain);
}

/* Whether what was found under the name is the guest that was opened. */
static gboolean
domain_is_same(LvDomain *domain, GCancellable *cancellable, GError **error)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    g_autofree char *instance = NULL;
    JsonNode *version = NULL;
    const char *how = NULL;
    gboolean asked = FALSE;

    virDomainGetUUIDString(domain->domain, uuid);
    if (strcmp(uuid, domain->uuid) != 0)
        how = "another guest has got its name";
    else if (virDomainGetID(domain->domain) == (unsigned int)-1)
        how = "it was stopped";
    else
        asked = domain_ask(domain, &instance, &version, cancellable, error);
    if (asked && g_strcmp0(instance, domain->instance) != 0)
        how = "it was stopped and started again";
    g_clear_pointer(&version, json_node_unref);
    if (!how)
        return asked;

    domain->gone = g_strdup(how);
    return lv_domain_check(domain, error);
}

/* A guest that was started anew under the same name is another one. */
gboolean
lv_domain_reconnect(gpointer data, GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;
    gboolean ok;

    if (!lv_domain_check(domain, error))
        return FALSE;
    g_clear_pointer(&domain->domain, virDomainFree);
    domain->domain = domain_search(domain->conn, domain->name, cancellable,
                                   error);
    if (!domain->domain)
        return FALSE;
    domain->reconnects = TRUE;
    ok = domain_is_same(domain, cancellable, error);
    domain->reconnects = FALSE;
    if (!ok)
        g_clear_pointer(&domain->domain, virDomainFree);

    return ok;
}

/* Whether it was found over the connection that there is now. */
static gboolean
domain_is_at_hand(LvDomain *domain)
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
                          "%s: it was stopped before anything was sent",
                          domain->name);
        return FALSE;
    }
    if (domain->reconnects || domain_is_at_hand(domain))
        return TRUE;

    return lv_domain_reconnect(domain, cancellable, error);
}

virDomainPtr
lv_domain_get_any(LvDomain *domain, GError **error)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    virDomainPtr any;

    if (domain_is_at_hand(domain)) {
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
    lv_domain_set_gone(error, domain->name, "another guest has got its name");
    return NULL;
}
