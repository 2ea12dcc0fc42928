/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The catalogue: one row for every capability and parameter that QEMU has had
 * in any release from 2.4 on, and for the wishes that libvirt knows and QEMU
 * does not.
 *
 * Everything that depends on a row (bounds, JSON, help, completion, manual,
 * rules, libvirt's spelling, older commands) is derived from the row.
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
    MT_KIND_WISH,               /* made of several of the others */
    MT_KIND_CAPABILITY,
    MT_KIND_PARAMETER,
} MtKind;

typedef enum {
    MT_TYPE_BOOL,
    MT_TYPE_INT,                /* fits libvirt's int */
    MT_TYPE_ULLONG,
    MT_TYPE_ENUM,
    MT_TYPE_STRING,
    MT_TYPE_JSON,               /* lists and objects, as JSON text */
} MtType;

typedef enum {
    MT_UNIT_NONE,
    MT_UNIT_BYTES,
    MT_UNIT_RATE,               /* bytes a second; MiB/s to libvirt's users */
    MT_UNIT_MEGABYTES_RATE,     /* MB/s on the wire, too */
    MT_UNIT_MS,
    MT_UNIT_PERCENT,
} MtUnit;

typedef enum {
    MT_SIDE_SOURCE = 1 << 0,
    MT_SIDE_DESTINATION = 1 << 1,
    MT_SIDE_BOTH = MT_SIDE_SOURCE | MT_SIDE_DESTINATION,
} MtSide;

typedef enum {
    MT_WHEN_SETUP,              /* read when a migration starts */
    MT_WHEN_RUNNING,            /* takes effect while one runs, too */
} MtWhen;

typedef enum {
    MT_RULE_END,
    MT_RULE_EXCLUDES,           /* never both set */
    MT_RULE_NEEDS,              /* not set unless the other is */
    MT_RULE_USELESS_WITH,       /* accepted with the other, without effect */
    MT_RULE_EFFECT_WITH,        /* only has effect when the other is set */
} MtRelation;

/*
 * One rule about a row and another.  A row is "set" when its value differs
 * from its default; @value narrows that to one value of the other.
 */
typedef struct {
    MtRelation relation;
    MtParamId other;
    const char *value;
    MtRelease from;             /* first release it holds in; NONE: all */
    MtRelease until;            /* last one; NONE: it still holds */
} MtRule;

typedef struct {
    const char *name;
    MtRelease since;
    gboolean build_option;      /* absent from builds without the library */
} MtEnumMember;

/* A default that held up to and including a release. */
typedef struct {
    MtRelease until;
    const char *value;
} MtOldDefault;

/*
 * What sets and tells the value in releases that cannot do so with
 * migrate-set-parameters.  The value on the wire is divided by @divide.
 */
typedef struct {
    const char *set;            /* takes one argument, "value" */
    const char *get;            /* NULL: nothing tells it */
    guint divide;               /* 1000: milliseconds given as seconds */
} MtLegacy;

typedef struct _MtRow MtRow;

struct _MtRow {
    const char *name;           /* libvirt's where libvirt has one */
    const char *qmp;            /* QEMU's; NULL for a wish */
    MtKind kind;
    MtType type;
    MtUnit unit;
    guint64 min, max;           /* of numbers, as on the wire */
    gboolean power_of_two;
    const char *def;            /* as on the wire; NULL: none, or not known */
    MtOldDefault old_def;
    const MtEnumMember *members;
    MtSide sides;
    MtWhen when;
    const MtRule *rules;
    const MtLegacy *legacy;
    MtParamId renamed_to;       /* NONE unless it lives on under that name */
    MtRelease since, deprecated, removed, unstable;
    MtRelease settable;         /* listed earlier, but not to be set */
    MtRelease ignored_until;    /* accepted over QMP without any effect */
    gboolean libvirt;           /* the name is libvirt's own */
    const char *replacement;    /* what people do instead once it is gone */
    const char *help;
};

/* A row by its id; never NULL. */
const MtRow *mt_row(MtParamId id);

/* The id of a row of the table, MT_PARAM_NONE for one that is not in it. */
MtParamId mt_row_id(const MtRow *row);

/*
 * The row of that name; with @qmp_spelling, whether QEMU's spelling was used
 * where it differs from ours.  NULL when there is none.
 */
const MtRow *mt_row_find(const char *name, gboolean *qmp_spelling);

/* The row that stands behind QEMU's name for a capability or a parameter. */
const MtRow *mt_row_find_qmp(MtKind kind, const char *qmp);

/* The nearest name of a row, NULL when none is near. */
const char *mt_row_suggest(const char *name);

/* What @row was called in an older release, NULL when it was not. */
const MtRow *mt_row_renamed_from(const MtRow *row);

/* Whether QEMU of @release has it. */
gboolean mt_row_in_release(const MtRow *row, MtRelease release);

/* The default in @release, as on the wire; NULL when it is not known. */
const char *mt_row_default(const MtRow *row, MtRelease release);

/* Names for people and JSON. */
const char *mt_kind_to_string(MtKind kind);
const char *mt_type_to_string(MtType type);
const char *mt_sides_to_string(MtSide sides);
const char *mt_when_to_string(MtWhen when);

/* How a unit is written behind a number; NULL for none. */
const char *mt_unit_to_string(MtUnit unit);

G_END_DECLS
