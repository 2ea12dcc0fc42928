/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Commands and their options as tables.
 *
 * A command is one entry in the table of its cmd-*.c.  Parsing, help, the
 * manual page, completion and the self-test are made from the entries, so
 * that none of them can forget an option.
 */

#include <glib.h>

#include "tool.h"

typedef enum {
    CMD_OPT_FLAG,       /* --name */
    CMD_OPT_TEXT,       /* --name VALUE or --name=VALUE */
    CMD_OPT_NUMBER,     /* the same, a whole number */
    CMD_OPT_DATA,       /* a word at its place, or --name VALUE */
    CMD_OPT_REST,       /* all other words */
} CmdOptionType;

/* What a word can be completed to. */
typedef enum {
    CMD_WORD_ANY,
    CMD_WORD_DOMAIN,
    CMD_WORD_NAME,          /* of a parameter */
    CMD_WORD_CAPABILITY,    /* a capability, or one with =on or =off */
    CMD_WORD_WISH,          /* NAME=VALUE */
    CMD_WORD_RELEASE,       /* of QEMU */
    CMD_WORD_COMMAND,       /* or a group of commands */
} CmdWord;

typedef struct {
    const char *name;           /* without its dashes; NULL ends a table */
    char letter;                /* 0 for none */
    CmdOptionType type;
    gboolean required;
    gboolean replaces_data;     /* with it the command takes no DATA word */
    gboolean many;              /* may be given several times */
    CmdWord word;
    const char *const *choices; /* NULL: anything */
    const char *metavar;        /* how help calls the value */
    const char *help;           /* N_() */
} CmdOption;

typedef struct _CmdLine CmdLine;

/* Does the work.  Returns the exit status; with @error set, that one is
 * reported, and the status is at least the one that it means. */
typedef int (*CmdRun)(Tool *tool, const CmdLine *line, GError **error);

typedef enum {
    CMD_HIDDEN = 1 << 0,    /* for other programs: in no help text */
    CMD_WISHES = 1 << 1,    /* --NAME VALUE for every parameter */
    CMD_RAW = 1 << 2,       /* takes its words as they are */
} CmdFlags;

typedef struct {
    const char *name;           /* NULL ends a table */
    CmdFlags flags;
    const CmdOption *options;   /* NULL: none of its own */
    CmdRun run;
    const char *summary;        /* N_(), one line */
    const char *description;    /* N_(), paragraphs */
} Cmd;

typedef struct {
    const char *name;
    const char *title;          /* N_() */
    const Cmd *commands;
} CmdGroup;

/* Every command, by group; ends with a NULL name. */
extern const CmdGroup cmd_groups[];

/* The tables of the other files. */
extern const Cmd cmd_host_commands[];
extern const Cmd cmd_event_commands[];
extern const Cmd cmd_params_commands[];
extern const Cmd cmd_plan_commands[];
extern const Cmd cmd_migrate_commands[];
extern const Cmd cmd_ref_commands[];
extern const Cmd cmd_shell_commands[];

/* Options before the command, and those that every command has. */
extern const CmdOption cmd_global_options[];
extern const CmdOption cmd_common_options[];

/* One command with its words, parsed. */
struct _CmdLine {
    const Cmd *cmd;
    GHashTable *values;     /* option name to text, "" for a flag */
    GPtrArray *rest;        /* of char *: words, and NAME=VALUE of options */
};

/* NULL when there is no such command. */
const Cmd *cmd_find(const char *name);
const CmdGroup *cmd_find_group(const char *name);

/*
 * Parses the options of @table at the start of @words.
 *
 * @n_used is how many words they take.  Returns name to text, "" for a flag.
 */
GHashTable *cmd_parse_globals(const CmdOption *table, char **words,
                              guint *n_used, GError **error);

/* Parses a command and its words. */
CmdLine *cmd_line_parse(char **words, guint n_words, GError **error);
void cmd_line_free(CmdLine *line);

/* NULL when the option was not given. */
const char *cmd_line_get(const CmdLine *line, const char *name);

/* Each time that it was given; for g_strfreev(). */
char **cmd_line_get_all(const CmdLine *line, const char *name);
gboolean cmd_line_has(const CmdLine *line, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CmdLine, cmd_line_free)

/* Finds an option of @cmd or a common one, by name or by letter. */
const CmdOption *cmd_find_option(const Cmd *cmd, const char *name, gsize len);

/* Help texts to standard output. */
void cmd_help_all(void);
void cmd_help_group(const CmdGroup *group);
void cmd_help_command(const Cmd *cmd);
void cmd_help_usage(void);

/* The chapter about commands of migtune(1). */
void cmd_help_rst(void);

/* Checks the tables; returns how many faults it has printed. */
guint cmd_self_test(void);

/* complete.c: what the last of @words could become, sorted. */
GPtrArray *cmd_complete(Tool *tool, char **words, guint n_words);
