/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The results: counts, differences, and error texts that differ.
 *
 * One cause shows in hundreds of commands, so similar differences are printed
 * once, with their number and the first of them.
 */
#include "config.h"

#include <string.h>

#include "differ.h"

#define MAX_PRINTED 60

typedef struct {
    char *text;                 /* the first of them */
    guint n;
} Group;

struct Report {
    char *release;
    guint counts[N_COUNTS];
    GHashTable *open;           /* text with equal digits -> Group */
    guint n_open;
    GHashTable *texts;          /* "real" newline "ref" -> Group */
    guint *limits;              /* how many differences each line explained */
    gboolean holding;
    GPtrArray *held;            /* of Held */
};

/* A difference that may be discarded later. */
typedef struct {
    char *key;
    char *text;
} Held;

static void
held_free(gpointer data)
{
    Held *held = data;

    g_free(held->key);
    g_free(held->text);
    g_free(held);
}

static void
group_free(gpointer data)
{
    Group *group = data;

    g_free(group->text);
    g_free(group);
}

static GHashTable *
groups_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, group_free);
}

static Group *
groups_get(GHashTable *groups, const char *key)
{
    Group *group = g_hash_table_lookup(groups, key);

    if (!group) {
        group = g_new0(Group, 1);
        g_hash_table_insert(groups, g_strdup(key), group);
    }
    group->n++;
    return group;
}

Report *
report_new(const char *release)
{
    Report *report = g_new0(Report, 1);

    report->release = g_strdup(release);
    report->open = groups_new();
    report->texts = groups_new();
    report->limits = g_new0(guint, differ_n_limits + 1);
    report->held = g_ptr_array_new_with_free_func(held_free);
    return report;
}

void
report_free(Report *report)
{
    if (!report)
        return;

    g_free(report->release);
    g_hash_table_unref(report->open);
    g_hash_table_unref(report->texts);
    g_ptr_array_unref(report->held);
    g_free(report->limits);
    g_free(report);
}

void
report_count(Report *report, Count count)
{
    report->counts[count]++;
}

guint
report_get(const Report *report, Count count)
{
    return report->counts[count];
}

/* Makes all digits equal, so that texts that differ only in numbers are
 * grouped. */
static char *
report_alike(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *at = text; *at; at++) {
        if (!g_ascii_isdigit(*at))
            g_string_append_c(out, *at);
        else if (!out->len || out->str[out->len - 1] != '#')
            g_string_append_c(out, '#');
    }
    return g_string_free(out, FALSE);
}

void
report_text(Report *report, const char *command, const char *real,
            const char *ref)
{
    g_autofree char *pair = NULL;
    g_autofree char *key = NULL;
    Group *group;

    report->counts[COUNT_ERRORS]++;
    if (g_str_equal(real, ref)) {
        report->counts[COUNT_SAME_TEXT]++;
        return;
    }
    pair = g_strdup_printf("%s\n    real: %s\n    ref:  %s",
                           report->release, real, ref);
    key = report_alike(pair);
    group = groups_get(report->texts, key);
    if (!group->text)
        group->text = g_strdup_printf("%s\n    to:   %.200s", pair, command);
}

static char *
report_key(const Difference *difference)
{
    g_autofree char *real = report_alike(difference->real);
    g_autofree char *ref = report_alike(difference->ref);
    const char *blank = strchr(difference->command, ' ');

    return g_strdup_printf("%d %.*s %s\n%s\n%s", difference->kind,
                           blank ? (int)(blank - difference->command) : 1000,
                           difference->command,
                           difference->query ? difference->query : "", real,
                           ref);
}

static void
report_note(Report *report, const char *key, const char *text)
{
    Group *group = groups_get(report->open, key);

    report->n_open++;
    if (!group->text)
        group->text = g_strdup(text);
}

void
report_hold(Report *report)
{
    report->holding = TRUE;
}

guint
report_n_held(const Report *report)
{
    return report->held->len;
}

