/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Imported configurations of other programs result in the policies that those
 * programs run.  Errors in a file are findings with their line.
 */
#include "config.h"

#include <locale.h>
#include <string.h>

#include "converge/import/import.h"
#include "converge/scene.h"
#include "util/json.h"

typedef struct {
    MtPolicyConfig config;
    MtFindings *findings;
    gboolean ok;
} Imported;

static void
import(Imported *imported, const char *text, const char *const *select)
{
    MtImport args = {
        .text = text,
        .length = strlen(text),
        .file = "file",
        .select = select,
        .config = &imported->config,
    };

    memset(imported, 0, sizeof(*imported));
    imported->findings = args.findings = mt_findings_new();
    imported->ok = mt_import(&args);
}

/* Returns the line of the first finding with @code; -1 if there is none. */
static int
find(const MtFindings *findings, const char *code)
{
    for (guint i = 0; i < mt_findings_n(findings); i++) {
        const MtFinding *finding = mt_findings_get(findings, i);

        if (g_str_equal(finding->code, code))
            return finding->line;
    }

    return -1;
}

static void
show(const MtFindings *findings)
{
    for (guint i = 0; i < mt_findings_n(findings); i++) {
        const MtFinding *finding = mt_findings_get(findings, i);

        g_test_message("%s:%u: %s: %s", finding->file, finding->line,
                       finding->code, finding->text);
    }
}

