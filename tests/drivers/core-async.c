/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pairs of functions with the suffixes _async and _finish.
 */
#include "config.h"

#include <unistd.h>

#include "core.h"

static const char *scratch;

typedef struct {
    GMainLoop *loop;
    GThread *thread;
    MigtuneConn *conn;
    MigtuneDomain *domain;
    gboolean done;
} Chain;

static void
chain_set(GObject *object, GAsyncResult *result, gpointer data)
{
    Chain *chain = data;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_thread_self() == chain->thread);
    chain->done = migtune_domain_set_settings_finish(MIGTUNE_DOMAIN(object),
                                                     result, &error);
    g_assert_no_error(error);
    g_main_loop_quit(chain->loop);
}

static void
chain_looked_up(GObject *object, GAsyncResult *result, gpointer data)
{
    Chain *chain = data;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_thread_self() == chain->thread);
    chain->domain =
        migtune_conn_lookup_finish(MIGTUNE_CONN(object), result, &error);
    g_assert_no_error(error);
    migtune_domain_set_settings_async(
        chain->domain, g_variant_new_parsed("{'downtime': <uint64 99>}"), 0,
        NULL, chain_set, chain);
}

static void
chain_opened(GObject *object, GAsyncResult *result, gpointer data)
{
    Chain *chain = data;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_thread_self() == chain->thread);
    chain->conn = migtune_conn_open_finish(result, &error);
    g_assert_no_error(error);
    migtune_conn_lookup_async(chain->conn, "web1", NULL, chain_looked_up,
                              chain);
}

/* Callbacks run in the context that was the thread's default at the call,
 * not in the global one. */
static void
test_async(void)
{
    g_auto(Guest) guest = { NULL };
    g_autoptr(GMainContext) context = g_main_context_new();
    g_autofree char *uri = NULL;
    Chain chain = { .thread = g_thread_self() };

    guest_start(&guest);
    uri = g_strdup_printf("qmp://%s/", guest.dir);
    g_main_context_push_thread_default(context);
    chain.loop = g_main_loop_new(context, FALSE);
    migtune_conn_open_async(uri, 0, 60000, NULL, chain_opened, &chain);
    g_main_loop_run(chain.loop);
    g_main_context_pop_thread_default(context);
    g_assert_true(chain.done);
    g_object_unref(chain.domain);
    g_object_unref(chain.conn);
    g_main_loop_unref(chain.loop);
}

static void
take_result(GObject *object, GAsyncResult *result, gpointer data)
{
    *(GAsyncResult **)data = g_object_ref(result);
}

/* Runs @call, whose callback is take_result() with &result, and waits for its
 * result. */
#define AWAIT(call)                                                            \
    do {                                                                       \
        g_clear_object(&result);                                               \
        call;                                                                  \
        while (!result)                                                        \
            g_main_context_iteration(NULL, TRUE);                              \
    } while (0)

static void
count_progress(guint64 done_bytes, guint64 total_bytes, gpointer data)
{
    GThread **thread = data;

    g_assert_true(g_thread_self() == thread[0]);
    thread[1] = g_thread_self();
}

/* Files without waiting: progress arrives in the caller's thread, and the
 * results are those of the calls that wait. */
