"""Padding is not part of a sequence: `padding` of the estimators, `PaddingRemover`, both sides of `Sequences.from_padded`."""

import pickle

import numpy as np
import pytest
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.ensemble import BaggingRegressor
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.inspection import step_importance
from sklstm.metrics import step_scorer
from sklstm.preprocessing import PaddingRemover, PerStep

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LENGTHS = [3, 1, 4, 2, 4, 3, 1, 2]
RNG = np.random.default_rng(0)
ITEMS = [RNG.normal(size=(n, 2)) for n in LENGTHS]
X = Sequences.from_list(ITEMS)
Y = np.array([x.sum() for x in ITEMS])
SIDES = ["end", "start"]


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0, "n_channels": 2} | params)


def flat(padded):
    return padded.reshape(len(padded), -1)


FORMS = {
    "3-D": lambda padded: padded,
    "2-D": flat,
    "2-D float32": lambda padded: flat(padded).astype(np.float32),
    "DataFrame": lambda padded: pytest.importorskip("pandas").DataFrame(flat(padded)),
    "polars": lambda padded: pytest.importorskip("polars").DataFrame(flat(padded)),
}


# ---- both sides ----


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("padding", [0, -1.0, np.nan, np.inf])
def test_from_padded_undoes_to_padded_at_either_side(side, padding):
    padded = X.to_padded(padding, side=side)
    for arguments in ({"padding": padding}, {"lengths": LENGTHS}):
        found = Sequences.from_padded(padded, **arguments, side=side)
        np.testing.assert_array_equal(found.values, X.values)
        np.testing.assert_array_equal(found.lengths, LENGTHS)
    np.testing.assert_array_equal(Sequences.from_padded(padded, padding=padding, side="both").values, X.values)


def test_padding_in_front_as_keras_leaves_it():
    P = np.array([[0, 0, 0, 5, 6, 7.0], [0, 1, 2, 3, 4, 5.0]])
    for rows in (P, P[:, :, None], P.tolist()):
        with pytest.raises(ValueError, match=r"No row of X has padding \(0\) at its end, but row 0 has 3 .* at its start.*side"):
            Sequences.from_padded(rows, padding=0)
        for side in ("start", "both"):
            S = Sequences.from_padded(rows, padding=0, side=side)
            assert S.lengths.tolist() == [3, 5] and S.n_channels == 1
        np.testing.assert_array_equal(Sequences.from_padded(rows, lengths=[3, 5], side="start")[0].ravel(), [5, 6, 7])
    with pytest.raises(ValueError, match=r"No row of X has padding .* at its start, but row 0 .* at its end"):
        Sequences.from_padded(P[:, ::-1], padding=0, side="start")
    with pytest.raises(ValueError, match="lengths do not tell"):
        Sequences.from_padded(P, lengths=[3, 5], side="both")
    with pytest.raises(ValueError, match="side must be one of 'end', 'start', 'both', got 'front'"):
        Sequences.from_padded(P, lengths=[3, 5], side="front")
    with pytest.raises(ValueError, match="side must be one of 'end', 'start', got 'both'"):
        X.to_padded(side="both")


def test_padding_at_both_ends():
    P = np.array([[0, 5, 0, 6, 0], [1, 2, 3, 4, 5], [0, 0, 0, 0, 0], [0, 0, 7, 0, 0]])
    found = Sequences.from_padded(P, padding=0, side="both")
    assert [x.ravel().tolist() for x in found] == [[5, 0, 6], [1, 2, 3, 4, 5], [], [7]]


def test_two_dimensions_are_one_channel():
    labels = np.array([[1, 2, 1], [2, 1, 0]])
    found = Sequences.from_padded(labels, lengths=[3, 2])
    assert found.n_channels == 1 and found.values.ravel().tolist() == [1, 2, 1, 2, 1]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("form", ["3-D", "2-D", "DataFrame"])
def test_the_error_about_missing_values_speaks_of_padding(form, side):
    padded = X.to_padded(side=side)
    with pytest.raises(ValueError, match=r"NaN: sequence 0, step [03].*are padding, leave them out.*Else impute") as caught:
        regressor().fit(FORMS[form](padded), Y)
    # Both ways that it names work.
    advice = str(caught.value).split("leave them out: ")[1].split(" of a padded")[0]
    expected = regressor().fit(X, Y).predict(X)
    cut = eval(advice, {"Sequences": Sequences, "np": np, "X": padded})
    np.testing.assert_array_equal(regressor().fit(cut, Y).predict(X), expected)
    np.testing.assert_array_equal(regressor(padding=np.nan).fit(FORMS[form](padded), Y).predict(X), expected)


def test_a_value_that_is_missing_amid_a_sequence_is_no_padding():
    holes = np.ones((2, 4, 2))
    holes[1, 1] = np.nan
    with pytest.raises(ValueError, match=r"step 1, channel 0\. Expected finite numbers only\. Impute or drop"):
        regressor().fit(holes, [0, 1])
    with pytest.raises(ValueError, match=r"step 1, channel 0\. Expected finite numbers only\. Impute or drop"):
        regressor(padding=np.nan).fit(holes, [0, 1])


