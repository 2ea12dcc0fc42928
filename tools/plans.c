/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings and verdicts; see plans.h.
 *
 * Values are passed to the library as the user typed them. The library knows
 * types, units and ranges, and reports every error in a set of values, not
 * only the first.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <glib/gi18n.h>

#include "plans.h"

const char *const plans_policies[] = {
    "strict", "substitute", "best-effort", NULL
};

/* The parameters of --level, --threads and --dthreads for each compression
 * method; NULL if the option does not apply. */
typedef struct {
    const char *method;
    const char *level;
    const char *threads;
    const char *dthreads;
} PlansShorthand;

static const PlansShorthand plans_shorthands[] = {
    { "mt", "compression.mt.level", "compression.mt.threads",
      "compression.mt.dthreads" },
    { "zlib", "compression.zlib.level", "parallel.connections", NULL },
    { "zstd", "compression.zstd.level", "parallel.connections", NULL },
    { "qatzip", "compression.qatzip.level", "parallel.connections", NULL },
    { "qpl", NULL, "parallel.connections", NULL },
    { "uadk", NULL, "parallel.connections", NULL },
    { "xbzrle", NULL, NULL, NULL },
    { "none", NULL, NULL, NULL },
};

static const struct {
    const char *option;
    gsize offset;
} plans_short_options[] = {
    { "level", G_STRUCT_OFFSET(PlansShorthand, level) },
    { "threads", G_STRUCT_OFFSET(PlansShorthand, threads) },
    { "dthreads", G_STRUCT_OFFSET(PlansShorthand, dthreads) },
};

void
plans_settings_clear(PlansSettings *settings)
{
    for (int i = 0; i < settings->n_params; i++)
        g_free(settings->params[i].value.s);
    g_clear_pointer(&settings->params, g_free);
    settings->n_params = 0;
    for (guint i = 0; i < PLANS_N_SHORT; i++)
        g_clear_pointer(&settings->short_values[i], g_free);
}

/* Adds a setting; the name is @name_len bytes of @name. */
static gboolean
plans_add(PlansSettings *settings, const char *name, gsize name_len,
          const char *value, GError **error)
{
    virTypedParameter *param;

    if (name_len == 0 || name_len >= VIR_TYPED_PARAM_FIELD_LENGTH) {
        tool_usage_error(error, _("'%.*s' is not a parameter name; a name "
                                  "has 1 to %d characters"),
                         (int)MIN(name_len, 100), name,
                         VIR_TYPED_PARAM_FIELD_LENGTH - 1);
        return FALSE;
    }

    settings->params = g_renew(virTypedParameter, settings->params,
                             settings->n_params + 1);
    param = &settings->params[settings->n_params++];
    memset(param, 0, sizeof(*param));
    memcpy(param->field, name, name_len);
    param->type = VIR_TYPED_PARAM_STRING;
    param->value.s = g_strdup(value);
    return TRUE;
}

gboolean
plans_take_setting(const char *word, PlansSettings *settings, GError **error)
{
    const char *equals = strchr(word, '=');

    if (!equals) {
        tool_usage_error(error, _("'%s' is not NAME=VALUE"), word);
        return FALSE;
    }

    return plans_add(settings, word, equals - word, equals + 1, error);
}

/* Returns whether @name is a parameter that selects the compression method. */
static gboolean
plans_is_method(const char *name)
{
    const char *canonical = migtune_param_canonical_name(name);

    return g_strcmp0(canonical, "compression") == 0 ||
           g_strcmp0(canonical,
                     migtune_param_canonical_name("multifd-compression")) == 0;
}

/* Finds the entry of a method; NULL if the method is unknown. */
static const PlansShorthand *
plans_find_shorthand(const char *method)
{
    for (guint i = 0; i < G_N_ELEMENTS(plans_shorthands); i++)
        if (strcmp(plans_shorthands[i].method, method) == 0)
            return &plans_shorthands[i];

    return NULL;
}

