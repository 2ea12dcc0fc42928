/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What all commands share: the connection, the manner of printing, and how a
 * signal stops the command that is running.
 */

#include <gio/gio.h>
#include <migtune/migtune.h>

#include "out.h"

/* Exit status, as migtune(1) tells them. */
enum {
    TOOL_DONE = 0,
    TOOL_FAILED = 1,
    TOOL_USAGE = 2,
    TOOL_INEXACT = 3,
};

typedef struct _ToolSignals ToolSignals;

typedef struct {
    char *uri;              /* NULL: none was given */
    guint timeout_ms;       /* 0: the library's own */
    gboolean no_cache;
    gboolean no_monitor;
    gboolean read_only;
    gboolean quiet;
    gboolean colour;
    gboolean json;          /* of this command */
    gboolean json_always;   /* given before the command */
    gboolean quit;          /* the shell is to end */
    gboolean one_shot;      /* there is no shell */

    MigtuneConn *conn;      /* NULL until a command needs it */
    GCancellable *cancellable;
    ToolSignals *signals;
} Tool;

/* @uri is copied; NULL for MIGTUNE_DEFAULT_URI. */
void tool_init(Tool *tool);
void tool_clear(Tool *tool);

/* Another URI, or NULL for the same one anew. */
void tool_set_uri(Tool *tool, const char *uri);

/* The connection, opened when it is needed for the first time; borrowed. */
MigtuneConn *tool_connect(Tool *tool, GError **error);

/* Opens the domain that is called @name. */
MigtuneDomain *tool_open_domain(Tool *tool, const char *name, GError **error);

/* Reports @error and returns the exit status that it means. */
int tool_fail(Tool *tool, const GError *error);

/* Raises an error about the command line. */
void tool_usage_error(GError **error, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* Runs one or more commands: either words with ";" among them, or, when there
 * is only one word, what stands in it.  All are parsed before any is run; the
 * first that fails is the last that is run. */
int tool_run_words(Tool *tool, char **words, guint n_words);
int tool_run_text(Tool *tool, const char *text);

/* Splits @text like a shell would: quotes, backslashes, ";" as a word of its
 * own (marked by @ret_separators), "#" for remarks. */
GPtrArray *tool_split(const char *text, GError **error);

/* signals.c: SIGINT, SIGTERM and SIGHUP cancel @cancellable while a command
 * runs; the second one of them ends the process. */
ToolSignals *tool_signals_new(GCancellable *cancellable);
void tool_signals_begin(ToolSignals *signals);
void tool_signals_end(ToolSignals *signals, gboolean last);
gboolean tool_signals_terminated(ToolSignals *signals);

/* A descriptor that becomes readable when SIGINT comes while no command runs;
 * before this is called, such a signal ends the process. */
int tool_signals_get_fd(ToolSignals *signals);

/* shell.c: reads commands until the end of standard input. */
int tool_shell(Tool *tool);
