"""`AnomalyDisplay`."""

from datetime import date
from textwrap import fill

import numpy as np

from ...estimators import LSTMOutlierDetector
from ...metrics.events import events_of, runs_of
from ...sequences.refusals import array_of, refused_as
from ..documentation import document
from ..fitted import fitted_network, one_sequence, predicted_channels
from .canvas import (
    GREEN,
    LINE_STYLES,
    VERMILION,
    begin_plot,
    check_matplotlib,
    check_names,
    concise_dates,
    draw_map,
    label_steps,
    map_height,
)

FEW = 4  # channels that are shown where none are named
FAR = 5  # thresholds of a score beyond which its axis is logarithmic
MAX_TICKS = 8  # of that axis
MAX_COLUMNS = 250  # of a map: narrower ones would be lost between the pixels
MAX_CHARACTERS = 14  # of a name beside a curve


@document(display="AnomalyDisplay", panel="panel", artists="``Axes.plot``, for the curves of the channels")
class AnomalyDisplay:
    """Series with the scores of its steps by an outlier detector, the threshold, the alarms, and the channels to blame.

    Use :meth:`from_estimator` or :meth:`from_scores` to create a display. The scores are drawn with their sign changed: the
    higher, the more abnormal. Their axis is logarithmic above the threshold where some are far beyond it.

    Parameters
    ----------
    series : array-like of shape (n_steps,) or (n_steps, n_channels)
        Values of the series.
    <<scores of anomalies>>
    <<truth of anomalies>>
    channel_names : list of str, default=None
        Names of the channels. None numbers them.

    Attributes
    ----------
    <<axes_>>
    channels_ : ndarray of int
        Numbers of the channels whose curves are shown.
    lines_ : list of Line2D
        Curves of these channels.
    score_line_ : Line2D
        Curve of the scores, with their sign changed.
    threshold_line_ : Line2D or None
        Line at the threshold, with its sign changed; None without one.
    alarms_ : list of Line2D
        Points at the alarms, on each of these curves and on that of the scores; empty without an alarm.
    events_ : list of Polygon or Rectangle
        Areas of the true events, panel by panel.
    mesh_ : QuadMesh or None
        Map of the scores of the channels, with their sign changed; None without them or for a single channel. Of a long series
        each column is a block of steps, and has the scores that are farthest from 0.
    <<colorbar_>>

    See Also
    --------
    sklstm.LSTMOutlierDetector : Compute the scores.
    sklstm.metrics.event_f1_score : Compare alarms with true events.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm.inspection import AnomalyDisplay
    >>> series = np.sin(0.3 * np.arange(50))
    >>> series[30] += 3
    >>> scores = -((series - np.sin(0.3 * np.arange(50))) ** 2)
    >>> display = AnomalyDisplay.from_scores(series, scores, threshold=-1)
    >>> display.alarms_[0].get_xdata().tolist()
    [30]
    """

    def __init__(
        self, series, scores, *, threshold=None, channel_scores=None, y_true=None, times=None, time_name=None, channel_names=None
    ):
        self.series = series
        self.scores = scores
        self.threshold = threshold
        self.channel_scores = channel_scores
        self.y_true = y_true
        self.times = times
        self.time_name = time_name
        self.channel_names = channel_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        sequence=0,
        channels=None,
        y_true=None,
        times=None,
        time_name=None,
        channel_names=None,
        ax=None,
        **kwargs,
    ):
        """Score the steps of a sequence by a fitted outlier detector, and draw them.

        Parameters
        ----------
        estimator : LSTMOutlierDetector
            The fitted estimator, whose ``step_offset_`` is the threshold.
        <<X as in fit>>
        <<sequence>>
        <<curves of channels>>
        <<truth of anomalies>>
        channel_names : list of str, default=None
            Names of the numeric channels. None takes those of X, or numbers the channels if it has none.
        <<axes>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        TypeError
            If the estimator is no LSTMOutlierDetector.
        ValueError
            If X does not fit the estimator, or if the sequence or a channel does not exist.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted_network(estimator, f"{cls.__name__}.from_estimator", LSTMOutlierDetector)
        own = one_sequence(X, sequence)
        scores, by_channel = (np.asarray(estimator.score_steps(own, channels=each)[0]) for each in (False, True))
        series, names, own_times = predicted_channels(estimator, own)
        y_true = y_true[sequence] if getattr(y_true, "ndim", 1) == 2 else y_true
        options = {"threshold": estimator.step_offset_, "channel_scores": by_channel, "y_true": y_true, "time_name": time_name}
        options["times"] = own_times if times is None else times
        options["channel_names"] = names if channel_names is None else channel_names
        return cls(series, scores.ravel(), **options).plot(ax, channels=channels, **kwargs)

    @classmethod
    def from_scores(
        cls,
        series,
        scores,
        *,
        threshold=None,
        channel_scores=None,
        channels=None,
        y_true=None,
        times=None,
        time_name=None,
        channel_names=None,
        ax=None,
        **kwargs,
    ):
        """Draw scores that have been computed.

        Parameters
        ----------
        series : array-like of shape (n_steps,) or (n_steps, n_channels)
            Values of the series.
        <<scores of anomalies>>
        <<curves of channels>>
        <<truth of anomalies>>
        channel_names : list of str, default=None
            Names of the channels. None numbers them.
        <<axes>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the arrays differ in their number of steps or channels, or if a channel does not exist.
        """
        check_matplotlib(f"{cls.__name__}.from_scores")
        options = {"threshold": threshold, "channel_scores": channel_scores, "y_true": y_true}
        options |= {"times": times, "time_name": time_name, "channel_names": channel_names}
        return cls(series, scores, **options).plot(ax, channels=channels, **kwargs)

    def plot(self, ax=None, *, channels=None, colorbar=True, **kwargs):
        """Draw the series, the scores and the alarms.

        Parameters
        ----------
        <<axes>>
        <<curves of channels>>
        <<colorbar>>
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the arrays differ in their number of steps or channels, or if a channel does not exist.
        """
        series, scores, by_channel, in_event, x = self._read()
        n_steps, n_channels = series.shape
        names = check_names("channel_names", self.channel_names, n_channels, "channels")
        names = None if names is None else [fill(name, MAX_CHARACTERS) for name in names]
        alarms = np.zeros(n_steps, bool) if self.threshold is None else scores < self.threshold
        self.channels_ = _chosen(channels, n_channels, by_channel, alarms)
        has_map = by_channel is not None and n_channels > 1
        n_curves = len(self.channels_)
        heights = [1.1 if n_curves > 1 else 1.8] * n_curves + [1.4] + [map_height(n_channels)] * has_map
        self.figure_, self.axes_ = begin_plot(self, ax, heights)
        self.mesh_ = self.colorbar_ = self.threshold_line_ = None
        self.alarms_, self.events_, edges = [], [], _edges(x)
        self._draw_curves(x, series, names, kwargs)
        self._draw_scores(x, scores)
        for axes, values in zip(self.axes_, [*series.T[self.channels_], -scores], strict=False):
            self._mark(axes, x, values, alarms, [edges[bounds] for bounds in runs_of(in_event)])
            axes.set_xlim(edges[0], edges[-1])
        if has_map:
            style = {"label": "Score of\nthe channel", "rows": "Channel", "names": names, "colorbar": colorbar}
            values, bounds = _in_blocks(-by_channel)
            self.mesh_, self.colorbar_ = draw_map(self.axes_[-1], values.T, edges[bounds], **style, **self._scale_of_map(values))
            if self.colorbar_ is not None and self._is_far(values):
                ticks = self._ticks(values)
                self.colorbar_.set_ticks([*-ticks[:0:-1], *ticks])
        self._label(n_curves)
        return self

    def _read(self):
        """The arrays, checked: the series (n_steps, n_channels), scores, those of the channels, which steps are in an event, and
        the times."""
        series = _numbers("series", self.series)
        series = series[:, np.newaxis] if series.ndim == 1 else series
        if series.ndim != 2 or not len(series):
            raise ValueError(f"series must be an array (n_steps,) or (n_steps, n_channels), got shape {series.shape}.")
        n = len(series)
        labels = np.zeros(n) if self.y_true is None else _numbers("y_true", self.y_true)
        x = np.arange(n) if self.times is None else array_of("times", self.times)
        scores = _numbers("scores", self.scores)
        for name, values in {"scores": scores, "y_true": labels, "times": x}.items():
            if values.shape != (n,):
                raise ValueError(f"{name} must have an entry for each of the {n} steps of the series, got shape {values.shape}.")
        by_channel = None if self.channel_scores is None else _numbers("channel_scores", self.channel_scores)
        if by_channel is not None and by_channel.shape != series.shape:
            raise ValueError(f"channel_scores must have the shape of the series, {series.shape}, got {by_channel.shape}.")
        _check_times(x)
        if np.isinf(scores).any():
            raise ValueError(f"scores must be numbers or NaN, got infinity at step {np.argmax(np.isinf(scores))}.")
        return series, scores, by_channel, events_of(0, labels)[1], x

    def _draw_curves(self, x, series, names, kwargs):
        from matplotlib import rcParams

        self.lines_ = []
        for channel, axes in zip(self.channels_, self.axes_, strict=False):
            style = {"color": rcParams["text.color"], "linewidth": 0.8}
            self.lines_ += axes.plot(x, series[:, channel], **style | kwargs)
            name = f"Channel {channel}" if names is None else names[channel]
            axes.set_ylabel("Value" if names is None and series.shape[1] == 1 else name)

    def _draw_scores(self, x, scores):
        axes, threshold = self.axes_[len(self.channels_)], self.threshold
        (self.score_line_,) = axes.plot(x, -scores, **LINE_STYLES[0], linewidth=0.8)
        axes.set_ylabel("Anomaly\nscore")
        if threshold is not None:
            self.threshold_line_ = axes.axhline(-threshold, color=VERMILION, linestyle="--", linewidth=1, label="threshold")
            if self._is_far(-scores):
                axes.set_yscale("symlog", linthresh=-threshold)
                axes.set_ylim(min(0.0, -np.nanmax(scores)), -2 * np.nanmin(scores))
                axes.set_yticks(self._ticks(-scores))

    def _is_far(self, values):
        """Whether some values are far beyond the threshold."""
        return self.threshold is not None and 0 < -self.threshold * FAR < np.nanmax(values, initial=0)

    def _ticks(self, values):
        """0 and the powers of ten between the threshold and the largest value."""
        first, last = np.log10([-self.threshold, np.nanmax(values)])
        exponents = np.arange(np.ceil(first), last + 0.3)
        return np.array([0, *10.0 ** exponents[:: -(-len(exponents) // MAX_TICKS) or 1]])

    def _scale_of_map(self, values):
        """Keyword arguments for the colours of a map of values."""
        from matplotlib.colors import SymLogNorm

        if not self._is_far(values):
            return {}
        largest = np.nanmax(np.abs(values))
        return {"norm": SymLogNorm(-self.threshold, linscale=0.5, vmin=-largest, vmax=largest), "vmin": None, "vmax": None}

    def _mark(self, axes, x, values, alarms, events):
        """Draw points at alarms, and areas of events (first edge, last edge)."""
        if alarms.any():
            style = {"color": VERMILION, "linestyle": "", "marker": "o", "markersize": 3, "label": "alarm"}
            self.alarms_ += axes.plot(x[alarms], values[alarms], **style)
        for first, last in events:
            self.events_.append(axes.axvspan(first, last, color=GREEN, alpha=0.3, linewidth=0, label="true event"))

    def _label(self, n_curves):
        artists = [*self.events_[:1], *self.alarms_[:1], *([] if self.threshold_line_ is None else [self.threshold_line_])]
        if artists:
            self.axes_[0].legend(handles=artists, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
        if self.times is None:
            label_steps(self.axes_[-1], self.time_name or "Step")
        else:
            self.axes_[-1].set_xlabel(self.time_name or "Time")
            concise_dates(self.axes_[-1])


def _numbers(name, values):
    """Values as an array of floats."""
    advice = "Pass numbers for the steps of one series."
    with refused_as(name, advice):
        return array_of(name, values, advice).astype(float)


def _check_times(x):
    """Raise a ValueError unless the times (n_steps,) are numbers or dates that ascend."""
    of_a_kind = x.dtype.kind in "iufM" or all(isinstance(time, date) for time in x)
    wrong = np.flatnonzero(~np.r_[x[:1] == x[:1], x[1:] > x[:-1]].astype(bool)) if of_a_kind else [0]
    if len(wrong):
        raise ValueError(
            f"times must be numbers or dates in ascending order, got {x[wrong[0]]!s} at step {wrong[0]}. Pass them sorted,"
            " without repetitions; to_timestamp() of periods, and numbers of durations."
        )


def _chosen(channels, n_channels, by_channel, alarms):
    """Numbers of the channels whose curves are shown."""
    if channels is None:
        blame = np.zeros(n_channels)
        if by_channel is not None:
            blame = np.nansum(-by_channel[alarms] if alarms.any() else -by_channel, axis=0)
        return np.sort(np.argsort(-blame, kind="stable")[:FEW])
    channels = np.atleast_1d(np.asarray(channels))
    if channels.dtype.kind not in "iu" or channels.ndim != 1 or not ((channels >= 0) & (channels < n_channels)).all():
        raise ValueError(f"channels must be numbers of channels of the series, 0 to {n_channels - 1}, got {channels.tolist()}.")
    return channels


def _in_blocks(values):
    """Values (n_columns, n_channels) for a map, and the bounds (n_columns + 1,) of the steps of each column."""
    n = len(values)
    bounds = np.linspace(0, n, min(n, MAX_COLUMNS) + 1).astype(int)
    if n <= MAX_COLUMNS:
        return values, bounds
    highest, lowest = (of.reduceat(values, bounds[:-1], axis=0) for of in (np.fmax, np.fmin))
    return np.where(highest >= -lowest, highest, lowest), bounds


def _edges(x):
    """Edges (n_steps + 1,) of steps at some times, in the middle between neighbours."""
    if len(x) == 1:
        return np.concatenate([x, x + (x - x + 1)])
    half = (x[1:] - x[:-1]) / 2
    return np.concatenate([x[:1] - half[:1], x[:-1] + half, x[-1:] + half[-1:]])
