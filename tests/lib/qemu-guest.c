/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real QEMU for a test.
 *
 * The machine is `none`: no devices, no processor, and it starts in 50 ms. With
 * a machine that has a processor, which is stopped, guest memory can be written
 * through QEMU's test protocol during a migration, which marks pages dirty as a
 * guest would.
 */
#include "config.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lib/qemu-guest.h"

#define ANSWER_SECONDS 30

/* QEMU 5.2 sometimes never answers on a monitor that was connected to during
 * its start: the start is given up early and repeated. */
#define START_SECONDS 10
#define START_TRIES 3

typedef struct {
    GSocketConnection *connection;
    GDataInputStream *input;
} Line;

struct QemuGuest {
    GSubprocess *process;
    char *ram_path;
    gboolean has_file;  /* the file that holds its RAM */
    gboolean keep_file; /* the file belongs to the caller */
    char *log_path;
    char *qmp_path;
    char *qtest_path;
    Line qmp;
    Line qtest;
};

const char *
qemu_guest_command(const char *release)
{
    g_autofree char *name = g_strdup_printf("MIGTUNE_QEMU_%s", release);
    const char *command;

    g_strdelimit(name, ".", '_');
    command = g_getenv(name);
    return command && *command ? command : NULL;
}

static void
line_close(Line *line)
{
    g_clear_object(&line->input);
    g_clear_object(&line->connection);
}

static void
line_set_patience(Line *line, guint seconds)
{
    g_socket_set_timeout(g_socket_connection_get_socket(line->connection),
                         seconds);
}

/* Connects to the socket at @path as soon as it exists. */
static gboolean
line_connect(Line *line, const char *path, GError **error)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    gint64 end = g_get_monotonic_time() + START_SECONDS * G_USEC_PER_SEC;

    for (;;) {
        g_clear_error(error);
        line->connection = g_socket_client_connect(
            client, G_SOCKET_CONNECTABLE(address), NULL, error);
        if (line->connection || g_get_monotonic_time() > end)
            break;
        g_usleep(5000);
    }
    if (!line->connection)
        return FALSE;

    line_set_patience(line, START_SECONDS);
    line->input = g_data_input_stream_new(
        g_io_stream_get_input_stream(G_IO_STREAM(line->connection)));
    return TRUE;
}

static gboolean
line_send(Line *line, const char *text, GError **error)
{
    GOutputStream *output =
        g_io_stream_get_output_stream(G_IO_STREAM(line->connection));

    return g_output_stream_write_all(output, text, strlen(text), NULL, NULL,
                                     error);
}

static char *
line_receive(Line *line, GError **error)
{
    char *text = g_data_input_stream_read_line(line->input, NULL, NULL, error);

    if (!text && error && !*error)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_CLOSED, "QEMU has gone");
    return text;
}

static void
guest_child_setup(gpointer data)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static char **
guest_argv(const QemuGuest *guest, const QemuGuestSpec *spec, GError **error)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    const char *fixed[] = { "-accel", "tcg", "-display", "none", "-nodefaults",
                            "-S", "-qtest-log", "/dev/null" };

    if (!g_shell_parse_argv(spec->command, NULL, &words, error))
        return NULL;

    for (char **word = words; *word; word++)
        g_ptr_array_add(argv, g_strdup(*word));
    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, g_strdup(fixed[i]));

    g_ptr_array_add(argv, g_strdup("-machine"));
    g_ptr_array_add(argv, g_strdup_printf("%s,memory-backend=ram",
                                          spec->machine ? spec->machine
                                                        : "none"));
    g_ptr_array_add(argv, g_strdup("-object"));
    if (spec->private_ram)
        g_ptr_array_add(argv, g_strdup_printf(
            "memory-backend-ram,id=ram,size=%" G_GUINT64_FORMAT,
            spec->ram_bytes));
    else
        g_ptr_array_add(argv, g_strdup_printf(
            "memory-backend-file,id=ram,size=%" G_GUINT64_FORMAT
            ",mem-path=%s,share=on", spec->ram_bytes, guest->ram_path));
    g_ptr_array_add(argv, g_strdup("-qmp"));
    g_ptr_array_add(argv, g_strdup_printf("unix:%s,server=on,wait=off",
                                          guest->qmp_path));
    g_ptr_array_add(argv, g_strdup("-qtest"));
    g_ptr_array_add(argv, g_strdup_printf("unix:%s,server=on,wait=off",
                                          guest->qtest_path));
    if (spec->incoming) {
        g_ptr_array_add(argv, g_strdup("-incoming"));
        g_ptr_array_add(argv, g_strdup("defer"));
    }
    for (const char *const *arg = spec->more_args; arg && *arg; arg++)
        g_ptr_array_add(argv, g_strdup(*arg));

    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}

