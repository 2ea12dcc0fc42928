/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Kept settings of domains whose driver does not keep them: one file for each
 * domain in $XDG_CONFIG_HOME/migtune.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * The file of a domain, by its UUID if it has one, else by @name, which is
 * escaped. Two domains of one user with the same UUID or name share their kept
 * settings.
 */
char *mt_store_path(const char *uuid, const char *name);

/* Reads the file; @ret_text is NULL if it does not exist. */
gboolean mt_store_read(const char *path, char **ret_text, gsize *ret_length,
                       GError **error);

/* Replaces the content of the file, which only its owner can read; NULL
 * removes the file. The caller holds the lock. */
gboolean mt_store_write(const char *path, const char *text, GError **error);

/* Waits until no other process changes the file, as mt_lock_take(). */
int mt_store_lock(const char *path, guint timeout_ms,
                  GCancellable *cancellable, GError **error);

G_END_DECLS
