"""Properties of estimators whose numeric channels may have missing values (`missing`)."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from rows import assert_same_rows
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMRegressor, Sequences, load, save
from sklstm.inspection import integrated_gradients, step_importance
from sklstm.network import Network, apply
from sklstm.preprocessing import PerStep

WAYS = ("indicator", "decay")
each_way = pytest.mark.parametrize("missing", WAYS)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def regressor(missing="indicator", **options):
    return LSTMRegressor(**{"hidden_size": 3, "max_iter": 2, "random_state": 0} | options, missing=missing)


def with_holes(rng, n=30, n_channels=3, share=0.4, dtype=np.float64):
    """Ragged sequences, and a y."""
    X = [rng.normal(3, 2, size=(length, n_channels)).astype(dtype) for length in rng.integers(1, 9, size=n)]
    y = np.array([x[:, 0].sum() for x in X])
    for x in X:
        x[rng.random(x.shape) < share] = np.nan
    return X, y


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"cell": "layernorm", "pooling": None}], ids=str)
def test_on_complete_data_the_network_is_that_of_x_1_1(rng, options):
    network = Network(2, 1, (3,), missing="decay", **options)
    n = 5 if network.bidirectional else 3
    plain = Network(2 * n, 1, (3,), **options)
    X = Sequences.from_list([rng.normal(size=(length, 2)) for length in (5, 1, 3)])
    ones = np.ones_like(X.values)
    blocks = [X.values, ones, ones, X.values, ones][:n]
    theta, of_plain = network.initialize(rng, np.float64), np.ones(plain.layout.size)
    views, plain_views = network.layout.views(theta), plain.layout.views(of_plain)
    for name, view in plain_views.items():
        if name != "input.scale":
            view[...] = views[name] if not name.startswith("input.") else 0
    expected = apply(plain, of_plain, X.with_values(np.hstack(blocks)))
    np.testing.assert_allclose(apply(network, theta, X), expected, rtol=0, atol=1e-12)


@each_way
@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"num_layers": 2, "residual": True}], ids=str)
def test_predictions_of_random_holes_are_finite_and_those_of_each_alone(rng, missing, options):
    X, y = with_holes(rng)
    model = regressor(missing, **options).fit(X, y)
    values = rng.normal(3, 2, size=(2000, 5, 3))
    values[rng.random(values.shape) < rng.random((2000, 1, 1))] = np.nan
    values[0] = np.nan
    together = model.predict(values)
    assert np.isfinite(together).all()
    for i in range(0, 40):
        assert_same_rows(model.predict(values[i : i + 1]), together[i : i + 1])
        assert_same_rows(model.predict([values[i], values[-i], values[i][:3]])[:1], together[i : i + 1])


@each_way
def test_all_forms_of_x_have_the_same_bits(rng, missing):
    X = rng.normal(size=(20, 4, 2))
    X[rng.random(X.shape) < 0.3] = np.nan
    y = np.nansum(X, axis=(1, 2))
    expected = regressor(missing).fit(X, y).predict(X)
    lists = [[[None if np.isnan(v) else v for v in step] for step in x] for x in X.tolist()]
    flat = pd.DataFrame(X.reshape(20, -1)).rename(columns=str)
    for form, options in ((list(X), {}), (Sequences.from_list(list(X)), {}), (flat, {"n_channels": 2}), (lists, {})):
        model = regressor(missing, **options)
        assert (model.fit(form, y).predict(form) == expected).all()


@each_way
def test_a_channel_of_which_only_holes_matter(missing):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6, 2))
    y = rng.integers(2, size=400)
    X[np.arange(400), rng.integers(6, size=400), y] = np.nan  # each sequence has a hole; in which channel is the class
    train, test = slice(300), slice(300, None)
    options = {"hidden_size": 8, "max_iter": 40, "early_stopping": False, "random_state": 0}
    model = LSTMClassifier(missing=missing, **options).fit(X[train], y[train])
    assert roc_auc_score(y[test], model.predict_proba(X[test])[:, 1]) >= 0.99
    imputed = make_pipeline(PerStep(SimpleImputer()), LSTMClassifier(**options)).fit(X[train], y[train])
    assert roc_auc_score(y[test], imputed.predict_proba(X[test])[:, 1]) < 0.8


@each_way
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_stream_has_the_bits_of_whole_sequences(rng, missing, dtype):
    X, y = with_holes(rng, dtype=dtype)
    model = regressor(missing, num_layers=2).fit(X, y)
    x = np.stack([x[:3] for x in X if len(x) >= 3][:4])
    stream = model.stream("predict")
    for t in range(3):
        if t == 2:
            other = pickle.loads(pickle.dumps(stream))
            resumed = model.stream("predict")
            resumed.state = stream.state
            assert stream.state["input.last"].shape == (4, 3)
        got = stream.step(x[:, t])
        assert_same_rows(got, model.predict(x[:, : t + 1]))
    assert (other.step(x[:, 2]) == got).all() and (resumed.step(x[:, 2]) == got).all()
    stream.reset([1])
    assert_same_rows(stream.step(x[:, 0])[1:2], model.predict(x[1:2, :1]))
    before = stream.state
    with pytest.raises(ValueError, match="infinity"):
        stream.step(np.full((4, 3), np.inf))
    assert all((before[name] == array).all() for name, array in stream.state.items())
    with pytest.raises(ValueError, match=r"input\.elapsed"):
        stream.state = before | {"input.elapsed": -np.ones((4, 3))}


@each_way
@pytest.mark.parametrize("standardize", [True, False])
def test_persistence_and_continuation(rng, missing, standardize, tmp_path):
    X, y = with_holes(rng)
    options = {"standardize": standardize, "max_iter": 4, "early_stopping": False}
    whole = regressor(missing, **options, checkpoint=tmp_path / "fit.npz").fit(X, y)
    assert (clone(whole).fit(X, y).predict(X) == whole.predict(X)).all()
    save(whole, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert (loaded.predict(X) == whole.predict(X)).all()
    more = [model.set_params(warm_start=True, checkpoint=None).fit(X, y).predict(X) for model in (whole, loaded)]
    assert (more[0] == more[1]).all()
    before = whole.predict(X)
    np.testing.assert_allclose(whole.set_weights(whole.weights_).predict(X), before)


def test_partial_fit_has_the_means_of_all_chunks(rng):
    X, y = with_holes(rng)
    for x in X[:15]:
        x[:, 2] = np.nan
    with pytest.warns(UserWarning, match="channel 2"):
        chunks = regressor().partial_fit(X[:15], y[:15])
    chunks.partial_fit(X[15:], y[15:])
    values = np.concatenate(X)
    np.testing.assert_allclose(chunks.weights_["input.mean"], np.nanmean(values, axis=0))
    np.testing.assert_allclose(chunks._moments["x"]["deviation"], np.nanstd(values, axis=0))
    assert chunks.weights_["input.known"].tolist() == [1, 1, 1]


def test_means_are_weighted_as_training_is(rng):
    X, y = with_holes(rng)
    weights = rng.integers(0, 3, size=len(X))
    model = regressor(standardize=False).fit(X, y, sample_weight=weights)
    expected = np.nanmean(np.concatenate([x for x, w in zip(X, weights, strict=True) for _ in range(w)]), axis=0)
    np.testing.assert_allclose(model.weights_["input.mean"], expected)


def test_a_channel_never_seen_is_ignored(rng):
    X, y = with_holes(rng)
    hidden = [x.copy() for x in X]
    for x in hidden:
        x[:, 1] = np.nan
    with pytest.warns(UserWarning, match="No training sequence has a value in channel 1") as caught:
        model = regressor().fit(hidden, y)
    assert sum("No training sequence" in str(warning.message) for warning in caught) == 1
    assert (model.predict(X) == model.predict(hidden)).all()


@each_way
def test_units_do_not_matter(rng, missing):
    X, y = with_holes(rng)
    expected = regressor(missing).fit(X, y).predict(X)
    doubled = [x * [4, 0.5, 1024] for x in X]
    assert (regressor(missing).fit(doubled, y).predict(doubled) == expected).all()
    moved = [x * [1.8, 3, 7] + [32, 5, 1] for x in X]
    np.testing.assert_allclose(regressor(missing).fit(moved, y).predict(moved), expected, rtol=1e-9)


@each_way
def test_chunks_of_steps_remember_what_was_seen(rng, missing):
    # With a rate of 0, one epoch over chunks leaves the weights as they were: the loss is that of the whole.
    X, y = with_holes(rng)
    options = {"max_iter": 1, "early_stopping": False, "learning_rate_init": 1e-300, "learning_rate": "constant"}
    losses = [regressor(missing, **options, bptt_steps=steps).fit(X, y).loss_curve_[0] for steps in (None, 2)]
    np.testing.assert_allclose(*losses, rtol=1e-12)
    steps = [np.zeros(len(x)) + k for k, x in enumerate(X)]
    options["return_sequences"] = True
    losses = [regressor(missing, **options, bptt_steps=steps_).fit(X, steps).loss_curve_[0] for steps_ in (None, 2)]
    np.testing.assert_allclose(*losses, rtol=1e-12)


@each_way
def test_threads_and_categories(rng, missing):
    X, y = with_holes(rng)
    for x in X:
        x[:, 1] = rng.integers(3, size=len(x))
    fits = [regressor(missing, categorical_features=[1], n_jobs=n_jobs).fit(X, y).predict(X) for n_jobs in (1, 2)]
    assert (fits[0] == fits[1]).all()
    X[4][0, 1] = np.nan
    with pytest.raises(ValueError, match="sequence 4, step 0"):
        regressor(missing, categorical_features=[1]).fit(X, y)


@each_way
def test_inspection_reports_the_channels_of_the_user(rng, missing):
    X, y = with_holes(rng)
    model = regressor(missing).fit(X, y)
    explained = integrated_gradients(model, X)
    assert explained.attributions.n_channels == 3 and np.isfinite(explained.attributions.values).all()
    sums = np.add.reduceat(explained.attributions.values.sum(axis=1), explained.attributions.offsets[:-1])
    np.testing.assert_allclose(sums, explained.outputs - explained.baseline_outputs, atol=1e-2)
    np.testing.assert_allclose(explained.outputs, model.predict(X))
    assert step_importance(model, X, y, n_repeats=1, random_state=0).importances_mean.shape[1] == 3


@each_way
def test_input_dropout_prepares_for_holes_that_come_later(missing):
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(400, 1, 1)), 3, axis=2) + rng.normal(scale=0.1, size=(400, 6, 3))
    y, later = X.mean(axis=(1, 2)), X.copy()
    later[rng.random(X.shape) < 0.5] = np.nan
    options = {"hidden_size": 8, "max_iter": 30, "early_stopping": False}
    plain, prepared = (regressor(missing, **options, input_dropout=rate).fit(X[:300], y[:300]) for rate in (0.0, 0.5))
    assert prepared.score(later[300:], y[300:]) > max(0.9, plain.score(later[300:], y[300:]))
    threads = clone(prepared).set_params(n_jobs=2, bptt_steps=2).fit(X[:300], y[:300])
    assert (threads._theta == clone(threads).set_params(n_jobs=1).fit(X[:300], y[:300])._theta).all()
    assert (prepared.predict(later) == prepared.predict(later)).all()


def test_errors(rng):
    X, y = with_holes(rng)
    with pytest.raises(ValueError, match=r"input_dropout=0\.2 makes values missing"):
        regressor("error", input_dropout=0.2).fit(X, y)
    with pytest.raises(ValueError, match=r"input_dropout=0\.2 change"):
        regressor(input_dropout=0.2, solver="lbfgs").fit(X, y)
    with pytest.raises(ValueError, match=r"PerStep(.|\n)*missing=\"indicator\""):
        regressor("error").fit(X, y)
    complete = [np.nan_to_num(x) for x in X]
    with pytest.raises(ValueError, match="missing"):
        regressor("error").fit(complete, y).predict(X)
    X[2][0, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        regressor().fit(X, y)
    model = regressor().fit(complete, y).set_params(missing="decay", warm_start=True)
    with pytest.raises(ValueError, match="missing"):
        model.fit(complete, y)


@each_way
def test_equal_sequences_with_holes_count_as_one_with_the_sum_of_weights(rng, missing):
    X, y = with_holes(rng, n=12)
    twice = [*X, *(x.copy() for x in X)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        options = {"early_stopping": False, "batch_size": 100}
        repeated = regressor(missing, **options).fit(twice, np.r_[y, y])
        weighted = regressor(missing, **options).fit(X, y, sample_weight=np.full(12, 2.0))
    assert (repeated.predict(X) == weighted.predict(X)).all()


# ---- values that no network tells apart, and later data ----


@pytest.mark.parametrize("missing", ["indicator", "decay"])
@pytest.mark.parametrize("dtype, scale, huge", [("float32", 0.1, 3.4e38), ("float64", 1e-100, 1e300)])
def test_values_that_overflow_in_standard_units(missing, dtype, scale, huge, rng):
    X = (scale * rng.normal(size=(20, 5, 2))).astype(dtype)
    model = LSTMClassifier(4, missing=missing, max_iter=2, random_state=0).fit(X, np.arange(20) % 2)
    X[0, 2] = huge, -huge
    assert np.isfinite(model.predict_proba(X)).all()
    stream = model.stream("predict_proba")
    assert_same_rows([stream.step(x) for x in X[0]][-1], model.predict_proba(X[:1]))


def test_weights_that_were_set_are_where_a_fit_continues(rng):
    X, y = rng.normal(size=(20, 5, 2)), rng.normal(size=20)
    X[rng.random(X.shape) < 0.3] = np.nan
    model = LSTMRegressor(4, missing="indicator", max_iter=2, warm_start=True, random_state=0).fit(X, y)
    model.set_weights({"input.known": [1.0, 0.0]})
    np.testing.assert_array_equal(model.fit(X, y).weights_["input.known"], [1.0, 0.0])


def test_a_channel_that_is_first_seen_later_warns_once(rng):
    X, y = rng.normal(size=(20, 5, 2)), rng.normal(size=20)
    first = X.copy()
    first[:, :, 1] = np.nan
    model = LSTMRegressor(4, missing="indicator", max_iter=2, warm_start=True, random_state=0)
    with pytest.warns(UserWarning, match="No training sequence has a value in channel 1"):
        model.fit(first, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
