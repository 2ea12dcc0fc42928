/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Counting how often a client of a socket waits: a proxy that holds every
 * answer back for a while, so that what is asked meanwhile is answered along
 * with it, however quick the other side is.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Rounds Rounds;

/* Listens at the path @at for who is to reach the path @to. */
Rounds *rounds_new(const char *at, const char *to);

/* Deliveries to clients since the last time that it was asked. */
guint rounds_take(Rounds *rounds);

void rounds_free(Rounds *rounds);

G_END_DECLS
