"""`ReliabilityDisplay`."""

import numpy as np

from ...compat import validate_params
from ..documentation import document
from ..reliability import CHECKS, curves_of_classes, curves_of_estimator, curves_of_quantiles
from .canvas import COLORS, LINE_STYLES, begin_plot, check_matplotlib

REFERENCE = "perfectly calibrated"
COVERAGE_STYLES = [{"linestyle": "-"}, {"linestyle": "--", "marker": "s", "markerfacecolor": "none"}]
TWO_COLUMNS = 42  # characters of a label that fit in half of the width of a figure


@document(display="ReliabilityDisplay", artists="``Axes.errorbar``, for the curves", panel="panel")
class ReliabilityDisplay:
    """Reliability diagram: observed frequencies over predicted probabilities, with a histogram of the predictions.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create a display. Calibrated probabilities are on the diagonal, up
    to their confidence intervals. A curve that is flatter than the diagonal is that of an overconfident estimator, a steeper one
    that of an underconfident estimator.

    Parameters
    ----------
    curves : dict of str to Bunch
        Curves by their names, as :func:`reliability_curves` returns them.
    name : str, default=None
        Name of the estimator, for the legend.
    confidence_level : float, default=0.95
        Confidence level of the intervals.

    Attributes
    ----------
    <<axes_>>
    errorbars_ : dict of str to ErrorbarContainer
        Curves with their confidence intervals.
    histograms_ : dict of str to StepPatch
        Histograms of the predicted probabilities; empty for quantiles.

    See Also
    --------
    reliability_curves : Compute the curves.
    sklearn.calibration.CalibrationDisplay : Such a diagram of two classes with one prediction per sequence.
    ForecastDisplay : Plot of predicted quantiles.

    Notes
    -----
    The names of the parameters and the bins are those of scikit-learn's display. This one also takes more than two classes,
    several labels, predictions for every step, weights and quantiles, and shows how far frequencies are known. To compare
    estimators, pass ``ax=display.axes_`` of the first to the next.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import ReliabilityDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 6, 1))
    >>> y = X[:, 0, 0] + rng.normal(size=600) > 0
    >>> model = LSTMClassifier(8, max_iter=10, random_state=0).fit(X[:300], y[:300])
    >>> display = ReliabilityDisplay.from_estimator(model, X[300:], y[300:])
    >>> list(display.curves)
    ['class True']
    """

    def __init__(self, curves, *, name=None, confidence_level=0.95):
        self.curves = curves
        self.name = name
        self.confidence_level = confidence_level

    @classmethod
    @validate_params(CHECKS, prefer_skip_nested_validation=True)
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        n_bins=10,
        strategy="uniform",
        pos_label=None,
        per_class=False,
        sample_weight=None,
        confidence_level=0.95,
        name=None,
        ax=None,
        **kwargs,
    ):
        """Compare the probabilities or quantiles that a fitted estimator predicts with targets, and draw them.

        Parameters
        ----------
        <<calibrated estimator>>
        <<reliability>>
        <<bins>>
        name : str, default=None
            Name for the legend. None is the class of the estimator, or with several curves leaves it out.
        <<axes>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is neither a classifier nor a regressor of quantiles.
        ValueError
            If X or y does not fit the estimator.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        options = {"n_bins": n_bins, "strategy": strategy, "pos_label": pos_label, "per_class": per_class}
        curves = curves_of_estimator(estimator, X, y, sample_weight, confidence_level, **options)
        if name is None and len(curves) == 1:
            name = type(estimator[0] if isinstance(estimator, (list, tuple)) else estimator).__name__
        return cls(curves, name=name, confidence_level=confidence_level).plot(ax, **kwargs)

    @classmethod
    @validate_params(CHECKS, prefer_skip_nested_validation=True)
    def from_predictions(
        cls,
        y_true,
        y_pred,
        *,
        quantiles=None,
        labels=None,
        n_bins=10,
        strategy="uniform",
        pos_label=None,
        per_class=False,
        sample_weight=None,
        confidence_level=0.95,
        name=None,
        ax=None,
        **kwargs,
    ):
        """Compare predicted probabilities or quantiles with targets, and draw them.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,), (n_samples, n_labels) or (n_samples, n_outputs)
            True classes, 0/1 indicators of several labels, or quantities.
        y_pred : array-like of shape (n_samples,), (n_samples, n_classes), (n_samples, n_labels) or (..., n_quantiles)
            Predicted probabilities, as from ``predict_proba``, or quantiles of each target; 1-D probabilities are those of
            `pos_label`.
        quantiles : array-like of float of shape (n_quantiles,), default=None
            Levels of the quantiles along the last axis of `y_pred`. None if these are probabilities.
        labels : array-like of shape (n_classes,), default=None
            The classes, whose sorted order is that of the columns of `y_pred`. None takes the classes in `y_true`.
        <<bins>>
        name : str, default=None
            Name for the legend. None leaves it out.
        <<axes>>
        <<kwargs of plot>>

        Returns
        -------
        <<a display>>

        Raises
        ------
        <<no matplotlib>>
        ValueError
            If the arrays do not match, or if a probability is not between 0 and 1.
        """
        check_matplotlib(f"{cls.__name__}.from_predictions")
        if quantiles is not None:
            curves = curves_of_quantiles(y_true, y_pred, quantiles, sample_weight, confidence_level)
        else:
            options = {"n_bins": n_bins, "strategy": strategy, "pos_label": pos_label, "per_class": per_class}
            curves = curves_of_classes(y_true, y_pred, labels, sample_weight, confidence_level, **options)
        return cls(curves, name=name, confidence_level=confidence_level).plot(ax, **kwargs)

    def plot(self, ax=None, *, ref_line=True, **kwargs):
        """Draw the curves, and of probabilities the histograms.

        Parameters
        ----------
        <<axes>>
        ref_line : bool, default=True
            Whether to draw the diagonal.
        <<kwargs>>

        Returns
        -------
        <<the display>>

        Raises
        ------
        <<no matplotlib>>
        """
        is_binned = all("histogram" in curve for curve in self.curves.values())
        self.figure_, self.axes_ = begin_plot(self, ax, [3.6, 0.9] if is_binned else [3.6])
        top, bottom = self.axes_[0], self.axes_[-1]
        if ref_line and REFERENCE not in top.get_legend_handles_labels()[1]:
            top.plot([0, 1], [0, 1], ":", color="0.5", label=REFERENCE, zorder=1)
        self.errorbars_, self.histograms_ = {}, {}
        for (name, curve), style in zip(self.curves.items(), self._styles(is_binned), strict=True):
            distances = np.clip([curve.prob_true - curve.lower, curve.upper - curve.prob_true], 0, None)
            marks = {"marker": "o", "markersize": 5, "capsize": 2, "elinewidth": 1, "label": self._label(name, curve)} | style
            self.errorbars_[name] = top.errorbar(curve.prob_pred, curve.prob_true, distances, **marks | kwargs)
            if is_binned:
                edges = np.linspace(0, 1, len(curve.histogram) + 1)
                drawn_as = style | {key: kwargs[key] for key in ("color", "linestyle", "alpha") if key in kwargs}
                self.histograms_[name] = bottom.stairs(curve.histogram, edges, **drawn_as)
        self._label_axes(is_binned)
        return self

    def _styles(self, is_binned):
        """Style of each curve: a colour of its own, or one for the quantiles and the intervals of an estimator."""
        drawn, n = self.axes_[0].containers, len(self.curves)
        if is_binned:
            return [LINE_STYLES[k % len(LINE_STYLES)] for k in range(len(drawn), len(drawn) + n)]
        n_colors = len({container.lines[0].get_color() for container in drawn})
        return [{"color": COLORS[n_colors % len(COLORS)]} | style for style in COVERAGE_STYLES[:n]]

    def _label(self, name, curve):
        named = [self.name] if self.name else []
        if len(self.curves) > 1 or not named:
            named.append(name)
        figures = f"mean error {curve.calibration_error:.3f}"
        if "log_loss" in curve:
            figures = f"ECE {curve.calibration_error:.3f}, log-loss {curve.log_loss:.3f}"
        return f"{', '.join(named)} ({figures})"

    def _label_axes(self, is_binned):
        top, bottom = self.axes_[0], self.axes_[-1]
        top.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        top.set_ylabel(f"Observed frequency\n({100 * self.confidence_level:.4g}% intervals)")
        labels = top.get_legend_handles_labels()[1]
        in_columns = {"ncols": 2 if max(map(len, labels)) <= TWO_COLUMNS else 1, "fontsize": "small", "columnspacing": 1}
        top.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, **in_columns if len(labels) > 4 else {})
        if is_binned:
            what = f" of {next(iter(self.curves))}".replace("of predicted", "of the predicted") if len(self.curves) == 1 else ""
            bottom.set(xlabel=f"Mean predicted probability{what}", ylabel="Samples")
            bottom.set_ylim(bottom=0)
        else:
            top.set_xlabel("Nominal probability")
