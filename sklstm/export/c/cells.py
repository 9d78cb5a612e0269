"""The recurrent cells in C, in float32: one function that takes a step of a layer, by the name of the cell.

It has for arguments the weights of the layer, its input x of n_x values, and its states h and c of n units, which it overwrites.
Rows of `w` and `r` are those of W and R transposed: block k of unit j is row ``k n + j``.
"""

# What all functions of cells share.
HELPERS = """\
static inline float @_sigmoid(float a)
{
    return 1.0f / (1.0f + expf(-a));
}

static inline float @_dot(const float *w, const float *v, size_t n)
{
    float sum = 0.0f;
    for (; n > 0; n--, w++, v++)
        sum += @@_READ_FLOAT(w) * *v;
    return sum;
}
"""

RELU = """\
static inline float @_relu(float a)
{
    return a < 0.0f ? 0.0f : a;
}
"""

# Row `row` of the products with both.
ROW = """\
/* b + w x + r h, of one row */
static inline float @_row(const float *w, const float *r, const float *b, size_t row,
                          const float *x, size_t n_x, const float *h, size_t n)
{
    return @@_READ_FLOAT(b + row) + @_dot(w + row * n_x, x, n_x) + @_dot(r + row * n, h, n);
}
"""

ARGUMENTS = "const float *w, const float *r, const float *b, $extra const float *x, size_t n_x,"

_LSTM = """\
/* One step of a layer of LSTM$name:
       i, f, o = sigmoid(w x + r h + b$sees)   g = $act(w x + r h + b)   c = f c + i g   h = o $act(c) */
static inline void @_cell($arguments
                          float *h, float *c, size_t n)
{
    float next[$most]; /* h after the step: all units read h before it */
    size_t j;
    for (j = 0; j < n; j++) {
$gates
        c[j] = f * c[j] + i * g;$output
        next[j] = o * $act(c[j]);
    }
    for (j = 0; j < n; j++)
        h[j] = next[j];
}
"""

LSTM = {
    "name": "",
    "sees": "",
    "gates": """\
        const float i = @_sigmoid(@_row(w, r, b, j, x, n_x, h, n));
        const float f = @_sigmoid(@_row(w, r, b, n + j, x, n_x, h, n));
        const float g = $act(@_row(w, r, b, 2 * n + j, x, n_x, h, n));
        const float o = @_sigmoid(@_row(w, r, b, 3 * n + j, x, n_x, h, n));""",
    "output": "",
}
PEEPHOLE = {
    "name": " with peepholes",
    "sees": " + p c",
    "gates": """\
        const float i = @_sigmoid(@_row(w, r, b, j, x, n_x, h, n) + @@_READ_FLOAT(p + j) * c[j]);
        const float f = @_sigmoid(@_row(w, r, b, n + j, x, n_x, h, n) + @@_READ_FLOAT(p + n + j) * c[j]);
        const float g = $act(@_row(w, r, b, 2 * n + j, x, n_x, h, n));
        float o = @_row(w, r, b, 3 * n + j, x, n_x, h, n);""",
    "output": "\n        o = @_sigmoid(o + @@_READ_FLOAT(p + 2 * n + j) * c[j]); /* of the new c */",
}
COUPLED = {
    "name": " with coupled gates, i = 1 - f",
    "sees": "",
    "gates": """\
        const float f = @_sigmoid(@_row(w, r, b, j, x, n_x, h, n));
        const float i = 1.0f - f;
        const float g = $act(@_row(w, r, b, n + j, x, n_x, h, n));
        const float o = @_sigmoid(@_row(w, r, b, 2 * n + j, x, n_x, h, n));""",
    "output": "",
}

LAYERNORM = """\
/* v := (v - mean) / sqrt(variance + epsilon); the root by Newton's method, from above */
static inline void @_normalize(float *v, size_t n)
{
    float mean = 0.0f, variance = 0.0f, root;
    size_t k;
    for (k = 0; k < n; k++)
        mean += v[k];
    mean /= (float)n;
    for (k = 0; k < n; k++)
        variance += (v[k] - mean) * (v[k] - mean);
    variance = variance / (float)n + $epsilon;
    root = variance > 1.0f ? variance : 1.0f;
    for (k = 0; k < 80; k++) {
        const float lower = 0.5f * (root + variance / root);
        if (!(lower < root))
            break;
        root = lower;
    }
    for (k = 0; k < n; k++)
        v[k] = (v[k] - mean) / root;
}

/* One step of a layer of LSTM with layer normalisation N:
       a = gain N(w x) + gain N(r h) + b   i, f, o = sigmoid(a)   g = $act(a)   c = f c + i g   h = o $act(gain N(c) + offset) */
static inline void @_cell($arguments
                          float *h, float *c, size_t n)
{
    float of_x[4 * $most], of_h[4 * $most];
    size_t j, k;
    for (k = 0; k < 4 * n; k++) {
        of_x[k] = @_dot(w + k * n_x, x, n_x);
        of_h[k] = @_dot(r + k * n, h, n);
    }
    @_normalize(of_x, 4 * n);
    @_normalize(of_h, 4 * n);
    for (k = 0; k < 4 * n; k++)
        of_x[k] = @@_READ_FLOAT(p + k) * of_x[k] + @@_READ_FLOAT(p + 4 * n + k) * of_h[k] + @@_READ_FLOAT(b + k);
    for (j = 0; j < n; j++) {
        const float i = @_sigmoid(of_x[j]), f = @_sigmoid(of_x[n + j]), g = $act(of_x[2 * n + j]);
        c[j] = f * c[j] + i * g;
        of_h[j] = c[j];
    }
    @_normalize(of_h, n);
    for (j = 0; j < n; j++)
        h[j] = @_sigmoid(of_x[3 * n + j]) * $act(@@_READ_FLOAT(p + 8 * n + j) * of_h[j] + @@_READ_FLOAT(p + 9 * n + j));
}
"""

