/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values of one guest, and the commands that set and tell them.
 *
 * There is a value for every row, whether the release has it or not: what a
 * release cannot set has its default, which is what then holds.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"
#include "util/json-peek.h"
#include "util/json.h"

#define R(major, minor) MT_RELEASE(major, minor)

/* The default that depends on the machine; "none" is as new as can be. */
#define ZERO_PAGE_DETECTION_NEW "multifd"
#define ZERO_PAGE_DETECTION_OLD "legacy"

void
mt_ref_value_copy(MtRefValue *value, const MtRefValue *from)
{
    *value = *from;
    value->text = g_strdup(from->text);
    value->json = from->json ? json_node_copy(from->json) : NULL;
}

void
mt_ref_value_clear(MtRefValue *value)
{
    g_clear_pointer(&value->text, g_free);
    g_clear_pointer(&value->json, json_node_unref);
}

static void
value_init(MtRefValue *value, const MtRow *row, MtRelease release)
{
    const char *def = mt_row_default(row, release);

    switch (row->type) {
    case MT_TYPE_BOOL:
        value->number = g_strcmp0(def, "true") == 0;
        break;
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        value->number = g_ascii_strtoull(def, NULL, 10);
        break;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
        value->text = g_strdup(def ? def : ZERO_PAGE_DETECTION_NEW);
        break;
    case MT_TYPE_JSON:
        value->json = def ? mt_json_parse(def, -1, NULL) : NULL;
        break;
    }
}

MtRefTunables *
mt_ref_tunables_new(MtRefProfile *profile)
{
    MtRefTunables *tunables = g_new0(MtRefTunables, 1);

    tunables->profile = mt_ref_profile_ref(profile);
    for (guint i = 0; i < MT_N_PARAMS; i++)
        value_init(&tunables->values[i], mt_row(i), profile->release);

    return tunables;
}

void
mt_ref_tunables_free(MtRefTunables *tunables)
{
    if (!tunables)
        return;

    for (guint i = 0; i < MT_N_PARAMS; i++)
        mt_ref_value_clear(&tunables->values[i]);
    mt_ref_profile_unref(tunables->profile);
    g_free(tunables);
}

MtRelease
mt_ref_machine_release(const char *machine)
{
    const char *dash = machine ? strrchr(machine, '-') : NULL;

    return dash ? mt_release_parse(dash + 1) : MT_RELEASE_NONE;
}

void
mt_ref_tunables_set_machine(MtRefTunables *tunables, const char *machine)
{
    MtRefValue *value = &tunables->values[MT_PARAM_ZERO_PAGE_DETECTION];
    MtRelease version = mt_ref_machine_release(machine);

    if (!version || version >= R(9, 0))
        return;

    g_free(value->text);
    value->text = g_strdup(ZERO_PAGE_DETECTION_OLD);
}

gboolean
mt_ref_value_is_on(const MtRefTunables *tunables, const MtRefValue *values,
                   MtParamId id)
{
    MtRefState state = mt_ref_profile_row(tunables->profile, mt_row(id));

    return state != MT_REF_ABSENT && state != MT_REF_STUBBED &&
           values[id].number != 0;
}

/* The row whose value is in force for @row: an older spelling, where that is
 * the one that the release has. */
static const MtRow *
tunables_row_in_force(const MtRefTunables *tunables, MtParamId id)
{
    const MtRow *row = mt_row(id);
    const MtRow *older = mt_row_renamed_from(row);

    if (older && mt_ref_profile_row(tunables->profile, row) == MT_REF_ABSENT)
        return older;

    return row;
}

static const MtRefValue *
tunables_value(const MtRefTunables *tunables, MtParamId id)
{
    return &tunables->values[mt_row_id(tunables_row_in_force(tunables, id))];
}

static gboolean
tunables_is_stubbed(const MtRefTunables *tunables, MtParamId id)
{
    const MtRow *row = tunables_row_in_force(tunables, id);

    return mt_ref_profile_row(tunables->profile, row) == MT_REF_STUBBED;
}

