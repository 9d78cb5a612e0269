"""Valid types and values of the hyper-parameters."""

from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn import get_config

from ..compat import Interval, Options, StrOptions, validate_parameter_constraints
from ..network import ACTIVATIONS, CELLS, MERGE_MODES, MISSING, POOLINGS, TIMESCALES
from ..sequences.refusals import list_of, refused_as
from ..training import CRITERIA, SCHEDULES, SOLVERS

POSITIVE_INT = Interval(Integral, 1, None, closed="left")
UNIT_INTERVAL = Interval(Real, 0, 1, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")

CONSTRAINTS = {
    "hidden_size": [POSITIVE_INT, tuple, list],
    "num_layers": [POSITIVE_INT],
    "cell": [StrOptions(set(CELLS))],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "proj_size": [Interval(Integral, 0, None, closed="left")],
    "bidirectional": ["boolean"],
    "merge_mode": [StrOptions(set(MERGE_MODES))],
    "pooling": [StrOptions(set(POOLINGS)), tuple, list],
    "dropout": [UNIT_INTERVAL],
    "recurrent_dropout": [UNIT_INTERVAL],
    "residual": ["boolean"],
    "return_sequences": ["boolean"],
    "categorical_features": [StrOptions({"all"}), "array-like", None],
    "embedding_dim": [StrOptions({"auto"}), POSITIVE_INT, list, tuple, np.ndarray],
    "input_dropout": [UNIT_INTERVAL],
    "missing": [StrOptions(set(MISSING))],
    "time_feature": [Interval(Integral, 0, None, closed="left"), str, None],
    "initial_state": [StrOptions({"zeros", "learned"})],
    "forget_bias": [Interval(Real, None, None, closed="neither"), StrOptions(set(TIMESCALES))],
    "n_channels": [POSITIVE_INT],
    "padding": [Real, None],
    "standardize": ["boolean"],
    "solver": [StrOptions(set(SOLVERS))],
    "alpha": [NOT_NEGATIVE],
    "batch_size": [StrOptions({"auto"}), POSITIVE_INT],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [POSITIVE],
    "power_t": [NOT_NEGATIVE],
    "warmup_fraction": [UNIT_INTERVAL],
    "max_iter": [StrOptions({"auto"}), POSITIVE_INT],
    "shuffle": ["boolean"],
    "tol": [NOT_NEGATIVE],
    "n_iter_no_change": [StrOptions({"auto"}), POSITIVE_INT, Options(Real, {np.inf})],
    "early_stopping": [StrOptions({"auto"}), "boolean"],
    "scoring": [StrOptions(set(CRITERIA))],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "max_grad_norm": [POSITIVE, None],
    "bptt_steps": [POSITIVE_INT, None],
    "momentum": [UNIT_INTERVAL],
    "nesterovs_momentum": ["boolean"],
    "beta_1": [UNIT_INTERVAL],
    "beta_2": [UNIT_INTERVAL],
    "rho": [UNIT_INTERVAL],
    "epsilon": [POSITIVE],
    "warm_start": ["boolean"],
    "checkpoint": [str, PathLike, None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def check_types(estimator):
    """Check the hyper-parameters where scikit-learn was told to skip that, so that a wrong type is found before the fit starts.

    Switches may have any value then; its truth counts. Whether an array-like can become a list is checked in any case.
    """
    chosen = estimator.categorical_features
    if chosen is not None and not isinstance(chosen, str):
        list_of("categorical_features", chosen, "Pass a list of channels.")
    if get_config()["skip_parameter_validation"]:
        constraints = {name: known for name, known in estimator._parameter_constraints.items() if known != ["boolean"]}
        with refused_as("A hyper-parameter", "Pass numbers, texts and booleans of Python."):
            validate_parameter_constraints(constraints, estimator.get_params(deep=False), caller_name=type(estimator).__name__)
