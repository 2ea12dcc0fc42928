/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `migtune ref`: runs guests of the reference engine and provides the monitor
 * of each on a socket, for any QMP client.
 *
 * The options are translated to a URI of the driver `ref`, so that the command
 * and the URI always offer the same.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>
#include <glib/gstdio.h>

#include "cmd.h"

#define REF_TICK_MS 200

/* Options that describe one guest, and their names in the URI. */
static const struct {
    const char *option;
    const char *key;
} ref_one_options[] = {
    { "qemu", "release" },
    { "name", "name" },
    { "uuid", "uuid" },
    { "ram", "ram" },
    { "content", "content" },
    { "workload", "workload" },
};

static void
ref_add_query(GString *uri, const char *key, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);

    g_string_append_printf(uri, "%c%s=%s", strchr(uri->str, '?') ? '&' : '?',
                           key, escaped);
}

/* Returns whether an option that describes one guest was given. */
static gboolean
ref_is_one(const CmdLine *line)
{
    gboolean one = cmd_line_has(line, "incoming") ||
        cmd_line_has(line, "with");

    for (guint i = 0; i < G_N_ELEMENTS(ref_one_options); i++)
        one |= cmd_line_has(line, ref_one_options[i].option);

    return one;
}

static gboolean
ref_add_one(GString *uri, const CmdLine *line, GError **error)
{
    g_auto(GStrv) with = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(ref_one_options); i++) {
        const char *value = cmd_line_get(line, ref_one_options[i].option);

        if (value)
            ref_add_query(uri, ref_one_options[i].key, value);
    }
    if (cmd_line_has(line, "incoming"))
        ref_add_query(uri, "incoming", "yes");

    with = cmd_line_get_all(line, "with");
    for (char **word = with; *word; word++) {
        char *equals = strchr(*word, '=');

        if (!equals) {
            tool_usage_error(error, _("'%s' is not NAME=VALUE"), *word);
            return FALSE;
        }
        *equals = '\0';
        ref_add_query(uri, *word, equals + 1);
    }

    return TRUE;
}

/* Makes the URI for the driver from the options. */
static char *
ref_make_uri(const CmdLine *line, GError **error)
{
    const char *file = cmd_line_get(line, "file");
    g_autoptr(GString) uri = g_string_new("ref://");
    g_auto(GStrv) faults = cmd_line_get_all(line, "fault");

    if (file && ref_is_one(line)) {
        tool_usage_error(error, _("%s: FILE describes the guests; options "
                                  "that describe one guest cannot be "
                                  "combined with it"),
                         line->cmd->name);
        return NULL;
    }
    if (file) {
        g_autofree char *path = g_canonicalize_filename(file, NULL);
        g_autofree char *escaped = g_uri_escape_string(path, "/", FALSE);

        g_string_append(uri, escaped);
    } else if (ref_is_one(line)) {
        g_string_append(uri, "/one");
        if (!ref_add_one(uri, line, error))
            return NULL;
    } else {
        g_string_append(uri, "/default");
    }
    for (char **fault = faults; *fault; fault++)
        ref_add_query(uri, "fault", *fault);

    return g_string_free(g_steal_pointer(&uri), FALSE);
}

/* The running guests. */
typedef struct {
    MigtuneConn *conn;
    GPtrArray *domains;
    GPtrArray *addresses;
    GHashTable *ended;          /* domains whose end was reported */
    gboolean died;              /* a guest ended because its migration failed */
    char *directory;
    gboolean made_directory;    /* remove it at the end */
} RefHold;

static void
ref_hold_clear(RefHold *hold)
{
    /* Freeing a domain removes its socket. */
    g_ptr_array_unref(hold->domains);
    g_ptr_array_unref(hold->addresses);
    g_hash_table_unref(hold->ended);
    migtune_conn_unref(hold->conn);
    if (hold->made_directory)
        g_rmdir(hold->directory);
    g_free(hold->directory);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RefHold, ref_hold_clear)

/* Creates the directory for sockets without an explicit path. */
static gboolean
ref_hold_make_directory(RefHold *hold, const CmdLine *line, GError **error)
{
    const char *given = cmd_line_get(line, "socket-dir");
    g_autofree char *template = NULL;

    if (given) {
        hold->directory = g_canonicalize_filename(given, NULL);
        hold->made_directory = g_mkdir(hold->directory, 0700) == 0;
        if (!hold->made_directory && errno != EEXIST) {
            migtune_error_set(error, MIGTUNE_ERROR_IO,
                              _("cannot make the directory %s: %s"),
                              hold->directory, g_strerror(errno));
            return FALSE;
        }
        return TRUE;
    }

    template = g_build_filename(g_get_tmp_dir(), "migtune-ref-XXXXXX", NULL);
    hold->directory = g_strdup(g_mkdtemp(template));
    hold->made_directory = hold->directory != NULL;
    if (!hold->directory)
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot make the directory %s: %s"), template,
                          g_strerror(errno));

    return hold->directory != NULL;
}

