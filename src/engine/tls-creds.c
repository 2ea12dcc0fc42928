/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS credentials: reads the files of a directory and checks certificates, so
 * that an error names the file or the certificate and what is wrong with it.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <gnutls/x509.h>

#include "engine/tls-private.h"
#include "migtune/migtune-error.h"
#include "util/foreign.h"

#define DEFAULT_PRIORITY "NORMAL"
#define DEFAULT_USERNAME "qemu"

#define FILE_CA "ca-cert.pem"
#define FILE_CRL "ca-crl.pem"
#define FILE_KEYS "keys.psk"

/* A certificate file has at most so many certificates. */
#define MAX_CERTIFICATES 16

/* ---- files ---- */

/* The path of @name in the directory of the credentials.  NULL with an error if
 * it cannot be read; NULL without an error if it is optional and absent. */
static char *
creds_file(const MtTlsCredsSpec *spec, const char *name, gboolean optional,
           GError **error)
{
    g_autofree char *path = NULL;

    if (!spec->dir) {
        if (!optional)
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                              "TLS credentials: no directory is set for the "
                              "file '%s'", name);
        return NULL;
    }

    path = g_build_filename(spec->dir, name, NULL);
    if (access(path, R_OK) == 0)
        return g_steal_pointer(&path);
    if (!optional || errno != ENOENT)
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "TLS credentials: cannot read '%s': %s", path,
                          g_strerror(errno));
    return NULL;
}

static gboolean
creds_fail(int code, const char *what, const char *path, GError **error)
{
    if (code >= 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      "TLS credentials: cannot use %s '%s': %s", what, path,
                      gnutls_strerror(code));
    return FALSE;
}

/* ---- certificates ---- */

static char *
text_of_time(time_t when)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(when);

    return date ? g_date_time_format(date, "%Y-%m-%d %H:%M:%S UTC") :
                  g_strdup_printf("%lld", (long long)when);
}

/* A distinguished name of @cert, which @get returns. */
static char *
text_of_dn(gnutls_x509_crt_t cert,
           int (*get)(gnutls_x509_crt_t, gnutls_datum_t *, unsigned int))
{
    gnutls_datum_t name = { NULL, 0 };
    char *text;

    if (get(cert, &name, GNUTLS_X509_DN_FLAG_COMPAT) < 0)
        return g_strdup("?");
    text = g_strndup((char *)name.data, name.size);
    gnutls_free(name.data);
    return text;
}

/* The names that the certificate is valid for: "'a.example', 'b.example'". */
static char *
text_of_names(gnutls_x509_crt_t cert)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < 64; i++) {
        char name[512];
        size_t size = sizeof(name) - 1;
        int type = gnutls_x509_crt_get_subject_alt_name(cert, i, name, &size,
                                                        NULL);

        if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (type == GNUTLS_SAN_DNSNAME)
            g_string_append_printf(out, "%s'%.*s'", out->len ? ", " : "",
                                   (int)size, name);
    }
    if (!out->len) {
        char name[512];
        size_t size = sizeof(name);

        if (gnutls_x509_crt_get_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME,
                                          0, 0, name, &size) == 0)
            g_string_append_printf(out, "'%s'", name);
        else
            g_string_append(out, "no name");
    }
    return g_string_free(out, FALSE);
}

/* Whether @cert, whose place is @where, is valid now. */
static gboolean
cert_check_time(gnutls_x509_crt_t cert, const char *where, GError **error)
{
    time_t now = time(NULL);
    time_t from = gnutls_x509_crt_get_activation_time(cert);
    time_t until = gnutls_x509_crt_get_expiration_time(cert);
    g_autofree char *text = NULL;

    if (until != (time_t)-1 && until < now) {
        text = text_of_time(until);
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "%s: the certificate expired on %s", where, text);
        return FALSE;
    }
    if (from != (time_t)-1 && from > now) {
        text = text_of_time(from);
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "%s: the certificate is not valid before %s", where,
                          text);
        return FALSE;
    }
    return TRUE;
}

