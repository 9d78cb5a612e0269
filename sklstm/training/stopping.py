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
    state : dict
        Where training stands. Owned here: ``course``, with ``best``, the best value so far, and ``since``, the epochs since it
        improved by more than `tol`; and ``best_theta``, the weights of the best epoch. What is there already is continued from.
    """

    def __init__(self, sign, tol, state):
        self.sign = sign
        self.tol = tol
        self.state = state
        state.setdefault("course", {"best": -sign * np.inf, "since": 0})
        state.setdefault("best_theta", state["theta"].copy())

    def update(self, value):
        """Take in the value of one epoch; returns the epochs since the last improvement."""
        course = self.state["course"]
        # A value that is not finite is no improvement, not even on none.
        gain = self.sign * (value - course["best"]) if np.isfinite(value) else -np.inf
        course["since"] = 0 if gain > self.tol else course["since"] + 1
        if gain > 0:
            course["best"] = value
            self.state["best_theta"][:] = self.state["theta"]
        return course["since"]
