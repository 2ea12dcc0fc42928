/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Convergence policies: actions during a migration that let it end.
 *
 * A policy is a state machine: samples and pass events are its input, decisions
 * its output.  It performs no I/O, reads no clock and allocates no memory after
 * it was created; the time is part of the samples.  Therefore the same code can
 * act on a live migration, run beside one without acting (in shadow), and run
 * over a recorded trace and in the simulator.
 *
 * A policy decides at its own poll times, as the program that it comes from
 * does, and uses the newest sample.  Some policies also decide at pass events.
 * MtPolicyRun keeps the order:
 *
 *     run = mt_policy_run_new(&config, &guest, act, data);
 *     mt_policy_run_start(run);
 *     for each record of the trace, in the order of time:
 *         mt_policy_run_sample(run, &sample);  or  mt_policy_run_pass(...);
 *     mt_policy_run_advance(run, end_ms);
 *
 * Each policy has a file policy-NAME.c and one line in policies.c.  A run is
 * used by one thread at a time.
 */

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Downtime that QEMU accepts at most, in milliseconds. */
#define MT_DOWNTIME_MAX_MS 2000000

/* No further poll. */
#define MT_POLL_NEVER G_MAXINT64

/* What a status of query-migrate or of a libvirt job means to a policy. */
typedef enum {
    MT_PHASE_OTHER,         /* a status that is not known here */
    MT_PHASE_SETUP,
    MT_PHASE_PRECOPY,
    MT_PHASE_POSTCOPY,      /* the guest runs at the destination */
    MT_PHASE_ENDING,        /* device state, cancelling, failing */
    MT_PHASE_ENDED,         /* completed, failed, cancelled */
} MtPhase;

/* @status: QEMU's spelling, such as "postcopy-active". */
MtPhase mt_phase_from_status(const char *status);

/* One sample of a running migration.  A figure that is not known is 0. */
typedef struct {
    gint64 time_ms;         /* since the migration was started */
    MtPhase phase;
    gboolean guest_paused;  /* stopped at the source to let it converge */
    guint64 pass;           /* QEMU's dirty-sync-count */
    guint64 remaining;      /* bytes of RAM still to be sent */
    guint64 total;          /* bytes of guest RAM */
    guint64 transferred;    /* bytes sent so far */
    guint64 bandwidth;      /* bytes a second */
    guint64 dirty_rate;     /* bytes a second */
    guint64 downtime_ms;    /* QEMU's present limit */
} MtSample;

typedef enum {
    MT_ACT_SET_DOWNTIME,    /* milliseconds */
    MT_ACT_SET_BANDWIDTH,   /* bytes a second */
    MT_ACT_THROTTLE,        /* percent of guest time taken away */
    MT_ACT_POSTCOPY,
    MT_ACT_PAUSE,
    MT_ACT_ABORT,
    MT_ACT_SET_DEADLINE,    /* the policy's own, milliseconds since start */
    MT_ACT_NOTE,            /* only a message, no action */
} MtAct;

/* Stable spelling, such as "set-downtime". */
const char *mt_act_to_string(MtAct act);

typedef struct {
    gint64 time_ms;
    MtAct act;
    guint64 value;          /* 0 for actions without one */
    const char *code;       /* stable name of the reason */
    char reason[400];       /* a sentence, translated */
} MtDecision;

/*
 * Carries out a decision, or only records it.  Returns whether the action
 * succeeded, which some policies depend on.  The result for MT_ACT_NOTE is
 * ignored.
 */
typedef gboolean (*MtPolicyAct)(const MtDecision *decision, gpointer data);

/* The facts of a guest that policies use. */
typedef struct {
    guint64 ram_bytes;
    guint64 disk_bytes;     /* of disks that are copied */
    guint n_disks;
    double disk_gib;        /* Nova: sum of the disks, each at least 2 GiB */
    gboolean vfio;          /* has a device that post-copy excludes */
    gboolean postcopy;      /* both sides have the capability on */
} MtPolicyGuest;

