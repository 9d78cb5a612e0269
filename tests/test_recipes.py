"""Sequences in the formats of aeon, sktime and tslearn: the recipes in the notes of `Sequences`, and the errors without them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklstm import LSTMClassifier, Sequences

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LENGTHS = [5, 3, 4, 5]


@pytest.fixture
def arrays(rng):
    """Sequences (n_steps, 3) of different lengths."""
    return [rng.normal(size=(n, 3)) for n in LENGTHS]


# What these packages make of such sequences: names, shapes, dtypes and indices are those of sktime 1.2.0 and tslearn 0.10.0.


def nested(arrays):
    """sktime's nested_univ: a Series with the steps of one channel in each cell."""
    return pd.DataFrame({f"dim_{j}": [pd.Series(x[:, j]) for x in arrays] for j in range(3)})


def multiindex(arrays):
    """sktime's pd-multiindex: levels without names, instance and time."""
    keys = [(i, t) for i, x in enumerate(arrays) for t in range(len(x))]
    names = [f"dim_{j}" for j in range(3)]
    return pd.DataFrame(np.concatenate(arrays), index=pd.MultiIndex.from_tuples(keys), columns=names)


def padded(arrays):
    """tslearn's to_time_series_dataset: NaN at the end of shorter sequences."""
    X = np.full((len(arrays), max(LENGTHS), 3), np.nan)
    for row, x in zip(X, arrays, strict=True):
        row[: len(x)] = x
    return X


RECIPES = {
    "aeon list": (lambda a: [x.T for x in a], lambda X: [x.T for x in X]),
    "nested_univ": (nested, lambda X: [np.column_stack(list(row)) for row in X.to_numpy()]),
    "pd-multiindex": (
        multiindex,
        lambda X: Sequences.from_long(X.rename_axis(["who", "when"]).reset_index(), id="who", time="when"),
    ),
    "df-list": (lambda a: [pd.DataFrame(x) for x in a], lambda X: X),
    "tslearn": (padded, lambda X: Sequences.from_padded(X, padding=np.nan)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_for_sequences_of_different_lengths(arrays, name):
    form, recipe = RECIPES[name]
    y = [0, 1, 0, 1]
    model, expected = (LSTMClassifier(3, max_iter=3, random_state=0) for _ in range(2))
    X = recipe(form(arrays))
    np.testing.assert_array_equal(model.fit(X, y).predict_proba(X), expected.fit(arrays, y).predict_proba(arrays))


def test_the_recipe_for_arrays_with_channels_first_copies_once(rng):
    X = rng.normal(size=(6, 3, 8))
    y = [0, 1] * 3
    model = LSTMClassifier(3, max_iter=3, random_state=0)
    one = model.fit(X.transpose(0, 2, 1), y).predict_proba(X.transpose(0, 2, 1))
    np.testing.assert_array_equal(one, model.fit([x.T for x in X], y).predict_proba([x.T for x in X]))


def test_tslearn_and_back(arrays):
    X = padded(arrays)
    np.testing.assert_array_equal(Sequences.from_padded(X, padding=np.nan).to_padded(), X)
    # A missing value is none of the padding: only the end of a sequence is.
    X[0, 1, 2] = X[1, 0] = np.nan
    sequences = Sequences.from_padded(X, padding=np.nan)
    np.testing.assert_array_equal(sequences.lengths, LENGTHS)
    with pytest.raises(ValueError, match="NaN: sequence 0, step 1, channel 2"):
        LSTMClassifier().fit(sequences, [0, 1, 0, 1])


def test_the_readme_has_the_shorter_ones():
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    for words in (
        "X.transpose(0, 2, 1)",
        "[x.T for x in X]",
        "[np.column_stack(list(row)) for row in X.to_numpy()]",
        "Sequences.from_padded(X, padding=np.nan)",
    ):
        assert f"| `{words}` |" in readme


def test_the_notes_have_these_recipes():
    notes = " ".join(Sequences.__doc__.split())
    for words in (
        "X.transpose(0, 2, 1)",
        "[x.T for x in X]",
        "[np.column_stack(list(row)) for row in X.to_numpy()]",
        'Sequences.from_long(X.rename_axis(["who", "when"]).reset_index(), id="who", time="when")',
        "Sequences.from_padded(X, padding=np.nan)",
    ):
        assert words in notes


# ---- the data that aeon brings ----


def test_aeon_arrays():
    load = pytest.importorskip("aeon.datasets").load_basic_motions
    X, y = load(split="train")
    assert X.shape == (40, 6, 100)
    steps_first = X.transpose(0, 2, 1)
    model = LSTMClassifier(8, max_iter=10, random_state=0).fit(steps_first, y)
    assert model.n_features_in_ == 6
    assert model.score(steps_first, y) > 0.9
    with pytest.raises(ValueError, match=r"has 100 channels.*expecting 6 .*All sequences have 6 steps.*X\.transpose\(0, 2, 1\)"):
        model.predict(X)


def test_aeon_lists():
    load = pytest.importorskip("aeon.datasets").load_japanese_vowels
    X, y = load(split="train")
    assert X[0].shape[0] == 12
    model = LSTMClassifier(8, max_iter=1, random_state=0).fit([x.T for x in X], y)
    assert model.n_features_in_ == 12
    for act in (lambda: model.predict(X), lambda: LSTMClassifier().fit(X, y)):
        with pytest.raises(ValueError, match=r"All sequences have 12 steps: if that is the number .*\[x\.T for x in X\]"):
            act()


# ---- what is said of channels first, and what is not ----


def test_no_hint_where_lengths_tell_nothing(arrays):
    model = LSTMClassifier(3, max_iter=1).fit(arrays, [0, 1, 0, 1])
    with pytest.raises(ValueError, match="has 2 channels") as caught:
        model.predict([x[:, :2] for x in arrays])
    assert "transpose" not in str(caught.value)
    with pytest.raises(ValueError, match="has 2 channels") as caught:
        model.predict(np.ones((4, 7, 2)))
    assert "transpose" not in str(caught.value)
    with pytest.raises(ValueError, match="sequence 0 has 3, sequence 1 has 2") as caught:
        Sequences.from_list([arrays[0], arrays[1][:, :2]])
    assert "transpose" not in str(caught.value)
