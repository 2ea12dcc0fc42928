/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two programs that tests put in the place of a QEMU, or before one. */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "fake-server.h"
#include "migtune/migtune-error.h"
#include "qmp/client.h"

#define N 3

/* Starts a program of tests/lib; returns it and its first line. */
static GSubprocess *
start(char **ret_line, const char *name, const char *const *arguments)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "tests", "lib", name, NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GDataInputStream) lines = NULL;
    g_autoptr(GError) error = NULL;
    GSubprocess *process;

    g_ptr_array_add(argv, path);
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, (gpointer)*arguments);
    g_ptr_array_add(argv, NULL);
    process = g_subprocess_newv((const char *const *)argv->pdata,
                                G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    g_assert_no_error(error);
    lines = g_data_input_stream_new(g_subprocess_get_stdout_pipe(process));
    *ret_line = g_data_input_stream_read_line(lines, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(*ret_line);

    return process;
}

/* The program ends when its standard input does. */
static void
stop(GSubprocess *process)
{
    g_output_stream_close(g_subprocess_get_stdin_pipe(process), NULL, NULL);
    g_assert_true(g_subprocess_wait_check(process, NULL, NULL));
    g_object_unref(process);
}

static void
batch_init(MtCommand *batch)
{
    for (guint i = 0; i < N; i++) {
        JsonObject *arguments = json_object_new();

        json_object_set_int_member(arguments, "downtime-limit", i + 1);
        mt_command_init(&batch[i], "migrate-set-parameters", arguments);
    }
}

static gint64
present(MtClient *client)
{
    g_autoptr(JsonNode) node = mt_exec_one(
        mt_client_exec(client), "query-migrate-parameters", NULL, NULL, NULL);

    return json_object_get_int_member(json_node_get_object(node),
                                      "downtime-limit");
}

/* Every way of breaking every command; then connecting again works, and the
 * guest shows what had been carried out. */
static void
test_proxy(void)
{
    static const char *const ways[] = {
        "--fail", "--cut-before", "--cut-after",
    };
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *real = g_build_filename(directory, "real", NULL);
    g_autofree char *front = g_build_filename(directory, "front", NULL);

    for (gsize way = 0; way < G_N_ELEMENTS(ways); way++) {
        for (guint nth = 1; nth <= N; nth++) {
            g_autofree char *number = g_strdup_printf("%u", nth);
            const char *arguments[] = {
                "--listen", front, "--connect", real, ways[way], number, NULL
            };
            g_autofree char *line = NULL;
            g_autoptr(MtClient) client = NULL;
            g_autoptr(GError) error = NULL;
            FakeServer *server = fake_server_new();
            MtCommand batch[N];
            GSubprocess *proxy;
            gboolean ok;
            gint64 now;

            fake_server_add_unix(server, fake_qmp_new("qemu-7.2"), real);
            fake_server_start(server);
            proxy = start(&line, "qmp-proxy", arguments);
            g_assert_cmpstr(line, ==, front);
            client = mt_client_new(mt_address_new_unix(front), 30000, 30000);
            g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
            batch_init(batch);
            ok = mt_client_run(client, batch, N, NULL, &error);
            g_assert_cmpint(ok, ==, way == 0);
            g_assert_true(ok || g_error_matches(
                error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED));
            g_assert_cmpint(batch[nth - 1].error != NULL, ==, way == 0);
            if (way > 0)
                g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
            now = present(client);
            if (way == 0)
                g_assert_cmpint(now, ==, nth == N ? N - 1 : N);
            else if (way == 1)
                g_assert_cmpint(now, ==, nth == 1 ? 300 : nth - 1);
            else
                g_assert_cmpint(now, ==, nth);
            mt_commands_clear(batch, N);
            g_clear_pointer(&client, mt_client_free);
            stop(proxy);
            fake_server_free(server);
        }
    }
    g_rmdir(directory);
}

static void
test_fake_qmp(void)
{
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "guest2.sock", NULL);
    const char *arguments[] = {
        "--replies", "made-2.8", "--directory", directory, "--count", "3",
        "--fail", "2", "--desc", "no", NULL
    };
    g_autofree char *line = NULL;
    GSubprocess *fake = start(&line, "fake-qmp", arguments);
    g_autoptr(MtClient) client = mt_client_new(mt_address_new_unix(path),
                                               30000, 30000);
    MtCommand batch[N];

    g_assert_cmpstr(line, ==, directory);
    batch_init(batch);
    g_assert_true(mt_client_open(client, batch, N, NULL, NULL));
    g_assert_cmpstr(migtune_error_get_field(
        batch[1].error, MIGTUNE_ERROR_FIELD_QEMU_DESC), ==, "no");
    mt_commands_clear(batch, N);
    mt_client_close(client);
    stop(fake);
    g_assert_cmpint(g_rmdir(directory), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/programs/proxy", test_proxy);
    g_test_add_func("/programs/fake-qmp", test_fake_qmp);
    return g_test_run();
}
