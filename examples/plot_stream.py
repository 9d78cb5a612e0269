"""
Classify while the data arrive
==============================

A digit is drawn row by row, and after every row a stream predicts which digit it is. The probabilities of a stream are those of
`predict_proba` for the rows so far, to the bit, at the cost of one step.
"""

import sys
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier

digits = load_digits()
X = (digits.images / 16).astype(np.float32)  # 1797 images, each a sequence of 8 rows of 8 pixels
X_train, X_test, y_train, y_test = train_test_split(X, digits.target, random_state=0)
# With pooling="mean" training uses the outputs of all rows, so that predictions for the first rows are good, too.
model = LSTMClassifier(hidden_size=64, pooling="mean", random_state=0).fit(X_train, y_train)
print(f"Accuracy on whole images: {model.score(X_test, y_test):.3f}")

# All test images at once, as 450 independent streams: the accuracy after each row.
stream = model.stream()
right = [np.mean(stream.step(X_test[:, t]) == y_test) for t in range(8)]
print("Accuracy after 1 to 8 rows:", " ".join(f"{share:.2f}" for share in right))

# One image, step by step.
stream = model.stream("predict_proba")
chosen = 5
probabilities = [stream.step(X_test[chosen][0])]  # the first step also allocates memory
started = perf_counter()
probabilities = np.vstack(probabilities + [stream.step(row) for row in X_test[chosen][1:]])
print(f"A step took {1e6 * (perf_counter() - started) / 7:.1f} microseconds.")
assert np.array_equal(probabilities[-1:], model.predict_proba(X_test[chosen : chosen + 1]))

# A stream can be stored and continued, also by another process: its state is a dict of arrays.
stream.reset()
stream.step(X_test[chosen][0])
other = model.stream("predict_proba")
other.state = stream.state
assert np.array_equal(other.step(X_test[chosen][1]), probabilities[1:2])

figure, (left, middle, right_axes) = plt.subplots(1, 3, figsize=(6.4, 3.2), width_ratios=[1, 1.8, 1.8], layout="constrained")
left.imshow(X_test[chosen], cmap="gray_r")
left.set(title=f"A {y_test[chosen]}", ylabel="Row", xticks=[])
for digit, color in zip(np.argsort(probabilities.max(axis=0))[::-1], ("#D55E00", "#0072B2", "#009E73", "#CC79A7"), strict=False):
    middle.plot(range(1, 9), probabilities[:, digit], "o-", color=color, label=str(digit))
middle.set(title="What it may be", xlabel="Rows seen", ylabel="Probability", ylim=(0, 1.4))
middle.legend(loc="upper center", ncols=4, fontsize="small", handlelength=1, columnspacing=0.8)
right_axes.plot(range(1, 9), right, "o-", color="#D55E00")
right_axes.set(title="450 test images", xlabel="Rows seen", ylabel="Accuracy", ylim=(0, 1.03))
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
