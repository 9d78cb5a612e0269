"""Which sequences are held out: by early stopping, a part of each class or of the groups; by the choice of a length, a part."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

SEEDS = np.iinfo(np.int32).max
# Random selections of groups that are compared, and about how many sequences may be counted for that.
SELECTIONS, COUNTED = (5, 100), 1_000_000
# A quarter, but no more sequences than that, which are copied.
HELD_OUT_ONE_IN, HELD_OUT_AT_MOST = 4, 10_000


@dataclass(frozen=True, eq=False)
class Split:
    """What a fit trains on and what it validates on, as a split into whole sequences.

    Attributes
    ----------
    training : Target
        Only what is trained on has a weight.
    whole : Target
        Of all sequences.
    rows_val : ndarray of int or None
        Sequences to validate on, if any.
    """

    training: object
    whole: object
    rows_val: np.ndarray | None = None

    @property
    def rows(self):
        """Sequences to train on, at least in part."""
        return self.training.weighted_rows()

    def held_out(self, sequences):
        """Sequences to validate on, and their target; None without any."""
        return None if self.rows_val is None else self.whole.take(sequences, self.rows_val)

    def cut(self, sequences, target):
        """Sequences and their target in the parts that are trained on."""
        return sequences, target


def split_target(estimator, target, groups, rng):
    """A `Split` by `split_rows`."""
    rows, rows_val = split_rows(estimator.validation_fraction, target.weighted_rows(), target.strata, groups, rng)
    return Split(target.only(rows), target, rows_val)


EARLY_STOPPING = "early_stopping=True", "Set another validation_fraction, pass X_val and y_val, or turn early_stopping off."


def split_rows(validation_fraction, rows, strata, groups, rng, who=EARLY_STOPPING[0], advice=EARLY_STOPPING[1]):
    """Training and validation rows, of early stopping or what else sets some aside.

    Parameters
    ----------
    validation_fraction : float
    rows : ndarray of int
        Sequences to split.
    strata : ndarray of int of shape (n_sequences,) or None
        Whose proportions both parts are to have: exactly, or with groups as far as those allow.
    groups : ndarray of int of shape (n_sequences,) or None
        Sequences of one group stay together.
    rng : Generator
    who, advice : str
        What sets rows aside, and what to do where that is impossible, for messages.

    Returns
    -------
    rows, rows_val : ndarray of int
        In ascending order.

    Raises
    ------
    ValueError
        If there is no such split with two sequences to validate on.
    """
    strata = None if strata is None else strata[rows]
    try:
        if groups is None:
            parts = train_test_split(
                rows, test_size=validation_fraction, stratify=strata, random_state=int(rng.integers(SEEDS))
            )
        else:
            held_out = _select_groups(validation_fraction, groups[rows], strata, rng)
            parts = rows[~held_out], rows[held_out]
        if len(parts[1]) < 2:
            raise ValueError("a score needs at least two samples, but the split leaves one.")
    except ValueError as error:
        raise ValueError(
            f"{who} cannot set aside validation_fraction={validation_fraction} of {len(rows)} samples: {error} {advice}"
        ) from error
    return np.sort(parts[0]), np.sort(parts[1])


def hold_out(rows, strata, groups, rng):
    """Rows to train on, and a quarter of them, or 10,000, to compare lengths on.

    Parameters
    ----------
    rows : ndarray of int
        Sequences to split.
    strata : ndarray of shape (n_rows,) or None
        Of those, whose proportions the parts have as far as possible. The only one of its class is trained on.
    groups : ndarray of shape (n_rows,) or None
        Sequences of one group stay together.
    rng : Generator

    Returns
    -------
    (ndarray of int, ndarray of int) or None
        In ascending order; None where groups leave nothing to compare on, or nothing of a class to train on.
    """
    n_parts = max(HELD_OUT_ONE_IN, -(-len(rows) // HELD_OUT_AT_MOST))
    sizes, labels = _counts_and_codes(np.arange(len(rows)) if groups is None else groups)
    order = rng.permutation(len(sizes))
    if strata is not None and groups is None:
        order = order[np.argsort(strata[order], kind="stable")]  # the members of a class are dealt out in turn
    elif groups is not None:
        order = order[np.argsort(-sizes[order], kind="stable")]  # the large ones first, each to the part that is smallest so far
    filled, part_of = np.zeros(n_parts), np.empty(len(sizes), dtype=int)
    for k, label in enumerate(order):
        part_of[label] = k % n_parts if groups is None else filled.argmin()
        filled[part_of[label]] += sizes[label]
    parts = part_of[labels]
    classes = np.zeros(len(rows), dtype=int) if strata is None else _counts_and_codes(strata)[1]
    parts[np.bincount(classes)[classes] == 1] = -1
    held_out = parts == abs(np.bincount(parts[parts >= 0], minlength=n_parts) - len(rows) / n_parts).argmin()
    if not held_out.any() or len(np.unique(classes[~held_out])) < len(np.unique(classes)):
        return None
    return rows[~held_out], rows[held_out]


def _select_groups(fraction, groups, strata, rng):
    """Which sequences are set aside: of random selections of groups, those of the one closest to the fraction of each stratum."""
    sizes, groups = _counts_and_codes(groups)
    n_samples, n_groups = len(groups), len(sizes)
    if n_groups < 2:
        raise ValueError("groups are set aside as a whole, but groups holds a single one.")
    totals, strata = _counts_and_codes(np.zeros(n_samples, dtype=int) if strata is None else strata)
    candidates = []
    for _ in range(min(max(COUNTED // n_samples, SELECTIONS[0]), SELECTIONS[1])):
        order = rng.permutation(n_groups)
        reached = sizes[order].cumsum()[:-1]  # at least one group is trained on
        distance = np.where(reached < 2, np.inf, abs(reached - fraction * n_samples))
        chosen = np.zeros(n_groups, dtype=bool)
        chosen[order[: distance.argmin() + 1]] = True
        held_out = chosen[groups]
        counts = np.bincount(strata[held_out], minlength=len(totals))
        n_lost = int(np.count_nonzero(counts == totals))
        candidates.append((n_lost, abs(counts - fraction * totals).sum(), held_out))
    n_lost, _, held_out = min(candidates, key=lambda candidate: candidate[:2])
    if n_lost:
        raise ValueError("a class occurs only in groups that would be set aside, which leaves none of it to train on.")
    return held_out


def _counts_and_codes(labels):
    """How many there are of each label, and the number of the label of each entry."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return counts, codes
