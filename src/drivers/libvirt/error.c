/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Conversion of libvirt's errors: the error code for programs, and advice for
 * the user.
 */
#include "config.h"

#include <errno.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

typedef struct {
    int code;                   /* of libvirt */
    int system;                 /* errno that goes with it; 0: any */
    gint purpose;               /* -1: any */
    MigtuneErrorCode means;
    const char *advice;         /* NULL: none is needed */
} LvErrorRow;

/* The first matching row counts. */
static const LvErrorRow error_rows[] = {
    { VIR_ERR_SYSTEM_ERROR, ENOENT, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      N_("the daemon does not run; start it with 'systemctl start "
         "virtqemud.socket' or, in older releases, 'systemctl start "
         "libvirtd'") },
    { VIR_ERR_SYSTEM_ERROR, ECONNREFUSED, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      N_("the socket exists, but the daemon does not run; start it with "
         "'systemctl start virtqemud.socket' or, in older releases, "
         "'systemctl start libvirtd'") },
    { VIR_ERR_SYSTEM_ERROR, EACCES, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      N_("run as root or as a member of the group libvirt, or use "
         "qemu:///session for your own guests; a read-only connection may be "
         "allowed") },
    { VIR_ERR_SYSTEM_ERROR, EPERM, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      N_("run as root or as a member of the group libvirt, or use "
         "qemu:///session for your own guests; a read-only connection may be "
         "allowed") },
    { VIR_ERR_AUTH_FAILED, 0, -1, MIGTUNE_ERROR_CONNECT,
      N_("run as root or as a member of the group libvirt, or give a user "
         "that the daemon knows; without a terminal, put user and password "
         "into libvirt's auth.conf") },
    { VIR_ERR_AUTH_CANCELLED, 0, -1, MIGTUNE_ERROR_CANCELLED, NULL },
    { VIR_ERR_AUTH_UNAVAILABLE, 0, -1, MIGTUNE_ERROR_CONNECT,
      N_("no polkit agent is running to ask for a password; run as root or as "
         "a member of the group libvirt") },
    { VIR_ERR_NO_CONNECT, 0, -1, MIGTUNE_ERROR_DRIVER,
      N_("this libvirt has no driver for this URI; install the package of the "
         "hypervisor's driver") },
    { VIR_ERR_INVALID_ARG, 0, LV_TO_OPEN, MIGTUNE_ERROR_INVALID_ARGUMENT,
      NULL },
    { VIR_ERR_CONFIG_UNSUPPORTED, 0, LV_TO_OPEN,
      MIGTUNE_ERROR_INVALID_ARGUMENT, NULL },
    { VIR_ERR_XML_ERROR, 0, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT, NULL },
    { VIR_ERR_NO_DOMAIN, 0, -1, MIGTUNE_ERROR_NOT_FOUND, NULL },
    { VIR_ERR_NO_DOMAIN_METADATA, 0, -1, MIGTUNE_ERROR_NOT_FOUND, NULL },
    { VIR_ERR_OPERATION_DENIED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED,
      N_("this connection is read-only; to change a guest or to use QEMU's "
         "monitor, connect without --readonly and not through the socket "
         "libvirt-sock-ro, as root or as a member of the group libvirt") },
    { VIR_ERR_ACCESS_DENIED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED,
      N_("the daemon's access rules do not allow it; QEMU's monitor needs the "
         "permission domain.write") },
    { VIR_ERR_NO_SUPPORT, 0, -1, MIGTUNE_ERROR_UNSUPPORTED,
      N_("this URI does not lead to QEMU guests; migtune supports only QEMU "
         "guests, for example those of qemu:///system") },
    { VIR_ERR_OPERATION_TIMEOUT, 0, -1, MIGTUNE_ERROR_BUSY,
      N_("another operation on the domain is running; try again when it has "
         "ended") },
    { VIR_ERR_AGENT_UNRESPONSIVE, 0, -1, MIGTUNE_ERROR_TIMEOUT, NULL },
    { VIR_ERR_OPERATION_INVALID, 0, -1, MIGTUNE_ERROR_UNSUPPORTED, NULL },
    { VIR_ERR_OPERATION_UNSUPPORTED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED, NULL },
    { VIR_ERR_ARGUMENT_UNSUPPORTED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED, NULL },
    { VIR_ERR_INVALID_ARG, 0, -1, MIGTUNE_ERROR_INVALID_VALUE, NULL },
    { VIR_ERR_OVERFLOW, 0, -1, MIGTUNE_ERROR_INVALID_VALUE, NULL },
    { VIR_ERR_RPC, 0, -1, MIGTUNE_ERROR_DISCONNECTED, NULL },
    { VIR_ERR_INVALID_CONN, 0, -1, MIGTUNE_ERROR_DISCONNECTED, NULL },
};

gboolean
lv_error_is_loss(void)
{
    const virError *last = virGetLastError();

    if (!last)
        return FALSE;
    if (last->code == VIR_ERR_INVALID_CONN)
        return TRUE;

    return (last->domain == VIR_FROM_RPC || last->domain == VIR_FROM_REMOTE) &&
           (last->code == VIR_ERR_INTERNAL_ERROR ||
            last->code == VIR_ERR_SYSTEM_ERROR || last->code == VIR_ERR_RPC);
}

static const LvErrorRow *
error_find(const virError *last, LvPurpose purpose)
{
    for (gsize i = 0; i < G_N_ELEMENTS(error_rows); i++) {
        const LvErrorRow *row = &error_rows[i];

        if (row->code == last->code &&
            (row->system == 0 || row->system == last->int1) &&
            (row->purpose == -1 || row->purpose == (gint)purpose))
            return row;
    }

    return NULL;
}

void
lv_error_take(GError **error, LvPurpose purpose, const char *what)
{
    const virError *last = virGetLastError();
    const LvErrorRow *row = last ? error_find(last, purpose) : NULL;
    const char *text = last && last->message ? last->message
                                             : _("libvirt gives no reason");
    MigtuneErrorCode code = purpose == LV_TO_OPEN ? MIGTUNE_ERROR_CONNECT
                                                  : MIGTUNE_ERROR_QEMU;

    if (row)
        code = row->means;
    else if (lv_error_is_loss() && purpose != LV_TO_OPEN)
        code = MIGTUNE_ERROR_DISCONNECTED;
    if (row && row->advice)
        migtune_error_set(error, code, "%s: %s (%s)", what, text,
                          _(row->advice));
    else
        migtune_error_set(error, code, "%s: %s", what, text);
}

gboolean
lv_error_loses_connection(const GError *failure)
{
    return g_error_matches(failure, MIGTUNE_ERROR,
                           MIGTUNE_ERROR_DISCONNECTED) ||
           g_error_matches(failure, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) ||
           g_error_matches(failure, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
}

void
lv_error_set_gone(GError **error, const char *name, const char *how)
{
    migtune_error_set(error, MIGTUNE_ERROR_NOT_RUNNING,
                      _("%s: %s since it was opened; nothing more is sent to "
                        "it: open it again"), name, how);
}