G_STATIC_ASSERT(G_N_ELEMENTS(plans_short_options) == PLANS_N_SHORT);

/* Returns the parameter that the short option @which stands for: that of the
 * first of @methods that has one, else NULL. */
static const char *
plans_resolve(const char *methods, guint which)
{
    g_auto(GStrv) words = g_strsplit(methods, ",", -1);
    const char *name = NULL;

    for (guint i = 0; !name && words[i]; i++) {
        const PlansShorthand *shorthand =
            plans_find_shorthand(g_strstrip(words[i]));

        if (shorthand)
            name = G_STRUCT_MEMBER(const char *, shorthand,
                                   plans_short_options[which].offset);
    }

    return name;
}

/* Returns the methods that are requested by @settings; NULL if there are
 * none. */
static char *
plans_dup_methods(const PlansSettings *settings)
{
    g_autoptr(GString) methods = g_string_new(NULL);

    for (int i = 0; i < settings->n_params; i++)
        if (plans_is_method(settings->params[i].field))
            g_string_append_printf(methods, "%s%s", methods->len ? "," : "",
                                   settings->params[i].value.s);

    return methods->len ? g_string_free(g_steal_pointer(&methods), FALSE)
                        : NULL;
}

gboolean
plans_has_short(const PlansSettings *settings)
{
    for (guint i = 0; i < PLANS_N_SHORT; i++)
        if (settings->short_values[i])
            return TRUE;

    return FALSE;
}

gboolean
plans_resolve_short(PlansSettings *settings, const char *method,
                    GError **error)
{
    for (guint i = 0; i < PLANS_N_SHORT; i++) {
        g_autofree char *value = g_steal_pointer(&settings->short_values[i]);
        const char *name = method ? plans_resolve(method, i) : NULL;

        /* The options prepare for compression=mt if the method in force has
         * no such parameter. */
        if (!name)
            name = plans_resolve("mt", i);
        if (value && !plans_add(settings, name, strlen(name), value, error))
            return FALSE;
    }

    return TRUE;
}

gboolean
plans_resolve_short_for(PlansSettings *settings, const CmdLine *line,
                        MigtuneDomain *domain, GCancellable *cancellable,
                        GError **error)
{
    const char *const names[] = { "compression", NULL };
    gboolean config = cmd_line_has(line, "config") &&
                      !cmd_line_has(line, "live");
    g_autoptr(JsonNode) report = NULL;
    JsonArray *rows;

    if (!plans_has_short(settings))
        return TRUE;

    report = migtune_domain_report(domain, names,
                                   config ? MIGTUNE_GET_CONFIG : 0,
                                   cancellable, error);
    if (!report)
        return FALSE;
    rows = out_get_array(json_node_get_object(report), "parameters");

    return plans_resolve_short(
        settings,
        rows && json_array_get_length(rows) == 1
            ? out_get_string(json_array_get_object_element(rows, 0), "text")
            : NULL,
        error);
}

gboolean
plans_take_settings(const CmdLine *line, PlansSettings *settings,
                    GError **error)
{
    g_auto(PlansSettings) result = { NULL, 0, { NULL } };
    g_autofree char *methods = NULL;

    for (guint i = 0; i < line->rest->len; i++)
        if (!plans_take_setting(line->rest->pdata[i], &result, error))
            return FALSE;

    methods = plans_dup_methods(&result);
    for (guint i = 0; i < G_N_ELEMENTS(plans_short_options); i++) {
        const char *option = plans_short_options[i].option;
        const char *value = cmd_line_get(line, option);
        const char *name;

        if (!value)
            continue;
        if (!methods) {
            result.short_values[i] = g_strdup(value);
            continue;
        }
        name = plans_resolve(methods, i);
        if (!name) {
            tool_usage_error(error, _("--%s does not apply to "
                                      "compression=%s"), option, methods);
            return FALSE;
        }
        if (!plans_add(&result, name, strlen(name), value, error))
            return FALSE;
    }

    if (result.n_params == 0 && !plans_has_short(&result)) {
        tool_usage_error(error, _("%s: no settings given; expected "
                                  "NAME=VALUE"),
                         line->cmd->name);
        return FALSE;
    }

    *settings = result;
    memset(&result, 0, sizeof(result));
    return TRUE;
}

