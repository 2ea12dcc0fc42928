/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Credentials that a daemon asks for.
 *
 * libvirt looks into its auth.conf first and then calls auth_answer(), which
 * asks the program's function.  Without such a function the connection fails:
 * a library never reads the terminal itself.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

static const struct {
    int type;
    MigtuneCredential credential;
    const char *prompt;         /* if libvirt has none */
} auth_kinds[LV_N_AUTH] = {
    { VIR_CRED_AUTHNAME, MIGTUNE_CREDENTIAL_VISIBLE, N_("User") },
    { VIR_CRED_ECHOPROMPT, MIGTUNE_CREDENTIAL_VISIBLE, N_("Answer") },
    { VIR_CRED_REALM, MIGTUNE_CREDENTIAL_VISIBLE, N_("Realm") },
    { VIR_CRED_PASSPHRASE, MIGTUNE_CREDENTIAL_SECRET, N_("Password") },
    { VIR_CRED_NOECHOPROMPT, MIGTUNE_CREDENTIAL_SECRET, N_("Answer") },
};

static gssize
auth_find(int type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(auth_kinds); i++) {
        if (auth_kinds[i].type == type)
            return i;
    }

    return -1;
}

/* Asks for one credential. */
static gboolean
auth_ask(const LvAuth *auth, virConnectCredentialPtr wanted)
{
    gssize kind = auth_find(wanted->type);
    const char *prompt = wanted->prompt;
    char *answer;

    if (kind < 0)
        return FALSE;
    if (!prompt || !*prompt)
        prompt = _(auth_kinds[kind].prompt);
    answer = auth->func(auth_kinds[kind].credential, prompt,
                        lv_call_get_cancellable(), auth->data);
    if (!answer)
        return FALSE;

    /* libvirt releases it with free(). */
    wanted->result = strdup(!*answer && wanted->defresult ? wanted->defresult
                                                          : answer);
    wanted->resultlen = wanted->result ? strlen(wanted->result) : 0;
    explicit_bzero(answer, strlen(answer));
    g_free(answer);

    return wanted->result != NULL;
}

static int
auth_answer(virConnectCredentialPtr wanted, unsigned int n_wanted, void *data)
{
    const LvAuth *auth = data;
    gboolean ok = TRUE;

    if (!lv_call_hold(TRUE))
        return -1;
    for (unsigned int i = 0; ok && i < n_wanted; i++)
        ok = auth_ask(auth, &wanted[i]);
    lv_call_hold(FALSE);

    return ok ? 0 : -1;
}

/* libvirt refuses a structure without a function. */
static int
auth_refuse(virConnectCredentialPtr wanted, unsigned int n_wanted, void *data)
{
    return -1;
}

void
lv_auth_init(LvAuth *auth, MigtuneAuthFunc func, gpointer data)
{
    for (gsize i = 0; i < G_N_ELEMENTS(auth_kinds); i++)
        auth->types[i] = auth_kinds[i].type;
    auth->func = func;
    auth->data = data;
    auth->auth.credtype = auth->types;
    auth->auth.ncredtype = G_N_ELEMENTS(auth_kinds);
    auth->auth.cb = func ? auth_answer : auth_refuse;
    auth->auth.cbdata = auth;
}
