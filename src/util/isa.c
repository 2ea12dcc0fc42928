/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which vector instructions the machine has. */
#include "config.h"

#include "util/isa.h"

static const char *const isa_names[MT_ISA_N] = {
    [MT_ISA_PORTABLE] = "portable",
    [MT_ISA_SSE2] = "sse2",
    [MT_ISA_AVX2] = "avx2",
    [MT_ISA_AVX512] = "avx512",
};

gboolean
mt_isa_supported(MtIsa isa)
{
    switch (isa) {
    case MT_ISA_PORTABLE:
        return TRUE;
#if defined(__x86_64__)
    case MT_ISA_SSE2:
        return TRUE;
    case MT_ISA_AVX2:
        return __builtin_cpu_supports("avx2") != 0;
    case MT_ISA_AVX512:
        return __builtin_cpu_supports("avx512f") != 0 &&
               __builtin_cpu_supports("avx512bw") != 0;
#endif
    default:
        return FALSE;
    }
}

MtIsa
mt_isa_best(void)
{
    MtIsa isa = MT_ISA_N - 1;

    while (!mt_isa_supported(isa))
        isa--;
    return isa;
}

const char *
mt_isa_name(MtIsa isa)
{
    return isa_names[isa];
}
