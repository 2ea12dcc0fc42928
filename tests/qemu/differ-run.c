/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs sequences on two guests and compares their answers, step by step.
 *
 * After each command the settings that it can change are queried, so that a
 * difference is seen where it arises. After a difference in state the rest of
 * the sequence is skipped.
 *
 * Sequences that only set and query share their guests: these are reset, and
 * replaced if that does not restore all answers that they gave at the start.
 * Guests are started before they are needed.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <glib/gstdio.h>

#include "differ.h"
#include "lib/remove-tree.h"
#include "lib/share.h"
#include "util/json-peek.h"
#include "util/json.h"

#define WAIT_SECONDS 60
#define N_SPARE 2
/* A run has one of so many parts of the cases. */
#define N_PARTS 5
#define MAX_SAME 4096

enum { REAL, REF, N_PEERS };

typedef struct {
    Peer *peers[N_PEERS];
    char *initial[N_PEERS];     /* answers of the state queries */
} Pair;

struct Differ {
    char *release;
    PeerKind kinds[N_PEERS];
    char *dir;
    Sink *sink;
    Report *report;
    Facts *facts;
    Pair *shared[PEER_N_FLAGS];
    GQueue spare[PEER_N_FLAGS]; /* real guests */
    GHashTable *same;           /* pairs of texts with one meaning */
    Share share;
    guint n_cases;              /* cases so far */
};

struct Sequence {
    char *name;
    PeerFlags flags;
    gboolean fresh;
    GPtrArray *steps;
};

static const char *const states[] = {
    "query-migrate-capabilities",
    "query-migrate-parameters",
    "query-status",
    "query-migrate",
    NULL,
};
#define N_STATES (G_N_ELEMENTS(states) - 1)

/* The queries that show what a command changes. Changes that a migration
 * makes at any time are not queried right after the command that started it. */
static const struct {
    const char *command;
    const char *queries[4];
} touched[] = {
    { "migrate-set-capabilities", { "query-migrate-capabilities" } },
    { "migrate-set-parameters", { "query-migrate-parameters" } },
    { "query-", { NULL } },
    { "quit", { NULL } },
    { "migrate ", { "query-migrate-capabilities",
                    "query-migrate-parameters" } },
    { "human-monitor-command", { "query-migrate-capabilities",
                                 "query-migrate-parameters" } },
    { "migrate-continue ", { "query-migrate-capabilities" } },
    { "migrate_cancel", { "query-migrate-capabilities" } },
    { "", { "query-migrate-capabilities", "query-migrate-parameters",
            "query-status" } },
};

/* Their results depend on the build options, and are compared elsewhere. */
static const char *const incomparable[] = {
    "query-commands", "query-events", "query-qmp-schema", "query-version",
    NULL,
};

/* ---- sequences ---- */

Sequence *
sequence_new(const char *name, PeerFlags flags)
{
    Sequence *sequence = g_new0(Sequence, 1);

    sequence->name = g_strdup(name);
    sequence->flags = flags;
    sequence->steps = g_ptr_array_new_with_free_func(g_free);
    return sequence;
}

void
sequence_free(Sequence *sequence)
{
    g_free(sequence->name);
    g_ptr_array_unref(sequence->steps);
    g_free(sequence);
}

void
sequence_add(Sequence *sequence, const char *format, ...)
{
    va_list args;
    char *step;

    va_start(args, format);
    step = g_strdup_vprintf(format, args);
    va_end(args);
    if (!strchr(step, '"'))
        g_strdelimit(step, "'", '"');
    if (*step == '@' || *step == '>')
        sequence->fresh = TRUE;
    g_ptr_array_add(sequence->steps, step);
}

void
sequence_set_fresh(Sequence *sequence)
{
    sequence->fresh = TRUE;
}

gsize
sequence_length(const Sequence *sequence)
{
    return sequence->steps->len;
}

/* ---- guests ---- */

static Peer *
differ_take_real(Differ *differ, PeerFlags flags)
{
    GQueue *spare = &differ->spare[flags];
    Peer *peer = g_queue_pop_head(spare);

    while (spare->length < N_SPARE)
        g_queue_push_tail(spare, peer_new(&differ->kinds[REAL], flags,
                                          differ->dir));
    return peer ? peer : g_queue_pop_head(spare);
}

