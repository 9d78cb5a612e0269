/* The simple recurrent network.
   Included by cells_impl.h, which says how. */

/* Their entries in the table of cells; simd.h says what each field means. */
#define RNN_CELLS \
    { \
        .name = "rnn", .fused = 1, .n_blocks = 1, .n_input = 1, .n_recurrent = 1, .n_bias = 1, .sums_bias = 1, .n_states = 1, \
        .n_stages = 1, .n_products = 1, .products = {{ .source = FROM_H, .n = 1, .add = 1 }}, \
        .forward = { EACH(rnn_forward) }, .backward = { EACH(rnn_backward) }, \
    },

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

CELL_FUNCTION(rnn_forward, AT(a, step->ld_a), step->bias, AT(h, step->ld_h))

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

CELL_FUNCTION(rnn_backward, AT(a, step->ld_a), AT(h, step->ld_h), AT(dy, step->ld_dy), AT(dh, H))
