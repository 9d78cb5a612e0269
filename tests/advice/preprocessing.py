"""Advice of messages about windows, texts, transformers of steps, columns of lists and data sets."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from sklstm import LSTMRegressor, Sequences
from sklstm.datasets import make_anomalies, make_embedded_reber, make_seasonal, reber_legal_next
from sklstm.inspection import step_importance
from sklstm.preprocessing import PerStep, RelativeRegressor, SequenceTokenizer, make_windows

from .case import RAGGED, N, Unreadable, X, Y, case, frame, long, regress, value

SERIES = np.arange(12.0)
TABLE = frame(a=SERIES, b=SERIES[::-1])
DAYS = pd.date_range("2024-01-01", periods=8)
ODD_DAYS = DAYS[[0, 1, 3, 6]] + pd.to_timedelta([0, 0, 1, 0], unit="h")
FLAT = X.reshape(N, -1)
CODED = long(frame(id=[0, 0, 1, 1], x=[1.0, 2.0, 3.0, 4.0], c=["u", "v", "u", "v"]))
OF_WORDS = long(frame(id=[0, 1], x=["fig", "kiwi"]))
WORDS = ["fig kiwi", "kiwi plum"]
HOLES = np.where(np.arange(12) % 3 == 0, np.nan, SERIES)
LISTS = pa.array([[1.0, 2.0], [3.0]])
PAIRS = pa.array([[[1.0, 2.0]], [[3.0, 4.0]]])
STRING = "BTBTXSETE"


class Shorter(TransformerMixin, BaseEstimator):
    """A transformer that drops a row."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[1:]


def unsound():
    offsets = pa.py_buffer(np.array([0, 5, 3], np.int32).tobytes())
    return pa.Array.from_buffers(pa.list_(pa.float64()), 2, [None, offsets], children=[pa.array([1.0, 2.0, 3.0])])


def table(series, index):
    return pd.DataFrame({"a": np.asarray(series)}, index)


def grouped(days):
    return pd.DataFrame({"a": np.arange(2.0 * len(days)), "g": np.repeat(["u", "v"], len(days))}, list(days) * 2)


def inserted(index, result):
    """Steps that are missing in an index, and the rows that the call in the message makes for them."""
    series = table(np.arange(float(len(index))), index)

    def windows(code):
        whole = value(code, series=series)
        assert len(whole) == result and int(whole["a"].notna().sum()) == len(index)
        make_windows(whole, 1, missing="drop")

    return case(
        lambda: make_windows(series, 1),
        r"Insert the missing steps as NaN \((.*?)\) and cut windows with missing='drop', or drop .* reset_index\(drop=True\)\.",
        windows,
        lambda code: make_windows(series.reset_index(drop=True), 1),
    )


