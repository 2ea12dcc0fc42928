/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What this machine can do at most: RAM copied over TCP connections of the
 * loopback interface without any protocol, and what a page costs in the parts of
 * a migration that no program can leave out.
 */
#include "config.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/memory/ram.h"
#include "engine/memory/zero.h"
#include "moves.h"
#include "scenarios.h"
#include "migtune/migtune-error.h"

#define GB 1e9
#define LIMIT_CALL (1 << 20)    /* bytes of one system call */
#define LIMIT_MAX_CONNECTIONS 4

/* One end of a connection, with its part of the RAM. */
typedef struct {
    int fd;
    guint8 *data;
    gsize len;
    gboolean sends;
    gboolean ok;
    double cpu;
} LimitEnd;

static gpointer
limit_run_end(gpointer data)
{
    LimitEnd *end = data;
    double start = bench_cpu_now();
    gsize done = 0;

    while (done < end->len) {
        gsize n = MIN(end->len - done, LIMIT_CALL);
        gssize got = end->sends ? send(end->fd, end->data + done, n, 0) :
                                  recv(end->fd, end->data + done, n, 0);

        if (got <= 0)
            break;
        done += got;
    }
    end->ok = done == end->len;
    end->cpu = bench_cpu_now() - start;
    return NULL;
}

/* Connects @fds[0] to @fds[1] over TCP. */
static gboolean
limit_connect(int fds[2], GError **error)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[1] = -1;
    if (bind(listener, (struct sockaddr *)&address, len) == 0 &&
        listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&address, &len) == 0 &&
        connect(fds[0], (struct sockaddr *)&address, len) == 0)
        fds[1] = accept(listener, NULL, NULL);
    close(listener);
    if (fds[1] >= 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_IO,
                      "no TCP connection to this machine");
    close(fds[0]);
    return FALSE;
}

/* Copies @from to @to over @n connections; adds to both series. */
static gboolean
limit_copy(const MtRam *from, const MtRam *to, guint n, Series *speed,
           Series *cpu, GError **error)
{
    LimitEnd ends[2 * LIMIT_MAX_CONNECTIONS] = { 0 };
    GThread *threads[2 * LIMIT_MAX_CONNECTIONS];
    gsize bytes = mt_ram_block(from, 0)->used_length;
    gsize part = bytes / n;
    gboolean ok = TRUE;
    double start, used = 0;
    guint n_open = 0;

    for (; n_open < n; n_open++) {
        int fds[2];

        if (!limit_connect(fds, error))
            break;
        for (guint side = 0; side < 2; side++)
            ends[2 * n_open + side] = (LimitEnd) {
                .fd = fds[side],
                .data = mt_ram_block(side ? to : from, 0)->host +
                        n_open * part,
                .len = part,
                .sends = side == 0,
            };
    }
    start = bench_now();
    for (guint i = 0; n_open == n && i < 2 * n; i++)
        threads[i] = g_thread_new("limit", limit_run_end, &ends[i]);
    for (guint i = 0; n_open == n && i < 2 * n; i++) {
        g_thread_join(threads[i]);
        ok = ok && ends[i].ok;
        used += ends[i].cpu;
    }
    if (n_open == n && ok) {
        series_add(speed, part * n / GB / (bench_now() - start));
        series_add(cpu, used / (part * n / GB));
    }
    for (guint i = 0; i < 2 * n_open; i++)
        close(ends[i].fd);
    if (!ok)
        migtune_error_set(error, MIGTUNE_ERROR_IO, "a connection was lost");
    return n_open == n && ok;
}

static gboolean
limit_row(Bench *bench, const MtRam *from, guint n, gboolean warm,
          GError **error)
{
    g_auto(Series) speed = { NULL };
    g_auto(Series) cpu = { NULL };
    g_autofree char *name = g_strdup_printf(
        "TCP x%u, %s memory", n, warm ? "warm" : "new");

    for (guint i = 0; i < bench->repeats; i++) {
        g_autoptr(MtRam) held = warm ? NULL : move_hold_memory(bench, error);
        g_autoptr(MtRam) to = NULL;

        if (!warm && !held)
            return FALSE;
        to = mt_ram_new_simple(bench->ram_bytes, error);
        if (!to)
            return FALSE;
        if (warm)
            memset(mt_ram_block(to, 0)->host, 1, bench->ram_bytes);
        g_clear_pointer(&held, mt_ram_free);
        if (!limit_copy(from, to, n, &speed, &cpu, error))
            return FALSE;
    }
    bench_print(name, &speed, "GB/s");
    bench_note("  processor %.3f s a GB, both ends",
               series_median(&cpu));
    return TRUE;
}

static void
limit_print_page(const char *name, const Series *ns)
{
    bench_print(name, ns, "ns a page");
}

/* Processor time of a page in the parts of a migration. */
static gboolean
limit_pages(Bench *bench, const MtRam *from, GError **error)
{
    const guint8 *data = mt_ram_block(from, 0)->host;
    double pages = bench->ram_bytes / (double)MT_PAGE_SIZE;
    g_auto(Series) scan = { NULL };
    g_auto(Series) fault = { NULL };
    g_auto(Series) copy = { NULL };

    for (guint i = 0; i < bench->repeats; i++) {
        g_autoptr(MtRam) held = move_hold_memory(bench, error);
        g_autoptr(MtRam) to = mt_ram_new_simple(bench->ram_bytes, error);
        guint8 *host;
        guint n_zero = 0;
        double start;

        if (!held || !to)
            return FALSE;
        g_clear_pointer(&held, mt_ram_free);
        host = mt_ram_block(to, 0)->host;

        start = bench_cpu_now();
        for (guint64 at = 0; at < bench->ram_bytes; at += MT_PAGE_SIZE)
            ((volatile guint8 *)host)[at] = 1;
        series_add(&fault, (bench_cpu_now() - start) * 1e9 / pages);

        start = bench_cpu_now();
        memcpy(host, data, bench->ram_bytes);
        series_add(&copy, (bench_cpu_now() - start) * 1e9 / pages);

        start = bench_cpu_now();
        for (guint64 at = 0; at < bench->ram_bytes; at += MT_PAGE_SIZE)
            n_zero += mt_zero_page(data + at);
        series_add(&scan, (bench_cpu_now() - start) * 1e9 / pages);
        if (n_zero)
            g_warning("%u pages of the image are zero", n_zero);
    }
    limit_print_page("scan for zero", &scan);
    limit_print_page("first access to new memory", &fault);
    limit_print_page("copy within memory", &copy);
    return TRUE;
}

gboolean
scenario_limit(Bench *bench, GError **error)
{
    static const guint connections[] = { 1, 2, LIMIT_MAX_CONNECTIONS };
    g_auto(Image) image = IMAGE_INIT;

    /* Without zero pages: all of them are copied. */
    if (!image_make(&image, bench, MT_CONTENT_RANDOM, error))
        return FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(connections); i++) {
        if (!limit_row(bench, image.ram, connections[i], FALSE, error) ||
            !limit_row(bench, image.ram, connections[i], TRUE, error))
            return FALSE;
    }
    return limit_pages(bench, image.ram, error);
}
