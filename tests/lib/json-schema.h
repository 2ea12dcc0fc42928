/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Validates the output of the commands by the JSON schema that is installed.
 *
 * It is stricter than JSON Schema: a member that the schema does not name is an
 * error, so that a new member is described before it is printed.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* The schema in the source tree; for json_node_unref(). */
JsonNode *json_schema_load(void);

/* Returns the first error of @node, "path: text", for g_free(); NULL if @node is
 * as @definition of the schema @root says. */
char *json_schema_find_error(JsonObject *root, const char *definition,
                             JsonNode *node);

/* Ends the test program unless @text, the output of @line, is as one of the
 * definitions of @command says. */
void json_schema_check_output(JsonObject *root, const char *command,
                              const char *line, const char *text);

G_END_DECLS
