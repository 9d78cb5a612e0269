/* A time step in one go: products and elementwise body of the same units while they are in the first-level cache.

   Included once per dtype by the levels with tiles, after gemm_impl.h. Columns are taken in groups of units, the blocks (gates)
   of a group side by side: for a group of one vector and an LSTM i f g o, a vector each. A group is packed into panels as
   gemm_impl.h has them, group after group. So for some rows the tiles leave all gates of the group in z, the cell's body runs on
   them as on a cell of so many units, and only h and c are stored. Where the units are no multiple of a group they are padded:
   with columns of zeros, padded units of a state that begins with zeros stay 0.

   Every element is a sum of two chains of multiply-adds, over x and over h, each in the order of k, whatever the tile: a row's
   result does not depend on the other rows, nor on whether x W was made here or before (`fused_input`). */

/* Few rows are computed for several groups at once: one group alone has too few chains to hide their latency. */

_Static_assert(TILE_ROWS * (TILE_VECTORS > 4 ? TILE_VECTORS : 4) * VECTOR_BYTES <= MOST_TILE_BYTES, "a tile of z fits");

/* Units of a group: cells of one block fill a panel by two groups' worth. */
static inline ptrdiff_t FN(group_units)(const cell_entry *cell) { return cell->n_blocks == 1 ? PANEL : LANES; }

