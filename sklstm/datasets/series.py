"""Series of numbers: mixtures of sines, and seasons with a trend."""

import reprlib
from numbers import Real

import numpy as np

from ..compat import Interval, StrOptions
from ..sequences.refusals import array_of
from .common import array_or_sequences, at_least, checked, draw_lengths, generator_from
from .documentation import document

HIGHEST_FREQUENCY = 0.25  # cycles per step: half of the highest that sampling can tell from a lower one


@document(what="length", most="n_steps", least="")
@checked(
    n_steps=[at_least(1)],
    n_channels=[at_least(1)],
    n_classes=[at_least(2)],
    n_components=[at_least(1)],
    noise=[at_least(0, Real)],
    targets=[StrOptions({"class", "amplitude"})],
)
def make_sine_mixture(
    n_samples=1000,
    *,
    n_steps=50,
    n_channels=1,
    n_classes=3,
    n_components=2,
    noise=0.1,
    targets="class",
    ragged=False,
    random_state=None,
):
    """Make sums of sines in noise, whose frequencies or amplitudes are to be predicted.

    A classification or regression problem. Every channel is a sum of `n_components` sines and noise. The sines have the same
    frequencies and amplitudes in all channels of a sequence, and a different phase in each. Amplitudes are uniform between 0.5
    and 1.5, phases between 0 and 2 pi.

    Parameters
    ----------
    <<n_samples>>
    n_steps : int, default=50
        Length of the sequences; if `ragged`, the largest length. Frequencies closer to each other than ``1 / n_steps`` are hard
        to tell apart.
    n_channels : int, default=1
        Number of channels.
    n_classes : int, default=3
        Number of classes, each with different frequencies. Ignored for ``targets="amplitude"``.
    n_components : int, default=2
        Number of sines in a sequence.
    noise : float, default=0.1
        Standard deviation of the independent Gaussian noise at each step and channel.
    targets : {"class", "amplitude"}, default="class"
        What y holds: the class, or the amplitudes of sines whose frequencies are the same in all sequences.
    <<ragged>>
    <<random_state>>
        The frequencies do not depend on it: data of another seed belong to the same problem.

    Returns
    -------
    X : ndarray of shape (n_samples, n_steps, n_channels), or Sequences if `ragged`
        The values of each step.
    y : ndarray of shape (n_samples,) or (n_samples, n_components)
        The classes, 0 to ``n_classes - 1``; or the amplitudes in the order of the frequencies, of shape (n_samples,) if there
        is only one.

    Raises
    ------
    <<out of range>>

    See Also
    --------
    make_seasonal : One long series to forecast.

    Notes
    -----
    Component j = 1 .. J of class k = 1 .. K has the frequency :math:`\\frac{1}{4} \\frac{(j - 1) K + k}{J K}` cycles per step,
    so that all K J frequencies are equally far apart, the highest with 4 steps per cycle; for amplitudes K = 1.
    Sines of random phase in white noise are the standard model of line spectra [1]_.

    References
    ----------
    .. [1] P. Stoica and R. Moses (2005), "Spectral Analysis of Signals", Prentice Hall, chapter 4.

    Examples
    --------
    >>> from sklstm.datasets import make_sine_mixture
    >>> X, y = make_sine_mixture(4, n_channels=2, random_state=0)
    >>> X.shape, y
    ((4, 50, 2), array([0, 1, 0, 1]))
    >>> X, y = make_sine_mixture(4, targets="amplitude", ragged=True, random_state=0)
    >>> X, y.shape
    (Sequences(4 sequences of 25 to 46 steps, 1 channel, float64), (4, 2))
    """
    generator = generator_from(random_state)
    lengths = draw_lengths(generator, n_samples, n_steps, 1, ragged)
    n_kinds = n_classes if targets == "class" else 1
    frequencies = HIGHEST_FREQUENCY * np.linspace(0, 1, n_components * n_kinds + 1)[1:].reshape(n_components, n_kinds)
    kinds = generator.randint(n_kinds, size=n_samples)
    n_components = int(n_components)  # which may be True
    amplitudes = generator.uniform(0.5, 1.5, size=(n_samples, n_components))
    phases = generator.uniform(0, 2 * np.pi, size=(n_samples, n_components, n_channels))
    sequence = np.repeat(np.arange(n_samples), lengths)  # that each step belongs to
    step = np.arange(len(sequence)) - (np.cumsum(lengths) - lengths)[sequence]
    values = noise * generator.standard_normal(size=(len(step), n_channels))
    for j in range(n_components):
        turns = 2 * np.pi * frequencies[j, kinds[sequence]] * step
        values += amplitudes[sequence, j, np.newaxis] * np.sin(turns[:, np.newaxis] + phases[sequence, j])
    y = kinds if targets == "class" else amplitudes[:, 0] if n_components == 1 else amplitudes
    return array_or_sequences(values, lengths, ragged), y


