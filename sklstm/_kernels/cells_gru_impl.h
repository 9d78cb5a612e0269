/* The GRU, with its reset gate after or before the recurrent product.
   Included by cells_impl.h, which says how. */

/* Their entries in the table of cells; simd.h says what each field means. */
#define GRU_CELLS \
    {   /* r and z add up, the candidate's two products stay apart */ \
        .name = "gru", .fused = 1, .n_blocks = 4, .n_input = 3, .n_recurrent = 3, .n_bias = 4, .sums_bias = 1, .n_states = 1, \
        .direct = 1, .n_stages = 1, .n_products = 2, \
        .products = {{ .source = FROM_H, .n = 2, .add = 1 }, { .source = FROM_H, .first = 2, .n = 1, .target = 3 }}, \
        .forward = { EACH(gru_forward) }, .backward = { EACH(gru_backward) }, \
    }, {   /* the second stage's product reads block 3, r h_prev */ \
        .name = "gru_reset_before", .n_blocks = 4, .n_input = 3, .n_recurrent = 3, .n_bias = 3, .sums_bias = 1, .n_states = 1, \
        .direct = 1, .n_stages = 2, .n_products = 2, \
        .products = {{ .source = FROM_H, .n = 2, .add = 1 }, { .stage = 1, .source = 3, .first = 2, .n = 1, .target = 2, .add = 1 }}, \
        .forward = { EACH(reset_forward), EACH(candidate_forward) }, .backward = { EACH(reset_backward), EACH(candidate_backward) }, \
    },

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

CELL_FUNCTION(gru_forward, AT(a, step->ld_a), step->bias, AT(h_prev, step->ld_h_prev), AT(h, step->ld_h))

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

CELL_FUNCTION(gru_backward, AT(a, step->ld_a), AT(h_prev, step->ld_h_prev), AT(dy, step->ld_dy), AT(dh, H))

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

CELL_FUNCTION(reset_forward, AT(a, step->ld_a), step->bias, AT(h_prev, step->ld_h_prev))

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

CELL_FUNCTION(candidate_forward, AT(a, step->ld_a), step->bias, AT(h_prev, step->ld_h_prev), AT(h, step->ld_h))

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

CELL_FUNCTION(candidate_backward, AT(a, step->ld_a), AT(h_prev, step->ld_h_prev), AT(dy, step->ld_dy), AT(dh, H))

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

CELL_FUNCTION(reset_backward, AT(a, step->ld_a), AT(h_prev, step->ld_h_prev), AT(d_source, H), AT(dh, H))
