/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A migration that runs out of threads or descriptors fails with an error that
 * says so, on the side where it happened, and the guest runs on one side.
 *
 * The functions that create them are replaced here: the Nth call fails, for N of
 * 1, 2, 3 ... until a migration completes.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/engine.h"
#include "engine/memory/workload.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define WAIT_NS (60 * MT_NS_PER_S)

/* Calls of each function until one fails; 0: none fails. */
static gint thread_countdown;
static gint socket_countdown;
static gint accept_countdown;

static gboolean
fails(gint *countdown)
{
    return g_atomic_int_get(countdown) > 0 &&
           g_atomic_int_dec_and_test(countdown);
}

GThread *
g_thread_try_new(const char *name, GThreadFunc func, gpointer data,
                 GError **error)
{
    typedef GThread *(*Real)(const char *, GThreadFunc, gpointer, GError **);
    Real real = (Real)dlsym(RTLD_NEXT, "g_thread_try_new");

    if (fails(&thread_countdown)) {
        g_set_error(error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN,
                    "Error creating thread: %s", g_strerror(EAGAIN));
        return NULL;
    }
    return real(name, func, data, error);
}

int
socket(int domain, int type, int protocol)
{
    typedef int (*Real)(int, int, int);
    Real real = (Real)dlsym(RTLD_NEXT, "socket");

    if (fails(&socket_countdown)) {
        errno = EMFILE;
        return -1;
    }
    return real(domain, type, protocol);
}

int
accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    typedef int (*Real)(int, struct sockaddr *, socklen_t *, int);
    Real real = (Real)dlsym(RTLD_NEXT, "accept4");

    if (fails(&accept_countdown)) {
        errno = EMFILE;
        return -1;
    }
    return real(fd, addr, len, flags);
}

static void
started(gpointer data)
{
    g_atomic_int_inc((gint *)data);
}

static const struct {
    const char *what;
    gint *countdown;
    int error;
    gboolean at_source, at_dest;    /* where it can fail */
} kinds[] = {
    { "threads", &thread_countdown, EAGAIN, TRUE, TRUE },
    { "connections", &socket_countdown, EMFILE, TRUE, FALSE },
    { "accepted", &accept_countdown, EMFILE, FALSE, TRUE },
};

static void
use_plain(MtEngineSettings *s)
{
}

static void
use_multifd(MtEngineSettings *s)
{
    s->multifd = TRUE;
    s->multifd_channels = 5;
}

static void
use_compress(MtEngineSettings *s)
{
    s->compress = TRUE;
    s->compress_threads = s->decompress_threads = 3;
}

static const struct {
    const char *what;
    void (*use)(MtEngineSettings *s);
} ways[] = {
    { "plain", use_plain },
    { "multifd", use_multifd },
    { "compress", use_compress },
};

/* Whether the migration completed although call @nth of @kind fails. */
static gboolean
run_once(guint kind, guint way, gint nth, const char *path)
{
    gint n_here = 0, n_there = 0;
    MtEngineGuest here = { .start = started, .data = &n_here };
    MtEngineGuest there = { .start = started, .data = &n_there };
    g_autofree char *address = g_strdup_printf("unix:%s", path);
    g_autoptr(MtTransport) from = mt_transport_new(address, NULL);
    g_autoptr(MtTransport) to = mt_transport_new(address, NULL);
    g_autoptr(MtRam) ram = mt_ram_new_simple(64 * MT_PAGE_SIZE, NULL);
    g_autoptr(MtRam) copy = mt_ram_new_simple(64 * MT_PAGE_SIZE, NULL);
    g_autoptr(MtEngine) source = mt_engine_new(ram, NULL, &here);
    g_autoptr(MtEngine) dest = mt_engine_new(copy, NULL, &there);
    g_autoptr(GError) source_error = NULL;
    g_autoptr(GError) dest_error = NULL;
    MtEngineSettings settings;
    gboolean said, ok;

    mt_content_fill_ram(MT_CONTENT_MIXED, nth, ram);
    mt_engine_settings_init(&settings);
    settings.return_path = TRUE;
    ways[way].use(&settings);

    /* Listening needs a socket, too, which is not meant here. */
    if (kinds[kind].at_dest)
        g_atomic_int_set(kinds[kind].countdown, nth);
    ok = mt_engine_incoming(dest, &settings, from, &dest_error);
    if (!kinds[kind].at_dest)
        g_atomic_int_set(kinds[kind].countdown, nth);
    if (ok && mt_engine_migrate(source, &settings, to, &source_error))
        ok = mt_engine_wait(source, WAIT_NS, &source_error);
    else
        ok = FALSE;
    if (!ok)
        mt_engine_cancel(dest);
    ok = (dest_error || mt_engine_wait(dest, WAIT_NS, &dest_error)) && ok;

    /* Of a thread of a pool that is missing another one takes the work. */
    if (g_atomic_int_get(kinds[kind].countdown) > 0 || ok) {
        gboolean reached = g_atomic_int_get(kinds[kind].countdown) <= 0;

        g_atomic_int_set(kinds[kind].countdown, 0);
        g_assert_no_error(source_error);
        g_assert_no_error(dest_error);
        g_assert_true(mt_ram_equal(ram, copy, NULL));
        return !reached;
    }

    said = (kinds[kind].at_source && source_error &&
            strstr(source_error->message, g_strerror(kinds[kind].error))) ||
           (kinds[kind].at_dest && dest_error &&
            strstr(dest_error->message, g_strerror(kinds[kind].error)));
    if (!said)
        g_error("%s, %s, call %d: the source says '%s', the destination '%s'",
                kinds[kind].what, ways[way].what, nth,
                source_error ? source_error->message : "completed",
                dest_error ? dest_error->message : "completed");
    g_assert_cmpint(n_there, ==, 0);
    g_assert_cmpint(mt_engine_get_outcome(source), !=, MT_OUTCOME_THERE);
    return FALSE;
}

static void
test_limit(gconstpointer data)
{
    guint kind = GPOINTER_TO_UINT(data) / G_N_ELEMENTS(ways);
    guint way = GPOINTER_TO_UINT(data) % G_N_ELEMENTS(ways);
    g_autofree char *dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "socket", NULL);
    gint nth = 1;

    while (!run_once(kind, way, nth, path))
        nth++;
    g_test_message("%s, %s: %d calls", kinds[kind].what, ways[way].what,
                   nth - 1);
    g_assert_cmpint(nth, >, 1);
    remove(path);
    remove(dir);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(kinds) * G_N_ELEMENTS(ways); i++) {
        g_autofree char *path = g_strdup_printf(
            "/resources/%s/%s", kinds[i / G_N_ELEMENTS(ways)].what,
            ways[i % G_N_ELEMENTS(ways)].what);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_limit);
    }
    return g_test_run();
}
