/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS objects on the monitor of a reference guest, and migrations between two
 * guests that use them.
 */
#include "config.h"

#include <string.h>

#include "lib/ref-client.h"
#include "lib/tls-files.h"
#include "util/json-peek.h"
#include "util/json.h"

#define RAM_BYTES (2 << 20)

static TlsFiles *files;

static RefClient *
make_guest(MtRelease release, gboolean incoming)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("guest", release);

    spec->ram_bytes = RAM_BYTES;
    spec->content = MT_CONTENT_MIXED;
    spec->content_seed = 7;
    spec->incoming = incoming;
    return ref_client_new(spec);
}

/* @props: the properties are in the member 'props', as up to 5.2. */
static void
add_creds(RefClient *c, const char *kind, gboolean server, gboolean props)
{
    g_autofree char *dir = tls_files_dir(files, "good");
    g_autofree char *properties = g_strdup_printf(
        "'dir': '%s', 'endpoint': '%s'", dir, server ? "server" : "client");

    ref_client_run(c, "object-add", props ?
                   "{'qom-type': 'tls-creds-%s', 'id': 'tls0', "
                   "'props': {%s}}" :
                   "{'qom-type': 'tls-creds-%s', 'id': 'tls0', %s}", kind,
                   properties);
    ref_client_run(c, "migrate-set-parameters",
                   "{'tls-creds': 'tls0', 'tls-hostname': 'localhost'}");
}

typedef struct {
    const char *path;
    MtRelease release;
    const char *kind;
    gboolean multifd;
    gboolean props;
} Case;

static const Case cases[] = {
    { "/ref-tls/psk-5.2", MT_RELEASE(5, 2), "psk", FALSE, TRUE },
    { "/ref-tls/psk-7.2", MT_RELEASE(7, 2), "psk" },
    { "/ref-tls/psk-multifd-11.1", MT_RELEASE(11, 1), "psk", TRUE },
    { "/ref-tls/anon-10.0", MT_RELEASE(10, 0), "anon" },
    { "/ref-tls/x509-4.2", MT_RELEASE(4, 2), "x509", FALSE, TRUE },
    { "/ref-tls/x509-10.0", MT_RELEASE(10, 0), "x509" },
    { "/ref-tls/x509-multifd-7.2", MT_RELEASE(7, 2), "x509", TRUE },
};

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(RefClient) from = make_guest(c->release, FALSE);
    g_autoptr(RefClient) to = make_guest(c->release, TRUE);
    RefClient *both[] = { from, to };

    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        add_creds(both[i], c->kind, both[i] == to, c->props);
        if (c->multifd)
            ref_client_run(both[i], "migrate-set-capabilities",
                           "{'capabilities': [{'capability': 'multifd', "
                           "'state': true}, {'capability': 'return-path', "
                           "'state': true}]}");
    }
    ref_client_migrate(from, to, "tcp");
    ref_client_wait(from, "completed");
    ref_client_wait(to, "completed");
    ref_client_assert_same_ram(from, to);
}

/*
 * Post-copy over TLS.  The channel for requested pages of postcopy-preempt is
 * encrypted as well, in both of its dialects.
 */
typedef struct {
    const char *path;
    MtRelease release;
    gboolean preempt, interrupted;
} PostcopyCase;

static const PostcopyCase postcopy_cases[] = {
    { "/ref-tls/postcopy-5.2", MT_RELEASE(5, 2) },
    { "/ref-tls/postcopy-10.0", MT_RELEASE(10, 0) },
    { "/ref-tls/postcopy-preempt-7.1", MT_RELEASE(7, 1), TRUE },
    { "/ref-tls/postcopy-preempt-7.2", MT_RELEASE(7, 2), TRUE },
    { "/ref-tls/postcopy-preempt-11.1", MT_RELEASE(11, 1), TRUE },
    { "/ref-tls/postcopy-preempt-recover-7.2", MT_RELEASE(7, 2), TRUE, TRUE },
    { "/ref-tls/postcopy-preempt-recover-11.1", MT_RELEASE(11, 1), TRUE, TRUE },
};

