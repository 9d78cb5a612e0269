"""Gates and states, compared with the equations of the cells, one step and one gate at a time."""

import numpy as np
import pytest
import reference
from reference import affine, normalized, part, relative_error
from scipy.special import expit
from sklearn.pipeline import make_pipeline
from test_bad_input import state_of

from sklstm import LSTMClassifier, LSTMRegressor, Sequences
from sklstm.inspection import attention_weights, forward_pass, gate_activations, integrated_gradients
from sklstm.network import CELLS

pytestmark = pytest.mark.filterwarnings("ignore:.*not converged:sklearn.exceptions.ConvergenceWarning")
each_cell = pytest.mark.parametrize("cell", CELLS)


def gates_of(names, p, x, h, c, act):
    """Gates by their names, in the order of the blocks of W."""
    values = [affine(p, block, x, h) for block in range(len(names))]
    return {name: (act if name in "gn" else expit)(z) for name, z in zip(names, values, strict=True)}


def peephole(p, x, h, c, act):
    gates = gates_of("ifgo", p, x, h, c, act)
    p_i, p_f, p_o = p["p"]
    gates["i"], gates["f"] = expit(affine(p, 0, x, h) + p_i * c), expit(affine(p, 1, x, h) + p_f * c)
    gates["o"] = expit(affine(p, 3, x, h) + p_o * (gates["f"] * c + gates["i"] * gates["g"]))
    return gates


def layernorm(p, x, h, c, act):
    z = p["norm"][:4].ravel() * normalized(x @ p["W"]) + p["norm"][4:8].ravel() * normalized(h @ p["R"]) + p["b"]
    i, f, g, o = np.split(z, 4)
    return {"i": expit(i), "f": expit(f), "g": act(g), "o": expit(o)}


def gru(p, x, h, c, act):
    H = len(h)
    gates = gates_of("rz", p, x, h, c, act)
    inner = h @ p["R"][:, 2 * H :] + p["b"][3 * H :]
    return gates | {"n": act(affine(p, 2, x, h, recurrent=False) + gates["r"] * inner)}


def gru_reset_before(p, x, h, c, act):
    gates = gates_of("rz", p, x, h, c, act)
    return gates | {"n": act(affine(p, 2, x, gates["r"] * h))}


GATES = {
    "lstm": lambda *args: gates_of("ifgo", *args),
    "peephole": peephole,
    "coupled": lambda *args: gates_of("fgo", *args),
    "layernorm": layernorm,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "rnn": lambda *args: {},
}


def expected(p, cell, activation, x):
    """All quantities at every step of one sequence: a dict of arrays (n_steps, H)."""
    act, rows = reference.ACTIVATIONS[activation], []
    h, c = p.get("h0", np.zeros(len(p["R"]))), p.get("c0", np.zeros(len(p["R"])))
    for x_t in x:
        gates = GATES[cell](p, x_t, h, c, act)
        h, c = reference.CELLS[cell](p, act, x_t, h, c)
        rows.append(gates | ({"c": c} if CELLS[cell].n_states == 2 else {}) | {"h": h})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def model_for(X, **params):
    y = np.array([np.sum(x) for x in X])
    return LSTMRegressor(**{"hidden_size": 5, "max_iter": 3, "random_state": 0, "alpha": 0.1} | params).fit(X, y)


def layer_weights(model, k):
    return part({name: value.astype(np.float64) for name, value in model.weights_.items()}, f"layer_{k}.")


@pytest.fixture
def spread(ragged):
    """Ragged sequences in other units."""
    return [3 + 10 * x for x in ragged]


@each_cell
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("initial_state", ["zeros", "learned"])
def test_quantities_are_those_of_the_equations(spread, cell, activation, initial_state):
    model = model_for(spread, cell=cell, activation=activation, initial_state=initial_state)
    p, found = layer_weights(model, 0), gate_activations(model, spread)
    for i, x in enumerate(spread):
        if cell == "layernorm":  # the units of X are not in the weights
            x = reference.entry(part(model.weights_, "input."), x)
        wanted = expected(p, cell, activation, x)
        assert list(found) == list(wanted)
        for name, values in wanted.items():
            assert found[name][i].shape == (len(x), 5)
            assert relative_error(found[name][i], values) < 1e-11, name


