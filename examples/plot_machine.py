"""
A machine watched live
======================

A pump reports load, current, temperature and vibration once a minute. A detector learns from three normal days how they follow
from the past of all. On the fourth day samples arrive one at a time, and a stream scores each within microseconds, with the bits
that `score_steps` has for the whole day. At noon a bearing begins to wear: the temperature no longer fits the load, although it
would be normal at another load for hours. In the evening the current sensor is stuck for an hour. One normal step in a thousand
is below the threshold; the alarm is rung by three out of five. The scores of the channels say which sensor to look at.
"""

import sys
from collections import deque
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMOutlierDetector
from sklstm.inspection import AnomalyDisplay

DAY, NOON, EVENING, SENSORS = 1440, 720, 1200, ["load (%)", "current (A)", "temperature (°C)", "vibration (mm/s)"]


def run_pump(n_minutes, rng, friction=lambda t: 0.0):
    """Values (n_minutes, 4); `friction(t)` heats by that many °C."""
    x, load, heat = np.empty((n_minutes, 4)), 0.0, 0.0
    for t in range(n_minutes):
        load = 0.97 * load + 0.24 * rng.normal()
        heat = 0.9 * heat + 0.1 * np.tanh(load)  # lags behind
        x[t] = 60 + 30 * np.tanh(load), 25 + 12 * np.tanh(load), 55 + 10 * heat + friction(t), 2 + 0.8 * np.tanh(load)
    return x + [0.5, 0.3, 0.3, 0.1] * rng.normal(size=x.shape)


rng = np.random.default_rng(0)
detector = LSTMOutlierDetector(alarm_rate=0.001, random_state=0).fit([run_pump(3 * DAY, rng)])
day = run_pump(DAY, rng, friction=lambda t: max(0.0, (t - NOON) / 60))  # one °C more every hour
day[EVENING : EVENING + 60, 1] = day[EVENING - 1, 1]

stream, scores, recent, rung = detector.stream(), [], deque(maxlen=5), []
begun = perf_counter()
for minute, sample in enumerate(day):
    scores.append(stream.step(sample)[0])
    recent.append(scores[-1] < detector.step_offset_)
    if sum(recent) >= 3:
        rung.append(minute)
print(f"{1e6 * (perf_counter() - begun) / DAY:.0f} microseconds a sample")
assert np.array_equal(detector.score_steps([day])[0], scores, equal_nan=True)
blame = detector.score_steps([day], channels=True)[0]
for name, first, last in (("Morning", 0, NOON), ("Afternoon", NOON, EVENING), ("Stuck", EVENING, EVENING + 60)):
    alarms = [minute - first for minute in rung if first <= minute < last]
    worst = " and ".join(SENSORS[i] for i in np.nansum(blame[first:last], axis=0).argsort()[:2])
    print(f"{name}: {len(alarms)} minutes with an alarm, the first: {min(alarms, default='none')}; lowest scores: {worst}")

display = AnomalyDisplay.from_estimator(detector, [day], times=np.arange(DAY) / 60, time_name="Hour", channel_names=SENSORS)
display.figure_.set_size_inches(6.4, 6.4)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
plt.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
