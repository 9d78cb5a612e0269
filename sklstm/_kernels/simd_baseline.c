/* The loops for the instruction set that every machine of the platform has: SSE2 on x86-64, NEON on arm64. */
#define LEVEL baseline
#define LEVEL_NAME "baseline"
#include "simd_level.h"
