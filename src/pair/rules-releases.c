/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules about pairs of releases of QEMU and libvirt.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "pair/compat.h"
#include "pair/rule.h"
#include "util/i18n.h"

#define RULE_GIB ((guint64)1024 * 1024 * 1024)
/* TLS 1.3: GnuTLS needs new session keys after about this many bytes. */
#define RULE_TLS_BYTES (64 * RULE_GIB)

static const char *
machine_text(const MtPairSide *side)
{
    return side->machine ? side->machine : _("not known");
}

/* Whether the values of a property that follows from the machine types
 * differ. */
static gboolean
rule_differs(const MtPairing *p, const char *property)
{
    return strcmp(mt_pair_side_compat(p->source, property),
                  mt_pair_side_compat(p->destination, property)) != 0;
}

static void
rule_t1(MtPairing *p, const MtPairRule *rule)
{
    MtPairFinding *finding;
    g_autofree char *there = mt_rule_release(p->destination);

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) ||
        mt_pair_side_release(p->source) >= MT_RELEASE(9, 0) ||
        mt_pair_side_release(p->destination) != MT_RELEASE(9, 2) ||
        p->destination->version >= MT_VERSION(9, 2, 1))
        return;
    finding = mt_rule_add(
        p, rule, g_strdup("9.2.1"), g_strdup(there),
        g_strdup_printf(_("with parallel, a source before QEMU 9.0 sends guest "
                          "pages in the packets that synchronise the "
                          "channels, and QEMU %s on the destination discards "
                          "those pages: the migration fails, or memory is "
                          "lost"),
                        there),
        _("set parallel=off, or update the destination to 9.2.1"));
    /* A distribution's package with the number 9.2.0 may contain the fix. */
    if (p->destination->package && *p->destination->package)
        finding->severity = MT_PAIR_WARN;
}

static void
rule_t2(MtPairing *p, const MtPairRule *rule)
{
    const char *property = "multifd-flush-after-each-section";

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !rule_differs(p, property))
        return;
    mt_rule_add(
        p, rule, g_strdup(mt_pair_side_compat(p->source, property)),
        g_strdup(mt_pair_side_compat(p->destination, property)),
        g_strdup_printf(_("with parallel the two sides synchronise their "
                          "channels differently (machine types: %s and %s), "
                          "and the memory of the guest is silently corrupted"),
                        machine_text(p->source), machine_text(p->destination)),
        _("use the same versioned machine type on both sides, or "
          "parallel=off"));
}

static void
rule_t3(MtPairing *p, const MtPairRule *rule)
{
    const MtValue *value =
        mt_set_get(p->source_after, mt_row(MT_PARAM_ZERO_PAGE_DETECTION));

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !value ||
        strcmp(value->text, "multifd") != 0 ||
        mt_pair_side_release(p->destination) >= MT_RELEASE(9, 0))
        return;
    mt_rule_replace(p, rule, "legacy", g_strdup("legacy"), g_strdup("multifd"),
                    g_strdup(_("a destination before QEMU 9.0 does not read "
                               "the zero pages in multifd packets, and pages "
                               "that became zero keep their old content; "
                               "zero_page_detection=legacy is used")));
}

static void
rule_t4(MtPairing *p, const MtPairRule *rule)
{
    const char *property = "multifd-clean-tls-termination";

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !mt_rule_has_tls(p) ||
        strcmp(mt_pair_side_compat(p->source, property), "false") != 0 ||
        mt_pair_side_release(p->destination) < MT_RELEASE(10, 0) ||
        strcmp(mt_pair_side_compat(p->destination, property), "true") != 0)
        return;
    mt_rule_add(p, rule, g_strdup("false"), g_strdup("true"),
                g_strdup(_("the source does not end its TLS sessions cleanly, "
                           "and the destination fails at the very end with "
                           "'The TLS connection was non-properly "
                           "terminated'")),
                _("use a machine type of QEMU 9.2 or older on both sides"));
}

