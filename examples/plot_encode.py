"""
Features for another classifier, learned without its labels
===========================================================

Strings of the embedded Reber grammar (Fahlman 1991; Hochreiter and Schmidhuber 1997) begin with B and T or P, continue by the
grammar of Reber, and end with the same T or P and E. A network learns to predict the next symbol, for which no labels are needed,
and must remember T or P until the end. ``encode`` returns its states after strings that stop just before the end: vectors of one
length, whatever the lengths of the strings. From ten labelled vectors, logistic regression learns to tell T from P. From counts
of the symbols, which have no order, it does not learn this even with two hundred labels. The accuracies are printed.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklstm import LSTMClassifier
from sklstm.datasets import make_embedded_reber

X, following = make_embedded_reber(2000, random_state=0)
network = LSTMClassifier(64, return_sequences=True, max_iter=20, random_state=0).fit(X, following)

X, _ = make_embedded_reber(1000, random_state=1)
begun = [x[:-1] for x in X]  # (n_steps, 7), at least 7 steps, without the last T or P
labels = np.array([x[1, 1] for x in X], dtype=int)  # whether the second symbol is T
features = {"states": network.encode(begun), "counts": np.array([x.sum(axis=0) for x in begun])}
print({name: values.shape for name, values in features.items()})

COLORS, SIZES = {"states": "#D55E00", "counts": "#0072B2"}, [5, 10, 20, 50, 100, 200]
fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
for name, values in features.items():
    scores = []
    for size in SIZES:
        splits = ShuffleSplit(20, train_size=size, test_size=500, random_state=0)
        scores.append(cross_val_score(make_pipeline(StandardScaler(), LogisticRegression()), values, labels, cv=splits))
    mean, std = np.mean(scores, axis=1), np.std(scores, axis=1)
    print(f"{name}: accuracy", ", ".join(f"{m:.3f} ({size} labels)" for m, size in zip(mean, SIZES, strict=True)))
    left.errorbar(SIZES, mean, std, marker="o", capsize=3, color=COLORS[name], label=f"{name}, {values.shape[1]} features")
left.set_xscale("log")
left.set_xticks(SIZES, SIZES)
left.minorticks_off()
left.set(xlabel="Labelled strings", ylabel="Accuracy (mean ± std, 20 splits)", ylim=(0.4, 1.03), title="T or P?")
left.legend()
points = PCA(2).fit_transform(StandardScaler().fit_transform(features["states"]))
for label, name, color, marker in ((1, "T", "#009E73", "o"), (0, "P", "#CC79A7", "^")):
    right.plot(*points[labels == label].T, marker, markersize=4, alpha=0.6, color=color, label=f"second symbol {name}")
right.set(xlabel="First principal component", ylabel="Second principal component", title="States of 1000 strings")
right.legend()
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
