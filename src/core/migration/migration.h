/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The migration object from inside, for the files migration-*.c.
 */

#include "core/core.h"
#include "core/migration/job.h"
#include "pair/pairing.h"
#include "plan/lower/lower.h"

#include "migtune/migtune-migration.h"
#include "migtune/migtune-steering.h"

G_BEGIN_DECLS

/* Where the guest is after a migration. */
typedef enum {
    MT_PLACE_SOURCE,
    MT_PLACE_DESTINATION,
    MT_PLACE_BOTH,
    MT_PLACE_STOPPED,           /* on both sides */
    MT_PLACE_UNKNOWN,
} MtPlace;

/* "source" ... as in the outcome. */
const char *mt_place_to_string(MtPlace place);

typedef struct {
    MtPlace place;
    char *source_state;         /* run states; NULL: not known */
    char *destination_state;
    gint64 downtime_ms;         /* as QEMU tells it; -1: not known */
    gint64 extra_us;            /* from the end of the source to the start of
                                 * the destination; -1: the link is trusted */
    gint64 total_us;
    GPtrArray *warnings;        /* texts */
} MtOutcome;

/* What follows a migration: the convergence policies.  The files that carry a
 * migration out do not know them. */
typedef struct {
    void (*begin)(MigtuneMigration *migration);
    void (*sample)(MigtuneMigration *migration, JsonNode *info);
    void (*end)(MigtuneMigration *migration);
    void (*free)(MigtuneSteering *steering);
} MtMigrationFollower;

struct _MigtuneMigration {
    GObject parent_instance;

    /* Fixed. */
    MigtuneDomain *source;
    MigtuneDomain *destination; /* of libvirt: NULL until the guest is there */
    MigtuneConn *to;            /* to which libvirt migrates; NULL: not libvirt */
    unsigned int libvirt_flags; /* virDomainMigrateFlags that were asked for */
    virTypedParameterPtr params;
    int n_params;
    MtPolicy policy;
    gboolean trusts_link;
    gboolean unsafe;

    /* Fixed once it runs. */
    char *listen;               /* NULL: a free port */
    char *connect;              /* NULL: as @listen */
    guint timeout_ms;
    MigtuneMigrationFunc observer;
    gpointer observer_data;
    GDestroyNotify observer_destroy;
    GMainContext *context;      /* for signals; NULL: the running thread */

    /* Of the thread that uses it. */
    const MtMigrationFollower *follower; /* NULL: no policy or trace */
    MigtuneSteering *steering;  /* of @follower */
    GCancellable *cancellable;  /* of the run; borrowed */
    MtPairSide *source_side;
    MtPairSide *destination_side;
    MtPairing *pairing;         /* NULL: not checked */
    JsonNode *hosts;            /* what libvirt knows of both sides, or NULL */
    MtLowering *lowering;       /* for libvirt, or NULL; fixed once it runs */
    MtSet *source_read;         /* read back; NULL: not yet */
    MtSet *destination_read;
    MtOutcome *outcome;         /* NULL: has not run */
    struct _MtEvidence *evidence;       /* of libvirt; NULL: has not run */

    gint state;                 /* atomic: MigtuneMigrationState */
    gint aborted;               /* atomic: migtune_migration_abort() */
    gint postcopy;              /* atomic: post-copy was asked for */
};

/* migration-facts.c: what can be learned of @domain, without changing it. */
MtPairSide *mt_migration_read_side(MigtuneDomain *domain,
                                   GCancellable *cancellable, GError **error);

/* migration-signal.c: prefixes @error with the side and the name of @domain. */
void mt_migration_prefix_error(MigtuneMigration *migration,
                               MigtuneDomain *domain, GError **error);

/* Whether the QEMU process of @domain is known to have ended. */
gboolean mt_migration_has_ended(MigtuneDomain *domain);

/* migration-signal.c: sets the state and emits the signal. */
void mt_migration_enter(MigtuneMigration *migration,
                        MigtuneMigrationState state);
/* Shows a sample to the observer and to the convergence policies, and emits the
 * signal. */
void mt_migration_show(MigtuneMigration *migration, const MtJob *job);
/* Emits the signal for a decision, an a{sv}. */
void mt_migration_show_decision(MigtuneMigration *migration,
                                GVariant *decision);

/* migration-run.c: after a check without a refusal. */
gboolean mt_migration_carry_out(MigtuneMigration *migration,
                                GCancellable *cancellable, GError **error);

/* migration.c: @known are the flags that are accepted beside a policy. */
MigtuneMigration *mt_migration_new(MigtuneDomain *source,
                                   MigtuneDomain *destination,
                                   const virTypedParameter *params,
                                   int n_params, unsigned int flags,
                                   unsigned int known, GError **error);

/* migration-libvirt.c: the same steps where libvirt migrates.  The check adds
 * findings and does not fail because of them. */
gboolean mt_migration_check_libvirt(MigtuneMigration *migration,
                                    GCancellable *cancellable,
                                    GError **error);
gboolean mt_migration_carry_out_libvirt(MigtuneMigration *migration,
                                        GCancellable *cancellable,
                                        GError **error);
JsonArray *mt_migration_libvirt_to_steps(MigtuneMigration *migration);
JsonArray *mt_migration_libvirt_to_virsh(MigtuneMigration *migration);

void mt_outcome_free(MtOutcome *outcome);

G_END_DECLS
