/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Two schemas side by side: from each command and event of one down to the
 * last member, whatever the types are called.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/*
 * Every difference of what @ours has from @theirs, as texts such as
 * "migrate(uri: optional here".  What only @theirs has is none, unless it is
 * inside of what both have.
 */
GPtrArray *schema_diff(JsonNode *theirs, JsonNode *ours);

G_END_DECLS
