/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The member names of --json, which other programs rely on.
 */
#include "config.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "scratch.h"

/* Returns the members of the first object of @path below @node, sorted and
 * joined. */
static char *
cli_members(JsonNode *node, const char *path)
{
    g_auto(GStrv) steps = g_strsplit(path, "/", -1);
    g_autoptr(GList) members = NULL;
    GString *text = g_string_new(NULL);

    for (guint i = 0; steps[i] && *steps[i]; i++) {
        node = json_object_get_member(json_node_get_object(node), steps[i]);
        g_assert_nonnull(node);
        if (JSON_NODE_HOLDS_ARRAY(node))
            node = json_array_get_element(json_node_get_array(node), 0);
    }

    members = g_list_sort(json_object_get_members(json_node_get_object(node)),
                          (GCompareFunc)strcmp);
    for (GList *l = members; l; l = l->next)
        g_string_append_printf(text, "%s%s", text->len ? " " : "",
                               (char *)l->data);

    return g_string_free(text, FALSE);
}

#define PLAN                                                                   \
    "affects applied changed domain kept policy qemu steps verdicts "          \
    "warning-codes warnings"
#define VERDICT \
    "after asked becomes before codes name now reason removed since verdict"
#define REPORT "domain findings parameters qemu shows"
#define PARAMETER \
    "default deprecated differs from kept kind name qmp text unit unstable value " \
    "why why-code"
#define ERROR "code command message parameter qemu reason"

/* Other programs rely on the names of members. */
static void
test_json_members(void)
{
    static const struct {
        const char *command;
        const char *path;
        const char *members;
    } promises[] = {
        { "migrate-getparameters web1", "", REPORT },
        { "migrate-getparameters web1", "parameters", PARAMETER },
        { "migrate-capabilities web1", "", REPORT },
        { "migrate-setparameters web1 --config xbzrle=on compression.mt.wait=on",
          "", PLAN },
        { "migrate-setparameters web1 --config xbzrle=on --dry-run", "kept",
          "name value" },
        { "migrate-getparameters web1 --config", "", REPORT },
        { "migrate-getparameters web1 --config", "parameters", PARAMETER },
        { "migrate-getparameters web1 --config --live", "parameters",
          PARAMETER },
        { "apply-config web1 --dry-run", "", PLAN },
        { "migrate-setparameters web1 compression=mt", "", PLAN },
        { "migrate-setparameters web1 xbzrle=on --dry-run", "steps",
          "arguments execute side" },
        { "migrate-setparameters web1 compression=zstd --dry-run", "verdicts",
          VERDICT },
        { "migrate-capabilities web1 events=on", "", PLAN },
        { "reset web1 --defaults", "", PLAN },
        { "explain web1 downtime=3", "", PLAN },
        { "explain --qemu 9.1 compression=mt", "", PLAN },
        { "explain --qemu 9.1 compression=mt", "steps",
          "arguments execute side" },
        { "explain --qemu 9.1 compression=mt", "verdicts", VERDICT },
        { "explain --qemu 9.1 compression=mt", "verdicts/becomes",
          "name value" },
        { "explain --qemu 9.1 compression=mt --policy strict", "",
          "affects applied changed domain error kept policy qemu steps "
          "verdicts warning-codes warnings" },
        { "explain --qemu 9.1 compression=mt --policy strict", "error",
          ERROR },
        { "migrate-setparameters web1 nothing=3", "error", ERROR },
        { "migrate-getparameters web1 nothing", "", "error" },
        { "migrate-getparameters web1 nothing", "error", ERROR },
        { "dominfo nobody", "error", ERROR },
        { "lsit", "error", ERROR },
        { "dominfo web1", "",
          "domain key migration package qemu release state title uuid" },
        { "probe web1", "", "absent domain parameters qemu release source" },
        { "probe web1", "parameters",
          "deprecated kind known name qmp set-by since type unstable values" },
        { "probe web1", "absent", "kind name qmp removed since" },
        { "-V", "", "drivers glib json library nls readline version" },
    };
    static const char *const peers[] = { WEB1("qemu-7.2"), NULL };
    g_autoptr(Scratch) scratch = scratch_new(peers);

    for (guint i = 0; i < G_N_ELEMENTS(promises); i++) {
        g_autofree char *command =
            g_strdup_printf("migtune --json %s", promises[i].command);
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;
        g_autofree char *members = NULL;
        g_autoptr(JsonNode) node = NULL;
        g_autoptr(GError) error = NULL;

        g_test_message("%s", command);
        scratch_run(scratch, command, NULL, &out, &err);
        node = json_from_string(out, &error);
        g_assert_no_error(error);
        members = cli_members(node, promises[i].path);
        g_assert_cmpstr(members, ==, promises[i].members);
        g_assert_cmpstr(err, ==, "");
    }
}

/* The member "qemu" of an error has QEMU's class and text. */
static void
test_json_qemu_error(void)
{
    gboolean seen = FALSE;

    /* The number of the first command that changes something depends on the
     * queries before it: any refused command must give this form. */
    for (guint nth = 1; nth < 16 && !seen; nth++) {
        g_autofree char *peer = g_strdup_printf(
            WEB1("qemu-7.2") " --fail %u --class DeviceNotFound --desc oops",
            nth);
        const char *const peers[] = { peer, NULL };
        g_autoptr(Scratch) scratch = scratch_new(peers);
        g_autofree char *out = NULL;
        g_autofree char *err = NULL;
        g_autofree char *members = NULL;
        g_autoptr(JsonNode) node = NULL;
        int status;

        status = scratch_run(scratch, "migtune --json migrate-setparameters "
                                      "web1 downtime=200", NULL, &out, &err);
        node = json_from_string(out, NULL);
        g_assert_nonnull(node);
        if (status == 0 ||
            !json_object_has_member(json_node_get_object(node), "verdicts"))
            continue;

        members = cli_members(node, "error/qemu");
        g_assert_cmpstr(members, ==, "class desc");
        g_assert_nonnull(strstr(out, "\"DeviceNotFound\""));
        g_assert_nonnull(strstr(out, "\"oops\""));
        g_assert_cmpint(status, ==, 1);
        seen = TRUE;
    }
    g_assert_true(seen);
}

void
cli_add_json(void)
{
    g_test_add_func("/cli/json/members", test_json_members);
    g_test_add_func("/cli/json/qemu-error", test_json_qemu_error);
}
