/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The two kinds of guest.
 *
 * A real QEMU gets one end of a socket pair as its monitor, so that no
 * connection has to be made: commands are written before QEMU has read its
 * command line, and answered when it reads them. A guest of drivers/ref is
 * called in this process.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "differ.h"
#include "lib/qemu-guest.h"
#include "lib/remove-tree.h"

/* A guest that is silent for longer is considered dead. */
#define SILENCE_MS 120000

/* More than a socket buffers. */
#define CONTENT_BYTES (12u << 20)

struct Peer {
    PeerKind kind;
    char *dir;
    GPtrArray *events;
    guint n_due;                /* answers */
    guint n_skip;               /* of which to the negotiation */

    RefPeer *ref;

    GSubprocess *process;
    int fd;
    gboolean gone;
    GString *out;
    gsize n_sent;
    GString *in;
};

static void
peer_child_setup(gpointer data)
{
    static const struct rlimit none = { 0, 0 };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);  /* some commands end it */
}

static GPtrArray *
peer_argv(const PeerKind *kind, PeerFlags flags, const char *dir)
{
    static const char *const fixed[] = {
        "-machine", "none", "-accel", "tcg", "-nodefaults", "-display", "none", "-m", "16M",
        "-name", "guest",
        "-chardev", "socket,id=monitor,fd=3", "-mon",
        "chardev=monitor,mode=control",
    };
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) words = NULL;

    if (!g_shell_parse_argv(qemu_guest_command(kind->release), NULL, &words, NULL))
        g_error("the command for QEMU %s cannot be read", kind->release);
    for (char **word = words; *word; word++)
        g_ptr_array_add(argv, g_strdup(*word));
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, g_strdup(fixed[i]));
    if (flags & PEER_FILLED) {
        g_ptr_array_add(argv, g_strdup("-device"));
        g_ptr_array_add(argv, g_strdup_printf(
            "loader,addr=0,force-raw=on,file=%s/" PEER_CONTENT, dir));
    }
    if (flags & PEER_INCOMING) {
        g_ptr_array_add(argv, g_strdup("-incoming"));
        g_ptr_array_add(argv, g_strdup("defer"));
    }
    if (flags & PEER_PAUSED)
        g_ptr_array_add(argv, g_strdup("-S"));
    g_ptr_array_add(argv, NULL);
    return argv;
}

static void
peer_start_real(Peer *peer, PeerFlags flags, const char *dir)
{
    g_autoptr(GPtrArray) argv = peer_argv(&peer->kind, flags, dir);
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autoptr(GError) error = NULL;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        g_error("no socket pair: %s", g_strerror(errno));
    peer->fd = ends[0];
    g_assert_cmpint(fcntl(peer->fd, F_SETFL, O_NONBLOCK), ==, 0);
    g_subprocess_launcher_take_fd(launcher, ends[1], 3);
    g_subprocess_launcher_set_child_setup(launcher, peer_child_setup, NULL,
                                          NULL);
    peer->process = g_subprocess_launcher_spawnv(
        launcher, (const char *const *)argv->pdata, &error);
    if (!peer->process)
        g_error("%s: %s", (char *)argv->pdata[0], error->message);
}

void
peer_prepare(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, PEER_CONTENT, NULL);
    g_autofree guint32 *words = g_malloc(CONTENT_BYTES);
    guint32 word = 1;

    for (gsize i = 0; i < CONTENT_BYTES / sizeof(*words); i++) {
        word = word * 1664525 + 1013904223;
        words[i] = word;
    }
    g_assert_true(
        g_file_set_contents(path, (char *)words, CONTENT_BYTES, NULL));
}

static void
peer_queue(Peer *peer, const char *line)
{
    g_string_append(peer->out, line);
    g_string_append_c(peer->out, '\n');
    peer->n_due++;
}