static void
rule_t5(MtPairing *p, const MtPairRule *rule)
{
    const char *property = "switchover-ack-legacy";

    if (!mt_pairing_has(p, MT_PARAM_SWITCHOVER_ACK) ||
        !rule_differs(p, property))
        return;
    mt_rule_replace(
        p, rule, "false", g_strdup(mt_pair_side_compat(p->source, property)),
        g_strdup(mt_pair_side_compat(p->destination, property)),
        g_strdup(_("the two sides acknowledge the switchover differently "
                   "(QEMU 11.1), so that it would never happen or happen at "
                   "once; switchover_ack is left off")));
}

static void
rule_t6(MtPairing *p, const MtPairRule *rule)
{
    if (strcmp(mt_pair_side_compat(p->source, "send-switchover-start"),
               "on") == 0 &&
        mt_pair_side_release(p->destination) < MT_RELEASE(10, 0))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("the source announces the switchover in the "
                               "stream, which a destination before QEMU 10.0 "
                               "does not understand ('MIG_CMD ... unknown')")),
                    _("use a machine type of QEMU 9.2 or older on both "
                      "sides"));
}

static void
rule_t7(MtPairing *p, const MtPairRule *rule)
{
    gboolean old = mt_pair_side_release(p->source) == MT_RELEASE(7, 1) ||
                   mt_pair_side_release(p->destination) == MT_RELEASE(7, 1);

    if (mt_pairing_has(p, MT_PARAM_POSTCOPY_PREEMPT) &&
        (old || rule_differs(p, "x-preempt-pre-7-2")))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("QEMU 7.1 opens the channel of postcopy.preempt "
                               "at another time than later releases, and the "
                               "channels are taken for one another")),
                    _("set postcopy.preempt=off"));
}

static void
rule_t8(MtPairing *p, const MtPairRule *rule)
{
    if (mt_pairing_has(p, MT_PARAM_POSTCOPY_PREEMPT) &&
        mt_pairing_has(p, MT_PARAM_MULTIFD) && mt_rule_has_tls(p))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("with TLS, parallel and postcopy.preempt the "
                               "destination can only tell the channels apart "
                               "by the order in which they arrive")),
                    _("set postcopy.preempt=off"));
}

static void
rule_t9(MtPairing *p, const MtPairRule *rule)
{
    const MtPairSide *old = NULL;
    g_autofree char *text = NULL;

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !mt_rule_has_postcopy(p))
        return;
    if (mt_pair_side_release(p->source) < MT_RELEASE(10, 1))
        old = p->source;
    else if (mt_pair_side_release(p->destination) < MT_RELEASE(10, 1))
        old = p->destination;
    if (!old)
        return;
    text = mt_rule_release(old);
    mt_rule_add(p, rule, g_strdup("10.1"), g_strdup(text),
                g_strdup_printf(_("parallel together with post-copy works only "
                                  "if both sides are QEMU 10.1 or later; the "
                                  "%s is %s"),
                                old == p->source ? _("source")
                                                 : _("destination"),
                                text),
                _("use parallel or post-copy, not both"));
}

static void
rule_t10(MtPairing *p, const MtPairRule *rule)
{
    MtRelease here = mt_pair_side_release(p->source);

    if ((mt_rule_has_postcopy(p) && here >= MT_RELEASE(10, 2)) ||
        here >= MT_RELEASE(11, 0))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("this QEMU reports the migration states "
                               "'postcopy-device' (10.2) or 'failing' (11.0), "
                               "which programs with a fixed list of states do "
                               "not know")),
                    NULL);
}

static void
rule_t11(MtPairing *p, const MtPairRule *rule)
{
    const MtPairSide *d = p->destination;

    if (d->libvirt && d->libvirt < MT_VERSION(11, 10, 0) &&
        mt_pair_side_release(d) >= MT_RELEASE(10, 0) && d->threads > 1)
        mt_rule_add(p, rule, g_strdup("11.10"), mt_version_format(d->libvirt),
                    g_strdup(_("libvirt before 11.10 refuses a guest with "
                               "several threads for each core on QEMU 10.0: "
                               "'guest CPU doesn't match specification: extra "
                               "features: ht'")),
                    _("update libvirt on the destination"));
}

