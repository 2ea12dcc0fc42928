/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The values of a guest's capabilities and parameters, and reading them.
 *
 * Every row of the catalogue has a value, also the rows that the release does
 * not have: those keep their default.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"
#include "util/json.h"

#define R(major, minor) MT_RELEASE(major, minor)

/* The default of zero-page-detection depends on the machine type; the machine
 * "none" has the newest one. */
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

void
mt_ref_value_init(MtRefValue *value, const MtRow *row, MtRelease release)
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
        mt_ref_value_init(&tunables->values[i], mt_row(i), profile->release);

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

/* The row with the value that is in force for @id: an older spelling, if the
 * release has only that one. */
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

    mt_ref_value_init(&def, mt_row(id), tunables->profile->release);
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