/* Checks the dates of every certificate in the file @path. */
static gboolean
file_check_time(const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    gnutls_x509_crt_t certs[MAX_CERTIFICATES];
    unsigned n = MAX_CERTIFICATES;
    gnutls_datum_t data;
    gboolean ok = TRUE;
    gsize size;
    int code;

    if (!g_file_get_contents(path, &text, &size, &local)) {
        g_autofree char *why = mt_foreign_text(local);

        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "TLS credentials: cannot read '%s': %s", path, why);
        return FALSE;
    }
    data.data = (unsigned char *)text;
    data.size = size;
    code = gnutls_x509_crt_list_import(certs, &n, &data, GNUTLS_X509_FMT_PEM,
                                       0);
    if (!creds_fail(code, "the certificates in", path, error))
        return FALSE;

    for (unsigned i = 0; i < n; i++) {
        ok = ok && cert_check_time(certs[i], path, error);
        gnutls_x509_crt_deinit(certs[i]);
    }
    if (!ok)
        g_prefix_error(error, "TLS credentials: ");
    return ok;
}

/* ---- loading ---- */

static gboolean
creds_load_anon(MtTlsCreds *creds, const MtTlsCredsSpec *spec, GError **error)
{
    if (!spec->server)
        return creds_fail(gnutls_anon_allocate_client_credentials(
                              &creds->anon_client), "anonymous credentials",
                          "", error);

    return creds_fail(gnutls_anon_allocate_server_credentials(
                          &creds->anon_server), "anonymous credentials", "",
                      error) &&
           creds_fail(gnutls_anon_set_server_known_dh_params(
                          creds->anon_server, GNUTLS_SEC_PARAM_MEDIUM),
                      "the parameters of", "Diffie-Hellman", error);
}

/* The key of @user in the lines "user:key" of @path. */
static char *
psk_find_key(const char *path, const char *user, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *prefix = g_strconcat(user, ":", NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, &local)) {
        g_autofree char *why = mt_foreign_text(local);

        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "TLS credentials: cannot read '%s': %s", path, why);
        return NULL;
    }
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        if (g_str_has_prefix(lines[i], prefix))
            return g_strdup(g_strchomp(lines[i] + strlen(prefix)));
    }

    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                      "TLS credentials: '%s' has no key for the user '%s'",
                      path, user);
    return NULL;
}

static gboolean
creds_load_psk(MtTlsCreds *creds, const MtTlsCredsSpec *spec, GError **error)
{
    const char *user = spec->username ? spec->username : DEFAULT_USERNAME;
    g_autofree char *path = creds_file(spec, FILE_KEYS, FALSE, error);
    g_autofree char *key = NULL;
    gnutls_datum_t datum;

    if (!path)
        return FALSE;

    if (spec->server)
        return creds_fail(gnutls_psk_allocate_server_credentials(
                              &creds->psk_server), "the keys in", path,
                          error) &&
               creds_fail(gnutls_psk_set_server_credentials_file(
                              creds->psk_server, path), "the keys in", path,
                          error) &&
               creds_fail(gnutls_psk_set_server_known_dh_params(
                              creds->psk_server, GNUTLS_SEC_PARAM_MEDIUM),
                          "the keys in", path, error);

    key = psk_find_key(path, user, error);
    if (!key)
        return FALSE;
    datum.data = (unsigned char *)key;
    datum.size = strlen(key);
    return creds_fail(gnutls_psk_allocate_client_credentials(
                          &creds->psk_client), "the keys in", path, error) &&
           creds_fail(gnutls_psk_set_client_credentials(
                          creds->psk_client, user, &datum,
                          GNUTLS_PSK_KEY_HEX), "the keys in", path, error);
}

/* Loads the own certificate and key, which a client need not have. */
static gboolean
x509_load_own(MtTlsCreds *creds, const MtTlsCredsSpec *spec, GError **error)
{
    const char *name = spec->server ? "server-cert.pem" : "client-cert.pem";
    g_autofree char *cert = NULL;
    g_autofree char *key = NULL;
    GError *local = NULL;

    cert = creds_file(spec, name, !spec->server, &local);
    if (!cert) {
        if (local)
            g_propagate_error(error, local);
        return !local;
    }
    key = creds_file(spec, spec->server ? "server-key.pem" : "client-key.pem",
                     FALSE, error);
    return key && file_check_time(cert, error) &&
           creds_fail(gnutls_certificate_set_x509_key_file(
                          creds->x509, cert, key, GNUTLS_X509_FMT_PEM),
                      "the certificate and the key of", cert, error);
}

