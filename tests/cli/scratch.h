/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Runs command lines in a scratch directory with scripted monitors.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

/* The guest of most cases. */
#define NAME_UUID "--name web1 --uuid 11111111-2222-3333-4444-555555555555"
#define WEB1(replies) "--replies " replies " --unix web1.sock " NAME_UUID

typedef struct {
    char *directory;
    GPtrArray *peers;       /* of GSubprocess */
} Scratch;

/* The build directory. */
const char *cli_build_root(void);

/* The environment for commands in @directory. */
GSubprocessLauncher *cli_launcher(const char *directory,
                                  GSubprocessFlags flags);

/* @peers: command lines of fake-qmp, NULL-terminated; or NULL. */
Scratch *scratch_new(const char *const *peers);
void scratch_free(Scratch *scratch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scratch, scratch_free)

/* Runs @command with sh; returns its status, -1 for a signal. @env: names
 * and values in turn, NULL-terminated; or NULL. */
int scratch_run(Scratch *scratch, const char *command, const char *const *env,
                char **out, char **err);

/* Compares with tests/data/cli/@name.txt, or writes it. */
void cli_compare(const char *name, const char *text);

/*
 * A list of commands that run one after the other.  What they print is
 * compared: the command after "$", standard output as it is, standard error
 * after "!", an exit status other than 0 after "?".
 */
typedef struct {
    const char *name;
    const char *peers[4];       /* command lines of fake-qmp, and NULL */
    const char *commands[32];
} CliCase;

void cli_case_run(gconstpointer cli_case);

/* Adds the cases as /cli/@group/NAME. */
void cli_cases_add(const char *group, const CliCase *cases, gsize n_cases);

/* cases-ref.c: guests of the reference engine; cases-user.c: findings of new
 * users; json.c: members of --json; schema.c: the JSON schema. */
void cli_add_ref_cases(void);
void cli_add_user_cases(void);
void cli_add_json(void);
void cli_add_schema(void);

G_END_DECLS
