"""
A table with one row per step, and rows that were lost
======================================================

Logs are often long tables: which sensor, when, which value. ``Sequences.from_long`` makes a sequence of each sensor, whatever
the order of the rows, and keeps the ids, by which labels are matched. Here a sensor is a sum of two sines whose frequencies show
its class (``make_sine_mixture``); it is read once a minute, and some rows are lost. Read as they are, the rows that
are left make a shorter sequence, in which time runs unevenly; that is hard on frequencies. With ``freq=`` a lost row is a
step of NaN instead, which is filled with 0 and marked in a channel of its own, so that the network knows what it did not see.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sklstm import LSTMClassifier, Sequences
from sklstm.datasets import make_sine_mixture

waves, classes = make_sine_mixture(600, n_steps=40, n_classes=4, noise=0.3, random_state=0)
sensors = np.array([f"sensor {k:03d}" for k in range(len(waves))])
labels = pd.Series(classes, index=sensors)
minutes = pd.date_range("2026-03-01 12:00", periods=waves.shape[1], freq="min")
table = pd.DataFrame({"sensor": sensors.repeat(len(minutes)), "time": np.tile(minutes, len(sensors)), "value": waves.ravel()})
train, test = train_test_split(sensors, stratify=classes, random_state=0)


def as_they_are(rows):
    return Sequences.from_long(rows, id="sensor", time="time")


def on_the_grid(rows):
    X = Sequences.from_long(rows, id="sensor", time="time", freq=pd.Timedelta("1min"))
    return Sequences(np.hstack([np.nan_to_num(X.values), np.isnan(X.values)]), X.offsets, ids=X.ids)


SHARES, READINGS = (0.0, 0.1, 0.2, 0.4), {"rows as they are": as_they_are, "freq=1 minute": on_the_grid}
accuracy = {name: [] for name in READINGS}
print("lost  " + "  ".join(READINGS))
for share in SHARES:
    rows = table.sample(frac=1 - share, random_state=0)  # in random order, as logs of many sensors arrive
    for name, read in READINGS.items():
        X = read(rows)
        learn, ask = (X[np.isin(X.ids, part)] for part in (train, test))
        model = LSTMClassifier(32, pooling="mean", random_state=0).fit(learn, labels[learn.ids])
        accuracy[name].append(model.score(ask, labels[ask.ids]))
    print(f"{share:4.0%}" + "".join(f"{scores[-1]:18.3f}" for scores in accuracy.values()))

fig, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for (name, scores), style, color in zip(accuracy.items(), ("s--", "o-"), ("#D55E00", "#0072B2"), strict=True):
    error = np.sqrt(np.multiply(scores, np.subtract(1, scores)) / len(test))
    axes.errorbar(np.multiply(SHARES, 100), scores, error, fmt=style, capsize=4, color=color, label=name)
axes.set(xlabel="Rows lost (%)", ylabel="Test accuracy ± standard error", title="A lost row is not a missing moment")
axes.legend()
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
