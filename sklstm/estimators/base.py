"""What the estimators share: from hyper-parameters, X and y to a call of `train`, and from its result to attributes."""

import copy
from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import BaseEstimator, _fit_context
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._kernels.threads import single_threaded_blas
from ..network import ACTIVATIONS, CELLS, LOSSES, MERGE_MODES, POOLINGS, apply
from ..sequences import Sequences
from ..training import SGD, Adam, Plan, Units, Validation, check_range, train, updated_moments
from .architecture import FREE, build, check_architecture, network_spec
from .categories import embedding_widths, seen_only
from .documentation import document
from .inputs import check_one_per_sequence, in_dtype, read_sample_weight, read_X, stand_in_for
from .steps import in_form, numbers_or_objects, read_step_weights, read_steps

# Minibatch size of batch_size="auto". With learning_rate_init=5e-3 it was chosen by cross-validation on eight problems
# (digits by rows, tables read as series, the adding problem, a seasonal forecast, ragged sequences): better than or
# level with 1e-3 and the MLP's 200 on seven of them, in half the time.
AUTO_BATCH_SIZE = 32

SEEDS = np.iinfo(np.int32).max

SOLVERS = {
    "sgd": lambda e: SGD(e.learning_rate_init, e.momentum, e.nesterovs_momentum),
    "adam": lambda e: Adam(e.learning_rate_init, e.beta_1, e.beta_2, e.epsilon),
}


def _has_attention(estimator):
    """Whether the fitted network, or the one that will be fitted, pools by attention."""
    spec = vars(estimator).get("_network_spec")
    return spec["pooling"] == "attention" if spec else estimator.pooling == "attention" and not estimator.return_sequences


