/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt accepts a setting and makes it by itself.  Whether QEMU used it is
 * known only from what libvirt reports: the statistics of the job, which are
 * QEMU's, and the parameters that libvirt has functions to read.  This file
 * compares the requested settings with that.
 */
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-job"

#include "config.h"

#include <string.h>

#include "core/migration/migration-evidence.h"
#include "plan/wish.h"
#include "util/i18n.h"
#include "util/json-peek.h"

struct _MtEvidence {
    gboolean answered;          /* there were statistics */
    gint64 cache_bytes;         /* of XBZRLE; -1: libvirt reported none */
    gint64 throttle;            /* the highest percentage */
    gboolean postcopy;          /* the migration was in post-copy */
    JsonObject *parameters;
};

typedef enum {
    EVIDENCE_NONE,
    EVIDENCE_HOLDS,
    EVIDENCE_DIFFERS,
} EvidenceResult;

MtEvidence *
mt_evidence_new(void)
{
    MtEvidence *evidence = g_new0(MtEvidence, 1);

    evidence->cache_bytes = -1;
    evidence->parameters = json_object_new();

    return evidence;
}

void
mt_evidence_free(MtEvidence *evidence)
{
    if (!evidence)
        return;

    json_object_unref(evidence->parameters);
    g_free(evidence);
}

void
mt_evidence_add(MtEvidence *evidence, const MtJob *job)
{
    JsonObject *migration;
    JsonObject *cache;
    gint64 throttle = 0;

    if (!JSON_NODE_HOLDS_OBJECT(job->migration))
        return;
    migration = json_node_get_object(job->migration);
    if (mt_json_peek_object(migration, "ram"))
        evidence->answered = TRUE;
    cache = mt_json_peek_object(migration, "xbzrle-cache");
    if (cache)
        mt_json_peek_int(cache, "cache-size", &evidence->cache_bytes);
    mt_json_peek_int(migration, "cpu-throttle-percentage", &throttle);
    evidence->throttle = MAX(evidence->throttle, throttle);
    if (g_str_has_prefix(job->status, "postcopy"))
        evidence->postcopy = TRUE;
}

void
mt_evidence_add_parameters(MtEvidence *evidence, JsonObject *parameters)
{
    g_autoptr(GList) names = json_object_get_members(parameters);

    for (GList *at = names; at; at = at->next)
        json_object_set_member(
            evidence->parameters, at->data,
            json_node_copy(json_object_get_member(parameters, at->data)));
}

/* Whether the capability @row was on. */
static EvidenceResult
evidence_look_at_capability(const MtEvidence *evidence, const MtRow *row,
                            gboolean on)
{
    /* QEMU reports the cache if, and only if, the capability is on. */
    if (row == mt_row(MT_PARAM_XBZRLE))
        return !evidence->answered                 ? EVIDENCE_NONE
               : on == (evidence->cache_bytes >= 0) ? EVIDENCE_HOLDS
                                                    : EVIDENCE_DIFFERS;
    /* A migration that converges by itself is not throttled. */
    if (row == mt_row(MT_PARAM_AUTO_CONVERGE) && evidence->throttle > 0)
        return on ? EVIDENCE_HOLDS : EVIDENCE_DIFFERS;
    if (row == mt_row(MT_PARAM_POSTCOPY_RAM) && evidence->postcopy)
        return on ? EVIDENCE_HOLDS : EVIDENCE_DIFFERS;

    return EVIDENCE_NONE;
}

static EvidenceResult
evidence_look_at_parameter(const MtEvidence *evidence, const MtRow *row,
                           const MtValue *value)
{
    JsonNode *node = row->qmp && json_object_has_member(evidence->parameters,
                                                        row->qmp)
                         ? json_object_get_member(evidence->parameters,
                                                  row->qmp)
                         : NULL;
    g_autoptr(MtValue) read =
        node ? mt_value_from_json(row, node, NULL) : NULL;

    if (!read && row == mt_row(MT_PARAM_XBZRLE_CACHE_SIZE) &&
        evidence->cache_bytes >= 0)
        read = mt_value_new_number(row->type, evidence->cache_bytes);
    if (!read)
        return EVIDENCE_NONE;

    return mt_value_equal(read, value) ? EVIDENCE_HOLDS : EVIDENCE_DIFFERS;
}

/*
 * Whether @wish was carried out.  libvirt switches off all capabilities that were
 * not requested, so that a capability that is to be off counts only if nothing
 * else was requested with it.
 */
static EvidenceResult
evidence_look_at(const MtEvidence *evidence, const MtWish *wish,
                 const MtSet *planned)
{
    EvidenceResult on = EVIDENCE_HOLDS;
    EvidenceResult off = EVIDENCE_HOLDS;
    guint n_on = 0;

    for (guint i = 0; i < wish->rows->len; i++) {
        const MtRow *row = g_ptr_array_index(wish->rows, i);
        const MtValue *value = mt_set_get(planned, row);
        gboolean capability = row->kind == MT_KIND_CAPABILITY;
        EvidenceResult *sum =
            capability && value && !value->boolean ? &off : &on;
        EvidenceResult one =
            !value       ? EVIDENCE_NONE
            : capability ? evidence_look_at_capability(evidence, row,
                                                       value->boolean)
                         : evidence_look_at_parameter(evidence, row, value);

        n_on += sum == &on;
        if (one == EVIDENCE_DIFFERS ||
            (one == EVIDENCE_NONE && *sum == EVIDENCE_HOLDS))
            *sum = one;
    }
    if (wish->rows->len == 0)
        return EVIDENCE_NONE;

    return n_on > 0 ? on : off;
}

void
mt_evidence_judge(const MtEvidence *evidence, gboolean completed, MtPlan *plan,
                  const MtSet *planned)
{
    plan->applied = TRUE;
    for (guint i = 0; i < plan->wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(plan->wishes, i);
        EvidenceResult result;

        if (!mt_wish_is_alive(wish) || wish->left_out || wish->forgotten ||
            wish->held_back)
            continue;
        result = completed ? evidence_look_at(evidence, wish, planned)
                           : EVIDENCE_NONE;
        if (result == EVIDENCE_DIFFERS) {
            wish->ignored = TRUE;
            mt_wish_say(wish, MT_REASON_IGNORED_BY_QEMU,
                        _("libvirt reports that the migration did not use "
                          "it"));
        } else if (result == EVIDENCE_NONE) {
            wish->unverified = TRUE;
            mt_wish_say(wish, MT_REASON_NOT_READABLE,
                        completed ? _("libvirt accepted it and does not report "
                                      "whether QEMU used it")
                                  : _("the migration has not completed"));
        }
        mt_wish_settle(wish);
    }
}
