"""What the estimators share: `BaseNetworkEstimator`, and of those with a prediction for each sequence or step `BaseRecurrent`."""

from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cache
from typing import ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ..compat import CallbackSupportMixin
from ..sequences.targets import ONE_EACH
from ..sequences.validation import in_dtype, numpy_alone
from ..training import TrainingState
from .architecture import build, check_reduction, check_stack, network_spec
from .constraints import CONSTRAINTS
from .fitting import FitMixin
from .inputs import read_X
from .predicting import PredictMixin
from .reading import read_target
from .solvers import tied
from .splitting import Split, split_target
from .weights import WeightsMixin


class BaseNetworkEstimator(FitMixin, WeightsMixin, CallbackSupportMixin, BaseEstimator, ABC):
    """Base of all estimators. A subclass says which network it has and what y means."""

    _parameter_constraints: ClassVar = CONSTRAINTS

    def _check_architecture(self):
        """Raise a ValueError where hyper-parameters of the network contradict each other."""
        check_stack(self)

    def _read_X(self, X, *, reset):
        """As `read_X`."""
        return read_X(self, X, reset=reset)

    @abstractmethod
    def _read_target(self, y, sample_weight, sequences, role, known, classes=None, form=None):
        """y and the sample weights as a `Target`.

        Parameters
        ----------
        y, sample_weight
            As `fit` got them.
        sequences : Sequences
            X.
        role : {"fit", "partial_fit", "validation"}
            Whether y is all there is, a chunk for `partial_fit`, or validation data.
        known : mapping or None
            Attributes of an earlier target, which y has to agree with.
        classes : array-like, default=None
            Classes announced to `partial_fit`.
        form : dict, default=None
            Attributes that describe X, as from `read_X`.
        """

    @abstractmethod
    def _make_spec(self, n_channels, target, form):
        """The spec of the network for so many channels, whose `form` is as from `read_X`."""

    @property
    @abstractmethod
    def _unit(self):
        """Plural noun for what y has an entry for."""

    def _settle_loss(self, target, fitted, *, one_epoch):
        """`target` with the loss that training minimises, where that depends on the targets or on an earlier fit.

        Parameters
        ----------
        target : Target
            Only training samples have a weight.
        fitted : dict or None
            Spec of the network that the fit continues.
        one_epoch : bool
            Whether y is a chunk for `partial_fit`.
        """
        return target

    def _split(self, target, sequences, groups, rng, *, early_stopping, is_given):
        """The `Split` into what is trained on and what it is validated on.

        Parameters
        ----------
        target : Target
        sequences : Sequences
        groups : ndarray of int of shape (n_sequences,) or None
            Sequences of one group stay together.
        rng : Generator
        early_stopping : bool
            Whether the fit ends by what it is validated on.
        is_given : bool
            Whether there are other sequences for that.
        """
        return split_target(self, target, groups, rng) if early_stopping and not is_given else Split(target, target)

    def _calibration(self, sequences, split, held_out):
        """``calibrate(network, theta) -> dict``: further attributes that trained weights lead to; None for none.

        Parameters
        ----------
        sequences : Sequences
            All of X, as the network reads it.
        split : Split
        held_out : tuple (Sequences, Target) or None
            What is validated on, if it is no part of those.
        """
        return None

    def _tied(self, n_samples):
        """Standard errors by which the held-out loss of a longer fit may be higher than the lowest."""
        return tied(n_samples)

    def _check_parameters(self):
        """Raise a ValueError where hyper-parameters of this estimator alone contradict each other."""

    def _check_spec(self):
        """Raise a ValueError where the spec of the network has been emptied."""
        build(self._network_spec)

    def _read_fitted(self, X):
        """X as the fitted network reads it."""
        check_is_fitted(self)
        self._check_spec()
        with numpy_alone():
            return in_dtype(self._read_X(X, reset=False)[0], self._theta.dtype, self._network_spec["missing"] != "error")

    @classmethod
    @cache
    def _get_param_names(cls):
        """Names of the hyper-parameters, from the signature, which takes a tenth of a millisecond to read."""
        return super()._get_param_names()

    def __getstate__(self):
        """Plain values: pickles and skops' files name no class of the package but that of the estimator."""
        attributes = super().__getstate__()
        state = attributes.get("_state")
        return attributes | {"_state": state.to_dict()} if isinstance(state, TrainingState) else attributes

    def __setstate__(self, attributes):
        super().__setstate__(attributes)
        if isinstance(attributes.get("_state"), dict):
            with suppress(TypeError):  # one of other fields is refused by the fit that is to continue from it
                self._state = TrainingState(**attributes["_state"])

    def __sklearn_is_fitted__(self):
        return "_theta" in vars(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.categorical = tags.input_tags.positive_only = self.categorical_features is not None
        tags.input_tags.allow_nan = self.missing != "error"
        return tags


class BaseRecurrent(PredictMixin, BaseNetworkEstimator):
    """Base of the estimators with one prediction for each sequence, or for each of its steps."""

    def _check_architecture(self):
        check_stack(self)
        check_reduction(self)

    def _read_target(self, y, sample_weight, sequences, role, known, classes=None, form=None):
        return read_target(self, y, sample_weight, sequences, role, known, classes)

    def _make_spec(self, n_channels, target, form):
        return network_spec(self, n_channels, target, form)

    @property
    def _unit(self):
        return "steps" if self.return_sequences else "sequences"

    @abstractmethod
    def _read_y(self, y, weights, role, known=None, classes=None, places=ONE_EACH):
        """y and the sample weights as a `Target`.

        Parameters
        ----------
        y : array-like
        weights : ndarray of shape (n_samples,)
        role, known, classes
            As in `_read_target`.
        places : Places
            What to call an entry of y in messages.
        """

    def _check_steps(self, target):
        """Raise a ValueError where a target for every step is none that the estimator can be trained or validated on."""

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