static void
test_postcopy(gconstpointer data)
{
    static const char slow[] =
        "{'max-bandwidth': 524288, 'max-postcopy-bandwidth': 1048576}";
    const PostcopyCase *c = data;
    g_autoptr(RefClient) from = make_guest(c->release, FALSE);
    g_autoptr(RefClient) to = make_guest(c->release, TRUE);
    g_autofree char *path = ref_client_path("again");
    RefClient *both[] = { from, to };

    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        add_creds(both[i], "x509", both[i] == to,
                  c->release < MT_RELEASE(6, 0));
        ref_client_run(both[i], "migrate-set-capabilities",
                       "{'capabilities': [{'capability': 'postcopy-ram', "
                       "'state': true}%s]}",
                       c->preempt ? ", {'capability': 'postcopy-preempt', "
                                    "'state': true}" : "");
        ref_client_run(both[i], "migrate-set-parameters", slow);
    }
    ref_client_migrate(from, to, "tcp");
    ref_client_wait(from, "active");
    ref_client_run(from, "migrate-start-postcopy", NULL);
    ref_client_wait(to, "postcopy-active");
    if (c->interrupted) {
        ref_client_run(from, "migrate-pause", NULL);
        ref_client_wait(from, "postcopy-paused");
        ref_client_wait(to, "postcopy-paused");
        ref_client_run(to, "migrate-recover", "{'uri': 'unix:%s'}", path);
        ref_client_run(from, "migrate", "{'uri': 'unix:%s', 'resume': true}",
                       path);
    }
    ref_client_wait(from, "completed");
    ref_client_wait(to, "completed");
    ref_client_assert_same_ram(from, to);
}

/* The text of error-desc after the migration of @from has failed. */
static char *
failed_because(RefClient *from)
{
    g_autoptr(JsonNode) info = NULL;
    const char *text;

    ref_client_wait(from, "failed");
    info = ref_client_get(from, "query-migrate", NULL);
    text = mt_json_peek_string(json_node_get_object(info), "error-desc");
    g_test_message("%s", text);
    return g_strdup(text);
}

/* Whom tls-authz allows; a missing object allows no source. */
static void
test_authorization(void)
{
    static const struct {
        const char *object;     /* NULL: none */
        gboolean ok;
    } table[] = {
        { "{'qom-type': 'authz-simple', 'id': 'a', 'identity': 'CN=client'}",
          TRUE },
        { "{'qom-type': 'authz-simple', 'id': 'a', 'identity': 'CN=x'}" },
        { "{'qom-type': 'authz-list', 'id': 'a', 'rules': [{'match': "
          "'CN=c*', 'policy': 'allow', 'format': 'glob'}]}", TRUE },
        { "{'qom-type': 'authz-list', 'id': 'a', 'policy': 'allow', 'rules': "
          "[{'match': 'CN=client', 'policy': 'deny'}]}" },
        { "{'qom-type': 'authz-list', 'id': 'a'}" },
        { NULL },
    };

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(RefClient) from = make_guest(MT_RELEASE(10, 0), FALSE);
        g_autoptr(RefClient) to = make_guest(MT_RELEASE(10, 0), TRUE);
        g_autofree char *why = NULL;

        add_creds(from, "x509", FALSE, FALSE);
        add_creds(to, "x509", TRUE, FALSE);
        if (table[i].object)
            ref_client_run(to, "object-add", "%s", table[i].object);
        ref_client_run(to, "migrate-set-parameters", "{'tls-authz': 'a'}");
        ref_client_run(from, "migrate-set-capabilities",
                       "{'capabilities': [{'capability': 'return-path', "
                       "'state': true}]}");
        ref_client_migrate(from, to, "tcp");
        if (table[i].ok) {
            ref_client_wait(from, "completed");
            continue;
        }
        why = failed_because(from);
        g_assert_nonnull(strstr(why, "TLS"));
    }
}

