"""
Sequences of different lengths, without padding
===============================================

A handwritten digit can be written as the list of its inked pixels, line by line: row, column and amount of ink. Some digits take
16 such steps and some 42. ``LSTMClassifier`` accepts a plain list of such arrays, and scikit-learn's ``train_test_split`` and
``cross_val_score`` split that list by whole sequences: nothing is padded, masked or truncated. The example also shows how to find
out whether a second reading direction helps (``bidirectional``), and which epoch ``early_stopping`` keeps.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score, train_test_split

from sklstm import LSTMClassifier, Sequences

digits = load_digits()
images = digits.images.astype(np.float32)
X = [np.column_stack([*np.nonzero(image), image[image > 0]]).astype(np.float32) for image in images]  # each (n_steps, 3)
X_train, X_test, y_train, y_test = train_test_split(X, digits.target, test_size=0.3, stratify=digits.target, random_state=0)

# A list suffices. The container holds the same in one buffer, is split and fitted in the same way, and shows its contents.
sequences = Sequences.from_list(X)
print(sequences)
print(f"If padded, {1 - sequences.lengths.mean() / sequences.lengths.max():.0%} of all steps would be padding.")

# The decisive part of a digit may come at any step: with pooling="max" the head gets the largest value of each unit.
model = LSTMClassifier(32, pooling="max", max_iter=30, early_stopping=True, random_state=0)
for bidirectional in (False, True):
    model.set_params(bidirectional=bidirectional)
    scores = cross_val_score(model, X_train, y_train, cv=3, n_jobs=-1)
    print(f"{bidirectional=!s:5}  accuracy {scores.mean():.3f} ± {scores.std():.3f} (mean ± std of 3 folds)")

model.fit(X_train, y_train)
print(f"Kept the weights of epoch {model.best_epoch_} of {model.n_iter_}; test accuracy {model.score(X_test, y_test):.3f}")

correct = model.predict(X_test) == y_test
groups = np.digitize([len(x) for x in X_test], [29, 31, 33, 35])
counts = np.bincount(groups)
accuracy = np.bincount(groups, correct) / counts
names = [f"{steps}\n({n})" for steps, n in zip(["16-28", "29-30", "31-32", "33-34", "35-42"], counts, strict=True)]

fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained")
left.errorbar(names, accuracy, np.sqrt(accuracy * (1 - accuracy) / counts), fmt="o", capsize=4, color="#0072B2")
left.set(xlabel="Steps (number of test digits)", ylabel="Test accuracy ± standard error", title="Accuracy by length")
epochs = range(1, model.n_iter_ + 1)
right.semilogy(epochs, model.loss_curve_, color="#0072B2", label="training")
right.semilogy(epochs, model.validation_loss_curve_, color="#D55E00", linestyle="--", label="validation")
right.axvline(model.best_epoch_, color="0.5", linestyle=":", label="lowest validation loss: kept")
right.set(xlabel="Epoch", ylabel="Log-loss (nats)", title="Early stopping")
right.legend(loc="upper right", fontsize="small")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
