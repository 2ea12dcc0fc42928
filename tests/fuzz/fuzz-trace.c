/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a trace: an error, or samples in the order of time that a policy
 * can be replayed over.
 */
#include "config.h"

#include "fuzz.h"
#include "record/replay.h"

/* Longer traces take a policy too long. */
#define FUZZ_MAX_MS 1000000

static gboolean
hear(const MtDecision *decision, gpointer data)
{
    g_assert_nonnull(decision->code);
    return TRUE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(MtFindings) findings = mt_findings_new();
    g_autoptr(MtTrace) trace = mt_trace_parse((const char *)data, size,
                                              "trace", findings);
    gint64 before_ms = 0;

    g_assert_true(mt_findings_check(findings, NULL) == (trace != NULL));
    if (!trace)
        return 0;

    for (guint i = 0; i < trace->samples->len; i++) {
        const MtSample *sample =
            &g_array_index(trace->samples, MtTraceSample, i).sample;

        g_assert_cmpint(sample->time_ms, >=, before_ms);
        before_ms = sample->time_ms;
    }
    for (guint i = 0; i < mt_policy_n() && before_ms < FUZZ_MAX_MS; i++) {
        MtPolicyConfig config;

        mt_policy_config_init(&config, mt_policy_get(i)->name, NULL);
        mt_replay(trace, &config, hear, NULL);
    }

    return 0;
}
