/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two processes that change kept settings of one domain at the same time: no
 * change is lost, and all other content stays the same, byte for byte.
 *
 * The processes are children running this program. In each round both are told
 * to set a different parameter.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "fake-server.h"
#include "migtune/migtune.h"
#include "remove-tree.h"

#define ROUNDS 100
#define UUID "6f1b4f0e-9a1c-4dbe-8a0c-9a7f7b1ff001"
#define FOREIGN_BEFORE                                          \
    "<domain>\n <metadata><a:b xmlns:a='urn:a'>\xc3\xbc &amp; " \
    "</a:b>\n <c:d xmlns:c='urn:c'   e=\"f\"/>"
#define FOREIGN_AFTER "</metadata>\n <x/></domain>\n"

static const char *const parameters[2][3] = {
    { "downtime", "announce.initial", "announce.max" },
    { "colo.checkpoint_delay", "auto_converge.initial", "announce.rounds" },
};

/* A value that is legal for each of them. */
#define VALUE(round) (10 + (round) % 80)

static MigtuneDomain *
open_domain(const char *uri, const char *name, MigtuneConn **ret_conn)
{
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain;

    *ret_conn = migtune_conn_open(uri, 0, 30000, NULL, &error);
    g_assert_no_error(error);
    domain = migtune_conn_lookup(*ret_conn, name, NULL, &error);
    g_assert_no_error(error);
    return domain;
}

static void
keep(MigtuneDomain *domain, const char *name, guint value, GError **error)
{
    g_autofree char *word = g_strdup_printf("%s=%u", name, value);
    const char *const words[] = { word, NULL };
    virTypedParameterPtr params = NULL;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    migtune_domain_set_parameters(domain, params, n, MIGTUNE_SET_CONFIG, NULL,
                                  error);
    migtune_typed_params_free(params, n);
}

/* "--child URI NAME WHICH": makes one change for each round read from
 * standard input. */
static int
child(char **args)
{
    guint which = atoi(args[2]);
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = open_domain(args[0], args[1], &conn);
    guint round;

    while (scanf("%u", &round) == 1) {
        g_autoptr(GError) error = NULL;

        keep(domain, parameters[which][round % 3], VALUE(round), &error);
        puts(error ? error->message : "done");
        fflush(stdout);
    }

    return 0;
}

typedef struct {
    GSubprocess *process;
    GDataInputStream *output;
} Child;

static void
child_start(Child *c, const char *uri, const char *name, const char *which)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autoptr(GError) error = NULL;

    c->process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                      G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                  &error, self, "--child", uri, name, which,
                                  NULL);
    g_assert_no_error(error);
    c->output = g_data_input_stream_new(
        g_subprocess_get_stdout_pipe(c->process));
}

static void
child_tell(Child *c, guint round)
{
    GOutputStream *input = g_subprocess_get_stdin_pipe(c->process);
    g_autofree char *text = g_strdup_printf("%u\n", round);

    g_assert_true(g_output_stream_write_all(input, text, strlen(text), NULL,
                                            NULL, NULL));
}

static void
child_hear(Child *c)
{
    g_autofree char *text =
        g_data_input_stream_read_line(c->output, NULL, NULL, NULL);

    g_assert_cmpstr(text, ==, "done");
}

static void
child_end(Child *c)
{
    g_output_stream_close(g_subprocess_get_stdin_pipe(c->process), NULL, NULL);
    g_assert_true(g_subprocess_wait_check(c->process, NULL, NULL));
    g_object_unref(c->output);
    g_object_unref(c->process);
}

/* The kept value of a parameter as a number; 0 if there is none. */
static guint
get_kept(MigtuneDomain *domain, const char *name)
{
    const char *const names[] = { name, NULL };
    virTypedParameterPtr params = NULL;
    g_autoptr(GError) error = NULL;
    guint value = 0;
    int n = 0;

    migtune_domain_get_parameters(domain, names, &params, &n,
                                  MIGTUNE_GET_CONFIG, NULL, &error);
    g_assert_no_error(error);
    for (int i = 0; i < n; i++)
        value = params[i].type == VIR_TYPED_PARAM_INT ? params[i].value.i
                                                      : params[i].value.ul;
    migtune_typed_params_free(params, n);

    return value;
}

typedef void (*CheckFunc)(const char *dir);