/* Returns the address that --socket gives for the guest @name, or NULL. */
static char *
ref_find_socket(char **sockets, const char *name)
{
    gsize length = strlen(name);

    for (char **word = sockets; *word; word++) {
        const char *address = *word + length + 1;
        g_autofree char *path = NULL;

        if (strncmp(*word, name, length) != 0 || (*word)[length] != '=')
            continue;
        if (g_str_has_prefix(address, "tcp:"))
            return g_strdup(address);
        if (g_str_has_prefix(address, "unix:"))
            address += strlen("unix:");
        path = g_canonicalize_filename(address, NULL);
        return g_strconcat("unix:", path, NULL);
    }

    return NULL;
}

/* Fails if a --socket does not name a guest. */
static gboolean
ref_check_sockets(char **sockets, char **keys, GError **error)
{
    for (char **word = sockets; *word; word++) {
        gboolean found = FALSE;

        for (char **key = keys; !found && *key; key++)
            found = g_str_has_prefix(*word, *key) &&
                (*word)[strlen(*key)] == '=';
        if (!found) {
            tool_usage_error(error, _("'%s' is not NAME=PATH, where NAME is "
                                      "the name of a guest"), *word);
            return FALSE;
        }
    }

    return TRUE;
}

static gboolean
ref_hold_serve(RefHold *hold, const CmdLine *line, char **sockets,
               const char *key, GError **error)
{
    MigtuneDomain *domain =
        migtune_conn_open_domain(hold->conn, key, NULL, error);
    g_autofree char *address = ref_find_socket(sockets, key);
    char *served;

    if (!domain)
        return FALSE;
    g_ptr_array_add(hold->domains, domain);
    if (!address) {
        if (!hold->directory && !ref_hold_make_directory(hold, line, error))
            return FALSE;
        address = g_strdup_printf("unix:%s/%s.sock", hold->directory, key);
    }
    served = migtune_domain_serve(domain, address, error);
    if (!served)
        return FALSE;
    g_ptr_array_add(hold->addresses, served);

    return TRUE;
}

static gboolean
ref_hold_open(RefHold *hold, Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(GStrv) sockets = cmd_line_get_all(line, "socket");
    g_autofree char *uri = ref_make_uri(line, error);
    g_auto(GStrv) keys = NULL;

    if (!uri)
        return FALSE;
    hold->conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, tool->timeout_ms,
                                   tool->cancellable, error);
    if (!hold->conn)
        return FALSE;
    keys = migtune_conn_list(hold->conn, tool->cancellable, error);
    if (!keys || !ref_check_sockets(sockets, keys, error))
        return FALSE;
    for (char **key = keys; *key; key++) {
        if (!ref_hold_serve(hold, line, sockets, *key, error))
            return FALSE;
    }

    return TRUE;
}

static void
ref_hold_print_json(const RefHold *hold)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    g_autofree char *text = NULL;
    JsonObject *object = json_object_new();
    JsonArray *guests = json_array_new();

    for (guint i = 0; i < hold->domains->len; i++) {
        MigtuneDomain *domain = g_ptr_array_index(hold->domains, i);
        JsonObject *guest = json_object_new();

        json_object_set_string_member(guest, "domain",
                                      migtune_domain_get_name(domain));
        json_object_set_string_member(guest, "qemu",
                                      migtune_domain_get_qemu(domain));
        json_object_set_string_member(
            guest, "address", g_ptr_array_index(hold->addresses, i));
        json_array_add_object_element(guests, guest);
    }
    json_object_set_array_member(object, "guests", guests);
    json_object_set_boolean_member(object, "ready", TRUE);
    json_node_take_object(node, object);
    /* Print one line, so that a reader knows where the document ends. */
    text = json_to_string(node, FALSE);
    out_line("%s", text);
}

static void
ref_hold_print(const RefHold *hold, Tool *tool)
{
    const char *titles[] = { _("Domain"), _("QEMU"), _("Monitor"), NULL };
    g_autoptr(OutTable) table = NULL;

    if (tool->json) {
        ref_hold_print_json(hold);
        return;
    }

    table = out_table_new(titles);
    for (guint i = 0; i < hold->domains->len; i++) {
        MigtuneDomain *domain = g_ptr_array_index(hold->domains, i);

        out_table_cell(table, OUT_PLAIN, migtune_domain_get_name(domain));
        out_table_cell(table, OUT_PLAIN, migtune_domain_get_qemu(domain));
        out_table_cell(table, OUT_PLAIN,
                       g_ptr_array_index(hold->addresses, i));
    }
    out_table_print(table, !tool->quiet, tool->colour);
    /* Programs wait for this word, so it is not translated. */
    out_text("ready\n");
}

