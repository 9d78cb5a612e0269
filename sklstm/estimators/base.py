"""What the estimators share: from hyper-parameters, X and y to a call of `train`, and from its result to attributes."""

import copy
import warnings
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..compat import _fit_context
from ..network import apply
from ..parallel import single_threaded_blas
from ..sequences import Sequences
from ..sequences.alignment import ids_of, in_order_of
from ..sequences.refusals import refused_as
from ..training import Checkpoint, LastEpoch, train
from .architecture import build, check_architecture
from .callbacks import CallbackContext, CallbackSupportMixin
from .constraints import CONSTRAINTS, check_types
from .copies import at_this_moment
from .documentation import document
from .engines import hand_out, lent_engine, quick_scores
from .fitted_state import FittedState, fitted_attributes
from .inputs import in_dtype, numpy_alone, one_per_sequence, read_sample_weight, read_X
from .progress import Progress
from .reading import SEEDS, Y_AND_WEIGHTS, labelled_steps, read_fit_inputs
from .responses import RESPONSES
from .solvers import SOLVERS, check_solver_params, training_config
from .steps import in_form, read_step_weights, read_steps
from .streaming import Stream
from .targets import ONE_EACH, Places

OF_ANY_NETWORK = {"input_size", "pooling", "categories", "loss"}  # in every spec


def _has_attention(estimator):
    """Whether the fitted network, or the one that will be fitted, pools by attention."""
    spec = vars(estimator).get("_network_spec")
    return spec["pooling"] == "attention" if spec else estimator.pooling == "attention" and not estimator.return_sequences


