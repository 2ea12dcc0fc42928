/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which release's migration interface a QEMU has, by what exists in it.
 */

#include "probe/caps.h"
#include "probe/schema.h"

G_BEGIN_DECLS

/*
 * @schema may be NULL.  @told is what QEMU says of itself: it decides only
 * between the releases that the evidence allows.
 */
MtRelease mt_evidence_release(const MtCaps *caps, const MtSchema *schema,
                              MtRelease told);

G_END_DECLS
