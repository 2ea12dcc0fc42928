/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations over TLS: every kind of credentials, with and without channels and
 * return path; what goes wrong in a handshake, and what each side says then.
 */
#include "config.h"

#include <string.h>

#include "engine/engine.h"
#include "engine/memory/workload.h"
#include "lib/tls-files.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define RAM_BYTES (2 * 1024 * 1024)
#define WAIT_NS (60 * MT_NS_PER_S)

static TlsFiles *files;

/* One side of a migration. */
typedef struct {
    MtRam *ram;
    MtEngine *engine;
    MtEngineSettings settings;
    MtTransport *transport;
} Side;

static void
side_init(Side *side, gboolean source)
{
    GError *error = NULL;

    memset(side, 0, sizeof(*side));
    side->ram = mt_ram_new_simple(RAM_BYTES, &error);
    g_assert_no_error(error);
    if (source)
        mt_content_fill_ram(MT_CONTENT_MIXED, 5, side->ram);
    side->engine = mt_engine_new(side->ram, NULL, NULL);
    mt_engine_settings_init(&side->settings);
    side->settings.timeout_ms = 30000;
}

static void
side_clear(Side *side)
{
    mt_engine_free(side->engine);
    mt_transport_unref(side->transport);
    mt_ram_free(side->ram);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Side, side_clear)

static MtTls *
tls_new(MtTlsKind kind, const char *dir, gboolean server, const char *host)
{
    g_autofree char *path = tls_files_dir(files, dir);
    MtTlsCredsSpec spec = {
        .kind = kind, .server = server, .verify_peer = TRUE, .dir = path,
    };
    g_autoptr(MtTlsCreds) creds = NULL;
    GError *error = NULL;

    creds = mt_tls_creds_new(&spec, &error);
    g_assert_no_error(error);
    return mt_tls_new(creds, host, TRUE);
}

static void
side_set_tls(Side *side, MtTls *take_tls)
{
    g_autoptr(MtTls) tls = take_tls;

    if (tls)
        mt_transport_set_tls(side->transport, tls, 20000);
}

/* Both sides at a free port; no migration yet. */
static void
sides_listen(Side *source, Side *dest, MtTls *take_server)
{
    g_autofree char *address = NULL;
    GError *error = NULL;

    dest->transport = mt_transport_new("tcp:localhost:0", &error);
    g_assert_no_error(error);
    side_set_tls(dest, take_server);
    mt_engine_incoming(dest->engine, &dest->settings, dest->transport,
                       &error);
    g_assert_no_error(error);
    address = mt_transport_dup_address(dest->transport);
    source->transport = mt_transport_new(address, &error);
    g_assert_no_error(error);
}

static void
sides_migrate(Side *source, MtTls *take_client)
{
    GError *error = NULL;

    side_set_tls(source, take_client);
    mt_engine_migrate(source->engine, &source->settings, source->transport,
                      &error);
    g_assert_no_error(error);
}

/* ---- what works ---- */

typedef struct {
    const char *path;
    MtTlsKind kind;
    guint channels;
    gboolean return_path;
} Case;

static const Case cases[] = {
    { "/tls/psk", MT_TLS_PSK },
    { "/tls/psk-return-path", MT_TLS_PSK, 0, TRUE },
    { "/tls/psk-multifd", MT_TLS_PSK, 3, TRUE },
    { "/tls/anon", MT_TLS_ANON },
    { "/tls/anon-multifd", MT_TLS_ANON, 2, TRUE },
    { "/tls/x509", MT_TLS_X509 },
    { "/tls/x509-return-path", MT_TLS_X509, 0, TRUE },
    { "/tls/x509-multifd", MT_TLS_X509, 3 },
    { "/tls/x509-multifd-return-path", MT_TLS_X509, 3, TRUE },
};

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_auto(Side) source, dest;
    GError *error = NULL;

    side_init(&source, TRUE);
    side_init(&dest, FALSE);
    source.settings.multifd = c->channels != 0;
    source.settings.multifd_channels = MAX(c->channels, 1);
    source.settings.return_path = c->return_path;
    dest.settings = source.settings;
    sides_listen(&source, &dest, tls_new(c->kind, "good", TRUE, NULL));
    sides_migrate(&source, tls_new(c->kind, "good", FALSE, NULL));
    mt_engine_wait(source.engine, WAIT_NS, &error);
    g_assert_no_error(error);
    mt_engine_wait(dest.engine, WAIT_NS, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(mt_ram_block(source.ram, 0)->host, RAM_BYTES,
                    mt_ram_block(dest.ram, 0)->host, RAM_BYTES);
}

