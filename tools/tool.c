/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * State and functions shared by all commands; see tool.h.
 *
 * The connection is opened by the first command that needs it, so that
 * commands without a guest, such as "params", start immediately.
 */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>

#include "ask.h"
#include "cmd.h"
#include "tool.h"

/* Interval of --watch. */
#define TOOL_WATCH_MS 1000

void
tool_init(Tool *tool)
{
    memset(tool, 0, sizeof(*tool));
    tool->cancellable = g_cancellable_new();
    tool->signals = tool_signals_new(tool->cancellable);
    tool->colour = out_wants_colour();
    tool->messages_locale = g_strdup(setlocale(LC_MESSAGES, NULL));
}

void
tool_clear(Tool *tool)
{
    g_clear_pointer(&tool->conn, migtune_conn_unref);
    g_clear_object(&tool->cancellable);
    g_clear_pointer(&tool->uri, g_free);
    g_clear_pointer(&tool->messages_locale, g_free);
    /* Threads of the library may still log. */
    tool->debug = FALSE;
    g_clear_pointer(&tool->log, fclose);
}

void
tool_set_json(Tool *tool, gboolean json)
{
    if (tool->json == json)
        return;

    tool->json = json;
    setlocale(LC_MESSAGES, json ? "C" : tool->messages_locale);
}

void
tool_set_uri(Tool *tool, const char *uri)
{
    g_clear_pointer(&tool->conn, migtune_conn_unref);
    if (uri) {
        g_free(tool->uri);
        tool->uri = g_strdup(uri);
    }
}

void
tool_usage_error(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT, "%s", text);
}

/* Prints a debug message of the library. */
static void
tool_log(const char *domain, GLogLevelFlags level, const char *message,
         gpointer data)
{
    Tool *tool = data;
    g_autoptr(GDateTime) now = NULL;
    g_autofree char *time = NULL;
    g_autofree char *text = NULL;

    if (!(level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO))) {
        g_log_default_handler(domain, level, message, NULL);
        return;
    }
    if (!tool->debug || !domain || !g_str_has_prefix(domain, "migtune"))
        return;

    now = g_date_time_new_now_local();
    time = g_date_time_format(now, "%H:%M:%S.%f");
    text = out_escape(message);
    fprintf(tool->log ? tool->log : stderr, "%s %s: %s\n", time, domain,
            text);
    fflush(tool->log ? tool->log : stderr);
}

gboolean
tool_set_debug(Tool *tool, const char *path, GError **error)
{
    if (path) {
        tool->log = fopen(path, "ae");
        if (!tool->log) {
            int code = errno;

            migtune_error_set(error, MIGTUNE_ERROR_IO,
                              _("cannot open the log file %s: %s"), path,
                              g_strerror(code));
            return FALSE;
        }
    }

    tool->debug = TRUE;
    g_log_set_default_handler(tool_log, tool);
    return TRUE;
}

/* Returns the member "uri" of the configuration file, or NULL. */
static char *
tool_get_configured_uri(void)
{
    g_autofree char *path = g_build_filename(
        g_get_user_config_dir(), "migtune", "migtune.conf", NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    char *uri = NULL;

    if (g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error))
        uri = g_key_file_get_string(file, "migtune", "uri", &error);
    if (error && !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_autofree char *why = out_foreign_text(error);

        out_error(_("warning: %s: %s"), path, why);
    }

    return uri;
}

/* Returns the usable driver for libvirt, which belongs to @drivers, or NULL. */
static JsonObject *
tool_find_libvirt(JsonNode *drivers)
{
    JsonArray *array = json_node_get_array(drivers);

    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *driver = json_array_get_object_element(array, i);

        if (g_strcmp0(out_get_string(driver, "name"), "libvirt") == 0 &&
            !out_get_string(driver, "error"))
            return driver;
    }

    return NULL;
}

/* Returns libvirt's default if the driver for libvirt is installed. */
static const char *
tool_get_libvirt_uri(void)
{
    g_autoptr(JsonNode) drivers = migtune_get_drivers();

    if (!tool_find_libvirt(drivers))
        return NULL;

    return geteuid() == 0 ? "qemu:///system" : "qemu:///session";
}

