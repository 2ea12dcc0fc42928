/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of a guest share.  From the bottom up: events.c queues and
 * delivers events, status.c keeps the status of both directions, runstate.c
 * stops and starts the guest, end.c ends it, engines.c connects it with its
 * engines; settings.c, migrate.c, incoming.c, postcopy.c and the others hold
 * the commands, and guest.c makes and frees it.  No file uses one that comes
 * later in this list.
 */

#include "drivers/ref/spec/fault.h"
#include "drivers/ref/guest/guest.h"
#include "drivers/ref/tunables/tunables.h"
#include "engine/engine.h"

G_BEGIN_DECLS

/* mt_ref_run_state_to_string() gives QEMU's names. */
typedef enum {
    MT_REF_PRELAUNCH,           /* not started yet */
    MT_REF_INMIGRATE,
    MT_REF_RUNNING,
    MT_REF_PAUSED,
    MT_REF_FINISH_MIGRATE,      /* stopped for the switch-over */
    MT_REF_POSTMIGRATE,
    MT_REF_N_RUN_STATES
} MtRefRunState;

/* The migration in one direction, as query-migrate reports it. */
typedef struct {
    gboolean any;               /* a migration was started */
    gboolean by_engine;         /* the engine runs it and has its numbers */
    MtStatus status;
    char *error_desc;           /* NULL: use the engine's, if any */
} MtRefSide;

/* State of calc-dirty-rate, see dirty-rate.c. */
typedef struct {
    GThread *thread;
    gboolean owns_log;          /* no migration uses the dirty log */
    gboolean stop;
    enum { MT_REF_RATE_UNSTARTED, MT_REF_RATE_MEASURING,
           MT_REF_RATE_MEASURED } state;
    gint64 start_s;
    guint64 calc_ms;
    guint64 sample_pages;
    char *mode;
    gint64 mb_per_s;
} MtRefRate;

struct MtRefGuest {
    MtRefGuestSpec *spec;
    MtRefProfile *profile;
    MtRam *ram;
    MtDirty *dirty;
    MtThrottle *throttle;
    MtGate *gate;               /* holds writers back from pages that have not
                                 * arrived yet */
    MtWorkload *load;
    MtEngine *source;
    MtEngine *dest;
    GThread *filler;            /* NULL if the RAM needs no content */

    /*
     * Lock order: @command (held while a command runs), @run (held while the
     * writers start or stop), @lock (held briefly).  Watchers are called with
     * none of them held.
     */
    GMutex command;
    /* Under @command. */
    MtRefTunables *tunables;
    GHashTable *fds;            /* name to descriptor, from getfd */
    GArray *fdsets;             /* from add-fd, see fdset.c */
    GPtrArray *objects;         /* from object-add, see objects.c */
    gboolean incoming_begun;    /* migrate-incoming was accepted */
    gboolean set_by_blk;        /* migrate blk=true set the capability
                                 * block */

    GMutex run;

    GMutex lock;
    GCond changed;
    /* Under @lock. */
    MtRefRunState state;
    MtRefRunState before_stop;  /* the state when the engine stopped it */
    gboolean autostart;         /* run once it has arrived */
    gboolean resume_pending;    /* send RESUME after the final status */
    gboolean filled;
    gboolean quit;
    gboolean events_enabled;    /* the capability events is on */
    gboolean pauses;            /* the running migration has
                                 * pause-before-switchover */
    gboolean recovering;        /* migrate-recover listens for the source */
    gboolean exit_on_error;     /* a failed migrate-incoming ends the guest */
    MtRefSide outgoing;
    guint64 n_passes;           /* of outgoing migrations */
    MtRefSide incoming;
    char *incoming_address;     /* while it listens */
    char *last_words;
    MtRefRate rate;
    MtRefFaults faults;
    GQueue events;              /* not delivered yet */
    GThread *delivering;        /* the thread that delivers events */
    GArray *watchers;
    guint last_watcher;
};

