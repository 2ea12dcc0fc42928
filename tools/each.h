/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Runs a function for every domain of the connection, several at a time.
 */

#include "tool.h"

typedef struct {
    char *key;
    JsonNode *document;     /* NULL if there is no document */
    GError *error;          /* NULL if nothing failed */
    int status;
} EachResult;

/* Called for one domain; calls run in several threads at once. */
typedef JsonNode *(*EachFunc)(MigtuneDomain *domain, gconstpointer data,
                              int *status, GCancellable *cancellable, GError **error);

/* The domains to visit. */
typedef enum {
    EACH_ACTIVE = 1 << 0,
    EACH_INACTIVE = 1 << 1,     /* defined, but not running */
} EachWhich;

/* Calls @func once for each of the domains. Returns EachResult pointers sorted by
 * name and then by key, or NULL on error. */
GPtrArray *each_domain(Tool *tool, EachFunc func, gconstpointer data,
                       GError **error);
GPtrArray *each_domain_of(Tool *tool, EachWhich which, EachFunc func,
                          gconstpointer data, GError **error);

/* Returns the worst status. */
int each_status(GPtrArray *results);

/* Returns the status if no domain could be asked, else TOOL_DONE. */
int each_get_failure(GPtrArray *results);

/* Prints the errors to standard error; an error that is the same for several
 * guests, once. */
void each_report_errors(GPtrArray *results);

/* Returns an array of all documents. A domain without a document is an object
 * with "key" and "error". */
JsonNode *each_to_json(GPtrArray *results);

/* Returns whether two domains have the same name. */
gboolean each_shares_name(GPtrArray *results);

/* Returns the name of the domain from its document, or else its key. */
const char *each_get_name(const EachResult *result);
