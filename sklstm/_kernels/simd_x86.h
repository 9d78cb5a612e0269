/* Where one translation unit can be switched to a larger x86 instruction set, and how.

   The C library's headers come first (simd.h), outside the pragma: their inline functions must stay at the baseline.
   "arch=x86-64-v3" and not "avx2", which has no FMA, nor "arch=haswell", which no AMD processor matches. */
#include "simd.h"

#define SIMD_PRAGMA_(text) _Pragma(#text)
#define SIMD_PRAGMA(text) SIMD_PRAGMA_(text)

#if defined(__x86_64__) && defined(HAS_VECTORS) && defined(__clang__)
#define SIMD_X86_LEVELS
#define SIMD_BEGIN(arch) SIMD_PRAGMA(clang attribute push(__attribute__((target(arch))), apply_to = function))
#define SIMD_END SIMD_PRAGMA(clang attribute pop)
#elif defined(__x86_64__) && defined(HAS_VECTORS) && __GNUC__ >= 12
#define SIMD_X86_LEVELS
#define SIMD_BEGIN(arch) SIMD_PRAGMA(GCC push_options) SIMD_PRAGMA(GCC target(arch))
#define SIMD_END SIMD_PRAGMA(GCC pop_options)
#endif
