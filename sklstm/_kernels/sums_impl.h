/* Sums over vectors and rows: layer normalisation, bias gradients, the norm of a gradient.

   Included once per dtype and instruction set by dtype_impl.h. Long sums run in 16 lanes side by side, which are added in a fixed
   order: GCC may not reorder one running sum. */

/* out += sum over r of x[r, :], four rows at a time so that out is loaded and stored a quarter as often */
static void FN(add_row_sums)(ptrdiff_t rows, ptrdiff_t n, const void *x_, ptrdiff_t ld, void *out_)
{
    const REAL *x = x_;             /* (rows, n) IN, row stride ld */
    REAL *restrict out = out_;      /* (n,) IN/OUT */
    ptrdiff_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const REAL *restrict x0 = x + r * ld, *restrict x1 = x0 + ld, *restrict x2 = x1 + ld, *restrict x3 = x2 + ld;
        for (ptrdiff_t j = 0; j < n; j++)
            out[j] += (x0[j] + x1[j]) + (x2[j] + x3[j]);
    }
    for (; r < rows; r++)
        for (ptrdiff_t j = 0; j < n; j++)
            out[j] += x[r * ld + j];
}

/* sum of squares, accumulated in double whatever the dtype: 16 sums side by side, added in a fixed order */
static double FN(sum_of_squares)(ptrdiff_t n, const void *x_)
{
    const REAL *x = x_;             /* (n,) IN */
    double part[16] = {0}, total = 0;
    ptrdiff_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (int k = 0; k < 16; k++)
            part[k] += (double)x[i + k] * (double)x[i + k];
    for (int k = 0; k < 16; k++)
        total += part[k];
    for (; i < n; i++)
        total += (double)x[i] * (double)x[i];
    return total;
}

/* ---- moments of channels ---- */

/* Values are read in rows of `width`, a multiple of the channels; of the last row there may be less. In double whatever the dtype:
   sums[j] += the sum of x[., j] - origin[j]. And the extremes so far, low and high. */
static void FN(add_differences)(ptrdiff_t n, ptrdiff_t width, const void *x_, const double *origin, void *low_, void *high_, double *sums_)
{
    const REAL *x = x_;             /* (n,) IN */
    REAL *restrict low = low_, *restrict high = high_;      /* (width,) IN/OUT */
    double *restrict sums = sums_;                          /* (width,) IN/OUT */
    for (ptrdiff_t at = 0; at < n; at += width) {
        const REAL *restrict row = x + at;
        ptrdiff_t m = n - at < width ? n - at : width;
        for (ptrdiff_t j = 0; j < m; j++) {
            low[j] = row[j] < low[j] ? row[j] : low[j];
            high[j] = row[j] > high[j] ? row[j] : high[j];
        }
        for (ptrdiff_t j = 0; j < m; j++)
            sums[j] += (double)row[j] - origin[j];
    }
}

/* sums[j] += the sum of (x[., j] - origin[j])^2 */
static void FN(add_squared_differences)(ptrdiff_t n, ptrdiff_t width, const void *x_, const double *origin, double *sums_)
{
    const REAL *x = x_;             /* (n,) IN */
    double *restrict sums = sums_;  /* (width,) IN/OUT */
    for (ptrdiff_t at = 0; at < n; at += width) {
        const REAL *restrict row = x + at;
        ptrdiff_t m = n - at < width ? n - at : width;
        for (ptrdiff_t j = 0; j < m; j++)
            sums[j] += ((double)row[j] - origin[j]) * ((double)row[j] - origin[j]);
    }
}

/* ---- layer normalisation ---- */

#define SUM_LANES 16

static inline REAL FN(sum_lanes)(const REAL *part)
{
#define PAIR(k) (part[k] + part[(k) + 8])
#define FOUR(k) (PAIR(k) + PAIR((k) + 4))
    return (FOUR(0) + FOUR(2)) + (FOUR(1) + FOUR(3));
}

/* mean of v and 1 / sqrt(var(v) + epsilon) */
static inline void FN(mean_and_scale)(ptrdiff_t n, const REAL *v, REAL *mean, REAL *scale)
{
    REAL part[SUM_LANES] = {0}, squares[SUM_LANES] = {0}, m;
    ptrdiff_t i = 0;
    for (; i + SUM_LANES <= n; i += SUM_LANES)
        NO_UNROLL   /* else GCC 12 unrolls k and vectorises over i, by shuffles: the backward pass takes a quarter longer */
        for (int k = 0; k < SUM_LANES; k++)
            part[k] += v[i + k];
    for (; i < n; i++)
        part[i % SUM_LANES] += v[i];
    m = FN(sum_lanes)(part) / (REAL)n;
    for (i = 0; i + SUM_LANES <= n; i += SUM_LANES)
        NO_UNROLL   /* else GCC 12 unrolls k and vectorises over i, by shuffles: the backward pass takes a quarter longer */
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
        NO_UNROLL   /* else GCC 12 unrolls k and vectorises over i, by shuffles: the backward pass takes a quarter longer */
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
