/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The catalogue: one row for each capability and parameter that QEMU has had in
 * any release from 2.4 on, and for `compression`, which libvirt has and QEMU does
 * not.
 *
 * All that depends on a row is derived from it: bounds, JSON, help, completion,
 * the manual, rules, libvirt's spelling, older commands.
 */

#include "params/release.h"

G_BEGIN_DECLS

typedef enum {
    MT_PARAM_COMPRESSION,

    /* capabilities */
    MT_PARAM_XBZRLE,
    MT_PARAM_X_RDMA_PIN_ALL,
    MT_PARAM_RDMA_PIN_ALL,
    MT_PARAM_AUTO_CONVERGE,
    MT_PARAM_ZERO_BLOCKS,
    MT_PARAM_COMPRESS,
    MT_PARAM_EVENTS,
    MT_PARAM_X_POSTCOPY_RAM,
    MT_PARAM_POSTCOPY_RAM,
    MT_PARAM_X_COLO,
    MT_PARAM_RELEASE_RAM,
    MT_PARAM_BLOCK,
    MT_PARAM_RETURN_PATH,
    MT_PARAM_PAUSE_BEFORE_SWITCHOVER,
    MT_PARAM_X_MULTIFD,
    MT_PARAM_MULTIFD,
    MT_PARAM_DIRTY_BITMAPS,
    MT_PARAM_POSTCOPY_BLOCKTIME,
    MT_PARAM_LATE_BLOCK_ACTIVATE,
    MT_PARAM_X_IGNORE_SHARED,
    MT_PARAM_VALIDATE_UUID,
    MT_PARAM_BACKGROUND_SNAPSHOT,
    MT_PARAM_ZERO_COPY_SEND,
    MT_PARAM_POSTCOPY_PREEMPT,
    MT_PARAM_SWITCHOVER_ACK,
    MT_PARAM_DIRTY_LIMIT,
    MT_PARAM_MAPPED_RAM,

    /* parameters */
    MT_PARAM_COMPRESS_LEVEL,
    MT_PARAM_COMPRESS_THREADS,
    MT_PARAM_COMPRESS_WAIT_THREAD,
    MT_PARAM_DECOMPRESS_THREADS,
    MT_PARAM_THROTTLE_TRIGGER_THRESHOLD,
    MT_PARAM_X_CPU_THROTTLE_INITIAL,
    MT_PARAM_X_CPU_THROTTLE_INCREMENT,
    MT_PARAM_CPU_THROTTLE_INITIAL,
    MT_PARAM_CPU_THROTTLE_INCREMENT,
    MT_PARAM_CPU_THROTTLE_TAILSLOW,
    MT_PARAM_MAX_CPU_THROTTLE,
    MT_PARAM_TLS_CREDS,
    MT_PARAM_TLS_HOSTNAME,
    MT_PARAM_TLS_AUTHZ,
    MT_PARAM_MAX_BANDWIDTH,
    MT_PARAM_AVAIL_SWITCHOVER_BANDWIDTH,
    MT_PARAM_DOWNTIME_LIMIT,
    MT_PARAM_X_CHECKPOINT_DELAY,
    MT_PARAM_BLOCK_INCREMENTAL,
    MT_PARAM_X_MULTIFD_CHANNELS,
    MT_PARAM_X_MULTIFD_PAGE_COUNT,
    MT_PARAM_MULTIFD_CHANNELS,
    MT_PARAM_XBZRLE_CACHE_SIZE,
    MT_PARAM_MAX_POSTCOPY_BANDWIDTH,
    MT_PARAM_ANNOUNCE_INITIAL,
    MT_PARAM_ANNOUNCE_MAX,
    MT_PARAM_ANNOUNCE_ROUNDS,
    MT_PARAM_ANNOUNCE_STEP,
    MT_PARAM_MULTIFD_COMPRESSION,
    MT_PARAM_MULTIFD_ZLIB_LEVEL,
    MT_PARAM_MULTIFD_ZSTD_LEVEL,
    MT_PARAM_MULTIFD_QATZIP_LEVEL,
    MT_PARAM_BLOCK_BITMAP_MAPPING,
    MT_PARAM_X_VCPU_DIRTY_LIMIT_PERIOD,
    MT_PARAM_VCPU_DIRTY_LIMIT,
    MT_PARAM_MODE,
    MT_PARAM_ZERO_PAGE_DETECTION,
    MT_PARAM_DIRECT_IO,
    MT_PARAM_CPR_EXEC_COMMAND,
    MT_PARAM_X_RDMA_CHUNK_SIZE,

    MT_N_PARAMS,
    MT_PARAM_NONE = MT_N_PARAMS
} MtParamId;

typedef enum {
    MT_KIND_WISH,               /* consists of several other rows */
    MT_KIND_CAPABILITY,
    MT_KIND_PARAMETER,
} MtKind;

typedef enum {
    MT_TYPE_BOOL,
    MT_TYPE_INT,                /* fits libvirt's int */
    MT_TYPE_ULLONG,
    MT_TYPE_ENUM,
    MT_TYPE_STRING,
    MT_TYPE_JSON,               /* list or object, as JSON text */
} MtType;

typedef enum {
    MT_UNIT_NONE,
    MT_UNIT_BYTES,
    MT_UNIT_RATE,               /* bytes/s in QMP; MiB/s in libvirt */
    MT_UNIT_MEGABYTES_RATE,     /* MB/s in QMP as well */
    MT_UNIT_MS,
    MT_UNIT_PERCENT,
} MtUnit;

