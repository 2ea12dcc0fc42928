/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The text of answers to human-monitor-command, as QEMU writes it.
 */
#include "config.h"

#include "drivers/ref/monitor/hmp.h"

void
mt_ref_hmp_line(GString *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    g_string_append(out, "\r\n");
}

void
mt_ref_hmp_try_help(GString *out, const char *kind, const char *name)
{
    mt_ref_hmp_line(out, "Try \"help %s%s\" for more information", kind,
                    name);
}

void
mt_ref_hmp_extraneous(GString *out, const char *title, const char *kind,
                      const char *name)
{
    mt_ref_hmp_line(out, "%s: extraneous characters at the end of line", title);
    mt_ref_hmp_try_help(out, kind, name);
}
