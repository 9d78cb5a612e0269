"""`StructuredMixin`: what a classifier has by `structure="crf"`."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..sequences.targets import Places
from .copies import at_this_moment
from .structure import check_paths, check_structure, check_weights, is_structured, read_allowed, transitions


def _has_structure(estimator):
    """Whether the fitted model, or the one that will be fitted, predicts whole label sequences."""
    is_fitted = estimator.__sklearn_is_fitted__()
    if not (is_structured(at_this_moment(estimator)) if is_fitted else estimator.structure is not None):
        raise AttributeError('Only models with structure="crf" have transitions between labels.')
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

    def _structure(self):
        check_is_fitted(self)
        _has_structure(self)
        return transitions(at_this_moment(self))

    def _check_parameters(self):
        check_structure(self)

    def _check_steps(self, target):
        if self.structure is None:
            return
        classes, places = target.attributes["classes_"], Places(target.offsets)
        check_weights(target.weights, target.offsets, places)
        allowed = read_allowed(self.allowed_transitions, classes)
        if allowed is not None:
            codes, labelled = target.targets[:, 0].astype(np.intp), target.weights > 0
            check_paths(allowed, codes, labelled, target.offsets, classes, places)
