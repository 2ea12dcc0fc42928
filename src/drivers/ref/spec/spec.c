/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Descriptions of guests: creating, copying, and the guests of ref:///default.
 */
#include "config.h"

#include "drivers/ref/spec/spec.h"
#include "drivers/ref/profile/input.h"

#define SPEC_RAM_BYTES (256 * 1024 * 1024ull)

static const char *const spec_faults[] = {
    [MT_REF_FAULT_NONE] = "none",
    [MT_REF_FAULT_REFUSE] = "refuse",
    [MT_REF_FAULT_DELAY] = "delay",
    [MT_REF_FAULT_HANGUP] = "hangup",
    [MT_REF_FAULT_DROP] = "drop",
    [MT_REF_FAULT_STALL] = "stall",
    [MT_REF_FAULT_CORRUPT] = "corrupt",
    [MT_REF_FAULT_KILL] = "kill",
};
G_STATIC_ASSERT(G_N_ELEMENTS(spec_faults) == MT_REF_N_FAULTS);

const char *
mt_ref_fault_to_string(MtRefFaultKind kind)
{
    g_return_val_if_fail(kind < MT_REF_N_FAULTS, NULL);

    return spec_faults[kind];
}

gboolean
mt_ref_fault_from_string(const char *text, MtRefFaultKind *ret_kind)
{
    for (guint i = 0; i < MT_REF_N_FAULTS; i++) {
        if (g_strcmp0(spec_faults[i], text) == 0) {
            *ret_kind = i;
            return TRUE;
        }
    }

    return FALSE;
}

void
mt_ref_fault_clear(MtRefFault *fault)
{
    g_clear_pointer(&fault->command, g_free);
}

static void
spec_clear_fault(gpointer data)
{
    mt_ref_fault_clear(data);
}

static void
spec_clear_override(gpointer data)
{
    MtRefOverride *override = data;

    g_clear_pointer(&override->name, g_free);
}

static GArray *
spec_new_overrides(void)
{
    GArray *array = g_array_new(TRUE, TRUE, sizeof(MtRefOverride));

    g_array_set_clear_func(array, spec_clear_override);
    return array;
}

static GArray *
spec_new_faults(void)
{
    GArray *array = g_array_new(FALSE, TRUE, sizeof(MtRefFault));

    g_array_set_clear_func(array, spec_clear_fault);
    return array;
}

MtRefGuestSpec *
mt_ref_guest_spec_new(const char *name, MtRelease release)
{
    MtRefGuestSpec *spec = g_new0(MtRefGuestSpec, 1);

    spec->name = g_strdup(name);
    spec->release = release;
    spec->overrides = spec_new_overrides();
    spec->faults = spec_new_faults();
    spec->ram_bytes = SPEC_RAM_BYTES;

    return spec;
}

void
mt_ref_guest_spec_add_override(MtRefGuestSpec *spec, const char *name,
                               MtRefState state)
{
    MtRefOverride override = { g_strdup(name), state };

    g_array_append_val(spec->overrides, override);
}

void
mt_ref_guest_spec_add_fault(MtRefGuestSpec *spec, const MtRefFault *fault)
{
    MtRefFault copy = *fault;

    copy.command = g_strdup(fault->command);
    g_array_append_val(spec->faults, copy);
}

MtRefGuestSpec *
mt_ref_guest_spec_copy(const MtRefGuestSpec *spec)
{
    MtRefGuestSpec *copy = g_memdup2(spec, sizeof(*spec));

    copy->name = g_strdup(spec->name);
    copy->uuid = g_strdup(spec->uuid);
    copy->build_options = g_strdupv(spec->build_options);
    copy->ram_file = g_strdup(spec->ram_file);
    copy->machine = g_strdup(spec->machine);
    copy->overrides = spec_new_overrides();
    for (guint i = 0; i < spec->overrides->len; i++) {
        const MtRefOverride *override =
            &g_array_index(spec->overrides, MtRefOverride, i);

        mt_ref_guest_spec_add_override(copy, override->name,
                                       override->state);
    }
    copy->faults = spec_new_faults();
    for (guint i = 0; i < spec->faults->len; i++)
        mt_ref_guest_spec_add_fault(copy, &g_array_index(spec->faults,
                                                         MtRefFault, i));

    return copy;
}

void
mt_ref_guest_spec_free(MtRefGuestSpec *spec)
{
    if (!spec)
        return;

    g_free(spec->name);
    g_free(spec->uuid);
    g_strfreev(spec->build_options);
    g_free(spec->ram_file);
    g_free(spec->machine);
    g_array_unref(spec->overrides);
    g_array_unref(spec->faults);
    g_free(spec);
}

/* Two guests with their destinations, and a guest of an old release.  A
 * destination has the UUID of its source: multifd compares them. */
static const struct {
    const char *name;
    const char *uuid;
    MtRelease release;
    gboolean incoming;
    MtWorkloadKind workload;
} spec_defaults[] = {
    { "web1", "2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201", MT_RELEASE(7, 2),
      FALSE, MT_WORKLOAD_HOT },
    { "web1-dest", "2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201", MT_RELEASE(7, 2),
      TRUE, MT_WORKLOAD_IDLE },
    { "db1", "2f4c1a52-6d0b-4a3e-9c57-07d1c0b11101", MT_RELEASE(11, 1),
      FALSE, MT_WORKLOAD_UNIFORM },
    { "db1-dest", "2f4c1a52-6d0b-4a3e-9c57-07d1c0b11101", MT_RELEASE(11, 1),
      TRUE, MT_WORKLOAD_IDLE },
    { "old1", "2f4c1a52-6d0b-4a3e-9c57-07d1c0c02601", MT_RELEASE(2, 6),
      FALSE, MT_WORKLOAD_IDLE },
};

#define SPEC_DEFAULT_PAGES_PER_S 4000

GPtrArray *
mt_ref_specs_default(void)
{
    GPtrArray *specs = g_ptr_array_new_with_free_func(
        (GDestroyNotify)mt_ref_guest_spec_free);

    for (gsize i = 0; i < G_N_ELEMENTS(spec_defaults); i++) {
        MtRefGuestSpec *spec = mt_ref_guest_spec_new(
            spec_defaults[i].name, spec_defaults[i].release);

        spec->uuid = g_strdup(spec_defaults[i].uuid);
        spec->incoming = spec_defaults[i].incoming;
        spec->content = spec->incoming ? MT_CONTENT_ZERO : MT_CONTENT_MIXED;
        spec->workload.kind = spec_defaults[i].workload;
        spec->workload.pages_per_s = SPEC_DEFAULT_PAGES_PER_S;
        g_ptr_array_add(specs, spec);
    }

    return specs;
}

guint
mt_ref_guest_spec_reject(const MtRefGuestSpec *spec)
{
    return (spec->reject_deprecated ? MT_REF_REJECT_DEPRECATED : 0) |
        (spec->reject_unstable ? MT_REF_REJECT_UNSTABLE : 0);
}
