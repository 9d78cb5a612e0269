/* Reductions over one row for layer normalisation, included once per dtype and instruction set by simd_level.h.

   Sums run in 16 lanes side by side, which are added in a fixed order: GCC may not reorder one running sum. */

#define SUM_LANES 16

static inline REAL FN(sum_lanes)(const REAL *part)
{
#define PAIR(k) (part[k] + part[(k) + 8])
#define FOUR(k) (PAIR(k) + PAIR((k) + 4))
    return (FOUR(0) + FOUR(2)) + (FOUR(1) + FOUR(3));
#undef FOUR
#undef PAIR
}

/* mean of v and 1 / sqrt(var(v) + epsilon) */
static inline void FN(mean_and_scale)(ptrdiff_t n, const REAL *v, REAL *mean, REAL *scale)
{
    REAL part[SUM_LANES] = {0}, squares[SUM_LANES] = {0}, m;
    ptrdiff_t i = 0;
    for (; i + SUM_LANES <= n; i += SUM_LANES)
#pragma GCC unroll 1    /* else GCC 12 unrolls k and vectorises over i, by shuffles: the backward pass takes a quarter longer */
        for (int k = 0; k < SUM_LANES; k++)
            part[k] += v[i + k];
    for (; i < n; i++)
        part[i % SUM_LANES] += v[i];
    m = FN(sum_lanes)(part) / (REAL)n;
    for (i = 0; i + SUM_LANES <= n; i += SUM_LANES)
#pragma GCC unroll 1    /* else GCC 12 unrolls k and vectorises over i, by shuffles: the backward pass takes a quarter longer */
        for (int k = 0; k < SUM_LANES; k++)
            squares[k] += (v[i + k] - m) * (v[i + k] - m);
    for (; i < n; i++)
        squares[i % SUM_LANES] += (v[i] - m) * (v[i] - m);
    *mean = m;
    *scale = 1 / SQRT(FN(sum_lanes)(squares) / (REAL)n + (REAL)LAYERNORM_EPSILON);
}

/* mean(e) and mean(e (v - mean) scale) */
static inline void FN(moments_with)(ptrdiff_t n, const REAL *e, const REAL *v, REAL mean, REAL scale, REAL *m1, REAL *m2)
{
    REAL part[SUM_LANES] = {0}, products[SUM_LANES] = {0};
    ptrdiff_t i = 0;
    for (; i + SUM_LANES <= n; i += SUM_LANES)
#pragma GCC unroll 1    /* else GCC 12 unrolls k and vectorises over i, by shuffles: the backward pass takes a quarter longer */
        for (int k = 0; k < SUM_LANES; k++) {
            part[k] += e[i + k];
            products[k] += e[i + k] * ((v[i + k] - mean) * scale);
        }
    for (; i < n; i++) {
        part[i % SUM_LANES] += e[i];
        products[i % SUM_LANES] += e[i] * ((v[i] - mean) * scale);
    }
    *m1 = FN(sum_lanes)(part) / (REAL)n;
    *m2 = FN(sum_lanes)(products) / (REAL)n;
}

#undef SUM_LANES
