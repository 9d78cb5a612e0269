"""Averages of weights over the steps of a fit: prototypes, which take the place of functions of the training loop."""

from contextlib import contextmanager
from unittest.mock import patch

from sklstm.training import loop
from sklstm.training.optimizers import Adam


@contextmanager
def mean_of_last_epochs(share):
    """Fits end with the mean of the weights after each of the last epochs, which are this share of all (SWA).

    References
    ----------
    Izmailov, Podoprikhin, Garipov, Vetrov and Wilson (2018), "Averaging weights leads to wider optima and better generalization".
    """
    total, update_best = _Sum(), loop.update_best

    def add(state, config, *arguments):
        update_best(state, config, *arguments)
        if state.n_epochs - state.first_epoch > (1 - share) * config.max_iter:
            total.add(state.theta)

    with patch.object(loop, "update_best", add), _ending_with(total):
        yield


@contextmanager
def moving_average(decay):
    """Fits end with the exponential moving average of the weights after each step of Adam (EMA)."""
    average = _MovingAverage(decay)
    with after_each_step(average.add), _ending_with(average):
        yield


def after_each_step(call):
    """Fits call a function with theta after each step of Adam."""
    bind = Adam.bind

    def followed(optimizer, theta, *arguments):
        return _FollowedStep(bind(optimizer, theta, *arguments), lambda: call(theta))

    return patch.object(Adam, "bind", followed)


class _FollowedStep:
    """A step of an optimiser with a call after it."""

    def __init__(self, step, call):
        self.norm, self._step, self._call = step.norm, step, call

    def take(self, *arguments):
        self._step.take(*arguments)
        self._call()


def _ending_with(average):
    """Fits end with the mean of an average, which starts again then."""
    finish = loop._finish

    def replace(state, *arguments):
        if average.n:
            state.theta[:] = average.mean()
            average.start()
        return finish(state, *arguments)

    return patch.object(loop, "_finish", replace)


class _Sum:
    def __init__(self):
        self.start()

    def start(self):
        self.n, self.total = 0, 0.0

    def add(self, theta):
        self.total = self.total + theta
        self.n += 1

    def mean(self):
        return self.total / self.n


class _MovingAverage:
    def __init__(self, decay):
        self.decay = decay
        self.start()

    def start(self):
        self.n, self.average = 0, 0.0

    def add(self, theta):
        self.average = self.decay * self.average + (1 - self.decay) * theta
        self.n += 1

    def mean(self):
        return self.average / (1 - self.decay**self.n)  # as Adam corrects its moments for the start at 0
