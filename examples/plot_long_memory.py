"""
Memory over 100 steps, and where gradients vanish
=================================================

The adding problem (Hochreiter and Schmidhuber 1997; Le, Jaitly and Hinton 2015): of 100 random numbers two are marked in a second
channel, and their sum is the target. A constant prediction of 1 has a mean squared error of 1/6. The head reads the last state
only. The lower panel shows how much of the gradient at the last step arrives at step t. Untrained, it fades in every cell. Gated
cells learn to hold a state, and with it the gradient; those of the vanilla network (``"rnn"``) saturate, and `fit` warns.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklstm._kernels._minibatch import Minibatch

from sklstm import LSTMRegressor
from sklstm.datasets import make_adding_problem
from sklstm.network import LOSSES, Network

T, EPOCHS, UNITS, COLORS = 100, 12, 48, dict(rnn="#CC79A7", lstm="#0072B2", peephole="#56B4E9", coupled="#009E73", gru="#D55E00")


def arriving(model, X):
    """Mean of ||dL/dh_t|| / ||dL/dh_T||, t = 1 .. T - 1: where chunks have T - t steps, the last one begins with h_t."""
    n, norms, theta = len(X), [], np.concatenate([w.ravel() for w in model.weights_.values()])
    ws, grad = Network(2, 1, (UNITS,), cell=model.cell).workspace(theta, n, n * T, carries=True), np.empty_like(theta)
    loss, far = LOSSES["absolute_error"].value_and_gradient, np.full((n, 1), -1e9, theta.dtype)  # the slope is 1
    zeros, ones = np.zeros(2, theta.dtype), np.ones(2, theta.dtype)
    for t in range(1, T):
        batch = Minibatch(np.arange(0, n * T + 1, T), X.reshape(-1, 2), zeros, ones, far, np.ones(n), loss, bptt_steps=T - t)
        batch.arrange(np.arange(n))
        batch.gradient(ws.bound, 1.0, grad)
        norms.append(np.linalg.norm(ws.layers[0].dh, axis=1).mean())
    return norms / np.linalg.norm(model.weights_["head.V"])


X, y = make_adding_problem(5000, n_steps=T, random_state=0)
(X, X_test), (y, y_test) = np.split(X.astype(np.float32), [4000]), np.split(y, [4000])
fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6.4), layout="constrained")
top.axhline(1 / 6, color="0.5", linestyle="--")
for cell, color in COLORS.items():
    model = LSTMRegressor(UNITS, cell=cell, pooling="last", max_iter=EPOCHS, random_state=1).fit(X, y, X_val=X_test, y_val=y_test)
    errors = (1 - np.array(model.validation_scores_)) * y_test.var()  # from the coefficient of determination after each epoch
    untrained = LSTMRegressor(**model.get_params() | {"learning_rate_init": 1e-30}).partial_fit(X[:32], y[:32])
    before, after = (arriving(each, X_test[:32]) for each in (untrained, model))
    print(f"{cell:17}test error {errors[-1]:.5f}; gradient at step 1: {before[0]:.0e} before, {after[0]:.0e} after training")
    top.semilogy(range(1, EPOCHS + 1), errors, color=color, label=cell)
    bottom.semilogy(range(1, T), before, "--", range(1, T), after, "-", color=color)
top.set(xlabel="Epoch", ylabel="Mean squared error", title="Error on 1000 test sequences (dashed: always 1)")
bottom.set(xlabel="Step t", ylabel="|dL/dh|, step 100 = 1", title="Gradient before (dashed) and after training", ylim=1e-16)
top.legend(loc="upper right", bbox_to_anchor=(1, 0.9), ncols=2)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
