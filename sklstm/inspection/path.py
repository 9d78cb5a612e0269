"""`IntegrationPath`: from baselines to sequences in straight lines, and the gradients along them."""

import numpy as np

from ..network import apply
from ..sequences import Sequences
from .forward_pass import ROWS, ForwardPass, groups

# Gauss and Legendre's points of a piece of the path and their weights, which sum to 1.
POINTS, WEIGHTS = ((values + at) / 2 for values, at in zip(np.polynomial.legendre.leggauss(8), (1, 0), strict=True))
FEWEST_POINTS = 2 * len(POINTS)  # of both halves of the path, to begin with


class IntegrationPath:
    """The straight lines from baselines to sequences, in what the first layer reads.

    Parameters
    ----------
    network : Network
        Without categories.
    theta : ndarray of shape (n_params,), float64
    ends : Sequences
    begins : ndarray of shape (total_steps, width)
    coefficients : ndarray of shape (n_sequences, n_scores)
        The output is their product with the scores, summed.
    rows : ndarray of int of shape (n_sequences,) or None
        Which step's scores, where there are some for every step.
    """

    def __init__(self, network, theta, ends, begins, coefficients, rows):
        self.network, self.theta = network, theta
        self.offsets, self.lengths = ends.offsets, ends.lengths
        self.static = ends.static
        self.begins, self.way = begins, ends.values - begins
        self.coefficients = coefficients
        self.steps = None if rows is None else rows - self.offsets[:-1]
        self.forward_pass = ForwardPass(network, theta, of_input=True)

    def contributions(self, outputs, baseline_outputs, allowed, max_points):
        """The way times the mean gradient along it.

        Parameters
        ----------
        outputs, baseline_outputs : ndarray of shape (n_sequences,)
            At the ends and at the beginnings.
        allowed : ndarray of shape (n_sequences,)
            By how much the contributions of a sequence may miss the difference.
        max_points : int
            For each sequence.

        Returns
        -------
        contributions : ndarray of shape (total_steps, width)
        n_points : ndarray of int of shape (n_sequences,)

        Notes
        -----
        The contributions of a piece of the path are to sum to the difference of the outputs at its ends. While all pieces of a
        sequence together miss by more than is allowed, those that miss by the least are done with, up to half of what is left of
        that, and the others are halved. At a kink the error halves with its piece, so they come to an end.
        """
        result, n_points = np.zeros_like(self.way), np.zeros(len(outputs), dtype=np.intp)
        left = allowed.copy()
        for part in groups(self.lengths):
            at = np.arange(len(outputs))[part]
            pieces = self._halved(at, np.zeros(len(at)), np.ones(len(at)), baseline_outputs[part], outputs[part])
            while len(pieces[0]):
                at, begin, end, before, after = pieces
                found = self._integrated(at, begin, end)
                errors = np.abs([piece.sum() for piece in found] - (after - before))
                count = np.bincount(at, minlength=len(outputs))
                n_points += len(POINTS) * count
                done = _small_enough(errors, at, left) | (n_points + 2 * len(POINTS) * count > max_points)[at]
                for piece in np.flatnonzero(done):
                    result[self.offsets[at[piece]] : self.offsets[at[piece] + 1]] += found[piece]
                np.subtract.at(left, at[done], errors[done])
                pieces = self._halved(*(values[~done] for values in pieces))
        return result, n_points

    def _halved(self, at, begin, end, before, after):
        """Both halves of some pieces: their sequences, where they begin and end, and the outputs there."""
        middle = (begin + end) / 2
        between = np.empty(len(at))
        for part in groups(self.lengths[at]):
            between[part] = self._outputs(at[part], middle[part])
        pairs = (at, at), (begin, middle), (middle, end), (before, between), (between, after)
        return [np.concatenate(pair) for pair in pairs]

    def _between(self, at, where):
        """Points of the path of some sequences, `where` (n_points, n): `Sequences`, and the rows that they come from."""
        rows = np.concatenate([np.arange(self.offsets[i], self.offsets[i + 1]) for i in at])
        values = self.begins[rows] + np.repeat(where, self.lengths[at], axis=1)[:, :, np.newaxis] * self.way[rows]
        offsets = np.concatenate([[0], np.cumsum(np.tile(self.lengths[at], len(where)))])
        static = None if self.static is None else np.tile(self.static[at], (len(where), 1))
        return Sequences(values.reshape(-1, values.shape[2]), offsets, static=static), rows

    def _outputs(self, at, where):
        sequences, _ = self._between(at, where[np.newaxis])
        scores = apply(self.network, self.theta, sequences)
        if self.steps is not None:
            scores = scores[sequences.offsets[:-1] + self.steps[at]]
        return (scores * self.coefficients[at]).sum(axis=1)

    def _integrated(self, at, begin, end):
        """Contributions (n_steps, width) of each of some pieces."""
        found = []
        for part in groups(self.lengths[at], ROWS // len(POINTS)):
            sequences, rows = self._between(at[part], begin[part] + POINTS[:, np.newaxis] * (end - begin)[part])
            dscores = np.tile(self.coefficients[at[part]], (len(POINTS), 1))
            if self.steps is not None:
                explained = sequences.offsets[:-1] + np.tile(self.steps[at[part]], len(POINTS))
                dscores, coefficients = np.zeros((len(sequences.values), dscores.shape[1])), dscores
                dscores[explained] = coefficients
            gradients = self.forward_pass.gradient(sequences, dscores).reshape(len(POINTS), len(rows), -1)
            lengths = self.lengths[at[part]]
            contributions = self.way[rows] * np.tensordot(WEIGHTS, gradients, axes=1)
            contributions *= np.repeat((end - begin)[part], lengths)[:, np.newaxis]
            found += np.split(contributions, np.cumsum(lengths)[:-1])
        return found


def _small_enough(errors, at, left):
    """Which pieces are done with: all of a sequence if their errors sum to what is left, else the smallest, for half of that."""
    done = np.zeros(len(errors), dtype=bool)
    by_sequence = np.lexsort((errors, at))  # NaN comes last
    for members in np.split(by_sequence, np.flatnonzero(np.diff(at[by_sequence])) + 1):
        total, room = np.cumsum(errors[members]), left[at[members[0]]]
        done[members] = total <= (room if total[-1] <= room else room / 2)
    return done
