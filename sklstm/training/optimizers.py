"""Optimisers on the flat parameter vector, in order of increasing complexity.

An optimiser is an immutable object with ``init(theta) -> state``, a dict of arrays and ints, and
``bind(theta, grad, state, decayed) -> step``, a kernel (`_optim.Step`) whose ``take(rate, grad_scale, momentum)`` updates theta
and the state in place. `rate` is the step size and `momentum`, where a schedule sets it, takes the place of the optimiser's own.
Before each step, weights shrink by its `weight_decay`: those views of theta that are `decayed`.

A new optimiser of minibatches is a class and an entry of SOLVERS here, and an entry with its loop in _kernels/optim_impl.h.
"""

from dataclasses import dataclass

import numpy as np

from .._kernels import _optim


class Optimizer:
    """Facts about an optimiser.

    Attributes
    ----------
    weight_decay : float
        Decay of the weights that takes the place of the L2 penalty.
    needs_all_samples : bool
        Whether a step is taken on all samples at once, and of the same function at every call.
    """

    weight_decay = 0.0
    needs_all_samples = False


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with (Nesterov's) momentum, ``v = momentum v - lr g``.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization and momentum in deep learning".
    """

    momentum: float
    nesterov: bool

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def bind(self, theta, grad, state, decayed=()):
        rates = {"momentum": self.momentum, "nesterov": self.nesterov}
        return _optim.Step("sgd", theta, grad, state, rates, "momentum")


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Gradient descent on gradients divided by their root mean square. It has no momentum.

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5: divide the gradient by a running average of its recent magnitude".
    """

    rho: float
    epsilon: float

    def init(self, theta):
        return {"v": np.zeros_like(theta)}

    def bind(self, theta, grad, state, decayed=()):
        return _optim.Step("rmsprop", theta, grad, state, {"rho": self.rho, "epsilon": self.epsilon})


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam, with bias-corrected moments; with `weight_decay` AdamW, whose weights shrink before the step.

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

    def bind(self, theta, grad, state, decayed=()):
        rates = {"beta_1": self.beta_1, "beta_2": self.beta_2, "epsilon": self.epsilon}
        return _optim.Step("adam", theta, grad, state, rates, "beta_1", decayed, self.weight_decay)


@dataclass(frozen=True)
class LBFGS(Optimizer):
    """Quasi-Newton steps with a line search. An iteration is an epoch; there is no learning rate and no minibatch.

    References
    ----------
    Byrd, Lu, Nocedal and Zhu (1995), "A limited memory algorithm for bound constrained optimization", SIAM Journal on
    Scientific Computing 16(5).
    """

    needs_all_samples = True

    def init(self, theta):
        return {}


# Name -> function of an object with hyper-parameters, such as an estimator, that returns the optimiser they describe.
SOLVERS = {
    "sgd": lambda e: SGD(e.momentum, e.nesterovs_momentum),
    "rmsprop": lambda e: RMSprop(e.rho, e.epsilon),
    "adam": lambda e: Adam(e.beta_1, e.beta_2, e.epsilon),
    "adamw": lambda e: Adam(e.beta_1, e.beta_2, e.epsilon, weight_decay=e.alpha),
    "lbfgs": lambda e: LBFGS(),
}
