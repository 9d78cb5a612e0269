"""Relative windows and blocks: levels as a loop subtracts them, predictions in the units of the series, no shared steps."""

import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, QuantileRegressor, Ridge
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMRegressor, Sequences
from sklstm.datasets import make_seasonal
from sklstm.preprocessing import PerStep, RelativeRegressor, make_windows

KINDS = {"last": lambda column: column[-1], "mean": lambda column: np.mean(column)}
QUICK = {"hidden_size": 3, "max_iter": 3, "random_state": 0}


def level_of(relative, column):
    """The naive twin: the level of one channel of one window."""
    observed = column[np.isfinite(column)].astype(float)
    return KINDS[relative](observed) if len(observed) else np.nan


def some_series(*lengths, n_channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(length, n_channels)).cumsum(axis=0) for length in lengths]


# ---- make_windows(relative=...) ----


@pytest.mark.parametrize("missing", ["keep", "drop"])
@pytest.mark.parametrize("target", [None, 1, [2], [2, 0]])
@pytest.mark.parametrize("known", [None, 1])
@pytest.mark.parametrize("relative", KINDS)
@pytest.mark.parametrize("several", [False, True])
def test_levels_are_those_of_the_loop(several, relative, known, target, missing):
    if target == 1 and known == 1:
        return
    series = some_series(17, 9, 12)
    for one in series:
        one[np.random.default_rng(1).random(one.shape) < 0.05] = np.nan
    arguments = {"target": target, "known_future": known, "stride": 2, "missing": missing, "return_index": True}
    given = series if several else series[0]
    X, y, index = make_windows(given, 4, 2, **arguments)
    X_relative, y_relative, level, same_index = make_windows(given, 4, 2, relative=relative, return_level=True, **arguments)
    np.testing.assert_array_equal(index, same_index)
    expected, channels = X.astype(float), [j for j in range(3) if j != known]
    levels = np.array([[level_of(relative, x[:, j]) for j in range(3)] for x in X])
    expected[:, :, channels] -= levels[:, np.newaxis, channels]
    np.testing.assert_allclose(X_relative, expected, atol=1e-12)  # sums in another order
    targets = channels if target is None else [target] if np.ndim(target) == 0 else target
    level_y = levels[:, np.newaxis, targets] if y.ndim == 3 else levels[:, targets]
    np.testing.assert_allclose(level, level_y, atol=1e-12)
    np.testing.assert_allclose(y_relative, y - level_y, atol=1e-12)
    np.testing.assert_allclose(y_relative + level, np.where(np.isnan(level), np.nan, y), atol=1e-12)


def test_the_parts_that_are_returned_are_in_order():
    series = some_series(30, 31)
    parts = make_windows(
        series, 3, 2, groups=["a", "b"], n_blocks=2, relative="last", return_level=True, return_index=True, target=0
    )
    X, y, groups, blocks, level, index = parts
    assert X.shape == (len(X), 3, 3) and y.shape == (len(X), 2) and level.shape == (len(X), 1)
    assert set(groups) == {"a", "b"} and set(blocks) == {0, 1} and index.min() == 3
    assert len(make_windows(series, 3, 2, relative="last", target=0)) == 2


@pytest.mark.parametrize(("dtype", "result"), [("u1", "f8"), ("i8", "f8"), ("?", "f8"), ("f4", "f4"), ("f8", "f8")])
@pytest.mark.parametrize("relative", KINDS)
def test_integers_become_floats_before_they_are_subtracted(dtype, result, relative):
    series = np.array([3, 0, 2, 1, 0, 5]).astype(dtype)
    X, y, level = make_windows(series, 2, relative=relative, return_level=True)
    assert X.dtype == y.dtype == level.dtype == result
    np.testing.assert_array_equal(y + level, make_windows(series.astype(float), 2)[1])
    assert X.min() < 0


def test_the_series_remains_as_it_is():
    for window in (1, 3):
        series = np.arange(9.0)
        X, y = make_windows(series, window, relative="last")
        assert not np.shares_memory(X, series) and X.flags.writeable and y.flags.writeable
        np.testing.assert_array_equal(series, np.arange(9.0))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library):
    library = pytest.importorskip(library)
    frame = library.DataFrame({"sold": np.arange(10.0), "price": np.arange(10.0) ** 2})
    X, y = make_windows(frame, 3, 2, target="sold", known_future="price", relative="last")
    np.testing.assert_array_equal(X[:, :, 0], np.tile([-2.0, -1, 0], (6, 1)))
    np.testing.assert_array_equal(y, np.tile([1.0, 2], (6, 1)))
    np.testing.assert_array_equal(X[:, :, 1:], make_windows(frame, 3, 2, target="sold", known_future="price")[0][:, :, 1:])
    assert (make_windows(frame["sold"], 3, relative="last")[1] == 1).all()


