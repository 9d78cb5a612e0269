"""Names of scikit-learn that are private, in one place: what a new version of it may move or rename."""

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

__all__ = [
    "ADAPTERS_MANAGER",
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "_check_feature_names_in",
    "_fit_context",
    "_get_output_config",
    "_is_arraylike_not_scalar",
    "_num_samples",
    "_safe_indexing",
    "get_namespace",
    "validate_parameter_constraints",
    "validate_params",
]