WINDOWS = [
    case(
        lambda: make_windows(SERIES, 20),
        "Set them lower, or pass more steps",
        lambda: make_windows(SERIES, 5),
        lambda: make_windows(np.arange(30.0), 20),
    ),
    case(
        lambda: make_windows([SERIES, SERIES[:2]], 3),
        r"or leave such series out by (on_short='drop')",
        lambda code: make_windows([SERIES, SERIES[:2]], 3, **value(f"dict({code})")),
    ),
    case(
        lambda: make_windows(TABLE, 3, target="a", known_future="a"),
        "Name a channel in one only",
        lambda: make_windows(TABLE, 3, target="a", known_future="b"),
    ),
    case(
        lambda: make_windows(TABLE, 2, 3, target="a", known_future="b"),
        "Set window higher",
        lambda: make_windows(TABLE, 3, 3, target="a", known_future="b"),
    ),
    case(lambda: make_windows(SERIES[:0], 2), "Pass at least window . horizon", lambda: make_windows(SERIES[:3], 2)),
    case(lambda: make_windows(TABLE, 2, groups=[1]), "Pass as many", lambda: make_windows(TABLE, 2, groups=[1] * 12)),
    case(
        lambda: make_windows(TABLE, 2, groups=[None] + [1] * 11),
        "Drop such rows, or fill it",
        lambda: make_windows(TABLE[1:], 2, groups=[1] * 11),
        lambda: make_windows(TABLE, 2, groups=[1] * 12),
    ),
    case(
        lambda: make_windows(np.ones((3, 0)), 2),
        "Pass several series as a list",
        lambda: make_windows([SERIES, SERIES], 2),
    ),
    case(
        lambda: make_windows(SERIES + 1j, 2),
        "real numbers.* Convert it to numbers",
        lambda: make_windows((SERIES + 1j).real, 2),
    ),
    case(
        lambda: make_windows(TABLE, 2, target=["a", "a"]),
        "target names a channel twice.* Name each once",
        lambda: make_windows(TABLE, 2, target=["a"]),
    ),
    case(
        lambda: make_windows(HOLES, 3, missing="drop"),
        "Set window and horizon lower, or impute series before",
        lambda: make_windows(HOLES, 1, missing="drop"),
        lambda: make_windows(np.nan_to_num(HOLES), 3, missing="drop"),
    ),
    case(
        lambda: make_windows([SERIES, SERIES], 2, groups="a"),
        "Pass the group of each series",
        lambda: make_windows([SERIES, SERIES], 2, groups=["a", "b"]),
    ),
    case(
        lambda: make_windows(CODED, 1),
        r"PerStep\(ColumnTransformer\(\.\.\.\)\) with an OneHotEncoder for it, or leave it out of series",
        lambda: make_windows(
            PerStep(ColumnTransformer([("c", OneHotEncoder(sparse_output=False), ["c"])], remainder="passthrough")).fit_transform(
                CODED
            ),
            1,
        ),
        lambda: make_windows(long(frame(id=[0, 0, 1, 1], x=[1.0, 2.0, 3.0, 4.0])), 1),
    ),
    case(
        lambda: make_windows(TABLE, 2, groups="z"),
        "Pass an array, or a column",
        lambda: make_windows(TABLE, 2, groups=[0] * 12),
        lambda: make_windows(TABLE.assign(z=0), 2, groups="z"),
    ),
    case(
        lambda: make_windows(TABLE[:8].assign(t=DAYS), 2),
        "Leave it out of series, or name it in groups",
        lambda: make_windows(TABLE[:8], 2),
        lambda: make_windows(TABLE[:8].assign(t=DAYS[:1].repeat(8)), 2, groups="t"),
    ),
    case(
        lambda: make_windows(frame(a=np.array([1.0, "?", 3.0], dtype=object), b=1.0), 1),
        "Leave the channel out of series, or write NaN where a value is missing",
        lambda: make_windows(frame(b=np.ones(3)), 1),
        lambda: make_windows(frame(a=np.array([1.0, np.nan, 3.0], dtype=object), b=1.0), 1),
    ),
    case(
        lambda: make_windows(frame(a=[SERIES, SERIES]), 1),
        r"(\[np\.column_stack\(list\(row\)\) for row in series\.to_numpy\(\)\])",
        lambda code: np.testing.assert_array_equal(
            make_windows(value(code, series=frame(a=[SERIES, SERIES])), 1)[0], make_windows([SERIES, SERIES], 1)[0]
        ),
    ),
    case(
        lambda: make_windows(np.array(["1", "2", "3"]), 1),
        r"(pandas\.to_numeric\(series\))",
        lambda code: make_windows(value(code, series=np.array(["1", "2", "3"])), 1),
    ),
    case(
        lambda: make_windows(frame(a=["5 %", "6.5%", "7%"]), 1),
        r"(series\['a'\]\.str\S+)\.",
        lambda code: make_windows(value(code, series=frame(a=["5%", "6.5%", "7%"])), 1),
    ),
]

HOLED = X.copy()
HOLED[2, :, 0] = np.nan