unsigned int
plans_get_flags(const CmdLine *line)
{
    static const unsigned int policies[] = {
        MIGTUNE_SET_STRICT, MIGTUNE_SET_SUBSTITUTE, MIGTUNE_SET_BEST_EFFORT
    };
    const char *policy = cmd_line_get(line, "policy");
    unsigned int flags = 0;

    for (guint i = 0; plans_policies[i]; i++)
        if (g_strcmp0(policy, plans_policies[i]) == 0)
            flags |= policies[i];
    if (cmd_line_has(line, "live"))
        flags |= MIGTUNE_SET_LIVE;
    if (cmd_line_has(line, "config"))
        flags |= MIGTUNE_SET_CONFIG;

    return flags;
}

gboolean
plans_check_targets(const CmdLine *line, GError **error)
{
    if (!cmd_line_has(line, "current") ||
        (!cmd_line_has(line, "live") && !cmd_line_has(line, "config")))
        return TRUE;

    tool_usage_error(error, _("%s: --current cannot be combined with --live "
                              "or --config"),
                     line->cmd->name);
    return FALSE;
}

static const OutStyle plans_styles[] = {
    [MIGTUNE_VERDICT_IN_FORCE] = OUT_GOOD,
    [MIGTUNE_VERDICT_SUBSTITUTED] = OUT_FAIR,
    [MIGTUNE_VERDICT_IGNORED] = OUT_FAIR,
    [MIGTUNE_VERDICT_DROPPED] = OUT_FAIR,
    [MIGTUNE_VERDICT_REFUSED] = OUT_BAD,
    [MIGTUNE_VERDICT_KEPT] = OUT_GOOD,
    [MIGTUNE_VERDICT_NO_EFFECT] = OUT_FAIR,
    [MIGTUNE_VERDICT_UNVERIFIED] = OUT_FAIR,
    [MIGTUNE_VERDICT_FORGOTTEN] = OUT_GOOD,
    [MIGTUNE_VERDICT_PLANNED] = OUT_GOOD,
};

static void
plans_print_verdicts(Tool *tool, MigtunePlan *plan)
{
    enum { COLUMN_VERDICT = 4 };
    g_auto(GStrv) titles = migtune_plan_dup_row(plan, -1);
    g_autoptr(OutTable) table = out_table_new((const char *const *)titles);

    for (guint i = 0; i < migtune_plan_get_n_verdicts(plan); i++) {
        MigtuneVerdict verdict =
            migtune_plan_get_verdict(plan, i, NULL, NULL, NULL, NULL);
        g_auto(GStrv) row = migtune_plan_dup_row(plan, i);

        for (guint j = 0; row[j]; j++)
            out_table_cell(table,
                           j == COLUMN_VERDICT ? plans_styles[verdict]
                                               : OUT_PLAIN,
                           row[j]);
    }

    out_table_print(table, !tool->quiet, tool->colour);
}

/* Prints one command as it would be sent, after the guest and its side if the
 * commands are for several guests. */
static void
plans_print_step(JsonObject *step)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autoptr(GString) line = g_string_new(NULL);
    g_autofree char *text = NULL;
    JsonObject *command = json_object_new();
    JsonNode *arguments = json_object_get_member(step, "arguments");

    json_object_set_string_member(command, "execute",
                                  out_get_string(step, "execute"));
    if (arguments && !JSON_NODE_HOLDS_NULL(arguments))
        json_object_set_member(command, "arguments",
                               json_node_copy(arguments));
    json_node_take_object(node, command);
    text = json_to_string(node, FALSE);

    if (json_object_has_member(step, "domain")) {
        if (json_object_has_member(step, "side"))
            g_string_append_printf(line, "%s ", out_get_string(step, "side"));
        g_string_append_printf(line, "%s: ", out_get_string(step, "domain"));
    }
    out_line("%s%s", line->str, text);
}

