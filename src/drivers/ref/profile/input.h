/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The arguments of a command as QEMU takes them: what is missing, unexpected,
 * of another type or out of the range of its type is refused with the class
 * and in the style of the release.
 */

#include "drivers/ref/profile/profile.h"

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

/* What is refused though it exists: QEMU's -compat; bits. */
typedef enum {
    MT_REF_REJECT_DEPRECATED = 1 << 0,
    MT_REF_REJECT_UNSTABLE = 1 << 1,    /* since 6.2 */
} MtRefReject;

/*
 * FALSE with @refusal filled in when @command does not exist in the release,
 * or does not take @arguments, which may be NULL; also when it, one of them or
 * a value is to be refused by @reject.
 */
gboolean mt_ref_input_check(const MtRefProfile *profile, const char *command,
                            JsonObject *arguments, guint reject,
                            MtRefRefusal *refusal);

G_END_DECLS
