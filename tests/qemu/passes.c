/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The events of a real QEMU about passes end the wait of
 * migtune_domain_wait_pass(), and without them it waits for the whole time.
 */
#include "config.h"

#include "guest.h"
#include "migtune/migtune.h"

#define PASSES_EVENT_MS 120000      /* far more than a migration takes */
#define PASSES_NONE_MS 300

static gpointer
wait_pass(gpointer domain)
{
    gboolean seen = migtune_domain_wait_pass(domain, PASSES_EVENT_MS, NULL);

    return GINT_TO_POINTER(seen);
}

static void
migrate(Guest *guest)
{
    guest_do(guest, "migrate", "{\"uri\":\"exec:cat > /dev/null\"}");
}

static void
set_events(MigtuneDomain *domain)
{
    static const char *const words[] = { "events=on", NULL };
    virTypedParameterPtr params = NULL;
    g_autoptr(GError) error = NULL;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, &error));
    migtune_domain_set_parameters(domain, params, n, MIGTUNE_SET_STRICT, NULL,
                                  &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
}

static void
test_pass(gconstpointer release)
{
    static const char *const more[] = { "-name", "passes", NULL };
    g_autoptr(Guest) guest = NULL;
    g_autofree char *uri = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;
    GThread *thread;

    if (!guest_command(release)) {
        g_test_skip("no such QEMU");
        return;
    }
    guest = guest_new(release, more);
    uri = g_strdup_printf("qmp://%s", guest_monitor(guest, 0));
    conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_lookup(conn, "passes", NULL, &error);
    g_assert_no_error(error);

    migrate(guest);
    g_assert_false(migtune_domain_wait_pass(domain, PASSES_NONE_MS, NULL));
    migtune_domain_wait_job(domain, PASSES_EVENT_MS, 0, NULL, NULL, NULL,
                            &error);
    g_assert_no_error(error);
    guest_do(guest, "cont", NULL);

    set_events(domain);
    thread = g_thread_new("wait-pass", wait_pass, domain);
    migrate(guest);
    g_assert_true(GPOINTER_TO_INT(g_thread_join(thread)));
}

int
main(int argc, char **argv)
{
    static const char *const releases[] = { "5.2", "7.2", "10.0" };
    g_autofree char *drivers =
        g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers",
                         "qmp", NULL);

    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autofree char *path = g_strdup_printf("/passes/%s", releases[i]);

        g_test_add_data_func(path, releases[i], test_pass);
    }
    return g_test_run();
}
