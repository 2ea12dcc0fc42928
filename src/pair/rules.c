/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules about two guests, their memory and their hosts.
 *
 * Each rule is about a failure that happens only if two particular QEMUs
 * migrate to each other.  A rule whose facts are not known adds no finding;
 * instead, unchecked.c lists what the user has to check.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "pair/rule.h"
#include "util/i18n.h"

static const char *
status_text(const MtPairSide *side)
{
    return side->state->migration ? side->state->migration : "none";
}

static gboolean
rule_is_waiting(const MtPairSide *side)
{
    return g_strcmp0(side->state->run_state, "inmigrate") == 0;
}

/*
 * The two guests
 */

static void
rule_same_guest(MtPairing *p, const MtPairRule *rule)
{
    const MtPairSide *s = p->source;
    const MtPairSide *d = p->destination;

    if (g_strcmp0(s->address, d->address) != 0 &&
        (!s->instance || g_strcmp0(s->instance, d->instance) != 0))
        return;

    mt_rule_add(p, rule, NULL, NULL,
                g_strdup(_("source and destination are the same QEMU")),
                _("name a guest that was started with -incoming defer"));
}

static void
rule_same_host(MtPairing *p, const MtPairRule *rule)
{
    if (p->source->local == 1 && p->destination->local == 1)
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("source and destination run on the same host")),
                    NULL);
}

static void
rule_source_waits(MtPairing *p, const MtPairRule *rule)
{
    if (rule_is_waiting(p->source))
        mt_rule_add(p, rule, g_strdup("running"), g_strdup("inmigrate"),
                    g_strdup(_("the source waits for a migration itself")),
                    _("name the guest that runs as the source"));
}

static void
rule_source_migrates(MtPairing *p, const MtPairRule *rule)
{
    if (mt_state_is_migrating(p->source->state) && !rule_is_waiting(p->source))
        mt_rule_add(p, rule, g_strdup("none"),
                    g_strdup(status_text(p->source)),
                    g_strdup_printf(_("a migration of the source is running "
                                      "already (%s)"),
                                    status_text(p->source)),
                    _("wait for it or cancel it with 'migtune domjobabort'"));
}

static void
rule_source_gone(MtPairing *p, const MtPairRule *rule)
{
    if (g_strcmp0(p->source->state->run_state, "postmigrate") == 0)
        mt_rule_add(p, rule, g_strdup("running"), g_strdup("postmigrate"),
                    g_strdup(_("the source has been migrated away already: its "
                               "guest may run elsewhere")),
                    _("find out where the guest runs before anything else"));
}

static void
rule_destination_waits(MtPairing *p, const MtPairRule *rule)
{
    const char *state = p->destination->state->run_state;

    if (!rule_is_waiting(p->destination))
        mt_rule_add(p, rule, g_strdup("inmigrate"), g_strdup(state),
                    g_strdup_printf(_("the destination does not wait for a "
                                      "migration; it is '%s'"),
                                    state ? state : "?"),
                    _("start the destination with -incoming defer"));
}

static void
rule_destination_busy(MtPairing *p, const MtPairRule *rule)
{
    const MtState *state = p->destination->state;
    gboolean failed = g_strcmp0(state->migration, "failed") == 0;

    if (!rule_is_waiting(p->destination) ||
        !(failed || mt_state_is_migrating(state)))
        return;
    mt_rule_add(p, rule, g_strdup("none"), g_strdup(state->migration),
                failed ? g_strdup(_("an earlier migration to the destination "
                                    "failed, and QEMU does not accept another "
                                    "one"))
                       : g_strdup_printf(_("the destination already receives "
                                           "a migration ('%s')"),
                                         state->migration),
                _("start the destination again with -incoming defer"));
}

static void
rule_destination_listens(MtPairing *p, const MtPairRule *rule)
{
    if (p->destination->state->listening)
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("the destination listens for its migration "
                               "already; QEMU can neither change the address "
                               "nor the settings that must be made before")),
                    NULL);
}

