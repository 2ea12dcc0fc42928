/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Opens the file at @path, creates it if it does not exist, and locks it.  Waits
 * up to @timeout_ms while another process has it locked.  Closing the returned
 * descriptor releases the lock, and so does the end of the process.
 *
 * Returns -1 with MIGTUNE_ERROR_IO if the file cannot be opened,
 * MIGTUNE_ERROR_BUSY if another process kept the lock, or
 * MIGTUNE_ERROR_CANCELLED.  If the file system does not support locks, the file
 * is open and not locked.
 */
int mt_lock_take(const char *path, guint timeout_ms, GCancellable *cancellable,
                 GError **error);

/* The directory for locks and journals: $XDG_STATE_HOME/migtune. */
char *mt_lock_state_dir(void);

G_END_DECLS
