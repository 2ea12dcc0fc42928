/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The command `migtune`, for tests: it runs the built command.  If an argument is
 * --json, each JSON document that the command prints is also compared with the
 * schema that is installed.  An error is printed to stderr, and then the exit
 * status is 99, so that the test which ran the command fails.
 *
 *     MIGTUNE_TEST_COMMAND  the command, if it is not the one in the build tree
 *     MIGTUNE_TEST_SCHEMA   the schema, if it is not the one in the source tree
 *     MIGTUNE_TEST_UNDER    a command with options that runs it, such as valgrind
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json-schema.h"

#define CHECKED_STATUS 99

static pid_t checked_child;

static void
on_signal(int number)
{
    kill(checked_child, number);
}

/* The command that @argv runs, if that is one that the schema has and the only
 * one; NULL otherwise. */
static const char *
checked_command(char **argv, JsonObject *commands)
{
    for (char **at = argv + 1; *at; at++)
        if (strcmp(*at, "-V") == 0 || strcmp(*at, "--version") == 0)
            return "--version";
    for (char **at = argv + 1; *at; at++)
        if (strchr(*at, ';'))
            return NULL;
    for (char **at = argv + 1; *at; at++) {
        g_auto(GStrv) words = g_strsplit(*at, " ", 2);

        if (words[0] && json_object_has_member(commands, words[0])) {
            const char *name = g_intern_string(words[0]);

            return name;
        }
    }

    return NULL;
}

/* The first error if @node is as none of the definitions of @names. */
static char *
checked_find_error(JsonObject *root, JsonArray *names, JsonNode *node)
{
    g_autoptr(GString) errors = g_string_new(NULL);

    for (guint i = 0; i < json_array_get_length(names); i++) {
        g_autofree char *error = json_schema_find_error(
            root, json_array_get_string_element(names, i), node);

        if (!error)
            return NULL;
        g_string_append_printf(errors, "%s%s", i ? "\n" : "", error);
    }

    return g_strdup(errors->str);
}

/* As above, with the definitions of @command, or of any if that is NULL. */
static char *
checked_find_error_of(JsonObject *root, const char *command, JsonNode *node)
{
    JsonObject *commands = json_object_get_object_member(root, "commands");
    g_autoptr(GList) all = json_object_get_members(commands);
    g_autofree char *last = NULL;

    if (command)
        return checked_find_error(
            root, json_object_get_array_member(commands, command), node);
    for (GList *l = all; l; l = l->next) {
        g_free(last);
        last = checked_find_error(
            root, json_object_get_array_member(commands, l->data), node);
        if (!last)
            return NULL;
    }

    return g_strdup("it matches no definition of any command");
}

/* The length of the JSON document at the beginning of @text; 0 if it is not
 * complete. */
static gsize
checked_document_length(const char *text)
{
    gboolean in_string = FALSE;
    guint depth = 0;

    for (const char *at = text; *at; at++) {
        if (in_string && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            in_string = !in_string;
        else if (!in_string && (*at == '{' || *at == '['))
            depth++;
        else if (!in_string && (*at == '}' || *at == ']') && --depth == 0)
            return at + 1 - text;
    }

    return 0;
}

/* Compares all documents in @text.  One that is cut off is ignored if the command
 * was @killed.  Returns whether they are right. */
static gboolean
checked_compare(JsonObject *root, const char *command, const char *text,
                gboolean killed)
{
    while (*(text += strspn(text, " \n"))) {
        gsize length = strchr("{[", *text) ? checked_document_length(text) : 0;
        g_autofree char *document = g_strndup(text, length);
        g_autoptr(JsonNode) node =
            length ? json_from_string(document, NULL) : NULL;
        g_autofree char *error = NULL;

        if (!length && killed)
            return TRUE;
        error = node ? checked_find_error_of(root, command, node)
                     : g_strdup("it is not JSON");
        if (error) {
            fprintf(stderr, "not as the JSON schema says: %s\n%s\n", error,
                    text);
            return FALSE;
        }
        text += length;
    }

    return TRUE;
}

/* Runs the command and copies its output as it comes; returns all of it. */
static char *
checked_run(char **argv, int *ret_status)
{
    static const int forwarded[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT };
    GString *text = g_string_new(NULL);
    gboolean open = TRUE;
    char buffer[4096];
    ssize_t n;
    int fds[2];

    if (pipe(fds) != 0)
        exit(CHECKED_STATUS);
    checked_child = fork();
    if (checked_child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execvp(argv[0], argv);
        _exit(CHECKED_STATUS);
    }
    close(fds[1]);
    for (gsize i = 0; i < G_N_ELEMENTS(forwarded); i++) {
        struct sigaction action = { .sa_handler = on_signal };
        struct sigaction old;

        sigaction(forwarded[i], NULL, &old);
        if (old.sa_handler != SIG_IGN)
            sigaction(forwarded[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);

    while ((n = read(fds[0], buffer, sizeof(buffer))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        g_string_append_len(text, buffer, n);
        for (ssize_t done = 0; open && done < n;) {
            ssize_t m = write(STDOUT_FILENO, buffer + done, n - done);

            if (m < 0 && errno != EINTR)
                open = FALSE;
            else if (m > 0)
                done += m;
        }
    }
    while (waitpid(checked_child, ret_status, 0) < 0 && errno == EINTR)
        ;

    return g_string_free(text, FALSE);
}

/* The words of what runs: those of MIGTUNE_TEST_UNDER, the command, arguments. */
static char **
checked_list_words(char **argv)
{
    const char *command = g_getenv("MIGTUNE_TEST_COMMAND");
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_auto(GStrv) under = g_strsplit(
        g_getenv("MIGTUNE_TEST_UNDER") ? g_getenv("MIGTUNE_TEST_UNDER") : "",
        " ", -1);

    for (char **at = under; *at; at++)
        if (**at)
            g_ptr_array_add(words, g_strdup(*at));
    g_ptr_array_add(words, g_strdup(command ? command : CHECKED_COMMAND));
    for (char **at = argv + 1; *at; at++)
        g_ptr_array_add(words, g_strdup(*at));
    g_ptr_array_add(words, NULL);

    return (char **)g_ptr_array_free(g_steal_pointer(&words), FALSE);
}

int
main(int argc, char **argv)
{
    g_auto(GStrv) words = checked_list_words(argv);
    g_autofree char *text = NULL;
    g_autoptr(JsonNode) schema = NULL;
    JsonObject *root;
    gboolean json = FALSE;
    int status = 0;

    for (int i = 1; i < argc; i++)
        json = json || strstr(argv[i], "--json") != NULL;
    if (!json) {
        execvp(words[0], words);
        return CHECKED_STATUS;
    }

    text = checked_run(words, &status);
    g_setenv("MIGTUNE_TEST_DATA", CHECKED_DATA, FALSE);
    schema = json_schema_load();
    root = json_node_get_object(schema);
    if (!checked_compare(
            root, checked_command(argv, json_object_get_object_member(
                                            root, "commands")),
            text, WIFSIGNALED(status)))
        return CHECKED_STATUS;
    if (WIFSIGNALED(status)) {
        signal(WTERMSIG(status), SIG_DFL);
        raise(WTERMSIG(status));
    }

    return WEXITSTATUS(status);
}
