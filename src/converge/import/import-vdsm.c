/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policies of oVirt: the option MigrationPolicies of oVirt's engine or one
 * policy of it, a schedule as VDSM receives it, and vdsm.conf for hosts that
 * receive no schedule.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "converge/import/import.h"
#include "util/i18n.h"

/* Where the items of a schedule are added. */
typedef struct {
    const MtDocReader reader;
    const MtImport *import;
    MtVdsmConfig *config;
    guint64 downtime_ms;        /* of the item before; 0: none */
} VdsmImport;

typedef struct {
    const char *name;
    const char *action;
    const MtDoc *params;
} VdsmAction;

static const MtField action_fields[] = {
    { "name", MT_FIELD_TEXT, G_STRUCT_OFFSET(VdsmAction, name) },
    { "action", MT_FIELD_TEXT, G_STRUCT_OFFSET(VdsmAction, action) },
    { "params", MT_FIELD_NODE, G_STRUCT_OFFSET(VdsmAction, params) },
};

static const struct {
    const char *name;
    MtAct act;
} actions[] = {
    { "setDowntime", MT_ACT_SET_DOWNTIME },
    { "postcopy", MT_ACT_POSTCOPY },
    { "abort", MT_ACT_ABORT },
};

static void
vdsm_error(VdsmImport *self, const MtDoc *doc, const char *code,
           const char *text)
{
    mt_findings_add(self->import->findings, MT_FINDING_ERROR, code,
                    self->import->file, doc->line, "%s", text);
}

static gboolean
vdsm_read_downtime(VdsmImport *self, const MtDoc *doc, const MtDoc *params,
                   MtVdsmItem *item)
{
    gint64 value;

    if (!params || params->kind != MT_DOC_LIST || params->items->len != 1) {
        vdsm_error(self, doc, "params",
                   _("setDowntime needs 'params' with one number"));
        return FALSE;
    }
    if (!mt_doc_get_int(&self->reader, g_ptr_array_index(params->items, 0),
                        "params", 0, MT_DOWNTIME_MAX_MS, &value))
        return FALSE;
    if ((guint64)value < self->downtime_ms) {
        mt_findings_add(self->import->findings, MT_FINDING_ERROR,
                        "impossible", self->import->file, doc->line,
                        _("the schedule lowers the downtime from %"
                          PRIu64 " ms to %" PRId64 " ms"),
                        self->downtime_ms, value);
        return FALSE;
    }
    item->value = self->downtime_ms = value;
    return TRUE;
}

static gboolean
vdsm_read_action(VdsmImport *self, const MtDoc *doc, MtVdsmItem *item)
{
    VdsmAction action = { 0 };
    const char *name;

    if (!mt_doc_expect(&self->reader, doc, MT_DOC_MAP, "action"))
        return FALSE;
    mt_doc_read(&self->reader, doc, action_fields,
                G_N_ELEMENTS(action_fields), &action);
    name = action.name ? action.name : action.action;
    for (guint i = 0; name && i < G_N_ELEMENTS(actions); i++) {
        if (!g_str_equal(actions[i].name, name))
            continue;
        item->act = actions[i].act;
        return item->act != MT_ACT_SET_DOWNTIME ||
               vdsm_read_downtime(self, doc, action.params, item);
    }

    mt_findings_add(self->import->findings, MT_FINDING_ERROR, "action",
                    self->import->file, doc->line,
                    _("'%s' is not an action; expected setDowntime, postcopy "
                      "or abort"), name ? name : "");
    return FALSE;
}

/* Adds @item to @items; FALSE if there are too many. */
static gboolean
vdsm_add_item(VdsmImport *self, const MtDoc *doc, MtVdsmItem *items, guint *n,
              const MtVdsmItem *item)
{
    if (*n == MT_VDSM_ITEMS) {
        vdsm_error(self, doc, "too-large",
                   _("the schedule has too many items"));
        return FALSE;
    }
    items[(*n)++] = *item;
    return TRUE;
}

/* A list of actions without limits. */
static void
vdsm_read_plain(VdsmImport *self, const MtDoc *list, const char *name,
                gint64 limit, MtVdsmItem *items, guint *n)
{
    if (!list || !mt_doc_expect(&self->reader, list, MT_DOC_LIST, name))
        return;

    for (guint i = 0; i < list->items->len; i++) {
        const MtDoc *doc = g_ptr_array_index(list->items, i);
        MtVdsmItem item = { .limit = limit };

        if (!vdsm_read_action(self, doc, &item) ||
            !vdsm_add_item(self, doc, items, n, &item))
            return;
    }
}

/* A list of actions with limits: @limit and @action are the names of the
 * members. */
