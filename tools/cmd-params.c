/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that show and change the settings in force.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "catalogue.h"
#include "params.h"

static int
params_get(Tool *tool, const CmdLine *line, GError **error)
{
    return params_show(tool, line, 0, error);
}

static int
params_set(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

    if (!plans_take_settings(line, &settings, error))
        return TOOL_USAGE;

    return params_change(tool, line, &settings, error);
}

static int
params_capabilities(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };
    guint n_settings = 0;

    for (guint i = 0; i < line->rest->len; i++)
        n_settings += strchr(line->rest->pdata[i], '=') != NULL;

    if (n_settings == 0)
        return params_show(tool, line, MIGTUNE_GET_CAPABILITIES, error);
    if (n_settings < line->rest->len) {
        tool_usage_error(error, _("%s: give either names to show or "
                                  "NAME=on|off to set, not both"),
                         line->cmd->name);
        return TOOL_USAGE;
    }
    if (!catalogue_check_capabilities(line->rest, error) ||
        !plans_take_settings(line, &settings, error))
        return TOOL_USAGE;

    return params_change(tool, line, &settings, error);
}

/* virsh's commands for single settings; the value is in virsh's unit. */
static const struct {
    const char *command;
    const char *option;         /* that selects this setting, or NULL */
    const char *name;
    const char *unit;
} params_virsh[] = {
    { "migrate-setmaxdowntime", NULL, "downtime", "ms" },
    { "migrate-getmaxdowntime", NULL, "downtime", NULL },
    { "migrate-setspeed", "postcopy", "bandwidth.postcopy", "MiB/s" },
    { "migrate-setspeed", NULL, "bandwidth", "MiB/s" },
    { "migrate-getspeed", "postcopy", "bandwidth.postcopy", NULL },
    { "migrate-getspeed", NULL, "bandwidth", NULL },
    { "migrate-compcache", "size", "compression.xbzrle.cache", "B" },
    { "migrate-compcache", NULL, "compression.xbzrle.cache", NULL },
};

static int
params_run_virsh(Tool *tool, const CmdLine *line, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(params_virsh); i++) {
        const char *value = cmd_line_get(line, "value");
        g_autofree char *word = NULL;
        g_auto(PlansSettings) settings = { NULL, 0, { NULL } };

        if (strcmp(params_virsh[i].command, line->cmd->name) != 0 ||
            (params_virsh[i].option &&
             !cmd_line_has(line, params_virsh[i].option)))
            continue;
        if (!params_virsh[i].unit) {
            g_ptr_array_add(line->rest, g_strdup(params_virsh[i].name));
            return params_show(tool, line, 0, error);
        }
        value = value ? value : cmd_line_get(line, "size");
        word = g_strdup_printf("%s=%s%s", params_virsh[i].name, value,
                               strspn(value, "0123456789") == strlen(value)
                                   ? params_virsh[i].unit : "");
        if (!plans_take_setting(word, &settings, error))
            return TOOL_USAGE;
        return params_change(tool, line, &settings, error);
    }

    g_assert_not_reached();
}

static int
params_params(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(GStrv) names = params_get_names(line);
    const char *format = cmd_line_get(line, "format");
    const char *word = cmd_line_get(line, "search");
    g_autoptr(JsonNode) all =
        catalogue_get((const char *const *)names, cmd_line_get(line, "qemu"),
                      error);
    g_autoptr(JsonNode) rows = NULL;

    if (!all)
        return TOOL_USAGE;
    rows = word ? catalogue_search(all, word, error) : json_node_ref(all);
    if (!rows)
        return TOOL_FAILED;

    if (tool->json)
        out_json(rows);
    else if (g_strcmp0(format, "rst") == 0)
        catalogue_print_rst(rows);
    else if (g_strcmp0(format, "names") == 0)
        catalogue_print_names(rows);
    else if (names && !names[1] &&
             json_array_get_length(json_node_get_array(rows)) == 1)
        catalogue_print_details(tool, rows);
    else
        catalogue_print_table(tool, rows);

    return TOOL_DONE;
}

#define PARAMS_DOMAIN                                                   \
    { "domain", 0, CMD_OPT_DATA, .required = TRUE,                      \
      .word = CMD_WORD_DOMAIN, .metavar = "DOMAIN",                     \
      .help = N_("name, UUID or key of a guest") }

#define PARAMS_ALL                                                      \
    { "all", 0, CMD_OPT_FLAG, .replaces_data = TRUE,                    \
      .help = N_("all guests of the connection") }

#define PARAMS_TARGETS(live_help, config_help)                          \
    { "live", 0, CMD_OPT_FLAG, .help = live_help },                     \
    { "config", 0, CMD_OPT_FLAG, .help = config_help },                 \
    { "current", 0, CMD_OPT_FLAG,                                       \
      .help = N_("--live if the guest runs, else --config (the "        \
                 "default)") }

