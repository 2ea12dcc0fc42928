/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the parts of a guest share: guest.c makes it and runs commands,
 * events.c tells of them, runstate.c stops and starts it, guest-migrate.c moves
 * it, and commands.c has the table of what it answers.
 */

#include "drivers/ref/spec/fault.h"
#include "drivers/ref/guest/guest.h"
#include "drivers/ref/tunables/tunables.h"
#include "engine/engine.h"

G_BEGIN_DECLS

/* In QEMU's words, see mt_ref_run_state_to_string(). */
typedef enum {
    MT_REF_PRELAUNCH,           /* never started */
    MT_REF_INMIGRATE,
    MT_REF_RUNNING,
    MT_REF_PAUSED,
    MT_REF_FINISH_MIGRATE,      /* stopped to send the rest */
    MT_REF_POSTMIGRATE,
    MT_REF_N_RUN_STATES
} MtRefRunState;

/* What query-migrate tells of one side. */
typedef struct {
    gboolean any;               /* there was a migration */
    gboolean by_engine;         /* numbers are the engine's */
    MtStatus status;
    char *error_desc;           /* NULL: the engine's, if it has one */
} MtRefSide;

/* calc-dirty-rate, see dirty-rate.c. */
typedef struct {
    GThread *thread;
    gboolean ours;              /* the log is not a migration's */
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
    MtGate *gate;               /* between the writers and RAM to come */
    MtWorkload *load;
    MtEngine *source;
    MtEngine *dest;
    GThread *filler;            /* NULL: there is nothing to fill */

    /*
     * In this order: @command is held while a command runs, @run while the
     * writers start or stop, @lock for moments.  Watchers are called with none
     * of them held.
     */
    GMutex command;
    /* Under it. */
    MtRefTunables *tunables;
    GHashTable *fds;            /* name, descriptor */
    gboolean incoming_begun;
    gboolean set_by_blk;        /* the capability block, by migrate blk=true */

    GMutex run;

    GMutex lock;
    GCond changed;
    /* Under it. */
    MtRefRunState state;
    MtRefRunState before_stop;  /* when the engine stopped it */
    gboolean autostart;         /* once it has come in */
    gboolean resume_untold;     /* RESUME comes after the final status */
    gboolean filled;
    gboolean quit;
    gboolean events_wanted;     /* capability events, as of now */
    gboolean pauses;            /* the running migration does, before it
                                 * switches over */
    gboolean recovering;        /* migrate-recover listens */
    gboolean exit_on_error;     /* a failed migrate-incoming ends the guest */
    MtRefSide outgoing;
    MtRefSide incoming;
    char *incoming_address;     /* while it listens */
    char *last_words;
    MtRefRate rate;
    MtRefFaults faults;
    GQueue events;              /* that nobody was told of yet */
    GThread *teller;            /* who tells */
    GArray *watchers;
    guint last_watcher;
};

/* events.c.  Any lock may be held by the caller of _queue; none by that of
 * _tell, which returns when watchers know of all events so far. */
void mt_ref_guest_queue_event(MtRefGuest *guest, const char *event,
                              JsonObject *data);
void mt_ref_guest_queue_event_locked(MtRefGuest *guest, const char *event,
                                     JsonObject *data);
void mt_ref_guest_init_events(MtRefGuest *guest);
void mt_ref_guest_tell(MtRefGuest *guest);
void mt_ref_guest_drop_events(MtRefGuest *guest);

/* runstate.c */
const char *mt_ref_run_state_to_string(MtRefRunState state);
MtRefRunState mt_ref_guest_run_state(MtRefGuest *guest);
void mt_ref_guest_start_first(MtRefGuest *guest);
void mt_ref_guest_source_stop(gpointer guest);
void mt_ref_guest_source_start(gpointer guest);
void mt_ref_guest_dest_start(gpointer guest);

/* The process is gone: nothing runs, monitors close. */
void mt_ref_guest_die(MtRefGuest *guest, const char *reason);

