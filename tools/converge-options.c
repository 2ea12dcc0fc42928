/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options about convergence policies: see converge-options.h.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n.h>

#include "converge-options.h"

static const struct {
    const char *name;
    guint64 ms;
} converge_units[] = {
    { "ms", 1 },
    { "s", 1000 },
    { "min", 60000 },
    { "h", 3600000 },
};

static const struct {
    const char *name;
    MigtunePolicyAllow flag;
} converge_steps[] = {
    { "postcopy", MIGTUNE_POLICY_ALLOW_POSTCOPY },
    { "throttle", MIGTUNE_POLICY_ALLOW_THROTTLE },
    { "pause", MIGTUNE_POLICY_ALLOW_PAUSE },
};

gboolean
converge_parse_time(const char *option, const char *text, guint64 unit_ms,
                    guint64 *ret_ms, GError **error)
{
    gsize digits = strspn(text, "0123456789");
    g_autofree char *number = g_strndup(text, digits);
    guint64 value = 0;
    gboolean known = text[digits] == '\0';

    for (guint i = 0; i < G_N_ELEMENTS(converge_units); i++) {
        if (strcmp(text + digits, converge_units[i].name) == 0) {
            unit_ms = converge_units[i].ms;
            known = TRUE;
        }
    }
    if (!known ||
        !g_ascii_string_to_unsigned(number, 10, 1,
                                    G_MAXINT64 / unit_ms, &value, NULL)) {
        tool_usage_error(error, _("--%s: '%s' is not a time such as 500ms, "
                                  "30s, 10min or 1h"), option, text);
        return FALSE;
    }
    *ret_ms = value * unit_ms;
    return TRUE;
}

static gboolean
converge_parse_allow(const char *text, unsigned int *ret, GError **error)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);

    for (char **word = words; *word; word++) {
        unsigned int flag = 0;

        for (guint i = 0; i < G_N_ELEMENTS(converge_steps); i++) {
            if (strcmp(*word, converge_steps[i].name) == 0)
                flag = converge_steps[i].flag;
        }
        if (!flag) {
            tool_usage_error(error, _("--allow: '%s' is not one of postcopy, "
                                      "throttle and pause"), *word);
            return FALSE;
        }
        *ret |= flag;
    }

    return TRUE;
}

gboolean
converge_set_limits(MigtunePolicy *policy, const CmdLine *line,
                    GError **error)
{
    const char *downtime = cmd_line_get(line, "max-downtime");
    const char *deadline = cmd_line_get(line, "deadline");
    const char *allow = cmd_line_get(line, "allow");
    guint64 downtime_ms = 0, deadline_ms = 0;
    unsigned int flags = 0;

    if ((downtime && !converge_parse_time("max-downtime", downtime, 1,
                                          &downtime_ms, error)) ||
        (deadline && !converge_parse_time("deadline", deadline, 1000,
                                          &deadline_ms, error)) ||
        (allow && !converge_parse_allow(allow, &flags, error)))
        return FALSE;
    if (downtime_ms > 2000000) {
        tool_usage_error(error, _("--max-downtime: '%s' is more than the "
                                  "2000 s that QEMU accepts"), downtime);
        return FALSE;
    }
    migtune_policy_set_limits(policy, downtime_ms, deadline_ms, flags);
    return TRUE;
}

void
converge_print_findings(Tool *tool, JsonObject *document)
{
    JsonArray *findings = out_get_array(document, "findings");

    for (guint i = 0; findings && i < json_array_get_length(findings); i++) {
        JsonObject *finding = json_array_get_object_element(findings, i);
        gint64 line = json_object_get_null_member(finding, "line") ? 0 :
            json_object_get_int_member(finding, "line");
        gboolean info =
            g_strcmp0(out_get_string(finding, "severity"), "info") == 0;

        if (tool->quiet)
            continue;
        if (line)
            out_error("%s:%" PRId64 ": %s%s",
                      out_get_string(finding, "file"), line,
                      info ? "" : _("warning: "),
                      out_get_string(finding, "text"));
        else
            out_error("%s: %s%s", out_get_string(finding, "file"),
                      info ? "" : _("warning: "),
                      out_get_string(finding, "text"));
    }
}

static gboolean
converge_add(Tool *tool, GPtrArray *policies, MigtunePolicy *policy,
             const CmdLine *line, GError **error)
{
    if (!policy)
        return FALSE;

    g_ptr_array_add(policies, policy);
    return converge_set_limits(policy, line, error);
}

static GPtrArray *
converge_load_policies(Tool *tool, const CmdLine *line, gboolean all,
                       gboolean print, GError **error)
{
    g_auto(GStrv) names = cmd_line_get_all(line, "converge");
    g_auto(GStrv) files = cmd_line_get_all(line, "converge-from");
    g_auto(GStrv) select = cmd_line_get_all(line, "select");
    g_auto(GStrv) every = migtune_policy_list();
    g_autoptr(GPtrArray) policies = g_ptr_array_new_with_free_func(
        (GDestroyNotify)migtune_policy_unref);
    char **chosen = all && !(names && *names) && !(files && *files) ? every :
        names;

    for (char **name = chosen; name && *name; name++) {
        MigtunePolicy *policy = migtune_policy_new(*name, error);

        if (!converge_add(tool, policies, policy, line, error))
            return NULL;
    }
    for (char **file = files; file && *file; file++) {
        MigtunePolicy *policy = migtune_policy_import(
            *file, (const char *const *)select, error);
        g_autoptr(JsonNode) document = NULL;

        if (!converge_add(tool, policies, policy, line, error))
            return NULL;
        if (!print)
            continue;
        document = migtune_policy_to_json(policy);
        converge_print_findings(tool, json_node_get_object(document));
    }
    g_ptr_array_add(policies, NULL);
    return g_steal_pointer(&policies);
}

GPtrArray *
converge_get_policies(Tool *tool, const CmdLine *line, gboolean all,
                      GError **error)
{
    return converge_load_policies(tool, line, all, TRUE, error);
}

gboolean
converge_set_policy(Tool *tool, const CmdLine *line,
                    MigtuneMigration *migration, GError **error)
{
    g_autoptr(GPtrArray) policies = NULL;

    if (!cmd_line_has(line, "converge-from"))
        return TRUE;
    policies = converge_load_policies(tool, line, FALSE, FALSE, error);
    return policies &&
           (!policies->pdata[0] ||
            migtune_migration_set_policy(migration, policies->pdata[0],
                                         error));
}
