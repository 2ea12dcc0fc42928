/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policies of KubeVirt from its objects as YAML.
 *
 * A file can have several documents, and lists of objects as kubectl prints
 * them.  The settings come in three layers, field by field: KubeVirt's defaults,
 * the object of kind KubeVirt, and one MigrationPolicy.  The policy is the one
 * whose selectors match the labels of the guest and of its namespace, with the
 * most labels; the guest's labels count first, then the name decides.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "converge/import/import.h"
#include "util/i18n.h"

#define GATE_STALL "MigrationStallDetection"
#define GATE_TUNING "MigrationDowntimeTuning"

/* The members of the objects that are read; not all belong to the policy. */
typedef struct {
    MtKubevirtConfig policy;
    const MtDoc *disruption;    /* allowWorkloadDisruption */
    const MtDoc *postcopy;      /* allowPostCopy */
    const MtDoc *bandwidth;
    const MtDoc *tuning;
    const MtDoc *stall;
    const MtDoc *compression;
    const MtDoc *experimental;
    const MtDoc *elsewhere;     /* members that other code reads */
} KubevirtText;

#define TEXT(member) G_STRUCT_OFFSET(KubevirtText, member)
#define POLICY(member) G_STRUCT_OFFSET(KubevirtText, policy.member)

/* Members of both the cluster's settings and a MigrationPolicy. */
#define COMMON_FIELDS                                                       \
    { "completionTimeoutPerGiB", MT_FIELD_INT, POLICY(completion_s_per_gb), \
      0, 100000000 },                                                       \
    { "maxDowntimeMs", MT_FIELD_INT, POLICY(max_downtime_ms), 1,            \
      MT_DOWNTIME_MAX_MS },                                                 \
    { "allowPostCopy", MT_FIELD_NODE, TEXT(postcopy) },                     \
    { "allowWorkloadDisruption", MT_FIELD_NODE, TEXT(disruption) },         \
    { "bandwidthPerMigration", MT_FIELD_NODE, TEXT(bandwidth) },            \
    { "allowAutoConverge", MT_FIELD_UNUSED }

static const MtField cluster_fields[] = {
    COMMON_FIELDS,
    { "progressTimeout", MT_FIELD_INT, POLICY(progress_s), 0, 100000000 },
    { "nodeDrainTaintKey", MT_FIELD_UNUSED },
    { "parallelOutboundMigrationsPerNode", MT_FIELD_UNUSED },
    { "parallelMigrationsPerCluster", MT_FIELD_UNUSED },
    { "utilityVolumesTimeout", MT_FIELD_UNUSED },
    { "unsafeMigrationOverride", MT_FIELD_UNUSED },
    { "disableTLS", MT_FIELD_UNUSED },
    { "network", MT_FIELD_UNUSED },
    { "matchSELinuxLevelOnMigration", MT_FIELD_UNUSED },
};

static const MtField policy_fields[] = {
    COMMON_FIELDS,
    { "selectors", MT_FIELD_NODE, TEXT(elsewhere) },
    { "experimental", MT_FIELD_NODE, TEXT(experimental) },
};

static const MtField experimental_fields[] = {
    { "compression", MT_FIELD_NODE, TEXT(compression) },
    { "downtimeTuning", MT_FIELD_NODE, TEXT(tuning) },
    { "stallDetector", MT_FIELD_NODE, TEXT(stall) },
};

static const MtField tuning_fields[] = {
    { "initialMs", MT_FIELD_INT, POLICY(initial_ms), 1, MT_DOWNTIME_MAX_MS },
    { "steps", MT_FIELD_INT, POLICY(steps), 1, 1000000 },
    { "startAfterIteration", MT_FIELD_INT, POLICY(start_after_pass), 1,
      1000000 },
    { "cooldownSeconds", MT_FIELD_INT, POLICY(cooldown_s), 1, 1000000 },
};

