/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * human-monitor-command: the commands of the human monitor that concern
 * migration.
 *
 * Each line becomes a QMP command, which checks the values and does the work.
 * Only the syntax and the texts of the human monitor are here.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "drivers/ref/monitor/hmp.h"
#include "params/table.h"
#include "util/foreign.h"
#include "util/json-peek.h"

/* Since 6.0 all numbers may have a suffix, and messages name a command before
 * its one-letter alias. */
#define NUMBER_SUFFIX_SINCE MT_RELEASE(6, 0)
#define NAME_FIRST_SINCE MT_RELEASE(6, 0)

typedef struct {
    MtRefGuest *guest;
    MtRefDispatch dispatch;
    GString *flags;             /* the letters of the options that are set */
    const char *words[4];       /* arguments, without options */
    guint n_words;
    GString *out;
} HmpCall;

static gboolean
hmp_has_flag(const HmpCall *call, char flag)
{
    return strchr(call->flags->str, flag) != NULL;
}

/* Runs a QMP command; if it fails, the error becomes the answer. */
static gboolean
hmp_do(HmpCall *call, const char *command, JsonObject *arguments)
{
    g_autoptr(JsonNode) result = NULL;
    g_auto(MtRefRefusal) refusal = { 0 };
    gboolean ok = call->dispatch(call->guest, command, arguments, &result,
                                 &refusal);

    if (!ok)
        mt_ref_hmp_line(call->out, "Error: %s", refusal.desc);
    return ok;
}

/* ---- values ---- */

/* A size with an optional suffix; without a suffix the unit is @unit bytes.  A
 * fraction of a byte is not accepted.  FALSE if @text is not a size. */
static gboolean
hmp_read_number(const char *text, guint64 unit, guint64 *ret)
{
    static const char suffixes[] = "bkmgtpe";
    char *end = NULL;
    double number = g_ascii_strtod(text, &end);
    const char *suffix;

    if (end == text || number < 0 || !g_ascii_isdigit(*text))
        return FALSE;
    if (*end) {
        suffix = strchr(suffixes, g_ascii_tolower(*end));
        if (!suffix || end[1])
            return FALSE;
        unit = G_GUINT64_CONSTANT(1) << (10 * (suffix - suffixes));
    }
    if (unit == 1 && number != floor(number))
        return FALSE;
    number *= unit;
    if (number >= (double)G_MAXINT64)
        return FALSE;

    *ret = number;
    return TRUE;
}

static gboolean
hmp_read_bool(const char *text, gboolean *ret)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };

    *ret = g_strv_contains(yes, text);
    return *ret || g_strv_contains(no, text);
}

/* Without a suffix the unit of these is MiB. */
static const char *const hmp_in_mib[] = {
    "max-bandwidth", "avail-switchover-bandwidth", NULL
};

/* Before 6.0 only parameters with the type size may have a suffix. */
static gboolean
hmp_takes_suffix(const HmpCall *call, const MtRow *row)
{
    static const char *const sizes[] = {
        "xbzrle-cache-size", "max-postcopy-bandwidth", "announce-initial",
        "announce-max", "announce-rounds", "announce-step", NULL
    };

    return mt_ref_profile_release(call->guest->profile) >=
           NUMBER_SUFFIX_SINCE || g_strv_contains(sizes, row->qmp);
}

/* The value of the parameter from @text; NULL if it is not valid, which has
 * been reported. */
static JsonNode *
hmp_parameter_value(HmpCall *call, const MtRow *row, const char *text)
{
    gboolean mib = g_strv_contains(hmp_in_mib, row->qmp);
    guint64 number;
    gboolean on;

    switch (row->type) {
    case MT_TYPE_BOOL:
        if (hmp_read_bool(text, &on))
            return json_node_init_boolean(json_node_alloc(), on);
        mt_ref_hmp_line(call->out, "Error: Parameter '%s' expects 'on' or "
                        "'off'", row->qmp);
        return NULL;
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        if (hmp_read_number(text, mib ? 1024 * 1024 : 1, &number) &&
            (mib || hmp_takes_suffix(call, row) ||
             !g_ascii_isalpha(text[strlen(text) - 1]) ||
             g_str_has_prefix(text, "0x")))
            return mt_json_node_new_uint64(number);
        if (mib)
            mt_ref_hmp_line(call->out, "Error: Invalid size %s", text);
        else if (mt_ref_profile_release(call->guest->profile) <
                 NUMBER_SUFFIX_SINCE)
            mt_ref_hmp_line(call->out, "Error: Parameter '%s' expects int64",
                            row->qmp);
        else
            mt_ref_hmp_line(call->out, "Error: Parameter '%s' expects a "
                            "number, to which k, M, G, T, P or E may be "
                            "added", row->qmp);
        return NULL;
    case MT_TYPE_JSON:
        mt_ref_hmp_line(call->out, "Error: The %s parameter can only be set "
                        "through QMP", row->qmp);
        return NULL;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
    default:
        return json_node_init_string(json_node_alloc(), text);
    }
}

