"""
Memory over 100 steps, and where gradients vanish
=================================================

The adding problem (Hochreiter and Schmidhuber 1997; Le, Jaitly and Hinton 2015): each of 100 steps has a random number and a
marker, which is 1 at two of the steps; the target is the sum of the two marked numbers. Who remembers nothing does best to
answer 1, with a mean squared error of 1/6. Below the errors is how much of the gradient at the last step arrives at step t:
what an error there can teach about step t. Before training it fades in every cell. Gated cells learn to hold a state, and hold
the gradient with it. The vanilla network (``cell="rnn"``), whose units saturate, holds neither; a tenth of the step size and
three times the epochs bring it to about 0.01. All cells are trained alike, with the defaults but for a larger step size.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone

from sklstm import LSTMRegressor
from sklstm.network import Network
from sklstm.sequences import Packed

STEPS, EPOCHS, rng = 100, 12, np.random.default_rng(0)
COLORS = {"rnn": "k", "lstm": "#0072B2", "peephole": "#56B4E9", "coupled": "#009E73", "gru": "#D55E00", "gru_reset_before": "#E69F00"}


def adding_problem(n):
    """X (n, STEPS, 2), and y (n,): the sum of a marked number in each half."""
    X = np.stack([rng.random((n, STEPS)), np.zeros((n, STEPS))], axis=2, dtype=np.float32)
    marked = np.arange(n)[:, np.newaxis], rng.integers([0, STEPS // 2], [STEPS // 2, STEPS], size=(n, 2))
    X[*marked, 1] = 1
    return X, X[*marked, 0].sum(axis=1)


def arriving(model, X):
    """Mean over X of ||dL/dh_t|| / ||dL/dh_100||, t = 1 .. 99: chunk two goes on from h_t, where its backward pass ends."""
    theta = np.concatenate([weights.ravel() for weights in model.weights_.values()], dtype=np.float64)
    n, rows = len(X), X.swapaxes(0, 1).reshape(-1, 2).astype(np.float64)  # step by step
    network, norms = Network(2, 1, (model.hidden_size,), cell=model.cell), []
    params, grads, ws = network.bind(theta), network.bind(theta.copy()), network.workspace(n, len(rows), float, True, carries=True)
    for t in range(1, STEPS):
        network.begin(n, ws, None)
        for first, last in ((0, t), (t, STEPS)):
            starts, continuing = n * np.arange(last - first + 1), n if last < STEPS else 0
            chunk = Packed(np.arange(n), np.full(n, STEPS - first), starts, rows[n * first :], first, continuing)
            network.forward_chunk(params, chunk, ws)
            network.carry(chunk, ws)
        network.backward_scores(params, grads, ws, np.ones_like(network.scores(params, chunk.lengths, ws)))
        network.backward_chunk(params, grads, chunk, ws)
        norms.append(np.linalg.norm(ws.layers[0].dh, axis=1).mean())
    return norms / np.linalg.norm(model.weights_["head.V"])


(X, y), (X_test, y_test) = adding_problem(4000), adding_problem(2000)
fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6.4), layout="constrained")
print(f"{'cell':18}test MSE   gradient at step 1 before training      and after")
for cell, color in COLORS.items():
    model = LSTMRegressor(cell=cell, learning_rate_init=0.01, random_state=0)
    untrained = clone(model).set_params(learning_rate_init=1e-30).partial_fit(X, y)  # shows the initial weights
    errors = [np.mean((model.partial_fit(X, y).predict(X_test) - y_test) ** 2) for _ in range(EPOCHS)]
    before, after = arriving(untrained, X_test[:32]), arriving(model, X_test[:32])
    print(f"{cell:18}{errors[-1]:8.5f}{before[0]:36.0e}{after[0]:15.0e}")
    top.semilogy(range(1, EPOCHS + 1), errors, color=color, marker="o", markersize=3, label=cell)
    bottom.semilogy(range(1, STEPS), before, "--", color=color, linewidth=1)
    bottom.semilogy(range(1, STEPS), after, color=color)
top.axhline(1 / 6, color="0.5", linestyle=":", label="constant")
top.set(xlabel="Epoch", ylabel="Mean squared error", title="Error on 2000 test sequences")
bottom.set(xlabel="Step t", ylabel="|dL/dh| at t, relative to step 100", title="Gradient before (dashed) and after training (solid)")
fig.legend(*top.get_legend_handles_labels(), loc="outside right upper")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
