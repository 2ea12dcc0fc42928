/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules about two hosts, as one table.
 *
 * Each rule is about a failure that happens only if two particular QEMUs
 * migrate to each other.  A rule whose facts are not known adds no finding;
 * instead, unchecked_table lists what the user has to check.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "pair/compat.h"
#include "pair/pairing.h"
#include "util/i18n.h"

#define RULE_GIB ((guint64)1024 * 1024 * 1024)
/* TLS 1.3: GnuTLS needs new session keys after about this many bytes. */
#define RULE_TLS_BYTES (64 * RULE_GIB)

typedef struct _Rule Rule;

struct _Rule {
    const char *id;
    const char *name;           /* "T1" ...; NULL: none */
    MtPairSeverity severity;
    MtSide side;
    void (*run)(MtPairing *p, const Rule *rule);
    MtParamId row;              /* MT_PARAM_COMPRESSION: not about one
                                 * setting */
    MtRelease since, until;
    const char *origin;
};

/* Adds a finding of @rule.  Takes the texts. */
static MtPairFinding *
rule_report(MtPairing *p, const Rule *rule, char *expected, char *found,
            char *text, const char *fix)
{
    MtPairFinding *finding =
        mt_pairing_add(p, rule->id, rule->severity, rule->side, expected,
                       found, text, g_strdup(fix));

    finding->rule = rule->name;
    finding->row =
        rule->row == MT_PARAM_COMPRESSION ? NULL : mt_row(rule->row);
    finding->since = rule->since;
    finding->until = rule->until;
    finding->origin = rule->origin;
    return finding;
}

/* As rule_report(), for a setting that is changed to @value instead, unless
 * the policy is strict. */
static void
rule_substitute(MtPairing *p, const Rule *rule, const char *value,
                char *expected, char *found, char *text)
{
    MtPairFinding *finding =
        rule_report(p, rule, expected, found, text, NULL);
    const MtRow *row = mt_row(rule->row);

    if (p->policy == MT_POLICY_STRICT) {
        g_autoptr(MtValue) other = mt_value_from_table(row, value);
        g_autofree char *shown = mt_value_format(row, other);

        finding->severity = MT_PAIR_REFUSE;
        finding->fix = g_strdup_printf(_("set %s=%s"), row->name, shown);
        return;
    }

    mt_pairing_change(p, rule->row, value, finding->text);
}

static char *
release_text(const MtPairSide *side)
{
    char *text = mt_version_format(side->version);

    return text ? text : mt_release_format(mt_pair_side_release(side));
}

static const char *
machine_text(const MtPairSide *side)
{
    return side->machine ? side->machine : _("not known");
}

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

static gboolean
rule_has_postcopy(const MtPairing *p)
{
    return mt_pairing_has(p, MT_PARAM_POSTCOPY_RAM) ||
           mt_pairing_has(p, MT_PARAM_X_POSTCOPY_RAM);
}

static gboolean
rule_has_tls(const MtPairing *p)
{
    return mt_pairing_has(p, MT_PARAM_TLS_CREDS);
}

/* Whether the values of a property that follows from the machine types
 * differ. */
static gboolean
rule_differs(const MtPairing *p, const char *property)
{
    return strcmp(mt_pair_side_compat(p->source, property),
                  mt_pair_side_compat(p->destination, property)) != 0;
}

/*
 * The two guests
 */

static void
rule_same_guest(MtPairing *p, const Rule *rule)
{
    const MtPairSide *s = p->source;
    const MtPairSide *d = p->destination;

    if (g_strcmp0(s->address, d->address) != 0 &&
        (!s->instance || g_strcmp0(s->instance, d->instance) != 0))
        return;

    rule_report(p, rule, NULL, NULL,
                g_strdup(_("source and destination are the same QEMU")),
                _("name a guest that was started with -incoming defer"));
}

static void
rule_same_host(MtPairing *p, const Rule *rule)
{
    if (p->source->local == 1 && p->destination->local == 1)
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("source and destination run on the same host")),
                    NULL);
}

static void
rule_source_waits(MtPairing *p, const Rule *rule)
{
    if (rule_is_waiting(p->source))
        rule_report(p, rule, g_strdup("running"), g_strdup("inmigrate"),
                    g_strdup(_("the source waits for a migration itself")),
                    _("name the guest that runs as the source"));
}

