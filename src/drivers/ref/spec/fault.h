/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The armed faults of one guest, and which of them affect a command or a
 * migration.
 *
 * Each fault takes effect once.  REFUSE, DELAY and HANGUP count commands from
 * the moment when they are armed.  DROP, STALL and CORRUPT affect the next
 * outgoing migration.  KILL affects the next migration in either direction: a
 * source loses its connections, a destination ends.
 */

#include "drivers/ref/profile/input.h"
#include "drivers/ref/spec/spec.h"
#include "engine/settings.h"

G_BEGIN_DECLS

typedef struct {
    GArray *armed;              /* of MtRefFault and a count */
} MtRefFaults;

/* @spec is an array of MtRefFault, or NULL. */
void mt_ref_faults_init(MtRefFaults *faults, const GArray *spec);
void mt_ref_faults_clear(MtRefFaults *faults);
void mt_ref_faults_arm(MtRefFaults *faults, const MtRefFault *fault);

/* Removes all faults. */
void mt_ref_faults_disarm(MtRefFaults *faults);

/* The fault that affects this command, and the delay. */
MtRefFaultKind mt_ref_faults_meet(MtRefFaults *faults, const char *command,
                                  guint64 *ret_ms);

/* A migration starts: moves its faults into @settings. */
void mt_ref_faults_load(MtRefFaults *faults, gboolean incoming,
                        MtEngineSettings *settings);

/* Reads the arguments of x-migtune-fault.  NONE: disarm all. */
gboolean mt_ref_fault_read(JsonObject *arguments, MtRefFault *ret_fault,
                            MtRefRefusal *refusal);

G_END_DECLS
