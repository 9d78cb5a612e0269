"""Private names of scikit-learn, and names that only some versions have, in one place."""

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._array_api import get_namespace
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_output_config
from sklearn.utils.validation import _check_feature_names_in, _is_arraylike_not_scalar, _num_samples

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:
        """This version of scikit-learn has no callbacks."""



def scorer_parts(scorer):
    """Metric, response method, whether larger values are better, and keyword arguments of a scorer from `make_scorer`."""
    return scorer._score_func, scorer._response_method, scorer._sign > 0, scorer._kwargs
