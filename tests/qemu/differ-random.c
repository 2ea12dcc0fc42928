/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random sequences; the name of each contains its seed.
 */
#include "config.h"

#include "differ.h"

#define N_STEPS 30
#define N_SEEDS 150             /* the same in every full run */
#define N_NEW_SEEDS 30          /* different in every run */

typedef struct {
    GRand *rand;
    const Facts *facts;
    Sequence *sequence;
} Random;

static guint
random_below(Random *random, guint n)
{
    return g_rand_int_range(random->rand, 0, n);
}

static const char *
random_of(Random *random, GPtrArray *names)
{
    return names->pdata[random_below(random, names->len)];
}

/* Sometimes a name that this release does not have. */
static const char *
random_name(Random *random, GPtrArray *names)
{
    return random_of(random, random_below(random, 40) ? names
                                                      : random->facts->strangers);
}

static char *
random_value(Random *random, const char *name)
{
    guint n_right;
    g_autoptr(GPtrArray) values =
        differ_values(random->facts, name, &n_right);
    guint n = random_below(random, 5) ? n_right : values->len;

    return g_strdup(values->pdata[random_below(random, n)]);
}

static void
random_parameters(Random *random)
{
    guint n = 1 + random_below(random, random_below(random, 2) ? 1 : 4);
    g_autoptr(GString) members = g_string_new(NULL);

    for (guint i = 0; i < n; i++) {
        const char *name = random_name(random, random->facts->parameters);
        g_autofree char *value = random_value(random, name);

        g_string_append_printf(members, "%s\"%s\": %s", i ? ", " : "", name,
                               value);
    }
    sequence_add(random->sequence, "migrate-set-parameters {%s}",
                 members->str);
}

static void
random_capabilities(Random *random)
{
    guint n = 1 + random_below(random, random_below(random, 2) ? 1 : 5);
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < n; i++)
        g_string_append_printf(
            list, "%s{\"capability\": \"%s\", \"state\": %s}", i ? ", " : "",
            random_name(random, random->facts->capabilities),
            random_below(random, 3) ? "true" : "false");
    sequence_add(random->sequence,
                 "migrate-set-capabilities {\"capabilities\": [%s]}",
                 list->str);
}

static void
random_command(Random *random)
{
    static const char *const plain[] = {
        "migrate-continue {'state': 'pre-switchover'}",
        "migrate-pause", "migrate-recover {'uri': 'nonsense'}",
        "migrate-start-postcopy", "migrate_cancel", "query-status",
        "query-migrate", "stop", "cont", "nonsense",
        "migrate-set-cache-size {'value': 131072}",
        "migrate_set_speed {'value': 100000}",
        "migrate_set_downtime {'value': 0.25}",
    };

    sequence_add(random->sequence, "%s",
                 plain[random_below(random, G_N_ELEMENTS(plain))]);
}

static const struct {
    guint weight;               /* of 20 */
    void (*func)(Random *random);
} kinds[] = {
    { 10, random_parameters },
    { 8, random_capabilities },
    { 2, random_command },
};

void
differ_random_sequence(Differ *differ, guint32 seed)
{
    static const PeerFlags flags[] = { 0, 0, PEER_INCOMING, PEER_PAUSED };
    g_autofree char *name = g_strdup_printf("seed %u", seed);
    Random random = {
        .rand = g_rand_new_with_seed(seed),
        .facts = differ_facts(differ),
    };

    random.sequence = sequence_new(
        name, flags[random_below(&random, G_N_ELEMENTS(flags))]);
    for (guint i = 0; i < N_STEPS; i++) {
        guint at = random_below(&random, 20);
        gsize kind = 0;

        while (at >= kinds[kind].weight)
            at -= kinds[kind++].weight;
        kinds[kind].func(&random);
    }
    g_rand_free(random.rand);
    differ_run(differ, random.sequence);
}

void
differ_random_sequences(Differ *differ)
{
    const char *seed = g_getenv("MIGTUNE_DIFFER_SEED");
    guint32 first = g_random_int();

    if (seed) {
        differ_random_sequence(differ, g_ascii_strtoull(seed, NULL, 10));
        return;
    }
    for (guint32 i = 1; i <= N_SEEDS; i++) {
        if (differ_takes(differ))
            differ_random_sequence(differ, i);
    }
    g_test_message("seeds %u to %u", first, first + N_NEW_SEEDS - 1);
    for (guint32 i = 0; i < N_NEW_SEEDS; i++) {
        if (differ_takes(differ))
            differ_random_sequence(differ, first + i);
    }
}