#define PARAMS_GET_TARGETS                                              \
    PARAMS_TARGETS(N_("show the values in force in the running guest; " \
                      "with --config, compare them with the kept "      \
                      "settings"),                                      \
                   N_("show the settings that are kept for later "      \
                      "starts of the guest"))

#define PARAMS_SET_TARGETS                                              \
    PARAMS_TARGETS(N_("change the running guest"),                      \
                   N_("keep the settings for later starts of the guest"))

#define PARAMS_POLICY                                                   \
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,             \
      .metavar = "POLICY",                                              \
      .help = N_("how to treat settings that this QEMU does not support " \
                 "exactly as given: refuse them (strict), use the "     \
                 "documented equivalent (substitute, the default), or also " \
                 "leave out settings without an equivalent (best-effort)") }

#define PARAMS_COLUMNS                                                  \
    { "columns", 'o', CMD_OPT_TEXT, .metavar = "NAME,...",              \
      .help = N_("the columns of the table and their order: name, value, " \
                 "qemu (with --live --config: kept), from, note; with "  \
                 "--all also domain") }

#define PARAMS_DRY_RUN                                                  \
    { "dry-run", 0, CMD_OPT_FLAG,                                       \
      .help = N_("print the plan without changing anything") }

#define PARAMS_STRICT_EXIT                                              \
    { "strict-exit", 0, CMD_OPT_FLAG,                                   \
      .help = N_("exit with status 3 if a verdict is neither in-force, " \
                 "kept nor forgotten") }

