/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Finds, loads and checks drivers. */

#include <json-glib/json-glib.h>

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

/*
 * The driver for @uri, by its scheme: a copy of the module's struct, in which
 * members that the module does not know are NULL.  It stays valid until the
 * process ends.  MIGTUNE_ERROR_INVALID_ARGUMENT if @uri has no scheme,
 * MIGTUNE_ERROR_DRIVER if no driver serves it.
 */
const MigtuneDriver *mt_registry_find(const char *uri, GError **error);

/* As migtune_wait_idle(). */
gboolean mt_registry_wait_idle(guint timeout_ms);

/* As migtune_get_drivers(). */
JsonNode *mt_registry_describe(void);

G_END_DECLS
