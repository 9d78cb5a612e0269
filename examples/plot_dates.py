"""
Dates in many spellings, written in one
=======================================

:class:`~sklstm.LSTMSeq2Seq` reads a sequence and writes another one, here dates in English, German, French, Spanish and Italian,
as they come from forms and old files, and ISO 8601. It reads texts character by character and writes texts. With ``attention``
it weighs the characters of the input anew for each character that it writes, and the weights show what it looked at.
"""

import sys
from datetime import date, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklstm import LSTMSeq2Seq
from sklstm.inspection import AlignmentDisplay
from sklstm.metrics import edit_distance_rate

rng = np.random.default_rng(0)
MONTHS = [
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
]
SPELLINGS = ["{d} {m} {y}", "{m} {d}, {y}", "{d}. {m3} {y}", "{d:02}/{n:02}/{y}", "{d}.{n}.{y2:02}", "{d} de {m} de {y}"]


def pair():
    day = date(1970, 1, 1) + timedelta(int(rng.integers(36525)))
    month = rng.choice(MONTHS).split()[day.month - 1]
    fields = {"d": day.day, "n": day.month, "y": day.year, "y2": day.year % 100, "m": month, "m3": month[:3]}
    text = rng.choice(SPELLINGS).format(**fields)
    return (text.title() if rng.random() < 0.5 else text), day.isoformat()


(X, y), (X_test, y_test) = (map(list, zip(*(pair() for _ in range(n)), strict=True)) for n in (4000, 500))
model = LSTMSeq2Seq(48, attention="dot", bidirectional=True, learning_rate_init=5e-3, max_iter=20, random_state=0)
model.fit(X, y)
print(f"right from the first to the last digit: {model.score(X_test, y_test):.3f}")
print(f"edits per character: {edit_distance_rate(y_test, model.predict(X_test)):.4f}")

samples = ["March 9, 2031", "1. Dez 1999", "14 De Agosto De 2020"]
for text, outputs, logarithms in zip(samples, *model.predict(samples, n_best=2), strict=True):
    print(f"{text:>20}:", ", ".join(f"{o} ({p:.3f})" for o, p in zip(outputs, np.exp(logarithms), strict=True)))

figure, axes = plt.subplots(len(samples), 1, figsize=(6.4, 9.6), layout="constrained")
for k, ax in enumerate(axes):
    AlignmentDisplay.from_estimator(model, samples, sequence=k, ax=ax)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
figure.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
