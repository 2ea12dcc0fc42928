/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The known facts of one side of a migration.
 */
#include "config.h"

#include <string.h>

#include "pair/compat.h"
#include "pair/side.h"

MtPairSide *
mt_pair_side_new(void)
{
    MtPairSide *side = g_new0(MtPairSide, 1);

    side->n_cpus = side->threads = side->kvm = -1;
    side->local = side->userfault = -1;
    return side;
}

void
mt_pair_side_free(MtPairSide *side)
{
    if (!side)
        return;

    mt_caps_unref(side->caps);
    mt_state_free(side->state);
    g_free(side->package);
    g_free(side->machine);
    g_free(side->target);
    g_free(side->cpu);
    g_free(side->uuid);
    g_free(side->instance);
    g_free(side->address);
    g_clear_pointer(&side->blockers, g_ptr_array_unref);
    g_clear_pointer(&side->memory, g_ptr_array_unref);
    g_clear_pointer(&side->objects, g_ptr_array_unref);
    g_clear_pointer(&side->unsafe_disks, g_ptr_array_unref);
    g_free(side->userfault_why);
    g_free(side);
}

static void
pair_memory_free(gpointer data)
{
    MtPairMemory *memory = data;

    g_free(memory->id);
    g_free(memory);
}

MtPairMemory *
mt_pair_memory_new(const char *id, guint64 size, guint64 page_size)
{
    MtPairMemory *memory = g_new0(MtPairMemory, 1);

    memory->id = g_strdup(id ? id : "");
    memory->size = size;
    memory->page_size = page_size;
    return memory;
}

static void
pair_object_free(gpointer data)
{
    MtPairObject *object = data;

    g_free(object->id);
    g_free(object->type);
    g_free(object->endpoint);
    g_free(object->dir);
    g_free(object->missing);
    g_free(object->no_certificate);
    g_free(object->names);
    g_free(object);
}

MtPairObject *
mt_pair_object_new(const char *id, const char *type)
{
    MtPairObject *object = g_new0(MtPairObject, 1);

    object->id = g_strdup(id);
    object->type = g_strdup(type);
    object->verify = -1;
    return object;
}

GPtrArray *
mt_pair_memories_new(void)
{
    return g_ptr_array_new_with_free_func(pair_memory_free);
}

GPtrArray *
mt_pair_objects_new(void)
{
    return g_ptr_array_new_with_free_func(pair_object_free);
}

const MtPairObject *
mt_pair_side_find_object(const MtPairSide *side, const char *id)
{
    for (guint i = 0; side->objects && i < side->objects->len; i++) {
        const MtPairObject *object = g_ptr_array_index(side->objects, i);

        if (strcmp(object->id, id) == 0)
            return object;
    }

    return NULL;
}

MtRelease
mt_pair_side_release(const MtPairSide *side)
{
    return mt_caps_release(side->caps);
}

const char *
mt_pair_side_compat(const MtPairSide *side, const char *property)
{
    return mt_compat_value(property, mt_pair_side_release(side),
                           mt_compat_machine_release(side->machine));
}

gboolean
mt_pair_side_is_bare(const MtPairSide *side)
{
    return !side->machine || strcmp(side->machine, "none") == 0;
}

MtState *
mt_pair_state_copy(const MtState *state)
{
    MtState *copy = g_new0(MtState, 1);

    *copy = *state;
    copy->values = mt_set_copy(state->values);
    copy->migration = g_strdup(state->migration);
    copy->run_state = g_strdup(state->run_state);
    return copy;
}
