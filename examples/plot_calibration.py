"""
Do probabilities and quantiles mean what they say?
==================================================

Which of two channels of noise has the larger sum? The label that is learned is wrong for one sequence in five. A network that
is trained to the end memorises the wrong labels, too: of unseen sequences of which it is certain it gets one in three wrong.
The defaults choose the length of the training, and the temperature that the scores are divided by, on sequences that are held
out. Such a network knows how little it knows, and is a little too cautious rather than too certain: its calibration error (ECE)
and its log-loss are smaller (top). Quantiles are checked in the same way: the share of the targets below the quantile 0.9
should be 0.9, and the share between the quantiles 0.1 and 0.9 should be 0.8 (bottom). Bars are confidence intervals.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMClassifier, LSTMRegressor
from sklstm.inspection import ReliabilityDisplay

rng = np.random.default_rng(0)
X = rng.normal(size=(4000, 20, 2)).astype(np.float32)
difference = X[:, :, 0].sum(axis=1) - X[:, :, 1].sum(axis=1)
y = np.where((difference > 0) ^ (rng.uniform(size=len(X)) < 0.2), "first", "second")  # the larger one
amount = difference + 3 * rng.standard_normal(len(X))
train, test = slice(1000), slice(1000, None)
KINDS = {"to the end": {"early_stopping": False, "max_iter": 100}, "defaults": {}}

figure = plt.figure(figsize=(6.4, 9), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1.2, 1])
panels = top.subplots(2, 1, sharex=True, height_ratios=[4, 1])
for name, params in KINDS.items():
    model = LSTMClassifier(32, **params, random_state=0).fit(X[train], y[train])
    display = ReliabilityDisplay.from_estimator(model, X[test], y[test], name=name, ax=panels)
    (curve,) = display.curves.values()
    print(f"{name}: accuracy {model.score(X[test], y[test]):.2f}, log-loss {curve.log_loss:.2f}", end=", ")
    print(f"calibration error {curve.calibration_error:.2f}")
panel = bottom.subplots()
for name, params in KINDS.items():
    model = LSTMRegressor(32, loss="quantile", quantile=[0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95], **params, random_state=0)
    display = ReliabilityDisplay.from_estimator(model.fit(X[train], amount[train]), X[test], amount[test], name=name, ax=panel)
    print(f"{name}: coverage of the 80 % interval {display.curves['central intervals'].prob_true[1]:.2f}")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
