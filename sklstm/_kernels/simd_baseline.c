/* The loops for the instruction set that every machine of the platform has: SSE2 on x86-64, NEON on arm64. */
#include "simd.h"
#define LEVEL baseline
#define LEVEL_NAME "baseline"
#if defined(__aarch64__)
#define HAS_FMA
#endif
#ifdef HAS_VECTORS
#define VECTOR_BYTES 16
#define TILE_VECTORS 2
#if defined(__aarch64__)
#define TILE_ROWS 12                    /* 12 x 2 accumulators and 2 vectors of B in 32 registers */
#else
#define TILE_ROWS 6                     /* 6 x 2 accumulators and 2 vectors of B in 16 registers */
#endif
#endif
#include "simd_level.h"
