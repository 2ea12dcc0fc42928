/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real QEMU for a test: machine `none`, which starts in 50 ms, with its files
 * in a temporary directory. It is ended with the test, also if the test is
 * killed.
 */
#include "config.h"

#include <signal.h>
#include <sys/prctl.h>

#include <glib/gstdio.h>

#include "guest.h"
#include "migtune/migtune-error.h"
#include "qmp/client.h"
#include "remove-tree.h"
#include "util/json.h"

#define GUEST_START_SECONDS 20
#define GUEST_FIRST_ANSWER_MS 3000

struct _Guest {
    char *dir;
    char *log;                  /* the standard error of QEMU */
    char *monitors[GUEST_N_MONITORS + 1]; /* the last monitor belongs to the test */
    GSubprocess *process;
    MtClient *own;
};

struct _Proxy {
    char *path;
    char *record;
    GSubprocess *process;
};

const char *
guest_command(const char *release)
{
    g_autofree char *name = g_strdup_printf("MIGTUNE_QEMU_%s", release);
    const char *command;

    g_strdelimit(name, ".", '_');
    command = g_getenv(name);

    return command && *command ? command : NULL;
}

static void
guest_die_with_parent(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Standard error goes to the file @log unless it is NULL. */
static GSubprocess *
guest_spawn(GPtrArray *argv, GSubprocessFlags flags, const char *log)
{
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(flags);
    g_autoptr(GError) error = NULL;
    GSubprocess *process;

    g_subprocess_launcher_set_child_setup(launcher, guest_die_with_parent,
                                          NULL, NULL);
    if (log)
        g_subprocess_launcher_set_stderr_file_path(launcher, log);
    process = g_subprocess_launcher_spawnv(
        launcher, (const char *const *)argv->pdata, &error);
    if (!process)
        g_error("%s: %s", (char *)argv->pdata[0], error->message);

    return process;
}

/*
 * The socket exists before QEMU answers on it. Returns FALSE if QEMU does not
 * answer: 5.2 sometimes loses the first command that it receives while it
 * starts.
 */
static gboolean
guest_connect(Guest *guest, const char *path)
{
    gint64 end =
        g_get_monotonic_time() + GUEST_START_SECONDS * G_USEC_PER_SEC;
    g_autoptr(MtClient) first = mt_client_new(
        mt_address_new_unix(path), GUEST_FIRST_ANSWER_MS,
        GUEST_FIRST_ANSWER_MS);
    g_autoptr(GError) error = NULL;

    while (!mt_client_open(first, NULL, 0, NULL, &error)) {
        if (g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT))
            return FALSE;
        if (g_get_monotonic_time() > end ||
            !g_subprocess_get_identifier(guest->process))
            g_error("QEMU did not start: %s", error->message);
        g_clear_error(&error);
        g_usleep(5000);
    }
    mt_client_close(first);

    guest->own = mt_client_new(mt_address_new_unix(path), 5000, 30000);
    if (!mt_client_open(guest->own, NULL, 0, NULL, &error))
        g_error("QEMU did not answer: %s", error->message);

    return TRUE;
}

static void
guest_stop(Guest *guest)
{
    g_subprocess_force_exit(guest->process);
    g_subprocess_wait(guest->process, NULL, NULL);
    g_clear_object(&guest->process);
}

static GPtrArray *
guest_argv(Guest *guest, const char *release, const char *const *more)
{
    static const char *const fixed[] = {
        "-machine", "none", "-accel", "tcg", "-nodefaults", "-display",
        "none", "-m", "64M",
    };
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) words = NULL;

    if (!g_shell_parse_argv(guest_command(release), NULL, &words, NULL))
        g_error("the command for QEMU %s cannot be read", release);
    for (char **word = words; *word; word++)
        g_ptr_array_add(argv, g_strdup(*word));
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, g_strdup(fixed[i]));
    for (const char *const *word = more; word && *word; word++)
        g_ptr_array_add(argv, g_strdup(*word));
    for (guint i = 0; i <= GUEST_N_MONITORS; i++) {
        guest->monitors[i] = g_strdup_printf("%s/monitor%u", guest->dir, i);
        g_ptr_array_add(argv, g_strdup("-qmp"));
        g_ptr_array_add(argv, g_strdup_printf("unix:%s,server=on,wait=off",
                                              guest->monitors[i]));
    }

    return argv;
}

Guest *
guest_new(const char *release, const char *const *more)
{
    Guest *guest = g_new0(Guest, 1);
    g_autoptr(GPtrArray) argv = NULL;
    guint n_tries = 3;

    guest->dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    guest->log = g_build_filename(guest->dir, "log", NULL);
    argv = guest_argv(guest, release, more);
    g_ptr_array_add(argv, NULL);
    for (;;) {
        guest->process =
            guest_spawn(argv, G_SUBPROCESS_FLAGS_STDOUT_SILENCE, guest->log);
        if (guest_connect(guest, guest->monitors[GUEST_N_MONITORS]))
            return guest;
        guest_stop(guest);
        if (--n_tries == 0)
            g_error("QEMU %s starts and does not answer", release);
    }
}

