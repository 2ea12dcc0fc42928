/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of this driver share.  A file uses those above it in this
 * order: error, call, auth, loop, watch, conn, find, native, job, bare, batch,
 * passes, domain, execute, metadata, migrate, save, takes.
 */

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "migtune/migtune-driver.h"

#include "drivers/libvirt/watch.h"

G_BEGIN_DECLS

typedef struct {
    /* Fixed at creation. */
    char *uri;
    guint first_timeout_ms;     /* of the first connection; 0: no limit */
    guint connect_timeout_ms;   /* of later ones */
    guint command_timeout_ms;
    gboolean no_monitor;
    gboolean read_only;
    gboolean manages_libvirt;   /* sets up libvirt for the process */
    gboolean adopted;           /* the program opened the connection */
    gboolean is_local;          /* the daemon runs on this host */
    MigtuneAuthFunc auth;       /* NULL: passwords cannot be asked for */
    gpointer auth_data;

    gint n_querying;            /* atomic: batches that run now */

    GMutex watch_lock;          /* serializes lv_watch(); before `lock` */

    GMutex lock;
    GCond cond;                 /* `connecting` became FALSE */
    /* Under the lock. */
    gboolean needs_loop;        /* for keepalive, events or qemu:///embed */
    gboolean connecting;        /* a thread opens the connection */
    guint n_attempts;           /* to open it, that have ended */
    GError *failure;            /* of the last attempt */
    virConnectPtr conn;         /* NULL: lost */
    unsigned long qemu_version; /* of the host's QEMU; 0: not asked */
    int callback;               /* libvirt's id of the watch; -1: none */
    LvWatch *watch;             /* NULL: no events are wanted */
    GHashTable *found;          /* name to virDomainPtr: recently found */
    gint64 found_us;            /* when */
} LvConn;

/* How long a guest is trusted to be the same start as it was when it was last
 * looked up, for queries, if no events are received. */
#define LV_SEEN_US (500 * G_TIME_SPAN_MILLISECOND)

/* error.c */

/* What a call was for: selects the error code and the advice. */
typedef enum {
    LV_TO_OPEN,
    LV_TO_QUERY,
    LV_TO_CHANGE,
} LvPurpose;

/* Converts this thread's last libvirt error, prefixed with @what. */
void lv_error_take(GError **error, LvPurpose purpose, const char *what);

/* Whether this thread's last error means that the connection is lost. */
gboolean lv_error_is_loss(void);

/* Whether after @failure the state of the connection is unknown. */
gboolean lv_error_loses_connection(const GError *failure);

/* MIGTUNE_ERROR_NOT_RUNNING: the process of @name ended; @how says how. */
void lv_error_set_gone(GError **error, const char *name, const char *how);

/* call.c */

/*
 * A function that calls libvirt and may block for any time.  It runs in
 * another thread, which is abandoned if it takes too long.  @free is called
 * once, after the function and the caller are done with @data.
 */
typedef gboolean (*LvCallFunc)(gpointer data, GError **error);

/* What a call does, for the messages about a timeout or a cancellation. */
typedef enum {
    LV_CALL_CLOSE,
    LV_CALL_CONNECT,
    LV_CALL_LIST,
    LV_CALL_LOOKUP,
    LV_CALL_VERSION,
    LV_CALL_COMMAND,
    LV_CALL_METADATA_READ,
    LV_CALL_METADATA_WRITE,
    LV_CALL_TAKES,
    LV_CALL_SAVE,
    LV_CALL_RESTORE,
    LV_CALL_COMPARE,
} LvCallPurpose;

/* Calls @func, which uses @conn; NULL for @conn while the connection is opened or
 * closed.  FALSE with TIMEOUT or CANCELLED if the call was abandoned.  With 0 for
 * @timeout_ms there is no limit. */
gboolean lv_call(virConnectPtr conn, LvCallFunc func, gpointer data,
                 GDestroyNotify free, LvCallPurpose what, guint timeout_ms,
                 GCancellable *cancellable, GError **error);

/* Calls @func for 0 to @n - 1 in parallel and waits for all. */
void lv_call_each(guint n, void (*func)(guint nth, gpointer data),
                  gpointer data);

/* Starts a call and does not wait for it. */
void lv_call_detached(LvCallFunc func, gpointer data, GDestroyNotify free);

/* From inside a call: the time limit does not count while @hold, because the
 * user is being asked.  If a call is abandoned meanwhile, the caller waits until
 * the user is no longer asked.  FALSE if the call was abandoned before: then the
 * program's function and its data may not exist any more. */
gboolean lv_call_hold(gboolean hold);

/* MigtuneDriver.wait_idle: waits until no call runs, also no abandoned one. */
gboolean lv_wait_idle(guint timeout_ms);

/* From inside a call: cancelled when the call is abandoned.  NULL outside. */
GCancellable *lv_call_get_cancellable(void);

/* auth.c: answers libvirt's requests for credentials with the program's
 * function. */
#define LV_N_AUTH 5

