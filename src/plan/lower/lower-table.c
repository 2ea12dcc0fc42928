/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How libvirt sets QEMU's migration settings: by which flag, typed parameter or
 * function, and since which libvirt.  libvirt does not know rows that are not
 * listed here.
 */
#include "config.h"

#include <string.h>

#include "plan/lower/lower.h"
#include "util/i18n.h"

/* Missing in the oldest supported headers of libvirt. */
#ifndef VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL
#define VIR_MIGRATE_PARAM_COMPRESSION_ZLIB_LEVEL "compression.zlib.level"
#endif
#ifndef VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL
#define VIR_MIGRATE_PARAM_COMPRESSION_ZSTD_LEVEL "compression.zstd.level"
#endif
#ifndef VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER
#define VIR_MIGRATE_PARAM_BANDWIDTH_AVAIL_SWITCHOVER \
    "bandwidth.avail.switchover"
#endif

#define FLAG(id_, flag_, since_) \
    { .id = MT_PARAM_##id_, .kind = MT_LOWER_FLAG, \
      .flag = VIR_MIGRATE_##flag_, .since = since_ }
#define PARAM(id_, name_, type_, since_, option_) \
    { .id = MT_PARAM_##id_, .kind = MT_LOWER_PARAM, \
      .name = VIR_MIGRATE_PARAM_##name_, .type = VIR_TYPED_PARAM_##type_, \
      .since = since_, .option = option_ }
/* A method of compression, with the typed parameter that was added together with
 * it. */
#define METHOD(name_, witness_, type_, since_) \
    .kind = MT_LOWER_METHOD, .flag = VIR_MIGRATE_COMPRESSED, .name = name_, \
    .witness = VIR_MIGRATE_PARAM_COMPRESSION_##witness_, \
    .type = VIR_TYPED_PARAM_##type_, .since = since_
#define NEVER(id_, why_) \
    { .id = MT_PARAM_##id_, .kind = MT_LOWER_NEVER, .why = why_ }
#define ITSELF(id_, since_, why_) \
    { .id = MT_PARAM_##id_, .kind = MT_LOWER_ITSELF, .since = since_, \
      .why = why_ }

static const MtLowerRow lower_rows[] = {
    { .id = MT_PARAM_XBZRLE,
      METHOD("xbzrle", XBZRLE_CACHE, ULLONG, MT_RELEASE(1, 3)) },
    { .id = MT_PARAM_COMPRESS,
      METHOD("mt", MT_LEVEL, INT, MT_RELEASE(1, 3)) },
    { .id = MT_PARAM_MULTIFD_COMPRESSION, .kind = MT_LOWER_METHODS,
      .since = MT_RELEASE(9, 4) },
    FLAG(MULTIFD, PARALLEL, MT_RELEASE(5, 2)),
    FLAG(AUTO_CONVERGE, AUTO_CONVERGE, MT_RELEASE(1, 2)),
    FLAG(POSTCOPY_RAM, POSTCOPY, MT_RELEASE(1, 3)),
    FLAG(ZERO_COPY_SEND, ZEROCOPY, MT_RELEASE(8, 5)),
    FLAG(RDMA_PIN_ALL, RDMA_PIN_ALL, MT_RELEASE(1, 2)),
    FLAG(BLOCK, NON_SHARED_DISK, MT_RELEASE(0, 8)),
    FLAG(BLOCK_INCREMENTAL, NON_SHARED_INC, MT_RELEASE(0, 8)),

    PARAM(MAX_BANDWIDTH, BANDWIDTH, ULLONG, MT_RELEASE(1, 1), "--bandwidth"),
    PARAM(MAX_POSTCOPY_BANDWIDTH, BANDWIDTH_POSTCOPY, ULLONG,
          MT_RELEASE(5, 1), "--postcopy-bandwidth"),
    PARAM(AVAIL_SWITCHOVER_BANDWIDTH, BANDWIDTH_AVAIL_SWITCHOVER, ULLONG,
          MT_RELEASE(11, 1), "--available-switchover-bandwidth"),
    PARAM(COMPRESS_LEVEL, COMPRESSION_MT_LEVEL, INT, MT_RELEASE(1, 3),
          "--comp-mt-level"),
    PARAM(COMPRESS_THREADS, COMPRESSION_MT_THREADS, INT, MT_RELEASE(1, 3),
          "--comp-mt-threads"),
    PARAM(DECOMPRESS_THREADS, COMPRESSION_MT_DTHREADS, INT, MT_RELEASE(1, 3),
          "--comp-mt-dthreads"),
    PARAM(XBZRLE_CACHE_SIZE, COMPRESSION_XBZRLE_CACHE, ULLONG,
          MT_RELEASE(1, 3), "--comp-xbzrle-cache"),
    PARAM(MULTIFD_ZLIB_LEVEL, COMPRESSION_ZLIB_LEVEL, INT, MT_RELEASE(9, 4),
          "--comp-zlib-level"),
    PARAM(MULTIFD_ZSTD_LEVEL, COMPRESSION_ZSTD_LEVEL, INT, MT_RELEASE(9, 4),
          "--comp-zstd-level"),
    PARAM(CPU_THROTTLE_INITIAL, AUTO_CONVERGE_INITIAL, INT, MT_RELEASE(2, 0),
          "--auto-converge-initial"),
    PARAM(CPU_THROTTLE_INCREMENT, AUTO_CONVERGE_INCREMENT, INT,
          MT_RELEASE(2, 0), "--auto-converge-increment"),
    PARAM(MULTIFD_CHANNELS, PARALLEL_CONNECTIONS, INT, MT_RELEASE(5, 2),
          "--parallel-connections"),
    PARAM(TLS_HOSTNAME, TLS_DESTINATION, STRING, MT_RELEASE(6, 0),
          "--tls-destination"),

    { .id = MT_PARAM_DOWNTIME_LIMIT, .kind = MT_LOWER_BEFORE,
      .name = "virDomainMigrateSetMaxDowntime", .since = MT_RELEASE(0, 8),
      .option = "migrate-setmaxdowntime" },

    ITSELF(EVENTS, 0, N_("libvirt needs the events of a migration")),
    ITSELF(PAUSE_BEFORE_SWITCHOVER, 0,
           N_("libvirt pauses the guest before the switchover and continues it "
              "itself")),
    ITSELF(LATE_BLOCK_ACTIVATE, 0,
           N_("libvirt needs the late activation of disks on the destination")),
    ITSELF(RETURN_PATH, 0,
           N_("libvirt uses the return path unless the migration is "
              "tunnelled")),
    ITSELF(POSTCOPY_PREEMPT, MT_RELEASE(10, 0),
           N_("this libvirt switches it on together with post-copy if both "
              "QEMUs have it")),
    /* Not known to 9.0, known to 11.3; the releases between were not checked. */
    ITSELF(SWITCHOVER_ACK, MT_RELEASE(11, 3),
           N_("this libvirt switches it on if both QEMUs have it and the "
              "migration is not tunnelled")),

    NEVER(DIRTY_BITMAPS, N_("libvirt migrates dirty bitmaps itself, with "
                            "the storage")),
    NEVER(BLOCK_BITMAP_MAPPING, N_("libvirt migrates dirty bitmaps itself, "
                                   "with the storage")),
    NEVER(TLS_CREDS, N_("libvirt creates its own credentials when it uses TLS "
                        "(virsh migrate --tls)")),
    NEVER(X_COLO, N_("libvirt does not support COLO")),
    NEVER(BACKGROUND_SNAPSHOT,
          N_("it is for saving a guest, not for migrating it")),
    NEVER(MAPPED_RAM, N_("it is for saving a guest in a file, not for "
                         "migrating it")),
    NEVER(DIRECT_IO, N_("it is for saving a guest in a file, not for "
                        "migrating it")),
    NEVER(MODE, N_("libvirt supports only the mode 'normal'")),
};

/* Methods that are values of multifd-compression. */
static const MtLowerRow lower_methods[] = {
    { METHOD("zlib", ZLIB_LEVEL, INT, MT_RELEASE(9, 4)) },
    { METHOD("zstd", ZSTD_LEVEL, INT, MT_RELEASE(9, 4)) },
};

static const struct {
    unsigned int flag;
    const char *name;
    const char *option;
} lower_flags[] = {
#define F(name_, option_) { VIR_MIGRATE_##name_, "VIR_MIGRATE_" #name_, option_ }
    F(LIVE, "--live"),
    F(NON_SHARED_DISK, "--copy-storage-all"),
    F(NON_SHARED_INC, "--copy-storage-inc"),
    F(COMPRESSED, "--compressed"),
    F(AUTO_CONVERGE, "--auto-converge"),
    F(RDMA_PIN_ALL, "--rdma-pin-all"),
    F(POSTCOPY, "--postcopy"),
    F(TLS, "--tls"),
    F(PARALLEL, "--parallel"),
    F(ZEROCOPY, "--zerocopy"),
    F(PEER2PEER, "--p2p"),
    F(PERSIST_DEST, "--persistent"),
    F(UNDEFINE_SOURCE, "--undefinesource"),
    F(UNSAFE, "--unsafe"),
    F(POSTCOPY_RESUME, "--postcopy-resume"),
#undef F
};

/* Functions that set, before the call, what the call cannot express. */
static const MtLowerRow lower_functions[] = {
    { .id = MT_PARAM_MAX_BANDWIDTH, .kind = MT_LOWER_BEFORE,
      .name = "virDomainMigrateSetMaxSpeed", .since = MT_RELEASE(0, 9),
      .option = "migrate-setspeed" },
};

const MtLowerRow *
mt_lower_row(const MtRow *row)
{
    MtParamId id = mt_row_id(row);

    for (gsize i = 0; i < G_N_ELEMENTS(lower_rows); i++) {
        if (lower_rows[i].id == id)
            return &lower_rows[i];
    }

    return NULL;
}

const MtLowerRow *
mt_lower_before(const MtRow *row)
{
    const MtLowerRow *lower = mt_lower_row(row);
    MtParamId id = mt_row_id(row);

    if (lower && lower->kind == MT_LOWER_BEFORE)
        return lower;
    for (gsize i = 0; i < G_N_ELEMENTS(lower_functions); i++) {
        if (lower_functions[i].id == id)
            return &lower_functions[i];
    }

    return NULL;
}

const MtLowerRow *
mt_lower_method(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lower_methods); i++) {
        if (strcmp(lower_methods[i].name, name) == 0)
            return &lower_methods[i];
    }

    return NULL;
}

const MtLowerRow *
mt_lower_assignment(const MtAssignment *a)
{
    const MtLowerRow *lower = mt_lower_row(a->row);
    const MtLowerRow *method;

    if (!lower || lower->kind != MT_LOWER_METHODS)
        return lower;
    method = mt_lower_method(a->value->text);

    return method ? method : lower;
}

unsigned int
mt_lower_flags_settle(unsigned int flags)
{
    /* There are two ways to copy the storage: all of it, or the top layer. */
    return flags & VIR_MIGRATE_NON_SHARED_INC
        ? flags & ~VIR_MIGRATE_NON_SHARED_DISK : flags;
}

const char *
mt_lower_flag_name(unsigned int flag)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lower_flags); i++) {
        if (lower_flags[i].flag == flag)
            return lower_flags[i].name;
    }

    return NULL;
}

const char *
mt_lower_flag_option(unsigned int flag)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lower_flags); i++) {
        if (lower_flags[i].flag == flag)
            return lower_flags[i].option;
    }

    return NULL;
}
