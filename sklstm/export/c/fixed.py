"""A network in C, in integers: weights of 16 or 8 bits, states of 16."""

import warnings

import numpy as np
from scipy.special import expit

from ...network.cells import CELLS as FACTS
from .calibration import MARGIN, MOST, check_sums, exponent_of, of_16_bits, of_32_bits, quantized, ranges
from .fixed_cells import ACTIVATIONS, ARGUMENTS, BOTH, DOT, FIXED_CELLS, HELPERS, MATRIX, RELU, ROWS, SIGMOID, TANH
from .fixed_poolings import ATTENTION, EXP, MAX, MEAN, POOLED
from .header import init_function
from .inputs import add_category_codes
from .outputs import add_outputs, add_predict
from .program import Program
from .run import expected_outputs
from .text import float_literal

WEIGHTS = {"q15": "int16_t", "int8": "int8_t"}
WORDS = {"q15": "INT16", "int8": "INT8"}

# What a channel at the end of its range adds to a gate, at most: gates are not told apart beyond 8.
MOST_EFFECT = {"q15": 24, "int8": 12}
MOST_OUTSIDE = 0.05  # share of steps at which a channel may add more
MOST_CHANGE = 0.1  # of a probability, or of quantities in standard deviations, by the integers of channels: more is warned of

QUANTIZE = """\
/* The integers of a sample: q has @@_CHANNELS. Numeric channel k is x[k] factor[k] + offset[k], rounded; a category is its
   number, from 1 on, or 0 for others. */
static inline void @_quantize(const float *x, int16_t *q)
{
    size_t k;
    for (k = 0; k < @@_CHANNELS; k++) {
        const float v = x[k] * @@_READ_FLOAT(@_factor + k) + @@_READ_FLOAT(@_offset + k);
        if (!(v > -32767.0f))
            q[k] = (int16_t)(v <= -32767.0f ? -32767 : 0); /* 0 for what is no number */
        else if (v < 32767.0f)
            q[k] = (int16_t)(v < 0.0f ? v - 0.5f : v + 0.5f);
        else
            q[k] = 32767;
    }
$categories}
"""

READ = """\
/* What the first layer reads of the integers of a sample. */
static inline void @_read(const int16_t *q, int16_t *in)
{
    size_t k;
$body}
"""

VECTOR = """\
    {
        const size_t row = (q[$channel] > 0 && q[$channel] < $rows ? (size_t)q[$channel] : 0) * $width;
        for (k = 0; k < $width; k++)
            in[$place + k] = (int16_t)(@@_READ_$TYPE(@_embedding_$channel + row + k)$times);
    }
"""

STEP = """\
/* Take the next sample of a sequence, as integers. */
static inline void @_step_q(@_state *s, const int16_t *q)
{
$declared$lines}
"""

STEP_OF_NUMBERS = """\
/* Take the next sample of a sequence: x has @@_CHANNELS numbers. */
static inline void @_step(@_state *s, const float *x)
{
    int16_t q[@@_CHANNELS];
    @_quantize(x, q);
    @_step_q(s, q);
}
"""

SCORES = """\
/* Scores of the steps so far as integers: y has @@_SCORES. */
static inline void @_scores_q(const @_state *s, int32_t *y)
{
    size_t k;$pooled
    for (k = 0; k < @@_SCORES; k++)
        y[k] = @@_READ_INT32(@_head_b + k);
$poolings}
"""

SCORES_AS_NUMBERS = """\
/* Scores of the steps so far. */
static inline void @_scores(const @_state *s, float *y)
{
    int32_t scores[@@_SCORES];
    size_t k;
    @_scores_q(s, scores);
    for (k = 0; k < @@_SCORES; k++)
        y[k] = (float)scores[k] * $unit;
}
"""


def fixed_program(model, name, dtype, X_calibration):
    """The `Program` of an `Exported`, with ranges from data."""
    return _Writer(model, name, dtype, X_calibration).written()


