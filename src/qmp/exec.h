/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * "Run these commands": the one interface that probing, planning and applying
 * need.  Behind it may be a socket, libvirt, the reference engine or a test.
 *
 * Commands handed over together are sent together and answered in order, so
 * that one call costs one round trip however many commands it has.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include "migtune/migtune-driver.h"

G_BEGIN_DECLS

/* One command and what became of it: see MigtuneDriverCommand. */
typedef MigtuneDriverCommand MtCommand;

typedef struct _MtExec MtExec;

struct _MtExec {
    /*
     * Runs @n_commands.  TRUE when every command has been answered, be it by
     * a refusal, which is then in that command's error.  FALSE when the
     * answer of at least one was not received; those that were answered say
     * so, of the others nobody knows whether they took effect.
     */
    gboolean (*run)(MtExec *exec, MtCommand *commands, guint n_commands,
                    GCancellable *cancellable, GError **error);

    /*
     * Gets a working connection to the same guest again after run() returned
     * FALSE.  FALSE with an error when there is none to be had.
     */
    gboolean (*reconnect)(MtExec *exec, GCancellable *cancellable,
                          GError **error);
};

/* Fills in @command; @arguments is taken and may be NULL. */
void mt_command_init(MtCommand *command, const char *name,
                     JsonObject *arguments);

/* Releases what @command holds, not @command itself. */
void mt_command_clear(MtCommand *command);
void mt_commands_clear(MtCommand *commands, guint n_commands);

/*
 * Runs one command.  Returns its return value, which the caller frees, or
 * NULL with @error when it was refused or not answered.
 */
JsonNode *mt_exec_one(MtExec *exec, const char *name, JsonObject *arguments,
                      GCancellable *cancellable, GError **error);

G_END_DECLS
