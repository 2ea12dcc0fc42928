/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * Opens the file at @path, which is made if it is not there, and waits up to
 * @timeout_ms until nobody else has it locked.  Closing the descriptor gives
 * the lock back, as does the end of the process.
 *
 * -1 with MIGTUNE_ERROR_IO when it cannot be opened, MIGTUNE_ERROR_BUSY when
 * somebody else kept it, MIGTUNE_ERROR_CANCELLED.  On a file system that has
 * no locks it is open and not locked.
 */
int mt_lock_take(const char *path, guint timeout_ms, GCancellable *cancellable,
                 GError **error);

/* Where what is worth remembering for a while is: $XDG_STATE_HOME/migtune. */
char *mt_lock_state_dir(void);

G_END_DECLS
