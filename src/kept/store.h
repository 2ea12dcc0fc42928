/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Kept settings of domains that nobody else keeps anything for: one file a
 * domain in $XDG_CONFIG_HOME/migtune.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * The file of a domain, by its UUID if it has one, else by @name, which is
 * escaped.  Two domains of the same user that share these share their kept
 * settings.
 */
char *mt_store_path(const char *uuid, const char *name);

/* What is in it; @ret_text is NULL when there is no such file. */
gboolean mt_store_read(const char *path, char **ret_text, gsize *ret_length,
                       GError **error);

/* Makes @text what is in it, readable for its owner alone; NULL removes it.
 * Who does so has the lock. */
gboolean mt_store_write(const char *path, const char *text, GError **error);

/* Waits until nobody else changes it, as mt_lock_take(). */
int mt_store_lock(const char *path, guint timeout_ms,
                  GCancellable *cancellable, GError **error);

G_END_DECLS
