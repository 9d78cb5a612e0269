"""Missing values of numeric channels and the time between samples, in C, in float32."""

import numpy as np

from ...estimators.times import LONGEST
from ..limits import BOUND
from .text import float_literal

LOG = """\
/* log2(1 + d), for d of 0 or more: halved until it is below 2, then a series */
static inline float @_log2_of_1_plus(float d)
{
    float v = 1.0f + d, whole = 0.0f, s, q;
    while (v >= 2.0f && whole < 128.0f) {
        v *= 0.5f;
        whole += 1.0f;
    }
    s = (v - 1.0f) / (v + 1.0f);
    q = s * s;
    q = 1.0f + q * ($third + q * (0.2f + q * ($seventh + q * ($ninth + q * ($eleventh + q * $thirteenth)))));
    return whole + $factor * s * q;
}
""".replace("$factor", float_literal(2 / np.log(2)))
for _name, _n in {"thirteenth": 13, "eleventh": 11, "ninth": 9, "seventh": 7, "third": 3}.items():
    LOG = LOG.replace(f"${_name}", float_literal(1 / _n))

# In medians of training: 1 at the first sample, which has none before.
GAP = """\
    const float gap = s->n_steps == 0 ? 1.0f : x[$channel] < $longest ? x[$channel] / $median : $most;
"""

FILLED = """\
    for (k = 0; k < $n; k++) { /* a value that is missing is NaN: not to be compiled with -ffast-math */
        const float value = x[$channel], since = s->elapsed[k] + $gap;
        const int is_there = value == value;
        float filled;
        if (is_there) {
            filled = @@_READ_FLOAT(@_scale + k) * value + @@_READ_FLOAT(@_offset + k);
            filled = filled > $most ? $most : filled < -$most ? -$most : filled;
            s->last[k] = filled;
        } else {
            filled = s->last[k];$decay
        }
        s->elapsed[k] = is_there ? 0.0f : since;
        in[k] = filled * @@_READ_FLOAT(@_known + k);
        in[$n + k] = is_there ? @@_READ_FLOAT(@_known + k) : 0.0f;
        in[2 * $n + k] = @_log2_of_1_plus(since) * @@_READ_FLOAT(@_known + k);
    }
"""

DECAY = """
            {   /* it decays towards the mean */
                const float mean = @@_READ_FLOAT(@_mean + k);
                const float rate = @@_READ_FLOAT(@_decay_w + k) * since + @@_READ_FLOAT(@_decay_b + k);
                if (rate > 0.0f)
                    filled = mean + expf(-rate) * (filled - mean);
            }"""


def gap_line(model):
    """The line that reads the time since the sample before."""
    median = model.model.median_gap_
    text = GAP.replace("$channel", str(model.network.gap_channel)).replace("$median", float_literal(median))
    return text.replace("$longest", float_literal(min(LONGEST * median, 3e38))).replace("$most", float_literal(LONGEST))


def add_missing(program, model, channel):
    """Add what remembers values; returns the lines that fill in those that are missing. `channel` is that of numeric one k."""
    layer, p = model.network.input_layer, model.params["input"]
    n = len(layer.numeric)
    mean = p["scale"] * p["mean"] + p["offset"]
    program.field("float", "last", n, "last values of numeric channels, in units of the first layer")
    program.field("float", "elapsed", n, "time since then")
    program.constant("float", "known", p["known"], f"0 for a channel without a value in training ({n})")
    program.constant("float", "mean", mean, f"what stands for values before the first ({n})")
    program.begin.append(f"for (k = 0; k < {n}; k++)\n    s->last[k] = @@_READ_FLOAT(@_mean + k);")
    if layer.decays:
        program.constant("float", "decay_w", p["w"], f"rates of decay ({n})")
        program.constant("float", "decay_b", p["b"], f"and offsets of these ({n})")
    text = FILLED.replace("$decay", DECAY if layer.decays else "").replace("$n", str(n)).replace("$channel", channel)
    text = text.replace("$gap", "1.0f" if layer.gap is None else "gap")
    return text.replace("$most", float_literal(BOUND))


def describe_times(model):
    """A line of a comment for the channel of times; none without such."""
    if model.network.gap_channel is None:
        return []
    unit = "seconds" if model.model._time_unit == "seconds" else "the unit of times in training"
    channel = model.network.gap_channel
    return [f"   Channel {channel} is the time since the sample before, in {unit}; that of the first is not read."]
