/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The commands `migrate` and `migrate-check` for a destination that migtune can
 * reach.
 */

#include "cmd.h"

/* Whether the second word of `migrate` is a connection URI and not an
 * address in QEMU's syntax. */
gboolean migrate_pair_is_uri(const char *word);

int migrate_pair_check(Tool *tool, const CmdLine *line, GError **error);
int migrate_pair_recover(Tool *tool, const CmdLine *line, GError **error);
int migrate_pair_run(Tool *tool, const CmdLine *line, GError **error);

/* The options of both commands. */
#define MIGRATE_PAIR_OPTIONS                                               \
    { "dest-domain", 0, CMD_OPT_TEXT, .metavar = "NAME",                   \
      .help = N_("the guest that waits at the connection DESTINATION; by " \
                 "default the one with the UUID, or else the name, of the "\
                 "source") },                                              \
    { "address", 0, CMD_OPT_TEXT, .metavar = "URI",                        \
      .help = N_("the address in QEMU's syntax at which the waiting guest "\
                 "listens; by default a free port of 127.0.0.1, for two "  \
                 "guests on one host") },                                  \
    { "connect-address", 0, CMD_OPT_TEXT, .metavar = "URI",                \
      .help = N_("the address to which the source connects, if it differs "\
                 "from --address") },                                      \
    { "policy", 0, CMD_OPT_TEXT, .choices = plans_policies,                \
      .metavar = "POLICY",                                                 \
      .help = N_("how to treat settings that one side does not support: "  \
                 "refuse them (strict), use an equivalent that both sides "\
                 "support (substitute, the default), or also leave them "  \
                 "out (best-effort)") },                                   \
    { "trust-link", 0, CMD_OPT_FLAG,                                       \
      .help = N_("let the destination start the guest by itself: the "     \
                 "guest is stopped for a shorter time, but can run on "    \
                 "both sides if the link breaks in the last moment") },    \
    { "p2p", 0, CMD_OPT_FLAG,                                              \
      .help = N_("only for libvirt: the daemon of the source migrates the "\
                 "guest by itself, so that the migration does not depend " \
                 "on this command; DESTINATION must be valid there") },    \
    { "persistent", 0, CMD_OPT_FLAG,                                       \
      .help = N_("only for libvirt: the destination keeps the definition " \
                 "of the guest") },                                        \
    { "undefinesource", 0, CMD_OPT_FLAG,                                   \
      .help = N_("only for libvirt: the source forgets the definition of " \
                 "the guest") },                                           \
    { "tls", 0, CMD_OPT_FLAG,                                              \
      .help = N_("only for libvirt: encrypt the migration") }
