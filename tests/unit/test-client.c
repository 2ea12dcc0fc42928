/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client against scripted monitors: what it promises of a good one, and
 * that a bad one of every kind ends in a clear error in time.
 */
#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "fake-server.h"
#include "migtune/migtune-error.h"
#include "qmp/client.h"
#include "qmp/transport.h"
#include "remove-tree.h"
#include "util/json.h"

#define N_COMMANDS 4

typedef struct {
    char *directory;
    char *path;
    FakeQmp *qmp;               /* the server's */
    FakeServer *server;
} Peer;

static void
peer_start(Peer *peer, FakeTrick trick, guint nth)
{
    peer->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    peer->path = g_build_filename(peer->directory, "a.sock", NULL);
    peer->qmp = fake_qmp_new("qemu-7.2");
    peer->server = fake_server_new();
    fake_server_add_unix(peer->server, peer->qmp, peer->path);
    fake_server_set_trick(peer->server, trick, nth);
    fake_server_start(peer->server);
}

static void
peer_stop(Peer *peer)
{
    fake_server_free(peer->server);
    g_rmdir(peer->directory);
    g_free(peer->directory);
    g_free(peer->path);
}

static MtClient *
client_of(const Peer *peer)
{
    return mt_client_new(mt_address_new_unix(peer->path), 30000, 30000);
}

/* For a case that @code ends: time-outs are short where they are the point. */
static MtClient *
client_for(const Peer *peer, MigtuneErrorCode code)
{
    guint timeout_ms = code == MIGTUNE_ERROR_BUSY ||
        code == MIGTUNE_ERROR_TIMEOUT ? 300 : 30000;

    return mt_client_new(mt_address_new_unix(peer->path), timeout_ms,
                         timeout_ms);
}

static void
batch_init(MtCommand *batch)
{
    mt_command_init(&batch[0], "query-name", NULL);
    mt_command_init(&batch[1], "query-uuid", NULL);
    mt_command_init(&batch[2], "no-such-command", NULL);
    mt_command_init(&batch[3], "query-migrate-parameters", NULL);
}

