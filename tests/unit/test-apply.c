/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Applying plans to a scripted monitor: the commands that are sent, the values that
 * are read back, and that each failure either restores the former state or names
 * the values that are unknown.
 */
#include "config.h"

#include <string.h>

#include "fake-qmp.h"
#include "migtune/migtune.h"
#include "plan/apply.h"

#define APPLY_MAX_WORDS 8

static const char *const releases[] = {
    "made-2.4", "made-2.5", "made-2.7", "made-2.8", "made-2.11",
    "qemu-5.2", "qemu-7.2", "qemu-10.0",
};

static MtCaps *
probe(FakeQmp *qmp, const char *name)
{
    g_autoptr(GError) error = NULL;
    MtCaps *caps =
        mt_caps_probe(fake_qmp_exec(qmp),
                      mt_release_parse(strchr(name, '-') + 1), NULL, &error);

    g_assert_no_error(error);
    return caps;
}

/* Plans @words for the present state of @qmp. */
static MtPlan *
make_plan(FakeQmp *qmp, MtCaps *caps, const char *const *words,
          MtPolicy policy)
{
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    MtState *state;
    MtPlan *plan;
    int n = 0;

    state = mt_state_read(fake_qmp_exec(qmp), caps, MT_STATE_MIGRATION, NULL,
                          &error);
    g_assert_no_error(error);
    g_assert_true(migtune_typed_params_parse(words, &params, &n, &error));
    plan = mt_plan_new("guest", "test", caps, state, params, n, policy);
    migtune_typed_params_free(params, n);
    fake_qmp_reset_count(qmp);

    return plan;
}

/* Applied with best-effort, so that each set changes something in each release. */
static const char *const sets[][APPLY_MAX_WORDS] = {
    { "auto_converge=on", "xbzrle=on", "auto_converge.initial=33",
      "compression.xbzrle.cache=128MiB" },
    { "compression=mt", "compression.mt.level=3", "compression.mt.threads=4" },
    { "compression=zstd", "compression.zstd.level=7" },
    { "events=on", "postcopy=on" },
    { "bandwidth=64", "downtime=500" },
    { "auto_converge=on", "bandwidth=64", "downtime=500",
      "compression.xbzrle.cache=128MiB" },
};

typedef enum {
    FAULT_REFUSED,
    FAULT_CUT_BEFORE,
    FAULT_CUT_AFTER,
    N_FAULTS
} Fault;

static gboolean
step_is_unreadable(const MtPlan *plan, guint nth)
{
    const MtStep *step = g_ptr_array_index(plan->steps, nth);
    const MtRow *row = g_ptr_array_index(step->rows, 0);

    return !mt_caps_lookup(plan->caps, row)->readable;
}

/* How many commands read a state. */
static guint
count_reads(const MtCaps *caps)
{
    MtCommand commands[MT_STATE_MAX_COMMANDS];
    guint n = mt_state_commands(caps, MT_STATE_VALUES, commands);

    mt_commands_clear(commands, n);
    return n;
}

/*
 * The error after a fault at command @nth, counted from 1.  The first commands
 * read the former values.
 */
static gint
expected_code(const MtPlan *plan, guint nth, Fault fault)
{
    guint n_reads = count_reads(plan->caps);
    guint n_steps = plan->steps->len;
    guint n_sent;

    if (nth <= n_reads)
        return step_is_unreadable(plan, 0) ? MIGTUNE_ERROR_STATE_UNKNOWN
                                           : MIGTUNE_ERROR_DISCONNECTED;
    nth -= n_reads;
    n_sent = MIN(nth, n_steps);
    for (guint i = 0; i < n_sent; i++) {
        if (step_is_unreadable(plan, i) &&
            (i < nth - 1 || fault != FAULT_REFUSED))
            return MIGTUNE_ERROR_STATE_UNKNOWN;
    }
    if (nth == 1 && fault == FAULT_REFUSED)
        return MIGTUNE_ERROR_QEMU;
    if (nth == 1 && fault == FAULT_CUT_BEFORE)
        return MIGTUNE_ERROR_DISCONNECTED;

    return MIGTUNE_ERROR_ROLLED_BACK;
}

