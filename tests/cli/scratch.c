/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See scratch.h.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "scratch.h"
#include "../lib/command.h"
#include "../lib/remove-tree.h"

const char *
cli_build_root(void)
{
    const char *root = g_getenv("MIGTUNE_TEST_BUILD");

    g_assert_nonnull(root);
    return root;
}

/* Returns the environment for commands in @directory. */
GSubprocessLauncher *
cli_launcher(const char *directory, GSubprocessFlags flags)
{
    GSubprocessLauncher *launcher = g_subprocess_launcher_new(flags);
    const char *root = cli_build_root();
    g_autofree char *command = command_find();
    g_autofree char *checked = g_path_get_dirname(command);
    g_autofree char *path = g_strdup_printf(
        "%s:%s/tools/libvirt:%s/docs/examples:%s", checked, root, root,
        g_getenv("PATH"));
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref:%s/tests/drivers/modules/keeper",
        root, root, root);
    g_autofree char *uri = g_strdup_printf("qmp://%s/", directory);
    g_autofree char *cache = g_build_filename(directory, ".cache", NULL);
    g_autofree char *config = g_build_filename(directory, ".config", NULL);
    g_autofree char *locale = g_build_filename(root, "po", NULL);
    const char *const unset[] = { "LANGUAGE", "NO_COLOR", NULL };
    const char *const set[][2] = {
        { "PATH", path },
        { "MIGTUNE_DRIVER_PATH", drivers },
        { "MIGTUNE_DEFAULT_URI", uri },
        { "MIGTUNE_LOCALE_DIR", locale },
        { "XDG_CACHE_HOME", cache },
        { "XDG_CONFIG_HOME", config },
        { "XDG_RUNTIME_DIR", cache },
        { "XDG_STATE_HOME", cache },
        { "HOME", directory },
        { "LC_ALL", "C.UTF-8" },
        { "TERM", "xterm" },
    };

    g_subprocess_launcher_set_cwd(launcher, directory);
    for (guint i = 0; unset[i]; i++)
        g_subprocess_launcher_unsetenv(launcher, unset[i]);
    for (guint i = 0; i < G_N_ELEMENTS(set); i++)
        g_subprocess_launcher_setenv(launcher, set[i][0], set[i][1], TRUE);

    return launcher;
}

/* Starts a scripted monitor and waits until it listens. */
static void
scratch_add_peer(Scratch *scratch, const char *options)
{
    g_autoptr(GSubprocessLauncher) launcher =
        cli_launcher(scratch->directory, G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                         G_SUBPROCESS_FLAGS_STDOUT_PIPE);
    g_autofree char *line =
        g_strconcat(cli_build_root(), "/tests/lib/fake-qmp ", options, NULL);
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GDataInputStream) output = NULL;
    g_autofree char *ready = NULL;
    GSubprocess *peer;

    g_assert_true(g_shell_parse_argv(line, NULL, &argv, &error));
    peer = g_subprocess_launcher_spawnv(
        launcher, (const char *const *)argv, &error);
    g_assert_no_error(error);

    output = g_data_input_stream_new(g_subprocess_get_stdout_pipe(peer));
    ready = g_data_input_stream_read_line(output, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(ready);
    g_ptr_array_add(scratch->peers, peer);
}

Scratch *
scratch_new(const char *const *peers)
{
    Scratch *scratch = g_new0(Scratch, 1);
    g_autoptr(GError) error = NULL;

    scratch->directory = g_dir_make_tmp("migtune-cli-XXXXXX", &error);
    g_assert_no_error(error);
    scratch->peers = g_ptr_array_new_with_free_func(g_object_unref);
    for (; peers && *peers; peers++)
        scratch_add_peer(scratch, *peers);

    return scratch;
}

