"""Headers in integers: labels over data sets and seeds, no drift, saturation, and the same bits on emulated devices."""

import functools
import importlib.util
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.datasets import make_sine_mixture
from sklstm.export import to_c, verify
from sklstm.export.c.header import read_header
from sklstm.export.c.model import read_model
from sklstm.export.c.run import run, samples

if not any(map(shutil.which, ("cc", "gcc", "clang"))):
    pytest.skip("needs a C compiler", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")

DEVICES = Path(__file__).parent.parent / "benchmarks" / "devices.py"


def digits(seed):
    """Rows of images, of which some pixels are hardly ever used."""
    found = load_digits()
    return found.images, found.target


def sines(seed):
    X, y = make_sine_mixture(1200, random_state=seed)
    return X, y


def gestures(seed, n=1000):
    """Raw values of an accelerometer, ragged."""
    rng, X = np.random.default_rng(seed), []
    y = rng.integers(6, size=n)
    for k in y:
        t = np.linspace(0, 2 * np.pi, rng.integers(40, 80)) * rng.uniform(0.8, 1.2)
        axes = np.column_stack([np.sin((1 + k // 3) * t), np.sin(t + k % 3), 0 * t]) * rng.uniform(0.5, 1.5)
        X.append(np.rint(2048 * (axes + rng.normal(scale=0.2, size=axes.shape) + [0, 0, 1])))
    return X, y


def run_steps(path, model, x):
    """Outputs after each step of one sequence."""
    text, name, dtype, _ = read_header(path)
    exported = read_model(model, dtype)
    values = samples(exported, model._read_fitted([x]))
    return run(text, name, exported, values, np.array([0, len(x)]), str(path), each_step=True)[:, :-1]


@pytest.mark.slow
@pytest.mark.parametrize("make", [digits, sines, gestures])
def test_labels_of_integers_are_those_of_the_model(make, tmp_path):
    """In q15 at least 99.5 % of them of each model, and probabilities with a mean deviation below 0.001; in int8 99 % on average
    over models, and below 0.01."""
    agreements = {"q15": [], "int8": []}
    for seed in range(5):
        X, y = make(seed)
        X_train, X_test, y_train, _ = train_test_split(X, y, random_state=seed)
        cell = ("gru", "lstm", "coupled", "peephole", "gru_reset_before")[seed]
        model = LSTMClassifier(16, cell=cell, max_iter=20, random_state=seed).fit(X_train, y_train)
        for dtype, found in agreements.items():
            to_c(model, tmp_path / "model.h", dtype=dtype, X_calibration=X_train[:100])
            result = verify(tmp_path / "model.h", model, X_test)
            found.append(result["agreement"])
            assert result["mean_deviation"] < {"q15": 1e-3, "int8": 1e-2}[dtype]
    assert min(agreements["q15"]) >= 0.995
    assert np.mean(agreements["int8"]) >= 0.99


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_states_do_not_drift(cell, tmp_path):
    """Over 100,000 steps the deviation from the stream does not grow: that of the last 1,000 is at most 1.5 times the first.

    Where the model changes its mind, it may do so a step earlier or later, so that few deviations are large."""
    X, y = gestures(0, 300)
    model = LSTMClassifier(16, cell=cell, max_iter=20, pooling="last", random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    x = np.concatenate(X * (100_000 // sum(map(len, X)) + 1))[:100_000]
    x[-1000:] = x[:1000]  # the same difficulty
    stream = model.stream("predict_proba")
    expected = np.concatenate([stream.step(x_t) for x_t in x])
    found = run_steps(tmp_path / "model.h", model, x)
    deviations = np.abs(found - expected).mean(axis=1)
    assert deviations[-1000:].mean() <= 1.5 * deviations[:1000].mean() + 1e-6
    assert np.quantile(deviations, 0.9) < 0.002
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) >= 0.995


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_sums_of_many_steps_stay_in_range(pooling, tmp_path):
    """Beyond 65,535 steps sums of 32 bits are halved."""
    X, y = gestures(0, 60)
    model = LSTMClassifier(4, cell="rnn", pooling=pooling, max_iter=5, random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    x = np.concatenate(X * (150_000 // sum(map(len, X)) + 1))[:150_000]
    found = run_steps(tmp_path / "model.h", model, x)
    for n in (65_000, 66_000, 150_000):
        assert np.abs(found[n - 1] - model.predict_proba([x[:n]])).max() < 2e-3


@pytest.mark.parametrize("dtype", ["float32", "q15"])
def test_a_sequence_without_end_goes_on_beyond_the_count_of_32_bits(dtype, tmp_path):
    """After 2^32 steps the mean and the maximum are what they were."""
    X, y = gestures(0, 60)
    model = LSTMClassifier(4, cell="rnn", pooling=("mean", "max"), max_iter=5, random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype=dtype, X_calibration=X)
    text, name, dtype, _ = read_header(tmp_path / "model.h")
    late = "s->n_steps = 4294967285u;\n    for (k = 0; k < 4; k++) {\n"
    if dtype == "float32":
        late += "s->max[k] = 1.0f; s->sum[k] = 0.25f * 4294967285.0f; }\n"
    else:
        late += "s->max[k] = 32767; s->sum[k] = 8192 * 32767; }\n    s->halvings = 17;\n"
    zeroed = "        bytes[k] = 0;\n"
    assert text.count(zeroed) == 1
    exported, x = read_model(model, dtype), np.concatenate(X)[:40].astype(np.float32)
    found = run(text.replace(zeroed, zeroed + late), name, exported, x, np.array([0, 40]), "model.h", each_step=True)[:, :-1]
    head = exported.params["head"]
    scores = np.repeat([0.25, 1.0], 4) @ head["V"] + head["b"]
    assert np.abs(found - softmax(scores)).max() < 1e-3


def test_means_of_many_steps_keep_small_outputs(tmp_path):
    """Beyond 65,535 steps a step adds to the sum what is left of it after halvings, but of many steps no part is lost."""
    X, y = gestures(0, 60)
    model = LSTMClassifier(4, cell="rnn", pooling="mean", max_iter=5, random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    text, name, dtype, _ = read_header(tmp_path / "model.h")
    late = "    s->halvings = 12;\n"  # as after 200 million steps
    zeroed = "        bytes[k] = 0;\n"
    exported, x = read_model(model, dtype), np.concatenate(X)[np.arange(4 * 4096) % 3].astype(np.float32)
    assert text.count(zeroed) == 1
    found = run(text.replace(zeroed, zeroed + late), name, exported, x, np.array([0, len(x)]), "model.h")
    assert np.abs(found[0, :-1] - model.predict_proba([x])[0]).max() < 1e-4


def test_samples_out_of_range_saturate_and_are_forgotten(tmp_path):
    """Also such that are no numbers."""
    X, y = gestures(0, 60)
    model = LSTMClassifier(8, cell="gru", pooling="last", forget_bias=0.0, max_iter=5, random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    text, name, dtype, _ = read_header(tmp_path / "model.h")
    exported, x = read_model(model, dtype), np.concatenate(X).astype(np.float32)
    wild = x.copy()
    wild[100:120] = np.array([np.nan, np.inf, -np.inf, 1e30])[np.arange(60) % 4].reshape(20, 3)
    offsets = np.array([0, len(x)])
    clean, after = (run(text, name, exported, values, offsets, "model.h", each_step=True) for values in (x, wild))
    assert np.isfinite(after).all()
    assert np.abs(clean - after)[100:120].max() > 1e-3
    assert (clean[-500:] == after[-500:]).all()


def test_sums_that_integers_cannot_hold_are_refused(tmp_path):
    X, y = gestures(0, 60)
    for activation, words in {"relu": "dtype='float32'", "tanh": "channel 2 .*standardize=True"}.items():
        model = LSTMClassifier(4, cell="rnn", activation=activation, standardize=False, max_iter=1, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match=words):
            to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cell", ["gru", "gru_reset_before", "lstm"])
def test_candidates_of_relu_are_in_range(cell, tmp_path):
    """Where a gate is nearly closed, the candidate is far larger than the state that it becomes a small part of."""
    X = np.random.default_rng(0).normal(size=(40, 6, 2))
    model = LSTMRegressor(4, cell=cell, activation="relu", max_iter=1, random_state=0).fit(X, X[:, -1, 0])
    network = read_model(model, "q15").network
    b, H = network.bind(model._theta)["layer_0"]["b"], 4
    closed = {"gru": (slice(H, 2 * H), 3), "gru_reset_before": (slice(H, 2 * H), 3), "lstm": (slice(0, H), -3)}[cell]
    b[closed[0]] += closed[1]
    b[2 * H : 3 * H] += 3  # the candidate
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    assert verify(tmp_path / "model.h", model, X)["deviation"] < 0.03 * model.predict(X).std()


@functools.cache
def sum_of_steps(n_steps, n_idle=0):
    """A network of relu whose states grow to some hundreds in that many steps, and X; idle units are 0, with large weights."""
    X = np.random.default_rng(0).uniform(0, 20, size=(40, n_steps, 1))
    options = {"cell": "rnn", "activation": "relu", "pooling": "last", "standardize": False, "max_iter": 1, "random_state": 0}
    model = LSTMRegressor(4, **options).fit(X, X.sum(axis=(1, 2)))
    parts = read_model(model, "float32").network.bind(model._theta)
    parts["layer_0"]["W"][:], parts["layer_0"]["R"][:], parts["layer_0"]["b"][:] = 1, np.eye(4), 0
    parts["layer_0"]["W"][:, 4 - n_idle :], parts["layer_0"]["R"][4 - n_idle :, 0] = 0, 50
    parts["head"]["V"][:], parts["head"]["b"][:] = 0.25, 0
    return model, X


@pytest.mark.parametrize("dtype", ["q15", "int8"])
@pytest.mark.parametrize("n_steps", [20, 50, 200])
def test_scores_of_large_states_do_not_overflow(dtype, n_steps, tmp_path):
    """States of some hundreds in 16 bits are known to some hundredths at each step, whose errors add up to under a part in 50 of
    the deviation of predictions; an overflow is larger than all of it."""
    model, X = sum_of_steps(n_steps)
    to_c(model, tmp_path / "model.h", dtype=dtype, X_calibration=X)
    assert verify(tmp_path / "model.h", model, X)["deviation"] < 0.02 * model.predict(X).std()


@pytest.mark.parametrize("dtype", ["q15", "int8"])
def test_sums_of_large_states_that_may_overflow_are_refused(dtype, tmp_path):
    model, X = sum_of_steps(200, n_idle=2)
    with pytest.raises(ValueError, match=r"Sums of layer 0 may be up to .* 32 bits cannot hold .* activation='tanh'"):
        to_c(model, tmp_path / "model.h", dtype=dtype, X_calibration=X)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("most", [1e2, 1e4, 1e6])
def test_what_rounding_and_clipping_change_is_warned_of(most, tmp_path):
    """The warning says what `verify` finds."""
    X = np.random.default_rng(0).normal(size=(60, 20, 2))
    X[::9, 7] *= most
    model = LSTMRegressor(4, cell="gru", standardize=False, max_iter=5, random_state=0).fit(X, np.sign(X[:, :, 0]).sum(axis=1))
    with pytest.warns(UserWarning, match="change outputs of X_calibration by up to") as caught:
        to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    said = float(str(caught[0].message).split("by up to ")[1].split(",")[0])
    assert Path(caught[0].filename) == Path(__file__)
    assert verify(tmp_path / "model.h", model, X)["deviation"] == pytest.approx(said, rel=0.1)


def test_few_data_of_calibration_are_warned_of_and_do_not_hide_the_range_of_training(tmp_path):
    X, y = gestures(0, 60)
    model = LSTMClassifier(4, cell="gru", max_iter=5, random_state=0).fit(X, y)
    quiet = model._read_fitted(X).values.mean(axis=0)[np.newaxis] * 1.001
    for few, words in {1: "1 different step,", 5: "5 different steps", 30: "1 different step,"}.items():
        calibration = quiet + np.arange(few)[:, np.newaxis] * (few < 30)
        with pytest.warns(UserWarning, match=words) as caught:
            to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=[calibration])
        assert Path(caught[0].filename) == Path(__file__)
    assert verify(tmp_path / "model.h", model, X)["deviation"] < 0.01


# ---- the arithmetic, to the bit ----


class Twin:
    """A GRU layer in Python's integers, which have no bounds: sums of the header would differ where they overflowed."""

    def __init__(self, text):
        self.text = text
        self.table = self.array("table")

    def array(self, name):
        begin = self.text.index(f"model_{name}[")
        return [int(v) for v in self.text[self.text.index("{", begin) + 1 : self.text.index("}", begin)].split(",")]

    def arguments(self):
        """Numbers in the call of the cell: shifts of W and R."""
        begin = self.text.index("model_cell(model_w0")
        return [int(v) for v in self.text[begin : self.text.index(")", begin)].split(",") if v.strip().isdigit()]

    def sigmoid(self, a):
        at = abs(a)
        if at >= 8 << 16:
            half = 65535
        else:
            k, rest = at >> 11, at & 2047
            half = self.table[k] + (((self.table[k + 1] - self.table[k]) * rest + 1024) >> 11)
        return half

    def gate(self, a):
        half = self.sigmoid(a) >> 1
        return 32768 - half if a < 0 else half

    def tanh(self, a):
        magnitude = 32767 if abs(a) > 4 << 16 else self.sigmoid(2 * a) - 32768
        return -magnitude if a < 0 else magnitude

    def states(self, steps, n):
        """h after each of steps (n_steps, n_x)."""
        w, r, b = (self.array(name) for name in ("w0", "r0", "b0"))
        w_shift, r_shift, *_ = self.arguments()

        def row(matrix, shift, k, v):
            total = sum(m * x for m, x in zip(matrix[k * len(v) : (k + 1) * len(v)], v, strict=True))
            return (total + (1 << (shift - 1))) >> shift

        h = [0] * n
        for x in steps:
            new = []
            for j in range(n):
                reset, z = (self.gate(b[k] + row(w, w_shift, k, x) + row(r, r_shift, k, h)) for k in (j, n + j))
                k = 2 * n + j
                m = b[n + k] + row(r, r_shift, k, h)
                candidate = self.tanh(b[k] + row(w, w_shift, k, x) + ((m * reset + 16384) >> 15))
                new.append(candidate + ((z * (h[j] - candidate) + 16384) >> 15))
            h = new
            yield h


def test_a_step_of_integers_is_what_a_twin_in_python_computes(tmp_path):
    X, y = gestures(0, 60)
    model = LSTMClassifier(5, cell="gru", pooling="last", max_iter=5, random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    text, name, dtype, _ = read_header(tmp_path / "model.h")
    # The states as outputs, and the integers of samples as they are.
    spied = text.replace("static inline void model_scores(", "static inline void model_scores_before(")
    spied = spied.replace("static inline void model_output(", "static inline void model_output_before(")
    spied += "static inline void model_output(const model_state *s, float *y)"
    spied += "{ size_t k; for (k = 0; k < 5; k++) y[k] = s->h0[k]; }\n"
    spied = spied.replace("    model_quantize(x, q);", "    { size_t k; for (k = 0; k < 3; k++) q[k] = (int16_t)x[k]; }")
    rng = np.random.default_rng(0)
    steps = rng.integers(-32767, 32768, size=(300, 3))
    spied = spied.replace("model_scores(s, y)", "model_scores_before(s, y)")
    exported, values = read_model(model, dtype), steps.astype(np.float32)
    found = run(spied, name, exported, values, np.array([0, 300]), "model.h", each_step=True)
    assert (found[:, :5] == list(Twin(text).states(steps.tolist(), 5))).all()


def test_the_table_is_as_good_as_it_can_be(tmp_path):
    """Linear between 257 points: sigmoid to 1.3e-5, and beyond 8, where it is 1, to exp(-8)."""
    X, y = gestures(0, 60)
    model = LSTMClassifier(4, cell="gru", max_iter=2, random_state=0).fit(X, y)
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    twin = Twin((tmp_path / "model.h").read_text())
    a = np.linspace(-7.9, 7.9, 2001)
    assert np.abs([twin.gate(round(v * 2**16)) / 2**15 for v in a] - expit(a)).max() < 2**-15 + 1.3e-5
    assert np.abs([twin.tanh(round(v * 2**16)) / 2**15 for v in a / 2.05] - np.tanh(a / 2.05)).max() < 2**-15 + 2 * 1.3e-5
    assert twin.gate(9 << 16) / 2**15 > 1 - np.exp(-8)


# ---- devices ----


@pytest.fixture(scope="module")
def devices():
    """The script that runs headers on emulated processors."""
    if not DEVICES.exists():
        pytest.skip("needs a checkout")
    sys.path.insert(0, str(DEVICES.parent))
    try:
        spec = importlib.util.spec_from_file_location("devices", DEVICES)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DEVICES.parent))
    return module


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["q15", "int8"])
def test_the_same_bits_on_every_processor(devices, dtype):
    model, X = devices.model_of("lstm", 8, pooling=("last", "mean", "max", "attention"))
    found = devices.hashes(lambda path: to_c(model, path, dtype=dtype, X_calibration=X))
    there = {name: value for name, value in found.items() if value != "not installed"}
    if len(there) < len(found):
        missing = ", ".join(found.keys() - there.keys())
        if len(there) < 2:
            pytest.skip(f"{missing}: not installed")
    assert len(set(there.values())) == 1, there


@pytest.mark.parametrize(("name", "flash", "memory"), [("Cortex-M0", 6000, 400), ("AVR", 6000, 400)])
def test_a_small_network_fits_a_small_device(devices, name, flash, memory, tmp_path):
    """A GRU of 16 units on 6 channels, with 6 classes."""
    compiler, size = devices.COMPILERS[name]
    if not devices.has(compiler[0], size):
        pytest.skip(f"needs {compiler[0]} and {size}")
    model, X = devices.model_of("gru")
    to_c(model, tmp_path / "model.h", dtype="q15", X_calibration=X)
    found = devices.sizes_of(compiler, size, "q15", tmp_path)
    assert found[0] <= flash and found[1] <= memory
