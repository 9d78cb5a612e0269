"""What a detector holds out: the ends of long sequences, or whole sequences; and the pieces that the rest is cut into."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..sequences import Sequences
from ..sequences.parts import offsets_of
from ..sequences.static import StaticTable
from .splitting import Split, split_rows

# Whole sequences are held out where there are so many, unless half of them or more are so long that their ends have these steps.
MANY, LONG_ENDS = 10, 50
# Pieces of the length "auto": so many of all steps, where that leaves lengths between these. Short ones are as many as make
# enough steps of the solver; long ones are where states are warm.
PIECES, SHORTEST, LONGEST = 40, 64, 256
LEAST_PIECES = 10  # for lengths of fits to be compared; even shorter pieces, then


ADVICE = "Set another validation_fraction, or pass X_val."


@dataclass(frozen=True, eq=False)
class SeriesSplit(Split):
    """A `Split` into the beginnings and the ends of sequences, or into whole ones.

    Attributes
    ----------
    ends : ndarray of int of shape (n_sequences,)
        Number of steps at the beginning of each sequence that may be trained on.
    piece : int or None
        Number of steps of the pieces that they are cut into, at most; None leaves them whole.
    is_ahead : bool
        Whether targets of a step are those of later ones, predicted from what was before.
    seed : int or None
        Of the lengths of the pieces that are trained on, from half of `piece` on; None for about equal ones.
    """

    ends: np.ndarray | None = None
    piece: int | None = None
    is_ahead: bool = True
    seed: int | None = None

    def held_out_steps(self, sequences):
        """Which steps (total_steps,) no training has seen."""
        if self.rows_val is None:
            return _places(sequences) >= np.repeat(self.ends, sequences.lengths)
        is_held_out = np.zeros(len(sequences), dtype=bool)
        is_held_out[self.rows_val] = True
        return np.repeat(is_held_out, sequences.lengths)

    def held_out(self, sequences):
        """The whole sequences, or the ends cut into pieces, if they look ahead each after as many steps that have no weight."""
        if self.rows_val is not None:
            return super().held_out(sequences)
        starts, offsets = sequences.offsets[:-1], sequences.offsets
        rows, owners, weights = [], [], []
        for i in np.flatnonzero(self.ends < sequences.lengths):
            last = offsets[i + 1]
            for first, end in _cuts(starts[i] + self.ends[i], last, self.piece):
                before = max(starts[i], first - (self.piece or first)) if self.is_ahead else first
                rows.append(np.arange(before, end))
                owners.append(i)
                if not self.is_ahead:
                    weights.append(self.whole.weights[rows[-1]])
                    continue
                # A step has the targets of the next ones: the first of them are those of the step before the piece.
                weights.append(np.where(rows[-1] >= first - 1, self.whole.weights[rows[-1]], 0.0))
                weights[-1][-1] = 0.0
        if not rows:
            return None
        chosen, offsets = np.concatenate(rows), offsets_of(list(map(len, rows)))
        own = replace(self.whole, targets=self.whole.targets[chosen], weights=np.concatenate(weights), offsets=offsets)
        return _part(sequences, sequences.values[chosen], offsets, owners), own

    def cut(self, sequences, target):
        edges, owners, rng = [0], [], None if self.seed is None else np.random.default_rng(self.seed)
        for i, (first, last) in enumerate(pairwise(sequences.offsets.tolist())):
            end = first + int(self.ends[i])
            cuts = _cuts(first, end, self.piece) if rng is None else _random_cuts(first, end, self.piece, rng)
            stops = [stop for _, stop in cuts] + [last] * (end < last)
            edges += stops
            owners += [i] * len(stops)
        offsets = np.array(edges)
        return _part(sequences, sequences.values, offsets, owners), replace(target, offsets=offsets)


def split_series(estimator, target, sequences, groups, rng, *, is_given, leads):
    """The `SeriesSplit` of a detector.

    Parameters
    ----------
    estimator : LSTMOutlierDetector
    target : SeriesTarget
    sequences : Sequences
    groups : ndarray of int of shape (n_sequences,) or None
    rng : Generator
    is_given : bool
        Whether nothing is to be held out, because there are other sequences for that.
    leads : ndarray of int of shape (n_leads,)
        How many steps ahead the targets of a step are.
    """
    split = _split_series(estimator, target, sequences, groups, rng, is_given, leads)
    targets, weights = split.training.targets.reshape(len(target.targets), len(leads), -1), split.training.weights
    n_trained = len(leads) - int(np.argmin(np.isnan(targets[weights > 0]).all(axis=(0, 2))[::-1]))
    if n_trained < len(leads):
        raise ValueError(
            f"horizon={len(leads)} is too long: of what is trained on, no value comes more than {n_trained} steps after another."
            f" Set horizon={n_trained}, or pass longer sequences."
        )
    return split


def _split_series(estimator, target, sequences, groups, rng, is_given, leads):
    fraction, lengths, rows = estimator.validation_fraction, sequences.lengths, target.weighted_rows()
    window, is_ahead = target.attributes.get("window_", estimator.window), bool(leads.any())
    if is_given:
        piece = length_of_pieces(window, lengths[rows])
        return SeriesSplit(target, target, None, lengths, piece, is_ahead)
    if len(rows) >= MANY and (groups is not None or np.median(lengths[rows]) * fraction < LONG_ENDS):
        rows, rows_val = split_rows(fraction, rows, None, groups, rng, "The detector", ADVICE)
        piece = length_of_pieces(window, lengths[rows])
        return SeriesSplit(target.only(rows), target, rows_val, lengths, piece, is_ahead)
    ends = lengths - np.round(fraction * lengths).astype(int)
    piece = length_of_pieces(window, ends[rows])
    targets = target.targets.reshape(len(target.targets), len(leads), -1)
    is_beyond = _places(sequences)[:, np.newaxis] + leads >= np.repeat(ends, lengths)[:, np.newaxis]
    targets = np.where(is_beyond[:, :, np.newaxis], np.nan, targets).reshape(len(targets), -1)
    weights = np.where(np.isnan(targets).all(axis=1), 0.0, target.weights)
    split = SeriesSplit(replace(target, targets=targets, weights=weights), target, None, ends, piece, is_ahead)
    is_held_out = is_beyond[:, :, np.newaxis] & ~np.isnan(target.targets.reshape(len(targets), len(leads), -1))
    n_held_out = np.count_nonzero((target.weights > 0) & is_held_out.any(axis=(1, 2)))
    if not weights.any() or n_held_out < 2:
        raise ValueError(
            f"X is too short, or has too few values: of {len(rows)} sequence{'s' * (len(rows) > 1)} with {lengths[rows].sum()}"
            f" steps (n_samples = {len(rows)}), validation_fraction={fraction}, the end of each, leaves"
            f" {np.count_nonzero(weights)} steps with a value and a weight to learn from and {n_held_out} to learn the size of"
            " errors from. Pass more or longer sequences, or X_val."
        )
    return split


def _places(sequences):
    """Number of steps before each step in its sequence."""
    return np.arange(len(sequences.values)) - np.repeat(sequences.offsets[:-1], sequences.lengths)


def length_of_pieces(window, lengths):
    """Number of steps of the pieces of sequences that are so long, at most, by the parameter `window`; None for whole ones."""
    if not isinstance(window, str):
        return None if window is None else min(window, int(lengths.max()))
    total = int(lengths.sum())
    return max(min(int(np.clip(total // PIECES, SHORTEST, LONGEST)), total // LEAST_PIECES), 2)


def _cuts(first, last, piece):
    """Where pieces of about equal length, of at most `piece` steps, begin and end."""
    n, n_pieces = last - first, 1 if piece is None else max(1, -(-(last - first) // piece))
    return pairwise((first + np.linspace(0, n, n_pieces + 1).round().astype(int)).tolist()) if n else ()


def _random_cuts(first, last, piece, rng):
    """Where pieces of random length, from half of `piece` to all of it, begin and end; what is left is a shorter one.

    Where the period of a series divides the length of all pieces, equal ones would begin with one phase alone: the AUC of wrong
    parts of such a series (period 24, pieces of 48) was 0.54 with those, and is above 0.85 with random lengths. Otherwise they
    differ little: 0.84 and 0.84 (48 steps), 0.89 and 0.90 (100 steps), the means of three seeds.
    """
    edges = [first]
    while piece is not None and last - edges[-1] > piece:
        edges.append(edges[-1] + int(rng.integers(-(-piece // 2), piece, endpoint=True)))
    return pairwise([*edges, last]) if last > first else ()


def cut(sequences, window):
    """Sequences cut into pieces of about equal length, of at most `window` steps; None leaves them whole."""
    if window is None or sequences.lengths.max() <= window:
        return sequences
    cuts = [list(_cuts(first, last, window)) for first, last in pairwise(sequences.offsets.tolist())]
    offsets = np.array([0, *(stop for of_one in cuts for _, stop in of_one)])
    return _part(sequences, sequences.values, offsets, np.repeat(np.arange(len(cuts)), list(map(len, cuts))))


def _part(sequences, values, offsets, owners):
    """Sequences of these values, with the static features of the sequences that they are parts of."""
    static = None if sequences.static is None else StaticTable(sequences.static[owners], sequences.static_names, {})
    return Sequences(values, offsets, channel_names=sequences.channel_names, static=static)
