/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Completion, for the interactive shell and for bash.
 *
 * Commands and options come from the command tables, parameters and their
 * values from the catalogue, guests from the connection.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <migtune/migtune.h>

#include "cmd.h"
#include "each.h"

/* With more guests than this, keys are offered instead of names. */
#define COMPLETE_MAX_ASKED 16

typedef struct {
    const char *word;       /* the word to complete */
    gsize len;
    GPtrArray *items;       /* of char * */
    JsonNode *catalogue;    /* NULL: not loaded yet */

    /* Of the words before; either may be NULL. */
    const char *guest;
    const char *release;
} Completion;

/* Adds @candidate if it begins with the word. Takes ownership of @candidate. */
static void
complete_add(Completion *c, char *candidate)
{
    if (candidate && strncmp(candidate, c->word, c->len) == 0)
        g_ptr_array_add(c->items, candidate);
    else
        g_free(candidate);
}

static void
complete_add_options(Completion *c, const CmdOption *table)
{
    for (; table && table->name; table++)
        if (table->type != CMD_OPT_REST && !table->hidden)
            complete_add(c, g_strconcat("--", table->name, NULL));
}

static void
complete_add_commands(Completion *c, gboolean groups)
{
    for (const CmdGroup *group = cmd_groups; group->name; group++) {
        if (groups)
            complete_add(c, g_strdup(group->name));
        for (const Cmd *cmd = group->commands; cmd->name; cmd++)
            if (!(cmd->flags & CMD_HIDDEN))
                complete_add(c, g_strdup(cmd->name));
    }
}

static JsonNode *
complete_get_name(MigtuneDomain *domain, gconstpointer data, int *status,
                  GCancellable *cancellable, GError **error)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "domain",
                                  migtune_domain_get_name(domain));
    json_node_take_object(node, object);
    return node;
}

/* Adds the names of the guests. If there are many guests, asking each for its
 * name would take too long, so keys are offered. */
static void
complete_add_domains(Completion *c, Tool *tool)
{
    MigtuneConn *conn = tool_connect(tool, NULL);
    g_auto(GStrv) keys =
        conn ? migtune_conn_list(conn, tool->cancellable, NULL) : NULL;
    g_autoptr(GPtrArray) results = NULL;

    if (!keys)
        return;

    if (g_strv_length(keys) <= COMPLETE_MAX_ASKED)
        results = each_domain(tool, complete_get_name, NULL, NULL);
    for (guint i = 0; results && i < results->len; i++)
        complete_add(c, g_strdup(each_get_name(results->pdata[i])));
    for (guint i = 0; !results && keys[i]; i++)
        complete_add(c, g_strdup(keys[i]));
}

/* Adds the compression methods to the list that the word already contains. */
static void
complete_add_methods(Completion *c)
{
    static const char *const methods[] = {
        "mt", "none", "qatzip", "qpl", "uadk", "xbzrle", "zlib", "zstd"
    };
    const char *comma = strrchr(c->word, ',');
    const char *last = comma ? comma : strchr(c->word, '=');
    g_autofree char *before = g_strndup(c->word, last + 1 - c->word);

    for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
        complete_add(c, g_strconcat(before, methods[i], NULL));
}

/* Adds the accepted values of a row, each with @prefix. */
static void
complete_add_values(Completion *c, JsonObject *row, const char *prefix)
{
    JsonArray *values = out_get_array(row, "values");
    const char *type = out_get_string(row, "type");

    for (guint i = 0; values && i < json_array_get_length(values); i++)
        complete_add(c, g_strconcat(
            prefix, json_array_get_string_element(values, i), NULL));
    if (g_strcmp0(type, "bool") == 0) {
        complete_add(c, g_strconcat(prefix, "on", NULL));
        complete_add(c, g_strconcat(prefix, "off", NULL));
    }
}

/* Returns the release of a guest, or NULL.  This does not mark a guest of
 * libvirt as tainted. */
static char *
complete_get_release(Tool *tool, const char *guest)
{
    MigtuneConn *conn = tool_connect(tool, NULL);
    g_autoptr(MigtuneDomain) domain =
        conn ? migtune_conn_lookup(conn, guest, tool->cancellable, NULL) : NULL;
    g_autoptr(JsonNode) info =
        domain ? migtune_domain_get_info(domain, tool->cancellable, NULL)
               : NULL;

    return info ? g_strdup(out_get_string(json_node_get_object(info),
                                          "release"))
                : NULL;
}

/* Returns the rows of the catalogue that the guest or release has; without
 * either, or if the guest does not answer, all rows. */
static JsonArray *
complete_get_rows(Completion *c, Tool *tool)
{
    g_autofree char *release = NULL;

    if (!c->catalogue && c->release)
        release = g_strdup(c->release);
    else if (!c->catalogue && c->guest)
        release = complete_get_release(tool, c->guest);
    if (!c->catalogue && release)
        c->catalogue = migtune_catalogue_to_json(release, NULL);
    if (!c->catalogue)
        c->catalogue = migtune_catalogue_to_json(NULL, NULL);

    return c->catalogue ? json_node_get_array(c->catalogue) : NULL;
}