gboolean
mt_ref_tunables_cap(const MtRefTunables *tunables, MtParamId id)
{
    return !tunables_is_stubbed(tunables, id) &&
           tunables_value(tunables, id)->number != 0;
}

guint64
mt_ref_tunables_number(const MtRefTunables *tunables, MtParamId id)
{
    MtRefValue def = { 0 };

    if (!tunables_is_stubbed(tunables, id))
        return tunables_value(tunables, id)->number;

    value_init(&def, mt_row(id), tunables->profile->release);
    return def.number;
}

const char *
mt_ref_tunables_text(const MtRefTunables *tunables, MtParamId id)
{
    const char *def;

    if (!tunables_is_stubbed(tunables, id))
        return tunables_value(tunables, id)->text;

    def = mt_row_default(mt_row(id), tunables->profile->release);
    return def ? def : ZERO_PAGE_DETECTION_NEW;
}

gboolean
mt_ref_tunables_changed(const MtRefTunables *tunables, MtParamId id)
{
    const MtRow *row = tunables_row_in_force(tunables, id);

    return tunables->changed[mt_row_id(row)];
}

/* The knobs that there was a command each for. */

static void
knob_set(MtRefTunables *tunables, MtParamId id, guint64 number)
{
    tunables->changed[id] = tunables->values[id].number != number;
    tunables->values[id].number = number;
    tunables->values[id].given = TRUE;
}

static gboolean
run_set_speed(MtRefTunables *tunables, const MtRefSituation *situation,
              JsonObject *arguments, JsonNode **ret_result,
              MtRefRefusal *refusal)
{
    gint64 speed = json_object_get_int_member(arguments, "value");

    if (speed < 0 && tunables->profile->release < R(2, 8))
        speed = 0;
    if (speed < 0 &&
        !mt_ref_profile_has_quirk(tunables->profile, "negative-wraps"))
        return mt_ref_params_refuse(tunables, MT_PARAM_MAX_BANDWIDTH, refusal);
    knob_set(tunables, MT_PARAM_MAX_BANDWIDTH, speed);

    return TRUE;
}

static gboolean
run_set_downtime(MtRefTunables *tunables, const MtRefSituation *situation,
                 JsonObject *arguments, JsonNode **ret_result,
                 MtRefRefusal *refusal)
{
    double seconds = json_object_get_double_member(arguments, "value");
    double max = mt_row(MT_PARAM_DOWNTIME_LIMIT)->max / 1000.0;

    if (tunables->profile->release < R(2, 8))
        seconds = CLAMP(seconds, 0, G_MAXINT64 / 1e9);
    else if (seconds < 0 || seconds > max)
        return mt_ref_refuse(refusal,
                             "Parameter 'downtime_limit' expects an integer in "
                             "the range of 0 to %.0f seconds",
                             max);
    knob_set(tunables, MT_PARAM_DOWNTIME_LIMIT, seconds * 1000);

    return TRUE;
}

/* Before 2.11 the size was made to fit, once it was within bounds. */
static gboolean
knob_set_old_cache_size(MtRefTunables *tunables, guint64 size,
                        guint64 ram_bytes, MtRefRefusal *refusal)
{
    const char *wrong = NULL;

    if ((gint64)size < 0 || size > ram_bytes)
        wrong = "exceeds guest ram size ";
    else if (size < mt_row(MT_PARAM_XBZRLE_CACHE_SIZE)->min)
        wrong = "is smaller than page size";
    if (wrong)
        return mt_ref_refuse(refusal, "Parameter 'cache size' expects %s",
                             wrong);

    while (size & (size - 1))
        size &= size - 1;
    knob_set(tunables, MT_PARAM_XBZRLE_CACHE_SIZE, size);

    return TRUE;
}

static gboolean
run_set_cache_size(MtRefTunables *tunables, const MtRefSituation *situation,
                   JsonObject *arguments, JsonNode **ret_result,
                   MtRefRefusal *refusal)
{
    guint64 size = json_object_get_int_member(arguments, "value");

    if (tunables->profile->release < R(2, 11))
        return knob_set_old_cache_size(tunables, size, situation->ram_bytes,
                                       refusal);
    if (size < mt_row(MT_PARAM_XBZRLE_CACHE_SIZE)->min || (size & (size - 1)))
        return mt_ref_params_refuse(tunables, MT_PARAM_XBZRLE_CACHE_SIZE,
                                    refusal);
    knob_set(tunables, MT_PARAM_XBZRLE_CACHE_SIZE, size);

    return TRUE;
}

