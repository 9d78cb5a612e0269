"""`LSTMClassifier`."""

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from ..compat import Interval, StrOptions, _fit_context
from ..network import CLASSIFICATION_LOSSES, LOSSES, STRUCTURES
from ..sequences.convert import is_missing
from ..sequences.targets import (
    ONE_EACH,
    as_array,
    code_of_each,
    kind_of_labels,
    read_labels,
    refuse_other_kind,
)
from .base import BaseRecurrent
from .class_targets import target_of_classes, target_of_labels
from .documentation import document
from .fitting import supports_partial_fit
from .sampling import SamplingMixin
from .structure import BIO
from .structured import StructuredMixin
from .unaligned import MOST_BEAMS

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
class LSTMClassifier(SamplingMixin, ClassifierMixin, StructuredMixin, BaseRecurrent):
    """Recurrent neural network (LSTM, GRU or simple) that classifies sequences or their steps.

    Supports binary, multiclass and multilabel targets, with class labels of any kind. Training minimises the log-loss.

    Parameters
    ----------
    <<layers>>
    <<pooling>>
    <<rates>>
    <<return_sequences>>
    <<inputs>>
    <<training>>
    <<bptt_steps>>
    <<moments>>
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
    loss : {"log_loss", "ctc"}, default="log_loss"
        Loss that training minimises. "log_loss" is for one label per sequence, or with `return_sequences` per step. "ctc",
        connectionist temporal classification (Graves et al. 2006, "Connectionist temporal classification: labelling unsegmented
        sequence data with recurrent neural networks"), requires `return_sequences` and is for labels whose steps are not known: y
        has for each sequence the sequence of its labels, of any length and also none, such as the text of a recording. The
        network gives every step probabilities of the labels and of blank, which is no label. Labels of a path over the steps are
        those that remain where equal neighbours are merged and blanks removed. The loss is minus the log-probability of the
        labels, summed over all paths that have them, divided by the number of steps. Labels must not outnumber the steps, with
        one step more for each label that is equal to the one before. Excludes `class_weight`, `label_smoothing`, `bptt_steps`
        and `structure`; each sequence has one weight.
    beam_width : int, default=1
        Number of label sequences, up to a million, that `predict` pursues with ``loss="ctc"``. 1 returns the labels of the
        likeliest path. More look for the label sequence with the highest probability summed over its paths (prefix beam search),
        and what is returned is never less likely than with 1. It is read at prediction, and may be changed by `set_params` after
        a fit.
    structure : {"crf"} or None, default=None
        How labels of the steps of a sequence depend on each other, with `return_sequences`. None predicts each step by itself.
        "crf" adds a linear-chain conditional random field (Lafferty, McCallum and Pereira 2001, "Conditional random fields"):
        learned scores of each label after each other one, of the first label and of the last. Training then minimises minus the
        log-probability of whole label sequences, divided by the number of labelled steps; over the labels that steps without one
        may have, the probability is summed. `predict` returns the likeliest label sequence (Viterbi), and `predict_proba` the
        probabilities of the labels of each step, summed over all label sequences. A stream returns the probabilities given the
        steps so far, or the likeliest label by these. Each sequence has one weight. Excludes `class_weight`, `label_smoothing`
        and `bptt_steps`.
    allowed_transitions : "bio", array-like of bool of shape (n_classes, n_classes), dict or None, default=None
        Which labels may follow each other with ``structure="crf"``. None allows everything.

        - "bio": labels are "O", "B-x" and "I-x"; "I-x" may follow "B-x" and "I-x" only.
        - An array says for each label (row) which ones (columns) may follow, in the order of `classes_`.
        - A dict has for a label the list of those that may follow, and for None of those that may be first. Labels that it does
          not name may be followed by any.
    <<control>>

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels; for multilabel y the column numbers of the labels. Blank is not among them.
    temperature_ : float
        Number that the scores are divided by.
    transitions_ : ndarray of shape (n_classes, n_classes)
        With ``structure="crf"``, scores of a label (column) after another one (row); -inf where that is not allowed.
    start_transitions_, end_transitions_ : ndarray of shape (n_classes,)
        The same of the first label and of the last one.
    <<attributes>>
    <<weights_>>
    <<history_>>

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
        "loss": [StrOptions(set(CLASSIFICATION_LOSSES))],
        "beam_width": [Interval(Integral, 1, MOST_BEAMS, closed="both")],
        "structure": [StrOptions(set(STRUCTURES)), None],
        "allowed_transitions": [StrOptions({BIO}), dict, "array-like", None],
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
        loss="log_loss",
        beam_width=1,
        structure=None,
        allowed_transitions=None,
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
        self.label_smoothing = label_smoothing
        self.temperature = temperature
        self.class_weight = class_weight
        self.loss = loss
        self.beam_width = beam_width
        self.structure = structure
        self.allowed_transitions = allowed_transitions

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
            `return_sequences` there are probabilities for every step, in the form of the y of `fit`. With ``loss="ctc"`` there
            is one more column, the last, which is that of blank.

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
        """Return the accuracy; for multilabel y and ``loss="ctc"``, the fraction of samples with all labels right.

        Parameters
        ----------
        X : any accepted form of sequences
            Sequences with the channels of `fit`.
        y : array-like
            True labels, as in `fit`. With `return_sequences` the score is over all steps that are not masked, but over sequences
            with ``loss="ctc"``.
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
            return target_of_labels(self, y, weights, role, known, announced)
        if kind == "multiclass-multioutput":
            raise ValueError(
                f"y has shape {y.shape} with more than two values: several multiclass outputs are not supported. Fit"
                " one classifier per column (sklearn.multioutput.MultiOutputClassifier), or pass 0/1 indicators for a"
                " multilabel problem."
            )
        if role == "partial_fit" and known is None and announced is None:
            raise ValueError("classes must be passed on the first call to partial_fit: later chunks may have others.")
        y = y if y.ndim == 1 else column_or_1d(y, warn=True)
        return target_of_classes(self, y, weights, role, known, announced, places)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
