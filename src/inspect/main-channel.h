/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reading the main channel of a migration stream, and its multifd channels in
 * step with it.
 */

#include <glib.h>

#include "inspect/channel.h"
#include "inspect/model.h"
#include "inspect/sink.h"
#include "stream/stream-in.h"
#include "util/io.h"

G_BEGIN_DECLS

/* Device state above this size is counted, but not looked into. */
#define MT_INSPECT_MAX_DEVICE_BYTES (64 * 1024 * 1024)

typedef struct {
    MtAccount *account;
    MtAccountChannel *channel;
    MtStreamIn *in;             /* at the first byte of the stream */
    guint64 base;               /* offset of that byte in the file */
    MtChannelReader **channels; /* NULL-terminated; may be NULL */
    MtSink *sink;               /* may be NULL */
    MtIo *file;                 /* for the pages of mapped-ram; may be NULL */
} MtMainInput;

/*
 * Reads to the end.  What is wrong with the stream is added to the account's
 * problems; FALSE with @error only if reading or writing failed for another
 * reason.
 */
gboolean mt_inspect_main(const MtMainInput *input, GError **error);

G_END_DECLS
