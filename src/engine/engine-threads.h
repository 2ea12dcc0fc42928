/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The main functions of the two threads: engine-source.c and engine-dest.c.
 * The argument is the MtEngine.
 */

#include <glib.h>

gpointer mt_engine_source_thread(gpointer engine);
gpointer mt_engine_dest_thread(gpointer engine);