static void
rule_uuid(MtPairing *p, const MtPairRule *rule)
{
    const char *here = p->source->uuid;
    const char *there = p->destination->uuid;
    MtPairFinding *finding;

    if (!here || !there || g_ascii_strcasecmp(here, there) == 0)
        return;
    finding = mt_rule_add(
        p, rule, g_strdup(here), g_strdup(there),
        g_strdup_printf(_("the UUID of the source is %s, and that of the "
                          "destination is %s"),
                        here, there),
        _("start the destination with the UUID of the source"));
    /* multifd sends the UUID in the greeting of each channel. */
    if (mt_pairing_has(p, MT_PARAM_VALIDATE_UUID) ||
        mt_pairing_has(p, MT_PARAM_MULTIFD))
        finding->severity = MT_PAIR_REFUSE;
}

static void
rule_target(MtPairing *p, const MtPairRule *rule)
{
    const char *here = p->source->target;
    const char *there = p->destination->target;

    if (here && there && strcmp(here, there) != 0)
        mt_rule_add(p, rule, g_strdup(here), g_strdup(there),
                    g_strdup_printf(_("the source is a %s machine, and the "
                                      "destination is a %s machine"),
                                    here, there),
                    _("use a destination of the same architecture"));
}

static void
rule_machine(MtPairing *p, const MtPairRule *rule)
{
    const char *here = p->source->machine;
    const char *there = p->destination->machine;

    if (here && there && strcmp(here, there) != 0)
        mt_rule_add(p, rule, g_strdup(here), g_strdup(there),
                    g_strdup_printf(_("the machine type of the source is %s, "
                                      "and that of the destination is %s; "
                                      "QEMU ends the migration with 'Machine "
                                      "type received is ...'"),
                                    here, there),
                    _("start the destination with the machine type of the "
                      "source"));
}

static void
rule_cpus(MtPairing *p, const MtPairRule *rule)
{
    gint here = p->source->n_cpus;
    gint there = p->destination->n_cpus;

    if (here >= 0 && there >= 0 && here != there)
        mt_rule_add(p, rule, g_strdup_printf("%d", here),
                    g_strdup_printf("%d", there),
                    g_strdup_printf(_("the source has %d CPUs, and the "
                                      "destination has %d"),
                                    here, there),
                    _("start the destination with the CPUs of the source, "
                      "including those that were hotplugged"));
}

static void
rule_cpu_type(MtPairing *p, const MtPairRule *rule)
{
    const char *here = p->source->cpu;
    const char *there = p->destination->cpu;

    if (!here || !there)
        return;
    if (strcmp(here, there) != 0)
        mt_rule_add(p, rule, g_strdup(here), g_strdup(there),
                    g_strdup_printf(_("the CPU type of the source is %s, and "
                                      "that of the destination is %s; the "
                                      "guest may fail to load, or fault later"),
                                    here, there),
                    _("start the destination with the CPU of the source"));
    else if (g_str_has_prefix(here, "host-") && p->source->local != 1)
        mt_rule_add(p, rule, NULL, NULL,
                    g_strdup(_("both sides use -cpu host: that is safe only "
                               "between hosts with equal CPUs, microcode and "
                               "kernels")),
                    _("use a named CPU model that both hosts have"));
}

static void
rule_accel(MtPairing *p, const MtPairRule *rule)
{
    if (p->source->kvm >= 0 && p->destination->kvm >= 0 &&
        p->source->kvm != p->destination->kvm)
        mt_rule_add(p, rule, g_strdup(p->source->kvm ? "kvm" : "tcg"),
                    g_strdup(p->destination->kvm ? "kvm" : "tcg"),
                    g_strdup(_("one side uses KVM and the other one does not; "
                               "QEMU does not support a migration between "
                               "them")),
                    _("start both sides with the same accelerator"));
}

/*
 * Memory
 */

static const MtPairMemory *
rule_find_memory(const MtPairSide *side, const char *id)
{
    for (guint i = 0; i < side->memory->len; i++) {
        const MtPairMemory *memory = g_ptr_array_index(side->memory, i);

        if (strcmp(memory->id, id) == 0)
            return memory;
    }

    return NULL;
}

static void
rule_ram(MtPairing *p, const MtPairRule *rule)
{
    guint64 here = p->source->ram_bytes;
    guint64 there = p->destination->ram_bytes;

    if (here && there && here != there)
        mt_rule_add(p, rule, g_strdup_printf("%" PRIu64, here),
                    g_strdup_printf("%" PRIu64, there),
                    g_strdup_printf(_("the source has %" PRIu64
                                      " MiB of RAM, and the destination has %"
                                      PRIu64 " MiB; QEMU ends the "
                                      "migration with 'Size mismatch'"),
                                    here >> 20, there >> 20),
                    _("start the destination with the RAM of the source"));
}