static void
batch_check(const MtCommand *batch)
{
    JsonObject *parameters;

    for (guint i = 0; i < N_COMMANDS; i++) {
        g_assert_true(batch[i].answered);
        g_assert_true(!batch[i].result != !batch[i].error);
    }
    g_assert_error(batch[2].error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_assert_cmpstr(migtune_error_get_field(
        batch[2].error, MIGTUNE_ERROR_FIELD_QEMU_CLASS), ==,
        "CommandNotFound");
    parameters = json_node_get_object(batch[3].result);
    g_assert_cmpint(json_object_get_int_member(parameters, "downtime-limit"),
                    ==, 300);
}

static void
test_open_and_run(void)
{
    Peer peer;
    g_autoptr(MtClient) client = NULL;
    g_autoptr(GError) error = NULL;
    MtCommand batch[N_COMMANDS];

    peer_start(&peer, FAKE_TRICK_NONE, 0);
    client = client_of(&peer);
    g_assert_false(mt_client_is_open(client));
    g_assert_false(mt_client_run(client, NULL, 0, NULL, NULL));

    batch_init(batch);
    g_assert_true(mt_client_open(client, batch, N_COMMANDS, NULL, &error));
    g_assert_no_error(error);
    batch_check(batch);
    mt_commands_clear(batch, N_COMMANDS);
    g_assert_nonnull(mt_client_get_greeting(client)->version);
    g_assert_nonnull(mt_client_get_instance(client));
    /* The process that listens is not QEMU: it may be a relay. */
    g_assert_null(mt_client_get_binary(client));

    for (guint i = 0; i < 3; i++) {
        batch_init(batch);
        g_assert_true(mt_client_run(client, batch, N_COMMANDS, NULL, NULL));
        batch_check(batch);
        mt_commands_clear(batch, N_COMMANDS);
    }
    peer_stop(&peer);
}

/* A directory with the files of a process in /proc. */
static char *
proc_new(const char *exe, const char *mapped, guint64 inode)
{
    g_autoptr(GError) error = NULL;
    char *proc = g_dir_make_tmp("migtune-proc-XXXXXX", &error);
    g_autofree char *link = g_build_filename(proc, "exe", NULL);
    g_autofree char *maps = g_build_filename(proc, "maps", NULL);
    g_autofree char *root = g_build_filename(proc, "root", NULL);
    g_autofree char *text = g_strdup_printf(
        "7f00-7f10 r-xp 00001000 fe:00 11        /lib/libc.so.6\n"
        "7f10-7f20 rw-p 00000000 00:00 0 \n"
        "7f20-7f30 r--p 00000000 fe:00 %" G_GUINT64_FORMAT "    %s\n"
        "7f30-7f40 r-xp 00001000 fe:00 %" G_GUINT64_FORMAT "    %s\n",
        inode, mapped, inode, mapped);

    g_assert_no_error(error);
    g_assert_cmpint(symlink(exe, link), ==, 0);
    g_assert_cmpint(symlink("/", root), ==, 0);
    g_assert_true(g_file_set_contents(maps, text, -1, NULL));

    return proc;
}

/* A QEMU is known by its file, through whatever it was started. */
static void
test_binary(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("migtune-qemu-XXXXXX", &error);
    g_autofree char *qemu = g_build_filename(dir, "qemu-system-a b", NULL);
    g_autofree char *relay = g_build_filename(dir, "relay", NULL);
    g_autofree char *direct = NULL;
    GStatBuf st;

    g_assert_no_error(error);
    g_assert_true(g_file_set_contents(qemu, "7", -1, NULL));
    g_assert_true(g_file_set_contents(relay, "7", -1, NULL));
    g_assert_cmpint(g_stat(qemu, &st), ==, 0);
    {
        const struct {
            const char *exe, *mapped;
            guint64 inode;
            gboolean known;
        } cases[] = {
            { qemu, "/bin/x", 1, TRUE },
            { "/lib64/ld-linux-x86-64.so.2", qemu, st.st_ino, TRUE },
            /* Another file is there now. */
            { "/lib64/ld-linux-x86-64.so.2", qemu, st.st_ino + 1, FALSE },
            { "/lib64/ld-linux-x86-64.so.2", relay, st.st_ino, FALSE },
            /* A relay may have mapped a QEMU. */
            { relay, qemu, st.st_ino, FALSE },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
            g_autofree char *proc = proc_new(cases[i].exe, cases[i].mapped,
                                             cases[i].inode);
            g_autofree char *binary = mt_qmp_identify_binary(proc);

            if (!cases[i].known)
                g_assert_null(binary);
            else if (!direct)
                direct = g_strdup(binary);
            else
                g_assert_cmpstr(binary, ==, direct);
            remove_tree(proc);
        }
    }
    g_assert_nonnull(direct);
    g_assert_null(mt_qmp_identify_binary("/nonexistent"));
    remove_tree(dir);
}

/* qmp_capabilities and the first batch arrive together, and so does every
 * further batch. */
static void
test_a_batch_is_one_write(void)
{
    Peer peer;
    g_autoptr(MtClient) client = NULL;
    MtCommand batch[N_COMMANDS];

    peer_start(&peer, FAKE_TRICK_NONE, 0);
    client = client_of(&peer);
    batch_init(batch);
    g_assert_true(mt_client_open(client, batch, N_COMMANDS, NULL, NULL));
    mt_commands_clear(batch, N_COMMANDS);
    g_assert_cmpuint(fake_server_n_reads(peer.server), ==, 1);
    batch_init(batch);
    g_assert_true(mt_client_run(client, batch, N_COMMANDS, NULL, NULL));
    mt_commands_clear(batch, N_COMMANDS);
    g_assert_cmpuint(fake_server_n_reads(peer.server), ==, 2);
    peer_stop(&peer);
}

static void
test_arguments_arrive(void)
{
    Peer peer;
    g_autoptr(MtClient) client = NULL;
    g_autoptr(JsonObject) arguments = json_object_new();
    g_autoptr(JsonNode) result = NULL;
    g_autoptr(GString) big = g_string_new(NULL);
    g_autofree char *log = NULL;
    guint64 speed = 0;

    for (guint i = 0; i < 20000; i++)
        g_string_append(big, "0123456789");
    peer_start(&peer, FAKE_TRICK_NONE, 0);
    client = mt_client_new(mt_address_new_unix(peer.path), 3000, 30000);
    g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
    json_object_set_int_member(arguments, "max-bandwidth", -1);
    json_object_set_string_member(arguments, "tls-creds", big->str);
    result = mt_exec_one(mt_client_exec(client), "migrate-set-parameters",
                         json_object_ref(arguments), NULL, NULL);
    g_assert_nonnull(result);
    json_node_unref(result);
    result = mt_exec_one(mt_client_exec(client), "query-migrate-parameters",
                         NULL, NULL, NULL);
    g_assert_true(mt_json_get_uint64(json_node_get_object(result),
                                     "max-bandwidth", &speed, NULL));
    g_assert_cmpuint(speed, ==, G_MAXUINT64);
    g_assert_cmpstr(json_object_get_string_member(
        json_node_get_object(result), "tls-creds"), ==, big->str);
    peer_stop(&peer);
}

static const struct {
    FakeTrick trick;
    MigtuneErrorCode code;
    const char *why;
} greeting_cases[] = {
    { FAKE_TRICK_SILENT, MIGTUNE_ERROR_BUSY, "another client holds" },
    { FAKE_TRICK_HALF_GREETING, MIGTUNE_ERROR_TIMEOUT, "only 20 bytes" },
    { FAKE_TRICK_HALF_GREETING_CLOSE, MIGTUNE_ERROR_DISCONNECTED,
      "in the middle of a message" },
    { FAKE_TRICK_CLOSE, MIGTUNE_ERROR_DISCONNECTED, "before its greeting" },
    { FAKE_TRICK_GARBAGE, MIGTUNE_ERROR_PROTOCOL, "not a QMP monitor" },
    { FAKE_TRICK_NO_GREETING, MIGTUNE_ERROR_PROTOCOL, "not a QMP monitor" },
    { FAKE_TRICK_MEGABYTE, MIGTUNE_ERROR_PROTOCOL, "longer than 65536" },
    { FAKE_TRICK_LONG_GREETING, MIGTUNE_ERROR_PROTOCOL,
      "longer than 65536" },
    { FAKE_TRICK_NOT_UTF8, MIGTUNE_ERROR_PROTOCOL, "not UTF-8" },
    { FAKE_TRICK_DEEP, MIGTUNE_ERROR_PROTOCOL, "deeper than 128" },
};

static void
test_bad_greetings(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(greeting_cases); i++) {
        g_autoptr(MtClient) client = NULL;
        g_autoptr(GError) error = NULL;
        MtCommand batch[N_COMMANDS];
        Peer peer;

        g_test_message("%s", fake_trick_name(greeting_cases[i].trick));
        peer_start(&peer, greeting_cases[i].trick, 0);
        client = client_for(&peer, greeting_cases[i].code);
        batch_init(batch);
        g_assert_false(mt_client_open(client, batch, N_COMMANDS, NULL,
                                      &error));
        g_test_message("%s", error->message);
        g_assert_error(error, MIGTUNE_ERROR, (gint)greeting_cases[i].code);
        g_assert_nonnull(strstr(error->message, greeting_cases[i].why));
        g_assert_nonnull(strstr(error->message, peer.path));
        g_assert_false(batch[0].answered);
        g_assert_false(mt_client_is_open(client));
        peer_stop(&peer);
    }
}

