/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The promises of the library for every driver. Guests are scripted monitors
 * behind the drivers `qmp` and `keeper`.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core.h"
#include "migtune/migtune.h"
#include "remove-tree.h"

#define UUID "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001"

static char *scratch;           /* state, cache and configuration */

void
guest_start(Guest *guest)
{
    guest->dir = g_dir_make_tmp("migtune-core-XXXXXX", NULL);
    guest->socket = g_build_filename(guest->dir, "web1.sock", NULL);
    guest->server = fake_server_new();
    guest->qmp = fake_qmp_new("qemu-7.2");
    fake_qmp_set_identity(guest->qmp, "web1", UUID);
    fake_server_add_unix(guest->server, guest->qmp, guest->socket);
    fake_server_start(guest->server);
}

void
guest_clear(Guest *guest)
{
    fake_server_free(guest->server);
    remove_tree(guest->dir);
    g_free(guest->socket);
    g_free(guest->dir);
}

static gboolean
set(MigtuneDomain *domain, const char *word, unsigned int flags,
    GError **error)
{
    const char *const words[] = { word, NULL };
    virTypedParameterPtr params = NULL;
    gboolean ok;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    ok = migtune_domain_set_parameters(domain, params, n, flags, NULL, error);
    migtune_typed_params_free(params, n);

    return ok;
}

/*
 * A read-only connection changes nothing, whether or not the driver looks at
 * the option: `keeper` does not.
 */
