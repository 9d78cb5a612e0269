"""`FitMixin`: from hyper-parameters, X and y to a call of `train`, and from its result to attributes."""

import copy
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from ..compat import _fit_context
from ..parallel import single_threaded_blas
from ..sequences.refusals import refused_as
from ..sequences.validation import numpy_alone
from ..training import Checkpoint, LastEpoch, train
from .callbacks import CallbackContext
from .constraints import check_types
from .documentation import document
from .fitted_state import FittedState, fitted_attributes
from .length import calibrates, choose_length, validated_temperature
from .progress import Progress, show_trial
from .reading import read_fit_inputs
from .solvers import SHARE, SOLVERS, check_solver_params, chooses_length, training_config
from .splitting import SEEDS
from .warned import warn_of_memorising


def supports_partial_fit(estimator):
    """Whether `partial_fit` is available: not for a solver that needs all samples at once."""
    solver = estimator.solver
    if isinstance(solver, str) and solver in SOLVERS and SOLVERS[solver](estimator).needs_all_samples:
        raise AttributeError(
            f"partial_fit is not available for solver={solver!r}, which needs all samples at once. Set another solver, such as"
            " 'adam'."
        )
    return True


def _what_is_kept(n_epochs, has_checkpoint):
    epochs = "The epoch that is done is" if n_epochs == 1 else f"The {n_epochs} epochs that are done are"
    how = "warm_start=True, checkpoint=None" if has_checkpoint else "warm_start=True"  # the checkpoint is of the first fit
    return f"{epochs} kept: the estimator is fitted, and set_params({how}).fit(X, y) continues from there."


