/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting the initial content into the RAM of a guest.
 *
 * RAM of zeros is not touched.  Other content is written by threads that end
 * when it is there; the guest's writers start afterwards.
 */
#include "config.h"

#include "drivers/ref/guest/guest-private.h"

/* The threads check this often whether the guest has ended. */
#define FILL_PAGES 1024

/* Maximum number of threads; each fills at least FILL_PAGES pages. */
#define MAX_FILLERS 8

/* The part of the RAM that one thread fills. */
typedef struct {
    MtRefGuest *guest;
    guint64 first, end;
} FillShare;

static gpointer
fill_share(gpointer data)
{
    const FillShare *share = data;
    MtRefGuest *g = share->guest;

    for (guint64 i = share->first; i < share->end; i++) {
        if (i % FILL_PAGES == 0 && mt_ref_guest_has_quit(g))
            break;
        mt_content_fill(g->spec->content, g->spec->content_seed, i,
                        mt_ram_page(g->ram, i, NULL));
    }
    return NULL;
}

static void
fill_set_filled(MtRefGuest *g)
{
    g_mutex_lock(&g->lock);
    g->filled = TRUE;
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
    mt_ref_guest_start_first(g);
}

/* If no further thread can be created, the threads that exist do the work. */
static gpointer
fill_main(gpointer data)
{
    MtRefGuest *g = data;
    FillShare shares[MAX_FILLERS];
    GThread *threads[MAX_FILLERS] = { NULL };
    guint64 n_pages = mt_ram_n_pages(g->ram);
    guint n = CLAMP(MIN(g_get_num_processors(), n_pages / FILL_PAGES), 1,
                    MAX_FILLERS);

    for (guint i = 0; i < n; i++) {
        shares[i].guest = g;
        shares[i].first = n_pages * i / n;
        shares[i].end = n_pages * (i + 1) / n;
        if (i)
            threads[i] = g_thread_try_new("ref-fill", fill_share, &shares[i],
                                          NULL);
    }
    for (guint i = 0; i < n; i++) {
        if (!threads[i])
            fill_share(&shares[i]);
    }
    for (guint i = 1; i < n; i++)
        g_clear_pointer(&threads[i], g_thread_join);

    fill_set_filled(g);
    return NULL;
}

void
mt_ref_guest_start_filling(MtRefGuest *g)
{
    if (g->spec->incoming || g->spec->ram_file ||
        g->spec->content == MT_CONTENT_ZERO) {
        fill_set_filled(g);
        return;
    }

    g->filler = g_thread_try_new("ref-fill", fill_main, g, NULL);
    if (!g->filler)
        fill_main(g);
}

void
mt_ref_guest_wait_filled(MtRefGuest *g)
{
    g_mutex_lock(&g->lock);
    while (!g->filled)
        g_cond_wait(&g->changed, &g->lock);
    g_mutex_unlock(&g->lock);
}
