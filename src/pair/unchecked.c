/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Facts that the monitors do not report, as one table.
 */
#include "config.h"

#include "pair/rule.h"
#include "plan/wish.h"
#include "util/i18n.h"

static gboolean
unchecked_always(const MtPairing *p)
{
    return TRUE;
}

static gboolean
unchecked_machine(const MtPairing *p)
{
    return !p->source->machine || !p->destination->machine;
}

static gboolean
unchecked_page_size(const MtPairing *p)
{
    return g_strcmp0(p->source->target, "x86_64") != 0 &&
           g_strcmp0(p->source->target, "i386") != 0;
}

static gboolean
unchecked_memory(const MtPairing *p)
{
    return !p->source->ram_bytes || !p->destination->ram_bytes;
}

static gboolean
unchecked_huge_pages(const MtPairing *p)
{
    for (guint i = 0; p->source->memory && i < p->source->memory->len; i++) {
        const MtPairMemory *memory = g_ptr_array_index(p->source->memory, i);

        if (memory->page_size > 65536)
            return TRUE;
    }

    return FALSE;
}

static gboolean
unchecked_userfault(const MtPairing *p)
{
    return mt_rule_has_postcopy(p) && p->destination->userfault < 0;
}

static gboolean
unchecked_memlock(const MtPairing *p)
{
    return mt_pairing_has(p, MT_PARAM_ZERO_COPY_SEND) &&
           (!p->source->memlock_bytes || !p->source->ram_bytes);
}

static gboolean
unchecked_tls(const MtPairing *p)
{
    g_autofree char *here = mt_rule_get_creds(p->source_after);
    g_autofree char *there = mt_rule_get_creds(p->destination_after);
    const MtPairObject *client = mt_pair_side_find_object(p->source, here);
    const MtPairObject *server =
        mt_pair_side_find_object(p->destination, there);

    return mt_rule_has_tls(p) && (!client || !server || !server->expires);
}

static gboolean
unchecked_disks(const MtPairing *p)
{
    return !p->source->unsafe_disks;
}

static gboolean
unchecked_other_host(const MtPairing *p)
{
    return p->source->local != 1 || p->destination->local != 1;
}

static gboolean
unchecked_threads(const MtPairing *p)
{
    const MtPairSide *d = p->destination;

    return d->libvirt && d->libvirt < MT_VERSION(11, 10, 0) &&
           mt_pair_side_release(d) >= MT_RELEASE(10, 0) && d->threads < 0;
}

static gboolean
unchecked_video(const MtPairing *p)
{
    return (p->source->libvirt && p->source->libvirt < MT_VERSION(12, 5, 0)) ||
           (p->destination->libvirt &&
            p->destination->libvirt < MT_VERSION(12, 5, 0));
}

static gboolean
unchecked_libvirt(const MtPairing *p)
{
    return p->source->libvirt || p->destination->libvirt;
}

