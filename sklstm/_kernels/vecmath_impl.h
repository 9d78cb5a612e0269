/* Branch-free tanh and logistic sigmoid, written so that GCC and Clang vectorise the loops around them.

   Included once per dtype and instruction set by simd_level.h, which defines REAL, UINT, FN() and the constants.
   The exponential is

       n = rint(z / ln 2),  r = z - n ln 2         Cody and Waite's two-part reduction
       p = r + r^2 q(r),    s = 2^n                exp(z) = s p + s,   expm1(z) = s p + (s - 1)

   where q is the Chebyshev fit of (expm1(r) - r) / r^2 for |r| <= ln(2)/2, degree 4 in float32 and 9 in float64
   (mpmath.chebyfit; its largest error is 6.5e-8 and 1.1e-16). On it stand

       sigmoid(x) = 1 / (1 + exp(-x))
       tanh |x|   = -expm1(-2|x|) / (expm1(-2|x|) + 2)         in float64

   In float32 tanh is x P(x^2) / Q(x^2), both of degree 4: the fit of least relative error, 0.11 ulp, for |x| <= 8 (Lawson's weighted
   least squares), a third faster than the other. It is cut off at the last number where it is 1 exactly, with fused
   multiply-adds and without, never having been more.

   Largest errors, held by tests/test_kernels.py: 3 ulp, but for tanh in float32, 5 ulp with fused multiply-add and 7 without. The
   form 2 sigmoid(2x) - 1 is not used for tanh: it loses all relative accuracy near 0.
   A NaN fails the comparisons of a clamp and so passes through. */

/* z  ->  p = expm1(r), s = 2^n, for z between -EXP_CLAMP and EXP_CLAMP, or NaN */
static inline REAL FN(expm1_core)(REAL z, REAL *s)
{
    REAL shifted = z * LOG2_E + MAGIC;          /* n + MAGIC, whose low mantissa bits are n + the exponent's bias */
    REAL n = shifted - MAGIC;
    REAL r = z - n * LN2_HI;
    UINT bits;
    r = r - n * LN2_LO;
    memcpy(&bits, &shifted, sizeof bits);
    bits <<= MANTISSA_BITS;
    memcpy(s, &bits, sizeof bits);
    return r + r * r * EXPM1_Q(r);
}

/* a b + c where c is a product too: the compiler may fuse either of them, and not the same one wherever this is inlined. */
static inline REAL FN(multiply_add)(REAL a, REAL b, REAL c)
{
#ifdef HAS_FMA
    return FMA(a, b, c);
#else
    return a * b + c;
#endif
}

static inline REAL FN(clamp)(REAL x, REAL largest)
{
    x = x < -largest ? -largest : x;
    return x > largest ? largest : x;
}

static inline REAL FN(vsigmoid)(REAL x)
{
    REAL s, p = FN(expm1_core)(FN(clamp)(-x, EXP_CLAMP), &s);
    return 1 / (1 + (s * p + s));
}

#ifdef TANH_P
static inline REAL FN(vtanh)(REAL x)
{
    REAL z = FN(clamp)(x, TANH_CLAMP), y = z * z;
    return z * TANH_P(y) / TANH_Q(y);
}
#else
static inline REAL FN(vtanh)(REAL x)
{
    REAL z = (REAL)-2 * fabs(x), s, p, e;
    z = z < -TANH_CLAMP ? -TANH_CLAMP : z;
    p = FN(expm1_core)(z, &s);
    e = s * p + (s - 1);
    return copysign(-e / (e + 2), x);
}
#endif

/* max(x, 0), and NaN for NaN */
static inline REAL FN(vrelu)(REAL x) { return x < 0 ? (REAL)0 : x; }

/* y may be x: hence no restrict. */
static void FN(tanh_array)(ptrdiff_t n, const void *x, void *y)
{
    const REAL *in = x;     /* (n,) IN */
    REAL *out = y;          /* (n,) OUT */
    IVDEP
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = FN(vtanh)(in[i]);
}