static void
vdsm_read_limited(VdsmImport *self, const MtDoc *list, const char *name,
                  const char *limit, const char *action)
{
    if (!list || !mt_doc_expect(&self->reader, list, MT_DOC_LIST, name))
        return;

    for (guint i = 0; i < list->items->len; i++) {
        const MtDoc *doc = g_ptr_array_index(list->items, i);
        const MtDoc *what = mt_doc_get(doc, action);
        const MtDoc *when = mt_doc_get(doc, limit);
        MtVdsmItem item = { 0 };

        if (!what || !when) {
            mt_findings_add(self->import->findings, MT_FINDING_ERROR,
                            "missing", self->import->file, doc->line,
                            _("an item of '%s' needs '%s' and '%s'"), name,
                            limit, action);
            return;
        }
        if (!mt_doc_get_int(&self->reader, when, limit, MT_VDSM_LAST,
                            1000000, &item.limit) ||
            !vdsm_read_action(self, what, &item) ||
            !vdsm_add_item(self, doc, self->config->items,
                           &self->config->n_items, &item))
            return;
    }
}

/* Reports what VDSM's monitor does with unusual schedules. */
static void
vdsm_check(VdsmImport *self, const MtDoc *doc)
{
    const MtVdsmConfig *config = self->config;
    const MtVdsmItem *last;

    if (!mt_findings_check(self->import->findings, NULL))
        return;
    if (!config->n_items) {
        vdsm_error(self, doc, "impossible",
                   _("the schedule is empty: VDSM's monitor stops with an "
                     "error at the second pass"));
        return;
    }
    last = &config->items[config->n_items - 1];
    if (last->act != MT_ACT_ABORT)
        mt_findings_add(self->import->findings, MT_FINDING_WARNING, "trap",
                        self->import->file, doc->line,
                        _("the schedule does not end with abort: VDSM stops "
                          "watching the migration after the last item"));
    for (guint i = 0; i + 1 < config->n_items; i++) {
        if (config->items[i].act == MT_ACT_ABORT)
            mt_findings_add(self->import->findings, MT_FINDING_WARNING,
                            "trap", self->import->file, doc->line,
                            _("item %u is abort: the items after it are never "
                              "reached"), i + 1);
    }
    for (guint i = 0; i < config->n_items; i++) {
        if (config->items[i].act != MT_ACT_POSTCOPY)
            continue;
        mt_findings_add(self->import->findings, MT_FINDING_WARNING,
                        "needs-postcopy", self->import->file, doc->line,
                        _("item %u switches to post-copy: VDSM allows "
                          "post-copy for each migration with such a schedule; "
                          "here set postcopy=on on both sides before the "
                          "migration, or the item fails"), i + 1);
        break;
    }
    mt_findings_add(self->import->findings, MT_FINDING_INFO, "taken",
                    self->import->file, doc->line,
                    _("a schedule of %u items at the start and %u items by "
                      "passes"), config->n_init, config->n_items);
    mt_findings_add(self->import->findings, MT_FINDING_WARNING, "trap",
                    self->import->file, doc->line,
                    _("VDSM takes at most one item every %d s, and none "
                      "while the first pass goes on"), 10);
}

/* Reads a policy of oVirt's engine. */
static void
vdsm_read_policy(VdsmImport *self, const MtDoc *policy)
{
    static const char *const flags[] = {
        "autoConvergence", "migrationCompression", "zeroCopy",
    };
    const MtDoc *config = mt_doc_get(policy, "config");

    if (!config)
        config = policy;
    if (!mt_doc_expect(&self->reader, config, MT_DOC_MAP, "config"))
        return;
    for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
        const MtDoc *flag = mt_doc_get(policy, flags[i]);

        if (flag)
            mt_findings_add(self->import->findings, MT_FINDING_INFO,
                            "not-used", self->import->file, flag->line,
                            _("'%s' is a setting of the migration and is not "
                              "used by the policy"), flags[i]);
    }
    vdsm_read_plain(self, mt_doc_get(config, "initialItems"), "initialItems",
                    0, self->config->init, &self->config->n_init);
    vdsm_read_limited(self, mt_doc_get(config, "convergenceItems"),
                      "convergenceItems", "stallingLimit", "convergenceItem");
    vdsm_read_plain(self, mt_doc_get(config, "lastItems"), "lastItems",
                    MT_VDSM_LAST, self->config->items,
                    &self->config->n_items);
    vdsm_check(self, config);
}

static gboolean
vdsm_is(const MtDoc *policy, const char *name)
{
    const MtDoc *title = mt_doc_get(policy, "name");
    const MtDoc *uuid = mt_doc_get(mt_doc_get(policy, "id"), "uuid");

    return (title && title->kind == MT_DOC_SCALAR &&
            g_str_equal(title->text, name)) ||
           (uuid && uuid->kind == MT_DOC_SCALAR &&
            g_ascii_strcasecmp(uuid->text, name) == 0);
}

