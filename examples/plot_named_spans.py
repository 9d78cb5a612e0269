"""
Named spans in texts, with labels that must fit together
========================================================

Persons, places and times in short messages, read character by character. "B-x" labels the first character of a span of kind x,
"I-x" the others, and "O" what is outside. A network that labels each character by itself begins some spans twice, or changes
their kind in between. ``structure="crf"`` predicts the likeliest sequence of labels, and with ``allowed_transitions="bio"`` only
those in which "I-x" follows "B-x" or "I-x". A span counts as found if it is predicted from its first character to its last.
"""

import sys
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier
from sklstm.inspection import TransitionDisplay

rng = np.random.default_rng(0)
TEMPLATES = ["meet {P} in {L} at {T}", "{P} has left {L}", "at {T} call {P}", "{L}: ask {P} by {T}", "go to {L} with {P}"]
KINDS, COLORS = {"P": "person", "L": "place", "T": "time"}, {"person": "#56B4E9", "place": "#E69F00", "time": "#CC79A7"}


def name(*endings):
    syllables = rng.choice(["ba", "de", "fi", "ko", "lu", "mi", "no", "ra", "se", "tu"], rng.integers(1, 3))
    return "".join([*syllables, rng.choice(endings)])


def message():
    time = f"{rng.integers(1, 13)} o'clock" if rng.random() < 0.5 else f"{rng.integers(24)}:{rng.integers(10, 60)}"
    words = {"P": name("n", "ra", "lo") + " " + name("sen", "mann"), "L": name("burg", "ton", "la", "n"), "T": time}
    parts = [(KINDS.get(part), words.get(part, part)) for part in rng.choice(TEMPLATES).replace("}", "{").split("{")]
    labels = [f"{'BI'[k > 0]}-{kind}" if kind else "O" for kind, text in parts for k in range(len(text))]
    return np.array([ord(letter) for _, text in parts for letter in text]), labels


def spans(labels):
    edges = [k for k, label in enumerate([*labels, "O"]) if label[0] != "I"]
    return {(labels[first][2:], first, after) for first, after in pairwise(edges) if labels[first][0] == "B"}


(X, y), (X_test, y_test) = (map(list, zip(*(message() for _ in range(n)), strict=True)) for n in (60, 500))
model = LSTMClassifier(24, bidirectional=True, return_sequences=True, categorical_features="all", max_iter=12, random_state=0)
for params in ({}, {"structure": "crf", "allowed_transitions": "bio"}):
    model.set_params(**params).fit(X, y)
    true, found = [[spans(labels) for labels in rows] for rows in (y_test, model.predict(X_test))]
    f1 = 2 * sum(len(a & b) for a, b in zip(true, found, strict=True)) / (sum(map(len, true)) + sum(map(len, found)))
    print(f"{params}: right characters {model.score(X_test, y_test):.3f}, F1 of whole spans {f1:.3f}")

figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.4, 7.2), height_ratios=[1, 1.5], layout="constrained")
top.set(xlim=(0, 44), ylim=(8.5, -0.5), title="Predicted spans: person (blue), place (orange), time (pink)")
for row, (codes, labels) in enumerate(zip(X_test[:9], model.predict(X_test[:9]), strict=True)):
    for kind, first, after in spans(labels):
        top.axhspan(row - 0.4, row + 0.4, first / 44, after / 44, color=COLORS[kind], alpha=0.6, linewidth=0)
    for k, code in enumerate(codes):
        top.text(k + 0.5, row, chr(code), ha="center", va="center", family="monospace", fontsize="small")
top.set_axis_off()
TransitionDisplay.from_estimator(model, ax=bottom)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