GRU = """\
/* One step of a layer of GRU:
       r, z = sigmoid(w x + r h + b)   n = $act(w x + b + r (r h + b))   h = (1 - z) n + z h */
static inline void @_cell($arguments
                          float *h, size_t n)
{
    float next[$most]; /* h after the step: all units read h before it */
    size_t j;
    for (j = 0; j < n; j++) {
        const float reset = @_sigmoid(@_row(w, r, b, j, x, n_x, h, n));
        const float z = @_sigmoid(@_row(w, r, b, n + j, x, n_x, h, n));
        const size_t row = 2 * n + j; /* of the candidate, whose second bias is after the first */
        const float m = @@_READ_FLOAT(b + n + row) + @_dot(r + row * n, h, n);
        const float candidate = $act(@@_READ_FLOAT(b + row) + @_dot(w + row * n_x, x, n_x) + reset * m);
        next[j] = candidate + z * (h[j] - candidate);
    }
    for (j = 0; j < n; j++)
        h[j] = next[j];
}
"""

GRU_RESET_BEFORE = """\
/* One step of a layer of GRU that resets before its product:
       r, z = sigmoid(w x + r h + b)   n = $act(w x + r (r h) + b)   h = (1 - z) n + z h */
static inline void @_cell($arguments
                          float *h, size_t n)
{
    float z[$most], left[$most]; /* what resetting leaves of h */
    size_t j;
    for (j = 0; j < n; j++) {
        left[j] = h[j] * @_sigmoid(@_row(w, r, b, j, x, n_x, h, n));
        z[j] = @_sigmoid(@_row(w, r, b, n + j, x, n_x, h, n));
    }
    for (j = 0; j < n; j++) {
        const float candidate = $act(@_row(w, r, b, 2 * n + j, x, n_x, left, n));
        h[j] = candidate + z[j] * (h[j] - candidate);
    }
}
"""

RNN = """\
/* One step of a simple recurrent layer: h = $act(w x + r h + b) */
static inline void @_cell($arguments
                          float *h, size_t n)
{
    float next[$most]; /* h after the step: all units read h before it */
    size_t j;
    for (j = 0; j < n; j++)
        next[j] = $act(@_row(w, r, b, j, x, n_x, h, n));
    for (j = 0; j < n; j++)
        h[j] = next[j];
}
"""

# What is replaced in the template of a cell whose output h is a projection of n_h values of what the units make (`proj_size`).
PROJECTED = {
    "/* One step of a layer of": "/* One step of a layer whose h is then projected, of",
    "float *h, float *c, size_t n": "float *h, size_t n_h, float *c, size_t n",
    ", h, n)": ", h, n_h)",
    "r + k * n, h": "r + k * n_h, h",
    """    for (j = 0; j < n; j++)
        h[j] = next[j];
""": """    for (j = 0; j < n_h; j++)
        h[j] = @_dot(projection + j * n, next, n);
""",
    "    for (j = 0; j < n; j++)\n        h[j] = @_sigmoid(of_x": "    for (j = 0; j < n; j++)\n        of_x[j] = @_sigmoid(of_x",
    """@@_READ_FLOAT(p + 9 * n + j));
""": """@@_READ_FLOAT(p + 9 * n + j));
    for (j = 0; j < n_h; j++)
        h[j] = @_dot(projection + j * n, of_x, n);
""",
}

# Cell -> its template, and what goes into that.
CELLS = {
    "lstm": (_LSTM, LSTM),
    "peephole": (_LSTM, PEEPHOLE),
    "coupled": (_LSTM, COUPLED),
    "layernorm": (LAYERNORM, {}),
    "gru": (GRU, {}),
    "gru_reset_before": (GRU_RESET_BEFORE, {}),
    "rnn": (RNN, {}),
}