/* Nova: nova.conf [libvirt]. */
typedef struct {
    gint64 downtime_ms;         /* live_migration_downtime, >= 100 */
    gint64 steps;               /* live_migration_downtime_steps, >= 3 */
    gint64 delay_s;             /* live_migration_downtime_delay, a GiB */
    gint64 completion_s;        /* live_migration_completion_timeout, a GiB */
    gboolean force_complete;    /* live_migration_timeout_action */
    gboolean permit_postcopy;
    double flavor_gib;          /* memory of the flavor; 0: RAM of the guest */
    double disk_gib;            /* of the disks; 0: those of the guest */
} MtNovaConfig;

/* VDSM: a convergence schedule. */
#define MT_VDSM_ITEMS 64
#define MT_VDSM_LAST (-1)       /* limit of the items after the schedule */

typedef struct {
    gint64 limit;               /* passes since the first one seen */
    MtAct act;                  /* set-downtime, post-copy or abort */
    guint64 value;
} MtVdsmItem;

typedef struct {
    gint64 interval_ms;         /* migration_monitor_interval; 0: no policy */
    guint n_init;
    MtVdsmItem init[MT_VDSM_ITEMS];
    guint n_items;
    MtVdsmItem items[MT_VDSM_ITEMS];
} MtVdsmConfig;

/* KubeVirt: spec.configuration.migrations and MigrationPolicy. */
typedef struct {
    gint64 completion_s_per_gb; /* completionTimeoutPerGiB; 0: none */
    gint64 progress_s;          /* progressTimeout; 0: none */
    gint64 max_downtime_ms;
    gboolean allow_postcopy;
    gboolean allow_disruption;

    gboolean tuning;            /* downtimeTuning is present */
    gint64 initial_ms;
    gint64 steps;
    gint64 start_after_pass;
    gint64 cooldown_s;

    /* stallDetector, used by the policy kubevirt-stall. */
    gint64 margin_percent;
    gint64 stall_s;             /* stallProgressTimeout */
    gint64 switchover_s;
    double alpha;
    double possible_factor;
    double decay;
    gboolean local_minima;
    double completion_factor;
} MtKubevirtConfig;

/* Proxmox: the VM configuration. */
typedef struct {
    guint64 downtime_ms;        /* migrate_downtime, 0..2000000 */
} MtProxmoxConfig;

/* migtune's own policy: see policy-steady.c. */
typedef struct {
    guint64 downtime_ms;        /* downtime-limit at the start */
    guint64 max_downtime_ms;    /* downtime-limit is never larger */
    gint64 deadline_ms;         /* since the start; 0: none */
    gboolean allow_throttle;
    gboolean allow_postcopy;
    gboolean allow_pause;
} MtSteadyConfig;

typedef struct MtPolicyClass MtPolicyClass;

/* A policy with its settings: a plain value, which may be copied. */
typedef struct {
    const MtPolicyClass *policy;
    union {
        MtNovaConfig nova;
        MtVdsmConfig vdsm;
        MtKubevirtConfig kubevirt;
        MtProxmoxConfig proxmox;
        MtSteadyConfig steady;
    };
} MtPolicyConfig;

/* The settings of a policy, with the names that its program gives them. */
JsonObject *mt_policy_config_to_json(const MtPolicyConfig *config);

typedef struct MtPolicyRun MtPolicyRun;

struct MtPolicyClass {
    const char *name;
    const char *help;           /* N_(): what it does, one line */
    gsize state_size;

    /* The defaults of the program that the policy comes from. */
    void (*init)(MtPolicyConfig *config);

    /* Before the first sample.  Returns the time of the first poll. */
    gint64 (*start)(MtPolicyRun *run, gpointer state);

    /* @sample is the newest one; NULL if there is none yet.  Returns the time
     * of the next poll, later than @now_ms. */
    gint64 (*poll)(MtPolicyRun *run, gpointer state, gint64 now_ms,
                   const MtSample *sample);

