/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks the user for the credentials that a libvirt daemon requires, as virsh
 * does.
 *
 * It asks only if standard input is a terminal, so that no line of a script is
 * used as a password.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ask.h"

/* How often it is checked whether the answer is still needed. */
#define ASK_CHECK_MS 50

/* FALSE if the answer is no longer needed. */
static gboolean
ask_wait_for_line(GCancellable *cancellable)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

    while (!g_cancellable_is_cancelled(cancellable)) {
        if (poll(&fd, 1, ASK_CHECK_MS) > 0)
            return TRUE;
    }

    return FALSE;
}

/* Reads a line without its newline; NULL at the end of the input. */
static char *
ask_read_line(gboolean echo, GCancellable *cancellable)
{
    struct termios before;
    gboolean hidden = !echo && tcgetattr(STDIN_FILENO, &before) == 0;
    char *line = NULL;
    char *answer = NULL;
    size_t size = 0;
    ssize_t length = -1;

    if (hidden) {
        struct termios silent = before;

        silent.c_lflag &= ~ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    if (ask_wait_for_line(cancellable))
        length = getline(&line, &size, stdin);
    if (hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (length > 0 && line[length - 1] == '\n')
        line[--length] = '\0';
    if (length >= 0)
        answer = g_strdup(line);
    if (line)
        explicit_bzero(line, size);
    free(line);

    return answer;
}

char *
ask_credential(MigtuneCredential credential, const char *prompt,
               GCancellable *cancellable, gpointer user_data)
{
    if (!isatty(STDIN_FILENO))
        return NULL;

    fprintf(stderr, "%s%s ", prompt, g_str_has_suffix(prompt, ":") ? "" : ":");
    fflush(stderr);

    return ask_read_line(credential == MIGTUNE_CREDENTIAL_VISIBLE,
                         cancellable);
}