static const MtField stall_fields[] = {
    { "stallMargin", MT_FIELD_INT, POLICY(margin_percent), 0, 100 },
    { "stallProgressTimeout", MT_FIELD_INT, POLICY(stall_s), 0, 100000000 },
    { "switchoverTimeout", MT_FIELD_INT, POLICY(switchover_s), 0, 100000000 },
    { "searchLocalMinima", MT_FIELD_BOOL, POLICY(local_minima) },
};

static const struct {
    const char *name;
    gsize offset;
    double min, max;
} factors[] = {
    { "ewmaAlpha", POLICY(alpha), 0.001, 1 },
    { "precopyPossibleFactor", POLICY(possible_factor), 1, 1e6 },
    { "patienceWindowDecayFactor", POLICY(decay), 0, 1 },
    { "completionTimeoutFactor", POLICY(completion_factor), 1, 1e6 },
};

typedef struct {
    const MtImport *import;
    MtDocReader reader;
    KubevirtText text;
    const MtDoc *best;          /* the MigrationPolicy that applies */
    guint best_vm, best_namespace;
    const char *best_name;
    guint n_policies;
    gboolean cluster;           /* the file has an object of kind KubeVirt */
    gboolean gate_stall, gate_tuning;
} KubevirtImport;

/* A quantity of Kubernetes without a unit, or in thousandths: "0.4", "400m". */
static void
kubevirt_read_factor(KubevirtImport *self, const MtDoc *doc, guint i)
{
    double *place = (double *)((char *)&self->text + factors[i].offset);
    g_autofree char *number = NULL;
    double scale = 1, value = NAN;
    char *end = NULL;

    if (doc->kind == MT_DOC_SCALAR) {
        number = g_strdup(doc->text);
        if (g_str_has_suffix(number, "m")) {
            number[strlen(number) - 1] = '\0';
            scale = 1000;
        }
        if (*number && strspn(number, "0123456789.") == strlen(number))
            value = g_ascii_strtod(number, &end) / scale;
    }
    if (!end || *end || !(value >= factors[i].min && value <= factors[i].max)) {
        mt_findings_add(self->import->findings, MT_FINDING_ERROR,
                        "wrong-type", self->import->file, doc->line,
                        _("'%s' must be a quantity from %g to %g"),
                        factors[i].name, factors[i].min, factors[i].max);
        return;
    }
    if (fabs(value * 1000 - round(value * 1000)) > 1e-6)
        mt_findings_add(self->import->findings, MT_FINDING_ERROR,
                        "wrong-type", self->import->file, doc->line,
                        _("'%s' has more than three decimals"),
                        factors[i].name);
    else
        *place = value;
}

static void
kubevirt_read_stall(KubevirtImport *self, const MtDoc *doc)
{
    MtField fields[G_N_ELEMENTS(stall_fields) + G_N_ELEMENTS(factors)];
    const MtDoc *nodes[G_N_ELEMENTS(factors)] = { NULL };

    if (!mt_doc_expect(&self->reader, doc, MT_DOC_MAP, "stallDetector"))
        return;
    memcpy(fields, stall_fields, sizeof(stall_fields));
    for (guint i = 0; i < G_N_ELEMENTS(factors); i++) {
        nodes[i] = mt_doc_get(doc, factors[i].name);
        fields[G_N_ELEMENTS(stall_fields) + i] = (MtField){
            factors[i].name, MT_FIELD_NODE, TEXT(elsewhere) };
    }
    mt_doc_read(&self->reader, doc, fields, G_N_ELEMENTS(fields),
                &self->text);
    for (guint i = 0; i < G_N_ELEMENTS(factors); i++) {
        if (nodes[i])
            kubevirt_read_factor(self, nodes[i], i);
    }
}

