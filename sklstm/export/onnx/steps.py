"""`Steps`: what the nodes of a graph need to know of the steps of sequences, and their poolings."""

from functools import cached_property, partial

import numpy as np

LOWEST = -3e38  # less than any output


class Steps:
    """The steps of whole sequences: tensors of them are (n_steps, n_sequences, ...); users pass (n_sequences, n_steps, ...).

    Nodes are added when something first asks for them.

    Parameters
    ----------
    g : Graph
    X : str
        One of the inputs, (n_sequences, n_steps, ...).
    has_lengths : bool
        Whether there is an input with the steps of each sequence; else all have as many as X.
    """

    axes = ("N", "T")  # names of the first sizes of what users pass
    name_of_times = "times"
    is_moment = False  # whether states before and after the steps are inputs and outputs
    is_single = False  # whether there is one step, and every state has a value before it
    wants_states = False  # whether `end` reads states

    def __init__(self, g, X, has_lengths):
        self.g, self.X, self.lengths, self._zeros = g, X, None, {}
        self.inputs = self.numbers = None  # as `Inputs`, and their numbers (n_steps, n_sequences, n)
        if has_lengths:
            self.lengths = g.input("lengths", "int64", ["N"], "Steps of each sequence, from 1 to T")

    def check_lengths(self):
        """Let lengths above the number of steps be an error, as they are of a recurrent operator but of no loop."""
        if self.lengths is not None:
            known = self.g.add("Range", 0, self.g.add("Add", self.n_steps, 1), 1)
            self.lengths = self.g.add("Gather", known, self.lengths, axis=0, name="_lengths_are_at_most_T")

    def enter(self, tensor, n_axes):
        """What users pass, of so many axes, with the steps first."""
        return self.g.transposed(tensor, (1, 0, *range(2, n_axes)))

    def leave(self, tensor, n_axes):
        """The same the other way round, for outputs."""
        return self.enter(tensor, n_axes)

    @cached_property
    def _shape(self):
        return self.g.add("Shape", self.X)

    @cached_property
    def n_sequences(self):
        """(1,)"""
        return self.g.add("Gather", self._shape, [0])

    @cached_property
    def n_steps(self):
        """()"""
        return self.g.add("Gather", self._shape, 1)

    @cached_property
    def index(self):
        """Numbers of the steps, (n_steps, 1, 1)."""
        return self.g.over("Unsqueeze", self.g.add("Range", 0, self.n_steps, 1), (1, 2))

    @cached_property
    def lengths32(self):
        return None if self.lengths is None else self.g.cast(self.lengths, "int32")

    @cached_property
    def _ends(self):
        """Lengths, (1, n_sequences, 1)."""
        return self.g.over("Unsqueeze", self.lengths, (0, 2))

    @cached_property
    def active(self):
        """Which steps there are, (n_steps, n_sequences, 1); None for all."""
        return None if self.lengths is None else self.g.add("Less", self.index, self._ends)

    @cached_property
    def is_first(self):
        return self.g.add("Equal", self.index, 0)

    @cached_property
    def _rows_of_last(self):
        """Numbers of the last steps in (n_steps n_sequences, width), by sequences."""
        n = self.g.add("Gather", self._shape, 0)
        return self.g.add("Add", self.g.add("Mul", self.lengths, n), self.g.add("Range", self.g.add("Neg", n), 0, 1))

    @cached_property
    def _is_last(self):
        n_steps = self.n_steps if self.lengths is None else self._ends
        return self.g.add("Equal", self.index, self.g.add("Sub", n_steps, 1))

    def masked(self, tensor, value):
        """A tensor with another value at steps that there are not."""
        return tensor if self.lengths is None else self.g.add("Where", self.active, tensor, value)

    def last(self, tensor):
        """The entries (n_sequences, width) of (n_steps, n_sequences, width) at the last step of each sequence.

        With lengths the tensor may also have more axes of size 1.
        """
        if self.lengths is None:
            return self.g.add("Gather", tensor, -1, axis=0)
        return self.g.add("Gather", self.g.add("Flatten", tensor, axis=-1), self._rows_of_last, axis=0)

    def zeros(self, width):
        """(n_sequences, width)"""
        if width not in self._zeros:
            shape = self.g.concat([self.n_sequences, self.g.constant([width])], axis=0)
            self._zeros[width] = self.g.add("ConstantOfShape", shape)
        return self._zeros[width]

    # ---- the input layer ----

    def gaps(self, times, median, longest):
        """Gaps (n_steps, n_sequences, 1), in units of the median, between steps and those before, as the network reads them.

        Parameters
        ----------
        times : str
            double (n_steps, n_sequences)
        median, longest : float
        """
        g = self.g
        before = self.shifted(times)
        gaps = g.add("Div", g.add("Sub", times, before), np.float64(median))
        gaps = g.cast(g.add("Min", gaps, np.float64(longest)), "float")
        gaps = g.add("Where", self.is_first, 1.0, g.over("Unsqueeze", gaps, 2))
        return self.masked(gaps, 1.0)  # times of padding do not increase, and may be NaN

    def shifted(self, tensor):
        """The entries of the step before, and at the first step any."""
        g = self.g
        first, others = g.add("Slice", tensor, [0], [1], [0]), g.add("Slice", tensor, [0], [-1], [0])
        return g.concat([first, others], axis=0)

    def of_directions(self, gaps, n_directions):
        """For each direction the gaps, (n_steps, n_sequences, 1), to the step that its walk comes from; 1 where it begins."""
        g = self.g
        if n_directions == 1:
            return [gaps]
        later, last = (g.add("Slice", gaps, [first], [np.iinfo(np.int64).max], [0]) for first in (1, -1))
        return [gaps, g.add("Where", self._is_last, 1.0, g.concat([later, last], axis=0))]

    def carried(self, x, seen, gap, centre, k):
        """The last values and the time since then, (n_steps, n_sequences, n), of direction k, by a loop.

        Parameters
        ----------
        x : str
            (n_steps, n_sequences, n), with any value where there is none.
        seen : str
            Where there is one.
        gap : str or None
            As from `of_directions`; None for steps that are 1 apart.
        centre : ndarray of shape (n,)
            What stands for values before the first.
        k : int
        """
        g, zeros = self.g, self.zeros(len(centre))
        states = [(g.add("Add", zeros, centre), "float"), (zeros, "float")]
        items = [(x, "float"), (seen, "bool")]
        # The reverse direction has no time before its first step, whatever stands behind.
        masks = k == 1 and self.lengths is not None
        items += [(gap, "float")] * (gap is not None) + [(self.active, "bool")] * masks

        def step(body, last, elapsed, x, seen, *others):
            d = body.add("Add", elapsed, others[0] if gap is not None else 1.0)
            last, elapsed = body.add("Where", seen, x, last), body.add("Where", seen, 0.0, d)
            if masks:
                elapsed = body.add("Where", others[-1], elapsed, 0.0)
            return [last, elapsed, last, d]

        return g.scan(step, states, items, [("float", len(centre))] * 2, reverse=k == 1)[2:]

    def channels(self, chosen):
        """Some of the numbers in X, (n_steps, n_sequences, n), less their shifts; NaN where they are missing."""
        return self.inputs.shifted(self.numbers, chosen)

    # ---- what was before ----

    def delayed(self, name, tensor, n, width):
        """For 1, 2, ... n: entries of (n_steps, n_sequences, width) so many steps before, and where there are such steps."""
        g, parts = self.g, []
        for k in range(1, n + 1):
            shape = g.concat([g.constant([k]), self.n_sequences, g.constant([width])], axis=0)
            padded = g.concat([g.add("ConstantOfShape", shape), tensor], axis=0)
            before = g.add("Slice", padded, [0], g.over("Unsqueeze", self.n_steps, 0), [0])
            parts.append((before, g.add("GreaterOrEqual", self.index, k)))
        return parts

    def smoothed(self, tensor, factor):
        """Exponential means along sequences of (n_steps, n_sequences, 1), double, of those that are not NaN."""
        start = self.g.add("Add", self.g.cast(self.zeros(1), "double"), np.float64(np.nan))
        return self.g.scan(partial(smooth, factor=factor), [(start, "double")], [(tensor, "double")], [("double", 1)])[1]

    # ---- layers and poolings ----

    def begin(self, k, layer, start):
        """States that layer k begins with, from those of new sequences."""
        return start

    def end(self, k, states):
        """Take note of the last states of layer k."""

    def pooled(self, name, p, y, ends):
        """What a pooling makes of outputs (n_steps, n_sequences, F) and of those where walks end, (n_sequences, F)."""
        return POOLINGS[name](self, p, y, ends)


