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

/* What a source finds out while it runs. */
typedef struct {
    guint64 remaining;          /* bytes */
    guint64 dirty_pages_rate;
    guint64 bandwidth;
    guint64 pages_per_second;
    guint64 syncs;
    gint64 expected_downtime_ns;
    guint throttle_percent;
    guint64 downtime_from;      /* counters.transferred when the guest
                                 * stopped */
    guint64 postcopy_from;      /* and when it ran over there */
    double xbzrle_miss_rate;
    double xbzrle_encoding_rate;
} MtProgress;

struct MtEngine {
    MtRam *ram;
    MtDirty *dirty;
    MtDirty *own_dirty;         /* when nobody gave one */
    MtEngineGuest guest;
    MtEngineListener listener;
    gpointer listener_data;

    /* Changed while a migration runs; atomic. */
    guint64 max_bandwidth;
    guint64 max_postcopy_bandwidth;
    guint64 downtime_limit_ns;

    /* Of the migration that runs, or ran last: fixed while its thread is. */
    MtEngineSettings settings;
    MtTransport *transport;
    gboolean is_source;
    GThread *thread;
    MtFailure *failure;
    MtRate *rate;
    guint64 activity;           /* atomic */
    MtCounters counters;        /* atomic, each */

    GMutex lock;
    GCond changed;
    /* Under the lock. */
    MtStatus status;
    MtOutcome outcome;
    gboolean over;
    gboolean committing;        /* too late to cancel */
    gboolean go_on;             /* after pre-switchover */
    gboolean postcopy_wanted;
    MtIo *link;                 /* of the running post-copy; borrowed */
    MtTransport *resume;        /* offered to a paused one */
    gboolean guest_stopped;
    GError *error;
    gint64 begin_ns;
    gint64 setup_ns;
    gint64 stop_ns;
    gint64 postcopy_ns;         /* 0: there was none */
    gint64 end_ns;
    MtProgress progress;
    MtXbzrle *xbzrle;           /* of the running source */
    guint64 xbzrle_cache_bytes; /* asked for by a call; 0: the settings' */
    GBytes *sections;
    GBytes *vmdesc;
    guint64 device_bytes;
    char *machine;
    char *run_state;            /* to send, or received; NULL: not told */
};

/* A failure that also wakes the threads that wait because of the rate. */
MtFailure *mt_engine_new_failure(MtEngine *engine);

void mt_engine_emit(MtEngine *engine, MtEngineEvent event, guint64 value);
void mt_engine_set_status(MtEngine *engine, MtStatus status);

/* The migration ends.  @error is taken; NULL: it completed. */
void mt_engine_finish(MtEngine *engine, MtStatus status, MtOutcome outcome,
                      GError *error);

void mt_engine_stop_guest(MtEngine *engine);
void mt_engine_start_guest(MtEngine *engine);

/* The guest runs over there, and its RAM follows. */
void mt_engine_enter_postcopy(MtEngine *engine);

/* What mt_engine_pause_postcopy() may cut; NULL: nothing. */
void mt_engine_set_link(MtEngine *engine, MtIo *io);

/*
 * A post-copy that broke.  _may: whether it is one that waits for another way.
 * _wait: it does; nobody uses the former failure any more, and @reason is taken.
 * _take: that way, a reference; NULL: it was cancelled, or without @wait there
 * is none yet.  _recovered: it goes on.
 */
gboolean mt_engine_may_recover(MtEngine *engine);
void mt_engine_wait_recovery(MtEngine *engine, GError *reason);
void mt_engine_recovered(MtEngine *engine);
MtTransport *mt_engine_take_recovery(MtEngine *engine, gboolean wait);
