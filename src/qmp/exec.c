/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Helpers for the interface that runs commands: initializing and clearing a
 * command, and running a single one.
 */
#include "config.h"

#include "qmp/exec.h"

void
mt_command_init(MtCommand *command, const char *name, JsonObject *arguments)
{
    *command = (MtCommand){ .name = name, .arguments = arguments };
}

void
mt_command_clear(MtCommand *command)
{
    g_clear_pointer(&command->arguments, json_object_unref);
    g_clear_pointer(&command->result, json_node_unref);
    g_clear_error(&command->error);
    command->answered = FALSE;
}

void
mt_commands_clear(MtCommand *commands, guint n_commands)
{
    for (guint i = 0; i < n_commands; i++)
        mt_command_clear(&commands[i]);
}

JsonNode *
mt_exec_one(MtExec *exec, const char *name, JsonObject *arguments,
            GCancellable *cancellable, GError **error)
{
    MtCommand command;
    JsonNode *result = NULL;

    mt_command_init(&command, name, arguments);
    if (exec->run(exec, &command, 1, cancellable, error)) {
        if (command.error)
            g_propagate_error(error, g_steal_pointer(&command.error));
        else
            result = g_steal_pointer(&command.result);
    }
    mt_command_clear(&command);

    return result;
}
