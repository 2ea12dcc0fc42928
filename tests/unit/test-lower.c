/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lowering uses the answers of libvirt about what it supports.  Without a daemon
 * to ask it uses the release number.
 */
#include "config.h"

#include <string.h>

#include "plan/lower/lower-ask.h"

#include "migtune/migtune.h"

static MtPlan *
plan_of(const char *qemu, const char *words)
{
    g_auto(GStrv) wishes = g_strsplit(words, " ", -1);
    g_autoptr(MtCaps) caps = mt_caps_new_for_release(mt_release_parse(qemu));
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    MtPlan *plan;
    int n = 0;

    migtune_typed_params_parse((const char *const *)wishes, &params, &n,
                               &error);
    g_assert_no_error(error);
    plan = mt_plan_new(NULL, qemu, caps, mt_state_new_default(caps), params, n,
                       MT_POLICY_STRICT);
    migtune_typed_params_free(params, n);

    return plan;
}

/* Formats what libvirt is asked about: "FLAGS name:type name:type". */
static char *
ask_text(const MtLowerAsk *ask)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "%x", ask->flags);
    for (guint i = 0; i < ask->params->len; i++) {
        const MigtuneDriverAsked *asked =
            &g_array_index(ask->params, MigtuneDriverAsked, i);

        g_string_append_printf(text, " %s:%d", asked->name, asked->type);
    }

    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void
refuse(MtLowerAsk *ask, const char *name)
{
    for (guint i = 0; i < ask->params->len; i++) {
        MigtuneDriverAsked *asked =
            &g_array_index(ask->params, MigtuneDriverAsked, i);

        if (strcmp(asked->name, name) == 0) {
            asked->refused = TRUE;
            return;
        }
    }
    g_error("%s was not asked about", name);
}

static const struct {
    const char *name;
    const char *wishes;
    const char *asked;
} questions[] = {
    { "nothing", "downtime=300", "0" },
    { "value", "bandwidth=5MiB/s", "0 bandwidth:4" },
    /* 0x20000: PARALLEL, 0x800: COMPRESSED. */
    { "flag", "parallel=on", "20000" },
    { "off", "parallel=off auto_converge=off", "0" },
    { "own-method", "compression=xbzrle",
      "800 compression:7 compression.xbzrle.cache:4" },
    { "method", "compression=zstd parallel.connections=2",
      "20800 compression:7 compression.zstd.level:1 parallel.connections:1" },
    { "once", "compression=zlib compression.zlib.level=5",
      "20800 compression:7 compression.zlib.level:1" },
};

static void
test_question(gconstpointer data)
{
    gsize nth = GPOINTER_TO_SIZE(data);
    g_autoptr(MtPlan) plan = plan_of("7.2", questions[nth].wishes);
    g_autoptr(MtLowerAsk) ask = mt_lower_ask_new(plan);
    g_autofree char *text = ask_text(ask);

    g_assert_cmpstr(text, ==, questions[nth].asked);
}

static const struct {
    const char *name;
    const char *wishes;
    const char *libvirt;
    const char *refused;        /* a parameter; NULL: all are supported */
    unsigned int refused_flag;
    const char *expected;       /* in the finding; NULL: none */
} answers[] = {
    { "added", "compression=zstd compression.zstd.level=3", "9.0", NULL, 0,
      NULL },
    { "taken-away", "compression=zstd", "11.3", "compression.zstd.level", 0,
      "compression=zstd: this libvirt (11.3) was asked" },
    { "no-methods", "compression=xbzrle", "11.3", "compression", 0,
      "compression=xbzrle: this libvirt (11.3) was asked" },
    { "no-value", "parallel=on parallel.connections=3", "11.3",
      "parallel.connections", 0,
      "parallel.connections=3: this libvirt (11.3) was asked" },
    { "no-flag", "parallel=on", "11.3", NULL, VIR_MIGRATE_PARALLEL,
      "parallel=on: this libvirt (11.3) was asked" },
    { "other-flag", "parallel=on", "11.3", NULL, VIR_MIGRATE_ZEROCOPY, NULL },
    /* Only needed by the source: set by hand before the call. */
    { "by-hand", "bandwidth=5MiB/s", "9.0", "bandwidth", 0, NULL },
};

static void
test_answer(gconstpointer data)
{
    gsize nth = GPOINTER_TO_SIZE(data);
    g_autoptr(MtPlan) plan = plan_of("7.2", answers[nth].wishes);
    g_autoptr(MtLowerAsk) ask = mt_lower_ask_new(plan);
    g_autoptr(MtLowering) lowering = NULL;
    g_autoptr(GError) error = NULL;

    if (answers[nth].refused)
        refuse(ask, answers[nth].refused);
    ask->refused = answers[nth].refused_flag;
    lowering = mt_lowering_new(plan, mt_release_parse(answers[nth].libvirt),
                               ask);
    g_assert_true(lowering->asked);
    if (mt_lowering_check(lowering, &error))
        g_assert_null(answers[nth].expected);
    else if (!answers[nth].expected ||
             !strstr(error->message, answers[nth].expected))
        g_error("%s", error->message);
}

/* A parameter that libvirt does not support is not passed, but set by hand if
 * libvirt does not reset it. */
static void
test_refused_is_not_given(void)
{
    g_autoptr(MtPlan) plan = plan_of("7.2", "bandwidth=5MiB/s downtime=400");
    g_autoptr(MtLowerAsk) ask = mt_lower_ask_new(plan);
    g_autoptr(MtLowering) lowering = NULL;

    refuse(ask, "bandwidth");
    lowering = mt_lowering_new(plan, MT_RELEASE(9, 0), ask);
    g_assert_cmpuint(lowering->params->len, ==, 0);
    g_assert_cmpuint(mt_set_size(lowering->before), ==, 2);
}

/* libvirt cannot be asked about what it does by itself. */
static void
test_by_itself(void)
{
    g_autoptr(MtPlan) plan = plan_of("10.0",
                                     "switchover_ack=on return_path=on");
    g_autoptr(MtLowerAsk) ask = mt_lower_ask_new(plan);
    g_autoptr(MtLowering) older = mt_lowering_new(plan, MT_RELEASE(9, 0), ask);
    g_autoptr(MtLowering) newer = mt_lowering_new(plan, MT_RELEASE(11, 3),
                                                  ask);
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(ask->params->len, ==, 0);
    g_assert_false(mt_lowering_check(older, &error));
    g_assert_nonnull(strstr(error->message, "needs libvirt 11.3"));
    g_assert_true(mt_lowering_check(newer, NULL));
}

static void
test_no_libvirt_to_ask(void)
{
    g_autoptr(MtPlan) plan = plan_of("7.2", "compression=zstd");
    g_autoptr(MtLowering) older = mt_lowering_new(plan, MT_RELEASE(9, 3), NULL);
    g_autoptr(MtLowering) newer = mt_lowering_new(plan, MT_RELEASE(9, 4), NULL);

    g_assert_false(older->asked);
    g_assert_false(mt_lowering_check(older, NULL));
    g_assert_true(mt_lowering_check(newer, NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(questions); i++) {
        g_autofree char *path = g_strdup_printf("/lower/question/%s",
                                                questions[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_question);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autofree char *path = g_strdup_printf("/lower/answer/%s",
                                                answers[i].name);

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_answer);
    }
    g_test_add_func("/lower/refused-is-not-given", test_refused_is_not_given);
    g_test_add_func("/lower/by-itself", test_by_itself);
    g_test_add_func("/lower/no-libvirt-to-ask", test_no_libvirt_to_ask);

    return g_test_run();
}
