"""What comes before the first layer, in C: units of channels, and vectors of categories."""

import numpy as np

from .categories import code_function, numbers_of
from .missing import LOG, add_missing, gap_line

READ = """\
/* What the first layer reads of a sample. */
static inline void @_read($state *s, const float *x, float *in)
{
    size_t k;
$body}
"""

UNITS = """\
    for (k = 0; k < $n; k++)
        in[k] = @@_READ_FLOAT(@_scale + k) * x[$channel] + @@_READ_FLOAT(@_offset + k);
"""

VECTOR = """\
    {
        const size_t row = @_category_$channel(x[$channel]) * $width;
        for (k = 0; k < $width; k++)
            in[$place + k] = @@_READ_FLOAT(@_embedding_$channel + row + k);
    }
"""


def add_category_codes(program, model, functions):
    """Add to `functions` those that find the numbers of the vectors of categories."""
    for (channel, *_), numbers in zip(model.network.categories, numbers_of(model.model.categories_), strict=True):
        functions.append(code_function(program, f"category_{channel}", numbers, f"channel {channel}"))


def add_inputs(program, model):
    """Add the input layer; returns what the first layer reads, and its width."""
    layer, p = model.network.input_layer, model.params.get("input")
    if layer is None:
        return "x", model.network.input_size
    add_category_codes(program, model, program.functions)
    body, n = "", len(layer.numeric)
    if n:
        program.constant("float", "scale", p["scale"], f"numeric channels: factors ({n})")
        program.constant("float", "offset", p["offset"], f"numeric channels: offsets ({n})")
        channel = "k"
        if (layer.numeric != np.arange(n)).any():
            program.constant("uint16_t", "numeric", layer.numeric, f"which channels are numeric ({n})")
            channel = "@@_READ_UINT16(@_numeric + k)"
        if layer.allows_missing:
            body += add_missing(program, model, channel)
        else:
            body += UNITS.replace("$n", str(n)).replace("$channel", channel)
    place = n * layer.n_blocks
    for channel, rows, width in layer.categories:
        program.constant(
            "float", f"embedding_{channel}", p[f"E{channel}"], f"channel {channel}: vectors of categories ({rows}, {width})"
        )
        body += VECTOR.replace("$channel", str(channel)).replace("$width", str(width)).replace("$place", str(place))
        place += width
    if layer.allows_missing or layer.gap is not None:
        program.functions.append(LOG)
    if layer.gap is not None:
        body = gap_line(model) + body + f"    in[{place}] = @_log2_of_1_plus(gap);\n"
        place += 1
    has_state = layer.allows_missing or layer.gap is not None
    text = READ.replace("$state *s, ", "@_state *s, " if layer.allows_missing else "const @_state *s, " if has_state else "")
    program.functions.append(text.replace("$body", body))
    program.step.append(f"@_read({'s, ' if has_state else ''}x, in);")
    if layer.gap is not None:
        program.count_steps()
    return "in", place