static const struct {
    FakeTrick trick;
    MigtuneErrorCode code;      /* 0 for those that are good behaviour */
    const char *why;
} answer_cases[] = {
    { FAKE_TRICK_ANSWER_TWICE, MIGTUNE_ERROR_PROTOCOL, "second answer" },
    { FAKE_TRICK_ANSWER_WRONG_ID, MIGTUNE_ERROR_PROTOCOL,
      "which no command has" },
    { FAKE_TRICK_ANSWER_NO_ID, MIGTUNE_ERROR_PROTOCOL, "has no command id" },
    { FAKE_TRICK_ANSWER_NEVER, MIGTUNE_ERROR_TIMEOUT,
      "did not answer query-uuid" },
    { FAKE_TRICK_ANSWER_HALF_CLOSE, MIGTUNE_ERROR_DISCONNECTED,
      "in the middle of a message" },
    { FAKE_TRICK_ANSWER_NOT_UTF8, MIGTUNE_ERROR_PROTOCOL, "not UTF-8" },
    { FAKE_TRICK_ANSWER_DEEP, MIGTUNE_ERROR_PROTOCOL, "deeper than 128" },
    { FAKE_TRICK_ANSWER_GARBAGE, MIGTUNE_ERROR_PROTOCOL, "no value begins" },
    { FAKE_TRICK_ANSWER_HUGE, MIGTUNE_ERROR_PROTOCOL, "longer than" },
    { FAKE_TRICK_ANSWER_OBJECTS, MIGTUNE_ERROR_PROTOCOL, "longer than 262144" },
    { FAKE_TRICK_ANSWER_GREETING, MIGTUNE_ERROR_PROTOCOL,
      "second greeting" },
    { FAKE_TRICK_ANSWER_EVENTS, 0, NULL },
    { FAKE_TRICK_ANSWER_SPLIT, 0, NULL },
    { FAKE_TRICK_ANSWER_REVERSED, 0, NULL },
};

