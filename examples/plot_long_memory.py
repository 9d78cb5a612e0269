"""
Memory over 100 steps, and where gradients vanish
=================================================

The adding problem (Hochreiter and Schmidhuber 1997; Le, Jaitly and Hinton 2015): each of 100 steps has a random number and a
marker, which is 1 at two of the steps and 0 at the others; the target is the sum of the two marked numbers. Who remembers
nothing does best to answer 1, with a mean squared error of 1/6. Every ``cell`` is trained in the same way. The lower panel
shows how much of the gradient at the last step arrives at step t, which is what an error there can teach about step t. Before
training it fades in all cells but one. Gated cells learn to keep a state, and with it the gradient. At this step size the
vanilla network (``cell="rnn"``) saturates instead, and loses both within some steps.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.metrics import mean_squared_error

from sklstm import LSTMRegressor
from sklstm.network import Network
from sklstm.sequences import Packed

STEPS, HIDDEN, EPOCHS = 100, 64, 12


def adding_problem(n, rng):
    """X (n, STEPS, 2) and y (n,); one marker in each half."""
    X = np.stack([rng.random((n, STEPS)), np.zeros((n, STEPS))], axis=2, dtype=np.float32)
    marked = np.arange(n)[:, np.newaxis], rng.integers([0, STEPS // 2], [STEPS // 2, STEPS], size=(n, 2))
    X[*marked, 1] = 1
    return X, X[*marked, 0].sum(axis=1)


def arriving(model, X):
    """||dL/dh_t|| / ||dL/dh_STEPS|| for t < STEPS, mean over X: a second chunk runs on from h_t, and its backward pass ends there."""
    n, theta = len(X), np.concatenate([weight.ravel() for weight in model.weights_.values()], dtype=float)
    network, rows = Network(2, 1, (HIDDEN,), cell=model.cell), X.swapaxes(0, 1).reshape(-1, 2).astype(float)
    params, grads, ws = network.bind(theta), network.bind(theta.copy()), network.workspace(n, len(rows), float, True, carries=True)
    norms = []
    for t in range(1, STEPS):
        network.begin(n, ws, None)
        for first, last in ((0, t), (t, STEPS)):
            starts, going_on = n * np.arange(last - first + 1), n * (last < STEPS)
            chunk = Packed(np.arange(n), np.full(n, STEPS - first), starts, rows[n * first : n * last], first, going_on)
            network.forward_chunk(params, chunk, ws)
            network.carry(chunk, ws)
        scores = network.scores(params, chunk.lengths, ws)
        network.backward_scores(params, grads, ws, np.ones_like(scores))
        network.backward_chunk(params, grads, chunk, ws)
        norms.append(np.linalg.norm(ws.layers[0].dh, axis=1).mean())
    return norms / np.linalg.norm(model.weights_["head.V"])


rng = np.random.default_rng(0)
(X, y), (X_test, y_test) = adding_problem(4000, rng), adding_problem(2000, rng)
colors = dict(rnn="#D55E00", lstm="#0072B2", peephole="#56B4E9", coupled="#009E73", gru="#E69F00", gru_reset_before="#CC79A7", layernorm="#000000")
fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6.4), layout="constrained")
import time
for cell, color in colors.items():
    t0 = time.time()
    model = LSTMRegressor(HIDDEN, cell=cell, learning_rate_init=0.01, random_state=0)
    untrained = clone(model).set_params(learning_rate_init=1e-30).partial_fit(X[:100], y[:100])
    errors = [mean_squared_error(y_test, model.partial_fit(X, y).predict(X_test)) for _ in range(EPOCHS)]
    t1 = time.time()
    before, after = arriving(untrained, X_test[:50]), arriving(model, X_test[:50])
    print(f"{cell:17}{errors[-1]:.5f}  {before[49]:.0e} {before[0]:.0e}  {after[49]:.0e} {after[0]:.0e}", t1-t0, time.time()-t1, flush=True)
    top.semilogy(range(1, EPOCHS + 1), errors, color=color, label=cell)
    bottom.semilogy(range(1, STEPS), before, color=color, linestyle="--", linewidth=1)
    bottom.semilogy(range(1, STEPS), after, color=color)
top.axhline(1/6, color="0.5", linestyle="--")
top.legend()
bottom.set(ylim=1e-25)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
