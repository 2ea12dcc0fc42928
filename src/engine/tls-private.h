/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the credentials (tls-creds.c) and the channels (tls.c) share.
 */

#include <gnutls/gnutls.h>

#include "engine/tls.h"

struct MtTlsCreds {
    int refs;
    MtTlsKind kind;
    gboolean server;
    gboolean verify_peer;
    char *priority;
    gnutls_anon_client_credentials_t anon_client;
    gnutls_anon_server_credentials_t anon_server;
    gnutls_psk_client_credentials_t psk_client;
    gnutls_psk_server_credentials_t psk_server;
    gnutls_certificate_credentials_t x509;
};

/* Prepares @session: priorities, credentials, whether the peer must have a
 * certificate. */
gboolean mt_tls_creds_apply(MtTlsCreds *creds, gnutls_session_t session,
                            GError **error);

/*
 * Checks the certificate of the peer after a handshake.  @host: the name that it
 * must have, or NULL.  *@ret_identity is its distinguished name, or NULL if the
 * kind of credentials has none.
 */
gboolean mt_tls_creds_check_peer(MtTlsCreds *creds, gnutls_session_t session,
                                 const char *host, char **ret_identity,
                                 GError **error);