static const CmdOption params_get_options[] = {
    PARAMS_DOMAIN,
    { "changed", 0, CMD_OPT_FLAG,
      .help = N_("show only values that differ from QEMU's default") },
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("the parameters to show, with * and ? as wildcards; the "
                 "default is all parameters of the guest") },
    PARAMS_COLUMNS,
    PARAMS_GET_TARGETS,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_set_options[] = {
    PARAMS_DOMAIN,
    { "setting", 0, CMD_OPT_REST, .word = CMD_WORD_SETTING,
      .metavar = "NAME=VALUE",
      .help = N_("the settings") },
    { "level", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("compression level: the level of the compression method "
                 "that is set by the same command, else of the method in "
                 "force, else compression.mt.level") },
    { "threads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("number of compression threads: compression.mt.threads, or "
                 "parallel.connections if the compression method, as for "
                 "--level, is zlib, zstd, qatzip, qpl or uadk") },
    { "dthreads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("number of decompression threads: compression.mt.dthreads") },
    PARAMS_SET_TARGETS,
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_virsh_get_options[] = {
    PARAMS_DOMAIN,
    { "postcopy", 0, CMD_OPT_FLAG, .hidden = TRUE, .help = "as virsh" },
    { "size", 0, CMD_OPT_TEXT, .metavar = "BYTES", .hidden = TRUE,
      .help = "as virsh" },
    { NULL }
};

static const CmdOption params_virsh_set_options[] = {
    PARAMS_DOMAIN,
    { "value", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "VALUE",
      .help = "as virsh" },
    { "postcopy", 0, CMD_OPT_FLAG, .hidden = TRUE, .help = "as virsh" },
    { NULL }
};

#define PARAMS_VIRSH(command, options)                                  \
    { command, CMD_HIDDEN, options, params_run_virsh,                   \
      N_("the same as in virsh"), N_("The same as in virsh.") }

static const CmdOption params_capabilities_options[] = {
    PARAMS_DOMAIN,
    { "capability", 0, CMD_OPT_REST, .word = CMD_WORD_CAPABILITY,
      .metavar = "NAME[=on|off]",
      .help = N_("capabilities to show or to set; the default is to show "
                 "all") },
    PARAMS_TARGETS(N_("show or change the running guest"),
                   N_("show or change the settings that are kept for later "
                      "starts of the guest")),
    PARAMS_COLUMNS,
    PARAMS_POLICY,
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_reset_options[] = {
    PARAMS_DOMAIN,
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("the parameters to restore or, with --config, to forget; "
                 "the default is all") },
    PARAMS_TARGETS(N_("reset the running guest"),
                   N_("forget the settings that are kept for later starts of "
                      "the guest")),
    { "defaults", 0, CMD_OPT_FLAG,
      .help = N_("restore the values that QEMU starts with") },
    { "previous", 0, CMD_OPT_FLAG,
      .help = N_("restore the values before the last change (the default)") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const CmdOption params_apply_config_options[] = {
    PARAMS_DOMAIN,
    { "live", 0, CMD_OPT_FLAG,
      .help = N_("use the settings stored with the running guest, for "
                 "example after a migration, instead of those stored with "
                 "its definition") },
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,
      .metavar = "POLICY",
      .help = N_("the same as for migrate-setparameters; overrides the kept "
                 "policy") },
    PARAMS_DRY_RUN,
    PARAMS_STRICT_EXIT,
    PARAMS_ALL,
    { NULL }
};

static const char *const params_formats[] = { "table", "names", "rst", NULL };

static const CmdOption params_params_options[] = {
    { "name", 0, CMD_OPT_REST, .word = CMD_WORD_NAME, .metavar = "NAME",
      .help = N_("the parameters to list, with * and ? as wildcards; a "
                 "single parameter is described in full") },
    { "search", 0, CMD_OPT_TEXT, .metavar = "WORD",
      .help = N_("only parameters with WORD in their name or description") },
    { "qemu", 0, CMD_OPT_TEXT, .word = CMD_WORD_RELEASE,
      .metavar = "RELEASE",
      .help = N_("only the parameters of this QEMU release, such as 7.2") },
    { "format", 0, CMD_OPT_TEXT, .choices = params_formats,
      .metavar = "FORMAT",
      .help = N_("a table, only the names, or the list for "
                 "migtune-params(7)") },
    { NULL }
};

const Cmd cmd_params_commands[] = {
    { "migrate-getparameters", 0, params_get_options, params_get,
      N_("show the migration settings in force"),
      N_("Reads parameters and capabilities from QEMU and prints them with "
         "their values and units. A name can be migtune's or QEMU's own.\n\n"
         "The column From shows where a value comes from: 'default' is "
         "QEMU's default, 'kept' comes from the kept settings, 'set' was set "
         "while the guest was running; any other word names the program that "
         "manages the guest, such as libvirt. --config shows the kept "
         "settings; --live and --config together compare them with the "
         "values in force.") },
    { "migrate-setparameters", CMD_SETTINGS, params_set_options, params_set,
      N_("change migration settings"),
      N_("Plans the change from the settings given, the abilities of this "
         "QEMU and the values in force, applies the plan and reads the "
         "values back. The change is all or nothing: if one setting is "
         "refused, nothing is sent; if a command fails, the former values "
         "are restored.\n\n"
         "A setting is NAME=VALUE, or --NAME VALUE for every parameter of "
         "migtune-params(7); QEMU's own names are accepted as well. Sizes "
         "and rates accept the usual suffixes, as in 64MiB and 1GiB/s.\n\n"
         "Each setting gets a verdict. in-force: the value was read back and "
         "is effective. substituted: an equivalent is in force instead. "
         "no-effect: the value was set, but another setting makes it "
         "ineffective. unverified: the value was sent, and this QEMU cannot "
         "report it. ignored: QEMU accepted the value and reports another "
         "one. dropped: the setting is not supported and was left out, which "
         "does no harm. refused: the setting is not supported, and nothing "
         "was changed. kept: the setting is kept for later starts, and "
         "nothing was sent. forgotten: the setting is no longer kept. "
         "planned, with --dry-run: the value would be in force.\n\n"
         "With --config the settings are added to the kept settings. "
         "apply-config applies them after the guest has been started again; "
         "reset --config forgets them.") },
    { "migrate-capabilities", 0, params_capabilities_options,
      params_capabilities,
      N_("show or set migration capabilities"),
      N_("Without =on or =off, prints the capabilities and whether they are "
         "on. With =on or =off, sets them in the same way as "
         "migrate-setparameters.") },
    PARAMS_VIRSH("migrate-setmaxdowntime", params_virsh_set_options),
    PARAMS_VIRSH("migrate-getmaxdowntime", params_virsh_get_options),
    PARAMS_VIRSH("migrate-setspeed", params_virsh_set_options),
    PARAMS_VIRSH("migrate-getspeed", params_virsh_get_options),
    PARAMS_VIRSH("migrate-compcache", params_virsh_get_options),
    { "reset", 0, params_reset_options, params_reset,
      N_("restore the former values or QEMU's defaults"),
      N_("Restores the values that were in force before the last change, or "
         "with --defaults the defaults of QEMU. The values before the last "
         "change are remembered for as long as the QEMU process runs; a "
         "second reset therefore restores the values before the first one. "
         "With --config, kept settings are forgotten: all of them, or the "
         "named parameters.") },
    { "apply-config", 0, params_apply_config_options, params_apply_config,
      N_("apply the kept settings"),
      N_("Applies the settings that were kept by migrate-setparameters "
         "--config to the running QEMU. Its release can differ from the "
         "release that was running when they were kept. The output is the "
         "same as that of migrate-setparameters. With --all, guests that are "
         "not running are skipped.") },
    { "params", 0, params_params_options, params_params,
      N_("list all parameters"),
      N_("Prints the catalogue: every migration capability and parameter of "
         "every QEMU release, with the releases that added, deprecated and "
         "removed it. This needs no guest.") },
    { NULL }
};