/* ---- what goes wrong ---- */

typedef struct {
    const char *path;
    MtTlsKind kind;
    const char *client;         /* directory; NULL: no TLS */
    const char *server;
    const char *host;           /* NULL: of the address */
    const char *source_says;    /* a pattern; NULL: not checked */
    const char *dest_says;
} Wrong;

static const Wrong wrongs[] = {
    { "/tls/wrong/other-name", MT_TLS_X509, "good", "other-name", NULL,
      "*the certificate of the destination is for 'elsewhere.example', "
      "expected 'localhost'*", NULL },
    { "/tls/wrong/tls-hostname", MT_TLS_X509, "good", "good", "web2.example",
      "*is for 'localhost', expected 'web2.example'*", NULL },
    { "/tls/wrong/other-authority", MT_TLS_X509, "other-ca", "good", NULL,
      "*certificate of the destination (subject 'CN=server', issuer "
      "'CN=authority') is refused: its issuer is not in ca-cert.pem*", NULL },
    { "/tls/wrong/no-client-certificate", MT_TLS_X509, "no-client", "good",
      NULL, NULL, "*the source sent no certificate*" },
    { "/tls/wrong/psk-key", MT_TLS_PSK, "other-ca", "good", NULL,
      "*TLS*", "*TLS*" },
    { "/tls/wrong/source-without-tls", MT_TLS_PSK, NULL, "good", NULL, NULL,
      "*the source does not use TLS: its data begins with 51 45 56 4d*" },
    { "/tls/wrong/destination-without-tls", MT_TLS_PSK, "good", NULL, NULL,
      "*TLS: handshake: the destination closed the connection*", NULL },
    { "/tls/wrong/unlike-credentials", MT_TLS_X509, "good", "psk", NULL,
      "*TLS*", "*TLS*" },
};

static void
assert_says(MtEngine *engine, const char *pattern)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(mt_engine_wait(engine, WAIT_NS, &error));
    g_test_message("%s", error->message);
    g_assert_cmpstr(error->message, !=, "the migration is not over yet");
    if (pattern && !g_pattern_match_simple(pattern, error->message))
        g_error("expected '%s', not '%s'", pattern, error->message);
}

static void
test_wrong(gconstpointer data)
{
    const Wrong *w = data;
    g_auto(Side) source, dest;
    gboolean other = g_strcmp0(w->server, "psk") == 0;

    side_init(&source, TRUE);
    side_init(&dest, FALSE);
    source.settings.return_path = dest.settings.return_path = TRUE;
    sides_listen(&source, &dest,
                 w->server ? tls_new(other ? MT_TLS_PSK : w->kind,
                                     other ? "good" : w->server, TRUE, NULL) :
                 NULL);
    sides_migrate(&source, w->client ?
                  tls_new(w->kind, w->client, FALSE, w->host) : NULL);
    assert_says(source.engine, w->source_says);
    assert_says(dest.engine, w->dest_says);
    g_assert_cmpint(mt_engine_get_outcome(source.engine), !=,
                    MT_OUTCOME_THERE);
}

/* The distinguished name of the client is given to the check. */
static gboolean
allow_pattern(const char *identity, gpointer data)
{
    return g_pattern_match_simple(data, identity);
}

