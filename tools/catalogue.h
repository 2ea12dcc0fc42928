/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The catalogue of parameters as text.
 */

#include "tool.h"

/* Returns the rows of @names, in which * and ? are wildcards (NULL: all rows), in
 * QEMU @release (NULL: in any release). */
JsonNode *catalogue_get(const char *const *names, const char *release,
                        GError **error);

/* Returns those of @rows whose names or description contain @word; fails if
 * there are none. */
JsonNode *catalogue_search(JsonNode *rows, const char *word, GError **error);

/* Fails if a NAME=VALUE of @words names a catalogue row that is not a
 * capability. */
gboolean catalogue_check_capabilities(GPtrArray *words, GError **error);

void catalogue_print_table(Tool *tool, JsonNode *rows);
void catalogue_print_details(Tool *tool, JsonNode *rows);
void catalogue_print_names(JsonNode *rows);

/* Prints the list for migtune-params(7), ordered by topic. */
void catalogue_print_rst(JsonNode *rows);
