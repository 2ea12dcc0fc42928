/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports contain the data of a trace, escaped and with a bounded size.  The
 * policies of a running migration stay within the limits of the caller.
 */
#include "config.h"

#include <locale.h>
#include <string.h>

#include <glib/gstdio.h>

#include "record/metrics.h"
#include "record/report.h"
#include "util/json.h"
#include "migtune/migtune-converge.h"

static MtTrace *
trace(const char *text, const char *name)
{
    g_autoptr(MtFindings) findings = mt_findings_new();
    MtTrace *result = mt_trace_parse(text, strlen(text), name, findings);

    g_assert_nonnull(result);
    return result;
}

static guint
count(const char *text, const char *word)
{
    guint n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* Fails if @text is not well-formed XML. */
static void
assert_xml(const char *text)
{
    static const GMarkupParser parser = { NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GMarkupParseContext) context =
        g_markup_parse_context_new(&parser, 0, NULL, NULL);

    g_markup_parse_context_parse(context, text, -1, &error);
    g_assert_no_error(error);
    g_markup_parse_context_end_parse(context, &error);
    g_assert_no_error(error);
}

static const char evil[] =
    "{\"type\":\"header\",\"domain\":\"<script>alert(1)</script>\\u0001\"}\n"
    "{\"type\":\"sample\",\"time_ms\":0,\"status\":\"active\",\"pass\":1,"
    "\"remaining\":900,\"total\":1000,\"transferred\":100,\"bandwidth\":10,"
    "\"dirty_rate\":20,\"downtime_limit_ms\":300,\"throttle\":20}\n"
    "{\"type\":\"pass\",\"time_ms\":50,\"pass\":2}\n"
    "{\"type\":\"sample\",\"time_ms\":100,\"status\":\"active\",\"pass\":2,"
    "\"remaining\":500,\"total\":1000,\"transferred\":500,\"bandwidth\":10,"
    "\"dirty_rate\":20,\"downtime_limit_ms\":300,\"throttle\":20}\n"
    "{\"type\":\"decision\",\"time_ms\":60,\"policy\":\"a&b\",\"action\":"
    "\"set-downtime\",\"value\":500,\"reason\":\"\\\"><img src=x onerror="
    "'alert(2)'>\",\"result\":\"taken\"}\n"
    "{\"type\":\"decision\",\"time_ms\":70,\"policy\":\"nova\",\"action\":"
    "\"abort\",\"value\":null,\"reason\":\"late\",\"result\":\"shadow\"}\n"
    "{\"type\":\"outcome\",\"time_ms\":100,\"status\":\"completed\","
    "\"total_ms\":120,\"downtime_ms\":15}\n";

static void
test_escaped(void)
{
    g_autoptr(MtTrace) a = trace(evil, "dir/a<b>.jsonl");
    MtTrace *traces[] = { a, a };
    g_autofree char *html = mt_report_html(traces, 2);
    g_autoptr(GString) svg = g_string_new(NULL);

    g_assert_null(strstr(html, "<script"));
    g_assert_null(strstr(html, "<img"));
    g_assert_null(strchr(html, 1));
    /* The only URL is the name of SVG's namespace; nothing is loaded. */
    g_assert_cmpuint(count(html, "://"), ==, 1);
    g_assert_nonnull(strstr(html, "&lt;script&gt;alert(1)&lt;/script&gt;"));
    g_assert_nonnull(strstr(html, "prefers-color-scheme:dark"));
    g_assert_nonnull(strstr(html, "@media print"));
    g_assert_cmpuint(count(html, "class=\"decision"), ==, 4);
    g_assert_cmpuint(count(html, "class=\"pass"), ==, 2);
    g_assert_cmpuint(count(html, "shadow\""), ==, 2);
    g_assert_cmpuint(count(html, ">0.06 s: a&amp;b: set-downtime 500 ms: "),
                     ==, 2);
    /* Four panels, two rows of runs, four decisions. */
    g_assert_cmpuint(count(html, "class=\"title\""), ==, 4);
    g_assert_cmpuint(count(html, "<tr>"), ==, 2 + 2 + 4);

    mt_report_svg(svg, traces, 2, TRUE);
    assert_xml(svg->str);
    g_assert_true(g_str_has_prefix(svg->str, "<svg xmlns="));
}

/* A panel without data is omitted. */
static void
test_panels(void)
{
    g_autoptr(MtTrace) a = trace(
        "{\"type\":\"sample\",\"time_ms\":5,\"remaining\":0}\n", "a");
    MtTrace *traces[] = { a };
    g_autoptr(GString) svg = g_string_new(NULL);
    g_autofree char *text = mt_report_text(traces, 1);

    mt_report_svg(svg, traces, 1, TRUE);
    assert_xml(svg->str);
    g_assert_cmpuint(count(svg->str, "class=\"title\""), ==, 2);
    g_assert_null(strstr(svg->str, "nan"));
    g_assert_null(strstr(svg->str, "inf"));
    g_assert_nonnull(strstr(text, "1 samples"));
    g_assert_nonnull(strstr(text, "a: its end is not recorded\n"));
}

/* The size of a page does not depend on the length of the trace, and no peak
 * is lost. */
static void
test_large(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(MtTrace) a = NULL;
    MtTrace *traces[1];
    g_autofree char *html = NULL;
    g_autofree char *again = NULL;

    for (guint i = 0; i < 100000; i++) {
        g_string_append_printf(
            text, "{\"type\":\"sample\",\"time_ms\":%u,\"status\":\"active\","
            "\"pass\":%u,\"remaining\":%u,\"total\":8589934592,"
            "\"transferred\":%u,\"bandwidth\":%u,\"dirty_rate\":%u,"
            "\"downtime_limit_ms\":%u,\"throttle\":%u}\n", i * 100, i / 10,
            i == 54321 ? 4294967295u : i * 7919 % 1000000, i, i * 31 % 9999,
            i * 17 % 9999, 300 + i % 7, i % 99);
        if (i % 10 == 0)
            g_string_append_printf(text, "{\"type\":\"pass\",\"time_ms\":%u,"
                                   "\"pass\":%u}\n", i * 100, i / 10);
        if (i % 10 == 5)
            g_string_append_printf(text, "{\"type\":\"decision\",\"time_ms\":"
                                   "%u,\"policy\":\"nova\",\"action\":"
                                   "\"pause\",\"reason\":\"again\"}\n",
                                   i * 100);
    }
    a = traces[0] = trace(text->str, "long");
    g_assert_cmpuint(a->samples->len, ==, 100000);
    html = mt_report_html(traces, 1);
    g_assert_cmpuint(strlen(html), <, 1024 * 1024);
    /* The peak is at the top of its panel, except for the rounding of the
     * axis. */
    g_assert_nonnull(strstr(html, "4 GiB"));
    again = mt_report_html(traces, 1);
    g_assert_cmpstr(again, ==, html);
}

static void
test_metrics(void)
{
    MtMetricsRun run = {
        .domain = "a\"b\\c\nd",
        .run = "",
        .status = "active",
        .downtime_s = -1,
    };
    g_autofree char *text = NULL;

    run.last.sample.remaining = G_MAXUINT64;
    run.last.sample.time_ms = 1500;
    text = mt_metrics_text(&run, 1);
    g_assert_nonnull(strstr(text, "elapsed_seconds{domain="
                            "\"a\\\"b\\\\c\\nd\"} 1.5\n"));
    g_assert_null(strstr(text, "downtime_seconds{"));
    g_assert_null(strstr(text, "limit_seconds{"));
    g_assert_true(g_str_has_suffix(text, "\n# EOF\n"));
}

typedef struct {
    GString *text;
    const char *fails;
} Heard;

static gboolean
hear(const char *action, guint64 value, const char *reason, gpointer data)
{
    Heard *heard = data;

    g_string_append_printf(heard->text, "%s%s %" G_GUINT64_FORMAT,
                           heard->text->len ? ", " : "", action, value);
    return g_strcmp0(action, heard->fails) != 0;
}

static JsonNode *
job(guint time_ms, guint pass, guint64 remaining, const char *status)
{
    g_autofree char *text = g_strdup_printf(
        "{\"domain\":\"x\",\"job\":\"active\",\"status\":\"%s\",\"state\":"
        "\"running\",\"error\":null,\"statistics\":["
        "{\"name\":\"time_elapsed\",\"value\":%u},"
        "{\"name\":\"memory_total\",\"value\":1073741824},"
        "{\"name\":\"memory_remaining\",\"value\":%" G_GUINT64_FORMAT "},"
        "{\"name\":\"memory_processed\",\"value\":%u},"
        "{\"name\":\"memory_iteration\",\"value\":%u},"
        "{\"name\":\"downtime\",\"value\":12}]}", status, time_ms, remaining,
        time_ms + 1, pass);
    g_autoptr(GError) error = NULL;
    JsonNode *node = mt_json_parse(text, -1, &error);

    g_assert_no_error(error);
    return node;
}

/* Follows a migration for @seconds and returns the actions that were carried
 * out. */
static char *
follow(MigtunePolicy *policy, MigtunePolicy *const *shadows, guint seconds,
       const char *fails, const char *record)
{
    Heard heard = { g_string_new(NULL), fails };
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConvergence) convergence = migtune_convergence_new(
        "x", policy, shadows, record, NULL, &error);

    g_assert_no_error(error);
    migtune_convergence_start(convergence, NULL, 300, TRUE);
    for (guint i = 0; i <= seconds; i++) {
        g_autoptr(JsonNode) info = job(i * 1000, i / 10 + 1, 1000000 + i,
                                       "active");

        migtune_convergence_follow(convergence, i * 1000, info, hear, &heard);
    }
    {
        g_autoptr(JsonNode) info = job(seconds * 1000, 1, 0, "completed");

        migtune_convergence_finish(convergence, info, &error);
        g_assert_no_error(error);
    }
    return g_string_free(heard.text, FALSE);
}

