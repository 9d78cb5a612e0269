"""Reliability curves: their bins, intervals and losses, for all forms of estimators and targets, and how they are drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.special import ndtri, softmax
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.inspection import ReliabilityDisplay, reliability_curves
from sklstm.inspection.intervals import share_interval
from sklstm.metrics import expected_calibration_error, interval_coverage, quantile_coverage
from sklstm.preprocessing import PerStep

plt.switch_backend("Agg")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, T = 40, 5
rng = np.random.default_rng(0)
X = rng.normal(size=(N, T, 2))
LENGTHS = rng.integers(2, T + 1, N)
RAGGED = [x[:n] for x, n in zip(X, LENGTHS, strict=True)]
BINARY = np.where(X[:, 0, 0] > 0, "up", "down")
MANY = np.array(["a", "b", "c"])[(X[:, 0] > 0).sum(axis=1)]
SEVERAL = (X[:, 0] > 0).astype(int)
QUICK = {"hidden_size": 3, "max_iter": 5, "random_state": 0}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def steps_of(y):
    """y of the steps of `RAGGED`."""
    return [a[:n] for a, n in zip(y, LENGTHS, strict=True)]


def classifier(y, X=RAGGED, **params):
    return LSTMClassifier(**QUICK, **params).fit(X, y)


def quantiles(quantile, y, X=RAGGED, **params):
    return LSTMRegressor(**QUICK, loss="quantile", quantile=quantile, **params).fit(X, y)


def assert_same_curves(found, expected):
    assert list(found) == list(expected)
    for name, curve in found.items():
        assert list(curve) == list(expected[name])
        for key, values in curve.items():
            np.testing.assert_allclose(values, expected[name][key], rtol=1e-9, atol=1e-12, err_msg=f"{name}, {key}")


def curves_of(*arrays, **options):
    return ReliabilityDisplay.from_predictions(*arrays, **options).curves


# ---- intervals ----


@pytest.mark.parametrize("n", [1, 7, 400])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_intervals_are_those_of_wilson(n, level):
    for k in sorted({0, 1, n // 3, n}):
        expected = binomtest(k, n).proportion_ci(level, method="wilson")
        np.testing.assert_allclose(share_interval(np.array(k / n), n, level), tuple(expected), rtol=1e-12, atol=1e-14)


def test_intervals_contain_the_true_probability_as_often_as_they_say():
    draws = np.random.default_rng(0).binomial(50, 0.2, size=4000) / 50
    lower, upper = share_interval(draws, 50, 0.9)
    assert np.mean((lower <= 0.2) & (0.2 <= upper)) == pytest.approx(0.9, abs=0.03)  # shares of 50 are discrete


# ---- classes and labels ----


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_the_curve_of_two_classes_is_that_of_scikit_learn(strategy):
    model = classifier(BINARY)
    p = model.predict_proba(RAGGED)[:, 1]
    (curve,) = reliability_curves(model, RAGGED, BINARY, n_bins=4, strategy=strategy).values()
    expected = calibration_curve(BINARY, p, n_bins=4, strategy=strategy, pos_label="up")
    np.testing.assert_allclose([curve.prob_true, curve.prob_pred], expected, rtol=1e-12)
    assert curve.calibration_error == pytest.approx(expected_calibration_error(BINARY, p, n_bins=4, strategy=strategy))
    assert curve.log_loss == pytest.approx(log_loss(BINARY, p))
    assert curve.weight.sum() == curve.histogram.sum() == N
    assert ((curve.lower <= curve.prob_true) & (curve.prob_true <= curve.upper)).all()


def test_either_of_two_classes_can_be_taken():
    model = classifier(BINARY)
    p = model.predict_proba(RAGGED)
    assert list(reliability_curves(model, RAGGED, BINARY)) == ["class up"]
    down = reliability_curves(model, RAGGED, BINARY, pos_label="down")
    assert list(down) == ["class down"]
    assert_same_curves(down, curves_of(BINARY, p[:, 0], pos_label="down"))
    assert_same_curves(down, curves_of(BINARY, p, pos_label="down"))
    with pytest.raises(ValueError, match=r"pos_label='left' is not one of the classes \['down', 'up'\]"):
        reliability_curves(model, RAGGED, BINARY, pos_label="left")


def test_several_classes_by_the_predicted_one_and_each():
    model, weights = classifier(MANY), np.random.default_rng(0).uniform(size=N)
    p = model.predict_proba(RAGGED)
    (name, curve), *others = reliability_curves(model, RAGGED, MANY, sample_weight=weights).items()
    assert name == "predicted class" and not others
    assert curve.calibration_error == pytest.approx(expected_calibration_error(MANY, p, sample_weight=weights))
    assert curve.log_loss == pytest.approx(log_loss(MANY, p, sample_weight=weights))
    assert curve.weight @ curve.prob_true == pytest.approx(weights.sum() * model.score(RAGGED, MANY, weights))
    each = reliability_curves(model, RAGGED, MANY, per_class=True, sample_weight=weights)
    assert list(each) == ["class a", "class b", "class c"]
    for k, label in enumerate("abc"):
        expected = curves_of(MANY == label, p[:, k], sample_weight=weights)
        assert_same_curves({"class True": each[f"class {label}"]}, expected)
    # Data without some of the classes.
    kept = [i for i in range(N) if MANY[i] != "b"]
    assert len(reliability_curves(model, [RAGGED[i] for i in kept], MANY[kept], per_class=True)) == 3


def test_every_label_has_a_curve():
    model = classifier(SEVERAL)
    found = reliability_curves(model, RAGGED, SEVERAL)
    assert list(found) == ["label 0", "label 1"]
    for j, curve in enumerate(found.values()):
        expected = curves_of(SEVERAL[:, j], model.predict_proba(RAGGED)[:, j])
        assert_same_curves({"class 1": curve}, expected)


@pytest.mark.parametrize("y", ["binary", "many", "several"])
@pytest.mark.parametrize("form", ["lists", "Sequences"])
def test_steps_are_those_of_all_sequences_without_the_masked_ones(y, form):
    y = {"binary": (X[:, :, 0] > 0) * 1, "many": (X > 0).sum(axis=2), "several": (X > 0) * 1}[y]
    labels, weights = steps_of(y), steps_of(np.random.default_rng(1).uniform(size=(N, T)))
    for one in labels[::3]:
        one[-1] = -100
    model = classifier(labels, return_sequences=True)
    p, flat = np.concatenate(list(model.predict_proba(RAGGED))), np.concatenate(labels)
    kept = (flat.reshape(len(flat), -1) != -100).all(axis=1)
    expected = curves_of(flat[kept], p[kept], sample_weight=np.concatenate(weights)[kept])
    data = RAGGED if form == "lists" else Sequences.from_list(RAGGED)
    assert_same_curves(reliability_curves(model, data, labels, sample_weight=weights), expected)


def test_weights_equal_repetitions():
    p, counts = softmax(rng.normal(size=(N, 3)), axis=1), np.random.default_rng(0).integers(0, 3, N)
    found = curves_of(MANY, p, sample_weight=counts)["predicted class"]
    expected = curves_of(np.repeat(MANY, counts), np.repeat(p, counts, axis=0))["predicted class"]
    for key in ("prob_true", "prob_pred", "weight", "calibration_error", "log_loss", "histogram"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-12)
    # A weight for all changes nothing but the weights, and unequal ones make intervals wider than as many samples would.
    scaled = curves_of(MANY, p, sample_weight=np.full(N, 3.0))["predicted class"]
    np.testing.assert_allclose(scaled.upper, curves_of(MANY, p)["predicted class"].upper, rtol=1e-12)
    assert (found.upper - found.lower >= expected.upper - expected.lower - 1e-12).all()


def test_pipelines_and_estimators_of_scikit_learn():
    model = make_pipeline(PerStep(StandardScaler()), LSTMClassifier(**QUICK)).fit(X, BINARY)
    assert_same_curves(reliability_curves(model, X, BINARY), curves_of(BINARY, model.predict_proba(X)))
    linear = LogisticRegression().fit(X[:, 0], MANY)
    assert_same_curves(reliability_curves(linear, X[:, 0], MANY), curves_of(MANY, linear.predict_proba(X[:, 0])))
    single = X.astype(np.float32)
    model = classifier(MANY, single)
    assert_same_curves(reliability_curves(model, single, MANY), curves_of(MANY, model.predict_proba(single)))


# ---- quantiles ----

Y = X[:, 0, 0] + 0.5 * rng.normal(size=N)
LEVELS = [0.9, 0.05, 0.5, 0.95, 0.1]


def test_quantiles_and_central_intervals():
    model, weights = quantiles(LEVELS, Y), np.random.default_rng(0).uniform(size=N)
    predicted = model.predict(RAGGED)
    found = reliability_curves(model, RAGGED, Y, sample_weight=weights)
    assert list(found) == ["quantiles", "central intervals"]
    order = np.argsort(LEVELS)
    np.testing.assert_array_equal(found["quantiles"].prob_pred, np.sort(LEVELS))
    shares = quantile_coverage(Y, predicted, sample_weight=weights)[order]
    np.testing.assert_allclose(found["quantiles"].prob_true, shares, rtol=1e-12)
    assert found["quantiles"].calibration_error == pytest.approx(np.mean(np.abs(shares - np.sort(LEVELS))))
    np.testing.assert_allclose(found["central intervals"].prob_pred, [0.8, 0.9])
    inside = [interval_coverage(Y, predicted[:, a], predicted[:, b], sample_weight=weights) for a, b in [(4, 0), (1, 3)]]
    np.testing.assert_allclose(found["central intervals"].prob_true, inside, rtol=1e-12)
    assert_same_curves(curves_of(Y, predicted, quantiles=LEVELS, sample_weight=weights), found)
    assert "log_loss" not in found["quantiles"]


def test_true_quantiles_are_calibrated():
    z, levels = np.random.default_rng(0).normal(size=4000), np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    for curve in curves_of(z, np.tile(ndtri(levels), (4000, 1)), quantiles=levels, confidence_level=0.999).values():
        assert ((curve.lower < curve.prob_pred) & (curve.prob_pred < curve.upper)).all() and curve.calibration_error < 0.01


def test_models_of_one_quantile_each_and_several_outputs():
    horizon = X[:, 0] + rng.normal(size=(N, 2))
    models = [quantiles(level, horizon) for level in (0.2, 0.8)]
    low, high = (model.predict(RAGGED) for model in models)
    found = reliability_curves(models, RAGGED, horizon)
    np.testing.assert_allclose(found["quantiles"].prob_true, [(horizon <= low).mean(), (horizon <= high).mean()])
    np.testing.assert_allclose(found["central intervals"].prob_true, [((low <= horizon) & (horizon <= high)).mean()])
    assert_same_curves(found, curves_of(horizon, np.stack([low, high], axis=-1), quantiles=[0.2, 0.8]))
    assert list(reliability_curves(models[0], RAGGED, horizon)) == ["quantiles"]
    # Two outputs of a sample are no two samples.
    np.testing.assert_allclose(found["quantiles"].lower, share_interval(found["quantiles"].prob_true, N, 0.95)[0])


@pytest.mark.parametrize("quantile", [0.3, [0.9, 0.1]])
def test_quantiles_of_steps(quantile):
    y = steps_of(X[:, :, 0].copy())
    for one in y[::3]:
        one[-1] = np.nan
    model = quantiles(quantile, y, return_sequences=True)
    predicted, flat = np.concatenate(list(model.predict(RAGGED))), np.concatenate(y)
    kept = ~np.isnan(flat)
    expected = curves_of(flat[kept], predicted[kept], quantiles=quantile)
    assert_same_curves(reliability_curves(model, RAGGED, y), expected)


@pytest.mark.parametrize("model", [LSTMRegressor(**QUICK), LinearRegression(), LinearSVC()])
def test_models_without_probabilities_are_refused(model):
    data, y = (X, Y) if isinstance(model, LSTMRegressor) else (X[:, 0], Y > 0)
    with pytest.raises(TypeError, match=f"got {type(model).__name__}. Fit such an estimator, or draw predictions by"):
        reliability_curves(model.fit(data, y), data, y)


def test_a_list_of_classifiers_or_of_nothing_is_refused():
    with pytest.raises(TypeError, match="that of one classifier"):
        reliability_curves([classifier(BINARY)] * 2, RAGGED, BINARY)
    with pytest.raises(ValueError, match="The list of estimators is empty"):
        reliability_curves([], RAGGED, BINARY)


@pytest.mark.parametrize("model", [LSTMClassifier(), LSTMRegressor(loss="quantile"), LogisticRegression()])
def test_models_that_are_not_fitted_are_refused(model):
    with pytest.raises(NotFittedError):
        reliability_curves(model, X, BINARY)


def test_wrapped_regressors_of_quantiles():
    model = TransformedTargetRegressor(
        LSTMRegressor(**QUICK, loss="quantile", quantile=[0.9, 0.1]), func=np.log, inverse_func=np.exp
    )
    found = reliability_curves(model.fit(X, np.exp(Y)), X, np.exp(Y))
    assert_same_curves(found, reliability_curves(quantiles([0.9, 0.1], Y, X), X, Y))
    assert_same_curves(found, reliability_curves(quantiles([0.9, 0.1], Y, X), X, Y[:, np.newaxis]))  # a column of targets


@pytest.mark.parametrize(
    ("y", "predicted", "levels"),
    [(Y, X[:, 0], [0.1, 0.5, 0.9]), (Y, X[:, 0], [0.0, 0.5]), (Y, X[:, 0], [[0.1, 0.9]]), (X[:, 0], X[:, 0], [0.1, 0.9])],
)
def test_quantiles_that_do_not_match_are_refused(y, predicted, levels):
    with pytest.raises(ValueError, match="one for each entry of the last axis of y_pred"):
        ReliabilityDisplay.from_predictions(y, predicted, quantiles=levels)


# ---- the picture ----


def test_the_picture_shows_the_curves_and_the_figures():
    display = ReliabilityDisplay.from_estimator(classifier(MANY), RAGGED, MANY, per_class=True, confidence_level=0.9, name="net")
    top, bottom = display.axes_
    for name, curve in display.curves.items():
        line, _, (bars,) = display.errorbars_[name].lines
        np.testing.assert_array_equal(line.get_xydata(), np.column_stack([curve.prob_pred, curve.prob_true]))
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, np.column_stack([curve.lower, curve.upper]), atol=1e-12)
        assert display.errorbars_[name].get_label() == (
            f"net, {name} (ECE {curve.calibration_error:.3f}, log-loss {curve.log_loss:.3f})"
        )
        np.testing.assert_array_equal(display.histograms_[name].get_data().values, curve.histogram)
        assert display.histograms_[name].get_edgecolor()[:3] == pytest.approx(plt.matplotlib.colors.to_rgb(line.get_color()))
    assert "90% intervals" in top.get_ylabel() and bottom.get_xlabel() == "Mean predicted probability"
    # The legend is above the axes, where it hides no data.
    display.figure_.canvas.draw()
    assert top.get_legend().get_window_extent().y0 >= top.get_window_extent().y1


def test_a_second_estimator_is_drawn_beside_the_first():
    first = ReliabilityDisplay.from_predictions(BINARY, rng.uniform(size=N), name="first")
    second = ReliabilityDisplay.from_predictions(BINARY, rng.uniform(size=N), name="second", ax=first.axes_)
    texts = [text.get_text() for text in second.axes_[0].get_legend().get_texts()]
    assert [text.split(" (")[0] for text in texts] == ["perfectly calibrated", "first", "second"]
    colors = {display.errorbars_["class up"].lines[0].get_color() for display in (first, second)}
    assert len(colors) == 2 and second.axes_[1].get_xlabel() == "Mean predicted probability of class up"


def test_the_intervals_of_an_estimator_have_the_color_of_its_quantiles():
    first = ReliabilityDisplay.from_predictions(Y, X[:, 0], quantiles=[0.1, 0.9])
    second = ReliabilityDisplay.from_predictions(Y, X[:, 1], quantiles=[0.1, 0.9], ax=first.axes_[0])
    lines = [[bars.lines[0] for bars in display.errorbars_.values()] for display in (first, second)]
    assert [len({line.get_color() for line in pair}) for pair in lines] == [1, 1]
    assert lines[0][0].get_color() != lines[1][0].get_color()
    assert all(a.get_linestyle() != b.get_linestyle() for a, b in lines)


def test_a_single_curve_has_the_name_of_the_estimator_and_several_their_own():
    model = classifier(MANY)
    for per_class, name in [(False, "LSTMClassifier ("), (True, "class a (")]:
        display = ReliabilityDisplay.from_estimator(model, RAGGED, MANY, per_class=per_class)
        assert next(iter(display.errorbars_.values())).get_label().startswith(name)


def test_the_diagonal_and_the_name_can_be_left_out():
    display = ReliabilityDisplay.from_predictions(Y, X[:, 0], quantiles=[0.1, 0.9])
    display.plot(ref_line=False)
    assert len(display.axes_) == 1 and display.axes_[0].get_xlabel() == "Nominal probability"
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert [text.split(" (mean error")[0] for text in texts] == ["quantiles", "central intervals"]