static void
test_async_files(void)
{
    g_autofree char *stream = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "streams", "plain-7.2.mig", NULL);
    g_autofree char *image = g_build_filename(scratch, "image", NULL);
    g_autofree char *file = g_build_filename(scratch, "ram-XXXXXX", NULL);
    const char *const sources[] = { stream, NULL };
    GThread *threads[2] = { g_thread_self(), NULL };
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(MigtuneInspection) inspection = NULL;
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(GError) error = NULL;
    int fd;

    AWAIT(migtune_image_get_info_async("/nonexistent", NULL, take_result,
                                       &result));
    /* The result of another function is refused, and stays usable. */
    g_assert_null(migtune_inspect_finish(result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    g_assert_null(migtune_image_get_info_finish(result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_clear_error(&error);

    AWAIT(migtune_image_convert_async(stream, image, NULL, count_progress,
                                      threads, NULL, take_result, &result));
    node = migtune_image_convert_finish(result, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(node),
                                                  "to"), ==, "save");
    g_clear_pointer(&node, json_node_unref);
    AWAIT(migtune_image_verify_async(image, NULL, count_progress, threads,
                                     NULL, take_result, &result));
    node = migtune_image_verify_finish(result, &error);
    g_assert_no_error(error);
    g_assert_nonnull(node);
    g_clear_pointer(&node, json_node_unref);
    AWAIT(migtune_image_extract_async(image, "/dev/null", "nothing", 0, 0,
                                      NULL, take_result, &result));
    g_assert_null(migtune_image_extract_finish(result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
    g_clear_error(&error);

    AWAIT(migtune_inspect_async(sources, NULL, take_result, &result));
    inspection = migtune_inspect_finish(result, &error);
    g_assert_no_error(error);
    g_assert_true(migtune_inspection_check(inspection, NULL));
    fd = g_mkstemp(file);
    g_assert_cmpint(fd, >=, 0);
    AWAIT(migtune_inspect_extract_async(sources, "nothing", 0, 0, fd, NULL,
                                        take_result, &result));
    g_assert_null(migtune_inspect_extract_finish(result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND);
    close(fd);
}

/* The other pairs that wait for a guest, here with reference guests. */
static void
test_async_migration(void)
{
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) source = NULL;
    g_autoptr(MigtuneDomain) destination = NULL;
    g_autoptr(MigtuneMigration) migration = NULL;
    g_autoptr(JsonNode) recovered = NULL;
    g_autofree char *image = g_build_filename(scratch, "saved", NULL);
    GThread *threads[2] = { g_thread_self(), NULL };
    g_autoptr(MigtuneConn) small = NULL;
    g_autoptr(MigtuneDomain) saved = NULL;
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(GError) error = NULL;

    conn = migtune_conn_open("ref:///default", 0, 60000, NULL, &error);
    g_assert_no_error(error);
    source = migtune_conn_lookup(conn, "web1", NULL, &error);
    g_assert_no_error(error);
    AWAIT(migtune_migration_find_destination_async(conn, source, NULL, NULL,
                                                   take_result, &result));
    destination = migtune_migration_find_destination_finish(conn, result,
                                                            &error);
    g_assert_no_error(error);
    g_assert_cmpstr(migtune_domain_get_name(destination), ==, "web1-dest");

    AWAIT(migtune_domain_continue_job_async(source, NULL, take_result,
                                            &result));
    g_assert_false(migtune_domain_continue_job_finish(source, result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_clear_error(&error);

    migration = migtune_migration_new_settings(source, destination, NULL, 0,
                                               &error);
    g_assert_no_error(error);
    AWAIT(migtune_migration_start_postcopy_async(migration, NULL, take_result,
                                                 &result));
    g_assert_false(
        migtune_migration_start_postcopy_finish(migration, result, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    AWAIT(migtune_migration_abort_async(migration, NULL, take_result,
                                        &result));
    migtune_migration_abort_finish(migration, result, &error);
    g_clear_error(&error);
    AWAIT(migtune_recover_async(TRUE, NULL, take_result, &result));
    recovered = migtune_recover_finish(result, &error);
    g_assert_no_error(error);
    g_assert_true(JSON_NODE_HOLDS_ARRAY(recovered));

    small = migtune_conn_open("ref:///one?name=small&ram=1MiB", 0, 60000, NULL,
                              &error);
    g_assert_no_error(error);
    saved = migtune_conn_lookup(small, "small", NULL, &error);
    g_assert_no_error(error);
    AWAIT(migtune_domain_save_async(saved, image, NULL, count_progress,
                                    threads, NULL, take_result, &result));
    node = migtune_domain_save_finish(saved, result, &error);
    g_assert_no_error(error);
    g_clear_pointer(&node, json_node_unref);
    /* This guest does not wait for a migration. */
    AWAIT(migtune_domain_restore_async(saved, image, NULL, count_progress,
                                       threads, NULL, take_result, &result));
    g_assert_null(migtune_domain_restore_finish(saved, result, &error));
    g_assert_nonnull(error);
}

static char *
refuse_credentials(MigtuneCredential credential, const char *prompt,
                   GCancellable *cancellable, gpointer user_data)
{
    return NULL;
}

/* A connection with a function for credentials, and waiting for a pass, which
 * reference guests do not report: both results are FALSE, but only an error is a
 * failure. */
static void
test_async_others(void)
{
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    AWAIT(migtune_conn_open_auth_async("nowhere:///", 0, 60000,
                                       refuse_credentials, NULL, NULL,
                                       take_result, &result));
    g_assert_null(migtune_conn_open_auth_finish(result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DRIVER);
    g_clear_error(&error);
    AWAIT(migtune_conn_open_auth_async("ref:///default", 0, 60000,
                                       refuse_credentials, NULL, NULL,
                                       take_result, &result));
    conn = migtune_conn_open_auth_finish(result, &error);
    g_assert_no_error(error);
    domain = migtune_conn_lookup(conn, "web1", NULL, &error);
    g_assert_no_error(error);

    AWAIT(migtune_domain_wait_pass_async(domain, 20, NULL, take_result,
                                         &result));
    g_assert_false(migtune_domain_wait_pass_finish(domain, result, &error));
    g_assert_no_error(error);
    /* The result of another function is refused. */
    g_assert_false(migtune_domain_wait_job_finish(domain, result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    g_clear_error(&error);
    /* Without the cancellation, this would take an hour. */
    g_cancellable_cancel(cancellable);
    AWAIT(migtune_domain_wait_pass_async(domain, 3600 * 1000, cancellable,
                                         take_result, &result));
    g_assert_false(migtune_domain_wait_pass_finish(domain, result, &error));
    g_assert_no_error(error);
}

void
core_add_async(const char *directory)
{
    scratch = directory;
    g_test_add_func("/core/async", test_async);
    g_test_add_func("/core/async-files", test_async_files);
    g_test_add_func("/core/async-migration", test_async_migration);
    g_test_add_func("/core/async-others", test_async_others);
}
