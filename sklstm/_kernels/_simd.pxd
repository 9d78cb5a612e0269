"""The C side's declarations for the other Cython modules; simd.h says what each means."""


cdef extern from "simd.h" nogil:
    double _LAYERNORM_EPSILON "LAYERNORM_EPSILON"

    enum:
        FROM_H
        MAX_PRODUCTS

    ctypedef struct cell_step:
        Py_ssize_t rows, hidden, first, last, ld_a, ld_h_prev, ld_c_prev, ld_c, ld_h, ld_dy
        void *a
        const void *bias
        void *d_bias
        const void *extra
        void *d_extra
        const void *h_prev
        const void *c_prev
        void *c
        void *h
        const void *dy
        void *dh
        void *dc
        const void *d_source
        void *scratch

    ctypedef void (*cell_function)(const cell_step *) noexcept nogil

    ctypedef struct recurrent_product:
        int stage, source, first, n, target, add

    ctypedef struct cell_entry:
        const char *name
        int n_blocks, n_input, n_recurrent, n_bias, sums_bias, n_extra, n_states, direct, whole_rows, fused, n_stages, n_products
        recurrent_product products[2]
        cell_function forward[2][2][2]      # [stage][activation][dtype]
        cell_function backward[2][2][2]

    ctypedef struct fused_layer:
        const cell_entry *cell
        Py_ssize_t D, H, units
        const void *W
        const void *R[2]
        const void *bias
        const void *extra
        int activation

    ctypedef struct fused_rows:
        Py_ssize_t rows, first, last, ld_x
        const void *x
        const void *h_prev
        const void *c_prev
        void *h
        void *c
        void *z

    enum: FEW_ROWS, MOST_TILE_BYTES

    ctypedef struct optimizer_step:
        Py_ssize_t n
        void *theta
        const void *grad
        void **states       # arrays, in C as part of the struct; so are rates
        double learning_rate, grad_scale
        double *rates

    ctypedef struct optimizer_entry:
        const char *name
        const char **states
        const char **rates
        void (*step[2])(const optimizer_step *) noexcept nogil

    ctypedef struct simd_table:
        const char *level
        const cell_entry *cells
        const optimizer_entry *optimizers
        Py_ssize_t (*packed_size[2])(Py_ssize_t K, Py_ssize_t N) noexcept nogil
        void (*pack[2])(
            int transpose, Py_ssize_t K, Py_ssize_t N, const void *B, Py_ssize_t ldb, void *packed) noexcept nogil
        void (*multiply[2])(
            Py_ssize_t M, Py_ssize_t N, Py_ssize_t K, const void *A, Py_ssize_t row_stride, Py_ssize_t column_stride,
            const void *packed, Py_ssize_t packed_rows, Py_ssize_t packed_columns, Py_ssize_t first_row, void *C, Py_ssize_t ldc,
            int add) noexcept nogil
        Py_ssize_t (*padded_units[2])(Py_ssize_t H) noexcept nogil
        Py_ssize_t (*fused_scratch[2])(const fused_layer *) noexcept nogil
        void (*interleave[2])(int n_blocks, Py_ssize_t K, int n, Py_ssize_t H, const void *B, Py_ssize_t ldb, void *out) noexcept nogil
        void (*fused_input[2])(
            const fused_layer *, Py_ssize_t rows, Py_ssize_t first, Py_ssize_t last, const void *x, Py_ssize_t ld_x, void *z) noexcept nogil
        void (*fused_step[2])(const fused_layer *, const fused_rows *) noexcept nogil
        void (*tanh_array[2])(Py_ssize_t n, const void *x, void *y) noexcept nogil
        void (*add_row_sums[2])(Py_ssize_t rows, Py_ssize_t n, const void *x, Py_ssize_t ld, void *out) noexcept nogil
        double (*sum_of_squares[2])(Py_ssize_t n, const void *x) noexcept nogil
        void (*add_differences[2])(
            Py_ssize_t n, Py_ssize_t width, const void *x, const double *origin, void *low, void *high, double *sums) noexcept nogil
        void (*add_squared_differences[2])(
            Py_ssize_t n, Py_ssize_t width, const void *x, const double *origin, double *sums) noexcept nogil
        void (*enlarge[2])(
            const Py_ssize_t *starts, Py_ssize_t n_steps, Py_ssize_t F, Py_ssize_t first, const void *y, void *out, Py_ssize_t ld,
            Py_ssize_t *argmax) noexcept nogil
        void (*softmax_rows[2])(Py_ssize_t rows, Py_ssize_t n, void *x) noexcept nogil
        void (*softmax_backward[2])(Py_ssize_t rows, Py_ssize_t n, const void *weights, void *d) noexcept nogil
        void (*additive_logits[2])(
            Py_ssize_t n, Py_ssize_t M, const void *p, const void *Q, const void *v, void *e) noexcept nogil
        void (*additive_backward[2])(
            Py_ssize_t n, Py_ssize_t M, const void *p, const void *Q, const void *v, const void *de, void *dp, void *dQ,
            void *dv) noexcept nogil

    const simd_table *simd_choose(const char *level)


cdef const simd_table *simd() noexcept nogil
