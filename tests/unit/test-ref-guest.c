/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reference guest behind its monitor: states, migrations from one to another,
 * and what query-migrate says of them.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "lib/ref-client.h"
#include "util/json-peek.h"
#include "util/json.h"

#define RAM_BYTES (16 << 20)

/* A guest with something in its RAM, or one that waits for it. */
static RefClient *
make_guest(MtRelease release, gboolean incoming)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("guest", release);
    RefClient *c;

    spec->ram_bytes = RAM_BYTES;
    spec->content = MT_CONTENT_MIXED;
    spec->content_seed = 7;
    spec->incoming = incoming;
    c = ref_client_new(spec);
    ref_client_run(c, "migrate-set-capabilities", "{'capabilities': "
                   "[{'capability': 'events', 'state': true}]}");
    return c;
}

static void
assert_state(RefClient *c, const char *wanted)
{
    g_autofree char *state = ref_client_run_state(c);

    g_assert_cmpstr(state, ==, wanted);
}

static void
assert_same_ram(RefClient *a, RefClient *b)
{
    g_autofree char *where = NULL;

    if (!mt_ram_equal(mt_ref_guest_get_ram(ref_client_guest(a)),
                      mt_ref_guest_get_ram(ref_client_guest(b)), &where))
        g_error("RAM differs: %s", where);
}

/* From one to the other, through @scheme. */
static void
migrate(RefClient *from, RefClient *to, const char *scheme)
{
    g_autofree char *path = ref_client_path("link");
    g_autofree char *uri = g_strdup_printf("unix:%s", path);

    if (strcmp(scheme, "tcp") == 0) {
        g_autoptr(JsonNode) info = NULL;
        JsonArray *list;
        JsonObject *address;

        ref_client_run(to, "migrate-incoming", "{'uri': 'tcp:127.0.0.1:0'}");
        info = ref_client_get(to, "query-migrate", NULL);
        list = mt_json_peek_array(json_node_get_object(info),
                                  "socket-address");
        g_assert_nonnull(list);
        address = json_array_get_object_element(list, 0);
        g_free(uri);
        uri = g_strdup_printf("tcp:%s:%s",
                              mt_json_peek_string(address, "host"),
                              mt_json_peek_string(address, "port"));
    } else {
        ref_client_run(to, "migrate-incoming", "{'uri': '%s'}", uri);
    }
    ref_client_run(from, "migrate", "{'uri': '%s'}", uri);
}

static const MtRelease releases[] = {
    MT_RELEASE(2, 4), MT_RELEASE(2, 11), MT_RELEASE(4, 2), MT_RELEASE(5, 2),
    MT_RELEASE(7, 2), MT_RELEASE(9, 0), MT_RELEASE(10, 0), MT_RELEASE(11, 1),
};

/* Every release moves a guest to one of its own kind. */
static void
test_migrate(gconstpointer data)
{
    MtRelease release = GPOINTER_TO_UINT(data);
    g_autoptr(RefClient) from = make_guest(release, FALSE);
    g_autoptr(RefClient) to = make_guest(release, TRUE);
    g_autofree char *events = NULL;

    assert_state(from, "running");
    assert_state(to, "inmigrate");
    migrate(from, to, "unix");
    ref_client_wait(from, "completed");
    assert_state(from, "postmigrate");
    for (guint i = 0; i < 5000; i++) {
        g_autofree char *state = ref_client_run_state(to);

        if (strcmp(state, "inmigrate") != 0)
            break;
        g_usleep(1000);
    }
    assert_state(to, "running");
    assert_same_ram(from, to);
    events = ref_client_events(from);
    g_test_message("%s", events);
    g_assert_nonnull(strstr(events, "MIGRATION:setup"));
    g_assert_nonnull(strstr(events, "MIGRATION:active"));
    g_assert_nonnull(strstr(events, "STOP"));
    g_assert_true(g_str_has_suffix(events, "MIGRATION:completed"));
}

static void
test_tcp(void)
{
    g_autoptr(RefClient) from = make_guest(MT_RELEASE(7, 2), FALSE);
    g_autoptr(RefClient) to = make_guest(MT_RELEASE(7, 2), TRUE);

    migrate(from, to, "tcp");
    ref_client_wait(from, "completed");
    ref_client_wait(to, "completed");
    assert_same_ram(from, to);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autofree char *name = mt_release_format(releases[i]);
        g_autofree char *path = g_strdup_printf("/ref/guest/migrate/%s", name);

        g_test_add_data_func(path, GUINT_TO_POINTER(releases[i]),
                             test_migrate);
    }
    g_test_add_func("/ref/guest/tcp", test_tcp);
    return g_test_run();
}
