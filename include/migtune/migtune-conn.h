/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Connections and domains.
 *
 * A connection is an open URI; a domain is one guest behind it.  Both are
 * GObjects and can be used by several threads at once.  Calls on one domain
 * run one after the other; a call that waits for a migration leaves the domain
 * to other calls meanwhile.
 *
 * Every call that waits takes a GCancellable of its own.  Cancelling it ends
 * that call with MIGTUNE_ERROR_CANCELLED and no other; a change that is
 * cancelled in the middle is undone first.  The cancellable may be NULL.
 *
 * Every call that waits, except migtune_conn_foreach(), also exists as a pair
 * with the suffixes _async and _finish.  The pair follows the rules of GTask:
 * the callback runs in the thread-default main context of the thread that
 * called _async, and _finish returns what the call without a suffix returns.
 * While such a call is under way it uses one thread.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include <migtune/migtune-error.h>

G_BEGIN_DECLS

/**
 * MigtuneConn:
 *
 * A connection: an open URI.
 *
 * Since: 0.1
 */
#define MIGTUNE_TYPE_CONN (migtune_conn_get_type())
G_DECLARE_FINAL_TYPE(MigtuneConn, migtune_conn, MIGTUNE, CONN, GObject)

/**
 * MigtuneDomain:
 *
 * A guest of a connection.
 *
 * Since: 0.1
 */
#define MIGTUNE_TYPE_DOMAIN (migtune_domain_get_type())
G_DECLARE_FINAL_TYPE(MigtuneDomain, migtune_domain, MIGTUNE, DOMAIN, GObject)

/**
 * migtune_get_version:
 *
 * Tells which library the process uses.
 *
 * Returns: the version of the library at run time, such as "0.1.0".
 * Since: 0.1
 */
const char *migtune_get_version(void);

/**
 * migtune_get_drivers:
 *
 * Loads all drivers.
 *
 * Returns: (transfer full): a JSON array of objects with the members `name`,
 *   `schemes`, `file` and, when it could not be loaded, `error`.
 * Since: 0.1
 */
JsonNode *migtune_get_drivers(void);

/**
 * migtune_wait_idle:
 * @timeout_ms: the longest time to wait, in milliseconds; 0 only asks
 *
 * Waits until the library runs no thread that a call has left behind.  libvirt's
 * functions cannot be interrupted.  A call that is cancelled or exceeds its time
 * limit returns at once, and its thread ends when libvirt's function returns.
 * Calls that other threads of the program make are waited for, too.
 *
 * A program must not run the destructors of its libraries, that is return from
 * main() or call exit(), while such a thread runs.  It calls this function after
 * the last other one; after %FALSE it flushes its output and calls _exit().
 *
 * Returns: %FALSE if such a thread still runs.
 * Since: 0.1
 */
gboolean migtune_wait_idle(unsigned int timeout_ms);

/**
 * MigtuneConnFlags:
 * @MIGTUNE_CONN_NO_CACHE: neither read nor write probe results on disk
 * @MIGTUNE_CONN_NO_MONITOR: use only libvirt's own functions and never QEMU's
 *   monitor, whose use makes libvirt mark the domain as tainted;
 *   %MIGTUNE_ERROR_UNSUPPORTED with a driver that has only the monitor
 * @MIGTUNE_CONN_READ_ONLY: open a read-only connection, for unprivileged users:
 *   it has no monitor, and nothing can be changed;
 *   %MIGTUNE_ERROR_UNSUPPORTED with a driver that has no such connections
 * @MIGTUNE_CONN_MANAGE_LIBVIRT: the program does not use libvirt itself, and
 *   has not registered an event loop with it: the library registers one, which
 *   runs in a thread of its own, and silences libvirt's messages on stderr.
 *   Without this flag the library changes nothing that belongs to the process;
 *   events, keepalive messages and `qemu:///embed` then need an event loop that
 *   the program has registered with libvirt and runs
 *
 * How a connection is opened.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_CONN_NO_CACHE = 1 << 0,
    MIGTUNE_CONN_NO_MONITOR = 1 << 1,
    MIGTUNE_CONN_READ_ONLY = 1 << 2,
    MIGTUNE_CONN_MANAGE_LIBVIRT = 1 << 3,
} MigtuneConnFlags;

/**
 * migtune_conn_open:
 * @uri: such as `qmp:///run/guests/` or `qmp+tcp://127.0.0.1:4444`
 * @flags: a combination of #MigtuneConnFlags
 * @timeout_ms: how long a guest may take to greet and to answer a command, in
 *   milliseconds; 0 for the defaults (2 s and 10 s)
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Opens a URI.
 *
 * Returns: (transfer full): a connection, or %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT, %MIGTUNE_ERROR_DRIVER,
 *   %MIGTUNE_ERROR_CONNECT, %MIGTUNE_ERROR_IO or %MIGTUNE_ERROR_CANCELLED.
 * Since: 0.1
 */
