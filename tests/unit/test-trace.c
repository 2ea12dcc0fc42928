/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Traces are read, with findings about errors in them; and policies over a
 * trace make the known decisions.
 */
#include "config.h"

#include <locale.h>
#include <string.h>

#include "record/replay.h"
#include "record/trace.h"

#define SAMPLE(time, pass, remaining)                                       \
    "{\"type\":\"sample\",\"time_ms\":" #time ",\"status\":\"active\","     \
    "\"pass\":" #pass ",\"remaining\":" #remaining ",\"total\":2147483648," \
    "\"transferred\":" #time ",\"bandwidth\":1000,\"dirty_rate\":5}\n"
#define PASS(time, pass) \
    "{\"type\":\"pass\",\"time_ms\":" #time ",\"pass\":" #pass "}\n"

static int
find(const MtFindings *findings, const char *code)
{
    for (guint i = 0; i < mt_findings_n(findings); i++) {
        const MtFinding *finding = mt_findings_get(findings, i);

        if (g_str_equal(finding->code, code))
            return finding->line;
    }

    return -1;
}

static void
test_members(void)
{
    static const char text[] =
        "{\"type\":\"header\",\"domain\":\"web1\",\"plan\":{\"x\":[1]}}\n"
        "{\"type\":\"sample\",\"time_ms\":100,\"status\":\"active\","
        "\"pass\":1,\"remaining\":900,\"total\":1000,\"transferred\":100,"
        "\"bandwidth\":10,\"dirty_rate\":20,\"downtime_limit_ms\":300,"
        "\"throttle\":20,\"further\":\"member\",\"other\":null}\n"
        /* The same, read by json-glib because of escapes, nesting and
         * exponents. */
        "{\"type\":\"sample\", \"time_ms\":2.5e2, \"status\":\"\\u0061ctive\","
        "\"pass\":2,\"remaining\":800,\"total\":1000,\"transferred\":200,"
        "\"bandwidth\":10.5,\"dirty_rate\":20,\"further\":{\"a\":[1,2]},"
        "\"guest_paused\":true}\n"
        "\n"
        "{\"type\":\"pass\",\"time_ms\":300,\"pass\":3}\n"
        "{\"type\":\"unheard-of\",\"time_ms\":310}\n"
        "{\"type\":\"decision\",\"time_ms\":320,\"policy\":\"nova\","
        "\"action\":\"set-downtime\",\"value\":50,\"reason\":\"a \\\"b\\\"\"}"
        "\n{\"type\":\"outcome\",\"time_ms\":400,\"status\":\"completed\"}";
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(MtTrace) trace =
        mt_trace_parse(text, strlen(text), "t", findings);
    const MtTraceSample *a, *b;
    const MtTraceDecision *decision;

    g_assert_nonnull(trace);
    g_assert_cmpuint(mt_findings_n(findings), ==, 0);
    g_assert_cmpstr(mt_trace_get_domain(trace), ==, "web1");
    g_assert_cmpstr(mt_trace_get_status(trace), ==, "completed");
    g_assert_cmpuint(trace->samples->len, ==, 2);
    a = &g_array_index(trace->samples, MtTraceSample, 0);
    b = &g_array_index(trace->samples, MtTraceSample, 1);
    g_assert_cmpint(a->sample.time_ms, ==, 100);
    g_assert_cmpint(a->sample.phase, ==, MT_PHASE_PRECOPY);
    g_assert_cmpuint(a->sample.remaining, ==, 900);
    g_assert_cmpuint(a->downtime_limit_ms, ==, 300);
    g_assert_cmpuint(a->throttle, ==, 20);
    g_assert_false(a->sample.guest_paused);
    g_assert_cmpint(b->sample.time_ms, ==, 250);
    g_assert_cmpint(b->sample.phase, ==, MT_PHASE_PRECOPY);
    g_assert_cmpuint(b->sample.bandwidth, ==, 10);
    g_assert_true(b->sample.guest_paused);
    g_assert_cmpuint(trace->passes->len, ==, 1);
    g_assert_cmpuint(g_array_index(trace->passes, MtTracePass, 0).after, ==,
                     2);
    g_assert_cmpuint(trace->decisions->len, ==, 1);
    decision = &g_array_index(trace->decisions, MtTraceDecision, 0);
    g_assert_cmpstr(decision->reason, ==, "a \"b\"");
    g_assert_cmpuint(decision->value, ==, 50);
}

