/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalogue.  To add a parameter, add its id to table.h and one row here;
 * tests/unit/test-table.c compares the rows with tests/data.
 */
#include "config.h"

#include <string.h>

#include "params/table.h"
#include "util/i18n.h"

#define RULES(...) ((const MtRule[]){ __VA_ARGS__, { MT_RULE_END } })

/* Without this being set, the row changes nothing. */
#define WITH(id) RULES({ MT_RULE_EFFECT_WITH, MT_PARAM_##id })
#define WITH_VALUE(id, v) RULES({ MT_RULE_EFFECT_WITH, MT_PARAM_##id, v })

static const MtLegacy legacy_speed = { "migrate_set_speed", NULL, 1 };
static const MtLegacy legacy_downtime = { "migrate_set_downtime", NULL, 1000 };
static const MtLegacy legacy_cache = { "migrate-set-cache-size",
                                       "query-migrate-cache-size", 1 };

static const MtRule xbzrle_rules[] = {
    { MT_RULE_USELESS_WITH, MT_PARAM_MULTIFD, NULL, MT_RELEASE(4, 0), MT_RELEASE(8, 1) },
    { MT_RULE_EXCLUDES, MT_PARAM_MULTIFD, NULL, MT_RELEASE(8, 2), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_COMPRESS, NULL, MT_RELEASE(8, 2), MT_RELEASE(9, 0) },
    { MT_RULE_EXCLUDES, MT_PARAM_ZERO_COPY_SEND, NULL, MT_RELEASE(7, 1), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MAPPED_RAM, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_END },
};

static const MtRule compress_rules[] = {
    { MT_RULE_EXCLUDES, MT_PARAM_X_POSTCOPY_RAM, NULL, MT_RELEASE(2, 5), MT_RELEASE(2, 5) },
    { MT_RULE_EXCLUDES, MT_PARAM_POSTCOPY_RAM, NULL, MT_RELEASE(2, 6), MT_RELEASE(4, 2) },
    { MT_RULE_EXCLUDES, MT_PARAM_POSTCOPY_PREEMPT, NULL, MT_RELEASE(7, 2), MT_RELEASE(9, 0) },
    { MT_RULE_EXCLUDES, MT_PARAM_MULTIFD, NULL, MT_RELEASE(7, 2), MT_RELEASE(9, 0) },
    { MT_RULE_EXCLUDES, MT_PARAM_ZERO_COPY_SEND, NULL, MT_RELEASE(7, 1), MT_RELEASE(9, 0) },
    { MT_RULE_EXCLUDES, MT_PARAM_MAPPED_RAM, NULL, MT_RELEASE(9, 0), MT_RELEASE(9, 0) },
    { MT_RULE_END },
};

