"""`Moment`: one step of sequences that come step by step, with the states between steps as inputs and outputs of a graph."""

from functools import cached_property

import numpy as np

from .steps import LOWEST, Steps, smooth


class Moment(Steps):
    """The next step of each sequence: tensors are (1, n_sequences, ...), whereas users pass (n_sequences, ...).

    Each state is an input, ``state_in_<name>``, and an output, ``state_out_<name>``. Where ``n_steps``, one of them, is 0, a
    sequence begins, whatever the others hold.

    Parameters
    ----------
    g, X
        As of `Steps`.
    has_lengths : bool
        Of no effect.
    """

    axes = ("N",)
    name_of_times = "time"
    is_moment = is_single = wants_states = True

    def __init__(self, g, X, has_lengths):
        super().__init__(g, X, False)
        self._before = g.input("state_in_n_steps", "int64", ["N"], "steps that a sequence has had; with 0 it begins")
        self._after = g.add("Add", self._before, 1)
        g.output(self._after, "state_out_n_steps", "int64", ["N"])

    def enter(self, tensor, n_axes):
        return self.g.over("Unsqueeze", tensor, 0)

    def leave(self, tensor, n_axes):
        return self.g.over("Squeeze", tensor, 0)

    @cached_property
    def begun(self):
        """Which sequences have had a step, (n_sequences, 1)."""
        return self.g.over("Unsqueeze", self.g.add("Greater", self._before, 0), 1)

    def recalled(self, name, width, start, kind="float"):
        """A state (n_sequences, width), or what sequences that begin have in its place."""
        tensor = self.g.input(f"state_in_{name}", kind, ["N", width])
        return self.g.add("Where", self.begun, tensor, start)

    def keep(self, name, tensor, width, kind="float"):
        """Make a tensor (n_sequences, width) the state after the step."""
        self.g.output(tensor, f"state_out_{name}", kind, ["N", width])

    def gaps(self, times, median, longest):
        g = self.g
        times = g.over("Squeeze", g.over("Unsqueeze", times, 2), 0)
        before = self.recalled("input_time", 1, np.float64(0), "double")
        self.keep("input_time", times, 1, "double")
        gaps = g.add("Div", g.add("Sub", times, before), np.float64(median))
        gaps = g.cast(g.add("Min", gaps, np.float64(longest)), "float")
        return self.enter(g.add("Where", self.begun, gaps, 1.0), 2)

    def of_directions(self, gaps, n_directions):
        return [gaps]

    def carried(self, x, seen, gap, centre, k):
        g, n = self.g, len(centre)
        before, elapsed = self.recalled("input_last", n, centre), self.recalled("input_elapsed", n, 0.0)
        d = self.enter(g.add("Add", elapsed, 1.0), 2) if gap is None else g.add("Add", elapsed, gap)
        last = g.add("Where", seen, x, before)
        self.keep("input_last", self.leave(last, 3), n)
        self.keep("input_elapsed", self.leave(g.add("Where", seen, 0.0, d), 3), n)
        return last, d

    def delayed(self, name, tensor, n, width):
        before = self.recalled(name, n * width, 0.0)
        parts = [self.g.columns(before, range(k * width, (k + 1) * width), n * width) for k in range(n)]
        self.keep(name, self.g.concat([self.leave(tensor, 3), *parts[:-1]]), n * width)
        had = [self.g.add("GreaterOrEqual", self.g.over("Unsqueeze", self._before, 1), k) for k in range(1, n + 1)]
        return [(self.enter(part, 2), self.enter(one, 2)) for part, one in zip(parts, had, strict=True)]

    def smoothed(self, tensor, factor):
        last = self.recalled("detector_smoothed", 1, np.float64(np.nan), "double")
        last, mean = smooth(self.g, last, self.leave(tensor, 3), factor)
        self.keep("detector_smoothed", last, 1, "double")
        return self.enter(mean, 2)

    def begin(self, k, layer, start):
        self._sizes, self._width, states = dict(zip("hc", layer.state_sizes, strict=False)), layer.output_size, {}
        for name, width in self._sizes.items():
            tensor = self.g.input(f"state_in_layer_{k}_{name}", "float", ["N", width])
            states[name] = self.g.add("Where", self.begun, self.enter(tensor, 2), start.get(name, 0.0))
        return states

    def end(self, k, states):
        for name, tensor in states.items():
            self.keep(f"layer_{k}_{name}", self.leave(tensor, 3), self._sizes[name])

    def filtered(self, chain, scores):
        """Logarithms (n_sequences, K) of the probabilities of the labels, given the steps so far, of a `Chain`."""
        before = self.recalled("crf_filtered", chain.K, 0.0)
        logs = chain.filtered(self.g, before, scores, self.g.add("Not", self.begun))
        self.keep("crf_filtered", logs, chain.K)
        return logs

    def pooled(self, name, p, y, ends):
        return POOLINGS[name](self, y, ends)


def _last(moment, y, ends):
    return ends


def _mean(moment, y, ends):
    g, F = moment.g, moment._width
    before = moment.recalled("pooled_sum", F, np.float64(0), "double")  # float would lose the steps after some 100,000
    total = g.add("Add", before, g.cast(moment.leave(y, 3), "double"))
    moment.keep("pooled_sum", total, F, "double")
    return g.cast(g.add("Div", total, g.over("Unsqueeze", g.cast(moment._after, "double"), 1)), "float")


def _max(moment, y, ends):
    F = moment._width
    top = moment.g.add("Max", moment.recalled("pooled_max", F, LOWEST), moment.leave(y, 3))
    moment.keep("pooled_max", top, F)
    return top


POOLINGS = {"last": _last, "mean": _mean, "max": _max}
