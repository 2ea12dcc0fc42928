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

G_BEGIN_DECLS

/* probing.c: what is being asked of a binary at the moment. */
typedef struct {
    GMutex lock;
    GCond cond;
    GHashTable *keys;           /* of the cache; under the lock */
} MtProbing;

void mt_probing_init(MtProbing *probing);
void mt_probing_clear(MtProbing *probing);

/* What somebody else has asked meanwhile and put into the cache; else NULL, and
 * the caller is to ask, and to say when that is done. */
MtCaps *mt_probing_begin(MtProbing *probing, const char *dir, const char *key,
                         GCancellable *cancellable);
void mt_probing_end(MtProbing *probing, const char *key);

struct _MigtuneConn {
    gint ref_count;
    char *uri;
    unsigned int flags;
    GCancellable *cancellable;  /* NULL: cannot be stopped */
    MigtuneDriverOptions options;
    const MigtuneDriver *driver;
    gpointer handle;
    char *cache_dir;            /* NULL: no cache */
    MtProbing probing;
    MigtuneEventFunc event_func; /* NULL: nobody watches */
    gpointer event_data;
};

struct _MigtuneDomain {
    gint ref_count;
    MigtuneConn *conn;
    char *key;
    char *name;
    const char *qemu;           /* interned */
    gpointer handle;
    MigtuneDriverIdentity identity;
    MtExec exec;
    MtExec look;                /* queries without side effects */
    gboolean identified;        /* driver->identify() was called */
    MtCaps *caps;               /* NULL until they are asked for */
};

/* FALSE with an error when @flags has any that is not in @known. */
gboolean mt_core_check_flags(unsigned int flags, unsigned int known,
                             GError **error);

/* A release from text; NONE with an error that says what is accepted. */
MtRelease mt_core_parse_release(const char *text, GError **error);

/* Whether a domain is what a user calls @name: name, UUID or key. */
gboolean mt_domain_is_called(MigtuneDomain *domain, const char *name);

/* FALSE with an error when no command can be run on it now. */
gboolean mt_domain_check_running(MigtuneDomain *domain, GError **error);

/* What the domain's QEMU can do, from memory, the cache or QEMU itself. */
MtCaps *mt_domain_get_caps(MigtuneDomain *domain, gboolean refresh,
                           GError **error);

/* What is in force; asks anew what QEMU can do when the cache was wrong. */
MtState *mt_domain_read_state(MigtuneDomain *domain, MtStateFlags flags,
                              GError **error);

/* Opens what conn.c found; takes nothing. */
MigtuneDomain *mt_domain_open(MigtuneConn *conn, const char *key,
                              GError **error);

/* plan-api.c: what is in a plan; the domain is NULL without one. */
MtPlan *mt_plan_get_inner(MigtunePlan *plan);
MigtuneDomain *mt_plan_get_domain(MigtunePlan *plan);

/* The guest may be changed by others again; @plan will not be applied. */
void mt_plan_let_go(MigtunePlan *plan);

/* Plans that rows of @domain get @values. */
MigtunePlan *mt_domain_plan_values(MigtuneDomain *domain, const MtSet *values,
                                   GError **error);

/*
 * One line of what a domain has: a row, or the wish compression.
 */
typedef struct {
    const char *name;           /* as it is shown */
    const MtRow *row;           /* how it is described */
    const MtCapsEntry *entry;   /* NULL for compression */
    MtSpelling spelling;
    MtValue *value;             /* NULL when QEMU cannot tell */
} MtListed;

/* The lines for @names, or all; an array of MtListed. */
GPtrArray *mt_listing_new(const MtCaps *caps, const MtState *state,
                          const char *const *names, unsigned int flags,
                          GError **error);

G_END_DECLS
