/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that list guests and show their abilities.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "binary.h"
#include "can.h"
#include "cmd.h"
#include "each.h"

static JsonNode *
host_get_info(MigtuneDomain *domain, gconstpointer data, int *status,
              GCancellable *cancellable, GError **error)
{
    return migtune_domain_get_info(domain, cancellable, error);
}

/* As in virsh, the default is the running guests. */
static EachWhich
host_get_which(const CmdLine *line)
{
    if (cmd_line_has(line, "all"))
        return EACH_ACTIVE | EACH_INACTIVE;

    return cmd_line_has(line, "inactive") ? EACH_INACTIVE : EACH_ACTIVE;
}

typedef char **(*HostListFunc)(MigtuneConn *conn, GCancellable *cancellable,
                               GError **error);

static gboolean
host_has_key(JsonArray *array, const char *key)
{
    for (guint i = 0; i < json_array_get_length(array); i++)
        if (strcmp(json_array_get_string_element(array, i), key) == 0)
            return TRUE;

    return FALSE;
}

/* A guest may start or end between the lists of running and of other guests, and
 * then be in both. */
static gboolean
host_add_keys(JsonArray *array, HostListFunc list, MigtuneConn *conn,
              GCancellable *cancellable, GError **error)
{
    g_auto(GStrv) keys = list(conn, cancellable, error);
    gboolean first = json_array_get_length(array) == 0;

    for (guint i = 0; keys && keys[i]; i++)
        if (first || !host_has_key(array, keys[i]))
            json_array_add_string_element(array, keys[i]);

    return keys != NULL;
}

/* Prints the keys, which are known without contacting a guest. */
static int
host_list_keys(Tool *tool, EachWhich which, GError **error)
{
    MigtuneConn *conn = tool_connect(tool, error);
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);
    JsonArray *array = json_array_new();

    json_node_take_array(node, array);
    if (!conn ||
        ((which & EACH_ACTIVE) && !host_add_keys(array, migtune_conn_list, conn,
                                                 tool->cancellable, error)) ||
        ((which & EACH_INACTIVE) &&
         !host_add_keys(array, migtune_conn_list_inactive, conn,
                        tool->cancellable, error)))
        return TOOL_FAILED;

    if (tool->json) {
        out_json(node);
        return TOOL_DONE;
    }

    for (guint i = 0; i < json_array_get_length(array); i++)
        out_line("%s", json_array_get_string_element(array, i));
    return TOOL_DONE;
}

/* The columns of the list after the name, as members of a guest's document. */
static const struct {
    const char *member;
    const char *title;
} host_columns[] = {
    { "qemu", N_("QEMU") },
    { "state", N_("State") },
    { "migration", N_("Migration") },
    { "title", N_("Title") },
    { "key", N_("Key") },
};

static const char *
host_get_cell(const EachResult *result, const char *member)
{
    const char *text = NULL;

    if (strcmp(member, "key") == 0)
        return result->key;
    if (result->document)
        text = out_get_string(json_node_get_object(result->document), member);

    return text && *text ? text : "-";
}

/* The key is shown if names do not tell the guests apart. */
static void
host_print_list(Tool *tool, const CmdLine *line, GPtrArray *results)
{
    gboolean shows[G_N_ELEMENTS(host_columns)] = {
        TRUE, TRUE, TRUE, cmd_line_has(line, "title"),
        each_shares_name(results)
    };
    const char *titles[G_N_ELEMENTS(host_columns) + 2] = { _("Domain") };
    g_autoptr(OutTable) table = NULL;
    guint n = 1;

    for (guint j = 0; j < G_N_ELEMENTS(host_columns); j++)
        if (shows[j])
            titles[n++] = _(host_columns[j].title);
    table = out_table_new(titles);

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];

        out_table_cell(table, OUT_PLAIN, each_get_name(result));
        for (guint j = 0; j < G_N_ELEMENTS(host_columns); j++)
            if (shows[j])
                out_table_cell(table, OUT_PLAIN,
                               host_get_cell(result, host_columns[j].member));
    }
    out_table_print(table, !tool->quiet, tool->colour);
    each_report_errors(results);
}

/* Prints one member of each guest, one per line. */
static void
host_print_members(Tool *tool, const CmdLine *line, GPtrArray *results,
                   const char *member)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < results->len; i++) {
        const EachResult *result = results->pdata[i];
        const char *text = strcmp(member, "domain") == 0
            ? each_get_name(result)
            : result->document
            ? out_get_string(json_node_get_object(result->document), member)
            : NULL;

        if (tool->json)
            json_array_add_string_element(array, text ? text : "");
        else
            out_line("%s", text ? text : "-");
    }
    json_node_take_array(node, array);
    if (tool->json)
        tool_print_json(line, node);
}

