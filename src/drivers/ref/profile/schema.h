/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * query-qmp-schema, and the older query-commands and query-events.  They
 * report only what a reference guest has.
 */

#include "drivers/ref/profile/profile.h"

G_BEGIN_DECLS

/* The return values; transfer full.  @hide_deprecated is -compat's
 * deprecated-output=hide. */
JsonNode *mt_ref_schema_build(const MtRefProfile *profile,
                              gboolean hide_deprecated);
JsonNode *mt_ref_schema_commands(const MtRefProfile *profile);
JsonNode *mt_ref_schema_events(const MtRefProfile *profile);

G_END_DECLS
