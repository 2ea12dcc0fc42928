/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults at the nth command, for n = 1, 2, 3 … until a run succeeds: QEMU refuses
 * the command, the link is cut before QEMU receives it, or the link is cut before
 * its answer arrives.  After each failure the guest has its former state.
 */
#include "config.h"

#include <string.h>

#include "tuning.h"

#define FAULTS_MAX_WORDS 8

static const struct {
    const char *name;
    guint since;
    guint until;                /* last release with it; 0: no end */
    guint n_commands;
    /* QMP commands to send first. */
    const char *parameters;
    const char *capabilities;
    const char *words[FAULTS_MAX_WORDS];
} sets[] = {
    { "capabilities and parameters", 502, 0, 2, NULL, NULL,
      { "auto_converge=on", "xbzrle=on", "downtime=500", "bandwidth=64" } },
    { "compression", 502, 0, 2, NULL, NULL,
      { "compression=zlib", "parallel.connections=7" } },
    { "page compression", 502, 900, 2, NULL, NULL,
      { "compression=mt", "compression.mt.level=3",
        "compression.mt.threads=4", "compression.mt.dthreads=5" } },
    { "only capabilities", 502, 0, 1, NULL, NULL,
      { "return_path=on", "events=on" } },
    { "only parameters", 502, 0, 1, NULL, NULL,
      { "announce.rounds=7", "tls.creds=test" } },
    { "parameters that make room first", 701, 0, 2,
      "{\"multifd-compression\": \"zlib\"}",
      "[{\"capability\": \"multifd\", \"state\": true}]",
      { "parallel.compression=none", "zerocopy=on" } },
    { "what is on gives way", 502, 0, 2, NULL,
      "[{\"capability\": \"xbzrle\", \"state\": true}]",
      { "compression=zlib" } },
};

static const struct {
    const char *option;
    MigtuneErrorCode first;     /* expected if nothing had changed */
    MigtuneErrorCode later;
} faults[] = {
    { "--fail", MIGTUNE_ERROR_QEMU, MIGTUNE_ERROR_ROLLED_BACK },
    { "--cut-before", MIGTUNE_ERROR_DISCONNECTED, MIGTUNE_ERROR_ROLLED_BACK },
    { "--cut-after", MIGTUNE_ERROR_ROLLED_BACK, MIGTUNE_ERROR_ROLLED_BACK },
};

/* TRUE when it survived. */
static gboolean
check_fault(Case *test, Guest *guest, gsize set, gsize fault, guint nth)
{
    g_autofree char *number = g_strdup_printf("%u", nth);
    const char *const options[] = { faults[fault].option, number, NULL };
    g_autofree char *before = guest_dump(guest);
    g_autofree char *after = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    Tuned tuned;
    gboolean ok;
    int n = 0;

    tuned_up(&tuned, test, guest, options);
    plan = tuned_plan(&tuned, sets[set].words, 0);
    ok = migtune_plan_apply(plan, NULL, &error);
    after = guest_dump(guest);
    g_clear_pointer(&plan, migtune_plan_unref);
    if (ok) {
        g_assert_cmpstr(after, !=, before);
    } else {
        g_test_message("%s, %s %u: %s", sets[set].name, faults[fault].option,
                       nth, error->message);
        g_assert_cmpstr(after, ==, before);
        g_assert_error(error, MIGTUNE_ERROR,
                       (gint)(nth == 1 ? faults[fault].first
                                       : faults[fault].later));
        tuning_count(test, "failures of the nth command survived");
    }
    /* The connection can be used again. */
    g_clear_error(&error);
    migtune_domain_get_parameters(tuned.domain, NULL, &params, &n, 0, NULL,
                                  &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
    tuned_down(&tuned);

    return ok;
}

static void
prepare(Guest *guest, gsize set)
{
    if (sets[set].parameters)
        guest_do(guest, "migrate-set-parameters", sets[set].parameters);
    if (sets[set].capabilities) {
        g_autofree char *arguments = g_strdup_printf(
            "{\"capabilities\": %s}", sets[set].capabilities);

        guest_do(guest, "migrate-set-capabilities", arguments);
    }
}

static void
test_nth_command_fails(Case *test)
{
    guint release = tuning_release(test->release);

    for (gsize i = 0; i < G_N_ELEMENTS(sets) * G_N_ELEMENTS(faults); i++) {
        gsize set = i / G_N_ELEMENTS(faults);
        g_autoptr(Guest) guest = NULL;
        guint nth = 1;

        if (release < sets[set].since ||
            (sets[set].until && release > sets[set].until))
            continue;
        guest = guest_new(test->release, NULL);
        prepare(guest, set);
        while (!check_fault(test, guest, set, i % G_N_ELEMENTS(faults), nth))
            nth++;
        g_assert_cmpuint(nth - 1, ==, sets[set].n_commands);
    }
}

/* Undoing is refused as well: the error names the values that are not as before. */
static void
test_the_way_back_fails(Case *test)
{
    const char *const options[] = { "--fail-from", "2", NULL };
    const char *const words[] = { "auto_converge=on", "downtime=500", NULL };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *after = NULL;
    Tuned tuned;

    tuned_up(&tuned, test, guest, options);
    plan = tuned_plan(&tuned, words, 0);
    g_assert_false(migtune_plan_apply(plan, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STATE_UNKNOWN);
    g_assert_nonnull(strstr(error->message, "auto_converge is on and was off"));
    g_assert_null(strstr(error->message, "downtime is"));
    after = guest_dump(guest);
    g_assert_cmpstr(after, !=, before);
    g_clear_pointer(&plan, migtune_plan_unref);
    tuned_down(&tuned);
}

void
tuning_add_faults(Tuning *tuning)
{
    tuning_add(tuning, "the-nth-command-fails", test_nth_command_fails);
    tuning_add(tuning, "the-way-back-fails", test_the_way_back_fails);
}
