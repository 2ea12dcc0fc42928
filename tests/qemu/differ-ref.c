/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest of drivers/ref behind its monitor, in this process.
 */
#include "config.h"

#include <string.h>

#include "differ.h"
#include "drivers/ref/monitor/monitor.h"

struct RefPeer {
    MtRefGuest *guest;
    MtRefMonitor *monitor;
    GAsyncQueue *lines;         /* events come from any thread */
    GString *rest;              /* used by one thread at a time */
};

static void
ref_output(const char *text, gsize length, gpointer user_data)
{
    RefPeer *ref = user_data;

    if (!text)
        return;                 /* a line that is missing shows the end */
    for (gsize i = 0; i < length; i++) {
        if (text[i] != '\n') {
            g_string_append_c(ref->rest, text[i]);
            continue;
        }
        g_async_queue_push(ref->lines,
                           g_strchomp(g_string_free(ref->rest, FALSE)));
        ref->rest = g_string_new(NULL);
    }
}

RefPeer *
ref_peer_new(const char *release, PeerFlags flags)
{
    g_autoptr(MtRefGuestSpec) spec =
        mt_ref_guest_spec_new("guest", mt_release_parse(release));
    g_autoptr(GError) error = NULL;
    RefPeer *ref = g_new0(RefPeer, 1);

    spec->ram_bytes = PEER_RAM_BYTES;
    spec->content =
        flags & PEER_FILLED ? MT_CONTENT_RANDOM : MT_CONTENT_ZERO;
    spec->incoming = (flags & PEER_INCOMING) != 0;
    spec->paused = (flags & PEER_PAUSED) != 0;
    ref->guest = mt_ref_guest_new(spec, &error);
    g_assert_no_error(error);
    ref->lines = g_async_queue_new_full(g_free);
    ref->rest = g_string_new(NULL);
    ref->monitor = mt_ref_monitor_new(ref->guest, ref_output, ref);
    return ref;
}

void
ref_peer_free(RefPeer *ref)
{
    if (!ref)
        return;

    mt_ref_monitor_free(ref->monitor);
    mt_ref_guest_free(ref->guest);
    g_async_queue_unref(ref->lines);
    g_string_free(ref->rest, TRUE);
    g_free(ref);
}

void
ref_peer_feed(RefPeer *ref, const char *text)
{
    mt_ref_monitor_feed(ref->monitor, text, strlen(text), NULL, 0);
}

char *
ref_peer_take(RefPeer *ref)
{
    return g_async_queue_try_pop(ref->lines);
}
