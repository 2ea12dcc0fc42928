/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parameters: truncated to the width that the release stores, checked in its
 * order and refused with its texts.  The bounds come from the catalogue.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"
#include "util/json-peek.h"
#include "util/json.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define STILL MT_RELEASE_MAX

/* The text of a refusal, up to and including the release @until.  Rows are in
 * the order of QEMU's checks; rows of one parameter are adjacent. */
typedef struct {
    MtParamId id;
    MtRelease until;
    const char *text;
    const char *subject; /* NULL: the general form of the release */
} ParamText;

static const ParamText texts[] = {
    { MT_PARAM_COMPRESS_LEVEL, R(5, 2),
      "expects is invalid, it should be in the range of 0 to 9" },
    { MT_PARAM_COMPRESS_LEVEL, STILL, "expects a value between 0 and 9" },
    { MT_PARAM_COMPRESS_THREADS, R(5, 2),
      "expects is invalid, it should be in the range of 1 to 255" },
    { MT_PARAM_COMPRESS_THREADS, STILL, "expects a value between 1 and 255" },
    { MT_PARAM_DECOMPRESS_THREADS, R(5, 2),
      "expects is invalid, it should be in the range of 1 to 255" },
    { MT_PARAM_DECOMPRESS_THREADS, STILL, "expects a value between 1 and 255" },
    { MT_PARAM_THROTTLE_TRIGGER_THRESHOLD, STILL,
      "expects an integer in the range of 1 to 100" },
    { MT_PARAM_X_CPU_THROTTLE_INITIAL, STILL,
      "expects an integer in the range of 1 to 99" },
    { MT_PARAM_X_CPU_THROTTLE_INCREMENT, STILL,
      "expects an integer in the range of 1 to 99" },
    { MT_PARAM_CPU_THROTTLE_INITIAL, STILL,
      "expects an integer in the range of 1 to 99" },
    { MT_PARAM_CPU_THROTTLE_INCREMENT, STILL,
      "expects an integer in the range of 1 to 99" },
    { MT_PARAM_MAX_BANDWIDTH, STILL,
      "expects an integer in the range of 0 to 18446744073709551615 "
      "bytes/second" },
    { MT_PARAM_DOWNTIME_LIMIT, R(5, 0),
      "expects an integer in the range of 0 to 2000000 milliseconds" },
    { MT_PARAM_DOWNTIME_LIMIT, STILL,
      "expects an integer in the range of 0 to (2000 * 1000) ms" },
    { MT_PARAM_X_CHECKPOINT_DELAY, STILL,
      "expects is invalid, it should be positive" },
    { MT_PARAM_X_MULTIFD_CHANNELS, STILL,
      "expects is invalid, it should be in the range of 1 to 255",
      "Parameter 'multifd_channels'" },
    { MT_PARAM_X_MULTIFD_PAGE_COUNT, STILL,
      "expects is invalid, it should be in the range of 1 to 10000",
      "Parameter 'multifd_page_count'" },
    { MT_PARAM_MULTIFD_CHANNELS, R(5, 2),
      "expects is invalid, it should be in the range of 1 to 255" },
    { MT_PARAM_MULTIFD_CHANNELS, STILL, "expects a value between 1 and 255" },
    { MT_PARAM_MULTIFD_ZLIB_LEVEL, STILL, "expects a value between 0 and 9" },
    { MT_PARAM_MULTIFD_QATZIP_LEVEL, STILL, "expects a value between 1 and 9" },
    { MT_PARAM_MULTIFD_ZSTD_LEVEL, STILL, "expects a value between 0 and 20" },
    { MT_PARAM_XBZRLE_CACHE_SIZE, R(4, 2),
      "expects is invalid, it should be bigger than target page size and a "
      "power of two" },
    { MT_PARAM_XBZRLE_CACHE_SIZE, R(5, 2),
      "expects is invalid, it should be bigger than target page size and a "
      "power of 2" },
    { MT_PARAM_XBZRLE_CACHE_SIZE, STILL,
      "expects a power of two no less than the target page size" },
    { MT_PARAM_MAX_CPU_THROTTLE, R(10, 2),
      "expects an integer in the range of cpu_throttle_initial to 99" },
    { MT_PARAM_MAX_CPU_THROTTLE, STILL,
      "expects an integer in the range of cpu-throttle-initial to 99" },
    { MT_PARAM_ANNOUNCE_INITIAL, R(5, 2),
      "expects is invalid, it must be less than 100000 ms" },
    { MT_PARAM_ANNOUNCE_INITIAL, STILL,
      "expects a value between 0 and 100000" },
    { MT_PARAM_ANNOUNCE_MAX, R(5, 2),
      "expects is invalid, it must be less than 100000 ms" },
    { MT_PARAM_ANNOUNCE_MAX, STILL, "expects a value between 0 and 100000" },
    { MT_PARAM_ANNOUNCE_ROUNDS, R(5, 2),
      "expects is invalid, it must be in the range of 0 to 1000" },
    { MT_PARAM_ANNOUNCE_ROUNDS, STILL, "expects a value between 0 and 1000" },
    { MT_PARAM_ANNOUNCE_STEP, R(5, 2),
      "expects is invalid, it must be in the range of 1 to 10000 ms" },
    { MT_PARAM_ANNOUNCE_STEP, STILL, "expects a value between 0 and 10000" },
    { MT_PARAM_X_VCPU_DIRTY_LIMIT_PERIOD, R(10, 2),
      "expects a value between 1 and 1000",
      "Parameter 'x-vcpu-dirty-limit-period'" },
    { MT_PARAM_X_VCPU_DIRTY_LIMIT_PERIOD, STILL,
      "expects a value between 1 and 1000" },
    { MT_PARAM_VCPU_DIRTY_LIMIT, R(9, 0),
      "expects is invalid, it must greater then 1 MB/s" },
    { MT_PARAM_VCPU_DIRTY_LIMIT, R(10, 2), "must be greater than 1 MB/s" },
    { MT_PARAM_VCPU_DIRTY_LIMIT, STILL, "must be greater than 1 MB/s",
      "Parameter 'vcpu-dirty-limit'" },
    { MT_PARAM_X_RDMA_CHUNK_SIZE, STILL,
      "expects a power of 2 in the range 1MiB to 1024MiB",
      "Option x_rdma_chunk_size" },
    { MT_PARAM_NONE },
};

