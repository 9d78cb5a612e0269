"""`TrainingHistoryDisplay`."""

import numpy as np

from ..curves import training_curves
from ..documentation import document
from ..outputs import loss_name, score_name
from .canvas import BLUE, GREEN, PURPLE, VERMILION, begin_plot, check_matplotlib, label_steps

# Panel -> its curves, with their colours and labels.
PANELS = {
    "loss": {"loss": (BLUE, "training"), "validation_loss": (VERMILION, "validation")},
    "validation_score": {"validation_score": (VERMILION, "validation")},
    "learning_rate": {"learning_rate": (GREEN, None)},
    "gradient_norm": {"gradient_norm": (PURPLE, None)},
}
LABELS = {"learning_rate": "Learning rate", "gradient_norm": "Gradient norm\n(before clipping)"}
DECADES = 2  # a curve that spans more has a logarithmic axis


@document(display="TrainingHistoryDisplay", panel="panel", artists="``Axes.plot``, for all curves")
class TrainingHistoryDisplay:
    """Loss, validation score, learning rate and gradient norm in each epoch of training.

    Use :meth:`from_estimator` to create a display.

    Parameters
    ----------
    curves : dict of str to array-like of shape (n_epochs,)
        History of the fit, as :func:`training_curves` returns it.
    loss_name : str, default="Loss"
        Label of the losses, with their unit.
    score_name : str, default="Validation score"
        Label of the validation score.
    best_epoch : int, default=None
        Epoch whose weights were kept, which a dotted line marks.

    Attributes
    ----------
    <<axes_>>
    lines_ : dict of str to Line2D
        Curves by their names.

    See Also
    --------
    training_curves : The history as arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import TrainingHistoryDisplay
    >>> X = np.random.default_rng(0).normal(size=(200, 6, 2))
    >>> model = LSTMClassifier(8, early_stopping=True, random_state=0).fit(X, X[:, 0, 0] > 0)
    >>> display = TrainingHistoryDisplay.from_estimator(model)
    >>> list(display.lines_)
    ['loss', 'validation_loss', 'validation_score', 'learning_rate', 'gradient_norm']
    """

    def __init__(self, curves, *, loss_name="Loss", score_name="Validation score", best_epoch=None):
        self.curves = curves
        self.loss_name = loss_name
        self.score_name = score_name
        self.best_epoch = best_epoch

    @classmethod
    def from_estimator(cls, estimator, *, panels=None, ax=None, **kwargs):
        """Draw the training history of a fitted estimator.

        Parameters
        ----------
        <<estimator>>
        <<panels>>
        <<axes>>
        <<kwargs>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        <<no estimator>>
        ValueError
            If the history has no such panel, or if the number of axes is not that of the panels.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        curves = training_curves(estimator)
        score = f"Validation\n{score_name(estimator)}"
        display = cls(curves, loss_name=loss_name(estimator), score_name=score, best_epoch=vars(estimator).get("best_epoch_"))
        return display.plot(ax, panels=panels, **kwargs)

    def plot(self, ax=None, *, panels=None, **kwargs):
        """Draw the history.

        Parameters
        ----------
        <<axes>>
        <<panels>>
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the history has no such panel, or if the number of axes is not that of the panels.
        """
        available = [panel for panel, curves in PANELS.items() if any(self._has(name) for name in curves)]
        panels = available if panels is None else list(panels)
        if not panels or any(panel not in available for panel in panels):
            raise ValueError(f"panels must be some of {available}, which this history has, got {panels}.")
        self.figure_, self.axes_ = begin_plot(self, ax, [2.2 if panel == "loss" else 1.5 for panel in panels])
        labels = LABELS | {"loss": self.loss_name, "validation_score": self.score_name}
        self.lines_ = {}
        for panel, axes in zip(panels, self.axes_, strict=True):
            names = [name for name in PANELS[panel] if self._has(name)]
            for name in names:
                color, label = PANELS[panel][name]
                values = self.curves[name]
                epochs = self.curves.get("epoch", np.arange(1, len(values) + 1))
                style = {"color": color, "label": label, "marker": "o" if len(values) == 1 else None}
                (self.lines_[name],) = axes.plot(epochs, values, **style | kwargs)
            axes.set_ylabel(labels[panel])
            if _spans_decades([self.curves[name] for name in names]):
                axes.set_yscale("log")
            if self.best_epoch is not None:
                label = f"kept: epoch {self.best_epoch}" if panel == panels[0] else None
                axes.axvline(self.best_epoch, color="0.5", linestyle=":", label=label)
        if len(self.axes_[0].get_legend_handles_labels()[1]) > 1:
            self.axes_[0].legend()
        label_steps(self.axes_[-1], "Epoch")
        return self

    def _has(self, name):
        return name in self.curves and bool(np.isfinite(self.curves[name]).any())


def _spans_decades(curves):
    """Whether values, all positive, span more than DECADES."""
    values = np.concatenate([np.asarray(curve, dtype=float) for curve in curves])
    values = values[np.isfinite(values)]
    return values.min() > 0 and values.max() / values.min() > 10**DECADES
