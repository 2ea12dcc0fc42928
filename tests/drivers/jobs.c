/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations of reference guests through the library: those that succeed, fail,
 * are cancelled, take too long or lose their monitor, and the names of their
 * statistics.
 */
#include "config.h"

#include <string.h>

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>

#include "migtune/migtune.h"

typedef struct {
    char *directory;
    char *file;
    char *link;                 /* the address of the migration */
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

/* @more has further members of the source. */
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
    f->conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_assert_no_error(error);
    f->source = migtune_conn_open_domain(f->conn, "x", NULL, &error);
    g_assert_no_error(error);
    f->destination = migtune_conn_open_domain(f->conn, "y", NULL, &error);
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

    migtune_domain_migrate_incoming(f->destination, f->link, 0, NULL, &error);
    g_assert_no_error(error);
    migtune_domain_migrate(f->source, f->link, 0, NULL, &error);
    g_assert_no_error(error);
}

/* @text is one setting, such as "postcopy=on". */
static void
set_wish(MigtuneDomain *domain, const char *text)
{
    const char *const words[] = { text, NULL };
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;

    migtune_typed_params_parse(words, &params, &n, &error);
    g_assert_no_error(error);
    migtune_domain_set_parameters(domain, params, n, MIGTUNE_SET_STRICT, NULL,
                                  &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
}

static void
check_state(MigtuneDomain *domain, const char *job, const char *state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info =
        migtune_domain_get_job_info(domain, NULL, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(json_object_get_string_member(
        json_node_get_object(info), "job"), ==, job);
    if (state)
        g_assert_cmpstr(json_object_get_string_member(
            json_node_get_object(info), "state"), ==, state);
}

/* Waits, at most a minute, until the job has this state: each side notices a lost
 * link by itself. */
static void
wait_for_job(MigtuneDomain *domain, const char *job)
{
    gint64 end_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;

    while (g_get_monotonic_time() < end_us) {
        g_autoptr(JsonNode) info =
            migtune_domain_get_job_info(domain, NULL, NULL);

        if (info && strcmp(json_object_get_string_member(
                json_node_get_object(info), "job"), job) == 0)
            return;
        g_usleep(10000);
    }
}

static const virTypedParameter *
find_param(const virTypedParameter *params, int n, const char *name)
{
    const virTypedParameter *found = NULL;

    for (int i = 0; i < n; i++) {
        if (strcmp(params[i].field, name) != 0)
            continue;
        /* Each name occurs once. */
        g_assert_null(found);
        found = &params[i];
    }

    return found;
}

/* The statistics that libvirt has for a completed migration of memory. */
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

/* The device state and the bytes that the downtime limit allows, with the
 * bandwidth and the limit that give these bytes. */
static void
check_device_state(const virTypedParameter *params, int n)
{
    const virTypedParameter *bytes = find_param(params, n, "device_state");
    const virTypedParameter *budget =
        find_param(params, n, "device_state_budget");
    const virTypedParameter *bps = find_param(params, n, "device_state_bps");
    const virTypedParameter *limit =
        find_param(params, n, "device_state_downtime");
    double expected;

    g_assert_nonnull(bytes);
    g_assert_cmpuint(bytes->value.ul, >, 0);
    g_assert_cmpuint(limit->value.ul, >, 0);
    expected = bps->value.ul * (double)limit->value.ul / 1000;
    g_assert_cmpfloat_with_epsilon(budget->value.ul, expected,
                                   expected / 100 + 1000);
}

/* Both forms have the same statistics. */
static void
check_stats(MigtuneDomain *domain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) info =
        migtune_domain_get_job_info(domain, NULL, &error);
    JsonArray *array = json_object_get_array_member(
        json_node_get_object(info), "statistics");
    virTypedParameterPtr params = NULL;
    MigtuneJobState state;
    int n = 0;

    g_assert_true(migtune_domain_get_job_stats(domain, &state, &params, &n,
                                               NULL, &error));
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
    check_device_state(params, n);
    migtune_typed_params_free(params, n);
}

static gboolean
count_calls(MigtuneDomain *domain, JsonNode *info, gpointer user_data)
{
    guint *n_calls = user_data;

    g_assert_true(JSON_NODE_HOLDS_OBJECT(info));
    (*n_calls)++;

    return TRUE;
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
    migtune_domain_wait_job(f.source, 0, 0, count_calls, &n_calls, NULL,
                            &error);
    g_assert_no_error(error);
    g_assert_cmpuint(n_calls, >, 0);
    check_state(f.source, "completed", "postmigrate");
    check_stats(f.source);
    for (;;) {
        g_autoptr(JsonNode) info =
            migtune_domain_get_info(f.destination, NULL, &error);

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
    g_assert_false(
        migtune_domain_wait_job(f.source, 100, 0, NULL, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    g_clear_error(&error);
    check_state(f.source, "active", "running");

    migtune_domain_abort_job(f.source, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(
        migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error));
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

/* With MIGTUNE_WAIT_CANCEL_MIGRATION a cancelled call cancels the migration,
 * and the guest runs on. */
static void
test_cancelled(void)
{
    g_autoptr(GError) error = NULL;
    GThread *thread;
    Fixture f;

    fixture_open(&f, "11.1", STALL);
    fixture_start(&f);
    thread = g_thread_new("cancel", cancel_soon, f.cancellable);
    g_assert_false(migtune_domain_wait_job(f.source, 0,
                                           MIGTUNE_WAIT_CANCEL_MIGRATION, NULL,
                                           NULL, f.cancellable, &error));
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
    g_assert_false(
        migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_assert_nonnull(migtune_error_get_field(
        error, MIGTUNE_ERROR_FIELD_QEMU_DESC));
    check_state(f.source, "failed", "running");
    fixture_close(&f);
}

/* The monitor connection is lost while a call waits, and is restored. */
static void
test_monitor_lost(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "<link bandwidth=\"32MiB/s\"/>"
                 "<fault kind=\"hangup\" command=\"query-migrate\" "
                 "at=\"3\"/>");
    fixture_start(&f);
    migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    check_state(f.source, "completed", NULL);
    fixture_close(&f);
}

/* The answer to the start is lost: QEMU is asked whether a migration runs. */
static void
test_start_lost(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "<fault kind=\"hangup\" command=\"migrate\"/>");
    g_assert_false(migtune_domain_migrate(f.source, f.link, 0, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    check_state(f.source, "none", "running");
    fixture_close(&f);
}

/* The link breaks after the guest has moved; the rest is sent over a new
 * link. */
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
    migtune_domain_start_postcopy(f.source, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(
        migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_clear_error(&error);
    check_state(f.source, "paused", "finish-migrate");
    wait_for_job(f.destination, "paused");
    check_state(f.destination, "paused", "running");

    migtune_domain_migrate_incoming(f.destination, again,
                                    MIGTUNE_MIGRATE_RESUME, NULL, &error);
    g_assert_no_error(error);
    migtune_domain_migrate(f.source, again, MIGTUNE_MIGRATE_RESUME, NULL,
                           &error);
    g_assert_no_error(error);
    migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    check_state(f.source, "completed", "postmigrate");
    g_unlink(again + strlen("unix:"));
    fixture_close(&f);
}

/*
 * Once post-copy has begun the guest is at the destination: neither an abort
 * nor a cancelled call ends the migration, in the release that would obey.
 */
static void
test_postcopy_goes_on(gconstpointer release)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, release, "");
    set_wish(f.source, "postcopy=on");
    set_wish(f.source, "bandwidth=1MiB");
    set_wish(f.destination, "postcopy=on");
    fixture_start(&f);
    migtune_domain_start_postcopy(f.source, NULL, &error);
    g_assert_no_error(error);

    g_assert_false(migtune_domain_abort_job(f.source, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONFLICT);
    g_assert_cmpstr(migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_REASON),
                    ==, "postcopy-begun");
    g_clear_error(&error);
    g_cancellable_cancel(cancellable);
    g_assert_false(migtune_domain_wait_job(f.source, 0,
                                           MIGTUNE_WAIT_CANCEL_MIGRATION, NULL,
                                           NULL, cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STILL_RUNNING);
    g_clear_error(&error);

    set_wish(f.source, "bandwidth=0");
    migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
    migtune_domain_wait_incoming(f.destination, 60000, NULL, &error);
    g_assert_no_error(error);
    check_state(f.source, "completed", "postmigrate");
    fixture_close(&f);
}

static gboolean
stop_waiting(MigtuneDomain *domain, JsonNode *info, gpointer user_data)
{
    return FALSE;
}

/* The callback, or a cancelled call without the flag, ends only the call. */
static void
test_stop_waiting(void)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", STALL);
    fixture_start(&f);
    g_assert_false(migtune_domain_wait_job(f.source, 0, 0, stop_waiting, NULL,
                                           NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STILL_RUNNING);
    g_clear_error(&error);
    g_cancellable_cancel(cancellable);
    g_assert_false(migtune_domain_wait_job(f.source, 0, 0, NULL, NULL,
                                           cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STILL_RUNNING);
    g_clear_error(&error);
    check_state(f.source, "active", "running");

    /* The destination has not received the guest. */
    g_assert_false(
        migtune_domain_wait_incoming(f.destination, 50, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    g_clear_error(&error);
    migtune_domain_abort_job(f.source, NULL, &error);
    g_assert_no_error(error);
    migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    fixture_close(&f);
}

/* A call that was cancelled before it began has sent nothing. */
static void
test_nothing_sent(void)
{
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "<fault kind=\"drop\" at=\"100000\"/>");
    fixture_start(&f);
    g_assert_false(
        migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error));
    g_assert_cmpstr(
        migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_REASON), ==,
        "guest-running");
    g_clear_error(&error);
    g_cancellable_cancel(cancellable);
    g_assert_false(
        migtune_domain_migrate(f.source, f.link, 0, cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    check_state(f.source, "failed", "running");
    fixture_close(&f);
}

#define MANY 100

/* The results of many calls that wait in one thread. */
typedef struct {
    GMainContext *context;
    GThread *thread;
    guint n_progress;
    guint n_still_running;
    guint n_cancelled;
} Many;

static void
many_progress(MigtuneDomain *domain, GVariant *progress, gpointer data)
{
    Many *many = data;
    const char *job;

    g_assert_true(g_thread_self() == many->thread);
    g_assert_true(g_variant_lookup(progress, "job", "&s", &job));
    many->n_progress++;
}

static void
many_ended(GObject *object, GAsyncResult *result, gpointer data)
{
    Many *many = data;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_thread_self() == many->thread);
    g_assert_false(
        migtune_domain_wait_job_finish(MIGTUNE_DOMAIN(object), result, &error));
    if (g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STILL_RUNNING))
        many->n_still_running++;
    else if (g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED))
        many->n_cancelled++;
    else
        g_error("%s", error->message);
}

static void
many_aborted(GObject *object, GAsyncResult *result, gpointer data)
{
    g_autoptr(GError) error = NULL;

    migtune_domain_abort_job_finish(MIGTUNE_DOMAIN(object), result, &error);
    g_assert_no_error(error);
}

/*
 * One thread waits for many migrations on one connection.  Three of the calls
 * are cancelled, which ends these three and no other; then every migration is
 * aborted while it is waited for.
 */
static void
test_many(void)
{
    g_autoptr(GString) text = g_string_new("<guests>");
    g_autofree char *dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(dir, "guests.xml", NULL);
    g_autofree char *path = g_build_filename(dir, "sink", NULL);
    g_autofree char *link = g_strconcat("unix:", path, NULL);
    g_autofree char *uri = g_strconcat("ref://", file, NULL);
    g_autoptr(GSocket) sink = NULL;
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domains[MANY];
    GCancellable *cancellables[MANY];
    Many many = { .thread = g_thread_self() };

    for (guint i = 0; i < MANY; i++)
        g_string_append_printf(text,
                               "<guest name=\"g%u\"><qemu release=\"7.2\"/>"
                               "<ram size=\"2MiB\" content=\"random\"/>"
                               "</guest>",
                               i);
    g_string_append(text, "</guests>");
    g_assert_true(g_file_set_contents(file, text->str, -1, NULL));

    /* A listener that accepts nothing: the migration does not complete. */
    sink = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, &error);
    g_assert_no_error(error);
    g_socket_set_listen_backlog(sink, 2 * MANY);
    g_assert_true(g_socket_bind(sink, address, FALSE, &error));
    g_assert_true(g_socket_listen(sink, &error));

    conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 60000, NULL, &error);
    g_assert_no_error(error);
    many.context = g_main_context_new();
    g_main_context_push_thread_default(many.context);
    for (guint i = 0; i < MANY; i++) {
        g_autofree char *name = g_strdup_printf("g%u", i);

        domains[i] = migtune_conn_open_domain(conn, name, NULL, &error);
        g_assert_no_error(error);
        set_wish(domains[i], "max-bandwidth=1000");
        migtune_domain_migrate(domains[i], link, 0, NULL, &error);
        g_assert_no_error(error);
        cancellables[i] = g_cancellable_new();
        g_signal_connect(domains[i], "job-progress", G_CALLBACK(many_progress),
                         &many);
        migtune_domain_wait_job_async(domains[i], 0, 0, cancellables[i],
                                      many_ended, &many);
    }
    while (many.n_progress < MANY)
        g_main_context_iteration(many.context, TRUE);
    for (guint i = 0; i < 3; i++)
        g_cancellable_cancel(cancellables[i * 30]);
    while (many.n_still_running < 3)
        g_main_context_iteration(many.context, TRUE);
    g_assert_cmpuint(many.n_cancelled, ==, 0);

    for (guint i = 0; i < MANY; i++)
        migtune_domain_abort_job_async(domains[i], NULL, many_aborted, NULL);
    while (many.n_cancelled < MANY - 3)
        g_main_context_iteration(many.context, TRUE);
    g_assert_cmpuint(many.n_still_running, ==, 3);
    while (g_main_context_iteration(many.context, FALSE))
        continue;

    for (guint i = 0; i < MANY; i++) {
        migtune_domain_wait_job(domains[i], 0, 0, NULL, NULL, NULL, NULL);
        g_object_unref(cancellables[i]);
        g_object_unref(domains[i]);
    }
    g_main_context_pop_thread_default(many.context);
    g_main_context_unref(many.context);
    g_unlink(path);
    g_unlink(file);
    g_rmdir(dir);
}

static void
test_wrong(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f;

    fixture_open(&f, "7.2", "");
    g_assert_false(
        migtune_domain_migrate(f.source, "nowhere", 0, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(
        migtune_domain_migrate(f.source, f.link, 1 << 20, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_false(
        migtune_domain_migrate_incoming(f.source, f.link, 0, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_clear_error(&error);
    g_assert_false(
        migtune_domain_wait_job(f.source, 0, 0, NULL, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
    g_clear_error(&error);
    /* An abort without a migration succeeds and has no effect. */
    g_assert_true(migtune_domain_abort_job(f.source, NULL, &error));
    migtune_domain_suspend(f.source, NULL, &error);
    g_assert_no_error(error);
    check_state(f.source, "none", "paused");
    fixture_close(&f);
}

static gboolean
has_postcopy(MigtuneDomain *domain)
{
    static const char *const names[] = { "postcopy", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) settings =
        migtune_domain_get_settings(domain, names, 0, NULL, &error);
    gboolean on = FALSE;

    g_assert_no_error(error);
    g_assert_true(g_variant_lookup(settings, "postcopy", "b", &on));
    return on;
}

static MigtunePolicy *
import_policy(const char *select)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "converge", "ovirt.json", NULL);
    const char *const words[] = { select, NULL };
    g_autoptr(GError) error = NULL;
    MigtunePolicy *policy = migtune_policy_import(path, words, &error);

    g_assert_no_error(error);
    return policy;
}

/* The verdict about post-copy, which was read back from both guests; NULL if it
 * was not requested. */
static char *
dup_verdict(MigtuneMigration *migration)
{
    g_autoptr(JsonNode) node = migtune_migration_to_json(migration);
    JsonArray *verdicts = json_object_get_array_member(
        json_node_get_object(node), "verdicts");

    for (guint i = 0; i < json_array_get_length(verdicts); i++) {
        JsonObject *one = json_array_get_object_element(verdicts, i);

        if (strcmp(json_object_get_string_member(one, "name"),
                   "postcopy") == 0)
            return g_strdup_printf(
                "%s %s", json_object_get_string_member(one, "asked"),
                json_object_get_string_member(one, "verdict"));
    }

    return NULL;
}

/* A policy of another program turns post-copy on, for both guests or for none,
 * unless the caller has decided it. */
static void
test_policy_postcopy(void)
{
    static const struct {
        const char *select;
        int asked;              /* -1: the caller does not mention it */
        const char *verdict;
    } cases[] = {
        { "policy=Post-copy migration", -1, "on in-force" },
        { "policy=Post-copy migration", FALSE, "off in-force" },
        { "policy=Minimal downtime", -1, NULL },
        { "policy=Minimal downtime", TRUE, "on in-force" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture f = { NULL };
        g_autoptr(MigtunePolicy) policy = import_policy(cases[i].select);
        g_autoptr(MigtuneMigration) migration = NULL;
        g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL);
        g_autoptr(GError) error = NULL;
        gboolean needs = migtune_policy_needs_postcopy(policy);
        gboolean enabled = !needs;
        g_autofree char *verdict = NULL;

        fixture_open(&f, "7.2", "");
        g_assert_true(migtune_policy_enable_postcopy(
            policy, f.source, f.destination, &enabled, NULL, &error));
        g_assert_no_error(error);
        g_assert_true(enabled == needs);
        g_assert_true(has_postcopy(f.source) == needs);
        g_assert_true(has_postcopy(f.destination) == needs);
        g_assert_true(migtune_policy_enable_postcopy(
            policy, f.source, f.destination, &enabled, NULL, &error));
        g_assert_false(enabled);
        set_wish(f.source, "postcopy=off");
        set_wish(f.destination, "postcopy=off");

        if (cases[i].asked >= 0)
            g_variant_dict_insert(&settings, "postcopy", "b", cases[i].asked);
        migration = migtune_migration_new_settings(
            f.source, f.destination, g_variant_dict_end(&settings), 0, &error);
        g_assert_no_error(error);
        g_assert_true(migtune_migration_set_policy(migration, policy, &error));
        migtune_migration_set_address(migration, f.link, NULL);
        g_assert_true(migtune_migration_run(migration, NULL, &error));
        g_assert_no_error(error);
        verdict = dup_verdict(migration);
        g_assert_cmpstr(verdict, ==, cases[i].verdict);
        g_assert_false(migtune_migration_set_policy(migration, policy,
                                                    &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
        fixture_close(&f);
    }
}

/* The destination cannot have post-copy: the source does not get it. */
static void
test_policy_without_postcopy(void)
{
    g_autoptr(MigtunePolicy) policy =
        import_policy("policy=Post-copy migration");
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) old = NULL;
    g_autoptr(GError) error = NULL;
    gboolean enabled = TRUE;
    Fixture f = { NULL };

    fixture_open(&f, "7.2", "");
    conn = migtune_conn_open("ref:///one?name=old&release=2.4", 0, 0, NULL,
                             &error);
    g_assert_no_error(error);
    old = migtune_conn_open_domain(conn, "old", NULL, &error);
    g_assert_no_error(error);
    g_assert_false(migtune_policy_enable_postcopy(policy, f.source, old,
                                                  &enabled, NULL, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_false(enabled);
    g_assert_false(has_postcopy(f.source));
    fixture_close(&f);
}

/* A cache that no host has memory for is only reserved: the monitor answers, and
 * the migration completes. */
static void
test_large_cache(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = migtune_conn_open(
        "ref:///one?name=big&release=7.2", 0, 0, NULL, &error);
    g_autoptr(MigtuneDomain) domain = NULL;

    g_assert_no_error(error);
    domain = migtune_conn_lookup(conn, "big", NULL, &error);
    g_assert_no_error(error);
    set_wish(domain, "xbzrle=on");
    set_wish(domain, "compression.xbzrle.cache=128GiB");
    migtune_domain_migrate(domain, "exec:cat >/dev/null", 0, NULL, &error);
    g_assert_no_error(error);
    migtune_domain_wait_job(domain, 600000, 0, NULL, NULL, NULL, &error);
    g_assert_no_error(error);
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
    g_test_add_data_func("/jobs/postcopy-goes-on/7.2", "7.2",
                         test_postcopy_goes_on);
    g_test_add_data_func("/jobs/postcopy-goes-on/10.0", "10.0",
                         test_postcopy_goes_on);
    g_test_add_func("/jobs/stop-waiting", test_stop_waiting);
    g_test_add_func("/jobs/nothing-sent", test_nothing_sent);
    g_test_add_func("/jobs/many", test_many);
    g_test_add_func("/jobs/wrong", test_wrong);
    g_test_add_func("/jobs/large-cache", test_large_cache);
    g_test_add_func("/jobs/policy-postcopy", test_policy_postcopy);
    g_test_add_func("/jobs/policy-without-postcopy",
                    test_policy_without_postcopy);
    return g_test_run();
}