static char *
params_subject(const MtRefTunables *tunables, const MtRow *row)
{
    g_autofree char *name = g_strdup(row->qmp);

    if (tunables->profile->release >= R(11, 0))
        return g_strdup_printf("Option %s", name);

    return g_strdup_printf("Parameter '%s'", g_strdelimit(name, "-", '_'));
}

gboolean
mt_ref_params_refuse(const MtRefTunables *tunables, MtParamId id,
                     MtRefRefusal *refusal)
{
    g_autofree char *subject = params_subject(tunables, mt_row(id));
    const ParamText *t = texts;

    while (t->id != id || tunables->profile->release > t->until)
        t++;

    return mt_ref_refuse(refusal, "%s %s", t->subject ? t->subject : subject,
                         t->text);
}

/* The number of bits of a value that are stored. */
static guint
params_width(const MtRefTunables *tunables, MtParamId id)
{
    if (!mt_ref_profile_has_quirk(tunables->profile, "narrowing"))
        return 64;
    for (const MtRefRowType *t = mt_ref_row_types; t->id != MT_PARAM_NONE;
         t++) {
        if (t->id == id)
            return strcmp(t->type, "uint8") == 0    ? 8
                   : strcmp(t->type, "uint32") == 0 ? 32
                                                    : 64;
    }

    return 64;
}