def relative(**parameters):
    return RelativeRegressor(LSTMRegressor(2, max_iter=1), **parameters)


RELATIVE = [
    case(
        lambda: make_windows(SERIES, 3, return_level=True),
        "Set (relative='last') or 'mean'",
        lambda code: make_windows(SERIES, 3, return_level=True, **value(f"dict({code})")),
    ),
    case(
        lambda: make_windows(SERIES, 3, n_blocks=4),
        "stride=1 and n_blocks=4 need 16. Set them lower, or pass more steps",
        lambda: make_windows(SERIES, 3, n_blocks=3),
        lambda: make_windows(np.arange(16.0), 3, n_blocks=4),
    ),
    case(
        lambda: relative(target=0).fit(X, None),
        "Pass the values that follow each window",
        lambda: relative(target=0).fit(X, Y.astype(float)),
    ),
    case(
        lambda: relative(target=0).fit(X, Unreadable()),
        "Pass one entry or row for each window|y must be an array with one entry per sequence, got .* Pass",
        lambda: relative(target=0).fit(X, Y.astype(float)),
    ),
    case(
        lambda: relative().fit(X, Y.astype(float)),
        "Set target to the number of a channel, such as (target=0), or to a list of such",
        lambda code: relative(**value(f"dict({code})")).fit(X, Y.astype(float)),
        lambda code: relative(target=[0]).fit(X, Y.astype(float)),
    ),
    case(
        lambda: relative(target=0, channels=1).fit(X, Y.astype(float)),
        "Set target to one of them, or add it to channels",
        lambda: relative(target=1, channels=1).fit(X, Y.astype(float)),
        lambda: relative(target=0, channels=[0, 1]).fit(X, Y.astype(float)),
    ),
    case(
        lambda: relative(target=[0, 1]).fit(X, Y.astype(float)),
        "Set target to the channels that y continues",
        lambda: relative(target=0).fit(X, Y.astype(float)),
    ),
    case(
        lambda: relative(target=0, channels=[0, 1]).fit(CODED, [1.0, 2.0]),
        "categories, which have no level. Leave it out of channels",
        lambda: relative(target=0, channels=[0]).set_params(regressor__categorical_features=["c"]).fit(CODED, [1.0, 2.0]),
    ),
    case(
        lambda: relative(target=0).fit(HOLED, Y.astype(float)),
        "Leave such windows out, or impute X before",
        lambda: relative(target=0).fit(np.delete(HOLED, 2, axis=0), np.delete(Y, 2).astype(float)),
        lambda: make_pipeline(PerStep(SimpleImputer()), relative(target=0)).fit(HOLED, Y.astype(float)),
    ),
    case(
        lambda: relative(target=0).fit(X, Y.astype(float)).score(X, X[:, :, 0]),
        "Pass y as in fit",
        lambda: relative(target=0).fit(X, Y.astype(float)).score(X, Y.astype(float)),
    ),
    case(
        lambda: relative(target=0).fit(X, Y.astype(float)).score(X, Y, Unreadable()),
        "Pass one weight for each window|sample_weight.*Pass",
        lambda: relative(target=0).fit(X, Y.astype(float)).score(X, Y, Y + 1.0),
    ),
    case(
        lambda: relative(target=0).fit(X, Y.astype(float)).predict(X[:, :, :1]),
        "RelativeRegressor is expecting .* Pass the same channels in the same order",
        lambda: relative(target=0).fit(X, Y.astype(float)).predict(X),
    ),
]

