/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checks of arguments that several public functions have in common.
 */
#include "config.h"

#include "core/core.h"
#include "util/i18n.h"

gboolean
mt_core_check_flags(unsigned int flags, unsigned int known, GError **error)
{
    if ((flags & ~known) == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("unknown flags 0x%x; accepted: 0x%x"), flags & ~known,
                      known);
    return FALSE;
}

MtRelease
mt_core_parse_release(const char *text, GError **error)
{
    MtRelease release = mt_release_parse(text);
    g_autofree char *first = NULL;
    g_autofree char *last = NULL;

    if (mt_release_exists(release))
        return release;

    first = mt_release_format(MT_RELEASE_FIRST);
    last = mt_release_format(MT_RELEASE_LAST);
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                      _("'%s' is not a QEMU release; expected one from %s to "
                        "%s, such as 7.2"),
                      text, first, last);
    return MT_RELEASE_NONE;
}
