/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver's callbacks that run commands; batch.c does the work.
 */
#include "config.h"

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* Runs commands; once more if the connection turned out to be lost before
 * anything took effect, as after a restart of the daemon. */
static gboolean
execute_run(LvDomain *domain, gboolean no_monitor,
            MigtuneDriverCommand *commands, guint n_commands,
            GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) failure = NULL;
    gboolean repeatable;

    if (!lv_domain_get_ready(domain, cancellable, error))
        return FALSE;
    if (lv_domain_run(domain, no_monitor, commands, n_commands, &repeatable,
                      cancellable, &failure))
        return TRUE;
    if (repeatable)
        return lv_domain_get_ready(domain, cancellable, error) &&
               lv_domain_run(domain, no_monitor, commands, n_commands,
                             &repeatable, cancellable, error);
    g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

static gboolean
execute_or_answer(LvDomain *domain, gboolean no_monitor,
                  MigtuneDriverCommand *commands, guint n_commands,
                  GCancellable *cancellable, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (execute_run(domain, no_monitor, commands, n_commands, cancellable,
                    &failure)) {
        lv_job_remember(&domain->migration, commands, n_commands);
        return TRUE;
    }
    if (domain->gone &&
        lv_ended_answer(domain, commands, n_commands, cancellable))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

gboolean
lv_execute(gpointer data, MigtuneDriverCommand *commands, guint n_commands,
           GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;

    return execute_or_answer(domain, domain->conn->no_monitor, commands,
                             n_commands, cancellable, error);
}

gboolean
lv_look(gpointer data, MigtuneDriverCommand *commands, guint n_commands,
        GCancellable *cancellable, GError **error)
{
    return execute_or_answer(data, TRUE, commands, n_commands, cancellable,
                             error);
}

char *
lv_remark(gpointer data, const char *command, JsonObject *arguments)
{
    LvDomain *domain = data;

    if (domain->conn->no_monitor || !lv_batch_uses_monitor(command, arguments))
        return NULL;

    return g_strdup(_("part of this goes through QEMU's monitor, as reading "
                      "does: libvirt marks the guest as tainted (custom "
                      "monitor control commands); --no-monitor refuses "
                      "instead"));
}