static void
rule_source_migrates(MtPairing *p, const Rule *rule)
{
    if (mt_state_is_migrating(p->source->state) && !rule_is_waiting(p->source))
        rule_report(p, rule, g_strdup("none"),
                    g_strdup(status_text(p->source)),
                    g_strdup_printf(_("a migration of the source is running "
                                      "already (%s)"),
                                    status_text(p->source)),
                    _("wait for it or cancel it with 'migtune domjobabort'"));
}

static void
rule_source_gone(MtPairing *p, const Rule *rule)
{
    if (g_strcmp0(p->source->state->run_state, "postmigrate") == 0)
        rule_report(p, rule, g_strdup("running"), g_strdup("postmigrate"),
                    g_strdup(_("the source has been migrated away already: its "
                               "guest may run elsewhere")),
                    _("find out where the guest runs before anything else"));
}

static void
rule_destination_waits(MtPairing *p, const Rule *rule)
{
    const char *state = p->destination->state->run_state;

    if (!rule_is_waiting(p->destination))
        rule_report(p, rule, g_strdup("inmigrate"), g_strdup(state),
                    g_strdup_printf(_("the destination does not wait for a "
                                      "migration; it is '%s'"),
                                    state ? state : "?"),
                    _("start the destination with -incoming defer"));
}

static void
rule_destination_busy(MtPairing *p, const Rule *rule)
{
    const MtState *state = p->destination->state;
    gboolean failed = g_strcmp0(state->migration, "failed") == 0;

    if (!rule_is_waiting(p->destination) ||
        !(failed || mt_state_is_migrating(state)))
        return;
    rule_report(p, rule, g_strdup("none"), g_strdup(state->migration),
                failed ? g_strdup(_("an earlier migration to the destination "
                                    "failed, and QEMU does not accept another "
                                    "one"))
                       : g_strdup_printf(_("the destination already receives "
                                           "a migration ('%s')"),
                                         state->migration),
                _("start the destination again with -incoming defer"));
}

static void
rule_destination_listens(MtPairing *p, const Rule *rule)
{
    if (p->destination->state->listening)
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("the destination listens for its migration "
                               "already; QEMU can neither change the address "
                               "nor the settings that must be made before")),
                    NULL);
}

static void
rule_uuid(MtPairing *p, const Rule *rule)
{
    const char *here = p->source->uuid;
    const char *there = p->destination->uuid;
    MtPairFinding *finding;

    if (!here || !there || g_ascii_strcasecmp(here, there) == 0)
        return;
    finding = rule_report(
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
rule_target(MtPairing *p, const Rule *rule)
{
    const char *here = p->source->target;
    const char *there = p->destination->target;

    if (here && there && strcmp(here, there) != 0)
        rule_report(p, rule, g_strdup(here), g_strdup(there),
                    g_strdup_printf(_("the source is a %s machine, and the "
                                      "destination is a %s machine"),
                                    here, there),
                    _("use a destination of the same architecture"));
}

static void
rule_machine(MtPairing *p, const Rule *rule)
{
    const char *here = p->source->machine;
    const char *there = p->destination->machine;

    if (here && there && strcmp(here, there) != 0)
        rule_report(p, rule, g_strdup(here), g_strdup(there),
                    g_strdup_printf(_("the machine type of the source is %s, "
                                      "and that of the destination is %s; "
                                      "QEMU ends the migration with 'Machine "
                                      "type received is ...'"),
                                    here, there),
                    _("start the destination with the machine type of the "
                      "source"));
}

static void
rule_cpus(MtPairing *p, const Rule *rule)
{
    gint here = p->source->n_cpus;
    gint there = p->destination->n_cpus;

    if (here >= 0 && there >= 0 && here != there)
        rule_report(p, rule, g_strdup_printf("%d", here),
                    g_strdup_printf("%d", there),
                    g_strdup_printf(_("the source has %d CPUs, and the "
                                      "destination has %d"),
                                    here, there),
                    _("start the destination with the CPUs of the source, "
                      "including those that were hotplugged"));
}

static void
rule_cpu_type(MtPairing *p, const Rule *rule)
{
    const char *here = p->source->cpu;
    const char *there = p->destination->cpu;

    if (!here || !there)
        return;
    if (strcmp(here, there) != 0)
        rule_report(p, rule, g_strdup(here), g_strdup(there),
                    g_strdup_printf(_("the CPU type of the source is %s, and "
                                      "that of the destination is %s; the "
                                      "guest may fail to load, or fault later"),
                                    here, there),
                    _("start the destination with the CPU of the source"));
    else if (g_str_has_prefix(here, "host-") && p->source->local != 1)
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("both sides use -cpu host: that is safe only "
                               "between hosts with equal CPUs, microcode and "
                               "kernels")),
                    _("use a named CPU model that both hosts have"));
}

