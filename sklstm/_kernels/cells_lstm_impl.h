/* The LSTM, with peepholes, and with coupled gates.
   Included by cells_impl.h, which says how. */

/* Their entries in the table of cells; simd.h says what each field means. */
#define LSTM_CELLS \
    { \
        .name = "lstm", .fused = 1, .n_blocks = 4, .n_input = 4, .n_recurrent = 4, .n_bias = 4, .sums_bias = 1, .n_states = 2, \
        .n_stages = 1, .n_products = 1, .products = {{ .source = FROM_H, .n = 4, .add = 1 }}, \
        .forward = { EACH(lstm_forward) }, .backward = { EACH(lstm_backward) }, \
    }, { \
        .name = "peephole", .fused = 1, .n_blocks = 4, .n_input = 4, .n_recurrent = 4, .n_bias = 4, .sums_bias = 1, .n_extra = 3, \
        .n_states = 2, .n_stages = 1, .n_products = 1, .products = {{ .source = FROM_H, .n = 4, .add = 1 }}, \
        .forward = { EACH(peephole_forward) }, .backward = { EACH(peephole_backward) }, \
    }, { \
        .name = "coupled", .fused = 1, .n_blocks = 3, .n_input = 3, .n_recurrent = 3, .n_bias = 3, .sums_bias = 1, .n_states = 2, \
        .n_stages = 1, .n_products = 1, .products = {{ .source = FROM_H, .n = 3, .add = 1 }}, \
        .forward = { EACH(coupled_forward) }, .backward = { EACH(coupled_backward) }, \
    },

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

/* Where a loop that begins anywhere takes 3 % more instructions. */
CELL_FUNCTION_OF_ALL(
    lstm_forward, AT(a, step->ld_a), step->bias, AT(c_prev, step->ld_c_prev), AT(c, step->ld_c), AT(h, step->ld_h))

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

CELL_FUNCTION(lstm_backward, AT(a, step->ld_a), AT(c_prev, step->ld_c_prev), AT(c, step->ld_c), AT(dy, step->ld_dy),
              AT(dh, H), AT(dc, H))

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

CELL_FUNCTION(peephole_forward, AT(a, step->ld_a), step->bias, step->extra, AT(c_prev, step->ld_c_prev), AT(c, step->ld_c),
              AT(h, step->ld_h))

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

CELL_FUNCTION(peephole_backward, AT(a, step->ld_a), step->extra, step->d_extra, AT(c_prev, step->ld_c_prev),
              AT(c, step->ld_c), AT(dy, step->ld_dy), AT(dh, H), AT(dc, H))

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

CELL_FUNCTION(coupled_forward, AT(a, step->ld_a), step->bias, AT(c_prev, step->ld_c_prev), AT(c, step->ld_c), AT(h, step->ld_h))

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

CELL_FUNCTION(coupled_backward, AT(a, step->ld_a), AT(c_prev, step->ld_c_prev), AT(c, step->ld_c), AT(dy, step->ld_dy),
              AT(dh, H), AT(dc, H))
