/* The elementwise bodies of the cells: what one time step does to a row around the matrix products.

   Included by simd_level.h once per dtype, instruction set and activation of the candidate and the state, which come as
   AFN() (a name for this combination), ACT(x) and DACT(y), the derivative at the point whose activation is y. Every pointer is
   a restrict parameter of a function of one row, without which GCC gives up vectorising (measured: 21 ns per unit
   against 2 ns).

   Everywhere: a_. = W x + R h_prev as the cell's products in the table (simd_level.h) say; dh the gradient of h_t from the next
   step, dy from above; dz the gradient of a_. */

#define ROWS(step) for (ptrdiff_t r = 0; r < (step)->rows; r++)
#define AT(step, field, ld) ((REAL *)(step)->field + r * (ld))

/* row(first, n, H, ...) over all H units: a cache line at a time, and what is left in halves. The compiler knows each n, and so makes
   of each a vector or a few and nothing else; a loop over H would end in up to 15 units one by one. */
#define LINE ((ptrdiff_t)(64 / sizeof(REAL)))
#define BY_VECTORS(H, row, ...) do { \
    ptrdiff_t first = 0; \
    for (; first + LINE <= (H); first += LINE) \
        row(first, LINE, H, __VA_ARGS__); \
    if (first + LINE / 2 <= (H)) { \
        row(first, LINE / 2, H, __VA_ARGS__); \
        first += LINE / 2; \
    } \
    if (first + LINE / 4 <= (H)) { \
        row(first, LINE / 4, H, __VA_ARGS__); \
        first += LINE / 4; \
    } \
    for (; first < (H); first++) \
        row(first, 1, H, __VA_ARGS__); \
} while (0)
/* The same for every row. What is one line wide, or half, as a narrow layer and a group of units in fused_impl.h are, has all its
   addresses known: without it, finding them takes as long as the rest. */
#define EACH_ROW(step, row, ...) do { \
    if (H == LINE) \
        ROWS(step) row(0, LINE, LINE, __VA_ARGS__); \
    else if (H == LINE / 2) \
        ROWS(step) row(0, LINE / 2, LINE / 2, __VA_ARGS__); \
    else \
        ROWS(step) BY_VECTORS(H, row, __VA_ARGS__); \
} while (0)
#define CELL_ROW static inline __attribute__((always_inline))

/* ---- lstm (Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000) ----

       i = sigmoid(a_i + b_i)    f = sigmoid(a_f + b_f)    g = act(a_g + b_g)    o = sigmoid(a_o + b_o)
       c = f c_prev + i g        h = o act(c) */

CELL_ROW void AFN(lstm_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: a_i a_f a_g a_o, OUT: i f g o */
    const REAL *restrict b,         /* (4H,) IN */
    const REAL *restrict c_prev,    /* (H,) IN */
    REAL *restrict c,               /* (H,) OUT */
    REAL *restrict h)               /* (H,) OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL i = FN(vsigmoid)(a[j] + b[j]);
        REAL f = FN(vsigmoid)(a[H + j] + b[H + j]);
        REAL g = ACT(a[2 * H + j] + b[2 * H + j]);
        REAL o = FN(vsigmoid)(a[3 * H + j] + b[3 * H + j]);
        REAL c_t = FN(multiply_add)(f, c_prev[j], i * g);
        a[j] = i;
        a[H + j] = f;
        a[2 * H + j] = g;
        a[3 * H + j] = o;
        c[j] = c_t;
        h[j] = o * ACT(c_t);
    }
}

static void AFN(lstm_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(lstm_forward_row), AT(step, a, step->ld_a), step->bias, AT(step, c_prev, step->ld_c_prev), AT(step, c, step->ld_c),
                              AT(step, h, step->ld_h));
}

/*     do = dh act(c)     dc' = dc + dh o act'(c)      di = dc' g     df = dc' c_prev     dg = dc' i
       dz = (di i (1 - i),  df f (1 - f),  dg act'(g),  do o (1 - o))                       dc_prev = dc' f */