def smooth(g, last, value, factor):
    """The next last value and the smoothed one: factor last + (1 - factor) value, where there are both."""
    mean = g.add("Add", g.add("Mul", last, np.float64(factor)), g.add("Mul", value, np.float64(1 - factor)))
    mean = g.add("Where", g.add("IsNaN", last), value, mean)
    return [g.add("Where", g.add("IsNaN", value), last, mean), mean]


def _last(steps, p, y, ends):
    return ends


def _mean(steps, p, y, ends):
    g = steps.g
    total = g.reduced("ReduceSum", steps.masked(y, 0.0), 0)
    counts = steps.n_steps if steps.lengths is None else g.over("Unsqueeze", steps.lengths, 1)
    return g.add("Div", total, g.cast(counts, "float"))


def _max(steps, p, y, ends):
    return steps.g.reduced("ReduceMax", steps.masked(y, LOWEST), 0)


def _attention(steps, p, y, ends):
    """e_t = v tanh(y_t A + b),   alpha = softmax of e over the steps,   sum_t alpha_t y_t"""
    g = steps.g
    u = g.add("Tanh", g.add("Add", g.add("MatMul", y, p["A"]), p["b"]))
    e = steps.masked(g.add("MatMul", u, p["v"][:, np.newaxis]), LOWEST)
    return g.reduced("ReduceSum", g.add("Mul", g.add("Softmax", e, axis=0), y), 0)


POOLINGS = {"last": _last, "mean": _mean, "max": _max, "attention": _attention}
