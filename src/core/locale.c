/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Translations.
 *
 * The library binds its text domain by itself, because a program that uses it
 * knows neither the domain nor where the catalogues are.  Texts are always
 * UTF-8, as in all GLib libraries, whatever the locale of the program is.
 */
#include "config.h"

#include <libintl.h>
#include <stdlib.h>

#include <glib.h>

/* Runs when the library is loaded, before any function of it can be called. */
static void locale_bind(void) __attribute__((constructor));

static void
locale_bind(void)
{
    const char *dir;

    if (!ENABLE_NLS)
        return;

    dir = secure_getenv("MIGTUNE_LOCALE_DIR");
    bindtextdomain(GETTEXT_PACKAGE, dir && *dir ? dir : LOCALE_DIR);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
}
