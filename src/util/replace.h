/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Makes @text the content of the file at @path, which only its owner can read.
 * Other processes see the old content or the new one, never a part, even if
 * this process is killed meanwhile.  After a crash of the machine the content
 * may be lost.
 */
gboolean mt_replace_file(const char *path, const char *text);

G_END_DECLS
