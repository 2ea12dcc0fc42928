/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A guest without a processor: RAM and the threads that write to it,
 * capabilities and parameters as the release of QEMU keeps them, and the
 * engines that migrate it.  monitor/execute.h runs commands on it.
 *
 * All functions may be called from any thread, also from a watcher.  A watcher
 * must not free the guest.
 */

#include "drivers/ref/profile/input.h"
#include "drivers/ref/spec/spec.h"
#include "engine/memory/ram.h"

G_BEGIN_DECLS

typedef struct MtRefGuest MtRefGuest;

/* Receives each event with its data (NULL: none).  Any thread may call it; no
 * lock of the guest is held. */
typedef void (*MtRefEventFunc)(const char *event, JsonObject *data,
                               gint64 timestamp_us, gpointer user_data);

/* Copies @spec. */
MtRefGuest *mt_ref_guest_new(const MtRefGuestSpec *spec, GError **error);

/* Cancels running migrations. */
void mt_ref_guest_free(MtRefGuest *guest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefGuest, mt_ref_guest_free)

const MtRefGuestSpec *mt_ref_guest_get_spec(const MtRefGuest *guest);
MtRefProfile *mt_ref_guest_get_profile(const MtRefGuest *guest);

guint mt_ref_guest_watch(MtRefGuest *guest, MtRefEventFunc func,
                         gpointer user_data);

/* Called once when the guest has ended for any reason, after its last event,
 * by any thread. */
typedef void (*MtRefEndFunc)(gpointer user_data);

guint mt_ref_guest_watch_end(MtRefGuest *guest, MtRefEndFunc func,
                             gpointer user_data);

/* Removes a watcher of either kind.  When this returns, the watcher is not
 * running and is not called again. */
void mt_ref_guest_unwatch(MtRefGuest *guest, guint id);

/* How many passes the outgoing migrations have begun, without the first pass of
 * each. */
guint64 mt_ref_guest_count_passes(MtRefGuest *guest);

/* Waits until there are more than @n_passes.  FALSE after @timeout_ms, if
 * @cancellable is cancelled, and if the guest ends. */
gboolean mt_ref_guest_wait_pass(MtRefGuest *guest, guint64 n_passes,
                                guint timeout_ms, GCancellable *cancellable);

/* Adds a descriptor as getfd does; takes @fd. */
void mt_ref_guest_give_fd(MtRefGuest *guest, const char *name, int fd);

/* Waits until the RAM has its initial content.  Borrowed. */
MtRam *mt_ref_guest_get_ram(MtRefGuest *guest);

/* The device state of the outgoing migration, for MigtuneDriver.device_state.
 * NULL until it is known. */
JsonObject *mt_ref_guest_query_device_state(MtRefGuest *guest);

/* Why the guest ended, if it was not by quit: what QEMU would write to its
 * standard error.  NULL if there is nothing to report. */
char *mt_ref_guest_dup_last_words(MtRefGuest *guest);

/* TRUE after quit, or after an incoming migration failed: nothing runs any
 * more, and monitors close. */
gboolean mt_ref_guest_has_quit(MtRefGuest *guest);

G_END_DECLS