/* Dumps all values except those that cannot be read back. */
static char *
dump_readable(FakeQmp *qmp)
{
    g_autofree char *dump = fake_qmp_dump(qmp);
    g_autoptr(GRegex) speed =
        g_regex_new("\"(max-bandwidth|downtime-limit)\": ?[0-9]+", 0, 0, NULL);
    char *legacy = strstr(dump, "legacy ");
    g_autofree char *rest =
        g_regex_replace(speed, legacy, -1, 0, "", 0, NULL);

    return g_strdup_printf("%.*s%s", (int)(legacy - dump), dump, rest);
}

/* Returns FALSE if there are fewer than @nth commands. */
static gboolean
check_fault(const char *release, gsize set, Fault fault, guint nth)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new(release);
    g_autoptr(MtCaps) caps = probe(qmp, release);
    g_autoptr(MtPlan) plan =
        make_plan(qmp, caps, sets[set], MT_POLICY_BEST_EFFORT);
    g_autofree char *all_before = fake_qmp_dump(qmp);
    g_autofree char *before = dump_readable(qmp);
    g_autofree char *after = NULL;
    g_autofree char *all_after = NULL;
    g_autoptr(GError) error = NULL;
    gint code = expected_code(plan, nth, fault);
    gboolean ok;

    if (fault == FAULT_REFUSED)
        fake_qmp_fail_nth(qmp, nth);
    else
        fake_qmp_cut_nth(qmp, nth, fault == FAULT_CUT_AFTER);
    ok = mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error);
    after = dump_readable(qmp);
    all_after = fake_qmp_dump(qmp);
    if (fake_qmp_n_commands(qmp) < nth) {
        g_assert_no_error(error);
        return FALSE;
    }

    /* The plan does without former values, and reads back once more. */
    if (fault == FAULT_REFUSED &&
        (nth <= count_reads(caps) ||
         nth > count_reads(caps) + plan->steps->len)) {
        g_assert_no_error(error);
        g_assert_cmpstr(all_after, !=, all_before);
        return TRUE;
    }
    g_test_message("%s, set %zu, fault %d, command %u: %s", release, set,
                   fault, nth, error ? error->message : "no error");
    g_assert_false(ok);
    g_assert_error(error, MIGTUNE_ERROR, code);
    g_assert_cmpstr(after, ==, before);
    if (code != MIGTUNE_ERROR_STATE_UNKNOWN)
        g_assert_cmpstr(all_after, ==, all_before);
    else
        g_assert_true(strstr(error->message, "bandwidth may be") ||
                      strstr(error->message, "downtime may be"));

    return TRUE;
}

static void
test_nth_command_fails(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        for (gsize set = 0; set < G_N_ELEMENTS(sets); set++) {
            for (Fault fault = 0; fault < N_FAULTS; fault++) {
                guint nth = 1;

                while (check_fault(releases[i], set, fault, nth))
                    nth++;
            }
        }
    }
}

