/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalogue as text; see catalogue.h.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "catalogue.h"

/* Finds a row by its name or by QEMU's name. */
static JsonObject *
catalogue_find(JsonArray *rows, const char *name)
{
    const char *canonical = migtune_param_canonical_name(name);

    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *own = out_get_string(row, "name");

        if (g_strcmp0(own, canonical ? canonical : name) == 0)
            return row;
    }

    return NULL;
}

/* Whether @text contains @word, in any case. */
static gboolean
catalogue_contains(const char *text, const char *word)
{
    g_autofree char *folded_text = g_utf8_casefold(text ? text : "", -1);
    g_autofree char *folded_word = g_utf8_casefold(word, -1);

    return strstr(folded_text, folded_word) != NULL;
}

/* Whether the names or the description of @row contain @word. */
static gboolean
catalogue_is_about(JsonObject *row, const char *word)
{
    const char *help = out_get_string(row, "help");

    return catalogue_contains(out_get_string(row, "name"), word) ||
           catalogue_contains(out_get_string(row, "qmp"), word) ||
           catalogue_contains(help, word) || catalogue_contains(_(help), word);
}

JsonNode *
catalogue_search(JsonNode *rows, const char *word, GError **error)
{
    JsonArray *array = json_node_get_array(rows);
    JsonArray *chosen = json_array_new();
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    json_node_take_array(node, chosen);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *row = json_array_get_object_element(array, i);

        if (catalogue_is_about(row, word))
            json_array_add_object_element(chosen, json_object_ref(row));
    }
    if (json_array_get_length(chosen) > 0)
        return node;

    migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                      _("no parameter has '%s' in its name or description"),
                      word);
    json_node_unref(node);
    return NULL;
}

/* Adds the rows whose name matches @pattern and returns their number. */
static guint
catalogue_add_matches(JsonArray *chosen, JsonArray *rows, const char *pattern)
{
    guint n = 0;

    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *qmp = out_get_string(row, "qmp");

        if (!g_pattern_match_simple(pattern, out_get_string(row, "name")) &&
            (!qmp || !g_pattern_match_simple(pattern, qmp)))
            continue;
        json_array_add_object_element(chosen, json_object_ref(row));
        n++;
    }

    return n;
}

JsonNode *
catalogue_get(const char *const *names, const char *release, GError **error)
{
    g_autoptr(JsonNode) all = migtune_catalogue_to_json(release, error);
    g_autoptr(JsonArray) chosen = NULL;
    JsonNode *node;

    if (!all)
        return NULL;
    if (!names)
        return g_steal_pointer(&all);

    chosen = json_array_new();
    for (; *names; names++) {
        JsonObject *row = catalogue_find(json_node_get_array(all), *names);

        if (strpbrk(*names, "*?") &&
            catalogue_add_matches(chosen, json_node_get_array(all), *names))
            continue;
        if (row) {
            json_array_add_object_element(chosen, json_object_ref(row));
            continue;
        }
        if (migtune_param_canonical_name(*names))
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              _("QEMU %s does not have '%s'"), release, *names);
        else
            migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                              _("unknown parameter '%s'"), *names);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                    *names);
        return NULL;
    }

    node = json_node_new(JSON_NODE_ARRAY);
    json_node_set_array(node, chosen);
    return node;
}

gboolean
catalogue_check_capabilities(GPtrArray *words, GError **error)
{
    g_autoptr(JsonNode) all = migtune_catalogue_to_json(NULL, error);

    if (!all)
        return FALSE;

    for (guint i = 0; i < words->len; i++) {
        const char *word = words->pdata[i];
        g_autofree char *name = g_strndup(word, strcspn(word, "="));
        JsonObject *row = catalogue_find(json_node_get_array(all), name);

        if (row &&
            g_strcmp0(out_get_string(row, "kind"), "capability") != 0) {
            tool_usage_error(error, _("'%s' is not a capability; use "
                                      "migrate-setparameters to set it"), name);
            return FALSE;
        }
    }

    return TRUE;
}

