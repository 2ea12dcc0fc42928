/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The question to a libvirt which flags and typed parameters it takes.
 *
 * Values are not asked about: libvirt looks at them only when it has taken all
 * the names.  So for a method of compression it is asked about the parameter
 * that came with it, which the method's row names.
 */
#include "config.h"

#include <string.h>

#include "plan/lower-ask.h"

static MigtuneDriverAsked *
ask_find(const MtLowerAsk *ask, const char *name)
{
    for (guint i = 0; i < ask->params->len; i++) {
        MigtuneDriverAsked *asked = &g_array_index(ask->params, MigtuneDriverAsked, i);

        if (strcmp(asked->name, name) == 0)
            return asked;
    }

    return NULL;
}

static void
ask_about(MtLowerAsk *ask, const char *name, int type)
{
    const MigtuneDriverAsked asked = { .name = name, .type = type };

    if (!ask_find(ask, name))
        g_array_append_val(ask->params, asked);
}

/* Whether the value of @a would be said to libvirt at all. */
static gboolean
ask_is_said(const MtAssignment *a, const MtLowerRow *how)
{
    if (a->row->type == MT_TYPE_BOOL)
        return a->value->boolean;
    if (how->how == MT_LOWER_PARAM && how->type == VIR_TYPED_PARAM_STRING)
        return *a->value->text != '\0';

    return TRUE;
}

static void
ask_add(MtLowerAsk *ask, const MtAssignment *a)
{
    const MtLowerRow *how = mt_lower_assignment(a);

    if (!how || a->rank == MT_RANK_RELEASE || !ask_is_said(a, how))
        return;
    ask->flags |= how->flag;
    if (how->how == MT_LOWER_PARAM) {
        ask_about(ask, how->name, how->type);
    } else if (how->how == MT_LOWER_METHOD) {
        ask_about(ask, VIR_MIGRATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_STRING);
        ask_about(ask, how->witness, how->type);
    }
}

MtLowerAsk *
mt_lower_ask_new(const MtPlan *plan)
{
    MtLowerAsk *ask = g_new0(MtLowerAsk, 1);

    ask->params = g_array_new(FALSE, TRUE, sizeof(MigtuneDriverAsked));
    for (guint i = 0; i < plan->assignments->len; i++)
        ask_add(ask, g_ptr_array_index(plan->assignments, i));
    ask->flags = mt_lower_flags_settle(ask->flags);

    return ask;
}

void
mt_lower_ask_free(MtLowerAsk *ask)
{
    if (!ask)
        return;

    g_array_unref(ask->params);
    g_free(ask);
}

static gboolean
ask_is_refused(const MtLowerAsk *ask, const char *name)
{
    const MigtuneDriverAsked *asked = name ? ask_find(ask, name) : NULL;

    return asked && asked->refused;
}

gboolean
mt_lower_ask_took(const MtLowerAsk *ask, const MtLowerRow *how)
{
    if (ask->refused & how->flag)
        return FALSE;
    if (how->how == MT_LOWER_METHOD)
        return !ask_is_refused(ask, how->witness) &&
               !ask_is_refused(ask, VIR_MIGRATE_PARAM_COMPRESSION);

    return how->how != MT_LOWER_PARAM || !ask_is_refused(ask, how->name);
}