static gboolean
guest_greet(QemuGuest *guest, GError **error)
{
    g_autofree char *greeting = NULL;
    g_autoptr(JsonNode) answer = NULL;

    if (!line_connect(&guest->qmp, guest->qmp_path, error) ||
        !line_connect(&guest->qtest, guest->qtest_path, error))
        return FALSE;

    greeting = line_receive(&guest->qmp, error);
    if (!greeting)
        return FALSE;

    answer = qemu_guest_execute(guest, "qmp_capabilities", NULL, error);
    line_set_patience(&guest->qmp, ANSWER_SECONDS);
    line_set_patience(&guest->qtest, ANSWER_SECONDS);
    return answer != NULL;
}

static QemuGuest *
guest_try_start(const QemuGuestSpec *spec, GError **error)
{
    g_autoptr(QemuGuest) guest = g_new0(QemuGuest, 1);
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE);
    g_auto(GStrv) argv = NULL;
    const char *side = spec->incoming ? "dest" : "source";

    guest->ram_path = spec->ram_file
                          ? g_strdup(spec->ram_file)
                          : g_strdup_printf("%s/%s.ram", spec->dir, side);
    guest->keep_file = spec->ram_file != NULL;
    guest->has_file = !spec->private_ram;
    guest->log_path = g_strdup_printf("%s/%s.log", spec->dir, side);
    guest->qmp_path = g_strdup_printf("%s/%s.qmp", spec->dir, side);
    guest->qtest_path = g_strdup_printf("%s/%s.qtest", spec->dir, side);
    argv = guest_argv(guest, spec, error);
    if (!argv)
        return NULL;

    g_subprocess_launcher_set_stderr_file_path(launcher, guest->log_path);
    g_subprocess_launcher_set_child_setup(launcher, guest_child_setup, NULL,
                                          NULL);
    guest->process = g_subprocess_launcher_spawnv(
        launcher, (const char *const *)argv, error);
    if (!guest->process || !guest_greet(guest, error))
        return NULL;

    return g_steal_pointer(&guest);
}

QemuGuest *
qemu_guest_start(const QemuGuestSpec *spec, GError **error)
{
    for (guint i = 1;; i++) {
        g_autoptr(GError) problem = NULL;
        QemuGuest *guest = guest_try_start(spec, &problem);

        if (guest)
            return guest;
        if (i == START_TRIES ||
            !g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return NULL;
        }
    }
}

void
qemu_guest_free(QemuGuest *guest)
{
    const char *paths[4];

    if (!guest)
        return;

    line_close(&guest->qmp);
    line_close(&guest->qtest);
    if (guest->process) {
        g_subprocess_force_exit(guest->process);
        g_subprocess_wait(guest->process, NULL, NULL);
        g_object_unref(guest->process);
    }

    paths[0] = guest->log_path;
    paths[1] = guest->qmp_path;
    paths[2] = guest->qtest_path;
    paths[3] = guest->keep_file ? NULL : guest->ram_path;
    for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
        if (paths[i])
            g_unlink(paths[i]);
    }
    g_free(guest->ram_path);
    g_free(guest->log_path);
    g_free(guest->qmp_path);
    g_free(guest->qtest_path);
    g_free(guest);
}

const char *
qemu_guest_ram_path(const QemuGuest *guest)
{
    return guest->has_file ? guest->ram_path : NULL;
}

/* Parses the line @text: TRUE if it is an answer, with *@ret_node or @error. */
static gboolean
guest_parse_answer(const char *text, const char *command, JsonNode **ret_node,
                   GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new();
    JsonNode *root;
    JsonObject *object;

    if (!json_parser_load_from_data(parser, text, -1, error))
        return TRUE;

    root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root))
        return FALSE;

    object = json_node_get_object(root);
    if (json_object_has_member(object, "return")) {
        *ret_node = json_object_dup_member(object, "return");
        return TRUE;
    }
    if (json_object_has_member(object, "error")) {
        JsonObject *problem = json_object_get_object_member(object, "error");

        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", command,
                    json_object_get_string_member(problem, "desc"));
        return TRUE;
    }
    return FALSE; /* an event */
}

