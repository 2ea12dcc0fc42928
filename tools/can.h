/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Whether a QEMU supports a parameter or a value, as an exit status.
 */

#include "tool.h"

enum {
    CAN_YES = 0,
    CAN_NO = 1,
    CAN_UNKNOWN = 4,
};

/* @what is NAME or NAME=VALUE. */
int can_domain(MigtuneDomain *domain, const char *what, GCancellable *cancellable, GError **error);

/* Does the same without QEMU's monitor if the guest is one of libvirt's: the
 * answer then follows from the release of its QEMU. */
int can_guest(Tool *tool, MigtuneDomain *domain, const char *what,
              GError **error);
int can_release(const char *release, const char *what, GError **error);
