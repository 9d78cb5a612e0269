"""Advice of messages about parameters, X, y and weights of the estimators, and about streams."""

import copy
import io
import pickle
import sys

import numpy as np
import pandas as pd
import polars as pl
from scipy.sparse import csr_array
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.preprocessing import PerStep, SequenceTokenizer

from .case import RAGGED, STEPS, N, T, Unreadable, X, Y, case, chunk, classify, continued, frame, long, regress, same, value

FLAT = X.reshape(N, -1)
BY_STEP = FLAT.reshape(N, 2, 3).transpose(0, 2, 1)  # where the columns are those of one channel after the other
HOLES = np.where(np.arange(T)[:, np.newaxis] < 2, X, np.nan)
CODES = np.tile(np.arange(3.0), (N, 1))[:, :, np.newaxis]
LABELS = np.array([[0, 1], [1, 0]] * 3)
WORDS = pd.DataFrame({f"{name}{t}": ["fig", "kiwi"] * 3 for t in range(2) for name in "a"})
MIXED = WORDS.assign(a0=WORDS["a0"].astype("category"))
MANY = Sequences.from_list([pd.DataFrame(x, columns=["a", "b"]) for x in RAGGED])
MANY_SUMS = np.arange(120.0).reshape(40, 3, 1) % 7, np.arange(40.0) % 5
COLUMNS = pd.DataFrame(FLAT, columns=[f"{name}_{t}" for name in "ab" for t in range(3)])
SHUFFLED = pd.DataFrame(FLAT, columns=["a_0", "b_1", "a_1", "b_0", "a_2", "b_2"])
LEVELS = pd.DataFrame(FLAT, columns=pd.MultiIndex.from_product([["a", "b"], range(3)]))
STEP_LEVELS = pd.DataFrame(FLAT, columns=pd.MultiIndex.from_product([range(3), ["a", "b"]]))
PANEL = pd.DataFrame(X.reshape(-1, 2), pd.MultiIndex.from_product([range(N), range(T)]), ["a", "b"])
PADDED_Y = [[0, 1, 0], [1, 0, 0], [0, 0, 0]] * 2


class Broken(io.StringIO):
    """Where printing fails."""

    def write(self, text):
        raise OSError("no space left")


def print_to_nowhere(**params):
    kept = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = Broken()
    try:
        classify(**params)
    finally:
        sys.stdout, sys.stderr = kept


def validated(scoring):
    """Scores of a model of steps in cross-validation."""
    model = LSTMClassifier(2, max_iter=1, return_sequences=True)
    return cross_val_score(model, X, STEPS, scoring=scoring, cv=2, error_score="raise")


def fit_in_groups(groups):
    return LSTMRegressor(2, max_iter=1, early_stopping=True, validation_fraction=0.4).fit(X, Y, groups=groups)


def memorise(**params):
    """Labels without a pattern, learned by heart: what other sequences have instead costs more and more."""
    noise = np.random.default_rng(0).normal(size=(60, 4, 2))
    settings = {"max_iter": 60, "random_state": 0, "alpha": 0} | params
    return LSTMClassifier(16, **settings).fit(noise[:24], np.arange(24) % 2, X_val=noise[24:], y_val=np.arange(36) % 2)


def learned(model):
    assert model.loss_curve_[-1] < 0.5


def converged(model):
    assert model.n_iter_ < model.max_iter


def stateless(**changes):
    """A stream with a state of which parts are others."""
    stream = classify(pooling="mean").stream("predict")
    stream.step(X[:, 0])
    stream.state = stream.state | changes
    return stream


def renewed(**changes):
    """A stream that begins anew after such a state was refused."""
    stream = classify(pooling="mean").stream("predict")
    stream.step(X[:, 0])
    stream.reset()
    return stream.step(X[:2, 0])


def tampered(change, act):
    """Fit, change the estimator, and continue; then fit it afresh."""
    model = regress()
    change(model)
    return act(model)


def cut_weights(model):
    model._theta = model._theta[:-1].copy()


def restored():
    return pickle.loads(pickle.dumps(regress())).predict(X)


