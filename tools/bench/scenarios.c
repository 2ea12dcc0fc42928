/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of scenarios. */
#include "config.h"

#include "scenarios.h"

const Scenario bench_scenarios[] = {
    { "zero", "zero-page scan against a plain read of the same memory",
      scenario_zero },
    { "xbzrle", "XBZRLE encoding of pages with few and many changed bytes",
      scenario_xbzrle },
    { "packets", "one byte in each page: bytes of a packet of 128 pages",
      scenario_packets },
    { "move", "RAM moved, the engine and a real QEMU in turn", scenario_move },
    { "channels", "RAM moved on 1, 2 and 4 channels", scenario_channels },
    { "mixed-ends", "RAM moved between the engine and a real QEMU",
      scenario_mixed },
    { "limit", "RAM copied over TCP without a protocol, and what a page costs",
      scenario_limit },
    { "memory", "memory that a migration takes above the guest's RAM",
      scenario_memory },
    { "bulk", "2013: pages enter the XBZRLE cache after the bulk stage, or in it",
      scenario_bulk },
    { "threads", "2020: per-page threads against multifd, one byte a page",
      scenario_threads },
    { "tuning", "get and set of one guest, the whole command",
      scenario_tuning },
    { "planning", "planning in memory", scenario_planning },
    { "monitors", "get and set of a thousand guests at once",
      scenario_monitors },
    { "pairs", "200 pairs of reference guests migrated by one process",
      scenario_pairs },
    { "pair", "what migtune adds to a migration of two QEMUs", scenario_pair },
    { "save", "a QEMU saved by migtune, and through zstd", scenario_save },
    { "restore", "a QEMU restored by migtune, and through zstd -dc",
      scenario_restore },
    { "inspect", "streams and save files read by inspect", scenario_inspect },
    { "image", "a stream compressed and read with 1, 2 and 4 threads, and by "
               "zstd", scenario_image },
    { "levels", "a QEMU saved with different levels: which one is the default",
      scenario_levels },
    { NULL },
};
