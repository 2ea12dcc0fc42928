/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Evidence of a release.
 *
 * A few rules (which capabilities exclude each other, above all) are told by
 * nothing but trying, and trying is no way to plan.  They are known by
 * release.  A version number alone would be wrong for every distribution that
 * moves features back, so the release is bounded from both sides by what
 * exists and what does not, and the number decides only in between.
 */
#include "config.h"

#include "probe/evidence.h"

/* Things of the schema that are no rows, and came with a release. */
typedef struct {
    MtRelease since;
    MtRelease removed;
    const char *command;
    gboolean result;            /* look at what it returns, not what it takes */
    const char *member;         /* NULL: the command itself */
    const char *inner;          /* a member or value of the member's type */
} EvidenceMark;

static const EvidenceMark evidence_marks[] = {
    { MT_RELEASE(4, 1), 0, "announce-self", FALSE, "interfaces" },
    { MT_RELEASE(6, 1), 0, "calc-dirty-rate", FALSE, "sample-pages" },
    { MT_RELEASE(6, 2), 0, "calc-dirty-rate", FALSE, "mode" },
    { MT_RELEASE(7, 0), 0, "query-migrate", TRUE, "ram", "precopy-bytes" },
    { MT_RELEASE(8, 0), MT_RELEASE(11, 0), "query-migrationthreads" },
    { MT_RELEASE(10, 1), 0, "query-migrate", TRUE, "postcopy-latency" },
    { MT_RELEASE(11, 0), 0, "query-migrate", TRUE, "status", "failing" },
};

static gboolean
evidence_find_mark(const MtSchema *schema, const EvidenceMark *mark)
{
    g_autoptr(GArray) members = NULL;
    const char *type;

    if (!mark->member)
        return mt_schema_has_command(schema, mark->command);

    type = mark->result ? mt_schema_ret_type(schema, mark->command)
                        : mt_schema_arg_type(schema, mark->command);
    type = mt_schema_member_type(schema, type, mark->member);
    if (!mark->inner)
        return type != NULL;

    members = mt_schema_members(schema, type);
    for (guint i = 0; i < members->len; i++) {
        if (g_strcmp0(g_array_index(members, MtSchemaMember, i).name,
                      mark->inner) == 0)
            return TRUE;
    }

    return FALSE;
}

typedef struct {
    MtRelease low;
    MtRelease high;
} EvidenceBounds;

/* What is there was not there before @since, nor is it from @removed on. */
static void
evidence_weigh(EvidenceBounds *bounds, gboolean present, MtRelease since,
               MtRelease removed)
{
    if (present) {
        bounds->low = MAX(bounds->low, since);
        if (removed != MT_RELEASE_NONE)
            bounds->high = MIN(bounds->high, mt_release_before(removed));
    } else if (removed == MT_RELEASE_NONE && since > MT_RELEASE_FIRST) {
        bounds->high = MIN(bounds->high, mt_release_before(since));
    }
}

MtRelease
mt_evidence_release(const MtCaps *caps, const MtSchema *schema, MtRelease told)
{
    EvidenceBounds bounds = { MT_RELEASE_FIRST, MT_RELEASE_MAX };

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);
        const MtCapsEntry *entry = mt_caps_lookup(caps, row);
        gboolean present = entry && entry->access == MT_ACCESS_MIGRATE;

        /* Left out of builds without it in its first releases. */
        if (!row->qmp || (i == MT_PARAM_X_COLO && !present))
            continue;
        evidence_weigh(&bounds, present, row->since, row->removed);
        for (const MtEnumMember *m = row->members; m && m->name; m++) {
            if (!m->build_option)
                evidence_weigh(&bounds,
                               mt_caps_has_member(caps, row, m->name),
                               m->since, MT_RELEASE_NONE);
        }
    }
    for (guint i = 0; schema && i < G_N_ELEMENTS(evidence_marks); i++) {
        const EvidenceMark *mark = &evidence_marks[i];

        evidence_weigh(&bounds, evidence_find_mark(schema, mark), mark->since,
                       mark->removed);
    }

    /* Features that were moved back contradict what is missing beside them. */
    if (bounds.low > bounds.high) {
        MtRelease low = bounds.high;

        bounds.high = bounds.low;
        bounds.low = low;
    }
    if (told == MT_RELEASE_NONE)
        return bounds.high == MT_RELEASE_MAX ? MAX(bounds.low, MT_RELEASE_LAST)
                                              : bounds.low;

    return CLAMP(told, bounds.low, bounds.high);
}
