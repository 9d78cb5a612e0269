"""The displays: labels, artists, the axes they are given, light and dark, and errors before any work."""

import subprocess
import sys
import textwrap
from itertools import pairwise

import matplotlib.colors
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier, LSTMOutlierDetector, LSTMRegressor, LSTMSeq2Seq, Sequences
from sklstm.inspection import (
    AlignmentDisplay,
    AnomalyDisplay,
    AttentionDisplay,
    ForecastDisplay,
    GateDisplay,
    ReliabilityDisplay,
    SaliencyDisplay,
    StepImportanceDisplay,
    TrainingHistoryDisplay,
    TransitionDisplay,
    attention_weights,
    gate_activations,
    integrated_gradients,
    step_importance,
    training_curves,
)
from sklstm.network import CELLS

plt.switch_backend("Agg")

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 6, 2))
RAGGED = [x[: 3 + i % 4] for i, x in enumerate(X)]
UP_OR_DOWN = np.array(["down", "up"])[(X[:, 0, 0] > 0).astype(int)]
SERIES = np.sin(0.3 * np.arange(120)) + 0.1 * rng.normal(size=120)
WINDOWS = np.lib.stride_tricks.sliding_window_view(SERIES, 15)
QUICK = {"hidden_size": 4, "max_iter": 3, "random_state": 0}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def models():
    y, classes = X[:, 0, 0], UP_OR_DOWN
    pooled = {"pooling": "attention"}
    return {
        "regressor": LSTMRegressor(**QUICK).fit(RAGGED, y),
        "classifier": LSTMClassifier(**QUICK).fit(RAGGED, classes),
        "attention": LSTMClassifier(**QUICK, **pooled).fit(RAGGED, classes),
        "stopped": LSTMClassifier(**QUICK | {"max_iter": 8}, early_stopping=True).fit(RAGGED, classes),
        "gru": LSTMRegressor(**QUICK, cell="gru", num_layers=2, bidirectional=True).fit(RAGGED, y),
        "steps": LSTMRegressor(**QUICK, return_sequences=True).fit(RAGGED, [x[:, 0] for x in RAGGED]),
        "forecast": LSTMRegressor(**QUICK).fit(WINDOWS[:, :12], WINDOWS[:, 12:]),
        "low": LSTMRegressor(**QUICK, loss="quantile", quantile=0.1).fit(WINDOWS[:, :12], WINDOWS[:, 12:]),
        "high": LSTMRegressor(**QUICK, loss="quantile", quantile=0.9).fit(WINDOWS[:, :12], WINDOWS[:, 12:]),
        "chain": LSTMClassifier(
            **QUICK, return_sequences=True, structure="crf", allowed_transitions={"down": ["up"], None: "up"}
        ).fit(X, np.tile(["up", "up", "down"], (30, 2))),
        "detector": LSTMOutlierDetector(**QUICK).fit(X),
        "outputs": LSTMSeq2Seq(**QUICK).fit(["ab", "abba", "b"] * 9, ["x", "xyyx", "y"] * 9),
        "three": LSTMRegressor(**QUICK, loss="quantile", quantile=[0.9, 0.1, 0.5]).fit(WINDOWS[:, :12], WINDOWS[:, 12]),
    }


# Display -> how to make it of the models, and how many axes it draws in.
MAKERS = {
    "training": (lambda models, **kw: TrainingHistoryDisplay.from_estimator(models["stopped"], **kw), 4),
    "gates": (lambda models, **kw: GateDisplay.from_estimator(models["gru"], RAGGED, **kw), 4),
    "alignment": (lambda models, **kw: AlignmentDisplay.from_estimator(models["outputs"], ["abba"], **kw), 1),
    "anomalies": (lambda models, **kw: AnomalyDisplay.from_estimator(models["detector"], X, y_true=[0, 0, 1, 1, 0, 0], **kw), 4),
    "attention": (lambda models, **kw: AttentionDisplay.from_estimator(models["attention"], RAGGED, **kw), 1),
    "one attention": (lambda models, **kw: AttentionDisplay.from_estimator(models["attention"], RAGGED, sequence=3, **kw), 1),
    "forecast": (
        lambda models, **kw: ForecastDisplay.from_estimator([models["forecast"], models["low"]], WINDOWS[:1, :12], **kw),
        1,
    ),
    "reliability": (
        lambda models, **kw: ReliabilityDisplay.from_estimator(models["classifier"], RAGGED, UP_OR_DOWN, n_bins=3, **kw),
        2,
    ),
    "coverage": (
        lambda models, **kw: ReliabilityDisplay.from_estimator(models["three"], WINDOWS[:, :12], WINDOWS[:, 12], **kw),
        1,
    ),
    "transitions": (lambda models, **kw: TransitionDisplay.from_estimator(models["chain"], **kw), 1),
    "saliency": (lambda models, **kw: SaliencyDisplay.from_estimator(models["classifier"], RAGGED, **kw), 1),
    "importance": (
        lambda models, **kw: StepImportanceDisplay.from_estimator(models["regressor"], RAGGED, X[:, 0, 0], n_repeats=1, **kw),
        1,
    ),
    "one importance": (
        lambda models, **kw: StepImportanceDisplay.from_estimator(
            models["regressor"], RAGGED, X[:, 0, 0], n_repeats=2, channels=[1], **kw
        ),
        1,
    ),
}
each_display = pytest.mark.parametrize("name", MAKERS)


