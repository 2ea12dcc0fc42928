/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The texts of other libraries' errors; see foreign.h.
 *
 * GLib quotes names with typographic quotes, and its errors about files are
 * whole sentences with the name of the file and sometimes of a function.
 * A message of this library that ends with such a text would have two styles of
 * quotes and name the file twice.
 */
#include "config.h"

#include <string.h>

#include "util/foreign.h"

static gboolean
foreign_is_quote(gunichar c)
{
    /* Single and double, opening and closing, at the top and at the bottom. */
    return c >= 0x2018 && c <= 0x201f;
}

char *
mt_foreign_text(const GError *error)
{
    GString *text = g_string_new(NULL);
    g_autofree char *valid =
        g_utf8_make_valid(error && error->message ? error->message : "?", -1);
    const char *start = valid;

    if (error && error->domain == G_FILE_ERROR) {
        const char *colon = g_strrstr(valid, ": ");

        if (colon && colon[2])
            start = colon + 2;
    }
    for (const char *p = start; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        g_string_append_unichar(text, foreign_is_quote(c) ? '\'' : c);
    }

    return g_string_free(text, FALSE);
}