MigtuneConn *
migtune_conn_open(const char *uri, unsigned int flags, unsigned int timeout_ms,
                  GCancellable *cancellable, GError **error);

/**
 * MigtuneCredential:
 * @MIGTUNE_CREDENTIAL_VISIBLE: such as a user name: typed text may be shown
 * @MIGTUNE_CREDENTIAL_SECRET: such as a password: typed text must not be shown
 *
 * What a libvirt daemon asks for.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_CREDENTIAL_VISIBLE,
    MIGTUNE_CREDENTIAL_SECRET,
} MigtuneCredential;

/**
 * MigtuneAuthFunc:
 * @credential: the kind of answer
 * @prompt: what is asked for, to be shown to the user
 * @cancellable: (nullable): cancelled when the answer is no longer needed; the
 *   function returns soon then
 * @user_data: as given
 *
 * Asks the user for a credential.  It is called in a thread of the library,
 * also when a lost connection is opened again.  The time that it takes does
 * not count towards the time limits.
 *
 * Returns: (transfer full) (nullable): the answer, for g_free(), which the
 *   library overwrites first; %NULL for none, and the connection fails.
 * Since: 0.1
 */
typedef char *(*MigtuneAuthFunc)(MigtuneCredential credential,
                                 const char *prompt, GCancellable *cancellable,
                                 gpointer user_data);

/**
 * migtune_conn_open_auth: (skip)
 * @uri: as for migtune_conn_open()
 * @flags: a combination of #MigtuneConnFlags
 * @timeout_ms: as for migtune_conn_open()
 * @auth: (nullable) (scope forever): asks for credentials; with %NULL a
 *   connection that needs any which libvirt's auth.conf does not have fails
 * @auth_data: (nullable): for @auth; both are used as long as the connection
 *   lives
 * @cancellable: (nullable): as for migtune_conn_open()
 * @error: return location
 *
 * Opens a URI, and asks the user for credentials if the driver needs them.
 *
 * Returns: (transfer full): as migtune_conn_open().
 * Since: 0.1
 */
MigtuneConn *migtune_conn_open_auth(const char *uri, unsigned int flags,
                                    unsigned int timeout_ms,
                                    MigtuneAuthFunc auth, gpointer auth_data,
                                    GCancellable *cancellable, GError **error);

/**
 * migtune_conn_ref: (skip)
 * @conn: a connection
 *
 * Takes a reference.
 *
 * Returns: @conn.
 * Since: 0.1
 */
MigtuneConn *migtune_conn_ref(MigtuneConn *conn);

/**
 * migtune_conn_unref:
 * @conn: (nullable): a connection; domains that came from it keep it open
 *
 * Releases a reference.
 *
 * Since: 0.1
 */
void migtune_conn_unref(MigtuneConn *conn);

/**
 * migtune_conn_get_uri:
 * @conn: a connection
 *
 * Tells which URI the connection was opened with.
 *
 * Returns: the URI as it was given.
 * Since: 0.1
 */
const char *migtune_conn_get_uri(MigtuneConn *conn);