Peer *
peer_new(const PeerKind *kind, PeerFlags flags, const char *dir)
{
    Peer *peer = g_new0(Peer, 1);

    peer->kind = *kind;
    peer->fd = -1;
    peer->dir = g_build_filename(dir, "guest-XXXXXX", NULL);
    if (!g_mkdtemp(peer->dir))
        g_error("no directory in %s: %s", dir, g_strerror(errno));
    peer->events = g_ptr_array_new_with_free_func(g_free);
    peer->out = g_string_new(NULL);
    peer->in = g_string_new(NULL);
    if (kind->ref)
        peer->ref = ref_peer_new(kind->release, flags);
    else
        peer_start_real(peer, flags, dir);

    /* The greeting counts as an answer. */
    peer->n_due = 1;
    peer_queue(peer, "{\"execute\": \"qmp_capabilities\"}");
    peer->n_skip = 2;
    return peer;
}

void
peer_free(Peer *peer)
{
    if (!peer)
        return;

    if (peer->process) {
        g_subprocess_force_exit(peer->process);
        g_subprocess_wait(peer->process, NULL, NULL);
        g_object_unref(peer->process);
    }
    if (peer->fd >= 0)
        close(peer->fd);
    ref_peer_free(peer->ref);
    remove_tree(peer->dir);
    g_free(peer->dir);
    g_ptr_array_unref(peer->events);
    g_string_free(peer->out, TRUE);
    g_string_free(peer->in, TRUE);
    g_free(peer);
}

const char *
peer_dir(const Peer *peer)
{
    return peer->dir;
}

GPtrArray *
peer_events(Peer *peer)
{
    return peer->events;
}

/* Writes as much as possible without blocking. */
static void
peer_write(Peer *peer)
{
    while (!peer->gone && peer->n_sent < peer->out->len) {
        ssize_t n = send(peer->fd, peer->out->str + peer->n_sent,
                         peer->out->len - peer->n_sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            /* full; a closed connection is noticed by the next read */
            break;
        peer->n_sent += n;
    }
    if (peer->n_sent == peer->out->len) {
        g_string_truncate(peer->out, 0);
        peer->n_sent = 0;
    }
}

static void
peer_read(Peer *peer)
{
    char buffer[65536];
    ssize_t n = read(peer->fd, buffer, sizeof(buffer));

    if (n > 0)
        g_string_append_len(peer->in, buffer, n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        peer->gone = TRUE;
}

/* The next complete line that has arrived; NULL if there is none. */
static char *
peer_line(Peer *peer)
{
    char *end = memchr(peer->in->str, '\n', peer->in->len);
    char *line;

    if (!end)
        return NULL;

    line = g_strndup(peer->in->str, end - peer->in->str);
    g_strchomp(line);
    g_string_erase(peer->in, 0, end - peer->in->str + 1);
    return line;
}

/* The next line of either kind of guest; NULL at the end. */
static char *
peer_next(Peer *peer)
{
    char *line;

    if (peer->ref)
        return ref_peer_take(peer->ref);

    while (!(line = peer_line(peer)) && !peer->gone) {
        struct pollfd poller = { .fd = peer->fd, .events = POLLIN };

        peer_write(peer);
        if (peer->out->len)
            poller.events |= POLLOUT;
        if (poll(&poller, 1, SILENCE_MS) == 0)
            peer->gone = TRUE;
        if (poller.revents & (POLLIN | POLLHUP | POLLERR))
            peer_read(peer);
    }
    return line;
}

void
peer_begin(Peer *peer, GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++)
        peer_queue(peer, lines->pdata[i]);
    if (!peer->ref)
        peer_write(peer);
}

static gboolean
line_is_event(const char *line)
{
    /* Quotes inside a string have a backslash. */
    return strstr(line, "\"event\"") && strstr(line, "\"timestamp\"");
}

GPtrArray *
peer_end(Peer *peer)
{
    GPtrArray *answers = g_ptr_array_new_with_free_func(g_free);

    if (peer->ref) {
        ref_peer_feed(peer->ref, peer->out->str);
        g_string_truncate(peer->out, 0);
    }
    while (peer->n_due > 0) {
        char *line = peer_next(peer);

        if (line && line_is_event(line)) {
            g_ptr_array_add(peer->events, line);
            continue;
        }
        peer->n_due--;
        if (peer->n_skip > 0) {
            peer->n_skip--;
            g_free(line);
            continue;
        }
        g_ptr_array_add(answers, line);
    }
    return answers;
}