/* events.c.  _queue_event: the caller may hold any lock but @lock;
 * _queue_event_locked: the caller holds @lock.  A NULL event marks the end of
 * the guest. */
void mt_ref_guest_queue_event(MtRefGuest *guest, const char *event,
                              JsonObject *data);
void mt_ref_guest_queue_event_locked(MtRefGuest *guest, const char *event,
                                     JsonObject *data);
void mt_ref_guest_init_events(MtRefGuest *guest);

/* Delivers queued events; returns when the watchers have received all of them.
 * The caller holds no lock. */
void mt_ref_guest_deliver_events(MtRefGuest *guest);
void mt_ref_guest_drop_events(MtRefGuest *guest);

/* status.c */
gboolean mt_ref_status_is_final(MtStatus status);
gboolean mt_ref_status_is_postcopy(MtStatus status);
void mt_ref_side_clear(MtRefSide *side);

/* No engine runs a migration in this direction, or ever did. */
gboolean mt_ref_side_is_over(const MtRefSide *side);
gboolean mt_ref_guest_is_migrating(MtRefGuest *guest);
MtStatus mt_ref_guest_outgoing_status(MtRefGuest *guest);

/* Queue the event MIGRATION: always, or if the capability events is on and the
 * release has the status.  With @lock held. */
void mt_ref_guest_force_migration_event_locked(MtRefGuest *guest,
                                               const char *status);
void mt_ref_guest_migration_event_locked(MtRefGuest *guest,
                                         const char *status);

/* runstate.c */
const char *mt_ref_run_state_to_string(MtRefRunState state);
gboolean mt_ref_run_state_from_string(const char *name, MtRefRunState *ret);
MtRefRunState mt_ref_guest_run_state(MtRefGuest *guest);

/* From any state to running.  With @run held. */
void mt_ref_guest_run_locked(MtRefGuest *guest);

/* Starts the writers of a guest that is created running, once the RAM has its
 * content. */
void mt_ref_guest_start_first(MtRefGuest *guest);

/* fill.c */
void mt_ref_guest_start_filling(MtRefGuest *guest);
void mt_ref_guest_wait_filled(MtRefGuest *guest);

/* end.c: like the end of the process: nothing runs, monitors close.  @reason
 * goes into the event SHUTDOWN; NULL: no event. */
void mt_ref_guest_die(MtRefGuest *guest, const char *reason);

/* engines.c */
void mt_ref_guest_make_engines(MtRefGuest *guest);

/* engine-tune.c: the engine's settings for the capabilities and parameters. */
void mt_ref_guest_tune(MtRefGuest *guest, MtEngineSettings *settings);

/* settings.c.  _situation: the state of the guest, for the rules that depend
 * on it.  _unset_blk: switches the capability block off again after a
 * migration that had set it. */
void mt_ref_guest_situation(MtRefGuest *guest, MtRefSituation *ret);
gboolean mt_ref_guest_run_tunables(MtRefGuest *guest, const char *command,
                                   JsonObject *arguments,
                                   JsonNode **ret_result,
                                   MtRefRefusal *refusal);
gboolean mt_ref_guest_set_blk(MtRefGuest *guest, MtRefRefusal *refusal);
void mt_ref_guest_unset_blk(MtRefGuest *guest);

/* fdset.c: the command add-fd, and the real file of "file:/dev/fdset/N"; NULL
 * with @refusal.  Other URIs are copied. */
void mt_ref_guest_init_fdsets(MtRefGuest *guest);
gboolean mt_ref_guest_add_fd(MtRefGuest *guest, JsonObject *arguments, int *fd,
                             JsonNode **ret_result, MtRefRefusal *refusal);
char *mt_ref_fdset_resolve(MtRefGuest *guest, const char *uri,
                           gboolean incoming, MtRefRefusal *refusal);

/* objects.c.  _set_tls: makes an address use TLS if the parameter tls-creds is
 * set; FALSE with @refusal if there are no such credentials. */
