"""
Rare classes, and the effect of class_weight
============================================

Is a handwritten digit, read row by row, an 8? Four in five of the 8s are removed from the training data, so that one digit in
fifty is left an 8. With ``class_weight="balanced"`` all of them together have the weight of all other digits together. A network
that can memorise the few 8s hardly needs it (left). In a network that is regularised, here by a penalty on the weights
(``alpha=5e-3``), the smallest loss is reached by never predicting 8, and only the class weights prevent that (right). Precision
and recall are shown for all thresholds on the probability; the dot is the usual one, 1/2. Means of five splits are printed.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, precision_recall_curve, precision_score, recall_score
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier

digits = load_digits()
X, y = digits.images.astype(np.float32), digits.target == 8  # (1797, 8, 8): 8 rows of 8 pixels
STYLES = {None: ("#0072B2", "--"), "balanced": ("#D55E00", "-")}
fig, panels = plt.subplots(1, 2, figsize=(6.4, 3.6), sharey=True, layout="constrained")
for alpha, axes in zip((3e-6, 5e-3), panels, strict=True):
    for class_weight, (color, style) in STYLES.items():
        scores = []
        for seed in range(5):
            X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, stratify=y, random_state=seed)
            kept = ~y_train | (np.cumsum(y_train) % 5 == 0)
            model = LSTMClassifier(16, max_iter=20, alpha=alpha, class_weight=class_weight, random_state=seed)
            p = model.fit(X_train[kept], y_train[kept]).predict_proba(X_test)[:, 1]
            at_half = precision_score(y_test, p > 0.5, zero_division=np.nan), recall_score(y_test, p > 0.5)
            scores.append((average_precision_score(y_test, p), *at_half))
            if seed == 0:
                precision, recall, _ = precision_recall_curve(y_test, p)
                axes.step(recall, precision, style, where="post", color=color, label=f"class_weight={class_weight}")
                axes.plot(*at_half[::-1], "o", markersize=9, color=color)
        print(f"alpha={alpha:<7} class_weight={class_weight!s:9}", end="")
        print("average precision {:.2f}, precision {:.2f}, recall {:.2f}".format(*np.nanmean(scores, axis=0)))
    axes.axhline(y.mean(), color="0.5", linestyle=":", label="by chance")
    axes.set(xlabel="Recall", xlim=(-0.05, 1.05), ylim=(0, 1.05), title=f"alpha={alpha:g}, first split")
panels[0].set_ylabel("Precision")
panels[0].legend(loc="lower left")
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
