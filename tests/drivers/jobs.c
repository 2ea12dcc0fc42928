/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations through the library, on guests of the reference engine: what
 * becomes of one that succeeds, fails, is cancelled, takes too long, or loses
 * its monitor, and what its statistics are called.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "migtune/migtune.h"

typedef struct {
    char *directory;
    char *file;
    char *link;                 /* where they migrate */
    GCancellable *cancellable;
    MigtuneConn *conn;
    MigtuneDomain *source;
    MigtuneDomain *destination;
} Fixture;

#define GUESTS                                                          \
    "<guests><guest name=\"x\"><qemu release=\"%s\"/>"                  \
    "<ram size=\"8MiB\" content=\"random\"/>%s</guest>"                 \
    "<guest name=\"y\"><qemu release=\"%s\"/><ram size=\"8MiB\"/>"      \
    "<state>incoming</state></guest></guests>"

/* @more is what the source has besides. */
static void
fixture_open(Fixture *f, const char *release, const char *more)
{
    g_autofree char *text = g_strdup_printf(GUESTS, release, more, release);
    g_autofree char *uri = NULL;
    g_autoptr(GError) error = NULL;

    f->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    f->file = g_build_filename(f->directory, "guests.xml", NULL);
    f->link = g_strdup_printf("unix:%s/link", f->directory);
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    uri = g_strconcat("ref://", f->file, NULL);
    f->cancellable = g_cancellable_new();
    f->conn = migtune_conn_open_full(uri, MIGTUNE_CONN_NO_CACHE, 0,
                                     f->cancellable, &error);
    g_assert_no_error(error);
    f->source = migtune_conn_open_domain(f->conn, "x", &error);
    g_assert_no_error(error);
    f->destination = migtune_conn_open_domain(f->conn, "y", &error);
    g_assert_no_error(error);
}

static void
fixture_close(Fixture *f)
{
    g_autofree char *socket = g_build_filename(f->directory, "link", NULL);

    migtune_domain_unref(f->source);
    migtune_domain_unref(f->destination);
    migtune_conn_unref(f->conn);
    g_object_unref(f->cancellable);
    g_unlink(socket);
    g_unlink(f->file);
    g_assert_cmpint(g_rmdir(f->directory), ==, 0);
    g_free(f->directory);
    g_free(f->file);
    g_free(f->link);
}

static void
fixture_start(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    migtune_domain_migrate_incoming(f->destination, f->link, 0, &error);
    g_assert_no_error(error);
    migtune_domain_migrate(f->source, f->link, 0, &error);
    g_assert_no_error(error);
}