static void
test_follow(void)
{
    static const struct {
        const char *policy;
        guint64 max_downtime_ms, deadline_ms;
        const char *fails;
        guint seconds;
        const char *expected;
    } cases[] = {
        { "vdsm", 0, 0, NULL, 45,
          "set-downtime 100, set-downtime 150, set-downtime 200" },
        /* A decision beyond the limit of the caller is not carried out. */
        { "vdsm", 150, 0, NULL, 45, "set-downtime 100, set-downtime 150" },
        { "vdsm", 0, 25000, NULL, 45, "set-downtime 100, abort 0" },
        { "none", 0, 5000, NULL, 10, "abort 0" },
        /* A failed abort is tried again at the next sample. */
        { "none", 0, 5000, "abort", 6, "abort 0, abort 0" },
        { "proxmox", 0, 0, NULL, 20, "set-downtime 200, set-downtime 400, "
          "set-downtime 800" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MigtunePolicy) policy =
            migtune_policy_new(cases[i].policy, NULL);
        g_autofree char *text = NULL;

        migtune_policy_set_limits(policy, cases[i].max_downtime_ms,
                                  cases[i].deadline_ms, 0);
        text = follow(policy, NULL, cases[i].seconds, cases[i].fails, NULL);
        g_assert_cmpstr(text, ==, cases[i].expected);
    }
}