static void
test_bad_answers(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(answer_cases); i++) {
        g_autoptr(MtClient) client = NULL;
        g_autoptr(GError) error = NULL;
        MtCommand batch[N_COMMANDS];
        gboolean ok;
        Peer peer;

        g_test_message("%s", fake_trick_name(answer_cases[i].trick));
        peer_start(&peer, answer_cases[i].trick, 2);
        client = client_for(&peer, answer_cases[i].code);
        batch_init(batch);
        ok = mt_client_open(client, batch, N_COMMANDS, NULL, &error);
        if (answer_cases[i].code) {
            g_assert_false(ok);
            g_test_message("%s", error->message);
            g_assert_error(error, MIGTUNE_ERROR, (gint)answer_cases[i].code);
            g_assert_nonnull(strstr(error->message, answer_cases[i].why));
            /* What came before it is kept. */
            g_assert_true(batch[0].answered);
            g_assert_nonnull(batch[0].result);
            g_clear_error(&error);
            g_assert_false(mt_client_run(client, NULL, 0, NULL, &error));
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
        } else {
            g_assert_no_error(error);
            g_assert_true(ok);
            batch_check(batch);
        }
        mt_commands_clear(batch, N_COMMANDS);
        peer_stop(&peer);
    }
}

/* A schema may be long, but not have any number of values: a parser needs about
 * a hundred bytes for each. */