gboolean
tool_is_libvirt(Tool *tool)
{
    const char *uri = migtune_conn_get_uri(tool->conn);
    gsize length = strcspn(uri, ":+");
    g_autoptr(JsonNode) drivers = migtune_get_drivers();
    JsonObject *libvirt = tool_find_libvirt(drivers);
    JsonArray *schemes = libvirt ? out_get_array(libvirt, "schemes") : NULL;

    for (guint i = 0; schemes && i < json_array_get_length(schemes); i++) {
        /* "qemu+*" includes "qemu" itself. */
        const char *scheme = json_array_get_string_element(schemes, i);

        if (strcspn(scheme, "+") == length &&
            g_ascii_strncasecmp(scheme, uri, length) == 0)
            return TRUE;
    }

    return FALSE;
}

/* The first of these that is set. */
static char *
tool_find_default_uri(void)
{
    static const char *const variables[] = {
        "MIGTUNE_DEFAULT_URI", "LIBVIRT_DEFAULT_URI"
    };
    char *uri;

    for (guint i = 0; i < G_N_ELEMENTS(variables); i++) {
        const char *value = g_getenv(variables[i]);

        if (value && *value)
            return g_strdup(value);
    }

    uri = tool_get_configured_uri();
    return uri ? uri : g_strdup(tool_get_libvirt_uri());
}

MigtuneConn *
tool_open_uri(Tool *tool, const char *uri, GError **error)
{
    return migtune_conn_open_auth(
        uri,
        MIGTUNE_CONN_MANAGE_LIBVIRT |
            (tool->no_cache ? MIGTUNE_CONN_NO_CACHE : 0) |
            (tool->no_monitor ? MIGTUNE_CONN_NO_MONITOR : 0) |
            (tool->read_only ? MIGTUNE_CONN_READ_ONLY : 0),
        tool->timeout_ms, ask_credential, NULL, tool->cancellable, error);
}

const char *
tool_get_uri(Tool *tool, GError **error)
{
    if (!tool->uri || !*tool->uri) {
        g_free(tool->uri);
        tool->uri = tool_find_default_uri();
    }
    if (!tool->uri) {
        if (tool->one_shot)
            tool_usage_error(error, _("no connection URI given; use -c URI, "
                                      "for example -c qmp:///run/guests/, or "
                                      "set MIGTUNE_DEFAULT_URI"));
        else
            tool_usage_error(error, _("no connection URI given; use 'connect "
                                      "URI', for example 'connect "
                                      "qmp:///run/guests/'"));
        return NULL;
    }

    return tool->uri;
}

MigtuneConn *
tool_connect(Tool *tool, GError **error)
{
    if (tool->conn)
        return tool->conn;
    if (!tool_get_uri(tool, error))
        return NULL;

    tool->conn = tool_open_uri(tool, tool->uri, error);
    return tool->conn;
}

gboolean
tool_reconnect(Tool *tool, const char *uri, GError **error)
{
    MigtuneConn *conn;

    if (!uri && !tool->uri)
        return tool_connect(tool, error) != NULL;

    conn = tool_open_uri(tool, uri ? uri : tool->uri, error);
    if (!conn)
        return FALSE;

    tool_set_uri(tool, uri);
    tool->conn = conn;
    return TRUE;
}

/* Adds the guest with the most similar key to the message of @error. */
static void
tool_suggest_domain(MigtuneConn *conn, const char *name, GError *error)
{
    g_auto(GStrv) keys = migtune_conn_list(conn, NULL, NULL);
    const char *nearest;

    for (guint i = 0; keys && keys[i]; i++) {
        char *base = g_path_get_basename(keys[i]);

        if (g_str_has_suffix(base, ".sock"))
            base[strlen(base) - strlen(".sock")] = '\0';
        g_free(keys[i]);
        keys[i] = base;
    }
    nearest = keys ? migtune_suggest(name, (const char *const *)keys) : NULL;
    if (nearest) {
        g_autofree char *hint = g_strdup_printf(_("; did you mean '%s'?"),
                                                nearest);
        char *message = g_strconcat(error->message, hint, NULL);

        g_free(error->message);
        error->message = message;
    }
}