static void
test_authorization(void)
{
    static const struct { const char *pattern; gboolean ok; } rules[] = {
        { "CN=client", TRUE }, { "CN=other", FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
        g_auto(Side) source, dest;
        MtTls *server = tls_new(MT_TLS_X509, "good", TRUE, NULL);

        side_init(&source, TRUE);
        side_init(&dest, FALSE);
        source.settings.return_path = dest.settings.return_path = TRUE;
        mt_tls_set_allow(server, allow_pattern, (char *)rules[i].pattern,
                         NULL);
        sides_listen(&source, &dest, server);
        sides_migrate(&source, tls_new(MT_TLS_X509, "good", FALSE, NULL));
        if (rules[i].ok) {
            g_assert_true(mt_engine_wait(source.engine, WAIT_NS, NULL));
            g_assert_true(mt_engine_wait(dest.engine, WAIT_NS, NULL));
        } else {
            assert_says(dest.engine,
                        "*tls-authz does not allow the source 'CN=client'*");
            assert_says(source.engine, NULL);
        }
    }
}

/* Credentials that cannot be used say so when they are loaded. */
static void
test_files(void)
{
    static const struct {
        const char *dir;
        MtTlsKind kind;
        gboolean server;
        const char *says;
    } table[] = {
        { "expired", MT_TLS_X509, TRUE,
          "*server-cert.pem: the certificate expired on *" },
        { "no-key", MT_TLS_X509, TRUE,
          "*cannot read '*server-key.pem': No such file or directory" },
        { "no-key", MT_TLS_X509, FALSE,
          "*cannot read '*client-key.pem': No such file or directory" },
        { "missing", MT_TLS_X509, FALSE,
          "*cannot read '*ca-cert.pem': No such file or directory" },
        { "missing", MT_TLS_PSK, TRUE,
          "*cannot read '*keys.psk': No such file or directory" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *path = tls_files_dir(files, table[i].dir);
        MtTlsCredsSpec spec = {
            .kind = table[i].kind, .server = table[i].server,
            .verify_peer = TRUE, .dir = path,
        };
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_tls_creds_new(&spec, &error));
        g_test_message("%s", error->message);
        g_assert_true(g_pattern_match_simple(table[i].says, error->message));
    }
}

static void
test_no_host(void)
{
    g_auto(Side) source, dest;
    GError *error = NULL;

    side_init(&source, TRUE);
    side_init(&dest, FALSE);
    source.transport = mt_transport_new_pair();
    dest.transport = mt_transport_ref(source.transport);
    mt_engine_incoming(dest.engine, &dest.settings, dest.transport, &error);
    g_assert_no_error(error);
    sides_migrate(&source, tls_new(MT_TLS_X509, "good", FALSE, NULL));
    assert_says(source.engine, "*set tls-hostname*");
}

/* A destination that never answers: the handshake can be cancelled, and it ends
 * by itself. */
static void
test_silent(void)
{
    static const guint limits_ms[] = { 0, 200 };

    for (guint i = 0; i < G_N_ELEMENTS(limits_ms); i++) {
        g_auto(Side) source, silent;
        g_autofree char *address = NULL;
        MtTls *tls = tls_new(MT_TLS_PSK, "good", FALSE, NULL);
        GError *error = NULL;

        side_init(&source, TRUE);
        side_init(&silent, FALSE);
        silent.transport = mt_transport_new("tcp:localhost:0", &error);
        mt_transport_listen(silent.transport, &error);
        g_assert_no_error(error);
        address = mt_transport_dup_address(silent.transport);
        source.transport = mt_transport_new(address, &error);
        mt_transport_set_tls(source.transport, tls, limits_ms[i]);
        mt_tls_unref(tls);
        mt_engine_migrate(source.engine, &source.settings, source.transport,
                          &error);
        g_assert_no_error(error);
        if (limits_ms[i]) {
            assert_says(source.engine, "*no handshake with the destination "
                        "within 200 ms*");
            continue;
        }
        g_assert_false(mt_engine_wait(source.engine, 50 * MT_NS_PER_MS,
                                      NULL));
        mt_engine_cancel(source.engine);
        g_assert_false(mt_engine_wait(source.engine, WAIT_NS, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
        g_clear_error(&error);
    }
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    files = tls_files_new();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add_data_func(cases[i].path, &cases[i], test_case);
    for (guint i = 0; i < G_N_ELEMENTS(wrongs); i++)
        g_test_add_data_func(wrongs[i].path, &wrongs[i], test_wrong);
    g_test_add_func("/tls/authorization", test_authorization);
    g_test_add_func("/tls/files", test_files);
    g_test_add_func("/tls/no-host", test_no_host);
    g_test_add_func("/tls/silent", test_silent);
    status = g_test_run();
    tls_files_free(files);
    return status;
}
