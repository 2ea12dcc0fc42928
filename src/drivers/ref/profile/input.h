/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The arguments of a command, checked as QEMU does: missing and unexpected
 * members, other types and numbers out of the range of their type are refused
 * with the class and the text of the release.
 */

#include "drivers/ref/profile/profile.h"

G_BEGIN_DECLS

/* The content of "error" in an answer. */
typedef struct {
    const char *error_class;    /* "GenericError", "CommandNotFound", ... */
    char *desc;
} MtRefRefusal;

void mt_ref_refusal_clear(MtRefRefusal *refusal);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MtRefRefusal, mt_ref_refusal_clear)

/* Sets it; for use as `return mt_ref_refuse(refusal, "...", ...)`. */
gboolean mt_ref_refuse(MtRefRefusal *refusal, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Input that is refused although it exists: QEMU's option -compat; bits. */
typedef enum {
    MT_REF_REJECT_DEPRECATED = 1 << 0,
    MT_REF_REJECT_UNSTABLE = 1 << 1,    /* since 6.2 */
} MtRefReject;

/*
 * FALSE with @refusal if @command does not exist in the release or does not
 * accept @arguments (may be NULL), or if @reject refuses the command, an
 * argument or a value.
 */
gboolean mt_ref_input_check(const MtRefProfile *profile, const char *command,
                            JsonObject *arguments, guint reject,
                            MtRefRefusal *refusal);

G_END_DECLS
