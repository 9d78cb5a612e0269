"""Fitted models as modules of PyTorch."""

import warnings

import numpy as np

from ...estimators.base import BaseRecurrent
from ...estimators.copies import for_prediction
from ...estimators.structured import transitions
from ...inspection.fitted import fitted_network
from ...network import LOSSES
from ..entries import arrays_to_other
from .names import CLASSES, entries_of, has_module, places_of_layers


def to_torch(model):
    """Return a fitted model as a module of PyTorch, which must be installed.

    Parameters
    ----------
    model : LSTMClassifier or LSTMRegressor
        Fitted, with any cell and any other option.

    Returns
    -------
    torch.nn.Module
        In evaluation mode, in the dtype of the model, on the CPU, with

        - ``module(x, lengths=None, static=None)``, the scores of a batch of padded sequences (N, T, n_channels), or of a
          PackedSequence: log-odds or logits of classes, or what the loss of a regressor compares with y;
        - ``module.outputs(x, lengths=None, static=None)``, what they mean: the columns of `predict_proba` of a classifier or of
          `predict` of a regressor;
        - ``module.read(X)``, these arguments for any X that the model takes, such as one with categories or times.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model is of another class.

    Warns
    -----
    UserWarning
        If PyTorch has no such cell or activation, so that the module computes one step after the other in Python, which is slow.

    See Also
    --------
    to_state_dict : The weights alone, which the module has under the same names, without PyTorch.
    from_state_dict : The reverse, such as ``from_state_dict(module.state_dict(), model)`` after further training.

    Notes
    -----
    The weights take X in the units of the data. Dropout before layers and the head works in training mode; recurrent dropout and
    the hiding of inputs and categories, which have no effect on predictions, are not part of the module. The temperature of a
    classifier is contained in the weights.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklstm import LSTMRegressor
    >>> from sklstm.export import to_torch
    >>> X = np.random.default_rng(0).normal(size=(50, 20, 2))
    >>> model = LSTMRegressor(8, max_iter=2, random_state=0).fit(X, X[:, :, 0].sum(axis=1))
    >>> module = to_torch(model)
    >>> bool(np.allclose(module.outputs(torch.from_numpy(X)).detach(), model.predict(X)))
    True
    """
    network, theta = fitted_network(model, "to_torch", BaseRecurrent)
    try:
        import torch

        from .modules import OutputTransform, RecurrentNetwork
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch. to_state_dict returns the weights without it.") from error
    if not has_module(network):
        known = ", ".join(f"cell={cell!r}, activation={'/'.join(names)}" for cell, (_, names) in CLASSES.items())
        warnings.warn(
            f"torch.nn has no recurrent layer with cell={network.cell!r} and activation={network.activation!r}, only {known}: the"
            " module computes step by step in Python, which is slow.",
            UserWarning,
            stacklevel=2,
        )
    allowed = np.isfinite(transitions(model)) if "crf" in network.parts else None
    reader = for_prediction(model)
    reader._theta = theta[:0].copy()  # which tells the dtype
    with torch.random.fork_rng(devices=[]):  # whose initial weights are overwritten
        module = RecurrentNetwork(network, allowed, OutputTransform(*_output_transform(model, network)), reader)
        module = module.to(torch.from_numpy(theta).dtype)
    state = arrays_to_other(entries_of(network, places_of_layers(network, "rnn."), "head."), network.layout.views(theta))
    module.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return module.eval()


def _output_transform(model, network):
    """Loss, columns and components, as `OutputTransform` has them."""
    name, attributes = model._network_spec["loss"], vars(model)
    n_targets = attributes.get("_n_targets", 0)
    n_components = network.output_size // (1 + 2 * n_targets) if LOSSES[name].distribution else 0
    ranks = attributes.get("_quantile_ranks")
    columns = 0 if attributes.get("_one_dimensional") and ranks is None else None
    return name, columns if ranks is None else ranks.tolist(), n_components