static void
test_read_only(void)
{
    static const unsigned int targets[] = { MIGTUNE_SET_LIVE,
                                            MIGTUNE_SET_CONFIG };
    g_auto(Guest) guest = { NULL };
    g_autofree char *uri = NULL;
    g_autofree char *path = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *kept = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    path = g_build_filename(guest.dir, "web1.domain", NULL);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    uri = g_strdup_printf("keeper://%s/", guest.dir);
    conn = migtune_conn_open(uri, MIGTUNE_CONN_READ_ONLY, 0, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_open_domain(conn, "web1", NULL, &error);
    g_assert_no_error(error);

    before = fake_qmp_dump(guest.qmp);
    for (gsize i = 0; i < G_N_ELEMENTS(targets); i++) {
        g_assert_false(set(domain, "downtime=77", targets[i], &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
        g_assert_nonnull(strstr(error->message, "read-only"));
        g_clear_error(&error);
    }
    after = fake_qmp_dump(guest.qmp);
    g_assert_cmpstr(before, ==, after);
    g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
    g_assert_cmpstr(kept, ==, "");
}

/* A driver without the feature refuses the option. */
static void
test_features(void)
{
    static const unsigned int flags[] = { MIGTUNE_CONN_READ_ONLY,
                                          MIGTUNE_CONN_NO_MONITOR };

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(
            migtune_conn_open("qmp:///run", flags[i], 0, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
    }
}

static MigtuneDomain *
open_qmp(const Guest *guest, MigtuneConn **ret_conn)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s/", guest->dir);
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain;

    *ret_conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_lookup(*ret_conn, "web1", NULL, &error);
    g_assert_no_error(error);

    return domain;
}

static MigtunePlan *
plan_one(MigtuneDomain *domain, const char *word)
{
    const char *const words[] = { word, NULL };
    g_autoptr(GError) error = NULL;
    GVariant *settings = migtune_settings_parse(words, &error);
    MigtunePlan *plan;

    g_assert_no_error(error);
    plan = migtune_domain_plan_settings(domain, settings, 0, NULL, &error);
    g_assert_no_error(error);
    g_variant_unref(settings);

    return plan;
}

/* An existing plan does not prevent other changes. */
static void
test_plan_holds_nothing(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) first = NULL;
    g_autoptr(MigtunePlan) second = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    first = plan_one(domain, "downtime=111");
    second = plan_one(domain, "bandwidth=22MiB");
    g_assert_true(set(domain, "announce.rounds=7", 0, &error));
    g_assert_no_error(error);
    migtune_plan_apply(second, NULL, &error);
    g_assert_no_error(error);

    /* A plan can be applied once. */
    g_assert_false(migtune_plan_apply(second, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
}

/* Also after a failed attempt. */
static void
test_plan_once(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    plan = plan_one(domain, "downtime=111");
    fake_qmp_reset_count(guest.qmp);
    /* After the two commands that read the former values. */
    fake_qmp_fail_nth_with(guest.qmp, 3, "GenericError", "not now");
    g_assert_false(migtune_plan_apply(plan, NULL, &error));
    g_clear_error(&error);
    g_assert_false(migtune_plan_apply(plan, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
}

/* If the lock cannot be created, the change is made with a warning. */
static void
test_no_state_directory(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(JsonNode) json = NULL;
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    plan = plan_one(domain, "downtime=111");
    g_setenv("XDG_STATE_HOME", "/proc/nowhere", TRUE);
    migtune_plan_apply(plan, NULL, &error);
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_assert_no_error(error);
    json = migtune_plan_to_json(plan);
    text = json_to_string(json, FALSE);
    g_assert_nonnull(strstr(text, "no lock and no journal"));
}

/* A wrong argument gives an error with a message. */
static void
test_arguments(void)
{
    g_autoptr(GError) error = NULL;

#define REFUSED(call)                                                          \
    do {                                                                       \
        g_assert_false(call);                                                  \
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);  \
        g_clear_error(&error);                                                 \
    } while (0)

    REFUSED(migtune_conn_open(NULL, 0, 0, NULL, &error));
    REFUSED(migtune_conn_list(NULL, NULL, &error));
    REFUSED(migtune_conn_lookup(NULL, "x", NULL, &error));
    REFUSED(migtune_conn_open_domain(NULL, "x", NULL, &error));
    REFUSED(migtune_domain_get_info(NULL, NULL, &error));
    REFUSED(migtune_domain_plan(NULL, NULL, 0, 0, NULL, &error));
    REFUSED(migtune_domain_plan_reset(NULL, 0, NULL, &error));
    REFUSED(migtune_domain_report(NULL, NULL, 0, NULL, &error));
    REFUSED(migtune_domain_migrate(NULL, "tcp:x:1", 0, NULL, &error));
    REFUSED(migtune_domain_wait_job(NULL, 0, 0, NULL, NULL, NULL, &error));
    REFUSED(migtune_domain_abort_job(NULL, NULL, &error));
    REFUSED(migtune_plan_apply(NULL, NULL, &error));
    REFUSED(migtune_plan_lower(NULL, NULL, NULL, &error));
    REFUSED(migtune_explain(NULL, NULL, 0, 0, &error));
    REFUSED(migtune_image_get_info(NULL, NULL, &error));
    REFUSED(migtune_image_verify(NULL, NULL, NULL, NULL, NULL, &error));
    REFUSED(migtune_image_convert("x", NULL, NULL, NULL, NULL, NULL, &error));
    REFUSED(migtune_image_extract("x", "y", NULL, 0, 0, NULL, &error));
    REFUSED(migtune_inspection_check(NULL, &error));
    REFUSED(migtune_inspect(NULL, NULL, &error));
    REFUSED(migtune_inspect_extract(NULL, "x", 0, 0, 0, NULL, &error));
#undef REFUSED
}

/* If two guests have one name, the look-up by name fails; their keys and
 * files work. */
static void
test_one_name(void)
{
    static const char *const files[] = { "a.sock", "b.sock" };
    g_autofree char *dir = g_dir_make_tmp("migtune-core-XXXXXX", NULL);
    g_autofree char *uri = g_strdup_printf("qmp://%s/", dir);
    FakeServer *server = fake_server_new();
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain;

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(dir, files[i], NULL);
        FakeQmp *qmp = fake_qmp_new("qemu-7.2");

        fake_qmp_set_identity(qmp, "same", UUID);
        fake_server_add_unix(server, qmp, path);
    }
    fake_server_start(server);
    conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);

    for (gsize i = 0; i < 2; i++) {
        g_assert_null(
            migtune_conn_lookup(conn, i ? UUID : "same", NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_AMBIGUOUS);
        g_assert_nonnull(strstr(error->message, "a.sock"));
        g_assert_nonnull(strstr(error->message, "b.sock"));
        g_clear_error(&error);
    }
    domain = migtune_conn_lookup(conn, files[1], NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_suffix(migtune_domain_get_key(domain), "b.sock"));
    migtune_domain_unref(domain);

    fake_server_free(server);
    remove_tree(dir);
}

/* A monitor that another client uses delays the look-up of other guests far
 * less than the time limit of the connection. */
static void
test_busy_neighbour(void)
{
    g_auto(Guest) guest = { NULL };
    g_autofree char *path = NULL;
    g_autofree char *uri = NULL;
    FakeServer *other = fake_server_new();
    FakeQmp *qmp = fake_qmp_new("qemu-7.2");
    g_autoptr(MigtuneConn) holder = NULL;
    g_autoptr(MigtuneDomain) held = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;
    gint64 start;

    guest_start(&guest);
    path = g_build_filename(guest.dir, "aaa.sock", NULL);
    fake_qmp_set_identity(qmp, "busy", NULL);
    fake_server_add_unix(other, qmp, path);
    fake_server_start(other);
    uri = g_strdup_printf("qmp://%s/", guest.dir);
    holder = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    held = migtune_conn_open_domain(holder, path, NULL, &error);
    g_assert_no_error(error);

    conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    start = g_get_monotonic_time();
    domain = migtune_conn_lookup(conn, UUID, NULL, &error);
    g_assert_no_error(error);
    g_test_message("%.3f s", (g_get_monotonic_time() - start) / 1e6);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 30000000);
    g_clear_object(&held);
    fake_server_free(other);
}

static gpointer
cancel_soon(gpointer cancellable)
{
    g_usleep(50000);
    g_cancellable_cancel(cancellable);
    return NULL;
}

/* A call that is cancelled leaves the domain and the connection usable. */
static void
test_cancel_one_call(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(JsonNode) info = NULL;
    g_autoptr(GError) error = NULL;
    GThread *thread;

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    /* The probe has completed. */
    info = migtune_domain_get_info(domain, NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&info, json_node_unref);

    fake_qmp_set_delay(guest.qmp, 1000);
    thread = g_thread_new("cancel", cancel_soon, cancellable);
    g_assert_null(migtune_domain_get_info(domain, cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_clear_error(&error);
    g_thread_join(thread);
    fake_qmp_set_delay(guest.qmp, 0);
    info = migtune_domain_get_info(domain, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(info);
}

/* Commands of two threads on one domain do not mix. */
static gpointer
set_often(gpointer data)
{
    MigtuneDomain *domain = data;

    for (guint i = 0; i < 20; i++) {
        g_autofree char *word = g_strdup_printf("downtime=%u", 100 + i);
        g_autoptr(JsonNode) info = NULL;
        g_autoptr(GError) error = NULL;

        set(domain, word, 0, &error);
        g_assert_no_error(error);
        info = migtune_domain_get_info(domain, NULL, &error);
        g_assert_no_error(error);
    }

    return NULL;
}

static void
test_threads(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    GThread *threads[3];

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("set", set_often, domain);
    for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

/* Whether any file of the locks of guests is locked. */
static gboolean
guest_is_locked(void)
{
    g_autofree char *path = g_build_filename(scratch, "migtune", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    gboolean locked = FALSE;
    const char *name;

    while (dir && !locked && (name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        int fd = g_str_has_suffix(name, ".lock")
            ? g_open(file, O_RDWR | O_CLOEXEC, 0) : -1;

        locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
        if (fd >= 0)
            close(fd);
    }

    return locked;
}

/* Another migtune, which respects the lock, changes the downtime after each
 * time that it was read. */
static void
overtake(FakeQmp *qmp, const char *command)
{
    static gint downtime = 5000; /* atomic */

    if (strcmp(command, "query-migrate-parameters") == 0 && !guest_is_locked())
        fake_qmp_set_parameter(
            qmp, "downtime-limit",
            json_node_init_int(json_node_alloc(),
                               g_atomic_int_add(&downtime, 1)));
}

/* A set that others overtake all the time keeps them out in the end. */
static void
test_overtaken(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    fake_qmp_set_hook(guest.qmp, overtake);
    set(domain, "downtime=77", 0, &error);
    g_assert_no_error(error);
    fake_qmp_set_hook(guest.qmp, NULL);
    g_assert_false(guest_is_locked());
}

/* A value has the type of the catalogue, whatever type the caller used. */
static void
test_settings(void)
{
    static const char *const names[] = { "downtime", "bandwidth", "parallel",
                                         "compression", NULL };
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GVariant) got = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    const char *text;
    guint64 number;
    gboolean on;

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    migtune_domain_set_settings(
        domain,
        g_variant_new_parsed("{'downtime': <int16 123>, 'bandwidth': <'8MiB'>, "
                             "'compression': <['zstd']>}"),
        MIGTUNE_SET_STRICT, NULL, &error);
    g_assert_no_error(error);
    got = migtune_domain_get_settings(domain, names, 0, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_variant_n_children(got), ==, 4);
    g_assert_true(g_variant_lookup(got, "downtime", "t", &number));
    g_assert_cmpuint(number, ==, 123);
    g_assert_true(g_variant_lookup(got, "bandwidth", "t", &number));
    g_assert_cmpuint(number, ==, 8);
    g_assert_true(g_variant_lookup(got, "parallel", "b", &on));
    g_assert_true(on);
    g_assert_true(g_variant_lookup(got, "compression", "&s", &text));
    g_assert_cmpstr(text, ==, "zstd");

    g_assert_false(migtune_domain_set_settings(
        domain, g_variant_new_parsed("{'downtime': <[1, 2]>}"), 0, NULL,
        &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    g_assert_cmpstr(
        migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_PARAMETER), ==,
        "downtime");
    g_clear_error(&error);
    plan = migtune_explain_settings(
        "9.1", g_variant_new_parsed("{'compression': <'mt'>}"), 0, &error);
    g_assert_no_error(error);
    g_assert_true(migtune_plan_check(plan, NULL));
}

/* A running guest of `keeper`. */
static MigtuneDomain *
open_keeper(const Guest *guest, char **ret_path, MigtuneConn **ret_conn)
{
    g_autofree char *uri = g_strdup_printf("keeper://%s/", guest->dir);
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain;

    *ret_path = g_build_filename(guest->dir, "web1.domain", NULL);
    g_assert_true(g_file_set_contents(*ret_path, "", 0, NULL));
    *ret_conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_open_domain(*ret_conn, "web1", NULL, &error);
    g_assert_no_error(error);

    return domain;
}

/*
 * QEMU refuses the live part of a change after the kept part was written: the
 * former kept settings are restored, also if a read of them failed meanwhile.
 */
static void
test_kept_rolled_back(void)
{
    static const struct {
        const char *fail_get;
        unsigned int flags;
        gboolean known;
    } cases[] = {
        { NULL, 0, TRUE },
        { NULL, MIGTUNE_SET_STRICT, TRUE },
        { "2", 0, TRUE },       /* before the write */
        { "3", 0, TRUE },       /* after the write, once */
        { "3", MIGTUNE_SET_STRICT, TRUE },
        { "3+", 0, FALSE },     /* after the write, for good */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Guest) guest = { NULL };
        g_autoptr(MigtuneConn) conn = NULL;
        g_autoptr(MigtuneDomain) domain = NULL;
        g_autoptr(MigtunePlan) plan = NULL;
        g_autofree char *path = NULL;
        g_autofree char *before = NULL;
        g_autofree char *after = NULL;
        g_autoptr(GError) error = NULL;

        guest_start(&guest);
        domain = open_keeper(&guest, &path, &conn);
        g_assert_true(set(domain, "parallel=off", MIGTUNE_SET_CONFIG, &error));
        g_assert_no_error(error);
        g_assert_true(g_file_get_contents(path, &before, NULL, NULL));

        plan = migtune_domain_plan_settings(
            domain, g_variant_new_parsed("{'parallel': <true>}"),
            MIGTUNE_SET_LIVE | MIGTUNE_SET_CONFIG | cases[i].flags, NULL,
            &error);
        g_assert_no_error(error);
        fake_qmp_set_busy(guest.qmp, TRUE);
        if (cases[i].fail_get)
            g_setenv("KEEPER_FAIL_GET", cases[i].fail_get, TRUE);
        g_assert_false(migtune_plan_apply(plan, NULL, &error));
        g_unsetenv("KEEPER_FAIL_GET");
        g_test_message("%s", error->message);
        g_assert_true(g_file_get_contents(path, &after, NULL, NULL));
        if (cases[i].known) {
            g_assert_cmpint(error->code, !=, MIGTUNE_ERROR_STATE_UNKNOWN);
            g_assert_cmpstr(after, ==, before);
        } else {
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STATE_UNKNOWN);
            g_assert_nonnull(strstr(error->message, "parallel"));
        }
    }
}

/* Without MIGTUNE_SET_CONFIG a reset changes no kept setting, also if the guest
 * does not run. */
static void
test_reset_keeps(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autofree char *path = NULL;
    g_autofree char *uri = NULL;
    g_autofree char *kept = NULL;
    g_autoptr(GError) error = NULL;

    guest_start(&guest);
    uri = g_strdup_printf("keeper://%s/", guest.dir);
    path = g_build_filename(guest.dir, "off.domain", NULL);
    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_open_domain(conn, "off", NULL, &error);
    g_assert_no_error(error);
    g_assert_true(set(domain, "bandwidth=8MiB", 0, &error));
    g_assert_no_error(error);

    g_assert_null(migtune_domain_plan_reset(domain, 0, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_RUNNING);
    g_clear_error(&error);
    g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
    g_assert_nonnull(strstr(kept, "8MiB"));

    plan = migtune_domain_plan_reset(domain, MIGTUNE_SET_CONFIG, NULL, &error);
    g_assert_no_error(error);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    g_clear_pointer(&kept, g_free);
    g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
    g_assert_null(strstr(kept, "8MiB"));
}

/* The error of a reset to the former values; NULL: it is planned. */
static GError *
try_reset(const char *uri)
{
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    GError *error = NULL;

    conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_lookup(conn, "web1", NULL, &error);
    g_assert_no_error(error);
    plan = migtune_domain_plan_reset(domain, 0, NULL, &error);

    return error;
}

/* Over TCP the process is not known: another QEMU at the same address does not
 * get the former values of the QEMU before it. */
static void
test_reset_of_another_process(void)
{
    guint16 port = 0;

    for (guint round = 0; round < 2; round++) {
        FakeServer *server = fake_server_new();
        FakeQmp *qmp = fake_qmp_new("qemu-7.2");
        g_autoptr(MigtuneConn) conn = NULL;
        g_autoptr(MigtuneDomain) domain = NULL;
        g_autofree char *uri = NULL;
        g_autoptr(GError) error = NULL;

        fake_qmp_set_identity(qmp, "web1", UUID);
        port = fake_server_add_tcp(server, qmp, port, FALSE);
        fake_server_start(server);
        uri = g_strdup_printf("qmp+tcp://127.0.0.1:%u", port);

        /* In the second round: before any change of this QEMU. */
        error = try_reset(uri);
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
        g_assert_cmpstr(
            migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_REASON), ==,
            "no-earlier-change");
        g_clear_error(&error);

        conn = migtune_conn_open(uri, 0, 60000, NULL, &error);
        domain = migtune_conn_lookup(conn, "web1", NULL, &error);
        g_assert_true(set(domain, "downtime=111", 0, &error));
        g_assert_no_error(error);
        g_clear_object(&domain);
        error = try_reset(uri);
        g_assert_no_error(error);
        fake_server_free(server);
    }
}

/* A file of a state directory that no other test uses. */
static char *
state_file(const char *name)
{
    return g_build_filename(scratch, "state", "migtune", name, NULL);
}

/* The first change of a guest removes the state files of ended processes. */
static void
test_state_files_are_removed(void)
{
    static const struct {
        const char *name;   /* %s: number and start time of this process */
        gboolean stays;
    } cases[] = {
        { "4194305-1-0123456789abcdef.json", FALSE },
        { "4194305-1-0123456789abcdef.lock", FALSE },
        { "%s-0123456789abcdef.json", TRUE },
        { "0123456789abcdef.lock", TRUE },
        { "notes.txt", TRUE },
    };
    g_auto(Guest) guest = { NULL };
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autofree char *dir = state_file("");
    g_autofree char *state = g_build_filename(scratch, "state", NULL);
    g_autofree char *stat = NULL;
    g_autofree char *own = NULL;
    g_auto(GStrv) fields = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_get_contents("/proc/self/stat", &stat, NULL, NULL));
    fields = g_strsplit(strrchr(stat, ')') + 2, " ", 22);
    own = g_strdup_printf("%d-%s", getpid(), fields[19]);
    g_mkdir_with_parents(dir, 0700);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) parts = g_strsplit(cases[i].name, "%s", 2);
        g_autofree char *name = g_strjoinv(own, parts);
        g_autofree char *path = state_file(name);

        g_assert_true(g_file_set_contents(path, "{}", -1, NULL));
    }

    guest_start(&guest);
    domain = open_qmp(&guest, &conn);
    g_setenv("XDG_STATE_HOME", state, TRUE);
    g_assert_true(set(domain, "downtime=111", 0, &error));
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) parts = g_strsplit(cases[i].name, "%s", 2);
        g_autofree char *name = g_strjoinv(own, parts);
        g_autofree char *path = state_file(name);

        g_test_message("%s", name);
        g_assert_cmpint(g_file_test(path, G_FILE_TEST_EXISTS), ==,
                        cases[i].stays);
        g_remove(path);
    }
}

/* Guests without a UUID that have the same name do not share kept settings. */
static void
test_kept_of_one_name(void)
{
    Guest guests[2] = { { NULL } };

    for (gsize i = 0; i < 2; i++) {
        g_autoptr(MigtuneConn) conn = NULL;
        g_autoptr(MigtuneDomain) domain = NULL;
        g_autoptr(GVariant) kept = NULL;
        g_autoptr(GError) error = NULL;

        guest_start(&guests[i]);
        fake_qmp_set_identity(guests[i].qmp, "web1", NULL);
        domain = open_qmp(&guests[i], &conn);
        kept = migtune_domain_get_settings(domain, NULL, MIGTUNE_GET_CONFIG,
                                           NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(g_variant_n_children(kept), ==, 0);
        g_assert_true(set(domain, "downtime=77", MIGTUNE_SET_CONFIG, &error));
        g_assert_no_error(error);
    }
    for (gsize i = 0; i < 2; i++)
        guest_clear(&guests[i]);
}

/* A reply file of QEMU 7.2 built without zstd. */
static char *
write_replies_without_zstd(const char *dir)
{
    static const char *const wrong[] = { ", {\"name\": \"zstd\"}",
                                         ", \"zstd\"" };
    g_autofree char *from = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "replies", "qemu-7.2.json", NULL);
    char *path = g_build_filename(dir, "no-zstd.json", NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(from, &text, NULL, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_auto(GStrv) parts = g_strsplit(text, wrong[i], -1);

        g_assert_cmpuint(g_strv_length(parts), ==, 2);
        g_free(text);
        text = g_strjoinv("", parts);
    }
    g_assert_true(g_file_set_contents(path, text, -1, NULL));

    return path;
}

/* Two builds of one version behind one relay, which is this process: the probe
 * of one is not used for the other, in either order. */
static void
test_two_builds(void)
{
    for (gsize first = 0; first < 2; first++) {
        g_autofree char *dir = g_dir_make_tmp("migtune-core-XXXXXX", NULL);
        g_autofree char *uri = g_strdup_printf("qmp://%s/", dir);
        g_autofree char *less = write_replies_without_zstd(dir);
        FakeServer *server = fake_server_new();
        g_autoptr(GError) error = NULL;

        for (gsize i = 0; i < 2; i++) {
            FakeQmp *qmp = fake_qmp_new(i ? less : "qemu-7.2");
            g_autofree char *file = g_strdup_printf("host%zu.sock", i);
            g_autofree char *path = g_build_filename(dir, file, NULL);

            fake_server_add_unix(server, qmp, path);
        }
        fake_server_start(server);
        for (gsize i = 0; i < 4; i++) {
            gboolean lacks = (first + i) % 2 == 1;
            g_autofree char *name = g_strdup_printf("host%d.sock", lacks);
            g_autoptr(MigtuneConn) conn =
                migtune_conn_open(uri, 0, 60000, NULL, &error);
            g_autoptr(MigtuneDomain) domain = NULL;
            g_autoptr(MigtunePlan) plan = NULL;

            g_assert_no_error(error);
            domain = migtune_conn_lookup(conn, name, NULL, &error);
            g_assert_no_error(error);
            plan = plan_one(domain, "compression=zstd");
            g_assert_cmpint(
                migtune_plan_get_verdict(plan, 0, NULL, NULL, NULL, NULL), ==,
                lacks ? MIGTUNE_VERDICT_SUBSTITUTED : MIGTUNE_VERDICT_PLANNED);
        }
        fake_server_free(server);
        remove_tree(dir);
    }
}

int
main(int argc, char **argv)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref:"
        "%s/tests/drivers/modules/keeper", build, build, build);
    int status;

    g_test_init(&argc, &argv, NULL);
    scratch = g_dir_make_tmp("migtune-state-XXXXXX", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_setenv("XDG_CACHE_HOME", scratch, TRUE);
    g_setenv("XDG_CONFIG_HOME", scratch, TRUE);
    g_test_add_func("/core/read-only", test_read_only);
    g_test_add_func("/core/features", test_features);
    g_test_add_func("/core/plan-holds-nothing", test_plan_holds_nothing);
    g_test_add_func("/core/plan-once", test_plan_once);
    g_test_add_func("/core/no-state-directory", test_no_state_directory);
    g_test_add_func("/core/arguments", test_arguments);
    g_test_add_func("/core/one-name", test_one_name);
    g_test_add_func("/core/busy-neighbour", test_busy_neighbour);
    g_test_add_func("/core/cancel-one-call", test_cancel_one_call);
    g_test_add_func("/core/threads", test_threads);
    g_test_add_func("/core/overtaken", test_overtaken);
    g_test_add_func("/core/settings", test_settings);
    g_test_add_func("/core/kept-rolled-back", test_kept_rolled_back);
    g_test_add_func("/core/reset-keeps", test_reset_keeps);
    g_test_add_func("/core/reset-of-another-process",
                    test_reset_of_another_process);
    g_test_add_func("/core/state-files-are-removed",
                    test_state_files_are_removed);
    g_test_add_func("/core/kept-of-one-name", test_kept_of_one_name);
    g_test_add_func("/core/two-builds", test_two_builds);
    core_add_async(scratch);
    status = g_test_run();
    remove_tree(scratch);
    g_free(scratch);
    return status;
}
