/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking a libvirt which flags and typed parameters it supports.
 *
 * It cannot be asked about a value such as a method of compression, because it
 * checks values only after all names.  It is therefore asked about the typed
 * parameter that was added together with the method.
 */
#include "config.h"

#include <string.h>

#include "plan/lower/lower-ask.h"

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

/* Whether the value of @a is passed to libvirt at all. */
static gboolean
ask_is_passed(const MtAssignment *a, const MtLowerRow *lower)
{
    if (a->row->type == MT_TYPE_BOOL)
        return a->value->boolean;
    if (lower->kind == MT_LOWER_PARAM && lower->type == VIR_TYPED_PARAM_STRING)
        return *a->value->text != '\0';

    return TRUE;
}

static void
ask_add(MtLowerAsk *ask, const MtAssignment *a)
{
    const MtLowerRow *lower = mt_lower_assignment(a);

    if (!lower || a->rank == MT_RANK_RELEASE || !ask_is_passed(a, lower))
        return;
    ask->flags |= lower->flag;
    if (lower->kind == MT_LOWER_PARAM) {
        ask_about(ask, lower->name, lower->type);
    } else if (lower->kind == MT_LOWER_METHOD) {
        ask_about(ask, VIR_MIGRATE_PARAM_COMPRESSION, VIR_TYPED_PARAM_STRING);
        ask_about(ask, lower->witness, lower->type);
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
mt_lower_ask_accepts(const MtLowerAsk *ask, const MtLowerRow *lower)
{
    if (ask->refused & lower->flag)
        return FALSE;
    if (lower->kind == MT_LOWER_METHOD)
        return !ask_is_refused(ask, lower->witness) &&
               !ask_is_refused(ask, VIR_MIGRATE_PARAM_COMPRESSION);

    return lower->kind != MT_LOWER_PARAM || !ask_is_refused(ask, lower->name);
}
