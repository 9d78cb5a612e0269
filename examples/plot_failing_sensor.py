"""
A sensor that fails when it matters
===================================

Machines report temperature and vibration once a minute. The thermometer sits where it gets hot, and under high load it often
fails to answer: a hole in the table says more about the load than many a value. A machine that runs under high load for long will
break down. Filled in with the mean, as is customary, the holes look like ordinary minutes; filled in with the last value, like
the minute before. With ``missing="indicator"`` the network reads the same values, and also whether each was measured and how
long ago. The more often the thermometer fails, the more that is worth. A stream (``stream("predict_proba")``) takes a minute at a
time, NaN where nothing came, and remembers the last values itself.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from sklstm import LSTMClassifier
from sklstm.preprocessing import PerStep

N_MACHINES, N_MINUTES, HOT = 1200, 60, 1.0


def run_machines(rng, failing):
    """Temperature and vibration (n, n_minutes, 2), of which the first has holes, the load, and who breaks down."""
    load = np.empty((N_MACHINES, N_MINUTES))
    load[:, 0] = rng.normal(size=N_MACHINES)
    for t in range(1, N_MINUTES):
        load[:, t] = 0.92 * load[:, t - 1] + 0.39 * rng.normal(size=N_MACHINES)
    heat = 60 + 4 * load + 6 * rng.normal(size=load.shape)
    vibration = 1 + 0.1 * load + 0.3 * rng.normal(size=load.shape)
    heat[rng.random(load.shape) < failing / (1 + np.exp(-4 * (load - HOT)))] = np.nan
    minutes_hot = (load > HOT).sum(axis=1)
    return np.stack([heat, vibration], axis=2), load, (minutes_hot + 3 * rng.normal(size=N_MACHINES) > 15).astype(int)


def by_hand_last(X):
    seen = np.where(np.isnan(X), 0, np.arange(N_MINUTES)[:, np.newaxis])
    return np.nan_to_num(np.take_along_axis(X, np.maximum.accumulate(seen, axis=1), axis=1), nan=60)


OPTIONS = {"hidden_size": 16, "max_iter": 20, "random_state": 0}
MODELS = {
    'missing="indicator"': lambda: LSTMClassifier(**OPTIONS, missing="indicator"),
    "filled with the mean": lambda: make_pipeline(PerStep(SimpleImputer()), LSTMClassifier(**OPTIONS)),
}
SHARES = (0.0, 0.3, 0.6, 0.9)
auc = {name: [] for name in MODELS}
for failing in SHARES:
    X, load, y = run_machines(np.random.default_rng(0), failing)
    for name, make in MODELS.items():
        model = make().fit(X[:600], y[:600])
        auc[name].append(roc_auc_score(y[600:], model.predict_proba(X[600:])[:, 1]))
    print(failing, y.mean(), np.isnan(X).mean(), [f"{a[-1]:.3f}" for a in auc.values()])