static Pair *
pair_new(Differ *differ, PeerFlags flags)
{
    Pair *pair = g_new0(Pair, 1);

    pair->peers[REAL] = differ_take_real(differ, flags);
    pair->peers[REF] = peer_new(&differ->kinds[REF], flags, differ->dir);
    return pair;
}

static void
pair_free(Pair *pair)
{
    if (!pair)
        return;

    for (guint i = 0; i < N_PEERS; i++) {
        peer_free(pair->peers[i]);
        g_free(pair->initial[i]);
    }
    g_free(pair);
}

/* ---- communication ---- */

/* The answers of both to the same lines. */
typedef struct {
    GPtrArray *texts[N_PEERS];
} Answers;

static void
answers_clear(Answers *answers)
{
    for (guint i = 0; i < N_PEERS; i++)
        g_clear_pointer(&answers->texts[i], g_ptr_array_unref);
}

/* The lines for each guest, which differ in paths. */
static void
pair_talk(Pair *pair, GPtrArray *const lines[N_PEERS], Answers *ret)
{
    for (guint i = 0; i < N_PEERS; i++)
        peer_begin(pair->peers[i], lines[i]);
    /* The real guest works while the other one is called. */
    for (guint i = N_PEERS; i-- > 0;)
        ret->texts[i] = peer_end(pair->peers[i]);
}

static char *
line_of_query(const char *query)
{
    return g_strdup_printf("{\"execute\": \"%s\"}", query);
}

static char *
text_replace(const char *text, const char *what, const char *with)
{
    g_auto(GStrv) parts = g_strsplit(text, what, -1);

    return g_strjoinv(with, parts);
}

/* Replaces the variables for paths; @dir is the directory of the source. */
static char *
step_expand(Differ *differ, const char *step, const char *dir)
{
    g_autofree char *sink =
        g_strdup_printf("unix:%s", sink_path(differ->sink));
    g_autofree char *stall =
        g_strdup_printf("unix:%s", sink_stall_path(differ->sink));
    g_autofree char *dst = g_strdup_printf("unix:%s/dst", dir);
    const struct { const char *what, *with; } all[] = {
        { "$SINK", sink }, { "$STALL", stall }, { "$DST", dst },
        { "$DIR", dir },
    };
    char *text = g_strdup(step);

    for (gsize i = 0; i < G_N_ELEMENTS(all) && strchr(text, '$'); i++) {
        char *next = text_replace(text, all[i].what, all[i].with);

        g_free(text);
        text = next;
    }
    return text;
}

static char *
step_line(Differ *differ, const char *step, const char *dir)
{
    g_autofree char *text = step_expand(differ, step, dir);
    const char *blank;

    if (*text == '{' || *text == '[')
        return g_steal_pointer(&text);

    blank = strchr(text, ' ');
    if (!blank)
        return line_of_query(text);
    return g_strdup_printf("{\"execute\": \"%.*s\", \"arguments\": %s}",
                           (int)(blank - text), text, blank + 1);
}

static const char *const *
step_queries(const char *step)
{
    for (gsize i = 0; i < G_N_ELEMENTS(touched); i++) {
        if (g_str_has_prefix(step, touched[i].command))
            return touched[i].queries;
    }

    g_assert_not_reached();
}

/* ---- comparison ---- */

typedef struct {
    Differ *differ;
    Pair *pair;
    const Sequence *sequence;
    const char *dirs[N_PEERS];
    guint step;                 /* the step that is compared */
    const char *command;        /* its text */
    /* the last step whose answers were of different classes */
    int class_step;
    gboolean apart;             /* the rest of the sequence is skipped */
    gboolean gone;              /* one of them has ended */
} Run;

static void
run_differ(Run *run, DiffKind kind, const char *query, const char *real,
           const char *ref)
{
    const Difference difference = {
        .kind = kind, .sequence = run->sequence->name, .step = run->step,
        .command = run->command, .query = query, .real = real, .ref = ref,
    };

    report_difference(run->differ->report, &difference);
}

/* Directories always differ. */
static char *
run_desc(const Run *run, guint nth, const Answer *answer)
{
    return text_replace(answer->desc, run->dirs[nth], "$DIR");
}

