/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Answers by exit status alone: can this QEMU do that?
 */

#include "tool.h"

enum {
    CAN_YES = 0,
    CAN_NO = 1,
    CAN_UNKNOWN = 2,
};

/* @what is NAME or NAME=VALUE. */
int can_domain(MigtuneDomain *domain, const char *what, GError **error);
int can_release(const char *release, const char *what, GError **error);