JsonNode *
qemu_guest_execute(QemuGuest *guest, const char *command,
                   const char *arguments, GError **error)
{
    g_autofree char *request = NULL;
    JsonNode *node = NULL;

    request = g_strdup_printf("{\"execute\": \"%s\"%s%s}\n", command,
                              arguments ? ", \"arguments\": " : "",
                              arguments ? arguments : "");
    g_strdelimit(request, "'", '"');
    if (!line_send(&guest->qmp, request, error))
        return NULL;

    for (;;) {
        g_autofree char *text = line_receive(&guest->qmp, error);

        if (!text || guest_parse_answer(text, command, &node, error))
            return node;
    }
}

gboolean
qemu_guest_run(QemuGuest *guest, GError **error, const char *command,
               const char *arguments_format, ...)
{
    g_autofree char *arguments = NULL;
    g_autoptr(JsonNode) node = NULL;
    va_list args;

    va_start(args, arguments_format);
    arguments = g_strdup_vprintf(arguments_format, args);
    va_end(args);
    node = qemu_guest_execute(guest, command, arguments, error);
    return node != NULL;
}

gboolean
qemu_guest_set_capability(QemuGuest *guest, const char *name, gboolean on,
                          GError **error)
{
    return qemu_guest_run(
        guest, error, "migrate-set-capabilities",
        "{'capabilities': [{'capability': '%s', 'state': %s}]}", name,
        on ? "true" : "false");
}

gboolean
qemu_guest_write(QemuGuest *guest, guint64 address, const guint8 *data,
                 gsize n, GError **error)
{
    g_autoptr(GString) request = g_string_new(NULL);
    g_autofree char *answer = NULL;

    g_string_printf(request, "write 0x%" G_GINT64_MODIFIER "x 0x%zx 0x",
                    address, n);
    for (gsize i = 0; i < n; i++)
        g_string_append_printf(request, "%02x", data[i]);
    g_string_append_c(request, '\n');
    if (!line_send(&guest->qtest, request->str, error))
        return FALSE;

    answer = line_receive(&guest->qtest, error);
    if (answer && !g_str_has_prefix(answer, "OK")) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "writing RAM: %s",
                    answer);
        return FALSE;
    }
    return answer != NULL;
}

gint64
qemu_guest_migration_number(QemuGuest *guest, const char *path)
{
    g_autoptr(JsonNode) node =
        qemu_guest_execute(guest, "query-migrate", NULL, NULL);
    g_auto(GStrv) names = g_strsplit(path, ".", -1);
    JsonObject *object = node ? json_node_get_object(node) : NULL;

    for (char **name = names; object && *name; name++) {
        if (!json_object_has_member(object, *name))
            return 0;
        if (!name[1])
            return json_object_get_int_member(object, *name);
        object = json_object_get_object_member(object, *name);
    }
    return 0;
}

const char *
qemu_guest_migration_status(QemuGuest *guest, GError **error)
{
    g_autoptr(JsonNode) info =
        qemu_guest_execute(guest, "query-migrate", NULL, error);
    JsonObject *object;

    if (!info)
        return NULL;

    object = json_node_get_object(info);
    return json_object_has_member(object, "status")
               ? g_intern_string(
                     json_object_get_string_member(object, "status"))
               : "none";
}

gboolean
qemu_guest_wait_status(QemuGuest *guest, const char *wanted, guint timeout_ms,
                       GError **error)
{
    gint64 end = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);
    const char *status = "none";

    while (g_get_monotonic_time() < end) {
        status = qemu_guest_migration_status(guest, error);
        if (!status)
            return FALSE;
        if (strcmp(status, wanted) == 0)
            return TRUE;
        if (strcmp(status, "completed") == 0 ||
            strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
            break;
        g_usleep(2000);
    }

    g_set_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                "QEMU's migration is \"%s\", not \"%s\"", status, wanted);
    return FALSE;
}

gboolean
qemu_guest_wait_migration(QemuGuest *guest, guint timeout_ms, GError **error)
{
    return qemu_guest_wait_status(guest, "completed", timeout_ms, error);
}

char *
qemu_guest_dup_log(const QemuGuest *guest)
{
    char *text = NULL;

    g_file_get_contents(guest->log_path, &text, NULL, NULL);
    return text ? text : g_strdup("");
}

double
qemu_guest_cpu_seconds(const QemuGuest *guest)
{
    const char *pid = g_subprocess_get_identifier(guest->process);
    g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid ? pid : "0");
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    const char *after_name;

    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        !(after_name = strrchr(text, ')')))
        return 0;

    /* The name in parentheses is field 2; user and system time are fields 14
     * and 15. */
    fields = g_strsplit(after_name + 2, " ", 15);
    if (g_strv_length(fields) < 15)
        return 0;
    return (g_ascii_strtod(fields[11], NULL) + g_ascii_strtod(fields[12], NULL)) /
           sysconf(_SC_CLK_TCK);
}
