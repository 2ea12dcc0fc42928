/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files of the program `differ`: the same commands are sent to
 * two guests, and the answers are compared. One guest is a real QEMU, the other
 * a guest of drivers/ref of the same release.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* ---- guests: differ-peer.c, differ-ref.c ---- */

typedef enum {
    PEER_INCOMING = 1 << 0,     /* -incoming defer */
    PEER_PAUSED = 1 << 1,       /* -S */
    PEER_FILLED = 1 << 2,       /* RAM is not all zero */
} PeerFlags;

#define PEER_N_FLAGS 8          /* values of PeerFlags */
#define PEER_RAM_BYTES (16u << 20)

typedef struct {
    const char *release;
    gboolean ref;               /* of drivers/ref, else a real QEMU */
} PeerKind;

typedef struct Peer Peer;

/* Creates the file PEER_CONTENT, which guests of @dir use. */
#define PEER_CONTENT "content"
void peer_prepare(const char *dir);

/* Starts a guest with files in its own directory in @dir; does not wait for
 * it. */
Peer *peer_new(const PeerKind *kind, PeerFlags flags, const char *dir);
void peer_free(Peer *peer);

/*
 * Sends @lines; end() returns as many answers. If the guest has ended, the
 * missing answers are NULL.
 */
void peer_begin(Peer *peer, GPtrArray *lines);
GPtrArray *peer_end(Peer *peer);

const char *peer_dir(const Peer *peer);

/* The events so far, as texts. */
GPtrArray *peer_events(Peer *peer);

/* A guest of drivers/ref with text as input and output. */
typedef struct RefPeer RefPeer;

RefPeer *ref_peer_new(const char *release, PeerFlags flags);
void ref_peer_free(RefPeer *ref);
void ref_peer_feed(RefPeer *ref, const char *text);

/* The next line of output, NULL if there is none. */
char *ref_peer_take(RefPeer *ref);

/* ---- answers: differ-answer.c ---- */

typedef enum {
    ANSWER_RETURN,
    ANSWER_ERROR,
    ANSWER_DIED,                /* instead of an answer */
    ANSWER_STRANGE,             /* not an answer of QMP */
} AnswerKind;

typedef struct {
    AnswerKind kind;
    char *error_class;
    char *desc;
    JsonNode *result;
    char *text;
} Answer;

/* @text may be NULL: the guest has ended. */
Answer *answer_new(const char *text);
void answer_free(Answer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Answer, answer_free)

/* "return", or the class of the error, or another outcome. */
const char *answer_class(const Answer *answer);

/* Member names and types, as "{a:number,b:[string]}". */
char *answer_shape(JsonNode *node);

/*
 * Compares the results of @command: lines of "name: one | other" in *@ret_one
 * and *@ret_other. Returns TRUE if they are equal.
 */
gboolean answer_same_value(const char *command, JsonNode *one,
                           JsonNode *other, char **ret_one, char **ret_other);

/* ---- results: differ-report.c ---- */

typedef enum {
    /* one returns and the other does not, or the class of the error differs */
    DIFF_CLASS = 1 << 0,
    DIFF_SHAPE = 1 << 1,        /* names or types of the result */
    DIFF_VALUE = 1 << 2,        /* capabilities, parameters, status */
    DIFF_EVENTS = 1 << 3,       /* events of a migration */
} DiffKind;

typedef struct {
    DiffKind kind;
    const char *sequence;
    guint step;
    const char *command;        /* the step as written in the sequence */
    const char *query;          /* the query that showed it, NULL: the command itself */
    const char *real;
    const char *ref;
} Difference;

typedef struct Report Report;

Report *report_new(const char *release);
void report_free(Report *report);

typedef enum {
    COUNT_COMMANDS,
    COUNT_SEQUENCES,
    COUNT_ERRORS,               /* both answered with an error */
    COUNT_SAME_TEXT,            /* with the same text */
    COUNT_DIED,                 /* commands that ended a real guest */
    COUNT_UNCOMPARED,           /* skipped after a difference in state */
    COUNT_LIMITED,              /* differences that a limit explains */
    N_COUNTS
} Count;

void report_count(Report *report, Count count);
guint report_get(const Report *report, Count count);
void report_text(Report *report, const char *command, const char *real,
                 const char *ref);

/* Reports the difference; TRUE if a limit explains it. */
gboolean report_difference(Report *report, const Difference *difference);

/*
 * Until _release, unexplained differences are held back; their number is
 * returned. They are then reported or discarded.
 */
void report_hold(Report *report);
guint report_n_held(const Report *report);
void report_release(Report *report, gboolean note);

/* The number of unexplained differences so far. */
guint report_n_open(const Report *report);

/* Prints the differences that have not been printed yet. */
guint report_print_open(Report *report);

/* Prints the limits that explained no difference; returns their number. */
guint report_print_idle_limits(const Report *report);

