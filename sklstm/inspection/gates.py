"""What the units of a layer do at each step."""

import reprlib

import numpy as np

from .._kernels._pack import unpack
from ..compat import StrOptions, validate_params
from ..estimators.documentation import document
from ..network import CELLS
from ..parallel import single_threaded_blas
from ..sequences import Sequences
from .fitted import fitted_network
from .forward_pass import ForwardPass, groups


@document()
@validate_params({"direction": [StrOptions({"forward", "reverse"})]}, prefer_skip_nested_validation=True)
def gate_activations(estimator, X, *, layer=-1, direction="forward"):
    """Record the gates and states of every unit of a layer, at every step.

    Parameters
    ----------
    estimator : LSTMClassifier or LSTMRegressor
        Fitted.
    <<X>>
    layer : int, default=-1
        Number of the recurrent layer: 0 is the first, -1 the last.
    direction : {"forward", "reverse"}, default="forward"
        Direction of a bidirectional model: from the first step to the last, or from the last to the first.

    Returns
    -------
    dict of str to Sequences
        Values of each quantity for every unit and step of X, in the dtype of the model: ``i``, ``f``, ``g`` and ``o``
        (input, forget and output gate, candidate g) of LSTMs, without ``i``, which is 1 - f, for ``cell="coupled"``; ``r``, ``z``
        and ``n`` (reset and update gate, candidate n) of GRUs; ``c``, the cell state, of LSTMs; and ``h``, the hidden state, of
        `proj_size` values where that is not 0.
        Values of the reverse direction at a step are those after it has read the sequence from its end to this step.

    Raises
    ------
    TypeError
        If the estimator is of another type.
    ValueError
        If X does not fit the estimator, or if the layer or direction does not exist.

    See Also
    --------
    GateDisplay : Plot of these values.
    sklstm.LSTMClassifier.encode : The last hidden states.

    Notes
    -----
    The equations of the cells are in the notes of :class:`~sklstm.LSTMClassifier`. States are those of the cell, before a
    residual layer adds its input and before directions are merged. Memory holds up to six values per unit and step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklstm import LSTMClassifier
    >>> from sklstm.inspection import gate_activations
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> model = LSTMClassifier(4, max_iter=3, random_state=0).fit(X, X[:, 0, 0] > 0)
    >>> gates = gate_activations(model, [X[0], X[1, :3]])
    >>> list(gates)
    ['i', 'f', 'g', 'o', 'c', 'h']
    >>> gates["f"]
    Sequences(2 sequences of 3 to 6 steps, 4 channels, float64)
    """
    network, theta = fitted_network(estimator, "gate_activations")
    n_layers = len(network.layers)
    if not isinstance(layer, (int, np.integer)) or not -n_layers <= layer < n_layers:
        got = reprlib.repr(layer)
        raise ValueError(f"layer must be an int from {-n_layers} to {n_layers - 1}, for a model of {n_layers}, got {got}.")
    if direction == "reverse" and not network.bidirectional:
        raise ValueError("direction='reverse' is for bidirectional models. Leave it out, or fit with bidirectional=True.")
    sequences = estimator._read_fitted(X)
    with single_threaded_blas():
        return _recorded(network, theta, sequences, range(n_layers)[layer], ("forward", "reverse").index(direction))


def _recorded(network, theta, sequences, index, k):
    """Name -> values at every step, of direction k of a layer."""
    forward_pass, cell, layer = ForwardPass(network, theta), CELLS[network.cell], network.layers[index]
    prefix, H = layer.directions[k], layer.hidden_size
    names = [*cell.gates, *"ch"[2 - layer.n_states :]]
    sizes = dict.fromkeys(names, H) | {"h": layer.state_sizes[0]}
    out = {name: np.empty((len(sequences.values), sizes[name]), theta.dtype) for name in names}
    for part in groups(sequences.lengths):
        packed = forward_pass.forward(sequences, np.arange(part.start, part.stop))
        ws, n = forward_pass.workspace.layers[index], packed.n_rows
        gates = ws.gates[k][:n]
        if cell.restore_gates:
            p = forward_pass.params[f"layer_{index}"]
            gates = cell.restore_gates(gates, p[prefix + cell.extra.name], p[f"{prefix}b"], network.activation)
        blocks = [gates[:, j * H : (j + 1) * H] for j in range(len(cell.gates))]
        states = [ws.c[k][:n], ws.h[k][:n]][2 - layer.n_states :]
        for name, values in zip(names, blocks + states, strict=True):
            unpack(packed.starts, sequences.offsets[packed.order], np.ascontiguousarray(values), out[name])
    return {name: Sequences(values, sequences.offsets, ids=sequences.ids) for name, values in out.items()}
