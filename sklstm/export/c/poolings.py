"""Poolings in C, in float32, one step after the other: running sums, running maxima, and attention by an online softmax.

Sums are compensated (Kahan 1965, "Further remarks on reducing truncation errors"), so that they are as good after a million steps
as after ten.
"""

COMPENSATED = """\
/* Add a value to a sum, with what earlier additions have lost; not to be compiled with -ffast-math. */
static inline void @_add(float *sum, float *lost, float value)
{
    const float rest = value - *lost, total = *sum + rest;
    *lost = (total - *sum) - rest;
    *sum = total;
}
"""

MEAN = """\
    if (s->n_steps == 4294967295u) { /* half the steps of half the size have the same mean */
        s->n_steps >>= 1;
        for (k = 0; k < $size; k++) {
            s->sum[k] *= 0.5f;
            s->sum_lost[k] *= 0.5f;
        }
    }
    for (k = 0; k < $size; k++)
        @_add(s->sum + k, s->sum_lost + k, y[k]);
"""

MAX = """\
    for (k = 0; k < $size; k++)
        if (s->n_steps == 0 || y[k] > s->max[k])
            s->max[k] = y[k];
"""

ATTENTION = """\
    {   /* e = v tanh(A y + b); weights exp(e - top), where top is the largest e so far */
        float e = 0.0f, weight;
        for (k = 0; k < $size; k++)
            e += @@_READ_FLOAT(@_attention_v + k)
               * tanhf(@@_READ_FLOAT(@_attention_b + k) + @_dot(@_attention_w + k * $size, y, $size));
        if (s->n_steps == 0)
            s->top = e;
        if (e > s->top) {   /* what is there counts less from now on */
            const float factor = expf(s->top - e);
            s->norm *= factor;
            s->norm_lost *= factor;
            for (k = 0; k < $size; k++) {
                s->weighted[k] *= factor;
                s->weighted_lost[k] *= factor;
            }
            s->top = e;
        }
        weight = expf(e - s->top);
        @_add(&s->norm, &s->norm_lost, weight);
        for (k = 0; k < $size; k++)
            @_add(s->weighted + k, s->weighted_lost + k, weight * y[k]);
    }
"""


def add_poolings(program, model, y):
    """Add what pools the outputs of the last layer, `y`; returns for each pooling its array in the state, and a divisor."""
    network = model.network
    size, names = network.layers[-1].output_size, network.poolings
    if not names or names == ("last",):
        return [(None, None)] * max(len(names), 1)
    if "mean" in names or "attention" in names:
        program.functions.append(COMPENSATED)
    program.count_steps()
    lines = []
    if "mean" in names:
        program.field("float", "sum", size, "of the outputs so far")
        program.field("float", "sum_lost", size, "what is missing from these sums")
        lines.append(MEAN)
    if "max" in names:
        program.field("float", "max", size, "largest outputs so far")
        lines.append(MAX)
    if "attention" in names:
        p = model.params["attention"]
        program.constant("float", "attention_w", p["A"].T, f"attention, A transposed ({size}, {size})")
        program.constant("float", "attention_b", p["b"], f"attention, b ({size})")
        program.constant("float", "attention_v", p["v"], f"attention, v ({size})")
        program.field("float", "weighted", size, "sum of weighted outputs so far")
        program.field("float", "weighted_lost", size, "what is missing from these sums")
        for name, what in {
            "top": "largest e so far",
            "norm": "sum of the weights",
            "norm_lost": "what is missing from it",
        }.items():
            program.field("float", name, None, what)
        lines.append(ATTENTION)
    body = "".join(lines).replace("$size", str(size))
    program.functions.append(
        "/* Take the outputs of a step into what is pooled. */\n"
        f"static inline void @_pool(@_state *s, const float *y)\n{{\n    size_t k;\n{body}}}\n"
    )
    sources = {
        "last": (None, None),
        "mean": ("sum", "(float)s->n_steps"),
        "max": ("max", None),
        "attention": ("weighted", "s->norm"),
    }
    program.step.append(f"@_pool(s, {y});")
    return [sources[name] for name in names]
