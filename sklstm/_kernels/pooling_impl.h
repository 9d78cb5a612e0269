/* The running maximum of max pooling. Included once per dtype and instruction set by dtype_impl.h. */

/* out := max(out, y) one by one, and argmax := step where that is y and larger, or NaN: which then stays, as nothing is larger.
   Without a branch, so that GCC vectorises it. */
static inline void FN(enlarge_row)(ptrdiff_t n, const REAL *restrict y, REAL *restrict out, ptrdiff_t *restrict argmax, ptrdiff_t step)
{
    if (argmax == NULL) {
        for (ptrdiff_t j = 0; j < n; j++)
            out[j] = (y[j] > out[j]) | (y[j] != y[j]) ? y[j] : out[j];
        return;
    }
    for (ptrdiff_t j = 0; j < n; j++) {
        int larger = (y[j] > out[j]) | (y[j] != y[j]);
        out[j] = larger ? y[j] : out[j];
        argmax[j] = larger ? step : argmax[j];
    }
}

static void FN(enlarge)(const ptrdiff_t *starts, ptrdiff_t n_steps, ptrdiff_t F, ptrdiff_t first, const void *y_, void *out_,
                        ptrdiff_t ld, ptrdiff_t *argmax)
{
    const REAL *y = y_;             /* (starts[n_steps], F) IN */
    REAL *out = out_;               /* (n_sequences, F) IN/OUT, row stride ld */
    for (ptrdiff_t t = 0; t < n_steps; t++) {
        ptrdiff_t rows = starts[t + 1] - starts[t], n = F;
        const REAL *y_t = y + starts[t] * F;
        if (ld == F) {              /* rows without gaps are one */
            n = rows * F;
            rows = 1;
        }
        for (ptrdiff_t r = 0; r < rows; r++)
            FN(enlarge_row)(n, y_t + r * F, out + r * ld, argmax == NULL ? NULL : argmax + r * F, first + t);
    }
}