@document()
@checked(
    n_steps=[at_least(2)],
    period=[Interval(Real, 2, None, closed="neither"), "array-like"],
    n_harmonics=[at_least(1)],
    trend=[Interval(Real, None, None, closed="neither")],
    noise=[at_least(0, Real)],
    window=[at_least(1), None],
    horizon=[at_least(1)],
)
def make_seasonal(
    n_steps=1000, *, period=24, n_harmonics=1, trend=0.001, noise=0.1, window=None, horizon=1, random_state=None
):
    """Generate a series with a trend and seasons, whole or cut into windows for forecasts.

    A regression problem. The series is a straight line, plus a Fourier series for each period, plus independent Gaussian noise.

    Parameters
    ----------
    n_steps : int, default=1000
        Length of the series, at least 2.
    period : float or array-like of float, default=24
        Number of steps in a season, more than 2, which need not be whole; a list for several seasons, such as ``(24, 168)`` for
        days and weeks in hours.
    n_harmonics : int, default=1
        Number of sines in the Fourier series of each season, less than ``period / 2``. The season is a pure sine for 1 and has a
        more complex shape for more.
    trend : float, default=0.001
        Rise per step, in standard deviations of a season.
    noise : float, default=0.1
        Standard deviation of the noise, in standard deviations of a season.
    window : int, default=None
        Number of steps in each window of X. All windows are cut from the series, each with the `horizon` steps that follow it as
        its y. None returns the series.
    horizon : int, default=1
        Number of steps in y. Ignored without `window`.
    <<random_state>>
        The random numbers determine the shape of the seasons and the noise.

    Returns
    -------
    series : ndarray of shape (n_steps,)
        The series, if `window` is None.
    X : ndarray of shape (n_windows, window, 1)
        The windows in the order of time, if `window` is given: number i is ``series[i : i + window]``, and ``n_windows`` is
        ``n_steps - window - horizon + 1``.
    y : ndarray of shape (n_windows,) or (n_windows, horizon)
        What follows each window: ``series[i + window : i + window + horizon]``, of shape (n_windows,) for one step.

    Raises
    ------
    ValueError
        If a parameter is out of its range (`InvalidParameterError`), if a period has too few steps for `n_harmonics`, or if
        the series is shorter than a window and its horizon.

    See Also
    --------
    sklstm.preprocessing.make_windows : Cut windows from any series, with several channels and several series.

    Notes
    -----
    With :math:`a_k, b_k` normal of standard deviation 1 / k, a season of period p is [1]_ [2]_

    .. math::

        s_p(t) \\propto \\sum_{k=1}^{K} a_k \\cos \\frac{2 \\pi k t}{p} + b_k \\sin \\frac{2 \\pi k t}{p}

    scaled to a standard deviation of 1 over a whole number of periods.

    Windows overlap, so that a random split puts steps of the test windows into training. Test on the last windows instead
    (``train_test_split(X, y, shuffle=False)``, :class:`sklearn.model_selection.TimeSeriesSplit`).

    References
    ----------
    .. [1] A. Harvey (1989), "Forecasting, structural time series models and the Kalman filter", Cambridge University Press.
    .. [2] R. Hyndman and G. Athanasopoulos (2021), "Forecasting: principles and practice", 3rd edition, OTexts, sections 7.4
       and 12.1.

    Examples
    --------
    >>> from sklstm.datasets import make_seasonal
    >>> make_seasonal(500, period=(24, 168), random_state=0).shape
    (500,)
    >>> X, y = make_seasonal(500, window=48, horizon=24, random_state=0)
    >>> X.shape, y.shape
    ((429, 48, 1), (429, 24))
    """
    periods = _read_periods(period, n_harmonics)
    if window is not None and window + horizon > n_steps:
        raise ValueError(
            f"A window of {window} steps and the horizon of {horizon} that follow need a series of at least {window + horizon}"
            f" steps, got n_steps={n_steps}. Raise n_steps."
        )
    generator = generator_from(random_state)
    t = np.arange(n_steps)
    series = float(trend) * t + noise * generator.standard_normal(n_steps)
    for p in periods:
        series += season_at(draw_season(generator, n_harmonics), t, p)
    if window is None:
        return series
    windows = np.lib.stride_tricks.sliding_window_view(series, window + horizon).copy()
    X, y = windows[:, :window, np.newaxis], windows[:, window:]
    return X, y[:, 0] if horizon == 1 else y


def draw_season(generator, n_harmonics):
    """Random coefficients (2, n_harmonics) of the cosines and sines of a Fourier series."""
    return generator.standard_normal(size=(2, n_harmonics)) / np.arange(1, n_harmonics + 1)


def season_at(coefficients, t, period):
    """A Fourier series, scaled to variance 1, at the times t (n_steps,)."""
    a, b = coefficients
    phase = 2 * np.pi * t[:, np.newaxis] * np.arange(1, len(a) + 1) / period
    return (np.cos(phase) @ a + np.sin(phase) @ b) / np.sqrt((a**2 + b**2).sum() / 2)


def _read_periods(period, n_harmonics):
    """The periods as a list of float."""
    periods = np.atleast_1d(array_of("period", period, "Pass for example (24, 168)."))
    if periods.ndim != 1 or periods.size == 0 or periods.dtype.kind not in "iuf":
        got = reprlib.repr(period)
        raise ValueError(f"period must be a number of steps or a list of such, got {got}. Pass for example (24, 168).")
    # A sine of at most two steps per cycle looks like another one, or like nothing.
    if not (np.isfinite(periods) & (periods > 2 * n_harmonics)).all():
        raise ValueError(
            f"Every period must have more than 2 * n_harmonics = {2 * n_harmonics} steps, got period={reprlib.repr(period)}."
            " Lower n_harmonics, or name a longer period."
        )
    return periods.tolist()
