/* The LSTM with layer normalisation.
   Included by cells_impl.h, which says how. */

/* Their entries in the table of cells; simd.h says what each field means. */
#define LAYERNORM_CELLS \
    { \
        .name = "layernorm", .whole_rows = 1, .n_blocks = 8, .n_input = 4, .n_recurrent = 4, .n_bias = 4, .n_extra = 10, \
        .n_states = 2, .n_stages = 1, .n_products = 1, .products = {{ .source = FROM_H, .n = 4, .target = 4 }}, \
        .forward = { EACH(layernorm_forward) }, .backward = { EACH(layernorm_backward) }, \
    },

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
    ROWS
        AFN(layernorm_forward_row)(H, AT(a, step->ld_a), step->bias, step->extra, AT(c_prev, step->ld_c_prev),
                                   AT(c, step->ld_c), AT(h, step->ld_h), step->scratch);
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
    ROWS
        AFN(layernorm_backward_row)(H, AT(a, step->ld_a), step->bias, step->d_bias, step->extra, step->d_extra,
                                    AT(c_prev, step->ld_c_prev), AT(c, step->ld_c), AT(dy, step->ld_dy), AT(dh, H),
                                    AT(dc, H), step->scratch, (REAL *)step->scratch + 4 * H);
}
