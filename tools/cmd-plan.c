/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that tell beforehand what would be done.
 */
#include "config.h"

#include <glib/gi18n.h>

#include "can.h"
#include "cmd.h"
#include "plans.h"

static int
plan_explain_can(Tool *tool, const CmdLine *line, GError **error)
{
    const char *what = cmd_line_get(line, "can");
    g_autoptr(MigtuneDomain) domain = NULL;

    if (cmd_line_has(line, "qemu"))
        return can_release(cmd_line_get(line, "qemu"), what, error);

    domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
    return domain ? can_domain(domain, what, error) : TOOL_FAILED;
}

/* Whether it is what was asked for that is wrong. */
static gboolean
plan_is_usage(GError **error)
{
    return error && (g_error_matches(*error, MIGTUNE_ERROR,
                                     MIGTUNE_ERROR_INVALID_ARGUMENT) ||
                     g_error_matches(*error, MIGTUNE_ERROR,
                                     MIGTUNE_ERROR_INVALID_VALUE));
}

/* What would be given to libvirt for a migration that it runs. */
static int
plan_explain_libvirt(Tool *tool, const CmdLine *line, MigtunePlan *plan,
                     GError **error)
{
    g_autoptr(MigtuneLowering) lowering =
        migtune_plan_lower(plan, cmd_line_get(line, "libvirt"), error);
    gboolean ok;

    if (!lowering)
        return plan_is_usage(error) ? TOOL_USAGE : TOOL_FAILED;
    ok = migtune_lowering_check(lowering, error);
    if (tool->json) {
        g_autoptr(JsonNode) document = migtune_lowering_to_json(lowering);

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
    g_auto(PlansWishes) wishes = { NULL, 0 };
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;

    if (!release && !cmd_line_has(line, "domain")) {
        tool_usage_error(error, _("%s: either DOMAIN or --qemu RELEASE is "
                                  "needed"), line->cmd->name);
        return TOOL_USAGE;
    }
    if (cmd_line_has(line, "can"))
        return plan_explain_can(tool, line, error);
    if (!plans_take_wishes(line, &wishes, error))
        return TOOL_USAGE;

    if (release) {
        plan = migtune_explain(release, wishes.params, wishes.n_params,
                               plans_get_flags(line), error);
        if (!plan)
            return TOOL_USAGE;
    } else {
        domain = tool_open_domain(tool, cmd_line_get(line, "domain"), error);
        if (!domain)
            return TOOL_FAILED;
        plan = migtune_domain_plan(domain, wishes.params, wishes.n_params,
                                   plans_get_flags(line), error);
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
    { "wish", 0, CMD_OPT_REST, .word = CMD_WORD_WISH,
      .metavar = "NAME=VALUE",
      .help = N_("what is wished") },
    { "qemu", 0, CMD_OPT_TEXT, .replaces_data = TRUE,
      .word = CMD_WORD_RELEASE, .metavar = "RELEASE",
      .help = N_("a freshly started QEMU of that release instead of a "
                 "guest, such as 9.1") },
    { "level", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("as for migrate-setparameters") },
    { "threads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("as for migrate-setparameters") },
    { "dthreads", 0, CMD_OPT_NUMBER, .metavar = "N",
      .help = N_("as for migrate-setparameters") },
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,
      .metavar = "POLICY",
      .help = N_("as for migrate-setparameters") },
    { "can", 0, CMD_OPT_TEXT, .word = CMD_WORD_WISH,
      .metavar = "NAME[=VALUE]",
      .help = N_("print nothing; the exit status is 0 if this QEMU has "
                 "it, 1 if not, 2 if nobody knows the name") },
    { "strict-exit", 0, CMD_OPT_FLAG,
      .help = N_("exit status 3 when something would be substituted, "
                 "ignored or dropped") },
    { "for-libvirt", 0, CMD_OPT_FLAG,
      .help = N_("what to give to libvirt for a migration that it runs: "
                 "flags, typed parameters and the command line of virsh") },
    { "libvirt", 0, CMD_OPT_TEXT, .word = CMD_WORD_ANY,
      .metavar = "RELEASE",
      .help = N_("the same for that release of libvirt, such as 9.0, the "
                 "older one of the two hosts; without it that of the "
                 "connection") },
    { "to", 0, CMD_OPT_TEXT, .word = CMD_WORD_ANY, .metavar = "URI",
      .help = N_("the same, with the libvirt URI of the other host in the "
                 "command line of virsh") },
    { NULL }
};

const Cmd cmd_plan_commands[] = {
    { "explain", CMD_WISHES, plan_explain_options, plan_explain,
      N_("tell what a set would do"),
      N_("Prints what would become of each wish and which commands would be "
         "sent, and changes nothing. With --qemu no guest is needed: the plan "
         "is made for a freshly started QEMU of that release, as the "
         "catalogue knows it, with every build option on.\n\n"
         "With --for-libvirt it tells what to give to libvirt for a migration "
         "that libvirt runs: libvirt sets capabilities and parameters itself "
         "then, so what is to hold in it must be said in that call. What "
         "libvirt leaves alone is set just before, with the commands that "
         "stand first. Whatever this libvirt cannot do, or would refuse by "
         "its own rules, is told at once, and nothing is sent.") },
    { NULL }
};
