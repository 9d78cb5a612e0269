"""
A pen that goes on writing
==========================

``LSTMRegressor(return_sequences=True, loss="gaussian_mixture")`` predicts a distribution of the next movement of a pen: a
mixture of normal distributions of (dx, dy). Here it learns from lines of joined loops, small and tall ones in any order,
written faster or slower, wider or narrower. ``sample`` reads the beginning of a line that it has not seen, draws the next
movement, reads that as the next step, and so on: the way in which Graves (2013) let a network write by hand. Which loop comes
next is left to chance, so that no single prediction would do: their mean is neither a small loop nor a tall one. A lower
temperature writes more neatly.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor


def line(rng, n_loops=9):
    """Movements (n_steps, 2) of a pen that draws joined loops, each small or tall."""
    width, slant, speed = rng.uniform(0.8, 1.2), rng.uniform(0.1, 0.4), rng.integers(14, 19)
    points, start = [], 0.0
    for height in rng.choice([1.0, 2.6], size=n_loops) * rng.uniform(0.9, 1.1, size=n_loops):
        phase = np.arange(speed) / speed
        y = height * (1 - np.cos(2 * np.pi * phase)) / 2
        x = start + width * (phase + 0.45 * np.sin(2 * np.pi * phase)) + slant * y
        points.append(np.column_stack([x, y]))
        start += width
    moves = np.diff(np.concatenate(points), axis=0)
    return moves + 0.01 * rng.normal(size=moves.shape)


rng = np.random.default_rng(0)
lines = [line(rng) for _ in range(300)]
X, y = [moves[:-1] for moves in lines], [moves[1:] for moves in lines]
model = LSTMRegressor(64, return_sequences=True, loss="gaussian_mixture", n_components=5, max_iter=30, random_state=0).fit(X, y)
unseen = [line(rng) for _ in range(3)]
log_likelihood = model.score([moves[:-1] for moves in unseen], [moves[1:] for moves in unseen])
print(f"Log-likelihood of unseen movements: {log_likelihood:.2f} nats; share of dx and dy in the 68 % intervals:")
interval = np.concatenate(model.predict_interval([moves[:-1] for moves in unseen], 0.68))
after = np.concatenate([moves[1:] for moves in unseen])
print(np.round(((interval[..., 0] <= after) & (after <= interval[..., 1])).mean(axis=0), 2))

n_given, n_drawn = 30, 120
beginnings = [moves[:n_given] for moves in unseen]
fig, axes = plt.subplots(1, 3, figsize=(8, 2.9), sharex=True, sharey=True, layout="constrained")
axes[0].set_title("Unseen lines")
for k, moves in enumerate(unseen):
    axes[0].plot(*(moves.cumsum(axis=0) - [0, 4 * k]).T, color="black")
for ax, temperature in zip(axes[1:], (0.3, 1.0), strict=True):
    ax.set_title(f"Continued, temperature {temperature:g}")
    drawn = model.sample(beginnings, n_drawn, temperature=temperature, random_state=1)
    for k, (begin, end) in enumerate(zip(beginnings, drawn, strict=True)):
        points = np.concatenate([begin, end]).cumsum(axis=0) - [0, 4 * k]
        ax.plot(*points[n_given - 1 :].T, color="#D55E00")
        ax.plot(*points[:n_given].T, color="black")
for ax in axes:
    ax.set(aspect="equal", xticks=[], yticks=[])
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