/* @text is one wish, such as "postcopy=on". */
static void
set_wish(MigtuneDomain *domain, const char *text)
{
    const char *const words[] = { text, NULL };
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;

    migtune_typed_params_parse(words, &params, &n, &error);
    g_assert_no_error(error);
    migtune_domain_set_parameters(domain, params, n, MIGTUNE_SET_STRICT,
                                  &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
}

static void
check_state(MigtuneDomain *domain, const char *job, const char *state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info = migtune_domain_get_job_info(domain, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(json_object_get_string_member(
        json_node_get_object(info), "job"), ==, job);
    if (state)
        g_assert_cmpstr(json_object_get_string_member(
            json_node_get_object(info), "state"), ==, state);
}

static const virTypedParameter *
find_param(const virTypedParameter *params, int n, const char *name)
{
    const virTypedParameter *found = NULL;

    for (int i = 0; i < n; i++) {
        if (strcmp(params[i].field, name) != 0)
            continue;
        /* No name is there twice. */
        g_assert_null(found);
        found = &params[i];
    }

    return found;
}

/* What libvirt tells of a migration of memory that has succeeded. */
static const struct {
    const char *name;
    int type;
} libvirt_stats[] = {
    { VIR_DOMAIN_JOB_TIME_ELAPSED, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_SETUP_TIME, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_DOWNTIME, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_DATA_TOTAL, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_DATA_PROCESSED, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_DATA_REMAINING, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_TOTAL, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_PROCESSED, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_REMAINING, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_BPS, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_CONSTANT, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_NORMAL, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_NORMAL_BYTES, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_ITERATION, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE, VIR_TYPED_PARAM_ULLONG },
    { VIR_DOMAIN_JOB_SUCCESS, VIR_TYPED_PARAM_BOOLEAN },
};

/* Every statistic of the one form is in the other. */
static void
check_stats(MigtuneDomain *domain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info = migtune_domain_get_job_info(domain, &error);
    JsonArray *array = json_object_get_array_member(
        json_node_get_object(info), "statistics");
    virTypedParameterPtr params = NULL;
    MigtuneJobState state;
    int n = 0;

    g_assert_true(migtune_domain_get_job_stats(domain, &state, &params, &n,
                                               &error));
    g_assert_cmpint(state, ==, MIGTUNE_JOB_COMPLETED);
    g_assert_cmpint(n, ==, json_array_get_length(array) + 1);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *object = json_array_get_object_element(array, i);

        g_assert_nonnull(find_param(params, n, json_object_get_string_member(
            object, "name")));
        g_assert_nonnull(json_object_get_string_member(object, "text"));
    }
    for (gsize i = 0; i < G_N_ELEMENTS(libvirt_stats); i++) {
        const virTypedParameter *param = find_param(params, n,
                                                    libvirt_stats[i].name);

        if (!param)
            g_error("%s is not there", libvirt_stats[i].name);
        g_assert_cmpint(param->type, ==, libvirt_stats[i].type);
    }
    g_assert_cmpuint(find_param(params, n, "memory_total")->value.ul, ==,
                     8 * 1024 * 1024);
    g_assert_cmpint(find_param(params, n, "success")->value.b, ==, 1);
    migtune_typed_params_free(params, n);
}

static void
count_calls(JsonNode *info, gpointer user_data)
{
    guint *n_calls = user_data;

    g_assert_true(JSON_NODE_HOLDS_OBJECT(info));
    (*n_calls)++;
}

static void
test_completed(gconstpointer release)
{
    g_autoptr(GError) error = NULL;
    gint64 end_us = g_get_monotonic_time() + 20000000;
    guint n_calls = 0;
    Fixture f;

    fixture_open(&f, release, "");
    check_state(f.source, "none", "running");
    check_state(f.destination, "waiting", "inmigrate");
    fixture_start(&f);
    migtune_domain_wait_job(f.source, 0, count_calls, &n_calls, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(n_calls, >, 0);
    check_state(f.source, "completed", "postmigrate");
    check_stats(f.source);
    for (;;) {
        g_autoptr(JsonNode) info =
            migtune_domain_get_info(f.destination, &error);

        g_assert_no_error(error);
        if (strcmp(json_object_get_string_member(
                json_node_get_object(info), "state"), "running") == 0)
            break;
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_usleep(1000);
    }
    fixture_close(&f);
}

#define STALL "<fault kind=\"stall\" at=\"100000\"/>"

static void
test_time_is_up(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", STALL);
    fixture_start(&f);
    g_assert_false(migtune_domain_wait_job(f.source, 100, NULL, NULL,
                                           &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    g_clear_error(&error);
    check_state(f.source, "active", "running");

    migtune_domain_abort_job(f.source, &error);
    g_assert_no_error(error);
    g_assert_false(migtune_domain_wait_job(f.source, 0, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    check_state(f.source, "cancelled", "running");
    fixture_close(&f);
}

static gpointer
cancel_soon(gpointer cancellable)
{
    g_usleep(100000);
    g_cancellable_cancel(cancellable);
    return NULL;
}

/* Who cancels the wait cancels the migration, and the guest runs on. */
static void
test_cancelled(void)
{
    g_autoptr(GError) error = NULL;
    GThread *thread;
    Fixture f;

    fixture_open(&f, "11.1", STALL);
    fixture_start(&f);
    thread = g_thread_new("cancel", cancel_soon, f.cancellable);
    g_assert_false(migtune_domain_wait_job(f.source, 0, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_thread_join(thread);
    g_cancellable_reset(f.cancellable);
    check_state(f.source, "cancelled", "running");
    fixture_close(&f);
}

static void
test_failed(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "<fault kind=\"drop\" at=\"100000\"/>");
    fixture_start(&f);
    g_assert_false(migtune_domain_wait_job(f.source, 0, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_assert_nonnull(migtune_error_get_field(
        error, MIGTUNE_ERROR_FIELD_QEMU_DESC));
    check_state(f.source, "failed", "running");
    fixture_close(&f);
}

/* The monitor goes away while it is waited for, and comes back. */
static void
test_monitor_lost(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "<link bandwidth=\"32MiB/s\"/>"
                 "<fault kind=\"hangup\" command=\"query-migrate\" "
                 "at=\"3\"/>");
    fixture_start(&f);
    migtune_domain_wait_job(f.source, 0, NULL, NULL, &error);
    g_assert_no_error(error);
    check_state(f.source, "completed", NULL);
    fixture_close(&f);
}

/* The answer to the start is lost: QEMU is asked whether there is one. */
static void
test_start_lost(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "<fault kind=\"hangup\" command=\"migrate\"/>");
    g_assert_false(migtune_domain_migrate(f.source, f.link, 0, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    check_state(f.source, "none", "running");
    fixture_close(&f);
}

/* The link breaks when the guest is over there; another one gets the rest. */
static void
test_resumed(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *again = NULL;
    Fixture f;

    fixture_open(&f, "10.0", "<fault kind=\"drop\" at=\"1MiB\"/>");
    again = g_strconcat(f.link, "-again", NULL);
    set_wish(f.source, "postcopy=on");
    set_wish(f.source, "bandwidth=4MiB");
    set_wish(f.destination, "postcopy=on");
    fixture_start(&f);
    migtune_domain_start_postcopy(f.source, &error);
    g_assert_no_error(error);
    g_assert_false(migtune_domain_wait_job(f.source, 0, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_clear_error(&error);
    check_state(f.source, "paused", "finish-migrate");
    check_state(f.destination, "paused", "running");

    migtune_domain_migrate_incoming(f.destination, again,
                                    MIGTUNE_MIGRATE_RESUME, &error);
    g_assert_no_error(error);
    migtune_domain_migrate(f.source, again, MIGTUNE_MIGRATE_RESUME, &error);
    g_assert_no_error(error);
    migtune_domain_wait_job(f.source, 0, NULL, NULL, &error);
    g_assert_no_error(error);
    check_state(f.source, "completed", "postmigrate");
    g_unlink(again + strlen("unix:"));
    fixture_close(&f);
}

static void
test_wrong(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "");
    g_assert_false(migtune_domain_migrate(f.source, "nowhere", 0, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(migtune_domain_migrate(f.source, f.link, 1 << 20, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(migtune_domain_migrate_incoming(f.source, f.link, 0,
                                                   &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_clear_error(&error);
    g_assert_false(migtune_domain_wait_job(f.source, 0, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    /* Without a migration there is nothing to abort, and that is no error. */
    g_assert_true(migtune_domain_abort_job(f.source, &error));
    migtune_domain_suspend(f.source, &error);
    g_assert_no_error(error);
    check_state(f.source, "none", "paused");
    fixture_close(&f);
}

int
main(int argc, char **argv)
{
    static const char *const releases[] = {
        "2.6", "2.11", "4.2", "7.2", "10.0", "11.1",
    };
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers", "ref", NULL);

    g_test_init(&argc, &argv, NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", path, TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autofree char *name = g_strdup_printf("/jobs/completed/%s",
                                                releases[i]);

        g_test_add_data_func(name, releases[i], test_completed);
    }
    g_test_add_func("/jobs/time-is-up", test_time_is_up);
    g_test_add_func("/jobs/cancelled", test_cancelled);
    g_test_add_func("/jobs/failed", test_failed);
    g_test_add_func("/jobs/monitor-lost", test_monitor_lost);
    g_test_add_func("/jobs/start-lost", test_start_lost);
    g_test_add_func("/jobs/resumed", test_resumed);
    g_test_add_func("/jobs/wrong", test_wrong);
    return g_test_run();
}
