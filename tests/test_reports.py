"""Public bug reports about similar packages: here the expectation of the author holds, or there is a clear error.

Each test names the report. What they have in common is that a user of the neighbour lost time over it.
"""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneOut,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.preprocessing import PerStep, make_windows

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
N, T, D = 24, 6, 2
X = rng.normal(size=(N, T, D))
RAGGED = [x[: 2 + i % 5] for i, x in enumerate(X)]
LABELS = np.array(["down", "up"])[(X.sum(axis=(1, 2)) > 0).astype(int)]
STEP_LABELS = (X[:, :, 0] > 0).astype(int)
TOTALS = X.sum(axis=(1, 2))


def classifier(**params):
    return LSTMClassifier(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


def regressor(**params):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | params)


# ---- batches, states and lengths ----


def test_batches_of_any_size_in_predict():
    """keras #1332, #1938, #2322: a stateful network predicts for batches of the training size only."""
    model = classifier().fit(X, LABELS)
    together = model.predict_proba(X)
    for size in (1, 5, N):
        parts = [model.predict_proba(X[first : first + size]) for first in range(0, N, size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)


def test_trained_on_whole_sequences_predicting_step_by_step():
    """keras #14155: training without states and prediction with them, by the same model."""
    model = regressor().fit(X, TOTALS)
    stream = model.stream()
    for t in range(T):
        np.testing.assert_array_equal(stream.step(X[:, t]), model.predict(X[:, : t + 1]))


def test_another_number_of_streams_is_refused_until_reset():
    """EderSantana/seya #14, keras #4010: dimension mismatch in the middle of a product."""
    stream = classifier().fit(X, LABELS).stream()
    stream.step(X[:4, 0])
    with pytest.raises(ValueError, match=r"\(4, 2\).*reset\(\)"):
        stream.step(X[:3, 1])
    stream.reset()
    assert stream.step(X[:3, 1]).shape == (3,)


def test_sequences_without_a_step_are_named():
    """pytorch #4582, #11514, #80605, MAttNet #5: 'found an element in lengths that is <= 0', which one is not said."""
    with pytest.raises(ValueError, match=r"Sequence 3 of X has no step"):
        classifier().fit([*RAGGED[:3], np.empty((0, D)), *RAGGED[4:]], LABELS)
    with pytest.raises(ValueError, match="no step"):
        classifier().fit(np.empty((4, 0, D)), LABELS[:4])


def test_a_dense_batch_without_steps_in_predict():
    """pytorch #50192: GRU and LSTM fail for seq_len = 0."""
    with pytest.raises(ValueError, match="no step"):
        classifier().fit(X, LABELS).predict(np.empty((2, 0, D)))


def test_channels_first_sequences_of_different_lengths():
    """sktime #1756: Japanese Vowels, sequences (channels, steps) of different lengths."""
    with pytest.raises(ValueError, match="same channels"):
        classifier().fit([x.T for x in RAGGED], LABELS)
    classifier().fit([x.T.T for x in RAGGED], LABELS)


def test_a_panel_of_one_sequence():
    """sktime #4209: a panel with a single series."""
    model = regressor(standardize=False).fit(X[:1], TOTALS[:1])
    assert model.predict(X[:1]).shape == (1,)
    assert regressor().fit(X, TOTALS).predict([RAGGED[0]]).shape == (1,)


def test_ragged_sequences_initialise_like_any_other():
    """pomegranate #1023: a fit that initialises the model fails where lengths differ."""
    assert np.isfinite(classifier().fit(RAGGED, LABELS).loss_curve_).all()


# ---- lists, objects and lengths beside X ----


def test_grid_search_over_ragged_sequences():
    """skorch #1083: packed sequences cannot be searched over."""
    search = GridSearchCV(classifier(), {"hidden_size": [2, 3], "num_layers": [1, 2]}, cv=2, error_score="raise")
    assert search.fit(RAGGED, LABELS).predict(RAGGED).shape == (N,)


def test_randomised_search_over_lists_of_lists():
    """skorch #605: lists of lists of different lengths, scored by name."""
    lists = [x[:, 0].tolist() for x in RAGGED]
    search = RandomizedSearchCV(classifier(), {"hidden_size": [2, 3]}, n_iter=2, cv=2, scoring="accuracy", error_score="raise")
    assert 0 <= search.fit(lists, LABELS).best_score_ <= 1


def test_a_data_set_object_is_no_X():
    """skorch #532, #443: a torch Dataset as X, whose items are (x, y)."""

    class Pairs:
        def __len__(self):
            return N

        def __getitem__(self, i):
            return X[i], LABELS[i]

    with pytest.raises(ValueError, match="got Pairs"):
        classifier().fit(Pairs(), LABELS)


def test_an_object_array_of_lists():
    """hmmlearn #381: 'float() argument must be a string or a number, not list'."""
    lists = np.array([[0, 0, 1, 1, 1, 0], [1, 1, 0, 1], [0, 1, 0, 0, 1]] * 4, dtype=object)
    model = classifier(categorical_features="all").fit(lists, [0, 1, 0] * 4)
    assert model.predict(lists).shape == (12,)


def test_steps_in_one_array_with_lengths_instead_of_y():
    """hmmlearn #249, #293: X concatenated, and the lengths as the second argument."""
    lengths = [len(x) for x in RAGGED]
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples.*from_long"):
        classifier().fit(np.concatenate(RAGGED)[:, :1], lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    by_offsets = classifier().fit(Sequences(np.concatenate(RAGGED), offsets), LABELS)
    np.testing.assert_array_equal(by_offsets.predict_proba(RAGGED), classifier().fit(RAGGED, LABELS).predict_proba(RAGGED))


def test_predictions_of_steps_have_the_shape_of_the_steps():
    """hmmlearn #504: predict returns n_samples * n_features states."""
    model = classifier(return_sequences=True).fit(X, STEP_LABELS)
    assert model.predict(X).shape == (N, T)
    assert [len(labels) for labels in model.predict(RAGGED)] == [len(x) for x in RAGGED]


# ---- both directions ----


def test_both_directions_of_a_ragged_batch_are_those_of_each_sequence_alone():
    """pytorch #3662: packed and padded batches of a bidirectional LSTM differ."""
    model = classifier(bidirectional=True).fit(RAGGED, LABELS)
    together = model.predict_proba(RAGGED)
    for x, expected in zip(RAGGED, together, strict=True):
        np.testing.assert_array_equal(model.predict_proba([x])[0], expected)


def test_the_reverse_direction_has_seen_the_whole_sequence():
    """pytorch #3587, pytorch-tutorial #149, pvse #13: the reverse direction read where it has seen one step only."""
    model = classifier(bidirectional=True).fit(X, LABELS)
    changed = X[:1].copy()
    for t in range(T):
        changed[0, t] += 1
        states = model.encode(changed)[0] != model.encode(X[:1])[0]
        assert states[:3].any() and states[3:].any()
        changed[0, t] -= 1


# ---- labels ----


def test_probabilities_are_in_the_order_of_the_classes():
    """setfit #462, #587, nolearn #55: predict and the argmax of predict_proba name different labels."""
    labels = np.array(["positive", "negative", "mixed"])[rng.integers(0, 3, N)]
    model = classifier(max_iter=20).fit(X, labels)
    np.testing.assert_array_equal(model.classes_[model.predict_proba(X).argmax(axis=1)], model.predict(X))


def test_the_order_of_labels_is_that_of_their_kind():
    """mljar-supervised #245: classes 1, 10, 2 where labels are numbers."""
    labels = np.arange(N) % 12
    assert classifier().fit(X, labels).classes_.tolist() == list(range(12))
    assert classifier().fit(X, labels.astype(str)).classes_.tolist() == sorted(map(str, range(12)))


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string", "category"])
def test_nullable_labels(dtype):
    """scikit-learn #19889: y of pandas' nullable dtypes is 'unknown'."""
    pandas = pytest.importorskip("pandas")
    codes = (LABELS == "up").astype(int)
    plain = codes.astype(str) if dtype in ("string", "category") else codes
    y = pandas.Series(plain).astype(dtype)
    np.testing.assert_array_equal(classifier().fit(X, y).predict_proba(X), classifier().fit(X, codes).predict_proba(X))


def test_nullable_targets():
    """scikit-learn #19889: a regressor's y as Float64."""
    pandas = pytest.importorskip("pandas")
    y = pandas.Series(TOTALS, dtype="Float64")
    np.testing.assert_array_equal(regressor().fit(X, y).predict(X), regressor().fit(X, TOTALS).predict(X))


# ---- chunks and warm starts ----


def test_partial_fit_after_early_stopping():
    """scikit-learn #25693: partial_fit after a fit with early_stopping compares a score with None."""
    model = regressor(early_stopping=True, max_iter=3).fit(X, TOTALS)
    before = model.predict(X)
    assert not np.array_equal(model.partial_fit(X, TOTALS).predict(X), before)


def test_partial_fit_of_several_labels():
    """scikit-learn #12505: multilabel y in chunks."""
    y = np.column_stack([X[:, :, 0].sum(axis=1) > 0, X[:, :, 1].sum(axis=1) > 0]).astype(int)
    model = classifier()
    for part in np.array_split(np.arange(N), 3):
        model.partial_fit(X[part], y[part])
    assert model.predict(X).shape == y.shape


def test_chunks_without_some_of_the_classes():
    """scikit-learn #6994: a class that only a later chunk has."""
    y = np.array(["a", "b", "c"])[np.arange(N) // 8]
    model = classifier().partial_fit(X[:16], y[:16], classes=["a", "b", "c", "d"])
    assert model.partial_fit(X[16:], y[16:]).predict_proba(X).shape == (N, 4)


@pytest.mark.parametrize("labels", [["down", "up", "side"], ["down"]])
def test_a_warm_start_with_other_classes(labels):
    """scikit-learn #11758, #7976: a warm start on y with more, or with fewer, classes."""
    model = classifier(warm_start=True).fit(X, LABELS)
    before = model.predict_proba(X)
    y = np.array(labels)[np.arange(N) % len(labels)]
    if set(labels) <= set(model.classes_):
        model.fit(X, y)
        assert model.classes_.tolist() == ["down", "up"]
    else:
        with pytest.raises(ValueError, match="side"):
            model.fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), before)


# ---- masks and weights of steps ----


def test_masked_steps_do_not_dilute_the_loss():
    """keras #15323, #3086, tensorflow #34158: the loss is divided by all steps, masked ones too."""
    y = STEP_LABELS.astype(float)
    masked = y.copy()
    masked[:, T // 2 :] = np.nan
    # A step that is left out at the end of a sequence changes nothing before it: the loss is that of the shorter sequences.
    model = classifier(
        return_sequences=True, max_iter=1, shuffle=False, batch_size=N, alpha=0, standardize=False, forget_bias=1.0
    )
    short = model.fit(X[:, : T // 2], y[:, : T // 2]).loss_curve_[0]
    np.testing.assert_allclose(model.fit(X, masked).loss_curve_[0], short, rtol=1e-12)


def test_a_sequence_whose_steps_are_all_masked():
    """keras PR #2541: 0 / 0 for a sample of which every step is masked, and weights beside masks."""
    y = STEP_LABELS.astype(float)
    y[0] = np.nan
    weights = rng.uniform(1, 2, size=(N, T))
    model = classifier(return_sequences=True).fit(X, y, sample_weight=weights)
    without = classifier(return_sequences=True).fit(X[1:], y[1:], sample_weight=weights[1:])
    np.testing.assert_array_equal(model.predict_proba(X), without.predict_proba(X))


def test_scores_of_steps_know_their_weights():
    """tensorflow #59934: metrics of masked, weighted series ignore the weights."""
    model = classifier(return_sequences=True, max_iter=10).fit(X, STEP_LABELS)
    weights = rng.uniform(size=(N, T))
    expected = accuracy_score(STEP_LABELS.ravel(), model.predict(X).ravel(), sample_weight=weights.ravel())
    assert model.score(X, STEP_LABELS, sample_weight=weights) == pytest.approx(expected, abs=1e-12)


def test_weights_of_channels_are_refused():
    """keras #1199: weights of the shape of X crash in one method and are read in another."""
    for per_step, y in ((False, LABELS), (True, STEP_LABELS)):
        model = classifier(return_sequences=per_step)
        with pytest.raises(ValueError, match="sample_weight"):
            model.fit(X, y, sample_weight=np.ones_like(X))
        with pytest.raises(ValueError, match="sample_weight"):
            model.partial_fit(X, y, classes=np.unique(y), sample_weight=np.ones_like(X))


def test_sequences_to_sequences_of_numbers():
    """keras #1443: y of the shape of X, gaps to be filled."""
    model = regressor(return_sequences=True, bidirectional=True).fit(X, X)
    assert model.predict(X).shape == X.shape


# ---- searches and splits ----


def test_early_stopping_in_a_parallel_search():
    """scikit-learn #12122: early stopping crashes in a parallel grid search."""
    search = GridSearchCV(classifier(early_stopping=True, validation_fraction=0.25), {"alpha": [0, 1e-3]}, cv=2, n_jobs=2)
    assert np.isfinite(search.fit(X, LABELS).best_score_)


def test_early_stopping_keeps_the_proportions_of_classes():
    """scikit-learn #13164: a validation split that leaves a class out of training."""
    y = np.where(np.arange(N) < 4, "rare", "often")
    for seed in range(5):
        assert classifier(early_stopping=True, validation_fraction=0.25, random_state=seed).fit(X, y).classes_.tolist() == [
            "often",
            "rare",
        ]
    y = np.where(np.arange(N) < 1, "rare", "often")
    with pytest.raises(ValueError, match=r"early_stopping=True cannot set aside.*X_val"):
        classifier(early_stopping=True).fit(X, y)


def test_leaving_one_out():
    """scikit-learn #4532: cross-validation with as many folds as samples."""
    scores = cross_val_score(classifier(max_iter=1), RAGGED[:6], ["a", "b"] * 3, cv=LeaveOneOut(), error_score="raise")
    assert len(scores) == 6


def test_groups_in_a_search():
    """tune-sklearn #189: splits by groups beside early stopping."""
    groups = np.arange(N) // 4
    search = GridSearchCV(classifier(early_stopping=True, validation_fraction=0.25), {"alpha": [0]}, cv=GroupKFold(2))
    X_sequences = Sequences.from_list(RAGGED)
    assert np.isfinite(search.fit(X_sequences, LABELS, groups=groups).best_score_)
    for train, test in GroupShuffleSplit(2, random_state=0).split(X_sequences, LABELS, groups):
        assert not set(groups[train]) & set(groups[test])


def test_a_missing_group():
    """scikit-learn #24486: a group that is pd.NA, 'cryptic error'."""
    pandas = pytest.importorskip("pandas")
    groups = pandas.Series([1, 1, 1, 1, None, 2], dtype="Int64")
    with pytest.raises(ValueError, match="group in entry 4 is missing"):
        make_windows(np.arange(6.0), window=1, groups=groups)


# ---- tables ----


def test_missing_values_of_nullable_columns():
    """scikit-learn #34538: pd.NA in Int64 or Float64 raises a TypeError."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1, 2, None] * 4, "b": [0.5, 1, 2] * 4}).astype({"a": "Int64", "b": "Float64"})
    with pytest.raises(ValueError, match=r"NaN.*sequence 2, step 0"):
        classifier().fit(table, [0, 1] * 6)
    long = table.assign(id=np.arange(12) // 3)
    assert np.isnan(Sequences.from_long(long, id="id").values[2, 0])


def test_columns_that_a_transformer_made_objects_of():
    """scikit-learn #27482: a ColumnTransformer turns nullable columns into objects."""
    pandas = pytest.importorskip("pandas")
    from sklearn.compose import make_column_transformer

    table = pandas.DataFrame({"a": X[:, 0, 0], "b": X[:, 1, 0]}).convert_dtypes()
    objects = make_column_transformer(("passthrough", ["a", "b"])).fit_transform(table)
    expected = classifier().fit(X[:, :2, 0], LABELS).predict_proba(X[:, :2, 0])
    np.testing.assert_array_equal(classifier().fit(objects, LABELS).predict_proba(objects), expected)


def test_a_missing_id_of_a_nullable_column():
    """pandas #48794: groups by a nullable column with missing keys."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"id": pandas.array([1, 1, None, 2], dtype="Int64"), "v": np.arange(4.0)})
    with pytest.raises(ValueError, match=r"id in column 'id' is missing in row 2"):
        Sequences.from_long(table, id="id")


def test_the_order_of_ids():
    """tsfresh #699: ids that are numbers come in the order of texts, 1, 10, 2."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"id": np.repeat(np.arange(1, 13), 2), "t": [2, 1] * 12, "v": np.arange(24.0)})
    for frame in (table, table.astype({"id": str})):
        X = Sequences.from_long(frame, id="id", time="t")
        assert [int(one) for one in X.ids] == list(range(1, 13))
        assert X[0].ravel().tolist() == [1.0, 0.0]


def test_windows_of_several_series_keep_them_apart():
    """tsfresh #673, #1077: which series a window is of is lost."""
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"who": np.repeat(["a", "b"], 5), "v": np.arange(10.0)})
    windows, after, who = make_windows(table, window=3, groups="who")
    assert who.tolist() == ["a", "a", "b", "b"]
    assert windows[2].ravel().tolist() == [5.0, 6.0, 7.0] and after[2, 0] == 8.0


# ---- windows ----


def test_no_window_is_missing():
    """keras #17392, #17410, #21305, #9899: the last window, or the only one, is left out."""
    for n_steps in range(4, 9):
        for stride in (1, 2, 3):
            windows, after = make_windows(np.arange(float(n_steps)), window=3, stride=stride)
            assert windows[:, 0, 0].tolist() == list(range(0, n_steps - 3, stride))
            np.testing.assert_array_equal(after[:, 0], windows[:, -1, 0] + 1)


def test_the_target_is_what_comes_after_the_window():
    """keras-preprocessing #66, tensorflow #40343: which step the target is of."""
    windows, after = make_windows(np.arange(10.0), window=4, horizon=2)
    np.testing.assert_array_equal(after, windows[:, -1] + np.array([1.0, 2.0]))


def test_missing_values_beside_a_series():
    """darts #1977, #2100, #1895: a NaN among the covariates makes all forecasts NaN."""
    table = np.column_stack([np.sin(np.arange(40) / 3), np.arange(40.0)])
    table[20, 1] = np.nan
    windows, after = make_windows(table, window=5, target=0)
    with pytest.raises(ValueError, match=r"NaN: sequence 16, step 4, channel 1"):
        regressor().fit(windows, after[:, 0])


def test_what_a_network_cannot_continue():
    """darts #518: 1, 2, 3, ... is not continued beyond what was seen; its differences are."""
    series = np.arange(1.0, 101)
    windows, after = make_windows(np.diff(series), window=4)
    model = regressor(hidden_size=4, max_iter=5).fit(windows, after[:, 0])
    assert series[-1] + model.predict(windows[-1:])[0] == pytest.approx(101, abs=1e-3)


# ---- files and seeds ----


def test_a_saved_model_predicts_the_same_elsewhere(tmp_path):
    """tsai #258, tslearn #387: a model that was saved predicts something else, or nothing, in another process."""
    model = classifier().fit(RAGGED, LABELS)
    save(model, tmp_path / "model")
    np.save(tmp_path / "X", X)
    code = (
        "import sys, numpy as np, sklstm; folder = sys.argv[1]; model = sklstm.load(folder + '/model');"
        " np.save(folder + '/p', model.predict_proba(np.load(folder + '/X.npy')))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "p.npy"), model.predict_proba(X))
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(X), model.predict_proba(X))


def test_attributes_alone_are_the_model():
    """tslearn #387: a model put together again from its attributes is 'not fitted yet'."""
    model = classifier().fit(X, LABELS)
    other = LSTMClassifier()
    vars(other).update(pickle.loads(pickle.dumps(vars(model))))
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))


