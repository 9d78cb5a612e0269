"""How far predicted label sequences are from the true ones: the share of those that are right, and the distance of the others."""

import reprlib
from operator import eq

import numpy as np

from ..estimators.classifier import LSTMClassifier
from ..sequences import Sequences
from ..sequences.channels import decoded
from ..sequences.outputs import tokens_of
from ..sequences.targets import as_array, read_sample_weight

NO_LABEL = "No sequence of y_true has a label. Label at least one step of a sequence with a positive weight."


def exact_match_score(y_true, y_pred, *, sample_weight=None):
    """Compute the share of the sequences whose labels are all right.

    Parameters
    ----------
    y_true : list of array-likes or texts, array-like of shape (n_sequences, n_steps) or Sequences
        True labels of each sequence, or of its steps; those of a text are its characters. Steps labelled NaN, None or, if labels
        are numbers, -100 do not count.
    y_pred : list of array-likes or texts, array-like of shape (n_sequences, n_steps) or Sequences
        Predicted labels. One of another length is wrong.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weights of the sequences.

    Returns
    -------
    float
        Share between 0 and 1.

    Raises
    ------
    ValueError
        If the numbers of sequences differ, or if no sequence has a label.

    See Also
    --------
    edit_distance_rate : Number of labels to change.
    sequence_scorer : Makes it a scorer.

    Examples
    --------
    >>> from sklstm.metrics import exact_match_score
    >>> exact_match_score([["B-x", "I-x", "O"], ["O", None]], [["B-x", "O", "O"], ["O", "B-x"]])
    0.5
    """
    pairs, weights = _read_pairs(y_true, y_pred, sample_weight)
    return float(np.average([len(true) == len(found) and true == found for true, found in pairs], weights=weights))


def edit_distance_rate(y_true, y_pred, *, sample_weight=None):
    """Compute how many labels have to be inserted, deleted or replaced, per true label.

    Parameters
    ----------
    y_true : list of array-likes or texts, array-like of shape (n_sequences, n_steps) or Sequences
        True labels of each sequence; those of a text are its characters. Steps labelled NaN, None or, if labels are numbers, -100
        do not count.
    y_pred : list of array-likes or texts, array-like of shape (n_sequences, n_steps) or Sequences
        Predicted labels, of any lengths.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weights of the sequences.

    Returns
    -------
    float
        Sum of the distances over the sum of the numbers of true labels: 0 where all sequences are right.

    Raises
    ------
    ValueError
        If the numbers of sequences differ, or if no sequence has a label.

    See Also
    --------
    exact_match_score : Share of the sequences without an error.
    sequence_scorer : Makes it a scorer.

    Notes
    -----
    Of words it is called word error rate, of phonemes phoneme error rate. The distance is that of Levenshtein [1]_, which takes
    time in proportion to the product of two lengths.

    References
    ----------
    .. [1] V. Levenshtein (1966), "Binary codes capable of correcting deletions, insertions, and reversals", Soviet Physics
       Doklady 10(8).

    Examples
    --------
    >>> from sklstm.metrics import edit_distance_rate
    >>> edit_distance_rate([["a", "b", "c"], ["a"]], [["a", "c"], ["b"]])
    0.5
    """
    pairs, weights = _read_pairs(y_true, y_pred, sample_weight)
    total = weights @ [len(true) for true, _ in pairs]
    if total == 0:
        raise ValueError(NO_LABEL)
    return float(weights @ [_distance(true, found) for true, found in pairs] / total)


