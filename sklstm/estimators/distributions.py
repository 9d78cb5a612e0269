"""`DistributionMixin`: what a regressor says of the distribution of y that it predicts, beyond the mean."""

from numbers import Real

import numpy as np
from scipy.special import ndtri
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..network import LOSSES
from ..sequences.refusals import array_of
from ..training import scale_of_targets
from .copies import at_this_moment
from .documentation import document
from .sampling import check_n_steps, check_temperature, continuation, predicts_steps, refuse_unknown_steps
from .step_predictions import restore_format


def describes_distributions(estimator):
    """Whether the fitted network, or the one that will be fitted, predicts distributions."""
    spec = vars(estimator).get("_network_spec")
    name = spec["loss"] if spec else estimator.loss
    return isinstance(name, str) and name in LOSSES and LOSSES[name].distribution is not None


def _continues(estimator):
    """Whether the network predicts a distribution for every step."""
    return describes_distributions(estimator) and predicts_steps(estimator)


class DistributionMixin:
    """Methods of regressors that predict distributions."""

    @available_if(describes_distributions)
    @document()
    def predict_quantile(self, X, quantile):
        """Predict quantiles of y; requires ``loss="gaussian_mixture"``.

        Parameters
        ----------
        <<X>>
        quantile : float or array-like of shape (n_quantiles,)
            Between 0 and 1, both excluded.

        Returns
        -------
        ndarray of shape (n_sequences,), or with more axes
            Quantiles of each output by itself: with an axis (n_outputs) if y had several, and a last axis (n_quantiles) for
            several quantiles. With `return_sequences` there is an entry for every step, in the form of y in `fit`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, has other channels than in `fit`, or if a quantile is not between 0 and 1.
        """
        check_is_fitted(self)
        quantiles = array_of("quantile", quantile, "Pass a number between 0 and 1, or several.")
        is_number = quantiles.ndim <= 1 and quantiles.size > 0 and quantiles.dtype.kind in "fiu"
        if not is_number or not ((quantiles > 0) & (quantiles < 1)).all():
            raise ValueError(f"quantile must be a number between 0 and 1, both excluded, or several, got {quantile!r}.")
        return self._describe(X, lambda distribution: _quantiles(distribution, quantiles))

    @available_if(describes_distributions)
    @document()
    def predict_interval(self, X, coverage=0.9):
        """Predict central intervals that contain y with some probability; requires ``loss="gaussian_mixture"``.

        Parameters
        ----------
        <<X>>
        coverage : float, default=0.9
            Probability that an output lies in its interval, between 0 and 1. It lies below and above with equal probability.

        Returns
        -------
        ndarray of shape (n_sequences, 2) or (n_sequences, n_outputs, 2)
            Lower and upper end. With `return_sequences` there is an entry for every step, in the form of y in `fit`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, has other channels than in `fit`, or if coverage is not between 0 and 1.

        See Also
        --------
        sklstm.metrics.interval_coverage : Share of y that lies in predicted intervals.
        """
        check_scalar(coverage, "coverage", Real)
        ends = [(1 - coverage) / 2, (1 + coverage) / 2]
        if not 0 < ends[0] < ends[1] < 1:
            raise ValueError(f"coverage must be between 0 and 1, both excluded, got {coverage}.")
        return self.predict_quantile(X, ends)

    @available_if(describes_distributions)
    @document()
    def predict_mixture(self, X):
        """Predict the mixture of normal distributions of y; requires ``loss="gaussian_mixture"``.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        weights : ndarray of shape (n_sequences, n_components)
            Weights of the components, which sum to 1.
        means, deviations : ndarray of shape (n_sequences, n_components) or (n_sequences, n_components, n_outputs)
            Means and standard deviations within the components, with a last axis if y had several outputs. With
            `return_sequences` each of the three has an entry for every step, in the form of y in `fit`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, or has other channels than in `fit`.
        """
        return self._describe(X, lambda mixture: [(mixture.weights, None), (mixture.means, 2), (mixture.deviations, 2)])

    @available_if(_continues)
    @document()
    def sample(self, X, n_steps, *, temperature=1.0, random_state=None):
        """Continue sequences by values drawn at random; requires ``loss="gaussian_mixture"`` and ``return_sequences=True``.

        The model must predict the next step: in `fit`, y is X one step later, with all channels in the order of X. Values are
        drawn from the distribution predicted for them, and are the next step that the model reads, as when Graves' networks write
        by hand [26]_.

        Parameters
        ----------
        <<X>>
        n_steps : int
            Number of steps to draw for each sequence.
        temperature : float, default=1.0
            The weights of the components are raised to the power ``1 / temperature`` and normalised, and their deviations are
            multiplied by its square root. With 0, the mean of the component with the largest weight is always taken.
        random_state : int, RandomState instance or None, default=None
            Determines the random numbers. Pass an int for the same values in each call. What is drawn for a sequence then does
            not depend on the sequences after it, but on `n_steps`.

        Returns
        -------
        ndarray of shape (n_sequences, n_steps, n_channels)
            Steps that continue each sequence.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is invalid, if y had another number of outputs than X has channels, if channels are categorical, if the model
            is bidirectional or reads times, or if a value that is drawn overflows the dtype.

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> t = np.arange(40) + 10 * np.random.default_rng(0).random((60, 1))
        >>> waves = np.stack([np.sin(t / 3), np.cos(t / 3)], axis=2)
        >>> model = LSTMRegressor(16, return_sequences=True, loss="gaussian_mixture", n_components=1, random_state=0)
        >>> model = model.fit(waves[:, :-1], waves[:, 1:])
        >>> model.sample(waves[:5, :10], 30, random_state=0).shape
        (5, 30, 2)
        """
        check_is_fitted(self)
        n_steps = check_n_steps(n_steps)
        check_temperature(temperature)
        rng = check_random_state(random_state)
        model = at_this_moment(self)
        refuse_unknown_steps(model)
        sequences = model._read_fitted(X)
        size = model._network_spec["input_size"]
        if size != model._n_targets or model._categorical:
            raise ValueError(
                f"sample passes y on as the next step, but X has {size} channels, {len(model._categorical)} of them categorical,"
                f" and y had {model._n_targets} outputs. Fit on y with all channels of X, one step later."
            )
        uniform = rng.random_sample((len(sequences), n_steps, 1 + size))
        drawn = np.empty((len(sequences), n_steps, size), dtype=model._theta.dtype)

        def draw(t, scores):
            mixture = model._distribution(scores).at_temperature(temperature)
            with np.errstate(over="ignore"):
                drawn[:, t] = mixture.draw(uniform[:, t, 0], ndtri(uniform[:, t, 1:]))
            if not np.isfinite(drawn[:, t]).all():
                raise ValueError(f"A value that was drawn overflows {drawn.dtype}. Pass a lower temperature.")
            return np.ascontiguousarray(drawn[:, t])

        continuation(model, "scores", sequences, n_steps, draw)
        return drawn

    def _describe(self, X, function):
        """What a function of the distributions for X returns.

        Parameters
        ----------
        X : any accepted form of sequences
        function : callable
            From distributions to a list of arrays (n, ...) and their axes of targets (int or None).

        Returns
        -------
        ndarray or tuple of ndarray
            In the form of y: one array, or several.
        """
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        described = [
            model._in_form_of_y(part, axis, sequences) for part, axis in function(model._distribution(model._apply(sequences)))
        ]
        return described[0] if len(described) == 1 else tuple(described)

    def _in_form_of_y(self, part, axis, sequences):
        """An array for all sequences or steps, without the axis of the targets where y had none, in the form of y."""
        if self._one_dimensional and axis is not None:
            part = part.squeeze(axis)
        part = part.astype(self._theta.dtype)
        return restore_format(part, sequences, self._y_format) if self._per_step else part

    def _distribution(self, scores):
        """The distributions that scores (n, n_scores) describe, in the units of y."""
        moments, distribution = self._moments["y"], LOSSES[self._network_spec["loss"]].distribution
        return distribution.from_scores(scores, self._n_targets, 1.0 if moments is None else scale_of_targets(moments))


def _quantiles(distribution, quantiles):
    """Quantiles (n, d) or (n, d, n_quantiles), and the axis of the targets."""
    found = [distribution.quantile(q) for q in quantiles.ravel()]
    return [(np.stack(found, axis=-1) if quantiles.ndim else found[0], 1)]
