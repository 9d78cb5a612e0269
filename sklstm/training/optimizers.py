"""Optimisers on the flat parameter vector, in order of increasing complexity.

An optimiser is an immutable object with ``init(theta) -> state``, a dict of arrays and numbers, and
``step(theta, grad, state, grad_scale)``, which updates theta and the state in place.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _optim


@dataclass(frozen=True)
class SGD:
    """Gradient descent with (Nesterov's) momentum, ``v = momentum v - lr g``.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep learning".
    """

    learning_rate: float
    momentum: float
    nesterov: bool

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def step(self, theta, grad, state, grad_scale):
        _optim.sgd_step(theta, grad, state["velocity"], self.learning_rate, grad_scale, self.momentum, self.nesterov)


@dataclass(frozen=True)
class Adam:
    """Adam, with bias-corrected moments.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1, arXiv:1412.6980. Its epsilon is
    added to the corrected root, as in PyTorch; scikit-learn's MLP and Keras add it to the uncorrected one.
    """

    learning_rate: float
    beta_1: float
    beta_2: float
    epsilon: float

    def init(self, theta):
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta), "t": 0}

    def step(self, theta, grad, state, grad_scale):
        state["t"] += 1
        _optim.adam_step(
            theta,
            grad,
            state["m"],
            state["v"],
            state["t"],
            self.learning_rate,
            grad_scale,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
