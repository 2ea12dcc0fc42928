/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * A migration stream of `-machine none` with @mib MiB of RAM in two blocks,
 * "ram" and, with one eighth of it, "rom".  A third of the pages is zero, a
 * third holds text, the rest random bytes; the second pass repeats some.  With
 * @mib 0 both blocks have one page.
 * @ret_ram, if wanted, gets both blocks as they are at the end.
 */
GByteArray *make_stream(guint mib, guint32 seed, GByteArray **ret_ram);

G_END_DECLS