static void
rule_memory(MtPairing *p, const MtPairRule *rule)
{
    if (!p->source->memory || !p->destination->memory)
        return;

    for (guint i = 0; i < p->source->memory->len; i++) {
        const MtPairMemory *here = g_ptr_array_index(p->source->memory, i);
        const MtPairMemory *there = rule_find_memory(p->destination, here->id);

        if (!*here->id || (there && there->size == here->size))
            continue;
        mt_rule_add(
            p, rule, g_strdup_printf("%" PRIu64, here->size),
            there ? g_strdup_printf("%" PRIu64, there->size) : NULL,
            there ? g_strdup_printf(_("the memory backend '%s' has %"
                                      PRIu64 " MiB on the source and "
                                      "%" PRIu64 " MiB on the "
                                      "destination"),
                                    here->id, here->size >> 20,
                                    there->size >> 20)
                  : g_strdup_printf(_("the destination has no memory backend "
                                      "'%s'; QEMU ends the migration with "
                                      "'Unknown ramblock'"),
                                    here->id),
            _("start the destination with the memory backends of the source"));
    }
}

static void
rule_memory_pages(MtPairing *p, const MtPairRule *rule)
{
    if (!p->source->memory || !p->destination->memory ||
        !mt_rule_has_postcopy(p))
        return;

    for (guint i = 0; i < p->source->memory->len; i++) {
        const MtPairMemory *here = g_ptr_array_index(p->source->memory, i);
        const MtPairMemory *there = rule_find_memory(p->destination, here->id);

        if (!there || !here->page_size || !there->page_size ||
            here->page_size == there->page_size)
            continue;
        mt_rule_add(p, rule,
                    g_strdup_printf("%" PRIu64, here->page_size),
                    g_strdup_printf("%" PRIu64, there->page_size),
                    g_strdup_printf(_("the pages of the memory backend '%s' "
                                      "have different sizes on the two hosts, "
                                      "and post-copy needs equal ones; QEMU "
                                      "ends it with 'Mismatched RAM page "
                                      "size'"),
                                    here->id),
                    _("use huge pages of the same size on both sides, or no "
                      "post-copy"));
    }
}

/*
 * What each host must be able to do
 */

static void
rule_blockers(MtPairing *p, const MtPairRule *rule)
{
    for (guint i = 0; p->source->blockers && i < p->source->blockers->len;
         i++) {
        const char *why = g_ptr_array_index(p->source->blockers, i);

        mt_rule_add(p, rule, NULL, g_strdup(why),
                    g_strdup_printf(_("QEMU says that the source cannot be "
                                      "migrated: %s"),
                                    why),
                    _("remove what blocks the migration"));
    }
}

static void
rule_userfault(MtPairing *p, const MtPairRule *rule)
{
    if (mt_rule_has_postcopy(p) && p->destination->userfault == 0)
        mt_rule_add(p, rule, NULL, g_strdup(p->destination->userfault_why),
                    g_strdup_printf(_("post-copy needs userfaultfd on the host "
                                      "of the destination: %s"),
                                    p->destination->userfault_why),
                    _("allow it with 'sysctl vm.unprivileged_userfaultfd=1', "
                      "or give QEMU access to /dev/userfaultfd"));
}

static void
rule_memlock(MtPairing *p, const MtPairRule *rule)
{
    const MtPairSide *s = p->source;

    if (mt_pairing_has(p, MT_PARAM_ZERO_COPY_SEND) && s->memlock_bytes &&
        s->ram_bytes && s->memlock_bytes < s->ram_bytes)
        mt_rule_add(p, rule,
                    g_strdup_printf("%" PRIu64, s->ram_bytes),
                    g_strdup_printf("%" PRIu64, s->memlock_bytes),
                    g_strdup_printf(_("zerocopy locks the memory of the guest, "
                                      "%" PRIu64 " MiB, and the "
                                      "limit of the QEMU process is %"
                                      PRIu64 " KiB"),
                                    s->ram_bytes >> 20,
                                    s->memlock_bytes >> 10),
                    _("raise the limit (prlimit --memlock, LimitMEMLOCK=, or "
                      "<hard_limit> of libvirt)"));
}

