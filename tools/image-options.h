/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Options and progress of the commands about files that contain the state of a
 * guest.
 */

#include "cmd.h"

#define IMAGE_OPTION_LEVEL                                              \
    { "level", 0, CMD_OPT_TEXT, .metavar = "N",                         \
      .help = N_("level of zstd, from -50 to 19; default 1") }
#define IMAGE_OPTION_THREADS                                            \
    { "threads", 0, CMD_OPT_NUMBER, .metavar = "N",                     \
      .help = N_("number of threads, from 1 to 64; default: the number of " \
                 "processors") }
#define IMAGE_OPTION_CHUNK_SIZE                                         \
    { "chunk-size", 0, CMD_OPT_TEXT, .metavar = "SIZE",                 \
      .help = N_("size of the stream in one chunk, from 1MiB to 16MiB; a " \
                 "number without a unit is in MiB; default 8MiB") }
#define IMAGE_OPTION_DIRECT_IO                                          \
    { "direct-io", 0, CMD_OPT_FLAG,                                     \
      .help = N_("write without the page cache of the host") }
#define IMAGE_OPTION_VERBOSE                                            \
    { "verbose", 0, CMD_OPT_FLAG,                                       \
      .help = N_("print progress also if standard error is not a terminal") }

/* Returns the options for the library as a floating reference; NULL on
 * error. */
GVariant *image_options_take(const CmdLine *line, GError **error);

typedef struct {
    gboolean in_place;
    gboolean lines;
    gint64 begin_us;
    gint64 next_us;
} ImageProgress;

void image_progress_init(ImageProgress *progress, const Tool *tool,
                         const CmdLine *line);
void image_progress_clear(ImageProgress *progress);

/* Of type MigtuneImageFunc. */
void image_progress_show(guint64 done, guint64 total, gpointer progress);