static int
host_list_once(Tool *tool, const CmdLine *line, GError **error)
{
    EachWhich which = host_get_which(line);
    g_autoptr(GPtrArray) results =
        each_domain_of(tool, which, host_get_info, NULL, error);

    if (!results)
        return TOOL_FAILED;

    if (cmd_line_has(line, "name")) {
        host_print_members(tool, line, results, "domain");
    } else if (cmd_line_has(line, "uuid")) {
        host_print_members(tool, line, results, "uuid");
    } else if (tool->json) {
        g_autoptr(JsonNode) document = each_to_json(results);

        tool_print_json(line, document);
    } else {
        host_print_list(tool, line, results);
    }

    return each_get_failure(results);
}

static int
host_list(Tool *tool, const CmdLine *line, GError **error)
{
    if (cmd_line_has(line, "keys"))
        return host_list_keys(tool, host_get_which(line), error);
    if (cmd_line_has(line, "watch"))
        return tool_watch(tool, line, host_list_once, error);

    return host_list_once(tool, line, error);
}

/* virsh's spelling of a part of dominfo. */
static int
host_domstate(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    g_autoptr(JsonNode) info =
        domain ? migtune_domain_get_info(domain, tool->cancellable, error)
               : NULL;

    if (!info)
        return TOOL_FAILED;
    if (tool->json)
        out_json(info);
    else
        out_line("%s", out_get_string(json_node_get_object(info), "state"));

    return TOOL_DONE;
}

static int
host_dominfo(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(MigtuneDomain) domain =
        tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    static const struct {
        const char *member;
        const char *title;
    } rows[] = {
        { "domain", N_("Name") },
        { "title", N_("Title") },
        { "uuid", N_("UUID") },
        { "key", N_("Key") },
        { "qemu", N_("QEMU") },
        { "package", N_("Package") },
        { "release", N_("Migration interface") },
        { "state", N_("State") },
        { "migration", N_("Migration") },
    };
    const char *titles[] = { "", "", NULL };
    g_autoptr(OutTable) table = NULL;
    g_autoptr(JsonNode) info = NULL;

    if (!domain)
        return TOOL_FAILED;
    if (cmd_line_has(line, "can"))
        return can_guest(tool, domain, cmd_line_get(line, "can"), error);

    info = migtune_domain_get_info(domain, tool->cancellable, error);
    if (!info)
        return TOOL_FAILED;
    if (tool->json) {
        out_json(info);
        return TOOL_DONE;
    }

    table = out_table_new(titles);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *text = out_get_string(json_node_get_object(info),
                                          rows[i].member);
        g_autofree char *title = g_strconcat(_(rows[i].title), ":", NULL);

        if (!text || !*text)
            continue;
        out_table_cell(table, OUT_TITLE, title);
        out_table_cell(table, OUT_PLAIN, text);
    }
    out_table_print(table, FALSE, tool->colour);

    return TOOL_DONE;
}

/* Returns the notes about a parameter of this QEMU. */
static char *
host_get_note(JsonObject *object)
{
    g_autoptr(GPtrArray) notes = g_ptr_array_new();

    if (out_get_bool(object, "deprecated"))
        g_ptr_array_add(notes, (char *)_("deprecated"));
    if (out_get_bool(object, "unstable"))
        g_ptr_array_add(notes, (char *)_("unstable"));
    if (json_object_has_member(object, "known") &&
        !out_get_bool(object, "known"))
        g_ptr_array_add(notes, (char *)_("not known to migtune"));
    g_ptr_array_add(notes, NULL);

    return g_strjoinv(", ", (char **)notes->pdata);
}

/* The type of a value for people: JSON has the types of the catalogue. */
static const char *
host_get_type(JsonObject *object)
{
    const char *type = out_get_string(object, "type");

    return g_strcmp0(type, "int") == 0 || g_strcmp0(type, "ullong") == 0
               ? _("number") : type;
}

static void
host_print_present(Tool *tool, JsonArray *rows)
{
    const char *titles[] = {
        _("Parameter"), _("In QEMU"), _("Kind"), _("Type"), _("Note"), NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);

    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        g_autofree char *values = out_join(out_get_array(row, "values"), "|");
        g_autofree char *note = host_get_note(row);

        out_table_cell(table, OUT_PLAIN, out_get_string(row, "name"));
        out_table_cell(table, OUT_PLAIN, out_get_string(row, "qmp"));
        out_table_cell(table, OUT_PLAIN, out_get_string(row, "kind"));
        out_table_cell(table, OUT_PLAIN,
                       *values ? values : host_get_type(row));
        out_table_cell(table, OUT_FAIR, note);
    }
    out_table_print(table, !tool->quiet, tool->colour);
}

static void
host_print_absent(Tool *tool, JsonArray *rows)
{
    const char *titles[] = {
        _("Not in this QEMU"), _("Name in QEMU"), _("Since"), _("Removed"),
        NULL
    };
    g_autoptr(OutTable) table = out_table_new(titles);

    if (!rows || json_array_get_length(rows) == 0 || tool->quiet)
        return;

    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);

        out_table_cell(table, OUT_FAINT, out_get_string(row, "name"));
        out_table_cell(table, OUT_FAINT, out_get_string(row, "qmp"));
        out_table_cell(table, OUT_FAINT, out_get_string(row, "since"));
        out_table_cell(table, OUT_FAINT, out_get_string(row, "removed"));
    }
    out_text("\n");
    out_table_print(table, TRUE, tool->colour);
}