static const struct {
    MtPairUnchecked what;
    gboolean (*applies)(const MtPairing *p);
} unchecked_table[] = {
    { { "devices",
        N_("whether both sides have the same devices with the same ids on the "
           "same buses"),
        N_("compare the command lines of both QEMU processes; a difference "
           "ends the migration with 'Unknown section or instance'") },
      unchecked_always },
    { { "migration-globals",
        N_("whether a side was started with -global migration.PROPERTY=VALUE, "
           "which QMP does not show"),
        N_("look for 'migration.' in the command lines of both QEMU "
           "processes") },
      unchecked_always },
    { { "cpu-features",
        N_("whether the host of the destination has every CPU feature that the "
           "guest uses"),
        N_("compare query-cpu-model-expansion, or 'virsh cpu-compare'") },
      unchecked_other_host },
    { { "network",
        N_("whether the host of the source reaches the address of the "
           "destination"),
        N_("run 'nc -z HOST PORT' on the host of the source while the "
           "destination listens") },
      unchecked_other_host },
    { { "machine-type",
        N_("whether the machine types are equal: a side does not report it"),
        N_("compare -machine in the command lines of both QEMU processes") },
      unchecked_machine },
    { { "page-size",
        N_("whether the page size of the target is equal on both sides"),
        N_("compare the kernels and the builds of both QEMUs") },
      unchecked_page_size },
    { { "ram-size",
        N_("whether the RAM has the same size on both sides: a side does not "
           "report it"),
        N_("compare -m in the command lines of both QEMU processes") },
      unchecked_memory },
    { { "huge-pages",
        N_("whether the destination has enough free huge pages"),
        N_("QEMU has allocated them if it runs with prealloc=on; else look at "
           "HugePages_Free in /proc/meminfo there") },
      unchecked_huge_pages },
    { { "userfaultfd",
        N_("whether the host of the destination allows userfaultfd, which "
           "post-copy needs"),
        N_("run 'sysctl vm.unprivileged_userfaultfd' there: 1 is needed, "
           "unless QEMU can open /dev/userfaultfd") },
      unchecked_userfault },
    { { "memlock",
        N_("whether the QEMU process of the source may lock the memory of the "
           "guest, which zerocopy needs"),
        N_("look at 'Max locked memory' in /proc/PID/limits there") },
      unchecked_memlock },
    { { "tls-files",
        N_("whether the certificates are readable, valid and of the right "
           "name"),
        N_("run 'openssl x509 -noout -dates -ext subjectAltName -in "
           "server-cert.pem' on the host of the destination") },
      unchecked_tls },
    { { "disk-cache",
        N_("whether a disk uses the page cache of the host"),
        N_("look for cache= in the command line of the source; none and "
           "directsync are safe") },
      unchecked_disks },
    { { "libvirt-threads",
        N_("whether the guest has several threads for each core, which this "
           "libvirt refuses with QEMU 10.0 or later"),
        N_("look at <topology threads=...> in the domain's XML") },
      unchecked_threads },
    { { "libvirt-video",
        N_("whether the video model is recorded in the domain's XML, which "
           "libvirt does from 12.5 on"),
        N_("compare <video> of 'virsh dumpxml' on both hosts") },
      unchecked_video },
    { { "libvirt-queues",
        N_("whether the queues of virtio-net are equal in both definitions"),
        N_("compare <driver queues=...> of 'virsh dumpxml' on both hosts") },
      unchecked_libvirt },
    { { "clocks",
        N_("whether the clocks of both hosts agree, on which libvirt's downtime "
           "depends"),
        N_("run 'chronyc tracking' on both hosts") },
      unchecked_libvirt },
};

void
mt_rules_list_unchecked(MtPairing *p)
{
    for (guint i = 0; i < G_N_ELEMENTS(unchecked_table); i++) {
        if (unchecked_table[i].applies(p))
            g_ptr_array_add(p->unchecked, (gpointer)&unchecked_table[i].what);
    }
}

void
mt_pairing_note_libvirt_tls(MtPairing *pairing)
{
    static const MtPairUnchecked tls = {
        "libvirt-tls-files",
        N_("whether both hosts have TLS certificates for QEMU, and whether the "
           "certificate of the destination has its host name"),
        N_("look into the directory migrate_tls_x509_cert_dir of "
           "/etc/libvirt/qemu.conf (/etc/pki/qemu by default): ca-cert.pem on "
           "both hosts, server-cert.pem and server-key.pem on the destination, "
           "client-cert.pem and client-key.pem on the source; "
           "tls.destination=NAME gives the name in the certificate if it is "
           "not the host name"),
    };

    const GPtrArray *wishes = pairing->wishes->wishes;

    g_ptr_array_add(pairing->unchecked, (gpointer)&tls);
    for (guint i = 0; i < wishes->len; i++) {
        MtWish *wish = g_ptr_array_index(wishes, i);

        /* It is not idle, although no credentials were requested. */
        if (wish->row != mt_row(MT_PARAM_TLS_HOSTNAME) || !wish->idle)
            continue;
        wish->idle = FALSE;
        mt_wish_clear_reason(wish);
        mt_wish_settle(wish);
    }
}
