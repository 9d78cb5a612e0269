"""Poolings in C, in integers, one step after the other.

Where sums are halved, what is added is rounded up in as many steps as its remainder says, by the number of the step: of a
constant output no bit is lost.
"""

MEAN = """\
    if (s->n_steps == 4294967295u) { /* half the steps of half the size have the same mean */
        s->n_steps >>= 1;
        for (k = 0; k < $size; k++)
            s->sum[k] = @_shift(s->sum[k], 1);
    }
    if (s->n_steps >> s->halvings >= 65535u) { /* so that sums stay within 32 bits */
        for (k = 0; k < $size; k++)
            s->sum[k] = @_shift(s->sum[k], 1);
        s->halvings++;
    }
    for (k = 0; k < $size; k++)
        s->sum[k] += (y[k] + (int32_t)(s->n_steps & (((uint32_t)1 << s->halvings) - 1u))) >> s->halvings;
"""

MAX = """\
    for (k = 0; k < $size; k++)
        if (s->n_steps == 0 || y[k] > s->max[k])
            s->max[k] = y[k];
"""

# 2^-16 times 45426 is the logarithm of 2.
ATTENTION = """\
    {   /* e = v tanh(A y + b), with the exponent 16; weights exp(e - top), where top is at least the largest e so far */
        int32_t e = 0, weight;
        for (k = 0; k < $size; k++)
            e += (int32_t)@@_READ_INT16(@_attention_v + k)
               * @_tanh(@@_READ_INT32(@_attention_b + k) + @_row($matrix, k, y, $size));
        e = @_shift(e, $v_shift);
        if (s->n_steps == 0)
            s->top = e;
        if (e > s->top) {   /* what is there counts less from now on */
            const int32_t factor = @_exp(e - s->top);
            s->norm = @_multiply(s->norm, factor);
            for (k = 0; k < $size; k++)
                s->weighted[k] = @_multiply(s->weighted[k], factor);
            s->top = e;
        }
        weight = @_exp(s->top - e);
        s->norm += weight;
        for (k = 0; k < $size; k++)
            s->weighted[k] += (weight * y[k] + 16384) >> 15;
        if (s->norm >= 1073741824) { /* a larger top halves all weights */
            s->norm >>= 1;
            for (k = 0; k < $size; k++)
                s->weighted[k] = @_shift(s->weighted[k], 1);
            s->top += 45426;
        }
    }
"""

EXP = """\
/* 2^15 exp(-2^-16 d) for d of 0 or more: the table has 256 intervals from 0 to 16 */
static inline int32_t @_exp(int32_t d)
{
    const size_t k = (size_t)(d >> 12);
    int32_t high;
    if (d >= 1048576)
        return 0;
    high = @@_READ_UINT16(@_exp_table + k);
    return high - (((high - (int32_t)@@_READ_UINT16(@_exp_table + k + 1)) * (d & 4095) + 2048) >> 12);
}
"""

# Pooling -> lines that write what the head reads, `pooled`.
POOLED = {
    "mean": """\
    {
        const int32_t n = s->n_steps ? (int32_t)(s->n_steps >> s->halvings) : 1;
        for (k = 0; k < $size; k++)
            pooled[k] = @_saturate(s->sum[k] / n);
    }
""",
    "attention": """\
    {   /* both by the same power of two, so that the quotient has 15 bits */
        int32_t norm = s->norm ? s->norm : 1;
        int doublings = 0;
        while (norm < 536870912) {
            norm *= 2;
            doublings++;
        }
        for (k = 0; k < $size; k++)
            pooled[k] = @_saturate(s->weighted[k] * ((int32_t)1 << doublings) / (norm >> 15));
    }
""",
}
