/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of oVirt's VDSM: lib/vdsm/virt/migration.py.
 *
 * A schedule is a list of actions, each with a limit.  The limit is called
 * "stalling", but VDSM compares it with the number of passes since the first
 * one that it saw: at a poll every ten seconds, if there was a new pass and the
 * limit of the first entry is less than this number, the entry is carried out
 * and removed.  Each poll carries out at most one entry.  The amount of
 * remaining data has no influence.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>

#include "converge/policy/policy.h"
#include "util/i18n.h"
#include "migtune/migtune-error.h"

/* vdsm.conf: migration_monitor_interval. */
#define VDSM_POLL_MS 10000

/* VDSM repeats the last downtime of its own schedule at this pass. */
#define VDSM_LEGACY_AGAIN 42

typedef struct {
    gboolean seen;
    guint64 first;              /* pass of the first sample */
    guint64 last;
    guint next;                 /* entry of the schedule */
    gboolean postcopy;
} VdsmState;

static const struct {
    const char *name;
    guint64 init_ms;
    struct {
        gint64 limit;
        guint64 downtime_ms;
    } raises[6];
    guint64 last_downtime_ms;   /* 0: none */
    gboolean postcopy;
} builtins[] = {
    { "minimal-downtime", 100,
      { { 1, 150 }, { 2, 200 }, { 3, 300 }, { 4, 400 }, { 6, 500 } } },
    { "suspend-workload", 100,
      { { 1, 150 }, { 2, 200 }, { 3, 300 }, { 4, 400 }, { 6, 500 } }, 5000 },
    { "post-copy", 100, { { 1, 150 }, { 2, 200 } }, 0, TRUE },
    { "very-large-vms", 300,
      { { 1, 400 }, { 2, 500 }, { 3, 700 }, { 4, 1000 }, { 6, 1500 } }, 5000 },
};

static void
vdsm_add(MtVdsmConfig *config, gint64 limit, MtAct act, guint64 value)
{
    config->items[config->n_items++] = (MtVdsmItem){ limit, act, value };
}

gboolean
mt_vdsm_builtin(MtVdsmConfig *config, const char *name, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(builtins); i++) {
        g_string_append_printf(names, "%s%s", i ? ", " : "", builtins[i].name);
        if (!g_str_equal(builtins[i].name, name))
            continue;

        *config = (MtVdsmConfig){
            .interval_ms = VDSM_POLL_MS,
            .n_init = 1,
            .init = { { 0, MT_ACT_SET_DOWNTIME, builtins[i].init_ms } },
        };
        for (guint j = 0; builtins[i].raises[j].limit; j++)
            vdsm_add(config, builtins[i].raises[j].limit, MT_ACT_SET_DOWNTIME,
                     builtins[i].raises[j].downtime_ms);
        if (builtins[i].last_downtime_ms)
            vdsm_add(config, MT_VDSM_LAST, MT_ACT_SET_DOWNTIME,
                     builtins[i].last_downtime_ms);
        if (builtins[i].postcopy)
            vdsm_add(config, MT_VDSM_LAST, MT_ACT_POSTCOPY, 0);
        vdsm_add(config, MT_VDSM_LAST, MT_ACT_ABORT, 0);
        return TRUE;
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      _("'%s' is not a migration policy of oVirt; expected "
                        "one of: %s"), name, names->str);
    return FALSE;
}

