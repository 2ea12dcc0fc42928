/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tables of commands and options, and their parser; see cmd.h.
 *
 * Parsing follows virsh: an argument can be given at its position or as --name
 * VALUE, options can stand anywhere, and "--" ends the options. In addition, a
 * command that changes settings accepts --NAME VALUE for every parameter of
 * the catalogue.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>
#include <migtune/migtune.h>

#include "cmd.h"

const CmdGroup cmd_groups[] = {
    { "domains", N_("Domains"), cmd_host_commands },
    { "events", N_("Events"), cmd_event_commands },
    { "tuning", N_("Show and change settings"), cmd_params_commands },
    { "planning", N_("Planning"), cmd_plan_commands },
    { "migration", N_("Migration"), cmd_migrate_commands },
    { "convergence", N_("Convergence of migrations"), cmd_converge_commands },
    { "saving", N_("Saving and restoring"), cmd_save_commands },
    { "images", N_("Files with the state of a guest"), cmd_image_commands },
    { "streams", N_("Recorded streams"), cmd_inspect_commands },
    { "reference", N_("The reference engine"), cmd_ref_commands },
    { "shell", N_("Shell"), cmd_shell_commands },
    { NULL }
};

const CmdOption cmd_global_options[] = {
    { "connect", 'c', CMD_OPT_TEXT, .metavar = "URI",
      .help = N_("the URI of the guests, such as qmp:///run/guests/ or "
                 "qmp+tcp://127.0.0.1:4444; the default is the environment "
                 "variable MIGTUNE_DEFAULT_URI or LIBVIRT_DEFAULT_URI, "
                 "'uri' in the configuration file, or libvirt's default") },
    { "answer-timeout", 't', CMD_OPT_TEXT, .metavar = "SECONDS",
      .help = N_("time limit for the greeting and for each answer of a "
                 "guest; the time limit of a migration is the option "
                 "--timeout of migrate") },
    { "timeout", 0, CMD_OPT_TEXT, .metavar = "SECONDS", .hidden = TRUE,
      .help = "--answer-timeout" },
    { "no-cache", 0, CMD_OPT_FLAG,
      .help = N_("neither read nor write the cache of the abilities of QEMU "
                 "binaries") },
    { "no-monitor", 0, CMD_OPT_FLAG,
      .help = N_("with libvirt: use only libvirt's own functions and never "
                 "QEMU's monitor, because libvirt marks a guest as tainted "
                 "when its monitor is used") },
    { "readonly", 'r', CMD_OPT_FLAG,
      .help = N_("with libvirt: open a read-only connection (for "
                 "unprivileged users)") },
    { "json", 0, CMD_OPT_FLAG,
      .help = N_("print results and errors as JSON") },
    { "no-colour", 0, CMD_OPT_FLAG,
      .help = N_("never use colours; the environment variable NO_COLOR has "
                 "the same effect") },
    { "no-color", 0, CMD_OPT_FLAG, .hidden = TRUE,
      .help = "--no-colour" },
    { "debug", 'd', CMD_OPT_FLAG,
      .help = N_("print debug messages to standard error, with the QMP "
                 "commands and answers; the environment variable "
                 "MIGTUNE_DEBUG=1 has the same effect") },
    { "log", 'l', CMD_OPT_TEXT, .metavar = "FILE",
      .help = N_("append the debug messages to FILE") },
    { "quiet", 'q', CMD_OPT_FLAG,
      .help = N_("no table headings, remarks or warnings") },
    { "version", 'V', CMD_OPT_FLAG,
      .help = N_("print the version, the build options and the drivers, and "
                 "exit") },
    { "short-version", 'v', CMD_OPT_FLAG,
      .help = N_("print only the version number, and exit") },
    { "help", 'h', CMD_OPT_FLAG,
      .help = N_("print the options and commands, and exit") },
    { NULL }
};

const CmdOption cmd_common_options[] = {
    { "json", 0, CMD_OPT_FLAG,
      .help = N_("print results and errors as JSON") },
    { "help", 0, CMD_OPT_FLAG,
      .help = N_("print this help") },
    { NULL }
};

const Cmd *
cmd_find(const char *name)
{
    for (const CmdGroup *group = cmd_groups; group->name; group++)
        for (const Cmd *cmd = group->commands; cmd->name; cmd++)
            if (strcmp(cmd->name, name) == 0)
                return cmd;

    return NULL;
}

const CmdGroup *
cmd_find_group(const char *name)
{
    for (const CmdGroup *group = cmd_groups; group->name; group++)
        if (strcmp(group->name, name) == 0)
            return group;

    return NULL;
}