static int
host_probe(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(Binary) binary = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(JsonNode) found = NULL;
    JsonObject *object;

    if (cmd_line_has(line, "binary")) {
        binary = binary_start(tool, cmd_line_get(line, "binary"), error);
        if (binary)
            domain = migtune_domain_ref(binary_get_domain(binary));
    } else {
        domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    }
    if (!domain)
        return TOOL_FAILED;

    found = migtune_domain_probe(domain, cmd_line_has(line, "refresh"),
                                 tool->cancellable, error);
    if (!found)
        return TOOL_FAILED;
    if (cmd_line_has(line, "can"))
        return can_domain(domain, cmd_line_get(line, "can"), tool->cancellable,
                          error);
    if (tool->json) {
        out_json(found);
        return TOOL_DONE;
    }

    object = json_node_get_object(found);
    if (!tool->quiet) {
        out_line(_("%s: QEMU %s, migration interface of %s (from %s)"),
                 out_get_string(object, "domain"),
                 out_get_string(object, "qemu"),
                 out_get_string(object, "release"),
                 out_get_string(object, "source"));
        out_text("\n");
    }
    host_print_present(tool, out_get_array(object, "parameters"));
    host_print_absent(tool, out_get_array(object, "absent"));

    return TOOL_DONE;
}

#define HOST_DOMAIN                                                     \
    { "domain", 0, CMD_OPT_DATA, .required = TRUE,                      \
      .word = CMD_WORD_DOMAIN, .metavar = "DOMAIN",                     \
      .help = N_("name, UUID or key of a guest") }

#define HOST_CAN                                                        \
    { "can", 0, CMD_OPT_TEXT, .word = CMD_WORD_SETTING,                    \
      .metavar = "NAME[=VALUE]",                                        \
      .help = N_("print nothing; the exit status is 0 if this QEMU "    \
                 "supports NAME (with this VALUE), 1 if it does not, 4 if " \
                 "this is not known") }

static const CmdOption host_domain_options[] = {
    HOST_DOMAIN,
    { NULL }
};

static const CmdOption host_list_options[] = {
    { "all", 0, CMD_OPT_FLAG,
      .help = N_("also guests that are not running (libvirt only)") },
    { "inactive", 0, CMD_OPT_FLAG,
      .help = N_("only guests that are not running") },
    { "name", 0, CMD_OPT_FLAG,
      .help = N_("print only names, one per line") },
    { "uuid", 0, CMD_OPT_FLAG,
      .help = N_("print only UUIDs, one per line") },
    { "title", 0, CMD_OPT_FLAG,
      .help = N_("show the titles of the guests, too (libvirt only)") },
    { "watch", 0, CMD_OPT_FLAG,
      .help = N_("print the list again every second until SIGINT; with --json "
                 "each time in one line") },
    { "keys", 0, CMD_OPT_FLAG,
      .help = N_("print only keys, one per line, without contacting any "
                 "guest") },
    { NULL }
};

static const CmdOption host_dominfo_options[] = {
    HOST_DOMAIN,
    HOST_CAN,
    { NULL }
};

static const CmdOption host_probe_options[] = {
    HOST_DOMAIN,
    { "binary", 0, CMD_OPT_TEXT, .replaces_data = TRUE, .word = CMD_WORD_ANY,
      .metavar = "PATH",
      .help = N_("a QEMU binary instead of a guest: it is started without a "
                 "machine, queried and ended") },
    { "refresh", 0, CMD_OPT_FLAG,
      .help = N_("ask QEMU again instead of using the cached answer") },
    HOST_CAN,
    { NULL }
};

const Cmd cmd_host_commands[] = {
    { "list", 0, host_list_options, host_list,
      N_("list the guests of the connection"),
      N_("Lists every running guest with the version of its QEMU, the state "
         "of the guest and the state of its migration. If two guests have the "
         "same name, a column shows the keys, by which a command selects one "
         "of them. A guest that does not "
         "answer is listed by its key, and the reason is printed to standard "
         "error; it does not delay the others.") },
    { "dominfo", 0, host_dominfo_options, host_dominfo,
      N_("show information about a guest"),
      N_("Prints the name, the UUID and the QEMU of a guest, the QEMU "
         "release whose migration interface it has, the state of the guest "
         "and the state of its migration.") },
    { "domstate", CMD_HIDDEN, host_domain_options, host_domstate,
      N_("show the state of a guest"),
      N_("Prints the state of a guest, as dominfo does.") },
    { "probe", 0, host_probe_options, host_probe,
      N_("show the migration abilities of a guest's QEMU"),
      N_("Asks the QEMU of a guest which migration parameters and "
         "capabilities it has and prints them. A second table lists the "
         "parameters of other QEMU releases that this QEMU does not have. "
         "The answer is cached on disk for this QEMU binary. With --binary no "
         "guest and no connection is needed.") },
    { NULL }
};
