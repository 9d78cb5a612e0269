"""`StructuredMixin`: what a classifier has by `structure="crf"` and `loss="ctc"`."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..sequences.refusals import refused_as
from ..sequences.step_targets import read_steps
from ..sequences.targets import Places, known_codes, read_labels
from ..sequences.validation import numpy_alone
from .copies import at_this_moment
from .documentation import document
from .reading import Y_AND_WEIGHTS
from .structure import (
    check_paths,
    check_structure,
    check_weights,
    has_transitions,
    is_structured,
    log_likelihoods,
    read_allowed,
    transitions,
)
from .unaligned import asks_for_labels, check_unaligned, label_log_likelihoods, predicts_labels


def _has_structure(estimator):
    """Whether the fitted model, or the one that will be fitted, predicts whole label sequences."""
    is_fitted = estimator.__sklearn_is_fitted__()
    if not (has_transitions(at_this_moment(estimator)) if is_fitted else estimator.structure is not None):
        raise AttributeError('Only models with structure="crf" have transitions between labels.')
    return True


def _predicts_sequences(estimator):
    """Whether the fitted model, or the one that will be fitted, says how likely a whole label sequence is."""
    is_fitted = estimator.__sklearn_is_fitted__()
    if not (is_structured(at_this_moment(estimator)) if is_fitted else estimator.structure or asks_for_labels(estimator)):
        raise AttributeError('Only models with structure="crf" or loss="ctc" have probabilities of whole label sequences.')
    return True


class StructuredMixin:
    """Methods and attributes of a classifier whose labels of neighbouring steps depend on each other."""

    @property
    def transitions_(self):
        """Scores (n_classes, n_classes) of a label (column) after another one (row); -inf where that is not allowed."""
        return self._structure()[:-2]

    @property
    def start_transitions_(self):
        """Scores (n_classes,) of the label of the first step; -inf where that is not allowed."""
        return self._structure()[-2]

    @property
    def end_transitions_(self):
        """Scores (n_classes,) of the label of the last step."""
        return self._structure()[-1]

    @available_if(_predicts_sequences)
    @document()
    def log_likelihood(self, X, y):
        """Return the logarithm of the probability of the labels of each sequence; requires ``structure="crf"`` or ``loss="ctc"``.

        Parameters
        ----------
        <<X>>
        y : list of arrays, array-like or Sequences
            Labels, in the forms of `fit`: of every step, where the probability is summed over the labels that steps without one
            may have; or with ``loss="ctc"`` of the sequences, where it is summed over the steps that labels may be at.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Logarithms in float64. With "crf", 0 for a sequence without labels, and -inf for labels that are not allowed; with
            "ctc", -inf for more labels than there are steps for.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X is not as described, has other channels than in `fit`, or if y does not fit X or has other labels.
        """
        check_is_fitted(self)
        model = at_this_moment(self)
        sequences = model._read_fitted(X)
        if predicts_labels(model):
            with numpy_alone():
                return label_log_likelihoods(model, sequences, y)
        with numpy_alone(), refused_as("y", Y_AND_WEIGHTS):
            flat, _ = read_steps("y", y, sequences)
            labelled = ~model._masked(flat)
            codes = np.full(len(flat), -1)
            places = Places(sequences.offsets, np.flatnonzero(labelled))
            codes[labelled] = known_codes(read_labels(flat[labelled], places), model.classes_, places)
        return log_likelihoods(model, model._apply(sequences), codes, sequences.offsets)

    def _structure(self):
        check_is_fitted(self)
        _has_structure(self)
        return transitions(at_this_moment(self))

    def _check_parameters(self):
        check_structure(self)
        check_unaligned(self)

    def _check_steps(self, target):
        if self.structure is None:
            return
        classes, places = target.attributes["classes_"], Places(target.offsets)
        check_weights(target.weights, target.offsets, places)
        allowed = read_allowed(self.allowed_transitions, classes)
        if allowed is not None:
            codes, labelled = target.targets[:, 0].astype(np.intp), target.weights > 0
            check_paths(allowed, codes, labelled, target.offsets, classes, places)