def token_accuracy_score(y_true, y_pred, *, sample_weight=None):
    """Compute the share of the labels that are right, at the same place in the sequence.

    Parameters
    ----------
    y_true : list of array-likes or texts, array-like of shape (n_sequences, n_steps) or Sequences
        True labels of each sequence, or of its steps; those of a text are its characters. Steps labelled NaN, None or, if labels
        are numbers, -100 do not count.
    y_pred : list of array-likes or texts, array-like of shape (n_sequences, n_steps) or Sequences
        Predicted labels, of any lengths.
    sample_weight : array-like of shape (n_sequences,), default=None
        Weights of the sequences.

    Returns
    -------
    float
        Number of places at which the labels agree over the number of places: of each sequence as many as the longer one of the
        true and the predicted sequence has.

    Raises
    ------
    ValueError
        If the numbers of sequences differ, or if no sequence has a label.

    See Also
    --------
    edit_distance_rate : Counts a label that is left out as one error, not as one at each place after it.
    exact_match_score : Share of the sequences without an error.
    sequence_scorer : Makes it a scorer.

    Examples
    --------
    >>> from sklstm.metrics import token_accuracy_score
    >>> token_accuracy_score(["abc", "a"], ["abd", "a"])
    0.75
    """
    pairs, weights = _read_pairs(y_true, y_pred, sample_weight)
    total = weights @ [max(map(len, pair)) for pair in pairs]
    if total == 0:
        raise ValueError(NO_LABEL)
    return float(weights @ [sum(map(eq, *pair)) for pair in pairs] / total)


def _read_pairs(y_true, y_pred, sample_weight):
    """True and predicted labels, as lists, of the sequences that have any; and their weights."""
    true, found = labels_of("y_true", y_true), labels_of("y_pred", y_pred)
    if len(true) != len(found):
        raise ValueError(f"y_true has {len(true)} sequences, but y_pred has {len(found)}. Pass one prediction for each sequence.")
    weights, pairs, counts = read_sample_weight(sample_weight, len(true)), [], []
    for labels, others in zip(true, found, strict=True):
        kept = ~LSTMClassifier._masked(labels)
        others = others[kept] if len(others) == len(labels) else others
        pairs.append((labels[kept].tolist(), others.tolist()))
        counts.append(kept.any() or len(labels) == 0)  # of one that is all masked the labels are not known
    counts = np.array(counts, dtype=bool)
    if not weights[counts].any():
        raise ValueError(NO_LABEL)
    return [pair for pair, is_labelled in zip(pairs, counts, strict=True) if is_labelled], weights[counts]


def by_sequence(sequences):
    """A list with the labels of each sequence; of `Sequences` with one channel those are 1-D arrays, of categories these."""
    if len(getattr(sequences, "shape", ())) == 2:
        return list(as_array("y", sequences))  # of a DataFrame its rows
    if not isinstance(sequences, Sequences) or sequences.n_channels > 1:
        return list(sequences)
    labels = decoded(sequences, 0) if sequences.categories else sequences.values[:, 0]
    return np.split(labels, sequences.offsets[1:-1])


def labels_of(name, sequences):
    """Labels of each sequence as a list of 1-D arrays, checked; `name` is for messages."""
    if isinstance(sequences, (str, bytes, dict, set)) or not hasattr(sequences, "__len__"):
        raise ValueError(
            f"{name} must have the labels of each sequence, got {reprlib.repr(sequences)}. Pass a list of texts, lists or arrays,"
            " a 2-D array, or sklstm.Sequences."
        )
    entries = by_sequence(sequences)
    of_lists = (str, list, tuple)
    arrays = [tokens_of([one], name) if isinstance(one, of_lists) else as_array(name, one) for one in entries]
    for i, labels in enumerate(arrays):
        if labels.ndim != 1:
            raise ValueError(f"{name} must have one label for each step, got shape {labels.shape} for sequence {i}.")
    return arrays


def _distance(a, b):
    """Levenshtein's distance, row by row: insertions along a row are a running minimum."""
    codes = {label: code for code, label in enumerate(dict.fromkeys([*a, *b]))}
    b = np.array([codes[label] for label in b], dtype=int)
    places = np.arange(len(b) + 1)
    row = places
    for i, label in enumerate(a, 1):
        best = np.r_[i, np.minimum(row[1:] + 1, row[:-1] + (b != codes[label]))]
        row = np.minimum.accumulate(best - places) + places
    return int(row[-1])
