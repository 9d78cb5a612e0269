"""Detectors that reconstruct: pieces, the reversed target, the network against other implementations, and the estimator."""

import copy
import pickle

import numpy as np
import pytest
import reference
from reference import central_differences
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_bad_input import refuses
from test_outlier_detector import assert_same_detector, seasonal, series_of_all_kinds, two_channels

from sklstm import LSTMOutlierDetector, Sequences, load, save
from sklstm.estimators.architecture import build
from sklstm.estimators.held_out import cut
from sklstm.estimators.reconstruction import reconstruct, same_steps
from sklstm.parallel import Threads
from sklstm.preprocessing import PerStep, with_static
from sklstm.training import Scaling
from sklstm.training.gradient import GradientComputer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LENGTHS = (30, 7, 25, 12, 40)


def detector(**parameters):
    quick = {"hidden_size": 4, "max_iter": 3, "random_state": 0}
    return LSTMOutlierDetector(**quick | {"target": "reconstruct", "smoothing": 0} | parameters)


@pytest.fixture
def X(rng):
    return [rng.normal(size=(n, 2)).cumsum(axis=0) for n in LENGTHS]


# ---- pieces and targets ----


@pytest.mark.parametrize("window", [1, 2, 8, 39, 40, None])
def test_pieces_are_of_about_equal_length(X, window):
    whole = with_static(Sequences.from_list(X), {"age": np.arange(5.0)})
    pieces = cut(whole, window)
    np.testing.assert_array_equal(pieces.values, whole.values)
    assert set(whole.offsets) <= set(pieces.offsets)
    of_each = [np.diff(pieces.offsets[(pieces.offsets >= a) & (pieces.offsets <= b)]) for a, b in zip(
        whole.offsets[:-1], whole.offsets[1:], strict=True
    )]  # fmt: skip
    for n, lengths in zip(LENGTHS, of_each, strict=True):
        assert lengths.max() <= (window or 99) and np.ptp(lengths) <= 1
        assert len(lengths) == (1 if window is None else -(-n // window))  # no more than are needed
    np.testing.assert_array_equal(pieces.static[:, 0], np.repeat(np.arange(5.0), list(map(len, of_each))))


def problem(rng, window=8, dtype=np.float64, missing="error", **parameters):
    """A target of numbers with holes and weights, its data in standard units, and a network for it with random weights."""
    estimator = detector(missing=missing, window=window, **parameters)
    X = Sequences.from_list([rng.normal(size=(n, 3)).astype(dtype) for n in (5, 1, 20)])
    if missing != "error":
        X.values[rng.random(X.values.shape) < 0.3] = np.nan
        X.values[3] = np.nan
    weights = [rng.random(n) for n in (5, 1, 20)]
    weights[2][4] = 0
    target = same_steps(estimator, weights, X, [0, 2]).with_deltas(1.0, True)
    target.attributes["window_"] = window
    form = {"categories_": [], "_categorical": ()}
    network = build(estimator._make_spec(3, target, form) | {"gap_channel": None})
    shift, factor = rng.normal(size=3), rng.uniform(0.5, 2, size=3)
    units = rng.normal(size=2), rng.uniform(0.5, 2, size=2)
    scaling = Scaling(shift, factor, *units, means=np.zeros(3), known=np.ones(3))
    theta = network.initialize(np.random.default_rng(0), dtype)
    theta += rng.normal(scale=0.2, size=len(theta)).astype(dtype)
    entry = network.bind(theta)["decoder.input"]
    entry["scale"][...], entry["offset"][...] = 1, 0  # which training does not change
    scaling.write_means(network, theta)
    return X, np.concatenate(weights), target, scaling, network, theta


@pytest.mark.parametrize("window", [8, None])
def test_the_target_is_written_from_the_last_step_of_each_piece_on(rng, window):
    X, weights, target, scaling, *_ = problem(rng, window, missing="indicator")
    data, n = target.data(X, scaling), len(cut(X, window))
    np.testing.assert_array_equal(data.inputs.values, np.zeros((26, 1)))
    np.testing.assert_array_equal(data.inputs.offsets, data.sequences.offsets)
    assert len(data.sequences) == n == len(data) + (weights[5] == 0)
    for a, b in zip(data.sequences.offsets[:-1], data.sequences.offsets[1:], strict=True):
        own = (X.values[a:b, [0, 2]] - scaling.target_shift) / scaling.target_scale
        own[weights[a:b] == 0] = np.nan
        np.testing.assert_allclose(data.targets[a:b], own[::-1])
        np.testing.assert_array_equal(data.weights[a:b], np.where(np.isnan(own).all(axis=1), 0, weights[a:b])[::-1])
    np.testing.assert_array_equal(target.predicted_steps(), ~np.isnan(target.targets).all(axis=1))


@pytest.mark.parametrize(
    "parameters",
    [{}, {"missing": "indicator"}, {"cell": "gru", "missing": "decay", "loss": "squared_error"}, {"bidirectional": True}],
)
def test_every_entry_of_the_gradient_of_the_loss(rng, parameters):
    X, _, target, scaling, network, theta = problem(rng, **parameters)
    computer = GradientComputer(network, target.make_loss(scaling), target.data(X, scaling), theta, 0.0, Threads(1))
    rows = np.flatnonzero(computer.total_weights > 0)

    def mean_loss():
        total, weight = computer(rows, None)
        return total / weight

    assert np.isfinite(mean_loss())
    gradient = computer.grad.copy()
    numeric = central_differences(mean_loss, theta, 1e-5)
    for name, part in network.layout.slices.items():
        if name.split(".")[-1] not in ("scale", "offset", "mean", "known"):  # which are not trained
            np.testing.assert_allclose(gradient[part], numeric[part], rtol=1e-5, atol=1e-8, err_msg=name)
    assert np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-4)])
