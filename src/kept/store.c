/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kept settings in files.
 *
 * A file is written to the disk before it replaces the former one in one step.
 * Unlike the files of util/replace.h, its content could not be made again.
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
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/lock.h"

#include "migtune/migtune-error.h"

/* Limit of a name, so that with the endings of the file and of its lock it has
 * at most 255 bytes. */
#define STORE_NAME_MAX 200

/* Replaces every character that is not safe in a file name by %XX. */
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
    g_autofree char *why = NULL;
    GStatBuf status;

    *ret_text = NULL;
    *ret_length = 0;
    /* No file is below a relative HOME. */
    if (!g_path_is_absolute(path))
        return TRUE;
    if (g_stat(path, &status) < 0) {
        int code = errno;

        if (code == ENOENT || code == ENOTDIR)
            return TRUE;
        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot read %s: %s"),
                          path, g_strerror(code));
        return FALSE;
    }
    /* Reading a FIFO, for example, could block for ever. */
    if (!S_ISREG(status.st_mode) || status.st_size > MT_KEPT_MAX_BYTES) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("%s does not hold kept settings: it is not a file "
                            "of at most %d bytes"),
                          path, MT_KEPT_MAX_BYTES);
        return FALSE;
    }
    if (!g_file_get_contents(path, ret_text, ret_length, &cause)) {
        if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return TRUE;
        why = mt_foreign_text(cause);
        migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot read %s: %s"),
                          path, why);
        return FALSE;
    }

    return TRUE;
}

/* Writes @text and waits until it is on the disk. */
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

/* Waits until the new name is on the disk, too, if the file system can do that.
 */
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
 * Writes a scratch file and renames it.  The scratch file always has the same
 * name, so that a process that is killed leaves at most one.  The caller has
 * the lock.
 */
static gboolean
store_replace(const char *path, const char *text)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *scratch = g_strdup_printf("%s/.%s.new", dir, base);
    int fd = g_open(
        scratch, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
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

    if (!g_path_is_absolute(path)) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("there is no directory for kept settings: neither "
                            "HOME nor XDG_CONFIG_HOME is an absolute path"));
        return -1;
    }
    if (g_mkdir_with_parents(dir, 0700) < 0 || g_access(dir, W_OK) < 0) {
        int cause = errno;

        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("settings cannot be kept in the directory %s: %s"),
                          dir, g_strerror(cause));
        return -1;
    }

    return mt_lock_take(lock, timeout_ms, cancellable, error);
}
