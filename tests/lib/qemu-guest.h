/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A real QEMU, its RAM in a file that the test sees, and a monitor.  The
 * machine is `none` unless something else is asked for.
 *
 * Which QEMUs there are is said by environment variables, MIGTUNE_QEMU_7_2 and
 * the like: a command, possibly of several words.  tools/get-qemus.sh writes
 * them.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

typedef struct QemuGuest QemuGuest;

typedef struct {
    const char *command;          /* what the environment variable holds */
    const char *dir;              /* where sockets and files go */
    guint64 ram_bytes;
    gboolean incoming;            /* wait for migrate-incoming */
    gboolean private_ram;         /* memory of its own instead of a file */
    const char *ram_file;         /* that file, if it is there already: it is
                                   * not removed */
    const char *machine;          /* NULL: none */
    const char *const *more_args; /* NULL-terminated, or NULL */
} QemuGuestSpec;

/* The command for a release such as "7.2"; NULL when none is named. */
const char *qemu_guest_command(const char *release);

QemuGuest *qemu_guest_start(const QemuGuestSpec *spec, GError **error);

/* Ends it, by force if need be, and removes its files. */
void qemu_guest_free(QemuGuest *guest);

/* The file that is its RAM; NULL with memory of its own. */
const char *qemu_guest_ram_path(const QemuGuest *guest);

/* Runs @command with the arguments that the text @arguments holds, as in
 * "{'value': 1}" or NULL; quotes may be single.  Returns what stands in
 * "return", to be unreffed. */
JsonNode *qemu_guest_execute(QemuGuest *guest, const char *command,
                             const char *arguments, GError **error);

/* As above, when only success matters. */
gboolean qemu_guest_run(QemuGuest *guest, GError **error, const char *command,
                        const char *arguments_format, ...)
    G_GNUC_PRINTF(4, 5);

gboolean qemu_guest_set_capability(QemuGuest *guest, const char *name,
                                   gboolean on, GError **error);

/* Writes guest RAM as a device would, so that the dirty log sees it.  Only with
 * a machine that has a processor. */
gboolean qemu_guest_write(QemuGuest *guest, guint64 address, const guint8 *data,
                          gsize n, GError **error);

/* The member @path, such as "ram.normal", of query-migrate; 0 if absent. */
gint64 qemu_guest_migration_number(QemuGuest *guest, const char *path);

/* What query-migrate calls the migration's status, "none" before there is one.
 * NULL on error. */
const char *qemu_guest_migration_status(QemuGuest *guest, GError **error);

/* Waits until query-migrate says @wanted; anything else that is final, or
 * silence for @timeout_ms, is an error. */
gboolean qemu_guest_wait_status(QemuGuest *guest, const char *wanted,
                                guint timeout_ms, GError **error);

/* The same with "completed". */
gboolean qemu_guest_wait_migration(QemuGuest *guest, guint timeout_ms,
                                   GError **error);

/* What it has printed to its standard error. */
char *qemu_guest_dup_log(const QemuGuest *guest);

/* Processor time that it has used, in seconds. */
double qemu_guest_cpu_seconds(const QemuGuest *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuGuest, qemu_guest_free)