def test_equal_generators_give_equal_fits():
    """aeon #3438, #1271, tslearn #67: a RandomState is not used as an int is, or not at all."""
    fits = [classifier(random_state=np.random.RandomState(3), dropout=0.3).fit(X, LABELS).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(*fits)


def test_equal_fits_for_any_number_of_threads():
    """sktime #819, #796: the number of jobs changes the random numbers."""
    fits = [classifier(n_jobs=n_jobs, dropout=0.3, batch_size=16).fit(X, LABELS).predict_proba(X) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(*fits)


def test_scalers_see_training_folds_only():
    """skorch #978: what is validated on leaks into training; here through a transformer of steps in a Pipeline."""
    model = make_pipeline(PerStep(StandardScaler()), classifier())
    scores = cross_val_score(model, RAGGED, LABELS, cv=KFold(2), error_score="raise")
    changed = [x + 100 if i >= N // 2 else x for i, x in enumerate(RAGGED)]
    assert cross_val_score(model, changed, LABELS, cv=KFold(2), error_score="raise").shape == scores.shape
    first = make_pipeline(PerStep(StandardScaler()), classifier()).fit(RAGGED[: N // 2], LABELS[: N // 2])
    assert first.score(RAGGED[N // 2 :], LABELS[N // 2 :]) == scores[1]


def test_unknown_categories_in_a_fold():
    """category_encoders' and scikit-learn's OneHotEncoder: a category that only the test fold has, step by step."""
    letters = np.array(list("abcd"))[rng.integers(0, 3, size=(N, T, 1))]
    letters[-1, 0] = "d"
    model = make_pipeline(PerStep(OneHotEncoder(handle_unknown="ignore", sparse_output=False)), classifier())
    assert np.isfinite(cross_val_score(model, letters, LABELS, cv=KFold(4), error_score="raise")).all()
