/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON types of the parameters of the catalogue, in the order in which
 * QEMU lists, checks and reports them.
 *
 * The types are those of 6.0 and later.  Before, most numbers were of type int
 * (see profile.c) and were truncated when stored (see tunables-params.c).
 */
#include "config.h"

#include "drivers/ref/profile/profile-private.h"

const MtRefRowType mt_ref_row_types[] = {
    { MT_PARAM_ANNOUNCE_INITIAL, "size", .always = TRUE },
    { MT_PARAM_ANNOUNCE_MAX, "size", .always = TRUE },
    { MT_PARAM_ANNOUNCE_ROUNDS, "size", .always = TRUE },
    { MT_PARAM_ANNOUNCE_STEP, "size", .always = TRUE },
    { MT_PARAM_COMPRESS_LEVEL, "uint8" },
    { MT_PARAM_COMPRESS_THREADS, "uint8" },
    { MT_PARAM_COMPRESS_WAIT_THREAD, "bool" },
    { MT_PARAM_DECOMPRESS_THREADS, "uint8" },
    { MT_PARAM_X_CPU_THROTTLE_INITIAL, "uint8" },
    { MT_PARAM_X_CPU_THROTTLE_INCREMENT, "uint8" },
    { MT_PARAM_THROTTLE_TRIGGER_THRESHOLD, "uint8" },
    { MT_PARAM_CPU_THROTTLE_INITIAL, "uint8" },
    { MT_PARAM_CPU_THROTTLE_INCREMENT, "uint8" },
    { MT_PARAM_CPU_THROTTLE_TAILSLOW, "bool" },
    { MT_PARAM_TLS_CREDS, "StrOrNull", "str" },
    { MT_PARAM_TLS_HOSTNAME, "StrOrNull", "str" },
    { MT_PARAM_TLS_AUTHZ, "StrOrNull", "str" },
    { MT_PARAM_MAX_BANDWIDTH, "size" },
    { MT_PARAM_AVAIL_SWITCHOVER_BANDWIDTH, "size" },
    { MT_PARAM_DOWNTIME_LIMIT, "uint64" },
    { MT_PARAM_X_CHECKPOINT_DELAY, "uint32" },
    { MT_PARAM_BLOCK_INCREMENTAL, "bool" },
    { MT_PARAM_X_MULTIFD_CHANNELS, "uint8" },
    { MT_PARAM_X_MULTIFD_PAGE_COUNT, "uint32" },
    { MT_PARAM_MULTIFD_CHANNELS, "uint8" },
    { MT_PARAM_XBZRLE_CACHE_SIZE, "size", .always = TRUE },
    { MT_PARAM_MAX_POSTCOPY_BANDWIDTH, "size", .always = TRUE },
    { MT_PARAM_MAX_CPU_THROTTLE, "uint8" },
    { MT_PARAM_MULTIFD_COMPRESSION, "MultiFDCompression" },
    { MT_PARAM_MULTIFD_ZLIB_LEVEL, "uint8" },
    { MT_PARAM_MULTIFD_QATZIP_LEVEL, "uint8" },
    { MT_PARAM_MULTIFD_ZSTD_LEVEL, "uint8" },
    { MT_PARAM_BLOCK_BITMAP_MAPPING, "[BitmapMigrationNodeAlias]" },
    { MT_PARAM_X_VCPU_DIRTY_LIMIT_PERIOD, "uint64" },
    { MT_PARAM_VCPU_DIRTY_LIMIT, "uint64" },
    { MT_PARAM_MODE, "MigMode" },
    { MT_PARAM_ZERO_PAGE_DETECTION, "ZeroPageDetection" },
    { MT_PARAM_DIRECT_IO, "bool" },
    { MT_PARAM_X_RDMA_CHUNK_SIZE, "uint64" },
    { MT_PARAM_CPR_EXEC_COMMAND, "[str]" },
    { MT_PARAM_NONE },
};
