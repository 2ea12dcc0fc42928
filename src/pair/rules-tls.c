/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rules about TLS: credentials that do not fit each other or the address.
 */
#include "config.h"

#include <string.h>

#include "pair/rule.h"
#include "util/i18n.h"

static void
rule_tls_both(MtPairing *p, const MtPairRule *rule)
{
    g_autofree char *here = mt_rule_get_creds(p->source_after);
    g_autofree char *there = mt_rule_get_creds(p->destination_after);

    if (!*here == !*there)
        return;
    mt_rule_add(p, rule, g_strdup(here), g_strdup(there),
                *here ? g_strdup(_("the source encrypts and the destination "
                                   "does not: the destination reads a TLS "
                                   "greeting as data ('unknown channel magic' "
                                   "or 'Not a migration stream')"))
                      : g_strdup(_("the destination expects TLS and the source "
                                   "does not encrypt: the handshake never "
                                   "ends")),
                _("set tls.creds on both sides or on none"));
}

/* Checks one side's credentials; @endpoint is what they must be for. */
static void
rule_tls_creds(MtPairing *p, const MtPairRule *rule, const MtPairSide *side,
               const MtSet *values, const char *endpoint)
{
    g_autofree char *id = mt_rule_get_creds(values);
    const MtPairObject *object;
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;

    if (!*id || !side->objects)
        return;
    object = mt_pair_side_find_object(side, id);
    if (!object) {
        mt_rule_add(p, rule, g_strdup(id), NULL,
                    g_strdup_printf(_("there is no object '%s' with TLS "
                                      "credentials"), id),
                    _("add it with object-add or -object tls-creds-x509"));
        return;
    }
    if (!g_str_has_prefix(object->type, "tls-creds-")) {
        mt_rule_add(p, rule, g_strdup("tls-creds-x509"),
                    g_strdup(object->type),
                    g_strdup_printf(_("the object '%s' has no TLS credentials; "
                                      "it is a '%s'"),
                                    id, object->type),
                    NULL);
        return;
    }
    if (object->endpoint && strcmp(object->endpoint, endpoint) != 0)
        mt_rule_add(p, rule, g_strdup(endpoint), g_strdup(object->endpoint),
                    g_strdup_printf(_("the credentials '%s' are for a %s, and "
                                      "this side is the %s"),
                                    id, object->endpoint, endpoint),
                    _("add an object with the other endpoint"));
    if (object->missing)
        mt_rule_add(p, rule, g_strdup(object->missing), NULL,
                    g_strdup_printf(_("the credentials '%s' need the file %s, "
                                      "which cannot be read"),
                                    id, object->missing),
                    _("put the file there"));
    if (object->expires && object->expires < now) {
        g_autoptr(GDateTime) when =
            g_date_time_new_from_unix_utc(object->expires);
        g_autofree char *text = g_date_time_format(when, "%Y-%m-%d");

        mt_rule_add(p, rule, NULL, g_strdup(text),
                    g_strdup_printf(_("the certificate of '%s' expired on %s"),
                                    id, text),
                    _("renew the certificate"));
    }
}

static void
rule_tls_client(MtPairing *p, const MtPairRule *rule)
{
    g_autofree char *here = mt_rule_get_creds(p->source_after);
    g_autofree char *there = mt_rule_get_creds(p->destination_after);
    const MtPairObject *client = mt_pair_side_find_object(p->source, here);
    const MtPairObject *server = mt_pair_side_find_object(p->destination, there);

    rule_tls_creds(p, rule, p->source, p->source_after, "client");
    if (client && client->no_certificate && server && server->verify == 1)
        mt_rule_add(p, rule, g_strdup(client->no_certificate), NULL,
                    g_strdup_printf(_("the destination asks for a certificate "
                                      "('verify-peer'), and the credentials "
                                      "'%s' have none: there is no file %s"),
                                    here, client->no_certificate),
                    _("put a certificate and its key there, and add the object "
                      "again"));
}

static void
rule_tls_server(MtPairing *p, const MtPairRule *rule)
{
    rule_tls_creds(p, rule, p->destination, p->destination_after, "server");
}

static void
rule_tls_authz(MtPairing *p, const MtPairRule *rule)
{
    const MtValue *value =
        mt_set_get(p->destination_after, mt_row(MT_PARAM_TLS_AUTHZ));

    if (mt_rule_has_tls(p) && value && *value->text &&
        p->destination->objects &&
        !mt_pair_side_find_object(p->destination, value->text))
        mt_rule_add(p, rule, g_strdup(value->text), NULL,
                    g_strdup_printf(_("the destination has no authorization "
                                      "object '%s', and refuses every client"),
                                    value->text),
                    _("add it with object-add"));
}

/* Whether the certificate with @names is for @host. */
static gboolean
rule_names_match(const char *names, const char *host)
{
    g_auto(GStrv) all = g_strsplit(names, " ", -1);

    for (char **one = all; *one; one++) {
        const char *dot = strchr(host, '.');

        if (g_ascii_strcasecmp(*one, host) == 0 ||
            (g_str_has_prefix(*one, "*.") && dot &&
             g_ascii_strcasecmp(*one + 1, dot) == 0))
            return TRUE;
    }

    return FALSE;
}

static void
rule_tls_hostname(MtPairing *p, const MtPairRule *rule)
{
    const MtValue *value =
        mt_set_get(p->source_after, mt_row(MT_PARAM_TLS_HOSTNAME));
    g_autofree char *creds = mt_rule_get_creds(p->destination_after);
    const MtPairObject *object =
        mt_pair_side_find_object(p->destination, creds);
    g_autofree char *host = NULL;

    if (!mt_rule_has_tls(p) || !p->uri)
        return;
    if (value && *value->text)
        host = g_strdup(value->text);
    else if (g_str_has_prefix(p->uri, "tcp:"))
        host = g_strndup(p->uri + 4,
                         strcspn(p->uri + 4, p->uri[4] == '[' ? "]" : ":"));

    if (!host)
        mt_rule_add(p, rule, NULL, g_strdup(p->uri),
                    g_strdup_printf(_("tls.destination must be set: the "
                                      "address '%s' has no host name with "
                                      "which the certificate can be compared"),
                                    p->uri),
                    _("set tls.destination to a name in the certificate of "
                      "the destination"));
    else if (object && object->names && !rule_names_match(object->names, host))
        mt_rule_add(p, rule, g_strdup(host), g_strdup(object->names),
                    g_strdup_printf(_("the certificate of the destination is "
                                      "for '%s' and not for '%s'"),
                                    object->names, host),
                    _("set tls.destination to a name in the certificate"));
}

static const MtPairRule rules[] = {
    { "tls-one-side", NULL, MT_PAIR_REFUSE, MT_SIDE_BOTH, rule_tls_both,
      MT_PARAM_TLS_CREDS },
    { "tls-client-creds", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE,
      rule_tls_client, MT_PARAM_TLS_CREDS },
    { "tls-server-creds", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION,
      rule_tls_server, MT_PARAM_TLS_CREDS },
    { "tls-authz", NULL, MT_PAIR_REFUSE, MT_SIDE_DESTINATION, rule_tls_authz,
      MT_PARAM_TLS_AUTHZ },
    { "tls-hostname", NULL, MT_PAIR_REFUSE, MT_SIDE_SOURCE, rule_tls_hostname,
      MT_PARAM_TLS_HOSTNAME },
};

void
mt_rules_run_tls(MtPairing *p)
{
    mt_rules_run(p, rules, G_N_ELEMENTS(rules));
}
