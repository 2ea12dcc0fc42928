/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finding out which release's migration interface a QEMU has.
 */

#include "probe/caps.h"
#include "probe/schema.h"

G_BEGIN_DECLS

/*
 * Returns the release by what exists in the QEMU.  @schema may be NULL.  @told, the
 * version that QEMU reports, only decides between releases that the evidence
 * allows.
 */
MtRelease mt_evidence_release(const MtCaps *caps, const MtSchema *schema,
                              MtRelease told);

G_END_DECLS
