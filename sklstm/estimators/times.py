"""Times of the steps of X, compared with those of fit, and the gaps between them, a channel of what the network reads."""

import reprlib
from warnings import warn

import numpy as np

from ..sequences import Sequences
from ..sequences.parts import is_channel
from ..sequences.step_times import read_step_times

# Gaps above this many medians are taken as this: no network tells them apart, and sums of them stay within float32.
LONGEST = 1e30
ATTACH = "Sequences.from_long(..., time=..., elapsed=True), X.with_times(times), or time_feature for a channel of times"
WHAT = {"seconds": "dates or durations", "numbers": "numbers"}


def time_channel(time_feature, n_channels, names, categorical):
    """The channel that `time_feature` means, or None.

    Parameters
    ----------
    time_feature : int, str or None
    n_channels : int
    names : list or None
        Of the channels.
    categorical : tuple of int
        The categorical ones.

    Raises
    ------
    ValueError
        If there is no such channel, or it is categorical.
    """
    if time_feature is None:
        return None
    known = [] if names is None else list(names)
    channel = known.index(time_feature) if isinstance(time_feature, str) and time_feature in known else time_feature
    if not is_channel(channel, n_channels):
        also = f" or the name of one, {known}" if known else ""
        raise ValueError(
            f"time_feature must be the number of a channel, 0 to {n_channels - 1},{also or ' as X has no names of channels'}, got"
            f" {reprlib.repr(time_feature)}."
        )
    if channel in categorical:
        raise ValueError(f"time_feature={time_feature!r} is also in categorical_features: a time is no category. Leave one out.")
    return int(channel)


def read_times(estimator, sequences, channel, reset):
    """The sequences with the times of their steps, and the attributes that describe these.

    Parameters
    ----------
    estimator : BaseRecurrent
        Gives the fitted attributes that the times are compared with.
    sequences : Sequences
    channel : int or None
        Channel that holds times; None where `sequences` have them as `times`, or not at all.
    reset : bool
        Whether they define what later ones must look like. Else their gaps replace them, as in `with_gaps`.

    Returns
    -------
    sequences : Sequences
    form : dict
        Empty without times; else ``_time_channel``, ``_time_unit``, and if they are replaced ``median_gap_``.
    """
    if channel is not None:
        if sequences.times is not None:
            raise ValueError(f"X has times, and time_feature says that channel {channel} holds them. Pass X.with_times(None).")
        sequences = sequences.with_times(_times_of_channel(sequences, channel))
    if not reset:
        _check_agreement(estimator, sequences)
    if sequences.times is None:
        return sequences, {}
    form = {"_time_channel": channel, "_time_unit": sequences._times.unit}
    return (sequences, form) if reset else with_gaps(sequences, form | {"median_gap_": estimator.median_gap_})


def _times_of_channel(sequences, channel):
    values = sequences.values[:, channel]
    try:
        return read_step_times(values, sequences.offsets, sequences.ids)
    except ValueError as error:
        hint = " float32 holds few digits: pass X in float64, or smaller times." if values.dtype == np.float32 else ""
        raise ValueError(f"In channel {channel} of X, by time_feature: {error}{hint}") from error


def _check_agreement(estimator, sequences):
    """Raise a ValueError unless there are times where there were such in fit, in the same unit."""
    name, expected = type(estimator).__name__, estimator._network_spec.get("gap_channel") is not None
    if sequences.times is not None and not expected:
        raise ValueError(f"X has times, but {name} was fitted without any. Pass X.with_times(None), or fit with them.")
    if expected and sequences.times is None:
        raise ValueError(f"X has no times of its steps, but {name} was fitted with such. Attach them as in fit: {ATTACH}.")
    if expected and sequences._times.unit != estimator._time_unit:
        before, now = (WHAT[unit] for unit in (estimator._time_unit, sequences._times.unit))
        raise ValueError(f"The times of X were {before} in fit, but are {now}. Pass the same kind.")


def n_channels_of(estimator):
    """Channels of the X that an estimator was fitted with, without what `with_gaps` appends."""
    spec = estimator._network_spec
    appended = spec.get("gap_channel") is not None and estimator._time_channel is None
    return spec["input_size"] - appended


def with_median_gap(sequences, form, rows, weights):
    """`with_gaps`, with the weighted median of the gaps of some sequences, which the form gets, too.

    Parameters
    ----------
    sequences : Sequences
    form : dict
    rows : ndarray of int
    weights : ndarray of shape (n_sequences,)
    """
    if sequences.times is None:
        return sequences, form
    chosen = sequences[rows]
    gaps = chosen._times.gaps(chosen.offsets)
    return with_gaps(sequences, form | {"median_gap_": _median(gaps, np.repeat(weights[rows], chosen.lengths))})


def _median(gaps, weights):
    """Weighted median of those that are not NaN; 1 where there are none."""
    known = np.flatnonzero(~np.isnan(gaps) & (weights > 0))
    if not len(known):
        warn(
            "No training sequence has two steps, so that times have no effect, and gaps of later data are compared with 1 instead"
            " of their median in training. Leave the times out, or pass longer sequences.",
            UserWarning,
            stacklevel=2,
        )
        return 1.0
    known = known[np.argsort(gaps[known], kind="stable")]
    gaps, totals = gaps[known], np.cumsum(weights[known])
    middle = int(np.searchsorted(totals, totals[-1] / 2))
    after = min(middle + 1, len(gaps) - 1) if totals[middle] == totals[-1] / 2 else middle
    return float(gaps[middle] / 2 + gaps[after] / 2)


def with_gaps(sequences, form):
    """The sequences with gaps, in units of the median gap, in place of times, and the form.

    The gap of a step is the time since the step before, and 1 at the first step. It takes the place of the channel that held the
    times, or becomes one more channel.
    """
    gaps, channel = relative_gaps(sequences._times.gaps(sequences.offsets), form["median_gap_"]), form["_time_channel"]
    names, values = sequences.channel_names, gaps_in_channel(sequences.values, channel, gaps)
    if channel is None and names is not None:
        names = [*names, "time" + "_" * sum(str(name).startswith("time") for name in names)]
    own = {"ids": sequences.ids, "channel_names": names, "categories": sequences.categories, "static": sequences._static}
    return Sequences(values, sequences.offsets, **own), form


def gaps_in_channel(values, channel, gaps):
    """A copy of values (n_steps, n_channels) with gaps (n_steps,) in a channel; None for one more."""
    values = np.column_stack([values, gaps]).astype(values.dtype, copy=False) if channel is None else values.copy()
    if channel is not None:
        values[:, channel] = gaps
    return values


def relative_gaps(gaps, median):
    """Gaps, NaN at first steps, as the network reads them."""
    with np.errstate(over="ignore"):
        return np.where(np.isnan(gaps), 1.0, np.minimum(gaps / median, LONGEST))


def gap_channel(form, sequences):
    """The channel that holds the gaps of sequences that have them instead of times; None without any."""
    if "_time_channel" not in form:
        return None
    return sequences.n_channels - 1 if form["_time_channel"] is None else form["_time_channel"]
