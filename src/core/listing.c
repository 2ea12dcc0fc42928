/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists the settings of a domain, one a line, under their present names: a
 * setting that this QEMU has under an experimental name is listed under its
 * stable name.
 */
#include "config.h"

#include <string.h>

#include "core/core.h"
#include "util/i18n.h"

static void
listed_free(MtListed *listed)
{
    mt_value_free(listed->value);
    g_free(listed);
}

/* Returns the entry of @row, also if QEMU has it under an older or newer
 * name. */
static const MtCapsEntry *
listing_entry(const MtCaps *caps, const MtRow *row)
{
    const MtCapsEntry *entry = mt_caps_lookup(caps, row);
    const MtRow *older = mt_row_renamed_from(row);

    if (!entry && older)
        entry = mt_caps_lookup(caps, older);
    if (!entry && row->renamed_to != MT_PARAM_NONE)
        entry = mt_caps_lookup(caps, mt_row(row->renamed_to));

    return entry;
}

static void
listing_add(GPtrArray *lines, const MtCaps *caps, const MtState *state,
            const MtRow *row, const char *name, MtSpelling spelling)
{
    MtListed *listed = g_new0(MtListed, 1);

    listed->name = name;
    listed->row = row;
    listed->spelling = spelling;
    if (row->kind == MT_KIND_WISH) {
        g_autofree char *text = mt_state_compression(state->values);

        if (text)
            listed->value = mt_value_new_text(MT_TYPE_STRING, text);
    } else {
        listed->entry = listing_entry(caps, row);
        listed->value =
            mt_value_copy(mt_set_get(state->values, listed->entry->row));
    }
    g_ptr_array_add(lines, listed);
}

static gboolean
listing_add_named(GPtrArray *lines, const MtCaps *caps, const MtState *state,
                  const char *name, GError **error)
{
    MtSpelling spelling = MT_SPELLING_OURS;
    const MtRow *row = mt_caps_find_row(caps, name, &spelling);

    if (!row) {
        const char *near = mt_row_suggest(name);

        if (near)
            migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                              _("there is no parameter '%s'; did you mean "
                                "'%s'?"),
                              name, near);
        else
            migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                              _("there is no parameter '%s'"), name);
    } else if (row->kind != MT_KIND_WISH && !listing_entry(caps, row)) {
        g_autofree char *since = mt_release_format(row->since);
        g_autofree char *removed = mt_release_format(row->removed);

        if (removed)
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              _("this QEMU has no %s: it came with QEMU %s "
                                "and was removed in %s"),
                              row->name, since, removed);
        else
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              _("this QEMU has no %s: it came with QEMU %s"),
                              row->name, since);
    } else {
        listing_add(lines, caps, state, row,
                    spelling == MT_SPELLING_QMP ? row->qmp : row->name,
                    spelling);
        return TRUE;
    }

    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER, name);
    return FALSE;
}

GPtrArray *
mt_listing_new(const MtCaps *caps, const MtState *state,
               const char *const *names, unsigned int flags, GError **error)
{
    g_autoptr(GPtrArray) lines =
        g_ptr_array_new_with_free_func((GDestroyNotify)listed_free);

    for (guint i = 0; names && names[i]; i++) {
        if (!listing_add_named(lines, caps, state, names[i], error))
            return NULL;
    }
    if (names && names[0])
        return g_steal_pointer(&lines);

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);

        if (row->kind != MT_KIND_CAPABILITY &&
            (flags & MIGTUNE_GET_CAPABILITIES))
            continue;
        if (row->kind == MT_KIND_WISH ||
            (row->renamed_to == MT_PARAM_NONE && listing_entry(caps, row)))
            listing_add(lines, caps, state, row, row->name, MT_SPELLING_OURS);
    }
    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtRow *row = mt_caps_nth(caps, i)->row;

        if (mt_row_id(row) == MT_PARAM_NONE &&
            (row->kind == MT_KIND_CAPABILITY ||
             !(flags & MIGTUNE_GET_CAPABILITIES)))
            listing_add(lines, caps, state, row, row->name, MT_SPELLING_QMP);
    }

    return g_steal_pointer(&lines);
}