    /* At a pass event; NULL if the policy does not use them. */
    void (*pass)(MtPolicyRun *run, gpointer state, gint64 now_ms,
                 const MtSample *sample);
};

guint mt_policy_n(void);
const MtPolicyClass *mt_policy_get(guint i);

/* NULL, with an error that lists the names, if there is no such policy. */
const MtPolicyClass *mt_policy_find(const char *name, GError **error);

/* @name with the defaults of its program. */
gboolean mt_policy_config_init(MtPolicyConfig *config, const char *name,
                               GError **error);

/* @config and @guest are copied.  @act is called from inside the functions
 * below. */
MtPolicyRun *mt_policy_run_new(const MtPolicyConfig *config,
                               const MtPolicyGuest *guest, MtPolicyAct act,
                               gpointer data);
void mt_policy_run_free(MtPolicyRun *run);

void mt_policy_run_start(MtPolicyRun *run);

/* Runs the polls before the time of @sample; later polls use @sample.  A
 * sample that is older than the newest one is ignored. */
void mt_policy_run_sample(MtPolicyRun *run, const MtSample *sample);

/* Pass @pass began at @time_ms; the policy sees the newest sample. */
void mt_policy_run_pass(MtPolicyRun *run, gint64 time_ms, guint64 pass);

/* Runs the polls up to and including @time_ms. */
void mt_policy_run_advance(MtPolicyRun *run, gint64 time_ms);

/* The time of the next poll of the policy; MT_POLL_NEVER if it has ended. */
gint64 mt_policy_run_next(const MtPolicyRun *run);

/* For policies. */
const MtPolicyConfig *mt_policy_run_config(const MtPolicyRun *run);
const MtPolicyGuest *mt_policy_run_guest(const MtPolicyRun *run);

/* The last sample of an earlier pass than the newest sample; NULL if there is
 * none. */
const MtSample *mt_policy_run_earlier_pass(const MtPolicyRun *run);

/* Makes a decision at the time of the current poll or event, and returns
 * whether the action succeeded. */
gboolean mt_policy_decide(MtPolicyRun *run, MtAct act, guint64 value,
                          const char *code, const char *format, ...)
    G_GNUC_PRINTF(5, 6);

extern const MtPolicyClass mt_policy_kubevirt;
extern const MtPolicyClass mt_policy_kubevirt_stall;
extern const MtPolicyClass mt_policy_none;
extern const MtPolicyClass mt_policy_nova;
extern const MtPolicyClass mt_policy_proxmox;
extern const MtPolicyClass mt_policy_steady;
extern const MtPolicyClass mt_policy_vdsm;

/* Nova's size of one disk in GiB. */
double mt_nova_disk_gib(double bytes);

/* Nova's size of a guest in GiB, which its delays and limits scale with. */
double mt_nova_gib(const MtNovaConfig *config, const MtPolicyGuest *guest);

/* Step @i of Nova's downtime steps, 0 to config->steps. */
void mt_nova_step(const MtNovaConfig *config, double gib, gint64 i,
                  gint64 *ret_seconds, gint64 *ret_downtime_ms);

/* VDSM's own schedule for hosts that receive none: @steps values up to
 * @downtime_ms. */
gboolean mt_vdsm_legacy(MtVdsmConfig *config, gint64 downtime_ms, gint64 steps,
                        GError **error);

/* One of the policies that oVirt ships: "minimal-downtime",
 * "suspend-workload", "post-copy" or "very-large-vms". */
gboolean mt_vdsm_builtin(MtVdsmConfig *config, const char *name,
                         GError **error);

/* The progress that VDSM reports, in percent. */
guint mt_vdsm_percent(guint64 remaining, guint64 total);

/* KubeVirt's limit for a whole migration, in seconds; 0: none. */
gint64 mt_kubevirt_acceptable(const MtKubevirtConfig *config,
                              const MtPolicyGuest *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPolicyRun, mt_policy_run_free)

G_END_DECLS