void
plans_print_steps(Tool *tool, JsonObject *document)
{
    JsonArray *steps = out_get_array(document, "steps");
    guint n = steps ? json_array_get_length(steps) : 0;

    if (!tool->quiet)
        out_line("%s", n ? _("These commands would be sent:")
                         : _("No commands would be sent."));
    for (guint i = 0; i < n; i++)
        plans_print_step(json_array_get_object_element(steps, i));
}

/* Prints the changes that a plan would make to the kept settings. */
static void
plans_print_kept(Tool *tool, JsonObject *document)
{
    JsonArray *kept = out_get_array(document, "kept");
    guint n = kept ? json_array_get_length(kept) : 0;

    if (n > 0 && !tool->quiet) {
        out_text("\n");
        out_line("%s", _("This would be kept for later starts:"));
    }
    for (guint i = 0; i < n; i++) {
        JsonObject *entry = json_array_get_object_element(kept, i);
        const char *name = out_get_string(entry, "name");
        const char *value = out_get_string(entry, "value");

        if (value)
            out_line("%s=%s", name, value);
        else
            out_line(_("%s is no longer kept"), name);
    }
}

static void
plans_print_warnings(Tool *tool, JsonObject *document)
{
    JsonArray *warnings = out_get_array(document, "warnings");

    if (tool->quiet)
        return;

    for (guint i = 0; warnings && i < json_array_get_length(warnings); i++)
        out_error(_("warning: %s"),
                  json_array_get_string_element(warnings, i));
}

/* Returns whether every setting is or would be in force exactly as given. */
static gboolean
plans_is_exact(MigtunePlan *plan)
{
    for (guint i = 0; i < migtune_plan_get_n_verdicts(plan); i++) {
        MigtuneVerdict verdict =
            migtune_plan_get_verdict(plan, i, NULL, NULL, NULL, NULL);

        if (verdict != MIGTUNE_VERDICT_IN_FORCE &&
            verdict != MIGTUNE_VERDICT_PLANNED &&
            verdict != MIGTUNE_VERDICT_KEPT &&
            verdict != MIGTUNE_VERDICT_FORGOTTEN)
            return FALSE;
    }

    return TRUE;
}

/* Returns the exit status of a plan that was neither refused nor failed. */
static int
plans_get_status(const CmdLine *line, MigtunePlan *plan)
{
    if (cmd_line_has(line, "strict-exit") && !plans_is_exact(plan))
        return TOOL_INEXACT;

    return TOOL_DONE;
}

/* Whether a setting is refused for a reason of its own, and not because another
 * one is refused. */
static gboolean
plans_is_refused(JsonObject *verdict)
{
    JsonArray *codes = out_get_array(verdict, "codes");

    if (g_strcmp0(out_get_string(verdict, "verdict"), "refused") != 0)
        return FALSE;
    for (guint i = 0; codes && i < json_array_get_length(codes); i++)
        if (strcmp(json_array_get_string_element(codes, i), "held-back") == 0)
            return FALSE;

    return TRUE;
}

/* Returns the names of the settings for which a plan is refused, with commas. */
static char *
plans_join_refused(JsonObject *document)
{
    JsonArray *verdicts = out_get_array(document, "verdicts");
    GString *text = g_string_new(NULL);

    for (guint i = 0; verdicts && i < json_array_get_length(verdicts); i++) {
        JsonObject *verdict = json_array_get_object_element(verdicts, i);

        if (plans_is_refused(verdict))
            g_string_append_printf(text, "%s%s", text->len ? ", " : "",
                                   out_get_string(verdict, "name"));
    }

    return g_string_free(text, FALSE);
}

