/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The report of a migration from one libvirt to another: the functions of libvirt
 * that it calls, and the equivalent virsh commands.
 */
#include "config.h"

#include "core/migration/migration.h"
#include "util/json-peek.h"

JsonArray *
mt_migration_libvirt_to_virsh(MigtuneMigration *migration)
{
    g_auto(GStrv) lines = mt_lowering_to_virsh(
        migration->lowering, migration->source->name, migration->to->uri);
    JsonArray *array = json_array_new();

    for (char **line = lines; *line; line++)
        json_array_add_string_element(array, *line);

    return array;
}

static JsonObject *
libvirt_new_step(MigtuneMigration *migration, const char *function)
{
    JsonObject *step = json_object_new();

    json_object_set_string_member(step, "side", "source");
    json_object_set_string_member(step, "domain", migration->source->name);
    json_object_set_string_member(step, "execute", function);

    return step;
}

JsonArray *
mt_migration_libvirt_to_steps(MigtuneMigration *migration)
{
    const MtLowering *lowering = migration->lowering;
    g_autoptr(JsonNode) node = mt_lowering_to_json(lowering);
    JsonObject *document = json_node_get_object(node);
    JsonArray *before = json_object_get_array_member(document, "before");
    JsonArray *steps = json_array_new();
    JsonObject *arguments;
    JsonObject *step;

    if (!mt_pairing_is_ok(migration->pairing) && !migration->unsafe)
        return steps;
    for (guint i = 0; i < json_array_get_length(before); i++) {
        JsonObject *one = json_array_get_object_element(before, i);

        if (!json_object_has_member(one, "function"))
            continue;
        step = libvirt_new_step(
            migration, json_object_get_string_member(one, "function"));
        arguments = json_object_new();
        json_object_set_member(
            arguments, "value",
            json_node_copy(json_object_get_member(one, "value")));
        json_object_set_object_member(step, "arguments", arguments);
        json_array_add_object_element(steps, step);
    }
    step = libvirt_new_step(migration, lowering->flags & VIR_MIGRATE_PEER2PEER
                                           ? "virDomainMigrateToURI3"
                                           : "virDomainMigrate3");
    arguments = json_object_new();
    json_object_set_string_member(arguments, "destination", migration->to->uri);
    json_object_set_member(
        arguments, "flags",
        json_node_copy(json_object_get_member(document, "flags")));
    json_object_set_member(
        arguments, "parameters",
        json_node_copy(json_object_get_member(document, "parameters")));
    json_object_set_object_member(step, "arguments", arguments);
    json_array_add_object_element(steps, step);

    return steps;
}