/* The commands that are sent to old and new releases, in order. */
static const struct {
    const char *release;
    const char *words[APPLY_MAX_WORDS];
    const char *log;            /* commands that change something */
    const char *verdicts;       /* first letter of each verdict */
} sent[] = {
    { "qemu-7.2",
      { "compression=mt", "compression.mt.level=3",
        "compression.mt.threads=4" },
      "migrate-set-capabilities {\"capabilities\":"
      "[{\"capability\":\"compress\",\"state\":true}]}\n"
      "migrate-set-parameters "
      "{\"compress-level\":3,\"compress-threads\":4}\n",
      "iii" },
    { "qemu-10.0",
      { "compression=mt", "compression.mt.level=3",
        "compression.mt.threads=4" },
      "migrate-set-capabilities {\"capabilities\":"
      "[{\"capability\":\"multifd\",\"state\":true}]}\n"
      "migrate-set-parameters {\"multifd-channels\":4,"
      "\"multifd-compression\":\"zlib\",\"multifd-zlib-level\":3}\n",
      "sss" },
    { "qemu-5.2",
      { "compression=xbzrle", "compression.xbzrle.cache=128MiB" },
      "migrate-set-capabilities {\"capabilities\":"
      "[{\"capability\":\"xbzrle\",\"state\":true}]}\n"
      "migrate-set-parameters {\"xbzrle-cache-size\":134217728}\n",
      "ii" },
    { "made-2.11",
      { "compression.xbzrle.cache=128MiB", "bandwidth=16", "downtime=500",
        "parallel.connections=4" },
      "migrate-set-parameters {\"downtime-limit\":500,"
      "\"max-bandwidth\":16777216,\"x-multifd-channels\":4,"
      "\"xbzrle-cache-size\":134217728}\n",
      "niii" },
    { "made-2.8",
      { "compression.xbzrle.cache=128MiB", "bandwidth=16", "downtime=500",
        "auto_converge.initial=30" },
      "migrate-set-parameters {\"cpu-throttle-initial\":30,"
      "\"downtime-limit\":500,\"max-bandwidth\":16777216}\n"
      "migrate-set-cache-size {\"value\":134217728}\n",
      "niin" },
    { "made-2.7",
      { "compression.xbzrle.cache=128MiB", "bandwidth=16", "downtime=500",
        "auto_converge.initial=30" },
      "migrate-set-parameters {\"cpu-throttle-initial\":30}\n"
      "migrate-set-cache-size {\"value\":134217728}\n"
      "migrate_set_speed {\"value\":16777216}\n"
      "migrate_set_downtime {\"value\":0.5}\n",
      "nuun" },
    { "made-2.5",
      { "compression.xbzrle.cache=128MiB", "bandwidth=16", "downtime=250",
        "postcopy=on" },
      "migrate-set-capabilities {\"capabilities\":"
      "[{\"capability\":\"x-postcopy-ram\",\"state\":true}]}\n"
      "migrate-set-cache-size {\"value\":134217728}\n"
      "migrate_set_speed {\"value\":16777216}\n"
      "migrate_set_downtime {\"value\":0.25}\n",
      "nuui" },
    { "made-2.4",
      { "compression=zstd", "compression.zstd.level=15", "bandwidth=16" },
      "migrate-set-capabilities {\"capabilities\":"
      "[{\"capability\":\"compress\",\"state\":true}]}\n"
      "migrate-set-parameters {\"compress-level\":9}\n"
      "migrate_set_speed {\"value\":16777216}\n",
      "ssu" },
};

/* The commands in the log that are not queries, without blanks. */
static char *
log_of_changes(FakeQmp *qmp)
{
    g_autofree char *log = fake_qmp_log(qmp);
    g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
    GString *changes = g_string_new(NULL);

    for (char **line = lines; *line; line++) {
        char *space = strchr(*line, ' ');

        if (!**line || g_str_has_prefix(*line, "query-"))
            continue;
        for (char *c = *line; *c; c++) {
            if (*c != ' ' || c == space)
                g_string_append_c(changes, *c);
        }
        g_string_append_c(changes, '\n');
    }

    return g_string_free(changes, FALSE);
}

static void
test_what_is_sent(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(sent); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(sent[i].release);
        g_autoptr(MtCaps) caps = probe(qmp, sent[i].release);
        g_autoptr(MtPlan) plan =
            make_plan(qmp, caps, sent[i].words, MT_POLICY_SUBSTITUTE);
        g_autoptr(GError) error = NULL;
        g_autofree char *log = NULL;

        mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error);
        g_assert_no_error(error);
        log = log_of_changes(qmp);
        g_assert_cmpstr(log, ==, sent[i].log);
        for (guint j = 0; j < plan->wishes->len; j++) {
            const MtWish *wish = g_ptr_array_index(plan->wishes, j);

            g_assert_cmpint(migtune_verdict_to_string(wish->verdict)[0], ==,
                            sent[i].verdicts[j]);
        }
        /* If all values can be read, a second plan has no steps. */
        if (!strstr(log, "migrate_set_")) {
            g_autoptr(MtPlan) again =
                make_plan(qmp, caps, sent[i].words, MT_POLICY_SUBSTITUTE);

            g_assert_cmpuint(again->steps->len, ==, 0);
            g_assert_true(
                mt_plan_apply(again, fake_qmp_exec(qmp), NULL, &error));
            /* Only what is in force is read. */
            g_assert_cmpuint(fake_qmp_n_commands(qmp), ==, count_reads(caps));
        }
    }
}

/* An MtExec in front of a FakeQmp that counts runs, fails and cancels. */
typedef struct {
    MtExec exec;
    FakeQmp *qmp;
    guint n_runs;
    guint lost_from;            /* no run is answered from this one on */
    guint refuse_from;          /* from this run on, the first command is refused */
    guint cancel_after;
    GCancellable *cancellable;
} Front;