/* Formats the accepted values of a row: "on|off", "0..9", "none|zlib|zstd". */
static char *
catalogue_get_range(JsonObject *row)
{
    JsonArray *values = out_get_array(row, "values");
    const char *type = out_get_string(row, "type");
    g_autofree char *min =
        out_value_to_text(json_object_get_member(row, "min"));
    g_autofree char *max =
        out_value_to_text(json_object_get_member(row, "max"));

    if (values && json_array_get_length(values) > 0)
        return out_join(values, "|");
    if (g_strcmp0(type, "bool") == 0)
        return g_strdup("on|off");
    if (*min && *max)
        return g_strdup_printf("%s..%s", min, max);
    if (*min)
        return g_strdup_printf("%s..", min);

    return g_strdup(type);
}

/* Formats the default value of a row. */
static char *
catalogue_get_default(JsonObject *row)
{
    return out_value_to_text(json_object_get_member(row, "default"));
}

void
catalogue_print_table(Tool *tool, JsonNode *rows)
{
    static const char *const members[] = { "since", "deprecated", "removed" };
    const char *titles[] = {
        _("Parameter"), _("In QEMU"), _("Values"), _("Default"), _("Since"),
        _("Deprecated"), _("Removed"), _("Description"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);
    JsonArray *array = json_node_get_array(rows);

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *row = json_array_get_object_element(array, i);
        const char *qmp = out_get_string(row, "qmp");
        const char *unit = out_get_string(row, "unit");
        gboolean gone = out_get_string(row, "removed") != NULL;
        g_autofree char *range = catalogue_get_range(row);
        g_autofree char *values = unit && *unit
            ? g_strconcat(range, " ", unit, NULL) : g_strdup(range);
        g_autofree char *value = catalogue_get_default(row);

        out_table_cell(table, gone ? OUT_FAINT : OUT_PLAIN,
                       out_get_string(row, "name"));
        out_table_cell(table, OUT_PLAIN, qmp ? qmp : "-");
        out_table_cell(table, OUT_PLAIN, values);
        out_table_cell(table, OUT_PLAIN, *value ? value : "-");
        for (guint j = 0; j < G_N_ELEMENTS(members); j++) {
            const char *text = out_get_string(row, members[j]);

            out_table_cell(table, j == 0 ? OUT_PLAIN : OUT_FAIR,
                           text ? text : "-");
        }
        out_table_cell(table, OUT_PLAIN, _(out_get_string(row, "help")));
    }

    out_table_print(table, !tool->quiet, tool->colour);
}

/* The properties of a row that are printed after its name, in this order. */
static const struct {
    const char *member;
    const char *title;
} catalogue_facts[] = {
    { "qmp", N_("In QEMU") },
    { "kind", N_("Kind") },
    { "unit", N_("Unit") },
    { "default", N_("Default") },
    { "sides", N_("Set on") },
    { "when", N_("Takes effect") },
    { "pair", N_("On both sides") },
    { "pair_with", N_("If this is on") },
    { "before_listening", N_("Before listening") },
    { "needs", N_("Needs") },
    { "conflicts", N_("Conflicts") },
    { "since", N_("Since") },
    { "deprecated", N_("Deprecated") },
    { "removed", N_("Removed") },
};

static char *
catalogue_get_fact(JsonObject *row, const char *member)
{
    JsonArray *array = out_get_array(row, member);
    JsonNode *node = json_object_get_member(row, member);

    if (array)
        return out_join(array, ", ");
    /* Most parameters have neither of these properties. */
    if (strcmp(member, "pair") == 0 &&
        g_strcmp0(json_node_get_string(node), "free") == 0)
        return g_strdup("");
    if (strcmp(member, "before_listening") == 0 && !json_node_get_boolean(node))
        return g_strdup("");

    return out_value_to_text(node);
}