typedef struct {
    int types[LV_N_AUTH];
    virConnectAuth auth;
    MigtuneAuthFunc func;
    gpointer data;
} LvAuth;

/* @auth must not move until libvirt is done with it. */
void lv_auth_init(LvAuth *auth, MigtuneAuthFunc func, gpointer data);

/* loop.c: registers and runs an event loop for libvirt, once. */
void lv_loop_start(void);

/* conn.c */
gpointer lv_open(const char *uri, const MigtuneDriverOptions *options,
                 GCancellable *cancellable, GError **error);
gpointer lv_adopt(gpointer native, char **ret_uri,
                  const MigtuneDriverOptions *options,
                  GCancellable *cancellable, GError **error);
void lv_close(gpointer conn);
gboolean lv_watch(gpointer conn, MigtuneDriverEventFunc func,
                  gpointer user_data, GError **error);

/* A reference to the connection, which is opened again if it was lost. */
virConnectPtr lv_conn_get(LvConn *conn, GCancellable *cancellable,
                          GError **error);

/* Whether @domain belongs to the present connection. */
gboolean lv_conn_is_current(LvConn *conn, virDomainPtr domain);

/* @old is lost: the next lv_conn_get() opens another connection.  The program's
 * connection is kept as long as libvirt says that it is open, because only the
 * program can open another one. */
void lv_conn_lost(LvConn *conn, virConnectPtr old);

/* As lv_watch_has_ended(); FALSE also without a watch. */
gboolean lv_conn_has_ended(LvConn *conn, const char *uuid, guint id,
                           char **ret_how, gboolean *ret_migrated);

/* find.c */
char **lv_list(gpointer conn, GCancellable *cancellable, GError **error);
char **lv_list_inactive(gpointer conn, GCancellable *cancellable,
                        GError **error);
char *lv_lookup(gpointer conn, const char *name, GCancellable *cancellable,
                GError **error);
char *lv_version(gpointer conn, GCancellable *cancellable, GError **error);

/* Removes and returns the domain of that name if it was listed or looked up
 * recently, and when; else NULL. */
virDomainPtr lv_conn_take_found(LvConn *conn, const char *name,
                                gint64 *ret_found_us);

/* The version of the host's QEMU, in libvirt's form, if a list or a lookup over
 * the present connection has asked for it; else 0. */
unsigned long lv_conn_get_qemu_version(LvConn *conn);

/* job.c */

/* Whether libvirt migrates the domain now, in either direction. */
gboolean lv_job_is_migrating(virDomainPtr domain);

/* Finds out whether this host receives the domain from another one; FALSE if
 * libvirt does not say.  Until the domain has arrived, libvirt lets all requests
 * wait that need QEMU, also queries. */
gboolean lv_job_find_incoming(virDomainPtr domain, gboolean *ret_incoming);

/* Whether libvirt runs a job on the domain, such as a migration to another host,
 * that keeps other commands than queries from QEMU's monitor until the job
 * ends. */
gboolean lv_job_blocks_changes(virDomainPtr domain);

/* libvirt's job as the answer to query-migrate; NULL with an error if the
 * connection is lost, if libvirt does not know the domain any more, or if the
 * domain does not run and has no completed migration. */
JsonNode *lv_job_to_migration(virDomainPtr domain, GError **error);

/* What a driver's domain remembers of its last migration.  libvirt has no job for
 * a migration that has ended without success, as if there had been none. */
typedef struct {
    gboolean runs;              /* as of the last query */
    gboolean aborted;           /* since then, with virDomainAbortJob() */
    const char *ended;          /* QEMU's status for the result, interned;
                                 * NULL: no result to remember */
} LvMigration;

/* Takes note of the answers to @commands, and adds the remembered result to an
 * answer to query-migrate that lacks it. */
void lv_job_remember(LvMigration *migration, MigtuneDriverCommand *commands,
                     guint n_commands);

/* The answer to query-migrate about a migration that is completed, with the
 * statistics that libvirt has kept, if any.  @domain may be NULL. */
JsonNode *lv_job_new_completed(virDomainPtr domain);

/* bare.c: what query-version returns, for libvirt's form of a version. */
JsonNode *lv_bare_version(unsigned long version);

/* bare.c: answers without the monitor, from libvirt's functions, in QEMU's
 * form.  NULL with an error for a command that needs the monitor. */
JsonNode *lv_bare_answer(virDomainPtr domain, const char *command,
                         GError **error);

/* Whether the answer needs a function of libvirt that waits until an incoming
 * migration has ended. */
gboolean lv_bare_waits(const char *command);

/* batch.c: runs commands, without knowing the domain object. */
typedef struct {
    virDomainPtr domain;        /* borrowed */
    const char *name;
    const char *uuid;
    guint id;                   /* the start that the commands are for */
    gboolean check_id;          /* before the first command */
    gboolean check_arrival;     /* before the first command */
    gboolean no_monitor;
    gint *n_querying;           /* atomic: batches of the connection */
    guint timeout_ms;
} LvTarget;

