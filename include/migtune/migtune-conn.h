/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Connections and domains.
 *
 * A connection is an open URI; a domain is one guest behind it.  Both are
 * counted references.  A connection may be used by several threads at once, a
 * domain by one thread at a time.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include <migtune/migtune-error.h>

G_BEGIN_DECLS

typedef struct _MigtuneConn MigtuneConn;
typedef struct _MigtuneDomain MigtuneDomain;

/**
 * migtune_get_version:
 *
 * Returns: the version of the library that runs, such as "0.1.0".
 * Since: 0.1
 */
const char *migtune_get_version(void);

/**
 * migtune_get_drivers:
 *
 * Loads every driver that can be found.
 *
 * Returns: (transfer full): a JSON array of objects with the members `name`,
 *   `schemes`, `file` and, when it could not be loaded, `error`.
 * Since: 0.1
 */
JsonNode *migtune_get_drivers(void);

/**
 * MigtuneConnFlags:
 * @MIGTUNE_CONN_NO_CACHE: neither read nor write probe results on disk
 * @MIGTUNE_CONN_NO_MONITOR: with libvirt: use libvirt's own functions alone
 *   and never QEMU's monitor, which has libvirt mark the domain as tainted;
 *   %MIGTUNE_ERROR_UNSUPPORTED with other drivers
 * @MIGTUNE_CONN_READ_ONLY: with libvirt: a connection that may only read, which
 *   those may have who may do nothing else; it has no monitor, and nothing can
 *   be changed; %MIGTUNE_ERROR_UNSUPPORTED with other drivers
 * @MIGTUNE_CONN_MANAGE_LIBVIRT: the program does not use libvirt itself, and
 *   has not registered an event loop with it: the library registers one, which
 *   runs in a thread of its own, and silences libvirt's messages on stderr.
 *   Without this flag the library changes nothing that belongs to the process;
 *   events, keepalive messages and `qemu:///embed` then need an event loop that
 *   the program has registered with libvirt and runs
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
 * @error: return location
 *
 * Opens @uri with the default time limits and without a way to cancel.
 *
 * Returns: (transfer full): a connection, or %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT, %MIGTUNE_ERROR_DRIVER,
 *   %MIGTUNE_ERROR_CONNECT or %MIGTUNE_ERROR_IO.
 * Since: 0.1
 */
MigtuneConn *migtune_conn_open(const char *uri, unsigned int flags,
                               GError **error);

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
 * migtune_conn_open_full:
 * @uri: as for migtune_conn_open()
 * @flags: a combination of #MigtuneConnFlags
 * @timeout_ms: how long a guest may take to greet and to answer a command, in
 *   milliseconds; 0 for the defaults (2 s and 10 s)
 * @cancellable: (nullable): stops whatever is under way on this connection; a
 *   change that is stopped in the middle is undone first
 * @error: return location
 *
 * Returns: (transfer full): as migtune_conn_open().
 * Since: 0.1
 */
MigtuneConn *migtune_conn_open_full(const char *uri, unsigned int flags,
                                    unsigned int timeout_ms,
                                    GCancellable *cancellable,
                                    GError **error);

/**
 * migtune_conn_open_auth:
 * @uri: as for migtune_conn_open()
 * @flags: a combination of #MigtuneConnFlags
 * @timeout_ms: as for migtune_conn_open_full()
 * @auth: (nullable) (scope forever): asks for credentials; with %NULL a
 *   connection that needs any which libvirt's auth.conf does not have fails
 * @auth_data: (nullable): for @auth; both are used as long as the connection
 *   lives
 * @cancellable: (nullable): as for migtune_conn_open_full()
 * @error: return location
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
 * Returns: @conn.
 * Since: 0.1
 */
MigtuneConn *migtune_conn_ref(MigtuneConn *conn);

/**
 * migtune_conn_unref:
 * @conn: (nullable): a connection; domains that came from it keep it open
 *
 * Since: 0.1
 */
void migtune_conn_unref(MigtuneConn *conn);

/**
 * migtune_conn_get_uri:
 * @conn: a connection
 *
 * Returns: the URI as it was given.
 * Since: 0.1
 */
const char *migtune_conn_get_uri(MigtuneConn *conn);

/**
 * migtune_conn_list:
 * @conn: a connection
 * @error: return location
 *
 * Lists what may be opened, without talking to any guest.
 *
 * Returns: (transfer full): keys for migtune_conn_open_domain(), sorted, for
 *   g_strfreev(); %NULL on error.
 * Since: 0.1
 */
char **migtune_conn_list(MigtuneConn *conn, GError **error);

/**
 * migtune_conn_list_inactive:
 * @conn: a connection
 * @error: return location
 *
 * Lists the domains that are defined and do not run, where the driver knows
 * such and migtune_conn_list() leaves them out, as with libvirt.
 *
 * Returns: (transfer full): keys for migtune_conn_open_domain(), sorted, for
 *   g_strfreev(); an empty array where there are none; %NULL on error.
 * Since: 0.1
 */
char **migtune_conn_list_inactive(MigtuneConn *conn, GError **error);

/**
 * migtune_conn_open_domain:
 * @conn: a connection
 * @key: one of migtune_conn_list()
 * @error: return location
 *
 * A domain that is defined and does not run is opened, too, where the driver
 * knows such; what needs QEMU fails with %MIGTUNE_ERROR_NOT_RUNNING then.
 *
 * Returns: (transfer full): the domain, connected, or %NULL with
 *   %MIGTUNE_ERROR_CONNECT, %MIGTUNE_ERROR_BUSY (somebody else holds the
 *   monitor), %MIGTUNE_ERROR_PROTOCOL, %MIGTUNE_ERROR_TIMEOUT,
 *   %MIGTUNE_ERROR_DISCONNECTED or %MIGTUNE_ERROR_CANCELLED.
 * Since: 0.1
 */