def axes_of(display):
    return list(display.axes_) if hasattr(display, "axes_") else [display.ax_]


def texts(axes):
    """Everything that is written in axes."""
    legend = axes.get_legend()
    return [t.get_text() for t in legend.get_texts()] if legend else []


# ---- all of them ----


@each_display
def test_every_axis_is_named_and_the_picture_is_640_pixels_wide(models, name):
    make, n_axes = MAKERS[name]
    display = make(models)
    axes = axes_of(display)
    assert len(axes) == n_axes
    assert all(ax.get_ylabel() for ax in axes) and axes[-1].get_xlabel()
    assert display.figure_ is axes[0].figure and display.figure_.get_figwidth() * 100 == 640
    display.figure_.canvas.draw()
    for ax in axes:
        box = ax.get_tightbbox()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 640 and box.y1 <= display.figure_.bbox.height  # nothing is cut off


@each_display
def test_given_axes_are_drawn_in(models, name):
    make, n_axes = MAKERS[name]
    figure, given = plt.subplots(n_axes, 1, squeeze=False)
    display = make(models, ax=given[:, 0] if n_axes > 1 else given[0, 0])
    assert [id(ax) for ax in axes_of(display)] == [id(ax) for ax in given[:, 0]]
    assert display.figure_ is figure and len(plt.get_fignums()) == 1
    # One is divided, beside what else is there.
    figure, (left, right) = plt.subplots(1, 2)
    display = make(models, ax=right)
    assert display.figure_ is figure and len(axes_of(display)) == n_axes
    assert all(ax.get_position().x0 > 0.5 for ax in axes_of(display)) and not left.lines


@each_display
def test_plot_can_be_called_again(models, name):
    display = MAKERS[name][0](models)
    first = axes_of(display)
    assert display.plot() is display
    assert all(new is not old for new, old in zip(axes_of(display), first, strict=True))


@each_display
def test_light_and_dark(models, name):
    for style in ("default", "dark_background"):
        with plt.style.context(style):
            display = MAKERS[name][0](models)
            for ax in axes_of(display):
                ground = np.array(to_rgb(ax.get_facecolor()))
                assert np.abs(np.array(to_rgb(ax.yaxis.label.get_color())) - ground).max() == 1
                for line in ax.lines:
                    assert np.abs(np.array(to_rgb(line.get_color())) - ground).max() > 0.4
            if name in ("saliency", "importance"):  # what says nothing is not seen, what says most is
                colors = display.mesh_.to_rgba(np.array([0.0, *display.mesh_.get_clim()]))[:, :3]
                assert (np.abs(colors - ground).max(axis=1) > 0.5).tolist() == [False, True, True]
                np.testing.assert_allclose(colors[0], ground, atol=0.02)


@each_display
def test_without_matplotlib_the_error_says_how_to_install_it(models, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"Display.from_estimator requires matplotlib.*pip install 'sklstm\[plot\]'"):
        MAKERS[name][0](models)


def test_importing_and_computing_loads_no_matplotlib():
    code = """
        import sys, sklearn.metrics
        before = set(sys.modules)
        import numpy as np, sklstm, sklstm.inspection as inspection
        X = np.random.default_rng(0).normal(size=(20, 4, 2))
        model = sklstm.LSTMRegressor(2, max_iter=2, pooling="attention", random_state=0).fit(X, X[:, 0, 0])
        inspection.training_curves(model), inspection.gate_activations(model, X), inspection.attention_weights(model, X)
        inspection.integrated_gradients(model, X), inspection.step_importance(model, X, X[:, 0, 0])
        inspection.reliability_curves(sklstm.LSTMClassifier(2, max_iter=2).fit(X, X[:, 0, 0] > 0), X, X[:, 0, 0] > 0)
        print({"matplotlib", "pandas"} & (set(sys.modules) - before))
    """
    result = subprocess.run([sys.executable, "-P", "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr


@each_display
def test_keyword_arguments_reach_the_artists(models, name):
    display = MAKERS[name][0](models, alpha=0.25)
    artists = [a for ax in axes_of(display) for a in [*ax.lines, *ax.collections, *ax.patches]]
    assert any(artist.get_alpha() == 0.25 for artist in artists)


def test_plot_divides_no_axes_outside_a_grid(models):
    figure = plt.figure()
    with pytest.raises(ValueError, match="draws in 4 axes, got 1"):
        TrainingHistoryDisplay.from_estimator(models["stopped"], ax=figure.add_axes([0.1, 0.1, 0.8, 0.8]))
    with pytest.raises(ValueError, match="draws in 4 axes, got 2"):
        TrainingHistoryDisplay.from_estimator(models["stopped"], ax=figure.subplots(2, 1))


# ---- training ----


def test_training_curves_are_those_of_the_history(models):
    model = models["stopped"]
    display = TrainingHistoryDisplay.from_estimator(model)
    assert list(display.lines_) == ["loss", "validation_loss", "validation_score", "learning_rate", "gradient_norm"]
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_ydata(), [row[name] for row in model.history_])
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, len(model.history_) + 1))
    assert model.best_epoch_ == 1 + int(np.argmin(model.validation_loss_curve_))
    assert texts(display.axes_[0]) == ["training", "validation", f"kept: epoch {model.best_epoch_}"]
    labels = [ax.get_ylabel() for ax in display.axes_]
    assert labels == ["Loss (nats)", "Validation\naccuracy", "Learning rate", "Gradient norm\n(before clipping)"]