INDEX = [
    case(
        lambda: make_windows(table([1.0, 2.0, 3.0], DAYS[[1, 0, 2]]), 1),
        r"Sort it by (sort_index\(\)), or, .*, drop the index by (reset_index\(drop=True\))",
        lambda ordered, dropped: make_windows(value(f"t.{ordered}", t=table([1.0, 2.0, 3.0], DAYS[[1, 0, 2]])), 1),
        lambda ordered, dropped: make_windows(value(f"t.{dropped}", t=table([1.0, 2.0, 3.0], DAYS[[1, 0, 2]])), 1),
    ),
    case(
        lambda: make_windows(table([1.0, 2.0, 3.0], pd.DatetimeIndex([DAYS[0], pd.NaT, DAYS[1]])), 1),
        "Drop such rows, or fill the time",
        lambda: make_windows(table([1.0, 3.0], DAYS[:2]), 1),
        lambda: make_windows(table([1.0, 2.0, 3.0], DAYS[:3]), 1),
    ),
    case(
        lambda: make_windows(table(SERIES[:4], pd.MultiIndex.from_product([["u", "v"], [0, 1]], names=["g", "t"])), 1),
        r"Pass (series\.reset_index\(level=0\)) with (groups='g'), or drop the index by (reset_index\(drop=True\))",
        *[
            lambda level, groups, drop, one=one: make_windows(
                value(
                    f"series.{drop}" if one else level,
                    series=table(SERIES[:4], pd.MultiIndex.from_product([["u", "v"], [0, 1]], names=["g", "t"])),
                ),
                1,
                **({} if one else value(f"dict({groups})")),
            )
            for one in (False, True)
        ],
    ),
    case(
        lambda: make_windows(table([1.0, 2.0, 3.0], DAYS[[0, 0, 1]]), 1),
        "Drop or merge one, or, if rows belong to different series, name these in groups",
        lambda: make_windows(table([1.0, 3.0], DAYS[:2]), 1),
        lambda: make_windows(table([1.0, 2.0, 3.0, 4.0], DAYS[[0, 0, 1, 1]]), 1, groups=[0, 1, 0, 1]),
    ),
    inserted(DAYS.delete([4, 5]), 8),
    inserted(pd.date_range("2024-01-01", periods=9, freq="h").delete(4), 9),
    inserted(pd.date_range("2024-01-31", periods=6, freq="ME").delete(2), 6),
    inserted(pd.date_range("2024-01-01", periods=6, freq="MS").delete(2), 6),
    inserted(pd.bdate_range("2024-01-01", periods=10).delete([5, 6, 7]), 10),
    inserted(pd.timedelta_range("0h", periods=6, freq="h").delete(2), 6),
    inserted(pd.period_range("2024-01", periods=6, freq="M").delete(2), 6),
    case(
        lambda: make_windows(grouped(DAYS.delete(3)), 1, groups="g"),
        r"Insert the missing steps as NaN \((sklstm\.Sequences\.from_long)\(series\.reset_index\(\), id=\.\.\., time=\.\.\.,"
        r" freq=(.*?)\)\)",
        lambda read, freq: make_windows(
            value(read)(grouped(DAYS.delete(3)).reset_index(), id="g", time="index", freq=value(freq)), 1, missing="drop"
        ),
    ),
    case(
        lambda: make_windows(table(SERIES[:4], ODD_DAYS), 1),
        r"series\.(resample)\(\.\.\.\)\.(mean)\(\)",
        lambda resample, mean: make_windows(
            getattr(getattr(table(SERIES[:4], ODD_DAYS), resample)("D"), mean)(), 1, missing="drop"
        ),
    ),
]

WINDOWS += [
    case(
        lambda: make_windows(TABLE, 2, target=Unreadable()),
        "Pass a series of numbers, and integers of Python|parameter of make_windows",
        lambda: make_windows(TABLE, 2, target=0),
        lambda: make_windows(TABLE, 2, target=[0]),
    ),
]