static void
rule_t14(MtPairing *p, const MtPairRule *rule)
{
    const MtValue *value =
        mt_set_get(p->source_after, mt_row(MT_PARAM_MULTIFD_CHANNELS));
    guint64 n = mt_pairing_has(p, MT_PARAM_MULTIFD) && value ? value->number
                                                             : 1;

    if (mt_rule_has_tls(p) && p->source->ram_bytes / MAX(n, 1) > RULE_TLS_BYTES)
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup_printf(_("each TLS connection carries more than "
                                      "64 GiB (%" PRIu64 " GiB of "
                                      "RAM, %" PRIu64 " connections)"
                                      "; with TLS 1.3 the source can crash"),
                                    p->source->ram_bytes / RULE_GIB, n),
                    _("use more connections, or a priority without TLS 1.3 "
                      "(migrate_tls_priority in qemu.conf)"));
}

static void
rule_t15(MtPairing *p, const MtPairRule *rule)
{
    const MtPairSide *d = p->destination;

    if (d->libvirt && d->libvirt < MT_VERSION(12, 1, 0) &&
        mt_pair_side_release(d) >= MT_RELEASE(11, 0))
        mt_rule_add(p, rule, g_strdup("12.1"), mt_version_format(d->libvirt),
                    g_strdup(_("libvirt before 12.1 cannot restore save images "
                               "with QEMU 11.0 or later")),
                    _("update libvirt on the destination"));
}

static void
rule_t16(MtPairing *p, const MtPairRule *rule)
{
    if (mt_pairing_has(p, MT_PARAM_ZERO_COPY_SEND) &&
        mt_pair_side_release(p->source) < MT_RELEASE(11, 1))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("QEMU before 11.1 can crash with parallel and "
                               "zerocopy")),
                    _("set zerocopy=off"));
}

static void
rule_t17(MtPairing *p, const MtPairRule *rule)
{
    const MtPairSide *sides[] = { p->source, p->destination };

    for (guint i = 0; i < G_N_ELEMENTS(sides); i++) {
        MtVersion libvirt = sides[i]->libvirt;
        MtRelease least = libvirt >= MT_VERSION(12, 4, 0) ? MT_RELEASE(7, 2)
                          : libvirt >= MT_VERSION(11, 2, 0)
                              ? MT_RELEASE(6, 2)
                              : MT_RELEASE_NONE;

        MtPairFinding *finding;

        if (!libvirt || mt_pair_side_release(sides[i]) >= least)
            continue;
        finding = mt_rule_add(p, rule, mt_release_format(least),
                              mt_rule_release(sides[i]),
                              g_strdup(_("this libvirt does not start guests "
                                         "with a QEMU as old as this one")),
                              _("update QEMU"));
        finding->side = i == 0 ? MT_SIDE_SOURCE : MT_SIDE_DESTINATION;
        /* On the source the guest runs already. */
        if (i == 1)
            finding->severity = MT_PAIR_REFUSE;
    }
}

static void
rule_t18(MtPairing *p, const MtPairRule *rule)
{
    if (g_strcmp0(p->source->state->migration, "cancelled") == 0 &&
        mt_pair_side_release(p->source) <= MT_RELEASE(11, 0) &&
        mt_pairing_has(p, MT_PARAM_MULTIFD))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("the last migration of this guest was "
                               "cancelled, and QEMU up to 11.0 can crash in "
                               "the next one with parallel")),
                    _("set parallel=off for this migration"));
}

static void
rule_t19(MtPairing *p, const MtPairRule *rule)
{
    if (p->source->libvirt &&
        mt_pair_side_release(p->source) >= MT_RELEASE(11, 0))
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("libvirt does not know the state 'failing' of "
                               "QEMU 11.0: a failure may show as 'unexpected "
                               "migration status' first")),
                    NULL);
}

