/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A real QEMU with an empty machine and several monitors: some for what is
 * tested, and one of the test's own that tells the truth about the guest.  A
 * proxy may be put before a monitor.
 *
 * Which QEMUs there are is said by MIGTUNE_QEMU_7_2 and the like; see
 * tools/get-qemus.sh.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef struct _Guest Guest;
typedef struct _Proxy Proxy;

/* The command that starts QEMU of @release, "7.2"; NULL if none is named. */
const char *guest_command(const char *release);

/*
 * Starts it; @more has further arguments, NULL-terminated, or is NULL.  What
 * cannot be started ends the program: it was named, so it is expected.
 */
Guest *guest_new(const char *release, const char *const *more);
void guest_free(Guest *guest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Guest, guest_free)

#define GUEST_N_MONITORS 2

/* The socket of a monitor that nobody uses yet. */
const char *guest_monitor(const Guest *guest, guint nth);

/* A directory of its own; what is in it goes away with the guest. */
const char *guest_dir(const Guest *guest);

/*
 * Runs @command with @arguments, a JSON text or NULL, over the test's own
 * monitor.  NULL with QEMU's own words in @error when it was refused.
 */
JsonNode *guest_ask(Guest *guest, const char *command, const char *arguments,
                    GError **error);

/* The same where a refusal ends the program. */
void guest_do(Guest *guest, const char *command, const char *arguments);

/* All capabilities and parameters, as canonical text. */
char *guest_dump(Guest *guest);

/* One of them; NULL when QEMU does not tell it. */
JsonNode *guest_get(Guest *guest, gboolean capability, const char *qmp);

/*
 * Starts qmp-proxy before the first monitor; @more has its options, see
 * qmp-proxy.c.
 */
Proxy *proxy_new(Guest *guest, const char *const *more);
void proxy_free(Proxy *proxy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Proxy, proxy_free)
const char *proxy_path(const Proxy *proxy);

/* The commands that are no questions, a line each, so far. */
char *proxy_record(const Proxy *proxy);

G_END_DECLS
