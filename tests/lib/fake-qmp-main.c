/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Scripted monitors in a program, for tests of the command.
 *
 * Prints the address of each monitor, one a line, when all of them listen, and
 * runs until its standard input ends.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake-server.h"

typedef struct {
    char *replies;
    char *path;
    char *directory;
    int count;
    int port;
    gboolean tcp;
    gboolean ipv6;
    char *name;
    char *uuid;
    char *trick;
    int nth;
    int fail;
    char *error_class;
    char *error_desc;
    int cut_before;
    int cut_after;
    int delay_ms;
    gboolean busy;
    char **ignore;
} FakeOptions;

static FakeTrick
main_trick(const char *name)
{
    FakeTrick trick = FAKE_TRICK_NONE;

    while (name && fake_trick_name(trick) &&
           strcmp(fake_trick_name(trick), name) != 0)
        trick++;
    if (!fake_trick_name(trick))
        g_error("unknown fault \"%s\"", name);

    return trick;
}

static FakeQmp *
main_prepare(FakeQmp *qmp, const FakeOptions *options)
{
    if (options->name || options->uuid)
        fake_qmp_set_identity(qmp, options->name, options->uuid);
    fake_qmp_fail_nth_with(qmp, options->fail, options->error_class
                           ? options->error_class : "GenericError",
                           options->error_desc
                           ? options->error_desc : "refused by the test");
    if (options->cut_before)
        fake_qmp_cut_nth(qmp, options->cut_before, FALSE);
    if (options->cut_after)
        fake_qmp_cut_nth(qmp, options->cut_after, TRUE);
    fake_qmp_set_delay(qmp, options->delay_ms);
    fake_qmp_set_busy(qmp, options->busy);
    for (char **at = options->ignore; at && *at; at++)
        fake_qmp_ignore(qmp, *at);

    return qmp;
}

static void
main_listen(FakeServer *server, FakeQmp *qmp, const FakeOptions *options)
{
    if (options->tcp) {
        guint16 port = fake_server_add_tcp(server, qmp, options->port,
                                           options->ipv6);

        printf(options->ipv6 ? "[::1]:%u\n" : "127.0.0.1:%u\n", port);
    } else {
        fake_server_add_unix(server, qmp, options->path);
        printf("%s\n", options->path);
    }
    fake_server_set_trick(server, main_trick(options->trick), options->nth);
}

static void
main_listen_many(FakeServer *server, FakeQmp *model,
                 const FakeOptions *options)
{
    for (int i = 0; i < options->count; i++) {
        g_autofree char *name = g_strdup_printf("guest%d", i);
        g_autofree char *file = g_strconcat(name, ".sock", NULL);
        g_autofree char *path = g_build_filename(options->directory, file,
                                                 NULL);
        FakeQmp *qmp = main_prepare(fake_qmp_new_like(model), options);

        fake_qmp_set_identity(qmp, name, NULL);
        fake_server_add_unix(server, qmp, path);
        fake_server_set_trick(server, main_trick(options->trick),
                              options->nth);
    }
    printf("%s\n", options->directory);
}

/* A thousand monitors and their clients need more than the usual limit of
 * 1024 descriptors. */
static void
main_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int
main(int argc, char **argv)
{
    FakeOptions o = { .replies = NULL, .count = 1 };
    const GOptionEntry entries[] = {
        { "replies", 0, 0, G_OPTION_ARG_STRING, &o.replies,
          "recorded file, or its name in tests/data/replies", "NAME" },
        { "unix", 0, 0, G_OPTION_ARG_FILENAME, &o.path, "listen here",
          "PATH" },
        { "tcp", 0, 0, G_OPTION_ARG_NONE, &o.tcp, "listen on loopback",
          NULL },
        { "ipv6", 0, 0, G_OPTION_ARG_NONE, &o.ipv6, "on the loopback interface of IPv6", NULL },
        { "port", 0, 0, G_OPTION_ARG_INT, &o.port, "TCP port", "N" },
        { "directory", 0, 0, G_OPTION_ARG_FILENAME, &o.directory,
          "listen on guest0.sock, guest1.sock ... in it", "DIR" },
        { "count", 0, 0, G_OPTION_ARG_INT, &o.count, "that many", "N" },
        { "name", 0, 0, G_OPTION_ARG_STRING, &o.name, "query-name", "NAME" },
        { "uuid", 0, 0, G_OPTION_ARG_STRING, &o.uuid, "query-uuid", "UUID" },
        { "trick", 0, 0, G_OPTION_ARG_STRING, &o.trick,
          "behave badly; `list' names the ways", "NAME" },
        { "nth", 0, 0, G_OPTION_ARG_INT, &o.nth,
          "the answer that the trick is for", "N" },
        { "fail", 0, 0, G_OPTION_ARG_INT, &o.fail, "refuse command N", "N" },
        { "class", 0, 0, G_OPTION_ARG_STRING, &o.error_class,
          "with this class", "CLASS" },
        { "desc", 0, 0, G_OPTION_ARG_STRING, &o.error_desc, "and this text",
          "TEXT" },
        { "cut-before", 0, 0, G_OPTION_ARG_INT, &o.cut_before,
          "hang up before command N is carried out", "N" },
        { "cut-after", 0, 0, G_OPTION_ARG_INT, &o.cut_after,
          "hang up after it was, without an answer", "N" },
        { "delay", 0, 0, G_OPTION_ARG_INT, &o.delay_ms,
          "every command takes this long", "MS" },
        { "busy", 0, 0, G_OPTION_ARG_NONE, &o.busy,
          "as if a migration were running", NULL },
        { "ignore", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o.ignore,
          "accept this parameter and keep its value", "NAME" },
        { NULL }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(FakeServer) server = NULL;
    g_autoptr(FakeQmp) model = NULL;
    char buffer[256];
    gssize n;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 2;
    }
    if (g_strcmp0(o.trick, "list") == 0) {
        for (guint i = 0; fake_trick_name(i); i++)
            printf("%s\n", fake_trick_name(i));
        return 0;
    }
    if (!o.replies || !(o.path || o.tcp || o.directory)) {
        fprintf(stderr, "--replies and one of --unix, --tcp and --directory "
                "are needed\n");
        return 2;
    }

    main_raise_limit();
    server = fake_server_new();
    model = fake_qmp_new(o.replies);
    if (o.directory)
        main_listen_many(server, model, &o);
    else
        main_listen(server, main_prepare(fake_qmp_new(o.replies), &o), &o);
    fake_server_start(server);
    fflush(stdout);

    do
        n = read(STDIN_FILENO, buffer, sizeof(buffer));
    while (n > 0);

    g_free(o.replies);
    g_free(o.path);
    g_free(o.directory);
    g_free(o.name);
    g_free(o.uuid);
    g_free(o.trick);
    g_free(o.error_class);
    g_free(o.error_desc);
    g_strfreev(o.ignore);

    return 0;
}
