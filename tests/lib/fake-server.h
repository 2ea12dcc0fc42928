/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Monitors that listen on sockets, as many as wanted in one thread.  As a
 * true one does, each serves one client and lets the next one wait.
 */

#include "fake-qmp.h"

G_BEGIN_DECLS

/* Ways of behaving badly. */
typedef enum {
    FAKE_TRICK_NONE,
    /* Instead of the greeting. */
    FAKE_TRICK_SILENT,
    FAKE_TRICK_HALF_GREETING,
    FAKE_TRICK_HALF_GREETING_CLOSE,
    FAKE_TRICK_CLOSE,
    FAKE_TRICK_GARBAGE,
    FAKE_TRICK_NO_GREETING,
    FAKE_TRICK_MEGABYTE,
    FAKE_TRICK_LONG_GREETING,
    FAKE_TRICK_NOT_UTF8,
    FAKE_TRICK_DEEP,
    /* In the answer to the nth command. */
    FAKE_TRICK_ANSWER_FIRST,
    FAKE_TRICK_ANSWER_TWICE = FAKE_TRICK_ANSWER_FIRST,
    FAKE_TRICK_ANSWER_WRONG_ID,
    FAKE_TRICK_ANSWER_NO_ID,
    FAKE_TRICK_ANSWER_NEVER,
    FAKE_TRICK_ANSWER_HALF,
    FAKE_TRICK_ANSWER_HALF_CLOSE,
    FAKE_TRICK_ANSWER_NOT_UTF8,
    FAKE_TRICK_ANSWER_DEEP,
    FAKE_TRICK_ANSWER_GARBAGE,
    FAKE_TRICK_ANSWER_HUGE,
    FAKE_TRICK_ANSWER_GREETING,
    FAKE_TRICK_ANSWER_EVENTS,   /* a thousand events first: no misbehaviour */
    FAKE_TRICK_ANSWER_SPLIT,    /* byte by byte: no misbehaviour */
    FAKE_TRICK_ANSWER_REVERSED, /* with those after it: no misbehaviour */
    FAKE_N_TRICKS
} FakeTrick;

/* The name of a trick on a command line; NULL beyond the last. */
const char *fake_trick_name(FakeTrick trick);

typedef struct _FakeServer FakeServer;

FakeServer *fake_server_new(void);

/* Ends the thread and removes the sockets. */
void fake_server_free(FakeServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeServer, fake_server_free)

/*
 * Adds a monitor; @qmp is taken.  A socket that cannot be made ends the
 * program.  All are added before the server starts.
 */
void fake_server_add_unix(FakeServer *server, FakeQmp *qmp, const char *path);
/* On the loopback interface; returns the port that was chosen for 0. */
guint16 fake_server_add_tcp(FakeServer *server, FakeQmp *qmp, guint16 port,
                            gboolean ipv6);

/* The monitor added last behaves like this; @nth counts its commands. */
void fake_server_set_trick(FakeServer *server, FakeTrick trick, guint nth);

void fake_server_start(FakeServer *server);

/* Connections that have been accepted so far, and reads that brought data. */
guint fake_server_n_accepted(FakeServer *server);
guint fake_server_n_reads(FakeServer *server);

G_END_DECLS
