/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of this driver share: connections that can be had anew,
 * domains, calls with a time limit, errors.
 */

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

typedef struct _LvWatch LvWatch;

typedef struct {
    char *uri;
    guint connect_timeout_ms;   /* 0: as long as it takes */
    guint command_timeout_ms;
    gboolean no_monitor;
    gboolean read_only;
    gint n_asking;              /* atomic: batches on their way */

    GMutex lock;
    /* Under the lock. */
    gboolean loop;              /* it wants the event loop */
    virConnectPtr conn;         /* NULL: lost */
    int events;                 /* the watch's number there; -1: none */
    LvWatch *watch;             /* NULL: nobody wants to know */
    GHashTable *found;          /* name to virDomainPtr: lately looked up */
    gint64 found_us;            /* when */
} LvConn;

/* For how long a guest that was seen to run is taken to be the same, to ask it
 * something, where no events tell otherwise. */
#define LV_SEEN_US (500 * G_TIME_SPAN_MILLISECOND)

typedef struct {
    LvConn *conn;
    virDomainPtr domain;        /* NULL: lost */
    char *name;
    char uuid[VIR_UUID_STRING_BUFLEN];
    char *instance;             /* NULL: does not run */
    guint id;                   /* libvirt's number of this start of it */
    gint64 seen_us;             /* when it was last seen to be that one */
    gboolean reconnects;        /* it is being found again */
    char *gone;                 /* how that process ended; NULL: it runs */
} LvDomain;

/* error.c */

/* What a call was for, for the words of its errors. */
typedef enum {
    LV_TO_OPEN,
    LV_TO_ASK,
    LV_TO_CHANGE,
} LvPurpose;

/* The last error of this thread as one of migtune's. */
void lv_error_take(GError **error, LvPurpose purpose, const char *what);

/* Whether this thread's last error means that the connection is gone. */
gboolean lv_error_is_loss(void);

/* call.c */

/*
 * Something that talks to libvirt and may take for ever.  It runs in another
 * thread, which is left behind when it takes too long: so @data must be freed
 * by @free, which is called once, after both sides are done with it.
 */
typedef gboolean (*LvCallFunc)(gpointer data, GError **error);

/* FALSE with TIMEOUT or CANCELLED, too, when it was left behind. */
gboolean lv_call(LvCallFunc func, gpointer data, GDestroyNotify free,
                 const char *what, guint timeout_ms,
                 GCancellable *cancellable, GError **error);

/* Calls @func for 0 to @n - 1, all at the same time, and returns when all are
 * done: for questions that need not wait for each other. */
void lv_call_each(guint n, void (*func)(guint nth, gpointer data),
                  gpointer data);

/* Starts it and waits for nothing. */
void lv_call_and_leave(LvCallFunc func, gpointer data, GDestroyNotify free);

/* Somebody is being asked something: from inside of a call, which takes no
 * part of its time until @hold is FALSE again. */
void lv_call_hold(gboolean hold);

/* Whether nobody waits for this call any more; from inside of it. */
gboolean lv_call_is_left(void);

/* auth.c: asks who sits at the terminal, if there is one. */
#define LV_N_AUTH 5

typedef struct {
    int types[LV_N_AUTH];
    virConnectAuth auth;
} LvAuth;

void lv_auth_init(LvAuth *auth);

/* conn.c */
gpointer lv_open(const char *uri, const MigtuneDriverOptions *options,
                 GCancellable *cancellable, GError **error);
void lv_close(gpointer conn);
char **lv_list(gpointer conn, GCancellable *cancellable, GError **error);
char **lv_list_inactive(gpointer conn, GCancellable *cancellable,
                        GError **error);
char *lv_lookup(gpointer conn, const char *name, GCancellable *cancellable,
                GError **error);

gboolean lv_watch(gpointer conn, MigtuneDriverEventFunc func,
                  gpointer user_data, GError **error);

