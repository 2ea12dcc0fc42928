/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * State and functions shared by all commands: the connection, the output
 * format and the handling of signals.
 */

#include <stdio.h>

#include <gio/gio.h>
#include <migtune/migtune.h>

#include "out.h"

/* The exit statuses of migtune(1). */
enum {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_INEXACT = 3,
    TOOL_UNKNOWN = 4,
    TOOL_BUSY = 5,
};

typedef struct _ToolSignals ToolSignals;

typedef struct {
    char *uri;              /* NULL if no URI was given */
    guint timeout_ms;       /* 0: the library's default */
    gboolean no_cache;
    gboolean no_monitor;
    gboolean read_only;
    gboolean quiet;
    gboolean colour;
    gboolean json;          /* JSON output of the current command */
    char *messages_locale;  /* LC_MESSAGES for text output */
    gboolean json_always;   /* --json was given before the command */
    gboolean quit;          /* end the shell */
    gboolean debug;         /* print debug messages */
    FILE *log;              /* debug messages go there; NULL: stderr */
    gboolean watched_all;   /* --watch: what was shown does not change any
                             * more */
    gboolean one_shot;      /* commands come from the command line, not from
                             * the shell */

    MigtuneConn *conn;      /* NULL until a command needs it */
    GCancellable *cancellable;
    ToolSignals *signals;
} Tool;

void tool_init(Tool *tool);
void tool_clear(Tool *tool);

/* Selects JSON or text output.  JSON is for programs and never translated. */
void tool_set_json(Tool *tool, gboolean json);

/* Returns whether --json is among @words. */
gboolean tool_has_json(char **words, guint n_words);

/* Prints the debug messages of the library, to the file @path if it is not
 * NULL. */
gboolean tool_set_debug(Tool *tool, const char *path, GError **error);

/* Replaces the connection by one to @uri; if that fails, the old connection
 * stays. */
gboolean tool_reconnect(Tool *tool, const char *uri, GError **error);

/* Sets another URI; NULL opens the current URI again. */
void tool_set_uri(Tool *tool, const char *uri);

/* Returns the URI of the connection: the given one or the default. */
const char *tool_get_uri(Tool *tool, GError **error);

/* Returns the connection, which is opened on first use. Do not unref it. */
MigtuneConn *tool_connect(Tool *tool, GError **error);

/* Opens another connection with the options of the command line. */
MigtuneConn *tool_open_uri(Tool *tool, const char *uri, GError **error);

/* Returns whether the connection, which must be open, is to libvirt. */
gboolean tool_is_libvirt(Tool *tool);

/* Opens the domain with this name, UUID or key. */
MigtuneDomain *tool_open_domain(Tool *tool, const char *name, GError **error);

/* Reports @error and returns its exit status. */
int tool_fail(Tool *tool, const GError *error);

/* Returns the exit status for @error. */
int tool_get_status(const GError *error);

/* Raises an error about the command line. */
void tool_usage_error(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Run one or more commands, separated by ";". A single word is parsed as a
 * line of commands. All commands are parsed before the first one runs; the
 * sequence ends with the first command that fails. */
int tool_run_words(Tool *tool, char **words, guint n_words);
int tool_run_text(Tool *tool, const char *text);

/* Splits @text like a shell, with quotes, backslashes and "#" for comments. A
 * ";" or a line end becomes a NULL element. */
GPtrArray *tool_split(const char *text, GError **error);

/* signals.c: while a command runs, the first SIGINT, SIGTERM or SIGHUP cancels
 * @cancellable.  Signals within the next second are the same request; the
 * third request ends the process. */
ToolSignals *tool_signals_new(GCancellable *cancellable);
void tool_signals_begin(ToolSignals *signals);
void tool_signals_end(ToolSignals *signals, gboolean last);
gboolean tool_signals_terminated(ToolSignals *signals);

/* What is not finished if the process ends now; printed in that case. */
void tool_signals_set_risk(ToolSignals *signals, const char *risk);

/* Returns a descriptor that becomes readable when SIGINT comes while no
 * command runs. Until this is called, such a signal ends the process. */
int tool_signals_get_fd(ToolSignals *signals);

/* shell.c: runs commands until the end of standard input. */
int tool_shell(Tool *tool);