/* ---- commands ---- */

static void
hmp_set_parameter(HmpCall *call)
{
    const char *name = call->words[0];
    const MtRow *row = mt_row_find_qmp(MT_KIND_PARAMETER, name);
    g_autoptr(JsonObject) arguments = json_object_new();
    JsonNode *value;

    if (!row ||
        mt_ref_profile_row(call->guest->profile, row) == MT_REF_ABSENT) {
        mt_ref_hmp_line(call->out, "Error: invalid parameter value: %s",
                        name);
        return;
    }
    value = hmp_parameter_value(call, row, call->words[1]);
    if (!value)
        return;
    json_object_set_member(arguments, name, value);
    hmp_do(call, "migrate-set-parameters", arguments);
}

static void
hmp_set_capability(HmpCall *call)
{
    const char *name = call->words[0];
    const MtRow *row = mt_row_find_qmp(MT_KIND_CAPABILITY, name);
    g_autoptr(JsonObject) arguments = json_object_new();
    JsonArray *list = json_array_new();
    JsonObject *one = json_object_new();
    gboolean on = strcmp(call->words[1], "on") == 0;

    json_array_add_object_element(list, one);
    json_object_set_array_member(arguments, "capabilities", list);
    if (!on && strcmp(call->words[1], "off") != 0) {
        mt_ref_hmp_line(call->out, "Expected 'on' or 'off'");
        mt_ref_hmp_try_help(call->out, "", "migrate_set_capability");
        return;
    }
    if (!row ||
        mt_ref_profile_row(call->guest->profile, row) == MT_REF_ABSENT) {
        mt_ref_hmp_line(call->out, "Error: invalid parameter value: %s",
                        name);
        return;
    }
    json_object_set_string_member(one, "capability", name);
    json_object_set_boolean_member(one, "state", on);
    hmp_do(call, "migrate-set-capabilities", arguments);
}

static void
hmp_migrate(HmpCall *call)
{
    static const struct {
        char flag;
        const char *argument;
    } arguments_of[] = {
        { 'b', "blk" }, { 'i', "inc" }, { 'r', "resume" },
    };
    g_autoptr(JsonObject) arguments = json_object_new();

    json_object_set_string_member(arguments, "uri", call->words[0]);
    for (gsize i = 0; i < G_N_ELEMENTS(arguments_of); i++) {
        if (hmp_has_flag(call, arguments_of[i].flag))
            json_object_set_boolean_member(arguments,
                                           arguments_of[i].argument, TRUE);
    }
    if (hmp_do(call, "migrate", arguments) && !hmp_has_flag(call, 'd'))
        mt_ref_hmp_line(call->out, "terminal does not allow synchronous "
                        "migration, continuing detached");
}

/* QEMU's parser of expressions, for numbers only. */
static gboolean
hmp_read_integer(HmpCall *call, const char *text, gint64 *ret)
{
    char *end = NULL;

    *ret = g_ascii_strtoll(text, &end, 0);
    if (end != text && !*end)
        return TRUE;

    if (end == text && *end == '-')
        end++;
    mt_ref_hmp_line(call->out, "invalid char '%c' in expression", *end);
    mt_ref_hmp_try_help(call->out, "", "calc_dirty_rate");
    return FALSE;
}

static void
hmp_calc_dirty_rate(HmpCall *call)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    gboolean ring = hmp_has_flag(call, 'r');
    gboolean bitmap = hmp_has_flag(call, 'b');
    gint64 seconds, samples;

    if (call->n_words == 0) {
        mt_ref_hmp_line(call->out, "unexpected end of expression");
        mt_ref_hmp_try_help(call->out, "", "calc_dirty_rate");
        return;
    }
    if (!hmp_read_integer(call, call->words[0], &seconds))
        return;
    json_object_set_int_member(arguments, "calc-time", seconds);
    if (call->n_words > 1) {
        if (!hmp_read_integer(call, call->words[1], &samples))
            return;
        json_object_set_int_member(arguments, "sample-pages", samples);
    }
    if (!seconds) {
        mt_ref_hmp_line(call->out, "Incorrect period length specified!");
        return;
    }
    if (ring && bitmap) {
        mt_ref_hmp_line(call->out, "Either dirty ring or dirty bitmap can be "
                        "specified!");
        return;
    }
    if (ring || bitmap)
        json_object_set_string_member(arguments, "mode", ring ? "dirty-ring" :
                                      "dirty-bitmap");
    if (!hmp_do(call, "calc-dirty-rate", arguments))
        return;
    mt_ref_hmp_line(call->out, "Starting dirty rate measurement with period "
                    "%" G_GINT64_FORMAT " seconds", seconds);
    mt_ref_hmp_line(call->out, "[Please use 'info dirty_rate' to check "
                    "results]");
}