JsonNode *
plans_run_quietly(const CmdLine *line, MigtunePlan *plan, gboolean dry_run,
                  int *ret_status, GCancellable *cancellable,
                  GError **ret_error)
{
    g_autoptr(GError) error = NULL;
    JsonNode *document;

    *ret_status = TOOL_FAILED;
    if (migtune_plan_check(plan, &error) &&
        (dry_run || migtune_plan_apply(plan, cancellable, &error)))
        *ret_status = plans_get_status(line, plan);

    document = migtune_plan_to_json(plan);
    /* A refused plan is refused for its values, even if a migration makes the
     * guest busy. */
    if (error && migtune_plan_check(plan, NULL))
        *ret_status = tool_get_status(error);
    if (error) {
        json_object_set_member(json_node_get_object(document), "error",
                               out_error_to_json(error));
        g_propagate_error(ret_error, g_steal_pointer(&error));
    }

    return document;
}

int
plans_run(Tool *tool, const CmdLine *line, MigtunePlan *plan,
          gboolean dry_run, GError **error)
{
    gboolean refused = !migtune_plan_check(plan, NULL);
    g_autoptr(GError) failure = NULL;
    g_autoptr(JsonNode) document = NULL;
    JsonObject *object;
    int status;

    document = plans_run_quietly(line, plan, dry_run, &status,
                                 tool->cancellable, &failure);
    object = json_node_get_object(document);

    if (tool->json) {
        out_json(document);
        return status;
    }

    /* After a failed command the verdicts are not known; the error states what
     * is in force. */
    if (!failure || refused)
        plans_print_verdicts(tool, plan);
    if (!failure && dry_run) {
        if (!tool->quiet)
            out_text("\n");
        plans_print_steps(tool, object);
        plans_print_kept(tool, object);
    }
    plans_print_warnings(tool, object);

    if (!failure)
        return status;

    /* The table gives the reasons. */
    if (refused && migtune_plan_get_n_verdicts(plan) > 0) {
        g_autofree char *names = plans_join_refused(object);

        out_error(dry_run ? _("this change would be refused because of %s")
                          : _("refused because of %s; nothing was changed"),
                  names);
        return status;
    }

    g_propagate_error(error, g_steal_pointer(&failure));
    return status;
}

void
plans_print_lowering(Tool *tool, MigtunePlan *plan,
                     MigtuneLowering *lowering, const char *destination)
{
    g_autoptr(JsonNode) node = migtune_lowering_to_json(lowering);
    g_autoptr(JsonNode) plan_node = migtune_plan_to_json(plan);
    JsonObject *document = json_node_get_object(node);
    g_auto(GStrv) virsh = migtune_lowering_to_virsh(lowering, destination);
    const char *titles[] = { _("For libvirt"), _("Value"), NULL };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonArray *flags = out_get_array(document, "flags");
    const char *remark = out_get_string(document, "remark");
    int n_params = 0;
    virTypedParameterPtr params =
        migtune_lowering_get_params(lowering, &n_params);

    if (!plans_is_exact(plan)) {
        plans_print_verdicts(tool, plan);
        out_text("\n");
    }
    for (guint i = 0; i < json_array_get_length(flags); i++) {
        out_table_cell(table, OUT_PLAIN,
                       json_array_get_string_element(flags, i));
        out_table_cell(table, OUT_PLAIN, "");
    }
    for (int i = 0; i < n_params; i++) {
        g_autofree char *text = migtune_typed_param_format(&params[i]);

        out_table_cell(table, OUT_PLAIN, params[i].field);
        out_table_cell(table, OUT_PLAIN, text);
    }
    out_table_print(table, !tool->quiet, tool->colour);

    if (!tool->quiet) {
        out_text("\n");
        out_line("%s", _("The same with virsh:"));
    }
    for (char **at = virsh; *at; at++)
        out_line("%s", *at);
    plans_print_warnings(tool, json_node_get_object(plan_node));
    if (remark && !tool->quiet)
        out_error(_("warning: %s"), remark);
}
