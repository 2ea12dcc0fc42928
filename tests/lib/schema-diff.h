/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Compares two schemas, from each command and event of one down to the last
 * member. The names of types are ignored.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * Lists the differences of @ours from @theirs, as texts such as "migrate(uri:
 * optional here". Commands and events that only @theirs has are no difference,
 * but members of common types are.
 */
GPtrArray *schema_diff(JsonNode *theirs, JsonNode *ours);

G_END_DECLS
