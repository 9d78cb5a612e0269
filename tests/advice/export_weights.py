"""Advice of messages about weights of other packages."""

import numpy as np
import pytest

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.export import from_keras_weights, from_state_dict, keras_weights, to_state_dict, to_torch

from .case import X, case, classify, regress


def state(prefix="rnn.", **others):
    """Weights of an LSTM of 2 units and of a linear layer with 3 outputs."""
    shapes = {"weight_ih_l0": (8, 2), "weight_hh_l0": (8, 2), "bias_ih_l0": 8, "bias_hh_l0": 8}
    layers = {f"{prefix}{name}": np.ones(shape) for name, shape in shapes.items()}
    return layers | {"head.weight": np.ones((3, 2)), "head.bias": np.ones(3)} | others


class Module:
    """What has a state_dict."""

    def state_dict(self):
        return state()


def module_of(model):
    pytest.importorskip("torch")
    return to_torch(model)


LIST = [np.ones(shape) for shape in [(2, 8), (2, 8), (8,), (2, 3), (3,)]]  # of Keras
OF_GRU = [np.ones(shape) for shape in [(2, 6), (2, 6), (2, 6)]]
KINDS = [np.ones(shape) for shape in [(2, 8), (2, 8), (8,), (2, 6), (2, 6), (6,), (2, 3), (3,)]]
NO_BIAS = [*OF_GRU[:2], np.ones((2, 3)), np.ones(3)]