typedef enum {
    MT_SIDE_SOURCE = 1 << 0,
    MT_SIDE_DESTINATION = 1 << 1,
    MT_SIDE_BOTH = MT_SIDE_SOURCE | MT_SIDE_DESTINATION,
} MtSide;

/* What the values of the two sides of a migration have to do with each other. */
typedef enum {
    MT_PAIR_FREE,               /* nothing */
    MT_PAIR_EQUAL,              /* the migration fails, hangs or loses memory
                                 * unless they are equal */
    MT_PAIR_FOLLOW,             /* the destination takes the value of the
                                 * source if it has the row */
} MtPairRelation;

typedef enum {
    MT_WHEN_SETUP,              /* read when a migration starts */
    MT_WHEN_RUNNING,            /* also takes effect while one is running */
} MtWhen;

typedef enum {
    MT_RULE_END,
    MT_RULE_EXCLUDES,           /* QEMU refuses both set */
    MT_RULE_NEEDS,              /* QEMU refuses it unless the other is set */
    MT_RULE_USELESS_WITH,       /* no effect while the other is set */
    MT_RULE_EFFECT_WITH,        /* no effect unless the other is set */
} MtRelation;

/*
 * A rule between a row and another one.  A row is set if its value is not its
 * default.  With @value, the rule is only about that value of the other row.
 */
typedef struct {
    MtRelation relation;
    MtParamId other;
    const char *value;
    MtRelease from;             /* first release with the rule; NONE: all */
    MtRelease until;            /* last release with it; NONE: no end */
} MtRule;

typedef struct {
    const char *name;
    MtRelease since;
    gboolean build_option;      /* missing if built without its library */
} MtEnumMember;

/* The default up to and including a release. */
typedef struct {
    MtRelease until;
    const char *value;
} MtOldDefault;

/*
 * The commands for a value in releases before migrate-set-parameters could set
 * it.  Their argument is the value divided by @divide.
 */
typedef struct {
    const char *set;            /* has one argument, "value" */
    const char *get;            /* NULL: the value cannot be read */
    guint divide;               /* 1000: milliseconds given as seconds */
    MtRelease since;            /* of the command @set */
} MtLegacy;

typedef struct _MtRow MtRow;

struct _MtRow {
    const char *name;           /* libvirt's name if libvirt has one */
    const char *qmp;            /* QEMU's name; NULL for MT_KIND_WISH */
    MtKind kind;
    MtType type;
    MtUnit unit;
    guint64 min, max;           /* of numbers, as in QMP */
    gboolean power_of_two;
    guint64 obeyed_from;        /* QEMU treats a smaller number as 0; 0: none */
    const char *zero;           /* what 0 means; NULL: the number 0 */
    const char *def;            /* as in QMP; NULL: none, or not known */
    MtOldDefault old_def;
    const MtEnumMember *members;
    MtSide sides;
    MtPairRelation pair;
    MtParamId pair_with;        /* @pair counts only if this capability is on;
                                 * COMPRESSION: always */
    gboolean before_listening;  /* the destination needs it before it listens */
    MtWhen when;
    MtRelease setup_from;       /* MT_WHEN_SETUP from this release on, before it
                                 * @when; NONE: always @when */
    const MtRule *rules;
    const MtLegacy *legacy;
    MtParamId renamed_to;       /* the row of its later name; NONE: none */
    MtRelease since, deprecated, removed, unstable;
    MtRelease settable;         /* first release that lets it be set; NONE:
                                 * @since */
    MtRelease ignored_until;    /* last release that accepts it over QMP and
                                 * ignores it */
    gboolean libvirt;           /* @name is libvirt's name */
    const char *replacement;    /* what to use once it is removed */
    const char *help;
};

/* The row with this id; never NULL. */
const MtRow *mt_row(MtParamId id);

/* The id of @row; MT_PARAM_NONE if it is not in the catalogue. */
MtParamId mt_row_id(const MtRow *row);

/*
 * The row with this name, NULL if there is none.  @qmp_spelling is set to whether
 * @name is QEMU's name and the row has another one.
 */
const MtRow *mt_row_find(const char *name, gboolean *qmp_spelling);

/* The row of a capability or parameter by QEMU's name. */
const MtRow *mt_row_find_qmp(MtKind kind, const char *qmp);

/* The name of a row that is most similar to @name, NULL if none is similar. */
const char *mt_row_suggest(const char *name);

/* The name of the NULL-terminated @candidates that is most similar to @name, with
 * errors in up to a third of its characters; NULL if none is. */
const char *mt_name_nearest(const char *name, const char *const *candidates);

/* The row of the older name of @row, NULL if it had none. */
const MtRow *mt_row_renamed_from(const MtRow *row);

/* Whether QEMU of @release has @row. */
gboolean mt_row_in_release(const MtRow *row, MtRelease release);

/* The default in @release, as in QMP; NULL if it is not known. */
const char *mt_row_default(const MtRow *row, MtRelease release);

/* When a new value takes effect in @release. */
MtWhen mt_row_when(const MtRow *row, MtRelease release);

/* The first release in which the setting could be changed, by whatever command
 * and under whatever name. */
MtRelease mt_row_since(const MtRow *row);

/* Names for people and JSON. */
const char *mt_kind_to_string(MtKind kind);
const char *mt_type_to_string(MtType type);
const char *mt_sides_to_string(MtSide sides);
const char *mt_pair_relation_to_string(MtPairRelation relation);
const char *mt_when_to_string(MtWhen when);

/* How a unit is written after a number; NULL for MT_UNIT_NONE. */
const char *mt_unit_to_string(MtUnit unit);

G_END_DECLS
