/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The arguments of a command as QEMU takes them: what is missing, unexpected,
 * of another type or out of the range of its type is refused with the class
 * and in the style of the release.
 */

#include "drivers/ref/profile.h"

G_BEGIN_DECLS

/* A refusal: what stands in "error" of an answer. */
typedef struct {
    const char *error_class;    /* "GenericError", "CommandNotFound", ... */
    char *desc;
} MtRefRefusal;

void mt_ref_refusal_clear(MtRefRefusal *refusal);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MtRefRefusal, mt_ref_refusal_clear)

/* Sets it; for use as `return mt_ref_refuse(refusal, "...", ...)`. */
gboolean mt_ref_refuse(MtRefRefusal *refusal, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/*
 * FALSE with @refusal filled in when @command does not exist in the release
 * (also by -compat deprecated-input reject), or does not take @arguments,
 * which may be NULL.
 */
gboolean mt_ref_input_check(const MtRefProfile *profile, const char *command,
                            JsonObject *arguments, gboolean reject_deprecated,
                            MtRefRefusal *refusal);

G_END_DECLS