static void
run_compare_errors(Run *run, Answer *const answers[N_PEERS])
{
    g_autofree char *real = run_desc(run, REAL, answers[REAL]);
    g_autofree char *ref = run_desc(run, REF, answers[REF]);

    report_text(run->differ->report, run->command, real, ref);
}

static gboolean
run_compare_results(Run *run, const char *command, const char *query,
                    Answer *const answers[N_PEERS])
{
    JsonNode *one = answers[REAL]->result;
    JsonNode *other = answers[REF]->result;
    g_autofree char *shape = answer_shape(one);
    g_autofree char *other_shape = answer_shape(other);
    g_autofree char *real = NULL;
    g_autofree char *ref = NULL;

    if (!answer_same_value(command, one, other, &real, &ref)) {
        /* A difference of class was already reported. */
        if (run->class_step != run->step)
            run_differ(run, DIFF_VALUE, query, real, ref);
        run->apart = TRUE;
        return FALSE;
    }
    if (!g_str_equal(shape, other_shape)) {
        run_differ(run, DIFF_SHAPE, query, shape, other_shape);
        return FALSE;
    }
    return TRUE;
}

/* @query is NULL for the answer to the step itself. */
static void
run_compare(Run *run, const char *query, const char *real, const char *ref)
{
    g_autofree char *key = g_strdup_printf("%s\n%s", real ? real : "",
                                           ref ? ref : "");
    g_autoptr(Answer) one = NULL;
    g_autoptr(Answer) other = NULL;
    Answer *answers[N_PEERS];
    g_auto(GStrv) words = NULL;

    if (g_hash_table_contains(run->differ->same, key))
        return;

    one = answers[REAL] = answer_new(real);
    other = answers[REF] = answer_new(ref);
    if (one->kind == ANSWER_DIED)
        report_count(run->differ->report, COUNT_DIED);
    run->gone |= one->kind == ANSWER_DIED || other->kind == ANSWER_DIED;
    run->apart |= run->gone;
    if (g_strcmp0(answer_class(one), answer_class(other)) != 0) {
        run->class_step = run->step;
        run_differ(run, DIFF_CLASS, query,
                   one->desc ? one->desc : answer_class(one),
                   other->desc ? other->desc : answer_class(other));
        return;
    }
    if (one->kind == ANSWER_ERROR)
        run_compare_errors(run, answers);
    if (one->kind != ANSWER_RETURN)
        return;

    words = g_strsplit(query ? query : run->command, " ", 2);
    if (g_strv_contains(incomparable, words[0]) ||
        !run_compare_results(run, words[0], query, answers))
        return;
    if (g_hash_table_size(run->differ->same) > MAX_SAME)
        g_hash_table_remove_all(run->differ->same);
    g_hash_table_add(run->differ->same, g_steal_pointer(&key));
}

/* ---- a batch: steps without waiting between them ---- */

typedef struct {
    guint step;                 /* of the sequence */
    const char *query;          /* NULL: the step itself */
} Asked;

typedef struct {
    GPtrArray *lines[N_PEERS];
    GArray *asked;
} Batch;

static void
batch_init(Batch *batch)
{
    for (guint i = 0; i < N_PEERS; i++)
        batch->lines[i] = g_ptr_array_new_with_free_func(g_free);
    batch->asked = g_array_new(FALSE, FALSE, sizeof(Asked));
}

static void
batch_clear(Batch *batch)
{
    for (guint i = 0; i < N_PEERS; i++)
        g_ptr_array_unref(batch->lines[i]);
    g_array_unref(batch->asked);
}

static void
batch_add(Batch *batch, Run *run, guint step, const char *text,
          const char *query)
{
    Asked asked = { .step = step, .query = query };

    for (guint i = 0; i < N_PEERS; i++)
        g_ptr_array_add(batch->lines[i],
                        query ? line_of_query(query)
                              : step_line(run->differ, text, run->dirs[i]));
    g_array_append_val(batch->asked, asked);
}