CELL_ROW void AFN(lstm_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: i f g o, OUT: dz */
    const REAL *restrict c_prev,    /* (H,) IN */
    const REAL *restrict c,         /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN: a row of zeros where there is none */
    const REAL *restrict dh,        /* (H,) IN */
    REAL *restrict dc)              /* (H,) IN/OUT: dL/dc of this step, then of the previous one */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL i = a[j], f = a[H + j], g = a[2 * H + j], o = a[3 * H + j];
        REAL tc = ACT(c[j]), dh_j = dh[j] + dy[j];
        REAL dc_j = dc[j] + dh_j * o * DACT(tc);
        a[j] = dc_j * g * i * (1 - i);
        a[H + j] = dc_j * c_prev[j] * f * (1 - f);
        a[2 * H + j] = dc_j * i * DACT(g);
        a[3 * H + j] = dh_j * tc * o * (1 - o);
        dc[j] = dc_j * f;
    }
}

static void AFN(lstm_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(lstm_backward_row), AT(step, a, step->ld_a), AT(step, c_prev, step->ld_c_prev), AT(step, c, step->ld_c), AT(step, dy, step->ld_dy),
                               AT(step, dh, H), AT(step, dc, H));
}

/* ---- peephole (Gers and Schmidhuber 2000): as lstm, but the gates see the cell state ----

       i = sigmoid(a_i + b_i + p_i c_prev)    f = sigmoid(a_f + b_f + p_f c_prev)    o = sigmoid(a_o + b_o + p_o c) */

CELL_ROW void AFN(peephole_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: a_i a_f a_g a_o, OUT: i f g o */
    const REAL *restrict b,         /* (4H,) IN */
    const REAL *restrict p,         /* (3H,) IN: p_i p_f p_o */
    const REAL *restrict c_prev,    /* (H,) IN */
    REAL *restrict c,               /* (H,) OUT */
    REAL *restrict h)               /* (H,) OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL i = FN(vsigmoid)(a[j] + b[j] + p[j] * c_prev[j]);
        REAL f = FN(vsigmoid)(a[H + j] + b[H + j] + p[H + j] * c_prev[j]);
        REAL g = ACT(a[2 * H + j] + b[2 * H + j]);
        REAL c_t = FN(multiply_add)(f, c_prev[j], i * g);
        REAL o = FN(vsigmoid)(a[3 * H + j] + b[3 * H + j] + p[2 * H + j] * c_t);
        a[j] = i;
        a[H + j] = f;
        a[2 * H + j] = g;
        a[3 * H + j] = o;
        c[j] = c_t;
        h[j] = o * ACT(c_t);
    }
}

static void AFN(peephole_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(peephole_forward_row), AT(step, a, step->ld_a), step->bias, step->extra, AT(step, c_prev, step->ld_c_prev),
                                  AT(step, c, step->ld_c), AT(step, h, step->ld_h));
}

/*     dz_o = dh act(c) o (1 - o)     dc' = dc + dh o act'(c) + dz_o p_o     dc_prev = dc' f + dz_i p_i + dz_f p_f
       dp_i += dz_i c_prev            dp_f += dz_f c_prev                    dp_o += dz_o c */

CELL_ROW void AFN(peephole_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: i f g o, OUT: dz */
    const REAL *restrict p,         /* (3H,) IN */
    REAL *restrict dp,              /* (3H,) IN/OUT */
    const REAL *restrict c_prev,    /* (H,) IN */
    const REAL *restrict c,         /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN */
    const REAL *restrict dh,        /* (H,) IN */
    REAL *restrict dc)              /* (H,) IN/OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL i = a[j], f = a[H + j], g = a[2 * H + j], o = a[3 * H + j];
        REAL tc = ACT(c[j]), dh_j = dh[j] + dy[j];
        REAL dz_o = dh_j * tc * o * (1 - o);
        REAL dc_j = dc[j] + dh_j * o * DACT(tc) + dz_o * p[2 * H + j];
        REAL dz_i = dc_j * g * i * (1 - i), dz_f = dc_j * c_prev[j] * f * (1 - f);
        a[j] = dz_i;
        a[H + j] = dz_f;
        a[2 * H + j] = dc_j * i * DACT(g);
        a[3 * H + j] = dz_o;
        dp[j] += dz_i * c_prev[j];
        dp[H + j] += dz_f * c_prev[j];
        dp[2 * H + j] += dz_o * c[j];
        dc[j] = dc_j * f + dz_i * p[j] + dz_f * p[H + j];
    }
}

static void AFN(peephole_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(peephole_backward_row), AT(step, a, step->ld_a), step->extra, step->d_extra, AT(step, c_prev, step->ld_c_prev),
                                   AT(step, c, step->ld_c), AT(step, dy, step->ld_dy), AT(step, dh, H), AT(step, dc, H));
}

/* ---- coupled (Greff et al. 2017): as lstm, with one gate that both forgets and admits ----

       f = sigmoid(a_f + b_f)    i = 1 - f    g = act(a_g + b_g)    o = sigmoid(a_o + b_o)
       c = f c_prev + (1 - f) g               h = o act(c) */