static void
params_read(const MtRefTunables *tunables, const MtRow *row, JsonNode *node,
            MtRefValue *value)
{
    guint width = params_width(tunables, mt_row_id(row));

    value->given = TRUE;
    switch (row->type) {
    case MT_TYPE_BOOL:
        value->number = json_node_get_boolean(node);
        break;
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        value->number = json_node_get_int(node);
        if (width < 64)
            value->number &= (1ULL << width) - 1;
        break;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        g_free(value->text);
        value->text = g_strdup(
            JSON_NODE_HOLDS_NULL(node) ? "" : json_node_get_string(node));
        break;
    case MT_TYPE_JSON:
        g_clear_pointer(&value->json, json_node_unref);
        value->json = json_node_copy(node);
        break;
    }
}

/* Whether the value of @id is within the bounds that the release checks. */
static gboolean
params_in_range(const MtRefTunables *tunables, MtParamId id,
                const MtRefValue *now)
{
    const MtRow *row = mt_row(id);
    guint64 number = now[id].number;
    gboolean negative = (gint64)number < 0;
    guint64 min = row->min;

    switch (id) {
    case MT_PARAM_MAX_BANDWIDTH:
        return !negative ||
               mt_ref_profile_has_quirk(tunables->profile, "negative-wraps");
    case MT_PARAM_X_CHECKPOINT_DELAY:
        /* The type is the only upper bound. */
        return !negative;
    case MT_PARAM_MAX_CPU_THROTTLE:
        min = now[MT_PARAM_CPU_THROTTLE_INITIAL].number;
        break;
    default:
        break;
    }
    if (number < min || number > row->max)
        return FALSE;

    return !row->power_of_two || (number & (number - 1)) == 0;
}

static gboolean
params_is_throttle(MtParamId id)
{
    return id == MT_PARAM_X_CPU_THROTTLE_INITIAL ||
           id == MT_PARAM_X_CPU_THROTTLE_INCREMENT ||
           id == MT_PARAM_CPU_THROTTLE_INITIAL ||
           id == MT_PARAM_CPU_THROTTLE_INCREMENT;
}

gboolean
mt_ref_params_are_plain(const MtRefTunables *tunables, const MtRefValue *values)
{
    return strcmp(values[MT_PARAM_MULTIFD_COMPRESSION].text, "none") == 0 &&
           !*values[MT_PARAM_TLS_CREDS].text;
}

/* The rules about parameters and capabilities together. */
static gboolean
params_check_caps(const MtRefTunables *tunables, const MtRefValue *now,
                  MtRefRefusal *refusal)
{
    const MtRefValue *before = tunables->values;

    if (mt_ref_value_is_on(tunables, before, MT_PARAM_ZERO_COPY_SEND) &&
        !mt_ref_params_are_plain(tunables, now))
        return mt_ref_refuse(refusal,
                             "Zero copy only available for non-compressed "
                             "non-TLS multifd migration");
    /* QEMU checks the old values here, not the new ones. */
    if (mt_ref_value_is_on(tunables, before, MT_PARAM_MAPPED_RAM) &&
        !mt_ref_params_are_plain(tunables, before))
        return mt_ref_refuse(refusal,
                             "Mapped-ram only available for non-compressed "
                             "non-TLS multifd migration");

    return TRUE;
}

/* Whether the release checks @id when a client sets the parameters in
 * @touched.  Before 2.12 only those are checked. */
static gboolean
params_is_checked(const MtRefTunables *tunables, MtParamId id,
                  const gboolean *touched)
{
    return mt_ref_profile_row(tunables->profile, mt_row(id)) != MT_REF_ABSENT &&
           (touched[id] || tunables->profile->release >= R(2, 12));
}

