"""
An anomaly in a labelled series
===============================

A series of the UCR Anomaly Archive (``pip install aeon`` has it): arterial pressure, of which the first 1,200 values are normal,
and twelve of the other 6,301 are disturbed. Two detectors learn from the first part: `LSTMOutlierDetector`, whose scores are
errors of prediction, and a PCA of windows of one beat, the baseline that every detector should be compared with. No labels are
used, except to judge. Both find the place; the questions are how many false alarms come with it, and how exact the place is.
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
from sklstm.metrics import event_precision_score, event_recall_score, false_alarm_rate

N_NORMAL, BEAT = 1200, 184
series, y = load_kdd_tsad_135("test")  # the whole series, (7501,), and 1 where it is disturbed
detector = LSTMOutlierDetector(alarm_rate=0.001, random_state=0).fit([series[:N_NORMAL]])
(scores,) = detector.score_steps([series])

windows = np.lib.stride_tricks.sliding_window_view(series, BEAT)
pca = PCA(0.99).fit(windows[: N_NORMAL - BEAT])
errors = np.linalg.norm(windows - pca.inverse_transform(pca.transform(windows)), axis=1)
pca_scores = -np.pad(errors, (BEAT // 2, BEAT - BEAT // 2 - 1), mode="edge")  # of the window around each step

later = np.arange(len(series)) >= N_NORMAL
for name, of in (("LSTM", scores), ("PCA", pca_scores)):
    threshold = np.nanquantile(of[:N_NORMAL], 0.001) if name == "PCA" else detector.step_offset_
    alarms = np.where(of < threshold, -1, 1)[later]
    found, exact, false = (f(y[later], alarms) for f in (event_recall_score, event_precision_score, false_alarm_rate))
    print(f"{name:4}  average precision {average_precision_score(y[later], -of[later]):.3f};", end=" ")
    print(f"{found:.0%} of the events found, {exact:.0%} of the alarms right, {false:.2%} false alarms")

event = np.flatnonzero(y)
near = slice(event[0] - 400, event[-1] + 400)
display = AnomalyDisplay.from_scores(
    series[near], scores[near], threshold=detector.step_offset_, y_true=y[near], times=np.arange(len(y))[near], time_name="Step"
)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
plt.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
