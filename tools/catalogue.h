/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The catalogue of parameters as people read it.
 */

#include "tool.h"

/* The rows of @names, NULL for all, that QEMU @release has, NULL for any. */
JsonNode *catalogue_get(const char *const *names, const char *release,
                        GError **error);

/* Whether no NAME=VALUE of @words is about something that the catalogue knows
 * and that is not a capability. */
gboolean catalogue_check_capabilities(GPtrArray *words, GError **error);

void catalogue_print_table(Tool *tool, JsonNode *rows);
void catalogue_print_details(Tool *tool, JsonNode *rows);
void catalogue_print_names(JsonNode *rows);

/* The list of migtune-params(7). */
void catalogue_print_rst(JsonNode *rows);
