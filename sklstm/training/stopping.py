"""When to stop, and which weights were the best."""

import numpy as np


class Stopping:
    """Follows one number per epoch and says when it has ceased to improve.

    Parameters
    ----------
    sign : {1, -1}
        1 if more is better (a score), -1 if less is (a loss).
    tol : float
        Improvements up to this count as none.
    n_iter_no_change : int or inf
        Epochs without improvement after which to stop is more than this many, as in scikit-learn's MLP.

    Attributes
    ----------
    best : float
        Best value so far, with its sign undone.
    best_theta : ndarray or None
        Weights after that epoch.
    """

    def __init__(self, sign, tol, n_iter_no_change, theta):
        self.sign = sign
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.best = -sign * np.inf
        self.best_theta = theta.copy()
        self._since = 0

    def update(self, value, theta):
        """Take in the value of one epoch; whether to stop now."""
        # A value that is not finite is no improvement, not even on none.
        gain = self.sign * (value - self.best) if np.isfinite(value) else -np.inf
        self._since = 0 if gain > self.tol else self._since + 1
        if gain > 0:
            self.best = value
            self.best_theta[:] = theta
        return self._since > self.n_iter_no_change