static gboolean
creds_load_x509(MtTlsCreds *creds, const MtTlsCredsSpec *spec, GError **error)
{
    g_autofree char *ca = creds_file(spec, FILE_CA, FALSE, error);
    g_autofree char *crl = NULL;
    GError *local = NULL;

    if (!ca || !file_check_time(ca, error) ||
        !creds_fail(gnutls_certificate_allocate_credentials(&creds->x509),
                    "the certificates in", ca, error) ||
        !creds_fail(gnutls_certificate_set_x509_trust_file(
                        creds->x509, ca, GNUTLS_X509_FMT_PEM),
                    "the certificates in", ca, error) ||
        !x509_load_own(creds, spec, error))
        return FALSE;

    crl = creds_file(spec, FILE_CRL, TRUE, &local);
    if (!crl && local) {
        g_propagate_error(error, local);
        return FALSE;
    }
    if (crl && !creds_fail(gnutls_certificate_set_x509_crl_file(
                               creds->x509, crl, GNUTLS_X509_FMT_PEM),
                           "the revocation list", crl, error))
        return FALSE;
    if (!spec->server)
        return TRUE;
    return creds_fail(gnutls_certificate_set_known_dh_params(
                          creds->x509, GNUTLS_SEC_PARAM_MEDIUM),
                      "the certificates in", ca, error);
}

static gboolean
creds_load(MtTlsCreds *creds, const MtTlsCredsSpec *spec, GError **error)
{
    switch (spec->kind) {
    case MT_TLS_ANON:
        return creds_load_anon(creds, spec, error);
    case MT_TLS_PSK:
        return creds_load_psk(creds, spec, error);
    case MT_TLS_X509:
    default:
        return creds_load_x509(creds, spec, error);
    }
}

MtTlsCreds *
mt_tls_creds_new(const MtTlsCredsSpec *spec, GError **error)
{
    static const char *const more[] = {
        [MT_TLS_ANON] = ":+ANON-DH",
        [MT_TLS_PSK] = ":+ECDHE-PSK:+DHE-PSK:+PSK",
        [MT_TLS_X509] = "",
    };
    g_autoptr(MtTlsCreds) creds = g_new0(MtTlsCreds, 1);

    creds->refs = 1;
    creds->kind = spec->kind;
    creds->server = spec->server;
    creds->verify_peer = spec->verify_peer;
    creds->priority = g_strconcat(spec->priority ? spec->priority :
                                  DEFAULT_PRIORITY, more[spec->kind], NULL);
    return creds_load(creds, spec, error) ? g_steal_pointer(&creds) : NULL;
}

MtTlsCreds *
mt_tls_creds_ref(MtTlsCreds *creds)
{
    g_atomic_int_inc(&creds->refs);
    return creds;
}

void
mt_tls_creds_unref(MtTlsCreds *creds)
{
    if (!creds || !g_atomic_int_dec_and_test(&creds->refs))
        return;

    if (creds->anon_client)
        gnutls_anon_free_client_credentials(creds->anon_client);
    if (creds->anon_server)
        gnutls_anon_free_server_credentials(creds->anon_server);
    if (creds->psk_client)
        gnutls_psk_free_client_credentials(creds->psk_client);
    if (creds->psk_server)
        gnutls_psk_free_server_credentials(creds->psk_server);
    if (creds->x509)
        gnutls_certificate_free_credentials(creds->x509);
    g_free(creds->priority);
    g_free(creds);
}

gboolean
mt_tls_creds_is_server(const MtTlsCreds *creds)
{
    return creds->server;
}

MtTlsKind
mt_tls_creds_get_kind(const MtTlsCreds *creds)
{
    return creds->kind;
}

/* ---- sessions ---- */

static int
creds_set(MtTlsCreds *creds, gnutls_session_t session)
{
    switch (creds->kind) {
    case MT_TLS_ANON:
        return gnutls_credentials_set(session, GNUTLS_CRD_ANON,
                                      creds->server ?
                                      (void *)creds->anon_server :
                                      (void *)creds->anon_client);
    case MT_TLS_PSK:
        return gnutls_credentials_set(session, GNUTLS_CRD_PSK,
                                      creds->server ?
                                      (void *)creds->psk_server :
                                      (void *)creds->psk_client);
    case MT_TLS_X509:
    default:
        return gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
                                      creds->x509);
    }
}

