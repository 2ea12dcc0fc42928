/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON schema that is installed describes the output of the commands.
 */
#include "config.h"

#include <string.h>

#include "json-schema.h"
#include "scratch.h"

/* The name of the command is the first word without a dash. */
static char *
schema_command_of(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    for (guint i = 0; words[i]; i++)
        if (strcmp(words[i], "-V") == 0)
            return g_strdup("--version");
        else if (words[i][0] != '-')
            return g_strdup(words[i]);

    g_assert_not_reached();
}

static const char *const qmp_lines[] = {
    "list", "list --name", "list --keys", "dominfo web1", "dominfo nobody",
    "domstate web1", "probe web1", "params", "params downtime",
    "params --qemu 7.2", "params bandwith", "uri", "help", "help list",
    "help nothing", "-V", "quit", "exit", "pwd", "cd",
    "cd /nowhere", "migrate-getparameters web1",
    "migrate-getparameters --all downtime nothing",
    "migrate-getparameters web1 nothing",
    "migrate-getparameters web1 --config", "migrate-capabilities web1",
    "migrate-capabilities web1 events=on",
    "migrate-setparameters web1 compression=mt --level 3",
    "migrate-setparameters web1 downtime=abc nothing=3",
    "migrate-setparameters web1 xbzrle=on --config",
    "migrate-setparameters web1 compression=zstd --dry-run",
    "migrate-setparameters --all downtime=200",
    "migrate-getparameters web1 --live --config", "apply-config web1",
    "apply-config --all", "reset web1 --defaults", "reset web1 --config",
    "reset --all --defaults --dry-run", "reset web1 nothing",
    "migrate-setspeed web1 5", "migrate-getspeed web1",
    "migrate-setmaxdowntime web1 200", "migrate-getmaxdowntime web1",
    "migrate-compcache web1 --size 67108864", "domjobinfo web1",
    "domjobabort web1", "explain web1 downtime=3",
    "explain --qemu 9.1 compression=mt",
    "explain --qemu 9.1 compression=mt --policy strict",
    "explain --qemu 10.0 auto_converge=on compression=zstd --for-libvirt "
    "--libvirt 11.3",
    "explain --qemu 9.1 compression=mt --for-libvirt --libvirt 9.0",
    "explain --qemu 9.1 downtime=3 --for-libvirt --libvirt nine",
};

static const char *const ref_lines[] = {
    "list", "dominfo db1-dest", "probe old1", "domjobinfo web1",
    "migrate-incoming web1-dest unix:incoming", "connect ref:///default",
    "connect nowhere:///", "reset --all --defaults",
    "migrate-getparameters --all", "migrate-setparameters old1 downtime=300",
    "migrate-setparameters web1 compression=zstd",
};

/* Commands that need files, or that run a migration.  The JSON is the standard
 * output of @line. */
#define SMALL "migtune --json -c ref://$PWD/small.xml "
#define PAIR "U=ref://$PWD/small.xml; migtune --json -c $U "
#define CONVERGE "$MIGTUNE_TEST_DATA/converge/"
#define STREAM "$MIGTUNE_TEST_DATA/streams/plain-7.2.mig"
#define OTHER "$MIGTUNE_TEST_DATA/streams/plain-10.0.mig"

static const struct {
    const char *command;
    const char *line;
} file_lines[] = {
    { "migrate", SMALL "migrate x unix:link --incoming-domain y" },
    { "migrate", SMALL "migrate x unix:link --incoming-domain y --dry-run" },
    { "migrate", SMALL "migrate x unix:nobody" },
    { "migrate", SMALL "migrate x unix:link --incoming-domain y --converge "
                       "nova" },
    { "migrate", SMALL "migrate x unix:link --incoming-domain y --verbose "
                   "2>&1 >/dev/null | head -n 1" },
    { "migrate", PAIR "migrate x $U --dest-domain y parallel=on" },
    { "migrate", PAIR "migrate x $U --dest-domain y parallel=on --dry-run" },
    { "migrate", PAIR "migrate x $U --dest-domain x" },
    { "migrate-check", PAIR "migrate-check x $U --dest-domain y "
                            "compression=mt" },
    { "migrate-check", PAIR "migrate-check x $U --dest-domain y "
                            "compression=mt --policy strict zerocopy=on" },
    { "migrate-postcopy", SMALL "migrate-postcopy x --dry-run" },
    { "migrate-postcopy", SMALL "migrate-postcopy x" },
    { "migrate-continue", SMALL "migrate-continue x --dry-run" },
    { "migrate-continue", SMALL "migrate-continue x" },
    { "recover", "migtune --json recover" },
    { "simulate", "migtune --json simulate " CONVERGE "suite.json" },
    { "simulate", "migtune --json simulate " CONVERGE "suite.json --converge "
                  "steady --max-downtime 5s --allow postcopy" },
    { "simulate", "migtune --json simulate nothing" },
    { "replay", "migtune --json replay " CONVERGE "busy.jsonl --converge "
                "vdsm" },
    { "replay", "migtune --json replay " CONVERGE "busy.jsonl "
                "--converge-from " CONVERGE "bad.conf" },
    { "record", "migtune --json record web1" },
    { "record", SMALL "record x --record r.jsonl" },
    { "report", "migtune --json report " CONVERGE "recorded.jsonl" },
    { "report", "migtune --json report nothing" },
    { "event", "migtune --json event --timeout 1" },
    { "ref", "migtune ref --json small.xml --socket-dir t > out2 & p=$!; "
             "until grep -qs ready out2; do sleep 0.1; done; cat out2; "
             "kill $p; wait $p" },
    { "save", SMALL "save x image" },
    { "save", SMALL "save x /nowhere/image" },
    { "restore", SMALL "restore image y" },
    { "image-info", "migtune --json image-info image" },
    { "image-info", "migtune --json image-info nothing" },
    { "image-verify", "migtune --json image-verify image" },
    { "image-convert", "migtune --json image-convert image stream" },
    { "image-extract", "migtune --json image-extract image ram ram" },
    { "inspect", "migtune --json inspect " STREAM },
    { "inspect", "migtune --json inspect --devices stream" },
    { "inspect", "migtune --json inspect --diff " STREAM " " OTHER },
    { "inspect", "migtune --json inspect --check " STREAM },
    { "inspect", "migtune --json inspect nothing" },
};

