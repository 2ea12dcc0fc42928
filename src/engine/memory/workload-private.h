/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by content.c and workload.c. */

#include <glib.h>

/* A small generator of uniform 64-bit numbers (splitmix64); any state is valid. */
static inline guint64
mt_random_next(guint64 *state)
{
    guint64 z = *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