static gboolean
kubevirt_is_true(KubevirtImport *self, const MtDoc *doc, const char *name)
{
    gboolean value = FALSE;
    const MtField field = { name, MT_FIELD_BOOL, 0 };
    MtDoc map = { .kind = MT_DOC_MAP, .line = doc->line };

    /* Makes a map with only this member, which mt_doc_read() can read. */
    map.keys = g_ptr_array_new();
    map.items = g_ptr_array_new();
    g_ptr_array_add(map.keys, (gpointer)name);
    g_ptr_array_add(map.items, (gpointer)doc);
    mt_doc_read(&self->reader, &map, &field, 1, &value);
    g_ptr_array_unref(map.keys);
    g_ptr_array_unref(map.items);
    return value;
}

/* Reads the settings of one object; members that it does not have keep their
 * values. */
static void
kubevirt_apply(KubevirtImport *self, const MtDoc *doc, const MtField *fields,
               guint n_fields, gboolean policy)
{
    KubevirtText *text = &self->text;

    text->postcopy = text->disruption = text->experimental = NULL;
    mt_doc_read(&self->reader, doc, fields, n_fields, text);
    if (text->postcopy) {
        text->policy.allow_postcopy =
            kubevirt_is_true(self, text->postcopy, "allowPostCopy");
        /* The default of allowWorkloadDisruption is the value of
         * allowPostCopy. */
        if (policy || !text->disruption)
            text->policy.allow_disruption = text->policy.allow_postcopy;
    }
    if (text->disruption)
        text->policy.allow_disruption = kubevirt_is_true(
            self, text->disruption, "allowWorkloadDisruption");
    if (!text->experimental ||
        !mt_doc_expect(&self->reader, text->experimental, MT_DOC_MAP,
                       "experimental"))
        return;

    mt_doc_read(&self->reader, text->experimental, experimental_fields,
                G_N_ELEMENTS(experimental_fields), text);
    if (text->tuning &&
        mt_doc_expect(&self->reader, text->tuning, MT_DOC_MAP,
                      "downtimeTuning"))
        mt_doc_read(&self->reader, text->tuning, tuning_fields,
                    G_N_ELEMENTS(tuning_fields), text);
    if (text->stall)
        kubevirt_read_stall(self, text->stall);
}

/* The number of labels of @selector that the guest has; -1 if one differs. */
static int
kubevirt_match(const MtImport *import, const MtDoc *selector,
               const char *prefix)
{
    int n = 0;

    if (!selector || selector->kind != MT_DOC_MAP)
        return 0;

    for (guint i = 0; i < selector->items->len; i++) {
        const MtDoc *value = g_ptr_array_index(selector->items, i);
        g_autofree char *key = g_strdup_printf(
            "%s.%s", prefix, (const char *)g_ptr_array_index(selector->keys,
                                                             i));
        const char *given = mt_import_selected(import, key);

        if (!given || value->kind != MT_DOC_SCALAR ||
            !g_str_equal(given, value->text))
            return -1;
        n++;
    }

    return n;
}

static gboolean
kubevirt_has_labels(const MtImport *import)
{
    for (guint i = 0; import->select && import->select[i]; i++) {
        if (g_str_has_prefix(import->select[i], "vm."))
            return TRUE;
    }

    return FALSE;
}

static void
kubevirt_consider(KubevirtImport *self, const MtDoc *object)
{
    const MtDoc *spec = mt_doc_get(object, "spec");
    const MtDoc *name = mt_doc_get(mt_doc_get(object, "metadata"), "name");
    const char *title = name && name->kind == MT_DOC_SCALAR ? name->text : "";
    const char *wanted = mt_import_selected(self->import, "policy");
    const MtDoc *selectors = mt_doc_get(spec, "selectors");
    int vm = 0, ns = 0;

    self->n_policies++;
    if (!spec || !mt_doc_expect(&self->reader, spec, MT_DOC_MAP, "spec"))
        return;
    if (wanted) {
        if (g_str_equal(title, wanted))
            self->best = spec;
        return;
    }

    /* The selector of guests is ignored if no labels of the guest were
     * given. */
    if (kubevirt_has_labels(self->import))
        vm = kubevirt_match(self->import,
                            mt_doc_get(selectors,
                                       "virtualMachineInstanceSelector"),
                            "vm");
    ns = kubevirt_match(self->import,
                        mt_doc_get(selectors, "namespaceSelector"),
                        "namespace");
    if (vm < 0 || ns < 0 || vm + ns == 0)
        return;
    if (self->best &&
        ((guint)vm < self->best_vm ||
         ((guint)vm == self->best_vm &&
          ((guint)ns < self->best_namespace ||
           ((guint)ns == self->best_namespace &&
            strcmp(title, self->best_name) > 0)))))
        return;
    self->best = spec;
    self->best_vm = vm;
    self->best_namespace = ns;
    self->best_name = title;
}

