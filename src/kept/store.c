/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kept settings in files.
 *
 * A file is replaced in one step and is on the disk before it replaces the
 * former one: unlike what util/replace.h is for, nobody could write it anew.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "kept/document.h"
#include "kept/store.h"
#include "util/i18n.h"
#include "util/lock.h"

#include "migtune/migtune-error.h"

/* File names have 255 bytes; the ending and a lock's want some. */
#define STORE_NAME_MAX 200

/* What may be in a file name stays, the rest becomes %XX. */
static char *
store_escape(const char *name)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (const char *p = name; *p; p++) {
        if (g_ascii_isalnum(*p) || strchr("_-", *p) || (*p == '.' && p > name))
            g_string_append_c(text, *p);
        else
            g_string_append_printf(text, "%%%02X", (guchar)*p);
    }
    if (text->len > STORE_NAME_MAX) {
        g_autofree char *digest =
            g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);

        g_string_truncate(text, STORE_NAME_MAX - 33);
        g_string_append_printf(text, "-%.32s", digest);
    }

    return g_string_free(g_steal_pointer(&text), FALSE);
}

char *
mt_store_path(const char *uuid, const char *name)
{
    g_autofree char *lower = uuid ? g_ascii_strdown(uuid, -1) : NULL;
    g_autofree char *stem = store_escape(lower ? lower : name);
    g_autofree char *file = g_strconcat(stem, ".xml", NULL);

    return g_build_filename(g_get_user_config_dir(), "migtune", file, NULL);
}

gboolean
mt_store_read(const char *path, char **ret_text, gsize *ret_length,
              GError **error)
{
    g_autoptr(GError) cause = NULL;
    GStatBuf status;

    *ret_text = NULL;
    *ret_length = 0;
    if (g_stat(path, &status) < 0 && errno == ENOENT)
        return TRUE;
    /* Reading anything else might wait for ever. */
    if (!S_ISREG(status.st_mode) || status.st_size > MT_KEPT_MAX_BYTES) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("%s holds no kept settings: it is no file of up "
                            "to %d bytes"),
                          path, MT_KEPT_MAX_BYTES);
        return FALSE;
    }
    if (!g_file_get_contents(path, ret_text, ret_length, &cause)) {
        if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s", cause->message);
        return FALSE;
    }

    return TRUE;
}

/* Until it is on the disk. */
static gboolean
store_write_through(int fd, const char *text)
{
    gsize left = strlen(text);

    while (left > 0) {
        ssize_t n = write(fd, text, left);

        if (n < 0 && errno != EINTR)
            return FALSE;
        if (n > 0) {
            text += n;
            left -= n;
        }
    }

    return fsync(fd) == 0;
}

/* So that the new name is on the disk, too; where that cannot be had, it is
 * there a little later. */
static void
store_sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/*
 * By way of a file that has always the same name: whoever is killed while he
 * writes leaves one behind, and the next writes over it.  There is one writer,
 * who has the lock.
 */
static gboolean
store_replace(const char *path, const char *text)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *scratch = g_strdup_printf("%s/.%s.new", dir, base);
    int fd = g_open(scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
                                 O_NOFOLLOW, 0600);
    gboolean written;
    int cause;

    if (fd < 0)
        return FALSE;
    written = store_write_through(fd, text);
    cause = errno;
    close(fd);
    errno = cause;
    if (written && g_rename(scratch, path) == 0) {
        store_sync_folder(dir);
        return TRUE;
    }

    cause = errno;
    g_unlink(scratch);
    errno = cause;
    return FALSE;
}

gboolean
mt_store_write(const char *path, const char *text, GError **error)
{
    if (!text) {
        if (g_unlink(path) == 0 || errno == ENOENT)
            return TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot remove %s: %s"),
                          path, g_strerror(errno));
        return FALSE;
    }
    if (store_replace(path, text))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot write %s: %s"), path,
                      g_strerror(errno));
    return FALSE;
}

int
mt_store_lock(const char *path, guint timeout_ms, GCancellable *cancellable,
              GError **error)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *lock = g_strdup_printf("%s/.%s.lock", dir, base);

    g_mkdir_with_parents(dir, 0700);
    return mt_lock_take(lock, timeout_ms, cancellable, error);
}