static void
rule_accel(MtPairing *p, const Rule *rule)
{
    if (p->source->kvm >= 0 && p->destination->kvm >= 0 &&
        p->source->kvm != p->destination->kvm)
        rule_report(p, rule, g_strdup(p->source->kvm ? "kvm" : "tcg"),
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
rule_ram(MtPairing *p, const Rule *rule)
{
    guint64 here = p->source->ram_bytes;
    guint64 there = p->destination->ram_bytes;

    if (here && there && here != there)
        rule_report(p, rule, g_strdup_printf("%" PRIu64, here),
                    g_strdup_printf("%" PRIu64, there),
                    g_strdup_printf(_("the source has %" PRIu64
                                      " MiB of RAM, and the destination has %"
                                      PRIu64 " MiB; QEMU ends the "
                                      "migration with 'Size mismatch'"),
                                    here >> 20, there >> 20),
                    _("start the destination with the RAM of the source"));
}

static void
rule_memory(MtPairing *p, const Rule *rule)
{
    if (!p->source->memory || !p->destination->memory)
        return;

    for (guint i = 0; i < p->source->memory->len; i++) {
        const MtPairMemory *here = g_ptr_array_index(p->source->memory, i);
        const MtPairMemory *there = rule_find_memory(p->destination, here->id);

        if (!*here->id || (there && there->size == here->size))
            continue;
        rule_report(
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
rule_memory_pages(MtPairing *p, const Rule *rule)
{
    if (!p->source->memory || !p->destination->memory || !rule_has_postcopy(p))
        return;

    for (guint i = 0; i < p->source->memory->len; i++) {
        const MtPairMemory *here = g_ptr_array_index(p->source->memory, i);
        const MtPairMemory *there = rule_find_memory(p->destination, here->id);

        if (!there || !here->page_size || !there->page_size ||
            here->page_size == there->page_size)
            continue;
        rule_report(p, rule,
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
rule_blockers(MtPairing *p, const Rule *rule)
{
    for (guint i = 0; p->source->blockers && i < p->source->blockers->len;
         i++) {
        const char *why = g_ptr_array_index(p->source->blockers, i);

        rule_report(p, rule, NULL, g_strdup(why),
                    g_strdup_printf(_("QEMU says that the source cannot be "
                                      "migrated: %s"),
                                    why),
                    _("remove what blocks the migration"));
    }
}

static void
rule_userfault(MtPairing *p, const Rule *rule)
{
    if (rule_has_postcopy(p) && p->destination->userfault == 0)
        rule_report(p, rule, NULL, g_strdup(p->destination->userfault_why),
                    g_strdup_printf(_("post-copy needs userfaultfd on the host "
                                      "of the destination: %s"),
                                    p->destination->userfault_why),
                    _("allow it with 'sysctl vm.unprivileged_userfaultfd=1', "
                      "or give QEMU access to /dev/userfaultfd"));
}

static void
rule_memlock(MtPairing *p, const Rule *rule)
{
    const MtPairSide *s = p->source;

    if (mt_pairing_has(p, MT_PARAM_ZERO_COPY_SEND) && s->memlock_bytes &&
        s->ram_bytes && s->memlock_bytes < s->ram_bytes)
        rule_report(p, rule,
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
rule_disks(MtPairing *p, const Rule *rule)
{
    for (guint i = 0;
         p->source->unsafe_disks && i < p->source->unsafe_disks->len; i++) {
        const char *disk = g_ptr_array_index(p->source->unsafe_disks, i);

        rule_report(p, rule, g_strdup("cache=none"), NULL,
                    g_strdup_printf(_("the disk '%s' uses the page cache of "
                                      "the host: unless its storage keeps both "
                                      "hosts coherent, the destination may "
                                      "read old data"),
                                    disk),
                    _("use cache=none or cache=directsync"));
    }
}

static void
rule_transport(MtPairing *p, const Rule *rule)
{
    static const char *const single[] = { "exec:", "fd:", "rdma:" };

    if (!p->uri || (!mt_pairing_has(p, MT_PARAM_MULTIFD) &&
                    !mt_pairing_has(p, MT_PARAM_POSTCOPY_PREEMPT)))
        return;

    for (guint i = 0; i < G_N_ELEMENTS(single); i++) {
        if (g_str_has_prefix(p->uri, single[i]))
            rule_report(p, rule, g_strdup("tcp:, unix:"), g_strdup(p->uri),
                        g_strdup_printf(_("'%s' has one connection, and the "
                                          "settings need several (parallel, "
                                          "postcopy.preempt)"),
                                        p->uri),
                        _("use an address with tcp: or unix:"));
    }
}

/*
 * TLS
 */

static char *
rule_get_creds(const MtSet *values)
{
    const MtValue *value = mt_set_get(values, mt_row(MT_PARAM_TLS_CREDS));

    return value ? g_strdup(value->text) : g_strdup("");
}

static void
rule_tls_both(MtPairing *p, const Rule *rule)
{
    g_autofree char *here = rule_get_creds(p->source_after);
    g_autofree char *there = rule_get_creds(p->destination_after);

    if (!*here == !*there)
        return;
    rule_report(p, rule, g_strdup(here), g_strdup(there),
                *here ? g_strdup(_("the source encrypts and the destination "
                                   "does not: the destination reads a TLS "
                                   "greeting as data ('unknown channel magic' "
                                   "or 'Not a migration stream')"))
                      : g_strdup(_("the destination expects TLS and the source "
                                   "does not encrypt: the handshake never "
                                   "ends")),
                _("set tls.creds on both sides or on none"));
}

/* Checks one side's credentials; @endpoint is what they must be for. */
static void
rule_tls_creds(MtPairing *p, const Rule *rule, const MtPairSide *side,
               const MtSet *values, const char *endpoint)
{
    g_autofree char *id = rule_get_creds(values);
    const MtPairObject *object;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    if (!*id || !side->objects)
        return;
    object = mt_pair_side_find_object(side, id);
    if (!object) {
        rule_report(p, rule, g_strdup(id), NULL,
                    g_strdup_printf(_("there is no object '%s' with TLS "
                                      "credentials"), id),
                    _("add it with object-add or -object tls-creds-x509"));
        return;
    }
    if (!g_str_has_prefix(object->type, "tls-creds-")) {
        rule_report(p, rule, g_strdup("tls-creds-x509"),
                    g_strdup(object->type),
                    g_strdup_printf(_("the object '%s' has no TLS credentials; "
                                      "it is a '%s'"),
                                    id, object->type),
                    NULL);
        return;
    }
    if (object->endpoint && strcmp(object->endpoint, endpoint) != 0)
        rule_report(p, rule, g_strdup(endpoint), g_strdup(object->endpoint),
                    g_strdup_printf(_("the credentials '%s' are those of a "
                                      "%s, and this side is the %s"),
                                    id, object->endpoint, endpoint),
                    _("add an object with the other endpoint"));
    if (object->missing)
        rule_report(p, rule, g_strdup(object->missing), NULL,
                    g_strdup_printf(_("the credentials '%s' need the file %s, "
                                      "which cannot be read"),
                                    id, object->missing),
                    _("put the file there"));
    if (object->expires && object->expires < now) {
        g_autoptr(GDateTime) when =
            g_date_time_new_from_unix_utc(object->expires);
        g_autofree char *text = g_date_time_format(when, "%Y-%m-%d");

        rule_report(p, rule, NULL, g_strdup(text),
                    g_strdup_printf(_("the certificate of '%s' expired on %s"),
                                    id, text),
                    _("renew the certificate"));
    }
}

static void
rule_tls_client(MtPairing *p, const Rule *rule)
{
    rule_tls_creds(p, rule, p->source, p->source_after, "client");
}

static void
rule_tls_server(MtPairing *p, const Rule *rule)
{
    rule_tls_creds(p, rule, p->destination, p->destination_after, "server");
}

static void
rule_tls_authz(MtPairing *p, const Rule *rule)
{
    const MtValue *value =
        mt_set_get(p->destination_after, mt_row(MT_PARAM_TLS_AUTHZ));

    if (rule_has_tls(p) && value && *value->text && p->destination->objects &&
        !mt_pair_side_find_object(p->destination, value->text))
        rule_report(p, rule, g_strdup(value->text), NULL,
                    g_strdup_printf(_("the destination has no authorization "
                                      "object '%s', and refuses every client"),
                                    value->text),
                    _("add it with object-add"));
}

/* Whether the certificate with @names is for @host. */
static gboolean
rule_names_match(const char *names, const char *host)
{
    g_auto(GStrv) all = g_strsplit(names, " ", -1);

    for (char **one = all; *one; one++) {
        const char *dot = strchr(host, '.');

        if (g_ascii_strcasecmp(*one, host) == 0 ||
            (g_str_has_prefix(*one, "*.") && dot &&
             g_ascii_strcasecmp(*one + 1, dot) == 0))
            return TRUE;
    }

    return FALSE;
}

static void
rule_tls_hostname(MtPairing *p, const Rule *rule)
{
    const MtValue *value =
        mt_set_get(p->source_after, mt_row(MT_PARAM_TLS_HOSTNAME));
    g_autofree char *creds = rule_get_creds(p->destination_after);
    const MtPairObject *object =
        mt_pair_side_find_object(p->destination, creds);
    g_autofree char *host = NULL;

    if (!rule_has_tls(p) || !p->uri)
        return;
    if (value && *value->text)
        host = g_strdup(value->text);
    else if (g_str_has_prefix(p->uri, "tcp:"))
        host = g_strndup(p->uri + 4,
                         strcspn(p->uri + 4, p->uri[4] == '[' ? "]" : ":"));

    if (!host)
        rule_report(p, rule, NULL, g_strdup(p->uri),
                    g_strdup_printf(_("tls.destination must be set: the "
                                      "address '%s' has no host name with "
                                      "which the certificate can be compared"),
                                    p->uri),
                    _("set tls.destination to a name in the certificate of "
                      "the destination"));
    else if (object && object->names && !rule_names_match(object->names, host))
        rule_report(p, rule, g_strdup(host), g_strdup(object->names),
                    g_strdup_printf(_("the certificate of the destination is "
                                      "for '%s' and not for '%s'"),
                                    object->names, host),
                    _("set tls.destination to a name in the certificate"));
}

/*
 * Pairs of releases
 */

static void
rule_t1(MtPairing *p, const Rule *rule)
{
    MtPairFinding *finding;
    g_autofree char *there = release_text(p->destination);

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) ||
        mt_pair_side_release(p->source) >= MT_RELEASE(9, 0) ||
        mt_pair_side_release(p->destination) != MT_RELEASE(9, 2) ||
        p->destination->version >= MT_VERSION(9, 2, 1))
        return;
    finding = rule_report(
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
rule_t2(MtPairing *p, const Rule *rule)
{
    const char *property = "multifd-flush-after-each-section";

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !rule_differs(p, property))
        return;
    rule_report(
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
rule_t3(MtPairing *p, const Rule *rule)
{
    const MtValue *value =
        mt_set_get(p->source_after, mt_row(MT_PARAM_ZERO_PAGE_DETECTION));

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !value ||
        strcmp(value->text, "multifd") != 0 ||
        mt_pair_side_release(p->destination) >= MT_RELEASE(9, 0))
        return;
    rule_substitute(p, rule, "legacy", g_strdup("legacy"), g_strdup("multifd"),
                    g_strdup(_("a destination before QEMU 9.0 does not read "
                               "the zero pages in multifd packets, and pages "
                               "that became zero keep their old content; "
                               "zero_page_detection=legacy is used")));
}

static void
rule_t4(MtPairing *p, const Rule *rule)
{
    const char *property = "multifd-clean-tls-termination";

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !rule_has_tls(p) ||
        strcmp(mt_pair_side_compat(p->source, property), "false") != 0 ||
        mt_pair_side_release(p->destination) < MT_RELEASE(10, 0) ||
        strcmp(mt_pair_side_compat(p->destination, property), "true") != 0)
        return;
    rule_report(p, rule, g_strdup("false"), g_strdup("true"),
                g_strdup(_("the source does not end its TLS sessions cleanly, "
                           "and the destination fails at the very end with "
                           "'The TLS connection was non-properly "
                           "terminated'")),
                _("use a machine type of QEMU 9.2 or older on both sides"));
}

static void
rule_t5(MtPairing *p, const Rule *rule)
{
    const char *property = "switchover-ack-legacy";

    if (!mt_pairing_has(p, MT_PARAM_SWITCHOVER_ACK) ||
        !rule_differs(p, property))
        return;
    rule_substitute(
        p, rule, "false", g_strdup(mt_pair_side_compat(p->source, property)),
        g_strdup(mt_pair_side_compat(p->destination, property)),
        g_strdup(_("the two sides acknowledge the switchover differently "
                   "(QEMU 11.1), so that it would never happen or happen at "
                   "once; switchover_ack is left off")));
}

static void
rule_t6(MtPairing *p, const Rule *rule)
{
    if (strcmp(mt_pair_side_compat(p->source, "send-switchover-start"),
               "on") == 0 &&
        mt_pair_side_release(p->destination) < MT_RELEASE(10, 0))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("the source announces the switchover in the "
                               "stream, which a destination before QEMU 10.0 "
                               "does not understand ('MIG_CMD ... unknown')")),
                    _("use a machine type of QEMU 9.2 or older on both "
                      "sides"));
}

static void
rule_t7(MtPairing *p, const Rule *rule)
{
    gboolean old = mt_pair_side_release(p->source) == MT_RELEASE(7, 1) ||
                   mt_pair_side_release(p->destination) == MT_RELEASE(7, 1);

    if (mt_pairing_has(p, MT_PARAM_POSTCOPY_PREEMPT) &&
        (old || rule_differs(p, "x-preempt-pre-7-2")))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("QEMU 7.1 opens the channel of postcopy.preempt "
                               "at another time than later releases, and the "
                               "channels are taken for one another")),
                    _("set postcopy.preempt=off"));
}

static void
rule_t8(MtPairing *p, const Rule *rule)
{
    if (mt_pairing_has(p, MT_PARAM_POSTCOPY_PREEMPT) &&
        mt_pairing_has(p, MT_PARAM_MULTIFD) && rule_has_tls(p))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("with TLS, parallel and postcopy.preempt the "
                               "destination can only tell the channels apart "
                               "by the order in which they arrive")),
                    _("set postcopy.preempt=off"));
}

static void
rule_t9(MtPairing *p, const Rule *rule)
{
    const MtPairSide *old = NULL;
    g_autofree char *text = NULL;

    if (!mt_pairing_has(p, MT_PARAM_MULTIFD) || !rule_has_postcopy(p))
        return;
    if (mt_pair_side_release(p->source) < MT_RELEASE(10, 1))
        old = p->source;
    else if (mt_pair_side_release(p->destination) < MT_RELEASE(10, 1))
        old = p->destination;
    if (!old)
        return;
    text = release_text(old);
    rule_report(p, rule, g_strdup("10.1"), g_strdup(text),
                g_strdup_printf(_("parallel together with post-copy works only "
                                  "if both sides are QEMU 10.1 or later; the "
                                  "%s is %s"),
                                old == p->source ? _("source")
                                                 : _("destination"),
                                text),
                _("use parallel or post-copy, not both"));
}

static void
rule_t10(MtPairing *p, const Rule *rule)
{
    MtRelease here = mt_pair_side_release(p->source);

    if ((rule_has_postcopy(p) && here >= MT_RELEASE(10, 2)) ||
        here >= MT_RELEASE(11, 0))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("this QEMU reports the migration states "
                               "'postcopy-device' (10.2) or 'failing' (11.0), "
                               "which programs with a fixed list of states do "
                               "not know")),
                    NULL);
}

static void
rule_t11(MtPairing *p, const Rule *rule)
{
    const MtPairSide *d = p->destination;

    if (d->libvirt && d->libvirt < MT_VERSION(11, 10, 0) &&
        mt_pair_side_release(d) >= MT_RELEASE(10, 0) && d->threads > 1)
        rule_report(p, rule, g_strdup("11.10"), mt_version_format(d->libvirt),
                    g_strdup(_("libvirt before 11.10 refuses a guest with "
                               "several threads for each core on QEMU 10.0: "
                               "'guest CPU doesn't match specification: extra "
                               "features: ht'")),
                    _("update libvirt on the destination"));
}

static void
rule_t14(MtPairing *p, const Rule *rule)
{
    const MtValue *value =
        mt_set_get(p->source_after, mt_row(MT_PARAM_MULTIFD_CHANNELS));
    guint64 n = mt_pairing_has(p, MT_PARAM_MULTIFD) && value ? value->number
                                                             : 1;

    if (rule_has_tls(p) && p->source->ram_bytes / MAX(n, 1) > RULE_TLS_BYTES)
        rule_report(p, rule, NULL, NULL,
                    g_strdup_printf(_("each TLS connection carries more than "
                                      "64 GiB (%" PRIu64 " GiB of "
                                      "RAM, %" PRIu64 " connections)"
                                      "; with TLS 1.3 the source can crash"),
                                    p->source->ram_bytes / RULE_GIB, n),
                    _("use more connections, or a priority without TLS 1.3 "
                      "(migrate_tls_priority in qemu.conf)"));
}

static void
rule_t15(MtPairing *p, const Rule *rule)
{
    const MtPairSide *d = p->destination;

    if (d->libvirt && d->libvirt < MT_VERSION(12, 1, 0) &&
        mt_pair_side_release(d) >= MT_RELEASE(11, 0))
        rule_report(p, rule, g_strdup("12.1"), mt_version_format(d->libvirt),
                    g_strdup(_("libvirt before 12.1 cannot restore save images "
                               "with QEMU 11.0 or later")),
                    _("update libvirt on the destination"));
}

static void
rule_t16(MtPairing *p, const Rule *rule)
{
    if (mt_pairing_has(p, MT_PARAM_ZERO_COPY_SEND) &&
        mt_pair_side_release(p->source) < MT_RELEASE(11, 1))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("QEMU before 11.1 can crash with parallel and "
                               "zerocopy")),
                    _("set zerocopy=off"));
}