@pytest.mark.parametrize("shift", [1e3, -40.0])
@pytest.mark.parametrize("relative", KINDS)
def test_a_shift_of_the_series_changes_the_level_only(relative, shift):
    (series,) = some_series(40)
    X, y, level = make_windows(series, 6, 3, relative=relative, return_level=True)
    X_shifted, y_shifted, level_shifted = make_windows(series + shift, 6, 3, relative=relative, return_level=True)
    for found, right in ((X_shifted, X), (y_shifted, y), (level_shifted, level + shift)):
        np.testing.assert_allclose(found, right, atol=1e-11)


# ---- blocks ----


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("n_blocks", [2, 5])
@pytest.mark.parametrize("lengths", [(60,), (60, 47, 51)])
def test_windows_of_different_blocks_share_no_step(lengths, n_blocks, stride):
    window, horizon = 4, 2
    series = [np.arange(length) + 1000.0 * i for i, length in enumerate(lengths)]
    X, y, blocks = make_windows(series if len(series) > 1 else series[0], window, horizon, stride, n_blocks=n_blocks)
    everything = make_windows(series if len(series) > 1 else series[0], window, horizon, stride)[0]
    steps = [{*x[:, 0], *after} for x, after in zip(X, y, strict=True)]
    seen = [set().union(*(s for s, b in zip(steps, blocks, strict=True) if b == k)) for k in range(n_blocks)]
    assert all(seen) and sum(map(len, seen)) == len(set().union(*seen))
    # As by a loop: a window is left out only if a border is inside.
    whole = [
        s
        for s, one in ((start, one) for one in series for start in range(0, len(one) - 5, stride))
        if n_blocks * s // len(one) == n_blocks * (s + 5) // len(one)
    ]
    assert len(whole) == len(X) < len(everything)
    assert not set(map(tuple, X[:, :, 0])) - set(map(tuple, everything[:, :, 0]))
    for train, test in GroupKFold(n_blocks).split(X, y, blocks):
        assert not set().union(*(steps[i] for i in train)) & set().union(*(steps[i] for i in test))


def test_blocks_are_in_the_order_of_time_and_of_the_same_length():
    _, _, blocks = make_windows(np.arange(103.0), 5, 2, n_blocks=4)
    assert (np.diff(blocks) >= 0).all() and np.ptp(np.bincount(blocks)) <= 1
    # Series that begin and end together are divided at the same times.
    X, _, blocks = make_windows([np.arange(40.0)] * 2, 5, 2, n_blocks=4)
    np.testing.assert_array_equal(*np.split(blocks, 2))
    np.testing.assert_array_equal(*np.split(X, 2))


@pytest.mark.parametrize("stride", [1, 4])
def test_the_fewest_steps_that_n_blocks_need(stride):
    needed = 3 * (4 + 2 + stride - 1)
    assert set(make_windows(np.arange(needed), 4, 2, stride, n_blocks=3)[2]) == {0, 1, 2}
    words = rf"The series has {needed - 1} steps, but window=4, horizon=2, stride={stride} and n_blocks=3 need {needed}\."
    with pytest.raises(ValueError, match=words):
        make_windows(np.arange(needed - 1), 4, 2, stride, n_blocks=3)
    X = make_windows([np.arange(needed - 1), np.arange(needed)], 4, 2, stride, n_blocks=3, on_short="drop")[0]
    assert len(X) == len(make_windows(np.arange(needed), 4, 2, stride, n_blocks=3)[0])


def test_blocks_of_windows_without_missing_values():
    series = np.where(np.arange(100) % 23 == 11, np.nan, np.arange(100.0))
    X, y, blocks = make_windows(series, 5, 2, n_blocks=3, missing="drop", relative="mean")
    assert np.isfinite(X).all() and np.isfinite(y).all() and len(X) == len(blocks)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"relative": "first"}, "'relative' parameter"),
        ({"n_blocks": 1}, "'n_blocks' parameter"),
        ({"return_level": True}, "got relative=None. Set relative="),
    ],
)
def test_what_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        make_windows(np.arange(20.0), 3, **arguments)


# ---- RelativeRegressor ----