@pytest.mark.parametrize("parameters", [{}, {"num_layers": 2, "cell": "gru"}, {"bidirectional": True, "missing": "indicator"}])
def test_reconstructions_are_those_of_the_slow_twin(rng, parameters, dtype, tolerance):
    X, _, target, scaling, network, theta = problem(rng, dtype=dtype, **parameters)
    folded = scaling.fold_into_weights(network, theta)
    found = reconstruct(network, folded, X, 8)
    weights = {name: view.astype(np.float64) for name, view in network.layout.views(folded).items()}
    options = {name: getattr(network, name) for name in ("cell", "activation", "bidirectional", "merge_mode", "residual")}
    for a, b in zip(cut(X, 8).offsets[:-1], cut(X, 8).offsets[1:], strict=True):
        x = X.values[a:b].astype(np.float64)
        expected, _ = reference.scores_of_pair(weights, x, np.zeros((b - a, 1)), len(network.layers), **options)
        np.testing.assert_allclose(found[a:b], expected[::-1], rtol=tolerance, atol=tolerance)
    # In the units of the data what the network of standard units writes.
    standard = target.data(X, scaling).scores(network, theta, 1)
    for a, b in zip(cut(X, 8).offsets[:-1], cut(X, 8).offsets[1:], strict=True):
        own = standard[a:b][::-1] * scaling.target_scale + scaling.target_shift
        np.testing.assert_allclose(found[a:b], own, rtol=tolerance, atol=tolerance)


