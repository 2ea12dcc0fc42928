/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A guest without a processor: RAM with its writers, capabilities and
 * parameters as its release keeps them, and the engine that migrates it.
 *
 * All functions may be called from any thread, also by who is told of an event,
 * except that who is told of one must neither free the guest nor start a
 * migration.
 */

#include "drivers/ref/profile/input.h"
#include "drivers/ref/spec/spec.h"
#include "engine/memory/ram.h"

G_BEGIN_DECLS

typedef struct MtRefGuest MtRefGuest;

/* Is told each event, with its data (NULL: none); called by any thread,
 * without a lock of the guest held. */
typedef void (*MtRefEventFunc)(const char *event, JsonObject *data,
                               gint64 timestamp_us, gpointer user_data);

/* Copies @spec. */
MtRefGuest *mt_ref_guest_new(const MtRefGuestSpec *spec, GError **error);

/* Cancels what runs. */
void mt_ref_guest_free(MtRefGuest *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefGuest, mt_ref_guest_free)

const MtRefGuestSpec *mt_ref_guest_get_spec(const MtRefGuest *guest);
MtRefProfile *mt_ref_guest_get_profile(const MtRefGuest *guest);

guint mt_ref_guest_watch(MtRefGuest *guest, MtRefEventFunc func,
                         gpointer user_data);

/* Is told once that the guest has ended, whatever ended it: behind its last
 * event, and by any thread. */
typedef void (*MtRefEndFunc)(gpointer user_data);

guint mt_ref_guest_watch_end(MtRefGuest *guest, MtRefEndFunc func,
                             gpointer user_data);

/* Either kind.  No call is under way any more once it returned. */
void mt_ref_guest_unwatch(MtRefGuest *guest, guint id);

/* What a command ends in, beside its answer. */
typedef enum {
    MT_REF_ANSWERED,
    MT_REF_REFUSED,
    MT_REF_HANG_UP,             /* a fault: the monitor closes unanswered */
    MT_REF_QUIT,                /* answered; then the guest ends */
} MtRefAnswer;

/*
 * Runs one command, as QEMU does one at a time.  @arguments may be NULL.
 * ANSWERED and QUIT give *@ret_result, REFUSED fills in @refusal.
 */
MtRefAnswer mt_ref_guest_execute(MtRefGuest *guest, const char *command,
                                 JsonObject *arguments, JsonNode **ret_result,
                                 MtRefRefusal *refusal);

/*
 * The same for a client that sent a descriptor, which getfd takes: *@fd is then
 * -1, as where there is none.
 */
MtRefAnswer mt_ref_guest_execute_fd(MtRefGuest *guest, const char *command,
                                    JsonObject *arguments, int *fd,
                                    JsonNode **ret_result,
                                    MtRefRefusal *refusal);

/* Descriptors given with getfd; taken. */
void mt_ref_guest_give_fd(MtRefGuest *guest, const char *name, int fd);

/* Its RAM, once it has its content: for comparing.  Lives as long as it. */
MtRam *mt_ref_guest_get_ram(MtRefGuest *guest);

/* Why it ended other than by quit, as QEMU says on its standard error; NULL
 * when there is nothing to say. */
char *mt_ref_guest_dup_last_words(MtRefGuest *guest);

/* After quit, or when an incoming migration failed: nothing runs any more, and monitors close. */
gboolean mt_ref_guest_has_quit(MtRefGuest *guest);

G_END_DECLS