static void
batch_run(Batch *batch, Run *run)
{
    Report *report = run->differ->report;
    Answers answers;

    pair_talk(run->pair, batch->lines, &answers);
    for (guint i = 0; i < batch->asked->len; i++) {
        const Asked *asked = &g_array_index(batch->asked, Asked, i);

        if (!asked->query)
            report_count(report,
                         run->apart ? COUNT_UNCOMPARED : COUNT_COMMANDS);
        if (run->apart)
            continue;
        run->step = asked->step;
        run->command = asked->step == 0 ? "(start)"
                       : run->sequence->steps->pdata[asked->step - 1];
        run_compare(run, asked->query, answers.texts[REAL]->pdata[i],
                    answers.texts[REF]->pdata[i]);
    }
    answers_clear(&answers);
}

static void
batch_add_queries(Batch *batch, Run *run, guint step,
                  const char *const *queries)
{
    for (; *queries; queries++)
        batch_add(batch, run, step, NULL, *queries);
}

/* ---- sequences with guests of their own ---- */

static char *
peer_status(Peer *peer)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) texts = NULL;
    g_autoptr(Answer) answer = NULL;
    JsonObject *object;

    g_ptr_array_add(lines, line_of_query("query-migrate"));
    peer_begin(peer, lines);
    texts = peer_end(peer);
    answer = answer_new(texts->pdata[0]);
    if (answer->kind != ANSWER_RETURN)
        return g_strdup(answer_class(answer));

    object = json_node_get_object(answer->result);
    return g_strdup(json_object_has_member(object, "status")
                        ? json_object_get_string_member(object, "status")
                        : "none");
}

/* Waits until the status of the @nth guest is among @awaited, or for the
 * time limit; returns the status. */
static char *
run_wait_one(Run *run, guint nth, const char *const *awaited)
{
    gint64 end = g_get_monotonic_time() + WAIT_SECONDS * G_USEC_PER_SEC;

    for (;;) {
        g_autofree char *status = peer_status(run->pair->peers[nth]);

        if (g_strv_contains(awaited, status) || g_str_equal(status, "died") ||
            g_get_monotonic_time() > end)
            return g_steal_pointer(&status);
        g_usleep(1000);
    }
}

static void
run_wait_both(Run *run, const char *const *awaited)
{
    g_autofree char *real = run_wait_one(run, REAL, awaited);
    g_autofree char *ref = run_wait_one(run, REF, awaited);
    const char *expected = g_strv_contains(awaited, real) ? ref : *awaited;

    if (g_str_equal(real, expected))
        return;

    /* If the real guest never reaches the status, the sequence is wrong. */
    run_differ(run, DIFF_VALUE, "query-migrate", real, expected);
    run->apart = TRUE;
}

static void
run_wait(Run *run, const char *status)
{
    const char *const awaited[] = { status, NULL };

    run_wait_both(run, awaited);
}

static void
run_settle(Run *run, const char *argument)
{
    static const char *const settled[] = { "none", "completed", "failed",
                                           "cancelled", NULL };

    run_wait_both(run, settled);
}

/* The name of the event and its status, if it has one. */
static char *
event_text(const char *line)
{
    g_autoptr(JsonObject) event = mt_json_parse_object(line, -1, NULL);
    const char *name = event ? mt_json_peek_string(event, "event") : NULL;
    JsonObject *data = event ? mt_json_peek_object(event, "data") : NULL;
    const char *status = data ? mt_json_peek_string(data, "status") : NULL;

    return g_strdup_printf("%s%s%s", name ? name : line, status ? "=" : "",
                           status ? status : "");
}

/* The number of passes depends on the speed: only the first event of each
 * migration is compared. */
static char *
events_text(GPtrArray *events)
{
    GString *out = g_string_new(NULL);
    gboolean passed = FALSE;

    for (guint i = 0; i < events->len; i++) {
        g_autofree char *text = event_text(events->pdata[i]);
        gboolean is_pass = g_str_equal(text, "MIGRATION_PASS");

        if (!is_pass || !passed)
            g_string_append_printf(out, "%s%s", out->len ? " " : "", text);
        passed = is_pass ||
                 (passed && !g_str_equal(text, "MIGRATION=setup"));
    }
    return g_string_free(out, FALSE);
}