static void
kubevirt_read_gates(KubevirtImport *self, const MtDoc *configuration)
{
    const MtDoc *gates = mt_doc_get(
        mt_doc_get(configuration, "developerConfiguration"), "featureGates");

    for (guint i = 0; gates && gates->kind == MT_DOC_LIST &&
         i < gates->items->len; i++) {
        const MtDoc *gate = g_ptr_array_index(gates->items, i);

        if (gate->kind != MT_DOC_SCALAR)
            continue;
        self->gate_stall |= g_str_equal(gate->text, GATE_STALL);
        self->gate_tuning |= g_str_equal(gate->text, GATE_TUNING);
    }
}

static void
kubevirt_read_cluster(KubevirtImport *self, const MtDoc *configuration)
{
    const MtDoc *migrations = mt_doc_get(configuration, "migrations");

    self->cluster = TRUE;
    kubevirt_read_gates(self, configuration);
    if (migrations && mt_doc_expect(&self->reader, migrations, MT_DOC_MAP,
                                    "migrations"))
        kubevirt_apply(self, migrations, cluster_fields,
                       G_N_ELEMENTS(cluster_fields), FALSE);
}

static void
kubevirt_read_object(KubevirtImport *self, const MtDoc *object, guint depth)
{
    const MtDoc *kind = mt_doc_get(object, "kind");
    const MtDoc *items = mt_doc_get(object, "items");
    const char *name = kind && kind->kind == MT_DOC_SCALAR ? kind->text : "";

    if (!mt_doc_expect(&self->reader, object, MT_DOC_MAP, "object"))
        return;
    if (g_str_has_suffix(name, "List") && items &&
        items->kind == MT_DOC_LIST && depth == 0) {
        for (guint i = 0; i < items->items->len; i++)
            kubevirt_read_object(self, g_ptr_array_index(items->items, i), 1);
    } else if (g_str_equal(name, "KubeVirt")) {
        kubevirt_read_cluster(self, mt_doc_get(mt_doc_get(object, "spec"),
                                               "configuration"));
    } else if (g_str_equal(name, "MigrationPolicy")) {
        kubevirt_consider(self, object);
    } else if (!*name && mt_doc_get(object, "migrations")) {
        kubevirt_read_cluster(self, object);
    } else if (!*name) {
        self->cluster = TRUE;
        kubevirt_apply(self, object, cluster_fields,
                       G_N_ELEMENTS(cluster_fields), FALSE);
    } else {
        mt_findings_add(self->import->findings, MT_FINDING_INFO, "not-used",
                        self->import->file, object->line,
                        _("an object of kind '%s' is not used"), name);
    }
}

static void
kubevirt_find(const KubevirtImport *self, MtSeverity severity,
              const char *code, const MtDoc *doc, const char *text)
{
    mt_findings_add(self->import->findings, severity, code,
                    self->import->file, doc ? doc->line : 0, "%s", text);
}

/* Chooses between the monitor and the stall detector, and reports known
 * traps. */
