/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Scripted monitors that listen on sockets, any number of them in one thread.
 * Each serves one client at a time, as QEMU does.
 */

#include "fake-qmp.h"

G_BEGIN_DECLS

/* Faults of a monitor. */
typedef enum {
    FAKE_TRICK_NONE,
    /* Sent instead of the greeting. */
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
    /* Applied to the answer to the nth command. */
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
    FAKE_TRICK_ANSWER_OBJECTS,  /* 16 MiB of empty objects in an array */
    FAKE_TRICK_ANSWER_VALUES,   /* 1 MiB of them */
    FAKE_TRICK_ANSWER_GREETING,
    FAKE_TRICK_ANSWER_EVENTS,   /* a thousand events first, which is legal */
    FAKE_TRICK_ANSWER_THEN_EVENTS,  /* a thousand events after it */
    FAKE_TRICK_ANSWER_SPLIT,    /* byte by byte, which is legal */
    FAKE_TRICK_ANSWER_REVERSED, /* with the answers after it, which is legal */
    FAKE_N_TRICKS
} FakeTrick;

/* The name of a fault on a command line; NULL after the last one. */
const char *fake_trick_name(FakeTrick trick);

typedef struct _FakeServer FakeServer;

FakeServer *fake_server_new(void);

/* Ends the thread and removes the sockets. */
void fake_server_free(FakeServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeServer, fake_server_free)

/*
 * Adds a monitor; @qmp is taken. Ends the program if the socket cannot be made.
 * All monitors are added before the server starts.
 */
void fake_server_add_unix(FakeServer *server, FakeQmp *qmp, const char *path);
/* Listens on the loopback interface; returns the port, which is chosen if it
 * is 0. */
guint16 fake_server_add_tcp(FakeServer *server, FakeQmp *qmp, guint16 port,
                            gboolean ipv6);

/* Gives a fault to the monitor added last; @nth counts its commands. */
void fake_server_set_trick(FakeServer *server, FakeTrick trick, guint nth);

void fake_server_start(FakeServer *server);

/* The number of accepted connections, and of reads that returned data. */
guint fake_server_n_accepted(FakeServer *server);
guint fake_server_n_reads(FakeServer *server);

G_END_DECLS
