/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Help texts for the terminal and, as reStructuredText, for the manual page.
 *
 * Both are made from the tables of commands, in the order of the tables.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>

#include "cmd.h"

#define HELP_COLUMNS 79
#define HELP_COLUMNS_MIN 40

/* Prints @text wrapped and indented by @indent spaces. Empty lines in @text
 * separate paragraphs. */
static void
help_wrap(const char *text, guint indent)
{
    g_auto(GStrv) words = g_strsplit_set(text, " \n", -1);
    guint columns = out_get_columns(STDOUT_FILENO);
    guint limit = columns ? CLAMP(columns - 1, HELP_COLUMNS_MIN, HELP_COLUMNS)
                          : HELP_COLUMNS;
    guint column = 0;

    for (guint i = 0; words[i]; i++) {
        guint width = out_width(words[i]);

        if (!*words[i]) {
            /* An empty line: end the paragraph. */
            if (column > 0)
                out_text("\n\n");
            column = 0;
            continue;
        }
        if (column > 0 && column + 1 + width > limit) {
            out_text("\n");
            column = 0;
        }
        if (column == 0) {
            out_print("%*s%s", (int)indent, "", words[i]);
            column = indent + width;
        } else {
            out_print(" %s", words[i]);
            column += 1 + width;
        }
    }
    if (column > 0)
        out_text("\n");
}

/* Returns the usage of an option: "--level N" or "-c, --connect URI". */
static char *
help_option_form(const CmdOption *option)
{
    GString *form = g_string_new(NULL);
    g_autofree char *choices = NULL;
    const char *value = option->metavar;

    if (option->choices) {
        choices = g_strjoinv("|", (char **)(gpointer)option->choices);
        value = choices;
    }
    if (option->letter)
        g_string_append_printf(form, "-%c, ", option->letter);

    switch (option->type) {
    case CMD_OPT_FLAG:
        g_string_append_printf(form, "--%s", option->name);
        break;
    case CMD_OPT_TEXT:
    case CMD_OPT_NUMBER:
        g_string_append_printf(form, "--%s %s%s", option->name, value,
                               option->many ? "..." : "");
        break;
    case CMD_OPT_DATA:
        g_string_append_printf(form, "[--%s] %s", option->name, value);
        break;
    case CMD_OPT_REST:
        g_string_append_printf(form, "%s...", value);
        break;
    }

    return g_string_free(form, FALSE);
}

/* Returns the usage of a command in one line. */
static char *
help_synopsis(const Cmd *cmd)
{
    GString *text = g_string_new(cmd->name);

    for (const CmdOption *o = cmd->options; o && o->name; o++) {
        g_autofree char *form = NULL;

        if (o->hidden)
            continue;
        if (o->type == CMD_OPT_DATA)
            form = g_strdup(o->metavar);
        else
            form = help_option_form(o);
        g_string_append_printf(text, o->required ? " %s" : " [%s]", form);
    }
    if (cmd->flags & CMD_SETTINGS)
        g_string_append(text, " [--NAME VALUE]...");

    return g_string_free(text, FALSE);
}

static void
help_options(const CmdOption *table)
{
    for (const CmdOption *o = table; o && o->name; o++) {
        g_autofree char *form = help_option_form(o);

        if (o->hidden)
            continue;

        out_print("    %s\n", form);
        help_wrap(_(o->help), 8);
    }
}

static void
help_list_group(const CmdGroup *group)
{
    guint width = 0;

    out_print(_("%s (help keyword '%s'):\n"), _(group->title), group->name);
    for (const Cmd *cmd = group->commands; cmd->name; cmd++)
        if (!(cmd->flags & CMD_HIDDEN))
            width = MAX(width, strlen(cmd->name));
    for (const Cmd *cmd = group->commands; cmd->name; cmd++)
        if (!(cmd->flags & CMD_HIDDEN))
            out_print("  %-*s  %s\n", (int)width, cmd->name, _(cmd->summary));
}

