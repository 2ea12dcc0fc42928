/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Modules with one fault each, and an older one without a fault. The macros
 * MODULE_* select the module. */
#include <stddef.h>

#include "migtune/migtune-driver.h"

#ifndef MODULE_HAS_EXECUTE
#define MODULE_HAS_EXECUTE 1
#endif

#ifndef MODULE_NO_SYMBOL

static const char *const schemes[] = { MODULE_SCHEME, NULL };

static gpointer
broken_open(const char *uri, const MigtuneDriverOptions *options,
            GCancellable *cancellable, GError **error)
{
    return NULL;
}

static void
broken_close(gpointer conn)
{
}

static char **
broken_list(gpointer conn, GCancellable *cancellable, GError **error)
{
    return NULL;
}

static gpointer
broken_domain_open(gpointer conn, const char *key,
                   MigtuneDriverIdentity *identity, GCancellable *cancellable,
                   GError **error)
{
    return NULL;
}

static gboolean
broken_execute(gpointer domain, MigtuneDriverCommand *commands,
               guint n_commands, GCancellable *cancellable, GError **error)
{
    return FALSE;
}

static gboolean
broken_reconnect(gpointer domain, GCancellable *cancellable, GError **error)
{
    return FALSE;
}

static const MigtuneDriver broken_driver = {
#ifdef MODULE_API
    .api = MODULE_API,
#else
    .api = MIGTUNE_DRIVER_API,
#endif
#if defined(MODULE_TINY)
    .size = offsetof(MigtuneDriver, list),
#elif defined(MODULE_OLD)
    /* From before `reconnect' was added. */
    .size = offsetof(MigtuneDriver, reconnect),
#elif defined(MODULE_NEW)
    .size = sizeof(MigtuneDriver) + 64,
#else
    .size = sizeof(MigtuneDriver),
#endif
    .name = "broken",
    .schemes = schemes,
    .open = broken_open,
    .close = broken_close,
    .list = broken_list,
    .domain_open = broken_domain_open,
    .domain_close = broken_close,
    .execute = MODULE_HAS_EXECUTE ? broken_execute : NULL,
    .reconnect = broken_reconnect,
    .features = MIGTUNE_DRIVER_READ_ONLY,
};

MIGTUNE_DRIVER_DEFINE(broken_driver)

#endif