static gboolean
front_run(MtExec *exec, MtCommand *commands, guint n_commands,
          GCancellable *cancellable, GError **error)
{
    Front *front = (Front *)exec;
    gboolean ok;

    front->n_runs++;
    if (front->lost_from && front->n_runs >= front->lost_from) {
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED, "it is gone");
        return FALSE;
    }
    if (front->refuse_from && front->n_runs >= front->refuse_from &&
        !g_str_has_prefix(commands[0].name, "query-"))
        fake_qmp_fail_nth(front->qmp, fake_qmp_n_commands(front->qmp) + 1);
    ok = fake_qmp_exec(front->qmp)->run(fake_qmp_exec(front->qmp), commands,
                                        n_commands, cancellable, error);
    if (front->cancel_after && front->n_runs == front->cancel_after)
        g_cancellable_cancel(front->cancellable);

    return ok;
}

static gboolean
front_reconnect(MtExec *exec, GCancellable *cancellable, GError **error)
{
    Front *front = (Front *)exec;

    if (!front->lost_from)
        return TRUE;
    migtune_error_set(error, MIGTUNE_ERROR_CONNECT, "no connection");
    return FALSE;
}

static void
front_init(Front *front, FakeQmp *qmp)
{
    memset(front, 0, sizeof(*front));
    front->exec.run = front_run;
    front->exec.reconnect = front_reconnect;
    front->qmp = qmp;
}

static const char *const two_steps[] = { "auto_converge=on", "downtime=500",
                                         NULL };

static void
test_connection_stays_lost(void)
{
    for (guint lost_from = 1; lost_from <= 2; lost_from++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
        g_autoptr(MtCaps) caps = probe(qmp, "qemu-7.2");
        g_autoptr(MtPlan) plan =
            make_plan(qmp, caps, two_steps, MT_POLICY_STRICT);
        g_autoptr(GError) error = NULL;
        Front front;

        front_init(&front, qmp);
        front.lost_from = lost_from;
        g_assert_false(mt_plan_apply(plan, &front.exec, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STATE_UNKNOWN);
        g_assert_nonnull(strstr(error->message, "no connection"));
        g_assert_nonnull(strstr(error->message, "auto_converge (off or on)"));
        if (lost_from == 2)
            g_assert_nonnull(
                strstr(error->message, "downtime (300 ms or 500 ms)"));
        else
            g_assert_null(strstr(error->message, "downtime"));
    }
}

static void
test_undoing_is_refused(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MtCaps) caps = probe(qmp, "qemu-7.2");
    g_autoptr(MtPlan) plan = make_plan(qmp, caps, two_steps, MT_POLICY_STRICT);
    g_autoptr(GError) error = NULL;
    Front front;

    front_init(&front, qmp);
    front.refuse_from = 2;
    g_assert_false(mt_plan_apply(plan, &front.exec, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STATE_UNKNOWN);
    g_assert_nonnull(strstr(error->message, "auto_converge is on and was off"));
    g_assert_null(strstr(error->message, "downtime is"));
}

static void
test_cancelled_in_between(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MtCaps) caps = probe(qmp, "qemu-7.2");
    g_autofree char *before = fake_qmp_dump(qmp);

    for (guint after = 0; after <= 1; after++) {
        g_autoptr(MtPlan) plan =
            make_plan(qmp, caps, two_steps, MT_POLICY_STRICT);
        g_autoptr(GCancellable) cancellable = g_cancellable_new();
        g_autoptr(GError) error = NULL;
        g_autofree char *now = NULL;
        Front front;

        front_init(&front, qmp);
        front.cancellable = cancellable;
        front.cancel_after = after;
        if (after == 0)
            g_cancellable_cancel(cancellable);
        g_assert_false(mt_plan_apply(plan, &front.exec, cancellable, &error));
        g_assert_error(error, MIGTUNE_ERROR,
                       (gint)(after == 0 ? MIGTUNE_ERROR_CANCELLED
                                         : MIGTUNE_ERROR_ROLLED_BACK));
        now = fake_qmp_dump(qmp);
        g_assert_cmpstr(now, ==, before);
    }
}

/* QEMU 2.10 and 2.11 keep a list of capabilities that they refused. */
static void
test_refused_and_kept(void)
{
    const char *const words[] = { "postcopy=on", "auto_converge=on", NULL };
    g_autoptr(FakeQmp) qmp = fake_qmp_new("made-2.11");
    g_autoptr(MtCaps) caps = probe(qmp, "made-2.11");
    g_autoptr(MtPlan) plan = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    plan = make_plan(qmp, caps, words, MT_POLICY_STRICT);
    fake_qmp_set_keeps_refused(qmp, TRUE);
    /* Another client makes QEMU refuse the plan. */
    fake_qmp_set_capability(qmp, "compress", TRUE);
    before = fake_qmp_dump(qmp);
    g_assert_false(
        mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_ROLLED_BACK);
    after = fake_qmp_dump(qmp);
    g_assert_cmpstr(after, ==, before);
}

