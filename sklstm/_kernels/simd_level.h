/* The body of one instruction set: every loop for both dtypes, and the table of them.

   simd_baseline.c, simd_avx2.c and simd_avx512.c switch the compiler to their instruction set by a pragma and include this file.
   Several translation units instead of `target_clones`: the same helpers inline into every level, each level can be forced and
   tested, and nothing depends on the C library's ifunc.

   The bodies are in files named *_impl.h, which are included again and again and are written in macros that the includer defines:

       by the level            LEVEL, LEVEL_NAME           baseline, "baseline"
                               HAS_FMA                     defined where a product and a sum are one instruction
                               VECTOR_BYTES                of a vector register; not defined in a build without vectors
                               TILE_ROWS, TILE_VECTORS     rows and vectors of the accumulators of a product (gemm_impl.h)
       here, for each dtype    REAL, REAL_INDEX            float, 0 or double, 1
                               UINT                        the unsigned integer of its size
                               FN(name)                    name_s or name_d: glibc owns names such as tanhf32
                               SQRT, FMA                   of the C library for it
                               MAGIC, MANTISSA_BITS, LOG2_E, LN2_HI, LN2_LO, EXP_CLAMP, EXPM1_Q, TANH_CLAMP, TANH_P, TANH_Q
                                                           constants and polynomials of vecmath_impl.h
       by dtype_impl.h, for    AFN(name)                   FN(name_tanh) or FN(name_relu)
       each activation         ACT(x), DACT(y)             the activation, and its derivative where it is y
       by gemm_impl.h          VEC, VEC_U, LANES, PANEL    a vector, one at any address, its elements, the columns of a panel

   and leave two tables, CELLS (cells_impl.h) and OPTIMIZERS (optim_impl.h), which end up in that of the level, below. A macro that
   reads the same each time is simply defined again, as C allows. */
#if defined(_MSC_VER) && !defined(__clang__)
#define restrict __restrict
#endif

#define PASTE_(name, suffix) name##_##suffix
#define PASTE(name, suffix) PASTE_(name, suffix)

/* ---- float32 ---- */
#define REAL float
#define REAL_INDEX 0
#define UINT uint32_t
#define FN(name) PASTE(name, s)
#define SQRT sqrtf
#define FMA fmaf
#define MAGIC 12583039.0f                   /* 1.5 * 2^23, adding which rounds to an integer, and the exponent's bias */
#define MANTISSA_BITS 23
#define LOG2_E 1.44269504088896341f
#define LN2_HI 0.693359375f                 /* 10 bits, so n * LN2_HI is exact without fused multiply-add */
#define LN2_LO -2.12194440054690583e-4f
#define EXP_CLAMP 87.0f                     /* exp(-87.3) is the smallest normal number */
#define TANH_CLAMP 8.08969307f
#define TANH_P(y) (1 + y * (0.134445012f + y * (0.00357160228f + y * (2.18947334e-05f + y * 1.52305173e-08f))))
#define TANH_Q(y) (1 + y * (0.467778295f + y * (0.0261644591f + y * (0.000341129897f + y * 8.52248718e-07f))))
#define EXPM1_Q(r) (0.5f + r * (0.16666576989698776f + r * (0.041666554617204574f \
    + r * (0.0083631790527225774f + r * 0.0013926183587713495f))))
#include "dtype_impl.h"
#undef REAL
#undef REAL_INDEX
#undef UINT
#undef FN
#undef SQRT
#undef FMA
#undef MAGIC
#undef MANTISSA_BITS
#undef LOG2_E
#undef LN2_HI
#undef LN2_LO
#undef EXP_CLAMP
#undef TANH_CLAMP
#undef TANH_P
#undef TANH_Q
#undef EXPM1_Q

/* ---- float64 ---- */
#define REAL double
#define REAL_INDEX 1
#define UINT uint64_t
#define FN(name) PASTE(name, d)
#define SQRT sqrt
#define FMA fma
#define MAGIC 6755399441056767.0            /* 1.5 * 2^52 and the bias */
#define MANTISSA_BITS 52
#define LOG2_E 1.44269504088896341
#define LN2_HI 6.93147180369123816490e-01   /* 32 bits */
#define LN2_LO 1.90821492927058770002e-10
#define EXP_CLAMP 708.0
#define TANH_CLAMP 44.0                     /* of 2|x|: tanh is 1 to the last bit from |x| = 19.1 */
#define EXPM1_Q(r) (0.5 + r * (0.16666666666666667 + r * (0.041666666666624128 + r * (0.0083333333333300618 \
    + r * (0.0013888888917213717 + r * (0.00019841269853063617 + r * (2.4801521295954375e-5 \
    + r * (2.7557268459997065e-6 + r * (2.7620088445409748e-7 + r * 2.5100385495510319e-8)))))))))
#include "dtype_impl.h"

#define BOTH(name) { name##_s, name##_d }
#define EACH(name) { BOTH(name##_tanh), BOTH(name##_relu) }    /* in the order of the activations */

#define NAMES(...) { __VA_ARGS__ }
#define OPTIMIZER(name, states, rates) { #name, states, rates, BOTH(name##_step) },

static const cell_entry cells[] = { CELLS { .name = NULL } };
static const optimizer_entry optimizers[] = { OPTIMIZERS { .name = NULL } };

const simd_table PASTE(simd_table, LEVEL) = {
    .level = LEVEL_NAME,
    .cells = cells,
    .optimizers = optimizers,
#ifdef VECTOR_BYTES
    .packed_size = BOTH(packed_size),
    .pack = BOTH(pack),
    .multiply = BOTH(multiply),
    .padded_units = BOTH(padded_units),
    .fused_scratch = BOTH(fused_scratch),
    .interleave = BOTH(interleave),
    .fused_input = BOTH(fused_input),
    .fused_step = BOTH(fused_step),
#endif
    .tanh_array = BOTH(tanh_array),
    .add_row_sums = BOTH(add_row_sums),
    .sum_of_squares = BOTH(sum_of_squares),
    .add_differences = BOTH(add_differences),
    .add_squared_differences = BOTH(add_squared_differences),
    .enlarge = BOTH(enlarge),
    .softmax_rows = BOTH(softmax_rows),
    .softmax_backward = BOTH(softmax_backward),
    .additive_logits = BOTH(additive_logits),
    .additive_backward = BOTH(additive_backward),
};