/* The settings, as JSON, that the importer must return. */
static const struct {
    const char *name;
    const char *text;
    const char *select[4];
    const char *policy;
    const char *settings;       /* members that must be equal */
} good[] = {
    { "nova-empty", "[libvirt]\n", { NULL }, "nova",
      "{\"live_migration_downtime\": 500, \"live_migration_downtime_steps\": "
      "10, \"live_migration_downtime_delay\": 75, "
      "\"live_migration_completion_timeout\": 800, "
      "\"live_migration_force_complete\": false}" },
    { "nova", "# Nova\n[DEFAULT]\nlive_migration_retry_count = 5\n"
      "[libvirt]\nlive_migration_downtime = 400\n"
      "live_migration_downtime_steps=10\nlive_migration_downtime_delay=30\n"
      "live_migration_completion_timeout = 0\n"
      "live_migration_timeout_action = force_complete\n"
      "live_migration_permit_post_copy = True\nvirt_type = kvm\n"
      "live_migration_downtime = 401\n", { NULL }, "nova",
      "{\"live_migration_downtime\": 401, \"live_migration_downtime_delay\": "
      "30, \"live_migration_completion_timeout\": 0, "
      "\"live_migration_force_complete\": true, "
      "\"live_migration_permit_post_copy\": true}" },
    { "nova-size", "[libvirt]\n",
      { "flavor.ram=8192", "disk=42949672960", "disk=1" }, "nova",
      "{\"flavor_gib\": 8.0, \"disk_gib\": 42.0}" },
    { "vdsm-schedule",
      "{\"init\": [{\"name\": \"setDowntime\", \"params\": [\"100\"]}],\n"
      "\"stalling\": [{\"limit\": 1, \"action\": {\"name\": \"setDowntime\", "
      "\"params\": [150]}}, {\"limit\": -1, \"action\": {\"name\": "
      "\"abort\", \"params\": []}}]}", { NULL }, "vdsm",
      "{\"interval_ms\": 10000, \"init\": [{\"action\": \"set-downtime\", "
      "\"value\": 100}], \"stalling\": [{\"limit\": 1, \"action\": "
      "\"set-downtime\", \"value\": 150}, {\"limit\": -1, \"action\": "
      "\"abort\"}]}" },
    { "ovirt-one",
      "{\"id\":{\"uuid\":\"a\"},\"name\":\"P\",\"autoConvergence\":true,"
      "\"config\":{\"initialItems\":[{\"action\":\"setDowntime\",\"params\":"
      "[\"300\"]}],\"convergenceItems\":[{\"stallingLimit\":4,"
      "\"convergenceItem\":{\"action\":\"setDowntime\",\"params\":[\"400\"]}"
      "}],\"lastItems\":[{\"action\":\"postcopy\",\"params\":[]},"
      "{\"action\":\"abort\",\"params\":[]}]}}", { NULL }, "vdsm",
      "{\"init\": [{\"action\": \"set-downtime\", \"value\": 300}], "
      "\"stalling\": [{\"limit\": 4, \"action\": \"set-downtime\", "
      "\"value\": 400}, {\"limit\": -1, \"action\": \"post-copy\"}, "
      "{\"limit\": -1, \"action\": \"abort\"}]}" },
    { "ovirt-list",
      "[{\"name\":\"A\",\"config\":{\"lastItems\":[{\"action\":\"abort\"}]}},"
      "\n{\"name\":\"B\",\"config\":{\"initialItems\":[{\"action\":"
      "\"setDowntime\",\"params\":[7]}],\"lastItems\":[{\"action\":\"abort\"}"
      "]}}]", { "policy=B" }, "vdsm",
      "{\"init\": [{\"action\": \"set-downtime\", \"value\": 7}]}" },
    { "vdsm-conf", "[vars]\nmigration_downtime = 500\n"
      "migration_downtime_steps = 2\n", { NULL }, "vdsm",
      "{\"init\": [{\"action\": \"set-downtime\", \"value\": 251}], "
      "\"stalling\": [{\"limit\": 1, \"action\": \"set-downtime\", "
      "\"value\": 500}, {\"limit\": 42, \"action\": \"set-downtime\", "
      "\"value\": 500}, {\"limit\": -1, \"action\": \"abort\"}]}" },
    { "proxmox", "memory: 2048\nmigrate_downtime: 0.35\nmigrate_speed: 100\n"
      "[snap]\nmigrate_downtime: 9\n", { NULL }, "proxmox",
      "{\"migrate_downtime_ms\": 350}" },
    { "proxmox-default", "ostype: l26\n", { NULL }, "proxmox",
      "{\"migrate_downtime_ms\": 100}" },
    { "proxmox-capped", "migrate_downtime: 5000\n", { NULL }, "proxmox",
      "{\"migrate_downtime_ms\": 2000000}" },
    { "kubevirt-cluster",
      "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nspec:\n"
      "  configuration:\n    migrations:\n"
      "      completionTimeoutPerGiB: 800\n      allowPostCopy: true\n"
      "      progressTimeout: 30\n", { NULL }, "kubevirt",
      "{\"completionTimeoutPerGiB\": 800, \"progressTimeout\": 30, "
      "\"allowPostCopy\": true, \"allowWorkloadDisruption\": true, "
      "\"maxDowntimeMs\": 900, \"downtimeTuning\": false}" },
    { "kubevirt-gate",
      "kind: KubeVirt\nspec:\n  configuration:\n"
      "    developerConfiguration:\n      featureGates:\n"
      "      - MigrationStallDetection\n    migrations: {}\n", { NULL },
      "kubevirt-stall", "{\"completionTimeoutPerGiB\": 150}" },
    { "kubevirt-policy",
      "kind: KubeVirt\nspec:\n  configuration:\n    migrations:\n"
      "      completionTimeoutPerGiB: 800\n      maxDowntimeMs: 700\n---\n"
      "kind: MigrationPolicy\nmetadata:\n  name: one\nspec:\n"
      "  selectors:\n    virtualMachineInstanceSelector: {app: db}\n"
      "  maxDowntimeMs: 600\n  allowPostCopy: true\n"
      "  allowWorkloadDisruption: false\n"
      "  experimental:\n    downtimeTuning: {steps: 3}\n",
      { "vm.app=db" }, "kubevirt",
      "{\"completionTimeoutPerGiB\": 800, \"maxDowntimeMs\": 600, "
      "\"allowPostCopy\": true, \"allowWorkloadDisruption\": false, "
      "\"downtimeTuning\": true, \"steps\": 3, \"initialMs\": 150}" },
    { "kubevirt-not-selected",
      "kind: KubeVirt\nspec:\n  configuration:\n    migrations:\n"
      "      maxDowntimeMs: 700\n---\n"
      "kind: MigrationPolicy\nmetadata: {name: one}\nspec:\n"
      "  selectors:\n    virtualMachineInstanceSelector: {app: db}\n"
      "  maxDowntimeMs: 600\n", { "vm.app=web" }, "kubevirt",
      "{\"maxDowntimeMs\": 700}" },
    { "kubevirt-vm-labels-first",
      "kind: MigrationPolicyList\nitems:\n"
      "- kind: MigrationPolicy\n  metadata: {name: z}\n  spec:\n"
      "    selectors: {namespaceSelector: {a: b, c: d}}\n"
      "    maxDowntimeMs: 1\n"
      "- kind: MigrationPolicy\n  metadata: {name: y}\n  spec:\n"
      "    selectors: {virtualMachineInstanceSelector: {app: db}}\n"
      "    maxDowntimeMs: 2\n"
      "- kind: MigrationPolicy\n  metadata: {name: x}\n  spec:\n"
      "    selectors: {virtualMachineInstanceSelector: {app: db}}\n"
      "    maxDowntimeMs: 3\n",
      { "vm.app=db", "namespace.a=b", "namespace.c=d" }, "kubevirt",
      "{\"maxDowntimeMs\": 3}" },
    { "kubevirt-stall",
      "kind: MigrationPolicy\nmetadata: {name: one}\nspec:\n"
      "  experimental:\n    stallDetector:\n      stallMargin: 5\n"
      "      ewmaAlpha: \"0.2\"\n      precopyPossibleFactor: 1500m\n"
      "      completionTimeoutFactor: 3\n      searchLocalMinima: false\n",
      { "policy=one" }, "kubevirt-stall",
      "{\"stallMargin\": 5, \"ewmaAlpha\": 0.2, \"precopyPossibleFactor\": "
      "1.5, \"patienceWindowDecayFactor\": 0.5, \"completionTimeoutFactor\": "
      "3.0, \"searchLocalMinima\": false, \"stallProgressTimeout\": 40}" },
    { "kubevirt-bare", "completionTimeoutPerGiB: 64\n", { NULL },
      "kubevirt", "{\"completionTimeoutPerGiB\": 64}" },
};