static void
test_bad(void)
{
    static const struct {
        const char *text;
        const char *code;
        int line;
        guint n_samples;
    } cases[] = {
        { SAMPLE(1, 1, 1) SAMPLE(0, 1, 1) SAMPLE(2, 1, 1), "time-backwards",
          2, 2 },
        { SAMPLE(1, 1, 1) "{\"type\":\"sample\",\"time_ms\":2,\"rem", "cut",
          2, 1 },
        { SAMPLE(1, 1, 1) "{\"type\":\n" SAMPLE(2, 1, 1), "syntax", 2, 2 },
        { SAMPLE(1, 1, 1) "[1]\n", "syntax", 2, 1 },
        { SAMPLE(1, 1, 1) "{\"type\":\"sample\",\"time_ms\":\"2\"}\n",
          "wrong-type", 2, 1 },
        { SAMPLE(1, 1, 1) "{\"type\":\"sample\",\"time_ms\":2,"
          "\"remaining\":-5}\n", "wrong-type", 2, 1 },
        { SAMPLE(1, 1, 1) "{\"type\":\"sample\",\"remaining\":5}\n",
          "no-time", 2, 1 },
        { SAMPLE(1, 1, 1) "{\"time_ms\":5}\n", "no-type", 2, 1 },
        { SAMPLE(1, 1, 1) SAMPLE(9000000000, 1, 1), "too-late", 2, 1 },
        { SAMPLE(1, 1, 1) "{\"type\":\"sample\",\"time_ms\":"
          "99999999999999999999}\n", "syntax", 2, 1 },
        { SAMPLE(1, 1, 1) "{\"type\":\"sample\",\"time_ms\":2,\"status\":"
          "\"hovering\"}\n", "unknown-status", 2, 2 },
        { SAMPLE(1, 1, 1) "\xff\n", "syntax", 2, 1 },
        { "", "no-sample", 0, 0 },
        { PASS(1, 1), "no-sample", 0, 0 },
        { "{\"type\":\"header\"}\n", "no-sample", 0, 0 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtFindings) findings = mt_findings_new();
        g_autoptr(MtTrace) trace = mt_trace_parse(
            cases[i].text, strlen(cases[i].text), "t", findings);

        g_test_message("case %u", i);
        g_assert_cmpint(find(findings, cases[i].code), ==, cases[i].line);
        if (cases[i].n_samples)
            g_assert_cmpuint(trace->samples->len, ==, cases[i].n_samples);
        else
            g_assert_null(trace);
    }
}

static gboolean
hear(const MtDecision *decision, gpointer data)
{
    GString *text = data;

    if (decision->act == MT_ACT_NOTE)
        return TRUE;
    g_string_append_printf(text, "%s%g:", text->len ? " " : "",
                           decision->time_ms / 1000.0);
    if (decision->act == MT_ACT_SET_DOWNTIME)
        g_string_append_printf(text, "%" G_GUINT64_FORMAT, decision->value);
    else
        g_string_append(text, mt_act_to_string(decision->act));
    return TRUE;
}

static void
test_replay(void)
{
    static const struct {
        const char *policy;
        const char *text;
        const char *expected;
    } cases[] = {
        { "vdsm", SAMPLE(10000, 1, 9) SAMPLE(20000, 2, 9) SAMPLE(30000, 3, 9)
          SAMPLE(40000, 4, 9) SAMPLE(50000, 5, 9) SAMPLE(60000, 6, 9)
          SAMPLE(70000, 7, 9) SAMPLE(80000, 8, 9) SAMPLE(90000, 9, 9)
          SAMPLE(100000, 10, 9),
          "0:100 30:150 40:200 50:300 60:400 80:500 90:abort" },
        /* Samples that come between the polls. */
        { "vdsm", SAMPLE(3, 1, 9) SAMPLE(10001, 2, 9) SAMPLE(20001, 3, 9)
          SAMPLE(30001, 4, 9) SAMPLE(40001, 5, 9),
          "0:100 30:150 40:200" },
        /* The abort is repeated until the job ends; here it ends. */
        { "nova", SAMPLE(0, 1, 9) SAMPLE(1700000, 1, 9),
          "0.5:50 150.5:95 300.5:140 450.5:185 600.5:230 750.5:275 900.5:320 "
          "1050.5:365 1200.5:410 1350.5:455 1500.5:500 1600.5:abort" },
        { "proxmox", SAMPLE(1000, 1, 100) SAMPLE(2000, 1, 101)
          SAMPLE(3000, 1, 102) SAMPLE(4000, 1, 103) SAMPLE(5000, 1, 104)
          SAMPLE(6000, 1, 105) SAMPLE(7000, 1, 106), "7:200" },
        /* Without pass events KubeVirt uses its older monitor. */
        { "kubevirt-stall", SAMPLE(0, 1, 9) SAMPLE(160000, 1, 9),
          "150.8:abort" },
        { "kubevirt-stall", SAMPLE(0, 1, 900) PASS(1000, 2)
          SAMPLE(50000, 2, 900) PASS(50000, 3), "0.4:300 50:900" },
        { "none", SAMPLE(0, 1, 9) SAMPLE(160000, 1, 9), "" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtFindings) findings = mt_findings_new();
        g_autoptr(MtTrace) trace = mt_trace_parse(
            cases[i].text, strlen(cases[i].text), "t", findings);
        g_autoptr(GString) text = g_string_new(NULL);
        MtPolicyConfig config;

        g_assert_nonnull(trace);
        mt_policy_config_init(&config, cases[i].policy, NULL);
        mt_replay(trace, &config, hear, text);
        g_assert_cmpstr(text->str, ==, cases[i].expected);
    }
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trace/members", test_members);
    g_test_add_func("/trace/bad", test_bad);
    g_test_add_func("/trace/replay", test_replay);

    return g_test_run();
}
