/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creating and freeing a guest.
 *
 * An idle guest has no threads and uses no memory for RAM that is zero.
 * Commands run in the thread of the client, migrations in the engine's.
 */
#include "config.h"

#include <unistd.h>

#include "drivers/ref/guest/guest-private.h"

MtRam *
mt_ref_guest_get_ram(MtRefGuest *g)
{
    mt_ref_guest_wait_filled(g);
    return g->ram;
}

/* QEMU's name for the main RAM of the machine. */
static const char *
guest_ram_name(const MtRefGuestSpec *spec)
{
    gboolean pc = spec->machine && g_str_has_prefix(spec->machine, "pc");

    return pc ? "pc.ram" : "ram";
}

static gboolean
guest_make_ram(MtRefGuest *g, GError **error)
{
    const MtRefGuestSpec *spec = g->spec;
    MtRamBlockSpec block = {
        .name = guest_ram_name(spec),
        .length = spec->ram_bytes,
        .path = spec->ram_file,
    };

    g->ram = mt_ram_new();
    if (!mt_ram_add(g->ram, &block, error))
        return FALSE;

    g->dirty = mt_dirty_new(mt_ram_n_pages(g->ram));
    g->throttle = mt_throttle_new(&mt_throttle_defaults);
    g->load = mt_workload_new(&spec->workload, g->ram, g->dirty, g->throttle,
                              error);
    if (!g->load)
        return FALSE;

    g->gate = mt_gate_new(mt_ram_n_pages(g->ram));
    mt_workload_set_gate(g->load, g->gate);
    return TRUE;
}

static void
guest_close_fd(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

MtRefGuest *
mt_ref_guest_new(const MtRefGuestSpec *spec, GError **error)
{
    g_autoptr(MtRefGuest) g = g_new0(MtRefGuest, 1);

    g_mutex_init(&g->command);
    g_mutex_init(&g->run);
    g_mutex_init(&g->lock);
    g_cond_init(&g->changed);
    mt_ref_guest_init_events(g);
    mt_ref_guest_init_fdsets(g);
    mt_ref_guest_init_objects(g);
    g->spec = mt_ref_guest_spec_copy(spec);
    mt_ref_faults_init(&g->faults, spec->faults);
    g->fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                   guest_close_fd);
    g->profile = mt_ref_profile_new(
        spec->release, (const char *const *)spec->build_options,
        spec->overrides ? (const MtRefOverride *)spec->overrides->data : NULL,
        error);
    if (!g->profile || !guest_make_ram(g, error))
        return NULL;

    g->tunables = mt_ref_tunables_new(g->profile);
    mt_ref_tunables_set_machine(g->tunables, spec->machine);
    mt_ref_guest_make_engines(g);
    g->autostart = !spec->paused;
    g->state = spec->incoming ? MT_REF_INMIGRATE :
               spec->paused ? MT_REF_PRELAUNCH : MT_REF_RUNNING;
    mt_ref_guest_start_filling(g);

    return g_steal_pointer(&g);
}

void
mt_ref_guest_free(MtRefGuest *g)
{
    if (!g)
        return;

    if (g->load)
        mt_ref_guest_die(g, NULL);
    if (g->filler)
        g_thread_join(g->filler);
    mt_ref_guest_stop_rate(g);
    /* Ending one engine may cancel the other, so both end before either is
     * freed. */
    mt_engine_end(g->source);
    mt_engine_end(g->dest);
    mt_engine_free(g->source);
    mt_engine_free(g->dest);
    mt_workload_free(g->load);
    mt_gate_free(g->gate);
    mt_throttle_free(g->throttle);
    mt_dirty_free(g->dirty);
    mt_ram_free(g->ram);
    mt_ref_tunables_free(g->tunables);
    g_clear_pointer(&g->profile, mt_ref_profile_unref);
    g_hash_table_unref(g->fds);
    g_array_unref(g->fdsets);
    g_ptr_array_unref(g->objects);
    mt_ref_faults_clear(&g->faults);
    mt_ref_side_clear(&g->outgoing);
    mt_ref_side_clear(&g->incoming);
    mt_ref_guest_drop_events(g);
    mt_ref_guest_spec_free(g->spec);
    g_free(g->incoming_address);
    g_free(g->last_words);
    g_free(g->rate.mode);
    g_mutex_clear(&g->command);
    g_mutex_clear(&g->run);
    g_mutex_clear(&g->lock);
    g_cond_clear(&g->changed);
    g_free(g);
}

const MtRefGuestSpec *
mt_ref_guest_get_spec(const MtRefGuest *g)
{
    return g->spec;
}

MtRefProfile *
mt_ref_guest_get_profile(const MtRefGuest *g)
{
    return g->profile;
}

char *
mt_ref_guest_dup_last_words(MtRefGuest *g)
{
    char *words;

    g_mutex_lock(&g->lock);
    words = g_strdup(g->last_words);
    g_mutex_unlock(&g->lock);
    return words;
}

void
mt_ref_guest_give_fd(MtRefGuest *g, const char *name, int fd)
{
    g_mutex_lock(&g->command);
    g_hash_table_replace(g->fds, g_strdup(name), GINT_TO_POINTER(fd));
    g_mutex_unlock(&g->command);
}
