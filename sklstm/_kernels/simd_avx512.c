/* The loops for x86-64-v4: AVX-512 F, BW, CD, DQ and VL (Intel Skylake-X, AMD Zen 4 and later). */
#include "simd_x86.h"
#ifdef SIMD_X86_LEVELS
SIMD_BEGIN("arch=x86-64-v4")
#define LEVEL avx512
#define LEVEL_NAME "avx512"
#define HAS_FMA
#define VECTOR_BYTES 64
#define TILE_ROWS 12            /* 12 x 2 accumulators and 2 vectors of B in 32 registers */
#define TILE_VECTORS 2
#include "simd_level.h"
SIMD_END
#endif