/* Stores the only command that begins with @name in @nearest, if there is
 * one. */
static void
cmd_find_prefix(const char *name, const char **nearest)
{
    const char *found = NULL;
    guint n = 0;

    for (const CmdGroup *group = cmd_groups; group->name; group++) {
        for (const Cmd *cmd = group->commands; cmd->name; cmd++) {
            if (!(cmd->flags & CMD_HIDDEN) && strlen(name) > 2 &&
                g_str_has_prefix(cmd->name, name)) {
                found = cmd->name;
                n++;
            }
        }
    }
    if (n == 1)
        *nearest = found;
}

/* Returns the names of all commands, which belong to the table. */
static GPtrArray *
cmd_names(void)
{
    GPtrArray *names = g_ptr_array_new();

    for (const CmdGroup *group = cmd_groups; group->name; group++)
        for (const Cmd *cmd = group->commands; cmd->name; cmd++)
            if (!(cmd->flags & CMD_HIDDEN))
                g_ptr_array_add(names, (char *)cmd->name);
    g_ptr_array_add(names, NULL);

    return names;
}

static const Cmd *
cmd_find_or_suggest(const char *name, GError **error)
{
    const Cmd *found = cmd_find(name);
    g_autoptr(GPtrArray) names = NULL;
    const char *nearest;

    if (found)
        return found;

    names = cmd_names();
    nearest = migtune_suggest(name, (const char *const *)names->pdata);
    /* The beginning of a single command is a better suggestion. */
    cmd_find_prefix(name, &nearest);

    if (nearest)
        tool_usage_error(error, _("unknown command '%s'; did you mean "
                                  "'%s'?"), name, nearest);
    else
        tool_usage_error(error, _("unknown command '%s'; 'help' lists all "
                                  "commands"), name);
    return NULL;
}

static const CmdOption *
cmd_table_find(const CmdOption *table, const char *name, gsize len)
{
    for (; table && table->name; table++)
        if (strncmp(table->name, name, len) == 0 && !table->name[len])
            return table;

    return NULL;
}

static const CmdOption *
cmd_table_find_letter(const CmdOption *table, char letter)
{
    for (; table && table->name; table++)
        if (table->letter && table->letter == letter)
            return table;

    return NULL;
}

static const CmdOption *
cmd_table_find_type(const CmdOption *table, CmdOptionType type)
{
    for (; table && table->name; table++)
        if (table->type == type)
            return table;

    return NULL;
}

const CmdOption *
cmd_find_option(const Cmd *cmd, const char *name, gsize len)
{
    const CmdOption *option = cmd_table_find(cmd->options, name, len);

    if (option && option->type == CMD_OPT_REST)
        option = NULL;

    return option ? option : cmd_table_find(cmd_common_options, name, len);
}

/* The option of @cmd with this letter; NULL if there is none. */
static const CmdOption *
cmd_find_letter(const Cmd *cmd, char letter)
{
    for (const CmdOption *o = cmd->options; o && o->name; o++) {
        if (o->letter == letter)
            return o;
    }

    return NULL;
}

/* Fails if @text is not a valid value of @option. */
static gboolean
cmd_check_value(const CmdOption *option, const char *text, GError **error)
{
    if (option->choices && !g_strv_contains(option->choices, text)) {
        g_autofree char *all =
            g_strjoinv(", ", (char **)(gpointer)option->choices);

        tool_usage_error(error, _("--%s must be one of %s, not '%s'"),
                         option->name, all, text);
        return FALSE;
    }

    if (option->type == CMD_OPT_NUMBER &&
        !g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, NULL,
                                  NULL)) {
        tool_usage_error(error, _("--%s must be a whole number, not '%s'"),
                         option->name, text);
        return FALSE;
    }

    return TRUE;
}

static gboolean
cmd_store(GHashTable *values, const CmdOption *option, const char *text,
          GError **error)
{
    const char *before = g_hash_table_lookup(values, option->name);

    if (!cmd_check_value(option, text, error))
        return FALSE;

    if (option->many && before) {
        g_hash_table_insert(values, (char *)option->name,
                            g_strconcat(before, "\n", text, NULL));
        return TRUE;
    }
    if (option->type != CMD_OPT_FLAG && before) {
        tool_usage_error(error, _("--%s is given twice"), option->name);
        return FALSE;
    }

    g_hash_table_insert(values, (char *)option->name, g_strdup(text));
    return TRUE;
}

/* Fails because the option "--@name" does not exist; @name may end with a
 * value. */
