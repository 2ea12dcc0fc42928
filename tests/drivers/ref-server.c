/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The monitor of a guest on a socket, with clients of every kind: some read
 * their answers, others do not.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "drivers/ref/monitor/server.h"
#include "migtune/migtune-error.h"

#define WAIT_MS 20000

typedef struct {
    char *directory;
    char *path;
    char *address;
    MtRefGuest *guest;
    MtRefServer *server;
} Fixture;

static void
fixture_up(Fixture *f, gconstpointer data)
{
    g_autoptr(MtRefGuestSpec) spec =
        mt_ref_guest_spec_new("web1", MT_RELEASE(7, 2));
    g_autoptr(GError) error = NULL;

    spec->ram_bytes = 1024 * 1024;
    f->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    f->path = g_build_filename(f->directory, "web1.sock", NULL);
    f->address = g_strconcat("unix:", f->path, NULL);
    f->guest = mt_ref_guest_new(spec, &error);
    g_assert_no_error(error);
    f->server = mt_ref_server_new(f->guest, f->address, &error);
    g_assert_no_error(error);
}

static void
fixture_down(Fixture *f, gconstpointer data)
{
    mt_ref_server_free(f->server);
    mt_ref_guest_free(f->guest);
    /* No files are left. */
    g_assert_cmpint(g_rmdir(f->directory), ==, 0);
    g_free(f->directory);
    g_free(f->path);
    g_free(f->address);
}

static int
client_connect(const Fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(fd, >=, 0);
    g_strlcpy(address.sun_path, f->path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address,
                            sizeof(address)), ==, 0);
    return fd;
}

static void
client_send(int fd, const char *text)
{
    gssize length = strlen(text);

    g_assert_cmpint(send(fd, text, length, MSG_NOSIGNAL), ==, length);
}

/* Reads until @part has arrived; FALSE at the end of the connection. */
static gboolean
client_expect(int fd, const char *part)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];

    while (!strstr(text->str, part)) {
        struct pollfd readable = { fd, POLLIN, 0 };
        gssize n;

        if (poll(&readable, 1, WAIT_MS) != 1)
            g_error("\"%s\" did not come after \"%s\"", part, text->str);
        n = recv(fd, buffer, sizeof(buffer), 0);
        if (n <= 0)
            return FALSE;
        g_string_append_len(text, buffer, n);
    }

    return TRUE;
}

static int
client_negotiate(const Fixture *f)
{
    int fd = client_connect(f);

    g_assert_true(client_expect(fd, "\"QMP\""));
    client_send(fd, "{\"execute\": \"qmp_capabilities\"}");
    g_assert_true(client_expect(fd, "\"return\""));
    return fd;
}

/* Clients that follow a bad client are served. */
static void
check_served(const Fixture *f)
{
    int fd = client_negotiate(f);

    client_send(fd, "{\"execute\": \"query-name\", \"id\": \"me\"}");
    g_assert_true(client_expect(fd, "\"me\""));
    close(fd);
}

static void
test_good(Fixture *f, gconstpointer data)
{
    struct stat st;

    g_assert_cmpstr(mt_ref_server_get_address(f->server), ==, f->address);
    g_assert_cmpint(stat(f->path, &st), ==, 0);
    g_assert_true(S_ISSOCK(st.st_mode));
    g_assert_cmpint(st.st_mode & 0777, ==, 0600);
    for (guint i = 0; i < 20; i++)
        check_served(f);
}

static void
test_garbage(Fixture *f, gconstpointer data)
{
    static const char *const texts[] = {
        "GET / HTTP/1.0\r\n\r\n", "{", "}", "[[[[[[[[", "\"", "\n\n\n\n",
        "{\"execute\": 5}", "{\"execute\": \"quit\", \"execute\"",
        "\xff\xfe\xfd", "{\"exec-oob\": \"query-name\"}",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        int fd = client_connect(f);

        client_send(fd, texts[i]);
        close(fd);
        fd = client_negotiate(f);
        client_send(fd, texts[i]);
        close(fd);
    }
    check_served(f);
}

/* The second client waits in the queue until the first has disconnected. */
static void
test_one_at_a_time(Fixture *f, gconstpointer data)
{
    int first = client_negotiate(f);
    int second = client_connect(f);
    struct pollfd readable = { second, POLLIN, 0 };

    g_assert_cmpint(poll(&readable, 1, 200), ==, 0);
    close(first);
    g_assert_true(client_expect(second, "\"QMP\""));
    close(second);
}

/* Answers arrive although the client sends nothing further. */
static void
test_half_closed(Fixture *f, gconstpointer data)
{
    int fd = client_negotiate(f);

    for (guint i = 0; i < 20; i++)
        client_send(fd, "{\"execute\": \"query-qmp-schema\"}\n");
    client_send(fd, "{\"execute\": \"query-name\", \"id\": \"last\"}\n");
    g_assert_cmpint(shutdown(fd, SHUT_WR), ==, 0);
    g_assert_true(client_expect(fd, "\"last\""));
    g_assert_false(client_expect(fd, "nothing more"));
    close(fd);
}

/* Of a client that does not read its answers no more commands are read, long
 * before all answers would be in memory. */