STEPS = [
    case(
        lambda: PerStep(MinMaxScaler()).fit(X, sample_weight=np.ones(N)),
        r"Pass it to the estimator only, to a step of a Pipeline as <step>__sample_weight, or use .*, such as StandardScaler",
        lambda: make_pipeline(PerStep(MinMaxScaler()), LSTMRegressor(2, max_iter=1)).fit(
            X, Y, lstmregressor__sample_weight=np.ones(N)
        ),
        lambda: PerStep(StandardScaler()).fit(X, sample_weight=np.ones(N)),
    ),
    case(
        lambda: PerStep(StandardScaler(), channel_names=["a"]).fit(X),
        "Give one for each",
        lambda: PerStep(StandardScaler(), channel_names=["a", "b"]).fit(X),
    ),
    case(
        lambda: PerStep(Shorter()).fit_transform(X),
        "Drop or add steps before, sequence by sequence",
        lambda: PerStep(StandardScaler()).fit_transform([x[1:] for x in X]),
    ),
    case(
        lambda: PerStep(StandardScaler()).fit(X).inverse_transform(FLAT),
        "fitted on sequences. Pass what transform returned",
        lambda: (scaler := PerStep(StandardScaler()).fit(X)).inverse_transform(scaler.transform(X)),
    ),
    case(
        lambda: PerStep(StandardScaler(), n_channels=2).fit(FLAT).inverse_transform(FLAT[:, :4]),
        "as many columns for each of the 3 steps.* Pass what transform returned",
        lambda: (scaler := PerStep(StandardScaler(), n_channels=2).fit(FLAT)).inverse_transform(scaler.transform(FLAT)),
    ),
    case(
        lambda: PerStep(FunctionTransformer()).fit(X).transform(X[:, :, :1]),
        "PerStep is expecting 2 channels.* Pass the same channels in the same order",
        lambda: PerStep(FunctionTransformer()).fit(X).transform(X),
    ),
]

TOKENS = [
    case(
        lambda: SequenceTokenizer().fit(WORDS).inverse_transform(OF_WORDS),
        "Pass what transform returned",
        lambda: (tokenizer := SequenceTokenizer().fit(WORDS)).inverse_transform(tokenizer.transform(WORDS)),
    ),
    case(
        lambda: SequenceTokenizer().fit(WORDS).inverse_transform(np.ones((1, 2, 1)) * 1j),
        "Complex data not supported: .* Pass what transform returned",
        lambda: (tokenizer := SequenceTokenizer().fit(WORDS)).inverse_transform(tokenizer.transform(WORDS)),
    ),
    case(
        lambda: SequenceTokenizer(handle_unknown="error").fit(WORDS).transform(["pear"]),
        r"Set handle_unknown to ('encode') or ('drop'), or fit on documents that have it",
        lambda code, drop: SequenceTokenizer(handle_unknown=value(code)).fit(WORDS).transform(["pear"]),
        lambda code, drop: SequenceTokenizer(handle_unknown=value(drop)).fit(WORDS).transform(["pear fig"]),
        lambda code, drop: SequenceTokenizer(handle_unknown="error").fit([*WORDS, "pear"]).transform(["pear"]),
    ),
    case(
        lambda: SequenceTokenizer().fit(WORDS).inverse_transform(np.ones((2, 3, 2))),
        "Pass the channel that has them",
        lambda: SequenceTokenizer().fit(WORDS).inverse_transform(np.ones((2, 3, 2))[:, :, :1]),
    ),
    case(
        lambda: SequenceTokenizer().fit(WORDS).inverse_transform([[99]]),
        "Pass what transform returned, or codes of this tokenizer",
        lambda: (tokenizer := SequenceTokenizer().fit(WORDS)).inverse_transform(tokenizer.transform(WORDS)),
        lambda: SequenceTokenizer().fit(WORDS).inverse_transform([[1]]),
    ),
    case(
        lambda: SequenceTokenizer().fit("fig"),
        "Pass a single document as a list of one",
        lambda: SequenceTokenizer().fit(["fig"]),
    ),
    case(
        lambda: SequenceTokenizer().fit(frame(a=WORDS, b=WORDS)),
        "Pass a list, or one column of a table",
        lambda: SequenceTokenizer().fit(WORDS),
        lambda: SequenceTokenizer().fit(frame(a=WORDS, b=WORDS)["a"]),
    ),
    case(
        lambda: SequenceTokenizer(TfidfVectorizer(min_df=2)).fit(WORDS),
        "Pass a (CountVectorizer) with the same parameters",
        lambda code: SequenceTokenizer(value(code, CountVectorizer=CountVectorizer)(min_df=2)).fit(WORDS),
    ),
    case(
        lambda: SequenceTokenizer(CountVectorizer(ngram_range=(1, 2))).fit(WORDS),
        r"Set a single length, such as (ngram_range=\(2, 2\))",
        lambda code: SequenceTokenizer(CountVectorizer(**value(f"dict({code})"))).fit(WORDS),
    ),
    case(
        lambda: SequenceTokenizer(dtype=np.int8).fit([" ".join(f"word{i}" for i in range(200))]),
        "Set a wider one, or max_features of the vectorizer",
        lambda: SequenceTokenizer(dtype=np.int16).fit([" ".join(f"word{i}" for i in range(200))]),
        lambda: SequenceTokenizer(CountVectorizer(max_features=100), dtype=np.int8).fit(
            [" ".join(f"word{i}" for i in range(200))]
        ),
    ),
    case(
        lambda: SequenceTokenizer().fit(["fig", None]),
        "Drop it, or fill it with ('')",
        lambda code: SequenceTokenizer().fit(["fig"]),
        lambda code: SequenceTokenizer().fit(["fig", value(code)]),
    ),
]