/* guest.c.  _wait_filled: until the RAM has its content. */
void mt_ref_guest_wait_filled(MtRefGuest *guest);
void mt_ref_guest_situation(MtRefGuest *guest, MtRefSituation *ret);

/* One command that no fault is about, with the lock @command held.  @fd is
 * what came with it, -1 when nothing did. */
gboolean mt_ref_guest_dispatch(MtRefGuest *guest, const char *command,
                               JsonObject *arguments, int *fd,
                               JsonNode **ret_result, MtRefRefusal *refusal);

/* guest-migrate.c */
void mt_ref_guest_make_engines(MtRefGuest *guest);
gboolean mt_ref_guest_is_migrating(MtRefGuest *guest);
void mt_ref_guest_retune(MtRefGuest *guest);
MtStatus mt_ref_guest_outgoing_status(MtRefGuest *guest);
void mt_ref_guest_migration_event_locked(MtRefGuest *guest,
                                         const char *status);
gboolean mt_ref_guest_check_scheme(MtRefGuest *guest, const char *uri,
                                   gboolean incoming, MtRefRefusal *refusal);
void mt_ref_guest_unset_blk(MtRefGuest *guest);
void mt_ref_side_clear(MtRefSide *side);

/* guest-postcopy.c: migrate with resume=true.  A connection that cannot be had
 * is told as the reason of the pause. */
gboolean mt_ref_guest_may_resume(MtRefGuest *guest, MtRefRefusal *refusal);
gboolean mt_ref_guest_resume(MtRefGuest *guest, const char *uri,
                             MtRefRefusal *refusal);

/* Nothing runs, or ever did. */
gboolean mt_ref_side_is_over(const MtRefSide *side);

/* address.c: the address of migrate or migrate-incoming, for the engine's
 * transport.  FALSE with @refusal. */
gboolean mt_ref_address_parse(MtRefGuest *guest, JsonObject *arguments,
                              gboolean incoming, char **ret_uri,
                              MtRefRefusal *refusal);
MtTransport *mt_ref_address_open(MtRefGuest *guest, const char *uri,
                                 MtRefRefusal *refusal);

/* A file is opened at once, what else it may be later.  An outgoing one is
 * made. */
gboolean mt_ref_address_try_file(MtTransport *transport, gboolean incoming,
                                 MtRefRefusal *refusal);

/* commands.c: getfd. */
gboolean mt_ref_guest_take_fd(MtRefGuest *guest, JsonObject *arguments,
                              int *fd, MtRefRefusal *refusal);

/* engine-tune.c: what the tunables mean to the engine. */
void mt_ref_guest_tune(MtRefGuest *guest, MtEngineSettings *settings);

/* query-migrate.c, hmp.c, dirty-rate.c.  _blocked_reason: why the mode that is
 * set cannot be, NULL if it can. */
JsonObject *mt_ref_guest_query_migrate(MtRefGuest *guest);
const char *mt_ref_guest_blocked_reason(MtRefGuest *guest);
char *mt_ref_guest_hmp(MtRefGuest *guest, const char *line);
void mt_ref_guest_stop_rate(MtRefGuest *guest);

/*
 * One command.  @arguments is never NULL and was checked against the release.
 * TRUE with *@ret_result, which is an empty object unless it is set; FALSE with
 * @refusal.
 */
typedef gboolean (*MtRefRun)(MtRefGuest *guest, JsonObject *arguments,
                             JsonNode **ret_result, MtRefRefusal *refusal);

typedef struct {
    const char *name;
    MtRefRun run;
} MtRefHandler;

/* NULL: none such. */
MtRefRun mt_ref_guest_find_command(const char *name);

/* The commands themselves, by file. */
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
gboolean mt_ref_run_calc_rate(MtRefGuest *guest, JsonObject *arguments,
                              JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_query_rate(MtRefGuest *guest, JsonObject *arguments,
                               JsonNode **ret_result, MtRefRefusal *refusal);
gboolean mt_ref_run_fault(MtRefGuest *guest, JsonObject *arguments,
                          JsonNode **ret_result, MtRefRefusal *refusal);

G_END_DECLS