static void
run_events(Run *run, const char *argument)
{
    g_autofree char *real = events_text(peer_events(run->pair->peers[REAL]));
    g_autofree char *ref = events_text(peer_events(run->pair->peers[REF]));

    if (!g_str_equal(real, ref))
        run_differ(run, DIFF_EVENTS, NULL, real, ref);
}

static const struct {
    const char *name;
    void (*func)(Run *run, const char *argument);
} directives[] = {
    { "@wait ", run_wait },
    { "@settle", run_settle },
    { "@events", run_events },
};

static void
run_direct(Run *run, const char *step)
{
    for (gsize i = 0; i < G_N_ELEMENTS(directives); i++) {
        if (!g_str_has_prefix(step, directives[i].name))
            continue;
        if (!run->apart)
            directives[i].func(run, step + strlen(directives[i].name));
        return;
    }
    g_error("%s: what is \"%s\"?", run->sequence->name, step);
}

/* The step without the mark for the destination. */
static const char *
step_text(const char *step, gboolean *ret_dst)
{
    *ret_dst = g_str_has_prefix(step, "> ");
    return *ret_dst ? step + 2 : step;
}

static gboolean
sequence_has_dst(const Sequence *sequence)
{
    gboolean dst = FALSE;

    for (guint i = 0; i < sequence->steps->len && !dst; i++)
        step_text(sequence->steps->pdata[i], &dst);
    return dst;
}

/* Runs the steps from @first on, as long as they are for the same guest and
 * need no waiting; returns the number of the next step. */
static guint
run_stretch(Run *run, Pair *const pairs[2], guint first)
{
    GPtrArray *steps = run->sequence->steps;
    gboolean to_dst;
    gboolean dst;
    const char *text = step_text(steps->pdata[first], &to_dst);
    Batch batch;
    guint i;

    run->pair = pairs[to_dst];
    if (*text == '@') {
        run->step = first + 1;
        run->command = steps->pdata[first];
        run_direct(run, text);
        return first + 1;
    }

    batch_init(&batch);
    for (i = first; i < steps->len; i++) {
        text = step_text(steps->pdata[i], &dst);
        if (*text == '@' || dst != to_dst)
            break;
        batch_add(&batch, run, i + 1, text, NULL);
        batch_add_queries(&batch, run, i + 1, step_queries(text));
    }
    batch_run(&batch, run);
    batch_clear(&batch);
    return i;
}

static void
differ_run_fresh(Differ *differ, Sequence *sequence)
{
    Pair *pairs[2] = { pair_new(differ, sequence->flags), NULL };
    Run run = { .differ = differ, .sequence = sequence, .class_step = -1 };
    guint next = 0;

    if (sequence_has_dst(sequence))
        pairs[1] = pair_new(differ, sequence->flags | PEER_INCOMING);
    for (guint i = 0; i < N_PEERS; i++)
        run.dirs[i] = peer_dir(pairs[0]->peers[i]);
    while (next < sequence->steps->len && !run.apart)
        next = run_stretch(&run, pairs, next);
    for (; next < sequence->steps->len; next++)
        report_count(differ->report, COUNT_UNCOMPARED);
    pair_free(pairs[0]);
    pair_free(pairs[1]);
}

/* ---- sequences that share guests ---- */

static char *
answers_join(GPtrArray *texts, guint first)
{
    GString *out = g_string_new(NULL);

    for (guint i = first; i < texts->len; i++)
        g_string_append_printf(out, "%s\n",
                               texts->pdata[i] ? (char *)texts->pdata[i] : "");
    return g_string_free(out, FALSE);
}

/* Queries the state of @pair, after a reset if it was used; TRUE if it is
 * the state at the start. */
static gboolean
pair_is_initial(Differ *differ, Pair *pair)
{
    gboolean used = pair->initial[REAL] != NULL;
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *const both[N_PEERS] = { lines, lines };
    gboolean same = TRUE;
    Answers answers;

    for (guint i = 0; used && differ->facts->set_back[i]; i++)
        g_ptr_array_add(lines,
                        step_line(differ, differ->facts->set_back[i], ""));
    for (guint i = 0; states[i]; i++)
        g_ptr_array_add(lines, line_of_query(states[i]));
    pair_talk(pair, both, &answers);
    for (guint i = 0; i < N_PEERS; i++) {
        g_autofree char *now = answers_join(
            answers.texts[i], answers.texts[i]->len - N_STATES);

        if (used)
            same &= g_str_equal(now, pair->initial[i]);
        else
            pair->initial[i] = g_steal_pointer(&now);
    }
    answers_clear(&answers);
    return same;
}

