/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Asking the user at the terminal.
 */

#include <migtune/migtune.h>

/* A MigtuneAuthFunc. */
char *ask_credential(MigtuneCredential credential, const char *prompt,
                     GCancellable *cancellable, gpointer user_data);
