/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failures between reference guests: a release that does not support what a
 * newer one sends, and an address that cannot be listened on.
 */
#include "config.h"

#include "lib/ref-client.h"

#define RAM_BYTES (4 << 20)

static void
assert_state(RefClient *c, const char *wanted)
{
    g_autofree char *state = ref_client_run_state(c);

    g_assert_cmpstr(state, ==, wanted);
}

/* A migration to an older release, with that release's machine type. */
static const struct {
    const char *name;
    MtRelease from, to;
    const char *machine;        /* NULL: none */
    gboolean multifd;
    gboolean arrives;
} backwards[] = {
    { "10.0-7.2", MT_RELEASE(10, 0), MT_RELEASE(7, 2), NULL, FALSE, FALSE },
    { "10.0-9.2", MT_RELEASE(10, 0), MT_RELEASE(9, 2), NULL, FALSE, FALSE },
    { "11.1-10.0", MT_RELEASE(11, 1), MT_RELEASE(10, 0), NULL, TRUE, TRUE },
    { "10.0-7.2-machine", MT_RELEASE(10, 0), MT_RELEASE(7, 2), "pc-q35-7.2",
      FALSE, TRUE },
    { "10.0-7.2-machine-multifd", MT_RELEASE(10, 0), MT_RELEASE(7, 2),
      "pc-q35-7.2", TRUE, TRUE },
    { "9.2-7.2", MT_RELEASE(9, 2), MT_RELEASE(7, 2), NULL, FALSE, TRUE },
    { "9.2-7.2-multifd", MT_RELEASE(9, 2), MT_RELEASE(7, 2), NULL, TRUE,
      FALSE },
    { "7.2-5.2-multifd", MT_RELEASE(7, 2), MT_RELEASE(5, 2), NULL, TRUE,
      TRUE },
};

static RefClient *
make_machine(guint i, MtRelease release, gboolean incoming)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("guest", release);
    RefClient *c;

    spec->ram_bytes = RAM_BYTES;
    spec->content = MT_CONTENT_MIXED;
    spec->incoming = incoming;
    spec->machine = g_strdup(backwards[i].machine);
    c = ref_client_new(spec);
    ref_client_run(c, "migrate-set-capabilities", "{'capabilities': ["
                   "{'capability': 'return-path', 'state': true},"
                   "{'capability': 'multifd', 'state': %s}]}",
                   backwards[i].multifd ? "true" : "false");
    return c;
}

/* An unknown section ends an older release, as it ends QEMU. */
static void
test_backwards(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(RefClient) from = make_machine(i, backwards[i].from, FALSE);
    g_autoptr(RefClient) to = make_machine(i, backwards[i].to, TRUE);

    ref_client_migrate(from, to, "unix");
    if (backwards[i].arrives) {
        ref_client_wait(from, "completed");
        ref_client_assert_same_ram(from, to);
        return;
    }
    ref_client_wait(from, "failed");
    assert_state(from, "running");
    for (guint j = 0; j < 5000 && !ref_client_is_closed(to); j++)
        g_usleep(1000);
    g_assert_true(mt_ref_guest_has_quit(ref_client_guest(to)));
}

static RefClient *
make_waiting(MtRelease release)
{
    g_autoptr(MtRefGuestSpec) spec = mt_ref_guest_spec_new("guest", release);

    spec->ram_bytes = RAM_BYTES;
    spec->incoming = TRUE;
    return ref_client_new(spec);
}

/* The state after a migrate-incoming that failed. */
static const struct {
    MtRelease release;
    const char *again;          /* the error of the next one; NULL: it succeeds */
    const char *status;
    const char *events;         /* state of both sides without a query in between */
} bad_incoming[] = {
    { MT_RELEASE(7, 2), NULL, "none", "MIGRATION:setup MIGRATION:setup" },
    { MT_RELEASE(8, 1), NULL, "none", "MIGRATION:setup MIGRATION:setup" },
    { MT_RELEASE(8, 2), NULL, "setup", "" },
    { MT_RELEASE(10, 0), "Illegal migration incoming state: setup", "setup",
      "" },
};

static void
test_bad_incoming(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(bad_incoming); i++) {
        g_autoptr(RefClient) c = make_waiting(bad_incoming[i].release);
        g_autofree char *path = ref_client_path("incoming");
        g_autofree char *good = g_strdup_printf("{'uri': 'unix:%s'}", path);
        g_autofree char *refused = NULL;
        g_autofree char *again = NULL;
        g_autofree char *status = NULL;
        g_autofree char *events = NULL;

        refused = ref_client_refused(c, "migrate-incoming",
                                     "{'uri': 'unix:/nonexistent/x'}");
        status = ref_client_status(c);
        g_assert_cmpstr(status, ==, bad_incoming[i].status);
        if (bad_incoming[i].again) {
            again = ref_client_refused(c, "migrate-incoming", good);
            g_assert_cmpstr(again, ==, bad_incoming[i].again);
        } else {
            ref_client_run(c, "migrate-incoming", "%s", good);
        }
        events = ref_client_events(c);
        g_assert_cmpstr(events, ==, bad_incoming[i].events);
        assert_state(c, "inmigrate");
    }
}

/* A missing file does not end the guest. */
static void
test_incoming_no_file(void)
{
    g_autoptr(RefClient) c = make_waiting(MT_RELEASE(8, 2));
    g_autofree char *refused = ref_client_refused(
        c, "migrate-incoming", "{'uri': 'file:/nonexistent/x'}");

    assert_state(c, "inmigrate");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(backwards); i++) {
        g_autofree char *path = g_strdup_printf("/ref/between/backwards/%s",
                                                backwards[i].name);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_backwards);
    }
    g_test_add_func("/ref/between/bad-incoming", test_bad_incoming);
    g_test_add_func("/ref/between/incoming-no-file", test_incoming_no_file);
    return g_test_run();
}