static gboolean
params_check(const MtRefTunables *tunables, const MtRefValue *now,
             const gboolean *touched, MtRefRefusal *refusal, gboolean *ret_keep)
{
    JsonNode *mapping = now[MT_PARAM_BLOCK_BITMAP_MAPPING].json;
    const ParamText *t = texts;

    *ret_keep = FALSE;
    for (; t->id < MT_PARAM_BLOCK_BITMAP_MAPPING; t++) {
        if (!params_is_checked(tunables, t->id, touched) ||
            params_in_range(tunables, t->id, now))
            continue;
        *ret_keep = params_is_throttle(t->id) &&
                    mt_ref_profile_has_quirk(tunables->profile,
                                             "throttle-kept-on-error");
        return mt_ref_params_refuse(tunables, t->id, refusal);
    }
    if (mapping && !mt_ref_bitmaps_check(json_node_get_array(mapping), refusal))
        return FALSE;
    if (!params_check_caps(tunables, now, refusal))
        return FALSE;
    for (; t->id != MT_PARAM_NONE; t++) {
        if (params_is_checked(tunables, t->id, touched) &&
            !params_in_range(tunables, t->id, now))
            return mt_ref_params_refuse(tunables, t->id, refusal);
    }

    return TRUE;
}

static gboolean
params_value_equals(const MtRefValue *a, const MtRefValue *b)
{
    return a->number == b->number && g_strcmp0(a->text, b->text) == 0 &&
           !a->json == !b->json &&
           (!a->json || json_node_equal(a->json, b->json));
}

gboolean
mt_ref_params_set(MtRefTunables *tunables, JsonObject *arguments,
                  MtRefRefusal *refusal)
{
    MtRefValue now[MT_N_PARAMS] = { 0 };
    gboolean touched[MT_N_PARAMS] = { 0 };
    g_autoptr(GList) members = json_object_get_members(arguments);
    gboolean accepted, keep;

    for (guint i = 0; i < MT_N_PARAMS; i++)
        mt_ref_value_copy(&now[i], &tunables->values[i]);
    for (GList *m = members; m; m = m->next) {
        const char *member = m->data;
        const MtRow *row = mt_row_find_qmp(MT_KIND_PARAMETER, member);

        if (row->ignored_until &&
            tunables->profile->release <= row->ignored_until)
            continue;
        params_read(tunables, row, json_object_get_member(arguments, member),
                    &now[mt_row_id(row)]);
        touched[mt_row_id(row)] = TRUE;
    }

    accepted = params_check(tunables, now, touched, refusal, &keep);
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        if (accepted || keep) {
            MtRefValue before = tunables->values[i];

            tunables->changed[i] = !params_value_equals(&before, &now[i]);
            tunables->values[i] = now[i];
            now[i] = before;
        }
        mt_ref_value_clear(&now[i]);
    }

    return accepted;
}

static JsonNode *
params_to_json(const MtRow *row, const MtRefValue *value)
{
    JsonNode *node = json_node_alloc();

    switch (row->type) {
    case MT_TYPE_BOOL:
        return json_node_init_boolean(node, value->number != 0);
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        json_node_free(node);
        return mt_json_node_new_uint64(value->number);
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        return json_node_init_string(node, value->text);
    case MT_TYPE_JSON:
        break;
    }
    json_node_free(node);

    return json_node_copy(value->json);
}

JsonNode *
mt_ref_params_query(const MtRefTunables *tunables,
                    const MtRefSituation *situation)
{
    const MtRefShape *shape =
        mt_ref_profile_shape(tunables->profile, "MigrationParameters");
    JsonObject *answer = json_object_new();

    for (guint i = 0; i < shape->fields->len; i++) {
        const MtRefField *f = &g_array_index(shape->fields, MtRefField, i);
        const MtRefValue *value = &tunables->values[mt_row_id(f->row)];

        if ((f->deprecated && situation->hide_deprecated) ||
            (f->unstable && situation->hide_unstable))
            continue;
        if (f->row->type == MT_TYPE_JSON && !value->json)
            continue;
        if (f->row->type == MT_TYPE_STRING && !value->given &&
            mt_ref_profile_has_quirk(tunables->profile,
                                     "tls-reported-when-set"))
            continue;
        json_object_set_member(answer, f->name,
                               params_to_json(f->row, value));
    }

    return mt_json_node_new_object(answer);
}
