"""Models as modules of PyTorch, and modules of PyTorch as models."""

import io
import pickle
import sys
import warnings
from itertools import product

import numpy as np
import pytest
from test_export_weights import fitted, sequences

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.export import from_state_dict, to_state_dict, to_torch
from sklstm.network import CELLS, POOLINGS
from sklstm.preprocessing import with_static

torch = pytest.importorskip("torch")
nn = torch.nn
torch.set_num_threads(1)

# Sums of some dozen products in another order, and of two biases before or after them.
TOLERANCE = {np.float64: 1e-12, np.float32: 2e-6}
OF_TORCH = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu")]
DIRECTIONS = {"one": {}, "concat": {"bidirectional": True}, "sum": {"bidirectional": True, "merge_mode": "sum"}}


def expected_of(model, X):
    """Predictions of a model, those of steps one after the other."""
    predicted = model.predict_proba(X) if isinstance(model, LSTMClassifier) else model.predict(X)
    return np.concatenate(predicted) if isinstance(predicted, list) else predicted


def outputs_of(module, X):
    x, lengths, static = module.read(X)
    with torch.no_grad():
        result = module.outputs(x, lengths, static)
    is_step = np.arange(x.shape[1]) < lengths.numpy()[:, np.newaxis]
    return result.numpy() if module.poolings else result.numpy()[is_step]


# Normalisation divides rounding errors by the deviation of a few units, down to the root of 1e-5, step by step.
OF_NORMALIZED = {np.float64: 1e-12, np.float32: 2e-4}


def assert_equal(model, X, dtype=np.float64):
    module, tolerance = to_torch(model), (OF_NORMALIZED if model.cell == "layernorm" else TOLERANCE)[dtype]
    assert next(module.parameters()).dtype == torch.from_numpy(np.zeros(1, dtype)).dtype and not module.training
    np.testing.assert_allclose(outputs_of(module, X), expected_of(model, X), rtol=0, atol=tolerance)
    return module


# ---- from sklstm to torch ----


@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.filterwarnings("ignore:torch.nn has no recurrent layer:UserWarning")
def test_a_module_predicts_what_the_model_does(cell, directions):
    """Layers of one width or several, states that are learned, residual connections, and all poolings."""
    options = [
        {"hidden_size": (4, 4), "initial_state": "learned", "pooling": "last", "activation": "relu"},
        {"hidden_size": (3, 5), "initial_state": "learned", "pooling": tuple(POOLINGS)},
        {"hidden_size": (4, 4, 4), "residual": True, "pooling": ("mean", "last")},
        {"hidden_size": 3, "residual": True, "return_sequences": True},
    ]
    if CELLS[cell].can_project:
        options.append({"hidden_size": (4, 6), "proj_size": 3, "initial_state": "learned", "residual": True})
        options.append({"hidden_size": (5, 5), "proj_size": 2, "pooling": "last"})
    for one in options:
        for dtype in (np.float64, np.float32):
            model, X = fitted(dtype, cell=cell, **DIRECTIONS[directions] | one)
            assert_equal(model, X, dtype)


def targets(kind, **options):
    X = sequences()
    y = {LSTMRegressor: np.random.default_rng(0).normal(1, size=(len(X), 2)) ** 2, LSTMClassifier: np.arange(len(X)) % 2}[kind]
    return kind, X, options, y


LOSSES = {
    "binary": targets(LSTMClassifier),
    "multilabel": (LSTMClassifier, sequences(), {}, np.random.default_rng(0).integers(2, size=(20, 3))),
    "squared error": targets(LSTMRegressor),
    "one output": (LSTMRegressor, sequences(), {}, np.arange(20.0)),
    "poisson": targets(LSTMRegressor, loss="poisson"),
    "mixture": targets(LSTMRegressor, loss="gaussian_mixture", n_components=3),
    "quantiles": (LSTMRegressor, sequences(), {"loss": "quantile", "quantile": [0.9, 0.1, 0.5]}, np.arange(20.0)),
}


@pytest.mark.parametrize(("kind", "X", "options", "y"), LOSSES.values(), ids=LOSSES.keys())
def test_scores_mean_what_the_loss_says(kind, X, options, y):
    assert_equal(kind(4, max_iter=2, random_state=0, **options).fit(X, y), X)


