/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The `migtune` command: parses the global options, then runs the given
 * commands or the interactive shell.
 */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>
#include <migtune/migtune.h>

#include "cmd.h"
#include "tool.h"

/* The version of schema/migtune-json-1.schema.json. */
#define MAIN_JSON_VERSION 1

/* The time in which a thread ends whose call has returned. */
#define MAIN_IDLE_MS 50

static void
main_init_locale(void)
{
    const char *dir = g_getenv("MIGTUNE_LOCALE_DIR");

    setlocale(LC_ALL, "");
    /* Numbers have the same format in every locale. */
    setlocale(LC_NUMERIC, "C");
    if (!ENABLE_NLS)
        return;

    bindtextdomain(GETTEXT_PACKAGE, dir && *dir ? dir : LOCALE_DIR);
    /* out.c converts to the character set of the locale. */
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
}

static int
main_compare_drivers(gconstpointer a, gconstpointer b)
{
    JsonObject *const *first = a;
    JsonObject *const *second = b;

    return g_strcmp0(out_get_string(*first, "name"),
                     out_get_string(*second, "name"));
}

/* Prints the drivers in the order of their names. */
static void
main_print_drivers(JsonArray *array)
{
    g_autoptr(GPtrArray) drivers = g_ptr_array_new();

    for (guint i = 0; i < json_array_get_length(array); i++)
        g_ptr_array_add(drivers, json_array_get_object_element(array, i));
    g_ptr_array_sort(drivers, main_compare_drivers);

    for (guint i = 0; i < drivers->len; i++) {
        JsonObject *driver = drivers->pdata[i];
        g_autofree char *schemes =
            out_join(out_get_array(driver, "schemes"), ", ");
        const char *failure = out_get_string(driver, "error");

        if (failure)
            out_line(_("Driver %s: %s"), out_get_string(driver, "name"),
                     failure);
        else
            out_line(_("Driver %s: URIs that begin with %s"),
                     out_get_string(driver, "name"), schemes);
    }
}

static void
main_print_version(gboolean json)
{
    g_autoptr(JsonNode) drivers = migtune_get_drivers();
    g_autoptr(GString) features = g_string_new(NULL);
    g_autoptr(GString) missing = g_string_new(NULL);
    JsonArray *array = json_node_get_array(drivers);
    g_autofree char *glib = g_strdup_printf("%u.%u.%u", glib_major_version,
                                            glib_minor_version,
                                            glib_micro_version);
    static const struct {
        const char *name;
        gboolean built;
    } options[] = {
        { "readline", HAVE_READLINE },
        { "nls", ENABLE_NLS },
    };

    if (json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "version", PACKAGE_VERSION);
        json_object_set_int_member(object, "json", MAIN_JSON_VERSION);
        json_object_set_string_member(object, "library",
                                      migtune_get_version());
        json_object_set_string_member(object, "glib", glib);
        json_object_set_boolean_member(object, "readline", HAVE_READLINE);
        json_object_set_boolean_member(object, "nls", ENABLE_NLS);
        json_object_set_member(object, "drivers", json_node_copy(drivers));
        json_node_take_object(node, object);
        out_json(node);
        return;
    }

    out_line(_("migtune %s, library %s, GLib %s"), PACKAGE_VERSION,
             migtune_get_version(), glib);
    for (guint i = 0; i < G_N_ELEMENTS(options); i++)
        g_string_append_printf(options[i].built ? features : missing, " %s",
                               options[i].name);
    out_line(_("Built in:%s"), features->len ? features->str : " -");
    if (missing->len)
        out_line(_("Not built in:%s"), missing->str);

    main_print_drivers(array);
}

/* Applies the global options. */
static gboolean
main_take_globals(Tool *tool, GHashTable *values, GError **error)
{
    const char *timeout = g_hash_table_lookup(values, "answer-timeout");
    const char *debug = g_getenv("MIGTUNE_DEBUG");

    if (g_hash_table_contains(values, "connect"))
        tool_set_uri(tool, g_hash_table_lookup(values, "connect"));

    if (!timeout)
        timeout = g_hash_table_lookup(values, "timeout");
    if (timeout) {
        char *end;
        double seconds;

        errno = 0;
        seconds = g_ascii_strtod(timeout, &end);
        if (errno || end == timeout || *end || !(seconds >= 0.001) ||
            !(seconds <= 86400)) {
            tool_usage_error(error, _("--answer-timeout must be a number of "
                                      "seconds from 0.001 to 86400, not "
                                      "'%s'"),
                             timeout);
            return FALSE;
        }
        tool->timeout_ms = (guint)(seconds * 1000 + 0.5);
    }

    tool->no_monitor = g_hash_table_contains(values, "no-monitor");
    tool->read_only = g_hash_table_contains(values, "readonly");
    tool->no_cache = g_hash_table_contains(values, "no-cache");
    tool->quiet = g_hash_table_contains(values, "quiet");
    tool->json_always = g_hash_table_contains(values, "json");
    tool_set_json(tool, tool->json_always);
    if (g_hash_table_contains(values, "no-colour") ||
        g_hash_table_contains(values, "no-color"))
        tool->colour = FALSE;
    if (g_hash_table_contains(values, "debug") ||
        g_hash_table_contains(values, "log") ||
        (debug && *debug && strcmp(debug, "0") != 0))
        return tool_set_debug(tool, g_hash_table_lookup(values, "log"),
                              error);

    return TRUE;
}

static int
main_run(Tool *tool, char **words, guint n_words)
{
    g_autoptr(GHashTable) values = NULL;
    g_autoptr(GError) error = NULL;
    guint n_used = 0;

    tool_set_json(tool, tool_has_json(words, n_words));
    values = cmd_parse_globals(cmd_global_options, words, &n_used, &error);
    if (!values || !main_take_globals(tool, values, &error)) {
        return tool_fail(tool, error);
    }

    if (g_hash_table_contains(values, "help")) {
        cmd_help_usage();
        return TOOL_DONE;
    }
    if (g_hash_table_contains(values, "version")) {
        main_print_version(tool->json);
        return TOOL_DONE;
    }
    if (g_hash_table_contains(values, "short-version")) {
        out_line("%s", PACKAGE_VERSION);
        return TOOL_DONE;
    }

    if (n_used == n_words)
        return tool_shell(tool);

    return tool_run_words(tool, words + n_used, n_words - n_used);
}

int
main(int argc, char **argv)
{
    Tool tool;
    int status;

    main_init_locale();
    tool_init(&tool);
    status = main_run(&tool, argv + 1, argc > 0 ? argc - 1 : 0);
    tool_clear(&tool);

    /* Report output that could not be written, for example to a full disk. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE) {
        out_error(_("cannot write the output: %s"),
                  g_strerror(errno));
        if (status == TOOL_DONE)
            status = TOOL_FAILED;
    }
    /* libvirt may still run in a thread whose call has exceeded its time limit;
     * the destructors of the libraries would take away what it uses. */
    if (!migtune_wait_idle(MAIN_IDLE_MS)) {
        fflush(stderr);
        _exit(status);
    }

    return status;
}