CELL_ROW void AFN(coupled_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (3H,) IN: a_f a_g a_o, OUT: f g o */
    const REAL *restrict b,         /* (3H,) IN */
    const REAL *restrict c_prev,    /* (H,) IN */
    REAL *restrict c,               /* (H,) OUT */
    REAL *restrict h)               /* (H,) OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL f = FN(vsigmoid)(a[j] + b[j]);
        REAL g = ACT(a[H + j] + b[H + j]);
        REAL o = FN(vsigmoid)(a[2 * H + j] + b[2 * H + j]);
        REAL c_t = FN(multiply_add)(f, c_prev[j], (1 - f) * g);
        a[j] = f;
        a[H + j] = g;
        a[2 * H + j] = o;
        c[j] = c_t;
        h[j] = o * ACT(c_t);
    }
}

static void AFN(coupled_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(coupled_forward_row), AT(step, a, step->ld_a), step->bias, AT(step, c_prev, step->ld_c_prev), AT(step, c, step->ld_c),
                                 AT(step, h, step->ld_h));
}

/*     df = dc' (c_prev - g)     dg = dc' (1 - f), otherwise as lstm */

CELL_ROW void AFN(coupled_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (3H,) IN: f g o, OUT: dz */
    const REAL *restrict c_prev,    /* (H,) IN */
    const REAL *restrict c,         /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN */
    const REAL *restrict dh,        /* (H,) IN */
    REAL *restrict dc)              /* (H,) IN/OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL f = a[j], g = a[H + j], o = a[2 * H + j];
        REAL tc = ACT(c[j]), dh_j = dh[j] + dy[j];
        REAL dc_j = dc[j] + dh_j * o * DACT(tc);
        a[j] = dc_j * (c_prev[j] - g) * f * (1 - f);
        a[H + j] = dc_j * (1 - f) * DACT(g);
        a[2 * H + j] = dh_j * tc * o * (1 - o);
        dc[j] = dc_j * f;
    }
}

static void AFN(coupled_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(coupled_backward_row), AT(step, a, step->ld_a), AT(step, c_prev, step->ld_c_prev), AT(step, c, step->ld_c),
                                  AT(step, dy, step->ld_dy), AT(step, dh, H), AT(step, dc, H));
}

/* ---- layernorm (Ba, Kiros and Hinton 2016, equations 20 to 22): lstm with layer normalisation ----

       N(v) = (v - mean(v)) / sqrt(var(v) + epsilon), over all of v
       pre = gain_x N(W x) + gain_h N(R h_prev) + b      i f g o from pre as in lstm (b holds the sum of the paper's biases)
       c = f c_prev + i g                                h = o act(gain_c N(c) + bias_c)

   What is kept are W x and R h_prev as they are; the backward pass normalises again. */

static inline void AFN(layernorm_gates)(
    ptrdiff_t n, const REAL *restrict a,    /* (2n,) IN: W x, R h_prev */
    const REAL *restrict b, const REAL *restrict gains,     /* (n,), (2n,) IN */
    REAL mean_x, REAL scale_x, REAL mean_h, REAL scale_h,
    REAL *restrict pre)                     /* (n,) OUT */
{
    for (ptrdiff_t j = 0; j < n; j++)
        pre[j] = gains[j] * ((a[j] - mean_x) * scale_x) + gains[n + j] * ((a[n + j] - mean_h) * scale_h) + b[j];
    ptrdiff_t H = n / 4;
    for (ptrdiff_t j = 0; j < H; j++) {
        pre[j] = FN(vsigmoid)(pre[j]);
        pre[H + j] = FN(vsigmoid)(pre[H + j]);
        pre[2 * H + j] = ACT(pre[2 * H + j]);
        pre[3 * H + j] = FN(vsigmoid)(pre[3 * H + j]);
    }
}

