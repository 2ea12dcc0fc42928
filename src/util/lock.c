/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lock files, so that only one process at a time changes a guest.
 *
 * The kernel releases a lock when its process ends, so no lock is left behind.
 * The files stay: if one were removed, a third process could create and lock
 * another file of the same name while the first is still locked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "util/i18n.h"
#include "util/lock.h"

#include "migtune/migtune-error.h"

/* Interval between two attempts to take a lock. */
#define LOCK_RETRY_MS 10

/* g_get_user_state_dir() came with GLib 2.72. */
char *
mt_lock_state_dir(void)
{
    const char *state = g_getenv("XDG_STATE_HOME");

    if (state && g_path_is_absolute(state))
        return g_build_filename(state, "migtune", NULL);

    return g_build_filename(g_get_home_dir(), ".local", "state", "migtune",
                            NULL);
}

/* Waits for the lock.  FALSE if another process kept it. */
static gboolean
lock_wait(int fd, guint timeout_ms, GCancellable *cancellable, GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * (gint64)1000;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return TRUE;        /* the file system does not support locks */
        if (g_cancellable_is_cancelled(cancellable)) {
            migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                              _("cancelled while waiting for another migtune "
                                "that is changing this guest"));
            return FALSE;
        }
        if (g_get_monotonic_time() >= end) {
            migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                              _("another migtune is changing this guest and "
                                "did not finish within %u ms"),
                              timeout_ms);
            if (error)
                migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                        "guest-locked");
            return FALSE;
        }
        g_usleep(LOCK_RETRY_MS * 1000);
    }

    return TRUE;
}

int
mt_lock_take(const char *path, guint timeout_ms, GCancellable *cancellable,
             GError **error)
{
    int fd = g_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot open %s: %s"),
                          path, g_strerror(errno));
        return -1;
    }
    if (!lock_wait(fd, timeout_ms, cancellable, error)) {
        close(fd);
        return -1;
    }

    return fd;
}
