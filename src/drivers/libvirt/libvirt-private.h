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

typedef struct {
    char *uri;
    guint connect_timeout_ms;   /* 0: as long as it takes */
    guint command_timeout_ms;
    gboolean no_monitor;

    gboolean loop;              /* it wants the event loop */

    GMutex lock;
    /* Under the lock. */
    virConnectPtr conn;         /* NULL: lost */
    GHashTable *found;          /* name to virDomainPtr: lately looked up */
    gint64 found_us;            /* when */
} LvConn;

typedef struct {
    LvConn *conn;
    virDomainPtr domain;        /* NULL: lost */
    char *name;
    char uuid[VIR_UUID_STRING_BUFLEN];
    char *instance;             /* NULL: does not run */
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

/* conn.c */
gpointer lv_open(const char *uri, const MigtuneDriverOptions *options,
                 GCancellable *cancellable, GError **error);
void lv_close(gpointer conn);
char **lv_list(gpointer conn, GCancellable *cancellable, GError **error);
char **lv_list_inactive(gpointer conn, GCancellable *cancellable,
                        GError **error);
char *lv_lookup(gpointer conn, const char *name, GCancellable *cancellable,
                GError **error);

char *lv_version(gpointer conn, GCancellable *cancellable, GError **error);

/* A reference to the connection, a new one where the old one was lost. */
virConnectPtr lv_conn_get(LvConn *conn, GCancellable *cancellable,
                          GError **error);

/* The domain of that name as it was listed or looked up a moment ago, so that
 * it need not be asked for again; NULL when it was not. */
virDomainPtr lv_conn_take_found(LvConn *conn, const char *name);

/* @old is gone: the next lv_conn_get() opens another. */
void lv_conn_lost(LvConn *conn, virConnectPtr old);

/* loop.c: libvirt's event loop in a thread of this process. */
void lv_loop_start(void);

/* domain.c */
gpointer lv_domain_open(gpointer conn, const char *key,
                        MigtuneDriverIdentity *identity,
                        GCancellable *cancellable, GError **error);
void lv_domain_close(gpointer domain);
gboolean lv_domain_reconnect(gpointer domain, GCancellable *cancellable,
                             GError **error);

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