static void
test_good(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(JsonObject) settings = NULL;
        g_autoptr(JsonObject) expected =
            mt_json_parse_object(good[i].settings, -1, &error);
        g_autoptr(GList) members = NULL;
        Imported imported;

        g_test_message("%s", good[i].name);
        g_assert_no_error(error);
        import(&imported, good[i].text, good[i].select);
        show(imported.findings);
        g_assert_true(imported.ok);
        g_assert_cmpstr(imported.config.policy->name, ==, good[i].policy);
        g_assert_cmpint(find(imported.findings, "taken"), >=, 0);
        settings = mt_policy_config_to_json(&imported.config);
        members = json_object_get_members(expected);
        for (GList *member = members; member; member = member->next) {
            JsonNode *node = json_object_get_member(settings, member->data);
            g_autofree char *got = node ? mt_json_to_line(node) : NULL;
            g_autofree char *want = mt_json_to_line(
                json_object_get_member(expected, member->data));

            g_assert_cmpstr(got, ==, want);
        }
        mt_findings_free(imported.findings);
    }
}

/* Files that give a finding with this code at this line; @ok if they can be
 * used nevertheless. */
static const struct {
    const char *text;
    const char *code;
    int line;
    gboolean ok;
} bad[] = {
    { "[libvirt]\nlive_migration_downtime = soon\n", "wrong-type", 2 },
    { "[libvirt]\nlive_migration_downtime = 99\n", "wrong-type", 2 },
    { "[libvirt]\nlive_migration_downtime_steps = 2\n", "wrong-type", 2 },
    { "[libvirt]\n\nlive_migration_permit_post_copy = maybe\n",
      "wrong-type", 3 },
    { "[libvirt]\nlive_migration_timeout_action = pause\n", "wrong-type", 2 },
    { "[libvirt]\nlive_migration_progress_timeout = 150\n", "unknown-key", 2,
      TRUE },
    { "[libvirt]\n\nnot a key\n", "syntax", 3 },
    { "[libvirt]\nlive_migration_permit_post_copy = on\n"
      "live_migration_permit_auto_converge = on\n", "trap", 3, TRUE },
    { "[libvirt]\nlive_migration_completion_timeout = 0\n", "trap", 2, TRUE },
    { "[libvirt]\nlive_migration_bandwidth = 10\n", "not-used", 2, TRUE },
    { "[libvirt]\n", "size", 0, TRUE },
    { "{\"stalling\": [{\"limit\": 1, \"action\": {\"name\": "
      "\"postcopy\"}}, {\"limit\": -1, \"action\": {\"name\": "
      "\"abort\"}}]}", "needs-postcopy", 1, TRUE },

    { "[vars]\nmigration_downtime_steps = 0\n", "wrong-type", 2 },
    { "[vars]\nmigration_monitor_interval = 0\n", "trap", 2, TRUE },

    { "{\"init\": [],\n \"stalling\": []}", "impossible", 1 },
    { "{\"init\": [],\n \"stalling\": 3}", "wrong-type", 2 },
    { "{\"init\":\n [{\"name\": \"setDowntime\", \"params\": [100]}],\n"
      "\"stalling\": [\n{\"limit\": 1, \"action\":\n{\"name\": "
      "\"setDowntime\", \"params\": [90]}}]}", "impossible", 5 },
    { "{\"init\":\n[{\"name\": \"setBandwidth\", \"params\": [100]}],\n"
      "\"stalling\": []}", "action", 2 },
    { "{\"init\":\n[{\"name\": \"setDowntime\", \"params\": []}],\n"
      "\"stalling\": []}", "params", 2 },
    { "{\"init\":\n[{\"name\": \"setDowntime\", \"params\":\n[\"x\"]}],\n"
      "\"stalling\": []}", "wrong-type", 3 },
    { "{\"stalling\": [\n{\"limit\": 1}]}", "missing", 2 },
    { "{\"stalling\": [\n{\"limit\": -2, \"action\": {\"name\": "
      "\"abort\"}}]}", "wrong-type", 2 },
    { "{\"stalling\": [\n{\"limit\": 1, \"action\": {\"name\": "
      "\"postcopy\"}}]}", "trap", 1, TRUE },
    { "{\"stalling\": [\n{\"limit\": 1, \"action\": {\"name\": "
      "\"abort\", \"colour\":\n\"red\"}}]}", "unknown-key", 3, TRUE },
    { "{\"colour\": \"red\"}", "unknown-format", 1 },
    { "[{\"name\": \"A\"}, {\"name\": \"B\"}]", "select", 1 },
    { "{\"stalling\": [\n{\"limit\": 1,}", "syntax", 0 },

    { "ostype: l26\nmigrate_downtime: soon\n", "wrong-type", 2 },
    { "ostype: l26\nmigrate_downtime: -1\n", "wrong-type", 2 },
    { "ostype: l26\nmigrate_downtime\n", "syntax", 2 },
    { "migrate_downtime: 0\n", "trap", 1, TRUE },
    { "memory: 512\nmigrate_downtimes: 1\n", "unknown-key", 2, TRUE },
    { "migration: secure\n", "not-used", 1, TRUE },

    { "kind: KubeVirt\nspec:\n  configuration:\n    migrations:\n"
      "      maxDowntimeMs: 0\n", "wrong-type", 5 },
    { "kind: KubeVirt\nspec:\n  configuration:\n    migrations:\n"
      "      maxDowntimeMs: [1]\n", "wrong-type", 5 },
    { "kind: KubeVirt\nspec:\n  configuration:\n    migrations:\n"
      "      allowPostCopy: \"true\"\n", "wrong-type", 5 },
    { "kind: KubeVirt\nspec:\n  configuration:\n    migrations:\n"
      "      allowPostcopy: true\n", "unknown-key", 5, TRUE },
    { "kind: KubeVirt\nspec:\n  configuration:\n    migrations: 5\n",
      "wrong-type", 4 },
    { "kind: KubeVirt\nspec: &a\n  configuration: {}\n", "alias", 2 },
    { "kind: KubeVirt\nspec:\n  configuration: *a\n", "alias", 3 },
    { "kind: KubeVirt\nspec: {\n", "syntax", 3 },
    { "kind: KubeVirt\nkind: KubeVirt\n", "key-twice", 2 },
    { "kind: Pod\n", "unknown-format", 0 },
    { "kind: MigrationPolicy\nspec: {}\n", "select", 0 },
    { "completionTimeoutPerGiB: 1\n---\nkind: MigrationPolicy\n"
      "metadata: {name: a}\nspec: {maxDowntimeMs: 1}\n", "select", 0, TRUE },

    { "", "unknown-format", 0 },
    { "colour = red\n", "unknown-format", 0 },
    { "kind: \xff\n", "syntax", 0 },
};