MigtuneDomain *migtune_conn_open_domain(MigtuneConn *conn, const char *key,
                                        GError **error);

/**
 * migtune_conn_lookup:
 * @conn: a connection
 * @name: name, UUID or key of a domain
 * @error: return location
 *
 * Returns: (transfer full): the domain, connected, or %NULL with
 *   %MIGTUNE_ERROR_NOT_FOUND or what migtune_conn_open_domain() says.
 * Since: 0.1
 */
MigtuneDomain *migtune_conn_lookup(MigtuneConn *conn, const char *name,
                                   GError **error);

/**
 * MigtuneDomainFunc:
 * @key: which domain
 * @domain: (nullable): the domain, connected, or %NULL when it could not be
 * @error: (nullable): why not
 * @user_data: as given
 *
 * Since: 0.1
 */
typedef void (*MigtuneDomainFunc)(const char *key, MigtuneDomain *domain,
                                  const GError *error, gpointer user_data);

/**
 * migtune_conn_foreach:
 * @conn: a connection
 * @max_open: how many domains may be open at a time, 1 to 64; 0 for 64
 * @func: called once for every domain, from several threads at once
 * @user_data: for @func
 * @error: return location
 *
 * Opens every domain in turn and closes it after @func has returned.  A domain
 * that cannot be opened holds up none of the others.
 *
 * Returns: %FALSE when the list of domains could not be had.
 * Since: 0.1
 */
gboolean migtune_conn_foreach(MigtuneConn *conn, unsigned int max_open,
                              MigtuneDomainFunc func, gpointer user_data,
                              GError **error);

/**
 * migtune_domain_ref: (skip)
 * @domain: a domain
 *
 * Returns: @domain.
 * Since: 0.1
 */
MigtuneDomain *migtune_domain_ref(MigtuneDomain *domain);

/**
 * migtune_domain_unref:
 * @domain: (nullable): a domain; the last reference disconnects it
 *
 * Since: 0.1
 */
void migtune_domain_unref(MigtuneDomain *domain);

/**
 * migtune_domain_get_name:
 * @domain: a domain
 *
 * Returns: the name the guest was started with, else the file name of its
 *   socket.
 * Since: 0.1
 */
const char *migtune_domain_get_name(MigtuneDomain *domain);

/**
 * migtune_domain_get_uuid:
 * @domain: a domain
 *
 * Returns: (nullable): its UUID, or %NULL when it has none.
 * Since: 0.1
 */
const char *migtune_domain_get_uuid(MigtuneDomain *domain);

/**
 * migtune_domain_get_key:
 * @domain: a domain
 *
 * Returns: the key it was opened with.
 * Since: 0.1
 */
const char *migtune_domain_get_key(MigtuneDomain *domain);

/**
 * migtune_domain_get_qemu:
 * @domain: a domain
 *
 * Returns: the version that QEMU tells, such as "7.2.22"; "unknown" when it
 *   tells none.  What it can do is found by asking, see
 *   migtune_domain_probe().
 * Since: 0.1
 */
const char *migtune_domain_get_qemu(MigtuneDomain *domain);

/**
 * migtune_domain_get_info:
 * @domain: a domain
 * @error: return location
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `uuid`,
 *   `key`, `qemu`, `package`, `state` (run state as QEMU names it, "shut off"
 *   for a domain that does not run), `migration` (status of the last or
 *   present migration, "none" without one), `release` (the release whose
 *   migration interface was found; null for a domain that does not run).
 * Since: 0.1
 */
JsonNode *migtune_domain_get_info(MigtuneDomain *domain, GError **error);

/**
 * migtune_domain_probe:
 * @domain: a domain
 * @refresh: ask again instead of using what is known or cached
 * @error: return location
 *
 * Finds out what this QEMU can do.
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
                               GError **error);

/**
 * migtune_domain_serve:
 * @domain: a domain
 * @address: `unix:PATH`, or `tcp:HOST:PORT` with the port 0 for any
 * @error: return location
 *
 * Offers the domain's monitor to other programs, for as long as @domain is
 * open.  A domain may be served at several addresses.  Only drivers whose
 * guests are in this process can do so, such as that of `ref:`.
 *
 * Returns: (transfer full): the address with the port filled in; %NULL with
 *   %MIGTUNE_ERROR_UNSUPPORTED, %MIGTUNE_ERROR_INVALID_ARGUMENT,
 *   %MIGTUNE_ERROR_BUSY (somebody else listens there) or %MIGTUNE_ERROR_IO.
 * Since: 0.1
 */
char *migtune_domain_serve(MigtuneDomain *domain, const char *address,
                           GError **error);

/**
 * migtune_domain_check_alive:
 * @domain: a domain
 * @error: return location
 *
 * Whether the guest is still there.  Nothing is sent to it, so that no other
 * client notices.  Only drivers whose guests are in this process can tell.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_UNSUPPORTED, with
 *   %MIGTUNE_ERROR_DISCONNECTED (it was told to quit) or with
 *   %MIGTUNE_ERROR_QEMU (it died; the message says of what).
 * Since: 0.1
 */
gboolean migtune_domain_check_alive(MigtuneDomain *domain, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtuneConn, migtune_conn_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtuneDomain, migtune_domain_unref)

G_END_DECLS
