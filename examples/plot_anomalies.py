"""
An anomaly in a labelled series
===============================

A series of the UCR Anomaly Archive (``pip install aeon`` has it): arterial pressure, of which the first 1,200 values are normal,
and twelve of the other 6,301 are disturbed. `LSTMOutlierDetector` learns from the first part, and so does the baseline that
every detector should be compared with, a PCA of windows. No labels are used, except to judge. The PCA depends on the length of
its windows: with 24 steps it is perfect here, with a whole beat it finds nothing, and normal data do not tell which to take. The
network has no window. Its alarms begin with the disturbance and end a few steps after it. There are more false ones than the 1 %
that was asked for, because 240 held-out steps, little more than a beat, do not show all that is normal.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from aeon.datasets import load_kdd_tsad_135
from sklearn.decomposition import PCA
from sklearn.metrics import average_precision_score

from sklstm import LSTMOutlierDetector
from sklstm.inspection import AnomalyDisplay
from sklstm.metrics import event_recall_score, false_alarm_rate

N_NORMAL = 1200
series, y = load_kdd_tsad_135("test")  # the whole series, (7501,), and 1 where it is disturbed
later = np.arange(len(series)) >= N_NORMAL
event = np.flatnonzero(y)
detector = LSTMOutlierDetector(alarm_rate=0.01, random_state=0).fit([series[:N_NORMAL]])
(scores,), (alarms,) = detector.score_steps([series]), detector.predict_steps([series])


def pca_scores(window):
    """Minus the distance of the window around each step from the space of normal windows."""
    windows = np.lib.stride_tricks.sliding_window_view(series, window)
    pca = PCA(0.99).fit(windows[: N_NORMAL - window])
    distances = np.linalg.norm(windows - pca.inverse_transform(pca.transform(windows)), axis=1)
    return -np.pad(distances, (window // 2, window - window // 2 - 1), mode="edge")


print("average precision, and whether the lowest score is in the event:")
for name, of in {"LSTM": scores, "PCA of 24 steps": pca_scores(24), "PCA of a beat": pca_scores(184)}.items():
    lowest = N_NORMAL + np.argmin(of[later])
    print(f"{name:16} {average_precision_score(y[later], -of[later]):.3f}  {'yes' if y[lowest] else 'no'}")
print(f"Events with an alarm of the LSTM: {event_recall_score(y[later], alarms[later]):.0%}")
print(f"Normal steps with one: {false_alarm_rate(y[later], alarms[later]):.2%}")

near = slice(event[0] - 400, event[-1] + 400)
truth = {"y_true": y[near], "times": np.arange(len(series))[near], "time_name": "Step"}
AnomalyDisplay.from_scores(series[near], scores[near], threshold=detector.step_offset_, **truth)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
plt.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
