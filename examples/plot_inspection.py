"""
Which steps a prediction depends on, and what the cells remember
================================================================

Temporal order (Hochreiter and Schmidhuber 1997): among 30 random symbols a, b, c, d are two that are X or Y, and the class is
which came first and which second: XX, XY, YX or YY. The example inspects a fitted model in three ways. Integrated gradients are
the contributions of each step to one prediction; they sum to its difference from the output for the average sequence. The gates
and the cell state of two units show how the model does it: the gates of unit 0 move when X or Y comes, and its cell keeps its
value between them. Permutation importance, over many sequences, shows how much the accuracy depends on each step: X and Y are in
the first third and in the middle.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.datasets import make_temporal_order
from sklstm.inspection import GateDisplay, SaliencyDisplay, StepImportanceDisplay, integrated_gradients

SYMBOLS, CLASSES = "EBabcdXY", np.array(["XX", "XY", "YX", "YY"])
X, y = make_temporal_order(2000, n_steps=30, n_bits=2, random_state=0)  # symbols as 0/1 channels, E first and B last
X_test, y_test = make_temporal_order(300, n_steps=30, n_bits=2, random_state=1)
model = LSTMClassifier(hidden_size=16, max_iter=15, random_state=0).fit(X, CLASSES[y])
print(f"Accuracy: {model.score(X_test, CLASSES[y_test]):.3f}")

average = X.mean(axis=0, keepdims=True)  # frequency of each symbol at each step, as the baseline
explained = integrated_gradients(model, X_test, baseline=average.repeat(len(X_test), axis=0))
contributions = explained.attributions.to_padded()  # (n_sequences, n_steps, n_channels)
size, planted = np.abs(contributions).sum(axis=2), X_test[:, :, 6:].any(axis=2)
print(f"X and Y, {planted.mean():.0%} of the steps, have {size[planted].sum() / size.sum():.0%} of the contributions.")
error = contributions.sum(axis=(1, 2)) - (explained.outputs - explained.baseline_outputs)
print(f"Their sums miss the difference of the outputs by at most {np.abs(error).max():.0e}.")

figure = plt.figure(figsize=(6.4, 9), layout="constrained")
top, middle, bottom = figure.subfigures(3, 1, height_ratios=[1, 1.25, 0.75])
chosen = int(np.flatnonzero(y_test == 3)[0])  # a YY
options = {"sequence": chosen, "baseline": average, "channel_names": SYMBOLS}
display = SaliencyDisplay.from_estimator(model, X_test, **options, ax=top.subplots())
display.ax_.set_title(f'"{"".join(SYMBOLS[k] for k in X_test[chosen].argmax(axis=1))}" is {explained.targets[chosen]}')
GateDisplay.from_estimator(model, X_test, sequence=chosen, units=[0, 1], quantities="ifc", ax=middle.subplots())
display = StepImportanceDisplay.from_estimator(
    model, X_test, CLASSES[y_test], channels=[range(8)], random_state=0, ax=bottom.subplots()
)
display.ax_.set(ylabel="Fall of accuracy", title="Steps exchanged between 300 test sequences")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