/* A reference guest has no network card. */
static void
hmp_announce_self(HmpCall *call)
{
}

/* A command whose only argument is a size. */
static void
hmp_set_size(HmpCall *call, const char *name, const char *command,
             guint64 unit)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    guint64 value;

    if (!hmp_read_number(call->words[0], unit, &value)) {
        mt_ref_hmp_line(call->out, "invalid size");
        mt_ref_hmp_try_help(call->out, "", name);
        return;
    }
    json_object_set_member(arguments, "value",
                           mt_json_node_new_uint64(value));
    hmp_do(call, command, arguments);
}

static void
hmp_set_speed(HmpCall *call)
{
    hmp_set_size(call, "migrate_set_speed", "migrate_set_speed",
                 1024 * 1024);
}

static void
hmp_set_cache_size(HmpCall *call)
{
    hmp_set_size(call, "migrate_set_cache_size", "migrate-set-cache-size", 1);
}

static void
hmp_set_downtime(HmpCall *call)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    char *end = NULL;
    double seconds = g_ascii_strtod(call->words[0], &end);

    if (end == call->words[0] || *end) {
        mt_ref_hmp_line(call->out, "Number expected");
        mt_ref_hmp_try_help(call->out, "", "migrate_set_downtime");
        return;
    }
    json_object_set_double_member(arguments, "value", seconds);
    hmp_do(call, "migrate_set_downtime", arguments);
}

/* Calls @run, or else @qmp with the argument as its member @argument. */
typedef struct {
    const char *name;
    const char *alias;          /* one letter, NULL: none */
    MtRelease alias_since;
    const char *qmp;            /* the command exists if this one does */
    const char *argument;
    guint n_words;
    void (*run)(HmpCall *call);
    guint n_optional;           /* further arguments */
    const char *flags;          /* letters of options, in QEMU's order */
    MtRelease since;            /* of the command in the human monitor */
} HmpCommand;

static const HmpCommand hmp_commands[] = {
    { "announce_self", NULL, 0, "announce-self", NULL, 0, hmp_announce_self,
      2 },
    { "calc_dirty_rate", NULL, 0, "calc-dirty-rate", NULL, 0,
      hmp_calc_dirty_rate, 2, "rb", MT_RELEASE(6, 1) },
    { "cont", "c", 0, "cont" },
    { "migrate", NULL, 0, "migrate", NULL, 1, hmp_migrate, 0, "dbir" },
    { "migrate_cancel", NULL, 0, "migrate_cancel" },
    { "migrate_continue", NULL, 0, "migrate-continue", "state", 1 },
    { "migrate_incoming", NULL, 0, "migrate-incoming", "uri", 1 },
    { "migrate_pause", NULL, 0, "migrate-pause" },
    { "migrate_recover", NULL, 0, "migrate-recover", "uri", 1 },
    { "migrate_set_cache_size", NULL, 0, "migrate-set-cache-size", NULL, 1,
      hmp_set_cache_size },
    { "migrate_set_capability", NULL, 0, "migrate-set-capabilities", NULL, 2,
      hmp_set_capability },
    { "migrate_set_downtime", NULL, 0, "migrate_set_downtime", NULL, 1,
      hmp_set_downtime },
    { "migrate_set_parameter", NULL, 0, "migrate-set-parameters", NULL, 2,
      hmp_set_parameter },
    { "migrate_set_speed", NULL, 0, "migrate_set_speed", NULL, 1,
      hmp_set_speed },
    { "migrate_start_postcopy", NULL, 0, "migrate-start-postcopy" },
    { "quit", "q", 0, "quit" },
    { "stop", "s", NAME_FIRST_SINCE, "stop" },
};

/* Options that some releases do not have. */
static const struct {
    const char *command;
    char flag;
    MtRelease from, until;
} hmp_flag_releases[] = {
    { "migrate", 'b', 0, MT_RELEASE(9, 0) },
    { "migrate", 'i', 0, MT_RELEASE(9, 0) },
    { "migrate", 'r', MT_RELEASE(3, 0), MT_RELEASE_MAX },
    { "calc_dirty_rate", 'r', MT_RELEASE(6, 2), MT_RELEASE_MAX },
    { "calc_dirty_rate", 'b', MT_RELEASE(6, 2), MT_RELEASE_MAX },
};