class BaseRecurrent(BaseEstimator, ABC):
    """Base of the estimators. A subclass says what y means: `_read_y`, `_left_out`, `_decode` and `_validation_score`."""

    _parameter_constraints: ClassVar = {
        "hidden_size": [Interval(Integral, 1, None, closed="left"), tuple, list],
        "num_layers": [Interval(Integral, 1, None, closed="left")],
        "cell": [StrOptions(set(CELLS))],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "bidirectional": ["boolean"],
        "merge_mode": [StrOptions(set(MERGE_MODES))],
        "pooling": [StrOptions(set(POOLINGS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "recurrent_dropout": [Interval(Real, 0, 1, closed="left")],
        "residual": ["boolean"],
        "return_sequences": ["boolean"],
        "categorical_features": [StrOptions({"all"}), "array-like", None],
        "embedding_dim": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left"), list, tuple, np.ndarray],
        "initial_state": [StrOptions({"zeros", "learned"})],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "standardize": ["boolean"],
        "solver": [StrOptions(set(SOLVERS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "bptt_steps": [Interval(Integral, 1, None, closed="left"), None],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterovs_momentum": ["boolean"],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
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
        pooling="last",
        dropout=0.0,
        recurrent_dropout=0.0,
        residual=False,
        return_sequences=False,
        categorical_features=None,
        embedding_dim="auto",
        initial_state="zeros",
        n_channels=1,
        standardize=True,
        solver="adam",
        alpha=1e-3,
        batch_size="auto",
        learning_rate_init=5e-3,
        max_iter=200,
        shuffle=True,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        max_grad_norm=1.0,
        bptt_steps=None,
        momentum=0.9,
        nesterovs_momentum=True,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=False,
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
        self.n_channels = n_channels
        self.standardize = standardize
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
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
        self.epsilon = epsilon
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    # ---- what a subclass says of y ----

    @abstractmethod
    def _read_y(self, y, weights, role, known=None, classes=None):
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
        """

    @staticmethod
    @abstractmethod
    def _left_out(y):
        """Which entries of a y for every step (total_steps,) or (total_steps, n_outputs) have the mask value."""

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
        X_val, y_val : default=None
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
            If X, y, a weight or a hyper-parameter is not as described; the estimator is left as it was.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached, or if training became non-finite.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(f"X_val and y_val go together, got only {'y_val' if X_val is None else 'X_val'}.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val weights the sequences of X_val, but X_val is not given.")
        continued = self.warm_start and self.__sklearn_is_fitted__()
        held_out = None if X_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, continued, held_out=held_out)

    def _partial_fit(self, X, y, sample_weight, classes=None):
        return self._fit(X, y, sample_weight, self.__sklearn_is_fitted__(), incremental=True, classes=classes)

    def _fit(self, *args, **kwargs):
        # Bits that BLAS and LAPACK compute (initial weights, and on some machines products) may depend on their threads.
        with single_threaded_blas():
            return self._fit_single_threaded(*args, **kwargs)

    def _fit_single_threaded(self, X, y, sample_weight, continued, incremental=False, held_out=None, classes=None):
        """Read everything, train, and only then write to self."""
        if incremental and continued:
            self._validate_params()  # which scikit-learn leaves out for a fitted estimator
        check_architecture(self)
        sequences, form = read_X(self, X, reset=not continued)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        role = "chunk" if incremental else "fit"
        task = self._read_task(y, sample_weight, sequences, role, vars(self) if continued else None, classes)
        rng = copy.deepcopy(self._state["rng"]) if continued else self._generator()
        rows, rows_val = task.weighted_rows(), None
        if held_out is None and self.early_stopping and not incremental:
            rows, rows_val = self._split(rows, task.strata, rng)
        if not continued:
            sequences, form["categories_"] = seen_only(sequences, form["_categorical"], form["categories_"], rows)
        spec = network_spec(self, sequences.n_channels, task, self._tables(form))
        fitted = self._network_spec if continued else spec
        changed = {key: (fitted[key], spec[key]) for key in spec if fitted[key] != spec[key] and key not in FREE}
        if changed:
            raise ValueError(
                f"The fitted network cannot go on with other parameters (fitted, asked for): {changed}. Keep the hyper-parameters"
                " of the network and the kind of y, or fit afresh with warm_start=False."
            )
        network = build(spec)
        dtype = self._theta.dtype if continued else sequences.values.dtype
        sequences = in_dtype(sequences, dtype)

        validation_part = None
        if held_out is not None:
            validation_part = self._read_held_out(*held_out, {} if continued else form, spec, task, dtype)
        elif rows_val is not None:
            validation_part = task.take(sequences, rows_val)
            self._raise_if_too_few(validation_part[1])
        sequences, task = task.take(sequences, rows)

        moments = self._moments_with(sequences, task, continued, incremental)
        units = Units.from_moments(moments, network.input_size, task.units, form["_categorical"])
        units.raise_if_out_of_range(dtype)
        if task.units:
            check_range("y", task.targets, dtype)
        data = task.data(sequences, units)
        validation = None
        if validation_part is not None:
            data_val = validation_part[1].data(validation_part[0], units)
            validation = Validation(data_val, lambda scores: self._validation_score(task, data_val, scores))

        state = (
            self._carried_state(network, units, rng, incremental) if continued else _initial_state(network, rng, dtype)
        )
        optimizer = SOLVERS[self.solver](self)
        if state["solver"] != self.solver:
            state.update(solver=self.solver, optimizer=optimizer.init(state["theta"]))
        plan = self._plan(len(rows), incremental)
        report = _print_epoch if self.verbose else None
        stopping = train(network, task.make_loss(units), optimizer, state, data, plan, validation=validation, on_epoch=report)

        if not continued:
            self._advance_random_state()
            for name in ("feature_names_in_", "_y_form", "_quantile_ranks"):
                vars(self).pop(name, None)
            vars(self).update(form)
        vars(self).update(task.attributes)
        self._network_spec = spec
        self._moments = moments
        self._state = state
        self._theta = units.folded(network, state["theta"])
        self._record(stopping, plan, validation is not None)
        return self

    def _read_task(self, y, sample_weight, sequences, role, known, classes=None):
        """y and the sample weights, of sequences or of their steps, as a `Task`."""
        if not self.return_sequences:
            check_one_per_sequence("y", y, len(sequences))
            return self._read_y(y, read_sample_weight(sample_weight, len(sequences)), role, known, classes)
        flat, form = read_steps("y", y, sequences)
        weights = read_step_weights(sample_weight, sequences)
        left_out = self._left_out(flat)
        if left_out.all():
            raise ValueError("All steps of y have the mask value: there is nothing to learn from. Label at least one step.")
        task = self._read_y(numbers_or_objects(flat[~left_out]), weights[~left_out], role, known, classes)
        return task.over_steps(left_out, sequences.offsets, form)

    def _plan(self, n_samples, incremental):
        return Plan(
            max_iter=1 if incremental else self.max_iter,
            batch_size=min(AUTO_BATCH_SIZE if self.batch_size == "auto" else self.batch_size, n_samples),
            shuffle=self.shuffle,
            alpha=self.alpha,
            max_grad_norm=self.max_grad_norm,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            early_stopping=self.early_stopping and not incremental,
            bptt_steps=self.bptt_steps,
            n_threads=effective_n_jobs(self.n_jobs),
            warn_unconverged=not incremental,
        )

    def _carried_state(self, network, units, rng, incremental):
        """A copy of the state that the last fit left, in the units that this one trains in."""
        state = copy.deepcopy(self._state) | {"rng": rng}
        if incremental:
            loss_units = LOSSES[self._network_spec["loss"]].units
            before = Units.from_moments(self._moments, network.input_size, loss_units, self._categorical)
            state["theta"] = before.carried_over(network, state["theta"], units)
        return state

    def _generator(self):
        if self.random_state is None:
            return np.random.default_rng()
        # From a copy: a fit that fails is to leave the user's RandomState as it was.
        return np.random.default_rng(check_random_state(copy.deepcopy(self.random_state)).randint(SEEDS))

    def _advance_random_state(self):
        """Take from a RandomState what `_generator` took from its copy, so that the next fit is another one."""
        if isinstance(self.random_state, np.random.RandomState):
            self.random_state.randint(SEEDS)

    def _read_held_out(self, X, y, weights, form, spec, task, dtype):
        """Sequences and task of `X_val`, held against this fit's X and y."""
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
        """Statistics of X and y: of this fit, of an earlier one that goes on, or of all chunks that came."""
        if continued and not incremental:
            return self._moments
        known = self._moments if continued else None
        if not self.standardize:
            return {"x": None, "y": None}
        weighted = slice(None) if task.offsets is None else task.weights > 0
        return {
            "x": updated_moments(known, "x", sequences.values, task.sequence_weights, sequences.offsets),
            "y": updated_moments(known, "y", task.targets[weighted], task.weights[weighted]) if task.units else None,
        }

    def _record(self, stopping, plan, validated):
        """The attributes that tell how training went, from the state."""
        history = self._state["history"]
        self.history_ = history
        self.n_iter_ = self._state["n_epochs"]
        self.t_ = self._state["n_samples"]
        self.n_outputs_ = self._network_spec["output_size"]
        self.loss_curve_ = [row["loss"] for row in history]
        self.best_loss_ = None if plan.early_stopping else min(self.loss_curve_, default=None)
        scores = [row["validation_score"] for row in history if "validation_score" in row]
        self.validation_loss_curve_ = (
            [row["validation_loss"] for row in history if "validation_loss" in row] if validated else None
        )
        self.validation_scores_ = scores if validated else None
        best = stopping.best if plan.early_stopping else max(filter(np.isfinite, scores), default=None)
        self.best_validation_score_ = best if validated and best is not None and np.isfinite(best) else None

    # ---- answering ----

    def _read_fitted(self, X):
        """X as the fitted network reads it."""
        check_is_fitted(self)
        return in_dtype(read_X(self, X, reset=False)[0], self._theta.dtype)

    def _apply(self, sequences, output="scores"):
        """Outputs of the fitted network, in the units of the data."""
        network, n_threads = build(self._network_spec), effective_n_jobs(self.n_jobs)
        return apply(network, self._theta, sequences, output, n_threads=n_threads)

    def _answer(self, X, decode):
        """``decode(scores)`` for every sequence, or for every step in the form that y had."""
        sequences = self._read_fitted(X)
        answers = decode(self._apply(sequences))
        return in_form(answers, sequences, self._y_form) if self._per_step else answers

    @property
    def _per_step(self):
        return self._network_spec["pooling"] is None

    def _scored(self, X, y, sample_weight):
        """y, predictions and weights of the steps that have a y, one after the other; for models with scores for every step."""
        sequences = self._read_fitted(X)
        flat, _ = read_steps("y", y, sequences)
        used = ~self._left_out(flat)
        if not used.any():
            raise ValueError("All steps of y have the mask value: there is nothing to score. Label at least one step.")
        weights = None if sample_weight is None else read_step_weights(sample_weight, sequences)[used]
        return numbers_or_objects(flat[used]), self._decode(self._apply(sequences))[used], weights

    @document()
    def predict(self, X):
        """Predict.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences,) or (n_sequences, n_outputs)
            With `return_sequences` one entry for every step, in the form that y had: a list of arrays, an array (n_sequences,
            n_steps[, n_outputs]) (or a list, where X has sequences of different lengths), or :class:`~sklstm.Sequences`.
        """
        return self._answer(X, self._decode)

    @document()
    def encode(self, X):
        """The state in which the last layer ends each sequence: features for another estimator.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        ndarray of shape (n_sequences, n_features)
            h of the forward direction after the last step, and of a reverse direction after the first, merged as
            `merge_mode` says.
        """
        return self._apply(self._read_fitted(X), "end_states")

    @available_if(_has_attention)
    @document()
    def attention(self, X):
        """How much each step weighs in the pooling of its sequence; with ``pooling="attention"`` only.

        Parameters
        ----------
        <<X>>

        Returns
        -------
        Sequences
            Of one channel; the weights of a sequence are positive and sum to 1.
        """
        sequences = self._read_fitted(X)
        return Sequences(self._apply(sequences, "attention"), sequences.offsets)

    @property
    def weights_(self):
        check_is_fitted(self)
        return build(self._network_spec).layout.views(self._theta)

    def __sklearn_is_fitted__(self):
        return "_theta" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = tags.input_tags.positive_only = self.categorical_features is not None
        return tags


def _initial_state(network, rng, dtype):
    theta = network.initialize(rng, dtype)
    return {
        "theta": theta,
        "optimizer": None,
        "solver": None,
        "rng": rng,
        "n_epochs": 0,
        "n_samples": 0,
        "history": [],
    }


def _print_epoch(row):
    score = (
        f", validation loss {row['validation_loss']:.6g}, score {row['validation_score']:.4f}"
        if "validation_score" in row
        else ""
    )
    print(f"Epoch {row['epoch']}: loss {row['loss']:.6g}{score} ({row['seconds']:.2f} s)")
