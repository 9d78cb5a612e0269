"""`StepImportanceDisplay`."""

import numpy as np

from ..documentation import document
from ..importance import step_importance
from ..outputs import score_name
from .canvas import BLUE, begin_plot, check_matplotlib, check_names, draw_map, label_steps, map_height


@document(display="StepImportanceDisplay", artists="``Axes.pcolormesh``, or for one channel of ``Axes.errorbar``")
class StepImportanceDisplay:
    """Decrease of a score when steps are permuted among the sequences: a map over channels, or a curve for one channel.

    Use :meth:`from_estimator` to create a display. The error bars of the curve are standard deviations over the repeats.

    Parameters
    ----------
    importances_mean : ndarray of shape (n_blocks, n_channels)
        Mean decrease of the score, as :func:`step_importance` returns it.
    edges : ndarray of int of shape (n_blocks + 1,)
        Edges of the blocks of steps.
    importances_std : ndarray of shape (n_blocks, n_channels), default=None
        Standard deviation over the repeats.
    score_name : str, default="score"
        Name of the score.
    channel_names : list of str, default=None
        Names of the channels. None numbers them.

    Attributes
    ----------
    <<ax_>>
    mesh_ : QuadMesh or None
        Map of several channels.
    <<colorbar_>>
    errorbar_ : ErrorbarContainer or None
        Curve of a single channel.

    See Also
    --------
    step_importance : Compute the importances.
    SaliencyDisplay : Contributions of the steps to a single prediction.

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
        """Compute the importance of steps for a fitted estimator, and draw it.

        Parameters
        ----------
        <<any estimator>>
        <<X as in fit>>
        <<permutation>>
        channel_names : list of str, default=None
            Names of the channels. None takes those of X, if it is :class:`~sklstm.Sequences` with names, or numbers the channels.
        <<ax>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If :func:`step_importance` raises one.
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
        """Draw the importances.

        Parameters
        ----------
        <<ax>>
        <<colorbar>>
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        """
        mean, edges = np.asarray(self.importances_mean), np.asarray(self.edges)
        n_channels = mean.shape[1]
        names = check_names("channel_names", self.channel_names, n_channels, "channels")
        self.figure_, (self.ax_,) = begin_plot(self, ax, [2.6 if n_channels == 1 else map_height(n_channels)])
        self.mesh_ = self.colorbar_ = self.errorbar_ = None
        label = f"Fall of {self.score_name}"
        if n_channels == 1:
            deviation = None if self.importances_std is None else np.asarray(self.importances_std)[:, 0]
            style = {"fmt": "o-", "color": BLUE, "capsize": 3}
            self.errorbar_ = self.ax_.errorbar((edges[:-1] + edges[1:] - 1) / 2, mean[:, 0], deviation, **style | kwargs)
            self.ax_.axhline(0, color="0.5", linestyle=":")
            self.ax_.set_ylabel(label if names is None else f"{label}\n({names[0]} exchanged)")
        else:
            style = {"label": label, "rows": "Channel exchanged", "names": names, "colorbar": colorbar}
            self.mesh_, self.colorbar_ = draw_map(self.ax_, mean.T, edges - 0.5, **style, **kwargs)
        label_steps(self.ax_, "Step" if edges[-1] > 0 else "Step (-1: the last)")
        return self
