/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The texts of other libraries' errors inside this library's messages.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Returns the message of an error of GLib for use at the end of a message, in
 * the style of this library: quotes are 'plain', and an error about a file is
 * only the system's text, because the caller names the file.  Never NULL. */
char *mt_foreign_text(const GError *error);

G_END_DECLS
