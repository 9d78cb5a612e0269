"""Optimisers on the flat parameter vector, in order of increasing complexity.

An optimiser is an immutable object with ``init(theta) -> state``, a dict of arrays and numbers, and
``step(theta, grad, state, rate, grad_scale, momentum)``, which updates theta and the state in place. `rate` is the step size and
`momentum`, where a schedule sets it, takes the place of the optimiser's own.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _optim
from .descent import descend


class StepOptimizer:
    """Base of the optimisers that take a step on each minibatch."""

    weight_decay = 0.0

    def run(self, gradient, state, plan, end_epoch):
        """Run the epochs of a plan, as `descend`."""
        descend(gradient, self, state, plan, end_epoch)


@dataclass(frozen=True)
class SGD(StepOptimizer):
    """Gradient descent with (Nesterov's) momentum, ``v = momentum v - lr g``.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep learning".
    """

    momentum: float
    nesterov: bool

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def step(self, theta, grad, state, rate, grad_scale, momentum=None):
        momentum = self.momentum if momentum is None else momentum
        _optim.step("sgd", theta, grad, state, rate, grad_scale, {"momentum": momentum, "nesterov": self.nesterov})


@dataclass(frozen=True)
class RMSprop(StepOptimizer):
    """Gradient descent on gradients divided by their root mean square. It has no momentum.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: divide the gradient by a running average of its recent magnitude".
    """

    rho: float
    epsilon: float

    def init(self, theta):
        return {"v": np.zeros_like(theta)}

    def step(self, theta, grad, state, rate, grad_scale, momentum=None):
        _optim.step("rmsprop", theta, grad, state, rate, grad_scale, {"rho": self.rho, "epsilon": self.epsilon})


@dataclass(frozen=True)
class Adam(StepOptimizer):
    """Adam, with bias-corrected moments; with `weight_decay` AdamW, whose weights the loop shrinks before the step.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1, arXiv:1412.6980. Its epsilon is
    added to the corrected root, as in PyTorch; scikit-learn's MLP and Keras add it to the uncorrected one.
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", arXiv:1711.05101.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float = 0.0

    def init(self, theta):
        return {"m": np.zeros_like(theta), "v": np.zeros_like(theta), "t": 0}

    def step(self, theta, grad, state, rate, grad_scale, momentum=None):
        state["t"] += 1
        beta_1 = self.beta_1 if momentum is None else momentum
        rates = {"t": state["t"], "beta_1": beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        _optim.step("adam", theta, grad, state, rate, grad_scale, rates)