static void
test_objects(void)
{
    g_autoptr(RefClient) c = make_guest(MT_RELEASE(7, 2), FALSE);
    g_autoptr(JsonNode) list = NULL;
    g_autoptr(JsonNode) endpoint = NULL;
    g_autofree char *text = NULL;

    add_creds(c, "x509", TRUE, FALSE);
    ref_client_run(c, "object-add", "{'qom-type': 'authz-simple', 'id': 'a', "
                   "'identity': 'CN=x'}");
    list = ref_client_get(c, "qom-list", "{'path': '/objects'}");
    text = mt_json_to_line(list);
    g_assert_cmpstr(text, ==, "[{\"name\": \"type\", \"type\": \"string\"}, "
                    "{\"name\": \"tls0\", \"type\": "
                    "\"child<tls-creds-x509>\"}, {\"name\": \"a\", \"type\": "
                    "\"child<authz-simple>\"}]");
    endpoint = ref_client_get(c, "qom-get", "{'path': '/objects/tls0', "
                              "'property': 'endpoint'}");
    g_assert_cmpstr(json_node_get_string(endpoint), ==, "server");
    ref_client_run(c, "object-del", "{'id': 'tls0'}");
    g_clear_pointer(&list, json_node_unref);
    list = ref_client_get(c, "qom-list", "{'path': '/objects'}");
    g_assert_cmpuint(json_array_get_length(json_node_get_array(list)), ==, 2);
}

static void
test_refused(void)
{
    static const struct { const char *command, *arguments, *says; } table[] = {
        { "object-add", "{'qom-type': 'authz-simple', 'id': 'a', 'identity': "
          "'x'}", "*duplicate*'a'*" },
        { "object-add", "{'qom-type': 'authz-simple', 'id': '1', 'identity': "
          "'x'}", "*'id'*identifier*" },
        { "object-add", "{'qom-type': 'authz-simple', 'id': 'b'}",
          "*'identity' is missing*" },
        { "object-add", "{'qom-type': 'nonsense', 'id': 'b'}",
          "*'qom-type' does not accept value 'nonsense'*" },
        { "object-add", "{'qom-type': 'tls-creds-x509', 'id': 'b', 'dir': "
          "'/nonexistent', 'endpoint': 'server'}",
          "*cannot read '/nonexistent/ca-cert.pem'*" },
        { "object-del", "{'id': 'b'}", "*'b' not found*" },
        { "qom-list", "{'path': '/nonsense'}", "*'/nonsense' not found*" },
        { "qom-get", "{'path': '/objects/a', 'property': 'nonsense'}",
          "*'authz-simple.nonsense' not found*" },
    };
    g_autoptr(RefClient) c = make_guest(MT_RELEASE(10, 0), FALSE);

    ref_client_run(c, "object-add", "{'qom-type': 'authz-simple', 'id': 'a', "
                   "'identity': 'x'}");
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *text = ref_client_refused(c, table[i].command,
                                                   table[i].arguments);

        if (!g_pattern_match_simple(table[i].says, text))
            g_error("expected '%s', not '%s'", table[i].says, text);
    }
}

/* Credentials that a migration cannot use make it fail, with the reason. */
static void
test_unusable(void)
{
    static const struct { const char *creds, *says; } table[] = {
        { "none", "No TLS credentials with id 'none'" },
        { "a", "Object with id 'a' is not TLS credentials" },
        { "tls0", "Expected TLS credentials for a client endpoint" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(RefClient) c = make_guest(MT_RELEASE(7, 2), FALSE);
        g_autofree char *why = NULL;

        add_creds(c, "psk", TRUE, FALSE);
        ref_client_run(c, "object-add", "{'qom-type': 'authz-simple', 'id': "
                       "'a', 'identity': 'x'}");
        ref_client_run(c, "migrate-set-parameters", "{'tls-creds': '%s'}",
                       table[i].creds);
        ref_client_run(c, "migrate", "{'uri': 'tcp:127.0.0.1:9'}");
        why = failed_because(c);
        g_assert_cmpstr(why, ==, table[i].says);
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
    for (guint i = 0; i < G_N_ELEMENTS(postcopy_cases); i++)
        g_test_add_data_func(postcopy_cases[i].path, &postcopy_cases[i],
                             test_postcopy);
    g_test_add_func("/ref-tls/authorization", test_authorization);
    g_test_add_func("/ref-tls/objects", test_objects);
    g_test_add_func("/ref-tls/refused", test_refused);
    g_test_add_func("/ref-tls/unusable", test_unusable);
    status = g_test_run();
    tls_files_free(files);
    return status;
}
