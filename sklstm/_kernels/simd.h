/* What the C side offers to the Cython modules: one table of loops per instruction set, chosen when the package is imported.

   Dtypes are told apart by the index of a two-element array, [0] float and [1] double, and pass as void pointers: one
   struct and one table serve both, and the Cython callers stay free of twins. */
#ifndef SKLSTM_SIMD_H
#define SKLSTM_SIMD_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is said to GCC and Clang alone. IVDEP stands before a loop whose iterations do not depend on each other although its
   pointers may be equal, NO_UNROLL before one whose body is to stay as it is. */
#if defined(__GNUC__)
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline))
#define NO_UNROLL _Pragma("GCC unroll 1")
#if defined(__clang__)
#define IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define IVDEP _Pragma("GCC ivdep")
#endif
#else
#if defined(_MSC_VER)
#define ALWAYS_INLINE __forceinline
#define NEVER_INLINE __declspec(noinline)
#else
#define ALWAYS_INLINE inline
#define NEVER_INLINE
#endif
#define NO_UNROLL
#define IVDEP
#endif

/* Vectors as a language extension, on which the packed products stand. The switch -DSKLSTM_NO_VECTORS makes of GCC and Clang
   compilers without it: one set of loops, in plain C, and products by BLAS. */
#if defined(__GNUC__) && !defined(SKLSTM_NO_VECTORS)
#define HAS_VECTORS
#if defined(__clang__) || __GNUC__ >= 12
#define HAS_SHUFFLES    /* __builtin_shufflevector */
#endif
#endif

/* Added to the variance by layer normalisation; PyTorch's and Keras' order of magnitude. */
#define LAYERNORM_EPSILON 1e-5

/* One stage of one time step of one cell, over active rows of a packed batch. Pointers are row-major; `ld_` is a row stride
   in elements. A stride of 0 repeats one row (the initial state). The driver owns every buffer. */
typedef struct {
    ptrdiff_t rows, hidden;
    ptrdiff_t first, last;  /* units first .. last - 1 are to be computed, from a multiple of a cache line on; all with `whole_rows` */
    void *a;                /* (rows, n_blocks H) forward IN: products, OUT: gates; backward IN: gates, OUT: dz; row stride ld_a */
    ptrdiff_t ld_a;
    const void *bias;       /* (n_bias H,) IN */
    void *d_bias;           /* backward IN/OUT, by the cells that do not leave it to the driver */
    const void *extra;      /* (n_extra H,) IN: further parameters of the cell (peepholes, gains) */
    void *d_extra;          /* backward IN/OUT: their gradient, added to */
    const void *h_prev;     /* (rows, H) IN, row stride ld_h_prev */
    ptrdiff_t ld_h_prev;
    const void *c_prev;     /* (rows, H) IN, row stride ld_c_prev */
    ptrdiff_t ld_c_prev;
    void *c;                /* (rows, H) forward OUT, backward IN, row stride ld_c */
    ptrdiff_t ld_c;
    void *h;                /* (rows, H) forward OUT, backward IN, row stride ld_h */
    ptrdiff_t ld_h;
    const void *dy;         /* (rows, H) backward IN: dL/dh from the layer above, row stride ld_dy */
    ptrdiff_t ld_dy;
    void *dh;               /* (rows, H) backward IN: dL/dh from the next step; OUT, where the entry says `direct`: the part of
                               dL/dh_prev that does not pass through R. Others leave it: the driver's product overwrites it */
    void *dc;               /* (rows, H) backward IN: dL/dc from the next step, OUT: dL/dc_prev */
    const void *d_source;   /* (rows, H) backward IN: gradient of the block that the later stage's product reads */
    void *scratch;          /* (8 H,) */
} cell_step;

typedef void (*cell_function)(const cell_step *);

enum { N_ACTIVATIONS = 2, MAX_STAGES = 2, MAX_PRODUCTS = 2 };

/* a[target .. target + n) := source R[first .. first + n), or += if add; all counted in blocks of H columns */
typedef struct {
    int stage;              /* runs before forward[stage], and in the backward pass after backward[stage] */
    int source;             /* block of a; FROM_H is h_prev */
    int first, n, target, add;
} recurrent_product;

enum { FROM_H = -1 };

typedef struct {
    const char *name;
    int n_blocks;           /* of H columns in a row of a */
    int n_input;            /* blocks of W: x W fills the first n_input blocks of a */
    int n_recurrent;        /* blocks of R */
    int n_bias;             /* blocks of b */
    int sums_bias;          /* db is the sum over rows of the first n_bias blocks of dz; else the cell adds to d_bias */
    int n_extra;            /* blocks of further parameters */
    int n_states;           /* 2: h and c; 1: h alone */
    int direct;             /* backward leaves a part of dL/dh_prev in dh, to which the products are added */
    int whole_rows;         /* whether its units need each other, not through the products alone */
    int fused;              /* whether they do not, and there is one stage: fused_impl.h */
    int n_stages, n_products;
    recurrent_product products[MAX_PRODUCTS];
    cell_function forward[MAX_STAGES][N_ACTIVATIONS][2], backward[MAX_STAGES][N_ACTIVATIONS][2];
} cell_entry;

/* One time step of a cell from products to state, block of units by block of units (fused_impl.h). What has the word "packed"
   is from `pack_interleaved`; vectors of parameters are in the same order. The state is padded: `units` is H rounded up. */