static void
test_bad(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        Imported imported;

        g_test_message("case %u", i);
        import(&imported, bad[i].text, NULL);
        show(imported.findings);
        g_assert_cmpint(find(imported.findings, bad[i].code), ==,
                        bad[i].line);
        g_assert_true(imported.ok == bad[i].ok);
        g_assert_true(mt_findings_check(imported.findings, &error) ==
                      bad[i].ok);
        mt_findings_free(imported.findings);
    }
}

/* Small files that would expand to a large amount of data. */
static void
test_bombs(void)
{
    g_autoptr(GString) bomb = g_string_new("kind: KubeVirt\na0: &a0 [x]\n");
    g_autoptr(GString) deep = g_string_new("kind: ");
    g_autoptr(GString) wide = g_string_new("kind: KubeVirt\nspec: [");
    Imported imported;

    for (guint i = 1; i < 20; i++)
        g_string_append_printf(bomb, "a%u: &a%u [*a%u, *a%u, *a%u]\n", i, i,
                               i - 1, i - 1, i - 1);
    import(&imported, bomb->str, NULL);
    g_assert_cmpint(find(imported.findings, "alias"), ==, 2);
    mt_findings_free(imported.findings);

    for (guint i = 0; i < 1000; i++)
        g_string_append_c(deep, '[');
    import(&imported, deep->str, NULL);
    g_assert_cmpint(find(imported.findings, "too-large"), ==, 1);
    mt_findings_free(imported.findings);

    for (guint i = 0; i < 300000; i++)
        g_string_append(wide, "1,");
    g_string_append(wide, "1]\n");
    import(&imported, wide->str, NULL);
    g_assert_cmpint(find(imported.findings, "too-large"), ==, 2);
    mt_findings_free(imported.findings);
}

