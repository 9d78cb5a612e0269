"""Limited-memory BFGS on all samples at once: SciPy's."""

from time import perf_counter

import numpy as np
from scipy.optimize import minimize

from .._kernels import _optim
from .gradient import NonFinite

# Sequences whose activations are held at a time.
CHUNK = 256
# Evaluations of one line search at most, as in scikit-learn's MLP. The search is what bounds them, not a total.
LINE_SEARCH = 50


def run_lbfgs(gradient, state, config, after_epoch):
    """Iterate until `after_epoch` asks to stop, `max_iter` is reached, or no step improves the loss.

    Parameters
    ----------
    gradient : GradientComputer
    state : TrainingState
    config : TrainingConfig
    after_epoch : callable
        ``after_epoch(row) -> bool``: takes a row of the history; whether to stop.
    """
    theta = state.theta
    objective = _Objective(gradient, state)

    def end_iteration(intermediate_result):
        theta[:] = intermediate_result.x
        state.n_epochs += 1
        state.n_samples += objective.n_samples
        if after_epoch({"epoch": state.n_epochs, "loss": float(intermediate_result.fun), **objective.report()}):
            raise StopIteration

    most = {"maxiter": config.max_iter, "maxfun": LINE_SEARCH * (config.max_iter + 1), "maxls": LINE_SEARCH}
    start = theta.astype(np.float64)
    result = minimize(objective, start, method="L-BFGS-B", jac=True, callback=end_iteration, options=most | {"gtol": config.tol})
    theta[:] = result.x
    if result.status != 1:
        # Not at the limit of iterations: the gradient is small, or no step improves the loss beyond rounding.
        state.done = True


class _Objective:
    """Mean loss over all samples plus the penalty, and the gradient of the sum, in float64."""

    def __init__(self, gradient, state):
        rows = gradient.data.rows
        order = rows[np.argsort(gradient.lengths[rows], kind="stable")]
        self.chunks = [order[k : k + CHUNK] for k in range(0, len(order), CHUNK)]
        self.gradient = gradient
        self.theta = state.theta
        # The same numbers at every call, for what is hidden at random: the objective has to be a function.
        self.seed = int(state.rng.integers(1 << 63))
        self.n_samples = len(order)
        self._reset()

    def _reset(self):
        self.started, self.n_evaluations, self.norm = perf_counter(), 0, np.nan

    def report(self):
        """What the history says of the evaluations since the last report."""
        row = {
            "learning_rate": None,
            "gradient_norm": self.norm,
            "seconds": perf_counter() - self.started,
            "evaluations": self.n_evaluations,
        }
        self._reset()
        return row

    def __call__(self, x):
        self.theta[:] = x
        rng = np.random.default_rng(self.seed)
        total, total_weight, sums = 0.0, 0.0, np.zeros_like(x)
        for rows in self.chunks:
            chunk_total, chunk_weight = self.gradient(rows, rng)
            total += chunk_total
            total_weight += chunk_weight
            sums += chunk_weight * self.gradient.grad
        self.n_evaluations += 1
        sums /= total_weight
        self.norm = float(np.sqrt(_optim.sum_of_squares(sums)))
        if not (np.isfinite(total) and np.isfinite(self.norm)):
            raise NonFinite
        return total / total_weight, sums