static const MtRule postcopy_ram_rules[] = {
    { MT_RULE_EXCLUDES, MT_PARAM_X_IGNORE_SHARED, NULL, MT_RELEASE(4, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MULTIFD, NULL, MT_RELEASE(4, 0), MT_RELEASE(10, 0) },
    { MT_RULE_EXCLUDES, MT_PARAM_MAPPED_RAM, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MODE, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_END },
};

static const MtRule x_colo_rules[] = {
    { MT_RULE_NEEDS, MT_PARAM_RETURN_PATH, NULL, MT_RELEASE(11, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MODE, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_END },
};

static const MtRule background_snapshot_rules[] = {
    { MT_RULE_EXCLUDES, MT_PARAM_POSTCOPY_RAM, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_DIRTY_BITMAPS, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_POSTCOPY_BLOCKTIME, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_LATE_BLOCK_ACTIVATE, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_RETURN_PATH, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MULTIFD, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_PAUSE_BEFORE_SWITCHOVER, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_AUTO_CONVERGE, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_RELEASE_RAM, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_RDMA_PIN_ALL, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_COMPRESS, NULL, MT_RELEASE(6, 0), MT_RELEASE(9, 0) },
    { MT_RULE_EXCLUDES, MT_PARAM_XBZRLE, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_X_COLO, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_VALIDATE_UUID, NULL, MT_RELEASE(6, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_ZERO_COPY_SEND, NULL, MT_RELEASE(7, 1), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MODE, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_END },
};

static const MtRule zero_copy_send_rules[] = {
    { MT_RULE_NEEDS, MT_PARAM_MULTIFD, NULL, MT_RELEASE(7, 1), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_MULTIFD_COMPRESSION, NULL, MT_RELEASE(7, 1), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_TLS_CREDS, NULL, MT_RELEASE(7, 1), MT_RELEASE_NONE },
    { MT_RULE_END },
};

static const MtRule mapped_ram_rules[] = {
    { MT_RULE_EXCLUDES, MT_PARAM_MULTIFD_COMPRESSION, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_EXCLUDES, MT_PARAM_TLS_CREDS, NULL, MT_RELEASE(9, 0), MT_RELEASE_NONE },
    { MT_RULE_END },
};

static const MtEnumMember multifd_compression_members[] = {
    { "none", MT_RELEASE(5, 0), FALSE },
    { "zlib", MT_RELEASE(5, 0), FALSE },
    { "zstd", MT_RELEASE(5, 0), TRUE },
    { "qpl", MT_RELEASE(9, 1), TRUE },
    { "uadk", MT_RELEASE(9, 1), TRUE },
    { "qatzip", MT_RELEASE(9, 2), TRUE },
    { NULL },
};

static const MtEnumMember mode_members[] = {
    { "normal", MT_RELEASE(8, 2), FALSE },
    { "cpr-reboot", MT_RELEASE(8, 2), FALSE },
    { "cpr-transfer", MT_RELEASE(10, 0), FALSE },
    { "cpr-exec", MT_RELEASE(10, 2), FALSE },
    { NULL },
};

static const MtEnumMember zero_page_detection_members[] = {
    { "none", MT_RELEASE(9, 0), FALSE },
    { "legacy", MT_RELEASE(9, 0), FALSE },
    { "multifd", MT_RELEASE(9, 0), FALSE },
    { NULL },
};

static const MtRow table[MT_N_PARAMS] = {
    [MT_PARAM_COMPRESSION] = {
        .name = "compression",
        .kind = MT_KIND_WISH, .type = MT_TYPE_STRING,
        .def = "none",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 4),
        .libvirt = TRUE,
        .help = N_("how RAM is compressed: one or more of xbzrle, mt, "
                   "zlib, zstd, qatzip, qpl, uadk, or none"),
    },
    [MT_PARAM_XBZRLE] = {
        .name = "xbzrle",
        .qmp = "xbzrle",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = xbzrle_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(1, 2),
        .help = N_("send pages that were sent before as the difference "
                   "to a cached copy"),
    },
    [MT_PARAM_X_RDMA_PIN_ALL] = {
        .name = "x-rdma-pin-all",
        .qmp = "x-rdma-pin-all",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_RDMA_PIN_ALL,
        .since = MT_RELEASE(1, 6),
        .removed = MT_RELEASE(2, 0),
        .help = N_("pin all guest memory for RDMA (experimental "
                   "spelling)"),
    },
    [MT_PARAM_RDMA_PIN_ALL] = {
        .name = "rdma_pin_all",
        .qmp = "rdma-pin-all",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 0),
        .help = N_("pin all guest memory at the start of an RDMA "
                   "migration"),
    },
    [MT_PARAM_AUTO_CONVERGE] = {
        .name = "auto_converge",
        .qmp = "auto-converge",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = RULES({ MT_RULE_EXCLUDES, MT_PARAM_DIRTY_LIMIT, NULL, MT_RELEASE(8, 1), MT_RELEASE_NONE }),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(1, 6),
        .help = N_("slow the guest down until the migration converges"),
    },
    [MT_PARAM_ZERO_BLOCKS] = {
        .name = "zero_blocks",
        .qmp = "zero-blocks",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(1, 6),
        .deprecated = MT_RELEASE(9, 2), .removed = MT_RELEASE(11, 0),
        .help = N_("send blocks of zeros as a mark during storage "
                   "migration"),
    },
    [MT_PARAM_COMPRESS] = {
        .name = "compression.mt",
        .qmp = "compress",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = compress_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 4),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .replacement = N_("parallel with compression=zlib or compression=zstd"),
        .help = N_("compress each page with zlib in threads of its own"),
    },
    [MT_PARAM_EVENTS] = {
        .name = "events",
        .qmp = "events",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 4),
        .help = N_("tell changes of the migration status as QMP events"),
    },
    [MT_PARAM_X_POSTCOPY_RAM] = {
        .name = "x-postcopy-ram",
        .qmp = "x-postcopy-ram",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_POSTCOPY_RAM,
        .since = MT_RELEASE(2, 5),
        .removed = MT_RELEASE(2, 6),
        .help = N_("post-copy migration (experimental spelling)"),
    },
    [MT_PARAM_POSTCOPY_RAM] = {
        .name = "postcopy",
        .qmp = "postcopy-ram",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = postcopy_ram_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 6),
        .help = N_("allow a switch to post-copy: run on the "
                   "destination before all RAM is there"),
    },
    [MT_PARAM_X_COLO] = {
        .name = "colo",
        .qmp = "x-colo",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = x_colo_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 8),
        .unstable = MT_RELEASE(6, 2),
        .help = N_("keep a second guest in step with the first (COLO)"),
    },
    [MT_PARAM_RELEASE_RAM] = {
        .name = "release_ram",
        .qmp = "release-ram",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 9),
        .help = N_("free RAM on the source as soon as it has been sent"),
    },
    [MT_PARAM_BLOCK] = {
        .name = "block",
        .qmp = "block",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 10),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .replacement = N_("blockdev-mirror to an NBD export of the "
                          "destination (virsh migrate --copy-storage-all)"),
        .help = N_("send the disks inside the migration stream"),
    },
    [MT_PARAM_RETURN_PATH] = {
        .name = "return_path",
        .qmp = "return-path",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 10),
        .help = N_("let the destination answer the source"),
    },
    [MT_PARAM_PAUSE_BEFORE_SWITCHOVER] = {
        .name = "pause_before_switchover",
        .qmp = "pause-before-switchover",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 11),
        .help = N_("wait for migrate-continue before the guest moves"),
    },
    [MT_PARAM_X_MULTIFD] = {
        .name = "x-multifd",
        .qmp = "x-multifd",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_MULTIFD,
        .since = MT_RELEASE(2, 11),
        .removed = MT_RELEASE(4, 0),
        .help = N_("send RAM over several connections (experimental "
                   "spelling)"),
    },
    [MT_PARAM_MULTIFD] = {
        .name = "parallel",
        .qmp = "multifd",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .help = N_("send RAM over several connections (multifd)"),
    },
    [MT_PARAM_DIRTY_BITMAPS] = {
        .name = "dirty_bitmaps",
        .qmp = "dirty-bitmaps",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 12),
        .help = N_("send the dirty bitmaps of disks"),
    },
    [MT_PARAM_POSTCOPY_BLOCKTIME] = {
        .name = "postcopy.blocktime",
        .qmp = "postcopy-blocktime",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(3, 0),
        .help = N_("measure how long post-copy faults block the guest"),
    },
    [MT_PARAM_LATE_BLOCK_ACTIVATE] = {
        .name = "late_block_activate",
        .qmp = "late-block-activate",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(3, 0),
        .help = N_("do not open the disks before the guest runs on the "
                   "destination"),
    },
    [MT_PARAM_X_IGNORE_SHARED] = {
        .name = "ignore_shared",
        .qmp = "x-ignore-shared",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .unstable = MT_RELEASE(6, 2),
        .help = N_("do not send RAM that both sides have in one shared "
                   "file"),
    },
    [MT_PARAM_VALIDATE_UUID] = {
        .name = "validate_uuid",
        .qmp = "validate-uuid",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 2),
        .help = N_("refuse to load a guest that has another UUID"),
    },
    [MT_PARAM_BACKGROUND_SNAPSHOT] = {
        .name = "background_snapshot",
        .qmp = "background-snapshot",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = background_snapshot_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(6, 0),
        .help = N_("save a snapshot to a file while the guest runs on"),
    },
    [MT_PARAM_ZERO_COPY_SEND] = {
        .name = "zerocopy",
        .qmp = "zero-copy-send",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = zero_copy_send_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(7, 1),
        .help = N_("let the kernel send guest pages without copying "
                   "them"),
    },
    [MT_PARAM_POSTCOPY_PREEMPT] = {
        .name = "postcopy.preempt",
        .qmp = "postcopy-preempt",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = RULES({ MT_RULE_NEEDS, MT_PARAM_POSTCOPY_RAM, NULL, MT_RELEASE(7, 1), MT_RELEASE_NONE }),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(7, 1),
        .help = N_("a connection of its own for pages that the "
                   "destination asks for"),
    },
    [MT_PARAM_SWITCHOVER_ACK] = {
        .name = "switchover_ack",
        .qmp = "switchover-ack",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = RULES({ MT_RULE_NEEDS, MT_PARAM_RETURN_PATH, NULL, MT_RELEASE(8, 1), MT_RELEASE_NONE }),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(8, 1),
        .help = N_("let the destination say when the guest may be "
                   "stopped"),
    },
    [MT_PARAM_DIRTY_LIMIT] = {
        .name = "dirty_limit",
        .qmp = "dirty-limit",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(8, 1),
        .help = N_("slow down only the virtual CPUs that dirty memory "
                   "fastest (KVM with a dirty ring)"),
    },
    [MT_PARAM_MAPPED_RAM] = {
        .name = "mapped_ram",
        .qmp = "mapped-ram",
        .kind = MT_KIND_CAPABILITY, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = mapped_ram_rules,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(9, 0),
        .help = N_("write RAM to fixed offsets of a file"),
    },
    [MT_PARAM_COMPRESS_LEVEL] = {
        .name = "compression.mt.level",
        .qmp = "compress-level",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 0, .max = 9, .def = "1",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = WITH(COMPRESS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 4),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .libvirt = TRUE,
        .replacement = N_("compression.zlib.level or compression.zstd.level"),
        .help = N_("zlib level of the page compression threads: 0 "
                   "none, 1 fastest, 9 best"),
    },
    [MT_PARAM_COMPRESS_THREADS] = {
        .name = "compression.mt.threads",
        .qmp = "compress-threads",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 1, .max = 255, .def = "8",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = WITH(COMPRESS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 4),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .libvirt = TRUE,
        .replacement = N_("parallel.connections"),
        .help = N_("threads that compress pages"),
    },
    [MT_PARAM_COMPRESS_WAIT_THREAD] = {
        .name = "compression.mt.wait",
        .qmp = "compress-wait-thread",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_BOOL,
        .def = "true",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(COMPRESS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(3, 1),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .help = N_("wait for a free compression thread instead of "
                   "sending the page as it is"),
    },
    [MT_PARAM_DECOMPRESS_THREADS] = {
        .name = "compression.mt.dthreads",
        .qmp = "decompress-threads",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 1, .max = 255, .def = "2",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_SETUP,
        .rules = WITH(COMPRESS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 4),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .libvirt = TRUE,
        .replacement = N_("parallel.connections"),
        .help = N_("threads that decompress pages"),
    },
    [MT_PARAM_THROTTLE_TRIGGER_THRESHOLD] = {
        .name = "auto_converge.threshold",
        .qmp = "throttle-trigger-threshold",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT, .unit = MT_UNIT_PERCENT,
        .min = 1, .max = 100, .def = "50",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(5, 0),
        .help = N_("share of the bytes sent that have to be dirtied "
                   "again before the guest is slowed down"),
    },
    [MT_PARAM_X_CPU_THROTTLE_INITIAL] = {
        .name = "x-cpu-throttle-initial",
        .qmp = "x-cpu-throttle-initial",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT, .unit = MT_UNIT_PERCENT,
        .min = 1, .max = 99, .def = "20",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_CPU_THROTTLE_INITIAL,
        .since = MT_RELEASE(2, 5), .settable = MT_RELEASE(2, 6),
        .removed = MT_RELEASE(2, 7),
        .help = N_("first slow-down of the guest (experimental "
                   "spelling)"),
    },
    [MT_PARAM_X_CPU_THROTTLE_INCREMENT] = {
        .name = "x-cpu-throttle-increment",
        .qmp = "x-cpu-throttle-increment",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT, .unit = MT_UNIT_PERCENT,
        .min = 1, .max = 99, .def = "10",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_CPU_THROTTLE_INCREMENT,
        .since = MT_RELEASE(2, 5), .settable = MT_RELEASE(2, 6),
        .removed = MT_RELEASE(2, 7),
        .help = N_("further slow-down of the guest (experimental "
                   "spelling)"),
    },
    [MT_PARAM_CPU_THROTTLE_INITIAL] = {
        .name = "auto_converge.initial",
        .qmp = "cpu-throttle-initial",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT, .unit = MT_UNIT_PERCENT,
        .min = 1, .max = 99, .def = "20",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 7),
        .libvirt = TRUE,
        .help = N_("share of time that the guest is stopped when "
                   "slowing it down begins"),
    },
    [MT_PARAM_CPU_THROTTLE_INCREMENT] = {
        .name = "auto_converge.increment",
        .qmp = "cpu-throttle-increment",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT, .unit = MT_UNIT_PERCENT,
        .min = 1, .max = 99, .def = "10",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 7),
        .libvirt = TRUE,
        .help = N_("by how much that share grows each time the "
                   "migration does not converge"),
    },
    [MT_PARAM_CPU_THROTTLE_TAILSLOW] = {
        .name = "auto_converge.tailslow",
        .qmp = "cpu-throttle-tailslow",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(5, 1),
        .help = N_("make the last steps of slowing down smaller"),
    },
    [MT_PARAM_MAX_CPU_THROTTLE] = {
        .name = "auto_converge.max",
        .qmp = "max-cpu-throttle",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT, .unit = MT_UNIT_PERCENT,
        .min = 1, .max = 99, .def = "99",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(AUTO_CONVERGE),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(3, 1),
        .help = N_("the guest is never slowed down by more than this; "
                   "not below auto_converge.initial"),
    },
    [MT_PARAM_TLS_CREDS] = {
        .name = "tls.creds",
        .qmp = "tls-creds",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_STRING,
        .def = "",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 7), .settable = MT_RELEASE(2, 8),
        .help = N_("id of the tls-creds object that encrypts the "
                   "migration; empty for none"),
    },
    [MT_PARAM_TLS_HOSTNAME] = {
        .name = "tls.destination",
        .qmp = "tls-hostname",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_STRING,
        .def = "",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = WITH(TLS_CREDS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 7), .settable = MT_RELEASE(2, 8),
        .libvirt = TRUE,
        .help = N_("host name to expect in the certificate of the "
                   "destination; empty for that of the URI"),
    },
    [MT_PARAM_TLS_AUTHZ] = {
        .name = "tls.authz",
        .qmp = "tls-authz",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_STRING,
        .def = "",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_SETUP,
        .rules = WITH(TLS_CREDS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .help = N_("id of the authz object that judges the certificate "
                   "of the source; empty for none"),
    },
    [MT_PARAM_MAX_BANDWIDTH] = {
        .name = "bandwidth",
        .qmp = "max-bandwidth",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_RATE,
        .min = 0, .max = G_MAXUINT64, .def = "134217728",
        .old_def = { MT_RELEASE(5, 1), "33554432" },
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .legacy = &legacy_speed,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 8),
        .libvirt = TRUE,
        .help = N_("what the migration may send at most"),
    },
    [MT_PARAM_AVAIL_SWITCHOVER_BANDWIDTH] = {
        .name = "bandwidth.avail.switchover",
        .qmp = "avail-switchover-bandwidth",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_RATE,
        .min = 0, .max = G_MAXUINT64, .def = "0",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(8, 2),
        .libvirt = TRUE,
        .help = N_("bandwidth to count on when deciding whether the "
                   "guest can be stopped; 0 to measure it"),
    },
    [MT_PARAM_DOWNTIME_LIMIT] = {
        .name = "downtime",
        .qmp = "downtime-limit",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MS,
        .min = 0, .max = 2000000, .def = "300",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .legacy = &legacy_downtime,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 8),
        .help = N_("how long the guest may be stopped"),
    },
    [MT_PARAM_X_CHECKPOINT_DELAY] = {
        .name = "colo.checkpoint_delay",
        .qmp = "x-checkpoint-delay",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MS,
        .min = 0, .max = 4294967295, .def = "20000",
        .old_def = { MT_RELEASE(3, 0), "200" },
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(X_COLO),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 8),
        .unstable = MT_RELEASE(6, 2),
        .help = N_("time between two COLO checkpoints"),
    },
    [MT_PARAM_BLOCK_INCREMENTAL] = {
        .name = "block_incremental",
        .qmp = "block-incremental",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = WITH(BLOCK),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 10),
        .deprecated = MT_RELEASE(8, 2), .removed = MT_RELEASE(9, 1),
        .replacement = N_("blockdev-mirror with sync=top to an NBD export of "
                          "the destination (virsh migrate --copy-storage-inc)"),
        .help = N_("send only the topmost layer of each disk"),
    },
    [MT_PARAM_X_MULTIFD_CHANNELS] = {
        .name = "x-multifd-channels",
        .qmp = "x-multifd-channels",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 1, .max = 255, .def = "2",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_MULTIFD_CHANNELS,
        .since = MT_RELEASE(2, 11),
        .removed = MT_RELEASE(4, 0),
        .help = N_("number of connections (experimental spelling)"),
    },
    [MT_PARAM_X_MULTIFD_PAGE_COUNT] = {
        .name = "x-multifd-page-count",
        .qmp = "x-multifd-page-count",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 1, .max = 10000, .def = "16",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 11),
        .removed = MT_RELEASE(4, 0),
        .help = N_("pages in a packet of a connection (experimental)"),
    },
    [MT_PARAM_MULTIFD_CHANNELS] = {
        .name = "parallel.connections",
        .qmp = "multifd-channels",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 1, .max = 255, .def = "2",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH(MULTIFD),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .libvirt = TRUE,
        .help = N_("number of connections; the same on both sides"),
    },
    [MT_PARAM_XBZRLE_CACHE_SIZE] = {
        .name = "compression.xbzrle.cache",
        .qmp = "xbzrle-cache-size",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_BYTES,
        .min = 4096, .max = 1ULL << 63, .power_of_two = TRUE, .def = "67108864",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(XBZRLE),
        .legacy = &legacy_cache,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(2, 11),
        .libvirt = TRUE,
        .help = N_("size of the XBZRLE page cache"),
    },
    [MT_PARAM_MAX_POSTCOPY_BANDWIDTH] = {
        .name = "bandwidth.postcopy",
        .qmp = "max-postcopy-bandwidth",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_RATE,
        .min = 0, .max = G_MAXUINT64, .def = "0",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(3, 0),
        .libvirt = TRUE,
        .help = N_("what may be sent at most once post-copy runs; 0 "
                   "for no limit"),
    },
    [MT_PARAM_ANNOUNCE_INITIAL] = {
        .name = "announce.initial",
        .qmp = "announce-initial",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MS,
        .min = 0, .max = 100000, .def = "50",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .help = N_("time from the start of the guest to its first "
                   "self-announcement"),
    },
    [MT_PARAM_ANNOUNCE_MAX] = {
        .name = "announce.max",
        .qmp = "announce-max",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MS,
        .min = 0, .max = 100000, .def = "550",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .help = N_("longest time between two self-announcements"),
    },
    [MT_PARAM_ANNOUNCE_ROUNDS] = {
        .name = "announce.rounds",
        .qmp = "announce-rounds",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG,
        .min = 0, .max = 1000, .def = "5",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .help = N_("number of self-announcements"),
    },
    [MT_PARAM_ANNOUNCE_STEP] = {
        .name = "announce.step",
        .qmp = "announce-step",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MS,
        .min = 1, .max = 10000, .def = "100",
        .sides = MT_SIDE_DESTINATION, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(4, 0),
        .help = N_("by how much the time between two "
                   "self-announcements grows"),
    },
    [MT_PARAM_MULTIFD_COMPRESSION] = {
        .name = "parallel.compression",
        .qmp = "multifd-compression",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ENUM,
        .def = "none",
        .members = multifd_compression_members,
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH(MULTIFD),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(5, 0),
        .help = N_("how each connection compresses; compression= sets "
                   "it with all that it needs"),
    },
    [MT_PARAM_MULTIFD_ZLIB_LEVEL] = {
        .name = "compression.zlib.level",
        .qmp = "multifd-zlib-level",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 0, .max = 9, .def = "1",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH_VALUE(MULTIFD_COMPRESSION, "zlib"),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(5, 0), .ignored_until = MT_RELEASE(8, 2),
        .libvirt = TRUE,
        .help = N_("zlib level of every connection: 0 none, 1 fastest, "
                   "9 best"),
    },
    [MT_PARAM_MULTIFD_ZSTD_LEVEL] = {
        .name = "compression.zstd.level",
        .qmp = "multifd-zstd-level",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 0, .max = 20, .def = "1",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH_VALUE(MULTIFD_COMPRESSION, "zstd"),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(5, 0), .ignored_until = MT_RELEASE(8, 2),
        .libvirt = TRUE,
        .help = N_("zstd level of every connection: 1 fastest, 20 "
                   "best, 0 for the default of the library"),
    },
    [MT_PARAM_MULTIFD_QATZIP_LEVEL] = {
        .name = "compression.qatzip.level",
        .qmp = "multifd-qatzip-level",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_INT,
        .min = 1, .max = 9, .def = "1",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH_VALUE(MULTIFD_COMPRESSION, "qatzip"),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(9, 2),
        .help = N_("QATzip level of every connection: 1 fastest, 9 "
                   "best"),
    },
    [MT_PARAM_BLOCK_BITMAP_MAPPING] = {
        .name = "block_bitmap_mapping",
        .qmp = "block-bitmap-mapping",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_JSON,
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH(DIRTY_BITMAPS),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(5, 2),
        .help = N_("names under which dirty bitmaps travel: a JSON "
                   "list as in QMP; cannot be unset again"),
    },
    [MT_PARAM_X_VCPU_DIRTY_LIMIT_PERIOD] = {
        .name = "dirty_limit.period",
        .qmp = "x-vcpu-dirty-limit-period",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MS,
        .min = 1, .max = 1000, .def = "1000",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(DIRTY_LIMIT),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(8, 1),
        .unstable = MT_RELEASE(8, 1),
        .help = N_("how often dirty rates are measured for dirty_limit"),
    },
    [MT_PARAM_VCPU_DIRTY_LIMIT] = {
        .name = "dirty_limit.rate",
        .qmp = "vcpu-dirty-limit",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_MEGABYTES_RATE,
        .min = 1, .max = G_MAXUINT64, .def = "1",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .rules = WITH(DIRTY_LIMIT),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(8, 1),
        .help = N_("dirty rate that a virtual CPU is slowed down to"),
    },
    [MT_PARAM_MODE] = {
        .name = "mode",
        .qmp = "mode",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ENUM,
        .def = "normal",
        .members = mode_members,
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(8, 2),
        .help = N_("what kind of migration: normal, or checkpoint and "
                   "restart (cpr)"),
    },
    [MT_PARAM_ZERO_PAGE_DETECTION] = {
        .name = "zero_page_detection",
        .qmp = "zero-page-detection",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ENUM,
        .members = zero_page_detection_members,
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_RUNNING,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(9, 0),
        .help = N_("who looks for pages of zeros: nobody, the "
                   "migration thread (legacy) or each connection "
                   "(multifd)"),
    },
    [MT_PARAM_DIRECT_IO] = {
        .name = "direct_io",
        .qmp = "direct-io",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_BOOL,
        .def = "false",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .rules = WITH(MAPPED_RAM),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(9, 1),
        .help = N_("bypass the page cache when writing RAM to a file"),
    },
    [MT_PARAM_CPR_EXEC_COMMAND] = {
        .name = "cpr.exec_command",
        .qmp = "cpr-exec-command",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_JSON,
        .def = "[]",
        .sides = MT_SIDE_SOURCE, .when = MT_WHEN_SETUP,
        .rules = WITH_VALUE(MODE, "cpr-exec"),
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(10, 2),
        .help = N_("the command that replaces QEMU in mode cpr-exec: a "
                   "JSON list of its words"),
    },
    [MT_PARAM_X_RDMA_CHUNK_SIZE] = {
        .name = "rdma.chunk_size",
        .qmp = "x-rdma-chunk-size",
        .kind = MT_KIND_PARAMETER, .type = MT_TYPE_ULLONG, .unit = MT_UNIT_BYTES,
        .min = 1048576, .max = 1073741824, .power_of_two = TRUE, .def = "1048576",
        .sides = MT_SIDE_BOTH, .when = MT_WHEN_SETUP,
        .renamed_to = MT_PARAM_NONE,
        .since = MT_RELEASE(11, 1),
        .unstable = MT_RELEASE(11, 1),
        .help = N_("size of the pieces in which memory is registered "
                   "for RDMA"),
    },
};

