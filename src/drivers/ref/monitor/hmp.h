/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the two halves of human-monitor-command share: hmp.c has the commands,
 * hmp-info.c what `info` tells.
 */

#include "drivers/ref/guest/guest-private.h"

G_BEGIN_DECLS

/* One line of the answer. */
void mt_ref_hmp_line(GString *out, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* There are more words behind what is called @who than it takes; the help for
 * it is that of @kind and @name. */
void mt_ref_hmp_extraneous(GString *out, const char *who, const char *kind,
                           const char *name);

/* What a QMP command returns, NULL if it is refused.  To be unreffed. */
JsonNode *mt_ref_hmp_ask(MtRefGuest *guest, const char *command);

/* `info WHAT`; @more: another word follows. */
void mt_ref_hmp_info(MtRefGuest *guest, const char *what, gboolean more,
                     GString *out);

G_END_DECLS
