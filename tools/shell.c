/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interactive shell and its commands.
 *
 * On a terminal, readline provides history and completion. Its callback
 * interface is used, so that one poll() waits for keys and for SIGINT.
 * Commands from a pipe are read line by line without a prompt.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>

#if HAVE_READLINE
#include <readline/history.h>
#include <readline/readline.h>
#endif

#include "cmd.h"
#include "tool.h"

#define SHELL_PROMPT "migtune # "
#define SHELL_HISTORY_LINES 500
#define SHELL_COMPLETE_MS 500

/* Reads commands without readline. */
static int
shell_run_stream(Tool *tool, gboolean prompt)
{
    char *line = NULL;
    size_t size = 0;
    int status = TOOL_DONE;

    while (!tool->quit && !tool_signals_terminated(tool->signals)) {
        ssize_t len;

        if (prompt) {
            fputs(SHELL_PROMPT, stdout);
            fflush(stdout);
        }
        len = getline(&line, &size, stdin);
        if (len < 0)
            break;
        if (strlen(line) != (size_t)len) {
            out_error(_("a line with a null byte was skipped"));
            status = TOOL_USAGE;
            continue;
        }
        status = tool_run_text(tool, line);
    }

    free(line);
    return status;
}

#if HAVE_READLINE
/* The data of the readline callbacks, which have no argument for it. */
static struct {
    Tool *tool;
    int status;
} shell;

static void shell_take_line(char *line);

/* Returns the words of the command that ends at position @end, or NULL. */
static GPtrArray *
shell_words_before(int end)
{
    g_autofree char *text = g_strndup(rl_line_buffer, end);
    GPtrArray *words = tool_split(text, NULL);

    if (!words)
        return NULL;

    for (guint i = words->len; i > 0; i--) {
        if (!words->pdata[i - 1]) {
            g_ptr_array_remove_range(words, 0, i);
            break;
        }
    }
    if (end == 0 || strchr(" \t;", rl_line_buffer[end - 1]))
        g_ptr_array_add(words, g_strdup(""));

    return words;
}

/* Returns the length of the common prefix of @items. */
static gsize
shell_common_length(GPtrArray *items)
{
    const char *first = items->pdata[0];
    gsize common = strlen(first);

    for (guint i = 1; i < items->len; i++) {
        const char *item = items->pdata[i];
        gsize n = 0;

        while (n < common && item[n] == first[n])
            n++;
        common = n;
    }

    return common;
}

/* Returns the common prefix and the matches, which readline frees. */
static char **
shell_complete(const char *text, int start, int end)
{
    g_autoptr(GPtrArray) words = shell_words_before(end);
    g_autoptr(GPtrArray) items = NULL;
    const char *first;
    char **matches;

    rl_attempted_completion_over = 1;
    if (!words)
        return NULL;
    items = cmd_complete(shell.tool, (char **)words->pdata, words->len);
    if (items->len == 0)
        return NULL;

    first = items->pdata[0];
    /* More is typed after these. */
    if (items->len == 1 &&
        (g_str_has_suffix(first, "=") || g_str_has_suffix(first, "/")))
        rl_completion_suppress_append = 1;

    matches = calloc(items->len + 2, sizeof(*matches));
    if (!matches)
        return NULL;
    matches[0] = strndup(first, shell_common_length(items));
    for (guint i = 0; items->len > 1 && i < items->len; i++)
        matches[i + 1] = strdup(items->pdata[i]);

    return matches;
}

static void
shell_take_line(char *line)
{
    Tool *tool = shell.tool;

    rl_callback_handler_remove();
    if (!line) {
        putchar('\n');
        tool->quit = TRUE;
        return;
    }

    if (*line) {
        add_history(line);
        shell.status = tool_run_text(tool, line);
    }
    free(line);
    if (!tool->quit)
        rl_callback_handler_install(SHELL_PROMPT, shell_take_line);
}

