"""Flattened columns must have the order of the steps, else fit raises; so it does for a table whose rows are steps."""

import numpy as np
import pytest

from sklstm import LSTMRegressor, Sequences

pd = pytest.importorskip("pandas")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T, C = 12, 3, 2
Z = np.random.default_rng(0).normal(size=(N, T, C))
Y = Z.sum(axis=(1, 2))


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0, "n_channels": C} | params)


def by_channel(style):
    """A table whose columns are the steps of the first channel, and then those of the second."""
    return pd.DataFrame(Z.transpose(0, 2, 1).reshape(N, -1), columns=[style(c, t) for c in "ab" for t in range(T)])


def by_step(style):
    return pd.DataFrame(Z.reshape(N, -1), columns=[style(c, t) for t in range(T) for c in "ab"])


STYLES = {
    "a_0": lambda c, t: f"{c}_{t}",
    "a_t1": lambda c, t: f"{c}_t{t + 1}",
    "a.1": lambda c, t: f"{c}.{t + 1}",
    "a[0]": lambda c, t: f"{c}[{t}]",
    "a-10": lambda c, t: f"{c}-{10 * t}",
    "0_a": lambda c, t: f"{t}_{c}",
    "t0.a": lambda c, t: f"t{t}.{c}",
    "heart rate a 2": lambda c, t: f"heart rate {c} {t}",
    "step_0_a": lambda c, t: f"step_{t}_{c}",
}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_names_that_contradict_the_order_of_steps_are_refused(style):
    with pytest.raises(ValueError, match=r"not in the order of steps: with n_channels=2.*X\.iloc") as caught:
        regressor().fit(by_channel(style), Y)
    X = by_channel(style)
    advice = str(caught.value).split("Pass ")[1].split(", or a 3-D")[0]
    expected = regressor().fit(Z, Y).predict(Z)
    X = eval(advice, {"X": X, "np": np})
    np.testing.assert_array_equal(regressor().fit(X, Y).predict(X), expected)
    np.testing.assert_array_equal(regressor().fit(by_step(style), Y).predict(by_step(style)), expected)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_a_model_of_sequences_believes_names_too(style):
    model = regressor().fit(Z, Y)
    with pytest.raises(ValueError, match="not in the order of steps"):
        model.predict(by_channel(style))
    np.testing.assert_array_equal(model.predict(by_step(style)), model.predict(Z))


OTHER_NAMES = {
    "no numbers": ["a", "b", "c", "d", "e", "f"],
    "one name": [f"x{j}" for j in range(6)],
    "numbers only": [str(j) for j in range(6)],
    "no pattern": ["mean_1", "mean_2", "max", "min_4", "q_5", "q_6"],
    "channels are numbers": ["mon_1", "mon_2", "tue_1", "tue_2", "wed_1", "wed_2"],
    "steps and channels are numbers": ["s0_c0", "s0_c1", "s1_c0", "s1_c1", "s2_c0", "s2_c1"],
    "not each with each": ["a_0", "a_1", "a_2", "a_3", "b_0", "b_1"],
}


@pytest.mark.parametrize("names", OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_names_that_may_be_in_order_are_not_refused(names):
    X = pd.DataFrame(Z.reshape(N, -1), columns=names)
    np.testing.assert_array_equal(regressor().fit(X, Y).predict(X), regressor().fit(Z, Y).predict(Z))


def pivoted():
    long = pd.DataFrame(
        {"id": np.repeat(np.arange(N), T), "t": np.tile(np.arange(T), N), "a": Z[..., 0].ravel(), "b": Z[..., 1].ravel()}
    )
    return long.pivot(index="id", columns="t", values=["a", "b"])


@pytest.mark.parametrize("n_channels", [1, C])
@pytest.mark.parametrize("swapped", [False, True], ids=["channel, time", "time, channel"])
def test_levels_that_contradict_the_order_of_steps_are_refused(n_channels, swapped):
    X = pivoted()
    X = X.swaplevel(axis=1) if swapped else X
    with pytest.raises(ValueError, match="columns of X") as caught:
        regressor(n_channels=n_channels).fit(X, Y)
    assert n_channels == C or "Set n_channels=2" in str(caught.value)
    advice = "X.sort_index(axis=1)" if swapped else "X.swaplevel(axis=1).sort_index(axis=1)"
    assert advice in str(caught.value)
    ordered = eval(advice, {"X": X})
    model = regressor().fit(ordered, Y)
    np.testing.assert_array_equal(model.predict(ordered), regressor().fit(Z, Y).predict(Z))
    with pytest.raises(ValueError, match="columns of X"):
        model.predict(X)


def test_levels_of_one_channel_are_steps():
    X = pivoted()[["a"]]
    regressor(n_channels=1).fit(X, Y)
    years = pd.DataFrame(Z.reshape(N, -1), columns=pd.MultiIndex.from_product([[2020, 2021, 2022], [1, 2]]))
    regressor(n_channels=1).fit(years, Y)


def test_a_table_with_one_row_per_step_is_warned_of():
    index = pd.MultiIndex.from_product([range(N), range(T)])
    panel = pd.DataFrame(Z.reshape(-1, C), columns=["v", "w"], index=index)
    with pytest.warns(UserWarning, match="index has two levels") as caught:
        regressor(n_channels=1).fit(panel, np.repeat(Y, T))
    advice = str(caught[0].message).split("pass ")[1].split(", with a y")[0]
    X = eval(advice, {"X": panel, "Sequences": Sequences})
    np.testing.assert_array_equal(regressor().fit(X, Y).predict(X), regressor().fit(Z, Y).predict(Z))


@pytest.mark.filterwarnings("error::UserWarning")
def test_an_index_that_tells_nothing_of_steps_is_not_warned_of():
    X = pd.DataFrame(Z.reshape(N, -1), columns=list("abcdef"))
    for index in (np.arange(N)[::-1], pd.MultiIndex.from_arrays([range(N), range(N)]), pd.MultiIndex.from_arrays([[0] * N] * 2)):
        regressor().fit(X.set_axis(index), Y)