# ---- the parameter ----


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("padding", [np.nan, -999, 0.0])
def test_padded_rows_are_the_sequences_in_them(form, side, padding):
    rows = FORMS[form](X.to_padded(padding, side=side))
    plain = X.with_values(X.values.astype(np.float32)) if form.endswith("32") else X
    expected = regressor().fit(plain, Y, X_val=plain, y_val=Y)
    model = regressor(padding=padding).fit(rows, Y, X_val=rows, y_val=Y)
    for method in ("predict", "encode"):
        np.testing.assert_array_equal(getattr(model, method)(rows), getattr(expected, method)(plain))
        np.testing.assert_array_equal(getattr(model, method)(plain), getattr(expected, method)(plain))
    assert model.score(rows, Y) == expected.score(plain, Y)
    assert model.validation_loss_curve_ == expected.validation_loss_curve_
    model.partial_fit(rows, Y)
    np.testing.assert_array_equal(model.predict(rows), expected.partial_fit(plain, Y).predict(plain))


def test_None_reads_all_steps():
    padded = X.to_padded(0)
    assert not np.array_equal(regressor().fit(padded, Y).predict(padded), regressor(padding=0).fit(padded, Y).predict(padded))


def test_one_row_is_read_as_among_others():
    padded = X.to_padded(0)
    model = regressor(padding=0).fit(flat(padded), Y)
    assert_same_rows([model.predict(flat(padded[k : k + 1]))[0] for k in range(len(Y))], model.predict(X))


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_nothing_but_padding_is_refused(form):
    padded = X.to_padded()
    padded[2] = np.nan
    model = regressor(padding=np.nan)
    with pytest.raises(ValueError, match=r"Row 2 of X is nothing but padding \(nan\).*Drop it"):
        model.fit(FORMS[form](padded), Y)
    assert not model.__sklearn_is_fitted__()


def test_lists_and_streams_have_no_padding():
    model = regressor(padding=0).fit(X.to_padded(0), Y)
    zeros = [np.zeros((2, 2))]
    np.testing.assert_array_equal(model.predict(zeros), regressor().fit(X, Y).predict(zeros))
    stream = model.stream()
    stream.step([0.0, 0.0])
    np.testing.assert_array_equal(stream.step([0.0, 0.0]), model.predict(zeros))


def test_padding_in_tables_with_categories():
    pd = pytest.importorskip("pandas")
    words = np.array([["a", "b", None], ["b", "a", "a"], ["a", None, None]], dtype=object)
    numbers = X.values[:9].reshape(3, 3, -1)[..., 0]
    numbers = np.where(words == None, np.nan, numbers)  # noqa: E711
    table = pd.DataFrame({f"{name}{t}": column for t in range(3) for name, column in (("c", words[:, t]), ("v", numbers[:, t]))})
    long = pd.DataFrame({"id": np.repeat([0, 1, 2], 3), "c": words.ravel(), "v": numbers.ravel()}).dropna()
    S = Sequences.from_long(long, id="id")
    model = regressor(categorical_features=[0], padding=np.nan).fit(table, Y[:3])
    np.testing.assert_array_equal(model.predict(table), regressor(categorical_features=[0]).fit(S, Y[:3]).predict(S))
    table.iloc[1, 2] = None
    with pytest.raises(ValueError, match=r"NaN.*'c1' has no value in row 1"):
        model.predict(table)


def test_padded_letters():
    P = np.array([["a", "b", ""], ["b", "a", "a"]], dtype=object)
    P[P == ""] = 0
    y = [0, 1]
    model = regressor(n_channels=1, categorical_features="all", padding=0).fit(P, y)
    expected = regressor(n_channels=1, categorical_features="all").fit([["a", "b"], ["b", "a", "a"]], y)
    np.testing.assert_array_equal(model.predict(P), expected.predict([["a", "b"], ["b", "a", "a"]]))


def test_targets_of_steps_are_those_that_remain():
    targets = [x[:, 0] for x in ITEMS]
    expected = regressor(return_sequences=True).fit(X, targets).predict(X)
    found = regressor(return_sequences=True, padding=np.nan).fit(flat(X.to_padded()), targets).predict(flat(X.to_padded()))
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))


@pytest.mark.parametrize("side", SIDES)
def test_padded_targets_beside_padded_rows_are_told_of_the_steps_that_remain(side):
    rows = Sequences(X.values[:, :1], X.offsets).to_padded(padding=-9, side=side)[:, :, 0]
    padded = np.where(rows == -9, 0, rows > 0).astype(float)
    model = regressor(n_channels=1, return_sequences=True, padding=-9)
    for door in (lambda: model.fit(rows, padded), lambda: cross_val_score(model, rows, padded, cv=2, error_score="raise")):
        with pytest.raises(ValueError, match=r"y is padded.* pass a list with the entries of y at the steps that remain"):
            door()
    remain = [y[x != -9] for x, y in zip(rows, padded, strict=True)]
    found = model.fit(rows, remain).predict(rows)
    items = [x[:, 0] for x in ITEMS]
    expected = regressor(n_channels=1, return_sequences=True).fit(items, remain).predict(items)
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(expected))
    scores = cross_val_score(model, rows, remain, cv=2, scoring=step_scorer("r2"), error_score="raise")
    np.testing.assert_array_equal(scores, cross_val_score(model, rows, remain, cv=2, error_score="raise"))


