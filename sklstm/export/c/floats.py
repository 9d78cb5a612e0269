"""A network in C, in float32."""

from ..._kernels._simd import LAYERNORM_EPSILON
from ...network import STRUCTURES
from ...network.cells import CELLS as FACTS
from .cells import ARGUMENTS, CELLS, HELPERS, PROJECTED, RELU, ROW
from .chain import add_chain
from .header import init_function
from .inputs import add_inputs
from .outputs import add_outputs, add_predict
from .poolings import add_poolings
from .program import Program
from .static import add_static
from .text import float_literal

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


def _add_cell(program, network, projects):
    """The function that takes a step of a layer."""
    cell, (template, parts) = FACTS[network.cell], CELLS[network.cell]
    most = max(layer.hidden_size for layer in network.layers)
    if "@_row(" in template + "".join(parts.values()):
        program.functions.append(ROW)
    extra = " const float *p," * bool(cell.extra) + " const float *projection," * projects
    text = template
    for key, value in {"arguments": ARGUMENTS.replace(" $extra", extra), **parts}.items():
        text = text.replace(f"${key}", value)
    for plain, projected in PROJECTED.items() if projects else ():
        text = text.replace(plain, projected)
    act = {"tanh": "tanhf", "relu": "@_relu"}[network.activation]
    text = text.replace("$act", act).replace("$most", str(most)).replace("$epsilon", float_literal(LAYERNORM_EPSILON))
    program.functions.append(text)


def _add_layers(program, model, x, width):
    """The recurrent layers, which read `x` of so many values; returns what the last one writes, and its width."""
    network = model.network
    extra = FACTS[network.cell].extra
    _add_cell(program, network, "P" in model.params["layer_0"])
    for k, layer in enumerate(network.layers):
        p, H, N = model.params[f"layer_{k}"], layer.hidden_size, layer.output_size
        transposed = {"w": p["W"], "r": p["R"], "b": p["b"]} | ({"p": p[extra.name].T} if extra else {})
        transposed |= {"projection": p["P"]} if "P" in p else {}
        arguments = []
        for name, matrix in transposed.items():
            what = f"layer {k}, {name.upper()} {matrix.T.shape}"
            arguments.append(program.constant("float", f"{name}{k}", matrix.T, what))
        arguments += [x, str(width), *_add_state(program, f"h{k}", N, p.get("h0"), f"layer {k}: output")]
        if layer.n_states == 2:
            arguments += ([str(N)] if "P" in p else []) + _add_state(program, f"c{k}", H, p.get("c0"), f"layer {k}: cell state")
        program.step.append(f"@_cell({', '.join([*arguments, str(H)])});")
        if layer.has_skip:
            program.field("float", f"y{k}", N, f"layer {k}: output and input")
            program.step.append(f"for (k = 0; k < {N}; k++) /* residual */\n    s->y{k}[k] = s->h{k}[k] + {x}[k];")
        x, width = f"s->y{k}" if layer.has_skip else f"s->h{k}", N
    return x, width


def _add_state(program, name, n, first, what):
    """Add a state, and what it is before the first step, if that is learned; returns a list of what a function takes for it."""
    program.field("float", name, n, what)
    if first is not None:
        program.constant("float", f"{name}_first", first, f"{what} before the first step ({n})")
        program.begin.append(f"for (k = 0; k < {n}; k++)\n    s->{name}[k] = @@_READ_FLOAT(@_{name}_first + k);")
    return [f"s->{name}"]


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
