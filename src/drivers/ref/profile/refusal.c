/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Refusals: the content of "error" in an answer.
 */
#include "config.h"

#include "drivers/ref/profile/input.h"

void
mt_ref_refusal_clear(MtRefRefusal *refusal)
{
    refusal->error_class = NULL;
    g_clear_pointer(&refusal->desc, g_free);
}

gboolean
mt_ref_refuse(MtRefRefusal *refusal, const char *format, ...)
{
    va_list args;

    mt_ref_refusal_clear(refusal);
    refusal->error_class = "GenericError";
    va_start(args, format);
    refusal->desc = g_strdup_vprintf(format, args);
    va_end(args);

    return FALSE;
}
