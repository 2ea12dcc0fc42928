/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A QEMU binary without a guest: it is started without a machine, queried like
 * a guest, and ended.
 */

#include "tool.h"

G_BEGIN_DECLS

typedef struct _Binary Binary;

/* Starts the binary @path.  Fails if it does not open its monitor. */
Binary *binary_start(Tool *tool, const char *path, GError **error);

/* Returns the domain of the binary, which belongs to @binary. */
MigtuneDomain *binary_get_domain(Binary *binary);

/* Ends the process and removes its files. */
void binary_free(Binary *binary);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Binary, binary_free)

G_END_DECLS
