/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that show the effect of a change without making it.
 */
#include "config.h"

#include <glib/gi18n.h>

#include "binary.h"
#include "can.h"
#include "cmd.h"
#include "plans.h"

/* Opens the guest, or the binary, which must live as long as the domain. */
static MigtuneDomain *
plan_open(Tool *tool, const CmdLine *line, Binary **ret_binary, GError **error)
{
    if (!cmd_line_has(line, "binary"))
        return tool_open_domain(tool, cmd_line_get(line, "domain"), error);

    *ret_binary = binary_start(tool, cmd_line_get(line, "binary"), error);
    return *ret_binary ? migtune_domain_ref(binary_get_domain(*ret_binary))
                       : NULL;
}

static int
plan_explain_can(Tool *tool, const CmdLine *line, GError **error)
{
    const char *what = cmd_line_get(line, "can");
    g_autoptr(Binary) binary = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;

    if (cmd_line_has(line, "qemu"))
        return can_release(cmd_line_get(line, "qemu"), what, error);

    domain = plan_open(tool, line, &binary, error);
    if (!domain)
        return TOOL_FAILED;

    return binary ? can_domain(domain, what, tool->cancellable, error)
                  : can_guest(tool, domain, what, error);
}

/* Returns whether the error is about the command line. */
static gboolean
plan_is_usage(GError **error)
{
    return error && (g_error_matches(*error, MIGTUNE_ERROR,
                                     MIGTUNE_ERROR_INVALID_ARGUMENT) ||
                     g_error_matches(*error, MIGTUNE_ERROR,
                                     MIGTUNE_ERROR_INVALID_VALUE));
}

/* Prints the arguments for a migration that libvirt runs. */
static int
plan_explain_libvirt(Tool *tool, const CmdLine *line, MigtunePlan *plan,
                     GError **error)
{
    g_autoptr(MigtuneLowering) lowering = migtune_plan_lower(
        plan, cmd_line_get(line, "libvirt"), tool->cancellable, error);
    gboolean ok;

    if (!lowering)
        return plan_is_usage(error) ? TOOL_USAGE : TOOL_FAILED;
    ok = migtune_lowering_check(lowering, error);
    if (tool->json) {
        g_autoptr(JsonNode) document = migtune_lowering_to_json(lowering);
        g_autoptr(JsonNode) made = migtune_plan_to_json(plan);

        json_object_set_member(
            json_node_get_object(document), "warnings",
            json_node_copy(json_object_get_member(json_node_get_object(made),
                                                  "warnings")));
        if (error && *error) {
            json_object_set_member(json_node_get_object(document), "error",
                                   out_error_to_json(*error));
            g_clear_error(error);
        }
        out_json(document);
    } else if (ok) {
        plans_print_lowering(tool, plan, lowering,
                             cmd_line_get(line, "to"));
    }

    return ok ? TOOL_DONE : TOOL_FAILED;
}

static int
plan_explain(Tool *tool, const CmdLine *line, GError **error)
{
    gboolean for_libvirt = cmd_line_has(line, "for-libvirt") ||
                           cmd_line_has(line, "libvirt") ||
                           cmd_line_has(line, "to");
    const char *release = cmd_line_get(line, "qemu");
    g_auto(PlansSettings) settings = { NULL, 0, { NULL } };
    g_autoptr(Binary) binary = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;

    if (!release && !cmd_line_has(line, "domain") &&
        !cmd_line_has(line, "binary")) {
        tool_usage_error(error, _("%s: DOMAIN, --qemu RELEASE or --binary PATH "
                                  "is required"), line->cmd->name);
        return TOOL_USAGE;
    }
    if (release && cmd_line_has(line, "binary")) {
        tool_usage_error(error, _("%s: --qemu and --binary exclude each other"),
                         line->cmd->name);
        return TOOL_USAGE;
    }
    if (cmd_line_has(line, "can"))
        return plan_explain_can(tool, line, error);
    if (!plans_take_settings(line, &settings, error))
        return TOOL_USAGE;

    if (release) {
        if (!plans_resolve_short(&settings, NULL, error))
            return TOOL_USAGE;
        plan = migtune_explain(release, settings.params, settings.n_params,
                               plans_get_flags(line), error);
        if (!plan)
            return TOOL_USAGE;
    } else {
        domain = plan_open(tool, line, &binary, error);
        if (!domain ||
            !plans_resolve_short_for(&settings, line, domain,
                                     tool->cancellable, error))
            return TOOL_FAILED;
        plan = migtune_domain_plan(domain, settings.params, settings.n_params,
                                   plans_get_flags(line), tool->cancellable,
                                   error);
    }
    if (!plan)
        return TOOL_FAILED;
    if (for_libvirt)
        return plan_explain_libvirt(tool, line, plan, error);

    return plans_run(tool, line, plan, TRUE, error);
}

