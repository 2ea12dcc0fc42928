/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Evidence of a release.
 *
 * QEMU cannot be asked about a few rules, above all which capabilities exclude
 * each other.  These rules are known by release.  The version number is not
 * enough, because distributions backport features.  So the features that exist
 * give a lower bound of the release, those that do not exist give an upper bound,
 * and the version number only decides between the two.
 */
#include "config.h"

#include "probe/evidence.h"

/* Things in the schema that are not rows and were added in a known release. */
typedef struct {
    MtRelease since;
    MtRelease removed;
    const char *command;
    gboolean result;            /* @member is of the return value, else of the
                                 * arguments */
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

/* Narrows the bounds by a feature that exists from @since until @removed. */
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

        /* x-colo is missing in some builds of its first releases. */
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

    /* With a backported feature the lower bound may exceed the upper one. */
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