def supports_partial_fit(estimator):
    """Whether `partial_fit` is available: not for a solver that needs all samples at once."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is not available for solver='lbfgs', which needs all samples at once. Set another solver, such as"
            " 'adam'."
        )
    return True


def _what_is_kept(n_epochs, has_checkpoint):
    epochs = "The epoch that is done is" if n_epochs == 1 else f"The {n_epochs} epochs that are done are"
    how = "warm_start=True, checkpoint=None" if has_checkpoint else "warm_start=True"  # the checkpoint is of the first fit
    return f"{epochs} kept: the estimator is fitted, and set_params({how}).fit(X, y) continues from there."


class BaseRecurrent(CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the estimators. A subclass says what y means: the abstract methods below."""

    _parameter_constraints: ClassVar = CONSTRAINTS

    # ---- what a subclass says of y ----

    @abstractmethod
    def _read_y(self, y, weights, role, known=None, classes=None, places=ONE_EACH):
        """y and the sample weights as a `Target`.

        Parameters
        ----------
        y : array-like
        weights : ndarray of shape (n_samples,)
        role : {"fit", "chunk", "held out"}
            Whether y is all there is, a chunk for `partial_fit`, or validation data.
        known : mapping, default=None
            Attributes of an earlier target, which y has to agree with.
        classes : array-like, default=None
            Classes announced to `partial_fit`.
        places : Places
            What to call an entry of y in messages.
        """

    @staticmethod
    @abstractmethod
    def _masked(y):
        """Which entries of a y for every step (total_steps,) or (total_steps, n_outputs) have the mask value."""

    @abstractmethod
    def _metric(self, y, predicted, sample_weight, places=ONE_EACH):
        """What `score` says of predictions; more is better."""

    @abstractmethod
    def _decode(self, scores):
        """The predictions that the head's scores mean."""

    @staticmethod
    @abstractmethod
    def _validation_score(target, data, scores):
        """Score of the network's outputs for the targets of `data`, both in standard units; more is better."""

    # ---- fitting ----

    @document()
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None):
        """Train the network.

        Parameters
        ----------
        <<X>>
        <<y>>
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the training sequences; None is 1 each. A sequence of weight 0 is left out. With `return_sequences` also
            weights of the steps, in the forms of y.
        X_val, y_val : any accepted form of sequences and array-like, default=None
            Data to validate on after every epoch, in any accepted form. `early_stopping` uses them instead of a split
            of X; without early stopping the validation curves are recorded all the same.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weights of the validation sequences, in the forms of `sample_weight`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a hyper-parameter is not as described, or if `checkpoint` is a file of another fit; the estimator
            is left as it was.
        OSError
            If `checkpoint` is a path to which no file can be written: it is found before X is read.
        KeyboardInterrupt
            If the fit is interrupted from the keyboard (Ctrl-C). Epochs that have ended are kept: the estimator is fitted as if
            the fit had ended with the last of them, and ``set_params(warm_start=True).fit(X, y)`` continues from there. During
            the first epoch the estimator is left as it was, as by any other exception, such as one that a callback raises.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached by a `learning_rate` that has no end (all but "cosine" and "onecycle"), or if training became
            non-finite.
        RuntimeWarning
            If `checkpoint` cannot be written any more, such as on a disk that is full.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(f"X_val and y_val go together, got only {'y_val' if X_val is None else 'X_val'}.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val weights the sequences of X_val, but X_val is not given.")
        held_out = None if X_val is None else (X_val, y_val, sample_weight_val)
        previous = FittedState.of(self) if self.warm_start else None
        callbacks = CallbackContext(self, X, y, sample_weight)
        self._fit(X, y, sample_weight, previous, callbacks, held_out=held_out)
        callbacks.end()
        return self

    def _validate_params(self):
        with refused_as("A hyper-parameter", "Pass numbers, texts and booleans of Python."):  # whose comparison may fail
            super()._validate_params()

    def _partial_fit(self, X, y, sample_weight, classes=None):
        previous = FittedState.of(self)
        if previous is not None:
            self._validate_params()  # which scikit-learn leaves out for a fitted estimator
        self._fit(X, y, sample_weight, previous, CallbackContext(), one_epoch=True, classes=classes)
        return self

    def _fit(self, X, y, sample_weight, previous, callbacks, *, one_epoch=False, **data):
        """Read everything, train, and only then write to self; an interrupt keeps the epochs that have ended.

        Parameters
        ----------
        X, y, sample_weight
        previous : FittedState or None
            What the fit continues from.
        callbacks : CallbackContext
        one_epoch : bool
            Whether this is a `partial_fit`, of one epoch that counts as a whole or not at all.
        **data
            Passed to `read_fit_inputs`.
        """
        check_types(self)
        check_architecture(self)
        check_solver_params(self)
        optimizer = SOLVERS[self.solver](self)
        if previous is not None:
            previous.check(self.solver, optimizer)
        checkpoint = Checkpoint(self.checkpoint) if self.checkpoint is not None and not one_epoch else None
        last_epoch, state = LastEpoch(), None

        def on_epoch(row, last):
            progress.show(row)
            return callbacks.after_epoch(last, lambda: inputs.attributes_so_far(state))

        try:
            # Bits that BLAS and LAPACK compute (initial weights, and on some machines products) may depend on their threads.
            with single_threaded_blas(), numpy_alone():
                rng = self._generator(previous, checkpoint)
                initial_rng = copy.deepcopy(rng)
                inputs = read_fit_inputs(self, X, y, sample_weight, rng, previous, one_epoch=one_epoch, **data)
                state = inputs.initial_state(self, optimizer, rng, previous, one_epoch=one_epoch)
                if checkpoint is not None:
                    identity = inputs.identity(self, initial_rng, state)
                    state = checkpoint.start(identity, initial_rng, state, inputs.network, optimizer)
                config = training_config(self, len(inputs.data), one_epoch=one_epoch)
                with Progress(self.verbose, config.max_iter, state.n_epochs - state.first_epoch) as progress:
                    callbacks.before_epoch()
                    problems = train(
                        inputs.network,
                        inputs.make_loss(),
                        optimizer,
                        state,
                        inputs.data,
                        config,
                        validation=inputs.validation,
                        on_epoch=on_epoch,
                        checkpoint=None if checkpoint is None else checkpoint.save,
                        is_sound=lambda theta: inputs.predicts_finitely(theta, config.n_threads),
                        last_epoch=last_epoch,
                    )
                for problem in problems:
                    warnings.warn(problem, ConvergenceWarning, stacklevel=2)
                self._become(inputs.attributes(state), previous)
        except KeyboardInterrupt as interrupt:
            is_fitted = state is not None and vars(self).get("_state") is state
            if not is_fitted and (one_epoch or not last_epoch.n_epochs):
                raise
            if not is_fitted:
                self._become(inputs.attributes_so_far(last_epoch.state), previous)
            interrupt.args = (_what_is_kept(self.n_iter_, self.checkpoint is not None),)
            callbacks.end_interrupted(interrupt)
            raise

    def _become(self, attributes, previous):
        """Take over fitted attributes, all at one moment: no interrupt and no thread sees them beside those of an earlier fit."""
        stale = set() if previous is not None else fitted_attributes(self).keys()
        self.__dict__ = {name: value for name, value in vars(self).copy().items() if name not in stale} | attributes
        if previous is None:
            self._advance_random_state()

    def _generator(self, previous, checkpoint):
        """The generator that a fit begins with: that of the last one, of its checkpoint, or one by `random_state`."""
        if previous is not None:
            return copy.deepcopy(previous.state.rng)
        if self.random_state is None:
            # Whatever numbers an interrupted fit drew: the one that continues it draws the same.
            return np.random.default_rng() if checkpoint is None or checkpoint.rng is None else checkpoint.rng
        # From a copy: a fit that fails is to leave the user's RandomState as it was.
        with refused_as("random_state", "Pass an int."):
            return np.random.default_rng(check_random_state(copy.deepcopy(self.random_state)).randint(SEEDS))

    def _advance_random_state(self):
        """Take from a RandomState what `_generator` took from its copy, so that the next fit is another one."""
        if isinstance(self.random_state, np.random.RandomState):
            self.random_state.randint(SEEDS)

    # ---- predicting ----

    def _check_spec(self):
        """Raise a ValueError where the spec of the network has been emptied."""
        if not OF_ANY_NETWORK <= getattr(self._network_spec, "keys", set)():
            build(self._network_spec)  # which raises

    def _read_fitted(self, X):
        """X as the fitted network reads it."""
        check_is_fitted(self)
        self._check_spec()
        with numpy_alone():
            return in_dtype(read_X(self, X, reset=False)[0], self._theta.dtype)

    def _apply(self, sequences, output="scores"):
        """Outputs of the fitted network, in the units of the data."""
        network, n_threads = build(self._network_spec), effective_n_jobs(self.n_jobs)
        return apply(network, self._theta, sequences, output, n_threads=n_threads)

    def _answer(self, X, method):
        """What a response method returns for every sequence, or for every step in the form that y had."""
        model = at_this_moment(self)
        scores, decode = quick_scores(self, model, X), RESPONSES[method]
        if scores is not None:
            return decode(model)(scores)
        sequences = model._read_fitted(X)
        outputs = decode(model)(model._apply(sequences))
        return in_form(outputs, sequences, model._y_form) if model._per_step else outputs

    @property
    def _per_step(self):
        return self._network_spec["pooling"] is None

    def _score(self, X, y, sample_weight):
        """The metric of the predictions for all sequences, or for the steps that have a y."""
        check_is_fitted(self)
        model = at_this_moment(self)
        with numpy_alone():
            return model._score_predictions(self, X, y, sample_weight)

    def _score_predictions(self, estimator, X, y, sample_weight):
        """`_score`, where this is the estimator at one moment."""
        self._check_spec()
        if not self._per_step:
            with lent_engine(estimator, self):
                predicted = self.predict(X)
            ids = ids_of(X)
            with refused_as("y or sample_weight", Y_AND_WEIGHTS):
                y = one_per_sequence("y", y, len(predicted), ids)
                if sample_weight is not None:
                    sample_weight = read_sample_weight(in_order_of(ids, "sample_weight", sample_weight), len(predicted))
                return self._metric(y, predicted, sample_weight)
        sequences = self._read_fitted(X)
        predicted = self._decode(self._apply(sequences))
        with refused_as("y or sample_weight", Y_AND_WEIGHTS):
            flat, _ = read_steps("y", y, sequences)
            used = labelled_steps(self, flat, "score")
            weights = None if sample_weight is None else read_step_weights(sample_weight, sequences, used)
            places = Places(sequences.offsets, np.flatnonzero(used))
            return self._metric(flat[used], predicted[used], weights, places)

    @document()
    def predict(self, X):
        """Predict the label of each sequence, or its quantities.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            Of a classifier class labels, or for multilabel y 0/1 indicators; of a regressor quantities in the units of y, or with
            several quantiles a column for each in the order of `quantile`. With `return_sequences` one entry for every step, in
            the form that y had: a list of arrays, an array (n_sequences, n_steps[, n_outputs]) (or a list, where X has sequences
            of different lengths), or :class:`~sklstm.Sequences`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not as described, or has other channels than in `fit` (if it is 2-D, other columns).
        """
        return self._answer(X, "predict")

    @document()
    def encode(self, X):
        """Return the state in which the last layer ends each sequence: features for another estimator.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences, n_features)
            State h of the forward direction after the last step, and of a reverse direction after the first, merged as
            `merge_mode` says: `hidden_size` features, or twice as many of both directions side by side ("concat").

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `predict`.

        See Also
        --------
        sklstm.inspection.gate_activations : The states and gates at every step.
        """
        model = at_this_moment(self)
        return model._apply(model._read_fitted(X), "end_states")

    def stream(self, response_method="predict"):
        """Predict step by step, for sequences that arrive one step at a time.

        Parameters
        ----------
        response_method : {"predict", "predict_proba", "predict_log_proba", "encode"}, default="predict"
            Method whose output each step returns. Probabilities need a classifier.

        Returns
        -------
        Stream
            Object whose ``step(x_t)`` returns what the method returns for the steps so far. Its ``reset()`` begins new sequences,
            and its ``state`` can be read and set as plain arrays.

        Raises
        ------
        ValueError
            If the model is bidirectional, or its pooling needs all steps at once ("attention").

        Examples
        --------
        >>> import numpy as np
        >>> from sklstm import LSTMRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 20, 2))
        >>> model = LSTMRegressor(8, max_iter=20, random_state=0).fit(X, X[:, :, 0].sum(axis=1))
        >>> stream = model.stream()
        >>> for x_t in X[0]:
        ...     y = stream.step(x_t)
        >>> bool(y == model.predict(X[:1]))
        True
        """
        check_is_fitted(self)
        return Stream(self, response_method)

    @available_if(_has_attention)
    @document()
    def attention(self, X):
        """Return how much each step weighs in the pooling of its sequence; with ``pooling="attention"`` only.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        Sequences
            Of one channel; the weights of a sequence are positive and sum to 1.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            As `predict`.

        See Also
        --------
        sklstm.inspection.AttentionDisplay : A picture of them.
        """
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        return Sequences(model._apply(sequences, "attention"), sequences.offsets, ids=sequences.ids)

    @property
    def weights_(self):
        """The fitted parameters by their names, a dict of str to ndarray; the attributes of the class say which."""
        check_is_fitted(self)
        model = at_this_moment(self)
        return build(model._network_spec).layout.views(hand_out(model._theta))

    def __sklearn_is_fitted__(self):
        return "_theta" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = tags.input_tags.positive_only = self.categorical_features is not None
        return tags
