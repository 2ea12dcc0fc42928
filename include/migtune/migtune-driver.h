/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * For driver authors only: how a module makes guests reachable.
 *
 * A driver is a loadable module behind one or more URI schemes.  All that it
 * does is find domains and run QMP commands on them; probing, planning,
 * applying and reading back are done once, in the library.  A module holds
 *
 *     static const char *const null_schemes[] = { "null", NULL };
 *
 *     static const MigtuneDriver null_driver = {
 *         MIGTUNE_DRIVER_HEADER,
 *         .name = "null",
 *         .schemes = null_schemes,
 *         .open = null_open,
 *         ...
 *     };
 *
 *     MIGTUNE_DRIVER_DEFINE(null_driver)
 *
 * and nothing else that is exported.  It is looked for as NAME.so in the
 * directories of the environment variable MIGTUNE_DRIVER_PATH (separated by
 * colons) and then in the directory that `pkg-config --variable=driverdir
 * migtune` prints.  It is loaded with local binding and never unloaded.
 *
 * Callbacks may be called from several threads at once, but never two at once
 * for the same domain handle.  Absent callbacks mean "cannot".  Errors are
 * raised with migtune_error_set().
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include <migtune/migtune-error.h>
#include <migtune/migtune-event.h>

G_BEGIN_DECLS

/**
 * MIGTUNE_DRIVER_API:
 *
 * Raised if the layout or the meaning of existing members changes: a module
 * that was built for another number is refused.
 *
 * Since: 0.1
 */
#define MIGTUNE_DRIVER_API 2

/* The first members of every MigtuneDriver. */
#define MIGTUNE_DRIVER_HEADER \
    .api = MIGTUNE_DRIVER_API, .size = sizeof(MigtuneDriver)

/**
 * MigtuneDriverCommand:
 * @name: the QMP command, owned by the caller
 * @arguments: (nullable): its arguments, owned by the caller
 * @result: what QEMU returned; the driver gives the caller a reference
 * @error: why QEMU refused it, %MIGTUNE_ERROR_QEMU with the fields
 *   command, QEMU class and QEMU text set; given to the caller
 * @answered: whether an answer came, of either kind
 *
 * One command of a batch.  The driver sets @result, @error and @answered.
 *
 * Since: 0.1
 */
typedef struct {
    const char *name;
    JsonObject *arguments;

    JsonNode *result;
    GError *error;
    gboolean answered;

    /*< private >*/
    gpointer padding[4];        /* NULL */
} MigtuneDriverCommand;

/**
 * MigtuneDriverIdentity:
 * @name: (nullable): the guest's name, as its owner calls it
 * @uuid: (nullable): its UUID in the usual text form, %NULL if it has none
 * @version: (nullable): the `version` object of QEMU's greeting or what
 *   `query-version` returns; owned
 * @binary: (nullable): a text that is the same for as long as, and only if,
 *   the same QEMU binary is running, such as device, inode, size and time of
 *   its file; %NULL when the driver cannot know
 * @instance: (nullable): a text that is the same for as long as the same QEMU
 *   process is running, such as its process number and start time; %NULL when
 *   the driver cannot know
 * @inactive: the domain is defined and does not run: no command can be
 *   executed, and the library does not try to; what is kept with it can be
 *   read and changed
 * @unnamed: the guest has no name: @name was made from its key, and another
 *   key of the same guest gives another one
 *
 * Who is at the other end.  Texts are allocated; the caller frees all with
 * migtune_driver_identity_clear().
 *
 * Since: 0.1
 */
typedef struct {
    char *name;
    char *uuid;
    JsonNode *version;
    char *binary;
    char *instance;
    gboolean inactive;
    gboolean unnamed;

    /*< private >*/
    gpointer padding[8];        /* NULL */
} MigtuneDriverIdentity;

/**
 * migtune_driver_identity_clear:
 * @identity: what to release; the struct itself is the caller's
 *
 * Releases what the members point to.
 *
 * Since: 0.1
 */
void migtune_driver_identity_clear(MigtuneDriverIdentity *identity);

/**
 * MigtuneDriverOptions:
 * @size: of this struct, as the library knows it
 * @connect_timeout_ms: how long a peer may take until it greets
 * @command_timeout_ms: how long it may take to answer a command
 * @no_monitor: the driver must not use QEMU's monitor; set only for a driver
 *   with %MIGTUNE_DRIVER_NO_MONITOR
 * @read_only: the driver opens a connection that cannot change anything; set
 *   only for a driver with %MIGTUNE_DRIVER_READ_ONLY.  The library itself
 *   refuses every command that is not a query then
 * @auth: (nullable): asks the user for credentials
 * @auth_data: (nullable): for @auth
 * @manages_libvirt: see %MIGTUNE_CONN_MANAGE_LIBVIRT
 *
 * How a driver opens a connection.
 *
 * Since: 0.1
 */