void
report_release(Report *report, gboolean note)
{
    for (guint i = 0; note && i < report->held->len; i++) {
        const Held *held = report->held->pdata[i];

        report_note(report, held->key, held->text);
    }
    g_ptr_array_set_size(report->held, 0);
    report->holding = FALSE;
}

gboolean
report_difference(Report *report, const Difference *difference)
{
    g_autofree char *key = NULL;
    g_autofree char *text = NULL;
    int limit = limit_find(report->release, difference);

    if (limit >= 0) {
        report->limits[limit]++;
        report->counts[COUNT_LIMITED]++;
        return TRUE;
    }

    key = report_key(difference);
    text = g_strdup_printf(
        "%s, %s, step %u: %.300s%s%s\n    real: %.600s\n    ref:  %.600s",
        report->release, difference->sequence, difference->step,
        difference->command, difference->query ? ", then " : "",
        difference->query ? difference->query : "", difference->real,
        difference->ref);
    if (report->holding) {
        Held *held = g_new0(Held, 1);

        held->key = g_steal_pointer(&key);
        held->text = g_steal_pointer(&text);
        g_ptr_array_add(report->held, held);
    } else {
        report_note(report, key, text);
    }
    return FALSE;
}

guint
report_n_open(const Report *report)
{
    return report->n_open;
}

static int
group_compare(gconstpointer a, gconstpointer b)
{
    const Group *one = *(const Group *const *)a;
    const Group *other = *(const Group *const *)b;

    if (one->n != other->n)
        return one->n < other->n ? 1 : -1;
    return strcmp(one->text, other->text);
}

static void
groups_print(GHashTable *groups, guint max)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    GHashTableIter iter;
    gpointer group;

    g_hash_table_iter_init(&iter, groups);
    while (g_hash_table_iter_next(&iter, NULL, &group))
        g_ptr_array_add(sorted, group);
    g_ptr_array_sort(sorted, group_compare);
    for (guint i = 0; i < MIN(sorted->len, max); i++) {
        const Group *one = sorted->pdata[i];
        g_auto(GStrv) lines = g_strsplit(one->text, "\n", -1);

        g_test_message("%u times: %s", one->n, lines[0]);
        for (guint j = 1; lines[j]; j++)
            g_test_message("%s", lines[j]);
    }
    if (sorted->len > max)
        g_test_message("... and %u more kinds", sorted->len - max);
}

guint
report_print_open(Report *report)
{
    guint n = report->n_open;

    groups_print(report->open, MAX_PRINTED);
    g_hash_table_remove_all(report->open);
    report->n_open = 0;
    return n;
}

void
report_print_sum(const Report *report)
{
    const guint *counts = report->counts;

    g_test_message("%s: %u commands in %u sequences", report->release,
                   counts[COUNT_COMMANDS], counts[COUNT_SEQUENCES]);
    g_test_message("%s: %u came after a known difference and were not "
                   "compared; %u differences are explained; the real one "
                   "died of %u", report->release, counts[COUNT_UNCOMPARED],
                   counts[COUNT_LIMITED], counts[COUNT_DIED]);
    g_test_message("%s: %u of %u errors in the same words (%.1f %%)",
                   report->release, counts[COUNT_SAME_TEXT],
                   counts[COUNT_ERRORS],
                   100.0 * counts[COUNT_SAME_TEXT] /
                       MAX(counts[COUNT_ERRORS], 1));
    for (gsize i = 0; i < differ_n_limits; i++) {
        if (report->limits[i])
            g_test_message("%s: limit \"%s\" explains %u", report->release,
                           differ_limits[i].name, report->limits[i]);
    }
    if (g_getenv("MIGTUNE_DIFFER_TEXTS"))
        groups_print(report->texts, G_MAXUINT);
}

guint
report_print_idle_limits(const Report *report)
{
    guint n = 0;

    for (gsize i = 0; i < differ_n_limits; i++) {
        if (report->limits[i] ||
            !limit_concerns(&differ_limits[i], report->release))
            continue;
        g_test_message("%s: limit \"%s\" explains nothing any more",
                       report->release, differ_limits[i].name);
        n++;
    }
    return n;
}
