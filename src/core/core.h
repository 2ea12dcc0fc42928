/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the core share: the public objects from inside.
 */

#include "migtune/migtune.h"
#include "migtune/migtune-driver.h"

#include "plan/plan.h"
#include "probe/caps.h"
#include "probe/state.h"
#include "qmp/exec.h"
#include "util/require.h"

G_BEGIN_DECLS

/* probing.c: the binaries that are being probed at the moment. */
typedef struct {
    GMutex lock;
    GCond cond;
    GHashTable *keys;           /* cache key to MtCaps or NULL; under the lock */
} MtProbing;

void mt_probing_init(MtProbing *probing);
void mt_probing_clear(MtProbing *probing);

/* The result of another call that probed the same binary; the caller owns it.
 * NULL: the caller has to probe, and to call mt_probing_end() with its result,
 * NULL after a failure. */
MtCaps *mt_probing_begin(MtProbing *probing, const char *key,
                         GCancellable *cancellable);
void mt_probing_end(MtProbing *probing, const char *key, MtCaps *caps);

/* The result for @key turned out to be wrong. */
void mt_probing_forget(MtProbing *probing, const char *key);

struct _MigtuneConn {
    GObject parent_instance;

    /* Fixed once it is open. */
    char *uri;
    unsigned int flags;
    MigtuneDriverOptions options;
    const MigtuneDriver *driver;
    gpointer handle;
    char *cache_dir;            /* NULL: no cache */
    gboolean adopted;           /* the program opened the connection */

    MtProbing probing;          /* has its own lock */

    GMutex domains_lock;
    GPtrArray *domains;         /* open ones, not owned; under domains_lock */

    GMutex watch_lock;          /* held while the driver's watch is changed */
    MigtuneEventFunc event_func; /* NULL: no watch; set before a watch begins */
    gpointer event_data;
};

struct _MigtuneDomain {
    GObject parent_instance;

    /* Fixed once it is open. */
    MigtuneConn *conn;
    char *key;
    char *name;
    const char *qemu;           /* interned */
    gpointer handle;
    MigtuneDriverIdentity identity;
    MtExec exec;
    MtExec look;                /* queries without side effects */

    GMutex lock;
    GCond changed;              /* a call ended or was cancelled */
    /* Under the lock. */
    GThread *holder;            /* NULL: no call is using the domain */
    guint depth;
    guint n_waiting;            /* threads that wait for the holder */

    /* Of the call that holds the domain. */
    GCancellable *cancellable;  /* NULL: the call cannot be cancelled */
    MtCaps *caps;               /* NULL until the first probe */
    gboolean caps_remembered;   /* they come from an earlier probe */
    char *threads;              /* of the CPUs; NULL: not asked */
    gboolean cut;               /* a call ended before its answer came */
    gboolean identified;        /* driver->identify() was called */
    gboolean postcopy_asked;    /* start-postcopy was sent in this migration */
};

/*
 * Reserves @domain for the calling thread, and waits while another thread has
 * it.  NULL with MIGTUNE_ERROR_CANCELLED if @cancellable is cancelled before.
 * A thread may reserve it several times.
 *
 *     g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable, error);
 */
typedef struct _MigtuneDomain MtDomainHold;
MtDomainHold *mt_domain_hold(MigtuneDomain *domain, GCancellable *cancellable,
                             GError **error);
void mt_domain_release(MtDomainHold *hold);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDomainHold, mt_domain_release)

/* The signal "job-progress"; @progress is an a{sv}. */
void mt_domain_emit_progress(MigtuneDomain *domain, GVariant *progress);
gboolean mt_domain_shows_progress(MigtuneDomain *domain);

/* FALSE with an error if @flags has any flag that is not in @known. */
gboolean mt_core_check_flags(unsigned int flags, unsigned int known,
                             GError **error);

/* A release from text; NONE with an error that says what is accepted. */
MtRelease mt_core_parse_release(const char *text, GError **error);

/* The file name of a key, without its ending; for g_free(). */
char *mt_domain_name_of_key(const char *key);

/* What tells this guest from the others of the host: the same for every monitor
 * of the guest and for every driver.  For g_free(). */
char *mt_domain_dup_identity(const MigtuneDomain *domain);

/* Whether @name is the name, the UUID, the key or the file of @domain. */
gboolean mt_domain_is_called(MigtuneDomain *domain, const char *name);

/* Lets other clients use the monitor of the guest until the next command.  Does
 * nothing if the driver cannot do that. */
void mt_domain_release_monitor(MigtuneDomain *domain);

/* Waits until a pass of the migration begins, or until the time has passed.
 * Returns whether a pass has begun. */
gboolean mt_domain_wait_pass(MigtuneDomain *domain, guint timeout_ms,
                             GCancellable *cancellable);

/* FALSE with an error if the guest does not run. */
gboolean mt_domain_check_running(MigtuneDomain *domain, GError **error);

/* What the domain's QEMU supports, from memory, the cache or QEMU itself.  The
 * caller holds the domain, and the result is valid for as long. */
MtCaps *mt_domain_get_caps(MigtuneDomain *domain, gboolean refresh,
                           GError **error);

/* Reads the values in force.  Probes again if the cache turns out to be about
 * another QEMU.  The caller holds the domain. */
MtState *mt_domain_read_state(MigtuneDomain *domain, MtStateFlags flags,
                              GError **error);

/* Opens the domain with this key of the driver. */
MigtuneDomain *mt_domain_open(MigtuneConn *conn, const char *key,
                              GCancellable *cancellable, GError **error);

/* plan/plan-api.c: the parts of a public plan; the domain may be NULL. */
MtPlan *mt_plan_get_inner(MigtunePlan *plan);
MigtuneDomain *mt_plan_get_domain(MigtunePlan *plan);

/* Plans that the rows of @values get these values. */
MigtunePlan *mt_domain_plan_values(MigtuneDomain *domain, const MtSet *values,
                                   GCancellable *cancellable, GError **error);

/* One line of a listing: a row, or the setting `compression`. */
typedef struct {
    const char *name;           /* as it is shown */
    const MtRow *row;           /* how it is described */
    const MtCapsEntry *entry;   /* NULL for compression */
    MtSpelling spelling;
    MtValue *value;             /* NULL: QEMU does not report it */
} MtListed;

/* The lines for @names, or all; an array of MtListed. */
GPtrArray *mt_listing_new(const MtCaps *caps, const MtState *state,
                          const char *const *names, unsigned int flags,
                          GError **error);

G_END_DECLS
