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

static int
plan_explain(Tool *tool, const CmdLine *line, GError **error)
{
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
    { NULL }
};

const Cmd cmd_plan_commands[] = {
    { "explain", CMD_WISHES, plan_explain_options, plan_explain,
      N_("tell what a set would do"),
      N_("Prints what would become of each wish and which commands would be "
         "sent, and changes nothing. With --qemu no guest is needed: the plan "
         "is made for a freshly started QEMU of that release, as the "
         "catalogue knows it, with every build option on.") },
    { NULL }
};
