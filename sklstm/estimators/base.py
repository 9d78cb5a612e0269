"""`BaseRecurrent`: what the estimators share, and what each of them has to say of y."""

from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cache
from typing import ClassVar

from sklearn.base import BaseEstimator

from ..compat import CallbackSupportMixin
from ..sequences.targets import ONE_EACH
from ..training import TrainingState
from .constraints import CONSTRAINTS
from .fitting import FitMixin
from .predicting import PredictMixin
from .weights import WeightsMixin


class BaseRecurrent(FitMixin, PredictMixin, WeightsMixin, CallbackSupportMixin, BaseEstimator, ABC):
    """Base of the estimators. A subclass says what y means: the abstract methods below."""

    _parameter_constraints: ClassVar = CONSTRAINTS

    @abstractmethod
    def _read_y(self, y, weights, role, known=None, classes=None, places=ONE_EACH):
        """y and the sample weights as a `Target`.

        Parameters
        ----------
        y : array-like
        weights : ndarray of shape (n_samples,)
        role : {"fit", "partial_fit", "validation"}
            Whether y is all there is, a chunk for `partial_fit`, or validation data.
        known : mapping, default=None
            Attributes of an earlier target, which y has to agree with.
        classes : array-like, default=None
            Classes announced to `partial_fit`.
        places : Places
            What to call an entry of y in messages.
        """

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

    def _check_parameters(self):
        """Raise a ValueError where hyper-parameters of this estimator alone contradict each other."""

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
