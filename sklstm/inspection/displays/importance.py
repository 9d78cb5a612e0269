"""`StepImportanceDisplay`."""

import numpy as np

from ..importance import step_importance
from .canvas import BLUE, check_matplotlib, check_names, draw_map, make_axes, name_rows, whole_numbers
from .names import score_name


class StepImportanceDisplay:
    """By how much a score falls when steps of a channel are exchanged between sequences: a map, or for one channel a curve.

    Make one with :meth:`from_estimator`. The curve has the standard deviation over the repeats.

    Parameters
    ----------
    importances_mean : ndarray of shape (n_blocks, n_channels)
        By how much the score falls, from :func:`step_importance`.
    edges : ndarray of int of shape (n_blocks + 1,)
        Steps at which the blocks begin and end.
    importances_std : ndarray of shape (n_blocks, n_channels), default=None
        Standard deviation over the repeats.
    score_name : str, default="score"
        What falls.
    channel_names : list of str, default=None
        None numbers the channels.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    mesh_ : QuadMesh or None
        The map.
    colorbar_ : Colorbar or None
    errorbar_ : ErrorbarContainer or None
        The curve.

    See Also
    --------
    step_importance : The numbers.
    SaliencyDisplay : What the steps contribute to a single answer.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.inspection import StepImportanceDisplay
    >>> X = np.random.default_rng(0).normal(size=(400, 6, 2))
    >>> model = LSTMRegressor(8, random_state=0).fit(X[:300], X[:300, 2, 1])
    >>> display = StepImportanceDisplay.from_estimator(model, X[300:], X[300:, 2, 1], n_repeats=2, random_state=0)
    >>> display.importances_mean.shape
    (6, 2)
    """

    def __init__(self, importances_mean, edges, *, importances_std=None, score_name="score", channel_names=None):
        self.importances_mean = importances_mean
        self.edges = edges
        self.importances_std = importances_std
        self.score_name = score_name
        self.channel_names = channel_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        scoring=None,
        steps=1,
        align="start",
        channels=None,
        n_repeats=5,
        sample_weight=None,
        random_state=None,
        channel_names=None,
        ax=None,
        **kwargs,
    ):
        """Measure with a fitted estimator, and draw.

        Parameters
        ----------
        estimator : estimator
            Fitted; this and those up to `random_state` as in :func:`step_importance`.
        X : any accepted form of sequences
            With the channels of fit.
        y : array-like
            Targets.
        scoring : str, callable or None, default=None
            None is the estimator's ``score``.
        steps : int or array-like of int of shape (n_blocks + 1,), default=1
            Steps that are exchanged together.
        align : {"start", "end"}, default="start"
            Where steps are counted from.
        channels : list of int or of lists of int, default=None
            Channels to exchange.
        n_repeats : int, default=5
            How often.
        sample_weight : array-like, default=None
            Weights.
        random_state : int, RandomState or None, default=None
            Of the sequences to exchange with.
        channel_names : list of str, default=None
            None takes those of :class:`~sklstm.Sequences`, and numbers the channels if there are none.
        ax : Axes, default=None
            None makes a figure.
        **kwargs : dict
            As in `plot`.

        Returns
        -------
        StepImportanceDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        ValueError
            As :func:`step_importance`.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        found = step_importance(
            estimator,
            X,
            y,
            scoring=scoring,
            steps=steps,
            align=align,
            channels=channels,
            n_repeats=n_repeats,
            sample_weight=sample_weight,
            random_state=random_state,
        )
        names = getattr(X, "channel_names", None)
        if channel_names is None and channels is not None:
            groups = map(np.atleast_1d, channels)
            channel_names = [", ".join(str(j) if names is None else str(names[j]) for j in group) for group in groups]
        elif channel_names is None:
            channel_names = names
        display = cls(
            found.importances_mean,
            found.edges,
            importances_std=found.importances_std,
            score_name=score_name(estimator) if scoring is None else scoring if isinstance(scoring, str) else "score",
            channel_names=channel_names,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        colorbar : bool, default=True
            Whether to say what the colours mean.
        **kwargs : dict
            For ``Axes.pcolormesh``, or for one channel ``Axes.errorbar``.

        Returns
        -------
        StepImportanceDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        mean, edges = np.asarray(self.importances_mean), np.asarray(self.edges)
        n_channels = mean.shape[1]
        names = check_names("channel_names", self.channel_names, n_channels, "channels")
        (self.ax_,) = make_axes(ax, [2.6 if n_channels == 1 else min(1.2 + 0.3 * n_channels, 6.0)])
        self.figure_ = self.ax_.figure
        self.mesh_ = self.colorbar_ = self.errorbar_ = None
        label = f"Fall of {self.score_name}"
        if n_channels == 1:
            deviation = None if self.importances_std is None else np.asarray(self.importances_std)[:, 0]
            style = {"fmt": "o-", "color": BLUE, "capsize": 3}
            self.errorbar_ = self.ax_.errorbar((edges[:-1] + edges[1:] - 1) / 2, mean[:, 0], deviation, **style | kwargs)
            self.ax_.axhline(0, color="0.5", linestyle=":")
            self.ax_.set_ylabel(label if names is None else f"{label}\n({names[0]} exchanged)")
        else:
            self.mesh_, self.colorbar_ = draw_map(self.ax_, mean.T, edges - 0.5, label=label, colorbar=colorbar, **kwargs)
            name_rows(self.ax_, names, n_channels, "Channel exchanged")
        self.ax_.set_xlabel("Step" if edges[-1] > 0 else "Step (-1: the last)")
        whole_numbers(self.ax_.xaxis)
        return self
