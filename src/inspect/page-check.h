/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Inflates one page of a compress record: @n bytes, one complete zlib stream,
 * must give exactly @page_len bytes in @page. */
gboolean mt_page_inflate(const guint8 *data, gsize n, guint8 *page,
                         gsize page_len, GError **error);

/* Whether all of the @len bytes, at least 16, are zero. */
gboolean mt_page_is_zero(const guint8 *page, gsize len);

G_END_DECLS