ARROW = [
    case(
        lambda: Sequences.from_arrow(unsound()),
        r"Create it again with (pyarrow\.array\(lists\)), and check it with (validate\(full=True\))",
        lambda code, check: Sequences.from_arrow(value(code, pyarrow=pa, lists=[[1.0, 2.0], [3.0]])),
        lambda code, check: value(f"{code}.{check}", pyarrow=pa, lists=[[1.0, 2.0], [3.0]]),
    ),
    case(
        lambda: Sequences.from_arrow(pa.array([[1.0], None])),
        "Drop the sequence and its y",
        lambda: Sequences.from_arrow(pa.array([[1.0], None]).drop_null()),
        lambda: Sequences.from_arrow(pa.array([[1.0], []])),
    ),
    case(
        lambda: Sequences.from_arrow(pa.table({"a": PAIRS, "b": PAIRS})),
        "Pass the column alone, or each channel as a column of its own",
        lambda: Sequences.from_arrow(PAIRS),
        lambda: Sequences.from_arrow(pa.table({"a": LISTS, "b": LISTS})),
    ),
    case(
        lambda: Sequences.from_arrow(pa.table({"a": LISTS, "b": pa.array([[1.0], [3.0]])})),
        "Write nulls where values are missing",
        lambda: Sequences.from_arrow(pa.table({"a": LISTS, "b": pa.array([[1.0, None], [3.0]])})),
    ),
    case(
        lambda: Sequences.from_arrow([[1.0], [2.0]]),
        r"For a list of arrays use (Sequences\.from_list)",
        lambda code: value(code)([[1.0], [2.0]]),
    ),
    case(
        lambda: PerStep(FunctionTransformer()).fit(
            Sequences(np.array([[9.0]]), [0, 1], categories={0: np.array(["a", "b"])})
        ),
        "Pass integers from 0 to 1, NaN where there is none, or X without categories",
        *[
            lambda code=code: PerStep(FunctionTransformer()).fit(
                Sequences(np.array([[code]]), [0, 1], categories={0: np.array(["a", "b"])})
            )
            for code in (1.0, np.nan)
        ],
        lambda: PerStep(FunctionTransformer()).fit(Sequences(np.array([[9.0]]), [0, 1])),
    ),
    case(
        lambda: PerStep(FunctionTransformer()).fit([frame(a=[1.0]), pl.DataFrame({"a": [1.0]})]),
        "Convert them, or pass arrays",
        lambda: PerStep(FunctionTransformer()).fit([pd.DataFrame(X[0]), pd.DataFrame(X[1])]),
        lambda: PerStep(FunctionTransformer()).fit([X[0], X[1]]),
    ),
]