class _Writer:
    """What is known while a program is written."""

    def __init__(self, model, name, dtype, X_calibration):
        self.model, self.dtype, self.network = model, dtype, model.network
        self.program, self.ranges = Program(name), ranges(model, X_calibration)
        self.activation = self.network.activation

    def written(self):
        program, network = self.program, self.network
        attends, cell = "attention" in network.poolings, FACTS[network.cell]
        program.functions.append(HELPERS)
        if cell.gates or self.activation == "tanh" or attends:
            self._add_table()
            program.functions.append(SIGMOID)
        if self.activation == "tanh" or attends:
            program.functions.append(TANH)
        if self.activation == "relu":
            program.functions.append(RELU)
        program.functions.append(DOT.replace("$type", WEIGHTS[self.dtype]).replace("$TYPE", WORDS[self.dtype]))
        program.functions.append(ROWS[self.dtype])
        x, width, exponent = self._add_inputs()
        x, width, exponent = self._add_layers(cell, x, width, exponent)
        self._add_poolings(x, width, exponent)
        self._add_head(x, width, exponent)
        program.functions += [init_function(program), self._step_function()]
        program.float_functions.append(STEP_OF_NUMBERS)
        add_outputs(program, self.model, "int32_t", "_q")
        add_predict(program, self.model)
        return program

    def _add_table(self):
        values = np.rint(expit(np.arange(257) / 32) * 2**16)
        values[-1] = 65535
        self.program.constant("uint16_t", "table", values, "2^16 sigmoid(k / 32) for k from 0 to 256", is_table=True)

    def _matrix(self, name, matrix, exponent, what):
        """Add a matrix (n_rows, n) that multiplies vectors with an exponent; returns the arguments that stand for it, and bounds
        of the products (n_rows,)."""
        found = quantized(matrix, exponent, self.dtype, what)
        self.program.constant(WEIGHTS[self.dtype], name, found.values, f"{what} {found.values.shape}")
        scale = (
            []
            if found.scale is None
            else [self.program.constant("int16_t", f"{name}_scale", found.scale, f"{what}: scales of rows")]
        )
        return [f"@_{name}", *scale, str(found.shift)], found.bounds

    # ---- inputs ----

    def _add_inputs(self):
        """Returns what the first layer reads, its width, and its exponent; `self.units` and `self.centre` are of its columns."""
        model, network, program = self.model, self.network, self.program
        entry, p, first = network.input_layer, model.params.get("input"), network.layers[0]
        low, high = self.ranges.inputs
        numeric = np.arange(network.input_size) if entry is None else entry.numeric
        n, n_columns = len(numeric), len(low)
        centre, largest = np.zeros(n_columns), np.maximum(np.abs(low), np.abs(high))
        exponent = 15
        if first.has_skip:
            exponent = exponent_of(largest.max(), "The input")
            units = np.full(n_columns, 2.0 ** (15 - exponent))
        else:
            half = (high - low) / 2
            moved = np.arange(n_columns) < n
            moved &= np.abs(high + low) / 2 > 2 * half
            centre[moved] = ((low + high) / 2)[moved]
            largest[moved] = half[moved]
            floor = np.maximum(1e-6 * np.abs(centre), 1e-30)
            largest = np.maximum(MARGIN * largest, floor)
            if self.activation == "tanh":  # beyond, gates are saturated, whatever else they read
                weights = np.abs(model.params["layer_0"]["W"]).max(axis=1)
                largest = np.minimum(largest, MOST_EFFECT[self.dtype] / np.maximum(weights, 1e-30))
            units = 2.0 ** np.ceil(np.log2(largest))
            centre = np.rint(centre / units * 2**15) * units / 2**15
        self.units, self.centre = units, centre
        self._check_effects(n)
        factor, offset = np.ones(model.n_channels), np.zeros(model.n_channels)
        of_x = np.ones(n) if entry is None else p["scale"]
        shift = np.zeros(n) if entry is None else p["offset"]
        factor[numeric] = of_x * 2**15 / units[:n]
        offset[numeric] = (shift - centre[:n]) * 2**15 / units[:n]
        self._check_integers(numeric, factor, offset)
        program.constant("float", "factor", factor, "factors that make integers of channels")
        program.constant("float", "offset", offset, "and offsets")
        categories = "".join(
            f"    q[{channel}] = (int16_t)@_category_{channel}(x[{channel}]);\n" for channel, *_ in network.categories
        )
        if network.categories:
            add_category_codes(program, model, program.float_functions)
        program.float_functions.append(QUANTIZE.replace("$categories", categories))
        if not network.categories:
            return "q", n_columns, exponent
        self._add_vectors(numeric, p, first.has_skip, exponent)
        return "in", n_columns, exponent

    def _check_effects(self, n):
        """Raise a ValueError where channels often drive gates so far that their ends are cut off."""
        outside = np.abs(self.ranges.read[:, :n] - self.centre[:n]) > self.units[:n]
        if outside.any(axis=1).mean() > MOST_OUTSIDE:
            channel = outside.mean(axis=0).argmax()
            raise ValueError(
                f"Numeric channel {channel} is so large that it alone saturates gates at many steps of X_calibration; integers"
                " cannot hold what other channels add. Use dtype='float32', or fit with standardize=True."
            )

    def _check_integers(self, numeric, factor, offset):
        """Warn where the model predicts something else of the integers of channels than of X_calibration."""
        model, sequences = self.model, self.ranges.sequences
        values = sequences.values.copy()
        there = numeric[factor[numeric] != 0]
        integers = np.clip(np.rint(values[:, there] * factor[there] + offset[there]), -32767, 32767)
        values[:, there] = (integers - offset[there]) / factor[there]
        expected, found = (expected_outputs(model, data)[0] for data in (sequences, sequences.with_values(values)))
        unit = np.ones(expected.shape[1]) if model.classes is not None else expected.std(axis=0)
        changes = np.abs(found - expected).max(axis=0)
        k = np.argmax(changes / np.maximum(unit, 1e-300))
        if changes[k] > MOST_CHANGE * unit[k] > 0:
            warnings.warn(
                f"The integers of {self.dtype} that stand for channels change outputs of X_calibration by up to {changes[k]:.2g}"
                f"{'' if model.classes is not None else f', where their standard deviation is {unit[k]:.2g}'}: some values of X"
                " are too large to have the same factor as the others. Use dtype='float32', or clip X before fit, in"
                " X_calibration and on the device.",
                UserWarning,
                stacklevel=6,
            )

    def _add_vectors(self, numeric, p, has_skip, exponent):
        """The vectors of categories, behind the numeric channels."""
        n, body = len(numeric), ""
        if n:
            source = "k"
            if (numeric != np.arange(n)).any():
                self.program.constant("uint16_t", "numeric", numeric, f"which channels are numeric ({n})")
                source = "@@_READ_UINT16(@_numeric + k)"
            body = f"    for (k = 0; k < {n}; k++)\n        in[k] = q[{source}];\n"
        place = n
        for channel, rows, width in self.network.categories:
            if rows > 32767:
                raise ValueError(f"Channel {channel} has {rows} categories, more than 16 bits count. Use dtype='float32'.")
            E = p[f"E{channel}"]
            columns = slice(place, place + width)
            step = 256 if self.dtype == "int8" else 1
            if not has_skip:
                self.units[columns] = np.maximum(np.abs(E).max(axis=0), 1e-30) * 2**15 / (32767 // step * step)
            values = np.rint(E / self.units[columns] * (2**15 / step))
            self.program.constant(WEIGHTS[self.dtype], f"embedding_{channel}", values, f"channel {channel}: vectors {E.shape}")
            text = VECTOR.replace("$channel", str(channel)).replace("$width", str(width)).replace("$place", str(place))
            text = text.replace("$rows", str(rows)).replace("$times", "" if step == 1 else " * 256")
            body += text.replace("$TYPE", WORDS[self.dtype])
            place += width
        self.program.functions.append(READ.replace("$body", body))
        self.program.step.append("@_read(q, in);")

    # ---- layers ----

    def _add_cell(self, cell):
        template, parts = FIXED_CELLS[self.network.cell]
        most, relu = max(layer.hidden_size for layer in self.network.layers), self.activation == "relu"
        with_c, without_c, g_exponent, state = ACTIVATIONS[self.activation]
        of, values = MATRIX[self.dtype]
        self.program.functions.append(self._with_matrices(BOTH, of, values))
        text = template
        for key, value in {"arguments": ARGUMENTS, **parts}.items():
            text = text.replace(f"${key}", value)
        text = text.replace("$extra", "\n                          const int16_t *p, int p_shift," if cell.extra else "")
        text = text.replace("$exponent", ", int h_exponent" if relu else "")
        text = text.replace("$candidate_of", with_c if cell.n_states == 2 else without_c).replace("$g_exponent", g_exponent)
        text = text.replace("$state", state).replace("$function", self.activation).replace("$most", str(most))
        self.program.functions.append(self._with_matrices(text, of, values))

    def _with_matrices(self, text, of, values):
        for letter in "wr":
            text = text.replace(f"$of_{letter}", of.format(letter)).replace(f"${letter},", f"{values.format(letter)},")
        return text

    def _add_layers(self, cell, x, width, exponent):
        program, network = self.program, self.network
        self._add_cell(cell)
        for k, layer in enumerate(network.layers):
            p, H = self.model.params[f"layer_{k}"], layer.hidden_size
            W, b = p["W"], p["b"].copy()
            if k == 0:
                if not layer.has_skip:
                    b[: W.shape[1]] += self.centre @ W
                    W = W * self.units[:, np.newaxis]
                in_exponent = exponent
            h_exponent = 15 if self.activation == "tanh" else exponent_of(self.ranges.outputs[k], f"The output of layer {k}")
            arguments, bounds = self._matrix(f"w{k}", W.T, in_exponent, f"layer {k}, W transposed")
            of_r, bounds_of_r = self._matrix(f"r{k}", p["R"].T, h_exponent, f"layer {k}, R transposed")
            arguments += of_r
            n_sums = len(bounds)
            bounds = bounds + bounds_of_r + np.abs(b[:n_sums])
            bounds[n_sums - (b.size - n_sums) :] += np.abs(b[n_sums:])  # the second bias of a candidate
            arguments.append(program.constant("int32_t", f"b{k}", of_32_bits(b, f"b of layer {k}"), f"layer {k}, b ({b.size})"))
            c_exponent = None
            if layer.n_states == 2:  # of 31 bits
                c_exponent = exponent_of(self.ranges.states[k], f"The cell state of layer {k}") + 15
            if cell.extra:
                peepholes, own = of_16_bits(p[cell.extra.name])
                arguments += [program.constant("int16_t", f"p{k}", peepholes, f"layer {k}, peepholes {peepholes.shape}")]
                arguments += [str(own + c_exponent - 15 - 16)]
                bounds += np.abs(p[cell.extra.name]).max() * 2.0 ** (30 - c_exponent)
            check_sums(bounds, f"layer {k}")
            arguments += [x, str(width)]
            arguments.append(self._state(f"h{k}", H, "int16_t", h_exponent, p.get("h0"), f"layer {k}: output"))
            if c_exponent is not None:
                arguments.append(self._state(f"c{k}", H, "int32_t", c_exponent, p.get("c0"), f"layer {k}: cell state"))
            arguments += [str(H)] + ([str(c_exponent)] if c_exponent is not None else [])
            arguments += [str(h_exponent)] if self.activation == "relu" else []
            program.step.append(f"@_cell({', '.join(arguments)});")
            y, y_exponent = f"s->h{k}", h_exponent
            if layer.has_skip:
                y, y_exponent = f"s->y{k}", exponent_of(self.ranges.residual[k], f"The output of layer {k}")
                program.field("int16_t", f"y{k}", H, f"layer {k}: output and input, exponent {y_exponent}")
                program.step.append(
                    f"for (k = 0; k < {H}; k++) /* residual */\n"
                    f"    {y}[k] = @_saturate(@_shift(s->h{k}[k], {h_exponent - y_exponent})"
                    f" + @_shift({x}[k], {in_exponent - y_exponent}));"
                )
            x, width, in_exponent = y, H, y_exponent
        return x, width, in_exponent

    def _state(self, name, n, ctype, exponent, first, what):
        """Add a state, and what it is before the first step, if that is learned; returns what a function takes for it."""
        self.program.field(ctype, name, n, f"{what}, exponent {exponent}")
        if first is not None:
            most = 2 ** (15 if ctype == "int16_t" else 30) - 1
            values = np.clip(np.rint(first * 2.0**exponent), -most, most)
            self.program.constant(ctype, f"{name}_first", values, f"{what} before the first step ({n})")
            read = f"@@_READ_{ctype.removesuffix('_t').upper()}(@_{name}_first + k)"
            self.program.begin.append(f"for (k = 0; k < {n}; k++)\n    s->{name}[k] = {read};")
        return f"s->{name}"

    # ---- poolings and head ----

    def _add_poolings(self, y, size, exponent):
        program, names = self.program, self.network.poolings
        if not set(names) - {"last"}:
            return
        lines = ""
        program.count_steps()
        if "mean" in names:
            program.field("int32_t", "sum", size, "of the outputs so far")
            program.field("uint8_t", "halvings", None, "of the sum")
            lines += MEAN
        if "max" in names:
            program.field("int16_t", "max", size, "largest outputs so far")
            lines += MAX
        if "attention" in names:
            p = self.model.params["attention"]
            values = np.rint(np.exp(-np.arange(257) / 16) * 2**15)
            program.constant("uint16_t", "exp_table", values, "2^15 exp(-k / 16) for k from 0 to 256", is_table=True)
            program.functions.append(EXP)
            arguments, bounds = self._matrix("attention_w", p["A"].T, exponent, "attention, A transposed")
            matrix = ", ".join(arguments)
            check_sums(bounds + np.abs(p["b"]), "the attention")
            program.constant("int32_t", "attention_b", of_32_bits(p["b"], "b of the attention"), f"attention, b ({size})")
            total = np.abs(p["v"]).sum()
            check_sums(2 * total, "the attention")  # differences of two
            own = min(int(np.floor(np.log2(min(32767 / max(np.abs(p["v"]).max(), 1e-9), 65000 / max(total, 1e-9))))), 20)
            program.constant("int16_t", "attention_v", np.rint(p["v"] * 2.0**own), f"attention, v ({size})")
            program.field("int32_t", "top", None, "largest e so far, or more")
            program.field("int32_t", "norm", None, "sum of the weights")
            program.field("int32_t", "weighted", size, "sum of weighted outputs so far")
            lines += ATTENTION.replace("$matrix", matrix).replace("$v_shift", str(own + 15 - 16))
        program.functions.append(
            "/* Take the outputs of a step into what is pooled. */\n"
            "static inline void @_pool(@_state *s, const int16_t *y)\n"
            f"{{\n    size_t k;\n{lines.replace('$size', str(size))}}}\n"
        )
        program.step.append(f"@_pool(s, {y});")

    def _add_head(self, y, size, exponent):
        program, p, names = self.program, self.model.params["head"], self.network.poolings or ("last",)
        V, b = p["V"].T, p["b"]
        sums = np.abs(V).sum(axis=1)
        scores = sums * 2.0 ** (15 - exponent) + np.abs(b)  # largest ones, where states are as large as 16 bits hold
        bounds = np.maximum.reduce(
            [np.abs(V).max(axis=1) / 32, sums / 4096, np.abs(b) / 4096, scores / (MOST // 2), np.full(len(b), 1e-30)]
        )
        of_each = (
            self.model.loss.decide is None
            and self.model.loss.units in ("affine", "distribution")
            and not self.model.loss.is_ordered
        )
        units = 2.0 ** np.ceil(np.log2(bounds if of_each else np.full(len(b), bounds.max())))
        text, pooled = "", ""
        found = quantized(V / units[:, np.newaxis], exponent, self.dtype, "the head")
        check_sums(found.bounds + np.abs(b) / units, "the head")
        n = len(b)
        for k, name in enumerate(names):
            part = found.values[:, k * size : (k + 1) * size]
            program.constant(
                WEIGHTS[self.dtype], f"head_{name}", part, f"head, V transposed, of the pooling {name!r} ({n}, {size})"
            )
            source = {"last": y, "max": "s->max"}.get(name, "pooled")
            if name in POOLED:
                pooled = f"\n    int16_t pooled[{size}];"
                text += POOLED[name].replace("$size", str(size))
            scale = "" if found.scale is None else "@_head_scale, "
            call = f"@_row(@_head_{name}, {scale}{found.shift}, k, {source}, {size})"
            text += f"    for (k = 0; k < @@_SCORES; k++)\n        y[k] += {call};\n"
        if found.scale is not None:
            program.constant("int16_t", "head_scale", found.scale, "head: scales of rows")
        program.constant("int32_t", "head_b", of_32_bits(b / units, "b of the head"), f"head, b ({n})")
        same = (units == units[0]).all()
        if not same:
            program.constant("float", "head_units", units / 2**16, "units of scores")
        unit = float_literal(units[0] / 2**16) if same else "@@_READ_FLOAT(@_head_units + k)"
        program.functions.append(SCORES.replace("$poolings", text).replace("$pooled", pooled))
        program.float_functions.append(SCORES_AS_NUMBERS.replace("$unit", unit))

    def _step_function(self):
        lines = self.program.lines_of_step()
        declared = "    size_t k;\n" if any("k < " in line for line in lines) else ""
        declared += f"    int16_t in[{len(self.units)}];\n" if self.network.categories else ""
        return STEP.replace("$declared", declared).replace("$lines", "\n".join(lines) + "\n")