static void
cmd_unknown_global(const CmdOption *table, const char *name, GError **error)
{
    g_autofree char *plain = g_strndup(name, strcspn(name, "="));
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *nearest;

    for (; table->name; table++)
        if (!table->hidden)
            g_ptr_array_add(names, (char *)table->name);
    g_ptr_array_add(names, NULL);
    nearest = migtune_suggest(plain, (const char *const *)names->pdata);
    if (nearest)
        tool_usage_error(error, _("unknown option '--%s'; did you mean "
                                  "'--%s'?"), plain, nearest);
    else
        tool_usage_error(error, _("unknown option '--%s'"), plain);
}

/* Parses "-abc": each letter is a flag, and the last one may take a value. */
static gboolean
cmd_parse_letters(const CmdOption *table, char **words, guint *i,
                  GHashTable *values, GError **error)
{
    for (const char *p = words[*i] + 1; *p; p++) {
        const CmdOption *option = cmd_table_find_letter(table, *p);
        const char *text;

        if (!option) {
            tool_usage_error(error, _("unknown option '%s'"), words[*i]);
            return FALSE;
        }
        if (option->type == CMD_OPT_FLAG) {
            if (!cmd_store(values, option, "", error))
                return FALSE;
            continue;
        }

        text = p[1] ? p + 1 : words[*i + 1];
        if (!text) {
            tool_usage_error(error, _("-%c needs a value: %s"), *p,
                             option->metavar);
            return FALSE;
        }
        if (!p[1])
            (*i)++;
        return cmd_store(values, option, text, error);
    }

    return TRUE;
}

/* Returns the text after "=", or else the next word. */
static const char *
cmd_take_value(char **words, guint *i, const char *equals)
{
    if (equals)
        return equals + 1;
    if (!words[*i + 1])
        return NULL;

    return words[++*i];
}

/* Parses "--name" of @option with its value. */
static gboolean
cmd_parse_long(const CmdOption *option, char **words, guint *i,
               const char *equals, GHashTable *values, GError **error)
{
    const char *text = "";

    if (option->type == CMD_OPT_FLAG && equals) {
        tool_usage_error(error, _("--%s takes no value"), option->name);
        return FALSE;
    }
    if (option->type != CMD_OPT_FLAG)
        text = cmd_take_value(words, i, equals);
    if (!text) {
        tool_usage_error(error, _("--%s needs a value: %s"), option->name,
                         option->metavar);
        return FALSE;
    }

    return cmd_store(values, option, text, error);
}

GHashTable *
cmd_parse_globals(const CmdOption *table, char **words, guint *n_used,
                  GError **error)
{
    g_autoptr(GHashTable) values =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    guint i = 0;

    for (; words[i] && words[i][0] == '-' && words[i][1]; i++) {
        const char *equals = strchr(words[i], '=');
        const CmdOption *option;

        if (strcmp(words[i], "--") == 0) {
            i++;
            break;
        }
        if (words[i][1] != '-') {
            if (!cmd_parse_letters(table, words, &i, values, error))
                return NULL;
            continue;
        }

        option = cmd_table_find(table, words[i] + 2,
                                equals ? (gsize)(equals - words[i] - 2)
                                       : strlen(words[i] + 2));
        if (!option) {
            cmd_unknown_global(table, words[i] + 2, error);
            return NULL;
        }
        if (!cmd_parse_long(option, words, &i, equals, values, error))
            return NULL;
    }

    *n_used = i;
    return g_steal_pointer(&values);
}

static void
cmd_unknown_option(const Cmd *cmd, const char *name, GError **error)
{
    const CmdOption *tables[] = { cmd->options, cmd_common_options };
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *nearest;

    for (guint i = 0; i < G_N_ELEMENTS(tables); i++)
        for (const CmdOption *o = tables[i]; o && o->name; o++)
            if (o->type != CMD_OPT_REST)
                g_ptr_array_add(names, (char *)o->name);
    g_ptr_array_add(names, NULL);
    nearest = migtune_suggest(name, (const char *const *)names->pdata);
    if (nearest && !(cmd->flags & CMD_SETTINGS)) {
        tool_usage_error(error, _("%s: unknown option '--%s'; did you mean "
                                  "'--%s'?"),
                         cmd->name, name, nearest);
        return;
    }
    if (!nearest && (cmd->flags & CMD_SETTINGS))
        nearest = migtune_param_suggest(name);

    if (nearest)
        tool_usage_error(error, _("%s: unknown option or parameter '%s'; did "
                                  "you mean '%s'?"),
                         cmd->name, name, nearest);
    else if (cmd->flags & CMD_SETTINGS)
        tool_usage_error(error, _("%s: unknown option or parameter '%s'; for "
                                  "a parameter that migtune does not know "
                                  "yet, use NAME=VALUE"),
                         cmd->name, name);
    else
        tool_usage_error(error, _("%s: unknown option '--%s'"),
                         cmd->name, name);
}