@pytest.mark.parametrize("missing", ["indicator", "decay"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_missing_values_categories_times_and_static_features(missing, bidirectional, return_sequences):
    options = {"missing": missing, "bidirectional": bidirectional, "return_sequences": return_sequences, "num_layers": 2}
    model, X = fitted(categorical_features=[3], **options)
    # Vectors and states of static features are 0 as long as nothing was learned.
    rng = np.random.default_rng(0)
    learned = {name: view for name, view in model.weights_.items() if "known" not in name}
    model.set_weights({name: view + 0.3 * rng.normal(size=view.shape) for name, view in learned.items()})
    assert_equal(model, X)


def test_a_chain_returns_the_probabilities_of_labels():
    X = sequences()
    y = [np.repeat(["O", "B-x", "I-x"], [len(x) // 2, 1, len(x) - len(x) // 2 - 1])[: len(x)] for x in X]
    options = {"return_sequences": True, "structure": "crf", "allowed_transitions": "bio"}
    assert_equal(LSTMClassifier(4, max_iter=3, random_state=0, **options).fit(X, y), X)


@pytest.mark.parametrize(("cell", "activation"), OF_TORCH)
def test_the_module_has_the_names_of_the_state(cell, activation):
    for directions, hidden_size, state in product(DIRECTIONS.values(), [(4, 4), (3, 5)], ["zeros", "learned"]):
        options = {"hidden_size": hidden_size, "initial_state": state, "pooling": tuple(POOLINGS)}
        model, X = fitted(cell=cell, activation=activation, **directions | options)
        module, own = to_torch(model), to_state_dict(model)
        theirs = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
        assert list(own) == list(theirs) or own.keys() == theirs.keys()
        for name in own:
            np.testing.assert_array_equal(own[name], theirs[name])
        back = from_state_dict(module.state_dict(), model)
        np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_slow_cells_warn_and_others_do_not():
    with pytest.warns(UserWarning, match="no recurrent layer with cell='peephole' and activation='tanh'.*slow"):
        to_torch(fitted(cell="peephole")[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_torch(fitted()[0])


def test_torch_draws_no_random_numbers():
    model, _ = fitted()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    to_torch(model)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("cell", ["gru", "layernorm"])
@pytest.mark.filterwarnings("ignore:torch.nn has no recurrent layer:UserWarning")
def test_what_is_behind_a_sequence_has_no_effect(cell):
    model, X = fitted(cell=cell, bidirectional=True, num_layers=2, pooling=tuple(POOLINGS))
    module = to_torch(model)
    x, lengths, _ = module.read(X)
    expected = module(x, lengths)
    x[torch.arange(x.shape[1]) >= lengths[:, None]] = torch.nan
    np.testing.assert_array_equal(module(x, lengths).detach(), expected.detach())
    packed = nn.utils.rnn.pack_sequence([torch.from_numpy(one) for one in X], enforce_sorted=False)
    np.testing.assert_allclose(module(packed).detach(), expected.detach(), atol=1e-12)
    # Alone as among others.
    alone = torch.cat([module(torch.from_numpy(one)[None]) for one in X])
    np.testing.assert_allclose(alone.detach(), expected.detach(), atol=1e-12)
    for bad in (lengths - 1, lengths + 8, lengths[1:], lengths.double()):
        with pytest.raises(ValueError, match="lengths must be 20 integers from 1 to 8"):
            module(x, bad)
    with pytest.raises(ValueError, match=r"x must have the shape \(n_sequences, n_steps, n_channels\)"):
        module(x[0])


def test_a_module_can_be_written_and_read():
    model, X = fitted(bidirectional=True)
    module = to_torch(model)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for other in (torch.load(file, weights_only=False), pickle.loads(pickle.dumps(module))):
        np.testing.assert_array_equal(outputs_of(other, X), outputs_of(module, X))


def test_torch_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "sklstm.export.torch.modules", raising=False)
    monkeypatch.delitem(sys.modules, "sklstm.export.torch.cells", raising=False)
    with pytest.raises(ImportError, match="to_torch needs PyTorch: pip install torch"):
        to_torch(fitted()[0])


# ---- from torch to sklstm ----


class Tagger(nn.Module):
    """What a user has: some recurrent module and a linear layer, of the last state of sequences or of every step."""

    def __init__(self, rnn, n_outputs, per_step=False):
        super().__init__()
        self.encoder, self.per_step = rnn, per_step
        width = getattr(rnn, "proj_size", 0) or rnn.hidden_size
        self.fc = nn.Linear(width * (2 if rnn.bidirectional else 1), n_outputs, bias=rnn.bias)

    def forward(self, X):
        output, state = self.encoder(nn.utils.rnn.pack_sequence(X, enforce_sorted=False))
        h = state[0] if isinstance(state, tuple) else state
        if self.per_step:
            return [self.fc(y) for y in nn.utils.rnn.unpack_sequence(output)]
        return self.fc(torch.cat([h[-2], h[-1]], dim=1) if self.encoder.bidirectional else h[-1])


def tensors(X, dtype=np.float32):
    return [torch.from_numpy(x.astype(dtype)) for x in X]


def trained(module, X, y, loss, steps=5):
    """The module after some steps of Adam, and its loss then."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(module(X), y).backward()
        optimizer.step()
    return loss(module(X), y).item()


MODULES = {
    "lstm": (nn.LSTM, {}, {}),
    "projected": (nn.LSTM, {"proj_size": 3}, {}),
    "gru": (nn.GRU, {}, {}),
    "rnn": (nn.RNN, {"nonlinearity": "relu"}, {"activation": "relu"}),
}


@pytest.mark.parametrize(("kind", "arguments", "options"), MODULES.values(), ids=MODULES.keys())
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_a_network_trained_in_torch_comes_in_and_goes_on(kind, arguments, options, bias, bidirectional, num_layers):
    torch.manual_seed(0)
    rnn = kind(3, 5, num_layers, bidirectional=bidirectional, bias=bias, **arguments)
    module, X = Tagger(rnn, 3), sequences(dtype=np.float32)
    y = torch.arange(len(X)) % 3
    loss = trained(module, tensors(X), y, nn.CrossEntropyLoss())
    training = {"warm_start": True, "batch_size": len(X), "alpha": 0.0, "max_iter": 4, "learning_rate_init": 0.01}
    model = from_state_dict(module.state_dict(), classes=["a", "b", "c"], random_state=0, **options, **training)
    with torch.no_grad():
        expected = torch.softmax(module(tensors(X)), dim=1).numpy()
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-6)
    model.fit(X, np.array(["a", "b", "c"])[y])
    assert model.loss_curve_[0] == pytest.approx(loss, rel=1e-6)
    assert model.loss_curve_[-1] < loss


def test_a_regressor_in_double_precision_comes_in_and_goes_on():
    torch.manual_seed(0)
    module, X = Tagger(nn.LSTM(3, 5), 2).double(), sequences()
    y = torch.randn(len(X), 2, dtype=torch.float64)
    loss = trained(module, tensors(X, np.float64), y, nn.MSELoss())
    model = from_state_dict(
        module.state_dict(), LSTMRegressor, warm_start=True, batch_size=len(X), alpha=0.0, max_iter=2, random_state=0
    )
    with torch.no_grad():
        np.testing.assert_allclose(model.predict(X), module(tensors(X, np.float64)), atol=1e-12)
    model.fit(X, y.numpy())
    assert 2 * model.loss_curve_[0] == pytest.approx(loss, rel=1e-12)  # half the squared error


def test_scores_of_steps_come_in():
    torch.manual_seed(0)
    module, X = Tagger(nn.GRU(3, 5, bidirectional=True), 3, per_step=True), sequences(dtype=np.float32)
    model = from_state_dict(module.state_dict(), return_sequences=True)
    with torch.no_grad():
        expected = [torch.softmax(y, dim=1) for y in module(tensors(X))]
    for ours, theirs in zip(model.predict_proba(X), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_several_modules_come_in_by_name():
    torch.manual_seed(0)
    parts = nn.ModuleDict({"lower": nn.LSTM(3, 4), "upper": nn.LSTM(4, 6), "out": nn.Linear(6, 2), "aside": nn.LSTM(3, 4)})
    X = sequences(dtype=np.float32)
    state = {name: tensor for name, tensor in parts.state_dict().items() if not name.startswith("aside")}
    model = from_state_dict(state, rnn=["lower", "upper"])
    assert model.hidden_size == (4, 6)
    for x, ours in zip(X, model.predict_proba(X), strict=True):
        y, _ = parts["upper"](parts["lower"](torch.from_numpy(x))[0])
        np.testing.assert_allclose(ours, torch.softmax(parts["out"](y[-1]), dim=0).detach(), atol=1e-6)
    with pytest.raises(ValueError, match=r"3 recurrent modules: 'lower\.', 'upper\.', 'aside\.'"):
        from_state_dict(parts.state_dict())
    with pytest.raises(ValueError, match=r"has 'aside.weight_ih_l0', .* which this network does not have"):
        from_state_dict(parts.state_dict(), rnn=["lower", "upper"])
    short = {f"module.{name}": tensor.to(torch.bfloat16) for name, tensor in state.items()}
    half = from_state_dict(short, rnn=["module.lower", "module.upper"])
    np.testing.assert_allclose(half.predict_proba(X), model.predict_proba(X), atol=0.05)


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
@pytest.mark.filterwarnings("ignore:torch.nn has no recurrent layer:UserWarning")
def test_a_model_is_trained_further_in_torch(cell):
    """Every weight has a gradient, and the model gets its weights back."""
    model, X = fitted(np.float32, cell=cell, num_layers=2, bidirectional=True, pooling=("last", "attention"), dropout=0.1)
    module, y = to_torch(model).train(), torch.arange(len(X)) % 3
    inputs, loss = module.read(X)[:2], nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss(module(*inputs), y).backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in module.parameters())
        optimizer.step()
    module.eval()
    back = from_state_dict(module.state_dict(), model)
    if cell == "peephole":
        np.testing.assert_allclose(back.predict_proba(X), outputs_of(module, X), atol=1e-6)
    else:
        np.testing.assert_allclose(back.predict_proba(X), outputs_of(module, X), atol=1e-6)
        assert np.abs(back.predict_proba(X) - model.predict_proba(X)).max() > 1e-3
        back.set_params(warm_start=True, max_iter=1, batch_size=len(X), alpha=0, dropout=0.0).fit(X, y)
        assert back.loss_curve_[-1] == pytest.approx(loss(module(*inputs), y).item(), rel=1e-6)


def test_bad_inputs_of_a_module_are_named():
    """Channels too many would be ignored where an input layer picks those that it reads."""
    X = np.random.default_rng(0).normal(size=(20, 5, 2))
    plain = to_torch(LSTMClassifier(3, max_iter=1, missing="indicator").fit(X, np.arange(20) % 2))
    own = to_torch(LSTMClassifier(3, max_iter=1).fit(with_static(X, {"a": np.arange(20.0)}), np.arange(20) % 2))
    x, s = torch.zeros(4, 5, 2, dtype=torch.float64), torch.zeros(4, 1, dtype=torch.float64)
    assert plain(x).shape == own(x, static=s).shape == (4, 1)
    bad = {
        r"static must have the shape \(4, 1\), got None. Pass x, lengths, static = module.read": lambda: own(x),
        r"static must have the shape \(4, 1\), got \(3, 1\)": lambda: own(x, static=s[:3]),
        "the model has no static features. Leave it out": lambda: plain(x, static=s),
        "x must have 2 channels, got 3": lambda: plain(torch.zeros(4, 5, 3)),
        r"without zeros, got \(0, 5, 2\)": lambda: plain(x[:0]),
        r"without zeros, got \(4, 0, 2\)": lambda: plain.outputs(x[:, :0]),
        r"\(n_sequences, n_steps, n_channels\), without zeros, got \(5, 2\)": lambda: plain(x[0]),
    }
    for message, call in bad.items():
        with pytest.raises(ValueError, match=message):
            call()


def test_any_x_is_read(rng):
    """Sequences of words, in codes of the vocabulary; words that fit did not see are unknown."""
    words = [["the", "cat"], ["a", "cat", "sat"], ["the", "mat"], ["sat", "a"]] * 5
    model = LSTMClassifier(3, categorical_features=[0], max_iter=1, random_state=0).fit(words, [0, 1, 1, 0] * 5)
    x, lengths, static = to_torch(model).read([["dog", "cat"], ["sat"]])
    assert static is None and lengths.tolist() == [2, 1] and x[:, :, 0].tolist() == [[0, 2], [4, 0]]
    assert_equal(model, [["the", "dog"], *words])
    model, X = fitted(return_sequences=True)
    assert_equal(model, Sequences.from_list(X))
