"""The orders in which other packages keep the gates of a cell."""

import numpy as np

from ..network.cells import CELLS

# Package -> kind of cell -> letters of `Cell.gates` in its order. ONNX calls the candidate of the LSTM c and that of the GRU h.
ORDERS = {
    "onnx": {"lstm": "iofg", "gru": "zrn", "rnn": ""},
    "torch": {"lstm": "ifgo", "gru": "rzn", "rnn": ""},
    "keras": {"lstm": "ifgo", "gru": "zrn", "rnn": ""},
}


def gates_in_order(columns, cell, letters):
    """The blocks of H columns, one for each gate of a cell, in another order.

    Parameters
    ----------
    columns : ndarray of shape (..., n_gates H)
        In the order of ``CELLS[cell].gates``.
    cell : str
    letters : str
        Gates in the order of the result; empty for a cell without gates.

    Returns
    -------
    ndarray of shape (..., len(letters) H)
    """
    return _blocks(columns, CELLS[cell].gates, letters)


def gates_from_order(columns, cell, letters):
    """The inverse of `gates_in_order`: blocks in the order `letters` to that of the cell."""
    return _blocks(columns, letters, CELLS[cell].gates)


def _blocks(columns, given, wanted):
    if not wanted:
        return columns
    blocks = np.split(columns, len(given), axis=-1)
    return np.concatenate([blocks[given.index(letter)] for letter in wanted], axis=-1)