MigtuneDomain *
tool_open_domain(Tool *tool, const char *name, GError **error)
{
    MigtuneConn *conn = tool_connect(tool, error);
    g_autoptr(GError) cause = NULL;
    MigtuneDomain *domain;

    if (!conn)
        return NULL;

    domain = migtune_conn_lookup(conn, name, tool->cancellable, &cause);
    if (domain)
        return domain;
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_NOT_FOUND))
        tool_suggest_domain(conn, name, cause);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

void
tool_print_json(const CmdLine *line, JsonNode *node)
{
    if (cmd_line_has(line, "watch"))
        out_json_line(node);
    else
        out_json(node);
}

int
tool_watch(Tool *tool, const CmdLine *line, CmdRun run, GError **error)
{
    gboolean clear = !tool->json && out_get_columns(STDOUT_FILENO) > 0;

    tool->watched_all = FALSE;
    while (!g_cancellable_is_cancelled(tool->cancellable)) {
        g_autoptr(GError) cause = NULL;
        int status;
        GPollFD fd;

        if (clear)
            out_text("\033[H\033[J");
        status = run(tool, line, &cause);
        fflush(stdout);
        if (g_cancellable_is_cancelled(tool->cancellable))
            break;
        if (status != TOOL_DONE || cause) {
            if (cause)
                g_propagate_error(error, g_steal_pointer(&cause));
            return status;
        }
        if (tool->watched_all)
            break;
        if (!g_cancellable_make_pollfd(tool->cancellable, &fd))
            return TOOL_FAILED;
        g_poll(&fd, 1, TOOL_WATCH_MS);
        g_cancellable_release_fd(tool->cancellable);
    }

    return TOOL_DONE;
}

int
tool_get_status(const GError *error)
{
    if (error->domain != MIGTUNE_ERROR)
        return TOOL_FAILED;

    switch (error->code) {
    case MIGTUNE_ERROR_INVALID_ARGUMENT:
        return TOOL_USAGE;
    case MIGTUNE_ERROR_STATE_UNKNOWN:
        return TOOL_UNKNOWN;
    case MIGTUNE_ERROR_BUSY:
        return TOOL_BUSY;
    default:
        return TOOL_FAILED;
    }
}

int
tool_fail(Tool *tool, const GError *error)
{
    const char *parameter =
        migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_PARAMETER);
    const char *nearest = NULL;

    if (tool->json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
        JsonObject *object = json_object_new();

        json_object_set_member(object, "error", out_error_to_json(error));
        json_node_take_object(node, object);
        out_json(node);
    } else {
        if (parameter && g_error_matches(error, MIGTUNE_ERROR,
                                         MIGTUNE_ERROR_UNKNOWN_PARAMETER))
            nearest = migtune_param_suggest(parameter);
        out_error("%s", error->message);
        if (nearest && !strstr(error->message, nearest))
            out_error(_("did you mean '%s'?"), nearest);
    }

    return tool_get_status(error);
}

/* Ends the current word, if there is one. */
static void
tool_split_end_word(GPtrArray *words, GString *word, gboolean *started)
{
    if (!*started)
        return;

    g_ptr_array_add(words, g_strdup(word->str));
    g_string_truncate(word, 0);
    *started = FALSE;
}

