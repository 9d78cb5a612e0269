"""`SaliencyDisplay`."""

import numpy as np

from ...estimators.times import n_channels_of
from ..documentation import document
from ..fitted import fitted_network, one_sequence
from ..integrated import integrated_gradients
from ..outputs import describe_output
from .canvas import begin_plot, check_matplotlib, check_names, draw_map, label_steps, map_height


@document(display="SaliencyDisplay", artists="``Axes.pcolormesh``")
class SaliencyDisplay:
    """Contribution of each channel of each step of a sequence to a prediction, as a map.

    Use :meth:`from_estimator` to create a display. Positive contributions are vermilion (orange on a dark background),
    negative ones blue.

    Parameters
    ----------
    attributions : ndarray of shape (n_steps, n_channels)
        Contributions, such as those of :func:`integrated_gradients`.
    output_name : str, default="output"
        Name of the output to which they contribute.
    channel_names : list of str, default=None
        Names of the channels. None numbers them.

    Attributes
    ----------
    <<ax_>>
    mesh_ : QuadMesh
        Map of the contributions.
    <<colorbar_>>

    See Also
    --------
    integrated_gradients : Compute the contributions.
    StepImportanceDisplay : Importance of the steps for a score over many sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.inspection import SaliencyDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 6, 2))
    >>> model = LSTMRegressor(8, random_state=0).fit(X, X[:, 2, 1])
    >>> display = SaliencyDisplay.from_estimator(model, X, sequence=3, channel_names=["noise", "signal"])
    >>> display.attributions.shape
    (6, 2)
    """

    def __init__(self, attributions, *, output_name="output", channel_names=None):
        self.attributions = attributions
        self.output_name = output_name
        self.channel_names = channel_names

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        sequence=0,
        baseline=None,
        target=None,
        step=None,
        tol=1e-3,
        max_points=16384,
        channel_names=None,
        ax=None,
        **kwargs,
    ):
        """Explain the prediction of a fitted estimator for a sequence, and draw the contributions.

        Parameters
        ----------
        <<estimator>>
        <<X as in fit>>
        <<sequence>>
        baseline : float, array-like of shape (n_channels,), sequences, or None, default=None
            Baseline for this sequence, as in :func:`integrated_gradients`.
        target : label or int, default=None
            Output to explain, as in :func:`integrated_gradients`.
        step : int, default=None
            Step whose prediction is explained, as in :func:`integrated_gradients`.
        tol : float, default=1e-3
            Tolerance of the sum of the contributions, as in :func:`integrated_gradients`.
        max_points : int, default=16384
            Largest number of points at which gradients are computed, as in :func:`integrated_gradients`.
        <<channel_names>>
        <<ax>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        <<no estimator>>
        ValueError
            If :func:`integrated_gradients` raises one, or if `sequence` does not exist.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        fitted_network(estimator, f"{cls.__name__}.from_estimator")
        channel_names = check_names("channel_names", channel_names, n_channels_of(estimator), "channels")
        options = {"baseline": baseline, "target": target, "step": step, "tol": tol, "max_points": max_points}
        explained = integrated_gradients(estimator, one_sequence(X, sequence), **options)
        name = describe_output(estimator, explained.targets[0])
        if step is not None:
            name += f" at step {step}"
        names = explained.attributions.channel_names if channel_names is None else channel_names
        return cls(explained.attributions[0], output_name=name, channel_names=names).plot(ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw the contributions.

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
        n_steps, n_channels = np.shape(self.attributions)
        names = check_names("channel_names", self.channel_names, n_channels, "channels")
        self.figure_, (self.ax_,) = begin_plot(self, ax, [map_height(n_channels)])
        values, edges = np.asarray(self.attributions).T, np.arange(n_steps + 1) - 0.5
        style = {"label": f"Contribution to\n{self.output_name}", "rows": "Channel", "names": names, "colorbar": colorbar}
        self.mesh_, self.colorbar_ = draw_map(self.ax_, values, edges, **style, **kwargs)
        label_steps(self.ax_)
        return self