/* The policy of the engine's list that the caller has selected. */
static const MtDoc *
vdsm_select(VdsmImport *self, const MtDoc *list)
{
    const char *name = mt_import_selected(self->import, "policy");
    g_autoptr(GString) names = g_string_new(NULL);

    if (list->items->len == 1 && !name)
        return g_ptr_array_index(list->items, 0);
    for (guint i = 0; i < list->items->len; i++) {
        const MtDoc *policy = g_ptr_array_index(list->items, i);
        const MtDoc *title = mt_doc_get(policy, "name");

        if (name && vdsm_is(policy, name))
            return policy;
        if (title && title->kind == MT_DOC_SCALAR)
            g_string_append_printf(names, "%s'%s'", names->len ? ", " : "",
                                   title->text);
    }
    if (name)
        mt_findings_add(self->import->findings, MT_FINDING_ERROR, "select",
                        self->import->file, list->line,
                        _("there is no policy '%s'; the file has %s"), name,
                        names->str);
    else
        mt_findings_add(self->import->findings, MT_FINDING_ERROR, "select",
                        self->import->file, list->line,
                        _("select one policy with policy=NAME; the file has "
                          "%s"), names->str);
    return NULL;
}

void
mt_import_vdsm(const MtImport *import)
{
    VdsmImport self = {
        .reader = { import->file, import->findings },
        .import = import,
        .config = &import->config->vdsm,
    };
    g_autoptr(MtDoc) doc = mt_doc_parse_json(import->text, import->length,
                                             import->file, import->findings);
    const MtDoc *schedule = doc;

    if (!doc)
        return;
    mt_policy_config_init(import->config, "vdsm", NULL);
    import->config->vdsm.n_init = import->config->vdsm.n_items = 0;
    if (doc->kind == MT_DOC_LIST) {
        const MtDoc *policy = vdsm_select(&self, doc);

        if (policy && mt_doc_expect(&self.reader, policy, MT_DOC_MAP,
                                    "policy"))
            vdsm_read_policy(&self, policy);
        return;
    }
    if (mt_doc_get(doc, "config") || mt_doc_get(doc, "initialItems") ||
        mt_doc_get(doc, "convergenceItems") || mt_doc_get(doc, "lastItems")) {
        vdsm_read_policy(&self, doc);
        return;
    }
    if (mt_doc_get(doc, "convergenceSchedule"))
        schedule = mt_doc_get(doc, "convergenceSchedule");
    if (!mt_doc_get(schedule, "stalling") && !mt_doc_get(schedule, "init")) {
        vdsm_error(&self, doc, "unknown-format",
                   _("expected a schedule with 'init' and 'stalling', or a "
                     "policy with 'config'"));
        return;
    }
    vdsm_read_plain(&self, mt_doc_get(schedule, "init"), "init", 0,
                    self.config->init, &self.config->n_init);
    vdsm_read_limited(&self, mt_doc_get(schedule, "stalling"), "stalling",
                      "limit", "action");
    vdsm_check(&self, schedule);
}

typedef struct {
    gint64 downtime_ms;
    gint64 steps;
    gint64 interval_s;
} VdsmConf;

static const MtIniKey conf_keys[] = {
    { "vars", "migration_downtime", MT_INI_INT,
      G_STRUCT_OFFSET(VdsmConf, downtime_ms), 1, MT_DOWNTIME_MAX_MS },
    { "vars", "migration_downtime_steps", MT_INI_INT,
      G_STRUCT_OFFSET(VdsmConf, steps), 1, MT_VDSM_ITEMS - 2 },
    { "vars", "migration_monitor_interval", MT_INI_INT,
      G_STRUCT_OFFSET(VdsmConf, interval_s), 0, 86400 },
    { "vars", "migration_max_bandwidth", MT_INI_UNUSED },
    { "vars", "max_outgoing_migrations", MT_INI_UNUSED },
    { "vars", "max_incoming_migrations", MT_INI_UNUSED },
    { "vars", "migration_retry_timeout", MT_INI_UNUSED },
    { "vars", "migration_create_timeout", MT_INI_UNUSED },
    { "vars", "migration_destination_timeout", MT_INI_UNUSED },
    { "vars", "migration_listener_timeout", MT_INI_UNUSED },
};

void
mt_import_vdsm_conf(const MtImport *import)
{
    g_autoptr(GKeyFile) file = mt_ini_parse(import);
    VdsmConf conf = { 500, 5, 10 };

    if (!file)
        return;

    mt_policy_config_init(import->config, "vdsm", NULL);
    mt_ini_read(import, file, conf_keys, G_N_ELEMENTS(conf_keys), &conf);
    mt_vdsm_legacy(&import->config->vdsm, conf.downtime_ms, conf.steps, NULL);
    import->config->vdsm.interval_ms = conf.interval_s * 1000;
    if (!conf.interval_s)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file,
                        mt_ini_line(import, "vars",
                                    "migration_monitor_interval"),
                        _("an interval of 0 switches the monitor off: nothing "
                          "is done about convergence"));
    mt_findings_add(import->findings, MT_FINDING_INFO, "taken", import->file,
                    0, _("VDSM's own schedule of %" PRId64
                         " values up to %" PRId64 " ms, for hosts "
                         "that oVirt gives no policy"), conf.steps,
                    conf.downtime_ms);
}