static void
rule_t17(MtPairing *p, const Rule *rule)
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
        finding = rule_report(p, rule, mt_release_format(least),
                              release_text(sides[i]),
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
rule_t18(MtPairing *p, const Rule *rule)
{
    if (g_strcmp0(p->source->state->migration, "cancelled") == 0 &&
        mt_pair_side_release(p->source) <= MT_RELEASE(11, 0) &&
        mt_pairing_has(p, MT_PARAM_MULTIFD))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("the last migration of this guest was "
                               "cancelled, and QEMU up to 11.0 can crash in "
                               "the next one with parallel")),
                    _("set parallel=off for this migration"));
}

static void
rule_t19(MtPairing *p, const Rule *rule)
{
    if (p->source->libvirt &&
        mt_pair_side_release(p->source) >= MT_RELEASE(11, 0))
        rule_report(p, rule, NULL, NULL,
                    g_strdup(_("libvirt does not know the state 'failing' of "
                               "QEMU 11.0: a failure may show as 'unexpected "
                               "migration status' first")),
                    NULL);
}

static const Rule rules[] = {
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
    { "tls-one-side", NULL, MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_tls_both,
      MT_PARAM_TLS_CREDS },
    { "tls-client-creds", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE,
      rule_tls_client, MT_PARAM_TLS_CREDS },
    { "tls-server-creds", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION,
      rule_tls_server, MT_PARAM_TLS_CREDS },
    { "tls-authz", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_tls_authz,
      MT_PARAM_TLS_AUTHZ },
    { "tls-hostname", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE, rule_tls_hostname,
      MT_PARAM_TLS_HOSTNAME },
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
      .since = MT_RELEASE(10, 0), .origin = "QEMU property send-switchover-start" },
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

