/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A migration in this process: one MtEngine is one side of one migration.
 *
 * It needs the guest (its RAM, the dirty log that its writers mark, callbacks to
 * stop and start it), settings and a transport.  It runs in its own threads and
 * reports events to a listener.  The peer may be an engine in the same process or
 * a real QEMU.
 *
 *     MtEngineSettings settings;
 *     g_autoptr(MtTransport) link = mt_transport_new_pair();
 *     g_autoptr(MtRam) ram = mt_ram_new_simple(64 << 20, &error);
 *     g_autoptr(MtRam) copy = mt_ram_new_simple(64 << 20, &error);
 *     g_autoptr(MtDirty) dirty = mt_dirty_new(mt_ram_n_pages(ram));
 *     MtEngineGuest guest = { .stop = writers_stop, .start = writers_start,
 *                             .data = writers };
 *     g_autoptr(MtEngine) source = mt_engine_new(ram, dirty, &guest);
 *     g_autoptr(MtEngine) dest = mt_engine_new(copy, NULL, NULL);
 *
 *     mt_engine_settings_init(&settings);
 *     settings.multifd = TRUE;
 *     settings.return_path = TRUE;
 *     g_strlcpy(settings.multifd_compression, "zstd",
 *               sizeof(settings.multifd_compression));
 *
 *     mt_engine_incoming(dest, &settings, link, &error);
 *     mt_engine_migrate(source, &settings, link, &error);
 *     mt_engine_wait(source, 0, &error);
 *     mt_engine_wait(dest, 0, &error);
 *     mt_engine_get_stats(source, &stats);
 *
 * To migrate to a real QEMU: mt_transport_new("tcp:127.0.0.1:4444", &error), and
 * for 7.2 and older mt_engine_settings_speak(&settings, MT_GENERATION_OLD).
 *
 * After a failure the source starts its guest again unless it cannot know whether
 * the destination runs it (see MT_OUTCOME_UNKNOWN).  If the connection is closed
 * after the destination has started the guest and before its answer arrives, the
 * guest runs on both sides, as with QEMU: a caller that must exclude this starts
 * the guest of the destination itself when the source has completed.
 *
 * All functions may be called from any thread and from the listener, except
 * mt_engine_wait(), mt_engine_end() and mt_engine_free(), which the listener must
 * not call.
 */

#include <glib.h>

#include "engine/memory/dirty.h"
#include "engine/memory/gate.h"
#include "engine/memory/ram.h"
#include "engine/settings.h"
#include "engine/stats.h"
#include "engine/memory/throttle.h"
#include "engine/transport.h"

G_BEGIN_DECLS

typedef struct MtEngine MtEngine;

/* Callbacks and objects of the guest.  All members may be NULL.  Without a gate a
 * destination refuses post-copy. */
typedef struct {
    void (*stop)(gpointer data);    /* after it returns, RAM is not written */
    void (*start)(gpointer data);
    MtThrottle *throttle;           /* for auto-converge; not owned */
    MtGate *gate;                   /* for post-copy; not owned */
    gpointer data;
} MtEngineGuest;

typedef enum {
    MT_ENGINE_EVENT_STATUS,         /* @value: the new MtStatus */
    MT_ENGINE_EVENT_PASS,           /* @value: dirty syncs so far */
    MT_ENGINE_EVENT_STOP,           /* the guest was stopped */
    MT_ENGINE_EVENT_RESUME,         /* the guest was started again */
} MtEngineEvent;

/* Called by the engine's threads, without any lock held. */
typedef void (*MtEngineListener)(MtEngine *engine, MtEngineEvent event,
                                 guint64 value, gpointer data);

/* Which side may run the guest now. */
typedef enum {
    MT_OUTCOME_PENDING,     /* the migration is running */
    MT_OUTCOME_HERE,        /* this side */
    MT_OUTCOME_THERE,       /* the other side */
    MT_OUTCOME_UNKNOWN,     /* all was sent, but no answer came within the
                             * time limit: this side stays stopped */
} MtOutcome;

/*
 * @ram and @dirty must outlive the engine; @dirty may be NULL if RAM is not
 * written.  @guest is copied and may be NULL.
 */
MtEngine *mt_engine_new(MtRam *ram, MtDirty *dirty,
                        const MtEngineGuest *guest);

/*
 * mt_engine_end() cancels a running migration and waits for its threads; the
 * engine can still be used.  If the listeners of two engines use each other's
 * engine, end both before freeing one.  @engine may be NULL.
 */
