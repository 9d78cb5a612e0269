"""`GateDisplay`."""

from itertools import cycle

import numpy as np

from ...network.cells import QUANTITIES
from ..documentation import document
from ..fitted import fitted_network, one_sequence
from ..gates import gate_activations
from .canvas import LINE_STYLES, begin_plot, check_matplotlib, label_steps

FEW = 4  # units that are shown where none are named


@document(display="GateDisplay", panel="quantity", artists="``Axes.plot``, for all curves")
class GateDisplay:
    """Gates and states of several units over the steps of a sequence.

    Use :meth:`from_estimator` to create a display.

    Parameters
    ----------
    activations : dict of str to ndarray of shape (n_steps, n_units)
        Gates and states in one sequence; for sequence i of X these are
        ``{name: values[i] for name, values in gate_activations(model, X).items()}``.
    title : str, default=None
        Title of the legend.

    Attributes
    ----------
    <<axes_>>
    lines_ : dict of str to list of Line2D
        Curves of the units, for each quantity.
    units_ : ndarray of int
        Numbers of the units that are shown.

    See Also
    --------
    gate_activations : Compute the gates and states.

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
        """Record the gates and states of a fitted estimator in a sequence, and draw them.

        Parameters
        ----------
        <<estimator>>
        <<X as in fit>>
        <<sequence>>
        layer : int, default=-1
            Number of the recurrent layer: 0 is the first, -1 the last.
        direction : {"forward", "reverse"}, default="forward"
            Direction of a bidirectional model in which it reads the sequence.
        <<units and quantities>>
        <<axes>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        <<no estimator>>
        ValueError
            If X does not fit the estimator, or if the sequence, layer, direction, unit or quantity does not exist.
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
        """Draw the gates and states.

        Parameters
        ----------
        <<axes>>
        <<units and quantities>>
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If a unit or quantity does not exist, or if the number of axes is not that of the quantities.
        """
        quantities = list(self.activations) if quantities is None else list(quantities)
        unknown = [name for name in quantities if name not in self.activations]
        if unknown or not quantities:
            raise ValueError(f"quantities must be some of {list(self.activations)}, which the cell has, got {quantities}.")
        self.units_ = self._chosen(units)
        self.figure_, self.axes_ = begin_plot(self, ax, [1.0] * len(quantities))
        self.lines_ = {}
        for name, axes in zip(quantities, self.axes_, strict=True):
            values = self.activations[name]
            style = {"marker": "." if len(values) < 30 else None}
            self.lines_[name] = [
                axes.plot(values[:, unit], **style | own | {"label": f"unit {unit}"} | kwargs)[0]
                for unit, own in zip(self.units_, cycle(LINE_STYLES), strict=False)
            ]
            axes.set_ylabel(f"{QUANTITIES[name]} {name}".replace(" ", "\n", 1))
            if QUANTITIES[name].endswith("gate"):
                axes.set(ylim=(-0.08, 1.08), yticks=[0, 0.5, 1])
        self.axes_[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, title=self.title)
        label_steps(self.axes_[-1])
        return self

    def _chosen(self, units):
        h = np.asarray(self.activations["h"])
        if units is None:
            return np.sort(np.argsort(-np.ptp(h, axis=0), kind="stable")[:FEW])
        units = np.atleast_1d(np.asarray(units))
        if units.dtype.kind not in "iu" or units.ndim != 1 or not ((units >= 0) & (units < h.shape[1])).all():
            raise ValueError(f"units must be numbers of units of the layer, 0 to {h.shape[1] - 1}, got {units.tolist()}.")
        return units
