"""A network in C, in float32."""

from .._kernels._simd import LAYERNORM_EPSILON
from ..network import STRUCTURES
from ..network.cells import CELLS as FACTS
from .c_cells import ARGUMENTS, CELLS, HELPERS, RELU, ROW
from .c_chain import add_chain
from .c_header import init_function
from .c_inputs import add_inputs
from .c_outputs import add_outputs, add_predict
from .c_poolings import add_poolings
from .c_program import Program
from .c_static import add_static
from .c_text import float_literal

POOLED = """\
    for (k = 0; k < @@_SCORES; k++)
        y[k] += @_dot(@_head_w + k * $width + $first, $source, $size)$divided;
"""

SCORES = """\
/* Scores of the steps so far, before they become $what: y has @@_SCORES. */
static inline void @_scores(const @_state *s, float *y)
{
    size_t k;
    for (k = 0; k < @@_SCORES; k++)
        y[k] = @@_READ_FLOAT(@_head_b + k);
$poolings}
"""

STEP = """\
/* Take the next sample of a sequence: x has @@_CHANNELS values. */
static inline void @_step(@_state *s, const float *x)
{
$declared$lines}
"""


def float_program(model, name):
    """The `Program` of an `Exported`."""
    program, network = Program(name), model.network
    program.functions.append(HELPERS)
    if network.activation == "relu":
        program.functions.append(RELU)
    x, width = add_inputs(program, model)
    n_in = width if x == "in" else 0
    x, width = _add_layers(program, model, x, width)
    if network.static is not None:
        add_static(program, model)
    sources = add_poolings(program, model, x)
    _add_head(program, model, x, width, sources)
    has_chain = model.network.structure in STRUCTURES
    (add_chain if has_chain else add_outputs)(program, model)
    program.functions += [init_function(program), step_function(program, n_in)]
    add_predict(program, model)
    return program


def _add_layers(program, model, x, width):
    """The recurrent layers, which read `x` of so many values; returns what the last one writes, and its width."""
    network = model.network
    cell, (template, parts, n_scratch) = FACTS[network.cell], CELLS[network.cell]
    most = max(layer.hidden_size for layer in network.layers)
    act = {"tanh": "tanhf", "relu": "@_relu"}[network.activation]
    if "@_row(" in template + "".join(parts.values()):
        program.functions.append(ROW)
    extra = "const float *p," if cell.extra else ""
    text = template
    for key, value in {"arguments": ARGUMENTS.replace(" $extra", f" {extra}" if extra else ""), **parts}.items():
        text = text.replace(f"${key}", value)
    text = text.replace("$act", act).replace("$most", str(most)).replace("$epsilon", float_literal(LAYERNORM_EPSILON))
    program.functions.append(text)
    program.needs(4 * n_scratch * most)
    for k, layer in enumerate(network.layers):
        p, H = model.params[f"layer_{k}"], layer.hidden_size
        program.constant("float", f"w{k}", p["W"].T, f"layer {k}, W transposed ({p['W'].shape[1]}, {width})")
        program.constant("float", f"r{k}", p["R"].T, f"layer {k}, R transposed ({p['R'].shape[1]}, {H})")
        program.constant("float", f"b{k}", p["b"], f"layer {k}, b ({p['b'].size})")
        arguments = [f"@_w{k}", f"@_r{k}", f"@_b{k}"]
        if cell.extra:
            values = p[cell.extra.name]
            program.constant("float", f"p{k}", values, f"layer {k}, {cell.extra.name} {values.shape}")
            arguments.append(f"@_p{k}")
        states = [f"{letter}{k}" for letter in "hc"[: layer.n_states]]
        what = {"h": "output", "c": "cell state"}
        for state in states:
            program.field("float", state, H, f"layer {k}: {what[state[0]]}")
            learned = f"{state[0]}0"
            if learned in p:
                program.constant(
                    "float", f"{state}_first", p[learned], f"layer {k}: {what[state[0]]} before the first step ({H})"
                )
                program.begin.append(f"for (k = 0; k < {H}; k++)\n    s->{state}[k] = @@_READ_FLOAT(@_{state}_first + k);")
        arguments += [x, str(width), *(f"s->{state}" for state in states), str(H)]
        program.step.append(f"@_cell({', '.join(arguments)});")
        if layer.has_skip:
            program.field("float", f"y{k}", H, f"layer {k}: output and input")
            program.step.append(f"for (k = 0; k < {H}; k++) /* residual */\n    s->y{k}[k] = s->h{k}[k] + {x}[k];")
        x, width = f"s->y{k}" if layer.has_skip else f"s->h{k}", H
    return x, width


def _add_head(program, model, x, width, sources):
    p, what = model.params["head"], "predictions"
    n = p["V"].shape[0]
    program.constant("float", "head_w", p["V"].T, f"head, V transposed ({p['V'].shape[1]}, {n})")
    program.constant("float", "head_b", p["b"], f"head, b ({p['b'].size})")
    text = ""
    if model.network.static is not None:
        text = "    for (k = 0; k < @@_SCORES; k++)\n        y[k] += s->of_static[k];\n"
    for k, (source, divisor) in enumerate(sources):
        part = POOLED.replace("$width", str(n)).replace("$first", str(k * width)).replace("$size", str(width))
        part = part.replace("$source", x if source is None else f"s->{source}")
        text += part.replace("$divided", "" if divisor is None else f" / {divisor}")
    program.functions.append(SCORES.replace("$poolings", text).replace("$what", what))


def step_function(program, n_input):
    """The function that takes a step, of the lines that the parts have given."""
    lines = program.lines_of_step()
    declared = "    size_t k;\n" if any("k < " in line for line in lines) else ""
    declared += f"    float in[{n_input}];\n" if n_input else ""
    return STEP.replace("$declared", declared).replace("$lines", "\n".join(lines) + "\n")
