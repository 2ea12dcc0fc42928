/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files for TLS credentials: see tls-files.h.
 */
#include "config.h"

#include <string.h>
#include <time.h>

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "lib/remove-tree.h"
#include "lib/tls-files.h"

#define DAY (24 * 3600)

struct TlsFiles {
    char *dir;
};

typedef struct {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
} Certified;

static void
must(int code)
{
    if (code < 0)
        g_error("GnuTLS: %s", gnutls_strerror(code));
}

static void
certified_clear(Certified *one)
{
    gnutls_x509_crt_deinit(one->cert);
    gnutls_x509_privkey_deinit(one->key);
}

static void
certified_set_purpose(Certified *one, const char *host, const char *purpose)
{
    if (!purpose) {
        must(gnutls_x509_crt_set_ca_status(one->cert, 1));
        must(gnutls_x509_crt_set_key_usage(one->cert,
                                           GNUTLS_KEY_KEY_CERT_SIGN));
        return;
    }
    must(gnutls_x509_crt_set_ca_status(one->cert, 0));
    must(gnutls_x509_crt_set_key_usage(one->cert,
                                       GNUTLS_KEY_DIGITAL_SIGNATURE |
                                       GNUTLS_KEY_KEY_ENCIPHERMENT));
    must(gnutls_x509_crt_set_key_purpose_oid(one->cert, purpose, 0));
    if (host)
        must(gnutls_x509_crt_set_subject_alt_name(
            one->cert, GNUTLS_SAN_DNSNAME, host, strlen(host),
            GNUTLS_FSAN_SET));
}

/* @signer NULL: signed by itself.  @purpose NULL: an authority. */
static void
certified_make(Certified *one, const char *name, const char *host,
               const char *purpose, time_t until, const Certified *signer)
{
    /* From 1 to 127: 0 is refused, and larger ones have a sign bit. */
    static guint8 serial;
    time_t now = time(NULL);

    must(gnutls_x509_privkey_init(&one->key));
    must(gnutls_x509_privkey_generate(
        one->key, GNUTLS_PK_ECDSA,
        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    must(gnutls_x509_crt_init(&one->cert));
    must(gnutls_x509_crt_set_version(one->cert, 3));
    serial = serial % 127 + 1;
    must(gnutls_x509_crt_set_serial(one->cert, &serial, sizeof(serial)));
    must(gnutls_x509_crt_set_dn_by_oid(one->cert, GNUTLS_OID_X520_COMMON_NAME,
                                       0, name, strlen(name)));
    must(gnutls_x509_crt_set_activation_time(one->cert, now - 30 * DAY));
    must(gnutls_x509_crt_set_expiration_time(one->cert, until));
    must(gnutls_x509_crt_set_key(one->cert, one->key));
    certified_set_purpose(one, host, purpose);
    must(gnutls_x509_crt_sign2(one->cert, signer ? signer->cert : one->cert,
                               signer ? signer->key : one->key,
                               GNUTLS_DIG_SHA256, 0));
}

static void
save(const char *dir, const char *name, const gnutls_datum_t *text)
{
    g_autofree char *path = g_build_filename(dir, name, NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, (const char *)text->data, text->size, &error);
    g_assert_no_error(error);
}

static void
save_cert(const char *dir, const char *name, const Certified *one)
{
    gnutls_datum_t text;

    must(gnutls_x509_crt_export2(one->cert, GNUTLS_X509_FMT_PEM, &text));
    save(dir, name, &text);
    gnutls_free(text.data);
}

static void
save_key(const char *dir, const char *name, const Certified *one)
{
    gnutls_datum_t text;

    must(gnutls_x509_privkey_export2(one->key, GNUTLS_X509_FMT_PEM, &text));
    save(dir, name, &text);
    gnutls_free(text.data);
}

static void
save_psk(const char *dir, char digit)
{
    g_autofree char *key = g_strnfill(64, digit);
    g_autofree char *line = g_strdup_printf("qemu:%s\n", key);
    gnutls_datum_t text = { (guint8 *)line, strlen(line) };

    save(dir, "keys.psk", &text);
}

typedef struct {
    const char *dir;
    const char *host;           /* of the server */
    int server_days;            /* until its certificate expires */
    gboolean other_ca;
    gboolean no_client;
    gboolean no_key;
} FileSet;

static const FileSet sets[] = {
    { "good", "localhost", 1 },
    { "beta", "beta", 1 },
    { "expired", "localhost", -1 },
    { "other-name", "elsewhere.example", 1 },
    { "other-ca", "localhost", 1, .other_ca = TRUE },
    { "no-client", "localhost", 1, .no_client = TRUE },
    { "no-key", "localhost", 1, .no_key = TRUE },
};

static void
set_make(const char *top, const FileSet *set, const Certified *ca)
{
    g_autofree char *dir = g_build_filename(top, set->dir, NULL);
    Certified server, client;
    time_t now = time(NULL);

    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    certified_make(&server, "server", set->host, GNUTLS_KP_TLS_WWW_SERVER,
                   now + set->server_days * DAY, ca);
    certified_make(&client, "client", NULL, GNUTLS_KP_TLS_WWW_CLIENT,
                   now + DAY, ca);
    save_cert(dir, "ca-cert.pem", ca);
    save_cert(dir, "server-cert.pem", &server);
    if (!set->no_key)
        save_key(dir, "server-key.pem", &server);
    if (!set->no_client)
        save_cert(dir, "client-cert.pem", &client);
    if (!set->no_client && !set->no_key)
        save_key(dir, "client-key.pem", &client);
    save_psk(dir, set->other_ca ? '2' : '1');
    certified_clear(&server);
    certified_clear(&client);
}

TlsFiles *
tls_files_new(void)
{
    TlsFiles *files = g_new0(TlsFiles, 1);
    g_autoptr(GError) error = NULL;
    Certified cas[2];

    files->dir = g_dir_make_tmp("migtune-tls-XXXXXX", &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(cas); i++)
        certified_make(&cas[i], i ? "other authority" : "authority", NULL,
                       NULL, time(NULL) + DAY, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(sets); i++)
        set_make(files->dir, &sets[i], &cas[sets[i].other_ca ? 1 : 0]);
    for (guint i = 0; i < G_N_ELEMENTS(cas); i++)
        certified_clear(&cas[i]);
    return files;
}

void
tls_files_free(TlsFiles *files)
{
    if (!files)
        return;

    remove_tree(files->dir);
    g_free(files->dir);
    g_free(files);
}

char *
tls_files_dir(const TlsFiles *files, const char *name)
{
    return g_build_filename(files->dir, name, NULL);
}
