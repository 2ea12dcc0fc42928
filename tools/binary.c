/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU binary without a guest; see binary.h.
 *
 * The QEMU process has a monitor in a temporary directory.  It ends together
 * with migtune, even if migtune is killed, and does not receive Ctrl-C from the
 * terminal.
 */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>

#include "binary.h"

/* A QEMU on a busy machine opens its monitor within this time. */
#define BINARY_START_MS 30000
#define BINARY_POLL_US 5000

struct _Binary {
    char *path;
    char *directory;
    char *socket;
    char *messages;             /* the file with standard error */
    GSubprocess *process;
    MigtuneConn *conn;
    MigtuneDomain *domain;
};

static void
binary_child_setup(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
}

/* Returns QEMU's option -name with the name of the binary. */
static char *
binary_get_name(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    g_auto(GStrv) parts = g_strsplit(base, ",", -1);

    return g_strjoinv(",,", parts);
}

static gboolean
binary_spawn(Binary *binary, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_autofree char *monitor =
        g_strdup_printf("unix:%s,server=on,wait=off", binary->socket);
    g_autofree char *name = binary_get_name(binary->path);
    g_autofree char *program = g_find_program_in_path(binary->path);
    g_autoptr(GError) cause = NULL;
    g_autofree char *why = NULL;

    if (!program) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("'%s' is not an executable program"), binary->path);
        return FALSE;
    }
    g_subprocess_launcher_set_stderr_file_path(launcher, binary->messages);
    g_subprocess_launcher_set_child_setup(launcher, binary_child_setup, NULL,
                                          NULL);
    binary->process = g_subprocess_launcher_spawn(
        launcher, &cause, program, "-name", name, "-machine",
        "none,accel=kvm:tcg", "-nodefaults", "-display", "none", "-S", "-qmp",
        monitor, NULL);
    if (binary->process)
        return TRUE;

    why = out_foreign_text(cause);
    migtune_error_set(error, MIGTUNE_ERROR_IO, _("cannot start '%s': %s"),
                      binary->path, why);
    return FALSE;
}

/* Reports that the process ended, with the last line that it printed. */
static void
binary_fail(const Binary *binary, GError **error)
{
    g_autofree char *text = NULL;
    const char *last;

    if (!g_file_get_contents(binary->messages, &text, NULL, NULL))
        text = g_strdup("");
    g_strchomp(text);
    last = strrchr(text, '\n');
    last = last ? last + 1 : text;
    migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                      *last ? _("'%s' ended before it opened a QMP monitor: %s")
                            : _("'%s' ended before it opened a QMP monitor"),
                      binary->path, last);
}

static gboolean
binary_open(Binary *binary, Tool *tool, GError **error)
{
    g_autofree char *escaped =
        g_uri_escape_string(binary->socket, G_URI_RESERVED_CHARS_ALLOWED_IN_PATH,
                            FALSE);
    g_autofree char *uri = g_strconcat("qmp://", escaped, NULL);
    g_auto(GStrv) keys = NULL;

    binary->conn = tool_open_uri(tool, uri, error);
    if (!binary->conn)
        return FALSE;
    keys = migtune_conn_list(binary->conn, tool->cancellable, error);
    if (!keys)
        return FALSE;
    binary->domain = migtune_conn_lookup(binary->conn, keys[0],
                                         tool->cancellable, error);

    return binary->domain != NULL;
}

/* Whether the monitor of the process may still open until @end_us. */
static gboolean
binary_may_open(const Binary *binary, gint64 end_us, GCancellable *cancellable,
                GError **error)
{
    if (!g_subprocess_get_identifier(binary->process)) {
        binary_fail(binary, error);
        return FALSE;
    }
    if (g_cancellable_is_cancelled(cancellable)) {
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("cancelled while '%s' was starting"),
                          binary->path);
        return FALSE;
    }
    if (g_get_monotonic_time() >= end_us) {
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          _("'%s' did not open a QMP monitor within %u s"),
                          binary->path, BINARY_START_MS / 1000);
        return FALSE;
    }

    return TRUE;
}

/* Connects when the monitor listens.  Its socket exists a moment earlier and
 * refuses connections until then. */
static gboolean
binary_connect(Binary *binary, Tool *tool, GError **error)
{
    gint64 end_us = g_get_monotonic_time() +
                    BINARY_START_MS * G_TIME_SPAN_MILLISECOND;

    do {
        g_autoptr(GError) cause = NULL;

        if (g_file_test(binary->socket, G_FILE_TEST_EXISTS)) {
            if (binary_open(binary, tool, &cause))
                return TRUE;
            if (!g_error_matches(cause, MIGTUNE_ERROR,
                                 MIGTUNE_ERROR_CONNECT)) {
                g_propagate_error(error, g_steal_pointer(&cause));
                return FALSE;
            }
            g_clear_pointer(&binary->conn, migtune_conn_unref);
        }
        g_usleep(BINARY_POLL_US);
    } while (binary_may_open(binary, end_us, tool->cancellable, error));

    return FALSE;
}

Binary *
binary_start(Tool *tool, const char *path, GError **error)
{
    g_autoptr(Binary) binary = g_new0(Binary, 1);
    g_autoptr(GError) cause = NULL;

    binary->path = g_strdup(path);
    binary->directory = g_dir_make_tmp("migtune-XXXXXX", &cause);
    if (!binary->directory) {
        g_autofree char *why = out_foreign_text(cause);

        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot create a temporary directory in %s: %s"),
                          g_get_tmp_dir(), why);
        return NULL;
    }
    binary->socket = g_build_filename(binary->directory, "qmp", NULL);
    binary->messages = g_build_filename(binary->directory, "messages", NULL);
    if (!binary_spawn(binary, error) ||
        !binary_connect(binary, tool, error))
        return NULL;

    return g_steal_pointer(&binary);
}

MigtuneDomain *
binary_get_domain(Binary *binary)
{
    return binary->domain;
}

void
binary_free(Binary *binary)
{
    if (!binary)
        return;

    g_clear_pointer(&binary->domain, migtune_domain_unref);
    g_clear_pointer(&binary->conn, migtune_conn_unref);
    if (binary->process) {
        const char *pid = g_subprocess_get_identifier(binary->process);

        /* The binary may be a script: end all processes of its group. */
        if (pid)
            kill(-(pid_t)g_ascii_strtoll(pid, NULL, 10), SIGKILL);
        g_subprocess_wait(binary->process, NULL, NULL);
        g_object_unref(binary->process);
    }
    if (binary->socket)
        g_unlink(binary->socket);
    if (binary->messages)
        g_unlink(binary->messages);
    if (binary->directory)
        g_rmdir(binary->directory);
    g_free(binary->messages);
    g_free(binary->socket);
    g_free(binary->directory);
    g_free(binary->path);
    g_free(binary);
}