/* What became of a batch. */
typedef struct {
    gboolean repeatable;        /* failed, and had no effect */
    gboolean checked;           /* the target has its id */
    gboolean arrived;           /* no incoming migration, or it has ended */
    const char *gone;           /* how that start ended; NULL: it runs */
} LvOutcome;

/* As MigtuneDriver.execute. */
gboolean lv_batch_run(const LvTarget *target, MigtuneDriverCommand *commands,
                      guint n_commands, LvOutcome *ret_outcome,
                      GCancellable *cancellable, GError **error);

/* Whether @command would use the monitor. */
gboolean lv_batch_uses_monitor(const char *command, JsonObject *arguments);

/* passes.c: what receives the events of a guest about passes. */
typedef struct _LvPasses LvPasses;

/* domain.c */
typedef struct {
    LvConn *conn;
    virDomainPtr domain;        /* NULL: lost */
    char *name;
    char uuid[VIR_UUID_STRING_BUFLEN];
    char *instance;             /* NULL: not asked for yet */
    gboolean runs;              /* as of opening */
    guint id;                   /* libvirt's number of this start */
    gint64 seen_us;             /* when the guest was last seen with that */
    gboolean arrived;           /* no migration brings that start any more */
    char *gone;                 /* how the process ended; NULL: it runs */
    LvMigration migration;
    LvPasses *passes;           /* NULL: no pass was waited for yet */
} LvDomain;

/* passes.c: as MigtuneDriver.wait_pass. */
gboolean lv_wait_pass(gpointer domain, guint timeout_ms,
                      GCancellable *cancellable);

/* Ends the events about passes; does not wait for libvirt. */
void lv_passes_end(LvDomain *domain);

gpointer lv_domain_open(gpointer conn, const char *key,
                        MigtuneDriverIdentity *identity,
                        GCancellable *cancellable, GError **error);
gpointer lv_domain_adopt(gpointer conn, gpointer native, char **ret_key,
                         MigtuneDriverIdentity *identity,
                         GCancellable *cancellable, GError **error);
void lv_domain_close(gpointer domain);
gboolean lv_domain_reconnect(gpointer domain, GCancellable *cancellable,
                             GError **error);
gboolean lv_domain_identify(gpointer domain, MigtuneDriverIdentity *identity,
                            GCancellable *cancellable, GError **error);

/* FALSE with an error if the process that was opened is known to have ended. */
gboolean lv_domain_check(LvDomain *domain, GError **error);

/* Makes @domain usable: a domain of the present connection, and the process
 * that was opened.  FALSE with an error if that is not possible. */
gboolean lv_domain_get_ready(LvDomain *domain, GCancellable *cancellable,
                             GError **error);

/* The domain, even if its process ended; for virDomainFree(). */
virDomainPtr lv_domain_get_any(LvDomain *domain, GError **error);

/* Runs a batch on a domain that is ready. */
gboolean lv_domain_run(LvDomain *domain, gboolean no_monitor,
                       MigtuneDriverCommand *commands, guint n_commands,
                       gboolean *ret_repeatable, GCancellable *cancellable,
                       GError **error);

/* ended.c: answers query-migrate and query-status about a guest whose process
 * has ended.  FALSE for other commands, or if it ended without a migration. */
gboolean lv_ended_answer(LvDomain *domain, MigtuneDriverCommand *commands,
                         guint n_commands, GCancellable *cancellable);

/* Gives up the connection and the handle: the next call looks the guest up. */
void lv_domain_lose(LvDomain *domain);

/* execute.c */
gboolean lv_execute(gpointer domain, MigtuneDriverCommand *commands,
                    guint n_commands, GCancellable *cancellable,
                    GError **error);
gboolean lv_look(gpointer domain, MigtuneDriverCommand *commands,
                 guint n_commands, GCancellable *cancellable, GError **error);

/* What a user should know about a command that changes something. */
char *lv_remark(gpointer domain, const char *command, JsonObject *arguments);

/* takes.c */
gboolean lv_takes(gpointer domain, guint flags, guint *ret_refused,
                  MigtuneDriverAsked *asked, guint n_asked,
                  GCancellable *cancellable, GError **error);

/* save.c */
gboolean lv_save(gpointer domain, const char *path, GCancellable *cancellable,
                 GError **error);
gboolean lv_restore(gpointer domain, const char *path,
                    GCancellable *cancellable, GError **error);

/* migrate.c */
JsonNode *lv_compare(gpointer domain, gpointer destination,
                     GCancellable *cancellable, GError **error);
gboolean lv_migrate(gpointer domain, gpointer destination, guint flags,
                    gpointer params, guint n_params, GCancellable *cancellable,
                    GError **error);

/* metadata.c */
char *lv_kept_get(gpointer domain, MigtuneDriverKept which, GError **error);
gboolean lv_kept_set(gpointer domain, MigtuneDriverKept which,
                     const char *xml, GError **error);
char *lv_title(gpointer domain, GCancellable *cancellable, GError **error);

G_END_DECLS
