/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Makes @text the content of the file at @path, readable for its owner alone.
 * Whoever reads it, or writes it at the same time, sees one whole content,
 * also when this process is killed in the middle.  What a crash of the machine
 * leaves is not promised, so nothing is waited for.
 */
gboolean mt_replace_file(const char *path, const char *text);

G_END_DECLS