def test_training_shows_what_there_is(models):
    display = TrainingHistoryDisplay.from_estimator(models["regressor"])
    assert list(display.lines_) == ["loss", "learning_rate", "gradient_norm"]
    assert "standard units" in display.axes_[0].get_ylabel() and display.axes_[0].get_legend() is None
    only = TrainingHistoryDisplay.from_estimator(models["stopped"], panels=["learning_rate"])
    assert list(only.lines_) == ["learning_rate"] and len(only.axes_) == 1
    bfgs = LSTMRegressor(**QUICK, solver="lbfgs").fit(RAGGED, X[:, 0, 0])
    assert "learning_rate" not in TrainingHistoryDisplay.from_estimator(bfgs).lines_
    with pytest.raises(ValueError, match=r"panels must be some of \['loss', .*which this history has"):
        TrainingHistoryDisplay.from_estimator(models["regressor"], panels=["validation_score"])


def test_a_wide_range_is_logarithmic():
    curves = {"loss": [10.0, 1.0, 1e-3], "validation_score": [-1.0, 0.5, 0.9], "gradient_norm": [1.0, 0.5, 0.2]}
    display = TrainingHistoryDisplay(curves).plot()
    assert [ax.get_yscale() for ax in display.axes_] == ["log", "linear", "linear"]


def test_a_single_epoch_is_a_point():
    model = LSTMRegressor(**QUICK | {"max_iter": 1}).fit(RAGGED, X[:, 0, 0])
    assert TrainingHistoryDisplay.from_estimator(model).lines_["loss"].get_marker() == "o"


# ---- gates ----


def test_gates_are_those_of_the_sequence(models):
    display = GateDisplay.from_estimator(models["gru"], RAGGED, sequence=2, layer=0, direction="reverse", units=[3, 1])
    wanted = gate_activations(models["gru"], RAGGED, layer=0, direction="reverse")
    assert list(display.lines_) == ["r", "z", "n", "h"]
    for name, lines in display.lines_.items():
        for line, unit in zip(lines, [3, 1], strict=True):
            # Of the one sequence alone: other batches, equal up to rounding.
            np.testing.assert_allclose(line.get_ydata(), wanted[name][2][:, unit], rtol=1e-12)
            assert line.get_label() == f"unit {unit}"
    assert display.axes_[0].get_legend().get_title().get_text() == "cell='gru', layer 0, reverse"
    assert display.axes_[0].get_ylim() == (-0.08, 1.08)


def test_gates_of_the_units_that_vary_most(models):
    wide = LSTMRegressor(**QUICK | {"hidden_size": 9}).fit(RAGGED, X[:, 0, 0])
    display = GateDisplay.from_estimator(wide, RAGGED, sequence=-1, quantities="ch")
    h = gate_activations(wide, RAGGED)["h"][len(RAGGED) - 1]
    assert display.units_.tolist() == sorted(np.argsort(-np.ptp(h, axis=0))[:4])
    assert list(display.lines_) == ["c", "h"]


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_has_its_panels(cell):
    model = LSTMClassifier(**QUICK, cell=cell).fit(RAGGED, np.arange(30) % 2)
    display = GateDisplay.from_estimator(model, RAGGED)
    assert len(display.axes_) == len(CELLS[cell].gates) + CELLS[cell].n_states
    assert [ax.get_ylabel()[-1] for ax in display.axes_] == list(gate_activations(model, RAGGED))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"units": [4]}, r"units of the layer, 0 to 3, got \[4\]"),
        ({"units": [0.5]}, "units must be numbers of units"),
        ({"quantities": ["r"]}, r"some of \['i', 'f', 'g', 'o', 'c', 'h'\]"),
        ({"sequence": 30}, "one of the 30 sequences of X, 0 to 29, got 30"),
        ({"sequence": "a"}, "one of the 30 sequences"),
    ],
)
def test_gates_that_are_not_there(models, options, words):
    with pytest.raises(ValueError, match=words):
        GateDisplay.from_estimator(models["regressor"], RAGGED, **options)


# ---- attention ----


