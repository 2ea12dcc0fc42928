/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The pairs of calls with the suffixes _async and _finish.
 */

#include "migtune/migtune.h"

#include "core/core.h"

G_BEGIN_DECLS

typedef struct _MtAsyncCall MtAsyncCall;

/* Makes the call in a thread.  Returns its result; a gboolean as a pointer. */
typedef gpointer (*MtAsyncRun)(gpointer object, const MtAsyncCall *call,
                               GCancellable *cancellable, GError **error);

/* What all calls of one function have in common. */
typedef struct {
    const char *finish;     /* name of the function that returns the result */
    MtAsyncRun run;
    GDestroyNotify destroy; /* of the result; NULL: it is a gboolean */
} MtAsyncKind;

struct _MtAsyncCall {
    const MtAsyncKind *kind;
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
    MigtuneAuthFunc auth;   /* of a connection, or NULL */
    gpointer func_data;     /* for either */
};

/* Starts a thread that makes the call.  Takes what @call points to. */
void mt_async_start(gpointer object, const MtAsyncCall *call,
                    GCancellable *cancellable, GAsyncReadyCallback callback,
                    gpointer user_data);

/* The result of a call of @kind for @object; NULL with an error after a failure
 * and if @result belongs to another call. */
gpointer mt_async_finish(gpointer object, const MtAsyncKind *kind,
                         GAsyncResult *result, GError **error);

/*
 * The macros define the parts of a pair that differ only in types and names.
 * @name is the name of the function without a suffix, and @expression calls it
 * in the thread, with the variables object, call, cancellable and error.
 *
 * One of the first three defines kind_@name and @name_finish().  The function
 * @name_async() copies its arguments to a call of that kind; if it has none,
 * MT_ASYNC_NO_ARGUMENTS() defines it.
 */

/* A function of an object of the type @Self that returns a pointer. */
#define MT_ASYNC_POINTER(name, Self, Result, free_result, expression)          \
    MT_ASYNC_KIND(name, (GDestroyNotify)free_result, expression)               \
    Result name##_finish(Self *object, GAsyncResult *result, GError **error)   \
    {                                                                          \
        return mt_async_finish(object, &kind_##name, result, error);           \
    }

/* A function of an object of the type @Self that returns a gboolean. */
#define MT_ASYNC_BOOLEAN(name, Self, expression)                               \
    MT_ASYNC_KIND(name, NULL, GINT_TO_POINTER(expression))                     \
    gboolean name##_finish(Self *object, GAsyncResult *result, GError **error) \
    {                                                                          \
        return mt_async_finish(object, &kind_##name, result, error) != NULL;   \
    }

/* A function without an object that returns a pointer. */
#define MT_ASYNC_NO_OBJECT(name, Result, free_result, expression)              \
    MT_ASYNC_KIND(name, (GDestroyNotify)free_result, expression)               \
    Result name##_finish(GAsyncResult *result, GError **error)                 \
    {                                                                          \
        return mt_async_finish(NULL, &kind_##name, result, error);             \
    }

#define MT_ASYNC_NO_ARGUMENTS(name, Self, IS_SELF)                             \
    void name##_async(Self *object, GCancellable *cancellable,                 \
                      GAsyncReadyCallback callback, gpointer user_data)        \
    {                                                                          \
        g_return_if_fail(IS_SELF(object));                                     \
        mt_async_start(object, &(MtAsyncCall) { .kind = &kind_##name },        \
                       cancellable, callback, user_data);                      \
    }

#define MT_ASYNC_KIND(name, destroy, expression)                               \
    static gpointer run_##name(gpointer object, const MtAsyncCall *call,       \
                               GCancellable *cancellable, GError **error)      \
    {                                                                          \
        return expression;                                                     \
    }                                                                          \
    static const MtAsyncKind kind_##name = { #name "_finish", run_##name,      \
                                             destroy };

/* A MigtuneImageFunc: calls the function of the call, @data, in the caller's
 * main context. */
void mt_async_progress(guint64 done_bytes, guint64 total_bytes, gpointer data);

G_END_DECLS