class Recorder(RegressorMixin, BaseEstimator):
    """Keeps what it gets, and predicts zeros of the shape of y, n_quantiles of each."""

    def __init__(self, n_quantiles=None):
        self.n_quantiles = n_quantiles

    def fit(self, X, y, **arguments):
        self.X_, self.y_, self.arguments_ = X, y, arguments
        return self

    def predict(self, X):
        self.seen_ = X
        return np.zeros((len(X), *self.y_.shape[1:], *([self.n_quantiles] if self.n_quantiles else [])))


@pytest.mark.parametrize("target", [1, [1], [2, 0]])
@pytest.mark.parametrize("relative", KINDS)
def test_the_regressor_gets_what_make_windows_makes_relative(relative, target):
    (series,) = some_series(30)
    X, y = make_windows(series, 5, 2, target=target)
    X_relative, y_relative, level = make_windows(series, 5, 2, target=target, relative=relative, return_level=True)
    model = RelativeRegressor(Recorder(), relative, target=target).fit(X, y)
    np.testing.assert_array_equal(model.regressor_.X_, X_relative)
    np.testing.assert_array_equal(model.regressor_.y_, y_relative.reshape(len(y), -1))
    np.testing.assert_array_equal(model.predict(X), np.broadcast_to(level, y.shape))
    # Several targets, flattened step by step.
    flat = RelativeRegressor(Recorder(), relative, target=target).fit(X, y.reshape(len(y), -1))
    np.testing.assert_array_equal(flat.predict(X), model.predict(X).reshape(len(y), -1))


@pytest.mark.parametrize("shape", [(), (1,), (4,), (4, 1), (2, 2)])
@pytest.mark.parametrize("n_quantiles", [None, 1, 3])
def test_predictions_have_the_shape_of_y_and_of_the_quantiles(shape, n_quantiles):
    X = np.random.default_rng(0).normal(size=(6, 3, 2))
    target = [0, 1] if shape == (2, 2) else 1
    model = RelativeRegressor(Recorder(n_quantiles), target=target).fit(X, np.zeros((6, *shape)))
    predicted = model.predict(X)
    assert predicted.shape == (6, *shape, *([n_quantiles] if n_quantiles else []))
    of_one = predicted.reshape(6, -1, 2 if shape == (2, 2) else 1, n_quantiles or 1)
    levels = X[:, -1, [0, 1]] if shape == (2, 2) else X[:, -1, [1]]
    np.testing.assert_array_equal(of_one, np.broadcast_to(levels[:, np.newaxis, :, np.newaxis], of_one.shape))
    assert Recorder().fit(X, model.regressor_.y_).y_.ndim == (1 if shape == () else 2)


def test_windows_of_any_form():
    X = np.random.default_rng(0).normal(size=(8, 4, 2)).cumsum(axis=1)
    y = X[:, -1, 0] + np.arange(8)
    forms = {
        "list": list(X),
        "Sequences": Sequences.from_list(X),
        "2-D": X.reshape(8, -1),
        "nested": X.tolist(),
    }
    expected = RelativeRegressor(LSTMRegressor(**QUICK), target=0).fit(X, y)
    for form, given in forms.items():
        model = RelativeRegressor(LSTMRegressor(n_channels=2 if form == "2-D" else 1, **QUICK), target=0)
        model.set_params(n_channels=2 if form == "2-D" else 1)
        np.testing.assert_array_equal(model.fit(given, y).predict(given), expected.predict(X))
        assert model.n_features_in_ == (8 if form == "2-D" else 2)
    ragged = [x[i % 3 :] for i, x in enumerate(X)]
    model = RelativeRegressor(LSTMRegressor(**QUICK), target=0).fit(ragged, y)
    relative = LSTMRegressor(**QUICK).fit([x - x[-1] for x in ragged], y - X[:, -1, 0])
    np.testing.assert_array_equal(model.predict(ragged), relative.predict([x - x[-1] for x in ragged]) + X[:, -1, 0])


