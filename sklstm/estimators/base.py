"""What the estimators share: from hyper-parameters, X and y to a call of `train`, and from its result to attributes."""

import copy
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..compat import _fit_context
from ..network import LOSSES, ConstantBias, TimescaleBias, apply
from ..parallel import single_threaded_blas
from ..sequences import Sequences
from ..sequences.alignment import ids_of, in_order_of
from ..sequences.refusals import refused_as
from ..training import Checkpoint, LastEpoch, Units, Validation, check_moments, check_range, check_state, train, updated_moments
from .architecture import FREE, build, check_architecture, network_spec
from .callbacks import CallbackSupportMixin, FitTasks
from .categories import embedding_widths, seen_only
from .constraints import CONSTRAINTS, check_types
from .copies import at_this_moment, stand_in_for
from .documentation import document
from .engines import fast_path_scores, lent_engine
from .inputs import in_dtype, numpy_alone, one_per_sequence, read_sample_weight, read_X, seen_lengths
from .prepared import Prepared
from .progress import Progress
from .responses import RESPONSES
from .solving import SOLVERS, check_solving, make_plan
from .steps import in_form, read_step_weights, read_steps
from .streaming import Stream
from .targets import ONE_EACH, Places
from .weights import WeightsMixin

Y_AND_WEIGHTS = "Expected an array or a list with one entry for each sequence, or with return_sequences for every step."
OF_ANY_NETWORK = {"input_size", "pooling", "categories", "loss"}  # in every spec
SEEDS = np.iinfo(np.int32).max


def _has_attention(estimator):
    """Whether the fitted network, or the one that will be fitted, pools by attention."""
    spec = vars(estimator).get("_network_spec")
    return spec["pooling"] == "attention" if spec else estimator.pooling == "attention" and not estimator.return_sequences


def takes_chunks(estimator):
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