DATASETS = [
    case(
        lambda: make_seasonal(noise=10**400),
        "Pass integers and numbers of Python, of a size that fits into memory",
        lambda: make_seasonal(noise=0.1),
    ),
    case(
        lambda: reber_legal_next([[1, 2]]),
        r"Pass text, codes \(n_steps,\) from 0 to 6, or 0/1 channels \(n_steps, 7\)",
        lambda: reber_legal_next(STRING[:2]),
        lambda: reber_legal_next(["BTPSXVE".index(symbol) for symbol in STRING[:2]]),
        lambda: reber_legal_next(np.eye(7)[["BTPSXVE".index(symbol) for symbol in STRING[:2]]]),
    ),
    case(
        lambda: reber_legal_next(STRING[1:]),
        "Pass the symbols from the first B on",
        lambda: reber_legal_next(make_embedded_reber(1, random_state=0)[0][0]),
    ),
    case(
        lambda: make_seasonal(10, window=9, horizon=3, period=4),
        "Raise n_steps",
        lambda: make_seasonal(12, window=9, horizon=3, period=4, n_harmonics=1),
    ),
    case(
        lambda: make_anomalies(n_steps=120),
        "Raise n_steps, lower duration or clean_fraction, or pass rate=0",
        lambda: make_anomalies(n_steps=200),
        lambda: make_anomalies(n_steps=120, duration=30),
        lambda: make_anomalies(n_steps=120, clean_fraction=0.1),
        lambda: make_anomalies(n_steps=120, rate=0),
    ),
    case(
        lambda: make_anomalies(anomalies=["spikes"]),
        r"Pass for example (\['spike', 'level_shift'\])",
        lambda code: make_anomalies(anomalies=value(code)),
    ),
    case(
        lambda: make_anomalies(anomalies="correlation"),
        "Raise n_channels",
        lambda: make_anomalies(anomalies="correlation", n_channels=2),
    ),
    case(
        lambda: make_seasonal(300, period=[]),
        r"Pass for example (\(24, 168\))",
        lambda code: make_seasonal(300, period=value(code)),
    ),
    case(
        lambda: make_seasonal(300, period=4, n_harmonics=3),
        "Lower n_harmonics, or name a longer period",
        lambda: make_seasonal(300, period=4, n_harmonics=1),
        lambda: make_seasonal(300, period=24, n_harmonics=3),
    ),
]

IMPORTANCE = [
    case(
        lambda: step_importance(regress(), X, Y, steps=Unreadable()),
        "Pass an int, or ascending ints|parameter of step_importance",
        lambda: step_importance(regress(), X, Y, steps=1),
        lambda: step_importance(regress(), X, Y, steps=[0, 1, 3]),
    ),
    case(
        lambda: step_importance(regress(FLAT, n_channels=2), FLAT[:, :5], Y),
        r"Pass X as a 3-D array \(n_sequences, n_steps, n_channels\)",
        lambda: step_importance(regress(FLAT, n_channels=2), X, Y),
    ),
    case(
        lambda: step_importance(regress(X[:, :, :1]), X[0, :, 0], Y),
        r"one univariate sequence is passed as (\[X\])",
        lambda code: step_importance(regress(X[:, :, :1]), value(code, X=X[0, :, 0]) * 2, [0.0, 1.0]),
    ),
    case(
        lambda: step_importance(regress(), pd.DataFrame({"a": ["u", "v"] * 3}), Y),
        "Encode categories as integers, and pass X as a 3-D array or as sklstm.Sequences",
        lambda: step_importance(regress(), X, Y),
        lambda: step_importance(regress(), Sequences.from_list(RAGGED), Y),
    ),
]

CASES = WINDOWS + RELATIVE + INDEX + STEPS + TOKENS + ARROW + DATASETS + IMPORTANCE