/* The options of @command in the release of @g. */
static char *
hmp_flags(MtRefGuest *g, const HmpCommand *command)
{
    MtRelease release = mt_ref_profile_release(g->profile);
    GString *flags = g_string_new(NULL);

    for (const char *f = command->flags; f && *f; f++) {
        gboolean has = TRUE;

        for (gsize i = 0; i < G_N_ELEMENTS(hmp_flag_releases); i++) {
            if (hmp_flag_releases[i].flag == *f &&
                strcmp(hmp_flag_releases[i].command, command->name) == 0)
                has = release >= hmp_flag_releases[i].from &&
                      release <= hmp_flag_releases[i].until;
        }
        if (has)
            g_string_append_c(flags, *f);
    }
    return g_string_free(flags, FALSE);
}

static gboolean
hmp_has_alias(MtRefGuest *g, const HmpCommand *command)
{
    return command->alias &&
        mt_ref_profile_release(g->profile) >= command->alias_since;
}

static const HmpCommand *
hmp_find(MtRefGuest *g, const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hmp_commands); i++) {
        const HmpCommand *command = &hmp_commands[i];

        if ((strcmp(name, command->name) == 0 ||
             (hmp_has_alias(g, command) &&
              strcmp(name, command->alias) == 0)) &&
            mt_ref_profile_release(g->profile) >= command->since &&
            mt_ref_profile_command(g->profile, command->qmp) !=
                MT_REF_ABSENT)
            return command;
    }

    return NULL;
}

/* A command with an alias is reported with both names. */
static void
hmp_too_much(HmpCall *call, const HmpCommand *command, const char *name)
{
    gboolean name_first = mt_ref_profile_release(call->guest->profile) >=
        NAME_FIRST_SINCE;
    g_autofree char *title = NULL;

    if (hmp_has_alias(call->guest, command))
        title = g_strjoin("|", name_first ? command->name : command->alias,
                          name_first ? command->alias : command->name, NULL);
    mt_ref_hmp_extraneous(call->out, title ? title : command->name, "", name);
}

static void
hmp_run(HmpCall *call, const HmpCommand *command, const char *name)
{
    g_autoptr(JsonObject) arguments = json_object_new();

    if (call->n_words < command->n_words) {
        mt_ref_hmp_line(call->out, "%s: string expected", name);
        mt_ref_hmp_try_help(call->out, "", name);
    } else if (call->n_words > command->n_words + command->n_optional) {
        hmp_too_much(call, command, name);
    } else if (command->run) {
        command->run(call);
    } else {
        if (command->argument)
            json_object_set_string_member(arguments, command->argument,
                                          call->words[0]);
        hmp_do(call, command->qmp, arguments);
    }
}

/* Options must be in QEMU's order.  Text that follows the letter of an option
 * is an argument. */
static gboolean
hmp_read_flags(HmpCall *call, const HmpCommand *command, char ***words)
{
    g_autofree char *flags = hmp_flags(call->guest, command);

    for (const char *f = flags; *f && **words; f++) {
        char *word = **words;

        if (word[0] != '-')
            continue;
        if (word[1] == *f) {
            g_string_append_c(call->flags, *f);
            if (word[2])
                memmove(word, word + 2, strlen(word + 2) + 1);
            else
                (*words)++;
        } else if (!word[1] || !strchr(f, word[1])) {
            mt_ref_hmp_line(call->out, "%s: unsupported option -%c",
                            command->name, word[1] ? word[1] : ' ');
            mt_ref_hmp_try_help(call->out, "", command->name);
            return FALSE;
        }
    }
    return TRUE;
}

static void
hmp_words(MtRefGuest *g, MtRefDispatch dispatch, char **words, GString *out)
{
    const HmpCommand *command = hmp_find(g, words[0]);
    g_autoptr(GString) flags = g_string_new(NULL);
    HmpCall call = {
        .guest = g, .dispatch = dispatch, .flags = flags, .out = out,
    };
    char **rest = words + 1;

    if (!command) {
        mt_ref_hmp_line(out, "unknown command: '%s'", words[0]);
        return;
    }
    if (!hmp_read_flags(&call, command, &rest))
        return;
    for (; *rest; rest++) {
        if (call.n_words < G_N_ELEMENTS(call.words))
            call.words[call.n_words++] = *rest;
    }
    hmp_run(&call, command, words[0]);
}

char *
mt_ref_hmp_run(MtRefGuest *g, MtRefDispatch dispatch, const char *line)
{
    g_auto(GStrv) words = NULL;
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);

    if (!g_shell_parse_argv(line, NULL, &words, &error)) {
        g_autofree char *why = mt_foreign_text(error);

        if (!g_error_matches(error, G_SHELL_ERROR,
                             G_SHELL_ERROR_EMPTY_STRING))
            mt_ref_hmp_line(out, "%s", why);
    } else if (strcmp(words[0], "info") == 0 && words[1]) {
        mt_ref_hmp_info(g, dispatch, words[1], words[2] != NULL, out);
    } else {
        hmp_words(g, dispatch, words, out);
    }

    return g_string_free(out, FALSE);
}
