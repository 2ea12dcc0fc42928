/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs other programs; see command.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "command.h"
#include "migtune/migtune-error.h"

static double
command_seconds(const struct timeval *time)
{
    return time->tv_sec + time->tv_usec / 1e6;
}

/* The interval in which the memory of a program is read. */
#define COMMAND_SAMPLE_MS 10

/* The most resident memory of @pid so far; 0 if it has ended.  What wait4() says
 * includes the memory of the process that has started it. */
static guint64
command_peak(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", (int)pid);
    g_autofree char *text = NULL;
    const char *line = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL))
        line = strstr(text, "VmHWM:");
    return line ? g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10) * 1024
                : 0;
}

/* Waits for the end of @pid, without taking its status.  Returns its memory. */
static guint64
command_watch(pid_t pid)
{
    struct pollfd fd = { syscall(SYS_pidfd_open, pid, 0), POLLIN, 0 };
    guint64 peak = 0;
    int n = 0;

    while (fd.fd >= 0 && (n == 0 || (n < 0 && errno == EINTR))) {
        n = poll(&fd, 1, COMMAND_SAMPLE_MS);
        peak = MAX(peak, command_peak(pid));
    }
    if (fd.fd >= 0)
        close(fd.fd);
    return peak;
}

gboolean
command_run(const char *const *argv, CommandCost *ret_cost, GError **error)
{
    double begin = bench_now();
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    int status = 0;
    pid_t pid = 0;
    int err;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
                                     O_WRONLY, 0);
    err = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv,
                       environ);
    posix_spawn_file_actions_destroy(&actions);
    if (err) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "cannot run '%s': %s",
                          argv[0], g_strerror(err));
        return FALSE;
    }
    ret_cost->peak_bytes = command_watch(pid);
    while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "'%s %s' failed with "
                          "status %d", argv[0], argv[1] ? argv[1] : "",
                          status);
        return FALSE;
    }

    ret_cost->seconds = bench_now() - begin;
    ret_cost->cpu_seconds = command_seconds(&usage.ru_utime) +
        command_seconds(&usage.ru_stime);
    return TRUE;
}

gboolean
command_run_migtune(const char *const *words, CommandCost *ret_cost,
                    GError **error)
{
    const char *build = g_getenv("MIGTUNE_TEST_BUILD");
    g_autofree char *run = g_build_filename(build ? build : ".", "run", NULL);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, run);
    g_ptr_array_add(argv, (gpointer)"migtune");
    for (guint i = 0; words[i]; i++)
        g_ptr_array_add(argv, (gpointer)words[i]);
    g_ptr_array_add(argv, NULL);

    return command_run((const char *const *)argv->pdata, ret_cost, error);
}