gboolean
mt_tls_creds_apply(MtTlsCreds *creds, gnutls_session_t session,
                   GError **error)
{
    const char *at = NULL;
    int code = gnutls_priority_set_direct(session, creds->priority, &at);

    if (code < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "TLS: the priority '%s' is not valid: %s",
                          creds->priority, gnutls_strerror(code));
        return FALSE;
    }
    code = creds_set(creds, session);
    if (code < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT, "TLS: %s",
                          gnutls_strerror(code));
        return FALSE;
    }
    if (creds->server && creds->kind == MT_TLS_X509)
        gnutls_certificate_server_set_request(
            session, creds->verify_peer ? GNUTLS_CERT_REQUEST :
            GNUTLS_CERT_IGNORE);
    return TRUE;
}

/* The reasons of @status, in the order in which they matter. */
static const struct {
    unsigned bit;
    const char *text;
} reasons[] = {
    { GNUTLS_CERT_REVOKED, "it is revoked" },
    { GNUTLS_CERT_SIGNER_NOT_FOUND, "its issuer is not in " FILE_CA },
    { GNUTLS_CERT_SIGNER_NOT_CA, "its issuer is not a certificate authority" },
    { GNUTLS_CERT_INSECURE_ALGORITHM, "it uses an insecure algorithm" },
    { GNUTLS_CERT_SIGNATURE_FAILURE, "its signature is wrong" },
    { GNUTLS_CERT_PURPOSE_MISMATCH, "it is not for this purpose" },
};

static gboolean
peer_refuse(gnutls_x509_crt_t cert, unsigned status, const char *whose,
            GError **error)
{
    g_autofree char *subject = text_of_dn(cert, gnutls_x509_crt_get_dn3);
    g_autofree char *issuer =
        text_of_dn(cert, gnutls_x509_crt_get_issuer_dn3);
    const char *text = "GnuTLS does not accept it";

    for (guint i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (status & reasons[i].bit) {
            text = reasons[i].text;
            break;
        }
    }
    migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                      "TLS: the certificate of the %s (subject '%s', issuer "
                      "'%s') is refused: %s", whose, subject, issuer, text);
    return FALSE;
}

static gboolean
peer_check_cert(gnutls_x509_crt_t cert, unsigned status, const char *whose,
                const char *host, GError **error)
{
    if (status & (GNUTLS_CERT_EXPIRED | GNUTLS_CERT_NOT_ACTIVATED)) {
        g_autofree char *where = g_strdup_printf("TLS: the %s", whose);

        if (!cert_check_time(cert, where, error))
            return FALSE;
    }
    if (status)
        return peer_refuse(cert, status, whose, error);
    if (host && !gnutls_x509_crt_check_hostname(cert, host)) {
        g_autofree char *names = text_of_names(cert);

        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "TLS: the certificate of the %s is for %s, expected "
                          "'%s'", whose, names, host);
        return FALSE;
    }
    return TRUE;
}

gboolean
mt_tls_creds_check_peer(MtTlsCreds *creds, gnutls_session_t session,
                        const char *host, char **ret_identity, GError **error)
{
    const char *whose = creds->server ? "source" : "destination";
    const gnutls_datum_t *list;
    gnutls_x509_crt_t cert;
    unsigned n = 0;
    unsigned status = 0;
    gboolean ok;
    int code;

    *ret_identity = NULL;
    if (creds->kind != MT_TLS_X509 || !creds->verify_peer)
        return TRUE;

    list = gnutls_certificate_get_peers(session, &n);
    if (!list || !n) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "TLS: the %s sent no certificate", whose);
        return FALSE;
    }
    code = gnutls_certificate_verify_peers2(session, &status);
    if (code >= 0)
        code = gnutls_x509_crt_init(&cert);
    if (code < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "TLS: the certificate of the %s cannot be checked: "
                          "%s", whose, gnutls_strerror(code));
        return FALSE;
    }
    code = gnutls_x509_crt_import(cert, &list[0], GNUTLS_X509_FMT_DER);
    ok = code >= 0 && peer_check_cert(cert, status, whose, host, error);
    if (code < 0)
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "TLS: the certificate of the %s cannot be read: %s",
                          whose, gnutls_strerror(code));
    if (ok)
        *ret_identity = text_of_dn(cert, gnutls_x509_crt_get_dn3);
    gnutls_x509_crt_deinit(cert);
    return ok;
}
