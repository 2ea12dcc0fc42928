/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Capabilities: which combinations QEMU accepts.
 *
 * The checks are in QEMU's order, so that the first that fails is the one that
 * QEMU reports.  The catalogue has rules about the same capabilities; the
 * releases differ where QEMU does not check a rule that is good advice.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"
#include "util/json-peek.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define STILL MT_RELEASE_MAX

typedef enum {
    CHECK_END,
    CHECK_EXCLUDES,             /* @other */
    CHECK_NEEDS,                /* @other */
    CHECK_BUILD,                /* the build option @option */
    CHECK_PLAIN,                /* no compression and no TLS in channels */
    CHECK_CHANNELS,             /* migrate-incoming has several channels */
    CHECK_NOT_STARTED,          /* migrate-incoming does not listen yet */
    CHECK_DIRTY_RING,           /* KVM's dirty ring, which is never there */
} CheckKind;

typedef struct {
    CheckKind kind;
    MtParamId cap, other;
    MtRelease from, until;
    const char *text;
    const char *option;
} CapsCheck;

#define ZERO_COPY_TEXT \
    "Zero copy only available for non-compressed non-TLS multifd migration"

#define ZERO_COPY_CHECK(kind_, other_, until_) \
    { kind_, MT_PARAM_ZERO_COPY_SEND, other_, R(7, 1), until_, ZERO_COPY_TEXT }

#define SNAPSHOT_CHECK(other_, name_) \
    { CHECK_EXCLUDES, MT_PARAM_BACKGROUND_SNAPSHOT, other_, R(6, 0), STILL, \
      "Background-snapshot is not compatible with " name_ }

