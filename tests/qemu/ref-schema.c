/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The schema, the commands and the defaults of a reference guest are those of a
 * real QEMU of its release, from every command and event that it has down to
 * the last member of their types.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "qemu-guest.h"
#include "ref-bare.h"
#include "schema-diff.h"
#include "util/json-peek.h"
#include "util/json.h"

static const struct {
    const char *path, *release;
    gboolean hide;              /* QEMU's -compat option for deprecated members */
} cases[] = {
    { "/ref-schema/5.2", "5.2", FALSE },
    { "/ref-schema/7.2", "7.2", FALSE },
    { "/ref-schema/7.2-hiding", "7.2", TRUE },
    { "/ref-schema/10.0", "10.0", FALSE },
    { "/ref-schema/10.0-hiding", "10.0", TRUE },
};

/* Intended differences. */
static const struct {
    const char *prefix, *why;
} explained[] = {
    { "command x-migtune-fault: ", "faults are no business of QEMU" },
    { "command human-monitor-command: features  instead",
      "it is about snapshots of disks" },
    { "command object-add arg-type",
      "of all objects, a guest has TLS credentials and authorization" },
};

static const char *
explain(const char *difference)
{
    for (guint i = 0; i < G_N_ELEMENTS(explained); i++) {
        if (g_str_has_prefix(difference, explained[i].prefix))
            return explained[i].why;
    }

    return NULL;
}

static JsonNode *
ask(QemuGuest *guest, const char *command)
{
    g_autoptr(GError) error = NULL;
    JsonNode *node = qemu_guest_execute(guest, command, NULL, &error);

    g_assert_no_error(error);

    return node;
}

static JsonNode *
ask_ref(RefBare *bare, const char *command)
{
    MtRefRefusal refusal = { 0 };
    JsonNode *node = ref_bare_execute(bare, command, NULL, &refusal);

    g_assert_cmpstr(refusal.desc, ==, NULL);

    return node;
}

static void
compare_schemas(QemuGuest *guest, RefBare *bare)
{
    g_autoptr(JsonNode) theirs = ask(guest, "query-qmp-schema");
    g_autoptr(JsonNode) ours = ask_ref(bare, "query-qmp-schema");
    g_autoptr(GPtrArray) differences = schema_diff(theirs, ours);
    guint n = 0;

    for (guint i = 0; i < differences->len; i++) {
        const char *why = explain(differences->pdata[i]);

        g_test_message("%s%s%s", (const char *)differences->pdata[i],
                       why ? ", since " : "", why ? why : "");
        n += !why;
    }
    g_test_message("%u types, commands and events; %u differences of which "
                   "%u are explained",
                   json_array_get_length(json_node_get_array(ours)),
                   differences->len, differences->len - n);
    g_assert_cmpuint(n, ==, 0);
}

/* Every command of the migration interface that QEMU lists exists. */
static void
compare_commands(QemuGuest *guest, RefBare *bare)
{
    static const char *const about[] = { "migr", "dirty-", "announce" };
    g_autoptr(JsonNode) theirs = ask(guest, "query-commands");
    JsonArray *list = json_node_get_array(theirs);

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);
        const char *name = mt_json_peek_string(entry, "name");

        for (guint j = 0; j < G_N_ELEMENTS(about); j++) {
            /* Commands for disks and Xen are not offered. */
            if (!strstr(name, about[j]) || strstr(name, "block-") ||
                strstr(name, "xen-"))
                continue;
            g_test_message("%s", name);
            g_assert_cmpint(mt_ref_profile_command(bare->profile, name), !=,
                            MT_REF_ABSENT);
        }
    }
}

static void
compare_defaults(QemuGuest *guest, RefBare *bare)
{
    static const char *const queries[] = { "query-migrate-capabilities",
                                           "query-migrate-parameters" };

    for (guint i = 0; i < G_N_ELEMENTS(queries); i++) {
        g_autoptr(JsonNode) theirs = ask(guest, queries[i]);
        g_autoptr(JsonNode) ours = ask_ref(bare, queries[i]);
        g_autofree char *a = mt_json_to_line(theirs);
        g_autofree char *b = mt_json_to_line(ours);

        g_assert_cmpstr(b, ==, a);
    }
}

static void
test_release(gconstpointer data)
{
    static const char *const hiding[] = { "-compat", "deprecated-output=hide",
                                          NULL };
    gsize nth = GPOINTER_TO_SIZE(data);
    const char *release = cases[nth].release;
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("ref-schema-XXXXXX", &error);
    QemuGuestSpec spec = { .command = qemu_guest_command(release),
                           .dir = dir,
                           .ram_bytes = 16 << 20,
                           .more_args = cases[nth].hide ? hiding : NULL };
    g_autoptr(RefBare) bare =
        ref_bare_new_for_release(mt_release_parse(release));
    g_autoptr(QemuGuest) guest = NULL;

    g_assert_no_error(error);
    if (!spec.command) {
        g_autofree char *why = g_strdup_printf(
            "no QEMU %s: tools/get-qemus.sh provides it", release);

        g_test_skip(why);
        g_rmdir(dir);
        return;
    }
    bare->situation.hide_deprecated = cases[nth].hide;
    guest = qemu_guest_start(&spec, &error);
    g_assert_no_error(error);
    compare_schemas(guest, bare);
    compare_commands(guest, bare);
    compare_defaults(guest, bare);
    g_clear_pointer(&guest, qemu_guest_free);
    g_rmdir(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_test_add_data_func(cases[i].path, GSIZE_TO_POINTER(i),
                             test_release);

    return g_test_run();
}
