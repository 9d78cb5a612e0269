"""The recurrent cells in C, in integers of 16 bits: one function that takes a step of a layer, by the name of the cell.

A number v with the exponent e is round(2^e v): sums of a gate have the exponent 16 and 32 bits, gates and tanh have 15,
and states the exponents that calibration has chosen. "$w" is what a matrix consists of, in the call of `@_row`.
"""

HELPERS = """\
/* Shifts of negative numbers to the right must keep the sign, as those of all common compilers do. */
typedef char @_keeps_signs[(-1 >> 1) == -1 ? 1 : -1];

/* 2^-shift v, rounded; 2^-shift v for negative shifts */
static inline int32_t @_shift(int32_t v, int shift)
{
    if (shift > 0)
        return (v + ((int32_t)1 << (shift - 1))) >> shift;
    return v * ((int32_t)1 << -shift);
}

/* The nearest number of 16 bits */
static inline int16_t @_saturate(int32_t v)
{
    return (int16_t)(v > 32767 ? 32767 : v < -32767 ? -32767 : v);
}

/* 2^-15 a b, rounded, without a product of more than 32 bits */
static inline int32_t @_multiply(int32_t a, int32_t b)
{
    return (a >> 15) * b + (((a & 32767) * b + 16384) >> 15);
}

"""

SIGMOID = """\
/* 2^16 sigmoid(2^-16 |a|): the table has 256 intervals from 0 to 8, between which it is linear */
static inline int32_t @_above_half(int32_t a)
{
    const uint32_t at = a < 0 ? 0u - (uint32_t)a : (uint32_t)a;
    const size_t k = (size_t)(at >> 11);
    int32_t low;
    if (at >= 524288u)
        return 65535;
    low = @@_READ_UINT16(@_table + k);
    return low + ((((int32_t)@@_READ_UINT16(@_table + k + 1) - low) * (int32_t)(at & 2047u) + 1024) >> 11);
}

/* 2^15 sigmoid(2^-16 a) */
static inline int16_t @_sigmoid(int32_t a)
{
    const int32_t half = @_above_half(a) >> 1;
    return (int16_t)(a < 0 ? 32768 - half : half);
}
"""

TANH = """\
/* 2^15 tanh(2^-16 a) = 2^15 (2 sigmoid(2^-15 a) - 1) */
static inline int16_t @_tanh(int32_t a)
{
    const int32_t magnitude = a > 262144 || a < -262144 ? 32767 : @_above_half(2 * a) - 32768;
    return (int16_t)(a < 0 ? -magnitude : magnitude);
}
"""

RELU = """\
/* max(0, 2^-16 a) with an exponent */
static inline int16_t @_relu(int exponent, int32_t a)
{
    return a < 0 ? 0 : @_saturate(@_shift(a, 16 - exponent));
}
"""

DOT = """\
static inline int32_t @_dot(const $type *w, const int16_t *v, size_t n)
{
    int32_t sum = 0;
    for (; n > 0; n--, w++, v++)
        sum += (int32_t)@@_READ_$TYPE(w) * *v;
    return sum;
}
"""

# dtype -> the product of a row of a matrix, with the exponent 16.
ROWS = {
    "q15": """\
/* Row `row` of w v, with the exponent 16 */
static inline int32_t @_row(const int16_t *w, int shift, size_t row, const int16_t *v, size_t n)
{
    return @_shift(@_dot(w + row * n, v, n), shift);
}
""",
    "int8": """\
/* Row `row` of w v, with the exponent 16; each row of w has a scale of its own. */
static inline int32_t @_row(const int8_t *w, const int16_t *scale, int shift, size_t row, const int16_t *v, size_t n)
{
    return @_shift(@_multiply(@_dot(w + row * n, v, n), @@_READ_INT16(scale + row)), shift);
}
""",
}

# dtype -> of a matrix w: arguments of a function, and what is passed on.
MATRIX = {
    "q15": ("const int16_t *{0}, int {0}_shift", "{0}, {0}_shift"),
    "int8": ("const int8_t *{0}, const int16_t *{0}_scale, int {0}_shift", "{0}, {0}_scale, {0}_shift"),
}

BOTH = """\
/* b + w x + r h, of one row, with the exponent 16 */
static inline int32_t @_both($of_w,
                             $of_r, const int32_t *b, size_t row,
                             const int16_t *x, size_t n_x, const int16_t *h, size_t n)
{
    return @@_READ_INT32(b + row) + @_row($w, row, x, n_x) + @_row($r, row, h, n);
}
"""

ARGUMENTS = """\
$of_w,
                          $of_r, const int32_t *b,$extra
                          const int16_t *x, size_t n_x,"""

_BOUNDED = """\
/* A cell state of 30 bits and a sign */
static inline int32_t @_bounded(int32_t c)
{
    return c > 1073741823 ? 1073741823 : c < -1073741823 ? -1073741823 : c;
}

"""

_LSTM = (
    _BOUNDED
    + """\
/* One step of a layer of LSTM$name:
       i, f, o = sigmoid(w x + r h + b$sees)   g = $function(w x + r h + b)   c = f c + i g   h = o $function(c)
   c has the exponent c_exponent, and 32 bits: what it forgets of it in a step may be less than a part in 2^15. */
static inline void @_cell($arguments
                          int16_t *h, int32_t *c, size_t n, int c_exponent$exponent)
{
    int16_t next[$most]; /* h after the step: all units read h before it */
    size_t j;
    for (j = 0; j < n; j++) {
$gates
        c[j] = @_bounded(@_multiply(c[j], f) + $input);$output
        next[j] = $state;
    }
    for (j = 0; j < n; j++)
        h[j] = next[j];
}
"""
)

