/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding rows of the catalogue, and properties derived from a row.
 */
#include "config.h"

#include <string.h>

#include "params/table.h"

const MtRow *
mt_row_find(const char *name, gboolean *qmp_spelling)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (strcmp(mt_row(i)->name, name) == 0) {
            if (qmp_spelling)
                *qmp_spelling = FALSE;
            return mt_row(i);
        }
    }
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (mt_row(i)->qmp && strcmp(mt_row(i)->qmp, name) == 0) {
            if (qmp_spelling)
                *qmp_spelling = TRUE;
            return mt_row(i);
        }
    }

    return NULL;
}

const MtRow *
mt_row_find_qmp(MtKind kind, const char *qmp)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (mt_row(i)->kind == kind && mt_row(i)->qmp &&
            strcmp(mt_row(i)->qmp, qmp) == 0)
            return mt_row(i);
    }

    return NULL;
}

/*
 * How many characters must be inserted, removed, replaced or swapped with their
 * neighbour to turn @a into @b.  '-' and '_' are equal.  G_MAXUINT for texts of
 * more than 40 characters.
 */
static guint
row_name_distance(const char *a, const char *b)
{
    enum { MAX_LENGTH = 40 };
    guint rows[3][MAX_LENGTH + 1];
    guint *before = rows[0], *last = rows[1], *now = rows[2];
    gsize n_a = strlen(a), n_b = strlen(b);

    if (n_a > MAX_LENGTH || n_b > MAX_LENGTH)
        return G_MAXUINT;

    for (gsize j = 0; j <= n_b; j++)
        last[j] = j;
    for (gsize i = 1; i <= n_a; i++) {
        guint *spare;

        now[0] = i;
        for (gsize j = 1; j <= n_b; j++) {
            char x = a[i - 1] == '-' ? '_' : g_ascii_tolower(a[i - 1]);
            char y = b[j - 1] == '-' ? '_' : g_ascii_tolower(b[j - 1]);

            now[j] = MIN(MIN(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], before[j - 2] + 1);
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }

    return last[n_b];
}

/* Whether @name is a candidate shortened in its last word: "get-params" for
 * "get-parameters". */
static gboolean
row_is_shortened(const char *name, const char *candidate)
{
    gsize n = strlen(name);
    gsize same = 0;

    while (name[same] && g_ascii_tolower(name[same]) == candidate[same])
        same++;

    /* The last letter may be a plural ending. */
    return same >= 6 && same + 1 == n && strlen(candidate) > n &&
           g_str_has_suffix(candidate, name + same) &&
           !strpbrk(candidate + same, "-_.");
}

const char *
mt_name_nearest(const char *name, const char *const *candidates)
{
    const char *best = NULL;
    guint best_distance = G_MAXUINT;

    for (; *candidates; candidates++) {
        guint distance = row_is_shortened(name, *candidates)
            ? 1 : row_name_distance(name, *candidates);

        if (distance < best_distance) {
            best_distance = distance;
            best = *candidates;
        }
    }

    return best_distance <= MAX(1, strlen(name) / 3) ? best : NULL;
}

const char *
mt_row_suggest(const char *name)
{
    const char *names[2 * MT_N_PARAMS + 1];
    gsize length = strlen(name);
    const char *best;
    guint n = 0;

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        names[n++] = mt_row(i)->name;
        if (mt_row(i)->qmp)
            names[n++] = mt_row(i)->qmp;
    }
    names[n] = NULL;
    best = mt_name_nearest(name, names);
    if (best)
        return best;

    /* Accept the last part of a name: "threads" for "compression.mt.threads". */
    for (guint i = 0; length >= 4 && i < MT_N_PARAMS; i++) {
        const char *dot = strrchr(mt_row(i)->name, '.');

        if (dot && g_ascii_strcasecmp(dot + 1, name) == 0)
            return mt_row(i)->name;
    }

    return NULL;
}

const MtRow *
mt_row_renamed_from(const MtRow *row)
{
    MtParamId id = mt_row_id(row);

    for (guint i = 0; id != MT_PARAM_NONE && i < MT_N_PARAMS; i++) {
        if (mt_row(i)->renamed_to == id)
            return mt_row(i);
    }

    return NULL;
}

gboolean
mt_row_in_release(const MtRow *row, MtRelease release)
{
    return row->since <= release &&
           (row->removed == MT_RELEASE_NONE || release < row->removed);
}

const char *
mt_row_default(const MtRow *row, MtRelease release)
{
    if (row->old_def.value && release <= row->old_def.until)
        return row->old_def.value;

    return row->def;
}

MtWhen
mt_row_when(const MtRow *row, MtRelease release)
{
    if (row->setup_from != MT_RELEASE_NONE && release >= row->setup_from)
        return MT_WHEN_SETUP;

    return row->when;
}

MtRelease
mt_row_since(const MtRow *row)
{
    const MtRow *older = mt_row_renamed_from(row);
    MtRelease since = row->since;

    if (row->legacy)
        since = MIN(since, row->legacy->since);
    if (older)
        since = MIN(since, older->since);

    return since;
}

const char *
mt_kind_to_string(MtKind kind)
{
    static const char *const names[] = { "wish", "capability", "parameter" };

    return names[kind];
}

const char *
mt_type_to_string(MtType type)
{
    static const char *const names[] = { "bool", "int",    "ullong",
                                         "enum", "string", "json" };

    return names[type];
}

const char *
mt_sides_to_string(MtSide sides)
{
    static const char *const names[] = { "none", "source", "destination",
                                         "both" };

    return names[sides];
}

const char *
mt_pair_relation_to_string(MtPairRelation relation)
{
    static const char *const names[] = { "free", "equal", "follow" };

    return names[relation];
}

const char *
mt_when_to_string(MtWhen when)
{
    static const char *const names[] = { "setup", "running" };

    return names[when];
}

const char *
mt_unit_to_string(MtUnit unit)
{
    static const char *const names[] = { NULL,   "bytes", "MiB/s",
                                         "MB/s", "ms",    "%" };

    return names[unit];
}
