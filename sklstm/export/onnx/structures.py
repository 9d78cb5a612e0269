"""Labels that depend on each other, in ONNX: a linear chain by loops, and label sequences that are aligned with the steps."""

import numpy as np

from ...estimators.structure import transitions
from ..limits import FORBIDDEN


class Chain:
    """A linear chain over the scores of steps.

    Parameters
    ----------
    g : Graph
    model : LSTMClassifier
        Fitted.
    scores : str
        (n_steps, n_sequences, K)
    steps : Steps
    """

    def __init__(self, g, model, scores, steps):
        structure = np.maximum(transitions(model), FORBIDDEN).astype(np.float32)
        self.pairs, self.start, self.end = structure[:-2], structure[-2], structure[-1]
        self.g, self.steps, self.K = g, steps, len(self.start)
        self.scores = [(scores, "float")]

    @property
    def _of_first(self):
        return [(self.steps.is_first, "bool")]

    @property
    def _active(self):
        return [] if self.steps.active is None else [(self.steps.active, "bool")]

    def _new(self, start=None):
        """A state (n_sequences, K) to begin with."""
        zeros = self.steps.zeros(self.K)
        return zeros if start is None else self.g.add("Add", zeros, start)

    def marginals(self):
        """Probabilities (n_steps, n_sequences, K) of the labels of each step, given all scores: softmax(a + b), with

        a_t = e_t + log sum exp(a_(t-1) + pairs)  and  b_t = log sum exp(pairs + e_(t+1) + b_(t+1))
        """
        items = self.scores + self._of_first + self._active
        _, a = self.g.scan(self._forwards, [(self._new(), "float")], items, [("float", self.K)])
        of_end = [(self._new(self.end), "float")]
        _, b = self.g.scan(self._backwards, of_end, self.scores + self._active, [("float", self.K)], reverse=True)
        return self.g.add("Softmax", self.g.add("Add", a, b), axis=-1)

    def filtered(self, g, a, e, first):
        """The next logarithms (n_sequences, K) of probabilities given the steps so far; nodes are added to g."""
        before = g.reduced("ReduceLogSumExp", g.add("Add", g.over("Unsqueeze", a, 2), self.pairs), 1)
        a = g.add("Add", e, g.add("Where", first, self.start, before))
        return g.add("Sub", a, g.reduced("ReduceLogSumExp", a, 1, keepdims=True))

    def _forwards(self, g, a, e, first, active=None):
        new = self.filtered(g, a, e, first)
        if active is not None:
            new = g.add("Where", active, new, a)
        return [new, new]

    def _backwards(self, g, b, e, active=None):
        after = g.over("Unsqueeze", g.add("Add", e, b), 1)
        new = g.reduced("ReduceLogSumExp", g.add("Add", after, self.pairs), 2)
        new = g.add("Sub", new, g.reduced("ReduceMax", new, 1, keepdims=True))
        if active is not None:
            new = g.add("Where", active, new, b)
        return [new, b]

    def paths(self):
        """Codes (n_steps, n_sequences) of the likeliest label sequences (Viterbi 1967)."""
        g = self.g
        items = self.scores + self._of_first + self._active
        best, pointers = g.scan(self._onwards, [(self._new(), "float")], items, [("int64", self.K)])
        last = g.add("ArgMax", g.add("Add", best, self.end), axis=1, keepdims=1)
        _, codes = g.scan(self._back, [(last, "int64")], [(pointers, "int64")], [("int64", 1)], reverse=True)
        return g.over("Squeeze", codes, 2)

    def _onwards(self, g, best, e, first, active=None):
        """The scores of the likeliest sequences that end with each label, and the labels before these."""
        through = g.add("Add", g.over("Unsqueeze", best, 2), self.pairs)
        before = g.add("Where", first, self.start, g.reduced("ReduceMax", through, 1))
        new, pointers = g.add("Add", e, before), g.add("ArgMax", through, axis=1, keepdims=0)
        new = g.add("Sub", new, g.reduced("ReduceMax", new, 1, keepdims=True))
        if active is not None:
            new = g.add("Where", active, new, best)
            pointers = g.add("Where", active, pointers, np.arange(self.K))
        return [new, pointers]

    def _back(self, g, code, pointers):
        return [g.add("GatherElements", pointers, code, axis=1), code]


def aligned_labels(g, scores, steps):
    """Labels of the likeliest alignments with the steps, and how many each sequence has.

    Parameters
    ----------
    g : Graph
    scores : str
        (n_steps, n_sequences, K), of which the last label is blank.
    steps : Steps

    Returns
    -------
    codes : str
        (n_steps, n_sequences), those of a sequence in front, and -1 behind.
    counts : str
        (n_sequences,)
    """
    codes = g.add("ArgMax", scores, axis=-1, keepdims=0)
    blank = g.add("Sub", g.add("Gather", g.add("Shape", scores), 2), 1)
    before = steps.shifted(codes)
    is_new = g.add("Or", g.over("Squeeze", steps.is_first, 2), g.add("Not", g.add("Equal", codes, before)))
    kept = g.add("And", is_new, g.add("Less", codes, blank))
    if steps.active is not None:
        kept = g.add("And", kept, g.over("Squeeze", steps.active, 2))
    ones = g.cast(kept, "int64")
    # What is not kept goes into one more row behind all others.
    rows = g.add("Where", kept, g.add("Sub", g.add("CumSum", ones, 0), 1), steps.n_steps)
    shape = g.concat([g.over("Unsqueeze", g.add("Add", steps.n_steps, 1), 0), steps.n_sequences], axis=0)
    empty = g.add("Sub", g.cast(g.add("ConstantOfShape", shape), "int64"), 1)
    placed = g.add("ScatterElements", empty, rows, codes, axis=0)
    return g.add("Slice", placed, [0], [-1], [0]), g.reduced("ReduceSum", ones, 0)