/* The decisions recorded in shadow are those that the acting policy makes. */
static void
test_shadow(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "t.jsonl", NULL);
    g_auto(GStrv) names = migtune_policy_list();
    g_autoptr(GPtrArray) shadows = g_ptr_array_new_with_free_func(
        (GDestroyNotify)migtune_policy_unref);
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(MtTrace) recorded = NULL;
    g_autofree char *text = NULL;
    guint n = 0;

    for (char **name = names; *name; name++)
        g_ptr_array_add(shadows, migtune_policy_new(*name, NULL));
    g_ptr_array_add(shadows, NULL);
    text = follow(NULL, (MigtunePolicy *const *)shadows->pdata, 45, NULL,
                  path);
    g_assert_cmpstr(text, ==, "");

    recorded = mt_trace_read(path, findings, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(mt_findings_n(findings), ==, 0);
    g_assert_cmpuint(recorded->samples->len, ==, 46);
    g_assert_cmpuint(recorded->passes->len, ==, 4);
    g_assert_cmpstr(mt_trace_get_status(recorded), ==, "completed");
    for (guint i = 0; i < recorded->decisions->len; i++) {
        const MtTraceDecision *decision =
            &g_array_index(recorded->decisions, MtTraceDecision, i);

        g_assert_cmpstr(decision->result, ==, "shadow");
        n += g_str_equal(decision->policy, "vdsm");
    }
    g_assert_cmpuint(n, ==, 3);
    g_remove(path);
    g_rmdir(dir);
}

/* A migration that is over before it could be followed has a report: with the
 * statistics of its end, or without any if it failed at once. */
static void
test_unfollowed(void)
{
    static const char *const formats[] = { "text", "html", "svg", "prom" };
    static const struct {
        const char *text;       /* of the job; NULL: completed, see job() */
        const char *status;
        guint n_samples;
    } cases[] = {
        { NULL, "completed", 1 },
        { "{\"status\":\"failed\",\"error\":\"refused\",\"statistics\":[]}",
          "failed", 0 },
    };
    g_autofree char *dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "t.jsonl", NULL);
    const char *const paths[] = { path, NULL };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtFindings) findings = mt_findings_new();
        g_autoptr(MtTrace) recorded = NULL;
        g_autoptr(JsonNode) info = cases[i].text ?
            mt_json_parse(cases[i].text, -1, &error) :
            job(70, 1, 0, "completed");
        g_autoptr(MigtuneConvergence) convergence = migtune_convergence_new(
            "x", NULL, NULL, path, NULL, &error);

        g_assert_no_error(error);
        migtune_convergence_finish(convergence, info, &error);
        g_assert_no_error(error);

        recorded = mt_trace_read(path, findings, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(mt_findings_n(findings), ==, !cases[i].n_samples);
        g_assert_cmpuint(recorded->samples->len, ==, cases[i].n_samples);
        g_assert_nonnull(recorded->header);
        g_assert_cmpstr(mt_trace_get_status(recorded), ==, cases[i].status);
        g_assert_cmpuint(mt_trace_get_last(recorded).sample.total, ==,
                         cases[i].n_samples << 30);
        for (guint j = 0; j < G_N_ELEMENTS(formats); j++) {
            g_autofree char *text =
                migtune_report(paths, formats[j], NULL, &error);

            g_assert_no_error(error);
            g_assert_nonnull(strstr(text, g_str_equal(formats[j], "svg") ?
                                          "<svg" : cases[i].status));
        }
    }
    g_remove(path);
    g_rmdir(dir);
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report/escaped", test_escaped);
    g_test_add_func("/report/panels", test_panels);
    g_test_add_func("/report/large", test_large);
    g_test_add_func("/report/metrics", test_metrics);
    g_test_add_func("/report/follow", test_follow);
    g_test_add_func("/report/shadow", test_shadow);
    g_test_add_func("/report/unfollowed", test_unfollowed);

    return g_test_run();
}
