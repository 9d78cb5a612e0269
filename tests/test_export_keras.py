"""Weights of Keras that more than one cell may have, and cells that are not those of the weights."""

import numpy as np
import pytest

from sklstm.export import from_keras_weights, keras_weights

H = 4
N_BLOCKS = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "rnn": 1}


def weights_of(*cells, bias=True):
    """Weights of layers of some cells, and of a Dense of three outputs."""
    rng, arrays, n_channels = np.random.default_rng(0), [], 2
    for cell in cells:
        n = N_BLOCKS[cell] * H
        shapes = [(n_channels, n), (H, n), *([(2, n) if cell == "gru" else (n,)] if bias else [])]
        arrays, n_channels = arrays + [rng.normal(size=shape) for shape in shapes], H
    return [*arrays, rng.normal(size=(H, 3)), rng.normal(size=3)]


@pytest.mark.parametrize("cell", N_BLOCKS)
def test_layers_without_biases_are_those_with_biases_of_zero(cell):
    """The weights of a GRU do not say which one it is."""
    options = {"cell": cell} if cell.startswith("gru") else {}
    model = from_keras_weights(weights_of(cell, cell, bias=False), **options)
    assert model.cell == cell
    whole = weights_of(cell, cell)
    zeros = [np.zeros_like(a) if k in (2, 5) else a for k, a in enumerate(whole)]
    kernels = iter(weights_of(cell, cell, bias=False))
    expected = from_keras_weights([array if k in (2, 5) else next(kernels) for k, array in enumerate(zeros)])
    X = np.random.default_rng(1).normal(size=(5, 7, 2))
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    assert len(keras_weights(model)) == len(whole)


REFUSED = {
    "ambiguous": (weights_of("gru", bias=False), {}, r"do not tell reset_after.*cell='gru'.*cell='gru_reset_before'"),
    "other cell": (weights_of("gru"), {"cell": "peephole"}, r"cell must be one of 'lstm', 'gru'.*got 'peephole'"),
    "no text": (weights_of("gru"), {"cell": ["gru"]}, r"cell must be one of .*got \['gru'\]"),
    "other shapes": (weights_of("gru"), {"cell": "gru_reset_before"}, "has weights of other shapes: these are of cell='gru'"),
    "other gates": (weights_of("lstm"), {"cell": "gru"}, "these are of cell='lstm'. Leave cell out"),
    "two cells": (weights_of("lstm", "gru"), {}, r"The layers have cell=\['gru', 'lstm'\]"),
}


@pytest.mark.parametrize(("weights", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_cells_that_are_not_those_of_the_weights_are_refused(weights, options, message):
    with pytest.raises(ValueError, match=message):
        from_keras_weights(weights, **options)
