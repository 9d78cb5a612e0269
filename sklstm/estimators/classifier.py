"""`LSTMClassifier`."""

from numbers import Real
from typing import ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from ..compat import Interval, StrOptions, _fit_context
from ..network import LOSSES, loss_of_classes
from ..sequences.convert import is_missing
from ..sequences.targets import (
    ONE_EACH,
    as_array,
    code_of_each,
    kind_of_labels,
    literals,
    read_labels,
    refuse_other_kind,
    sorted_labels,
)
from .base import BaseRecurrent
from .class_weights import class_factors, class_totals
from .documentation import document
from .fitting import supports_partial_fit
from .target import Target

# Label that masks a step, where labels are integers: that of PyTorch's and Hugging Face's losses.
# Scikit-learn's -1 for the unlabelled is too often a class.
MASK_VALUE = -100


@document(
    standardize_y="",
    stratified=", stratified by class",
    loss_units="",
    validation_score="Accuracy, weighted by sample and class weights,",
    mask="-100 (for numbers), NaN or None",
    and_y="",
)
class LSTMClassifier(ClassifierMixin, BaseRecurrent):
    """Recurrent neural network (LSTM, GRU or simple) that classifies sequences or their steps.

    Supports binary, multiclass and multilabel targets, with class labels of any kind. Training minimises the log-loss.

    Parameters
    ----------
    <<architecture>>
    <<training>>
    label_smoothing : float, default=0.0
        Fraction of the target probability that is spread evenly over all classes.
    temperature : float or "auto", default="auto"
        Number that the scores of the trained network are divided by before they become probabilities (temperature scaling,
        Guo et al. 2017, "On calibration of modern neural networks"). "auto" is the one with the lowest log-loss on sequences
        that were held out: by the choice of the number of epochs (`early_stopping="auto"`), by `early_stopping=True`, or as
        `X_val`; without any it is 1, and in a fit that continues an earlier one that of the last. Sample weights count as
        numbers of observations: few of them leave it close to 1. It is contained in the weights, so that predictions take no
        longer. Labels that are predicted do not depend on it. A number is between 0.001 and 1000.
    class_weight : dict, "balanced", list of these or None, default=None
        Weights of the classes, which multiply the sample weights. A dict has them by class label, with 1 for classes that it does
        not name; "balanced" makes them inversely proportional to the total sample weight of each class. With multilabel y the
        classes are 0 and 1 for each label, a list has one entry per label, and the weights of all labels are multiplied.
    <<control>>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel y the column numbers of the labels.
    temperature_ : float
        Number that the scores are divided by.
    <<attributes>>

    See Also
    --------
    LSTMRegressor : The same network for quantities.
    Sequences : Container for sequences of different lengths.
    sklstm.preprocessing.PerStep : Applies imputers, encoders and other transformers to the steps of X.
    sklstm.preprocessing.SequenceTokenizer : Encodes texts as sequences of codes.
    sklstm.load, sklstm.save : Read and write models as files.

    Notes
    -----
    <<notes>>

    References
    ----------
    <<references>>

    Examples
    --------
    Which of two channels has the larger sum, in sequences of 3 to 6 steps?

    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(3, 7), 2)) for _ in range(300)]
    >>> y = ["first" if x[:, 0].sum() > x[:, 1].sum() else "second" for x in X]
    >>> model = LSTMClassifier(hidden_size=8, alpha=4e-3, random_state=0)
    >>> model = model.fit(X[:200], y[:200])
    >>> bool(model.score(X[200:], y[200:]) > 0.9)
    True
    """

    _parameter_constraints: ClassVar = {
        **BaseRecurrent._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "temperature": [StrOptions({"auto"}), Interval(Real, 1e-3, 1e3, closed="both")],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        cell="lstm",
        activation="tanh",
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
        label_smoothing=0.0,
        temperature="auto",
        class_weight=None,
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
        self.label_smoothing = label_smoothing
        self.temperature = temperature
        self.class_weight = class_weight

    @available_if(supports_partial_fit)
    @document()
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a chunk of data.

        Parameters
        ----------
        <<X>>
        <<y>>
        classes : array-like of shape (n_classes,), default=None
            All class labels that any chunk may have; required at the first call unless y is multilabel.
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the sequences, or with `return_sequences` also of their steps, in one of the forms of y.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a hyper-parameter is not as described, or if y has a label that is not among the classes.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    @document()
    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences, n_classes)
            Probabilities, with columns in the order of `classes_`; for multilabel y the probability of each label by itself. With
            `return_sequences` there are probabilities for every step, in the form of the y of `fit`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, or has other channels than in `fit`.
        """
        return self._respond(X, "predict_proba")

    @document()
    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of the classes.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences, n_classes)
            Logarithms of what `predict_proba` returns, in the same order and form. They are finite even where a probability is
            rounded to 0.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, or has other channels than in `fit`.
        """
        return self._respond(X, "predict_log_proba")

    def _decode(self, scores):
        loss = LOSSES[self._network_spec["loss"]]
        decided = loss.decide(scores)
        return self.classes_[decided] if loss.contrast else decided

    def _predicted(self):
        """What decides, and what its codes stand for."""
        loss = LOSSES[self._network_spec["loss"]]
        return loss.decide, self.classes_ if loss.contrast else np.arange(2, dtype=np.intp)

    @staticmethod
    def _masked(y):
        masked = is_missing(y.ravel()).reshape(y.shape)
        if y.dtype.kind in "fiuO":
            masked[~masked] = np.asarray(y[~masked] == MASK_VALUE, dtype=bool)  # apart from pandas' NA, which equals nothing
        return masked

    def score(self, X, y, sample_weight=None):
        """Return the accuracy, for multilabel y the fraction of samples with all labels right.

        Parameters
        ----------
        X : any accepted form of sequences
            Sequences with the channels of `fit`.
        y : array-like
            True labels, as in `fit`. With `return_sequences` the score is over all steps that are not masked.
        sample_weight : array-like, default=None
            Weights, as in `fit`.

        Returns
        -------
        float
            Fraction of correct predictions, between 0 and 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, has other channels than in `fit`, or if y does not fit X.
        """
        return self._score(X, y, sample_weight)

    def _metric(self, y, predicted, sample_weight, places=ONE_EACH):
        if not issparse(y):
            y = read_labels(y, places)
        if not self._multilabel and not issparse(y) and (y.ndim == 1 or y.shape[1] == 1):
            # Compared as codes: scikit-learn accepts labels only if they are texts or numbers.
            refuse_other_kind(y, self.classes_)
            y, predicted = code_of_each(y.ravel(), self.classes_), code_of_each(predicted.ravel(), self.classes_)
        return LOSSES[self._network_spec["loss"]].score(y, predicted, sample_weight, self._network_spec["loss_parameters"])

    def _read_y(self, y, weights, role, known=None, classes=None, places=ONE_EACH):
        y = y if issparse(y) else read_labels(y, places)
        kind = kind_of_labels(y, places)
        announced = None if classes is None else as_array("classes", classes)
        if announced is not None and announced.ndim != 1:
            raise ValueError(f"classes must be a 1-D array of class labels, got shape {announced.shape}.")
        if kind == "multilabel-indicator":
            return self._read_labels(y, weights, role, known, announced)
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"y has shape {y.shape} with more than two values: several multiclass outputs are not supported. Fit"
                " one classifier per column (sklearn.multioutput.MultiOutputClassifier), or pass 0/1 indicators for a"
                " multilabel problem."
            )
        if role == "partial_fit" and known is None and announced is None:
            raise ValueError("classes must be passed on the first call to partial_fit: later chunks may have others.")
        y = y if y.ndim == 1 else column_or_1d(y, warn=True)
        return self._read_classes(y, weights, role, known, announced, places)

    def _read_classes(self, y, weights, role, known, announced, places):
        """One class per sequence."""
        if known is not None and known["_multilabel"]:
            raise ValueError(
                "y holds one class per sequence, but the classifier was fitted on multilabel y. Pass label indicators"
                " of shape (n_sequences, n_labels)."
            )
        chosen = None if announced is None else sorted_labels("classes", announced)
        found = sorted_labels("y", y)
        classes = known["classes_"] if known is not None else found if chosen is None else chosen
        if known is not None and announced is not None and not np.array_equal(classes, chosen):
            raise ValueError(
                f"classes={literals(announced)} is not the same as at the first call of partial_fit, {literals(classes)}. Pass"
                " the same, or leave classes out."
            )
        # Compared as they are: NumPy would take the text "1" for the number 1.
        codes = code_of_each(y, classes)
        if (codes < 0).any():
            unknown = literals(found[code_of_each(found, classes) < 0])
            raise ValueError(
                f"y has labels that are not among the known classes: {unknown}; the classes are {literals(classes)}. The first is"
                f" that of {places.name((codes < 0).argmax())}."
            )
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one class:"
                f" {literals(classes)[0]!r}. Pass samples of the other classes too."
            )
        if isinstance(self.class_weight, list):
            raise ValueError("class_weight is a list, which is for multilabel y. Pass a dict of class label to weight.")
        totals = class_totals(np.bincount(codes, weights, minlength=len(classes)), role, known)
        loss, n_scores = loss_of_classes(len(classes))
        return Target(
            loss=loss,
            n_outputs=n_scores,
            targets=codes[:, np.newaxis].astype(np.float64),
            weights=weights * class_factors(self.class_weight, classes, totals)[codes],
            attributes={"classes_": classes, "_multilabel": False, "_class_totals": totals},
            strata=codes,
            loss_parameters=self._smoothing(),
        )

    def _read_labels(self, y, weights, role, known, announced):
        """Any number of labels per sequence, as 0/1 indicators."""
        y = (y.toarray() if issparse(y) else y).astype(np.intp)
        if np.any((y != 0) & (y != 1)):
            raise ValueError(f"Multilabel y must be indicators of 0 and 1, got the values {np.unique(y).tolist()}. Convert them.")
        n_labels = y.shape[1]
        if known is not None and not (known["_multilabel"] and len(known["classes_"]) == n_labels):
            raise ValueError(
                f"y has {n_labels} label columns, but the classifier was fitted on classes" f" {known['classes_'].tolist()}."
            )
        if announced is not None and len(announced) != n_labels:
            raise ValueError(f"classes has {len(announced)} entries, but y has {n_labels} label columns.")
        totals = class_totals(np.array([np.bincount(column, weights, minlength=2) for column in y.T]), role, known)
        per_label = self.class_weight if isinstance(self.class_weight, list) else [self.class_weight] * n_labels
        if len(per_label) != n_labels:
            raise ValueError(f"class_weight has {len(per_label)} entries, but y has {n_labels} label columns.")
        factors = np.ones(len(y))
        for class_weight, column, column_totals in zip(per_label, y.T, totals, strict=True):
            factors *= class_factors(class_weight, np.arange(2), column_totals)[column]
        return Target(
            loss="multilabel_log_loss",
            n_outputs=n_labels,
            targets=y.astype(np.float64),
            weights=weights * factors,
            attributes={"classes_": np.arange(n_labels), "_multilabel": True, "_class_totals": totals},
            loss_parameters=self._smoothing(),
        )

    def _smoothing(self):
        return {"smoothing": float(self.label_smoothing)} if self.label_smoothing else {}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