CASES = [
    # ---- state dicts ----
    case(
        lambda: to_state_dict(classify(cell="peephole")),
        "Use sklstm.export.to_torch, whose module computes this step by step",
        lambda: module_of(classify(cell="peephole")),
    ),
    case(
        lambda: from_state_dict(Module()),
        r"Pass module\.state_dict\(\) of a module",
        lambda: from_state_dict(Module().state_dict()),
    ),
    case(
        lambda: from_state_dict(state(), LSTMClassifier()),
        r"Pass the class, and its hyper-parameters beside it: from_state_dict\(state, LSTMClassifier, pooling=\.\.\.\)",
        lambda: from_state_dict(state(), LSTMClassifier, pooling="mean"),
    ),
    case(
        lambda: from_state_dict(to_state_dict(classify(pooling="last")), classify(pooling="last"), classes=[1, 2]),
        r"classes of a fitted model cannot be changed\. Leave them out, or pass its class to get a new model",
        lambda: from_state_dict(to_state_dict(classify(pooling="last")), classify(pooling="last")),
        lambda: from_state_dict(to_state_dict(classify(pooling="last")), LSTMClassifier, classes=[1, 2]),
    ),
    case(
        lambda: from_state_dict(state() | state("other.")),
        "Name one by rnn, or several in the order in which they read each other, and pass no weights of others",
        lambda: from_state_dict(state() | state("other."), rnn=["rnn", "other"]),
        lambda: from_state_dict(state(), rnn="rnn"),
    ),
    case(
        lambda: from_state_dict(
            state() | {"rnn.weight_ih_l1": np.ones((6, 2)), "rnn.weight_hh_l1": np.ones((6, 2)), "rnn.bias_ih_l1": np.ones(6)}
        ),
        "Pass a network of one kind of layer",
        lambda: from_state_dict(state() | {name.replace("l0", "l1"): array for name, array in state().items()}),
    ),
    case(
        lambda: from_state_dict(state(**{"head.weight": np.ones((3, 4))})),
        "Pass the pooling that the module has, a tuple for several side by side, or merge_mode='sum' where it adds the outputs",
        lambda: from_state_dict(state(**{"head.weight": np.ones((3, 4))}), pooling=("last", "max")),
    ),
    case(
        lambda: from_state_dict(state(more=np.ones(2))),
        "Pass these alone; rnn and head name modules",
        lambda: from_state_dict(state(), rnn="rnn", head="head"),
    ),
    case(
        lambda: from_state_dict(state(**{"more.weight": np.ones((3, 3))})),
        "Name it by head, or a table of vectors by embedding, and pass no weights of others",
        lambda: from_state_dict(state(), head="head"),
        lambda: from_state_dict(state(**{"more.weight": np.ones((5, 2))}), head="head", embedding="more"),
    ),
    # ---- what estimators have ----
    case(
        lambda: from_state_dict(state(**{"head.bias": np.full(3, np.nan)})),
        "Pass weights without NaN or infinity",
        lambda: from_state_dict(state()),
    ),
    case(
        lambda: from_state_dict(state(), categories=["a", "b"]),
        "categories are of a table of vectors before the first layer, but there is none. Leave them out",
        lambda: from_state_dict(state()),
    ),
    case(
        lambda: from_state_dict(state(), LSTMRegressor, loss="auto"),
        "Pass the loss of the network's training, such as loss='squared_error'",
        lambda: from_state_dict(state(), LSTMRegressor, loss="squared_error"),
    ),
    case(
        lambda: from_state_dict(state(), LSTMRegressor, loss="quantile", quantile=[0.1, 0.9]),
        "Pass the parameters of the estimator for this loss",
        lambda: from_state_dict(state(), LSTMRegressor, loss="quantile", quantile=[0.1, 0.5, 0.9]),
    ),
    case(
        lambda: from_state_dict(state(), hidden_size=2),
        r"hidden_size is that of the weights\. Leave it out",
        lambda: from_state_dict(state()),
    ),
    case(
        lambda: from_state_dict(state(), missing="decay"),
        "leave it out, or fit the estimator afresh",
        lambda: from_state_dict(state()),
        lambda: classify(missing="decay"),
    ),
    case(
        lambda: from_state_dict(state(), multilabel=True, classes=[1, 2, 3]),
        "Leave classes out",
        lambda: from_state_dict(state(), multilabel=True),
    ),
    # ---- Keras ----
    case(lambda: from_keras_weights({}), r"Pass model\.get_weights\(\)\.", lambda: from_keras_weights(LIST)),
    case(lambda: from_keras_weights([]), r"Pass model\.get_weights\(\) of such layers", lambda: from_keras_weights(LIST)),
    case(lambda: from_keras_weights(KINDS), "Pass layers of one kind", lambda: from_keras_weights([*LIST[:3], *LIST])),
    case(
        lambda: from_keras_weights(NO_BIAS),
        "Pass cell='gru' for reset_after=True, the default of Keras, or cell='gru_reset_before'",
        lambda: from_keras_weights(NO_BIAS, cell="gru"),
        lambda: from_keras_weights(NO_BIAS, cell="gru_reset_before"),
    ),
    case(lambda: from_keras_weights(LIST, cell="gru"), "Leave cell out", lambda: from_keras_weights(LIST)),
    case(lambda: from_keras_weights(LIST[:3]), "Pass the weights of the whole model", lambda: from_keras_weights(LIST)),
    case(lambda: from_keras_weights([*LIST, LIST[4]]), "Pass weights of these layers alone", lambda: from_keras_weights(LIST)),
    case(
        lambda: from_keras_weights([*OF_GRU, np.ones((4, 3)), np.ones(3)]),
        "Pass the pooling that the model has, bidirectional=True or merge_mode='sum', or weights of such layers alone",
        lambda: from_keras_weights([*OF_GRU, np.ones((4, 3)), np.ones(3)], pooling=("last", "max")),
        lambda: from_keras_weights([*OF_GRU, *OF_GRU, np.ones((4, 3)), np.ones(3)], bidirectional=True),
        lambda: from_keras_weights([*OF_GRU, np.ones((2, 3)), np.ones(3)]),
    ),
    case(
        lambda: keras_weights(regress(X, cell="peephole")),
        "Use to_torch or to_onnx",
        lambda: module_of(regress(X, cell="peephole")),
    ),
]