def test_attention_of_one_sequence_is_bars(models):
    display = AttentionDisplay.from_estimator(models["attention"], RAGGED, sequence=3, step_labels="abcdef")
    weights = attention_weights(models["attention"], RAGGED)[3][:, 0]
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], weights, rtol=1e-12)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == list("abcdef")
    assert texts(display.ax_) == ["equal: 1/6"]


def test_attention_of_several_is_a_map_with_gaps(models):
    display = AttentionDisplay.from_estimator(models["attention"], RAGGED[:4], sequence_names="wxyz")
    values = np.ma.filled(display.mesh_.get_array(), np.nan).reshape(4, 6)
    for row, weights in zip(values, attention_weights(models["attention"], RAGGED[:4]), strict=True):
        np.testing.assert_allclose(row[: len(weights)], weights[:, 0], rtol=1e-12)
        assert np.isnan(row[len(weights) :]).all()
    assert display.mesh_.get_cmap().name == "viridis" and display.colorbar_.ax.get_ylabel() == "Attention weight"
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == list("wxyz")
    assert AttentionDisplay.from_estimator(models["attention"], RAGGED[:4], colorbar=False).colorbar_ is None


def test_attention_that_is_not_there(models):
    with pytest.raises(ValueError, match=r"has pooling=\('last', 'max'\): .* Fit with pooling='attention'"):
        AttentionDisplay.from_estimator(models["classifier"], RAGGED)
    with pytest.raises(ValueError, match="predicts for every step and has no pooling"):
        attention_weights(models["steps"], RAGGED)
    with pytest.raises(ValueError, match="step_labels must have a name for each of the 6 steps, got 2"):
        AttentionDisplay.from_estimator(models["attention"], RAGGED, sequence=3, step_labels="ab")
    with pytest.raises(ValueError, match="step_labels are for one sequence, got 30"):
        AttentionDisplay.from_estimator(models["attention"], RAGGED, step_labels="ab")


# ---- saliency ----


