/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Counts the round trips of a client: a proxy holds every answer back for a
 * short time, so that the answers to requests that were sent together arrive
 * together, however fast the server is.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Rounds Rounds;

/* Listens at the path @at and forwards to the socket at the path @to. */
Rounds *rounds_new(const char *at, const char *to);

/* The number of round trips since the last call. */
guint rounds_take(Rounds *rounds);

void rounds_free(Rounds *rounds);

G_END_DECLS
