/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The pairs of calls with the suffixes _async and _finish.
 */

#include "migtune/migtune.h"

#include "core/core.h"

G_BEGIN_DECLS

typedef struct _MtAsyncCall MtAsyncCall;

/* The result, for @destroy of the call; without that a gboolean. */
typedef gpointer (*MtAsyncRun)(gpointer object, const MtAsyncCall *call,
                               GCancellable *cancellable, GError **error);

struct _MtAsyncCall {
    MtAsyncRun run;
    GDestroyNotify destroy; /* of the result; NULL: it is a gboolean */
    GMainContext *context;  /* of the caller */
    char *text;
    char *more[2];
    char **names;
    GVariant *settings;
    unsigned int flags;
    unsigned int number;
    guint64 start;
    guint64 length;
    gpointer other;         /* another object */
    gpointer handle;        /* of libvirt, borrowed */
    MigtuneImageFunc func;  /* progress, or NULL */
    gpointer func_data;
};

/* Starts a thread that runs the call.  Takes what @call points to. */
void mt_async_start(gpointer object, const MtAsyncCall *call,
                    GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data);
gboolean mt_async_is_result(gpointer object, GAsyncResult *result);

/* A MigtuneImageFunc: calls the function of the call, @data, in the caller's
 * main context. */
void mt_async_progress(guint64 done_bytes, guint64 total_bytes, gpointer data);

G_END_DECLS