const MtRow *
mt_row(MtParamId id)
{
    g_assert(id < MT_N_PARAMS);

    return &table[id];
}

MtParamId
mt_row_id(const MtRow *row)
{
    if (row >= table && row < table + MT_N_PARAMS)
        return row - table;

    return MT_PARAM_NONE;
}

const MtRow *
mt_row_find(const char *name, gboolean *qmp_spelling)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (strcmp(table[i].name, name) == 0) {
            if (qmp_spelling)
                *qmp_spelling = FALSE;
            return &table[i];
        }
    }
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (table[i].qmp && strcmp(table[i].qmp, name) == 0) {
            if (qmp_spelling)
                *qmp_spelling = TRUE;
            return &table[i];
        }
    }

    return NULL;
}

const MtRow *
mt_row_find_qmp(MtKind kind, const char *qmp)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (table[i].kind == kind && table[i].qmp &&
            strcmp(table[i].qmp, qmp) == 0)
            return &table[i];
    }

    return NULL;
}

/* Edit distance with neighbours swapped counting as one, '-' like '_'. */
static guint
table_distance(const char *a, const char *b)
{
    enum { MAX_LENGTH = 40 };
    guint rows[3][MAX_LENGTH + 1];
    guint *before = rows[0], *last = rows[1], *now = rows[2];
    gsize n_a = strlen(a), n_b = strlen(b);

    if (n_a > MAX_LENGTH || n_b > MAX_LENGTH)
        return G_MAXUINT;

    for (gsize j = 0; j <= n_b; j++)
        last[j] = j;
    for (gsize i = 1; i <= n_a; i++) {
        guint *spare;

        now[0] = i;
        for (gsize j = 1; j <= n_b; j++) {
            char x = a[i - 1] == '-' ? '_' : g_ascii_tolower(a[i - 1]);
            char y = b[j - 1] == '-' ? '_' : g_ascii_tolower(b[j - 1]);

            now[j] = MIN(MIN(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = MIN(now[j], before[j - 2] + 1);
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }

    return last[n_b];
}

const char *
mt_row_suggest(const char *name)
{
    const char *best = NULL;
    guint best_distance = G_MAXUINT;
    gsize length = strlen(name);

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const char *names[] = { table[i].name, table[i].qmp };

        for (guint j = 0; j < G_N_ELEMENTS(names); j++) {
            guint distance;

            if (!names[j])
                continue;
            distance = table_distance(name, names[j]);
            if (distance < best_distance) {
                best_distance = distance;
                best = names[j];
            }
        }
    }
    /* A third of the name may be wrong. */
    if (best_distance <= MAX(1, length / 3))
        return best;

    /* The last word of a name: "threads" for "compression.mt.threads". */
    for (guint i = 0; length >= 4 && i < MT_N_PARAMS; i++) {
        const char *dot = strrchr(table[i].name, '.');

        if (dot && g_ascii_strcasecmp(dot + 1, name) == 0)
            return table[i].name;
    }

    return NULL;
}

const MtRow *
mt_row_renamed_from(const MtRow *row)
{
    MtParamId id = mt_row_id(row);

    for (guint i = 0; id != MT_PARAM_NONE && i < MT_N_PARAMS; i++) {
        if (table[i].renamed_to == id)
            return &table[i];
    }

    return NULL;
}

gboolean
mt_row_in_release(const MtRow *row, MtRelease release)
{
    return row->since <= release &&
           (row->removed == MT_RELEASE_NONE || release < row->removed);
}

const char *
mt_row_default(const MtRow *row, MtRelease release)
{
    if (row->old_def.value && release <= row->old_def.until)
        return row->old_def.value;

    return row->def;
}

const char *
mt_kind_to_string(MtKind kind)
{
    static const char *const names[] = { "wish", "capability", "parameter" };

    return names[kind];
}

const char *
mt_type_to_string(MtType type)
{
    static const char *const names[] = { "bool", "int",    "ullong",
                                         "enum", "string", "json" };

    return names[type];
}

const char *
mt_sides_to_string(MtSide sides)
{
    static const char *const names[] = { "none", "source", "destination",
                                         "both" };

    return names[sides];
}

const char *
mt_when_to_string(MtWhen when)
{
    static const char *const names[] = { "setup", "running" };

    return names[when];
}

const char *
mt_unit_to_string(MtUnit unit)
{
    static const char *const names[] = { NULL,   "bytes", "MiB/s",
                                         "MB/s", "ms",    "%" };

    return names[unit];
}
