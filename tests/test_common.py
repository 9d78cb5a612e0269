"""scikit-learn's own checks, with no expected failure, in the default configuration and in six others."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMClassifier, LSTMRegressor

CONFIGURATIONS = [
    {},
    {"bidirectional": True},
    {"num_layers": 2},
    {"pooling": "mean"},
    {"pooling": "max"},
    # As with the MLP, plain gradient descent wants a larger step than Adam for the checks that ask for a score.
    {"solver": "sgd", "learning_rate_init": 0.1},
]
ESTIMATORS = [
    *(LSTMClassifier(**parameters) for parameters in CONFIGURATIONS),
    LSTMClassifier(class_weight="balanced"),
    *(LSTMRegressor(**parameters) for parameters in CONFIGURATIONS),
    LSTMRegressor(bidirectional=True, merge_mode="sum"),
]

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.SkipTestWarning"
)


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
