"""`PerStep`: on sequences of any form a transformer does what it does on the table of all steps, to the bit."""

import pickle
import warnings

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.preprocessing import PerStep, make_windows

N, T, D = 12, 5, 3
LENGTHS = [T, 2, 1, 4, 3, 1, T, 2, 3, 3, 4, 1]


def arrays(ragged, missing=False, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    items = [rng.normal(size=(length if ragged else T, D)).astype(dtype) for length in LENGTHS]
    if missing:
        items[0][1, 2] = items[3][0, 0] = items[7][1] = np.nan
    return items


def object_array(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def series(items):
    return pytest.importorskip("pandas").Series(list(items), index=[f"patient {i}" for i in range(len(items))], name="course")


FORMS = {
    "3-D": np.stack,
    "3-D, Fortran order": lambda items: np.asfortranarray(np.stack(items)),
    "3-D, every other channel": lambda items: np.stack([np.repeat(x, 2, axis=1) for x in items])[:, :, ::2],
    "list": list,
    "tuple": tuple,
    "nested lists": lambda items: [x.tolist() for x in items],
    "object array": object_array,
    "Series": series,
    "Sequences": Sequences.from_list,
    "Sequences, Fortran order": lambda items: Sequences(
        np.asfortranarray(np.concatenate(items)), Sequences.from_list(items).offsets
    ),
}
CASES = [(form, False) for form in FORMS] + [(form, True) for form in FORMS if not form.startswith("3-D")]
KINDS = {"3-D": np.ndarray, "tuple": tuple, "object array": np.ndarray, "Sequences": Sequences}

TRANSFORMERS = {
    "StandardScaler": StandardScaler(),
    "MinMaxScaler": MinMaxScaler(),
    "SimpleImputer": SimpleImputer(add_indicator=True),
    "PCA": PCA(2, random_state=0),
    "OneHotEncoder": OneHotEncoder(handle_unknown="ignore"),
    "KBinsDiscretizer": KBinsDiscretizer(n_bins=3, encode="ordinal"),
    "ColumnTransformer": make_column_transformer((StandardScaler(), [2]), (MinMaxScaler(), [0]), remainder="passthrough"),
    "Pipeline": make_pipeline(SimpleImputer(), StandardScaler(), PCA(2, random_state=0)),
}
NO_WAY_BACK = {"Pipeline"}  # from what was imputed


def steps_of(X):
    """All steps of sequences of any form, one below the other."""
    return X.values if isinstance(X, Sequences) else np.concatenate(list(X))


def plain(table):
    return table.toarray() if hasattr(table, "toarray") else np.asarray(table)


def assert_same_form(X_out, X, form):
    assert isinstance(X_out, KINDS.get(form.partition(",")[0], type(X)))
    assert len(X_out) == len(X)
    assert [len(x) for x in X_out] == [len(x) for x in X]
    if form == "object array":
        assert X_out.dtype == object and X_out.shape == X.shape
    if form == "Series":
        assert X_out.index.equals(X.index) and X_out.name == X.name
    if isinstance(X_out, np.ndarray) and X_out.dtype != object:
        assert X_out.ndim == 3


def assert_bits(X_out, expected):
    """That the steps are what the bare transformer made, in value and dtype."""
    found, expected = steps_of(X_out), plain(expected)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


# ---- the same as on the table of steps ----


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize(("form", "ragged"), CASES)
def test_the_bits_of_the_bare_transformer(form, ragged, name, dtype):
    if dtype == np.float32 and form not in KINDS:
        return
    missing = name in ("SimpleImputer", "Pipeline", "StandardScaler")
    items, others = (arrays(ragged, missing, dtype, seed) for seed in (0, 1))
    X, X_other = FORMS[form](items), FORMS[form](others)
    bare = clone(TRANSFORMERS[name])
    expected = bare.fit_transform(np.concatenate(items))
    per_step = PerStep(TRANSFORMERS[name])
    found = per_step.fit_transform(X)
    assert_same_form(found, X, form)
    assert_bits(found, expected)
    per_step = PerStep(TRANSFORMERS[name]).fit(X)
    bare = clone(bare).fit(np.concatenate(items))
    assert_bits(per_step.transform(X_other), bare.transform(np.concatenate(others)))
    assert hasattr(per_step, "inverse_transform") == hasattr(bare, "inverse_transform")
    if hasattr(bare, "inverse_transform") and name not in NO_WAY_BACK:
        expected = plain(bare.transform(np.concatenate(items)))
        restored = per_step.inverse_transform(per_step.transform(X))
        assert_same_form(restored, X, form)
        assert_bits(restored, bare.inverse_transform(expected))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_the_bits_of_the_bare_transformer_on_flattened_rows(name):
    X = np.stack(arrays(False, missing=name in ("SimpleImputer", "Pipeline")))
    per_step = PerStep(TRANSFORMERS[name], n_channels=D)
    found = per_step.fit_transform(X.reshape(N, -1))
    expected = plain(clone(TRANSFORMERS[name]).fit_transform(X.reshape(-1, D)))
    np.testing.assert_array_equal(found, expected.reshape(N, -1))
    assert per_step.n_features_in_ == T * D
    if hasattr(per_step, "inverse_transform") and name not in NO_WAY_BACK:
        np.testing.assert_array_equal(
            per_step.inverse_transform(found), per_step.transformer_.inverse_transform(expected).reshape(N, -1)
        )
    # A model of rows takes sequences of the same channels, and the other way round.
    np.testing.assert_array_equal(per_step.transform(X), per_step.transform(X.reshape(N, -1)).reshape(N, T, -1))
    per_step.fit(X)
    np.testing.assert_array_equal(per_step.transform(X.reshape(N, -1)), per_step.transform(X).reshape(N, -1))


def test_a_univariate_series_has_one_channel():
    items = [np.arange(4.0), np.array([7.0])]
    found = PerStep(StandardScaler()).fit_transform(items)
    expected = StandardScaler().fit_transform(np.concatenate(items)[:, np.newaxis])
    assert [x.shape for x in found] == [(4, 1), (1, 1)]
    np.testing.assert_array_equal(np.concatenate(found), expected)


def test_one_univariate_row_is_a_sequence_of_steps():
    X = np.arange(12.0).reshape(3, 4)
    found = PerStep(StandardScaler()).fit_transform(X)
    np.testing.assert_array_equal(found, StandardScaler().fit_transform(X.reshape(-1, 1)).reshape(3, 4))


class Watcher(TransformerMixin, BaseEstimator):
    """Keeps what it gets, and returns it."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        self.seen = X
        return X


@pytest.mark.parametrize("form", ["3-D", "Sequences"])
def test_nothing_is_copied(form):
    X = FORMS[form](arrays(ragged=False))
    per_step = PerStep(Watcher()).fit(X)
    out = per_step.transform(X)
    buffer = X if form == "3-D" else X.values
    assert np.shares_memory(per_step.transformer_.seen, buffer)
    assert np.shares_memory(out if form == "3-D" else out.values, buffer)


def test_a_list_is_copied_once():
    per_step = PerStep(Watcher()).fit(arrays(ragged=True))
    out = per_step.transform(arrays(ragged=True))
    assert all(np.shares_memory(x, per_step.transformer_.seen) for x in out)


def test_integers_and_texts_reach_the_transformer_as_they_are():
    codes = [np.array([[1], [2]]), np.array([[1]])]
    per_step = PerStep(OneHotEncoder()).fit(codes)
    assert per_step.transformer_.categories_[0].dtype.kind == "i"
    texts = [[["walk", "up"], ["run", "down"]], [["walk", "down"]]]
    per_step = PerStep(OneHotEncoder()).fit(texts)
    assert per_step.get_feature_names_out().tolist() == ["x0_run", "x0_walk", "x1_down", "x1_up"]
    np.testing.assert_array_equal(per_step.transform(texts)[1], [[0, 1, 1, 0]])
    assert per_step.inverse_transform(per_step.transform(texts))[1].tolist() == [["walk", "down"]]
    mixed = [np.array([["walk"]]), np.array([[1]])]
    assert PerStep(Watcher()).fit_transform(mixed)[1].tolist() == [[1]]
    assert PerStep(Watcher()).fit_transform([[["walk", 1.5]]])[0].tolist() == [["walk", 1.5]]


@pytest.mark.parametrize("container", [np.array, "pandas"])
def test_texts_in_flattened_rows(container):
    make = pytest.importorskip(container).DataFrame if isinstance(container, str) else container
    X = [["walk", "up", "run", "down"], ["walk", "down", "walk", "down"]]
    per_step = PerStep(OneHotEncoder(), n_channels=2)
    found = per_step.fit_transform(make(X))
    np.testing.assert_array_equal(found, [[0, 1, 0, 1, 1, 0, 1, 0], [0, 1, 1, 0, 0, 1, 1, 0]])
    assert per_step.inverse_transform(found).tolist() == X


@pytest.mark.parametrize("sparse", [True, False])
def test_sparse_results_are_made_dense(sparse):
    X = np.random.default_rng(0).integers(3, size=(N, T, 2))
    found = PerStep(OneHotEncoder(sparse_output=sparse)).fit_transform(X)
    assert isinstance(found, np.ndarray) and found.shape == (N, T, 6)
    np.testing.assert_array_equal(found.sum(axis=2), 2)


# ---- names of channels ----


BY_NAME = ColumnTransformer([("scaled", StandardScaler(), ["heart rate"]), ("coded", OneHotEncoder(), ["ward"])])
NAMES = ["ward", "heart rate"]


def table_of_wards():
    rng = np.random.default_rng(0)
    return np.column_stack([rng.integers(2, size=sum(LENGTHS)), rng.normal(70, 10, size=sum(LENGTHS))])


def by_hand(table):
    rate = StandardScaler().fit_transform(table[:, [1]])
    return np.column_stack([rate, table[:, 0] == 0, table[:, 0] == 1])


def test_channels_by_name_of_arrays():
    pytest.importorskip("pandas")
    table = table_of_wards()
    X = Sequences(table, np.concatenate([[0], np.cumsum(LENGTHS)]))
    per_step = PerStep(BY_NAME, channel_names=NAMES)
    np.testing.assert_array_equal(per_step.fit_transform(X).values, by_hand(table))
    np.testing.assert_array_equal(per_step.transform(X).values, by_hand(table))
    assert per_step.get_feature_names_out().tolist() == ["scaled__heart rate", "coded__ward_0.0", "coded__ward_1.0"]
    assert per_step.feature_names_in_.tolist() == NAMES
    rows = PerStep(BY_NAME, n_channels=2, channel_names=NAMES).fit(table[:4].reshape(2, 4))
    assert rows.get_feature_names_out().tolist()[:2] == ["step0_scaled__heart rate", "step0_coded__ward_0.0"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("container", [list, object_array])
def test_channels_by_name_of_dataframes(library, container):
    library = pytest.importorskip(library)
    table = table_of_wards()
    wards = np.array(["north", "south"])
    cuts = np.cumsum(LENGTHS)[:-1]
    frames = [
        library.DataFrame({"ward": wards[part[:, 0].astype(int)].tolist(), "heart rate": part[:, 1]})
        for part in np.split(table, cuts)
    ]
    try:
        clone(BY_NAME).fit(frames[0])
    except AttributeError:
        pytest.skip("This scikit-learn takes no such DataFrames.")
    per_step = PerStep(BY_NAME)
    found = per_step.fit_transform(container(frames))
    assert isinstance(found, np.ndarray if container is object_array else list)
    assert [len(x) for x in found] == LENGTHS
    np.testing.assert_array_equal(np.concatenate(list(found)), by_hand(table))
    assert per_step.get_feature_names_out().tolist() == ["scaled__heart rate", "coded__ward_north", "coded__ward_south"]
    assert per_step.feature_names_in_.tolist() == NAMES and per_step.n_features_in_ == 2
    with pytest.raises(ValueError, match=r"columns of sequence 0 are .*those of sequence 1 are .*Pass the same columns"):
        per_step.fit([frames[0], frames[1][NAMES[::-1]]])


def test_channels_by_name_of_sequences():
    pytest.importorskip("pandas")
    table = table_of_wards()
    rows = {"who": np.repeat(np.arange(N), LENGTHS), "ward": table[:, 0], "heart rate": table[:, 1]}
    X = Sequences.from_long(rows, id="who")
    per_step = PerStep(BY_NAME)
    found = per_step.fit_transform(X)
    np.testing.assert_array_equal(found.values, by_hand(table))
    assert found.channel_names == per_step.get_feature_names_out().tolist()
    assert found.ids.tolist() == X.ids.tolist()
    assert per_step.feature_names_in_.tolist() == NAMES
    assert PerStep(Watcher()).fit_transform(X).channel_names is None
    again = PerStep(StandardScaler()).fit_transform(found)
    assert again.channel_names == found.channel_names
    _, y = make_windows(X, 1, target="heart rate", on_short="drop")
    assert y.shape == (sum(LENGTHS) - N, 1)


def mood_table(moods, named=True):
    """Three sequences of a number and a category, whose codes depend on which moods there are."""
    table = {"who": [7, 7, 5, 5, 9], "v": np.arange(5.0), "mood": moods}
    X = Sequences.from_long(table, id="who")
    return X if named else Sequences(X.values, X.offsets, ids=X.ids, categories=X.categories)


FIRST, LATER = ["fine", "sad", "fine", "angry", "sad"], ["sad", "sad", "fine", "sad", "fine"]


def moods_of(X):
    """The categories in the last channel."""
    return [X.categories[1][int(code)] for code in X.values[:, 1]]


@pytest.mark.parametrize("named", [True, False])
def test_a_transformer_sees_categories_and_not_their_codes(named):
    encoder = make_column_transformer((OneHotEncoder(), ["mood"] if named else [1]), remainder="drop")
    per_step = PerStep(encoder).fit(mood_table(FIRST, named))
    X_out = per_step.transform(mood_table(LATER, named))
    np.testing.assert_array_equal(X_out.values, [[mood == name for name in ("angry", "fine", "sad")] for mood in LATER])
    assert X_out.values.dtype == np.float64 and X_out.categories == {}
    with pytest.raises(ValueError, match="could not convert string to float: 'fine'"):
        PerStep(StandardScaler()).fit(mood_table(FIRST, named))


@pytest.mark.parametrize("named", [True, False])
def test_categories_that_pass_through_are_categories(named):
    pytest.importorskip("pandas")
    scale = make_column_transformer(
        (StandardScaler(), ["v"] if named else [0]), remainder="passthrough", verbose_feature_names_out=False
    )
    per_step = PerStep(scale).fit(mood_table(FIRST, named))
    X_out = per_step.transform(mood_table(LATER, named))
    assert X_out.ids.tolist() == [7, 5, 9]
    assert X_out.channel_names == (["v", "mood"] if named else None)
    assert moods_of(X_out) == LATER
    assert X_out.values.dtype == np.float64
    # So a model in a Pipeline tells them by what they are, whatever their codes.
    model = LSTMRegressor(4, categorical_features=[1], max_iter=5, random_state=0)
    pipe = make_pipeline(PerStep(scale), model).fit(mood_table(FIRST, named), [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="holds categories"):
        make_pipeline(PerStep(scale), LSTMRegressor(4)).fit(mood_table(FIRST, named), [1.0, 2.0, 3.0])
    whole = mood_table([*FIRST[:3], "sad", "sad"], named)  # without "angry", "sad" has another code
    np.testing.assert_array_equal(pipe.predict(whole)[0], pipe.predict(mood_table(FIRST, named))[0])


def test_categories_come_back():
    X = mood_table(FIRST)
    per_step = PerStep(make_pipeline(OrdinalEncoder())).fit(X)
    X_back = per_step.inverse_transform(per_step.transform(X))
    assert moods_of(X_back) == FIRST
    assert X_back.channel_names == ["v", "mood"] and X_back.ids.tolist() == [7, 5, 9]
    np.testing.assert_array_equal(X_back.values[:, 0], X.values[:, 0])


def test_missing_categories_are_imputed():
    X = mood_table(["sad", None, "fine", "sad", "sad"])
    X_out = PerStep(make_column_transformer((SimpleImputer(strategy="most_frequent"), ["v", "mood"]))).fit_transform(X)
    assert moods_of(X_out) == ["sad", "sad", "fine", "sad", "sad"]


@pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
def test_a_long_table_with_holes(container):
    pandas = pytest.importorskip("pandas" if container == "default" else container) and pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame({"who": np.repeat(np.arange(12), 4), "v": rng.normal(size=48), "mood": rng.choice(list("xyz"), 48)})
    frame.loc[3, "v"], frame.loc[9, "mood"] = np.nan, None
    X = Sequences.from_long(frame, id="who")
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["v"]),
            ("categories", SimpleImputer(strategy="most_frequent"), ["mood"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform=container)
    by_hand = frame.assign(v=(frame.v.fillna(frame.v.mean())), mood=frame.mood.fillna(frame.mood.mode()[0]))
    by_hand["v"] = StandardScaler().fit_transform(by_hand[["v"]])[:, 0]
    expected = Sequences.from_long(by_hand, id="who")
    X_out = PerStep(columns).fit_transform(X)
    np.testing.assert_array_equal(X_out.values, expected.values)
    assert X_out.channel_names == ["v", "mood"] and X_out.categories[1].tolist() == list("xyz")
    pipe = make_pipeline(PerStep(columns), LSTMRegressor(2, max_iter=1, categorical_features=["mood"], random_state=0))
    grid = {"perstep__transformer__numbers__simpleimputer__strategy": ["mean", "median"]}
    assert np.isfinite(GridSearchCV(pipe, grid, cv=3, error_score="raise").fit(X, np.arange(12.0)).best_score_)


def test_numbers_beside_categories_keep_their_dtype():
    pytest.importorskip("pandas")
    X = Sequences(np.float32([[0.5, 0], [2.5, 1]]), [0, 2], channel_names=["v", "mood"], categories={1: ["a", "b"]})
    per_step = PerStep(Watcher()).fit(X)
    per_step.transform(X)
    assert per_step.transformer_.seen["v"].dtype == np.float32


@pytest.mark.parametrize("code", [2, -1, 0.5, np.inf])
def test_codes_that_are_no_categories_are_refused(code):
    X = Sequences([[0.0, 1], [1.0, code]], [0, 1, 2], channel_names=["v", "mood"], categories={1: ["a", "b"]})
    with pytest.raises(ValueError, match=r"Channel 1 \('mood'\) of X holds codes of 2 categories, but sequence 1, step 0 is"):
        PerStep(OneHotEncoder()).fit(X)


@pytest.mark.parametrize("transformer", [StandardScaler(), FunctionTransformer(feature_names_out="one-to-one")])
def test_channels_in_another_order_are_refused(transformer):
    X = Sequences(np.arange(6.0).reshape(3, 2), [0, 2, 3], channel_names=["a", "b"])
    per_step = PerStep(transformer).fit(X)
    other = Sequences(X.values, X.offsets, channel_names=["b", "a"])
    with pytest.raises(ValueError, match=r"X has the channels \['b', 'a'\], PerStep is expecting \['a', 'b'\]"):
        per_step.transform(other)
    assert per_step.inverse_transform(per_step.transform(X)).channel_names == ["a", "b"]


@pytest.mark.parametrize("names", [["a", 1], [3, 4], [("a", 1), ("a", 2)]])
def test_names_that_are_no_texts_are_no_feature_names(names):
    X = Sequences(np.arange(6.0).reshape(3, 2), [0, 2, 3], channel_names=names)
    per_step = PerStep(StandardScaler()).fit(X)
    assert not hasattr(per_step, "feature_names_in_")
    assert_bits(per_step.transform(X), StandardScaler().fit_transform(X.values))


@pytest.mark.parametrize("first", [FunctionTransformer(np.abs), FunctionTransformer(np.abs, feature_names_out="one-to-one")])
def test_a_step_of_a_pipeline_without_names(first):
    X = Sequences(np.arange(6.0).reshape(3, 2), [0, 2, 3], channel_names=["a", "b"])
    X_out = PerStep(make_pipeline(first, StandardScaler())).fit_transform(X)
    assert X_out.channel_names == (["a", "b"] if first.feature_names_out else None)
    assert_bits(X_out, StandardScaler().fit_transform(X.values))


def test_dataframes_of_two_libraries_are_refused():
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    frame = pandas.DataFrame({"a": [1.0]})
    for other, name in ((polars.DataFrame({"a": [1.0]}), "polars"), (np.ones((2, 1)), "numpy")):
        with pytest.raises(ValueError, match=rf"all be of pandas, or all of polars, got .*'{name}'.* Convert them"):
            PerStep(StandardScaler()).fit([frame, other])


def test_names_of_texts_in_arrays():
    """Objects become columns of their own types, for selectors by dtype."""
    pytest.importorskip("pandas")
    X = np.array([[["a", 1.0], ["b", 2.0]]], dtype=object)
    per_step = PerStep(Watcher(), channel_names=["letter", "number"]).fit(X)
    per_step.transform(X)
    assert per_step.transformer_.seen["number"].dtype == np.float64


@pytest.mark.parametrize(
    ("transformer", "names"),
    [(StandardScaler(), ["x0", "x1", "x2"]), (PCA(2), ["pca0", "pca1"]), (SelectKBest(k=1), ["x0"])],
)
def test_names_out(transformer, names):
    X = np.stack(arrays(ragged=False))
    y = np.arange(N) % 2
    X[:, :, 0] += y[:, np.newaxis]
    per_step = PerStep(transformer).fit(X, y)
    assert per_step.get_feature_names_out().tolist() == names
    if isinstance(transformer, StandardScaler):
        assert per_step.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="input_features should have length equal"):
        PerStep(StandardScaler()).fit(X).get_feature_names_out(["a"])


def test_names_out_of_flattened_rows():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.arange(12.0).reshape(3, 4), columns=["a1", "b1", "a2", "b2"])
    scaled = PerStep(StandardScaler(), n_channels=2).fit(frame)
    assert scaled.feature_names_in_.tolist() == scaled.get_feature_names_out().tolist() == list(frame.columns)
    reduced = PerStep(PCA(1), n_channels=2).fit(frame)
    assert reduced.get_feature_names_out().tolist() == ["step0_pca0", "step1_pca0"]
    reduced.fit(frame.to_numpy().reshape(3, 2, 2))
    assert not hasattr(reduced, "feature_names_in_") and reduced.n_features_in_ == 2


# ---- containers of output ----


@pytest.mark.parametrize("container", ["default", "pandas", "polars"])
@pytest.mark.parametrize("form", ["3-D", "list", "Sequences"])
def test_the_output_container_of_the_inner_transformer(form, container):
    if container != "default":
        pytest.importorskip(container)
    X = FORMS[form](arrays(ragged=False, missing=True))
    bare = make_pipeline(SimpleImputer(), StandardScaler())
    inner = clone(bare).set_output(transform=container)
    expected = np.asarray(inner.fit_transform(steps_of(X)))  # in another order in memory, so with other bits, for polars
    assert_bits(PerStep(inner).fit_transform(X), expected)
    with sklearn.config_context(transform_output=container):
        found = PerStep(bare).fit(X).transform(X)
    assert_same_form(found, X, form)
    assert_bits(found, expected)
    outer = make_pipeline(PerStep(bare), PerStep(MinMaxScaler())).set_output(transform=container)
    plain_bits = MinMaxScaler().fit_transform(bare.fit_transform(steps_of(X)))
    assert_bits(outer.fit_transform(X), plain_bits)  # which is for tables, and does not go inside


def test_columns_of_several_types_become_numbers():
    pytest.importorskip("pandas")
    X = np.stack(arrays(ragged=False))
    inner = make_column_transformer((StandardScaler(), [0]), (FunctionTransformer(lambda X: X > 0), [1]))
    found = PerStep(inner.set_output(transform="pandas"), channel_names=["a", "b", "c"]).fit_transform(X)
    assert found.dtype == np.float64 and set(np.unique(found[:, :, 1])) == {0.0, 1.0}


@pytest.mark.filterwarnings("ignore:When `set_output`:UserWarning")  # of a FunctionTransformer
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_the_output_container_of_flattened_rows(container):
    library = pytest.importorskip(container)
    X = np.arange(12.0).reshape(3, 4)
    per_step = PerStep(StandardScaler(), n_channels=2)
    expected = per_step.fit_transform(X)
    found = per_step.set_output(transform=container).set_output().fit_transform(X)
    assert isinstance(found, library.DataFrame) and list(found.columns) == ["x0", "x1", "x2", "x3"]
    np.testing.assert_array_equal(found.to_numpy(), expected)
    assert isinstance(clone(per_step).fit(X).transform(X), library.DataFrame)
    with sklearn.config_context(transform_output=container):
        nameless = PerStep(FunctionTransformer(np.negative)).fit_transform(X)
    np.testing.assert_array_equal(np.asarray(nameless), -X)


# ---- chunks, targets, weights ----


def test_partial_fit():
    items = arrays(ragged=True)
    per_step, bare = PerStep(StandardScaler()), StandardScaler()
    for chunk in (items[:5], items[5:]):
        assert per_step.partial_fit(chunk) is per_step
        bare.partial_fit(np.concatenate(chunk))
    assert_bits(per_step.transform(items), bare.transform(np.concatenate(items)))
    with pytest.raises(ValueError, match="2 channels per step, but PerStep is expecting 3"):
        per_step.partial_fit([np.ones((4, 2))])
    np.testing.assert_array_equal(per_step.transformer_.mean_, bare.mean_)
    per_step.fit(items[:5])  # anew
    np.testing.assert_array_equal(per_step.transformer_.mean_, StandardScaler().fit(np.concatenate(items[:5])).mean_)
    assert PerStep(IncrementalPCA(2)).partial_fit(items).transformer_.n_samples_seen_ == sum(LENGTHS)


def test_methods_are_there_where_the_transformer_has_them():
    assert hasattr(PerStep(StandardScaler()), "partial_fit")
    assert not hasattr(PerStep(PCA()), "partial_fit")
    assert hasattr(PerStep(make_pipeline(SimpleImputer(), PCA())), "get_feature_names_out")
    assert not hasattr(PerStep(OneHotEncoder()), "partial_fit")
    assert not hasattr(PerStep(KBinsDiscretizer()), "partial_fit") and hasattr(PerStep(KBinsDiscretizer()), "inverse_transform")
    assert not hasattr(PerStep(TargetEncoder()), "inverse_transform")
    assert not hasattr(PerStep(FunctionTransformer()), "get_feature_names_out")


def test_y_of_sequences_and_of_steps():
    items = arrays(ragged=True)
    y = np.array(["no", "yes"])[np.arange(N) % 2]
    for item, label in zip(items, y, strict=True):
        item[:, 1] += label == "yes"
    table, repeated = np.concatenate(items), np.repeat(y, LENGTHS)
    expected = SelectKBest(k=1).fit(table, repeated).scores_
    by_step = np.split(repeated, np.cumsum(LENGTHS)[:-1])
    for labels in (y, y.tolist(), y.astype(object), by_step, object_array(by_step)):
        np.testing.assert_array_equal(PerStep(SelectKBest(k=1)).fit(items, labels).transformer_.scores_, expected)
    numbers = Sequences((repeated == "yes").astype(float)[:, np.newaxis], Sequences.from_list(items).offsets)
    np.testing.assert_array_equal(PerStep(SelectKBest(k=1)).fit(items, numbers).transformer_.scores_, expected)
    for wrong in (y[:-1], by_step[:-1], [labels[:-1] for labels in by_step]):
        with pytest.raises(ValueError, match=r"Pass one entry of y|one entry for every step"):
            PerStep(SelectKBest(k=1)).fit(items, wrong)


def test_y_of_several_outputs_is_one_row_per_sequence():
    seen = []

    class Keeper(Watcher):
        def fit(self, X, y=None):
            seen.append(y)
            return super().fit(X, y)

    items = arrays(ragged=True)
    y = np.arange(2.0 * N).reshape(N, 2)
    for table in (y, y.tolist(), list(y)):
        PerStep(Keeper()).fit_transform(items, table)
        np.testing.assert_array_equal(seen.pop(), np.repeat(y, LENGTHS, axis=0))
    PerStep(Keeper()).fit(items)
    assert seen.pop() is None


@pytest.mark.filterwarnings("ignore:.*TargetEncoder:FutureWarning")  # scikit-learn 1.9 has another way than random_state
def test_fit_transform_is_that_of_the_transformer():
    """Which for a TargetEncoder is cross-fitted, and another one than transform."""
    X = np.random.default_rng(0).integers(3, size=(40, 4, 1))
    y = X[:, :, 0].sum(axis=1) + 0.5
    encoder = TargetEncoder(random_state=0)
    found = PerStep(encoder).fit_transform(X, y)
    np.testing.assert_array_equal(found.reshape(-1, 1), encoder.fit_transform(X.reshape(-1, 1), np.repeat(y, 4)))
    assert (found != PerStep(encoder).fit(X, y).transform(X)).any()

    class OnlyTransform(BaseEstimator):
        def fit(self, X, y=None):
            self.mean_ = X.mean()
            return self

        def transform(self, X):
            return X - self.mean_

    np.testing.assert_array_equal(PerStep(OnlyTransform()).fit_transform(X), X - X.mean())


def test_sample_weight_of_sequences_and_of_steps():
    items = arrays(ragged=True)
    weights = np.arange(N, dtype=float)
    repeated = np.repeat(weights, LENGTHS)
    expected = StandardScaler().fit(np.concatenate(items), sample_weight=repeated)
    by_step = np.split(repeated, np.cumsum(LENGTHS)[:-1])
    for given in (weights, weights.tolist(), by_step):
        per_step = PerStep(StandardScaler()).fit(items, sample_weight=given)
        np.testing.assert_array_equal(per_step.transformer_.mean_, expected.mean_)
        found = PerStep(StandardScaler()).fit_transform(items, sample_weight=given)
        assert_bits(found, expected.transform(np.concatenate(items)))
    chunked = PerStep(StandardScaler()).partial_fit(items, sample_weight=weights)
    np.testing.assert_array_equal(chunked.transformer_.mean_, expected.mean_)
    with pytest.raises(ValueError, match="SimpleImputer does not accept it"):
        PerStep(SimpleImputer()).fit(items, sample_weight=weights)
    PerStep(SimpleImputer()).fit(items, sample_weight=None)


def test_sample_weight_of_a_pipeline():
    items = arrays(ragged=True)
    weights = np.arange(N, dtype=float)
    expected = StandardScaler().fit(np.concatenate(items), sample_weight=np.repeat(weights, LENGTHS)).mean_
    inner = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())])
    with pytest.raises(ValueError, match=r"Pipeline does not accept it.*<step>__sample_weight"):
        PerStep(inner).fit(items, sample_weight=weights)
    by_name = PerStep(inner).fit(items, scale__sample_weight=weights)
    np.testing.assert_array_equal(by_name.transformer_["scale"].mean_, expected)
    outer = make_pipeline(PerStep(StandardScaler()), FunctionTransformer())
    outer.fit(items, perstep__sample_weight=weights)
    np.testing.assert_array_equal(outer["perstep"].transformer_.mean_, expected)
    with sklearn.config_context(enable_metadata_routing=True):
        inner.set_params(scale=StandardScaler().set_fit_request(sample_weight=True))
        routed = PerStep(inner).set_fit_request(sample_weight=True)
        outer = make_pipeline(routed, FunctionTransformer()).fit(items, sample_weight=weights)
        np.testing.assert_array_equal(outer["perstep"].transformer_["scale"].mean_, expected)
        with pytest.raises(ValueError, match="Pipeline does not accept it"):
            PerStep(make_pipeline(PCA())).fit(items, sample_weight=weights)


# ---- as an estimator ----


@parametrize_with_checks(
    [PerStep(StandardScaler()), PerStep(SimpleImputer()), PerStep(PCA()), PerStep(make_pipeline(MinMaxScaler(), PCA()))]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_parameters_and_clones():
    inner = StandardScaler()
    per_step = PerStep(inner).fit(arrays(ragged=True))
    assert not hasattr(inner, "mean_")
    assert per_step.get_params()["transformer__with_mean"] is True
    twin = clone(per_step).set_params(transformer__with_mean=False)
    assert inner.with_mean and not twin.transformer.with_mean
    assert not hasattr(twin, "transformer_")
    with pytest.raises(NotFittedError):
        twin.transform(arrays(ragged=True))
    assert "StandardScaler" in repr(per_step) and "StandardScaler" in per_step._repr_html_()


def test_pickles():
    items = arrays(ragged=True)
    per_step = PerStep(make_pipeline(SimpleImputer(), StandardScaler())).fit(items)
    assert_bits(pickle.loads(pickle.dumps(per_step)).transform(items), steps_of(per_step.transform(items)))


@pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("Estimator", [LSTMClassifier, LSTMRegressor])
@pytest.mark.parametrize(("form", "ragged"), [case for case in CASES if case[0] in ("3-D", "list", "object array", "Sequences")])
def test_before_an_estimator(Estimator, form, ragged):
    X = FORMS[form](arrays(ragged, missing=True))
    y = np.arange(N) % 2
    pipe = make_pipeline(PerStep(SimpleImputer()), PerStep(StandardScaler()), Estimator(4, max_iter=3, random_state=0))
    found = pipe.fit(X, y).predict(X)
    table = np.concatenate(arrays(ragged, missing=True))
    ready = Sequences(make_pipeline(SimpleImputer(), StandardScaler()).fit_transform(table), Sequences.from_list(X).offsets)
    np.testing.assert_array_equal(found, Estimator(4, max_iter=3, random_state=0).fit(ready, y).predict(ready))
    grid = {"perstep-1__transformer__strategy": ["mean", "median"], "perstep-2__transformer": [StandardScaler(), MinMaxScaler()]}
    search = GridSearchCV(pipe, grid, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4


def test_the_error_for_missing_values_names_what_works():
    X = np.stack(arrays(ragged=False, missing=True))
    y = np.arange(N) % 2
    with pytest.raises(ValueError, match=r"NaN: sequence 0, step 1, channel 2.*PerStep\(SimpleImputer\(\)\)"):
        LSTMClassifier(max_iter=1).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        make_pipeline(PerStep(SimpleImputer()), LSTMClassifier(max_iter=1)).fit(X, y)


# ---- what is refused ----


class Dropper(Watcher):
    def transform(self, X):
        return X[1:]


class Flattener(Watcher):
    def transform(self, X):
        return np.asarray(X)[:, 0]


RAGGED = arrays(ragged=True)
REFUSED = {
    "a row less": (Dropper(), RAGGED, [r"one row for every step", r"Dropper got 34 rows .*\(33, 3\)", "sequence by sequence"]),
    "no column": (Flattener(), RAGGED, [r"array of shape \(34,\)"]),
    "no sequence": (StandardScaler(), [], [r"0 sample\(s\)", "at least one"]),
    "no step": (StandardScaler(), [*RAGGED, np.empty((0, D))], ["Sequence 12 .* no step", "Drop"]),
    "no step in 3-D": (StandardScaler(), np.empty((2, 0, 3)), ["Sequence 0 .* no step"]),
    "no channel": (StandardScaler(), np.empty((2, 3, 0)), ["no channel"]),
    "other channels": (StandardScaler(), [*RAGGED, np.ones((2, 2))], ["sequence 0 has 3, sequence 12 has 2"]),
    "3-D in a list": (StandardScaler(), [np.ones((1, 2, 3))], ["Sequence 0 of X has 3 dimensions", "Reshape"]),
    "steps of unequal width": (StandardScaler(), [[[1, 2], [3]]], ["steps differ in length"]),
    "4-D": (StandardScaler(), np.ones((1, 2, 3, 4)), ["dim 4", "Sequences"]),
    "1-D": (StandardScaler(), np.ones(3), ["Expected 2D array", "Reshape"]),
    "text": (StandardScaler(), "abc", ["X must be an array or a list of arrays, got str"]),
    "a number": (StandardScaler(), 3.0, ["got float"]),
    "masked": (StandardScaler(), np.ma.masked_equal(np.ones((2, 3, 1)), 1), ["masked"]),
    "masked in a list": (SimpleImputer(), [np.ones((2, 1)), np.ma.masked_equal([[1.0]], 1)], ["Sequence 1 of X is a masked"]),
    "columns": (PerStep(StandardScaler(), n_channels=2), np.ones((3, 5)), ["multiple of n_channels=2, got 5"]),
    "names": (PerStep(StandardScaler(), channel_names=["a"]), RAGGED, ["channel_names has 1 names, but X has 3", "Give one"]),
    "no transformer": (PerStep(LSTMClassifier()), RAGGED, ["'transformer' parameter of PerStep must be", "transform"]),
    "no n_channels": (PerStep(StandardScaler(), n_channels=0), RAGGED, ["'n_channels'"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    transformer, X, words = REFUSED[name]
    per_step = transformer if isinstance(transformer, PerStep) else PerStep(transformer)
    with pytest.raises(ValueError) as caught:
        per_step.fit_transform(X)
    for word in words:
        with pytest.raises(AssertionError, match=word):
            raise AssertionError(str(caught.value))


@pytest.mark.parametrize(
    "bad",
    [np.full((2, 3, 4), np.inf), [np.ones((2, 2)), np.ones((1, 3))], np.ones((2, 3, 0)), np.full((3, 3), np.inf)],
    ids=["infinite", "unlike", "empty", "infinite rows"],
)
def test_a_fit_that_fails_leaves_everything_as_it_was(bad):
    frames = [pytest.importorskip("pandas").DataFrame(x, columns=["a", "b", "c"]) for x in RAGGED]
    per_step = PerStep(StandardScaler()).fit(frames)
    before = {name: id(value) for name, value in vars(per_step).items()}
    for call in (per_step.fit, per_step.fit_transform, per_step.partial_fit):
        with pytest.raises(ValueError):
            call(bad)
        assert {name: id(value) for name, value in vars(per_step).items()} == before


def test_sparse_tables_are_refused():
    with pytest.raises(ValueError, match=r"[Ss]parse.*toarray"):
        PerStep(StandardScaler()).fit(csr_array(np.eye(3)))


def test_what_is_refused_after_fit():
    per_step = PerStep(StandardScaler()).fit(RAGGED)
    for X in (np.ones((2, 3, 4)), [np.ones((2, 2))], np.ones((2, 6))):
        with pytest.raises(ValueError, match="channels per step, but PerStep is expecting 3 channels"):
            per_step.transform(X)
    with pytest.raises(ValueError, match=r"fitted on sequences\. Pass what transform returned"):
        per_step.inverse_transform(np.ones((2, 3)))
    rows = PerStep(StandardScaler(), n_channels=2).fit(np.ones((2, 6)))
    with pytest.raises(ValueError, match="X has 4 features, but PerStep is expecting 6 features as input"):
        rows.transform(np.ones((2, 4)))
    with pytest.raises(ValueError, match="for each of the 3 steps"):
        rows.inverse_transform(np.ones((2, 5)))
