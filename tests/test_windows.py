"""`make_windows`: every window is followed by its answer, none crosses from one series to another, and views are no copies."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score

from sklstm import LSTMRegressor, Sequences
from sklstm.datasets import make_seasonal
from sklstm.preprocessing import make_windows

D = 3


def by_loop(series, window, horizon, stride, targets, known):
    """X, y, number of the series and first step of the forecast of each window; the naive twin."""
    X, y, group, index = [], [], [], []
    for g, one in enumerate(series):
        for start in range(0, len(one) - window - horizon + 1, stride):
            end = start + window
            X.append(np.column_stack([one[start:end], one[start + horizon : end + horizon][:, known]]))
            y.append(one[end : end + horizon][:, targets])
            group.append(g)
            index.append(end)
    return np.array(X), np.array(y), np.array(group), np.array(index)


def some_series(*lengths):
    """Series of which no two values are equal."""
    values = np.arange(D * sum(lengths), dtype=float).reshape(-1, D)
    return np.split(values, np.cumsum(lengths)[:-1])


# ---- what the windows hold ----


@pytest.mark.parametrize("known", [[], [2], [0, 2]])
@pytest.mark.parametrize("stride", [1, 2, 7])
@pytest.mark.parametrize(("window", "horizon"), [(1, 1), (4, 1), (3, 3), (5, 2)])
@pytest.mark.parametrize("lengths", [(12,), (12, 8, 30), (8, 8)])
def test_the_windows_of_the_loop(lengths, window, horizon, stride, known):
    series = some_series(*lengths)
    expected = by_loop(series, window, horizon, stride, [1], known)
    if len(series) == 1:
        X, y, index = make_windows(series[0], window, horizon, stride, target=[1], known=known, return_index=True)
        np.testing.assert_array_equal(index, expected[3])
    else:
        names = np.array(["one", "two", "three"])[: len(series)]
        X, y, groups, index = make_windows(
            series, window, horizon, stride, target=[1], known=known, groups=names, return_index=True
        )
        np.testing.assert_array_equal(groups, names[expected[2]])
        np.testing.assert_array_equal(index, expected[3])
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1])
    assert X.shape == (len(expected[0]), window, D + len(known))


@pytest.mark.parametrize("window", [1, 4])
def test_the_fewest_steps_that_make_a_window(window):
    (series,) = some_series(window + 3)
    X, y = make_windows(series, window, 3)
    assert X.shape == (1, window, D) and y.shape == (1, 3, D)
    np.testing.assert_array_equal(np.concatenate([X[0], y[0]]), series)


@pytest.mark.parametrize(
    ("target", "known", "columns", "shape"),
    [
        (None, None, [0, 1, 2], (2, D)),
        (None, 0, [1, 2], (2, 2)),
        (None, [0, 2], [1], (2,)),
        (1, None, [1], (2,)),
        (np.int64(1), None, [1], (2,)),
        (-1, None, [2], (2,)),
        ([1], None, [1], (2, 1)),
        ([2, 0], None, [2, 0], (2, 2)),
    ],
)
def test_targets(target, known, columns, shape):
    (series,) = some_series(12)
    _, y = make_windows(series, 4, 2, target=target, known=known)
    assert y.shape[1:] == shape
    np.testing.assert_array_equal(y.reshape(len(y), 2, -1), by_loop([series], 4, 2, 1, columns, [])[1])


@pytest.mark.parametrize("container", [np.asarray, list, tuple, lambda series: series[:, np.newaxis]])
def test_a_univariate_series_has_one_channel(container):
    X, y = make_windows(container(np.arange(6.0)), 3, 2)
    assert X.tolist() == [[[0], [1], [2]], [[1], [2], [3]]]
    assert y.tolist() == [[3, 4], [4, 5]]


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_the_dtype_is_that_of_the_series(dtype):
    X, y = make_windows(np.arange(6, dtype=dtype), 3)
    assert X.dtype == y.dtype == dtype


def test_missing_values_are_kept():
    X, y = make_windows([0.0, np.nan, 2.0, np.nan], 2)
    np.testing.assert_array_equal(X[:, :, 0], [[0, np.nan], [np.nan, 2]])
    np.testing.assert_array_equal(y[:, 0], [2, np.nan])


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "boolean"])
def test_missing_values_of_nullable_columns_are_nan(dtype):
    pandas = pytest.importorskip("pandas")
    series = pandas.DataFrame({"a": pandas.array([0, None, 1, None], dtype=dtype), "b": [0.0, 1.0, 2.0, 3.0]})
    for several in (series, [series, series]):
        X, y = make_windows(several, 2, target="a") if several is series else make_windows(several, 2, target=0)
        np.testing.assert_array_equal(X[0, :, 0], [0, np.nan])
        np.testing.assert_array_equal(y[:2, 0], [1, np.nan])


FORMS = {
    "list": list,
    "tuple": tuple,
    "Sequences": Sequences.from_list,
    "3-D": np.stack,
    "nested lists": lambda series: [one.tolist() for one in series],
}


@pytest.mark.parametrize("form", FORMS)
def test_several_series_of_any_form(form):
    series = some_series(9, 9)
    X, y, index = make_windows(FORMS[form](series), 4, 2, return_index=True)
    expected = by_loop(series, 4, 2, 1, [0, 1, 2], [])
    for found, right in zip((X, y, index), (expected[0], expected[1], expected[3]), strict=True):
        np.testing.assert_array_equal(found, right)


# ---- views ----


@pytest.mark.parametrize("stride", [1, 3])
def test_one_series_is_viewed(stride):
    (series,) = some_series(1000)
    X, y = make_windows(series, 100, 10, stride)
    assert np.shares_memory(X, series) and np.shares_memory(y, series)
    assert np.shares_memory(make_windows(series, 100, 10, stride, target=2)[1], series)
    assert not X.flags.writeable and not y.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        X[0, 0, 0] = 1.0


def test_a_frame_of_one_dtype_is_viewed():
    pandas = pytest.importorskip("pandas")
    series = np.arange(20.0).reshape(10, 2)
    X, _ = make_windows(pandas.DataFrame(series, copy=False), 3)
    assert np.shares_memory(X, series)


def test_several_series_are_copied():
    series = some_series(10, 10)
    X, _ = make_windows(series, 3)
    X[0, 0, 0] = -1.0
    assert series[0][0, 0] == 0.0 and X[1, 0, 0] != -1.0


# ---- names and groups ----


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_by_name(library):
    library = pytest.importorskip(library)
    one, two = some_series(9, 7)
    table = np.concatenate([one, two])
    shops = ["east"] * 9 + ["west"] * 7
    columns = dict(zip(["sold", "price", "heat"], table.T, strict=True))
    frame = library.DataFrame({"sold": columns["sold"], "shop": shops, "price": columns["price"], "heat": columns["heat"]})
    X, y, groups = make_windows(frame, 4, 2, target="sold", known=["price"], groups="shop")
    expected = by_loop([one, two], 4, 2, 1, [0], [1])
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1][:, :, 0])
    assert groups.tolist() == [["east", "west"][g] for g in expected[2]]
    X, y = make_windows([frame[["sold", "price"]][:9], frame[["sold", "price"]][9:]], 4, 2, target="price")
    np.testing.assert_array_equal(y, by_loop([one, two], 4, 2, 1, [1], [])[1][:, :, 0])
    X, y = make_windows(frame["sold"], 4)
    np.testing.assert_array_equal(y, by_loop([table], 4, 1, 1, [0], [])[1][:, :, 0])


def test_groups_whose_rows_are_mixed():
    """A table sorted by time: no window mixes groups, and the index is the row in the table."""
    one, two = some_series(9, 7)
    who = np.array(["b", "a", "b", "a", "a", "b", "b", "a", "b", "a", "b", "b", "a", "b", "a", "b"])
    table = np.empty((16, D))
    table[who == "b"], table[who == "a"] = one, two
    X, y, groups, index = make_windows(table, 4, 2, groups=who, return_index=True)
    expected = by_loop([one, two], 4, 2, 1, [0, 1, 2], [])
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1])
    assert groups.tolist() == [["b", "a"][g] for g in expected[2]]
    np.testing.assert_array_equal(table[index], y[:, 0])
    np.testing.assert_array_equal(who[index], groups)


def test_groups_of_several_series_need_not_differ():
    *_, groups = make_windows(some_series(5, 5, 6), 3, 2, groups=["x", "y", "x"])
    assert groups.tolist() == ["x", "y", "x", "x"]


# ---- forecasts ----


def test_direct_and_recursive_forecasts():
    """On a season without noise the forecast beyond the end is better than the season before."""
    t = np.arange(260)
    series = np.sin(2 * np.pi * t / 12) + 0.5 * np.sin(2 * np.pi * t / 31)
    past, future = series[:-12], series[-12:]
    naive = np.abs(past[-12:] - future).mean()
    X, y = make_windows(past, 36, 12)
    direct = LSTMRegressor(16, max_iter=30, random_state=0).fit(X, y).predict(past[np.newaxis, -36:, np.newaxis])
    assert np.abs(direct[0] - future).mean() < 0.5 * naive
    X, y = make_windows(past, 36)
    model, seen = LSTMRegressor(16, max_iter=30, random_state=0).fit(X, y[:, 0]), list(past[-36:])
    for _ in range(12):
        seen.append(model.predict(np.reshape(seen[-36:], (1, 36, 1)))[0])
    assert np.abs(np.array(seen[36:]) - future).mean() < 0.5 * naive


def test_what_is_known_of_the_horizon_is_used():
    """The target is what the price of the same step says: without it there is nothing to learn."""
    rng = np.random.default_rng(0)
    price = rng.normal(size=400)
    series = np.column_stack([2 * price + 1, price])
    model = LSTMRegressor(8, max_iter=40, random_state=0)
    X, y = make_windows(series, 4, 2, target=0, known=1)
    assert model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.9
    blind, _ = make_windows(series, 4, 2, target=0)
    assert model.fit(blind[:300], y[:300]).score(blind[300:], y[300:]) < 0.1


def test_the_window_beyond_the_end():
    """Rows of the future in which only the price is known make the one window that forecasts them."""
    (series,) = some_series(20)
    extended = np.concatenate([series, [[np.nan, 7.0, np.nan], [np.nan, 8.0, np.nan]]])
    X, y = make_windows(extended[-6:], 4, 2, target=0, known=1)
    assert X.shape == (1, 4, D + 1) and np.isfinite(X).all() and np.isnan(y).all()
    np.testing.assert_array_equal(X[0, :, :D], series[-4:])
    np.testing.assert_array_equal(X[0, :, D], [*series[-2:, 1], 7.0, 8.0])


def test_groups_keep_series_together():
    many = [make_seasonal(n_steps=40, random_state=seed) for seed in range(6)]
    X, y, groups = make_windows(many, 12, groups=range(6))
    scores = cross_val_score(LSTMRegressor(4, max_iter=3), X, y[:, 0], groups=groups, cv=GroupKFold(3), error_score="raise")
    assert len(scores) == 3


# ---- too short ----


def test_short_series():
    series = some_series(9, 4, 5)
    with pytest.raises(ValueError, match=r"Series 1 has 4 steps, but window=3 and horizon=2 need 5.*short='drop'"):
        make_windows(series, 3, 2)
    with pytest.raises(ValueError, match="Series 'b' has 4 steps"):
        make_windows(series, 3, 2, groups=["a", "b", "c"])
    X, y, groups = make_windows(series, 3, 2, groups=["a", "b", "c"], short="drop")
    expected = by_loop(series, 3, 2, 1, [0, 1, 2], [])
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1])
    assert set(groups) == {"a", "c"}
    for short in ("raise", "drop"):
        with pytest.raises(ValueError, match=r"The series has 4 steps.*need 5\. Set them lower, or pass more steps\.$"):
            make_windows(series[1], 3, 2, short=short)
    with_none = [series[0][:0], *series]
    for several in (with_none, Sequences.from_list(with_none)):
        with pytest.raises(ValueError, match="Series 0 has 0 steps, but"):
            make_windows(several, 3, 2)
        np.testing.assert_array_equal(make_windows(several, 3, 2, short="drop")[0], X)
    with pytest.raises(ValueError, match=r"All 3 series are too short: Series 0 has 9 steps"):
        make_windows(series, 30, short="drop")


# ---- what is refused ----


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


TABLE = np.arange(30.0).reshape(10, 3)
REFUSED = {
    "window": (lambda: make_windows(TABLE, 0), "'window' parameter"),
    "horizon": (lambda: make_windows(TABLE, 2, 0), "'horizon' parameter"),
    "stride": (lambda: make_windows(TABLE, 2, stride=0), "'stride' parameter"),
    "float window": (lambda: make_windows(TABLE, 2.0), "'window' parameter"),
    "short": (lambda: make_windows(TABLE, 2, short="ignore"), "'short' parameter"),
    "text": (lambda: make_windows("abc", 2), "'series' parameter"),
    "no step": (lambda: make_windows(np.empty((0, 2)), 2), r"0 sample\(s\).*no step.*Pass"),
    "no series": (lambda: make_windows([], 2), "no step"),
    "4-D": (lambda: make_windows(np.ones((1, 2, 3, 4)), 2), r"got shape \(1, 2, 3, 4\)"),
    "no channel": (lambda: make_windows(np.ones((5, 0)), 2), r"got shape \(5, 0\)"),
    "texts": (lambda: make_windows(["a", "b", "c", "d"], 2), "X must hold numbers: .*step 0.*'a'"),
    "texts in a series": (lambda: make_windows([np.ones((5, 1)), np.array([["x"]] * 5)], 2), "sequence 1, step 0.*'x'"),
    "complex": (lambda: make_windows(np.ones(5) * 1j, 2), "must hold real numbers, got complex"),
    "times": (lambda: make_windows(np.ones(5, dtype="datetime64[s]"), 2), "must hold real numbers, got datetime64"),
    "column of times": (
        lambda: make_windows(frame(v=[1.0] * 5, day=np.arange("2020-01", "2020-06", dtype="datetime64[M]")), 2),
        r"Column 'day' holds no numbers \(datetime64.*Leave it out",
    ),
    "column of texts": (lambda: make_windows(frame(v=[1.0] * 5, who=list("aabbb")), 2), "'a'|Column 'who' holds no numbers"),
    "masked": (lambda: make_windows(np.ma.masked_less(TABLE, 3), 2), "masked"),
    "channels of series": (lambda: make_windows([TABLE, TABLE[:, :2]], 2), "sequence 0 has 3, sequence 1 has 2"),
    "unknown target": (lambda: make_windows(TABLE, 2, target=3), "target must name channels from 0 to 2, got 3"),
    "bool target": (lambda: make_windows(TABLE, 2, target=[True]), "target must name channels from 0 to 2, got True"),
    "target by name": (lambda: make_windows(TABLE, 2, target="sold"), "target must name channels.*'sold'"),
    "unknown name": (lambda: make_windows(frame(a=[1.0] * 5), 2, target="b"), r"or one of the columns \['a'\], got 'b'"),
    "unknown known": (lambda: make_windows(TABLE, 2, known=[5]), "known must name channels"),
    "twice": (lambda: make_windows(TABLE, 2, target=[0, -3]), "twice"),
    "both": (lambda: make_windows(TABLE, 2, target=0, known=0), r"not known in advance: got target=0, known=0"),
    "all known": (lambda: make_windows(TABLE, 2, known=[0, 1, 2]), "not known in advance"),
    "short window": (lambda: make_windows(TABLE, 2, 3, known=1), "as long as the horizon.*window=2, horizon=3"),
    "few groups": (lambda: make_windows(TABLE, 2, groups=[1, 2]), r"one entry for each of the 10 rows, got shape \(2,\)"),
    "groups of series": (lambda: make_windows([TABLE, TABLE], 2, groups=[1]), "for each of the 2 series"),
    "no group": (lambda: make_windows(TABLE, 2, groups=[1.0] * 9 + [np.nan]), "group in entry 9 is missing"),
    "no column of groups": (lambda: make_windows(frame(a=[1.0] * 5), 2, groups="b"), r"'b' is no column.*\['a'\]"),
    "column of an array": (lambda: make_windows(TABLE, 2, groups="b"), "'b' is no column"),
    "categories": (
        lambda: make_windows(Sequences.from_long({"who": [1] * 5, "v": range(5), "mood": list("aabba")}, id="who"), 2),
        r"Channel 1 \('mood'\) of series holds categories.*OneHotEncoder",
    ),
    "column of a list": (lambda: make_windows([TABLE, TABLE], 2, groups="b"), "series are several"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        call()