class FitMixin:
    """Methods that train. They read everything first, and write to the estimator at the end."""

    @document()
    @_fit_context(prefer_skip_nested_validation=False)  # but `_fit` skips it
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None, groups=None):
        """Train the network.

        Parameters
        ----------
        <<X>>
        <<y>>
        sample_weight : array-like of shape (n_sequences,), default=None
            Weights of the training sequences; None means 1 for each. Sequences of weight 0 are ignored. With
            `return_sequences`, weights of the steps are accepted too, in the forms of y.
        X_val, y_val : any accepted form of sequences and array-like, default=None
            Validation data, which are scored after every epoch. `early_stopping`, "auto" or True, uses them instead of a part
            of X, and a classifier's temperature is fitted to them. Otherwise only the validation curves are recorded.
        sample_weight_val : array-like of shape (n_val_sequences,), default=None
            Weights of the validation sequences, in the forms of `sample_weight`.
        groups : array-like of shape (n_sequences,), default=None
            Labels of groups, such as the person or the recording that a sequence is of. What `early_stopping` holds out are
            whole groups: with True, about `validation_fraction` of the sequences, with each class in proportion as far as
            the groups allow. If X has ids, groups that carry ids are brought into its order. Ignored where nothing is held
            out, and with `X_val`.

        Returns
        -------
        self
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, y, a weight or a hyper-parameter is invalid, or if `checkpoint` is a file of another fit. The estimator is
            unchanged.
        OSError
            If the `checkpoint` file cannot be written, which is checked before X is read.
        KeyboardInterrupt
            If the fit is interrupted from the keyboard (Ctrl-C). Completed epochs are kept: the estimator is fitted as if
            training had stopped after the last of them, and ``set_params(warm_start=True).fit(X, y)`` continues from there.
            An interrupt during the first epoch, or while lengths are compared, leaves the estimator unchanged, and so does
            any other exception, such as one in a callback.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached before convergence (except with "cosine" and "onecycle"), if training became non-finite, or
            if the trained network predicts no better than a constant. The message says what to try.
        RuntimeWarning
            If writing `checkpoint` fails during training, for example on a full disk.
        UserWarning
            If ``early_stopping=True`` has fewer than 20 targets to validate on, or if without it the loss on `X_val` rose
            while the training loss fell.
        """
        if (X_val is None) != (y_val is None):
            raise ValueError(f"X_val and y_val go together, got only {'y_val' if X_val is None else 'X_val'}.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val weights the sequences of X_val, but X_val is not given.")
        held_out = None if X_val is None else (X_val, y_val, sample_weight_val)
        previous = FittedState.of(self) if self.warm_start else None
        callbacks = CallbackContext(self, X, y, sample_weight)
        self._fit(X, y, sample_weight, previous, callbacks, held_out=held_out, groups=groups)
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
        self._check_architecture()
        self._check_parameters()
        check_solver_params(self)
        optimizer = SOLVERS[self.solver](self)
        if previous is not None:
            previous.check(self.solver, optimizer)
        last_epoch, state = LastEpoch(), None

        def on_epoch(row, last):
            progress.show(row)
            return callbacks.after_epoch(last, lambda: inputs.attributes_so_far(state))

        try:
            # Bits that BLAS and LAPACK compute (initial weights, and on some machines products) may depend on their threads.
            with single_threaded_blas(), numpy_alone(), config_context(skip_parameter_validation=True):
                inputs, state, checkpoint = self._start(X, y, sample_weight, previous, optimizer, one_epoch, data)
                config = self._training_config(inputs, optimizer, state, previous, one_epoch)
                with Progress(self.verbose, config.max_iter, state.n_epochs - state.first_epoch) as progress:
                    callbacks.before_epoch()
                    problems = train(
                        inputs.network,
                        inputs.target.make_loss(inputs.scaling),
                        optimizer,
                        state,
                        inputs.data,
                        config,
                        validation=inputs.validation,
                        on_epoch=on_epoch,
                        checkpoint=checkpoint,
                        is_sound=lambda theta: inputs.predicts_finitely(theta, config.n_threads),
                        last_epoch=last_epoch,
                    )
                if inputs.validation is not None and not state.trials and calibrates(self, inputs):
                    state.temperature = validated_temperature(inputs, state, config.n_threads)
                for problem in problems:
                    warnings.warn(problem, ConvergenceWarning, stacklevel=2)
                if inputs.validation is not None and not inputs.stops_early:
                    warn_of_memorising(self, state.history[state.first_epoch :])
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

    def _training_config(self, inputs, optimizer, state, previous, one_epoch):
        """The configuration of the training, whose length is chosen here unless the state is of a fit where it has been."""
        n_samples = len(inputs.data)
        is_chosen = chooses_length(self, n_samples) and not one_epoch
        make_config = partial(training_config, self, n_samples, one_epoch=one_epoch, early_stopping=inputs.stops_early)
        if is_chosen and not state.max_iter:
            if previous is not None:
                state.max_iter = previous.state.epochs_to_continue()
            else:
                longest = make_config(share=SHARE)
                choose_length(self, inputs, optimizer, state, longest, lambda *trial: show_trial(self.verbose, *trial))
        config = make_config()
        return replace(config, max_iter=state.max_iter) if is_chosen and state.max_iter else config

    def _start(self, X, y, sample_weight, previous, optimizer, one_epoch, data):
        """`FitInputs`, the state that training begins with, and a function that writes states to the checkpoint, or None."""
        checkpoint = Checkpoint(self.checkpoint) if self.checkpoint is not None and not one_epoch else None
        rng = self._generator(previous, checkpoint)
        initial_rng = None if checkpoint is None else copy.deepcopy(rng)
        inputs = read_fit_inputs(self, X, y, sample_weight, rng, previous, one_epoch=one_epoch, **data)
        state = inputs.initial_state(self, optimizer, rng, previous, one_epoch=one_epoch)
        if checkpoint is None:
            return inputs, state, None
        identity = inputs.identity(self, initial_rng, state)
        return inputs, checkpoint.start(identity, initial_rng, state, inputs.network, optimizer), checkpoint.save

    def _become(self, attributes, previous):
        """Take over fitted attributes, all at one moment: no interrupt and no thread sees them beside those of an earlier fit."""
        stale = set() if previous is not None else fitted_attributes(self).keys()
        self.__dict__ = {name: value for name, value in vars(self).copy().items() if name not in stale} | attributes
        if previous is None and isinstance(self.random_state, np.random.RandomState):
            self.random_state.randint(SEEDS)  # which `_generator` took from a copy, so that the next fit is another one

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
