/* Loops over flat vectors and rows: optimiser updates, the gradient norm, bias gradients.

   Included once per dtype and instruction set by simd_level.h. */

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

/* v = momentum v - lr g,  theta += nesterov ? momentum v - lr g : v       (Sutskever et al. 2013) */
static void FN(sgd_step)(ptrdiff_t n, void *theta_, const void *grad_, void *velocity_, const sgd_rates *rates)
{
    REAL *restrict theta = theta_;          /* (n,) IN/OUT */
    const REAL *restrict grad = grad_;      /* (n,) IN */
    REAL *restrict velocity = velocity_;    /* (n,) IN/OUT */
    REAL scale = (REAL)(-rates->learning_rate * rates->grad_scale), momentum = (REAL)rates->momentum;
    if (rates->nesterov)
        for (ptrdiff_t i = 0; i < n; i++) {
            REAL step = scale * grad[i], v = momentum * velocity[i] + step;
            velocity[i] = v;
            theta[i] += momentum * v + step;
        }
    else
        for (ptrdiff_t i = 0; i < n; i++) {
            REAL v = momentum * velocity[i] + scale * grad[i];
            velocity[i] = v;
            theta[i] += v;
        }
}

/* m = beta_1 m + (1 - beta_1) g,  v = beta_2 v + (1 - beta_2) g^2,
   theta -= lr / (1 - beta_1^t)  m / (sqrt(v / (1 - beta_2^t)) + epsilon)          (Kingma and Ba 2015, algorithm 1) */
static void FN(adam_step)(ptrdiff_t n, void *theta_, const void *grad_, void *m_, void *v_, const adam_rates *rates)
{
    REAL *restrict theta = theta_;          /* (n,) IN/OUT */
    const REAL *restrict grad = grad_;      /* (n,) IN */
    REAL *restrict m = m_;                  /* (n,) IN/OUT */
    REAL *restrict v = v_;                  /* (n,) IN/OUT */
    REAL scale = (REAL)rates->grad_scale, beta_1 = (REAL)rates->beta_1, beta_2 = (REAL)rates->beta_2;
    REAL rest_1 = (REAL)(1 - rates->beta_1), rest_2 = (REAL)(1 - rates->beta_2), epsilon = (REAL)rates->epsilon;
    REAL rate = (REAL)(rates->learning_rate / rates->correction_1);
    REAL root = (REAL)(1 / sqrt(rates->correction_2));
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL g = scale * grad[i];
        REAL m_i = beta_1 * m[i] + rest_1 * g;
        REAL v_i = beta_2 * v[i] + rest_2 * g * g;
        m[i] = m_i;
        v[i] = v_i;
        theta[i] -= rate * m_i / (SQRT(v_i) * root + epsilon);
    }
}

/* v = rho v + (1 - rho) g^2,  theta -= lr g / (sqrt(v) + epsilon)                      (Tieleman and Hinton 2012) */
static void FN(rmsprop_step)(ptrdiff_t n, void *theta_, const void *grad_, void *v_, const rmsprop_rates *rates)
{
    REAL *restrict theta = theta_;          /* (n,) IN/OUT */
    const REAL *restrict grad = grad_;      /* (n,) IN */
    REAL *restrict v = v_;                  /* (n,) IN/OUT */
    REAL scale = (REAL)rates->grad_scale, rate = (REAL)rates->learning_rate;
    REAL rho = (REAL)rates->rho, rest = (REAL)(1 - rates->rho), epsilon = (REAL)rates->epsilon;
    for (ptrdiff_t i = 0; i < n; i++) {
        REAL g = scale * grad[i];
        REAL v_i = rho * v[i] + rest * g * g;
        v[i] = v_i;
        theta[i] -= rate * g / (SQRT(v_i) + epsilon);
    }
}