static void
kubevirt_finish(KubevirtImport *self)
{
    const KubevirtText *text = &self->text;
    gboolean stall = text->stall || self->gate_stall;

    if (text->tuning && text->stall)
        kubevirt_find(self, MT_FINDING_ERROR, "impossible", text->stall,
                      _("downtimeTuning and stallDetector exclude each "
                        "other"));
    if (self->cluster && text->tuning && !self->gate_tuning)
        kubevirt_find(self, MT_FINDING_WARNING, "trap", text->tuning,
                      _("the feature gate MigrationDowntimeTuning is off: "
                        "KubeVirt would not use downtimeTuning; it is used "
                        "here"));
    if (self->cluster && text->stall && !self->gate_stall)
        kubevirt_find(self, MT_FINDING_WARNING, "trap", text->stall,
                      _("the feature gate MigrationStallDetection is off: "
                        "KubeVirt would not use stallDetector; it is used "
                        "here"));
    if (text->compression &&
        (text->compression->kind != MT_DOC_SCALAR ||
         (!g_str_equal(text->compression->text, "none") &&
          !g_str_equal(text->compression->text, "zstd"))))
        kubevirt_find(self, MT_FINDING_WARNING, "trap", text->compression,
                      _("KubeVirt does not know this compression and uses "
                        "none"));
    else if (text->compression)
        kubevirt_find(self, MT_FINDING_INFO, "not-used", text->compression,
                      _("'compression' is a setting of the migration and is "
                        "not used by the policy"));
    if (text->bandwidth)
        kubevirt_find(self, MT_FINDING_INFO, "not-used", text->bandwidth,
                      _("'bandwidthPerMigration' is a setting of the "
                        "migration and is not used by the policy"));
    if (!text->policy.completion_s_per_gb)
        kubevirt_find(self, MT_FINDING_WARNING, "trap", NULL,
                      _("without a completion timeout a migration that does "
                        "not converge goes on for ever"));
    kubevirt_find(self, MT_FINDING_WARNING, "trap", NULL,
                  _("completionTimeoutPerGiB counts started units of 10^9 "
                    "bytes, not GiB"));

    self->import->config->policy = stall ? &mt_policy_kubevirt_stall :
        &mt_policy_kubevirt;
    self->import->config->kubevirt = text->policy;
    self->import->config->kubevirt.tuning = text->tuning && !stall;
    mt_findings_add(self->import->findings, MT_FINDING_INFO, "taken",
                    self->import->file, 0,
                    _("%s: %" PRId64 " s for each 10^9 bytes, a "
                      "downtime of at most %" PRId64 " ms"),
                    self->import->config->policy->name,
                    text->policy.completion_s_per_gb,
                    text->policy.max_downtime_ms);
}

void
mt_import_kubevirt(const MtImport *import)
{
    KubevirtImport self = {
        .import = import, .reader = { import->file, import->findings },
    };
    g_autoptr(GPtrArray) docs = mt_doc_parse(import->text, import->length,
                                             import->file, import->findings);

    if (!docs)
        return;
    mt_policy_config_init(import->config, "kubevirt", NULL);
    self.text.policy = import->config->kubevirt;
    for (guint i = 0; i < docs->len; i++)
        kubevirt_read_object(&self, g_ptr_array_index(docs, i), 0);
    if (self.best) {
        kubevirt_apply(&self, self.best, policy_fields,
                       G_N_ELEMENTS(policy_fields), TRUE);
        mt_findings_add(import->findings, MT_FINDING_INFO, "taken",
                        import->file, self.best->line,
                        _("this MigrationPolicy applies"));
    } else if (self.n_policies && !self.cluster) {
        kubevirt_find(&self, MT_FINDING_ERROR, "select", NULL,
                      _("no MigrationPolicy of the file applies; select one "
                        "with policy=NAME, or give the labels of the guest as "
                        "vm.LABEL=VALUE and namespace.LABEL=VALUE"));
    } else if (self.n_policies) {
        kubevirt_find(&self, MT_FINDING_WARNING, "select", NULL,
                      _("no MigrationPolicy of the file applies to the labels "
                        "that were given; only the settings of the cluster "
                        "are used"));
    }
    if (!self.n_policies && !self.cluster)
        kubevirt_find(&self, MT_FINDING_ERROR, "unknown-format", NULL,
                      _("the file has no object of kind KubeVirt or "
                        "MigrationPolicy"));
    kubevirt_finish(&self);
}
