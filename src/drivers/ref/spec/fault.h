/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Faults of one guest: which are armed, and which of them a command or a
 * migration meets.
 *
 * Each happens once.  REFUSE, DELAY and HANGUP count the commands that they
 * are about from the moment they are armed; DROP, STALL and CORRUPT are for
 * the next migration that this guest sends; KILL is for the next one either
 * way: a source loses its connections, a destination its life.
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

/* None is armed any more. */
void mt_ref_faults_disarm(MtRefFaults *faults);

/* A command came: what happens to it, and for how long. */
MtRefFaultKind mt_ref_faults_meet(MtRefFaults *faults, const char *command,
                                  guint64 *ret_ms);

/* A migration begins: puts into @settings what waits for it. */
void mt_ref_faults_load(MtRefFaults *faults, gboolean incoming,
                        MtEngineSettings *settings);

/* Reads the arguments of x-migtune-fault.  NONE: disarm all. */
gboolean mt_ref_fault_read(JsonObject *arguments, MtRefFault *ret_fault,
                            MtRefRefusal *refusal);

G_END_DECLS