void
cmd_help_all(void)
{
    for (const CmdGroup *group = cmd_groups; group->name; group++) {
        if (group != cmd_groups)
            out_text("\n");
        help_list_group(group);
    }
}

void
cmd_help_group(const CmdGroup *group)
{
    help_list_group(group);
}

void
cmd_help_command(const Cmd *cmd)
{
    g_autofree char *synopsis = help_synopsis(cmd);

    out_print("%s\n    %s - %s\n", _("NAME"), cmd->name, _(cmd->summary));
    out_print("\n%s\n", _("SYNOPSIS"));
    help_wrap(synopsis, 4);
    out_print("\n%s\n", _("DESCRIPTION"));
    help_wrap(_(cmd->description), 4);
    out_print("\n%s\n", _("OPTIONS"));
    help_options(cmd->options);
    help_options(cmd_common_options);
}

void
cmd_help_usage(void)
{
    out_print("%s\n    migtune [-c URI] [%s] COMMAND [%s]\n"
           "    migtune [-c URI] [%s] \"COMMAND; COMMAND...\"\n"
           "    migtune [-c URI] [%s]\n\n%s\n",
           _("USAGE"), _("OPTIONS"), _("ARGUMENTS"), _("OPTIONS"),
           _("OPTIONS"), _("OPTIONS"));
    help_options(cmd_global_options);
    out_text("\n");
    cmd_help_all();
    out_text("\n");
    help_wrap(_("Without a command an interactive shell starts. 'migtune "
                "help COMMAND' describes a command, migtune(1) describes all "
                "of them, migtune-params(7) describes the parameters."), 0);
}

static void
help_rst_options(const CmdOption *table)
{
    for (const CmdOption *o = table; o && o->name; o++) {
        g_autofree char *form = help_option_form(o);

        if (o->hidden)
            continue;

        out_print("``%s``\n    %s.\n\n", form, o->help);
    }
}

void
cmd_help_rst(void)
{
    for (const CmdGroup *group = cmd_groups; group->name; group++) {
        for (const Cmd *cmd = group->commands; cmd->name; cmd++) {
            g_autofree char *synopsis = help_synopsis(cmd);
            g_autofree char *line = g_strnfill(strlen(cmd->name), '-');

            if (cmd->flags & CMD_HIDDEN)
                continue;
            out_print("%s\n%s\n\n``%s``\n\n%s\n\n", cmd->name, line, synopsis,
                   cmd->description);
            help_rst_options(cmd->options);
        }
    }
}

static JsonObject *
help_get_json(const CmdGroup *group, const Cmd *cmd)
{
    JsonObject *object = json_object_new();
    JsonArray *options = json_array_new();
    g_autofree char *synopsis = help_synopsis(cmd);

    json_object_set_string_member(object, "name", cmd->name);
    json_object_set_string_member(object, "group", group->name);
    json_object_set_string_member(object, "synopsis", synopsis);
    json_object_set_string_member(object, "summary", cmd->summary);
    json_object_set_string_member(object, "description", cmd->description);
    for (const CmdOption *o = cmd->options; o && o->name; o++) {
        g_autofree char *form = help_option_form(o);
        JsonObject *option = json_object_new();

        json_object_set_string_member(option, "name", o->name);
        json_object_set_string_member(option, "usage", form);
        json_object_set_string_member(option, "help", o->help);
        json_object_set_boolean_member(option, "required", o->required);
        json_array_add_object_element(options, option);
    }
    json_object_set_array_member(object, "options", options);

    return object;
}

void
cmd_help_json(const Cmd *cmd, const CmdGroup *group)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);
    JsonArray *array = json_array_new();

    for (const CmdGroup *g = cmd_groups; g->name; g++)
        for (const Cmd *c = g->commands; c->name; c++)
            if (!(c->flags & CMD_HIDDEN) && (!cmd || c == cmd) &&
                (cmd || !group || g == group))
                json_array_add_object_element(array, help_get_json(g, c));
    json_node_take_array(node, array);
    out_json(node);
}