static void
test_ignored_is_said(void)
{
    const char *const words[] = { "downtime=500", "bandwidth=64", NULL };
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-10.0");
    g_autoptr(MtCaps) caps = probe(qmp, "qemu-10.0");
    g_autoptr(MtPlan) plan = make_plan(qmp, caps, words, MT_POLICY_STRICT);
    g_autoptr(GError) error = NULL;
    const MtWish *wish;

    fake_qmp_ignore(qmp, "downtime-limit");
    mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error);
    g_assert_no_error(error);
    wish = g_ptr_array_index(plan->wishes, 0);
    g_assert_cmpint(wish->verdict, ==, MIGTUNE_VERDICT_IGNORED);
    g_assert_cmpuint(wish->after->number, ==, 300);
    wish = g_ptr_array_index(plan->wishes, 1);
    g_assert_cmpint(wish->verdict, ==, MIGTUNE_VERDICT_IN_FORCE);
}

static void
test_busy(void)
{
    static const char *const mixed[] = { "downtime=500", "xbzrle=on", NULL };

    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new(releases[i]);
        g_autoptr(MtCaps) caps = probe(qmp, releases[i]);
        g_autoptr(MtPlan) plan = NULL;
        g_autoptr(MtPlan) some = NULL;
        g_autoptr(GError) error = NULL;
        const MtWish *wish;

        fake_qmp_set_busy(qmp, TRUE);
        plan = make_plan(qmp, caps, mixed, MT_POLICY_SUBSTITUTE);
        g_assert_false(mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
        g_assert_cmpuint(fake_qmp_n_commands(qmp), ==, 0);

        g_clear_error(&error);
        some = make_plan(qmp, caps, mixed, MT_POLICY_BEST_EFFORT);
        mt_plan_apply(some, fake_qmp_exec(qmp), NULL, &error);
        g_assert_no_error(error);
        wish = g_ptr_array_index(some->wishes, 0);
        g_assert_cmpint(wish->verdict, ==,
                        step_is_unreadable(some, 0)
                            ? MIGTUNE_VERDICT_UNVERIFIED
                            : MIGTUNE_VERDICT_IN_FORCE);
        wish = g_ptr_array_index(some->wishes, 1);
        g_assert_cmpint(wish->verdict, ==, MIGTUNE_VERDICT_DROPPED);
    }
}

/* A migration starts between planning and applying. */
static void
test_busy_meanwhile(void)
{
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MtCaps) caps = probe(qmp, "qemu-7.2");
    g_autofree char *before = fake_qmp_dump(qmp);
    g_autoptr(MtPlan) plan = make_plan(qmp, caps, two_steps, MT_POLICY_STRICT);
    g_autofree char *after = NULL;
    g_autoptr(GError) error = NULL;

    fake_qmp_set_busy(qmp, TRUE);
    g_assert_false(mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    after = fake_qmp_dump(qmp);
    g_assert_cmpstr(after, ==, before);
}