/**
 * migtune_conn_list:
 * @conn: a connection
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Lists the domains that run, without talking to any guest.
 *
 * Returns: (transfer full) (array zero-terminated=1): keys for
 * migtune_conn_open_domain(), sorted, for g_strfreev(); %NULL on error. Since:
 * 0.1
 */
char **
migtune_conn_list(MigtuneConn *conn, GCancellable *cancellable, GError **error);

/**
 * migtune_conn_list_inactive:
 * @conn: a connection
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Lists the domains that are defined and do not run.  Only libvirt has such
 * domains.
 *
 * Returns: (transfer full) (array zero-terminated=1): keys for
 * migtune_conn_open_domain(), sorted, for g_strfreev(); an empty array where
 * there are none; %NULL on error.
 * Since: 0.1
 */
char **migtune_conn_list_inactive(MigtuneConn *conn, GCancellable *cancellable,
                                  GError **error);

/**
 * migtune_conn_open_domain:
 * @conn: a connection
 * @key: one of migtune_conn_list()
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * A domain that is defined and does not run can be opened, too.  Calls that
 * need QEMU then fail with %MIGTUNE_ERROR_NOT_RUNNING.
 *
 * Returns: (transfer full): the domain, connected, or %NULL with
 *   %MIGTUNE_ERROR_CONNECT, %MIGTUNE_ERROR_BUSY (another client uses the
 *   monitor), %MIGTUNE_ERROR_PROTOCOL, %MIGTUNE_ERROR_TIMEOUT,
 *   %MIGTUNE_ERROR_DISCONNECTED or %MIGTUNE_ERROR_CANCELLED.
 * Since: 0.1
 */
MigtuneDomain *
migtune_conn_open_domain(MigtuneConn *conn, const char *key,
                         GCancellable *cancellable, GError **error);

/**
 * migtune_conn_lookup:
 * @conn: a connection
 * @name: name, UUID or key of a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * A key, or a socket file with this name, comes before the name that a guest
 * has itself.
 *
 * Returns: (transfer full): the domain, connected, or %NULL with
 *   %MIGTUNE_ERROR_NOT_FOUND, with %MIGTUNE_ERROR_AMBIGUOUS if several domains
 *   have this name, or an error of migtune_conn_open_domain().
 * Since: 0.1
 */
MigtuneDomain *migtune_conn_lookup(MigtuneConn *conn, const char *name,
                                   GCancellable *cancellable, GError **error);

/**
 * MigtuneDomainFunc:
 * @key: which domain
 * @domain: (nullable): the domain, connected; %NULL if that failed
 * @error: (nullable): why it failed
 * @user_data: as given
 *
 * Called with each domain of migtune_conn_foreach().
 *
 * Since: 0.1
 */
typedef void (*MigtuneDomainFunc)(const char *key, MigtuneDomain *domain,
                                  const GError *error, gpointer user_data);

/**
 * migtune_conn_foreach: (skip)
 * @conn: a connection
 * @max_open: how many domains may be open at a time, 1 to 64; 0 for 64
 * @func: called once for every domain, from several threads at once
 * @user_data: for @func
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Opens every domain in turn and closes it after @func has returned.  A domain
 * that cannot be opened does not delay the others.
 *
 * Returns: %FALSE if the domains could not be listed.
 * Since: 0.1
 */
gboolean migtune_conn_foreach(MigtuneConn *conn, unsigned int max_open,
                              MigtuneDomainFunc func, gpointer user_data,
                              GCancellable *cancellable, GError **error);

/**
 * migtune_domain_ref: (skip)
 * @domain: a domain
 *
 * Takes a reference.
 *
 * Returns: @domain.
 * Since: 0.1
 */
MigtuneDomain *migtune_domain_ref(MigtuneDomain *domain);

/**
 * migtune_domain_unref:
 * @domain: (nullable): a domain; releasing the last reference disconnects it
 *
 * Releases a reference.
 *
 * Since: 0.1
 */
void migtune_domain_unref(MigtuneDomain *domain);