void
scratch_free(Scratch *scratch)
{
    for (guint i = 0; i < scratch->peers->len; i++) {
        GSubprocess *peer = scratch->peers->pdata[i];

        g_output_stream_close(g_subprocess_get_stdin_pipe(peer), NULL, NULL);
        g_assert_true(g_subprocess_wait_check(peer, NULL, NULL));
    }
    g_ptr_array_unref(scratch->peers);
    remove_tree(scratch->directory);
    g_free(scratch->directory);
    g_free(scratch);
}

/* Returns @text without the parts that differ from run to run. */
static char *
scratch_normalise(Scratch *scratch, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, scratch->directory, -1);

    return g_strjoinv("DIR", parts);
}

/* Runs @command with sh; returns its status, -1 for a signal. */
int
scratch_run(Scratch *scratch, const char *command, const char *const *env,
            char **out, char **err)
{
    g_autoptr(GSubprocessLauncher) launcher =
        cli_launcher(scratch->directory, G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                         G_SUBPROCESS_FLAGS_STDERR_PIPE);
    g_autoptr(GSubprocess) process = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *raw_out = NULL;
    g_autofree char *raw_err = NULL;

    for (; env && *env; env += 2)
        g_subprocess_launcher_setenv(launcher, env[0], env[1], TRUE);
    process = g_subprocess_launcher_spawn(launcher, &error, "sh", "-c",
                                          command, NULL);
    g_assert_no_error(error);
    g_subprocess_communicate_utf8(process, NULL, NULL, &raw_out, &raw_err,
                                  &error);
    g_assert_no_error(error);

    *out = scratch_normalise(scratch, raw_out);
    *err = scratch_normalise(scratch, raw_err);
    return g_subprocess_get_if_exited(process)
               ? g_subprocess_get_exit_status(process) : -1;
}

/* Compares the output with the file of the case, or writes that file. */
void
cli_compare(const char *name, const char *text)
{
    g_autofree char *file = g_strdup_printf(
        "%s/cli/%s.txt", g_getenv("MIGTUNE_TEST_DATA"), name);
    g_autofree char *expected = NULL;
    g_auto(GStrv) want = NULL;
    g_auto(GStrv) have = NULL;
    g_autoptr(GError) error = NULL;

    if (g_getenv("MIGTUNE_TEST_REGENERATE")) {
        g_file_set_contents(file, text, -1, &error);
        g_assert_no_error(error);
        return;
    }

    g_file_get_contents(file, &expected, NULL, &error);
    g_assert_no_error(error);
    want = g_strsplit(expected, "\n", -1);
    have = g_strsplit(text, "\n", -1);
    for (guint i = 0; want[i] && have[i]; i++) {
        if (strcmp(want[i], have[i]) != 0)
            g_test_message("%s line %u", file, i + 1);
        g_assert_cmpstr(have[i], ==, want[i]);
    }
    g_assert_cmpuint(g_strv_length(have), ==, g_strv_length(want));
}

void
cli_case_run(gconstpointer data)
{
    const CliCase *c = data;
    g_autoptr(Scratch) scratch = scratch_new(c->peers);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(c->commands) && c->commands[i]; i++) {
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;
        g_auto(GStrv) lines = NULL;
        int status = scratch_run(scratch, c->commands[i], NULL, &out, &err);

        g_string_append_printf(text, "%s$ %s\n%s", i > 0 ? "\n" : "",
                               c->commands[i], out);
        lines = g_strsplit(err, "\n", -1);
        for (guint j = 0; lines[j] && (*lines[j] || lines[j + 1]); j++)
            g_string_append_printf(text, "! %s\n", lines[j]);
        if (status != 0)
            g_string_append_printf(text, "? %d\n", status);
    }

    cli_compare(c->name, text->str);
}

void
cli_cases_add(const char *group, const CliCase *cases, gsize n_cases)
{
    for (gsize i = 0; i < n_cases; i++) {
        g_autofree char *path =
            g_strdup_printf("/cli/%s/%s", group, cases[i].name);

        g_test_add_data_func(path, &cases[i], cli_case_run);
    }
}
