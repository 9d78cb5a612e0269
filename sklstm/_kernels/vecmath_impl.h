/* Branch-free tanh and logistic sigmoid, written so that GCC and Clang vectorise the loops around them.

   Included once per dtype and instruction set by simd_level.h, which defines REAL, UINT, FN() and the constants.
   Both functions stand on one core, p = expm1(r) for |r| <= ln(2)/2, and one division:

       z = -2|x| (tanh) or -|x| (sigmoid)          <= 0, so 2^n never overflows
       n = rint(z / ln 2),  r = z - n ln 2         Cody and Waite's two-part reduction
       p = r + r^2 q(r),    s = 2^n                exp(z) = s p + s,   expm1(z) = s p + (s - 1)
       tanh |x|   = -expm1(z) / (expm1(z) + 2)
       sigmoid(x) = (x < 0 ? exp(z) : 1) / (1 + exp(z))

   q is the Chebyshev fit of (expm1(r) - r) / r^2 on that interval, degree 4 in float32 and 9 in float64
   (mpmath.chebyfit; its largest error is 6.5e-8 and 1.1e-16). Largest error of the results, held by tests/test_kernels.py:
   3 ulp. The form 2 sigmoid(2x) - 1 is not used for tanh: it loses all relative accuracy near 0.
   A NaN fails the clamp's comparison, stays z and so passes through. */

static inline REAL FN(two_to)(REAL shifted)
{   /* shifted = n + MAGIC, whose low mantissa bits are the integer n: move them into the exponent. */
    UINT bits;
    REAL s;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + EXPONENT_BIAS) << MANTISSA_BITS;
    memcpy(&s, &bits, sizeof s);
    return s;
}

/* z <= 0 (or NaN)  ->  p = expm1(r), s = 2^n */
static inline REAL FN(expm1_core)(REAL z, REAL *s)
{
    REAL shifted = z * LOG2_E + MAGIC;
    REAL n = shifted - MAGIC;
    REAL r = z - n * LN2_HI;
    r = r - n * LN2_LO;
    *s = FN(two_to)(shifted);
    return r + r * r * EXPM1_Q(r);
}

static inline REAL FN(vtanh)(REAL x)
{
    REAL z = (REAL)-2 * FABS(x), s, p, e;
    z = z < TANH_CLAMP ? TANH_CLAMP : z;
    p = FN(expm1_core)(z, &s);
    e = s * p + (s - 1);
    return COPYSIGN(-e / (e + 2), x);
}

static inline REAL FN(vsigmoid)(REAL x)
{
    REAL z = -FABS(x), s, p, e;
    z = z < EXP_CLAMP ? EXP_CLAMP : z;
    p = FN(expm1_core)(z, &s);
    e = s * p + s;
    return (x < 0 ? e : (REAL)1) / (1 + e);
}

/* max(x, 0), and NaN for NaN */
static inline REAL FN(vrelu)(REAL x) { return x < 0 ? (REAL)0 : x; }

/* In both, y may be x: hence no restrict. */
static void FN(tanh_array)(ptrdiff_t n, const void *x, void *y)
{
    const REAL *in = x;     /* (n,) IN */
    REAL *out = y;          /* (n,) OUT */
    IVDEP
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = FN(vtanh)(in[i]);
}

static void FN(sigmoid_array)(ptrdiff_t n, const void *x, void *y)
{
    const REAL *in = x;     /* (n,) IN */
    REAL *out = y;          /* (n,) OUT */
    IVDEP
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = FN(vsigmoid)(in[i]);
}
