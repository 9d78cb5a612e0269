"""What the hyper-parameters may be."""

from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn import get_config

from ..compat import Interval, Options, StrOptions, validate_parameter_constraints
from ..network import ACTIVATIONS, CELLS, MERGE_MODES, POOLINGS, TIMESCALES
from ..sequences.refusals import list_of, refused_as
from ..training import SCHEDULES
from .solvers import SOLVERS

COUNT = Interval(Integral, 1, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")

CONSTRAINTS = {
    "hidden_size": [COUNT, tuple, list],
    "num_layers": [COUNT],
    "cell": [StrOptions(set(CELLS))],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "bidirectional": ["boolean"],
    "merge_mode": [StrOptions(set(MERGE_MODES))],
    "pooling": [StrOptions(set(POOLINGS))],
    "dropout": [SHARE],
    "recurrent_dropout": [SHARE],
    "residual": ["boolean"],
    "return_sequences": ["boolean"],
    "categorical_features": [StrOptions({"all"}), "array-like", None],
    "embedding_dim": [StrOptions({"auto"}), COUNT, list, tuple, np.ndarray],
    "initial_state": [StrOptions({"zeros", "learned"})],
    "forget_bias": [Interval(Real, None, None, closed="neither"), StrOptions(set(TIMESCALES))],
    "n_channels": [COUNT],
    "padding": [Real, None],
    "standardize": ["boolean"],
    "solver": [StrOptions(set(SOLVERS))],
    "alpha": [NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), COUNT],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [POSITIVE],
    "power_t": [NOT_NEGATIVE],
    "warmup_fraction": [SHARE],
    "max_iter": [StrOptions({"auto"}), COUNT],
    "shuffle": ["boolean"],
    "tol": [NOT_NEGATIVE],
    "n_iter_no_change": [StrOptions({"auto"}), COUNT, Options(Real, {np.inf})],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "max_grad_norm": [POSITIVE, None],
    "bptt_steps": [COUNT, None],
    "momentum": [SHARE],
    "nesterovs_momentum": ["boolean"],
    "beta_1": [SHARE],
    "beta_2": [SHARE],
    "rho": [SHARE],
    "epsilon": [POSITIVE],
    "warm_start": ["boolean"],
    "checkpoint": [str, PathLike, None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def check_types(estimator):
    """Check the hyper-parameters by their constraints where scikit-learn was told to skip that, so that a wrong type is found
    before the fit and not in the middle. Any value of a switch is used for its truth. Array-likes must become lists in any
    case."""
    chosen = estimator.categorical_features
    if chosen is not None and not isinstance(chosen, str):
        list_of("categorical_features", chosen, "Pass a list of channels.")
    if get_config()["skip_parameter_validation"]:
        constraints = {name: known for name, known in estimator._parameter_constraints.items() if known != ["boolean"]}
        with refused_as("A hyper-parameter", "Pass numbers, texts and booleans of Python."):
            validate_parameter_constraints(constraints, estimator.get_params(deep=False), caller_name=type(estimator).__name__)