def test_saliency_is_a_map_of_the_contributions(models):
    display = SaliencyDisplay.from_estimator(models["classifier"], RAGGED, sequence=1, channel_names=["a", "b"], target="up")
    wanted = integrated_gradients(models["classifier"], RAGGED[1:2], target="up").attributions[0]
    np.testing.assert_array_equal(display.attributions, wanted)
    np.testing.assert_array_equal(display.mesh_.get_array(), wanted.T)
    low, high = display.mesh_.get_clim()
    assert low == -high == -np.abs(wanted).max()
    assert display.colorbar_.ax.get_ylabel() == "Contribution to\nlog-odds of class up"
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["a", "b"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Step", "Channel")
    # The first channel is on top, and where nothing is said the map has the colour of the ground.
    assert display.ax_.get_ylim() == (1.5, -0.5)
    np.testing.assert_allclose(display.mesh_.to_rgba(0.0), matplotlib.colors.to_rgba(display.ax_.get_facecolor()), atol=0.02)


def test_saliency_names_the_output(models):
    def name(key, **options):
        X = WINDOWS[:1, :12] if key in ("forecast", "three") else RAGGED
        return SaliencyDisplay.from_estimator(models[key], X, **options).output_name

    assert name("regressor") == "prediction"
    assert name("classifier", sequence=2) == f"log-odds of class {models['classifier'].predict(RAGGED[2:3])[0]}"
    assert name("forecast", target=2) == "prediction 2"
    assert name("three", target=0) == "quantile 0.9" and name("three", target=1) == "quantile 0.1"
    assert name("steps", step=-1) == "prediction at step -1"
    counts = LSTMRegressor(**QUICK, loss="poisson").fit(RAGGED, np.arange(30) % 4)
    assert SaliencyDisplay.from_estimator(counts, RAGGED).output_name == "logarithm of prediction"
    three = LSTMClassifier(**QUICK).fit(RAGGED, np.arange(30) % 3)
    assert SaliencyDisplay.from_estimator(three, RAGGED, target=2).output_name == "score of class 2"


def test_saliency_refuses(models):
    with pytest.raises(ValueError, match="channel_names must have a name for each of the 2 channels, got 1"):
        SaliencyDisplay.from_estimator(models["regressor"], RAGGED, channel_names=["a"])
    with pytest.raises(TypeError, match=r"SaliencyDisplay\.from_estimator needs a fitted .* got Pipeline"):
        SaliencyDisplay.from_estimator(make_pipeline(models["regressor"]), RAGGED)
    with pytest.raises(ValueError, match="step="):
        SaliencyDisplay.from_estimator(models["steps"], RAGGED)
    with pytest.raises(ValueError, match="X must be an array or a list of arrays, got dict"):
        SaliencyDisplay.from_estimator(models["regressor"], {})


def test_channels_are_named_as_X_has_them(models):
    named = Sequences(np.concatenate(RAGGED), Sequences.from_list(RAGGED).offsets, channel_names=["heart", "breath"])
    saliency = SaliencyDisplay.from_estimator(models["regressor"], named, sequence=2)
    options = {"n_repeats": 1, "random_state": 0}
    by_channel = StepImportanceDisplay.from_estimator(models["regressor"], named, X[:, 0, 0], **options)
    for display in (saliency, by_channel):
        assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["heart", "breath"]
    together = StepImportanceDisplay.from_estimator(models["regressor"], named, X[:, 0, 0], channels=[[1, 0]], **options)
    assert "(breath, heart exchanged)" in together.ax_.get_ylabel()


def test_more_channels_than_names_fit():
    display = SaliencyDisplay(np.random.default_rng(0).normal(size=(5, 40))).plot()
    display.figure_.canvas.draw()
    assert 2 < len(display.ax_.get_yticks()) < 30


# ---- importance ----


def test_importance_is_a_map_over_blocks(models):
    y = X[:, 0, 0]
    options = {"steps": [0, 1, 4, 6], "n_repeats": 2, "random_state": 0}
    display = StepImportanceDisplay.from_estimator(models["regressor"], RAGGED, y, channel_names="ab", **options)
    found = step_importance(models["regressor"], RAGGED, y, **options)
    np.testing.assert_array_equal(display.mesh_.get_array(), found.importances_mean.T)
    np.testing.assert_array_equal(display.mesh_.get_coordinates()[0, :, 0], [-0.5, 0.5, 3.5, 5.5])
    assert display.colorbar_.ax.get_ylabel() == "Fall of $R^2$" and display.errorbar_ is None
    assert display.ax_.get_xlabel() == "Step"
    ended = StepImportanceDisplay.from_estimator(models["regressor"], RAGGED, y, align="end", n_repeats=1)
    assert ended.ax_.get_xlabel() == "Step (-1: the last)"


def test_importance_of_one_channel_is_a_curve(models):
    y = X[:, 0, 0]
    options = {"channels": [[0, 1]], "steps": 2, "n_repeats": 3, "random_state": 0, "scoring": "r2"}
    display = StepImportanceDisplay.from_estimator(models["regressor"], RAGGED, y, **options)
    line, _, (bars,) = display.errorbar_
    np.testing.assert_array_equal(line.get_ydata(), display.importances_mean[:, 0])
    np.testing.assert_array_equal(line.get_xdata(), [0.5, 2.5, 4.5])
    heights = [segment[1, 1] - segment[0, 1] for segment in bars.get_segments()]
    np.testing.assert_allclose(heights, 2 * display.importances_std[:, 0], atol=1e-12)
    assert display.ax_.get_ylabel() == "Fall of r2\n(0, 1 exchanged)" and display.mesh_ is None


def test_importance_of_steps_that_hardly_any_sequence_has(models):
    display = StepImportanceDisplay.from_estimator(models["regressor"], [X[0], *(x[:3] for x in X[1:])], X[:, 0, 0], n_repeats=1)
    assert np.ma.getmaskarray(display.mesh_.get_array())[:, 3:].all()


# ---- forecast ----


def test_a_forecast_with_a_band(models):
    x, y = WINDOWS[:1, :12], WINDOWS[0, 12:]
    models_ = [models["forecast"], models["low"], models["high"]]
    display = ForecastDisplay.from_estimator(models_, x, y_true=y, value_name="Level (m)")
    np.testing.assert_array_equal(display.history_line_.get_data(), [np.arange(-11, 1), SERIES[:12]])
    np.testing.assert_array_equal(display.forecast_line_.get_data(), [[1, 2, 3], models["forecast"].predict(x)[0]])
    np.testing.assert_array_equal(display.true_line_.get_ydata(), y)
    corners = display.bands_[0.8].get_paths()[0].vertices
    for model in models_[1:]:
        assert all(np.isclose(corners[:, 1], value).any() for value in model.predict(x)[0])
    assert texts(display.ax_) == ["history", "80% interval", "forecast", "observed"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Step (0: last known)", "Level (m)")


def test_several_quantiles_of_one_step(models):
    display = ForecastDisplay.from_estimator(models["three"], WINDOWS[:, :12], sequence=4)
    high, low, median = models["three"].predict(WINDOWS[4:5, :12])[0]
    assert display.forecast_line_.get_ydata() == [median] and display.forecast_line_.get_marker() == "o"
    (segment,) = display.bands_[0.8].get_segments()
    np.testing.assert_allclose(segment, [[1, low], [1, high]])


def test_quantiles_without_a_partner_are_curves():
    y = np.column_stack([SERIES[:5] + k for k in range(4)])
    display = ForecastDisplay.from_predictions(SERIES[:9], y, quantiles=[0.95, 0.05, 0.6, 0.2])
    assert list(display.bands_) == [0.9] and set(display.quantile_lines_) == {0.2, 0.6}
    np.testing.assert_array_equal(display.quantile_lines_[0.6].get_ydata(), y[:, 2])
    assert display.forecast_line_ is None
    wider = ForecastDisplay.from_predictions(SERIES[:9], y, quantiles=[0.1, 0.9, 0.025, 0.975])
    assert list(wider.bands_) == [0.95, 0.8]  # the wide one behind


def test_a_forecast_of_distributions_has_its_mean_and_central_intervals():
    model = LSTMRegressor(4, loss="gaussian_mixture", n_components=2, max_iter=2, random_state=0)
    model.fit(WINDOWS[:, :12], WINDOWS[:, 12:14])
    display = ForecastDisplay.from_estimator(model, WINDOWS[:1, :12], coverage=[0.5, 0.8])
    assert list(display.bands_) == [0.8, 0.5]
    np.testing.assert_array_equal(display.forecast, model.predict(WINDOWS[:1, :12])[0])
    np.testing.assert_array_equal(display.quantiles[0.25], model.predict_quantile(WINDOWS[:1, :12], 0.25)[0])
    with pytest.raises(ValueError, match="coverage must be between 0 and 1"):
        ForecastDisplay.from_estimator(model, WINDOWS[:1, :12], coverage=1.5)


def test_times_and_one_channel_of_several():
    Z = np.stack([WINDOWS[:, :12], -WINDOWS[:, :12]], axis=2)
    model = LSTMRegressor(**QUICK).fit(Z, WINDOWS[:, 12])
    times = np.datetime64("2026-01-01") + np.arange(13)
    display = ForecastDisplay.from_estimator(model, Sequences.from_list(Z[:3]), channel=1, times=times, time_name="Day")
    np.testing.assert_array_equal(display.history_line_.get_ydata(), -SERIES[:12])
    assert display.history_line_.get_xdata()[0] == times[0] and display.ax_.get_xlabel() == "Day"
    display.figure_.canvas.draw()
    boxes = [t.get_window_extent() for t in display.ax_.get_xticklabels() if t.get_text()]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))  # dates do not overlap


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda m: ForecastDisplay.from_estimator(m["steps"], RAGGED), r"return_sequences=True .*\.from_predictions"),
        (lambda m: ForecastDisplay.from_estimator([], RAGGED), "list of estimators is empty"),
        (lambda m: ForecastDisplay.from_estimator([m["forecast"], m["forecast"]], WINDOWS[:1, :12]), "Two of the estimators"),
        (lambda m: ForecastDisplay.from_estimator([m["forecast"], m["three"]], WINDOWS[:1, :12]), "equally long, got the shapes"),
        (lambda m: ForecastDisplay.from_estimator(m["forecast"], WINDOWS[:1, :12], channel=1), "channels of X, 0 to 0, got 1"),
        (lambda m: ForecastDisplay.from_estimator(m["forecast"], WINDOWS[:1, :12], y_true=[1.0]), "equally long"),
        (lambda m: ForecastDisplay.from_predictions(SERIES[:5], np.zeros((3, 2)), quantiles=[0.1]), r"of\s+shape \(3, 2\)"),
        (lambda m: ForecastDisplay.from_predictions(SERIES[:5], np.zeros((3, 1)), quantiles=[1.0]), "between 0 and 1"),
        (lambda m: ForecastDisplay.from_predictions(SERIES[:5], np.zeros((3, 2))), "1-D arrays"),
        (lambda m: ForecastDisplay.from_predictions(SERIES[:5, np.newaxis], np.zeros(3)), "history must be a 1-D array"),
        (lambda m: ForecastDisplay.from_predictions(SERIES[:5], np.zeros(3), times=np.arange(5)), "the 5 steps .* the 3 of"),
        (lambda m: ForecastDisplay(SERIES[:5], None).plot(), "There is no forecast"),
    ],
)
def test_forecasts_that_do_not_fit(models, make, words):
    with pytest.raises(ValueError, match=words):
        make(models)