static inline void AFN(layernorm_forward_row)(
    ptrdiff_t H,
    const REAL *restrict a,         /* (8H,) IN: W x, R h_prev */
    const REAL *restrict b,         /* (4H,) IN */
    const REAL *restrict norm,      /* (10H,) IN: gain_x (4H) gain_h (4H) gain_c bias_c */
    const REAL *restrict c_prev,    /* (H,) IN */
    REAL *restrict c,               /* (H,) OUT */
    REAL *restrict h,               /* (H,) OUT */
    REAL *restrict gates)           /* (4H,) scratch */
{
    REAL mean_x, scale_x, mean_h, scale_h, mean_c, scale_c;
    FN(mean_and_scale)(4 * H, a, &mean_x, &scale_x);
    FN(mean_and_scale)(4 * H, a + 4 * H, &mean_h, &scale_h);
    AFN(layernorm_gates)(4 * H, a, b, norm, mean_x, scale_x, mean_h, scale_h, gates);
    for (ptrdiff_t j = 0; j < H; j++)
        c[j] = gates[H + j] * c_prev[j] + gates[j] * gates[2 * H + j];
    FN(mean_and_scale)(H, c, &mean_c, &scale_c);
    for (ptrdiff_t j = 0; j < H; j++)
        h[j] = gates[3 * H + j] * ACT(norm[8 * H + j] * ((c[j] - mean_c) * scale_c) + norm[9 * H + j]);
}

static void AFN(layernorm_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    ROWS(step)
        AFN(layernorm_forward_row)(H, AT(step, a, step->ld_a), step->bias, step->extra, AT(step, c_prev, step->ld_c_prev),
                                   AT(step, c, step->ld_c), AT(step, h, step->ld_h), step->scratch);
}

/*     For u = gain N(v) + bias and du:   dgain += du N(v)    e = du gain
       dv = scale (e - mean(e) - N(v) mean(e N(v)))                           and otherwise as lstm */

static inline void AFN(layernorm_backward_row)(
    ptrdiff_t H,
    REAL *restrict a,               /* (8H,) IN: W x, R h_prev, OUT: their gradients */
    const REAL *restrict b,         /* (4H,) IN */
    REAL *restrict db,              /* (4H,) IN/OUT */
    const REAL *restrict norm,      /* (10H,) IN */
    REAL *restrict dnorm,           /* (10H,) IN/OUT */
    const REAL *restrict c_prev,    /* (H,) IN */
    const REAL *restrict c,         /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN */
    const REAL *restrict dh,        /* (H,) IN */
    REAL *restrict dc,              /* (H,) IN/OUT */
    REAL *restrict gates,           /* (4H,) scratch */
    REAL *restrict e)               /* (4H,) scratch */
{
    REAL mean_x, scale_x, mean_h, scale_h, mean_c, scale_c, m1, m2;
    ptrdiff_t n = 4 * H;
    FN(mean_and_scale)(n, a, &mean_x, &scale_x);
    FN(mean_and_scale)(n, a + n, &mean_h, &scale_h);
    FN(mean_and_scale)(H, c, &mean_c, &scale_c);
    AFN(layernorm_gates)(n, a, b, norm, mean_x, scale_x, mean_h, scale_h, gates);
    /* Through h = o act(u), u = gain_c N(c) + bias_c: e := du gain_c; o's place takes dz_o. */
    for (ptrdiff_t j = 0; j < H; j++) {
        REAL c_hat = (c[j] - mean_c) * scale_c, o = gates[3 * H + j], dh_j = dh[j] + dy[j];
        REAL tc = ACT(norm[8 * H + j] * c_hat + norm[9 * H + j]);
        REAL du = dh_j * o * DACT(tc);
        dnorm[8 * H + j] += du * c_hat;
        dnorm[9 * H + j] += du;
        e[j] = du * norm[8 * H + j];
        gates[3 * H + j] = dh_j * tc * o * (1 - o);
    }
    FN(moments_with)(H, e, c, mean_c, scale_c, &m1, &m2);
    for (ptrdiff_t j = 0; j < H; j++) {
        REAL i = gates[j], f = gates[H + j], g = gates[2 * H + j];
        REAL dc_j = dc[j] + scale_c * (e[j] - m1 - (c[j] - mean_c) * scale_c * m2);
        gates[j] = dc_j * g * i * (1 - i);
        gates[H + j] = dc_j * c_prev[j] * f * (1 - f);
        gates[2 * H + j] = dc_j * i * DACT(g);
        dc[j] = dc_j * f;
    }
    /* Now gates holds dL/dpre. */
    for (ptrdiff_t j = 0; j < n; j++) {
        db[j] += gates[j];
        dnorm[j] += gates[j] * ((a[j] - mean_x) * scale_x);
        dnorm[n + j] += gates[j] * ((a[n + j] - mean_h) * scale_h);
    }
    for (ptrdiff_t j = 0; j < n; j++)
        e[j] = gates[j] * norm[j];
    FN(moments_with)(n, e, a, mean_x, scale_x, &m1, &m2);
    for (ptrdiff_t j = 0; j < n; j++)
        a[j] = scale_x * (e[j] - m1 - (a[j] - mean_x) * scale_x * m2);
    for (ptrdiff_t j = 0; j < n; j++)
        e[j] = gates[j] * norm[n + j];
    FN(moments_with)(n, e, a + n, mean_h, scale_h, &m1, &m2);
    for (ptrdiff_t j = 0; j < n; j++)
        a[n + j] = scale_h * (e[j] - m1 - (a[n + j] - mean_h) * scale_h * m2);
}