static void
test_too_many_values(void)
{
    static const struct {
        FakeTrick trick;
        const char *why;
    } cases[] = {
        { FAKE_TRICK_ANSWER_OBJECTS, "longer than 2097152 bytes" },
        { FAKE_TRICK_ANSWER_VALUES, "more than 200000 values" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtClient) client = NULL;
        g_autoptr(GError) error = NULL;
        MtCommand command;
        Peer peer;

        peer_start(&peer, cases[i].trick, 1);
        client = client_of(&peer);
        mt_command_init(&command, "query-qmp-schema", NULL);
        g_assert_false(mt_client_open(client, &command, 1, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_PROTOCOL);
        g_assert_nonnull(strstr(error->message, cases[i].why));
        mt_commands_clear(&command, 1);
        peer_stop(&peer);
    }
}

/* Every command may be the one at which the link is lost; a new connection
 * finds the same guest. */
static void
test_cut_and_reconnect(void)
{
    for (guint n = 1; n <= N_COMMANDS * 2; n++) {
        g_autoptr(MtClient) client = NULL;
        g_autoptr(GError) error = NULL;
        MtCommand batch[N_COMMANDS];
        MtExec *exec;
        guint nth = (n + 1) / 2;
        Peer peer;

        peer_start(&peer, FAKE_TRICK_NONE, 0);
        client = client_of(&peer);
        exec = mt_client_exec(client);
        g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
        fake_qmp_cut_nth(peer.qmp, nth, n % 2);
        batch_init(batch);
        g_assert_false(exec->run(exec, batch, N_COMMANDS, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
        for (guint i = 0; i < N_COMMANDS; i++)
            g_assert_cmpint(batch[i].answered, ==, i + 1 < nth);
        mt_commands_clear(batch, N_COMMANDS);

        g_assert_true(exec->reconnect(exec, NULL, NULL));
        batch_init(batch);
        g_assert_true(exec->run(exec, batch, N_COMMANDS, NULL, NULL));
        batch_check(batch);
        mt_commands_clear(batch, N_COMMANDS);
        peer_stop(&peer);
    }
}

/* QEMU serves one client at a time.  A second client gets an error that says
 * so, and is served after the first one has disconnected. */
static void
test_the_monitor_is_held(void)
{
    Peer peer;
    g_autoptr(MtClient) first = NULL;
    g_autoptr(GPtrArray) others =
        g_ptr_array_new_with_free_func((GDestroyNotify)mt_client_free);

    peer_start(&peer, FAKE_TRICK_NONE, 0);
    first = client_of(&peer);
    g_assert_true(mt_client_open(first, NULL, 0, NULL, NULL));
    for (guint i = 0; i < 3; i++) {
        g_autoptr(GError) error = NULL;
        MtClient *other = mt_client_new(mt_address_new_unix(peer.path), 100,
                                        100);

        g_ptr_array_add(others, other);
        g_assert_false(mt_client_open(other, NULL, 0, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
        g_assert_nonnull(strstr(error->message, "holds the monitor"));
    }
    mt_client_close(first);
    g_clear_pointer(&first, mt_client_free);
    first = client_of(&peer);
    g_assert_true(mt_client_open(first, NULL, 0, NULL, NULL));
    peer_stop(&peer);
}

/* The queue of the listener is full: connecting itself does not succeed. */
static void
test_a_full_queue(void)
{
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "a.sock", NULL);
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
    g_autoptr(GSocket) listener = g_socket_new(
        G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);
    g_autoptr(GPtrArray) clients =
        g_ptr_array_new_with_free_func(g_object_unref);
    g_autoptr(MtClient) client =
        mt_client_new(mt_address_new_unix(path), 100, 100);
    g_autoptr(GError) error = NULL;

    g_socket_set_listen_backlog(listener, 0);
    g_assert_true(g_socket_bind(listener, address, TRUE, NULL));
    g_assert_true(g_socket_listen(listener, NULL));
    for (guint i = 0; i < 4; i++) {
        GSocket *socket = g_socket_new(G_SOCKET_FAMILY_UNIX,
                                       G_SOCKET_TYPE_STREAM, 0, NULL);

        g_ptr_array_add(clients, socket);
        g_socket_set_blocking(socket, FALSE);
        g_socket_connect(socket, address, NULL, NULL);
    }
    g_assert_false(mt_client_open(client, NULL, 0, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "accepts no more connections"));
    g_unlink(path);
    g_rmdir(directory);
}

static void
test_bad_addresses(void)
{
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *file = g_build_filename(directory, "file", NULL);
    g_autofree char *dead = g_build_filename(directory, "dead", NULL);
    g_autofree char *absent = g_build_filename(directory, "absent", NULL);
    g_autofree char *far = g_strdup_printf("%s/%0200d", directory, 7);
    const struct {
        const char *path;
        const char *why;
    } cases[] = {
        { absent, "there is no monitor socket" },
        { far, "there is no monitor socket" },
        { file, "is not a socket" },
        { directory, "is a directory, not a socket" },
        { dead, "connection refused" },
    };
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(dead);
    GSocket *socket = g_socket_new(G_SOCKET_FAMILY_UNIX,
                                   G_SOCKET_TYPE_STREAM, 0, NULL);

    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_true(g_socket_bind(socket, address, TRUE, NULL));
    g_object_unref(socket);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(MtClient) client = mt_client_new(
            mt_address_new_unix(cases[i].path), 100, 100);
        g_autoptr(GError) error = NULL;

        g_assert_false(mt_client_open(client, NULL, 0, NULL, &error));
        g_test_message("%s", error->message);
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT);
        g_assert_nonnull(strstr(error->message, cases[i].why));
        g_assert_nonnull(strstr(error->message, cases[i].path));
    }
    g_unlink(file);
    g_unlink(dead);
    g_rmdir(directory);
}

/* A path that does not fit struct sockaddr_un is reached all the same. */
static void
test_a_long_path(void)
{
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    g_autofree char *deep = g_strdup_printf("%s/%0150d", directory, 7);
    g_autofree char *here = g_get_current_dir();
    g_autofree char *path = g_build_filename(deep, "a.sock", NULL);
    FakeServer *server = fake_server_new();
    g_autoptr(MtClient) client = mt_client_new(mt_address_new_unix(path),
                                               30000, 30000);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(g_mkdir(deep, 0700), ==, 0);
    g_assert_cmpint(chdir(deep), ==, 0);
    fake_server_add_unix(server, fake_qmp_new("made-2.4"), "a.sock");
    fake_server_start(server);
    mt_client_open(client, NULL, 0, NULL, &error);
    g_assert_no_error(error);
    fake_server_free(server);
    g_assert_cmpint(chdir(here), ==, 0);
    g_rmdir(deep);
    g_rmdir(directory);
}

static void
test_tcp(void)
{
    static const struct {
        const char *host;
        gboolean ipv6;
    } cases[] = {
        { "127.0.0.1", FALSE }, { "localhost", FALSE }, { "::1", TRUE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(FakeServer) server = NULL;
        g_autoptr(MtClient) client = NULL;
        g_autoptr(GError) error = NULL;
        MtCommand batch[N_COMMANDS];
        guint16 port;

        if (cases[i].ipv6 &&
            !g_file_test("/proc/net/if_inet6", G_FILE_TEST_EXISTS))
            continue;
        server = fake_server_new();
        port = fake_server_add_tcp(server, fake_qmp_new("qemu-7.2"), 0,
                                   cases[i].ipv6);
        fake_server_start(server);
        client = mt_client_new(mt_address_new_tcp(cases[i].host, port),
                               30000, 30000);
        batch_init(batch);
        mt_client_open(client, batch, N_COMMANDS, NULL, &error);
        g_assert_no_error(error);
        batch_check(batch);
        mt_commands_clear(batch, N_COMMANDS);
        g_assert_null(mt_client_get_instance(client));
        g_assert_null(mt_client_get_binary(client));

        g_clear_pointer(&server, fake_server_free);
        g_assert_false(mt_client_open(client, NULL, 0, NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT);
        g_assert_nonnull(strstr(error->message, "no process listens at"));
    }
}

static gpointer
cancel_soon(gpointer data)
{
    g_usleep(50000);
    g_cancellable_cancel(data);

    return NULL;
}

static void
test_cancel(void)
{
    static const FakeTrick tricks[] = {
        FAKE_TRICK_SILENT, FAKE_TRICK_ANSWER_NEVER,
    };

    for (gsize i = 0; i < G_N_ELEMENTS(tricks); i++) {
        g_autoptr(GCancellable) cancellable = g_cancellable_new();
        g_autoptr(MtClient) client = NULL;
        g_autoptr(GError) error = NULL;
        MtCommand batch[N_COMMANDS];
        GThread *thread;
        gint64 start_us = g_get_monotonic_time();
        Peer peer;

        peer_start(&peer, tricks[i], 1);
        client = mt_client_new(mt_address_new_unix(peer.path), 20000, 20000);
        thread = g_thread_new("cancel", cancel_soon, cancellable);
        batch_init(batch);
        g_assert_false(mt_client_open(client, batch, N_COMMANDS, cancellable,
                                      &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
        g_assert_cmpint(g_get_monotonic_time() - start_us, <, 10000000);
        g_clear_error(&error);
        mt_commands_clear(batch, N_COMMANDS);
        g_thread_join(thread);

        /* Cancelled beforehand: nothing is tried. */
        g_assert_false(mt_client_open(client, NULL, 0, cancellable, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
        peer_stop(&peer);
    }
}

static void
test_events_are_skipped(void)
{
    Peer peer;
    g_autoptr(MtClient) client = NULL;
    g_autoptr(JsonNode) result = NULL;

    peer_start(&peer, FAKE_TRICK_ANSWER_EVENTS, 1);
    client = client_of(&peer);
    g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
    /* The peer sends a thousand events first. */
    result = mt_exec_one(mt_client_exec(client), "query-name", NULL, NULL,
                         NULL);
    g_assert_nonnull(result);
    peer_stop(&peer);
}

/* A wait ends with an event that has arrived since the last answer; it leaves
 * the connection as it is. */
static void
test_wait_event(void)
{
    static const struct {
        FakeTrick trick;
        const char *event;
        gboolean arrives;
    } cases[] = {
        { FAKE_TRICK_ANSWER_THEN_EVENTS, "MIGRATION_PASS", TRUE },
        { FAKE_TRICK_ANSWER_THEN_EVENTS, "MIGRATION", FALSE },
        { FAKE_TRICK_ANSWER_THEN_EVENTS, NULL, FALSE },
        { FAKE_TRICK_ANSWER_EVENTS, "MIGRATION_PASS", FALSE },
        { FAKE_TRICK_NONE, "MIGRATION_PASS", FALSE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GCancellable) cancelled = g_cancellable_new();
        g_autoptr(MtClient) client = NULL;
        gint64 start_us = g_get_monotonic_time();
        Peer peer;

        peer_start(&peer, cases[i].trick, 1);
        client = client_of(&peer);
        if (cases[i].event)
            mt_client_watch_event(client, cases[i].event);
        g_assert_false(mt_client_wait_event(client, 30000, NULL));
        g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
        for (guint times = 0; times < 2; times++) {
            g_autoptr(JsonNode) result = mt_exec_one(
                mt_client_exec(client), "query-name", NULL, NULL, NULL);

            g_assert_nonnull(result);
            if (times == 0)
                g_assert_cmpint(mt_client_wait_event(
                    client, cases[i].arrives ? 60000 : 20, NULL), ==,
                    cases[i].arrives);
        }
        /* All events have arrived before the second answer. */
        g_assert_false(mt_client_wait_event(client, 10, NULL));
        g_cancellable_cancel(cancelled);
        g_assert_false(mt_client_wait_event(client, 60000, cancelled));
        g_assert_true(mt_client_is_open(client));
        g_assert_cmpint(g_get_monotonic_time() - start_us, <, 60000000);
        peer_stop(&peer);
        /* The peer has closed the connection. */
        g_assert_false(mt_client_wait_event(client, 60000, NULL));
        g_assert_false(mt_client_is_open(client));
    }
}

static guint
count_descriptors(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    guint n = 0;

    while (g_dir_read_name(dir))
        n++;

    return n;
}

/* A thousand open guests must not need two thousand descriptors. */
static void
test_an_idle_client_has_one_descriptor(void)
{
    enum { N_CLIENTS = 8 };
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    MtClient *clients[N_CLIENTS];
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    FakeServer *server = fake_server_new();
    char *paths[N_CLIENTS];
    guint before = 0;

    for (guint i = 0; i < N_CLIENTS; i++) {
        paths[i] = g_strdup_printf("%s/%u", directory, i);
        fake_server_add_unix(server, fake_qmp_new("qemu-7.2"), paths[i]);
    }
    fake_server_start(server);
    /* The first connection may open what all share. */
    for (guint i = 0; i < N_CLIENTS; i++) {
        clients[i] = mt_client_new(mt_address_new_unix(paths[i]), 30000,
                                   30000);
        if (i == 1)
            before = count_descriptors();
        g_assert_true(mt_client_open(clients[i], NULL, 0, cancellable, NULL));
    }
    /* The server is in this process and has one descriptor a client, too. */
    g_assert_cmpuint(count_descriptors() - before, <=, 2 * (N_CLIENTS - 1));
    for (guint i = 0; i < N_CLIENTS; i++)
        mt_client_free(clients[i]);
    fake_server_free(server);
    for (guint i = 0; i < N_CLIENTS; i++) {
        g_unlink(paths[i]);
        g_free(paths[i]);
    }
    g_rmdir(directory);
}

static GLogWriterOutput
collect_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
            gpointer data)
{
    GString *log = data;
    gboolean ours = FALSE;

    for (gsize i = 0; i < n_fields; i++) {
        if (strcmp(fields[i].key, "GLIB_DOMAIN") == 0)
            ours = strcmp(fields[i].value, "migtune-qmp") == 0;
    }
    for (gsize i = 0; ours && i < n_fields; i++) {
        if (strcmp(fields[i].key, "MESSAGE") == 0)
            g_string_append_printf(log, "%s\n", (char *)fields[i].value);
    }

    return G_LOG_WRITER_HANDLED;
}

/* In a process of its own, since a log writer cannot be taken back. */
static void
test_messages_are_logged(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    g_autoptr(JsonNode) result = NULL;
    g_autoptr(MtClient) client = NULL;
    JsonObject *arguments;
    Peer peer;

    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, 0);
        g_test_trap_assert_passed();
        return;
    }

    g_log_set_writer_func(collect_log, log, NULL);
    peer_start(&peer, FAKE_TRICK_NONE, 0);
    client = client_of(&peer);
    g_assert_true(mt_client_open(client, NULL, 0, NULL, NULL));
    arguments = json_object_new();
    json_object_set_string_member(arguments, "password", "hunter2");
    result = mt_exec_one(mt_client_exec(client), "query-name", arguments,
                         NULL, NULL);
    peer_stop(&peer);
    g_assert_nonnull(strstr(log->str, "received {\"QMP\""));
    g_assert_nonnull(strstr(log->str, "sent {\"execute\": "
                                      "\"qmp_capabilities\""));
    g_assert_nonnull(strstr(log->str, "\"query-name\""));
    g_assert_nonnull(strstr(log->str, "\"***\""));
    g_assert_null(strstr(log->str, "hunter2"));
}

typedef struct {
    const char *path;
    guint n_done;
} Worker;

static gpointer
work(gpointer data)
{
    Worker *worker = data;
    g_autoptr(MtClient) client = mt_client_new(
        mt_address_new_unix(worker->path), 10000, 10000);

    for (guint i = 0; i < 20; i++) {
        MtCommand batch[N_COMMANDS];

        batch_init(batch);
        if (i % 5 == 0)
            g_assert_true(mt_client_open(client, batch, N_COMMANDS, NULL,
                                         NULL));
        else
            g_assert_true(mt_client_run(client, batch, N_COMMANDS, NULL,
                                        NULL));
        batch_check(batch);
        mt_commands_clear(batch, N_COMMANDS);
        worker->n_done++;
    }

    return NULL;
}

static void
test_clients_in_threads(void)
{
    enum { N_WORKERS = 8 };
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    FakeServer *server = fake_server_new();
    char *paths[N_WORKERS];
    Worker workers[N_WORKERS] = { { NULL, 0 } };
    GThread *threads[N_WORKERS];

    for (guint i = 0; i < N_WORKERS; i++) {
        paths[i] = g_strdup_printf("%s/%u.sock", directory, i);
        fake_server_add_unix(server, fake_qmp_new("qemu-7.2"), paths[i]);
    }
    fake_server_start(server);
    for (guint i = 0; i < N_WORKERS; i++) {
        workers[i].path = paths[i];
        threads[i] = g_thread_new("client", work, &workers[i]);
    }
    for (guint i = 0; i < N_WORKERS; i++) {
        g_thread_join(threads[i]);
        g_assert_cmpuint(workers[i].n_done, ==, 20);
    }
    fake_server_free(server);
    for (guint i = 0; i < N_WORKERS; i++)
        g_free(paths[i]);
    g_rmdir(directory);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/client/open-and-run", test_open_and_run);
    g_test_add_func("/client/a-batch-is-one-write",
                    test_a_batch_is_one_write);
    g_test_add_func("/client/arguments-arrive", test_arguments_arrive);
    g_test_add_func("/client/bad-greetings", test_bad_greetings);
    g_test_add_func("/client/bad-answers", test_bad_answers);
    g_test_add_func("/client/too-many-values", test_too_many_values);
    g_test_add_func("/client/cut-and-reconnect", test_cut_and_reconnect);
    g_test_add_func("/client/the-monitor-is-held", test_the_monitor_is_held);
    g_test_add_func("/client/a-full-queue", test_a_full_queue);
    g_test_add_func("/client/bad-addresses", test_bad_addresses);
    g_test_add_func("/client/a-long-path", test_a_long_path);
    g_test_add_func("/client/tcp", test_tcp);
    g_test_add_func("/client/cancel", test_cancel);
    g_test_add_func("/client/events-are-skipped", test_events_are_skipped);
    g_test_add_func("/client/wait-event", test_wait_event);
    g_test_add_func("/client/binary", test_binary);
    g_test_add_func("/client/an-idle-client-has-one-descriptor",
                    test_an_idle_client_has_one_descriptor);
    g_test_add_func("/client/messages-are-logged", test_messages_are_logged);
    g_test_add_func("/client/clients-in-threads", test_clients_in_threads);
    return g_test_run();
}
