/* The elementwise part of attention over the steps of a source. Included once per dtype and instruction set by dtype_impl.h. */

/* x := softmax of each row, (rows, n) without gaps; a row with a NaN becomes NaN. */
static void FN(softmax_rows)(ptrdiff_t rows, ptrdiff_t n, void *x_)
{
    REAL *restrict x = x_;          /* (rows, n) IN/OUT */
    for (ptrdiff_t r = 0; r < rows; r++, x += n) {
        REAL top = x[0], part[SUM_LANES] = {0}, factor;
        ptrdiff_t j;
        for (j = 1; j < n; j++)
            top = x[j] > top ? x[j] : top;
        for (j = 0; j < n; j++) {
            REAL s, p = FN(expm1_core)(FN(clamp)(x[j] - top, EXP_CLAMP), &s);
            x[j] = s * p + s;
        }
        for (j = 0; j + SUM_LANES <= n; j += SUM_LANES)
            NO_UNROLL
            for (int k = 0; k < SUM_LANES; k++)
                part[k] += x[j + k];
        for (; j < n; j++)
            part[j % SUM_LANES] += x[j];
        factor = 1 / FN(sum_lanes)(part);
        for (j = 0; j < n; j++)
            x[j] *= factor;
    }
}

/* d := weights (d - sum of weights d over the row): the gradient of what the softmax was taken of */
static void FN(softmax_backward)(ptrdiff_t rows, ptrdiff_t n, const void *weights_, void *d_)
{
    const REAL *restrict weights = weights_;    /* (rows, n) IN */
    REAL *restrict d = d_;                      /* (rows, n) IN/OUT */
    for (ptrdiff_t r = 0; r < rows; r++, weights += n, d += n) {
        REAL part[SUM_LANES] = {0}, mean;
        ptrdiff_t j;
        for (j = 0; j + SUM_LANES <= n; j += SUM_LANES)
            NO_UNROLL
            for (int k = 0; k < SUM_LANES; k++)
                part[k] += weights[j + k] * d[j + k];
        for (; j < n; j++)
            part[j % SUM_LANES] += weights[j] * d[j];
        mean = FN(sum_lanes)(part);
        for (j = 0; j < n; j++)
            d[j] = weights[j] * (d[j] - mean);
    }
}

/* e_s := v tanh(p + Q_s) for each of n rows of Q */
static void FN(additive_logits)(ptrdiff_t n, ptrdiff_t M, const void *p_, const void *Q_, const void *v_, void *e_)
{
    const REAL *restrict p = p_;    /* (M,) IN */
    const REAL *restrict Q = Q_;    /* (n, M) IN */
    const REAL *restrict v = v_;    /* (M,) IN */
    REAL *restrict e = e_;          /* (n,) OUT */
    for (ptrdiff_t s = 0; s < n; s++, Q += M) {
        REAL part[SUM_LANES] = {0};
        ptrdiff_t j = 0;
        for (; j + SUM_LANES <= M; j += SUM_LANES)
            NO_UNROLL
            for (int k = 0; k < SUM_LANES; k++)
                part[k] += v[j + k] * FN(vtanh)(p[j + k] + Q[j + k]);
        for (; j < M; j++)
            part[j % SUM_LANES] += v[j] * FN(vtanh)(p[j] + Q[j]);
        e[s] = FN(sum_lanes)(part);
    }
}

/* The way back: with u = tanh(p + Q_s) and g = de_s v (1 - u^2), dQ_s += g, dp += sum of g, dv += sum of de_s u */
static void FN(additive_backward)(ptrdiff_t n, ptrdiff_t M, const void *p_, const void *Q_, const void *v_, const void *de_, void *dp_,
                                  void *dQ_, void *dv_)
{
    const REAL *restrict p = p_, *restrict Q = Q_, *restrict v = v_;
    const REAL *restrict de = de_;  /* (n,) IN */
    REAL *restrict dp = dp_;        /* (M,) IN/OUT, as the following */
    REAL *restrict dQ = dQ_;        /* (n, M) */
    REAL *restrict dv = dv_;        /* (M,) */
    for (ptrdiff_t s = 0; s < n; s++, Q += M, dQ += M)
        for (ptrdiff_t j = 0; j < M; j++) {
            REAL u = FN(vtanh)(p[j] + Q[j]), g = de[s] * v[j] * (1 - u * u);
            dQ[j] += g;
            dp[j] += g;
            dv[j] += de[s] * u;
        }
}
