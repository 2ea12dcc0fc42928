/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Running QMP commands on a guest.
 */

#include "drivers/ref/guest/guest.h"

G_BEGIN_DECLS

/* The outcome of a command, beside its answer. */
typedef enum {
    MT_REF_ANSWERED,
    MT_REF_REFUSED,
    MT_REF_HANG_UP,             /* a fault: the monitor closes, no answer */
    MT_REF_QUIT,                /* answered; then the guest ends */
    MT_REF_LATE,                /* a fault: no answer within the time limit */
} MtRefAnswer;

/* How long a client waits for the answer to a command. */
typedef struct {
    guint limit_ms;
    GCancellable *cancellable;  /* may be NULL */
    guint64 left_ms;            /* set if the answer is late: when it is due */
} MtRefPatience;

/*
 * Runs one command.  A guest runs one at a time, as QEMU does.  @arguments may
 * be NULL.  ANSWERED and QUIT set *@ret_result, REFUSED fills in @refusal.
 * Events that the command causes have been delivered when this returns.
 */
MtRefAnswer mt_ref_execute(MtRefGuest *guest, const char *command,
                           JsonObject *arguments, JsonNode **ret_result,
                           MtRefRefusal *refusal);

/*
 * The same for a client that stops waiting.  If the answer is late, the command
 * has not run yet: mt_ref_execute_late() runs it when it is due.
 */
MtRefAnswer mt_ref_execute_within(MtRefGuest *guest, const char *command,
                                  JsonObject *arguments,
                                  MtRefPatience *patience,
                                  JsonNode **ret_result,
                                  MtRefRefusal *refusal);

/* Runs a command whose caller no longer waits, without faults. */
void mt_ref_execute_late(MtRefGuest *guest, const char *command,
                         JsonObject *arguments);

/*
 * mt_ref_execute() for a client that sent a descriptor.  A command that takes the
 * descriptor sets *@fd to -1; without a descriptor *@fd is -1 already.
 */
MtRefAnswer mt_ref_execute_fd(MtRefGuest *guest, const char *command,
                              JsonObject *arguments, int *fd,
                              JsonNode **ret_result, MtRefRefusal *refusal);

G_END_DECLS
