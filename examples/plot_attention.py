"""
Attention finds the marked steps
================================

The adding problem (Hochreiter and Schmidhuber 1997; Le, Jaitly and Hinton 2015): each of 50 to 100 steps has a random number
and a marker, which is 1 at two of the steps, and the target is the sum of the two marked numbers. With ``pooling="attention"``
the prediction is computed from a weighted mean of the outputs of all steps, and the model itself learns the weights. After
training nearly all the weight is on the two marked steps, wherever they are; equal weights would give them a fortieth. The model
works for sequences four times as long as any in training, too. ``AttentionDisplay`` draws the weights, ``attention_weights``
returns them.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMRegressor
from sklstm.datasets import make_adding_problem
from sklstm.inspection import AttentionDisplay, attention_weights

X, y = make_adding_problem(2000, n_steps=100, ragged=True, random_state=0)
X_test, y_test = make_adding_problem(500, n_steps=100, ragged=True, random_state=1)
X_long, y_long = make_adding_problem(200, n_steps=400, ragged=True, random_state=2)
model = LSTMRegressor(16, cell="gru", pooling="attention", max_iter=20, random_state=0).fit(X, y)
for name, sequences, targets in (("50 to 100", X_test, y_test), ("200 to 400", X_long, y_long)):
    error = np.mean((model.predict(sequences) - targets) ** 2)
    print(f"Mean squared error on sequences of {name} steps: {error:.5f} (1/6 for a constant prediction of 1)")

marked = X_test.values[:, 1] == 1
weights = attention_weights(model, X_test)
share = weights.values[marked].sum() / len(X_test)
print(f"Share of the attention on the marked steps: {share:.2f}; equal weights: {2 / X_test.lengths.mean():.3f}")

figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 6.4), height_ratios=[1.6, 1], layout="constrained")
AttentionDisplay.from_estimator(model, X_test[:14], ax=top)
for i in range(14):
    steps = np.flatnonzero(X_test[i][:, 1])
    top.plot(steps, np.full(2, i), "o", markersize=11, markerfacecolor="none", color="#E69F00")
top.set_title("Weights of 14 test sequences; circles: the marked steps")
AttentionDisplay.from_estimator(model, X_test, sequence=0, ax=bottom)
for step in np.flatnonzero(X_test[0][:, 1]):
    bottom.annotate(f"{X_test[0][step, 0]:.2f}", (step, weights[0][step, 0]), (4, -8), textcoords="offset points")
predicted = model.predict(X_test[:1])[0]
bottom.set_title(f"Sequence 0: the marked numbers sum to {y_test[0]:.3f}, predicted {predicted:.3f}")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
