"""`GateDisplay`."""

import numpy as np

from ...network.cells import QUANTITIES
from ..fitted import fitted_network, one_sequence
from ..gates import gate_activations
from .canvas import check_matplotlib, line_styles, make_axes, whole_numbers

FEW = 4  # units that are shown where none are named


class GateDisplay:
    """Gates and states of some units over the steps of a sequence.

    Make one with :meth:`from_estimator`.

    Parameters
    ----------
    activations : dict of str to ndarray of shape (n_steps, n_units)
        Of one sequence i: ``{name: values[i] for name, values in gate_activations(model, X).items()}``.
    title : str, default=None
        What is shown.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One for each quantity.
    figure_ : Figure
    lines_ : dict of str to list of Line2D
        For each quantity the curves of the units.
    units_ : ndarray of int
        The units that are shown.

    See Also
    --------
    gate_activations : The numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import GateDisplay
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> model = LSTMClassifier(8, cell="gru", max_iter=3, random_state=0).fit(X, X[:, 0, 0] > 0)
    >>> display = GateDisplay.from_estimator(model, X, sequence=5, units=[0, 3])
    >>> [ax.get_ylabel().replace("\\n", " ") for ax in display.axes_]
    ['reset gate r', 'update gate z', 'candidate n', 'hidden state h']
    """

    def __init__(self, activations, *, title=None):
        self.activations = activations
        self.title = title

    @classmethod
    def from_estimator(
        cls, estimator, X, *, sequence=0, layer=-1, direction="forward", units=None, quantities=None, ax=None, **kwargs
    ):
        """Run a fitted estimator over a sequence and draw.

        Parameters
        ----------
        estimator : LSTMClassifier or LSTMRegressor
            Fitted.
        X : any accepted form of sequences
            With the channels of fit.
        sequence : int, default=0
            Which sequence of X.
        layer : int, default=-1
            Which recurrent layer: 0 is the first, -1 the last.
        direction : {"forward", "reverse"}, default="forward"
            Of a bidirectional model.
        units : array-like of int, default=None
            As in `plot`.
        quantities : list of str, default=None
            As in `plot`.
        ax : Axes or array-like of Axes, default=None
            As in `plot`.
        **kwargs : dict
            As in `plot`.

        Returns
        -------
        GateDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        TypeError
            If the estimator is none of these.
        ValueError
            If X does not fit the estimator, or there is no such sequence, layer, direction, unit or quantity.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        network, _ = fitted_network(estimator, f"{cls.__name__}.from_estimator")
        found = gate_activations(estimator, one_sequence(X, sequence), layer=layer, direction=direction)
        title = f"cell={network.cell!r}"
        if len(network.layers) > 1:
            title += f", layer {range(len(network.layers))[layer]}"
        if network.bidirectional:
            title += f", {direction}"
        display = cls({name: values[0] for name, values in found.items()}, title=title)
        return display.plot(ax, units=units, quantities=quantities, **kwargs)

    def plot(self, ax=None, *, units=None, quantities=None, **kwargs):
        """Draw.

        Parameters
        ----------
        ax : Axes or array-like of Axes, default=None
            One for each quantity, or one, which is divided. None makes a figure.
        units : array-like of int, default=None
            Units to show. None are up to four whose hidden state varies most.
        quantities : list of str, default=None
            Which of the activations to show, by their letters. None is all.
        **kwargs : dict
            For ``Axes.plot``, for all curves.

        Returns
        -------
        GateDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not there.
        ValueError
            If there is no such unit or quantity, or the number of axes is another.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        quantities = list(self.activations) if quantities is None else list(quantities)
        unknown = [name for name in quantities if name not in self.activations]
        if unknown or not quantities:
            raise ValueError(f"quantities must be some of {list(self.activations)}, which the cell has, got {quantities}.")
        self.units_ = self._chosen(units)
        self.axes_ = make_axes(ax, [1.0] * len(quantities))
        self.figure_ = self.axes_[0].figure
        self.lines_ = {}
        for name, axes in zip(quantities, self.axes_, strict=True):
            values = self.activations[name]
            style = {"marker": "." if len(values) < 30 else None}
            self.lines_[name] = [
                axes.plot(values[:, unit], **style | own | {"label": f"unit {unit}"} | kwargs)[0]
                for unit, own in zip(self.units_, line_styles(len(self.units_)), strict=True)
            ]
            axes.set_ylabel(f"{QUANTITIES[name]} {name}".replace(" ", "\n", 1))
            if QUANTITIES[name].endswith("gate"):
                axes.set(ylim=(-0.08, 1.08), yticks=[0, 0.5, 1])
        self.axes_[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, title=self.title)
        self.axes_[-1].set_xlabel("Step")
        whole_numbers(self.axes_[-1].xaxis)
        return self

    def _chosen(self, units):
        h = np.asarray(self.activations["h"])
        if units is None:
            return np.sort(np.argsort(-np.ptp(h, axis=0), kind="stable")[:FEW])
        units = np.atleast_1d(np.asarray(units))
        if units.dtype.kind not in "iu" or units.ndim != 1 or not ((units >= 0) & (units < h.shape[1])).all():
            raise ValueError(f"units must be numbers of units of the layer, 0 to {h.shape[1] - 1}, got {units.tolist()}.")
        return units
