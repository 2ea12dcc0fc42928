/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `migtune migrate` between two libvirts with TLS: it completes with good
 * certificates, and QEMU has TLS credentials on both sides then; with wrong or
 * missing certificates it fails with the cause, and both sides are as before.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "hosts.h"
#include "lib/remove-tree.h"
#include "lib/tls-files.h"

/* A time limit for the daemons on a busy machine. */
#define PATIENT "--timeout", "60"
/* How libvirt names QEMU's TLS credentials of a migration. */
#define CREDS "\"tls-creds\":\"objlibvirt_migrate_tls0\""

static Host *alpha;
static Host *beta;
static TlsFiles *files;
/* Has a link for each host to its certificates. */
static char *pki;

typedef struct {
    const char *name;
    const char *here;           /* certificates of the source; NULL: none */
    const char *there;          /* of the destination */
    const char *words[3];
    const char *causes[3];      /* one of them is part of the error; none: it
                                 * completes */
} Case;

/* libvirt 9.0 reports the error of the source, or if it notices the end of the
 * QEMU of the destination first, the error of that one. */
#define HANDSHAKE { "ertificate", "TLS channel" }

static const Case cases[] = {
    { "host-name", "beta", "beta", { "--tls" } },
    { "host-name-p2p", "beta", "beta", { "--tls", "--p2p" } },
    { "other-name-given", "good", "good", { "tls.destination=localhost" } },
    { "other-name", "good", "good", { "--tls" }, HANDSHAKE },
    { "other-authority", "beta", "other-ca", { "--tls" }, HANDSHAKE },
    { "expired", "beta", "expired", { "tls.destination=localhost" },
      { "server-cert.pem has expired" } },
    { "no-certificates", "beta", NULL, { "--tls" }, { "ca-cert.pem" } },
    /* The destination ends the connection; the source does not learn why. */
    { "no-certificate-of-the-client", "no-client", "beta", { "--tls" },
      { "job 'migration out' failed", "ertificate", "TLS" } },
};

/* Makes the certificates of a host those of the directory @name. */
static void
use_files(const char *host, const char *name)
{
    g_autofree char *link = g_build_filename(pki, host, NULL);
    g_autofree char *empty = g_build_filename(pki, "empty", NULL);
    g_autofree char *dir = name ? tls_files_dir(files, name) : NULL;

    g_unlink(link);
    g_assert_cmpint(symlink(dir ? dir : empty, link), ==, 0);
}

/* The log of the daemon, which has its commands to QEMU; for g_free(). */
static char *
read_log(const Host *host)
{
    g_autofree char *path = g_build_filename(host->dir, "log", "libvirtd.log",
                                             NULL);
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);

    return text;
}

static guint
count_creds(const Host *host)
{
    g_autofree char *log = read_log(host);
    guint n = 0;

    for (const char *at = log; (at = strstr(at, CREDS)); at++)
        n++;

    return n;
}

static char *
get_state(const Host *host, const char *name)
{
    char *text = host_virsh(host, "domstate", name, NULL);

    return g_strstrip(text);
}

/* All migration parameters of the guest on alpha; for g_free(). */
static char *
get_parameters(void)
{
    char *text = host_virsh(alpha, "qemu-monitor-command", "secret",
                            "{\"execute\":\"query-migrate-parameters\"}", NULL);
    char *id = strstr(text, "\"id\"");

    g_assert_nonnull(strstr(text, "\"return\""));
    if (id)
        *id = '\0';

    return text;
}

static void
check_success(const char *text, guint n_here, guint n_there)
{
    g_autofree char *there = get_state(beta, "secret");

    assert_lacks(text, "exit");
    assert_has(text, "the guest is on the destination");
    g_assert_cmpstr(there, ==, "running");
    g_assert_cmpuint(count_creds(alpha), >, n_here);
    g_assert_cmpuint(count_creds(beta), >, n_there);
}

static gboolean
has_cause(const Case *c, const char *text)
{
    for (guint i = 0; i < G_N_ELEMENTS(c->causes) && c->causes[i]; i++) {
        if (strstr(text, c->causes[i]))
            return TRUE;
    }

    return FALSE;
}

static void
check_failure(const Case *c, const char *text, const char *before)
{
    g_autofree char *here = get_state(alpha, "secret");
    g_autofree char *there = get_state(beta, "secret");
    g_autofree char *after = get_parameters();

    g_assert_true(g_str_has_prefix(text, "exit 1"));
    if (!has_cause(c, text))
        g_error("expected '%s' in:\n%s", c->causes[0], text);
    g_assert_cmpstr(here, ==, "running");
    assert_has(there, "exit 1");
    g_assert_cmpstr(after, ==, before);
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    virDomainPtr domain;
    g_autofree char *before = NULL;
    g_autofree char *text = NULL;
    guint n_here = count_creds(alpha);
    guint n_there = count_creds(beta);

    use_files("alpha", c->here);
    use_files("beta", c->there);
    domain = host_add_guest(alpha, "secret", TRUE);
    before = get_parameters();
    text = host_migtune(alpha, PATIENT, "migrate", "secret", beta->uri,
                        "downtime=10000", c->words[0], c->words[1], NULL);
    g_test_message("%s", text);
    if (c->causes[0])
        check_failure(c, text, before);
    else
        check_success(text, n_here, n_there);
    virDomainFree(domain);
    host_remove_guest(alpha, "secret");
    host_remove_guest(beta, "secret");
}

/* libvirt does not report its certificates, so the check says where they must
 * be. */
static void
test_check(void)
{
    virDomainPtr domain = host_add_guest(alpha, "secret", TRUE);
    g_autofree char *with = host_migtune(alpha, PATIENT, "migrate-check",
                                         "secret", beta->uri,
                                         "tls.destination=localhost", NULL);
    g_autofree char *without = host_migtune(alpha, PATIENT, "migrate-check",
                                            "secret", beta->uri, NULL);

    g_test_message("%s", with);
    assert_lacks(with, "exit");
    assert_has(with, "--tls");
    assert_has(with, "libvirt-tls-files");
    assert_has(with, "/etc/pki/qemu");
    assert_lacks(with, "no-effect");
    assert_lacks(without, "libvirt-tls-files");
    virDomainFree(domain);
    host_remove_guest(alpha, "secret");
}

static Host *
start_host(const char *name, guint nth, const Host *peer)
{
    g_autofree char *lines = g_strdup_printf(
        "migrate_tls_x509_cert_dir = \"%s/%s\"\n"
        "migrate_tls_x509_verify = 1\n", pki, name);

    use_files(name, "beta");

    return host_new_configured(name, nth, peer, lines,
                               "log_filters = \"2:qemu.qemu_monitor\"\n");
}

int
main(int argc, char **argv)
{
    g_autofree char *empty = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    g_test_add_func("/libvirt/tls/check", test_check);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path =
            g_strdup_printf("/libvirt/tls/%s", cases[i].name);

        g_test_add_data_func(path, &cases[i], test_case);
    }

    files = tls_files_new();
    pki = g_dir_make_tmp("migtune-pki-XXXXXX", &error);
    g_assert_no_error(error);
    empty = g_build_filename(pki, "empty", NULL);
    g_assert_cmpint(g_mkdir(empty, 0700), ==, 0);
    alpha = start_host("alpha", 1, NULL);
    beta = start_host("beta", 2, alpha);
    status = g_test_run();
    host_free(alpha);
    host_free(beta);
    tls_files_free(files);
    remove_tree(pki);
    g_free(pki);

    return status;
}