def test_names_and_categories_reach_the_regressor():
    pandas = pytest.importorskip("pandas")
    frames = [pandas.DataFrame({"v": np.arange(4.0) + i, "kind": list("abab"), "w": 1.0}) for i in range(6)]
    y = np.arange(6.0)
    model = RelativeRegressor(LSTMRegressor(categorical_features=["kind"], **QUICK), target="v").fit(frames, y)
    assert model.feature_names_in_.tolist() == ["v", "kind", "w"] == model.regressor_.feature_names_in_.tolist()
    assert model.regressor_.categories_[0].tolist() == ["a", "b"]
    assert np.ptp(model.predict(frames) - y) == pytest.approx(5, abs=6)
    with pytest.raises(ValueError, match=r"Channel 1 \('kind'\) of X holds categories, which have no level"):
        model.set_params(channels=["v", "kind"]).fit(frames, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict([frame[["kind", "v", "w"]] for frame in frames])


def test_channels_that_are_facts_of_their_own():
    table = np.column_stack([np.arange(20.0) ** 2, np.arange(20) % 7])
    X, y = make_windows(table, 4, 2, target=0, known_future=1)
    model = RelativeRegressor(Recorder(), target=0, channels=[0]).fit(X, y)
    np.testing.assert_array_equal(model.regressor_.X_, make_windows(table, 4, 2, target=0, known_future=1, relative="last")[0])


def test_missing_values():
    X = np.random.default_rng(0).normal(size=(8, 4, 1)).cumsum(axis=1)
    X[2, -1] = X[3, 1] = np.nan
    y = np.arange(8.0)
    model = RelativeRegressor(make_pipeline(PerStep(SimpleImputer()), LSTMRegressor(**QUICK))).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    np.testing.assert_array_equal(RelativeRegressor(Recorder()).fit(X, y).predict(X)[2], X[2, -2, 0])
    X[5] = np.nan
    for call in (lambda: model.fit(X, y), lambda: model.predict(X)):
        with pytest.raises(ValueError, match="window 5 has no value of the target, channel 0"):
            call()


def test_arguments_of_fit_reach_the_regressor_and_validation_data_are_relative():
    X = np.random.default_rng(0).normal(size=(8, 4, 1))
    y = X[:, -1, 0] + 5
    weights = np.arange(8.0)
    model = RelativeRegressor(Recorder()).fit(X, y, sample_weight=weights, X_val=X[:3], y_val=y[:3], groups=None)
    passed = model.regressor_.arguments_
    assert passed["sample_weight"] is weights and passed["groups"] is None
    np.testing.assert_array_equal(passed["X_val"], X[:3] - X[:3, -1:])
    np.testing.assert_allclose(passed["y_val"], 5.0)
    stops = RelativeRegressor(LSTMRegressor(early_stopping=True, **QUICK)).fit(X, y, X_val=X[:3], y_val=y[:3])
    assert len(stops.regressor_.validation_scores_) == stops.regressor_.n_iter_
    inner = make_pipeline(FunctionTransformer(), Recorder())
    passed = RelativeRegressor(inner).fit(X, y, recorder__X_val=X[:3], recorder__y_val=y[:3]).regressor_[-1].arguments_
    np.testing.assert_allclose(passed["y_val"], 5.0)


def test_metadata_routing():
    X = np.random.default_rng(0).normal(size=(12, 4, 1))
    y, weights = X[:, -1, 0] + np.arange(12), np.tile([1.0, 0.0], 6)
    plain = RelativeRegressor(LSTMRegressor(**QUICK)).fit(X, y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        model = RelativeRegressor(LSTMRegressor(**QUICK).set_fit_request(sample_weight=True)).fit(X, y, sample_weight=weights)
        np.testing.assert_array_equal(model.predict(X), plain.predict(X))
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError):
            RelativeRegressor(LSTMRegressor(**QUICK)).fit(X, y, sample_weight=weights)
        grid = GridSearchCV(model, {"relative": ["last", "mean"]}, cv=2).fit(X, y, sample_weight=weights)
        assert len(grid.cv_results_["params"]) == 2


def test_the_score_is_in_the_units_of_the_series():
    X, y = make_windows(np.arange(30.0) + np.random.default_rng(0).normal(size=30), 4, 3)
    weights = np.arange(1.0, len(X) + 1)
    model = RelativeRegressor(Ridge()).fit(X[:, :, 0], y)
    predicted = model.predict(X[:, :, 0])
    assert model.score(X[:, :, 0], y, weights) == pytest.approx(r2_score(y, predicted, sample_weight=weights))
    assert model.score(X[:, :, 0], y[:, :, np.newaxis]) == pytest.approx(r2_score(y, predicted))
    quantiles = LSTMRegressor(loss="quantile", quantile=[0.1, 0.9], **QUICK)
    for regressor in (quantiles, make_pipeline(FunctionTransformer(), quantiles)):
        model = RelativeRegressor(regressor).fit(X, y[:, 0])
        predicted = model.predict(X)
        assert predicted.shape == (len(X), 2)
        expected = np.mean([d2_pinball_score(y[:, 0], predicted[:, j], alpha=q) for j, q in enumerate((0.1, 0.9))])
        assert model.score(X, y[:, 0]) == pytest.approx(expected)
    # A level of 0 changes nothing.
    level = X - X[:, -1:]
    y_level = y[:, 0] - X[:, -1, 0]
    assert model.fit(level, y_level).score(level, y_level) == pytest.approx(quantiles.fit(level, y_level).score(level, y_level))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_quantiles_and_intervals_are_in_the_units_of_the_series(shape):
    series = np.cumsum(np.random.default_rng(0).normal(1, 1, size=120))
    X, y = make_windows(series, window=6, horizon=3)
    y = y if shape else y[:, 0]
    mixture = LSTMRegressor(4, loss="gaussian_mixture", n_components=2, max_iter=3, random_state=0)
    model = RelativeRegressor(mixture).fit(X, y)
    relative, levels = X - X[:, -1:], X[:, -1].reshape(len(X), *[1] * (y.ndim - 1))
    inner = clone(mixture).fit(relative, y - levels)
    np.testing.assert_allclose(model.predict_quantile(X, 0.3), inner.predict_quantile(relative, 0.3) + levels)
    intervals = model.predict_interval(X, 0.8)
    assert intervals.shape == (*y.shape, 2)
    np.testing.assert_allclose(intervals, model.predict_quantile(X, [0.1, 0.9]))  # 1 - 0.8 is not twice 0.1
    assert not hasattr(RelativeRegressor(LSTMRegressor(4)), "predict_interval")


def test_predictions_of_a_shifted_series_are_shifted():
    X, y = make_windows(np.sin(np.arange(60.0)), 5, 2)
    model = RelativeRegressor(LSTMRegressor(**QUICK)).fit(X, y)
    shifted = clone(model).fit(X + 64, y + 64)
    np.testing.assert_allclose(shifted.predict(X + 64), model.predict(X) + 64, atol=1e-6)
    np.testing.assert_allclose(model.predict(X + 64), model.predict(X) + 64, atol=1e-9)


def test_a_linear_trend_is_continued_by_least_squares():
    X, y = make_windows(3.0 * np.arange(40), 4, 2)
    model = RelativeRegressor(LinearRegression()).fit(X[:, :, 0], y)
    np.testing.assert_allclose(model.predict([(X[-1, :, 0] + 1e4).tolist()])[0], y[-1] + 1e4)


def test_in_a_search_and_in_cross_validation_by_blocks():
    X, y, blocks = make_windows(make_seasonal(150, random_state=0), 6, 2, n_blocks=3)
    model = RelativeRegressor(make_pipeline(FunctionTransformer(), LSTMRegressor(**QUICK)))
    grid = {"relative": ["last", "mean"], "regressor__lstmregressor__hidden_size": [2, 3]}
    search = GridSearchCV(model, grid, cv=GroupKFold(3)).fit(X, y, groups=blocks)
    assert search.predict(X).shape == y.shape
    assert cross_val_predict(model, X, y, groups=blocks, cv=GroupKFold(3)).shape == y.shape
    assert len(cross_val_score(model, X, y, groups=blocks, cv=GroupKFold(3))) == 3


@pytest.mark.filterwarnings("error")
def test_a_horizon_of_one_step_is_no_column_for_a_regressor_of_several_outputs():
    X, y = make_windows(np.sin(np.arange(40.0)), 5)
    for regressor in (LSTMRegressor(**QUICK), LSTMRegressor(loss="quantile", quantile=0.3, **QUICK)):
        model = RelativeRegressor(regressor).fit(X, y, X_val=X, y_val=y)
        expected = RelativeRegressor(regressor).fit(X, y[:, 0], X_val=X, y_val=y[:, 0])
        np.testing.assert_array_equal(model.predict(X), expected.predict(X)[:, np.newaxis])
        assert model.score(X, y) == expected.score(X, y[:, 0])


def test_no_level_is_the_bare_regressor():
    X, y = make_windows(np.sin(np.arange(40.0)), 5, 2)
    model, bare = RelativeRegressor(LSTMRegressor(**QUICK), None).fit(X, y), LSTMRegressor(**QUICK).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), bare.predict(X))
    assert model.score(X, y) == bare.score(X, y)