/* Adds parameter names with @prefix and @suffix; if the word contains "=",
 * adds the values of that parameter instead. */
static void
complete_add_params(Completion *c, Tool *tool, CmdWord kind,
                    const char *prefix, const char *suffix)
{
    JsonArray *rows = complete_get_rows(c, tool);
    const char *equals = strchr(c->word, '=');
    gsize skip = strlen(prefix);

    for (guint i = 0; rows && i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *name = out_get_string(row, "name");
        const char *qmp = out_get_string(row, "qmp");
        gsize len = equals && (gsize)(equals - c->word) > skip
                    ? (gsize)(equals - c->word) - skip : 0;

        if (kind == CMD_WORD_CAPABILITY &&
            g_strcmp0(out_get_string(row, "kind"), "capability") != 0)
            continue;

        if (equals && kind != CMD_WORD_NAME) {
            const char *typed = c->word + skip;
            g_autofree char *before = NULL;

            if (len == 0 || ((strlen(name) != len ||
                              strncmp(name, typed, len) != 0) &&
                             (!qmp || strlen(qmp) != len ||
                              strncmp(qmp, typed, len) != 0)))
                continue;
            before = g_strndup(c->word, equals - c->word + 1);
            complete_add_values(c, row, before);
            if (strcmp(name, "compression") == 0)
                complete_add_methods(c);
        } else if (!equals) {
            complete_add(c, g_strconcat(prefix, name, suffix, NULL));
            /* Offer QEMU's spelling only if the user has begun to type it. */
            if (qmp && c->len > skip && strcmp(qmp, name) != 0)
                complete_add(c, g_strconcat(prefix, qmp, suffix, NULL));
        }
    }
}

static void
complete_add_releases(Completion *c)
{
    static const guint last[] = { 12, 1, 2, 2, 2, 2, 2, 2, 2, 1 };

    for (guint i = 0; i < G_N_ELEMENTS(last); i++)
        for (guint minor = i == 0 ? 4 : 0; minor <= last[i]; minor++)
            complete_add(c, g_strdup_printf("%u.%u", i + 2, minor));
}

static void
complete_add_policies(Completion *c)
{
    g_auto(GStrv) names = migtune_policy_list();

    for (char **name = names; *name; name++)
        complete_add(c, g_strdup(*name));
}

/* Adds the directories that begin with the word, each with a final "/". */
static void
complete_add_directories(Completion *c)
{
    const char *slash = strrchr(c->word, '/');
    g_autofree char *parent =
        g_strndup(c->word, slash ? slash + 1 - c->word : 0);
    g_autoptr(GDir) dir = g_dir_open(*parent ? parent : ".", 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_strconcat(parent, name, NULL);

        /* Hidden directories only if the dot has been typed. */
        if (*name == '.' && c->len == strlen(parent))
            continue;
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            complete_add(c, g_strconcat(path, "/", NULL));
    }
}

static void
complete_add_word(Completion *c, Tool *tool, CmdWord word)
{
    switch (word) {
    case CMD_WORD_ANY:
        break;
    case CMD_WORD_DOMAIN:
        complete_add_domains(c, tool);
        break;
    case CMD_WORD_NAME:
        complete_add_params(c, tool, word, "", "");
        break;
    case CMD_WORD_CAPABILITY:
    case CMD_WORD_SETTING:
        complete_add_params(c, tool, word, "", "=");
        break;
    case CMD_WORD_RELEASE:
        complete_add_releases(c);
        break;
    case CMD_WORD_POLICY:
        complete_add_policies(c);
        break;
    case CMD_WORD_COMMAND:
        complete_add_commands(c, TRUE);
        break;
    case CMD_WORD_DIRECTORY:
        complete_add_directories(c);
        break;
    }
}

static void
complete_add_value(Completion *c, Tool *tool, const CmdOption *option)
{
    for (guint i = 0; option->choices && option->choices[i]; i++)
        complete_add(c, g_strdup(option->choices[i]));
    complete_add_word(c, tool, option->word);
}

/* Adds the values of the parameter that "--@name" sets. */
static void
complete_add_setting_value(Completion *c, Tool *tool, const char *name)
{
    g_autofree char *setting = g_strconcat(name, "=", c->word, NULL);
    Completion inner = {
        .word = setting, .len = strlen(setting), .items = g_ptr_array_new(),
        .guest = c->guest, .release = c->release
    };

    complete_add_params(&inner, tool, CMD_WORD_SETTING, "", "");
    for (guint i = 0; i < inner.items->len; i++) {
        complete_add(c, g_strdup((char *)inner.items->pdata[i] +
                                 strlen(name) + 1));
        g_free(inner.items->pdata[i]);
    }
    g_ptr_array_unref(inner.items);
    g_clear_pointer(&inner.catalogue, json_node_unref);
}