/*
 * Facts that the monitors do not report
 */

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
    return rule_has_postcopy(p) && p->destination->userfault < 0;
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
    g_autofree char *here = rule_get_creds(p->source_after);
    g_autofree char *there = rule_get_creds(p->destination_after);
    const MtPairObject *client = mt_pair_side_find_object(p->source, here);
    const MtPairObject *server =
        mt_pair_side_find_object(p->destination, there);

    return rule_has_tls(p) && (!client || !server || !server->expires);
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
        N_("whether the machine types are equal: a side does not tell it"),
        N_("compare -machine in the command lines of both QEMU processes") },
      unchecked_machine },
    { { "page-size",
        N_("whether the page size of the target is equal on both sides"),
        N_("compare the kernels and the builds of both QEMUs") },
      unchecked_page_size },
    { { "ram-size",
        N_("whether the RAM has the same size on both sides: a side does not "
           "tell it"),
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
mt_pair_rules_run(MtPairing *pairing)
{
    for (guint i = 0; i < G_N_ELEMENTS(rules); i++)
        rules[i].run(pairing, &rules[i]);
    for (guint i = 0; i < G_N_ELEMENTS(unchecked_table); i++) {
        if (unchecked_table[i].applies(pairing))
            g_ptr_array_add(pairing->unchecked,
                            (gpointer)&unchecked_table[i].what);
    }
}
