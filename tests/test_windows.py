"""`make_windows`: every window is followed by its targets, no window spans two series, and views are not copies."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse
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
        X, y, index = make_windows(series[0], window, horizon, stride, target=[1], known_future=known, return_index=True)
        np.testing.assert_array_equal(index, expected[3])
    else:
        names = np.array(["one", "two", "three"])[: len(series)]
        X, y, groups, index = make_windows(
            series, window, horizon, stride, target=[1], known_future=known, groups=names, return_index=True
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
    _, y = make_windows(series, 4, 2, target=target, known_future=known)
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
    X, y, groups = make_windows(frame, 4, 2, target="sold", known_future=["price"], groups="shop")
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
    X, y = make_windows(series, 4, 2, target=0, known_future=1)
    assert model.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.9
    blind, _ = make_windows(series, 4, 2, target=0)
    assert model.fit(blind[:300], y[:300]).score(blind[300:], y[300:]) < 0.1


def test_the_window_beyond_the_end():
    """Rows of the future in which only the price is known make the one window that forecasts them."""
    (series,) = some_series(20)
    extended = np.concatenate([series, [[np.nan, 7.0, np.nan], [np.nan, 8.0, np.nan]]])
    X, y = make_windows(extended[-6:], 4, 2, target=0, known_future=1)
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
    with pytest.raises(ValueError, match=r"Series 1 has 4 steps, but window=3 and horizon=2 need 5.*on_short='drop'"):
        make_windows(series, 3, 2)
    with pytest.raises(ValueError, match="Series 'b' has 4 steps"):
        make_windows(series, 3, 2, groups=["a", "b", "c"])
    X, y, groups = make_windows(series, 3, 2, groups=["a", "b", "c"], on_short="drop")
    expected = by_loop(series, 3, 2, 1, [0, 1, 2], [])
    np.testing.assert_array_equal(X, expected[0])
    np.testing.assert_array_equal(y, expected[1])
    assert set(groups) == {"a", "c"}
    for short in ("raise", "drop"):
        with pytest.raises(ValueError, match=r"The series has 4 steps.*need 5\. Set them lower, or pass more steps\.$"):
            make_windows(series[1], 3, 2, on_short=short)
    with_none = [series[0][:0], *series]
    for several in (with_none, Sequences.from_list(with_none)):
        with pytest.raises(ValueError, match="Series 0 has 0 steps, but"):
            make_windows(several, 3, 2)
        np.testing.assert_array_equal(make_windows(several, 3, 2, on_short="drop")[0], X)
    with pytest.raises(ValueError, match=r"All 3 series are too short: Series 0 has 9 steps"):
        make_windows(series, 30, on_short="drop")


# ---- what is refused ----


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


TABLE = np.arange(30.0).reshape(10, 3)
REFUSED = {
    "window": (lambda: make_windows(TABLE, 0), "'window' parameter"),
    "horizon": (lambda: make_windows(TABLE, 2, 0), "'horizon' parameter"),
    "stride": (lambda: make_windows(TABLE, 2, stride=0), "'stride' parameter"),
    "float window": (lambda: make_windows(TABLE, 2.0), "'window' parameter"),
    "short": (lambda: make_windows(TABLE, 2, on_short="ignore"), "'on_short' parameter"),
    "text": (lambda: make_windows("abc", 2), "series must be an array.* got 'abc'"),
    "scalar": (lambda: make_windows(np.float64(3.0), 2), "series must be an array.* got np.float64"),
    "None": (lambda: make_windows(None, 2), "series must be an array.* got None"),
    "sparse": (lambda: make_windows(scipy.sparse.csr_array(TABLE), 2), r"it is sparse \(csr_array\)\. Pass series\.toarray\(\)"),
    "sparse 1-D": (lambda: make_windows(scipy.sparse.coo_array(TABLE[:, 0]), 2), r"Pass series\.toarray\(\)"),
    "lazy": (lambda: make_windows(pytest.importorskip("polars").LazyFrame({"v": [1.0]}), 1), r"Pass series\.collect\(\)"),
    "iterator": (lambda: make_windows(iter(TABLE), 2), r"it is an iterator \(.*\)\. Pass list\(series\)"),
    "mapping": (lambda: make_windows({"a": TABLE}, 2), r"Pass list\(series\.values\(\)\)"),
    "no step": (lambda: make_windows(np.empty((0, 2)), 2), r"0 sample\(s\).*no step.*Pass"),
    "no series": (lambda: make_windows([], 2), "no step"),
    "4-D": (lambda: make_windows(np.ones((1, 2, 3, 4)), 2), r"got shape \(1, 2, 3, 4\)"),
    "no channel": (lambda: make_windows(np.ones((5, 0)), 2), r"got shape \(5, 0\)"),
    "texts": (lambda: make_windows(["a", "b", "c", "d"], 2), "series must hold numbers: .*step 0.*'a'"),
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
    "unknown known": (lambda: make_windows(TABLE, 2, known_future=[5]), "known_future must name channels"),
    "twice": (lambda: make_windows(TABLE, 2, target=[0, -3]), "twice"),
    "both": (lambda: make_windows(TABLE, 2, target=0, known_future=0), r"not known in advance: got target=0, known_future=0"),
    "all known": (lambda: make_windows(TABLE, 2, known_future=[0, 1, 2]), "not known in advance"),
    "short window": (lambda: make_windows(TABLE, 2, 3, known_future=1), "as long as the horizon.*window=2, horizon=3"),
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


# ---- the index of a series ----

pd = pytest.importorskip("pandas")

DAYS = pd.date_range("2024-01-01", periods=40)
CLOSE = pd.Series(np.arange(40.0), index=DAYS)


@pytest.mark.parametrize("kind", ["dates", "zone", "periods", "durations", "texts", "objects", "frame"])
@pytest.mark.parametrize("order", ["falling", "shuffled", "repeated"])
def test_an_index_that_contradicts_the_order_is_refused(kind, order):
    index = {
        "zone": DAYS.tz_localize("Europe/Berlin"),
        "periods": DAYS.to_period(),
        "durations": DAYS - DAYS[0],
        "texts": DAYS.strftime("%Y-%m-%d"),
        "objects": DAYS.date,
    }.get(kind, DAYS)
    series = pd.Series(np.arange(40.0), index=index, name="close")
    series = series.to_frame() if kind == "frame" else series
    rows = {"falling": np.arange(40)[::-1], "shuffled": np.random.default_rng(0).permutation(40)}.get(order)
    rows = np.arange(40) // 2 * 2 if rows is None else rows
    words = "has .* twice" if order == "repeated" else r"contradicts the order of its rows: .* comes after .*sort_index\(\)"
    for given, what in ((series.iloc[rows], "series"), ([series, series.iloc[rows]], "series 1")):
        with pytest.raises(ValueError, match=f"The index of {what} {words}"):
            make_windows(given, 3)
    if order != "repeated":
        np.testing.assert_array_equal(make_windows(series.iloc[rows].sort_index(), 3)[0], make_windows(series, 3)[0])
    assert make_windows(series.iloc[rows].reset_index(drop=True), 3)[0][0, 0, 0] == rows[0]


REGULAR = {
    "days": DAYS,
    "months": pd.date_range("2024-01-01", periods=40, freq="MS"),
    "ends of months": pd.date_range("2024-01-01", periods=40, freq=pd.offsets.MonthEnd()),
    "ends of quarters in business": pd.date_range("2024-01-01", periods=40, freq=pd.offsets.BQuarterEnd()),
    "years": pd.date_range("2024-01-01", periods=40, freq="YS"),
    "business days": pd.bdate_range("2024-01-01", periods=40),
    "business days but holidays": pd.bdate_range("2024-01-01", periods=42).delete([7, 30]),
    "days of a zone": pd.date_range("2024-03-10", periods=40, tz="Europe/Berlin"),
    "hours of a zone": pd.date_range("2024-03-30", periods=40, freq="h", tz="Europe/Berlin"),
    "quarters": pd.period_range("2024-01", periods=40, freq="Q"),
    "minutes": pd.timedelta_range(0, periods=40, freq="15min"),
    "integers": np.arange(40),
    "integers that were filtered": np.arange(80)[np.arange(80) % 3 > 0][:40],
    "integers that fall": np.arange(40)[::-1],
    "texts": [f"row {k}" for k in range(40)],
}


@pytest.mark.parametrize("kind", REGULAR)
def test_a_regular_index_gives_no_warning(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(make_windows(pd.Series(np.arange(40.0), index=REGULAR[kind]), 3)[0]) == 37


# The index, and how the warning says to insert the steps that are missing.
HOLES = {
    "days": (DAYS, range(10, 20), "series.asfreq('1D')"),
    "months": (REGULAR["months"], [7], "series.asfreq(pandas.DateOffset(months=1))"),
    "ends of months": (REGULAR["ends of months"], [7], "series.asfreq(pandas.offsets.MonthEnd(1))"),
    "business days": (REGULAR["business days"], [7, 8, 9], "series.asfreq(pandas.offsets.BDay())"),
    "hours of a zone": (REGULAR["hours of a zone"], [7], "series.asfreq('1h')"),
    "durations": (
        REGULAR["minutes"],
        [7],
        "series.reindex(pandas.timedelta_range(series.index[0], series.index[-1], freq='15min'))",
    ),
    "days of a zone": (REGULAR["days of a zone"], [7], "series.asfreq('1D')"),
    "quarters": (
        REGULAR["quarters"],
        [7],
        "series.reindex(pandas.period_range(series.index[0], series.index[-1], freq=series.index.freq))",
    ),
}


@pytest.mark.parametrize("kind", HOLES)
def test_holes_give_a_warning_with_advice_that_works(kind):
    index, missing, advice = HOLES[kind]
    whole = pd.Series(np.arange(float(len(index))), index=index)
    series = whole.drop(index[list(missing)])
    first = f"from .* to .*, where others are nearer.*{re.escape(advice)}"
    with pytest.warns(UserWarning, match=f"Steps of series are missing: its index goes {first}.*missing='drop'.*reset_index"):
        assert len(make_windows(series, 3)[0]) == len(series) - 3
    with pytest.warns(UserWarning, match="Steps of series 1 are missing"):
        make_windows([whole, series], 3)
    filled = eval(advice, {"pandas": pd, "series": series})
    assert len(filled) == len(index)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X, _ = make_windows(filled, 3, missing="drop")
        make_windows(series.reset_index(drop=True), 3)
    assert not np.isnan(X).any() and (np.diff(X[:, :, 0]) == 1).all()


def test_an_index_is_read_within_groups():
    two = pd.concat({"A": CLOSE, "B": CLOSE + 500})
    with pytest.raises(ValueError, match=r"has 2 levels .*series.reset_index\(level=0\) with groups='level_0'"):
        make_windows(two, 3)
    X, y, _ = make_windows(two.reset_index(level=0), 3, groups="level_0")
    assert len(X) == 74 and np.abs(X[:, 0, 0] - y[:, 0]).max() == 3
    np.testing.assert_array_equal(make_windows(two, 3, groups=two.index.get_level_values(0))[0], X)
    mixed = pd.concat([CLOSE, CLOSE + 500]).sort_index(kind="stable")
    who = np.tile(["A", "B"], 40)
    np.testing.assert_array_equal(make_windows(mixed, 3, groups=who)[0], X)
    with pytest.raises(ValueError, match="contradicts the order"):
        make_windows(mixed[::-1], 3, groups=who[::-1])
    with pytest.raises(ValueError, match="twice"):
        make_windows(mixed, 3)
    with pytest.warns(UserWarning, match=r"Steps of series are missing.*Sequences.from_long\(series.reset_index\(\), id="):
        make_windows(mixed.drop(DAYS[5]), 3, groups=np.delete(who, [10, 11]))


def test_numbers_in_no_order_give_a_warning():
    shuffled = CLOSE.reset_index(drop=True).sample(frac=1, random_state=0)
    with pytest.warns(UserWarning, match="The index of series is in no order: .* comes after"):
        make_windows(shuffled, 3)


def test_an_index_with_a_missing_time():
    with pytest.raises(ValueError, match="index of series has no time in row 1"):
        make_windows(pd.Series([1.0, 2.0, 3.0], index=pd.DatetimeIndex(["2024-01-01", None, "2024-01-03"])), 1)


# ---- missing values ----


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("known", [[], [2]])
def test_windows_with_missing_values_are_left_out(stride, known):
    rng = np.random.default_rng(0)
    series = some_series(40, 3, 30)
    for one in series:
        one[rng.random(one.shape) < 0.02] = np.nan
    arguments = {"target": [1], "known_future": known, "groups": ["a", "b", "c"], "on_short": "drop", "return_index": True}
    X, y, groups, index = make_windows(series, 4, 2, stride, **arguments)
    whole = np.isfinite(X).all((1, 2)) & np.isfinite(y).all((1, 2))
    assert 5 < whole.sum() < len(whole)
    kept = make_windows(series, 4, 2, stride, missing="drop", **arguments)
    for found, expected in zip(kept, (X, y, groups, index), strict=True):
        np.testing.assert_array_equal(found, expected[whole])


def test_windows_without_missing_values_are_copies():
    series = np.sin(np.arange(100) / 5)
    series[40:43] = np.nan
    X, y, index = make_windows(series, 8, horizon=2, missing="drop", return_index=True)
    assert np.isfinite(X).all() and len(X) == 91 - 12 and not np.shares_memory(X, series)
    np.testing.assert_array_equal(series[index], y[:, 0])
    LSTMRegressor(2, max_iter=1).fit(X, y)
    for whole in (np.arange(9.0), np.arange(9)):
        np.testing.assert_array_equal(make_windows(whole, 3, missing="drop")[0], make_windows(whole, 3)[0])
    with pytest.raises(ValueError, match="All 97 windows have a missing value, in the 3 steps of X or the 1 of y"):
        make_windows(np.where(np.arange(100) % 3, 1.0, np.nan), 3, missing="drop")


# ---- times and texts among numbers ----

NO_NUMBERS = {
    "datetime64": (np.datetime64("2024-01-01"), "Convert times to numbers first"),
    "timedelta64": (np.timedelta64(90, "m"), "Convert times to numbers first"),
    "Timestamp": (pd.Timestamp("2024"), "Convert times to numbers first"),
    "timedelta": (pd.Timedelta("1h").to_pytimedelta(), "Convert times to numbers first"),
    "text": ("high", "must hold numbers"),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_is_refused_in_any_form(kind):
    value, words = NO_NUMBERS[kind]
    column = np.array([1.0, 2.0, value, 4.0], dtype=object)
    for series in (column, [column, column], pd.Series(column), pd.DataFrame({"a": column}), list(column)):
        with pytest.raises(ValueError, match=words):
            make_windows(series, 2)


@pytest.mark.parametrize("texts", [["1.5", "2", "10"], ["1,5", "2,25", "3"], ["1,234", "5", "6"], ["3", "?", "4"], [2.0, "3", 4]])
def test_numbers_that_are_texts_are_refused_in_any_form(texts):
    objects = np.array(texts, dtype=object)
    forms = [objects, [objects, objects], pd.Series(texts), pd.DataFrame({"a": texts}), texts]
    for series in [*forms, np.array(texts)] if isinstance(texts[0], str) else forms:
        with pytest.raises(ValueError, match=r"holds numbers as texts|holds no numbers"):
            make_windows(series, 1)


def test_texts_that_python_reads_as_numbers():
    with pytest.raises(ValueError, match=r"step 1, channel 0 is 'nan' \(str\)\. Leave the channel out of series, or write NaN"):
        make_windows(np.array([1.0, "nan", 3.0], dtype=object), 1)


def test_groups_of_several_kinds_stay_what_they_are():
    *_, groups = make_windows(np.arange(6.0), 1, groups=[1, 1, "1", "1", (2,), (2,)])
    assert groups.tolist() == [1, "1", (2,)]
    with pytest.raises(ValueError, match="group in entry 1 is missing"):
        make_windows(np.arange(3.0), 1, groups=["a", float("nan"), "a"])
    with pytest.raises(ValueError, match=r"must be hashable, got \{1\}"):
        make_windows(np.arange(3.0), 1, groups=[{1}, {1}, {1}])


def test_differences_continue_a_trend():
    series = np.arange(1.0, 101)
    X, y = make_windows(np.diff(series), 4)
    model, steps = LSTMRegressor(4, max_iter=3, random_state=0).fit(X, y[:, 0]), [1.0] * 4
    for _ in range(10):
        steps.append(float(model.predict(np.reshape(steps[-4:], (1, 4, 1)))[0]))
    np.testing.assert_allclose(series[-1] + np.cumsum(steps[4:]), np.arange(101, 111), rtol=1e-12)
