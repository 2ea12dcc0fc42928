/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interactive shell on a terminal.
 *
 * The command runs on a pseudo-terminal; a case types text and waits until an
 * expected text appears.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

#include "../lib/command.h"
#include "../lib/remove-tree.h"

#define PROMPT "migtune # "
#define WAIT_MS 20000

typedef struct {
    const char *type;
    const char *expect;     /* searched for in the output from then on */
    gboolean at_once;       /* nothing else comes before it */
} Step;

/* Waits until @text appears in the output and removes it from @shown. */
static void
terminal_expect(int fd, GString *shown, const char *text, gboolean at_once)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    gint64 end = g_get_monotonic_time() + WAIT_MS * 1000;
    const char *found;

    while (!(found = strstr(shown->str, text))) {
        char buffer[512];
        ssize_t n;

        if (g_get_monotonic_time() >= end)
            g_error("'%s' does not appear; shown is: %s", text, shown->str);
        if (poll(&poll_fd, 1, 1000) <= 0)
            continue;
        n = read(fd, buffer, sizeof(buffer));
        if (n <= 0) {
            g_test_message("the terminal was closed after: %s", shown->str);
            g_assert_cmpint(n, >, 0);
        }
        g_string_append_len(shown, buffer, n);
    }

    if (at_once)
        g_assert_true(found == shown->str);
    g_string_erase(shown, 0, found + strlen(text) - shown->str);
}

/* Types all of @steps into a shell, which ends with the last step.
 * @no_colour is the value of NO_COLOR. */
static void
terminal_run_on(const char *terminal, const char *no_colour,
                const Step *steps, int expected_status)
{
    g_autofree char *tool = command_find();
    g_autofree char *drivers = g_strdup_printf(
        "%s/src/drivers/qmp:%s/src/drivers/ref",
        g_getenv("MIGTUNE_TEST_BUILD"), g_getenv("MIGTUNE_TEST_BUILD"));
    g_autofree char *home = g_dir_make_tmp("migtune-shell-XXXXXX", NULL);
    g_autoptr(GString) shown = g_string_new(NULL);
    int status;
    int fd;
    pid_t pid = forkpty(&fd, NULL, NULL, NULL);

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        g_setenv("TERM", terminal, TRUE);
        g_setenv("NO_COLOR", no_colour, TRUE);
        g_setenv("LC_ALL", "C.UTF-8", TRUE);
        g_setenv("XDG_CACHE_HOME", home, TRUE);
        g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
        g_setenv("MIGTUNE_DEFAULT_URI", "qmp:///nothing/here.sock", TRUE);
        g_unsetenv("LANGUAGE");
        execl(tool, tool, NULL);
        _exit(127);
    }

    for (; steps->type; steps++) {
        size_t len = strlen(steps->type);

        g_assert_cmpint(write(fd, steps->type, len), ==, len);
        if (steps->expect)
            terminal_expect(fd, shown, steps->expect, steps->at_once);
    }

    /* Reads the remaining output, so that the shell does not block. */
    while (read(fd, shown->str, 1) > 0)
        continue;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    close(fd);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, expected_status);

    remove_tree(home);
}

static void
terminal_run(const Step *steps, int expected_status)
{
    terminal_run_on("dumb", "", steps, expected_status);
}

static gboolean
shell_can_edit(void)
{
    if (HAVE_READLINE)
        return TRUE;

    g_test_skip("built without readline");
    return FALSE;
}

static void
test_greets_and_ends(void)
{
    static const Step steps[] = {
        { "", "'help' lists the commands" },
        { "", PROMPT },
        { "help shell\n", "end the shell" },
        { "", PROMPT },
        { "quit\n", NULL },
        { NULL }
    };

    terminal_run(steps, 0);
}

/* Commands, names of parameters and their values are completed. */
static void
test_completes(void)
{
    static const Step steps[] = {
        { "", PROMPT },
        { "para\t", "params " },
        { "downti\t\n", "maximum time that the guest is stopped" },
        { "", PROMPT },
        { "explain --qemu 10.0 zero_page_det\t", "zero_page_detection=" },
        { "leg\t", "legacy" },
        { "\n", "planned" },
        { "", PROMPT },
        { "params bandwidth; params xbz\t\n", "as the difference" },
        { "", PROMPT },
        { "quit\n", NULL },
        { NULL }
    };

    if (shell_can_edit())
        terminal_run(steps, 0);
}

/* At the prompt SIGINT only discards the line. */
static void
test_interrupt_drops_line(void)
{
    static const Step steps[] = {
        { "", PROMPT },
        { "params nothing", "params nothing" },
        { "\003", "^C" },
        { "", PROMPT },
        { "help shell\n", "end the shell" },
        { "", PROMPT },
        { "lsit\n", "did you mean" },
        { "", PROMPT },
        { "\004", NULL },
        { NULL }
    };

    if (shell_can_edit())
        terminal_run(steps, 2);
}

/* SIGINT leaves what is typed readable, and adds ^C. */
static void
test_interrupt_keeps_line_readable(void)
{
    static const Step steps[] = {
        { "", PROMPT },
        { "params nothing", "params nothing", TRUE },
        { "\003", "^C", TRUE },
        { "", PROMPT },
        { "quit\n", NULL },
        { NULL }
    };

    if (shell_can_edit())
        terminal_run(steps, 0);
}

/* SIGINT goes to all processes of the terminal: the process of an exec:
 * address must outlive it, so that the migration is cancelled and does not
 * fail. */
static void
test_interrupt_cancels_exec(void)
{
    static const Step steps[] = {
        { "", PROMPT },
        { "connect 'ref:///one?release=9.0&name=big&ram=64MiB&content=random'"
          "\n", PROMPT },
        { "migrate-setparameters big bandwidth=1MiB/s\n", PROMPT },
        { "migrate big 'exec:cat >/dev/null'\n", "%" },
        { "\003", "cancelled" },
        { "", "continues to run on the source" },
        { "", PROMPT },
        { "quit\n", NULL },
        { NULL }
    };

    terminal_run(steps, 0);
}

/* Colours are used only if the terminal supports them and NO_COLOR is not
 * set. */
static void
test_colours(void)
{
    static const Step coloured[] = {
        { "explain --qemu 10.0 events=on\n", "on     \033[32mplanned\033[0m" },
        { "quit\n", NULL },
        { NULL }
    };
    static const Step plain[] = {
        { "explain --qemu 10.0 events=on\n", "on     planned" },
        { "quit\n", NULL },
        { NULL }
    };

    terminal_run_on("xterm", "", coloured, 0);
    terminal_run_on("xterm", "1", plain, 0);
    terminal_run_on("dumb", "", plain, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/shell/greets-and-ends", test_greets_and_ends);
    g_test_add_func("/shell/completes", test_completes);
    g_test_add_func("/shell/interrupt-drops-line", test_interrupt_drops_line);
    g_test_add_func("/shell/interrupt-keeps-line-readable",
                    test_interrupt_keeps_line_readable);
    g_test_add_func("/shell/interrupt-cancels-exec",
                    test_interrupt_cancels_exec);
    g_test_add_func("/shell/colours", test_colours);

    return g_test_run();
}