/**
 * migtune_domain_get_name:
 * @domain: a domain
 *
 * Tells the name of a domain.
 *
 * Returns: the name that the guest was started with, or the file name of its
 *   socket.
 * Since: 0.1
 */
const char *migtune_domain_get_name(MigtuneDomain *domain);

/**
 * migtune_domain_get_uuid:
 * @domain: a domain
 *
 * Tells the UUID of a domain.
 *
 * Returns: (nullable): its UUID; %NULL if it has none.
 * Since: 0.1
 */
const char *migtune_domain_get_uuid(MigtuneDomain *domain);

/**
 * migtune_domain_get_key:
 * @domain: a domain
 *
 * Tells the key of a domain.
 *
 * Returns: the key it was opened with.
 * Since: 0.1
 */
const char *migtune_domain_get_key(MigtuneDomain *domain);

/**
 * migtune_domain_get_qemu:
 * @domain: a domain
 *
 * Tells which QEMU runs a domain.
 *
 * Returns: QEMU's version, such as "7.2.22"; "unknown" if it is not known.
 *   What QEMU supports does not follow from it, see migtune_domain_probe().
 * Since: 0.1
 */
const char *migtune_domain_get_qemu(MigtuneDomain *domain);

/**
 * migtune_domain_get_info:
 * @domain: a domain
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Asks QEMU for the present state of a domain.
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `uuid`,
 *   `key`, `qemu`, `package`, `state` (run state as QEMU names it, "shut off"
 *   for a domain that does not run), `migration` (status of the last or
 *   present migration, "none" without one), `release` (the release whose
 *   migration interface was found; null for a domain that does not run),
 *   `title` (that a user has given to a domain of libvirt; null if there is
 *   none).
 * Since: 0.1
 */
JsonNode *migtune_domain_get_info(MigtuneDomain *domain,
                                  GCancellable *cancellable, GError **error);

/**
 * migtune_domain_probe:
 * @domain: a domain
 * @refresh: ask QEMU even if the answer is cached
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Asks QEMU which capabilities and parameters it supports.
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `qemu`,
 *   `release`, `source` ("schema", "commands" or "cache"), `parameters` (an
 *   array of objects with `name`, `qmp`, `kind`, `type`, `values`, `since`,
 *   `deprecated`, `unstable`, `known`; `known` is false for what the catalogue
 *   does not have) and `absent` (an array of objects with `name`, `qmp`,
 *   `since`, `removed` of what the catalogue has and this QEMU has not).
 * Since: 0.1
 */
JsonNode *migtune_domain_probe(MigtuneDomain *domain, gboolean refresh,
                               GCancellable *cancellable, GError **error);

/**
 * migtune_domain_serve:
 * @domain: a domain
 * @address: `unix:PATH`, or `tcp:HOST:PORT` with the port 0 for any
 * @error: return location
 *
 * Offers the domain's monitor to other programs for as long as @domain exists.
 * A domain can be served at several addresses.  Only guests of `ref:` can be
 * served.
 *
 * Returns: (transfer full): the address with the port filled in; %NULL with
 *   %MIGTUNE_ERROR_UNSUPPORTED, %MIGTUNE_ERROR_INVALID_ARGUMENT,
 *   %MIGTUNE_ERROR_BUSY (the address is in use) or %MIGTUNE_ERROR_IO.
 * Since: 0.1
 */
char *migtune_domain_serve(MigtuneDomain *domain, const char *address,
                           GError **error);

/**
 * migtune_domain_check_alive:
 * @domain: a domain
 * @error: return location
 *
 * Whether the guest still exists.  Nothing is sent to it.  Only guests of
 * `ref:` can be checked.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_UNSUPPORTED, with
 *   %MIGTUNE_ERROR_DISCONNECTED (the guest quit) or with %MIGTUNE_ERROR_QEMU
 *   (it died; the message says why).
 * Since: 0.1
 */
gboolean migtune_domain_check_alive(MigtuneDomain *domain, GError **error);

G_END_DECLS
