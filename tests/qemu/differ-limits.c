/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Known and permanent differences between guests of drivers/ref and QEMU. A
 * line that matches no difference fails the test, so that no line outlives its
 * reason.
 */
#include "config.h"

#include <string.h>

#include "differ.h"

const Limit differ_limits[] = {
    {
        .name = "tls-authz null",
        .releases = "5.2",
        .kinds = DIFF_CLASS,
        .where = "\"tls-authz\": null",
        .real = "^died$",
        .reason = "that release aborts; a guest that dies of a wrong argument "
                  "is of no use to who tests against it",
    },
    {
        .name = "multifd over exec",
        .releases = "5.2",
        .kinds = DIFF_CLASS | DIFF_VALUE,
        .where = "^multifd where it cannot be: ",
        .reason = "that release crashes, sooner or later; here the migration fails, as it does "
                  "in those after it",
    },
    {
        .name = "dirty ring without KVM",
        .releases = "7.2",
        .kinds = DIFF_CLASS,
        .where = ": calc-dirty-rate .*dirty-ring",
        .real = "^died$",
        .reason = "that release aborts; here it is refused, as by those after "
                  "it",
    },
    {
        .name = "cancelled at the switch-over",
        .releases = "10.0",
        .kinds = DIFF_SHAPE,
        .where = "^pre-switchover, cancelled: ",
        .real = "^{error-desc:string,status:string}$",
        .ref = "^{status:string}$",
        .reason = "QEMU notices that the channel which it has closed itself is "
                  "broken, and tells that as an error",
    },
};

const gsize differ_n_limits = G_N_ELEMENTS(differ_limits);

gboolean
limit_concerns(const Limit *limit, const char *release)
{
    g_auto(GStrv) releases = NULL;

    if (!limit->releases)
        return TRUE;

    releases = g_strsplit(limit->releases, " ", -1);
    return g_strv_contains((const char *const *)releases, release);
}

static gboolean
limit_text_matches(const char *expression, const char *text)
{
    return !expression || g_regex_match_simple(expression, text, 0, 0);
}

int
limit_find(const char *release, const Difference *difference)
{
    g_autofree char *where = g_strdup_printf(
        "%s: %s", difference->sequence, difference->command);

    for (gsize i = 0; i < differ_n_limits; i++) {
        const Limit *limit = &differ_limits[i];

        if ((limit->kinds & difference->kind) &&
            limit_concerns(limit, release) &&
            limit_text_matches(limit->where, where) &&
            limit_text_matches(limit->real, difference->real) &&
            limit_text_matches(limit->ref, difference->ref))
            return i;
    }

    return -1;
}