static void AFN(layernorm_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    ROWS(step)
        AFN(layernorm_backward_row)(H, AT(step, a, step->ld_a), step->bias, step->d_bias, step->extra, step->d_extra,
                                    AT(step, c_prev, step->ld_c_prev), AT(step, c, step->ld_c), AT(step, dy, step->ld_dy), AT(step, dh, H),
                                    AT(step, dc, H), step->scratch, (REAL *)step->scratch + 4 * H);
}

/* ---- gru: the reset gate is applied after the recurrent product, as in PyTorch and cuDNN ----

       r = sigmoid(a_r + b_r)    z = sigmoid(a_z + b_z)    m = R_n h_prev + b_m
       n = act(W_n x + b_n + r m)                          h = (1 - z) n + z h_prev */

CELL_ROW void AFN(gru_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: a_r a_z, W_n x, R_n h_prev, OUT: r z n m */
    const REAL *restrict b,         /* (4H,) IN: b_r b_z b_n b_m */
    const REAL *restrict h_prev,    /* (H,) IN */
    REAL *restrict h)               /* (H,) OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL r = FN(vsigmoid)(a[j] + b[j]);
        REAL z = FN(vsigmoid)(a[H + j] + b[H + j]);
        REAL m = a[3 * H + j] + b[3 * H + j];
        REAL n = ACT(a[2 * H + j] + b[2 * H + j] + r * m);
        a[j] = r;
        a[H + j] = z;
        a[2 * H + j] = n;
        a[3 * H + j] = m;
        h[j] = n + z * (h_prev[j] - n);
    }
}

static void AFN(gru_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(gru_forward_row), AT(step, a, step->ld_a), step->bias, AT(step, h_prev, step->ld_h_prev), AT(step, h, step->ld_h));
}

/*     dz_z = dh (h_prev - n) z (1 - z)    dz_n = dh (1 - z) act'(n)    dz_m = dz_n r    dz_r = dz_n m r (1 - r)
       dh_prev = dh z, and what comes back through R */

CELL_ROW void AFN(gru_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: r z n m, OUT: dz */
    const REAL *restrict h_prev,    /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN */
    REAL *restrict dh)              /* (H,) IN/OUT: dL/dh of this step, then its direct part in that of the previous one */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL r = a[j], z = a[H + j], n = a[2 * H + j], m = a[3 * H + j], dh_j = dh[j] + dy[j];
        REAL dz_n = dh_j * (1 - z) * DACT(n);
        a[j] = dz_n * m * r * (1 - r);
        a[H + j] = dh_j * (h_prev[j] - n) * z * (1 - z);
        a[2 * H + j] = dz_n;
        a[3 * H + j] = dz_n * r;
        dh[j] = dh_j * z;
    }
}

static void AFN(gru_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(gru_backward_row), AT(step, a, step->ld_a), AT(step, h_prev, step->ld_h_prev), AT(step, dy, step->ld_dy), AT(step, dh, H));
}

/* ---- gru_reset_before (Cho et al. 2014): the reset gate is applied before the recurrent product ----

       first stage     r = sigmoid(a_r + b_r)    z = sigmoid(a_z + b_z)    s = r h_prev
       second stage    n = act(W_n x + R_n s + b_n)                        h = (1 - z) n + z h_prev */