char *lv_version(gpointer conn, GCancellable *cancellable, GError **error);

/* A reference to the connection, a new one where the old one was lost. */
virConnectPtr lv_conn_get(LvConn *conn, GCancellable *cancellable,
                          GError **error);

/* The domain of that name as it was listed or looked up a moment ago, so that
 * it need not be asked for again; NULL when it was not. */
virDomainPtr lv_conn_take_found(LvConn *conn, const char *name);

/* Whether @domain is of the connection that there is now. */
gboolean lv_conn_is_current(LvConn *conn, virDomainPtr domain);

/* @old is gone: the next lv_conn_get() opens another. */
void lv_conn_lost(LvConn *conn, virConnectPtr old);

/* watch.c */

/* Watches a connection that is new, for as long as it is there; in a call. */
gboolean lv_watch_join(LvWatch *watch, virConnectPtr conn, int *ret_events,
                       GError **error);

/* The end of that. */
void lv_watch_part(virConnectPtr conn, int events);

LvWatch *lv_watch_new(LvConn *conn, MigtuneDriverEventFunc func,
                      gpointer user_data);
LvWatch *lv_watch_ref(LvWatch *watch);
void lv_watch_unref(gpointer watch);

/* The connection has been given up. */
void lv_watch_lost(LvWatch *watch);

/* No more is told when it has returned; takes @watch. */
void lv_watch_end(LvWatch *watch);

/*
 * Whether events tell how it is with a guest.  Then @ret_how is how the start
 * with the number @id has ended, allocated, or NULL.
 */
gboolean lv_watch_knows(LvConn *conn, const char *uuid, guint id,
                        char **ret_how);

/* loop.c: libvirt's event loop in a thread of this process. */
void lv_loop_start(void);

/* domain.c */
gpointer lv_domain_open(gpointer conn, const char *key,
                        MigtuneDriverIdentity *identity,
                        GCancellable *cancellable, GError **error);
void lv_domain_close(gpointer domain);
gboolean lv_domain_reconnect(gpointer domain, GCancellable *cancellable,
                             GError **error);

/* FALSE with an error when it is known that the process that was opened has
 * ended. */
gboolean lv_domain_check(LvDomain *domain, GError **error);

/* Ready to be sent to: over the connection that there is now, and the same
 * process as ever; else FALSE with an error. */
gboolean lv_domain_get_ready(LvDomain *domain, GCancellable *cancellable,
                             GError **error);

/* The domain, whatever has become of its process; for virDomainFree(). */
virDomainPtr lv_domain_get_any(LvDomain *domain, GError **error);

/* Raises that the process of @name has ended, or is another, as @how says. */
void lv_domain_set_gone(GError **error, const char *name, const char *how);

/* Whether after that failure nobody knows how the connection is. */
gboolean lv_domain_is_lost_by(const GError *failure);

/* No more is sent until it is found again. */
void lv_domain_lose(LvDomain *domain);

/* execute.c */
gboolean lv_execute(gpointer domain, MigtuneDriverCommand *commands,
                    guint n_commands, GCancellable *cancellable,
                    GError **error);

/* What becomes of a command: NULL when libvirt's functions do all of it. */
char *lv_remark(gpointer domain, const char *command, JsonObject *arguments);

/* bare.c: what libvirt tells without the monitor, in QEMU's words; NULL with
 * an error for a command that needs it. */
JsonNode *lv_bare_answer(virDomainPtr domain, const char *command,
                         GError **error);

/* takes.c */
gboolean lv_takes(gpointer domain, guint flags, guint *ret_refused,
                  MigtuneDriverAsked *asked, guint n_asked,
                  GCancellable *cancellable, GError **error);

/* metadata.c */
char *lv_kept_get(gpointer domain, MigtuneDriverKept which, GError **error);
gboolean lv_kept_set(gpointer domain, MigtuneDriverKept which,
                     const char *xml, GError **error);

G_END_DECLS