def test_classes_are_no_forecast(models):
    with pytest.raises(TypeError, match="needs an LSTMRegressor, got LSTMClassifier"):
        ForecastDisplay.from_estimator(models["classifier"], RAGGED)


# ---- anomalies ----

STREAM = np.column_stack([np.sin(0.3 * np.arange(60)), np.cos(0.2 * np.arange(60)), np.zeros(60)])
PARTS = -np.abs(np.random.default_rng(2).normal(size=(60, 3)))
PARTS[20:22, 1], PARTS[:4] = [-9.0, -7.0], np.nan
SCORES = PARTS.sum(axis=1)


def test_scores_are_drawn_with_the_alarms_and_the_events():
    truth = np.isin(np.arange(60), [19, 20, 21, 40])
    display = AnomalyDisplay.from_scores(STREAM, SCORES, threshold=-6.0, channel_scores=PARTS, y_true=truth)
    np.testing.assert_array_equal(display.score_line_.get_ydata(), -SCORES)
    assert set(display.threshold_line_.get_ydata()) == {6.0}
    alarms = np.flatnonzero(SCORES < -6)  # steps without a score have no alarm
    assert {20, 21} <= set(alarms) and len(display.alarms_) == 4
    for line, values in zip(display.alarms_, [*STREAM.T, -SCORES], strict=True):
        np.testing.assert_array_equal(line.get_data(), [alarms, values[alarms]])
    for line, values in zip(display.lines_, STREAM.T, strict=True):
        np.testing.assert_array_equal(line.get_data(), [np.arange(60), values])
    spans = [event.get_extents().transformed(display.axes_[0].transData.inverted()) for event in display.events_[:2]]
    assert [(round(span.x0, 6), round(span.x1, 6)) for span in spans] == [(18.5, 21.5), (39.5, 40.5)]
    assert len(display.events_) == 8 and texts(display.axes_[0]) == ["true event", "alarm", "threshold"]
    np.testing.assert_array_equal(np.ma.filled(display.mesh_.get_array(), np.nan), -PARTS.T)
    assert [ax.get_ylabel() for ax in display.axes_] == ["Channel 0", "Channel 1", "Channel 2", "Anomaly\nscore", "Channel"]


