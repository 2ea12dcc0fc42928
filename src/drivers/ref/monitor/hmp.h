/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * human-monitor-command: hmp.c has the commands, hmp-info.c has `info`, and
 * hmp-text.c the texts that both use.
 */

#include "drivers/ref/guest/guest-private.h"

G_BEGIN_DECLS

/* Runs a QMP command; the lock @command is held. */
typedef gboolean (*MtRefDispatch)(MtRefGuest *guest, const char *command,
                                  JsonObject *arguments,
                                  JsonNode **ret_result,
                                  MtRefRefusal *refusal);

/* Runs one line.  Returns QEMU's text, newly allocated. */
char *mt_ref_hmp_run(MtRefGuest *guest, MtRefDispatch dispatch,
                     const char *line);

/* Appends one line to the answer. */
void mt_ref_hmp_line(GString *out, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Points to the help for the command @name; @kind is "" or "info ". */
void mt_ref_hmp_try_help(GString *out, const char *kind, const char *name);

/* Reports words that the command does not take.  @title is what QEMU calls the
 * command in this message; @kind and @name are for the help. */
void mt_ref_hmp_extraneous(GString *out, const char *title, const char *kind,
                           const char *name);

/* `info WHAT`; @more: another word follows. */
void mt_ref_hmp_info(MtRefGuest *guest, MtRefDispatch dispatch,
                     const char *what, gboolean more, GString *out);

G_END_DECLS
