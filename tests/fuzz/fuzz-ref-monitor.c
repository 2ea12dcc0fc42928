/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as all that a client says to a reference guest's monitor: each
 * whole value is answered once, and the guest is as good as before.
 *
 * The first byte chooses the release and whether the guest waits for another.  A
 * descriptor comes along, so that getfd and fd: lead to a migration that really
 * runs, into nothing.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ref/monitor/monitor.h"
#include "fuzz.h"
#include "util/json.h"

#define RAM_BYTES (64 * 1024)

/* Commands that reach out of the process are not for a fuzzer. */
static const char *const outside[] = { "exec:", "file:", "tcp:", "unix:",
                                       "\"exec\"", "'exec'", "\"file\"",
                                       "'file'", "\\u" };

typedef struct {
    gint n_lines;               /* atomic: events come from threads */
    gboolean closed;
} Heard;

static void
hear(const char *text, gsize length, gpointer data)
{
    Heard *heard = data;
    g_autoptr(JsonObject) object = NULL;

    g_assert_false(heard->closed);
    if (!text) {
        heard->closed = TRUE;
        return;
    }
    object = mt_json_parse_object(text, length - 2, NULL);
    g_assert_nonnull(object);
    g_assert_true(json_object_has_member(object, "return") ||
                  json_object_has_member(object, "error") ||
                  json_object_has_member(object, "event") ||
                  json_object_has_member(object, "QMP"));
    g_atomic_int_inc(&heard->n_lines);
}

static gboolean
reaches_outside(const char *text, size_t size)
{
    for (guint i = 0; i < G_N_ELEMENTS(outside); i++) {
        if (memmem(text, size, outside[i], strlen(outside[i])))
            return TRUE;
    }
    return FALSE;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Outlives the monitor. */
    Heard heard = { 0 };
    g_autoptr(MtRefGuestSpec) spec = NULL;
    g_autoptr(MtRefGuest) guest = NULL;
    g_autoptr(MtRefMonitor) monitor = NULL;
    const MtRelease *releases = mt_releases();
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    guint n = 0;

    if (size < 1 || reaches_outside((const char *)data, size)) {
        close(fd);
        return 0;
    }

    while (releases[n] != MT_RELEASE_NONE)
        n++;
    spec = mt_ref_guest_spec_new("fuzz", releases[(data[0] >> 1) % n]);
    spec->ram_bytes = RAM_BYTES;
    spec->incoming = data[0] & 1;
    guest = mt_ref_guest_new(spec, NULL);
    g_assert_nonnull(guest);
    monitor = mt_ref_monitor_new(guest, hear, &heard);
    mt_ref_monitor_feed(monitor, (const char *)data + 1, size - 1,
                        &fd, 1);
    g_assert_cmpint(g_atomic_int_get(&heard.n_lines), >=, 1);
    return 0;
}