def test_y_and_weights_with_ids_are_aligned_to_the_windows():
    pandas = pytest.importorskip("pandas")
    X = np.random.default_rng(0).normal(size=(6, 4, 1)).cumsum(axis=1)
    y, weights, order = X[:, -1, 0] + np.arange(6), np.arange(1.0, 7), np.array([3, 1, 5, 0, 2, 4])
    named = Sequences.from_list(X)
    named.ids = list("abcdef")
    model = RelativeRegressor(LSTMRegressor(**QUICK)).fit(X, y, sample_weight=weights)
    y_named, weights_named = (pandas.Series(v[order], index=np.array(list("abcdef"))[order]) for v in (y, weights))
    by_id = RelativeRegressor(LSTMRegressor(**QUICK)).fit(named, y_named, sample_weight=weights_named)
    np.testing.assert_array_equal(by_id.predict(named), model.predict(X))
    assert by_id.score(named, y_named, weights_named) == model.score(X, y, weights)


def test_copies_and_pickles():
    X, y = make_windows(np.sin(np.arange(40.0)), 5, 2)
    model = RelativeRegressor(LSTMRegressor(**QUICK), "mean").fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert not hasattr(clone(model), "regressor_") and clone(model).relative == "mean"
    before = model.predict(X)
    with pytest.raises(ValueError, match="y"):
        model.set_params(relative="mean").fit(X[:, :2], y[:5])  # a fit that fails changes nothing
    np.testing.assert_array_equal(model.predict(X), before)


