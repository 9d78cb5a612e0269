"""
Early stopping where several sequences come from one person
===========================================================

Thirty persons each wear a sensor while they stroll, walk or hurry, four times each. They wear it in different places (an
offset and a gain of their own) and have a tempo and a style of their own for each activity. What counts is how well a model
does on people it has never met, who are left out in turn by ``GroupKFold``. ``early_stopping=True`` alone sets aside a tenth of
the sequences, of persons it also trains on: a validation score of people it knows, and much too good. ``GroupShuffleSplit``
sets aside whole persons for ``X_val, y_val`` of ``fit``. In each epoch their score is that of unseen persons but for chance; the
best of all epochs has luck in it, and is still somewhat too good. What to report is the outer score.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit

from sklstm import LSTMClassifier

PERSONS, REPEATS, STEPS, RATE = 30, 4, 40, 20  # 2 s at 20 Hz
rng = np.random.default_rng(0)
person, activity, _ = (index.ravel() for index in np.indices((PERSONS, 3, REPEATS)))
y = np.array(["stroll", "walk", "hurry"])[activity]
tempo = np.array([1.4, 1.9, 2.4]) + rng.normal(0, 0.3, (PERSONS, 3))  # steps per second
style = rng.uniform(0, 2 * np.pi, (PERSONS, 3, 2))  # when in a step each channel has its second peak
gain, offset = rng.lognormal(0, 0.3, (PERSONS, 1, 1)), rng.normal(0, 0.5, (PERSONS, 1, 2))  # g
phase = 2 * np.pi * (rng.random((len(y), 1)) + tempo[person, activity, np.newaxis] * np.arange(STEPS) / RATE)[..., np.newaxis]
X = np.sin(phase) + 0.7 * np.sin(2 * phase + style[person, activity, np.newaxis])
X = (gain[person] * X + offset[person] + rng.normal(0, 0.3, X.shape)).astype(np.float32)  # (360, 40, 2)

EPOCHS, COLORS = 30, {"sequences": "#D55E00", "persons": "#0072B2"}
scores, curves = {name: [] for name in COLORS}, {name: [] for name in (*COLORS, "unseen")}
print("      split by sequences      split by persons\nfold  validation  unseen      validation  unseen")
for fold, (train, test) in enumerate(GroupKFold(5).split(X, y, person)):
    # n_iter_no_change is for the picture: all fits go on to the end.
    model = LSTMClassifier(32, max_iter=EPOCHS, n_iter_no_change=EPOCHS, early_stopping=True, random_state=fold)
    fit, val = (train[part] for part in next(GroupShuffleSplit(1, random_state=fold).split(train, groups=person[train])))
    for name, rows, own in (("sequences", train, {}), ("persons", fit, {"X_val": X[val], "y_val": y[val]})):
        model.fit(X[rows], y[rows], **own)
        scores[name].append((model.best_validation_score_, model.score(X[test], y[test])))
        curves[name].append(model.validation_scores_)
    print("{:4}{:12.3f}{:8.3f}{:16.3f}{:8.3f}".format(fold, *scores["sequences"][-1], *scores["persons"][-1]))
    # The last fit again, watched on the unseen persons, who have no say in it.
    model.set_params(early_stopping=False).fit(X[fit], y[fit], X_val=X[test], y_val=y[test])
    curves["unseen"].append(model.validation_scores_)
print("mean{:12.3f}{:8.3f}{:16.3f}{:8.3f}".format(*np.mean([*scores.values()], axis=1).ravel()))

fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
for (name, color), marker in zip(COLORS.items(), "os", strict=True):
    left.plot(range(1, EPOCHS + 1), np.mean(curves[name], axis=0), color=color, label=f"validation, by {name}")
    right.plot(*np.transpose(scores[name]), marker, color=color, label=f"by {name}")
left.plot(range(1, EPOCHS + 1), np.mean(curves["unseen"], axis=0), "k--", label="the latter, unseen persons")
left.set(xlabel="Epoch", ylabel="Accuracy (mean of 5 folds)", title="While training", ylim=(0.3, 1.02))
left.legend(loc="lower right", fontsize="small")
right.axline((0.5, 0.5), slope=1, color="0.5", linestyle=":", label="honest")
right.set(xlabel="Best validation accuracy", ylabel="Accuracy on unseen persons", title="When done, each fold")
right.set(xlim=(0.45, 1.03), ylim=(0.45, 1.03), aspect="equal")
right.legend(loc="upper left", fontsize="small")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
