/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's errors as migtune's: the code that a program may switch on, and
 * what the person can do about it.
 */
#include "config.h"

#include <errno.h>

#include "drivers/libvirt/libvirt-private.h"

typedef struct {
    int code;                   /* of libvirt */
    int system;                 /* errno that goes with it; 0: any */
    gint purpose;               /* -1: any */
    MigtuneErrorCode means;
    const char *advice;         /* NULL: it speaks for itself */
} LvErrorRow;

/* The first row that fits is it. */
static const LvErrorRow error_rows[] = {
    { VIR_ERR_SYSTEM_ERROR, ENOENT, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      "is the daemon running? 'systemctl start virtqemud.socket' or, before "
      "libvirt was split up, 'systemctl start libvirtd' starts it" },
    { VIR_ERR_SYSTEM_ERROR, ECONNREFUSED, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      "the socket is there and nobody listens on it: the daemon does not run; "
      "'systemctl start virtqemud.socket' or 'systemctl start libvirtd' "
      "starts it" },
    { VIR_ERR_SYSTEM_ERROR, EACCES, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      "be root or a member of the group libvirt, or use qemu:///session for "
      "guests of your own; --readonly may be let in" },
    { VIR_ERR_SYSTEM_ERROR, EPERM, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT,
      "be root or a member of the group libvirt, or use qemu:///session for "
      "guests of your own; --readonly may be let in" },
    { VIR_ERR_AUTH_FAILED, 0, -1, MIGTUNE_ERROR_CONNECT,
      "be root or a member of the group libvirt, or log in with a user that "
      "the daemon knows; who is at no terminal puts user and password into "
      "libvirt's auth.conf" },
    { VIR_ERR_AUTH_CANCELLED, 0, -1, MIGTUNE_ERROR_CANCELLED, NULL },
    { VIR_ERR_AUTH_UNAVAILABLE, 0, -1, MIGTUNE_ERROR_CONNECT,
      "no polkit agent could ask for a password; be root or a member of the "
      "group libvirt" },
    { VIR_ERR_NO_CONNECT, 0, -1, MIGTUNE_ERROR_DRIVER,
      "this libvirt has no driver for such URIs; is the package of the "
      "hypervisor's driver installed?" },
    { VIR_ERR_INVALID_ARG, 0, LV_TO_OPEN, MIGTUNE_ERROR_INVALID_ARGUMENT,
      NULL },
    { VIR_ERR_CONFIG_UNSUPPORTED, 0, LV_TO_OPEN,
      MIGTUNE_ERROR_INVALID_ARGUMENT, NULL },
    { VIR_ERR_XML_ERROR, 0, LV_TO_OPEN, MIGTUNE_ERROR_CONNECT, NULL },
    { VIR_ERR_NO_DOMAIN, 0, -1, MIGTUNE_ERROR_NOT_FOUND, NULL },
    { VIR_ERR_NO_DOMAIN_METADATA, 0, -1, MIGTUNE_ERROR_NOT_FOUND, NULL },
    { VIR_ERR_OPERATION_DENIED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED,
      "this connection may only read; who changes a guest or uses QEMU's "
      "monitor does so without --readonly, not over the socket "
      "libvirt-sock-ro, and as root or a member of the group libvirt; what "
      "libvirt itself tells can be seen with --readonly" },
    { VIR_ERR_ACCESS_DENIED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED,
      "the access rules of the daemon forbid it; QEMU's monitor needs the "
      "permission domain.write" },
    { VIR_ERR_NO_SUPPORT, 0, -1, MIGTUNE_ERROR_UNSUPPORTED,
      "libvirt reaches no QEMU behind this URI; migtune tunes guests of QEMU "
      "alone, as behind qemu:///system" },
    { VIR_ERR_OPERATION_TIMEOUT, 0, -1, MIGTUNE_ERROR_BUSY,
      "something else is being done with the domain; try again when it has "
      "ended" },
    { VIR_ERR_AGENT_UNRESPONSIVE, 0, -1, MIGTUNE_ERROR_TIMEOUT, NULL },
    { VIR_ERR_OPERATION_INVALID, 0, -1, MIGTUNE_ERROR_UNSUPPORTED, NULL },
    { VIR_ERR_OPERATION_UNSUPPORTED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED, NULL },
    { VIR_ERR_ARGUMENT_UNSUPPORTED, 0, -1, MIGTUNE_ERROR_UNSUPPORTED, NULL },
    { VIR_ERR_INVALID_ARG, 0, -1, MIGTUNE_ERROR_INVALID_VALUE, NULL },
    { VIR_ERR_OVERFLOW, 0, -1, MIGTUNE_ERROR_INVALID_VALUE, NULL },
    { VIR_ERR_RPC, 0, -1, MIGTUNE_ERROR_DISCONNECTED, NULL },
    { VIR_ERR_INVALID_CONN, 0, -1, MIGTUNE_ERROR_DISCONNECTED, NULL },
};

/* Errors that a dead connection to the daemon leaves behind. */
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
                                             : "libvirt does not say why";
    MigtuneErrorCode code = purpose == LV_TO_OPEN ? MIGTUNE_ERROR_CONNECT
                                                  : MIGTUNE_ERROR_QEMU;

    if (row)
        code = row->means;
    else if (lv_error_is_loss() && purpose != LV_TO_OPEN)
        code = MIGTUNE_ERROR_DISCONNECTED;
    if (row && row->advice)
        migtune_error_set(error, code, "%s: %s (%s)", what, text, row->advice);
    else
        migtune_error_set(error, code, "%s: %s", what, text);
}
