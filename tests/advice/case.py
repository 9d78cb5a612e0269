"""The class of a case, and shared helpers: tiny data, quick models, and the evaluation of code in a message."""

import sys
import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer

import sklstm.metrics
import sklstm.preprocessing
from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.preprocessing import PerStep

N, T, D = 6, 3, 2
X = np.arange(N * T * D, dtype=float).reshape(N, T, D) % 7
Y = np.arange(N) % 2
RAGGED = [x[: 1 + i % T] for i, x in enumerate(X)]
STEPS = (X[:, :, 0] > 3).astype(int)  # targets of every step
NAMES = {"np": np, "numpy": np, "pd": pd, "pandas": pd, "sklstm": sklstm, "Sequences": Sequences, "PerStep": PerStep}
NAMES |= {"SimpleImputer": SimpleImputer}


class Case(NamedTuple):
    """What causes a message, a regular expression of the advice in it, and what does as it says, once for each way.

    Groups of the expression are code: what they match is passed to what does as the message says.
    """

    wrong: object
    says: str
    right: tuple


def case(wrong, says, *right):
    return Case(wrong, says, right)


def message_of(wrong):
    """What an error says, or what the warnings say."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            wrong()
        except Exception as error:
            return f"{error} {error.__cause__}"
    return "\n".join(str(warning.message) for warning in seen)


def messages_while(right, *code):
    """Do as a message says, and return what the warnings say."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        right(*code)
    return [str(warning.message) for warning in seen]


def value(code, **names):
    """What code in a message gives."""
    return eval(code, NAMES | names)


def without(package, act):
    """Do something where a package is not installed."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == package}
    sys.modules[package] = None
    try:
        return act()
    finally:
        del sys.modules[package]
        sys.modules.update(kept)


class Unreadable:
    """An object of a library that fails wherever it is read or compared."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("this cannot be read")

    def __iter__(self):
        raise RuntimeError("this cannot be read")

    def __eq__(self, other):
        raise RuntimeError("this does not compare")

    def __hash__(self):
        raise RuntimeError("this has no hash value")


def same(a, b):
    """Assert that two containers of sequences hold the same."""
    a, b = (Sequences.from_list(list(x)) if not isinstance(x, Sequences) else x for x in (a, b))
    np.testing.assert_array_equal(a.offsets, b.offsets)
    np.testing.assert_array_equal(a.values, b.values)


def quick(kind, params):
    return kind(**{"hidden_size": 2, "max_iter": 1, "random_state": 0} | params)


def classify(X=X, y=Y, weight=None, **params):
    return quick(LSTMClassifier, params).fit(X, y, weight)


def regress(X=X, y=X[:, 0, 0], weight=None, **params):
    return quick(LSTMRegressor, params).fit(X, y, weight)


def continued(first, *call, **changed):
    """A second fit of a fitted model, with other parameters."""
    return first.set_params(warm_start=True, **changed).fit(*call)


def chunk(first, *call):
    return first.partial_fit(*call)


def frame(**columns):
    return pd.DataFrame(columns)


def long(table=None, **params):
    """Sequences of a long table, of which the columns 'id' and 'x' are what is not given."""
    given = {"id": [1, 1, 2, 2], "x": [1.0, 2.0, 3.0, 4.0]} if table is None else table
    return Sequences.from_long(given, **{"id": "id"} | params)


def timed(times, freq=None, ids=None):
    """Sequences of a long table with such times."""
    table = frame(id=[1] * len(times) if ids is None else ids, t=times, x=np.arange(len(times), dtype=float))
    return Sequences.from_long(table, id="id", time="t", freq=freq)