static Pair *
differ_get_shared(Differ *differ, PeerFlags flags, gboolean *ret_new)
{
    Pair **pair = &differ->shared[flags];

    if (*pair && !pair_is_initial(differ, *pair))
        g_clear_pointer(pair, pair_free);
    *ret_new = !*pair;
    if (!*pair) {
        *pair = pair_new(differ, flags);
        pair_is_initial(differ, *pair);
    }
    return *pair;
}

static void
differ_run_shared(Differ *differ, Sequence *sequence)
{
    /* The settings were queried after each step. */
    static const char *const others[] = { "query-status", "query-migrate",
                                          NULL };
    Run run = { .differ = differ, .sequence = sequence, .class_step = -1 };
    GPtrArray *steps = sequence->steps;
    gboolean is_new;
    Batch batch;

    run.pair = differ_get_shared(differ, sequence->flags, &is_new);
    for (guint i = 0; i < N_PEERS; i++)
        run.dirs[i] = peer_dir(run.pair->peers[i]);
    batch_init(&batch);
    if (is_new)
        batch_add_queries(&batch, &run, 0, states);
    for (guint i = 0; i < steps->len; i++) {
        batch_add(&batch, &run, i + 1, steps->pdata[i], NULL);
        batch_add_queries(&batch, &run, i + 1,
                          step_queries(steps->pdata[i]));
    }
    batch_add_queries(&batch, &run, steps->len, others);
    batch_run(&batch, &run);
    batch_clear(&batch);
    if (run.gone)
        g_clear_pointer(&differ->shared[sequence->flags], pair_free);
}

void
differ_run(Differ *differ, Sequence *sequence)
{
    report_count(differ->report, COUNT_SEQUENCES);
    if (sequence->fresh)
        differ_run_fresh(differ, sequence);
    else
        differ_run_shared(differ, sequence);
    sequence_free(sequence);
}

/* ---- the whole run ---- */

Differ *
differ_new(const char *release, const char *self)
{
    Differ *differ = g_new0(Differ, 1);

    differ->release = g_strdup(release);
    differ->kinds[REAL].release = differ->release;
    differ->kinds[REF].release = self ? self : differ->release;
    differ->kinds[REF].ref = self == NULL;
    differ->dir = g_dir_make_tmp("differ-XXXXXX", NULL);
    g_assert_nonnull(differ->dir);
    peer_prepare(differ->dir);
    differ->sink = sink_new(differ->dir);
    differ->report = report_new(release);
    differ->same = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         NULL);
    differ->facts = facts_new(release, differ->dir);
    share_init(&differ->share, N_PARTS);
    return differ;
}

void
differ_free(Differ *differ)
{
    if (!differ)
        return;

    for (guint i = 0; i < PEER_N_FLAGS; i++) {
        pair_free(differ->shared[i]);
        g_queue_clear_full(&differ->spare[i], (GDestroyNotify)peer_free);
    }
    sink_free(differ->sink);
    report_free(differ->report);
    facts_free(differ->facts);
    g_hash_table_unref(differ->same);
    remove_tree(differ->dir);
    g_free(differ->dir);
    g_free(differ->release);
    g_free(differ);
}

gboolean
differ_takes(Differ *differ)
{
    return share_has(&differ->share, differ->n_cases++);
}

gboolean
differ_has_ref(const Differ *differ)
{
    return differ->kinds[REF].ref;
}

gboolean
differ_is_full(const Differ *differ)
{
    return differ->share.full;
}

gboolean
differ_is_of_one_release(const Differ *differ)
{
    return g_str_equal(differ->kinds[REAL].release, differ->kinds[REF].release);
}

Report *
differ_report(Differ *differ)
{
    return differ->report;
}

const char *
differ_release(const Differ *differ)
{
    return differ->release;
}

const Facts *
differ_facts(const Differ *differ)
{
    return differ->facts;
}
