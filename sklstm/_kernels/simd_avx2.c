/* The loops for x86-64-v3: AVX2 and fused multiply-add (Intel Haswell, AMD Zen and later). */
#include "simd_x86.h"
#ifdef SIMD_X86_LEVELS
SIMD_BEGIN("arch=x86-64-v3")
#define LEVEL avx2
#define LEVEL_NAME "avx2"
#define HAS_FMA
#define VECTOR_BYTES 32
#define TILE_ROWS 6            /* 6 x 2 accumulators and 2 vectors of B in 16 registers */
#define TILE_VECTORS 2
#include "simd_level.h"
SIMD_END
#endif