/* Discards the line after SIGINT at the prompt. */
static void
shell_drop_line(int fd)
{
    uint64_t count;

    if (read(fd, &count, sizeof(count)) < 0)
        return;
    /* Keep the discarded line on the screen. */
    rl_point = rl_end;
    rl_redisplay();
    rl_callback_handler_remove();
    fputs("^C\n", stdout);
    rl_callback_handler_install(SHELL_PROMPT, shell_take_line);
}

static int
shell_run_readline(Tool *tool)
{
    g_autofree char *dir =
        g_build_filename(g_get_user_cache_dir(), "migtune", NULL);
    g_autofree char *file = g_build_filename(dir, "history", NULL);
    struct pollfd fds[] = {
        { .fd = STDIN_FILENO, .events = POLLIN },
        { .fd = tool_signals_get_fd(tool->signals), .events = POLLIN },
    };

    shell.tool = tool;
    rl_readline_name = "migtune";
    rl_catch_signals = 0;
    rl_basic_word_break_characters = " \t;";
    rl_completer_word_break_characters = " \t;";
    rl_attempted_completion_function = shell_complete;
    stifle_history(SHELL_HISTORY_LINES);
    read_history(file);

    rl_callback_handler_install(SHELL_PROMPT, shell_take_line);
    while (!tool->quit && !tool_signals_terminated(tool->signals)) {
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        if (fds[1].revents)
            shell_drop_line(fds[1].fd);
        if (fds[0].revents)
            rl_callback_read_char();
    }
    rl_callback_handler_remove();

    /* A history that cannot be written is not reported. */
    if (g_mkdir_with_parents(dir, 0700) == 0)
        write_history(file);

    return shell.status;
}
#endif

int
tool_shell(Tool *tool)
{
    gboolean terminal = isatty(STDIN_FILENO);

    if (terminal && !tool->quiet)
        out_line(_("migtune %s. 'help' lists the commands, 'quit' ends."),
                 PACKAGE_VERSION);

#if HAVE_READLINE
    if (terminal)
        return shell_run_readline(tool);
#endif

    return shell_run_stream(tool, terminal);
}

static int
shell_help(Tool *tool, const CmdLine *line, GError **error)
{
    const char *name = cmd_line_get(line, "command");
    const Cmd *cmd = name ? cmd_find(name) : NULL;
    const CmdGroup *group = name ? cmd_find_group(name) : NULL;

    if (cmd_line_has(line, "rst"))
        cmd_help_rst();
    else if (tool->json && (!name || cmd || group))
        cmd_help_json(cmd, group);
    else if (!name)
        cmd_help_all();
    else if (cmd)
        cmd_help_command(cmd);
    else if (group)
        cmd_help_group(group);
    else
        tool_usage_error(error, _("unknown command or command group '%s'; "
                                  "'help' lists all commands"), name);

    return TOOL_DONE;
}

static int
shell_uri(Tool *tool, const CmdLine *line, GError **error)
{
    MigtuneConn *conn = tool_connect(tool, error);

    if (!conn)
        return TOOL_FAILED;

    if (tool->json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "uri",
                                      migtune_conn_get_uri(conn));
        json_node_take_object(node, object);
        out_json(node);
    } else {
        out_line("%s", migtune_conn_get_uri(conn));
    }

    return TOOL_DONE;
}

static int
shell_connect(Tool *tool, const CmdLine *line, GError **error)
{
    if (!tool_reconnect(tool, cmd_line_get(line, "uri"), error))
        return TOOL_FAILED;

    return tool->json ? shell_uri(tool, line, error) : TOOL_DONE;
}

static int
shell_pwd(Tool *tool, const CmdLine *line, GError **error)
{
    g_autofree char *directory = g_get_current_dir();

    if (tool->json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "directory", directory);
        json_node_take_object(node, object);
        out_json(node);
    } else {
        out_line("%s", directory);
    }

    return TOOL_DONE;
}