/* Prints the counts, and with MIGTUNE_DIFFER_TEXTS the error texts that
 * differ. */
void report_print_sum(const Report *report);

/* ---- limits: differ-limits.c ---- */

/* A permanent difference and its reason. */
typedef struct {
    const char *name;
    const char *releases;       /* "5.2 7.2"; NULL: all */
    guint kinds;                /* of DiffKind */
    const char *where;          /* a regular expression for "sequence: step" */
    const char *real, *ref;     /* and for the two answers; NULL: any */
    const char *reason;
} Limit;

extern const Limit differ_limits[];
extern const gsize differ_n_limits;

/* Returns the index of the limit that explains it, -1 if there is none. */
int limit_find(const char *release, const Difference *difference);
gboolean limit_concerns(const Limit *limit, const char *release);

/* ---- data about a release: differ-facts.c ---- */

typedef struct {
    char *release;
    GPtrArray *capabilities;    /* names */
    GPtrArray *parameters;
    GPtrArray *strangers;       /* of either kind, of other releases only */
    GPtrArray *commands;        /* all of the migration interface, of any release */
    char *set_back[3];          /* the steps that reset a guest, NULL-terminated */
    JsonNode *history;          /* of tests/data */
    JsonNode *schema;           /* that the real guest lists */
} Facts;

/* Reads them from a real guest and from tests/data. */
Facts *facts_new(const char *release, const char *dir);
void facts_free(Facts *facts);

/* The record of a parameter in tests/data, NULL if there is none. */
JsonObject *facts_parameter(const Facts *facts, const char *name);

/* The members of the argument of @command in the schema; NULL if there is no
 * such command, or it takes no arguments. */
JsonArray *facts_arguments(const Facts *facts, const char *command);

/* ---- running sequences: differ-run.c ---- */

typedef struct Differ Differ;

/* @self: another release instead of drivers/ref, or NULL. */
Differ *differ_new(const char *release, const char *self);
void differ_free(Differ *differ);
/* If not set, differences are expected. */
/* Whether the next case is in the part of the cases that this run has: see
 * lib/share.h.  Each call is for one case. */
gboolean differ_takes(Differ *differ);
gboolean differ_has_ref(const Differ *differ);  /* or two real guests */
gboolean differ_is_full(const Differ *differ);
gboolean differ_is_of_one_release(const Differ *differ);

Report *differ_report(Differ *differ);
const char *differ_release(const Differ *differ);

const Facts *differ_facts(const Differ *differ);

/*
 * A sequence is a list of steps:
 *
 *   NAME                   a command
 *   NAME {...}             with arguments; quotes may be single
 *   {...}                  the whole text as it is sent
 *   @wait STATUS           until query-migrate says so
 *   @settle                until nothing goes on, for the same reason
 *   @events                compares the events so far
 *   > STEP                 the same for the destination
 *
 * In it $DIR is a directory of the guest, $SINK the address of one who reads
 * all that comes, $STALL of one who connects and reads nothing, and $DST where
 * the destination may listen.
 */
typedef struct Sequence Sequence;

Sequence *sequence_new(const char *name, PeerFlags flags);
void sequence_add(Sequence *sequence, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Uses guests of its own, which are freed afterwards. Sequences with @ or >
 * always do. */
void sequence_set_fresh(Sequence *sequence);
gsize sequence_length(const Sequence *sequence);

void sequence_free(Sequence *sequence);

/* Runs and frees the sequence. */
void differ_run(Differ *differ, Sequence *sequence);

/* ---- sequences ---- */

void differ_capability_sequences(Differ *differ);
void differ_parameter_sequences(Differ *differ);
void differ_mixed_sequences(Differ *differ);
void differ_command_sequences(Differ *differ);
void differ_hmp_sequences(Differ *differ);
void differ_random_sequences(Differ *differ);
void differ_story_sequences(Differ *differ);
void differ_situation_sequences(Differ *differ);

/* A random sequence from @seed. */
void differ_random_sequence(Differ *differ, guint32 seed);

/* A capability list of one: "migrate-set-capabilities {...}". */
char *step_capability(const char *name, gboolean on);

/* "migrate-set-parameters {"NAME": VALUE}", where @value is JSON. */
char *step_parameter(const char *name, const char *value);

/* JSON texts for parameter @name: first the valid ones according to
 * tests/data, whose number is in *@ret_n_right, then others. */
GPtrArray *differ_values(const Facts *facts, const char *name,
                         guint *ret_n_right);

/* JSON texts of all types, for parameters without special ones. */
extern const char *const differ_any_values[];

/* ---- listeners: differ-sink.c ---- */

typedef struct Sink Sink;

Sink *sink_new(const char *dir);
void sink_free(Sink *sink);
const char *sink_path(const Sink *sink);
const char *sink_stall_path(const Sink *sink);

G_END_DECLS
