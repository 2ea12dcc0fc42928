/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * TLS for the connections of a migration, by GnuTLS.
 *
 * Credentials are loaded once, as for QEMU's objects tls-creds-anon, -psk and
 * -x509, with the same file names in their directory.  A channel is a thread
 * between the encrypted socket and a plain socket pair, so that the engine reads,
 * peeks and writes as it does without TLS.
 */

#include <glib.h>

#include "util/io.h"

G_BEGIN_DECLS

typedef enum {
    MT_TLS_ANON,
    MT_TLS_PSK,
    MT_TLS_X509,
} MtTlsKind;

typedef struct {
    MtTlsKind kind;
    gboolean server;
    gboolean verify_peer;       /* x509: check the certificate of the peer */
    const char *dir;            /* directory of the files; NULL: none */
    const char *username;       /* PSK, client; NULL: "qemu" */
    const char *priority;       /* GnuTLS priority string; NULL: "NORMAL" */
} MtTlsCredsSpec;

/* Immutable; shared by the channels that use them. */
typedef struct MtTlsCreds MtTlsCreds;

/* Reads the files.  An error says which file cannot be used and why, for example
 * that its certificate has expired. */
MtTlsCreds *mt_tls_creds_new(const MtTlsCredsSpec *spec, GError **error);
MtTlsCreds *mt_tls_creds_ref(MtTlsCreds *creds);
void mt_tls_creds_unref(MtTlsCreds *creds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTlsCreds, mt_tls_creds_unref)

gboolean mt_tls_creds_is_server(const MtTlsCreds *creds);
MtTlsKind mt_tls_creds_get_kind(const MtTlsCreds *creds);

/* Whether the peer with the distinguished name @identity may connect.  Called
 * by any thread. */
typedef gboolean (*MtTlsAllow)(const char *identity, gpointer data);

/* The TLS settings of one side of a migration, and the first error of its
 * channels. */
typedef struct MtTls MtTls;

/*
 * Client: @host is the name that the certificate of the peer must have; NULL or
 * "" if there is none.  @clean: sessions are ended with an alert, as QEMU does
 * since 10.0.
 */
MtTls *mt_tls_new(MtTlsCreds *creds, const char *host, gboolean clean);
MtTls *mt_tls_ref(MtTls *tls);
void mt_tls_unref(MtTls *tls);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtTls, mt_tls_unref)

/* Server: by default every peer with accepted credentials may connect. */
void mt_tls_set_allow(MtTls *tls, MtTlsAllow allow, gpointer data,
                      GDestroyNotify free_data);

/* Client: set @host if none was given. */
void mt_tls_set_host(MtTls *tls, const char *host);

/*
 * Start TLS on the socket @far, of which they take ownership, and return the
 * plain end.  A client waits for the handshake, at most @timeout_ms (0: no limit)
 * and until @cancel fires.  A server returns immediately: the plain end delivers
 * data after the handshake, and is closed if the handshake fails.
 */
MtIo *mt_tls_connect(MtTls *tls, MtIo *far, guint timeout_ms,
                     MtCancel *cancel, GError **error);
MtIo *mt_tls_accept(MtTls *tls, MtIo *far, guint timeout_ms, MtCancel *cancel,
                    GError **error);

/* A copy of the first error of a channel; NULL if there was none.  The plain end
 * is closed after the error is stored. */
GError *mt_tls_dup_error(MtTls *tls);

G_END_DECLS
