/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Commands and their options as tables.
 *
 * A command is one entry in the table of its cmd-*.c. Parsing, help, the
 * manual page, completion and the self-test all use these entries, so that an
 * option cannot be missing in one of them.
 */

#include <glib.h>

#include "tool.h"

typedef enum {
    CMD_OPT_FLAG,       /* --name */
    CMD_OPT_TEXT,       /* --name VALUE or --name=VALUE */
    CMD_OPT_NUMBER,     /* the same, with a whole number */
    CMD_OPT_DATA,       /* a positional word, or --name VALUE */
    CMD_OPT_REST,       /* all other words */
} CmdOptionType;

/* The kind of words that completion offers. */
typedef enum {
    CMD_WORD_ANY,
    CMD_WORD_DOMAIN,
    CMD_WORD_NAME,          /* the name of a parameter */
    CMD_WORD_CAPABILITY,    /* a capability, or one with =on or =off */
    CMD_WORD_SETTING,          /* NAME=VALUE */
    CMD_WORD_RELEASE,       /* a QEMU release */
    CMD_WORD_POLICY,        /* a convergence policy */
    CMD_WORD_COMMAND,       /* a command or a command group */
    CMD_WORD_DIRECTORY,     /* a directory of this host */
} CmdWord;

typedef struct {
    const char *name;           /* without dashes; NULL ends a table */
    char letter;                /* 0 for none */
    CmdOptionType type;
    gboolean required;
    gboolean replaces_data;     /* with it the command takes no DATA word */
    gboolean many;              /* can be given several times */
    CmdWord word;
    const char *const *choices; /* NULL: any value */
    const char *metavar;        /* the name of the value in help texts */
    const char *help;           /* N_() */
    gboolean hidden;            /* another spelling; not in help texts */
} CmdOption;

typedef struct _CmdLine CmdLine;

/* Runs the command and returns the exit status. If @error is set, the caller
 * reports it, and the exit status is at least the one for that error. */
typedef int (*CmdRun)(Tool *tool, const CmdLine *line, GError **error);

typedef enum {
    CMD_HIDDEN = 1 << 0,    /* for other programs; not shown in help texts */
    CMD_SETTINGS = 1 << 1,    /* --NAME VALUE for every parameter */
    CMD_RAW = 1 << 2,       /* does not parse options */
} CmdFlags;

typedef struct {
    const char *name;           /* NULL ends a table */
    CmdFlags flags;
    const CmdOption *options;   /* NULL: only the common options */
    CmdRun run;
    const char *summary;        /* N_(), one line */
    const char *description;    /* N_(), paragraphs */
} Cmd;

typedef struct {
    const char *name;
    const char *title;          /* N_() */
    const Cmd *commands;
} CmdGroup;

/* All commands by group; ends with a NULL name. */
extern const CmdGroup cmd_groups[];

/* The tables of the other files. */
extern const Cmd cmd_host_commands[];
extern const Cmd cmd_event_commands[];
extern const Cmd cmd_params_commands[];
extern const Cmd cmd_plan_commands[];
extern const Cmd cmd_migrate_commands[];
extern const Cmd cmd_converge_commands[];
extern const Cmd cmd_save_commands[];
extern const Cmd cmd_image_commands[];
extern const Cmd cmd_inspect_commands[];
extern const Cmd cmd_ref_commands[];
extern const Cmd cmd_shell_commands[];

/* The options before the command, and the options of every command. */
extern const CmdOption cmd_global_options[];
extern const CmdOption cmd_common_options[];

/* One command with its words, parsed. */
struct _CmdLine {
    const Cmd *cmd;
    GHashTable *values;     /* option name to value, "" for a flag */
    GPtrArray *rest;        /* of char *: positional words, and NAME=VALUE made
                             * from options */
};

/* Returns NULL if there is no such command. */
const Cmd *cmd_find(const char *name);
const CmdGroup *cmd_find_group(const char *name);

/*
 * Parses the options of @table at the start of @words.
 *
 * Returns option names and values ("" for a flag) and stores the number of
 * parsed words in @n_used.
 */
GHashTable *cmd_parse_globals(const CmdOption *table, char **words,
                              guint *n_used, GError **error);

/* Parses a command and its arguments. */
CmdLine *cmd_line_parse(char **words, guint n_words, GError **error);
void cmd_line_free(CmdLine *line);

/* Returns NULL if the option was not given. */
const char *cmd_line_get(const CmdLine *line, const char *name);

/* Returns all values of an option; free with g_strfreev(). */
char **cmd_line_get_all(const CmdLine *line, const char *name);
gboolean cmd_line_has(const CmdLine *line, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CmdLine, cmd_line_free)

/* tool.c: runs @run again every second until SIGINT, until it fails or until
 * it sets watched_all.  On a terminal each output replaces the last one. */
int tool_watch(Tool *tool, const CmdLine *line, CmdRun run, GError **error);

/* tool.c: prints a JSON document; with --watch, in one line. */
void tool_print_json(const CmdLine *line, JsonNode *node);

/* Finds an option of @cmd or a common one, by name or by letter. */
const CmdOption *cmd_find_option(const Cmd *cmd, const char *name, gsize len);

/* Print help texts to standard output. */
void cmd_help_all(void);
void cmd_help_group(const CmdGroup *group);
void cmd_help_command(const Cmd *cmd);
void cmd_help_usage(void);

/* The same as JSON: one command, one group, or if both are NULL, all. */
void cmd_help_json(const Cmd *cmd, const CmdGroup *group);

/* Prints the command reference of migtune(1). */
void cmd_help_rst(void);

/* Checks the tables, prints the faults and returns their number. */
guint cmd_self_test(void);

/* complete.c: returns the completions of the last of @words, sorted. */
GPtrArray *cmd_complete(Tool *tool, char **words, guint n_words);
