/* What the C side offers to the Cython modules: one table of loops per instruction set, chosen when the package is imported.

   Dtypes are told apart by the index of a two-element array, [0] float and [1] double, and pass as void pointers: one
   struct and one table serve both, and the Cython callers stay free of twins. */
#ifndef SKLSTM_SIMD_H
#define SKLSTM_SIMD_H

#include <stddef.h>

#if defined(_MSC_VER) && !defined(__clang__)
#define restrict __restrict
#endif

/* One time step of one cell, over the active rows of a packed batch. Pointers are row-major; `ld_` is a row stride in
   elements. A stride of 0 repeats one row (the initial state). The driver owns every buffer. */
typedef struct {
    ptrdiff_t rows, hidden;
    void *a;                /* (rows, G H) forward IN: W x + R h_prev, OUT: gates; backward IN: gates, OUT: dz */
    const void *bias;       /* (G H,) forward IN */
    const void *extra;      /* IN: further parameters of the cell (peepholes), NULL where it has none */
    void *d_extra;          /* backward IN/OUT: their gradient, added to */
    const void *h_prev;     /* (rows, H) IN, row stride ld_h_prev */
    ptrdiff_t ld_h_prev;
    const void *c_prev;     /* (rows, H) IN, row stride ld_c_prev */
    ptrdiff_t ld_c_prev;
    void *c;                /* (rows, H) forward OUT, backward IN */
    void *h;                /* (rows, H) forward OUT, row stride ld_h */
    ptrdiff_t ld_h;
    const void *dy;         /* (rows, H) backward IN: dL/dh from the layer above, row stride ld_dy */
    ptrdiff_t ld_dy;
    void *dh;               /* (rows, H) backward IN: dL/dh from the next step; OUT: the part of dL/dh_prev that does not
                               pass through R (0 for the LSTM, which leaves it unwritten: the driver's product overwrites) */
    void *dc;               /* (rows, H) backward IN: dL/dc from the next step, OUT: dL/dc_prev */
} cell_step;

typedef void (*cell_function)(const cell_step *);

typedef struct {
    const char *name;
    int n_gates;            /* G: blocks of H columns in W, R and b */
    int n_states;           /* 2: h and c; 1: h alone */
    cell_function forward[2], backward[2];
} cell_entry;

typedef struct { double learning_rate, grad_scale, momentum; int nesterov; } sgd_rates;
typedef struct {
    double learning_rate, grad_scale, beta_1, beta_2, epsilon;
    double correction_1, correction_2;      /* 1 - beta_1^t, 1 - beta_2^t */
} adam_rates;

enum { N_CELLS = 1 };

typedef struct {
    const char *level;      /* "baseline", "avx2" or "avx512" */
    cell_entry cells[N_CELLS];
    /* Matrix products on packed operands (gemm_impl.h); NULL in levels that leave them to BLAS. */
    ptrdiff_t (*packed_size[2])(ptrdiff_t K, ptrdiff_t N);
    void (*pack[2])(int transpose, ptrdiff_t K, ptrdiff_t N, const void *B, ptrdiff_t ldb, void *packed);
    void (*multiply[2])(ptrdiff_t M, ptrdiff_t N, ptrdiff_t K, const void *A, ptrdiff_t row_stride, ptrdiff_t column_stride,
                        const void *packed, ptrdiff_t packed_rows, ptrdiff_t first_row, void *C, ptrdiff_t ldc, int add);
    /* Elementwise loops (vecmath_impl.h, vectors_impl.h). */
    void (*tanh_array[2])(ptrdiff_t n, const void *x, void *y);
    void (*sigmoid_array[2])(ptrdiff_t n, const void *x, void *y);
    void (*add_row_sums[2])(ptrdiff_t rows, ptrdiff_t n, const void *x, void *out);
    double (*sum_of_squares[2])(ptrdiff_t n, const void *x);
    void (*sgd_step[2])(ptrdiff_t n, void *theta, const void *grad, void *velocity, const sgd_rates *);
    void (*adam_step[2])(ptrdiff_t n, void *theta, const void *grad, void *m, void *v, const adam_rates *);
} simd_table;

/* The best table that this CPU runs; with a name, that one, or NULL where the CPU or the build lacks it. */
const simd_table *simd_choose(const char *level);

#endif
