/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A migration in this process: one MtEngine is one side of one migration.
 *
 * Give it the guest (its RAM, the dirty log that its writers mark, how to stop
 * and start it), settings and a transport; it runs in threads of its own and
 * says what happens through a listener and statistics.  Both sides may be in
 * one process, or a real QEMU may be at the other end.
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
 * Into a real QEMU: mt_transport_new("tcp:127.0.0.1:4444", &error), and
 * mt_engine_settings_speak(&settings, MT_GENERATION_OLD) for 7.2 and older.
 *
 * Whatever happens, the guest can run on one side only afterwards: a source
 * that did not complete starts its guest again, unless it cannot know whether
 * the destination has it (see mt_engine_get_outcome()).
 *
 * All functions may be called from any thread, also from the listener, except
 * mt_engine_wait(), mt_engine_end() and mt_engine_free(), which the listener
 * must not call.
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

/* Who writes to the RAM.  All members may be NULL.  Without a gate that its
 * writers pass, a destination refuses postcopy. */
typedef struct {
    void (*stop)(gpointer data);    /* nobody writes once it returned */
    void (*start)(gpointer data);
    MtThrottle *throttle;           /* for auto-converge; borrowed */
    MtGate *gate;                   /* for postcopy; borrowed */
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

/* Who may run the guest now. */
typedef enum {
    MT_OUTCOME_PENDING,     /* still under way */
    MT_OUTCOME_HERE,        /* this side */
    MT_OUTCOME_THERE,       /* the other side */
    MT_OUTCOME_UNKNOWN,     /* everything was sent, but the connection broke
                             * before the answer: this side stays stopped */
} MtOutcome;

/*
 * Borrows @ram, and @dirty, which may be NULL where nobody writes; both must
 * outlive the engine.  @guest is copied and may be NULL.
 */
MtEngine *mt_engine_new(MtRam *ram, MtDirty *dirty,
                        const MtEngineGuest *guest);

/*
 * Cancels what still runs and waits for its threads; the engine remains.  Of
 * two engines whose listeners reach for each other, both are ended before one
 * is freed.  NULL is fine for both.
 */
void mt_engine_end(MtEngine *engine);
void mt_engine_free(MtEngine *engine);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtEngine, mt_engine_free)

void mt_engine_set_listener(MtEngine *engine, MtEngineListener listener,
                            gpointer data);

/*
 * Start and return at once.  An engine takes one migration after the other,
 * once the one before has failed or was cancelled.  What is wrong with the
 * settings or cannot be listened on is said here, the rest by
 * mt_engine_wait().
 */
gboolean mt_engine_migrate(MtEngine *engine, const MtEngineSettings *settings,
                           MtTransport *to, GError **error);
gboolean mt_engine_incoming(MtEngine *engine,
                            const MtEngineSettings *settings,
                            MtTransport *from, GError **error);

/*
 * Until it is over or @timeout_ns passed (0: for ever): whether it completed.
 * MIGTUNE_ERROR_TIMEOUT when it is not over yet.
 */
gboolean mt_engine_wait(MtEngine *engine, gint64 timeout_ns, GError **error);

/* The last moment is the destination's answer: a cancel after it is void. */
void mt_engine_cancel(MtEngine *engine);

/*
 * The running source stops its guest as soon as it can, lets it run over there
 * and sends what is left meanwhile.  It may complete before that.  The settings
 * must have postcopy.
 */
gboolean mt_engine_start_postcopy(MtEngine *engine, GError **error);

/*
 * Cuts the link of a post-copy, at either side.  If the settings say that it
 * recovers, both sides are then paused: the guest runs as far as it gets with
 * what it has.  mt_engine_recover() listens at @from for the source, which
 * mt_engine_resume() makes connect @to; what has not arrived is sent again.
 * They return at once, and fail if nothing is paused.
 */
void mt_engine_pause_postcopy(MtEngine *engine);
gboolean mt_engine_recover(MtEngine *engine, MtTransport *from,
                           GError **error);
gboolean mt_engine_resume(MtEngine *engine, MtTransport *to, GError **error);

/* While it runs. */
void mt_engine_set_max_bandwidth(MtEngine *engine, guint64 bytes_per_s);
void mt_engine_set_max_postcopy_bandwidth(MtEngine *engine,
                                          guint64 bytes_per_s);
void mt_engine_set_downtime_limit(MtEngine *engine, gint64 limit_ns);
gboolean mt_engine_set_xbzrle_cache(MtEngine *engine, guint64 bytes,
                                    GError **error);

/* What the global state says of the guest, such as "paused"; without a call it
 * follows the settings' @guest_running.  Takes effect until the device state is
 * sent: who stops the guest may say here how it was before. */
void mt_engine_set_run_state(MtEngine *engine, const char *run_state);

/* What the global state that a destination received says; NULL when none came
 * (yet). */
char *mt_engine_dup_run_state(MtEngine *engine);

/* Goes on after pre-switchover. */
void mt_engine_continue(MtEngine *engine);

MtStatus mt_engine_get_status(MtEngine *engine);
MtOutcome mt_engine_get_outcome(MtEngine *engine);

/* @ret_stats is overwritten; mt_engine_stats_clear() frees what is in it. */
void mt_engine_get_stats(MtEngine *engine, MtEngineStats *ret_stats);

/*
 * Device state.  A source sends what it was given, and else that of
 * `-machine none`; a destination keeps what it received.  @sections are
 * the bytes between the last RAM section and the end of the list, @vmdesc the
 * JSON text; NULL where there is none.
 */
void mt_engine_set_devices(MtEngine *engine, GBytes *sections,
                           GBytes *vmdesc);
gboolean mt_engine_get_devices(MtEngine *engine, GBytes **ret_sections,
                               GBytes **ret_vmdesc);

/* Machine type that the configuration section named; NULL without one. */
char *mt_engine_dup_machine(MtEngine *engine);

G_END_DECLS
