"""Buffers of an input layer and the recurrent layers above it, and the stages that are bound to them."""

from .dropout import Dropout
from .workspace import aligned_empty


class StackWorkspace:
    """What is below the head of a network, with every buffer that it writes, for batches of up to some size.

    Parameters
    ----------
    network : Network
    n_sequences, n_rows : int
        Largest size of a batch.
    dtype : dtype
    carries : bool, default=False
        Whether batches can be chunks of longer sequences, or other stages write the states that they begin with.
    of_input : bool, default=False
        Whether the backward pass computes the gradient with respect to the channels too.

    Attributes
    ----------
    values : ndarray of shape (n_rows, input_size)
        For the packed channels of a batch.
    dvalues : ndarray of shape (n_rows, input_size) or None
        Their gradient, where it is wanted.
    static : StaticWorkspace or None
        Of static features.
    layers : list of workspaces
        Of each layer, with the outputs of every step `y`.
    head_dropout : Dropout or None
        Of what the head reads.
    """

    hides_codes = True  # whether training replaces some categories by the unknown one

    def __init__(self, network, n_sequences, n_rows, dtype, *, carries=False, of_input=False):
        layers = network.layers
        self.network, self.n_sequences, self.n_rows = network, n_sequences, n_rows
        self.values = aligned_empty((n_rows, network.input_size), dtype)
        self.dvalues = aligned_empty((n_rows, network.input_size), dtype) if of_input else None
        self.input = None if network.input_layer is None else network.input_layer.workspace(n_sequences, n_rows, dtype)
        n_sums = n_sequences if network.returns_sequences else 0
        self.static = None if network.static is None else network.static.workspace(n_sequences, n_sums, dtype)
        self.layers = [layer.workspace(n_sequences, n_rows, dtype, carries=carries) for layer in layers]
        # dx[k]: gradient with respect to the input of layer k; that of the first is the network's own without an input layer.
        self.dx = [aligned_empty((n_rows, layer.input_size), dtype) for layer in layers[1:]]
        entry = network.input_layer
        wanted = entry is not None and (of_input or network.categories or entry.decays)
        self.dx.insert(0, aligned_empty((n_rows, layers[0].input_size), dtype) if wanted else None)
        self.dropouts, self.head_dropout, self.recurrent_masks = [None] * len(layers), None, [None] * len(layers)
        if network.dropout:
            self.dropouts[1:] = [Dropout(network.dropout, n_rows, layer.input_size, dtype) for layer in layers[1:]]
        if network.recurrent_dropout:
            self.recurrent_masks = [
                [aligned_empty((n_sequences, layer.state_sizes[0]), dtype) for _ in layer.directions] for layer in layers
            ]

    def bind_stack(self, theta, params, dy, d_end, **of_states):
        """The stages in the order of the forward pass, of which the last is that of the last layer, and its outputs.

        Parameters
        ----------
        theta : ndarray of shape (n_params,)
        params : dict of str to dict of str to ndarray
            Of each part, views of theta.
        dy, d_end : ndarray or None
            Gradients of the last layer's outputs, as in `RecurrentLayer.bind`.
        **of_states
            Further arguments of `RecurrentLayer.bind`: for each a list with an entry for each layer.
        """
        stages, x = [], None
        if self.static is not None:
            stages.append(self.static.bind(theta, params["static"], self.network.static))
        if self.input is not None:
            stages.append(self.network.input_layer.bind(theta, params["input"], self.input, self.dx[0]))
            x = self.input.x
        for k, layer in enumerate(self.network.layers):
            is_last = k + 1 == len(self.layers)
            gradients = {"dy": dy if is_last else self.dx[k + 1], "d_end": d_end if is_last else None, "dx": self.dx[k]}
            if self.static is not None:
                gradients["static"] = self.static.s, self.static.ds
            gradients |= {name: values[k] for name, values in of_states.items()}
            dropout = None if self.dropouts[k] is None else self.dropouts[k].bind(theta, x, self.dx[k])
            p, ws = params[f"layer_{k}"], self.layers[k]
            stages.append(layer.bind(theta, p, ws, x, dropout=dropout, masks=self.recurrent_masks[k], **gradients))
            x = ws.y
        return stages, x