static const CapsCheck checks[] = {
    { CHECK_BUILD, MT_PARAM_BLOCK, 0, R(2, 10), R(9, 0),
      "QEMU compiled without old-style (blk/-b, inc/-i) block migration",
      "live-block-migration" },
    { CHECK_BUILD, MT_PARAM_X_COLO, 0, R(3, 1), STILL,
      "QEMU compiled without replication module can't enable COLO",
      "replication" },
    { CHECK_NEEDS, MT_PARAM_X_COLO, MT_PARAM_RETURN_PATH, R(11, 0), STILL,
      "Capability 'x-colo' requires capability 'return-path'" },

    { CHECK_EXCLUDES, MT_PARAM_POSTCOPY_RAM, MT_PARAM_COMPRESS, R(2, 10),
      R(4, 2), "Postcopy is not currently compatible with compression" },
    { CHECK_EXCLUDES, MT_PARAM_POSTCOPY_RAM, MT_PARAM_X_IGNORE_SHARED, R(4, 0),
      STILL, "Postcopy is not compatible with ignore-shared" },
    { CHECK_EXCLUDES, MT_PARAM_POSTCOPY_RAM, MT_PARAM_MULTIFD, R(8, 1),
      R(10, 0), "Postcopy is not yet compatible with multifd" },

    SNAPSHOT_CHECK(MT_PARAM_POSTCOPY_RAM, "postcopy-ram"),
    SNAPSHOT_CHECK(MT_PARAM_DIRTY_BITMAPS, "dirty-bitmaps"),
    SNAPSHOT_CHECK(MT_PARAM_POSTCOPY_BLOCKTIME, "postcopy-blocktime"),
    SNAPSHOT_CHECK(MT_PARAM_LATE_BLOCK_ACTIVATE, "late-block-activate"),
    SNAPSHOT_CHECK(MT_PARAM_RETURN_PATH, "return-path"),
    SNAPSHOT_CHECK(MT_PARAM_MULTIFD, "multifd"),
    SNAPSHOT_CHECK(MT_PARAM_PAUSE_BEFORE_SWITCHOVER,
                   "pause-before-switchover"),
    SNAPSHOT_CHECK(MT_PARAM_AUTO_CONVERGE, "auto-converge"),
    SNAPSHOT_CHECK(MT_PARAM_RELEASE_RAM, "release-ram"),
    SNAPSHOT_CHECK(MT_PARAM_RDMA_PIN_ALL, "rdma-pin-all"),
    SNAPSHOT_CHECK(MT_PARAM_COMPRESS, "compress"),
    SNAPSHOT_CHECK(MT_PARAM_XBZRLE, "xbzrle"),
    SNAPSHOT_CHECK(MT_PARAM_X_COLO, "x-colo"),
    SNAPSHOT_CHECK(MT_PARAM_VALIDATE_UUID, "validate-uuid"),
    SNAPSHOT_CHECK(MT_PARAM_ZERO_COPY_SEND, "zero-copy-send"),

    ZERO_COPY_CHECK(CHECK_NEEDS, MT_PARAM_MULTIFD, STILL),
    ZERO_COPY_CHECK(CHECK_EXCLUDES, MT_PARAM_COMPRESS, R(9, 0)),
    ZERO_COPY_CHECK(CHECK_EXCLUDES, MT_PARAM_XBZRLE, STILL),
    ZERO_COPY_CHECK(CHECK_PLAIN, 0, STILL),

    { CHECK_NEEDS, MT_PARAM_POSTCOPY_PREEMPT, MT_PARAM_POSTCOPY_RAM, R(7, 1),
      STILL, "Postcopy preempt requires postcopy-ram" },
    { CHECK_EXCLUDES, MT_PARAM_POSTCOPY_PREEMPT, MT_PARAM_COMPRESS, R(7, 2),
      R(9, 0), "Postcopy preempt not compatible with compress" },
    { CHECK_NOT_STARTED, MT_PARAM_POSTCOPY_PREEMPT, 0, R(8, 1), STILL,
      "Postcopy preempt must be set before incoming starts" },

    { CHECK_CHANNELS, MT_PARAM_MULTIFD, 0, R(6, 2), R(7, 2),
      "multifd is not supported by current protocol" },
    { CHECK_EXCLUDES, MT_PARAM_MULTIFD, MT_PARAM_COMPRESS, R(7, 2), R(9, 0),
      "Multifd is not compatible with compress" },
    { CHECK_NOT_STARTED, MT_PARAM_MULTIFD, 0, R(8, 1), STILL,
      "Multifd must be set before incoming starts" },

    { CHECK_NEEDS, MT_PARAM_SWITCHOVER_ACK, MT_PARAM_RETURN_PATH, R(8, 1),
      STILL, "Capability 'switchover-ack' requires capability 'return-path'" },

    { CHECK_EXCLUDES, MT_PARAM_DIRTY_LIMIT, MT_PARAM_AUTO_CONVERGE, R(8, 1),
      STILL,
      "dirty-limit conflicts with auto-converge either of then available "
      "currently" },
    { CHECK_DIRTY_RING, MT_PARAM_DIRTY_LIMIT, 0, R(8, 1), STILL,
      "dirty-limit requires KVM with accelerator property 'dirty-ring-size' "
      "set" },

    { CHECK_EXCLUDES, MT_PARAM_MULTIFD, MT_PARAM_XBZRLE, R(8, 2), STILL,
      "Multifd is not compatible with xbzrle" },
    { CHECK_EXCLUDES, MT_PARAM_COMPRESS, MT_PARAM_XBZRLE, R(8, 2), R(9, 0),
      "Compression is not compatible with xbzrle" },

    { CHECK_EXCLUDES, MT_PARAM_MAPPED_RAM, MT_PARAM_XBZRLE, R(9, 0), STILL,
      "Mapped-ram migration is incompatible with xbzrle" },
    { CHECK_EXCLUDES, MT_PARAM_MAPPED_RAM, MT_PARAM_COMPRESS, R(9, 0),
      R(9, 0), "Mapped-ram migration is incompatible with compression" },
    { CHECK_EXCLUDES, MT_PARAM_MAPPED_RAM, MT_PARAM_POSTCOPY_RAM, R(9, 0),
      STILL, "Mapped-ram migration is incompatible with postcopy" },
    { CHECK_END },
};