static const MtPairRule rules[] = {
    { "multifd-sync-data", "T1", MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_t1,
      MT_PARAM_MULTIFD, MT_RELEASE(9, 2), MT_RELEASE(9, 2),
      "QEMU commit b93d897e, gitlab qemu#2720" },
    { "multifd-flush", "T2", MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_t2,
      MT_PARAM_MULTIFD, MT_RELEASE(8, 1), MT_RELEASE_NONE,
      "observed: 5.2 and 7.2 to 10.0 and later with -machine none" },
    { "zero-page-packets", "T3", MT_PAIR_SUBSTITUTE, MT_SIDE_SOURCE, rule_t3,
      MT_PARAM_ZERO_PAGE_DETECTION, MT_RELEASE(9, 0), MT_RELEASE_NONE,
      "QEMU: zero pages of multifd packets" },
    { "multifd-tls-end", "T4", MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_t4,
      MT_PARAM_MULTIFD, MT_RELEASE(10, 0), MT_RELEASE_NONE,
      "QEMU property multifd-clean-tls-termination" },
    { "switchover-ack-dialect", "T5", MT_PAIR_SUBSTITUTE, MT_SIDE_BOTH,
      rule_t5, MT_PARAM_SWITCHOVER_ACK, MT_RELEASE(11, 1), MT_RELEASE_NONE,
      "QEMU property switchover-ack-legacy" },
    { "switchover-start", "T6", MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_t6,
      .since = MT_RELEASE(10, 0),
      .origin = "QEMU property send-switchover-start" },
    { "preempt-dialect", "T7", MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_t7,
      MT_PARAM_POSTCOPY_PREEMPT, MT_RELEASE(7, 1), MT_RELEASE_NONE,
      "QEMU property x-preempt-pre-7-2" },
    { "preempt-tls", "T8", MT_PAIR_WARN, MT_SIDE_BOTH, rule_t8,
      MT_PARAM_POSTCOPY_PREEMPT, MT_RELEASE(10, 1), MT_RELEASE_NONE,
      "QEMU: the preempt channel has no magic number" },
    { "multifd-postcopy", "T9", MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_t9,
      MT_PARAM_MULTIFD, MT_RELEASE(4, 0), MT_RELEASE(10, 0),
      "QEMU: Postcopy is not yet compatible with multifd" },
    { "new-states", "T10", MT_PAIR_INFO, MT_SIDE_SOURCE, rule_t10,
      .since = MT_RELEASE(10, 2) },
    { "libvirt-threads", "T11", MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_t11,
      .since = MT_RELEASE(10, 0), .origin = "libvirt 11.10 news" },
    { "tls-volume", "T14", MT_PAIR_WARN, MT_SIDE_SOURCE, rule_t14,
      MT_PARAM_TLS_CREDS, .origin = "gitlab qemu#1937" },
    { "libvirt-restore", "T15", MT_PAIR_WARN, MT_SIDE_DESTINATION, rule_t15,
      .since = MT_RELEASE(11, 0), .origin = "libvirt 12.1 news" },
    { "multifd-zerocopy", "T16", MT_PAIR_WARN, MT_SIDE_SOURCE, rule_t16,
      MT_PARAM_ZERO_COPY_SEND, .until = MT_RELEASE(11, 0),
      .origin = "QEMU 11.1 release notes" },
    { "libvirt-floor", "T17", MT_PAIR_WARN, MT_SIDE_BOTH, rule_t17 },
    { "after-cancel", "T18", MT_PAIR_WARN, MT_SIDE_SOURCE, rule_t18,
      MT_PARAM_MULTIFD, .until = MT_RELEASE(11, 0),
      .origin = "QEMU 11.1 release notes" },
    { "libvirt-failing", "T19", MT_PAIR_INFO, MT_SIDE_SOURCE, rule_t19,
      .since = MT_RELEASE(11, 0) },
};

void
mt_rules_run_releases(MtPairing *p)
{
    mt_rules_run(p, rules, G_N_ELEMENTS(rules));
}
