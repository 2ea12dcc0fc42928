/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the test `driver-core` share.
 */

#include "fake-server.h"
#include "migtune/migtune.h"

G_BEGIN_DECLS

/* A directory with one monitor, web1.sock. */
typedef struct {
    char *dir;
    char *socket;
    FakeServer *server;
    FakeQmp *qmp;
} Guest;

void guest_start(Guest *guest);
void guest_clear(Guest *guest);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Guest, guest_clear)

/* Adds the tests of core-async.c, which use the directory @scratch. */
void core_add_async(const char *scratch);

G_END_DECLS
