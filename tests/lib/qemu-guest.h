/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A real QEMU with a monitor and its RAM in a file that the test can read. The
 * machine is `none` by default.
 *
 * The environment variables MIGTUNE_QEMU_7_2 and the like hold the commands
 * that start the QEMUs, possibly of several words. tools/get-qemus.sh writes
 * them.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct QemuGuest QemuGuest;

typedef struct {
    const char *command;          /* the value of the environment variable */
    const char *dir;              /* the directory for sockets and files */
    guint64 ram_bytes;
    gboolean incoming;            /* wait for migrate-incoming */
    gboolean private_ram;         /* anonymous memory instead of a file */
    /* an existing file to use as RAM, which is not removed */
    const char *ram_file;
    const char *machine;          /* NULL: none */
    const char *const *more_args; /* NULL-terminated, or NULL */
} QemuGuestSpec;

/* The command for a release such as "7.2"; NULL if there is none. */
const char *qemu_guest_command(const char *release);

QemuGuest *qemu_guest_start(const QemuGuestSpec *spec, GError **error);

/* Ends QEMU, by SIGKILL if necessary, and removes its files. */
void qemu_guest_free(QemuGuest *guest);

/* The file that is its RAM; NULL for anonymous memory. */
const char *qemu_guest_ram_path(const QemuGuest *guest);

/* Runs @command with the arguments in the text @arguments, such as
 * "{'value': 1}", or NULL; quotes may be single. Returns the member
 * "return", to be unreffed. */
JsonNode *qemu_guest_execute(QemuGuest *guest, const char *command,
                             const char *arguments, GError **error);

/* The same, if only success matters. */
gboolean qemu_guest_run(QemuGuest *guest, GError **error, const char *command,
                        const char *arguments_format, ...)
    G_GNUC_PRINTF(4, 5);

gboolean qemu_guest_set_capability(QemuGuest *guest, const char *name,
                                   gboolean on, GError **error);

/* Writes guest RAM as a device would, so that QEMU's dirty log records it.
 * Requires a machine with a processor. */
gboolean qemu_guest_write(QemuGuest *guest, guint64 address, const guint8 *data,
                          gsize n, GError **error);

/* The member @path, such as "ram.normal", of query-migrate; 0 if absent. */
gint64 qemu_guest_migration_number(QemuGuest *guest, const char *path);

/* The status that query-migrate reports, "none" before the first migration.
 * NULL on error. */
const char *qemu_guest_migration_status(QemuGuest *guest, GError **error);

/* Waits for the status @wanted; another final status, or no change for
 * @timeout_ms, is an error. */
gboolean qemu_guest_wait_status(QemuGuest *guest, const char *wanted,
                                guint timeout_ms, GError **error);

/* Waits for "completed". */
gboolean qemu_guest_wait_migration(QemuGuest *guest, guint timeout_ms,
                                   GError **error);

/* The text that QEMU printed to its standard error. */
char *qemu_guest_dup_log(const QemuGuest *guest);

/* Processor time that QEMU has used, in seconds. */
double qemu_guest_cpu_seconds(const QemuGuest *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuGuest, qemu_guest_free)
