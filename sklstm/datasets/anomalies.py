"""Series with anomalies: spikes, shifts and changes in stationary processes."""

import reprlib
from numbers import Real

import numpy as np

from ..compat import Interval, StrOptions
from ..sequences.refusals import array_of
from .common import at_least, checked, generator_from
from .documentation import document
from .processes import PROCESSES


def _spike(generator, process, X, i, channel, steps, size):
    return X[i, steps, channel] + size * generator.choice([-1, 1])


def _frequency(generator, process, X, i, channel, steps, size):
    return process.faster(generator, X, i, channel, steps)


def _correlation(generator, process, X, i, channel, steps, size):
    return process.detached(generator, X, i, channel, steps)


def _missing(generator, process, X, i, channel, steps, size):
    return X[i, steps.start - 1, channel]


# What takes the place of the steps of a channel, by the type of the anomaly; the place in the table is its code.
CHANGES = {
    "normal": None,
    "spike": _spike,
    "level_shift": _spike,
    "frequency": _frequency,
    "correlation": _correlation,
    "missing": _missing,
}
ANOMALY_TYPES = tuple(CHANGES)
MOMENTARY = {"spike"}  # one step long
OF_SEVERAL_CHANNELS = {"correlation"}
HOW_TO_NAME = "Pass for example ['spike', 'level_shift']."

# What y holds, from the codes (n_series, n_steps, n_channels).
TARGETS = {
    "steps": lambda codes: (codes > 0).any(axis=2).astype(int),
    "channels": lambda codes: (codes > 0).astype(int),
    "types": lambda codes: codes.max(axis=2),
}


@document()
@checked(
    n_series=[at_least(1)],
    n_steps=[at_least(1)],
    n_channels=[at_least(1)],
    kind=[StrOptions(set(PROCESSES))],
    anomalies=[StrOptions({"all", *ANOMALY_TYPES[1:]}), "array-like"],
    rate=[Interval(Real, 0, 0.5, closed="both")],
    size=[at_least(0, Real)],
    duration=[at_least(2)],
    period=[Interval(Real, 8, None, closed="neither")],
    noise=[at_least(0, Real)],
    correlation=[Interval(Real, 0, 1, closed="both")],
    missing=[StrOptions({"last", "nan"})],
    clean_fraction=[Interval(Real, 0, 1, closed="left")],
    targets=[StrOptions(set(TARGETS))],
)
def make_anomalies(
    n_series=1,
    *,
    n_steps=5000,
    n_channels=1,
    kind="ar",
    anomalies="all",
    rate=0.05,
    size=4.0,
    duration=50,
    period=25,
    noise=0.1,
    correlation=0.8,
    missing="last",
    clean_fraction=0.5,
    targets="steps",
    random_state=None,
):
    """Generate stationary series with anomalies, and the truth about each step.

    A problem of anomaly detection. The first part of each series is free of anomalies, so that a detector can be fitted to it. In
    the rest, anomalies of all types take turns in random order at random places; they do not overlap, and each affects one
    channel. Elsewhere the series are what they would be with ``rate=0`` and the same seed.

    Parameters
    ----------
    n_series : int, default=1
        Number of series, independent of each other.
    n_steps : int, default=5000
        Length of each series.
    n_channels : int, default=1
        Number of channels, each of variance 1.
    kind : {"ar", "ou", "seasonal"}, default="ar"
        Process behind the series: "ar" is a Gaussian autoregression of order 2 that oscillates with about `period` steps; "ou" is
        an Ornstein-Uhlenbeck process, that is, a Gaussian autoregression of order 1, whose autocorrelation has decayed to 1/e
        after `period` steps; "seasonal" is a periodic function and Gaussian noise.
    anomalies : str or array-like of str, default="all"
        Types of the anomalies: "all", one of the following, or several of them.

        - "spike": one step is too high or too low by `size`.
        - "level_shift": all steps of a period are too high or too low by `size`.
        - "frequency": time runs twice as fast for a period. The autocorrelation at lag k becomes that at lag 2 k, while the
          variance stays.
        - "correlation": a channel ignores the others for a period. In an autoregression its innovations become independent of
          theirs; a season is a quarter to three quarters of its period away from where it should be. It needs two channels
          at least; "all" leaves it out for one.
        - "missing": no new values arrive for a period, see `missing`.
    rate : float, default=0.05
        Fraction of steps of the second part that belong to anomalies, at most. There is at least one anomaly in each series
        unless it is 0.
    size : float, default=4.0
        Height of spikes and level shifts, in standard deviations of a channel (of a season without noise for "seasonal").
    duration : int, default=50
        Greatest length of an anomaly in steps. Lengths are uniform between half of that and the whole, except those of spikes.
    period : float, default=25
        Time scale of the process in steps, more than 8.
    noise : float, default=0.1
        Standard deviation of the noise of a seasonal series, in standard deviations of the season. Other processes have none.
    correlation : float, default=0.8
        Correlation of each two channels of an autoregression; for a seasonal series that of the noise in them.
    missing : {"last", "nan"}, default="last"
        What stands where no values arrive: the last one again and again, or NaN.
    clean_fraction : float, default=0.5
        Fraction of steps at the beginning of each series that are free of anomalies, less than 1.
    targets : {"steps", "channels", "types"}, default="steps"
        What y holds: 1 for a step that belongs to an anomaly and 0 for another one; the same for each channel; or the type of the
        anomaly, as its index in ``ANOMALY_TYPES``, where 0 is "normal".
    <<random_state>>

    Returns
    -------
    X : ndarray of shape (n_series, n_steps, n_channels)
        The series.
    y : ndarray of shape (n_series, n_steps) or (n_series, n_steps, n_channels)
        The truth, integers, of the latter shape for ``targets="channels"``.

    Raises
    ------
    ValueError
        If a parameter is out of its range (`InvalidParameterError`), if `anomalies` has other names, or if the steps after the
        clean ones are too few for an anomaly.

    See Also
    --------
    make_seasonal : A series to forecast, with several seasons and a trend.

    Notes
    -----
    The types are those by which detectors are commonly compared: points, and subsequences that differ in level, in shape, or in
    their relation to other channels [1]_. A level shift, for example, can be seen twice in one-step prediction errors: when it
    begins and when it ends.

    References
    ----------
    .. [1] K.-H. Lai et al. (2021), "Revisiting time series outlier detection: definitions and benchmarks", NeurIPS Datasets and
       Benchmarks.

    Examples
    --------
    >>> from sklstm.datasets import ANOMALY_TYPES, make_anomalies
    >>> X, y = make_anomalies(n_channels=3, random_state=0)
    >>> X.shape, y.shape, bool(y[:, :2500].any())
    ((1, 5000, 3), (1, 5000), False)
    >>> X, y = make_anomalies(anomalies=["spike", "frequency"], targets="types", random_state=0)
    >>> sorted({ANOMALY_TYPES[code] for code in y.ravel()})
    ['frequency', 'normal', 'spike']
    """
    types = _read_types(anomalies, n_channels)
    first = max(round(clean_fraction * n_steps), 2)  # an anomaly continues from two steps before it
    if rate > 0 and n_steps - first < 2 * duration:
        raise ValueError(
            f"Anomalies of up to {duration} steps need at least {2 * duration} steps after the {first} clean ones, got"
            f" n_steps={n_steps}. Raise n_steps, lower duration or clean_fraction, or pass rate=0 for series without anomalies."
        )
    generator = generator_from(random_state)
    process = PROCESSES[kind](period, noise, correlation)
    X = process.draw(generator, n_series, n_steps, n_channels)
    codes = np.zeros(X.shape, int)
    for i in range(n_series if rate > 0 else 0):
        for code, steps in _plan(generator, types, slice(first, n_steps), rate, duration):
            channel = generator.randint(n_channels)
            change = CHANGES[ANOMALY_TYPES[code]]
            X[i, steps, channel] = change(generator, process, X, i, channel, steps, size)
            codes[i, steps, channel] = code
    if missing == "nan":
        X[codes == ANOMALY_TYPES.index("missing")] = np.nan
    return X, TARGETS[targets](codes)