def test_one_series_has_no_map_and_nothing_is_drawn_that_is_not_known():
    display = AnomalyDisplay.from_scores(STREAM[:, 0], SCORES, channel_scores=PARTS[:, :1])
    assert len(display.axes_) == 2 and display.mesh_ is display.colorbar_ is display.threshold_line_ is None
    assert display.alarms_ == display.events_ == [] and display.axes_[0].get_legend() is None
    assert [ax.get_ylabel() for ax in display.axes_] == ["Value", "Anomaly\nscore"] and display.axes_[1].get_xlabel() == "Step"
    for steps in (1, 2):
        AnomalyDisplay.from_scores(STREAM[:steps], -np.ones(steps), threshold=-0.5, channel_scores=PARTS[5 : 5 + steps])


def test_a_score_far_beyond_the_threshold_leaves_the_others_visible():
    far = SCORES.copy()
    near = AnomalyDisplay.from_scores(STREAM, far, threshold=-6.0)
    far[30] = -5000.0
    display = AnomalyDisplay.from_scores(STREAM, far, threshold=-6.0)
    assert [d.axes_[-1].get_yscale() for d in (near, display)] == ["linear", "symlog"]
    assert display.axes_[-1].get_yticks().tolist() == [0, 10, 100, 1000] and display.axes_[-1].get_ylim()[1] > 5000
    y = display.axes_[-1].transAxes.inverted().transform(display.axes_[-1].transData.transform([[0, 3.0], [0, 6.0]]))[:, 1]
    assert y[1] - y[0] > 0.08


def test_the_curves_are_those_of_the_channels_to_blame():
    wide, parts = np.random.default_rng(0).normal(size=(60, 9)), np.full((60, 9), -1.0)
    parts[7, [6, 2, 8, 4]] = -50.0
    parts[50:, 0] = -30.0  # more in sum, but without an alarm
    options = {"threshold": -100.0, "channel_scores": parts}
    display = AnomalyDisplay.from_scores(wide, parts.sum(axis=1), channel_names="abcdefghi", **options)
    assert display.channels_.tolist() == [2, 4, 6, 8] and [ax.get_ylabel() for ax in display.axes_[:4]] == list("cegi")
    assert AnomalyDisplay.from_scores(wide, parts.sum(axis=1), **options | {"threshold": -1e9}).channels_[0] == 0
    chosen = AnomalyDisplay.from_scores(wide, parts.sum(axis=1), channels=[5, 1], **options)
    assert chosen.channels_.tolist() == [5, 1] and len(chosen.axes_) == 4


def test_a_single_step_is_seen_in_a_map_of_many():
    parts = np.zeros((5000, 2))
    parts[1234, 1], parts[77, 0] = -9.0, 2.0
    display = AnomalyDisplay.from_scores(np.zeros((5000, 2)), parts.sum(axis=1), channel_scores=parts)
    values = display.mesh_.get_array()
    assert values.shape == (2, 250) and values[1].max() == 9 and values[0].min() == -2
    edges = display.mesh_.get_coordinates()[0, :, 0]
    assert edges[values[1].argmax()] < 1234 < edges[values[1].argmax() + 1]
    assert display.axes_[0].get_xlim() == (-0.5, 4999.5) == tuple(edges[[0, -1]])


