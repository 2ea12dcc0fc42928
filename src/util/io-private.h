/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by io.c (reading and writing) and io-open.c (opening).
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
    guint64 *activity;      /* byte counter shared with other MtIo, or NULL */
    gboolean is_socket;
    gboolean is_file;
    pid_t pid;              /* of the command behind a pipe, else 0 */
    MtIoFault fault;        /* the writer's */

    guint64 bytes_read;     /* written by the reader, seen by all */
    guint64 bytes_written;  /* written by the writer, seen by all */
};
