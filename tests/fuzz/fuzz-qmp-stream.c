/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as all that a monitor says, from the greeting to the end of the
 * connection: the client reports success only if every command was answered,
 * and an error otherwise.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "fuzz.h"
#include "qmp/client.h"

#define N_COMMANDS 3

typedef struct {
    int listener;
    const uint8_t *data;
    size_t size;
} Speech;

/* Says everything at once and hangs up when the client has listened. */
static gpointer
speak(gpointer data)
{
    Speech *speech = data;
    int fd = accept(speech->listener, NULL, NULL);
    size_t done = 0;
    char buffer[4096];

    while (done < speech->size) {
        ssize_t n = send(fd, speech->data + done, speech->size - done,
                         MSG_NOSIGNAL);

        if (n <= 0)
            break;
        done += n;
    }
    shutdown(fd, SHUT_WR);
    while (read(fd, buffer, sizeof(buffer)) > 0)
        continue;
    close(fd);

    return NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *path = g_strdup_printf("%s/migtune-fuzz-%d",
                                            g_get_tmp_dir(), getpid());
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    Speech speech = { socket(AF_UNIX, SOCK_STREAM, 0), data, size };
    MtCommand batch[N_COMMANDS];
    MtClient *client = mt_client_new(mt_address_new_unix(path), 5000, 5000);
    g_autoptr(GError) error = NULL;
    GThread *thread;
    gboolean ok;

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_unlink(path);
    g_assert_cmpint(bind(speech.listener, (struct sockaddr *)&address,
                         sizeof(address)), ==, 0);
    g_assert_cmpint(listen(speech.listener, 1), ==, 0);
    thread = g_thread_new("speak", speak, &speech);

    for (guint i = 0; i < N_COMMANDS; i++)
        mt_command_init(&batch[i], "query-migrate", NULL);
    ok = mt_client_open(client, batch, N_COMMANDS, NULL, &error);
    g_assert_cmpint(ok, ==, error == NULL);
    for (guint i = 0; i < N_COMMANDS; i++) {
        g_assert_true(!ok || batch[i].answered);
        g_assert_cmpint(batch[i].answered, ==,
                        batch[i].result || batch[i].error);
    }
    mt_commands_clear(batch, N_COMMANDS);
    mt_client_free(client);
    g_thread_join(thread);
    close(speech.listener);
    g_unlink(path);

    return 0;
}