void mt_engine_end(MtEngine *engine);
void mt_engine_free(MtEngine *engine);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtEngine, mt_engine_free)

void mt_engine_set_listener(MtEngine *engine, MtEngineListener listener,
                            gpointer data);

/*
 * Start a migration and return immediately.  An engine can run several migrations
 * one after the other.  Fails if the settings are invalid, a migration is running
 * or the address cannot be listened on; other errors are returned by
 * mt_engine_wait().
 */
gboolean mt_engine_migrate(MtEngine *engine, const MtEngineSettings *settings,
                           MtTransport *to, GError **error);
gboolean mt_engine_incoming(MtEngine *engine,
                            const MtEngineSettings *settings,
                            MtTransport *from, GError **error);

/*
 * Waits until the migration is over, at most @timeout_ns (0: no limit).  Returns
 * whether it completed; MIGTUNE_ERROR_TIMEOUT if it is not over yet.
 */
gboolean mt_engine_wait(MtEngine *engine, gint64 timeout_ns, GError **error);

/* Without effect once a source waits for the final answer of the destination, or
 * a destination has sent it. */
void mt_engine_cancel(MtEngine *engine);

/*
 * Requests post-copy: the source stops its guest as soon as possible, the guest
 * runs on the destination, and the remaining pages are sent meanwhile.  The
 * migration may complete before that.  The settings must have postcopy.
 */
gboolean mt_engine_start_postcopy(MtEngine *engine, GError **error);

/*
 * mt_engine_pause_postcopy() shuts down the link of a post-copy, on either side.
 * If the settings have postcopy_recovers, both sides are then paused, and the
 * guest runs with the pages that have arrived.  mt_engine_recover() makes the
 * destination listen at @from, mt_engine_resume() makes the source connect to
 * @to; missing pages are sent again.  They return immediately, and fail if no
 * post-copy is paused.
 */
void mt_engine_pause_postcopy(MtEngine *engine);
gboolean mt_engine_recover(MtEngine *engine, MtTransport *from,
                           GError **error);
gboolean mt_engine_resume(MtEngine *engine, MtTransport *to, GError **error);

/*
 * Changes the settings that a running source obeys: the bandwidth limits,
 * avail_switchover_bandwidth, downtime_limit_ns, throttle_*,
 * compress_wait_thread and zero_detection.  The other members are ignored.
 */
void mt_engine_retune(MtEngine *engine, const MtEngineSettings *settings);

/* May be changed while a migration runs. */
void mt_engine_set_max_bandwidth(MtEngine *engine, guint64 bytes_per_s);
void mt_engine_set_max_postcopy_bandwidth(MtEngine *engine,
                                          guint64 bytes_per_s);
void mt_engine_set_downtime_limit(MtEngine *engine, gint64 limit_ns);
gboolean mt_engine_set_xbzrle_cache(MtEngine *engine, guint64 bytes,
                                    GError **error);

/* Sets the run state in the global state, such as "paused"; without a call it
 * depends on @guest_running of the settings.  Has an effect until the device state
 * is sent: a caller that stops the guest can set the former state here. */
void mt_engine_set_run_state(MtEngine *engine, const char *run_state);

/* The run state that a destination received; NULL if it received none (yet). */
char *mt_engine_dup_run_state(MtEngine *engine);

/* Continues after pre-switchover. */
void mt_engine_continue(MtEngine *engine);

MtStatus mt_engine_get_status(MtEngine *engine);
MtOutcome mt_engine_get_outcome(MtEngine *engine);

/* @ret_stats is overwritten; free its members with mt_engine_stats_clear(). */
void mt_engine_get_stats(MtEngine *engine, MtEngineStats *ret_stats);

/*
 * Device state.  A source sends the state that was set, by default the state of
 * `-machine none`; a destination keeps the received state.  @sections are the
 * bytes between the last RAM section and the end of the section list, @vmdesc
 * is the JSON text, or NULL.
 */
void mt_engine_set_devices(MtEngine *engine, GBytes *sections,
                           GBytes *vmdesc);
gboolean mt_engine_get_devices(MtEngine *engine, GBytes **ret_sections,
                               GBytes **ret_vmdesc);

/* The machine type in the received configuration section, or NULL. */
char *mt_engine_dup_machine(MtEngine *engine);

G_END_DECLS