void
catalogue_print_details(Tool *tool, JsonNode *rows)
{
    JsonObject *row =
        json_array_get_object_element(json_node_get_array(rows), 0);
    const char *titles[] = { "", "", NULL };
    g_autoptr(OutTable) table = out_table_new(titles);
    g_autofree char *range = catalogue_get_range(row);
    g_autofree char *values = g_strconcat(_("Values"), ":", NULL);

    out_line("%s - %s", out_get_string(row, "name"),
             _(out_get_string(row, "help")));
    out_table_cell(table, OUT_TITLE, values);
    out_table_cell(table, OUT_PLAIN, range);
    for (guint i = 0; i < G_N_ELEMENTS(catalogue_facts); i++) {
        g_autofree char *text =
            catalogue_get_fact(row, catalogue_facts[i].member);
        g_autofree char *title =
            g_strconcat(_(catalogue_facts[i].title), ":", NULL);

        if (!*text)
            continue;
        out_table_cell(table, OUT_TITLE, title);
        out_table_cell(table, OUT_PLAIN, text);
    }
    out_table_print(table, FALSE, tool->colour);
}

void
catalogue_print_names(JsonNode *rows)
{
    JsonArray *array = json_node_get_array(rows);

    for (guint i = 0; i < json_array_get_length(array); i++)
        out_line("%s", out_get_string(json_array_get_object_element(array, i),
                                      "name"));
}

/* The topics of migtune-params(7).  A row belongs to the topic with the longest
 * matching prefix of its name; the last topic takes all other rows. */
static const struct {
    const char *title;
    const char *prefixes[6];
} catalogue_topics[] = {
    { "Compression", { "compression", "xbzrle" } },
    { "Parallel channels and zero pages",
      { "parallel", "x-multifd", "zerocopy", "zero_" } },
    { "Bandwidth and downtime",
      { "bandwidth", "downtime", "switchover_ack", "pause_before",
        "return_path" } },
    { "Auto-converge and dirty limit",
      { "auto_converge", "x-cpu-throttle", "dirty_limit" } },
    { "Post-copy", { "postcopy", "x-postcopy", "release_ram" } },
    { "Encryption", { "tls" } },
    { "Storage and bitmaps",
      { "block", "dirty_bitmaps", "late_block" } },
    { "Files, snapshots and updates of QEMU",
      { "mapped_ram", "direct_io", "background_snapshot", "mode", "cpr",
        "ignore_shared" } },
    { "Announcement after the migration", { "announce" } },
    { "RDMA", { "rdma", "x-rdma" } },
    { "Other parameters", { "" } },
};

static guint
catalogue_find_topic(const char *name)
{
    guint topic = G_N_ELEMENTS(catalogue_topics) - 1;
    gsize longest = 0;

    for (guint i = 0; i < G_N_ELEMENTS(catalogue_topics); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(catalogue_topics[i].prefixes) &&
                          catalogue_topics[i].prefixes[j]; j++) {
            const char *prefix = catalogue_topics[i].prefixes[j];

            if (g_str_has_prefix(name, prefix) && strlen(prefix) > longest) {
                longest = strlen(prefix);
                topic = i;
            }
        }
    }

    return topic;
}

static void
catalogue_print_rst_row(JsonObject *row)
{
    g_autofree char *range = catalogue_get_range(row);

    out_print("**%s**\n    %s.\n\n    | Values: ``%s``\n",
              out_get_string(row, "name"), out_get_string(row, "help"),
              range);
    for (guint i = 0; i < G_N_ELEMENTS(catalogue_facts); i++) {
        g_autofree char *text =
            catalogue_get_fact(row, catalogue_facts[i].member);

        if (*text)
            out_print("    | %s: ``%s``\n", catalogue_facts[i].title, text);
    }
    out_text("\n");
}

void
catalogue_print_rst(JsonNode *rows)
{
    JsonArray *array = json_node_get_array(rows);

    for (guint topic = 0; topic < G_N_ELEMENTS(catalogue_topics); topic++) {
        const char *title = catalogue_topics[topic].title;
        g_autofree char *underline = g_strnfill(strlen(title), '-');
        gboolean titled = FALSE;

        for (guint i = 0; i < json_array_get_length(array); i++) {
            JsonObject *row = json_array_get_object_element(array, i);

            if (catalogue_find_topic(out_get_string(row, "name")) != topic)
                continue;
            if (!titled)
                out_print("%s\n%s\n\n", title, underline);
            titled = TRUE;
            catalogue_print_rst_row(row);
        }
    }
}
