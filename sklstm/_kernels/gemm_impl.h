/* Matrix products against a packed right-hand side: the recurrence multiplies by the same weights at every step.

   Included once per dtype by those levels that define VECTOR_BYTES, TILE_ROWS and TILE_VECTORS.

   op(B) (K, N) is packed into panels of TILE_VECTORS vectors of columns, the last one as narrow as it may be, each K
   rows deep and padded with zeros. A tile of TILE_ROWS x TILE_VECTORS accumulators then runs over one panel and reads A
   element by element, through two strides: A as it lies (row stride lda, column stride 1) or its transpose.

   Why not BLAS for these: it packs B again at every call (figures in _product.pxd). A row's result does not depend on the other
   rows, nor on which tile it falls into: every element is one chain of multiply-adds in the order of k. */

typedef REAL FN(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL FN(half_unaligned) __attribute__((vector_size(VECTOR_BYTES / 2), aligned(sizeof(REAL)), may_alias));
typedef REAL FN(vector_unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
#define VEC FN(vector)
#define VEC_U FN(vector_unaligned)
#define LANES ((ptrdiff_t)(VECTOR_BYTES / sizeof(REAL)))
#define PANEL (TILE_VECTORS * LANES)

/* Columns of the panel that begins at column n of N: a full panel, or the vectors that the rest needs. */
static inline ptrdiff_t FN(panel_width)(ptrdiff_t N, ptrdiff_t n)
{
    ptrdiff_t left = (N - n + LANES - 1) / LANES * LANES;
    return left < PANEL ? left : PANEL;
}

static ptrdiff_t FN(packed_size)(ptrdiff_t K, ptrdiff_t N) { return K * ((N + LANES - 1) / LANES * LANES); }

/* out (rows, columns) := B', 4 each or fewer; 0 from column n_real on */
static inline void FN(transpose)(
    ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t n_real, const REAL *B, ptrdiff_t ldb, REAL *out, ptrdiff_t ld)
{
#ifdef HAS_SHUFFLES
    if (rows == 4 && n_real >= 4) {
        typedef REAL four __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
        four r0 = *(const four *)B, r1 = *(const four *)(B + ldb), r2 = *(const four *)(B + 2 * ldb), r3 = *(const four *)(B + 3 * ldb);
        four low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
        four low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
        *(four *)out = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
        *(four *)(out + ld) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
        *(four *)(out + 2 * ld) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
        *(four *)(out + 3 * ld) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
        return;
    }
#endif
    for (ptrdiff_t j = 0; j < columns; j++)
        for (ptrdiff_t k = 0; k < rows; k++)
            out[k * ld + j] = j < n_real ? B[j * ldb + k] : 0;
}

static void FN(pack)(
    int transpose, ptrdiff_t K, ptrdiff_t N,
    const void *B_, ptrdiff_t ldb,      /* (K, N) IN, or (N, K) if transpose; row stride ldb */
    void *packed_)                      /* (packed_size,) OUT, aligned to VECTOR_BYTES */
{
    const REAL *B = B_;
    REAL *out = packed_;
    for (ptrdiff_t n = 0; n < N; n += PANEL) {
        ptrdiff_t width = FN(panel_width)(N, n), real_columns = N - n < width ? N - n : width;
        if (transpose) {
            /* A line of the cache of each row of B at a time, so that what it is written to stays in the first level. */
            const ptrdiff_t line = 64 / sizeof(REAL);
            for (ptrdiff_t begin = 0; begin < K; begin += line)
                for (ptrdiff_t j = 0; j < width; j += 4)
                    for (ptrdiff_t k = begin; k < K && k < begin + line; k += 4)
                        FN(transpose)(K - k < 4 ? K - k : 4, width - j < 4 ? width - j : 4, real_columns - j,
                                      B + (n + j) * ldb + k, ldb, out + k * width + j, width);
        } else
            for (ptrdiff_t k = 0; k < K; k++) {
                memcpy(out + k * width, B + k * ldb + n, real_columns * sizeof(REAL));
                for (ptrdiff_t j = real_columns; j < width; j++)
                    out[k * width + j] = 0;
            }
        out += K * width;
    }
}

/* c := row, or += if add, for columns that do not fill a tile: by vectors, half vectors, and one by one. */
static inline void FN(store_columns)(ptrdiff_t columns, const REAL *restrict row, REAL *restrict c, int add)
{
    ptrdiff_t j = 0;
    for (; j + LANES <= columns; j += LANES)
        for (ptrdiff_t lane = 0; lane < LANES; lane++)
            c[j + lane] = add ? c[j + lane] + row[j + lane] : row[j + lane];
    if (j + LANES / 2 <= columns) {
        for (ptrdiff_t lane = 0; lane < LANES / 2; lane++)
            c[j + lane] = add ? c[j + lane] + row[j + lane] : row[j + lane];
        j += LANES / 2;
    }
    for (; j < columns; j++)
        c[j] = add ? c[j] + row[j] : row[j];
}

/* C (M, columns) := A B, or += if add, for one tile; M and V are constants wherever this is inlined. */
static ALWAYS_INLINE void FN(tile)(
    const int M, const int V, ptrdiff_t K,
    const REAL *A, ptrdiff_t row_stride, ptrdiff_t column_stride,
    const REAL *B,                      /* (K, V LANES) IN: panel */
    REAL *C, ptrdiff_t ldc, ptrdiff_t columns, int add)
{
    VEC sum[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < M; r++)
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            sum[r][v] = (VEC){0};
    for (ptrdiff_t k = 0; k < K; k++) {
        VEC b[TILE_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < V; v++)
            b[v] = *(const VEC *)(B + (k * V + v) * LANES);
#pragma GCC unroll 16
        for (int r = 0; r < M; r++) {
            REAL a = A[r * row_stride + k * column_stride];
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                sum[r][v] += a * b[v];
        }
    }
    if (columns == V * LANES) {
#pragma GCC unroll 16
        for (int r = 0; r < M; r++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++) {
                VEC_U *c = (VEC_U *)(C + r * ldc + v * LANES);
                if (add)
                    *c += sum[r][v];
                else
                    *c = sum[r][v];
            }
    } else if (V == 1 && columns == LANES / 2) {
#pragma GCC unroll 16
        for (int r = 0; r < M; r++) {
            FN(half_unaligned) low, *c = (FN(half_unaligned) *)(C + r * ldc);
            memcpy(&low, &sum[r][0], sizeof low);
            if (add)
                *c += low;
            else
                *c = low;
        }
    } else {
        REAL row[TILE_VECTORS * (VECTOR_BYTES / sizeof(REAL))] = {0};
#pragma GCC unroll 16
        for (int r = 0; r < M; r++) {
            memcpy(row, sum[r], V * VECTOR_BYTES);
            FN(store_columns)(columns, row, C + r * ldc, add);
        }
    }
}

#define TILE_CASE(M) \
    case M: \
        if (V == TILE_VECTORS) FN(tile)(M, TILE_VECTORS, K, A, row_stride, column_stride, B, C, ldc, columns, add); \
        else FN(tile)(M, 1, K, A, row_stride, column_stride, B, C, ldc, columns, add); \
        break;

/* The tile of m <= TILE_ROWS rows and one or TILE_VECTORS vectors. */
static void FN(any_tile)(
    ptrdiff_t m, ptrdiff_t V, ptrdiff_t K, const REAL *A, ptrdiff_t row_stride, ptrdiff_t column_stride,
    const REAL *B, REAL *C, ptrdiff_t ldc, ptrdiff_t columns, int add)
{
    switch (m) {
        TILE_CASE(1) TILE_CASE(2) TILE_CASE(3) TILE_CASE(4) TILE_CASE(5) TILE_CASE(6)
#if TILE_ROWS > 6
        TILE_CASE(7) TILE_CASE(8) TILE_CASE(9) TILE_CASE(10) TILE_CASE(11) TILE_CASE(12)
#endif
    }
}

/* Where A is read through columns that lie so many bytes apart or more, a tile's rows of it are copied first: else they fall into a
   few sets of the first-level cache, which do not hold them from one panel to the next. `FAR_K` bounds the copy, and `FAR_BYTES` of
   panels share one. */
enum { FN(FAR_STRIDE) = 1024, FN(FAR_K) = (1 << 15) / (TILE_ROWS * sizeof(REAL)), FN(FAR_BYTES) = 1 << 18 };

/* The same as `multiply` for such an A: panels in blocks that stay in the second-level cache, for each a tile of rows after the other. */
static void FN(multiply_far)(
    ptrdiff_t M, ptrdiff_t N, ptrdiff_t K, const REAL *A, ptrdiff_t row_stride, ptrdiff_t column_stride, const REAL *packed,
    ptrdiff_t packed_rows, ptrdiff_t packed_columns, ptrdiff_t first_row, REAL *C, ptrdiff_t ldc, int add)
{
    REAL rows[TILE_ROWS * FN(FAR_K)];
    ptrdiff_t tiles = (M + TILE_ROWS - 1) / TILE_ROWS, block = FN(FAR_BYTES) / (K * (ptrdiff_t)sizeof(REAL)) / PANEL * PANEL;
    if (block < PANEL)
        block = PANEL;
    for (ptrdiff_t begin = 0; begin < N; begin += block) {
        for (ptrdiff_t tile = 0, m = 0, next; tile < tiles; tile++, m = next) {
            next = (tile + 1) * M / tiles;
            for (ptrdiff_t k = 0; k < K; k++)
                for (ptrdiff_t r = 0; r < next - m; r++)
                    rows[k * TILE_ROWS + r] = A[(m + r) * row_stride + k * column_stride];
            for (ptrdiff_t n = begin; n < N && n < begin + block; n += PANEL) {
                ptrdiff_t width = FN(panel_width)(packed_columns, n), columns = N - n < width ? N - n : width;
                FN(any_tile)(next - m, width / LANES, K, rows, 1, TILE_ROWS, packed + packed_rows * n + first_row * width,
                             C + m * ldc + n, ldc, columns, add);
            }
        }
    }
}

/* C := A op(B) or, with add, C += A op(B). Rows are dealt evenly to the tiles: 13 rows are 7 and 6, not 12 and 1. */
static void FN(multiply)(
    ptrdiff_t M, ptrdiff_t N, ptrdiff_t K,
    const void *A_, ptrdiff_t row_stride, ptrdiff_t column_stride,      /* (M, K) IN through its strides */
    const void *packed,                 /* IN: from `pack`, whose K and N are packed_rows and packed_columns */
    ptrdiff_t packed_rows, ptrdiff_t packed_columns,
    ptrdiff_t first_row,                /* op(B): rows first_row .. first_row + K - 1, and the first N columns */
    void *C_, ptrdiff_t ldc,            /* (M, N) OUT, IN/OUT if add */
    int add)
{
    const REAL *A = A_, *panel = packed;
    REAL *C = C_;
    ptrdiff_t tiles = (M + TILE_ROWS - 1) / TILE_ROWS;
    if (column_stride * (ptrdiff_t)sizeof(REAL) >= FN(FAR_STRIDE) && K <= FN(FAR_K) && N > PANEL) {
        FN(multiply_far)(M, N, K, A, row_stride, column_stride, panel, packed_rows, packed_columns, first_row, C, ldc, add);
        return;
    }
    for (ptrdiff_t n = 0; n < N; n += PANEL) {
        ptrdiff_t width = FN(panel_width)(packed_columns, n), columns = N - n < width ? N - n : width;
        for (ptrdiff_t tile = 0, m = 0, next; tile < tiles; tile++, m = next) {
            next = (tile + 1) * M / tiles;
            FN(any_tile)(next - m, width / LANES, K, A + m * row_stride, row_stride, column_stride, panel + first_row * width,
                         C + m * ldc + n, ldc, columns, add);
        }
        panel += packed_rows * width;
    }
}