static void
test_ten_in_two_commands(void)
{
    const char *const words[] = {
        "auto_converge=on", "xbzrle=on", "events=on", "return_path=on",
        "downtime=500", "bandwidth=64", "auto_converge.initial=30",
        "auto_converge.increment=15", "announce.rounds=3",
        "compression.xbzrle.cache=128MiB", NULL,
    };
    g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-10.0");
    g_autoptr(MtCaps) caps = probe(qmp, "qemu-10.0");
    g_autoptr(MtPlan) plan = make_plan(qmp, caps, words, MT_POLICY_STRICT);
    g_autoptr(GError) error = NULL;
    Front front;

    front_init(&front, qmp);
    mt_plan_apply(plan, &front.exec, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(front.n_runs, ==, 2);
    g_assert_cmpuint(fake_qmp_n_commands(qmp), ==, 6);

    /* A plan can be applied only once. */
    g_assert_false(mt_plan_apply(plan, &front.exec, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
}

/* What another client does between planning and applying. */
static const struct {
    const char *words[3];
    const char *capability;     /* is switched on; or NULL */
    const char *parameter;      /* becomes 1234567 */
    gboolean old;               /* the plan is not fresh */
    const char *text;           /* of the error */
    gboolean may_send;          /* and undo it */
} changed[] = {
    { { "bandwidth=64", "downtime=300" }, NULL, "max-bandwidth", FALSE,
      "bandwidth was 128 MiB/s and is 1234567 B/s", TRUE },
    { { "bandwidth=64", "downtime=300" }, NULL, "max-bandwidth", TRUE,
      "bandwidth was 128 MiB/s and is 1234567 B/s", FALSE },
    /* A row of the plan that needs no command. */
    { { "bandwidth=64", "downtime=300" }, NULL, "downtime-limit", FALSE,
      "downtime was 300 ms and is 1234567 ms", TRUE },
    /* A plan without any command. */
    { { "downtime=300" }, NULL, "downtime-limit", FALSE,
      "downtime was 300 ms and is 1234567 ms", FALSE },
    { { "auto_converge=on" }, "auto-converge", NULL, TRUE,
      "auto_converge was off and is on", FALSE },
};

static void
test_changed_since_it_was_planned(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(changed); i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
        g_autoptr(MtCaps) caps = probe(qmp, "qemu-7.2");
        g_autoptr(MtPlan) plan =
            make_plan(qmp, caps, changed[i].words, MT_POLICY_STRICT);
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        g_autofree char *log = NULL;
        g_autoptr(GError) error = NULL;

        if (changed[i].capability)
            fake_qmp_set_capability(qmp, changed[i].capability, TRUE);
        else
            fake_qmp_set_parameter(
                qmp, changed[i].parameter,
                json_node_init_int(json_node_alloc(), 1234567));
        if (changed[i].old)
            plan->planned_us -= 10 * G_USEC_PER_SEC;
        before = fake_qmp_dump(qmp);

        g_assert_false(mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
        g_assert_nonnull(strstr(error->message, changed[i].text));
        after = fake_qmp_dump(qmp);
        g_assert_cmpstr(after, ==, before);
        log = log_of_changes(qmp);
        if (!changed[i].may_send)
            g_assert_cmpstr(log, ==, "");
    }
}

/* A setting of another client survives the undoing of a plan. */
static void
test_only_touched_rows_are_undone(void)
{
    for (guint i = 0; i < 2; i++) {
        g_autoptr(FakeQmp) qmp = fake_qmp_new("qemu-7.2");
        g_autoptr(MtCaps) caps = probe(qmp, "qemu-7.2");
        g_autoptr(MtPlan) plan =
            make_plan(qmp, caps, two_steps, MT_POLICY_STRICT);
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        g_autoptr(GError) error = NULL;

        if (i)
            plan->planned_us -= 10 * G_USEC_PER_SEC;
        fake_qmp_set_capability(qmp, "xbzrle", TRUE);
        fake_qmp_set_parameter(qmp, "max-bandwidth",
                               json_node_init_int(json_node_alloc(), 4711));
        before = fake_qmp_dump(qmp);
        fake_qmp_fail_nth(qmp, count_reads(caps) + 2);
        g_assert_false(mt_plan_apply(plan, fake_qmp_exec(qmp), NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_ROLLED_BACK);
        after = fake_qmp_dump(qmp);
        g_assert_cmpstr(after, ==, before);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apply/the-nth-command-fails", test_nth_command_fails);
    g_test_add_func("/apply/what-is-sent", test_what_is_sent);
    g_test_add_func("/apply/connection-stays-lost", test_connection_stays_lost);
    g_test_add_func("/apply/undoing-is-refused",
                    test_undoing_is_refused);
    g_test_add_func("/apply/cancelled-in-between", test_cancelled_in_between);
    g_test_add_func("/apply/refused-and-kept", test_refused_and_kept);
    g_test_add_func("/apply/ignored-is-said", test_ignored_is_said);
    g_test_add_func("/apply/a-migration-is-running", test_busy);
    g_test_add_func("/apply/a-migration-starts-meanwhile",
                    test_busy_meanwhile);
    g_test_add_func("/apply/changed-since-it-was-planned",
                    test_changed_since_it_was_planned);
    g_test_add_func("/apply/only-touched-rows-are-undone",
                    test_only_touched_rows_are_undone);
    g_test_add_func("/apply/ten-in-two-commands", test_ten_in_two_commands);
    return g_test_run();
}
