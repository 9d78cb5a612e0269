"""
Who is speaking? Utterances of different lengths
================================================

Japanese Vowels (Kudo, Toyama and Shimbo 1999; ``pip install aeon`` has it): nine men say /ae/, which takes 7 to 29 frames of
12 cepstral coefficients. A list of arrays (n_frames, 12) is a valid X of ``fit``: nothing is padded or cut. A grid search over
the 270 training utterances decides between one direction and two, and between the last state and the mean over the frames. The
370 test utterances are used at the end. They also show how many frames are needed to recognise a man: the model that reads
forward and was trained with the mean predicts from the beginning of each utterance.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from aeon.datasets import load_japanese_vowels
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV

from sklstm import LSTMClassifier


def read(part):
    X, y = load_japanese_vowels(split=part)  # arrays (12, n_frames), "1" to "9"
    return [np.ascontiguousarray(x.T, dtype=np.float32) for x in X], y


(X, y), (X_test, y_test) = read("train"), read("test")
candidates = {"bidirectional": [False, True], "pooling": ["last", "mean"]}
search = GridSearchCV(LSTMClassifier(32, random_state=0), candidates, cv=5).fit(X, y)
results = search.cv_results_
for params, mean, std in zip(results["params"], results["mean_test_score"], results["std_test_score"], strict=True):
    print(f"{params!s:45} accuracy {mean:.3f} ± {std:.3f} (mean ± std of 5 folds)")
print(f"Test accuracy of the best, refitted: {search.score(X_test, y_test):.3f}")

forward = LSTMClassifier(32, pooling="mean", random_state=0).fit(X, y)
frames = np.arange(1, 21)
accuracy = np.array([forward.score([x[:t] for x in X_test], y_test) for t in frames])
print("Accuracy after 1, 5, 10 and 20 frames:", accuracy[[0, 4, 9, 19]].round(3))

fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.4), layout="constrained", width_ratios=[1, 1.1])
options = {"cmap": "cividis", "colorbar": False, "text_kw": {"fontsize": "x-small"}}
ConfusionMatrixDisplay.from_estimator(search, X_test, y_test, ax=left, **options)
left.set(xlabel="Predicted speaker", ylabel="Speaker", title="Test utterances, best model")
right.errorbar(frames, accuracy, np.sqrt(accuracy * (1 - accuracy) / len(y_test)), capsize=2, color="#D55E00")
right.set(xlabel="Frames heard", ylabel="Test accuracy ± standard error", title="How soon?", ylim=(0.8, 1))
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