typedef struct {
    gsize size;
    guint connect_timeout_ms;
    guint command_timeout_ms;
    gboolean no_monitor;
    gboolean read_only;
    MigtuneAuthFunc auth;
    gpointer auth_data;
    gboolean manages_libvirt;
} MigtuneDriverOptions;

/**
 * MigtuneDriverAsked:
 * @name: of a typed parameter of libvirt's migration call
 * @type: its virTypedParameterType
 * @refused: whether it is not taken, or not with this type; set by @takes
 *
 * A typed parameter that a driver is asked about.
 *
 * Since: 0.1
 */
typedef struct {
    const char *name;
    int type;
    gboolean refused;

    /*< private >*/
    gpointer padding[4];        /* NULL */
} MigtuneDriverAsked;

/**
 * MIGTUNE_DRIVER_KEPT_NAMESPACE:
 *
 * The XML namespace of the element with kept settings.
 *
 * Since: 0.1
 */
#define MIGTUNE_DRIVER_KEPT_NAMESPACE "http://migtune.org/schemas/domain/1.0"

/**
 * MIGTUNE_DRIVER_KEPT_PREFIX:
 *
 * The usual prefix of that namespace.
 *
 * Since: 0.1
 */
#define MIGTUNE_DRIVER_KEPT_PREFIX "migtune"

/**
 * MigtuneDriverKept:
 * @MIGTUNE_DRIVER_KEPT_LIVE: with the guest that runs, until it ends
 * @MIGTUNE_DRIVER_KEPT_CONFIG: with its definition, for every later start;
 *   %MIGTUNE_ERROR_UNSUPPORTED for a domain that has none
 *
 * Which of a domain's kept settings.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_DRIVER_KEPT_LIVE,
    MIGTUNE_DRIVER_KEPT_CONFIG,
} MigtuneDriverKept;

/**
 * MigtuneDriverFeatures:
 * @MIGTUNE_DRIVER_READ_ONLY: @open obeys `read_only` of its options
 * @MIGTUNE_DRIVER_NO_MONITOR: @open obeys `no_monitor` of its options: some
 *   settings can be read and changed without QEMU's monitor
 * @MIGTUNE_DRIVER_LIBVIRT: libvirt migrates the guests of this driver; the
 *   library then expects @manager_version, and knows which settings libvirt
 *   changes during a migration
 *
 * What a driver supports, beyond what the presence of a callback says.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_DRIVER_READ_ONLY = 1 << 0,
    MIGTUNE_DRIVER_NO_MONITOR = 1 << 1,
    MIGTUNE_DRIVER_LIBVIRT = 1 << 2,
} MigtuneDriverFeatures;

/**
 * MigtuneDriverEventFunc:
 * @event: what has happened
 * @key: (nullable): to which domain; %NULL for the connection
 * @detail: (nullable): how, as for #MigtuneEventFunc
 * @user_data: as given
 *
 * A driver calls it for each event of a connection.
 *
 * Since: 0.1
 */
typedef void (*MigtuneDriverEventFunc)(MigtuneEvent event, const char *key,
                                       const char *detail,
                                       gpointer user_data);