CELL_ROW void AFN(reset_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: a_r a_z . . OUT: r z . s */
    const REAL *restrict b,         /* (3H,) IN */
    const REAL *restrict h_prev)    /* (H,) IN */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL r = FN(vsigmoid)(a[j] + b[j]);
        a[j] = r;
        a[H + j] = FN(vsigmoid)(a[H + j] + b[H + j]);
        a[3 * H + j] = r * h_prev[j];
    }
}

static void AFN(reset_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(reset_forward_row), AT(step, a, step->ld_a), step->bias, AT(step, h_prev, step->ld_h_prev));
}

CELL_ROW void AFN(candidate_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: . z a_n . OUT: . z n . */
    const REAL *restrict b,         /* (3H,) IN */
    const REAL *restrict h_prev,    /* (H,) IN */
    REAL *restrict h)               /* (H,) OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL n = ACT(a[2 * H + j] + b[2 * H + j]);
        a[2 * H + j] = n;
        h[j] = n + a[H + j] * (h_prev[j] - n);
    }
}

static void AFN(candidate_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(candidate_forward_row), AT(step, a, step->ld_a), step->bias, AT(step, h_prev, step->ld_h_prev), AT(step, h, step->ld_h));
}

/*     second stage    dz_n = dh (1 - z) act'(n)     dz_z = dh (h_prev - n) z (1 - z)     dh_prev = dh z
       then            ds = dz_n R_n'
       first stage     dz_r = ds h_prev r (1 - r)    dh_prev += ds r, and what comes back through R_r and R_z */

CELL_ROW void AFN(candidate_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: r z n s, OUT: r dz_z dz_n s */
    const REAL *restrict h_prev,    /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN */
    REAL *restrict dh)              /* (H,) IN/OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL z = a[H + j], n = a[2 * H + j], dh_j = dh[j] + dy[j];
        a[H + j] = dh_j * (h_prev[j] - n) * z * (1 - z);
        a[2 * H + j] = dh_j * (1 - z) * DACT(n);
        dh[j] = dh_j * z;
    }
}

static void AFN(candidate_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(candidate_backward_row), AT(step, a, step->ld_a), AT(step, h_prev, step->ld_h_prev), AT(step, dy, step->ld_dy), AT(step, dh, H));
}

CELL_ROW void AFN(reset_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: r . . . OUT: dz_r . . . */
    const REAL *restrict h_prev,    /* (H,) IN */
    const REAL *restrict ds,        /* (H,) IN */
    REAL *restrict dh)              /* (H,) IN/OUT */
{
    IVDEP
    for (ptrdiff_t j = first; j < first + n; j++) {
        REAL r = a[j];
        a[j] = ds[j] * h_prev[j] * r * (1 - r);
        dh[j] += ds[j] * r;
    }
}

static void AFN(reset_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(reset_backward_row), AT(step, a, step->ld_a), AT(step, h_prev, step->ld_h_prev), AT(step, d_source, H), AT(step, dh, H));
}

/* ---- rnn (Elman 1990): h = act(a + b) ---- */

CELL_ROW void AFN(rnn_forward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    const REAL *restrict a,         /* (H,) IN */
    const REAL *restrict b,         /* (H,) IN */
    REAL *restrict h)               /* (H,) OUT */
{
    for (ptrdiff_t j = first; j < first + n; j++)
        h[j] = ACT(a[j] + b[j]);
}

static void AFN(rnn_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(rnn_forward_row), AT(step, a, step->ld_a), step->bias, AT(step, h, step->ld_h));
}

/*     dz = dh act'(h) */

CELL_ROW void AFN(rnn_backward_row)(
    ptrdiff_t first, ptrdiff_t n, ptrdiff_t H,
    REAL *restrict a,               /* (H,) OUT: dz */
    const REAL *restrict h,         /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN */
    const REAL *restrict dh)        /* (H,) IN */
{
    for (ptrdiff_t j = first; j < first + n; j++)
        a[j] = (dh[j] + dy[j]) * DACT(h[j]);
}

static void AFN(rnn_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    EACH_ROW(step, AFN(rnn_backward_row), AT(step, a, step->ld_a), AT(step, h, step->ld_h), AT(step, dy, step->ld_dy), AT(step, dh, H));
}

#undef ROWS
#undef AT
#undef LINE
#undef BY_VECTORS
#undef EACH_ROW
#undef CELL_ROW