class BaseRecurrent(CallbackSupportMixin, WeightsMixin, BaseEstimator, ABC):
    """Base of the estimators. A subclass says what y means: the abstract methods below."""

    _parameter_constraints: ClassVar = CONSTRAINTS

    def __init__(
        self,
        hidden_size=64,
        num_layers=1,
        *,
        cell="lstm",
        activation="tanh",
        bidirectional=False,
        merge_mode="concat",
        pooling="last",
        dropout=0.0,
        recurrent_dropout=0.0,
        residual=False,
        return_sequences=False,
        categorical_features=None,
        embedding_dim="auto",
        initial_state="zeros",
        forget_bias="multiscale",
        n_channels=1,
        padding=None,
        standardize=True,
        solver="adam",
        alpha=1e-3,
        batch_size="auto",
        learning_rate="cosine",
        learning_rate_init=2e-2,
        power_t=0.5,
        warmup_fraction=0.05,
        max_iter="auto",
        shuffle=True,
        tol=1e-4,
        n_iter_no_change="auto",
        early_stopping=False,
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
        self.bidirectional = bidirectional
        self.merge_mode = merge_mode
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.residual = residual
        self.return_sequences = return_sequences
        self.categorical_features = categorical_features
        self.embedding_dim = embedding_dim
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

    # ---- what a subclass says of y ----

    @abstractmethod
    def _read_y(self, y, weights, role, known=None, classes=None, places=ONE_EACH):
        """y and the sample weights as a `Task`.

        Parameters
        ----------
        y : array-like
        weights : ndarray of shape (n_samples,)
        role : {"fit", "chunk", "held out"}
            Whether y is all there is, a chunk for `partial_fit`, or validation data.
        known : mapping, default=None
            Attributes of an earlier task, which y has to agree with.
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
    def _validation_score(task, data, scores):
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
        continued = self.warm_start and self.__sklearn_is_fitted__()
        held_out = None if X_val is None else (X_val, y_val, sample_weight_val)
        tasks = FitTasks(self, X, y, sample_weight)
        self._fit(X, y, sample_weight, continued, held_out=held_out, tasks=tasks)
        tasks.end()
        return self

    def _validate_params(self):
        with refused_as("A hyper-parameter", "Pass numbers, texts and booleans of Python."):  # whose comparison may fail
            super()._validate_params()

    def _partial_fit(self, X, y, sample_weight, classes=None):
        return self._fit(X, y, sample_weight, self.__sklearn_is_fitted__(), incremental=True, classes=classes)

    def _fit(self, X, y, sample_weight, continued, *, incremental=False, held_out=None, classes=None, tasks=None):
        """Read everything, train, and only then write to self; an interrupt keeps the epochs that have ended."""
        if incremental and continued:
            self._validate_params()  # which scikit-learn leaves out for a fitted estimator
        check_types(self)
        check_architecture(self)
        check_solving(self)
        if continued:
            self._check_fitted_state()
        checkpoint = Checkpoint(self.checkpoint) if self.checkpoint is not None and not incremental else None
        last_epoch, state = LastEpoch(), None
        try:
            # Bits that BLAS and LAPACK compute (initial weights, and on some machines products) may depend on their threads.
            with single_threaded_blas(), numpy_alone():
                rng = self._generator(continued, checkpoint)
                began = copy.deepcopy(rng)
                prepared = self._prepare(X, y, sample_weight, rng, continued, incremental, held_out, classes)
                state = self._begin(prepared, rng, continued, incremental)
                if checkpoint is not None:
                    state = checkpoint.begin(prepared.identity(self, began, state), began, state)
                self._train(prepared, state, incremental, checkpoint, tasks, last_epoch)
                self._become(prepared.attributes(state), continued)
        except KeyboardInterrupt as interrupt:
            is_fitted = state is not None and vars(self).get("_state") is state
            if not is_fitted and (incremental or not last_epoch.n_epochs):  # a chunk counts as a whole or not at all
                raise
            if not is_fitted:
                self._become(prepared.attributes_so_far(last_epoch.state), continued)
            interrupt.args = (_what_is_kept(self.n_iter_, self.checkpoint is not None),)
            if tasks is not None:
                tasks.end_interrupted(interrupt)
            raise
        return self

    def _become(self, attributes, continued):
        """Take over fitted attributes, all at one moment: no interrupt and no thread sees them beside those of an earlier fit."""
        stale = set() if continued else {"feature_names_in_", "_y_form", "_quantile_ranks"}
        self.__dict__ = {name: value for name, value in vars(self).copy().items() if name not in stale} | attributes
        if not continued:
            self._advance_random_state()

    def _check_fitted_state(self):
        """Raise a ValueError where what the last fit left is not what it left any more."""
        network = build(self._network_spec)
        network.bind(self._theta)
        check_state(self._state, network, self._theta.dtype, self.solver, SOLVERS[self.solver](self))
        check_moments(self._moments, network.input_size)

    def _prepare(self, X, y, sample_weight, rng, continued, incremental, held_out, classes):
        """Everything that a fit reads and computes before it trains."""
        sequences, form = read_X(self, X, reset=not continued)
        form["_n_steps"] = seen_lengths(sequences.lengths, vars(self).get("_n_steps") if continued else None)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        role = "chunk" if incremental else "fit"
        task = self._read_task(y, sample_weight, sequences, role, vars(self) if continued else None, classes)
        rows, rows_val = task.weighted_rows(), None
        stops_early = self.early_stopping and not incremental
        if held_out is None and stops_early:
            rows, rows_val = self._split(rows, task.strata, rng)
        if not continued:
            sequences, form["categories_"] = seen_only(sequences, form["_categorical"], form["categories_"], rows)
        spec = self._agreed_spec(sequences, task, form, continued)
        dtype = self._theta.dtype if continued else sequences.values.dtype
        sequences = in_dtype(sequences, dtype)

        validation_part = None
        if held_out is not None:
            validation_part = self._read_held_out(*held_out, {} if continued else form, spec, task, dtype)
        elif rows_val is not None:
            validation_part = task.take(sequences, rows_val)
            self._raise_if_too_few(validation_part[1])
        task = task.only(rows)

        moments = self._moments_with(sequences, task, continued, incremental)
        network = build(spec)
        units = Units.from_moments(moments, network.input_size, task.units, form["_categorical"])
        units.raise_if_out_of_range(dtype)
        if task.units:
            check_range("y", task.targets, dtype)
        validation = None
        if validation_part is not None:
            data_val = validation_part[1].data(validation_part[0], units)
            validation = Validation(data_val, lambda scores: self._validation_score(task, data_val, scores))
        return Prepared(spec, network, form, task, task.data(sequences, units), validation, units, moments, stops_early)

    def _agreed_spec(self, sequences, task, form, continued):
        """The spec of the network, which a fit that continues an earlier one must not change."""
        spec = network_spec(self, sequences.n_channels, task, self._tables(form))
        fitted = self._network_spec if continued else spec
        changed = {key: (fitted[key], spec[key]) for key in spec if fitted[key] != spec[key] and key not in FREE}
        if changed:
            raise ValueError(
                f"The fitted network cannot continue with other parameters (fitted, requested): {changed}. Keep the"
                " hyper-parameters of the network and the kind of y, or fit afresh with warm_start=False."
            )
        return spec

    def _begin(self, prepared, rng, continued, incremental):
        """The state that training begins with: a new one, or a copy of that of the last fit in the units of this one."""
        network, units = prepared.network, prepared.units
        if continued:
            state = copy.deepcopy(self._state) | {"rng": rng}
            if not incremental or self.best_loss_ is None:  # which followed a score
                del state["course"]
            else:
                state["course"] |= {"began": state["n_epochs"], "ended": False}
            if incremental:
                loss_units = LOSSES[self._network_spec["loss"]].units
                before = Units.from_moments(self._moments, network.input_size, loss_units, self._categorical)
                state["theta"] = before.carried_over(network, state["theta"], units)
        else:
            theta = network.initialize(rng, prepared.data.sequences.values.dtype, self._bias(prepared.data))
            state = {"theta": theta, "solver": None, "rng": rng, "n_epochs": 0, "n_samples": 0, "history": []}
        if state["solver"] != self.solver:
            state |= {"solver": self.solver, "optimizer": SOLVERS[self.solver](self).init(state["theta"])}
        return state

    def _bias(self, data):
        """What the gates' biases begin with."""
        if not isinstance(self.forget_bias, str):
            return ConstantBias(self.forget_bias)
        return TimescaleBias(self.forget_bias, int(data.sequences.lengths[data.rows].max()))

    def _train(self, prepared, state, incremental, checkpoint, tasks, last_epoch):
        """Train the network from a state on."""
        plan = make_plan(self, len(prepared.data), incremental)
        n_done = state["n_epochs"] - state["course"]["began"] if "course" in state else 0
        progress = Progress(self.verbose, plan.max_iter, n_done)

        def on_epoch(row, last):
            progress.show(row)
            return tasks is not None and tasks.end_epoch(last, lambda: prepared.attributes_so_far(state))

        try:
            if tasks is not None:
                tasks.begin_epoch()
            train(
                prepared.network,
                prepared.task.make_loss(prepared.units),
                SOLVERS[self.solver](self),
                state,
                prepared.data,
                plan,
                validation=prepared.validation,
                on_epoch=on_epoch,
                checkpoint=None if checkpoint is None else checkpoint.save,
                is_sound=lambda theta: prepared.predicts_finitely(theta, plan.n_threads),
                last_epoch=last_epoch,
            )
        finally:
            progress.close()

    @refused_as("y or sample_weight", Y_AND_WEIGHTS)
    def _read_task(self, y, sample_weight, sequences, role, known, classes=None):
        """y and the sample weights, of sequences or of their steps, as a `Task`."""
        if not self.return_sequences:
            y = one_per_sequence("y", y, len(sequences), sequences.ids)
            weights = read_sample_weight(in_order_of(sequences.ids, "sample_weight", sample_weight), len(sequences))
            return self._read_y(y, weights, role, known, classes)
        flat, form = read_steps("y", y, sequences)
        weights = read_step_weights(sample_weight, sequences)
        used = self._labelled(flat, "learn from")
        places = Places(sequences.offsets, np.flatnonzero(used))
        task = self._read_y(flat[used], weights[used], role, known, classes, places)
        return task.over_steps(~used, sequences.offsets, form)

    def _generator(self, continued, checkpoint):
        """The generator that a fit begins with: that of the last one, of its checkpoint, or one by `random_state`."""
        if continued:
            return copy.deepcopy(self._state["rng"])
        if self.random_state is None:
            # Whatever numbers an interrupted fit drew: the one that goes on with it draws the same.
            return np.random.default_rng() if checkpoint is None or checkpoint.rng is None else checkpoint.rng
        # From a copy: a fit that fails is to leave the user's RandomState as it was.
        with refused_as("random_state", "Pass an int."):
            return np.random.default_rng(check_random_state(copy.deepcopy(self.random_state)).randint(SEEDS))

    def _advance_random_state(self):
        """Take from a RandomState what `_generator` took from its copy, so that the next fit is another one."""
        if isinstance(self.random_state, np.random.RandomState):
            self.random_state.randint(SEEDS)

    def _read_held_out(self, X, y, weights, form, spec, task, dtype):
        """Sequences and task of `X_val`, checked against this fit's X and y."""
        # By a stand-in that has what this estimator will have once it is fitted.
        stand_in = stand_in_for(self)
        stand_in._network_spec = spec
        if form:
            vars(stand_in).pop("feature_names_in_", None)
            vars(stand_in).update(form)
        try:
            sequences = in_dtype(read_X(stand_in, X, reset=False)[0], dtype)
            held_out = self._read_task(y, weights, sequences, "held out", task.attributes)
            rows = held_out.weighted_rows()
            self._raise_if_too_few(held_out)
            if task.units:
                check_range("y_val", held_out.targets, dtype)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In the validation data (X_val, y_val): {error}") from error
        return held_out.take(sequences, rows)

    def _raise_if_too_few(self, held_out):
        """A coefficient of determination needs two targets."""
        if self.early_stopping and held_out.units and held_out.n_weighted < 2:
            unit = "steps" if self.return_sequences else "sequences"
            raise ValueError(f"early_stopping needs at least two {unit} with a y to score. Pass more, or turn it off.")

    def _tables(self, form):
        """Channel, rows and width of the table of each categorical channel."""
        widths = embedding_widths(self.embedding_dim, form["categories_"])
        tables = zip(form["_categorical"], form["categories_"], widths, strict=True)
        return [[channel, len(values) + 1, width] for channel, values, width in tables]

    def _split(self, rows, strata, rng):
        """Training and validation rows of early stopping."""
        n_samples = len(rows)
        try:
            rows, rows_val = train_test_split(
                rows,
                test_size=self.validation_fraction,
                stratify=None if strata is None else strata[rows],
                random_state=int(rng.integers(SEEDS)),
            )
            if len(rows_val) < 2:
                raise ValueError("a score needs at least two samples, but the split leaves one.")
        except ValueError as error:
            raise ValueError(
                f"early_stopping=True cannot set aside validation_fraction={self.validation_fraction} of {n_samples}"
                f" samples: {error} Set another validation_fraction, pass X_val and y_val, or turn early_stopping off."
            ) from error
        return np.sort(rows), np.sort(rows_val)

    def _moments_with(self, sequences, task, continued, incremental):
        """Statistics of X and y: of this fit, of an earlier one that it continues, or of all chunks so far."""
        if continued and not incremental:
            return self._moments
        known = self._moments if continued else None
        if not self.standardize:
            return {"x": None, "y": None}
        weighted, rows = task.weights > 0, task.weighted_rows()
        return {
            "x": updated_moments(known, "x", sequences.values, task.sequence_weights, sequences.offsets, rows),
            "y": updated_moments(known, "y", task.targets[weighted], task.weights[weighted]) if task.units else None,
        }

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
        scores, decode = fast_path_scores(self, model, X), RESPONSES[method]
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
            used = self._labelled(flat, "score")
            weights = None if sample_weight is None else read_step_weights(sample_weight, sequences, used)
            places = Places(sequences.offsets, np.flatnonzero(used))
            return self._metric(flat[used], predicted[used], weights, places)

    def _labelled(self, y, purpose):
        """Which steps (total_steps,) have a y; raises where none has one. `purpose` is what y is for, in the message."""
        masked = self._masked(y)
        left_out = masked if y.ndim == 1 else masked.all(axis=1)
        if left_out.all():
            raise ValueError(f"All steps of y have the mask value: there is nothing to {purpose}. Label at least one step.")
        return ~left_out

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

    def __sklearn_is_fitted__(self):
        return "_theta" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = tags.input_tags.positive_only = self.categorical_features is not None
        return tags
