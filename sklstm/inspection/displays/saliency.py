"""`SaliencyDisplay`."""

import numpy as np

from ..fitted import fitted_network, one_sequence
from ..integrated import integrated_gradients
from ..outputs import describe_output
from .canvas import check_matplotlib, check_names, draw_map, make_axes, name_rows, whole_numbers


class SaliencyDisplay:
    """What each channel of each step of a sequence contributes to an answer, as a map.

    Make one with :meth:`from_estimator`. Vermilion (orange on dark ground) speaks for the answer, blue against it.

    Parameters
    ----------
    attributions : ndarray of shape (n_steps, n_channels)
        Contributions, from :func:`integrated_gradients` for instance.
    output_name : str, default="output"
        What they contribute to.
    channel_names : list of str, default=None
        None numbers the channels.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure
    mesh_ : QuadMesh
        The map.
    colorbar_ : Colorbar or None

    See Also
    --------
    integrated_gradients : The numbers.
    StepImportanceDisplay : What the steps are worth to a score over many sequences.

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
        """Explain the answer of a fitted estimator to a sequence, and draw.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
            Fitted.
        X : any accepted form of sequences
            With the channels of fit.
        sequence : int, default=0
            Which sequence of X.
        baseline : float, array-like of shape (n_channels,), sequences, or None, default=None
            As in :func:`integrated_gradients`, for the one sequence.
        target : label or int, default=None
            As in :func:`integrated_gradients`.
        step : int, default=None
            As in :func:`integrated_gradients`.
        tol : float, default=1e-3
            As in :func:`integrated_gradients`.
        max_points : int, default=16384
            As in :func:`integrated_gradients`.
        channel_names : list of str, default=None
            None takes those of X, and numbers the channels if it has none.
        ax : Axes, default=None
            None makes a figure.
        **kwargs : dict
            As in `plot`.

        Returns
        -------
        SaliencyDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        TypeError
            If the estimator is none of these.
        ValueError
            As :func:`integrated_gradients`, or if there is no such sequence.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        network, _ = fitted_network(estimator, f"{cls.__name__}.from_estimator")
        channel_names = check_names("channel_names", channel_names, network.input_size, "channels")
        options = {"baseline": baseline, "target": target, "step": step, "tol": tol, "max_points": max_points}
        explained = integrated_gradients(estimator, one_sequence(X, sequence), **options)
        name = describe_output(estimator, explained.targets[0])
        if step is not None:
            name += f" at step {step}"
        names = explained.attributions.channel_names if channel_names is None else channel_names
        return cls(explained.attributions[0], output_name=name, channel_names=names).plot(ax, **kwargs)

    def plot(self, ax=None, *, colorbar=True, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            None makes a figure.
        colorbar : bool, default=True
            Whether to say what the colours mean.
        **kwargs : dict
            For ``Axes.pcolormesh``.

        Returns
        -------
        SaliencyDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        n_steps, n_channels = np.shape(self.attributions)
        names = check_names("channel_names", self.channel_names, n_channels, "channels")
        (self.ax_,) = make_axes(ax, [min(1.2 + 0.3 * n_channels, 6.0)])
        self.figure_ = self.ax_.figure
        values, edges = np.asarray(self.attributions).T, np.arange(n_steps + 1) - 0.5
        label = f"Contribution to\n{self.output_name}"
        self.mesh_, self.colorbar_ = draw_map(self.ax_, values, edges, label=label, colorbar=colorbar, **kwargs)
        name_rows(self.ax_, names, n_channels, "Channel")
        self.ax_.set_xlabel("Step")
        whole_numbers(self.ax_.xaxis)
        return self
