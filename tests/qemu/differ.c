/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of drivers/ref answers as QEMU of its release does.
 *
 * That QEMU is sent the same commands, about twenty thousand for a release, of
 * which a run has a fifth. The
 * class of each answer, the names and types of its members, and the settings
 * afterwards must be equal. Error texts that differ are counted, but allowed.
 *
 * The comparison itself is tested, too: two guests of one release have no
 * differences, guests of different releases have many.
 */
#include "config.h"

#include <string.h>

#include "differ.h"
#include "lib/qemu-guest.h"

#define ENOUGH_COMMANDS 20000
/* In a part of the cases. */
#define ENOUGH_IN_PART 4000

typedef struct {
    const char *release;
    const char *self;           /* NULL: drivers/ref */
    Differ *differ;             /* started at the first use */
} World;

typedef struct {
    World *world;
    void (*func)(Differ *differ);
} Case;

static gboolean
world_up(World *world)
{
    const char *const needed[] = { world->release, world->self };

    for (gsize i = 0; i < G_N_ELEMENTS(needed); i++) {
        if (needed[i] && !qemu_guest_command(needed[i])) {
            g_autofree char *why = g_strdup_printf(
                "no QEMU %s: tools/get-qemus.sh provides it", needed[i]);

            g_test_skip(why);
            return FALSE;
        }
    }
    if (!world->differ)
        world->differ = differ_new(world->release, world->self);
    return TRUE;
}

static void
case_run(gconstpointer data)
{
    const Case *test = data;

    if (!world_up(test->world))
        return;
    test->func(test->world->differ);
    if (report_print_open(differ_report(test->world->differ)) > 0)
        g_test_fail();
}

static const struct {
    const char *path;
    void (*func)(Differ *differ);
} cases[] = {
    { "capabilities", differ_capability_sequences },
    { "parameters", differ_parameter_sequences },
    { "mixed", differ_mixed_sequences },
    { "commands", differ_command_sequences },
    { "hmp", differ_hmp_sequences },
    { "random", differ_random_sequences },
    { "stories", differ_story_sequences },
    { "situations", differ_situation_sequences },
};

/* Runs last: by then every limit must have explained a difference, if all cases
 * have run. */
static void
test_sum(gconstpointer data)
{
    const World *world = data;
    Report *report;

    if (!world->differ) {
        g_test_skip("it sums up the tests before it");
        return;
    }
    report = differ_report(world->differ);
    report_print_sum(report);
    g_assert_cmpuint(report_get(report, COUNT_COMMANDS), >=,
                     differ_is_full(world->differ) ? ENOUGH_COMMANDS :
                     ENOUGH_IN_PART);
    if (differ_is_full(world->differ))
        g_assert_cmpuint(report_print_idle_limits(report), ==, 0);
}

/* A selection of all kinds, without slow sequences; of the stories, a part. */
static void
differ_sample(Differ *differ)
{
    for (guint32 seed = 1; seed <= 10; seed++)
        differ_random_sequence(differ, seed);
    differ_story_sequences(differ);
}

/* Two real guests of one release have no differences. */
static void
test_same(gconstpointer data)
{
    World *world = (World *)data;

    if (!world_up(world))
        return;
    differ_sample(world->differ);
    g_assert_cmpuint(report_print_open(differ_report(world->differ)), ==, 0);
}

/* Real guests of two releases have differences. */
static void
test_other(gconstpointer data)
{
    World *world = (World *)data;

    if (!world_up(world))
        return;
    differ_sample(world->differ);
    g_assert_cmpuint(report_n_open(differ_report(world->differ)), >,
                     differ_is_full(world->differ) ? 20 : 5);
}

static const struct {
    const char *path;
    World world;
    GTestDataFunc func;
} selves[] = {
    { "/differ/self/5.2", { "5.2", "5.2" }, test_same },
    { "/differ/self/7.2", { "7.2", "7.2" }, test_same },
    { "/differ/self/10.0", { "10.0", "10.0" }, test_same },
    { "/differ/self/5.2-7.2", { "5.2", "7.2" }, test_other },
    { "/differ/self/7.2-10.0", { "7.2", "10.0" }, test_other },
};

static const char *const releases[] = { "5.2", "7.2", "10.0", "11.1" };

int
main(int argc, char **argv)
{
    World worlds[G_N_ELEMENTS(releases) + G_N_ELEMENTS(selves)] = { { 0 } };
    Case tests[G_N_ELEMENTS(releases)][G_N_ELEMENTS(cases)];
    gsize n = 0;
    int status;

    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        World *world = &worlds[n++];
        g_autofree char *sum =
            g_strdup_printf("/differ/%s/sum", releases[i]);

        world->release = releases[i];
        world->self = g_getenv("MIGTUNE_DIFFER_AGAINST");
        for (gsize j = 0; j < G_N_ELEMENTS(cases); j++) {
            g_autofree char *path = g_strdup_printf(
                "/differ/%s/%s", releases[i], cases[j].path);

            tests[i][j] = (Case){ world, cases[j].func };
            g_test_add_data_func(path, &tests[i][j], case_run);
        }
        g_test_add_data_func(sum, world, test_sum);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(selves); i++) {
        worlds[n] = selves[i].world;
        g_test_add_data_func(selves[i].path, &worlds[n++], selves[i].func);
    }

    status = g_test_run();
    for (gsize i = 0; i < n; i++)
        differ_free(worlds[i].differ);
    return status;
}
