/* The elementwise bodies of the cells: what one time step does to a row after the matrix product.

   Included once per dtype and instruction set by simd_level.h. Every pointer is a restrict parameter of a function of
   one row, without which GCC gives up vectorising (measured: 21 ns per unit against 2 ns). */

/* ---- lstm (Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000) ----

       i = sigmoid(a_i)    f = sigmoid(a_f)    g = tanh(a_g)    o = sigmoid(a_o)       a = W x + R h_prev + b
       c = f c_prev + i g                      h = o tanh(c) */

static inline void FN(lstm_forward_row)(
    ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: W x + R h_prev, OUT: i f g o */
    const REAL *restrict b,         /* (4H,) IN */
    const REAL *restrict c_prev,    /* (H,) IN */
    REAL *restrict c,               /* (H,) OUT */
    REAL *restrict h)               /* (H,) OUT */
{
    for (ptrdiff_t j = 0; j < H; j++) {
        REAL i = FN(vsigmoid)(a[j] + b[j]);
        REAL f = FN(vsigmoid)(a[H + j] + b[H + j]);
        REAL g = FN(vtanh)(a[2 * H + j] + b[2 * H + j]);
        REAL o = FN(vsigmoid)(a[3 * H + j] + b[3 * H + j]);
        REAL c_t = f * c_prev[j] + i * g;
        a[j] = i;
        a[H + j] = f;
        a[2 * H + j] = g;
        a[3 * H + j] = o;
        c[j] = c_t;
        h[j] = o * FN(vtanh)(c_t);
    }
}

static void FN(lstm_forward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    for (ptrdiff_t r = 0; r < step->rows; r++)
        FN(lstm_forward_row)(H, (REAL *)step->a + r * 4 * H, step->bias, (const REAL *)step->c_prev + r * step->ld_c_prev,
                             (REAL *)step->c + r * H, (REAL *)step->h + r * step->ld_h);
}

/* With dh and dc what the later steps ask for:

       do = dh tanh(c)     dc' = dc + dh o (1 - tanh(c)^2)     di = dc' g     df = dc' c_prev     dg = dc' i
       dz = (di i (1 - i),  df f (1 - f),  dg (1 - g^2),  do o (1 - o))                        dc_prev = dc' f */

static inline void FN(lstm_backward_row)(
    ptrdiff_t H,
    REAL *restrict a,               /* (4H,) IN: i f g o, OUT: dz */
    const REAL *restrict c_prev,    /* (H,) IN */
    const REAL *restrict c,         /* (H,) IN */
    const REAL *restrict dy,        /* (H,) IN: dL/dh of this step from above, a row of zeros where there is none */
    const REAL *restrict dh,        /* (H,) IN: dL/dh of this step from the next one */
    REAL *restrict dc)              /* (H,) IN/OUT: dL/dc of this step, then of the previous one */
{
    for (ptrdiff_t j = 0; j < H; j++) {
        REAL i = a[j], f = a[H + j], g = a[2 * H + j], o = a[3 * H + j];
        REAL tc = FN(vtanh)(c[j]), dh_j = dh[j] + dy[j];
        REAL dc_j = dc[j] + dh_j * o * (1 - tc * tc);
        a[j] = dc_j * g * i * (1 - i);
        a[H + j] = dc_j * c_prev[j] * f * (1 - f);
        a[2 * H + j] = dc_j * i * (1 - g * g);
        a[3 * H + j] = dh_j * tc * o * (1 - o);
        dc[j] = dc_j * f;
    }
}

static void FN(lstm_backward)(const cell_step *step)
{
    ptrdiff_t H = step->hidden;
    for (ptrdiff_t r = 0; r < step->rows; r++)
        FN(lstm_backward_row)(H, (REAL *)step->a + r * 4 * H, (const REAL *)step->c_prev + r * step->ld_c_prev,
                              (const REAL *)step->c + r * H, (const REAL *)step->dy + r * step->ld_dy,
                              (const REAL *)step->dh + r * H, (REAL *)step->dc + r * H);
}
