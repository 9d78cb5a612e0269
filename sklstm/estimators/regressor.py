"""`LSTMRegressor`."""

from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ..compat import Interval, StrOptions, _fit_context
from ..network import HUBER_DELTA, LOSSES, REGRESSION_LOSSES, n_scores_of
from ..sequences.convert import is_missing
from ..sequences.targets import ONE_EACH, read_numbers
from ..training import has_heavy_tails, robust_ratios
from .base import BaseRecurrent
from .constraints import POSITIVE
from .distributions import DistributionMixin, describes_distributions
from .documentation import document
from .fitting import supports_partial_fit
from .target import Target

# What ``loss="auto"`` may become; the first is that of targets without heavy tails.
AUTOMATIC_LOSSES = ("squared_error", "huber")


@document(
    standardize_y=", and the targets likewise",
    stratified="",
    loss_units=", of the standardised targets",
    validation_score="Weighted coefficient of determination (for quantiles, the fraction of the pinball loss that is"
    " explained; for distributions, the log-likelihood)",
    mask="NaN",
    and_y=" and y",
)
class LSTMRegressor(DistributionMixin, RegressorMixin, BaseRecurrent):
    """Recurrent neural network (LSTM, GRU or simple) that predicts quantities from sequences or their steps.

    Supports one or several outputs. Training minimises half the squared error or another loss, averaged over the outputs.

    Parameters
    ----------
    <<layers>>
    <<pooling>>
    <<rates>>
    <<return_sequences>>
    <<inputs>>
    loss : {"auto", "squared_error", "absolute_error", "huber", "quantile", "poisson", "gaussian_mixture"}, default="auto"
        Loss that training minimises: half the squared error, the absolute error, half the squared error up to `huber_delta` and
        linear beyond ("huber"), the pinball loss of `quantile`, half the Poisson deviance of counts or rates, of which the
        network predicts the logarithm, or the negative log-likelihood of a mixture of `n_components` normal distributions, whose
        weights, means and deviations the network predicts (mixture density network [25]_): for y that is not a function of X with
        noise around it, and for whole predictive distributions; `predict` then returns their mean. "auto" is "huber" for an
        output whose y has heavy tails on both sides, otherwise "squared_error"; `loss_name_` says which. Tails are heavy if
        values more than five robust standard deviations from the median are few (up to 10 %), occur on both sides, and account
        for a fifth of the squared deviations. Where y is skewed, "huber" would predict less than the mean: the first and the last
        decile have to be about as far from the median. A fit that continues an earlier one keeps its loss; a first `partial_fit`
        takes "squared_error".
    huber_delta : float, default=1.345
        Absolute error beyond which the loss "huber" is linear, in robust standard deviations of y: the interquartile range
        divided by 1.349, or where that is 0 the standard deviation. With ``standardize=False``, in units of y. Lower values
        resist outliers more; 1.345 keeps 95 % of the efficiency of the squared error for normal noise. With this loss y is
        standardised by the moments of its values clipped at 20 robust standard deviations from the median.
    quantile : float or list of float, default=None
        Quantile or quantiles that ``loss="quantile"`` predicts, each in (0, 1). Several quantiles require a single output.
        `predict` then returns one column per quantile, sorted where they cross [21]_.
    n_components : int, default=3
        Number of normal distributions in the mixture that ``loss="gaussian_mixture"`` predicts. Several outputs are independent
        within a component. Deviations are at least 0.001 standard deviations of y, or with ``standardize=False`` 0.001 units of
        y.
    <<training>>
    <<bptt_steps>>
    <<moments>>
    <<control>>

    Attributes
    ----------
    <<attributes>>
    <<weights_>>
    <<history_>>
    loss_name_ : str
        Name of the loss that training minimised, which ``loss="auto"`` has chosen: "huber" if at least one output has heavy
        tails; the others have the squared error then.

    See Also
    --------
    LSTMClassifier : The same network for classes.
    Sequences : Container for sequences of different lengths.
    sklstm.preprocessing.PerStep : Applies imputers, encoders and other transformers to the steps of X.
    sklstm.preprocessing.make_windows : Makes X and y for forecasts from series.
    sklstm.preprocessing.RelativeRegressor : Forecasts of series whose level changes.
    sklstm.load, sklstm.save : Read and write models as files.

    Notes
    -----
    <<notes>>

    References
    ----------
    <<references>>
    .. [21] V. Chernozhukov, I. Fernandez-Val and A. Galichon (2010), "Quantile and probability curves without
       crossing", Econometrica 78(3).
    .. [25] C. M. Bishop (1994), "Mixture density networks", Technical Report NCRG/94/004, Aston University.
    .. [26] A. Graves (2013), "Generating sequences with recurrent neural networks", arXiv:1308.0850.

    Examples
    --------
    The next value of a sine from the eight before it:

    >>> import numpy as np
    >>> from sklstm import LSTMRegressor
    >>> wave = np.sin(0.5 * np.arange(400))
    >>> X = np.lib.stride_tricks.sliding_window_view(wave, 9)
    >>> model = LSTMRegressor(hidden_size=8, max_iter=100, random_state=0)
    >>> model = model.fit(X[:300, :8], X[:300, 8])
    >>> bool(model.score(X[300:, :8], X[300:, 8]) > 0.99)
    True
    """

    _parameter_constraints: ClassVar = {
        **BaseRecurrent._parameter_constraints,
        "loss": [StrOptions({"auto", *REGRESSION_LOSSES})],
        "huber_delta": [POSITIVE],
        "quantile": [Interval(Real, 0, 1, closed="neither"), list, tuple, np.ndarray, None],
        "n_components": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        cell="lstm",
        activation="tanh",
        proj_size=0,
        bidirectional=False,
        merge_mode="concat",
        pooling=("last", "max"),
        dropout=0.0,
        recurrent_dropout=0.0,
        residual=False,
        return_sequences=False,
        categorical_features=None,
        embedding_dim="auto",
        missing="error",
        input_dropout=0.0,
        time_feature=None,
        initial_state="zeros",
        forget_bias="multiscale",
        n_channels=1,
        padding=None,
        standardize=True,
        loss="auto",
        huber_delta=HUBER_DELTA,
        quantile=None,
        n_components=3,
        solver="adam",
        alpha=1e-5,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=2e-2,
        power_t=0.5,
        warmup_fraction=0.05,
        max_iter="auto",
        shuffle=True,
        tol=1e-4,
        n_iter_no_change="auto",
        early_stopping="auto",
        scoring="loss",
        validation_fraction=0.1,
        max_grad_norm=0.25,
        bptt_steps=None,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        rho=0.9,
        epsilon=1e-8,
        warm_start=False,
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.activation = activation
        self.proj_size = proj_size
        self.bidirectional = bidirectional
        self.merge_mode = merge_mode
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.residual = residual
        self.return_sequences = return_sequences
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
        self.missing = missing
        self.input_dropout = input_dropout
        self.time_feature = time_feature
        self.initial_state = initial_state
        self.forget_bias = forget_bias
        self.n_channels = n_channels
        self.padding = padding
        self.standardize = standardize
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.warmup_fraction = warmup_fraction
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.scoring = scoring
        self.validation_fraction = validation_fraction
        self.max_grad_norm = max_grad_norm
        self.bptt_steps = bptt_steps
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.rho = rho
        self.epsilon = epsilon
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.loss = loss
        self.huber_delta = huber_delta
        self.quantile = quantile
        self.n_components = n_components

    @available_if(supports_partial_fit)
    @document()
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on a chunk of data.

        Parameters
        ----------
        <<X>>
        <<y>>
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences, or with `return_sequences` also of their steps, in one of the forms of y.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a hyper-parameter is not as described.
        """
        return self._partial_fit(X, y, sample_weight)

    def _decode(self, scores):
        loss = LOSSES[self._network_spec["loss"]]
        predicted = self._distribution(scores).mean.astype(scores.dtype) if loss.distribution else loss.inverse_link(scores)
        if loss.is_ordered:
            return predicted[:, self._quantile_ranks]  # in the order in which they were asked for
        return predicted[:, 0] if self._one_dimensional else predicted

    def _predicted(self):
        """The function of the scores, and the columns of its result that are predicted; None for all."""
        loss = LOSSES[self._network_spec["loss"]]
        if loss.distribution:
            return self._decode, None
        return loss.inverse_link, self._quantile_ranks if loss.is_ordered else None

    @staticmethod
    def _masked(y):
        return is_missing(y.ravel()).reshape(y.shape)

    def score(self, X, y, sample_weight=None):
        """Return the coefficient of determination.

        For quantiles it is the mean fraction of the pinball loss that is explained, and for distributions
        (``loss="gaussian_mixture"``) the log-likelihood.

        Parameters
        ----------
        X : any accepted form of sequences
            Sequences with the channels of `fit`.
        y : array-like
            True targets, as in `fit`. With `return_sequences` the score is over all steps that are not masked.
        sample_weight : array-like, default=None
            Weights, as in `fit`.

        Returns
        -------
        float
            1 for perfect predictions, 0 for predictions no better than the mean (the quantile) of y, and less for worse ones. Of
            distributions the mean log-likelihood of y in nats, which depends on the units of y and has no upper bound.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, has other channels than in `fit`, or if y does not fit X.
        """
        return self._score(X, y, sample_weight)

    def _metric(self, y, predicted, sample_weight, places=ONE_EACH):
        y = read_numbers("y", y, places)
        loss = LOSSES[self._network_spec["loss"]]
        if loss.is_ordered:
            predicted = predicted[:, np.argsort(self._quantile_ranks)]
        if loss.distribution:
            y, predicted = y.reshape(len(predicted), -1), self._distribution(predicted)
            _check_outputs(y, self._n_targets)
        return loss.score(y, predicted, sample_weight, self._network_spec["loss_parameters"])

    def _read_y(self, y, weights, role, known=None, classes=None, places=ONE_EACH):
        if issparse(y):
            raise ValueError("y is sparse. Pass y.toarray().")
        y = read_numbers("y", y, places)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        one_dimensional = y.ndim == 1
        targets = y.reshape(len(y), -1).astype(np.float64)
        if known is not None:
            _check_outputs(y, known["_n_targets"], known["_one_dimensional"] == one_dimensional)
        loss, n_outputs, parameters, attributes = self._read_loss(targets)
        attributes |= {"_one_dimensional": one_dimensional, "_n_targets": targets.shape[1]}
        return Target(loss, n_outputs, targets, weights, attributes, loss_parameters=parameters)

    def _read_loss(self, targets):
        """Name, number of scores and parameters of the loss that `loss` and `quantile` name, and attributes, checked with y."""
        name = AUTOMATIC_LOSSES[0] if self.loss == "auto" else self.loss
        loss, n_targets = REGRESSION_LOSSES[name], targets.shape[1]
        if (loss.for_several_quantiles is None) != (self.quantile is None):
            raise ValueError(
                f"loss='quantile' and quantile go together, got loss={self.loss!r} and quantile={self.quantile!r}. Set"
                " quantile to a number between 0 and 1, or to a list of such, for loss='quantile' only."
            )
        if loss.nonnegative_targets and (targets < 0).any():
            raise ValueError(
                f"loss={self.loss!r} is for {loss.nonnegative_targets}: y must not be negative, got {targets.min():.6g}."
                " Use another loss."
            )
        if loss.distribution:
            return name, n_scores_of(self.n_components, n_targets), {}, {}
        if self.quantile is None:
            return name, n_targets, {}, {}
        if isinstance(self.quantile, Real):
            return name, n_targets, {"quantiles": [float(self.quantile)]}, {}
        try:
            quantiles = np.asarray(self.quantile, dtype=np.float64)
        except (TypeError, ValueError):
            quantiles = np.empty(0)
        if quantiles.ndim != 1 or len(quantiles) == 0 or not ((quantiles > 0) & (quantiles < 1)).all():
            raise ValueError(
                f"quantile must lie between 0 and 1, both excluded, or be a list of such numbers, got {self.quantile!r}."
            )
        if len(np.unique(quantiles)) < len(quantiles):
            raise ValueError(f"quantile names a number twice, got {self.quantile!r}. Name each once.")
        if n_targets > 1:
            raise ValueError(
                f"quantile={self.quantile!r} has several quantiles, which only one output can have, but y has {n_targets}."
                " Pass a single quantile, or fit one regressor per output."
            )
        ranks = np.argsort(np.argsort(quantiles))
        parameters = {"quantiles": np.sort(quantiles).tolist()}
        return loss.for_several_quantiles, len(quantiles), parameters, {"_quantile_ranks": ranks}

    def _settle_loss(self, target, fitted, *, one_epoch):
        loss, is_robust, known = target.loss, True, None
        if fitted is not None:
            loss = fitted["loss"] if self.loss == "auto" and fitted["loss"] in AUTOMATIC_LOSSES else loss
            known = fitted["loss_parameters"].get("deltas")
            is_robust = known is None or np.isfinite(known)
        elif self.loss == "auto" and not one_epoch:
            is_robust = has_heavy_tails(*target.weighted_targets())
            loss = AUTOMATIC_LOSSES[int(is_robust.any())]
        if not LOSSES[loss].is_robust:
            return replace(target, loss=loss)
        if one_epoch and known:  # in standard units, which follow the chunks
            return replace(target, loss=loss, loss_parameters={"deltas": known})
        ratios = robust_ratios(*target.weighted_targets()) if self.standardize else np.ones(target.n_outputs)
        # An output without heavy tails keeps the squared error, which is what an infinite delta makes of the loss.
        deltas = np.where(is_robust, self.huber_delta * ratios, np.inf)
        return replace(target, loss=loss, loss_parameters={"deltas": deltas.tolist()})

    @property
    def loss_name_(self):
        """Name of the loss that training minimised."""
        check_is_fitted(self)
        name = self._network_spec["loss"]
        return "quantile" if LOSSES[name].is_ordered else name

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        is_known = isinstance(self.loss, str) and self.loss in REGRESSION_LOSSES
        is_nonnegative = is_known and REGRESSION_LOSSES[self.loss].nonnegative_targets is not None
        tags.target_tags.positive_only = is_nonnegative
        tags.regressor_tags.poor_score = describes_distributions(self)  # which is no coefficient of determination
        # Counts may have several outputs too, but scikit-learn's check of several outputs passes negative values.
        tags.target_tags.multi_output = not (is_nonnegative or isinstance(self.quantile, (list, tuple, np.ndarray)))
        return tags


def _check_outputs(y, n_targets, has_their_form=True):
    """Raise a ValueError unless y (n,) or (n, n_outputs) has as many outputs as in fit, in that form."""
    if not has_their_form or y.reshape(len(y), -1).shape[1] != n_targets:
        raise ValueError(
            f"y has shape {y.shape}, but the regressor was fitted on {n_targets} outputs. Pass y with this number of outputs."
        )