def test_a_detector_is_drawn_as_it_scores(models):
    model, times = models["detector"], np.datetime64("2026-01-01") + np.arange(6)
    own = Sequences(np.concatenate(RAGGED), Sequences.from_list(RAGGED).offsets, channel_names=["heart", "breath"])
    display = AnomalyDisplay.from_estimator(model, own, sequence=3, times=times)
    np.testing.assert_array_equal(display.scores, np.ravel(model.score_steps(RAGGED)[3]))
    np.testing.assert_array_equal(display.channel_scores, model.score_steps(RAGGED, channels=True)[3])
    np.testing.assert_array_equal(display.series, RAGGED[3])
    assert display.threshold == model.step_offset_ and display.axes_[-1].get_xlabel() == "Time"
    assert [ax.get_ylabel() for ax in display.axes_[:2]] == ["heart", "breath"]
    with pytest.raises(TypeError, match="needs a fitted LSTMOutlierDetector, got LSTMRegressor"):
        AnomalyDisplay.from_estimator(models["regressor"], RAGGED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": SCORES[1:]}, r"scores must have an entry for each of the 60 steps of the series, got shape \(59,\)"),
        ({"y_true": [0, 1]}, "y_true must have an entry for each of the 60 steps"),
        ({"times": np.arange(61)}, "times must have an entry for each of the 60 steps"),
        ({"channel_scores": PARTS[:, :2]}, r"channel_scores must have the shape of the series, \(60, 3\), got \(60, 2\)"),
        ({"channels": [3]}, r"channels must be numbers of channels of the series, 0 to 2, got \[3\]"),
        ({"channels": ["a"]}, "channels must be numbers of channels"),
        ({"channel_names": ["a"]}, "a name for each of the 3 channels, got 1"),
        ({"y_true": np.where(np.arange(60) < 9, -1, 1)}, "y_true must be 1 in an event and 0 outside, got -1.0 .* step 0"),
        ({"times": np.arange(60) // 2}, "times must be numbers or dates in ascending order, got 0 at step 1"),
        ({"times": [*range(59), np.nan]}, "times must be .* got nan at step 59"),
        ({"times": ["a"] * 60}, "times must be numbers or dates .* got a at step 0"),
        ({"times": pd.period_range("2026-01-01", periods=60)}, r"times must be .* to_timestamp\(\) of periods"),
        ({"times": pd.to_timedelta(np.arange(60), "D")}, "times must be .* numbers of durations"),
        ({"scores": np.r_[-np.inf, SCORES[1:]]}, "scores must be numbers or NaN, got infinity at step 0"),
        ({"series": [], "scores": []}, r"series must be an array .* got shape \(0, 1\)"),
        ({"series": STREAM[np.newaxis]}, r"series must be an array .* got shape \(1, 60, 3\)"),
    ],
)
def test_scores_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AnomalyDisplay.from_scores(**{"series": STREAM, "scores": SCORES} | options)


def test_the_truth_of_all_sequences_is_that_of_the_one_that_is_shown(models):
    y = np.zeros((len(X), X.shape[1]))
    y[2, 1:3] = 1
    for truth in (y, y[2]):
        assert len(AnomalyDisplay.from_estimator(models["detector"], X, sequence=2, y_true=truth).events_) > 0
    assert not AnomalyDisplay.from_estimator(models["detector"], X, sequence=1, y_true=y).events_


def test_scores_far_beyond_the_threshold_have_few_ticks():
    display = AnomalyDisplay.from_scores(STREAM, np.r_[-1e200, SCORES[1:]], threshold=-1e-3)
    ticks = display.axes_[display.channels_.size].get_yticks()
    assert 3 <= len(ticks) <= 9 and ticks[-1] > 1e150


# ---- the numbers of two of them ----


def test_curves_have_a_place_for_every_epoch():
    model = LSTMRegressor(**QUICK).fit(RAGGED, X[:, 0, 0], X_val=RAGGED[:5], y_val=X[:5, 0, 0]).partial_fit(RAGGED, X[:, 0, 0])
    curves = training_curves(model)
    assert all(values.shape == (4,) for values in curves.values())
    np.testing.assert_array_equal(curves["epoch"], [1, 2, 3, 4])
    assert np.isnan(curves["validation_loss"]).tolist() == [False, False, False, True]
    bfgs = LSTMRegressor(**QUICK, solver="lbfgs").fit(RAGGED, X[:, 0, 0])
    assert np.isnan(training_curves(bfgs)["learning_rate"]).all()


def test_attention_weights_are_those_of_the_model(models):
    weights = attention_weights(models["attention"], RAGGED)
    np.testing.assert_array_equal(weights.values, models["attention"].attention(RAGGED).values)
    assert weights.n_channels == 1


# ---- transitions ----


def test_transitions_are_those_of_the_model(models):
    model = models["chain"]
    display = TransitionDisplay.from_estimator(model)
    drawn = np.ma.filled(display.mesh_.get_array(), np.nan).reshape(3, 3)
    expected = np.vstack([model.start_transitions_, model.transitions_])
    forbidden = np.isneginf(expected)
    np.testing.assert_array_equal(np.argwhere(forbidden), [[0, 0], [1, 0]])
    np.testing.assert_array_equal(drawn[:, :2][~forbidden], expected[~forbidden])
    np.testing.assert_array_equal(drawn[1:, 2], model.end_transitions_)
    assert np.isnan(drawn[0]).tolist() == [True, False, True]  # no sequence ends before it begins
    assert [patch.get_xy() for patch in display.ax_.patches] == [(-0.5, -0.5), (-0.5, 0.5)]
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == ["(start)", "down", "up"]
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["down", "up", "(end)"]
    assert TransitionDisplay(np.zeros((2, 2)), [0, 0], [0, 0]).plot(colorbar=False).colorbar_ is None
    with pytest.raises(ValueError, match=r"labels must have a name for each of the 2 labels, got 1"):
        TransitionDisplay(np.zeros((2, 2)), [0, 0], [0, 0], labels=["a"]).plot()
    with pytest.raises(ValueError, match="no transitions between labels"):
        TransitionDisplay.from_estimator(models["regressor"])