_PRODUCTS = "@_both($w, $r, b, {}, x, n_x, h, n)"
_SEEN = " + @_shift((int32_t)@@_READ_INT16(p + {}) * @_shift(c[j], 15), p_shift)"


def _sum(block, seen=""):
    row = {0: "j", 1: "n + j"}.get(block, f"{block} * n + j")
    return _PRODUCTS.format(row) + (_SEEN.format(row) if seen else "")


def _gates(gates, candidate, output, seen=""):
    """Lines that compute gates, the candidate and the output gate, from their blocks; those in `seen` see c before the step."""
    lines = [f"        const int32_t {gate} = @_sigmoid({_sum(block, gate in seen)});" for gate, block in gates.items()]
    lines.append(f"        const int32_t g = $candidate_of{_sum(candidate)});")
    lines.append(f"        int32_t o = {_sum(output)};" if seen else f"        const int32_t o = @_sigmoid({_sum(output)});")
    return "\n".join(lines)


_INPUT = "@_shift(i * g, $g_exponent - c_exponent)"
LSTM = {"name": "", "sees": "", "output": "", "gates": _gates({"i": 0, "f": 1}, 2, 3), "input": _INPUT}
PEEPHOLE = {
    "name": " with peepholes",
    "sees": " + p c",
    "gates": _gates({"i": 0, "f": 1}, 2, 3, seen="if"),
    "input": _INPUT,
    "output": f"\n        o = @_sigmoid(o{_SEEN.format('2 * n + j')}); /* of the new c */",
}
COUPLED = {
    "name": " with coupled gates, i = 1 - f",
    "sees": "",
    "gates": _gates({"f": 0}, 1, 2),
    "input": "@_shift((32768 - f) * g, $g_exponent - c_exponent)",
    "output": "",
}

GRU = """\
/* One step of a layer of GRU:
       r, z = sigmoid(w x + r h + b)   n = $function(w x + b + r (r h + b))   h = (1 - z) n + z h */
static inline void @_cell($arguments
                          int16_t *h, size_t n$exponent)
{
    int16_t next[$most]; /* h after the step: all units read h before it */
    size_t j;
    for (j = 0; j < n; j++) {
        const int32_t reset = @_sigmoid(@_both($w, $r, b, j, x, n_x, h, n));
        const int32_t z = @_sigmoid(@_both($w, $r, b, n + j, x, n_x, h, n));
        const size_t row = 2 * n + j; /* of the candidate, whose second bias is after the first */
        const int32_t m = @@_READ_INT32(b + n + row) + @_row($r, row, h, n);
        const int32_t candidate = $candidate_of@@_READ_INT32(b + row) + @_row($w, row, x, n_x) + @_multiply(m, reset));
        next[j] = (int16_t)(candidate + ((z * (h[j] - candidate) + 16384) >> 15));
    }
    for (j = 0; j < n; j++)
        h[j] = next[j];
}
"""

GRU_RESET_BEFORE = """\
/* One step of a layer of GRU that resets before its product:
       r, z = sigmoid(w x + r h + b)   n = $function(w x + r (r h) + b)   h = (1 - z) n + z h */
static inline void @_cell($arguments
                          int16_t *h, size_t n$exponent)
{
    int16_t z[$most], left[$most]; /* what resetting leaves of h */
    size_t j;
    for (j = 0; j < n; j++) {
        left[j] = (int16_t)((@_sigmoid(@_both($w, $r, b, j, x, n_x, h, n)) * (int32_t)h[j] + 16384) >> 15);
        z[j] = @_sigmoid(@_both($w, $r, b, n + j, x, n_x, h, n));
    }
    for (j = 0; j < n; j++) {
        const int32_t candidate = $candidate_of@_both($w, $r, b, 2 * n + j, x, n_x, left, n));
        h[j] = (int16_t)(candidate + ((z[j] * (h[j] - candidate) + 16384) >> 15));
    }
}
"""

RNN = """\
/* One step of a simple recurrent layer: h = $function(w x + r h + b) */
static inline void @_cell($arguments
                          int16_t *h, size_t n$exponent)
{
    int16_t next[$most]; /* h after the step: all units read h before it */
    size_t j;
    for (j = 0; j < n; j++)
        next[j] = $candidate_of@_both($w, $r, b, j, x, n_x, h, n));
    for (j = 0; j < n; j++)
        h[j] = next[j];
}
"""

# Activation -> of a cell with a cell state, and of one without: what begins the call that makes a candidate of a sum, and the
# exponent of that; and the state h of a cell state.
ACTIVATIONS = {
    "tanh": ("@_tanh(", "@_tanh(", "30", "(int16_t)((o * @_tanh(@_shift(c[j], c_exponent - 16)) + 16384) >> 15)"),
    "relu": (
        "@_relu(c_exponent - 15, ",
        "@_relu(h_exponent, ",
        "c_exponent",
        "@_saturate(@_shift(@_multiply(c[j] < 0 ? 0 : c[j], o), c_exponent - h_exponent))",
    ),
}

# Cell -> its template, and what goes into that.
FIXED_CELLS = {
    "lstm": (_LSTM, LSTM),
    "peephole": (_LSTM, PEEPHOLE),
    "coupled": (_LSTM, COUPLED),
    "gru": (GRU, {}),
    "gru_reset_before": (GRU_RESET_BEFORE, {}),
    "rnn": (RNN, {}),
}