static void
rule_disks(MtPairing *p, const MtPairRule *rule)
{
    for (guint i = 0;
         p->source->unsafe_disks && i < p->source->unsafe_disks->len; i++) {
        const char *disk = g_ptr_array_index(p->source->unsafe_disks, i);

        mt_rule_add(p, rule, g_strdup("cache=none"), NULL,
                    g_strdup_printf(_("the disk '%s' uses the page cache of "
                                      "the host: unless its storage keeps both "
                                      "hosts coherent, the destination may "
                                      "read old data"),
                                    disk),
                    _("use cache=none or cache=directsync"));
    }
}

static void
rule_transport(MtPairing *p, const MtPairRule *rule)
{
    static const char *const single[] = { "exec:", "fd:", "rdma:" };

    if (!p->uri || (!mt_pairing_has(p, MT_PARAM_MULTIFD) &&
                    !mt_pairing_has(p, MT_PARAM_POSTCOPY_PREEMPT)))
        return;

    for (guint i = 0; i < G_N_ELEMENTS(single); i++) {
        if (g_str_has_prefix(p->uri, single[i]))
            mt_rule_add(p, rule, g_strdup("tcp:, unix:"), g_strdup(p->uri),
                        g_strdup_printf(_("'%s' has one connection, and the "
                                          "settings need several (parallel, "
                                          "postcopy.preempt)"),
                                        p->uri),
                        _("use an address with tcp: or unix:"));
    }
}

static const MtPairRule rules[] = {
    { "same-guest", NULL, MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_same_guest },
    { "same-host", NULL, MT_PAIR_INFO, MT_SIDE_BOTH, rule_same_host },
    { "source-waits", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE,
      rule_source_waits },
    { "source-migrates", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE,
      rule_source_migrates },
    { "source-migrated", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE,
      rule_source_gone },
    { "destination-not-waiting", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION,
      rule_destination_waits },
    { "destination-busy", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION,
      rule_destination_busy },
    { "destination-listens", NULL, MT_PAIR_WARN, MT_SIDE_DESTINATION,
      rule_destination_listens },
    { "uuid", NULL, MT_PAIR_WARN, MT_SIDE_DESTINATION, rule_uuid,
      .origin = "QEMU: UUID received is A and local is B" },
    { "target", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_target },
    { "machine-type", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_machine,
      .origin = "QEMU: Machine type received is 'X' and local is 'Y'" },
    { "cpus", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_cpus,
      .origin = "QEMU: Unknown section or instance 'cpu' N" },
    { "cpu-type", NULL, MT_PAIR_WARN, MT_SIDE_DESTINATION, rule_cpu_type },
    { "accelerator", NULL, MT_PAIR_WARN, MT_SIDE_BOTH, rule_accel },
    { "ram-size", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_ram,
      .origin = "QEMU: Size mismatch" },
    { "ram-block", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_memory,
      .origin = "QEMU: Unknown ramblock, cannot accept migration" },
    { "ram-page-size", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION,
      rule_memory_pages,
      .origin = "QEMU: Postcopy needs matching RAM page sizes" },
    { "blocked", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE, rule_blockers,
      .since = MT_RELEASE(6, 0), .origin = "query-migrate: blocked-reasons" },
    { "userfaultfd", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_userfault,
      MT_PARAM_POSTCOPY_RAM, .origin = "QEMU: Postcopy is not supported" },
    { "memlock-too-low", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE, rule_memlock,
      MT_PARAM_ZERO_COPY_SEND, .since = MT_RELEASE(7, 1) },
    { "disk-cache", NULL, MT_PAIR_WARN, MT_SIDE_SOURCE, rule_disks },
    { "single-connection", NULL, MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_transport,
      MT_PARAM_MULTIFD },
};

void
mt_pair_rules_run(MtPairing *pairing)
{
    mt_rules_run(pairing, rules, G_N_ELEMENTS(rules));
    mt_rules_run_tls(pairing);
    mt_rules_run_releases(pairing);
    mt_rules_list_unchecked(pairing);
}
