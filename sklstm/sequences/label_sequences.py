"""y whose labels are those of a sequence but of none of its steps: label sequences of any lengths, also empty ones."""

import reprlib
from dataclasses import dataclass
from itertools import chain

import numpy as np

from .alignment import in_order_of, one_per_sequence
from .container import Sequences, snapshot
from .outputs import tokens_of
from .parts import offsets_of
from .step_targets import list_or_array, that_can_be_joined, values_of_channel
from .targets import Places, as_array, read_labels

FORMS = (
    "Expected the labels of each sequence: a list of texts, whose characters are labels, a list of lists or arrays, an array of"
    " shape (n_sequences, n_labels), or sklstm.Sequences."
)


@dataclass(frozen=True, eq=False)
class LabelSequences:
    """Labels of sequences.

    Attributes
    ----------
    labels : ndarray of shape (total_labels,)
    offsets : ndarray of int of shape (n_sequences + 1,)
        Where those of each sequence begin; some have none.
    kind : {"texts", "list", "array", "Sequences"}
        What they came in.
    """

    labels: np.ndarray
    offsets: np.ndarray
    kind: str

    @property
    def lengths(self):
        return np.diff(self.offsets)

    @property
    def places(self):
        """What to call a label in messages."""
        return LabelPlaces(self.offsets)


class LabelPlaces(Places):
    """As `Places`, for labels that have no steps."""

    def name(self, *index):
        sequence = int(np.searchsorted(self.offsets, index[0], side="right")) - 1
        return f"sequence {sequence}, label {int(index[0]) - int(self.offsets[sequence])}"


def read_label_sequences(y, n_sequences, ids, masked):
    """The labels of each sequence.

    Parameters
    ----------
    y : list of texts, list of array-likes, array-like of shape (n_sequences, n_labels) or Sequences
    n_sequences : int
        Of X.
    ids : ndarray of shape (n_sequences,) or None
        Of X.
    masked : callable
        Says which of an array of labels (n,) are none: they are padding, and left out.

    Returns
    -------
    LabelSequences

    Raises
    ------
    ValueError
        If y has none of these forms, or other sequences than X, or if padding is followed by a label.
    """
    if isinstance(y, Sequences):
        y = in_order_of(ids, "y", snapshot(y))
        labels, lengths, kind = values_of_channel(y), y.lengths, "Sequences"
        if labels.ndim == 2 and labels.shape[1] != 1:
            raise ValueError(f"y has {labels.shape[1]} channels, but a label is one value. {FORMS}")
        labels = labels.ravel()
    else:
        y = list_or_array("y", one_per_sequence("y", y, n_sequences, ids, "the labels of each sequence."))
        labels, lengths, kind = _flattened(y)
    if len(lengths) != n_sequences:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_sequences} sequences, y has {len(lengths)}"
            f" ([{n_sequences}, {len(lengths)}]). Pass one entry of y for each sequence of X. {FORMS}"
        )
    labels, offsets = _without_padding(labels, offsets_of(lengths), masked)
    return LabelSequences(read_labels(labels, LabelPlaces(offsets)), offsets, kind)


def _flattened(y):
    """Labels one after the other, their number in each sequence, and what they came in."""
    entries = y if isinstance(y, list) else y.tolist() if y.ndim == 1 else None
    if entries is None:
        return y.ravel(), np.full(len(y), y.shape[1]), "array"
    are_texts = [isinstance(entry, str) for entry in entries]
    if all(are_texts) and entries:
        return np.array(list(chain.from_iterable(entries)), dtype="U1"), list(map(len, entries)), "texts"
    arrays = [_labels_of(entry, i, any(are_texts)) for i, entry in enumerate(entries)]
    filled = that_can_be_joined([array for array in arrays if len(array)])
    return np.concatenate(filled) if filled else np.empty(0), list(map(len, arrays)), "list"


def _labels_of(entry, i, among_texts):
    """The labels of one sequence as an array (n_labels,)."""
    try:
        labels = tokens_of([entry]) if isinstance(entry, (list, tuple)) else as_array("y", entry)
    except ValueError as error:
        raise ValueError(f"y of sequence {i} is no array of labels: its entries differ in shape. {FORMS}") from error
    if labels.ndim != 1:
        others = "lists or arrays" if isinstance(entry, str) else "texts"
        mixed = f" Other sequences have {others}: pass the same for all." if among_texts else ""
        raise ValueError(
            f"y must have a sequence of labels for each sequence of X, got {reprlib.repr(entry)} for sequence {i}.{mixed} {FORMS}"
        )
    return labels


def _without_padding(labels, offsets, masked):
    """Labels without those that are none, and where those of each sequence begin."""
    left_out = masked(labels) if labels.dtype.kind in "fiuO" else np.zeros(len(labels), dtype=bool)
    if not left_out.any():
        return labels, offsets
    wrong = np.flatnonzero(left_out[:-1] & ~left_out[1:])
    wrong = wrong[~np.isin(wrong + 1, offsets)]
    if len(wrong):
        row = wrong[0]
        raise ValueError(
            f"y has no label at {LabelPlaces(offsets).name(row)}, but one behind it. Only the end of a sequence may be padded;"
            " leave out what is no label."
        )
    kept = np.concatenate([[0], np.cumsum(~left_out)])
    return labels[~left_out], kept[offsets]