static int
shell_cd(Tool *tool, const CmdLine *line, GError **error)
{
    const char *directory = cmd_line_get(line, "dir");

    if (!directory)
        directory = g_get_home_dir();
    if (chdir(directory) < 0) {
        int code = errno;

        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot change to the directory '%s': %s"),
                          directory, g_strerror(code));
        return TOOL_FAILED;
    }

    return tool->json ? shell_pwd(tool, line, error) : TOOL_DONE;
}

static int
shell_quit(Tool *tool, const CmdLine *line, GError **error)
{
    tool->quit = TRUE;
    return TOOL_DONE;
}

static int
shell_complete_words(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(GPtrArray) items = NULL;

    /* A user who waits for a completion does not wait long. */
    if (tool->timeout_ms == 0)
        tool->timeout_ms = SHELL_COMPLETE_MS;
    items = cmd_complete(tool, (char **)line->rest->pdata, line->rest->len);
    for (guint i = 0; i < items->len; i++)
        out_line("%s", (char *)items->pdata[i]);

    return TOOL_DONE;
}

static int
shell_self_test(Tool *tool, const CmdLine *line, GError **error)
{
    return cmd_self_test() == 0 ? TOOL_DONE : TOOL_FAILED;
}

static const CmdOption shell_help_options[] = {
    { "command", 0, CMD_OPT_DATA, .word = CMD_WORD_COMMAND,
      .metavar = "COMMAND|GROUP",
      .help = N_("a command, or the keyword of a group of commands") },
    { "rst", 0, CMD_OPT_FLAG,
      .help = N_("print the command reference of migtune(1)") },
    { NULL }
};

static const CmdOption shell_connect_options[] = {
    { "uri", 0, CMD_OPT_DATA, .metavar = "URI",
      .help = N_("the URI; the default is to open the current URI again") },
    { NULL }
};

static const CmdOption shell_cd_options[] = {
    { "dir", 0, CMD_OPT_DATA, .word = CMD_WORD_DIRECTORY, .metavar = "DIR",
      .help = N_("the directory; the default is the home directory") },
    { NULL }
};

static const CmdOption shell_words_options[] = {
    { "words", 0, CMD_OPT_REST, .metavar = "WORD",
      .help = N_("the words so far; the last one is completed") },
    { NULL }
};

const Cmd cmd_shell_commands[] = {
    { "help", 0, shell_help_options, shell_help,
      N_("describe commands"),
      N_("Without an argument, lists all commands by group.") },
    { "?", CMD_HIDDEN, shell_help_options, shell_help,
      N_("describe commands"),
      N_("The same as help.") },
    { "connect", 0, shell_connect_options, shell_connect,
      N_("connect to a URI"),
      N_("Opens a connection for the commands that follow. This is mostly "
         "useful in the shell.") },
    { "uri", 0, NULL, shell_uri,
      N_("print the URI of the connection"),
      N_("Prints the URI as it was given.") },
    { "cd", 0, shell_cd_options, shell_cd,
      N_("change the current directory"),
      N_("Changes the directory to which relative file names refer in the "
         "commands that follow.") },
    { "pwd", 0, NULL, shell_pwd,
      N_("print the current directory"),
      N_("Prints the directory to which relative file names refer.") },
    { "quit", 0, NULL, shell_quit,
      N_("end the shell"),
      N_("Ends the shell. The settings of the guests stay as they are.") },
    { "exit", 0, NULL, shell_quit,
      N_("end the shell"),
      N_("The same as quit.") },
    { "complete", CMD_HIDDEN | CMD_RAW, shell_words_options,
      shell_complete_words,
      N_("print the completions of the last word"),
      N_("For completion in other shells: one candidate per line.") },
    { "self-test", CMD_HIDDEN, NULL, shell_self_test,
      N_("check the tables of commands and options"),
      N_("For the tests of migtune.") },
    { NULL }
};
