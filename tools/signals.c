/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handling of SIGINT, SIGTERM and SIGHUP.
 *
 * If the process were killed between two commands of a change, the guest would
 * be left with half of the change. Therefore these signals are blocked in all
 * threads, and one thread waits for them. The first signal cancels the library
 * call, which undoes its changes and returns; the second signal ends the
 * process. A signal after the last command is ignored, because the exit status
 * must report the change as done. A thread is used instead of a handler
 * because cancelling takes locks.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tool.h"

struct _ToolSignals {
    GCancellable *cancellable;
    sigset_t set;

    GMutex lock;
    gboolean running;       /* a command is running */
    gboolean cancelled;     /* the running command was cancelled */
    gboolean terminated;    /* the process ends after the command */
    gboolean over;          /* the last command has finished; signals are
                             * ignored */
    int fd;                 /* -1 until tool_signals_get_fd() is called */
};

/* Ends the process by the default action of @signo. */
static void
tool_signals_die(ToolSignals *signals, int signo)
{
    signal(signo, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &signals->set, NULL);
    kill(getpid(), signo);
}

static gpointer
tool_signals_thread(gpointer data)
{
    ToolSignals *signals = data;
    int signo;

    while (sigwait(&signals->set, &signo) == 0) {
        gboolean cancel;
        gboolean die;

        g_mutex_lock(&signals->lock);
        cancel = signals->running && !signals->cancelled;
        die = !cancel && !signals->over &&
              (signals->running || signals->fd < 0 || signo != SIGINT);
        signals->cancelled |= cancel;
        signals->terminated |= signo != SIGINT;
        if (!cancel && !die && !signals->over) {
            uint64_t one = 1;

            /* This cannot fail: the counter never gets near its limit. */
            (void)!write(signals->fd, &one, sizeof(one));
        }
        /* Cancel under the lock, so that the next command is not cancelled. */
        if (cancel)
            g_cancellable_cancel(signals->cancellable);
        g_mutex_unlock(&signals->lock);

        if (die)
            tool_signals_die(signals, signo);
    }

    return NULL;
}

ToolSignals *
tool_signals_new(GCancellable *cancellable)
{
    ToolSignals *signals = g_new0(ToolSignals, 1);
    GThread *thread;

    signals->cancellable = g_object_ref(cancellable);
    signals->fd = -1;
    g_mutex_init(&signals->lock);
    sigemptyset(&signals->set);
    sigaddset(&signals->set, SIGINT);
    sigaddset(&signals->set, SIGTERM);
    sigaddset(&signals->set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals->set, NULL);

    /* A closed output pipe must not interrupt a change, either. */
    signal(SIGPIPE, SIG_IGN);

    thread = g_thread_new("signals", tool_signals_thread, signals);
    g_thread_unref(thread);
    return signals;
}

void
tool_signals_begin(ToolSignals *signals)
{
    g_mutex_lock(&signals->lock);
    signals->running = TRUE;
    signals->cancelled = FALSE;
    g_cancellable_reset(signals->cancellable);
    g_mutex_unlock(&signals->lock);
}

void
tool_signals_end(ToolSignals *signals, gboolean last)
{
    g_mutex_lock(&signals->lock);
    signals->running = FALSE;
    signals->over = last;
    g_mutex_unlock(&signals->lock);
}

gboolean
tool_signals_terminated(ToolSignals *signals)
{
    gboolean terminated;

    g_mutex_lock(&signals->lock);
    terminated = signals->terminated;
    g_mutex_unlock(&signals->lock);

    return terminated;
}

int
tool_signals_get_fd(ToolSignals *signals)
{
    g_mutex_lock(&signals->lock);
    if (signals->fd < 0)
        signals->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    g_mutex_unlock(&signals->lock);

    return signals->fd;
}
