"""`LSTMOutlierDetector`."""

import warnings
from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

from sklearn.base import OutlierMixin
from sklearn.utils.metaestimators import available_if

from ..compat import Interval, StrOptions, _fit_context
from ..network import HUBER_DELTA
from .base import BaseNetworkEstimator
from .constraints import CONSTRAINTS, POSITIVE, UNIT_INTERVAL
from .detecting import DetectMixin
from .detector_documentation import document
from .detector_targets import TARGETS
from .error_calibration import Calibration
from .error_model import ERROR_MODELS
from .fitting import supports_partial_fit
from .step_scores import AGGREGATIONS

# Losses of the errors that training minimises; the first is the default.
LOSSES_OF_ERRORS = ("huber", "squared_error", "absolute_error")
# A table of so many rows for each step of the sequences in them, and no more steps, may be one series.
FEW_STEPS, MANY_ROWS = 10, 50
OF_PREDICTIONS = {"pooling", "return_sequences", "bptt_steps"}  # which a detector does not have


@document(
    standardize_y=", as what is predicted and as what is read",
    stratified="",
    loss_units=", of standardised channels",
    validation_score="Share of the absolute deviation from the median that is explained",
    and_y="",
)
class LSTMOutlierDetector(DetectMixin, OutlierMixin, BaseNetworkEstimator):
    """Recurrent network that finds abnormal sequences, and abnormal steps in them, by its errors in predicting them.

    It learns from one long series or from many sequences of any lengths, which may hold some anomalies. The network predicts the
    numeric channels of each step from the steps before [25]_, or reconstructs pieces of a sequence from what it remembers of
    them. A step is abnormal where it is wrong by more than on held-out data.

    Parameters
    ----------
    <<layers>>
    <<rates>>
    <<detector>>
    <<inputs>>
    <<loss>>
    <<training>>
    <<moments>>
    <<control>>

    Attributes
    ----------
    <<fitted>>
    <<attributes>>
    <<weights_>>
    <<history_>>

    See Also
    --------
    LSTMRegressor : Predicts quantities that are named.
    sklearn.ensemble.IsolationForest : Detects abnormal rows of tables.

    Notes
    -----
    <<notes>>

    The error of step t for the prediction made k steps before is :math:`e_{t,k} = x_t - \\hat x_{t|t-k}`, over the numeric
    channels. With z the errors of all :math:`k = 1, ..., h` in standard units and S their covariance, the score of the step is
    :math:`-z^T S^{-1} z`, which for normal errors is minus a chi-squared number. Where some errors are missing, the score is over
    the others, converted to the number that is about as probable with all of them [27]_. Reconstructions have the single error
    :math:`x_t - \\hat x_t` [28]_.

    References
    ----------
    <<references>>
    .. [25] P. Malhotra, L. Vig, G. Shroff and P. Agarwal (2015), "Long short term memory networks for anomaly detection in time
       series", ESANN.
    .. [26] O. Ledoit and M. Wolf (2004), "A well-conditioned estimator for large-dimensional covariance matrices", Journal of
       Multivariate Analysis 88(2).
    .. [27] E. Wilson and M. Hilferty (1931), "The distribution of chi-square", PNAS 17(12).
    .. [28] P. Malhotra, A. Ramakrishnan, G. Anand, L. Vig, P. Agarwal and G. Shroff (2016), "LSTM-based encoder-decoder for
       multi-sensor anomaly detection", ICML Anomaly Detection Workshop.
    .. [29] J. Hosking and J. Wallis (1987), "Parameter and quantile estimation for the generalized Pareto distribution",
       Technometrics 29(3).

    Examples
    --------
    A wave with one wrong value:

    >>> import numpy as np
    >>> from sklstm import LSTMOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> wave = np.sin(np.arange(1500) / 5) + 0.05 * rng.normal(size=1500)
    >>> detector = LSTMOutlierDetector(8, random_state=0).fit([wave[:1000]])
    >>> new = wave[1000:].copy()
    >>> new[300] += 1
    >>> scores = detector.score_steps([new])[0]
    >>> int(np.nanargmin(scores))
    300
    >>> int(detector.predict_steps([new])[0][300])
    -1
    """

    _parameter_constraints: ClassVar = {
        **{name: known for name, known in CONSTRAINTS.items() if name not in OF_PREDICTIONS},
        "target": [StrOptions(set(TARGETS))],
        "horizon": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Integral, 2, None, closed="left"), StrOptions({"auto"}), None],
        "error_model": [StrOptions(set(ERROR_MODELS))],
        "smoothing": [UNIT_INTERVAL],
        "aggregation": [StrOptions(set(AGGREGATIONS))],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "alarm_rate": [Interval(Real, 0, 0.5, closed="right")],
        "loss": [StrOptions(set(LOSSES_OF_ERRORS))],
        "huber_delta": [POSITIVE],
    }

    def __init__(
        self,
        hidden_size=32,
        num_layers=1,
        *,
        cell="lstm",
        activation="tanh",
        proj_size=0,
        bidirectional=False,
        merge_mode="concat",
        dropout=0.0,
        recurrent_dropout=0.0,
        residual=False,
        target="next",
        horizon=1,
        window="auto",
        error_model="robust",
        smoothing=0.5,
        aggregation="mean",
        contamination="auto",
        alarm_rate=0.01,
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
        loss="huber",
        huber_delta=HUBER_DELTA,
        solver="adam",
        alpha=1e-5,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=1e-2,
        power_t=0.5,
        warmup_fraction=0.05,
        max_iter="auto",
        shuffle=True,
        tol=1e-4,
        n_iter_no_change="auto",
        early_stopping="auto",
        scoring="loss",
        validation_fraction=0.2,
        max_grad_norm=0.25,
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
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.residual = residual
        self.target = target
        self.horizon = horizon
        self.window = window
        self.error_model = error_model
        self.smoothing = smoothing
        self.aggregation = aggregation
        self.contamination = contamination
        self.alarm_rate = alarm_rate
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
        self.loss = loss
        self.huber_delta = huber_delta
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

    @document()
    def fit(self, X, y=None, sample_weight=None, X_val=None, sample_weight_val=None, groups=None):
        """Train the network, and learn from held-out data how large its errors are.

        Parameters
        ----------
        <<X>>
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the training sequences, or of their steps as a list of arrays (n_steps,) or as
            :class:`~sklstm.Sequences`; None means 1 for each. Steps of weight 0, such as known anomalies, are read, but not
            learned to be predicted. For thresholds and the distribution of errors all positive weights are the same.
        X_val : any accepted form of sequences, default=None
            Sequences without anomalies, or with few, that take the place of what is held out of X.
        sample_weight_val : array-like, default=None
            Weights of these, in the forms of `sample_weight`.
        groups : array-like of shape (n_sequences,), default=None
            Labels of groups, such as the machine that a sequence is of. What is held out are whole groups. Ignored for fewer than
            10 sequences, and with `X_val`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, a weight or a hyper-parameter is invalid, if X is too short, or if `checkpoint` is a file of another fit. The
            estimator is unchanged.
        KeyboardInterrupt
            If the fit is interrupted from the keyboard. Completed epochs are kept, as in
            :meth:`LSTMClassifier.fit <sklstm.LSTMClassifier.fit>`, which also says what `fit` warns of.
        """
        # The targets are steps of X and of X_val themselves.
        return super().fit(X, None, sample_weight, X_val, X_val, sample_weight_val, groups)

    @available_if(supports_partial_fit)
    @document()
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on a chunk of data, and learn from the held-out part of it how large errors are now.

        Parameters
        ----------
        <<X>>
        y : object, default=None
            Ignored.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences, or of their steps, as in `fit`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, a weight or a hyper-parameter is invalid, or if X is too short.
        """
        return self._partial_fit(X, None, sample_weight)

    def _read_X(self, X, *, reset):
        sequences, form = super()._read_X(X, reset=reset)
        n, longest = len(sequences), int(sequences.lengths.max())
        if reset and form["_flat"] and longest <= FEW_STEPS and n >= MANY_ROWS * longest:
            warnings.warn(
                f"X has {n} rows, each of which is read as a sequence of {longest} steps. If the rows are the steps of one"
                " series, pass [X], or for a DataFrame [X.to_numpy()].",
                UserWarning,
                stacklevel=2,
            )
        return sequences, form

    def _check_parameters(self):
        TARGETS[self.target].check(self)

    def _read_target(self, y, sample_weight, sequences, role, known, classes=None, form=None):
        channels = numeric_channels(sequences, form) if known is None else known["_channels"]
        target = TARGETS[self.target].read(self, sample_weight, sequences, channels)
        if not target.weights.any():
            longest = int(sequences.lengths.max())
            raise ValueError(
                f"X has no value to predict from steps before it: the longest sequence has {longest} step{'s' * (longest > 1)}"
                f" (n_features={form['n_features_in_']}). Pass sequences of at least 2 steps, with values and positive weights."
                " Pass one series x as [x]."
            )
        target.attributes["_target"] = self.target
        if known is not None and isinstance(self.window, str):
            target.attributes["window_"] = known["window_"]
        elif not isinstance(self.window, str):
            target.attributes["window_"] = self.window
        return target

    def _settle_loss(self, target, fitted, *, one_epoch):
        # Those of the first chunk are in standard units, which follow the chunks.
        known = fitted["loss_parameters"] if one_epoch and fitted is not None else {}
        return replace(target, loss_parameters=known) if known else target.with_deltas(self.huber_delta, self.standardize)

    def _make_spec(self, n_channels, target, form):
        return TARGETS[self.target].spec(self, n_channels, target, form)

    def _split(self, target, sequences, groups, rng, *, early_stopping, is_given):
        split = TARGETS[self.target].split(self, target, sequences, groups, rng, is_given=is_given)
        target.attributes["window_"] = split.piece  # which parts of the target have, too
        return split

    def _calibration(self, sequences, split, held_out):
        kind, fitted, n_jobs = TARGETS[self.target], split.whole.attributes, self.n_jobs
        others, is_predicted = None, split.whole.predicted_steps()
        if held_out is not None:
            others = held_out[0], held_out[1].predicted_steps()
        return Calibration(
            self,
            lambda network, theta, part: kind.errors(network, theta, part, fitted, n_jobs),
            fitted["_channels"],
            sequences,
            split.whole.sequence_weights > 0,
            is_predicted,
            is_predicted & split.held_out_steps(sequences),
            split.piece if others is None and split.rows_val is None else None,
            others,
        )

    def _tied(self, n_samples):
        return 0.0  # no more data wait for the fit of the length that is chosen

    @property
    def _unit(self):
        return "steps"


def numeric_channels(sequences, form):
    """The channels that are predicted: all but categories and times; raises a ValueError where there are none."""
    left_out = {*form["_categorical"], form.get("_time_channel")}
    channels = [channel for channel in range(sequences.n_channels) if channel not in left_out]
    if not channels:
        raise ValueError("X has no numeric channel, and only those are predicted: all are categorical, or times. Add one.")
    return channels
