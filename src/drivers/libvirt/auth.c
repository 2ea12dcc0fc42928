/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon wants to know before it lets somebody in.
 *
 * Who sits at the terminal is asked, as virsh does it; where standard input is
 * no terminal nobody is, so that no line of a script is taken for a password.
 * libvirt itself looks into its auth.conf first.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "drivers/libvirt/libvirt-private.h"

/* What can be answered, and whether the answer is shown. */
static const struct {
    int type;
    gboolean echo;
    const char *prompt;         /* where libvirt has none */
} auth_kinds[LV_N_AUTH] = {
    { VIR_CRED_AUTHNAME, TRUE, "User" },
    { VIR_CRED_ECHOPROMPT, TRUE, "Answer" },
    { VIR_CRED_REALM, TRUE, "Realm" },
    { VIR_CRED_PASSPHRASE, FALSE, "Password" },
    { VIR_CRED_NOECHOPROMPT, FALSE, "Answer" },
};

/* How often somebody who is asked is looked at whether he is still to answer. */
#define AUTH_LOOK_MS 50

static gssize
auth_find(int type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(auth_kinds); i++) {
        if (auth_kinds[i].type == type)
            return i;
    }

    return -1;
}

/* FALSE when nobody wants to have it any more. */
static gboolean
auth_wait_for_line(void)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };

    while (!lv_call_is_left()) {
        if (poll(&fd, 1, AUTH_LOOK_MS) > 0)
            return TRUE;
    }

    return FALSE;
}

/* Reads a line; NULL at the end of the input.  The C library's allocator, since
 * libvirt frees it. */
static char *
auth_read_line(gboolean echo)
{
    struct termios before;
    gboolean hidden = !echo && tcgetattr(STDIN_FILENO, &before) == 0;
    char *line = NULL;
    size_t size = 0;
    ssize_t length = -1;

    if (hidden) {
        struct termios silent = before;

        silent.c_lflag &= ~ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    if (auth_wait_for_line())
        length = getline(&line, &size, stdin);
    if (hidden) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (length < 0) {
        free(line);
        return NULL;
    }
    if (length > 0 && line[length - 1] == '\n')
        line[length - 1] = '\0';

    return line;
}

static gboolean
auth_ask(virConnectCredentialPtr wanted)
{
    gssize kind = auth_find(wanted->type);
    const char *prompt = wanted->prompt;
    gsize length;

    if (kind < 0)
        return FALSE;
    if (!prompt || !*prompt)
        prompt = auth_kinds[kind].prompt;
    length = strlen(prompt);
    fprintf(stderr, "%s%s ", prompt,
            length > 0 && prompt[length - 1] == ':' ? "" : ":");
    fflush(stderr);
    wanted->result = auth_read_line(auth_kinds[kind].echo);
    if (wanted->result && !*wanted->result && wanted->defresult) {
        free(wanted->result);
        wanted->result = strdup(wanted->defresult);
    }
    if (wanted->result)
        wanted->resultlen = strlen(wanted->result);

    return wanted->result != NULL;
}

static int
auth_answer(virConnectCredentialPtr wanted, unsigned int n_wanted, void *data)
{
    gboolean ok = isatty(STDIN_FILENO);

    lv_call_hold(TRUE);
    for (unsigned int i = 0; ok && i < n_wanted; i++)
        ok = auth_ask(&wanted[i]);
    lv_call_hold(FALSE);

    return ok ? 0 : -1;
}

void
lv_auth_init(LvAuth *auth)
{
    for (gsize i = 0; i < G_N_ELEMENTS(auth_kinds); i++)
        auth->types[i] = auth_kinds[i].type;
    auth->auth.credtype = auth->types;
    auth->auth.ncredtype = G_N_ELEMENTS(auth_kinds);
    auth->auth.cb = auth_answer;
    auth->auth.cbdata = NULL;
}
