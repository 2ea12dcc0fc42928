/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The table of the commands of a reference guest.
 */

#include "drivers/ref/guest/guest-private.h"

G_BEGIN_DECLS

typedef gboolean (*MtRefRun)(MtRefGuest *guest, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);

/* NULL if there is no such command. */
MtRefRun mt_ref_command_get_run(const char *name);

G_END_DECLS