static inline ptrdiff_t FN(shorter)(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static ptrdiff_t FN(padded_units)(ptrdiff_t H) { return (H + LANES - 1) / LANES * LANES; }

/* Elements of z where a step makes x W itself. */
static ptrdiff_t FN(fused_scratch)(const fused_layer *layer)
{
    ptrdiff_t few = FEW_ROWS * layer->units, many = TILE_ROWS * FN(group_units)(layer->cell);
    return layer->cell->n_blocks * (few > many ? few : many);
}

/* The n blocks of H columns of B (K, n H), row stride ldb, packed group by group into (K, n padded_units(H)). */
static void FN(interleave)(int n_blocks, ptrdiff_t K, int n, ptrdiff_t H, const void *B_, ptrdiff_t ldb, void *out_)
{
    const REAL *B = B_;
    REAL *out = out_;
    ptrdiff_t units = FN(padded_units)(H), most = n_blocks == 1 ? PANEL : LANES;
    for (ptrdiff_t u = 0, width; u < units; u += width) {
        width = FN(shorter)(most, units - u);
        for (ptrdiff_t first = 0; first < n * width; first += PANEL)
            for (ptrdiff_t k = 0; k < K; k++)
                for (ptrdiff_t j = first; j < n * width && j < first + PANEL; j += LANES, out += LANES) {
                    ptrdiff_t unit = u + j % width, real_units = H - unit;
                    const REAL *source = B + k * ldb + j / width * H + unit;
                    if (real_units >= LANES)
                        memcpy(out, source, VECTOR_BYTES);
                    else
                        for (ptrdiff_t lane = 0; lane < LANES; lane++)
                            out[lane] = lane < real_units ? source[lane] : 0;
                }
    }
}

/* C (M, P panels of V vectors) := A B, or += if add: several panels at once, for few rows. M, P and V are constants wherever this
   is inlined. Panel p begins at B + p b_stride, and its columns of C at C + p c_stride. */
static ALWAYS_INLINE void FN(wide_tile)(
    const int M, const int P, const int V, ptrdiff_t K, const REAL *A, ptrdiff_t lda, const REAL *B, ptrdiff_t b_stride,
    REAL *C, ptrdiff_t ldc, ptrdiff_t c_stride, int add)
{
    VEC sum[FEW_ROWS][4][TILE_VECTORS];
#pragma GCC unroll 4
    for (int r = 0; r < M; r++)
#pragma GCC unroll 4
        for (int p = 0; p < P; p++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++)
                sum[r][p][v] = (VEC){0};
    for (ptrdiff_t k = 0; k < K; k++)
#pragma GCC unroll 4
        for (int p = 0; p < P; p++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++) {
                VEC b = *(const VEC *)(B + p * b_stride + (k * V + v) * LANES);
#pragma GCC unroll 4
                for (int r = 0; r < M; r++)
                    sum[r][p][v] += A[r * lda + k] * b;
            }
#pragma GCC unroll 4
    for (int r = 0; r < M; r++)
#pragma GCC unroll 4
        for (int p = 0; p < P; p++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++) {
                VEC *c = (VEC *)(C + r * ldc + p * c_stride + v * LANES);
                *c = add ? *c + sum[r][p][v] : sum[r][p][v];
            }
}

#define WIDE_CASE(M, P) \
    case M: \
        for (; panels >= P; panels -= P, B += P * b_stride, C += P * c_stride) \
            if (V == 1) FN(wide_tile)(M, P, 1, K, A, lda, B, b_stride, C, ldc, c_stride, add); \
            else FN(wide_tile)(M, P, TILE_VECTORS, K, A, lda, B, b_stride, C, ldc, c_stride, add); \
        for (; panels; panels--, B += b_stride, C += c_stride) \
            if (V == 1) FN(wide_tile)(M, 1, 1, K, A, lda, B, b_stride, C, ldc, c_stride, add); \
            else FN(wide_tile)(M, 1, TILE_VECTORS, K, A, lda, B, b_stride, C, ldc, c_stride, add); \
        break;

/* The same for any number of panels of V vectors and M <= FEW_ROWS rows. */
static void FN(wide_tiles)(
    ptrdiff_t M, ptrdiff_t panels, ptrdiff_t V, ptrdiff_t K, const REAL *A, ptrdiff_t lda, const REAL *B,
    REAL *C, ptrdiff_t ldc, ptrdiff_t c_stride, int add)
{
    ptrdiff_t b_stride = K * V * LANES;
    switch (M) {
        WIDE_CASE(1, 4) WIDE_CASE(2, 2) WIDE_CASE(3, 2)
    }
}

/* z[target ..] := A B, or += if add, for n blocks of the group of `width` units at u; B holds all groups. */
static void FN(group_product)(
    ptrdiff_t M, ptrdiff_t K, const REAL *A, ptrdiff_t lda, const REAL *B, ptrdiff_t u, ptrdiff_t width, int n, int target,
    REAL *z, ptrdiff_t ldz, int add)
{
    ptrdiff_t columns = n * width;
    const REAL *panel = B + K * n * u;
    for (ptrdiff_t j = 0, V; j < columns; j += V * LANES) {
        V = FN(shorter)(TILE_VECTORS, (columns - j) / LANES);
        FN(any_tile)(M, V, K, A, lda, 1, panel, z + target * width + j, ldz, V * LANES, add);
        panel += K * V * LANES;
    }
}

/* The same for the groups of units first .. last - 1 and few rows: in wide tiles where all panels are alike and lie equally far apart
   in z. */
static void FN(few_rows_product)(
    const fused_layer *layer, ptrdiff_t M, ptrdiff_t first, ptrdiff_t last, ptrdiff_t K, const REAL *A, ptrdiff_t lda, const REAL *B,
    int n, int target, REAL *z, ptrdiff_t ldz, int add)
{
    ptrdiff_t group = FN(group_units)(layer->cell), n_blocks = layer->cell->n_blocks;
    ptrdiff_t vectors = n * group / LANES;
    if (last % group == 0 && (vectors <= TILE_VECTORS || (n == n_blocks && vectors % TILE_VECTORS == 0))) {
        ptrdiff_t V = FN(shorter)(TILE_VECTORS, vectors), per_group = vectors / V;
        FN(wide_tiles)(M, (last - first) / group * per_group, V, K, A, lda, B + K * n * first, z + n_blocks * first + target * group, ldz,
                       n_blocks * group / per_group, add);
        return;
    }
    for (ptrdiff_t u = first, width; u < last; u += width) {
        width = FN(shorter)(group, last - u);
        FN(group_product)(M, K, A, lda, B, u, width, n, target, z + n_blocks * u, ldz, add);
    }
}

/* z (rows, n_blocks units) := x W, in the blocks that W has of units first .. last - 1 */
static void FN(fused_input)(
    const fused_layer *layer, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t last, const void *x_, ptrdiff_t ld_x, void *z_)
{
    const REAL *x = x_;
    REAL *z = z_;
    ptrdiff_t ldz = layer->cell->n_blocks * layer->units, group = FN(group_units)(layer->cell);
    if (rows <= FEW_ROWS) {
        FN(few_rows_product)(layer, rows, first, last, layer->D, x, ld_x, layer->W, layer->cell->n_input, 0, z, ldz, 0);
        return;
    }
    for (ptrdiff_t u = first, width; u < last; u += width) {
        width = FN(shorter)(group, last - u);
        ptrdiff_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
        for (ptrdiff_t tile = 0, m = 0, next; tile < tiles; tile++, m = next) {
            next = (tile + 1) * rows / tiles;
            FN(group_product)(next - m, layer->D, x + m * ld_x, ld_x, layer->W, u, width, layer->cell->n_input, 0,
                              z + m * ldz + layer->cell->n_blocks * u, ldz, 0);
        }
    }
}

/* The cell's body for some rows and the group of `width` units at u, whose products are in z. */
static void FN(fused_body)(
    const fused_layer *layer, const fused_rows *s, ptrdiff_t first, ptrdiff_t M, ptrdiff_t u, ptrdiff_t width, REAL *z, ptrdiff_t ldz)
{
    const cell_entry *cell = layer->cell;
    ptrdiff_t at = first * layer->units + u;
    cell_step step = {
        .rows = M, .hidden = width, .last = width, .a = z, .ld_a = ldz,
        .bias = (const REAL *)layer->bias + cell->n_bias * u,
        .extra = (const REAL *)layer->extra + cell->n_extra * u,
        .h_prev = (const REAL *)s->h_prev + at, .ld_h_prev = layer->units,
        .c_prev = (const REAL *)s->c_prev + at, .ld_c_prev = layer->units,
        .c = (REAL *)s->c + at, .ld_c = layer->units,
        .h = (REAL *)s->h + at, .ld_h = layer->units,
    };
    cell->forward[0][layer->activation][REAL_INDEX](&step);
}

static void FN(fused_step)(const fused_layer *layer, const fused_rows *s)
{
    const cell_entry *cell = layer->cell;
    const REAL *x = s->x, *h_prev = s->h_prev;
    REAL *z = s->z;
    ptrdiff_t D = layer->D, H = layer->H, units = layer->units, group = FN(group_units)(cell), whole = cell->n_blocks * units;
    if (s->rows <= FEW_ROWS) {
        if (x != NULL)
            FN(few_rows_product)(layer, s->rows, s->first, s->last, D, x, s->ld_x, layer->W, cell->n_input, 0, z, whole, 0);
        for (int p = 0; p < cell->n_products; p++) {
            const recurrent_product *product = &cell->products[p];
            FN(few_rows_product)(layer, s->rows, s->first, s->last, H, h_prev, units, layer->R[p], product->n, product->target, z, whole,
                                 product->add);
        }
        for (ptrdiff_t u = s->first, width; u < s->last; u += width) {
            width = FN(shorter)(group, s->last - u);
            FN(fused_body)(layer, s, 0, s->rows, u, width, z + cell->n_blocks * u, whole);
        }
        return;
    }
    ptrdiff_t tiles = (s->rows + TILE_ROWS - 1) / TILE_ROWS;
    for (ptrdiff_t u = s->first, width; u < s->last; u += width) {
        width = FN(shorter)(group, s->last - u);
        for (ptrdiff_t tile = 0, m = 0, next; tile < tiles; tile++, m = next) {
            next = (tile + 1) * s->rows / tiles;
            REAL *z_tile = x != NULL ? z : z + m * whole + cell->n_blocks * u;
            ptrdiff_t ldz = x != NULL ? cell->n_blocks * width : whole;
            if (x != NULL)
                FN(group_product)(next - m, D, x + m * s->ld_x, s->ld_x, layer->W, u, width, cell->n_input, 0, z_tile, ldz, 0);
            for (int p = 0; p < cell->n_products; p++) {
                const recurrent_product *product = &cell->products[p];
                FN(group_product)(next - m, H, h_prev + m * units, units, layer->R[p], u, width, product->n, product->target, z_tile,
                                  ldz, product->add);
            }
            FN(fused_body)(layer, s, m, next - m, u, width, z_tile, ldz);
        }
    }
}