GPtrArray *
tool_split(const char *text, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) word = g_string_new(NULL);
    gboolean started = FALSE;
    char quote = 0;

    for (const char *p = text; *p; p++) {
        if (quote && *p == quote) {
            quote = 0;
        } else if (quote == '\'') {
            g_string_append_c(word, *p);
        } else if (*p == '\\') {
            if (!p[1]) {
                tool_usage_error(error, _("unexpected backslash at the end"));
                return NULL;
            }
            started = TRUE;
            g_string_append_c(word, *++p);
        } else if (quote) {
            g_string_append_c(word, *p);
        } else if (*p == '\'' || *p == '"') {
            quote = *p;
            started = TRUE;
        } else if (*p == ';' || *p == '\n') {
            tool_split_end_word(words, word, &started);
            g_ptr_array_add(words, NULL);
        } else if (g_ascii_isspace(*p)) {
            tool_split_end_word(words, word, &started);
        } else if (*p == '#' && !started) {
            while (p[1] && p[1] != '\n')
                p++;
        } else {
            started = TRUE;
            g_string_append_c(word, *p);
        }
    }

    if (quote) {
        tool_usage_error(error, _("missing closing quotation mark %c"), quote);
        return NULL;
    }

    tool_split_end_word(words, word, &started);
    return g_steal_pointer(&words);
}

/* Returns whether the next command of a sequence runs after @status. */
static gboolean
tool_continues_after(int status)
{
    return status == TOOL_DONE || status == TOOL_INEXACT;
}

/* Runs one parsed command. @last: no other command follows in this process. */
static int
tool_run_line(Tool *tool, const CmdLine *line, gboolean last)
{
    g_autoptr(GError) error = NULL;
    int status;

    if (cmd_line_has(line, "help")) {
        cmd_help_command(line->cmd);
        return TOOL_DONE;
    }

    tool_set_json(tool, tool->json_always || cmd_line_has(line, "json"));
    tool_signals_begin(tool->signals);
    status = line->cmd->run(tool, line, &error);
    if (error) {
        int meant = tool_fail(tool, error);

        status = MAX(status, meant);
        /* The status is an answer, and not that a guest was busy. */
        if (cmd_line_has(line, "can") && status != TOOL_USAGE)
            status = TOOL_UNKNOWN;
    }
    tool_signals_end(tool->signals,
                     last || (tool->one_shot && !tool_continues_after(status)));
    fflush(stdout);

    return status;
}

gboolean
tool_has_json(char **words, guint n_words)
{
    for (guint i = 0; i < n_words; i++)
        if (strcmp(words[i], "--json") == 0)
            return TRUE;

    return FALSE;
}

/* Parses and runs @words, in which NULL separates commands. */
static int
tool_run(Tool *tool, char **words, guint n_words)
{
    g_autoptr(GPtrArray) lines =
        g_ptr_array_new_with_free_func((GDestroyNotify)cmd_line_free);
    int result = TOOL_DONE;

    for (guint start = 0, i = 0; i <= n_words; i++) {
        g_autoptr(GError) error = NULL;
        CmdLine *line;

        if (i < n_words && words[i])
            continue;
        if (i == start) {
            start = i + 1;
            continue;
        }

        /* An error in the command line is reported as JSON as well. */
        tool_set_json(tool, tool->json_always ||
                                tool_has_json(words + start, i - start));
        line = cmd_line_parse(words + start, i - start, &error);
        if (!line)
            return tool_fail(tool, error);
        g_ptr_array_add(lines, line);
        start = i + 1;
    }

    for (guint i = 0; i < lines->len && !tool->quit; i++) {
        gboolean last = tool->one_shot && i + 1 == lines->len;
        int status = tool_run_line(tool, lines->pdata[i], last);

        if (status != TOOL_DONE)
            result = status;
        if (!tool_continues_after(status))
            break;
    }

    return result;
}

int
tool_run_text(Tool *tool, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) words = tool_split(text, &error);

    if (!words) {
        tool_set_json(tool, tool->json_always);
        return tool_fail(tool, error);
    }

    return tool_run(tool, (char **)words->pdata, words->len);
}

int
tool_run_words(Tool *tool, char **words, guint n_words)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    const Cmd *cmd = cmd_find(words[0]);

    tool->one_shot = TRUE;
    if (n_words == 1)
        return tool_run_text(tool, words[0]);

    for (guint i = 0; i < n_words; i++) {
        gboolean separator = strcmp(words[i], ";") == 0 &&
                             !(cmd && (cmd->flags & CMD_RAW));

        g_ptr_array_add(list, separator ? NULL : words[i]);
    }

    return tool_run(tool, (char **)list->pdata, list->len);
}
