"""
A sensor that fails when it matters
===================================

Machines report temperature and vibration once a minute. The thermometer sits where it gets hot, and under high load it often
fails to answer: a hole in the table says more about the load than many a value. A machine that runs under high load for long will
break down. Filled in with the mean, as is customary, the holes look like ordinary minutes. With ``missing="indicator"`` the
network reads the last value, whether a value was measured now, and how long ago the last one was. The more often the
thermometer fails, the more that is worth. A stream (``stream("predict_proba")``) takes a minute at a
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

N_MACHINES, N_MINUTES, HOT = 2000, 60, 1.0
TRAIN, TEST = slice(0, 1000), slice(1000, 2000)


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


OPTIONS = {"hidden_size": 16, "max_iter": 20, "random_state": 0}
MODELS = {
    'missing="indicator"': lambda: LSTMClassifier(**OPTIONS, missing="indicator"),
    "filled with the mean": lambda: make_pipeline(PerStep(SimpleImputer()), LSTMClassifier(**OPTIONS)),
}
SHARES = (0.0, 0.3, 0.6, 0.9)
auc = {name: [] for name in MODELS}
for failing in SHARES:
    X, load, y = run_machines(np.random.default_rng(0), failing)
    fitted = {name: make().fit(X[TRAIN], y[TRAIN]) for name, make in MODELS.items()}
    for name, model in fitted.items():
        auc[name].append(roc_auc_score(y[TEST], model.predict_proba(X[TEST])[:, 1]))
    scores = ", ".join(f"{name}: {of[-1]:.3f}" for name, of in auc.items())
    print(f"{np.isnan(X[:, :, 0]).mean():4.0%} of the temperatures are missing; AUC {scores}")

# Of the test machines that broke down, the one on which they differ most, minute by minute. A pipeline with an imputer has no
# stream; it gets ever longer sequences.
indicator, imputed = fitted
at_end = {name: model.predict_proba(X)[:, 1] for name, model in fitted.items()}
broken = TEST.start + np.flatnonzero(y[TEST])
i = broken[np.argmax((at_end[indicator] - at_end[imputed])[broken])]
stream = fitted[indicator].stream("predict_proba")
running = {indicator: [stream.step(x)[0, 1] for x in X[i]]}
running[imputed] = fitted[imputed].predict_proba([X[i, : t + 1] for t in range(N_MINUTES)])[:, 1]

COLORS = {indicator: "#0072B2", imputed: "#D55E00"}
fig = plt.figure(figsize=(9, 4), layout="constrained")
left, right = fig.subfigures(1, 2, width_ratios=[1, 1.4])
ax = left.subplots()
for (name, scores), marker in zip(auc.items(), "os", strict=True):
    ax.plot(np.multiply(SHARES, 100), scores, f"{marker}-", color=COLORS[name], label=name)
ax.set(xlabel="Failures of the thermometer at full load (%)", ylabel="Test AUC: will it break down?", ylim=(0.86, 0.97))
ax.set_title("What a hole says")
ax.legend(loc="lower left", fontsize="small")
above, below = right.subplots(2, 1, sharex=True)
minutes = np.arange(N_MINUTES)
above.plot(minutes, X[i, :, 0], "o", color="0.3", markersize=4, label="temperature (°C)")
lost = np.isnan(X[i, :, 0])
above.plot(minutes[lost], np.full(lost.sum(), 41.0), "x", color="k", markersize=5, label="no answer")
above.set(ylim=(37, 88), ylabel="Temperature (°C)", title="A machine that broke down later")
above.legend(loc="upper left", fontsize="small", ncols=2)
for name, probability in running.items():
    below.plot(minutes, probability, color=COLORS[name], label=name)
below.set(xlabel="Minute", ylabel="Predicted risk", ylim=(0, 1.05))
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