gboolean
mt_vdsm_legacy(MtVdsmConfig *config, gint64 downtime_ms, gint64 steps,
               GError **error)
{
    double offset, base;

    if (downtime_ms < 1 || downtime_ms > MT_DOWNTIME_MAX_MS || steps < 1 ||
        steps > MT_VDSM_ITEMS - 2) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a downtime of %" PRId64 " ms in %"
                            PRId64 " steps is not possible; expected "
                            "1 to %d ms in 1 to %d steps"), downtime_ms, steps,
                          MT_DOWNTIME_MAX_MS, MT_VDSM_ITEMS - 2);
        return FALSE;
    }

    *config = (MtVdsmConfig){ .interval_ms = VDSM_POLL_MS, .n_init = 1 };
    offset = (double)downtime_ms / steps;
    base = steps > 1 ? pow(downtime_ms - offset, 1.0 / (steps - 1)) : 0;
    for (gint64 i = 0; i < steps; i++) {
        guint64 value = steps > 1 ? offset + pow(base, i) : downtime_ms;

        if (i == 0)
            config->init[0] = (MtVdsmItem){ 0, MT_ACT_SET_DOWNTIME, value };
        else
            vdsm_add(config, i, MT_ACT_SET_DOWNTIME, value);
        if (i == steps - 1)
            vdsm_add(config, VDSM_LEGACY_AGAIN, MT_ACT_SET_DOWNTIME, value);
    }
    vdsm_add(config, MT_VDSM_LAST, MT_ACT_ABORT, 0);
    return TRUE;
}

guint
mt_vdsm_percent(guint64 remaining, guint64 total)
{
    guint64 percent;

    if (!remaining && total)
        return 100;
    if (!total || remaining > total)
        return 0;

    percent = 100 - remaining * 100 / total;
    return MIN(percent, 99);
}

static void
vdsm_init(MtPolicyConfig *config)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = mt_vdsm_builtin(&config->vdsm, builtins[0].name, &error);

    g_assert(ok);
}

static gboolean
vdsm_act(MtPolicyRun *run, const MtVdsmItem *item, gint64 n_passes)
{
    if (n_passes < 0)
        return mt_policy_decide(run, item->act, item->value, "schedule-start",
                                _("the schedule starts with this action"));
    if (item->limit == MT_VDSM_LAST)
        return mt_policy_decide(run, item->act, item->value, "schedule-last",
                                _("%" PRId64 " passes have been made "
                                  "and the schedule has only last items left"),
                                n_passes);
    return mt_policy_decide(run, item->act, item->value, "schedule-limit",
                            _("%" PRId64 " passes have been made, "
                              "more than the limit %" PRId64),
                            n_passes, item->limit);
}

static gint64
vdsm_start(MtPolicyRun *run, gpointer data)
{
    const MtVdsmConfig *config = &mt_policy_run_config(run)->vdsm;

    if (!config->interval_ms)
        return MT_POLL_NEVER;

    for (guint i = 0; i < config->n_init; i++)
        vdsm_act(run, &config->init[i], -1);
    return config->interval_ms;
}

static gint64
vdsm_poll(MtPolicyRun *run, gpointer data, gint64 now_ms,
          const MtSample *sample)
{
    VdsmState *state = data;
    const MtVdsmConfig *config = &mt_policy_run_config(run)->vdsm;
    const MtVdsmItem *item;
    gint64 next_ms = now_ms + config->interval_ms;
    gboolean ok;

    if (!sample)
        return next_ms;
    if (!state->seen) {
        state->seen = TRUE;
        state->first = state->last = sample->pass;
    }
    if (state->postcopy || sample->pass <= state->last)
        return next_ms;

    state->last = sample->pass;
    if (state->next == config->n_items) {
        mt_policy_decide(run, MT_ACT_NOTE, 0, "schedule-empty",
                         _("the schedule has no further action: VDSM stops "
                           "watching the migration here"));
        return MT_POLL_NEVER;
    }
    item = &config->items[state->next];
    if (item->limit >= (gint64)(state->last - state->first))
        return next_ms;

    state->next++;
    ok = vdsm_act(run, item, state->last - state->first);
    if (item->act == MT_ACT_POSTCOPY)
        state->postcopy = ok;
    return item->act == MT_ACT_ABORT ? MT_POLL_NEVER : next_ms;
}

const MtPolicyClass mt_policy_vdsm = {
    .name = "vdsm",
    .help = N_("oVirt: a schedule of actions by the number of passes"),
    .state_size = sizeof(VdsmState),
    .init = vdsm_init,
    .start = vdsm_start,
    .poll = vdsm_poll,
};
