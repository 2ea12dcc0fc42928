/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * XBZRLE: a page as its difference from the copy that the destination has.
 *
 * The encoding is alternating runs of equal and of changed bytes.  One rule
 * keeps both ends together: the base of a delta is exactly what the last record
 * for that page made of it.
 */

#include <glib.h>

#include "util/isa.h"

G_BEGIN_DECLS

/* Longest delta: a longer one is an overflow, and the page goes as it is. */
#define MT_XBZRLE_MAX 4096
#define MT_XBZRLE_OVERFLOW (-1)

/* Encodes what changed from @before to @after (4096 bytes each, not changing
 * meanwhile) into @out, which has room for MT_XBZRLE_MAX bytes.  Returns the
 * length, 0 when nothing differs, or MT_XBZRLE_OVERFLOW.  All widths give the
 * same bytes. */
typedef int (*MtXbzrleFunc)(const guint8 *before, const guint8 *after,
                            guint8 *out);

MtXbzrleFunc mt_xbzrle_func(MtIsa isa);
int mt_xbzrle_encode(const guint8 *before, const guint8 *after, guint8 *out);

/* Applies @delta of @n bytes to @page (4096 bytes) in place.  When it fails
 * part of the page may have been changed, nothing beside it. */
gboolean mt_xbzrle_decode(const guint8 *delta, gsize n, guint8 *page,
                          GError **error);

G_END_DECLS