void mt_ref_guest_init_objects(MtRefGuest *guest);
gboolean mt_ref_guest_set_tls(MtRefGuest *guest, MtTransport *transport,
                              gboolean incoming, MtRefRefusal *refusal);

/* address.c: the address of migrate or migrate-incoming.  FALSE or NULL with
 * @refusal. */
gboolean mt_ref_guest_check_scheme(MtRefGuest *guest, const char *uri,
                                   gboolean incoming, MtRefRefusal *refusal);
gboolean mt_ref_guest_check_rules(MtRefGuest *guest, const char *uri,
                                  gboolean incoming, MtRefRefusal *refusal);
gboolean mt_ref_address_parse(MtRefGuest *guest, JsonObject *arguments,
                              gboolean incoming, char **ret_uri,
                              MtRefRefusal *refusal);
MtTransport *mt_ref_address_open(MtRefGuest *guest, const char *uri,
                                 gboolean incoming, MtRefRefusal *refusal);

/* QEMU opens a file when the command is given, other addresses later.  Creates
 * an outgoing file. */
gboolean mt_ref_address_try_file(MtTransport *transport, gboolean incoming,
                                 MtRefRefusal *refusal);

/* postcopy.c: migrate with resume=true. */
gboolean mt_ref_guest_may_resume(MtRefGuest *guest, MtRefRefusal *refusal);
gboolean mt_ref_guest_resume(MtRefGuest *guest, const char *uri,
                             MtRefRefusal *refusal);

/* query-migrate.c.  _blocked_reason: why the parameter mode prevents a
 * migration; NULL if it does not. */
JsonObject *mt_ref_guest_query_migrate(MtRefGuest *guest);
const char *mt_ref_guest_blocked_reason(MtRefGuest *guest);

/* dirty-rate.c */
void mt_ref_guest_stop_rate(MtRefGuest *guest);

/*
 * The commands themselves, by file.  @arguments is never NULL and was checked
 * against the release.  TRUE with *@ret_result, which is an empty object unless
 * it is set; FALSE with @refusal.
 */
gboolean mt_ref_run_migrate(MtRefGuest *guest, JsonObject *arguments,
                            JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_incoming(MtRefGuest *guest, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_cancel(MtRefGuest *guest, JsonObject *arguments,
                           JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_continue(MtRefGuest *guest, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_start_postcopy(MtRefGuest *guest, JsonObject *arguments,
                                   JsonNode **ret_result,
                                   MtRefRefusal *refusal);
gboolean mt_ref_run_pause(MtRefGuest *guest, JsonObject *arguments,
                          JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_recover(MtRefGuest *guest, JsonObject *arguments,
                            JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_stop(MtRefGuest *guest, JsonObject *arguments,
                         JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_cont(MtRefGuest *guest, JsonObject *arguments,
                         JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_query_status(MtRefGuest *guest, JsonObject *arguments,
                                 JsonNode **ret_result,
                                 MtRefRefusal *refusal);
gboolean mt_ref_run_quit(MtRefGuest *guest, JsonObject *arguments,
                         JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_remove_fd(MtRefGuest *guest, JsonObject *arguments,
                              JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_query_fdsets(MtRefGuest *guest, JsonObject *arguments,
                                 JsonNode **ret_result,
                                 MtRefRefusal *refusal);
gboolean mt_ref_run_object_add(MtRefGuest *guest, JsonObject *arguments,
                               JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_object_del(MtRefGuest *guest, JsonObject *arguments,
                               JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_qom_list(MtRefGuest *guest, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_qom_get(MtRefGuest *guest, JsonObject *arguments,
                            JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_calc_rate(MtRefGuest *guest, JsonObject *arguments,
                              JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_query_rate(MtRefGuest *guest, JsonObject *arguments,
                               JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_fault(MtRefGuest *guest, JsonObject *arguments,
                          JsonNode **ret_result, MtRefRefusal *refusal);

G_END_DECLS