/* Parses one word that begins with "--". */
static gboolean
cmd_line_parse_long(CmdLine *line, char **words, guint *i, GError **error)
{
    const char *word = words[*i];
    const char *equals = strchr(word, '=');
    gsize len = equals ? (gsize)(equals - word - 2) : strlen(word + 2);
    const CmdOption *option = cmd_find_option(line->cmd, word + 2, len);
    g_autofree char *name = g_strndup(word + 2, len);
    const char *text;

    if (option)
        return cmd_parse_long(option, words, i, equals, line->values, error);

    if (!(line->cmd->flags & CMD_SETTINGS) ||
        !migtune_param_canonical_name(name)) {
        cmd_unknown_option(line->cmd, name, error);
        return FALSE;
    }

    text = cmd_take_value(words, i, equals);
    if (!text) {
        tool_usage_error(error, _("--%s needs a value: %s"), name, "VALUE");
        return FALSE;
    }

    g_ptr_array_add(line->rest, g_strdup_printf("%s=%s", name, text));
    return TRUE;
}

/* Whether a word is NAME=VALUE.  A connection URI may have parameters, such as
 * qemu+unix:///system?socket=PATH. */
static gboolean
cmd_is_setting(const char *word)
{
    const char *equals = strchr(word, '=');
    const char *scheme = strstr(word, "://");

    return equals && (!scheme || equals < scheme);
}

/* Assigns the first word without an option name to @option. */
static gboolean
cmd_line_place_one(CmdLine *line, const CmdOption *option, int first_word,
                   guint *n_placed, GError **error)
{
    const CmdOption *rest =
        cmd_table_find_type(line->cmd->options, CMD_OPT_REST);

    /* A positional NAME=VALUE is a setting; a domain with such a name needs
     * --domain. */
    if (*n_placed > 0 && !cmd_line_has(line, option->name) &&
        (!rest || rest->word != CMD_WORD_SETTING ||
         !cmd_is_setting(line->rest->pdata[first_word]))) {
        g_autofree char *word =
            g_ptr_array_steal_index(line->rest, first_word);

        (*n_placed)--;
        if (!cmd_store(line->values, option, word, error))
            return FALSE;
    }

    if (option->required && !cmd_line_has(line, option->name)) {
        tool_usage_error(error, _("%s: %s is missing"), line->cmd->name,
                         option->metavar);
        return FALSE;
    }

    return TRUE;
}

/* Assigns the words without an option name to the positional options. */
static gboolean
cmd_line_place(CmdLine *line, int first_word, guint n_placed, GError **error)
{
    const Cmd *cmd = line->cmd;
    const CmdOption *rest = cmd_table_find_type(cmd->options, CMD_OPT_REST);
    gboolean replaced = FALSE;

    for (const CmdOption *o = cmd->options; o && o->name; o++)
        replaced |= o->replaces_data && cmd_line_has(line, o->name);

    for (const CmdOption *o = cmd->options; o && o->name; o++) {
        if (o->type != CMD_OPT_DATA)
            continue;
        if (replaced && cmd_line_has(line, o->name)) {
            tool_usage_error(error, _("%s: %s cannot be combined with an "
                                      "option that replaces it"),
                             cmd->name, o->metavar);
            return FALSE;
        }
        if (!replaced && !cmd_line_place_one(line, o, first_word, &n_placed,
                                             error))
            return FALSE;
    }
    if (!rest && n_placed > 0) {
        tool_usage_error(error, _("%s: unexpected argument '%s'"), cmd->name,
                         (char *)line->rest->pdata[0]);
        return FALSE;
    }
    if (rest && rest->required && line->rest->len == 0) {
        tool_usage_error(error, _("%s: %s is missing"), cmd->name,
                         rest->metavar);
        return FALSE;
    }

    return TRUE;
}