def _plan(generator, types, within, rate, duration):
    """Codes and steps (slices) of the anomalies of a series, in the order of time."""
    n_steps = within.stop - within.start
    codes, lengths = [], []
    while True:
        for code in generator.permutation(types):
            momentary = ANOMALY_TYPES[code] in MOMENTARY
            length = 1 if momentary else generator.randint((duration + 1) // 2, duration + 1)
            if codes and sum(lengths) + length > rate * n_steps:
                firsts = within.start + _places(generator, np.array(lengths), n_steps, duration)
                return [(code, slice(a, a + n)) for code, a, n in zip(codes, firsts, lengths, strict=True)]
            codes.append(code)
            lengths.append(length)


def _places(generator, lengths, n_steps, duration):
    """First steps of anomalies of these lengths, in random places of n_steps, as far apart as they are long where that fits."""
    free = n_steps - lengths.sum()
    apart = min(duration, free // (2 * len(lengths)))
    spread = np.sort(generator.randint(free - apart * len(lengths) + 1, size=len(lengths)))
    return spread + np.cumsum(lengths + apart) - lengths


def _read_types(anomalies, n_channels):
    """Codes of the types, ascending."""
    possible = [name for name in ANOMALY_TYPES[1:] if n_channels > 1 or name not in OF_SEVERAL_CHANNELS]
    if isinstance(anomalies, str):
        anomalies = possible if anomalies == "all" else [anomalies]
    names = np.ravel(array_of("anomalies", anomalies, HOW_TO_NAME)).tolist()
    unknown = [name for name in names if not isinstance(name, str) or name not in ANOMALY_TYPES[1:]]
    if unknown or not names:
        raise ValueError(
            f"anomalies must be 'all' or names among {', '.join(map(repr, ANOMALY_TYPES[1:]))}, got {reprlib.repr(names)}."
            f" {HOW_TO_NAME}"
        )
    for name in names:
        if name not in possible:
            raise ValueError(
                f"Anomalies of the type {name!r} need at least two channels, got n_channels={n_channels}. Raise n_channels."
            )
    return sorted({ANOMALY_TYPES.index(name) for name in names})
