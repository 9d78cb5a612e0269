"""Keras: models with the weights of estimators predict the same, and estimators with the weights of Keras."""

import os
from functools import partial

import numpy as np
import openvino
import pytest
from clients.easy import MARKS, D, classifier, problem, regressor

from sklstm.export import from_keras_weights, keras_weights

pytestmark = [*MARKS, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]  # of Keras' variables

os.environ["KERAS_BACKEND"] = "openvino"  # the smallest that predicts
# Which would compute in bfloat16 where the processor has that.
openvino.compile_model = partial(openvino.compile_model, config={"INFERENCE_PRECISION_HINT": "f32"})
keras = pytest.importorskip("keras")
layers = keras.layers

X, LABELS, RISE = problem(60)
X = X.astype(np.float32)
CELLS = {
    "lstm": lambda units, **options: layers.LSTM(units, **options),
    "gru": lambda units, **options: layers.GRU(units, **options),
    "gru_reset_before": lambda units, **options: layers.GRU(units, reset_after=False, **options),
    "rnn": lambda units, **options: layers.SimpleRNN(units, **options),
}
DIRECTIONS = {
    "one": ({}, lambda layer: layer),
    "concat": ({"bidirectional": True}, lambda layer: layers.Bidirectional(layer)),
    "sum": ({"bidirectional": True, "merge_mode": "sum"}, lambda layer: layers.Bidirectional(layer, merge_mode="sum")),
}
POOLINGS = {"last": [], "mean": [layers.GlobalAveragePooling1D], "max": [layers.GlobalMaxPooling1D]}


def model_of(cell, units, directions="one", pooling="last", activation="tanh", head=("softmax", 3), **options):
    make, (_, wrap), above = CELLS[cell], DIRECTIONS[directions], [pool() for pool in POOLINGS[pooling]]
    stack = [
        wrap(make(n, activation=activation, return_sequences=k < len(units) - 1 or bool(above), **options))
        for k, n in enumerate(units)
    ]
    return keras.Sequential([keras.Input((None, D)), *stack, *above, layers.Dense(head[1], head[0])])


def predicted(model, X):
    return np.asarray(model.predict(X, verbose=0))


@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize("cell", CELLS)
def test_keras_predicts_what_the_estimator_does(cell, directions):
    for pooling, activation in (("last", "tanh"), ("mean", "relu"), ("max", "tanh")):
        options = {"cell": cell, "pooling": pooling, "activation": activation, "hidden_size": (4, 5)} | DIRECTIONS[directions][0]
        ours = classifier(max_iter=2, **options).fit(X, np.arange(len(X)) % 3)
        theirs = model_of(cell, (4, 5), directions, pooling, activation)
        theirs.set_weights(keras_weights(ours))
        np.testing.assert_allclose(predicted(theirs, X), ours.predict_proba(X), atol=1e-6)
        kept = {name: value for name, value in options.items() if name not in ("cell", "hidden_size")}
        back = from_keras_weights(theirs.get_weights(), **kept)
        assert back.cell == cell
        for name, view in ours.weights_.items():
            np.testing.assert_array_equal(back.weights_[name], view)


def test_attention_and_embeddings():
    codes = np.arange(300).reshape(60, 5) % 7
    ours = classifier(max_iter=2, pooling="attention", categorical_features="all").fit(list(codes), LABELS)
    table, *weights = keras_weights(ours)
    x = keras.Input((None,))
    y = layers.LSTM(4, return_sequences=True)(layers.Embedding(*table.shape)(x))
    alpha = layers.Softmax(axis=1)(layers.Dense(1, use_bias=False)(layers.Dense(4, "tanh")(y)))
    pooled = layers.Lambda(lambda parts: keras.ops.sum(parts[0] * parts[1], axis=1), output_shape=(4,))([alpha, y])
    theirs = keras.Model(x, layers.Dense(1, "sigmoid")(pooled))
    theirs.set_weights([table, *weights])
    # Row 0 of the table is that of unknown values.
    np.testing.assert_allclose(predicted(theirs, codes + 1)[:, 0], ours.predict_proba(list(codes))[:, 1], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_models_of_keras_become_estimators(cell):
    keras.utils.set_random_seed(0)
    for use_bias in (True, False):
        theirs = model_of(cell, (4,), use_bias=use_bias)
        ours = from_keras_weights(theirs.get_weights(), classes=["z", "x", "y"], **({} if use_bias else {"cell": cell}))
        np.testing.assert_allclose(ours.predict_proba(X)[:, [2, 0, 1]], predicted(theirs, X), atol=1e-6)


def test_two_classes_a_table_of_vectors_and_a_regressor():
    keras.utils.set_random_seed(0)
    theirs = model_of("gru", (4,), "concat", head=("sigmoid", 1))
    ours = from_keras_weights(theirs.get_weights(), bidirectional=True, classes=["falls", "rises"])
    np.testing.assert_allclose(ours.predict_proba(X)[:, 1], predicted(theirs, X)[:, 0], atol=1e-6)
    theirs = model_of("lstm", (3, 3), head=("linear", 2))
    regressed = from_keras_weights(theirs.get_weights(), type(regressor()))
    np.testing.assert_allclose(regressed.predict(X), predicted(theirs, X), atol=1e-6)
    codes = np.arange(40).reshape(8, 5) % 6
    theirs = keras.Sequential([keras.Input((None,)), layers.Embedding(6, 3), layers.LSTM(4), layers.Dense(3, "softmax")])
    ours = from_keras_weights(theirs.get_weights(), categories=list("abcdef"))
    words = [[list("abcdef")[code] for code in row] for row in codes]
    np.testing.assert_allclose(ours.predict_proba(words), predicted(theirs, codes), atol=1e-6)