PARAMETERS = [
    case(
        lambda: classify(hidden_size=(2, 3), num_layers=3),
        "Leave num_layers at (1), or set it to (2)",
        lambda one, two: classify(hidden_size=(2, 3), num_layers=value(one)),
        lambda one, two: classify(hidden_size=(2, 3), num_layers=value(two)),
    ),
    case(
        lambda: classify(hidden_size=(2, 3), residual=True),
        r"Use one width, or (residual=False)",
        lambda code: classify(hidden_size=(2, 2), residual=True),
        lambda code: classify(hidden_size=(2, 3), **value(f"dict({code})")),
    ),
    case(
        lambda: classify(cell="gru", proj_size=1),
        r"which are ('lstm'), .*Set one of these cells, or (proj_size=0)",
        lambda one, other: classify(cell=value(one), proj_size=1),
        lambda one, other: classify(cell="gru", **value(f"dict({other})")),
    ),
    case(
        lambda: classify(hidden_size=(4, 2), proj_size=3),
        r"layer 1\. Set a smaller proj_size or a larger hidden_size, or (proj_size=0)",
        lambda code: classify(hidden_size=(4, 2), proj_size=1),
        lambda code: classify(hidden_size=(4, 5), proj_size=3),
        lambda code: classify(hidden_size=(4, 2), **value(f"dict({code})")),
    ),
    case(
        lambda: classify(bptt_steps=2, bidirectional=True),
        r"Set (bidirectional=False) or (bptt_steps=None)",
        lambda one, other: classify(bptt_steps=2, **value(f"dict({one})")),
        lambda one, other: classify(bidirectional=True, **value(f"dict({other})")),
    ),
    case(
        lambda: regress(solver="lbfgs").partial_fit,
        r"Set another solver, such as ('adam')",
        lambda code: regress(solver=value(code)).partial_fit(X, Y),
    ),
    case(
        lambda: continued(regress(), X, Y, hidden_size=3),
        r"Keep the hyper-parameters of the network and the kind of y, or fit afresh with (warm_start=False)",
        lambda code: continued(regress(), X, Y),
        lambda code: regress(hidden_size=3).set_params(**value(f"dict({code})")).fit(X, Y),
    ),
    case(
        lambda: regress(solver="lbfgs", dropout=0.5),
        "Set them to (0), or take another solver",
        lambda code: regress(solver="lbfgs", dropout=value(code)),
        lambda code: regress(solver="sgd", dropout=0.5),
    ),
    case(
        lambda: regress(solver="lbfgs", checkpoint="nowhere"),
        "Set (checkpoint=None), or take another solver",
        lambda code: regress(solver="lbfgs", **value(f"dict({code})")),
    ),
    case(
        lambda: regress(X[:3], Y[:3], early_stopping=True, validation_fraction=0.3),
        "Set another validation_fraction, pass X_val and y_val, or turn early_stopping off",
        lambda: regress(X[:4], Y[:4], early_stopping=True, validation_fraction=0.5),
        lambda: LSTMRegressor(2, max_iter=1, early_stopping=True).fit(X[:3], Y[:3], X_val=X[3:], y_val=Y[3:]),
        lambda: regress(X[:3], Y[:3], early_stopping=False),
    ),
    case(
        lambda: LSTMRegressor(2, max_iter=1, early_stopping=True).fit(X, Y, X_val=X[:1], y_val=Y[:1]),
        "early_stopping needs at least two sequences with a y to score. Pass more, or set early_stopping=False",
        lambda: LSTMRegressor(2, max_iter=1, early_stopping=True).fit(X, Y, X_val=X[:2], y_val=Y[:2]),
        lambda: LSTMRegressor(2, max_iter=1).fit(X, Y, X_val=X[:1], y_val=Y[:1]),
    ),
    case(
        lambda: fit_in_groups([[0, 1]] * N),
        "Pass one label for each sequence",
        lambda: fit_in_groups(np.arange(N) // 2),
    ),
    case(
        lambda: regress(*MANY_SUMS, early_stopping=True),
        r"Pass X_val and y_val with at least 20 sequences, raise validation_fraction, or set (early_stopping=False)",
        lambda code: LSTMRegressor(2, max_iter=1, early_stopping=True).fit(*MANY_SUMS, None, *MANY_SUMS),
        lambda code: regress(*MANY_SUMS, early_stopping=True, validation_fraction=0.5),
        lambda code: regress(*MANY_SUMS, **value(f"dict({code})")),
    ),
    case(
        lambda: memorise(),
        "Set, in the order in which it is likely to help: (early_stopping=True), (dropout=0.3), (label_smoothing=0.1)",
        lambda stopping, dropout, smoothing: memorise(**value(f"dict({stopping})")),
        lambda stopping, dropout, smoothing: memorise(**value(f"dict({dropout})"), max_iter=5),
        lambda stopping, dropout, smoothing: memorise(label_smoothing=0.9),
    ),
    case(
        lambda: regress(loss="quantile"),
        "Set quantile to a number between 0 and 1, or to a list of such, for loss='quantile' only",
        lambda: regress(loss="quantile", quantile=0.5),
        lambda: regress(loss="quantile", quantile=[0.1, 0.9]),
    ),
    case(
        lambda: regress(loss="quantile", quantile=[0.5, 0.5]),
        "quantile names a number twice.* Name each once",
        lambda: regress(loss="quantile", quantile=[0.5, 0.6]),
    ),
    case(
        lambda: regress(y=LABELS, loss="quantile", quantile=[0.1, 0.9]),
        "Pass a single quantile, or fit one regressor per output",
        lambda: regress(y=LABELS, loss="quantile", quantile=0.1),
        lambda: [regress(y=y, loss="quantile", quantile=[0.1, 0.9]) for y in LABELS.T],
    ),
    case(lambda: print_to_nowhere(verbose=1), "Set (verbose=0)", lambda code: print_to_nowhere(**value(f"dict({code})"))),
    case(
        lambda: classify(max_iter=200, alpha=1, pooling="last"),
        r"Try, in this order, a smaller alpha \(it is 1\), (cell=.*?), (pooling=.*?), another random_state, a lower learn",
        lambda cell, pooling: learned(classify(max_iter=200, alpha=1e-4, **value(f"dict({cell}, {pooling})"))),
    ),
    case(
        lambda: regress(max_iter=2, n_iter_no_change=2, learning_rate="constant"),
        "Increase max_iter, or raise tol",
        lambda: converged(regress(max_iter=500, n_iter_no_change=2, learning_rate="constant", tol=1e-3)),
        lambda: converged(regress(max_iter=20, n_iter_no_change=2, learning_rate="constant", tol=1e9)),
    ),
    case(
        lambda: regress(y=1e10 * Y, standardize=False, max_grad_norm=None, learning_rate_init=1e38, solver="sgd", max_iter=5),
        "Try a smaller learning_rate_init, a smaller max_grad_norm, (standardize=True), or X and y without extreme values",
        *[
            lambda code, better=better: regress(
                **{"y": 1e10 * Y, "standardize": False, "max_grad_norm": None, "learning_rate_init": 1e38, "solver": "sgd"}
                | {"max_iter": 5}
                | better
            )
            for better in (
                {"learning_rate_init": 1e-22},
                {"max_grad_norm": 1e-30},
                {"standardize": True, "learning_rate_init": 0.1},
                {"y": Y, "learning_rate_init": 0.01},
            )
        ],
    ),
]

CATEGORIES = [
    case(
        lambda: classify(X, categorical_features=[0, 0]),
        "categorical_features names a channel twice.* Name each once",
        lambda: classify(X, categorical_features=[0]),
    ),
    case(
        lambda: classify(X, categorical_features=["a"]),
        "Pass a DataFrame, or the numbers of the channels",
        lambda: classify([pd.DataFrame(x, columns=["a", "b"]) for x in X], categorical_features=["a"]),
        lambda: classify(X, categorical_features=[0]),
    ),
    case(
        lambda: classify(X, categorical_features=[0], embedding_dim=[1, 2]),
        "Give one width for each, one int for all, or ('auto')",
        *[lambda code, width=width: classify(X, categorical_features=[0], embedding_dim=width) for width in ([1], 2)],
        lambda code: classify(X, categorical_features=[0], embedding_dim=value(code)),
    ),
    case(
        lambda: classify(WORDS, categorical_features=["a0"]),
        "Name all or none",
        lambda: classify(WORDS, categorical_features=["a0", "a1"]),
    ),
    case(
        lambda: classify(WORDS, categorical_features="all").predict(WORDS.replace({"fig": 1, "kiwi": 2})),
        "Pass the same kind of categories as in fit",
        lambda: classify(WORDS, categorical_features="all").predict(WORDS),
    ),
    case(
        lambda: classify(pd.DataFrame({"a": ["x", 1] * 3}, dtype=object), categorical_features="all"),
        "mixes categories that cannot be sorted.* Convert them to text",
        lambda: classify(pd.DataFrame({"a": ["x", "1"] * 3}), categorical_features="all"),
    ),
    case(
        lambda: classify(WORDS, categorical_features="all").predict(pd.DataFrame({"a0": ["fig", ["x"]], "a1": "kiwi"})),
        "holds a value that cannot be a category.* Convert it to text or numbers",
        lambda: classify(WORDS, categorical_features="all").predict(pd.DataFrame({"a0": ["fig", "x"], "a1": "kiwi"})),
    ),
    case(
        lambda: classify(WORDS.mask(WORDS == "fig"), categorical_features="all"),
        "Fill missing values, for instance with a category of their own",
        lambda: classify(WORDS.mask(WORDS == "fig").fillna("none"), categorical_features="all"),
    ),
    case(
        lambda: classify(frame(a=[0.5, 1.5] * 3), categorical_features="all"),
        "encode with sklearn.preprocessing.OrdinalEncoder, convert a column of a DataFrame to categories, or leave the channel",
        lambda: classify(OrdinalEncoder().fit_transform(frame(a=[0.5, 1.5] * 3)), categorical_features="all"),
        lambda: classify(frame(a=[0.5, 1.5] * 3).astype("category"), categorical_features="all"),
        lambda: classify(frame(a=[0.5, 1.5] * 3)),
    ),
    case(
        lambda: classify(long(frame(id=np.arange(N), x=["fig", "kiwi"] * 3))),
        "Name it in categorical_features, or leave it out",
        lambda: classify(long(frame(id=np.arange(N), x=["fig", "kiwi"] * 3)), categorical_features=["x"]),
        lambda: classify(long(frame(id=np.arange(N), x=["fig", "kiwi"] * 3, v=np.arange(N)), columns=["v"])),
    ),
    case(
        lambda: classify(WORDS.astype("category")),
        r"Name it in categorical_features, or convert the column to numbers. If X is a table with one row per step, pass"
        r" (Sequences\.from_long)\(X, id=\.\.\., time=\.\.\.\)",
        lambda code: classify(WORDS.astype("category"), categorical_features="all"),
        lambda code: classify(WORDS.apply(lambda column: column.astype("category").cat.codes)),
        lambda code: classify(
            value(code)(WORDS.assign(id=[0, 0, 1, 1, 2, 2], time=[0, 1] * 3), id="id", time="time"),
            [0, 1, 0],
            categorical_features="all",
        ),
    ),
    case(
        lambda: classify(np.array([["a"], [1]] * 3, dtype=object)[:, :, np.newaxis], categorical_features="all"),
        "Encode all of the channel as texts, or as numbers",
        lambda: classify(np.array([["a"], ["1"]] * 3, dtype=object)[:, :, np.newaxis], categorical_features="all"),
        lambda: classify(np.array([[0], [1]] * 3, dtype=object)[:, :, np.newaxis], categorical_features="all"),
    ),
    case(
        lambda: classify(np.array([["a"], ["b"]] * 3)[:, :, np.newaxis]),
        "sklstm.preprocessing.SequenceTokenizer makes sequences of codes of documents, Sequences.from_long of a column of a"
        " table, and categorical_features names channels that hold categories",
        lambda: classify(SequenceTokenizer().fit_transform(["aa", "bb"] * 3), categorical_features="all"),
        lambda: make_pipeline(PerStep(OrdinalEncoder()), LSTMClassifier(2, max_iter=1, categorical_features="all")).fit(
            np.array([["a"], ["b"]] * 3)[:, :, np.newaxis], Y
        ),
        lambda: classify(long(frame(id=np.arange(N), x=["a", "b"] * 3)), categorical_features="all"),
        lambda: classify(np.array([["a"], ["b"]] * 3)[:, :, np.newaxis], categorical_features="all"),
    ),
]

INPUT = [
    case(
        lambda: classify(np.zeros((N, 3), dtype=[("a", float)])),
        "Convert records to columns first",
        lambda: classify(np.zeros((N, 3), dtype=[("a", float)])["a"]),
    ),
    case(
        lambda: regress().set_params(n_channels=2).predict(FLAT[:, :4]),
        r"pass a single sequence x as (\[x\]); pass many of other lengths as a 3-D array, (X\.reshape\(len\(X\), -1, 2\))",
        lambda one, many: regress().set_params(n_channels=2).predict(value(one, x=FLAT[:, :2])),
        lambda one, many: regress().set_params(n_channels=2).predict(value(many, X=FLAT[:, :4])),
    ),
    case(
        lambda: classify(X[:, :1].repeat(2, axis=2)),
        r"pass (X\.transpose\(0, 2, 1\)), or (\[x\.T for x in X\]) of a list. If these are tables of features, any other",
        lambda array, items: classify(value(array, X=X[:, :1].repeat(2, axis=2))),
        lambda array, items: classify(value(items, X=list(X[:, :1].repeat(2, axis=2)))),
    ),
    case(
        lambda: classify(PANEL, np.arange(len(PANEL)) % 2),
        r"pass (Sequences\.from_long\(.*?\"when\"\)), with a y for each sequence; .*, (X\.reset_index\(drop=True\))",
        lambda steps, rows: np.testing.assert_array_equal(value(steps, X=PANEL).to_padded(), X),
        lambda steps, rows: classify(value(steps, X=PANEL), Y),
        lambda steps, rows: classify(value(rows, X=PANEL), np.arange(len(PANEL)) % 2),
    ),
    case(
        lambda: regress(MANY).predict([pd.DataFrame(x, columns=["b", "a"]) for x in RAGGED]),
        r"Choose them: (Sequences\.from_long)\(\.\.\., columns=\[\.\.\.\]\), or (x\[\[)\.\.\.\]\] of each DataFrame x",
        lambda code, _: regress(MANY).predict(
            value(code)(frame(id=[0, 1], b=[1.0, 2.0], a=[1.0, 2.0]), id="id", columns=["a", "b"])
        ),
        lambda *_: regress(MANY).predict([pd.DataFrame(x, columns=["b", "a"])[["a", "b"]] for x in RAGGED]),
    ),
    case(
        lambda: regress().predict(np.ones((2, 3, 4))),
        "Pass the same channels in the same order",
        lambda: regress().predict(np.ones((2, 3, 2))),
    ),
    case(
        lambda: regress().predict(np.ones((2, 3))),
        r"pass a single sequence x as (\[x\])",
        lambda code: regress().predict(value(code, x=np.ones((3, 2)))),
    ),
    case(
        lambda: regress().predict(X.transpose(0, 2, 1)),
        r"transpose them: (X\.transpose\(0, 2, 1\)) or (\[x\.T for x in X\])",
        lambda array, items: regress().predict(value(array, X=X.transpose(0, 2, 1))),
        lambda array, items: regress().predict(value(items, X=X.transpose(0, 2, 1))),
    ),
    case(
        lambda: regress(X[:, :1].repeat(2, axis=2)).predict(np.ones((2, 1, 7))),
        r"transpose them in fit and here: (X\.transpose\(0, 2, 1\)) or (\[x\.T for x in X\])",
        lambda array, items: regress(value(array, X=X[:, :1])).predict(value(array, X=np.ones((2, 1, 7)))),
        lambda array, items: regress(value(items, X=X[:, :1])).predict(value(items, X=np.ones((2, 1, 7)))),
    ),
    case(
        lambda: classify(CODES.repeat(2, axis=2), categorical_features="all").predict(WORDS.iloc[:, :1]),
        "Set n_channels, or pass X as in fit",
        lambda: classify(CODES.repeat(2, axis=2), categorical_features="all").predict(CODES.repeat(2, axis=2)),
        lambda: classify(CODES.repeat(2, axis=2), categorical_features="all")
        .set_params(n_channels=2)
        .predict(pd.DataFrame(CODES.repeat(2, axis=2).reshape(N, -1)).rename(columns=str)),
    ),
    case(
        lambda: classify(COLUMNS, n_channels=2),
        r"Pass (X\.iloc\[:, np\.arange.*?ravel\(\)\]), or a 3-D array",
        lambda code: np.testing.assert_array_equal(value(code, X=COLUMNS), BY_STEP.reshape(N, 6)),
        lambda code: classify(value(code, X=COLUMNS), n_channels=2),
        lambda code: classify(BY_STEP),
    ),
    case(
        lambda: classify(SHUFFLED, n_channels=2),
        r"Pass the columns step by step, (X\[\[)\.\.\.\]\], or a 3-D array",
        lambda _: classify(SHUFFLED[["a_0", "b_0", "a_1", "b_1", "a_2", "b_2"]], n_channels=2),
    ),
    case(
        lambda: classify(STEP_LEVELS),
        r"Set (n_channels=2), or pass (X\.to_numpy\(\)) if they are",
        lambda several, one: classify(STEP_LEVELS, **value(f"dict({several})")),
        lambda several, one: classify(value(one, X=STEP_LEVELS)),
    ),
    case(
        lambda: classify(LEVELS),
        r"Set (n_channels=2), and pass (\S+); or (X\.to_numpy\(\)) if they are",
        lambda several, swapped, one: classify(value(swapped, X=LEVELS), **value(f"dict({several})")),
        lambda several, swapped, one: np.testing.assert_array_equal(
            value(swapped, X=LEVELS), BY_STEP.reshape(N, 6)
        ),
        lambda several, swapped, one: classify(value(one, X=LEVELS)),
    ),
    case(
        lambda: classify(LEVELS, n_channels=2),
        r"Pass (\S+), or a 3-D array",
        lambda swapped: classify(value(swapped, X=LEVELS), n_channels=2),
    ),
    case(
        lambda: classify(pd.DataFrame(FLAT, columns=list("abcabc"))),
        r"Rename one, or pass (X\.to_numpy\(\))",
        lambda code: classify(pd.DataFrame(FLAT, columns=list("abcdef"))),
        lambda code: classify(value(code, X=pd.DataFrame(FLAT, columns=list("abcabc")))),
    ),
    case(
        lambda: classify(FLAT.tolist(), n_channels=2),
        r"as an array, (np\.asarray\(X\)), and sequences of several channels as arrays of shape .*; or set (n_channels=1)",
        lambda code, one: classify(value(code, X=FLAT.tolist()), n_channels=2),
        lambda code, one: classify(list(X), n_channels=2),
        lambda code, one: classify(FLAT.tolist(), **value(f"dict({one})")),
    ),
    case(
        lambda: classify(FLAT, n_channels=4),
        "Set n_channels, or pass a 3-D array",
        lambda: classify(FLAT, n_channels=2),
        lambda: classify(X, n_channels=4),
    ),
    case(
        lambda: classify(X + 1j),
        "X must be real. Pass its real and imaginary parts as two channels",
        lambda: classify(np.concatenate([(X + 1j).real, (X + 1j).imag], axis=2)),
    ),
    case(
        lambda: classify([X[0], X[0][:0]] * 3),
        "Drop it, and its y",
        lambda: classify([X[0]] * 3, Y[:3]),
    ),
    case(
        lambda: classify(HOLES),
        r"If the NaN are padding.*(Sequences\.from_padded\(.*?\)) of a padded array, or (padding=np\.nan) of the estimator. Else"
        r" impute or drop missing values first: sklstm\.preprocessing\.(PerStep\(SimpleImputer\(\)\)) before the estimator",
        lambda cut, left_out, imputer: same(value(cut, X=HOLES), X[:, :2]),
        lambda cut, left_out, imputer: classify(value(cut, X=HOLES)),
        lambda cut, left_out, imputer: classify(HOLES, **value(f"dict({left_out})")),
        lambda cut, left_out, imputer: make_pipeline(value(imputer), LSTMClassifier(2, max_iter=1)).fit(HOLES, Y),
    ),
    case(
        lambda: classify(np.where(np.arange(T)[:, np.newaxis] == 1, np.nan, X)),
        r"Impute or drop missing values first: sklstm\.preprocessing\.(PerStep\(SimpleImputer\(\)\)) before the estimator",
        lambda code: make_pipeline(value(code), LSTMClassifier(2, max_iter=1)).fit(
            np.where(np.arange(T)[:, np.newaxis] == 1, np.nan, X), Y
        ),
        lambda code: classify(X[:, ::2]),
    ),
    case(
        lambda: classify(long(frame(id=np.arange(8) // 2, x=["a", None, "b", "a"] * 2)), Y[:4], categorical_features="all"),
        r"(PerStep\(SimpleImputer\(strategy=\"most_frequent\"\)\)) before .* or fill them with a category of their own",
        lambda code: make_pipeline(value(code), LSTMClassifier(2, max_iter=1, categorical_features="all")).fit(
            long(frame(id=np.arange(8) // 2, x=["a", None, "b", "a"] * 2)), Y[:4]
        ),
        lambda code: classify(
            long(frame(id=np.arange(8) // 2, x=["a", "none", "b", "a"] * 2)), Y[:4], categorical_features="all"
        ),
    ),
    case(
        lambda: classify(np.where(X == 3, np.inf, X)),
        "Clip or drop such values first",
        lambda: classify(np.where(X == 3, np.inf, X).clip(max=9)),
    ),
    case(
        lambda: classify(np.where(X == 3, object(), X)),
        "Encode it as a number first",
        lambda: classify(np.where(X == 3, 3.0, X)),
    ),
    case(
        lambda: classify(regress(), Y),
        "Reshape your data",
        lambda: classify(X, Y),
    ),
    case(
        lambda: regress((X * 1e37).astype(np.float32), max_iter=1),
        "In X, channel 0 has the standard deviation .* Pass it in other units, or as float64",
        lambda: regress(X.astype(np.float32)),
        lambda: regress((X * 1e37).astype(np.float64)),
    ),
    case(
        lambda: regress(X.astype(np.float32), Y * 1e38),
        "Pass it in other units, or X as float64",
        lambda: regress(X.astype(np.float32), Y),
        lambda: regress(X, Y * 1e38),
    ),
    case(
        lambda: chunk(chunk(LSTMRegressor(2), np.full(X.shape, 1.7e308), Y), np.full(X.shape, -1.7e308), Y),
        "values too far from those of earlier calls.* Pass it in other units",
        lambda: chunk(chunk(LSTMRegressor(2), np.full(X.shape, 1.7), Y), np.full(X.shape, -1.7), Y),
    ),
    case(
        lambda: chunk(chunk(LSTMRegressor(2), X * 1e-200, Y), X * 1e120, Y),
        "Pass them in the same units, or fit afresh",
        lambda: chunk(chunk(LSTMRegressor(2), X, Y), X * 10, Y),
        lambda: chunk(LSTMRegressor(2), X * 1e120, Y),
    ),
]

TARGETS = [
    case(
        lambda: classify(y=pl.DataFrame({"y": Y}).lazy()),
        r"y must be an array with one entry per sequence, but it is lazy.* Pass (y\.collect\(\))\.",
        lambda code: classify(y=value(code, y=pl.DataFrame({"y": Y}).lazy())["y"]),
    ),
    case(
        lambda: classify(y=STEPS * 0 - 100, return_sequences=True),
        "nothing to learn from. Label at least one step",
        lambda: classify(y=np.where(X[:, :, 0] > 5, -100, STEPS), return_sequences=True),
    ),
    case(
        lambda: classify(y=STEPS, return_sequences=True).score(X, STEPS * 0 - 100),
        "nothing to score. Label at least one step",
        lambda: classify(y=STEPS, return_sequences=True).score(X, np.where(STEPS == 1, -100, STEPS)),
    ),
    case(
        lambda: classify(y=np.array([[0, 2], [1, 3]] * 3)),
        r"Fit one classifier per column \((sklearn\.multioutput\.MultiOutputClassifier)\), or pass 0/1 indicators",
        lambda _: MultiOutputClassifier(LSTMClassifier(2, max_iter=1)).fit(FLAT, np.array([[0, 2], [1, 3]] * 3)),
        lambda _: classify(y=LABELS),
    ),
    case(
        lambda: chunk(LSTMClassifier(2).partial_fit(X, LABELS), X, Y),
        r"Pass label indicators of shape",
        lambda: chunk(LSTMClassifier(2).partial_fit(X, LABELS), X, LABELS),
    ),
    case(
        lambda: classify(y=Y * 0),
        "Pass samples of the other classes too",
        classify,
    ),
    case(
        lambda: chunk(LSTMClassifier(2).partial_fit(X, Y, [0, 1]), X, Y, [0, 1, 2]),
        "Pass the same, or leave classes out",
        lambda: chunk(LSTMClassifier(2).partial_fit(X, Y, [0, 1]), X, Y, [0, 1]),
        lambda: chunk(LSTMClassifier(2).partial_fit(X, Y, [0, 1]), X, Y),
    ),
    case(
        lambda: regress(y=-1 - Y, loss="poisson"),
        "y must not be negative.* Use another loss",
        lambda: regress(y=-1 - Y, loss="squared_error"),
    ),
    case(
        lambda: classify(class_weight=[{0: 1}]),
        "Pass a dict of class label to weight",
        lambda: classify(class_weight={0: 1, 1: 2}),
    ),
    case(
        lambda: classify(y=csr_array(LABELS * 2)),
        "Multilabel y must be indicators of 0 and 1.* Convert them",
        lambda: classify(y=LABELS),
    ),
    case(
        lambda: regress(y=csr_array(LABELS)),
        r"Pass (y\.toarray\(\))",
        lambda code: regress(y=value(code, y=csr_array(LABELS))),
    ),
    case(
        lambda: chunk(LSTMRegressor(2).partial_fit(X, LABELS), X, Y),
        "fitted on 2 outputs. Pass y with this number",
        lambda: chunk(LSTMRegressor(2).partial_fit(X, LABELS), X, LABELS),
    ),
    case(lambda: regress(y=3), r"Pass 6 entries", lambda: regress(y=[3] * 6)),
    case(
        lambda: regress(y=Y[:4]),
        r"Pass one entry of y for each sequence of X\. If X is a table with one row per step, pass Sequences\.from_long",
        regress,
    ),
    case(lambda: regress(weight=LABELS), "Pass one weight for each sequence or step", lambda: regress(weight=np.ones(N))),
    case(lambda: regress(weight=np.ones(3)), "Pass one", lambda: regress(weight=np.ones(N))),
    case(lambda: regress(weight=np.full(N, 1e308)), "Pass smaller weights", lambda: regress(weight=np.full(N, 1e300))),
    case(lambda: regress(weight=np.zeros(N)), "Pass at least one positive weight", lambda: regress(weight=Y)),
    case(
        lambda: classify(RAGGED, Sequences.from_list([np.zeros(1)]), return_sequences=True),
        "Pass one entry of y for each sequence of X. Expected a list with one array per sequence",
        lambda: classify(RAGGED, [y[: len(x)] for x, y in zip(RAGGED, STEPS, strict=True)], return_sequences=True),
    ),
    case(
        lambda: classify(RAGGED, PADDED_Y, return_sequences=True),
        r"else take it off: (Sequences\.from_padded\(.*?X\]\))",
        lambda code: classify(RAGGED, value(code, X=RAGGED, y=PADDED_Y), return_sequences=True),
    ),
    case(
        lambda: classify(RAGGED, Y, return_sequences=True),
        r"per sequence set (return_sequences=False)",
        lambda code: classify(RAGGED, Y, **value(f"dict({code})")),
    ),
    case(
        lambda: classify(RAGGED, [*Y[:5].tolist(), "abc"], return_sequences=True),
        r"per sequence set (return_sequences=False)",
        lambda code: classify(RAGGED, Y.tolist(), **value(f"dict({code})")),
    ),
    case(
        lambda: validated(scoring="f1"),
        r"Pass scoring=(sklstm\.metrics\.step_scorer\(.*?\)), or (scoring=None) for that",
        lambda scorer, none: validated(scoring=value(scorer)),
        lambda scorer, none: validated(**value(f"dict({none})")),
    ),
    case(
        lambda: regress(y=np.where(Y, np.nan, 1.0)),
        "Drop such sequences, or fill it in",
        lambda: regress(X[Y == 0], np.ones(3)),
        lambda: regress(y=np.where(Y, 0.0, 1.0)),
    ),
    case(
        lambda: regress(y=np.where(Y, np.inf, 1.0)),
        "Clip or drop such values first",
        lambda: regress(y=np.where(Y, np.inf, 1.0).clip(max=9)),
        lambda: regress(X[Y == 0], np.ones(3)),
    ),
    case(
        lambda: regress(y=Y.astype(str)),
        r"Convert texts that are numbers: (.*?)\. For classes use (LSTMClassifier)",
        lambda code, _: regress(y=value(code, y=Y.astype(str))),
        lambda code, _: classify(y=Y.astype(str)),
    ),
    case(
        lambda: regress(y=Y.astype("M8[D]")),
        r"such as days: (.*?)\. For classes use",
        lambda code: regress(y=value(code, y=Y.astype("M8[D]"))),
    ),
    case(
        lambda: regress(y=Y.astype("m8[h]")),
        r"such as hours: (.*?)\. For classes use",
        lambda code: np.testing.assert_array_equal(value(code, y=Y.astype("m8[h]")), Y),
    ),
    case(
        lambda: regress(y=np.array([[1], object()] * 3, dtype=object)),
        "Convert it to a number first",
        regress,
    ),
    case(lambda: regress(y=Y + 1j), "Pass its real or imaginary part", lambda: regress(y=(Y + 1j).real)),
    case(
        lambda: regress(y=np.ones(N, dtype=[("a", float)])),
        "Pass one of their fields",
        lambda: regress(y=np.ones(N, dtype=[("a", float)])["a"]),
    ),
    case(lambda: regress(y=np.ones((N, 0))), "without a column. Pass at least one", lambda: regress(y=np.ones((N, 1)))),
    case(
        lambda: classify(y=Y / 2),
        "Pass labels of classes; for a regression target with continuous values use (LSTMRegressor)",
        lambda _: classify(),
        lambda _: regress(y=Y / 2),
    ),
    case(
        lambda: classify().score(X, Y.astype(str)),
        "Pass y as in fit",
        lambda: classify().score(X, Y),
    ),
    case(
        lambda: regress(y=[[1, 2], [3]] * 3),
        r"Pass one entry, or one row of outputs, per sequence. For targets of every step set (return_sequences=True)",
        lambda code: regress(y=[[1, 2], [3, 4]] * 3),
        lambda code: regress([X[0, :2], X[1, :1]] * 3, [[1, 2], [3]] * 3, **value(f"dict({code})")),
    ),
    case(
        lambda: classify(y=np.array(["a", 1] * 3, dtype=object)),
        r"Pass labels of one kind, such as texts: (\[str\(label\) for label in y\])",
        lambda code: classify(y=value(code, y=np.array(["a", 1] * 3, dtype=object))),
    ),
]

STREAMS = [
    case(
        lambda: stateless(n_steps=np.array(["a"] * N)).step(X[:, 1]),
        "Pass it as it was read|must have a number of steps",
        lambda: stateless().step(X[:, 1]),
    ),
    case(
        lambda: stateless(pooled=np.array(["a"] * N)).step(X[:, 1]),
        "Pass it as it was read",
        lambda: stateless().step(X[:, 1]),
    ),
    case(lambda: stateless(n_steps=np.zeros(N, int)), r"Call (reset\(\)) to start a new sequence", lambda _: renewed()),
    case(
        lambda: stateless(**{"layer_0.h": np.full((N, 2), np.nan)}),
        r"start a new sequence with (reset\(\))",
        lambda _: renewed(),
    ),
    case(
        lambda: regress(bidirectional=True).stream(),
        "Fit with (bidirectional=False)",
        lambda code: regress(**value(f"dict({code})")).stream().step(X[:, 0]),
    ),
    case(
        lambda: regress(pooling="attention").stream(),
        "Fit with pooling=('last'), ('mean') or ('max')",
        lambda *codes: [regress(pooling=value(code)).stream().step(X[:, 0]) for code in codes],
    ),
    case(
        lambda: (stream := regress().stream()).step(X[:, 0]) is None or stream.step(X[:2, 0]),
        r"To change the number of streams, call (reset\(\))",
        lambda _: renewed(),
    ),
    case(
        lambda: regress(X[:, :, :1]).stream().step(1.0),
        r"Pass a single number x as (\[x\])",
        lambda code: regress(X[:, :, :1]).stream().step(value(code, x=1.0)),
    ),
    case(
        lambda: regress().stream().reset([0]),
        "Call step first",
        lambda: (stream := regress().stream()).step(X[:, 0]) is None or stream.reset([0]),
    ),
    case(
        lambda: copy.copy(regress().stream()).__setstate__({}),
        "Make a new stream",
        lambda: regress().stream().step(X[:, 0]),
    ),
]

def begun():
    stream = regress().stream()
    stream.step(X[:2, 0])
    return stream


STREAMS += [
    case(
        lambda: begun().reset([[0], [0, 1]]),
        "Pass numbers of streams, 0 to 1",
        lambda: begun().reset([0, 1]),
    ),
    case(
        lambda: regress().stream().step(Unreadable()),
        "Pass an array of shape",
        lambda: regress().stream().step(X[0, 0]),
    ),
]

CHANGED = [
    case(
        lambda: tampered(cut_weights, lambda model: model.predict(X)),
        "Fit the estimator again, or load it from a file|fit it afresh, or load it again",
        lambda: tampered(cut_weights, lambda model: model.fit(X, Y).predict(X)),
        restored,
    ),
    case(
        lambda: tampered(cut_weights, lambda model: model.stream().step(X[:, 0])),
        "Fit the estimator again, or load it from a file|fit it afresh, or load it again",
        lambda: tampered(cut_weights, lambda model: model.fit(X, Y).stream().step(X[:, 0])),
        restored,
    ),
    case(
        lambda: tampered(lambda model: model._network_spec.update(hidden_sizes=1), lambda model: model.predict(X)),
        "The network of this estimator was changed since it was fitted.* Fit it afresh",
        lambda: tampered(lambda model: model._network_spec.update(hidden_sizes=1), lambda model: model.fit(X, Y).predict(X)),
    ),
    case(
        lambda: tampered(lambda model: delattr(model._state, "theta"), lambda model: continued(model, X, Y)),
        "Fit it afresh, or load it again",
        lambda: tampered(lambda model: delattr(model._state, "theta"), lambda model: model.fit(X, Y).predict(X)),
        restored,
    ),
    case(
        lambda: regress(hidden_size=10**6, num_layers=100),
        "Set a smaller hidden_size, num_layers or embedding_dim",
        regress,
    ),
]

CODED = long(frame(id=np.repeat(np.arange(N), 2), c=pd.Categorical([7, 90] * N)))


def univariate():
    return LSTMRegressor(2, max_iter=1, random_state=0).fit(X[:, :, :1], Y)


def of_numbers():
    return LSTMClassifier(2, max_iter=1, categorical_features="all", random_state=0).fit(CODED, Y)


CATEGORIES += [
    case(
        lambda: of_numbers().predict(list(CODED)),
        r"pass Sequences that have the categories, as (X\[\[0\]\]) of Sequences X has; arrays and lists hold the categories",
        lambda code: of_numbers().predict(value(code, X=CODED)),
        lambda _: of_numbers().predict([[7.0, 90.0]]),
    ),
]
INPUT += [
    case(
        lambda: univariate().predict([[1.0], [2.0]]),
        r"If X is one sequence x, pass it as (\[x\])",
        lambda code: univariate().predict(value(code, x=[[1.0], [2.0]])),
    ),
]
CHANGED += [
    case(
        lambda: regress().set_weights({"head.b": [np.inf]}),
        r"must be finite in .* Pass finite numbers",
        lambda: regress().set_weights({"head.b": [0.5]}),
    ),
]

CASES = PARAMETERS + CATEGORIES + INPUT + TARGETS + STREAMS + CHANGED