@each_cell
@pytest.mark.parametrize("merge_mode", ["concat", "sum"])
@pytest.mark.parametrize("residual", [False, True])
def test_any_layer_and_direction(spread, cell, merge_mode, residual):
    options = {"cell": cell, "bidirectional": True, "merge_mode": merge_mode, "residual": residual}
    model = model_for(spread, hidden_size=(4, 4) if residual else (4, 3), **options)
    weights = {name: value.astype(np.float64) for name, value in model.weights_.items()}
    for layer, above in ((0, -2), (1, -1)):
        for direction in ("forward", "reverse"):
            found = gate_activations(model, spread, layer=layer, direction=direction)
            same = gate_activations(model, spread, layer=above, direction=direction)
            p = layer_weights(model, layer)
            for i, x in enumerate(spread):
                x = reference.entry(part(weights, "input."), x) if "input.scale" in weights else x
                if layer:
                    x, _ = reference.layer(layer_weights(model, 0), x, **options)
                if direction == "forward":
                    wanted = expected(p, cell, "tanh", x)
                else:
                    wanted = {k: v[::-1] for k, v in expected(part(p, "reverse."), cell, "tanh", x[::-1]).items()}
                for name, values in wanted.items():
                    assert relative_error(found[name][i], values) < 1e-11, name
                    np.testing.assert_array_equal(found[name][i], same[name][i])


@each_cell
def test_the_last_hidden_state_is_what_encode_returns(spread, cell):
    model = model_for([x.astype(np.float32) for x in spread], cell=cell)
    found = gate_activations(model, spread)
    assert all(values.dtype == np.float32 for values in found.values())
    # Prediction and training take different paths through the kernels, within rounding.
    np.testing.assert_allclose([h[-1] for h in found["h"]], model.encode(spread), rtol=1e-4, atol=1e-6)


def test_forms_of_X_give_the_same_bits(rng):
    X = rng.normal(size=(6, 5, 3))
    model = model_for(X)
    wanted = gate_activations(model, X)
    for form in (list(X), Sequences.from_list(X), X.reshape(6, 15)):
        model.set_params(n_channels=3)
        for name, values in gate_activations(model, form).items():
            np.testing.assert_array_equal(values.values, wanted[name].values)


def test_ids_are_those_of_X(rng):
    X = Sequences(rng.normal(size=(5, 2)), [0, 2, 5], ids=["b", "a"], channel_names=["v", "w"])
    model = LSTMRegressor(2, pooling="attention", max_iter=1).fit(X, [0.0, 1.0])
    assert all(values.ids.tolist() == ["b", "a"] for values in gate_activations(model, X).values())
    assert attention_weights(model, X).ids.tolist() == ["b", "a"]
    attributions = integrated_gradients(model, X[::-1]).attributions
    assert (attributions.ids.tolist(), attributions.channel_names) == (["a", "b"], ["v", "w"])


def test_many_sequences_are_run_in_groups(spread, monkeypatch):
    model = model_for(spread)
    whole = gate_activations(model, spread)
    monkeypatch.setattr(forward_pass.groups, "__defaults__", (6,))
    parts = [(part.start, part.stop) for part in forward_pass.groups([3, 1, 5, 1, 9, 2, 2, 2, 1])]
    assert parts == [(0, 2), (2, 4), (4, 5), (5, 8), (8, 9)]
    for name, values in gate_activations(model, spread).items():
        np.testing.assert_allclose(values.values, whole[name].values, rtol=1e-12)


def test_models_of_any_kind(rng, ragged):
    coded = [np.column_stack([rng.integers(3, size=len(x)), x[:, 0]]) for x in ragged]
    model = LSTMClassifier(4, categorical_features=[0], max_iter=2, return_sequences=True, random_state=0)
    model.fit(coded, [(x[:, 1] > 0).astype(int) for x in coded])
    x = coded[2]
    wanted = expected(layer_weights(model, 0), "lstm", "tanh", _entered(model, x))
    assert relative_error(gate_activations(model, [x])["c"][0], wanted["c"]) < 1e-11


def _entered(model, x):
    codes = x.copy()
    codes[:, 0] += 1  # rows of the table begin with that of the unknown
    return reference.entry(part(model.weights_, "input."), codes) if "input.scale" in model.weights_ else codes


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": 2}, ["layer must be an int from -2 to 1", "got 2"]),
        ({"layer": -3}, ["from -2 to 1"]),
        ({"layer": 0.0}, ["layer must be an int"]),
        ({"direction": "reverse"}, ["bidirectional models", "bidirectional=True"]),
        ({"direction": "backward"}, ["'direction' parameter", "'forward'"]),
    ],
)
def test_bad_options_are_refused(spread, options, words):
    model = model_for(spread, num_layers=2)
    before = state_of(model)
    for word in words:
        with pytest.raises(ValueError, match=word):
            gate_activations(model, spread, **options)
    assert state_of(model) == before


def test_other_estimators_and_bad_X_are_refused(spread):
    model = model_for(spread)
    with pytest.raises(TypeError, match="gate_activations needs a fitted LSTMClassifier or LSTMRegressor, got Pipeline"):
        gate_activations(make_pipeline(model), spread)
    with pytest.raises(ValueError, match="not fitted"):
        gate_activations(LSTMRegressor(), spread)
    with pytest.raises(ValueError, match="2 channels per step"):
        gate_activations(model, [x[:, :2] for x in spread])
