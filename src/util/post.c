/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A call in the thread of a main context: see post.h.
 */
#include "config.h"

#include "util/post.h"

typedef struct {
    gint complete;              /* atomic */
    void (*func)(gpointer data);
    gpointer data;
    GDestroyNotify free_func;
} Post;

static gboolean
post_run(gpointer data)
{
    Post *post = data;

    /* GLib's lock orders the members as well, but a thread sanitizer does not see
     * it, because GLib is built without one. */
    if (g_atomic_int_get(&post->complete))
        post->func(post->data);
    return G_SOURCE_REMOVE;
}

static void
post_free(gpointer data)
{
    Post *post = data;

    if (g_atomic_int_get(&post->complete))
        post->free_func(post->data);
    g_free(post);
}

void
mt_post(GMainContext *context, void (*func)(gpointer data), gpointer data,
        GDestroyNotify free_func)
{
    g_autoptr(GSource) source = g_idle_source_new();
    Post *post = g_new0(Post, 1);

    post->func = func;
    post->data = data;
    post->free_func = free_func;
    g_atomic_int_set(&post->complete, TRUE);
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, post_run, post, post_free);
    g_source_attach(source, context);
}