static const CmdOption plan_explain_options[] = {
    { "domain", 0, CMD_OPT_DATA, .word = CMD_WORD_DOMAIN,
      .metavar = "DOMAIN",
      .help = N_("name, UUID or key of a guest") },
    { "setting", 0, CMD_OPT_REST, .word = CMD_WORD_SETTING,
      .metavar = "NAME=VALUE",
      .help = N_("the settings") },
    { "qemu", 0, CMD_OPT_TEXT, .replaces_data = TRUE,
      .word = CMD_WORD_RELEASE, .metavar = "RELEASE",
      .help = N_("a newly started QEMU of that release instead of a guest, "
                 "such as 9.1") },
    { "binary", 0, CMD_OPT_TEXT, .replaces_data = TRUE, .word = CMD_WORD_ANY,
      .metavar = "PATH",
      .help = N_("a QEMU binary instead of a guest: it is started without a "
                 "machine, queried and ended") },
    { "level", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("the same as for migrate-setparameters") },
    { "threads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("the same as for migrate-setparameters") },
    { "dthreads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("the same as for migrate-setparameters") },
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,
      .metavar = "POLICY",
      .help = N_("the same as for migrate-setparameters") },
    { "can", 0, CMD_OPT_TEXT, .word = CMD_WORD_SETTING,
      .metavar = "NAME[=VALUE]",
      .help = N_("print nothing; the exit status is 0 if this QEMU supports "
                 "NAME (with this VALUE), 1 if it does not, 4 if this is "
                 "not known") },
    { "strict-exit", 0, CMD_OPT_FLAG,
      .help = N_("exit with status 3 if a verdict is neither planned, kept "
                 "nor forgotten") },
    { "for-libvirt", 0, CMD_OPT_FLAG,
      .help = N_("print the flags, typed parameters and virsh command of a "
                 "migration that libvirt runs") },
    { "libvirt", 0, CMD_OPT_TEXT, .word = CMD_WORD_ANY,
      .metavar = "RELEASE",
      .help = N_("the same for this libvirt release, such as 9.0; use the "
                 "older release of the two hosts. The default is the release "
                 "of the connection") },
    { "to", 0, CMD_OPT_TEXT, .word = CMD_WORD_ANY, .metavar = "URI",
      .help = N_("the same, with this libvirt URI of the destination in the "
                 "virsh command") },
    { NULL }
};

const Cmd cmd_plan_commands[] = {
    { "explain", CMD_SETTINGS, plan_explain_options, plan_explain,
      N_("show the effect of a change without making it"),
      N_("Prints the verdict that each setting would get and the commands "
         "that would be sent, and changes nothing. With --qemu no guest is "
         "needed: the plan is made for a newly started QEMU of that release "
         "with all build options enabled, according to the catalogue. With "
         "--binary it is made for this QEMU binary, newly started.\n\n"
         "With --for-libvirt it prints the flags and typed parameters of a "
         "migration that libvirt runs. libvirt sets capabilities and "
         "parameters itself at the start of each migration, so these "
         "settings must be part of that call. Settings that libvirt does not "
         "manage are made before the call, by the commands that are printed "
         "first. Settings that this libvirt does not support or would refuse "
         "are reported, and nothing is sent.") },
    { NULL }
};