WINDOWS = np.random.default_rng(0).normal(size=(6, 4, 2))
REFUSED = {
    "no y": (lambda: RelativeRegressor(Ridge()).fit(WINDOWS, None), "requires y to be passed"),
    "no target": (lambda: RelativeRegressor(Ridge()).fit(WINDOWS, np.ones(6)), "X has 2 channels, but target does not say"),
    "unknown target": (lambda: RelativeRegressor(Ridge(), target=2).fit(WINDOWS, np.ones(6)), "target must name channels from 0"),
    "named target": (lambda: RelativeRegressor(Ridge(), target="v").fit(WINDOWS, np.ones(6)), "target must name channels from 0"),
    "absolute target": (
        lambda: RelativeRegressor(Ridge(), target=0, channels=[1]).fit(WINDOWS, np.ones(6)),
        r"A target must be one of the relative channels \[1\], got target=0",
    ),
    "columns of y": (
        lambda: RelativeRegressor(Ridge(), target=[0, 1]).fit(WINDOWS, np.ones((6, 3))),
        "each of the 2 channels in target, got 3 columns",
    ),
    "few y": (lambda: RelativeRegressor(Ridge(), target=0).fit(WINDOWS, np.ones(5)), "Pass"),
    "missing y": (lambda: RelativeRegressor(Ridge(), target=0).fit(WINDOWS, np.full(6, np.nan)), "y contains NaN"),
    "channels": (
        lambda: RelativeRegressor(Recorder(), target=0).fit(WINDOWS, np.ones(6)).predict(np.ones((6, 4, 3))),
        "X has 3 channels per step, but RelativeRegressor is expecting 2",
    ),
    "relative": (lambda: RelativeRegressor(Ridge(), "first").fit(WINDOWS, np.ones(6)), "'relative' parameter"),
    "regressor": (lambda: RelativeRegressor(None).fit(WINDOWS, np.ones(6)), "'regressor' parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_regressor_refuses(name):
    call, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [RelativeRegressor(Ridge()), RelativeRegressor(LSTMRegressor(**QUICK), "mean"), RelativeRegressor(QuantileRegressor())]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


# ---- what they are for ----


def airline(seed):
    """Logarithms of twelve years of months that grow by a percentage, with seasons, as those of airline passengers."""
    t = np.arange(144)
    season = make_seasonal(144, period=12, n_harmonics=4, trend=0, noise=0.15, random_state=seed)
    growth = 0.01 * t + 0.005 * np.random.default_rng(seed).normal(size=144).cumsum()
    return 5 + growth + 0.1 * season


def test_relative_windows_beat_absolute_ones_where_a_series_grows():
    X, y, start = make_windows(airline(0), 24, 12, return_index=True)
    past, later = start + 12 <= 120, start >= 120
    error = {}
    for name, model in {
        "absolute": LSTMRegressor(random_state=0),
        **{kind: RelativeRegressor(LSTMRegressor(random_state=0), kind) for kind in KINDS},
    }.items():
        error[name] = np.abs(model.fit(X[past], y[past]).predict(X[later]) - y[later]).mean()
    assert max(error["last"], error["mean"]) < 0.5 * error["absolute"], error