static const struct {
    const char *text;
    const char *code;
    int line;
} scenes[] = {
    { "{\"scenarios\": [{\"ram_bytes\": 1048576, \"link\": [{\"bandwidth\": "
      "1e6}]}]}", NULL, 0 },
    { "{\"scenarios\": [\n{\"ram_bytes\": 1048576}]}", "missing", 2 },
    { "{\"scenarios\": [\n{\"link\": [{\"bandwidth\": 1e6}]}]}", "missing",
      2 },
    { "{\"scenarios\": []}", "missing", 1 },
    { "{\"scenarios\": [{\"ram_bytes\": 1048576,\n\"link\": []}]}", "phases",
      2 },
    { "{\"scenarios\": [{\"ram_bytes\": 1048576,\n\"link\": [{\"from_s\": 1, "
      "\"bandwidth\": 1e6}]}]}", "order", 2 },
    { "{\"scenarios\": [{\"ram_bytes\": 1048576,\n\"link\": [{\"bandwidth\": "
      "1e6},\n{\"bandwidth\": 1e5}]}]}", "order", 3 },
    { "{\"scenarios\": [{\"ram_bytes\": 1048576,\n\"method\": \"fast\", "
      "\"link\": [{\"bandwidth\": 1e6}]}]}", "method", 1 },
    { "{\"scenarios\": [{\"ram_bytes\":\n-1, \"link\": [{\"bandwidth\": "
      "1e6}]}]}", "wrong-type", 2 },
    { "{\"scenarios\": [{\"ram_bytes\": 1048576, \"work\": [{\"parts\":\n["
      "{}, {}, {}]}], \"link\": [{\"bandwidth\": 1e6}]}]}", "parts", 2 },
    { "{\"scenarios\": [{\"ram_bytes\": 1048576, \"colour\":\n1, \"link\": "
      "[{\"bandwidth\": 1e6}]}]}", "unknown-key", 2 },
    { "{\"scenarios\": 5", "syntax", 0 },
    { "[]", "wrong-type", 1 },
};

static void
test_scenes(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(scenes); i++) {
        g_autoptr(MtFindings) findings = mt_findings_new();
        g_autoptr(GPtrArray) list =
            mt_scenes_parse(scenes[i].text, strlen(scenes[i].text), "file",
                            findings);

        g_test_message("case %u", i);
        show(findings);
        if (scenes[i].code)
            g_assert_cmpint(find(findings, scenes[i].code), ==,
                            scenes[i].line);
        else
            g_assert_cmpuint(mt_findings_n(findings), ==, 0);
        g_assert_true(!list == !mt_findings_check(findings, NULL));
    }
}

int
main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/import/good", test_good);
    g_test_add_func("/import/bad", test_bad);
    g_test_add_func("/import/bombs", test_bombs);
    g_test_add_func("/import/scenes", test_scenes);

    return g_test_run();
}