def test_reconstructions_are_those_of_torch(rng):
    torch = pytest.importorskip("torch")
    X, *_, network, theta = problem(rng, hidden_size=(6, 6))
    p = {name: torch.tensor(view) for name, view in network.layout.views(theta).items()}

    def run(part, x, states):
        ends = []
        for k, first in enumerate(states):
            W, R, b = (p[f"{part}.layer_{k}.{name}"] for name in "WRb")
            lstm = torch.nn.LSTM(W.shape[0], 6, dtype=torch.float64)
            own = {"weight_ih_l0": W.T, "weight_hh_l0": R.T, "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)}
            x, end = torch.func.functional_call(lstm, own, (x, first))
            ends.append(end)
        return x, ends

    pieces = cut(X, 8)
    found = np.split(reconstruct(network, theta, X, 8), pieces.offsets[1:-1])
    for piece, own in zip(pieces, found, strict=True):
        _, ends = run("encoder", torch.tensor(piece), [None, None])
        code = [
            tuple(state @ p[f"{layer}.W{name}"] + p[f"{layer}.b{name}"] for state, name in zip(end, "hc", strict=True))
            for layer, end in ((f"bridge.layer_{k}", end) for k, end in enumerate(ends))
        ]
        written, _ = run("decoder", torch.zeros(len(piece), 1, dtype=torch.float64), code)
        expected = written @ p["head.V"] + p["head.b"]
        np.testing.assert_allclose(own, expected.flip(0).numpy(), atol=1e-12)


# ---- what is held out ----


@pytest.mark.parametrize("parameters", [{}, {"window": 20}, {"window": None}, {"early_stopping": True, "max_iter": 1}])
def test_nothing_is_trained_on_the_held_out_ends(rng, parameters):
    X = [seasonal(n, rng) for n in (200, 300, 150)]
    changed = [x.copy() for x in X]
    for x in changed:
        x[len(x) - round(0.2 * len(x)) :] = rng.normal(size=round(0.2 * len(x))) * 50
    a, b = detector(**parameters).fit(X), detector(**parameters).fit(changed)
    np.testing.assert_array_equal(a._theta, b._theta)
    assert b.scale_ > 5 * a.scale_ and b.step_offset_ != a.step_offset_
    assert b.validation_loss_curve_[0] > 5 * a.validation_loss_curve_[0]


def test_whole_short_sequences_are_held_out(rng):
    X = rng.normal(size=(40, 12))
    fitted = detector().fit(X)
    assert len(fitted._held_out_scores) == 8 and len(fitted._step_scores) == 8 * 12 and len(fitted._sequence_scores) == 40


@pytest.mark.parametrize(("window", "found"), [("auto", 60), (25, 25), (None, None)])
def test_errors_are_learned_from_given_sequences(rng, window, found):
    x = seasonal(600, rng)
    a, b = (detector(window=window).fit([x], X_val=[factor * x[:300]]) for factor in (1, 30))
    np.testing.assert_array_equal(a._theta, b._theta)
    assert b.scale_ > 10 * a.scale_ and b.validation_loss_curve_[0] > a.validation_loss_curve_[0]
    assert a.window_ == b.window_ == found


def test_steps_of_weight_0_are_not_learned_from(rng):
    x, other = seasonal(300, rng), seasonal(100, rng)
    weights = [np.ones(300), np.zeros(100)]
    a, b = (detector().fit([x, y], sample_weight=weights) for y in (other, 1e3 + other))
    np.testing.assert_array_equal(a._theta, b._theta)
    np.testing.assert_array_equal(a._step_scores, b._step_scores)
    # Single steps are read, but not to be written.
    weights[0][100] = 0
    target = same_steps(detector(), weights, Sequences.from_list([x, other]), [0])
    assert np.flatnonzero(np.isnan(target.targets[:, 0])).tolist() == [100, *range(300, 400)]


# ---- scores ----


@pytest.mark.parametrize(
    "parameters", [{}, {"bidirectional": True, "num_layers": 2}, {"error_model": "quantile", "smoothing": 0.3}]
)
def test_scores_do_not_depend_on_the_batch_or_the_threads(rng, X, parameters):
    fitted = detector(window=8, **parameters).fit(X)
    scores = fitted.score_steps(X)
    for i, x in enumerate(X):
        np.testing.assert_array_equal(fitted.score_steps([x])[0], scores[i])
    order = rng.permutation(len(X))
    np.testing.assert_array_equal(fitted.score_samples([X[i] for i in order]), fitted.score_samples(X)[order])
    assert_same_detector(fitted, detector(window=8, n_jobs=2, **parameters).fit(X), X)
    assert not any(np.isnan(score).any() for score in scores)  # the first step has a score, too


def test_pieces_in_training_begin_with_all_phases():
    # Of pieces of two periods each, all of one phase, a network would learn nothing of the others.
    fitted = detector(hidden_size=16, max_iter=60, window=48).fit([np.sin(np.arange(3000) * 2 * np.pi / 24)])
    rates = [fitted.score([np.sin((np.arange(480) + phase) * 2 * np.pi / 24)]) for phase in range(0, 24, 3)]
    assert min(rates) > 0.8


def test_a_score_depends_on_its_piece_alone(rng, X):
    fitted = detector(window=10).fit(X)
    x = X[4].copy()
    x[17] += 1
    before, after = fitted.score_steps([X[4]])[0], fitted.score_steps([x])[0]
    assert (before != after).tolist() == [10 <= t < 20 for t in range(40)]


def test_scores_are_distances_of_what_is_not_reconstructed(X):
    fitted = detector(window=8).fit(X)
    flat, theta = np.concatenate(X), fitted._theta
    errors = flat - reconstruct(build(fitted._network_spec), theta, Sequences.from_list(X), 8)
    z = (errors - fitted.location_) / fitted.scale_
    expected = -np.einsum("ti,ij,tj->t", z, np.linalg.inv(fitted.covariance_), z)
    np.testing.assert_allclose(np.concatenate(fitted.score_steps(X)), expected, rtol=1e-9)
    blame = np.concatenate(fitted.score_steps(X, channels=True))
    np.testing.assert_allclose(blame.sum(axis=1), expected, rtol=1e-9)


@pytest.mark.parametrize("parameters", [{}, {"bidirectional": True, "cell": "gru"}])
def test_what_was_never_seen_is_not_reconstructed(rng, parameters):
    fitted = detector(hidden_size=16, max_iter=60, window=48, **parameters).fit([seasonal(3000, rng)])
    new, wrong = seasonal(2000, rng), np.zeros(2000, bool)
    for first in range(100, 2000, 200):
        new[first : first + 12] = new[first : first + 12][::-1] + 0.5
        wrong[first : first + 12] = True
    assert roc_auc_score(wrong, -fitted.score_steps([new])[0]) > 0.85
    assert 0.002 < (fitted.predict_steps([seasonal(5000, rng)])[0] == -1).mean() < 0.04
    assert fitted.score([seasonal(500, rng)]) > 0.5


@pytest.mark.parametrize("missing", ["indicator", "decay"])
def test_missing_values_have_no_error(rng, missing):
    x = two_channels(1500, rng)
    x[rng.random(x.shape) < 0.2] = np.nan
    fitted = detector(missing=missing, hidden_size=8, max_iter=20).fit([x])
    new = two_channels(300, rng)
    new[100, 0], new[101] = np.nan, np.nan
    scores, blame = fitted.score_steps([new])[0], fitted.score_steps([new], channels=True)[0]
    assert np.flatnonzero(np.isnan(scores)).tolist() == [101]
    assert np.isnan(blame[100, 0]) and blame[100, 1] == pytest.approx(scores[100])


# ---- the estimator ----


def test_categories_static_features_and_times_are_read(rng):
    X = series_of_all_kinds(rng, np.float64)
    fitted = detector(categorical_features=[1], missing="indicator", window=10).fit(X)
    scores = fitted.score_steps(X)
    assert fitted.score_steps(X, channels=True).n_channels == 2
    older = fitted.score_steps(with_static(X, {"age": np.full(5, 9.0)}))
    codes = X.values.copy()
    codes[:, 1] = (codes[:, 1] + 1) % 4
    other = Sequences(codes, X.offsets, times=X.times, static=X._static)
    assert (scores.values != older.values).any() and (scores.values != fitted.score_steps(other).values).any()


@pytest.mark.parametrize("parameters", [{}, {"bidirectional": True, "error_model": "quantile", "window": 9}])
def test_saved_and_pickled_detectors_are_the_same(X, tmp_path, parameters):
    fitted = detector(warm_start=True, **parameters).fit(X)
    save(fitted, tmp_path / "model.npz")
    for other in (load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_same_detector(fitted, other, X)
        assert_same_detector(copy.deepcopy(fitted).fit(X), other.fit(X), X)
    fitted._target = "next"  # which the network is not for
    with pytest.raises(ValueError, match="could not be loaded again"):
        save(fitted, tmp_path / "model.npz")


def test_warm_start_keeps_the_window_and_the_target(rng, X):
    fitted = detector(warm_start=True).fit(X)
    assert fitted.fit([rng.normal(size=(6000, 2))]).n_iter_ == 6 and fitted.window_ == 9
    assert fitted.partial_fit(X[:2]).window_ == 9 and fitted.n_iter_ == 7
    assert fitted.set_params(window=5).fit(X).window_ == 5
    with pytest.raises(ValueError, match="cannot continue"):
        fitted.set_params(target="next").fit(X)


def test_a_checkpoint_gives_the_same_fit(X, tmp_path):
    whole = detector().fit(X)
    path = tmp_path / "fit.npz"
    assert_same_detector(detector(checkpoint=path).fit(X), whole, X)
    assert_same_detector(detector(checkpoint=path).fit(X), whole, X)  # from the file


def test_in_searches_and_pipelines(rng):
    X = [seasonal(200, rng)[:, np.newaxis] for _ in range(4)]
    pipeline = make_pipeline(PerStep(StandardScaler()), detector())
    search = GridSearchCV(pipeline, {"lstmoutlierdetector__target": ["next", "reconstruct"]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all() and search.predict(X).shape == (4,)


def test_the_length_of_a_fit_is_chosen_on_what_is_held_out(rng):
    fitted = LSTMOutlierDetector(4, target="reconstruct", random_state=0).fit([seasonal(1500, rng)])
    assert fitted.n_iter_ in [trial["max_iter"] for trial in fitted.max_iter_trials_]


def test_what_a_reconstruction_does_not_have_is_refused(X):
    estimator = detector(horizon=2)
    refuses(estimator, lambda: estimator.fit(X), ["horizon=2", "Set horizon=1"])
    fitted = detector().fit(X)
    refuses(fitted, fitted.stream, ["target='reconstruct'", "later ones too", "Fit with target='next'"])
