"""Static features: what does not change along a sequence, as one vector s for each sequence.

The states h of every layer and direction begin with ``s S`` added to them (in `recurrent`), and ``s V`` is added to the scores,
as if s stood beside what the head reads, at every step where there are scores of each.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _static
from .cached import cached
from .input_layer import InputLayer
from .workspace import aligned_empty


@dataclass(frozen=True)
class StaticFeatures:
    """Spec of the stage that makes s of static features, and of their part of the scores.

    Parameters
    ----------
    size : int
        Static features of a sequence.
    categories : tuple of (int, int, int)
        Of the categorical ones among them, as in `InputLayer`.
    n_scores : int

    Notes
    -----
    Parameters: those of an `InputLayer`, which makes s; ``V`` (width of s, n_scores).
    """

    size: int
    categories: tuple
    n_scores: int

    @cached
    def entry(self):
        """What makes s."""
        return InputLayer(self.size, self.categories)

    @property
    def width(self):
        return self.entry.output_size

    def param_shapes(self):
        return self.entry.param_shapes() | {"V": (self.width, self.n_scores)}

    def initialize(self, p, rng):
        """V 0, as S: a network begins as if there were no static features."""
        self.entry.initialize(p, rng)
        p["V"][...] = 0

    def workspace(self, n_sequences, n_score_sums, dtype):
        """Buffers for batches of up to so many sequences, with scratch for that many of them where there are scores of steps."""
        return StaticWorkspace(self, n_sequences, n_score_sums, dtype)

    def vectors(self, p, features):
        """s (n_sequences, width) of static features (n_sequences, size), for predictions."""
        n = len(features)
        ws = self.entry.workspace(n, n, p["V"].dtype)
        self.entry.bind(p["V"].ravel(), p, ws)
        ws.stage.apply(features, np.array([0, n], np.intp))
        return ws.x


class StaticWorkspace:
    """Buffers of `StaticFeatures`: features as they come, s, its gradient, and scratch."""

    def __init__(self, features, n_sequences, n_score_sums, dtype):
        self.features = aligned_empty((n_sequences, features.size), dtype)
        self.entry = features.entry.workspace(n_sequences, n_sequences, dtype)
        self.s = self.entry.x
        self.ds = aligned_empty(self.s.shape, dtype)
        self.sums = aligned_empty((n_score_sums, features.n_scores), dtype) if n_score_sums else None

    def bind(self, theta, p, spec):
        """The first stage of a network, which makes s."""
        return _static.StaticInput(theta, spec.entry.bind(theta, p, self.entry, self.ds), self.ds)

    def bind_scores(self, theta, p, scores, dscores):
        """The last stage, which adds to scores."""
        return _static.StaticHead(theta, p["V"], self.s, self.ds, scores, dscores, self.sums)
