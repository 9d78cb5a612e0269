"""Integrated gradients: what each channel of each step contributes to a prediction."""

import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch

from ..compat import Interval, validate_params
from ..estimators.documentation import document
from ..estimators.times import n_channels_of
from ..network import apply
from ..network.input_layer import UNKNOWN
from ..parallel import single_threaded_blas
from ..sequences import Sequences
from .first_layer import behind_input_layer, channels_of_inputs, layer_inputs
from .fitted import channels_in_double, fitted_network, sequences_in_double
from .outputs import output_coefficients, output_units, read_step, read_target, refuse_step
from .path import FEWEST_POINTS, IntegrationPath


@document()
@validate_params(
    {"tol": [Interval(Real, 0, None, closed="neither")], "max_points": [Interval(Integral, FEWEST_POINTS, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def integrated_gradients(estimator, X, *, baseline=None, target=None, step=None, tol=1e-3, max_points=16384):
    """What each channel of each step contributes to a prediction, by integrated gradients.

    The contributions of a sequence sum to the difference between its output and the output for a baseline without information.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted.
    <<X>>
    baseline : float, array-like of shape (n_channels,), any accepted form of sequences, or None, default=None
        Baseline that the sequences are compared with, in the units of X: one value for all numeric channels, one value per
        channel, or sequences as long as those of X. None uses the mean of each channel in the training data, or 0 with
        ``standardize=False``. The default baseline of a categorical channel is the vector of unknown categories.
    target : label, int, or array-like of shape (n_sequences,), default=None
        Output to explain: a class label, or for several labels or outputs the number of one. None explains the predicted
        class of each sequence, or the only output.
    step : int or array-like of int of shape (n_sequences,), default=None
        Step whose prediction is explained, counted from the end where negative. It is required for models with
        `return_sequences`, and must be None for others.
    tol : float, default=1e-3
        Largest allowed error of the sum of the contributions, in units of a score or, for quantities, in standard deviations
        of y.
    max_points : int, default=16384
        Maximum number of points between baseline and sequence at which gradients are computed. The minimum is 16; `tol` can
        require more.

    Returns
    -------
    Bunch
        ``attributions``, :class:`~sklstm.Sequences` like X with the contribution of every channel of every step, in float64;
        ``outputs`` and ``baseline_outputs``, ndarray of shape (n_sequences,); ``targets``, ndarray of shape (n_sequences,), the
        labels or numbers of the outputs; ``n_points``, ndarray of int of shape (n_sequences,).

    Raises
    ------
    TypeError
        If the estimator is of another type.
    ValueError
        If X does not fit the estimator, or a baseline, target or step does not fit X.

    Warns
    -----
    ConvergenceWarning
        If the error of the sum exceeds `tol` with `max_points` points.

    See Also
    --------
    SaliencyDisplay : Plot of these contributions.
    step_importance : Importance of the steps for a score.

    Notes
    -----
    With F the output, x' the baseline, t a step and d a channel [1]_

    .. math::

        a_{td} = (x_{td} - x'_{td}) \\int_0^1 \\frac{\\partial F(x' + \\lambda (x - x'))}{\\partial x_{td}} d\\lambda, \\qquad
        \\sum_{td} a_{td} = F(x) - F(x'),

    by adaptive Gauss-Legendre quadrature: a piece of the path is halved where its contributions miss the difference of F between
    its ends, so that kinks ("relu", ``pooling="max"``) and layer normalisation cost points, not accuracy. Everything is computed
    in float64.

    F is the log-odds of the class for two classes and for several labels; for more classes the logarithm of its probability less
    the mean of those logarithms over all classes; the predicted quantity for a regressor, and for ``loss="poisson"`` its
    logarithm. Several quantiles are explained before they are sorted.

    Static features and times have no part in the path: those of a baseline are those of X. A channel of times, by `time_feature`,
    contributes 0.

    A categorical channel is explained through its vectors: the path leads in a straight line from the vector of the baseline to
    that of the category, and the contributions of the vector's entries are summed. With `missing`, the contribution of a channel
    at a step is that of what stands for its value there, of whether it is missing and of the time since it was last seen; nothing
    is missing in the default baseline.

    All cells and poolings are supported, and so are stacked, residual and bidirectional models.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan (2017), "Axiomatic attribution for deep networks", ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.inspection import integrated_gradients
    >>> X = np.random.default_rng(0).normal(size=(300, 6, 2))
    >>> model = LSTMRegressor(16, random_state=0).fit(X, X[:, 2, 1])  # the second channel of the third step
    >>> explained = integrated_gradients(model, X[:20])
    >>> size = np.abs(explained.attributions.to_padded()).mean(axis=0)
    >>> [int(k) for k in np.unravel_index(size.argmax(), size.shape)]
    [2, 1]
    >>> sums = np.add.reduceat(explained.attributions.values.sum(axis=1), explained.attributions.offsets[:-1])
    >>> bool(np.allclose(sums, explained.outputs - explained.baseline_outputs, atol=1e-3))
    True
    """
    network, theta = fitted_network(estimator, "integrated_gradients")
    sequences = sequences_in_double(estimator, X)
    rows = read_step(step, sequences) if network.returns_sequences else refuse_step(step)
    codes = read_target(estimator, target, len(sequences))
    begins = layer_inputs(network, theta, sequences.with_values(_read_baseline(estimator, baseline, sequences)))
    ends = layer_inputs(network, theta, sequences)
    inner, theta = behind_input_layer(network, theta)
    in_place_of = partial(Sequences, offsets=sequences.offsets, static=sequences.static)
    with single_threaded_blas():
        scores, baseline_scores = (
            apply(inner, theta, in_place_of(values))[slice(None) if rows is None else rows]
            for values in (np.ascontiguousarray(ends), np.ascontiguousarray(begins))
        )
        targets, coefficients = output_coefficients(estimator, codes, scores)
        outputs, baseline_outputs = ((part * coefficients).sum(axis=1) for part in (scores, baseline_scores))
        difference, units = outputs - baseline_outputs, output_units(estimator, coefficients)
        allowed = tol * (np.abs(difference).max() if units is None else units) * np.ones(len(outputs))
        path = IntegrationPath(inner, theta, in_place_of(ends), begins, coefficients, rows)
        contributions, n_points = path.contributions(outputs, baseline_outputs, allowed, max_points)
    sums = np.add.reduceat(contributions.sum(axis=1), sequences.offsets[:-1])
    missed = np.flatnonzero(~(np.abs(sums - difference) <= allowed))  # so written, NaN is among them
    if len(missed):
        warnings.warn(
            f"With {max_points} points the contributions of {len(missed)} sequences, the first of them {missed[0]}, miss the"
            " difference of the outputs by more than tol. Raise max_points or tol, or choose a baseline closer to X.",
            ConvergenceWarning,
            stacklevel=3,
        )
    attributions = np.zeros(sequences.values.shape)
    np.add.at(attributions, (slice(None), channels_of_inputs(network)), contributions)
    n, names = n_channels_of(estimator), sequences.channel_names
    own = {"ids": sequences.ids, "channel_names": None if names is None else names[:n], "static": sequences._static}
    return Bunch(
        attributions=Sequences(attributions[:, :n], sequences.offsets, **own),
        outputs=outputs,
        baseline_outputs=baseline_outputs,
        targets=targets,
        n_points=n_points,
    )


def _read_baseline(estimator, baseline, sequences):
    """The baseline of every step (total_steps, n_channels), as the input layer reads it: gaps of time are those of X."""
    values, gap = _baseline_of_channels(estimator, baseline, sequences), estimator._network_spec.get("gap_channel")
    if gap is not None:
        values[:, gap] = sequences.values[:, gap]
    return values


def _baseline_of_channels(estimator, baseline, sequences):
    values, channels = np.zeros_like(sequences.values), slice(n_channels_of(estimator))
    if baseline is None or isinstance(baseline, Real):
        moments = estimator._moments["x"]
        mean = moments["mean"] if estimator._network_spec["standardize"] else 0.0
        values[:] = mean if baseline is None else baseline
        values[:, list(estimator._categorical)] = UNKNOWN
        if not np.isfinite(values).all():
            raise ValueError(f"baseline must be a finite number, got {baseline!r}. Pass one without information, such as a mean.")
        return values
    try:
        if _is_one_step(baseline):
            values[:, channels] = channels_in_double(estimator, np.reshape(baseline, (1, 1, -1))).values
            return values
        given = channels_in_double(estimator, baseline)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(f"In the baseline: {error}") from error
    if not np.array_equal(given.offsets, sequences.offsets):
        raise ValueError(
            "The sequences of a baseline must have the lengths of those of X. Pass sequences of these lengths, or one value for"
            " each channel."
        )
    values[:, channels] = given.values
    return values


def _is_one_step(baseline):
    """Whether a baseline is a value for each channel."""
    if isinstance(baseline, Sequences):
        return False
    if isinstance(baseline, (list, tuple)):
        return all(np.ndim(entry) == 0 for entry in baseline)
    return len(np.shape(baseline)) == 1 and np.asarray(baseline).dtype != object
