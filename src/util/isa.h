/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which vector instructions the machine has.
 *
 * Code that comes in several widths keeps a table indexed by MtIsa; the tests
 * walk all widths that this machine can run.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    MT_ISA_PORTABLE,
    MT_ISA_SSE2,
    MT_ISA_AVX2,
    MT_ISA_AVX512,
    MT_ISA_N
} MtIsa;

/* The widest instruction set that this machine can run.  The processor's
 * features were read at program start, so a call is cheap. */
MtIsa mt_isa_best(void);

gboolean mt_isa_supported(MtIsa isa);

const char *mt_isa_name(MtIsa isa);

G_END_DECLS
