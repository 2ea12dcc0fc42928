/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain.
 *
 * An extended GError domain carries fields beside the message.  GLib allows a
 * domain to be registered once in a process.  This file is therefore a library
 * of its own, which only libmigtune and the unit tests link.  Loadable drivers
 * use the symbols that libmigtune exports.
 */
#include "config.h"

#include "migtune/migtune-error.h"

typedef struct {
    char *fields[MIGTUNE_ERROR_N_FIELDS];
} MigtuneErrorPrivate;

/* The last error with fields that a thread has released. */
typedef struct {
    int code;
    char *message;
    char *fields[MIGTUNE_ERROR_N_FIELDS];
} ReleasedError;

static void
released_error_free(gpointer data)
{
    ReleasedError *released = data;

    g_free(released->message);
    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        g_free(released->fields[i]);
    g_free(released);
}

static GPrivate error_released = G_PRIVATE_INIT(released_error_free);

static void
migtune_error_private_init(MigtuneErrorPrivate *priv)
{
    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        priv->fields[i] = NULL;
}

static void
migtune_error_private_copy(const MigtuneErrorPrivate *src,
                           MigtuneErrorPrivate *dest)
{
    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        dest->fields[i] = g_strdup(src->fields[i]);
}

/* GLib puts the private part directly in front of the error. */
G_STATIC_ASSERT(sizeof(MigtuneErrorPrivate) % (2 * sizeof(gsize)) == 0);

/* The fields are kept for migtune_error_recall_field(). */
static void
migtune_error_private_clear(MigtuneErrorPrivate *priv)
{
    const GError *error = (const GError *)(const void *)(priv + 1);
    gboolean any = FALSE;
    ReleasedError *released;

    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        any |= priv->fields[i] != NULL;
    if (!any)
        return;

    released = g_new0(ReleasedError, 1);
    released->code = error->code;
    released->message = g_strdup(error->message);
    for (guint i = 0; i < MIGTUNE_ERROR_N_FIELDS; i++)
        released->fields[i] = g_steal_pointer(&priv->fields[i]);
    g_private_replace(&error_released, released);
}

G_DEFINE_EXTENDED_ERROR(MigtuneError, migtune_error)

static const char *const error_code_names[] = {
    [MIGTUNE_ERROR_INTERNAL] = "internal",
    [MIGTUNE_ERROR_INVALID_ARGUMENT] = "invalid-argument",
    [MIGTUNE_ERROR_UNKNOWN_PARAMETER] = "unknown-parameter",
    [MIGTUNE_ERROR_INVALID_VALUE] = "invalid-value",
    [MIGTUNE_ERROR_CONFLICT] = "conflict",
    [MIGTUNE_ERROR_UNSUPPORTED] = "unsupported",
    [MIGTUNE_ERROR_NOT_FOUND] = "not-found",
    [MIGTUNE_ERROR_CONNECT] = "connect",
    [MIGTUNE_ERROR_DISCONNECTED] = "disconnected",
    [MIGTUNE_ERROR_TIMEOUT] = "timeout",
    [MIGTUNE_ERROR_BUSY] = "busy",
    [MIGTUNE_ERROR_PROTOCOL] = "protocol",
    [MIGTUNE_ERROR_QEMU] = "qemu",
    [MIGTUNE_ERROR_ROLLED_BACK] = "rolled-back",
    [MIGTUNE_ERROR_STATE_UNKNOWN] = "state-unknown",
    [MIGTUNE_ERROR_DRIVER] = "driver",
    [MIGTUNE_ERROR_CANCELLED] = "cancelled",
    [MIGTUNE_ERROR_IO] = "io",
    [MIGTUNE_ERROR_STREAM] = "stream",
    [MIGTUNE_ERROR_NOT_RUNNING] = "not-running",
    [MIGTUNE_ERROR_AMBIGUOUS] = "ambiguous",
    [MIGTUNE_ERROR_STILL_RUNNING] = "still-running",
};

const char *
migtune_error_code_to_string(int code)
{
    if (code < 0 || code >= (int)G_N_ELEMENTS(error_code_names))
        return error_code_names[MIGTUNE_ERROR_INTERNAL];

    return error_code_names[code];
}

const char *
migtune_error_get_field(const GError *error, MigtuneErrorField field)
{
    MigtuneErrorPrivate *priv;

    g_return_val_if_fail(field < MIGTUNE_ERROR_N_FIELDS, NULL);

    if (!error || error->domain != MIGTUNE_ERROR)
        return NULL;

    priv = migtune_error_get_private(error);
    return priv->fields[field];
}

char *
migtune_error_recall_field(int code, const char *message,
                           MigtuneErrorField field)
{
    const ReleasedError *released = g_private_get(&error_released);

    g_return_val_if_fail(field < MIGTUNE_ERROR_N_FIELDS, NULL);

    if (!released || released->code != code ||
        g_strcmp0(released->message, message) != 0)
        return NULL;

    return g_strdup(released->fields[field]);
}

void
migtune_error_set_field(GError *error, MigtuneErrorField field,
                        const char *value)
{
    MigtuneErrorPrivate *priv;

    g_return_if_fail(field < MIGTUNE_ERROR_N_FIELDS);

    if (!error || error->domain != MIGTUNE_ERROR)
        return;

    priv = migtune_error_get_private(error);
    g_free(priv->fields[field]);
    priv->fields[field] = g_strdup(value);
}

void
migtune_error_set(GError **error, MigtuneErrorCode code, const char *format,
                  ...)
{
    va_list args;

    if (!error)
        return;

    va_start(args, format);
    *error = g_error_new_valist(MIGTUNE_ERROR, code, format, args);
    va_end(args);
}
