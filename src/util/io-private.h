/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What io.c, which moves bytes, and io-open.c, which opens descriptors,
 * share.
 */

#include <sys/types.h>

#include "util/io.h"

struct MtIo {
    int read_fd;
    int write_fd;
    char *name;
    MtCancel *cancel;
    guint timeout_ms;
    guint read_timeout_ms;
    guint64 *activity;      /* NULL, or shared with others */
    gboolean is_socket;
    gboolean is_file;
    pid_t pid;              /* of a command, 0 if there is none */
    MtIoFault fault;        /* the writer's */

    guint64 bytes_read;     /* written by the reader, seen by all */
    guint64 bytes_written;  /* written by the writer, seen by all */
};
