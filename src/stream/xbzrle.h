/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * XBZRLE: a page encoded as the difference from the copy on the destination.
 *
 * The encoding alternates runs of equal and of changed bytes.  The base of a
 * delta must be exactly the page as the previous record for it left it.
 */

#include <glib.h>

#include "util/isa.h"

G_BEGIN_DECLS

/* The longest delta; if it would be longer, the whole page is sent. */
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
 * part of the page may have been changed, but nothing outside it. */
gboolean mt_xbzrle_decode(const guint8 *delta, gsize n, guint8 *page,
                          GError **error);

G_END_DECLS