/* Completes the last argument of @cmd. */
static void
complete_command(Completion *c, Tool *tool, const Cmd *cmd, char **words,
                 guint n_words)
{
    const CmdOption *pending = NULL;
    const char *pending_setting = NULL;
    const CmdOption *rest = NULL;
    guint n_placed = 0;
    guint n_data = 0;
    gboolean replaced = FALSE;

    for (guint i = 0; i + 1 < n_words; i++) {
        const char *word = words[i];

        if (pending || pending_setting) {
            if (pending && strcmp(pending->name, "qemu") == 0)
                c->release = word;
            if (pending && pending->word == CMD_WORD_DOMAIN)
                c->guest = word;
            pending = NULL;
            pending_setting = NULL;
        } else if (!g_str_has_prefix(word, "--")) {
            if (n_placed++ == 0 && cmd->options &&
                cmd->options->word == CMD_WORD_DOMAIN && !c->guest)
                c->guest = word;
        } else if (!strchr(word, '=')) {
            const CmdOption *option =
                cmd_find_option(cmd, word + 2, strlen(word + 2));

            if (option && option->type != CMD_OPT_FLAG)
                pending = option;
            else if (!option && (cmd->flags & CMD_SETTINGS))
                pending_setting = word + 2;
            replaced |= option && (option->replaces_data ||
                                   option->type == CMD_OPT_DATA);
        }
    }

    if (pending) {
        complete_add_value(c, tool, pending);
        return;
    }
    if (pending_setting) {
        complete_add_setting_value(c, tool, pending_setting);
        return;
    }
    if (c->word[0] == '-') {
        complete_add_options(c, cmd->options);
        complete_add_options(c, cmd_common_options);
        /* There are many parameters: the options come first. */
        if ((cmd->flags & CMD_SETTINGS) && c->len > 2)
            complete_add_params(c, tool, CMD_WORD_SETTING, "--", "");
        return;
    }

    for (const CmdOption *o = cmd->options; o && o->name; o++) {
        if (o->type == CMD_OPT_DATA && n_data++ == n_placed && !replaced)
            complete_add_value(c, tool, o);
        else if (o->type == CMD_OPT_REST)
            rest = o;
    }
    /* If the domain can be omitted, a setting can stand in its place. */
    if (rest && (n_placed > 0 || replaced || rest->word == CMD_WORD_SETTING ||
                 cmd->options->type == CMD_OPT_REST))
        complete_add_value(c, tool, rest);
}

static int
complete_compare(gconstpointer a, gconstpointer b)
{
    const char *first = *(const char *const *)a;
    const char *second = *(const char *const *)b;
    double x = g_ascii_strtod(first, NULL);
    double y = g_ascii_strtod(second, NULL);

    /* Releases of QEMU: 2.10 comes after 2.4. */
    if (x > 0 && y > 0) {
        const char *dot_x = strchr(first, '.');
        const char *dot_y = strchr(second, '.');

        if ((int)x != (int)y)
            return (int)x - (int)y;
        if (dot_x && dot_y)
            return atoi(dot_x + 1) - atoi(dot_y + 1);
    }

    return strcmp(first, second);
}

/* Sorts the candidates and removes duplicates. */
static void
complete_sort(GPtrArray *items)
{
    g_ptr_array_sort(items, complete_compare);
    for (guint i = items->len; i > 1; i--)
        if (strcmp(items->pdata[i - 1], items->pdata[i - 2]) == 0)
            g_ptr_array_remove_index(items, i - 1);
}

/* Skips the options before the command and takes the URI from them. Returns
 * the option whose value is being typed, or NULL. */
static const CmdOption *
complete_skip_globals(Tool *tool, char **words, guint n_words, guint *i)
{
    for (; *i + 1 < n_words && words[*i][0] == '-'; (*i)++) {
        const CmdOption *found = NULL;
        const char *word = words[*i];

        for (const CmdOption *o = cmd_global_options; o->name; o++)
            if ((word[1] == '-' && strcmp(word + 2, o->name) == 0) ||
                (word[1] == o->letter && o->letter && !word[2]))
                found = o;
        if (g_str_has_prefix(word, "--connect="))
            tool_set_uri(tool, word + strlen("--connect="));
        if (!found || found->type == CMD_OPT_FLAG)
            continue;
        if (*i + 2 >= n_words)
            return found;
        (*i)++;
        if (found->letter == 'c')
            tool_set_uri(tool, words[*i]);
    }

    return NULL;
}

GPtrArray *
cmd_complete(Tool *tool, char **words, guint n_words)
{
    Completion c = { .items = g_ptr_array_new_with_free_func(g_free) };
    const Cmd *cmd;
    guint i = 0;

    if (n_words == 0)
        return c.items;

    c.word = words[n_words - 1];
    c.len = strlen(c.word);
    if (complete_skip_globals(tool, words, n_words, &i))
        return c.items;

    if (i + 1 == n_words) {
        if (c.word[0] == '-')
            complete_add_options(&c, cmd_global_options);
        else
            complete_add_commands(&c, FALSE);
    } else {
        cmd = cmd_find(words[i]);
        if (cmd)
            complete_command(&c, tool, cmd, words + i + 1, n_words - i - 1);
    }

    complete_sort(c.items);
    g_clear_pointer(&c.catalogue, json_node_unref);
    return c.items;
}
