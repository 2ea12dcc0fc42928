/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A real QEMU with an empty machine and several monitors: some for the code
 * under test, and one for the test itself, which reads the state of the guest
 * independently. A proxy can be put before a monitor.
 *
 * The environment variables MIGTUNE_QEMU_7_2 and the like name the QEMUs; see
 * tools/get-qemus.sh.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _Guest Guest;
typedef struct _Proxy Proxy;

/* The command that starts QEMU of @release, "7.2"; NULL if there is none. */
const char *guest_command(const char *release);

/*
 * Starts QEMU; @more has further arguments, NULL-terminated, or is NULL. A
 * failure ends the program, because the environment named this QEMU.
 */
Guest *guest_new(const char *release, const char *const *more);
void guest_free(Guest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_free)

#define GUEST_N_MONITORS 2

/* The socket of an unused monitor. */
const char *guest_monitor(const Guest *guest, guint nth);

/* A temporary directory that is removed with the guest. */
const char *guest_dir(const Guest *guest);

/* The text that QEMU has printed to its standard error. */
char *guest_dup_log(const Guest *guest);

gboolean guest_has_ended(const Guest *guest);

/* 0 if QEMU has ended. */
guint guest_pid(const Guest *guest);

/*
 * Runs @command with @arguments, a JSON text or NULL, over the monitor of the
 * test. Returns NULL with QEMU's text in @error if it is refused.
 */
JsonNode *guest_ask(Guest *guest, const char *command, const char *arguments,
                    GError **error);

/* The same; a refusal ends the program. */
void guest_do(Guest *guest, const char *command, const char *arguments);

/* All capabilities and parameters, as canonical text. */
char *guest_dump(Guest *guest);

/* One setting; NULL if QEMU does not list it. */
JsonNode *guest_get(Guest *guest, gboolean capability, const char *qmp);

/*
 * Starts qmp-proxy before the first monitor; @more has its options, see qmp-
 * proxy.c.
 */
Proxy *proxy_new(Guest *guest, const char *const *more);
/* The same for any monitor; the files of the proxy are in @dir. */
Proxy *proxy_new_for_socket(const char *socket, const char *dir,
                            const char *const *more);
void proxy_free(Proxy *proxy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Proxy, proxy_free)
const char *proxy_path(const Proxy *proxy);

/* The commands so far that are not queries, one a line. */
char *proxy_record(const Proxy *proxy);

G_END_DECLS
