"""
Early stopping where several sequences come from one recording
==============================================================

Basic Motions (``pip install aeon`` has it): four students stand, walk, run or play badminton with a smart watch, in 80
recordings of 10 s. The activity is to be recognised within one second, so each recording is cut into 45 overlapping windows.
What matters is the accuracy on unseen recordings: ``StratifiedGroupKFold``, a GroupKFold that preserves the shares of the
classes, trains on 8 and tests on 72. ``early_stopping=True`` alone sets aside some of the windows, which overlap with the
training windows: the validation score is far too good. With ``fit(X, y, groups=recording)`` it sets aside whole recordings, and
the score is realistic, apart from the choice of the best epoch. The outer score is the one to report. (The data do not say who
was recorded. With persons as groups the score would be lower still.) The defaults, which compare lengths of training on
held-out sequences, keep ``groups`` together in the same way.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from aeon.datasets import load_basic_motions
from sklearn.model_selection import StratifiedGroupKFold

from sklstm import LSTMClassifier
from sklstm.preprocessing import make_windows

recordings, activities = load_basic_motions()  # (80, 6, 100), at 10 Hz: three channels of acceleration, three of rotation
X, _, recording = make_windows(
    recordings.transpose(0, 2, 1).astype(np.float32), window=10, stride=2, groups=np.arange(len(recordings))
)
y = activities[recording]  # X is (3600, 10, 6)

EPOCHS, COLORS = 30, {"windows": "#D55E00", "recordings": "#0072B2"}
scores, curves = {name: [] for name in COLORS}, {name: [] for name in COLORS}
print("      split by windows        split by recordings\nfold  validation  unseen      validation  unseen")
folds = StratifiedGroupKFold(10, shuffle=True, random_state=0).split(X, y, recording)
for fold, (unseen, known) in enumerate(folds):  # roles exchanged: one part for training, nine for testing
    # Four recordings, one of each class, are set aside, or as many windows. n_iter_no_change: for the picture, no fit ends early.
    stopping = {"early_stopping": True, "validation_fraction": 0.5, "n_iter_no_change": EPOCHS}
    model = LSTMClassifier(32, max_iter=EPOCHS, **stopping, random_state=fold)
    for name, groups in (("windows", None), ("recordings", recording[known])):
        model.fit(X[known], y[known], groups=groups)
        scores[name].append((model.best_validation_score_, model.score(X[unseen], y[unseen])))
        curves[name].append(model.validation_scores_)
    print("{:4}{:12.3f}{:8.3f}{:16.3f}{:8.3f}".format(fold, *scores["windows"][-1], *scores["recordings"][-1]))
print("mean{:12.3f}{:8.3f}{:16.3f}{:8.3f}".format(*np.mean([*scores.values()], axis=1).ravel()))

fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
for (name, color), marker in zip(COLORS.items(), "os", strict=True):
    left.plot(range(1, EPOCHS + 1), np.mean(curves[name], axis=0), color=color, label=f"validation, by {name}")
    right.plot(*np.transpose(scores[name]), marker, color=color, label=f"by {name}")
left.set(xlabel="Epoch", ylabel="Accuracy (mean of 10 folds)", title="While training", ylim=(0.6, 1.02))
left.legend(loc="lower right", fontsize="small")
right.axline((0.9, 0.9), slope=1, color="0.5", linestyle=":", label="honest")
right.set(xlabel="Best validation accuracy", ylabel="Accuracy on unseen recordings", title="When done, each fold")
right.set(xlim=(0.76, 1.02), ylim=(0.76, 1.02), aspect="equal")
right.legend(loc="lower right", fontsize="small")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
