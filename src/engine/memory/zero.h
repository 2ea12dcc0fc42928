/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Zero-page detection with the widest vectors of the machine. */

#include <glib.h>

#include "util/isa.h"

G_BEGIN_DECLS

/* Whether the @n bytes at @data, a multiple of 256, are all zero. */
typedef gboolean (*MtZeroFunc)(const void *data, gsize n);

/* The variant for @isa, which the machine must support. */
MtZeroFunc mt_zero_func(MtIsa isa);

/* Whether the page of 4096 bytes at @page, which other threads may be writing, is
 * zero. */
gboolean mt_zero_page(const void *page);

G_END_DECLS
