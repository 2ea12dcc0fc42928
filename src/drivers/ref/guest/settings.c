/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Setting the capabilities and parameters of a guest, and passing those that
 * a running migration obeys on to its engine.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"

/* The cache of a running migration cannot be resized since this release. */
#define CACHE_FIXED_SINCE MT_RELEASE(2, 11)

void
mt_ref_guest_situation(MtRefGuest *g, MtRefSituation *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->migrating = mt_ref_guest_is_migrating(g);
    ret->incoming = mt_ref_guest_run_state(g) == MT_REF_INMIGRATE;
    ret->incoming_started = ret->incoming && g->incoming_begun;
    ret->ram_bytes = mt_ram_bytes(g->ram);
    ret->reject = mt_ref_guest_spec_reject(g->spec);
    ret->hide_deprecated = g->spec->hide_deprecated;
    ret->hide_unstable = g->spec->hide_unstable;
}

/* Passes changed values on to the engine of a running migration. */
static void
settings_retune(MtRefGuest *g)
{
    MtEngineSettings settings;

    g_mutex_lock(&g->lock);
    g->events_enabled = mt_ref_tunables_cap(g->tunables, MT_PARAM_EVENTS);
    g_mutex_unlock(&g->lock);
    if (!mt_ref_guest_is_migrating(g))
        return;

    mt_ref_guest_tune(g, &settings);
    mt_engine_retune(g->source, &settings);
    /* Later releases compare the new size with the value that they have just
     * stored, find no difference, and keep the cache of a running migration. */
    if (mt_ref_tunables_changed(g->tunables, MT_PARAM_XBZRLE_CACHE_SIZE) &&
        mt_ref_profile_release(g->profile) < CACHE_FIXED_SINCE)
        mt_engine_set_xbzrle_cache(g->source, settings.xbzrle_cache_bytes,
                                   NULL);
}

gboolean
mt_ref_guest_run_tunables(MtRefGuest *g, const char *command,
                          JsonObject *arguments, JsonNode **ret_result,
                          MtRefRefusal *refusal)
{
    MtRefSituation situation;
    gboolean ok;

    mt_ref_guest_situation(g, &situation);
    ok = mt_ref_tunables_run(g->tunables, &situation, command, arguments,
                             ret_result, refusal);
    settings_retune(g);
    return ok;
}

static gboolean
settings_set_block(MtRefGuest *g, gboolean on, MtRefRefusal *refusal)
{
    JsonArray *list = json_array_new();
    JsonObject *one = json_object_new();
    g_autoptr(JsonObject) arguments = json_object_new();
    g_autoptr(JsonNode) result = NULL;
    MtRefSituation situation;

    json_object_set_string_member(one, "capability", "block");
    json_object_set_boolean_member(one, "state", on);
    json_array_add_object_element(list, one);
    json_object_set_array_member(arguments, "capabilities", list);
    mt_ref_guest_situation(g, &situation);
    return mt_ref_tunables_run(g->tunables, &situation,
                               "migrate-set-capabilities", arguments, &result,
                               refusal);
}

/* migrate blk=true switches the capability `block` on until the migration has
 * ended. */
gboolean
mt_ref_guest_set_blk(MtRefGuest *g, MtRefRefusal *refusal)
{
    if (!settings_set_block(g, TRUE, refusal))
        return FALSE;

    g->set_by_blk = TRUE;
    return TRUE;
}

void
mt_ref_guest_unset_blk(MtRefGuest *g)
{
    MtRefRefusal refusal = { 0 };

    if (!g->set_by_blk || mt_ref_guest_is_migrating(g))
        return;

    g->set_by_blk = FALSE;
    settings_set_block(g, FALSE, &refusal);
    mt_ref_refusal_clear(&refusal);
}