/**
 * MigtuneDriver:
 * @api: %MIGTUNE_DRIVER_API
 * @size: of this struct as the driver knows it; members beyond it are absent
 * @name: short name, as in `migtune --version`
 * @schemes: URI schemes, %NULL-terminated; `NAME+*` stands for NAME and for
 *   every scheme that begins with `NAME+`
 * @open: opens @uri; the handle is passed to all other callbacks
 * @close: closes a connection, all of whose domains have been closed
 * @list: returns the keys of all domains, in no particular order, without
 *   talking to any of them: a %NULL-terminated array for g_strfreev()
 * @find: (nullable): the keys that @name fits without asking the domains, such
 *   as sockets with this file name, best first; %NULL-terminated, empty if no
 *   key fits
 * @domain_open: connects to the domain with a key of @list, or finds that it
 *   does not run; fills @identity
 * @domain_close: the end of a domain handle, whatever state it is in
 * @execute: runs commands, sent together and answered in order; returns
 *   whether all were answered; see #MigtuneDriverCommand
 * @reconnect: (nullable): connects again to the very same guest after @execute
 *   failed, or fails
 * @serve: (nullable): offers the domain's monitor at an address, `unix:PATH`
 *   or `tcp:HOST:PORT`, to other clients for as long as the domain is open;
 *   returns the address with the port filled in, for g_free()
 * @kept_get: (nullable): the settings that are kept with the domain: the XML
 *   text of one element, for g_free(); %NULL without an error when there are
 *   none.  The element is `settings` of the namespace
 *   %MIGTUNE_DRIVER_KEPT_NAMESPACE.  Drivers without it have them in files,
 *   which the library does
 * @kept_set: (nullable): replaces them; with %NULL for @xml removes them.
 *   Nothing else that belongs to the domain changes
 * @lookup: (nullable): the key of the domain that a user calls @name, for
 *   g_free(), when the driver can tell without asking every domain; fails with
 *   %MIGTUNE_ERROR_NOT_FOUND where there is none.  It replaces @find and may
 *   find more than @list lists, such as a domain that does not run
 * @manager: (nullable): who else sets tuning of its guests, such as
 *   "libvirt": what neither a user nor QEMU's defaults account for is put
 *   down to it
 * @remark: (nullable): what a user should know about a command that changes
 *   something, such as that it goes through QEMU's monitor and what that
 *   entails; for g_free(), %NULL when there is nothing
 * @manager_version: (nullable): of a driver whose guests are migrated by
 *   libvirt: the release of libvirt that does so, such as "9.0.0", for
 *   g_free(); of a client and a daemon the older one
 * @list_inactive: (nullable): as @list, of the domains that are defined and do
 *   not run, which @list leaves out
 * @takes: (nullable): of a driver whose guests are migrated by libvirt: asks
 *   it which of the virDomainMigrateFlags @flags and of the @n_asked typed
 *   parameters @asked its migration call takes; sets @ret_refused to the flags
 *   that it does not.  Nothing happens to the guest.  Returns %FALSE when it
 *   cannot be asked or its answer is not understood
 * @watch: (nullable): calls @func for each event of the domains, from a thread
 *   of the driver, until @watch is called again.  With %NULL for @func it ends
 *   the watch: once it has returned, the former function is not called any more
 * @check_alive: (nullable): whether the guest is still there, without sending
 *   it anything; %MIGTUNE_ERROR_QEMU with the reason when it died, and
 *   %MIGTUNE_ERROR_DISCONNECTED when it was told to quit
 * @features: a combination of #MigtuneDriverFeatures; 0 for a driver that was
 *   built before this member existed
 * @identify: (nullable): adds to @identity what @domain_open did not fill in
 *   because asking for it has a side effect, such as tainting the guest.  It is
 *   called before the first command that has this side effect anyway
 * @look: (nullable): as @execute, for queries whose answer need not be QEMU's
 *   own: it has no side effect on the guest.  Without it @execute is used
 * @adopt: (nullable): as @open, with a connection that the program has opened,
 *   such as a virConnectPtr: takes a reference to @native; sets @ret_uri to its
 *   URI, for g_free().  The driver does not open it again if it is lost
 * @domain_adopt: (nullable): as @domain_open, with a handle of the program,
 *   such as a virDomainPtr: takes a reference to @native; sets @ret_key to its
 *   key, for g_free().  @conn comes from @adopt
 * @save: (nullable): of a driver whose guests are saved by libvirt: has libvirt
 *   save a running guest into @path, an absolute file name on this host, in any
 *   of its formats; the guest does not run afterwards.  If it is cancelled, the
 *   guest runs on
 * @restore: (nullable): the reverse, for a domain that does not run;
 *   %MIGTUNE_ERROR_CONFLICT if the image is of another guest
 * @compare: (nullable): of a driver whose guests are migrated by libvirt: what
 *   libvirt knows about a migration of the domain to the connection
 *   @destination of the same driver, without a side effect on the guest: a JSON
 *   object with the members `source` and `destination`, objects with `libvirt`,
 *   `qemu`, `uuid` and `name` of the host; `guest`, an object with texts of the
 *   domain's XML; and in `destination` also `namesake`, `namesake-is-same` and
 *   `machine-error`
 * @migrate: (nullable): of the same drivers: has libvirt migrate the domain to
 *   the connection @destination, and returns when the migration has ended.
 *   @flags are virDomainMigrateFlags, @params an array of virTypedParameter.
 *   The library calls it with a domain handle of its own, and asks about the
 *   job, cancels it and so on with another handle of the same domain meanwhile.
 *   %MIGTUNE_ERROR_CANCELLED if the job was cancelled
 * @release: (nullable): closes the connection to the guest, so that another
 *   client can use its monitor; @reconnect opens it again
 * @wait_pass: (nullable): waits up to a number of milliseconds until QEMU
 *   reports that a pass of the domain's migration has begun; returns %FALSE if
 *   it did not, also earlier if no report can come on this connection, or if
 *   the call is cancelled, which leaves the connection usable
 * @device_state: (nullable): of a driver that migrates guests itself: the
 *   device state of the last migration of the domain, a JSON object with the
 *   members `bytes`, `budget` (the bytes that the downtime limit allows at the
 *   bandwidth `mbps`, in Mbit/s) and `downtime-limit` in milliseconds; %NULL if
 *   it is not known yet
 * @title: (nullable): the title that a user has given to the domain, without
 *   talking to the guest, for g_free(); %NULL without an error if it has none
 * @wait_idle: (nullable): of a driver whose calls can leave a thread behind when
 *   they are cancelled or exceed their time limit: waits up to a number of
 *   milliseconds until no such thread runs; returns %FALSE if one still does.
 *   It is about all connections of the process
 *
 * The callbacks of a driver.  Members are only added at the end.
 *
 * Since: 0.1
 */
