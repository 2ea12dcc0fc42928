/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the configuration of another program or as scenarios: a finding
 * that is an error, or a policy that runs.
 */
#include "config.h"

#include <string.h>

#include "converge/import/import.h"
#include "converge/scene.h"
#include "fuzz.h"

static gboolean
hear(const MtDecision *decision, gpointer data)
{
    g_assert_nonnull(decision->code);
    return TRUE;
}

static void
check_findings(const MtFindings *findings, gboolean ok)
{
    g_assert_true(mt_findings_check(findings, NULL) == ok);
    for (guint i = 0; i < mt_findings_n(findings); i++) {
        const MtFinding *finding = mt_findings_get(findings, i);

        g_assert_true(*finding->text != '\0');
        g_assert_true(g_utf8_validate(finding->text, -1, NULL));
    }
}

static void
check_policy(const MtPolicyConfig *config)
{
    const MtPolicyGuest guest = { .ram_bytes = 1 << 30, .postcopy = TRUE };
    g_autoptr(JsonObject) settings = mt_policy_config_to_json(config);
    g_autoptr(MtPolicyRun) run = mt_policy_run_new(config, &guest, hear,
                                                   NULL);

    g_assert_nonnull(settings);
    mt_policy_run_start(run);
    for (guint i = 1; i < 50; i++) {
        const MtSample sample = {
            .time_ms = i * 1000,
            .phase = MT_PHASE_PRECOPY,
            .pass = i / 3,
            .remaining = i * 1000,
            .total = 1 << 30,
            .transferred = i * 1000,
            .bandwidth = 1000,
        };

        mt_policy_run_sample(run, &sample);
        mt_policy_run_pass(run, i * 1000, i / 3);
    }
    mt_policy_run_advance(run, 60000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const select[] = {
        "vm.app=db", "policy=Minimal downtime", NULL
    };
    g_autofree char *text = g_malloc0(size + 1);

    if (size > 0)
        memcpy(text, data, size);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(MtFindings) findings = mt_findings_new();
        MtPolicyConfig config = { 0 };
        const MtImport import = {
            .text = text,
            .length = size,
            .file = "file",
            .select = i ? select : NULL,
            .config = &config,
            .findings = findings,
        };
        gboolean ok = mt_import(&import);

        check_findings(findings, ok);
        if (ok)
            check_policy(&config);
    }
    {
        g_autoptr(MtFindings) findings = mt_findings_new();
        g_autoptr(GPtrArray) scenes = mt_scenes_parse(text, size, "file",
                                                      findings);

        check_findings(findings, scenes != NULL);
    }

    return 0;
}
