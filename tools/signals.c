/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handling of SIGINT, SIGTERM and SIGHUP.
 *
 * If the process were killed between two commands of a change, the guest would
 * be left with half of the change. Therefore these signals are blocked in all
 * threads, and one thread waits for them. The first signal cancels the library
 * call, which undoes its changes and returns. Signals within the next second
 * are the same request: timeout(1) signals its child and then the process
 * group. The second request prints what is not finished, and only the third one
 * ends the process. A signal after the last command is ignored, because the
 * exit status must report the change as done. A thread is used instead of a
 * handler because cancelling takes locks.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <glib/gi18n.h>

#include "tool.h"

/* Signals within this time after a request are part of it. */
#define SIGNALS_SAME_US G_USEC_PER_SEC

struct _ToolSignals {
    GCancellable *cancellable;
    sigset_t set;

    GMutex lock;
    gboolean running;       /* a command is running */
    guint n_requests;       /* to stop the running command */
    gint64 request_us;      /* when the last request came */
    char *risk;             /* what is not finished; NULL: nothing known */
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

/* What the thread does about a signal. */
typedef enum {
    SIGNALS_IGNORE,
    SIGNALS_CANCEL,
    SIGNALS_WARN,
    SIGNALS_NOTIFY,     /* the shell, which waits at its prompt */
    SIGNALS_DIE,
} SignalsAction;

/* Decides about a signal.  Call with the lock held. */
static SignalsAction
tool_signals_decide(ToolSignals *signals, int signo)
{
    gint64 now_us = g_get_monotonic_time();

    signals->terminated |= signo != SIGINT;
    if (signals->over)
        return SIGNALS_IGNORE;
    if (!signals->running)
        return signals->fd < 0 || signo != SIGINT ? SIGNALS_DIE
                                                  : SIGNALS_NOTIFY;
    if (signals->n_requests > 0 &&
        now_us - signals->request_us < SIGNALS_SAME_US)
        return SIGNALS_IGNORE;

    signals->request_us = now_us;
    switch (signals->n_requests++) {
    case 0:
        return SIGNALS_CANCEL;
    case 1:
        return SIGNALS_WARN;
    default:
        return SIGNALS_DIE;
    }
}

static gpointer
tool_signals_thread(gpointer data)
{
    ToolSignals *signals = data;
    int signo;

    while (sigwait(&signals->set, &signo) == 0) {
        g_autofree char *risk = NULL;
        SignalsAction action;

        g_mutex_lock(&signals->lock);
        action = tool_signals_decide(signals, signo);
        risk = g_strdup(signals->risk);
        if (action == SIGNALS_NOTIFY) {
            uint64_t one = 1;

            /* This cannot fail: the counter never gets near its limit. */
            (void)!write(signals->fd, &one, sizeof(one));
        }
        /* Cancel under the lock, so that the next command is not
         * cancelled. */
        if (action == SIGNALS_CANCEL)
            g_cancellable_cancel(signals->cancellable);
        g_mutex_unlock(&signals->lock);

        if (action == SIGNALS_WARN)
            out_error("%s", _("the command is still stopping; another signal "
                              "ends it before it has finished"));
        if (action == SIGNALS_DIE) {
            if (risk)
                out_error(_("ended by a signal: %s"), risk);
            tool_signals_die(signals, signo);
        }
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
    signals->n_requests = 0;
    g_clear_pointer(&signals->risk, g_free);
    g_cancellable_reset(signals->cancellable);
    g_mutex_unlock(&signals->lock);
}

void
tool_signals_end(ToolSignals *signals, gboolean last)
{
    g_mutex_lock(&signals->lock);
    signals->running = FALSE;
    signals->over = last;
    g_clear_pointer(&signals->risk, g_free);
    g_mutex_unlock(&signals->lock);
}

void
tool_signals_set_risk(ToolSignals *signals, const char *risk)
{
    g_mutex_lock(&signals->lock);
    g_free(signals->risk);
    signals->risk = g_strdup(risk);
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