#define MAKE_SMALL                                                     \
    "printf '<guests><guest name=\"x\"><qemu release=\"7.2\"/>"        \
    "<ram size=\"4MiB\" content=\"random\"/></guest>"                  \
    "<guest name=\"y\"><qemu release=\"7.2\"/>"                        \
    "<ram size=\"4MiB\"/><state>incoming</state></guest>"              \
    "</guests>' > small.xml"

/* The commands that need files. */
static void
test_json_schema_files(void)
{
    g_autoptr(Scratch) scratch = scratch_new(NULL);
    g_autoptr(JsonNode) schema = json_schema_load();
    JsonObject *root = json_node_get_object(schema);
    g_autofree char *out = NULL;
    g_autofree char *err = NULL;

    scratch_run(scratch, MAKE_SMALL, NULL, &out, &err);
    for (guint i = 0; i < G_N_ELEMENTS(file_lines); i++) {
        g_clear_pointer(&out, g_free);
        g_clear_pointer(&err, g_free);
        scratch_run(scratch, file_lines[i].line, NULL, &out, &err);
        json_schema_check_output(root, file_lines[i].command,
                                 file_lines[i].line, out);
    }
}

/* Whether a line of these tables is about @command. */
static gboolean
schema_is_tested(const char *command)
{
    for (guint i = 0; i < G_N_ELEMENTS(qmp_lines) + G_N_ELEMENTS(ref_lines);
         i++) {
        g_autofree char *name = schema_command_of(
            i < G_N_ELEMENTS(qmp_lines)
                ? qmp_lines[i] : ref_lines[i - G_N_ELEMENTS(qmp_lines)]);

        if (strcmp(name, command) == 0)
            return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(file_lines); i++)
        if (strcmp(file_lines[i].command, command) == 0)
            return TRUE;

    return FALSE;
}

static void
test_json_schema(void)
{
    static const char *const peers[] = { WEB1("qemu-7.2"), NULL };
    g_autoptr(Scratch) scratch = scratch_new(peers);
    g_autoptr(JsonNode) schema = json_schema_load();
    JsonObject *root = json_node_get_object(schema);
    JsonObject *commands = json_object_get_object_member(root, "commands");
    g_autoptr(GList) names = json_object_get_members(commands);

    for (guint i = 0; i < G_N_ELEMENTS(qmp_lines) + G_N_ELEMENTS(ref_lines);
         i++) {
        gboolean ref = i >= G_N_ELEMENTS(qmp_lines);
        const char *line = ref ? ref_lines[i - G_N_ELEMENTS(qmp_lines)]
                               : qmp_lines[i];
        g_autofree char *command =
            g_strdup_printf("migtune --json %s%s",
                            ref ? "-c ref:///default " : "", line);
        g_autofree char *name = NULL;
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;

        name = schema_command_of(line);
        scratch_run(scratch, command, NULL, &out, &err);
        json_schema_check_output(root, name, line, out);
    }
    for (GList *l = names; l; l = l->next)
        if (!schema_is_tested(l->data))
            g_error("no line of this test prints the output of '%s'",
                    (char *)l->data);
}

/* The validator finds errors. */
static void
test_json_schema_errors(void)
{
    static const struct {
        const char *definition;
        const char *text;
        const char *error;
    } cases[] = {
        { "uri", "{}", "uri: 'uri' is missing" },
        { "uri", "{\"uri\": 3}", "uri/uri: has type integer" },
        { "uri", "{\"uri\": null, \"x\": 1}", "uri/x: not in the schema" },
        { "texts", "[\"a\", 1]", "texts[1]: has type integer" },
        { "texts", "{}", "texts: has type object" },
        { "reason-code", "\"nonsense\"", "reason-code: not one of the values" },
        { "uri", "{\"uri\": \"qmp:///x\"}", NULL },
    };
    g_autoptr(JsonNode) schema = json_schema_load();
    JsonObject *root = json_node_get_object(schema);

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JsonNode) node = json_from_string(cases[i].text, NULL);
        g_autofree char *error =
            json_schema_find_error(root, cases[i].definition, node);

        g_assert_cmpstr(error, ==, cases[i].error);
    }
}

void
cli_add_schema(void)
{
    g_test_add_func("/cli/json/schema", test_json_schema);
    g_test_add_func("/cli/json/schema-files", test_json_schema_files);
    g_test_add_func("/cli/json/schema-errors", test_json_schema_errors);
}
