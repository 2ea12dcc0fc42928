/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Running QMP commands: the one interface that probing, planning and applying
 * need.  A socket, libvirt, the reference engine or a test implements it.
 *
 * The commands of one call are sent together and answered in order, so that a
 * call costs one round trip for any number of commands.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

/* One command and its answer: see MigtuneDriverCommand. */
typedef MigtuneDriverCommand MtCommand;

typedef struct _MtExec MtExec;

struct _MtExec {
    /*
     * Runs @n_commands.  TRUE if every command was answered; a refusal is an
     * answer and is stored in that command's error.  FALSE if at least one
     * answer was not received: each command's @answered says which, and it is
     * unknown whether the unanswered commands took effect.
     */
    gboolean (*run)(MtExec *exec, MtCommand *commands, guint n_commands,
                    GCancellable *cancellable, GError **error);

    /*
     * Connects to the same guest again after run() returned FALSE.  FALSE with
     * an error if that is not possible.
     */
    gboolean (*reconnect)(MtExec *exec, GCancellable *cancellable,
                          GError **error);
};

/* Fills in @command; @arguments is taken and may be NULL. */
void mt_command_init(MtCommand *command, const char *name,
                     JsonObject *arguments);

/* Releases the members of @command, not @command itself. */
void mt_command_clear(MtCommand *command);
void mt_commands_clear(MtCommand *commands, guint n_commands);

/*
 * Runs one command.  Returns QEMU's return value, which the caller frees, or
 * NULL with @error if the command was refused or not answered.
 */
JsonNode *mt_exec_one(MtExec *exec, const char *name, JsonObject *arguments,
                      GCancellable *cancellable, GError **error);

G_END_DECLS
