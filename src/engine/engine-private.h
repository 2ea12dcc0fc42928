/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The state of an engine, and what the threads of a running migration report
 * and ask (engine-run.c).
 */

#include "engine/engine.h"
#include "engine/failure.h"
#include "engine/source/rate.h"
#include "engine/source/xbzrle-cache.h"

/* What a source measures while it runs. */
typedef struct {
    guint64 remaining;          /* bytes */
    guint64 dirty_pages_rate;
    guint64 bandwidth;
    guint64 pages_per_second;
    guint64 syncs;
    gint64 expected_downtime_ns;
    guint throttle_percent;
    guint64 downtime_from;      /* counters.transferred when the guest
                                 * was stopped */
    guint64 postcopy_from;      /* the same when the guest was started on
                                 * the destination */
    double xbzrle_miss_rate;
    double xbzrle_encoding_rate;
} MtProgress;

/* Passes the settings on to the throttle; called by the thread that syncs. */
void mt_engine_tune_throttle(MtEngine *engine);

struct MtEngine {
    MtRam *ram;
    MtDirty *dirty;
    MtDirty *own_dirty;         /* if the caller gave none */
    MtEngineGuest guest;
    MtEngineListener listener;
    gpointer listener_data;

    /* May be changed while a migration runs; atomic. */
    guint64 max_bandwidth;
    guint64 max_postcopy_bandwidth;
    guint64 downtime_limit_ns;

    /* Of the current or last migration: fixed while its thread runs. */
    MtEngineSettings settings;
    MtTransport *transport;
    gboolean is_source;
    GThread *thread;
    MtFailure *failure;
    MtRate *rate;
    guint64 activity;           /* atomic */
    MtCounters counters;        /* each member atomic */

    GMutex lock;
    GCond changed;
    /* Protected by @lock. */
    MtStatus status;
    MtOutcome outcome;
    gboolean over;
    gboolean committing;        /* too late to cancel */
    gboolean go_on;             /* after pre-switchover */
    gboolean postcopy_wanted;
    MtIo *link;                 /* of the running post-copy; not owned */
    MtTransport *resume;        /* to recover a paused post-copy with */
    gboolean guest_stopped;
    GError *error;
    gint64 begin_ns;
    gint64 setup_ns;
    gint64 stop_ns;
    gint64 postcopy_ns;         /* start of post-copy; 0: none */
    gint64 end_ns;
    MtProgress progress;
    MtXbzrle *xbzrle;           /* of the running source */
    guint64 xbzrle_cache_bytes; /* set by a call; 0: use the settings */
    MtEngineSettings tuned;     /* for the source's thread if @retuned */
    gboolean retuned;
    GBytes *sections;
    GBytes *vmdesc;
    guint64 device_bytes;
    char *machine;
    char *run_state;            /* to send, or received; NULL: not set */
};

/* A failure that also wakes the threads that wait because of the rate. */
MtFailure *mt_engine_new_failure(MtEngine *engine);

void mt_engine_emit(MtEngine *engine, MtEngineEvent event, guint64 value);
void mt_engine_set_status(MtEngine *engine, MtStatus status);

/* Ends the migration.  Takes ownership of @error; NULL: it completed. */
void mt_engine_finish(MtEngine *engine, MtStatus status, MtOutcome outcome,
                      GError *error);

void mt_engine_stop_guest(MtEngine *engine);
void mt_engine_start_guest(MtEngine *engine);

/* Records that the guest runs on the destination: post-copy has begun. */
void mt_engine_enter_postcopy(MtEngine *engine);

/* Sets the link that mt_engine_pause_postcopy() shuts down; NULL: none. */
void mt_engine_set_link(MtEngine *engine, MtIo *io);

/*
 * Recovery of a post-copy whose link broke.
 *
 * may_recover: whether the settings have recovery and it was not cancelled.
 * wait_recovery: enters the status postcopy-paused and takes ownership of
 * @reason; no other thread may use the former MtFailure any more.
 * take_recovery: returns a reference to the transport to recover with.  NULL: it
 * was cancelled or, without @wait, there is no transport yet.
 * recovered: the post-copy continues.
 */
gboolean mt_engine_may_recover(MtEngine *engine);
void mt_engine_wait_recovery(MtEngine *engine, GError *reason);
void mt_engine_recovered(MtEngine *engine);
MtTransport *mt_engine_take_recovery(MtEngine *engine, gboolean wait);
