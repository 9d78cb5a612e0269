"""How alarms at single steps agree with true events, which last for several steps: recall, precision and false alarms."""

from collections import namedtuple
from numbers import Real

import numpy as np

from ..estimators.classifier import LSTMClassifier
from ..network.checks import is_count
from ..sequences.parts import offsets_of
from ..sequences.refusals import refused_as
from ..sequences.targets import read_sample_weight
from .documentation import document
from .sequences import labels_of

ALARM = -1  # of predict_steps

# The steps of all sequences, one after the other, and behind each sequence a place that belongs to none: the bounds of events
# (n_events, 2), the second with the tolerance; for each place whether it is in one of them, whether it is a normal step outside
# of all, whether it has an alarm; and the weight of each place (n_places,).
Steps = namedtuple("Steps", "events covered normal alarms weights")


@document()
def event_recall_score(y_true, y_pred, *, tolerance=0, sample_weight=None):
    """Compute the share of the events with an alarm at one of their steps.

    Parameters
    ----------
    <<labels and alarms>>

    Returns
    -------
    float
        Share between 0 and 1.

    Raises
    ------
    ValueError
        If the arrays are not as described or do not match, or if there is no event.

    See Also
    --------
    event_precision_score : Share of the alarms that are in events, without which this says little: alarms at all steps miss none.
    false_alarm_rate : Share of the normal steps with an alarm.
    sequence_scorer : Makes it a scorer, which calls ``predict_steps``.

    Notes
    -----
    It is the range-based recall of [1]_ where only the existence of an alarm is rewarded.

    References
    ----------
    .. [1] N. Tatbul, T. J. Lee, S. Zdonik, M. Alam and J. Gottschlich (2018), "Precision and recall for time series", NeurIPS.

    Examples
    --------
    >>> from sklstm.metrics import event_recall_score
    >>> event_recall_score([[0, 1, 1, 1, 0, 0, 1, 1]], [[1, 1, -1, 1, 1, 1, 1, 1]])
    0.5
    """
    steps = _read_steps(y_true, y_pred, tolerance, sample_weight)
    weights = steps.weights[steps.events[:, 0]]
    if not weights.any():
        raise ValueError("y_true has no event. Pass sequences with a step labelled 1, one of them with a positive weight.")
    return float(np.average(_sums(steps.alarms, steps.events) > 0, weights=weights))


@document()
def event_precision_score(y_true, y_pred, *, tolerance=0, sample_weight=None):
    """Compute how much of the alarms is in events, as a mean over runs of consecutive alarms.

    Parameters
    ----------
    <<labels and alarms>>

    Returns
    -------
    float
        Mean share of the steps of a run that are in an event, between 0 and 1; 0 without an alarm.

    Raises
    ------
    ValueError
        If the arrays are not as described or do not match.

    See Also
    --------
    event_recall_score : Share of the events with an alarm.
    event_f1_score : Harmonic mean of the two.

    Notes
    -----
    It is the range-based precision of [1]_ with a flat bias. A run of alarms counts once, however long it is, and by the share of
    it that is right: alarms at all steps of a sequence have the share of the steps that are in events.

    References
    ----------
    .. [1] N. Tatbul, T. J. Lee, S. Zdonik, M. Alam and J. Gottschlich (2018), "Precision and recall for time series", NeurIPS.

    Examples
    --------
    >>> from sklstm.metrics import event_precision_score
    >>> event_precision_score([[0, 1, 1, 1, 0, 0]], [[-1, 1, 1, -1, -1, 1]])
    0.25
    """
    steps = _read_steps(y_true, y_pred, tolerance, sample_weight)
    runs = runs_of(steps.alarms)
    weights = steps.weights[runs[:, 0]]
    if not weights.any():
        return 0.0
    return float(np.average(_sums(steps.covered, runs) / np.diff(runs)[:, 0], weights=weights))


@document()
def event_f1_score(y_true, y_pred, *, tolerance=0, sample_weight=None):
    """Compute the harmonic mean of the recall and the precision of events.

    Parameters
    ----------
    <<labels and alarms>>

    Returns
    -------
    float
        Between 0 and 1; 0 if no event has an alarm.

    Raises
    ------
    ValueError
        If the arrays are not as described or do not match, or if there is no event.

    See Also
    --------
    event_recall_score : Share of the events with an alarm.
    event_precision_score : Share of the alarms that are in events.

    Notes
    -----
    No step is counted as detected because another one of its event is. With such a "point adjustment" random alarms get scores as
    high as those of the best detectors [1]_.

    References
    ----------
    .. [1] S. Kim, K. Choi, H.-S. Choi, B. Lee and S. Yoon (2022), "Towards a rigorous evaluation of time-series anomaly
       detection", AAAI.

    Examples
    --------
    >>> from sklstm.metrics import event_f1_score
    >>> event_f1_score([[0, 1, 1, 1, 0, 0, 1, 1]], [[1, 1, -1, 1, 1, 1, 1, 1]])
    0.6666666666666666
    """
    recall = event_recall_score(y_true, y_pred, tolerance=tolerance, sample_weight=sample_weight)
    precision = event_precision_score(y_true, y_pred, tolerance=tolerance, sample_weight=sample_weight)
    return 2 * recall * precision / (recall + precision) if recall and precision else 0.0