typedef struct {
    const cell_entry *cell;
    ptrdiff_t D, H, units;
    const void *W;                      /* (D, n_input H) packed */
    const void *R[MAX_PRODUCTS];        /* for each product the blocks of R that it reads, packed */
    const void *bias, *extra;           /* (n_bias units,), (n_extra units,) interleaved */
    int activation;
} fused_layer;

typedef struct {
    ptrdiff_t rows;
    ptrdiff_t first, last;  /* units that are computed: from a multiple of those of a panel on */
    const void *x;          /* (rows, D) IN, row stride ld_x; NULL: z holds x W */
    ptrdiff_t ld_x;
    const void *h_prev;     /* (rows, units) IN */
    const void *c_prev;     /* (rows, units) IN */
    void *h;                /* (rows, units) OUT: not h_prev */
    void *c;                /* (rows, units) OUT: not c_prev */
    void *z;                /* (rows, n_blocks units) IN/OUT where x is NULL, else scratch of `fused_scratch` elements: for FEW_ROWS
                               or fewer rows one for all units, for more one for each thread, of MOST_TILE_BYTES where there are several */
} fused_rows;

/* Up to so many rows are computed for several groups of units at once; and what a tile of more has of z at any level. */
enum { FEW_ROWS = 3, MOST_TILE_BYTES = 4096 };

enum { MAX_OPTIMIZER_STATES = 2, MAX_OPTIMIZER_RATES = 4 };

/* One step of an optimiser on a vector of n weights. */
typedef struct {
    ptrdiff_t n;
    void *theta;                                /* (n,) IN/OUT */
    const void *grad;                           /* (n,) IN, to be multiplied by grad_scale */
    void *states[MAX_OPTIMIZER_STATES];         /* (n,) IN/OUT each, in the order of the entry */
    double learning_rate, grad_scale;
    double rates[MAX_OPTIMIZER_RATES];          /* in the order of the entry */
} optimizer_step;

typedef struct {
    const char *name;
    const char *states[MAX_OPTIMIZER_STATES + 1], *rates[MAX_OPTIMIZER_RATES + 1];     /* names, up to a NULL */
    void (*step[2])(const optimizer_step *);
} optimizer_entry;

typedef struct {
    const char *level;      /* "baseline", "avx2" or "avx512" */
    const cell_entry *cells;                    /* up to one without a name (cells_impl.h) */
    const optimizer_entry *optimizers;          /* up to one without a name (optim_impl.h) */
    /* Matrix products on packed operands (gemm_impl.h); NULL in a build without vectors. */
    ptrdiff_t (*packed_size[2])(ptrdiff_t K, ptrdiff_t N);
    void (*pack[2])(int transpose, ptrdiff_t K, ptrdiff_t N, const void *B, ptrdiff_t ldb, void *packed);
    void (*multiply[2])(ptrdiff_t M, ptrdiff_t N, ptrdiff_t K, const void *A, ptrdiff_t row_stride, ptrdiff_t column_stride,
                        const void *packed, ptrdiff_t packed_rows, ptrdiff_t packed_columns, ptrdiff_t first_row, void *C, ptrdiff_t ldc,
                        int add);
    /* Fused steps (fused_impl.h); NULL in a build without vectors. */
    ptrdiff_t (*padded_units[2])(ptrdiff_t H);
    ptrdiff_t (*fused_scratch[2])(const fused_layer *);
    void (*interleave[2])(int n_blocks, ptrdiff_t K, int n, ptrdiff_t H, const void *B, ptrdiff_t ldb, void *out);
    void (*fused_input[2])(const fused_layer *, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t last, const void *x, ptrdiff_t ld_x, void *z);
    void (*fused_step[2])(const fused_layer *, const fused_rows *);
    /* Elementwise loops and sums (vecmath_impl.h, sums_impl.h). */
    void (*tanh_array[2])(ptrdiff_t n, const void *x, void *y);
    void (*add_row_sums[2])(ptrdiff_t rows, ptrdiff_t n, const void *x, ptrdiff_t ld, void *out);
    double (*sum_of_squares[2])(ptrdiff_t n, const void *x);
    void (*add_differences[2])(ptrdiff_t n, ptrdiff_t width, const void *x, const double *origin, void *low, void *high, double *sums);
    void (*add_squared_differences[2])(ptrdiff_t n, ptrdiff_t width, const void *x, const double *origin, double *sums);
    /* Running maximum over the steps of a chunk, the first of which is number `first`; argmax (n_sequences, F), the step that has it,
       may be NULL (pooling_impl.h). */
    void (*enlarge[2])(const ptrdiff_t *starts, ptrdiff_t n_steps, ptrdiff_t F, ptrdiff_t first, const void *y, void *out, ptrdiff_t ld,
                       ptrdiff_t *argmax);
    /* Weights of the steps of a source, and their gradients (attention_impl.h). */
    void (*softmax_rows[2])(ptrdiff_t rows, ptrdiff_t n, void *x);
    void (*softmax_backward[2])(ptrdiff_t rows, ptrdiff_t n, const void *weights, void *d);
    void (*additive_logits[2])(ptrdiff_t n, ptrdiff_t M, const void *p, const void *Q, const void *v, void *e);
    void (*additive_backward[2])(ptrdiff_t n, ptrdiff_t M, const void *p, const void *Q, const void *v, const void *de, void *dp,
                                 void *dQ, void *dv);
} simd_table;

/* The best table that this CPU runs; with a name, that one, or NULL where the CPU or the build lacks it. */
const simd_table *simd_choose(const char *level);

#endif