static void
run_rounds(const char *const uris[2], const char *name, const char *dir,
           CheckFunc check)
{
    Child children[2];
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    guint rounds = g_getenv("MIGTUNE_TEST_SHORT") ? 10 : ROUNDS;

    child_start(&children[0], uris[0], name, "0");
    child_start(&children[1], uris[1], name, "1");
    for (guint round = 0; round < rounds; round++) {
        for (guint i = 0; i < 2; i++)
            child_tell(&children[(i + round) % 2], round);
        for (guint i = 0; i < 2; i++)
            child_hear(&children[i]);
        if (check)
            check(dir);
    }
    for (guint i = 0; i < 2; i++)
        child_end(&children[i]);

    /* Each parameter has the value of the last round in which it was set. */
    domain = open_domain(uris[0], name, &conn);
    for (guint i = 0; i < 6; i++) {
        guint last = rounds - 1;

        while (last % 3 != i % 3)
            last--;
        g_assert_cmpuint(get_kept(domain, parameters[i / 3][i % 3]), ==,
                         VALUE(last));
    }
    g_test_message("%u rounds", rounds);
}

/* Two monitors of one guest, whose settings are in one file. */
static void
test_file(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-kept-XXXXXX", NULL);
    FakeServer *server = fake_server_new();
    const char *uris[2];

    for (guint i = 0; i < 2; i++) {
        g_autofree char *file = g_strdup_printf("%u.sock", i);
        g_autofree char *path = g_build_filename(dir, file, NULL);
        FakeQmp *qmp = fake_qmp_new("qemu-7.2");

        fake_qmp_set_identity(qmp, "web1", UUID);
        fake_server_add_unix(server, qmp, path);
        uris[i] = g_strdup_printf("qmp://%s", path);
    }
    fake_server_start(server);
    g_assert_cmpint(g_setenv("XDG_CONFIG_HOME", dir, TRUE), ==, TRUE);
    run_rounds(uris, "web1", dir, NULL);
    fake_server_free(server);
    for (guint i = 0; i < 2; i++)
        g_free((char *)uris[i]);
    remove_tree(dir);
}

/* The text around the element is unchanged. */
static void
check_foreign(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, "off.domain", NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_true(g_str_has_prefix(text, FOREIGN_BEFORE "<migtune:settings"));
    g_assert_true(
        g_str_has_suffix(text, "</migtune:settings>" FOREIGN_AFTER));
}

/* A domain that does not run, whose driver keeps the settings. */
static void
test_driver(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-kept-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "off.domain", NULL);
    g_autofree char *uri = g_strdup_printf("keeper://%s/", dir);
    const char *const uris[2] = { uri, uri };

    g_assert_true(g_file_set_contents(path, FOREIGN_BEFORE FOREIGN_AFTER, -1,
                                      NULL));
    run_rounds(uris, "off", dir, check_foreign);
    remove_tree(dir);
}

/* Another writer that takes no lock writes between the read and the write,
 * and then over the written text. */
static void
test_rival(void)
{
    static const char *const rivals[] = { "between", "over" };

    for (gsize i = 0; i < G_N_ELEMENTS(rivals); i++) {
        g_autofree char *dir = g_dir_make_tmp("migtune-kept-XXXXXX", NULL);
        g_autofree char *path = g_build_filename(dir, "off.domain", NULL);
        g_autofree char *uri = g_strdup_printf("keeper://%s/", dir);
        g_autofree char *text = NULL;
        g_autoptr(MigtuneConn) conn = NULL;
        g_autoptr(MigtuneDomain) domain = NULL;
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_set_contents(
            path, FOREIGN_BEFORE FOREIGN_AFTER, -1, NULL));
        domain = open_domain(uri, "off", &conn);
        keep(domain, "downtime", 11, &error);
        g_assert_no_error(error);
        g_setenv("KEEPER_RIVAL", rivals[i], TRUE);
        keep(domain, "bandwidth", 12, &error);
        g_unsetenv("KEEPER_RIVAL");
        g_assert_no_error(error);
        g_assert_cmpuint(get_kept(domain, "downtime"), ==, 11);
        g_assert_cmpuint(get_kept(domain, "bandwidth"), ==, 12);
        g_assert_cmpuint(get_kept(domain, "announce.rounds"), ==, 7);
        check_foreign(dir);
        remove_tree(dir);
    }
}

int
main(int argc, char **argv)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/tests/drivers/modules/keeper", build, build);
    g_autofree char *state = NULL;
    int status;

    if (argc > 4 && strcmp(argv[1], "--child") == 0)
        return child(argv + 2);

    g_test_init(&argc, &argv, NULL);
    state = g_dir_make_tmp("migtune-state-XXXXXX", NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
    g_setenv("XDG_STATE_HOME", state, TRUE);
    g_setenv("XDG_CACHE_HOME", state, TRUE);
    g_test_add_func("/kept/at-once/file", test_file);
    g_test_add_func("/kept/at-once/driver", test_driver);
    g_test_add_func("/kept/at-once/rival", test_rival);
    status = g_test_run();
    remove_tree(state);
    return status;
}