/* Reports each ended guest once. Returns whether any guest is left. */
static gboolean
ref_hold_check_alive(RefHold *hold)
{
    gboolean alive = FALSE;

    for (guint i = 0; i < hold->domains->len; i++) {
        MigtuneDomain *domain = g_ptr_array_index(hold->domains, i);
        g_autoptr(GError) error = NULL;

        if (g_hash_table_contains(hold->ended, domain))
            continue;
        if (migtune_domain_check_alive(domain, &error)) {
            alive = TRUE;
            continue;
        }
        g_hash_table_add(hold->ended, domain);
        hold->died |= g_error_matches(error, MIGTUNE_ERROR,
                                      MIGTUNE_ERROR_QEMU);
        out_error("%s", error->message);
    }

    return alive;
}

static int
ref_ref(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(RefHold) hold = {
        .domains = g_ptr_array_new_with_free_func(
            (GDestroyNotify)migtune_domain_unref),
        .addresses = g_ptr_array_new_with_free_func(g_free),
        .ended = g_hash_table_new(NULL, NULL),
    };
    gboolean alive = TRUE;
    GPollFD signalled;

    if (!ref_hold_open(&hold, tool, line, error))
        return TOOL_FAILED;

    ref_hold_print(&hold, tool);
    fflush(stdout);
    if (!g_cancellable_make_pollfd(tool->cancellable, &signalled)) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "%s",
                          _("too many open files"));
        return TOOL_FAILED;
    }
    while (!g_cancellable_is_cancelled(tool->cancellable) &&
           (alive = ref_hold_check_alive(&hold)))
        g_poll(&signalled, 1, REF_TICK_MS);
    g_cancellable_release_fd(tool->cancellable);

    return !alive && hold.died ? TOOL_FAILED : TOOL_DONE;
}

static const CmdOption ref_ref_options[] = {
    { "file", 0, CMD_OPT_DATA, .metavar = "FILE",
      .help = N_("an XML file that describes guests, see migtune-ref(5); the "
                 "default is the guests of ref:///default") },
    { "socket-dir", 0, CMD_OPT_TEXT, .metavar = "DIR",
      .help = N_("the directory of the sockets, each of which has the name "
                 "of its guest; the default is a new directory that is "
                 "removed at the end") },
    { "socket", 0, CMD_OPT_TEXT, .many = TRUE, .metavar = "NAME=PATH",
      .help = N_("the socket of one guest; it can also be "
                 "tcp:127.0.0.1:PORT, where port 0 selects a free port") },
    { "fault", 0, CMD_OPT_TEXT, .many = TRUE, .metavar = "[NAME/]FAULT",
      .help = N_("a fault of every guest or of one guest, such as "
                 "drop:at=1MiB or web1/refuse:at=3; see migtune-ref(5)") },
    { "qemu", 0, CMD_OPT_TEXT, .word = CMD_WORD_RELEASE,
      .metavar = "RELEASE",
      .help = N_("run one guest that behaves like this QEMU release, without "
                 "a file") },
    { "name", 0, CMD_OPT_TEXT, .metavar = "NAME",
      .help = N_("the name of the guest") },
    { "uuid", 0, CMD_OPT_TEXT, .metavar = "UUID",
      .help = N_("the UUID of the guest") },
    { "ram", 0, CMD_OPT_TEXT, .metavar = "SIZE",
      .help = N_("the size of its RAM") },
    { "content", 0, CMD_OPT_TEXT, .metavar = "KIND",
      .help = N_("the initial content of its RAM") },
    { "workload", 0, CMD_OPT_TEXT, .metavar = "KIND",
      .help = N_("the program that writes to its RAM") },
    { "incoming", 0, CMD_OPT_FLAG,
      .help = N_("the guest waits for a migration") },
    { "with", 0, CMD_OPT_TEXT, .many = TRUE, .metavar = "NAME=VALUE",
      .help = N_("any other property of a guest in migtune-ref(5)") },
    { NULL }
};

const Cmd cmd_ref_commands[] = {
    { "ref", 0, ref_ref_options, ref_ref,
      N_("run guests of the reference engine"),
      N_("Runs guests of the reference engine, each of which behaves like "
         "the QEMU release that is configured for it, and provides the "
         "monitor of each guest on a socket that only its owner can open. "
         "Prints the addresses of the sockets and then the word 'ready'. "
         "Ends on SIGINT or SIGTERM, or when the last guest has ended, and "
         "removes its sockets. When a guest ends, the reason is printed to "
         "standard error. The exit status is 1 if no guest is left and at "
         "least one of them ended because its migration failed.") },
    { NULL }
};