static gboolean
run_query_cache_size(MtRefTunables *tunables, const MtRefSituation *situation,
                     JsonObject *arguments, JsonNode **ret_result,
                     MtRefRefusal *refusal)
{
    guint64 size = tunables->values[MT_PARAM_XBZRLE_CACHE_SIZE].number;

    /* An int: the largest size is told as a negative one. */
    *ret_result = json_node_init_int(json_node_alloc(), size);

    return TRUE;
}

static gboolean
run_set_capabilities(MtRefTunables *tunables, const MtRefSituation *situation,
                     JsonObject *arguments, JsonNode **ret_result,
                     MtRefRefusal *refusal)
{
    return mt_ref_caps_set(tunables, situation, arguments, refusal);
}

static gboolean
run_query_capabilities(MtRefTunables *tunables, const MtRefSituation *situation,
                       JsonObject *arguments, JsonNode **ret_result,
                       MtRefRefusal *refusal)
{
    *ret_result = mt_ref_caps_query(tunables);

    return TRUE;
}

/*
 * tls-authz null ends the process of some releases.  A reference guest shares
 * its process with others, so it refuses, and changes nothing.
 */
static gboolean
run_set_parameters(MtRefTunables *tunables, const MtRefSituation *situation,
                   JsonObject *arguments, JsonNode **ret_result,
                   MtRefRefusal *refusal)
{
    if (arguments && json_object_has_member(arguments, "tls-authz") &&
        json_object_get_null_member(arguments, "tls-authz") &&
        mt_ref_profile_has_quirk(tunables->profile, "tls-authz-null-aborts"))
        return mt_ref_refuse(refusal,
                             "Parameter 'tls-authz' is null, which ends the "
                             "process of QEMU of this release");

    return !arguments || mt_ref_params_set(tunables, arguments, refusal);
}

static gboolean
run_query_parameters(MtRefTunables *tunables, const MtRefSituation *situation,
                     JsonObject *arguments, JsonNode **ret_result,
                     MtRefRefusal *refusal)
{
    *ret_result = mt_ref_params_query(tunables, situation);

    return TRUE;
}

typedef gboolean (*TunablesRun)(MtRefTunables *tunables,
                                const MtRefSituation *situation,
                                JsonObject *arguments, JsonNode **ret_result,
                                MtRefRefusal *refusal);

static TunablesRun
tunables_find(const char *command)
{
    static const struct {
        const char *command;
        TunablesRun run;
    } runs[] = {
        { "migrate-set-capabilities", run_set_capabilities },
        { "query-migrate-capabilities", run_query_capabilities },
        { "migrate-set-parameters", run_set_parameters },
        { "query-migrate-parameters", run_query_parameters },
        { "migrate_set_speed", run_set_speed },
        { "migrate_set_downtime", run_set_downtime },
        { "migrate-set-cache-size", run_set_cache_size },
        { "query-migrate-cache-size", run_query_cache_size },
    };

    for (guint i = 0; i < G_N_ELEMENTS(runs); i++) {
        if (strcmp(runs[i].command, command) == 0)
            return runs[i].run;
    }

    return NULL;
}

gboolean
mt_ref_tunables_knows(const char *command)
{
    return tunables_find(command) != NULL;
}

gboolean
mt_ref_tunables_run(MtRefTunables *tunables, const MtRefSituation *situation,
                    const char *command, JsonObject *arguments,
                    JsonNode **ret_result, MtRefRefusal *refusal)
{
    TunablesRun run = tunables_find(command);
    JsonNode *result = NULL;

    memset(tunables->changed, 0, sizeof(tunables->changed));
    if (!run(tunables, situation, arguments, &result, refusal))
        return FALSE;
    *ret_result = result ? result : mt_json_node_new_object(json_object_new());

    return TRUE;
}
