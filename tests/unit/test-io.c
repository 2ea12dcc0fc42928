/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors: complete reads and writes, timeouts, cancellation, faults. */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/io.h"
#include "migtune/migtune-error.h"

typedef struct {
    MtIo *io;
    guint8 *data;
    gsize len;
} Writer;

static gpointer
writer_thread(gpointer data)
{
    Writer *w = data;

    mt_io_write(w->io, w->data, w->len, NULL);
    mt_io_shutdown_write(w->io);
    return NULL;
}

/* More than the buffers of a socket, in pieces of all sizes. */
static void
test_moves_everything(void)
{
    enum { LEN = 3 << 20 };
    g_autofree guint8 *out = g_malloc(LEN);
    g_autofree guint8 *in = g_malloc0(LEN);
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    struct iovec iov[40] = { { NULL, 0 } };
    Writer w;
    GThread *thread;
    gsize at = 0;

    for (guint i = 0; i < LEN; i++)
        out[i] = i * 7 + (i >> 9);
    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, &error));
    w = (Writer) { a, out, LEN };
    thread = g_thread_new("writer", writer_thread, &w);
    for (guint i = 0; i < G_N_ELEMENTS(iov); i++) {
        gsize len = i % 5 ? i * 3777 : 0;

        if (i + 1 == G_N_ELEMENTS(iov))
            len = LEN - at;
        iov[i].iov_base = in + at;
        iov[i].iov_len = len;
        at += len;
    }
    g_assert_true(mt_io_readv(b, iov, G_N_ELEMENTS(iov), &error));
    g_assert_no_error(error);
    g_assert_cmpint(memcmp(in, out, LEN), ==, 0);
    g_assert_cmpuint(mt_io_get_bytes_read(b), ==, LEN);
    g_assert_false(mt_io_read(b, in, 1, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    g_thread_join(thread);
    g_assert_cmpuint(mt_io_get_bytes_written(a), ==, LEN);
}

static void
test_silence(void)
{
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *big = g_malloc0(4 << 20);
    guint8 byte;
    gint64 begin = g_get_monotonic_time();

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    mt_io_set_name(b, "that one");
    mt_io_set_timeout_ms(b, 30);
    g_assert_false(mt_io_read(b, &byte, 1, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "that one"));
    g_assert_cmpint(g_get_monotonic_time() - begin, >=, 29000);
    g_clear_error(&error);

    /* The peer does not read. */
    g_assert_false(mt_io_write(b, big, 4 << 20, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT);
}

/* Progress of another descriptor with the same counter prevents the timeout. */
static gpointer
busy_thread(gpointer data)
{
    guint64 *activity = data;

    for (guint i = 0; i < 30; i++) {
        g_usleep(10000);
        __atomic_fetch_add(activity, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void
test_silence_of_all(void)
{
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    guint64 activity = 0;
    gint64 begin = g_get_monotonic_time();
    guint8 byte;
    GThread *thread = g_thread_new("busy", busy_thread, &activity);

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    mt_io_set_timeout_ms(b, 100);
    mt_io_set_activity(b, &activity);
    g_assert_false(mt_io_read(b, &byte, 1, NULL));
    g_assert_cmpint(g_get_monotonic_time() - begin, >, 250000);
    g_thread_join(thread);
}

static gpointer
cancel_thread(gpointer data)
{
    g_usleep(20000);
    mt_cancel_fire(data);
    return NULL;
}

static void
test_cancel(void)
{
    g_autoptr(MtCancel) cancel = mt_cancel_new();
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    g_autoptr(GError) error = NULL;
    guint8 byte = 0;
    GThread *thread;

    g_assert_true(mt_io_pair(NULL, cancel, &a, &b, NULL));
    thread = g_thread_new("cancel", cancel_thread, cancel);
    g_assert_false(mt_io_read(b, &byte, 1, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_clear_error(&error);
    g_thread_join(thread);
    g_assert_false(mt_io_write(b, &byte, 1, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
}

static void
test_peek(void)
{
    g_autoptr(MtIo) a = NULL;
    g_autoptr(MtIo) b = NULL;
    guint8 buf[4];

    g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
    g_assert_cmpint(mt_io_peek(b, buf, 4), ==, 0);
    g_assert_true(mt_io_write(a, "QE", 2, NULL));
    g_assert_cmpint(mt_io_peek(b, buf, 4), ==, 2);
    g_assert_true(mt_io_write(a, "VM", 2, NULL));
    g_assert_cmpint(mt_io_peek(b, buf, 4), ==, 4);
    g_assert_cmpmem(buf, 4, "QEVM", 4);
    g_assert_true(mt_io_read(b, buf, 4, NULL));
    mt_io_shutdown(a);
    g_assert_cmpint(mt_io_peek(b, buf, 4), ==, -1);
}

static void
test_faults(void)
{
    static const struct {
        MtIoFaultKind kind;
        int code;
        guint64 arrives;
    } cases[] = {
        { MT_IO_FAULT_DROP, MIGTUNE_ERROR_DISCONNECTED, 5 },
        { MT_IO_FAULT_STALL, MIGTUNE_ERROR_TIMEOUT, 5 },
        { MT_IO_FAULT_CORRUPT, -1, 10 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtIo) a = NULL;
        g_autoptr(MtIo) b = NULL;
        g_autoptr(GError) error = NULL;
        MtIoFault fault = { cases[i].kind, 5 };
        char got[11] = { 0 };
        gboolean ok;

        g_assert_true(mt_io_pair(NULL, NULL, &a, &b, NULL));
        mt_io_set_timeout_ms(a, 20);
        mt_io_set_fault(a, &fault);
        g_assert_true(mt_io_write(a, "abc", 3, &error));
        ok = mt_io_write(a, "defghij", 7, &error);
        g_assert_cmpint(ok, ==, cases[i].code < 0);
        if (!ok)
            g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
        g_assert_true(mt_io_read(b, got, cases[i].arrives, NULL));
        g_assert_cmpstr(got, ==, ok ? "abcdeFghij" : "abcde");
        if (!ok)
            g_assert_cmpint(mt_io_peek(b, got, 1), <=, 0);
    }
}

static void
test_commands(void)
{
    g_autoptr(GError) error = NULL;
    MtIo *io = mt_io_spawn("printf hello", FALSE, NULL, &error);
    char got[6] = { 0 };

    g_assert_true(mt_io_read(io, got, 5, &error));
    g_assert_cmpstr(got, ==, "hello");
    g_assert_true(mt_io_close(io, &error));
    mt_io_free(io);

    io = mt_io_spawn("cat >/dev/null; exit 4", TRUE, NULL, &error);
    g_assert_true(mt_io_write(io, "x", 1, &error));
    g_assert_false(mt_io_close(io, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "4"));
    g_clear_error(&error);
    mt_io_free(io);

    /* A command that does not end is killed. */
    io = mt_io_spawn("exec sleep 1000", TRUE, NULL, &error);
    mt_io_set_timeout_ms(io, 50);
    g_assert_false(mt_io_close(io, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_clear_error(&error);
    mt_io_free(io);

    /* Writing to a pipe without a reader fails and does not raise SIGPIPE. */
    io = mt_io_spawn("exit 0", TRUE, NULL, &error);
    g_usleep(100000);
    while (mt_io_write(io, got, 6, &error)) {
    }
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    mt_io_free(io);
}

static void
test_files(void)
{
    g_autofree char *dir = g_dir_make_tmp("migtune-io-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(MtIo) w = mt_io_open_file(path, MT_IO_FILE_WRITE, FALSE, &error);
    g_autoptr(MtIo) r = NULL;
    struct iovec iov[2] = { { (char *)"ab", 2 }, { (char *)"cd", 2 } };
    char got[5] = { 0 };
    guint64 size;

    g_assert_no_error(error);
    g_assert_true(mt_io_is_seekable(w));
    g_assert_false(mt_io_is_two_way(w));
    g_assert_true(mt_io_seek(w, 100, &error));
    g_assert_true(mt_io_write(w, "xyz", 3, &error));
    g_assert_cmpuint(mt_io_tell(w), ==, 103);
    g_assert_true(mt_io_pwritev(w, iov, 2, 10, &error));
    g_assert_cmpuint(mt_io_tell(w), ==, 103);
    g_assert_true(mt_io_get_size(w, &size, &error));
    g_assert_cmpuint(size, ==, 103);

    r = mt_io_open_file(path, MT_IO_FILE_READ, FALSE, &error);
    g_assert_true(mt_io_pread(r, got, 4, 10, &error));
    g_assert_cmpstr(got, ==, "abcd");
    g_assert_false(mt_io_pread(r, got, 4, 101, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
    g_clear_error(&error);
    g_assert_false(mt_io_write(r, "a", 1, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(mt_io_open_file("/nonexistent/x", MT_IO_FILE_READ, FALSE,
                                  &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_remove(path);
    g_rmdir(dir);
}

/* The limit of descriptors is named, with what helps. */
static void
test_too_many_files(void)
{
    struct rlimit before, low;
    g_autoptr(GError) error = NULL;
    g_autofree char *limit = NULL;
    int fd = dup(STDOUT_FILENO);
    MtIo *io;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
    low = before;
    /* The descriptor is the first free one, and may not be used again. */
    close(fd);
    low.rlim_cur = fd;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
    io = mt_io_connect_unix("/nothing", 0, NULL, &error);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
    g_assert_null(io);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT);
    limit = g_strdup_printf("may have %d descriptors", fd);
    g_assert_nonnull(strstr(error->message, limit));
    g_assert_nonnull(strstr(error->message, "ulimit -n"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io/moves-everything", test_moves_everything);
    g_test_add_func("/io/silence", test_silence);
    g_test_add_func("/io/silence-of-all", test_silence_of_all);
    g_test_add_func("/io/cancel", test_cancel);
    g_test_add_func("/io/peek", test_peek);
    g_test_add_func("/io/faults", test_faults);
    g_test_add_func("/io/commands", test_commands);
    g_test_add_func("/io/files", test_files);
    g_test_add_func("/io/too-many-files", test_too_many_files);
    return g_test_run();
}