def test_copies_and_files_keep_the_padding(tmp_path):
    rows = flat(X.to_padded())
    model = regressor(padding=np.nan).fit(rows, Y)
    save(model, tmp_path / "model")
    for copy in (load(tmp_path / "model"), pickle.loads(pickle.dumps(model)), clone(model).fit(rows, Y)):
        assert np.isnan(copy.padding)
        np.testing.assert_array_equal(copy.predict(rows), model.predict(rows))


def test_tools_for_tables():
    rows = flat(X.to_padded())
    assert np.isfinite(cross_val_score(regressor(padding=np.nan), rows, Y, cv=2, error_score="raise")).all()
    bags = BaggingRegressor(regressor(padding=np.nan), n_estimators=2, random_state=0).fit(rows, Y)
    assert np.isfinite(bags.predict(rows)).all()


@pytest.mark.parametrize("form", ["3-D", "2-D"])
def test_importance_of_steps(form):
    rows = FORMS[form](X.to_padded())
    found = step_importance(regressor(padding=np.nan).fit(rows, Y), rows, Y, random_state=0)
    expected = step_importance(regressor().fit(X, Y), X, Y, random_state=0)
    np.testing.assert_array_equal(found.importances, expected.importances)


# ---- the transformer ----


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("side", "at"), [("end", "end"), ("start", "start"), ("both", "end"), ("both", "start")])
@pytest.mark.parametrize("padding", [np.nan, 0])
def test_the_transformer_takes_padding_off(form, side, at, padding):
    rows = FORMS[form](X.to_padded(padding, side=at))
    remover = PaddingRemover(n_channels=2, padding=padding, side=side)
    for transformer in (remover.fit(rows), clone(remover), pickle.loads(pickle.dumps(remover))):
        found = transformer.transform(rows)
        assert isinstance(found, Sequences)
        np.testing.assert_array_equal(found.lengths, LENGTHS)
        np.testing.assert_array_equal(found.values, X.values.astype(np.float32) if form.endswith("32") else X.values)


def test_the_transformer_in_a_pipeline():
    rows = flat(X.to_padded())
    pipe = make_pipeline(PaddingRemover(n_channels=2), PerStep(StandardScaler()), regressor()).fit(rows, Y)
    expected = make_pipeline(PerStep(StandardScaler()), regressor()).fit(X, Y)
    np.testing.assert_array_equal(pipe.predict(rows), expected.predict(X))
    np.testing.assert_array_equal(pipe.predict(X), expected.predict(X))


def test_names_and_what_the_transformer_refuses():
    pd = pytest.importorskip("pandas")
    names = [f"{c}{t}" for t in range(4) for c in "ab"]
    frame = pd.DataFrame(flat(X.to_padded()), columns=names)
    remover = PaddingRemover(2).fit(frame)
    assert remover.get_feature_names_out().tolist() == ["a0", "b0"]
    assert PaddingRemover().fit(X.to_padded()).get_feature_names_out().tolist() == ["x0", "x1"]
    with pytest.raises(ValueError, match="feature names"):
        remover.transform(frame[names[::-1]])
    for rows, words in [
        (np.full((2, 4), np.nan), "Row 0 of X is nothing but padding"),
        (np.array([["1", "2"]]), "'1' .*Convert texts"),
        (np.array([[["1"], [None]]], dtype=object), "'1' .*Convert texts"),
        (np.ones((2, 3)), "multiple of n_channels=2"),
        ({"a": [1]}, "a mapping"),
    ]:
        with pytest.raises(ValueError, match=words):
            PaddingRemover(1 if rows is not None and np.shape(rows) != (2, 3) else 2).fit(rows).transform(rows)
    holes = np.array([[1, np.nan, 2, np.nan]])
    np.testing.assert_array_equal(PaddingRemover().fit_transform(holes)[0].ravel(), [1, np.nan, 2])


class AsTable(PaddingRemover):
    """scikit-learn's checks compare arrays: here what `transform` returns is padded again, up to the length of X."""

    def transform(self, X):
        rows, width = super().transform(X), np.asarray(X).shape[1]
        table = np.full((len(rows), width), np.nan)
        table[:, : rows.lengths.max()] = rows.to_padded()[:, :, 0]
        return table

    def fit_transform(self, X, y=None):
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features=None):
        return np.asarray([f"step{t}" for t in range(self.n_features_in_)], dtype=object)


@parametrize_with_checks([AsTable()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_the_classifier_too():
    labels = np.arange(len(Y)) % 2
    model = LSTMClassifier(3, n_channels=2, padding=np.nan, max_iter=2, random_state=0).fit(flat(X.to_padded()), labels)
    expected = LSTMClassifier(3, max_iter=2, random_state=0).fit(X, labels)
    np.testing.assert_array_equal(model.predict_proba(flat(X.to_padded())), expected.predict_proba(X))
