/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Simulates a migration with a convergence policy.
 *
 * Time moves from event to event: a poll of the policy, the end of a pass, a
 * change of the guest's behaviour or of the link.  As in QEMU, a pass ends when
 * the remaining data fits into the allowed downtime at the current bandwidth:
 * then the dirty log is synced, and the data that the guest wrote meanwhile is
 * added.  If the sum still fits, the guest is stopped and the migration ends;
 * otherwise the next pass begins.  QEMU checks this only after each iteration
 * over RAM, so a pass usually sends a little more than it has to.
 *
 * The limit of the bandwidth (max-bandwidth) applies to the passes.  The data
 * that is sent while the guest is stopped, and after a switch to post-copy, has
 * the whole link.
 */

#include "converge/model.h"
#include "converge/policy/policy.h"

G_BEGIN_DECLS

#define MT_SIM_PHASES 8

typedef enum {
    MT_SIM_COMPLETED,
    MT_SIM_POSTCOPY,        /* completed after a switch to post-copy */
    MT_SIM_ABORTED,         /* by the policy */
    MT_SIM_ENDLESS,         /* not ended at @limit_s */
} MtSimOutcome;

/* The behaviour of the guest from @from_s to the next phase. */
typedef struct {
    double from_s;
    MtModel model;
} MtSimWork;

typedef struct {
    double from_s;
    double bandwidth;       /* bytes a second, greater than 0 */
} MtSimLink;

/* The first work and the first link begin at 0; the others follow in time. */
typedef struct {
    MtPolicyGuest guest;
    double data_bytes;      /* of the first pass: pages that are not zero */
    double ratio;           /* bytes on the link for a byte of RAM */
    double later_ratio;     /* the same after the first pass; 0: as @ratio */
    double speed;           /* bytes of RAM that can be processed a second;
                             * INFINITY: as many as the link takes */
    double max_bandwidth;   /* bytes a second while the guest runs; 0: no
                             * limit */
    double device_s;        /* downtime that device state takes */
    guint64 downtime_ms;    /* downtime-limit at the start */
    double limit_s;         /* of simulated time */
    guint n_works;
    MtSimWork works[MT_SIM_PHASES];
    guint n_links;
    MtSimLink links[MT_SIM_PHASES];
} MtSimScene;

typedef struct {
    MtSimOutcome outcome;
    guint n_passes;
    guint n_decisions;
    double seconds;         /* until the guest runs at the destination, or the
                             * end */
    double downtime;        /* seconds, with pauses */
    double bytes;           /* on the link */
    guint64 downtime_ms;    /* downtime-limit at the end */
} MtSimResult;

/* Stable spelling, such as "completed". */
const char *mt_sim_outcome_to_string(MtSimOutcome outcome);

/* @act, which may be NULL, is called for each decision; its result says
 * whether the action succeeds in the simulated migration. */
void mt_simulate(const MtSimScene *scene, const MtPolicyConfig *policy,
                 MtPolicyAct act, gpointer data, MtSimResult *ret_result);

G_END_DECLS
