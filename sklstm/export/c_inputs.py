"""What comes before the first layer, in C: units of channels, and vectors of categories."""

import numpy as np

from .c_text import filled, float_literal, listed

CODE = """\
/* Number of the vector of category $channel: 1 for the first that training knew, 0 for others. */
static inline size_t @_category_$channel(float value)
{
$body}
"""

# Categories that are numbers in a row: the value says which.
IN_A_ROW = """\
    if (!(value > $below && value < $above))
        return 0;
    return (float)(int32_t)value == value ? (size_t)((int32_t)value - ($first)) + 1 : 0;
"""

SEARCH = """\
    size_t k;
    for (k = 0; k < $n; k++)
        if (@@_READ_FLOAT(@_categories_$channel + k) == value)
            return k + 1;
    return 0;
"""

READ = """\
/* What the first layer reads of a sample. */
static inline void @_read(const float *x, float *in)
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


def values_of_categories(model):
    """For each categorical channel the numbers (n_categories,) that stand for its categories on a device.

    Numbers stand for themselves, all else for their positions in `categories_`.
    """
    numbers = []
    for values in model.model.categories_:
        values = np.asarray(values)
        is_number = values.dtype.kind in "iuf" and (values.astype(np.float32) == values).all()
        numbers.append(values.astype(np.float64) if is_number else np.arange(len(values), dtype=np.float64))
    return numbers


def describe_categories(model):
    """Lines of a comment: what stands for which category."""
    lines = []
    for (channel, *_), values, numbers in zip(
        model.network.categories, model.model.categories_, values_of_categories(model), strict=True
    ):
        values = np.asarray(values)
        if values.dtype.kind in "iuf" and (values == numbers).all():
            lines.append(f"   Channel {channel} is a category, as a number; others than the {len(values)} known ones may occur.")
        else:
            lines.append(f"   Channel {channel} is a category, as one of these numbers; others stand for unknown ones:")
            lines.append(filled(listed(values.tolist()), "      "))
    return lines


def add_category_codes(program, model, functions):
    """Add to `functions` those that find the numbers of the vectors of categories."""
    for (channel, *_), numbers in zip(model.network.categories, values_of_categories(model), strict=True):
        n = len(numbers)
        first = numbers[0] if n else 0.0
        if n and abs(first) < 2**23 and n < 2**23 and (numbers == first + np.arange(n)).all() and first == int(first):
            body = IN_A_ROW.replace("$below", float_literal(first - 1)).replace("$above", float_literal(first + n))
            body = body.replace("$first", str(int(first)))
        elif n:
            program.constant("float", f"categories_{channel}", numbers, f"channel {channel}: known categories ({n})")
            body = SEARCH.replace("$n", str(n))
        else:
            body = "    (void)value;\n    return 0;\n"
        functions.append(CODE.replace("$body", body).replace("$channel", str(channel)))


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
        body += UNITS.replace("$n", str(n)).replace("$channel", channel)
    place = n
    for channel, rows, width in layer.categories:
        program.constant(
            "float", f"embedding_{channel}", p[f"E{channel}"], f"channel {channel}: vectors of categories ({rows}, {width})"
        )
        body += VECTOR.replace("$channel", str(channel)).replace("$width", str(width)).replace("$place", str(place))
        place += width
    program.functions.append(READ.replace("$body", body))
    program.step.append("@_read(x, in);")
    program.needs(4 * place)
    return "in", place
