/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a function for every domain; see each.h.
 *
 * Results are collected and sorted, so that the order of the output does not
 * depend on which guest answers first.
 */
#include "config.h"

#include <string.h>

#include "each.h"

typedef struct {
    EachFunc func;
    gconstpointer data;
    GCancellable *cancellable;

    GMutex lock;
    GPtrArray *results;
} Each;

static void
each_result_free(gpointer data)
{
    EachResult *result = data;

    g_free(result->key);
    g_clear_pointer(&result->document, json_node_unref);
    g_clear_error(&result->error);
    g_free(result);
}

static int
each_compare(gconstpointer a, gconstpointer b)
{
    const EachResult *const *first = a;
    const EachResult *const *second = b;

    int order = strcmp(each_get_name(*first), each_get_name(*second));

    return order ? order : strcmp((*first)->key, (*second)->key);
}

static void
each_store_result(const char *key, MigtuneDomain *domain, const GError *error,
          gpointer user_data)
{
    Each *each = user_data;
    EachResult *result = g_new0(EachResult, 1);

    result->key = g_strdup(key);
    if (domain) {
        result->document = each->func(domain, each->data, &result->status,
                                      each->cancellable, &result->error);
    } else {
        result->error = g_error_copy(error);
    }
    if (result->error && result->status == TOOL_DONE)
        result->status = tool_get_status(result->error);

    g_mutex_lock(&each->lock);
    g_ptr_array_add(each->results, result);
    g_mutex_unlock(&each->lock);
}

/* Whether the guest with this key need not be visited again: it was running
 * when the running guests were listed.  A guest that ended before it answered is
 * visited again, and its first result removed. */
static gboolean
each_is_visited(Each *each, const char *key)
{
    for (guint i = 0; i < each->results->len; i++) {
        const EachResult *result = each->results->pdata[i];

        if (strcmp(result->key, key) != 0)
            continue;
        if (!result->error)
            return TRUE;
        g_ptr_array_remove_index(each->results, i);
        return FALSE;
    }

    return FALSE;
}

/* Inactive guests are not asked anything, so this needs no threads. */
static gboolean
each_visit_inactive(Each *each, MigtuneConn *conn, GError **error)
{
    g_auto(GStrv) keys =
        migtune_conn_list_inactive(conn, each->cancellable, error);

    for (guint i = 0; keys && keys[i]; i++) {
        g_autoptr(GError) failure = NULL;
        g_autoptr(MigtuneDomain) domain = NULL;

        if (each_is_visited(each, keys[i]))
            continue;
        domain = migtune_conn_open_domain(conn, keys[i], each->cancellable,
                                          &failure);
        each_store_result(keys[i], domain, failure, each);
    }

    return keys != NULL;
}

GPtrArray *
each_domain(Tool *tool, EachFunc func, gconstpointer data, GError **error)
{
    return each_domain_of(tool, EACH_ACTIVE, func, data, error);
}

GPtrArray *
each_domain_of(Tool *tool, EachWhich which, EachFunc func, gconstpointer data,
               GError **error)
{
    MigtuneConn *conn = tool_connect(tool, error);
    g_autoptr(GPtrArray) results =
        g_ptr_array_new_with_free_func(each_result_free);
    Each each = { .func = func,
                  .data = data,
                  .results = results,
                  .cancellable = tool->cancellable };
    gboolean done = TRUE;

    if (!conn)
        return NULL;

    g_mutex_init(&each.lock);
    if (which & EACH_ACTIVE)
        done = migtune_conn_foreach(conn, 0, each_store_result, &each,
                                    tool->cancellable, error);
    if (done && (which & EACH_INACTIVE))
        done = each_visit_inactive(&each, conn, error);
    g_mutex_clear(&each.lock);
    if (!done)
        return NULL;

    g_ptr_array_sort(results, each_compare);
    return g_steal_pointer(&results);
}

int
each_status(GPtrArray *results)
{
    /* The most important status first. */
    static const int order[] = {
        TOOL_UNKNOWN, TOOL_FAILED, TOOL_USAGE, TOOL_BUSY, TOOL_INEXACT
    };

    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        for (guint j = 0; j < results->len; j++) {
            const EachResult *result = results->pdata[j];

            if (result->status == order[i])
                return order[i];
        }
    }

    return TOOL_DONE;
}

/* Whether an error before @nth has the same text, apart from the guest. */
static gboolean
each_is_reported(GPtrArray *results, guint nth)
{
    const EachResult *result = results->pdata[nth];

    for (guint i = 0; i < nth; i++) {
        const EachResult *other = results->pdata[i];

        if (other->error &&
            strcmp(other->error->message, result->error->message) == 0)
            return TRUE;
    }

    return FALSE;
}

int
each_get_failure(GPtrArray *results)
{
    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];

        if (!result->error)
            return TOOL_DONE;
    }

    return each_status(results);
}

void
each_report_errors(GPtrArray *results)
{
    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        const char *name = each_get_name(result);

        if (!result->error || each_is_reported(results, i))
            continue;
        /* Most messages already begin with the key. */
        if (g_str_has_prefix(result->error->message, name))
            out_error("%s", result->error->message);
        else
            out_error("%s: %s", name, result->error->message);
    }
}

JsonNode *
each_to_json(GPtrArray *results)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        JsonObject *object;

        if (result->document) {
            json_array_add_element(array, json_node_copy(result->document));
            continue;
        }
        object = json_object_new();
        json_object_set_string_member(object, "key", result->key);
        json_object_set_member(object, "error",
                               out_error_to_json(result->error));
        json_array_add_object_element(array, object);
    }

    json_node_take_array(node, array);
    return node;
}

gboolean
each_shares_name(GPtrArray *results)
{
    /* The results are sorted by name. */
    for (guint i = 1; i < results->len; i++)
        if (strcmp(each_get_name(results->pdata[i - 1]),
                   each_get_name(results->pdata[i])) == 0)
            return TRUE;

    return FALSE;
}

const char *
each_get_name(const EachResult *result)
{
    const char *name = NULL;

    if (result->document && JSON_NODE_HOLDS_OBJECT(result->document))
        name = out_get_string(json_node_get_object(result->document),
                              "domain");

    return name ? name : result->key;
}