typedef struct _MigtuneDriver MigtuneDriver;
struct _MigtuneDriver {
    guint api;
    gsize size;
    const char *name;
    const char *const *schemes;

    gpointer (*open)(const char *uri, const MigtuneDriverOptions *options,
                     GCancellable *cancellable, GError **error);
    void (*close)(gpointer conn);

    char **(*list)(gpointer conn, GCancellable *cancellable, GError **error);
    char **(*find)(gpointer conn, const char *name);

    gpointer (*domain_open)(gpointer conn, const char *key,
                            MigtuneDriverIdentity *identity,
                            GCancellable *cancellable, GError **error);
    void (*domain_close)(gpointer domain);

    gboolean (*execute)(gpointer domain, MigtuneDriverCommand *commands,
                        guint n_commands, GCancellable *cancellable,
                        GError **error);
    gboolean (*reconnect)(gpointer domain, GCancellable *cancellable,
                          GError **error);

    char *(*serve)(gpointer domain, const char *address, GError **error);
    char *(*kept_get)(gpointer domain, MigtuneDriverKept which,
                      GError **error);
    gboolean (*kept_set)(gpointer domain, MigtuneDriverKept which,
                         const char *xml, GError **error);

    char *(*lookup)(gpointer conn, const char *name,
                    GCancellable *cancellable, GError **error);
    const char *manager;
    char *(*remark)(gpointer domain, const char *command,
                    JsonObject *arguments);
    char *(*manager_version)(gpointer conn, GCancellable *cancellable,
                             GError **error);
    char **(*list_inactive)(gpointer conn, GCancellable *cancellable,
                            GError **error);
    gboolean (*takes)(gpointer domain, guint flags, guint *ret_refused,
                      MigtuneDriverAsked *asked, guint n_asked,
                      GCancellable *cancellable, GError **error);
    gboolean (*watch)(gpointer conn, MigtuneDriverEventFunc func,
                      gpointer user_data, GError **error);
    gboolean (*check_alive)(gpointer domain, GError **error);
    guint features;
    gboolean (*identify)(gpointer domain, MigtuneDriverIdentity *identity,
                         GCancellable *cancellable, GError **error);
    gboolean (*look)(gpointer domain, MigtuneDriverCommand *commands,
                     guint n_commands, GCancellable *cancellable,
                     GError **error);
    gpointer (*adopt)(gpointer native, char **ret_uri,
                      const MigtuneDriverOptions *options,
                      GCancellable *cancellable, GError **error);
    gpointer (*domain_adopt)(gpointer conn, gpointer native, char **ret_key,
                             MigtuneDriverIdentity *identity,
                             GCancellable *cancellable, GError **error);
    gboolean (*save)(gpointer domain, const char *path,
                     GCancellable *cancellable, GError **error);
    gboolean (*restore)(gpointer domain, const char *path,
                        GCancellable *cancellable, GError **error);
    JsonNode *(*compare)(gpointer domain, gpointer destination,
                         GCancellable *cancellable, GError **error);
    gboolean (*migrate)(gpointer domain, gpointer destination, guint flags,
                        gpointer params, guint n_params,
                        GCancellable *cancellable, GError **error);
    void (*release)(gpointer domain);
    gboolean (*wait_pass)(gpointer domain, guint timeout_ms,
                          GCancellable *cancellable);
    JsonObject *(*device_state)(gpointer domain);
    char *(*title)(gpointer domain, GCancellable *cancellable, GError **error);
    gboolean (*wait_idle)(guint timeout_ms);
};

/**
 * MIGTUNE_DRIVER_SYMBOL:
 *
 * The name of the one symbol that a module exports.
 *
 * Since: 0.1
 */
#define MIGTUNE_DRIVER_SYMBOL "migtune_driver_v1"

/**
 * MIGTUNE_DRIVER_DEFINE:
 * @driver: the #MigtuneDriver of a module
 *
 * Defines the one exported symbol of a module.
 *
 * Since: 0.1
 */
#define MIGTUNE_DRIVER_DEFINE(driver)                            \
    G_MODULE_EXPORT const MigtuneDriver *migtune_driver_v1(void); \
    G_MODULE_EXPORT const MigtuneDriver *migtune_driver_v1(void) \
    {                                                            \
        return &(driver);                                        \
    }

#ifndef G_MODULE_EXPORT
#define G_MODULE_EXPORT __attribute__((visibility("default")))
#endif

G_END_DECLS