@document()
def false_alarm_rate(y_true, y_pred, *, tolerance=0, sample_weight=None):
    """Compute the share of the normal steps with an alarm.

    Parameters
    ----------
    <<labels and alarms>>

    Returns
    -------
    float
        Share between 0 and 1. For new data without events it should be about the ``alarm_rate`` of an outlier detector.

    Raises
    ------
    ValueError
        If the arrays are not as described or do not match, or if there is no normal step.

    See Also
    --------
    event_recall_score : Share of the events with an alarm.

    Examples
    --------
    >>> from sklstm.metrics import false_alarm_rate
    >>> false_alarm_rate([[0, 1, 1, 0, 0, 0]], [[1, -1, -1, -1, 1, 1]])
    0.25
    >>> false_alarm_rate([[0, 1, 1, 0, 0, 0]], [[1, -1, -1, -1, 1, 1]], tolerance=1)
    0.0
    """
    steps = _read_steps(y_true, y_pred, tolerance, sample_weight)
    weights = steps.weights[steps.normal]
    if not weights.any():
        raise ValueError("y_true has no normal step. Pass sequences with a step labelled 0, one of them with a positive weight.")
    return float(np.average(steps.alarms[steps.normal], weights=weights))


def runs_of(mask):
    """Bounds (n_runs, 2) of the runs of True, the second one beyond the last."""
    return np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)


def _sums(mask, bounds):
    """Number of True between each pair of bounds."""
    return np.diff(offsets_of(mask)[bounds])[:, 0]


def _read_steps(y_true, y_pred, tolerance, sample_weight):
    """`Steps`, checked."""
    if not is_count(tolerance):
        raise ValueError(f"tolerance must be a number of steps, an int of at least 0, got {tolerance!r}.")
    with refused_as("y_true or y_pred", "Expected a list with the labels of the steps of each sequence."):
        true, found = _by_sequence("y_true", y_true), _by_sequence("y_pred", y_pred)
    lengths, own = list(map(len, true)), list(map(len, found))
    if lengths != own:
        raise ValueError(_what_differs(lengths, own))
    weights = read_sample_weight(sample_weight, len(true))
    offsets = offsets_of(np.array(lengths, np.intp) + 1)
    in_event, known, alarms = (np.zeros(offsets[-1], bool) for _ in range(3))
    for i, (first, last) in enumerate(zip(offsets[:-1], offsets[1:] - 1, strict=True)):
        with refused_as("y_true", "Expected 1 in an event and 0 outside."):
            known[first:last], in_event[first:last] = events_of(i, true[i])
        with refused_as("y_pred", "Expected -1 at an alarm and otherwise 1, or booleans."):
            alarms[first:last] = _alarms_of(i, found[i]) & known[first:last]
    events = runs_of(in_event)
    # Late alarms: not beyond the sequence, nor where the next event has begun.
    ends = offsets[1:][np.searchsorted(offsets[1:], events[:, 1])] - 1
    ends[:-1] = np.minimum(ends[:-1], events[1:, 0])
    events[:, 1] = np.minimum(events[:, 1] + min(tolerance, max(lengths, default=0)), ends)
    changes = np.zeros(offsets[-1] + 1, np.intp)
    np.add.at(changes, events[:, 0], 1)
    np.add.at(changes, events[:, 1], -1)
    covered = np.cumsum(changes)[:-1] > 0
    return Steps(events, covered, known & ~covered, alarms, np.repeat(weights, np.diff(offsets)))


def _by_sequence(name, values):
    """Labels of each sequence, as a list of arrays; of a 1-D array or a list of numbers those of a single one."""
    first = values[0] if isinstance(values, (list, tuple)) and len(values) > 0 else None
    is_series = getattr(values, "ndim", 0) == 1 and getattr(getattr(values, "dtype", None), "kind", "O") in "biuf"
    return labels_of(name, [values] if is_series or isinstance(first, (Real, np.bool_)) else values)


def _what_differs(lengths, own):
    if len(lengths) != len(own):
        return f"y_true has {len(lengths)} sequences, but y_pred has {len(own)}. Pass one array of alarms for each sequence."
    i = next(i for i, (n, m) in enumerate(zip(lengths, own, strict=True)) if n != m)
    return f"Sequence {i} of y_true has {lengths[i]} steps, but y_pred has {own[i]}. Pass an alarm or none for each step."


def events_of(i, labels):
    """Which steps of sequence i have a label, and which are in an event."""
    known = ~LSTMClassifier._masked(labels)
    in_event = np.zeros(len(labels), bool)
    in_event[known] = labels[known] == 1
    wrong = np.flatnonzero(known & ~in_event)
    wrong = wrong[labels[wrong] != 0]
    if len(wrong):
        raise ValueError(
            f"y_true must be 1 in an event and 0 outside, got {labels[wrong[0]]!s} at sequence {i}, step {wrong[0]}. If -1 marks"
            " the events, as in scikit-learn, pass [np.equal(y, -1) for y in y_true]."
        )
    return known, in_event


def _alarms_of(i, labels):
    """Which steps of sequence i have an alarm."""
    if labels.dtype == bool:
        return labels
    alarms = labels == ALARM
    wrong = np.flatnonzero(~alarms & (labels != 1))
    if len(wrong):
        raise ValueError(
            f"y_pred must be -1 at an alarm and otherwise 1, or booleans, got {labels[wrong[0]]!s} at sequence {i}, step"
            f" {wrong[0]}. If 1 marks the alarms, pass [np.equal(y, 1) for y in y_pred]."
        )
    return np.asarray(alarms, bool)
