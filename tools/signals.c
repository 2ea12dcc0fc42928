/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What SIGINT, SIGTERM and SIGHUP do.
 *
 * A set that is killed between two of its commands would leave a guest half
 * tuned.  So these signals are blocked in all threads, and one thread waits
 * for them: the first one cancels what the library is doing, which undoes its
 * changes and returns; the second one ends the process as usual.  One that
 * comes when all is done is of no effect, lest what was done look undone.  A
 * thread, not a handler, because cancelling takes locks.
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
    gboolean running;       /* a command is under way */
    gboolean cancelled;     /* it was told to stop */
    gboolean terminated;    /* the process is to end after it */
    gboolean over;          /* it was the last: the process ends with what has
                             * become of it */
    int fd;                 /* -1 until somebody wants to know of SIGINT */
};

/* Ends the process the way that @signo does. */
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

            /* The counter is far from full, so that this cannot fail. */
            (void)!write(signals->fd, &one, sizeof(one));
        }
        /* Under the lock, lest it hit the command after this one. */
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

    /* A reader of our output that goes away is no reason to leave a guest
     * half tuned, either. */
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
