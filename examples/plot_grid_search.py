"""
Choosing the size of the network by grid search
===============================================

A handwritten digit is read like a page: 8 rows from top to bottom, each row 8 pixels. ``LSTMClassifier`` accepts such flattened
rows if ``n_channels`` says how many columns make one step, so that it works in scikit-learn's ``Pipeline`` and ``GridSearchCV``
like any other classifier. This example searches its hidden size and number of layers and shows how to look at the result. The
test set takes no part in the search: it is used once, at the end, on the model that the search has selected.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from sklstm import LSTMClassifier

X, y = load_digits(return_X_y=True)  # (1797, 64)
X_train, X_test, y_train, y_test = train_test_split(X.astype(np.float32), y, test_size=0.25, stratify=y, random_state=0)

# LSTMClassifier scales each channel, here a column of the image. A scaler before it scales each of the 64 pixels; in the
# pipeline it learns the ranges from the training part of each fold only. The search makes thirty fits, each with few epochs
# (max_iter), over which the step size falls to 0.
lstm = LSTMClassifier(n_channels=8, max_iter=20, random_state=0)
model = Pipeline([("scale", MinMaxScaler()), ("lstm", lstm)])
sizes, layers = [16, 32, 64], [1, 2]
search = GridSearchCV(model, {"lstm__num_layers": layers, "lstm__hidden_size": sizes}, cv=5, n_jobs=-1)
search.fit(X_train, y_train)

results = search.cv_results_
print("layers  hidden size  accuracy (mean ± std)  fit time")
for params, mean, std, seconds in zip(
    results["params"], results["mean_test_score"], results["std_test_score"], results["mean_fit_time"], strict=True
):
    print(f"{params['lstm__num_layers']:6}  {params['lstm__hidden_size']:11}        {mean:.3f} ± {std:.3f}   {seconds:6.2f} s")
print(f"Best: {search.best_params_}")
print(f"Test accuracy of the best, refitted: {search.score(X_test, y_test):.3f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2), layout="constrained")
for n_layers, color, marker in zip(layers, ["#0072B2", "#D55E00"], "os", strict=True):
    chosen = results["param_lstm__num_layers"] == n_layers
    # Shifted by a few per cent, so that the error bars do not hide one another.
    positions = [size * 1.04 ** (2 * n_layers - 3) for size in sizes]
    mean, std = results["mean_test_score"][chosen], results["std_test_score"][chosen]
    left.errorbar(positions, mean, std, color=color, marker=marker, capsize=3, label=f"{n_layers} layer{'s'[: n_layers - 1]}")
left.set_xscale("log", base=2)
left.set_xticks(sizes, sizes)
left.set(xlabel="Hidden size (units)", ylabel="Accuracy (mean ± std of 5 folds)", title="The search")
left.legend(loc="lower right")
best = search.best_estimator_["lstm"]
right.semilogy(range(1, best.n_iter_ + 1), best.loss_curve_, color="#0072B2")
right.set(xlabel="Epoch", ylabel="Training log-loss (nats)", title="The best model, refitted")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