CmdLine *
cmd_line_parse(char **words, guint n_words, GError **error)
{
    g_autoptr(CmdLine) line = g_new0(CmdLine, 1);
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    gboolean plain = FALSE;
    int first_word = -1;
    guint n_placed = 0;
    char **list_words;

    line->values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                         g_free);
    line->rest = g_ptr_array_new_with_free_func(g_free);
    line->cmd = cmd_find_or_suggest(words[0], error);
    if (!line->cmd)
        return NULL;

    for (guint i = 1; i < n_words; i++)
        g_ptr_array_add(list, words[i]);
    g_ptr_array_add(list, NULL);
    list_words = (char **)list->pdata;

    for (guint i = 0; list_words[i]; i++) {
        const char *word = list_words[i];

        if (!plain && strcmp(word, "--") == 0) {
            plain = TRUE;
        } else if (!plain && g_str_has_prefix(word, "--") &&
                   !(line->cmd->flags & CMD_RAW)) {
            if (!cmd_line_parse_long(line, list_words, &i, error))
                return NULL;
        } else if (!plain && word[0] == '-' && word[1] && !word[2] &&
                   cmd_find_letter(line->cmd, word[1])) {
            if (!cmd_parse_long(cmd_find_letter(line->cmd, word[1]),
                                list_words, &i, NULL, line->values, error))
                return NULL;
        } else if (!plain && word[0] == '-' && word[1] &&
                   !(line->cmd->flags & CMD_RAW)) {
            tool_usage_error(error, _("%s: unknown option '%s'"),
                             line->cmd->name, word);
            return NULL;
        } else {
            if (first_word < 0)
                first_word = line->rest->len;
            n_placed++;
            g_ptr_array_add(line->rest, g_strdup(word));
        }
    }

    if (!cmd_line_has(line, "help") &&
        !cmd_line_place(line, first_word, n_placed, error))
        return NULL;

    return g_steal_pointer(&line);
}

void
cmd_line_free(CmdLine *line)
{
    if (!line)
        return;

    g_clear_pointer(&line->values, g_hash_table_unref);
    g_clear_pointer(&line->rest, g_ptr_array_unref);
    g_free(line);
}

const char *
cmd_line_get(const CmdLine *line, const char *name)
{
    return g_hash_table_lookup(line->values, name);
}

char **
cmd_line_get_all(const CmdLine *line, const char *name)
{
    const char *text = cmd_line_get(line, name);

    return g_strsplit(text ? text : "", "\n", -1);
}

gboolean
cmd_line_has(const CmdLine *line, const char *name)
{
    return g_hash_table_contains(line->values, name);
}

/* Checks one table of options for the self-test. */
static guint
cmd_self_test_options(const char *name, const CmdOption *table,
                      const Cmd *cmd)
{
    guint faults = 0;
    gboolean rest = FALSE;

#define FAULT_UNLESS(condition, what)                                   \
    do {                                                                \
        if (!(condition)) {                                             \
            out_error("%s: --%s: %s", name, o->name, what);             \
            faults++;                                                   \
        }                                                               \
    } while (0)

    for (const CmdOption *o = table; o && o->name; o++) {
        FAULT_UNLESS(o->help && *o->help, "no help");
        FAULT_UNLESS(o->type == CMD_OPT_FLAG || o->metavar, "no metavar");
        FAULT_UNLESS(!rest || o->type != CMD_OPT_DATA, "after the rest");
        FAULT_UNLESS(!o->required || o->type >= CMD_OPT_DATA,
                     "only words at a place can be required");
        FAULT_UNLESS(cmd_table_find(table, o->name, strlen(o->name)) == o,
                     "twice");
        FAULT_UNLESS(!o->letter ||
                     cmd_table_find_letter(table, o->letter) == o,
                     "its letter twice");
        FAULT_UNLESS(!o->choices || o->choices[0], "no choices");
        FAULT_UNLESS(!o->many || o->type == CMD_OPT_TEXT,
                     "only a text can be given several times");
        if (cmd) {
            FAULT_UNLESS(!cmd_table_find(cmd_common_options, o->name,
                                         strlen(o->name)),
                         "hides a common option");
            FAULT_UNLESS(!(cmd->flags & CMD_SETTINGS) ||
                         o->type == CMD_OPT_REST ||
                         !migtune_param_canonical_name(o->name),
                         "hides a parameter");
        }
        rest |= o->type == CMD_OPT_REST;
    }
#undef FAULT_UNLESS

    return faults;
}

guint
cmd_self_test(void)
{
    guint faults = cmd_self_test_options("global", cmd_global_options, NULL) +
                   cmd_self_test_options("common", cmd_common_options, NULL);

    for (const CmdGroup *group = cmd_groups; group->name; group++) {
        for (const Cmd *cmd = group->commands; cmd->name; cmd++) {
            faults += cmd_self_test_options(cmd->name, cmd->options, cmd);
            if (!cmd->run || !cmd->summary || !cmd->description) {
                out_error("%s: incomplete", cmd->name);
                faults++;
            }
            if (cmd_find(cmd->name) != cmd || cmd_find_group(cmd->name)) {
                out_error("%s: twice", cmd->name);
                faults++;
            }
        }
    }

    return faults;
}
