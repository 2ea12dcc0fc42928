/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The commands that set and query capabilities and parameters, with those that
 * old releases have for single parameters.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"
#include "util/json-peek.h"
#include "util/json.h"

#define R(major, minor) MT_RELEASE(major, minor)

/* Old releases have one command each for these parameters. */
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

/* Before 2.11 a size within the bounds is rounded down to a power of two. */
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

    /* The type is int: the largest size is reported as a negative number. */
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
 * With some releases, QEMU crashes if tls-authz is null.  A reference guest
 * shares its process with others, so it refuses this and changes nothing.
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
                             "Parameter 'tls-authz' is null, which makes "
                             "QEMU of this release crash");

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
