/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The same for every domain of the connection, several at a time.
 */

#include "tool.h"

typedef struct {
    char *key;
    JsonNode *document;     /* NULL: there is none */
    GError *error;          /* NULL: nothing failed */
    int status;
} EachResult;

/* What is done with one domain; called from several threads at once. */
typedef JsonNode *(*EachFunc)(MigtuneDomain *domain, gconstpointer data,
                              int *status, GError **error);

/* Which domains. */
typedef enum {
    EACH_ACTIVE = 1 << 0,
    EACH_INACTIVE = 1 << 1,     /* defined, and they do not run */
} EachWhich;

/* Does it with those that run; returns EachResult pointers sorted by key, NULL
 * on error. */
GPtrArray *each_domain(Tool *tool, EachFunc func, gconstpointer data,
                       GError **error);
GPtrArray *each_domain_of(Tool *tool, EachWhich which, EachFunc func,
                          gconstpointer data, GError **error);

/* The worst status of all. */
int each_status(GPtrArray *results);

/* Says on standard error what failed, and where. */
void each_report_errors(GPtrArray *results);

/* One array of all documents; for a domain without one an object with "key"
 * and "error". */
JsonNode *each_to_json(GPtrArray *results);

/* The name of the domain in the document, or the key without one. */
const char *each_get_name(const EachResult *result);
