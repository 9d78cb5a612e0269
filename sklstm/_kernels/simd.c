/* The choice among the tables of loops, from what the processor and the operating system support. */
#include "simd.h"
#include "simd_x86.h"

extern const simd_table simd_table_baseline;

#ifdef SIMD_X86_LEVELS
extern const simd_table simd_table_avx2, simd_table_avx512;

static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"); }

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

static int always(void) { return 1; }

static const struct { const simd_table *table; int (*supported)(void); } levels[] = {     /* best first */
#ifdef SIMD_X86_LEVELS
    { &simd_table_avx512, has_avx512 },
    { &simd_table_avx2, has_avx2 },
#endif
    { &simd_table_baseline, always },
};

const simd_table *simd_choose(const char *level)
{
#ifdef SIMD_X86_LEVELS
    __builtin_cpu_init();
#endif
    for (size_t k = 0; k < sizeof levels / sizeof levels[0]; k++)
        if (levels[k].supported() && (level == NULL || strcmp(level, levels[k].table->level) == 0))
            return levels[k].table;
    return NULL;
}
