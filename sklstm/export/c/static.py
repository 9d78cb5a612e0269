"""Static features of a sequence in C, in float32: what they add to the first states and to the scores."""

import numpy as np

from .categories import code_function, numbers_of

VECTOR = """\
/* What the network makes of static features (@@_STATIC), and what that adds to states and scores. */
static inline void @_static(@_state *s, const float *features)
{
    float in[$width];
    size_t k;
$body}
"""

UNITS = """\
    for (k = 0; k < $n; k++)
        in[k] = @@_READ_FLOAT(@_static_scale + k) * features[$feature] + @@_READ_FLOAT(@_static_offset + k);
"""

CATEGORY = """\
    {
        const size_t row = @_static_category_$feature(features[$feature]) * $width;
        for (k = 0; k < $width; k++)
            in[$place + k] = @@_READ_FLOAT(@_static_embedding_$feature + row + k);
    }
"""

ADDED = """\
    for (k = 0; k < $n; k++)
        s->$state[k] += @_dot(@_$matrix + k * $width, in, $width);
"""


def add_static(program, model):
    """Add the function that reads static features, and its call; for a network that has such."""
    spec, p = model.network.static, model.params["static"]
    entry, width, body = spec.entry, spec.width, ""
    n = len(entry.numeric)
    if n:
        program.constant("float", "static_scale", p["scale"], f"numeric static features: factors ({n})")
        program.constant("float", "static_offset", p["offset"], f"numeric static features: offsets ({n})")
        feature = "k"
        if (entry.numeric != np.arange(n)).any():
            program.constant("uint16_t", "static_numeric", entry.numeric, f"which static features are numeric ({n})")
            feature = "@@_READ_UINT16(@_static_numeric + k)"
        body += UNITS.replace("$n", str(n)).replace("$feature", feature)
    place = n
    for (column, rows, own), numbers in zip(entry.categories, numbers_of(model.model.static_categories_), strict=True):
        name = f"static_category_{column}"
        program.functions.append(code_function(program, name, numbers, f"static feature {column}"))
        what = f"static feature {column}: vectors of categories ({rows}, {own})"
        program.constant("float", f"static_embedding_{column}", p[f"E{column}"], what)
        body += CATEGORY.replace("$feature", str(column)).replace("$width", str(own)).replace("$place", str(place))
        place += own
    matrices = {f"h{k}": model.params[f"layer_{k}"]["S"] for k in range(len(model.network.layers))} | {"of_static": p["V"]}
    program.field("float", "of_static", p["V"].shape[1], "what static features add to the scores")
    for state, matrix in matrices.items():
        what = f"static features: what they add to {state} {matrix.T.shape}"
        name = program.constant("float", f"static_{state}", matrix.T, what)
        text = ADDED.replace("$state", state).replace("$matrix", name.removeprefix("@_"))
        body += text.replace("$n", str(matrix.shape[1])).replace("$width", str(width))
    program.functions.append(VECTOR.replace("$body", body).replace("$width", str(width)))
    program.macros.append(("STATIC", f"{entry.n_channels} /* static features of a sequence */"))
    program.begin.append("@_static(s, features);")