void
guest_free(Guest *guest)
{
    if (!guest)
        return;

    mt_client_free(guest->own);
    guest_stop(guest);
    remove_tree(guest->dir);
    for (guint i = 0; i <= GUEST_N_MONITORS; i++)
        g_free(guest->monitors[i]);
    g_free(guest->log);
    g_free(guest->dir);
    g_free(guest);
}

const char *
guest_monitor(const Guest *guest, guint nth)
{
    return guest->monitors[nth];
}

const char *
guest_dir(const Guest *guest)
{
    return guest->dir;
}

char *
guest_dup_log(const Guest *guest)
{
    char *text;

    return g_file_get_contents(guest->log, &text, NULL, NULL) ? text
                                                              : g_strdup("");
}

gboolean
guest_has_ended(const Guest *guest)
{
    return g_subprocess_get_identifier(guest->process) == NULL;
}

guint
guest_pid(const Guest *guest)
{
    const char *pid = g_subprocess_get_identifier(guest->process);

    return pid ? g_ascii_strtoull(pid, NULL, 10) : 0;
}

JsonNode *
guest_ask(Guest *guest, const char *command, const char *arguments,
          GError **error)
{
    JsonObject *object = NULL;

    if (arguments) {
        object = mt_json_parse_object(arguments, -1, error);
        if (!object)
            g_error("%s is not JSON", arguments);
    }

    return mt_exec_one(mt_client_exec(guest->own), command, object, NULL,
                       error);
}

void
guest_do(Guest *guest, const char *command, const char *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) answer = guest_ask(guest, command, arguments, &error);

    if (!answer)
        g_error("%s %s: %s", command, arguments ? arguments : "",
                error->message);
}

static JsonNode *
guest_query(Guest *guest, const char *command)
{
    g_autoptr(GError) error = NULL;
    JsonNode *answer = guest_ask(guest, command, NULL, &error);

    if (!answer)
        g_error("%s: %s", command, error->message);

    return answer;
}

char *
guest_dump(Guest *guest)
{
    g_autoptr(JsonNode) capabilities =
        guest_query(guest, "query-migrate-capabilities");
    g_autoptr(JsonNode) parameters =
        guest_query(guest, "query-migrate-parameters");
    g_autofree char *first = mt_json_to_line(capabilities);
    g_autofree char *second = mt_json_to_line(parameters);

    return g_strdup_printf("%s\n%s\n", first, second);
}

JsonNode *
guest_get(Guest *guest, gboolean capability, const char *qmp)
{
    g_autoptr(JsonNode) answer =
        guest_query(guest, capability ? "query-migrate-capabilities"
                                      : "query-migrate-parameters");
    JsonArray *list;

    if (!capability) {
        JsonObject *all = json_node_get_object(answer);

        return json_object_has_member(all, qmp)
                   ? json_node_copy(json_object_get_member(all, qmp))
                   : NULL;
    }

    list = json_node_get_array(answer);
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);

        if (g_str_equal(json_object_get_string_member(one, "capability"),
                        qmp))
            return json_node_copy(json_object_get_member(one, "state"));
    }

    return NULL;
}

Proxy *
proxy_new(Guest *guest, const char *const *more)
{
    return proxy_new_for_socket(guest->monitors[0], guest->dir, more);
}

Proxy *
proxy_new_for_socket(const char *socket, const char *dir,
                     const char *const *more)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    Proxy *proxy = g_new0(Proxy, 1);
    char ready;

    proxy->path = g_build_filename(dir, "proxy", NULL);
    proxy->record = g_build_filename(dir, "record", NULL);
    g_unlink(proxy->record);
    g_ptr_array_add(argv, g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"),
                                           "tests", "lib", "qmp-proxy", NULL));
    g_ptr_array_add(argv, g_strdup("--listen"));
    g_ptr_array_add(argv, g_strdup(proxy->path));
    g_ptr_array_add(argv, g_strdup("--connect"));
    g_ptr_array_add(argv, g_strdup(socket));
    g_ptr_array_add(argv, g_strdup("--record"));
    g_ptr_array_add(argv, g_strdup(proxy->record));
    for (const char *const *word = more; word && *word; word++)
        g_ptr_array_add(argv, g_strdup(*word));
    g_ptr_array_add(argv, NULL);
    proxy->process = guest_spawn(argv, G_SUBPROCESS_FLAGS_STDIN_PIPE |
                                           G_SUBPROCESS_FLAGS_STDOUT_PIPE,
                                 NULL);
    /* The proxy prints its path when it listens. */
    if (g_input_stream_read(g_subprocess_get_stdout_pipe(proxy->process),
                            &ready, 1, NULL, NULL) != 1)
        g_error("qmp-proxy did not start");

    return proxy;
}

void
proxy_free(Proxy *proxy)
{
    if (!proxy)
        return;

    g_output_stream_close(g_subprocess_get_stdin_pipe(proxy->process), NULL,
                          NULL);
    g_subprocess_wait(proxy->process, NULL, NULL);
    g_object_unref(proxy->process);
    g_free(proxy->path);
    g_free(proxy->record);
    g_free(proxy);
}

const char *
proxy_path(const Proxy *proxy)
{
    return proxy->path;
}

char *
proxy_record(const Proxy *proxy)
{
    char *text;

    return g_file_get_contents(proxy->record, &text, NULL, NULL)
               ? text
               : g_strdup("");
}