static void
test_deaf(Fixture *f, gconstpointer data)
{
    static const char ask[] = "{\"execute\": \"query-qmp-schema\"}\n";
    int fd = client_negotiate(f);
    guint n_asked = 0;
    gint64 end_us = g_get_monotonic_time() + 1000000;

    while (g_get_monotonic_time() < end_us) {
        if (send(fd, ask, strlen(ask), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            g_usleep(1000);
        } else {
            n_asked++;
        }
    }
    g_test_message("%u questions went out in a second", n_asked);
    /* The buffer of the socket is full. */
    g_assert_cmpint(send(fd, ask, strlen(ask), MSG_DONTWAIT | MSG_NOSIGNAL),
                    ==, -1);
    close(fd);
    check_served(f);
}

/* The guest is freed while clients are connected. */
static void
test_quit(Fixture *f, gconstpointer data)
{
    int fd = client_negotiate(f);
    int waiting = client_connect(f);
    gint64 end_us = g_get_monotonic_time() + WAIT_MS * 1000;

    client_send(fd, "{\"execute\": \"quit\", \"id\": \"bye\"}");
    g_assert_true(client_expect(fd, "\"bye\""));
    g_assert_false(client_expect(fd, "nothing more"));
    g_assert_false(client_expect(waiting, "nothing at all"));
    while (g_file_test(f->path, G_FILE_TEST_EXISTS)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end_us);
        g_usleep(1000);
    }
    close(fd);
    close(waiting);
}

static void
test_freed(Fixture *f, gconstpointer data)
{
    int fd = client_negotiate(f);

    g_clear_pointer(&f->server, mt_ref_server_free);
    g_assert_false(client_expect(fd, "nothing more"));
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
    close(fd);
}

/* A command carries a descriptor. */
static void
test_descriptor(Fixture *f, gconstpointer data)
{
    static const char command[] =
        "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"out\"}, "
        "\"id\": \"got\"}";
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { .header = {
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
        .cmsg_len = CMSG_LEN(sizeof(int)) } };
    struct iovec iov = { (char *)command, strlen(command) };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof(control),
    };
    int fd = client_negotiate(f);
    int fds[2];
    char byte;

    g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
    memcpy(CMSG_DATA(&control.header), &fds[1], sizeof(int));
    g_assert_cmpint(sendmsg(fd, &message, MSG_NOSIGNAL), ==, iov.iov_len);
    g_assert_true(client_expect(fd, "\"got\""));
    close(fds[1]);
    client_send(fd, "{\"execute\": \"closefd\", \"arguments\": "
                "{\"fdname\": \"out\"}, \"id\": \"closed\"}");
    g_assert_true(client_expect(fd, "\"closed\""));
    /* The guest has closed the other end. */
    g_assert_cmpint(read(fds[0], &byte, 1), ==, 0);
    close(fds[0]);
    close(fd);
}

static void
test_addresses(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *address;
        int code;               /* -1: the address is correct */
    } cases[] = {
        { "tcp:127.0.0.1:0", -1 },
        { "tcp:localhost:0", -1 },
        { "tcp:0.0.0.0:0", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "tcp::0", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "tcp:example.org:0", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "tcp:127.0.0.1", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "tcp:127.0.0.1:65536", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "unix:", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "unix:/no/such/directory/sock", MIGTUNE_ERROR_IO },
        { "unix:/", MIGTUNE_ERROR_IO },
        { "unix:/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
          "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
          MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "/tmp/sock", MIGTUNE_ERROR_INVALID_ARGUMENT },
        { "", MIGTUNE_ERROR_INVALID_ARGUMENT },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtRefServer) server = mt_ref_server_new(
            f->guest, cases[i].address, &error);

        g_test_message("%s: %s", cases[i].address,
                       error ? error->message : "good");
        if (cases[i].code < 0) {
            g_assert_no_error(error);
            g_assert_false(g_str_has_suffix(
                mt_ref_server_get_address(server), ":0"));
        } else {
            g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
        }
    }
}

/* A socket that no process listens on is replaced; one with a listener, or a
 * file that is not a socket, is not touched. */
static void
test_in_the_way(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *left = g_build_filename(f->directory, "left", NULL);
    g_autofree char *address = g_strconcat("unix:", left, NULL);
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MtRefServer *server;

    g_assert_null(mt_ref_server_new(f->guest, f->address, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_clear_error(&error);
    check_served(f);

    g_strlcpy(name.sun_path, left, sizeof(name.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&name, sizeof(name)), ==, 0);
    close(fd);
    server = mt_ref_server_new(f->guest, address, &error);
    g_assert_no_error(error);
    mt_ref_server_free(server);
    g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));

    g_assert_true(g_file_set_contents(left, "mine", -1, NULL));
    g_assert_null(mt_ref_server_new(f->guest, address, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_true(g_file_test(left, G_FILE_TEST_IS_REGULAR));
    g_unlink(left);
}

static const struct {
    const char *name;
    void (*func)(Fixture *f, gconstpointer data);
} tests[] = {
    { "good", test_good },
    { "garbage", test_garbage },
    { "one-at-a-time", test_one_at_a_time },
    { "half-closed", test_half_closed },
    { "deaf", test_deaf },
    { "quit", test_quit },
    { "freed", test_freed },
    { "descriptor", test_descriptor },
    { "addresses", test_addresses },
    { "in-the-way", test_in_the_way },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/ref-server/%s",
                                                tests[i].name);

        g_test_add(path, Fixture, NULL, fixture_up, tests[i].func,
                   fixture_down);
    }
    return g_test_run();
}
