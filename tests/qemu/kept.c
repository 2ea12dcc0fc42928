/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kept settings: kept while one QEMU runs, and applied to the next QEMU, which may
 * need other commands for them.
 */
#include "config.h"

#include "tuning.h"

static const char *const kept_identity[] = {
    "-name", "stays", "-uuid", "77777777-2222-3333-4444-555555555555", NULL
};

/* Applies @plan and checks that nothing was refused. */
static void
kept_apply(MigtunePlan *plan)
{
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(plan);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
}

static void
kept_check(Guest *guest, gint64 downtime, gboolean xbzrle)
{
    g_autoptr(JsonNode) limit = guest_get(guest, FALSE, "downtime-limit");
    g_autoptr(JsonNode) on = guest_get(guest, TRUE, "xbzrle");

    g_assert_cmpint(json_node_get_int(limit), ==, downtime);
    g_assert_cmpint(json_node_get_boolean(on), ==, xbzrle);
}

static MigtuneDomain *
kept_open(Guest *guest, MigtuneConn **ret_conn)
{
    return tuned_open(guest_monitor(guest, 0), NULL, ret_conn);
}

/* Keeps settings without changing the running guest. */
static void
kept_begin(Case *test)
{
    static const char *const words[] = { "downtime=456", "compression=xbzrle",
                                         NULL };
    g_autoptr(Guest) guest = guest_new(test->release, kept_identity);
    g_autofree char *before = guest_dump(guest);
    g_autofree char *after = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = kept_open(guest, &conn);
    g_autoptr(MigtunePlan) plan = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    plan =
        migtune_domain_plan(domain, params, n, MIGTUNE_SET_CONFIG, NULL, NULL);
    migtune_typed_params_free(params, n);
    kept_apply(plan);
    for (int i = 0; i < n; i++)
        g_assert_cmpint(
            migtune_plan_get_verdict(plan, i, NULL, NULL, NULL, NULL), ==,
            MIGTUNE_VERDICT_KEPT);
    after = guest_dump(guest);
    g_assert_cmpstr(after, ==, before);
}

static void
test_restart(Case *test)
{
    g_autoptr(Guest) guest = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(MigtunePlan) reset = NULL;
    g_autoptr(MigtunePlan) nothing = NULL;
    g_autoptr(GError) error = NULL;

    kept_begin(test);
    guest = guest_new(test->release, kept_identity);
    before = guest_dump(guest);
    domain = kept_open(guest, &conn);
    plan = migtune_domain_plan_kept(domain, 0, NULL, &error);
    g_assert_no_error(error);
    kept_apply(plan);
    kept_check(guest, 456, TRUE);

    /* Resets the guest and the kept settings. */
    reset = migtune_domain_plan_reset(
        domain, MIGTUNE_SET_LIVE | MIGTUNE_SET_CONFIG, NULL, &error);
    g_assert_no_error(error);
    kept_apply(reset);
    after = guest_dump(guest);
    g_assert_cmpstr(after, ==, before);
    nothing = migtune_domain_plan_kept(domain, 0, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(migtune_plan_get_n_verdicts(nothing), ==, 0);
    tuning_count(test, "kept over a restart");
}

void
tuning_add_kept(Tuning *tuning)
{
    tuning_add(tuning, "settings-stay-over-a-restart", test_restart);
}