/* Whether changing the values from @before to @now violates @check. */
static gboolean
caps_check_fails(const MtRefTunables *tunables,
                 const MtRefSituation *situation, const CapsCheck *check,
                 const MtRefValue *before, const MtRefValue *now)
{
    MtRelease release = tunables->profile->release;

    if (release < check->from || release > check->until ||
        !mt_ref_value_is_on(tunables, now, check->cap))
        return FALSE;

    switch (check->kind) {
    case CHECK_EXCLUDES:
        return mt_ref_value_is_on(tunables, now, check->other);
    case CHECK_NEEDS:
        return !mt_ref_value_is_on(tunables, now, check->other);
    case CHECK_BUILD:
        return !mt_ref_profile_has_build_option(tunables->profile,
                                                check->option);
    case CHECK_PLAIN:
        return !mt_ref_params_are_plain(tunables, now);
    case CHECK_CHANNELS:
        return tunables->one_channel;
    case CHECK_NOT_STARTED:
        /* Before 10.0 QEMU refuses it even if it was on already. */
        return situation->incoming_started && tunables->listens &&
               (release < R(10, 0) ||
                !mt_ref_value_is_on(tunables, before, check->cap));
    case CHECK_DIRTY_RING:
        return TRUE;
    case CHECK_END:
        break;
    }

    return FALSE;
}

static gboolean
caps_check(const MtRefTunables *tunables, const MtRefSituation *situation,
           const MtRefValue *before, const MtRefValue *now,
           MtRefRefusal *refusal)
{
    for (const CapsCheck *c = checks; c->kind; c++) {
        if (caps_check_fails(tunables, situation, c, before, now))
            return mt_ref_refuse(refusal, "%s", c->text);
    }

    return TRUE;
}

/* 2.5 to 2.9: compression switches post-copy off, without an error. */
static void
caps_drop_postcopy(const MtRefTunables *tunables, MtRefValue *now)
{
    if (!mt_ref_profile_has_quirk(tunables->profile, "postcopy-dropped") ||
        !mt_ref_value_is_on(tunables, now, MT_PARAM_COMPRESS))
        return;

    now[MT_PARAM_POSTCOPY_RAM].number = FALSE;
    now[MT_PARAM_X_POSTCOPY_RAM].number = FALSE;
}

gboolean
mt_ref_caps_set(MtRefTunables *tunables, const MtRefSituation *situation,
                JsonObject *arguments, MtRefRefusal *refusal)
{
    JsonArray *list = json_object_get_array_member(arguments, "capabilities");
    MtRefValue now[MT_N_PARAMS];
    gboolean accepted;

    if (situation->migrating)
        return mt_ref_refuse(refusal,
                             "There's a migration process in progress");

    /* A flat copy is sufficient: only the numbers of capabilities change. */
    memcpy(now, tunables->values, sizeof(now));
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);
        const char *name = json_object_get_string_member(entry, "capability");
        const MtRow *row = mt_row_find_qmp(MT_KIND_CAPABILITY, name);

        now[mt_row_id(row)].number =
            json_object_get_boolean_member(entry, "state");
    }
    caps_drop_postcopy(tunables, now);
    accepted = caps_check(tunables, situation, tunables->values, now, refusal);
    if (!accepted &&
        !mt_ref_profile_has_quirk(tunables->profile, "refused-list-stays"))
        return FALSE;

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (mt_row(i)->kind != MT_KIND_CAPABILITY)
            continue;
        tunables->changed[i] = tunables->values[i].number != now[i].number;
        tunables->values[i].number = now[i].number;
    }

    return accepted;
}

/* Some builds do not report a capability that they were built without. */
static gboolean
caps_row_is_reported(const MtRefProfile *profile, MtParamId id)
{
    if (id == MT_PARAM_X_COLO && profile->release < R(2, 10))
        return mt_ref_profile_has_build_option(profile, "replication");
    if (id == MT_PARAM_BLOCK && profile->release <= R(9, 0))
        return mt_ref_profile_has_build_option(profile,
                                               "live-block-migration");

    return TRUE;
}

JsonNode *
mt_ref_caps_query(const MtRefTunables *tunables)
{
    const MtRefShape *shape =
        mt_ref_profile_shape(tunables->profile, "MigrationCapability");
    JsonArray *list = json_array_new();

    for (guint i = 0; i < shape->fields->len; i++) {
        const MtRefField *f = &g_array_index(shape->fields, MtRefField, i);
        MtParamId id = mt_row_id(f->row);
        JsonObject *entry;

        if (!caps_row_is_reported(tunables->profile, id))
            continue;
        entry = json_object_new();
        json_object_set_boolean_member(entry, "state",
                                       tunables->values[id].number != 0);
        json_object_set_string_member(entry, "capability", f->name);
        json_array_add_object_element(list, entry);
    }

    return mt_json_node_new_array(list);
}
