/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building the commands that turn one set of values into another.
 *
 * All capabilities go into one command, because QEMU checks the result as a
 * whole, and so do all parameters.  A value that is in force already is not sent.
 * The commands of older releases come last: some of the values that they set
 * cannot be read, and therefore cannot be restored after a failure.
 */
#include "config.h"

#include "plan/plan.h"
#include "util/json-peek.h"

void
mt_step_free(MtStep *step)
{
    if (!step)
        return;

    g_clear_pointer(&step->arguments, json_object_unref);
    g_clear_pointer(&step->rows, g_ptr_array_unref);
    g_free(step);
}

static MtStep *
step_new(const char *execute)
{
    MtStep *step = g_new0(MtStep, 1);

    step->execute = execute;
    step->arguments = json_object_new();
    step->rows = g_ptr_array_new();
    return step;
}

static gboolean
step_changes(const MtCapsEntry *entry, const MtSet *from, const MtSet *to)
{
    const MtValue *wanted = mt_set_get(to, entry->row);

    return wanted && !mt_value_equal(mt_set_get(from, entry->row), wanted);
}

static void
step_add_capability(MtStep *step, JsonArray *list, const MtRow *row,
                    const MtValue *value)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "capability", row->qmp);
    json_object_set_boolean_member(object, "state", value->boolean);
    json_array_add_object_element(list, object);
    g_ptr_array_add(step->rows, (gpointer)row);
}

static MtStep *
step_new_legacy(const MtRow *row, const MtValue *value)
{
    MtStep *step = step_new(row->legacy->set);

    if (row->legacy->divide == 1)
        json_object_set_member(step->arguments, "value",
                               mt_json_node_new_uint64(value->number));
    else
        json_object_set_double_member(step->arguments, "value",
                                      (double)value->number /
                                          row->legacy->divide);
    g_ptr_array_add(step->rows, (gpointer)row);
    return step;
}

/*
 * Whether the parameters must be set before the capabilities.  QEMU checks a new
 * capability against the present parameters, so a parameter that excludes the
 * capability must have been cleared by then.
 */
static gboolean
step_parameters_first(const MtCaps *caps, const MtStep *capabilities,
                      const MtStep *parameters, const MtSet *from,
                      const MtSet *to)
{
    for (guint i = 0; i < capabilities->rows->len; i++) {
        const MtRow *capability = g_ptr_array_index(capabilities->rows, i);

        if (!mt_set_is_set(to, capability))
            continue;
        for (guint j = 0; j < parameters->rows->len; j++) {
            const MtRow *parameter = g_ptr_array_index(parameters->rows, j);

            if (mt_set_is_set(from, parameter) &&
                !mt_set_is_set(to, parameter) &&
                mt_rules_exclude(capability, parameter, mt_caps_release(caps)))
                return TRUE;
        }
    }

    return FALSE;
}

GPtrArray *
mt_steps_build(const MtCaps *caps, const MtSet *from, const MtSet *to)
{
    GPtrArray *steps =
        g_ptr_array_new_with_free_func((GDestroyNotify)mt_step_free);
    g_autoptr(GPtrArray) legacy = g_ptr_array_new();
    MtStep *capabilities = step_new("migrate-set-capabilities");
    MtStep *parameters = step_new("migrate-set-parameters");
    JsonArray *list = json_array_new();

    for (guint i = 0; i < mt_caps_size(caps); i++) {
        const MtCapsEntry *entry = mt_caps_nth(caps, i);
        const MtRow *row = entry->row;
        const MtValue *value = mt_set_get(to, row);

        if (!step_changes(entry, from, to))
            continue;
        if (row->kind == MT_KIND_CAPABILITY) {
            step_add_capability(capabilities, list, row, value);
        } else if (entry->access == MT_ACCESS_MIGRATE) {
            json_object_set_member(parameters->arguments, row->qmp,
                                   mt_value_to_json(row, value));
            g_ptr_array_add(parameters->rows, (gpointer)row);
        } else {
            /* Values that can be read back come first. */
            g_ptr_array_insert(legacy, entry->readable ? 0 : -1,
                               step_new_legacy(row, value));
        }
    }
    json_object_set_array_member(capabilities->arguments, "capabilities",
                                 list);

    if (step_parameters_first(caps, capabilities, parameters, from, to)) {
        g_ptr_array_add(steps, parameters);
        g_ptr_array_add(steps, capabilities);
    } else {
        g_ptr_array_add(steps, capabilities);
        g_ptr_array_add(steps, parameters);
    }
    for (guint i = 2; i-- > 0;) {
        MtStep *step = g_ptr_array_index(steps, i);

        if (step->rows->len == 0)
            g_ptr_array_remove_index(steps, i);
    }
    for (guint i = 0; i < legacy->len; i++)
        g_ptr_array_add(steps, g_ptr_array_index(legacy, i));

    return steps;
}
