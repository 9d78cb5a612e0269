"""
Strings of digits, read without knowing where each digit is
===========================================================

Images of lines with two to four handwritten digits, with gaps between them that may also be missing. The columns of an image are
the steps of a sequence, and its text is all that is known: not where a digit begins or ends. ``LSTMClassifier`` with
``loss="ctc"`` learns to give every column probabilities of the digits and of blank, which is no digit, such that the digits come
in the right order: mostly it reads a digit in one column or two, with blank around it. Lines to learn from are made of slightly
distorted images, as there are only 1397 of them; the lines that the model is tested on are made of 400 others.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier
from sklstm.metrics import edit_distance_rate

rng = np.random.default_rng(0)
images, labels = load_digits(return_X_y=True)
parts = train_test_split(images.reshape(-1, 8, 8) / 16, labels, test_size=400, stratify=labels, random_state=0)
seen, unseen = (parts[0], parts[2]), (parts[1], parts[3])


def distorted(image):
    matrix, center = np.eye(2) + rng.normal(scale=0.15, size=(2, 2)), np.full(2, 3.5)
    image = affine_transform(image, matrix, center - matrix @ center + rng.normal(scale=0.3, size=2), order=1)
    return image + 0.1 * rng.normal(size=image.shape)


def lines(images, labels, n_lines, change):
    """Columns (n_columns, 8) of lines of digits, and their texts."""
    chosen = [rng.integers(len(images), size=rng.integers(2, 5)) for _ in range(n_lines)]
    glyphs = [[part for k in row for part in (change(images[k]), np.zeros((8, rng.integers(4))))] for row in chosen]
    return [np.hstack(row).T.astype(np.float32) for row in glyphs], ["".join(map(str, labels[row])) for row in chosen]


X, y = lines(*seen, 9000, distorted)
X_test, y_test = lines(*unseen, 1000, lambda image: image)
model = LSTMClassifier(64, bidirectional=True, return_sequences=True, loss="ctc", dropout=0.3, max_iter=12, random_state=0)
model.fit(X, y)
read = model.predict(X_test)
print(f"Lines without an error: {model.score(X_test, y_test):.1%}, errors per digit: {edit_distance_rate(y_test, read):.2%}")

fig, axes = plt.subplots(6, 1, figsize=(6.4, 7), height_ratios=[1.3, 1] * 3, layout="constrained")
chosen = [i for i, text in enumerate(y_test) if len(text) == 4][:3]
for i, top, bottom in zip(chosen, axes[::2], axes[1::2], strict=True):
    top.imshow(X_test[i].T, cmap="gray_r", aspect="auto", extent=(0, len(X_test[i]), 8, 0))
    top.set(title=f"{y_test[i]}, read as {read[i]}", xticks=[], yticks=[])
    p = model.predict_proba([X_test[i]])[0][:, :-1]  # without blank
    for k, column in enumerate(p.T):
        bottom.stairs(column, color=f"C{k}", fill=True)
    for t in np.flatnonzero(p.max(axis=1) > 0.5):
        bottom.text(t + 0.5, 1.05, model.classes_[p[t].argmax()], ha="center")
    bottom.set(xlim=(0, len(X_test[i])), ylim=(0, 1.35), yticks=[0, 1], ylabel="Probability")
axes[-1].set_xlabel("Column; where no digit is likely, blank is")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
